"""The JSON of an answer: read by the fast parser, and refused exactly where Python's own parser refuses it."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.client.errors import UnexpectedResponseError
from airflow_provider_offers.client.wire.messages import Answer, Call, Response

READABLE = [
    b'{"a": 1, "a": 2}',
    b"123456789012345678901234567890",
    b"-0",
    b"-0.0",
    b"9007199254740993.0",
    b"5e-324",
    b'"\\ud83d\\ude00"',
    b'"\\ud800"',
    b'{"\\uDE00\\uD83D": ["\x7f"]}',
    b"\xef\xbb\xbf{}",
    '{"a": "é"}'.encode("utf-16"),
    b" [] \r\n",
]
REFUSED = [
    b"",
    b"{} x",
    b"[1,]",
    b"01",
    b"1.",
    b"NaN",
    b"[-Infinity]",
    b"1e999",
    b'{"a": -1e999}',
    b'"\x01"',
    b'"\xff"',
    b'"\\x"',
    b"9" * 5_000,
    b"[" * 100_000,
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
]


# A short document and a long one are parsed in different ways.
BLANKS = b" " * 5_000
EACH_LENGTH = pytest.mark.parametrize("blanks", [b"", BLANKS], ids=["short", "long"])
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
DOCUMENTS = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


def answer(body: bytes) -> Answer:
    return Answer(Call("GET", "/offers", {}), Response(200, {}, body), "request-1")


def plainly(body: bytes) -> Any:
    """What Python's own parser reads, where all of its numbers are finite."""

    def finite(text: str) -> float:
        number = float(text)
        if not math.isfinite(number):
            raise ValueError(text)
        return number

    return json.loads(body, parse_float=finite, parse_constant=finite)


def nested(levels: int) -> Any:
    """Lists and objects in each other, so many levels."""
    document: Any = {}
    for level in range(levels - 1):
        document = {"inner": document, "beside": [1]} if level % 2 else [document, {}]
    return document


def assert_same(body: bytes) -> None:
    """It is read as Python reads it, or refused if Python refuses it, with blanks after it and without them."""
    for each in (body, body + BLANKS):
        try:
            expected = plainly(each)
        except ValueError:
            with pytest.raises(UnexpectedResponseError):
                answer(each).json()
        else:
            assert repr(answer(each).json()) == repr(expected)


@pytest.mark.parametrize("body", READABLE, ids=repr)
def test_what_python_reads_is_read_as_python_reads_it(body: bytes) -> None:
    assert repr(answer(body).json()) == repr(plainly(body))
    assert_same(body)


@EACH_LENGTH
@pytest.mark.parametrize("body", REFUSED, ids=lambda body: repr(body[:20]))
def test_what_is_no_json_is_refused(body: bytes, blanks: bytes) -> None:
    with pytest.raises(UnexpectedResponseError, match=r"came instead of JSON|nested more than") as raised:
        answer(body + blanks).json()
    assert raised.value.__context__ is None


@given(document=DOCUMENTS)
def test_numbers_and_texts_come_as_they_were_written(document: Any) -> None:
    assert_same(json.dumps(document).encode())


@given(body=st.lists(st.sampled_from([*b'{}[]",:\\u0123456789eE+-.tfn d8', 0xC3, 0xA9, 0xFF]), max_size=12).map(bytes))
def test_damaged_json_is_read_or_refused_as_python_does(body: bytes) -> None:
    assert_same(body)


@EACH_LENGTH
@pytest.mark.parametrize("levels", [1, *range(8, 20), 49, 51, 100])
def test_a_hundred_levels_are_read(levels: int, blanks: bytes) -> None:
    assert answer(json.dumps(nested(levels)).encode() + blanks).json() == nested(levels)


@EACH_LENGTH
@pytest.mark.parametrize("levels", [101, 150, 900])
def test_more_levels_are_refused(levels: int, blanks: bytes) -> None:
    with pytest.raises(UnexpectedResponseError, match="more than 100 levels"):
        answer(json.dumps(nested(levels)).encode() + blanks).json()
