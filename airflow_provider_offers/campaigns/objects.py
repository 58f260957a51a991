"""A campaign, as its manifest describes it for one target: the wanted objects, and what belongs to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

from airflow_provider_offers.campaigns.packing import Packed
from airflow_provider_offers.client.model.kinds import KINDS, Kind
from airflow_provider_offers.client.wire.messages import Json

# Identifies an object in a sandbox: the key of its kind, and its exact name.
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Origin:
    """The place in a file where something is written; lines and columns count from 1.

    `row` is the row with which a template was filled, such as `row 3 (offers.csv:4)`; empty without rows.
    """

    file: str
    line: int
    column: int
    row: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}"
        return f"{place} in {self.row}" if self.row else place


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """How the campaign treats an object.

    `ignore_changes` are pointers in neutral names; nothing at or below them is compared or changed after the creation.
    `prevent_destroy` keeps the object when it is gone from the manifest.
    """

    ignore_changes: tuple[str, ...] = ()
    prevent_destroy: bool = False


@dataclass(frozen=True, slots=True)
class WantedObject:
    """An object that the campaign manages.

    `properties` are complete and checked, in neutral names: dates are RFC 3339, a window is in its dates, and defaults
    are filled in. References are ids, or `name:` and the exact name. A kind with statuses has a `status`.
    """

    kind: Kind
    name: str
    properties: Mapping[str, Json]
    origin: Origin
    lifecycle: Lifecycle = field(default_factory=Lifecycle)

    @property
    def key(self) -> Key:
        return self.kind.key, self.name


class WantedObjects(Sequence[WantedObject]):
    """Objects of a campaign in little memory: only their names are kept as they are.

    Each object is made again whenever somebody asks for it, so two of them are equal but not the same.
    """

    __slots__ = ("_kinds", "_names", "_packed", "positions")

    def __init__(self) -> None:
        self._kinds: list[str] = []
        self._names: list[str] = []
        self._packed = Packed()
        self.positions: dict[str, dict[str, int]] = {}
        """The index of the first object of each name, by the key of the kind."""

    def append(self, wanted: WantedObject) -> None:
        """Add an object."""
        kind, name = wanted.key
        self.positions.setdefault(kind, {}).setdefault(name, len(self._names))
        self._kinds.append(kind)
        self._names.append(name)
        origin, lifecycle = wanted.origin, wanted.lifecycle
        place = (origin.file, origin.line, origin.column, origin.row)
        self._packed.append((wanted.properties, *place, lifecycle.ignore_changes, lifecycle.prevent_destroy))

    def key(self, index: int) -> Key:
        """The key of the object at an index."""
        return self._kinds[index], self._names[index]

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, index: int) -> WantedObject: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[WantedObject]: ...
    def __getitem__(self, index: int | slice) -> WantedObject | Sequence[WantedObject]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        index = range(len(self))[index]
        properties, file, line, column, row, ignored, kept = self._packed[index]
        lifecycle = Lifecycle(tuple(ignored), kept)
        origin = Origin(file, line, column, row)
        return WantedObject(KINDS[self._kinds[index]], self._names[index], properties, origin, lifecycle)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # as for a list

    def __repr__(self) -> str:
        return repr(list(self))


class WantedByKey(Mapping[Key, WantedObject]):
    """The objects of a campaign by their keys, in the order of the manifest."""

    __slots__ = ("_objects", "positions")

    def __init__(self, objects: Sequence[WantedObject]) -> None:
        self._objects = objects
        self.positions: Mapping[str, Mapping[str, int]]
        if isinstance(objects, WantedObjects):
            self.positions = objects.positions
        else:
            found: dict[str, dict[str, int]] = {}
            for index, each in enumerate(objects):
                found.setdefault(each.kind.key, {})[each.name] = index
            self.positions = found

    def position(self, key: Key) -> int | None:
        """The index of the object in the campaign; None if it has no such object."""
        return self.positions.get(key[0], {}).get(key[1])

    def key(self, position: int) -> Key:
        """The key of the object at an index."""
        objects = self._objects
        return objects.key(position) if isinstance(objects, WantedObjects) else objects[position].key

    def of_kind(self, kind: Kind) -> Iterator[Key]:
        """The keys of the objects of a kind."""
        return ((kind.key, name) for name in self.positions.get(kind.key, ()))

    def __getitem__(self, key: Key) -> WantedObject:
        return self._objects[self.positions[key[0]][key[1]]]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, tuple) and key[1] in self.positions.get(key[0], ())

    def __iter__(self) -> Iterator[Key]:
        return ((kind, name) for kind, names in self.positions.items() for name in names)

    def __len__(self) -> int:
        return sum(map(len, self.positions.values()))


@dataclass(frozen=True, slots=True)
class Move:
    """A new name of an object. It keeps its identity in the library."""

    kind: Kind
    old: str
    new: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Target:
    """Where a campaign is applied. `sandbox` is None for the connection's own. `protected` asks for an approval."""

    name: str
    connection: str
    sandbox: str | None = None
    protected: bool = False
    variables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Campaign:
    """A manifest for one target, with every template rendered and every row filled in.

    `objects` are in the order of the manifest, and no two of them have the same key. `external` are the objects that
    the campaign refers to and never changes. `digest` differs if anything here differs, apart from places in files,
    from `warnings`, which are sentences about what may be wrong, and from `targets`, the names of all targets of the
    manifest.
    """

    name: str
    target: Target
    objects: Sequence[WantedObject]
    digest: str
    external: Sequence[Key] = ()
    moved: Sequence[Move] = ()
    source: str = ""
    warnings: Sequence[str] = ()
    targets: Sequence[str] = ()
