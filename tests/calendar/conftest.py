"""An emulator with a clock that stands still, the library on each generation of it, and a stage for offers."""

from __future__ import annotations

import pytest

from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.emulator import Emulator
from tests.calendar.stage import NOW, Stage
from tests.client.conftest import api, emulator, library, running

__all__ = ["api", "emulator", "library", "running"]


@pytest.fixture
def stage(emulator: Emulator, library: OfferLibrary) -> Stage:
    """A placement, a tag, and a collection of all offers with that tag."""
    emulator.clock.freeze(NOW)
    return Stage(emulator, library)
