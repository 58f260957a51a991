"""The values of properties, and their spelling in both generations: one description reads, checks and writes both.

Reading converts a wire document into the neutral form of the store (generation 2's names, normalized dates)
and collects its problems. Writing converts the neutral form back. Properties without a shape are kept
unchanged in both directions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from airflow_provider_offers.emulator import instants

Spelling = Literal["xcore", "dps"]

COMPONENT_PREFIX = "https://ns.adobe.com/experience/offer-management/content-component-"


@dataclass(frozen=True)
class Problem:
    """One problem of a document: the place, in the caller's spelling, and the description."""

    at: str
    message: str

    def __str__(self) -> str:
        return f"{self.at or '/'}: {self.message}"


class Referring(NamedTuple):
    """One reference to another object: the neutral steps to it, the id, and the accepted kinds."""

    steps: tuple[str, ...]
    target: str
    kinds: tuple[str, ...]

    def below(self, step: str) -> Referring:
        """The same place, relative to the parent."""
        return Referring((step, *self.steps), self.target, self.kinds)


@dataclass
class Reading:
    """One pass over a wire document: the generation of its spelling, and the problems."""

    spelling: Spelling
    only_name_required: bool = False
    takes_uris: bool = True
    problems: list[Problem] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def problem(self, at: str, message: str) -> None:
        """Record a problem."""
        self.problems.append(Problem(at, message))


@dataclass(frozen=True)
class Shape:
    """Any value; the base of all shapes."""

    def read(self, value: Any, at: str, reading: Reading) -> Any:
        """The neutral form of a wire value; problems are recorded in `reading`."""
        return value

    def write(self, value: Any, spelling: Spelling) -> Any:
        """The wire form of a neutral value."""
        return value

    def references(self, value: Any) -> Iterator[Referring]:
        """The references of a neutral value to other objects."""
        return iter(())

    def child(self, step: str, spelling: Spelling) -> tuple[str, Shape]:
        """The neutral name and the shape of a member in a filter's path."""
        return step, ANYTHING


ANYTHING = Shape()

_FOREIGN = "is the other generation's spelling of {!r}"


@dataclass(frozen=True)
class Text(Shape):
    """A string; `choices` are neutral, and `prefixed_choices` are generation 1's spellings if they differ.

    `plain_aliases` are other spellings that generation 2 accepts, each with its choice.
    """

    choices: tuple[str, ...] = ()
    pattern: str = ""
    prefixed_choices: tuple[str, ...] = ()
    plain_aliases: tuple[tuple[str, str], ...] = ()
    empty: bool = False

    def read(self, value: Any, at: str, reading: Reading) -> Any:
        """The string in its neutral spelling."""
        if not isinstance(value, str):
            reading.problem(at, f"must be a string, not {_kind_of(value)}")
        elif self.choices:
            if reading.spelling == "dps":
                value = dict(self.plain_aliases).get(value, value)
            spelled = self.prefixed_choices if reading.spelling == "xcore" and self.prefixed_choices else self.choices
            if value not in spelled:
                reading.problem(at, f"must be one of {', '.join(spelled)}, not {value!r}")
            else:
                return self.choices[spelled.index(value)]
        elif not value.strip() and not self.empty:
            reading.problem(at, "must not be empty")
        elif self.pattern and not re.fullmatch(self.pattern, value):
            reading.problem(at, f"{value!r} does not match {self.pattern}")
        return value

    def write(self, value: Any, spelling: Spelling) -> Any:
        """The string in the generation's spelling."""
        if spelling == "xcore" and self.prefixed_choices and value in self.choices:
            return self.prefixed_choices[self.choices.index(value)]
        return value


