"""How fast a process may send requests to one service: bounded concurrency, slower after a 429, then faster again."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from airflow_provider_offers.client.wire.retry import LONGEST_HOLD

# Adobe publishes no limit of the management APIs. Only a 429 slows the client down.
_FIRST_SPACING = 0.05
_MAX_SPACING = 5.0
_RECOVERY = 0.8
_NEGLIGIBLE = 0.01


@dataclass
class Governor:
    """Spaces the requests that the event loops of a process send to one service: deferred waits, and work on lists.

    A 429 doubles the time between two requests and, where the service names a time, holds all of them back until
    then, for five minutes at the most; every good answer takes a fifth of the spacing away again. `max_concurrent`
    bounds the requests under way in one event loop, of all its senders. Safe to share between threads; decides, but
    does not wait.
    """

    max_concurrent: int = 32
    clock: Callable[[], float] = time.monotonic
    _spacing: float = 0.0
    _next: float = 0.0
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _places: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = field(
        default_factory=WeakKeyDictionary, repr=False
    )

    def places(self) -> asyncio.Semaphore:
        """The places for requests under way in the running event loop."""
        with self._guard:
            return self._places.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self.max_concurrent))

    def admit(self, longest: float = math.inf) -> float:
        """Take a place in the row; returns the seconds to wait before the request may go out.

        Where that is longer than `longest`, no place is taken.
        """
        with self._guard:
            now = self.clock()
            start = max(now, self._next)
            if start - now <= longest:
                self._next = start + self._spacing
            return start - now

    def answered(self, status: int, retry_after: float | None = None) -> None:
        """Learn from an answer."""
        with self._guard:
            if status == 429:
                self._spacing = min(max(2 * self._spacing, _FIRST_SPACING), _MAX_SPACING)
                held = self.clock() + (self._spacing if retry_after is None else min(retry_after, LONGEST_HOLD))
                self._next = max(self._next, held)
            elif status < 500 and self._spacing:
                self._spacing = self._spacing * _RECOVERY if self._spacing > _NEGLIGIBLE else 0.0

    @property
    def spacing(self) -> float:
        """Seconds between two requests now; 0 where nothing slows them."""
        return self._spacing


_governors: dict[tuple[str, str], Governor] = {}
_registry = threading.Lock()


def governor_for(host: str, client_id: str) -> Governor:
    """The one governor of this process for a service and a credential."""
    with _registry:
        return _governors.setdefault((host, client_id), Governor())
