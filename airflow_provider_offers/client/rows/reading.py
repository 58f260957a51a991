"""Reads tables: CSV, JSON, JSON lines and Parquet files, and lists of dicts or tuples."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.given import as_json
from airflow_provider_offers.client.rows.columnar import table_of_parquet
from airflow_provider_offers.client.rows.separated import table_of_csv
from airflow_provider_offers.client.rows.table import Table
from airflow_provider_offers.client.text import NameTwiceError, json_of, quoted

_SUBJECT = "The rows cannot be read"
_JSON_ROW = 'an object, such as {"name": "Spring"}'


def table_of_file(name: str, content: bytes) -> Table:
    """The table in a file's content; its format follows from the ending of the name.

    Raises `InvalidInputError` if it is not readable. Text is UTF-8, with or without a byte order mark, or UTF-16 with
    one.
    """
    source = name.replace("\\", "/").rpartition("/")[2] or name
    ending = source.rpartition(".")[2].lower()
    if ending not in _READERS:
        accepted = f"a file that ends in {', '.join(f'.{each}' for each in _READERS)}"
        raise InvalidInputError(_SUBJECT, [Violation("rows", f"the file {name!r}", accepted)])
    return _READERS[ending](content, source)


def table_of_list(rows: Sequence[Any], columns: Sequence[str] | None = None, source: str = "the rows") -> Table:
    """The table of a list of dicts, or of a list of tuples, whose cells get their names from `columns` in order.

    A Decimal becomes a number and a UUID becomes text, as in JSON. Raises `InvalidInputError` with every wrong row.
    """
    _check_columns(columns)
    wrong = []
    read = []
    for index, row in enumerate(rows):
        if isinstance(row, Mapping):
            read.append(row)
            wrong += [_row(index, f"the column {quoted(name)}", "text") for name in row if not isinstance(name, str)]
        elif columns is not None and isinstance(row, Sequence) and not isinstance(row, (str, bytes)):
            if len(row) != len(columns):
                wrong.append(_row(index, f"{len(row)} values", f"{len(columns)}, one for each of `columns`"))
            read.append(dict(zip(columns, row, strict=False)))
        else:
            wrong.append(_row(index, quoted(row, 120), _accepted(row)))
    if wrong:
        raise InvalidInputError(_SUBJECT, _once(wrong))
    return Table([{name: as_json(value) for name, value in row.items()} for row in read], source)


def _check_columns(columns: Any) -> None:
    if columns is None:
        return
    named = isinstance(columns, (list, tuple)) and columns and all(isinstance(each, str) and each for each in columns)
    if not named or len(set(columns)) < len(columns):
        accepted = "a list with the name of each column, each once"
        raise InvalidInputError(_SUBJECT, [Violation("columns", quoted(columns), accepted)])


def _row(index: int, given: str, accepted: str) -> Violation:
    return Violation(f"row {index + 1}", given, accepted)


def _accepted(row: Any) -> str:
    if isinstance(row, (list, tuple)):
        return "a dict; for tuples, as SQL operators return them, `columns` with the name of each value"
    return "a dict of the row's columns"


def _once(violations: list[Violation]) -> list[Violation]:
    """The first of several equal violations, with the number of the others."""
    alike: dict[str, list[Violation]] = {}
    for each in violations:
        alike.setdefault(each.expected, []).append(each)
    return [Violation(each[0].pointer, _with_others(each), accepted) for accepted, each in alike.items()]


def _with_others(alike: list[Violation]) -> str:
    others = len(alike) - 1
    return f"{alike[0].given}, and {others} more row{'s' if others > 1 else ''} like this" if others else alike[0].given


def _csv(content: bytes, source: str) -> Table:
    return table_of_csv(decoded(content, source), source)


def _json(content: bytes, source: str) -> Table:
    rows = _parsed(decoded(content, source), source)
    if not isinstance(rows, list):
        raise InvalidInputError(
            _SUBJECT, [Violation(source, f"JSON that is not a list: {quoted(rows)}", "a list of rows")]
        )
    return _objects(rows, source)


def _json_lines(content: bytes, source: str) -> Table:
    # Only line breaks separate rows; the other line breaks of Unicode may be in text.
    lines = list(enumerate(decoded(content, source).split("\n"), 1))
    numbered = [(number, line) for number, line in lines if line.strip()]
    found: list[Any] = []
    wrong: list[Violation] = []
    for number, line in numbered:
        try:
            found.append(_parsed(line, f"{source}:{number}"))
        except InvalidInputError as error:
            wrong += error.violations
    if wrong:
        raise InvalidInputError(_SUBJECT, wrong)
    return _objects(found, source, [number for number, _ in numbered])


def _objects(rows: list[Any], source: str, lines: Sequence[int] = ()) -> Table:
    wrong = [
        Violation(f"{source}:{lines[index]}" if lines else f"{source}, row {index + 1}", quoted(row), _JSON_ROW)
        for index, row in enumerate(rows)
        if not isinstance(row, dict)
    ]
    if wrong:
        raise InvalidInputError(_SUBJECT, wrong)
    return Table(rows, source, lines)


def _parsed(text: str, place: str) -> Any:
    try:
        return json_of(text)
    except json.JSONDecodeError as error:
        where = f"{error.msg} at character {error.colno}" + (f" of line {error.lineno}" if error.lineno > 1 else "")
        violation = Violation(place, f"text that is not JSON: {where}: {quoted(text.strip(), 80)}", "JSON")
    except NameTwiceError as error:
        violation = Violation(place, f"ambiguous JSON: {error}", "each name once")
    except ValueError as error:
        violation = Violation(place, f"text that is not JSON: {error}", "JSON")
    except RecursionError:
        violation = Violation(place, "JSON nested too deep", "fewer levels")
    raise InvalidInputError(_SUBJECT, [violation])


def decoded(content: bytes, source: str) -> str:
    """The text of a file: UTF-8, with or without a byte order mark, or UTF-16 with one.

    Raises `InvalidInputError` with the line of the first wrong byte.
    """
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    if encoding != "utf-16" and 0 in content[:2]:
        violation = Violation(f"{source}:1", "UTF-16 without a byte order mark", "a file in UTF-8")
        raise InvalidInputError(_SUBJECT, [violation])
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        given = f"bytes that are not {'UTF-16' if encoding == 'utf-16' else 'UTF-8'}"
        accepted = "a file in UTF-8" + ("; Excel calls it 'CSV UTF-8'" if source.lower().endswith(".csv") else "")
        raise InvalidInputError(_SUBJECT, [Violation(f"{source}:{line}", given, accepted)]) from None


_READERS: Mapping[str, Callable[[bytes, str], Table]] = {
    "csv": _csv,
    "tsv": _csv,
    "jsonl": _json_lines,
    "ndjson": _json_lines,
    "json": _json,
    "parquet": table_of_parquet,
}
ENDINGS = tuple(f".{each}" for each in _READERS)
