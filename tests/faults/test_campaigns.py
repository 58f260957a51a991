"""An apply converges: killed at any step or struck by any fault, and run again, it ends with the same library."""

from __future__ import annotations

import pathlib
import random
from typing import Any

import pytest

from airflow_provider_offers.campaigns.objects import Campaign
from airflow_provider_offers.campaigns.plans import Plan
from airflow_provider_offers.campaigns.reports import Report
from airflow_provider_offers.client.errors import OfferLibraryError
from tests.campaigns.applied import changed, spring_objects
from tests.campaigns.making import campaign, counted
from tests.faults.campaigns import Applies, Counted, Dead
from tests.faults.doors import ClockSet, Steps, WorkerKilled
from tests.faults.matrix import APIS, FAULTS, Fault, Place
from tests.faults.verdicts import places
from tests.faults.world import Moment, World

SEED = 2026


def _first(api: str) -> Campaign:
    return campaign(*spring_objects(2, api=api).values())


def _second(api: str) -> Campaign:
    """Two more offers, a changed one, one that goes back to draft, and a renamed set of offers."""
    objects = spring_objects(4, api=api)
    objects = changed(objects, "Offer 1", rank={"priority": 7}, description="New")
    objects = changed(objects, "Offer 2", status="draft")
    set_of_offers = objects.pop("Spring set")
    renamed = type(set_of_offers)(
        set_of_offers.kind, "Set of spring", {**set_of_offers.properties, "name": "Set of spring"}, set_of_offers.origin
    )
    hero = objects.pop("Hero")
    criterion = {**hero.properties["criteria"][0], "optionSelection": {"filter": "name:Set of spring"}}
    changed_hero = type(hero)(hero.kind, hero.name, {**hero.properties, "criteria": [criterion]}, hero.origin)
    return campaign(*objects.values(), renamed, changed_hero, moved=[("collection", "Spring set", "Set of spring")])


CHAPTERS = ("first", "second", "archive", "delete")
# How the plan of a chapter is made.
PRUNE: dict[str, dict[str, Any]] = {
    "archive": {"prune": "archive", "max_prune": 100},
    "delete": {"prune": "delete", "max_prune": 100},
}


def _rest(api: str, *gone: str) -> Campaign:
    """The first campaign without the objects that are gone."""
    objects = spring_objects(2, api=api)
    return campaign(*(each for each in objects.values() if each.name not in gone))


class Story:
    """A campaign that is applied, and then changed or retired. Some run of it leaves the library half done."""

    def __init__(self, world: World, api: str, path: pathlib.Path) -> None:
        self.world, self.api, self.path = world, api, path
        self.made = {
            "first": _first(api),
            "second": _second(api),
            "archive": _rest(api, "Hero", "Offer 2", "Everyone"),
            "delete": _rest(api, "Hero", "Offer 2", "Everyone", "Spring set", "Web hero", "Offer 1"),
        }
        self.expected: dict[str, list[tuple[str, object]]] = {}
        self.steps: dict[str, list[str]] = {}
        self.places: dict[str, tuple[Place, ...]] = {}
        self._applied: tuple[Applies, Moment] | None = None
        self._number = 0

    def begin(self, chapter: str) -> Applies:
        """The library before a chapter. All later chapters begin with the same end of the first one."""
        self._number += 1
        path = self.path / str(self._number)
        if chapter == "first":
            return Applies(self.world, self.api, path)
        if self._applied is None:
            applies = Applies(self.world, self.api, self.path / "applied")
            assert isinstance(applies.apply(applies.plan(self.made["first"])), Report)
            self.world.time.sleep(3600)
            self._applied = applies, self.world.keep()
        applies, moment = self._applied
        self.world.restore(moment)
        return applies.copy(path)

    def plan(self, applies: Applies, chapter: str) -> Plan:
        return applies.plan(self.made[chapter], **PRUNE.get(chapter, {}))

    def undisturbed(self, chapter: str) -> None:
        """Run the chapter to its end, to know its steps and the expected library."""
        applies, steps = self.begin(chapter), Counted(self.world.time)
        plan = self.plan(applies, chapter)
        self.world.emulator.clear_journal()
        assert isinstance(applies.apply(plan, steps), Report)
        self.steps[chapter], self.places[chapter] = steps.seen, places(self.world.requests())
        self.expected[chapter] = applies.there()

    def writing(self, chapter: str) -> list[int]:
        """The numbers of the steps that write to the library or to the state. The first step gets a token."""
        return [number for number, what in enumerate(self.steps[chapter], start=1) if what != "GET" and number > 1]

    def killed(
        self, chapter: str, number: int, when: str, *, lag: float = 0.0, same_plan: bool = False, lost: bool = False
    ) -> None:
        """Kill the apply at a step, run it again, and expect the same library as without the kill.

        With `lost`, the state is lost, too.
        """
        about = f"killed {when} step {number} ({self.steps[chapter][number - 1]}) of the {chapter}, {self.api}"
        applies = self.begin(chapter)
        self.world.lag(lag)
        plan = self.plan(applies, chapter)
        first = applies.apply(plan, Dead(self.world.time, number, when))
        assert isinstance(first, WorkerKilled), f"{about}: {first!r}"
        self._expect_no_half(applies, chapter, about)
        if lost:
            applies.forget()
        again = applies.apply(plan if same_plan else self.plan(applies, chapter))
        assert isinstance(again, Report), f"{about}: {again!r}"
        self._expect_the_end(applies, chapter, about)

    def struck(self, chapter: str, place: Place, fault: Fault, times: int = 1, max_retries: int = 3) -> None:
        """Let a fault strike the apply; if it fails, run it again at once, and expect the same library."""
        about = f"{fault} at {place.route} {place.nth + 1} of the {chapter}, {times} times, {self.api}"
        applies = self.begin(chapter)
        plan = self.plan(applies, chapter)
        self.world.emulator.clear_journal()
        steps = Steps(self.world.time)
        if fault.clock:
            steps = ClockSet(self.world.time, place.number, fault.clock)
        else:
            rule = {**fault.rule, "route": place.route, "after": place.nth, "times": times}
            self.world.emulator.add_fault(rule.pop("effect"), **rule)
        first = applies.apply(plan, steps, max_retries=max_retries, timeout=fault.timeout)
        assert isinstance(first, (Report, OfferLibraryError)), f"{about}: {first!r}"
        self._expect_no_half(applies, chapter, about)
        self.world.emulator.clear_faults()
        if not isinstance(first, Report):
            again = applies.apply(self.plan(applies, chapter))
            assert isinstance(again, Report), f"{about}: {first!r}, then {again!r}"
        self._expect_the_end(applies, chapter, about)

    def _expect_no_half(self, applies: Applies, chapter: str, about: str) -> None:
        """What customers see is all there or not there at all."""
        statuses = applies.statuses()
        wanted = {each.name: each.properties.get("status") for each in self.made[chapter].objects}
        if chapter == "first" and statuses.get("Hero") == "live":
            # No offer and no decision uses the formula.
            missing = {name for name in wanted if statuses.get(name, "nothing") != wanted[name]}
            assert missing <= {"By margin"}, about
        if chapter == "archive":
            # Customers see the offers as long as the decision shows them.
            assert statuses["Hero"] != "live" or statuses["Offer 2"] == "approved", about
        if chapter == "second" and "approved" in (statuses.get("Offer 3"), statuses.get("Offer 4")):
            assert {name for name in wanted if name not in statuses} == set(), about

    def _expect_the_end(self, applies: Applies, chapter: str, about: str) -> None:
        assert applies.there() == self.expected[chapter], about
        made = self.made[chapter]
        assert counted(applies.plan(made)) == {"unchanged": len(made.objects)}, about


