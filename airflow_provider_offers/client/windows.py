"""Windows of offers and decisions: half-open intervals of instants, written from calendars and time zones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from airflow_provider_offers.client.errors import InvalidInputError, UnsupportedError, Violation
from airflow_provider_offers.client.instants import format_instant, parse_instant
from airflow_provider_offers.client.kinds import FALLBACK, PERSONALIZED, Kind
from airflow_provider_offers.client.legible import quoted
from airflow_provider_offers.client.wire import Json

_WALL_CLOCK = "a date-time with a zone, or a wall-clock time together with timezone, such as Europe/Paris"
_ISO_DURATION = re.compile(
    r"P(?=\d|T\d)(?:(?P<years>\d{1,4})Y)?(?:(?P<months>\d{1,5})M)?(?:(?P<weeks>\d{1,5})W)?(?:(?P<days>\d{1,6})D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d{1,7})H)?(?:(?P<minutes>\d{1,9})M)?(?:(?P<seconds>\d{1,9}(?:\.\d{1,6})?)S)?)?",
    re.ASCII,
)
_DURATION = "an ISO 8601 duration such as P14D or PT36H, or a timedelta, longer than nothing"


@dataclass(frozen=True, slots=True)
class OfferWindow:
    """`[start, end)`: the offer may be shown from `start` on and no longer at `end`.

    Takes aware datetimes of any zone and keeps them as the service does, in UTC and whole milliseconds, so that two
    windows are equal when their instants are. Raises `InvalidInputError` for a naive end, and for a window that is
    empty or reversed.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        violations: list[Violation] = []
        for name in ("start", "end"):
            # Python compares two datetimes of one zone by their wall clocks, which go back once a year.
            object.__setattr__(self, name, _in_utc(name, getattr(self, name), violations))
        if not violations and self.end <= self.start:
            given = f"{format_instant(self.end)}, {'when' if self.end == self.start else 'before'} the window starts"
            violations.append(Violation("end", given, f"an instant after start, {format_instant(self.start)}"))
        if violations:
            raise InvalidInputError("The window cannot be", violations)

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= parse_instant(instant) < self.end

    def is_over(self, now: datetime) -> bool:
        """Whether the offer can never be shown again."""
        return self.end <= parse_instant(now)

    def as_constraint(self) -> dict[str, str]:
        """The window as an offer's `selectionConstraint` and a decision carry it, in RFC 3339 and UTC."""
        return {"startDate": format_instant(self.start), "endDate": format_instant(self.end)}

    def changes(self, properties: Mapping[str, Json], kind: Kind = PERSONALIZED) -> list[dict[str, Json]]:
        """The smallest patch by which an object of the kind gets this window; empty where it has it.

        The rule that lives beside the dates stays, and so do the windows of capping rules.
        """
        holder = _holder(properties, kind)
        place = "".join(f"/{step}" for step in kind.window or ())
        wanted = self.as_constraint()
        if holder is None:
            return [{"op": "add", "path": place, "value": wanted}]
        return [
            {"op": "replace" if name in holder else "add", "path": f"{place}/{name}", "value": text}
            for name, text in wanted.items()
            if not _same_instant(holder.get(name), text)
        ]


def _in_utc(name: str, instant: datetime, violations: list[Violation]) -> datetime:
    if instant.utcoffset() is None:
        violations.append(Violation(name, "a datetime without a time zone", "an aware datetime"))
        return instant
    try:
        utc = datetime.combine(instant.date(), instant.time(), instant.tzinfo).astimezone(UTC)
    except OverflowError:
        violations.append(Violation(name, f"{instant}, which is beyond the calendar in UTC", "a year from 1 to 9999"))
        return instant
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def window_of(properties: Mapping[str, Json], kind: Kind = PERSONALIZED) -> OfferWindow | None:
    """The window of an object in neutral names, in whichever way the service spells dates; None where it has none."""
    holder = _holder(properties, kind)
    if holder is None:
        return None
    try:
        return OfferWindow(parse_instant(holder.get("startDate")), parse_instant(holder.get("endDate")))
    except (ValueError, InvalidInputError):
        return None


