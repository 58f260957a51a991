"""Batch decisions in real DAG runs: a job survives the death of its worker."""

from __future__ import annotations

import gc
import json
import time
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout
from airflow.sdk.execution_time import context as airflow_context

from airflow_provider_offers.client.deciding.batch import BatchRun, Record
from airflow_provider_offers.client.errors import (
    BatchJobError,
    BatchTimeoutError,
    NotFoundError,
    OfferLibraryError,
    OutcomeUnknownError,
)
from airflow_provider_offers.client.flows.memory import TaskTries
from airflow_provider_offers.client.waiting import polling
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.decisions import BatchDecisionOperator
from tests.airflow.capture import captured_output
from tests.airflow.child import WorkerKilled, in_a_child, kill_this_worker
from tests.airflow.decisions import POLL, RETRIED
from tests.airflow.harness import Airflow, Run
from tests.airflow.library import CONNECTION, dag_of, document, errors, run
from tests.airflow.task_runner import run_task
from tests.deciding import Stage, set_up

KEEPS_STATE = hasattr(airflow_context, "TaskStateStoreAccessor")
newer = pytest.mark.skipif(not KEEPS_STATE, reason="Airflow keeps a task's state since 3.3")
WAITS: dict[str, dict[str, Any]] = {"poke": {"deferrable": False}, "deferred": {"deferrable": True}}


@pytest.fixture(autouse=True)
def quick_jobs(emulator: Emulator) -> None:
    emulator.configure(batch_queued_seconds=0.1, batch_processing_seconds=0.1, batch_ingesting_seconds=0.1)


def submitted(emulator: Emulator) -> list[Any]:
    return emulator.journal(method="POST", path="/data/core/dwm/*")


def batch(stage: Stage, task_id: str, kind: type[BatchDecisionOperator] = BatchDecisionOperator, **options: Any) -> Any:
    named: dict[str, Any] = {
        "decision_id": stage.decision,
        "placement_id": stage.placement,
        "audience_id": "609028e4-e66c-4776-b0d9-c782887e2273",
        "dataset_id": "6196b4a1a63bd118dafe093c",
        "poll_interval": POLL,
    }
    return kind(task_id=task_id, **{**named, **options})


def test_a_batch_is_waited_for_alike(airflow: Airflow, emulator: Emulator, api: str, stage: Stage) -> None:
    with dag_of("batch") as dag:
        for mode, arguments in WAITS.items():
            batch(stage, mode, audience_id="{{ 'aud' }}ience", item_count="2", include_content=True, **arguments)
        batch(stage, "not_waiting", wait_for_completion=False)
    result = run(airflow, emulator, api, dag)
    assert set(result.states.values()) == {"success"}, [str(each.error) for each in result.attempts if each.error]
    for mode in WAITS:
        receipt = result.result(mode)
        assert receipt.pop("job_id")
        assert receipt.pop("created").endswith("Z")
        assert receipt == {
            "status": "COMPLETED",
            "dataset": "6196b4a1a63bd118dafe093c",
            "audience": "audience",
            "detail": None,
            "sandbox": "prod",
            "api": api,
        }
    assert [attempt.state for attempt in result.tries("deferred")] == ["deferred", "success"]
    assert result.result("not_waiting")["status"] == "QUEUED"
    (request, _) = (body for body in map(document, submitted(emulator)) if body["xdm:segmentIds"] == ["audience"])
    assert (request["xdm:propositionRequests"][0]["xdm:itemCount"], request["xdm:includeContent"]) == (2, True)
    assert "5 jobs of a dataset run at once" in result.logs


def test_a_batch_waits_its_turn_behind_others(airflow: Airflow, emulator: Emulator) -> None:
    stage = set_up(emulator, "dps")
    emulator.configure(batch_processing_seconds=0.5)
    with dag_of("queue") as dag:
        begin = [batch(stage, f"before_{number}", wait_for_completion=False) for number in range(5)]
        last = batch(stage, "last", deferrable=True)
        begin[0] >> begin[1] >> begin[2] >> begin[3] >> begin[4] >> last
    result = run(airflow, emulator, "dps", dag)
    assert result.result("last")["status"] == "COMPLETED"


