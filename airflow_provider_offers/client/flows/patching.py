"""Patching an object exactly once: no edit is lost, applied twice, or made on top of an edit that was not read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from airflow_provider_offers.client.errors import ConflictError, OfferLibraryError, OutcomeUnknownError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.ahead import looked_ahead
from airflow_provider_offers.client.flows.guarding import TEST_FAILED, change_of, fit, send_fitted
from airflow_provider_offers.client.flows.judging import Change, cannot_tell_later, judge_edited
from airflow_provider_offers.client.flows.memory import Intent, Plan, is_kept, keep, recall
from airflow_provider_offers.client.flows.reading import Meant, resolve, resolve_to_guard
from airflow_provider_offers.client.flows.sending import FRESH_READS, call_in_errors, expect_etag
from airflow_provider_offers.client.flows.setting import set_properties
from airflow_provider_offers.client.model.entities import Entity, Reference, Written
from airflow_provider_offers.client.model.instants import parse_instant
from airflow_provider_offers.client.model.patches import FittedPatch, PreparedPatch
from airflow_provider_offers.client.model.validation import Validate
from airflow_provider_offers.client.wire.messages import Flow

# Maximum difference between the service's clock and ours.
_CLOCKS = timedelta(seconds=60)


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
    may_be_listed = if_match is None and (intent is None or not intent.tries.is_retry)
    meant = yield from _meant(access, reference, prepared, may_be_listed=may_be_listed)
    is_free = if_match is None and prepared.is_idempotent
    if is_free and not access.generation.needs_read(reference.kind, prepared):
        return (yield from set_properties(access, meant, prepared, intent))
    return (yield from _Guarded(access, prepared, meant, if_match, intent, validate, may_be_listed).run())


def _meant(access: Access, reference: Reference, prepared: PreparedPatch, *, may_be_listed: bool) -> Flow[Meant]:
    if may_be_listed and "name" not in prepared.touched:
        return (yield from resolve_to_guard(access, reference))
    return Meant(reference, (yield from resolve(access, reference)))


@dataclass(slots=True)
class _Guarded:
    """A patch that is guarded by a read, over all attempts of one try.

    `may_be_listed` says whether the next attempt may rely on the object as a list read it ahead, because no earlier try
    can have written it. `told` holds the doubts that are in the log already. `overtaken` is the latest conflict, and
    `refused` is set if it came from the service.
    """

    access: Access
    prepared: PreparedPatch
    meant: Meant
    if_match: int | str | None
    intent: Intent | None
    validate: Validate
    may_be_listed: bool
    told: set[str] = field(default_factory=set)
    overtaken: ConflictError | None = None
    refused: _Refused | None = None

    def run(self) -> Flow[Written]:
        """Read the object and send the patch, until no other edit comes between the two."""
        for _ in range(FRESH_READS):
            before = yield from self._read()
            if self.refused is not None and _is_own_repetition(self.access, before, self.refused):
                return Written.of(before)
            # After the read: other tries keep their plans before they write.
            read_at = self.access.ahead.read_at(before)
            plans = yield from recall(self.intent, self.access.exchange.clock(), read_at)
            if not before.listed and self._is_applied(before, plans):
                return Written.of(before)
            fitted = self._fitted_to_listed(before, plans) if before.listed else self._fitted(before)
            if fitted is None:
                self.may_be_listed = False
                continue
            written = yield from self._send(before, fitted)
            if written is not None:
                return written
        assert self.overtaken is not None
        raise self.overtaken

    def _read(self) -> Flow[Entity]:
        """The object before the patch: as the list read it ahead the first time, otherwise from a read."""
        ahead = (yield from looked_ahead(self.access.ahead, self.meant.reference)) if self.may_be_listed else None
        before = ahead or (yield from self.meant.read(self.access))
        self.meant.reference = before.reference
        return before

    def _is_applied(self, now: Entity, plans: Sequence[Plan]) -> bool:
        """Whether another try of the same work has applied the patch."""
        if self.intent is None:
            return False
        skew = self.access.exchange.service_clock.skew
        if plans:
            return _is_any_applied(self.access, now, self.prepared, plans)
        if not _may_have_been_sent(now, self.intent, self.if_match, skew):
            return False
        is_shown = self.prepared.is_shown_by(now.properties)
        if is_shown is None and not self.intent.tries.anew:
            call = call_in_errors(self.access, now.reference)
            raise cannot_tell_later(call, f"it was modified at {now.modified}", now)
        return bool(is_shown)

    def _fitted(self, before: Entity) -> FittedPatch:
        """The patch as it is sent to the object. Raises `ConflictError` if the etag is not `if_match`."""
        if self.if_match is not None:
            expect_etag(before, self.if_match, call_in_errors(self.access, before.reference))
        return fit(self.access, self.prepared, before, self.validate, self.told)

    def _fitted_to_listed(self, before: Entity, plans: Sequence[Plan]) -> FittedPatch | None:
        """The patch as it is sent to an object that a list read ahead.

        None if only a fresh read can tell: whether another try has applied it, whether an error is right, and whether
        there is nothing to do.
        """
        if plans:
            return None
        try:
            fitted = fit(self.access, self.prepared, before, self.validate, self.told)
        except OfferLibraryError:
            return None
        return fitted if fitted.operations else None

    def _send(self, before: Entity, fitted: FittedPatch) -> Flow[Written | None]:
        """The outcome of one attempt; None if another edit came first, so that a fresh read is needed."""
        whole = self.if_match is not None
        change = change_of(self.access, fitted, whole=whole)
        if is_kept(self.intent):
            after = self.prepared.fingerprint(fitted.after) if change.tells else ""
            yield from keep(self.intent, Plan(before.etag, after))
        try:
            return (yield from send_fitted(self.access, before, fitted, change, whole=whole, meant=self.meant))
        except ConflictError as overtaken:
            if whole or overtaken.code == TEST_FAILED:
                raise
            self.overtaken = overtaken
            # The service refused the write, and no read has shown a conflicting edit yet: it may be our own.
            self.refused = _Refused(before, change, overtaken) if overtaken.refused else None
            return None
        except OutcomeUnknownError as unknown:
            # If the plan outlives this process, the next try can tell.
            if is_kept(self.intent) and not unknown.retryable:
                raise OutcomeUnknownError(str(unknown), retryable=True) from unknown.__cause__
            raise


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
            call_in_errors(access, now.reference), refused.before, now, refused.change, refused.conflict, lost=False
        )
    except ConflictError:
        return False
    return True


def _is_any_applied(access: Access, now: Entity, prepared: PreparedPatch, plans: Sequence[Plan]) -> bool:
    """Whether one of the planned patches has taken effect; raises `OutcomeUnknownError` if no read shows it.

    `plans` are those that the other tries kept.
    """
    # Only a patch that sets properties can be recognized without their earlier values.
    is_set = prepared.is_repeatable and bool(prepared.is_shown_by(now.properties))
    after = prepared.fingerprint(now.properties)
    said = {_is_planned_applied(plan, now.etag, after, is_set=is_set) for plan in plans}
    if True in said:
        return True
    if None in said:
        etags = ", ".join(str(plan.etag) for plan in plans)
        raise cannot_tell_later(call_in_errors(access, now.reference), f"the etag went from {etags} to {now.etag}", now)
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
