"""The small JSON objects that stand for offers between tasks: receipts of writes, and what a read shows of an offer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_offers.client.entities import Entity
from airflow_provider_offers.client.flows.writing import Written
from airflow_provider_offers.client.settings import Settings


def write_receipt(written: Written, settings: Settings, offer_type: str, given: Any = None) -> dict[str, Any]:
    """The receipt of a write. The name comes from the write, or from the receipt that named the offer (`given`)."""
    name = written.name or (given.get("name") if isinstance(given, Mapping) else None)
    receipt = written.receipt
    return {
        "id": receipt.id,
        "instance_id": receipt.instance_id,
        "name": name,
        "etag": receipt.etag,
        "offer_type": offer_type,
        "api": settings.api,
        "sandbox": settings.sandbox,
        "action": written.action,
    }


def entity_receipt(entity: Entity, settings: Settings, *, full: bool) -> dict[str, Any]:
    """What a read or a search shows of an offer: its ids, status and window; `full` adds every property."""
    receipt: dict[str, Any] = {
        "id": entity.id,
        "instance_id": entity.instance_id,
        "name": entity.name,
        "etag": entity.etag,
        "offer_type": entity.kind.key,
        "api": settings.api,
        "sandbox": settings.sandbox,
        "status": entity.status,
        "window": entity.window,
        "created": entity.created,
        "modified": entity.modified,
    }
    return {**receipt, "offer": dict(entity.properties)} if full else receipt
