"""Reading all objects of a kind."""

from __future__ import annotations

from collections.abc import Callable

from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.listing import Listing
from airflow_provider_offers.client.model.entities import Entity
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.wire.messages import Flow

_PAGE = 100


def read_kind(access: Access, kind: Kind, take: Callable[[Entity], None]) -> Flow[None]:
    """Give every object of a kind to `take`, each once. Calls one listing, page by page.

    The listing's order does not depend on edits, so an edit between two pages moves no object. An object that is
    created meanwhile may be missing.
    """
    listing = Listing(access, kind, access.generation.every(kind, _PAGE))
    while (page := (yield from listing.advance())) is not None:
        for entity in page:
            take(entity)