@dataclass(frozen=True)
class ComponentType(Shape):
    """The type of a content component: a URI in generation 1, the last word of the URI in generation 2.

    `text` is the word that generation 2 shows for texts; without it, the word is shown as it was written.
    """

    text: str = ""

    def read(self, value: Any, at: str, reading: Reading) -> Any:
        """The short word."""
        if not isinstance(value, str) or not value:
            reading.problem(at, f"must be a component type, not {_kind_of(value)}")
        elif reading.spelling == "dps":
            if (":" in value or "/" in value) and not (reading.takes_uris and value.startswith(COMPONENT_PREFIX)):
                reading.problem(at, f"{value!r} is generation 1's spelling; this one writes html, text, imagelink, …")
        elif not value.startswith(COMPONENT_PREFIX):
            reading.problem(at, f"must start with {COMPONENT_PREFIX}, not be {value!r}")
        else:
            value = value.removeprefix(COMPONENT_PREFIX)
        return self._word(value)

    def write(self, value: Any, spelling: Spelling) -> Any:
        """The word, or its URI."""
        if spelling == "dps" or not isinstance(value, str):
            return self._word(value)
        # Generation 2 keeps URIs.
        return value if value.startswith(COMPONENT_PREFIX) else COMPONENT_PREFIX + value.removeprefix("component-")

    def _word(self, value: Any) -> Any:
        return self.text if self.text and value in ("text", "component-text") else value


@dataclass(frozen=True)
class Instant(Shape):
    """An RFC 3339 date-time; stored in UTC."""

    def read(self, value: Any, at: str, reading: Reading) -> Any:
        """The same instant in UTC."""
        try:
            return instants.normalized(value)
        except (TypeError, ValueError):
            shown = value if isinstance(value, str) else _kind_of(value)
            reading.problem(at, f"must be an RFC 3339 date-time, not {shown!r}")
            return value

    def write(self, value: Any, spelling: Spelling) -> Any:
        """`…Z` in generation 1, `…+00:00` in generation 2."""
        return value.removesuffix("Z") + "+00:00" if spelling == "dps" and isinstance(value, str) else value


@dataclass(frozen=True)
class Integer(Shape):
    """A whole number with a minimum."""

    least: int = 0

    def read(self, value: Any, at: str, reading: Reading) -> Any:
        """The number itself."""
        if isinstance(value, bool) or not (isinstance(value, int) or (isinstance(value, float) and value.is_integer())):
            reading.problem(at, f"must be a whole number, not {value if isinstance(value, float) else _kind_of(value)}")
            return value
        if value < self.least:
            reading.problem(at, f"must be at least {self.least}, not {int(value)}")
        return int(value)


@dataclass(frozen=True)
class Boolean(Shape):
    """True or false."""

    def read(self, value: Any, at: str, reading: Reading) -> Any:
        """The value itself."""
        if not isinstance(value, bool):
            reading.problem(at, f"must be true or false, not {_kind_of(value)}")
        return value


@dataclass(frozen=True)
class Reference(Shape):
    """The reference id of another object."""

    kinds: tuple[str, ...] = ()

    def read(self, value: Any, at: str, reading: Reading) -> Any:
        """The id itself; the library checks whether it exists."""
        if not isinstance(value, str) or not value:
            reading.problem(at, f"must be an id, not {_kind_of(value)}")
        return value

    def references(self, value: Any) -> Iterator[Referring]:
        """The id."""
        if isinstance(value, str):
            yield Referring((), value, self.kinds)


@dataclass(frozen=True)
class TextMap(Shape):
    """An object with free names and string values; the names are data and are not translated."""

    def read(self, value: Any, at: str, reading: Reading) -> Any:
        """The object itself."""
        if not isinstance(value, dict):
            reading.problem(at, f"must be an object, not {_kind_of(value)}")
            return value
        for name, text in value.items():
            if not isinstance(text, str):
                reading.problem(f"{at}/{_escaped(name)}", f"must be a string, not {_kind_of(text)}")
        return value


@dataclass(frozen=True)
class ListOf(Shape):
    """An array of one shape."""

    item: Shape = ANYTHING
    least: int = 0

    def read(self, value: Any, at: str, reading: Reading) -> Any:
        """The array of neutral items."""
        if not isinstance(value, list):
            reading.problem(at, f"must be an array, not {_kind_of(value)}")
            return value
        if len(value) < self.least:
            reading.problem(at, f"must have at least {self.least} item(s)")
        return [self.item.read(each, f"{at}/{number}", reading) for number, each in enumerate(value)]

    def write(self, value: Any, spelling: Spelling) -> Any:
        """The array of wire items."""
        return [self.item.write(each, spelling) for each in value] if isinstance(value, list) else value

    def references(self, value: Any) -> Iterator[Referring]:
        """The ids in all items."""
        for number, each in enumerate(value if isinstance(value, list) else ()):
            for found in self.item.references(each):
                yield found.below(str(number))

    def child(self, step: str, spelling: Spelling) -> tuple[str, Shape]:
        """An item by its index, or a member of every item."""
        return (step, self.item) if step.isdigit() else self.item.child(step, spelling)


