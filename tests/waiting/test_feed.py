"""The change feed: everybody learns what became of his offers, nobody hangs, and it costs what has changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_offers.client.changes import search
from airflow_provider_offers.client.errors import (
    NoAnswerError,
    OfferLibraryError,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
)
from airflow_provider_offers.client.feed import Feed
from airflow_provider_offers.client.kinds import PERSONALIZED
from airflow_provider_offers.client.query import parse_query
from airflow_provider_offers.client.watch import Question, Watch
from airflow_provider_offers.client.wire import Request
from tests.client.script import answer, lost
from tests.waiting import virtual_time
from tests.waiting.simulated import Library

INTERVAL = 5.0
APIS = pytest.mark.parametrize("api", ["dps", "xcore"])


def feed_of(library: Library, **options: Any) -> Feed:
    return Feed(library.open, clock=virtual_time.now, jitter=lambda: 0.5, **options)


@asynccontextmanager
async def joined(
    feed: Feed, library: Library, identifiers: Sequence[str], interval: float = INTERVAL
) -> AsyncIterator[Watch]:
    watch = feed.join([library.reference(each) for each in identifiers], interval=interval)
    try:
        yield watch
    finally:
        await feed.leave(watch)


def seen(watch: Watch) -> dict[str, tuple[int, str | None] | None]:
    return {
        identifier: None if entity is None else (entity.etag, entity.status)
        for identifier, entity in watch.states.items()
    }


async def until(watch: Watch, condition: Callable[[], bool]) -> None:
    """Wait for news until the condition holds; in virtual time a hang is an error."""
    while not condition():
        await watch.news()


class Scene:
    """A library and its waiters, to which one thing after the other happens."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.feed = feed_of(library, max_failures=1_000)
        self.known = [library.create() for _ in range(5)]
        self.watches: list[Watch] = []

    async def create(self, _: int) -> None:
        self.known.append(self.library.create())

    async def change(self, choice: int) -> None:
        if there := list(self.library.offers):
            self.library.change(there[choice % len(there)], status=["draft", "approved", "archived"][choice % 3])

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
HAPPENINGS += [*2 * [Scene.join], Scene.leave, Scene.refuse, Scene.lose]
# Many things happen in one millisecond, or while an answer is under way.
PAUSES = st.sampled_from([0.0, 0.0, 0.001, 0.03, 0.5, 2.5, 7.0, 60.0])
SCHEDULES = st.lists(st.tuples(PAUSES, st.sampled_from(HAPPENINGS), st.integers(0, 10_000)), min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
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
        # As long as the failures that are left may last, and then a turn of all who wait.
        await asyncio.sleep(3_000)
        for watch in scene.watches:
            assert seen(watch) == {each.id: library.state(each.id or "") for each in watch.references}
            assert await watch.news(within=0)
            await scene.feed.leave(watch)
        assert scene.feed.idle
        assert library.sessions_open == 0

    virtual_time.run(main())


def failing(times: int, result: Any) -> Callable[[Request], Any]:
    left = [times]

    def fault(_: Request) -> Any:
        left[0] -= 1
        return result if left[0] >= 0 else None

    return fault


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
            # At once where the service counts, for a saved allowance pays; else when its turn comes.
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


def test_a_bounded_run_of_failures_is_borne_with_growing_pauses() -> None:
    async def main() -> None:
        library = Library("dps")
        offer = library.create()
        feed = feed_of(library, max_failures=5)
        async with joined(feed, library, [offer]) as watch:
            await watch.news()
            library.faults.append(failing(5, answer(503, {})))
            library.change(offer, status="approved")
            before, began = len(library.requests), virtual_time.now()
            await watch.news()
            assert seen(watch) == {offer: (2, "approved")}
            assert len(library.requests) - before == 6
            assert virtual_time.now() - began > 0.5 * INTERVAL * (1 + 2 + 4 + 8 + 16)

    virtual_time.run(main())


def test_a_longer_run_of_failures_is_told_to_each_waiter_by_itself_and_the_next_one_starts_afresh() -> None:
    async def main() -> None:
        library = Library("dps")
        offer = library.create()
        feed = feed_of(library, max_failures=3)
        watches = [feed.join([library.reference(offer)], interval=INTERVAL) for _ in range(50)]
        for watch in watches:
            await watch.news()
        library.faults.append(failing(4, lost()))
        told = []
        for watch in watches:
            with pytest.raises(NoAnswerError) as raised:
                await watch.news()
            told.append(raised.value)
        assert len(set(map(id, told))) == 50
        assert feed.idle
        assert library.sessions_open == 0
        # Somebody comes while those who were told are still about to leave.
        late = feed.join([library.reference(offer)], interval=INTERVAL)
        for watch in watches:
            await feed.leave(watch)
        await late.news()
        assert seen(late) == {offer: (1, "draft")}
        await feed.leave(late)
        assert library.sessions_open == 0

    virtual_time.run(main())


def test_a_refusal_is_told_at_once() -> None:
    async def main() -> None:
        library = Library("dps")
        offer = library.create()
        feed = feed_of(library)
        async with joined(feed, library, [offer]) as watch:
            await watch.news()
            library.faults.append(failing(1_000, answer(403, {"error_code": "403000", "message": "no"})))
            began = virtual_time.now()
            with pytest.raises(PermissionDeniedError):
                await watch.news()
            assert virtual_time.now() - began < 1.2 * INTERVAL

    virtual_time.run(main())


def test_retry_after_is_obeyed() -> None:
    async def main() -> None:
        library = Library("dps")
        offer = library.create()
        feed = feed_of(library)
        async with joined(feed, library, [offer]) as watch:
            await watch.news()
            library.faults.append(failing(1, answer(429, {}, {"retry-after": "300"})))
            library.change(offer, status="approved")
            began = virtual_time.now()
            await watch.news()
            assert 300 <= virtual_time.now() - began < 310

    virtual_time.run(main())


def test_an_offer_that_the_service_refuses_to_show_is_the_matter_of_its_own_waiters() -> None:
    async def main() -> None:
        library = Library("dps")
        offers = [library.create() for _ in range(5)]
        refused = offers[2].rpartition(":")[2]
        library.faults.append(lambda request: answer(403, {}) if refused in request.url else None)
        feed = feed_of(library)
        async with joined(feed, library, offers[2:3]) as unlucky, joined(feed, library, offers[3:4]) as other:
            with pytest.raises(PermissionDeniedError):
                await unlucky.news()
            await other.news()
            library.change(offers[3], status="approved")
            await until(other, lambda: seen(other) == {offers[3]: (2, "approved")})

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
            library.change(offer, status="approved")
            await watch.news()
            library.faults.append(failing(3, old))
            assert not await watch.news(within=10 * INTERVAL)
            assert seen(watch) == {offer: (2, "approved")}

    virtual_time.run(main())


def question(status: str, at_least: int) -> Question:
    query = parse_query(properties=[f"status=={status}"], limit=at_least)
    return Question(f"{status} {at_least}", PERSONALIZED, lambda access: search(access, PERSONALIZED, query))


@APIS
def test_a_question_is_asked_once_for_all_and_again_only_after_changes(api: str) -> None:
    async def main() -> None:
        library = Library(api)
        offers = [library.create() for _ in range(10)]
        feed = feed_of(library)
        watches = [feed.join(interval=INTERVAL, question=question("approved", 2)) for _ in range(100)]
        for watch in watches:
            await watch.news()
            assert watch.found == []
        await asyncio.sleep(60)
        before = len(library.requests)
        await asyncio.sleep(20 * INTERVAL)
        assert len(library.requests) - before <= 21
        for offer in offers[:3]:
            library.change(offer, status="approved")
        await asyncio.gather(*(until(watch, lambda watch=watch: len(watch.found) == 2) for watch in watches))  # type: ignore[misc]
        await asyncio.gather(*(feed.leave(watch) for watch in watches))
        assert library.sessions_open == 0
        assert library.sessions_opened == 1

    virtual_time.run(main())


def test_a_question_that_is_refused_is_the_matter_of_those_who_ask_it() -> None:
    async def main() -> None:
        library = Library("dps")
        offer = library.create()
        library.faults.append(lambda request: answer(400, {}) if "status" in request.url else None)
        feed = feed_of(library)
        asking = feed.join(interval=INTERVAL, question=question("approved", 1))
        async with joined(feed, library, [offer]) as watch:
            with pytest.raises(OfferLibraryError):
                await asking.news()
            requests = len(library.requests)
            await asyncio.sleep(10 * INTERVAL)
            assert len(library.requests) - requests <= 21
            await watch.news()
            await feed.leave(asking)

    virtual_time.run(main())


def test_an_index_that_lags_is_asked_again_for_a_while() -> None:
    async def main() -> None:
        library = Library("dps")
        offer = library.create()
        library.faults.append(
            lambda request: (
                answer(200, {"results": [], "_links": {}})
                if "status" in request.url and virtual_time.now() < 1_100
                else None
            )
        )
        feed = feed_of(library)
        asking = feed.join(interval=INTERVAL, question=question("approved", 1))
        await asyncio.sleep(80)
        library.change(offer, status="approved")
        await until(asking, lambda: len(asking.found) == 1)
        await feed.leave(asking)

    virtual_time.run(main())


@pytest.mark.parametrize("error", [RateLimitedError, ServerError])
def test_the_session_is_opened_again_after_a_failure(error: type[OfferLibraryError]) -> None:
    async def main() -> None:
        library = Library("dps")
        offer = library.create()
        feed = feed_of(library)
        async with joined(feed, library, [offer]) as watch:
            await watch.news()
            library.faults.append(failing(1, answer(429 if error is RateLimitedError else 500, {})))
            library.change(offer, status="approved")
            await watch.news()
        assert library.sessions_opened == 2
        assert library.sessions_open == 0

    virtual_time.run(main())
