"""Spreadsheets and calendars read the exports as they are meant, whatever the names of offers hold."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import icalendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.calendar.csv_file import csv_of
from airflow_provider_offers.calendar.document import COLUMNS
from airflow_provider_offers.calendar.ics_file import ics_of
from airflow_provider_offers.calendar.rows import Filters, named_rows
from tests.calendar.stage import Stage
from tests.effort import examples

NOW = datetime(2026, 6, 1, tzinfo=UTC)
# Names as a service may store them: anything but half of a surrogate pair, and the control characters of no use.
names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=120)


def row(name: str, **changes: Any) -> dict[str, Any]:
    """A row of the calendar, with the names of its placements and decisions."""
    values = dict.fromkeys(COLUMNS) | {"id": "dps:personalized-offer:1", "kind": "personalized", "name": name}
    lists: dict[str, Any] = {each: [] for each in ("placements", "decisions", "tags", "marks")}
    return {**values, **lists, "start": "2026-06-01T00:00:00Z", "end": "2026-06-02T12:30:00+02:00", **changes}


def events(written: bytes) -> list[Any]:
    """The events in a file, as the library reads them that many calendars use."""
    return list(icalendar.Calendar.from_ical(written).walk("VEVENT"))


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", " =1+1", "\t=1", "\r=1", "\uff1d1+1"])
def test_no_cell_is_a_formula(start: str) -> None:
    text = csv_of([row(f'{start},"x"', tags=[start], placements=[start])])

    (read,) = csv.DictReader(io.StringIO(text, newline=""))
    assert read["name"] == f'\'{start},"x"'
    assert (read["tags"], read["placements"]) == (f"'{start}", f"'{start}")


@pytest.mark.parametrize("separator", [";", "\t"])
def test_no_cell_is_a_formula_in_a_spreadsheet_with_another_separator(separator: str) -> None:
    hostile = f"5{separator}=1+1{separator} @SUM(A1){separator}2"
    text = csv_of([row(hostile, tags=["a", "-1"], placements=[hostile])])

    cells = [cell for line in csv.reader(io.StringIO(text, newline=""), delimiter=separator) for cell in line]
    assert len(cells) > len(COLUMNS) / 2
    assert [cell for cell in cells if cell.lstrip().startswith(("=", "+", "-", "@"))] == []


def test_numbers_stay_numbers_and_lists_are_separated() -> None:
    text = csv_of([row("Ten", priority=-5, tags=["a", "b"], marks=["live", "expiring"])])

    (read,) = csv.DictReader(io.StringIO(text))
    assert (read["priority"], read["tags"], read["marks"]) == ("-5", "a; b", "live; expiring")


@examples(30)
@given(names, st.lists(names, max_size=3))
def test_a_calendar_reads_every_name_as_it_is(name: str, tags: list[str]) -> None:
    written = ics_of([row(name, tags=tags, status="approved", marks=["live"])], name=name, made_at=NOW)

    assert all(len(line) <= 75 for line in written.split(b"\r\n"))
    (event,) = events(written)
    assert str(event["SUMMARY"]) == name
    assert str(event["UID"]) == "dps:personalized-offer:1"
    assert event.decoded("DTSTART") == NOW
    assert event.decoded("DTEND") == datetime(2026, 6, 2, 10, 30, tzinfo=UTC)
    assert event["CATEGORIES"].cats == ["approved", "live"]
    assert str(event["DESCRIPTION"]).split("\n", 1)[0] == "status: approved"


def test_lines_and_control_characters_in_a_name_stay_inside_their_event() -> None:
    name = "A\r\nEND:VEVENT\nB\rC\x00\x1b;,\\"
    written = ics_of([row(name), row("Second")], name="x", made_at=NOW)

    first, second = events(written)
    assert str(first["SUMMARY"]) == "A\nEND:VEVENT\nB\nC;,\\"
    assert str(second["SUMMARY"]) == "Second"


def test_an_offer_without_a_window_has_no_event() -> None:
    empty = {"start": "2026-06-01T00:00:00Z", "end": "2026-06-01T00:00:00Z"}
    written = ics_of([row("Fallback", start=None, end=None), row("Empty", **empty)], name="x", made_at=NOW)

    assert events(written) == []


def test_the_rows_of_a_library_are_named_and_filtered(stage: Stage) -> None:
    decision = stage.decision()
    offer = stage.offer("Open", -1, 50)
    calendar = stage.calendar()

    (found,) = named_rows(calendar, Filters(kind="personalized"))
    assert (found["placements"], found["decisions"]) == (["Hero"], ["Newsletter"])
    for filters in (
        Filters(decision=decision, kind="personalized"),
        Filters(text=offer[-8:].upper()),
        Filters(text="OPEN", placement="Hero", mark="live", status="approved"),
        Filters(text=f"spring  {offer[-8:]} op"),
    ):
        assert [each["id"] for each in named_rows(calendar, filters)] == [offer]
    for filters in (Filters(decision="None"), Filters(text="open voucher")):
        assert list(named_rows(calendar, filters)) == []
    with io.StringIO(csv_of(named_rows(calendar, Filters()))) as file:
        assert [each["name"] for each in csv.DictReader(file)] == ["Open", "Everyone"]


def test_an_export_lets_no_more_pass_than_the_page(stage: Stage) -> None:
    stage.offer("Große Straße", -1, 50)
    calendar = stage.calendar()

    # A browser lowers the letters, and does not fold them.
    assert list(named_rows(calendar, Filters(text="strasse"))) == []
    assert [each["name"] for each in named_rows(calendar, Filters(text="STRAßE große"))] == ["Große Straße"]


def test_the_window_of_an_event_is_in_utc() -> None:
    eastern = (NOW + timedelta(hours=1)).isoformat().replace("+00:00", "-05:00")
    written = ics_of([row("East", start=eastern)], name="x", made_at=NOW)

    assert b"DTSTART:20260601T060000Z\r\n" in written


def test_the_years_of_an_event_have_four_digits() -> None:
    (event,) = events(ics_of([row("Old", start="0001-06-01T00:00:00Z")], name="x", made_at=NOW))

    assert event.decoded("DTSTART").year == 1
