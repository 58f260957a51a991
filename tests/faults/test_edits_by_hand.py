"""A colleague edits an object during the apply that deletes it: the object stays, and report and state say so."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_offers.campaigns.errors import CampaignFailedError, StalePlanError
from airflow_provider_offers.campaigns.state.storage import StateStore
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.kinds import KINDS, PERSONALIZED
from tests.campaigns.applied import WHERE, spring_objects
from tests.campaigns.making import campaign
from tests.faults.campaigns import Applies, Counted
from tests.faults.doors import Steps
from tests.faults.matrix import APIS
from tests.faults.world import World

EDITS: dict[str, dict[str, Any]] = {
    "priority": {"/rank/priority": 50},
    "name": {"/name": "Offer by hand"},
    "window": {"/selectionConstraint/startDate": "2026-02-02T00:00:00Z"},
    # Only back to draft is no edit.
    "status and priority": {"/status": "draft", "/rank/priority": 50},
}


class Edited(Steps):
    """Somebody edits right before the step of that number."""

    def __init__(self, time: Any, number: int, edit: Callable[[], None]) -> None:
        super().__init__(time)
        self._left, self._edit = number, edit

    def before(self, request: Any) -> None:
        self._left -= 1
        if self._left == 0:
            self._edit()


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("what", EDITS)
def test_an_object_that_is_edited_before_the_last_read_of_its_deletion_stays(
    world: World, tmp_path: pathlib.Path, api: str, what: str
) -> None:
    applies = Applies(world, api, tmp_path / "first")
    objects = spring_objects(2, api=api)
    applies.apply(applies.plan(campaign(*objects.values())))
    world.time.sleep(3600)
    moment = world.keep()
    rest = campaign(*(each for each in objects.values() if each.name != "Offer 2"))
    identifier = next(each["id"] for each in world.emulator.objects() if each["body"].get("name") == "Offer 2")
    operations = [{"op": "replace", "path": pointer, "value": value} for pointer, value in EDITS[what].items()]

    def edit() -> None:
        with OfferLibrary(world.settings()) as library:
            library.patch(KINDS[PERSONALIZED.key], identifier, operations, validate=False)

    steps = Counted(world.time)
    first = applies.copy(tmp_path / "undisturbed")
    first.apply(first.plan(rest, prune="delete"), steps)
    last = steps.seen.index("DELETE") + 1
    for number in range(2, last):
        world.restore(moment)
        again = applies.copy(tmp_path / str(number))
        ended = again.apply(again.plan(rest, prune="delete"), Edited(world.time, number, edit))

        assert isinstance(ended, (StalePlanError, CampaignFailedError)), f"edited before step {number}: {ended!r}"
        there = [each for each in world.emulator.objects() if each["id"] == identifier]
        assert len(there) == 1, number
        assert ("personalized", "Offer 2") in StateStore(again.path).read(*WHERE).objects
        if isinstance(ended, CampaignFailedError):
            assert ended.report is not None
            (failed,) = ended.report.ending("failed")
            assert (failed.key, failed.id) == (("personalized", "Offer 2"), identifier)
