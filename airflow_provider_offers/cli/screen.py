"""The output of commands: colors and tables on a terminal, plain text in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cached_property
from io import TextIOWrapper
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

_GAP = "  "


class Screen:
    """Writes to a stream, by default the standard output. A pipe gets the same words without colors and wrapping."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout

    @property
    def is_terminal(self) -> bool:
        """Whether a person reads the output."""
        return self._stream.isatty()

    @cached_property
    def console(self) -> Console:
        """The terminal."""
        from rich.console import Console

        return Console(file=self._stream, highlight=False, markup=False, emoji=False)

    def line(self, text: str = "", *, style: str | None = None) -> None:
        """Write one line, or several that the text holds."""
        if self.is_terminal:
            self.console.print(text, style=style, soft_wrap=True)
        else:
            print(text, file=self._stream)

    def document(self, text: str) -> None:
        """Write text that a program or a browser reads, such as JSON: in UTF-8, whatever the encoding of the stream.

        Halves of surrogate pairs, as in names of files that are not text, become escapes.
        """
        if isinstance(self._stream, TextIOWrapper):
            self._stream.reconfigure(encoding="utf-8", errors="backslashreplace")
        print(text, file=self._stream)

    def flush(self) -> None:
        """Write what is still buffered."""
        self._stream.flush()

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]], styles: Sequence[str | None] = ()) -> None:
        """Write a table; `styles` colors its rows."""
        if not self.is_terminal:
            for line in plain_table(columns, rows):
                print(line, file=self._stream)
            return
        from rich.box import SIMPLE
        from rich.table import Table
        from rich.text import Text

        table = Table(*columns, box=SIMPLE)
        for number, row in enumerate(rows):
            table.add_row(*map(Text, row), style=styles[number] if styles else None)
        self.console.print(table)


def plain_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table without color: each column as wide as its widest cell."""
    every = [list(map(str.upper, columns)), *rows]
    widths = [max(len(row[number]) for row in every) for number in range(len(columns))]
    padded = (_GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in every)
    return [line.rstrip() for line in padded]
