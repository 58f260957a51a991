"""What the tries of a batch task know of each other: with a state of the task's, without one, and after a clearing."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_offers.operators.submissions import SubmissionRecord

PLAN = ["prod", "an audience", "a dataset"]


class Store(dict[str, Any]):
    """A task's state."""

    set = dict.__setitem__
    delete = dict.__delitem__


def record(store: Store | None, *, number: int = 1, retries: int = 1, allowed: int = 1, plan: Any = PLAN) -> Any:
    """What try `number` finds; `allowed` is the task's `max_tries`, which counts retries."""
    ti = SimpleNamespace(try_number=number, max_tries=allowed, task=SimpleNamespace(retries=retries))
    context: Any = {"ti": ti, **({} if store is None else {"task_state_store": store})}
    log: Any = logging.getLogger("tests.submissions")
    return SubmissionRecord(context, log, plan)


def test_the_first_try_knows_of_nothing_and_has_no_doubt() -> None:
    for store in (Store(), None):
        first = record(store)
        assert (first.job_id, first.doubt, first.outlives_the_try) == (None, None, store is not None)


def test_the_next_try_knows_the_job() -> None:
    store = Store()
    first = record(store)
    first.begin()
    first.submitted("a-job")
    second = record(store, number=2)
    assert (second.job_id, second.doubt) == ("a-job", None)
    # The way back from the triggerer does not know the plan.
    assert record(store, plan=None).job_id == "a-job"


def test_a_submission_without_an_answer_is_in_doubt_until_there_is_a_job() -> None:
    store = Store()
    record(store).begin()
    second = record(store, number=2)
    assert second.job_id is None
    assert "began to submit this batch decision at " in second.doubt
    began = store["batch_decision"]["began"]
    second.begin()
    assert store["batch_decision"]["began"] == began
    second.submitted("a-job")
    assert second.doubt is None
    assert record(store, number=3).doubt is None


def test_a_refusal_leaves_no_doubt_but_what_was_in_doubt_before_still_is() -> None:
    store = Store()
    first = record(store)
    first.begin()
    first.not_taken_up()
    assert (store, first.doubt, record(store, number=2).doubt) == ({}, None, None)
    record(store).begin()
    second = record(store, number=2)
    second.begin()
    second.not_taken_up()
    assert record(store, number=3).doubt is not None


def test_a_job_that_the_service_forgot_is_in_doubt_and_a_failed_one_is_forgotten() -> None:
    store = Store()
    first = record(store)
    first.begin()
    first.submitted("a-job")
    first.lose()
    for later in (first, record(store, number=2)):
        assert "the service does not know its job a-job any more" in later.doubt
        assert "saw no answer" not in later.doubt
    first.forget()
    assert record(store, number=2).doubt is None
    # Without a state there is nothing to lose or to forget.
    record(None).lose()
    record(None).forget()


def test_without_a_state_every_retry_is_in_doubt() -> None:
    assert "Airflow 3.2 keeps nothing" in record(None, number=2).doubt


@pytest.mark.parametrize(
    ("number", "retries", "allowed", "is_anew"),
    [
        (1, 0, 0, True),
        (1, 3, 3, True),
        (2, 3, 3, False),
        (4, 3, 3, False),
        # Cleared after the first try: Airflow then allows as many retries again.
        (2, 3, 4, True),
        (3, 3, 4, False),
        # Cleared once more after the third.
        (4, 3, 6, True),
        # The task has more retries than when its run began.
        (1, 5, 3, True),
        (2, 5, 3, False),
    ],
)
def test_a_clearing_is_told_from_a_retry(number: int, retries: int, allowed: int, is_anew: bool) -> None:
    options = {"number": number, "retries": retries, "allowed": allowed}
    assert record(None, **options).is_anew == is_anew
    assert (record(None, **options).doubt is None) == is_anew


def test_after_a_clearing_a_job_is_known_and_a_doubt_is_gone(caplog: pytest.LogCaptureFixture) -> None:
    store = Store()
    first = record(store)
    first.begin()
    assert record(store, number=2, allowed=2).doubt is None
    assert "Before the task was cleared, it began to submit" in caplog.text
    first.submitted("a-job")
    assert record(store, number=2, allowed=2).job_id == "a-job"


def test_another_plan_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    store = Store()
    first = record(store)
    first.begin()
    first.submitted("a-job")
    other = record(store, number=2, plan=["prod", "another audience", "a dataset"])
    assert (other.job_id, other.doubt) == (None, None)
    assert "submitted another batch decision (job a-job); it is left alone" in caplog.text
