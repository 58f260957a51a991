"""What Airflow stores of a trigger makes the same trigger again, and holds no secret."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import pytest
from airflow.triggers.base import BaseTrigger

from airflow_provider_offers import triggers
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.triggers.campaigns import CampaignDriftTrigger
from airflow_provider_offers.triggers.decisions import BatchDecisionTrigger, OfferLiveTrigger
from airflow_provider_offers.triggers.events import OfferLibraryEventTrigger
from airflow_provider_offers.triggers.offers import OffersFoundTrigger, OfferStatusTrigger, OfferWindowTrigger
from tests.deciding import EMAIL
from tests.triggers.events import COMMON

OFFER = {"id": "dps:personalized-offer:1", "instance_id": "dps:personalized-offer:1", "offer_type": "personalized"}
VIEWPOINT: dict[str, Any] = {
    "decision": {"id": "dps:offer-activity:1", "instance_id": None, "name": None},
    "placement": None,
    "profile": {"Email": [{"id": EMAIL, "primary": True}]},
    "context": [["https://ns/store", {"store": "42"}]],
}
DIAGNOSED: dict[str, Any] = {"decision": None, "placement": None, "profile": {}, "context": []}
IGNORED = [{"kind": "personalized", "name": "Towels", "pointers": ["/rank/priority"]}]

TRIGGERS: dict[str, Callable[[], BaseTrigger]] = {
    "status": lambda: OfferStatusTrigger(offers=[OFFER], statuses=["draft"], sensor_deadline=5.5, **COMMON),
    "window": lambda: OfferWindowTrigger(offers=[OFFER, OFFER], until="open", **{**COMMON, "sandbox": "dev"}),
    "found": lambda: OffersFoundTrigger(
        search={"properties": ["status==draft"]}, offer_type="fallback", at_least=3, **COMMON
    ),
    "live": lambda: OfferLiveTrigger(
        offers=[{**OFFER, "etag": 3}], viewpoint=VIEWPOINT, execution_deadline=5.5, **COMMON
    ),
    "diagnosed": lambda: OfferLiveTrigger(offers=[], viewpoint=DIAGNOSED, **{**COMMON, "sandbox": "dev"}),
    "batch": lambda: BatchDecisionTrigger(receipt={"job_id": "j", "status": "QUEUED"}, deadline=7.5, **COMMON),
    "drift": lambda: CampaignDriftTrigger(campaign="spring", ignored=IGNORED, state_path=None, **COMMON),
    "event": lambda: OfferLibraryEventTrigger(events=["status", "changed"], names=["B", "A"], **COMMON),
}


@pytest.mark.parametrize("name", TRIGGERS)
def test_a_trigger_is_made_again_from_what_it_serializes(name: str, emulator: Emulator) -> None:
    trigger = TRIGGERS[name]()
    path, arguments = trigger.serialize()
    module, _, class_name = path.rpartition(".")
    assert getattr(import_module(module), class_name) is type(trigger)
    again = type(trigger)(**json.loads(json.dumps(arguments)))
    assert again.serialize() == (path, arguments)
    carried = json.dumps(arguments)
    connection = emulator.connection("dps")
    for secret in (connection["password"], connection["login"], connection["host"], connection["extra"]["org_id"]):
        assert secret not in carried
    assert "token" not in carried
    # Airflow logs the repr of triggers.
    assert EMAIL not in repr(trigger)
    assert EMAIL not in str(trigger)


def test_every_trigger_is_among_them() -> None:
    assert {type(make()) for make in TRIGGERS.values()} == set(_triggers())


def _triggers() -> Iterator[type[BaseTrigger]]:
    """The trigger classes of the provider that no other trigger extends."""
    for each in iter_modules(triggers.__path__):
        module = import_module(f"{triggers.__name__}.{each.name}")
        for value in vars(module).values():
            is_ours = isinstance(value, type) and value.__module__ == module.__name__
            if is_ours and issubclass(value, BaseTrigger) and not value.__subclasses__():
                yield value
