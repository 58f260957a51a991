"""An apply converges: killed at any step or struck by any fault, and run again, it ends with the same library."""

from __future__ import annotations

import pathlib

import pytest

from airflow_provider_offers.campaigns.objects import Campaign
from airflow_provider_offers.campaigns.reports import Report
from tests.campaigns.applied import changed, spring_objects
from tests.campaigns.making import campaign, counted
from tests.faults.campaigns import Applies, Counted, Dead
from tests.faults.doors import WorkerKilled
from tests.faults.matrix import APIS
from tests.faults.world import World

SEED = 2026
each_api = pytest.mark.parametrize("api", APIS)


def _first(api: str) -> Campaign:
    return campaign(*spring_objects(2, api=api).values())


def _second(api: str) -> Campaign:
    """Another offer, a changed one, one that goes back to draft, and a renamed set of offers."""
    objects = spring_objects(3, api=api)
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


class Story:
    """A campaign that is applied, and changed, in a library that some run of it may leave half done."""

    def __init__(self, world: World, api: str, path: pathlib.Path) -> None:
        self.world, self.api, self.path = world, api, path
        self.made = {"first": _first(api), "second": _second(api)}
        self.expected: dict[str, list[tuple[str, object]]] = {}
        self.steps: dict[str, list[str]] = {}
        self.requests: dict[str, list[object]] = {}
        self._number = 0

    def begin(self, chapter: str) -> Applies:
        """The library before a chapter, with an empty journal."""
        self._number += 1
        applies = Applies(self.world, self.api, self.path / str(self._number))
        if chapter == "second":
            assert isinstance(applies.apply(applies.plan(self.made["first"])), Report)
            self.world.time.sleep(3600)
        self.world.emulator.clear_journal()
        return applies

    def undisturbed(self, chapter: str) -> None:
        """Run the chapter to its end, to know its steps and the expected library."""
        applies, counted_steps = self.begin(chapter), Counted(self.world.time)
        plan = applies.plan(self.made[chapter])
        self.world.emulator.clear_journal()
        assert isinstance(applies.apply(plan, counted_steps), Report)
        self.steps[chapter], self.requests[chapter] = counted_steps.seen, list(self.world.requests())
        self.expected[chapter] = applies.there()

    def expect_the_end(self, applies: Applies, chapter: str, about: str) -> None:
        assert applies.there() == self.expected[chapter], about
        made = self.made[chapter]
        assert counted(applies.plan(made)) == {"unchanged": len(made.objects)}, about

    def killed(self, chapter: str, number: int, when: str, *, lag: float = 0.0, same_plan: bool) -> None:
        """Kill the apply at a step, run it again, and expect the same library as without the kill."""
        about = f"killed {when} step {number} ({self.steps[chapter][number - 1]}) of the {chapter}, {self.api}"
        applies = self.begin(chapter)
        self.world.lag(lag)
        plan = applies.plan(self.made[chapter])
        first = applies.apply(plan, Dead(self.world.time, number, when))
        assert isinstance(first, WorkerKilled), f"{about}: {first!r}"
        if not same_plan:
            self.world.time.sleep(lag)
        again = applies.apply(plan if same_plan else applies.plan(self.made[chapter]))
        assert isinstance(again, Report), f"{about}: {again!r}"
        self.expect_the_end(applies, chapter, about)


@pytest.fixture(params=APIS)
def story(request: pytest.FixtureRequest, world: World, tmp_path: pathlib.Path) -> Story:
    return Story(world, request.param, tmp_path)


@pytest.mark.parametrize("chapter", ["first", "second"])
def test_an_apply_that_is_killed_at_a_write_and_run_again_ends_with_the_same_library(
    story: Story, chapter: str
) -> None:
    story.undisturbed(chapter)
    steps = [number for number, what in enumerate(story.steps[chapter], start=1) if what != "GET" and number > 1]
    for turn, number in enumerate(steps):
        story.killed(chapter, number, "after", lag=(0.0, 3.0)[turn // 2 % 2], same_plan=turn % 2 == 0)


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("chapter", ["first", "second"])
@pytest.mark.parametrize("lag", [0.0, 3.0])
def test_an_apply_that_is_killed_at_any_step_converges(story: Story, chapter: str, lag: float) -> None:
    story.undisturbed(chapter)
    for number in range(1, len(story.steps[chapter]) + 1):
        for when in ("before", "after"):
            for same_plan in (True, False):
                story.killed(chapter, number, when, lag=lag, same_plan=same_plan)
