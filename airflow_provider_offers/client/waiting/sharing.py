"""One session for many in an event loop who ask one sandbox: what several ask at about the same time is asked once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from airflow_provider_offers.client.errors import (
    AuthenticationError,
    ConfigurationError,
    NoAnswerError,
    NotAuthenticatedError,
    OfferLibraryError,
    PermissionDeniedError,
    UnexpectedResponseError,
)
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.wire.messages import Flow
from airflow_provider_offers.client.wire.session import AsyncSession

T = TypeVar("T")

# Somebody may have mended the connection since: it is read again before the next request.
_MENDED_BY_REOPENING = (
    AuthenticationError,
    ConfigurationError,
    NoAnswerError,
    NotAuthenticatedError,
    PermissionDeniedError,
    UnexpectedResponseError,
)


@dataclass(slots=True)
class _Way:
    """An open session, closed when it is given up and nobody uses it any more."""

    session: AsyncSession
    users: int = 0
    given_up: bool = False


class Asker:
    """Asks on one session, opened when it is needed and opened anew after a failure. `close` it at the end."""

    def __init__(self, open_session: Callable[[], Awaitable[AsyncSession]]) -> None:
        self._open_session = open_session
        self._opening = asyncio.Lock()
        self._way: _Way | None = None
        self._answers: dict[str, asyncio.Task[Any]] = {}

    async def ask(self, key: str, ask: Callable[[Access], Flow[T]], *, max_age: float) -> T:
        """The answer of a flow. Those who ask under the same key within `max_age` seconds share one, failures too."""
        task: asyncio.Task[T] | None = self._answers.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._perform(ask), name="offer-library-asker")
            task.add_done_callback(_noticed)
            self._answers[key] = task
            asyncio.get_running_loop().call_later(max_age, self._forget, key, task)
        try:
            # Whoever leaves does not take the answer from the others.
            return await asyncio.shield(task)
        except OfferLibraryError as error:
            # Each an error of its own: a shared one would gather the traceback of all.
            raise error.alike() from None

    async def close(self) -> None:
        """End what is under way, and the session."""
        tasks = list(self._answers.values())
        self._answers.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._way is not None:
            await self._give_up(self._way)

    def _forget(self, key: str, task: asyncio.Task[Any]) -> None:
        if self._answers.get(key) is task and task.done():
            del self._answers[key]
        elif self._answers.get(key) is task:
            task.add_done_callback(lambda done: self._forget(key, done))

    async def _perform(self, ask: Callable[[Access], Flow[T]]) -> T:
        async with self._session() as way:
            try:
                return await way.session.run(ask(way.session.access))
            except _MENDED_BY_REOPENING:
                await self._give_up(way)
                raise

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[_Way]:
        async with self._opening:
            if self._way is None:
                self._way = _Way(await self._open_session())
            way = self._way
            way.users += 1
        try:
            yield way
        finally:
            way.users -= 1
            if way.given_up and not way.users:
                await way.session.close()

    async def _give_up(self, way: _Way) -> None:
        """Let the session go: it is closed now, or by the last of those who still use it."""
        if self._way is way:
            self._way = None
        if not way.given_up:
            way.given_up = True
            if not way.users:
                await way.session.close()


def _noticed(task: asyncio.Task[Any]) -> None:
    """Whoever asked may be gone by now, and a failure that nobody sees would be logged."""
    if not task.cancelled():
        task.exception()
