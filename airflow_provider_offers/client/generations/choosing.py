"""Chooses the generation of a connection."""

from __future__ import annotations

from airflow_provider_offers.client.generations import Generation
from airflow_provider_offers.client.generations.dps import Dps
from airflow_provider_offers.client.generations.xcore import Xcore
from airflow_provider_offers.client.settings import Settings


def generation_for(settings: Settings) -> Generation | None:
    """The generation in the settings; None for generation 1 if its container must be looked up first."""
    if settings.api == "dps":
        return Dps()
    return Xcore(settings.container_id) if settings.container_id else None
