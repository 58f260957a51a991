"""The memory as the flows of an event loop share it: one call at a time, and few calls for many values."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from airflow_provider_offers.client.wire.memory import Memory
from airflow_provider_offers.client.wire.messages import Json, Keep, Recall

T = TypeVar("T")


@dataclass(slots=True)
class _Kept:
    """One call that keeps a value, for all flows that wait for it."""

    effect: Keep
    is_started: bool = False
    is_stored: bool = False


@dataclass(slots=True)
class _Recalled:
    """One call that recalls a value, for all flows that wait for it."""

    value: Json = None
    is_done: bool = False


class Remembering:
    """Performs `Recall` and `Keep` in order, outside the event loop, because a memory may block.

    Values for one key that wait at the same time share one call, which keeps the last of them. A flow continues only
    after its own value, or a later one of the same key, is stored. Recalls of one key that wait share one call, too.
    Each call that keeps a value waits for `others_added` first, by default for what runs in the event loop now.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self.others_added: Callable[[], Awaitable[object]] = partial(asyncio.sleep, 0)
        self._turn = asyncio.Lock()
        self._kept: dict[str, _Kept] = {}
        self._recalled: dict[str, _Recalled] = {}

    async def perform(self, effect: Recall | Keep) -> Json:
        """The value of a `Recall`; None after a `Keep`, and without a memory."""
        if not self._memory.durable:
            return None
        if isinstance(effect, Recall):
            return await self._recall(effect.key)
        kept = self._call_for(effect)
        async with self._turn:
            if not kept.is_stored:
                await self._keep(effect.key, kept)
        return None

    async def _recall(self, key: str) -> Json:
        recalled = self._recalled.setdefault(key, _Recalled())
        async with self._turn:
            if not recalled.is_done:
                # A flow that asks from now on may need what is kept meanwhile.
                if self._recalled.get(key) is recalled:
                    del self._recalled[key]
                recalled.value = await _ended(asyncio.to_thread(self._memory.recall, key))
                recalled.is_done = True
        return recalled.value

    def _call_for(self, effect: Keep) -> _Kept:
        """The call that keeps the value: one that waits for its turn, or that keeps this very value now."""
        kept = self._kept.get(effect.key)
        if kept is None or (kept.is_started and (callable(effect.value) or kept.effect.value is not effect.value)):
            kept = self._kept[effect.key] = _Kept(effect)
        kept.effect = effect
        return kept

    async def _keep(self, key: str, kept: _Kept) -> None:
        await self.others_added()
        kept.is_started = True
        value = kept.effect.made()

        def keep() -> None:
            self._memory.keep(key, value)
            kept.is_stored = True

        try:
            await _ended(asyncio.to_thread(keep))
        finally:
            # Also after a failure or a cancellation: the value is no longer on its way.
            if self._kept.get(key) is kept:
                del self._kept[key]


async def _ended(call: Coroutine[object, object, T]) -> T:
    """The result of a call in a thread. A thread cannot be canceled, so this returns only after it has ended."""
    running = asyncio.ensure_future(call)
    try:
        return await asyncio.shield(running)
    finally:
        if not running.done():
            await asyncio.wait([running])
