"""Lists under faults: with any fault of a request, one try or the next does everything once, and nothing else."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_offers.client.errors import OutcomeUnknownError
from airflow_provider_offers.client.lists import Batch
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.emulator import Emulator
from tests.faults.doors import ClockSet, Killed, Outcome, Steps
from tests.faults.listing import NAMES, Job, ListTask, is_done, wrong_with
from tests.faults.matrix import APIS, DURATIONS, FAULTS, LAGS, Duration, Fault, Place
from tests.faults.verdicts import places
from tests.faults.world import LAG_BOUND, OTHER_TAG, World, offer

SEED = 2026
JOBS = (
    Job("create", None, {"status": "draft"}),
    Job("publish", "publish", {"status": "approved"}),
    Job("add", "patch adds", {"tags": [OTHER_TAG, Emulator.TAG_ID]}),
    Job("set", "patch sets", {"description": "changed"}),
    Job("delete", "delete", None),
)
each_api = pytest.mark.parametrize("api", APIS)
each_job = pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
# A patch that only sets properties may be applied again.
_MAY_REPEAT = ("set",)


def _traced(world: World, api: str, job: Job) -> tuple[Place, ...]:
    task = ListTask.begin(world, api, job)
    assert is_done(task.next_try())
    return places(world.requests())


def _cases(world: World, api: str, job: Job) -> Iterator[tuple[Place, Fault, Duration, float]]:
    for place in _traced(world, api, job):
        for fault in FAULTS:
            if fault.may_befall(place.route):
                once = fault.kill is not None or bool(fault.clock)
                for duration in DURATIONS[:1] if once else DURATIONS:
                    for lag in LAGS:
                        yield place, fault, duration, lag


def _play(world: World, api: str, job: Job, case: tuple[Place, Fault, Duration, float]) -> str | None:
    """Play a case; return its errors, or None."""
    place, fault, duration, lag = case
    task = ListTask.begin(world, api, job)
    world.lag(max(lag - fault.late, 0.0))
    # Faults that a timeout ends have a short one, because it passes in real time.
    steps = _struck(world, place, fault, duration)
    first = task.next_try(steps, max_retries=duration.max_retries, timeout=fault.timeout)
    world.emulator.clear_faults()
    unknown = _final_unknowns(first)
    later = first if is_done(first) else task.next_try()
    if not is_done(later) and not unknown:
        return f"the next try failed: {later.failures if isinstance(later, Batch) else later!r}"
    wrong = wrong_with(task)
    if job.name in _MAY_REPEAT or unknown:
        wrong = [each for each in wrong if "times" not in each and not (unknown and "says" in each)]
    return "; ".join(wrong) or None


def _struck(world: World, place: Place, fault: Fault, duration: Duration) -> Steps | None:
    if fault.kill is not None:
        return Killed(world.time, place.number, fault.kill)
    if fault.clock:
        return ClockSet(world.time, place.number, fault.clock)
    rule = {**fault.rule, "route": place.route, "after": place.nth, "times": duration.times}
    world.emulator.add_fault(rule.pop("effect"), **rule)
    return None


def _final_unknowns(outcome: Outcome) -> bool:
    """Whether an object failed finally, because it is unknown whether it was written."""
    failures = outcome.failures.values() if isinstance(outcome, Batch) else ()
    return any(isinstance(each, OutcomeUnknownError) and not each.retryable for each in failures)


def _expect_kept(world: World, api: str, job: Job, cases: list[Any]) -> None:
    broken = [
        f"{place}, {fault}, {duration}, {lag:g} s of lag: {wrong}"
        for place, fault, duration, lag, wrong in ((*case, _play(world, api, job, case)) for case in cases)
        if wrong is not None
    ]
    assert not broken, f"{len(broken)} of {len(cases)} cases:\n" + "\n".join(broken[:5])


@pytest.mark.timeout(300)
@each_api
@each_job
def test_a_sample_of_the_faults(world: World, api: str, job: Job) -> None:
    chosen = random.Random(f"{SEED} {job.name} {api}")
    _expect_kept(world, api, job, chosen.sample(list(_cases(world, api, job)), 8))


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
@each_api
@each_job
def test_every_fault(world: World, api: str, job: Job) -> None:
    _expect_kept(world, api, job, list(_cases(world, api, job)))


class _Meanwhile(Steps):
    """Somebody else acts just before the first write of the list."""

    def __init__(self, world: World, do: Any) -> None:
        super().__init__(world.time)
        self._do = do

    def before(self, request: Any) -> None:
        if request.method in ("POST", "PATCH", "PUT", "DELETE") and "/data/" in request.url and self._do is not None:
            do, self._do = self._do, None
            do()


@each_api
@pytest.mark.parametrize("job", [JOBS[1], JOBS[2]], ids=lambda job: job.name)
@pytest.mark.parametrize("lag", LAGS)
def test_an_edit_of_somebody_else_between_read_and_write_is_kept(world: World, api: str, job: Job, lag: float) -> None:
    task = ListTask.begin(world, api, job)
    world.lag(lag)

    def edit() -> None:
        for each in task.ids:
            world.door().patch(
                PERSONALIZED, each, [{"op": "replace", "path": "/representations/0/components/0/content", "value": "x"}]
            )

    outcome = task.next_try(_Meanwhile(world, edit), max_concurrent=4)

    assert is_done(outcome)
    for each in world.ours():
        assert each.body["representations"][0]["components"][0]["content"] == "x"
        assert all(each.body.get(key) == value for key, value in (job.leaves or {}).items())
        assert each.etag == 3


@each_api
def test_what_listings_still_show_otherwise_is_read_before_anything_rests_on_it(world: World, api: str) -> None:
    """An offer was published and unpublished a moment ago: the listing shows it as approved, so a read is needed."""
    task = ListTask.begin(world, api, JOBS[1])
    door = world.door()
    for each in task.ids:
        door.patch(PERSONALIZED, each, [{"op": "replace", "path": "/status", "value": "approved"}])
    world.time.sleep(60)
    world.lag(LAG_BOUND)
    for each in task.ids:
        door.patch(PERSONALIZED, each, [{"op": "replace", "path": "/status", "value": "draft"}])

    outcome = task.next_try()

    assert is_done(outcome)
    assert [each.action for each in outcome.written.values()] == ["published"] * len(NAMES)
    assert [each.body["status"] for each in world.ours()] == ["approved"] * len(NAMES)


@each_api
def test_an_append_is_not_taken_for_done_because_a_listing_lags(world: World, api: str) -> None:
    """Somebody else has just added the same tag. The listing does not show that, and the tag is added again."""
    task = ListTask.begin(world, api, JOBS[2])
    world.lag(LAG_BOUND)
    door = world.door()
    for each in task.ids:
        door.patch(PERSONALIZED, each, [{"op": "add", "path": "/tags/-", "value": Emulator.TAG_ID}])
    world.time.sleep(5)

    assert is_done(task.next_try())

    assert [each.body["tags"] for each in world.ours()] == [[OTHER_TAG, Emulator.TAG_ID, Emulator.TAG_ID]] * len(NAMES)


@each_api
@pytest.mark.parametrize("lag", LAGS)
def test_two_tasks_that_create_one_list_leave_one_of_each(world: World, api: str, lag: float) -> None:
    """The other task creates all offers just before the first POST of this one, which adopts them."""
    task = ListTask.begin(world, api, JOBS[0])
    world.lag(lag)

    def create() -> None:
        for name in NAMES:
            world.door().create(PERSONALIZED, {**offer(rank={"priority": 7}), "name": name})

    outcome = task.next_try(_Meanwhile(world, create))

    assert isinstance(outcome, Batch)
    assert {type(each).__name__ for each in outcome.failures.values()} == {"AlreadyExistsError"}
    assert len(outcome.failures) == len(NAMES)
    left = world.ours()
    assert sorted(each.body["name"] for each in left) == sorted(NAMES)
    assert {each.body["rank"]["priority"] for each in left} == {7}
