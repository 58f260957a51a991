"""An apply does what the plan says, on both generations: afterwards the plan is empty, and nothing exists twice."""

from __future__ import annotations

import pathlib

import pytest

from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.emulator import Emulator
from tests.campaigns.applied import Sandbox, spring
from tests.campaigns.making import counted


@pytest.fixture
def sandbox(emulator: Emulator, library: OfferLibrary, tmp_path: pathlib.Path) -> Sandbox:
    made = Sandbox(emulator, library, tmp_path / "states")
    made.start()
    return made


def test_after_an_apply_the_plan_is_empty(sandbox: Sandbox) -> None:
    made = spring(5, api=sandbox.api)

    report = sandbox.plan_and_apply(made)

    assert report.is_complete
    assert report.counts["created"] == len(made.objects)
    assert sandbox.body("Hero")["status"] == "live"
    assert sandbox.body("Offer 1")["status"] == "approved"
    again = sandbox.plan(made)
    assert counted(again) == {"unchanged": len(made.objects)}
    assert again.objects == ()
    assert len(sandbox.there()) == len(made.objects)
