"""Processes a list of objects, several at the same time; used for creating and for changing lists."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_offers.operators.words import ON_FAILURE

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Sequence

    from airflow.sdk import Context

    from airflow_provider_offers.client.flows.access import Access
    from airflow_provider_offers.client.flows.ownership import Creation
    from airflow_provider_offers.client.lists import Batch
    from airflow_provider_offers.client.model.entities import Reference, Written
    from airflow_provider_offers.client.wire.messages import Flow
    from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
    from airflow_provider_offers.operators.progress import ListProgress, Receipts

T = TypeVar("T")

# The maximum number of names in a message.
_NAMED = 50


def bounds(max_concurrent: Any, on_failure: Any) -> tuple[int, bool]:
    """How many items run at the same time, and whether a failure stops the rest; both can be templates."""
    from airflow_provider_offers.client.errors import InvalidInputError, Violation
    from airflow_provider_offers.client.model.likeness import one_of
    from airflow_provider_offers.client.model.numbers import whole_number
    from airflow_provider_offers.client.text import quoted

    violations = []
    if on_failure not in ON_FAILURE:
        violations.append(Violation("on_failure", quoted(on_failure), one_of(ON_FAILURE, on_failure)))
    concurrent = whole_number(max_concurrent, 1, 32)
    if concurrent is None:
        violations.append(Violation("max_concurrent", quoted(max_concurrent), "a whole number from 1 to 32"))
    if violations or concurrent is None:
        raise InvalidInputError("The list is not valid", violations)
    return concurrent, on_failure == "stop"


def subject_of(items: Sequence[Reference | Creation]) -> str:
    """The noun for the objects of the list; a list can contain offers of both types."""
    return items[0].kind.subject if items else "offer"


def work_through(
    hook: OfferLibraryHook,
    context: Context,
    items: Sequence[T],
    work: Callable[[Access, T], Flow[Written]],
    *,
    receipts: Receipts,
    progress: ListProgress,
    called: Callable[[int], str],
    done: str,
    max_concurrent: int,
    stop: bool,
    order: Callable[[int], float] | None = None,
) -> list[dict[str, Any]]:
    """Do the work for every item that has no receipt yet; returns a receipt for each object, in their order.

    `called` names an item in a message, and `done` is the past participle of the work, such as `published`. With
    `order`, items start in the order of the number that it gives for each index. Raises `BatchError` if items failed;
    with `stop`, the remaining items do not start. Nor do they if Airflow ends the try.
    """
    from airflow_provider_offers.client.errors import BatchError, OfferLibraryError
    from airflow_provider_offers.client.text import listed
    from airflow_provider_offers.client.wire.memory import remember
    from airflow_provider_offers.operators.reports import push_unfinished

    task: Any = context["ti"].task
    try:
        with _few_collections():
            batch = completed(
                _run(
                    hook,
                    items,
                    work,
                    receipts,
                    progress,
                    max_concurrent=max_concurrent,
                    stop=stop,
                    order=order,
                    is_halted=lambda: task.is_killed,
                )
            )
    finally:
        remember(hook.memory, receipts.save())
    written = [receipts.done[index] for index in sorted(receipts.done)]
    wanted = len(items) - len(batch.again)
    if batch.failures:
        failures = {called(index): error for index, error in batch.failures.items()}
        push_unfinished(task, context, written, failures)
        raise BatchError(done, len(written), wanted, failures, f"{progress.noun}s")
    if task.is_killed and len(written) < wanted:
        told = f"Airflow ended this try: {len(written)} of {wanted} {progress.noun}s were {done}, the others not begun"
        raise OfferLibraryError(told, retryable=True)
    if batch.again:
        hook.log.info("%d items of the list name an object a second time; it was processed once", len(batch.again))
    names = [repr(receipt["name"]) if receipt.get("name") else str(receipt["id"]) for receipt in written]
    sandbox = hook.settings.sandbox
    hook.log.info(
        "%d %ss %s in sandbox %r in %s%s: %s",
        len(written),
        progress.noun,
        done,
        sandbox,
        progress.took,
        _actions(written, done),
        listed(names, _NAMED) or "none",
    )
    return written


def _actions(written: list[dict[str, Any]], done: str) -> str:
    """The actions on the objects, if they are not the same for all."""
    counts = Counter(str(receipt.get("action")) for receipt in written)
    if not counts.keys() - {done}:
        return ""
    return f" ({', '.join(f'{count} {action}' for action, count in counts.most_common())})"


@contextmanager
def _few_collections() -> Iterator[None]:
    """Leave the objects that exist already out of garbage collections.

    Airflow has loaded hundreds of thousands of them, and to look at all takes as long as a thousand writes.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def completed(work: Coroutine[Any, Any, T]) -> T:
    """Run it to its end, or in a separate thread if a loop already runs, as in a notebook or an asynchronous test."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    from concurrent.futures import ThreadPoolExecutor
    from contextvars import copy_context

    with ThreadPoolExecutor(max_workers=1) as threads:
        return threads.submit(copy_context().run, asyncio.run, work).result()


async def _run(
    hook: OfferLibraryHook,
    items: Sequence[T],
    work: Callable[[Access, T], Flow[Written]],
    receipts: Receipts,
    progress: ListProgress,
    *,
    max_concurrent: int,
    stop: bool,
    order: Callable[[int], float] | None,
    is_halted: Callable[[], bool],
) -> Batch:
    from airflow_provider_offers.client.lists import run_batch

    session = await hook.async_session()
    telling = asyncio.create_task(progress.keep_telling())
    try:
        return await run_batch(
            session,
            items,
            work,
            skip=dict(receipts.done),
            max_concurrent=max_concurrent,
            stop=stop,
            progress=progress,
            order=order,
            is_halted=is_halted,
        )
    finally:
        telling.cancel()
        await session.close()
