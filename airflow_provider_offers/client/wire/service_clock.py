"""The service's clock, read from the `Date` of its answers. Windows follow it; a worker's clock may be wrong."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache

from airflow_provider_offers.client.wire.retry import http_date

# A worker's clock with a larger error than this is worth a warning.
SKEW_BOUND = timedelta(seconds=30)
# A final step waits this much longer than the end of a window, because the servers of one service may differ.
MARGIN = timedelta(seconds=5)
# If no answer shows the time, the worker's own clock decides. This margin allows for its error.
UNTOLD_MARGIN = timedelta(minutes=15)

# A `Date` has whole seconds, so the real time is up to this much later.
_GRAIN = 1.0
# Maximum drift between two good clocks, in seconds per second.
_DRIFT = 0.0002
# A clock that shows the same second for longer than this stands still, as that of an emulator may.
_STANDSTILL = 3.0
# Statuses that come from the service itself. A proxy or gateway would show its own clock.
_OF_THE_SERVICE = frozenset({*range(200, 300), 304, 404, 409, 410, 412, 422})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)

log = logging.getLogger(__name__)


def utc_now() -> datetime:
    """This machine's clock."""
    return datetime.now(UTC)


def elapsed() -> float:
    """Seconds of a clock that cannot be set and that also runs while the machine is suspended."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)


class ServiceClock:
    """The clock of one host, from its latest answers. Threads may share it.

    An answer bounds the clock from both sides: its `Date` was true between the sending of the request and the receipt
    of the answer. Answers that agree narrow the bounds. An answer that contradicts them replaces them: the clock was
    set.
    """

    def __init__(
        self,
        host: str,
        *,
        elapsed: Callable[[], float] = elapsed,
        wall: Callable[[], datetime] = utc_now,
    ) -> None:
        self.host = host
        self.elapsed = elapsed
        self._wall = wall
        self._guard = threading.Lock()
        # The minimum and maximum difference between `elapsed` and the service's seconds since 1970, and when it was
        # learned.
        self._bounds: tuple[float, float] | None = None
        self._learnt_at = 0.0
        self._shown = 0.0
        self._shown_since = 0.0
        self._stands_still = False
        self._warned = False
        self.agreeing = 0
        """How many answers in a row agree; 0 if none has shown the time."""
        self.moves = 0
        """How often an answer contradicted the earlier ones."""

    def now(self) -> datetime:
        """A time that the service's clock has certainly reached, at most about a second behind it.

        If no answer has shown the time, this machine's time.
        """
        with self._guard:
            if self._bounds is None:
                return self._wall()
            if self._stands_still:
                return _EPOCH + timedelta(seconds=self._shown)
            return _EPOCH + timedelta(seconds=self.elapsed() + self._bounds[0])

    @property
    def is_told(self) -> bool:
        """Whether an answer has shown the time."""
        return self._bounds is not None

    @property
    def skew(self) -> timedelta:
        """How far the service's clock is ahead of this machine's, by its answers."""
        with self._guard:
            if self._bounds is None:
                return timedelta(0)
            middle = sum(self._bounds) / 2
            return _EPOCH + timedelta(seconds=self.elapsed() + middle) - self._wall()

    def has_passed(self, moment: datetime) -> bool:
        """Whether a time has certainly passed, with a margin for steps that are final."""
        return self.now() >= moment + (MARGIN if self.is_told else UNTOLD_MARGIN)

    def learn(self, status: int, headers: Mapping[str, str], *, sent: float, received: float) -> None:
        """Learn from an answer; `sent` and `received` are times of `elapsed`, before and after it.

        Ignores answers from a cache, answers that the service did not send, and a `Date` that is not valid.
        """
        shown = _seconds(headers.get("date", ""))
        if status not in _OF_THE_SERVICE or "age" in headers or shown is None:
            return
        with self._guard:
            self._notice_stopped_clock(shown, sent, received)
            self._narrow(shown - received, shown + _GRAIN - sent, received)
        self._warn()

    def _narrow(self, low: float, high: float, at: float) -> None:
        if self._bounds is not None:
            drift = abs(at - self._learnt_at) * _DRIFT
            both = max(low, self._bounds[0] - drift), min(high, self._bounds[1] + drift)
            if both[0] <= both[1]:
                self._bounds, self._learnt_at = both, at
                self.agreeing += 1
                return
            self.moves += 1
        self._bounds, self._learnt_at, self.agreeing = (low, high), at, 1

    def _notice_stopped_clock(self, shown: float, sent: float, received: float) -> None:
        """Note whether the clock still shows the same time. The travel time of an answer does not count."""
        if shown != self._shown or self._bounds is None:
            self._shown, self._shown_since = shown, received
        self._stands_still = sent - self._shown_since > _STANDSTILL

    def _warn(self) -> None:
        skew = self.skew
        if abs(skew) <= SKEW_BOUND or self._warned:
            return
        self._warned = True
        log.warning(
            "The clock of this machine is %s %s that of %s. Windows are judged by the service's clock",
            span(abs(skew)),
            "behind" if skew > timedelta(0) else "ahead of",
            self.host,
        )


@lru_cache(maxsize=64)
def _seconds(date: str) -> float | None:
    """The seconds since 1970 of a valid `Date` header; None for any other text, and for dates before 2000."""
    moment = http_date(date)
    if moment is None or moment < _BEGINNING or format_datetime(moment, usegmt=True) != date:
        return None
    return (moment - _EPOCH).total_seconds()


def span(length: timedelta) -> str:
    """A length of time in a message, to the second: `0:05:00`, or `243 days, 0:53:21`."""
    return str(timedelta(seconds=round(length.total_seconds())))


_shared: dict[str, ServiceClock] = {}
_sharing = threading.Lock()


def clock_of(host: str) -> ServiceClock:
    """The clock of a host, one for the whole process; every connection to the host updates it."""
    with _sharing:
        return _shared.setdefault(host, ServiceClock(host))


def forget_clocks() -> None:
    """Forget all clocks, as a new process would."""
    with _sharing:
        _shared.clear()
