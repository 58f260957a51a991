"""`airflow offers unlock`: tells who holds the lock of a campaign, and removes it after a question."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_offers.campaigns.errors import StateError
from airflow_provider_offers.campaigns.state.storage import STOPS_WITHIN_SECONDS
from airflow_provider_offers.cli.connections import hook_of
from airflow_provider_offers.cli.plans import answered
from airflow_provider_offers.cli.running import FAILED, OK, UserError
from airflow_provider_offers.client.model.instants import format_instant
from airflow_provider_offers.client.text import legible
from airflow_provider_offers.hooks.campaigns import head_of_campaign, state_store

if TYPE_CHECKING:
    import argparse

    from airflow_provider_offers.campaigns.state.storage import Holder
    from airflow_provider_offers.cli.screen import Screen

_ALIVE = (
    "that apply seems to run. Wait for it to end, or until its lock expires. If its process has certainly died, add"
)


def unlock(args: argparse.Namespace, screen: Screen) -> int:
    """Remove the lock of a campaign. Nothing is sent to the library."""
    campaign, conn_id, sandbox = _meant(args)
    store = state_store(args.state_path, "--state-path")
    with hook_of(conn_id, sandbox) as hook:
        place = (campaign, hook.settings.org_id, hook.settings.sandbox)
    called = legible(f"the campaign {campaign!r} in the sandbox {place[2]!r}")
    held, is_readable = None, True
    try:
        held = store.holder(*place)
    except StateError as error:
        # A place that fails tells nothing about the lock.
        if not args.force or error.retryable:
            raise
        is_readable = False
    if held is None and is_readable:
        screen.line(f"{called} has no lock: no apply of it runs")
        return OK
    is_alive = held is not None and store.is_alive(held)
    if held is None:
        screen.line(f"the lock of {called} is not readable, so nobody knows whose it is")
    else:
        told = f"the lock of {called} is held by {_told(held)}"
        if is_alive and not args.force:
            raise UserError(f"{told}; {_ALIVE} --force")
        screen.line(told if is_alive else f"{told}; it was not renewed, so its process has died")
    if not args.yes and not answered("Type yes to remove the lock", "yes", screen, "removed"):
        screen.line("nothing was removed")
        return FAILED
    removed = store.force_unlock(*place, token=None if held is None else held.token)
    if removed is None:
        raise UserError(f"the lock of {called} has changed meanwhile, so nothing was removed; look again")
    if is_alive:
        # When this command ends, the apply has stopped.
        time.sleep(STOPS_WITHIN_SECONDS)
    screen.line("the lock is removed")
    return OK


def _meant(args: argparse.Namespace) -> tuple[str, str, str | None]:
    """The name of the campaign, the connection and the sandbox that are meant."""
    given: str = args.campaign
    if "://" in given or Path(given).exists():
        name, target = head_of_campaign(given, args.target)
        return name, target.connection if args.conn_id is None else args.conn_id, args.sandbox or target.sandbox
    if args.conn_id is None:
        raise UserError(
            f"CAMPAIGN: given {given!r}, which is not a file or a folder; expected a manifest, or with --conn-id the "
            "name of a campaign"
        )
    if args.target is not None:
        raise UserError("--target: only a manifest has targets; given the name of a campaign, add --sandbox instead")
    return given, args.conn_id, args.sandbox


def _told(held: Holder) -> str:
    since = "" if held.since is None else f" since {format_instant(held.since)}"
    return legible(f"{held.owner}{since}, until {format_instant(held.expires_at)}")
