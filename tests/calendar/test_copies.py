"""A copy of a library follows it by its changes, and many who ask share one look."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace

import pytest

from airflow_provider_offers.calendar.detail import detail_of
from airflow_provider_offers.calendar.held import Keeper
from airflow_provider_offers.calendar.shelf import FRESH, WHOLE, Shelf, Shelves
from airflow_provider_offers.client.errors import AuthenticationError, OfferLibraryError
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.kinds import DECISION, KINDS, PERSONALIZED
from airflow_provider_offers.client.settings import Settings, parse_settings
from airflow_provider_offers.client.wire.retry import Retries
from airflow_provider_offers.emulator import Emulator
from tests.calendar.stage import Stage, day


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as executor:
        yield executor


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shelf(library: OfferLibrary, executor: ThreadPoolExecutor, clock: Clock) -> Shelf:
    patient = OfferLibrary(library.settings, retries=Retries(max_retries=0))
    return Shelf(patient, executor, clock)


def settings_of(emulator: Emulator, api: str, **extra: str) -> Settings:
    connection = emulator.connection(api, **extra)
    connection.pop("conn_type")
    return parse_settings(**connection)


def lists(emulator: Emulator) -> int:
    """How many listings were asked for."""
    return sum(1 for each in emulator.journal(method="GET") if "/token" not in each.path)


def test_a_copy_takes_over_what_was_created_changed_and_deleted(stage: Stage) -> None:
    keeper = Keeper()
    stay, change, go = (stage.offer(name, -1, 50) for name in ("Stays", "Changes", "Goes"))
    first = stage.library.run(keeper.read)
    stage.emulator.clock.advance(60)
    stage.library.run(stage.library.calls.unpublish(PERSONALIZED, change))
    stage.library.run(stage.library.calls.delete(PERSONALIZED, go))
    new = stage.offer("New", -1, 50)
    decision = stage.decision()

    second = stage.library.run(keeper.read)

    assert {each.id: each.status for each in first.of_kind(PERSONALIZED)} == dict.fromkeys(
        [stay, change, go], "approved"
    )
    assert {each.id: each.status for each in second.of_kind(PERSONALIZED)} == {
        stay: "approved",
        change: "draft",
        new: "approved",
    }
    assert [each.id for each in second.of_kind(DECISION)] == [decision]


def test_a_look_costs_one_request_for_each_kind(stage: Stage, api: str) -> None:
    keeper = Keeper()
    stage.emulator.seed(250)
    stage.library.run(keeper.read)
    stage.emulator.clear_journal()

    stage.library.run(keeper.read)

    assert lists(stage.emulator) == (len(KINDS) if api == "dps" else len(KINDS) - 1)


def test_a_look_that_fails_on_its_way_loses_no_change(stage: Stage) -> None:
    keeper = Keeper()
    impatient = OfferLibrary(stage.library.settings, retries=Retries(max_retries=0))
    impatient.run(keeper.read)
    stage.emulator.clock.advance(60)
    offer, decision = stage.offer("New", -1, 50), stage.decision()
    requests = lists(stage.emulator)
    # Generation 1 has one kind less.
    for lost in range(len(KINDS) - 1):
        stage.emulator.add_fault("status", status=500, after=lost)
        with pytest.raises(OfferLibraryError):
            impatient.run(keeper.read)
        stage.emulator.clear_faults()
    assert lists(stage.emulator) > requests

    copy = impatient.run(keeper.read)

    assert copy.get(offer) is not None
    assert copy.get(decision) is not None


def test_fifty_who_ask_at_once_cost_one_reading(shelf: Shelf, stage: Stage) -> None:
    stage.emulator.seed(30)
    stage.emulator.clear_journal()
    shelf.ask().result()
    alone = Counter(stage.emulator.request_counts())
    shelf.clock.now += FRESH  # type: ignore[attr-defined]
    stage.emulator.clear_journal()
    barrier = threading.Barrier(50)
    found = []

    def ask() -> None:
        barrier.wait()
        found.append(shelf.ask().result())

    threads = [threading.Thread(target=ask) for _ in range(50)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert len(found) == 50
    assert {each.number for each in found} == {2}
    assert 0 < sum(Counter(stage.emulator.request_counts()).values()) <= sum(alone.values())


def test_a_copy_is_shown_while_it_is_fresh_and_read_as_a_whole_after_a_time(
    shelf: Shelf, stage: Stage, clock: Clock
) -> None:
    stage.emulator.seed(150)
    shelf.ask().result()
    stage.emulator.clear_journal()

    clock.now += FRESH - 1
    assert shelf.ask().result().age == FRESH - 1
    assert lists(stage.emulator) == 0

    clock.now += 1
    shelf.ask().result()
    looks = lists(stage.emulator)
    stage.emulator.clear_journal()
    clock.now += WHOLE
    shelf.ask().result()
    assert 0 < looks < lists(stage.emulator)


def test_an_outage_shows_the_earlier_copy_and_says_so(shelf: Shelf, stage: Stage, clock: Clock) -> None:
    offer = stage.offer("Open", -1, 50)
    shelf.ask().result()
    fault = stage.emulator.add_fault("status", status=503)
    clock.now += FRESH

    late = shelf.ask().result()
    clock.now += 1
    again = shelf.ask().result()

    assert late.copy.get(offer) is not None
    assert late.trouble is not None
    assert (late.age, again.age) == (FRESH, FRESH + 1)
    # The second one asked nobody.
    assert next(each.applied for each in stage.emulator.faults() if each.id == fault.id) == 1
    stage.emulator.clear_faults()
    clock.now += 10
    assert shelf.ask().result().trouble is None


def test_a_credential_that_is_refused_is_asked_about_once_by_all(
    emulator: Emulator, api: str, executor: ThreadPoolExecutor, clock: Clock
) -> None:
    shelves = Shelves(lambda settings: OfferLibrary(settings, retries=Retries(max_retries=0)), executor, clock=clock)
    shelf = shelves.shelf("library", settings_of(emulator, api, password="wrong"))

    asked = [shelf.ask() for _ in range(20)]
    wait(asked)
    asked += [shelf.ask() for _ in range(20)]

    errors = [each.exception() for each in asked]
    assert {type(each) for each in errors} == {AuthenticationError}
    assert sum(1 for each in emulator.journal(method="POST")) == 1


def test_a_connection_with_other_settings_gets_another_copy(
    emulator: Emulator, api: str, executor: ThreadPoolExecutor
) -> None:
    shelves = Shelves(OfferLibrary, executor)
    settings = settings_of(emulator, api)
    shelf = shelves.shelf("library", settings)

    assert shelves.shelf("library", settings_of(emulator, api)) is shelf
    assert shelves.shelf("other", settings) is not shelf
    assert shelves.shelf("library", settings_of(emulator, api, sandbox="dev")) is not shelf
    assert shelves.shelf("library", settings_of(emulator, api, password="wrong")) is not shelf
    assert shelves.shelf("library", settings) is not shelf


def test_what_is_made_of_a_copy_is_made_once(shelf: Shelf, clock: Clock) -> None:
    made: list[int] = []
    first = shelf.ask().result()
    for _ in range(3):
        shelf.once(first, "body", lambda: made.append(1)).result()
    clock.now += FRESH
    second = shelf.ask().result()
    shelf.once(second, "body", lambda: made.append(2)).result()
    shelf.once(second, "other", lambda: made.append(3)).result()

    assert made == [1, 2, 3]


def test_what_is_made_with_ever_new_filters_does_not_pile_up(shelf: Shelf) -> None:
    shown = shelf.ask().result()
    made: list[int] = []
    for number in range(100):
        shelf.once(shown, number, lambda: made.append(1)).result()

    assert len(shelf._made) < 50
    shelf.once(shown, 99, lambda: made.append(1)).result()
    assert len(made) == 100


def test_a_date_beyond_the_calendar_counts_as_none(stage: Stage) -> None:
    offer = stage.library.get(PERSONALIZED, stage.offer("Old", 0, 50))
    constraint = {**offer.properties["selectionConstraint"], "startDate": "0001-01-01T00:00:00+05:00"}
    odd = replace(offer, properties={**offer.properties, "selectionConstraint": constraint})

    assert detail_of(odd, stage.copy())["window"] == {"start": None, "end": day(50)}
