"""CSV: text with a header line, cells in quotes where needed, and one of the usual separators."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass

from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.rows.table import Table
from airflow_provider_offers.client.text import quoted

SEPARATORS = (",", ";", "\t", "|")
_SUBJECT = "The rows cannot be read"
# A line with its end. Some programs double the carriage return before a line feed.
_LINE = re.compile(r"[^\r\n]*(?:\r*\n|\r|\Z)")


@dataclass(frozen=True, slots=True)
class _Record:
    line: int
    cells: list[str]


def table_of_csv(text: str, source: str) -> Table:
    """The table in the text of a CSV file.

    Raises `InvalidInputError` with every wrong line. The separator is the one that splits the header. Empty cells are
    None, and lines without any value, or with blanks alone, are left out.
    """
    records, separator = _split(text, source)
    if not records:
        raise InvalidInputError(_SUBJECT, [Violation(source, "an empty file", "a header line with the columns' names")])
    header, body = records[0], [each for each in records[1:] if any(map(str.strip, each.cells))]
    names = [name.strip() for name in header.cells]
    if names[0].lower().startswith("sep="):
        accepted = "a header line with the columns' names; remove the line that only Excel reads"
        raise InvalidInputError(_SUBJECT, [Violation(f"{source}:{header.line}", quoted(names[0], 80), accepted)])
    violations = [*_wrong_names(names, body, f"{source}:{header.line}"), *_repeated(names, body, source)]
    violations += [
        Violation(
            f"{source}:{each.line}",
            _cells(len(each.cells)),
            f"{_cells(len(names))}, as in the header; a cell that contains {separator!r} or a line break needs quotes",
        )
        for each in body
        if len(each.cells) != len(names)
    ]
    if violations:
        raise InvalidInputError(_SUBJECT, violations)
    rows = [{name: cell or None for name, cell in zip(names, each.cells, strict=True) if name} for each in body]
    return Table(rows, source, [each.line for each in body], header.line, [name for name in names if name])


def _cells(count: int) -> str:
    return f"{count} cell{'' if count == 1 else 's'}"


def _wrong_names(names: list[str], body: list[_Record], place: str) -> Iterator[Violation]:
    for index, name in enumerate(names):
        if not name and any(each.cells[index : index + 1] not in ([], [""]) for each in body):
            yield Violation(place, f"no name for column {index + 1}", "a name for each column")
        if name and name in names[:index]:
            yield Violation(place, f"the column {quoted(name, 80)} a second time", "each column once")


def _repeated(names: list[str], body: list[_Record], source: str) -> Iterator[Violation]:
    """Lines that repeat the header, as in files that were put together. A single word may also be a value."""
    if len(list(filter(None, names))) < 2:
        return
    for each in body:
        if [cell.strip().lstrip("\ufeff") for cell in each.cells] == names:
            accepted = "rows only; remove the headers of files that were put together"
            yield Violation(f"{source}:{each.line}", "the header a second time", accepted)


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
    """The records that are not blank lines, each with the line at which it begins.

    A lone carriage return ends the lines of some old files. Next to line feeds it is text that lacks its quotes.
    """
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=separator, strict=True)
    line, first_end = 1, ""
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            given = f"text that is not CSV: {error}"
            accepted = f'quotes in pairs, `"` as `""`, and at most {csv.field_size_limit()} characters in a cell'
            raise InvalidInputError(_SUBJECT, [Violation(f"{source}:{line}", given, accepted)]) from None
        if cells is None:
            return
        first_end = first_end or lines.end
        if lines.end and lines.end != first_end:
            given = "a lone carriage return and a line feed as ends of lines"
            accepted = "one of them; a cell that contains a line break needs quotes"
            raise InvalidInputError(_SUBJECT, [Violation(f"{source}:{line}", given, accepted)])
        if cells:
            yield _Record(line, cells)
        line = reader.line_num + 1


class _Lines:
    """The lines of a text; `end` is the character that ends the last one."""

    def __init__(self, text: str) -> None:
        self._found = _LINE.finditer(text)
        self.end = ""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._found)[0]
        if not line:
            raise StopIteration
        self.end = line[-1] if line[-1] in "\r\n" else ""
        return line