def _holder(properties: Mapping[str, Json], kind: Kind) -> Mapping[str, Json] | None:
    """The object that holds the dates: an offer's `selectionConstraint`, a decision itself."""
    holder: Json = properties
    for step in kind.window or ():
        holder = holder.get(step) if isinstance(holder, Mapping) else None
    return holder if isinstance(holder, Mapping) else None


def resolve_window(start: Any, end: Any = None, duration: Any = None, timezone: Any = None) -> OfferWindow:
    """The window that a start and either an end or a duration mean.

    `start` and `end` are aware datetimes or RFC 3339 texts; as wall-clock times (a naive datetime, or text without an
    offset; a bare date is its midnight) they need `timezone`, the name of a zone. A wall-clock time that the zone
    skips is refused; one that it has twice is its first. `duration` counts years, months, weeks and days on the
    calendar of `timezone`, or of the start's own zone, so that fourteen days across a change of clocks end at the
    same local hour; its hours, minutes and seconds are elapsed time. Where the calendar ends on a time that is
    skipped, it moves on by as much as the clocks do.

    Raises `InvalidInputError` with every violation at once.
    """
    violations: list[Violation] = []
    zone = _zone(timezone, violations)
    first = _instant("start", start, zone, violations)
    last: datetime | None = None
    if (end in (None, "")) == (duration in (None, "")):
        given = "neither" if end in (None, "") else "both"
        violations.append(Violation("end, duration", given, "exactly one of the two"))
    elif end not in (None, ""):
        last = _instant("end", end, zone, violations)
    elif (length := _length(duration, violations)) is not None and first is not None:
        try:
            last = _later(first, length, zone or first.tzinfo or UTC)
        except (OverflowError, ValueError):
            violations.append(Violation("duration", quoted(duration), "a duration that ends before the year 10000"))
    if violations or first is None or last is None:
        raise InvalidInputError("The window cannot be", violations)
    return OfferWindow(first, last)


def window_from(given: Any) -> OfferWindow:
    """The window that is given as one, or as an object with `start` and `end` or `duration`, perhaps `timezone`.

    Raises `InvalidInputError` as `resolve_window` does, and for members that it does not know.
    """
    if isinstance(given, OfferWindow):
        return given
    if not isinstance(given, Mapping):
        accepted = "an object with start and end or duration, perhaps timezone"
        raise InvalidInputError("The window cannot be", [Violation("window", f"a {type(given).__name__}", accepted)])
    known = ("start", "end", "duration", "timezone")
    if unknown := [name for name in given if name not in known]:
        raise InvalidInputError(
            "The window cannot be",
            [Violation(f"window/{name}", "an unknown member", ", ".join(known)) for name in unknown],
        )
    return resolve_window(given.get("start"), given.get("end"), given.get("duration"), given.get("timezone"))


def with_window(kind: Kind, properties: Mapping[str, Json], given: Any) -> dict[str, Json]:
    """The properties of an object to be created, with the window in place of any dates; some kinds can have none."""
    if kind is FALLBACK:
        raise UnsupportedError("A fallback offer has no window: it may always be shown")
    if kind.window is None:
        raise UnsupportedError(f"A {kind.noun} has no window")
    dates = window_from(given).as_constraint()
    if not kind.window:
        return {**properties, **dates}
    kept = _holder(properties, kind) or {}
    return {**properties, kind.window[0]: {**kept, **dates}}


def before(instant: datetime, duration: Any) -> datetime:
    """The instant so long before another, days and longer counted on the calendar of UTC. Nothing at all is allowed.

    Raises `InvalidInputError` for what is no duration.
    """
    violations: list[Violation] = []
    length = _length(duration, violations, may_be_zero=True)
    if length is None:
        raise InvalidInputError("There is no such moment", violations)
    import pendulum

    try:
        moved = pendulum.instance(instant.astimezone(UTC)).subtract(
            years=length.years, months=length.months, days=length.days
        )
        return datetime.fromisoformat(moved.isoformat()).astimezone(UTC) - length.elapsed
    except (OverflowError, ValueError):
        accepted = "a duration that began after the year 1"
        raise InvalidInputError(
            "There is no such moment", [Violation("duration", quoted(duration), accepted)]
        ) from None


