"""Compares the three sides of an object, leaf by leaf: what was applied last, what the library has, what is wanted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from airflow_provider_offers.campaigns.planning.snapshot import Names
from airflow_provider_offers.campaigns.plans import ABSENT, Change
from airflow_provider_offers.client.model.comparing import EMPTY, same
from airflow_provider_offers.client.model.facts import InstantInZone, RefersTo, Respelled, Unruled
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.model.places import ANY, Place, targets
from airflow_provider_offers.client.model.spelling import Spelled, escape_token, neutral_value
from airflow_provider_offers.client.wire.messages import Json

_NOTHING: Mapping[str, Json] = {}
_PLAIN = (str, int, float, bool)


@dataclass(slots=True)
class Differences:
    """The leaves of an object that differ. `hidden` are pointers of leaves that reads do not show, so nobody knows."""

    changes: list[Change] = field(default_factory=list)
    conflicts: list[Change] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (self.changes or self.conflicts)

    @property
    def both(self) -> tuple[list[Change], list[Change]]:
        """The changes, and the conflicts."""
        return self.changes, self.conflicts


def compare(
    kind: Kind,
    names: Names,
    live: Mapping[str, Json],
    wanted: Mapping[str, Json],
    base: Mapping[str, Json] | None,
    *,
    ignored: Collection[str] = (),
    adopt: bool = False,
) -> Differences:
    """The differences of an object, by the three sides of each leaf that the manifest or the base names.

    A leaf whose live value is neither the wanted one nor that of the base is a conflict. Without a base, every
    difference is one. With `adopt`, the live value counts as the base of a leaf without a base. Nothing at or below the
    `ignored` pointers is compared.
    """
    walk = _Walk(kind, names, live, wanted, base, frozenset(ignored), adopt)
    walk.members(kind.place, kind.names, "", live, wanted, walk.base)
    return walk.found


def symbolic(kind: Kind, names: Names, properties: Mapping[str, Json]) -> dict[str, Json]:
    """The properties of an object with `name:` in place of each id that has a name; see `Names.symbol`."""
    return dict(_symbolic(_Side(kind, names, properties), kind.place, properties))


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the three documents; it says which types its references may have."""

    kind: Kind
    names: Names
    document: Mapping[str, Json]

    def symbol(self, target: str, refers: RefersTo) -> str:
        return self.names.symbol(target, self.kind.model.types_of(self.document, refers.type_names))


def _symbolic(side: _Side, place: Place, value: Json) -> Json:
    if not targets(place):
        return value
    refers = place.fact(RefersTo)
    if refers is not None:
        return side.symbol(value, refers) if isinstance(value, str) and value else value
    if isinstance(value, Mapping):
        return {name: _symbolic(side, place.below(name), member) for name, member in value.items()}
    if isinstance(value, list) and place.item is not None:
        return [_symbolic(side, place.item, item) for item in value]
    return value


