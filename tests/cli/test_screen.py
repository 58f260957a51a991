"""The output of commands: colors and tables on a terminal, plain text in a pipe."""

from __future__ import annotations

import io
import sys

import pytest

from airflow_provider_offers.campaigns.applying.items import Progress
from airflow_provider_offers.campaigns.plans import Action, Plan, PlannedObject
from airflow_provider_offers.cli.plans import show_plan
from airflow_provider_offers.cli.progress import Bars
from airflow_provider_offers.cli.screen import Screen
from airflow_provider_offers.client.model.kinds import PERSONALIZED, PLACEMENT

ROWS = [["create", "Spring [bold]towels[/bold] " + "x" * 100], ["update", "Summer"]]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_pipe_gets_the_whole_text_without_colors() -> None:
    stream = io.StringIO()
    screen = Screen(stream)

    screen.table(("action", "name"), ROWS, styles=("green", None))
    screen.line("done [red]", style="red")

    assert stream.getvalue().splitlines() == [
        "ACTION  NAME",
        f"create  {ROWS[0][1]}",
        "update  Summer",
        "done [red]",
    ]


def test_a_terminal_gets_colors_and_the_text_as_it_is() -> None:
    stream = Terminal()
    screen = Screen(stream)

    screen.table(("action", "name"), [["create", "[bold]Spring[/bold]"]], styles=("green",))
    screen.line("done [red]", style="red")

    assert "[bold]Spring[/bold]" in stream.getvalue()
    assert "done [red]" in stream.getvalue()
    assert "ACTION" not in stream.getvalue()


def work(bars: Bars) -> None:
    """A reading of two kinds, and an apply after it."""
    bars.read(PLACEMENT, 3)
    bars.read(PERSONALIZED, 100)
    bars.read(PERSONALIZED, 200)
    bars.update(Progress("content", 1, 4, ("personalized", "Spring towels")))


def test_a_terminal_shows_a_bar_for_each_part_of_long_work(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")

    with Bars() as bars:
        work(bars)

    for shown in ("read placements", "3/3", "read personalized offers", "200/200", "content", "1/4"):
        assert shown in stream.getvalue()


def test_a_log_gets_a_line_every_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, times = io.StringIO(), iter(range(0, 100, 6))
    monkeypatch.setattr(sys, "stderr", stream)

    with Bars(lambda: float(next(times))) as bars:
        work(bars)

    assert stream.getvalue().splitlines() == [
        "read personalized offers: 100 objects",
        "content: 1 of 4 objects",
    ]


def test_a_long_plan_ends_with_a_table_of_its_kinds() -> None:
    offers = [PlannedObject(("personalized", f"Offer {number}"), "create", properties={}) for number in range(19)]
    others = [PlannedObject(("tag", "Spring"), "update"), PlannedObject(("personalized", "Theirs"), "conflict")]
    counts: dict[Action, int] = {"create": 19, "update": 1, "conflict": 1, "unchanged": 5}

    def shown(*objects: PlannedObject) -> list[str]:
        stream = io.StringIO()
        plan = Plan("spring", "dev", "org", "prod", "dps", "sha256:1", 0, "2026-05-01T00:00:00Z", objects, counts)
        show_plan(plan, Screen(stream), "text")
        return stream.getvalue().splitlines()

    assert shown(*offers, *others)[-4:] == [
        f"{'KIND':21}  TO CREATE  TO CHANGE  IN CONFLICT",
        f"collection qualifiers  {'':9}  1",
        f"{'personalized offers':21}  {'19':9}  {'':9}  1",
        "19 to create, 1 to change, 0 to retire, 1 in conflict, 5 unchanged",
    ]
    assert not any(line.startswith("KIND") for line in shown(*offers))
