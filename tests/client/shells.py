"""Both shells, each driving one flow to its end on its own connections."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.wire.async_shell import AsyncShell
from airflow_provider_offers.client.wire.auth import TokenCache
from airflow_provider_offers.client.wire.exchange import Exchange
from airflow_provider_offers.client.wire.governor import Governor
from airflow_provider_offers.client.wire.messages import Answer, Call, Flow
from airflow_provider_offers.client.wire.retry import Retries
from airflow_provider_offers.client.wire.sync_shell import SyncShell

# Retries without pauses.
RETRIES = Retries(max_retries=3, base=0)

Drive = Callable[[Flow[Any], Settings], Any]


def by_requests(flow: Flow[Any], settings: Settings, retries: Retries = RETRIES) -> Any:
    shell = SyncShell(settings, retries=retries, tokens=TokenCache())
    try:
        return shell.run(flow)
    finally:
        shell.close()


def by_aiohttp(flow: Flow[Any], settings: Settings, retries: Retries = RETRIES) -> Any:
    async def drive() -> Any:
        async with AsyncShell(settings, retries=retries, governor=Governor(), tokens=TokenCache()) as shell:
            return await shell.run(flow)

    return asyncio.run(drive())


EACH_SHELL = pytest.mark.parametrize("drive", [by_requests, by_aiohttp], ids=["sync", "async"])


def send(drive: Drive, settings: Settings, *calls: Call) -> Answer:
    """Make the calls one after the other, with the client's own retries; return the last answer."""

    def flow() -> Flow[Answer]:
        for call in calls:
            answer = yield from Exchange(settings, RETRIES).send(call, "/data/core/dps")
        return answer

    given: Answer = drive(flow(), settings)
    return given
