"""The emulator of these tests, and the table that summarizes the ends of the matrix's cases."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_provider_offers.emulator import Emulator
from tests.faults.matrix import Case
from tests.faults.verdicts import ENDINGS, Broken, play
from tests.faults.world import World

_TALLY = "endings of the fault matrix"
_BROKEN = "BROKEN"


@pytest.fixture(scope="session")
def _world() -> Iterator[World]:
    with Emulator() as emulator:
        yield World(emulator)


@pytest.fixture
def world(_world: World) -> Iterator[World]:
    """An emulator that every case resets."""
    # Thousands of expected retries would be stored for the report of a failure.
    logging.disable(logging.WARNING)
    yield _world
    logging.disable(logging.NOTSET)


@pytest.fixture
def emulator(_world: World) -> Emulator:
    """The emulator, reset, in real time."""
    from airflow_provider_offers.client.wire.auth import SHARED_TOKENS

    SHARED_TOKENS.clear()
    _world.emulator.reset()
    return _world.emulator


class Tally:
    """Plays cases and counts how they end, by write and by fault."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.endings: Counter[tuple[str, str, str]] = Counter()
        self.broken: list[str] = []

    def play(self, case: Case) -> None:
        """Play a case; keep one that breaks the promise for the end."""
        fault = case.strikes[0].fault.name if case.strikes else "no fault"
        if len(case.strikes) > 1:
            fault += ", then another"
        try:
            ending = play(self._world, case)
        except Broken as broken:
            ending = _BROKEN
            self.broken.append(f"{case}\n    {broken}")
        self.endings[case.write.name, fault, ending] += 1

    def expect_all_kept(self) -> None:
        """Fail with the cases that broke the promise; each can be run alone."""
        if self.broken:
            shown = "\n".join(self.broken[:5])
            pytest.fail(f"{len(self.broken)} of {self.endings.total()} cases:\n{shown}", pytrace=False)


@pytest.fixture
def tally(world: World, record_property: Callable[[str, object], None]) -> Iterator[Tally]:
    """Plays cases. Its counts reach the final table from every process that runs tests."""
    counting = Tally(world)
    yield counting
    record_property(_TALLY, [[*key, count] for key, count in counting.endings.items()])


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print how the cases ended, first by write and then by fault."""
    rows = [
        row
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "teardown"
        for name, value in report.user_properties
        if name == _TALLY
        for row in value
    ]
    if rows:
        terminalreporter.section(f"{sum(row[-1] for row in rows)} cases of the fault matrix")
        for axis, title in ((0, "write"), (1, "fault")):
            terminalreporter.write_line("")
            for line in _table(title, axis, rows):
                terminalreporter.write_line(line)


def _table(title: str, axis: int, rows: list[list[Any]]) -> Iterator[str]:
    endings = [*ENDINGS, *({_BROKEN} & {row[2] for row in rows})]
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        counts.setdefault(row[axis], Counter())[row[2]] += row[3]
    width = max(map(len, counts))
    yield "  ".join((f"{title:<{width}}", "cases", *endings))
    for name, counted in counts.items():
        cells = (f"{counted[ending]:>{len(ending)}}" for ending in endings)
        yield "  ".join((f"{name:<{width}}", f"{counted.total():>5}", *cells))
