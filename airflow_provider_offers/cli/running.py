"""Runs one command: where connections come from, the output, exit codes, and errors instead of tracebacks."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING

from airflow_provider_offers.cli.screen import Screen
from airflow_provider_offers.client.errors import OfferLibraryError

if TYPE_CHECKING:
    import argparse

    Command = Callable[[argparse.Namespace, Screen], int]

OK, FAILED, CHANGES = 0, 1, 2
_INTERRUPTED = 130
_APPLYING = ("apply", "promote", "prune")
_GO_ON = "what was written stays, and the same command does the rest"
_CONTEXT = "_AIRFLOW_PROCESS_CONTEXT"
# The module of each command.
_MODULES = {
    "doctor": "doctor",
    "emulator": "emulator",
    "validate": "campaigns",
    "plan": "campaigns",
    "apply": "applying",
    "drift": "campaigns",
    "schema": "campaigns",
    "export": "library",
    "import": "library",
    "promote": "applying",
    "prune": "applying",
    "unlock": "unlocking",
}


class UserError(Exception):
    """A mistake in the use of a command. The message says what is wrong and what to do."""


def run(name: str, args: argparse.Namespace) -> None:
    """Run a command, and exit with its code if that is not 0.

    The codes: 0 for success, 1 for an error, 2 for changes with `--detailed-exitcode`.
    """
    command = command_of(name)
    try:
        with _as_on_a_server(), _own_output() as screen:
            code = _code(command, name, args, screen)
    except BrokenPipeError:
        # The reader of the pipe has seen enough.
        code = _unfinished(name, "the program that read the output has ended", FAILED)
    if code != OK:
        sys.exit(code)


def command_of(name: str) -> Command:
    """The function of a command."""
    functions = vars(importlib.import_module(f"airflow_provider_offers.cli.{_MODULES[name]}"))
    # A word of Python's has an underscore.
    function: Command = functions[name if name in functions else f"{name}_"]
    return function


def _code(command: Command, name: str, args: argparse.Namespace, screen: Screen) -> int:
    try:
        return command(args, screen)
    except KeyboardInterrupt as error:
        screen.flush()
        return _unfinished(name, "interrupted", _INTERRUPTED, str(error))
    except BrokenPipeError:
        raise
    except (OfferLibraryError, UserError, OSError) as error:
        screen.flush()
        _tell(name, _told(error))
        return FAILED


def _unfinished(name: str, why: str, code: int, known: str = "") -> int:
    """The code of a command that was interrupted. Says how to go on after one that may have written.

    `known` is what the command itself says about it, at a question.
    """
    if told := known or (_GO_ON if name in _APPLYING else ""):
        _tell(name, f"{why}; {told}")
    return code


def _tell(name: str, why: str) -> None:
    Screen(sys.stderr).line(f"airflow offers {name}: {why}", style="red")


def _told(error: Exception) -> str:
    if isinstance(error, OSError):
        return ": ".join(str(part) for part in (error.filename, error.strerror or type(error).__name__) if part)
    return str(error)


@contextmanager
def _as_on_a_server() -> Iterator[None]:
    """Let hooks see the connections of the metadata database, besides those of the environment and of backends.

    Airflow's own command `airflow connections get` does the same: outside of tasks, only a process with this mark reads
    the database.
    """
    before = os.environ.get(_CONTEXT)
    os.environ[_CONTEXT] = "server"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_CONTEXT, None)
        else:
            os.environ[_CONTEXT] = before


@contextmanager
def _own_output() -> Iterator[Screen]:
    """The standard output for the command alone, which may be JSON for a pipe.

    Everything else that writes there meanwhile, above all Airflow's log, writes to the standard error instead.
    """
    real = sys.stdout
    try:
        number, other = real.fileno(), sys.stderr.fileno()
    except (OSError, ValueError):
        # Not a file, but text that a test captures.
        with redirect_stdout(sys.stderr):
            yield Screen(real)
        return
    real.flush()
    # An escape such as \u2603 stands for a character that the encoding does not have.
    errors = "backslashreplace" if real.errors == "strict" else real.errors
    with open(os.dup(number), "w", encoding=real.encoding, errors=errors) as stream, redirect_stdout(sys.stderr):
        os.dup2(other, number)
        try:
            yield Screen(stream)
        finally:
            sys.stderr.flush()
            real.flush()
            os.dup2(stream.fileno(), number)
