"""The facts that a model's field may state about its property, besides its type: the vocabulary of `Annotated[...]`.

A fact that is a rule of our own is a pydantic validator. The functions that walk a model read the other facts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar, get_args, get_origin

from annotated_types import Ge
from pydantic import AfterValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from airflow_provider_offers.client.errors import Doubt, Violation
from airflow_provider_offers.client.model.described import checked_with, refuse
from airflow_provider_offers.client.model.identifiers import (
    IDENTIFIER,
    NAME_PREFIX,
    NO_DIGIT,
    TYPED_ID,
    misspells_prefix,
    name_hint,
    name_in,
    resembles_name,
    type_hint,
)
from airflow_provider_offers.client.model.instants import ACCEPTED, parse_instant
from airflow_provider_offers.client.model.likeness import (
    alphabets,
    has_letters_of,
    is_hidden,
    is_slip,
    near,
    near_uris,
    perhaps,
)
from airflow_provider_offers.client.text import damage_of, describe

T = TypeVar("T")
# Adobe's own templates, which the decision runtime fills in.
_TEMPLATES = ("{{", "{%")
_SCHEMES = ("http", "https")
_WITH_HOST = ("http://", "https://")
# With a host, or without one, such as mailto: or the link into an app. A host with a port alone is none.
_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//[^\s/]\S*|[a-z][a-z0-9+-]*:[^\s/\d]\S*|(?:tel|sms):\S+", re.IGNORECASE)
_NO_SUCH_TEXT = "No page of Adobe's shows such a value"
_REPEATED = "No page of Adobe's shows a list that names the same object twice"
# How the names of media types begin that are nobody's standard.
_UNREGISTERED = "x-"
_GENERATION = re.compile(r"(?:dps|xcore):")
# Shorter text in a document is not suspected to be a name.
_SHORTEST_NAME = 3


@dataclass(frozen=True, slots=True)
class Expected:
    """The text of `expected …` in messages."""

    text: str


@dataclass(frozen=True, slots=True)
class OnXcore:
    """The property's name on generation 1, if it is not `xdm:` and its name; empty means the name without a prefix.

    `also` is a second spelling that reads may show.
    """

    name: str = ""
    also: str = ""


@dataclass(frozen=True, slots=True)
class Respelled:
    """Generation 1's spelling of the value. `compared` makes all spellings of one value equal."""

    to_wire: Callable[[Any], Any]
    to_neutral: Callable[[Any], Any]
    compared: Callable[[Any], Any] | None = None


@dataclass(frozen=True, slots=True)
class WriteOnly:
    """A write may contain the property, but no read shows it."""


@dataclass(frozen=True, slots=True)
class UnreliableOnRead:
    """A read may leave the property out, or with `any_case` change its case. It does not show who wrote an object."""

    any_case: bool = False


@dataclass(frozen=True, slots=True)
class Unruled:
    """Adobe's documents show the property, but no rule applies to it."""


@dataclass(frozen=True, slots=True)
class HoldsJson:
    """The text may be given as an object or a list, which is then written as JSON."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "type": ["string", "object", "array"]}


@dataclass(frozen=True, slots=True)
class Template:
    """A template may stand here until it is rendered; the check uses the first type of the union."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return handler.generate_schema(get_args(source)[0])


OrTemplate = Annotated[T | str, Template()]


