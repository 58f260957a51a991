"""A patch that only sets properties: it is sent without a read first, because applying it twice does no harm.

If somebody else set the same properties since, the patch does not overwrite them. If only a list shows the object under
its name, the patch is guarded by the name, and after any error the name is looked up again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from airflow_provider_offers.client.errors import (
    ConflictError,
    NotFoundError,
    OfferLibraryError,
    OutcomeUnknownError,
)
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.ahead import take_turn
from airflow_provider_offers.client.flows.judging import REFUSED, is_unread_success, not_shown, set_otherwise
from airflow_provider_offers.client.flows.memory import Intent, Plan, is_kept, keep, recall
from airflow_provider_offers.client.flows.reading import CLOCK_GRAIN, Meant, read_on_our_clock
from airflow_provider_offers.client.flows.sending import call_in_errors, guards, read_receipt
from airflow_provider_offers.client.model.entities import Entity, Reference, Written
from airflow_provider_offers.client.model.patches import PreparedPatch
from airflow_provider_offers.client.wire.messages import Call, Flow
from airflow_provider_offers.client.wire.retry import Tries


def set_properties(access: Access, meant: Meant, prepared: PreparedPatch, intent: Intent | None) -> Flow[Written]:
    """Send the patch. After a lost answer, read the object before sending it again.

    Raises `ConflictError` if somebody else set the same properties since, and `OutcomeUnknownError` if the answer is
    lost and no read shows whether the patch took effect.
    """
    plans = yield from recall(intent, access.exchange.clock(), read_at=0.0)
    earlier = [plan.sent for plan in plans if plan.sent is not None]
    setting = _Setting(access, meant, prepared, intent)
    return (yield from setting.again(min(earlier)) if earlier else setting.first())


@dataclass(slots=True)
class _Setting:
    """The patch in one try. `sent` is when this try or another may have sent it first, by our clock."""

    access: Access
    meant: Meant
    prepared: PreparedPatch
    intent: Intent | None
    sent: datetime = field(init=False)

    def first(self) -> Flow[Written]:
        """Send the patch that no other try has sent."""
        call = self._guarded_by_name()
        if call is None:
            yield from self.meant.confirm(self.access)
            call = self._unguarded()
        if is_kept(self.intent):
            yield from self._plan(self.access.exchange.now())
        yield from take_turn(self.access.ahead)
        # The turn in a list may have come late.
        self.sent = self.access.exchange.now()
        return (yield from self._send(call))

    def again(self, earliest: datetime) -> Flow[Written]:
        """Send the patch that another try may have sent at that time, unless the object shows it."""
        yield from self.meant.confirm(self.access)
        call = self._unguarded()
        self.sent = min(earliest, self.access.exchange.now())
        why = "another try of the task may have sent this patch"
        now, is_set = yield from self._look(self.meant.reference, why)
        if is_set:
            return Written.of(now)
        yield from self._plan(self.sent)
        yield from take_turn(self.access.ahead)
        return (yield from self._send(call))

    def _guarded_by_name(self) -> Call | None:
        """The patch of an object that only a list shows under its name; it fails if the object has another name by now.

        None if it is certain which object is meant, or if the list has not kept the object.
        """
        before = None if self.meant.name is None else self.access.ahead.take(self.meant.reference)
        if before is None:
            return None
        operations = [*guards(self.access, before, "name"), *self.prepared.operations]
        return self.access.generation.patch(before.reference, operations, etag=before.etag)

    def _unguarded(self) -> Call:
        """The patch of an object that is certainly the one that is meant."""
        return self.access.generation.patch(self.meant.reference, self.prepared.operations)

    def _plan(self, sent: datetime) -> Flow[None]:
        """Keep for other tries that the patch may be sent from that time on."""
        yield from keep(self.intent, Plan(0, "", sent))

    def _send(self, call: Call) -> Flow[Written]:
        tries = Tries(self.access.exchange.retries, self.access.exchange.clock)
        while True:
            reference = self.meant.reference
            try:
                return read_receipt(self.access, reference, (yield from self.access.send(call)), name=self.meant.name)
            except OfferLibraryError as error:
                after = yield from self._after(error, reference, tries)
            if isinstance(after, Written):
                return after
            call = after

    def _after(self, error: OfferLibraryError, reference: Reference, tries: Tries) -> Flow[Call | Written]:
        """What follows the error: the patch in the form that is sent next, or the outcome. Otherwise raises."""
        if self.meant.name is not None:
            yield from self.meant.confirm(self.access)
            if error.verdict.settled or self.meant.reference.id != reference.id:
                return (yield from self._meant_anew())
        if not (yield from _may_be_repeated(tries, error)):
            return (yield from self._shown_or_failed(reference, error))
        now, is_set = yield from self._look_after(error, reference)
        if is_set:
            return Written.of(now)
        return self.access.generation.patch(reference, self.prepared.operations, etag=now.etag)

    def _meant_anew(self) -> Flow[Call]:
        """The patch as it was not sent yet: of another object, or without the guard that was refused."""
        self.sent = self.access.exchange.now()
        yield from self._plan(self.sent)
        return self._unguarded()

    def _shown_or_failed(self, reference: Reference, error: OfferLibraryError) -> Flow[Written]:
        """The outcome of a patch that is not sent again: done if a read shows it and an edit since, else the error.

        The error may answer a second copy of the request, which a gateway sent on its own.
        """
        if not error.verdict.settled or isinstance(error, REFUSED):
            try:
                now, modified, is_shown = yield from self._read(reference)
            except OfferLibraryError:
                raise error from None
            if is_shown and (modified is None or modified >= self.sent - CLOCK_GRAIN):
                return Written.of(now)
        raise error

    def _look_after(self, error: OfferLibraryError, reference: Reference) -> Flow[tuple[Entity, bool]]:
        """`_look`, after an error that does not settle the outcome."""
        why = f"it had no answer that settles it ({error})"
        try:
            return (yield from self._look(reference, why, taken=is_unread_success(error)))
        except (ConflictError, NotFoundError, OutcomeUnknownError):
            raise
        except OfferLibraryError as blind:
            call = call_in_errors(self.access, reference)
            raise OutcomeUnknownError(
                f"{call.method} {call.bare_path}: {why}, and the {reference.kind.subject} cannot be read to see "
                f"whether it took effect: {blind}"
            ) from blind

    def _look(self, reference: Reference, why: str, *, taken: bool = False) -> Flow[tuple[Entity, bool]]:
        """The current object, and whether it shows what the patch sets.

        Raises `ConflictError` if somebody else edited the object since and it does not show the patch, and
        `OutcomeUnknownError` if it was edited since and cannot show the patch, unless an answer said that it was
        `taken`.
        """
        now, modified, is_shown = yield from self._read(reference)
        # Two edits within the precision of the clocks count as simultaneous, and either may be the last.
        is_edited = modified is not None and modified > self.sent + CLOCK_GRAIN
        if is_shown or not is_edited:
            return now, bool(is_shown)
        if is_shown is not None:
            raise set_otherwise(call_in_errors(self.access, reference), now, why)
        if not taken:
            evidence = f"it was modified at {now.modified}"
            raise not_shown(call_in_errors(self.access, reference), now, why, evidence)
        return now, True

    def _read(self, reference: Reference) -> Flow[tuple[Entity, datetime | None, bool | None]]:
        """The current object, the time of its last change by our clock, and whether it shows the patch."""
        now, modified = yield from read_on_our_clock(self.access, reference)
        return now, modified, self.prepared.is_shown_by(now.properties)


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
