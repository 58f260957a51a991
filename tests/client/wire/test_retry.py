"""The decisions about retries: which errors, after how long, and never beyond the deadline."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_offers.client.errors import (
    APIError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    InvalidInputError,
    NoAnswerError,
    OfferLibraryError,
    RateLimitedError,
    ServerError,
    UnexpectedResponseError,
)
from airflow_provider_offers.client.wire.retry import Retries, is_unsettled, may_retry, retry_after

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def refused(kind: type[APIError], status: int, retry_after: float | None = None) -> APIError:
    return kind(method="GET", path="/offers", status=status, retry_after=retry_after)


def unexpected(status: int) -> UnexpectedResponseError:
    return UnexpectedResponseError("cut", method="GET", path="/", status=status)


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
@settings(max_examples=200, derandomize=True, deadline=None)
def test_no_header_can_break_it(value: str, date: str) -> None:
    seconds = retry_after({"retry-after": value, "date": date}, NOW)
    assert seconds is None or 0 <= seconds <= 86_400


@given(
    attempt=st.integers(0, 25),
    jitter=st.floats(0, 1, exclude_max=True),
    wanted=st.none() | st.floats(0, 500),
    elapsed=st.floats(0, 400),
)
@settings(max_examples=300, derandomize=True, deadline=None)
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


@pytest.mark.parametrize(
    ("error", "read", "write"),
    [
        (no_answer(sent=True), True, False),
        (no_answer(sent=False), True, True),
        (refused(RateLimitedError, 429), True, True),
        (refused(ServerError, 500), True, False),
        (refused(ServerError, 501), False, False),
        (refused(ServerError, 503), True, False),
        *((refused(ServerError, status), True, False) for status in (502, 504, 520, 524, 530)),
        *((refused(BadRequestError, status), True, False) for status in (408, 425, 499)),
        (refused(ConflictError, 409), False, False),
        (unexpected(200), True, False),
        (unexpected(408), True, False),
        (unexpected(302), False, False),
        (unexpected(404), False, False),
        (AuthenticationError("no", status=400), False, False),
        (AuthenticationError("no", status=503), True, True),
        (InvalidInputError("no", []), False, False),
    ],
)
def test_what_may_be_sent_again(error: OfferLibraryError, read: bool, write: bool) -> None:
    assert may_retry(error, repeatable=True) is read
    assert may_retry(error, repeatable=False) is write


@pytest.mark.parametrize(
    ("error", "open_"),
    [
        (no_answer(sent=True), True),
        (no_answer(sent=False), False),
        (refused(ServerError, 500), True),
        (refused(ServerError, 501), True),
        (refused(RateLimitedError, 429), False),
        (refused(ConflictError, 409), False),
        *((refused(BadRequestError, status), True) for status in (408, 425, 460, 499)),
        *((refused(ServerError, status), True) for status in (502, 503, 504, *range(520, 531), 599)),
        *((refused(BadRequestError, status), False) for status in (400, 405, 407, 413, 415)),
        *((unexpected(status), True) for status in (101, 103, 201, 302, 304, 403, 404, 408, 409, 600, 999)),
        *((unexpected(status), False) for status in (407, 413, 414, 431)),
        (AuthenticationError("no", status=503), False),
    ],
)
def test_what_a_write_may_have_done_all_the_same(error: OfferLibraryError, open_: bool) -> None:
    assert is_unsettled(error) is open_
