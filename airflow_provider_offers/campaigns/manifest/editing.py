"""Replaces one value in the text of a manifest's file, and leaves everything else as it is written."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import yaml

from airflow_provider_offers.client.wire.messages import Json

_DELIMITERS = (",", ";", "\t", "|")


def with_value(text: str, line: int, column: int, value: Json) -> str | None:
    """YAML or JSON text with another value at a place (from 1); None if no scalar or flow collection stands there.

    The value is written as JSON, which YAML reads, too.
    """
    depth, start = 0, None
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        at, end = event.start_mark, event.end_mark
        if at is None or end is None:
            continue
        if start is None and (at.line, at.column) == (line - 1, column - 1):
            if isinstance(event, yaml.ScalarEvent) and event.style not in ("|", ">") and not event.anchor:
                return _replaced(text, at.index, end.index, value)
            if isinstance(event, yaml.CollectionStartEvent) and event.flow_style and not event.anchor:
                start = at.index
        if start is not None:
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth == 0:
                return _replaced(text, start, end.index, value)
    return None


def _replaced(text: str, start: int, end: int, value: Json) -> str:
    return text[:start] + json.dumps(value, ensure_ascii=False) + text[end:]


def with_cell(text: str, line: int, column: str, value: str) -> str | None:
    """CSV text with another cell in the row that begins at a line (from 1); None if that has no such cell."""
    lines = text.splitlines(keepends=True)
    for delimiter in _DELIMITERS:
        header = [each.strip() for each in next(csv.reader(lines[:1], delimiter=delimiter), [])]
        if column in header and line <= len(lines):
            break
    else:
        return None
    row = lines[line - 1]
    ending = row[len(row.rstrip("\r\n")) :]
    # A row of several lines has quotes that this line does not close.
    cells = next(csv.reader([row], delimiter=delimiter))
    if row.count('"') % 2 or len(cells) != len(header):
        return None
    cells[header.index(column)] = value
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter, lineterminator="").writerow(cells)
    lines[line - 1] = written.getvalue() + ending
    return "".join(lines)


def as_cell(value: Any) -> str | None:
    """A value as the cell of a table; None if no cell has such a value."""
    if isinstance(value, str) and value:
        return value
    return json.dumps(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
