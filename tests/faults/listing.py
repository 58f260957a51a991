"""A task with a list of objects, in virtual time: each try with its faults, and the expected objects."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_offers.client.errors import OfferLibraryError
from airflow_provider_offers.client.flows.access import open_access
from airflow_provider_offers.client.flows.adding import create_object
from airflow_provider_offers.client.flows.creation_notes import CreationNotes
from airflow_provider_offers.client.flows.memory import TaskTries
from airflow_provider_offers.client.lists import Batch, run_batch
from airflow_provider_offers.client.model.entities import Reference, Written
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.session import AsyncSession
from airflow_provider_offers.client.wire.auth import TokenCache
from airflow_provider_offers.client.wire.exchange import Exchange
from airflow_provider_offers.client.wire.memory import remember
from airflow_provider_offers.client.wire.messages import Flow
from airflow_provider_offers.client.wire.retry import Retries
from tests.client.lists import Work, creations, work_of
from tests.faults.doors import Outcome, SteppedAsyncShell, Steps, outcome_of
from tests.faults.world import OFFER, World
from tests.notebook import Notebook

NAMES = tuple(f"Listed {number}" for number in range(1, 6))
_LONG = timedelta(seconds=60)


@dataclass(frozen=True)
class Job:
    """A task's operation on its list; None for a creation. `leaves` is the content of each object afterward."""

    name: str
    operation: str | None
    leaves: Mapping[str, Any] | None
    given: Mapping[str, Any] | None = None


@dataclass
class ListTask:
    """The tries of one task with a list of five offers, or with a list of `names`. `notebook` is the task's state."""

    world: World
    job: Job
    began: datetime
    ids: list[str] = field(default_factory=list)
    notebook: Notebook = field(default_factory=Notebook)
    number: int = 0
    names: tuple[str, ...] = NAMES
    if_exists: str = "fail"

    @classmethod
    def begin(cls, world: World, api: str, job: Job) -> ListTask:
        """The task, in a library of bystanders; for an edit, with the offers of the list, made long ago."""
        world.begin(api)
        task = cls(world, job, world.time.now())
        if job.operation is not None:
            bodies = [{**OFFER, **(job.given or {}), "name": name} for name in NAMES]
            there = [{"kind": "personalized-offer", "body": body, "client_id": "somebody-else"} for body in bodies]
            task.ids = world.emulator.seed(objects=there)
            world.time.sleep(3600)
        world.emulator.clear_journal()
        task.began = world.time.now()
        return task

    def next_try(
        self,
        steps: Steps | None = None,
        *,
        max_retries: int = 3,
        max_concurrent: int = 1,
        timeout: float = 30.0,
    ) -> Outcome:
        """The outcome of the next try: its batch, or the error that ended it."""
        self.number += 1
        tries = TaskTries(number=self.number, last=max(3, self.number), since=self._since, anew=False, durable=True)
        settings = self.world.settings(timeout=timeout)
        retries = Retries(max_retries=max_retries, jitter=lambda: 0.5)
        steps = steps or Steps(self.world.time)
        time = self.world.time
        exchange = replace(Exchange(settings, retries, clock=time.monotonic, now=time.now))

        async def drive() -> Batch:
            async with SteppedAsyncShell(settings, retries, steps, TokenCache(), self.notebook) as shell:
                session = AsyncSession(settings, shell, await shell.run(open_access(exchange)))
                if self.job.operation is None:
                    return await self._create(session, tries, max_concurrent)
                items = [Reference(PERSONALIZED, id=each) for each in self.ids]
                return await _run(session, items, work_of(self.job.operation, PERSONALIZED, tries), max_concurrent)

        return outcome_of(lambda: asyncio.run(drive()))

    @property
    def _since(self) -> datetime | None:
        return self.began if self.number > 1 else None

    async def _create(self, session: AsyncSession, tries: TaskTries, max_concurrent: int) -> Batch:
        wanted, now = creations(PERSONALIZED, self.names, self.if_exists), self.world.time.now
        wishes = [each.wish(["sandbox"]) for each in wanted]
        notes = CreationNotes(tries, wishes, began=now(), answer=_LONG)
        remember(self.notebook, notes.load())
        items = [
            replace(each, earlier=notes.earlier(index), record=notes.of(index), found=notes.found(index))
            for index, each in enumerate(wanted)
        ]

        def keep(index: int, written: Written) -> Flow[None]:
            return notes.add(index, {"action": written.action, "id": written.receipt.id}, now())

        told = _Told(keep, lambda: notes.keep(now()))
        try:
            batch = await _run(session, items, create_object, max_concurrent, told=told, order=notes.waits)
        except MemoryFailed:
            # As an operator does, and a worker that is killed does not.
            remember(self.notebook, notes.save())
            raise
        remember(self.notebook, notes.save())
        return batch


class MemoryFailed(Exception):
    """Raised by a task's state that cannot keep a value."""


@dataclass
class _Told:
    keep: Callable[[int, Written], Flow[None]] | None = None
    keep_all: Callable[[], Flow[None]] | None = None

    def succeeded(self, index: int, written: Written) -> Flow[None]:
        if self.keep is not None:
            yield from self.keep(index, written)

    def parked(self) -> Flow[None]:
        if self.keep_all is not None:
            yield from self.keep_all()

    def failed(self, index: int, error: OfferLibraryError) -> None: ...


async def _run(
    session: AsyncSession,
    items: Sequence[Any],
    work: Work,
    max_concurrent: int,
    *,
    told: _Told | None = None,
    order: Callable[[int], float] | None = None,
) -> Batch:
    progress = told or _Told()
    return await run_batch(
        session, items, work, max_concurrent=max_concurrent, stop=False, progress=progress, order=order
    )


def is_done(outcome: Outcome) -> bool:
    """Whether a try did all of its work."""
    return isinstance(outcome, Batch) and not outcome.failures and len(outcome.written) == len(NAMES)


def wrong_with(task: ListTask) -> list[str]:
    """The differences from the expected result, after all pending requests have taken effect."""
    world, job = task.world, task.job
    left = {each.body["name"]: each for each in world.ours()}
    count = len(world.now_there())
    wrong = world.disturbed()
    expected = 0 if job.leaves is None else len(NAMES)
    if count != expected:
        wrong.append(f"{count} offers are left, {expected} must be")
    for name in NAMES if job.leaves is not None else ():
        there = left.get(name)
        if there is None:
            wrong.append(f"there is no {name!r}")
            continue
        if any(there.body.get(key) != value for key, value in (job.leaves or {}).items()):
            wrong.append(f"{name!r} says {there.body}")
        if there.etag != (1 if job.operation is None else 2):
            wrong.append(f"{name!r} was written {there.etag} times")
    return wrong
