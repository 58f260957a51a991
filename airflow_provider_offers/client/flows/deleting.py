"""Deleting an object and waiting until it is gone, including the asynchronous check of generation 1."""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_offers.client.errors import (
    ConflictError,
    NotFoundError,
    OfferLibraryError,
    OutcomeUnknownError,
    UnexpectedResponseError,
)
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.ahead import Gone, look_ahead, take_turn
from airflow_provider_offers.client.flows.judging import REFUSED
from airflow_provider_offers.client.flows.reading import hint_about, read_now, resolve
from airflow_provider_offers.client.flows.referring import explained
from airflow_provider_offers.client.model.entities import Entity, Receipt, Reference, Written
from airflow_provider_offers.client.wire.messages import Answer, Ask, Call, Flow, Note
from airflow_provider_offers.client.wire.retry import Looks, Tries

# How long generation 1 may take to decide, and a deleted object to disappear.
_DECISION_SECONDS = 60.0
# How long reads may still show a deleted offer after the verdict.
_GRACE_SECONDS = 5.0
_LET_GO = "first remove these references, or delete these objects"


def delete(access: Access, reference: Reference, *, missing_ok: bool = False) -> Flow[str]:
    """Delete the offer and wait until it is gone.

    Calls `DELETE .../instances/{instanceId}` (xcore) or `DELETE /offers/{id}` (dps; Adobe: delete an offer), then reads
    the offer until it is gone, usually at once. This way, a later creation cannot mistake it for an existing offer. A
    202 of xcore only says that the service will check the deletion; its `Location` is polled for the verdict first.

    Returns `deleted`, or `unchanged` with `missing_ok` if the offer does not exist. Raises `NotFoundError`,
    `ConflictError` if something still refers to the offer, and `OutcomeUnknownError` if the service does not decide
    within a minute or the offer still exists then.
    """
    try:
        reference = yield from resolve(access, reference)
    except NotFoundError:
        if missing_ok:
            return (yield from nothing_there(reference))
        raise
    try:
        answer = yield from _send(access, reference)
    except NotFoundError:
        if not missing_ok:
            raise
        # Another deletion may be in progress, for example of an earlier try of this task.
        yield from _await_end(access, reference, None)
        return (yield from nothing_there(reference))
    yield from _await_end(access, reference, answer)
    access.forget(reference)
    return "deleted"


def delete_written(access: Access, reference: Reference, *, missing_ok: bool = False) -> Flow[Written]:
    """`delete`, with a receipt like that of other writes; it has no etag.

    Reads the object first, unless `missing_ok`. If it existed then and the DELETE is answered by 404, it counts as
    deleted, because a gateway may have sent the DELETE twice. If the service refuses, the `ConflictError` names the
    objects that refer to it.
    """
    try:
        reference = yield from resolve(access, reference)
    except NotFoundError:
        if not missing_ok:
            raise
        action = yield from nothing_there(reference)
    else:
        if not missing_ok:
            yield from there_before(access, reference)
        try:
            action = yield from delete(access, reference, missing_ok=True)
        except REFUSED as refused:
            told = yield from explained(access, reference, refused, _LET_GO)
            if told is refused:
                raise
            raise told from refused
        action = action if missing_ok else "deleted"
    identifier, instance_id = reference.id or reference.instance_id or "", reference.instance_id or reference.id or ""
    return Written(Receipt(identifier, instance_id, etag=None), action)


def nothing_there(reference: Reference) -> Flow[str]:
    """The action of a deletion for which there is no object. Warns if the id looks like another one, or like a name."""
    if hint := hint_about(reference):
        yield Note(f"There is no {reference.kind.noun} {reference}, so nothing is deleted. {hint}")
    return "unchanged"


def there_before(access: Access, reference: Reference) -> Flow[Entity]:
    """The object before its deletion: as the list read it ahead, or from a read.

    Raises `NotFoundError` if it does not exist.
    """
    yield from look_ahead(access.ahead, reference)
    return access.ahead.peek(reference) or (yield from read_now(access, reference))


def _send(access: Access, reference: Reference) -> Flow[Answer | None]:
    """The answer to a DELETE; None if it took effect although the answer is lost or a refusal."""
    yield from take_turn(access.ahead)
    exchange = access.exchange
    call = replace(access.generation.delete(reference), repeatable=False)
    tries = Tries(exchange.retries, exchange.clock)
    while True:
        try:
            return (yield from access.send(call))
        except NotFoundError:
            if tries.failed == 0:
                raise
            return None
        except OfferLibraryError as error:
            unsettled = not error.verdict.settled
            pause = tries.pause(error, repeatable=True)
            if not unsettled or pause is None:
                if (unsettled or isinstance(error, REFUSED)) and (yield from _seems_gone(access, reference)):
                    return None
                raise
            yield pause


def _seems_gone(access: Access, reference: Reference) -> Flow[bool]:
    """Whether a read shows that it is gone; False if the read fails too."""
    try:
        return (yield from _is_gone(access, reference))
    except OfferLibraryError:
        return False


def _await_end(access: Access, reference: Reference, answer: Answer | None) -> Flow[None]:
    """Wait for the verdict that a 202 announces, and then until the object is gone. `answer` is None if it was lost."""
    looks = Looks(access.exchange.clock, _DECISION_SECONDS)
    is_undecided = answer is not None and answer.response.status == 202
    location = answer.response.headers.get("location") if answer is not None and is_undecided else None
    verdict: Answer | None = None
    if answer is not None and location is None and access.ahead.is_on and (yield Ask(Gone(reference))):
        return
    while True:
        if answer is not None and location is not None and verdict is None:
            call = Call("GET", access.relative(location, answer), {"Accept": "*/*"})
            told = yield from access.send(call, accept=(404, 410))
            if told.response.status != 202:
                verdict = told
                looks.end_within(_GRACE_SECONDS)
        if (verdict is not None or location is None) and (yield from _is_gone(access, reference)):
            return
        if looks.are_over:
            break
        yield looks.pause(f"waiting for the deletion of {reference}")
    # Adobe documents no form of a verdict, so the read of the object decides: it still exists.
    if verdict is not None:
        raise _rejected(reference, verdict)
    if is_undecided:
        raise OutcomeUnknownError(
            f"The deletion of {reference} was accepted, but not confirmed within {_DECISION_SECONDS:g} s"
        )
    raise OutcomeUnknownError(
        f"{reference} was deleted according to the service, but still exists after {_DECISION_SECONDS:g} s; "
        "deleting it again does no harm"
    )


def _is_gone(access: Access, reference: Reference) -> Flow[bool]:
    try:
        yield from access.send(access.generation.read(reference))
    except NotFoundError:
        return True
    return False


def _rejected(reference: Reference, verdict: Answer) -> ConflictError:
    try:
        body = verdict.object()
    except UnexpectedResponseError:
        body = {}
    said = next((body[name] for name in ("detail", "message", "title") if isinstance(body.get(name), str)), None)
    return ConflictError(
        method="DELETE",
        path=verdict.call.bare_path,
        status=409,
        title="The service rejected the deletion",
        detail=verdict.quoted(said or f"something still refers to {reference}, such as a collection or a decision"),
        request_id=verdict.request_id,
    )
