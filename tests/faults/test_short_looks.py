"""Lists with objects that exist already, in tries that are too short to look at all of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from airflow_provider_offers.client.lists import Batch
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from tests.faults.doors import Killed
from tests.faults.listing import Job, ListTask
from tests.faults.matrix import APIS
from tests.faults.test_if_exists import MEANINGS
from tests.faults.world import OFFER, World

THERE = tuple(f"There {number}" for number in range(90))
NEW = ("New 1", "New 2")
# A try reads about one listing and fifteen objects.
REQUESTS = 35
DONE = {"adopt": "adopted", "update": "unchanged", "skip": "skipped"}
JOB = Job("create", None, {"status": "draft"})

each_api = pytest.mark.parametrize("api", APIS)


def _begin(world: World, api: str, if_exists: str) -> tuple[ListTask, list[str]]:
    task = ListTask.begin(world, api, JOB)
    bodies = [{**OFFER, "name": name} for name in THERE]
    ids = world.emulator.seed(
        objects=[{"kind": "personalized-offer", "body": body, "client_id": "somebody-else"} for body in bodies]
    )
    world.time.sleep(3600)
    # The new ones come last.
    task.names, task.if_exists = (*THERE, *NEW), if_exists
    return task, ids


def _finish(task: ListTask, *, most: int, between: Callable[[int], None] = lambda _: None) -> Batch:
    for _ in range(most):
        # Each look takes a second, so receipts are kept.
        task.world.time.request_seconds = 1.0
        outcome = task.next_try(Killed(task.world.time, REQUESTS, "before"))
        if isinstance(outcome, Batch):
            return outcome
        between(task.number)
    pytest.fail(f"{most} tries were not enough")


@each_api
@pytest.mark.parametrize("if_exists", [each for each in MEANINGS if each not in ("fail", "update")])
def test_each_try_goes_on_where_the_one_before_stopped_looking(world: World, api: str, if_exists: str) -> None:
    task, ids = _begin(world, api, if_exists)

    batch = _finish(task, most=12)

    assert not batch.failures
    found = [batch.written[index] for index in range(len(THERE))]
    assert [each.receipt.id for each in found] == ids
    assert {each.action for each in found} == {DONE[if_exists]}
    assert len(world.now_there()) == len(THERE) + len(NEW)
    assert len(world.writes()) == len(NEW)


@each_api
def test_what_was_deleted_renamed_or_edited_since_is_looked_up_again(world: World, api: str) -> None:
    task, ids = _begin(world, api, "adopt")

    def somebody(number: int) -> None:
        if number == 1:
            door, kind = world.door(), PERSONALIZED
            door.delete(kind, ids[0])
            door.patch(kind, ids[1], [{"op": "replace", "path": "/name", "value": "Another"}])
            door.patch(kind, ids[2], [{"op": "add", "path": "/description", "value": "edited"}])
            world.time.sleep(60)

    batch = _finish(task, most=14, between=somebody)

    assert not batch.failures
    there = {each.body["name"]: each for each in world.ours()}
    assert len(there) == len(world.now_there()) == len(THERE) + len(NEW) + 1
    assert [batch.written[index].receipt.id for index in range(len(THERE))] == [there[name].id for name in THERE]
    assert ids[0] not in [each.id for each in there.values()]
    assert there["Another"].id == ids[1]
    assert (there[THERE[2]].id, batch.written[2].receipt.etag) == (ids[2], 2)


def test_a_list_that_updates_reads_once_what_an_earlier_try_found(world: World) -> None:
    """It needs another read of each object, to be sure that there is nothing to do."""
    task, ids = _begin(world, "dps", "update")
    first = task.next_try(Killed(world.time, 200, "before"))
    assert not isinstance(first, Batch)
    world.emulator.clear_journal()

    batch = task.next_try()

    assert isinstance(batch, Batch)
    assert not batch.failures
    assert [batch.written[index].receipt.id for index in range(len(THERE))] == ids
    # The lookup of the names, the lookups by ids, and a read of each; in the first try, two reads and a lookup of each.
    assert len(world.requests()) < 2.5 * len(THERE)
