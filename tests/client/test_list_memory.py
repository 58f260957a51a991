"""A list makes few calls of the memory, sends no write before its note is stored, and stops where it has to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_offers.client.errors import OfferLibraryError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.ahead import take_turn
from airflow_provider_offers.client.flows.creation_notes import CreationNotes
from airflow_provider_offers.client.flows.memory import Intents, Plan, TaskTries, keep, recall
from airflow_provider_offers.client.flows.ownership import Creation, Work
from airflow_provider_offers.client.model.entities import Receipt, Reference, Written
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.settings import Settings, parse_settings
from airflow_provider_offers.client.wire.memory import remember
from airflow_provider_offers.client.wire.messages import Flow, Keep, Pause
from airflow_provider_offers.emulator import Emulator
from tests.client.lists import run_list
from tests.notebook import Notebook

COUNT = 2_000
CONCURRENT = 32
TRIES = TaskTries(number=1, last=2, durable=True)


class Slow(Notebook):
    """Takes some time for each call, as Airflow's supervisor does, and counts the calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.threads: set[int] = set()

    def recall(self, key: str) -> Any:
        self._call()
        return super().recall(key)

    def keep(self, key: str, value: Any) -> None:
        self._call()
        super().keep(key, value)

    def _call(self) -> None:
        self.calls += 1
        self.threads.add(threading.get_ident())
        time.sleep(0.005)


@pytest.fixture(scope="module")
def settings() -> Settings:
    with Emulator() as emulator:
        connection = emulator.connection("dps")
    connection.pop("conn_type")
    return parse_settings(**{**connection, "host": "http://127.0.0.1:9"})


def references(count: int) -> list[Reference]:
    return [Reference(PERSONALIZED, id=f"xcore:personalized-offer:{number:016x}") for number in range(count)]


def written(reference: Reference) -> Written:
    return Written(Receipt(f"{reference.id}", f"{reference.id}", 1), "updated")


def work_with(intents: Intents, write: Callable[[Reference], None]) -> Callable[[Access, Reference], Flow[Written]]:
    """Work without a service: it plans, waits for its turn, and writes."""

    def work(access: Access, reference: Reference) -> Flow[Written]:
        intent = intents.of(reference)
        assert (yield from recall(intent, access.exchange.clock(), 0.0)) == []
        yield from keep(intent, Plan(1, "after"))
        yield from take_turn(access.ahead)
        write(reference)
        yield Pause(0.001)
        return written(reference)

    return work


def test_a_list_of_2000_objects_takes_few_calls_and_each_plan_is_stored_before_its_write(settings: Settings) -> None:
    store, intents = Slow(), Intents(TRIES, "work").of_list()
    unplanned: list[str] = []

    def write(reference: Reference) -> None:
        name = intents.of(reference).key.removeprefix("offers_intent_")
        if not any(f'"{name}"' in page for page in store.values.values()):
            unplanned.append(str(reference))

    _, heard = run_list(settings, references(COUNT), work_with(intents, write), max_concurrent=CONCURRENT, memory=store)

    assert len(heard.written) == COUNT
    assert unplanned == []
    # A hundred objects or so share a call; one a second asks for the plans of the other try.
    assert store.calls <= COUNT // 20


@pytest.mark.parametrize("most", [1, 2, 8])
def test_no_more_than_asked_are_under_way_however_many_are_prepared(settings: Settings, most: int) -> None:
    begun: list[str] = []
    under_way: list[int] = [0]

    def work(access: Access, reference: Reference) -> Flow[Written]:
        begun.append(str(reference))
        yield from take_turn(access.ahead)
        under_way.append(under_way[-1] + 1)
        yield Pause(0.002)
        under_way.append(under_way[-1] - 1)
        return written(reference)

    _, heard = run_list(settings, references(60), work, max_concurrent=most)

    assert len(heard.written) == 60
    assert max(under_way) == most
    assert begun == [str(each) for each in references(60)]


