"""The notes that the tries of a task keep for each other: POSTs, deletions, and lists that the task chose."""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_offers.client.flows.creation_notes import CreationNotes
from airflow_provider_offers.client.flows.memory import Deletion, Earlier, keep_deletion, recall_deletion
from airflow_provider_offers.client.flows.ownership import Creation
from airflow_provider_offers.client.flows.pages import ChosenList
from airflow_provider_offers.client.model.entities import Receipt, Reference
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.wire.memory import remember
from airflow_provider_offers.operators.memory import LARGEST, TaskMemory, tries_of

STARTED = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Store(dict[str, Any]):
    """A task's state."""

    set = dict.__setitem__
    delete = dict.__delitem__


def context(store: Store | None, number: int = 1, allowed: int = 1) -> Any:
    """The context of try `number`; `allowed` is the task's `max_tries`, which every clearing raises."""
    ti = SimpleNamespace(try_number=number, max_tries=allowed, task=SimpleNamespace(retries=1))
    run = SimpleNamespace(clear_number=0, start_date=STARTED, run_after=STARTED)
    return {"ti": ti, "dag_run": run, **({} if store is None else {"task_state_store": store})}


def creation(name: str = "Once", **changes: Any) -> Creation:
    return Creation(PERSONALIZED, {"name": name, "rank": {"priority": 1}, **changes}, patience=10.0)


class Record:
    """The notes of one try of a creating task, on the task's state."""

    def __init__(self, given: Any, creations: Sequence[Creation], target: str = "prod") -> None:
        self._memory = TaskMemory(given)
        wishes = [creation.wish([target]) for creation in creations]
        self.notes = CreationNotes(tries_of(given), wishes, began=datetime.now(UTC), answer=timedelta(seconds=10))
        remember(self._memory, self.notes.load())

    def earlier(self, index: int) -> Earlier | None:
        return self.notes.earlier(index)

    def waits(self, index: int) -> float:
        return self.notes.waits(index)

    def recall(self, index: int) -> Earlier | None:
        return remember(self._memory, self.notes.of(index).recall())

    def before_post(self, index: int) -> None:
        remember(self._memory, self.notes.of(index).before_post(datetime.now(UTC)))

    def after_post(self, index: int, receipt: Receipt | None) -> None:
        remember(self._memory, self.notes.of(index).after_post(receipt, datetime.now(UTC)))

    def add(self, index: int, receipt: dict[str, Any]) -> None:
        remember(self._memory, self.notes.add(index, receipt, datetime.now(UTC)))

    def save(self) -> None:
        remember(self._memory, self.notes.save())


def record(
    store: Store | None, number: int = 1, allowed: int = 1, *creations: Creation, target: str = "prod", retries: int = 1
) -> Record:
    given = context(store, number, allowed)
    given["ti"].task.retries = retries
    return Record(given, creations or (creation(),), target)


def made(action: str = "created", identifier: str = "offer 1") -> dict[str, Any]:
    return {"action": action, "id": identifier}


def receipt(identifier: str = "offer 1") -> Receipt:
    return Receipt(identifier, identifier, 1)


def test_a_try_that_posts_after_its_retry_has_begun_is_recalled() -> None:
    store = Store()
    frozen, retry = record(store), record(store, 2)
    assert retry.earlier(0) is None
    retry.before_post(0)
    # A try does not read its own note.
    assert retry.recall(0) is None
    frozen.before_post(0)
    recalled = retry.recall(0)
    assert recalled is not None
    assert recalled.since >= STARTED


def test_the_earliest_post_counts_and_the_last_is_waited_for() -> None:
    store = Store()
    first = record(store, retries=2)
    first.before_post(0)
    began = datetime.now(UTC)
    second = record(store, 2, retries=2)
    known = second.earlier(0)
    assert known is not None
    second.before_post(0)
    third = record(store, 3, 2, retries=2).earlier(0)
    assert third is not None
    assert (third.since, third.id, third.changed) == (known.since, None, False)
    assert third.since < began
    # A commit may be this late, and a listing may lag by the same time after it.
    waits = [(each.settled - began).total_seconds() for each in (known, third) if each.settled is not None]
    assert waits == [pytest.approx(20, abs=1)] * 2


def test_the_wait_counts_from_the_try_that_posted_however_many_short_tries_come_after_it() -> None:
    """Otherwise each try would wait again, and a task with tries that are shorter than the wait would never end."""
    store = Store()
    record(store, 1, 9, retries=9).before_post(0)
    waits = []
    for number in range(2, 6):
        time.sleep(0.05)
        waits.append(record(store, number, 9, retries=9).waits(0))
    assert waits == [waits[0]] * 4
    assert waits[0] > datetime.now(UTC).timestamp()
    # The wait for a later try's POST begins at the end of that try.
    record(store, 6, 9, retries=9).before_post(0)
    assert record(store, 7, 9, retries=9).waits(0) > waits[0] + 0.1


