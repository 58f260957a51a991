"""Durations: calendar units and elapsed time, with the same rules for every way to give one."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.text import quoted

_ACCEPTED = "an ISO 8601 duration such as P14D or PT36H, or a timedelta"
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
        """The instant this long after `start`, on the calendar of the zone.

        Raises `OverflowError` or `ValueError` if the result is beyond the calendar.
        """
        import pendulum

        local = start.astimezone(zone).replace(tzinfo=None)
        moved = pendulum.instance(local, tz=None).add(years=self.years, months=self.months, days=self.days)
        wall = local.replace(year=moved.year, month=moved.month, day=moved.day)
        # In a gap of the clocks, the earlier offset moves the time forward by the length of the gap.
        there = wall.replace(tzinfo=zone, fold=local.fold if moved.naive() == local else 0)
        return there.astimezone(UTC) + self.elapsed

    def before(self, end: datetime) -> datetime:
        """The instant this long before `end`, on the calendar of UTC. Raises as `after` does."""
        import pendulum

        moved = pendulum.instance(end.astimezone(UTC)).subtract(years=self.years, months=self.months, days=self.days)
        return datetime.fromisoformat(moved.isoformat()).astimezone(UTC) - self.elapsed

    @property
    def on_the_calendar(self) -> Length:
        """The same duration with whole days of elapsed time as calendar days, as in `P1DT12H`."""
        days, rest = divmod(self.elapsed, _DAY)
        return Length(self.years, self.months, self.days + days, rest)


NOTHING = Length()


def parse_duration(given: Any, violations: list[Violation], *, may_be_zero: bool = False) -> Length | None:
    """The length of an ISO 8601 duration, a `timedelta`, or a `pendulum` duration or interval.

    An ISO 8601 duration shows what it counts: `P1D` is one calendar day, and `PT24H` is 24 elapsed hours. A `timedelta`
    does not show it. A `timedelta` of whole days counts calendar days; any other one is elapsed time as a whole:
    `timedelta(hours=36)` is 36 hours. A `pendulum` duration can have years and months too. A `pendulum` interval, the
    difference of two datetimes, is the elapsed time between them.

    Returns None and adds a violation for anything else.
    """
    length = None
    if isinstance(given, timedelta):
        length = _of_timedelta(given)
    elif isinstance(given, str) and (match := _ISO_DURATION.fullmatch(given.strip().upper())):
        number = {name: int(digits or 0) for name, digits in match.groupdict().items() if name != "seconds"}
        elapsed = timedelta(hours=number["hours"], minutes=number["minutes"], seconds=float(match["seconds"] or 0))
        length = Length(number["years"], number["months"], 7 * number["weeks"] + number["days"], elapsed)
    if length is None or not (_is_positive(length) or (may_be_zero and length == NOTHING)):
        least = "zero or longer" if may_be_zero else "longer than zero"
        violations.append(Violation("duration", quoted(given), f"{_ACCEPTED}, {least}"))
        return None
    return length


def _of_timedelta(given: timedelta) -> Length:
    years, months = _calendar_units(given)
    # The days of a pendulum duration count a year as 365 days and a month as 30.
    days, rest = divmod(timedelta(given.days, given.seconds, given.microseconds), _DAY)
    days -= 365 * years + 30 * months
    return Length(years, months, 0, days * _DAY + rest) if rest else Length(years, months, days)


def _calendar_units(given: timedelta) -> tuple[int, int]:
    if type(given) is timedelta:
        return 0, 0
    import pendulum

    # An interval has years and months too: those of the time that it spans.
    if isinstance(given, pendulum.Duration) and not isinstance(given, pendulum.Interval):
        return given.years, given.months
    return 0, 0


def _is_positive(length: Length) -> bool:
    parts = (length.years, length.months, length.days)
    return min(parts) >= 0 and length.elapsed >= timedelta(0) and length != NOTHING


def before(instant: datetime, duration: Any, field: str = "duration") -> datetime:
    """The instant a duration before another, with days and longer units on the calendar of UTC; zero is allowed.

    `field` is the name of the argument that holds the duration. Raises `InvalidInputError` for a value that is not a
    duration.
    """
    violations: list[Violation] = []
    length = parse_duration(duration, violations, may_be_zero=True)
    if length is None:
        raise InvalidInputError("The duration is not valid", [replace(each, pointer=field) for each in violations])
    try:
        return length.before(instant)
    except (OverflowError, ValueError):
        accepted = "a duration that began after the year 1"
        raise InvalidInputError("The duration is not valid", [Violation(field, quoted(duration), accepted)]) from None
