"""The triggers on an event loop: their shared session, and their events."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from unittest.mock import patch

import pytest

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.hooks.offer_library import OfferLibraryAsyncHook, OfferLibraryHook
from airflow_provider_offers.triggers import shared
from airflow_provider_offers.triggers.offers import (
    OffersFoundTrigger,
    OfferStatusTrigger,
)
from tests.triggers.events import COMMON, event_of, until

OFFER = {"id": "dps:personalized-offer:1", "instance_id": "dps:personalized-offer:1", "offer_type": "personalized"}


def status_trigger(offer: str, **options: Any) -> OfferStatusTrigger:
    offers = [{**OFFER, "id": offer, "instance_id": offer}]
    return OfferStatusTrigger(offers=offers, statuses=["approved"], **{**COMMON, **options})


def publish(emulator: Emulator, offers: list[str]) -> None:
    with OfferLibraryHook("offers") as hook:
        for offer in offers:
            hook.patch_offer(offer, [{"op": "replace", "path": "/status", "value": "approved"}])


@pytest.mark.bulk
def test_hundreds_share_one_session_and_are_told_each_by_itself(emulator: Emulator, sessions: list[str]) -> None:
    offers = emulator.seed(300, template={"status": "draft"})

    async def main() -> list[dict[str, Any]]:
        tasks = [asyncio.create_task(event_of(status_trigger(offer))) for offer in offers]
        await until(lambda: len(emulator.journal(path="/data/*")) >= 12)
        # Some leave early, as after a redistribution, without an effect on the others.
        for task in tasks[200:]:
            task.cancel()
        await asyncio.gather(*tasks[200:], return_exceptions=True)
        assert all(task.cancelled() for task in tasks[200:])
        await asyncio.to_thread(publish, emulator, offers[:200])
        events = await asyncio.gather(*tasks[:200])
        assert shared._feeds[asyncio.get_running_loop()] == {}
        return events

    events = asyncio.run(main())
    assert [event["value"][0]["id"] for event in events] == offers[:200]
    assert {event["status"] for event in events} == {"met"}
    assert sessions == ["opened", "closed"]
    # One for the session, and one for the hook that published.
    assert len(emulator.journal(path="/ims/*")) <= 2


def test_a_cancellation_passes_through_and_the_last_one_closes_the_session(
    emulator: Emulator, sessions: list[str]
) -> None:
    (offer,) = emulator.seed(1, template={"status": "draft"})

    async def main() -> None:
        first, second = (asyncio.create_task(event_of(status_trigger(offer))) for _ in range(2))
        await until(lambda: len(emulator.journal(path="/data/*")) >= 3)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert sessions == ["opened"]
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        assert sessions == ["opened", "closed"]
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


def test_the_events_of_what_cannot_be(emulator: Emulator) -> None:
    (offer,) = emulator.seed(1, template={"status": "draft"})
    gone = "dps:personalized-offer:0"
    hopeless = asyncio.run(event_of(status_trigger(gone)))
    assert hopeless == {
        "status": "hopeless",
        "message": f"There is no offer {gone}: it was deleted, or the id is wrong",
    }
    late = asyncio.run(event_of(status_trigger(offer, execution_deadline=time.time() + 0.5)))
    assert late["status"] == "execution_timeout"
    soon, later = time.time() + 0.5, time.time() + 60
    over = asyncio.run(event_of(status_trigger(offer, sensor_deadline=soon, execution_deadline=later)))
    assert over["status"] == "sensor_timeout"
    missing = asyncio.run(event_of(status_trigger(offer, offer_library_conn_id="nowhere")))
    assert (missing["status"], missing["retryable"]) == ("failed", False)
    assert "'nowhere'" in missing["message"]
    wrong = OffersFoundTrigger(search={"q": "x"}, offer_type="personalized", at_least=1, **COMMON)
    refused = asyncio.run(event_of(wrong))
    assert (refused["status"], refused["error"], refused["retryable"]) == ("failed", "UnsupportedError", False)


def test_only_the_deadline_of_the_task_is_a_timeout(emulator: Emulator) -> None:
    trigger = status_trigger("dps:personalized-offer:0", sensor_deadline=time.time() + 60)
    with patch.object(trigger, "wait", side_effect=TimeoutError("a socket")), pytest.raises(TimeoutError):
        asyncio.run(event_of(trigger))


def test_a_connection_that_cannot_be_read_for_a_while_is_read_again(emulator: Emulator) -> None:
    (offer,) = emulator.seed(1, template={"status": "approved"})
    read, failures = OfferLibraryAsyncHook.settings, iter([TimeoutError, RuntimeError])

    async def settings(self: OfferLibraryAsyncHook) -> Any:
        for failure in failures:
            raise failure("Airflow's API is away")
        return await read(self)

    with patch.object(OfferLibraryAsyncHook, "settings", settings):
        assert asyncio.run(event_of(status_trigger(offer)))["status"] == "met"


def test_a_search_is_waited_for(emulator: Emulator, sessions: list[str]) -> None:
    search = {"properties": ["name==New"]}
    triggers = [OffersFoundTrigger(search=search, offer_type="personalized", at_least=1, **COMMON) for _ in range(5)]

    async def main() -> list[dict[str, Any]]:
        tasks = [asyncio.create_task(event_of(trigger)) for trigger in triggers]
        await until(lambda: len(emulator.journal(path="/data/*")) >= 4)
        await asyncio.to_thread(emulator.seed, 1, name="New")
        return await asyncio.gather(*tasks)

    events = asyncio.run(main())
    assert {event["value"][0]["name"] for event in events} == {"New"}
    assert sessions == ["opened", "closed"]


def test_the_asynchronous_hook_opens_one_session_for_all_who_call_at_once(
    emulator: Emulator, sessions: list[str]
) -> None:
    offers = emulator.seed(5)

    async def main() -> None:
        async with OfferLibraryAsyncHook("offers") as hook:
            found = await asyncio.gather(*(hook.get_offer(offer) for offer in offers))
            assert [offer["id"] for offer in found] == offers
            assert len([offer async for offer in hook.search_offers(limit=3)]) == 3

    asyncio.run(main())
    assert sessions == ["opened", "closed"]
