"""The progress of a list: the receipts for the next try, and the lines in the log. And the progress of a campaign."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from airflow.sdk.types import Logger

    from airflow_provider_offers.campaigns.applying.items import Progress
    from airflow_provider_offers.client.errors import OfferLibraryError
    from airflow_provider_offers.client.model.entities import Written
    from airflow_provider_offers.client.model.kinds import Kind
    from airflow_provider_offers.client.wire.messages import Flow

_LOG_SECONDS = 10.0


class Receipts(Protocol):
    """The receipts of finished objects, by index."""

    done: dict[int, dict[str, Any]]

    @abstractmethod
    def add(self, index: int, receipt: dict[str, Any], now: datetime) -> Flow[None]:
        """Keep a receipt."""

    @abstractmethod
    def keep(self, now: datetime) -> Flow[None]:
        """Keep what is not kept yet. The work goes on."""

    @abstractmethod
    def save(self) -> Flow[None]:
        """Keep what is not kept yet, at the end of the work."""


class ListProgress:
    """Logs the progress of a list every ten seconds, and keeps every outcome.

    `noun` names one object, and `called` names the object at an index. `clock` counts seconds.
    """

    def __init__(
        self,
        log: Logger,
        receipts: Receipts,
        total: int,
        to_receipt: Callable[[int, Written], dict[str, Any]],
        noun: str,
        called: Callable[[int], str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.noun = noun
        self._called = called
        self._log = log
        self._receipts = receipts
        self._total = total
        self._to_receipt = to_receipt
        self._clock = clock
        self._failed = 0
        self._before = len(receipts.done)
        self._began = self._told_at = clock()
        if receipts.done:
            log.info("%d of %d %ss were done by an earlier try of this task", len(receipts.done), total, noun)

    def succeeded(self, index: int, written: Written) -> Flow[None]:
        yield from self._receipts.add(index, self._to_receipt(index, written), datetime.now(UTC))
        self.tell()

    def parked(self) -> Flow[None]:
        yield from self._receipts.keep(datetime.now(UTC))

    def failed(self, index: int, error: OfferLibraryError) -> None:
        self._failed += 1
        place = f"{self.noun.capitalize()} {index + 1} of {self._total}"
        self._log.error("%s, %s, failed: %s", place, self._called(index), error)
        self.tell()

    def tell(self) -> None:
        """Log the progress of the list, unless it was logged less than ten seconds ago."""
        now = self._clock()
        if now - self._told_at < _LOG_SECONDS:
            return
        self._told_at = now
        done = len(self._receipts.done)
        self._log.info(
            "%d of %d %ss done, %d failed%s", done, self._total, self.noun, self._failed, self._speed(now - self._began)
        )

    async def keep_telling(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Check the clock every second, so that the log has a line even if no object is finished.

        Runs until it is cancelled.
        """
        while True:
            await sleep(1.0)
            self.tell()

    @property
    def took(self) -> str:
        """The duration of the list in this try, such as `2 min 5 s`."""
        return _spelled(self._clock() - self._began)

    def _speed(self, seconds: float) -> str:
        """The objects per second in this try, and the time for the rest at that rate."""
        ended = len(self._receipts.done) - self._before + self._failed
        if not ended or seconds <= 0:
            return ""
        left = max(0, self._total - len(self._receipts.done) - self._failed)
        rate = ended / seconds
        return f"; {rate:.3g} a second, about {_spelled(left / rate)} left"


class CampaignProgress:
    """Logs every ten seconds how far the reading of a library or an apply is. `clock` counts seconds."""

    def __init__(self, log: Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._log, self._clock = log, clock
        self._told_at = clock()

    def read(self, kind: Kind, done: int) -> None:
        """Hear of a page of a kind; `done` objects of it were read so far."""
        self._tell("%d %ss read", done, kind.noun)

    def applied(self, progress: Progress) -> None:
        """Hear of an object that is finished."""
        self._tell("%s: %d of %d objects", progress.phase, progress.done, progress.total)

    def _tell(self, line: str, *told: Any) -> None:
        now = self._clock()
        if now - self._told_at >= _LOG_SECONDS:
            self._told_at = now
            self._log.info(line, *told)


def _spelled(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [
        f"{hours} h" if hours else "",
        f"{minutes} min" if minutes else "",
        f"{rest} s" if rest or not minutes else "",
    ]
    return " ".join(part for part in (parts[:2] if hours else parts) if part)
