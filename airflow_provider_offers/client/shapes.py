"""The rules that an offer must obey before it is sent, one small tree for each kind, in neutral names.

Sources: the required fields, words and bounds of Adobe's create pages, the lifecycle page and the guardrails.
Adobe's public XDM schemas are not used: they describe older versions than the service runs. Properties that no rule
names are allowed, since the service may know more than its pages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from airflow_provider_offers.client.errors import Violation
from airflow_provider_offers.client.instants import ACCEPTED, parse_instant
from airflow_provider_offers.client.kinds import FALLBACK, PERSONALIZED, Kind
from airflow_provider_offers.client.spelling import escape_token

STATUSES = ("draft", "approved", "archived")
MAX_TAGS = 20
MAX_CAPPING_RULES = 10
MAX_CHARACTERISTICS = 30
MAX_OFFER_BYTES = 300 * 1024

# Given by the service; a create that carries them was copied from a read.
ASSIGNED = ("id", "etag", "created", "modified", "createdBy", "lastModifiedBy", "schemas")


class Shape(Protocol):
    """A rule for one place of a document."""

    def check(self, value: Any, pointer: str) -> Iterator[Violation]: ...

    def below(self, token: str) -> Shape:
        """The rule for a member or an element."""
        ...


class _Leaf:
    def below(self, token: str) -> Shape:
        return ANY


class Anything(_Leaf):
    """No rule."""

    def check(self, value: Any, pointer: str) -> Iterator[Violation]:
        return iter(())


ANY = Anything()


@dataclass(frozen=True)
class Text(_Leaf):
    """Text, perhaps of given words or of a pattern; `example` says what would do."""

    words: tuple[str, ...] = ()
    pattern: str | None = None
    example: str = "text that is not empty"
    may_be_empty: bool = False

    def check(self, value: Any, pointer: str) -> Iterator[Violation]:
        if self.words:
            if value not in self.words or not isinstance(value, str):
                yield Violation(pointer, describe(value), " or ".join(map(repr, self.words)))
        elif (
            not isinstance(value, str)
            or (not value.strip() and not self.may_be_empty)
            or (self.pattern and not re.fullmatch(self.pattern, value))
        ):
            yield Violation(pointer, describe(value), self.example)


@dataclass(frozen=True)
class Whole(_Leaf):
    """A whole number within bounds."""

    minimum: int
    maximum: int | None = None

    def check(self, value: Any, pointer: str) -> Iterator[Violation]:
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or value < self.minimum or (self.maximum is not None and value > self.maximum):
            top = "" if self.maximum is None else f" and at most {self.maximum}"
            yield Violation(pointer, describe(value), f"a whole number of at least {self.minimum}{top}")


class Flag(_Leaf):
    """True or false."""

    def check(self, value: Any, pointer: str) -> Iterator[Violation]:
        if not isinstance(value, bool):
            yield Violation(pointer, describe(value), "true or false")


class Instant(_Leaf):
    """An RFC 3339 date-time with a zone."""

    def check(self, value: Any, pointer: str) -> Iterator[Violation]:
        try:
            parse_instant(value)
        except ValueError as error:
            yield Violation(pointer, str(error), ACCEPTED)


@dataclass(frozen=True)
class Items:
    """An array of one shape."""

    item: Shape
    minimum: int = 0
    maximum: int | None = None
    noun: str = "entries"

    def check(self, value: Any, pointer: str) -> Iterator[Violation]:
        if not isinstance(value, list):
            yield Violation(pointer, describe(value), f"a list of {self.noun}")
            return
        if len(value) < self.minimum:
            yield Violation(pointer, f"{len(value)} {self.noun}", f"at least {self.minimum}")
        if self.maximum is not None and len(value) > self.maximum:
            yield Violation(pointer, f"{len(value)} {self.noun}", f"at most {self.maximum}")
        for index, item in enumerate(value):
            yield from self.item.check(item, f"{pointer}/{index}")

    def below(self, token: str) -> Shape:
        return self.item


@dataclass(frozen=True)
class TextMap:
    """An object of texts under names of the author's own."""

    maximum: int

    def check(self, value: Any, pointer: str) -> Iterator[Violation]:
        if not isinstance(value, Mapping):
            yield Violation(pointer, describe(value), "an object of texts")
            return
        if len(value) > self.maximum:
            yield Violation(pointer, f"{len(value)} entries", f"at most {self.maximum}")
        for name, text in value.items():
            yield from Text(example="text", may_be_empty=True).check(text, f"{pointer}/{escape_token(name)}")

    def below(self, token: str) -> Shape:
        return Text(example="text", may_be_empty=True)


