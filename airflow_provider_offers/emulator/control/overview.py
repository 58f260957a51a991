"""What the emulator's page shows of a library: each object in one line, with its window and its references."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_offers.emulator.control.faults import EFFECTS
from airflow_provider_offers.emulator.http.routes import NAMES
from airflow_provider_offers.emulator.instants import micros_text
from airflow_provider_offers.emulator.kinds import KINDS
from airflow_provider_offers.emulator.service import Service
from airflow_provider_offers.emulator.store.library import Record


def words() -> dict[str, Any]:
    """The kinds in their order with their titles, the effects of faults with their descriptions, and the routes."""
    return {
        "kinds": {kind.name: kind.title for kind in KINDS},
        "effects": {name: effect.description for name, effect in EFFECTS.items()},
        "routes": list(NAMES),
    }


def overview(service: Service, sandbox: str, seen: int | None) -> dict[str, Any]:
    """The objects of a sandbox, oldest first, and the number of the library's last change.

    A caller that has seen that number already gets no objects.
    """
    with service.lock:
        service.catch_up()
        with service.database.transaction():
            service.settle()
        changes = service.library.changes
        told: dict[str, Any] = {"changes": changes}
        if changes != seen:
            told["objects"] = [_line(each) for each in service.library.all(sandbox)]
    return told


def _line(record: Record) -> dict[str, Any]:
    body = record.body
    start, end = _window(body)
    return {
        "id": record.id,
        "kind": record.kind_name,
        "name": record.name,
        "status": record.status,
        "start": start,
        "end": end,
        "etag": record.etag,
        "modified": micros_text(record.modified_us),
        "modified_by": record.modified_by,
        "references": list(dict.fromkeys(each.target for each in record.kind.shape.references(body))),
    }


def _window(body: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The window of an offer or of a decision. Objects that were seeded without checks can contain anything."""
    held = body.get("selectionConstraint")
    holder = held if isinstance(held, Mapping) else body
    found = (holder.get("startDate"), holder.get("endDate"))
    start, end = (each if isinstance(each, str) else None for each in found)
    return start, end
