"""One session for all waits of an event loop on one sandbox. Equal requests at about the same time are sent once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
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
from airflow_provider_offers.client.session import AsyncSession
from airflow_provider_offers.client.wire.messages import Flow, Note, Pause

T = TypeVar("T")

# Somebody may fix the connection: after these errors it is read again before the next request.
_MENDED_BY_REOPENING = (
    AuthenticationError,
    ConfigurationError,
    NoAnswerError,
    NotAuthenticatedError,
    PermissionDeniedError,
    UnexpectedResponseError,
)


@dataclass(frozen=True, slots=True)
class Ask:
    """An effect: run `flow`, or share the answer under the same `key` if it is at most `max_age` seconds old."""

    key: str
    flow: Callable[[Access], Flow[Any]]
    max_age: float


def asked(ask: Ask) -> Generator[Any, Any, Any]:
    """A look that only asks."""
    return (yield ask)


@dataclass(slots=True)
class _Way:
    """An open session. It is closed when it is given up and has no users."""

    session: AsyncSession
    users: int = 0
    given_up: bool = False


class Asker:
    """Asks on one session; opens it when needed, and again after a failure. Call `close` at the end."""

    def __init__(self, open_session: Callable[[], Awaitable[AsyncSession]]) -> None:
        self._open_session = open_session
        self._opening = asyncio.Lock()
        self._way: _Way | None = None
        self._answers: dict[str, asyncio.Task[Any]] = {}

    async def follow(
        self,
        steps: Generator[Any, Any, T],
        *,
        sleep: Callable[[float], Awaitable[Any]],
        tell: Callable[[Note], None],
    ) -> T:
        """Run a wait whose looks are `Ask` effects to its end, and return its result."""
        result: Any = None
        failure: OfferLibraryError | None = None
        try:
            while True:
                effect = steps.send(result) if failure is None else steps.throw(failure)
                result = failure = None
                if isinstance(effect, Ask):
                    try:
                        result = await self.ask(effect.key, effect.flow, max_age=effect.max_age)
                    except OfferLibraryError as error:
                        failure = error
                elif isinstance(effect, Pause):
                    await sleep(effect.seconds)
                elif isinstance(effect, Note):
                    tell(effect)
        except StopIteration as stop:
            value: T = stop.value
            return value
        finally:
            steps.close()

    async def ask(self, key: str, ask: Callable[[Access], Flow[T]], *, max_age: float) -> T:
        """The answer of a flow. Requests with the same key within `max_age` seconds share it, also a failure."""
        task: asyncio.Task[T] | None = self._answers.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._perform(ask), name="offer-library-asker")
            task.add_done_callback(_noticed)
            self._answers[key] = task
            asyncio.get_running_loop().call_later(max_age, self._forget, key, task)
        try:
            # A canceled wait does not take the answer from the others.
            return await asyncio.shield(task)
        except OfferLibraryError as error:
            # Each wait raises an error of its own: a shared one would collect the tracebacks of all.
            raise error.alike() from None

    async def close(self) -> None:
        """End running requests, and close the session."""
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
        """Close the session now, or when its last user is done."""
        if self._way is way:
            self._way = None
        if not way.given_up:
            way.given_up = True
            if not way.users:
                await way.session.close()


def _noticed(task: asyncio.Task[Any]) -> None:
    """Mark a failure as seen: asyncio logs unseen failures, even those of canceled waits."""
    if not task.cancelled():
        task.exception()
