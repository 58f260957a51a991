"""Applies a plan: exactly what it says, in an order that never shows half a campaign, and again after any interruption.

The order is: what customers see no longer, then all content kind by kind, then what customers see from now on, and at
last the retirements.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import socket
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from airflow_provider_offers.campaigns.applying.items import Progress, RunOptions, plan_id
from airflow_provider_offers.campaigns.applying.rereading import WRITES, Check, Library, read_again
from airflow_provider_offers.campaigns.applying.running import Run
from airflow_provider_offers.campaigns.applying.writing import LockLost
from airflow_provider_offers.campaigns.errors import (
    CampaignConflictError,
    CampaignFailedError,
    ProtectedTargetError,
    StalePlanError,
)
from airflow_provider_offers.campaigns.plans import Plan, PlannedObject
from airflow_provider_offers.campaigns.reports import Report
from airflow_provider_offers.campaigns.state.states import State
from airflow_provider_offers.campaigns.state.storage import LOCK_SECONDS, Lock, StateStore, lost_state
from airflow_provider_offers.client.model.kinds import KINDS
from airflow_provider_offers.client.reading import OnPage
from airflow_provider_offers.client.session import AsyncSession
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.text import on_lines, quoted

_SHOWN = 10
_DECIDE = (
    "Decide each: take its live value into the manifest, ignore it with ignore_changes, or make the plan with "
    "force_conflicts"
)


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """How a plan is applied.

    `approved` says that somebody approved a plan for a protected target. `owner` names this apply in the lock, and
    takes a lock of the same name over at once (default: user, machine, process and a random sign). A lock that is not
    renewed expires after `lock_seconds`. `max_concurrent` objects are written at once. `patience` is how many seconds a
    new object may take to show up in a listing. `waive` names findings to ignore when a decision goes live. With
    `digest`, a plan of another manifest is refused. Once `is_halted`, the apply begins no more objects.
    """

    approved: bool = False
    owner: str = ""
    lock_seconds: float = LOCK_SECONDS
    max_concurrent: int = 32
    patience: float = 10.0
    waive: tuple[str, ...] = ()
    digest: str | None = None
    is_halted: Callable[[], bool] = lambda: False


def apply(
    settings: Settings,
    plan: Plan,
    store: StateStore,
    options: ApplyOptions | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_page: OnPage | None = None,
) -> Report:
    """`apply_plan` for code without an event loop. Opens a connection with the settings, and closes it."""

    async def applied() -> Report:
        session = await AsyncSession.open(settings)
        try:
            return await apply_plan(session, plan, store, options, on_progress, on_page)
        finally:
            await session.close()

    return asyncio.run(applied())


async def apply_plan(
    session: AsyncSession,
    plan: Plan,
    store: StateStore,
    options: ApplyOptions | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_page: OnPage | None = None,
) -> Report:
    """Apply a plan, and return what became of each object. `on_page` hears of the reading before the first write.

    Calls one listing of each kind that the plan writes or refers to, then one `POST`, `PATCH` or `DELETE` for each
    object, and listings that confirm them. Running it again with the same plan goes on where an earlier run ended.

    Raises, before anything is written: `CampaignConflictError` for a plan with conflicts, `ProtectedTargetError` for
    one that nobody approved, `StalePlanError` if the library or the state has changed since the plan, and
    `StateLockedError` if another apply runs. Raises `CampaignFailedError`, which has the report, if some objects
    failed; `StateLockedError` if the lock is lost; `CampaignError` if the apply was halted; and `StateError` if the
    state cannot be read or written.
    """
    options = options or ApplyOptions()
    _check(session.settings, plan, options)
    if not (plan.objects or plan.forgotten or plan.given_up):
        return Report.of(plan, (), plan.state_generation)
    lock = store.lock(
        plan.campaign,
        plan.organization,
        plan.sandbox,
        owner=options.owner or this_process(),
        seconds=options.lock_seconds,
    )
    held = await asyncio.to_thread(lock.__enter__)
    try:
        report = await _applied(session, plan, held, options, on_progress, on_page)
    except LockLost as ended:
        raise ended.lost from None
    finally:
        await asyncio.to_thread(lock.__exit__, None, None, None)
    if not report.is_complete:
        undone = [*report.ending("failed"), *report.ending("skipped")]
        raise CampaignFailedError(
            f"The campaign {quoted(plan.campaign, 80)} is not applied completely: {report.told()}",
            report=report,
            retryable=all(each.retryable for each in undone),
        )
    return report


def _check(settings: Settings, plan: Plan, options: ApplyOptions) -> None:
    """Refuse a plan for another place, of another manifest, with conflicts, or without an approval."""
    here = {"organization": settings.org_id, "sandbox": settings.sandbox, "api": settings.api}
    meant = {"organization": plan.organization, "sandbox": plan.sandbox, "api": plan.api}
    if wrong := [
        f"{name}: given {meant[name]!r}; expected {here[name]!r}" for name in here if here[name] != meant[name]
    ]:
        raise StalePlanError(f"The plan is for another place than this connection: {', '.join(wrong)}")
    if options.digest is not None and options.digest != plan.digest:
        raise StalePlanError("The manifest has changed since the plan; nothing was written. Make the plan again")
    if conflicts := [each for each in plan.objects if each.action == "conflict"]:
        told = [_in_conflict(each) for each in conflicts]
        raise CampaignConflictError(
            f"The plan has {len(conflicts)} conflict{'' if len(conflicts) == 1 else 's'}, so nothing was written. "
            f"{plan.ways_out(_DECIDE)}:{on_lines(told, _SHOWN)}"
        )
    if plan.protected and not options.approved and any(each.action in WRITES for each in plan.objects):
        raise ProtectedTargetError(
            f"The target {plan.target!r} is protected, and nobody approved the plan; nothing was written. Let "
            "ApproveCampaignPlanOperator ask a person, or set approved=True"
        )


async def _applied(
    session: AsyncSession,
    plan: Plan,
    held: Lock,
    options: ApplyOptions,
    on_progress: Callable[[Progress], None] | None,
    on_page: OnPage | None,
) -> Report:
    state: State = await asyncio.to_thread(held.read)
    is_rerun = state.plan == plan_id(plan)
    if not is_rerun and state.generation < plan.state_generation:
        raise StalePlanError(lost_state(state.generation, plan.state_generation))
    if not is_rerun and state.generation != plan.state_generation:
        raise StalePlanError(
            f"Another apply has written the state since the plan: its generation is {state.generation}; expected "
            f"{plan.state_generation}; nothing was written. Make the plan again"
        )
    library: Library = await session.run(read_again(session.access, plan, on_page))
    pending = {key for key, each in state.objects.items() if each.pending is not None}
    check = Check(library, pending, is_rerun=is_rerun)
    sights = check.sights(plan)
    if check.moved:
        raise StalePlanError(
            f"The library has changed since the plan of {plan.made_at}; nothing was written. Make the plan again:"
            f"{on_lines(check.moved, _SHOWN)}"
        )
    run = Run(
        session,
        plan,
        held,
        state,
        library,
        sights,
        RunOptions(options.max_concurrent, options.patience, options.waive, options.is_halted),
        on_progress,
    )
    return await run.run()


def _in_conflict(planned: PlannedObject) -> str:
    """An object in conflict, with its place in the manifest if it has one."""
    called = f"{KINDS[planned.key[0]].noun} {quoted(planned.key[1], 80)}"
    return f"{planned.origin}: {called}: {planned.reason}" if planned.origin else f"{called}: {planned.reason}"


def this_process() -> str:
    """A name for the owner of a lock: user, machine, process, and a random sign.

    Two containers may have the same machine and process, and a process may apply twice at once: each has its own name.
    """
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}, process {os.getpid()}, {uuid.uuid4().hex[:8]}"
