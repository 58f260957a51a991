"""Lists of objects as the operators hand them over, on an emulator: what is done to each, and what the list needs."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from airflow_provider_offers.client.errors import OfferLibraryError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.adding import create_object
from airflow_provider_offers.client.flows.cascading import delete_object
from airflow_provider_offers.client.flows.creation_arguments import new_creation
from airflow_provider_offers.client.flows.deleting import delete_written
from airflow_provider_offers.client.flows.deleting_once import delete_once
from airflow_provider_offers.client.flows.doubts import patch_looked_at
from airflow_provider_offers.client.flows.editing import schedule, take_step
from airflow_provider_offers.client.flows.memory import Intents, TaskTries
from airflow_provider_offers.client.flows.replacing import replace_object
from airflow_provider_offers.client.lists import Batch, run_batch
from airflow_provider_offers.client.model.entities import Reference, Written
from airflow_provider_offers.client.model.kinds import KINDS, Kind
from airflow_provider_offers.client.model.preparing import prepare
from airflow_provider_offers.client.model.windows import resolve_window
from airflow_provider_offers.client.session import AsyncSession
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.wire.memory import NO_MEMORY, Memory
from airflow_provider_offers.client.wire.messages import Flow
from airflow_provider_offers.emulator import Emulator
from tests.faults.world import LIBRARY_OBJECTS, fallback, offer

WINDOW = resolve_window("2098-01-01T00:00:00Z", "2099-01-01T00:00:00Z")
PATCHES: dict[str, list[dict[str, Any]]] = {
    "sets": [{"op": "add", "path": "/description", "value": "changed"}],
    "adds": [{"op": "add", "path": "/tags/-", "value": Emulator.TAG_ID}],
}
RANKING_FORMULA = {
    "name": "By margin",
    "returnType": {"type": "integer"},
    "expression": {"type": "PQL", "format": "pql/text", "value": "offer.rank.priority"},
    "definedOn": {},
}

Work = Callable[[Access, Any], Flow[Written]]


@dataclass
class Heard:
    """What a list tells of its objects."""

    written: dict[int, Written] = field(default_factory=dict)
    errors: dict[int, OfferLibraryError] = field(default_factory=dict)
    # How many objects were finished each time that writes began to wait for their confirmation.
    parks: list[int] = field(default_factory=list)

    def succeeded(self, index: int, written: Written) -> Flow[None]:
        yield from ()
        self.written[index] = written

    def parked(self) -> Flow[None]:
        yield from ()
        self.parks.append(len(self.written))

    def failed(self, index: int, error: OfferLibraryError) -> None:
        self.errors[index] = error


def document(kind: Kind, name: str) -> dict[str, Any]:
    """A document of the kind that the emulator takes."""
    if kind.is_offer:
        return {**(offer() if kind.key == "personalized" else fallback()), "name": name}
    documents = {"formula": RANKING_FORMULA, **LIBRARY_OBJECTS}
    return {**copy.deepcopy(documents[kind.key]), "name": name}


def creations(kind: Kind, names: Sequence[str], if_exists: str = "fail", **options: Any) -> list[Any]:
    """What a creating task makes of its list."""
    given = {"window": None, "patience": 10.0, "marker": None, "earlier": None, "validate": True, **options}
    return [new_creation(kind, document(kind, name), if_exists=if_exists, **given) for name in names]


def work_of(operation: str, kind: Kind, tries: TaskTries | None = None) -> Work:
    """What the operator of that name does to each object of a list."""
    tries = tries or TaskTries(durable=True)
    intents = Intents(tries, operation).of_list()
    if operation.startswith("patch "):
        prepared = prepare(PATCHES[operation.removeprefix("patch ")], [kind], "dps", True)
        return lambda access, each: patch_looked_at(access, each, prepared, intent=intents.of(each))
    if operation == "delete":
        delete = delete_written if kind.is_offer else delete_object

        def deleted(access: Access, reference: Reference, missing_ok: bool) -> Flow[Written]:
            return delete(access, reference, missing_ok=missing_ok)

        return lambda access, each: delete_once(access, each, deleted, tries)
    if operation == "schedule":
        return lambda access, each: schedule(access, each, WINDOW, intent=intents.of(each))
    if operation == "replace":
        return lambda access, each: replace_object(
            access, each, {**document(kind, "Replaced"), "description": "new"}, intent=intents.of(each)
        )
    step = next(each for each in kind.steps if each.verb == operation)
    # The window of the documents is open by then.
    now = datetime(2050, 1, 1, tzinfo=UTC)
    return lambda access, each: take_step(access, each, step, now=now, intent=intents.of(each))


def run_list(
    settings: Settings,
    items: Sequence[Any],
    work: Work = create_object,
    *,
    max_concurrent: int = 8,
    stop: bool = True,
    memory: Memory = NO_MEMORY,
    heard: Heard | None = None,
    order: Callable[[int], float] | None = None,
) -> tuple[Batch, Heard]:
    """Work on a list as an operator does."""
    heard = heard or Heard()

    async def run() -> Batch:
        session = await AsyncSession.open(settings, memory=memory)
        try:
            bounds: dict[str, Any] = {"max_concurrent": max_concurrent, "stop": stop, "order": order}
            return await run_batch(session, items, work, progress=heard, **bounds)
        finally:
            await session.close()

    return asyncio.run(run()), heard


def kinds_of(api: str) -> list[Kind]:
    """The kinds that the generation documents calls for."""
    return [kind for kind in KINDS.values() if api == "dps" or kind.xcore_version is not None]