def test_a_failed_batch_tells_its_detail_and_a_retry_submits_another(
    airflow: Airflow, emulator: Emulator, api: str, stage: Stage
) -> None:
    emulator.configure(unknown_audience="error")
    with dag_of("failing") as dag:
        for mode, arguments in WAITS.items():
            batch(stage, mode, **arguments, **RETRIED)
    result = run(airflow, emulator, api, dag)
    assert result.states == {"poke": "failed", "deferred": "failed"}
    for mode in WAITS:
        failures = [each for each in result.tries(mode) if each.error is not None]
        assert [(each.try_number, type(each.error)) for each in failures] == [(1, BatchJobError), (2, BatchJobError)]
        assert "does not exist" in str(failures[0].error)
        # Each try names the failed job.
        assert str(failures[0].error) != str(failures[1].error)
    assert len(submitted(emulator)) == 4


def test_what_is_wrong_with_a_batch_is_said_before_it_is_submitted(
    airflow: Airflow, emulator: Emulator, api: str, stage: Stage
) -> None:
    with dag_of("wrong_batch") as dag:
        batch(stage, "audience_id", audience_id=["a", "b"], **RETRIED)
        batch(stage, "item_count", item_count=0, **RETRIED)
        batch(stage, "poll_interval", poll_interval="often", **RETRIED)
        batch(stage, "timeout", timeout=-1, **RETRIED)
        batch(stage, "if_unknown", if_unknown="{{ 'maybe' }}", **RETRIED)
        batch(stage, "include_content", include_content="False", **RETRIED)
        batch(stage, "deferrable", deferrable="False", **RETRIED)
        batch(stage, "wait_for_completion", wait_for_completion=None, **RETRIED)
    result = run(airflow, emulator, api, dag)
    assert set(result.states.values()) == {"failed"}
    for task, told in errors(result, result.states).items():
        assert f"{task}: given" in told
        assert len(result.tries(task)) == 1
    assert submitted(emulator) == []


class _Tried(BatchDecisionOperator):
    """Knows the number of its try."""

    def work(self, hook: Any, context: Any) -> Any:
        self.first = context["ti"].try_number == 1
        return super().work(hook, context)


class KilledWhileWaiting(_Tried):
    """Is killed in its first try, after its job is submitted and noted."""

    def _wait(self, *arguments: Any) -> Any:
        if self.first:
            kill_this_worker()
        return super()._wait(*arguments)

    def _defer(self, *arguments: Any) -> None:
        if self.first:
            kill_this_worker()
        super()._defer(*arguments)


class KilledBeforeTheAnswer(_Tried):
    """Is killed in its first try, when the service has accepted the job but its id is not noted yet."""

    def _obtain(self, *arguments: Any) -> Any:
        if not self.first:
            return super()._obtain(*arguments)
        with patch.object(BatchRun, "submitted", lambda batch, job_id: kill_this_worker()):
            return super()._obtain(*arguments)


class KilledAfterTheWait(_Tried):
    """Is killed once, when it returns from the triggerer."""

    def execute_complete(self, context: Any, event: Any = None, job_id: str | None = None) -> Any:
        if context["ti"].try_number == 1:
            kill_this_worker()
        return super().execute_complete(context, event, job_id)


def killed(
    airflow: Airflow, emulator: Emulator, stage: Stage, kind: type[BatchDecisionOperator], **options: Any
) -> Run:
    with dag_of("killed") as dag:
        batch(stage, "batch", kind, **RETRIED, **options)
    connections = {CONNECTION: emulator.connection("dps")}
    result = airflow.run(dag, connections=connections, task_runner=in_a_child)
    deaths = [each for each in result.tries("batch") if isinstance(each.error, WorkerKilled)]
    assert [each.try_number for each in deaths] == [1]
    return result


