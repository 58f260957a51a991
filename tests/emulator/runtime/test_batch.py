"""Batch decisioning: jobs follow the clock, wait in a queue, fail on request, and decide."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.emulator.runtime.batch_jobs import RUNNING_AT_ONCE
from tests.effort import examples
from tests.emulator.campaigns import ANNA, BEN, HTML, IMAGE, NOW, Campaign
from tests.emulator.conftest import Caller

AUDIENCE = "609028e4-e66c-4776-b0d9-c782887e2273"
DATASET = "6196b4a1a63bd118dafe093c"
DWM = "/data/core/dwm/workloads/decisions"


@pytest.fixture
def campaign(emulator: Emulator, caller: Caller) -> Campaign:
    """Jobs wait 10 s, are processed for 100 s and ingested for 30 s; it is noon of 1 May 2026."""
    emulator.clock.freeze(NOW)
    emulator.configure(batch_queued_seconds=10.0, batch_processing_seconds=100.0, batch_ingesting_seconds=30.0)
    return Campaign(caller)


def job_request(decision: str, **changes: Any) -> dict[str, Any]:
    document = {
        "xdm:segmentIds": [AUDIENCE],
        "xdm:dataSetId": DATASET,
        "xdm:propositionRequests": [{"xdm:activityId": decision, "xdm:placementId": HTML, "xdm:itemCount": 1}],
        "xdm:includeContent": False,
        **{f"xdm:{name}": value for name, value in changes.items()},
    }
    return {name: value for name, value in document.items() if value is not ...}


REQUEST_ID = {"x-request-id": "f671a589-eb7b-432f-b6b9-23d5b796b4dc"}


def post(campaign: Campaign, document: Any, path: str = DWM) -> requests.Response:
    return campaign.caller.call("POST", path, json=document, headers=REQUEST_ID)


def get(caller: Caller, path: str) -> requests.Response:
    return caller.call("GET", path, headers=REQUEST_ID)


def submit(campaign: Campaign, decision: str, **changes: Any) -> str:
    answer = post(campaign, job_request(decision, **changes))
    assert answer.status_code == 200, answer.text
    assert answer.json()["ode:status"] == "QUEUED"
    job: str = answer.json()["@id"]
    return job


def read(campaign: Campaign, job: str) -> dict[str, Any]:
    answer = get(campaign.caller, f"{DWM}/{job}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def status(campaign: Campaign, job: str) -> str:
    found: str = read(campaign, job)["ode:status"]
    return found


def test_documented_request_and_answers(emulator: Emulator, campaign: Campaign) -> None:
    answer = post(campaign, job_request(campaign.decision()))
    assert answer.status_code == 200
    queued = answer.json()
    job = queued["@id"]
    assert queued == {
        "@id": job,
        "xdm:imsOrgId": Emulator.ORG_ID,
        "ode:createDate": 1777636800000,
        "ode:status": "QUEUED",
    }
    assert read(campaign, job) == queued
    emulator.clock.advance(10)
    processing = read(campaign, job)
    assert processing.pop("ode:statusDetail").keys() == {"sparkJobId"}
    assert processing == {**queued, "ode:status": "PROCESSING"}
    emulator.clock.advance(100)
    ingesting = read(campaign, job)
    assert ingesting.pop("ode:statusDetail").keys() == {"sparkJobId", "batchId"}
    assert ingesting == {**queued, "ode:status": "INGESTING"}
    emulator.clock.advance(30)
    assert read(campaign, job) == {**queued, "ode:status": "COMPLETED"}
    assert emulator.request_counts()["dwm.submit"] == 1
    assert emulator.request_counts()["dwm.read"] == 4
    (entry,) = emulator.journal(route="dwm.submit")
    assert entry.committed


def test_each_state_lasts_as_long_as_was_set_when_the_job_was_submitted(emulator: Emulator, campaign: Campaign) -> None:
    job = submit(campaign, campaign.decision())
    emulator.configure(batch_processing_seconds=1.0)
    seen = []
    for step in (9.999, 0.001, 99.999, 0.001, 29.999, 0.001):
        emulator.clock.advance(step)
        seen.append(status(campaign, job))
    assert seen == ["QUEUED", "PROCESSING", "PROCESSING", "INGESTING", "INGESTING", "COMPLETED"]


def test_no_time_at_all(emulator: Emulator, campaign: Campaign) -> None:
    emulator.configure(batch_queued_seconds=0, batch_processing_seconds=0, batch_ingesting_seconds=0)
    assert status(campaign, submit(campaign, campaign.decision())) == "COMPLETED"


def test_older_address_with_a_container(emulator: Emulator, campaign: Campaign) -> None:
    path = f"/data/core/dwm/{emulator.CONTAINER_ID}/workloads/decisions"
    job = post(campaign, job_request(campaign.decision()), path).json()["@id"]
    assert get(campaign.caller, f"{path}/{job}").json()["ode:status"] == "QUEUED"
    assert status(campaign, job) == "QUEUED"
    foreign = f"/data/core/dwm/{emulator.container_id('dev')}/workloads/decisions"
    assert post(campaign, job_request(campaign.decision()), foreign).status_code == 403


def test_five_jobs_of_a_dataset_run_at_once(emulator: Emulator, campaign: Campaign) -> None:
    decision = campaign.decision()
    jobs = [submit(campaign, decision) for _ in range(RUNNING_AT_ONCE + 2)]
    other = submit(campaign, decision, dataSetId="another")
    emulator.clock.advance(10)
    assert [status(campaign, each) for each in jobs] == ["PROCESSING"] * 5 + ["QUEUED"] * 2
    assert status(campaign, other) == "PROCESSING"
    emulator.clock.advance(129)
    assert [status(campaign, each) for each in jobs] == ["INGESTING"] * 5 + ["QUEUED"] * 2
    emulator.clock.advance(1)
    assert [status(campaign, each) for each in jobs] == ["COMPLETED"] * 5 + ["PROCESSING"] * 2
    emulator.clock.advance(130)
    assert {status(campaign, each) for each in jobs} == {"COMPLETED"}


@examples(30)
@given(pauses=st.lists(st.integers(0, 90), min_size=1, max_size=14), datasets=st.integers(1, 2))
def test_laws_of_the_queue(emulator: Emulator, pauses: list[int], datasets: int) -> None:
    """At most five jobs run, none overtakes another, none waits while there is room, and states never go back."""
    emulator.reset()
    emulator.clock.freeze(NOW)
    emulator.configure(batch_queued_seconds=5, batch_processing_seconds=100, batch_ingesting_seconds=30)
    campaign = Campaign(Caller(emulator))
    decision = campaign.decision()
    order = ("QUEUED", "PROCESSING", "INGESTING", "COMPLETED")
    jobs: list[tuple[str, int, int]] = []
    before: dict[str, str] = {}
    elapsed = 0
    for number, pause in enumerate(pauses):
        jobs.append((submit(campaign, decision, dataSetId=str(number % datasets)), number % datasets, elapsed))
        emulator.clock.advance(pause)
        elapsed += pause
        now = {each["@id"]: each["ode:status"] for each in emulator.jobs()}
        assert all(order.index(now[job]) >= order.index(state) for job, state in before.items())
        running = Counter(dataset for job, dataset, _ in jobs if now[job] in order[1:3])
        assert max(running.values(), default=0) <= RUNNING_AT_ONCE
        for dataset in range(datasets):
            states = [order.index(now[job]) for job, where, _ in jobs if where == dataset]
            assert states == sorted(states, reverse=True)
            waiting = [now[job] for job, where, since in jobs if where == dataset and elapsed - since >= 5]
            assert "QUEUED" not in waiting or running[dataset] == RUNNING_AT_ONCE
        before = now


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"segmentIds": ...}, "/xdm:segmentIds: is required"),
        ({"segmentIds": []}, "exactly 1"),
        ({"segmentIds": [AUDIENCE, "b"]}, "exactly 1"),
        ({"segmentIds": [7]}, "/xdm:segmentIds/0: must be a string"),
        ({"dataSetId": ...}, "/xdm:dataSetId: is required"),
        ({"dataSetId": " "}, "/xdm:dataSetId: must not be empty"),
        ({"includeContent": 1}, "/xdm:includeContent: must be true or false"),
        ({"propositionRequests": []}, "from 1 to 30"),
        ({"propositionRequests": [{"xdm:activityId": "a", "xdm:placementId": "b", "xdm:itemCount": 31}]}, "itemCount"),
        ({"propositionRequests": [{"xdm:activityId": "a", "xdm:placementId": "b", "xdm:itemCount": 0}]}, "itemCount"),
    ],
)
def test_malformed_jobs(emulator: Emulator, campaign: Campaign, changes: dict[str, Any], where: str) -> None:
    answer = post(campaign, job_request("dps:offer-activity:0", **changes))
    assert answer.status_code == 400
    assert where in answer.json()["detail"]
    assert answer.json()["type"] == "http://ns.adobe.com/aep/errors/DWM-1100-400"
    assert emulator.jobs() == []


def test_other_refusals(emulator: Emulator, campaign: Campaign) -> None:
    decision = campaign.decision()
    assert post(campaign, job_request("dps:offer-activity:0")).status_code == 422
    elsewhere = {"xdm:activityId": decision, "xdm:placementId": IMAGE}
    assert post(campaign, job_request(decision, propositionRequests=[elsewhere])).status_code == 422
    assert post(campaign, [1]).status_code == 400
    assert (
        campaign.caller.call(
            "POST", DWM, data=b"{", headers={**REQUEST_ID, "Content-Type": "application/json"}
        ).status_code
        == 400
    )
    assert (
        campaign.caller.call("POST", DWM, data=b"{}", headers={**REQUEST_ID, "Content-Type": "text/plain"}).status_code
        == 415
    )
    assert get(campaign.caller, f"{DWM}/47efef25-4bcf-404f-96e2-67c4f784a1f5").status_code == 404
    assert campaign.caller.call("GET", DWM).status_code == 405
    reader = Campaign(Caller(emulator, Emulator.READER_CLIENT_ID))
    assert post(reader, job_request(decision)).status_code == 403
    job = submit(campaign, decision)
    assert status(reader, job) == "QUEUED"
    assert get(Caller(emulator, sandbox="dev"), f"{DWM}/{job}").status_code == 404


def test_the_request_id_is_required(campaign: Campaign) -> None:
    job = submit(campaign, campaign.decision())
    for answer in (
        campaign.caller.call("POST", DWM, json=job_request(campaign.decision())),
        campaign.caller.call("GET", f"{DWM}/{job}"),
    ):
        assert answer.status_code == 400
        assert "x-request-id" in answer.json()["detail"]


def test_terms_of_a_job(emulator: Emulator, campaign: Campaign) -> None:
    best, second = campaign.offer("Best", 2), campaign.offer("Second", 1)
    decision = campaign.decision(campaign.criterion(None, HTML, IMAGE))
    scopes = [{"xdm:activityId": decision, "xdm:placementId": each} for each in (HTML, IMAGE)]
    emulator.set_audience(AUDIENCE, [f"Email:{ANNA}"])
    metadata = {"xdm:includeMetadata": {"xdm:option": ["name"]}}
    submit(campaign, decision, propositionRequests=scopes)
    allowed = {"xdm:acrossPlacements": True}
    submit(
        campaign,
        decision,
        propositionRequests=scopes,
        allowDuplicatePropositions=allowed,
        responseFormat=metadata,
        includeContent=...,
    )
    emulator.clock.advance(140)
    kept_apart, together = (
        [each["xdm:options"][0] for each in job["results"][0]["xdm:propositions"]] for job in emulator.jobs()
    )
    assert [each["xdm:id"] for each in kept_apart] == [best, second]
    assert [(each["xdm:id"], each["xdm:name"]) for each in together] == [(best, "Best")] * 2


def test_a_fault_makes_one_job_fail(emulator: Emulator, campaign: Campaign) -> None:
    decision = campaign.decision()
    emulator.add_fault("fail_job", route="dwm.submit", after=1, body="Spark ran out of memory")
    good, bad = submit(campaign, decision), submit(campaign, decision)
    emulator.clock.advance(10)
    assert status(campaign, bad) == "PROCESSING"
    emulator.clock.advance(100)
    found = read(campaign, bad)
    assert (found["ode:status"], found["ode:statusDetail"]) == ("ERROR", "Spark ran out of memory")
    emulator.clock.advance(30)
    assert (status(campaign, good), status(campaign, bad)) == ("COMPLETED", "ERROR")
    assert emulator.jobs()[1]["results"] == []


def test_a_fault_on_a_refused_job_changes_nothing(emulator: Emulator, campaign: Campaign) -> None:
    emulator.add_fault("fail_job", times=None)
    assert post(campaign, job_request("nothing")).status_code == 422
    assert status(campaign, submit(campaign, campaign.decision())) == "QUEUED"


def test_a_lost_answer_leaves_a_job(emulator: Emulator, campaign: Campaign) -> None:
    decision = campaign.decision()
    emulator.add_fault("drop", route="dwm.submit", when="after")
    with pytest.raises(requests.ConnectionError):
        submit(campaign, decision)
    assert len(emulator.jobs()) == 1


@pytest.mark.parametrize(("switch", "outcome"), [("allow", "COMPLETED"), ("error", "ERROR"), ("refuse", 422)])
def test_unknown_audiences(emulator: Emulator, campaign: Campaign, switch: str, outcome: Any) -> None:
    emulator.configure(unknown_audience=switch)
    decision = campaign.decision()
    answer = post(campaign, job_request(decision))
    if outcome == 422:
        assert (answer.status_code, AUDIENCE in answer.json()["detail"]) == (422, True)
    else:
        emulator.clock.advance(140)
        assert status(campaign, answer.json()["@id"]) == outcome
    emulator.set_audience(AUDIENCE, [])
    job = submit(campaign, decision)
    emulator.clock.advance(140)
    assert status(campaign, job) == "COMPLETED"


def test_a_job_decides_for_every_profile_of_its_audience(emulator: Emulator, campaign: Campaign) -> None:
    capped = campaign.offer("Capped", 9, cappingConstraint={"globalCap": 1})
    plain = campaign.offer("Plain")
    decision = campaign.decision()
    emulator.set_audience(AUDIENCE, [f"Email:{ANNA}", f"Email:{BEN}"])
    job = submit(campaign, decision, includeContent=True)
    emulator.clock.advance(139)
    (found,) = emulator.jobs()
    assert (found["@id"], found["ode:status"], found["results"]) == (job, "INGESTING", [])
    emulator.clock.advance(1)
    (found,) = emulator.jobs()
    first, second = found["results"]
    assert first["xdm:identityMap"] == {"Email": [{"xdm:id": ANNA}]}
    options = [each["xdm:propositions"][0]["xdm:options"][0] for each in (first, second)]
    assert [each["xdm:id"] for each in options] == [capped, plain]
    assert options[0]["xdm:content"] == "<p>10%</p>"
    assert campaign.proposed(decision) == [plain]
    assert found["request"] == job_request(decision, includeContent=True)


def test_a_job_sees_the_library_as_it_is_when_it_starts(emulator: Emulator, campaign: Campaign) -> None:
    first = campaign.offer("First")
    decision = campaign.decision()
    emulator.set_audience(AUDIENCE, [f"Email:{ANNA}"])
    jobs = [submit(campaign, decision)]
    emulator.clock.advance(11)
    second = campaign.offer("Second", 5)
    jobs.append(submit(campaign, decision))
    emulator.clock.advance(1000)
    found = {each["@id"]: each["results"][0]["xdm:propositions"][0]["xdm:options"] for each in emulator.jobs()}
    assert [found[job][0]["xdm:id"] for job in jobs] == [first, second]


def test_a_job_whose_decision_was_closed_meanwhile_fails(emulator: Emulator, campaign: Campaign) -> None:
    decision = campaign.decision()
    job = submit(campaign, decision)
    campaign.patch(f"offer-decisions/{decision}", {"op": "replace", "path": "/status", "value": "draft"})
    emulator.clock.advance(110)
    found = read(campaign, job)
    assert found["ode:status"] == "ERROR"
    assert "is draft" in found["ode:statusDetail"]


def test_a_broken_object_fails_the_job_and_nothing_else(emulator: Emulator, campaign: Campaign) -> None:
    decision = campaign.decision()
    emulator.set_audience(AUDIENCE, [f"Email:{ANNA}"])
    job = submit(campaign, decision)
    body = {"name": "Broken", "status": "approved", "representations": 7, "tags": [Emulator.TAG_ID]}
    emulator.seed(objects=[{"kind": "personalized-offer", "body": body}], checked=False)
    emulator.clock.advance(110)
    found = read(campaign, job)
    assert found["ode:status"] == "ERROR"
    assert "the emulator failed" in found["ode:statusDetail"]


def test_restart_keeps_jobs_going(tmp_path: Path) -> None:
    db = tmp_path / "library.db"
    options: dict[str, Any] = {"batch_queued_seconds": 10, "batch_processing_seconds": 100}
    with Emulator(db=db, **options) as first:
        first.clock.freeze(NOW)
        campaign = Campaign(Caller(first))
        offer, decision = campaign.offer(), campaign.decision()
        first.set_audience(AUDIENCE, [f"Email:{ANNA}"])
        jobs = [submit(campaign, decision) for _ in range(6)]
        first.add_fault("fail_job", route="dwm.submit")
        jobs.append(submit(campaign, decision, dataSetId="other"))
    with Emulator(db=db) as second:
        second.clock.freeze(NOW)
        second.clock.advance(110)
        campaign = Campaign(Caller(second))
        assert [status(campaign, each) for each in jobs] == ["INGESTING"] * 5 + ["QUEUED", "ERROR"]
        second.clock.advance(1)
        (written, *_) = second.jobs()
        assert written["results"][0]["xdm:propositions"][0]["xdm:options"][0]["xdm:id"] == offer
        again = submit(campaign, decision)
        assert again not in jobs
        second.reset()
        assert second.jobs() == []
