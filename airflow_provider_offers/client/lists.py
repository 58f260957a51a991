"""Work on many objects at once: limited concurrency, and one outcome for each object.

A list reads ahead for all of its objects at once, instead of one lookup for each; see `flows/ahead.py`. It also
prepares more objects than it works on at the same time, so that notes about many of them are kept together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

from airflow_provider_offers.client.errors import NotFoundError, OfferLibraryError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.ahead import Ahead, Alone, Gone, Look, Present, Referred, Turn
from airflow_provider_offers.client.flows.ownership import Creation
from airflow_provider_offers.client.flows.reading import BATCH, resolve
from airflow_provider_offers.client.flows.surveys import (
    Confirmation,
    NameSurvey,
    References,
    find_present,
    names_by_kind,
    read_block,
)
from airflow_provider_offers.client.model.entities import Reference, Written
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.repeated import told_once
from airflow_provider_offers.client.session import AsyncSession
from airflow_provider_offers.client.turns import ItsTurn, Turns
from airflow_provider_offers.client.wire.messages import Ask, Flow, Request

T = TypeVar("T")

# The seconds for which written objects may wait for a common look that confirms them.
_CONFIRM_SECONDS = 10.0


class Progress(Protocol):
    """Gets every outcome as soon as it is known."""

    def succeeded(self, index: int, written: Written) -> Flow[None]:
        """Keep the result, so that a later process does not repeat the work."""

    def parked(self) -> Flow[None]:
        """Keep what is known of the writes that wait for the look that confirms them. Runs beside that look."""

    def failed(self, index: int, error: OfferLibraryError) -> None: ...


@dataclass(slots=True, repr=False)
class Batch:
    """The outcomes of a batch, by the index of each object. An index that is in neither mapping was not started.

    It has no repr of its own: asyncio writes the result of the whole run as text, twice.

    `again` holds the indexes at which the list names an object that it named before.
    """

    written: dict[int, Written] = field(default_factory=dict)
    failures: dict[int, OfferLibraryError] = field(default_factory=dict)
    again: frozenset[int] = frozenset()


async def run_batch(
    session: AsyncSession,
    items: Sequence[T],
    work: Callable[[Access, T], Flow[Written]],
    *,
    skip: Mapping[int, Any] | None = None,
    max_concurrent: int,
    stop: bool,
    progress: Progress,
    order: Callable[[int], float] | None = None,
    is_halted: Callable[[], bool] = lambda: False,
) -> Batch:
    """Do the work for every item, except those in `skip`, which holds their receipts.

    An item is, for example, the reference of an offer. At most `max_concurrent` items run at once; an item runs from
    its first request to its end. `order` gives the time until which the item of an index must wait, or 0. Items that
    must wait begin after all others have begun, because they may run for long, in the order of their times. With
    `stop`, a failure starts no more items, and neither does the batch once `is_halted`; items that are running go on to
    their end. An object that several references mean is processed once, at its first place in the list.

    Returns one outcome for each item that was started. An error of the client fails its item only; any other exception
    ends the whole batch.
    """
    with told_once(at_once=True):
        return await _run_batch(session, items, work, skip or {}, max_concurrent, progress, order, is_halted, stop=stop)


async def _run_batch(
    session: AsyncSession,
    items: Sequence[T],
    work: Callable[[Access, T], Flow[Written]],
    done: Mapping[int, Any],
    max_concurrent: int,
    progress: Progress,
    order: Callable[[int], float] | None,
    is_halted: Callable[[], bool],
    *,
    stop: bool,
) -> Batch:
    access = replace(session.access, ahead=Ahead(session.access.exchange))
    run = _Run(session, access, work, progress, max_concurrent, is_halted, stop=stop)
    meant = await _found(run, items, done)
    run.confirmation.learn_time()
    run.batch.again = _named_again(meant)
    waiting = [index for index in range(len(items)) if index not in done and index not in run.batch.again]
    first: set[int] = set()
    if order is not None:
        waiting.sort(key=order)
        first = {index for index in waiting if order(index) <= 0}
        run.turns.let_first(len(first))
    known = (meant.get(index) or _found_before(items[index]) for index in waiting)
    access.ahead.divide([each for each in known if each is not None], BATCH)

    async def perform(index: int) -> None:
        await run.begin(index, items[index], is_first=index in first)

    try:
        await _for_each(waiting, perform, run.turns.at_once)
        while run.parked:
            await run.confirm(max_concurrent)
    finally:
        await run.close()
    return run.batch


@dataclass(slots=True)
class _Parked:
    """A flow that has written, and waits for the look that confirms many writes."""

    index: int
    flow: Flow[Written]
    question: Alone | Gone


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question of a flow. `before` is the request that the flow sends when it has its turn."""

    question: Any
    before: Request | None = None