CASES = [(KilledWhileWaiting, mode) for mode in WAITS] + [(KilledAfterTheWait, "deferred")]


@newer
@pytest.mark.parametrize(("kind", "mode"), CASES)
def test_a_killed_worker_does_not_submit_twice(airflow: Airflow, emulator: Emulator, kind: Any, mode: str) -> None:
    stage = set_up(emulator, "dps")
    result = killed(airflow, emulator, stage, kind, **WAITS[mode])
    assert result.states == {"batch": "success"}, result.error("batch")
    if kind is KilledWhileWaiting:
        assert "Taking up the job of an earlier try" in result.logs
    assert len(submitted(emulator)) == 1
    assert result.result("batch")["status"] == "COMPLETED"


@pytest.mark.parametrize("kind", [KilledBeforeTheAnswer, *([] if KEEPS_STATE else [KilledWhileWaiting])])
@pytest.mark.parametrize("if_unknown", ["submit", "fail"])
def test_where_nobody_can_know_the_task_does_as_it_was_told(
    airflow: Airflow, emulator: Emulator, kind: Any, if_unknown: str
) -> None:
    stage = set_up(emulator, "dps")
    result = killed(airflow, emulator, stage, kind, if_unknown=if_unknown)
    if if_unknown == "submit":
        assert result.states == {"batch": "success"}
        assert "if a job exists already, its rows will be in the dataset twice" in result.logs
        assert len(submitted(emulator)) == 2
    else:
        assert result.states == {"batch": "failed"}
        assert "set if_unknown='submit', or clear the task" in str(result.error("batch"))
        assert len(submitted(emulator)) == 1


@pytest.mark.parametrize("if_unknown", ["submit", "fail"])
def test_a_lost_answer_is_left_to_the_choice_too(airflow: Airflow, emulator: Emulator, if_unknown: str) -> None:
    stage = set_up(emulator, "dps")
    emulator.add_fault("drop", when="after", method="POST", path="/data/core/dwm/*")
    with dag_of("lost") as dag:
        batch(stage, "batch", if_unknown=if_unknown, **RETRIED)
    result = run(airflow, emulator, "dps", dag)
    first = result.tries("batch")[0].error
    assert first is not None
    # The log shows the error once, without its cause.
    assert first.__cause__ is None
    if if_unknown == "submit":
        assert isinstance(first, OutcomeUnknownError)
        assert result.states == {"batch": "success"}
        assert len(submitted(emulator)) == 2
    else:
        assert isinstance(first, AirflowFailException)
        assert (len(result.tries("batch")), len(submitted(emulator))) == (1, 1)


def test_what_was_certainly_not_taken_up_leaves_no_doubt(airflow: Airflow, emulator: Emulator) -> None:
    stage = set_up(emulator, "dps")
    emulator.add_fault("status", status=429, method="POST", path="/data/core/dwm/*")
    with dag_of("limited") as dag:
        batch(stage, "batch", if_unknown="fail", **RETRIED)
    result = run(airflow, emulator, "dps", dag, max_retries=0)
    assert [attempt.try_number for attempt in result.tries("batch")] == [1, 2]
    # On Airflow 3.2, the next try does not know this.
    assert result.states == {"batch": "success" if KEEPS_STATE else "failed"}
    assert len(submitted(emulator)) == (2 if KEEPS_STATE else 1)


