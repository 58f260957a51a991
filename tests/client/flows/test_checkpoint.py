"""The checkpoint of a list: the next try finds the right receipts after the worker is killed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_offers.client.flows.memory import TaskTries, digest
from airflow_provider_offers.client.flows.pages import Checkpoint, ChosenList, Pages
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
        assert checkpoint.done == {index: {"id": str(index + 1)} for index in range(number - 1)}
        # The worker is killed right after it, without a `save`.
        remember(kept, checkpoint.add(number - 1, {"id": str(number)}, START))


def test_repeatable_work_is_kept_in_bunches() -> None:
    kept = Notebook()
    checkpoint = Checkpoint(FIRST, "work", 5, repeatable=True)
    for index, seconds in enumerate((0.0, 0.4, 0.9, 1.0, 1.5)):
        remember(kept, checkpoint.add(index, {"id": str(index)}, START + timedelta(seconds=seconds)))
    after = Checkpoint(replace(FIRST, number=2), "work", 5, repeatable=True)
    remember(kept, after.load())
    assert after.done == {index: {"id": str(index)} for index in range(4)}


@pytest.mark.parametrize(("repeatable", "known"), [(True, [0]), (False, [0, 1])])
def test_the_time_in_which_receipts_may_be_lost_is_shorter_if_the_work_may_not_be_repeated(
    repeatable: bool, known: list[int]
) -> None:
    kept = Notebook()
    checkpoint = Checkpoint(FIRST, "work", 5, repeatable=repeatable)
    for index, seconds in enumerate((0.0, 0.2, 0.3)):
        remember(kept, checkpoint.add(index, {"id": str(index)}, START + timedelta(seconds=seconds)))
    after = Checkpoint(replace(FIRST, number=2), "work", 5, repeatable=repeatable)
    remember(kept, after.load())
    assert sorted(after.done) == known


def test_what_could_not_be_kept_is_kept_by_the_next_save() -> None:
    class Broken(Counting):
        is_broken = False

        def keep(self, key: str, value: Any) -> None:
            if self.is_broken:
                raise RuntimeError("the state cannot be written")
            super().keep(key, value)

    kept = Broken()
    checkpoint = Checkpoint(FIRST, "work", 5, repeatable=True)
    remember(kept, checkpoint.add(0, {"id": "0"}, START))
    remember(kept, checkpoint.add(1, {"id": "1"}, START))
    kept.is_broken = True
    with pytest.raises(RuntimeError):
        remember(kept, checkpoint.save())
    kept.is_broken = False
    remember(kept, checkpoint.save())
    after = Checkpoint(replace(FIRST, number=2), "work", 5, repeatable=True)
    remember(kept, after.load())
    assert sorted(after.done) == [0, 1]
    # What is kept is not kept again.
    before = len(kept.kept)
    remember(kept, checkpoint.save())
    assert len(kept.kept) == before


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
    assert checkpoint.done == {index: {"id": str(index)} for index in (2, 3, 120)}


def test_the_receipts_of_a_long_list_take_few_keys() -> None:
    kept = Notebook()
    checkpoint = Checkpoint(FIRST, "work", 2_000, repeatable=True)
    for index in range(2_000):
        remember(kept, checkpoint.add(index, {"id": str(index)}, START))
    remember(kept, checkpoint.save())
    assert len(kept.values) == 12
    after = Checkpoint(replace(FIRST, number=2), "work", 2_000, repeatable=True)
    remember(kept, after.load())
    assert after.done == {index: {"id": str(index)} for index in range(2_000)}


@pytest.mark.parametrize(
    ("tries", "work"),
    [
        pytest.param(replace(FIRST, number=2), "other work", id="of other work"),
        pytest.param(replace(FIRST, number=2, clear_generation=1), "work", id="from before the clearing"),
        pytest.param(FIRST, "work", id="and this is the first try"),
    ],
)
def test_receipts_that_do_not_belong_to_the_work_are_not_recalled(tries: TaskTries, work: str) -> None:
    kept = Notebook()
    checkpoint = Checkpoint(FIRST, "work", 5, repeatable=True)
    remember(kept, checkpoint.add(0, {"id": "0"}, START))
    later = Checkpoint(tries, work, 5, repeatable=True)
    remember(kept, later.load())
    assert later.done == {}


def test_the_next_try_works_on_the_list_that_the_first_one_chose() -> None:
    kept = Notebook()
    # Three pages, and an order of its own.
    chosen = [f"offer {number}" for number in reversed(range(250))]
    first = ChosenList(FIRST, "plan")
    assert remember(kept, first.recall()) is None
    remember(kept, first.keep({"cutoff": "2026-01-01"}, chosen))

    again = ChosenList(replace(FIRST, number=2), "plan")
    told = remember(kept, again.recall())
    assert told is not None
    assert (told[0]["cutoff"], told[1]) == ("2026-01-01", chosen)
    # A cleared task, and another plan, choose again.
    assert remember(kept, ChosenList(replace(FIRST, number=2, clear_generation=1), "plan").recall()) is None
    assert remember(kept, ChosenList(replace(FIRST, number=2), "another plan").recall()) is None
    assert remember(kept, ChosenList(FIRST, "plan").recall()) is None


@pytest.mark.parametrize("keys", range(4))
def test_half_of_a_chosen_list_is_not_recalled(keys: int) -> None:
    """The worker is killed after some of the pages."""
    kept = Notebook()
    remember(kept, ChosenList(FIRST, "plan").keep({}, [str(number) for number in range(250)]))
    assert len(kept.values) == 4
    half = Notebook(dict(list(kept.values.items())[:keys]))
    assert remember(half, ChosenList(replace(FIRST, number=2), "plan").recall()) is None
