"""The real Airflow that the tests of this folder run their DAGs on, and the emulator that their operators talk to."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_offers.emulator import Emulator
from tests.airflow.harness import Airflow


@pytest.fixture(scope="session")
def airflow_session(airflow_home: Path) -> Airflow:
    """An Airflow with a fresh database, made once in each test process."""
    return Airflow.start(airflow_home)


@pytest.fixture
def airflow(airflow_session: Airflow) -> Airflow:
    """That Airflow, with what earlier tests' runs left behind removed."""
    airflow_session.forget()
    return airflow_session


@pytest.fixture(scope="session")
def emulator_session() -> Iterator[Emulator]:
    """An emulator, started once in each test process."""
    with Emulator() as running:
        yield running


@pytest.fixture
def emulator(emulator_session: Emulator) -> Emulator:
    """That emulator as if just started, and no token for it in this process."""
    from airflow_provider_offers.client.auth import SHARED_TOKENS

    SHARED_TOKENS.clear()
    emulator_session.reset()
    return emulator_session


@pytest.fixture(params=["dps", "xcore"])
def api(request: pytest.FixtureRequest) -> str:
    """Each generation of the API in its turn."""
    return str(request.param)
