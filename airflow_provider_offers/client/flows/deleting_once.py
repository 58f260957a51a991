"""Deleting in a task that is retried: a missing object is accepted only if an earlier try began to delete it."""

from __future__ import annotations

from collections.abc import Callable

from airflow_provider_offers.client.errors import NotFoundError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.deleting import there_before
from airflow_provider_offers.client.flows.memory import TaskTries, keep_deletion, recall_deletion
from airflow_provider_offers.client.flows.reading import resolve
from airflow_provider_offers.client.model.entities import Reference, Written
from airflow_provider_offers.client.wire.messages import Flow
from airflow_provider_offers.client.wire.retry import Looks

# How long a listing may lack an existing object.
_PATIENCE = 10.0

Delete = Callable[[Access, Reference, bool], Flow[Written]]
"""Deletes an object; with True it accepts a missing object."""


def delete_once(access: Access, reference: Reference, delete: Delete, tries: TaskTries) -> Flow[Written]:
    """Delete an object that must exist, unless an earlier try of the task deleted it.

    Calls a read of the object, then `delete`. Without a memory (Airflow 3.2), a retry accepts a missing object, and the
    `NotFoundError` of the first try is final: a retry would otherwise take an object that never existed for one that
    the first try deleted. A name counts as missing only after listings have had the time to show it.

    All tries of a task delete the object that the first one found, even if another object has its name by now. A task
    that was cleared deletes the object that has the name then.
    """
    if not tries.durable:
        return (yield from _deleted_without_notes(access, reference, delete, is_retry=tries.is_retry))
    before = (yield from recall_deletion(reference, tries)) if tries.is_retry else None
    if before is not None and before.is_same_work:
        return (yield from delete(access, before.meant, True))
    noted = None if before is None else before.meant
    try:
        meant = yield from resolve(access, reference)
    except NotFoundError:
        if noted is None:
            raise
        meant = noted
    if noted is None or not _is_same(noted, meant):
        noted = None
        meant = (yield from there_before(access, meant)).reference
    # A retry of this try deletes the same object.
    yield from keep_deletion(reference, meant, tries)
    return (yield from delete(access, meant, noted is not None))


def delete_if_there(access: Access, reference: Reference, delete: Delete, tries: TaskTries) -> Flow[Written]:
    """Delete an object that may be missing. If it is given by its name, all tries of a task delete the same object."""
    if not tries.durable or reference.id is not None or reference.instance_id is not None:
        return (yield from delete(access, reference, True))
    before = (yield from recall_deletion(reference, tries)) if tries.is_retry else None
    if before is not None and before.is_same_work:
        return (yield from delete(access, before.meant, True))
    try:
        meant = yield from resolve(access, reference)
    except NotFoundError:
        meant = reference
    else:
        yield from keep_deletion(reference, meant, tries)
    return (yield from delete(access, meant, True))


def _deleted_without_notes(access: Access, reference: Reference, delete: Delete, *, is_retry: bool) -> Flow[Written]:
    try:
        meant = yield from _resolved_in_time(access, reference)
    except NotFoundError:
        # `delete` looks for it once more, and its error says what is missing.
        meant = reference
    try:
        return (yield from delete(access, meant, is_retry))
    except NotFoundError as error:
        raise error.for_good() from None


def _resolved_in_time(access: Access, reference: Reference) -> Flow[Reference]:
    looks = Looks(access.exchange.clock, _PATIENCE)
    while True:
        try:
            return (yield from resolve(access, reference))
        except NotFoundError as missing:
            if looks.are_over:
                raise
            yield looks.pause(f"a listing may lag: {missing}")


def _is_same(one: Reference, other: Reference) -> bool:
    return bool({one.id, one.instance_id} & ({other.id, other.instance_id} - {None}))
