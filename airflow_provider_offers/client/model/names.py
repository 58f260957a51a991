"""Checks the names of properties: a near miss of a known name is an error, any other unknown name is doubtful."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from airflow_provider_offers.client.errors import Doubt, Violation
from airflow_provider_offers.client.model.envelope import ENVELOPE
from airflow_provider_offers.client.model.likeness import near, perhaps
from airflow_provider_offers.client.model.places import Place
from airflow_provider_offers.client.model.spelling import PLAIN, Spelled, escape_token

UNKNOWN = "No page of Adobe's shows this property; the service may keep it, drop it or refuse it"
# Assigned by the service; a create that contains them was copied from a read.
ASSIGNED = ("id", "etag", "created", "modified", "createdBy", "lastModifiedBy", "schemas")
# Generation 1's prefixes, also as authors mistype them: `XDM:status`, `xdm.status`, `xdm_status`.
_PREFIX = re.compile(r"(?:(?:xdm|dc|repo|offerui):|xdm[._-]|[@$])(?=.)", re.IGNORECASE)
# The members that the service keeps besides the properties, in the names of both generations.
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
    place: Place, spelled: Spelled, value: Any, pointer: str = "", *, whole: Place | None = None
) -> Iterator[Violation]:
    """The errors and doubts about the names of members, at any depth of a neutral value.

    Names that the author may choose, such as those of characteristics, are not checked. `whole` is the place of the
    whole object; with it, a message can say where a misplaced property belongs.
    """
    whole = place if whole is None else whole
    if place.item is not None and isinstance(value, list):
        for index, item in enumerate(value):
            yield from name_findings(place.item, spelled.items or PLAIN, item, f"{pointer}/{index}", whole=whole)
    if not isinstance(value, Mapping) or not (place.own or place.members or place.unruled):
        return
    for name, member in value.items():
        where = f"{pointer}/{escape_token(name)}"
        if place.own is not None:
            if type(member) is not str:
                yield from name_findings(place.own, spelled.values or PLAIN, member, where, whole=whole)
            continue
        finding = unknown_member(place, spelled, name, where, whole)
        if finding is not None:
            yield finding
        elif type(member) is not str:
            below = spelled.wire_name(name)[1]
            yield from name_findings(place.below(name), below, member, where, whole=whole)


def unknown_member(
    place: Place, spelled: Spelled, name: str, where: str, whole: Place, *, given: str | None = None
) -> Violation | None:
    """The finding about a member of that name; None if the name is known."""
    if place.knows(name) or (place is whole and name in BESIDE):
        return None
    local, prefixed = _local(name)
    known = place.known
    given = f"the property {name!r}" if given is None else given
    if local in known:
        wire = spelled.wire_name(local)[0]
        accepted = f"a documented property{perhaps([wire])}"
        # The pages show these properties without a prefix, and do not say that the service refuses one.
        return Doubt(where, given, accepted, UNKNOWN) if wire == local else Violation(where, given, accepted)
    found = near(local, known) or (near(name, ("_instance",)) if place is whole and name.startswith("_") else [])
    if found:
        suggested = [spelled.wire_name(each)[0] if prefixed else each for each in found]
        return Violation(where, given, f"a documented property{perhaps(suggested)}")
    if dotted := _written_with_dots(place, spelled, name):
        return Violation(where, given, f"a documented property; did you mean {dotted}?")
    homes = " or ".join(sorted(set(_homes(whole).get(local, ())), key=len))
    accepted = f"a documented property{f'; does it belong to {homes}?' if homes else ''}"
    return Doubt(where, given, accepted, UNKNOWN)


def _written_with_dots(place: Place, spelled: Spelled, name: str) -> str | None:
    """What a name means that is the path of a known property, as a search writes it; None for another name."""
    tokens = name.split(".")
    if len(tokens) < 2 or not all(tokens):
        return None
    wire = []
    for token in tokens:
        if place.item is not None and token.isdecimal():
            place, spelled = place.item, spelled.items or PLAIN
            wire.append(token)
            continue
        local, prefixed = _local(token)
        if local not in place.known:
            return None
        spelling, below = spelled.wire_name(local)
        wire.append(spelling if prefixed else local)
        place, spelled = place.below(local), below
    return f"the path /{'/'.join(wire)}"


def _local(name: str) -> tuple[str, bool]:
    """A name without generation 1's prefix, and whether it had one."""
    local = _PREFIX.sub("", name, count=1) if _PREFIX.match(name) else name
    return local, local != name


def paths_of(whole: Place, name: str) -> list[str]:
    """The dotted paths of the properties below the top that have the name, the shortest first."""
    homes = sorted(set(_homes(whole).get(_local(name)[0], ())), key=len)
    return [f"{home[1:].replace('/', '.')}.{_local(name)[0]}" for home in homes]


@cache
def _homes(place: Place, pointer: str = "") -> dict[str, tuple[str, ...]]:
    """For each name, the places below the top in which it is known."""
    if below := place.item or place.own:
        return _homes(below, pointer)
    found: dict[str, tuple[str, ...]] = {}
    for name, member in place.members.items():
        if pointer:
            found[name] = (*found.get(name, ()), pointer)
        for each, homes in _homes(member, f"{pointer}/{name}").items():
            found[each] = (*found.get(each, ()), *homes)
    return found
