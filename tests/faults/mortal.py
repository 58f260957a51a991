"""Operators whose worker is killed in its first try at a chosen step: a request, its answer, or a note."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from airflow_provider_offers.client.wire.async_shell import AsyncShell
from airflow_provider_offers.client.wire.sync_shell import SyncShell
from airflow_provider_offers.operators.offers import (
    ArchiveExpiredOffersOperator,
    CreateFallbackOfferOperator,
    CreateOfferOperator,
    DeleteOfferOperator,
    PatchOfferOperator,
    PublishOfferOperator,
    ScheduleOfferOperator,
)
from tests.airflow.child import kill_this_worker


class Mortal:
    """Is killed in its first try, just before or after its n-th request or note, where `deaths` has n for its task."""

    deaths: ClassVar[dict[str, int]] = {}

    def execute(self, context: Any) -> Any:
        if context["ti"].try_number == 1:
            die_at(self.deaths.get(context["ti"].task_id, 0), context)
        return super().execute(context)  # type: ignore[misc]


def die_at(step: int, context: Any) -> None:
    """Kill this process at that step, from 1. It is a child of the test's process, so nothing needs to be restored."""
    left = itertools.count(step - 1, -1)

    def passing() -> Iterator[None]:
        for _ in range(2):
            if next(left) == 0:
                kill_this_worker()
            yield

    _watch(SyncShell, "_exchange", passing)
    _watch_async(AsyncShell, "_send", passing)
    store = context.get("task_state_store")
    if store is not None:
        _watch(type(store), "set", passing)


def _watch(owner: Any, name: str, passing: Callable[[], Iterator[None]]) -> None:
    original = getattr(owner, name)

    def watched(*args: Any, **options: Any) -> Any:
        around = passing()
        next(around)
        try:
            return original(*args, **options)
        finally:
            next(around)

    setattr(owner, name, watched)


def _watch_async(owner: Any, name: str, passing: Callable[[], Iterator[None]]) -> None:
    original = getattr(owner, name)

    async def watched(*args: Any, **options: Any) -> Any:
        around = passing()
        next(around)
        try:
            return await original(*args, **options)
        finally:
            next(around)

    setattr(owner, name, watched)


class MortalCreate(Mortal, CreateOfferOperator):
    """Creates, and may be killed."""


class MortalCreateFallback(Mortal, CreateFallbackOfferOperator):
    """Creates, and may be killed."""


class MortalPatch(Mortal, PatchOfferOperator):
    """Patches, and may be killed."""


class MortalSchedule(Mortal, ScheduleOfferOperator):
    """Schedules, and may be killed."""


class MortalPublish(Mortal, PublishOfferOperator):
    """Publishes, and may be killed."""


class MortalArchiveExpired(Mortal, ArchiveExpiredOffersOperator):
    """Archives, and may be killed."""


class MortalDelete(Mortal, DeleteOfferOperator):
    """Deletes, and may be killed."""
