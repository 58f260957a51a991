"""The speed of a process: the limit adapts to answers, every request gets its turn, and all are counted."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.model.query import parse_query
from airflow_provider_offers.client.session import AsyncSession
from airflow_provider_offers.client.settings import parse_settings
from airflow_provider_offers.client.wire.async_shell import AsyncShell
from airflow_provider_offers.client.wire.governor import Governor, governor_for
from airflow_provider_offers.client.wire.messages import Flow, Request
from airflow_provider_offers.client.wire.retry import Retries
from airflow_provider_offers.client.wire.sync_shell import SyncShell
from tests.client.script import SETTINGS
from tests.client.sockets import http_server

MOST = 32


class Clock:
    def __init__(self) -> None:
        self.time = 1_000.0

    def __call__(self) -> float:
        return self.time


def answer_well(governor: Governor, clock: Clock, count: int, seconds: float = 0.1) -> list[str]:
    """This number of good answers, one after the other; returns their log lines."""
    notes = []
    for _ in range(count):
        clock.time += governor.admit() + seconds
        notes.append(governor.answered(200, seconds=seconds))
    return [note.text for note in notes if note is not None]


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["enter", "leave", "withdraw", 200, 404, 429, 500, None]),
        st.floats(0, 60),
        st.none() | st.floats(0, 10_000),
    ),
    max_size=300,
)


class Crowd:
    """The running and the waiting requests, with checks that always hold."""

    def __init__(self, governor: Governor) -> None:
        self.governor = governor
        self.inside = 0
        self.line: list[Callable[[], None]] = []

    def enter(self) -> None:
        def wake() -> None:
            assert self.line.pop(0) is wake
            self.inside += 1

        if self.governor.enter(wake):
            assert not self.line
            self.inside += 1
        else:
            self.line.append(wake)

    def leave(self) -> None:
        if self.inside:
            self.inside -= 1
            self.governor.leave()

    def withdraw(self) -> None:
        if self.line:
            self.governor.withdraw(self.line.pop())


@given(events=EVENTS, most=st.integers(1, MOST))
def test_the_bound_stays_between_one_and_the_maximum_and_the_line_moves_in_order(events: Any, most: int) -> None:
    clock = Clock()
    governor = Governor(max_concurrent=most, clock=clock)
    crowd = Crowd(governor)
    for event, seconds, asked in events:
        clock.time += seconds
        if isinstance(event, str):
            getattr(crowd, event)()
        else:
            governor.answered(event, asked, seconds=seconds)
        assert 1 <= governor.limit <= most
        assert governor.in_flight == crowd.inside
    # Waiting requests get a place when others leave.
    while crowd.inside:
        crowd.leave()
    assert not crowd.line
    assert governor.in_flight == 0


@given(
    st.lists(st.tuples(st.sampled_from([429, 500, None, 200]), st.floats(0, 60), st.none() | st.floats(0, 500))),
    st.integers(1, MOST),
)
def test_good_answers_lead_back_to_full_speed(before: Any, most: int) -> None:
    clock = Clock()
    governor = Governor(max_concurrent=most, clock=clock)
    for status, seconds, asked in before:
        clock.time += seconds
        governor.answered(status, asked, seconds=seconds)
    answer_well(governor, clock, 2_000)
    assert governor.limit == most
    assert governor.spacing == 0
    assert governor.admit() == 0


def test_a_429_halves_the_bound_once_for_all_that_was_sent_before_it() -> None:
    clock = Clock()
    governor = Governor(clock=clock)
    clock.time += 1
    for _ in range(MOST):
        governor.answered(429, seconds=0.5)
    assert governor.limit == MOST // 2
    spacing = governor.spacing
    clock.time += 1
    governor.answered(429, seconds=0.5)
    assert governor.limit == MOST // 4
    assert governor.spacing == 2 * spacing


def test_answers_that_take_many_times_as_long_as_usual_lower_the_bound_and_a_few_do_not() -> None:
    clock = Clock()
    governor = Governor(clock=clock)
    answer_well(governor, clock, 500)
    for _ in range(500):
        answer_well(governor, clock, 9)
        answer_well(governor, clock, 1, seconds=30)
    assert governor.limit == MOST
    (line,) = answer_well(governor, clock, 500, seconds=3)
    assert "GET requests take much longer than usual" in line
    assert governor.limit < MOST // 2
    (line,) = answer_well(governor, clock, 2_000)
    assert "Full speed again" in line


def test_what_is_always_slow_is_not_slowed_down() -> None:
    clock = Clock()
    governor = Governor(clock=clock)
    for method in ("GET", "POST"):
        for _ in range(1_000):
            governor.answered(200, method=method, seconds=5 if method == "POST" else 0.05)
    assert governor.limit == MOST


def test_the_log_says_once_that_it_slows_down_and_once_that_it_is_over() -> None:
    clock = Clock()
    governor = Governor(clock=clock)
    first = governor.answered(429, retry_after=7)
    assert first is not None
    assert first.is_warning
    assert "429; the next request starts in 7.0 s: at most 16 requests at the same time" in first.text
    assert governor.answered(429) is None
    (line,) = answer_well(governor, clock, 1_000)
    assert line == "Full speed again: up to 32 requests at the same time"


@dataclass
class Seen:
    """The calls of an observer."""

    began: list[int] = field(default_factory=list)
    ended: list[tuple[str, int | None, bool, int]] = field(default_factory=list)


class Watching:
    def __init__(self) -> None:
        self.seen = Seen()

    def began(self, in_flight: int) -> None:
        self.seen.began.append(in_flight)

    def ended(self, method: str, status: int | None, seconds: float, in_flight: int) -> None:
        self.seen.ended.append((method, status, 0 <= seconds < 60, in_flight))


def get(url: str) -> Flow[Any]:
    return (yield Request("GET", url, {}))


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_an_observer_is_told_about_every_request_answered_or_not(kind: str) -> None:
    watching = Watching()
    statuses = iter([200, 429, 404])
    with http_server(lambda _: (next(statuses), {}, b"{}")) as served:
        urls = [f"{served.url}/x"] * 3 + ["http://127.0.0.1:9/nobody"]

        def by_requests() -> None:
            shell = SyncShell(SETTINGS, retries=Retries(), observer=watching)
            for url in urls[:3]:
                shell.run(get(url))
            with pytest.raises(Exception, match="refused"):
                shell.run(get(urls[3]))
            shell.close()

        async def by_aiohttp() -> None:
            async with AsyncShell(SETTINGS, retries=Retries(), governor=Governor(), observer=watching) as shell:
                for url in urls[:3]:
                    await shell.run(get(url))
                with pytest.raises(Exception, match="refused"):
                    await shell.run(get(urls[3]))

        by_requests() if kind == "sync" else asyncio.run(by_aiohttp())
    assert watching.seen.began == [1, 1, 1, 1]
    assert watching.seen.ended == [("GET", status, True, 0) for status in (200, 429, 404, None)]


def test_threads_and_event_loops_share_the_places_of_one_governor() -> None:
    governor, guard = Governor(max_concurrent=3), threading.Lock()
    now, most = 0, 0

    def slowly(_: Any) -> tuple[int, dict[str, str], bytes]:
        nonlocal now, most
        with guard:
            now += 1
            most = max(most, now)
        threading.Event().wait(0.01)
        with guard:
            now -= 1
        return 200, {}, b"{}"

    with http_server(slowly) as served:
        url = f"{served.url}/x"
        shared = SyncShell(SETTINGS, retries=Retries(), governor=governor)

        async def many() -> None:
            async with AsyncShell(SETTINGS, retries=Retries(), governor=governor) as shell:
                await asyncio.gather(*(shell.run(get(url)) for _ in range(20)))

        with ThreadPoolExecutor(8) as threads:
            works = [threads.submit(asyncio.run, many()) for _ in range(2)]
            works += [threads.submit(shared.run, get(url)) for _ in range(20)]
            for work in works:
                work.result(timeout=60)
        shared.close()
    assert 1 <= most <= 3
    assert governor.in_flight == 0


def test_a_request_that_is_canceled_in_the_line_gives_its_place_on() -> None:
    async def main() -> None:
        governor = Governor(max_concurrent=1)
        assert governor.try_enter()
        async with AsyncShell(SETTINGS, retries=Retries(), governor=governor) as shell:
            waiting = [asyncio.create_task(shell.run(get("http://127.0.0.1:9/x"))) for _ in range(3)]
            await asyncio.sleep(0)
            waiting[0].cancel()
            await asyncio.sleep(0)
            governor.leave()
            # It has just received the place.
            waiting[1].cancel()
            done = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(each).__name__ for each in done] == ["CancelledError", "CancelledError", "NoAnswerError"]
        assert governor.in_flight == 0

    asyncio.run(main())


def test_the_place_of_an_event_loop_that_is_gone_goes_to_the_next() -> None:
    governor = Governor(max_concurrent=1)
    assert governor.try_enter()

    def gone() -> None:
        raise RuntimeError("Event loop is closed")

    placed: list[bool] = []
    assert not governor.enter(gone)
    assert not governor.enter(lambda: placed.append(True))
    governor.leave()
    assert placed == [True]


def test_both_doors_share_what_a_429_has_taught(emulator: Any, caplog: pytest.LogCaptureFixture) -> None:
    connection = emulator.connection("dps")
    connection.pop("conn_type")
    settings = parse_settings(**connection)
    governor = governor_for(settings.host, settings.client_id)
    emulator.add_fault("status", status=429, retry_after=0, times=1)
    with caplog.at_level(logging.INFO), OfferLibrary(settings) as library:
        assert list(library.search(PERSONALIZED, parse_query())) == []
        assert governor.limit < MOST
        assert "Slower from now on, because the service answered 429" in caplog.text

        async def read() -> None:
            session = await AsyncSession.open(settings)
            assert session.shell._pace.governor is governor
            await session.close()

        asyncio.run(read())
        for _ in range(1_000):
            governor.answered(200)
        assert governor.limit == MOST


def test_a_call_that_blocks_its_event_loop_does_not_wait_for_that_loop() -> None:
    """The place is held by a request that can only end after the call has returned."""
    governor = Governor(max_concurrent=1)

    async def main(url: str) -> None:
        shell = SyncShell(SETTINGS, retries=Retries(), governor=governor)
        async with AsyncShell(SETTINGS, retries=Retries(), governor=governor) as other:
            running = asyncio.create_task(other.run(get(url)))
            await asyncio.sleep(0)
            assert governor.in_flight == 1
            assert shell.run(get(url)).status == 200
            assert (await running).status == 200
        shell.close()

    with http_server(lambda _: (200, {}, b"{}")) as served:
        thread = threading.Thread(target=lambda: asyncio.run(main(f"{served.url}/x")), daemon=True)
        thread.start()
        thread.join(20)
        assert not thread.is_alive()
    assert governor.in_flight == 0


def test_a_forked_process_does_not_wait_for_the_requests_of_its_parent() -> None:
    governor = governor_for("https://forked.invalid", "client")
    for _ in range(MOST):
        assert governor.try_enter()
    governor.enter(lambda: None)
    with governor._guard:
        child = os.fork()
        if child == 0:
            # In the child: another thread held the lock when the process forked.
            locked = governor._guard.locked()
            os._exit(0 if not locked and governor.try_enter() and governor.in_flight == 1 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert governor.in_flight == MOST
