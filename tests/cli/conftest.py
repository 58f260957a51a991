"""The emulator for the commands, and the commands."""

import json
from pathlib import Path

import pytest

from airflow_provider_offers.emulator import Emulator
from tests.cli.commands import Offers
from tests.emulated import api, emulator, emulator_session

__all__ = ["api", "emulator", "emulator_session"]


@pytest.fixture
def offers(capsys: pytest.CaptureFixture[str]) -> Offers:
    """Runs commands in this process."""
    return Offers(capsys)


@pytest.fixture
def connected(emulator: Emulator, api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """The emulator as the connections of the campaign: `ajo_dev` and `ajo_prod` are sandboxes of their own.

    States are kept in the folder `state` of the test.
    """
    monkeypatch.setenv("AIRFLOW_CONN_AJO_DEV", json.dumps(emulator.connection(api, sandbox="dev")))
    monkeypatch.setenv("AIRFLOW_CONN_AJO_PROD", json.dumps(emulator.connection(api)))
    monkeypatch.setenv("AIRFLOW__OFFER_LIBRARY__STATE_PATH", str(tmp_path / "state"))
    return emulator
