"""Makes the pictures of the demo from the text of a real run.

`make demo | tee demo.log`, then `python -m scripts.demo_picture demo.log`, renews the texts in `docs/pictures`, which
are parts of that text. `make pictures` draws them.
"""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "pictures"
# The campaign of the first picture, and where the second one begins and ends.
_CAMPAIGN = "Running example_campaign_from_scratch on generation 2 (dps)"
_EDIT, _END = "Now a marketer edits an offer by hand", "The DAGs are in"
_COLUMNS = 106
# The frame of the picture, as rich fills it in, without fonts from another host.
_FRAME = """\
<svg xmlns="http://www.w3.org/2000/svg" class="rich-terminal" viewBox="0 0 {width} {height}" role="img" \
aria-label="The output of make demo">
<title>The output of make demo</title>
<style>
.{unique_id}-matrix {{
    font-family: ui-monospace, "Cascadia Mono", "Liberation Mono", Menlo, monospace;
    font-size: {char_height}px;
    line-height: {line_height}px;
}}
.{unique_id}-title {{ font-size: 18px; font-family: arial, sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
_TASK = re.compile(r"  (?P<task>\w+) +(?P<verdict>ok) +(?P<seconds>[\d.]+ s)   (?P<said>.*)")


def part_of(output: str) -> str:
    """The campaign of the picture, as the demo prints it, without the lines of tasks that are still running."""
    shown = output.partition(f"{_CAMPAIGN}\n")[2].partition("\n\n")[0]
    lines = [line for line in shown.splitlines() if not re.match(r"  \w+ +\.\.\. ", line)]
    if not lines or not all(map(_TASK.fullmatch, lines)):
        raise ValueError(f"the output has no successful campaign after {_CAMPAIGN!r}")
    return "\n".join([_CAMPAIGN, *lines, ""])


def edit_in(output: str) -> str:
    """The end of the demo: a marketer edits a campaign as code, and a plan shows it."""
    _, begin, shown = output.partition(_EDIT)
    shown, end, _ = shown.partition(_END)
    if not begin or not end:
        raise ValueError(f"the output has no part between {_EDIT!r} and {_END!r}")
    return f"{begin}{shown.rstrip()}\n"


def demo() -> str:
    """A campaign of DAGs, as SVG."""
    return _drawn("demo", ["$ make demo", "..."], ["..."])


def edit() -> str:
    """A campaign as code that somebody edits, as SVG."""
    return _drawn("edit", [], [])


def _drawn(name: str, before: list[str], after: list[str]) -> str:
    console = Console(file=io.StringIO(), record=True, width=_COLUMNS, force_terminal=True, legacy_windows=False)
    for line in [*before, *(FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines(), *after]:
        console.print(_colored(line), no_wrap=True, overflow="ellipsis", crop=True)
    svg = console.export_svg(title="make demo", code_format=_FRAME, unique_id=name)
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def _colored(line: str) -> Text:
    text = Text(line)
    if task := _TASK.fullmatch(line):
        text.stylize("bold cyan", *task.span("task"))
        text.stylize("bold green", *task.span("verdict"))
        text.stylize("bright_black", *task.span("seconds"))
        for markup in re.finditer(r"<p>.*?</p>", line):
            text.stylize("yellow", *markup.span())
    elif line.startswith(("$", "Running")):
        text.stylize("bold")
    elif marked := re.match(r"  ([!~+-]) ", line):
        text.stylize({"!": "bold red", "~": "yellow", "+": "green", "-": "red"}[marked[1]])
    return text


if __name__ == "__main__":
    said = Path(sys.argv[1]).read_text(encoding="utf-8")
    (FOLDER / "demo.txt").write_text(part_of(said), encoding="utf-8")
    (FOLDER / "edit.txt").write_text(edit_in(said), encoding="utf-8")
