"""Patches that only set properties: sent without a read, since twice does what once does."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from airflow_provider_offers.client.errors import (
    ConflictError,
    NotFoundError,
    OfferLibraryError,
    OutcomeUnknownError,
)
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.intents import shows
from airflow_provider_offers.client.flows.judging import is_unread_success, not_shown, set_otherwise
from airflow_provider_offers.client.flows.memory import Intent, Plan, keep, recall
from airflow_provider_offers.client.flows.reading import CLOCK_GRAIN, read_on_our_clock
from airflow_provider_offers.client.flows.written import REFUSED, Written, seen, written
from airflow_provider_offers.client.generations import Patch
from airflow_provider_offers.client.model.entities import Entity, Reference
from airflow_provider_offers.client.wire.exchange import Exchange
from airflow_provider_offers.client.wire.messages import Flow, Pause
from airflow_provider_offers.client.wire.retry import is_unsettled


def set_properties(access: Access, reference: Reference, operations: Patch, intent: Intent | None) -> Flow[Written]:
    """Send a patch that only sets, without a read before it; a lost answer is looked after before it is sent again.

    Whoever set the same since is not overruled by the repetition, nor by another try: that is a `ConflictError`.
    """
    exchange = access.exchange
    started, sent = exchange.clock(), exchange.now()
    if intent is not None:
        earlier = [plan.sent for plan in (yield from recall(intent)) if plan.sent is not None]
        if earlier:
            sent = min(sent, *earlier)
            why = "another try of the task may have sent this patch"
            now, is_set = yield from _after_set(access, reference, operations, sent, why)
            if is_set:
                return seen(now)
        yield from keep(intent, Plan(0, "", sent))
    call = replace(access.generation.patch(reference, operations), repeatable=False)
    attempt = 0
    while True:
        try:
            return written(access, reference, (yield from access.send(call)))
        except OfferLibraryError as error:
            if not (yield from _may_be_repeated(exchange, error, attempt, started)):
                return (yield from _shown_or_failed(access, reference, operations, sent, error))
            attempt += 1
            now, is_set = yield from _after_unsettled(access, reference, operations, sent, error)
            if is_set:
                return seen(now)
            call = replace(access.generation.patch(reference, operations, etag=now.etag), repeatable=False)


def _may_be_repeated(exchange: Exchange, error: OfferLibraryError, attempt: int, started: float) -> Flow[bool]:
    """Whether the object is looked at, and the patch sent again where it is not in it; waits before that."""
    # The repetition carries the etag of a read: where that is old by now, ours may have come through late.
    if attempt > 0 and isinstance(error, ConflictError):
        return attempt <= exchange.retries.max_retries
    if not is_unsettled(error):
        return False
    pause = exchange.retries.pause(error, repeatable=True, attempt=attempt, elapsed=exchange.clock() - started)
    if pause is None:
        return False
    yield Pause(pause, str(error))
    return True


def _shown_or_failed(
    access: Access, reference: Reference, operations: Patch, sent: datetime, error: OfferLibraryError
) -> Flow[Written]:
    """What a patch came to that is not sent again: done, where the object shows it and was modified since; else the
    error. A refusal may be that of a second sending, which a gateway made by itself.
    """
    if is_unsettled(error) or isinstance(error, REFUSED):
        try:
            now, modified = yield from read_on_our_clock(access, reference)
        except OfferLibraryError:
            raise error from None
        is_new = modified is None or modified >= sent - CLOCK_GRAIN
        if is_new and shows(operations, now.properties, now.kind):
            return seen(now)
    raise error


def _after_unsettled(
    access: Access, reference: Reference, operations: Patch, sent: datetime, error: OfferLibraryError
) -> Flow[tuple[Entity, bool]]:
    why = f"it had no answer that settles it ({error})"
    try:
        return (yield from _after_set(access, reference, operations, sent, why, taken=is_unread_success(error)))
    except (ConflictError, NotFoundError, OutcomeUnknownError):
        raise
    except OfferLibraryError as blind:
        call = access.generation.patch(reference, operations)
        raise OutcomeUnknownError(
            f"{call.method} {call.bare_path}: {why}, and the {reference.kind.subject} cannot be read to see whether it "
            f"took effect: {blind}"
        ) from blind


def _after_set(
    access: Access, reference: Reference, operations: Patch, sent: datetime, why: str, *, taken: bool = False
) -> Flow[tuple[Entity, bool]]:
    """The offer now, and whether it shows what a patch sets that was sent before. `ConflictError` where somebody else
    edited it since, and it does not; `OutcomeUnknownError` where it was edited since, and cannot show it, unless
    somebody said that it was `taken`."""
    now, modified = yield from read_on_our_clock(access, reference)
    is_shown = shows(operations, now.properties, now.kind)
    if is_shown:
        return now, True
    # Within the grain of the clocks two edits are at once, and either may be the last.
    if modified is not None and modified > sent + CLOCK_GRAIN:
        call = access.generation.patch(reference, operations)
        if is_shown is None and taken:
            return now, True
        if is_shown is None:
            raise not_shown(call, now, why, f"it was modified at {now.modified}")
        raise set_otherwise(call, now, why)
    return now, False
