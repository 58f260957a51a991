"""Renames members between the neutral form and a wire form, with a tree of the names that differ.

A tree contains only members with another spelling on the wire. All other members, and everything below them, stay
unchanged. Unknown properties therefore survive the way there and back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.wire.messages import Json


@dataclass(frozen=True, slots=True)
class Spelled:
    """The spelling of one place of a document on the wire.

    `members` maps neutral member names to the wire name and the spelling of the member itself. `items` is the spelling
    of an array's elements, and `values` that of the members of an object whose names the author chooses. `to_wire` and
    `to_neutral` convert the value of a leaf. `either` holds members that the wire may also show in a second spelling.
    """

    members: Mapping[str, tuple[str, Spelled]] = field(default_factory=dict)
    items: Spelled | None = None
    values: Spelled | None = None
    to_wire: Callable[[Any], Any] | None = None
    to_neutral: Callable[[Any], Any] | None = None
    either: Mapping[str, tuple[str, Spelled]] = field(default_factory=dict)
    # The members by their names on the wire.
    _neutral: Mapping[str, tuple[str, Spelled]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        every = (*self.either.items(), *self.members.items())
        object.__setattr__(self, "_neutral", {wire: (neutral, child) for neutral, (wire, child) in every})

    def neutral_name(self, name: str) -> tuple[str, Spelled]:
        """The neutral name of a member in either spelling, and the spelling of the member itself."""
        if name in self.members:
            return name, self.members[name][1]
        return self._neutral.get(name, (name, PLAIN))

    def as_shown(self, document: Mapping[str, Json]) -> Spelled | None:
        """The spelling of this document if it uses second spellings; None if it is the usual one.

        Missing members get the spelling of the others.
        """
        second = {name for name, (wire, _) in self.either.items() if wire in document}
        if not second:
            return None
        if not self.either.keys() & document.keys():
            second = set(self.either)
        return replace(self, members={**self.members, **{name: self.either[name] for name in second}})

    def wire_name(self, name: str) -> tuple[str, Spelled]:
        return self.members.get(name, (name, PLAIN))


PLAIN = Spelled()


def neutral_value(value: Json, spelled: Spelled, pointer: str = "", *, is_read: bool = False) -> Json:
    """The value in neutral spelling, from either spelling.

    Raises `InvalidInputError` if an object has a property in both spellings. In a value that was read from the wire,
    the wire's own spelling counts instead, because somebody else may have written both.
    """
    if spelled is PLAIN:
        return value
    if isinstance(value, Mapping) and spelled.members:
        renamed: dict[str, Json] = {}
        for name, member in value.items():
            neutral, child = spelled.neutral_name(name) if isinstance(name, str) else (name, PLAIN)
            if neutral in renamed and is_read:
                if name != spelled.wire_name(neutral)[0]:
                    continue
            elif neutral in renamed:
                raise InvalidInputError(
                    "A property is given twice",
                    [
                        Violation(
                            f"{pointer}/{escape_token(name)}",
                            f"both as {neutral!r} and as {spelled.wire_name(neutral)[0]!r}",
                            "one of the two",
                        )
                    ],
                )
            renamed[neutral] = neutral_value(member, child, f"{pointer}/{escape_token(name)}", is_read=is_read)
        return renamed
    if isinstance(value, Mapping) and spelled.values is not None:
        return {
            name: neutral_value(member, spelled.values, f"{pointer}/{escape_token(name)}", is_read=is_read)
            for name, member in value.items()
        }
    if isinstance(value, (list, tuple)) and spelled.items is not None:
        return [
            neutral_value(item, spelled.items, f"{pointer}/{index}", is_read=is_read)
            for index, item in enumerate(value)
        ]
    return spelled.to_neutral(value) if spelled.to_neutral else value


def wire_value(value: Json, spelled: Spelled) -> Json:
    """A neutral value in the spelling of the wire."""
    if isinstance(value, Mapping) and spelled.members:
        renamed = {}
        for name, member in value.items():
            wire, child = spelled.wire_name(name)
            renamed[wire] = wire_value(member, child)
        return renamed
    if isinstance(value, Mapping) and spelled.values is not None:
        return {name: wire_value(member, spelled.values) for name, member in value.items()}
    if isinstance(value, (list, tuple)) and spelled.items is not None:
        return [wire_value(item, spelled.items) for item in value]
    return spelled.to_wire(value) if spelled.to_wire else value


def neutral_tokens(tokens: list[str], spelled: Spelled) -> tuple[list[str], Spelled]:
    """A path in neutral names, from either spelling, and the spelling of the place that it names."""
    return _walk(tokens, spelled, Spelled.neutral_name)


def wire_tokens(tokens: Sequence[str], spelled: Spelled) -> tuple[list[str], Spelled]:
    """A neutral path in the wire's names, and the spelling of the place that it names."""
    return _walk(tokens, spelled, Spelled.wire_name)


def _walk(
    tokens: Sequence[str], spelled: Spelled, rename: Callable[[Spelled, str], tuple[str, Spelled]]
) -> tuple[list[str], Spelled]:
    renamed = []
    for token in tokens:
        if spelled.values is not None:
            spelled = spelled.values
            renamed.append(token)
            continue
        if spelled.items is not None:
            spelled = spelled.items
            if token == "-" or token.isdecimal():
                renamed.append(token)
                continue
            # A dotted search path names an array's elements without an index.
        name, spelled = rename(spelled, token)
        renamed.append(name)
    return renamed, spelled


def split_pointer(pointer: str) -> list[str]:
    """The tokens of a JSON pointer (RFC 6901)."""
    tokens = pointer.split("/")[1:]
    return [token.replace("~1", "/").replace("~0", "~") for token in tokens] if "~" in pointer else tokens


def join_pointer(tokens: Sequence[object]) -> str:
    return "".join("/" + escape_token(token) for token in tokens)


def escape_token(token: object) -> str:
    text = str(token)
    return text.replace("~", "~0").replace("/", "~1") if "~" in text or "/" in text else text
