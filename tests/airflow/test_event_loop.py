"""Work on a list calls Airflow's supervisor from other threads, so it never blocks the event loop."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from airflow.sdk.execution_time.supervisor import InProcessSupervisorComms

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.offers import (
    CreateOfferOperator,
    DeleteOfferOperator,
    PatchOfferOperator,
    PublishOfferOperator,
)
from airflow_provider_offers.policies.retry import retry_arguments
from tests.airflow.harness import Airflow
from tests.airflow.library import dag_of, personalized, run, seed

ADD_TAG = [{"op": "add", "path": "/tags/-", "value": Emulator.TAG_ID}]


def in_event_loop() -> bool:
    """Whether this thread runs an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


@pytest.mark.parametrize("work", ["create", "patch", "publish", "delete"])
def test_lists_ask_the_supervisor_off_the_event_loop(
    airflow: Airflow, emulator: Emulator, api: str, monkeypatch: pytest.MonkeyPatch, work: str
) -> None:
    asked: list[tuple[str, bool, bool]] = []
    send = InProcessSupervisorComms.send

    def watched(self: Any, msg: Any) -> Any:
        in_main = threading.current_thread() is threading.main_thread()
        asked.append((type(msg).__name__, in_main, in_event_loop()))
        return send(self, msg)

    monkeypatch.setattr(InProcessSupervisorComms, "send", watched)
    ids = (
        []
        if work == "create"
        else [seed(emulator, api, f"Listed {number}", changes={"tags": []})["id"] for number in range(4)]
    )
    with dag_of("listed") as dag:
        if work == "create":
            CreateOfferOperator(task_id="work", offer=[personalized(f"New {number}") for number in range(4)])
        elif work == "patch":
            PatchOfferOperator(task_id="work", offer_id=ids, patch=ADD_TAG)
        elif work == "publish":
            PublishOfferOperator(task_id="work", offer_id=ids, waive=["window_over", "no_window", "no_representation"])
        else:
            DeleteOfferOperator(task_id="work", offer_id=ids)

    result = run(airflow, emulator, api, dag)

    assert result.states == {"work": "success"}, result.error("work")
    assert [name for name, _, in_loop in asked if in_loop] == []
    if retry_arguments():
        # If Airflow has a task state, notes were kept meanwhile.
        assert [name for name, in_main, _ in asked if name == "SetTaskStateStore" and not in_main]
