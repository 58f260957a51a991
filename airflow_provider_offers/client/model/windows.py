"""Windows of offers and decisions: half-open intervals of instants, from dates, time zones and durations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from datetime import timezone as fixed
from functools import lru_cache
from typing import Any, Literal, get_args

from airflow_provider_offers.client.errors import InvalidInputError, UnsupportedError, Violation
from airflow_provider_offers.client.model.comparing import same
from airflow_provider_offers.client.model.durations import Length, parse_duration
from airflow_provider_offers.client.model.instants import format_instant, parse_instant
from airflow_provider_offers.client.model.kinds import FALLBACK, PERSONALIZED, Kind
from airflow_provider_offers.client.model.likeness import near, perhaps
from airflow_provider_offers.client.text import quoted, typed
from airflow_provider_offers.client.wire.messages import Json

_WALL_CLOCK = (
    "a date-time with a zone (2027-03-01T09:00:00Z), or a wall-clock time (2027-03-01T09:00) or a date (2027-03-01) "
    "together with timezone, such as Europe/Paris"
)
# The doubts about a window; each can be waived by its name.
WindowDoubt = Literal["window_over", "fixed_offset", "ambiguous_time", "mixed_duration"]
WINDOW_DOUBTS: tuple[str, ...] = get_args(WindowDoubt)
# Names of files beside the time zones. Each machine may have another one, or none.
_OF_MACHINES = frozenset({"localtime", "posixrules", "Factory"})
# Zones without summer time, which share their names with the winter time of places that have it.
_WITHOUT_SUMMER = {"EST": "America/New_York", "MST": "America/Denver"}
# A calendar date, or a week and its day, and after a T or a blank the time.
_DATE = re.compile(r"\d{4}-?(?:\d{2}-?\d{2}|W\d{2}-?\d)(?:[Tt ].+)?", re.ASCII)
_WEEK = re.compile(r"\d{4}-?[Ww]\d{2}(?![-\d])", re.ASCII)
_DATE_WITH_OFFSET = re.compile(r"\d{4}-?\d{2}-?\d{2}(?:[Zz]|[+-]\d{2}:?\d{2})", re.ASCII)
_SIGNED = re.compile(r"(?:Etc/)?GMT([+-])([1-9]\d?)")


@dataclass(frozen=True, slots=True)
class OfferWindow:
    """`[start, end)`: the offer may be shown from `start` on, and no longer at `end`.

    Accepts aware datetimes of any zone and stores them as the service does: in UTC and whole milliseconds. Two windows
    are therefore equal if their instants are. Raises `InvalidInputError` for a datetime without a zone, and for a
    window that is empty or reversed.

    `doubts` has a sentence for each ambiguity in the author's values, by the name that waives it.
    """

    start: datetime
    end: datetime
    doubts: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        violations: list[Violation] = []
        for name in ("start", "end"):
            # Python compares two datetimes of one zone by their wall clocks, which are put back once a year.
            object.__setattr__(self, name, _in_utc(name, getattr(self, name), violations))
        if not violations and self.end <= self.start:
            given = f"{format_instant(self.end)}, {'when' if self.end == self.start else 'before'} the window starts"
            violations.append(Violation("end", given, f"an instant after start, {format_instant(self.start)}"))
        if violations:
            raise InvalidInputError("The window is not valid", violations)

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= parse_instant(instant) < self.end

    def is_over(self, now: datetime) -> bool:
        """Whether the window has ended, so the offer can never be shown again."""
        return self.end <= parse_instant(now)

    def is_over_by(self, now: datetime) -> str | None:
        """A sentence with both instants if the window has ended by `now`, the service's time; else None."""
        if not self.is_over(now):
            return None
        return f"the window ended at {format_instant(self.end)}, and it is {format_instant(now)} by the service's clock"

    def as_constraint(self) -> dict[str, str]:
        """The dates for an offer's `selectionConstraint` or for a decision, in RFC 3339 and UTC."""
        return {"startDate": format_instant(self.start), "endDate": format_instant(self.end)}

    def changes(self, properties: Mapping[str, Json], kind: Kind = PERSONALIZED) -> list[dict[str, Json]]:
        """The smallest patch that gives an object of the kind this window; empty if the object has it.

        The rule beside the dates stays, and so do the windows of capping rules.
        """
        holder = _holder(properties, kind)
        place = "".join(f"/{step}" for step in kind.window or ())
        wanted = self.as_constraint()
        if holder is None:
            return [{"op": "add", "path": place, "value": wanted}]
        return [
            {"op": "replace" if name in holder else "add", "path": f"{place}/{name}", "value": text}
            for name, text in wanted.items()
            if not same(holder.get(name), text)
        ]


