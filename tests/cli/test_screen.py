"""The output of commands: colors and tables on a terminal, plain text in a pipe."""

from __future__ import annotations

import io

from airflow_provider_offers.cli.screen import Screen

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
