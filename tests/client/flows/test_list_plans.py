"""The plans about the objects of a list: few keys for many objects, and no plan hides or loses another."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from airflow_provider_offers.client.flows.memory import Intent, Intents, Plan, TaskTries, keep, recall
from airflow_provider_offers.client.model.entities import Reference
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.wire.memory import remember
from airflow_provider_offers.client.wire.messages import Keep, Recall
from tests.notebook import Counting, Notebook

FIRST = TaskTries(number=1, last=3, durable=True)
MANY = 450
SENT = datetime(2026, 5, 1, 12, tzinfo=UTC)


def intents(number: int, work: str = "work", cleared: int = 0, *, of_list: bool = True) -> Intents:
    tries = replace(FIRST, number=number, clear_generation=cleared)
    made = Intents(tries, work)
    return made.of_list() if of_list else made


def each(of: Intents, number: int) -> Intent:
    return of.of(Reference(PERSONALIZED, id=f"offer {number}"))


def plans(store: Notebook, of: Intents, number: int, now: float = 0.0, read_at: float | None = None) -> list[Plan]:
    return remember(store, recall(each(of, number), now, read_at))


def test_the_next_try_recalls_every_plan_of_a_long_list_by_few_keys() -> None:
    store = Counting()
    first = intents(1)
    for number in range(MANY):
        remember(store, keep(each(first, number), Plan(number, f"after {number}", SENT)))
    # The key of each page says whose it is, not which objects it is about.
    assert len(set(store.kept)) == 3

    second = intents(2)
    for number in range(MANY):
        assert plans(store, second, number, read_at=0.0) == [Plan(number, f"after {number}", SENT)]
    assert len(store.recalled) <= 5


def test_a_later_plan_of_an_object_counts_even_if_it_is_in_a_later_page() -> None:
    store = Notebook()
    first = intents(1)
    for number in range(250):
        remember(store, keep(each(first, number), Plan(1, "")))
    remember(store, keep(each(first, 3), Plan(2, "", refused=True)))
    remember(store, keep(each(first, 249), Plan(5, "")))

    second = intents(2)
    assert plans(store, second, 3) == [Plan(2, "", refused=True)]
    assert plans(store, second, 249) == [Plan(5, "")]
    assert plans(store, second, 4) == [Plan(1, "")]


def test_two_tries_at_once_keep_their_plans_beside_each_other() -> None:
    store = Notebook()
    one, two = intents(1), intents(2)
    for number in range(MANY):
        of, other = (one, two) if number % 2 else (two, one)
        assert plans(store, of, number, float(number)) == []
        remember(store, keep(each(of, number), Plan(number, "")))
        assert plans(store, other, number, float(number)) == [Plan(number, "")]
    assert len(store.values) == 4


@pytest.mark.parametrize(
    ("read_at", "now", "is_seen"),
    [
        pytest.param(None, 100.2, True, id="an object that was read just now"),
        pytest.param(100.1, 100.2, True, id="a block that was read after the plans"),
        pytest.param(99.0, 100.2, False, id="a block that was read before the plans"),
        pytest.param(99.0, 101.1, True, id="plans of more than a second ago"),
    ],
)
def test_plans_are_recalled_after_the_read_and_not_more_than_once_a_second(
    read_at: float | None, now: float, is_seen: bool
) -> None:
    store = Notebook()
    frozen, retry = intents(1), intents(2)
    assert plans(store, retry, 1, 100.0, 99.0) == []
    remember(store, keep(each(frozen, 1), Plan(1, "")))
    assert plans(store, retry, 1, now, read_at) == ([Plan(1, "")] if is_seen else [])


def test_plans_of_other_work_and_of_before_a_clearing_are_not_recalled() -> None:
    store = Notebook()
    remember(store, keep(each(intents(1), 1), Plan(1, "")))
    assert plans(store, intents(2, "other work"), 1) == []
    assert plans(store, intents(2, cleared=1), 1) == []
    assert plans(store, intents(2), 1) == [Plan(1, "")]


def test_plans_that_an_earlier_version_kept_by_object_are_recalled() -> None:
    store = Notebook()
    remember(store, keep(each(intents(1, of_list=False), 1), Plan(4, "after")))
    second = intents(2)
    assert plans(store, second, 1) == [Plan(4, "after")]
    assert plans(store, second, 2) == []
    # And by the try after the one that knew both.
    remember(store, keep(each(second, 1), Plan(5, "")))
    assert sorted(each.etag for each in plans(store, intents(3), 1)) == [4, 5]


def test_a_try_that_planned_nothing_says_so_and_its_next_try_asks_for_no_object_alone() -> None:
    store = Counting()
    remember(store, intents(1).close())
    second = intents(2)
    for number in range(MANY):
        assert plans(store, second, number, read_at=0.0) == []
    assert len(store.recalled) == 2
    # No later try asks.
    remember(store, intents(3).close())
    assert len(store.kept) == 1


def test_a_plan_is_kept_before_the_flow_goes_on() -> None:
    """The flow yields the page with the plan, and only then what it plans."""
    flow = keep(each(intents(1), 1), Plan(1, "after"))
    effect = next(flow)
    assert isinstance(effect, Keep)
    assert list(effect.made().values()) == [[1, "after", None, False]]
    with pytest.raises(StopIteration):
        flow.send(None)
    assert not [*keep(None, Plan(1, ""))]
    assert isinstance(next(recall(each(intents(2), 1), 0.0, None)), Recall)
