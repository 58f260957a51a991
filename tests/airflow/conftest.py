"""The real Airflow for the DAGs of this folder, and the emulator for their operators."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_provider_offers.emulator import Emulator
from tests.deciding import Stage, set_up
from tests.emulated import api, emulator, emulator_session

__all__ = ["api", "emulator", "emulator_session"]


@pytest.fixture
def stage(emulator: Emulator, api: str) -> Stage:
    """A decision with one option at a placement, ready for requests."""
    return set_up(emulator, api)


@pytest.fixture
def meanwhile(emulator: Emulator) -> Iterator[Callable[[Callable[[], Any]], Callable[[Any], None]]]:
    """Makes callbacks for `on_execute_callback`. Each acts once, after its task has looked a few times."""
    threads: list[threading.Thread] = []
    problems: list[BaseException] = []

    def make(act: Callable[[], Any]) -> Callable[[Any], None]:
        begun: set[str] = set()

        def callback(context: Any) -> None:
            task = context["ti"].task_id
            if task in begun:
                return
            begun.add(task)
            threads.append(threading.Thread(target=after_some_looks, args=(len(emulator.journal()), act)))
            threads[-1].start()

        return callback

    def after_some_looks(before: int, act: Callable[[], Any]) -> None:
        try:
            end = time.monotonic() + 60
            while len(emulator.journal()) < before + 6 and time.monotonic() < end:
                time.sleep(0.02)
            act()
        except BaseException as problem:  # noqa: BLE001 - told below
            problems.append(problem)

    yield make
    for thread in threads:
        thread.join()
    assert not problems
