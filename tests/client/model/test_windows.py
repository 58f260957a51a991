"""Windows: half-open, correct in every zone and at every clock change, and unchanged after a round trip."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.client.errors import InvalidInputError
from airflow_provider_offers.client.model.durations import before
from airflow_provider_offers.client.model.instants import format_instant
from airflow_provider_offers.client.model.kinds import DECISION, PERSONALIZED, Kind
from airflow_provider_offers.client.model.patches import PreparedPatch
from airflow_provider_offers.client.model.spelling import neutral_value, wire_value
from airflow_provider_offers.client.model.windows import OfferWindow, resolve_window, window_of

MILLISECOND = timedelta(milliseconds=1)
ZONES = st.sampled_from(sorted(available_timezones())).map(ZoneInfo)
WALLS = st.datetimes(*(datetime(year, 1, 1, tzinfo=UTC).replace(tzinfo=None) for year in (1990, 2037)))
INSTANTS = st.builds(
    lambda moment, zone: moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC).astimezone(zone),
    WALLS,
    ZONES,
)
LENGTHS = st.timedeltas(MILLISECOND, timedelta(days=3000))


@cache
def changes_of_clocks(name: str) -> list[datetime]:
    """The instants at which a zone's offset changes between 2000 and 2037, to the second."""
    zone, found = ZoneInfo(name), []
    moment, step = datetime(2000, 1, 1, tzinfo=UTC), timedelta(days=7)
    while moment.year < 2037:
        if _offset(moment, zone) != _offset(moment + step, zone):
            low, high = moment, moment + step
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) / 2
                low, high = (middle, high) if _offset(middle, zone) == _offset(moment, zone) else (low, middle)
            found.append(high.replace(microsecond=0))
        moment += step
    return found


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()


@st.composite
def edges(draw: st.DrawFn) -> tuple[datetime, ZoneInfo, timedelta]:
    """An instant at which the clocks of some zone change, the zone, and the change in its offset."""
    name = draw(st.sampled_from(sorted(name for name in available_timezones() if "/" in name)))
    instants = changes_of_clocks(name)
    if not instants:
        name = "America/New_York"
        instants = changes_of_clocks(name)
    instant, zone = draw(st.sampled_from(instants)), ZoneInfo(name)
    after, earlier = _offset(instant, zone), _offset(instant - timedelta(seconds=1), zone)
    assert after is not None
    assert earlier is not None
    return instant, zone, after - earlier


@given(start=INSTANTS, length=LENGTHS, zone=ZONES)
def test_a_window_holds_its_start_and_not_its_end(start: datetime, length: timedelta, zone: ZoneInfo) -> None:
    window = OfferWindow(start, (start.astimezone(UTC) + length).astimezone(zone))
    assert window.start in window
    assert window.end - MILLISECOND in window
    assert window.end not in window
    assert window.start - MILLISECOND not in window
    assert window.is_over(window.end)
    assert not window.is_over(window.end - MILLISECOND)


@given(start=INSTANTS, length=LENGTHS, first=ZONES, second=ZONES)
def test_a_window_is_its_instants_whatever_zone_wrote_them(
    start: datetime, length: timedelta, first: ZoneInfo, second: ZoneInfo
) -> None:
    end = start.astimezone(UTC) + length
    window = OfferWindow(start, end)
    again = OfferWindow(start.astimezone(first), end.astimezone(second))
    assert again == window
    assert hash(again) == hash(window)


SPELLINGS: list[Any] = [
    format_instant,
    lambda instant: instant.isoformat(timespec="milliseconds"),
    lambda instant: instant.astimezone(UTC).isoformat(timespec="milliseconds"),
    lambda instant: instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
    lambda instant: instant.astimezone(timezone(timedelta(hours=-9, minutes=-30))).isoformat(timespec="milliseconds"),
]


@given(start=INSTANTS, length=LENGTHS, spelling=st.sampled_from(SPELLINGS))
def test_a_window_survives_both_generations_and_every_spelling_of_dates(
    start: datetime, length: timedelta, spelling: Any
) -> None:
    window = OfferWindow(start, start.astimezone(UTC) + length)
    dps = {"selectionConstraint": {"startDate": spelling(window.start), "endDate": spelling(window.end)}}
    xcore = wire_value(dps, PERSONALIZED.names)
    assert set(xcore["xdm:selectionConstraint"]) == {"xdm:startDate", "xdm:endDate"}
    assert window_of(dps) == window
    assert window_of(neutral_value(xcore, PERSONALIZED.names)) == window
    assert window_of({"selectionConstraint": window.as_constraint()}) == window
    assert window.changes(dps) == []


