"""One run of a task creates each object once: lists, markers, and the notes that the tries keep for each other."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.client.errors import AlreadyExistsError, BatchError, OutcomeUnknownError
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.offers import (
    CreateFallbackOfferOperator,
    CreateOfferOperator,
    PatchOfferOperator,
    PublishOfferOperator,
)
from tests.airflow.child import in_a_child, kill_this_worker
from tests.airflow.harness import Airflow
from tests.airflow.library import CONNECTION, NO_DELAY, dag_of, fallback, offers, personalized, run, seed, writes

NAMES = [f"Voucher {number}" for number in range(12)]


def posts(emulator: Emulator) -> int:
    return sum(1 for entry in writes(emulator) if entry.method == "POST")


def remembers(airflow: Airflow) -> bool:
    """Whether this Airflow keeps a state for tasks."""
    import airflow.sdk.execution_time.context as context

    return hasattr(context, "TaskStateStoreAccessor")


# Lists.


def test_a_list_is_created_in_its_order(airflow: Airflow, emulator: Emulator, api: str) -> None:
    with dag_of("many") as dag:
        CreateOfferOperator(task_id="create", offer=[personalized(name) for name in NAMES])
        CreateFallbackOfferOperator(task_id="none", offer=[])

    result = run(airflow, emulator, api, dag)

    assert result.states == {"create": "success", "none": "success"}, result.error("create")
    receipts = result.result("create")
    assert [receipt["name"] for receipt in receipts] == NAMES
    assert {receipt["action"] for receipt in receipts} == {"created"}
    assert sorted(each["id"] for each in offers(emulator)) == sorted(receipt["id"] for receipt in receipts)
    assert result.result("none") == []


def test_a_list_tells_what_failed_and_goes_on_at_the_next_try(airflow: Airflow, emulator: Emulator, api: str) -> None:
    emulator.add_fault("status", status=422, contains='"Voucher 3"', method="POST")
    with dag_of("many") as dag:
        CreateOfferOperator(
            task_id="create",
            offer=[personalized(name) for name in NAMES],
            on_failure="continue",
            max_concurrent=3,
            retries=1,
            retry_delay=NO_DELAY,
        )

    result = run(airflow, emulator, api, dag)

    # If the service refuses the offer, a retry cannot help.
    assert result.states == {"create": "failed"}
    error = result.error("create")
    assert "11 of 12 offers were created, 1 failed" in str(error)
    assert "'Voucher 3'" in str(error)
    assert len(offers(emulator)) == 11


def test_if_exists_holds_for_each_of_a_list(airflow: Airflow, emulator: Emulator, api: str) -> None:
    theirs = seed(emulator, api, "Voucher 1")
    for if_exists, wanted in (("adopt", "adopted"), ("skip", "skipped"), ("update", "updated")):
        with dag_of(f"list_{if_exists}") as dag:
            CreateOfferOperator(
                task_id="create",
                offer=[personalized("Voucher 1", rank={"priority": 77}), personalized(f"New {if_exists}")],
                if_exists=if_exists,  # type: ignore[arg-type]
            )
        result = run(airflow, emulator, api, dag)
        assert result.states == {"create": "success"}, result.error("create")
        there, new = result.result("create")
        assert (there["action"], there["id"]) == (wanted, theirs["id"])
        assert new["action"] == "created"
    with dag_of("list_fail") as dag:
        CreateOfferOperator(task_id="create", offer=[personalized("Voucher 1")])
        CreateOfferOperator(task_id="skip", offer=[personalized("Voucher 1")], if_exists="skip")
    result = run(airflow, emulator, api, dag)
    assert result.states == {"create": "failed", "skip": "skipped"}
    assert result.result("skip")[0]["id"] == theirs["id"]


class KilledInTheMiddle(CreateOfferOperator):
    """Is killed in its first try, as soon as the emulator has five offers."""

    def work(self, hook: Any, context: Any) -> Any:
        if context["ti"].try_number > 1:
            return super().work(hook, context)
        import threading
        import time

        from airflow_provider_offers.client.model.query import parse_query

        def watch() -> None:
            from airflow_provider_offers.client.library import OfferLibrary

            with OfferLibrary(hook.settings) as library:
                while len(list(library.search(PERSONALIZED, parse_query()))) < 5:
                    time.sleep(0.01)
            kill_this_worker()

        threading.Thread(target=watch, daemon=True).start()
        return super().work(hook, context)


def test_a_worker_killed_in_the_middle_of_a_list(airflow: Airflow, emulator: Emulator, api: str) -> None:
    emulator.add_fault("delay", method="POST", path="/data/*", seconds=0.05, times=None)
    with dag_of("many_killed") as dag:
        KilledInTheMiddle(
            task_id="create",
            offer=[personalized(name) for name in NAMES],
            max_concurrent=2,
            patience=1.0,
            retries=1,
            retry_delay=NO_DELAY,
        )

    result = airflow.run(dag, connections={CONNECTION: emulator.connection(api)}, task_runner=in_a_child)

    assert [attempt.state for attempt in result.tries("create")] == ["up_for_retry", "success"]
    assert sorted(each["body"]["name"] for each in offers(emulator)) == sorted(NAMES)
    actions = [receipt["action"] for receipt in result.result("create")]
    assert {"adopted", "created"} == set(actions)
    assert posts(emulator) <= len(NAMES) + 2


# The tries of one task know about each other.


def test_somebody_elses_offer_made_during_the_run_is_not_adopted_where_no_try_has_posted(
    airflow: Airflow, emulator: Emulator, api: str
) -> None:
    """The first try found the name free and was refused; then somebody created the same offer."""
    if not remembers(airflow):
        pytest.skip("Airflow 3.2 keeps no state between tries: the same content by the same credential is ours there")
    emulator.add_fault("status", status=503, route="*.list", times=None)

    class MeetsSomebodyElses(CreateOfferOperator):
        def work(self, hook: Any, context: Any) -> Any:
            if context["ti"].try_number == 2:
                emulator.clear_faults()
                hook.library.create(PERSONALIZED, personalized("Once"))
            return super().work(hook, context)

    with dag_of("theirs") as dag:
        MeetsSomebodyElses(task_id="create", offer=personalized("Once"), retries=1, retry_delay=NO_DELAY)

    result = run(airflow, emulator, api, dag, max_retries=0)

    assert result.states == {"create": "failed"}
    assert "this run did not create it" in str(result.error("create"))
    assert len(offers(emulator)) == 1


def test_what_a_later_task_published_is_adopted_by_the_cleared_task(
    airflow: Airflow, emulator: Emulator, api: str
) -> None:
    """A try that created the offer, a later task that publishes it, and then the first task again."""

    class PublishedMeanwhile(CreateOfferOperator):
        def work(self, hook: Any, context: Any) -> Any:
            receipt = super().work(hook, context)
            if context["ti"].try_number == 1:
                hook.patch_offer(receipt, [{"op": "replace", "path": "/status", "value": "approved"}])
                raise OutcomeUnknownError("the worker is about to be lost")
            return receipt

    with dag_of("published") as dag:
        PublishedMeanwhile(task_id="create", offer=personalized("Once"), retries=1, retry_delay=NO_DELAY)

    result = run(airflow, emulator, api, dag)

    assert result.states == {"create": "success"}, result.error("create")
    assert (result.result("create")["action"], result.result("create")["etag"]) == ("adopted", 2)
    (offer,) = offers(emulator)
    assert offer["body"]["status"] == "approved"


def test_what_somebody_deleted_between_two_tries_is_made_again(airflow: Airflow, emulator: Emulator, api: str) -> None:
    class DeletedMeanwhile(CreateOfferOperator):
        def work(self, hook: Any, context: Any) -> Any:
            receipt = super().work(hook, context)
            if context["ti"].try_number == 1:
                hook.delete_offer(receipt)
                raise OutcomeUnknownError("the worker is about to be lost")
            return receipt

    with dag_of("deleted") as dag:
        DeletedMeanwhile(task_id="create", offer=personalized("Once"), patience=0.5, retries=1, retry_delay=NO_DELAY)

    result = run(airflow, emulator, api, dag)

    assert result.result("create")["action"] == "created"
    assert len(offers(emulator)) == 1


def test_a_first_try_that_posted_nothing_costs_the_next_no_waiting(
    airflow: Airflow, emulator: Emulator, api: str
) -> None:
    if not remembers(airflow):
        pytest.skip(
            "Airflow 3.2 keeps no state between tries: a retry always looks for what an earlier one may have made"
        )
    emulator.add_fault("status", status=503, route="*.list")
    with dag_of("patient") as dag:
        CreateOfferOperator(
            task_id="create", offer=personalized("Once"), patience=3600, retries=1, retry_delay=NO_DELAY
        )

    # With an hour of patience, the second try would not end during this test.
    result = run(airflow, emulator, api, dag, max_retries=0)

    assert [attempt.state for attempt in result.tries("create")] == ["up_for_retry", "success"]
    assert result.result("create")["action"] == "created"


# Markers.


def test_nothing_is_added_to_an_offer_unasked(airflow: Airflow, emulator: Emulator, api: str) -> None:
    with dag_of("plain") as dag:
        CreateOfferOperator(task_id="create", offer=personalized("Plain"))
    run(airflow, emulator, api, dag)
    (offer,) = offers(emulator)
    assert offer["body"].keys() == personalized("Plain").keys()
    assert "characteristics" not in offer["body"]


def test_a_marker_names_the_work(airflow: Airflow, emulator: Emulator, api: str) -> None:
    """It distinguishes mapped tasks that create offers with the same name and content."""
    with dag_of("marked", max_active_tasks=1) as dag:
        CreateOfferOperator.partial(task_id="create", marker="airflow", if_exists="fail").expand(
            offer=[personalized("Marked"), personalized("Other")]
        )
        CreateFallbackOfferOperator(task_id="list", marker="made_by", offer=[fallback("A"), fallback("B")])

    result = run(airflow, emulator, api, dag)

    run_id = result.dag_run.run_id if hasattr(result, "dag_run") else None
    marks = {each["body"]["name"]: each["body"]["characteristics"] for each in offers(emulator)}
    assert [marks[name]["airflow"].split("/")[0] for name in ("Marked", "Other")] == ["marked"] * 2
    assert [marks[name]["airflow"].split("/")[2:] for name in ("Marked", "Other")] == [["create", "0"], ["create", "1"]]
    assert [marks[name]["made_by"].split("/")[2:] for name in ("A", "B")] == [["list", "-1"], ["list", "-1"]]
    assert run_id is None or run_id in marks["A"]["made_by"]


def test_a_marked_offer_is_recognised_whatever_it_has_become(airflow: Airflow, emulator: Emulator, api: str) -> None:
    class RenamedRank(CreateOfferOperator):
        def work(self, hook: Any, context: Any) -> Any:
            receipt = super().work(hook, context)
            if context["ti"].try_number == 1:
                hook.patch_offer(receipt, [{"op": "replace", "path": "/rank/priority", "value": 99}])
                context["task_state_store"].clear() if context.get("task_state_store") is not None else None
                raise OutcomeUnknownError("the worker is about to be lost")
            return receipt

    with dag_of("marked_again") as dag:
        RenamedRank(task_id="create", offer=personalized("Once"), marker="airflow", retries=1, retry_delay=NO_DELAY)
    result = run(airflow, emulator, api, dag)
    assert (result.result("create")["action"], len(offers(emulator))) == ("adopted", 1)
    # A marker of another run is somebody else's.
    again = run(airflow, emulator, api, dag)
    assert again.states == {"create": "failed"}
    error = again.error("create")
    assert error is not None
    assert isinstance(error.__context__, AlreadyExistsError)


# Patches that must not be applied twice.

ADD_TAG = [{"op": "add", "path": "/tags/-", "value": Emulator.TAG_ID}]


class KilledAfterThePatches(PatchOfferOperator):
    """Is killed in its first try, when every patch was sent and no receipt is kept."""

    def work(self, hook: Any, context: Any) -> Any:
        from airflow_provider_offers.client.flows import pages

        if context["ti"].try_number == 1:
            pages.Checkpoint.add = lambda *_: iter(())  # type: ignore[assignment, method-assign]
        receipts = super().work(hook, context)
        if context["ti"].try_number == 1:
            kill_this_worker()
        return receipts


@pytest.mark.parametrize("length", [1, 5])
def test_patches_of_a_killed_worker_are_seen(airflow: Airflow, emulator: Emulator, api: str, length: int) -> None:
    ids = [seed(emulator, api, f"Patched {number}", changes={"tags": []})["id"] for number in range(length)]
    with dag_of("patched") as dag:
        KilledAfterThePatches(
            task_id="patch", offer_id=ids if length > 1 else ids[0], patch=ADD_TAG, retries=1, retry_delay=NO_DELAY
        )

    result = airflow.run(dag, connections={CONNECTION: emulator.connection(api)}, task_runner=in_a_child)

    assert result.states == {"patch": "success"}, result.error("patch")
    assert [each["body"]["tags"] for each in offers(emulator)] == [[Emulator.TAG_ID]] * length
    assert [each["etag"] for each in offers(emulator)] == [2] * length


class ClearedBetween(PublishOfferOperator):
    """Publishes; the publication is undone; then it runs again like a cleared task, with more tries allowed."""

    def work(self, hook: Any, context: Any) -> Any:
        if context["ti"].try_number > 1:
            context["ti"].max_tries = context["ti"].try_number + self.retries - 1
            return super().work(hook, context)
        receipts = super().work(hook, context)
        for receipt in receipts:
            hook.patch_offer(receipt, [{"op": "replace", "path": "/status", "value": "draft"}])
        raise OutcomeUnknownError("somebody takes it back, and clears the task")


def test_a_cleared_task_does_its_work_anew(airflow: Airflow, emulator: Emulator, api: str) -> None:
    """The task's state survives clearing, but the publication that it recorded has been undone since."""
    ids = [seed(emulator, api, f"Cleared {number}")["id"] for number in range(3)]
    with dag_of("cleared") as dag:
        ClearedBetween(task_id="publish", offer_id=ids, waive=["window_over"], retries=1, retry_delay=NO_DELAY)
    result = run(airflow, emulator, api, dag)
    assert result.states == {"publish": "success"}, result.error("publish")
    assert [receipt["action"] for receipt in result.result("publish")] == ["published"] * 3
    assert {each["body"]["status"] for each in offers(emulator)} == {"approved"}


def test_publishing_twice_at_once_is_publishing_once(airflow: Airflow, emulator: Emulator, api: str) -> None:
    stored = seed(emulator, api, "Twice")
    with dag_of("publishing") as dag:
        PublishOfferOperator(task_id="one", offer_id=stored["id"], waive=["window_over"])
        PublishOfferOperator(task_id="two", offer_id=stored["id"], waive=["window_over"])
    result = run(airflow, emulator, api, dag)
    assert sorted(result.result(task)["action"] for task in ("one", "two")) == ["published", "unchanged"]
    (offer,) = offers(emulator)
    assert offer["etag"] == 2


def test_a_batch_error_is_told_as_such(airflow: Airflow, emulator: Emulator, api: str) -> None:
    emulator.add_fault("status", status=503, method="POST", path="/data/*", contains='"Voucher 0"', times=None)
    with dag_of("stopping") as dag:
        CreateOfferOperator(
            task_id="create", offer=[personalized(name) for name in NAMES], max_concurrent=1, patience=0
        )
    result = run(airflow, emulator, api, dag, max_retries=0)
    assert isinstance(result.error("create"), BatchError)
    assert "and 11 were not begun" in str(result.error("create"))
