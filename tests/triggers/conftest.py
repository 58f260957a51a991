"""An emulator as Airflow's connection `offers`, and a record of the sessions to it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_offers.client.session import AsyncSession
from airflow_provider_offers.client.wire.auth import SHARED_TOKENS
from airflow_provider_offers.emulator import Emulator
from tests.client.conftest import running

__all__ = ["running"]


@pytest.fixture
def emulator(running: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """That emulator, reset, behind the connection `offers`."""
    SHARED_TOKENS.clear()
    running.reset()
    monkeypatch.setenv("AIRFLOW_CONN_OFFERS", json.dumps(running.connection("dps")))
    return running


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A record of all opened and closed sessions."""
    happened: list[str] = []
    open_, close = AsyncSession.open, AsyncSession.close

    async def opened(*arguments: Any, **options: Any) -> AsyncSession:
        happened.append("opened")
        return await open_(*arguments, **options)

    async def closed(self: AsyncSession) -> None:
        await close(self)
        happened.append("closed")

    monkeypatch.setattr(AsyncSession, "open", opened)
    monkeypatch.setattr(AsyncSession, "close", closed)
    return happened
