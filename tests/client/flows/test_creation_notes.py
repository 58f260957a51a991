"""The notes of a creating task: what a try tells the next ones about its POSTs, also if it is killed after one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from airflow_provider_offers.client.flows.creation_notes import CreationNotes, Wish
from airflow_provider_offers.client.flows.memory import CreationNote, Earlier, TaskTries
from airflow_provider_offers.client.flows.pages import Pages
from airflow_provider_offers.client.model.entities import Receipt
from airflow_provider_offers.client.wire.memory import remember
from tests.client.script import START, Script
from tests.notebook import Counting, Notebook

ANSWER, DOUBT = timedelta(seconds=10), timedelta(seconds=20)
MADE = Receipt("offer 7", "instance 7", etag=1)
CREATED = {"id": "offer 7", "action": "created"}


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def wishes(count: int = 1, document: str = "document") -> list[Wish]:
    return [Wish(f"key {index}", f"{document} {index}", DOUBT) for index in range(count)]


def notes(number: int, wanted: Sequence[Wish] | None = None, *, began: float = 0.0, last: int = 3) -> CreationNotes:
    tries = TaskTries(number=number, last=last, durable=True)
    return CreationNotes(tries, wishes() if wanted is None else wanted, began=at(began), answer=ANSWER)


def next_try(store: Notebook, wanted: Sequence[Wish] | None = None, *, number: int = 2, began: float) -> CreationNotes:
    made = notes(number, wanted, began=began)
    remember(store, made.load())
    return made


@pytest.mark.parametrize(
    ("began", "ended"),
    [
        pytest.param(0, 0, id="the next try began at once"),
        pytest.param(25, 25, id="Airflow starts a retry when the earlier try has ended"),
        pytest.param(300, 40, id="the note is valid for 30 s, and an answer takes at most 10 s"),
    ],
)
def test_a_try_that_is_killed_after_its_post_leaves_when_the_object_may_show_up(began: float, ended: float) -> None:
    store = Notebook()
    remember(store, notes(1).before_post(0, at(0)))
    earlier = next_try(store, began=began).earlier(0)
    assert earlier == Earlier(at(0), at(ended) + DOUBT, changed=False)


def test_a_try_that_began_before_the_note_says_nothing_about_its_end() -> None:
    """Two tries ran at once: the later one began first to run, and the earlier one posted after that."""
    store = Notebook()
    remember(store, notes(2, began=-100).announce(0, at(-100)))
    remember(store, notes(1).before_post(0, at(0)))
    third = next_try(store, number=3, began=500)
    assert third.earlier(0) == Earlier(at(-100), at(40) + DOUBT, changed=False)


def test_a_receipt_is_known_to_the_next_try_before_the_work_is_finished() -> None:
    """Between the answer to the POST and the look for others of the name, the object may not be alone."""
    store = Notebook()
    first = notes(1)
    remember(store, first.before_post(0, at(0)))
    remember(store, first.after_post(0, MADE, at(1)))
    assert next_try(store, began=300).earlier(0) == Earlier(
        at(0), at(40) + DOUBT, "offer 7", alone=False, changed=False
    )

    remember(store, first.add(0, CREATED, at(2)))
    remember(store, first.save())
    second = next_try(store, began=300)
    assert second.earlier(0) == Earlier(at(0), at(0), "offer 7", alone=True, changed=False)
    assert second.waits(0) == START.timestamp()


def test_what_is_seen_of_a_whole_list_is_kept_in_one_value() -> None:
    store = Counting()
    first = notes(1, wishes(400))
    for index in range(400):
        remember(store, first.before_post(index, at(0)))
        remember(store, first.after_post(index, Receipt(f"offer {index}", f"instance {index}", etag=1), at(0)))
    remember(store, first.keep(at(1)))
    before = len(store.kept)
    for index in [*range(100), *range(150, 400)]:
        remember(store, first.add(index, {"id": f"offer {index}", "action": "created"}, at(2)))
    remember(store, first.save())

    assert store.kept[before:] == ["offers_tried_1"] * 2
    second = next_try(store, wishes(400), began=300)
    alone = [earlier.alone for index in range(400) if (earlier := second.earlier(index)) is not None]
    assert alone == [True] * 100 + [False] * 50 + [True] * 250


@pytest.mark.parametrize("count", [1, 3, 16])
def test_a_short_list_takes_no_more_calls_for_what_is_seen_of_it(count: int) -> None:
    store = Counting()
    first = notes(1, wishes(count))
    for index in range(count):
        remember(store, first.before_post(index, at(0)))
        remember(store, first.after_post(index, Receipt(f"offer {index}", f"instance {index}", etag=1), at(0)))
    remember(store, first.keep(at(0)))
    for index in range(count):
        remember(store, first.add(index, {"id": f"offer {index}", "action": "created"}, at(0)))
    remember(store, first.save())

    assert store.kept == ["offers_tried_1", "offers_tried_1_0", "offers_tried_1_0"]
    second = next_try(store, wishes(count), began=300)
    assert [getattr(second.earlier(index), "alone", None) for index in range(count)] == [True] * count


def test_an_object_that_took_the_place_of_the_created_one_is_the_one_that_is_known() -> None:
    store = Notebook()
    first = notes(1)
    remember(store, first.before_post(0, at(0)))
    remember(store, first.after_post(0, MADE, at(1)))
    remember(store, first.add(0, {"id": "offer 3", "action": "created"}, at(2)))
    remember(store, first.save())
    assert next_try(store, began=300).earlier(0) == Earlier(at(0), at(0), "offer 3", alone=True, changed=False)


def test_an_object_without_a_kept_id_is_not_alone_although_the_try_saw_it() -> None:
    """The try ended after it kept what it had seen, and before it kept the page with the id."""
    store = Notebook()
    first = notes(1, wishes(2))
    remember(store, first.before_post(0, at(0)))
    page = store.recall("offers_tried_1_0")
    remember(store, first.after_post(0, MADE, at(1)))
    remember(store, first.add(0, CREATED, at(3)))
    store.keep("offers_tried_1_0", page)
    assert next_try(store, wishes(2), began=300).earlier(0) == Earlier(at(0), at(40) + DOUBT, changed=False)


def test_a_post_that_certainly_made_nothing_leaves_no_note() -> None:
    store = Notebook()
    first = notes(1, wishes(2))
    for index in (0, 1):
        remember(store, first.before_post(index, at(0)))
    remember(store, first.after_post(1, None, at(1)))
    remember(store, first.save())
    second = next_try(store, wishes(2), began=60)
    assert second.earlier(1) is None
    assert second.waits(1) == 0.0
    assert second.earlier(0) is not None
    # The same object may be posted again by the same try, which then needs a note again.
    remember(store, first.before_post(1, at(2)))
    assert next_try(store, wishes(2), began=60).earlier(1) == Earlier(at(2), at(42) + DOUBT, changed=False)


def test_an_object_of_the_block_before_needs_no_other_note() -> None:
    store = Counting()
    first = notes(1, wishes(40))
    for index, seconds in ((0, 0.0), (20, 1.0)):
        remember(store, first.before_post(index, at(seconds)))
    before = len(store.kept)
    for index in (3, 21):
        remember(store, first.before_post(index, at(2)))
    assert len(store.kept) == before


def test_the_notes_of_a_long_list_are_all_recalled() -> None:
    store = Notebook()
    first = notes(1, wishes(400))
    for index in range(400):
        remember(store, first.before_post(index, at(0)))
    second = next_try(store, wishes(400), began=60)
    assert all(second.earlier(index) == Earlier(at(0), at(40) + DOUBT, changed=False) for index in range(400))


def test_a_try_without_notes_does_not_hide_those_of_a_later_one() -> None:
    store = Notebook()
    remember(store, notes(2).before_post(0, at(0)))
    assert next_try(store, number=3, began=60).earlier(0) == Earlier(at(0), at(40) + DOUBT, changed=False)


@pytest.mark.parametrize("ends", [False, True])
def test_one_save_announces_the_next_objects_and_the_end_takes_back_what_was_not_posted(ends: bool) -> None:
    store = Counting()
    wanted = wishes(40)
    first = notes(1, wanted)
    for index in range(16):
        remember(store, first.announce(index, at(index)))
    # The start of the try, and one page.
    assert len(store.kept) == 2
    remember(store, first.before_post(3, at(16)))
    remember(store, first.before_post(5, at(29.9)))
    assert len(store.kept) == 2
    # A note is valid for thirty seconds; `since` stays the earliest moment.
    remember(store, first.before_post(4, at(30)))
    assert len(store.kept) == 3
    if ends:
        remember(store, first.save())
    second = next_try(store, wanted, began=1_000)
    known = {index: second.earlier(index) for index in range(40)}
    posted = {3: 30.0, 4: 60.0, 5: 30.0}
    for index, until in posted.items():
        assert known[index] == Earlier(at(0), at(until) + ANSWER + DOUBT, changed=False), index
    # The save for one object announces fifteen others, which have no note yet.
    announced = set(posted) if ends else set(range(31))
    assert {index for index, earlier in known.items() if earlier is not None} == announced


def test_the_notes_of_several_tries_about_an_object_are_taken_together() -> None:
    store = Notebook()
    remember(store, notes(1).before_post(0, at(0)))
    second = notes(2, wishes(document="another document"), began=100)
    remember(store, second.load())
    remember(store, second.before_post(0, at(101)))
    remember(store, second.after_post(0, MADE, at(102)))
    third = next_try(store, number=3, began=103)
    # The object is the second try's, and so is its document.
    assert third.earlier(0) == Earlier(at(0), at(103) + DOUBT, "offer 7", alone=False, changed=True)
    same = next_try(store, wishes(document="another document"), number=3, began=103)
    assert same.earlier(0) == Earlier(at(0), at(103) + DOUBT, "offer 7", alone=False, changed=False)


def test_an_unknown_object_may_have_any_document_that_was_posted() -> None:
    store = Notebook()
    for number, document in ((1, "document"), (2, "another document")):
        remember(store, notes(number, wishes(document=document)).before_post(0, at(number)))
    for document in ("document", "another document"):
        earlier = next_try(store, wishes(document=document), number=3, began=60).earlier(0)
        assert earlier == Earlier(at(1), at(42) + DOUBT, changed=True)


def test_of_several_receipts_the_latest_try_has_the_one_that_counts() -> None:
    store = Notebook()
    for number in (1, 2):
        own = notes(number, began=number)
        remember(store, own.before_post(0, at(number)))
        remember(store, own.add(0, {"id": f"offer {number}", "action": "created"}, at(number)))
        remember(store, own.save())
    earlier = next_try(store, number=3, began=60).earlier(0)
    assert earlier is not None
    assert earlier.id == "offer 2"


def test_a_try_that_seemed_dead_and_goes_on_is_seen_by_the_next_look() -> None:
    store = Counting()
    second = next_try(store, wishes(2), began=60)
    assert second.earlier(0) is None
    first = notes(1, wishes(2))
    remember(store, first.before_post(0, at(61)))
    assert remember(store, second.recall(0)) == Earlier(at(61), at(101) + DOUBT, changed=False)
    # What is known needs no other look.
    before = len(store.recalled)
    assert remember(store, second.recall(0)) is not None
    assert len(store.recalled) == before


def test_an_object_that_was_not_created_by_the_task_gets_no_note() -> None:
    store = Notebook()
    first = notes(1)
    for action in ("adopted", "updated", "skipped"):
        remember(store, first.add(0, {"id": "offer 7", "action": action}, at(0)))
        assert first.done == {0: {"id": "offer 7", "action": action}}
    remember(store, first.save())
    assert next_try(store, began=60).earlier(0) is None


def test_a_retry_that_takes_over_the_object_of_an_earlier_try_says_so_again() -> None:
    store = Notebook()
    first = notes(1)
    remember(store, first.before_post(0, at(0)))
    remember(store, first.after_post(0, MADE, at(1)))
    second = next_try(store, began=60)
    remember(store, second.add(0, {"id": "offer 7", "action": "adopted"}, at(61)))
    remember(store, second.save())
    third = next_try(store, number=3, began=120)
    assert third.earlier(0) == Earlier(at(0), at(40) + DOUBT, "offer 7", alone=True, changed=False)


def test_objects_of_an_earlier_try_that_are_no_longer_in_the_list_are_told() -> None:
    store = Notebook()
    first = notes(1, wishes(3))
    for index in range(3):
        remember(store, first.before_post(index, at(0)))
    remember(store, first.after_post(2, MADE, at(1)))
    script = Script(memory=store)
    script.run(notes(2, wishes(1), began=60).load())
    (told,) = script.notes
    assert told.endswith("its objects stay as they are: offer 7")
    script = Script(memory=store)
    script.run(notes(2, wishes(3), began=60).load())
    assert script.notes == []


def test_a_first_try_recalls_nothing_and_keeps_nothing() -> None:
    store = Counting()
    remember(store, notes(1).load())
    assert store.recalled == []
    assert store.kept == []


def test_a_retry_announces_its_start_before_it_recalls_the_notes_of_others() -> None:
    """A try that only froze asks for it before it posts: either it stops, or the retry knows of its POST."""
    events: list[str] = []

    class Watched(Notebook):
        def recall(self, key: str) -> Any:
            events.append(f"recall {key}")
            return super().recall(key)

        def keep(self, key: str, value: Any) -> None:
            events.append(f"keep {key}")
            super().keep(key, value)

    store = Watched()
    remember(store, notes(1).before_post(0, at(0)))
    events.clear()
    next_try(store, began=5)
    assert events[:2] == ["keep offers_tried_2", "recall offers_tried_1"]
    # The waits of all later tries count from there.
    assert next_try(store, number=3, began=500).earlier(0) == Earlier(at(0), at(5) + DOUBT, changed=False)


def test_pages_that_an_earlier_version_kept_are_recalled() -> None:
    """It kept 100 notes in a page, and said neither that nor when it began."""
    store = Notebook()
    pages = Pages("offers_tried_1", size=100)
    for index in (0, 150):
        pages.put(index, CreationNote(f"key {index}", f"document {index}", at(0), at(30)).as_json())
    remember(store, pages.save())
    store.keep("offers_tried_1", {"count": 200})
    second = next_try(store, wishes(200), began=300)
    for index in (0, 150):
        assert second.earlier(index) == Earlier(at(0), at(40) + DOUBT, changed=False)
    assert second.earlier(1) is None


@pytest.mark.parametrize("anew", [False, True])
def test_without_a_memory_an_earlier_try_may_have_posted_at_any_time_of_the_run(anew: bool) -> None:
    idle = timedelta(seconds=300)
    tries = TaskTries(number=2, last=3, since=at(-3_600), idle=idle, anew=anew, durable=False)
    store = Counting()
    second = CreationNotes(tries, wishes(), began=at(0), answer=ANSWER)
    expected = Earlier(at(-3_600), at(-300) + DOUBT, changed=anew)
    assert second.earlier(0) == expected
    assert remember(store, second.recall(0)) == expected
    for step in (second.before_post(0, at(1)), second.add(0, CREATED, at(2)), second.save()):
        remember(store, step)
    assert store.kept == []
    first: Any = TaskTries(durable=False)
    assert CreationNotes(first, wishes(), began=at(0), answer=ANSWER).earlier(0) is None
