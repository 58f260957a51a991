"""Lists of objects: one page, found by its sort values, and how many objects there are in all."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from airflow_provider_offers.emulator.filters import Condition
from airflow_provider_offers.emulator.kinds import Kind
from airflow_provider_offers.emulator.library import COLUMNS, Library, Record
from airflow_provider_offers.emulator.ordering import SortKey, beyond, order_by

_COLUMN_COUNT = len(COLUMNS.split(","))


class Test(Protocol):
    """Anything that an object passes or fails."""

    def holds(self, record: Record) -> bool:
        """Whether the object passes."""


@dataclass(frozen=True)
class Selection:
    """What to list: a kind in a sandbox, filtered and sorted; `as_of_us` shows the past that a lagging index has."""

    sandbox: str
    kind: Kind
    keys: Sequence[SortKey]
    conditions: Sequence[Condition] = ()
    tests: Sequence[Test] = ()
    names: Sequence[str] = ()
    ids: Sequence[str] = ()
    as_of_us: int | None = None
    label: str = ""

    def where(self) -> tuple[str, list[Any]]:
        """As much of the selection as SQL can decide."""
        clauses = ["sandbox = ?", "kind = ?"]
        values: list[Any] = [self.sandbox, self.kind.name]
        if self.as_of_us is None:
            clauses.append("current")
        else:
            clauses.append("valid_from_us <= ? AND (valid_to_us IS NULL OR valid_to_us > ?)")
            values += [self.as_of_us, self.as_of_us]
        for column, wanted in (("id", self.ids), ("name", self.names)):
            if wanted:
                clauses.append(f"{column} IN ({', '.join('?' * len(wanted))})")
                values += wanted
        for condition in self.conditions:
            in_sql = condition.sql()
            if in_sql is not None:
                clauses.append(in_sql[0])
                values += in_sql[1]
        return " AND ".join(clauses), values

    def remaining(self) -> list[Test]:
        """What has to be tested object by object."""
        return [each for each in self.conditions if each.sql() is None] + list(self.tests)


@dataclass
class Page:
    """Some objects in order, each with its sort values, and the sort values of the one that follows."""

    items: list[tuple[Record, tuple[Any, ...]]] = field(default_factory=list)
    following: tuple[Any, ...] | None = None


class Listing:
    """Runs selections against one library."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._totals: OrderedDict[tuple[Any, ...], int] = OrderedDict()

    def page(
        self,
        selection: Selection,
        limit: int,
        cursor: Sequence[Any] | None = None,
        *,
        inclusive: bool = False,
    ) -> Page:
        """The objects after a cursor (or from it on), at most `limit`."""
        page = Page()
        for record, values in self._rows(selection, cursor, inclusive=inclusive):
            if len(page.items) == limit:
                page.following = values
                break
            page.items.append((record, values))
        return page

    def before(self, selection: Selection, limit: int, values: Sequence[Any]) -> tuple[Any, ...] | None:
        """The sort values that a page of `limit` objects, ending just before these values, starts with."""
        first = None
        for number, (_, found) in enumerate(self._rows(selection, values, inclusive=False, backwards=True)):
            first = found
            if number + 1 == limit:
                break
        return first

    def total(self, selection: Selection, cursor: Sequence[Any] | None = None) -> int:
        """How many objects the selection has, from the cursor on if there is one."""
        tests = selection.remaining()
        where, values = _with_cursor(selection, cursor, inclusive=False)
        key = (self._library.changes, where, tuple(values), selection.label)
        if key in self._totals:
            return self._totals[key]
        run = self._library.database.connection.execute
        if not tests:
            count = int(run(f"SELECT count(*) FROM revisions WHERE {where}", values).fetchone()[0])
        else:
            rows = run(f"SELECT {COLUMNS} FROM revisions WHERE {where}", values)
            count = sum(1 for row in rows if _passes(Record(*row), tests))
        self._totals[key] = count
        if len(self._totals) > 64:
            self._totals.popitem(last=False)
        return count

    def _rows(
        self, selection: Selection, cursor: Sequence[Any] | None, *, inclusive: bool, backwards: bool = False
    ) -> Iterator[tuple[Record, tuple[Any, ...]]]:
        where, values = _with_cursor(selection, cursor, inclusive=inclusive, backwards=backwards)
        keys, key_values = _key_columns(selection.keys)
        order, order_values = order_by(selection.keys, backwards=backwards)
        sql = f"SELECT {COLUMNS}, {keys} FROM revisions WHERE {where} ORDER BY {order}"
        tests = selection.remaining()
        for row in self._library.database.connection.execute(sql, [*key_values, *values, *order_values]):
            record = Record(*row[:_COLUMN_COUNT])
            if _passes(record, tests):
                yield record, row[_COLUMN_COUNT:]


def _with_cursor(
    selection: Selection, cursor: Sequence[Any] | None, *, inclusive: bool, backwards: bool = False
) -> tuple[str, list[Any]]:
    where, values = selection.where()
    if cursor:
        clause, bound = beyond(selection.keys, cursor, inclusive=inclusive, backwards=backwards)
        return f"{where} AND {clause}", values + bound
    return where, values


def _key_columns(keys: Sequence[SortKey]) -> tuple[str, list[Any]]:
    expressions, values = [], []
    for key in keys:
        expression, bound = key.sql()
        expressions.append(expression)
        values += bound
    return ", ".join(expressions), values


def _passes(record: Record, tests: Sequence[Test]) -> bool:
    return all(test.holds(record) for test in tests)
