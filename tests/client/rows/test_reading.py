"""Tables are read as they were written: every text survives, an empty cell is None, and errors name file and line."""

from __future__ import annotations

import csv
import io
import json
from contextlib import suppress
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from airflow_provider_offers.client.errors import InvalidInputError
from airflow_provider_offers.client.rows.reading import table_of_file, table_of_list
from airflow_provider_offers.client.rows.separated import SEPARATORS

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
TEXT = st.text(max_size=20)
CELLS = st.lists(st.tuples(TEXT, TEXT), max_size=6)


def wrong(name: str, content: str | bytes) -> str:
    with pytest.raises(InvalidInputError) as caught:
        table_of_file(name, content if isinstance(content, bytes) else content.encode())
    return str(caught.value)


@UNHURRIED
@given(
    cells=CELLS,
    separator=st.sampled_from(SEPARATORS),
    ending=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_any_text_survives_csv(cells: list[tuple[str, str]], separator: str, ending: str, quoting: Any) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=separator, lineterminator=ending, quoting=quoting)
    writer.writerows([("sku", "a name"), *cells])
    encoded = file.getvalue().encode("utf-8-sig")

    if quoting == csv.QUOTE_MINIMAL and any("\r" in cell for pair in cells for cell in pair):
        # Up to Python 3.12, the writer leaves a lone carriage return without the quotes that it needs.
        assume(not any(name.endswith("\r") for _, name in cells))
        with suppress(InvalidInputError):
            table_of_file("offers.csv", encoded)
            quoting = csv.QUOTE_ALL
        if quoting == csv.QUOTE_MINIMAL:
            assert "given a lone carriage return and a line feed as ends of lines" in wrong("offers.csv", encoded)
            return

    table = table_of_file("s3://bucket/offers.csv", encoded)

    kept = [pair for pair in cells if any(map(str.strip, pair))]
    assert [(row["sku"], row["a name"]) for row in table.rows] == [(sku or None, name or None) for sku, name in kept]
    assert len(table.lines) == len(kept)


@UNHURRIED
@given(
    rows=st.lists(st.dictionaries(TEXT, st.none() | st.booleans() | st.integers() | TEXT | st.lists(TEXT)), max_size=5)
)
def test_types_survive_json_lines_json_and_lists(rows: list[dict[str, Any]]) -> None:
    lines = "\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    for table in (
        table_of_file("offers.jsonl", lines.encode()),
        table_of_file("offers.json", json.dumps(rows).encode()),
        table_of_list(rows),
    ):
        assert [dict(row) for row in table.rows] == rows
        assert [[type(value) for value in row.values()] for row in table.rows] == [
            [type(value) for value in row.values()] for row in rows
        ]


def test_lines_are_those_of_the_file() -> None:
    table = table_of_file("folder/offers.csv", b'\nsku,text\n\n1,"a\nb\n"\n,\n2,c\n')

    assert table.header == 2
    assert [table.place(index) for index in (0, 1)] == ["row 1 (offers.csv:4)", "row 2 (offers.csv:8)"]
    assert [dict(row) for row in table.rows] == [{"sku": "1", "text": "a\nb\n"}, {"sku": "2", "text": "c"}]
    assert table_of_file("o.jsonl", b'\n{"a": "\xe2\x80\xa8"}\n').place(0) == "row 1 (o.jsonl:2)"
    assert table_of_list([{"a": 1}]).place(0) == "row 1"


def test_every_kind_of_line_end_is_read() -> None:
    for end in ("\n", "\r\n", "\r", "\r\r\n"):
        table = table_of_file("o.csv", f'sku,name{end}1,"a{end}b"{end}{end} , {end}2,c{end}{end}'.encode())
        assert table.rows == [{"sku": "1", "name": f"a{end}b"}, {"sku": "2", "name": "c"}]


def test_a_file_without_rows_has_columns() -> None:
    assert table_of_file("o.csv", b"sku,name\n").columns == ["sku", "name"]


def test_columns_without_a_name_are_left_out_where_they_are_empty() -> None:
    assert [dict(row) for row in table_of_file("o.csv", b" sku ; \n1;\n").rows] == [{"sku": "1"}]
    assert "o.csv:1: given no name for column 2; expected a name for each column" in wrong("o.csv", "sku;\n1;2\n")


def test_a_row_may_have_some_words_of_the_header() -> None:
    assert table_of_file("o.csv", b"sku,name\nsku,a\n").rows == [{"sku": "sku", "name": "a"}]
    assert table_of_file("o.csv", b"name\nname\n").rows == [{"name": "name"}]


