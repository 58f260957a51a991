"""What each event loop has of its own: connections and locks belong to the loop that made them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass
class _Place(Generic[T]):
    """The place of one event loop. The lock lets only one task make the value."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    value: T | None = None


class PerLoop(Generic[T]):
    """One value for each event loop, also if the loops run in different threads."""

    def __init__(self) -> None:
        self._places: dict[asyncio.AbstractEventLoop, _Place[T]] = {}
        self._guard = threading.Lock()

    async def made(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The value of the running loop; made at the first call."""
        loop = asyncio.get_running_loop()
        with self._guard:
            # Nothing of a loop that is closed can be used or closed any more.
            self._places = {each: place for each, place in self._places.items() if not each.is_closed()}
            place = self._places.setdefault(loop, _Place())
        async with place.lock:
            if place.value is None:
                place.value = await make()
            return place.value

    def taken(self) -> T | None:
        """The value of the running loop, which is forgotten; None if there is none."""
        with self._guard:
            place = self._places.pop(asyncio.get_running_loop(), None)
        return None if place is None else place.value
