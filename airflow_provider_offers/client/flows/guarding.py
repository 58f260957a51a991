"""One attempt of a guarded patch: it is fitted to an object that was read, and fails if the object changed since."""

from __future__ import annotations

from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.judging import Change, conflict
from airflow_provider_offers.client.flows.reading import Meant
from airflow_provider_offers.client.flows.sending import call_in_errors, guards, send_guarded
from airflow_provider_offers.client.model.applying import TestFailed
from airflow_provider_offers.client.model.entities import Entity, Written
from airflow_provider_offers.client.model.patches import FittedPatch, PreparedPatch
from airflow_provider_offers.client.model.validation import Validate, check_result
from airflow_provider_offers.client.wire.messages import Flow

# The code of a conflict in which a `test` of the patch itself fails.
TEST_FAILED = "test"


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
    fitted = fit(access, prepared, before, validate, told)
    change = change_of(access, fitted, whole=whole)
    return (yield from send_fitted(access, before, fitted, change, whole=whole, meant=meant))


def fit(
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
        call = call_in_errors(access, before.reference)
        title = f"The {before.kind.subject} is not as the patch expects it; nothing was sent"
        raise conflict(call, title, str(failure), code=TEST_FAILED, final=True) from None
    told = set() if told is None else told
    told |= prepared.doubts
    check_result(before.kind, fitted.before, fitted.after, validate, told)
    return fitted


def change_of(access: Access, fitted: FittedPatch, *, whole: bool) -> Change:
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


def send_fitted(
    access: Access, before: Entity, fitted: FittedPatch, change: Change, *, whole: bool, meant: Meant | None
) -> Flow[Written]:
    """Send the patch with its guards; nothing if no operation is left, because the object has that content already."""
    if not fitted.operations:
        return Written.of(before, "unchanged")
    by_etag = access.generation.capabilities.guards_by_etag
    sent = fitted.operations if by_etag else fitted.guarded(whole=whole)
    if meant is not None and meant.name is not None:
        sent = [*guards(access, before, "name"), *sent]
    call = access.generation.patch(before.reference, sent, etag=before.etag)
    return (yield from send_guarded(access, call, before, change, meant))
