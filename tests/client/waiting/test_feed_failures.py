"""The change feed when the service fails: outages, throttling, refusals and lost sessions, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_offers.client.errors import (
    APIError,
    AuthenticationError,
    NoAnswerError,
    OfferLibraryError,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
)
from airflow_provider_offers.client.model.entities import Reference
from airflow_provider_offers.client.model.kinds import RULE
from airflow_provider_offers.client.session import AsyncSession
from airflow_provider_offers.client.waiting.watch import Watch
from airflow_provider_offers.client.wire.messages import Request, Response
from tests.client.library import page
from tests.client.script import answer, lost
from tests.client.waiting import virtual_time
from tests.client.waiting.feeds import INTERVAL, failing, feed_of, joined, seen, until
from tests.client.waiting.simulated import Library

RULE_ID = "dps:offer-rule:00000000000000aa"
RULES = "/offer-rules"


def lasting(seconds: float, result: Any) -> Callable[[Request], Any]:
    """A fault of every request for this number of seconds."""
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
        # The pauses increase to two minutes.
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
        # A new waiter arrives while the notified ones are still leaving.
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


@pytest.mark.parametrize("passes", [True, False])
def test_a_kind_that_the_service_refuses_to_show_is_the_matter_of_its_own_waiters(passes: bool) -> None:
    async def main() -> None:
        library = Library("dps")
        offer = library.create()
        end = virtual_time.now() + (100 if passes else 1e9)

        def rules_are_refused(request: Request) -> Response | None:
            if "/offer-rules" not in request.url:
                return None
            if virtual_time.now() < end:
                return answer(403, {})
            return answer(404, {}) if RULE_ID in request.url else answer(200, page("dps", [], total=0))

        library.faults.append(rules_are_refused)
        feed = feed_of(library)
        rules, rule = (
            feed.join(interval=INTERVAL, follows=RULE),
            feed.join([Reference(RULE, id=RULE_ID)], interval=INTERVAL),
        )
        async with joined(feed, library, [offer]) as watch:
            await watch.news()
            library.change(offer, status="approved")
            await until(watch, lambda: seen(watch) == {offer: (2, "approved")})
            assert virtual_time.now() < 1_000 + 3 * INTERVAL
            before = len(library.requests)
            for refused in (rules, rule):
                if passes:
                    assert await refused.news()
                    assert 100 <= virtual_time.now() - 1_000 < 100 + 5 * INTERVAL
                else:
                    with pytest.raises(PermissionDeniedError, match="refused for 0:05"):
                        await refused.news()
                    assert 300 < virtual_time.now() - 1_000 < 320
            assert len(library.requests) - before < 5 * 300 / INTERVAL
            library.change(offer, status="draft")
            await until(watch, lambda: seen(watch) == {offer: (3, "draft")})
            assert library.sessions_opened == 1
            if passes:
                assert rule.states == {RULE_ID: None}
        await feed.leave(rules)
        await feed.leave(rule)

    virtual_time.run(main())


def without_rules(*refusals: tuple[float, float, str]) -> Callable[[Request], Response | None]:
    """A library without rules. It refuses, from one second to another, what has the text in its address."""

    def fault(request: Request) -> Response | None:
        if RULES not in request.url:
            return None
        if any(begin <= virtual_time.now() < end and about in request.url for begin, end, about in refusals):
            return answer(403, {})
        path = request.url.partition("?")[0]
        return answer(200, page("dps", [], total=0)) if path.endswith(RULES) else answer(404, {})

    return fault


def looks(library: Library) -> int:
    """How often the feed has read the rule."""
    return sum(RULE_ID in request.url.partition("?")[0] for request in library.requests)


def test_a_wait_that_left_leaves_no_refusal_of_its_kind_to_a_later_wait() -> None:
    async def main() -> None:
        library = Library("dps")
        library.faults.append(without_rules((0, 1_020, RULES), (1_600, 1_620, RULES)))
        feed = feed_of(library)
        async with joined(feed, library, [library.create()]) as watch:
            await watch.news()
            rules = feed.join(interval=INTERVAL, follows=RULE)
            assert not await rules.news(within=2 * INTERVAL)
            await feed.leave(rules)
            await asyncio.sleep(1_600 - virtual_time.now())
            rules = feed.join(interval=INTERVAL, follows=RULE)
            assert await rules.news()
            assert 1_620 <= virtual_time.now() < 1_620 + 2 * INTERVAL
            await feed.leave(rules)

    virtual_time.run(main())


@pytest.mark.parametrize("refused", [RULES, RULE_ID], ids=["the kind", "the object"])
def test_a_refusal_that_has_passed_does_not_count_later(refused: str) -> None:
    async def main() -> None:
        library = Library("dps")
        library.faults.append(without_rules((0, 1_030, refused), (1_600, 1_620, RULE_ID)))
        feed = feed_of(library)
        rule = feed.join([Reference(RULE, id=RULE_ID)], interval=INTERVAL)
        async with joined(feed, library, [library.create()]) as watch:
            await watch.news()
            await until(rule, lambda: rule.states == {RULE_ID: None})
            assert 1_030 <= virtual_time.now() < 1_030 + 2 * INTERVAL
            await asyncio.sleep(1_400 - virtual_time.now())
            before = looks(library)
            await asyncio.sleep(100)
            assert looks(library) - before <= 100 / INTERVAL / 2
            await asyncio.sleep(200)
            assert not await rule.news(within=INTERVAL)
        await feed.leave(rule)

    virtual_time.run(main())


def test_the_objects_of_a_refused_kind_are_not_looked_up_batch_by_batch() -> None:
    async def main() -> None:
        library = Library("dps")
        library.faults.append(without_rules((0, 1_010, RULES)))
        feed = feed_of(library)
        ids = [f"dps:offer-rule:{number:016x}" for number in range(400)]
        rules = feed.join([Reference(RULE, id=each) for each in ids], interval=INTERVAL)
        async with joined(feed, library, [library.create()]) as watch:
            await watch.news()
            await asyncio.sleep(4)
            assert len(library.requests) < 10
            await until(rules, lambda: rules.states == dict.fromkeys(ids))
        await feed.leave(rules)

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
