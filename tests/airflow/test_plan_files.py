"""The files of large plans: a later plan removes those that every apply would refuse, and no other one."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.hooks.campaigns import storage_path
from airflow_provider_offers.operators import plan_files
from airflow_provider_offers.operators.campaigns import ApplyCampaignOperator, PlanCampaignOperator
from tests.airflow.campaigns import SPRING, written
from tests.airflow.capture import captured_output
from tests.airflow.library import CONNECTION, dag_of
from tests.airflow.task_runner import Ended, run_task

MANY = SPRING.replace("{name: Spring towels,", '{for_each: items, name: "{{ row.name }}",')
ROWS = {"items": [{"name": f"Offer {number:02} {'x' * 250}"} for number in range(60)]}


@pytest.fixture(autouse=True)
def connected(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, airflow_home: Path) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps(emulator.connection("dps")))


@pytest.fixture(params=["disk", "memory"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The folder of the states: on a disk, and in an object store."""
    return str(tmp_path / "state") if request.param == "disk" else f"memory://{uuid.uuid4()}/states"


def ended(operator: type[Any], task_id: str, **arguments: Any) -> Ended:
    with dag_of("alone"):
        task = operator(task_id=task_id, **arguments)
    return run_task(task, logged=True)


class Campaign:
    """A campaign whose plans are large, as tasks plan and apply it."""

    def __init__(self, folder: Path, state: str) -> None:
        self._given = {"manifest": written(folder, MANY), "target": "dev", "state_path": state, "rows": ROWS}
        self._state = state

    def planned(self, task_id: str, priority: int) -> dict[str, Any]:
        """The result of a task that plans another priority of all offers."""
        done = ended(PlanCampaignOperator, task_id, variables={"priority": priority}, **self._given)
        assert done.error is None
        return dict(done.result)

    def applied(self, told: dict[str, Any]) -> Ended:
        return ended(ApplyCampaignOperator, "apply", plan=told, state_path=self._state)


def are_there(*told: dict[str, Any]) -> list[bool]:
    """Whether the file of each plan is there."""
    return [storage_path("plan", each["plan_path"]).exists() for each in told]


def test_the_plan_that_was_applied_last_and_those_that_wait_stay(tmp_path: Path, state: str) -> None:
    campaign = Campaign(tmp_path, state)
    first, waiting = campaign.planned("first", 1), campaign.planned("waiting", 2)
    assert first["plan_path"].startswith(state)
    assert campaign.applied(first).error is None

    second, third = campaign.planned("second", 3), campaign.planned("third", 4)

    # An apply of the one that waited would be refused.
    assert are_there(first, waiting, second, third) == [True, False, True, True]
    assert campaign.applied(first).error is None, "a cleared task applies its plan again"
    assert campaign.applied(second).error is None
    fourth = campaign.planned("fourth", 5)
    assert are_there(first, second, third, fourth) == [False, True, False, True]
    refused = campaign.applied(third)
    assert "which does not exist; expected the plan as its task made it, which is removed when another one was" in str(
        refused.error
    )
    assert campaign.applied(fourth).result["counts"]["changed"] == 60


def test_what_is_not_a_plan_stays_and_a_folder_that_fails_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = Campaign(tmp_path, str(tmp_path / "state"))
    first, waiting = campaign.planned("first", 1), campaign.planned("waiting", 2)
    other = Path(first["plan_path"]).parent / "0-notes.json"
    other.write_text("{}")
    assert campaign.applied(first).error is None

    def fail(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as broken, captured_output() as output:
        broken.setattr(Path, "unlink", fail)
        second = campaign.planned("second", 3)
        told = output.text()
    assert "are not removed: " in told
    assert are_there(first, waiting, second) == [True, True, True]
    third = campaign.planned("third", 4)
    assert are_there(first, waiting, second, third) == [True, False, True, True]
    assert other.exists()
    assert plan_files._NAME.fullmatch(Path(third["plan_path"]).name)