@pytest.mark.parametrize("most", [1, 4])
def test_after_a_failure_no_prepared_object_begins(settings: Settings, most: int) -> None:
    begun: list[str] = []
    closed: list[str] = []

    def work(access: Access, reference: Reference) -> Flow[Written]:
        try:
            yield from take_turn(access.ahead)
        except GeneratorExit:
            closed.append(str(reference))
            raise
        begun.append(str(reference))
        yield Pause(0.002)
        if len(begun) >= 3:
            raise OfferLibraryError("it does not work")
        return written(reference)

    batch, heard = run_list(settings, references(60), work, max_concurrent=most)

    assert batch.failures
    assert len(begun) == len(heard.written) + len(heard.errors) <= 2 + 2 * most
    assert len(batch.written) + len(batch.failures) == len(begun)
    # With one at a time, none is prepared.
    assert bool(closed) == (most > 1)


def test_objects_that_must_wait_take_no_turn_from_those_that_need_not(settings: Settings) -> None:
    """Those that wait ask for their turns first, because they have nothing to keep before."""
    begun: list[int] = []
    items = references(60)

    def work(access: Access, reference: Reference) -> Flow[Written]:
        index = items.index(reference)
        if index >= 20:
            yield Keep("note", index)
        yield from take_turn(access.ahead)
        begun.append(index)
        yield Pause(0.002)
        return written(reference)

    _, heard = run_list(settings, items, work, memory=Slow(), order=lambda index: 100.0 - index if index < 20 else 0.0)

    assert len(heard.written) == 60
    assert sorted(begun[:40]) == list(range(20, 60))
    assert begun[40:] == list(range(19, -1, -1))


@pytest.mark.timeout(30)
@pytest.mark.parametrize("most", [1, 4])
def test_objects_that_must_wait_begin_although_the_others_end_without_a_turn(settings: Settings, most: int) -> None:
    """Some of the others fail before their first request, and some need none."""
    begun: list[int] = []
    items = references(60)

    def work(access: Access, reference: Reference) -> Flow[Written]:
        index = items.index(reference)
        begun.append(index)
        yield Keep("note", index)
        if index < 20:
            raise OfferLibraryError("it does not work")
        if index >= 40:
            yield from take_turn(access.ahead)
        return written(reference)

    _, heard = run_list(
        settings, items, work, max_concurrent=most, stop=False, memory=Slow(), order=lambda index: float(index >= 40)
    )

    assert sorted(heard.errors) == list(range(20))
    assert sorted(heard.written) == list(range(20, 60))
    assert sorted(begun[:40]) == list(range(40))


def test_an_object_that_was_prepared_and_not_posted_leaves_no_note_for_the_next_try(settings: Settings) -> None:
    store, posted = Slow(), []
    creations = [Creation(PERSONALIZED, {"name": f"Offer {number}"}, patience=10.0) for number in range(40)]

    def notes_of(number: int) -> CreationNotes:
        wishes = [creation.wish(["prod"]) for creation in creations]
        tries = replace(TRIES, number=number)
        notes = CreationNotes(tries, wishes, began=datetime.now(UTC), answer=timedelta(seconds=10))
        remember(store, notes.load())
        return notes

    def post(access: Access, creation: Creation) -> Flow[Written]:
        work = Work(access, creation, {})
        yield from work.prepare_to_post()
        yield from work.about_to_post()
        posted.append(creations.index(replace(creation, record=None)))
        raise OfferLibraryError("no answer came")

    first = notes_of(1)
    run_list(
        # Nothing answers there, however often it is asked.
        replace(settings, max_retries=0),
        [replace(creation, record=first.of(index)) for index, creation in enumerate(creations)],
        post,
        max_concurrent=4,
        memory=store,
    )
    remember(store, first.save())

    second = notes_of(2)
    assert 0 < len(posted) < 10
    assert [index for index in range(40) if second.earlier(index) is not None] == sorted(posted)
