"""The vocabulary of rules for documents before they are sent: texts, numbers, dates, lists, objects, references.

Each kind's own tree of these is in `schemas`. Properties that no rule names are allowed, since the service may know
more than its pages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from airflow_provider_offers.client.errors import Doubt, Violation
from airflow_provider_offers.client.model.instants import ACCEPTED, parse_instant
from airflow_provider_offers.client.model.likeness import near, perhaps
from airflow_provider_offers.client.model.spelling import escape_token
from airflow_provider_offers.client.text import quoted

# Given by the service; a create that carries them was copied from a read.
ASSIGNED = ("id", "etag", "created", "modified", "createdBy", "lastModifiedBy", "schemas")

# What an object of the library is called by, where an id is wanted: `name:Newsletter top`.
NAME_PREFIX = "name:"
TYPED_ID = re.compile(r"(?:xcore|dps):(?P<type>[a-z-]+):[0-9a-zA-Z]+")
# What an id of any generation is made of; of an id with a blank the service does not even look for the object.
IDENTIFIER = re.compile(r"[0-9A-Za-z:._-]+")
# A word of letters alone that stands for an id is more likely a name without its mark, from this length on.
_SHORTEST_NAME = 3


def name_in(target: str) -> str | None:
    """The name that stands in place of an id, without the blanks around it; None where an id does."""
    text = target.strip()
    return text.removeprefix(NAME_PREFIX).strip() if text.startswith(NAME_PREFIX) else None


def name_hint(given: str) -> str:
    """What may have been meant by text that is no id, as the end of a sentence: a name, without what marks one."""
    name = given.strip()
    looks_like_one = name[:1].isalnum() and not name.startswith(("dps:", "xcore:"))
    return f"; did you mean {NAME_PREFIX + name!r}?" if looks_like_one else ""


@dataclass(frozen=True, slots=True)
class Pointing:
    """One place of a document that refers to another object: where, by which text, and of which types it may be."""

    pointer: str
    target: str
    type_names: tuple[str, ...]


class Shape(Protocol):
    """A rule for one place of a document."""

    def check(self, value: Any, pointer: str) -> Iterator[Violation]: ...

    def below(self, token: str) -> Shape:
        """The rule for a member or an element."""
        ...

    def pointings(self, value: Any, pointer: str) -> Iterator[Pointing]:
        """The references to other objects in the value, whatever else is wrong with it."""
        ...


class _Leaf:
    def below(self, token: str) -> Shape:
        return ANY

    def pointings(self, value: Any, pointer: str) -> Iterator[Pointing]:
        return iter(())


class Anything(_Leaf):
    """No rule."""

    def check(self, value: Any, pointer: str) -> Iterator[Violation]:
        return iter(())


ANY = Anything()


@dataclass(frozen=True)
class Text(_Leaf):
    """Text, perhaps of given words, of a pattern or of a size in UTF-8; `example` says what would do.

    Where it `may_hold_json`, an object or a list is written as JSON in its place.
    """

    words: tuple[str, ...] = ()
    pattern: str | None = None
    example: str = "text that is not empty"
    may_be_empty: bool = False
    max_bytes: int | None = None
    may_hold_json: bool = False

    def check(self, value: Any, pointer: str) -> Iterator[Violation]:
        if self.words:
            if value not in self.words or not isinstance(value, str):
                yield Violation(pointer, describe(value), one_of(self.words, value))
        elif (
            not isinstance(value, str)
            or (not value.strip() and not self.may_be_empty)
            or (self.pattern and not re.fullmatch(self.pattern, value))
        ):
            lost = "; write it in quotes: a number of a template may have lost digits" if type(value) is float else ""
            yield Violation(pointer, describe(value), self.example + lost)
        elif self.max_bytes is not None and len(value.encode(errors="replace")) > self.max_bytes:
            size = len(value.encode(errors="replace"))
            yield Violation(pointer, f"{size} bytes", f"at most {self.max_bytes} bytes in UTF-8")


@dataclass(frozen=True)
class OneOf(_Leaf):
    """A word that the pages know, or a URI that begins as theirs do; another URI is doubtful.

    `tails` are the known ends of such URIs, `uri` is one as an example.
    """

    words: tuple[str, ...]
    roots: tuple[str, ...]
    tails: tuple[str, ...]
    uri: str
    page: str

    def check(self, value: Any, pointer: str) -> Iterator[Violation]:
        accepted = f"{' or '.join(map(repr, self.words))}{', or a URI' if self.words else 'a URI'} such as {self.uri}"
        if not isinstance(value, str) or not value.strip():
            yield Violation(pointer, describe(value), accepted)
            return
        if value in self.words:
            return
        root = next((each for each in self.roots if value.startswith(each)), None)
        if root is None and ":" in value:
            yield Doubt(pointer, describe(value), accepted, self.page)
            return
        tail = value.removeprefix(root or "")
        if root is not None and tail in self.tails:
            return
        meant = near(tail, self.tails if root is not None or not self.words else self.words)
        suggested = [each if root is None and self.words else f"{root or self.roots[0]}{each}" for each in meant]
        if root is None or meant:
            yield Violation(pointer, describe(value), accepted + perhaps(suggested))
        else:
            yield Doubt(pointer, describe(value), accepted, self.page)


@dataclass(frozen=True)
class ReferenceTo(_Leaf):
    """The id of another object of one of these types (as ids carry them), or its name behind `name:`."""

    type_names: tuple[str, ...]
    example: str

    def check(self, value: Any, pointer: str) -> Iterator[Violation]:
        if isinstance(value, Mapping):
            accepted = f"{self.example}, such as \"{{{{ ti.xcom_pull(...)['id'] }}}}\", or {NAME_PREFIX} and its name"
            yield Violation(pointer, describe(value), accepted)
        elif not isinstance(value, str) or not value.strip().removeprefix(NAME_PREFIX).strip():
            yield Violation(pointer, describe(value), self.example)
        elif name_in(value) is None:
            typed = TYPED_ID.fullmatch(value)
            if typed is not None and typed["type"] not in self.type_names:
                yield Violation(pointer, describe(value), self.example)
            elif not IDENTIFIER.fullmatch(value):
                yield Violation(pointer, describe(value), self.example + name_hint(value))
            elif typed is None and len(value) >= _SHORTEST_NAME and not any(map(str.isdigit, value)):
                page = "No page of Adobe's shows an id without a digit"
                yield Doubt(pointer, describe(value), self.example + name_hint(value), page)

    def pointings(self, value: Any, pointer: str) -> Iterator[Pointing]:
        if isinstance(value, str) and value:
            yield Pointing(pointer, value, self.type_names)


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
    """An array of one shape. With a `page` a draft may have too few, as that page does."""

    item: Shape
    minimum: int = 0
    maximum: int | None = None
    noun: str = "entries"
    page: str = ""

    def check(self, value: Any, pointer: str) -> Iterator[Violation]:
        if not isinstance(value, list):
            yield Violation(pointer, describe(value), f"a list of {self.noun}")
            return
        if len(value) < self.minimum:
            yield _until_shown(Violation(pointer, f"{len(value)} {self.noun}", f"at least {self.minimum}"), self.page)
        if self.maximum is not None and len(value) > self.maximum:
            yield Violation(pointer, f"{len(value)} {self.noun}", f"at most {self.maximum}")
        for index, item in enumerate(value):
            yield from self.item.check(item, f"{pointer}/{index}")

    def below(self, token: str) -> Shape:
        return self.item

    def pointings(self, value: Any, pointer: str) -> Iterator[Pointing]:
        for index, item in enumerate(value if isinstance(value, list) else ()):
            yield from self.item.pointings(item, f"{pointer}/{index}")


@dataclass(frozen=True)
class Named:
    """An object of one shape under names of the author's own."""

    item: Shape

    def check(self, value: Any, pointer: str) -> Iterator[Violation]:
        if not isinstance(value, Mapping):
            yield Violation(pointer, describe(value), "an object")
            return
        for name, member in value.items():
            yield from self.item.check(member, f"{pointer}/{escape_token(name)}")

    def below(self, token: str) -> Shape:
        return self.item

    def pointings(self, value: Any, pointer: str) -> Iterator[Pointing]:
        for name, member in value.items() if isinstance(value, Mapping) else ():
            yield from self.item.pointings(member, f"{pointer}/{escape_token(name)}")


