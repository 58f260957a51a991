"""One exchange under a governor: its place and its measurement, with reports to an observer and to the log."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from airflow_provider_offers.client.errors import RateLimitedError
from airflow_provider_offers.client.wire.governor import Governor
from airflow_provider_offers.client.wire.messages import HELD_UP, Request, Response
from airflow_provider_offers.client.wire.retry import retry_after

log = logging.getLogger(__name__)


class Observer(Protocol):
    """Receives every request, for statistics. It must not block and must not raise."""

    def began(self, in_flight: int) -> None:
        """A request starts; `in_flight` requests of this process to this service are now running."""

    def ended(self, method: str, status: int | None, seconds: float, in_flight: int) -> None:
        """A request got its answer, or none (None); `in_flight` others are still running."""


class NoObserver:
    """Records nothing."""

    def began(self, in_flight: int) -> None:
        """Nothing."""

    def ended(self, method: str, status: int | None, seconds: float, in_flight: int) -> None:
        """Nothing."""


NO_OBSERVER = NoObserver()


@dataclass(slots=True)
class Pace:
    """The steps of both shells before and after a request."""

    governor: Governor
    observer: Observer

    def wait(self, request: Request, longest: float) -> float:
        """The seconds until the request may be sent. Raises `RateLimitedError` if they are more than `longest`."""
        seconds = self.governor.admit(longest)
        if seconds > longest:
            raise _held_back(request, seconds)
        return seconds

    def begin(self) -> float:
        """Start the request; returns the time by the governor's clock."""
        self.observer.began(self.governor.in_flight)
        return self.governor.clock()

    def end(self, request: Request, began: float, response: Response | None) -> None:
        """End the request, with its answer or without one."""
        governor, seconds = self.governor, self.governor.clock() - began
        status = asked = None
        if response is not None and response.status != HELD_UP.status:
            status = response.status
            asked = retry_after(response.headers, datetime.now(UTC)) if status == 429 else None
        note = governor.answered(status, asked, method=request.method, seconds=seconds)
        if note is not None:
            log.log(note.level, "%s", note.text)
        self.observer.ended(request.method, status, seconds, governor.in_flight - 1)


def _held_back(request: Request, seconds: float) -> RateLimitedError:
    """The error for a request that waits too long, because the service asked for a pause in another answer."""
    path = request.url.partition("://")[2].partition("/")[2].partition("?")[0]
    return RateLimitedError(
        method=request.method,
        path=f"/{path}",
        status=429,
        title="The service asked for a pause in an earlier answer; nothing was sent",
        retry_after=seconds,
        refused=False,
    )
