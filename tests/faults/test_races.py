"""Two tasks do the same, or write to one offer, at once: one offer remains, and no edit is undone silently."""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from airflow_provider_offers.client.errors import AlreadyExistsError, OfferLibraryError, OutcomeUnknownError
from airflow_provider_offers.client.model.entities import Written
from airflow_provider_offers.client.model.kinds import kind_of
from airflow_provider_offers.emulator import Emulator
from tests.faults.doors import Killed, Outcome, Steps, WorkerKilled, outcome_of
from tests.faults.interleaving import interleave
from tests.faults.matrix import APIS, SHELLS, WRITES, Try, Write, patching
from tests.faults.world import LAG_BOUND, OTHER_TAG, Stored, World, fallback, offer

SEED = 2026
ORDERS = 5
MORE_ORDERS = 120
LATE = 3.0

each_api = pytest.mark.parametrize("api", APIS)


@dataclass(frozen=True)
class Race:
    """Workers that create the same offer at the same time: the try of each worker, and the fault of one of them."""

    name: str
    tries: tuple[int, ...]
    if_exists: str = "fail"
    kind: str = "personalized"
    fault: dict[str, Any] | None = None
    killed: bool = False

    @property
    def longest_lag(self) -> float:
        """An index lags within its limit, including late commits."""
        return LAG_BOUND - LATE if self.fault is not None and self.fault["effect"] == "late" else LAG_BOUND


_POST = {"method": "POST", "path": "/data/*"}
RACES = (
    Race("two first tries", (1, 1)),
    Race("two first tries of a fallback", (1, 1), kind="fallback"),
    Race("a first try and its retry", (1, 2)),
    Race("two retries", (2, 2)),
    Race("three at once", (1, 1, 2)),
    Race("two that adopt", (1, 1), "adopt"),
    Race("two that update", (1, 1), "update"),
    Race("two that skip", (1, 1), "skip"),
    Race("two, one answer lost", (1, 2), fault={"effect": "drop", "when": "after", **_POST}),
    Race("two, one request lost", (1, 1), fault={"effect": "drop", **_POST}),
    Race("two, one commits late", (1, 2), fault={"effect": "late", "seconds": LATE, **_POST}),
    Race("two, one receipt is cut", (1, 1), "adopt", fault={"effect": "truncate", **_POST}),
    Race("two, one look is refused", (1, 2), fault={"effect": "status", "status": 403, "route": "*.list"}),
    Race("two, one is killed", (1, 2), killed=True),
    Race("three, one is killed", (1, 2, 2), "adopt", killed=True),
)
each_race = pytest.mark.parametrize("race", RACES, ids=lambda race: race.name)


@each_api
@each_race
def test_one_offer_remains_whoever_is_first(world: World, race: Race, api: str) -> None:
    for number in range(ORDERS):
        _create_at_once(world, race, api, f"{race.name} on {api}, order {number}")


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
@each_api
@each_race
def test_one_offer_remains_in_a_hundred_orders(world: World, race: Race, api: str) -> None:
    for number in range(MORE_ORDERS):
        _create_at_once(world, race, api, f"{race.name} on {api}, order {number}")


def _create_at_once(world: World, race: Race, api: str, seed: str) -> None:
    chosen = random.Random(seed)
    document = offer() if race.kind == "personalized" else fallback()
    world.begin(api, kind=race.kind)
    began = world.time.now()
    world.lag(chosen.choice((0.0, race.longest_lag / 3, race.longest_lag)))
    # Two offers may even be created in the same millisecond.
    world.time.request_seconds = chosen.choice((0.0, 0.005, 1.0))
    world.emulator.configure(unique_timestamps=chosen.choice((True, False)))
    if race.fault is not None:
        world.emulator.add_fault(**race.fault, after=chosen.randrange(3))

    def creating(number: int) -> Callable[[Steps | None], Any]:
        shell = chosen.choice(SHELLS)

        def create(steps: Steps | None) -> Written:
            since = began if number > 1 else None
            door = world.door(shell, steps=steps)
            return door.create(kind_of(race.kind), document, if_exists=race.if_exists, since=since)

        return create

    death = Killed(world.time, chosen.randrange(1, 8), chosen.choice(("before", "after")))
    works = [creating(number) for number in race.tries]
    outcomes = interleave(world.time, seed, works, killed=[death] if race.killed else [])
    world.emulator.clear_faults()
    disturbed = race.fault is not None or race.killed
    if disturbed and any(isinstance(each, (OfferLibraryError, WorkerKilled)) for each in outcomes):
        outcomes.append(outcome_of(lambda: creating(len(race.tries) + 1)(None)))
    _expect_one(world, seed, outcomes, disturbed=disturbed)


def _expect_one(world: World, seed: str, outcomes: Sequence[Outcome], *, disturbed: bool) -> None:
    left = world.ours()
    assert len(left) == 1, f"{seed}: {len(left)} offers, {outcomes}"
    for outcome in outcomes:
        if isinstance(outcome, Written):
            assert outcome.receipt.id in left[0].names, f"{seed}: a receipt names an offer that is gone, {outcomes}"
        elif not disturbed:
            assert isinstance(outcome, AlreadyExistsError), f"{seed}: {outcome!r}"
            assert left[0].id in str(outcome), f"{seed}: {outcome!r}"
    assert any(isinstance(outcome, Written) for outcome in outcomes), f"{seed}: nobody succeeded, {outcomes}"
    assert isinstance(outcomes[-1], Written) or not disturbed, f"{seed}: the next try failed, {outcomes}"
    assert world.disturbed() == [], seed


