"""`airflow offers apply`, `promote` and `prune`: they show a plan, ask, and apply it."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_offers.cli.campaigns import campaign_of, options_of, planned
from airflow_provider_offers.cli.connections import hook_of
from airflow_provider_offers.cli.plans import STYLES, confirmed, show_plan, show_report
from airflow_provider_offers.cli.progress import Bars
from airflow_provider_offers.cli.running import FAILED, OK, UserError
from airflow_provider_offers.cli.screen import Screen
from airflow_provider_offers.client.errors import InvalidInputError
from airflow_provider_offers.client.rows.reading import decoded
from airflow_provider_offers.hooks.campaigns import apply_plan, read_plan, state_store

if TYPE_CHECKING:
    import argparse

    from airflow_provider_offers.campaigns.objects import Campaign
    from airflow_provider_offers.campaigns.plans import Plan
    from airflow_provider_offers.campaigns.state.storage import StateStore
    from airflow_provider_offers.hooks.offer_library import OfferLibraryHook

_OF_A_MANIFEST = ("force_conflicts", "adopt", "prune", "max_prune", "var", "rows")


def apply(args: argparse.Namespace, screen: Screen) -> int:
    """Apply a manifest or a saved plan, after a question."""
    store = state_store(args.state_path, "--state-path")
    saved = _saved_plan(args)
    if saved is not None:
        if args.conn_id is None and not saved.connection:
            raise UserError(f"the plan {args.manifest} names no connection; add --conn-id")
        with hook_of(saved.connection if args.conn_id is None else args.conn_id, saved.sandbox) as hook:
            return _applied(args, screen, hook, saved, store)
    options = options_of(args)
    campaign = campaign_of(args)
    conn_id = campaign.target.connection if args.conn_id is None else args.conn_id
    with hook_of(conn_id, campaign.target.sandbox) as hook:
        made = planned(hook, campaign, store, options)
        return _applied(args, screen, hook, made, store, campaign)


def _applied(
    args: argparse.Namespace,
    screen: Screen,
    hook: OfferLibraryHook,
    made: Plan,
    store: StateStore,
    campaign: Campaign | None = None,
) -> int:
    from airflow_provider_offers.campaigns.applying.apply import ApplyOptions
    from airflow_provider_offers.campaigns.errors import CampaignFailedError

    if args.format == "text":
        show_plan(made, screen, "text", campaign.warnings if campaign else ())
    if made.has_changes and not made.has_conflicts and not args.yes:
        if args.format == "json":
            raise UserError("--format json shows no plan to confirm, so nothing was written; add --yes")
        if not confirmed(made, screen):
            screen.line("nothing was written")
            return FAILED
    options = ApplyOptions(approved=True, digest=campaign.digest if campaign else None)
    with Bars() as bars:
        try:
            report = apply_plan(hook, made, store, options, bars.update, bars.read)
        except CampaignFailedError as error:
            if args.format == "json" and error.report is not None:
                screen.document(json.dumps(error.report.as_json(), ensure_ascii=False, indent=2))
            raise
    show_report(report, screen, args.format)
    return OK


def _saved_plan(args: argparse.Namespace) -> Plan | None:
    """The plan in the file that is given; None if it is a manifest."""
    if "://" in args.manifest:
        return None
    try:
        # Whatever its name: `plan --out` takes any.
        text = decoded(Path(args.manifest).read_bytes(), args.manifest)
    except (OSError, InvalidInputError):
        # The manifest's own check says what is wrong.
        return None
    if not _is_saved(text):
        return None
    saved = read_plan("plan", args.manifest)
    if args.target not in (None, saved.target):
        raise UserError(
            f"--target: given {args.target!r}; expected {saved.target!r}, the target of the plan {args.manifest}, or "
            "nothing"
        )
    given = [f"--{name}".replace("_", "-") for name in _OF_A_MANIFEST if _is_given(getattr(args, name))]
    if given:
        raise UserError(f"{', '.join(given)} would change the plan {args.manifest}; make another plan with it")
    return saved


def _is_saved(text: str) -> bool:
    """Whether a text is a saved plan or another document with a format, even a plan that was cut off."""
    from airflow_provider_offers.campaigns.planning.documents import may_be_replaced

    if not text.lstrip().startswith("{"):
        return False
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return may_be_replaced(text[:200].encode(errors="replace"))
    return isinstance(document, dict) and isinstance(document.get("format"), str)


def _is_given(value: object) -> bool:
    """Whether an option has another value than its default. 0 is a number that somebody wrote."""
    return value is not None and value is not False and value != []


def promote(args: argparse.Namespace, screen: Screen) -> int:
    """Apply the manifest of one target to another one, and tell what is not portable."""
    from airflow_provider_offers.campaigns.moving.promoting import compare_targets

    if args.source == args.destination:
        raise UserError(f"TO: given {args.destination!r}, the same target as FROM; expected another one")
    options = options_of(args)
    args.target = args.source
    source = campaign_of(args)
    args.target = args.destination
    campaign = campaign_of(args)
    store = state_store(args.state_path, "--state-path")
    notes = Screen(sys.stderr)
    with hook_of(source.target.connection, source.target.sandbox) as hook:
        place = _place_of(hook)
        with hook_of(campaign.target.connection, campaign.target.sandbox) as other:
            _expect_elsewhere(args, place, _place_of(other))
        there = planned(hook, source, store)
    if there.has_changes or there.has_conflicts:
        _tell_differences(args, there, notes)
    for each in compare_targets(source, campaign):
        notes.line(f"warning: not portable: {each}", style=STYLES["warning"])
    with hook_of(campaign.target.connection, campaign.target.sandbox) as hook:
        made = planned(hook, campaign, store, options)
        return _applied(args, screen, hook, made, store, campaign)


def _tell_differences(args: argparse.Namespace, there: Plan, notes: Screen) -> None:
    """Refuse to promote what the source does not have; with `--allow-differences`, only warn of it."""
    from airflow_provider_offers.campaigns.planning.rendering import counts_line

    told = f"the target {args.source!r} is not as the manifest says: {counts_line(there)}"
    if args.allow_differences:
        notes.line(f"warning: {told}", style=STYLES["warning"])
        return
    raise UserError(
        f"{told}. So the target {args.destination!r} would get what nobody has seen in {args.source!r}. Nothing was "
        f"written. Look at it with: airflow offers plan {args.manifest} --target {args.source}. Apply the manifest to "
        f"{args.source!r} first, or add --allow-differences"
    )


def _place_of(hook: OfferLibraryHook) -> tuple[str, str]:
    return hook.settings.org_id, hook.settings.sandbox


def _expect_elsewhere(args: argparse.Namespace, source: tuple[str, str], destination: tuple[str, str]) -> None:
    """Refuse a promotion to the place that it comes from: it would promote nothing, and look as if it had."""
    if source == destination:
        organization, sandbox = destination
        raise UserError(
            f"TO: given {args.destination!r}, which leads to the same sandbox {sandbox!r} of the organization "
            f"{organization!r} as FROM, {args.source!r}; expected another sandbox; correct the connection or the "
            "sandbox of one of the two targets"
        )


def prune(args: argparse.Namespace, screen: Screen) -> int:
    """Retire what is gone from the manifest, and do nothing else."""
    from airflow_provider_offers.campaigns.planning.planner import PlanOptions

    campaign = campaign_of(args)
    store = state_store(args.state_path, "--state-path")
    options = PlanOptions(force_conflicts=args.force_conflicts, prune=args.how, max_prune=args.max_prune)
    with hook_of(campaign.target.connection, campaign.target.sandbox) as hook:
        made = planned(hook, campaign, store, options)
        kept = {each.key for each in campaign.objects}
        retired = [each for each in made.objects if each.key not in kept]
        counted = {action: sum(each.action == action for each in retired) for action in made.counts}
        # What an object had under its old name is its base until the state learns the new one.
        moved = {(each.kind.key, each.old) for each in campaign.moved}
        forgotten = [key for key in made.forgotten if key not in moved]
        only = replace(made, objects=retired, counts=counted, forgotten=forgotten)
        return _applied(args, screen, hook, only, store, campaign)
