"""Half-open intervals of time, and unions of them. None as a start or an end means no bound."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

# Far beyond any window, and far enough from the ends of the calendar to convert it to every time zone.
_FIRST = datetime.min.replace(tzinfo=UTC) + timedelta(days=2)
_LAST = datetime.max.replace(tzinfo=UTC) - timedelta(days=2)

Interval = tuple[datetime, datetime]
"""`[start, end)`."""
Union = Sequence[Interval]
"""Intervals in order that neither overlap nor touch."""


def interval(start: datetime | None, end: datetime | None) -> Interval:
    """The interval between two instants; None means no bound."""
    return start or _FIRST, end or _LAST


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """The union of intervals. Empty and reversed ones count for nothing."""
    union: list[Interval] = []
    for start, end in sorted(each for each in intervals if each[0] < each[1]):
        if union and start <= union[-1][1]:
            if end > union[-1][1]:
                union[-1] = union[-1][0], end
        else:
            union.append((start, end))
    return union


def common(union: Union, other: Interval) -> list[Interval]:
    """The part of a union that lies in an interval."""
    cut = ((max(start, other[0]), min(end, other[1])) for start, end in union)
    return [each for each in cut if each[0] < each[1]]


def without(union: Union, others: Union) -> list[Interval]:
    """The part of a union that lies in none of the others."""
    left: list[Interval] = []
    at = 0
    for start, end in union:
        while at < len(others) and others[at][1] <= start:
            at += 1
        begin, index = start, at
        while index < len(others) and others[index][0] < end:
            if begin < others[index][0]:
                left.append((begin, others[index][0]))
            begin = max(begin, others[index][1])
            index += 1
        if begin < end:
            left.append((begin, end))
    return left


def ahead_of(now: datetime) -> Interval:
    """All time from now on."""
    return now, _LAST
