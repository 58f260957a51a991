"""The model of a collection qualifier (formerly a tag), in Adobe's words."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from airflow_provider_offers.client.model.common import KindModel, Name
from airflow_provider_offers.client.model.described import ABSENT
from airflow_provider_offers.client.model.facts import AnyText, Shown, UnreliableOnRead


class CollectionQualifier(KindModel):
    """A label on offers; collections select offers by it."""

    name: Name = Field(description="the name; the service allows each name once")
    # Lists show only the name.
    description: Annotated[AnyText, UnreliableOnRead()] = Field(default=ABSENT, description="free text")
    labels: Shown = ABSENT
