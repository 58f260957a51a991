"""Whoever waits for a long reading hears how far it is: page by page, kind by kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_offers.campaigns.applying.apply import apply
from airflow_provider_offers.campaigns.moving.exporting import export_library
from airflow_provider_offers.campaigns.moving.importing import import_objects
from airflow_provider_offers.campaigns.planning.drift import find_drift
from airflow_provider_offers.campaigns.planning.planner import plan_campaign
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.reading import OnPage
from airflow_provider_offers.emulator import Emulator
from tests.campaigns.applied import Sandbox
from tests.campaigns.making import campaign, offer, state

TEN = offer("Ten")
Heard = list[tuple[str, int]]


def hearing(heard: Heard) -> OnPage:
    def on_page(kind: Kind, done: int) -> None:
        heard.append((kind.key, done))

    return on_page


@pytest.mark.parametrize(
    "flow",
    [
        lambda access, on_page: plan_campaign(access, campaign(TEN), state(TEN), None, on_page),
        lambda access, on_page: find_drift(access, state(TEN), None, on_page),
        lambda access, on_page: export_library(access, on_page=on_page),
        lambda access, on_page: import_objects(access, campaign(TEN), state(generation=1), on_page),
    ],
    ids=["plan", "drift", "export", "import"],
)
def test_a_reading_tells_each_page(library: OfferLibrary, emulator: Emulator, flow: Callable[..., Any]) -> None:
    emulator.seed(250)
    heard: Heard = []

    library.run(lambda access: flow(access, hearing(heard)))

    offers = [each for each in heard if each[0] == "personalized"]
    assert offers == [("personalized", 100), ("personalized", 200), ("personalized", 250)]


def test_an_apply_tells_its_reading_too(sandbox: Sandbox) -> None:
    sandbox.emulator.seed(150)
    plan = sandbox.plan(campaign(TEN))
    heard: Heard = []

    apply(sandbox.library.settings, plan, sandbox.store, on_page=hearing(heard))

    assert heard == [("personalized", 100), ("personalized", 150)]
