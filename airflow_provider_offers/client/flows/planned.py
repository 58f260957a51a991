"""An edit that follows from what the object is: planned on a fresh read, and planned again where overtaken."""

from __future__ import annotations

from collections.abc import Callable

from airflow_provider_offers.client.entities import Entity, Receipt, Reference
from airflow_provider_offers.client.errors import ConflictError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.reading import read_now, resolve
from airflow_provider_offers.client.flows.writing import Written, guarded_patch
from airflow_provider_offers.client.generations import Patch
from airflow_provider_offers.client.wire import Flow

# How often an edit is planned again when others keep changing the object.
_FRESH_READS = 5


def edit(access: Access, reference: Reference, plan: Callable[[Entity], Flow[Patch]], done: str) -> Flow[Written]:
    """Write what `plan` makes of the object, if that is anything; the action is then `done`, else `unchanged`.

    After a conflict the plan is made again on a fresh read; `ConflictError` where that never ends.
    """
    reference = yield from resolve(access, reference)
    conflict: ConflictError | None = None
    for _ in range(_FRESH_READS):
        before = yield from read_now(access, reference)
        operations = yield from plan(before)
        if not operations:
            receipt = Receipt(before.id, before.instance_id, before.etag, before.created, before.modified)
            return Written(receipt, "unchanged", before.name)
        try:
            written = yield from guarded_patch(access, before.reference, operations, before)
        except ConflictError as error:
            conflict = error
        else:
            return Written(written.receipt, done, before.name, written.request_id)
    assert conflict is not None
    raise conflict
