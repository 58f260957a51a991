"""The triggers behind deferred waits for decisions: an offer that is served, and a batch job that is over."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

from airflow_provider_offers.triggers.offers import OfferTrigger
from airflow_provider_offers.triggers.shared import asking, watching

if TYPE_CHECKING:
    from airflow_provider_offers.client.deciding.sighting import Viewpoint
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
        self._told = ""

    def arguments(self) -> dict[str, Any]:
        return {"offers": self.offers, "viewpoint": self.viewpoint}

    def last(self) -> str:
        return f"Not served yet: {self._told}" if self._told else ""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} offers={self.offers}>"

    async def wait(self) -> list[dict[str, Any]]:
        """What the runtime shows of each offer, once it serves all of them."""
        from airflow_provider_offers.client.deciding.sighting import sight
        from airflow_provider_offers.client.errors import OfferLibraryError
        from airflow_provider_offers.client.model.entities import Reference
        from airflow_provider_offers.client.model.kinds import offer_kind
        from airflow_provider_offers.client.waiting.polling import Patience

        viewpoint = _viewpoint(self.viewpoint)
        # All triggers with the same viewpoint share the answer, whatever offers they wait for.
        key = json.dumps(self.viewpoint, sort_keys=True)
        patience = Patience(self.poll_interval, outage=self.max_outage)
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
            while any(str(reference) not in watch.states for reference in references):
                await watch.news()
            while True:
                try:
                    seen = await asker.ask(
                        key, lambda access: sight(access, viewpoint), max_age=self.poll_interval * _FRESH
                    )
                except OfferLibraryError as error:
                    pause = patience.after_failure(error)
                    reason = str(error)
                else:
                    pause = patience.after_look()
                    values, reason = self._verdict(watch, seen)
                    if not reason:
                        return values
                if reason != self._told:
                    self.log.info("Not served yet: %s", reason)
                    self._told = reason
                await watch.news(pause)

    def _verdict(self, watch: Watch, seen: Any) -> tuple[list[dict[str, Any]], str]:
        """The served offers, and why others are not served."""
        from airflow_provider_offers.client.deciding.serving import served_verdict

        now = watch.now()
        verdicts = [
            served_verdict(offer["id"], watch.states[offer["id"]], offer["etag"], seen, now) for offer in self.offers
        ]
        values = [verdict.value for verdict in verdicts if verdict.value is not None]
        return values, "; ".join(verdict.reason for verdict in verdicts if verdict.value is None)


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
    from airflow_provider_offers.client.deciding.sighting import Viewpoint
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
    """Waits until a batch job is over, or until `deadline` (seconds since 1970).

    The event's value is the latest receipt of the job; `timed_out` says whether the deadline passed.
    """

    def __init__(self, *, receipt: dict[str, Any], deadline: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.receipt = receipt
        self.deadline = deadline

    def arguments(self) -> dict[str, Any]:
        return {"receipt": self.receipt, "deadline": self.deadline}

    async def wait(self) -> dict[str, Any]:
        """The receipt, and whether the deadline passed."""
        from airflow_provider_offers.client.deciding.batching import job_status
        from airflow_provider_offers.client.errors import OfferLibraryError
        from airflow_provider_offers.client.waiting.polling import Patience

        job_id, patience = self.receipt["job_id"], Patience(self.poll_interval, outage=self.max_outage)
        receipt = self.receipt
        async with asking(self.offer_library_conn_id, self.sandbox) as asker:
            while True:
                try:
                    job = await asker.ask(
                        f"batch {job_id}",
                        lambda access: job_status(access, job_id),
                        max_age=self.poll_interval * _FRESH,
                    )
                except OfferLibraryError as error:
                    pause = patience.after_failure(error)
                    self.log.warning("The batch job %s could not be looked at: %s", job_id, error)
                else:
                    pause = patience.after_look()
                    if job.status != receipt["status"]:
                        self.log.info("%s", job.progress)
                    receipt = {**receipt, "status": job.status, "detail": job.detail}
                    if job.is_over:
                        return {"receipt": receipt, "timed_out": False}
                if (left := self.deadline - time.time()) <= 0:
                    return {"receipt": receipt, "timed_out": True}
                await asyncio.sleep(min(pause, left))

    async def on_kill(self) -> None:
        """If somebody ends the task by hand, log that the job continues: the service cannot cancel it."""
        self.log.warning("The batch job %s continues: the service cannot cancel it", self.receipt["job_id"])
