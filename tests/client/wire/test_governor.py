"""The governor's queue: a request that would wait too long takes no place, so the queue stays bounded."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.client.errors import RateLimitedError
from airflow_provider_offers.client.wire.async_shell import AsyncShell
from airflow_provider_offers.client.wire.governor import Governor
from airflow_provider_offers.client.wire.messages import Flow, Request
from airflow_provider_offers.client.wire.retry import LONGEST_HOLD, Retries
from tests.client.script import SETTINGS

WIDEST = 5.0


class Clock:
    def __init__(self) -> None:
        self.time = 1_000.0

    def __call__(self) -> float:
        return self.time


def test_whoever_is_turned_away_does_not_hold_up_the_others() -> None:
    governor = Governor(clock=Clock())
    governor.answered(429, retry_after=200)
    for _ in range(1_000):
        assert governor.admit(100) == 200
    assert governor.admit(200) == 200
    assert governor.admit(300) == pytest.approx(200 + governor.spacing)


@given(
    steps=st.lists(st.sampled_from([200, 429, "admit"]), max_size=200),
    asked=st.none() | st.floats(0, 100_000),
    longest=st.floats(0, 1_000),
)
def test_the_row_is_never_longer_than_the_longest_wait(steps: list[Any], asked: float | None, longest: float) -> None:
    governor = Governor(clock=Clock())
    for step in steps:
        if step == "admit":
            governor.admit(longest)
        else:
            governor.answered(step, asked)
    assert governor.admit(0) <= max(longest, LONGEST_HOLD) + WIDEST


def test_the_shell_takes_no_place_for_a_request_that_it_does_not_send() -> None:
    def flow() -> Flow[Any]:
        return (yield Request("GET", "https://platform.invalid/x", {}))

    async def main() -> None:
        governor = Governor(clock=Clock())
        governor.answered(429, retry_after=LONGEST_HOLD)
        for _ in range(100):
            async with AsyncShell(SETTINGS, retries=Retries(deadline=200), governor=governor) as shell:
                with pytest.raises(RateLimitedError, match="nothing was sent") as raised:
                    await shell.run(flow())
                assert raised.value.retry_after == LONGEST_HOLD

    asyncio.run(main())
