"""The commands `airflow offers …` and their arguments, as Airflow's parser takes them.

Every `airflow` command loads this module, so it imports only what Airflow's parser has loaded already. The code of a
command is imported when the command runs.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand

from airflow_provider_offers import DEFAULT_CONNECTION

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow.cli.cli_config import CLICommand

_HELP = "Manage Adobe's Offer Library: campaigns as code, a connection test, and an emulator"


class _Arg(Arg):
    """An argument whose parser takes no abbreviations of options.

    To argparse, `--force` means `--force-conflicts` as long as no other option begins so.
    """

    def add_to_parser(self, parser: argparse.ArgumentParser) -> None:
        """Add the argument to a parser, and make that strict."""
        _be_strict(parser)
        super().add_to_parser(parser)


def _be_strict(parser: argparse.ArgumentParser) -> None:
    if not getattr(parser, "allow_abbrev", False):
        return
    parser.allow_abbrev = False
    known = parser.parse_known_args

    def parse(args: Sequence[str] | None = None, namespace: Any = None) -> tuple[Any, list[str]]:
        found, unknown = known(args, namespace)
        if unknown:
            _refuse(parser, unknown)
        return found, unknown

    # Airflow makes the parsers of commands, so no class of ours can do that.
    parser.parse_known_args = parse  # type: ignore[assignment, method-assign]


def _refuse(parser: argparse.ArgumentParser, unknown: Sequence[str]) -> NoReturn:
    """End with the usual error of a parser, and the option that was probably meant."""
    from airflow_provider_offers.client.model.likeness import near, perhaps

    options = [each for action in parser._actions for each in action.option_strings if each.startswith("--")]
    meant: dict[str, None] = {}
    for each in unknown:
        name = each.partition("=")[0]
        if name.startswith("-"):
            begun = [option for option in options if name.startswith("--") and option.startswith(name)]
            meant |= dict.fromkeys(begun or near(name, options))
    parser.error(f"unrecognized arguments: {' '.join(unknown)}{perhaps(meant)}")


def _count(text: str) -> int:
    """A number of objects, from 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"given {text!r}; expected a whole number from 0")
    return int(text)


# The arguments that several commands take.
_MANIFEST = _Arg(("manifest",), help="the manifest: a YAML or JSON file, or a folder", metavar="MANIFEST")
_TARGET = _Arg(("--target",), help="a target of the manifest; needed if it has several", metavar="NAME")
_STATE = _Arg(("--state-path",), help="where states are kept, instead of the configured state_path", metavar="PATH")
_INPUTS = (
    _Arg(
        ("--var",),
        help="a variable of the manifest; can be repeated",
        action="append",
        default=[],
        metavar="NAME=VALUE",
    ),
    _Arg(
        ("--rows",),
        help="the file with the rows that for_each calls NAME; can be repeated",
        action="append",
        default=[],
        metavar="NAME=FILE",
    ),
)
_MAX_PRUNE = _Arg(
    ("--max-prune",),
    help="the largest number of objects to retire (default: a tenth of the managed ones, but at least one)",
    type=_count,
    metavar="N",
)
_DECIDED = (
    _Arg(("--force-conflicts",), help="overwrite what somebody else has changed", action="store_true"),
    _Arg(("--adopt",), help="change objects that exist and were never applied", action="store_true"),
    _Arg(("--prune",), help="retire what is gone from the manifest (default: no)", choices=("archive", "delete")),
    _MAX_PRUNE,
)
_YES = _Arg(("--yes",), help="apply without a question, even to a protected target", action="store_true")


def get_offers_cli_commands() -> list[CLICommand]:
    """The command group `airflow offers`, for the `cli` section of the provider's metadata."""
    return [GroupCommand(name="offers", help=_HELP, subcommands=_commands())]


