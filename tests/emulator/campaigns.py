"""Live decisions for tests: written over HTTP as Adobe's pages print them, and decided over HTTP."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import requests

from airflow_provider_offers.emulator import Emulator
from tests.emulator.conftest import Caller, dps_offer

NAMESPACE = "https://ns.adobe.com/experience/offer-management/"
DECISION_HEADERS = {
    "Accept": f'application/vnd.adobe.xdm+json; schema="{NAMESPACE}decision-response;version=1.0"',
    "Content-Type": f'application/vnd.adobe.xdm+json; schema="{NAMESPACE}decision-request;version=1.0"',
    "x-request-id": "e9ac8d7e-3e77-4b38-8726-555ef1737b32",
}
NOW = "2026-05-01T12:00:00Z"
WINDOW = {"startDate": "2026-04-01T00:00:00Z", "endDate": "2026-06-01T00:00:00Z"}
HTML = Emulator.PLACEMENT_ID
IMAGE = "xcore:offer-placement:124f4e33724bb15f"
ANNA, BEN = "anna@example.com", "ben@example.com"


def shown_in(*placements: str, content: str = "<p>10%</p>") -> list[dict[str, Any]]:
    """Representations with an HTML component for each placement."""
    component = {"type": "html", "format": "text/html", "language": ["en"], "content": content}
    channel = "https://ns.adobe.com/xdm/channel-types/web"
    return [{"channel": channel, "placement": each, "components": [component]} for each in placements]


class Campaign:
    """The offers and decisions of one sandbox, created one by one."""

    def __init__(self, caller: Caller) -> None:
        self.caller, self.emulator = caller, caller.emulator

    def create(self, path: str, document: dict[str, Any]) -> str:
        answer = self.caller.dps("POST", f"/{path}", json=document)
        assert answer.status_code == 201, answer.text
        created: str = answer.json()["id"]
        return created

    def patch(self, path: str, *operations: dict[str, Any]) -> None:
        answer = self.caller.dps("PATCH", f"/{path}", json=list(operations))
        assert answer.status_code == 200, answer.text

    def offer(self, name: str = "Sale", priority: int = 0, **changes: Any) -> str:
        """An approved offer, tagged for the collections here."""
        document = dps_offer(
            name,
            **{
                "status": "approved",
                "tags": [Emulator.TAG_ID],
                "rank": {"priority": priority},
                "representations": shown_in(HTML, IMAGE),
                "selectionConstraint": {**WINDOW, **changes.pop("constraint", {})},
                **changes,
            },
        )
        return self.create("offers?offer-type=personalized", document)

    def fallback(self, *placements: str) -> str:
        document = {"name": "Generic", "status": "approved", "representations": shown_in(*placements or (HTML, IMAGE))}
        return self.create("offers?offer-type=fallback", document)

    def collection(self, filter_type: str = "any-tags", ids: Sequence[str] = (Emulator.TAG_ID,)) -> str:
        return self.create("offer-collections", {"name": "Set", "filterType": filter_type, "ids": list(ids)})

    def criterion(self, collection: str | None = None, *placements: str, **changes: Any) -> dict[str, Any]:
        return {
            "placements": list(placements or (HTML,)),
            "rank": {"priority": 0},
            "profileConstraint": {"profileConstraintType": "none"},
            "optionSelection": {"filter": collection or self.collection()},
            **changes,
        }

    def decision(self, *criteria: dict[str, Any], **changes: Any) -> str:
        """A live decision; without criteria it selects every tagged offer for the HTML placement."""
        document = {"name": "Newsletter", "status": "live", **WINDOW, "criteria": list(criteria), **changes}
        document["criteria"] = document["criteria"] or [self.criterion()]
        document.setdefault("fallback", self.fallback())
        return self.create("offer-decisions", document)

    def ask(self, *scopes: tuple[str, str], profile: str = ANNA, items: int = 1, **changes: Any) -> requests.Response:
        """A decision request, and its answer."""
        document = {
            "xdm:propositionRequests": [
                {"xdm:activityId": activity, "xdm:placementId": placement, "xdm:itemCount": items}
                for activity, placement in scopes
            ],
            "xdm:profiles": [{"xdm:identityMap": {"Email": [{"xdm:id": profile, "primary": True}]}}],
        }
        document.update({f"xdm:{name}": value for name, value in changes.items()})
        return self.send(document)

    def send(self, document: Any, path: str = "/data/core/ods/decisions", **headers: str) -> requests.Response:
        sent = {**DECISION_HEADERS, **{name.replace("_", "-"): value for name, value in headers.items()}}
        body = document if isinstance(document, str) else json.dumps(document)
        return self.caller.call("POST", path, data=body.encode(), headers=sent)

    def proposed(self, activity: str, placement: str = HTML, **options: Any) -> list[str]:
        """The ids of the offers that one scope proposes; empty for the fallback."""
        (found,) = self.all_proposed((activity, placement), **options)
        return found

    def all_proposed(self, *scopes: tuple[str, str], **options: Any) -> list[list[str]]:
        answer = self.ask(*scopes, **options)
        assert answer.status_code == 200, answer.text
        return [
            [option["xdm:id"] for option in each.get("xdm:options", ())] for each in answer.json()["xdm:propositions"]
        ]


def rule(campaign: Campaign, value: str) -> str:
    condition = {"type": "PQL", "format": "pql/text", "value": value}
    return campaign.create("offer-rules", {"name": value[:40] or "rule", "condition": condition})


def constrained(rule_id: str) -> dict[str, Any]:
    return {"profileConstraintType": "eligibilityRule", "eligibilityRule": rule_id}


def frequency(**changes: Any) -> list[dict[str, Any]]:
    repeat = {"enabled": True, "unit": "day", "unitCount": 1}
    return [{"enabled": True, "limit": 1, "scope": "profile", "entity": "offer", "repeat": repeat, **changes}]