@given(start=INSTANTS, first=LENGTHS, second=LENGTHS)
def test_the_patch_of_a_window_is_the_smallest_and_leads_there(
    start: datetime, first: timedelta, second: timedelta
) -> None:
    now = OfferWindow(start, start.astimezone(UTC) + first)
    wanted = OfferWindow(start, start.astimezone(UTC) + second)
    properties: dict[str, Any] = {
        "selectionConstraint": {**now.as_constraint(), "eligibilityRule": "r"},
        "frequencyCappingConstraints": [{"startDate": "2026-01-01T00:00:00Z", "endDate": "2026-01-02T00:00:00Z"}],
    }
    patch = wanted.changes(properties)
    assert len(patch) == (now.end != wanted.end)
    for operation in patch:
        assert operation["path"] == "/selectionConstraint/endDate"
        properties["selectionConstraint"]["endDate"] = operation["value"]
    assert window_of(properties) == wanted
    assert wanted.changes(properties) == []


def test_an_offer_without_a_window_gets_one_whole() -> None:
    window = OfferWindow(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))
    (operation,) = window.changes({"name": "x"})
    assert (operation["op"], operation["path"]) == ("add", "/selectionConstraint")
    assert [each["op"] for each in window.changes({"selectionConstraint": {"endDate": None}})] == ["add", "replace"]


@given(edge=edges(), days=st.integers(1, 60), seconds=st.integers(-86_400, 86_400))
def test_days_end_at_the_same_local_hour_across_a_change_of_clocks(
    edge: tuple[datetime, ZoneInfo, timedelta], days: int, seconds: int
) -> None:
    instant, zone, _ = edge
    start = (instant - timedelta(days=days) + timedelta(seconds=seconds)).astimezone(zone)
    window = resolve_window(start, duration=timedelta(days=days))
    wanted = (start.replace(tzinfo=None) + timedelta(days=days)).replace(fold=0)
    shown = window.end.astimezone(zone).replace(tzinfo=None, fold=0)
    back = wanted.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0)
    # If the clocks skip the wanted time, it moves forward by the length of the change.
    assert shown == (wanted if back == wanted else back)
    assert shown >= wanted


@given(edge=edges(), hours=st.integers(1, 100), seconds=st.integers(-7_200, 7_200))
def test_hours_are_elapsed_time_across_a_change_of_clocks(
    edge: tuple[datetime, ZoneInfo, timedelta], hours: int, seconds: int
) -> None:
    instant, zone, _ = edge
    start = (instant + timedelta(seconds=seconds)).astimezone(zone)
    window = resolve_window(start, duration=f"PT{hours}H", timezone=zone.key)
    assert window.end - window.start == timedelta(hours=hours)


@given(edge=edges(), part=st.floats(0.01, 0.99))
def test_a_local_time_that_is_skipped_is_refused_and_one_there_twice_is_doubtful(
    edge: tuple[datetime, ZoneInfo, timedelta], part: float
) -> None:
    instant, zone, forward = edge
    old_offset = _offset(instant - timedelta(seconds=1), zone)
    assert old_offset is not None
    change = (instant + old_offset).replace(tzinfo=None)
    if forward > timedelta(0):
        wall = change + forward * part
        with pytest.raises(InvalidInputError, match="does not exist"):
            resolve_window(wall, duration="P1D", timezone=zone.key)
    else:
        # If the clocks are put back, each local time in that interval before the change occurs twice.
        wall = window_precision(change + forward * part)
        first = resolve_window(wall.isoformat(), duration="PT1M", timezone=zone.key)
        second = resolve_window(wall.replace(fold=1), duration="PT1M", timezone=zone.key)
        assert first.start < instant <= second.start == first.start - forward
        assert {window.start.astimezone(zone).replace(tzinfo=None, fold=0) for window in (first, second)} == {wall}
        said = first.doubts["ambiguous_time"]
        assert format_instant(first.start) in said
        assert format_instant(second.start) in said
        assert not second.doubts
    # At the change itself, an aware time is not ambiguous.
    at_the_change = resolve_window(instant.astimezone(zone), duration="PT1S")
    assert at_the_change.start == instant
    assert not at_the_change.doubts


