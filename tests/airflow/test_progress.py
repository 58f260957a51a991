"""What the tries of one task leave for each other in its state: posts, deletions, and lists that it chose itself."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_offers.client.entities import Reference
from airflow_provider_offers.client.kinds import PERSONALIZED
from airflow_provider_offers.operators.progress import ChosenList, CreationRecord, DeletionNotes

STARTED = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Store(dict[str, Any]):
    """A task's state."""

    set = dict.__setitem__
    delete = dict.__delitem__


def context(store: Store | None, number: int = 1, allowed: int = 1) -> Any:
    """What try `number` is given; `allowed` is the task's `max_tries`, which every clearing raises."""
    ti = SimpleNamespace(try_number=number, max_tries=allowed, task=SimpleNamespace(retries=1))
    run = SimpleNamespace(clear_number=0, start_date=STARTED, run_after=STARTED)
    return {"ti": ti, "dag_run": run, **({} if store is None else {"task_state_store": store})}


def record(store: Store | None, number: int = 1, allowed: int = 1, plan: Any = "plan") -> CreationRecord:
    log: Any = logging.getLogger("tests.progress")
    return CreationRecord(context(store, number, allowed), log, plan, 1, 10.0)


def test_a_try_that_posts_after_its_retry_has_begun_is_recalled() -> None:
    store = Store()
    frozen, retry = record(store), record(store, 2)
    assert retry.earlier(0) is None
    retry.before_post()
    # Its own note is none of another's.
    assert retry.recall(0) is None
    frozen.before_post()
    recalled = retry.recall(0)
    assert recalled is not None
    assert recalled.since >= STARTED


def test_the_earliest_post_counts_also_after_a_clearing() -> None:
    store = Store()
    first, second = record(store), record(store, 2)
    first.before_post()
    second.before_post()
    (noted, later) = sorted(value for key, value in store.items() if key.startswith("offers_since"))
    assert noted < later
    for number, allowed in ((3, 2), (4, 5)):
        earlier = record(store, number, allowed).earlier(0)
        assert earlier is not None
        assert earlier.since == datetime.fromisoformat(noted)
    assert record(store, 3, 2, plan="another").earlier(0) is not None
    assert record(None, 2).earlier(0) is not None
    assert record(None).recall(0) is None


TYPED = Reference(PERSONALIZED, id="xcore:personalized-offer:1c265317da412003")
MEANT = Reference(PERSONALIZED, id=TYPED.id, instance_id="0f32d8a0-1619-11f1-9d55-1b1f0c9a7e21")


@pytest.mark.parametrize("allowed", [1, 3], ids=["a retry", "after a clearing"])
def test_what_a_try_was_about_to_delete_is_recalled_with_its_ids(allowed: int) -> None:
    store = Store()
    first = DeletionNotes(context(store))
    assert (first.durable, first.is_retry) == (True, False)
    first.keep(TYPED, MEANT)
    later = DeletionNotes(context(store, 2, allowed))
    assert later.is_retry
    assert later.recall(TYPED) == MEANT
    assert later.recall(Reference(PERSONALIZED, name="another")) is None
    nowhere = DeletionNotes(context(None, 2))
    nowhere.keep(TYPED, MEANT)
    assert (nowhere.durable, nowhere.recall(TYPED)) == (False, None)


def test_a_list_is_chosen_once_until_the_task_is_cleared() -> None:
    store = Store()
    first = ChosenList(context(store), "plan")
    assert first.recall() is None
    many = [{"id": f"offer {number}"} for number in range(250)]
    first.keep({"expired": 300}, many)
    told, chosen = ChosenList(context(store, 2), "plan").recall() or ({}, [])
    assert (told["expired"], chosen) == (300, many)
    assert max(len(value) for value in store.values()) <= 100
    assert ChosenList(context(store, 2, allowed=2), "plan").recall() is None
    assert ChosenList(context(store, 2), "another plan").recall() is None
    nowhere = ChosenList(context(None, 2), "plan")
    nowhere.keep({}, many)
    assert nowhere.recall() is None
