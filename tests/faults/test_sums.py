"""Combined faults, each within its limit, two or three at once: one offer remains, and every green task names it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_offers.client.errors import OfferLibraryError
from airflow_provider_offers.client.model.entities import Written
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from tests.faults.doors import Steps, outcome_of
from tests.faults.interleaving import interleave
from tests.faults.matrix import APIS, SHELLS
from tests.faults.world import LAG_BOUND, World, offer

SEEDS = 12
MORE_SEEDS = 300
_POST = {"method": "POST", "path": "/data/*"}
# The latest commit is as late as the client's patience allows.
SUMMANDS: tuple[dict[str, Any], ...] = (
    {"effect": "late", "seconds": LAG_BOUND - 0.5, **_POST},
    {"effect": "late", "seconds": LAG_BOUND / 2, **_POST},
    {"effect": "drop", "when": "after", **_POST},
    {"effect": "drop", **_POST},
    {"effect": "repeat", **_POST},
    {"effect": "status", "status": 503, "when": "after", **_POST},
    {"effect": "status", "status": 503, "route": "*.list"},
    {"effect": "malformed", **_POST},
)

each_api = pytest.mark.parametrize("api", APIS)


@each_api
def test_one_offer_remains_of_two_creators_and_two_or_three_faults(world: World, api: str) -> None:
    for number in range(SEEDS):
        _create_under(world, api, f"sums on {api}, {number}")


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
@each_api
def test_one_offer_remains_of_hundreds_of_sums(world: World, api: str) -> None:
    for number in range(MORE_SEEDS):
        _create_under(world, api, f"sums on {api}, {number}")


def _create_under(world: World, api: str, seed: str) -> None:
    chosen = random.Random(seed)
    world.begin(api)
    world.lag(chosen.choice((0.0, LAG_BOUND / 2, LAG_BOUND)))
    rules = chosen.sample(SUMMANDS, chosen.choice((2, 3)))
    for rule in rules:
        world.emulator.add_fault(**rule, after=chosen.randrange(2))
    began = world.time.now()

    def creating(number: int) -> Callable[[Steps | None], Any]:
        shell = chosen.choice(SHELLS)
        since = began if number > 1 else None
        return lambda steps: world.door(shell, steps=steps).create(PERSONALIZED, offer(), since=since)

    outcomes = interleave(world.time, seed, [creating(1), creating(1)])
    said = f"{seed}: {rules}, {outcomes}"
    # A try with an unknown outcome is retried, as by Airflow.
    later = [
        outcome_of(lambda: creating(2)(None)) if isinstance(each, OfferLibraryError) and each.retryable else each
        for each in outcomes
    ]
    left = world.ours()
    assert len(left) == 1, f"{said}: {len(left)} offers, then {later}"
    green = [each for each in later if isinstance(each, Written)]
    assert green, f"{said}: nobody succeeded, {later}"
    assert {each.receipt.id for each in green} <= set(left[0].names), f"{said}: a receipt names what is gone, {later}"
    assert world.disturbed() == [], said


@each_api
@pytest.mark.parametrize("if_exists", ["fail", "adopt", "update", "skip"])
@pytest.mark.parametrize("marker", [None, ("airflow", "dag/run/task/-1")])
def test_a_post_that_a_gateway_repeats_makes_one_offer_that_is_ours(
    world: World, api: str, if_exists: str, marker: tuple[str, str] | None
) -> None:
    for lag in (0.0, LAG_BOUND):
        world.begin(api)
        world.lag(lag)
        world.emulator.add_fault("repeat", **_POST)
        written = world.door().create(PERSONALIZED, offer(), if_exists=if_exists, marker=marker)
        (left,) = world.ours()
        assert (written.action, written.receipt.id) == ("created", left.id)
        assert [entry.method for entry in world.writes()].count("DELETE") == 1
