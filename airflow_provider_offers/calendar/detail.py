"""One object in full: its content for each placement, what it refers to, and what refers to it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_offers.calendar.document import moment
from airflow_provider_offers.calendar.held import Copy, Held
from airflow_provider_offers.client.model.entities import Entity
from airflow_provider_offers.client.model.kinds import kind_of_type_name
from airflow_provider_offers.client.model.places import Pointing, pointings


def detail_of(entity: Entity, copy: Copy) -> dict[str, Any]:
    """The document of an object. The copy gives the names of the other objects, and those that refer to it."""
    held = Held.of(entity)
    return {
        "entity": {
            "id": entity.id,
            "instance_id": entity.instance_id,
            "kind": entity.kind.key,
            "name": entity.name,
            "status": entity.status,
            "etag": entity.etag,
            "created": entity.created,
            "modified": entity.modified,
            "properties": dict(entity.properties),
        },
        "representations": list(_representations(entity, copy)),
        "window": {"start": moment(held.start), "end": moment(held.end)},
        "references": [_reference(each, copy) for each in pointings(entity.kind.place, entity.properties)],
        "referrers": [
            {"kind": each.kind.key, "id": each.id, "name": each.name, "status": each.status}
            for objects in copy.objects.values()
            for each in objects.values()
            if entity.id in each.targets
        ],
    }


def _representations(entity: Entity, copy: Copy) -> Iterator[dict[str, Any]]:
    listed = entity.properties.get("representations")
    for each in listed if isinstance(listed, list) else ():
        if not isinstance(each, Mapping):
            continue
        placement = each.get("placement")
        known = copy.get(placement) if isinstance(placement, str) else None
        components = each.get("components")
        yield {
            "placement": placement if known is None else known.name,
            "placement_id": placement,
            "channel": each.get("channel"),
            "components": [
                _component(one)
                for one in (components if isinstance(components, list) else ())
                if isinstance(one, Mapping)
            ],
        }


def _component(component: Mapping[str, Any]) -> dict[str, Any]:
    """A piece of content. Its links are http or https: a browser runs the scripts of some other schemes."""
    content = component.get("content")
    text = content if isinstance(content, str) or content is None else json.dumps(content, ensure_ascii=False, indent=2)
    shown = {
        "type": component.get("type"),
        "format": component.get("format"),
        "language": component.get("language"),
        "content": text,
        "link": _link(component.get("deliveryURL")),
        "click": _link(component.get("linkURL")),
    }
    return {name: value for name, value in shown.items() if value is not None}


def _link(address: Any) -> str | None:
    if not isinstance(address, str):
        return None
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        return None
    return address.strip() if parts.scheme in ("http", "https") and parts.netloc else None


def _reference(pointing: Pointing, copy: Copy) -> dict[str, Any]:
    known = copy.get(pointing.target)
    kind = kind_of_type_name(pointing.type_names[0]) if known is None else known.kind
    return {
        "pointer": pointing.pointer,
        "kind": None if kind is None else kind.key,
        "id": pointing.target,
        "name": None if known is None else known.name,
        "status": None if known is None else known.status,
    }
