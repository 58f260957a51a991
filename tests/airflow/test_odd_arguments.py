"""Every argument of every operator and sensor gets every odd value: all errors are our own."""

from __future__ import annotations

import inspect
import json
import traceback
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, TaskDeferred

from airflow_provider_offers.client.errors import OfferLibraryError
from airflow_provider_offers.client.flows import deleting_once
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators import decisions, library, offers
from airflow_provider_offers.operators.base import OfferLibraryOperator
from airflow_provider_offers.sensors import decisions as decision_sensors
from airflow_provider_offers.sensors import offers as sensors
from tests.airflow.library import dag_of, personalized

ID = "dps:personalized-offer:1c265317da412003"
CONNECTION = "offer_library_default"


def deep(levels: int) -> Any:
    """Lists in lists."""
    nested: Any = []
    for _ in range(levels):
        nested = [nested]
    return nested


ODD: dict[str, Any] = {
    "none": None,
    "zero": 0,
    "empty": "",
    "blank": " ",
    "text": "abc",
    "null character": "a\0b",
    "half a pair": "\ud800",
    "long": "x" * 100_000,
    "true": True,
    "negative": -1,
    "nan": float("nan"),
    "infinite": float("inf"),
    "huge": 10**5000,
    "list": [],
    "dict": {},
    "of none": [None],
    "nested": deep(3),
    "deep": deep(300),
    "bytes": b"\xff",
    "object": object(),
    "set": {1},
    "keys": {1: {None: object()}},
    "type": int,
    "json": "[1, {}]",
    "literal": "{'a': (1, None)}",
}
# The arguments of Airflow itself, and arguments with secrets or personal data.
SKIPPED = {"self", "kwargs", "task_id"}
NEEDED: dict[str, Any] = {
    "offer": personalized("Odd"),
    "object": {"name": "Odd"},
    "kind": "tag",
    "offer_id": ID,
    "object_id": "dps:tag:1c265317da412003",
    "patch": [{"op": "replace", "path": "/status", "value": "approved"}],
    "start": "2036-01-01T00:00:00Z",
    "duration": "P1D",
    "decision_id": "dps:offer-activity:1c265317da412003",
    "placement_id": "dps:offer-placement:1c265317da412003",
    "profile": {"Email": "a@example.com"},
    "audience_id": "a",
    "dataset_id": "d",
    "status": "approved",
    "patience": 0,
}
OPERATORS: list[type[Any]] = [
    getattr(module, name) for module in (offers, library, decisions) for name in module.__all__
]
SENSORS: list[type[Any]] = [
    sensors.OfferStatusSensor,
    sensors.OfferWindowSensor,
    sensors.OffersFoundSensor,
    decision_sensors.OfferLiveSensor,
]
EVERY = [*OPERATORS, *SENSORS]


def arguments(operator: type[Any]) -> dict[str, inspect.Parameter]:
    """The arguments of the class and of our bases."""
    found: dict[str, inspect.Parameter] = {}
    for each in operator.__mro__:
        ours = each.__module__.startswith("airflow_provider_offers") and "__init__" in vars(each)
        if ours and not (each in (offers.SearchOffersOperator,) and operator is not each):
            signature = inspect.signature(inspect.unwrap(vars(each)["__init__"]))
            found = {**signature.parameters, **found}
    if "object_id" in found or operator is offers.ArchiveExpiredOffersOperator:
        found = {name: each for name, each in found.items() if name not in ("offer_id", "offer_type")}
    if "object" in found:
        # In the same place.
        found.pop("offer", None)
    if "decision_steps" in operator.__module__:
        found.pop("kind", None)
    return {name: each for name, each in found.items() if name not in SKIPPED}


def context_of(task: Any, try_number: int) -> Any:
    """The part of Airflow's context that a task needs to run alone."""
    ti = SimpleNamespace(
        try_number=try_number,
        max_tries=1,
        task=task,
        dag_id="d",
        run_id="r",
        task_id=task.task_id,
        map_index=-1,
        start_date=None,
        xcom_push=lambda **_: None,
    )
    run = SimpleNamespace(run_after=datetime.now(UTC), start_date=datetime.now(UTC), clear_number=0)
    return {"ti": ti, "dag_run": run, "params": {}, "ds": "2026-01-01"}


def outcome(operator: type[Any], given: dict[str, Any], try_number: int) -> str | None:
    """The problem with the end of the task; None if it ended as expected."""
    try:
        with dag_of("odd"):
            task = operator(task_id="odd", **given)
        context = context_of(task, try_number)
        task.render_template_fields(context)
        if isinstance(task, OfferLibraryOperator):
            task.execute(context)
        else:
            # `execute` would keep waiting.
            task.check_templates()
            task.poke(context)
    except (OfferLibraryError, AirflowException, TaskDeferred) as error:
        said = str(error)
        return None if len(said) < 10_000 else f"a message of {len(said)} characters"
    except Exception as error:  # noqa: BLE001
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error)[:100]} at {last.filename[-40:]}:{last.lineno}"
    return None


@pytest.mark.parametrize("operator", EVERY, ids=lambda each: each.__name__)
def test_odd_arguments_end_in_our_own_errors(
    operator: type[Any], emulator: Emulator, monkeypatch: pytest.MonkeyPatch, airflow_home: Any
) -> None:
    # Half of them on each generation, and as a first or a second try.
    number = 1 + EVERY.index(operator) % 2
    monkeypatch.setenv(
        f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps(emulator.connection(["dps", "xcore"][number - 1]))
    )
    # A second try of a deletion looks for an object that may only lag.
    monkeypatch.setattr(deleting_once, "_PATIENCE", 0.0)
    names = arguments(operator)
    usual = {name: NEEDED[name] for name in names if name in NEEDED}
    ends = {
        f"{name}: {what}": outcome(operator, {**usual, name: value}, number)
        for name in names
        for what, value in ODD.items()
    }
    assert {name: said for name, said in ends.items() if said is not None} == {}
