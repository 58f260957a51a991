"""A listing that is read from both ends: nothing is missed, however its two flows take turns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.client.errors import OfferLibraryError
from airflow_provider_offers.client.flows.ahead import Ahead
from airflow_provider_offers.client.flows.ends import BothEnds
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.wire.messages import Flow, Request, Response
from tests.client.library import entity, page, sale
from tests.client.script import START, Script, answer, lost, query_of

BOTH = pytest.mark.parametrize("api", ["dps", "xcore"])


class Service:
    """A library whose pages have `size` objects. The creation of an object is in whole seconds, by its number.

    `undated` objects come last from either end.
    """

    def __init__(self, api: str, created: dict[int, int], size: int, *, tells_total: bool = True) -> None:
        self.api = api
        self.created = dict(created)
        self.size = size
        self.tells_total = tells_total
        self.failing: set[str] = set()
        self.unordered = False
        self.undated: list[int] = []
        self.short_of_newest: int | None = None
        self.pages = {"oldest": 0, "newest": 0}

    def __call__(self, request: Request) -> Response | Exception:
        asked = {name.lower(): value for name, value in query_of(request)}
        end = "newest" if asked["orderby"].startswith("-") else "oldest"
        if end in self.failing:
            return lost()
        self.pages[end] += 1
        order = sorted(self.created, key=lambda number: (self.created[number], number), reverse=end == "newest")
        if self.unordered:
            order = sorted(self.created)
        if by_place := self.unordered or bool(self.undated):
            order = [*order, *self.undated][int(asked.get("start", "0")) :]
        elif start := asked.get("start"):
            seconds, number = (int(each) for each in start.split("."))
            last = (seconds, number)
            order = [
                each
                for each in order
                if ((self.created[each], each) < last if end == "newest" else (self.created[each], each) > last)
            ]
        if end == "newest" and self.short_of_newest is not None:
            order = order[: self.short_of_newest]
        shown = order[: self.size]
        following = None
        if len(order) > self.size:
            if by_place:
                cursor = str(int(asked.get("start", "0")) + self.size)
            else:
                cursor = f"{self.created[shown[-1]]}.{shown[-1]}"
            base = "/offers?offer-type=personalized" if self.api == "dps" else "/a/instances?schema=s"
            following = f"{base}&orderby={asked['orderby']}&limit=100&start={cursor}"
        total = len(self.created) + len(self.undated) if self.tells_total else None
        return answer(200, page(self.api, [self._shown(each) for each in shown], next=following, total=total))

    def _shown(self, number: int) -> dict[str, Any]:
        if number in self.undated:
            return entity(self.api, sale(name=str(number)), number=number, created="")
        created = (START + timedelta(seconds=self.created[number])).isoformat(timespec="milliseconds")
        return entity(self.api, sale(name=str(number)), number=number, created=created)


class Reading:
    """A listing from both ends of the service."""

    def __init__(self, service: Service, most: int = 10_000) -> None:
        self.script = Script(*[service] * 10_000)
        access = self.script.access(service.api)
        self.access = replace(access, ahead=Ahead(access.exchange))
        self.access.ahead.want(PERSONALIZED, [str(number) for number in service.created])
        self.ends = BothEnds(self.access, PERSONALIZED, most)

    @property
    def seen(self) -> set[int]:
        names = map(str, range(200))
        return {int(name) for name in names if self.access.ahead.ids_of(PERSONALIZED, name)}

    def run(self, turns: Iterable[tuple[int, Callable[[], None]]] = ()) -> None:
        """Run it to its end. Each turn names one of the flows that go on, and what happens in the library before."""
        self.script.go(self.ends.begin())
        running = [_Running(self.script, flow) for flow in self.ends.rest()]
        for which, happens in turns:
            if not running:
                break
            happens()
            chosen = running[which % len(running)]
            if not chosen.step():
                running.remove(chosen)
        for each in running:
            while each.step():
                pass


class _Running:
    """A flow that goes on step by step: the service answers in one step, and the answer arrives in the next."""

    def __init__(self, script: Script, flow: Flow[None]) -> None:
        self.script = script
        self.flow = flow
        self.effect: Any = None
        self.arrived: Any = None
        self.is_answered = True

    def step(self) -> bool:
        """Go on; False after the end of the flow."""
        if not self.is_answered:
            self.is_answered = True
            try:
                self.arrived = self.script._perform(self.effect)
            except OfferLibraryError as error:
                self.arrived = error
            return True
        try:
            if isinstance(self.arrived, OfferLibraryError):
                self.effect = self.flow.throw(self.arrived)
            else:
                self.effect = self.flow.send(self.arrived)
        except StopIteration:
            return False
        self.is_answered = False
        return True


@BOTH
@given(data=st.data())
def test_every_object_that_is_there_all_the_time_is_seen(api: str, data: st.DataObject) -> None:
    """Also if many have the same creation, if objects come and go, and if pages are small."""
    times = data.draw(st.lists(st.integers(0, 2), max_size=30), label="creations")
    service = Service(
        api,
        {number + 1: time for number, time in enumerate(times)},
        data.draw(st.integers(1, 5), label="page size"),
        tells_total=data.draw(st.booleans(), label="tells the total"),
    )
    reading = Reading(service)
    stays = set(service.created)

    def one_is_deleted() -> None:
        if service.created:
            gone = random.choice(sorted(service.created))
            del service.created[gone]
            stays.discard(gone)

    def one_is_created() -> None:
        service.created[1_000 + len(reading.script.requests) + len(service.created)] = 3

    random = Random(data.draw(st.integers(0, 2**32), label="turns"))
    often = data.draw(st.sampled_from([0.0, 0.1, 0.5]), label="changes")

    def happens() -> None:
        if random.random() < often:
            random.choice([one_is_deleted, one_is_created])()

    reading.run((random.randrange(2), happens) for _ in range(200))
    assert reading.ends.is_whole
    assert stays <= reading.seen


@BOTH
def test_both_flows_read_half_of_the_pages(api: str) -> None:
    service = Service(api, {number: number for number in range(1, 101)}, 5)
    reading = Reading(service)
    reading.run((turn % 2, lambda: None) for turn in range(1_000))
    assert reading.ends.is_whole
    assert reading.seen == set(range(1, 101))
    assert sum(service.pages.values()) <= 20 + 2
    assert service.pages["newest"] >= 9


@BOTH
def test_one_after_the_other_takes_no_more_pages_than_one_alone(api: str) -> None:
    service = Service(api, {number: number for number in range(1, 101)}, 5)
    reading = Reading(service)
    reading.run()
    assert reading.ends.is_whole
    assert service.pages == {"oldest": 20, "newest": 0}


@BOTH
@pytest.mark.parametrize("count", [0, 1, 5, 15])
def test_a_short_listing_is_read_from_one_end(api: str, count: int) -> None:
    service = Service(api, {number: number for number in range(1, count + 1)}, 5)
    reading = Reading(service)
    reading.run((turn % 2, lambda: None) for turn in range(100))
    assert reading.ends.is_whole
    assert service.pages == {"oldest": max(1, count // 5), "newest": 0}


@BOTH
def test_a_service_that_does_not_order_by_creation_is_read_to_its_end(api: str) -> None:
    """Both ends show the same pages then, and the flows seem to meet at once."""
    numbers = range(1, 41)
    service = Service(api, {number: number * 7 % 41 for number in numbers}, 5)
    service.unordered = True
    reading = Reading(service)
    reading.run((turn % 2, lambda: None) for turn in range(1_000))
    assert reading.ends.is_whole
    assert reading.seen == set(numbers)
    assert service.pages["oldest"] == 8
    assert service.pages["newest"] <= 1


@BOTH
@given(data=st.data())
def test_a_service_that_ignores_the_order_is_read_to_its_end(api: str, data: st.DataObject) -> None:
    """A few pages can look as if they were in order from both ends, such as pages of objects with one creation."""
    times = data.draw(st.lists(st.integers(0, 2), max_size=30), label="creations")
    created = dict(enumerate(times, start=1))
    size = data.draw(st.integers(1, 5), label="page size")
    service = Service(api, created, size, tells_total=data.draw(st.booleans(), label="tells the total"))
    service.unordered = True
    reading = Reading(service)
    random = Random(data.draw(st.integers(0, 2**32), label="turns"))
    reading.run((random.randrange(2), lambda: None) for _ in range(200))
    assert reading.ends.is_whole
    assert reading.seen == set(created)


@BOTH
def test_objects_that_come_last_from_both_ends_are_seen(api: str) -> None:
    """The number of objects tells that some are missing where the flows meet."""
    service = Service(api, {number: number for number in range(1, 41)}, 5)
    service.undated = [50, 51]
    reading = Reading(service)
    reading.access.ahead.want(PERSONALIZED, ["50", "51"])
    reading.run((turn % 2, lambda: None) for turn in range(1_000))
    assert reading.ends.is_whole
    assert reading.seen == {*service.created, 50, 51}


@BOTH
@pytest.mark.parametrize("tells_total", [True, False])
@pytest.mark.parametrize("shown", [0, 1, 5])
def test_a_listing_from_the_newest_that_ends_early_is_not_whole(api: str, tells_total: bool, shown: int) -> None:
    service = Service(api, {number: number for number in range(1, 41)}, 5, tells_total=tells_total)
    service.short_of_newest = shown
    reading = Reading(service)
    reading.run((turn % 2, lambda: None) for turn in range(1_000))
    assert reading.ends.is_whole
    assert reading.seen == set(service.created)


@BOTH
@pytest.mark.parametrize("count", [1, 12])
def test_what_was_created_while_the_flows_read_can_be_read_afterwards(api: str, count: int) -> None:
    service = Service(api, {number: number for number in range(1, 101)}, 5)
    reading = Reading(service)
    made = {100 + number: 100 + number for number in range(1, count + 1)}
    reading.access.ahead.want(PERSONALIZED, map(str, made))

    def others_create() -> None:
        if sum(service.pages.values()) == 10:
            service.created |= made

    reading.run((turn % 2, others_create) for turn in range(1_000))
    assert reading.ends.is_whole
    before = sum(service.pages.values())
    reading.script.go(reading.ends.catch_up())
    assert reading.seen == set(service.created)
    assert sum(service.pages.values()) - before == count // 5 + 1


@BOTH
def test_if_the_oldest_end_reached_the_newest_nothing_is_read_afterwards(api: str) -> None:
    service = Service(api, {number: number for number in range(1, 41)}, 5)
    reading = Reading(service)
    reading.run()
    reading.script.go(reading.ends.catch_up())
    assert service.pages == {"oldest": 8, "newest": 0}


@BOTH
def test_as_many_pages_as_it_may_take_are_read_from_both_ends(api: str) -> None:
    service = Service(api, {number: number for number in range(1, 51)}, 5)
    reading = Reading(service, most=10)
    reading.run((turn % 2, lambda: None) for turn in range(1_000))
    assert reading.ends.is_whole
    assert service.pages["newest"] >= 5


@BOTH
def test_the_oldest_end_goes_on_alone_if_the_newest_fails(api: str) -> None:
    service = Service(api, {number: number for number in range(1, 41)}, 5)
    service.failing = {"newest"}
    reading = Reading(service)
    reading.run((turn % 2, lambda: None) for turn in range(1_000))
    assert reading.ends.is_whole
    assert reading.seen == set(range(1, 41))


@BOTH
def test_without_the_oldest_end_it_is_not_whole(api: str) -> None:
    service = Service(api, {number: number for number in range(1, 41)}, 5)
    reading = Reading(service)
    reading.script.go(reading.ends.begin())
    service.failing = {"oldest"}
    oldest, newest = reading.ends.rest()
    with pytest.raises(OfferLibraryError):
        reading.script.go(oldest)
    reading.script.go(newest)
    assert not reading.ends.is_whole
    assert service.pages == {"oldest": 1, "newest": 0}


@BOTH
def test_a_page_that_fails_after_the_flows_met_does_not_matter(api: str) -> None:
    service = Service(api, {number: number for number in range(1, 41)}, 5)
    reading = Reading(service)
    reading.script.go(reading.ends.begin())
    oldest, newest = (_Running(reading.script, flow) for flow in reading.ends.rest())
    assert oldest.step()
    while newest.step():
        pass
    assert reading.ends.is_whole
    service.failing = {"oldest"}
    while oldest.step():
        pass
    assert reading.seen == set(range(1, 41))


@BOTH
def test_if_the_oldest_end_must_read_everything_the_pages_of_the_other_do_not_count(api: str) -> None:
    service = Service(api, {number: number for number in range(1, 50)}, 5)
    service.undated = [50]
    reading = Reading(service, most=10)
    reading.run((turn % 2, lambda: None) for turn in range(1_000))
    assert reading.ends.is_whole
    assert service.pages["oldest"] == 10


@BOTH
@pytest.mark.parametrize("tells_total", [True, False])
def test_it_gives_up_where_it_would_take_too_many_pages(api: str, tells_total: bool) -> None:
    service = Service(api, {number: number for number in range(1, 101)}, 5, tells_total=tells_total)
    reading = Reading(service, most=10)
    reading.run((turn % 2, lambda: None) for turn in range(1_000))
    assert not reading.ends.is_whole
    assert sum(service.pages.values()) <= (1 if tells_total else 13)
