"""A waiter's place at the change feed: what it watches, what it was told, and how it waits for news."""

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
from airflow_provider_offers.client.wire.messages import Flow

# All that a verdict looks at. Thousands may wait, so that nothing else of an offer is kept.
_KEPT = ("name", "status", "selectionConstraint")


@dataclass(frozen=True, slots=True)
class SharedSearch:
    """A search that is made again when something of its kind has changed. Those of one `key` are made once for all."""

    key: str
    kind: Kind
    ask: Callable[[Access], Flow[list[Any]]]


@dataclass(eq=False, slots=True)
class Watch:
    """Await `news`, look at `states` or `found`, and leave the feed at the end.

    `states` holds the offers watched by reference id, as they were last seen; None says that the offer is gone. An
    offer that has not been looked up yet is missing. `found` is the latest answer to the search. `now` is the service's
    time; a jump of its clock wakes the waiter. `outage` is how long the watch tolerates an outage.
    """

    references: tuple[Reference, ...]
    search: SharedSearch | None
    interval: float
    outage: float
    now: Callable[[], datetime]
    states: dict[str, Entity | None] = field(default_factory=dict)
    found: list[Any] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _error: OfferLibraryError | None = None

    async def news(self, within: float | None = None) -> bool:
        """Wait until something is new; False when `within` seconds passed first. Raises what ended the wait."""
        if not self._news.is_set():
            try:
                async with asyncio.timeout(within):
                    await self._news.wait()
            except TimeoutError:
                return False
        self._news.clear()
        if self._error is not None:
            # Each waiter raises an error of its own: a shared one would gather the traceback of all.
            raise self._error.alike()
        return True

    def see(self, identifier: str, entity: Entity | None) -> bool:
        """Note what an offer is now; whether that is news. A listing that lags behind tells nothing new."""
        if identifier in self.states:
            known = self.states[identifier]
            if known is entity or (known is not None and entity is not None and entity.etag <= known.etag):
                return False
        self.states[identifier] = entity
        return True

    def tell(self, error: OfferLibraryError | None = None) -> None:
        """Wake the waiter."""
        self._error = error or self._error
        self._news.set()


def trimmed(entity: Entity | None) -> Entity | None:
    """The entity without the properties that no waiter looks at."""
    if entity is None:
        return None
    properties = {name: entity.properties[name] for name in _KEPT if name in entity.properties}
    return replace(entity, properties=properties, envelope={})
