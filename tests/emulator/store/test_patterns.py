"""Patterns from requests match like Python's regular expressions, and always end in bounded time."""

from __future__ import annotations

import re
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.emulator.store.patterns import MAX_LENGTH, Pattern, PatternError, glob
from tests.effort import examples
from tests.emulator.conftest import Caller, dps_offer

ATOMS = st.sampled_from(
    [
        "a",
        "b",
        "C",
        ".",
        "[ab]",
        "[^b]",
        "[A-c]",
        r"\d",
        r"\w",
        r"\s",
        r"\S",
        "1",
        " ",
        "_",
        "ä",
        "ß",
        "^",
        "$",
        r"\.",
        "é",
    ]
)
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda two: f"(?:{two[0]}|{two[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "*?", "{0,2}?"])).map(
            lambda two: f"({two[0]}){two[1]}"
        ),
    ),
    max_leaves=6,
)
TEXTS = st.text(st.sampled_from("aAbBcC1 _.äÄßé\n"), max_size=8)


@given(expression=EXPRESSIONS, texts=st.lists(TEXTS, max_size=8))
@examples(100)
def test_what_matches_is_what_python_says(expression: str, texts: list[str]) -> None:
    ours, theirs = Pattern(expression), re.compile(expression, re.IGNORECASE | re.DOTALL)
    for text in ["", *texts]:
        # In Python's own engine, `$` also matches before a newline at the end; both engines do this.
        assert ours.fullmatch(text) is (theirs.fullmatch(text) is not None), (expression, text)


@pytest.mark.parametrize(
    "expression",
    ["(a+)+b", "(a|a)*b", "(.*)*b", ".*" * 12 + "x", "(a|aa)+b", "(a*)*(a*)*b", "a?" * 60 + "a" * 60 + "b"],
)
def test_no_expression_goes_back_and_forth(expression: str) -> None:
    pattern = Pattern(expression)
    assert not pattern.fullmatch("a" * 20_000 + "!")
    assert len(pattern._sets) < 1000


@pytest.mark.parametrize(
    "expression",
    [
        "(?=a)b",
        "(?<!a)b",
        r"(a)\1",
        r"\ba",
        "(?x)a",
        "(?-i:a)",
        "(?>a)b",
        "a++",
        "(",
        "[",
        "a{99}" * 10,
        "((a{9}){9}){9}",
        "(((){9999}){9999})",
        "x" * 1001,
    ],
)
def test_what_is_not_run_is_refused(expression: str) -> None:
    with pytest.raises(PatternError):
        Pattern(expression)


@given(parts=st.lists(st.sampled_from(["*", "?", "=a", "=b"]), max_size=7), text=st.text("abc", max_size=8))
@examples(100)
def test_wildcards_match_whole_texts(parts: list[str], text: str) -> None:
    spelled = "".join({"*": ".*", "?": "."}.get(part, part[-1]) for part in parts)
    assert glob(tuple(parts), text) is (re.fullmatch(spelled, text, re.DOTALL) is not None)


@pytest.mark.parametrize("route", ["instances", "queries/core/search"])
def test_no_search_runs_for_ever(emulator: Emulator, caller: Caller, route: str) -> None:
    """Each of these kept Python's own engine busy for a very long time."""
    caller.create_dps(dps_offer("a" * 3000, description="a" * 3000))
    queries = [f"&property={quote('_instance.xdm:name~' + '.*' * 6 + 'x')}", f"&name={quote('*a' * 40 + '*x')}"]
    if route != "instances":
        queries.append(f"&q={quote('*a' * 40 + '*x')}")
    started = time.monotonic()
    for query in queries:
        assert caller.found(query, route=route) == []
    # A busy machine may take seconds; with backtracking, it took hours.
    assert time.monotonic() - started < 30


def test_an_expression_that_is_not_run_is_named(caller: Caller) -> None:
    answer = caller.dps("GET", f"/offers?offer-type=personalized&property={quote('name~(?=a)b')}")
    assert answer.status_code == 400
    assert "uses lookaround" in answer.json()["detail"]


def test_the_longest_plain_text_and_forty_ids_at_once_are_not_too_much() -> None:
    ids = [f"{number:016x}" for number in range(40)]
    pattern = Pattern(f"dps:personalized-offer:({'|'.join(ids)})")
    assert pattern.fullmatch(f"dps:personalized-offer:{ids[17]}")
    assert not pattern.fullmatch("dps:personalized-offer:17")
    assert Pattern("a" * MAX_LENGTH).fullmatch("A" * MAX_LENGTH)


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        ("abc", ["abc"]),
        ("x:(ab|ac|d)", ["x:ab", "x:ac", "x:d"]),
        (r"x(|\.y)", ["x", "x.y"]),
        ("[ab]c", ["ac", "bc"]),
        ("[^a]", None),
        ("[a-c]", None),
        ("a.", None),
        ("a{2}", None),
        ("^a", None),
        ("(ab|a.)", None),
        ("[abcdefghij][abcdefghij][abcdefghij]", None),
    ],
)
def test_a_pattern_knows_whether_it_lists_texts(pattern: str, texts: list[str] | None) -> None:
    compiled = Pattern(pattern)
    assert compiled.texts == texts
    assert all(compiled.fullmatch(text.upper()) for text in texts or ())
