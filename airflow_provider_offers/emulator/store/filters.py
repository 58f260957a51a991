"""The filter expressions of both generations, `path op value`, and their evaluation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from airflow_provider_offers.emulator import instants, wellknown
from airflow_provider_offers.emulator.kinds import Kind
from airflow_provider_offers.emulator.shapes import (
    ComponentType,
    Instant,
    Integer,
    Reading,
    Shape,
    Spelling,
    Text,
)
from airflow_provider_offers.emulator.store.library import Record
from airflow_provider_offers.emulator.store.patterns import Pattern, PatternError

_EXPRESSION = re.compile(r"(?P<path>[^=!<>~]+)(?:(?P<operator>==|!=|<=|>=|<|>|~)(?P<value>.*))?", re.DOTALL)
_MAX_MATCHED = 4000

COLUMNS: dict[Spelling, dict[str, str]] = {
    "xcore": {
        "instanceId": "instance_id",
        "_instance.@id": "id",
        "@id": "id",
        "repo:etag": "etag",
        "repo:createdDate": "created_ms",
        "repo:lastModifiedDate": "modified_ms",
        "repo:createdByClientId": "created_by",
        "repo:lastModifiedByClientId": "modified_by",
        "repo:createdBy": "created_account",
        "repo:lastModifiedBy": "modified_account",
    },
    "dps": {
        "id": "id",
        "etag": "etag",
        "created": "created_ms",
        "modified": "modified_ms",
        "createdBy": "created_account",
        "lastModifiedBy": "modified_account",
    },
}
"""The envelope properties with the names of each generation's filters and sort orders."""


ACCOUNTS = {"created_account": "created_by", "modified_account": "modified_by"}
"""Envelope properties that are derived from another column."""


NOWHERE = "nowhere"
"""The column of a path that matches nothing."""


class FilterError(ValueError):
    """A filter expression, sort order or cursor that is not valid."""


@dataclass(frozen=True)
class Path:
    """The target of a filter or sort order: a column of the envelope, or steps into the neutral properties."""

    column: str | None
    steps: tuple[str, ...]
    shape: Shape

    @property
    def is_envelope_date(self) -> bool:
        """Whether the values are the dates of a revision, stored as milliseconds."""
        return self.column in ("created_ms", "modified_ms")

    @property
    def is_instant(self) -> bool:
        """Whether the values are instants; these are compared as instants, and are milliseconds in cursors."""
        return self.is_envelope_date or isinstance(self.shape, Instant)

    @property
    def is_integer(self) -> bool:
        """Whether the values are whole numbers."""
        return self.column == "etag" or isinstance(self.shape, Integer)

    def values(self, record: Record) -> Iterator[Any]:
        """The values at this path; arrays on the way are searched."""
        if self.column == NOWHERE:
            return
        if self.column == "created_ms":
            yield record.created_us // 1000
        elif self.column == "modified_ms":
            yield record.modified_us // 1000
        elif self.column in ACCOUNTS:
            yield wellknown.account_of(getattr(record, ACCOUNTS[self.column]))
        elif self.column is not None:
            yield getattr(record, self.column)
        else:
            yield from _descend(record.body, self.steps)


def path_of(text: str, kind: Kind, spelling: Spelling) -> Path:
    """The path of a generation's text, for objects of this kind."""
    column = COLUMNS[spelling].get(text)
    if column is not None:
        return Path(column, (), Shape())
    if not text or '"' in text:
        raise FilterError(f"{text!r} is not a property path")
    steps = text.split(".")
    if spelling == "xcore":
        if steps[0] != "_instance" or len(steps) == 1:
            # There are no other properties outside of the payload.
            return Path(NOWHERE, (), Shape())
        steps = steps[1:]
    shape: Shape = kind.shape
    neutral = []
    for step in steps:
        name, shape = shape.child(step, spelling)
        neutral.append(name)
    if neutral in (["name"], ["status"]):
        return Path(neutral[0], (), shape)
    return Path(None, tuple(neutral), shape)