def test_a_note_of_before_a_clearing_tells_whether_the_wish_has_changed() -> None:
    store = Store()
    first = record(store)
    first.before_post(0)
    first.after_post(0, receipt())
    first.add(0, made())
    first.save()
    for wanted, changed in ((creation(), False), (creation(rank={"priority": 2}), True)):
        earlier = record(store, 2, 2, wanted).earlier(0)
        assert earlier is not None
        assert (earlier.id, earlier.alone, earlier.changed) == ("offer 1", True, changed)
        assert earlier.settled == earlier.since
    assert record(store, 2, 2, creation("Another")).earlier(0) is None
    assert record(store, 2, 2, target="dev").earlier(0) is None
    # At any position in the list.
    moved = record(store, 2, 2, creation("Another"), creation()).earlier(1)
    assert moved is not None
    assert moved.id == "offer 1"


def test_what_was_left_alone_is_named(caplog: pytest.LogCaptureFixture) -> None:
    store = Store()
    first = record(store)
    first.before_post(0)
    first.add(0, made())
    first.save()
    record(store, 2, 2, creation("Another"))
    assert "its objects stay as they are: offer 1" in caplog.text


def test_what_a_retry_has_applied_is_the_wish_from_then_on() -> None:
    store = Store()
    first = record(store)
    first.before_post(0)
    first.add(0, made())
    first.save()
    mended = creation(rank={"priority": 2})
    second = record(store, 2, 2, mended)
    second.add(0, made("updated"))
    second.save()
    third = record(store, 3, 3, mended).earlier(0)
    assert third is not None
    assert third.changed is False
    # An object of somebody else is not the task's work.
    other = Store()
    adopting = record(other)
    adopting.add(0, made("adopted"))
    adopting.save()
    assert record(other, 2, 2).earlier(0) is None


def test_a_refused_post_leaves_nothing_to_wait_for() -> None:
    store = Store()
    many = [creation(f"Offer {number}") for number in range(30)]
    first = record(store, 1, 1, *many)
    first.before_post(0)
    first.after_post(0, None)
    first.before_post(1)
    first.save()
    later = record(store, 2, 1, *many)
    # One was posted, with an unknown outcome; the others were only announced.
    assert [index for index in range(30) if later.earlier(index) is not None] == [1]
    assert later.waits(0) == 0.0
    assert later.waits(1) > datetime.now(UTC).timestamp()


def test_a_killed_try_leaves_its_notes_and_few_writes() -> None:
    store = Store()
    many = [creation(f"Offer {number}") for number in range(300)]
    writes: list[str] = []

    def count(key: str, value: Any) -> None:
        writes.append(key)
        dict.__setitem__(store, key, value)

    store.set = count  # type: ignore[method-assign]
    first = record(store, 1, 1, *many)
    for index in range(40):
        first.before_post(index)
    assert len(writes) <= 5
    later = record(store, 2, 1, *many)
    noted = [index for index in range(300) if later.earlier(index) is not None]
    assert noted == list(range(48))


def test_without_a_state_a_retry_waits_for_what_is_left_and_knows_of_clearings() -> None:
    assert record(None).recall(0) is None
    retry = record(None, 2).earlier(0)
    assert retry is not None
    assert (retry.since, retry.changed) == (STARTED, False)
    cleared = record(None, 2, 2).earlier(0)
    assert cleared is not None
    assert cleared.changed is True
    given = context(None, 2)
    given["ti"].task.retry_delay = timedelta(minutes=5)
    late = Record(given, [creation()])
    # Airflow has waited longer than any object takes to show.
    assert 0 < late.waits(0) < datetime.now(UTC).timestamp()


def test_values_of_any_size_are_kept_in_pieces_that_the_state_bears() -> None:
    store, chance = Store(), random.Random(5)
    state = TaskMemory(context(store))
    value = {"name": ['"' * 1_000 + "ü" * 1_000, *(chance.randbytes(500).hex() for _ in range(300))]}
    for _ in range(2):
        value["name"].append("more")
        state.keep("wide", value)
    assert TaskMemory(context(store)).recall("wide") == value
    assert max(len(json.dumps(each)) for each in store.values()) <= 64 * 1024
    # The notes of the previous value are gone.
    assert len(store) == 1 + store["wide"]["pieces"] > 3
    first = next(key for key in store if key.endswith("_0"))
    del store[first]
    assert state.recall("wide") is None


def test_the_documents_of_a_long_list_take_few_calls_of_the_state() -> None:
    store, documents = Store(), [{"name": f"Voucher {number}", "rank": {"priority": number}} for number in range(2_000)]
    TaskMemory(context(store)).keep("list", documents)
    assert TaskMemory(context(store)).recall("list") == documents
    assert len(store) == 1


@pytest.mark.parametrize("value", [{"pieces": 1}, {"offers:packed": "x"}, {"pieces": 1, "digest": "x", "packed": True}])
def test_a_value_in_the_form_of_a_large_one_is_recalled_as_it_is(value: Any) -> None:
    store = Store()
    TaskMemory(context(store)).keep("small", value)
    assert TaskMemory(context(store)).recall("small") == value


