"""Patching and replacing an offer so that no edit is lost, applied twice, or made on top of somebody else's unseen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from airflow_provider_offers.client.entities import Entity, Receipt, Reference
from airflow_provider_offers.client.errors import (
    BadRequestError,
    ConflictError,
    NotFoundError,
    OfferLibraryError,
    OutcomeUnknownError,
    RejectedError,
    UnexpectedResponseError,
)
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.intents import (
    Intent,
    Plan,
    may_be_applied,
    plan_for,
    shows,
    touched_by,
)
from airflow_provider_offers.client.flows.reading import CLOCK_GRAIN, read_now, read_on_our_clock, resolve
from airflow_provider_offers.client.generations import Patch
from airflow_provider_offers.client.patches import (
    Fitted,
    TestFailed,
    fit,
    guards,
    is_idempotent,
    tops,
    unforeseen,
)
from airflow_provider_offers.client.retry import is_unsettled
from airflow_provider_offers.client.sameness import dropped, same
from airflow_provider_offers.client.spelling import join_pointer
from airflow_provider_offers.client.validation import Validate, check_result
from airflow_provider_offers.client.wire import Answer, Call, Flow, Json, Pause

# How often a write that guards itself is made again on a fresh read, when others keep editing the offer.
_FRESH_READS = 5
_BESIDE = ("/id", "/etag", "/created", "/modified")


@dataclass(frozen=True, slots=True)
class Written:
    """What a write came to. `name` is known where the offer was read on the way.

    `withdrawn` are the ids of twins that were deleted again, where two had created the offer at once.
    """

    receipt: Receipt
    action: str
    name: str | None = None
    request_id: str | None = None
    withdrawn: tuple[str, ...] = ()


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
        return (yield from _set(access, reference, operations, intent))
    told: set[str] = set()
    for _ in range(_FRESH_READS):
        before = yield from read_now(access, reference)
        reference = before.reference
        # After the read: whoever's patch is in it had kept its plan before.
        if intent is not None and _is_applied(access, before, operations, intent, if_match):
            return _seen(before)
        expect_etag(before, if_match, access.generation.patch(reference, operations))
        if intent is not None:
            intent.keep(_plan(access, reference, operations, before, validate=validate, told=told))
        try:
            whole = if_match is not None
            return (yield from guarded_patch(access, reference, operations, before, validate, whole=whole, told=told))
        except ConflictError as conflict:
            if if_match is not None or conflict.code == _TEST_FAILED:
                raise
            last = conflict
        except OutcomeUnknownError as unknown:
            # Where the plan outlives this process, the next try can tell.
            unknown.retryable = unknown.retryable or (intent is not None and intent.durable)
            raise
    raise last


def _set(access: Access, reference: Reference, operations: Patch, intent: Intent | None) -> Flow[Written]:
    """Send a patch that only sets, without a read before it; a lost answer is looked after before it is sent again.

    Whoever set the same since is not overruled by the repetition, nor by another try: that is a `ConflictError`.
    """
    exchange = access.exchange
    started, sent = exchange.clock(), exchange.now()
    earlier = [] if intent is None else [plan.sent for plan in intent.recall() if plan.sent is not None]
    if earlier:
        sent = min(sent, *earlier)
        why = "another try of the task may have sent this patch"
        now, is_set = yield from _after_set(access, reference, operations, sent, why)
        if is_set:
            return _seen(now)
    if intent is not None:
        intent.keep(Plan(0, "", sent))
    call = replace(access.generation.patch(reference, operations), repeatable=False)
    attempt = 0
    while True:
        try:
            return (yield from _written(access, reference, (yield from access.send(call))))
        except OfferLibraryError as error:
            # The repetition carries the etag of a read: where that is old by now, ours may have come through late.
            overtaken = attempt > 0 and isinstance(error, ConflictError)
            if not overtaken and not is_unsettled(error):
                raise
            if not overtaken:
                elapsed = exchange.clock() - started
                pause = exchange.retries.pause(error, repeatable=True, attempt=attempt, elapsed=elapsed)
                if pause is None:
                    raise
                yield Pause(pause, str(error))
            attempt += 1
            now, is_set = yield from _after_set(access, reference, operations, sent, f"it had no answer ({error})")
            if is_set:
                return _seen(now)
            call = replace(access.generation.patch(reference, operations, etag=now.etag), repeatable=False)


def _after_set(
    access: Access, reference: Reference, operations: Patch, sent: datetime, why: str
) -> Flow[tuple[Entity, bool]]:
    """The offer now, and whether it shows what a patch sets that was sent before. `ConflictError` where somebody else
    edited it since, and it does not; `OutcomeUnknownError` where it was edited since, and cannot show it."""
    now, modified = yield from read_on_our_clock(access, reference)
    seen = shows(operations, now.properties, now.kind)
    if seen:
        return now, True
    # Within the grain of the clocks two edits are at once, and either may be the last.
    if modified is not None and modified > sent + CLOCK_GRAIN:
        call = access.generation.patch(reference, operations)
        if seen is None:
            raise _not_shown(call, now, why, f"it was modified at {now.modified}")
        raise _set_otherwise(call, now, why)
    return now, False


def _set_otherwise(call: Call, now: Entity, why: str) -> ConflictError:
    return ConflictError(
        method=call.method,
        path=call.bare_path,
        status=409,
        title=f"Somebody else edited the {now.kind.subject} meanwhile, and it is not as this patch sets it",
        detail=f"{why}, and it was last modified {now.modified}{by(now)}; clear the task to set it all the same",
        refused=False,
    ).for_good()


def _is_applied(access: Access, now: Entity, operations: Patch, intent: Intent, if_match: int | str | None) -> bool:
    """Whether another try of the same work has applied the patch; `OutcomeUnknownError` where none can tell."""
    call = access.generation.patch(now.reference, operations)
    plans = intent.recall()
    if plans:
        said = {_says(plan, now, operations) for plan in plans}
        if True in said:
            return True
        if None in said:
            etags = ", ".join(str(plan.etag) for plan in plans)
            raise _cannot_tell_later(call, f"the etag went from {etags} to {now.etag}", now)
        return False
    if intent.since is None or not may_be_applied(now, intent.since):
        return False
    if if_match is not None and str(now.etag) != str(int(str(if_match).strip('"')) + 1):
        return False
    seen = shows(operations, now.properties, now.kind)
    if seen is None and not intent.anew:
        raise _cannot_tell_later(call, f"it was modified at {now.modified}", now)
    return bool(seen)


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


def _cannot_tell_later(call: Call, evidence: str, now: Entity) -> OutcomeUnknownError:
    unknown = OutcomeUnknownError(
        f"An earlier try may have sent {call.method} {call.bare_path}; {evidence}{by(now)}, and whether this patch is "
        f"in it cannot be told; look at the {now.kind.subject} before running this again"
    )
    unknown.retryable = False
    return unknown


@dataclass(frozen=True, slots=True)
class _Effect:
    """What a write does to the offer: what it touches of what reads show, and how that will be.

    `tells` says whether a read is sure to show that it took effect, `once` whether its guard keeps it from taking
    effect twice, and `idempotent` whether it may come twice, guarded as it is. `patch` is what it does, if it is one.
    """

    expected: Mapping[str, Json]
    touched: set[str]
    patch: Patch = ()
    tells: bool = True
    once: bool = True
    idempotent: bool = True


def _effect(access: Access, operations: Patch, before: Entity, fitted: Fitted, *, whole: bool = False) -> _Effect:
    """What a patch does, by the operations as they were given: `move` and `copy` find another value the next time."""
    hidden = unforeseen(operations, before.kind)
    touched = touched_by(operations) - hidden
    changes = _changes(operations)
    changed = {name for name in touched if not _agree(before.properties, fitted.after, {name})}
    blind = any(tops(operation) & hidden for operation in changes)
    # On dps the guard is a test of what is there, and holds the patch off for what the patch has made of that.
    once = not blind or access.generation.api == "xcore" or not changed.isdisjoint(before.properties)
    return _Effect(
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
        return replace(_seen(before), action="unchanged")
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
            if name not in before.kind.untold
        ]
        return [*tests, *sent]
    return [*guards(operations, before.properties, before.kind), *sent]


def put(access: Access, reference: Reference, properties: Mapping[str, Json], before: Entity) -> Flow[Written]:
    """Replace an object as it was read; `ConflictError` where it has changed since. `UnsupportedError` on dps."""
    call = access.generation.replace(before.reference, {**properties, "id": before.id}, etag=before.etag)
    expected = access.generation.as_read(properties, reference.kind)
    touched = {*expected, *before.properties}.difference(dropped(reference.kind), reference.kind.untold)
    blind = not {*expected, *before.properties}.isdisjoint(reference.kind.untold)
    effect = _Effect(expected, touched, tells=not blind or not _agree(before.properties, expected, touched))
    return (yield from _guarded(access, reference, call, before, effect))


def _guarded(access: Access, reference: Reference, call: Call, before: Entity, effect: _Effect) -> Flow[Written]:
    """Send a write that fails if the offer changed meanwhile; where its answer is lost, look whether it took effect."""
    exchange = access.exchange
    started = exchange.clock()
    attempt = 0
    unsettled = False
    while True:
        try:
            answer = yield from access.send(call)
            return (yield from _written(access, reference, answer, name=before.name))
        except OfferLibraryError as error:
            lost = is_unsettled(error)
            if isinstance(error, OutcomeUnknownError):
                error.retryable = effect.idempotent
                raise
            if not lost and not isinstance(error, (ConflictError, RejectedError, BadRequestError)):
                raise _ending(call, error, unknown=unsettled and not effect.idempotent)  # noqa: B904  it has its cause
            now = yield from _look(access, reference, error, lost=lost or unsettled, idempotent=effect.idempotent)
            if now.etag != before.etag:
                return _judged(call, before, now, effect, error, lost=lost or unsettled)
            pause = exchange.retries.pause(error, repeatable=lost, attempt=attempt, elapsed=exchange.clock() - started)
            if pause is None or (lost and not effect.once and not effect.idempotent):
                raise _ending(call, error, unknown=(lost or unsettled) and not effect.idempotent)  # noqa: B904
            unsettled = True
            yield Pause(pause, str(error))
            attempt += 1


def _judged(
    call: Call, before: Entity, now: Entity, effect: _Effect, error: OfferLibraryError, *, lost: bool
) -> Written:
    """What a write came to whose offer has been edited since: it is in it, or the error that says otherwise."""
    if lost:
        if not effect.tells:
            if _appeared(effect.patch, before, now):
                return _seen(now)
            evidence = f"the etag went from {before.etag} to {now.etag}"
            raise _not_shown(call, now, f"it had no answer ({error})", evidence) from error
        if _agree(now.properties, effect.expected, effect.touched):
            return _seen(now)
        # Two writes since the read: one may be ours, and the other what undid it.
        if now.etag > before.etag + 1:
            raise _cannot_tell(call, before, now, error) from error
    raise _conflict(call, before, now) from error


def _appeared(operations: Patch, before: Entity, now: Entity) -> bool:
    """Whether reads show the patch after all, which they did not before it."""
    was, seen = (shows(operations, entity.properties, now.kind) for entity in (before, now))
    return bool(operations) and bool(seen) and not was


def _ending(call: Call, error: OfferLibraryError, *, unknown: bool) -> OfferLibraryError:
    """The error itself; or where the service may yet apply what another try would apply twice, the one that says so."""
    if not unknown:
        return error
    outcome = OutcomeUnknownError(
        f"{call.method} {call.bare_path} had no answer ({error}) and has not taken effect so far; look at what it is "
        "before running this again, which might apply it twice"
    )
    outcome.retryable = False
    outcome.__cause__ = error
    return outcome


def _look(
    access: Access, reference: Reference, error: OfferLibraryError, *, lost: bool, idempotent: bool
) -> Flow[Entity]:
    """The offer after a write that was refused, or whose answer was lost."""
    try:
        return (yield from read_now(access, reference))
    except NotFoundError:
        raise
    except OfferLibraryError as blind:
        if not lost:
            raise error from None
        unknown = OutcomeUnknownError(
            f"A write to {reference} had no answer ({error}), and the {reference.kind.subject} cannot be read to see "
            f"whether it took effect: {blind}"
        )
        unknown.retryable = idempotent
        raise unknown from blind


def _written(access: Access, reference: Reference, answer: Answer, *, name: str | None = None) -> Flow[Written]:
    """The receipt of a write. One that cannot be read leaves the write done, so the offer is read in its place."""
    try:
        receipt = access.generation.receipt(reference.kind, answer)
    except UnexpectedResponseError as unreadable:
        try:
            return _seen((yield from read_now(access, reference)))
        except OfferLibraryError as blind:
            raise OutcomeUnknownError(
                f"{answer.call.method} {answer.call.bare_path} was accepted, but its receipt cannot be read "
                f"({unreadable}), and neither can the {reference.kind.subject}: {blind}"
            ) from blind
    return Written(receipt, "updated", name, answer.request_id)


def _seen(now: Entity) -> Written:
    receipt = Receipt(now.id, now.instance_id, now.etag, now.created, now.modified)
    return Written(receipt, "updated", now.name)


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


def _agree(now: Mapping[str, Json], expected: Mapping[str, Json], touched: set[str]) -> bool:
    return all(
        (name in now) == (name in expected) and (name not in now or same(now[name], expected[name])) for name in touched
    )


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


def _conflict(call: Call, before: Entity, now: Entity) -> ConflictError:
    return ConflictError(
        method=call.method,
        path=call.bare_path,
        status=409,
        title=f"Somebody else edited the {before.kind.subject} meanwhile; this write is not in it",
        detail=f"its etag went from {before.etag} to {now.etag}; last modified {now.modified}{by(now)}",
    )


def _cannot_tell(call: Call, before: Entity, now: Entity, error: OfferLibraryError) -> OutcomeUnknownError:
    """The same properties were edited otherwise while an answer was lost: ours may be among the edits."""
    unknown = OutcomeUnknownError(
        f"{call.method} {call.bare_path} had no answer ({error}), and what it writes was edited meanwhile{by(now)}: "
        f"the etag went from {before.etag} to {now.etag}, and whether this write is in it cannot be told"
    )
    unknown.retryable = False
    return unknown


def _not_shown(call: Call, now: Entity, why: str, evidence: str) -> OutcomeUnknownError:
    """The offer was edited since, and what the write touches is not in what reads show."""
    unknown = OutcomeUnknownError(
        f"{call.method} {call.bare_path}: {why}, and reads of a {now.kind.noun} do not show what this patch sets; "
        f"{evidence}{by(now)}, and whether this write is in it cannot be told; look at the {now.kind.subject} before "
        "running this again"
    )
    unknown.retryable = False
    return unknown


def by(entity: Entity) -> str:
    """Who changed the object last, where reads say."""
    author = entity.envelope.get("lastModifiedBy")
    return f" by {author}" if isinstance(author, str) else ""
