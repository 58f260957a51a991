"""The calendar as CSV, for a spreadsheet: no cell of it is a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_offers.calendar.document import COLUMNS

# A spreadsheet takes a cell that begins so for a formula; some drop blanks in front of it. The last four are the
# wide forms of the first four.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# Where a spreadsheet begins a cell if it takes semicolons or tabs for separators, as it does in many languages.
_INNER = re.compile("([;\t\r\n])(?=\\s*[=+@\uff1d\uff0b\uff0d\uff20-])")


def csv_of(rows: Iterable[Mapping[str, Any]]) -> str:
    """The rows as RFC 4180, with a line of column names. Several values in one cell are separated by semicolons."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in COLUMNS])
    return file.getvalue()


def _cell(value: Any) -> str | int | float:
    if isinstance(value, (int, float)):
        return value
    text = "; ".join(map(str, value)) if isinstance(value, list) else str(value or "")
    blanks = len(text) - len(text.lstrip())
    text = text[:blanks] + _INNER.sub(r"\1'", text[blanks:])
    return f"'{text}" if text.startswith(_FORMULA) or text[blanks:].startswith(_FORMULA) else text
