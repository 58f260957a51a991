"""Properties that the pages do not know: a near miss of a known one is refused, any other is doubtful."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from airflow_provider_offers.client.errors import Doubt, Violation
from airflow_provider_offers.client.generations.envelope import ENVELOPE
from airflow_provider_offers.client.model.likeness import near, perhaps
from airflow_provider_offers.client.model.shapes import ASSIGNED, Items, Members, Named, Shape
from airflow_provider_offers.client.model.spelling import PLAIN, Spelled, escape_token

UNKNOWN = "No page of Adobe's shows this property; the service may keep it, drop it or refuse it"
_PREFIXES = ("xdm:", "dc:", "repo:", "offerui:", "@", "$")
# What the service keeps beside the properties, by the names of both generations.
BESIDE = (
    *ASSIGNED,
    *ENVELOPE,
    *ENVELOPE.values(),
    "createdDate",
    "lastModifiedDate",
    "sandboxId",
    "sandboxName",
    "productContexts",
    "datasetId",
    "_links",
    "_score",
    "@id",
)


def name_findings(
    shape: Shape, spelled: Spelled, value: Any, pointer: str = "", *, whole: Shape | None = None
) -> Iterator[Violation]:
    """What is wrong or doubtful about the names of members, at any depth of a neutral value.

    Names that the author may choose, such as those of characteristics, are not looked at. `whole` is the rule for the
    whole object, by which a property is recognized that stands in the wrong place.
    """
    whole = shape if whole is None else whole
    if isinstance(shape, Items) and isinstance(value, list):
        for index, item in enumerate(value):
            yield from name_findings(shape.item, spelled.items or PLAIN, item, f"{pointer}/{index}", whole=whole)
    if not isinstance(value, Mapping):
        return
    if isinstance(shape, Named):
        for name, member in value.items():
            place = f"{pointer}/{escape_token(name)}"
            yield from name_findings(shape.item, spelled.values or PLAIN, member, place, whole=whole)
    if isinstance(shape, Members):
        for name, member in value.items():
            place = f"{pointer}/{escape_token(name)}"
            finding = unknown_member(shape, spelled, name, place, whole, top=shape is whole)
            if finding is not None:
                yield finding
            else:
                below = spelled.wire_name(name)[1]
                yield from name_findings(shape.below(name), below, member, place, whole=whole)


def unknown_member(
    shape: Members, spelled: Spelled, name: str, place: str, whole: Shape, *, top: bool, given: str | None = None
) -> Violation | None:
    """What there is to say about a member of that name; None where it is known."""
    local, prefixed = _local(name)
    known = (*shape.members, *shape.also)
    if name in known or (top and name in BESIDE):
        return None
    given = f"the property {name!r}" if given is None else given
    if local in known:
        wire = spelled.wire_name(local)[0]
        return None if wire == local else Violation(place, given, f"a documented property{perhaps([wire])}")
    found = near(local, known)
    if found:
        suggested = [spelled.wire_name(each)[0] if prefixed else each for each in found]
        return Violation(place, given, f"a documented property{perhaps(suggested)}")
    homes = " or ".join(sorted(set(_homes(whole).get(local, ())), key=len))
    accepted = f"a documented property{f'; does it belong to {homes}?' if homes else ''}"
    return Doubt(place, given, accepted, UNKNOWN)


def _local(name: str) -> tuple[str, bool]:
    """A name without the prefix of generation 1, and whether it had one."""
    for prefix in _PREFIXES:
        if name.startswith(prefix) and len(name) > len(prefix):
            return name.removeprefix(prefix), True
    return name, False


class _ByIdentity:
    """A shape as a key: shapes hold dictionaries, and so have no hash."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByIdentity) and self.shape is other.shape

    def __hash__(self) -> int:
        return id(self.shape)


def _homes(whole: Shape) -> dict[str, tuple[str, ...]]:
    """The places below the top in which each name is known."""
    return _homes_of(_ByIdentity(whole))


@lru_cache(maxsize=32)
def _homes_of(whole: _ByIdentity) -> dict[str, tuple[str, ...]]:
    return _gathered(whole.shape, "")


def _gathered(shape: Shape, pointer: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    members = shape.members if isinstance(shape, Members) else {}
    if isinstance(shape, (Items, Named)):
        return _gathered(shape.item, pointer)
    for name, member in members.items():
        if pointer:
            found[name] = (*found.get(name, ()), pointer)
        for below, places in _gathered(member, f"{pointer}/{name}").items():
            found[below] = (*found.get(below, ()), *places)
    return found
