"""The decisions about retries and looks: after which errors, after how long, and never beyond the deadline."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.client.errors import APIError, NoAnswerError, RateLimitedError
from airflow_provider_offers.client.wire.retry import Looks, Retries, retry_after
from tests.effort import examples

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def refused(kind: type[APIError], status: int, retry_after: float | None = None) -> APIError:
    return kind(method="GET", path="/offers", status=status, retry_after=retry_after)


def no_answer(sent: bool) -> NoAnswerError:
    return NoAnswerError("lost", method="POST", path="/", sent=sent)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("7", 7),
        (" 7 ", 7),
        ("1.5", 1.5),
        ("99999999", 86_400),
        ("9" * 5_000, 86_400),
        ("Mon, 02 Mar 2026 09:00:30 GMT", 30),
        ("Monday, 02-Mar-26 09:00:30 GMT", 30),
        ("Mon, 02 Mar 2026 10:00:30 +0100", 30),
        ("Mon, 02 Mar 2026 08:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
    ],
)
def test_retry_after_is_read(value: str, seconds: float) -> None:
    assert retry_after({"retry-after": value}, NOW) == seconds


@pytest.mark.parametrize(
    "value", ["", "-5", "soon", "1e3", "0x10", "\u0667", "inf", "nan", ".", "1.2.3", "Mon, 99 Foo 2026"]
)
def test_what_is_no_time_is_ignored(value: str) -> None:
    assert retry_after({"retry-after": value}, NOW) is None


def test_no_header_is_no_time() -> None:
    assert retry_after({}, NOW) is None


def test_a_date_is_read_against_the_services_own_clock() -> None:
    headers = {"retry-after": "Mon, 02 Mar 2026 12:00:30 GMT", "date": "Mon, 02 Mar 2026 12:00:00 GMT"}
    assert retry_after(headers, NOW) == 30
    assert retry_after({**headers, "date": "rubbish"}, NOW) == 3 * 3600 + 30


@given(st.text(max_size=40), st.text(max_size=40))
@examples(70)
def test_no_header_can_break_it(value: str, date: str) -> None:
    seconds = retry_after({"retry-after": value, "date": date}, NOW)
    assert seconds is None or 0 <= seconds <= 86_400


@given(
    attempt=st.integers(0, 25),
    jitter=st.floats(0, 1, exclude_max=True),
    wanted=st.none() | st.floats(0, 500),
    elapsed=st.floats(0, 400),
)
@examples(100)
def test_pauses_stay_within_their_bounds(attempt: int, jitter: float, wanted: float | None, elapsed: float) -> None:
    retries = Retries(max_retries=20, base=0.5, cap=30, deadline=300, jitter=lambda: jitter)
    error = refused(RateLimitedError, 429, wanted)
    pause = retries.pause(error, repeatable=False, attempt=attempt, elapsed=elapsed)
    if attempt >= 20:
        assert pause is None
    elif pause is None:
        assert elapsed + (30.0 if wanted is None else wanted + 0.5) >= 300
    else:
        assert elapsed + pause < 300
        if wanted is None:
            assert 0 <= pause <= min(30, 0.5 * 2**attempt)
        else:
            assert wanted <= pause < wanted + 0.5


def test_the_jitter_is_full_by_default() -> None:
    retries = Retries()
    drawn = [retries.pause(no_answer(False), repeatable=False, attempt=3, elapsed=0) or 0.0 for _ in range(400)]
    assert min(drawn) < 0.8
    assert max(drawn) > 3.2
    assert max(drawn) <= 4.0


@given(seconds=st.floats(0, 40), shorter=st.none() | st.floats(0, 40))
@examples(30)
def test_looks_come_less_often_and_the_last_one_is_at_the_end(seconds: float, shorter: float | None) -> None:
    now = 1_000.0
    looks = Looks(lambda: now, seconds)
    if shorter is not None:
        looks.end_within(shorter)
    pauses = []
    while not looks.are_over:
        pause = looks.pause("why")
        assert pause.reason == "why"
        pauses.append(pause.seconds)
        now += pause.seconds
    assert now - 1_000 == pytest.approx(seconds if shorter is None else min(seconds, shorter), abs=1e-6)
    assert pauses[:-1] == [0.25, 0.5, 1.0, *[2.0] * 30][: len(pauses[:-1])]


def test_a_look_that_took_too_long_is_followed_by_the_last_one_at_once() -> None:
    now = 0.0
    looks = Looks(lambda: now, 5)
    now = 6.0
    assert looks.are_over
    assert looks.pause("why").seconds == 0
