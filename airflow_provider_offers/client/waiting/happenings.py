"""What happened to objects between two looks: compares the remembered objects with the current ones.

Everything here is pure. A look after a long time finds the same as many looks would, except that several edits of an
object in between are one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from airflow_provider_offers.client.model.entities import Entity
from airflow_provider_offers.client.model.instants import format_instant, parse_instant
from airflow_provider_offers.client.model.lifecycle import SHOWN
from airflow_provider_offers.client.model.windows import window_of
from airflow_provider_offers.client.wire.messages import Json

CREATED, CHANGED, STATUS, DELETED = "created", "changed", "status", "deleted"
OPENED, CLOSING, CLOSED = "window_opened", "window_closing", "window_closed"
WORDS = (CREATED, CHANGED, STATUS, OPENED, CLOSING, CLOSED, DELETED)
# The statuses in which customers may see an object: windows matter in these, unless a filter names others.
# How far the stamp of a creation may be behind the look before it.
_OVERLAP = timedelta(seconds=60)
# A clock that goes back by more was set; by less, two servers differ.
_SET_BACK = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Thing:
    """An object as a look sees it, with its window as instants."""

    kind: str
    id: str
    instance_id: str
    name: str
    etag: int
    status: str | None
    opens: datetime | None
    closes: datetime | None
    created: datetime | None
    modified: str | None
    tags: tuple[str, ...] = ()

    @classmethod
    def of(cls, entity: Entity) -> Thing:
        """The parts of an entity that events use."""
        window = None if entity.kind.window is None else window_of(entity.properties, entity.kind)
        tags: Any = entity.properties.get("tags")
        return cls(
            entity.kind.key,
            entity.id,
            entity.instance_id,
            entity.name or "",
            entity.etag,
            entity.status,
            None if window is None else window.start,
            None if window is None else window.end,
            _instant(entity.created),
            entity.modified,
            tuple(map(str, tags)) if isinstance(tags, (list, tuple)) else (),
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """What is remembered of an object."""

    kind: str
    name: str
    etag: int
    status: str | None
    opens: datetime | None
    closes: datetime | None

    @classmethod
    def of(cls, thing: Thing) -> Seen:
        """The part of an object to remember."""
        return cls(thing.kind, thing.name, thing.etag, thing.status, thing.opens, thing.closes)

    def as_json(self) -> list[Json]:
        """The value for `from_json`."""
        window = [None if each is None else format_instant(each) for each in (self.opens, self.closes)]
        return [self.kind, self.name, self.etag, self.status, *window]

    @classmethod
    def from_json(cls, value: Any) -> Seen:
        """What `as_json` returned."""
        kind, name, etag, status, opens, closes = value
        return cls(kind, name, etag, status, _instant(opens), _instant(closes))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events of which objects. Names are patterns, such as `Spring*`; empty filters let everything pass.

    `ahead` is how long before its end a window is closing. `tags` are ids.
    """

    events: frozenset[str]
    names: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    tags: frozenset[str] = frozenset()
    ahead: timedelta = timedelta(days=1)

    def names_one(self, name: str) -> bool:
        """Whether an object with that name is watched, whatever blanks surround either.

        A name with brackets, as a pattern, does not match itself.
        """
        plain, names = name.strip(), [each.strip() for each in self.names]
        return not names or plain in names or any(fnmatchcase(plain, each) for each in names)

    def covers(self, thing: Thing) -> bool:
        """Whether the object is watched."""
        return self.names_one(thing.name) and (not self.tags or not self.tags.isdisjoint(thing.tags))


@dataclass(frozen=True, slots=True)
class Happening:
    """One event. `was` is the status before, for a change of the status; `at` is the service's time of the look."""

    event: str
    id: str
    seen: Seen
    at: datetime
    instance_id: str | None = None
    modified: str | None = None
    was: str | None = None

    def as_json(self) -> dict[str, Json]:
        """The event with JSON values."""
        window = {
            name: None if each is None else format_instant(each)
            for name, each in (("start", self.seen.opens), ("end", self.seen.closes))
        }
        told: dict[str, Json] = {
            "event": self.event,
            "kind": self.seen.kind,
            "id": self.id,
            "instance_id": self.instance_id,
            "name": self.seen.name,
            "etag": self.seen.etag,
            "status": self.seen.status,
            "window": window,
            "modified": self.modified,
            "at": format_instant(self.at),
        }
        return told | {"was": self.was} if self.event == STATUS else told


