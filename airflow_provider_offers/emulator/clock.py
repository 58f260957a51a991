"""The emulator's clock: real time that can be moved or frozen, and the timestamps of writes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from math import isfinite

from airflow_provider_offers.emulator import instants


class Clock:
    """Tells the emulator's time in microseconds since 1970; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offset = 0
        self._frozen: int | None = None
        self._last_stamp_ms = 0
        self.moved: Callable[[], None] = lambda: None
        """Called after every change of the clock."""

    def now_us(self) -> int:
        """The time now, in microseconds since 1970."""
        return self._frozen if self._frozen is not None else time.time_ns() // 1000 + self._offset

    def now(self) -> datetime:
        """The time now, in UTC."""
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=self.now_us())

    # In this range, both generations can write dates, and every delay ends.
    _FIRST_US, _LAST_US = 0, instants.to_us("9000-01-01T00:00:00Z")

    def freeze(self, at: datetime | str | None = None) -> None:
        """Stop at the given instant, or now.

        `at` is an aware datetime, or an RFC 3339 text with a zone. Raises `ValueError` for anything else.
        """
        with self._lock:
            self._frozen = self.now_us() if at is None else self._possible(instants.to_us(at))
            self._follow()
        self.moved()

    def set(self, at: datetime | str) -> None:
        """Continue from the given instant.

        `at` is an aware datetime, or an RFC 3339 text with a zone. Raises `ValueError` for anything else.
        """
        with self._lock:
            wanted = self._possible(instants.to_us(at))
            self._frozen = None
            self._offset = wanted - time.time_ns() // 1000
            self._follow()
        self.moved()

    def advance(self, seconds: float) -> None:
        """Move forward (or back, when negative) by this many seconds, frozen or not. Raises `ValueError`."""
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not isfinite(seconds):
            raise ValueError(f"the clock advances by a number of seconds, and not by {seconds!r}")
        with self._lock:
            step = round(seconds * 1_000_000)
            self._possible(self.now_us() + step)
            if self._frozen is None:
                self._offset += step
            else:
                self._frozen += step
            self._follow()
        self.moved()

    def resume(self) -> None:
        """Return to real time."""
        with self._lock:
            self._frozen, self._offset = None, 0
            self._follow()
        self.moved()

    @property
    def state(self) -> tuple[int | None, int]:
        """The frozen time, in microseconds since 1970, and the offset from real time, in microseconds.

        Another process can continue with them.
        """
        return self._frozen, self._offset

    def follow(self, state: tuple[int | None, int]) -> None:
        """Continue with the clock of another process, unless this clock was already moved."""
        if self.state == (None, 0):
            self._frozen, self._offset = state

    @contextmanager
    def at(self, at_us: int) -> Iterator[None]:
        """Inside this context, the clock shows the given moment, in microseconds since 1970: for effects of earlier."""
        was, self._frozen = self._frozen, at_us
        try:
            yield
        finally:
            self._frozen = was

    def stamp(self, *, unique: bool) -> int:
        """The time of a write, in microseconds since 1970.

        Unique stamps are at least one millisecond later than all earlier stamps.
        """
        with self._lock:
            now = self.now_us()
            if unique and now // 1000 <= self._last_stamp_ms:
                now = (self._last_stamp_ms + 1) * 1000
            self._last_stamp_ms = max(self._last_stamp_ms, now // 1000)
            return now

    def follow_store(self, newest_ms: int) -> None:
        """Start stamping after the newest object of an existing store."""
        with self._lock:
            self._last_stamp_ms = max(self._last_stamp_ms, newest_ms)

    def as_json(self) -> dict[str, object]:
        """The clock as the control plane shows it."""
        return {
            "now": instants.micros_text(self.now_us()),
            "frozen": self._frozen is not None,
            "offset_seconds": 0 if self._frozen is not None else self._offset / 1_000_000,
        }

    def _possible(self, at_us: int) -> int:
        if not self._FIRST_US <= at_us <= self._LAST_US:
            raise ValueError("the clock must be between the years 1970 and 9000")
        return at_us

    def _follow(self) -> None:
        # After an explicit move, stamps follow the clock again, even if it was moved back.
        self._last_stamp_ms = min(self._last_stamp_ms, self.now_us() // 1000 - 1)
