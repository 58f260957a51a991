"""What each event loop has of its own: connections and locks belong to the loop that made them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar


class Closing(Protocol):
    async def close(self) -> None: ...


T = TypeVar("T", bound=Closing)


@dataclass
class _Place(Generic[T]):
    """The place of one event loop. The lock lets only one task make the value. `end` closes it."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    value: T | None = None
    end: AsyncGenerator[None] | None = None


class PerLoop(Generic[T]):
    """One value for each event loop, also if the loops run in different threads.

    A value that nobody closes is closed when `asyncio.run` ends its loop.
    """

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
                # A loop that ends closes the generators that began in it.
                place.end = _closing(place.value)
                await anext(place.end)
            return place.value

    async def close(self) -> None:
        """Close and forget the value of the running loop, if there is one."""
        with self._guard:
            place = self._places.pop(asyncio.get_running_loop(), None)
        if place is not None and place.end is not None:
            await place.end.aclose()


async def _closing(value: Closing) -> AsyncGenerator[None]:
    """A generator that closes the value at its end."""
    try:
        yield
    finally:
        await value.close()
