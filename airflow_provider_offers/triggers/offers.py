"""The triggers of the deferred sensors. They carry ids and the connection's name, never a secret."""

from __future__ import annotations

import asyncio
import json
import math
import time
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_offers.triggers.shared import watching

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_offers.client.flows.access import Access
    from airflow_provider_offers.client.waiting.verdicts import History, Verdict
    from airflow_provider_offers.client.waiting.watch import SharedSearch, Watch
    from airflow_provider_offers.client.wire.messages import Flow, Note

# The longest sleep before the clock is read again: clocks are set, and computers sleep.
_LONGEST_SLEEP = 900.0
# The service's time is known to a fraction of a second.
_SHORTEST_SLEEP = 0.05


class OfferTrigger(BaseTrigger):
    """The base of the triggers: their events, and the deadlines of the task.

    `execution_deadline` comes from the task's `execution_timeout`, `sensor_deadline` from a sensor's `timeout`; both in
    seconds since 1970. The scheduler enforces the latter too, a minute later; `dag.test()` has no scheduler.
    `max_outage` is the longest outage that the wait survives, in seconds.

    The event is a small JSON object. Its `status` is `met`, with the sensor's result in `value`, or else `hopeless`,
    `failed`, `execution_timeout` or `sensor_timeout`, each with a `message`.
    """

    def __init__(
        self,
        offer_library_conn_id: str,
        sandbox: str | None,
        poll_interval: float,
        execution_deadline: float | None = None,
        sensor_deadline: float | None = None,
        max_outage: float = 3_600.0,
    ) -> None:
        super().__init__()
        self.offer_library_conn_id = offer_library_conn_id
        self.sandbox = sandbox
        self.poll_interval = poll_interval
        self.execution_deadline = execution_deadline
        self.sensor_deadline = sensor_deadline
        self.max_outage = max_outage

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class and the arguments to create it again, after a restart of the triggerer or in another one."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "offer_library_conn_id": self.offer_library_conn_id,
                "sandbox": self.sandbox,
                "poll_interval": self.poll_interval,
                "execution_deadline": self.execution_deadline,
                "sensor_deadline": self.sensor_deadline,
                "max_outage": self.max_outage,
                **self.arguments(),
            },
        )

    @abstractmethod
    def arguments(self) -> dict[str, Any]:
        """The trigger's own arguments, as JSON."""

    @abstractmethod
    async def wait(self) -> Any:
        """Wait, and return the sensor's result."""

    def last(self) -> str:
        """The result of the last look."""
        return ""

    def tell(self, note: Note) -> None:
        """Log a note of the wait."""
        self.log.log(note.level, "%s", note.text)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and yield one event that says how the wait ended. A cancellation by the triggerer passes through."""
        from airflow_provider_offers.client.errors import HopelessError, OfferLibraryError

        try:
            async with asyncio.timeout(self._seconds_left()) as limit:
                value = await self.wait()
            yield TriggerEvent({"status": "met", "value": value})
        except TimeoutError:
            if not limit.expired():
                # Something else took too long.
                raise
            yield TriggerEvent(self._out_of_time())
        except HopelessError as error:
            self.log.info("The wait ends: %s", error)
            yield TriggerEvent({"status": "hopeless", "message": str(error)})
        except OfferLibraryError as error:
            self.log.warning("The wait ends: %s", error)
            yield TriggerEvent(
                {
                    "status": "failed",
                    "message": str(error),
                    "error": type(error).__name__,
                    "retryable": error.retryable,
                    "sensor_deadline": self.sensor_deadline,
                }
            )

    def _seconds_left(self) -> float | None:
        deadlines = [each for each in (self.execution_deadline, self.sensor_deadline) if each is not None]
        return max(0.0, min(deadlines) - time.time()) if deadlines else None

    def _out_of_time(self) -> dict[str, Any]:
        """The event of the deadline that came first."""
        last = self.last() or "No look had an answer yet"
        self.log.info("The time is over. %s", last)
        if self.sensor_deadline is not None and self.sensor_deadline <= (self.execution_deadline or math.inf):
            return {"status": "sensor_timeout", "message": last}
        return {"status": "execution_timeout", "message": f"The task's execution_timeout is over. {last}"}


def seen_etags(offers: list[dict[str, Any]]) -> dict[str, int]:
    """The etags that the sensor's own look has seen, by id. A listing that lags behind it is no news."""
    return {offer["id"]: offer.get("seen_etag", 0) for offer in offers}


