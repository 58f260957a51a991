"""Durations: what each way to give one counts, on the calendar and in elapsed time, also if the clocks change."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pendulum
import pytest

from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.model.durations import Length, before, parse_duration
from airflow_provider_offers.client.model.instants import format_instant, parse_instant

LONGER = "an ISO 8601 duration such as P14D or PT36H, or a timedelta, longer than zero"
MAY_BE_ZERO = "an ISO 8601 duration such as P14D or PT36H, or a timedelta, zero or longer"

PARIS = ZoneInfo("Europe/Paris")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def parsed(given: Any) -> Length | None:
    violations: list[Violation] = []
    length = parse_duration(given, violations)
    assert [(each.pointer, each.expected) for each in violations] == ([] if length else [("duration", LONGER)])
    return length


@pytest.mark.parametrize(
    ("given", "length"),
    [
        ("P1Y2M3W4D", Length(1, 2, 25)),
        ("p1d", Length(days=1)),
        ("PT1H2M3.5S", Length(elapsed=timedelta(hours=1, minutes=2, seconds=3.5))),
        ("PT0.25S", Length(elapsed=timedelta(milliseconds=250))),
        ("P1DT12H", Length(days=1, elapsed=timedelta(hours=12))),
        (timedelta(days=2), Length(days=2)),
        (timedelta(days=1, microseconds=5), Length(elapsed=timedelta(days=1, microseconds=5))),
        (timedelta(hours=36), Length(elapsed=timedelta(hours=36))),
        (pendulum.duration(years=1, months=2, days=3), Length(1, 2, 3)),
        (pendulum.duration(months=1, hours=1), Length(0, 1, elapsed=timedelta(hours=1))),
        # The difference of two datetimes is elapsed time, also if it spans years.
        (pendulum.datetime(2027, 3, 1) - pendulum.datetime(2026, 3, 1), Length(days=365)),
        ("P0D", None),
        ("P", None),
        ("P1DT", None),
        (timedelta(0), None),
        (timedelta(days=-1), None),
        (5, None),
    ],
)
def test_what_a_duration_counts(given: Any, length: Length | None) -> None:
    assert parsed(given) == length


@pytest.mark.parametrize(
    ("start", "length", "end"),
    [
        ("2026-11-30T12:00:00+01:00", Length(months=2), "2027-01-30T11:00:00Z"),
        ("2026-03-01T12:00:00+01:00", Length(years=1), "2027-03-01T11:00:00Z"),
        ("2026-03-28T12:00:00+01:00", Length(days=1), "2026-03-29T10:00:00Z"),
        ("2026-03-28T12:00:00+01:00", Length(elapsed=timedelta(days=1)), "2026-03-29T11:00:00Z"),
        # From the second of the hours that come twice: the elapsed time goes on from there.
        ("2026-10-25T02:30:00+01:00", Length(elapsed=timedelta(minutes=10)), "2026-10-25T01:40:00Z"),
        ("2026-10-25T02:30:00+02:00", Length(elapsed=timedelta(minutes=10)), "2026-10-25T00:40:00Z"),
        # On another day, the first of them is meant.
        ("2025-10-26T02:30:00+01:00", Length(days=364), "2026-10-25T00:30:00Z"),
        # A time that the clocks skip moves forward.
        ("2026-03-28T02:30:00+01:00", Length(days=1), "2026-03-29T01:30:00Z"),
    ],
)
def test_the_end_is_on_the_calendar_of_the_zone(start: str, length: Length, end: str) -> None:
    assert format_instant(length.after(parse_instant(start), PARIS)) == end


@pytest.fixture
def new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine in New York."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("new_york")
@pytest.mark.parametrize(
    ("instant", "duration", "earlier"),
    [
        ("2026-03-01T02:00:00Z", "P1M", "2026-02-01T02:00:00Z"),
        ("2026-03-01T02:00:00+05:00", "P1M", "2026-01-28T21:00:00Z"),
        ("2026-03-31T12:00:00Z", "P2D", "2026-03-29T12:00:00Z"),
        ("2026-03-09T00:00:00Z", "P1Y", "2025-03-09T00:00:00Z"),
        ("2026-03-09T00:00:00Z", "P1DT1H", "2026-03-07T23:00:00Z"),
        ("2026-03-09T00:00:00Z", "PT0S", "2026-03-09T00:00:00Z"),
    ],
)
def test_an_earlier_instant_is_on_the_calendar_of_utc_wherever_the_machine_is(
    instant: str, duration: str, earlier: str
) -> None:
    assert before(parse_instant(instant), duration).isoformat() == earlier.replace("Z", "+00:00")


@pytest.mark.parametrize(
    ("duration", "options", "pointer", "expected"),
    [
        ("soon", {}, "duration", MAY_BE_ZERO),
        ("soon", {"field": "ahead"}, "ahead", MAY_BE_ZERO),
        ("P9999Y", {}, "duration", "a duration that began after the year 1"),
        ("P9999Y", {"field": "ahead"}, "ahead", "a duration that began after the year 1"),
    ],
)
def test_what_is_no_earlier_instant_is_refused_by_its_field(
    duration: str, options: dict[str, str], pointer: str, expected: str
) -> None:
    with pytest.raises(InvalidInputError, match="The duration is not valid") as caught:
        before(NOON, duration, **options)
    (violation,) = caught.value.violations
    assert (violation.pointer, violation.given, violation.expected) == (pointer, repr(duration), expected)
