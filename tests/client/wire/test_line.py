"""The line of requests in an event loop: the place comes from that loop, from a thread or from another loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from airflow_provider_offers.client.wire import async_shell
from airflow_provider_offers.client.wire.governor import Governor

# An event loop that is not woken would sleep forever: this bounds the test, and measures nothing.
FOREVER = 20


def wait_in_a_loop_of_its_own(governor: Governor) -> tuple[threading.Event, threading.Event]:
    """Wait for a place in the event loop of another thread. Returns whether it stands in line, and whether it is done.

    That loop has no timer and nothing else to do, so only the place can wake it.
    """
    stands, placed = threading.Event(), threading.Event()

    async def main() -> None:
        asyncio.get_running_loop().call_soon(stands.set)
        await async_shell._stand_in_line(governor)
        placed.set()

    threading.Thread(target=lambda: asyncio.run(main()), daemon=True).start()
    return stands, placed


def in_this_thread(leave: Callable[[], None]) -> None:
    leave()


def in_another_loop(leave: Callable[[], None]) -> None:
    async def main() -> None:
        leave()

    asyncio.run(main())


@pytest.mark.parametrize("run", [in_this_thread, in_another_loop])
def test_a_place_from_outside_of_its_event_loop_wakes_who_waits(run: Callable[[Callable[[], None]], None]) -> None:
    governor = Governor(max_concurrent=1)
    assert governor.try_enter()
    stands, placed = wait_in_a_loop_of_its_own(governor)
    assert stands.wait(FOREVER)
    assert not placed.is_set()
    run(governor.leave)
    assert placed.wait(FOREVER)
    assert governor.in_flight == 1


def test_a_place_from_the_same_event_loop_needs_no_byte_through_its_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        governor, loop = Governor(max_concurrent=1), asyncio.get_running_loop()
        assert governor.try_enter()
        waiting = [asyncio.create_task(async_shell._stand_in_line(governor)) for _ in range(2)]
        await asyncio.sleep(0)
        monkeypatch.setattr(loop, "call_soon_threadsafe", None)
        for each in waiting:
            governor.leave()
            await each
        monkeypatch.undo()
        assert governor.in_flight == 1

    asyncio.run(main())


def test_a_place_that_comes_while_its_request_is_canceled_goes_to_the_next() -> None:
    async def main() -> None:
        governor = Governor(max_concurrent=1)
        assert governor.try_enter()
        first, second = (asyncio.create_task(async_shell._stand_in_line(governor)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        governor.leave()
        await asyncio.gather(first, second, return_exceptions=True)
        assert first.cancelled()
        assert second.result() is None
        assert governor.in_flight == 1

    asyncio.run(main())
