"""Shared code of the trigger tests: running a trigger to its event, and waiting for a condition meanwhile."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

from airflow_provider_offers.triggers.offers import OfferTrigger

COMMON: dict[str, Any] = {"offer_library_conn_id": "offers", "sandbox": None, "poll_interval": 0.2}
"""What every trigger is given."""


async def event_of(trigger: OfferTrigger) -> dict[str, Any]:
    """The payload of the trigger's only event, which is JSON."""
    events = [event async for event in trigger.run()]
    assert len(events) == 1
    payload: dict[str, Any] = events[0].payload
    assert json.loads(json.dumps(payload)) == payload
    return payload


async def until(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds; the limit only ends a test that would hang."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)