def test_utf_16_needs_a_mark_and_other_bytes_are_told_by_their_line() -> None:
    assert table_of_file("o.csv", "sku,name\n1,\u00e9".encode("utf-16")).rows == [{"sku": "1", "name": "\u00e9"}]
    assert "o.csv:2: given bytes that are not UTF-8; expected a file in UTF-8; Excel calls it" in wrong(
        "o.csv", b"sku\n\xe9\n"
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("o.csv", "", "o.csv: given an empty file; expected a header line"),
        ("o.csv", "sku,name\n1\n1,2,3\n", "o.csv:2: given 1 cell; expected 2 cells"),
        ("o.csv", "sku,name\n1\n1,2,3\n", "o.csv:3: given 3 cells; expected 2 cells"),
        ("o.csv", "sku,sku\n", "o.csv:1: given the column 'sku' a second time"),
        (
            "o.csv",
            "sku,name\n1,a\nsku,name\n2,b\n\ufeffsku,name \n",
            "o.csv:3: given the header a second time; expected rows only; remove the headers of files that were put "
            "together\n  o.csv:5: given the header a second time",
        ),
        ("o.csv", 'sku,name\n1,"open\n', "o.csv:2: given text that is not CSV"),
        ("o.csv", "sku,name\n1,a\rb\n", "o.csv:2: given a lone carriage return and a line feed as ends of lines"),
        ("o.csv", "sku,name\n\r,\n", "o.csv:2: given a lone carriage return and a line feed as ends of lines"),
        ("o.csv", "sep=;\nsku;name\n1;2\n", "o.csv:1: given 'sep='; expected a header line with the columns' names"),
        ("o.csv", "s\0k\0u\0", "o.csv:1: given UTF-16 without a byte order mark; expected a file in UTF-8"),
        ("o.csv", "sku\n" + "x" * 140_000, 'quotes in pairs, `"` as `""`, and at most 131072 characters in a cell'),
        ("o.csv", "a,b;c\n1,2;3\n", "o.csv:1: given a header that ',' and ';' can separate; expected one separator"),
        ("o.jsonl", '{"a": 1}\n{"a": \n', "o.jsonl:2: given text that is not JSON"),
        (
            "o.jsonl",
            '{"a": 1\n{"a": 2}\n{"a" 3}\n',
            "o.jsonl:1: given text that is not JSON: Expecting ',' delimiter at character 8: '{\"a\": 1'; expected "
            "JSON\n"
            "  o.jsonl:3: given text that is not JSON: Expecting ':' delimiter at character 6",
        ),
        (
            "o.json",
            '[\n{"a" 3}]',
            "o.json: given text that is not JSON: Expecting ':' delimiter at character 6 of line 2",
        ),
        (
            "o.jsonl",
            '{"a": 1, "a": 2}',
            "o.jsonl:1: given ambiguous JSON: the name 'a' is in one object twice; expected each",
        ),
        ("o.jsonl", '{"a": 1}\n[1]\n', "o.jsonl:2: given [1]; expected an object"),
        ("o.json", '{"a": 1}', "o.json: given JSON that is not a list"),
        ("o.json", "[1]", "o.json, row 1: given 1; expected an object"),
        ("o.json", "[" * 100_000, "o.json: given "),
        (
            "o.xlsx",
            "",
            "given the file 'o.xlsx'; expected a file that ends in .csv, .tsv, .jsonl, .ndjson, .json, .parquet",
        ),
    ],
)
def test_what_cannot_be_read_is_told_by_file_and_line(name: str, content: str, message: str) -> None:
    assert message in wrong(name, content)


def test_a_separator_is_found_by_the_records_where_the_header_has_two() -> None:
    assert table_of_file("o.csv", b"a,b;c\n1,2\n").rows == [{"a": "1", "b;c": "2"}]
    assert table_of_file("o.csv", b'"a";"b,c"\n"1";"2"\n').rows == [{"a": "1", "b,c": "2"}]
    assert table_of_file("o.tsv", b'"a, b"\tc\n1\t"2, 3"\n').rows == [{"a, b": "1", "c": "2, 3"}]


def test_tuples_need_columns_and_rows_of_a_database_become_json() -> None:
    found = [(Decimal("7.00"), UUID(int=1)), (Decimal("4.5"), None), [1, "x"]]
    assert table_of_list(found, ["rank", "id"]).rows == [
        {"rank": 7, "id": "00000000-0000-0000-0000-000000000001"},
        {"rank": 4.5, "id": None},
        {"rank": 1, "id": "x"},
    ]
    for rows, columns, message in (
        ([(1, 2), (3, 4)], None, "row 1: given (1, 2), and 1 more row like this; expected a dict; for tuples, as SQL"),
        ([(1, 2)], ["one"], "row 1: given 2 values; expected 1, one for each of `columns`"),
        ([(1, 2)], ["one", "one"], "columns: given ['one', 'one']; expected a list with the name of each column"),
        ([{"a": 1}, "b"], None, "row 2: given 'b'; expected a dict of the row's columns"),
        ([{1: 1}], None, "row 1: given the column 1; expected text"),
    ):
        with pytest.raises(InvalidInputError) as caught:
            table_of_list(rows, columns)
        assert message in str(caught.value)


def test_parquet_is_read_where_pyarrow_is_installed_and_refused_elsewhere() -> None:
    rows = [{"sku": "1", "rank": 3, "tags": ["a"], "empty": None}]
    try:
        from pyarrow import BufferOutputStream, Table, parquet  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        assert "no pyarrow; expected pyarrow in the environment of the worker" in wrong("o.parquet", b"PAR1")
        return
    file = BufferOutputStream()
    parquet.write_table(Table.from_pylist(rows), file)
    assert table_of_file("o.parquet", file.getvalue().to_pybytes()).rows == rows
    assert "o.parquet: given content that cannot be read: " in wrong("o.parquet", b"no parquet")
