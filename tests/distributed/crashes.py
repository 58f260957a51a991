"""Crashes at random times: of task processes, Celery workers, the triggerer and the library."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from random import Random

from tests.distributed.cluster import Cluster
from tests.distributed.library import LibraryProcess
from tests.distributed.processes import kill, resume, stop

# The seconds between two kills.
_BETWEEN = (1.0, 3.5)
# The seconds until a killed service is started again.
_AWAY = (0.5, 3.0)
# Airflow notices a dead task at once. If its supervisor dies too, or dies alone while the task continues, Airflow waits
# for missing heartbeats, and a slot stays occupied. So this happens only sometimes.
_BETWEEN_WATCHERS = 12.0
# The number of killed tasks, spread over the work, so that slow machines finish too.
_KILLS = 100


class Crashes:
    """Kills processes from time to time, until the work is done; `count` counts the kills."""

    def __init__(self, cluster: Cluster, library: LibraryProcess, random: Random, workers: Sequence[str]) -> None:
        self.count: Counter[str] = Counter()
        self._cluster, self._library, self._random = cluster, library, random
        self._kills = 0
        self._watcher_killed_at = time.monotonic()
        # Each happens once, when this part of the work is done.
        restarts = ["library", "triggerer", "triggerer", *workers, *workers]
        random.shuffle(restarts)
        moments = sorted(random.uniform(0.1, 0.9) for _ in restarts)
        self._due = list(zip(moments, restarts, strict=True))

    def go_on_until(self, done: Callable[[], float], seconds: float) -> None:
        """Kill processes until the work is done; `done` returns the done part, from 0 to 1."""
        end = time.monotonic() + seconds
        while (share := done()) < 1:
            if time.monotonic() > end:
                raise AssertionError(f"after {seconds:g} s only {share:.0%} is done, with {dict(self.count)}")
            if self._due and self._due[0][0] <= share:
                self._restart(self._due.pop(0)[1])
            elif self._kills < _KILLS * (share + 0.05):
                self._kill_a_task()
            time.sleep(self._random.uniform(*_BETWEEN))

    def _kill_a_task(self) -> None:
        tasks = self._cluster.tasks()
        if not tasks:
            return
        task = self._random.choice(tasks)
        # A stopped process cannot end meanwhile; its parent watches it, and does nothing for other tasks.
        if not stop(task):
            return
        what = "task"
        if time.monotonic() - self._watcher_killed_at > _BETWEEN_WATCHERS:
            self._watcher_killed_at = time.monotonic()
            what = self._random.choice(("task and watcher", "watcher"))
        if what != "task":
            kill(task.parent)
        if what != "watcher":
            kill(task.pid)
        resume(task.pid)
        self._kills += 1
        self.count[what] += 1

    def _restart(self, name: str) -> None:
        kill_it, start_it = self._library.kill, self._library.start
        if name != "library":
            kill_it, start_it = partial(self._cluster.kill, name), partial(self._cluster.start, name)
        kill_it()
        time.sleep(self._random.uniform(*_AWAY))
        start_it()
        self.count[name] += 1
