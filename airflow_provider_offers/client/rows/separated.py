"""CSV: text with a header line, cells in quotes where needed, and one of the usual separators."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.rows.table import Table
from airflow_provider_offers.client.text import quoted

SEPARATORS = (",", ";", "\t", "|")
_SUBJECT = "The rows cannot be read"


@dataclass(frozen=True, slots=True)
class _Record:
    line: int
    cells: list[str]


def table_of_csv(text: str, source: str) -> Table:
    """The table in the text of a CSV file.

    Raises `InvalidInputError` with every wrong line. The separator is the one that splits the header. Empty cells are
    None, and lines without any value are left out.
    """
    records, separator = _split(text, source)
    if not records:
        raise InvalidInputError(_SUBJECT, [Violation(source, "an empty file", "a header line with the columns' names")])
    header, body = records[0], [each for each in records[1:] if any(each.cells)]
    names = [name.strip() for name in header.cells]
    violations = [*_wrong_names(names, body, f"{source}:{header.line}")]
    violations += [
        Violation(
            f"{source}:{each.line}",
            f"{len(each.cells)} cells",
            f"{len(names)} cells, as in the header; a cell that contains {separator!r} or a line break needs quotes",
        )
        for each in body
        if len(each.cells) != len(names)
    ]
    if violations:
        raise InvalidInputError(_SUBJECT, violations)
    rows = [{name: cell or None for name, cell in zip(names, each.cells, strict=True) if name} for each in body]
    return Table(rows, source, [each.line for each in body], header.line)


def _wrong_names(names: list[str], body: list[_Record], place: str) -> Iterator[Violation]:
    for index, name in enumerate(names):
        if not name and any(each.cells[index : index + 1] not in ([], [""]) for each in body):
            yield Violation(place, f"no name for column {index + 1}", "a name for each column")
        if name and name in names[:index]:
            yield Violation(place, f"the column {quoted(name, 80)} a second time", "each column once")


def _split(text: str, source: str) -> tuple[list[_Record], str]:
    """The records, and the separator, which splits the header and gives every record the same number of cells."""
    splitting = [each for each in SEPARATORS if _splits(text, each)]
    if len(splitting) <= 1:
        separator = (splitting or SEPARATORS)[0]
        return list(_records(text, separator, source)), separator
    split = {each: found for each in splitting if (found := _evenly(text, each))}
    if len(split) == 1:
        ((separator, records),) = split.items()
        return records, separator
    given = f"a header that {' and '.join(map(repr, splitting))} can separate"
    accepted = "one separator; quotes around a name that contains another one"
    raise InvalidInputError(_SUBJECT, [Violation(f"{source}:1", given, accepted)])


def _splits(text: str, separator: str) -> bool:
    """Whether a separator splits the header."""
    try:
        header = next(_records(text, separator, ""), None)
    except InvalidInputError:
        return False
    return header is not None and len(header.cells) > 1


def _evenly(text: str, separator: str) -> list[_Record]:
    """The records, if all have the same number of cells; else none."""
    try:
        records = list(_records(text, separator, ""))
    except InvalidInputError:
        return []
    return records if len({len(record.cells) for record in records}) == 1 else []


def _records(text: str, separator: str, source: str) -> Iterator[_Record]:
    """The records that are not blank lines, each with the line at which it begins."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            violation = Violation(f"{source}:{line}", f"text that is not CSV: {error}", 'quotes in pairs, `"` as `""`')
            raise InvalidInputError(_SUBJECT, [violation]) from None
        if cells is None:
            return
        if cells:
            yield _Record(line, cells)
        line = reader.line_num + 1
