"""Sending a guarded write: the service accepts it only if the object is unchanged since the read."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from airflow_provider_offers.client.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    OfferLibraryError,
    OutcomeUnknownError,
    Violation,
)
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.ahead import take_turn
from airflow_provider_offers.client.flows.judging import REFUSED, Change, by, conflict, give_up, judge_edited, overtaken
from airflow_provider_offers.client.flows.reading import CLOCK_GRAIN, Meant, read_now
from airflow_provider_offers.client.model.entities import Entity, Reference, Written
from airflow_provider_offers.client.model.instants import parse_instant
from airflow_provider_offers.client.model.operations import Operation
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.client.wire.messages import Answer, Call, Flow
from airflow_provider_offers.client.wire.retry import Tries

# How many reads a guarded write may take if others keep editing the object.
FRESH_READS = 5


def checked_etag(given: int | str | None) -> int | str | None:
    """The etag that guards a write. Empty text, such as of a template without a value, would guard nothing."""
    text = given.strip(' "') if isinstance(given, str) else str(given)
    # Other numbers, such as those of numpy, are written as whole numbers are.
    is_etag = given is None or (text if isinstance(given, str) else text.isdecimal())
    if not is_etag:
        expected = "the etag of the object, such as 3, or None for a write without this guard"
        raise InvalidInputError("The etag is not valid", [Violation("if_match", quoted(given), expected)])
    return given


def expect_etag(before: Entity, if_match: int | str, call: Call) -> None:
    """Raise `ConflictError` if the object's etag is not `if_match`."""
    if str(before.etag) == str(if_match).strip('"'):
        return
    raise conflict(
        call,
        f"The {before.kind.subject} was edited since; nothing was sent",
        f"its etag is {before.etag}, not {if_match}; last modified {before.modified}{by(before)}",
        final=True,
    )


def call_in_errors(access: Access, reference: Reference) -> Call:
    """The call that errors of a patch quote: its method and path, without the operations."""
    return access.generation.patch(reference, ())


def guards(access: Access, entity: Entity, *names: str) -> list[Operation]:
    """Guards for what a write depends on but does not touch. An etag, if there is one, guards everything."""
    if access.generation.capabilities.guards_by_etag:
        return []
    return [
        {"op": "test", "path": f"/{name}", "value": entity.properties[name]}
        for name in names
        if name in entity.properties
    ]


def send_guarded(
    access: Access, call: Call, before: Entity, change: Change, meant: Meant | None = None
) -> Flow[Written]:
    """Send a write that fails if the object changed since the read. After a lost answer, see if it took effect.

    Raises `ConflictError` if another object may be `meant` by now.
    """
    if meant is None or meant.name is None:
        return (yield from _send(access, call, before, change))
    try:
        written: Written = yield from _send(access, call, before, change)
    except NotFoundError as gone:
        raise _named_otherwise(call, before, "it was deleted") from gone
    if written.name != meant.name:
        raise _named_otherwise(call, before, f"its name is {written.name!r}")
    return written


def _named_otherwise(call: Call, before: Entity, why: str) -> ConflictError:
    title = f"Another {before.kind.noun} may have the name {before.name!r} by now"
    return conflict(call, title, f"{before.id} had it a moment ago, and {why}")


def _send(access: Access, call: Call, before: Entity, change: Change) -> Flow[Written]:
    yield from take_turn(access.ahead)
    exchange, reference = access.exchange, before.reference
    tries = Tries(exchange.retries, exchange.clock)
    unsettled, began = False, exchange.service_now()
    while True:
        try:
            return read_receipt(access, reference, (yield from access.send(call)), name=before.name)
        except OfferLibraryError as error:
            lost = not error.verdict.settled
            if not lost and not isinstance(error, REFUSED):
                give_up(call, error, unknown=unsettled and not change.idempotent)
            doubtful = lost or unsettled
            twice = not lost and _may_answer_repeated_request(call, error)
            look = partial(_look, access, reference, error, lost=doubtful, twice=twice, idempotent=change.idempotent)
            now = yield from look()
            if twice and now.etag == before.etag:
                # The first read may get an old answer from a cache.
                now = yield from look()
            may_repeat = not doubtful or change.once or change.idempotent
            if now.etag != before.etag:
                if before.listed and _is_older(now, began) and began <= exchange.service_now():
                    if not may_repeat:
                        # No guard stops a lost write that is applied late.
                        give_up(call, error, unknown=True)
                    raise overtaken(call, before, now) from error
                judge_edited(call, before, now, change, error, lost=doubtful)
                return Written.of(now)
            pause = tries.pause(error, repeatable=lost)
            if pause is None or (lost and not change.once and not change.idempotent):
                give_up(call, error, unknown=doubtful and not change.idempotent)
            unsettled = True
            yield pause


def read_receipt(access: Access, reference: Reference, answer: Answer, *, name: str | None) -> Written:
    """The receipt of a write. An unreadable receipt, or one of another object, does not settle the write."""
    receipt = access.generation.receipt(answer)
    if not reference.may_be(receipt.id, receipt.instance_id):
        raise answer.unexpected(f"it is the receipt of another object ({receipt.id})")
    return Written(receipt, "updated", name, answer.request_id)


def _may_answer_repeated_request(call: Call, error: OfferLibraryError) -> bool:
    """Whether a refusal may come from the guard, because a gateway sent the write twice.

    An etag guard is refused as a conflict. Adobe does not document how dps refuses a failed `test`.
    """
    return isinstance(error, ConflictError) or "If-Match" not in call.headers


def _is_older(now: Entity, began: datetime) -> bool:
    """Whether the last edit was before the write began. Then the write is not in it, because a listing lagged."""
    try:
        return parse_instant(now.modified) < began - CLOCK_GRAIN
    except (ValueError, OverflowError):
        return False


def _look(
    access: Access, reference: Reference, error: OfferLibraryError, *, lost: bool, twice: bool, idempotent: bool
) -> Flow[Entity]:
    """The object after a write whose answer was lost, or that was refused, perhaps only the second time (`twice`)."""
    try:
        return (yield from read_now(access, reference))
    except NotFoundError:
        raise
    except OfferLibraryError as blind:
        if not lost and not twice:
            raise error from None
        why = "had no answer that settles it" if lost else "was refused, but a gateway may have sent it twice"
        raise OutcomeUnknownError(
            f"A write to {reference} {why} ({error}), and the {reference.kind.subject} cannot be read to see whether "
            f"it took effect: {blind}",
            retryable=idempotent,
        ) from blind
