"""The triggers for decisions on an event loop: shared requests, and events."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from airflow_provider_offers.client.waiting import polling
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
from airflow_provider_offers.triggers import shared
from airflow_provider_offers.triggers.decisions import BatchDecisionTrigger, OfferLiveTrigger
from airflow_provider_offers.triggers.offers import OfferTrigger
from tests.airflow.capture import captured_output
from tests.deciding import EMAIL, PROFILE, Stage, set_up
from tests.triggers.events import COMMON, event_of, until

DECISION = "dps:offer-activity:1"


@pytest.fixture
def emulator(emulator: Emulator) -> Emulator:
    emulator.configure(batch_queued_seconds=0.1, batch_processing_seconds=0.1, batch_ingesting_seconds=0.1)
    return emulator


def viewpoint(decision: str = DECISION, placement: str | None = Emulator.PLACEMENT_ID) -> dict[str, Any]:
    named = {"instance_id": None, "name": None}
    return {
        "decision": {"id": decision, **named},
        "placement": None if placement is None else {"id": placement, **named},
        "profile": {"Email": [{"id": EMAIL, "primary": True}]},
        "context": [["https://ns/store", {"store": "42"}]],
    }


def live(stage: Stage, offer: str, *, etag: int | None = None, **options: Any) -> OfferLiveTrigger:
    offers = [{"id": offer, "instance_id": offer, "offer_type": "personalized", "etag": etag}]
    return OfferLiveTrigger(offers=offers, viewpoint=viewpoint(stage.decision), **{**COMMON, **options})


def batch(job_id: str, *, seconds: float = 60, **options: Any) -> BatchDecisionTrigger:
    receipt = {"job_id": job_id, "status": "QUEUED", "dataset": "d", "audience": "a", "detail": None, "created": None}
    return BatchDecisionTrigger(receipt=receipt, deadline=time.time() + seconds, **{**COMMON, **options})


def nothing_left() -> bool:
    loop = asyncio.get_running_loop()
    return shared._feeds[loop] == {} and shared._askers[loop] == {}


def decisions(emulator: Emulator) -> int:
    return len(emulator.journal(path="/data/core/ods/*"))


def publish(offers: list[str]) -> None:
    with OfferLibraryHook("offers") as hook:
        for offer in offers:
            hook.patch_offer(offer, [{"op": "replace", "path": "/status", "value": "approved"}])


def test_many_who_look_from_the_same_place_share_its_decisions(emulator: Emulator, sessions: list[str]) -> None:
    stage = set_up(emulator, "dps", offers=30, status="draft")

    async def main() -> list[dict[str, Any]]:
        tasks = [asyncio.create_task(event_of(live(stage, offer, poll_interval=1.0))) for offer in stage.offers]
        await until(lambda: decisions(emulator) >= 2)
        await asyncio.to_thread(publish, stage.offers)
        events = await asyncio.gather(*tasks)
        assert nothing_left()
        return events

    began = time.monotonic()
    events = asyncio.run(main())
    assert [event["value"][0]["id"] for event in events] == stage.offers
    assert {(event["status"], event["value"][0]["etag"]) for event in events} == {("met", 2)}
    # At most one decision in half an interval, for any number of waits.
    assert decisions(emulator) <= 2 * (time.monotonic() - began) + 2
    assert {json.loads(entry.body)["xdm:dryRun"] for entry in emulator.journal(path="/data/core/ods/*")} == {True}
    # One for changes in the library, one for the runtime.
    assert sorted(sessions) == ["closed", "closed", "opened", "opened"]


def test_the_runtime_lags_behind_the_library(emulator: Emulator) -> None:
    stage = set_up(emulator, "dps")
    emulator.configure(runtime_lag=1.5)
    began = time.monotonic()
    publish(stage.offers[:1])
    event = asyncio.run(event_of(live(stage, stage.offers[0], etag=2)))
    assert (event["status"], event["value"][0]["etag"]) == ("met", 2)
    # The state of the library is not enough.
    assert time.monotonic() - began >= 1.5


@pytest.mark.parametrize("etag", [1, None])
def test_what_becomes_hopeless_ends_the_wait_at_once(emulator: Emulator, etag: int | None) -> None:
    stage = set_up(emulator, "dps", status="draft")

    def archive() -> None:
        with OfferLibraryHook("offers") as hook:
            hook.patch_offer(stage.offers[0], [{"op": "replace", "path": "/status", "value": "archived"}])

    async def main() -> dict[str, Any]:
        task = asyncio.create_task(event_of(live(stage, stage.offers[0], etag=etag)))
        await until(lambda: decisions(emulator) >= 1)
        await asyncio.to_thread(archive)
        return await task

    event = asyncio.run(main())
    assert event["status"] == "hopeless"
    assert "is archived and will not be served" in event["message"]


@pytest.mark.parametrize("placement", [None, Emulator.PLACEMENT_ID])
def test_a_decision_that_is_not_there_is_hopeless_and_one_that_is_unknown_yet_is_waited_for(
    emulator: Emulator, placement: str | None
) -> None:
    stage = set_up(emulator, "dps")
    offers = [{"id": stage.offers[0], "instance_id": None, "offer_type": "personalized", "etag": None}]
    gone = OfferLiveTrigger(offers=offers, viewpoint=viewpoint("dps:offer-activity:0", placement), **COMMON)
    event = asyncio.run(event_of(gone))
    assert (event["status"], event["message"]) == (
        "hopeless",
        "There is no decision dps:offer-activity:0: it was deleted, or the id or name is wrong",
    )
    emulator.configure(runtime_lag=3600)
    options = {**COMMON, "execution_deadline": time.time() + 1}
    unknown = OfferLiveTrigger(offers=offers, viewpoint=viewpoint(stage.decision, placement), **options)
    assert asyncio.run(event_of(unknown))["status"] == "execution_timeout"


@pytest.mark.parametrize("placement", [None, Emulator.PLACEMENT_ID])
def test_many_share_the_look_at_a_decision_that_ends(emulator: Emulator, placement: str | None) -> None:
    stage = set_up(emulator, "dps", offers=20, status="draft")
    seen_from = viewpoint(stage.decision, placement)

    def waiting(offer: str) -> OfferLiveTrigger:
        offers = [{"id": offer, "instance_id": offer, "offer_type": "personalized", "etag": None}]
        return OfferLiveTrigger(offers=offers, viewpoint=seen_from, **{**COMMON, "poll_interval": 1.0})

    def complete() -> None:
        with OfferLibraryHook("offers") as hook:
            change = [{"op": "replace", "path": "/status", "value": "complete"}]
            hook.objects("decision").patch(stage.decision, change)

    async def main() -> list[dict[str, Any]]:
        tasks = [asyncio.create_task(event_of(waiting(offer))) for offer in stage.offers]
        await until(lambda: decisions(emulator) >= 1)
        await asyncio.to_thread(complete)
        emulator.clear_journal()
        return await asyncio.gather(*tasks)

    events = asyncio.run(main())
    assert {event["status"] for event in events} == {"hopeless"}
    assert all("is complete and no longer runs" in event["message"] for event in events)
    looks = emulator.journal(method="GET", path=f"/data/core/dps/offer-decisions/{stage.decision}")
    # At most as many as the refusals: never one for each wait.
    assert 1 <= len(looks) <= max(decisions(emulator), 2) < len(events) / 2


def test_an_outage_is_borne_and_a_refused_request_is_not(emulator: Emulator) -> None:
    stage = set_up(emulator, "dps")
    emulator.add_fault("status", status=503, times=3, path="/data/core/ods/*")
    emulator.add_fault("drop", times=2, path="/data/core/ods/*")
    assert asyncio.run(event_of(live(stage, stage.offers[0])))["status"] == "met"
    emulator.add_fault("status", status=400, path="/data/core/ods/*")
    event = asyncio.run(event_of(live(stage, stage.offers[0])))
    assert (event["status"], event["error"], event["retryable"]) == ("failed", "BadRequestError", False)


def test_nothing_of_the_profile_is_logged(emulator: Emulator) -> None:
    stage = set_up(emulator, "dps", status="draft")
    body = json.dumps({"title": f"No {EMAIL}", "detail": EMAIL})
    emulator.add_fault("status", status=422, body=body, path="/data/core/ods/*")

    async def main() -> None:
        task = asyncio.create_task(event_of(live(stage, stage.offers[0])))
        # After a second request, the log has the first answer.
        await until(lambda: decisions(emulator) >= 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with captured_output() as output:
        asyncio.run(main())
        logged = output.text()
    assert "Not served yet" in logged
    assert EMAIL not in logged


def test_a_cancellation_passes_through_and_the_last_one_closes_the_sessions(
    emulator: Emulator, sessions: list[str]
) -> None:
    stage = set_up(emulator, "dps", status="draft")

    async def main() -> None:
        first, second = (asyncio.create_task(event_of(live(stage, offer))) for offer in stage.offers)
        await until(lambda: decisions(emulator) >= 2)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert "closed" not in sessions
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        assert sorted(sessions) == ["closed", "closed", "opened", "opened"]
        assert nothing_left()
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


def submit(stage: Stage, audience: str = "an-audience") -> str:
    with OfferLibraryHook("offers") as hook:
        receipt = hook.submit_batch(stage.decision, stage.placement, audience_id=audience, dataset_id="a-dataset")
        assert hook.batch_status(receipt["job_id"])["job_id"] == receipt["job_id"]
    return str(receipt["job_id"])


def test_batch_jobs_are_waited_for_on_one_session(emulator: Emulator, sessions: list[str]) -> None:
    stage = set_up(emulator, "dps")
    jobs = [submit(stage) for _ in range(12)]

    async def main() -> list[dict[str, Any]]:
        events = await asyncio.gather(*(event_of(batch(job)) for job in jobs))
        assert shared._askers[asyncio.get_running_loop()] == {}
        return list(events)

    events = asyncio.run(main())
    assert [event["value"]["receipt"]["job_id"] for event in events] == jobs
    assert {(event["status"], event["value"]["receipt"]["status"]) for event in events} == {("met", "COMPLETED")}
    assert {event["value"]["timed_out"] for event in events} == {False}
    assert sessions == ["opened", "closed"]


def test_a_batch_job_that_fails_is_over_too(emulator: Emulator) -> None:
    stage = set_up(emulator, "dps")
    emulator.configure(unknown_audience="error")
    event = asyncio.run(event_of(batch(submit(stage, "nobody"))))
    assert event["status"] == "met"
    assert event["value"]["receipt"]["status"] == "ERROR"
    assert "nobody does not exist" in event["value"]["receipt"]["detail"]


def test_a_batch_job_is_waited_for_no_longer_than_asked(emulator: Emulator) -> None:
    emulator.configure(batch_queued_seconds=3600)
    job = submit(set_up(emulator, "dps"))
    timed_out = asyncio.run(event_of(batch(job, seconds=0.5)))
    assert (timed_out["status"], timed_out["value"]["timed_out"]) == ("met", True)
    assert timed_out["value"]["receipt"]["status"] == "QUEUED"
    late = asyncio.run(event_of(batch(job, execution_deadline=time.time() + 0.5)))
    assert late["status"] == "execution_timeout"


def test_a_batch_job_survives_an_outage_and_is_missing_only_after_a_while(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "_MAX_BACKOFF", 0.2)
    job = submit(set_up(emulator, "dps"))
    emulator.add_fault("status", status=503, times=2, path="/data/core/dwm/*")
    emulator.add_fault("malformed", path="/data/core/dwm/*")
    emulator.add_fault("status", status=404, times=2, path="/data/core/dwm/*")
    assert asyncio.run(event_of(batch(job)))["value"]["receipt"]["status"] == "COMPLETED"
    emulator.clear_journal()
    event = asyncio.run(event_of(batch("47efef25-4bcf-404f-96e2-67c4f784a1f5", poll_interval=0.1)))
    assert (event["status"], event["error"], event["retryable"]) == ("failed", "NotFoundError", True)
    assert len(emulator.journal(path="/data/core/dwm/*")) == 11


def test_a_kill_by_hand_says_that_the_job_goes_on() -> None:
    with captured_output() as output:
        asyncio.run(batch("a-job").on_kill())
        assert "The batch job a-job continues" in output.text()


def test_a_connection_that_is_not_there_ends_both_waits(emulator: Emulator) -> None:
    stage = set_up(emulator, "dps")
    nowhere: list[OfferTrigger] = [
        live(stage, stage.offers[0], offer_library_conn_id="nowhere"),
        batch("a-job", offer_library_conn_id="nowhere"),
    ]
    for trigger in nowhere:
        event = asyncio.run(event_of(trigger))
        assert (event["status"], event["retryable"]) == ("failed", False)
        assert "'nowhere'" in event["message"]


def test_the_profile_is_what_the_service_was_asked_for(emulator: Emulator) -> None:
    stage = set_up(emulator, "dps")
    asyncio.run(event_of(live(stage, stage.offers[0])))
    (entry, *_) = emulator.journal(path="/data/core/ods/*")
    asked = json.loads(entry.body)["xdm:profiles"][0]
    assert asked["xdm:identityMap"] == {"Email": [{"xdm:id": PROFILE["Email"], "primary": True}]}
    assert asked["xdm:contextData"] == [{"@type": "https://ns/store", "xdm:data": {"store": "42"}}]
