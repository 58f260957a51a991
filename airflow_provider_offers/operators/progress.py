"""The progress of a list: the receipts for the next try, and the lines in the log."""

from __future__ import annotations

import time
from abc import abstractmethod
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk.types import Logger

    from airflow_provider_offers.client.errors import OfferLibraryError
    from airflow_provider_offers.client.model.entities import Written
    from airflow_provider_offers.client.wire.messages import Flow

_LOG_SECONDS = 10.0


class Receipts(Protocol):
    """The receipts of finished objects, by index."""

    done: dict[int, dict[str, Any]]

    @abstractmethod
    def add(self, index: int, receipt: dict[str, Any], now: datetime) -> Flow[None]:
        """Keep a receipt."""

    @abstractmethod
    def save(self) -> Flow[None]:
        """Keep what is not kept yet."""


class ListProgress:
    """Logs the progress of a list every ten seconds, and keeps every outcome.

    `noun` names one object, and `called` names the object at an index.
    """

    def __init__(
        self,
        log: Logger,
        receipts: Receipts,
        total: int,
        to_receipt: Callable[[int, Written], dict[str, Any]],
        noun: str,
        called: Callable[[int], str],
    ) -> None:
        self.noun = noun
        self._called = called
        self._log = log
        self._receipts = receipts
        self._total = total
        self._to_receipt = to_receipt
        self._failed = 0
        self._told_at = time.monotonic()
        if receipts.done:
            log.info("%d of %d %ss were done by an earlier try of this task", len(receipts.done), total, noun)

    def succeeded(self, index: int, written: Written) -> Flow[None]:
        yield from self._receipts.add(index, self._to_receipt(index, written), datetime.now(UTC))
        self._tell()

    def failed(self, index: int, error: OfferLibraryError) -> None:
        self._failed += 1
        place = f"{self.noun.capitalize()} {index + 1} of {self._total}"
        self._log.error("%s, %s, failed: %s", place, self._called(index), error)
        self._tell()

    def _tell(self) -> None:
        if time.monotonic() - self._told_at >= _LOG_SECONDS:
            self._told_at = time.monotonic()
            done = len(self._receipts.done)
            self._log.info("%d of %d %ss done, %d failed", done, self._total, self.noun, self._failed)
