"""The turns of the items of a list: few run at the same time, and more are prepared to run."""

from __future__ import annotations

import asyncio

# For each item beside the first that may run, this number of items may be prepared for its turn.
_PREPARED = 6


class Turns:
    """Limits how many items of a list run at once, and how many more are prepared for their turn.

    An item is prepared until its first request. When half of the prepared items have got their turn, many others begin
    together, so that one call of the memory keeps the notes about all of them; it waits for `all_begun`. They begin one
    after the other, so that the event loop handles the answers and requests of running items in between.
    """

    def __init__(self, most: int) -> None:
        self._most_waiting = _PREPARED * (most - 1)
        self.at_once = most + self._most_waiting
        self._waiting = 0
        self._free = asyncio.Semaphore(most)
        self._one = asyncio.Lock()
        self._to_begin = 0
        self._none_to_begin = asyncio.Event()
        self._none_to_begin.set()
        self._room = asyncio.Event()
        self._room.set()
        self._first = 0
        self._others_may = asyncio.Event()
        self._others_may.set()

    def let_first(self, count: int) -> None:
        """Let that number of items have their turns, or end, before any other item begins to be prepared."""
        self._first = count
        if count:
            self._others_may.clear()

    async def prepare(self, *, is_first: bool = False) -> ItsTurn:
        """Begin to prepare an item, when there is room for it. `is_first` says that it is one that `let_first` let."""
        if not is_first:
            await self._others_may.wait()
        while not self._room.is_set():
            await self._room.wait()
        self._waiting += 1
        if self._waiting > self._most_waiting:
            self._room.clear()
        await self._begin()
        return ItsTurn(self, is_first=is_first)

    async def _begin(self) -> None:
        """Wait for those that came before, and let the event loop do its other work."""
        self._to_begin += 1
        self._none_to_begin.clear()
        try:
            async with self._one:
                await asyncio.sleep(0)
        finally:
            self._to_begin -= 1
            if not self._to_begin:
                self._none_to_begin.set()

    async def all_begun(self) -> None:
        """Wait until every item for which there is room has begun."""
        await asyncio.sleep(0)
        await self._none_to_begin.wait()

    def end_waiting(self, *, is_first: bool) -> None:
        self._waiting -= 1
        self._first -= is_first
        if self._first <= 0:
            self._others_may.set()
        if self._waiting <= self._most_waiting // 2:
            self._room.set()

    async def take(self) -> None:
        await self._free.acquire()

    def leave(self) -> None:
        self._free.release()


class ItsTurn:
    """The turn of one item: it waits for it, then has it, and ends it."""

    def __init__(self, turns: Turns, *, is_first: bool) -> None:
        self._turns = turns
        self._is_first = is_first
        self._is_waiting = True
        self.is_taken = False

    async def take(self) -> None:
        """Wait for the turn, unless the item has it already."""
        if not self.is_taken and self._is_waiting:
            await self._turns.take()
            self.is_taken, self._is_waiting = True, False
            self._turns.end_waiting(is_first=self._is_first)

    def end(self) -> None:
        """Give the turn to another item. It does no harm to call this again."""
        if self._is_waiting:
            self._is_waiting = False
            self._turns.end_waiting(is_first=self._is_first)
        if self.is_taken:
            self.is_taken = False
            self._turns.leave()
