"""The shared stream of looks. Airflow 3.2 has no shared streams, and never uses it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from airflow_provider_offers.triggers.overviews import Look, overview

if TYPE_CHECKING:
    from airflow.triggers.shared_stream import AdvanceItem, SharedStreamProducer
else:
    try:
        from airflow.triggers.shared_stream import SharedStreamProducer
    except ImportError:
        SharedStreamProducer = object

log = logging.getLogger(__name__)


class Looks(SharedStreamProducer):
    """The looks at one sandbox. After the events of a look are stored, the triggers keep their positions."""

    def __init__(self, conn_id: str, sandbox: str | None) -> None:
        self._place = (conn_id, sandbox)

    async def open_stream(self) -> AsyncIterator[tuple[Look, Look]]:
        """Every look, with itself as what `advance` receives."""
        async with overview(*self._place) as view:
            async for look in view.looks():
                yield look, look

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        """Keep the positions of looks whose events are all stored. Without it, a restart tells them once more."""
        for item in batch:
            look: Look = item.broker_payload
            if item.outcome.failed:
                continue
            for save in look.saves:
                try:
                    await save()
                except Exception as error:  # noqa: BLE001  Airflow's API was out of reach; the next look keeps it
                    log.warning("The position of an event trigger is kept later: %s", type(error).__name__)
