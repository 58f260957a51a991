"""The objects and names that a list reads ahead, for all of its items at once.

The work on each item uses them first. A lookup of many objects is slightly old, and listings lag. So only three things
rely on it: a write that is guarded by the read values, an id, which never changes, and a free name before a POST, after
which the work looks for others of the name. In all other cases, such as an error or if nothing needs to be done, the
object is read again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from airflow_provider_offers.client.model.entities import Entity, Reference
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.wire.exchange import Exchange
from airflow_provider_offers.client.wire.messages import Ask, Flow

# The seconds for which an object that was read ahead is used. After a longer time, its guard would fail too often.
_FRESH_SECONDS = 60.0
# The seconds for which a referenced object counts as existing without another look.
_PRESENT_SECONDS = 10.0
# The number of blocks whose objects are kept. The oldest blocks are removed first.
_BLOCKS_KEPT = 16
# The number of objects that are kept after a read by their ids; some work does not take them.
_FRESH_KEPT = 32


@dataclass(frozen=True, slots=True)
class Look:
    """Read the block of objects that contains this one. The answer is None; `Ahead` has the objects."""

    reference: Reference


@dataclass(frozen=True, slots=True)
class Present:
    """Look for ids, by kind, to which objects of the list refer. The answer is None; `Ahead` has the found ones."""

    wanted: tuple[tuple[Kind, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Referred:
    """Whether other objects may refer to this one.

    The answer is False if listings show no such object, otherwise True.
    """

    reference: Reference


@dataclass(frozen=True, slots=True)
class Alone:
    """Whether a new object is the only one of its name.

    The answer is False if that is not certain. `patience` is the number of seconds by which a listing may lag.
    """

    kind: Kind
    name: str
    id: str
    patience: float


@dataclass(frozen=True, slots=True)
class Gone:
    """Whether a deleted object is gone. The answer is False if that is not certain."""

    reference: Reference


@dataclass(frozen=True, slots=True)
class Turn:
    """Wait until few enough objects of the list are in work. The answer is None. The turn lasts to the work's end."""


class Ahead:
    """The known facts about the objects of one list.

    Without a list, there is no exchange, and nothing is known or asked. Only objects of the list are kept; a whole
    entity only until the work on it takes it.
    """

    def __init__(self, exchange: Exchange | None = None) -> None:
        self._exchange = exchange
        self.blocks: list[list[Reference]] = []
        self._block_of: dict[str, int] = {}
        self._read: list[int] = []
        self._entities: dict[str, tuple[Entity, float]] = {}
        self._read_at: dict[str, float] = {}
        self._fresh: deque[str] = deque()
        self._references: dict[str, Reference] = {}
        self._created: dict[str, str | None] = {}
        self._named: dict[tuple[str, str], dict[str, Reference]] = {}
        self._free: set[tuple[str, str]] = set()
        self._whole: set[str] = set()
        self._present: dict[tuple[str, str], float] = {}

    @property
    def is_on(self) -> bool:
        """Whether there is a list."""
        return self._exchange is not None

    def _clock(self) -> float:
        return 0.0 if self._exchange is None else self._exchange.clock()

    def divide(self, references: Iterable[Reference], size: int) -> None:
        """Form blocks of objects of one kind, in the order of the list. One lookup by ids can read each block."""
        open_blocks: dict[str, int] = {}
        for reference in references:
            if reference.id is None:
                continue
            block = open_blocks.get(reference.kind.key)
            if block is None or len(self.blocks[block]) >= size:
                block = open_blocks[reference.kind.key] = len(self.blocks)
                self.blocks.append([])
            self.blocks[block].append(reference)
            self._block_of |= dict.fromkeys(_ids(reference), block)

    def block_of(self, reference: Reference) -> int | None:
        """The number of the object's block."""
        return next((self._block_of[each] for each in _ids(reference) if each in self._block_of), None)

    def keep_block(self, block: int, entities: Iterable[Entity]) -> None:
        """Keep the objects of a block as a lookup showed them."""
        now = self._clock()
        wanted = {reference.id for reference in self.blocks[block]}
        for entity in entities:
            if entity.id in wanted:
                self.know(entity)
                self._created[entity.id] = entity.created
                self._read_at[entity.id] = now
                entity.listed = True
                self._entities[entity.id] = entity, now
        self._read.append(block)
        for old in self._read[:-_BLOCKS_KEPT]:
            for reference in self.blocks[old]:
                self._entities.pop(reference.id or "", None)
        del self._read[:-_BLOCKS_KEPT]

    def keep_fresh(self, entity: Entity) -> None:
        """Keep an object that was just read by its id, for the work that begins next."""
        if self.is_on:
            self._created[entity.id] = entity.created
            self._entities[entity.id] = entity, self._clock()
            self._fresh.append(entity.id)
            if len(self._fresh) > _FRESH_KEPT:
                self._entities.pop(self._fresh.popleft(), None)

    def peek(self, reference: Reference) -> Entity | None:
        """The object as it was read ahead. The work on it can still take it."""
        known = self._references.get(reference.id or reference.instance_id or "", reference)
        entity, read_at = self._entities.get(known.id or "", (None, 0.0))
        return entity if self._clock() - read_at < _FRESH_SECONDS else None

    def take(self, reference: Reference) -> Entity | None:
        """The object as it was read ahead, once; the next caller must read it again."""
        entity = self.peek(reference)
        if entity is not None:
            del self._entities[entity.id]
        return entity

    def read_at(self, entity: Entity) -> float | None:
        """When the block of a listed entity was read, on the clock of the exchange; None for any other entity."""
        return self._read_at.get(entity.id) if entity.listed else None

    def know(self, entity: Entity) -> None:
        """Keep both ids of an object. They never change."""
        self._references |= dict.fromkeys((entity.id, entity.instance_id), entity.reference)

    def reference(self, reference: Reference) -> Reference | None:
        """The object with both of its ids, if they are known."""
        return next((self._references[each] for each in _ids(reference) if each in self._references), None)

    def created(self, reference: Reference) -> str | None:
        """The time of the object's creation, if a lookup has shown it."""
        return self._created.get(reference.id or "")

    def want(self, kind: Kind, names: Iterable[str]) -> None:
        """From now on, keep the objects with these names."""
        for name in names:
            self._named.setdefault((kind.key, name), {})

    def saw(self, entity: Entity) -> None:
        """Keep an object with a wanted name, as a listing shows it."""
        if entity.name is not None and (key := (entity.kind.key, entity.name)) in self._named:
            self._named[key][entity.id] = entity.reference
            self._free.discard(key)

    def set_whole(self, kind: Kind) -> None:
        """Record that a whole listing of the kind was read, so that every object with a wanted name is known."""
        self._whole.add(kind.key)

    def set_free(self, kind: Kind) -> None:
        """Record that wanted names that are not in a whole listing of the kind are free."""
        self._free |= {key for key, there in self._named.items() if key[0] == kind.key and not there}

    def is_free(self, kind: Kind, name: str) -> bool:
        """Whether listings showed no object of that name, and none was posted since."""
        return (kind.key, name) in self._free

    def posting(self, kind: Kind, name: str) -> None:
        """Record that an object of that name is about to be posted."""
        self._free.discard((kind.key, name))

    def ids_of(self, kind: Kind, name: str) -> set[str]:
        """The ids under which listings showed the name."""
        return set(self._named.get((kind.key, name), ()))

    def candidate(self, kinds: Sequence[Kind], name: str) -> Reference | None:
        """The only object that whole listings of these kinds showed under the name.

        It may be deleted or renamed since.
        """
        there = self._shown(kinds, name)
        return there[0] if there is not None and len(there) == 1 else None

    def shows_none(self, kinds: Sequence[Kind], name: str) -> bool:
        """Whether whole listings of these kinds showed no object under the name. They may lag."""
        return self._shown(kinds, name) == []

    def _shown(self, kinds: Sequence[Kind], name: str) -> list[Reference] | None:
        """The objects that whole listings of these kinds showed under the name; None without such listings."""
        if not all(kind.key in self._whole for kind in kinds):
            return None
        return [each for kind in kinds for each in self._named.get((kind.key, name), {}).values()]

    def not_present(self, kind: Kind, identifiers: Iterable[str]) -> list[str]:
        """Those of the referenced objects that were not seen a moment ago, in order."""
        since, seen, key = self._clock() - _PRESENT_SECONDS, self._present, kind.key
        missing = [each for each in identifiers if seen.get((key, each), since) <= since]
        return sorted(missing) if len(missing) > 1 else missing

    def saw_present(self, kind: Kind, identifiers: Iterable[str]) -> None:
        """Record that these objects exist."""
        self._present |= dict.fromkeys(((kind.key, each) for each in identifiers), self._clock())