@dataclass(frozen=True)
class Members:
    """An object: rules for its known members, which of them must be there, and rules between them."""

    members: Mapping[str, Shape] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    together: Callable[[Mapping[str, Any], str], Iterator[Violation]] | None = None

    def check(self, value: Any, pointer: str) -> Iterator[Violation]:
        if not isinstance(value, Mapping):
            yield Violation(pointer, describe(value), "an object")
            return
        for name in self.required:
            if value.get(name) is None:
                accepted = _accepted(self.members.get(name, ANY))
                yield Violation(f"{pointer}/{name}", "nothing", f"{accepted}; it is required")
        for name, member in value.items():
            if name in self.members and not (member is None and name in self.required):
                yield from self.members[name].check(member, f"{pointer}/{escape_token(name)}")
        if self.together is not None:
            yield from self.together(value, pointer)

    def below(self, token: str) -> Shape:
        return self.members.get(token, ANY)


def describe(value: Any) -> str:
    """The value as a message shows it: whole when it is short, else its beginning or its kind."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."


def _accepted(shape: Shape) -> str:
    if isinstance(shape, Text):
        return " or ".join(map(repr, shape.words)) if shape.words else shape.example
    if isinstance(shape, Whole):
        return f"a whole number of at least {shape.minimum}"
    if isinstance(shape, Instant):
        return ACCEPTED
    return f"a list of {shape.noun}" if isinstance(shape, Items) else "an object"


def _window(value: Mapping[str, Any], pointer: str) -> Iterator[Violation]:
    """A window is `[start, end)`: it must not be empty or reversed."""
    try:
        start, end = parse_instant(value.get("startDate")), parse_instant(value.get("endDate"))
    except ValueError:
        return  # each date has its own violation already
    if end <= start:
        yield Violation(
            f"{pointer}/endDate",
            describe(value["endDate"]),
            f"an instant after startDate, {value['startDate']}",
        )


_COMPONENT = Members(
    members={
        "type": Text(example="a component type, such as html, imagelink, component-text, json or its URI"),
        "format": Text(pattern=r"\w+/[-.\w]+(?:\+[-.\w]+)?", example="a media type such as text/html or image/png"),
        "language": Items(
            Text(pattern=r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*", example="a language tag such as en or en-us"),
            noun="language tags",
        ),
        "content": Text(example="text", may_be_empty=True),
        "deliveryURL": Text(example="text", may_be_empty=True),
        "linkURL": Text(example="text", may_be_empty=True),
    },
    required=("type", "format"),
)
_REPRESENTATION = Members(
    members={
        "placement": Text(example="the id of a placement"),
        "channel": Text(example="the URI of a channel, such as https://ns.adobe.com/xdm/channel-types/web"),
        "components": Items(_COMPONENT, minimum=1, noun="components"),
    },
    # Adobe's own create example has no channel, whatever its schema says.
    required=("placement", "components"),
)
_SELECTION_MEMBERS: Mapping[str, Shape] = {
    "startDate": Instant(),
    "endDate": Instant(),
    "profileConstraintType": Text(words=("none", "eligibilityRule", "anySegments", "allSegments", "rules")),
    "eligibilityRule": Text(example="the id of a decision rule"),
    "segmentIdentities": Items(ANY, noun="segments"),
}
_CAPPING_RULE = Members(
    members={
        "enabled": Flag(),
        "limit": Whole(1),
        "scope": Text(words=("global", "profile")),
        "entity": Text(words=("offer", "placement")),
        "startDate": Instant(),
        "endDate": Instant(),
        "events": Items(Text(words=("decisioning", "impression", "click", "custom")), minimum=1, noun="events"),
        "repeat": Members(
            members={"enabled": Flag(), "unit": Text(words=("day", "week", "month")), "unitCount": Whole(1)}
        ),
    },
    required=("limit", "scope", "entity"),
    together=_window,
)
_COMMON: Mapping[str, Shape] = {
    "name": Text(example="a name that is not empty"),
    "description": Text(example="text", may_be_empty=True),
    "status": Text(words=STATUSES),
    "representations": Items(_REPRESENTATION, noun="representations"),
    "tags": Items(Text(example="the id of a collection qualifier"), maximum=MAX_TAGS, noun="collection qualifiers"),
    "characteristics": TextMap(MAX_CHARACTERISTICS),
    "rank": Members(members={"priority": Whole(0)}, required=("priority",)),
    "cappingConstraint": Members(members={"globalCap": Whole(1), "profileCap": Whole(1)}),
    "frequencyCappingConstraints": Items(_CAPPING_RULE, maximum=MAX_CAPPING_RULES, noun="capping rules"),
    "selectionConstraint": Members(members=_SELECTION_MEMBERS, required=("startDate", "endDate"), together=_window),
}

# A fallback has no window and no rank of its own; the documents send both all the same, so they are allowed.
_SHAPES: Mapping[str, Members] = {
    PERSONALIZED.key: Members(_COMMON, required=("name", "status", "selectionConstraint", "rank")),
    FALLBACK.key: Members(_COMMON, required=("name", "status")),
}


def shape_of(kind: Kind) -> Members:
    """The rules of that kind."""
    return _SHAPES[kind.key]