class _Run:
    """A running batch: runs the flows of its items, and answers their questions."""

    def __init__(
        self,
        session: AsyncSession,
        access: Access,
        work: Callable[[Access, Any], Flow[Written]],
        progress: Progress,
        max_concurrent: int,
        is_halted: Callable[[], bool],
        *,
        stop: bool,
    ) -> None:
        self.session = session
        self.turns = Turns(max_concurrent)
        session.shell.keep_after(self.turns.all_begun)
        self.access = access
        self.max_concurrent = max_concurrent
        self.batch = Batch()
        self.parked: list[_Parked] = []
        self._work = work
        self._stop, self._is_halted = stop, is_halted
        self._progress = progress
        self.confirmation = Confirmation(access)
        self._confirmed = access.exchange.clock()
        self._reading: dict[int, asyncio.Task[None]] = {}
        self._looking = asyncio.Lock()
        self._references = References(access)
        self._confirming = asyncio.Lock()

    async def begin(self, index: int, item: Any, *, is_first: bool = False) -> None:
        """Work on an item, until it is done or waits for a confirmation."""
        turn = await self.turns.prepare(is_first=is_first)
        try:
            if not self.is_stopped:
                await self._go_on(index, self._work(self.access, item), None, turn)
        finally:
            turn.end()
        if self.access.exchange.clock() - self._confirmed >= _CONFIRM_SECONDS and not self._confirming.locked():
            await self.confirm(1)

    @property
    def is_stopped(self) -> bool:
        """Whether no more items start."""
        return self._is_halted() or (self._stop and bool(self.batch.failures))

    async def confirm(self, max_concurrent: int) -> None:
        """Confirm all writes that wait for it, and continue their flows."""
        async with self._confirming:
            self._confirmed = self.access.exchange.clock()
            parked, self.parked = self.parked, []
            if parked:
                await self._confirm(parked, max_concurrent)

    async def _confirm(self, parked: list[_Parked], max_concurrent: int) -> None:
        try:
            questions = [each.question for each in parked]
            await self._run_all([*self.confirmation.looks(questions), self._progress.parked()])
            answers = await self.session.run(self.confirmation.answers(questions))
        except BaseException:
            self.parked += parked
            raise

        async def perform(number: int) -> None:
            each, answer = parked[number], answers[number]
            await self._go_on(each.index, each.flow, answer)

        await _for_each(range(len(parked)), perform, max_concurrent)

    async def _run_all(self, flows: Sequence[Flow[None]]) -> None:
        """Run the flows at the same time."""

        async def perform(number: int) -> None:
            await self.session.run(flows[number])

        await _for_each(range(len(flows)), perform, len(flows))

    async def _run_until(self, flows: Sequence[Flow[None]], is_over: Callable[[], bool]) -> None:
        """Run the flows at the same time. When it is over, a flow that waits for an answer or a retry is canceled."""
        running = {asyncio.create_task(self.session.run(each)) for each in flows}
        try:
            while running and not is_over():
                ended, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for each in ended:
                    each.result()
        finally:
            for each in running:
                each.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def survey(self, kind: Kind, names: Sequence[str], *, to_create: bool = False) -> None:
        """Find the objects with these names in one listing, if that is cheaper than a lookup of each."""
        survey = NameSurvey(self.access, kind, names)
        await self.session.run(survey.begin())
        await self._run_until(survey.rest(), lambda: survey.is_over)
        await self.session.run(survey.end(to_create=to_create))

    async def close(self) -> None:
        """Close the remaining flows and lookups."""
        for each in self.parked:
            each.flow.close()
        for task in self._reading.values():
            task.cancel()
        await asyncio.gather(*self._reading.values(), return_exceptions=True)

    async def _go_on(self, index: int, flow: Flow[Written], answer: Any, turn: ItsTurn | None = None) -> None:
        """Continue a flow. It needs a turn for its requests, unless it has written already (`turn` is None)."""
        before: Request | None = None
        try:
            while isinstance(outcome := await self.session.run(_until_asked(flow, answer, before, turn)), _Asked):
                answer, before = None, outcome.before
                if isinstance(outcome.question, (Alone, Gone)):
                    self.parked.append(_Parked(index, flow, outcome.question))
                    return
                if not isinstance(outcome.question, Turn):
                    answer = await self._answer(outcome.question)
                elif turn is not None:
                    await turn.take()
                    if self.is_stopped:
                        flow.close()
                        return
            if turn is not None:
                turn.end()
        except OfferLibraryError as error:
            self.batch.failures[index] = error
            self._progress.failed(index, error)
        except BaseException:
            flow.close()
            raise
        else:
            self.batch.written[index] = outcome
            await self.session.run(self._progress.succeeded(index, outcome))

    async def _answer(self, question: Any) -> Any:
        if isinstance(question, Look):
            block = self.access.ahead.block_of(question.reference)
            if block is not None:
                await self._read(block)
        elif isinstance(question, Present):
            async with self._looking:
                await self._run_all([find_present(self.access, kind, ids) for kind, ids in question.wanted])
        elif isinstance(question, Referred):
            async with self._looking:
                return await self.session.run(self._references.may_lead_to(question.reference))
        return None

    async def _read(self, block: int) -> None:
        """Read the block, unless it was read already, and begin to read the next ones."""
        for each in range(block, min(block + 2 + self.turns.at_once // BATCH, len(self.access.ahead.blocks))):
            if each not in self._reading:
                self._reading[each] = asyncio.create_task(self.session.run(read_block(self.access, each)))
        await self._reading[block]


def _until_asked(flow: Flow[T], answer: Any, before: Request | None, turn: ItsTurn | None) -> Flow[T | _Asked]:
    """Run a flow to its end, or to its next question to the list; `answer` is the answer to the previous one.

    The first request waits for the turn; then `before` is that request.
    """
    try:
        effect = before or flow.send(answer)
        while not isinstance(effect, Ask):
            if isinstance(effect, Request) and turn is not None and not turn.is_taken:
                return _Asked(Turn(), effect)
            try:
                answer = yield effect
            except OfferLibraryError as error:
                effect = flow.throw(error)
            else:
                effect = flow.send(answer)
    except StopIteration as stop:
        value: T = stop.value
        return value
    return _Asked(effect.question)


async def _found(run: _Run, items: Sequence[Any], done: Mapping[int, Any]) -> dict[int, Reference]:
    """The resolved references of the items, with their ids if they are found.

    Also reads the objects that have the names of new items. If an object is not found, the work on it reports the
    error. If a lookup fails temporarily, the batch does not start.
    """
    new = [
        each
        for index, each in enumerate(items)
        if isinstance(each, Creation) and index not in done and each.found_before is None
    ]
    for kind, names in names_by_kind((each.kind, each.name) for each in new):
        await run.survey(kind, names, to_create=True)
    meant = {index: item for index, item in enumerate(items) if isinstance(item, Reference)}
    if len(meant) < 2:
        return meant
    for index, receipt in done.items():
        if index in meant:
            meant[index] = replace(meant[index], id=receipt["id"], instance_id=receipt["instance_id"])
    await _find_names(run, meant)
    await _find_ids(run, meant)
    return meant


def _found_before(item: Any) -> Reference | None:
    """The existing object that an earlier try found for a creation."""
    return item.found_before if isinstance(item, Creation) else None


async def _find_names(run: _Run, meant: dict[int, Reference]) -> None:
    """Read the objects of a list that gives only names; the work itself reads each object by its id."""
    names = [(each.kind, each.name) for each in meant.values() if each.id is None and each.instance_id is None]
    if len(names) < len(meant):
        # A listing may lag, so it cannot tell whether a name means an object that the list also gives by its id.
        return
    for kind, of_kind in names_by_kind((kind, name) for kind, name in names if name is not None):
        await run.survey(kind, of_kind)
    for index, each in meant.items():
        meant[index] = run.access.ahead.candidate([each.kind], each.name or "") or each


async def _find_ids(run: _Run, meant: dict[int, Reference]) -> None:
    """Look up the missing ids, to find references to the same object."""
    access = run.access
    by_instance_only = any(each.id is None and each.instance_id is not None for each in meant.values())

    async def find(index: int) -> None:
        try:
            meant[index] = await run.session.run(resolve(access, meant[index]))
        except OfferLibraryError as error:
            # Without this lookup, two references to one object could go unnoticed, and the object would be changed
            # twice.
            if error.retryable and not isinstance(error, NotFoundError):
                raise

    unclear = [
        index
        for index, each in meant.items()
        if (each.id is None and each.instance_id is None)
        or (by_instance_only and access.generation.needs_instance_id(each))
    ]
    await _for_each(unclear, find, run.max_concurrent)


def _named_again(meant: Mapping[int, Reference]) -> frozenset[int]:
    """The indexes of references to the same object as an earlier reference."""
    first: dict[str, int] = {}
    again = set()
    for index, each in meant.items():
        keys = [key for key in (each.id, each.instance_id) if key is not None] or [str(each)]
        if any(key in first for key in keys):
            again.add(index)
        for key in keys:
            first.setdefault(key, index)
    return frozenset(again)


async def _for_each(indexes: Sequence[int], perform: Callable[[int], Awaitable[None]], max_concurrent: int) -> None:
    """Run `perform` for every index, at most `max_concurrent` at once."""
    waiting = iter(indexes)

    async def worker() -> None:
        for index in waiting:
            await perform(index)

    broken: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as workers:
            for _ in range(min(max_concurrent, len(indexes))):
                workers.create_task(worker())
    except BaseExceptionGroup as group:
        broken = _first(group)
    if broken is not None:
        # Raise the exception alone, not in a group: Airflow recognizes a timeout by its class.
        raise broken


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
