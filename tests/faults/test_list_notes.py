"""Lists whose worker is killed around a note that several flows keep together, or that meet another worker's notes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from airflow_provider_offers.client.flows import creation_notes
from tests.faults.doors import Steps, WorkerKilled
from tests.faults.listing import Job, ListTask, MemoryFailed, is_done, wrong_with
from tests.faults.matrix import APIS, LAGS
from tests.faults.test_lists import JOBS
from tests.faults.world import World
from tests.notebook import Notebook

each_api = pytest.mark.parametrize("api", APIS)
each_job = pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
# Several objects wait for one note.
CONCURRENT = 4


class Mortal(Notebook):
    """The worker is killed just before or just after its n-th note, from 1, is stored."""

    def __init__(self, note: int, when: str) -> None:
        super().__init__()
        self._left = note
        self._when = when

    def keep(self, key: str, value: Any) -> None:
        self._left -= 1
        if self._left == 0 and self._when == "before":
            raise WorkerKilled
        super().keep(key, value)
        if self._left == 0:
            raise WorkerKilled


@each_api
@each_job
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_worker_that_is_killed_at_any_note_leaves_the_rest_to_the_next_try(
    world: World, api: str, job: Job, when: str
) -> None:
    note = 0
    while True:
        note += 1
        task = ListTask.begin(world, api, job)
        task.notebook = Mortal(note, when)
        first = task.next_try(max_concurrent=CONCURRENT)
        if not isinstance(first, WorkerKilled):
            break
        assert is_done(task.next_try(max_concurrent=CONCURRENT)), f"killed {when} note {note}"
        assert wrong_with(task) == [], f"killed {when} note {note}"
    assert is_done(first)
    assert note > 1


class _Failing(Notebook):
    """Fails to store its n-th note, from 1."""

    def __init__(self, note: int) -> None:
        super().__init__()
        self._left = note

    def keep(self, key: str, value: Any) -> None:
        self._left -= 1
        if self._left == 0:
            raise MemoryFailed
        super().keep(key, value)


@each_api
@pytest.mark.parametrize("lag", LAGS)
@pytest.mark.parametrize("when", ["before", "after", "fails"])
def test_notes_of_several_pages_leave_the_rest_to_the_next_try_after_any_note(
    world: World, api: str, lag: float, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ids are kept beside the look that confirms the objects, and what it saw in a value of its own."""
    monkeypatch.setattr(creation_notes, "_PAGE", 2)
    note = 0
    while True:
        note += 1
        task = ListTask.begin(world, api, JOBS[0])
        world.lag(lag)
        task.notebook = _Failing(note) if when == "fails" else Mortal(note, when)
        try:
            first = task.next_try(max_concurrent=CONCURRENT)
        except MemoryFailed as error:
            first = WorkerKilled(error)
        if not isinstance(first, WorkerKilled):
            break
        assert is_done(task.next_try(max_concurrent=CONCURRENT)), f"{when}, note {note}"
        assert wrong_with(task) == [], f"{when}, note {note}"
    assert is_done(first)
    # The start, three pages with the announcements and with the ids, and what was seen.
    assert note - 1 >= 8


class _Frozen(Steps):
    """Another try of the task does the whole list just before the first write of this one."""

    def __init__(self, world: World, do: Any) -> None:
        super().__init__(world.time)
        self._do = do

    def before(self, request: Any) -> None:
        if request.method in ("POST", "PATCH", "DELETE") and "/data/" in request.url and self._do is not None:
            do, self._do = self._do, None
            do()


@each_api
@pytest.mark.parametrize("job", JOBS[:4], ids=lambda job: job.name)
@pytest.mark.parametrize("lag", LAGS)
def test_a_try_that_froze_before_its_first_write_repeats_nothing_of_the_next_try(
    world: World, api: str, job: Job, lag: float
) -> None:
    """It has kept its plans, and the next try has kept its own in pages of its own."""
    task = ListTask.begin(world, api, job)
    world.lag(lag)
    outcomes: list[Any] = []

    def next_try() -> None:
        outcomes.append(in_a_thread(lambda: task.next_try(max_concurrent=CONCURRENT)))

    frozen = task.next_try(_Frozen(world, next_try), max_concurrent=CONCURRENT)

    assert is_done(outcomes[0])
    assert is_done(frozen) or job.operation is None
    wrong = wrong_with(task)
    if job.name == "set":
        # A patch that only sets properties may be applied again.
        wrong = [each for each in wrong if "times" not in each]
    assert wrong == []


def in_a_thread(work: Any) -> Any:
    """Run it outside the event loop of this thread."""
    with ThreadPoolExecutor(max_workers=1) as threads:
        return threads.submit(work).result()