_ANY_TEXT = Text(example="text", may_be_empty=True, may_hold_json=True)


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
            yield from _ANY_TEXT.check(text, f"{pointer}/{escape_token(name)}")

    def below(self, token: str) -> Shape:
        return _ANY_TEXT

    def pointings(self, value: Any, pointer: str) -> Iterator[Pointing]:
        return iter(())


@dataclass(frozen=True)
class Members:
    """An object: rules for its known members, which of them must be there, and rules between them.

    The rules between members hold for those that are there: of a patch, not all are known. A draft may lack those of
    the required that are in `later`, each with the page that says so. `also` are members that Adobe's documents show
    and no rule is about.
    """

    members: Mapping[str, Shape] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    later: Mapping[str, str] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    together: Callable[[Mapping[str, Any], str], Iterator[Violation]] | None = None

    def check(self, value: Any, pointer: str) -> Iterator[Violation]:
        if not isinstance(value, Mapping):
            yield Violation(pointer, describe(value), "an object")
            return
        for name in self.required:
            if value.get(name) is None:
                accepted = _accepted(self.members.get(name, ANY))
                missing = Violation(f"{pointer}/{name}", "nothing", f"{accepted}; it is required")
                yield _until_shown(missing, self.later.get(name, ""))
        for name, member in value.items():
            if name in self.members and not (member is None and name in self.required):
                yield from self.members[name].check(member, f"{pointer}/{escape_token(name)}")
        if self.together is not None:
            yield from self.together(value, pointer)

    def below(self, token: str) -> Shape:
        return self.members.get(token, ANY)

    def pointings(self, value: Any, pointer: str) -> Iterator[Pointing]:
        for name, member in value.items() if isinstance(value, Mapping) else ():
            if name in self.members:
                yield from self.members[name].pointings(member, f"{pointer}/{escape_token(name)}")