def looked_ahead(ahead: Ahead, reference: Reference) -> Flow[Entity | None]:
    """The object as the list read it ahead, once.

    None without a list, if it was not found, or if that was too long ago. The `listed` object may be out of date; the
    docstring of this module says how it may be used.
    """
    yield from look_ahead(ahead, reference)
    return ahead.take(reference)


def look_ahead(ahead: Ahead, reference: Reference) -> Flow[None]:
    """Let the list read the object's block, unless it was read already. Without a list, it does nothing."""
    if ahead.is_on and ahead.peek(reference) is None and ahead.block_of(reference) is not None:
        yield Ask(Look(reference))


def take_turn(ahead: Ahead) -> Flow[None]:
    """Wait for the object's turn, before its first request. Without a list, it does nothing.

    The list prepares more objects than it works on at the same time. Times that are compared with those of the service
    are taken after this.
    """
    if ahead.is_on:
        yield Ask(Turn())


def unseen(ahead: Ahead, kind: Kind, ids: Iterable[str]) -> Flow[list[str]]:
    """The referenced objects that were not seen a moment ago. A list looks for them first, for all of its objects."""
    wanted = ahead.not_present(kind, ids)
    yield from look_together(ahead, [(kind, wanted)])
    return ahead.not_present(kind, wanted)


def look_together(ahead: Ahead, referred: Iterable[tuple[Kind, Iterable[str]]]) -> Flow[None]:
    """Let the list look for referenced objects of several kinds at the same time. Without a list, it does nothing."""
    wanted = [(kind, tuple(ahead.not_present(kind, ids))) for kind, ids in referred]
    if ahead.is_on and any(ids for _, ids in wanted):
        yield Ask(Present(tuple(each for each in wanted if each[1])))


def may_be_referred(ahead: Ahead, reference: Reference) -> Flow[bool]:
    """Whether other objects may refer to this one, by the list's knowledge. Always True without a list."""
    if not ahead.is_on or ahead.block_of(reference) is None:
        return True
    return bool((yield Ask(Referred(reference))))


def _ids(reference: Reference) -> list[str]:
    return [each for each in (reference.id, reference.instance_id) if each is not None]