def _in_utc(name: str, instant: datetime, violations: list[Violation]) -> datetime:
    if instant.utcoffset() is None:
        violations.append(Violation(name, "a datetime without a time zone", "a datetime with a time zone"))
        return instant
    try:
        utc = datetime.combine(instant.date(), instant.time(), instant.tzinfo).astimezone(UTC)
    except OverflowError:
        violations.append(Violation(name, f"{instant}, which is beyond the calendar in UTC", "a year from 1 to 9999"))
        return instant
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def window_of(properties: Mapping[str, Json], kind: Kind = PERSONALIZED) -> OfferWindow | None:
    """The window of an object in neutral names, from any spelling of the dates; None if it has no valid window."""
    holder = _holder(properties, kind) or {}
    start, end = holder.get("startDate"), holder.get("endDate")
    return _window(start, end) if isinstance(start, str) and isinstance(end, str) else None


@lru_cache(maxsize=256)
def _window(start: str, end: str) -> OfferWindow | None:
    """The window between two texts. The objects of a list often share one."""
    try:
        return OfferWindow(parse_instant(start), parse_instant(end))
    except (ValueError, InvalidInputError):
        return None


def _holder(properties: Mapping[str, Json], kind: Kind) -> Mapping[str, Json] | None:
    """The object that holds the dates: an offer's `selectionConstraint`, or the decision itself."""
    holder: Json = properties
    for step in kind.window or ():
        holder = holder.get(step) if isinstance(holder, Mapping) else None
    return holder if isinstance(holder, Mapping) else None


def resolve_window(start: Any, end: Any = None, duration: Any = None, timezone: Any = None) -> OfferWindow:
    """The window from a start and either an end or a duration.

    `start` and `end` are aware datetimes or RFC 3339 texts. A wall-clock time (a naive datetime, text without an
    offset, or a date, which means its midnight) needs `timezone`, the name of a zone. A wall-clock time that the zone
    skips is an error. For a time that occurs twice, `fold=1` means the second; otherwise the first is taken and a doubt
    is added.

    `duration` counts years, months, weeks and days on the calendar of `timezone`, or of the start's own zone. Fourteen
    days across a clock change therefore end at the same local hour. Hours, minutes and seconds are elapsed time; see
    `durations.parse_duration` for a timedelta. An end at a skipped time moves forward by the length of the gap.

    Raises `InvalidInputError` with every violation at once.
    """
    violations: list[Violation] = []
    doubts: dict[str, str] = {}
    zone = _zone(timezone, violations)
    first = _instant("start", start, zone, violations, doubts)
    last: datetime | None = None
    if (end in (None, "")) == (duration in (None, "")):
        given = "neither" if end in (None, "") else "both"
        violations.append(Violation("end, duration", given, "exactly one of the two"))
    elif end not in (None, ""):
        last = _instant("end", end, zone, violations, doubts)
    elif (length := parse_duration(duration, violations)) is not None and first is not None:
        try:
            last = _end_after(first, length, zone or first.tzinfo or UTC, duration, doubts)
        except (OverflowError, ValueError):
            violations.append(Violation("duration", quoted(duration), "a duration that ends before the year 10000"))
    if violations or first is None or last is None:
        raise InvalidInputError("The window is not valid", violations)
    window = OfferWindow(first, last)
    if zone is not None and (doubt := _misread_zone(zone, window, start, end, duration)):
        doubts["fixed_offset"] = doubt
    return replace(window, doubts=doubts)


