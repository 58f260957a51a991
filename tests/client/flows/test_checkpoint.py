"""The checkpoint of a list: the next try finds the right receipts after the worker is killed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from airflow_provider_offers.client.flows.memory import Checkpoint, TaskTries
from airflow_provider_offers.client.wire.memory import remember
from tests.client.script import START
from tests.notebook import Notebook

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
