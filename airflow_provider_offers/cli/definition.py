"""The commands `airflow offers …` and their arguments, as Airflow's parser takes them.

Every `airflow` command loads this module, so it imports only what Airflow's parser has loaded already. The code of a
command is imported when the command runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand

from airflow_provider_offers import DEFAULT_CONNECTION

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from airflow.cli.cli_config import CLICommand

_HELP = "Manage Adobe's Offer Library: campaigns as code, a connection test, and an emulator"


def get_offers_cli_commands() -> list[CLICommand]:
    """The command group `airflow offers`, for the `cli` section of the provider's metadata."""
    return [GroupCommand(name="offers", help=_HELP, subcommands=_commands())]


def _commands() -> tuple[ActionCommand, ...]:
    return (
        _command(
            "doctor",
            "Test a connection step by step",
            Arg(
                ("--conn-id",),
                help=f"id of the connection (default: {DEFAULT_CONNECTION})",
                default=DEFAULT_CONNECTION,
                metavar="ID",
            ),
            Arg(("--sandbox",), help="sandbox to test instead of the connection's", metavar="NAME"),
            Arg(("--write",), help="also test the permission to write; nothing is changed", action="store_true"),
            _format("text", "json"),
            description="Test API, token, scopes, organization, sandbox, the permission for each kind, and clocks. "
            "Exits with 1 if a step fails.",
        ),
        _command(
            "emulator",
            "Run the Offer Library API on this machine",
            Arg(("--port",), help="port to listen on; 0 selects any free port (default: 8765)", type=int, default=8765),
            Arg(("--host",), help="address to listen on (default: 127.0.0.1)", default="127.0.0.1"),
            Arg(("--db",), help="SQLite file for all data (default: in memory)", default=":memory:", metavar="FILE"),
            Arg(
                ("--sandbox",),
                help="a sandbox; can be repeated (default: prod and dev)",
                action="append",
                metavar="NAME",
            ),
            Arg(("--access-token",), help="a token that is always valid", metavar="TOKEN"),
            Arg(("--set",), help="a setting; can be repeated", action="append", default=[], metavar="NAME=VALUE"),
            Arg(("--quiet",), help="do not print a line for each request", action="store_true"),
            description="Run until it is interrupted. The first lines show connections for Airflow.",
        ),
    )


def _command(name: str, help: str, *args: Arg, description: str | None = None) -> ActionCommand:
    return ActionCommand(name=name, help=help, func=_lazily(name), args=args, description=description)


def _lazily(name: str) -> Callable[[argparse.Namespace], None]:
    """A function that runs the command; only the call imports its code."""

    def command(args: argparse.Namespace) -> None:
        from airflow_provider_offers.cli.running import run

        run(name, args)

    command.__name__ = f"offers_{name}"
    return command


def _format(*formats: str) -> Arg:
    options: dict[str, Any] = {"choices": formats, "default": formats[0]}
    return Arg(("--format",), help=f"format of the output (default: {formats[0]})", **options)
