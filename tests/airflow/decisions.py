"""Shared code of the decision tests: the operators and sensors of a stage, and the requests to the runtime."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.decisions import DecideOperator
from airflow_provider_offers.sensors.decisions import OfferLiveSensor
from tests.airflow.library import NO_DELAY
from tests.deciding import PROFILE, Stage

POLL = 0.2
RETRIED: dict[str, Any] = {"retries": 1, "retry_delay": NO_DELAY}


def asked(emulator: Emulator) -> list[Any]:
    """The decisions that were requested from the runtime."""
    return [*emulator.journal(path="/data/core/ods/*"), *emulator.journal(method="POST", path="/data/core/ode/*")]


def decide(stage: Stage, task_id: str = "decide", **options: Any) -> DecideOperator:
    named: dict[str, Any] = {"decision_id": stage.decision, "placement_id": stage.placement, "profile": PROFILE}
    return DecideOperator(task_id=task_id, **{**named, **options})


def live(stage: Stage, task_id: str, **options: Any) -> OfferLiveSensor:
    named: dict[str, Any] = {"offer_id": stage.offers[0], "decision_id": stage.decision, "profile": PROFILE}
    # The scheduler enforces the timeout of a deferred sensor, and there is no scheduler here.
    named |= {"poke_interval": POLL, "timeout": 60, "execution_timeout": timedelta(seconds=60)}
    return OfferLiveSensor(task_id=task_id, **{**named, **options})
