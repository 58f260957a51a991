"""Batch decisions: the requests and their retries, the reading of a job, and the patience of the wait."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.client.deciding.batch import late
from airflow_provider_offers.client.deciding.jobs import Workload, job_receipt, job_status, new_workload, submit
from airflow_provider_offers.client.errors import (
    BatchJobError,
    BatchTimeoutError,
    InvalidInputError,
    NoAnswerError,
    NotFoundError,
    OfferLibraryError,
    PermissionDeniedError,
    RateLimitedError,
    RejectedError,
    UnexpectedResponseError,
)
from airflow_provider_offers.client.model.decided import STATUSES, Job
from airflow_provider_offers.client.waiting.polling import LONGEST_OUTAGE, LONGEST_REFUSAL, MAX_FAILURES, Patience
from tests.client.deciding.test_deciding import DECISION, OTHER_PLACEMENT, PLACEMENT
from tests.client.script import SETTINGS, Script, answer, body_of, lost

JOB = "47efef25-4bcf-404f-96e2-67c4f784a1f5"
ARGUMENTS: dict[str, Any] = {
    "decision_id": DECISION,
    "placement_id": PLACEMENT,
    "audience_id": "609028e4-e66c-4776-b0d9-c782887e2273",
    "dataset_id": "6196b4a1a63bd118dafe093c",
    "item_count": 1,
    "include_content": False,
    "settings": SETTINGS,
}


def workload(**changes: Any) -> Workload:
    return new_workload(**{**ARGUMENTS, **changes})


def shown(status: str = "QUEUED", **members: Any) -> dict[str, Any]:
    created = {"xdm:imsOrgId": "9GTO98D5F@AdobeOrg", "ode:createDate": 1_648_078_924_834}
    return {"@id": JOB, **created, "ode:status": status, **members}


@pytest.mark.parametrize("api", ["dps", "xcore"])
def test_a_submission_is_the_documented_one_on_both_generations(api: str) -> None:
    script = Script(answer(201, shown()))
    job = script.run(submit(script.access(api), workload(placement_id=[PLACEMENT, OTHER_PLACEMENT], item_count=2)))
    (request,) = script.requests
    assert (request.method, request.url) == ("POST", "https://platform.adobe.io/data/core/dwm/workloads/decisions")
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["x-request-id"] == "ours-1"
    assert body_of(request) == {
        "xdm:segmentIds": ["609028e4-e66c-4776-b0d9-c782887e2273"],
        "xdm:dataSetId": "6196b4a1a63bd118dafe093c",
        "xdm:propositionRequests": [
            {"xdm:activityId": DECISION, "xdm:placementId": each, "xdm:itemCount": 2}
            for each in (PLACEMENT, OTHER_PLACEMENT)
        ],
        "xdm:includeContent": False,
    }
    assert job == Job(JOB, "QUEUED", "2022-03-23T23:42:04.834Z")
    assert job_receipt(job, SETTINGS, dataset="d", audience="a") == {
        "job_id": JOB,
        "status": "QUEUED",
        "dataset": "d",
        "audience": "a",
        "detail": None,
        "created": "2022-03-23T23:42:04.834Z",
        "sandbox": "dev1",
        "api": "dps",
    }


@pytest.mark.parametrize("reply", [lost(), answer(503), answer(500), answer(200, b"<html>"), answer(200, {})])
def test_what_may_be_a_job_is_not_submitted_again(reply: Any) -> None:
    script = Script(reply)
    with pytest.raises(OfferLibraryError) as caught:
        script.run(submit(script.access(), workload()))
    assert not caught.value.verdict.settled


@pytest.mark.parametrize("reply", [lost(sent=False), answer(429)])
def test_what_certainly_is_none_is_submitted_again(reply: Any) -> None:
    script = Script(reply, answer(200, shown()))
    assert script.run(submit(script.access(), workload())).id == JOB


def test_a_refusal_certainly_is_no_job() -> None:
    for status in (400, 403, 404, 409, 422):
        script = Script(answer(status, {"title": "No"}), *[answer(404)] * (status in (404, 422)))
        with pytest.raises(OfferLibraryError) as caught:
            script.run(submit(script.access(), workload()))
        assert caught.value.verdict.settled


def test_a_job_is_read_with_patience() -> None:
    script = Script(lost(), answer(503), answer(200, shown("INGESTING", **{"ode:statusDetail": {"batchId": "01G"}})))
    job = script.run(job_status(script.access(), JOB))
    assert script.sent == [f"GET /data/core/dwm/workloads/decisions/{JOB}"] * 3
    assert (job.status, job.detail, job.is_over) == ("INGESTING", {"batchId": "01G"}, False)
    assert str(job) == f'The batch job {JOB} is INGESTING ({{"batchId": "01G"}})'


@pytest.mark.parametrize("status", [*STATUSES, "queued", "PAUSED"])
def test_only_the_last_two_words_end_a_job(status: str) -> None:
    script = Script(answer(200, shown(status)))
    job = script.run(job_status(script.access(), JOB))
    assert job.is_over == (status in ("COMPLETED", "ERROR"))
    assert ("waits in the queue" in job.progress) == (job.status == "QUEUED")
    if status != "ERROR":
        assert job.completed() is job


@pytest.mark.parametrize(
    ("detail", "said"), [("no such dataset", "failed: no such dataset"), ({"a": 1}, '{"a": 1}'), (None, "no detail")]
)
def test_a_failed_job_says_why(detail: Any, said: str) -> None:
    with pytest.raises(BatchJobError, match=f"The batch job {JOB} failed") as caught:
        Job(JOB, "ERROR", None, detail).completed()
    assert said in str(caught.value)
    assert caught.value.retryable
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_job_that_takes_too_long_is_said_to_go_on() -> None:
    error = late(JOB, "PROCESSING", 7200)
    assert str(error) == f"The batch job {JOB} is still PROCESSING after 7200 s, and continues"
    assert error.retryable
    assert isinstance(pickle.loads(pickle.dumps(error)), BatchTimeoutError)


@pytest.mark.parametrize("body", [{}, {"@id": JOB}, {"@id": 1, "ode:status": "QUEUED"}, {"@id": JOB, "ode:status": {}}])
def test_what_shows_no_job_is_refused(body: Any) -> None:
    script = Script(answer(200, body))
    with pytest.raises(UnexpectedResponseError):
        script.go(job_status(script.access(max_retries=0), JOB))


@given(created=st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False) | st.none() | st.booleans())
def test_a_job_is_read_whatever_its_time_stamp(created: Any) -> None:
    script = Script(answer(200, json.dumps(shown("QUEUED", **{"ode:createDate": created})).encode()))
    assert script.run(job_status(script.access(), JOB)).id == JOB


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no audience": ({"audience_id": ""}, "audience_id: given ''; expected the id of one audience"),
    "two audiences": ({"audience_id": ["a", "b"]}, "audience_id: given 2 of them"),
    "an audience's name": ({"audience_id": "Gold members"}, "audience_id: given 'Gold members'"),
    "no dataset": ({"dataset_id": None}, "dataset_id: given None; expected the id of one dataset"),
    "31 items": ({"item_count": 31}, "item_count: given 31; expected a whole number from 1 to 30"),
    "no placement": ({"placement_id": []}, "placement_id: given an empty list"),
    "an audience for a decision": ({"decision_id": "dps:offer-placement:1"}, "decision_id"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_before_anything_is_sent(case: str) -> None:
    changes, said = WRONG[case]
    with pytest.raises(InvalidInputError) as caught:
        workload(**changes)
    assert said in str(caught.value)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(InvalidInputError) as caught:
        workload(decision_id=None, placement_id="", audience_id=[], dataset_id=7, item_count=0)
    named = [violation.pointer for violation in caught.value.violations]
    assert named == ["decision_id", "placement_id", "item_count", "audience_id", "dataset_id"]


def test_a_list_of_one_audience_is_one_and_many_offers_may_be_chosen() -> None:
    assert workload(audience_id=["a"]) == workload(audience_id="a")
    # The limit for the offers of one answer does not apply to a job.
    placements = [f"dps:offer-placement:{n}" for n in range(30)]
    assert {scope.item_count for scope in workload(placement_id=placements, item_count=30).scopes} == {30}


def test_the_same_workload_has_the_same_fingerprint_and_another_another() -> None:
    prints = [
        json.dumps(workload(**changes).fingerprint)
        for changes in (
            {},
            {"decision_id": {"id": DECISION}},
            {"audience_id": "b"},
            {"dataset_id": "b"},
            {"placement_id": OTHER_PLACEMENT},
            {"item_count": 2},
            {"include_content": True},
        )
    ]
    assert prints[0] == prints[1]
    assert len(set(prints)) == len(prints) - 1


def patience(interval: float = 60.0) -> Patience:
    return Patience(interval, jitter=lambda: 1.0)


def test_looks_are_an_interval_apart_and_failures_further() -> None:
    waiting = patience()
    assert waiting.after_look() == pytest.approx(66.0)
    assert [waiting.after_failure(lost()) for _ in range(4)] == [60.0, 120.0, 120.0, 120.0]
    assert waiting.after_look() == pytest.approx(66.0)
    assert waiting.after_failure(lost()) == 60.0
    # Never sooner than the interval, and never a busy loop.
    assert patience(600).after_failure(lost()) == 600.0
    assert patience(0).after_look() >= 0.1


def test_an_outage_ends_the_wait_only_if_it_lasts() -> None:
    now = 0.0
    waiting = Patience(60, jitter=lambda: 1.0, clock=lambda: now)
    while now < LONGEST_OUTAGE:
        now += waiting.after_failure(lost())
    assert now == LONGEST_OUTAGE
    with pytest.raises(NoAnswerError, match="in 1:00:00; the maximum outage is 1:00:00"):
        waiting.after_failure(lost())
    waiting.after_look()
    assert waiting.after_failure(lost()) == 60.0


def test_a_refusal_ends_the_wait_at_once_and_a_missing_job_may_still_show_up() -> None:
    named = {"method": "GET", "path": "/workloads/decisions/1"}
    with pytest.raises(RejectedError):
        patience().after_failure(RejectedError(status=422, **named))  # type: ignore[arg-type]
    waiting = patience()
    for _ in range(MAX_FAILURES):
        assert waiting.after_failure(NotFoundError(status=404, **named)) >= 60.0  # type: ignore[arg-type]
    with pytest.raises(NotFoundError, match="missing in 11 consecutive checks"):
        waiting.after_failure(NotFoundError(status=404, **named))  # type: ignore[arg-type]


def test_a_gateways_refusal_is_borne_for_minutes_and_an_outage_before_it_does_not_count() -> None:
    now = 0.0
    waiting = Patience(60, jitter=lambda: 1.0, clock=lambda: now)
    refused = PermissionDeniedError(method="GET", path="/", status=403)
    while now < 1_000:
        now += waiting.after_failure(lost())
    began = now
    while now < began + LONGEST_REFUSAL:
        now += waiting.after_failure(refused)
    with pytest.raises(PermissionDeniedError, match="refused for 0:05:00; the maximum is 0:05:00"):
        waiting.after_failure(refused)


def test_a_throttle_that_asks_for_a_second_is_given_more_each_time() -> None:
    named: dict[str, Any] = {"method": "GET", "path": "/", "status": 429, "retry_after": 1.0}
    waiting = patience()
    pauses = [waiting.after_failure(RateLimitedError(**named)) for _ in range(9)]
    assert pauses == [2.0, 3.0, 5.0, 9.0, 17.0, 33.0, 65.0, 121.0, 121.0]


def test_the_service_is_given_the_time_it_asks_for_but_not_for_ever() -> None:
    named: dict[str, Any] = {"method": "GET", "path": "/", "status": 429}
    assert patience().after_failure(RateLimitedError(retry_after=7.0, **named)) == 8.0
    assert patience().after_failure(RateLimitedError(retry_after=86_400.0, **named)) == 301.0


@pytest.mark.parametrize("job_id", ["..", ".", "", "\ud800", "a\nb", "x" * 501, None, 7, ["a-job"]])
def test_what_no_job_can_be_called_is_not_asked_for(job_id: Any) -> None:
    script = Script()
    with pytest.raises(InvalidInputError, match="job_id"):
        script.run(job_status(script.access(), job_id))
    assert script.requests == []
