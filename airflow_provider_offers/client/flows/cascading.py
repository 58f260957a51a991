"""Deleting an object that others may refer to: an error names the others, or `cascade` deletes them first."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace

from airflow_provider_offers.client.errors import (
    BadRequestError,
    ConflictError,
    NotFoundError,
    RejectedError,
    TransitionError,
)
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.ahead import may_be_referred
from airflow_provider_offers.client.flows.deleting import delete, nothing_there, there_before
from airflow_provider_offers.client.flows.editing import take_step
from airflow_provider_offers.client.flows.reading import look_alone, resolve
from airflow_provider_offers.client.flows.referring import (
    ENOUGH,
    explained,
    ids_of,
    pointers,
    referrers,
    still_referred,
)
from airflow_provider_offers.client.model.entities import Deleted, Entity, Receipt, Reference
from airflow_provider_offers.client.model.kinds import KINDS
from airflow_provider_offers.client.model.lifecycle import DRAFT
from airflow_provider_offers.client.wire.messages import Flow

_CASCADE_FIRST = "cascade deletes these first"
_CAME_SINCE = "this reference is new; run the deletion again to delete it too"


def delete_object(
    access: Access,
    reference: Reference,
    *,
    missing_ok: bool = False,
    cascade: bool = False,
    remedy: str = _CASCADE_FIRST,
) -> Flow[Deleted]:
    """Delete an object that nothing refers to; with `cascade`, first everything that refers to it.

    `remedy` is the end of the error about objects that refer to it.

    Without `cascade`, a reference to the object is a `ConflictError` that names the referring objects, and nothing is
    sent. With `cascade`, all objects that lead to it are deleted first, in the order decisions, collections, offers. A
    live decision and an approved offer go back to draft before that, so that customers never see half of it. Each
    object is read again before it is deleted, and stays if it no longer leads to the target.

    Each object is deleted as `flows.deleting.delete` does. The action is `deleted`, or `unchanged` with `missing_ok` if
    the object does not exist. References to objects that were deleted earlier stay. If the service still refuses
    because of a new reference, the error names the objects that refer to it now.
    """
    try:
        reference = yield from _with_reference_id(access, reference)
    except NotFoundError:
        if not missing_ok:
            raise
        return _gone(reference, (yield from nothing_there(reference)))
    cascaded: list[Entity] = []
    if not (yield from may_be_referred(access.ahead, reference)):
        pass
    elif cascade:
        doomed = yield from _direct_and_indirect_referrers(access, reference)
        cascaded = yield from _delete_in_order(access, doomed, ids_of(reference))
    elif found := (yield from referrers(access, reference.kind, ids_of(reference), at_most=ENOUGH)):
        raise still_referred(access, reference, found, remedy)
    action = yield from _delete(access, reference, missing_ok=missing_ok, remedy=_CAME_SINCE if cascade else remedy)
    return replace(_gone(reference, action), cascaded=tuple(cascaded))


def _with_reference_id(access: Access, reference: Reference) -> Flow[Reference]:
    """The reference of an existing object, with the id that other objects use for it."""
    reference = yield from resolve(access, reference)
    entity = yield from there_before(access, reference)
    return entity.reference


def _delete(access: Access, reference: Reference, *, missing_ok: bool, remedy: str) -> Flow[str]:
    """Delete one object. If the service refuses, the error names the objects that refer to it, if there are any."""
    try:
        return (yield from delete(access, reference, missing_ok=missing_ok))
    except (BadRequestError, ConflictError, RejectedError) as refused:
        told = yield from explained(access, reference, refused, remedy)
        if told is refused:
            raise
        raise told from refused


def _delete_in_order(access: Access, doomed: Mapping[str, Entity], ids: Collection[str]) -> Flow[list[Entity]]:
    """Delete the objects that still lead to one of the ids, and return the deleted ones."""
    deleted: list[Entity] = []
    for entity in doomed.values():
        now = yield from _if_still_referring(access, entity, doomed, ids)
        if now is not None and (yield from _take_back(access, now)):
            now = yield from _if_still_referring(access, entity, doomed, ids)
        if now is None:
            continue
        if (yield from _delete(access, now.reference, missing_ok=True, remedy=_CAME_SINCE)) == "deleted":
            deleted.append(now)
    return deleted


def _if_still_referring(
    access: Access, entity: Entity, doomed: Mapping[str, Entity], ids: Collection[str]
) -> Flow[Entity | None]:
    """The current state of the object if it refers to one of the ids, directly or through other `doomed` objects."""
    now: Entity | None = yield from look_alone(access, entity.reference)
    if now is None or pointers(now, ids):
        return now
    for other in [each for each in doomed.values() if pointers(now, [each.id])]:
        if (yield from _if_still_referring(access, other, doomed, ids)) is not None:
            return now
    return None


def _direct_and_indirect_referrers(access: Access, reference: Reference) -> Flow[dict[str, Entity]]:
    """All objects that lead to this one, by id, in the order in which they can be deleted."""
    above: dict[str, dict[str, Entity]] = {key: {} for key in KINDS}
    # Only later kinds refer to a kind, so one pass up the table finds all.
    for kind in KINDS.values():
        ids = [*above[kind.key], *(ids_of(reference) if kind is reference.kind else ())]
        if ids:
            for each in (yield from referrers(access, kind, ids)):
                above[each.entity.kind.key][each.entity.id] = each.entity
    return {identifier: entity for key in reversed(KINDS) for identifier, entity in above[key].items()}


def _take_back(access: Access, entity: Entity) -> Flow[bool]:
    """Move an object that customers see back to draft; False if it was not visible."""
    for step in entity.kind.steps:
        if step.target == DRAFT and entity.status in step.origins:
            # Somebody else may be faster, with the same result.
            with suppress(NotFoundError, TransitionError):
                yield from take_step(access, entity.reference, step)
            return True
    return False


def _gone(reference: Reference, action: str) -> Deleted:
    identifier = reference.id or reference.instance_id or ""
    return Deleted(Receipt(identifier, reference.instance_id or identifier, etag=None), action, reference.name)
