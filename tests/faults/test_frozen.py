"""Workers that freeze while another try of the same task creates, finishes, and nobody looks any more."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from airflow_provider_offers.client.errors import OutcomeUnknownError
from airflow_provider_offers.client.model.entities import Written
from tests.faults.doors import Killed, Steps, Together, WorkerKilled, outcome_of
from tests.faults.frozen import Fate, FrozenTask, random_task
from tests.faults.listing import Job, ListTask, is_done, wrong_with
from tests.faults.matrix import APIS, LAGS
from tests.faults.test_list_notes import CONCURRENT, in_a_thread
from tests.faults.world import LAG_BOUND, World

SCHEDULES = 30
MORE_SCHEDULES = 1_500
# Airflow gives up a try that sends no heartbeat for five minutes. An executor that loses a worker is faster.
GAPS = (0.0, 300.0)
# A POST that was committed this long after its worker was killed. No promise covers it.
FAR_TOO_LATE = 45.0

each_api = pytest.mark.parametrize("api", APIS)


def _expect_one(world: World, task: FrozenTask, said: str) -> None:
    assert isinstance(task.result, Written), f"{said}: {task.result!r}, {task.fates}"
    left = world.ours()
    assert len(left) == 1, f"{said}: {len(left)} offers, {task.fates}"
    assert task.result.receipt.id in left[0].names, f"{said}: the receipt names another, {task.fates}"
    assert world.disturbed() == [], said


@each_api
@pytest.mark.parametrize("lag", LAGS)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("dies", [1, None])
def test_a_try_that_froze_at_any_request_posts_nothing_that_nobody_looks_for(
    world: World, api: str, lag: float, when: str, dies: int | None
) -> None:
    for number, gap in itertools.product(range(1, 6), GAPS):
        world.begin(api)
        world.lag(lag)
        task = FrozenTask(world, [Fate(number, when, seconds=400.0, gap=gap, dies=dies), None, None])
        task.play(f"{number} {gap}")
        _expect_one(world, task, f"frozen {when} request {number}, the next try after {gap:g} s")


@each_api
def test_one_offer_remains_in_some_schedules(world: World, api: str) -> None:
    _play(world, api, SCHEDULES)


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
@each_api
def test_one_offer_remains_in_a_thousand_schedules(world: World, api: str) -> None:
    _play(world, api, MORE_SCHEDULES)


def _play(world: World, api: str, count: int) -> None:
    for number in range(count):
        seed = f"frozen {api} {number}"
        task = random_task(world, api, seed)
        task.play(seed)
        _expect_one(world, task, seed)


class _Overtaken(Steps):
    """Just before its first POST, this try freezes until the next one has done the whole list."""

    def __init__(self, world: World, do: Any) -> None:
        super().__init__(world.time)
        self._do = do
        self.is_frozen = False

    def before(self, request: Any) -> None:
        if request.method == "POST" and "/data/" in request.url and not self.is_frozen:
            self.is_frozen = True
            self._do()


class _DiesAfter(Steps):
    """The worker is killed after the first request that ends after the freeze."""

    def __init__(self, frozen: _Overtaken) -> None:
        super().__init__(frozen.time)
        self._frozen = frozen

    def after(self, request: Any) -> None:
        if self._frozen.is_frozen:
            raise WorkerKilled


@each_api
@pytest.mark.parametrize("lag", LAGS)
@pytest.mark.parametrize("is_killed", [True, False])
def test_a_list_that_froze_before_its_first_post_posts_nothing_more(
    world: World, api: str, lag: float, is_killed: bool
) -> None:
    task = ListTask.begin(world, api, Job("create", None, {"status": "draft"}))
    world.lag(lag)
    outcomes: list[Any] = []
    overtaken = _Overtaken(
        world, lambda: outcomes.append(in_a_thread(lambda: task.next_try(max_concurrent=CONCURRENT)))
    )
    steps = [overtaken, _DiesAfter(overtaken)] if is_killed else [overtaken]

    frozen = task.next_try(Together(world.time, steps), max_concurrent=CONCURRENT)

    assert is_done(outcomes[0])
    assert wrong_with(task) == []
    if not is_killed:
        assert frozen.failures
        assert all("A later try of this task has begun" in str(each) for each in frozen.failures.values())


@each_api
def test_a_post_that_was_on_its_way_when_the_worker_froze_is_found_when_the_task_is_cleared(
    world: World, api: str
) -> None:
    """The client cannot prevent this duplicate. The next look for others of the name removes it."""
    world.begin(api)
    task = FrozenTask(world, [])
    world.emulator.add_fault("late", method="POST", path="/data/*", seconds=FAR_TOO_LATE)
    requests = 3 if api == "dps" else 4
    killed = outcome_of(lambda: task.create(1, Killed(world.time, requests, "after")))
    assert isinstance(killed, WorkerKilled)
    first = task.create(2)
    assert len(world.ours()) == 2, "the POST came in time"

    cleared = task.create(3)

    (left,) = world.ours()
    assert (first.action, cleared.action) == ("created", "adopted")
    assert left.id == first.receipt.id == cleared.receipt.id
    # Without another try that may have posted, a look at the offer itself is enough.
    before = len(world.requests())
    assert task.create(4).receipt.id == left.id
    assert len(world.requests()) - before <= requests + 1


@each_api
def test_a_try_is_told_that_a_later_one_has_begun(world: World, api: str) -> None:
    world.begin(api)
    world.lag(LAG_BOUND)
    task = FrozenTask(world, [])
    frozen = outcome_of(lambda: task.create(1, _Overtaken(world, lambda: task.create(2))))
    assert isinstance(frozen, OutcomeUnknownError), frozen
    assert "A later try of this task has begun" in str(frozen)
    assert len(world.writes(committed=False)) == 1
