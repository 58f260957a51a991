"""Archiving expired offers in a task that may be retried: an archived or deleted offer is not a failure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from airflow_provider_offers.client.errors import NotFoundError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.editing import archive_expired
from airflow_provider_offers.client.flows.reading import look_alone
from airflow_provider_offers.client.model.entities import Receipt, Reference, Written
from airflow_provider_offers.client.model.lifecycle import ARCHIVE
from airflow_provider_offers.client.wire.messages import Flow


def retire_expired(access: Access, reference: Reference, cutoff: datetime, *, is_retry: bool) -> Flow[Written]:
    """`editing.archive_expired`; an offer that was deleted since the task chose it is `unchanged`.

    With `is_retry`, an offer that is archived already counts as archived: an earlier try was killed or lost the answer.
    """
    try:
        written: Written = yield from archive_expired(access, reference, cutoff)
    except NotFoundError:
        identifier, instance_id = reference.id or reference.instance_id, reference.instance_id or reference.id
        return Written(Receipt(identifier or "", instance_id or "", etag=None), "unchanged")
    if is_retry and written.action != ARCHIVE.done:
        now = yield from look_alone(access, reference)
        if now is not None and now.status == ARCHIVE.target:
            return replace(written, action=ARCHIVE.done)
    return written
