"""Durations: what the calendar counts and what the clock does, the same for every way in which one is given."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.text import quoted

ACCEPTED = "an ISO 8601 duration such as P14D or PT36H, or a timedelta, longer than nothing"
_ISO_DURATION = re.compile(
    r"P(?=\d|T\d)(?:(?P<years>\d{1,4})Y)?(?:(?P<months>\d{1,5})M)?(?:(?P<weeks>\d{1,5})W)?(?:(?P<days>\d{1,6})D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d{1,7})H)?(?:(?P<minutes>\d{1,9})M)?(?:(?P<seconds>\d{1,9}(?:\.\d{1,6})?)S)?)?",
    re.ASCII,
)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Length:
    """A duration: first years, months and days on a calendar, then elapsed time."""

    years: int = 0
    months: int = 0
    days: int = 0
    elapsed: timedelta = timedelta(0)

    def after(self, start: datetime, zone: tzinfo) -> datetime:
        """The instant that lies this long after another. The calendar is that of the zone.

        Raises `OverflowError` or `ValueError` where the calendar ends before.
        """
        import pendulum

        local = start.astimezone(zone).replace(tzinfo=None)
        moved = pendulum.instance(local, tz=None).add(years=self.years, months=self.months, days=self.days)
        wall = local.replace(year=moved.year, month=moved.month, day=moved.day)
        # In a gap of the clocks the earlier offset moves the time on by the length of the gap.
        there = wall.replace(tzinfo=zone, fold=local.fold if moved.naive() == local else 0)
        return there.astimezone(UTC) + self.elapsed

    def before(self, end: datetime) -> datetime:
        """The instant that lies this long before another, on the calendar of UTC. Raises as `after` does."""
        import pendulum

        moved = pendulum.instance(end.astimezone(UTC)).subtract(years=self.years, months=self.months, days=self.days)
        return datetime.fromisoformat(moved.isoformat()).astimezone(UTC) - self.elapsed

    @property
    def on_the_calendar(self) -> Length:
        """The same duration with its whole days of elapsed time counted on the calendar, as `P1DT12H` does."""
        days, rest = divmod(self.elapsed, _DAY)
        return Length(self.years, self.months, self.days + days, rest)


NOTHING = Length()


def parse_duration(given: Any, violations: list[Violation], *, may_be_zero: bool = False) -> Length | None:
    """The length of an ISO 8601 duration, a `timedelta`, or a `pendulum` duration or interval.

    In ISO 8601 the author says what is counted: `P1D` is a day of the calendar and `PT24H` are 24 elapsed hours. A
    `timedelta` cannot tell the two apart. One of whole days counts days of the calendar, any other one is elapsed time
    as a whole: `timedelta(hours=36)` are 36 hours. A `pendulum` duration has years and months beside such a timedelta.
    An interval, which is the difference of two `pendulum` datetimes, is the time that elapses between them.

    What is no duration joins the violations.
    """
    length = None
    if isinstance(given, timedelta):
        length = _of_timedelta(given)
    elif isinstance(given, str) and (match := _ISO_DURATION.fullmatch(given.strip().upper())):
        number = {name: int(digits or 0) for name, digits in match.groupdict().items() if name != "seconds"}
        elapsed = timedelta(hours=number["hours"], minutes=number["minutes"], seconds=float(match["seconds"] or 0))
        length = Length(number["years"], number["months"], 7 * number["weeks"] + number["days"], elapsed)
    if length is None or not (_is_positive(length) or (may_be_zero and length == NOTHING)):
        violations.append(Violation("duration", quoted(given), ACCEPTED))
        return None
    return length


def _of_timedelta(given: timedelta) -> Length:
    years, months = _calendar_units(given)
    # A pendulum duration counts a year as 365 days and a month as 30 in its days.
    days, rest = divmod(timedelta(given.days, given.seconds, given.microseconds), _DAY)
    days -= 365 * years + 30 * months
    return Length(years, months, 0, days * _DAY + rest) if rest else Length(years, months, days)


def _calendar_units(given: timedelta) -> tuple[int, int]:
    if type(given) is timedelta:
        return 0, 0
    import pendulum

    # An interval tells years and months too, of the time that it spans.
    if isinstance(given, pendulum.Duration) and not isinstance(given, pendulum.Interval):
        return given.years, given.months
    return 0, 0


def _is_positive(length: Length) -> bool:
    parts = (length.years, length.months, length.days)
    return min(parts) >= 0 and length.elapsed >= timedelta(0) and length != NOTHING


def before(instant: datetime, duration: Any) -> datetime:
    """The instant so long before another, days and longer counted on the calendar of UTC. Nothing at all is allowed.

    Raises `InvalidInputError` for what is no duration.
    """
    violations: list[Violation] = []
    length = parse_duration(duration, violations, may_be_zero=True)
    if length is None:
        raise InvalidInputError("The duration is not valid", violations)
    try:
        return length.before(instant)
    except (OverflowError, ValueError):
        accepted = "a duration that began after the year 1"
        raise InvalidInputError(
            "The duration is not valid", [Violation("duration", quoted(duration), accepted)]
        ) from None
