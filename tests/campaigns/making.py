"""Campaigns and states made by hand, without a manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from airflow_provider_offers.campaigns.objects import Campaign, Key, Lifecycle, Move, Origin, Target, WantedObject
from airflow_provider_offers.campaigns.planning.planner import PlanOptions, plan_campaign
from airflow_provider_offers.campaigns.plans import Plan, PlannedObject
from airflow_provider_offers.campaigns.state.states import Applied, State
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.kinds import KINDS, Kind, kind_of
from airflow_provider_offers.client.wire.messages import Json
from airflow_provider_offers.emulator import Emulator

NAME = "spring"
ORIGIN = Origin("spring.yaml", 1, 1)
WINDOW = {"startDate": "2026-01-01T00:00:00Z", "endDate": "2099-01-01T00:00:00Z"}
PQL = {"type": "PQL", "format": "pql/text", "value": "true"}


def wanted(kind: str | Kind, name: str, /, *, lifecycle: Any = None, **properties: Json) -> WantedObject:
    """An object of a manifest; the properties are in neutral names."""
    row = kind_of(kind)
    return WantedObject(row, name, {"name": name, **properties}, ORIGIN, Lifecycle(**(lifecycle or {})))


def offer(name: str, /, *, lifecycle: Any = None, **changes: Json) -> WantedObject:
    """A personalized offer that is complete; None leaves a property out."""
    properties = {"status": "draft", "selectionConstraint": WINDOW, "rank": {"priority": 1}, **changes}
    given = {key: value for key, value in properties.items() if value is not None}
    return wanted("personalized", name, lifecycle=lifecycle, **given)


def campaign(
    *objects: WantedObject,
    moved: Sequence[tuple[str, str, str]] = (),
    external: Sequence[Key] = (),
    sandbox: str | None = None,
) -> Campaign:
    """A campaign of these objects; `moved` are kinds with an old and a new name."""
    document = [(each.key, each.properties) for each in objects]
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    return Campaign(
        NAME,
        Target("dev", "offers", sandbox),
        objects,
        digest,
        external=external,
        moved=[Move(KINDS[kind], old, new, ORIGIN) for kind, old, new in moved],
    )


def state(*objects: WantedObject, generation: int = 1) -> State:
    """The state after these objects were applied."""
    applied = {
        each.key: Applied(each.properties, None, each.lifecycle.prevent_destroy, each.lifecycle.ignore_changes)
        for each in objects
    }
    return State(NAME, Emulator.ORG_ID, Emulator.SANDBOX, generation, applied)


def plan(library: OfferLibrary, made: Campaign, before: State | None = None, /, **options: Any) -> Plan:
    """The plan of a campaign; without a state, nothing was applied before."""
    return library.run(
        lambda access: plan_campaign(access, made, before or state(generation=0), PlanOptions(**options))
    )


def planned(found: Plan, name: str) -> PlannedObject:
    """The only planned object of that name."""
    (each,) = [each for each in found.objects if each.key[1] == name]
    return each


def counted(found: Plan) -> dict[str, int]:
    """The counts that are not zero."""
    return {action: number for action, number in found.counts.items() if number}


def put(emulator: Emulator, kind: str, name: str, /, **properties: Json) -> str:
    """Put one object into the library; return its id."""
    row = KINDS[kind]
    (identifier,) = emulator.seed(objects=[{"kind": row.type_name, "body": {"name": name, **properties}}])
    return identifier


def put_wanted(emulator: Emulator, each: WantedObject, /, **changes: Json) -> str:
    """Put an object of a manifest into the library, with some changes; None leaves a property out."""
    properties = {**each.properties, **changes}
    given = {name: value for name, value in properties.items() if value is not None and name != "name"}
    return put(emulator, each.kind.key, each.name, **given)
