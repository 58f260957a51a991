"""Runs every command of the tutorial about campaigns, in order, and compares its output; and the page of commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_offers.cli.definition import get_offers_cli_commands
from airflow_provider_offers.emulator import Emulator
from tests.cli.commands import Offers
from tests.docs.pages import Block, page, table

TUTORIAL = page("docs/campaigns.md")
REFERENCE = page("docs/cli.md")
ADDRESS = "http://127.0.0.1:8765"


def in_order() -> Iterator[Block]:
    """The blocks of the tutorial, from top to bottom, up to the DAG."""
    languages = ("bash", "text", "yaml", "csv", "python")
    blocks = [block for language in languages for block in TUTORIAL.blocks(language)]
    yield from (each for each in sorted(blocks, key=lambda block: block.line) if "DAG(" not in each.text)


class Reader:
    """A reader of the tutorial: types the commands, edits the files, and looks at the output."""

    def __init__(self, offers: Offers, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
        self._offers, self._emulator, self._monkeypatch = offers, emulator, monkeypatch
        self._output = ""

    def read(self, block: Block) -> None:
        """Do what a block shows."""
        if block.language == "text":
            rest = iter(self._output.splitlines())
            for line in block.text.splitlines():
                assert line in rest, f"{block}: {line!r} is not in the output:\n{self._output}"
        elif block.language == "bash":
            self._output = "".join(map(self._type, block.text.splitlines()))
        elif block.language == "python":
            exec(compile(block.text, str(block), "exec"), {})
        else:
            Path("campaign.yaml" if block.language == "yaml" else "offers.csv").write_text(block.text)

    def _type(self, line: str) -> str:
        words = shlex.split(line.replace(ADDRESS, self._emulator.url))
        if words[0] == "export":
            name, _, value = words[1].partition("=")
            self._monkeypatch.setenv(name, value.replace("$PWD", str(Path.cwd())))
        elif words[0] == "sed":
            self._edit(words[2], Path(words[3]))
        elif words[:3] != ["airflow", "offers", "emulator"]:
            code = 1 if "exits with 1" in line else 0
            done = self._offers(*shlex.split(line, comments=True)[2:])
            assert done.code == code, f"{line}: {done}"
            assert done.err == "", line
            return done.out
        return ""

    def _edit(self, script: str, file: Path) -> None:
        text = file.read_text()
        if script.endswith("/d"):
            changed = "".join(line for line in text.splitlines(True) if script[1:-2] not in line)
        else:
            _, before, after, _ = script.split("/")
            changed = text.replace(before, after)
        assert changed != text
        file.write_text(changed)


def test_the_tutorial_runs_from_its_first_command_to_its_last(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Emulator() as emulator:
        reader = Reader(Offers(capsys), emulator, monkeypatch)
        for block in in_order():
            reader.read(block)

    assert (tmp_path / "states").is_dir()


def commands() -> dict[str, Any]:
    (group,) = get_offers_cli_commands()
    return {each.name: each for each in group.subcommands}  # type: ignore[union-attr]


def test_the_page_of_commands_has_every_command() -> None:
    assert [row[0].strip("`") for row in table(REFERENCE.text, "command")] == list(commands())
    named = {each for name in commands() for each in [name] if f"airflow offers {name}" in REFERENCE.text}
    assert named == set(commands())


@pytest.mark.parametrize("name", commands())
def test_the_usage_of_a_command_has_every_option(name: str) -> None:
    (usage,) = (line for line in REFERENCE.text.splitlines() if re.match(rf"airflow offers {name}( |$)", line))
    inputs = {"--var", "--rows", "--state-path"}
    options = inputs | {"--force-conflicts", "--adopt", "--prune", "--max-prune"}
    shown = set(re.findall(r"--[a-z-]+", usage))
    shown |= options if "[PLAN OPTIONS]" in usage else inputs if "[INPUTS]" in usage else set()
    flags = [flag for arg in commands()[name].args for flag in arg.flags]
    positional = [arg.kwargs["metavar"] for arg in commands()[name].args if not arg.flags[0].startswith("-")]

    assert shown == {flag for flag in flags if flag.startswith("--")}
    assert re.findall(r"\b[A-Z|]+\b", usage.split("[")[0]) == positional
    for option in shown:
        assert option in REFERENCE.text


def test_the_page_of_commands_names_every_step_of_the_doctor() -> None:
    steps = ", ".join(row[0] for row in table(REFERENCE.text, "step"))
    for step in ("connection", "API", "token", "scopes", "client id", "organization", "sandbox", "read", "write"):
        assert step in steps
