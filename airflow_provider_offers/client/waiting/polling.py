"""Polling: the one loop of all polling waits, its pauses, and the failures that end it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Generic, TypeVar

from airflow_provider_offers.client.errors import APIError, AuthenticationError, OfferLibraryError
from airflow_provider_offers.client.verdict import Trouble
from airflow_provider_offers.client.wire.messages import Note, Pause
from airflow_provider_offers.client.wire.retry import LONGEST_HOLD

T = TypeVar("T")

# Maximum seconds of an outage or of throttling.
LONGEST_OUTAGE = 3_600.0
# Maximum seconds of a refusal that may be temporary, such as a gateway's 403.
LONGEST_REFUSAL = 300.0
# How many looks in a row may find the object missing.
MAX_FAILURES = 10
_MAX_BACKOFF = 120.0
_SHORTEST_INTERVAL = 0.1
# Waits that began together should not look together forever.
_SPREAD = 0.1
_MISSING = (404, 410)


@dataclass
class Patience:
    """Pauses between looks, about `interval` seconds, and growing pauses between failures.

    The wait ends after an outage of `outage` seconds, after `refusal` seconds of a refusal that may be temporary, after
    `max_failures` looks at a missing object, and at once for any other refusal.
    """

    interval: float
    max_failures: int = MAX_FAILURES
    jitter: Callable[[], float] = random.random
    outage: float = field(default_factory=lambda: LONGEST_OUTAGE)
    refusal: float = field(default_factory=lambda: LONGEST_REFUSAL)
    clock: Callable[[], float] = time.monotonic
    failures: int = field(default=0, init=False)
    _failing_since: float | None = field(default=None, init=False)
    _refused_since: float | None = field(default=None, init=False)
    _missing: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.interval = max(self.interval, _SHORTEST_INTERVAL)

    def after_look(self) -> float:
        """The pause after a successful look."""
        self.failures, self._missing = 0, 0
        self._failing_since = self._refused_since = None
        return self.interval * (1 + _SPREAD * self.jitter())

    def after_failure(self, error: OfferLibraryError) -> float:
        """The pause after a failed look. Raises the error, with the limit that was reached, if the wait ends."""
        self._count(error)
        left, limit = self._left(error)
        if left <= 0:
            raise ended(error, limit)
        pause = self._backoff()
        asked = getattr(error, "retry_after", None)
        if asked is None:
            # The last look happens at the limit, not long before it.
            return min(pause, left)
        grown = min(asked * 2.0 ** min(self.failures - 1, 20), max(_MAX_BACKOFF, asked))
        return float(min(grown, LONGEST_HOLD)) + self.jitter()

    @property
    def lasted(self) -> float:
        """How many seconds all looks have failed."""
        return 0.0 if self._failing_since is None else self.clock() - self._failing_since

    def _count(self, error: OfferLibraryError) -> None:
        now = self.clock()
        self.failures += 1
        self._failing_since = now if self._failing_since is None else self._failing_since
        if error.verdict.is_outage:
            self._refused_since = None
        elif self._refused_since is None:
            self._refused_since = now
        self._missing = self._missing + 1 if getattr(error, "status", None) in _MISSING else 0

    def _left(self, error: OfferLibraryError) -> tuple[float, str]:
        """The seconds until the error ends the wait, and the limit that it reaches then."""
        outage = self.outage - self.lasted, outage_limit(self.outage, self.lasted, self.failures)
        if error.verdict.is_outage:
            return outage
        if error.verdict.trouble is Trouble.LASTING:
            refused_for_good = isinstance(error, (APIError, AuthenticationError))
            return 0.0, "the wait ends here: another try would be refused as well" if refused_for_good else ""
        if self._missing:
            left = 0.0 if self._missing > self.max_failures else self.outage
            return left, f"missing in {self._missing} consecutive checks, the maximum"
        refused = self.clock() - (self._refused_since or self.clock())
        limit = f"refused for {length(refused)}; the maximum is {length(self.refusal)}"
        return min((self.refusal - refused, limit), outage)

    def _backoff(self) -> float:
        grown: float = self.interval * 2.0 ** min(self.failures - 1, 20)
        return min(grown, max(_MAX_BACKOFF, self.interval)) * (0.5 + 0.5 * self.jitter())


@dataclass
class Poll(Generic[T]):
    """Looks repeatedly until a wait is over: the one loop of all polling waits.

    `look` asks once; its effects go to the driver of the loop, which also sleeps and logs. `judge` returns None if the
    wait is over, otherwise a sentence about the result. A sentence is logged if it is new. `subject` names the object
    in messages. `seconds_left` returns the remaining time of the wait. `seen` is the last answer, and `told` the last
    sentence. A caller may set `seen` to a recent answer; `run` then pauses before its first look.
    """

    look: Callable[[], Generator[Any, Any, T]]
    judge: Callable[[T], str | None]
    patience: Patience
    subject: str
    seconds_left: Callable[[], float] = lambda: float("inf")
    seen: T | None = None
    told: str = ""

    def run(self) -> Generator[Any, Any, T | None]:
        """The answer that ended the wait; None if the time was over first."""
        pause = None if self.seen is None else self.patience.after_look()
        while True:
            if pause is not None:
                if (left := self.seconds_left()) <= 0:
                    return None
                yield Pause(min(pause, left))
            try:
                self.seen = yield from self.look()
            except OfferLibraryError as error:
                pause = self.patience.after_failure(error)
                yield from self._tell(f"{self.subject} could not be read: {error}", is_warning=True)
            else:
                pause = self.patience.after_look()
                sentence = self.judge(self.seen)
                if sentence is None:
                    return self.seen
                yield from self._tell(sentence)

    def _tell(self, sentence: str, *, is_warning: bool = False) -> Generator[Any, Any, None]:
        if sentence != self.told:
            self.told = sentence
            yield Note(sentence, is_warning)


def outage_limit(bound: float, lasted: float, failures: int) -> str:
    """The text for an outage that took too long."""
    return f"{failures} consecutive checks failed in {length(lasted)}; the maximum outage is {length(bound)}"


def ended(error: OfferLibraryError, limit: str) -> OfferLibraryError:
    """The error that ends a wait, with the limit that was reached."""
    return error.adding(limit) if limit else error


def length(seconds: float) -> str:
    """A length of time in a readable form."""
    return f"{seconds:.1f} s" if seconds < 120 else str(timedelta(seconds=round(seconds)))
