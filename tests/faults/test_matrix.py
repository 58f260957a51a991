"""The fault matrix: after any fault, this try or the next leaves the expected objects and nothing else."""

from __future__ import annotations

import pytest

from tests.faults.cases import all_cases, killed_with_wrong_clocks, some_cases, sums
from tests.faults.conftest import Tally
from tests.faults.matrix import APIS, FAULTS, WRITES, Case, Write
from tests.faults.verdicts import trace
from tests.faults.world import World

SEED = 2026
# Enough cases of each write, so that all of them together contain every fault.
_SINGLES = 10

each_write = pytest.mark.parametrize(
    ("write", "api"), [pytest.param(write, api, id=f"{write.name}-{api}") for write in WRITES for api in write.apis]
)


@each_write
def test_a_sample_of_the_faults(world: World, tally: Tally, write: Write, api: str) -> None:
    for case in some_cases(world, write, api, seed=SEED, singles=_SINGLES, doubles=2):
        tally.play(case)
    tally.expect_all_kept()


@each_write
def test_a_sample_of_sums_of_faults(world: World, tally: Tally, write: Write, api: str) -> None:
    """Two and three faults at once."""
    for case in sums(world, write, api, seed=SEED, count=2):
        tally.play(case)
    tally.expect_all_kept()


@each_write
def test_a_wrong_clock_of_the_worker_hides_no_write_of_a_killed_try(
    world: World, tally: Tally, write: Write, api: str
) -> None:
    for case in killed_with_wrong_clocks(world, write, api):
        tally.play(case)
    tally.expect_all_kept()


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
@each_write
def test_many_sums_of_faults(world: World, tally: Tally, write: Write, api: str) -> None:
    for case in sums(world, write, api, seed=SEED + 1, count=60):
        tally.play(case)
    tally.expect_all_kept()


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
@each_write
def test_every_fault(world: World, tally: Tally, write: Write, api: str) -> None:
    for case in all_cases(world, write, api):
        tally.play(case)
    tally.expect_all_kept()


@pytest.mark.parametrize("api", APIS)
def test_the_sample_has_every_fault_on_each_generation(world: World, api: str) -> None:
    sampled = {
        strike.fault.name
        for write in WRITES
        if api in write.apis
        for case in some_cases(world, write, api, seed=SEED, singles=_SINGLES, doubles=0)
        for strike in case.strikes
    }
    assert {fault.name for fault in FAULTS} == sampled


@each_write
def test_the_faults_strike_where_they_should(world: World, write: Write, api: str) -> None:
    """A request that is never sent cannot fail: the places come from the write's own requests."""
    there = trace(world, Case(write, api, "sync", ()))
    assert [place.number for place in there] == list(range(1, len(there) + 1))
    assert there[0].route == "ims.token"
