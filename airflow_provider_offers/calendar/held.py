"""A copy of one sandbox in memory: of each object, what the calendar shows of it. It is kept fresh by the changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from airflow_provider_offers.client.errors import OfferLibraryError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.model.entities import Entity, Reference
from airflow_provider_offers.client.model.instants import parse_instant
from airflow_provider_offers.client.model.kinds import COLLECTION, DECISION, KINDS, Kind
from airflow_provider_offers.client.model.places import pointings
from airflow_provider_offers.client.reading import read_kind
from airflow_provider_offers.client.waiting.changes import ChangeReader
from airflow_provider_offers.client.wire.messages import Flow, Json

# The kinds whose documents say what a decision can show. Of the others, no document is kept.
_WITH_DOCUMENT = (COLLECTION, DECISION)


@dataclass(frozen=True, slots=True)
class Held:
    """One object. `start` and `end` are aware; None means no bound. `targets` are the ids that it refers to."""

    kind: Kind
    id: str
    instance_id: str
    etag: int
    name: str
    status: str | None
    start: datetime | None
    end: datetime | None
    created: str | None
    modified: str | None
    placements: tuple[str, ...]
    tags: tuple[str, ...]
    priority: int | float | None
    targets: tuple[str, ...]
    channel: str | None
    document: Mapping[str, Json] = field(repr=False)

    @classmethod
    def of(cls, entity: Entity) -> Held:
        """What the calendar keeps of an object."""
        properties = entity.properties
        window = entity.window
        rank = properties.get("rank")
        priority = rank.get("priority") if isinstance(rank, Mapping) else None
        is_number = isinstance(priority, (int, float)) and not isinstance(priority, bool)
        return cls(
            kind=entity.kind,
            id=entity.id,
            instance_id=entity.instance_id,
            etag=entity.etag,
            name=entity.name or "",
            status=entity.status,
            start=_moment(window["start"]),
            end=_moment(window["end"]),
            created=entity.created,
            modified=entity.modified,
            placements=tuple(dict.fromkeys(_placements(properties.get("representations")))),
            tags=tuple(each for each in _list(properties.get("tags")) if isinstance(each, str)),
            priority=priority if is_number else None,
            targets=tuple({each.target: None for each in pointings(entity.kind.place, properties)}),
            channel=_text(properties.get("channel")),
            document=properties if entity.kind in _WITH_DOCUMENT else {},
        )

    @property
    def reference(self) -> Reference:
        return Reference(self.kind, id=self.id, instance_id=self.instance_id)


@dataclass(frozen=True, slots=True)
class Copy:
    """The objects of a sandbox by kind and id, and the time of the service's clock at the latest look.

    A copy does not change: a later look makes a new one.
    """

    objects: Mapping[str, Mapping[str, Held]]
    read_at: datetime

    def of_kind(self, kind: Kind) -> Iterator[Held]:
        """The objects of a kind."""
        return iter(self.objects.get(kind.key, {}).values())

    def get(self, identifier: str) -> Held | None:
        """The object with that reference id."""
        return next((found for held in self.objects.values() if (found := held.get(identifier)) is not None), None)


class Keeper:
    """Reads a sandbox once, and then only what changed. Not for two threads at a time."""

    def __init__(self) -> None:
        self._readers: dict[str, ChangeReader] = {}
        self._objects: dict[str, Mapping[str, Held]] = {}

    def read(self, access: Access, *, whole: bool = False) -> Flow[Copy]:
        """The current copy. The first reading lists each kind once, page by page, and so does a `whole` one.

        Any other reading lists the changes: one request for each kind, and one for each further page of changes. A kind
        is read as a whole if the service counts fewer objects of it than expected: some were deleted. What a reading
        that fails has read is kept, and the next one goes on there.
        """
        if whole:
            self._objects.clear()
        for kind in KINDS.values():
            if access.generation.supports(kind):
                yield from self._read_kind(access, kind)
        return Copy(dict(self._objects), access.exchange.service_now())

    def _read_kind(self, access: Access, kind: Kind) -> Flow[None]:
        known = self._objects.pop(kind.key, None)
        if known is None:
            # Before the reading of all, so that no edit during it is lost.
            reader = self._readers[kind.key] = ChangeReader(kind)
            yield from reader.read(access)
            known = yield from _whole(access, kind)
        else:
            try:
                changes = yield from self._readers[kind.key].read(access)
            except OfferLibraryError:
                self._objects[kind.key] = known
                raise
            if changes.vanished:
                known = yield from _whole(access, kind)
            elif changes.entities:
                known = {**known, **{each.id: Held.of(each) for each in changes.entities}}
        self._objects[kind.key] = known


def _whole(access: Access, kind: Kind) -> Flow[Mapping[str, Held]]:
    held: dict[str, Held] = {}

    def take(entity: Entity) -> None:
        held[entity.id] = Held.of(entity)

    yield from read_kind(access, kind, take)
    return held


def _placements(representations: Any) -> Iterator[str]:
    for each in _list(representations):
        placement = each.get("placement") if isinstance(each, Mapping) else None
        if isinstance(placement, str):
            yield placement


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _moment(text: str | None) -> datetime | None:
    """The instant of a date of the service in UTC; None for a missing one, and for one that nobody can read."""
    try:
        return parse_instant(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
