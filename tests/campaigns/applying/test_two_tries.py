"""Two tries of one task that live at the same time: the earlier one writes nothing after the later one has begun."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_offers.campaigns.applying.apply import ApplyOptions, apply
from airflow_provider_offers.campaigns.applying.items import Progress
from airflow_provider_offers.campaigns.errors import CampaignError, StateError, StateLockedError
from airflow_provider_offers.campaigns.reports import Report
from airflow_provider_offers.campaigns.state import storage
from airflow_provider_offers.campaigns.state.storage import StateStore
from tests.campaigns.applied import WHERE, Sandbox
from tests.campaigns.making import campaign, offer

OWNER = "the task apply of the DAG nightly"
DRAFTS = [offer(f"Offer {number}") for number in range(1, 4)]
# A mistake, with which the first try begins, and the mended manifest of the second one.
WRONG = campaign(*(offer(f"Offer {number}", rank={"priority": 99}) for number in range(1, 4)))
MENDED = campaign(offer("Offer 1", rank={"priority": 99}), *DRAFTS[1:])


def priorities(sandbox: Sandbox) -> list[int]:
    """The priorities of the offers, in the order of their names."""
    return [int(sandbox.body(f"Offer {number}")["rank"]["priority"]) for number in range(1, 4)]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The later try does not wait, and the earlier one was stopped too long for its last look to count."""
    monkeypatch.setattr(storage, "STOPS_WITHIN_SECONDS", 0.0, raising=False)
    monkeypatch.setattr(storage, "_OLDEST_LOOK_SECONDS", 0.0, raising=False)
    monkeypatch.setattr(storage, "_LOOK_SECONDS", 1000.0, raising=False)


@pytest.mark.usefixtures("at_once")
def test_a_try_that_seemed_dead_writes_nothing_after_its_successor(sandbox: Sandbox) -> None:
    sandbox.plan_and_apply(campaign(*DRAFTS))
    plan = sandbox.plan(WRONG)
    later: list[Report] = []

    def next_try() -> Report:
        return sandbox.apply(sandbox.plan(MENDED), owner=OWNER)

    def frozen(progress: Progress) -> None:
        if progress.key[1] == "Offer 1":
            # The next try runs from its beginning to its end, in an event loop of its own, as another process has.
            with ThreadPoolExecutor() as threads:
                later.append(threads.submit(next_try).result())

    with pytest.raises(StateLockedError, match="this apply stops before its next write"):
        apply(sandbox.library.settings, plan, sandbox.store, ApplyOptions(owner=OWNER, max_concurrent=1), frozen)

    assert later[0].is_complete
    assert priorities(sandbox) == [99, 1, 1]
    assert [sandbox.state.objects[each.key].properties["rank"]["priority"] for each in DRAFTS] == [99, 1, 1]
    assert sandbox.plan(MENDED).objects == ()


@pytest.mark.usefixtures("at_once")
def test_an_apply_whose_lock_was_removed_by_hand_stops_before_its_next_write(sandbox: Sandbox) -> None:
    sandbox.plan_and_apply(campaign(*DRAFTS))
    plan = sandbox.plan(WRONG)

    def remove(progress: Progress) -> None:
        sandbox.store.force_unlock(*WHERE)

    with pytest.raises(StateLockedError, match="was removed"):
        apply(sandbox.library.settings, plan, sandbox.store, ApplyOptions(owner="anna", max_concurrent=1), remove)

    assert priorities(sandbox) == [99, 1, 1]
    assert sandbox.plan_and_apply(WRONG).is_complete
    assert priorities(sandbox) == [99, 99, 99]


def test_an_apply_that_is_halted_finishes_what_it_writes_and_the_next_one_does_the_rest(sandbox: Sandbox) -> None:
    sandbox.plan_and_apply(campaign(*DRAFTS))
    wanted = campaign(*(offer(f"Offer {number}", rank={"priority": 99}) for number in range(1, 4)), offer("Offer 4"))
    plan = sandbox.plan(wanted)
    heard: list[Progress] = []

    options = ApplyOptions(owner=OWNER, max_concurrent=1, is_halted=lambda: bool(heard))
    with pytest.raises(CampaignError, match="ended before it was complete") as halted:
        apply(sandbox.library.settings, plan, sandbox.store, options, heard.append)

    assert halted.value.retryable
    assert sum(priorities(sandbox)) < 3 * 99
    assert sandbox.store.owner_of_lock(*WHERE) is None
    # What was written is in the state.
    noted = [sandbox.state.objects[each.key].properties["rank"]["priority"] for each in DRAFTS]
    assert noted == priorities(sandbox)
    assert sandbox.apply(plan, owner=OWNER).is_complete
    assert priorities(sandbox) == [99, 99, 99]
    assert sandbox.plan(wanted).objects == ()


@pytest.mark.parametrize(("seconds", "expected"), [(120.0, 4.0), (2.0, 2.0)])
def test_a_later_try_waits_until_the_earlier_one_has_stopped(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, seconds: float, expected: float
) -> None:
    """It does not wait for a lock that has expired by then."""
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    store = StateStore(sandbox.path, now=lambda: datetime(2026, 5, 1, tzinfo=UTC))
    earlier: Any = store.lock(*WHERE, owner=OWNER, seconds=seconds).__enter__()

    with store.lock(*WHERE, owner=OWNER):
        pass
    with store.lock(*WHERE, owner=OWNER):
        pass

    earlier.__exit__(None, None, None)
    assert slept == [expected]


def test_a_place_that_fails_does_not_stop_an_apply_that_has_its_lock(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def fail(place: Any, token: str) -> Any:
        asked.append(token)
        raise StateError("the store is away", retryable=True)

    with sandbox.store.lock(*WHERE, owner="anna") as held, monkeypatch.context() as broken:
        broken.setattr(storage, "_OLDEST_LOOK_SECONDS", 0.0)
        broken.setattr(storage._Place, "expect_held", fail)
        held.check()
    assert asked
