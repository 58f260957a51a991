"""Patching and replacing an offer so that no edit is lost, applied twice, or made on top of somebody else's unseen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from airflow_provider_offers.client.errors import (
    ConflictError,
    NotFoundError,
    OfferLibraryError,
    OutcomeUnknownError,
)
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.intents import (
    may_be_applied,
    plan_for,
    shows,
    touched_by,
)
from airflow_provider_offers.client.flows.judging import (
    Effect,
    agree,
    by,
    cannot_tell_later,
    ending,
    judge_edited,
)
from airflow_provider_offers.client.flows.memory import FRESH_READS, Intent, Plan, keep, recall
from airflow_provider_offers.client.flows.reading import read_now, resolve
from airflow_provider_offers.client.flows.setting import set_properties
from airflow_provider_offers.client.flows.written import REFUSED, Written, seen, written
from airflow_provider_offers.client.generations import Patch
from airflow_provider_offers.client.model.entities import Entity, Reference
from airflow_provider_offers.client.model.patches import (
    Fitted,
    TestFailed,
    fit,
    guards,
    is_idempotent,
    tops,
    unforeseen,
)
from airflow_provider_offers.client.model.spelling import join_pointer
from airflow_provider_offers.client.model.validation import Validate, check_result
from airflow_provider_offers.client.wire.messages import Call, Flow, Json, Pause
from airflow_provider_offers.client.wire.retry import is_unsettled

__all__ = ["Written", "expect_etag", "guarded_patch", "patch", "put"]

_BESIDE = ("/id", "/etag", "/created", "/modified")


def patch(
    access: Access,
    reference: Reference,
    operations: Patch,
    *,
    if_match: int | str | None = None,
    intent: Intent | None = None,
    validate: Validate = True,
) -> Flow[Written]:
    """Apply a neutral patch exactly once.

    Calls `PATCH .../instances/{instanceId}` (xcore; Adobe: update an offer) or `PATCH /offers/{id}` (dps).

    - A patch that only sets properties goes out as it is: twice does what once does.
    - Any other patch, and every patch with `if_match`, is guarded: xcore by `If-Match`, dps by `test` operations on
      what it touches. What the generation's pages do not list is sent in the operations that they do. After a lost
      answer the offer itself tells whether the patch took effect; `intent` keeps across processes what tells it.

    Raises `ConflictError` where the offer is not, or no longer, at `if_match`, or where a `test` does not hold.
    Without `if_match` a conflict is answered by a fresh read and another try. Raises `InvalidInputError` where a patch
    that is guarded would leave an offer which breaks a rule that it does not break before, unless `validate` is False,
    and `OutcomeUnknownError` where the answer is lost and no read shows what the patch touches.
    """
    reference = yield from resolve(access, reference)
    if if_match is None and is_idempotent(operations) and not access.generation.needs_read(reference.kind, operations):
        return (yield from set_properties(access, reference, operations, intent))
    told: set[str] = set()
    refused: tuple[Entity, ConflictError] | None = None
    for _ in range(FRESH_READS):
        before = yield from read_now(access, reference)
        reference = before.reference
        if refused is not None and _came_through(access, operations, *refused, before):
            return seen(before)
        # After the read: whoever's patch is in it had kept its plan before.
        if intent is not None and (yield from _is_applied(access, before, operations, intent, if_match)):
            return seen(before)
        expect_etag(before, if_match, access.generation.patch(reference, operations))
        if intent is not None:
            plan = _plan(access, reference, operations, before, validate=validate, told=told)
            yield from keep(intent, plan)
        try:
            whole = if_match is not None
            return (yield from guarded_patch(access, reference, operations, before, validate, whole=whole, told=told))
        except ConflictError as conflict:
            if if_match is not None or conflict.code == _TEST_FAILED:
                raise
            last = conflict
            # The service refused the write, and no read has shown the edit that it conflicts with: it may be our own.
            refused = (before, conflict) if conflict.refused else None
        except OutcomeUnknownError as unknown:
            # Where the plan outlives this process, the next try can tell.
            unknown.retryable = unknown.retryable or (intent is not None and intent.durable)
            raise
    raise last


def _came_through(access: Access, operations: Patch, before: Entity, conflict: ConflictError, now: Entity) -> bool:
    """Whether the edit that a patch of `before` conflicted with was the patch itself, sent twice by a gateway."""
    if now.etag == before.etag:
        return False
    fitted = _fitted(access, before.reference, operations, before, validate=False)
    effect = _effect(access, operations, before, fitted)
    try:
        judge_edited(access.generation.patch(now.reference, operations), before, now, effect, conflict, lost=False)
    except ConflictError:
        return False
    return True


def _is_applied(
    access: Access, now: Entity, operations: Patch, intent: Intent, if_match: int | str | None
) -> Flow[bool]:
    """Whether another try of the same work has applied the patch; `OutcomeUnknownError` where none can tell."""
    call = access.generation.patch(now.reference, operations)
    plans = yield from recall(intent)
    if plans:
        said = {_says(plan, now, operations) for plan in plans}
        if True in said:
            return True
        if None in said:
            etags = ", ".join(str(plan.etag) for plan in plans)
            raise cannot_tell_later(call, f"the etag went from {etags} to {now.etag}", now)
        return False
    if intent.since is None or not may_be_applied(now, intent.since):
        return False
    if if_match is not None and str(now.etag) != str(int(str(if_match).strip('"')) + 1):
        return False
    is_shown = shows(operations, now.properties, now.kind)
    if is_shown is None and not intent.anew:
        raise cannot_tell_later(call, f"it was modified at {now.modified}", now)
    return bool(is_shown)


def _plan(
    access: Access, reference: Reference, operations: Patch, before: Entity, *, validate: Validate, told: set[str]
) -> Plan:
    """What the next try can tell by whether the patch took effect."""
    fitted = _fitted(access, reference, operations, before, validate=validate, told=told)
    effect = _effect(access, operations, before, fitted)
    return plan_for(before.etag, fitted.after, effect.touched) if effect.tells else Plan(before.etag, "")


def _says(plan: Plan, now: Entity, operations: Patch) -> bool | None:
    """Whether the offer shows that the planned patch took effect; None where that cannot be told."""
    if now.etag == plan.etag:
        return False
    if not plan.after:
        # Only of what it sets can it be said that it is so, whatever it was before.
        return (is_idempotent(_changes(operations)) and shows(operations, now.properties, now.kind)) or None
    if plan_for(plan.etag, now.properties, touched_by(operations) - unforeseen(operations, now.kind)) == plan:
        return True
    # Exactly one write came since, and it is somebody else's: the planned one is not in it.
    return False if now.etag == plan.etag + 1 else None


def _effect(access: Access, operations: Patch, before: Entity, fitted: Fitted, *, whole: bool = False) -> Effect:
    """What a patch does, by the operations as they were given: `move` and `copy` find another value the next time."""
    hidden = unforeseen(operations, before.kind)
    touched = touched_by(operations) - hidden
    changes = _changes(operations)
    changed = {name for name in touched if not agree(before.properties, fitted.after, {name})}
    blind = any(tops(operation) & hidden for operation in changes)
    # On dps the guard is a test of what is there, and holds the patch off for what the patch has made of that.
    once = not blind or access.generation.api == "xcore" or not changed.isdisjoint(before.properties)
    return Effect(
        fitted.after,
        touched,
        operations,
        tells=not blind or bool(changed),
        once=once,
        idempotent=is_idempotent(changes) or (whole and once),
    )


def _changes(operations: Patch) -> Patch:
    """A test that no longer holds when the patch comes a second time does no harm, nor does an etag that is old by
    then: what the patch changes is what counts."""
    return [operation for operation in operations if operation["op"] != "test"]


def guarded_patch(
    access: Access,
    reference: Reference,
    operations: Patch,
    before: Entity,
    validate: Validate = False,
    *,
    whole: bool = False,
    told: set[str] | None = None,
) -> Flow[Written]:
    """Apply a patch to the offer as it was read; `ConflictError` where it has changed since.

    dps has no If-Match: there what the patch touches is tested, or with `whole` every property that was read. With
    `validate` the offer as it will be is held against the rules of its kind; `told` are the doubts in the log already.
    """
    fitted = _fitted(access, reference, operations, before, validate=validate, told=told)
    if not fitted.operations:
        return replace(seen(before), action="unchanged")
    by_etag = access.generation.api == "xcore"
    sent = fitted.operations if by_etag else _with_guards(fitted.operations, before, whole=whole)
    call = access.generation.patch(reference, sent, etag=before.etag)
    effect = _effect(access, operations, before, fitted, whole=whole)
    return (yield from _guarded(access, reference, call, before, effect))


def _with_guards(operations: Patch, before: Entity, *, whole: bool) -> Patch:
    """The patch behind its guards. Whether dps can test what it keeps beside the properties is documented nowhere:
    the read has answered such a test already, and tests of all properties stand in for it from there on."""
    sent = [operation for operation in operations if operation["op"] != "test" or operation["path"] not in _BESIDE]
    if whole or len(sent) < len(operations):
        tests = [
            {"op": "test", "path": join_pointer([name]), "value": value}
            for name, value in before.properties.items()
            if name not in before.kind.unreliable_on_read
        ]
        return [*tests, *sent]
    return [*guards(operations, before.properties, before.kind), *sent]


def put(access: Access, reference: Reference, properties: Mapping[str, Json], before: Entity) -> Flow[Written]:
    """Replace an object as it was read; `ConflictError` where it has changed since. `UnsupportedError` on dps."""
    call = access.generation.replace(before.reference, {**properties, "id": before.id}, etag=before.etag)
    expected = access.generation.as_read(properties, reference.kind)
    touched = {*expected, *before.properties}.difference(reference.kind.write_only, reference.kind.unreliable_on_read)
    blind = not {*expected, *before.properties}.isdisjoint(reference.kind.unreliable_on_read)
    effect = Effect(expected, touched, tells=not blind or not agree(before.properties, expected, touched))
    return (yield from _guarded(access, reference, call, before, effect))


def _guarded(access: Access, reference: Reference, call: Call, before: Entity, effect: Effect) -> Flow[Written]:
    """Send a write that fails if the offer changed meanwhile; where its answer is lost, look whether it took effect."""
    exchange = access.exchange
    started = exchange.clock()
    attempt = 0
    unsettled = False
    while True:
        try:
            return written(access, reference, (yield from access.send(call)), name=before.name)
        except OfferLibraryError as error:
            lost = is_unsettled(error)
            if not lost and not isinstance(error, REFUSED):
                raise ending(call, error, unknown=unsettled and not effect.idempotent)  # noqa: B904  it has its cause
            doubtful = lost or unsettled
            twice = not lost and _may_answer_a_repetition(call, error)
            now = yield from _look(access, reference, error, lost=doubtful, twice=twice, idempotent=effect.idempotent)
            if twice and now.etag == before.etag:
                # The first read may be an old answer out of a cache.
                now = yield from _look(
                    access, reference, error, lost=doubtful, twice=True, idempotent=effect.idempotent
                )
            if now.etag != before.etag:
                judge_edited(call, before, now, effect, error, lost=doubtful)
                return seen(now)
            pause = exchange.retries.pause(error, repeatable=lost, attempt=attempt, elapsed=exchange.clock() - started)
            if pause is None or (lost and not effect.once and not effect.idempotent):
                raise ending(call, error, unknown=doubtful and not effect.idempotent)  # noqa: B904
            unsettled = True
            yield Pause(pause, str(error))
            attempt += 1


def _may_answer_a_repetition(call: Call, error: OfferLibraryError) -> bool:
    """Whether a refusal may be the guard's, and so the answer to the second of two sendings by a gateway.

    A guard by etag is refused as a conflict. How dps refuses a `test` is documented nowhere.
    """
    return isinstance(error, ConflictError) or "If-Match" not in call.headers


def _look(
    access: Access, reference: Reference, error: OfferLibraryError, *, lost: bool, twice: bool, idempotent: bool
) -> Flow[Entity]:
    """The offer after a write that was refused, perhaps only the second time (`twice`), or whose answer was lost."""
    try:
        return (yield from read_now(access, reference))
    except NotFoundError:
        raise
    except OfferLibraryError as blind:
        if not lost and not twice:
            raise error from None
        why = "had no answer that settles it" if lost else "was refused, but a gateway may have sent it twice"
        unknown = OutcomeUnknownError(
            f"A write to {reference} {why} ({error}), and the {reference.kind.subject} cannot be read to see whether "
            f"it took effect: {blind}"
        )
        unknown.retryable = idempotent
        raise unknown from blind


_TEST_FAILED = "test"


def _fitted(
    access: Access,
    reference: Reference,
    operations: Patch,
    before: Entity,
    *,
    validate: Validate,
    told: set[str] | None = None,
) -> Fitted:
    """The patch as it is sent, and the properties after it; a `test` that does not hold is a conflict, and a result
    that the service would refuse is refused, before anything is sent."""
    beside = {"id": before.id, "etag": before.etag, "created": before.created, "modified": before.modified}
    try:
        fitted = fit(operations, {**beside, **before.properties}, before.kind, access.generation.api)
    except TestFailed as failure:
        raise ConflictError(
            method="PATCH",
            path=access.generation.patch(reference, operations).bare_path,
            status=409,
            code=_TEST_FAILED,
            title=f"The {before.kind.subject} is not as the patch expects it; nothing was sent",
            detail=str(failure),
            refused=False,
        ).for_good() from None
    after = {name: value for name, value in fitted.after.items() if name not in beside}
    check_result(before.kind, before.properties, after, operations, validate, told)
    return replace(fitted, after=after)


def expect_etag(before: Entity, if_match: int | str | None, call: Call) -> None:
    """`ConflictError` where the object is not at the etag that the caller wants it to have."""
    if if_match is None or str(before.etag) == str(if_match).strip('"'):
        return
    raise ConflictError(
        method=call.method,
        path=call.bare_path,
        status=409,
        title=f"The {before.kind.subject} was edited since; nothing was sent",
        detail=f"its etag is {before.etag}, not {if_match}; last modified {before.modified}{by(before)}",
        refused=False,
    ).for_good()