@given(
    edge=edges(), years=st.integers(0, 3), months=st.integers(0, 14), days=st.integers(0, 40), back=st.integers(0, 50)
)
def test_a_calendar_duration_means_the_same_however_it_is_given(
    edge: tuple[datetime, ZoneInfo, timedelta], years: int, months: int, days: int, back: int
) -> None:
    instant, zone, _ = edge
    start = (instant - timedelta(days=back)).astimezone(zone)
    if not (years or months or days):
        days = 1
    ways: list[Any] = [f"P{years}Y{months}M{days}D", pendulum.duration(years=years, months=months, days=days)]
    if not (years or months):
        ways += [timedelta(days=days), timedelta(hours=24 * days), pendulum.duration(hours=24 * days)]
        if days % 7 == 0:
            ways += [f"P{days // 7}W", timedelta(weeks=days // 7), pendulum.duration(weeks=days // 7)]
    assert len({resolve_window(start, duration=way) for way in ways}) == 1


@given(edge=edges(), minutes=st.integers(1, 60 * 100), seconds=st.integers(-200_000, 7_200))
def test_elapsed_time_means_the_same_however_it_is_given(
    edge: tuple[datetime, ZoneInfo, timedelta], minutes: int, seconds: int
) -> None:
    instant, zone, _ = edge
    if minutes % (24 * 60) == 0:
        minutes += 1
    start = (instant + timedelta(seconds=seconds)).astimezone(zone)
    later = pendulum.instance(instant).add(minutes=minutes)
    ways: list[Any] = [
        f"PT{minutes}M",
        timedelta(minutes=minutes),
        pendulum.duration(minutes=minutes),
        later - pendulum.instance(instant),
    ]
    windows = [resolve_window(start, duration=way, timezone=zone.key) for way in ways]
    assert {window.end - window.start for window in windows} == {timedelta(minutes=minutes)}
    by_calendar = resolve_window(start, duration=f"P{minutes // 1440}DT{minutes % 1440}M", timezone=zone.key)
    assert [bool(window.doubts) for window in windows] == [False, *[by_calendar.end != windows[0].end] * 3]


def test_a_month_of_pendulum_is_a_month_of_the_calendar() -> None:
    for month in ("P1M", pendulum.duration(months=1)):
        window = resolve_window("2026-02-01", duration=month, timezone="Europe/Berlin")
        assert window.end == datetime(2026, 2, 28, 23, tzinfo=UTC)
    with pytest.raises(InvalidInputError, match="duration: given"):
        resolve_window("2026-02-01", duration=pendulum.duration(months=1, days=-1), timezone="Europe/Berlin")


def test_a_timedelta_that_is_not_whole_days_warns_where_its_days_might_be_the_calendar_s() -> None:
    across = {"start": "2026-03-07T12:00", "timezone": "America/New_York"}
    window = resolve_window(**across, duration=timedelta(hours=36))
    assert window.end - window.start == timedelta(hours=36)
    said = window.doubts["mixed_duration"]
    assert "2026-03-09T05:00:00Z" in said
    assert "2026-03-09T04:00:00Z" in said
    assert not resolve_window(**across, duration="PT36H").doubts
    assert not resolve_window("2026-03-17T12:00", duration=timedelta(hours=36), timezone="America/New_York").doubts


@pytest.mark.parametrize(
    ("zone", "start", "end", "said"),
    [
        (
            "EST",
            "2026-03-01",
            "2026-08-01",
            "in America/New_York, it would be 2026-03-01T05:00:00Z to 2026-08-01T04:00",
        ),
        ("MST", "2026-07-01", "2026-08-01", "in America/Denver, it would be 2026-07-01T06:00:00Z to 2026-08-01T06:00"),
        ("Etc/GMT+5", "2026-01-01", "2026-02-01", "Etc/GMT+5 means UTC-5, so the window is 2026-01-01T05:00:00Z to"),
        ("Etc/GMT-2", "2026-01-01", "2026-02-01", "in UTC-2, it would be 2026-01-01T02:00:00Z to 2026-02-01T02:00:00Z"),
        ("EST", "2026-03-08T02:30", "2026-04-01", "this time does not exist in America/New_York"),
        # In winter, both show the same time; these instants need no zone; and these zones are what they seem to be.
        ("EST", "2026-01-01", "2026-02-01", None),
        ("EST", "2026-03-01T00:00:00-05:00", "2026-08-01T00:00:00-04:00", None),
        ("Etc/GMT+5", "2026-03-01T00:00:00Z", "2026-08-01T00:00:00Z", None),
        ("America/New_York", "2026-03-01", "2026-08-01", None),
        *((zone, "2026-03-01", "2026-08-01", None) for zone in ("UTC", "GMT", "HST", "CET", "Europe/London")),
    ],
)
def test_a_zone_with_a_fixed_offset_is_doubtful_if_the_window_would_differ(
    zone: str, start: str, end: str, said: str | None
) -> None:
    doubts = resolve_window(start, end, timezone=zone).doubts
    assert list(doubts) == ([] if said is None else ["fixed_offset"])
    assert (said or "") in doubts.get("fixed_offset", "")


@pytest.mark.parametrize("zone", ["localtime", "posixrules", "Factory", "right/Europe/Paris", "posix/Europe/Paris"])
def test_a_file_of_the_machine_is_no_time_zone(zone: str) -> None:
    with pytest.raises(InvalidInputError, match=f"given '{zone}'; expected the name of a time zone") as caught:
        resolve_window("2026-03-01", duration="P14D", timezone=zone)
    assert ("did you mean 'Europe/Paris'" in str(caught.value)) is zone.endswith("Paris")


def test_calendar_days_in_a_zone_without_summer_time_are_doubtful() -> None:
    assert "fixed_offset" in resolve_window("2026-03-01T12:00:00-05:00", duration="P14D", timezone="EST").doubts
    assert not resolve_window("2026-03-01T12:00:00-05:00", duration="PT36H", timezone="EST").doubts


def test_days_that_end_on_a_local_time_that_comes_twice_are_doubtful() -> None:
    window = resolve_window("2026-10-24T02:30", duration="P1D", timezone="Europe/Berlin")
    assert window.end == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert "2026-10-25T01:30:00Z" in window.doubts["ambiguous_time"]
    # A naive datetime of pendulum does not tell which of the two it means.
    assert resolve_window(pendulum.naive(2026, 10, 25, 2, 30), duration="P1D", timezone="Europe/Berlin").doubts


def window_precision(wall: datetime) -> datetime:
    return wall.replace(microsecond=wall.microsecond // 1000 * 1000)


@given(edge=edges())
def test_a_window_inside_the_hour_that_comes_twice_is_compared_by_its_instants(
    edge: tuple[datetime, ZoneInfo, timedelta],
) -> None:
    instant, zone, forward = edge
    if forward >= timedelta(0):
        return
    early, late = (instant - timedelta(minutes=1)).astimezone(zone), (instant + timedelta(minutes=1)).astimezone(zone)
    window = OfferWindow(early, late)
    assert instant in window
    assert instant.astimezone(zone) in window
    with pytest.raises(InvalidInputError, match="before the window starts"):
        OfferWindow(late, early)


@given(wall=WALLS, zone=ZONES, months=st.integers(1, 30))
def test_months_stay_on_the_calendar(wall: datetime, zone: ZoneInfo, months: int) -> None:
    start = wall.replace(tzinfo=UTC).astimezone(zone)
    end = resolve_window(start, duration=f"P{months}M").end.astimezone(zone)
    moved = (start.year * 12 + start.month - 1 + months) - (end.year * 12 + end.month - 1)
    # A time that is skipped at the end of a month's last day moves into the next month; some zones have had this.
    assert moved in (0, -1)
    assert end.day == start.day or end.day >= 28 or end.day == 1 or abs(end.day - start.day) == 1


def test_the_end_of_a_data_interval_fourteen_days_new_york_time() -> None:
    window = resolve_window("2026-02-28 05:00:00+00:00", duration="P14D", timezone="America/New_York")
    assert window.as_constraint() == {"startDate": "2026-02-28T05:00:00Z", "endDate": "2026-03-14T04:00:00Z"}
    autumn = resolve_window(
        pendulum.datetime(2026, 10, 25, 4), duration=timedelta(days=14), timezone="America/New_York"
    )
    assert autumn.as_constraint() == {"startDate": "2026-10-25T04:00:00Z", "endDate": "2026-11-08T05:00:00Z"}


def test_dates_are_midnights_and_both_ends_may_be_wall_clock_times() -> None:
    window = resolve_window("2026-03-25", end="2026-04-01T09:30", timezone="Europe/Paris")
    assert window.as_constraint() == {"startDate": "2026-03-24T23:00:00Z", "endDate": "2026-04-01T07:30:00Z"}


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no zone": ({"start": "2026-03-25T09:00", "duration": "P1D"}, "start: given .*no time zone"),
    "no end": ({"start": "2026-03-25T09:00Z"}, "end, duration: given neither"),
    "both": ({"start": "2026-03-25T09:00:00Z", "end": "2026-03-26T09:00:00Z", "duration": "P1D"}, "given both"),
    "reversed": ({"start": "2026-03-25T09:00:00Z", "end": "2026-03-24T09:00:00Z"}, "before the window starts"),
    "empty": ({"start": "2026-03-25T09:00:00Z", "end": "2026-03-25T10:00:00+01:00"}, "when the window starts"),
    "shorter than the service can tell": (
        {"start": "2026-03-25T09:00:00Z", "end": "2026-03-25T09:00:00.000400Z"},
        "when the window starts",
    ),
    "no duration": ({"start": "2026-03-25T09:00:00Z", "duration": "14 days"}, "duration: given '14 days'"),
    "no time at all": ({"start": "2026-03-25T09:00:00Z", "duration": "P0D"}, "longer than zero"),
    "backwards": ({"start": "2026-03-25T09:00:00Z", "duration": timedelta(days=-1)}, "longer than zero"),
    "too long": ({"start": "2026-03-25T09:00:00Z", "duration": "P9000Y"}, "before the year 10000"),
    "no such zone": ({"start": "2026-03-25", "duration": "P1D", "timezone": "Mars/Olympus"}, "timezone: given"),
    "no text": ({"start": 5, "duration": "P1D", "timezone": "UTC"}, "start: given"),
    "before the calendar": ({"start": "0001-01-01", "duration": "P1D", "timezone": "Asia/Tokyo"}, "beyond"),
    "before the calendar in UTC": ({"start": "0001-01-01T00:00:00+10:00", "duration": "PT90H"}, "year"),
    "after the calendar in UTC": ({"start": "9999-12-31T00:00:00Z", "end": "9999-12-31T23:00:00-10:00"}, "beyond"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_window_is_refused_by_name(case: str) -> None:
    arguments, said = WRONG[case]
    with pytest.raises(InvalidInputError, match=said):
        resolve_window(**arguments)


def test_every_violation_is_told_at_once() -> None:
    with pytest.raises(InvalidInputError) as refused:
        resolve_window("then", timezone="Nowhere", duration="soon")
    assert {violation.pointer for violation in refused.value.violations} == {"start", "timezone", "duration"}


def test_a_moment_before_counts_days_in_utc_and_may_be_now() -> None:
    now = datetime(2026, 3, 30, 12, tzinfo=UTC)
    assert before(now, "P0D") == now
    assert before(now, "P1MT2H") == datetime(2026, 2, 28, 10, tzinfo=UTC)
    assert before(now, timedelta(days=1, hours=1)) == datetime(2026, 3, 29, 11, tzinfo=UTC)
    for wrong in ("P-1D", "", None, timedelta(days=-1), "P9999Y"):
        with pytest.raises(InvalidInputError):
            before(now, wrong)


def test_a_window_contains_its_start_and_not_its_end() -> None:
    window = resolve_window("2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z")
    grain = timedelta(microseconds=1)
    held = [window.start - grain, window.start, window.end - grain, window.end]
    assert [instant in window for instant in held] == [False, True, True, False]


HELD = {"startDate": "2026-05-01T00:00:00Z", "endDate": "2026-06-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("kind", "properties", "count"),
    [
        (PERSONALIZED, {}, 1),
        (PERSONALIZED, {"selectionConstraint": None}, 1),
        (PERSONALIZED, {"selectionConstraint": {"eligibilityRule": "rule"}}, 2),
        (PERSONALIZED, {"selectionConstraint": {"startDate": HELD["startDate"]}}, 1),
        (
            PERSONALIZED,
            {"selectionConstraint": {**HELD, "endDate": "2026-07-01T00:00:00Z", "eligibilityRule": "rule"}},
            1,
        ),
        # The same instants in another spelling.
        (PERSONALIZED, {"selectionConstraint": {**HELD, "startDate": "2026-05-01T02:00:00.000+02:00"}}, 0),
        (DECISION, {}, 2),
        (DECISION, HELD, 0),
        (DECISION, {**HELD, "startDate": "2026-04-01T00:00:00Z"}, 1),
    ],
)
def test_the_changes_give_the_window_and_leave_the_rest(kind: Kind, properties: dict[str, Any], count: int) -> None:
    window = resolve_window(HELD["startDate"], HELD["endDate"])
    changes = window.changes({"name": "n", **properties}, kind)
    assert len(changes) == count
    after = PreparedPatch(changes, kind).result({"name": "n", **properties})
    assert window_of(after, kind) == window
    assert window.changes(after, kind) == []
    rule = (properties.get("selectionConstraint") or {}).get("eligibilityRule")
    assert (after.get("selectionConstraint") or {}).get("eligibilityRule") == rule
    assert after["name"] == "n"
