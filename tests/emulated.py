"""The emulator of the tests that run DAGs and commands, and the generations of its API."""

from collections.abc import Iterator

import pytest

from airflow_provider_offers.emulator import Emulator

__all__ = ["api", "emulator", "emulator_session"]


@pytest.fixture(scope="session")
def emulator_session() -> Iterator[Emulator]:
    """An emulator, started once in each test process."""
    with Emulator() as running:
        yield running


@pytest.fixture
def emulator(emulator_session: Emulator) -> Emulator:
    """That emulator, reset, and without tokens for it in this process."""
    from airflow_provider_offers.client.wire.auth import SHARED_TOKENS

    SHARED_TOKENS.clear()
    emulator_session.reset()
    return emulator_session


@pytest.fixture(params=["dps", "xcore"])
def api(request: pytest.FixtureRequest) -> str:
    """Each generation of the API in turn."""
    return str(request.param)
