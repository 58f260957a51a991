"""Applies of one small campaign in virtual time: under faults, killed at any step, and run again."""

from __future__ import annotations

import asyncio
import copy
import pathlib
import re
import shutil
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from unittest.mock import patch

from airflow_provider_offers.campaigns.applying.apply import ApplyOptions, apply_plan
from airflow_provider_offers.campaigns.objects import Campaign
from airflow_provider_offers.campaigns.planning.planner import PlanOptions, plan_campaign
from airflow_provider_offers.campaigns.plans import Plan
from airflow_provider_offers.campaigns.reports import Report
from airflow_provider_offers.campaigns.state import storage
from airflow_provider_offers.campaigns.state.storage import Lock, StateStore
from airflow_provider_offers.client.flows.access import open_access
from airflow_provider_offers.client.session import AsyncSession
from airflow_provider_offers.client.wire.auth import TokenCache
from airflow_provider_offers.client.wire.exchange import Exchange
from airflow_provider_offers.client.wire.retry import Retries
from tests.campaigns.applied import WHERE
from tests.faults.doors import Outcome, SteppedAsyncShell, Steps, WorkerKilled, outcome_of
from tests.faults.world import World
from tests.notebook import Notebook

T = TypeVar("T")

# Longer than any virtual time that a case takes. A thread renews the lock in real time.
_LOCK_SECONDS = 100_000.0
_ID = re.compile(r"(?:dps|xcore):[a-z-]+:[0-9a-f]+")


class WatchedStore(StateStore):
    """A store whose writes of the state are steps, too. Its process may die: then nobody removes the lock."""

    def __init__(self, path: pathlib.Path, steps: Steps) -> None:
        super().__init__(path)
        self._steps = steps

    def lock(self, *args: Any, **options: Any) -> Lock:
        lock = super().lock(*args, **options)
        write = lock.write

        def watched(state: Any) -> Any:
            self._steps.before(None)  # type: ignore[arg-type]
            written = write(state)
            self._steps.after(None)  # type: ignore[arg-type]
            return written

        setattr(lock, "write", watched)  # noqa: B010
        setattr(lock, "__exit__", lambda *_: lock._ended.set())  # noqa: B010
        return lock


class Applies:
    """One campaign, its library, and its state."""

    # How many objects are written at once.
    max_concurrent = ApplyOptions().max_concurrent

    def __init__(self, world: World, api: str, path: pathlib.Path) -> None:
        self.world, self.path = world, path
        world.begin(api)
        self._at_first = {each["id"] for each in world.emulator.objects()}

    def copy(self, path: pathlib.Path) -> Applies:
        """The same campaign with a copy of its state; the library is left as it is."""
        shutil.copytree(self.path, path)
        copied = copy.copy(self)
        copied.path = path
        return copied

    def plan(self, made: Campaign, **options: Any) -> Plan:
        """The plan by the state that is kept now."""
        state = StateStore(self.path).read(*WHERE)

        async def work(session: AsyncSession) -> Plan:
            return await session.run(plan_campaign(session.access, made, state, PlanOptions(**options)))

        return self._with_session(work)

    def apply(self, plan: Plan, steps: Steps | None = None, *, max_retries: int = 3, timeout: float = 30.0) -> Outcome:
        """How an apply ends: its report, the error, or `WorkerKilled`."""
        steps = steps or Steps(self.world.time)
        store = WatchedStore(self.path, steps)
        options = ApplyOptions(owner="task apply", lock_seconds=_LOCK_SECONDS, max_concurrent=self.max_concurrent)

        async def work(session: AsyncSession) -> Report:
            return await apply_plan(session, plan, store, options)

        # The earlier try is dead: nobody has to wait until it stops.
        with patch.object(storage, "STOPS_WITHIN_SECONDS", 0.0):
            return outcome_of(lambda: self._with_session(work, steps, max_retries, timeout))

    def _with_session(
        self,
        work: Callable[[AsyncSession], Awaitable[T]],
        steps: Steps | None = None,
        max_retries: int = 3,
        timeout: float = 30.0,
    ) -> T:
        steps = steps or Steps(self.world.time)
        settings = self.world.settings(timeout=timeout)
        retries = Retries(max_retries=max_retries, jitter=lambda: 0.5)
        exchange = Exchange(settings, retries, clock=steps.time.monotonic, now=steps.time.now)

        async def run() -> T:
            async with SteppedAsyncShell(settings, retries, steps, TokenCache(), Notebook()) as shell:
                access = await shell.run(open_access(exchange))
                return await work(AsyncSession(settings, shell, access))

        return asyncio.run(run())

    def objects(self) -> list[dict[str, Any]]:
        """The objects of the campaign at this moment."""
        return [each for each in self.world.emulator.objects() if each["id"] not in self._at_first]

    def statuses(self) -> dict[str, str | None]:
        """The status of each object of the campaign at this moment, by name."""
        return {each["body"]["name"]: each["body"].get("status") for each in self.objects()}

    def forget(self) -> None:
        """Lose the state."""
        shutil.rmtree(self.path, ignore_errors=True)

    def there(self) -> list[tuple[str, Any]]:
        """The objects of the campaign with names for ids, in the order of their names."""
        self.world.ours()
        found = copy.deepcopy(self.world.emulator.objects())
        names = {_bare(each["id"]): each["body"].get("name", "?") for each in found}
        return sorted(
            (f"{each['kind']} {each['body'].get('name')}", str(_named(each["body"], names)))
            for each in found
            if each["id"] not in self._at_first
        )


def _bare(identifier: str) -> str:
    return identifier.rpartition(":")[2]


def _named(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _named(each, names) for key, each in sorted(value.items())}
    if isinstance(value, list):
        return [_named(each, names) for each in value]
    if isinstance(value, str):
        return _ID.sub(lambda found: names.get(_bare(found[0]), found[0]), value)
    return value


class Counted(Steps):
    """Counts the steps of a run, and notes what each is."""

    def __init__(self, time: Any) -> None:
        super().__init__(time)
        self.seen: list[str] = []

    def before(self, request: Any) -> None:
        self.seen.append("state" if request is None else request.method)


class Dead(Steps):
    """The worker dies just before or after its step of that number, from 1. Nothing of it does a later step."""

    def __init__(self, time: Any, number: int, when: str) -> None:
        super().__init__(time)
        self._number, self._when = number, when
        self._begun = 0
        self._fatal: Any = self
        self._is_dead = False

    def before(self, request: Any) -> None:
        if self._is_dead:
            raise WorkerKilled
        self._begun += 1
        if self._begun == self._number:
            self._fatal = request
            if self._when == "before":
                self._die()

    def after(self, request: Any) -> None:
        # Other requests may have begun meanwhile.
        if request is self._fatal and self._when == "after":
            self._die()

    def _die(self) -> None:
        self._is_dead = True
        raise WorkerKilled
