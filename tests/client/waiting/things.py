"""Objects as the events see them, and the memory of a look at them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_offers.client.waiting.happenings import WORDS, Memory, Thing, Wanted

ZERO = datetime(2026, 3, 1, tzinfo=UTC)
EVERY = Wanted(frozenset(WORDS), ahead=timedelta(hours=2))


def at(hours: float) -> datetime:
    return ZERO + timedelta(hours=hours)


def thing(**changes: Any) -> Thing:
    given = Thing("personalized", "id-1", "id-1", "Towels", 1, "approved", at(10), at(20), at(-100), None)
    return replace(given, **changes)


def started(things: list[Thing], hours: float = 0, wanted: Wanted = EVERY) -> Memory:
    return Memory(at(hours)).after(things, (), at(hours), wanted)