class _Walk:
    """The walk through one object."""

    __slots__ = ("_adopt", "_base", "_ignored", "_is_known", "_live", "_marks", "_wanted", "base", "found")

    def __init__(
        self,
        kind: Kind,
        names: Names,
        live: Mapping[str, Json],
        wanted: Mapping[str, Json],
        base: Mapping[str, Json] | None,
        ignored: frozenset[str],
        adopt: bool,
    ) -> None:
        self._marks = _marks(kind)
        self._is_known = base is not None
        self.base = _NOTHING if base is None else base
        self._live, self._wanted, self._base = (_Side(kind, names, each) for each in (live, wanted, self.base))
        self._ignored = ignored
        self._adopt = adopt
        self.found = Differences()

    def members(
        self,
        place: Place,
        spelled: Spelled,
        pointer: str,
        live: Mapping[str, Json],
        wanted: Mapping[str, Json],
        base: Mapping[str, Json],
    ) -> None:
        """Compare the members that the manifest or the base names."""
        for name in wanted if wanted.keys() >= base.keys() else dict.fromkeys((*wanted, *base)):
            here = f"{pointer}/{escape_token(name)}"
            if here in self._ignored or (not pointer and name in self._marks.write_only):
                continue
            leaf = _Leaf(here, place.below(name), spelled.wire_name(name)[1], place.requires(name))
            self._member(leaf, live.get(name, ABSENT), wanted.get(name, ABSENT), base.get(name, ABSENT))

    def _member(self, leaf: _Leaf, live: Json, wanted: Json, base: Json) -> None:
        if type(live) is type(wanted) and type(live) in _PLAIN and live == wanted:
            return
        if live is ABSENT and leaf.pointer[1:] in self._marks.unreliable_on_read:
            self._hidden(leaf, wanted, base)
        elif wanted is ABSENT:
            self._gone(leaf, live, base)
        elif isinstance(wanted, Mapping) and isinstance(live, Mapping):
            self.members(leaf.place, leaf.spelled, leaf.pointer, live, wanted, _object(base))
        elif isinstance(wanted, Mapping) and (live is ABSENT or live in EMPTY):
            self._missing(leaf, live, wanted, base)
        elif not self._shows(leaf, self._live, live, self._wanted, wanted):
            self._differs(leaf, live, wanted, base)

    def _missing(self, leaf: _Leaf, live: Json, wanted: Mapping[str, Json], base: Json) -> None:
        """An object that the library lacks: its members decide, and it is added as a whole."""
        found, self.found = self.found, Differences()
        self.members(leaf.place, leaf.spelled, leaf.pointer, _NOTHING, wanted, _object(base))
        inner, self.found = self.found, found
        if not inner.is_empty:
            kept = self._without_ignored(leaf.pointer, wanted)
            self._add(leaf, live, kept, base, not inner.conflicts)

    def _differs(self, leaf: _Leaf, live: Json, wanted: Json, base: Json) -> None:
        is_adopted = base is ABSENT and self._adopt
        is_as_applied = self._is_known and self._shows(leaf, self._live, live, self._base, base)
        self._add(leaf, live, wanted, base, is_adopted or is_as_applied)

    def _add(self, leaf: _Leaf, live: Json, wanted: Json, base: Json, is_ours: bool) -> None:
        sides = ((self._live, live), (self._wanted, wanted), (self._base, base))
        shown = [value if value is ABSENT else _symbolic(side, leaf.place, value) for side, value in sides]
        change = Change(leaf.pointer, *shown)
        (self.found.changes if is_ours else self.found.conflicts).append(change)

    def _hidden(self, leaf: _Leaf, wanted: Json, base: Json) -> None:
        """A leaf that this read does not show: only the base tells whether it has to be written."""
        if wanted is ABSENT:
            return
        if base is ABSENT:
            self.found.hidden.append(leaf.pointer)
        elif not self._shows(leaf, self._base, base, self._wanted, wanted):
            self._add(leaf, ABSENT, wanted, base, True)

    def _gone(self, leaf: _Leaf, live: Json, base: Json) -> None:
        """A leaf that the manifest no longer names: it is removed if nobody else changed it. Required ones stay."""
        if leaf.is_required or live is ABSENT or live in EMPTY:
            return
        if isinstance(live, Mapping) and isinstance(base, Mapping):
            whole = not any(each.startswith(f"{leaf.pointer}/") for each in self._ignored)
            if whole and live.keys() <= base.keys() and self._shows(leaf, self._live, live, self._base, base):
                self._add(leaf, live, ABSENT, base, True)
            else:
                self.members(leaf.place, leaf.spelled, leaf.pointer, live, _NOTHING, base)
            return
        self._add(leaf, live, ABSENT, base, self._shows(leaf, self._live, live, self._base, base))

    def _without_ignored(self, pointer: str, value: Json) -> Json:
        """A wanted value without its ignored members; `ABSENT` if nothing else is in it."""
        if not isinstance(value, Mapping) or not any(each.startswith(f"{pointer}/") for each in self._ignored):
            return value
        kept = {}
        for name, member in value.items():
            here = f"{pointer}/{escape_token(name)}"
            inner = ABSENT if here in self._ignored else self._without_ignored(here, member)
            if inner is not ABSENT:
                kept[name] = inner
        return kept or ABSENT

    def _shows(self, leaf: _Leaf, left: _Side, shown: Json, right: _Side, told: Json) -> bool:
        """Whether a value, as the library or the base shows it, is the other one."""
        if shown is ABSENT or told is ABSENT:
            return (shown is ABSENT or shown in EMPTY) and (told is ABSENT or told in EMPTY)
        anyhow = bool(self._marks.any_case) and leaf.pointer.split("/")[1] in self._marks.any_case
        if _equal(left, right, leaf.place, shown, told, anyhow):
            return True
        respelled = neutral_value(shown, leaf.spelled, is_read=True)
        return respelled != shown and _equal(left, right, leaf.place, respelled, told, anyhow)