@dataclass(frozen=True)
class MapOf(Shape):
    """An object with free names and values of one shape."""

    item: Shape = ANYTHING

    def read(self, value: Any, at: str, reading: Reading) -> Any:
        """The object with neutral values."""
        if not isinstance(value, dict):
            reading.problem(at, f"must be an object, not {_kind_of(value)}")
            return value
        return {name: self.item.read(each, f"{at}/{_escaped(name)}", reading) for name, each in value.items()}

    def write(self, value: Any, spelling: Spelling) -> Any:
        """The object with wire values."""
        if not isinstance(value, dict):
            return value
        return {name: self.item.write(each, spelling) for name, each in value.items()}

    def child(self, step: str, spelling: Spelling) -> tuple[str, Shape]:
        """A member keeps its name."""
        return step, self.item


@dataclass(frozen=True)
class Property:
    """One named property; `prefixed` is generation 1's name; default: `xdm:<plain>`.

    `also` is another name that generation 1 accepts, for the few properties with two documented spellings.
    """

    plain: str
    shape: Shape = ANYTHING
    required: bool = False
    prefixed: str = ""
    also: str = ""

    def name(self, spelling: Spelling) -> str:
        """The name in a generation."""
        return self.plain if spelling == "dps" else self.prefixed or f"xdm:{self.plain}"


@dataclass(frozen=True)
class Object(Shape):
    """An object with known properties; other properties are kept unchanged."""

    properties: tuple[Property, ...] = ()

    def read(self, value: Any, at: str, reading: Reading) -> Any:
        """The object with neutral names."""
        if not isinstance(value, dict):
            reading.problem(at, f"must be an object, not {_kind_of(value)}")
            return value
        other: Spelling = "xcore" if reading.spelling == "dps" else "dps"
        known = {each.name(reading.spelling): each for each in self.properties}
        foreign = {
            name: each
            for each in self.properties
            for name in (each.name(other), each.also)
            if name and name not in known
        }
        neutral: dict[str, Any] = {}
        for name, member in value.items():
            here = f"{at}/{_escaped(name)}"
            found = known.get(name)
            if found is None and name in foreign:
                found = foreign[name]
                spelled = found.name(reading.spelling)
                also = reading.spelling == "xcore" and name == found.also
                if not also or spelled in value:
                    why = f"stands beside {spelled!r}, which is the same" if also else _FOREIGN.format(spelled)
                    reading.problem(here, why)
                    continue
            if found is None:
                reading.unknown.append(here)
                neutral[name] = member
            else:
                neutral[found.plain] = found.shape.read(member, here, reading)
        for each in self.properties:
            excused = reading.only_name_required and at == "" and each.plain != "name"
            if each.required and each.plain not in neutral and not excused:
                reading.problem(f"{at}/{each.name(reading.spelling)}", "is required")
        return neutral

    def write(self, value: Any, spelling: Spelling) -> Any:
        """The object with the names of the generation."""
        if not isinstance(value, dict):
            return value
        known = {each.plain: each for each in self.properties}
        wire: dict[str, Any] = {}
        for name, member in value.items():
            found = known.get(name)
            if found is None:
                wire[name] = member
            else:
                wire[found.name(spelling)] = found.shape.write(member, spelling)
        return wire

    def references(self, value: Any) -> Iterator[Referring]:
        """The ids in all known properties."""
        for each in self.properties if isinstance(value, dict) else ():
            if each.plain in value:
                for found in each.shape.references(value[each.plain]):
                    yield found.below(each.plain)

    def child(self, step: str, spelling: Spelling) -> tuple[str, Shape]:
        """The property with this name."""
        for each in self.properties:
            if step == each.name(spelling) or (spelling == "xcore" and step == each.also):
                return each.plain, each.shape
        return step, ANYTHING


def pointer(shape: Shape, spelling: Spelling, *steps: str) -> str:
    """A path of neutral steps in the names of a generation."""
    spelled = ""
    for step in steps:
        if isinstance(shape, Object):
            found = next(each for each in shape.properties if each.plain == step)
            spelled, shape = f"{spelled}/{found.name(spelling)}", found.shape
        else:
            spelled, shape = f"{spelled}/{step}", shape.child(step, spelling)[1]
    return spelled


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _kind_of(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
