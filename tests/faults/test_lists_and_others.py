"""Lists while others rename and create objects, and the service's clock is set: no name is doubled or guessed."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.client.errors import AlreadyExistsError, AmbiguousNameError, NotPublishableError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.ahead import look_ahead
from airflow_provider_offers.client.flows.editing import schedule
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.lists import Batch
from airflow_provider_offers.client.model.entities import Reference, Written
from airflow_provider_offers.client.model.kinds import DECISION, PERSONALIZED
from airflow_provider_offers.client.model.windows import resolve_window
from airflow_provider_offers.client.settings import parse_settings
from airflow_provider_offers.client.wire.messages import Flow
from airflow_provider_offers.emulator import Emulator
from tests.client.lists import run_list, work_of
from tests.client.test_lists import references, seeded
from tests.faults.doors import Steps
from tests.faults.listing import NAMES, Job, ListTask
from tests.faults.matrix import APIS, LAGS
from tests.faults.world import World, offer

CREATE = Job("create", None, {"status": "draft"})
each_api = pytest.mark.parametrize("api", APIS)


class _Meanwhile(Steps):
    """Somebody else acts just before the first POST of the list."""

    def __init__(self, world: World, do: Any) -> None:
        super().__init__(world.time)
        self._do = do

    def before(self, request: Any) -> None:
        if request.method == "POST" and "/data/" in request.url and self._do is not None:
            do, self._do = self._do, None
            do()


def _fill_a_page(world: World) -> None:
    """More objects than the first page of a listing shows."""
    others = [{"kind": "personalized-offer", "body": {**offer(), "name": f"Other {each}"}} for each in range(120)]
    world.emulator.seed(objects=others)


def _named(world: World, name: str) -> list[Any]:
    return [each for each in world.now_there() if each.body["name"] == name]


@each_api
@pytest.mark.parametrize("lag", LAGS)
def test_a_name_that_an_old_object_gets_meanwhile_is_not_doubled(world: World, api: str, lag: float) -> None:
    """The old object is not among the newest ones, so only a look at edited objects shows its new name."""
    task = ListTask.begin(world, api, CREATE)
    (old,) = world.emulator.seed(objects=[{"kind": "personalized-offer", "body": {**offer(), "name": "Old"}}])
    world.time.sleep(3600)
    _fill_a_page(world)
    world.time.sleep(3600)
    world.lag(lag)

    def rename() -> None:
        world.door().patch(PERSONALIZED, old, [{"op": "replace", "path": "/name", "value": NAMES[2]}])

    outcome = task.next_try(_Meanwhile(world, rename))

    assert isinstance(outcome, Batch)
    assert [each.id for each in _named(world, NAMES[2])] == [old]
    assert {index: type(each) for index, each in outcome.failures.items()} == {2: AlreadyExistsError}


@each_api
@pytest.mark.parametrize("lag", LAGS)
def test_a_clock_that_is_set_hides_no_object_of_the_name(world: World, api: str, lag: float) -> None:
    """By the new clock, the objects of the others were created long before the list began."""
    task = ListTask.begin(world, api, CREATE)
    world.lag(lag)

    def create() -> None:
        for name in NAMES:
            world.door().create(PERSONALIZED, {**offer(rank={"priority": 7}), "name": name})
        _fill_a_page(world)
        world.time.sleep(lag + 5)
        world.time.set_service(3600)

    outcome = task.next_try(_Meanwhile(world, create))

    assert isinstance(outcome, Batch)
    assert {name: len(_named(world, name)) for name in NAMES} == dict.fromkeys(NAMES, 1)


@each_api
def test_a_name_of_two_objects_is_ambiguous_even_if_a_listing_breaks_off(api: str) -> None:
    """The first page shows one of them; the second page, which would show the other, cannot be read."""
    with Emulator() as emulator:
        there = seeded(emulator, PERSONALIZED, [f"Offer {number}" for number in range(120)])
        # As the listing of each generation shows them.
        there.sort(key=lambda each: each["instance_id"] if api == "xcore" else each["id"])
        connection = emulator.connection(api)
        connection.pop("conn_type")
        settings, names = parse_settings(**connection), [each["body"]["name"] for each in there[:5]]
        with OfferLibrary(settings) as somebody:
            rename = [{"op": "replace", "path": "/name", "value": names[0]}]
            somebody.patch(PERSONALIZED, there[-1]["id"], rename)
        emulator.add_fault("status", status=400, route=f"{api}.list", after=1, times=1)
        items = [Reference(PERSONALIZED, name=name) for name in names]

        _, heard = run_list(settings, items, work_of("delete", PERSONALIZED), stop=False)

        left = {each["id"] for each in emulator.objects("personalized-offer")}
    assert {index: type(each) for index, each in heard.errors.items()} == {0: AmbiguousNameError}
    assert {there[0]["id"], there[-1]["id"]} <= left


@each_api
def test_a_decision_that_goes_live_after_its_read_is_checked_before_its_window_changes(api: str) -> None:
    """A window in the past is fine for a draft. For a live decision it would end what customers see."""
    over = resolve_window("2001-01-01T00:00:00Z", "2002-01-01T00:00:00Z")
    with Emulator(strict_status=False, live_decision="any") as emulator:
        there = seeded(emulator, DECISION, NAMES)
        connection = emulator.connection(api)
        connection.pop("conn_type")
        settings = parse_settings(**connection)

        with OfferLibrary(settings) as somebody:

            def work(access: Access, each: Reference) -> Flow[Written]:
                yield from look_ahead(access.ahead, each)
                goes_live = [{"op": "replace", "path": "/status", "value": "live"}]
                somebody.patch(DECISION, f"{each.id}", goes_live, validate=False)
                return (yield from schedule(access, each, over))

            _, heard = run_list(settings, references(there, DECISION, "ids"), work, stop=False, max_concurrent=1)

        left = emulator.objects(DECISION.type_name)
    assert {type(each) for each in heard.errors.values()} == {NotPublishableError}
    assert len(heard.errors) == len(NAMES)
    assert {(each["body"]["status"], each["etag"]) for each in left} == {("live", 2)}
