"""Limits the speed of a process to one service: the number of requests at a time, which a 429 reduces.

This is a state machine: it decides and remembers, but does not wait and does not log. `pace` uses it for both shells.
"""

from __future__ import annotations

import math
import os
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from airflow_provider_offers.client.wire.messages import Note
from airflow_provider_offers.client.wire.retry import LONGEST_HOLD

# Adobe publishes no limit of the management APIs. The client learns it from 429 and from slow answers.
_FIRST_SPACING = 0.05
_MAX_SPACING = 5.0
_RECOVERY = 0.8
_NEGLIGIBLE = 0.01
# The factors for the number of requests at a time after a 429, and after a series of slow answers.
_AFTER_429 = 0.5
_AFTER_SLOW = 0.7
# Answers are slow if their median is above both: this multiple of the usual time, and this number of seconds.
_SLOW_FACTOR = 4.0
_SLOW_SECONDS = 2.0
# After a series of slower answers, the usual time grows by this part of the difference.
_GETTING_USED = 0.05
_SHORTEST_ROW = 8

Wake = Callable[[], object]


@dataclass
class _Latency:
    """The times of the answers to one HTTP method: the latest ones, and the usual one."""

    row: list[float] = field(default_factory=list)
    usual: float = math.inf

    def is_slow(self, seconds: float, length: int) -> bool:
        """Record an answer. Returns whether it completes a series of that length whose median is slow."""
        self.row.append(seconds)
        if len(self.row) < length:
            return False
        median = statistics.median(self.row)
        self.row.clear()
        slow = median > max(_SLOW_FACTOR * self.usual, _SLOW_SECONDS)
        growth = _GETTING_USED * (min(median, 2 * self.usual) - self.usual) if median > self.usual else 0.0
        self.usual = min(median, self.usual) + growth
        return slow


