"""What a list of objects reads for all of them at once, which the work on each asks for first.

A lookup of many objects is a moment old, and listings lag. So only three things rest on it: a write that is guarded by
what was read, an id, which never changes, and that a name was free before a POST, which is followed by a look for
others of the name. For everything else, such as an error or that nothing is to be done, the object is read anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from airflow_provider_offers.client.model.entities import Entity, Reference
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.wire.exchange import Exchange
from airflow_provider_offers.client.wire.messages import Ask, Flow

# How long what was read ahead is of use: later, its guard would too often fail.
_FRESH_SECONDS = 60.0
# How long an object that others refer to is taken to be there without another look.
_PRESENT_SECONDS = 10.0
# The blocks whose objects are kept. Those that nobody has asked for make place.
_BLOCKS_KEPT = 8


@dataclass(frozen=True, slots=True)
class Look:
    """Read the block of objects that this one is in. The answer is None; `Ahead` has what was read."""

    reference: Reference


@dataclass(frozen=True, slots=True)
class Present:
    """Look for objects that others of the list refer to. The answer is None; `Ahead` has those that were found."""

    kind: Kind
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Referred:
    """May other objects refer to this one? The answer is False if listings show that none does, otherwise True."""

    reference: Reference


@dataclass(frozen=True, slots=True)
class Alone:
    """Is what was just created the only one of its name? The answer is True, or False if that is not certain.

    `patience` is how many seconds a listing may lag.
    """

    kind: Kind
    name: str
    id: str
    patience: float


@dataclass(frozen=True, slots=True)
class Gone:
    """Is what was just deleted gone? The answer is True, or False if that is not certain."""

    reference: Reference


class Ahead:
    """What is known of the objects of one list. Without a list, there is no exchange, and nothing is known or asked.

    Only objects of the list are kept, and of these the whole entity only until the work on it takes it.
    """

    def __init__(self, exchange: Exchange | None = None) -> None:
        self._exchange = exchange
        self.blocks: list[list[Reference]] = []
        self._block_of: dict[str, int] = {}
        self._read: list[int] = []
        self._entities: dict[str, tuple[Entity, float]] = {}
        self._references: dict[str, Reference] = {}
        self._created: dict[str, str | None] = {}
        self._named: dict[tuple[str, str], dict[str, Reference]] = {}
        self._free: set[tuple[str, str]] = set()
        self._present: dict[tuple[str, str], float] = {}

    @property
    def is_on(self) -> bool:
        """Whether there is a list."""
        return self._exchange is not None

    def _clock(self) -> float:
        return 0.0 if self._exchange is None else self._exchange.clock()

    def divide(self, references: Iterable[Reference], size: int) -> None:
        """Form blocks of objects of one kind, each of which one lookup by ids can read, in the order of the list."""
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
        """The number of the block that the object is in."""
        return next((self._block_of[each] for each in _ids(reference) if each in self._block_of), None)

    def keep_block(self, block: int, entities: Iterable[Entity]) -> None:
        """Keep the objects of a block as a lookup showed them."""
        now = self._clock()
        wanted = {reference.id for reference in self.blocks[block]}
        for entity in entities:
            if entity.id in wanted:
                self.know(entity)
                self._created[entity.id] = entity.created
                self._entities[entity.id] = replace(entity, listed=True), now
        self._read.append(block)
        for old in self._read[:-_BLOCKS_KEPT]:
            for reference in self.blocks[old]:
                self._entities.pop(reference.id or "", None)
        del self._read[:-_BLOCKS_KEPT]

    def keep_fresh(self, entity: Entity) -> None:
        """Keep an object that was just read by its id, for the work that is about to begin."""
        if self.is_on:
            self._created[entity.id] = entity.created
            self._entities[entity.id] = entity, self._clock()

    def peek(self, reference: Reference) -> Entity | None:
        """The object as it was read ahead; the work on it can still take it."""
        known = self._references.get(reference.id or reference.instance_id or "", reference)
        entity, read_at = self._entities.get(known.id or "", (None, 0.0))
        return entity if self._clock() - read_at < _FRESH_SECONDS else None

    def take(self, reference: Reference) -> Entity | None:
        """The object as it was read ahead, once: whoever asks again reads it anew."""
        entity = self.peek(reference)
        if entity is not None:
            del self._entities[entity.id]
        return entity

    def know(self, entity: Entity) -> None:
        """Keep both ids of an object. They never change."""
        self._references |= dict.fromkeys((entity.id, entity.instance_id), entity.reference)

    def reference(self, reference: Reference) -> Reference | None:
        """The object with both of its ids, if they are known."""
        return next((self._references[each] for each in _ids(reference) if each in self._references), None)

    def created(self, reference: Reference) -> str | None:
        """When the object was created, if a lookup has shown it."""
        return self._created.get(reference.id or "")

    def want(self, kind: Kind, names: Iterable[str]) -> None:
        """From now on, keep who has these names."""
        for name in names:
            self._named.setdefault((kind.key, name), {})

    def saw(self, entity: Entity) -> None:
        """Keep who has a wanted name, as a listing shows it."""
        if entity.name is not None and (key := (entity.kind.key, entity.name)) in self._named:
            self._named[key][entity.id] = entity.reference
            self._free.discard(key)

    def set_free(self, kind: Kind) -> None:
        """A whole listing of the kind was seen: the wanted names that are not in it are free."""
        self._free |= {key for key, there in self._named.items() if key[0] == kind.key and not there}

    def is_free(self, kind: Kind, name: str) -> bool:
        """Whether listings showed nobody of that name, and nobody has posted it since."""
        return (kind.key, name) in self._free

    def posting(self, kind: Kind, name: str) -> None:
        """An object of that name is about to be posted."""
        self._free.discard((kind.key, name))

    def ids_of(self, kind: Kind, name: str) -> set[str]:
        """The ids under which listings showed the name."""
        return set(self._named.get((kind.key, name), ()))

    def candidate(self, kinds: Sequence[Kind], name: str) -> Reference | None:
        """The only object that a listing showed under the name; it may be gone or renamed since."""
        there = self._named.get((kinds[0].key, name), {}) if len(kinds) == 1 else {}
        return next(iter(there.values())) if len(there) == 1 else None

    def is_present(self, kind: Kind, identifier: str) -> bool:
        """Whether an object that others refer to was seen a moment ago."""
        return self._clock() - self._present.get((kind.key, identifier), -_PRESENT_SECONDS) < _PRESENT_SECONDS

    def saw_present(self, kind: Kind, identifiers: Iterable[str]) -> None:
        """Keep that these objects are there."""
        self._present |= dict.fromkeys(((kind.key, each) for each in identifiers), self._clock())


def looked_ahead(ahead: Ahead, reference: Reference) -> Flow[Entity | None]:
    """The object as the list read it ahead, once; None without a list, where it was not found, and later.

    What is `listed` may be out of date; see the top of this module for what may rest on it.
    """
    yield from look_ahead(ahead, reference)
    return ahead.take(reference)


def look_ahead(ahead: Ahead, reference: Reference) -> Flow[None]:
    """Have the list read the block of the object, unless it has; nothing without a list."""
    if ahead.is_on and ahead.peek(reference) is None and ahead.block_of(reference) is not None:
        yield Ask(Look(reference))


def look_for_present(ahead: Ahead, kind: Kind, ids: Iterable[str]) -> Flow[None]:
    """Have the list look for objects that it refers to, all that were not seen a moment ago; nothing without a list."""
    if ahead.is_on and (unseen := sorted(each for each in ids if not ahead.is_present(kind, each))):
        yield Ask(Present(kind, tuple(unseen)))


def may_be_referred(ahead: Ahead, reference: Reference) -> Flow[bool]:
    """Whether other objects may refer to this one, as far as the list knows. Without a list always True."""
    if not ahead.is_on or ahead.block_of(reference) is None:
        return True
    return bool((yield Ask(Referred(reference))))


def _ids(reference: Reference) -> list[str]:
    return [each for each in (reference.id, reference.instance_id) if each is not None]
