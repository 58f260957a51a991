"""The sensors that wait for an offer's status, for its window, or for the results of a search."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Unpack

from airflow_provider_offers import DEFAULT_CONNECTION
from airflow_provider_offers.client.model.query import Conditions, asked_of, names, search_of, takes
from airflow_provider_offers.operators.words import (
    CLOSED,
    OFFER_STATUSES,
    OFFER_TYPES,
    UNTIL,
    OfferStatus,
    OfferType,
    Until,
)
from airflow_provider_offers.sensors import arguments
from airflow_provider_offers.sensors.base import OfferLibrarySensor, offer_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime, timedelta

    from airflow_provider_offers.client.errors import Violation
    from airflow_provider_offers.client.library import OfferLibrary
    from airflow_provider_offers.client.model.entities import Entity, Reference
    from airflow_provider_offers.client.waiting.verdicts import Verdict
    from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
    from airflow_provider_offers.operators.airflow_arguments import SearchSensorArguments, SensorArguments
    from airflow_provider_offers.triggers.offers import OfferTrigger

__all__ = ["OfferStatusSensor", "OfferWindowSensor", "OffersFoundSensor"]

SEARCH = names(Conditions)
# Reads of more offers than this, one after the other, would keep a worker busy for long.
_MOST_READ_ALONE = 100


class WatchedOffersSensor(OfferLibrarySensor):
    """The base of the sensors that watch one or more offers."""

    template_fields: Sequence[str] = (*OfferLibrarySensor.template_fields, "offer_id", "offer_type")

    def __init__(self, *, offer_id: Any, offer_type: OfferType | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.offer_id = offer_id
        self.offer_type = offer_type
        self._offers: list[dict[str, Any]] = []
        self._history: Any = None

    def check(self) -> Iterator[Violation]:
        yield from super().check()
        yield from self.check_offers()
        yield from arguments.check_word("offer_type", self.offer_type, OFFER_TYPES, optional=True)

    @abstractmethod
    def verdict(self, states: dict[str, Entity | None], expected: int, now: datetime) -> Verdict:
        """Whether the wait is over, according to the offers and the service's clock."""

    def look(self, hook: OfferLibraryHook) -> list[dict[str, Any]] | None:
        from airflow_provider_offers.client.waiting.verdicts import History
        from airflow_provider_offers.operators.documents import named_offer

        named = named_offer(self.offer_id)
        given = named if isinstance(named, (list, tuple)) else [named]
        if not given:
            self.log.warning("offer_id is an empty list; the sensor succeeds at once")
        references, entities = self.look_at_offers(hook.library, given, self.offer_type)
        if self._seems_over(references, entities, hook.library.service_now()):
            entities = self._read_each(hook.library, references, entities)
        states = _states(references, entities)
        self._history = self._history or History()
        for change in self._history.news(states):
            self.log.info("%s", change)
        # Each offer once, in the given order, even if several of its ids were given.
        there = {entity.id: entity for entity in entities if entity is not None}
        self._offers = [offer_of(entity) for entity in there.values()]
        if not self.verdict(states, len(states), hook.library.service_now()).met:
            return None
        return [{"id": entity.id, "status": entity.status, "etag": entity.etag} for entity in there.values()]

    def _seems_over(self, references: list[Reference], entities: list[Entity | None], now: datetime) -> bool:
        """Whether the wait is over according to listings of a few offers."""
        from airflow_provider_offers.client.errors import HopelessError

        if not 1 < len(references) <= _MOST_READ_ALONE:
            return False
        try:
            return self.verdict(_states(references, entities), len(references), now).met
        except HopelessError:
            return True

    def _read_each(
        self, library: OfferLibrary, references: list[Reference], listed: list[Entity | None]
    ) -> list[Entity | None]:
        """The current state of each offer: the listing of several may lag behind the latest edits."""
        from airflow_provider_offers.client.flows.reading import look_at_each

        there = [each if entity is None else entity.reference for each, entity in zip(references, listed, strict=True)]
        return library.run(lambda access: look_at_each(access, there))

    def last(self) -> str:
        last: str = "" if self._history is None else self._history.last()
        return last

    def seen(self) -> Any:
        return None if self._history is None else self._history.as_json()

    def take_up(self, seen: Any) -> None:
        from airflow_provider_offers.client.waiting.verdicts import History

        self._history = History(seen)