def _until_shown(violation: Violation, page: str) -> Violation:
    """The violation; a doubt until the object is shown where a page has it so."""
    if not page:
        return violation
    return Doubt(violation.pointer, violation.given, violation.accepted, page, until_shown=True)


def without_receipts(shape: Shape, value: Any) -> Any:
    """The value with the id in place of what a task returned about an object, wherever an id is wanted."""
    if isinstance(shape, ReferenceTo):
        # Every receipt has both; nothing else that may stand there is an object.
        is_receipt = isinstance(value, Mapping) and "instance_id" in value and isinstance(value.get("id"), str)
        return value["id"] if is_receipt else value
    if not targets(shape):
        return value
    if isinstance(value, Mapping):
        return {name: without_receipts(shape.below(name), member) for name, member in value.items()}
    if isinstance(value, list):
        return [without_receipts(shape.below(str(index)), item) for index, item in enumerate(value)]
    return value


def targets(shape: Shape) -> set[str]:
    """The types of objects that a document of this shape may refer to."""
    if isinstance(shape, ReferenceTo):
        return set(shape.type_names)
    if isinstance(shape, (Items, Named)):
        return targets(shape.item)
    if isinstance(shape, Members):
        return {name for member in shape.members.values() for name in targets(member)}
    return set()


def shapes_at(shape: Shape, tokens: Sequence[str]) -> tuple[Shape, Shape]:
    """The rule for what holds the place that a path names, and the one for the place itself."""
    parent = shape
    for token in tokens:
        parent, shape = shape, shape.below(token)
    return parent, shape


def one_of(words: Sequence[str], value: Any) -> str:
    """The words of a closed list, with the one that may have been meant."""
    meant = near(value, words) if isinstance(value, str) and len(words) > 1 else []
    return " or ".join(map(repr, words)) + perhaps(meant)


def describe(value: Any) -> str:
    """The value as a message shows it: whole when it is short, else its beginning or its kind."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return quoted(value, 80)


def _accepted(shape: Shape) -> str:
    if isinstance(shape, Text):
        return one_of(shape.words, None) if shape.words else shape.example
    if isinstance(shape, OneOf):
        return one_of(shape.words, None) if shape.words else shape.uri
    if isinstance(shape, Whole):
        return f"a whole number of at least {shape.minimum}"
    if isinstance(shape, Instant):
        return ACCEPTED
    if isinstance(shape, ReferenceTo):
        return shape.example
    return f"a list of {shape.noun}" if isinstance(shape, Items) else "an object"
