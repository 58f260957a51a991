"""When a request is sent again, or the library is looked at again, and after which pause: decisions without I/O."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import InitVar, dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from airflow_provider_offers.client.errors import OfferLibraryError
from airflow_provider_offers.client.wire.messages import Pause

_MAX_RETRY_AFTER = 86_400.0
# Maximum seconds for which one answer can delay all users of a feed or a connection.
LONGEST_HOLD = 300.0
# The pauses between two looks grow from the first to the longest.
_FIRST_LOOK, _LONGEST_LOOK = 0.25, 2.0


@dataclass(frozen=True, slots=True)
class Retries:
    """How patient the client is with one call.

    `max_retries` counts the requests after the first. Pauses grow from `base` to `cap` seconds with full jitter.
    `deadline` bounds the whole call in seconds on the monotonic clock, including pauses.
    """

    max_retries: int = 5
    base: float = 0.5
    cap: float = 30.0
    deadline: float = 300.0
    jitter: Callable[[], float] = random.random

    def pause(self, error: OfferLibraryError, *, repeatable: bool, attempt: int, elapsed: float) -> float | None:
        """Seconds to wait before the request is sent again, or None to give up and raise `error`.

        `attempt` counts from 0; `repeatable` says that the request may arrive twice without harm.
        """
        if attempt >= self.max_retries or not error.verdict.allows_resending(repeatable=repeatable):
            return None
        wanted = getattr(error, "retry_after", None)
        if wanted is None:
            seconds = self.jitter() * min(self.cap, self.base * 2**attempt)
        else:
            # All waiters got the same time. The jitter keeps them from coming back at once.
            seconds = wanted + self.jitter() * self.base
        return seconds if elapsed + seconds < self.deadline else None


@dataclass(slots=True)
class Tries:
    """The tries of one call: how many have failed, and the pause before the next one."""

    retries: Retries
    clock: Callable[[], float]
    failed: int = 0
    _started: float = field(init=False)

    def __post_init__(self) -> None:
        self._started = self.clock()

    def pause(self, error: OfferLibraryError, *, repeatable: bool) -> Pause | None:
        """The pause before the next try; None to give up. `repeatable` says that a second request does no harm."""
        elapsed = self.clock() - self._started
        seconds = self.retries.pause(error, repeatable=repeatable, attempt=self.failed, elapsed=elapsed)
        if seconds is None:
            return None
        self.failed += 1
        return Pause(seconds, str(error))

    def pause_or_raise(self, error: OfferLibraryError, *, repeatable: bool) -> Pause:
        """The pause before the next try; raises the error if there is no next try."""
        pause = self.pause(error, repeatable=repeatable)
        if pause is None:
            raise error
        return pause

    def again(self) -> bool:
        """Whether another try is left; it needs no pause."""
        self.failed += 1
        return self.failed <= self.retries.max_retries + 1


@dataclass(slots=True)
class Looks:
    """The looks for something that a listing may not show yet: when they end, and the pause before the next one.

    They end `seconds` after the start.
    """

    clock: Callable[[], float]
    seconds: InitVar[float]
    _end: float = field(init=False)
    _next: float = field(default=_FIRST_LOOK, init=False)

    def __post_init__(self, seconds: float) -> None:
        self._end = self.clock() + seconds

    @property
    def are_over(self) -> bool:
        """Whether the last look has been made."""
        return self.clock() >= self._end

    def end_within(self, seconds: float) -> None:
        """End in that many seconds, if they would end later."""
        self._end = min(self._end, self.clock() + seconds)

    def pause(self, reason: str) -> Pause:
        """The pause before the next look."""
        seconds = max(0.0, min(self._next, self._end - self.clock()))
        self._next = min(self._next * 2, _LONGEST_LOOK)
        return Pause(seconds, reason)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds in a `Retry-After` header, from a number or an HTTP date; None if it is neither.

    A date is compared with the answer's own `Date`, so our clock does not have to agree with the service's.
    """
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    if value.isascii() and value.replace(".", "", 1).isdigit():
        return min(float(value), _MAX_RETRY_AFTER)
    moment = http_date(value)
    if moment is None:
        return None
    reference = http_date(headers.get("date", "")) or now
    return min(max((moment - reference).total_seconds(), 0.0), _MAX_RETRY_AFTER)


def http_date(value: str) -> datetime | None:
    """The time in a header; None if it is not a valid date."""
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        return None
