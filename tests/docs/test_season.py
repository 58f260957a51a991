"""The dates with which the page of the season ends a season, and creates its weeks again, mean what the page says."""

from __future__ import annotations

import re
from datetime import datetime

import pendulum
from airflow.timetables.base import TimeRestriction
from airflow.timetables.interval import CronDataIntervalTimetable

from tests.docs.pages import page

ZONE = "Europe/Berlin"
TEXT = page("docs/season.md").text


def mondays(earliest: pendulum.DateTime, latest: pendulum.DateTime) -> list[str]:
    """The days in Berlin on which Airflow starts a run, whose offers open on the same day."""
    timetable = CronDataIntervalTimetable("0 0 * * MON", timezone=ZONE)
    restriction = TimeRestriction(earliest, latest, catchup=True)
    found: list[str] = []
    last = None
    while info := timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction):
        last = info.data_interval
        found.append(info.run_after.in_timezone(ZONE).to_date_string())
    return found


def test_the_last_run_before_the_end_date_is_the_one_of_the_page() -> None:
    (given,) = re.findall(r"`end_date=pendulum\.datetime\((\d+), (\d+), (\d+), tz=ZONE\)`", TEXT)
    year, month, day = map(int, given)
    end = pendulum.datetime(year, month, day, tz=ZONE)

    assert mondays(pendulum.datetime(2026, 3, 2, tz=ZONE), end)[-1] == "2026-04-20"
    assert "the last run starts on Monday, 20 April" in TEXT


def test_the_backfill_creates_the_weeks_of_the_page() -> None:
    (given,) = re.findall(r"--from-date (\S+) --to-date (\S+)", TEXT)
    found = mondays(*(pendulum.instance(datetime.fromisoformat(each)) for each in given))

    assert (found[0], found[-1]) == ("2026-03-09", "2026-04-20")
    assert "the offers from 9 March to 20 April" in TEXT