def _misread_zone(zone: tzinfo, window: OfferWindow, start: Any, end: Any, duration: Any) -> str:
    """A sentence about a zone whose name looks like that of another one, if the window would differ in that one."""
    from zoneinfo import ZoneInfo

    other: tzinfo
    name = getattr(zone, "key", "")
    if (signed := _SIGNED.fullmatch(name)) is not None:
        hours = int(f"{signed[1]}{signed[2]}")
        other, where, why = fixed(timedelta(hours=hours)), f"UTC{hours:+}", f"means UTC{-hours:+}"
    elif name in _WITHOUT_SUMMER:
        where = _WITHOUT_SUMMER[name]
        other, why = ZoneInfo(where), "has no summer time"
    else:
        return ""
    try:
        meant = resolve_window(start, end, duration, other)
    except InvalidInputError:
        # The window begins or ends at a time that the other zone skips.
        return f"timezone: {name} {why}; this time does not exist in {where}"
    if meant == window:
        return ""
    given, instead = (f"{format_instant(each.start)} to {format_instant(each.end)}" for each in (window, meant))
    return f"timezone: {name} {why}, so the window is {given}; in {where}, it would be {instead}"


def _end_after(start: datetime, length: Length, zone: tzinfo, given: Any, doubts: dict[str, str]) -> datetime:
    """The end of a window this long after its start; adds a doubt if a clock change makes the end ambiguous."""
    end = length.after(start, zone)
    # An ISO 8601 duration shows which one it means.
    mixed = isinstance(given, timedelta) and length.on_the_calendar != length
    if mixed and (other := length.on_the_calendar.after(start, zone)) != end:
        doubts["mixed_duration"] = (
            f"duration: {given} is elapsed time and ends at {format_instant(end)}; with calendar days it would end at "
            f"{format_instant(other)}, because the clocks change meanwhile; use an ISO 8601 duration such as PT36H or "
            "P1DT12H to choose"
        )
    elif not length.elapsed and (both := _both(end.astimezone(zone).replace(tzinfo=None), zone)):
        doubts["ambiguous_time"] = _taken("the end of the duration", both)
    return end


def doubtful(doubts: Mapping[str, str]) -> InvalidInputError:
    """The error for a window with doubts."""
    return InvalidInputError(
        "The window is doubtful",
        [
            Violation(reason, said, f"a window without this doubt, or waive={[reason]!r}")
            for reason, said in doubts.items()
        ],
    )


def window_from(given: Any) -> OfferWindow:
    """The window, given as one, or as an object with `start` and `end` or `duration`, and optionally `timezone`.

    Raises `InvalidInputError` as `resolve_window` does, and for unknown members.
    """
    if isinstance(given, OfferWindow):
        return given
    if not isinstance(given, Mapping):
        accepted = "an object with start and end or duration, and optionally timezone"
        raise InvalidInputError("The window is not valid", [Violation("window", typed(given), accepted)])
    known = ("start", "end", "duration", "timezone")
    if unknown := [name for name in given if name not in known]:
        raise InvalidInputError(
            "The window is not valid",
            [Violation(f"window/{name}", "an unknown member", _window_members(name, known)) for name in unknown],
        )
    return resolve_window(given.get("start"), given.get("end"), given.get("duration"), given.get("timezone"))


def _window_members(name: object, known: tuple[str, ...]) -> str:
    """The members of a window, and the one that was probably meant: a date of an offer, or a typing error."""
    return ", ".join(known) + perhaps(near(str(name).removesuffix("Date"), known))


def with_window(kind: Kind, properties: Mapping[str, Json], given: Any) -> dict[str, Json]:
    """The properties of a new object, with the window instead of other dates. Some kinds have no window."""
    if kind is FALLBACK:
        raise UnsupportedError("A fallback offer has no window: it may always be shown")
    if kind.window is None:
        raise UnsupportedError(f"A {kind.noun} has no window")
    dates = window_from(given).as_constraint()
    if not kind.window:
        return {**properties, **dates}
    kept = _holder(properties, kind) or {}
    return {**properties, kind.window[0]: {**kept, **dates}}


