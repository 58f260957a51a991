"""The values of a window: what each place takes and refuses, and what is meant by a time that comes twice."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pendulum
import pytest

from airflow_provider_offers.client.errors import InvalidInputError
from airflow_provider_offers.client.model.instants import format_instant
from airflow_provider_offers.client.model.kinds import DECISION, PERSONALIZED
from airflow_provider_offers.client.model.windows import (
    OfferWindow,
    doubtful,
    resolve_window,
    window_from,
    window_of,
)

PARIS = ZoneInfo("Europe/Paris")
START, END = "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"
TWICE = datetime(2026, 10, 25, 2, 30)  # noqa: DTZ001  a wall-clock time
FIRST, SECOND = "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"
PAIR = f"occurs twice, at {FIRST} and at {SECOND}"


def refused(**given: Any) -> list[tuple[str, str]]:
    """The places at which a window is refused, and what is said to be given."""
    with pytest.raises(InvalidInputError, match="The window is not valid") as caught:
        window_from(given)
    return [(each.pointer, each.given) for each in caught.value.violations]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"start": "soon", "end": END}, [("start", "'soon'")]),
        ({"start": START, "end": "late"}, [("end", "'late'")]),
        ({"start": 5, "end": END}, [("start", "5")]),
        ({"start": "2026-03-01", "end": END}, [("start", "'2026-03-01', which has no time zone")]),
        ({"start": START, "end": date(2026, 4, 1)}, [("end", "'2026-04-01', which has no time zone")]),
        ({"start": START}, [("end, duration", "neither")]),
        ({"start": START, "end": "", "duration": ""}, [("end, duration", "neither")]),
        ({"start": START, "end": END, "duration": "P1D"}, [("end, duration", "both")]),
        ({"start": START, "duration": "P9999Y"}, [("duration", "'P9999Y'")]),
        ({"start": END, "end": START}, [("end", f"{START}, before the window starts")]),
        ({"start": START, "end": START}, [("end", f"{START}, when the window starts")]),
        ({"start": START, "end": END, "timezone": "Mars"}, [("timezone", "'Mars'")]),
        ({"start": START, "end": END, "timezone": 5}, [("timezone", "5")]),
        (
            {"start": "2026-03-29T02:30:00", "duration": "P1D", "timezone": "Europe/Paris"},
            [("start", "2026-03-29T02:30:00 in Europe/Paris, which does not exist")],
        ),
        (
            {"start": START, "end": "2026-03-29T02:30:00", "timezone": "Europe/Paris"},
            [("end", "2026-03-29T02:30:00 in Europe/Paris, which does not exist")],
        ),
        ({"start": START, "endDate": END}, [("window/endDate", "an unknown member")]),
    ],
)
def test_each_place_is_refused_by_its_name(given: dict[str, Any], told: list[tuple[str, str]]) -> None:
    assert refused(**given) == told


def test_what_is_no_window_at_all_is_refused() -> None:
    with pytest.raises(InvalidInputError) as caught:
        window_from(START)
    (violation,) = caught.value.violations
    assert (violation.pointer, violation.given) == ("window", "a str")


@pytest.mark.parametrize("name", ["start", "end"])
def test_an_end_without_a_zone_is_refused(name: str) -> None:
    ends: dict[str, Any] = {"start": datetime(2026, 3, 1, tzinfo=UTC), "end": datetime(2026, 4, 1, tzinfo=UTC)}
    with pytest.raises(InvalidInputError) as caught:
        OfferWindow(**{**ends, name: ends[name].replace(tzinfo=None)})
    (violation,) = caught.value.violations
    assert (violation.pointer, violation.given) == (name, "a datetime without a time zone")
    assert violation.expected == "a datetime with a time zone"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("Paris", "; did you mean 'Europe/Paris'?"),
        ("ushuaia", "; did you mean 'America/Argentina/Ushuaia'?"),
        (" new york", "; did you mean 'America/New_York'?"),
        ("Europe/Pariss", "; did you mean 'Europe/Paris'?"),
        ("Mars", ""),
        (5, ""),
    ],
)
def test_a_zone_that_may_have_been_meant_is_told(given: Any, meant: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        resolve_window(START, END, timezone=given)
    assert caught.value.violations[0].expected.endswith(f"New_York or UTC{meant}")


@pytest.mark.parametrize(
    ("given", "start", "end"),
    [
        ({"start": "2026-03-01t00:00:00z", "end": "20260401T000000Z"}, START, END),
        ({"start": START, "end": "", "duration": "P31D"}, START, END),
        ({"start": START, "end": END, "duration": "", "timezone": ""}, START, END),
        # The calendar of the start's own zone, which changes its clocks meanwhile.
        (
            {"start": datetime(2026, 3, 28, 12, tzinfo=PARIS), "duration": "P1D"},
            "2026-03-28T11:00:00Z",
            "2026-03-29T10:00:00Z",
        ),
        (
            {"start": "2026-03-28T12:00:00+01:00", "duration": "P1D"},
            "2026-03-28T11:00:00Z",
            "2026-03-29T11:00:00Z",
        ),
        (
            {"start": date(2026, 3, 28), "end": "2026-03-30", "timezone": "Europe/Paris"},
            "2026-03-27T23:00:00Z",
            "2026-03-29T22:00:00Z",
        ),
    ],
)
def test_every_way_to_give_a_window(given: dict[str, Any], start: str, end: str) -> None:
    window = window_from(given)
    assert window.as_constraint() == {"startDate": start, "endDate": end}
    assert window.doubts == {}


@pytest.mark.parametrize(
    ("start", "instant", "is_doubtful"),
    [
        (TWICE, FIRST, True),
        (str(TWICE), FIRST, True),
        (TWICE.replace(fold=1), SECOND, False),
        # Pendulum sets the mark of the second by itself.
        (pendulum.naive(2026, 10, 25, 2, 30), FIRST, True),
        (TWICE.replace(tzinfo=PARIS, fold=1), SECOND, False),
    ],
)
def test_the_first_of_two_times_is_taken_unless_the_second_is_marked(
    start: Any, instant: str, is_doubtful: bool
) -> None:
    window = resolve_window(start, duration="P1D", timezone="Europe/Paris")
    assert format_instant(window.start) == instant
    assert list(window.doubts) == (["ambiguous_time"] if is_doubtful else [])
    if is_doubtful:
        assert window.doubts["ambiguous_time"].startswith(f"start: 2026-10-25T02:30:00 in Europe/Paris {PAIR}")


def test_an_end_that_comes_twice_is_doubtful_too() -> None:
    given = resolve_window(START, str(TWICE), timezone="Europe/Paris")
    assert given.doubts["ambiguous_time"].startswith(f"end: 2026-10-25T02:30:00 in Europe/Paris {PAIR}")
    counted = resolve_window("2026-10-24T02:30:00", duration="P1D", timezone="Europe/Paris")
    assert counted.doubts["ambiguous_time"].startswith(f"the end of the duration {PAIR}")
    with pytest.raises(InvalidInputError, match="The window is doubtful") as caught:
        raise doubtful(counted.doubts)
    assert [each.pointer for each in caught.value.violations] == ["ambiguous_time"]


@pytest.mark.parametrize("place", ["start", "end"])
@pytest.mark.parametrize(
    ("text", "what"),
    [
        # The whole week, its first day, or its last one, if it is an end.
        ("2036-W10", ", a week without a day"),
        ("2036W10", ", a week without a day"),
        ("2036-w10", ", a week without a day"),
        ("2036-W10T09:00", ", a week without a day"),
        ("2036-W10T09:00Z", ", a week without a day"),
        # Midnight with that offset, and for Python a time of the day without one.
        ("2036-03-10+01:00", ", a date with an offset and without a time"),
        ("2036-03-10-09:00", ", a date with an offset and without a time"),
        ("20360310+0100", ", a date with an offset and without a time"),
        ("2036-03-10Z", ", a date with an offset and without a time"),
        ("2036-03-10x09:00", ""),
        ("2036-03-10_09:00", ""),
        ("2036-W10-09:00", ""),
        ("2036-03", ""),
        ("2036", ""),
        ("2036-070", ""),
    ],
)
def test_text_that_may_mean_several_days_is_refused(place: str, text: str, what: str) -> None:
    given = {"start": START, "end": "2099-01-01T00:00:00Z", "timezone": "Europe/Paris", place: text}

    assert refused(**given) == [(place, f"'{text}'{what}")]


@pytest.mark.parametrize(
    "text",
    ["2036-03-03", "20360303", " 2036-03-03 ", "2036-W10-1", "2036W101", "2036-03-03T00", "2036-03-03 00:00"],
)
def test_a_date_may_be_written_in_every_way_that_means_one_day(text: str) -> None:
    window = resolve_window(text, duration="P1D", timezone="Europe/Paris")

    assert window.start == datetime(2036, 3, 2, 23, tzinfo=UTC)


def test_a_window_has_whole_milliseconds() -> None:
    start = datetime(2026, 3, 1, 0, 0, 0, 500_000, tzinfo=UTC)
    window = OfferWindow(start, start + timedelta(days=1, microseconds=999))
    assert window.start.microsecond == window.end.microsecond == 500_000
    assert window.start in window
    assert window.end not in window
    assert window.end - timedelta(milliseconds=1) in window


@pytest.mark.parametrize(
    "holder",
    [{"startDate": START}, {"startDate": START, "endDate": []}, {"startDate": {}, "endDate": END}, "x", None, []],
)
def test_what_holds_no_two_dates_has_no_window(holder: Any) -> None:
    assert window_of({"selectionConstraint": holder}) is None
    if isinstance(holder, dict):
        assert window_of(holder, DECISION) is None


def test_an_object_without_dates_is_given_both() -> None:
    window = resolve_window(START, END)
    dates = {"startDate": START, "endDate": END}
    assert window.changes({"selectionConstraint": "x"}, PERSONALIZED) == [
        {"op": "add", "path": "/selectionConstraint", "value": dates}
    ]
    assert window.changes({}, DECISION) == [
        {"op": "add", "path": f"/{name}", "value": text} for name, text in dates.items()
    ]
