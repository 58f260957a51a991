"""A decision in the emulator with all objects that it needs, for delivery tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_offers.emulator import Emulator

PROFILE = {"Email": "a.customer@example.com"}
EMAIL = "a.customer@example.com"
WINDOW = {"startDate": "2020-01-01T00:00:00Z", "endDate": "2090-01-01T00:00:00Z"}
REPRESENTATION: dict[str, Any] = {
    "channel": "https://ns.adobe.com/xdm/channel-types/web",
    "placement": Emulator.PLACEMENT_ID,
    "components": [{"type": "html", "format": "text/html", "language": ["en"], "content": "<p>10%</p>"}],
}


@dataclass(frozen=True)
class Stage:
    """The ids of a live decision, its placement, its offers (by priority, the best first) and its fallback."""

    decision: str
    placement: str
    offers: list[str]
    fallback: str


def set_up(emulator: Emulator, api: str, *, offers: int = 2, status: str = "approved") -> Stage:
    """Put a decision with this number of offers into the library, through that generation."""
    numbers = range(offers)
    chosen: list[dict[str, Any]] = [
        {
            "name": f"Offer {number}",
            "status": status,
            "representations": [REPRESENTATION],
            "selectionConstraint": {**WINDOW, "profileConstraintType": "none"},
            "rank": {"priority": 100 - number},
        }
        for number in numbers
    ]
    fallback = {"name": "Everyone", "status": "approved", "representations": [REPRESENTATION]}
    offer_ids = _seed(emulator, api, "personalized-offer", *chosen)
    (fallback_id,) = _seed(emulator, api, "fallback-offer", fallback)
    (collection,) = _seed(emulator, api, "offer-filter", {"name": "All", "filterType": "offers", "ids": offer_ids})
    (decision,) = _seed(
        emulator,
        api,
        "offer-activity",
        {
            "name": "Newsletter",
            "status": "live",
            **WINDOW,
            "fallback": fallback_id,
            "criteria": [
                {
                    "placements": [Emulator.PLACEMENT_ID],
                    "rank": {"priority": 0},
                    "profileConstraint": {"profileConstraintType": "none"},
                    "optionSelection": {"filter": collection},
                }
            ],
        },
    )
    return Stage(decision, Emulator.PLACEMENT_ID, offer_ids, fallback_id)


def _seed(emulator: Emulator, api: str, kind: str, *bodies: dict[str, Any]) -> list[str]:
    return emulator.seed(objects=[{"kind": kind, "generation": api, "body": body} for body in bodies])
