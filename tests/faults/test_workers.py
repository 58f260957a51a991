"""Real tasks whose worker is killed at any step of its first try: the next try does the rest, and no more."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from airflow_provider_offers.emulator import Emulator
from tests.airflow.child import WorkerKilled, in_a_child
from tests.airflow.harness import Airflow, Run
from tests.airflow.library import CONNECTION, NO_DELAY, dag_of, fallback, personalized, seed
from tests.faults.mortal import (
    Mortal,
    MortalArchiveExpired,
    MortalCreate,
    MortalCreateFallback,
    MortalDelete,
    MortalPatch,
    MortalPublish,
    MortalSchedule,
)

SEED = 2026
RETRIED: dict[str, Any] = {"retries": 1, "retry_delay": NO_DELAY}
CREATED: dict[str, Any] = {**RETRIED, "patience": 0.5}
LISTED: dict[str, Any] = {**RETRIED, "max_concurrent": 2}
LISTED_NAMES = ("Listed 1", "Listed 2", "Listed 3")
WINDOW: dict[str, Any] = {"start": "2098-01-01T00:00:00Z", "end": "2099-01-01T00:00:00Z"}
OVER = {"startDate": "2020-01-01T00:00:00Z", "endDate": "2020-02-01T00:00:00Z", "profileConstraintType": "none"}
ADD_TAG = [{"op": "add", "path": "/tags/-", "value": Emulator.TAG_ID}]

# Puts an offer with that name into the library and returns its id.
There = Callable[..., str]
Offer = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """A task, and the expected result: for each of its offers, the etag and the content."""

    add: Callable[[There], object]
    leaves: Mapping[str, tuple[int, Mapping[str, Any]]]
    kind: str = "personalized-offer"
    # The tasks whose receipts name these offers, in order.
    receipts: tuple[str, ...] = ()


def _theirs(there: There) -> None:
    there("Theirs", rank={"priority": 1})
    document = personalized("Theirs", rank={"priority": 7})
    MortalCreate(task_id="update", offer=document, if_exists="update", **CREATED)


def _mapped(there: There) -> None:
    documents = [personalized(f"Mapped {number}") for number in range(2)]
    MortalCreate.partial(task_id="create_mapped", **CREATED).expand(offer=documents)


def _expired(there: There) -> None:
    for number in range(3):
        there(f"Over {number}", selectionConstraint=OVER)
    MortalArchiveExpired(task_id="archive", older_than="P365D", **LISTED)


def _several(there: There, name: str) -> list[str]:
    return [there(f"{name} {number}", tags=[]) for number in range(3)]


JOBS: dict[str, Job] = {
    "create": Job(
        lambda there: MortalCreate(task_id="create", offer=personalized("Created"), **CREATED),
        {"Created": (1, {"status": "draft"})},
        receipts=("create",),
    ),
    "fallback": Job(
        lambda there: MortalCreateFallback(task_id="fallback", offer=fallback("Created"), **CREATED),
        {"Created": (1, {"status": "draft"})},
        kind="fallback-offer",
        receipts=("fallback",),
    ),
    "create_list": Job(
        lambda there: MortalCreate(
            task_id="create_list", offer=[personalized(name) for name in LISTED_NAMES], max_concurrent=2, **CREATED
        ),
        dict.fromkeys(LISTED_NAMES, (1, {"status": "draft"})),
        receipts=("create_list",),
    ),
    "create_mapped": Job(
        _mapped,
        {f"Mapped {number}": (1, {"status": "draft"}) for number in range(2)},
        receipts=("create_mapped[0]", "create_mapped[1]"),
    ),
    "update": Job(_theirs, {"Theirs": (2, {"rank": {"priority": 7}})}, receipts=("update",)),
    "patch": Job(
        lambda there: MortalPatch(task_id="patch", offer_id=there("Patched", tags=[]), patch=ADD_TAG, **RETRIED),
        {"Patched": (2, {"tags": [Emulator.TAG_ID]})},
        receipts=("patch",),
    ),
    "patch_list": Job(
        lambda there: MortalPatch(task_id="patch_list", offer_id=_several(there, "Patched"), patch=ADD_TAG, **LISTED),
        {f"Patched {number}": (2, {"tags": [Emulator.TAG_ID]}) for number in range(3)},
        receipts=("patch_list",),
    ),
    "schedule": Job(
        lambda there: MortalSchedule(task_id="schedule", offer_id=there("Scheduled"), **WINDOW, **RETRIED),
        {"Scheduled": (2, {"status": "draft"})},
        receipts=("schedule",),
    ),
    "publish_list": Job(
        lambda there: MortalPublish(
            task_id="publish_list", offer_id=_several(there, "Published"), waive=["window_over"], **LISTED
        ),
        {f"Published {number}": (2, {"status": "approved"}) for number in range(3)},
        receipts=("publish_list",),
    ),
    "delete": Job(lambda there: MortalDelete(task_id="delete", offer_id=there("Deleted"), **RETRIED), {}),
    "archive": Job(_expired, {f"Over {number}": (2, {"status": "archived"}) for number in range(3)}),
}
each_api = pytest.mark.parametrize("api", ["dps", "xcore"])
# The seconds by which listings lag.
_LAG = 0.2


@each_api
def test_a_task_killed_at_some_step_is_finished_by_its_next_try(
    airflow: Airflow, emulator: Emulator, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the tasks on one generation, and half on the other."""
    chosen = random.Random(f"{SEED} {api}")
    tasks = list(JOBS)[("dps", "xcore").index(api) :: 2]
    monkeypatch.setattr(Mortal, "deaths", {task_id: chosen.randrange(1, 13) for task_id in tasks})
    _run(airflow, emulator, api, tasks)


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
@each_api
def test_a_task_killed_at_every_step_is_finished_by_its_next_try(
    airflow: Airflow, emulator: Emulator, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mortal: Collection[str] = JOBS
    step = 0
    while mortal:
        step += 1
        airflow.forget()
        emulator.reset()
        monkeypatch.setattr(Mortal, "deaths", dict.fromkeys(JOBS, step))
        result = _run(airflow, emulator, api, mortal)
        mortal = {each.task_id for each in result.attempts if isinstance(each.error, WorkerKilled)}
    assert step > 12, "killed before and after each request, a task dies more often than that"


def _run(airflow: Airflow, emulator: Emulator, api: str, tasks: Collection[str]) -> Run:
    """Run these tasks in parallel, on their own offers, and check that each did its work and nothing else."""
    emulator.configure(list_lag=_LAG, index_lag=_LAG)

    def there(name: str, **changes: Any) -> str:
        return str(seed(emulator, api, name, changes=changes)["id"])

    with dag_of("killed_at_any_step") as dag:
        for task_id in tasks:
            JOBS[task_id].add(there)
    there("Bystander")
    # A task that archives chooses from a listing, which has to show them. Few tasks begin at once.
    time.sleep(_LAG)

    result = airflow.run(dag, connections={CONNECTION: emulator.connection(api)}, task_runner=in_a_child)

    said = f"killed at {Mortal.deaths}: {[(each.task_id, each.state, str(each.error)) for each in result.attempts]}"
    assert set(result.states.values()) == {"success"}, said
    assert all(isinstance(each.error, WorkerKilled | None) for each in result.attempts), said
    _expect_everything_once(emulator, result, tasks, said)
    return result


def _expect_everything_once(emulator: Emulator, result: Run, tasks: Collection[str], said: str) -> None:
    left = [each for each in emulator.objects() if each["kind"].endswith("-offer")]
    by_name = {(each["kind"], each["body"]["name"]): each for each in left}
    expected: dict[tuple[str, str], tuple[int, Mapping[str, Any]]] = {
        ("personalized-offer", "Bystander"): (1, {"status": "draft"})
    }
    for job in map(JOBS.__getitem__, tasks):
        expected |= {(job.kind, name): leaves for name, leaves in job.leaves.items()}
        named = [receipt["id"] for task in job.receipts for receipt in _as_list(result.result(task))]
        assert not job.receipts or named == [by_name[job.kind, name]["id"] for name in job.leaves], said
    found = {
        key: (each["etag"], {name: each["body"].get(name) for name in expected.get(key, (0, {}))[1]})
        for key, each in by_name.items()
    }
    assert found == expected, said
    assert len(left) == len(expected), said


def _as_list(returned: Any) -> list[Any]:
    return returned if isinstance(returned, list) else [returned]
