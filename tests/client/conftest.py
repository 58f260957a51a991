"""An emulator, and the library on each generation of it, for tests that need real answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.settings import parse_settings
from airflow_provider_offers.client.wire.auth import SHARED_TOKENS
from airflow_provider_offers.emulator import Emulator


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(running: Emulator) -> Emulator:
    """The emulator, reset."""
    running.reset()
    SHARED_TOKENS.clear()
    return running


@pytest.fixture(params=["dps", "xcore"])
def api(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def library(emulator: Emulator, api: str) -> Iterator[OfferLibrary]:
    connection = emulator.connection(api)
    connection.pop("conn_type")
    with OfferLibrary(parse_settings(**connection)) as library:
        yield library
