"""Reads Parquet: each cell as the value that CSV, JSON or a database would give, and errors by row and column."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.given import as_json
from airflow_provider_offers.client.rows.table import Table
from airflow_provider_offers.client.text import quoted

_SUBJECT = "The rows cannot be read"
_LONGEST = 200
_VALUE = "a value that Python can hold; convert the column where the file is written, for example to text"
# The most digits of short floating-point numbers, by the format of `struct`.
_DIGITS = {"e": 5, "f": 9}


def table_of_parquet(content: bytes, source: str) -> Table:
    """The table in the content of a Parquet file. Needs pyarrow.

    A decimal number becomes a number, a map an object, and a short floating-point number the number with the fewest
    digits, as everybody else shows it. Raises `InvalidInputError` with each column that cannot be read, and its first
    row.
    """
    try:
        from pyarrow import ArrowException, BufferReader, parquet  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        accepted = "pyarrow in the environment of the worker (`pip install pyarrow`), or CSV or JSON lines"
        violation = Violation("rows", f"the Parquet file {source!r}, and no pyarrow", accepted)
        raise InvalidInputError(_SUBJECT, [violation]) from None
    try:
        with parquet.ParquetFile(BufferReader(content)) as file:
            names = list(map(str, file.schema_arrow.names))
            _expect_once(names, source)
            columns = file.read().columns
    except (ArrowException, OSError) as error:
        given = f"content that cannot be read: {quoted(str(error), _LONGEST)}"
        raise InvalidInputError(_SUBJECT, [Violation(source, given, "a Parquet file")]) from None
    wrong: list[Violation] = []
    cells = [_cells(name, column, source, wrong) for name, column in zip(names, columns, strict=True)]
    if wrong:
        raise InvalidInputError(_SUBJECT, wrong)
    rows = [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]
    return Table(rows, source, named=names)


def _expect_once(names: list[str], source: str) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        given = f"the column {quoted(twice[0], 80)} {names.count(twice[0])} times"
        raise InvalidInputError(_SUBJECT, [Violation(source, given, "each column once")])


def _cells(name: str, column: Any, source: str, wrong: list[Violation]) -> list[Any]:
    """The values of a column; adds a violation for the first row whose value cannot be read."""
    column = _in_microseconds(column)
    plain = _plain(column.type)
    try:
        return [plain(value) for value in column.to_pylist()]
    except Exception:
        # pyarrow and Python raise any error for a value out of their range.
        failed = list(_failed(column, plain))
        if not failed:
            # No value is at fault: for example, the memory was too small for all of them together.
            raise
    index, error = failed[0]
    more = len(failed) - 1
    others = f", and {more} more row{'s' if more > 1 else ''} like this" if more else ""
    why = quoted(str(error), _LONGEST)[1:-1]
    given = f"a value in the column {quoted(name, 80)}, {column.type}, that cannot be read: {why}{others}"
    wrong.append(Violation(f"{source}, row {index + 1}", given, _VALUE))
    return []


def _in_microseconds(column: Any) -> Any:
    """Times without the nanoseconds, which Python does not have. The service keeps milliseconds."""
    from pyarrow import duration, time64, timestamp, types  # type: ignore[import-not-found, unused-ignore]

    kind = column.type
    if getattr(kind, "unit", "") != "ns":
        return column
    if types.is_timestamp(kind):
        return column.cast(timestamp("us", tz=kind.tz), safe=False)
    return column.cast(duration("us") if types.is_duration(kind) else time64("us"), safe=False)


def _failed(column: Any, plain: Callable[[Any], Any]) -> Iterator[tuple[int, Exception]]:
    for index, cell in enumerate(column):
        try:
            plain(cell.as_py())
        except Exception as error:  # noqa: BLE001  as above
            yield index, error


def _plain(kind: Any) -> Callable[[Any], Any]:
    """What makes a value of Arrow's type one that JSON has, as far as there is one."""
    from pyarrow import types  # type: ignore[import-not-found, unused-ignore]

    if types.is_dictionary(kind):
        return _plain(kind.value_type)
    if types.is_float16(kind) or types.is_float32(kind):
        short = "e" if types.is_float16(kind) else "f"
        return _unless_none(lambda value: _shortest(value, short))
    if types.is_map(kind):
        key, item = _plain(kind.key_type), _plain(kind.item_type)
        return _unless_none(lambda value: _object([(key(name), item(each)) for name, each in value]))
    if types.is_struct(kind):
        members = {member.name: _plain(member.type) for member in kind}
        return _unless_none(lambda value: {name: members[name](each) for name, each in value.items()})
    if hasattr(kind, "value_type"):
        each_plain = _plain(kind.value_type)
        return _unless_none(lambda value: [each_plain(each) for each in value])
    return as_json


def _unless_none(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else convert(value)


def _object(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a map has a key twice")
    return found


def _shortest(value: float, short: str) -> float:
    """The number with the fewest digits that is this one in 16 or 32 bits: 0.1, and not 0.10000000149011612."""
    value = float(value)
    for digits in range(1, _DIGITS[short]):
        found = float(f"{value:.{digits}g}")
        try:
            if struct.pack(short, found) == struct.pack(short, value):
                return found
        except OverflowError:
            continue
    return value
