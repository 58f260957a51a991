"""A connection of another type is used with a warning, and one of the right type without."""

from __future__ import annotations

import json
import logging

import pytest

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.hooks.offer_library import OfferLibraryHook


@pytest.mark.parametrize(
    ("conn_type", "warned"), [("http", True), ("adobe", True), ("offer_library", False), ("", False)]
)
def test_another_type_is_a_warning(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, conn_type: str, warned: bool
) -> None:
    fields = {**emulator.connection("dps"), "conn_type": conn_type}
    monkeypatch.setenv("AIRFLOW_CONN_TYPED", json.dumps(fields))
    logger = "airflow_provider_offers.hooks.connections"
    monkeypatch.setattr(logging.getLogger(logger), "propagate", True)
    with caplog.at_level(logging.WARNING, logger=logger):
        settings = OfferLibraryHook("typed").settings

    said = f"The connection 'typed': conn_type: given {conn_type!r}; expected 'offer_library'"
    assert [each.getMessage() for each in caplog.records if each.name == logger] == ([said] if warned else [])
    assert settings.host == emulator.url
