"""A colleague edits, renames, archives or deletes an object at any request of an apply: nothing of that is lost."""

from __future__ import annotations

import logging
import pathlib
import random
from typing import Any

import pytest

from airflow_provider_offers.campaigns.plans import Plan
from airflow_provider_offers.campaigns.reports import Report
from airflow_provider_offers.client.errors import OfferLibraryError
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.entities import Reference
from airflow_provider_offers.client.model.kinds import KINDS
from tests.campaigns.making import PQL
from tests.faults.campaigns import Applies, Dead
from tests.faults.doors import Steps
from tests.faults.matrix import APIS
from tests.faults.test_campaigns import CHAPTERS, SEED, Story
from tests.faults.world import World

# The kind and the name of an object, and what happens to it.
Edit = tuple[str, str, str]

_OF_OFFERS: dict[str, tuple[str, Any]] = {
    "priority": ("/rank/priority", 50),
    "description": ("/description", "By hand"),
    "status": ("/status", "draft"),
    "archived": ("/status", "archived"),
    "name": ("/name", "By hand"),
}
EDITS: dict[str, dict[str, tuple[str, Any]]] = {
    "tag": {"name": ("/name", "By hand")},
    "rule": {"condition": ("/condition", {**PQL, "value": "false"}), "name": ("/name", "By hand")},
    "formula": {"name": ("/name", "By hand")},
    "placement": {"description": ("/description", "By hand"), "name": ("/name", "By hand")},
    "personalized": _OF_OFFERS,
    "fallback": {each: edit for each, edit in _OF_OFFERS.items() if each != "priority"},
    "collection": {"filter": ("/filterType", "all-tags"), "name": ("/name", "By hand")},
    "decision": {
        "end": ("/endDate", "2098-01-01T00:00:00.000Z"),
        "status": ("/status", "draft"),
        "archived": ("/status", "archived"),
        "name": ("/name", "By hand"),
    },
}
DELETED = "deleted"
# An apply that dies between the approval of offers and its last write of the state leaves no note that it approved
# them: one that is a draft then may have been one all the time.
_UNTOLD = "status"
# On dps, nothing guards the addition of a property. A log line says if somebody wrote right before it.
_UNGUARDED = ("dps", "description")


class Colleague(Steps):
    """Edits one object right before the step of that number, or deletes it, if it exists then.

    `identifier` is the object's, and None if there was nothing to edit.
    """

    def __init__(self, world: World, number: int, edit: Edit) -> None:
        super().__init__(world.time)
        kind, self._name, self._what = edit
        self._world, self._left, self._kind = world, number, KINDS[kind]
        self.identifier: str | None = None

    def before(self, request: Any) -> None:
        self._left -= 1
        if self._left == 0:
            self._act()

    def _act(self) -> None:
        found = [
            each
            for each in self._world.emulator.objects(self._kind.type_name)
            if each["body"].get("name") == self._name and each["body"].get("status") != "archived"
        ]
        if len(found) != 1:
            return
        there = Reference(self._kind, id=found[0]["id"], instance_id=found[0]["instance_id"])
        try:
            with OfferLibrary(self._world.settings()) as library:
                if self._what == DELETED:
                    library.delete(self._kind, there)
                else:
                    pointer, value = EDITS[self._kind.key][self._what]
                    if _at(found[0]["body"], pointer) == value:
                        return
                    operation = {"op": "add", "path": pointer, "value": value}
                    library.patch(self._kind, there, [operation], validate=False)
        except OfferLibraryError:
            return
        self.identifier = found[0]["id"]


def _at(body: Any, pointer: str) -> Any:
    for token in pointer.split("/")[1:]:
        body = body.get(token) if isinstance(body, dict) else None
    return body


def _struck(
    story: Story, chapter: str, number: int, edit: Edit, *, lag: float = 0.0, is_killed: bool = False
) -> str | None:
    """What is wrong after an apply during which an object is edited at a step; None if nothing is.

    With `is_killed`, the worker dies there, and the same plan is applied again after the edit.
    """
    kind, name, what = edit
    applies = story.begin(chapter)
    story.world.lag(lag)
    plan = story.plan(applies, chapter)
    if is_killed:
        applies.apply(plan, Dead(story.world.time, number, "before"))
        colleague = Colleague(story.world, 1, edit)
        colleague.before(None)
        ended = applies.apply(plan)
    else:
        colleague = Colleague(story.world, number, edit)
        ended = applies.apply(plan, colleague)
    about = f"{what} of the {kind} {name!r} before step {number} of the {chapter}, {story.api}: {ended!r}"
    assert isinstance(ended, (Report, OfferLibraryError)), about
    if colleague.identifier is None:
        return None
    body = next((each["body"] for each in applies.objects() if each["id"] == colleague.identifier), None)
    found = [(each["kind"], str(each["body"].get("name"))) for each in applies.objects()]
    if len(found) != len(set(found)) and what != "archived":
        return f"{about}: an object exists twice"
    if not isinstance(ended, Report):
        return None if _is_kept(body, kind, what) else f"{about}: the edit is lost"
    if any(name in each for each in _told(ended, plan)):
        return None
    if not _is_kept(body, kind, what):
        return f"{about}: the edit is lost, and nothing says so"
    if what in (DELETED, "name") and (KINDS[kind].type_name, name) in found:
        return f"{about}: the object is there again, and nothing says so"
    story.world.time.sleep(3600)
    after = story.plan(applies, chapter)
    undone = [each for each in after.objects if each.key == (kind, name) and each.action in ("update", "retire")]
    return f"{about}: the next plan would undo the edit: {undone}" if undone else None


