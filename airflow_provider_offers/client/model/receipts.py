"""The small JSON objects that tasks pass to each other: receipts of writes, and results of reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_offers.client.model.entities import Deleted, Entity, Written
from airflow_provider_offers.client.model.identifiers import NAME_PREFIX
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.settings import Settings


def write_receipt(written: Written, settings: Settings, kind: Kind, given: Any = None) -> dict[str, Any]:
    """The receipt of a write. The name comes from the write, or from `given`, which named the object.

    The receipt of an offer has `offer_type`; that of another object has `kind`.
    """
    receipt = written.receipt
    told: dict[str, Any] = {
        "id": receipt.id,
        "instance_id": receipt.instance_id,
        "name": written.name or _name_in(given),
        "etag": receipt.etag,
        "offer_type" if kind.is_offer else "kind": kind.key,
        "api": settings.api,
        "sandbox": settings.sandbox,
        "action": written.action,
    }
    if isinstance(written, Deleted):
        told["cascaded"] = [
            {"id": each.id, "instance_id": each.instance_id, "name": each.name, "kind": each.kind.key}
            for each in written.cascaded
        ]
    return told


def entity_receipt(entity: Entity, settings: Settings, *, full: bool) -> dict[str, Any]:
    """The result of a read or a search of an offer: its ids, status and window; `full` adds every property."""
    return entity_receipts(settings, full=full)(entity)


def entity_receipts(settings: Settings, *, full: bool) -> Callable[[Entity], dict[str, Any]]:
    """`entity_receipt` for many offers."""
    api, sandbox = settings.api, settings.sandbox

    def receipt(entity: Entity) -> dict[str, Any]:
        # Not the properties of `Entity`: a listing has hundreds of thousands of offers.
        properties = entity.properties
        name, status = properties.get("name"), properties.get("status")
        made: dict[str, Any] = {
            "id": entity.id,
            "instance_id": entity.instance_id,
            "name": name if isinstance(name, str) else None,
            "etag": entity.etag,
            "offer_type": entity.kind.key,
            "api": api,
            "sandbox": sandbox,
            "status": status if isinstance(status, str) else None,
            "window": entity.window,
            "created": entity.created,
            "modified": entity.modified,
        }
        if full:
            made["offer"] = dict(properties)
        return made

    return receipt


def object_receipt(entity: Entity, settings: Settings, *, full: bool) -> dict[str, Any]:
    """The result of a read or a search of an object of any kind; `status` and `window` only if the kind has them."""
    receipt = entity_receipt(entity, settings, full=False)
    offer_type = receipt.pop("offer_type")
    status, window = receipt.pop("status"), receipt.pop("window")
    receipt["kind"] = entity.kind.key
    if entity.kind.is_offer:
        receipt["offer_type"] = offer_type
    if entity.kind.statuses:
        receipt["status"] = status
    if entity.kind.window is not None:
        receipt["window"] = window
    return {**receipt, "object": dict(entity.properties)} if full else receipt


def _name_in(given: Any) -> str | None:
    """The name in `given`: a receipt, or `name:` and the name."""
    if isinstance(given, Mapping):
        return given.get("name")
    if isinstance(given, str) and given.strip().startswith(NAME_PREFIX):
        return given.strip().removeprefix(NAME_PREFIX).strip()
    return None
