"""One contestant of the reading benchmark: reads every offer once and counts them."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import time
from collections.abc import Callable
from importlib import import_module

from benchmarks.measure import cpu_seconds, forget_peak, peak_bytes, resident_bytes
from benchmarks.reading import PAGE
from benchmarks.stub import BASE, Stub
from benchmarks.writers import HEADERS

_FIRST = f"/offers?offer-type=personalized&orderby=-modified&limit={PAGE}"
_READ = {**HEADERS, "Accept": "*,application/json"}


def bare_requests(url: str) -> Callable[[], int]:
    """Follow the service's links page by page, parse each page and read each offer."""
    import requests

    def read() -> int:
        count = 0
        following = _FIRST
        with requests.Session() as session:
            session.headers.update(_READ)
            while following:
                page = session.get(f"{url}{BASE}{following}", timeout=30).json()
                for offer in page["results"]:
                    count += offer["id"] is not None
                following = page["_links"].get("next", {}).get("href")
        return count

    return read


def bare_aiohttp(url: str) -> Callable[[], int]:
    """The same on aiohttp."""
    import aiohttp

    async def read() -> int:
        count = 0
        following = _FIRST
        async with aiohttp.ClientSession(headers=_READ) as session:
            while following:
                async with session.get(f"{url}{BASE}{following}") as answer:
                    page = await answer.json()
                for offer in page["results"]:
                    count += offer["id"] is not None
                following = page["_links"].get("next", {}).get("href")
        return count

    return lambda: asyncio.run(read())


def library(url: str) -> Callable[[], int]:
    """The client, which yields entities."""
    from airflow_provider_offers.client.library import OfferLibrary
    from airflow_provider_offers.client.model.kinds import PERSONALIZED
    from airflow_provider_offers.client.model.query import parse_query
    from airflow_provider_offers.hooks.offer_library import OfferLibraryHook

    settings = OfferLibraryHook().settings
    query = parse_query(order_by="-modified", page_size=PAGE)

    def read() -> int:
        with OfferLibrary(settings) as client:
            return sum(entity.id is not None for entity in client.search(PERSONALIZED, query))

    return read


def hook(url: str) -> Callable[[], int]:
    """The hook, which yields receipts."""
    from airflow_provider_offers.hooks.offer_library import OfferLibraryHook

    def read() -> int:
        with OfferLibraryHook() as opened:
            found = opened.search_offers(order_by="-modified", page_size=PAGE)
            return sum(receipt["id"] is not None for receipt in found)

    return read


def async_hook(url: str) -> Callable[[], int]:
    """The asynchronous hook, which yields receipts."""
    from airflow_provider_offers.hooks.offer_library import OfferLibraryAsyncHook

    async def read() -> int:
        count = 0
        async with OfferLibraryAsyncHook() as opened:
            async for receipt in opened.search_offers(order_by="-modified", page_size=PAGE):
                count += receipt["id"] is not None
        return count

    return lambda: asyncio.run(read())


CONTESTANTS = {
    "requests": bare_requests,
    "aiohttp": bare_aiohttp,
    "library": library,
    "hook": hook,
    "async_hook": async_hook,
}


def main() -> None:
    """Run one contestant and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contestant", choices=CONTESTANTS)
    parser.add_argument("--offers", type=int, required=True)
    options = parser.parse_args()
    make = CONTESTANTS[options.contestant]
    # Every contestant works in a process like a task's, with Airflow loaded, and has read one page before.
    with Stub(PAGE) as stub:
        os.environ.update(stub.connections())
        import_module("airflow_provider_offers.hooks.offer_library")
        make(stub.url)()
    with Stub(options.offers) as stub:
        os.environ.update(stub.connections())
        read = make(stub.url)
        gc.collect()
        forget_peak()
        before, used, began = resident_bytes(), cpu_seconds(), time.monotonic()
        count = read()
        figures = {
            "seconds": time.monotonic() - began,
            "cpu": cpu_seconds() - used,
            "peak": peak_bytes() - before,
        }
    if count != options.offers:
        raise RuntimeError(f"{count} offers were read instead of {options.offers}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
