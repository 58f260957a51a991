"""Searches of the change feed: one for all waits with the same search, repeated only after changes."""

from __future__ import annotations

import asyncio

import pytest

from airflow_provider_offers.client.errors import (
    OfferLibraryError,
)
from airflow_provider_offers.client.flows.listing import search
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.model.query import parse_query
from airflow_provider_offers.client.waiting.watch import SharedSearch
from tests.client.script import answer
from tests.client.waiting import virtual_time
from tests.client.waiting.feeds import APIS, INTERVAL, feed_of, joined, until
from tests.client.waiting.simulated import Library


def shared(status: str, at_least: int) -> SharedSearch:
    query = parse_query(properties=[f"status=={status}"], limit=at_least)
    return SharedSearch(f"{status} {at_least}", PERSONALIZED, lambda access: search(access, PERSONALIZED, query))


@APIS
def test_a_search_is_made_once_for_all_and_again_only_after_changes(api: str) -> None:
    async def main() -> None:
        library = Library(api)
        offers = [library.create() for _ in range(10)]
        feed = feed_of(library)
        watches = [feed.join(interval=INTERVAL, search=shared("approved", 2)) for _ in range(100)]
        for watch in watches:
            await watch.news()
            assert watch.found == []
        await asyncio.sleep(60)
        before = len(library.requests)
        await asyncio.sleep(20 * INTERVAL)
        assert len(library.requests) - before <= 21
        for offer in offers[:3]:
            library.change(offer, status="approved")
        await asyncio.gather(*(until(watch, lambda watch=watch: len(watch.found) == 2) for watch in watches))  # type: ignore[misc]
        await asyncio.gather(*(feed.leave(watch) for watch in watches))
        assert library.sessions_open == 0
        assert library.sessions_opened == 1

    virtual_time.run(main())


def test_a_search_that_is_refused_ends_the_waits_for_it_only() -> None:
    async def main() -> None:
        library = Library("dps")
        offer = library.create()
        library.faults.append(lambda request: answer(400, {}) if "status" in request.url else None)
        feed = feed_of(library)
        asking = feed.join(interval=INTERVAL, search=shared("approved", 1))
        async with joined(feed, library, [offer]) as watch:
            with pytest.raises(OfferLibraryError):
                await asking.news()
            requests = len(library.requests)
            await asyncio.sleep(10 * INTERVAL)
            assert len(library.requests) - requests <= 21
            await watch.news()
            await feed.leave(asking)

    virtual_time.run(main())


def test_an_index_that_lags_is_asked_again_for_a_while() -> None:
    async def main() -> None:
        library = Library("dps")
        offer = library.create()
        library.faults.append(
            lambda request: (
                answer(200, {"results": [], "_links": {}})
                if "status" in request.url and virtual_time.now() < 1_100
                else None
            )
        )
        feed = feed_of(library)
        asking = feed.join(interval=INTERVAL, search=shared("approved", 1))
        await asyncio.sleep(80)
        library.change(offer, status="approved")
        await until(asking, lambda: len(asking.found) == 1)
        await feed.leave(asking)

    virtual_time.run(main())
