"""Reading a whole listing from both of its ends at once, because each page of a listing waits for the one before it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from airflow_provider_offers.client.errors import OfferLibraryError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.listing import Listing
from airflow_provider_offers.client.model.entities import Entity
from airflow_provider_offers.client.model.instants import parse_instant
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.wire.messages import Flow

_PAGE = 100
# A listing with at most this number of pages is read from one end.
_FEW_PAGES = 3


class BothEnds:
    """All objects of a kind, by two flows: one reads from the oldest, the other from the newest, until they meet.

    Call `begin` first. Then run the flows of `rest`, at the same time or one after the other. `access.ahead` sees each
    object. `is_whole` tells whether it saw all of them; it may lack objects that were created meanwhile.

    It gives up after `most` pages. Without the order that it asks for, the flow from the oldest reads all pages, as it
    does if the other one fails. Its own errors are raised.
    """

    def __init__(self, access: Access, kind: Kind, most: int) -> None:
        generation = access.generation
        self._oldest = Listing(access, kind, generation.oldest(kind, _PAGE), brief=True)
        self._newest = Listing(access, kind, generation.newest(kind, _PAGE), brief=True)
        self._most = most
        self._ahead = access.ahead
        self._pages = 0
        self._is_long = False
        self._is_ordered = True
        # Everything that was created before the first time and after the second one was seen.
        self._before: datetime | None = None
        self._after: datetime | None = None
        self._is_over = False
        self.is_whole = False

    def begin(self) -> Flow[None]:
        """Read the first page."""
        page = yield from self._advance()
        total = self._oldest.first_total
        if page:
            # The last page may be short, so it says nothing about the number of pages.
            self._is_over |= total is not None and total > self._most * len(page)
            self._is_long = total is None or total > _FEW_PAGES * len(page)

    def rest(self) -> list[Flow[None]]:
        """The flows that read the other pages."""
        if self._is_over:
            return []
        return [self._from_oldest(), *([self._from_newest()] if self._is_long else [])]

    def _from_oldest(self) -> Flow[None]:
        while not self._is_over:
            yield from self._advance()

    def _advance(self) -> Flow[Sequence[Entity] | None]:
        try:
            page = yield from self._oldest.advance()
        except OfferLibraryError:
            self._is_over = True
            if self.is_whole:
                # The flows met while it was on its way.
                return None
            raise
        if self._goes_on(page):
            self._before = self._edge(page, self._before, newest_first=False)
            self._end_if_met()
        return page

    def _from_newest(self) -> Flow[None]:
        try:
            while self._is_ordered and not self._is_over:
                page = yield from self._newest.advance()
                if self._goes_on(page):
                    self._after = self._edge(page, self._after, newest_first=True)
                    self._end_if_met()
        except OfferLibraryError:
            # The other flow reads these pages too.
            self._is_ordered = False

    def _goes_on(self, page: Sequence[Entity] | None) -> bool:
        """Take a page. False if it was the last one that is wanted."""
        if page is None:
            self._is_over = self.is_whole = True
            return False
        self._pages += 1
        for entity in page:
            self._ahead.saw(entity)
        self._is_over |= self._pages > self._most
        return not self._is_over

    def _edge(self, page: Sequence[Entity] | None, edge: datetime | None, *, newest_first: bool) -> datetime | None:
        """The creation of the last object of a page. `edge` is that of the page before."""
        try:
            for entity in page or ():
                created = parse_instant(entity.created)
                if edge is not None and created != edge and (created < edge) != newest_first:
                    self._is_ordered = False
                edge = created
        except (ValueError, OverflowError):
            self._is_ordered = False
        return edge

    def _end_if_met(self) -> None:
        """Objects with the same time may be on several pages, so the flows must have passed each other."""
        if self._is_ordered and self._before is not None and self._after is not None and self._before > self._after:
            self._is_over = self.is_whole = True