def _zone(timezone: Any, violations: list[Violation]) -> tzinfo | None:
    from zoneinfo import ZoneInfo

    if timezone in (None, ""):
        return None
    if isinstance(timezone, tzinfo):
        return timezone
    try:
        # Python's ZoneInfo returns the second item of a tuple.
        if isinstance(timezone, str) and not _is_of_machine(timezone):
            return ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        pass
    accepted = "the name of a time zone, such as Europe/Paris, America/New_York or UTC"
    violations.append(Violation("timezone", quoted(timezone), accepted + _zones_like(timezone)))
    return UTC


def _is_of_machine(zone: str) -> bool:
    """Whether a file of the time zones means something else on each machine, or counts leap seconds."""
    return zone in _OF_MACHINES or zone.startswith(("posix/", "right/"))


def _zones_like(given: Any) -> str:
    """The time zones that may have been meant: by a slip, or by the city alone."""
    from zoneinfo import available_timezones

    if not isinstance(given, str):
        return ""
    known = sorted(available_timezones() - _OF_MACHINES)
    cities = {zone.rpartition("/")[2].casefold(): zone for zone in known}
    city = cities.get(given.strip().rpartition("/")[2].replace(" ", "_").casefold())
    return perhaps([city] if city else near(given, known)[:3])


def _instant(
    name: str, given: Any, zone: tzinfo | None, violations: list[Violation], doubts: dict[str, str]
) -> datetime | None:
    # A naive datetime of pendulum has fold=1 by default, so it does not choose one of two times.
    chosen = isinstance(given, datetime) and given.fold == 1 and type(given) is datetime
    if isinstance(given, datetime):
        # Airflow's own dates are pendulum's, which have their own arithmetic.
        given = datetime.combine(given.date(), given.time(), given.tzinfo)
    try:
        return parse_instant(given)
    except ValueError:
        pass
    try:
        wall = given if isinstance(given, datetime) else datetime.fromisoformat(_date_text(given))
    except ValueError:
        violations.append(Violation(name, quoted(given) + _misread(given), _WALL_CLOCK))
        return None
    if wall.utcoffset() is not None:
        return wall
    if zone is None:
        violations.append(Violation(name, f"{str(given)!r}, which has no time zone", _WALL_CLOCK))
        return None
    try:
        exists, both = _exists(wall, zone), _both(wall, zone)
    except OverflowError:
        violations.append(Violation(name, f"{wall.isoformat()} in {zone}, which is beyond the calendar", _WALL_CLOCK))
        return None
    if not exists:
        accepted = "a time that exists in that zone; its clocks skip this one when they are put forward"
        violations.append(Violation(name, f"{wall.isoformat()} in {zone}, which does not exist", accepted))
        return None
    if both and not chosen:
        doubts["ambiguous_time"] = _taken(f"{name}: {wall.isoformat()} in {zone}", both)
    return wall.replace(tzinfo=zone, fold=int(chosen))


def _both(wall: datetime, zone: tzinfo) -> tuple[datetime, datetime] | None:
    """The two instants at which the zone's clocks show this time, if they are put back over it."""
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return (first, second) if second > first else None


def _taken(what: str, both: tuple[datetime, datetime]) -> str:
    first, second = map(format_instant, both)
    return (
        f"{what} occurs twice, at {first} and at {second}, because the clocks are put back; the first is used; "
        "add an offset to the time to choose"
    )


def _date_text(given: Any) -> str:
    """The text of a date or a wall-clock time. Python would also read what could mean something else."""
    if not isinstance(given, (str, date)):
        raise ValueError("neither text nor a date")
    text = str(given).strip()
    if _DATE.fullmatch(text) is None:
        raise ValueError("not a date, or not one alone")
    return text


def _misread(given: Any) -> str:
    """What could be meant by text that begins like a date."""
    text = given.strip() if isinstance(given, str) else ""
    if _WEEK.match(text):
        return ", a week without a day"
    return ", a date with an offset and without a time" if _DATE_WITH_OFFSET.fullmatch(text) else ""


def _exists(wall: datetime, zone: tzinfo) -> bool:
    there = wall.replace(tzinfo=zone, fold=0)
    return there.astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0) == wall.replace(fold=0)
