"""Both shells pass `Recall` and `Keep` to the caller's store, in order, and never block the event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_offers.client.wire.async_shell import AsyncShell
from airflow_provider_offers.client.wire.auth import TokenCache
from airflow_provider_offers.client.wire.governor import Governor
from airflow_provider_offers.client.wire.memory import NO_MEMORY, Memory, remember
from airflow_provider_offers.client.wire.messages import Flow, Json, Keep, Note, Pause, Recall
from airflow_provider_offers.client.wire.retry import Retries
from airflow_provider_offers.client.wire.sync_shell import SyncShell
from tests.client.script import SETTINGS

ONCE = Retries(max_retries=0)
SLOW = 0.3


class Shelf:
    """A store in one process. Each call takes some time and is logged with its thread."""

    durable = True

    def __init__(self, seconds: float = 0.0) -> None:
        self.values: dict[str, Json] = {}
        self.calls: list[tuple[str, str]] = []
        self.threads: set[int] = set()
        self._seconds = seconds
        self._busy = threading.Lock()

    def recall(self, key: str) -> Json:
        self._take_time("recall", key)
        return self.values.get(key)

    def keep(self, key: str, value: Json) -> None:
        self._take_time("keep", key)
        self.values[key] = value

    def _take_time(self, what: str, key: str) -> None:
        assert self._busy.acquire(blocking=False), "two calls at once"
        self.calls.append((what, key))
        self.threads.add(threading.get_ident())
        self._pass_time()
        self._busy.release()

    def _pass_time(self) -> None:
        time.sleep(self._seconds)


class Leisurely(Shelf):
    """A store of which each call ends once the event loop has had three turns since its begin."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = threading.Semaphore(0)

    def _pass_time(self) -> None:
        while self.turns.acquire(blocking=False):
            pass
        for _ in range(3):
            assert self.turns.acquire(timeout=60), "the event loop is blocked"


