"""Runs commands of `airflow offers`: in this process through Airflow's parser, or as a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import airflow.settings  # noqa: F401 - Airflow's log keeps the output of this moment; that of a test is closed at its end
import pytest

_LOG_LINE = re.compile(r"^\d{4}-\d\d-\d\dT\S+ +\[\w+ *\].*\n", re.MULTILINE)


@dataclass(frozen=True)
class Done:
    """A command that has ended: its exit code, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


@dataclass(frozen=True)
class Offers:
    """Runs commands in this process, as Airflow's main function does."""

    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str | Path) -> Done:
        from airflow.cli.cli_parser import get_parser

        parser = get_parser()
        self.capsys.readouterr()
        try:
            args = parser.parse_args(["offers", *map(str, arguments)])
            args.func(args)
            code = 0
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        written = self.capsys.readouterr()
        # Airflow's log keeps the captured output. In a process of its own, it goes to the standard error.
        return Done(code, _LOG_LINE.sub("", written.out), written.err)


def process(*arguments: str, environment: Mapping[str, str] | None = None) -> Done:
    """Run a command as a user does, in the Airflow home of the tests."""
    done = subprocess.run(
        [sys.executable, "-m", "airflow", "offers", *arguments],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)
