"""Reads the changes in a sandbox since the last look: it follows a listing only to the place of that look."""

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
    """The state of reading one kind. It compares only times of the service, never of our clock.

    `floor` is the latest `modified` that was seen, minus `overlap`: edits in the same millisecond, and edits that show
    up a little late, are read again. `etags` holds the objects at or above the floor, so that none is reported twice.
    The floor stays below the time of the service's clock, so an edit with a later stamp does not hide the edits after
    it.
    """

    kind: Kind
    overlap: timedelta = timedelta(seconds=2)
    floor: datetime | None = None
    etags: dict[str, int] = field(default_factory=dict)
    total: int | None = None

    def read(self, access: Access) -> Flow[Changes]:
        """Everything that was modified since the last reading. The first reading only finds the place to start.

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
        """Keep the floor below the service's time, if it is known: stamps may be ahead, and clocks are put back."""
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
        """Whether the count shows deletions, which a listing does not show."""
        return total is not None and self.total is not None and total != self.total + created

    def _advance(self, newest: datetime | None, seen: dict[str, int]) -> None:
        if newest is None:
            # An empty library: everything that appears is a change.
            self.floor = _BEGINNING
            return
        floor = max(newest, _BEGINNING + self.overlap) - self.overlap
        if self.floor is None or floor > self.floor:
            self.floor = floor
        self.etags = seen


_BEGINNING = parse_instant("1970-01-01T00:00:00Z")


@dataclass(frozen=True, slots=True)
class Changes:
    """The result of one reading: the current state of each changed entity, and whether others were deleted."""

    entities: Sequence[Entity]
    vanished: bool


def _modified(entity: Entity) -> datetime:
    try:
        return parse_instant(entity.modified)
    except ValueError:
        return _BEGINNING
