"""Shared code of the change feed's tests: feeds in virtual time, and failing answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from airflow_provider_offers.client.waiting.feed import Feed
from airflow_provider_offers.client.waiting.watch import Watch
from airflow_provider_offers.client.wire.messages import Request
from tests.client.waiting import virtual_time
from tests.client.waiting.simulated import Library

INTERVAL = 5.0
APIS = pytest.mark.parametrize("api", ["dps", "xcore"])


def feed_of(library: Library, **options: Any) -> Feed:
    return Feed(library.open, clock=virtual_time.now, jitter=lambda: 0.5, **options)


@asynccontextmanager
async def joined(
    feed: Feed, library: Library, identifiers: Sequence[str], interval: float = INTERVAL
) -> AsyncIterator[Watch]:
    watch = feed.join([library.reference(each) for each in identifiers], interval=interval)
    try:
        yield watch
    finally:
        await feed.leave(watch)


def seen(watch: Watch) -> dict[str, tuple[int, str | None] | None]:
    return {
        identifier: None if entity is None else (entity.etag, entity.status)
        for identifier, entity in watch.states.items()
    }


async def until(watch: Watch, condition: Callable[[], bool]) -> None:
    """Wait for news until the condition holds; in virtual time, endless waiting is an error."""
    while not condition():
        await watch.news()


def failing(times: int, result: Any) -> Callable[[Request], Any]:
    left = [times]

    def fault(_: Request) -> Any:
        left[0] -= 1
        return result if left[0] >= 0 else None

    return fault