@dataclass
class Governor:
    """Limits and spaces the requests of a process to one service, from all threads and event loops together.

    At most `limit` requests run at a time; the others wait in a queue, first come, first served. A 429 halves the limit
    and doubles the time between two requests. If the service names a time, no request starts before it, for at most
    five minutes. Answers that take several times as long as usual also lower the limit. Every good answer reduces the
    spacing by a fifth. A number of good answers equal to the limit raises it by one, up to `max_concurrent`. It is safe
    to share between threads.
    """

    max_concurrent: int = 32
    clock: Callable[[], float] = time.monotonic
    in_flight: int = field(default=0, init=False)
    _limit: float = field(init=False)
    _spacing: float = field(default=0.0, init=False)
    _next: float = field(default=0.0, init=False)
    _cut_at: float = field(default=-math.inf, init=False)
    _slowed: bool = field(default=False, init=False)
    _line: deque[Wake] = field(default_factory=deque, init=False, repr=False)
    _latencies: dict[str, _Latency] = field(default_factory=dict, init=False, repr=False)
    _guard: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        self._limit = float(self.max_concurrent)

    @property
    def limit(self) -> int:
        """The number of requests that may run now: 1 to `max_concurrent`."""
        return int(self._limit)

    @property
    def spacing(self) -> float:
        """The seconds between two requests; 0 at full speed."""
        return self._spacing

    def try_enter(self) -> bool:
        """Take a place for a request, if one is free and no other request waits for it."""
        with self._guard:
            return self._try_enter()

    def enter(self, wake: Wake) -> bool:
        """Take a place for a request, or a place in the queue: `wake` is called when the request has a place."""
        with self._guard:
            entered = self._try_enter()
            if not entered:
                self._line.append(wake)
            return entered

    def enter_at_once(self) -> None:
        """Take a place, even if none is free."""
        with self._guard:
            self.in_flight += 1

    def leave(self) -> None:
        """Give the place back, to the next request in the queue."""
        with self._guard:
            self.in_flight -= 1
            woken = []
            while self._line and self.in_flight < self.limit:
                self.in_flight += 1
                woken.append(self._line.popleft())
        for wake in woken:
            try:
                wake()
            except RuntimeError:
                # Its event loop is closed: the request is never sent.
                self.leave()

    def withdraw(self, wake: Wake) -> None:
        """Leave the queue. If the request has received a place meanwhile, the next one gets it."""
        with self._guard:
            if wake in self._line:
                self._line.remove(wake)
                return
        self.leave()

    def forget_requests(self) -> None:
        """Forget all requests and threads: those of the parent, in a process that was forked."""
        self._guard = threading.Lock()
        self._line = deque()
        self.in_flight = 0

    def _try_enter(self) -> bool:
        if self._line or self.in_flight >= self.limit:
            return False
        self.in_flight += 1
        return True

    def admit(self, longest: float = math.inf) -> float:
        """Reserve the next time for a request.

        Returns the seconds to wait before the request may be sent. If they are more than `longest`, nothing is
        reserved.
        """
        with self._guard:
            now = self.clock()
            start = max(now, self._next)
            if start - now <= longest:
                self._next = start + self._spacing
            return start - now

    def answered(
        self, status: int | None, retry_after: float | None = None, *, method: str = "GET", seconds: float = 0.0
    ) -> Note | None:
        """Adjust the speed to an answer after these seconds, or to a missing answer (None).

        Returns a line for the log when the client slows down, and when it reaches full speed again.
        """
        with self._guard:
            now = self.clock()
            if status == 429:
                return self._throttled(now, now - seconds, retry_after)
            length = max(_SHORTEST_ROW, 2 * self.limit)
            if (latency := self._latencies.get(method)) is None:
                latency = self._latencies[method] = _Latency()
            if latency.is_slow(seconds, length):
                self._limit = max(1.0, self._limit * _AFTER_SLOW)
                return self._told(f"{method} requests take much longer than usual")
            if status is not None and status < 500:
                return self._recovered()
            return None

    def _throttled(self, now: float, sent: float, retry_after: float | None) -> Note | None:
        # Answers to requests from before the limit was lowered say nothing about the new limit.
        if sent >= self._cut_at:
            self._cut_at = now
            self._limit = max(1.0, self._limit * _AFTER_429)
            self._spacing = min(max(2 * self._spacing, _FIRST_SPACING), _MAX_SPACING)
        held = self._spacing if retry_after is None else min(retry_after, LONGEST_HOLD)
        self._next = max(self._next, now + held)
        return self._told(f"the service answered 429; the next request starts in {self._next - now:.1f} s")

    def _recovered(self) -> Note | None:
        if not self._slowed:
            return None
        self._spacing = self._spacing * _RECOVERY if self._spacing > _NEGLIGIBLE else 0.0
        self._limit = min(float(self.max_concurrent), self._limit + 1 / self._limit)
        if self._spacing or self.limit < self.max_concurrent:
            return None
        self._slowed = False
        return Note(f"Full speed again: up to {self.max_concurrent} requests at the same time", is_warning=False)

    def _told(self, reason: str) -> Note | None:
        """The log line about slowing down; only once until full speed is reached again."""
        told, self._slowed = self._slowed, True
        if told:
            return None
        return Note(
            f"Slower from now on, because {reason}: at most {self.limit} requests at the same time, "
            f"{self._spacing:.2f} s between two"
        )


_governors: dict[tuple[str, str], Governor] = {}
_registry = threading.Lock()


def governor_for(host: str, client_id: str) -> Governor:
    """The only governor of this process for a service and a credential."""
    with _registry:
        return _governors.setdefault((host, client_id), Governor())


def _forget() -> None:
    """A forked process starts without the requests of its parent; its clients keep their governors."""
    global _registry  # noqa: PLW0603  the lock may have been held while the process forked
    _registry = threading.Lock()
    for governor in _governors.values():
        governor.forget_requests()


os.register_at_fork(after_in_child=_forget)
