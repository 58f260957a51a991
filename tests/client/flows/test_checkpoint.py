"""The checkpoint of a list: the next try finds the right receipts after the worker is killed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from airflow_provider_offers.client.flows.memory import TaskTries, digest
from airflow_provider_offers.client.flows.pages import Checkpoint, Pages
from airflow_provider_offers.client.wire.memory import remember
from tests.client.script import START
from tests.notebook import Counting, Notebook

FIRST = TaskTries(number=1, last=3, durable=True)


@pytest.mark.parametrize("repeatable", [True, False])
def test_the_first_receipt_is_kept_at_once_so_that_a_try_for_one_object_makes_progress(repeatable: bool) -> None:
    kept = Notebook()
    for number in (1, 2, 3):
        checkpoint = Checkpoint(replace(FIRST, number=number), "work", 5, repeatable=repeatable)
        remember(kept, checkpoint.load())
        assert sorted(checkpoint.done) == list(range(number - 1))
        # The worker is killed right after it, without a `save`.
        remember(kept, checkpoint.add(number - 1, {"id": str(number)}, START))


def test_repeatable_work_is_kept_in_bunches() -> None:
    kept = Notebook()
    checkpoint = Checkpoint(FIRST, "work", 5, repeatable=True)
    for index, seconds in enumerate((0.0, 0.4, 0.9, 1.0, 1.5)):
        remember(kept, checkpoint.add(index, {"id": str(index)}, START + timedelta(seconds=seconds)))
    after = Checkpoint(replace(FIRST, number=2), "work", 5, repeatable=True)
    remember(kept, after.load())
    assert sorted(after.done) == [0, 1, 2, 3]


def test_a_page_of_receipts_is_kept_when_it_is_full_and_once() -> None:
    kept = Counting()
    checkpoint = Checkpoint(FIRST, "work", 2_000, repeatable=True)
    # Objects end in another order than they began.
    for index in [*range(1, 200), 0, *range(200, 350)]:
        remember(kept, checkpoint.add(index, {"id": str(index)}, START))
    # The first receipt, and the full page.
    assert len(kept.kept) == 2
    after = Checkpoint(replace(FIRST, number=2), "work", 2_000, repeatable=True)
    remember(kept, after.load())
    assert sorted(after.done) == list(range(180))


def test_receipts_that_an_earlier_version_kept_are_recalled_by_all_later_tries() -> None:
    kept = Notebook()
    name = digest([0, "work"])[:12]
    before = Pages(f"offers_done_{name}")
    for index in (3, 120):
        before.put(index, {"id": str(index)})
    remember(kept, before.save())
    for number in (2, 3):
        checkpoint = Checkpoint(replace(FIRST, number=number), "work", 300, repeatable=True)
        remember(kept, checkpoint.load())
        assert {3, 120} <= set(checkpoint.done)
        remember(kept, checkpoint.add(number, {"id": str(number)}, START))
        remember(kept, checkpoint.save())
    assert sorted(checkpoint.done) == [2, 3, 120]


def test_the_receipts_of_a_long_list_take_few_keys() -> None:
    kept = Notebook()
    checkpoint = Checkpoint(FIRST, "work", 2_000, repeatable=True)
    for index in range(2_000):
        remember(kept, checkpoint.add(index, {"id": str(index)}, START))
    remember(kept, checkpoint.save())
    assert len(kept.values) == 12
    after = Checkpoint(replace(FIRST, number=2), "work", 2_000, repeatable=True)
    remember(kept, after.load())
    assert len(after.done) == 2_000