def _zone(timezone: Any, violations: list[Violation]) -> tzinfo | None:
    from zoneinfo import ZoneInfo

    if timezone in (None, ""):
        return None
    if isinstance(timezone, tzinfo):
        return timezone
    try:
        return ZoneInfo(timezone)
    except (KeyError, ValueError, TypeError, OSError):
        accepted = "the name of a time zone, such as Europe/Paris, America/New_York or UTC"
        violations.append(Violation("timezone", quoted(timezone), accepted))
        return UTC


def _instant(name: str, given: Any, zone: tzinfo | None, violations: list[Violation]) -> datetime | None:
    if isinstance(given, datetime):
        # Airflow's own dates are pendulum's, which calculate in ways of their own.
        given = datetime.combine(given.date(), given.time(), given.tzinfo)
    try:
        return parse_instant(given)
    except ValueError:
        pass
    try:
        wall = given if isinstance(given, datetime) else datetime.fromisoformat(_date_text(given))
    except ValueError:
        violations.append(Violation(name, quoted(given), _WALL_CLOCK))
        return None
    if wall.utcoffset() is not None:
        return wall
    if zone is None:
        violations.append(Violation(name, f"{given!r}, which has no time zone", _WALL_CLOCK))
        return None
    try:
        exists = _exists(wall, zone)
    except OverflowError:
        violations.append(Violation(name, f"{wall.isoformat()} in {zone}, which is beyond the calendar", _WALL_CLOCK))
        return None
    if not exists:
        accepted = "a time that the clocks of that zone show; they are put forward over this one"
        violations.append(Violation(name, f"{wall.isoformat()} in {zone}, which does not exist", accepted))
        return None
    return wall.replace(tzinfo=zone, fold=0)


def _date_text(given: Any) -> str:
    if not isinstance(given, (str, date)):
        raise ValueError("neither text nor a date")
    return str(given).strip()


def _exists(wall: datetime, zone: tzinfo) -> bool:
    there = wall.replace(tzinfo=zone, fold=0)
    return there.astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0) == wall.replace(fold=0)


@dataclass(frozen=True, slots=True)
class _Length:
    """A duration: what the calendar counts, and what the clock does."""

    years: int
    months: int
    days: int
    elapsed: timedelta


def _length(duration: Any, violations: list[Violation], *, may_be_zero: bool = False) -> _Length | None:
    length = None
    if isinstance(duration, timedelta):
        length = _Length(0, 0, duration.days, timedelta(seconds=duration.seconds, microseconds=duration.microseconds))
    elif isinstance(duration, str) and (match := _ISO_DURATION.fullmatch(duration.strip().upper())):
        number = {name: int(digits or 0) for name, digits in match.groupdict().items() if name != "seconds"}
        elapsed = timedelta(hours=number["hours"], minutes=number["minutes"], seconds=float(match["seconds"] or 0))
        length = _Length(number["years"], number["months"], 7 * number["weeks"] + number["days"], elapsed)
    if length is None or not (_is_positive(length) or (may_be_zero and length == _NOTHING)):
        violations.append(Violation("duration", quoted(duration), _DURATION))
        return None
    return length


_NOTHING = _Length(0, 0, 0, timedelta(0))


def _is_positive(length: _Length) -> bool:
    return length.days >= 0 and length != _NOTHING


def _later(start: datetime, length: _Length, zone: tzinfo) -> datetime:
    """Calendar units on the wall clock of the zone first, then what is left as elapsed time."""
    import pendulum

    local = start.astimezone(zone).replace(tzinfo=None)
    moved = pendulum.instance(local, tz=None).add(years=length.years, months=length.months, days=length.days)
    wall = local.replace(year=moved.year, month=moved.month, day=moved.day)
    # In a gap of the clocks the earlier offset moves the time on by the length of the gap.
    there = wall.replace(tzinfo=zone, fold=local.fold if moved.naive() == local else 0)
    return there.astimezone(UTC) + length.elapsed


def _same_instant(given: Any, text: str) -> bool:
    try:
        return parse_instant(given) == parse_instant(text)
    except ValueError:
        return False