def test_time_runs_out_while_the_job_goes_on(airflow: Airflow, emulator: Emulator) -> None:
    stage = set_up(emulator, "dps")
    emulator.configure(batch_queued_seconds=3600)
    with dag_of("late") as dag:
        for mode, arguments in WAITS.items():
            batch(stage, mode, timeout=0.5, **arguments, **RETRIED)
            bounds: dict[str, Any] = {"execution_timeout": timedelta(seconds=2), "timeout": 60}
            batch(stage, f"execution_{mode}", **bounds, **arguments, **RETRIED)
    # Python ignores an exception that a signal raises during garbage collection, and the heap here is large.
    gc.collect()
    gc.disable()
    try:
        result = run(airflow, emulator, "dps", dag)
    finally:
        gc.enable()
    assert set(result.states.values()) == {"failed"}
    # One job for each task: a retry that knows the job waits for it; otherwise there is no retry.
    assert len(submitted(emulator)) == 4
    for task in result.states:
        (first, *more) = [each for each in result.tries(task) if each.error is not None]
        if KEEPS_STATE:
            assert isinstance(first.error, AirflowTaskTimeout if task.startswith("execution") else BatchTimeoutError)
            assert [each.try_number for each in more] == [2]
        else:
            assert isinstance(first.error, AirflowFailException)
            assert "On Airflow 3.2 a retry does not know the job" in str(first.error)
            assert "The batch job None" not in str(first.error)
            assert more == []


def test_an_outage_while_waiting_is_borne(airflow: Airflow, emulator: Emulator) -> None:
    stage = set_up(emulator, "dps")
    for effect in ({"effect": "status", "status": 503, "times": 3}, {"effect": "drop"}, {"effect": "html"}):
        emulator.add_fault(**effect, method="GET", path="/data/core/dwm/*")
    with dag_of("outage") as dag:
        batch(stage, "poke")
    assert run(airflow, emulator, "dps", dag, max_retries=0).states == {"poke": "success"}
    assert len(submitted(emulator)) == 1


def test_a_job_that_the_service_has_forgotten_is_in_doubt(
    airflow: Airflow, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "_MAX_BACKOFF", 0.1)
    stage = set_up(emulator, "dps")
    with dag_of("forgotten") as dag:
        for mode, arguments in WAITS.items():
            batch(stage, mode, poll_interval=0.1, if_unknown="fail", **arguments, **RETRIED)
    emulator.add_fault("status", status=404, times=22, method="GET", path="/data/core/dwm/*")
    result = run(airflow, emulator, "dps", dag)
    assert set(result.states.values()) == {"failed"}
    for mode in WAITS:
        first, second = (each.error for each in result.tries(mode) if each.error is not None)
        assert isinstance(first, NotFoundError)
        assert "A job may exist already" in str(second)
    assert len(submitted(emulator)) == 2


@newer
@pytest.mark.parametrize(("seconds", "submissions"), [(0.0, 2), (3_600.0, 1)])
def test_a_cleared_task_submits_again_unless_its_job_is_under_way(
    airflow: Airflow, emulator: Emulator, seconds: float, submissions: int
) -> None:
    stage = set_up(emulator, "dps")
    emulator.configure(batch_queued_seconds=seconds)
    with dag_of("cleared") as dag:
        batch(stage, "batch", _ClearedAfterItsFirstTry, wait_for_completion=False, **RETRIED)
    result = run(airflow, emulator, "dps", dag)
    assert result.states == {"batch": "success"}
    assert len(submitted(emulator)) == submissions


class _ClearedAfterItsFirstTry(BatchDecisionOperator):
    """Ends its first try when the job has ended, or is running; the second try runs as after a clearing."""

    def work(self, hook: Any, context: Any) -> Any:
        if context["ti"].try_number > 1:
            context["ti"].max_tries += 1
            return super().work(hook, context)
        super().work(hook, context)
        time.sleep(0.3)
        raise RuntimeError("ended")


@newer
def test_a_batch_whose_template_tells_the_try_is_that_of_the_first_try(airflow: Airflow, emulator: Emulator) -> None:
    stage = set_up(emulator, "dps")
    emulator.configure(batch_queued_seconds=3600)
    with dag_of("edited") as dag:
        batch(stage, "batch", audience_id="audience-{{ ti.try_number }}", timeout=0, **RETRIED)
    result = run(airflow, emulator, "dps", dag)
    assert [document(entry)["xdm:segmentIds"] for entry in submitted(emulator)] == [["audience-1"]]
    assert len(result.tries("batch")) == 2


