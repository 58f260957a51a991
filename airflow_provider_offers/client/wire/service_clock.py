"""The service's clock, read off the `Date` of its answers. Windows follow it; a worker's clock may be wrong."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from airflow_provider_offers.client.wire.retry import http_date

# A worker's clock that is further off than this is worth a warning.
SKEW_BOUND = timedelta(seconds=30)
# What cannot be taken back waits for so much more than the end of a window: the servers of one service may differ.
MARGIN = timedelta(seconds=5)
# Where no answer tells the time, the worker's own clock decides, with a margin for what it may be off.
UNTOLD_MARGIN = timedelta(minutes=15)

# A `Date` has whole seconds: the moment that it means is up to so much later.
_GRAIN = 1.0
# How far two good clocks may drift apart in a second.
_DRIFT = 0.0002
# A clock that shows the same second for longer than this stands still, as that of an emulator may.
_STANDSTILL = 3.0
# What only the service says. The pages of proxies and gateways tell the time of somebody else's clock.
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
    """What the clock of one host shows, by its latest answers. Safe to share between threads.

    An answer bounds the clock from both sides: its `Date` was true between the sending of the request and the receipt
    of the answer. Answers that agree narrow the bounds. One that contradicts them replaces them: the clock was set.
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
        # What to add to `elapsed` for the service's seconds since 1970, at least and at most; learnt when.
        self._bounds: tuple[float, float] | None = None
        self._learnt_at = 0.0
        self._shown = 0.0
        self._shown_since = 0.0
        self._stands_still = False
        self._warned = False
        self.agreeing = 0
        """How many answers in a row agree; 0 where none has told the time."""
        self.moves = 0
        """How often an answer contradicted those before it."""

    def now(self) -> datetime:
        """A moment that the service's clock has reached for certain, at most about a second behind it.

        Without an answer that tells the time, this machine's clock.
        """
        with self._guard:
            if self._bounds is None:
                return self._wall()
            if self._stands_still:
                return _EPOCH + timedelta(seconds=self._shown)
            return _EPOCH + timedelta(seconds=self.elapsed() + self._bounds[0])

    @property
    def is_told(self) -> bool:
        """Whether an answer has told the time."""
        return self._bounds is not None

    @property
    def skew(self) -> timedelta:
        """How far the service's clock is ahead of this machine's, as far as its answers tell."""
        with self._guard:
            if self._bounds is None:
                return timedelta(0)
            middle = sum(self._bounds) / 2
            return _EPOCH + timedelta(seconds=self.elapsed() + middle) - self._wall()

    def has_passed(self, moment: datetime) -> bool:
        """Whether a moment is over for certain, by a margin: what is done then cannot be taken back."""
        return self.now() >= moment + (MARGIN if self.is_told else UNTOLD_MARGIN)

    def learn(self, status: int, headers: Mapping[str, str], *, sent: float, received: float) -> None:
        """Take note of an answer; `sent` and `received` are by `elapsed`, before and after it.

        An answer out of a cache, one that the service did not give, and a `Date` that is none teach nothing.
        """
        shown = _seconds(headers.get("date", ""))
        if status not in _OF_THE_SERVICE or "age" in headers or shown is None:
            return
        with self._guard:
            self._notice_a_standstill(shown, sent, received)
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

    def _notice_a_standstill(self, shown: float, sent: float, received: float) -> None:
        """Whether the clock still shows what it showed before. How long an answer travels says nothing about it."""
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
            _length(abs(skew)),
            "behind" if skew > timedelta(0) else "ahead of",
            self.host,
        )


def _seconds(date: str) -> float | None:
    """The seconds since 1970 of a `Date` as HTTP wants it; None for another, and for one before there was a service."""
    moment = http_date(date)
    if moment is None or moment < _BEGINNING or format_datetime(moment, usegmt=True) != date:
        return None
    return (moment - _EPOCH).total_seconds()


def _length(length: timedelta) -> str:
    return str(timedelta(seconds=round(length.total_seconds())))


_shared: dict[str, ServiceClock] = {}
_sharing = threading.Lock()


def clock_of(host: str) -> ServiceClock:
    """The clock of a host, one for the whole process: every connection to it teaches it."""
    with _sharing:
        return _shared.setdefault(host, ServiceClock(host))


def forget_clocks() -> None:
    """Forget what every clock showed, as a new process would."""
    with _sharing:
        _shared.clear()
