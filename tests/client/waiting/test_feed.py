"""The change feed: every wait learns about its offers, none hangs, and the requests grow with the changes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.client.errors import (
    OfferLibraryError,
)
from airflow_provider_offers.client.waiting.watch import Watch
from airflow_provider_offers.client.wire.messages import Request
from tests.client.script import answer, lost
from tests.client.waiting import virtual_time
from tests.client.waiting.feeds import APIS, INTERVAL, failing, feed_of, joined, seen, until
from tests.client.waiting.simulated import Library
from tests.effort import examples


class Scene:
    """A library and its waiters, for a sequence of events."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.feed = feed_of(library)
        self.known = [library.create() for _ in range(5)]
        self.watches: list[Watch] = []

    async def create(self, _: int) -> None:
        self.known.append(self.library.create())

    async def change(self, choice: int) -> None:
        if there := list(self.library.offers):
            self.library.change(there[choice % len(there)], status=["draft", "approved", "archived"][choice % 3])

    async def change_with_a_stamp_ahead(self, choice: int) -> None:
        if there := list(self.library.offers):
            ahead = timedelta(seconds=choice % 400)
            self.library.change(there[choice % len(there)], status=f"ahead {choice}", stamped_ahead=ahead)

    async def put_the_clock(self, choice: int) -> None:
        self.library.ahead += timedelta(days=choice % 3 - 1, seconds=choice % 7)

    async def change_several_at_once(self, choice: int) -> None:
        for each in list(self.library.offers)[: choice % 9]:
            self.library.change(each, status="approved")

    async def delete(self, choice: int) -> None:
        if there := list(self.library.offers):
            self.library.delete(there[choice % len(there)])

    async def join(self, choice: int) -> None:
        chosen = {self.known[(choice + step) % len(self.known)] for step in range(choice % 3 + 1)}
        references = [self.library.reference(each) for each in sorted(chosen)]
        self.watches.append(self.feed.join(references, interval=INTERVAL))

    async def leave(self, choice: int) -> None:
        if self.watches:
            await self.feed.leave(self.watches.pop(choice % len(self.watches)))

    async def refuse(self, choice: int) -> None:
        self.library.faults = [failing(choice % 6, answer([503, 429, 500][choice % 3], {}))]

    async def lose(self, choice: int) -> None:
        self.library.faults = [failing(choice % 4, lost())]


HAPPENINGS = [Scene.create, *3 * [Scene.change], Scene.change_several_at_once, Scene.delete]
HAPPENINGS += [
    Scene.change_with_a_stamp_ahead,
    Scene.put_the_clock,
    *2 * [Scene.join],
    Scene.leave,
    Scene.refuse,
    Scene.lose,
]
# Many changes happen in one millisecond, or while an answer is in transit.
PAUSES = st.sampled_from([0.0, 0.0, 0.001, 0.03, 0.5, 2.5, 7.0, 60.0])
SCHEDULES = st.lists(st.tuples(PAUSES, st.sampled_from(HAPPENINGS), st.integers(0, 10_000)), min_size=1, max_size=60)


@examples(20)
@given(
    api=st.sampled_from(["dps", "xcore"]),
    schedule=SCHEDULES,
    counts=st.booleans(),
    page_size=st.sampled_from([3, 7, 100]),
    ahead=st.sampled_from([timedelta(0), timedelta(hours=-2), timedelta(days=3)]),
)
def test_everybody_learns_the_final_state(
    api: str, schedule: list[Any], counts: bool, page_size: int, ahead: timedelta
) -> None:
    async def main() -> None:
        library = Library(api, page_size=page_size, counts=counts, ahead=ahead)
        scene = Scene(library)
        for pause, happening, choice in schedule:
            await asyncio.sleep(pause)
            await happening(scene, choice)
        # The possible duration of the remaining failures, and then one turn of all waiters.
        await asyncio.sleep(3_000)
        for watch in scene.watches:
            assert seen(watch) == {each.id: library.state(each.id or "") for each in watch.references}
            assert await watch.news(within=0)
            await scene.feed.leave(watch)
        assert scene.feed.idle
        assert library.sessions_open == 0

    virtual_time.run(main())


