"""Parquet gives the values that CSV, JSON or a database would give, and errors name row and column."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_offers.client.errors import InvalidInputError
from airflow_provider_offers.client.rows import columnar
from airflow_provider_offers.client.rows.reading import table_of_file
from airflow_provider_offers.client.rows.table import Table

pyarrow: Any = pytest.importorskip("pyarrow", reason="pyarrow is not installed: Parquet is optional")
parquet: Any = pytest.importorskip("pyarrow.parquet", reason="pyarrow has no Parquet here")

NINE = datetime(2036, 3, 10, 9)  # noqa: DTZ001  a wall-clock time
FIRST = 2_089_616_400_000_000_001


def table(columns: Any) -> Table:
    file = io.BytesIO()
    parquet.write_table(columns if isinstance(columns, pyarrow.Table) else pyarrow.table(columns), file)
    return table_of_file("season/o.parquet", file.getvalue())


def read(values: list[Any], kind: Any = None) -> list[Any]:
    return [row["a"] for row in table({"a": pyarrow.array(values, kind)}).rows]


def wrong(columns: Any) -> str:
    with pytest.raises(InvalidInputError) as caught:
        table(columns)
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([Decimal("1.50"), Decimal("2.00"), None], None, [1.5, 2, None]),
        ([[Decimal("1.50"), None], None], None, [[1.5, None], None]),
        ([{"x": Decimal("2.00")}], None, [{"x": 2}]),
        ([[("k", Decimal("1.5"))], None], pyarrow.map_(pyarrow.string(), pyarrow.decimal128(3, 1)), [{"k": 1.5}, None]),
        # Nobody else shows 0.10000000149011612, and a customer may read it.
        ([0.1, 19.99, None, 3.0], pyarrow.float32(), [0.1, 19.99, None, 3.0]),
        ([[0.1]], pyarrow.list_(pyarrow.float32()), [[0.1]]),
        ([0.1], pyarrow.float64(), [0.1]),
        (["a", None, "a"], pyarrow.dictionary(pyarrow.int8(), pyarrow.string()), ["a", None, "a"]),
        ([["a"], [], None], None, [["a"], [], None]),
        ([NINE], None, [NINE]),
        ([NINE], pyarrow.timestamp("ms", tz="Europe/Paris"), [NINE.replace(tzinfo=UTC)]),
        ([date(2036, 3, 10)], None, [date(2036, 3, 10)]),
        ([b"x"], None, [b"x"]),
        ([2**64 - 1], pyarrow.uint64(), [2**64 - 1]),
        ([True, None], None, [True, None]),
        ([None, None], None, [None, None]),
    ],
)
def test_each_type_is_the_value_that_others_show(values: list[Any], kind: Any, expected: list[Any]) -> None:
    assert read(values, kind) == expected


def test_the_zone_of_a_time_stays_and_none_is_added() -> None:
    (paris,) = read([NINE], pyarrow.timestamp("us", tz="Europe/Paris"))
    (hour,) = read([NINE], pyarrow.timestamp("us", tz="+01:00"))
    (naive,) = read([NINE], pyarrow.timestamp("us"))

    assert paris.astimezone(ZoneInfo("Europe/Paris")).utcoffset() == paris.utcoffset() == timedelta(hours=1)
    assert hour.utcoffset() == timezone(timedelta(hours=1)).utcoffset(None)
    assert naive.tzinfo is None


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_nanoseconds_are_left_out(zone: str | None) -> None:
    """Python has none, and the service keeps milliseconds; the column may not be used at all."""
    (found,) = read([FIRST], pyarrow.timestamp("ns", tz=zone))
    expected = datetime.fromtimestamp(FIRST // 10**9, UTC)

    assert found == (expected if zone else expected.replace(tzinfo=None))
    assert read([1], pyarrow.time64("ns"))[0].microsecond == 0
    assert read([1_001], pyarrow.duration("ns")) == [timedelta(microseconds=1)]


def test_what_python_cannot_hold_is_told_by_row_and_column() -> None:
    times = pyarrow.array([None, 2**62, 2**62], pyarrow.timestamp("us"))
    names = pyarrow.StructArray.from_arrays([pyarrow.array([1, 2, 3])] * 2, names=["x", "x"])

    told = wrong({"name": ["a", "b", "c"], "ends": times, "more": names})

    assert "o.parquet, row 2: given a value in the column 'ends', timestamp[us], that cannot be read: " in told
    assert ", and 1 more row like this; expected a value that Python can hold; convert the column" in told
    assert "o.parquet, row 1: given a value in the column 'more', struct<x: int64, x: int64>, that cannot be" in told


def test_a_column_or_a_key_that_is_there_twice_is_an_error() -> None:
    twice = pyarrow.Table.from_arrays([pyarrow.array([1]), pyarrow.array([2])], names=["sku", "sku"])
    pairs = pyarrow.array([[("k", 1), ("k", 2)]], pyarrow.map_(pyarrow.string(), pyarrow.int64()))

    assert "o.parquet: given the column 'sku' 2 times; expected each column once" in wrong(twice)
    assert "the column 'a', map<string, int64 ('a')>, that cannot be read: a map has a key twice" in wrong({"a": pairs})


def test_a_file_without_rows_has_its_columns() -> None:
    empty = table({"sku": pyarrow.array([], pyarrow.string())})

    assert (empty.rows, empty.columns) == ([], ["sku"])


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1xxxxPAR1", b"sku,name\n" * 9])
def test_a_file_of_another_format_is_told(content: bytes) -> None:
    with pytest.raises(InvalidInputError, match=r"given content that cannot be read: .*; expected a Parquet"):
        table_of_file("o.parquet", content)


def test_an_error_of_no_value_is_told_as_it_is() -> None:
    class Column:
        type = pyarrow.int64()

        def to_pylist(self) -> list[int]:
            raise MemoryError("too many")

        def __iter__(self) -> Iterator[Any]:
            return iter(pyarrow.array([1, 2]))

    with pytest.raises(MemoryError, match="too many"):
        columnar._cells("sku", Column(), "offers.parquet", [])
