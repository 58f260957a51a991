"""Each `if_exists` with an existing offer of the name: one of an earlier try, and one of somebody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_offers.client.errors import AlreadyExistsError, AmbiguousNameError
from airflow_provider_offers.client.model.entities import Written
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from tests.faults.doors import Killed, WorkerKilled, outcome_of
from tests.faults.matrix import APIS, LAGS, Try, creating
from tests.faults.world import World, offer

MEANINGS = ("adopt", "update", "skip", "fail")
OTHER = offer(rank={"priority": 1})

# The content before the try, and the expected result of the try.
Before = Callable[[World, str, str], Try]


def _ours(world: World, api: str, if_exists: str) -> Try:
    """The first try is killed after it has created the offer."""
    world.begin(api)
    attempt = Try(1, world.time.now(), None)
    posted = 4 if api == "xcore" else 3
    death = Killed(world.time, posted, "after")
    assert isinstance(outcome_of(lambda: creating(offer(), if_exists)(world.door(steps=death), attempt)), WorkerKilled)
    return attempt.next()


def _ours_published(world: World, api: str, if_exists: str) -> Try:
    """The first try created it, a later task of the run has published it, and the first task runs again."""
    world.begin(api)
    attempt = Try(1, world.time.now(), None)
    made = creating(offer(), if_exists)(world.door(), attempt)
    world.door().patch(PERSONALIZED, made.receipt.id, [{"op": "replace", "path": "/status", "value": "approved"}])
    world.time.sleep(20)
    return attempt.next()


def _theirs(*documents: dict[str, Any]) -> Before:
    def begin(world: World, api: str, if_exists: str) -> Try:
        world.begin(api, given=documents[0])
        for document in documents[1:]:
            world.add(document)
        return Try(2, world.time.now(), None)

    return begin


def _older_run(world: World, api: str, if_exists: str) -> Try:
    """The same task, with the same credential, has created the same offer in an earlier run."""
    world.begin(api)
    creating(offer())(world.door(), Try(1, world.time.now(), None))
    world.time.sleep(3600)
    return Try(2, world.time.now(), None)


TABLE: dict[str, tuple[Before, dict[str, Any]]] = {
    "an earlier try's": (_ours, dict.fromkeys(MEANINGS, "adopted") | {"update": "unchanged"}),
    "an earlier try's, published since": (_ours_published, dict.fromkeys(MEANINGS, "adopted") | {"update": "updated"}),
    "somebody else's, the same": (
        _theirs(offer()),
        {"adopt": "adopted", "update": "unchanged", "skip": "skipped", "fail": AlreadyExistsError},
    ),
    "somebody else's, another": (
        _theirs(OTHER),
        {"adopt": "adopted", "update": "updated", "skip": "skipped", "fail": AlreadyExistsError},
    ),
    "an earlier run's": (
        _older_run,
        {"adopt": "adopted", "update": "unchanged", "skip": "skipped", "fail": AlreadyExistsError},
    ),
    "two of somebody else's": (
        _theirs(offer(), OTHER),
        {"adopt": AmbiguousNameError, "update": AmbiguousNameError, "skip": AmbiguousNameError}
        | {"fail": AlreadyExistsError},
    ),
}


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("lag", LAGS, ids=lambda lag: f"lag-{lag:g}")
@pytest.mark.parametrize("if_exists", MEANINGS)
@pytest.mark.parametrize("there", TABLE)
def test_what_is_there(world: World, api: str, lag: float, if_exists: str, there: str) -> None:
    begin, expected = TABLE[there]
    attempt = begin(world, api, if_exists)
    world.lag(lag)
    known = {each.id: each for each in world.now_there()}

    outcome = outcome_of(lambda: creating(offer(), if_exists)(world.door(), attempt))

    left = {each.id: each for each in world.ours()}
    assert left.keys() == known.keys()
    if isinstance(expected[if_exists], str):
        assert isinstance(outcome, Written), outcome
        assert outcome.action == expected[if_exists]
        (offered,) = left.values()
        assert outcome.receipt.id in offered.names
        if if_exists == "update":
            assert (offered.body["rank"], offered.body["status"]) == ({"priority": 10}, "draft")
    else:
        assert type(outcome) is expected[if_exists]
        assert all(each in str(outcome) for each in left)
    if not (isinstance(outcome, Written) and outcome.action == "updated"):
        assert left == known
    assert world.disturbed() == []
