"""How fast a process may send requests to one service: limited concurrency, slower after a 429, then faster again."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from airflow_provider_offers.client.wire.retry import LONGEST_HOLD

# Adobe publishes no rate limit for the management APIs. Only a 429 slows the client down.
_FIRST_SPACING = 0.05
_MAX_SPACING = 5.0
_RECOVERY = 0.8
_NEGLIGIBLE = 0.01


@dataclass
class Governor:
    """Spaces the requests that the event loops of a process send to one service: deferred waits, and work on lists.

    A 429 doubles the time between two requests. If the service names a time, all requests wait until then, for at most
    five minutes. Every good answer reduces the spacing by a fifth. `max_concurrent` limits the concurrent requests of
    one event loop. Threads may share a governor; it decides, but does not wait.
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
        """The semaphore for concurrent requests of the running event loop."""
        with self._guard:
            return self._places.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self.max_concurrent))

    def admit(self, longest: float = math.inf) -> float:
        """Reserve the next time slot; returns the seconds to wait before the request may be sent.

        If that is longer than `longest`, nothing is reserved.
        """
        with self._guard:
            now = self.clock()
            start = max(now, self._next)
            if start - now <= longest:
                self._next = start + self._spacing
            return start - now

    def answered(self, status: int, retry_after: float | None = None) -> None:
        """Adjust the spacing after an answer."""
        with self._guard:
            if status == 429:
                self._spacing = min(max(2 * self._spacing, _FIRST_SPACING), _MAX_SPACING)
                held = self.clock() + (self._spacing if retry_after is None else min(retry_after, LONGEST_HOLD))
                self._next = max(self._next, held)
            elif status < 500 and self._spacing:
                self._spacing = self._spacing * _RECOVERY if self._spacing > _NEGLIGIBLE else 0.0

    @property
    def spacing(self) -> float:
        """The current seconds between two requests; 0 if there is no limit."""
        return self._spacing


_governors: dict[tuple[str, str], Governor] = {}
_registry = threading.Lock()


def governor_for(host: str, client_id: str) -> Governor:
    """The one governor of this process for a service and a credential."""
    with _registry:
        return _governors.setdefault((host, client_id), Governor())
