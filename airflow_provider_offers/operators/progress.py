"""How far a task has come with a list: logged for people, kept for the next try where Airflow can (3.3)."""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow.sdk import Context
    from airflow.sdk.types import Logger

    from airflow_provider_offers.client.entities import Reference
    from airflow_provider_offers.client.errors import OfferLibraryError
    from airflow_provider_offers.client.flows.writing import Written

# A value of the task's state should stay below 64 KiB; a receipt takes about 200 bytes.
_CHUNK = 100
_LOG_SECONDS = 10.0
# Work that bears being done again is saved in bunches: a crash has the next try do the last second's again.
_SAVE_SECONDS = 1.0


class Checkpoint:
    """The receipts of the offers that are done, in the task's state; on Airflow 3.2, which has none, in memory only.

    A checkpoint of another list, or of other work, is of no use and is dropped.
    """

    def __init__(self, context: Context, references: Sequence[Reference], work: Any, *, repeatable: bool) -> None:
        self._every = _SAVE_SECONDS if repeatable else 0.0
        self._store: Any = context.get("task_state_store")
        self._plan = hashlib.sha256(json.dumps([list(map(str, references)), work], default=str).encode()).hexdigest()
        self.done: dict[int, dict[str, Any]] = {}
        self._unsaved: set[int] = set()
        self._saved_at = time.monotonic()
        if self._store is not None and self._store.get("offers_plan") == self._plan:
            for chunk in range(0, len(references), _CHUNK):
                kept: Any = self._store.get(f"offers_done_{chunk // _CHUNK}") or {}
                self.done |= {int(index): receipt for index, receipt in kept.items()}
        elif self._store is not None:
            self._store.clear()
            self._store.set("offers_plan", self._plan)

    def add(self, index: int, receipt: dict[str, Any]) -> None:
        """Keep a receipt; it is saved at once, or within a second where the work bears being done again."""
        self.done[index] = receipt
        self._unsaved.add(index // _CHUNK)
        if time.monotonic() - self._saved_at >= self._every:
            self.save()

    def save(self) -> None:
        """Write what is not in the task's state yet."""
        self._saved_at = time.monotonic()
        unsaved, self._unsaved = self._unsaved, set()
        if self._store is None:
            return
        for chunk in sorted(unsaved):
            indexes = range(chunk * _CHUNK, (chunk + 1) * _CHUNK)
            saved = {str(index): self.done[index] for index in indexes if index in self.done}
            self._store.set(f"offers_done_{chunk}", saved)


class ListProgress:
    """Tells the log every ten seconds how far a list is, and the checkpoint every outcome."""

    def __init__(
        self, log: Logger, checkpoint: Checkpoint, total: int, to_receipt: Callable[[int, Written], dict[str, Any]]
    ) -> None:
        self._log = log
        self._checkpoint = checkpoint
        self._total = total
        self._to_receipt = to_receipt
        self._failed = 0
        self._told_at = time.monotonic()
        if checkpoint.done:
            log.info("%d of %d offers were done by an earlier try of this task", len(checkpoint.done), total)

    def succeeded(self, index: int, written: Written) -> None:
        self._checkpoint.add(index, self._to_receipt(index, written))
        self._tell()

    def failed(self, index: int, error: OfferLibraryError) -> None:
        self._failed += 1
        self._log.error("Offer %d of %d failed: %s", index + 1, self._total, error)
        self._tell()

    def _tell(self) -> None:
        if time.monotonic() - self._told_at >= _LOG_SECONDS:
            self._told_at = time.monotonic()
            self._log.info("%d of %d offers done, %d failed", len(self._checkpoint.done), self._total, self._failed)
