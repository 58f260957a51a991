"""One wait at the change feed: the objects that it watches, their latest states, and how it waits for news."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from airflow_provider_offers.client.errors import OfferLibraryError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.model.entities import Entity, Reference
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.waiting.changes import Changes
from airflow_provider_offers.client.wire.messages import Flow

# The properties that verdicts use. Thousands of offers may be watched, so nothing else is kept.
_KEPT = ("name", "status", "selectionConstraint")


@dataclass(frozen=True, slots=True)
class SharedSearch:
    """A search that is repeated after changes of its kind. Searches with the same `key` share one request."""

    key: str
    kind: Kind
    ask: Callable[[Access], Flow[list[Any]]]


@dataclass(eq=False, slots=True)
class Watch:
    """Await `news`, read `states` or `found`, and leave the feed at the end.

    `states` holds the latest state of each watched offer, by reference id; None means that the offer is gone. An offer
    that has not been looked up yet is missing. `found` is the latest result of the search. `now` returns the service's
    time; a jump of its clock wakes the wait. `outage` is how long the watch tolerates an outage. `least` is, by
    reference id, the etag that a read before the watch has seen.

    With `follows`, `changes` collects every reading of that kind, also those without a change.
    """

    references: tuple[Reference, ...]
    search: SharedSearch | None
    interval: float
    outage: float
    now: Callable[[], datetime]
    states: dict[str, Entity | None] = field(default_factory=dict)
    found: list[Any] = field(default_factory=list)
    follows: Kind | None = None
    changes: list[Changes] = field(default_factory=list)
    least: dict[str, int] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _error: OfferLibraryError | None = None

    @property
    def kind_keys(self) -> set[str]:
        """The keys of the kinds that this wait is about."""
        kinds = [reference.kind for reference in self.references]
        kinds += [kind for kind in (self.search.kind if self.search else None, self.follows) if kind is not None]
        return {kind.key for kind in kinds}

    async def news(self, within: float | None = None) -> bool:
        """Wait until something is new; False if `within` seconds pass first. Raises the error that ended the wait."""
        if not self._news.is_set():
            try:
                async with asyncio.timeout(within):
                    await self._news.wait()
            except TimeoutError:
                return False
        self._news.clear()
        if self._error is not None:
            # Each wait raises an error of its own: a shared one would collect the tracebacks of all.
            raise self._error.alike()
        return True

    def see(self, identifier: str, entity: Entity | None) -> bool:
        """Note the current state of an offer; returns whether it is new. A listing that lags behind is not news."""
        if entity is not None and entity.etag < self.least.get(identifier, 0):
            return False
        if identifier in self.states:
            known = self.states[identifier]
            if known is entity or (known is not None and entity is not None and entity.etag <= known.etag):
                return False
        self.states[identifier] = entity
        return True

    def taken_changes(self) -> list[Changes]:
        """The readings of the followed kind since the last call."""
        taken, self.changes = self.changes, []
        return taken

    def tell(self, error: OfferLibraryError | None = None) -> None:
        """Wake the wait."""
        self._error = error or self._error
        self._news.set()


def trimmed(entity: Entity | None) -> Entity | None:
    """The entity without the properties that no verdict uses."""
    if entity is None:
        return None
    properties = {name: entity.properties[name] for name in _KEPT if name in entity.properties}
    return replace(entity, properties=properties, envelope={})