class Held(Shelf):
    """A store of which no call ends until the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.goes_on = threading.Event(), threading.Event()

    def _pass_time(self) -> None:
        self.began.set()
        assert self.goes_on.wait(60)


class Broken(Shelf):
    """A store that rejects writes."""

    def keep(self, key: str, value: Json) -> None:
        raise RuntimeError("the state cannot be written")


def in_sync(flow: Flow[Any], memory: Memory) -> Any:
    return SyncShell(SETTINGS, retries=ONCE, memory=memory).run(flow)


def in_async(flow: Flow[Any], memory: Memory) -> Any:
    async def drive() -> Any:
        async with shell_for(memory) as shell:
            return await shell.run(flow)

    return asyncio.run(drive())


def alone(flow: Flow[Any], memory: Memory) -> Any:
    return remember(memory, flow)


def shell_for(memory: Memory) -> AsyncShell:
    return AsyncShell(SETTINGS, retries=ONCE, governor=Governor(), tokens=TokenCache(), memory=memory)


EACH_WAY = pytest.mark.parametrize("drive", [in_sync, in_async, alone])
Drive = Callable[[Flow[Any], Memory], Any]


def count(key: str) -> Flow[int]:
    known = yield Recall(key)
    yield Keep(key, (known or 0) + 1)
    return int((yield Recall(key)) or 0)


@EACH_WAY
def test_what_one_flow_keeps_another_recalls(drive: Drive) -> None:
    shelf = Shelf()
    assert [drive(count("runs"), shelf) for _ in range(3)] == [1, 2, 3]
    assert shelf.calls[:3] == [("recall", "runs"), ("keep", "runs"), ("recall", "runs")]


@EACH_WAY
def test_without_a_store_nothing_is_known(drive: Drive) -> None:
    assert drive(count("runs"), NO_MEMORY) == 0


@EACH_WAY
def test_what_cannot_be_kept_ends_the_flow_before_its_next_step(drive: Drive) -> None:
    went_on: list[bool] = []

    def flow() -> Flow[None]:
        yield Keep("note", 1)
        went_on.append(True)

    with pytest.raises(RuntimeError, match="cannot be written"):
        drive(flow(), Broken())
    assert not went_on


def test_a_slow_store_never_blocks_the_event_loop() -> None:
    shelf = Leisurely()
    loop_thread = threading.get_ident()

    async def take_turns() -> None:
        while True:
            await asyncio.sleep(0.001)
            shelf.turns.release()

    async def drive() -> list[int]:
        async with shell_for(shelf) as shell:
            heartbeat = asyncio.create_task(take_turns())
            counted = await asyncio.gather(*(shell.run(count(f"runs {number}")) for number in range(3)))
            heartbeat.cancel()
            return counted

    assert asyncio.run(drive()) == [1, 1, 1]
    assert len(shelf.calls) == 9
    assert loop_thread not in shelf.threads


def test_of_many_values_for_one_key_the_last_one_stays() -> None:
    shelf = Shelf()

    def keep(value: int) -> Flow[None]:
        yield Keep("key", value)

    async def drive() -> None:
        async with shell_for(shelf) as shell:
            await asyncio.gather(*(shell.run(keep(value)) for value in range(50)))

    asyncio.run(drive())

    assert shelf.values == {"key": 49}


@pytest.mark.parametrize("calls", [1, 2])
def test_values_for_one_key_that_come_together_take_one_call_and_no_flow_goes_on_before_its_value_is_stored(
    calls: int,
) -> None:
    shelf = Shelf(SLOW / 10)
    noted: dict[str, int] = {}

    def note(name: str) -> Flow[bool]:
        noted[name] = len(noted)
        yield Keep("page", dict(noted))
        return name in shelf.values["page"]

    async def drive() -> list[bool]:
        async with shell_for(shelf) as shell:
            first = asyncio.create_task(shell.run(note("flow 0")))
            if calls == 2:
                # The others come while the first call is under way.
                await asyncio.sleep(SLOW / 30)
            return await asyncio.gather(first, *(shell.run(note(f"flow {number}")) for number in range(1, 50)))

    assert asyncio.run(drive()) == [True] * 50
    assert len(shelf.calls) == calls
    assert len(shelf.values["page"]) == 50


def test_a_value_that_grows_is_made_when_it_is_stored_and_once_for_all_flows_that_wait() -> None:
    shelf, page, made = Shelf(SLOW / 10), [0], []

    def make() -> Json:
        made.append(len(page))
        return list(page)

    def note(number: int) -> Flow[bool]:
        page.append(number)
        yield Keep("page", make)
        return number in shelf.values["page"]

    async def drive() -> list[bool]:
        async with shell_for(shelf) as shell:
            first = asyncio.create_task(shell.run(note(1)))
            # The others come while the first call is under way.
            await asyncio.sleep(SLOW / 30)
            return await asyncio.gather(first, *(shell.run(note(number)) for number in range(2, 50)))

    assert asyncio.run(drive()) == [True] * 49
    assert made == [2, 50]


@EACH_WAY
def test_a_function_of_the_value_is_called_each_way(drive: Drive) -> None:
    shelf = Shelf()

    def keep() -> Flow[Json]:
        yield Keep("key", lambda: {"a": 1})
        return (yield Recall("key"))

    assert drive(keep(), shelf) == {"a": 1}


def test_a_value_that_is_on_its_way_is_not_sent_again() -> None:
    shelf, page = Shelf(SLOW / 10), {"a": 1}

    def note() -> Flow[None]:
        yield Keep("page", page)

    async def drive() -> None:
        async with shell_for(shelf) as shell:
            first = asyncio.create_task(shell.run(note()))
            await asyncio.sleep(SLOW / 30)
            await asyncio.gather(first, *(shell.run(note()) for _ in range(5)))

    asyncio.run(drive())
    assert shelf.calls == [("keep", "page")]


def test_keys_are_kept_in_order_and_a_recall_sees_what_was_kept_before_it() -> None:
    shelf = Shelf(SLOW / 10)

    def keep(key: str, value: int) -> Flow[None]:
        yield Keep(key, value)

    def recall(key: str) -> Flow[Json]:
        return (yield Recall(key))

    async def drive() -> list[Json]:
        async with shell_for(shelf) as shell:
            flows = [keep("a", 1), keep("b", 1), keep("b", 2), recall("b"), recall("a"), keep("b", 3)]
            return await asyncio.gather(*map(shell.run, flows))

    assert asyncio.run(drive())[3:5] == [3, 1]
    assert shelf.calls == [("keep", "a"), ("keep", "b"), ("recall", "b"), ("recall", "a")]


def test_every_flow_whose_value_cannot_be_kept_ends() -> None:
    async def drive() -> list[Any]:
        async with shell_for(Broken()) as shell:
            flows = (shell.run(count("runs")) for _ in range(3))
            return await asyncio.gather(*flows, return_exceptions=True)

    assert [str(each) for each in asyncio.run(drive())] == ["the state cannot be written"] * 3


def test_a_canceled_flow_takes_no_value_of_another_with_it() -> None:
    shelf = Shelf(SLOW / 3)
    noted: list[int] = []

    def note(number: int) -> Flow[None]:
        noted.append(number)
        yield Keep("page", list(noted))

    async def drive() -> None:
        async with shell_for(shelf) as shell:
            first = asyncio.create_task(shell.run(note(0)))
            await asyncio.sleep(SLOW / 9)
            flows = [first, *(asyncio.create_task(shell.run(note(number))) for number in range(1, 4))]
            await asyncio.sleep(0)
            flows[1].cancel()
            await asyncio.gather(*flows, return_exceptions=True)

    asyncio.run(drive())
    assert {0, 2, 3} <= set(shelf.values["page"])
    assert len(shelf.calls) == 2


def test_a_canceled_flow_does_not_write_over_what_another_keeps_after_it() -> None:
    def keeping(value: int) -> Flow[None]:
        yield Keep("key", value)

    shelf = Shelf(SLOW)

    async def drive() -> None:
        async with shell_for(shelf) as shell:
            first = asyncio.create_task(shell.run(keeping(1)))
            await asyncio.sleep(SLOW / 3)
            second = asyncio.create_task(shell.run(keeping(2)))
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            await second

    asyncio.run(drive())
    assert shelf.calls == [("keep", "key")] * 2
    assert shelf.values == {"key": 2}


def test_a_value_that_a_canceled_flow_stored_is_stored_again_after_it_has_changed() -> None:
    shelf, page = Held(), {"a": 1}

    def note() -> Flow[None]:
        yield Keep("page", page)

    async def drive() -> None:
        async with shell_for(shelf) as shell:
            first = asyncio.create_task(shell.run(note()))
            assert await asyncio.to_thread(shelf.began.wait, 60)
            first.cancel()
            shelf.goes_on.set()
            await asyncio.wait([first])
            assert first.cancelled()
            page["b"] = 2
            await shell.run(note())

    asyncio.run(drive())
    assert shelf.calls == [("keep", "page")] * 2


def test_a_flow_that_only_remembers_needs_no_connection(caplog: pytest.LogCaptureFixture) -> None:
    def warns() -> Flow[str]:
        yield Note("look out")
        return "done"

    def waits() -> Flow[None]:
        yield Pause(1.0, "why")

    assert remember(NO_MEMORY, warns()) == "done"
    assert "look out" in caplog.text
    with pytest.raises(TypeError, match="given Pause; expected a flow that only recalls"):
        remember(NO_MEMORY, waits())
