"""Unions of intervals hold the instants that they should: each is compared with its hours, one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.calendar.intervals import Interval, Union, common, interval, merged, without
from tests.effort import examples

HOURS = 30
START = datetime(2026, 6, 1, tzinfo=UTC)
hour = st.integers(0, HOURS)
intervals = st.lists(st.tuples(hour, hour).map(lambda pair: at(*pair)), max_size=8)


def at(start: int, end: int) -> Interval:
    return START + timedelta(hours=start), START + timedelta(hours=end)


def hours(union: Union) -> set[int]:
    """The hours that begin in a union."""
    return {each for each in range(HOURS) if any(start <= at(each, 0)[0] < end for start, end in union)}


@examples(50)
@given(intervals, intervals, st.tuples(hour, hour))
def test_unions_differences_and_parts_hold_the_right_hours(
    some: list[Interval], others: list[Interval], part: tuple[int, int]
) -> None:
    union, other = merged(some), merged(others)

    assert hours(union) == hours(some)
    assert all(earlier[1] < later[0] for earlier, later in pairwise(union))
    assert hours(without(union, other)) == hours(some) - hours(others)
    assert hours(common(union, at(*part))) == hours(some) & set(range(*part))
    assert all(
        start < end for found in (union, without(union, other), common(union, at(*part))) for start, end in found
    )


def test_a_missing_bound_is_beyond_every_window() -> None:
    now = at(0, 0)[0]

    assert common([interval(None, now)], interval(datetime.min.replace(year=2, tzinfo=UTC), None))
    assert without([interval(None, None)], [interval(now, None)]) == [interval(None, now)]