@dataclass(frozen=True, slots=True)
class _Marks:
    """The properties that reads of a kind do not show as they are; see `Kind`."""

    write_only: tuple[str, ...]
    unreliable_on_read: tuple[str, ...]
    any_case: tuple[str, ...]


@cache
def _marks(kind: Kind) -> _Marks:
    return _Marks(kind.write_only, kind.unreliable_on_read, kind.any_case)


# Not frozen: a plan makes tens of thousands of them.
@dataclass(slots=True)
class _Leaf:
    """A place that is compared: its pointer, its place in the model, its spelling, and whether it is required."""

    pointer: str
    place: Place
    spelled: Spelled
    is_required: bool


def _object(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else _NOTHING


def _equal(left: _Side, right: _Side, place: Place, shown: Json, told: Json, anyhow: bool) -> bool:
    """Whether `shown` is `told`, by what may stand at the place.

    Objects in `shown` may have more members: those that are empty, and those that are not an author's.
    """
    if isinstance(told, dict) and isinstance(shown, dict):
        if _is_free(place):
            return same(shown, told)
        for name, member in told.items():
            if name not in shown:
                if member not in EMPTY:
                    return False
            elif not _equal(left, right, place.below(name), shown[name], member, anyhow):
                return False
        return shown.keys() <= told.keys() or not any(
            _is_authors(place, name) and shown[name] not in EMPTY for name in shown.keys() - told.keys()
        )
    if isinstance(told, list) and isinstance(shown, list):
        item = place.item or ANY
        return len(shown) == len(told) and all(
            _equal(left, right, item, one, other, anyhow) for one, other in zip(shown, told, strict=True)
        )
    if told in EMPTY and shown in EMPTY:
        return True
    return _equal_leaf(left, right, place, shown, told, anyhow)


def _equal_leaf(left: _Side, right: _Side, place: Place, shown: Json, told: Json, anyhow: bool) -> bool:
    if not (isinstance(shown, str) and isinstance(told, str)):
        return same(shown, told)
    if shown == told:
        return True
    refers = place.fact(RefersTo)
    if refers is not None:
        return left.symbol(shown, refers) == right.symbol(told, refers)
    if anyhow:
        return shown.casefold() == told.casefold()
    respelled = place.fact(Respelled)
    if respelled is not None:
        compared = respelled.compared or _as_it_is
        return bool(compared(respelled.to_neutral(shown)) == compared(respelled.to_neutral(told)))
    # Text that looks like an instant is only one where the model says so, or says nothing.
    return (_is_free(place) or place.fact(InstantInZone) is not None) and same(shown, told)


def _as_it_is(value: Any) -> Any:
    return value


@cache
def _is_free(place: Place) -> bool:
    """Whether the model says nothing about what may stand at a place."""
    return place is ANY or (place.holds is Any and not place.fact(RefersTo) and not place.item and not place.own)


def _is_authors(place: Place, name: str) -> bool:
    """Whether a member is one that an author writes: the service and its user interface keep others beside it."""
    if place.own is not None:
        return True
    member = place.members.get(name)
    return member is not None and member.fact(Unruled) is None
