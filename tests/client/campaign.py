"""A whole campaign in the emulator: a decision with all objects that it refers to."""

from __future__ import annotations

from typing import Any

from airflow_provider_offers.emulator import Emulator

OPEN = {"startDate": "2026-01-01T00:00:00Z", "endDate": "2099-01-01T00:00:00Z"}
PQL = {"type": "PQL", "format": "pql/text", "value": "true"}


def seed(emulator: Emulator, kind: str, **body: Any) -> str:
    """Put one object into the library; return its id."""
    (identifier,) = emulator.seed(objects=[{"kind": kind, "body": body}])
    return identifier


def shown(placement: str) -> list[dict[str, Any]]:
    component = {"type": "html", "format": "text/html", "content": "<p>10%</p>"}
    return [{"placement": placement, "components": [component]}]


def offer(name: str, placement: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "status": "approved",
        "representations": shown(placement),
        "selectionConstraint": OPEN,
        "rank": {"priority": 1},
        **changes,
    }


def decision(ids: dict[str, str], **changes: Any) -> dict[str, Any]:
    """A decision about the campaign; None removes a property."""
    body = {
        "name": "Newsletter",
        "status": "draft",
        **OPEN,
        "fallback": ids["fallback"],
        "criteria": [
            {
                "placements": [ids["placement"]],
                "optionSelection": {"filter": ids["collection"]},
                "profileConstraint": {"profileConstraintType": "eligibilityRule", "eligibilityRule": ids["rule"]},
            }
        ],
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}


def campaign(emulator: Emulator, **changes: dict[str, Any]) -> dict[str, str]:
    """All objects of the campaign except the decision, ready to go live; returns the ids by kind.

    `changes` are the changed properties by kind.
    """
    ids = {
        "placement": seed(emulator, "offer-placement", name="Newsletter top"),
        "tag": seed(emulator, "tag", name="Spring"),
        "rule": seed(emulator, "eligibility-rule", name="Gold members", condition=PQL),
    }
    voucher = offer("Voucher", ids["placement"], tags=[ids["tag"]])
    ids["personalized"] = seed(emulator, "personalized-offer", **{**voucher, **changes.get("personalized", {})})
    everyone = {"name": "Everyone", "status": "approved", "representations": shown(ids["placement"])}
    ids["fallback"] = seed(emulator, "fallback-offer", **{**everyone, **changes.get("fallback", {})})
    spring = {"name": "Spring set", "filterType": "any-tags", "ids": [ids["tag"]]}
    ids["collection"] = seed(emulator, "offer-filter", **{**spring, **changes.get("collection", {})})
    return ids