def _states(references: list[Reference], entities: list[Entity | None]) -> dict[str, Entity | None]:
    """The offers by their ids, or by what was given for those that do not exist."""
    return {entity.id if entity else str(each): entity for each, entity in zip(references, entities, strict=True)}


class OfferStatusSensor(WatchedOffersSensor):
    """Wait until one offer, or every offer of a list, has a status.

    :param offer_id: an id, the result of an offer task, or a list of either
    :param status: `draft`, `approved` or `archived`, or a list of accepted statuses
    :param offer_type: `personalized` or `fallback`, if the ids do not show it (default `personalized`)

    The other parameters are those of `OfferLibrarySensor`. Returns `id`, `status` and `etag` of each offer. The task
    fails at once (with `soft_fail`, it is skipped) if an offer is deleted, or archived while the wait is for another
    status. An offer that does not exist at the first poke is a mistake, and always fails the task.

    Calls a read of each offer, then lists the changes: `GET .../instances` (xcore) or `GET /offers` (dps).
    """

    template_fields: Sequence[str] = (*WatchedOffersSensor.template_fields, "status")

    def __init__(
        self,
        *,
        offer_id: Any,
        status: OfferStatus | Sequence[OfferStatus],
        offer_type: OfferType | None = None,
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        deferrable: bool | None = None,
        max_outage: timedelta | float = arguments.LONGEST_OUTAGE,
        **kwargs: Unpack[SensorArguments],
    ) -> None:
        super().__init__(
            offer_id=offer_id,
            offer_type=offer_type,
            offer_library_conn_id=offer_library_conn_id,
            sandbox=sandbox,
            deferrable=deferrable,
            max_outage=max_outage,
            **kwargs,
        )
        self.status = status
        self.refuse_where_parsed()

    def check(self) -> Iterator[Violation]:
        yield from super().check()
        yield from arguments.check_words("status", self.status, OFFER_STATUSES)

    @property
    def goal(self) -> str:
        words = [self.status] if isinstance(self.status, str) else sorted(map(str, self.status))
        return f"each is {' or '.join(words)}"

    def verdict(self, states: dict[str, Entity | None], expected: int, now: datetime) -> Verdict:
        from airflow_provider_offers.client.waiting.verdicts import check_statuses, status_verdict

        return status_verdict(states, expected, check_statuses(self.status))

    def trigger(self, common: dict[str, Any]) -> OfferTrigger:
        from airflow_provider_offers.client.waiting.verdicts import check_statuses
        from airflow_provider_offers.triggers.offers import OfferStatusTrigger

        return OfferStatusTrigger(offers=self._offers, statuses=list(check_statuses(self.status)), **common)


class OfferWindowSensor(WatchedOffersSensor):
    """Wait until the window of one offer, or of every offer of a list, is open or closed.

    :param offer_id: an id, the result of an offer task, or a list of either
    :param until: `open` (default): the offers may be shown; `closed`: they may no longer be shown
    :param offer_type: `personalized`, the only type that has a window

    The other parameters are those of `OfferLibrarySensor`. The instant comes from the offers, in any time zone. The
    service's clock counts, not the worker's. Deferred, the sensor sleeps until the instant, and wakes if somebody moves
    a window or sets the clock.

    The task fails at once (with `soft_fail`, it is skipped) if an offer is deleted or has no window, or if its window
    is over while the wait is for its opening. An offer that does not exist at the first poke, or is a fallback offer,
    is a mistake, and always fails the task.

    Returns `id`, `status` and `etag` of each offer.

    Calls a read of each offer, then lists the changes: `GET .../instances` (xcore) or `GET /offers` (dps).
    """

    template_fields: Sequence[str] = (*WatchedOffersSensor.template_fields, "until")

    def __init__(
        self,
        *,
        offer_id: Any,
        until: Until = "open",
        offer_type: OfferType | None = None,
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        deferrable: bool | None = None,
        max_outage: timedelta | float = arguments.LONGEST_OUTAGE,
        **kwargs: Unpack[SensorArguments],
    ) -> None:
        super().__init__(
            offer_id=offer_id,
            offer_type=offer_type,
            offer_library_conn_id=offer_library_conn_id,
            sandbox=sandbox,
            deferrable=deferrable,
            max_outage=max_outage,
            **kwargs,
        )
        self.until = until
        self.refuse_where_parsed()

    def check(self) -> Iterator[Violation]:
        yield from super().check()
        yield from arguments.check_word("until", self.until, UNTIL)

    @property
    def goal(self) -> str:
        return f"the window of each is {self.until} by the service's clock"

    def verdict(self, states: dict[str, Entity | None], expected: int, now: datetime) -> Verdict:
        from airflow_provider_offers.client.waiting.verdicts import check_until, window_verdict

        return window_verdict(states, expected, check_until(self.until), now)

    def trigger(self, common: dict[str, Any]) -> OfferTrigger:
        from airflow_provider_offers.triggers.offers import OfferWindowTrigger

        return OfferWindowTrigger(offers=self._offers, until=self.until, **common)


