"""The governor: slower after a 429, held as asked, then faster again; and a bounded queue for all shells of a loop."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.client.errors import RateLimitedError
from airflow_provider_offers.client.wire.async_shell import AsyncShell
from airflow_provider_offers.client.wire.governor import Governor, governor_for
from airflow_provider_offers.client.wire.messages import Flow, Request, Response
from airflow_provider_offers.client.wire.retry import LONGEST_HOLD, Retries
from tests.client.script import SETTINGS, answer

WIDEST = 5.0


class Clock:
    def __init__(self) -> None:
        self.time = 1_000.0

    def __call__(self) -> float:
        return self.time


def test_nothing_slows_a_service_that_never_complains() -> None:
    governor = Governor(clock=Clock())
    assert [governor.admit() for _ in range(100)] == [0.0] * 100


def test_a_429_holds_everybody_back_as_long_as_asked_and_then_lets_them_out_one_by_one() -> None:
    clock = Clock()
    governor = Governor(clock=clock)
    governor.answered(429, retry_after=7)
    waits = [governor.admit() for _ in range(5)]
    assert waits[0] == 7
    assert all(later - earlier == pytest.approx(governor.spacing) for earlier, later in pairwise(waits))
    assert governor.spacing > 0


@pytest.mark.parametrize(("asked", "held"), [(299.0, 299.0), (300.0, 300.0), (301.0, 300.0), (86_400.0, 300.0)])
def test_nobody_is_held_back_for_longer_than_five_minutes(asked: float, held: float) -> None:
    governor = Governor(clock=Clock())
    governor.answered(429, retry_after=asked)
    assert governor.admit() == held == min(asked, LONGEST_HOLD)


@given(st.lists(st.sampled_from([200, 404, 429, 500]), max_size=80), st.none() | st.floats(0, 100))
def test_the_spacing_is_bounded_and_good_answers_take_it_away(statuses: list[int], asked: float | None) -> None:
    clock = Clock()
    governor = Governor(clock=clock)
    admitted = []
    for status in statuses:
        wait = governor.admit()
        assert wait >= 0
        clock.time += wait
        admitted.append(clock.time)
        governor.answered(status, asked)
        assert 0 <= governor.spacing <= 5
    assert admitted == sorted(admitted)
    for _ in range(40):
        clock.time += governor.admit()
        governor.answered(200)
    assert governor.spacing == 0
    clock.time += 100
    assert governor.admit() == 0


def test_a_process_has_one_governor_for_a_service_and_a_credential() -> None:
    assert governor_for("https://a", "me") is governor_for("https://a", "me")
    assert governor_for("https://a", "me") is not governor_for("https://a", "you")


class Shell(AsyncShell):
    """A shell that sends no requests; it counts those of all shells."""

    now = 0
    most = 0

    def __init__(self, governor: Governor, **options: Any) -> None:
        super().__init__(SETTINGS, governor=governor, retries=Retries(**options))

    async def _send(self, request: Request) -> Response:
        Shell.now += 1
        Shell.most = max(Shell.most, Shell.now)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        Shell.now -= 1
        return answer(200, {})


def one_request() -> Flow[Any]:
    return (yield Request("GET", "https://platform.adobe.io/data/core/dps/offers", {}))


def test_all_shells_of_an_event_loop_share_the_places() -> None:
    Shell.now = Shell.most = 0

    async def main() -> None:
        governor = Governor(max_concurrent=3)
        shells = [Shell(governor) for _ in range(5)]
        await asyncio.gather(*(shell.run(one_request()) for shell in shells for _ in range(10)))

    asyncio.run(main())
    asyncio.run(main())
    assert Shell.most == 3


def test_nobody_is_held_back_longer_than_his_own_deadline() -> None:
    async def main() -> None:
        governor = Governor()
        governor.answered(429, retry_after=3_600)
        with pytest.raises(RateLimitedError, match="nothing was sent") as raised:
            await Shell(governor, deadline=200).run(one_request())
        assert raised.value.retry_after == pytest.approx(300, abs=5)

    asyncio.run(main())


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