@pytest.mark.parametrize("length", [LARGEST - 2, LARGEST - 1])
def test_a_value_is_compressed_only_if_it_is_too_large_for_a_call(length: int) -> None:
    store = Store()
    TaskMemory(context(store)).keep("text", "x" * length)
    assert (store["text"] == "x" * length) == (length + 2 <= LARGEST)
    assert TaskMemory(context(store)).recall("text") == "x" * length


def test_a_value_that_shrinks_leaves_no_pieces() -> None:
    store, chance = Store(), random.Random(5)
    state = TaskMemory(context(store))
    state.keep("list", [chance.randbytes(500).hex() for _ in range(300)])
    assert len(store) > 2
    state.keep("list", ["Voucher"] * 10_000)
    assert TaskMemory(context(store)).recall("list") == ["Voucher"] * 10_000
    assert list(store) == ["list"]


def test_pieces_that_an_earlier_version_kept_are_recalled_also_while_the_value_is_kept_again() -> None:
    store, chance = Store(), random.Random(5)
    value = [chance.randbytes(500).hex() for _ in range(300)]
    text = json.dumps(value)
    name = hashlib.sha256(text.encode()).hexdigest()[:12]
    store["list"] = {"pieces": 2, "digest": name}
    store[f"list_{name}_0"], store[f"list_{name}_1"] = text[:150_000], text[150_000:]
    seen: list[Store] = []

    def watch(key: str, kept: Any) -> None:
        seen.append(Store(store))
        store[key] = kept

    store.set = watch  # type: ignore[method-assign]
    TaskMemory(context(store)).keep("list", value)
    assert [TaskMemory(context(each)).recall("list") for each in seen] == [value] * len(seen)
    assert len(seen) > 2
    assert TaskMemory(context(store)).recall("list") == value
    assert store["list"]["packed"]


TYPED = Reference(PERSONALIZED, id="xcore:personalized-offer:1c265317da412003")
MEANT = Reference(PERSONALIZED, id=TYPED.id, instance_id="0f32d8a0-1619-11f1-9d55-1b1f0c9a7e21")


@pytest.mark.parametrize("allowed", [1, 3], ids=["a retry", "after a clearing"])
def test_what_a_try_was_about_to_delete_is_recalled_with_its_ids(allowed: int) -> None:
    store = Store()
    first = context(store)
    assert (tries_of(first).durable, tries_of(first).is_retry) == (True, False)
    remember(TaskMemory(first), keep_deletion(TYPED, MEANT, tries_of(first)))
    later = context(store, 2, allowed)
    tries = tries_of(later)
    assert tries.is_retry
    assert remember(TaskMemory(later), recall_deletion(TYPED, tries)) == Deletion(MEANT, allowed == 1)
    assert remember(TaskMemory(later), recall_deletion(Reference(PERSONALIZED, name="another"), tries)) is None
    nowhere = context(None, 2)
    remember(TaskMemory(nowhere), keep_deletion(TYPED, MEANT, tries))
    assert not tries_of(nowhere).durable
    assert remember(TaskMemory(nowhere), recall_deletion(TYPED, tries)) is None


def chosen_list(given: Any, plan: str = "plan") -> tuple[dict[str, Any], list[Any]] | None:
    return remember(TaskMemory(given), ChosenList(tries_of(given), plan).recall())


def test_a_list_is_chosen_once_until_the_task_is_cleared() -> None:
    store = Store()
    first = context(store)
    assert chosen_list(first) is None
    many = [{"id": f"offer {number}"} for number in range(250)]
    remember(TaskMemory(first), ChosenList(tries_of(first), "plan").keep({"expired": 300}, many))
    told, chosen = chosen_list(context(store, 2)) or ({}, [])
    assert (told["expired"], chosen) == (300, many)
    assert max(len(value) for value in store.values()) <= 100
    assert chosen_list(context(store, 2, allowed=2)) is None
    assert chosen_list(context(store, 2), "another plan") is None
    nowhere = context(None, 2)
    remember(TaskMemory(nowhere), ChosenList(tries_of(nowhere), "plan").keep({}, many))
    assert chosen_list(nowhere) is None


def test_what_a_try_of_a_list_found_is_known_until_the_task_is_cleared() -> None:
    store, many = Store(), [creation(f"Offer {number}") for number in range(3)]
    first = record(store, 1, 1, *many)
    first.add(1, made("adopted", "theirs"))
    first.add(2, made("created", "ours"))
    first.save()
    retry = record(store, 2, 1, *many)
    assert [retry.notes.found(index) for index in range(3)] == [None, "theirs", None]
    # The next note in advance is not about an existing object.
    retry.before_post(0)
    assert [record(store, 3, 1, *many).earlier(index) is None for index in range(3)] == [False, True, False]
    assert record(store, 2, 2, *many).notes.found(1) is None
    assert record(store, 2, 1, *reversed(many)).notes.found(1) is None
