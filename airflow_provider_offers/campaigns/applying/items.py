"""The objects of a plan during an apply: what the library has of each, and what became of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from airflow_provider_offers.campaigns.applying.rereading import Sight
from airflow_provider_offers.campaigns.applying.steps import kind_of_planned, last_step
from airflow_provider_offers.campaigns.objects import Key
from airflow_provider_offers.campaigns.plans import Plan, PlannedObject
from airflow_provider_offers.campaigns.reports import Outcome
from airflow_provider_offers.campaigns.state.states import Applied
from airflow_provider_offers.client.model.entities import Reference
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.model.lifecycle import Step
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.client.wire.messages import Json


@dataclass(frozen=True, slots=True)
class RunOptions:
    """See `ApplyOptions`."""

    max_concurrent: int
    patience: float
    waive: tuple[str, ...]
    is_halted: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Progress:
    """One object is finished in a phase: "take back", "content", "show" or "retire". `total` counts the phase."""

    phase: str
    done: int
    total: int
    key: Key


@dataclass(slots=True)
class Item:
    """A planned object, what the library has of it, and what became of it.

    `outcome` is None as long as it waits. `etag` is that of its last write.
    """

    planned: PlannedObject
    sight: Sight
    reference: Reference | None = None
    is_content_done: bool = False
    etag: int | None = None
    outcome: Outcome | None = None

    @property
    def key(self) -> Key:
        return self.planned.key

    @property
    def kind(self) -> Kind:
        return kind_of_planned(self.planned)

    @property
    def live_status(self) -> str | None:
        """The status that the library has; None without an object, or without a status."""
        return None if self.sight.entity is None else self.sight.entity.status

    @property
    def id(self) -> str | None:
        """The id of the object, if it exists."""
        return None if self.reference is None else self.reference.id

    @property
    def step(self) -> Step | None:
        """The step that shows it to customers at the end."""
        return last_step(self.planned)


def plan_id(plan: Plan) -> str:
    """Identifies a plan in the state that its apply writes."""
    told = [plan.campaign, plan.target, plan.organization, plan.sandbox, plan.digest, plan.made_at]
    return hashlib.sha256(json.dumps([*told, plan.state_generation]).encode()).hexdigest()[:32]


def applied(planned: PlannedObject, properties: Mapping[str, Json]) -> Applied:
    """What the state keeps of an object that has these properties."""
    return Applied(properties, None, planned.prevent_destroy, tuple(planned.ignore_changes))


def old_key(planned: PlannedObject) -> Key:
    """The key under which the state has an object before the apply."""
    return planned.key[0], planned.old_name or planned.key[1]


def called(item: Item) -> str:
    """The object in a message."""
    return f"{item.kind.noun} {quoted(item.key[1], 80)}"