@pytest.fixture(params=APIS)
def story(request: pytest.FixtureRequest, world: World, tmp_path: pathlib.Path) -> Story:
    return Story(world, request.param, tmp_path)


each_chapter = pytest.mark.parametrize("chapter", CHAPTERS)


@each_chapter
def test_an_apply_that_is_killed_at_a_write_and_run_again_ends_with_the_same_library(
    story: Story, chapter: str
) -> None:
    """One generation has the odd writes, the other the even ones. `make test-faults` has every step of both."""
    story.undisturbed(chapter)
    for turn, number in enumerate(story.writing(chapter)[APIS.index(story.api) :: len(APIS)]):
        story.killed(chapter, number, "after", lag=(0.0, 3.0)[turn // 2 % 2], same_plan=turn % 2 == 0)


def test_an_apply_that_is_killed_and_loses_its_state_creates_nothing_twice(story: Story) -> None:
    story.undisturbed("first")
    for turn, number in enumerate(story.writing("first")[1::3]):
        story.killed("first", number, "after", lag=(0.0, 3.0)[turn % 2], lost=True)


def test_a_fault_during_an_apply_changes_nothing_of_its_end(story: Story) -> None:
    """Every fault of the matrix once on one of the generations, at some request."""
    chosen = random.Random(f"{SEED} campaigns {story.api}")
    faults = [fault for fault in FAULTS if fault.kill is None][APIS.index(story.api) :: len(APIS)]
    for chapter in CHAPTERS:
        story.undisturbed(chapter)
    for number, fault in enumerate(faults):
        chapter = CHAPTERS[number % len(CHAPTERS)]
        fitting = [place for place in story.places[chapter] if fault.may_befall(place.route)]
        # Most requests read; most faults are worse for a write.
        writing = [place for place in fitting if place.route.partition(".")[2] in ("create", "patch", "delete")]
        place = chosen.choice(writing if writing and number % 3 else fitting)
        story.struck(chapter, place, fault, *((1, 3) if number % 2 else (1, 0)))


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
@each_chapter
@pytest.mark.parametrize("lag", [0.0, 3.0])
def test_an_apply_that_is_killed_at_any_step_converges(story: Story, chapter: str, lag: float) -> None:
    story.undisturbed(chapter)
    for number in range(1, len(story.steps[chapter]) + 1):
        for when in ("before", "after"):
            for same_plan in (True, False):
                story.killed(chapter, number, when, lag=lag, same_plan=same_plan)


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
@each_chapter
def test_every_fault_at_every_request_of_an_apply(story: Story, chapter: str) -> None:
    story.undisturbed(chapter)
    for place in story.places[chapter]:
        for fault in FAULTS:
            if fault.kill is None and fault.timeout >= 1 and fault.may_befall(place.route):
                story.struck(chapter, place, fault, max_retries=0)