def _commands() -> tuple[ActionCommand, ...]:
    return (
        _command(
            "doctor",
            "Test a connection step by step",
            _Arg(
                ("--conn-id",),
                help=f"id of the connection (default: {DEFAULT_CONNECTION})",
                default=DEFAULT_CONNECTION,
                metavar="ID",
            ),
            _Arg(("--sandbox",), help="sandbox to test instead of the connection's", metavar="NAME"),
            _Arg(("--write",), help="also test the permission to write; nothing is changed", action="store_true"),
            _format("text", "json"),
            description="Test API, token, scopes, organization, sandbox, the permission for each kind, and clocks. "
            "Exits with 1 if a step fails.",
        ),
        _command(
            "emulator",
            "Run the Offer Library API on this machine",
            _Arg(
                ("--port",), help="port to listen on; 0 selects any free port (default: 8765)", type=int, default=8765
            ),
            _Arg(("--host",), help="address to listen on (default: 127.0.0.1)", default="127.0.0.1"),
            _Arg(("--db",), help="SQLite file for all data (default: in memory)", default=":memory:", metavar="FILE"),
            _Arg(
                ("--sandbox",),
                help="a sandbox; can be repeated (default: prod and dev)",
                action="append",
                metavar="NAME",
            ),
            _Arg(("--access-token",), help="a token that is always valid", metavar="TOKEN"),
            _Arg(("--set",), help="a setting; can be repeated", action="append", default=[], metavar="NAME=VALUE"),
            _Arg(("--sample",), help="fill every sandbox with a shop's months of campaigns", action="store_true"),
            _Arg(("--quiet",), help="do not print a line for each request", action="store_true"),
            description="Run until it is interrupted. The first lines show connections for Airflow.",
        ),
        *_campaign_commands(),
    )


def _campaign_commands() -> tuple[ActionCommand, ...]:
    return (
        _validate_command(),
        _plan_command(),
        _apply_command(),
        _drift_command(),
        _schema_command(),
        _import_command(),
        _promote_command(),
        _prune_command(),
        _unlock_command(),
        _export_command(),
    )


def _validate_command() -> ActionCommand:
    return _command(
        "validate",
        "Check manifests without a connection",
        _Arg(("manifests",), help="manifests: files or folders", nargs="+", metavar="MANIFEST"),
        description="Check manifests for all of their targets, without a connection and the database.",
    )


def _plan_command() -> ActionCommand:
    return _command(
        "plan",
        "Show what an apply of a manifest would change",
        _MANIFEST,
        _TARGET,
        _STATE,
        *_INPUTS,
        *_DECIDED,
        _Arg(
            ("--accept-live",),
            help="write the live values of conflicts into the manifest first",
            action="store_true",
        ),
        _Arg(("--out",), help="file for the plan, for `airflow offers apply`", metavar="FILE"),
        _format("text", "markdown", "json"),
        _Arg(
            ("--detailed-exitcode",),
            help="exit with 2 if something would change, and with 1 for conflicts",
            action="store_true",
        ),
        description="Read the library and show what an apply would change, and what is in conflict. "
        "Nothing is written to the library.",
    )


def _apply_command() -> ActionCommand:
    return _command(
        "apply",
        "Apply a manifest, or a plan that was saved",
        _Arg(("manifest",), help="the manifest, or the file of a plan", metavar="MANIFEST|PLAN"),
        _TARGET,
        _STATE,
        *_INPUTS,
        *_DECIDED,
        _Arg(("--conn-id",), help="another connection than the target's", metavar="ID"),
        _YES,
        _format("text", "json"),
        description="Show the plan, ask, and apply it. A saved plan is applied exactly, or refused if it is stale.",
    )


def _drift_command() -> ActionCommand:
    return _command(
        "drift",
        "Show what somebody else has changed since the last apply",
        _MANIFEST,
        _TARGET,
        _STATE,
        *_INPUTS,
        _format("text", "json"),
        _Arg(("--detailed-exitcode",), help="exit with 2 if anything drifted", action="store_true"),
        description="Compare the library with what was applied last: each managed value that somebody else has "
        "changed, by whom, from what to what. Nothing is written.",
    )