@dataclass(frozen=True, slots=True)
class InstantInZone:
    """An RFC 3339 date-time with a zone."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(lambda value: refuse(value, self.findings(value)))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "format": "date-time"}

    def findings(self, value: Any) -> Iterator[Violation]:
        try:
            parse_instant(value)
        except ValueError as error:
            yield Violation("", str(error), ACCEPTED)


@dataclass(frozen=True, slots=True)
class RefersTo:
    """The id of another object of one of these types (as in ids), or its name after `name:`."""

    type_names: tuple[str, ...]
    expected: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(lambda value: refuse(value, self.findings(value)))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "minLength": 1}

    def findings(self, value: Any) -> Iterator[Violation]:
        if isinstance(value, Mapping):
            accepted = f"{self.expected}, such as \"{{{{ ti.xcom_pull(...)['id'] }}}}\", or {NAME_PREFIX} and its name"
            yield Violation("", describe(value), accepted)
        elif not isinstance(value, str) or not value.strip().removeprefix(NAME_PREFIX).strip():
            yield Violation("", describe(value), self.expected)
        elif name_in(value) is None:
            yield from self._id_findings(value)

    def _id_findings(self, value: str) -> Iterator[Violation]:
        typed = TYPED_ID.fullmatch(value)
        meant = type_hint(value, self.type_names)
        if meant or (typed is not None and typed["type"] not in self.type_names):
            yield Violation("", describe(value), self.expected + meant)
        elif not IDENTIFIER.fullmatch(value) or (typed is None and misspells_prefix(value)):
            yield Violation("", describe(value), self.expected + name_hint(value, self.type_names))
        elif len(value) >= _SHORTEST_NAME and resembles_name(value):
            yield Doubt("", describe(value), self.expected + name_hint(value, self.type_names), NO_DIGIT)


@dataclass(frozen=True, slots=True)
class KnownUri:
    """A word from Adobe's pages, or a URI that begins like theirs; any other URI is doubtful.

    `tails` are the known ends of such URIs, and `uri` is an example.
    """

    words: tuple[str, ...]
    roots: tuple[str, ...]
    tails: tuple[str, ...]
    uri: str
    page: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(lambda value: refuse(value, self.findings(value)))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "examples": [*self.words, self.uri]}

    def findings(self, value: Any) -> Iterator[Violation]:
        accepted = f"{' or '.join(map(repr, self.words))}{', or a URI' if self.words else 'a URI'} such as {self.uri}"
        if not isinstance(value, str) or not value.strip():
            yield Violation("", describe(value), accepted)
        elif value not in self.words:
            yield from self._uri_findings(value, accepted)

    def _uri_findings(self, value: str, accepted: str) -> Iterator[Violation]:
        root = next((each for each in self.roots if value.startswith(each)), None)
        if root is None and ":" in value:
            known = [f"{each}{tail}" for each in self.roots for tail in self.tails]
            if meant := near_uris(value, known):
                yield Violation("", describe(value), accepted + perhaps(meant))
            else:
                yield Doubt("", describe(value), accepted, self.page)
            return
        tail = value.removeprefix(root or "")
        if root is not None and tail in self.tails:
            return
        meant = near(tail, self.tails if root is not None or not self.words else self.words)
        suggested = [each if root is None and self.words else f"{root or self.roots[0]}{each}" for each in meant]
        if root is None or meant:
            yield Violation("", describe(value), accepted + perhaps(suggested))
        else:
            yield Doubt("", describe(value), accepted, self.page)


@dataclass(frozen=True, slots=True)
class Many:
    """The number of entries of a list or an object.

    With an `until_shown` page, a draft may have too few, as on that page. With `once`, a text that occurs twice in the
    list is doubtful. Pydantic's own bounds are not used, because too many entries would hide the errors in each.
    """

    noun: str = "entries"
    minimum: int = 0
    maximum: int | None = None
    until_shown: str = ""
    once: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        container = get_origin(source) or source
        return core_schema.no_info_wrap_validator_function(
            lambda value, inner: checked_with(value, inner, self.findings, container), handler(source)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        bounded = handler(schema)
        what = "Items" if bounded.get("type") == "array" else "Properties"
        bounds = {f"min{what}": self.minimum or None, f"max{what}": self.maximum}
        return {**bounded, **{name: bound for name, bound in bounds.items() if bound is not None}}

    def findings(self, value: Any) -> Iterator[Violation]:
        if len(value) < self.minimum:
            yield self.in_draft(Violation("", f"{len(value)} {self.noun}", f"at least {self.minimum}"))
        if self.maximum is not None and len(value) > self.maximum:
            yield Violation("", f"{len(value)} {self.noun}", f"at most {self.maximum}")
        elif self.once:
            yield from self._repeated(value)

    def _repeated(self, value: Any) -> Iterator[Violation]:
        """One doubt about the first text that the list has twice; generations spell the same id differently."""
        first: dict[str, int] = {}
        twice = [
            index
            for index, each in enumerate(value)
            if isinstance(each, str) and each.strip() and first.setdefault(_without_generation(each), index) != index
        ]
        if twice:
            text = value[twice[0]]
            more = f", and {len(twice) - 1} more repetition{'s' if len(twice) > 2 else ''}" if len(twice) > 1 else ""
            accepted = f"each of the {self.noun} once (index {first[_without_generation(text)]} has it)"
            yield Doubt(f"/{twice[0]}", f"{describe(text)} a second time{more}", accepted, _REPEATED)

    def in_draft(self, finding: Violation) -> Violation:
        """The violation, or a doubt if a page shows such a draft."""
        if not self.until_shown:
            return finding
        return Doubt(finding.pointer, finding.given, finding.expected, self.until_shown, until_shown=True)


@dataclass(frozen=True, slots=True)
class Legible:
    """A text by which people and tasks find an object: what nobody sees in it is doubtful."""

    page: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            lambda value: refuse(value, self.findings(value)), handler(source)
        )

    def findings(self, value: str) -> Iterator[Violation]:
        hidden = dict.fromkeys(letter for letter in value.strip() if is_hidden(letter))
        if hidden:
            codes = ", ".join(f"U+{ord(letter):04X}" for letter in hidden)
            yield Doubt("", f"{describe(value)}, with {codes}", "a name without invisible characters", self.page)
        if mixed := next((word for word in value.split() if len(alphabets(word)) > 1), None):
            both = " and ".join(sorted(alphabets(mixed)))
            yield Doubt(
                "", f"{describe(value)}, with letters of {both} in one word", "one alphabet in a word", self.page
            )
        yield from _damages(value)
        if any(mark in value for mark in _TEMPLATES):
            accepted = "the rendered name; only the fields of operators are rendered, and no cell of a file"
            yield Doubt("", describe(value), accepted, self.page)
        if name_in(value) is not None:
            accepted = f"the name without {NAME_PREFIX!r}, which belongs into references only"
            yield Doubt("", describe(value), accepted, self.page)


@dataclass(frozen=True, slots=True)
class Undamaged:
    """A text that is doubtful if a program wrote it in place of the author's value, such as `None`."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            lambda value: refuse(value, _damages(value)), handler(source)
        )


