"""An emulator, and the library on each generation of it."""

from __future__ import annotations

import pathlib

import pytest

from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.emulator import Emulator
from tests.campaigns.applied import Sandbox
from tests.client.conftest import api, emulator, library, running

__all__ = ["api", "emulator", "library", "running"]


@pytest.fixture
def sandbox(emulator: Emulator, library: OfferLibrary, tmp_path: pathlib.Path) -> Sandbox:
    """The emulator with one connection, and a place for states."""
    return Sandbox(emulator, library, tmp_path / "states")