def _schema_command() -> ActionCommand:
    return _command(
        "schema",
        "Print the JSON Schema of manifests, for editors",
        description="Print the JSON Schema (2020-12) of manifests, with which an editor completes and checks them.",
    )


def _import_command() -> ActionCommand:
    return _command(
        "import",
        "Take the objects of a manifest that exist as managed",
        _MANIFEST,
        _TARGET,
        _STATE,
        *_INPUTS,
        description="Let the state learn the live values of the objects that the manifest describes. A plan shows "
        "differences as changes then, and no longer as conflicts. Nothing is written to the library.",
    )


def _promote_command() -> ActionCommand:
    return _command(
        "promote",
        "Apply the manifest of one target to another one",
        _MANIFEST,
        _Arg(("source",), help="the target that has the campaign", metavar="FROM"),
        _Arg(("destination",), help="the target to apply it to", metavar="TO"),
        _STATE,
        *_INPUTS,
        *_DECIDED,
        _Arg(
            ("--allow-differences",),
            help="promote although FROM is not as the manifest says",
            action="store_true",
        ),
        _YES,
        _format("text", "json"),
        description="Check that FROM is as the manifest says, tell what is not portable, such as audiences and AI "
        "models, then plan, ask and apply.",
    )


def _prune_command() -> ActionCommand:
    return _command(
        "prune",
        "Retire what is gone from the manifest, and do nothing else",
        _MANIFEST,
        _TARGET,
        _STATE,
        *_INPUTS,
        _Arg(("--force-conflicts",), help="retire what somebody else has changed, too", action="store_true"),
        _Arg(("--how",), help="how to retire (default: archive)", choices=("archive", "delete"), default="archive"),
        _MAX_PRUNE,
        _YES,
        _format("text", "json"),
        description="Archive or delete the objects that an earlier apply made and that the manifest no longer has.",
    )


def _unlock_command() -> ActionCommand:
    return _command(
        "unlock",
        "Remove the lock that an apply left behind",
        _Arg(("campaign",), help="the manifest, or with --conn-id the name of a campaign", metavar="CAMPAIGN"),
        _TARGET,
        _Arg(("--conn-id",), help="another connection than the target's", metavar="ID"),
        _Arg(("--sandbox",), help="another sandbox than the target's, or the connection's", metavar="NAME"),
        _STATE,
        _Arg(
            ("--force",),
            help="also remove the lock of an apply that seems to run, or that is not readable",
            action="store_true",
        ),
        _Arg(("--yes",), help="remove it without a question", action="store_true"),
        description="Tell who holds the lock of a campaign and since when, ask, and remove it. An apply that still "
        "runs stops before its next write. Nothing is sent to the library.",
    )


def _export_command() -> ActionCommand:
    return _command(
        "export",
        "Write an existing library as a manifest",
        _Arg(
            ("--conn-id",),
            help=f"id of the connection (default: {DEFAULT_CONNECTION})",
            default=DEFAULT_CONNECTION,
            metavar="ID",
        ),
        _Arg(("--sandbox",), help="sandbox to read instead of the connection's", metavar="NAME"),
        _Arg(
            ("--select",),
            help="objects to export, such as 'tag:Spring*' or 'decision:Hero'; can be repeated (default: all)",
            action="append",
            default=[],
            metavar="PATTERN",
        ),
        _Arg(("--only",), help="export only what matches; what it needs is external then", action="store_true"),
        _Arg(
            ("--out",),
            help="a folder, or a file that ends in .yaml or .json (default: the standard output)",
            metavar="PATH",
        ),
        _Arg(("--overwrite",), help="replace files that exist", action="store_true"),
        _Arg(("--campaign",), help="name of the campaign (default: exported)", default="exported", metavar="NAME"),
        _Arg(("--target",), help="name of the target in the manifest (default: dev)", default="dev", metavar="NAME"),
        description="Write the objects of a library, or a selection with all that belongs to it, as a manifest with "
        "names in place of ids. Nothing is written to the library.",
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
    return _Arg(("--format",), help=f"format of the output (default: {formats[0]})", **options)
