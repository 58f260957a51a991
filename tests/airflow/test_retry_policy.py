"""The retry policy retries temporary errors after the requested time, and fails others at once."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_offers.client.errors import (
    BatchError,
    ConflictError,
    InvalidInputError,
    NoAnswerError,
    NotFoundError,
    OfferLibraryError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitedError,
    RejectedError,
    ServerError,
    TransitionError,
    UnexpectedResponseError,
)
from airflow_provider_offers.client.flows.memory import TaskTries
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.memory import tries_of
from airflow_provider_offers.operators.offers import GetOfferOperator, PublishOfferOperator
from airflow_provider_offers.policies import retry
from airflow_provider_offers.sensors.offers import OfferStatusSensor
from tests.airflow.harness import Airflow
from tests.airflow.library import NO_DELAY, dag_of, run, seed

KNOWS_POLICIES = hasattr(retry, "OfferLibraryRetryPolicy")
newer = pytest.mark.skipif(not KNOWS_POLICIES, reason="Airflow has retry policies since 3.3")
CALL: dict[str, Any] = {"method": "GET", "path": "/offers"}

ERRORS: dict[str, tuple[BaseException, str]] = {
    "too many requests": (RateLimitedError(**CALL, status=429, retry_after=90.0), "retry after 90"),
    "an outage": (ServerError(**CALL, status=503), "retry"),
    "a lost answer": (NoAnswerError("lost", **CALL, sent=True), "retry"),
    "a proxy's page": (UnexpectedResponseError("a page", **CALL, status=200), "retry"),
    "an unknown outcome": (OutcomeUnknownError("who knows"), "retry"),
    "somebody was faster": (ConflictError(**CALL, status=409), "retry"),
    "an index that lags": (NotFoundError(**CALL, status=404), "retry"),
    "refused content": (RejectedError(**CALL, status=422), "fail"),
    "no permission": (PermissionDeniedError(**CALL, status=403), "fail"),
    "wrong input": (InvalidInputError("wrong", []), "fail"),
    "an illegal step": (TransitionError("no"), "fail"),
    "a list of which some can pass": (
        BatchError("published", 1, 3, {"a": RejectedError(**CALL, status=422), "b": ConflictError(**CALL, status=409)}),
        "retry",
    ),
    "a list with a write that may have happened": (
        BatchError(
            "patched",
            1,
            3,
            {"a": ServerError(**CALL, status=503), "b": OutcomeUnknownError("check it", retryable=False)},
        ),
        "fail",
    ),
    "a list of which none can": (BatchError("published", 1, 2, {"a": RejectedError(**CALL, status=422)}), "fail"),
    "something else": (ZeroDivisionError(), "default"),
    "a group of something else": (ExceptionGroup("several", [ZeroDivisionError()]), "default"),
    "a group of which none can pass": (
        ExceptionGroup("several", [InvalidInputError("wrong", []), ExceptionGroup("more", [TransitionError("no")])]),
        "fail",
    ),
    "a group with a write that may have happened": (
        ExceptionGroup(
            "several",
            [ServerError(**CALL, status=503), OutcomeUnknownError("check it", retryable=False)],
        ),
        "fail",
    ),
    "a group with a list with a write that may have happened": (
        ExceptionGroup(
            "several",
            [
                ServerError(**CALL, status=503),
                BatchError("patched", 1, 2, {"b": OutcomeUnknownError("check it", retryable=False)}),
            ],
        ),
        "fail",
    ),
    "a group of which some can pass": (
        ExceptionGroup(
            "several",
            [
                InvalidInputError("wrong", []),
                ServerError(**CALL, status=503),
                RateLimitedError(**CALL, status=429, retry_after=9.0),
                RateLimitedError(**CALL, status=429, retry_after=90.0),
            ],
        ),
        "retry after 90",
    ),
}


def decision(error: BaseException) -> str:
    decided = retry.OfferLibraryRetryPolicy().evaluate(error, 1, 3)
    after = "" if decided.retry_delay is None else f" after {decided.retry_delay.total_seconds():g}"
    return f"{decided.action.value}{after}"


@newer
@pytest.mark.parametrize("case", ERRORS)
def test_the_error_decides(case: str) -> None:
    error, wanted = ERRORS[case]
    assert decision(error) == wanted


@newer
def test_an_error_counts_wherever_in_the_causes_it_is() -> None:
    wrapped = RuntimeError("wrapped")
    wrapped.__cause__ = RateLimitedError(**CALL, status=429, retry_after=7.0)
    assert decision(wrapped) == "retry after 7"


@newer
@pytest.mark.parametrize(("retryable", "wanted"), [(True, "retry"), (False, "default")])
def test_a_deferred_wait_that_failed_for_a_while_is_tried_again(retryable: bool, wanted: str) -> None:
    with dag_of("waits"):
        sensor = OfferStatusSensor(task_id="wait", offer_id="dps:personalized-offer:1", status="approved")
    event = {"status": "failed", "message": "Down for an hour", "retryable": retryable}
    with pytest.raises((OfferLibraryError, AirflowFailException), match="Down for an hour") as ended:
        sensor.execute_complete({}, event)
    # Airflow itself fails the task at once after an AirflowFailException.
    assert decision(ended.value) == wanted


def test_the_arguments_fit_every_airflow() -> None:
    arguments: dict[str, Any] = retry.retry_arguments(retries=5)
    assert arguments["retries"] == 5
    assert ("retry_policy" in arguments) is KNOWS_POLICIES
    with dag_of("any"):
        task = GetOfferOperator(task_id="get", offer_id="x", **arguments)
    assert task.retries == 5


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("retires", "retries"),
        ("retrys", "retries"),
        ("retry", "retries"),
        ("retry_dealy", "retry_delay"),
        ("execution_timout", "execution_timeout"),
    ],
)
def test_a_slip_in_the_arguments_is_refused(slip: str, meant: str) -> None:
    with pytest.raises(TypeError, match=f"unknown argument '{slip}'; did you mean '{meant}'"):
        retry.retry_arguments(**{slip: 5})
    # Default arguments may be those of any operator.
    assert retry.retry_arguments(offer_library_conn_id="mine")["offer_library_conn_id"] == "mine"
    assert "retry" in retry.retry_arguments(retry=object())


def test_a_run_obeys_it(airflow: Airflow, emulator: Emulator) -> None:
    offer = seed(emulator, "dps", "Spring voucher", changes={"status": "archived"})
    outage = {"status": 503, "method": "GET", "path": f"*{offer['id']}*"}
    emulator.add_fault("status", times=1, **outage)
    with dag_of("policy") as dag:
        arguments = retry.retry_arguments(retries=2, retry_delay=NO_DELAY)
        get = GetOfferOperator(task_id="passes", offer_id=offer["id"], **arguments)
        get >> PublishOfferOperator(task_id="cannot", offer_id=offer["id"], **arguments)
    result = run(airflow, emulator, "dps", dag, max_retries=0)
    assert [attempt.state for attempt in result.tries("passes")] == ["up_for_retry", "success"]
    assert len(result.tries("cannot")) == 1


def test_a_rescheduled_try_would_not_know_what_it_wrote_before() -> None:
    """Why the policy never reschedules: such a try keeps its number, and the number 1 says that nothing came before."""
    task = SimpleNamespace(retries=3, retry_delay=NO_DELAY)
    run_of_it = SimpleNamespace(start_date=datetime(2026, 1, 1, tzinfo=UTC), run_after=None, clear_number=0)

    def tries(number: int) -> TaskTries:
        context: Any = {"ti": SimpleNamespace(try_number=number, max_tries=3, task=task), "dag_run": run_of_it}
        return tries_of(context)

    assert (tries(1).anew, tries(1).since) == (True, None)
    assert (tries(2).anew, tries(2).since) == (False, run_of_it.start_date)
