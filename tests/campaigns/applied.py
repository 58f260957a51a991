"""Campaigns of all kinds that are planned and applied on an emulator, as a user does."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

from airflow_provider_offers.campaigns.applying.apply import ApplyOptions, apply
from airflow_provider_offers.campaigns.objects import Campaign, WantedObject
from airflow_provider_offers.campaigns.plans import Plan
from airflow_provider_offers.campaigns.reports import Report
from airflow_provider_offers.campaigns.state.states import State
from airflow_provider_offers.campaigns.state.storage import StateStore
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.kinds import KINDS
from airflow_provider_offers.emulator import Emulator
from tests.campaigns.making import NAME, PQL, WINDOW, campaign, offer, plan, wanted

WHERE = (NAME, Emulator.ORG_ID, Emulator.SANDBOX)
WEB = "https://ns.adobe.com/xdm/channel-types/web"


def shown(placement: str) -> list[dict[str, Any]]:
    """The representations of an offer in one placement."""
    component = {"type": "html", "format": "text/html", "language": ["en"], "content": "<p>10%</p>"}
    return [{"channel": WEB, "placement": placement, "components": [component]}]


def spring(offers: int = 3, *, status: str = "approved", decision: str = "live", api: str = "dps") -> Campaign:
    """A campaign with objects of all kinds of the generation."""
    return campaign(*spring_objects(offers, status=status, decision=decision, api=api).values())


def spring_objects(
    offers: int = 3, *, status: str = "approved", decision: str = "live", api: str = "dps"
) -> dict[str, WantedObject]:
    """The objects of the campaign by name."""
    objects = [
        wanted("tag", "Spring"),
        wanted("rule", "Gold members", condition=PQL),
        wanted("placement", "Web hero", channel=WEB, componentType="html"),
        *(
            offer(
                f"Offer {number}",
                status=status,
                tags=["name:Spring"],
                representations=shown("name:Web hero"),
                selectionConstraint={
                    **WINDOW,
                    "profileConstraintType": "eligibilityRule",
                    "eligibilityRule": "name:Gold members",
                },
                rank={"priority": number},
            )
            for number in range(1, offers + 1)
        ),
        wanted("fallback", "Everyone", status="approved", representations=shown("name:Web hero")),
        wanted("collection", "Spring set", filterType="any-tags", ids=["name:Spring"]),
        wanted(
            "decision",
            "Hero",
            status=decision,
            startDate=WINDOW["startDate"],
            endDate=WINDOW["endDate"],
            fallback="name:Everyone",
            criteria=[
                {
                    "placements": ["name:Web hero"],
                    "optionSelection": {"filter": "name:Spring set"},
                    "profileConstraint": {"profileConstraintType": "none"},
                }
            ],
        ),
    ]
    if api == "dps":
        formula = {"type": "PQL", "format": "pql/text", "value": "offer.rank.priority"}
        objects.insert(2, wanted("formula", "By margin", returnType={"type": "integer"}, expression=formula))
    return {each.name: each for each in objects}


def changed(objects: Mapping[str, WantedObject], name: str, /, **properties: Any) -> dict[str, WantedObject]:
    """The objects, of which one has other properties."""
    one = objects[name]
    other = WantedObject(one.kind, one.name, {**one.properties, **properties}, one.origin, one.lifecycle)
    return {**objects, name: other}


class Sandbox:
    """An emulator with one connection and one place for states."""

    def __init__(self, emulator: Emulator, library: OfferLibrary, path: pathlib.Path) -> None:
        self.emulator, self.library = emulator, library
        self.store = StateStore(path)
        self.path = path
        self._at_first = {each["id"] for each in emulator.objects()}

    @property
    def api(self) -> str:
        return self.library.settings.api

    @property
    def state(self) -> State:
        return self.store.read(*WHERE)

    def plan(self, made: Campaign, **options: Any) -> Plan:
        return plan(self.library, made, self.state, **options)

    def apply(self, made: Plan, store: StateStore | None = None, **options: Any) -> Report:
        return apply(self.library.settings, made, store or self.store, ApplyOptions(**options))

    def plan_and_apply(self, made: Campaign, **options: Any) -> Report:
        return self.apply(self.plan(made, **options))

    def writes(self) -> list[str]:
        """The methods of the writes to the library since the journal was cleared."""
        entries = self.emulator.journal(limit=100_000)
        return [each.method for each in entries if each.method != "GET" and "token" not in each.route]

    def id(self, name: str) -> str:
        """The id of the only object of a name."""
        (found,) = [each["id"] for each in self.there() if each["body"].get("name") == name]
        return str(found)

    def edit(self, kind: str, name: str, pointer: str, value: Any) -> None:
        """Edit an object in the user interface, as a marketer does."""
        operation = {"op": "add", "path": pointer, "value": value}
        self.library.patch(KINDS[kind], self.id(name), [operation], validate=False)

    def there(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The objects in the library that the emulator did not have at first."""
        found = self.emulator.objects(None if kind is None else KINDS[kind].type_name)
        return [each for each in found if each["id"] not in self._at_first]

    def body(self, name: str) -> dict[str, Any]:
        """The only object of a name, in neutral form."""
        (found,) = [each for each in self.there() if each["body"].get("name") == name]
        return dict(found["body"])

    def names(self) -> list[str]:
        """The names of all objects that were not there at first, in order."""
        return sorted(f"{each['kind']} {each['body']['name']}" for each in self.there())
