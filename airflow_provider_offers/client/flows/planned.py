"""An edit that follows from what the object is: planned on a fresh read, and planned again where overtaken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from airflow_provider_offers.client.errors import ConflictError, OfferLibraryError, OutcomeUnknownError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.intents import touched_by
from airflow_provider_offers.client.flows.judging import by
from airflow_provider_offers.client.flows.memory import FRESH_READS, Intent, Plan, keep, recall
from airflow_provider_offers.client.flows.reading import read_now, resolve
from airflow_provider_offers.client.flows.writing import Written, guarded_patch
from airflow_provider_offers.client.generations import Patch
from airflow_provider_offers.client.model.entities import Entity, Receipt, Reference
from airflow_provider_offers.client.model.lifecycle import refuse_final
from airflow_provider_offers.client.model.patches import unforeseen, what_differs
from airflow_provider_offers.client.model.validation import Validate
from airflow_provider_offers.client.wire.messages import Flow
from airflow_provider_offers.client.wire.retry import is_unsettled


def edit(
    access: Access,
    reference: Reference,
    plan: Callable[[Entity], Flow[Patch]],
    done: str,
    *,
    validate: Validate = False,
    intent: Intent | None = None,
    send: Callable[[Entity, Patch], Flow[Written]] | None = None,
) -> Flow[Written]:
    """Write what `plan` makes of the object, if that is anything; the action is then `done`, else `unchanged`.

    After a conflict the plan is made again on a fresh read; `ConflictError` where that never ends. Of an object whose
    status is final nothing is changed but the status: `TransitionError`. With `validate` the object as it will be is
    held against the rules of its kind.

    `send` makes the planned write of an object as it was read, in place of the guarded patch.

    `intent` keeps for other tries of the same work that the object is about to be written. Where one of them may have
    written it and nothing is left to do, the action is `done`; where it was edited since in a way that leaves
    something to do, that is not undone: `ConflictError`.
    """
    reference = yield from resolve(access, reference)
    tries = _Tries(intent)

    def patched(now: Entity, operations: Patch) -> Flow[Written]:
        return guarded_patch(access, now.reference, operations, now, validate, told=tries.told)

    for _ in range(FRESH_READS):
        before = yield from read_now(access, reference)
        # After the read: whoever's write is in it had kept its plan before.
        written_at = tries.written_at((yield from recall(intent)))
        operations = yield from plan(before)
        if not operations:
            receipt = Receipt(before.id, before.instance_id, before.etag, before.created, before.modified)
            return Written(receipt, "unchanged" if written_at in (None, before.etag) else done, before.name)
        # Where exactly one write came since, it is somebody else's: what the planned one does is not in it.
        if written_at is not None and before.etag > written_at + 1:
            raise _edited_since(access, before, operations, done, written_at) from tries.last
        if not _is_onward(before, operations):
            refuse_final(before.status, called(before), done, before.kind.steps)
        written = yield from _sent(before, operations, tries, send or patched)
        if written is not None:
            return Written(written.receipt, done, before.name, written.request_id)
    assert tries.last is not None
    raise tries.last


@dataclass(slots=True)
class _Tries:
    """What is known of the same write as it was sent before: by other tries, and by this one, whose `last` error it is.

    `in_doubt` are the etags at which this try sent it and cannot tell what became of it. `told` are the doubts about
    what it makes that are in the log already.
    """

    intent: Intent | None
    in_doubt: list[int] = field(default_factory=list)
    last: OfferLibraryError | None = None
    told: set[str] = field(default_factory=set)

    def written_at(self, plans: Sequence[Plan]) -> int | None:
        """The etag at which the object was last about to be written; None where it was not, or that was refused.

        Whoever planned on a later etag knew that nothing planned before is in it.
        """
        newest = max([*self.in_doubt, *(plan.etag for plan in plans)], default=None)
        unsettled = [*self.in_doubt, *(plan.etag for plan in plans if not plan.refused)]
        return newest if newest in unsettled else None

    def keep(self, etag: int, *, refused: bool = False) -> Flow[None]:
        yield from keep(self.intent, Plan(etag, "", refused=refused))


def _sent(
    before: Entity, operations: Patch, tries: _Tries, send: Callable[[Entity, Patch], Flow[Written]]
) -> Flow[Written | None]:
    """What the write came to; None where it was overtaken, and is to be planned anew."""
    yield from tries.keep(before.etag)
    try:
        return (yield from send(before, operations))
    except OutcomeUnknownError as unknown:
        if unknown.retryable or touched_by(operations) & unforeseen(operations, before.kind):
            raise
        # Edited otherwise while the answer was lost: the plan, made anew, tells whether it is done all the same.
        tries.in_doubt.append(before.etag)
        tries.last = unknown
    except OfferLibraryError as error:
        if not is_unsettled(error):
            yield from tries.keep(before.etag, refused=True)
        if not isinstance(error, ConflictError):
            raise
        tries.last = error
    return None


def _edited_since(access: Access, now: Entity, operations: Patch, done: str, written_at: int) -> ConflictError:
    call = access.generation.patch(now.reference, operations)
    return ConflictError(
        method=call.method,
        path=call.bare_path,
        status=409,
        title=f"The {now.kind.subject} may have been {done} by this task already, and was edited since; "
        "nothing was sent",
        detail=f"its etag went from {written_at} to {now.etag}, and {what_differs(operations, now.properties)}; last "
        f"modified {now.modified}{by(now)}; clear the task to have it {done} all the same",
        refused=False,
    ).for_good()


def _is_onward(before: Entity, operations: Patch) -> bool:
    """Whether the patch only takes the object to a status that its own allows."""
    targets = [step.target for step in before.kind.steps if before.status in step.origins]
    return all(
        operation["path"] == "/status" and operation.get("value") in targets
        for operation in operations
        if operation["op"] != "test"
    )


def called(entity: Entity) -> str:
    """What messages call the object."""
    return f"{entity.name!r} ({entity.id})"
