"""A table: rows with their columns, and where each row comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_offers.client.model.likeness import near, perhaps
from airflow_provider_offers.client.text import legible, listed, quoted

if TYPE_CHECKING:
    from jinja2 import StrictUndefined

# The maximum number of columns in a message.
_NAMED = 20


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a source, such as a file. Cells without a value are None, and so are cells that a row does not have.

    `source` names the source in messages. `lines` are the lines of the file at which the rows begin; empty without a
    file of lines. `header` is the line of the header, and `named` are its columns, if the file has one.
    """

    rows: Sequence[Mapping[str, Any]]
    source: str = "the rows"
    lines: Sequence[int] = ()
    header: int | None = None
    named: Sequence[str] = ()
    columns: Sequence[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "columns", list(dict.fromkeys([*self.named, *(name for row in self.rows for name in row)]))
        )

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return (Row(row, self) for row in self.rows)

    def place(self, index: int) -> str:
        """A row in a message, counted from 1, with its file and line if it has them."""
        line = f" ({self.source}:{self.lines[index]})" if self.lines else ""
        return f"row {index + 1}{line}"

    def unknown(self, name: object) -> str:
        """A sentence about a column that the table does not have."""
        where = self.source if self.header is None else f"{self.source}:{self.header}"
        likely = perhaps(near(name, self.columns)) if isinstance(name, str) else ""
        named = listed([legible(each) for each in self.columns], _NAMED)
        return f"there is no column {quoted(name, 80)} in {where}{likely or f'; its columns are {named or None}'}"


class Row:
    """A row in a template: `row.sku`, `row["sku"]`.

    A column that the table does not have is an error. `get`, `items`, `keys` and `values` are those of a dict, unless a
    column has that name.
    """

    __slots__ = ("__cells", "__table")

    def __init__(self, cells: Mapping[str, Any], table: Table) -> None:
        self.__cells = cells
        self.__table = table

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in ("get", "items", "keys", "values") and name not in self.__table.columns:
            return getattr(self.__cells, name)
        return self[name]

    def __getitem__(self, name: Any) -> Any:
        if name in self.__cells:
            return self.__cells[name]
        return None if name in self.__table.columns else self._missing(name)

    def _missing(self, name: Any) -> StrictUndefined:
        from jinja2 import StrictUndefined

        return StrictUndefined(self.__table.unknown(name), name=str(name))

    def __contains__(self, name: object) -> bool:
        return name in self.__cells

    def __iter__(self) -> Iterator[str]:
        return iter(self.__cells)

    def __len__(self) -> int:
        return len(self.__cells)

    def __str__(self) -> str:
        return str(dict(self.__cells))

    def as_dict(self) -> dict[str, Any]:
        """The cells by their columns."""
        return dict(self.__cells)
