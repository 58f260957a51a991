"""`airflow offers validate`, `plan`, `drift` and `schema`, and how a command reads a manifest."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_offers.cli.connections import hook_of
from airflow_provider_offers.cli.plans import STYLES, show_plan
from airflow_provider_offers.cli.progress import Bars
from airflow_provider_offers.cli.running import CHANGES, FAILED, OK, UserError
from airflow_provider_offers.cli.screen import Screen
from airflow_provider_offers.client.text import NameTwiceError, json_of, legible
from airflow_provider_offers.hooks.campaigns import (
    load_campaign,
    look_for_drift,
    make_plan,
    state_store,
    storage_path,
    write_plan,
)

if TYPE_CHECKING:
    import argparse

    from airflow_provider_offers.campaigns.objects import Campaign
    from airflow_provider_offers.campaigns.planning.planner import PlanOptions
    from airflow_provider_offers.campaigns.plans import Plan
    from airflow_provider_offers.campaigns.state.storage import StateStore
    from airflow_provider_offers.hooks.offer_library import OfferLibraryHook

_LONGEST = 600
_ROWS = "NAME=FILE, such as offers=offers.csv"


def validate(args: argparse.Namespace, screen: Screen) -> int:
    """Check manifests without a connection."""
    from airflow_provider_offers.campaigns.checking import check_manifests

    valid, wrong = check_manifests(args.manifests)
    for line in valid:
        screen.line(line, style="yellow" if ": warning: " in line else "green")
    for line in wrong:
        screen.line(line, style="red")
    return FAILED if wrong else OK


def plan(args: argparse.Namespace, screen: Screen) -> int:
    """Show the plan of a manifest, and save it with `--out`."""
    options = options_of(args)
    if args.accept_live and args.force_conflicts:
        raise UserError(
            "--accept-live, --force-conflicts: given both; expected one of them: the first takes what somebody else "
            "has changed, the second overwrites it"
        )
    campaign = campaign_of(args)
    with hook_of(campaign.target.connection, campaign.target.sandbox) as hook:
        store = state_store(args.state_path, "--state-path")
        made = planned(hook, campaign, store, options)
        if args.accept_live and made.has_conflicts:
            _accept_live(args, screen if args.format == "text" else Screen(sys.stderr), made)
            campaign = campaign_of(args)
            made = planned(hook, campaign, store, options)
    if args.out is not None:
        write_plan("--out", args.out, made)
    show_plan(made, screen, args.format, campaign.warnings)
    if not args.detailed_exitcode:
        return OK
    if made.has_conflicts:
        return FAILED
    return CHANGES if made.has_changes else OK


def planned(hook: OfferLibraryHook, campaign: Campaign, store: StateStore, options: PlanOptions | None = None) -> Plan:
    """The plan of a campaign; the standard error shows how far the reading is."""
    with Bars() as bars:
        return make_plan(hook, campaign, store, options, bars.read)


def _accept_live(args: argparse.Namespace, screen: Screen, made: Plan) -> None:
    """Write the live values of conflicts into the manifest, and tell each."""
    from airflow_provider_offers.campaigns.moving.accepting import accept_live

    path = storage_path("manifest", args.manifest)
    if not isinstance(path, Path):
        raise UserError("--accept-live writes to files on this machine only; get the manifest first")
    for each in accept_live(path, args.target, made, rows=_rows(args.rows), variables=_variables(args.var)):
        screen.line(legible(str(each), _LONGEST), style="yellow" if each.reason else "green")


def campaign_of(args: argparse.Namespace) -> Campaign:
    """The campaign of the manifest and the target that are given."""
    return load_campaign(args.manifest, args.target, rows=_rows(args.rows), variables=_variables(args.var))


def options_of(args: argparse.Namespace) -> PlanOptions:
    """How the plan decides. Raises `UserError` for an option that would do nothing."""
    from airflow_provider_offers.campaigns.planning.planner import PlanOptions

    if args.max_prune is not None and args.prune is None:
        raise UserError(
            f"--max-prune: given {args.max_prune} without --prune, so nothing would be retired; add --prune archive or "
            "--prune delete, or leave --max-prune out"
        )
    return PlanOptions(
        force_conflicts=args.force_conflicts, adopt=args.adopt, prune=args.prune, max_prune=args.max_prune
    )


def _pairs(option: str, given: list[str], what: str, *, is_once: bool = False) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise UserError(f"{option}: given {each!r}; expected {what}")
        if is_once and pairs.get(name, value) != value:
            raise UserError(f"{option}: given {name!r} twice, with {pairs[name]!r} and {value!r}; expected one file")
        pairs[name] = value
    return pairs


def _variables(given: list[str]) -> dict[str, Any] | None:
    """The variables of `--var`; a value that is JSON keeps its type. The last of a name wins."""
    variables: dict[str, Any] = {}
    for name, value in _pairs("--var", given, "NAME=VALUE").items():
        try:
            variables[name] = json_of(value)
            # Python reads more than JSON has, such as Infinity, and 1e400 as the same.
            json.dumps(variables[name], allow_nan=False)
        except NameTwiceError as error:
            raise UserError(f"--var: given ambiguous JSON for {name!r}: {error}; expected each name once") from None
        except ValueError:
            variables[name] = value
    return variables or None


def _rows(given: list[str]) -> dict[str, Any] | None:
    from airflow_provider_offers.client.rows.reading import table_of_file

    files = _pairs("--rows", given, _ROWS, is_once=True)
    return {name: list(table_of_file(file, _content(name, file)).rows) for name, file in files.items()} or None


def _content(name: str, file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        why = f"{file or 'no file'}: {error.strerror or type(error).__name__}"
        raise UserError(f"--rows: given {f'{name}={file}'!r} ({why}); expected {_ROWS}") from None


def drift(args: argparse.Namespace, screen: Screen) -> int:
    """Show what somebody else changed since the last apply."""
    from airflow_provider_offers.campaigns.planning.rendering import drift_lines

    campaign = campaign_of(args)
    with hook_of(campaign.target.connection, campaign.target.sandbox) as hook:
        store = state_store(args.state_path, "--state-path")
        with Bars() as bars:
            found, meanwhile = look_for_drift(hook, campaign, store, bars.read)
    if meanwhile is not None:
        raise UserError(f"{meanwhile}, so drift cannot be distinguished from its changes; try again")
    if not found.managed:
        told = f"warning: the state has no objects of {campaign.name!r} in this sandbox, so nothing can have drifted"
        Screen(sys.stderr).line(f"{told}; apply the campaign, or correct --state-path", style=STYLES["warning"])
    if args.format == "json":
        screen.document(json.dumps(found.as_json(), ensure_ascii=False, indent=2))
    else:
        for style, line in drift_lines(found):
            screen.line(line, style=STYLES.get(style))
    return CHANGES if found and args.detailed_exitcode else OK


def schema(args: argparse.Namespace, screen: Screen) -> int:
    """Print the JSON Schema of manifests."""
    from airflow_provider_offers.campaigns.manifest.schema import schema_text

    screen.document(schema_text().rstrip("\n"))
    return OK