class OffersFoundSensor(OfferLibrarySensor):
    """Wait until a search finds at least `at_least` offers.

    :param at_least: how many (default 1)
    :param offer_type: `personalized` (default) or `fallback`

    The search parameters are described in `airflow_provider_offers.client.model.query.Conditions`. The other
    parameters are those of `OfferLibrarySensor`. Returns the receipts of the first `at_least` offers found.
    Deferred, it searches again only after a change in the sandbox.

    Calls `GET /{container}/queries/core/search` (xcore) or `GET /offers` (dps). Deferred, it also lists what changed,
    as `OfferStatusSensor` does.
    """

    template_fields: Sequence[str] = (*OfferLibrarySensor.template_fields, *SEARCH, "at_least", "offer_type")

    @takes(Conditions, others=True)
    def __init__(
        self,
        *,
        at_least: int | str = 1,
        offer_type: OfferType = "personalized",
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        deferrable: bool | None = None,
        max_outage: timedelta | float = arguments.LONGEST_OUTAGE,
        **kwargs: Unpack[SearchSensorArguments],
    ) -> None:
        search, others = search_of(kwargs, SEARCH)
        super().__init__(
            offer_library_conn_id=offer_library_conn_id,
            sandbox=sandbox,
            deferrable=deferrable,
            max_outage=max_outage,
            **others,
        )
        for name, value in search.items():
            setattr(self, name, value)
        self.at_least = at_least
        self.offer_type = offer_type
        self._found: int | None = None
        self.refuse_where_parsed()

    def check(self) -> Iterator[Violation]:
        yield from super().check()
        yield from arguments.check_count("at_least", self.at_least, is_rendered=self._has_begun)
        yield from arguments.check_word("offer_type", self.offer_type, OFFER_TYPES)
        for name in SEARCH:
            if name in CLOSED:
                yield from arguments.check_word(name, getattr(self, name), CLOSED[name], optional=True)

    @property
    def goal(self) -> str:
        told = ", ".join(f"{name}={value!r}" for name, value in self._search().items())
        return f"a search of {self.offer_type} offers ({told or 'any'}) finds {self.at_least} or more"

    def last(self) -> str:
        return "" if self._found is None else f"It finds {self._found}"

    def look(self, hook: OfferLibraryHook) -> list[dict[str, Any]] | None:
        wanted = self._wanted()
        found: list[Any] = list(hook.search_offers(offer_type=self.offer_type, limit=wanted, **self._search()))
        if self._found not in (None, len(found)):
            self.log.info("The search finds %d offers now, %d before", len(found), self._found)
        self._found = len(found)
        return found if len(found) >= wanted else None

    def seen(self) -> Any:
        return self._found

    def take_up(self, seen: Any) -> None:
        self._found = seen if isinstance(seen, int) else None

    def trigger(self, common: dict[str, Any]) -> OfferTrigger:
        from airflow_provider_offers.triggers.offers import OffersFoundTrigger

        return OffersFoundTrigger(search=self._search(), offer_type=self.offer_type, at_least=self._wanted(), **common)

    def _wanted(self) -> int:
        """The number of offers to find; `check` has refused anything else."""
        return int(self.at_least)

    def _search(self) -> dict[str, Any]:
        return asked_of(self, SEARCH)
