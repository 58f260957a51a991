"""Reading all objects of a kind."""

from __future__ import annotations

from collections.abc import Callable

from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.listing import Listing
from airflow_provider_offers.client.model.entities import Entity
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.wire.messages import Flow

OnPage = Callable[[Kind, int], None]
"""Is called after each page of a long reading: with the kind, and the number of its objects that were read so far."""
_PAGE = 100


def read_kind(access: Access, kind: Kind, take: Callable[[Entity], None], on_page: OnPage | None = None) -> Flow[None]:
    """Give every object of a kind to `take`, each once. Calls one listing, page by page.

    The listing's order does not depend on edits, so an edit between two pages moves no object. An object that is
    created meanwhile may be missing.
    """
    listing = Listing(access, kind, access.generation.every(kind, _PAGE))
    read = 0
    while (page := (yield from listing.advance())) is not None:
        for entity in page:
            take(entity)
        read += len(page)
        if on_page is not None:
            on_page(kind, read)
