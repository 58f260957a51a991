"""Reading a whole listing from both of its ends at once, because each page of a listing waits for the one before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(slots=True)
class _End:
    """A listing from one end. `span` has the creation of the first and of the last object that it showed."""

    listing: Listing
    newest_first: bool
    span: tuple[datetime, datetime] | None = None
    pages: int = 0

    def take(self, page: Sequence[Entity]) -> bool:
        """Whether the objects of this page, and of those before it, are in the order of their creation."""
        self.pages += 1
        try:
            for entity in page:
                created = parse_instant(entity.created)
                first, last = self.span or (created, created)
                if created != last and (created < last) != self.newest_first:
                    return False
                self.span = first, created
        except (ValueError, OverflowError):
            return False
        return True


class BothEnds:
    """All objects of a kind, by two flows: one reads from the oldest, the other from the newest, until they meet.

    Call `begin` first. Then run the flows of `rest`, at the same time or one after the other. `access.ahead` sees each
    object. `is_whole` tells whether it saw all of them. It may lack objects that were created meanwhile; `catch_up`
    reads those.

    It gives up after `most` pages. Without the order that it asks for, the flow from the oldest reads all pages, as it
    does if the other one fails. Its own errors are raised.
    """

    def __init__(self, access: Access, kind: Kind, most: int) -> None:
        self._access = access
        self._kind = kind
        self._oldest = _End(
            Listing(access, kind, access.generation.oldest(kind, _PAGE), brief=True), newest_first=False
        )
        self._newest = self._from_now()
        self._most = most
        self._is_long = False
        self._is_ordered = True
        self._seen: set[str] = set()
        self.is_over = False
        self._reached_the_newest = False
        self.is_whole = False

    def _from_now(self) -> _End:
        first = self._access.generation.newest(self._kind, _PAGE)
        return _End(Listing(self._access, self._kind, first, brief=True), newest_first=True)

    def begin(self) -> Flow[None]:
        """Read the first page."""
        page = yield from self._advance()
        total = self._oldest.listing.first_total
        if page:
            # The last page may be short, so it says nothing about the number of pages.
            self.is_over |= total is not None and total > self._most * len(page)
            self._is_long = total is None or total > _FEW_PAGES * len(page)

    def rest(self) -> list[Flow[None]]:
        """The flows that read the other pages."""
        if self.is_over:
            return []
        return [self._from_oldest(), *([self._from_newest()] if self._is_long else [])]

    def catch_up(self) -> Flow[None]:
        """Read what was created since the flow from the newest began, unless the other one reached it."""
        if self._reached_the_newest or self._newest.span is None:
            return
        since, _ = self._newest.span
        end = self._from_now()
        while (page := (yield from end.listing.advance())) is not None:
            self._saw(page)
            if not end.take(page) or (end.span is not None and end.span[1] < since):
                return

    def _from_oldest(self) -> Flow[None]:
        while not self.is_over:
            yield from self._advance()

    def _advance(self) -> Flow[Sequence[Entity] | None]:
        try:
            page = yield from self._oldest.listing.advance()
        except OfferLibraryError:
            self.is_over = True
            if self.is_whole:
                # The flows met while it was on its way.
                return None
            raise
        if page is None:
            self.is_over = self.is_whole = self._reached_the_newest = True
        else:
            self._take(self._oldest, page)
        return page

    def _from_newest(self) -> Flow[None]:
        try:
            while self._is_ordered and not self.is_over:
                page = yield from self._newest.listing.advance()
                if page is None:
                    # It ended before it met the other flow, which tells what is missing.
                    return
                self._take(self._newest, page)
        except OfferLibraryError:
            # The other flow reads these pages too.
            self._is_ordered = False

    def _take(self, end: _End, page: Sequence[Entity]) -> None:
        self._saw(page)
        self._is_ordered &= end.take(page)
        self.is_over |= self._are_too_many
        oldest, newest = self._oldest.span, self._newest.span
        # Objects with the same time may be on several pages, so the flows must have passed each other.
        if not self.is_over and oldest is not None and newest is not None and oldest[1] > newest[1]:
            self._meet()

    @property
    def _are_too_many(self) -> bool:
        """Whether it has read too many pages. If two flows meet, they have read one page twice."""
        if self._is_long and self._is_ordered:
            return self._oldest.pages + self._newest.pages > self._most + 1
        return self._oldest.pages > self._most

    def _saw(self, page: Sequence[Entity]) -> None:
        for entity in page:
            self._access.ahead.saw(entity)
            self._seen.add(entity.id)

    def _meet(self) -> None:
        """End both flows, or only the one from the newest if they cannot have read everything together.

        A service may sort by something else, or show an object without a time at neither end.
        """
        oldest, newest = self._oldest.span, self._newest.span
        told = [end.listing.least_total for end in (self._oldest, self._newest)]
        self._is_ordered &= (
            oldest is not None
            and newest is not None
            and oldest[0] <= newest[1]
            and oldest[1] <= newest[0]
            and len(self._seen) >= min((each for each in told if each is not None), default=0)
        )
        if self._is_ordered:
            self.is_over = self.is_whole = True