def _told(report: Report, plan: Plan) -> list[str]:
    """The warnings of an apply, without those of its plan."""
    return [each for each in report.warnings if each not in plan.warnings]


def _is_kept(body: Any, kind: str, what: str) -> bool:
    if what == DELETED or body is None:
        return what == DELETED and body is None
    pointer, value = EDITS[kind][what]
    return bool(_at(body, pointer) == value)


def _edits(story: Story, chapter: str) -> list[Edit]:
    objects = [*story.made["first"].objects, *story.made[chapter].objects]
    keys = sorted({each.key for each in objects})
    return [(kind, name, what) for kind, name in keys for what in (*EDITS[kind], DELETED)]


def _cases(story: Story, chapter: str) -> list[tuple[int, Edit, bool]]:
    """Each step with each edit; and whether the worker dies there."""
    kept = {each.key for each in story.made[chapter].objects}
    return [
        (number, edit, is_killed)
        for number in range(2, len(story.steps[chapter]) + 1)
        for edit in _edits(story, chapter)
        for is_killed in (False, True)
        if not (is_killed and edit[2] == _UNTOLD)
        and (story.api, edit[2]) != _UNGUARDED
        # An object on its way out may get one of these statuses from anybody.
        and not (edit[2] in ("status", "archived") and edit[:2] not in kept)
        # Nothing guards a deletion: an edit between its last read and the DELETE is lost with the object.
        and not (story.steps[chapter][number - 1] == "DELETE" and edit[:2] not in kept)
    ]


@pytest.fixture(params=APIS)
def story(
    request: pytest.FixtureRequest, world: World, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> Story:
    """A campaign whose objects are deleted one after the other: each `DELETE` follows the last read of its object."""
    if "delete" in request.node.name:
        monkeypatch.setattr(Applies, "max_concurrent", 1)
    return Story(world, request.param, tmp_path)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_no_edit_at_any_request_of_an_apply_is_lost(story: Story, chapter: str) -> None:
    """A sample. `make test-faults` has every edit at every step."""
    story.undisturbed(chapter)
    chosen = random.Random(f"{SEED} colleagues {story.api} {chapter}")
    found = [
        _struck(story, chapter, number, edit, is_killed=is_killed)
        for number, edit, is_killed in chosen.sample(_cases(story, chapter), 30)
    ]
    assert [each for each in found if each] == []


@pytest.mark.parametrize("what", ["name", DELETED])
def test_an_apply_says_that_it_creates_again_what_an_interrupted_one_created(story: Story, what: str) -> None:
    story.undisturbed("second")
    applies = story.begin("second")
    plan = story.plan(applies, "second")
    applies.apply(plan, Dead(story.world.time, len(story.steps["second"]), "before"))
    Colleague(story.world, 1, ("personalized", "Offer 3", what)).before(None)
    ended = applies.apply(plan)

    assert isinstance(ended, Report)
    (warning,) = _told(ended, plan)
    assert "so this one created them: personalized offer 'Offer 3'. If somebody deleted" in warning


def test_a_status_that_somebody_sets_after_an_interrupted_apply_is_a_conflict(story: Story) -> None:
    story.undisturbed("second")
    last, edit = len(story.steps["second"]), ("personalized", "Offer 1", "status")

    assert _struck(story, "second", last, edit, is_killed=True) is None


@pytest.mark.parametrize("before_last", [1, 0])
def test_an_edit_right_before_an_unguarded_addition_is_told(
    world: World, tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture, before_last: int
) -> None:
    """Nothing on dps guards a property that the object lacks. The etag shows that somebody wrote right before."""
    caplog.set_level(logging.WARNING)
    story = Story(world, "dps", tmp_path)
    story.undisturbed("second")
    step = [n for n, what in enumerate(story.steps["second"], 1) if what == "PATCH"][1]
    applies = story.begin("second")
    colleague = Colleague(world, step - before_last, ("personalized", "Offer 1", "description"))
    ended = applies.apply(story.plan(applies, "second"), colleague)

    assert colleague.identifier is not None
    told = "was edited in the moment before this apply added /description" in caplog.text
    assert told or not isinstance(ended, Report)


@pytest.mark.parametrize("what", ["end", "name"])
def test_a_decision_that_is_edited_right_before_it_is_taken_back_is_not_deleted(story: Story, what: str) -> None:
    story.undisturbed("delete")
    number = story.steps["delete"].index("PATCH") + 1

    assert _struck(story, "delete", number, ("decision", "Hero", what)) is None


@pytest.mark.exhaustive
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("lag", [0.0, 3.0])
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_edit_at_every_request_of_an_apply(story: Story, chapter: str, lag: float) -> None:
    story.undisturbed(chapter)
    found = [
        _struck(story, chapter, number, edit, lag=lag, is_killed=is_killed)
        for number, edit, is_killed in _cases(story, chapter)
    ]
    assert [each for each in found if each] == []
