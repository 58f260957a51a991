"""Work on many objects at once: concurrency within a bound, and one outcome for each object."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

from airflow_provider_offers.client.errors import NotFoundError, OfferLibraryError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.reading import resolve
from airflow_provider_offers.client.model.entities import Reference, Written
from airflow_provider_offers.client.session import AsyncSession
from airflow_provider_offers.client.wire.messages import Flow

T = TypeVar("T")


class Progress(Protocol):
    """Gets every outcome as soon as it is known."""

    def succeeded(self, index: int, written: Written) -> Flow[None]:
        """Keep the result, so that a later process does not repeat the work."""

    def failed(self, index: int, error: OfferLibraryError) -> None: ...


@dataclass(slots=True)
class Batch:
    """The outcomes of a batch, by the index of each object. An index that is in neither mapping was not started.

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
) -> Batch:
    """Do the work for every item, except those in `skip`, which holds their receipts.

    An item is, for example, the reference of an offer. At most `max_concurrent` items run at once, in the order of the
    number that `order` gives for each index. With `stop`, a failure starts no more items; items that are running go on
    to their end. An object that several references mean is processed once, at its first place in the list.

    Returns one outcome for each item that was started. An error of the client fails its item only; any other exception
    ends the whole batch.
    """
    done = skip or {}
    batch = Batch(again=await _named_again(session, items, done, max_concurrent))
    waiting = [index for index in range(len(items)) if index not in done and index not in batch.again]
    if order is not None:
        waiting.sort(key=order)

    async def perform(index: int) -> None:
        if stop and batch.failures:
            return
        try:
            written = await session.run(work(session.access, items[index]))
        except OfferLibraryError as error:
            batch.failures[index] = error
            progress.failed(index, error)
        else:
            batch.written[index] = written
            await session.run(progress.succeeded(index, written))

    await _for_each(waiting, perform, max_concurrent)
    return batch


async def _named_again(
    session: AsyncSession, items: Sequence[Any], done: Mapping[int, Any], max_concurrent: int
) -> frozenset[int]:
    """The indexes of references that mean the same object as an earlier one.

    Looks up names, as the work itself would do; also reference ids of xcore if other references have only an instance
    id. If an object is not found, the work reports it later. If a lookup fails for a time, nothing is started.
    """
    meant = {index: item for index, item in enumerate(items) if isinstance(item, Reference)}
    if len(meant) < 2:
        return frozenset()
    for index, receipt in done.items():
        if index in meant:
            meant[index] = replace(meant[index], id=receipt["id"], instance_id=receipt["instance_id"])
    by_instance_only = any(each.id is None and each.instance_id is not None for each in meant.values())

    async def find(index: int) -> None:
        try:
            meant[index] = await session.run(resolve(session.access, meant[index]))
        except OfferLibraryError as error:
            # Without this lookup, two references to one object could go unnoticed, and the object would be changed
            # twice.
            if error.retryable and not isinstance(error, NotFoundError):
                raise

    unclear = [
        index
        for index, each in meant.items()
        if (each.id is None and each.instance_id is None)
        or (by_instance_only and session.access.generation.needs_instance_id(each))
    ]
    await _for_each(unclear, find, max_concurrent)
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
