"""`airflow offers export` and `import`: from a library that exists to a manifest that manages it."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

from airflow_provider_offers.cli.campaigns import campaign_of
from airflow_provider_offers.cli.connections import hook_of
from airflow_provider_offers.cli.progress import Bars
from airflow_provider_offers.cli.running import OK, UserError
from airflow_provider_offers.cli.screen import Screen
from airflow_provider_offers.client.model.kinds import KINDS
from airflow_provider_offers.client.text import legible
from airflow_provider_offers.hooks.campaigns import (
    export_manifest,
    import_into_state,
    state_store,
    storage_path,
    stored,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from airflow_provider_offers.campaigns.moving.importing import Imported
    from airflow_provider_offers.campaigns.objects import Campaign, Key

_LONGEST = 600


def export(args: argparse.Namespace, screen: Screen) -> int:
    """Write a library, or a selection of it, as a manifest."""
    from airflow_provider_offers.campaigns.manifest.writing_yaml import as_yaml, check_out, write_manifest

    _expect_useful(args)
    place = None if args.out is None else storage_path("--out", args.out)
    if place is not None:
        with stored("--out", place):
            check_out("--out", place, overwrite=args.overwrite)
    with hook_of(args.conn_id, args.sandbox) as hook, Bars() as bars:
        exported, document = export_manifest(
            hook,
            hook.offer_library_conn_id,
            args.sandbox,
            args.select,
            args.campaign,
            args.target,
            only=args.only,
            on_page=bars.read,
        )
    notes = Screen(sys.stderr)
    for note in exported.notes:
        notes.line(legible(note, _LONGEST), style="yellow")
    if place is None:
        screen.document(as_yaml(document).rstrip("\n"))
        return OK
    with stored("--out", place):
        files = write_manifest(document, place, overwrite=args.overwrite)
    screen.line(f"{args.out}: {_counted(exported.objects)} in {', '.join(files)}", style="green")
    return OK


def _expect_useful(args: argparse.Namespace) -> None:
    """Refuse options that would do nothing: most often, the one that they need is missing."""
    for option, is_given, needed, is_there in (
        ("--only", args.only, "--select", args.select),
        ("--overwrite", args.overwrite, "--out", args.out is not None),
    ):
        if is_given and not is_there:
            raise UserError(f"{option}: given without {needed}, so it would do nothing; add {needed}, or leave it out")


def import_(args: argparse.Namespace, screen: Screen) -> int:
    """Take the objects of a manifest that exist as managed: the state learns their values."""
    campaign = campaign_of(args)
    with hook_of(campaign.target.connection, campaign.target.sandbox) as hook, Bars() as bars:
        imported = import_into_state(hook, campaign, state_store(args.state_path, "--state-path"), bars.read)
    for key in imported.absent:
        screen.line(f"not in the library: {_named(key)}")
    for key, reason in imported.refused.items():
        screen.line(f"not imported: {_named(key)}: {legible(reason, _LONGEST)}", style="yellow")
    told = f"{len(imported.taken)} imported, {len(imported.known)} known before, {len(imported.refused)} not imported"
    screen.line(f"{told}, {len(imported.absent)} not in the library" if imported.absent else told)
    if imported.refused:
        raise UserError(_not_taken(imported))
    if imported.absent and not imported.taken and not imported.known:
        raise UserError(_nothing_there(campaign))
    return OK


def _not_taken(imported: Imported) -> str:
    """What an import says that could not take everything."""
    count = len(imported.refused)
    objects = "1 object of the manifest was" if count == 1 else f"{count} objects of the manifest were"
    kept = f"; the state knows the other {len(imported.taken)} now" if imported.taken else ""
    why = f"for the reason{'' if count == 1 else 's'} above"
    return f"{objects} not imported {why}{kept}; a plan shows a conflict for each. Correct that, and import again"


def _nothing_there(campaign: Campaign) -> str:
    """What an import says that finds nothing: most often it looks in the wrong place."""
    return (
        f"the library of the target {campaign.target.name!r} has no object of the manifest, so nothing was imported; "
        "check the target, its sandbox and the names, or create the objects with: airflow offers apply"
    )


def _named(key: Key) -> str:
    kind, name = key
    return legible(f"{KINDS[kind].noun} {name!r}")


def _counted(keys: Iterable[Key]) -> str:
    counts = Counter(kind for kind, _ in keys)
    told = (f"{count} {KINDS[kind].noun}{'' if count == 1 else 's'}" for kind, count in counts.items())
    return ", ".join(told) or "nothing"
