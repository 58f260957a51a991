"""Several workers at once, one step at a time: a seed decides the order, so that a race can be repeated."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from airflow_provider_offers.client.wire.messages import Request
from tests.faults.doors import Killed, Outcome, Steps, Time, outcome_of


@dataclass
class _Worker:
    """A thread that runs only in its turn."""

    turn: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    wakes: float = 0.0
    done: bool = False
    outcome: Outcome = None
    crash: BaseException | None = None


class _Turns(Steps):
    """Ends the turn before every request and at every pause."""

    def __init__(self, time: Time, wait: Callable[[float], None]) -> None:
        super().__init__(time)
        self._wait = wait

    def before(self, request: Request) -> None:
        self._wait(0.0)

    def pause(self, seconds: float) -> None:
        self._wait(seconds)


class _TurnsUntilKilled(_Turns):
    def __init__(self, time: Time, wait: Callable[[float], None], killed: Killed) -> None:
        super().__init__(time, wait)
        self._killed = killed

    def before(self, request: Request) -> None:
        super().before(request)
        self._killed.before(request)

    def after(self, request: Request) -> None:
        self._killed.after(request)


def interleave(
    time: Time, seed: str, works: Sequence[Callable[[Steps], object]], *, killed: Sequence[Killed | None] = ()
) -> list[Outcome]:
    """Run the functions at the same time, each with its own steps, and return their outcomes."""
    chosen = random.Random(seed)
    back = threading.Semaphore(0)
    workers = [_Worker() for _ in works]

    def run(worker: _Worker, work: Callable[[Steps], object], death: Killed | None) -> None:
        def wait(seconds: float) -> None:
            worker.wakes = time.monotonic() + seconds
            back.release()
            worker.turn.acquire()

        steps = _Turns(time, wait) if death is None else _TurnsUntilKilled(time, wait, death)
        worker.turn.acquire()
        try:
            worker.outcome = outcome_of(lambda: work(steps))
        except BaseException as crash:  # noqa: BLE001 - told to whoever waits for the outcome
            worker.crash = crash
        finally:
            worker.done = True
            back.release()

    deaths = [*killed, *[None] * (len(works) - len(killed))]
    for worker, work, death in zip(workers, works, deaths, strict=True):
        threading.Thread(target=run, args=(worker, work, death), daemon=True).start()
    while waiting := [worker for worker in workers if not worker.done]:
        earliest = min(worker.wakes for worker in waiting)
        time.sleep(max(earliest - time.monotonic(), 0.0))
        awake = [worker for worker in waiting if worker.wakes <= time.monotonic()]
        chosen.choice(awake).turn.release()
        back.acquire()
    for worker in workers:
        if worker.crash is not None:
            raise worker.crash
    return [worker.outcome for worker in workers]