@pytest.mark.bulk
@APIS
@pytest.mark.parametrize("waiters", [1, 40, 1_000])
def test_what_waiting_costs_does_not_grow_with_who_waits(api: str, waiters: int) -> None:
    async def main() -> None:
        library = Library(api)
        offers = [library.create() for _ in range(1_000)]
        feed = feed_of(library)
        watches = [feed.join([library.reference(offer)], interval=INTERVAL) for offer in offers[:waiters]]
        for watch in watches:
            await watch.news()
        await asyncio.sleep(INTERVAL)
        before, pages_before, began = len(library.requests), library.pages_after_the_first, virtual_time.now()
        for round_number in range(100):
            for offer in offers[round_number : round_number + 150 * (round_number % 10 == 0)]:
                library.change(offer, status="approved")
            if round_number % 20 == 7 and round_number > 0:
                library.delete(offers.pop())
            await asyncio.sleep(INTERVAL)
        intervals = (virtual_time.now() - began) / INTERVAL
        pages = library.pages_after_the_first - pages_before
        assert len(library.requests) - before <= 2 * (intervals + 1) + pages
        for watch in watches:
            await feed.leave(watch)

    virtual_time.run(main())


@pytest.mark.bulk
@APIS
def test_a_thousand_who_come_together_are_looked_up_in_batches(api: str) -> None:
    async def main() -> None:
        library = Library(api)
        offers = [library.create() for _ in range(1_000)]
        feed = feed_of(library)
        watches = [feed.join([library.reference(offer)], interval=INTERVAL) for offer in offers]
        await asyncio.gather(*(watch.news() for watch in watches))
        assert len(library.requests) <= 25 + 5
        await asyncio.gather(*(feed.leave(watch) for watch in watches))
        assert library.sessions_open == 0
        assert library.sessions_opened == 1

    virtual_time.run(main())


@APIS
def test_a_change_is_told_within_an_interval_and_only_to_those_it_concerns(api: str) -> None:
    async def main() -> None:
        library = Library(api)
        offer, other = library.create(), library.create()
        feed = feed_of(library)
        async with joined(feed, library, [offer]) as concerned, joined(feed, library, [other]) as unconcerned:
            await asyncio.gather(concerned.news(), unconcerned.news())
            await asyncio.sleep(60)
            library.change(offer, status="approved")
            assert await concerned.news(within=1.2 * INTERVAL)
            assert seen(concerned) == {offer: (2, "approved")}
            assert not await unconcerned.news(within=1.2 * INTERVAL)

    virtual_time.run(main())


@pytest.mark.bulk
@APIS
@pytest.mark.parametrize("counts", [True, False])
def test_a_deletion_is_told_to_all_who_wait_for_it(api: str, counts: bool) -> None:
    async def main() -> None:
        library = Library(api, counts=counts)
        offers = [library.create() for _ in range(500)]
        feed = feed_of(library)
        async with joined(feed, library, offers) as many, joined(feed, library, offers[7:8]) as one:
            await until(many, lambda: len(many.states) == 500)
            await asyncio.sleep(40 * INTERVAL)
            library.delete(offers[7])
            deleted = virtual_time.now()
            await until(one, lambda: one.states[offers[7]] is None)
            # At once if the service counts, because there is a saved allowance; otherwise in its turn.
            assert virtual_time.now() - deleted < INTERVAL * (2 if counts else 16)
            await until(many, lambda: many.states[offers[7]] is None)
            assert sum(state is None for state in many.states.values()) == 1

    virtual_time.run(main())


def test_what_changes_in_one_millisecond_on_several_pages_is_told_once_and_whole() -> None:
    async def main() -> None:
        library = Library("dps", page_size=7)
        offers = [library.create() for _ in range(50)]
        feed = feed_of(library)
        async with joined(feed, library, offers) as watch:
            await until(watch, lambda: len(watch.states) == 50)
            for round_number in range(3):
                await asyncio.sleep(3 * INTERVAL)
                for offer in offers:
                    library.change(offer, status=["approved", "draft"][round_number % 2])
                await until(watch, lambda: seen(watch) == {each: library.state(each) for each in offers})
            assert not await watch.news(within=4 * INTERVAL)

    virtual_time.run(main())


