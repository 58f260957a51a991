"""Checks the names of properties: a near miss of a known name, and a property at the wrong place, are errors.

Any other unknown name is doubtful.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from airflow_provider_offers.client.errors import Doubt, Violation
from airflow_provider_offers.client.model.checking import findings
from airflow_provider_offers.client.model.envelope import ENVELOPE
from airflow_provider_offers.client.model.facts import InstantInZone, KnownUri, RefersTo
from airflow_provider_offers.client.model.likeness import has_letters_of, near, perhaps
from airflow_provider_offers.client.model.places import Place
from airflow_provider_offers.client.model.spelling import PLAIN, Spelled, escape_token

UNKNOWN = "No page of Adobe's shows this property; the service may keep it, drop it or refuse it"
# Assigned by the service; a create that contains them was copied from a read.
ASSIGNED = ("id", "etag", "created", "modified", "createdBy", "lastModifiedBy", "schemas")
# Generation 1's prefixes, also as authors mistype them: `XDM:status`, `xdm.status`, `xdm_status`.
_PREFIX = re.compile(r"(?:(?:xdm|dc|repo|offerui):|xdm[._-]|[@$])(?=.)", re.IGNORECASE)
_OTHER_PREFIX = re.compile(r"([a-z]+):(?=.)", re.IGNORECASE)
# A name of several words, such as `globalCap`: nobody chooses it by chance.
_SEVERAL_WORDS = re.compile(r"[a-z]+[A-Z]")
_UNSEEN: Any = object()
# The member in which generation 1 has the properties.
INSTANCE = "_instance"
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
        finding = unknown_member(place, spelled, name, where, whole, value=member)
        if finding is not None:
            yield finding
        elif type(member) is not str:
            below = spelled.wire_name(name)[1]
            yield from name_findings(place.below(name), below, member, where, whole=whole)


def unknown_member(
    place: Place,
    spelled: Spelled,
    name: str,
    where: str,
    whole: Place,
    *,
    given: str | None = None,
    value: Any = _UNSEEN,
) -> Violation | None:
    """The finding about a member of that name; None if the name is known.

    With its value, a property that certainly belongs to another place is an error.
    """
    if place.knows(name) or (place is whole and name in BESIDE):
        return None
    local, prefixed = _local(name, spelled)
    known = place.known
    given = f"the property {name!r}" if given is None else given
    if local in known:
        wire = spelled.wire_name(local)[0]
        accepted = f"a documented property{perhaps([wire])}"
        # The pages show these properties without a prefix, and do not say that the service refuses one.
        return Doubt(where, given, accepted, UNKNOWN) if wire == local else Violation(where, given, accepted)
    found = near(local, known) or (near(local, (INSTANCE,)) if place is whole and local.startswith("_") else [])
    if found:
        suggested = [spelled.wire_name(each)[0] if prefixed and each != INSTANCE else each for each in found]
        return Violation(where, given, f"a documented property{perhaps(suggested)}")
    if dotted := _written_with_dots(place, spelled, name, is_whole=place is whole):
        return Violation(where, given, f"a documented property; did you mean {dotted}?")
    homes = dict(_homes(whole).get(local, {}))
    if place is not whole and local in whole.members:
        homes["the top"] = whole.members[local]
    told = " or ".join(sorted(homes, key=len))
    accepted = f"a documented property{f'; does it belong to {told}?' if told else ''}"
    if value is not _UNSEEN and any(_is_of(home, local, value) for home in homes.values()):
        return Violation(where, given, accepted)
    return Doubt(where, given, accepted, UNKNOWN)


def is_telling(name: str) -> bool:
    """Whether the name alone shows that its author means Adobe's property."""
    return _SEVERAL_WORDS.match(name) is not None


def _is_of(home: Place, name: str, value: Any) -> bool:
    """Whether the author means the property of that place: its name shows it, or its value, if the place has a rule."""
    if is_telling(name):
        return True
    ruled = home.words or home.model or home.item or home.own or home.holds in (int, bool)
    uncommon = any(home.fact(each) is not None for each in (RefersTo, KnownUri, InstantInZone))
    return bool(ruled or uncommon) and all(isinstance(each, Doubt) for each in findings(home, value))


def _written_with_dots(place: Place, spelled: Spelled, name: str, *, is_whole: bool) -> str | None:
    """What a name means that is the path of a known property, as a search writes it; None for another name."""
    tokens = name.split(".")
    if len(tokens) < 2 or not all(tokens):
        return None
    wire = [tokens.pop(0)] if is_whole and tokens[0] == INSTANCE else []
    for token in tokens:
        if place.item is not None and token.isdecimal():
            place, spelled = place.item, spelled.items or PLAIN
            wire.append(token)
            continue
        local, prefixed = _local(token, spelled)
        if local not in place.known:
            return None
        spelling, below = spelled.wire_name(local)
        wire.append(spelling if prefixed else local)
        place, spelled = place.below(local), below
    return f"the path /{'/'.join(wire)}"


def _local(name: str, spelled: Spelled = PLAIN) -> tuple[str, bool]:
    """A name without generation 1's prefix, also a misspelled one, and whether it had one.

    Many prefixes of others are one letter off, such as `dct:`, so only letters in another order are a slip.
    """
    if prefix := _PREFIX.match(name):
        return name[prefix.end() :], True
    if other := _OTHER_PREFIX.match(name):
        local = name[other.end() :]
        own = spelled.wire_name(local)[0].rpartition(":")[0]
        if any(has_letters_of(other[1], each) for each in ("xdm", own)):
            return local, True
    return name, False


def paths_of(whole: Place, name: str) -> list[str]:
    """The dotted paths of the properties below the top that have the name, the shortest first."""
    homes = sorted(_homes(whole).get(_local(name)[0], {}), key=len)
    return [f"{home[1:].replace('/', '.')}.{_local(name)[0]}" for home in homes]


@cache
def _homes(place: Place, pointer: str = "") -> dict[str, dict[str, Place]]:
    """For each name, its places below the top by the pointers of the objects that have it."""
    if below := place.item or place.own:
        return _homes(below, pointer)
    found: dict[str, dict[str, Place]] = {}
    for name, member in place.members.items():
        if pointer:
            found.setdefault(name, {})[pointer] = member
        for each, homes in _homes(member, f"{pointer}/{name}").items():
            found.setdefault(each, {}).update(homes)
    return found