@dataclass(frozen=True)
class Condition:
    """One parsed expression."""

    path: Path
    operator: str | None
    value: str
    negated: bool = False

    def holds(self, record: Record) -> bool:
        """Whether the object matches."""
        return self._holds(record) is not self.negated

    def _holds(self, record: Record) -> bool:
        found = [each for each in self.path.values(record) if each is not None]
        if self.operator is None:
            return bool(found)
        if self.operator == "!=":
            return not any(_equal(each, self.value, self.path) for each in found)
        if self.operator == "==":
            return any(_equal(each, self.value, self.path) for each in found)
        if self.operator == "~":
            pattern = compiled(self.value)
            texts = (instants.millis_text(each * 1000) if self.path.is_envelope_date else _text(each) for each in found)
            return any(pattern.fullmatch(text[:_MAX_MATCHED]) for text in texts)
        return any(_ordered(each, self.operator, self.value, self.path) for each in found)

    def sql(self) -> tuple[str, list[Any]] | None:
        """The same condition as SQL on columns, if it is equivalent."""
        column = self.path.column
        if self._ids is not None:
            test = f"lower(id) IN ({', '.join('?' * len(self._ids))})"
            return (f"NOT ({test})" if self.negated else test), list(self._ids)
        if column is None or column in (*ACCOUNTS, NOWHERE) or self.operator in (None, "~"):
            return None
        value: Any = self.value
        if self.path.is_instant:
            value = _milliseconds(self.value)
        elif self.path.is_integer:
            value = int(self.value) if re.fullmatch(r"-?\d{1,15}", self.value, re.ASCII) else None
        if value is None or column == "status":
            return None
        test = f"{column} {self.operator} ?"
        return (f"NOT ({test})" if self.negated else test), [value]

    @property
    def lists_ids(self) -> bool:
        """Whether only objects with listed ids match."""
        return self._ids is not None and not self.negated

    @property
    def _ids(self) -> list[str] | None:
        """The ids in lower case, if it is a pattern for a list of ids: clients look up many objects with it."""
        if self.path.column != "id" or self.operator != "~":
            return None
        # Ids are ASCII.
        texts = compiled(self.value).texts
        return None if texts is None or not all(map(str.isascii, texts)) else [each.lower() for each in texts]


def parse(text: str, kind: Kind, spelling: Spelling) -> Condition:
    """One expression; in generation 2, a leading `!` negates it."""
    negated = spelling == "dps" and text.startswith("!")
    match = _EXPRESSION.fullmatch(text[1:] if negated else text)
    if match is None:
        raise FilterError(f"{text!r} is not a filter; write path, one of == != < <= > >= ~, and a value")
    if match["operator"] == "~":
        compiled(match["value"])
    path, value = path_of(match["path"].strip(), kind, spelling), match["value"] or ""
    if isinstance(path.shape, Text | ComponentType) and match["operator"] in ("==", "!="):
        value = path.shape.read(value, "", Reading(spelling))
    return Condition(path, match["operator"], value, negated)


def wildcard(text: str) -> tuple[str, ...]:
    """The parts of a name with `*` and `?`, for `patterns.glob`; a backslash escapes them."""
    parts = re.findall(r"\\.|[*?]|.", text, re.DOTALL)
    return tuple(part if part in ("*", "?") else f"={part[-1]}" for part in parts)


@lru_cache(maxsize=64)
def compiled(pattern: str) -> Pattern:
    """A regular expression from a request."""
    try:
        return Pattern(pattern)
    except PatternError as error:
        raise FilterError(str(error)) from None


def _descend(value: Any, steps: tuple[str, ...]) -> Iterator[Any]:
    if isinstance(value, list) and not (steps and steps[0].isdigit()):
        for each in value:
            yield from _descend(each, steps)
    elif not steps:
        yield value
    elif isinstance(value, list):
        number = int(steps[0])
        if number < len(value):
            yield from _descend(value[number], steps[1:])
    elif isinstance(value, dict) and steps[0] in value:
        yield from _descend(value[steps[0]], steps[1:])


def _equal(found: Any, wanted: str, path: Path) -> bool:
    if path.is_instant:
        return _instant(found) == _milliseconds(wanted)
    if isinstance(found, str):
        return found == wanted
    if isinstance(found, bool):
        return wanted == str(found).lower()
    number = _number(wanted)
    return number is not None and isinstance(found, int | float) and found == number


def _ordered(found: Any, operator: str, wanted: str, path: Path) -> bool:
    left: Any
    right: Any
    if path.is_instant:
        left, right = _instant(found), _milliseconds(wanted)
    elif isinstance(found, str):
        left, right = found, wanted
    else:
        left, right = (None if isinstance(found, bool | dict | list) else found), _number(wanted)
    return left is not None and right is not None and _COMPARE[operator](left, right)


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def _instant(found: Any) -> int | None:
    return found if isinstance(found, int) else _milliseconds(str(found))


def _milliseconds(text: str) -> int | None:
    try:
        return instants.to_us(text) // 1000
    except ValueError:
        return None


def _number(text: str) -> float | None:
    try:
        return float(text) if len(text) < 40 else None
    except ValueError:
        return None


def _text(found: Any) -> str:
    return str(found).lower() if isinstance(found, bool) else str(found)
