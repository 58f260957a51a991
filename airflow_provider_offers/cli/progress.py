"""The progress of long work: bars on a terminal, and a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from airflow_provider_offers.campaigns.applying.items import Progress
    from airflow_provider_offers.client.model.kinds import Kind

_SECONDS_BETWEEN_LINES = 10.0


class Bars:
    """Shows the progress of a reading and of an apply on the standard error.

    On a terminal, there is one bar for each phase, elsewhere a line every ten seconds. `clock` counts seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._bars: RichProgress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._clock = clock
        self._told_at = clock()

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            self._bars = Progress(*columns, console=Console(file=sys.stderr), transient=True)
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def update(self, progress: Progress) -> None:
        """Show how far a phase of an apply is."""
        self._show(progress.phase, progress.done, progress.total)

    def read(self, kind: Kind, done: int) -> None:
        """Show how many objects of a kind were read. Nobody knows how many there are."""
        self._show(f"read {kind.noun}s", done, None)

    def _show(self, phase: str, done: int, total: int | None) -> None:
        if self._bars is not None:
            if phase not in self._tasks:
                self._end_readings()
                self._tasks[phase] = self._bars.add_task(phase, total=total)
            self._bars.update(self._tasks[phase], completed=done, total=total)
            return
        now = self._clock()
        if now - self._told_at >= _SECONDS_BETWEEN_LINES:
            self._told_at = now
            sys.stderr.write(f"{phase}: {done}{'' if total is None else f' of {total}'} objects\n")

    def _end_readings(self) -> None:
        """What was read before the new phase is complete."""
        assert self._bars is not None
        for each in self._bars.tasks:
            if each.total is None:
                self._bars.update(each.id, total=each.completed)
