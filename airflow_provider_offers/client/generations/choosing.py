"""Which generation a connection uses."""

from __future__ import annotations

from airflow_provider_offers.client.generations import Generation
from airflow_provider_offers.client.generations.dps import Dps
from airflow_provider_offers.client.generations.xcore import Xcore
from airflow_provider_offers.client.settings import Settings


def generation_for(settings: Settings) -> Generation | None:
    """The generation that the settings name; None for generation 1 where its container has to be looked up first."""
    if settings.api == "dps":
        return Dps()
    return Xcore(settings.container_id) if settings.container_id else None