@pytest.mark.parametrize("known", [True, False])
def test_a_task_that_is_killed_says_what_becomes_of_its_job(known: bool) -> None:
    with dag_of("killing"):
        task = batch(Stage("dps:offer-activity:1", Emulator.PLACEMENT_ID, [], ""), "batch")
    with captured_output() as output:
        task.on_kill()
        task._batch = BatchRun(TaskTries())
        task.on_kill()
        assert "batch job" not in output.text()
        task._batch = BatchRun(TaskTries(), record=Record(job_id="a-job" if known else None), is_submitting=True)
        task.on_kill()
        told = output.text()
    assert ("The batch job a-job continues" in told) == known
    assert ("A batch job may exist; its id is not known" in told) != known


@pytest.mark.parametrize("event", [None, {}, {"status": "hopeless"}, "met"])
def test_an_event_that_the_trigger_does_not_have_is_an_error(event: Any) -> None:
    with dag_of("odd"):
        task = batch(Stage("dps:offer-activity:1", Emulator.PLACEMENT_ID, [], ""), "batch")
    ti = SimpleNamespace(try_number=1, max_tries=0, task=task)
    context: Any = {"task_state_store": {}, "ti": ti}
    with pytest.raises((OfferLibraryError, AirflowFailException), match="an unknown event"):
        task.execute_complete(context, event)


def test_the_wait_is_deferred_where_airflow_says_so() -> None:
    from tests.airflow.harness import _as_environment

    stage = Stage("dps:offer-activity:1", Emulator.PLACEMENT_ID, [], "")
    with patch.dict("os.environ", _as_environment(None, {"AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": "True"})):
        assert batch(stage, "a").deferrable
    assert not batch(stage, "b").deferrable


def test_a_deferred_wait_stays_in_the_sandbox_of_its_job(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, airflow_home: Any
) -> None:
    """The connection may name another sandbox by the time at which the triggerer, or another one, asks for the job."""
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps(emulator.connection("dps")))
    emulator.configure(batch_queued_seconds=3600)
    with dag_of("sandboxes"):
        task = batch(set_up(emulator, "dps"), "batch", deferrable=True)

    (deferred,) = (each for each in run_task(task).sent if type(each).__name__ == "DeferTask")

    assert deferred.trigger_kwargs["sandbox"] == Emulator.SANDBOX


class Forgetful(BatchDecisionOperator):
    """Keeps nothing between its tries, as on Airflow 3.2."""

    def prepare(self, context: Any) -> None:
        context.pop("task_state_store", None)
        super().prepare(context)


def test_without_a_state_the_end_of_a_wait_is_final_and_names_the_job(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, airflow_home: Any
) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps(emulator.connection("dps")))
    emulator.configure(batch_queued_seconds=3600)
    with dag_of("forgetful"):
        task = batch(set_up(emulator, "dps"), "batch", Forgetful, timeout=0, deferrable=False)

    error = run_task(task).error

    assert isinstance(error, AirflowFailException)
    job, _, told = str(error).partition("\n  The batch job ")[2].partition(" ")
    assert told == ("continues. On Airflow 3.2 a retry does not know the job, so the task is not retried automatically")
    (entry,) = submitted(emulator)
    assert job in entry.response_body


class State(dict[str, Any]):
    """The state of a task."""

    set = dict.__setitem__
    delete = dict.__delitem__


@pytest.mark.parametrize("retryable", [True, False])
def test_the_error_of_a_deferred_wait_says_whether_a_retry_may_help(retryable: bool) -> None:
    with dag_of("deferred"):
        task = batch(Stage("dps:offer-activity:1", Emulator.PLACEMENT_ID, [], ""), "batch")
    ti = SimpleNamespace(try_number=1, max_tries=0, task=task)
    event = {"status": "failed", "error": "ServerError", "message": "the service is away", "retryable": retryable}

    context: Any = {"task_state_store": State(), "ti": ti}
    with pytest.raises(OfferLibraryError if retryable else AirflowFailException) as caught:
        task.execute_complete(context, event, "a-job")

    told = "the service is away" if retryable else "the service is away\n  The batch job a-job continues"
    assert str(caught.value) == told
