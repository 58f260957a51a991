"""A batch decision over the tries of a task: the notes for the next try, and the end of the wait for a job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_offers.client.deciding.batch import BatchRun, IfUnknown, bounds
from airflow_provider_offers.client.errors import (
    BatchJobError,
    BatchTimeoutError,
    NoAnswerError,
    NotFoundError,
    OfferLibraryError,
    OutcomeUnknownError,
    RejectedError,
)
from airflow_provider_offers.client.flows.memory import TaskTries
from airflow_provider_offers.client.model.decided import Job
from airflow_provider_offers.client.waiting.polling import MAX_FAILURES, Patience
from airflow_provider_offers.client.wire.memory import NO_MEMORY, remember
from tests.client.deciding.test_jobs import JOB, shown, workload
from tests.client.script import START, Script, answer, lost
from tests.notebook import Notebook, WorkerDied

FIRST = TaskTries(number=1, last=3, anew=True, durable=True)
SECOND = TaskTries(number=2, last=3, anew=False, durable=True)
CLEARED = TaskTries(number=2, last=4, anew=True, durable=True, clear_generation=1)
FORGETFUL = replace(SECOND, durable=False)
OTHER_JOB = "57efef25-4bcf-404f-96e2-67c4f784a1f6"


@pytest.fixture
def kept() -> Notebook:
    return Notebook()


def run_of(tries: TaskTries, if_unknown: IfUnknown = "submit", **changes: Any) -> BatchRun:
    return BatchRun.of(workload(**changes), "dev1", tries, if_unknown)


def patience(script: Script, interval: float = 60.0) -> Patience:
    return Patience(interval, jitter=lambda: 0.0, clock=script.clock)


def obtain(script: Script, batch: BatchRun, **changes: Any) -> Job:
    return script.run(batch.obtain(script.access(max_retries=0), workload(**changes), patience(script)))


def try_of(kept: Notebook, tries: TaskTries, *steps: Any, if_unknown: IfUnknown = "submit", **changes: Any) -> Any:
    """The job of one try, or its error; its script; and its run."""
    script = Script(*steps, memory=kept)
    batch = run_of(tries, if_unknown, **changes)
    try:
        return obtain(script, batch, **changes), script, batch
    except OfferLibraryError as error:
        return error, script, batch


def test_the_first_try_keeps_that_it_submits_before_it_does_and_then_the_job(kept: Notebook) -> None:
    seen: list[Any] = []

    def taken_up(request: Any) -> Any:
        seen.append(kept.recall("batch_decision"))
        return answer(201, shown())

    job, script, batch = try_of(kept, FIRST, taken_up)
    assert (job.id, script.notes, batch.record.job_id) == (JOB, [], JOB)
    began = START.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert seen[0] | {"plan": 0} == {"plan": 0, "asked": 0, "began": began, "job_id": None, "lost": None}
    assert kept.recall("batch_decision") == {**seen[0], "job_id": JOB}


def test_the_next_try_takes_up_the_job_and_submits_none(kept: Notebook) -> None:
    try_of(kept, FIRST, answer(201, shown()))
    job, script, _ = try_of(kept, SECOND, answer(200, shown("PROCESSING")))
    assert (job.status, script.sent) == ("PROCESSING", [f"GET /data/core/dwm/workloads/decisions/{JOB}"])
    assert script.notes == [f"Taking up the job of an earlier try. The batch job {JOB} is PROCESSING"]
    # The return from the triggerer does not know the plan.
    resumed = BatchRun(SECOND)
    remember(kept, resumed.recall())
    assert resumed.record.job_id == JOB


@pytest.mark.parametrize(
    "reply", [lost(), answer(503), answer(200, b"<html>")], ids=["lost answer", "503", "foreign answer"]
)
def test_a_submission_of_unknown_outcome_is_submitted_again_or_not_as_asked(kept: Notebook, reply: Any) -> None:
    error, _, _ = try_of(kept, FIRST, reply)
    assert isinstance(error, OutcomeUnknownError)
    assert error.retryable
    refused, script, _ = try_of(kept, SECOND, if_unknown="fail")
    assert isinstance(refused, OutcomeUnknownError)
    assert (refused.retryable, script.requests) == (False, [])
    assert "A job may exist already" in str(refused)
    assert "set if_unknown='submit', or clear the task" in str(refused)
    job, script, _ = try_of(kept, SECOND, answer(201, shown()))
    assert job.id == JOB
    assert "saw no answer. Submitting: if a job exists already" in script.notes[0]
    assert try_of(kept, replace(SECOND, number=3), answer(200, shown()))[0].id == JOB


def test_a_worker_that_dies_before_the_job_is_kept_leaves_a_doubt(kept: Notebook) -> None:
    kept.dies = True
    with pytest.raises(WorkerDied):
        try_of(kept, FIRST)
    kept.dies = False
    began = kept.recall("batch_decision")["began"]
    job, _, _ = try_of(kept, SECOND, answer(201, shown()))
    assert job.id == JOB
    # The first start is the one to look for.
    assert kept.recall("batch_decision")["began"] == began


def test_a_refusal_leaves_no_doubt_but_an_earlier_doubt_stays(kept: Notebook) -> None:
    error, _, _ = try_of(kept, FIRST, answer(429))
    assert not isinstance(error, OutcomeUnknownError)
    assert kept.values == {}
    try_of(kept, FIRST, lost())
    try_of(kept, SECOND, answer(429))
    assert isinstance(try_of(kept, SECOND, if_unknown="fail")[0], OutcomeUnknownError)


def test_a_job_that_the_service_does_not_know_is_in_doubt(kept: Notebook) -> None:
    try_of(kept, FIRST, answer(201, shown()))
    missing = [answer(404)] * (MAX_FAILURES + 1)
    job, script, _ = try_of(kept, SECOND, *missing, answer(201, {**shown(), "@id": OTHER_JOB}))
    assert job.id == OTHER_JOB
    assert f"The service does not know the batch job {JOB} of an earlier try" in script.notes
    assert any(f"does not know its job {JOB} any more. Submitting" in note for note in script.notes)
    # If it is missing for a moment, no other job is submitted.
    script = Script(answer(404), answer(200, {**shown(), "@id": OTHER_JOB}), memory=kept)
    assert obtain(script, run_of(SECOND)).id == OTHER_JOB


@pytest.mark.parametrize(
    ("tries", "status", "is_new"),
    [
        (SECOND, "ERROR", True),
        (SECOND, "COMPLETED", False),
        (CLEARED, "QUEUED", False),
        (CLEARED, "COMPLETED", True),
        (replace(CLEARED, anew=False), "COMPLETED", True),
    ],
)
def test_a_job_that_is_over_is_taken_up_only_if_it_is_what_was_asked_for(
    kept: Notebook, tries: TaskTries, status: str, is_new: bool
) -> None:
    try_of(kept, FIRST, answer(201, shown()))
    again = [answer(201, {**shown(), "@id": OTHER_JOB})] if is_new else []
    job, _, _ = try_of(kept, tries, answer(200, shown(status)), *again)
    assert job.id == (OTHER_JOB if is_new else JOB)


def test_a_doubt_from_before_a_clearing_is_only_told(kept: Notebook) -> None:
    try_of(kept, FIRST, lost())
    job, script, _ = try_of(kept, CLEARED, answer(201, shown()), if_unknown="fail")
    assert job.id == JOB
    assert "Before the task was cleared, it began to submit" in script.notes[0]


def test_another_batch_decision_is_left_alone(kept: Notebook) -> None:
    try_of(kept, FIRST, answer(201, shown()))
    other = {"audience_id": "another"}
    job, script, _ = try_of(kept, SECOND, answer(201, {**shown(), "@id": OTHER_JOB}), if_unknown="fail", **other)
    assert job.id == OTHER_JOB
    assert f"submitted another batch decision (job {JOB}); it is left alone" in script.notes[0]


def test_without_a_memory_every_retry_is_in_doubt() -> None:
    for tries, is_doubtful in ((FORGETFUL, True), (replace(FORGETFUL, anew=True), False)):
        script = Script(*([] if is_doubtful else [answer(201, shown())]))
        batch = run_of(tries, "fail")
        if is_doubtful:
            with pytest.raises(OutcomeUnknownError, match="nothing is kept of what the tries before it submitted"):
                obtain(script, batch)
        else:
            assert obtain(script, batch).id == JOB


def waited(script: Script, timeout: float = 3_600.0) -> Callable[[], Job]:
    job = Job(JOB, "QUEUED")
    flow = run_of(FIRST).wait(script.access(max_retries=0), job, patience(script), timeout, workload().subject)
    return lambda: script.run(flow)


def test_a_job_is_waited_for_through_outages_and_each_status_is_told_once() -> None:
    script = Script(
        answer(200, shown()),
        lost(),
        answer(200, shown("PROCESSING")),
        answer(200, shown("PROCESSING")),
        answer(200, shown("COMPLETED")),
    )
    assert waited(script)().status == "COMPLETED"
    assert [pause.seconds for pause in script.pauses] == [60.0, 60.0, 30.0, 60.0, 60.0]
    assert {pause.reason for pause in script.pauses} == {""}
    lost_look, status = script.notes
    assert lost_look.startswith(f"The batch job {JOB} could not be read: ")
    assert status == f"The batch job {JOB} is PROCESSING"


def test_a_wait_ends_in_time_and_names_what_the_job_is_for() -> None:
    script = Script(answer(200, shown()), answer(200, shown("PROCESSING")))
    with pytest.raises(BatchTimeoutError) as late:
        waited(script, timeout=90.0)()
    assert script.time == 1_090.0
    told = f"{JOB} ({workload().subject}) is still PROCESSING after 90 s, and continues"
    assert told in str(late.value)
    assert workload(decision_id={"id": "dps:offer-activity:1", "name": "Spring"}).subject.startswith(
        "the decision 'Spring' (dps:offer-activity:1), for the audience "
    )


@pytest.mark.parametrize("timeout", [0.0, 600.0])
def test_a_job_that_is_over_already_is_not_waited_for(timeout: float) -> None:
    script, job = Script(), Job(JOB, "COMPLETED")
    flow = run_of(SECOND).wait(script.access(max_retries=0), job, patience(script), timeout)
    assert (script.run(flow), script.pauses, script.requests) == (job, [], [])


def test_a_refused_look_ends_the_wait() -> None:
    with pytest.raises(RejectedError):
        waited(Script(answer(422)))()


def test_a_wait_goes_on_in_another_process_with_a_memory_and_without(kept: Notebook) -> None:
    try_of(kept, FIRST, answer(201, shown()))
    for tries, memory in ((FIRST, kept), (replace(FIRST, durable=False), NO_MEMORY)):
        resumed = BatchRun(tries)
        remember(memory, resumed.resume(JOB))
        assert resumed.record.job_id == JOB


def test_the_end_of_a_try_is_kept_for_the_next(kept: Notebook) -> None:
    _, _, batch = try_of(kept, FIRST, answer(201, shown()))
    before = dict(kept.values)
    remember(kept, batch.stopped(NoAnswerError("lost", method="GET", path="/", sent=True)))
    assert remember(kept, batch.ended(Job(JOB, "COMPLETED"))).status == "COMPLETED"
    assert kept.values == before
    remember(kept, batch.stopped(NotFoundError(method="GET", path="/", status=404)))
    assert kept.recall("batch_decision")["lost"] == JOB
    with pytest.raises(BatchJobError):
        remember(kept, batch.ended(Job(JOB, "ERROR")))
    assert kept.values == {}


def test_the_bounds_of_a_wait_are_seconds_or_timedeltas() -> None:
    assert bounds(timedelta(minutes=1), timedelta(hours=2), "submit") == bounds("60", 7200, "submit") == (60.0, 7200.0)
