"""The client's doors for these tests: time passes only during waits, and every step is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from airflow_provider_offers.client.actions import Action
from airflow_provider_offers.client.errors import OfferLibraryError
from airflow_provider_offers.client.flows.access import open_access
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.wire.async_shell import AsyncShell
from airflow_provider_offers.client.wire.auth import TokenCache
from airflow_provider_offers.client.wire.governor import Governor
from airflow_provider_offers.client.wire.messages import Effect, Pause, Request
from airflow_provider_offers.client.wire.pace import Pace
from airflow_provider_offers.client.wire.retry import Retries
from airflow_provider_offers.client.wire.sync_shell import SyncShell
from airflow_provider_offers.emulator import Emulator
from tests.notebook import Notebook

T = TypeVar("T")


class WorkerKilled(BaseException):
    """The end of a try whose process is killed: no code of the client may catch it."""


class Time:
    """The client's time and the emulator's, which advance together: a pause ends at once and advances the time.

    Nothing else takes time, except for the set duration of a request, so a case is the same in each run.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._clock = emulator.clock
        self._passed = 0.0
        self.request_seconds = 0.005
        self.ahead = 0.0
        """How many seconds the clocks of the workers are ahead of the service's."""

    def start(self) -> None:
        """Reset the time to the same moment, with clocks that agree."""
        self._passed = 0.0
        self.ahead = 0.0
        self._clock.freeze("2026-05-01T12:00:00Z")

    def sleep(self, seconds: float) -> None:
        self._passed += seconds
        self._clock.advance(seconds)

    def monotonic(self) -> float:
        return self._passed

    def now(self) -> datetime:
        """The time on a worker's clock."""
        return self._clock.now() + timedelta(seconds=self.ahead)

    def set_service(self, seconds: float) -> None:
        """Move the service's clock by these seconds; the workers' clocks stay unchanged."""
        self._clock.advance(seconds)
        self.ahead -= seconds


class Steps:
    """Is called around each request of one try. Subclasses let something happen there; this class does not."""

    def __init__(self, time: Time) -> None:
        self.time = time

    def before(self, request: Request) -> None:
        """A request is about to be sent."""

    def after(self, request: Request) -> None:
        """A request was answered, or its answer was lost."""

    def pause(self, seconds: float) -> None:
        self.time.sleep(seconds)


class Killed(Steps):
    """The worker dies just before its request of that number (from 1) is sent, or just after it is answered."""

    def __init__(self, time: Time, number: int, when: str) -> None:
        super().__init__(time)
        self._left = number
        self._when = when

    def before(self, request: Request) -> None:
        self._left -= 1
        self._die("before")

    def after(self, request: Request) -> None:
        self._die("after")

    def _die(self, when: str) -> None:
        if self._left == 0 and self._when == when:
            raise WorkerKilled


class ClockSet(Steps):
    """The service's clock is set just before the request of that number (from 1) is sent."""

    def __init__(self, time: Time, number: int, seconds: float) -> None:
        super().__init__(time)
        self._left = number
        self._seconds = seconds

    def before(self, request: Request) -> None:
        self._left -= 1
        if self._left == 0:
            self.time.set_service(self._seconds)


class Together(Steps):
    """Several events around the requests."""

    def __init__(self, time: Time, steps: Sequence[Steps]) -> None:
        super().__init__(time)
        self._steps = steps

    def before(self, request: Request) -> None:
        for each in self._steps:
            each.before(request)

    def after(self, request: Request) -> None:
        for each in self._steps:
            each.after(request)


class _SteppedShell(SyncShell):
    def __init__(self, settings: Settings, retries: Retries, steps: Steps, memory: Notebook) -> None:
        super().__init__(settings, retries=retries, tokens=TokenCache(), memory=memory, clock=steps.time.monotonic)
        self._steps = steps
        # A wait for the governor passes at once, like every other pause.
        self._sleep = steps.pause

    def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Pause):
            return self._steps.pause(effect.seconds)
        if not isinstance(effect, Request):
            return super()._perform(effect)
        self._steps.before(effect)
        self._steps.time.sleep(self._steps.time.request_seconds)
        try:
            return super()._perform(effect)
        finally:
            self._steps.after(effect)


class _SteppedPace(Pace):
    """A wait for the governor passes at once, like every other pause."""

    steps: Steps

    def wait(self, request: Request, longest: float) -> float:
        seconds = super().wait(request, longest)
        if seconds > 0:
            self.steps.pause(seconds)
        return 0.0


class SteppedAsyncShell(AsyncShell):
    def __init__(
        self, settings: Settings, retries: Retries, steps: Steps, tokens: TokenCache, memory: Notebook
    ) -> None:
        clock = steps.time.monotonic
        super().__init__(
            settings, retries=retries, governor=Governor(clock=clock), tokens=tokens, memory=memory, clock=clock
        )
        self._steps = steps
        self._pace = _SteppedPace(self._pace.governor, self._pace.observer)
        self._pace.steps = steps

    async def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Pause):
            return self._steps.pause(effect.seconds)
        if not isinstance(effect, Request):
            return await super()._perform(effect)
        self._steps.before(effect)
        self._steps.time.sleep(self._steps.time.request_seconds)
        try:
            return await super()._perform(effect)
        finally:
            self._steps.after(effect)


class Door(OfferLibrary):
    """The library for a new worker: no connection and no token yet.

    `notebook` is the task's state, which a try gets from the tries before it.
    """

    def __init__(self, settings: Settings, retries: Retries, steps: Steps) -> None:
        self.notebook = Notebook()
        super().__init__(settings, retries=retries, shell=_SteppedShell(settings, retries, steps, self.notebook))
        self._exchange = replace(self._exchange, clock=steps.time.monotonic, now=steps.time.now)
        self.steps = steps


class AsyncDoor(Door):
    """The same methods, with flows that the asynchronous shell runs."""

    _tokens: TokenCache

    def run(self, action: Action[T]) -> T:
        return asyncio.run(self._drive(action))

    async def _drive(self, action: Action[T]) -> T:
        tokens = self.__dict__.setdefault("_tokens", TokenCache())
        retries = self._exchange.retries
        async with SteppedAsyncShell(self.settings, retries, self.steps, tokens, self.notebook) as shell:
            if self._access is None:
                self._access = await shell.run(open_access(self._exchange))
            return await shell.run(action(self._access))


DOORS: dict[str, type[Door]] = {"sync": Door, "async": AsyncDoor}

Outcome = Any
"""What a try returned, the error that it raised, or WorkerKilled."""


def outcome_of(work: Callable[[], Any]) -> Outcome:
    """The outcome of a try. Errors that are not the client's own are left to pytest."""
    try:
        return work()
    except (OfferLibraryError, WorkerKilled) as error:
        return error
