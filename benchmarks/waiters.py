"""One contestant of the waiting benchmark: a number of triggers on one event loop, as in a triggerer."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.library import offer_id
from benchmarks.measure import Figures, cpu_seconds, resident_bytes
from benchmarks.stub import Stub

# The length of a measurement, in intervals.
_WINDOW = 2
_TICK = 0.01
CHANGES = 100
_APPROVED = 100


def ours(number: int, interval: float) -> Any:
    """The trigger of OfferStatusSensor."""
    from airflow_provider_offers.triggers.offers import OfferStatusTrigger

    identifier = offer_id(number)
    return OfferStatusTrigger(
        offer_library_conn_id="offer_library_default",
        sandbox=None,
        poll_interval=interval,
        offers=[{"id": identifier, "instance_id": identifier, "offer_type": "personalized"}],
        statuses=["approved"],
    )


def http(number: int, interval: float) -> Any:
    """The trigger of HttpSensor: it waits while its address answers 404."""
    from airflow.providers.http.triggers.http import HttpSensorTrigger

    return HttpSensorTrigger(
        endpoint=f"ready/{offer_id(number)}", http_conn_id="http_default", method="GET", poke_interval=interval
    )


CONTESTANTS: dict[str, Callable[[int, float], Any] | None] = {"ours": ours, "http": http, "nothing": None}


class Lag:
    """The delay of the event loop: a task that should run every ten milliseconds records how late it runs."""

    def __init__(self) -> None:
        self._late: list[float] = []
        self._due = time.perf_counter()

    async def run(self) -> None:
        while True:
            self._due = time.perf_counter() + _TICK
            await asyncio.sleep(_TICK)
            self._late.append(self._overdue())

    def forget(self) -> None:
        """Reset the counts."""
        self._late.clear()

    def told(self) -> tuple[float, float]:
        """The median and the 99th percentile since the reset, in milliseconds."""
        # An overloaded loop may not have run the task yet: what it is late by now counts too.
        late = [*self._late, self._overdue()] if len(self._late) < 2 else self._late
        hundredths = statistics.quantiles(late * 2 if len(late) == 1 else late, n=100)
        return hundredths[49], hundredths[98]

    def _overdue(self) -> float:
        return max(0.0, (time.perf_counter() - self._due) * 1000)


class Waiters:
    """The waits, and the end of each."""

    def __init__(self, make: Callable[[int, float], Any], interval: float) -> None:
        self._make = make
        self._interval = interval
        self._tasks: list[asyncio.Task[None]] = []
        self.ended: dict[int, float] = {}

    async def wait(self, number: int) -> None:
        """Wait for one offer, as the triggerer does: until the trigger's first event."""
        async for _ in self._make(number, self._interval).run():
            self.ended[number] = time.monotonic()
            break

    async def arrive(self, waits: int) -> None:
        """Start them all, evenly over one interval."""
        began = time.monotonic()
        for number in range(waits):
            self._tasks.append(asyncio.create_task(self.wait(number)))
            if (ahead := (number + 1) / waits * self._interval - (time.monotonic() - began)) > 0:
                await asyncio.sleep(ahead)

    async def leave(self) -> None:
        """End all waits."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def run(name: str, waits: int, interval: float, stub: Stub) -> dict[str, Figures]:
    """All waits arrive, wait while nothing changes, wait during changes (ours), and see some offers approved."""
    lag = Lag()
    ticking = asyncio.create_task(lag.run())
    make = CONTESTANTS[name]
    if make is None:
        quiet = await _window(lag, stub, interval)
        ticking.cancel()
        return {"quiet": quiet, "whole": {}}
    waiters = Waiters(make, interval)
    # Run one wait to its end first, so that one-time loading is not measured.
    await asyncio.to_thread(stub.approve, [waits])
    await waiters.wait(waits)
    gc.collect()
    before = resident_bytes()
    lag.forget()
    await waiters.arrive(waits)
    await asyncio.sleep(1)
    arriving_p99 = lag.told()[1]
    found = {"quiet": await _window(lag, stub, interval)}
    gc.collect()
    memory = (resident_bytes() - before) / waits
    if name == "ours":
        await asyncio.to_thread(stub.change, CHANGES / interval)
        await asyncio.sleep(1.2 * interval)
        found["changing"] = await _window(lag, stub, interval)
    found["whole"] = {"arriving_p99": arriving_p99, "memory": memory, **await _notice(waiters, waits, interval, stub)}
    await waiters.leave()
    ticking.cancel()
    return found


async def _window(lag: Lag, stub: Stub, interval: float) -> Figures:
    """The cost of a few intervals of waiting."""
    since, used = time.monotonic(), cpu_seconds()
    lag.forget()
    await asyncio.sleep(_WINDOW * interval)
    seconds, used = time.monotonic() - since, cpu_seconds() - used
    p50, p99 = lag.told()
    log = [entry for entry in await asyncio.to_thread(stub.log, since) if entry[0] < since + seconds]
    return {
        **_requests(log, seconds, interval),
        "cpu": 100 * used / seconds,
        "lag_p50": p50,
        "lag_p99": p99,
    }


def _requests(log: Sequence[tuple[float, str]], seconds: float, interval: float) -> Figures:
    """Requests per interval; for a change feed also requests per look. Only whole looks count."""
    looks = [moment for moment, route in log if route == "first page"]
    figures = {"requests": len(log) / seconds * interval, "a_look": 0.0, "pages": 0.0}
    if len(looks) > 1:
        whole = [route for moment, route in log if looks[0] <= moment < looks[-1]]
        figures["a_look"] = len(whole) / (len(looks) - 1)
        figures["pages"] = whole.count("further page") / (len(looks) - 1)
        figures["requests"] = len(whole) / (looks[-1] - looks[0]) * interval
    return figures


async def _notice(waiters: Waiters, waits: int, interval: float, stub: Stub) -> Figures:
    """Approve some offers; measure the time until their waits end, and check that no other wait ends."""
    chosen = random.Random(2).sample(range(waits), min(_APPROVED, waits))
    began = time.monotonic()
    await asyncio.to_thread(stub.approve, chosen)
    while len(waiters.ended) <= len(chosen) and time.monotonic() - began < 3 * interval:
        await asyncio.sleep(0.1)
        if waiters.ended.keys() >= set(chosen):
            break
    ended = waiters.ended.keys() - {waits}
    if not ended <= set(chosen):
        raise RuntimeError("a wait ended for an offer that is not approved")
    delays = [waiters.ended[number] - began for number in ended]
    return {"noticed": statistics.median(delays) if delays else 0.0, "ended": len(ended), "approved": len(chosen)}


def main() -> None:
    """Run one contestant and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contestant", choices=CONTESTANTS)
    parser.add_argument("--waits", type=int, required=True)
    parser.add_argument("--interval", type=float, required=True)
    options = parser.parse_args()
    with Stub(max(options.waits, 1) + 1) as stub:
        os.environ.update(stub.connections())
        found = asyncio.run(run(options.contestant, options.waits, options.interval, stub))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
