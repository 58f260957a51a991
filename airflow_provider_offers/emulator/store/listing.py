"""Lists of objects: one page, found by its sort values, and the total number."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Protocol

from airflow_provider_offers.emulator.kinds import Kind
from airflow_provider_offers.emulator.store.filters import Condition
from airflow_provider_offers.emulator.store.library import COLUMNS, Library, Record
from airflow_provider_offers.emulator.store.ordering import SortKey, beyond, order_by

_COLUMN_COUNT = len(COLUMNS.split(","))
_ROW_COLUMN = COLUMNS.split(",")[0]
# The number of objects per read: other requests run in between.
_PIECE = 200
_ROWS = 2000
_TURN_SECONDS = 0.0005


class Test(Protocol):
    """A condition on an object."""

    def holds(self, record: Record) -> bool:
        """Whether the object matches."""


@dataclass(frozen=True)
class Selection:
    """The list to read: a kind in a sandbox, filtered and sorted; `as_of_us` is the time that a lagging index shows."""

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
        """The part of the selection that SQL can evaluate."""
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

    @property
    def table(self) -> str:
        """The SQL source: the index of ids or names if these are given, in any order."""
        told = {each.path.column for each in self.conditions if each.operator == "==" and not each.negated}
        if self.as_of_us is None and (self.ids or "id" in told):
            return "revisions INDEXED BY by_id"
        if self.as_of_us is None and (self.names or "name" in told):
            return "revisions INDEXED BY by_name"
        if self.as_of_us is None and any(each.lists_ids for each in self.conditions):
            return "revisions INDEXED BY by_id_in_lower_case"
        return "revisions"

    def remaining(self) -> list[Test]:
        """The conditions that must be tested for each object."""
        return [each for each in self.conditions if each.sql() is None] + list(self.tests)


@dataclass
class Page:
    """Objects in order, each with its sort values, and the sort values of the next one."""

    items: list[tuple[Record, tuple[Any, ...]]] = field(default_factory=list)
    following: tuple[Any, ...] | None = None


class Listing:
    """Runs selections on one library; it holds `lock` only while it reads a piece."""

    def __init__(self, library: Library, lock: AbstractContextManager[Any]) -> None:
        self._library, self._lock = library, lock
        self._totals: OrderedDict[tuple[Any, ...], int] = OrderedDict()

    def page(
        self,
        selection: Selection,
        limit: int,
        cursor: Sequence[Any] | None = None,
        *,
        inclusive: bool = False,
    ) -> Page:
        """The objects after a cursor (or from the cursor), at most `limit`."""
        page = Page()
        for record, values in self._rows(selection, limit + 1, cursor, inclusive=inclusive):
            if len(page.items) == limit:
                page.following = values
                break
            page.items.append((record, values))
        return page

    def before(self, selection: Selection, limit: int, values: Sequence[Any]) -> tuple[Any, ...] | None:
        """The first sort values of the page with `limit` objects that ends right before these values."""
        first = None
        for number, (_, found) in enumerate(self._rows(selection, limit, values, inclusive=False, backwards=True)):
            first = found
            if number + 1 == limit:
                break
        return first

    def total(self, selection: Selection, cursor: Sequence[Any] | None = None) -> int:
        """The number of objects in the selection, from the cursor if there is one."""
        tests = selection.remaining()
        where, values = _with_cursor(selection, cursor, inclusive=False)
        with self._lock:
            key = (self._library.changes, where, tuple(values), selection.label)
            if key in self._totals:
                return self._totals[key]
        if not tests:
            ((count,),) = self._read(f"SELECT count(*) FROM {selection.table} WHERE {where}", values)
        else:
            rows = self._rows_of(selection, where, values)
            count = sum(1 for record, _ in self._records(rows) if _passes(record, tests))
        with self._lock:
            self._totals[key] = count
            if len(self._totals) > 64:
                self._totals.popitem(last=False)
        return int(count)

    def _rows(
        self, selection: Selection, most: int, cursor: Sequence[Any] | None, *, inclusive: bool, backwards: bool = False
    ) -> Iterator[tuple[Record, tuple[Any, ...]]]:
        where, values = _with_cursor(selection, cursor, inclusive=inclusive, backwards=backwards)
        keys, key_values = _key_columns(selection.keys)
        order, order_values = order_by(selection.keys, backwards=backwards)
        bound = [*key_values, *values, *order_values]
        tests = selection.remaining()
        if not tests and all(key.path.column is not None for key in selection.keys):
            sql = f"SELECT {COLUMNS}, {keys} FROM {selection.table} WHERE {where} ORDER BY {order} LIMIT {most}"
            for row in self._read(sql, bound):
                yield Record(*row[:_COLUMN_COUNT]), row[_COLUMN_COUNT:]
            return
        rows = self._rows_of(selection, where, values, f", {keys}", key_values)
        for position, key in reversed([*enumerate(selection.keys, 1)]):
            rows.sort(key=itemgetter(position), reverse=key.descending is not backwards)
        for record, found in self._records(rows):
            if _passes(record, tests):
                yield record, found

    def _rows_of(
        self, selection: Selection, where: str, values: list[Any], keys: str = "", key_values: Sequence[Any] = ()
    ) -> list[tuple[Any, ...]]:
        """The numbers of the rows that SQL selects, unordered, each with its sort values; read in pieces.

        Revisions are written at the end. An object that exists the whole time is therefore found once or twice.
        """
        sql = f"SELECT {_ROW_COLUMN}, id{keys} FROM {selection.table} WHERE {where}"
        if selection.table != "revisions":
            return [(row[0], *row[2:]) for row in self._read(sql, [*key_values, *values])]
        sql = sql.replace(" FROM revisions ", " FROM revisions NOT INDEXED ", 1) + f" AND {_ROW_COLUMN} BETWEEN ? AND ?"
        found: dict[str, tuple[Any, ...]] = {}
        first = 1
        while first <= (self._read(f"SELECT max({_ROW_COLUMN}) FROM revisions", ())[0][0] or 0):
            for row in self._read(sql, [*key_values, *values, first, first + _ROWS - 1]):
                found.setdefault(row[1], (row[0], *row[2:]))
            first += _ROWS
            time.sleep(_TURN_SECONDS)
        return list(found.values())

    def _records(self, rows: Sequence[Sequence[Any]]) -> Iterator[tuple[Record, tuple[Any, ...]]]:
        """The objects and the other values of these rows; deleted objects are left out."""
        for start in range(0, len(rows), _PIECE):
            piece = rows[start : start + _PIECE]
            marks = ", ".join("?" * len(piece))
            sql = f"SELECT {COLUMNS} FROM revisions WHERE {_ROW_COLUMN} IN ({marks})"
            found = {row[0]: row for row in self._read(sql, [row[0] for row in piece])}
            if start:
                time.sleep(_TURN_SECONDS)
            for number, *rest in piece:
                if number in found:
                    yield Record(*found[number]), tuple(rest)

    def _read(self, sql: str, values: Sequence[Any]) -> list[Any]:
        with self._lock:
            return self._library.database.connection.execute(sql, values).fetchall()


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
