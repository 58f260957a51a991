"""The change feed: everybody learns what became of his offers, nobody hangs, and it costs what has changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_offers.client.errors import (
    APIError,
    AuthenticationError,
    NoAnswerError,
    OfferLibraryError,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
)
from airflow_provider_offers.client.flows.listing import search
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.model.query import parse_query
from airflow_provider_offers.client.session import AsyncSession
from airflow_provider_offers.client.waiting.feed import Feed
from airflow_provider_offers.client.waiting.watch import SharedSearch, Watch
from airflow_provider_offers.client.wire.messages import Request
from tests.client.script import answer, lost
from tests.client.waiting import virtual_time
from tests.client.waiting.simulated import Library

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


def lasting(seconds: float, result: Any) -> Callable[[Request], Any]:
    """A fault of every request until so many seconds from now have passed."""
    end = virtual_time.now() + seconds
    return lambda _: result if virtual_time.now() < end else None


@pytest.mark.parametrize("seconds", [25.0, 600.0, 3_500.0])
@pytest.mark.parametrize("retry_after", [None, "1"])
def test_a_throttle_ends_no_wait_and_the_looks_become_rare(seconds: float, retry_after: str | None) -> None:
    async def main() -> None:
        library = Library("dps")
        offers = [library.create() for _ in range(500)]
        feed = feed_of(library)
        watches = [feed.join([library.reference(offer)], interval=0.3) for offer in offers]
        for watch in watches:
            await watch.news()
        headers = {} if retry_after is None else {"retry-after": retry_after}
        library.faults.append(lasting(seconds, answer(429, {}, headers)))
        before, began = len(library.requests), virtual_time.now()
        await asyncio.sleep(seconds)
        assert len(library.requests) - before <= 12 + seconds / 60
        for offer in offers:
            library.change(offer, status="approved")
        await asyncio.gather(*(until(watch, lambda watch=watch: news_of(watch) == "approved") for watch in watches))  # type: ignore[misc]
        # The pauses grow to two minutes.
        assert virtual_time.now() - began < seconds * 2 + 125
        await asyncio.gather(*(feed.leave(watch) for watch in watches))
        assert library.sessions_open == 0

    virtual_time.run(main())


def news_of(watch: Watch) -> str | None:
    (entity,) = watch.states.values()
    return None if entity is None else entity.status


def test_an_outage_is_borne_for_as_long_as_each_waiter_says() -> None:
    async def main() -> None:
        library = Library("dps")
        offer = library.create()
        feed = feed_of(library)
        waits = {seconds: feed.join([library.reference(offer)], interval=5, outage=seconds) for seconds in (60, 600)}
        for watch in waits.values():
            await watch.news()
        library.faults.append(lasting(1e9, answer(503, {})))
        began = virtual_time.now()
        for seconds, watch in waits.items():
            with pytest.raises(ServerError, match=f"the maximum outage is {'60.0 s' if seconds == 60 else '0:10:00'}"):
                await watch.news()
            assert seconds <= virtual_time.now() - began <= seconds + 10
            await feed.leave(watch)
        assert feed.idle
        assert library.sessions_open == 0

    virtual_time.run(main())


def test_an_outage_that_is_too_long_is_told_to_each_waiter_by_itself_and_the_next_one_starts_afresh() -> None:
    async def main() -> None:
        library = Library("dps")
        offer = library.create()
        feed = feed_of(library)
        watches = [feed.join([library.reference(offer)], interval=INTERVAL, outage=50) for _ in range(50)]
        for watch in watches:
            await watch.news()
        library.faults.append(lasting(1e9, lost()))
        told = []
        for watch in watches:
            with pytest.raises(NoAnswerError) as raised:
                await watch.news()
            told.append(raised.value)
        assert len(set(map(id, told))) == 50
        assert feed.idle
        assert library.sessions_open == 0
        library.faults.clear()
        # Somebody comes while those who were told are still about to leave.
        late = feed.join([library.reference(offer)], interval=INTERVAL)
        for watch in watches:
            await feed.leave(watch)
        await late.news()
        assert seen(late) == {offer: (1, "draft")}
        await feed.leave(late)
        assert library.sessions_open == 0

    virtual_time.run(main())


@pytest.mark.parametrize("status", [401, 403, 404])
@pytest.mark.parametrize("passes", [True, False])
def test_a_refusal_by_a_gateway_may_pass(status: int, passes: bool) -> None:
    async def main() -> None:
        library = Library("dps")
        offer = library.create()
        feed = feed_of(library)
        async with joined(feed, library, [offer]) as watch:
            await watch.news()
            library.faults.append(lasting(100 if passes else 1e9, answer(status, {})))
            library.change(offer, status="approved")
            began = virtual_time.now()
            if passes:
                await watch.news()
                assert seen(watch) == {offer: (2, "approved")}
                return
            with pytest.raises(APIError) as raised:
                await watch.news()
            assert raised.value.status == status
            if status != 404:
                assert "the maximum is 0:05:00" in str(raised.value)
                assert 300 <= virtual_time.now() - began < 320

    virtual_time.run(main())


class WrongSecret(Library):
    """A library whose credentials were changed."""

    wrong = False

    async def open(self) -> AsyncSession:
        if self.wrong:
            raise AuthenticationError("IMS refused the credentials", status=401, code="invalid_client")
        return await super().open()


def test_a_wrong_secret_and_a_wrong_request_end_the_wait_at_once() -> None:
    async def main() -> None:
        for wrong, status in ((AuthenticationError, 500), (OfferLibraryError, 400)):
            library = WrongSecret("dps")
            offer = library.create()
            feed = feed_of(library)
            async with joined(feed, library, [offer]) as watch:
                await watch.news()
                library.wrong = True
                library.faults.append(lasting(1e9, answer(status, {})))
                began = virtual_time.now()
                with pytest.raises(wrong, match="the wait ends here"):
                    await watch.news()
                assert virtual_time.now() - began < 4 * INTERVAL

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
            await other.news()
            library.change(offers[3], status="approved")
            await until(other, lambda: seen(other) == {offers[3]: (2, "approved")})
            assert virtual_time.now() < 1_000 + 3 * INTERVAL
            before = len(library.requests)
            with pytest.raises(PermissionDeniedError, match="refused for 0:05"):
                await unlucky.news()
            assert 300 < virtual_time.now() - 1_000 < 320
            assert len(library.requests) - before < 5 * 300 / INTERVAL


def test_an_offer_that_is_refused_for_a_while_is_looked_at_again() -> None:
    async def main() -> None:
        library = Library("dps")
        offers = [library.create() for _ in range(5)]
        refused = offers[2].rpartition(":")[2]
        end = virtual_time.now() + 100
        library.faults.append(
            lambda request: answer(403, {}) if refused in request.url and virtual_time.now() < end else None
        )
        feed = feed_of(library)
        async with joined(feed, library, offers) as watch:
            await until(watch, lambda: len(watch.states) == 5)
            assert 100 <= virtual_time.now() - 1_000 < 100 + 5 * INTERVAL

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


def shared(status: str, at_least: int) -> SharedSearch:
    query = parse_query(properties=[f"status=={status}"], limit=at_least)
    return SharedSearch(f"{status} {at_least}", PERSONALIZED, lambda access: search(access, PERSONALIZED, query))


@APIS
def test_a_search_is_made_once_for_all_and_again_only_after_changes(api: str) -> None:
    async def main() -> None:
        library = Library(api)
        offers = [library.create() for _ in range(10)]
        feed = feed_of(library)
        watches = [feed.join(interval=INTERVAL, search=shared("approved", 2)) for _ in range(100)]
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


def test_a_search_that_is_refused_ends_the_waits_for_it_only() -> None:
    async def main() -> None:
        library = Library("dps")
        offer = library.create()
        library.faults.append(lambda request: answer(400, {}) if "status" in request.url else None)
        feed = feed_of(library)
        asking = feed.join(interval=INTERVAL, search=shared("approved", 1))
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
        asking = feed.join(interval=INTERVAL, search=shared("approved", 1))
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
