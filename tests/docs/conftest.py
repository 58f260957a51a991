"""The real Airflow and the emulator that the documentation's examples run on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_offers.emulator import Emulator
from tests.airflow.harness import Airflow

PERSONALIZED = "dps:personalized-offer:1c265317da412003"
FALLBACK = "dps:fallback-offer:1c26533689c12004"


@pytest.fixture(scope="session")
def airflow_session(airflow_home: Path) -> Airflow:
    """An Airflow with a fresh database, made once in each test process."""
    return Airflow.start(airflow_home)


@pytest.fixture
def airflow(airflow_session: Airflow) -> Airflow:
    """That Airflow, with what earlier tests' runs left behind removed."""
    airflow_session.forget()
    return airflow_session


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An emulator that holds the offers whose ids the documentation mentions."""
    offer: dict[str, Any] = {
        "name": "Summer voucher",
        "status": "draft",
        "selectionConstraint": {"startDate": "2026-01-01T00:00:00Z", "endDate": "2036-01-01T00:00:00Z"},
        "rank": {"priority": 20},
    }
    approved = {**offer, "name": "Winter voucher", "status": "approved"}
    fallback = {"name": "Everyone", "status": "approved"}
    with Emulator() as running:
        running.seed(
            objects=[
                {"kind": "personalized-offer", "body": offer, "id": PERSONALIZED},
                {"kind": "personalized-offer", "body": approved},
                {"kind": "fallback-offer", "body": fallback, "id": FALLBACK},
            ]
        )
        yield running
