"""Paging: follows the service's links from page to page, returns each entity once, stops at the end or the limit."""

from __future__ import annotations

import re
from collections.abc import Sequence

from airflow_provider_offers.client.errors import PagingError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.model.entities import Entity, Page
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.model.query import Query
from airflow_provider_offers.client.wire.messages import Answer, Call, Flow

_LIMIT = re.compile(r"(?<=[?&])limit=([0-9]{1,9})(?![0-9])")
# How often a page without anything new is requested again, twice as large each time.
_WIDENINGS = 8
_DEFAULT_PAGE = 50
# Maximum number of pages in a row that bring nothing new but link to another page.
_BARREN_PAGES = 1_000
# Maximum number of pages of a listing: a million entities at ten a page.
_MOST_PAGES = 100_000


class Listing:
    """A listing in progress. `advance` fetches the next page; only ids are remembered. `limit` bounds the entities.

    If it is `brief`, the entities may have only what receipts show.

    Links are followed exactly as the service wrote them. A page may be larger or smaller than requested, or empty. A
    cursor stands still if more entities than fit on a page share one timestamp. It is then requested again with larger
    pages until something new comes, or until as many were seen as the service has ever counted. Its latest count does
    not tell the end: some of the seen entities may be deleted by now.
    """

    def __init__(
        self, access: Access, kind: Kind, first: Call, limit: int | None = None, *, brief: bool = False
    ) -> None:
        self._access = access
        self._brief = brief
        self._kind = kind
        self._next: Call | None = first
        self._left = limit
        self._asked: set[str] = {first.path}
        self._seen: set[str] = set()
        self._widenings = 0
        self._barren = 0
        self._pages = 0
        self.last_answer: Answer | None = None
        self.first_total: int | None = None
        # Objects may be deleted while the pages are read.
        self.least_total: int | None = None
        self._greatest_total: int | None = None
        self._largest_page = 0

    def advance(self) -> Flow[Sequence[Entity] | None]:
        """The next page's entities that were not on an earlier page, or None after the last page or at the limit.

        Raises `PagingError` if the listing repeats itself although the service counts more entities, or has no end.
        """
        if self._left == 0:
            return None
        page = yield from self._fetch()
        if page is None or self._left is None:
            return page
        page = page[: self._left]
        self._left -= len(page)
        return page

    def _fetch(self) -> Flow[Sequence[Entity] | None]:
        """The next page's entities that were not on an earlier page, or None after the last page."""
        if self._next is None:
            return None
        call = self._next
        self._pages += 1
        if self._pages > _MOST_PAGES:
            raise PagingError(
                f"GET {call.bare_path} does not end: it gave {_MOST_PAGES} pages, each with a link to another"
            )
        answer: Answer = yield from self._access.send(call)
        page = self._access.generation.page(self._kind, answer, brief=self._brief)
        self._count(page)
        self.last_answer = answer
        fresh = self._unseen(page.entities)
        if page.next is None:
            self._next = None
            return fresh
        self._barren = 0 if fresh else self._barren + 1
        if self._barren > _BARREN_PAGES:
            raise PagingError(f"GET {call.bare_path} gave {self._barren} pages in a row without anything new")
        href = self._access.relative(page.next, answer)
        if href not in self._asked:
            self._widenings = 0
            self._go_to(href)
        elif self._has_seen(self._greatest_total) or self._widenings >= _WIDENINGS:
            self._next = None
            self._check_end(call, page)
        else:
            self._widenings += 1
            self._go_to(_wider(href, self._widenings))
        return fresh

    def _count(self, page: Page) -> None:
        """Keep the size of the page, and what the service counts."""
        self._largest_page = max(self._largest_page, len(page.entities))
        if page.total is None:
            return
        if self.last_answer is None:
            self.first_total = self.least_total = page.total
        elif self.least_total is not None and self._total_counts():
            self.least_total = min(self.least_total, page.total)
        self._greatest_total = max(page.total, self._greatest_total or 0)

    def _check_end(self, call: Call, page: Page) -> None:
        """Raise `PagingError` if there may be more entities after this page, which links to itself."""
        # A page that is shorter than another shows the whole rest.
        total = page.total if len(page.entities) < self._largest_page else self._greatest_total
        if total is not None and not self._has_seen(total) and self._total_counts():
            raise PagingError(
                f"GET {call.bare_path} repeats itself after {len(self._seen)} of {total} {self._kind.noun}s"
            )

    def _unseen(self, entities: Sequence[Entity]) -> Sequence[Entity]:
        ids = {entity.id for entity in entities}
        if len(ids) == len(entities) and self._seen.isdisjoint(ids):
            self._seen |= ids
            return entities
        fresh = []
        for entity in entities:
            if entity.id not in self._seen:
                self._seen.add(entity.id)
                fresh.append(entity)
        return fresh

    def _go_to(self, href: str) -> None:
        self._asked.add(href)
        self._next = self._access.generation.follow(href)

    def _has_seen(self, total: int | None) -> bool:
        return total is not None and self._total_counts() and len(self._seen) >= total

    def _total_counts(self) -> bool:
        return self._access.generation.total_is_whole


def begin_search(access: Access, kind: Kind, query: Query, *, brief: bool = False) -> Listing:
    """The listing of a search, before its first page; see `Listing` for `brief`."""
    return Listing(access, kind, access.generation.search(kind, query), query.limit, brief=brief)


def search(access: Access, kind: Kind, query: Query) -> Flow[list[Entity]]:
    """The objects that a search finds, up to its limit."""
    listing = begin_search(access, kind, query)
    found: list[Entity] = []
    while (page := (yield from listing.advance())) is not None:
        found += page
    return found


def _wider(href: str, times: int) -> str:
    """The same link with a larger page: twice as large for each time."""
    match = _LIMIT.search(href)
    size = int(match[1]) if match else _DEFAULT_PAGE
    larger = f"limit={size * 2**times}"
    if match:
        return href[: match.start()] + larger + href[match.end() :]
    return f"{href}{'&' if '?' in href else '?'}{larger}"