def _named(name: str) -> Write:
    return next(write for write in WRITES if write.name == name)


_TAG = {"op": "add", "path": "/tags/-"}
EDITS = {
    "adds a tag": patching({**_TAG, "value": Emulator.TAG_ID}),
    "adds another tag": patching({**_TAG, "value": "xcore:tag:1229cf47455177b1"}),
    "removes the first tag": patching({"op": "remove", "path": "/tags/0"}),
    "sets the tags": patching({"op": "replace", "path": "/tags", "value": [OTHER_TAG]}),
    "sets the characteristics": patching({"op": "replace", "path": "/characteristics", "value": {"sku": "SPR-20"}}),
    "schedules": _named("schedule").do,
    "publishes": _named("publish").do,
    "archives": _named("archive").do,
    "updates by name": _named("create, updating theirs").do,
}
PAIRS = tuple(itertools.combinations_with_replacement(EDITS, 2))
ORDERINGS: tuple[tuple[int, ...], ...] = ((), (0,), (1,), (0, 1), (1, 0))


@each_api
def test_no_edit_is_undone_by_another(world: World, api: str) -> None:
    for pair in random.Random(f"{SEED} {api}").sample(PAIRS, len(PAIRS) // 3):
        _edit_at_once(world, api, pair, orders=2)


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
@each_api
@pytest.mark.parametrize("pair", PAIRS, ids=" and ".join)
def test_no_edit_is_undone_by_another_in_dozens_of_orders(world: World, api: str, pair: tuple[str, str]) -> None:
    _edit_at_once(world, api, pair, orders=MORE_ORDERS // 3)


def _edit_at_once(world: World, api: str, pair: tuple[str, str], *, orders: int) -> None:
    """The result of two parallel edits is that of both in sequence, in either order."""
    works = [EDITS[name] for name in pair]
    in_order = {order: _one_after_the_other(world, api, [works[index] for index in order]) for order in ORDERINGS}
    for number in range(orders):
        seed = f"{pair[0]} and {pair[1]} on {api}, order {number}"
        chosen = random.Random(seed)
        target = _edited(world, api)
        lost = number % 2 == 1
        if lost:
            effect = chosen.choice(({"effect": "drop", "when": "after"}, {"effect": "drop"}, {"effect": "malformed"}))
            world.emulator.add_fault(**effect, method="PATCH", after=chosen.randrange(2))
        outcomes = _both(world, seed, works, Try(1, world.time.now(), target), chosen)
        (left,) = world.ours()
        done = {index for index, outcome in enumerate(outcomes) if isinstance(outcome, Written)}
        # An edit with an unknown outcome may be in it or not. The same is true for one of two equal edits after a lost
        # answer, and for one of two equal appends: the second meets a conflict with what it wants, which is also what a
        # gateway returns that sent the request twice.
        unsure = {index for index, outcome in enumerate(outcomes) if isinstance(outcome, OutcomeUnknownError)}
        if pair[0] == pair[1] and (lost or "adds" in pair[0]):
            unsure.add(max(done, default=0))
        possible = [in_order[order] for order in ORDERINGS if done - unsure <= set(order) <= done | unsure]
        assert left.body in possible, f"{seed}: {left.body} came of {outcomes}"
        assert world.disturbed() == [], seed


def _both(world: World, seed: str, works: Sequence[Any], attempt: Try, chosen: random.Random) -> list[Outcome]:
    def editing(work: Any) -> Callable[[Steps], Any]:
        shell = chosen.choice(SHELLS)
        return lambda steps: work(world.door(shell, steps=steps), attempt)

    return interleave(world.time, seed, [editing(work) for work in works])


@each_api
def test_a_patch_task_that_runs_twice_at_once_patches_once(world: World, api: str) -> None:
    """The slower try finds the plan of the other, and its effect in the offer."""
    patching_once = _named("patch that adds, plan kept").do
    for number in range(ORDERS * 4):
        target = _edited(world, api)
        first = Try(1, world.time.now(), target)
        tries = (first, first.next())
        outcomes = interleave(
            world.time,
            f"twice on {api}, order {number}",
            [lambda steps, attempt=attempt: patching_once(world.door(steps=steps), attempt) for attempt in tries],  # type: ignore[misc]
        )
        (left,) = world.ours()
        assert left.etag == target.etag + 1, f"order {number}: {left.body['tags']} came of {outcomes}"


def _edited(world: World, api: str) -> Stored:
    target = world.begin(api, given=offer())
    assert target is not None
    return target


def _one_after_the_other(world: World, api: str, works: Sequence[Callable[[Any, Try], Any]]) -> dict[str, Any]:
    attempt = Try(1, world.time.now(), _edited(world, api))
    for work in works:
        outcome_of(functools.partial(work, world.door(), attempt))
    (left,) = world.ours()
    return left.body
