"""One copy of each sandbox for a whole process: a library is read once at a time, for any number of readers."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from airflow_provider_offers.calendar.held import Copy, Keeper
from airflow_provider_offers.client.errors import OfferLibraryError
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.settings import Settings

T = TypeVar("T")

FRESH = 15.0
"""Seconds for which a copy is shown without another look at the changes, by default."""
WHOLE = 600.0
"""Seconds after which a copy is read as a whole again, in case the changes did not show a deletion."""
# Seconds for which a failed reading is told to everybody who asks, before another one is tried.
_REFUSED = 5.0
# How many sandboxes are kept; the one that was asked for least recently goes first.
_MOST = 16
# How many results of one copy are kept, such as exports with different filters; the oldest goes first.
_MOST_MADE = 32


@dataclass(frozen=True, slots=True)
class Shown:
    """A copy to show. `age` is the seconds since it was read; `number` differs for each look, also one that failed.

    `trouble` is set if the latest look failed, and the copy is that of an earlier one.
    """

    copy: Copy
    age: float
    number: int
    trouble: OfferLibraryError | None = None


@dataclass
class Shelf:
    """The copy of one sandbox. Threads may share it. Nothing is read while nobody asks."""

    library: OfferLibrary
    executor: Executor
    clock: Callable[[], float] = time.monotonic
    fresh: float = FRESH
    _guard: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _keeper: Keeper = field(default_factory=Keeper, init=False, repr=False)
    _copy: Copy | None = field(default=None, init=False, repr=False)
    _number: int = field(default=0, init=False)
    _read_at: float = field(default=float("-inf"), init=False)
    _whole_at: float = field(default=float("-inf"), init=False)
    _failed_at: float = field(default=float("-inf"), init=False)
    _error: OfferLibraryError | None = field(default=None, init=False, repr=False)
    _reading: Future[Shown] | None = field(default=None, init=False, repr=False)
    _made: dict[Hashable, Future[Any]] = field(default_factory=dict, init=False, repr=False)
    _made_from: int = field(default=-1, init=False)

    def ask(self) -> Future[Shown]:
        """The copy, after a look at the changes if the latest look is too old. All who ask meanwhile share the look.

        The future raises the error of the client. During an outage, it gives the earlier copy.
        """
        with self._guard:
            if self._reading is None:
                known = self._known()
                if known is not None:
                    return known
                self._reading = self.executor.submit(self._look)
            return self._reading

    def once(self, shown: Shown, key: Hashable, make: Callable[[], T]) -> Future[T]:
        """What is made of a copy, in a thread: all who ask for the same copy and key share the work."""
        with self._guard:
            if self._made_from != shown.number:
                self._made.clear()
                self._made_from = shown.number
            if key not in self._made:
                self._made[key] = self.executor.submit(make)
            made: Future[T] = self._made[key]
            while len(self._made) > _MOST_MADE:
                del self._made[next(iter(self._made))]
            return made

    def _known(self) -> Future[Shown] | None:
        """The answer that needs no look; None if a look is due."""
        now = self.clock()
        answer: Future[Shown] = Future()
        if self._error is not None and now - self._failed_at < _REFUSED:
            if self._copy is not None and self._error.verdict.is_outage:
                answer.set_result(self._shown(self._error))
            else:
                answer.set_exception(self._error.alike())
        elif self._error is None and self._copy is not None and now - self._read_at < self.fresh:
            answer.set_result(self._shown())
        else:
            return None
        return answer

    def _look(self) -> Shown:
        try:
            started = self.clock()
            whole = started - self._whole_at >= WHOLE
            copy = self.library.run(lambda access: self._keeper.read(access, whole=whole))
        except OfferLibraryError as error:
            with self._guard:
                self._error, self._failed_at, self._reading = error.alike(), self.clock(), None
                self._number += 1
                if self._copy is not None and error.verdict.is_outage:
                    return self._shown(error.alike())
            raise
        except BaseException:
            with self._guard:
                self._reading = None
            raise
        with self._guard:
            self._copy, self._read_at, self._error, self._reading = copy, self.clock(), None, None
            self._whole_at = started if whole else self._whole_at
            self._number += 1
            return self._shown()

    def _shown(self, trouble: OfferLibraryError | None = None) -> Shown:
        assert self._copy is not None
        return Shown(self._copy, self.clock() - self._read_at, self._number, trouble)


class Shelves:
    """The shelves of a process, by the place that the caller names, such as a connection and a sandbox.

    `open_library` makes the client for checked settings. A shelf ends when its place comes with other settings: the
    copy that was read with the old ones is shown to nobody any more.
    """

    def __init__(
        self,
        open_library: Callable[[Settings], OfferLibrary],
        executor: Executor,
        clock: Callable[[], float] = time.monotonic,
        *,
        fresh: Callable[[], float] = lambda: FRESH,
    ) -> None:
        self._open_library, self._executor, self._clock, self._fresh = open_library, executor, clock, fresh
        self._guard = threading.Lock()
        self._shelves: OrderedDict[tuple[str, str], Shelf] = OrderedDict()

    def shelf(self, place: str, settings: Settings) -> Shelf:
        """The shelf of a place and the sandbox of its settings."""
        key = (place, settings.sandbox)
        ended: list[Shelf] = []
        with self._guard:
            shelf = self._shelves.get(key)
            if shelf is None or shelf.library.settings != settings:
                ended += [] if shelf is None else [shelf]
                shelf = self._shelves[key] = Shelf(
                    self._open_library(settings), self._executor, self._clock, self._fresh()
                )
            self._shelves.move_to_end(key)
            while len(self._shelves) > _MOST:
                ended.append(self._shelves.popitem(last=False)[1])
        for each in ended:
            each.library.close()
        return shelf

    def close(self) -> None:
        """Close all libraries, and forget their copies."""
        with self._guard:
            ended = list(self._shelves.values())
            self._shelves.clear()
        for each in ended:
            each.library.close()