@dataclass(frozen=True, slots=True)
class Memory:
    """The watched objects at the time of the last look, by id."""

    since: datetime
    seen: Mapping[str, Seen] = field(default_factory=dict)

    def happenings(self, things: Iterable[Thing], now: datetime, wanted: Wanted) -> list[Happening]:
        """What happened since, except deletions."""
        if now < self.since - _SET_BACK:
            return Memory(now, self.seen).happenings(things, now, wanted)
        found: list[Happening] = []
        for thing in things:
            if wanted.covers(thing):
                seen, what = Seen.of(thing), self._events(thing, now, wanted)
                before = self.seen.get(thing.id)
                was = None if before is None else before.status
                found += [
                    Happening(event, thing.id, seen, now, thing.instance_id, thing.modified, was)
                    for event in what
                    if event in wanted.events
                ]
        return found

    def deletions(self, gone: Iterable[str], now: datetime, wanted: Wanted) -> list[Happening]:
        """The deletions of objects that are certainly gone."""
        return [
            Happening(DELETED, each, self.seen[each], now)
            for each in gone
            if DELETED in wanted.events and (not wanted.statuses or self.seen[each].status in wanted.statuses)
        ]

    def missing(self, things: Mapping[str, Thing]) -> list[str]:
        """The remembered objects that are not there."""
        return [each for each in self.seen if each not in things]

    def after(self, things: Iterable[Thing], gone: Iterable[str], now: datetime, wanted: Wanted) -> Memory:
        """The memory after a look. An object that is missing and not certainly gone stays.

        If the service's clock was set back, windows that open or close in the repeated time are reported again.
        """
        kept = dict(self.seen)
        for identifier in gone:
            kept.pop(identifier, None)
        for thing in things:
            before = kept.get(thing.id)
            if not wanted.covers(thing):
                kept.pop(thing.id, None)
            elif before is None or thing.etag > before.etag:
                kept[thing.id] = Seen.of(thing)
        return Memory(now if now < self.since - _SET_BACK else max(now, self.since), kept)

    def _events(self, thing: Thing, now: datetime, wanted: Wanted) -> list[str]:
        before = self.seen.get(thing.id)
        is_edited = before is None or thing.etag > before.etag
        found: list[str] = []
        if is_edited and (not wanted.statuses or thing.status in wanted.statuses):
            is_created = before is None and (thing.created is None or thing.created >= self.since - _OVERLAP)
            found.append(CREATED if is_created else CHANGED)
            if thing.status is not None and (before is None or before.status != thing.status):
                found.append(STATUS)
        shown = wanted.statuses or SHOWN
        if thing.status in shown and thing.opens is not None and thing.closes is not None:
            earlier = before if before is not None and before.status in shown else None
            found += self._window(thing.opens, thing.closes, earlier, now, wanted.ahead)
        return found

    def _window(
        self, opens: datetime, closes: datetime, earlier: Seen | None, now: datetime, ahead: timedelta
    ) -> list[str]:
        """The events of a window. `earlier` is the object as it was, if customers could see it then."""
        since = self.since
        found: list[str] = []
        is_alive = closes > since
        opened = earlier is not None and _has_passed(earlier.opens, since)
        if opens <= now and is_alive and not opened:
            found.append(OPENED)
        was_closing = earlier is not None and _has_passed(earlier.closes, since + ahead)
        if closes - ahead <= now and is_alive and not was_closing:
            found.append(CLOSING)
        was_open = earlier is not None and not _has_passed(earlier.closes, since)
        if closes <= now and (is_alive or was_open):
            found.append(CLOSED)
        return found


def _has_passed(instant: datetime | None, now: datetime) -> bool:
    return instant is not None and instant <= now


def _instant(text: Any) -> datetime | None:
    try:
        return None if text is None else parse_instant(text)
    except ValueError:
        return None