@APIS
def test_an_edit_that_is_stamped_ahead_of_the_clock_delays_no_news(api: str) -> None:
    async def main() -> None:
        library = Library(api)
        offers = [library.create() for _ in range(1_000)]
        feed = feed_of(library)
        async with joined(feed, library, offers[:1]) as first, joined(feed, library, offers) as many:
            await until(many, lambda: len(many.states) == 1_000)
            await first.news()
            await asyncio.sleep(2 * INTERVAL)
            library.change(offers[500], status="approved", stamped_ahead=timedelta(seconds=300))
            await asyncio.sleep(2 * INTERVAL)
            for status in ("approved", "draft", "archived"):
                before, changed = len(library.requests), virtual_time.now()
                library.change(offers[0], status=status)
                await first.news()
                assert virtual_time.now() - changed < 1.2 * INTERVAL
                await asyncio.sleep(10 * INTERVAL)
                assert len(library.requests) - before <= 25

    virtual_time.run(main())


def test_who_sleeps_until_an_instant_is_woken_where_the_services_clock_is_set() -> None:
    async def main() -> None:
        library = Library("dps")
        offer = library.create()
        feed = feed_of(library)
        async with joined(feed, library, [offer]) as watch:
            await watch.news()
            assert not await watch.news(within=20 * INTERVAL)
            before, began = watch.now(), virtual_time.now()
            library.ahead = timedelta(days=14)
            assert await watch.news(within=1.2 * INTERVAL)
            elapsed = timedelta(seconds=virtual_time.now() - began)
            assert abs(watch.now() - before - elapsed - timedelta(days=14)) < timedelta(seconds=2)
            assert not await watch.news(within=20 * INTERVAL)

    virtual_time.run(main())


def test_whatever_breaks_nobody_is_left_waiting() -> None:
    async def main() -> None:
        library = Library("dps")
        offer = library.create()
        feed = feed_of(library)
        async with joined(feed, library, [offer]) as watch:
            await watch.news()
            library.faults.append(failing(1, ZeroDivisionError("a mistake of ours")))
            with pytest.raises(OfferLibraryError, match="The change feed broke: ZeroDivisionError"):
                await watch.news()
        assert feed.idle
        assert library.sessions_open == 0

    virtual_time.run(main())


def test_the_last_to_leave_ends_the_polling_and_who_joins_meanwhile_is_served() -> None:
    async def main() -> None:
        library = Library("dps")
        offer = library.create()
        feed = feed_of(library)
        first = feed.join([library.reference(offer)], interval=INTERVAL)
        await first.news()
        leaving = asyncio.create_task(feed.leave(first))
        await asyncio.sleep(0)
        second = feed.join([library.reference(offer)], interval=INTERVAL)
        await second.news()
        await leaving
        assert not feed.idle
        await feed.leave(second)
        assert feed.idle
        requests = len(library.requests)
        await asyncio.sleep(100 * INTERVAL)
        assert len(library.requests) == requests
        assert library.sessions_open == 0

    virtual_time.run(main())


def test_who_leaves_in_the_middle_of_a_look_disturbs_none() -> None:
    async def main() -> None:
        library = Library("xcore")
        offers = [library.create() for _ in range(100)]
        feed = feed_of(library)
        async with joined(feed, library, offers[:1]) as staying:
            leaving = [feed.join([library.reference(offer)], interval=INTERVAL) for offer in offers]
            await asyncio.sleep(0.07)
            for watch in leaving:
                await feed.leave(watch)
            await until(staying, lambda: seen(staying) == {offers[0]: (1, "draft")})
            library.change(offers[0], status="approved")
            await until(staying, lambda: seen(staying) == {offers[0]: (2, "approved")})

    virtual_time.run(main())


def test_a_listing_that_lags_behind_takes_nothing_back() -> None:
    async def main() -> None:
        library = Library("dps")
        offer = library.create()
        stale = library.answer
        feed = feed_of(library)
        async with joined(feed, library, [offer]) as watch:
            await watch.news()
            old = stale(Request("GET", "https://platform.adobe.io/data/core/dps/offers?limit=100", {}))
            old = replace(old, headers={})
            library.change(offer, status="approved")
            await watch.news()
            library.faults.append(failing(3, old))
            assert not await watch.news(within=10 * INTERVAL)
            assert seen(watch) == {offer: (2, "approved")}

    virtual_time.run(main())
