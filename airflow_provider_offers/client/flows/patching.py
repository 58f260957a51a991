"""Patching an object exactly once: no edit is lost, applied twice, or made on top of an edit that was not read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from airflow_provider_offers.client.errors import (
    ConflictError,
    NotFoundError,
    OfferLibraryError,
    OutcomeUnknownError,
)
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.ahead import looked_ahead, take_turn
from airflow_provider_offers.client.flows.judging import (
    REFUSED,
    Change,
    cannot_tell_later,
    conflict,
    is_unread_success,
    judge_edited,
    not_shown,
    set_otherwise,
)
from airflow_provider_offers.client.flows.memory import Intent, Plan, keep, recall
from airflow_provider_offers.client.flows.reading import (
    CLOCK_GRAIN,
    Meant,
    read_on_our_clock,
    resolve,
    resolve_to_guard,
)
from airflow_provider_offers.client.flows.sending import FRESH_READS, expect_etag, guards, read_receipt, send_guarded
from airflow_provider_offers.client.model.applying import TestFailed
from airflow_provider_offers.client.model.entities import Entity, Reference, Written
from airflow_provider_offers.client.model.instants import parse_instant
from airflow_provider_offers.client.model.patches import FittedPatch, PreparedPatch
from airflow_provider_offers.client.model.validation import Validate, check_result
from airflow_provider_offers.client.wire.messages import Call, Flow
from airflow_provider_offers.client.wire.retry import Tries

# Maximum difference between the service's clock and ours.
_CLOCKS = timedelta(seconds=60)
# The code of a conflict in which a `test` of the patch itself fails.
_TEST_FAILED = "test"


def patch(
    access: Access,
    reference: Reference,
    prepared: PreparedPatch,
    *,
    if_match: int | str | None = None,
    intent: Intent | None = None,
    validate: Validate = True,
) -> Flow[Written]:
    """Apply a patch exactly once.

    Calls `PATCH .../instances/{instanceId}` (xcore; Adobe: update an offer) or `PATCH /offers/{id}` (dps).

    - A patch that only sets properties is sent without a read, because applying it twice does no harm.
    - Any other patch, and every patch with `if_match`, is guarded: on xcore by `If-Match`, on dps by `test` operations
      on the touched properties. If the generation does not document an operation, others replace it.
      After a lost answer a read shows whether the patch took effect; `intent` keeps what is needed for that.

    Without `if_match`, the answer to a conflict is a fresh read and another attempt. Raises `ConflictError` if the etag
    is not `if_match`, or a `test` fails. Raises `InvalidInputError` if a guarded patch would break a rule that the
    object keeps now, unless `validate` is False. Raises `OutcomeUnknownError` if the answer is lost and no
    read shows the properties that the patch touches.
    """
    meant = yield from _meant(access, reference, prepared, if_match, intent)
    is_free = if_match is None and prepared.is_idempotent
    if is_free and not access.generation.needs_read(reference.kind, prepared):
        return (yield from _set_properties(access, meant, prepared, intent))
    told: set[str] = set()
    refused: _Refused | None = None
    is_first = _is_first(if_match, intent)
    for _ in range(FRESH_READS):
        before = yield from _before(access, meant, is_first=is_first)
        meant.reference = before.reference
        if refused is not None and _is_own_repetition(access, before, refused):
            return Written.of(before)
        # After the read: other tries keep their plans before they write.
        plans = yield from recall(intent, access.exchange.clock(), access.ahead.read_at(before))
        fitted = _to_send(access, before, prepared, plans, intent, if_match, validate, told)
        if fitted is None and before.listed:
            is_first = False
            continue
        if fitted is None:
            return Written.of(before)
        change = _change(access, fitted, whole=if_match is not None)
        yield from keep(intent, Plan(before.etag, prepared.fingerprint(fitted.after) if change.tells else ""))
        try:
            return (yield from _send_fitted(access, before, fitted, change, whole=if_match is not None, meant=meant))
        except ConflictError as overtaken:
            if if_match is not None or overtaken.code == _TEST_FAILED:
                raise
            last = overtaken
            # The service refused the write, and no read has shown a conflicting edit yet: it may be our own.
            refused = _Refused(before, change, overtaken) if overtaken.refused else None
        except OutcomeUnknownError as unknown:
            # If the plan outlives this process, the next try can tell.
            if intent is not None and intent.tries.durable and not unknown.retryable:
                raise OutcomeUnknownError(str(unknown), retryable=True) from unknown.__cause__
            raise
    raise last


def _is_first(if_match: int | str | None, intent: Intent | None) -> bool:
    """Whether the write may rely on an object that a list read ahead, because no earlier try can have written it."""
    return if_match is None and (intent is None or not intent.tries.is_retry)


def _meant(
    access: Access,
    reference: Reference,
    prepared: PreparedPatch,
    if_match: int | str | None,
    intent: Intent | None,
) -> Flow[Meant]:
    if _is_first(if_match, intent) and "name" not in prepared.touched:
        return (yield from resolve_to_guard(access, reference))
    return Meant(reference, (yield from resolve(access, reference)))


def _before(access: Access, meant: Meant, *, is_first: bool) -> Flow[Entity]:
    """The object before the patch: as the list read it ahead the first time, otherwise from a read."""
    ahead = (yield from looked_ahead(access.ahead, meant.reference)) if is_first else None
    return ahead or (yield from meant.read(access))


def _to_send(
    access: Access,
    before: Entity,
    prepared: PreparedPatch,
    plans: Sequence[Plan],
    intent: Intent | None,
    if_match: int | str | None,
    validate: Validate,
    told: set[str],
) -> FittedPatch | None:
    """The patch as it is sent to an object as it was read.

    None if another try has applied it, or, for an object that a list read ahead, if only a fresh read can tell.
    """
    if before.listed and plans:
        return None
    if not before.listed:
        if intent is not None and _is_applied(access, before, prepared, plans, intent, if_match):
            return None
        expect_etag(before, if_match, _call_in_errors(access, before.reference))
    try:
        fitted = _fitted(access, prepared, before, validate, told)
    except OfferLibraryError:
        if before.listed:
            return None
        raise
    return fitted if fitted.operations or not before.listed else None


def _call_in_errors(access: Access, reference: Reference) -> Call:
    """The call that errors quote: its method and path, without the operations."""
    return access.generation.patch(reference, ())


@dataclass(frozen=True, slots=True)
class _Refused:
    """A refused patch: the object as it was read, the change, and the conflict."""

    before: Entity
    change: Change
    conflict: ConflictError


def _is_own_repetition(access: Access, now: Entity, refused: _Refused) -> bool:
    """Whether the patch conflicted with itself, because a gateway sent it twice."""
    if now.etag == refused.before.etag or now.id != refused.before.id:
        return False
    try:
        judge_edited(
            _call_in_errors(access, now.reference), refused.before, now, refused.change, refused.conflict, lost=False
        )
    except ConflictError:
        return False
    return True


def _is_applied(
    access: Access,
    now: Entity,
    prepared: PreparedPatch,
    plans: Sequence[Plan],
    intent: Intent,
    if_match: int | str | None,
) -> bool:
    """Whether another try of the same work has applied the patch; raises `OutcomeUnknownError` if no read shows it.

    `plans` are those that the other tries kept.
    """
    if not plans and not _may_have_been_sent(now, intent, if_match, access.exchange.service_clock.skew):
        return False
    call = _call_in_errors(access, now.reference)
    is_shown, after = prepared.is_shown_by(now.properties), prepared.fingerprint(now.properties)
    if not plans:
        if is_shown is None and not intent.tries.anew:
            raise cannot_tell_later(call, f"it was modified at {now.modified}", now)
        return bool(is_shown)
    # Only a patch that sets properties can be recognized without their earlier values.
    is_set = prepared.is_repeatable and bool(is_shown)
    said = {_is_planned_applied(plan, now.etag, after, is_set=is_set) for plan in plans}
    if True in said:
        return True
    if None in said:
        etags = ", ".join(str(plan.etag) for plan in plans)
        raise cannot_tell_later(call, f"the etag went from {etags} to {now.etag}", now)
    return False


def _is_planned_applied(plan: Plan, etag: int, after: str, *, is_set: bool) -> bool | None:
    """Whether the object, with its current etag and fingerprint, shows the planned patch; None if that is not known."""
    if etag == plan.etag:
        return False
    if not plan.after:
        return is_set or None
    if after == plan.after:
        return True
    # Exactly one write since then is somebody else's, because the object does not show the planned one.
    return False if etag == plan.etag + 1 else None


def _may_have_been_sent(now: Entity, intent: Intent, if_match: int | str | None, skew: timedelta) -> bool:
    """Whether an earlier try that kept no plan may have sent the patch, by the time and number of edits.

    The service's clock is ahead of ours by `skew`.
    """
    if intent.tries.since is None or not _is_modified_since(now, intent.tries.since, skew):
        return False
    return if_match is None or str(now.etag) == str(int(str(if_match).strip('"')) + 1)


def _is_modified_since(entity: Entity, since: datetime, skew: timedelta) -> bool:
    """Whether the service changed the object at or after a moment of ours.

    The service's clock may have been set after the change, so either reading of its time counts.
    """
    try:
        return parse_instant(entity.modified) - min(skew, timedelta(0)) >= since - _CLOCKS
    except (ValueError, OverflowError):
        return True


def guarded_patch(
    access: Access,
    prepared: PreparedPatch,
    before: Entity,
    validate: Validate = False,
    *,
    whole: bool = False,
    told: set[str] | None = None,
    meant: Meant | None = None,
) -> Flow[Written]:
    """Apply a patch to an object that was read; `ConflictError` if it has changed since, or is not `meant` any more.

    dps has no `If-Match`. There the touched properties are tested, or with `whole` all properties of the read. With
    `validate`, the new state is checked against the rules of its kind; `told` holds the doubts that are in the log.
    """
    fitted = _fitted(access, prepared, before, validate, told)
    change = _change(access, fitted, whole=whole)
    return (yield from _send_fitted(access, before, fitted, change, whole=whole, meant=meant))


def _fitted(
    access: Access, prepared: PreparedPatch, before: Entity, validate: Validate, told: set[str] | None
) -> FittedPatch:
    """The patch in the form that is sent.

    Before anything is sent, a failed `test` is a `ConflictError`, and a result that the service would refuse is an
    error.
    """
    beside = {"id": before.id, "etag": before.etag, "created": before.created, "modified": before.modified}
    try:
        fitted = prepared.fit(before.properties, access.generation.capabilities, beside)
    except TestFailed as failure:
        call = _call_in_errors(access, before.reference)
        title = f"The {before.kind.subject} is not as the patch expects it; nothing was sent"
        raise conflict(call, title, str(failure), code=_TEST_FAILED, final=True) from None
    told = set() if told is None else told
    told |= prepared.doubts
    check_result(before.kind, fitted.before, fitted.after, validate, told)
    return fitted


def _change(access: Access, fitted: FittedPatch, *, whole: bool) -> Change:
    """The effect of a patch, judged by its operations as given: a second `move` or `copy` would find another value."""
    prepared, changed = fitted.prepared, fitted.changed
    blind = prepared.changes_hidden
    # Without an etag, a `test` of the current values is the guard. It stops a second application of the patch.
    by_etag = access.generation.capabilities.guards_by_etag
    once = not blind or by_etag or not fitted.before.keys().isdisjoint(changed)
    return Change(
        fitted.after,
        prepared.visible,
        prepared,
        tells=not blind or bool(changed),
        once=once,
        idempotent=prepared.is_repeatable or (whole and once),
    )


def _send_fitted(
    access: Access, before: Entity, fitted: FittedPatch, change: Change, *, whole: bool, meant: Meant | None
) -> Flow[Written]:
    if not fitted.operations:
        return Written.of(before, "unchanged")
    by_etag = access.generation.capabilities.guards_by_etag
    sent = fitted.operations if by_etag else fitted.guarded(whole=whole)
    if meant is not None and meant.name is not None:
        sent = [*guards(access, before, "name"), *sent]
    call = access.generation.patch(before.reference, sent, etag=before.etag)
    return (yield from send_guarded(access, call, before, change, meant))


def _set_properties(access: Access, meant: Meant, prepared: PreparedPatch, intent: Intent | None) -> Flow[Written]:
    """Send a patch that only sets properties, without a read first. After a lost answer, read before sending it again.

    If somebody else set the same properties since, the patch does not overwrite them: `ConflictError`. If only a list
    shows the object under its name, the patch is guarded by the name, and after any error the name is looked up again.
    """
    exchange = access.exchange
    plans = yield from recall(intent, exchange.clock(), read_at=0.0)
    earlier = [plan.sent for plan in plans if plan.sent is not None]
    call = None if earlier else _guarded_by_name(access, meant, prepared)
    if call is None:
        yield from meant.confirm(access)
        call = access.generation.patch(meant.reference, prepared.operations)
    sent = exchange.now()
    if earlier:
        sent = min(sent, *earlier)
        why = "another try of the task may have sent this patch"
        now, is_set = yield from _after_set(access, meant.reference, prepared, sent, why)
        if is_set:
            return Written.of(now)
    yield from keep(intent, Plan(0, "", sent))
    yield from take_turn(access.ahead)
    sent = sent if earlier else exchange.now()
    tries = Tries(exchange.retries, exchange.clock)
    while True:
        reference = meant.reference
        try:
            return read_receipt(access, reference, (yield from access.send(call)), name=meant.name)
        except OfferLibraryError as error:
            if meant.name is not None:
                yield from meant.confirm(access)
                if error.verdict.settled or meant.reference.id != reference.id:
                    sent = exchange.now()
                    yield from keep(intent, Plan(0, "", sent))
                    call = access.generation.patch(meant.reference, prepared.operations)
                    continue
            if not (yield from _may_be_repeated(tries, error)):
                return (yield from _shown_or_failed(access, reference, prepared, sent, error))
            now, is_set = yield from _after_unsettled(access, reference, prepared, sent, error)
            if is_set:
                return Written.of(now)
            call = access.generation.patch(reference, prepared.operations, etag=now.etag)


def _guarded_by_name(access: Access, meant: Meant, prepared: PreparedPatch) -> Call | None:
    """The patch of an object that only a list shows under its name; it fails if the object has another name by now.

    None if it is certain which object is meant, or if the list has not kept the object.
    """
    before = None if meant.name is None else access.ahead.take(meant.reference)
    if before is None:
        return None
    operations = [*guards(access, before, "name"), *prepared.operations]
    return access.generation.patch(before.reference, operations, etag=before.etag)


def _may_be_repeated(tries: Tries, error: OfferLibraryError) -> Flow[bool]:
    """Whether to read the object, and to send the patch again if the object does not show it; waits before that."""
    # The second request has the etag of a read. A conflict may mean that the first request was applied late.
    if tries.failed > 0 and isinstance(error, ConflictError):
        return tries.again()
    if error.verdict.settled:
        return False
    pause = tries.pause(error, repeatable=True)
    if pause is None:
        return False
    yield pause
    return True


def _shown_or_failed(
    access: Access, reference: Reference, prepared: PreparedPatch, sent: datetime, error: OfferLibraryError
) -> Flow[Written]:
    """The outcome of a patch that is not sent again: done if a read shows it and an edit since, else the error.

    The error may answer a second copy of the request, which a gateway sent on its own.
    """
    if not error.verdict.settled or isinstance(error, REFUSED):
        try:
            now, modified, is_shown = yield from _look_for(access, reference, prepared)
        except OfferLibraryError:
            raise error from None
        if is_shown and (modified is None or modified >= sent - CLOCK_GRAIN):
            return Written.of(now)
    raise error


def _after_unsettled(
    access: Access, reference: Reference, prepared: PreparedPatch, sent: datetime, error: OfferLibraryError
) -> Flow[tuple[Entity, bool]]:
    why = f"it had no answer that settles it ({error})"
    try:
        return (yield from _after_set(access, reference, prepared, sent, why, taken=is_unread_success(error)))
    except (ConflictError, NotFoundError, OutcomeUnknownError):
        raise
    except OfferLibraryError as blind:
        call = _call_in_errors(access, reference)
        raise OutcomeUnknownError(
            f"{call.method} {call.bare_path}: {why}, and the {reference.kind.subject} cannot be read to see whether it "
            f"took effect: {blind}"
        ) from blind


def _after_set(
    access: Access,
    reference: Reference,
    prepared: PreparedPatch,
    sent: datetime,
    why: str,
    *,
    taken: bool = False,
) -> Flow[tuple[Entity, bool]]:
    """The current object, and whether it shows what the patch sets.

    Raises `ConflictError` if somebody else edited the object since and it does not show the patch, and
    `OutcomeUnknownError` if it was edited since and cannot show the patch, unless an answer said that it was `taken`.
    """
    now, modified, is_shown = yield from _look_for(access, reference, prepared)
    if is_shown:
        return now, True
    # Two edits within the precision of the clocks count as simultaneous, and either may be the last.
    if modified is not None and modified > sent + CLOCK_GRAIN:
        if is_shown is None and taken:
            return now, True
        if is_shown is None:
            raise not_shown(_call_in_errors(access, reference), now, why, f"it was modified at {now.modified}")
        raise set_otherwise(_call_in_errors(access, reference), now, why)
    return now, False


def _look_for(
    access: Access, reference: Reference, prepared: PreparedPatch
) -> Flow[tuple[Entity, datetime | None, bool | None]]:
    """The current object, the time of its last change by our clock, and whether it shows the patch."""
    now, modified = yield from read_on_our_clock(access, reference)
    return now, modified, prepared.is_shown_by(now.properties)
