"""The emulator's clock takes an instant with a zone or a number of seconds, and says so of anything else."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_offers.emulator.clock import Clock


@pytest.mark.parametrize("given", [date(2026, 5, 1), datetime(2026, 5, 1), "2026-05-01", "2026-05-01T12:00:00", 5])  # noqa: DTZ001
def test_a_time_without_a_zone_is_refused(given: Any) -> None:
    clock = Clock()
    for move in (clock.set, clock.freeze):
        with pytest.raises(ValueError, match="zone"):
            move(given)


@pytest.mark.parametrize("given", ["64", "P1D", timedelta(hours=1), None, True, float("nan")])
def test_the_clock_advances_by_seconds_only(given: Any) -> None:
    with pytest.raises(ValueError, match="a number of seconds"):
        Clock().advance(given)


def test_an_instant_of_another_zone_is_the_same_instant() -> None:
    clock = Clock()
    clock.freeze("2026-05-01T14:00:00+02:00")
    clock.advance(60)

    assert clock.now() == datetime(2026, 5, 1, 12, 1, tzinfo=UTC)
