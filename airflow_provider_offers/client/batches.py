"""The same work for many offers: concurrent within a bound, each offer by itself, every outcome kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from airflow_provider_offers.client.entities import Reference
from airflow_provider_offers.client.errors import OfferLibraryError, can_pass
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.writing import Written
from airflow_provider_offers.client.session import AsyncSession
from airflow_provider_offers.client.wire import Flow

T = TypeVar("T")

Work = Callable[[Access, Reference], Flow[Written]]
_SHOWN = 5


class Progress(Protocol):
    """Is told every outcome as soon as it is known."""

    def succeeded(self, index: int, written: Written) -> None: ...

    def failed(self, index: int, error: OfferLibraryError) -> None: ...


@dataclass(slots=True)
class Batch:
    """What came of a batch, by the index of each offer in it. What is in neither was not begun."""

    written: dict[int, Written] = field(default_factory=dict)
    failures: dict[int, OfferLibraryError] = field(default_factory=dict)


class BatchError(OfferLibraryError):
    """Some offers of a list could not be done. `failures` maps each one's name or id to its error's text."""

    def __init__(self, verb: str, done: int, total: int, failures: Mapping[str, OfferLibraryError]) -> None:
        self.done = done
        self.total = total
        self.failures = {offer: str(error) for offer, error in failures.items()}
        self.retryable = any(map(can_pass, failures.values()))
        self.verb = verb
        self._say("offers")

    def about(self, nouns: str) -> BatchError:
        """The same error about objects of another kind."""
        self._say(nouns)
        return self

    def _say(self, nouns: str) -> None:
        lines = "".join(f"\n  {offer}: {error}" for offer, error in list(self.failures.items())[:_SHOWN])
        more = len(self.failures) - _SHOWN
        undone = self.total - self.done - len(self.failures)
        super().__init__(
            f"{self.done} of {self.total} {nouns} were {self.verb}, {len(self.failures)} failed"
            + (f" and {undone} were not begun" if undone else "")
            + f":{lines}"
            + (f"\n  and {more} more" if more > 0 else "")
        )


async def run_batch(
    session: AsyncSession,
    items: Sequence[T],
    work: Callable[[Access, T], Flow[Written]],
    *,
    skip: Mapping[int, Any] | None = None,
    max_concurrent: int,
    stop: bool,
    progress: Progress,
) -> Batch:
    """Do the work for every item, such as the reference of an offer, but those in `skip`.

    At most `max_concurrent` are under way at once. After a failure, `stop` begins no more; those under way are ended
    in order. Errors other than the client's own end the whole batch.
    """
    batch = Batch()
    waiting = iter([index for index in range(len(items)) if index not in (skip or {})])

    async def worker() -> None:
        for index in waiting:
            if stop and batch.failures:
                return
            try:
                written = await session.run(work(session.access, items[index]))
            except OfferLibraryError as error:
                batch.failures[index] = error
                progress.failed(index, error)
            else:
                batch.written[index] = written
                progress.succeeded(index, written)

    broken: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as workers:
            for _ in range(min(max_concurrent, len(items))):
                workers.create_task(worker())
    except BaseExceptionGroup as group:
        broken = _first(group)
    if broken is not None:
        # By itself: Airflow tells a timeout from a failure by the exception.
        raise broken
    return batch


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
