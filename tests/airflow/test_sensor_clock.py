"""The sensors use the service's clock: a campaign of weeks takes seconds, and a worker's clock has no effect."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.sensors.offers import OfferWindowSensor
from tests.airflow.harness import Airflow
from tests.airflow.library import dag_of, run, seed
from tests.airflow.test_sensors import MODES, POLL

DAY = timedelta(days=1)


def window(emulator: Emulator, start: timedelta, end: timedelta) -> dict[str, Any]:
    """A window, from the time that the emulator's clock shows."""
    now = emulator.clock.now()
    return {"selectionConstraint": {"startDate": (now + start).isoformat(), "endDate": (now + end).isoformat()}}


@pytest.mark.parametrize("mode", MODES)
def test_a_campaign_of_fourteen_days_is_tried_in_seconds(
    airflow: Airflow, emulator: Emulator, api: str, mode: str, meanwhile: Any
) -> None:
    """The campaign opens tomorrow and runs for fourteen days; the emulator's clock is moved twice."""
    began = emulator.clock.now()
    offer = seed(emulator, api, "Campaign", changes=window(emulator, DAY, 15 * DAY))["id"]
    common: dict[str, Any] = {"offer_id": offer, "poke_interval": POLL, "timeout": 60, **MODES[mode]}
    with dag_of("campaign") as dag:
        opened = OfferWindowSensor(
            task_id="opened", on_execute_callback=meanwhile(lambda: emulator.clock.advance(86_400)), **common
        )
        closed = OfferWindowSensor(
            task_id="closed",
            until="closed",
            on_execute_callback=meanwhile(lambda: emulator.clock.advance(14 * 86_400)),
            **common,
        )
        opened >> closed
    result = run(airflow, emulator, api, dag)
    assert result.states == {"opened": "success", "closed": "success"}
    assert 15 * DAY <= emulator.clock.now() - began < 15 * DAY + timedelta(minutes=2)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("ahead", [timedelta(minutes=5), timedelta(minutes=-5)])
def test_a_workers_clock_that_is_off_ends_no_wait_and_delays_none(
    airflow: Airflow, emulator: Emulator, mode: str, ahead: timedelta
) -> None:
    emulator.clock.set(datetime.now(UTC) - ahead)
    minute = timedelta(minutes=1)
    soon = seed(emulator, "dps", "Soon", changes=window(emulator, minute, DAY))["id"]
    shown = seed(emulator, "dps", "Shown", changes=window(emulator, -DAY, minute))["id"]
    begun = seed(emulator, "dps", "Begun", changes=window(emulator, -minute, DAY))["id"]
    over = seed(emulator, "dps", "Over", changes=window(emulator, -DAY, -minute))["id"]
    common: dict[str, Any] = {"poke_interval": POLL, "timeout": 1.5, **MODES[mode]}
    with dag_of("skewed") as dag:
        OfferWindowSensor(task_id="open_soon", offer_id=soon, **common)
        OfferWindowSensor(task_id="closed_soon", offer_id=shown, until="closed", **common)
        OfferWindowSensor(task_id="open", offer_id=begun, **common)
        OfferWindowSensor(task_id="closed", offer_id=over, until="closed", **common)
    result = run(airflow, emulator, "dps", dag)
    assert result.states == {
        "open_soon": "failed",
        "closed_soon": "failed",
        "open": "success",
        "closed": "success",
    }
    assert f"is 0:05:00 {'ahead of' if ahead > timedelta(0) else 'behind'} that of" in result.logs


def test_a_clock_that_stands_still_ends_no_deferred_wait(airflow: Airflow, emulator: Emulator, meanwhile: Any) -> None:
    emulator.clock.freeze("2026-05-01T12:00:00Z")
    offer = seed(emulator, "dps", "Frozen", changes=window(emulator, timedelta(seconds=3), DAY))["id"]
    with dag_of("frozen") as dag:
        OfferWindowSensor(task_id="open", offer_id=offer, deferrable=True, poke_interval=POLL, timeout=5)
    result = run(airflow, emulator, "dps", dag)
    assert result.states == {"open": "failed"}