def _damages(value: str) -> Iterator[Violation]:
    if damage := damage_of(value):
        yield Doubt("", describe(value), f"the intended text; {damage}", _NO_SUCH_TEXT)


@dataclass(frozen=True, slots=True)
class Usual:
    """Media types that authors usually write: any other one is allowed, but one that resembles them is doubtful."""

    words: tuple[str, ...]
    expected: str
    page: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            lambda value: refuse(value, self.findings(value)), handler(source)
        )

    def findings(self, value: str) -> Iterator[Violation]:
        if value.casefold() in self.words:
            return
        family, _, kind = value.casefold().partition("/")
        if kind.startswith(_UNREGISTERED):
            return
        parts = [(word, *word.split("/")) for word in self.words]
        if meant := [word for word, its, own in parts if _may_be(family, its) and _may_be(kind, own)]:
            yield Doubt("", describe(value), self.expected + perhaps(meant), self.page)


@dataclass(frozen=True, slots=True)
class Address:
    """The address of something on the Web, or in an app: text that cannot be one is doubtful.

    Adobe's own templates may be a part of it.
    """

    page: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            lambda value: refuse(value, self.findings(value)), handler(source)
        )

    def findings(self, value: str) -> Iterator[Violation]:
        if not value or any(mark in value for mark in _TEMPLATES):
            return
        scheme, colon, _ = value.partition(":")
        is_slip = bool(colon and near(scheme, _SCHEMES)) and not value.casefold().startswith(_WITH_HOST)
        if is_slip or not _ADDRESS.fullmatch(value):
            yield Doubt("", describe(value), "a URL such as https://www.example.com/spring.png", self.page)


@dataclass(frozen=True, slots=True)
class AtMostBytes:
    """The size of a text in UTF-8."""

    maximum: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            lambda value: refuse(value, self.findings(value)), handler(source)
        )

    def findings(self, value: str) -> Iterator[Violation]:
        size = len(value.encode(errors="replace"))
        if size > self.maximum:
            yield Violation("", f"{size} bytes", f"at most {self.maximum} bytes in UTF-8")


def _may_be(given: str, word: str) -> bool:
    """Whether the word was meant. Three letters resemble many others, so all of them have to be there."""
    return given == word or (is_slip(given, word) and (len(word) > len("xml") or has_letters_of(given, word)))


def _without_generation(identifier: str) -> str:
    return _GENERATION.sub("", identifier.strip(), count=1)


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("blank")
    return value


AnyText = Annotated[str, Expected("text")]
Filled = Annotated[
    str,
    AfterValidator(_not_blank),
    WithJsonSchema({"type": "string", "minLength": 1}),
    Expected("text that is not empty"),
]
JsonText = Annotated[str, HoldsJson(), Undamaged(), Expected("text")]
Whole = OrTemplate[Annotated[int, Ge(0)]]
Positive = OrTemplate[Annotated[int, Ge(1)]]
Flag = OrTemplate[bool]
Instant = Annotated[datetime | str, InstantInZone()]
# A property without a rule; generation 1 shows it without a prefix.
Shown = Annotated[Any, Unruled(), OnXcore()]
ShownWithPrefix = Annotated[Any, Unruled()]
