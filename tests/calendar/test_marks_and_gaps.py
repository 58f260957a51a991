"""An offer's marks and a placement's gaps follow from windows, statuses and what live decisions reach."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.emulator import Emulator
from tests.calendar.stage import Stage, day, window
from tests.client.campaign import seed, shown


def test_the_marks_tell_when_an_offer_is_shown(stage: Stage) -> None:
    stage.decision()
    stage.offer("Open", -1, 50)
    stage.offer("Ends soon", -1, 14)
    stage.offer("Opens", 1, 50)
    stage.offer("Over", -9, -1)
    stage.offer("Over now", -9, 0)
    stage.offer("Opens now", 0, 50)
    stage.offer("After the decision", 101, 200)
    stage.offer("Not tagged", -1, 50, tags=[])
    stage.offer("Draft", -1, 50, status="draft")
    stage.offer("Draft that is over", -9, -1, status="draft")
    stage.offer("Archived", -1, 50, status="archived")

    assert stage.marks() == {
        "Everyone": ["live"],
        "Open": ["live"],
        "Ends soon": ["live", "expiring"],
        "Opens": ["next"],
        "Over": ["ended"],
        "Over now": ["ended"],
        "Opens now": ["live"],
        "After the decision": ["unreachable"],
        "Not tagged": ["unreachable"],
        "Draft": [],
        "Draft that is over": ["ended"],
        "Archived": [],
    }


@pytest.mark.parametrize(
    ("changes", "marks"),
    [
        ({"status": "draft"}, ["unreachable"]),
        ({"status": "complete"}, ["unreachable"]),
        (window(-9, 0), ["unreachable"]),
        (window(1, 9), ["next"]),
        (window(0, 9), ["live"]),
    ],
)
def test_a_decision_shows_an_offer_only_while_it_is_live(
    stage: Stage, changes: dict[str, Any], marks: list[str]
) -> None:
    stage.decision(**changes)
    stage.offer("Open", -1, 50)

    assert stage.marks() == {"Open": marks, "Everyone": marks}


def test_an_offer_is_in_the_lanes_of_those_decisions_only_that_are_made_in_its_window(stage: Stage) -> None:
    stage.decision("Now", end=20)
    stage.decision("Later", start=40)
    stage.offer("Towels", -1, 10)
    stage.offer("Both", -1, 50)

    found = stage.calendar()
    at = {name: found["columns"].index(name) for name in ("name", "decisions")}
    names = [each["name"] for each in found["decisions"]]
    lanes = {row[at["name"]]: [names[number] for number in row[at["decisions"]]] for row in found["rows"]}
    assert (lanes["Towels"], sorted(lanes["Both"])) == (["Now"], ["Later", "Now"])


def test_an_offer_without_content_for_the_placement_is_not_shown_there(stage: Stage) -> None:
    stage.decision()
    stage.offer("Other place", -1, 50, representations=shown(Emulator.PLACEMENT_ID))

    assert stage.marks()["Other place"] == ["unreachable"]
    assert stage.gaps() == [(day(0), day(100))]


def test_collections_select_by_any_tag_by_all_tags_and_by_offer(stage: Stage) -> None:
    other = seed(stage.emulator, "tag", name="Gold")
    both = stage.offer("Both", -1, 50, tags=[stage.tag, other])
    one = stage.offer("One", -1, 50)

    def reached(how: str, ids: list[str]) -> set[str]:
        collection = seed(stage.emulator, "offer-filter", name=f"Set {how}", filterType=how, ids=ids)
        criterion = {"placements": [stage.placement], "optionSelection": {"filter": collection}}
        decision = stage.decision(how, criteria=[criterion])
        found = stage.calendar()
        number = next(index for index, each in enumerate(found["decisions"]) if each["id"] == decision)
        return {row[0] for row in found["rows"] if row[1] == "personalized" and number in row[7]}

    assert reached("all-tags", [stage.tag, other]) == {both}
    assert reached("any-tags", [stage.tag, other]) == {both, one}
    assert reached("offers", [one]) == {one}


def test_a_gap_is_a_time_in_which_a_live_decision_has_only_its_fallback(stage: Stage) -> None:
    stage.decision(end=100)
    stage.offer("First", -5, 10)
    stage.offer("Overlaps", 8, 20)
    stage.offer("Touches", 20, 30)
    stage.offer("Later", 40, 60)
    stage.offer("Draft", 30, 40, status="draft")

    assert stage.gaps() == [(day(30), day(40)), (day(60), day(100))]


def test_a_gap_names_the_decisions_that_have_it(stage: Stage) -> None:
    stage.decision("Early", end=20)
    stage.decision("Late", start=15, end=40)
    stage.decision("Draft", status="draft")
    stage.offer("First", -5, 25)

    found = stage.calendar()

    (gap,) = found["gaps"]
    assert (gap["start"], gap["end"]) == (day(25), day(40))
    assert found["placements"][gap["placement"]]["name"] == "Hero"
    assert [found["decisions"][each]["name"] for each in gap["decisions"]] == ["Late"]


def test_one_decision_with_an_offer_fills_the_placement_for_all(stage: Stage) -> None:
    empty = seed(stage.emulator, "offer-filter", name="Empty", filterType="offers", ids=[])
    criterion = {"placements": [stage.placement], "optionSelection": {"filter": empty}}
    stage.decision("Without offers", end=30, criteria=[criterion])
    stage.decision("With offers", end=20)
    stage.offer("Open", -5, 50)

    assert stage.gaps() == [(day(20), day(30))]


def test_gaps_without_an_end_stop_at_the_horizon(stage: Stage) -> None:
    stage.decision(end=10_000)
    stage.offer("Open", -5, 50)
    stage.offer("Beyond it", 500, 600)

    assert stage.gaps() == [(day(50), day(400))]
    assert stage.marks()["Beyond it"] == ["next"]


def test_a_placement_of_no_live_decision_has_no_gap(stage: Stage) -> None:
    stage.decision(status="draft")
    stage.decision("Over", start=-20, end=-10)
    stage.offer("Open", -5, 50)

    assert stage.gaps() == []


def test_everything_is_judged_by_the_clock_of_the_service(stage: Stage) -> None:
    stage.decision()
    stage.offer("Open", -1, 50)
    assert stage.marks()["Open"] == ["live"]

    stage.emulator.clock.set(day(50))

    assert stage.marks()["Open"] == ["ended"]
    assert stage.calendar()["service_now"] == day(50)
