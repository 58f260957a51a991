"""Offers in the spelling of each generation: entities, pages and receipts for scripted answers."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_offers.client.model.entities import Reference
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.model.spelling import wire_value

DPS_ID = "dps:personalized-offer:1c265317da412003"
XCORE_ID = "xcore:personalized-offer:1c265317da412003"
INSTANCE_ID = "0f32d8a0-1619-11f1-9d55-1b1f0c9a7e21"
CREATED = "2026-03-02T09:00:00.500+00:00"

# The reference object that tests write and read, in neutral names.
SALE: dict[str, Any] = {
    "name": "Spring voucher",
    "status": "draft",
    "representations": [
        {
            "channel": "https://ns.adobe.com/xdm/channel-types/email",
            "placement": "dps:offer-placement:1c2651d4d6411005",
            "components": [{"type": "html", "format": "text/html", "language": ["en"], "content": "<p>10% off</p>"}],
        }
    ],
    "selectionConstraint": {"startDate": "2026-03-10T00:00:00Z", "endDate": "2026-06-30T21:59:59Z"},
    "rank": {"priority": 10},
    "tags": ["dps:tag:1c265218f4011006"],
    "characteristics": {"sku": "SPR-10"},
}


def sale(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(SALE), **changes}


def reference(api: str) -> Reference:
    if api == "dps":
        return Reference(PERSONALIZED, id=DPS_ID, instance_id=DPS_ID)
    return Reference(PERSONALIZED, id=XCORE_ID, instance_id=INSTANCE_ID)


def entity(
    api: str, properties: Mapping[str, Any], *, etag: int = 1, number: int = 0, created: str = CREATED, **envelope: Any
) -> dict[str, Any]:
    """An offer as a read shows it; `number` distinguishes several."""
    if api == "dps":
        return {
            "id": DPS_ID if not number else f"dps:personalized-offer:{number:016x}",
            "etag": etag,
            "created": created,
            "modified": created,
            "schemas": ["https://ns.adobe.com/experience/offer-management/personalized-offer;version=0.15"],
            **properties,
            **envelope,
        }
    return {
        "instanceId": INSTANCE_ID if not number else f"{number:08x}-1619-11f1-9d55-1b1f0c9a7e21",
        "schemas": ["https://ns.adobe.com/experience/offer-management/personalized-offer;version=0.5"],
        "repo:etag": etag,
        "repo:createdDate": created,
        "repo:lastModifiedDate": created,
        "repo:createdByClientId": "our-client",
        **envelope,
        "_instance": {
            **wire_value(properties, PERSONALIZED.names),
            "@id": XCORE_ID if not number else f"xcore:personalized-offer:{number:016x}",
        },
    }


def page(
    api: str, entities: Sequence[Mapping[str, Any]] = (), *, next: str | None = None, total: int | None = None
) -> dict[str, Any]:
    """A page of a listing."""
    counted = {"count": len(entities), **({} if total is None else {"total": total})}
    if api == "dps":
        links = {"next": {"href": next, "type": "application/json"}} if next else {}
        return {"results": list(entities), **counted, "_links": {"self": {"href": "/offers"}, **links}}
    links = {"next": {"href": next, "@type": "https://ns.adobe.com/experience/xcore/hal/results"}} if next else {}
    return {"_embedded": {"results": list(entities), **counted}, "_links": {"self": {"href": "/"}, **links}}


def receipt(api: str, *, etag: int = 1) -> dict[str, Any]:
    """The answer to a write."""
    if api == "dps":
        return {"id": DPS_ID, "etag": etag, "createdDate": CREATED, "lastModifiedDate": CREATED, "sandboxId": "s"}
    return {
        "instanceId": INSTANCE_ID,
        "@id": XCORE_ID,
        "repo:etag": etag,
        "repo:createdDate": CREATED,
        "repo:lastModifiedDate": CREATED,
    }
