"""The triggers of deferred waits for decisions: until an offer is served, and until a batch job is over."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

from airflow_provider_offers.triggers.offers import OfferTrigger, seen_etags
from airflow_provider_offers.triggers.shared import asking, watching

if TYPE_CHECKING:
    from airflow_provider_offers.client.deciding.serving import Sight, Viewpoint
    from airflow_provider_offers.client.model.decided import Job
    from airflow_provider_offers.client.waiting.polling import Poll
    from airflow_provider_offers.client.waiting.watch import Watch

# The maximum age of a shared answer, in parts of the interval.
_FRESH = 0.5


class OfferLiveTrigger(OfferTrigger):
    """Waits until the decision runtime serves every offer with its etag, or with a later one.

    `offers` contains the reference to each offer, and the `etag` to wait for (None: the current etag in the library).
    `viewpoint` comes from `viewpoint_arguments`. It contains a profile, so neither repr nor log shows it.
    """

    def __init__(self, *, offers: list[dict[str, Any]], viewpoint: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.offers = offers
        self.viewpoint = viewpoint
        self._poll: Poll[Sight] | None = None
        self._values: list[dict[str, Any]] = []

    def arguments(self) -> dict[str, Any]:
        return {"offers": self.offers, "viewpoint": self.viewpoint}

    def last(self) -> str:
        return "" if self._poll is None else self._poll.told

    def __repr__(self) -> str:
        return f"<{type(self).__name__} offers={self.offers}>"

    async def wait(self) -> list[dict[str, Any]]:
        """The runtime's data about each offer, once it serves all of them."""
        from airflow_provider_offers.client.deciding.serving import sight
        from airflow_provider_offers.client.model.entities import Reference
        from airflow_provider_offers.client.model.kinds import offer_kind
        from airflow_provider_offers.client.waiting.polling import Patience, Poll
        from airflow_provider_offers.client.waiting.sharing import Ask, asked

        viewpoint = _viewpoint(self.viewpoint)
        # All triggers with the same viewpoint share the answer, also for different offers.
        key = json.dumps(self.viewpoint, sort_keys=True)
        ask = Ask(key, lambda access: sight(access, viewpoint), self.poll_interval * _FRESH)
        references = [
            Reference(offer_kind(offer["offer_type"]), id=offer["id"], instance_id=offer["instance_id"])
            for offer in self.offers
        ]
        async with (
            watching(
                self.offer_library_conn_id,
                self.sandbox,
                references,
                interval=self.poll_interval,
                outage=self.max_outage,
            ) as watch,
            asking(self.offer_library_conn_id, self.sandbox) as asker,
        ):
            watch.least = seen_etags(self.offers)
            while any(str(reference) not in watch.states for reference in references):
                await watch.news()
            poll = self._poll = Poll(
                lambda: asked(ask),
                lambda seen: self._judge(watch, seen),
                Patience(self.poll_interval, outage=self.max_outage),
                "The decision runtime",
            )
            # News of the offers ends a pause early.
            await asker.follow(poll.run(), sleep=watch.news, tell=self.tell)
        return self._values

    def _judge(self, watch: Watch, seen: Sight) -> str | None:
        """Why an offer is not served yet; None once all are."""
        from airflow_provider_offers.client.deciding.serving import all_served

        wanted = [(offer["id"], watch.states[offer["id"]], offer["etag"]) for offer in self.offers]
        self._values, reason = all_served(wanted, seen, watch.now())
        return reason


def viewpoint_arguments(viewpoint: Viewpoint) -> dict[str, Any]:
    """A viewpoint as JSON, for a trigger to carry."""
    return {
        "decision": _reference_arguments(viewpoint.decision),
        "placement": _reference_arguments(viewpoint.placement),
        "profile": viewpoint.profile,
        "context": [list(pair) for pair in viewpoint.context],
        "beside": dict(viewpoint.beside),
        "terms": dict(viewpoint.terms),
    }


def _reference_arguments(reference: Any) -> dict[str, Any] | None:
    if reference is None:
        return None
    return {"id": reference.id, "instance_id": reference.instance_id, "name": reference.name}


def _viewpoint(given: dict[str, Any]) -> Viewpoint:
    from airflow_provider_offers.client.deciding.serving import Viewpoint
    from airflow_provider_offers.client.model.entities import Reference
    from airflow_provider_offers.client.model.kinds import DECISION, PLACEMENT

    return Viewpoint(
        decision=None if given["decision"] is None else Reference(DECISION, **given["decision"]),
        placement=None if given["placement"] is None else Reference(PLACEMENT, **given["placement"]),
        profile=given["profile"],
        context=tuple((schema, data) for schema, data in given["context"]),
        beside=given.get("beside", {}),
        terms=given.get("terms", {}),
    )


class BatchDecisionTrigger(OfferTrigger):
    """Waits until a batch job is over, or until `deadline` (seconds since 1970). `subject` says what the job is for.

    The event's value is the latest receipt of the job; `timed_out` says whether the deadline passed.
    """

    def __init__(self, *, receipt: dict[str, Any], deadline: float, subject: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.receipt = receipt
        self.deadline = deadline
        self.subject = subject
        self._poll: Poll[Job] | None = None

    def arguments(self) -> dict[str, Any]:
        return {"receipt": self.receipt, "deadline": self.deadline, "subject": self.subject}

    def last(self) -> str:
        return "" if self._poll is None else self._poll.told

    async def wait(self) -> dict[str, Any]:
        """The receipt, and whether the deadline passed."""
        from airflow_provider_offers.client.deciding.batch import job_poll
        from airflow_provider_offers.client.deciding.jobs import job_status
        from airflow_provider_offers.client.waiting.polling import Patience
        from airflow_provider_offers.client.waiting.sharing import Ask, asked

        job_id = self.receipt["job_id"]
        ask = Ask(f"batch {job_id}", lambda access: job_status(access, job_id), self.poll_interval * _FRESH)
        poll = self._poll = job_poll(
            job_id,
            lambda: asked(ask),
            Patience(self.poll_interval, outage=self.max_outage),
            lambda: self.deadline - time.time(),
        )
        async with asking(self.offer_library_conn_id, self.sandbox) as asker:
            over = await asker.follow(poll.run(), sleep=asyncio.sleep, tell=self.tell)
        seen = {} if poll.seen is None else {"status": poll.seen.status, "detail": poll.seen.detail}
        return {"receipt": {**self.receipt, **seen}, "timed_out": over is None, "subject": self.subject}

    async def on_kill(self) -> None:
        """If somebody ends the task by hand, log that the job continues: the service cannot cancel it.

        Airflow 3.2 does not call this.
        """
        self.log.warning("The batch job %s continues: the service cannot cancel it", self.receipt["job_id"])
