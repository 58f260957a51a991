"""Windows in real DAG runs: a doubt is a warning with both instants, and can be waived or rejected."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
import pytest
from airflow.sdk import task

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.offers import ScheduleOfferOperator
from tests.airflow.harness import Airflow
from tests.airflow.library import dag_of, errors, offers, run, seed, writes

pytestmark = pytest.mark.parametrize("api", ["dps", "xcore"])

DOUBTFUL: dict[str, dict[str, Any]] = {
    "window_over": {"start": "2020-01-01T00:00:00Z", "duration": "P30D"},
    "ambiguous_time": {"start": "2035-10-28T02:30", "duration": "P14D", "timezone": "Europe/Berlin"},
    "mixed_duration": {"start": "2035-03-10T12:00", "duration": timedelta(hours=36), "timezone": "America/New_York"},
}
SAID = {
    "window_over": ("ended at 2020-01-31T00:00:00Z", "by the service's clock"),
    "ambiguous_time": ("2035-10-28T00:30:00Z", "2035-10-28T01:30:00Z"),
    "mixed_duration": ("2035-03-12T05:00:00Z", "2035-03-12T04:00:00Z"),
}


@pytest.mark.parametrize("doubt", DOUBTFUL)
def test_a_doubtful_window_is_warned_of_once_and_refused_or_silent_as_asked(
    airflow: Airflow, emulator: Emulator, api: str, doubt: str
) -> None:
    first, second, third = (seed(emulator, api, name)["id"] for name in ("One", "Two", "Three"))
    with dag_of("doubtful") as dag:
        ScheduleOfferOperator(task_id="warned", offer_id=first, **DOUBTFUL[doubt])
        waived: Any = {"waive": doubt, **DOUBTFUL[doubt]}
        ScheduleOfferOperator(task_id="waived", offer_id=second, validate="strict", **waived)
        ScheduleOfferOperator(task_id="strict", offer_id=third, validate="strict", retries=1, **DOUBTFUL[doubt])

    result = run(airflow, emulator, api, dag)

    assert result.states == {"warned": "success", "waived": "success", "strict": "failed"}
    warned = [
        line
        for line in result.logs.splitlines()
        if "warning" in line[:50].lower() and all(part in line for part in SAID[doubt])
    ]
    assert len(warned) == 1
    assert "One" in warned[0] or doubt != "window_over"
    refused = errors(result, ["strict"])["strict"]
    assert all(part in refused for part in SAID[doubt])
    assert f"waive=['{doubt}']" in refused
    assert len(result.tries("strict")) == 1
    assert len(writes(emulator)) == 2


def test_an_unknown_doubt_is_refused_by_name(airflow: Airflow, emulator: Emulator, api: str) -> None:
    made = seed(emulator, api, "One")
    with dag_of("unknown") as dag:
        ScheduleOfferOperator(
            task_id="schedule",
            offer_id=made["id"],
            start="2035-01-01T00:00:00Z",
            duration="P1D",
            waive="window_ovr",  # type: ignore[arg-type]
        )

    result = run(airflow, emulator, api, dag)

    assert "window_ovr" in errors(result, ["schedule"])["schedule"]
    assert not writes(emulator)


@pytest.mark.parametrize("given", ["Strict", None, "False"])
def test_a_mapped_task_refuses_unknown_checks_too(airflow: Airflow, emulator: Emulator, api: str, given: Any) -> None:
    made = seed(emulator, api, "One")
    with dag_of("checks") as dag:

        @task
        def rows() -> list[dict[str, Any]]:
            return [{"start": "2035-01-01T00:00:00Z", "duration": "P1D", "validate": given}]

        ScheduleOfferOperator.partial(task_id="schedule", offer_id=made["id"]).expand_kwargs(rows())

    result = run(airflow, emulator, api, dag)

    assert f"validate: given {given!r}; expected True" in errors(result, ["schedule[0]"])["schedule[0]"]
    assert not writes(emulator)


def test_a_month_of_pendulum_ends_where_a_month_of_text_does(airflow: Airflow, emulator: Emulator, api: str) -> None:
    february: dict[str, Any] = {"start": "2035-02-01", "timezone": "Europe/Berlin"}
    with dag_of("months") as dag:
        for name, month in (("Text", "P1M"), ("Pendulum", pendulum.duration(months=1))):
            ScheduleOfferOperator(task_id=name, offer_id=seed(emulator, api, name)["id"], duration=month, **february)

    result = run(airflow, emulator, api, dag)

    assert set(result.states.values()) == {"success"}
    ends = {each["body"]["selectionConstraint"]["endDate"][:19] for each in offers(emulator)}
    assert ends == {"2035-02-28T23:00:00"}
