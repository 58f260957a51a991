"""An emulator of Adobe Journey Optimizer's Offer Library API, for tests, demos and development without credentials."""

from __future__ import annotations

from airflow_provider_offers.emulator.emulator import Emulator, EmulatorError

__all__ = ["Emulator", "EmulatorError"]
