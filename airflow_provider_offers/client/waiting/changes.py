"""What changed in a sandbox since the last look: a reader that goes down a listing only to where it was before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.listing import Listing
from airflow_provider_offers.client.model.entities import Entity
from airflow_provider_offers.client.model.instants import parse_instant
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.wire.messages import Flow
from airflow_provider_offers.client.wire.service_clock import ServiceClock

PAGE = 100


@dataclass
class ChangeReader:
    """Where the reading of one kind stands. Only the service's own times are compared, never our clock's.

    `floor` is the latest `modified` seen, less `overlap`: what is written in the same millisecond, or shows up a
    little late, is read again; `etags` keeps what was seen at or above it from being reported twice. The floor stays
    below what the service's clock shows: an edit that is stamped ahead of it hides none of those after it.
    """

    kind: Kind
    overlap: timedelta = timedelta(seconds=2)
    floor: datetime | None = None
    etags: dict[str, int] = field(default_factory=dict)
    total: int | None = None

    def read(self, access: Access) -> Flow[Changes]:
        """Everything modified since the last reading; nothing at the first, which only finds the place to start.

        Calls `GET .../instances?orderBy=-repo:lastModifiedDate` (xcore) or `GET /offers?orderby=-modified` (dps): one
        page, and another for each page of changes.
        """
        listing = Listing(access, self.kind, access.generation.recent(self.kind, PAGE))
        self._keep_below(access.exchange.service_clock)
        newest = self.floor
        seen: dict[str, int] = {}
        changed: list[Entity] = []
        created = 0
        going = True
        while going and (page := (yield from listing.advance())) is not None:
            for entity in page:
                modified = _modified(entity)
                newest = modified if newest is None or modified > newest else newest
                if self.floor is not None and modified < self.floor:
                    going = False
                    break
                seen[entity.id] = entity.etag
                if self.floor is not None and self.etags.get(entity.id) != entity.etag:
                    changed.append(entity)
                    created += self._is_new(entity)
            going = going and self.floor is not None
        vanished = self._has_lost_some(listing.first_total, created)
        self._advance(newest, seen)
        self._keep_below(access.exchange.service_clock)
        self.total = listing.first_total
        return Changes(changed, vanished)

    def _keep_below(self, clock: ServiceClock) -> None:
        """Put the floor below the present, where the service tells it: stamps may be ahead, and clocks are put back."""
        if self.floor is not None and clock.is_told:
            self.floor = min(self.floor, clock.now() - self.overlap)

    def _is_new(self, entity: Entity) -> bool:
        if self.floor is None or entity.id in self.etags:
            return False
        try:
            return parse_instant(entity.created) >= self.floor
        except ValueError:
            return entity.etag == 1

    def _has_lost_some(self, total: int | None, created: int) -> bool:
        """Whether the count tells of deletions, which leave no trace in a listing."""
        return total is not None and self.total is not None and total != self.total + created

    def _advance(self, newest: datetime | None, seen: dict[str, int]) -> None:
        if newest is None:
            # An empty library: everything that comes is a change.
            self.floor = _BEGINNING
            return
        floor = max(newest, _BEGINNING + self.overlap) - self.overlap
        if self.floor is None or floor > self.floor:
            self.floor = floor
        self.etags = seen


_BEGINNING = parse_instant("1970-01-01T00:00:00Z")


@dataclass(frozen=True, slots=True)
class Changes:
    """What one reading found: the changed entities as they are now, and whether some must have been deleted."""

    entities: Sequence[Entity]
    vanished: bool


def _modified(entity: Entity) -> datetime:
    try:
        return parse_instant(entity.modified)
    except ValueError:
        return _BEGINNING
