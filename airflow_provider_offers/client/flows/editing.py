"""Edits that depend on the current state of an object, such as those of windows and statuses.

An edit is planned on a fresh read, and planned again after a conflict.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from airflow_provider_offers.client.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    NotPublishableError,
    OfferLibraryError,
    OutcomeUnknownError,
    UnsupportedError,
)
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.ahead import looked_ahead
from airflow_provider_offers.client.flows.golive import DECIDING, check_decision
from airflow_provider_offers.client.flows.golive import REASONS as DECISION_REASONS
from airflow_provider_offers.client.flows.guarding import guarded_patch
from airflow_provider_offers.client.flows.judging import by, conflict
from airflow_provider_offers.client.flows.memory import Intent, Plan, keep, recall
from airflow_provider_offers.client.flows.obstacles import SHOWING, obstacles
from airflow_provider_offers.client.flows.reading import Meant, look_alone, resolve_to_guard
from airflow_provider_offers.client.flows.sending import FRESH_READS, call_in_errors, guards
from airflow_provider_offers.client.model.differences import what_differs
from airflow_provider_offers.client.model.entities import Entity, Receipt, Reference, Written
from airflow_provider_offers.client.model.kinds import FALLBACK
from airflow_provider_offers.client.model.lifecycle import (
    ACTIVATE,
    ARCHIVE,
    PUBLISH,
    Step,
    is_done,
    is_final,
    refuse_final,
)
from airflow_provider_offers.client.model.operations import Operation, Patch
from airflow_provider_offers.client.model.patches import PreparedPatch
from airflow_provider_offers.client.model.preparing import prepare_planned
from airflow_provider_offers.client.model.validation import Validate
from airflow_provider_offers.client.model.windows import OfferWindow, doubtful, window_of
from airflow_provider_offers.client.wire.messages import Flow, Note

# The reasons that depend on a window. The other reasons applied before the window was changed, too.
_OF_WINDOWS = {"no_window", "window_over", "no_offer_to_show"}


def edit(
    access: Access,
    reference: Reference,
    plan: Callable[[Entity], Flow[Patch]],
    done: str,
    *,
    validate: Validate = False,
    intent: Intent | None = None,
    send: Callable[[Meant, Entity, PreparedPatch], Flow[Written]] | None = None,
) -> Flow[Written]:
    """Send the operations that `plan` makes from the object; the action is `done`, or `unchanged` without operations.

    After a conflict the plan is made again on a fresh read; `ConflictError` if the conflicts do not end. An object with
    a final status accepts only a change of its status; any other change is a `TransitionError`. With `validate`, the
    new state of the object is checked against the rules of its kind.

    `send` replaces the guarded patch: it sends the planned write of an object that was read, if it is still `meant`.

    `intent` keeps for other tries of the same work that the object is about to be written. If one of them may have
    written it and nothing is left to do, the action is `done`. If somebody edited the object since, and something is
    left to do, the edit is not undone: `ConflictError`.
    """
    meant = yield from resolve_to_guard(access, reference)
    tries = _Tries(intent)

    def patched(meant: Meant, now: Entity, prepared: PreparedPatch) -> Flow[Written]:
        return guarded_patch(access, prepared, now, validate, told=tries.told, meant=meant)

    write = partial(send or patched, meant)
    for _ in range(FRESH_READS):
        ahead = yield from looked_ahead(access.ahead, meant.reference)
        before = ahead or (yield from meant.read(access))
        # After the read: other tries keep their plans before they write.
        plans = yield from recall(intent, access.exchange.clock(), access.ahead.read_at(before))
        written_at = tries.written_at(plans)
        if before.listed:
            # Only a guarded write may rely on it; otherwise, the object is read again.
            if written_at is None:
                as_listed = yield from _sent_as_listed(access, before, plan, tries, write, validate)
                if as_listed is not None:
                    return Written(as_listed.receipt, done, before.name, as_listed.request_id)
            yield from meant.confirm(access)
            continue
        operations = yield from plan(before)
        if not operations:
            return Written.of(before, "unchanged" if written_at in (None, before.etag) else done)
        # Exactly one write since then is somebody else's, because the object does not show the planned one.
        prepared = prepare_planned(operations, before.kind, validate)
        if written_at is not None and before.etag > written_at + 1:
            raise _edited_since(access, before, prepared, done, written_at) from tries.last
        if not _is_onward(before, prepared):
            refuse_final(before.status, before.called, done, before.kind.steps)
        written = yield from _sent(before, prepared, tries, write)
        if written is not None:
            return Written(written.receipt, done, before.name, written.request_id)
    assert tries.last is not None
    raise tries.last


@dataclass(slots=True)
class _Tries:
    """The known facts about earlier attempts at the same write, by other tries and by this one.

    `in_doubt` holds the etags at which this try sent the write without learning the outcome, and `last` the latest
    error. `told` holds the doubts about the result that are in the log already.
    """

    intent: Intent | None
    in_doubt: list[int] = field(default_factory=list)
    last: OfferLibraryError | None = None
    told: set[str] = field(default_factory=set)

    def written_at(self, plans: Sequence[Plan]) -> int | None:
        """The latest etag at which a try was about to write the object; None if no try was, or the service refused it.

        A try that planned on a later etag knew that no earlier plan took effect.
        """
        newest = max([*self.in_doubt, *(plan.etag for plan in plans)], default=None)
        unsettled = [*self.in_doubt, *(plan.etag for plan in plans if not plan.refused)]
        return newest if newest in unsettled else None

    def keep(self, etag: int, *, refused: bool = False) -> Flow[None]:
        yield from keep(self.intent, Plan(etag, "", refused=refused))


def _sent(
    before: Entity, prepared: PreparedPatch, tries: _Tries, send: Callable[[Entity, PreparedPatch], Flow[Written]]
) -> Flow[Written | None]:
    """The outcome of the write; None if another edit came first and the write must be planned again."""
    yield from tries.keep(before.etag)
    try:
        return (yield from send(before, prepared))
    except OutcomeUnknownError as unknown:
        if unknown.retryable or prepared.touched & prepared.hidden:
            raise
        # Somebody edited the object, and our answer is lost. The next plan shows whether anything is left to do.
        tries.in_doubt.append(before.etag)
        tries.last = unknown
    except OfferLibraryError as error:
        if error.verdict.settled:
            yield from tries.keep(before.etag, refused=True)
        if not isinstance(error, ConflictError):
            raise
        tries.last = error
    return None


def _sent_as_listed(
    access: Access,
    before: Entity,
    plan: Callable[[Entity], Flow[Patch]],
    tries: _Tries,
    send: Callable[[Entity, PreparedPatch], Flow[Written]],
    validate: Validate,
) -> Flow[Written | None]:
    """The outcome of a write that was planned with a listed object; None if a fresh read is needed."""
    try:
        operations = yield from plan(before)
    except OfferLibraryError:
        return None
    # The checks of a plan depend on the status, which may have changed since.
    prepared = prepare_planned([*guards(access, before, "status"), *operations], before.kind, validate)
    if not operations or (is_final(before.status, before.kind.steps) and not _is_onward(before, prepared)):
        return None
    try:
        return (yield from _sent(before, prepared, tries, send))
    except InvalidInputError:
        # Nothing was sent, because the listed object would break a rule.
        return None


def _edited_since(access: Access, now: Entity, prepared: PreparedPatch, done: str, written_at: int) -> ConflictError:
    call = call_in_errors(access, now.reference)
    return conflict(
        call,
        f"The {now.kind.subject} may have been {done} by this task already, and somebody edited it since; "
        "nothing was sent",
        f"its etag went from {written_at} to {now.etag}, and {what_differs(prepared.operations, now.properties)}; last "
        f"modified {now.modified}{by(now)}; clear the task to have it {done} anyway",
        final=True,
    )


def _is_onward(before: Entity, prepared: PreparedPatch) -> bool:
    """Whether the patch only sets a status to which the current status may change."""
    targets = [step.target for step in before.kind.steps if before.status in step.origins]
    return all(each.sets and each.path == ("status",) and each.value in targets for each in prepared.changes)


def schedule(
    access: Access,
    reference: Reference,
    window: OfferWindow,
    *,
    waive: Collection[str] = (),
    strict: bool = False,
    intent: Intent | None = None,
) -> Flow[Written]:
    """Set the window of a personalized offer or a decision with the smallest patch; send nothing if it has that window.

    A window that has ended by the service's clock is a warning, or with `strict` an `InvalidInputError`, unless `waive`
    has `window_over`. The windows of capping rules do not change. A live decision is checked first.

    Calls a read, then `PATCH` as `flows.patching.patch` does. Raises `NotPublishableError` if a live decision would be
    over, or have no offer to show in that window. Raises `TransitionError` if the status is final: an archived offer,
    an archived or complete decision. With an `intent`, raises `ConflictError` as `edit` does.
    """
    if reference.kind is FALLBACK:
        raise UnsupportedError(f"{reference} is a fallback offer, which has no window: it may always be shown")
    if reference.kind.window is None:
        raise UnsupportedError(f"{reference} is a {reference.kind.noun}, which has no window")

    told: set[str] = set()

    def plan(entity: Entity) -> Flow[Patch]:
        over = None if "window_over" in waive else window.is_over_by(access.exchange.service_now())
        if over and strict:
            raise doubtful({"window_over": over})
        if over and not told:
            told.add(over)
            yield Note(f"{entity.called} is never shown: {over}", about=entity.called, like="never shown")
        changes = window.changes(entity.properties, entity.kind)
        if not changes or entity.status != ACTIVATE.target:
            return changes
        scheduled = {**entity.properties, **window.as_constraint()}
        others = set(DECISION_REASONS) - _OF_WINDOWS
        check = yield from check_decision(access, scheduled, access.exchange.service_now(), others)
        if check:
            remedy = "complete or deactivate it instead, or choose another window"
            raise NotPublishableError(entity.called, check, doing="Scheduling", remedy=remedy)
        return [*guards(access, entity, "criteria"), *changes]

    return (yield from edit(access, reference, plan, "scheduled", intent=intent))


def take_step(
    access: Access,
    reference: Reference,
    step: Step,
    *,
    waive: Collection[str] = (),
    now: datetime | None = None,
    intent: Intent | None = None,
) -> Flow[Written]:
    """Make one step in the lifecycle of an offer or a decision; send nothing if its status is the step's already.

    Before an offer is published or a decision activated, the client checks whether customers would see it. Reasons in
    `waive` are skipped (see `obstacles.REASONS` and `golive.REASONS`). `now` replaces the service's clock. Raises
    `TransitionError` if the status does not allow the step, and `NotPublishableError` with the reasons; with an
    `intent`, `ConflictError` as `edit` does.
    """

    def now_there() -> datetime:
        return now or access.exchange.service_now()

    def plan(entity: Entity) -> Flow[Patch]:
        if is_done(step, entity.status, entity.called, entity.kind.steps):
            return []
        if step is PUBLISH:
            findings = yield from obstacles(access, entity.kind, entity.properties, now_there(), waive)
            if findings:
                raise NotPublishableError(entity.called, findings)
            return [*guards(access, entity, *SHOWING), *_set_status(step)]
        if step is ACTIVATE:
            check = yield from check_decision(access, entity.properties, now_there(), waive)
            if check:
                raise NotPublishableError(entity.called, check, doing="Activating")
            return [*guards(access, entity, *DECIDING), *_set_status(step)]
        return _set_status(step)

    return (yield from edit(access, reference, plan, step.done, intent=intent))


def archive_expired(access: Access, reference: Reference, cutoff: datetime) -> Flow[Written]:
    """Archive an offer whose window ended before `cutoff`; any other offer is `unchanged`.

    An offer also stays if it is not certain that its end has passed by the service's clock, because archiving is final.
    """

    def plan(entity: Entity) -> Flow[Patch]:
        yield from ()
        window = window_of(entity.properties)
        if entity.status == ARCHIVE.target or window is None or window.end >= cutoff:
            return []
        if not access.exchange.service_clock.has_passed(window.end):
            return []
        return [*guards(access, entity, "selectionConstraint"), *_set_status(ARCHIVE)]

    return (yield from edit(access, reference, plan, ARCHIVE.done))


def retire_expired(access: Access, reference: Reference, cutoff: datetime, *, is_retry: bool) -> Flow[Written]:
    """`archive_expired`; an offer that was deleted since the task chose it is `unchanged`.

    With `is_retry`, an offer that is archived already counts as archived: an earlier try was killed or lost the answer.
    """
    try:
        written: Written = yield from archive_expired(access, reference, cutoff)
    except NotFoundError:
        identifier, instance_id = reference.id or reference.instance_id, reference.instance_id or reference.id
        return Written(Receipt(identifier or "", instance_id or "", etag=None), "unchanged")
    if is_retry and written.action != ARCHIVE.done:
        now = yield from look_alone(access, reference)
        if now is not None and now.status == ARCHIVE.target:
            return replace(written, action=ARCHIVE.done)
    return written


def _set_status(step: Step) -> list[Operation]:
    return [{"op": "replace", "path": "/status", "value": step.target}]
