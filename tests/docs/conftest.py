"""The real Airflow and the emulator for the documentation's examples."""

from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_offers.emulator import Emulator

PERSONALIZED = "dps:personalized-offer:1c265317da412003"
FALLBACK = "dps:fallback-offer:1c26533689c12004"
OFFERED = "dps:personalized-offer:1c265317da412007"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An emulator with the offers whose ids the documentation mentions."""
    offer: dict[str, Any] = {
        "name": "Summer voucher",
        "status": "draft",
        "selectionConstraint": {"startDate": "2026-01-01T00:00:00Z", "endDate": "2036-01-01T00:00:00Z"},
        "rank": {"priority": 20},
    }
    approved = {**offer, "name": "Winter voucher", "status": "approved"}
    fallback = {"name": "Everyone", "status": "approved"}
    with Emulator() as running:
        running.seed(
            objects=[
                {"kind": "personalized-offer", "body": offer, "id": PERSONALIZED},
                {"kind": "personalized-offer", "body": approved},
                {"kind": "fallback-offer", "body": fallback, "id": FALLBACK},
                *_decided(),
            ]
        )
        yield running


def _decided() -> list[dict[str, Any]]:
    """Two live decisions with their placements, their fallback, and a draft that they propose after publication."""
    placement, collection = "dps:offer-placement:1c2651d4d6411005", "dps:offer-filter:1c2653e49ec12008"
    footer = "dps:offer-placement:1c2651d4d6411006"
    channel = "https://ns.adobe.com/xdm/channel-types/email"
    html = {"type": "html", "format": "text/html", "language": ["en"], "content": "<p>10%</p>"}
    representations = [{"channel": channel, "placement": each, "components": [html]} for each in (placement, footer)]
    shown = {"representations": representations}
    window = {"startDate": "2026-01-01T00:00:00Z", "endDate": "2036-01-01T00:00:00Z"}
    offer = {"name": "Autumn voucher", "status": "draft", "selectionConstraint": window, "rank": {"priority": 5}}
    chosen = {"placements": [placement], "rank": {"priority": 0}, "optionSelection": {"filter": collection}}
    fallback = "dps:fallback-offer:1c26533689c12007"
    decision = {"name": "Autumn newsletter", "status": "live", **window, "fallback": fallback, "criteria": [chosen]}
    other = {**decision, "name": "Autumn footer", "criteria": [{**chosen, "placements": [footer]}]}
    bodies: list[tuple[str, str, dict[str, Any]]] = [
        ("offer-placement", placement, {"name": "Newsletter hero", "componentType": "html", "channel": channel}),
        ("offer-placement", footer, {"name": "Newsletter footer", "componentType": "html", "channel": channel}),
        ("personalized-offer", OFFERED, {**offer, **shown}),
        ("fallback-offer", fallback, {"name": "Nobody", "status": "approved", **shown}),
        ("offer-filter", collection, {"name": "Autumn", "filterType": "offers", "ids": [OFFERED]}),
        ("offer-activity", "dps:offer-activity:1c2655439f013001", decision),
        ("offer-activity", "dps:offer-activity:1c2655439f013002", other),
    ]
    return [{"kind": kind, "id": identifier, "body": body} for kind, identifier, body in bodies]
