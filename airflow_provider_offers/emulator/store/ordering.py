"""Sorting by properties, and the cursors that continue a sorted list: keys, their SQL, and their text in a link."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_offers.emulator import instants
from airflow_provider_offers.emulator.kinds import Kind
from airflow_provider_offers.emulator.shapes import Spelling
from airflow_provider_offers.emulator.store.filters import ACCOUNTS, NOWHERE, FilterError, Path, path_of

_NO_NUMBER = -(2**53)
_MILLIS_LENGTH = len("2026-01-01T00:00:00.000")
_COMPARISON = {(False, True): ">=", (False, False): ">", (True, True): "<=", (True, False): "<"}


@dataclass(frozen=True)
class SortKey:
    """One property to sort by, with the caller's name for it."""

    name: str
    path: Path
    descending: bool = False

    @property
    def spelled(self) -> str:
        """The key as text in a link."""
        return f"-{self.name}" if self.descending else self.name

    def sql(self) -> tuple[str, list[Any]]:
        """The SQL expression; missing values sort first."""
        column = self.path.column
        if column == NOWHERE:
            return "''", []
        if column is not None:
            return ("ifnull(status, '')" if column == "status" else ACCOUNTS.get(column, column)), []
        location = "$" + "".join(f"[{step}]" if step.isdigit() else f'."{step}"' for step in self.path.steps)
        value = "json_extract(body, ?)"
        if self.path.is_instant:
            # Normalized dates sort as text; a cursor has milliseconds, so finer digits do not count.
            return f"ifnull(substr(CAST({value} AS TEXT), 1, {_MILLIS_LENGTH}), '')", [location]
        if self.path.is_integer:
            return f"ifnull(CAST({value} AS INTEGER), {_NO_NUMBER})", [location]
        return f"ifnull(CAST({value} AS TEXT), '')", [location]

    @property
    def is_number(self) -> bool:
        """Whether the values are numbers in SQL; dates in the object's properties are texts."""
        return self.path.is_envelope_date or self.path.is_integer

    def milliseconds(self, value: Any) -> int:
        """A value of a key of instants, as milliseconds since 1970."""
        return int(value) if self.is_number else instants.to_us(f"{value}Z") // 1000


def parse(values: Sequence[str], kind: Kind, spelling: Spelling) -> list[SortKey]:
    """The keys of `orderBy` parameters; an unescaped `+` arrives as a space."""
    keys = []
    for text in (part for value in values for part in value.split(",")):
        name = text.strip().lstrip("+-").strip()
        if not name:
            raise FilterError(f"{text!r} is not a property to order by")
        keys.append(SortKey(name, path_of(name, kind, spelling), text.strip().startswith("-")))
    return keys


def order_by(keys: Sequence[SortKey], *, backwards: bool = False) -> tuple[str, list[Any]]:
    """The ORDER BY clause of these keys."""
    clauses, values = [], []
    for key in keys:
        expression, bound = key.sql()
        clauses.append(f"{expression} {'DESC' if key.descending is not backwards else 'ASC'}")
        values += bound
    return ", ".join(clauses), values


def beyond(
    keys: Sequence[SortKey], cursor: Sequence[Any], *, inclusive: bool, backwards: bool
) -> tuple[str, list[Any]]:
    """The condition for the rows after a cursor, which can have fewer values than there are keys."""
    alternatives, values = [], []
    for last in range(len(cursor)):
        parts = []
        for position in range(last + 1):
            expression, bound = keys[position].sql()
            final = position == last
            at_end = final and last == len(cursor) - 1
            down = keys[position].descending is not backwards
            parts.append(f"{expression} {_COMPARISON[down, inclusive and at_end] if final else '='} ?")
            values += [*bound, cursor[position]]
        alternatives.append(f"({' AND '.join(parts)})")
    # The repeated condition on the first key lets SQLite seek instead of reading from the start.
    expression, bound = keys[0].sql()
    seek = f"{expression} {_COMPARISON[keys[0].descending is not backwards, True]} ?"
    return f"{seek} AND ({' OR '.join(alternatives)})", [*bound, cursor[0], *values]


def cursor_text(keys: Sequence[SortKey], values: Sequence[Any], *, dates: str) -> str:
    """Sort values as a cursor; `dates` says whether instants are `ms` numbers or `text`."""
    parts = []
    for key, value in zip(keys, values, strict=False):
        if key.is_number and value == _NO_NUMBER:
            parts.append("")
        elif key.path.is_instant and value != "":
            ms = key.milliseconds(value)
            parts.append(instants.millis_text(ms * 1000) if dates == "text" else str(ms))
        else:
            parts.append(str(value).replace("\\", "\\\\").replace(",", "\\,"))
    return ",".join(parts)


def cursor_values(keys: Sequence[SortKey], text: str) -> list[Any]:
    """The sort values in a cursor."""
    parts = _split(text)
    if len(parts) > len(keys):
        raise FilterError(f"start has {len(parts)} values for {len(keys)} sort keys: {text!r}")
    return [_value(key, part) for key, part in zip(keys, parts, strict=False)]


def _split(text: str) -> list[str]:
    parts, escaped = [""], False
    for character in text:
        if escaped or character not in "\\,":
            parts[-1] += character
            escaped = False
        elif character == "\\":
            escaped = True
        else:
            parts.append("")
    return parts


def _value(key: SortKey, part: str) -> Any:
    if part == "":
        return _NO_NUMBER if key.is_number else ""
    if not key.is_number and not key.path.is_instant:
        return part
    try:
        if not key.path.is_instant:
            return int(part[:19])
        ms = int(part[:19]) if part.lstrip("-").isdigit() else instants.to_us(part) // 1000
        return ms if key.is_number else instants.millis_text(ms * 1000)[:_MILLIS_LENGTH]
    except (ValueError, OverflowError):
        raise FilterError(f"{part!r} in start is not a value of {key.name}") from None