class WatchedOffersTrigger(OfferTrigger):
    """The base of the triggers that watch offers.

    `offers` holds `id`, `instance_id`, `offer_type` and `seen_etag` of each.
    """

    def __init__(self, *, offers: list[dict[str, Any]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.offers = offers
        self._history: History | None = None

    @abstractmethod
    def verdict(self, watch: Watch) -> Verdict:
        """Whether the wait is over."""

    @property
    @abstractmethod
    def goal(self) -> str:
        """The purpose of the wait, as text after `until`."""

    def last(self) -> str:
        return "" if self._history is None else self._history.last()

    async def wait(self) -> list[dict[str, Any]]:
        """The id, status and etag of each offer, once the wait is over."""
        from airflow_provider_offers.client.model.entities import Reference
        from airflow_provider_offers.client.model.kinds import offer_kind

        references = [
            Reference(offer_kind(offer["offer_type"]), id=offer["id"], instance_id=offer["instance_id"])
            for offer in self.offers
        ]
        async with watching(
            self.offer_library_conn_id,
            self.sandbox,
            references,
            interval=self.poll_interval,
            outage=self.max_outage,
        ) as watch:
            watch.least = seen_etags(self.offers)
            within: float | None = None
            while True:
                await watch.news(within)
                self._tell(watch)
                verdict = self.verdict(watch)
                if verdict.met:
                    return [
                        {"id": entity.id, "status": entity.status, "etag": entity.etag}
                        for reference in references
                        if (entity := watch.states[str(reference)]) is not None
                    ]
                within = None
                if verdict.until is not None:
                    within = min(max(_SHORTEST_SLEEP, (verdict.until - watch.now()).total_seconds()), _LONGEST_SLEEP)

    def _tell(self, watch: Watch) -> None:
        """Log the purpose of the wait, and then every change."""
        from airflow_provider_offers.client.waiting.verdicts import History

        if len(watch.states) < len(watch.references):
            return
        is_first = self._history is None
        self._history = self._history or History()
        for change in self._history.news(watch.states):
            self.log.info("%s", change)
        if is_first:
            self.log.info("Waiting until %s. %s", self.goal, self._history.last())


class OfferStatusTrigger(WatchedOffersTrigger):
    """Waits until every offer has one of the `statuses`."""

    def __init__(self, *, statuses: list[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.statuses = statuses

    def arguments(self) -> dict[str, Any]:
        return {"offers": self.offers, "statuses": self.statuses}

    @property
    def goal(self) -> str:
        return f"each is {' or '.join(self.statuses)}"

    def verdict(self, watch: Watch) -> Verdict:
        from airflow_provider_offers.client.waiting.verdicts import status_verdict

        return status_verdict(watch.states, len(watch.references), self.statuses)


class OfferWindowTrigger(WatchedOffersTrigger):
    """Waits until the window of every offer is open, or closed, by the service's clock.

    Sleeps until then, and wakes if somebody moves a window or sets the clock.
    """

    def __init__(self, *, until: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.until = until

    def arguments(self) -> dict[str, Any]:
        return {"offers": self.offers, "until": self.until}

    @property
    def goal(self) -> str:
        return f"the window of each is {self.until} by the service's clock"

    def verdict(self, watch: Watch) -> Verdict:
        from airflow_provider_offers.client.waiting.verdicts import check_until, window_verdict

        return window_verdict(watch.states, len(watch.references), check_until(self.until), watch.now())


class OffersFoundTrigger(OfferTrigger):
    """Waits until a search finds `at_least` offers. Searches again only after a change in the sandbox."""

    def __init__(self, *, search: dict[str, Any], offer_type: str, at_least: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.search = search
        self.offer_type = offer_type
        self.at_least = at_least
        self._found: int | None = None

    def arguments(self) -> dict[str, Any]:
        return {"search": self.search, "offer_type": self.offer_type, "at_least": self.at_least}

    async def wait(self) -> list[dict[str, Any]]:
        """The receipts of the first `at_least` offers found."""
        async with watching(
            self.offer_library_conn_id,
            self.sandbox,
            interval=self.poll_interval,
            search=self._shared_search(),
            outage=self.max_outage,
        ) as watch:
            while len(watch.found) < self.at_least:
                await watch.news()
                if self._found != len(watch.found):
                    self.log.info(
                        "Waiting until a search finds %d or more. It finds %d", self.at_least, len(watch.found)
                    )
                self._found = len(watch.found)
            return watch.found

    def last(self) -> str:
        return "" if self._found is None else f"The search finds {self._found}; the sensor waits for {self.at_least}"

    def _shared_search(self) -> SharedSearch:
        from airflow_provider_offers.client.flows.listing import search
        from airflow_provider_offers.client.model.filters import fitted
        from airflow_provider_offers.client.model.kinds import offer_kind
        from airflow_provider_offers.client.model.query import parse_query
        from airflow_provider_offers.client.model.receipts import entity_receipt
        from airflow_provider_offers.client.waiting.watch import SharedSearch

        kind = offer_kind(self.offer_type)
        query = fitted(parse_query(**{**self.search, "limit": self.at_least}), kind)

        def ask(access: Access) -> Flow[list[dict[str, Any]]]:
            found = yield from search(access, kind, query)
            return [entity_receipt(entity, access.exchange.settings, full=False) for entity in found]

        return SharedSearch(json.dumps([kind.key, self.search, self.at_least], sort_keys=True), kind, ask)
