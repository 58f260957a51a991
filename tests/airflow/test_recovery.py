"""With faults, every offer is still created, changed and deleted once, by the client's retries or by Airflow's."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.execution_time import context as airflow_context

from airflow_provider_offers.client.errors import (
    NoAnswerError,
    OutcomeUnknownError,
    RateLimitedError,
    ServerError,
)
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.waiting.polling import MAX_FAILURES
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.decisions import BatchDecisionOperator
from airflow_provider_offers.operators.library import DeleteLibraryObjectOperator
from airflow_provider_offers.operators.offers import (
    ArchiveExpiredOffersOperator,
    CreateFallbackOfferOperator,
    CreateOfferOperator,
    DeleteOfferOperator,
    GetOfferOperator,
    PatchOfferOperator,
    SearchOffersOperator,
)
from airflow_provider_offers.policies.retry import retry_arguments
from tests.airflow.child import in_a_child, kill_this_worker
from tests.airflow.harness import Airflow
from tests.airflow.library import (
    CONNECTION,
    NO_DELAY,
    dag_of,
    fallback,
    named,
    offers,
    personalized,
    run,
    seed,
    writes,
)
from tests.deciding import set_up

LOST_AFTER = {"effect": "drop", "method": "POST", "when": "after", "path": "/data/*"}
ADD_TAG = [{"op": "add", "path": "/tags/-", "value": Emulator.TAG_ID}]

CREATIONS: dict[str, tuple[dict[str, Any], int]] = {
    # The fault, and the number of POSTs of the offer.
    "the answer is lost after the commit": (LOST_AFTER, 1),
    "the request is lost before the commit": ({**LOST_AFTER, "when": "before"}, 2),
    "the answer is cut": ({"effect": "truncate", "method": "POST", "path": "/data/*"}, 1),
    "the answer is no JSON": ({"effect": "malformed", "method": "POST", "path": "/data/*"}, 1),
    "a 503 after the commit": ({"effect": "status", "method": "POST", "path": "/data/*", "when": "after"}, 1),
    "a 503 before the commit": ({"effect": "status", "method": "POST", "path": "/data/*"}, 2),
    "a proxy's page after the commit": ({"effect": "html", "method": "POST", "path": "/data/*", "when": "after"}, 1),
    "too many requests": ({"effect": "status", "status": 429, "method": "POST", "path": "/data/*"}, 2),
    "the token ends early": ({"effect": "expire_token", "method": "POST", "path": "/data/*"}, 2),
}


@pytest.mark.parametrize("case", CREATIONS)
def test_a_creation_is_made_once_within_one_try(airflow: Airflow, emulator: Emulator, api: str, case: str) -> None:
    fault, posts = CREATIONS[case]
    emulator.add_fault(**fault)
    with dag_of("creating") as dag:
        CreateOfferOperator(task_id="create", offer=personalized("Once"), patience=0)

    result = run(airflow, emulator, api, dag)

    assert result.states == {"create": "success"}, result.error("create")
    assert len(result.attempts) == 1
    (offer,) = offers(emulator)
    assert result.result("create")["action"] == "created"
    assert result.result("create")["id"] == offer["id"]
    assert len(writes(emulator)) == posts


def test_a_creation_survives_its_try(airflow: Airflow, emulator: Emulator, api: str) -> None:
    """The answer is lost and the library does not answer reads: the next try of the task recognizes its own offer."""
    emulator.add_fault(**LOST_AFTER)
    emulator.add_fault("status", method="GET", route="*.list", after=1, times=1)
    with dag_of("surviving") as dag:
        CreateFallbackOfferOperator(
            task_id="create",
            offer=fallback("Once"),
            if_exists="fail",
            patience=1.0,
            retries=1,
            retry_delay=NO_DELAY,
        )

    result = run(airflow, emulator, api, dag, max_retries=0)

    assert [attempt.state for attempt in result.tries("create")] == ["up_for_retry", "success"]
    assert isinstance(result.tries("create")[0].error, OutcomeUnknownError)
    (offer,) = offers(emulator)
    assert result.result("create") == {
        "id": offer["id"],
        "instance_id": offer["instance_id"] if api == "xcore" else offer["id"],
        "name": "Once",
        "etag": 1,
        "offer_type": "fallback",
        "api": api,
        "sandbox": "prod",
        "action": "adopted",
    }


def test_another_run_does_not_take_that_offer_for_its_own(airflow: Airflow, emulator: Emulator, api: str) -> None:
    with dag_of("repeating") as dag:
        CreateOfferOperator(task_id="create", offer=personalized("Once"), retries=1, retry_delay=NO_DELAY)

    assert run(airflow, emulator, api, dag).states == {"create": "success"}
    second = run(airflow, emulator, api, dag)

    assert second.states == {"create": "failed"}
    assert "this run did not create it" in str(second.error("create"))
    assert len(offers(emulator)) == 1


class KilledAfterItsWork(CreateOfferOperator):
    """Is killed in its first try, when the offer exists and its receipt is not in XCom yet."""

    def work(self, hook: Any, context: Any) -> Any:
        receipt = super().work(hook, context)
        if context["ti"].try_number == 1:
            kill_this_worker()
        return receipt


def test_a_worker_killed_after_the_creation(airflow: Airflow, emulator: Emulator, api: str) -> None:
    with dag_of("killed") as dag:
        KilledAfterItsWork(task_id="create", offer=personalized("Once"), retries=1, retry_delay=NO_DELAY)

    result = airflow.run(dag, connections={CONNECTION: emulator.connection(api)}, task_runner=in_a_child)

    assert [attempt.state for attempt in result.tries("create")] == ["up_for_retry", "success"]
    assert result.result("create")["action"] == "adopted"
    assert len(offers(emulator)) == 1


PATCHES: dict[str, tuple[dict[str, Any], int]] = {
    "the answer is lost after the commit": ({"effect": "drop", "when": "after"}, 1),
    "the request is lost before the commit": ({"effect": "drop"}, 2),
    "a 500 after the commit": ({"effect": "status", "status": 500, "when": "after"}, 1),
    "a 502 before the commit": ({"effect": "status", "status": 502}, 2),
    "the answer is cut": ({"effect": "truncate"}, 1),
    "somebody else is faster": ({"effect": "status", "status": 409}, 2),
    "too many requests": ({"effect": "status", "status": 429, "retry_after": 0}, 2),
}


@pytest.mark.parametrize("case", PATCHES)
def test_a_patch_that_adds_is_applied_once(airflow: Airflow, emulator: Emulator, api: str, case: str) -> None:
    fault, patches = PATCHES[case]
    stored = seed(emulator, api, "Patched", changes={"tags": ["xcore:tag:124f4e5c8a00cd92"]})
    emulator.add_fault(**fault, method="PATCH")
    with dag_of("patching") as dag:
        PatchOfferOperator(task_id="patch", offer_id=stored["id"], patch=ADD_TAG)

    result = run(airflow, emulator, api, dag)

    assert result.states == {"patch": "success"}, result.error("patch")
    (offer,) = offers(emulator)
    assert offer["body"]["tags"] == ["xcore:tag:124f4e5c8a00cd92", Emulator.TAG_ID]
    assert (offer["etag"], result.result("patch")["etag"]) == (2, 2)
    assert len(writes(emulator)) == patches


class Forgetful(PatchOfferOperator):
    """Keeps nothing between its tries, as on Airflow 3.2."""

    def prepare(self, context: Any) -> None:
        context.pop("task_state_store", None)
        super().prepare(context)


def test_a_list_with_a_write_that_may_come_late_is_not_retried(airflow: Airflow, emulator: Emulator, api: str) -> None:
    tags = [Emulator.TAG_ID, "xcore:tag:124f4e5c8a00cd92"]
    late, throttled = (seed(emulator, api, name, changes={"tags": tags}) for name in ("Late", "Throttled"))
    address = "id" if api == "dps" else "instance_id"
    emulator.add_fault("late", method="PATCH", path=f"*{late[address]}*", seconds=3600)
    emulator.add_fault("status", method="PATCH", path=f"*{throttled[address]}*", status=429, retry_after=0)

    with dag_of("patching") as dag:
        Forgetful(
            task_id="patch",
            offer_id=[late["id"], throttled["id"]],
            patch=[{"op": "remove", "path": "/tags/0"}],
            retries=1,
            retry_delay=NO_DELAY,
            on_retry_callback=lambda _: emulator.clock.advance(7200),
        )
    result = airflow.run(dag, connections={CONNECTION: emulator.connection(api, max_retries=0)})
    emulator.clock.advance(7200)

    assert result.states == {"patch": "failed"}
    assert "Running this again might apply it twice" in str(result.error("patch"))
    assert {each["body"]["name"]: each["body"]["tags"] for each in offers(emulator)} == {
        "Late": tags[1:],
        "Throttled": tags,
    }


@pytest.mark.parametrize("retried_by", ["the client", "Airflow"])
def test_a_deletion_whose_answer_is_lost(airflow: Airflow, emulator: Emulator, api: str, retried_by: str) -> None:
    stored = seed(emulator, api, "Going")
    if retried_by == "the client":
        emulator.add_fault("drop", method="DELETE", when="after")
    else:
        # Not done yet at the read that follows the last try.
        emulator.add_fault("late", method="DELETE", seconds=60)
    with dag_of("deleting") as dag:
        DeleteOfferOperator(task_id="delete", offer_id=stored["id"], retries=1, retry_delay=NO_DELAY)

    result = run(airflow, emulator, api, dag, max_retries=1 if retried_by == "the client" else 0)

    assert result.states == {"delete": "success"}
    assert offers(emulator) == []
    assert result.result("delete")["action"] == "deleted"
    if retried_by == "the client":
        assert len(result.attempts) == 1
    else:
        assert isinstance(result.tries("delete")[0].error, NoAnswerError)


def test_reads_outlast_what_passes(airflow: Airflow, emulator: Emulator, api: str) -> None:
    stored = seed(emulator, api, "Read")
    for route in ("*.get", "dps.list" if api == "dps" else "xcore.search"):
        emulator.add_fault("status", route=route)
        emulator.add_fault("drop", route=route)
    emulator.add_fault("malformed", route="*.get")
    with dag_of("reading") as dag:
        GetOfferOperator(task_id="get", offer_id=stored["id"], retries=1, retry_delay=NO_DELAY)
        SearchOffersOperator(task_id="search")

    result = run(airflow, emulator, api, dag)

    assert result.states == {"get": "success", "search": "success"}
    assert result.logs.count("Trying again in") >= 4
    # A complete answer that is not JSON is left to the retries of the task.
    assert "cut or malformed JSON" in str(result.tries("get")[0].error)


def test_what_the_client_gives_up_on_is_left_to_airflows_retries(
    airflow: Airflow, emulator: Emulator, api: str
) -> None:
    seed(emulator, api, "Read")
    emulator.add_fault("status", method="GET", status=429, retry_after=7, path="/data/*")
    emulator.add_fault("status", method="GET", status=503, path="/data/*")
    with dag_of("giving_up") as dag:
        SearchOffersOperator(task_id="search", retries=2, retry_delay=NO_DELAY)

    result = run(airflow, emulator, api, dag, max_retries=0)

    assert [attempt.state for attempt in result.tries("search")] == ["up_for_retry", "up_for_retry", "success"]
    limited, failed, none = (attempt.error for attempt in result.tries("search"))
    assert isinstance(limited, RateLimitedError)
    assert limited.retry_after == 7
    assert "[retry after 7 s]" in str(limited)
    assert isinstance(failed, ServerError)
    assert "refused with 503" in str(failed)
    assert none is None


def test_retry_after_is_waited_for(airflow: Airflow, emulator: Emulator, api: str) -> None:
    emulator.add_fault("status", method="POST", status=429, retry_after=1, path="/data/*")
    with dag_of("limited") as dag:
        CreateOfferOperator(task_id="create", offer=personalized("Once"))

    result = run(airflow, emulator, api, dag)

    assert result.states == {"create": "success"}
    told = next(line for line in result.logs.splitlines() if "Trying again in " in line and "refused with 429" in line)
    assert float(told.split("Trying again in ")[1].split(" s")[0]) >= 1.0
    assert len(named(emulator, "Once")) == 1


KEEPS_STATE = hasattr(airflow_context, "TaskStateStoreAccessor")
NO_ID = {"dps": "dps:personalized-offer:1111111111111111", "xcore": "xcore:personalized-offer:1111111111111111"}


@pytest.mark.parametrize("operator", ["offer", "object"])
def test_what_never_was_is_not_what_the_try_before_deleted(
    airflow: Airflow, emulator: Emulator, api: str, operator: str
) -> None:
    bystander = seed(emulator, api, "Bystander")
    with dag_of("mistyped") as dag:
        retries: dict[str, Any] = {"retries": 1, "retry_delay": NO_DELAY}
        if operator == "offer":
            DeleteOfferOperator(task_id="delete", offer_id=NO_ID[api], **retries)
        else:
            DeleteLibraryObjectOperator(task_id="delete", kind="personalized", object_id=NO_ID[api], **retries)

    result = run(airflow, emulator, api, dag)

    assert result.states == {"delete": "failed"}
    assert NO_ID[api] in str(result.error("delete"))
    # On Airflow 3.2, which keeps no notes, only the service can tell.
    sent = [entry.status for entry in writes(emulator)]
    assert sent == [] or (sent == [404] and not KEEPS_STATE)
    assert [each["id"] for each in offers(emulator)] == [bystander["id"]]


@pytest.mark.skipif(
    not KEEPS_STATE, reason="on Airflow 3.2 the retry cannot tell what was never there from what is gone"
)
def test_a_list_that_names_what_never_was(airflow: Airflow, emulator: Emulator, api: str) -> None:
    there = seed(emulator, api, "Going")["id"]
    emulator.add_fault("drop", method="DELETE", when="after")
    with dag_of("mistyped") as dag:
        DeleteOfferOperator(
            task_id="delete",
            offer_id=[there, NO_ID[api]],
            on_failure="continue",
            retries=1,
            retry_delay=NO_DELAY,
        )

    result = run(airflow, emulator, api, dag, max_retries=0)

    # The lost request's deletion counts; an object that never existed is an error.
    assert result.states == {"delete": "failed"}
    assert offers(emulator) == []
    assert NO_ID[api] in str(result.error("delete"))


class KilledBeforeTheDeletion(DeleteOfferOperator):
    """Is killed in its first try just before the deletion; then somebody else deletes the offer."""

    def edit(self, hook: Any, references: Any) -> Any:
        from airflow_provider_offers.operators.memory import TaskMemory

        keep = TaskMemory.keep

        def keep_and_die(self: TaskMemory, key: str, value: Any) -> None:
            keep(self, key, value)
            if key.startswith("offers_deleting"):
                kill_this_worker()

        if self._tries.is_retry:
            hook.library.delete(PERSONALIZED, self.params["id"], missing_ok=True)
        elif self._tries.durable:
            TaskMemory.keep = keep_and_die  # type: ignore[method-assign]
        return super().edit(hook, references)


def test_what_a_killed_try_was_about_to_delete_may_be_gone(airflow: Airflow, emulator: Emulator, api: str) -> None:
    stored = seed(emulator, api, "Going")
    with dag_of("deleting") as dag:
        KilledBeforeTheDeletion(
            task_id="delete", offer_id="name:Going", params={"id": stored["id"]}, retries=1, retry_delay=NO_DELAY
        )

    result = airflow.run(dag, connections={CONNECTION: emulator.connection(api)}, task_runner=in_a_child)

    if not retry_arguments():
        # Airflow 3.2 keeps no note, so the test kills nothing there.
        assert result.states == {"delete": "success"}
        return
    assert [attempt.state for attempt in result.tries("delete")] == ["up_for_retry", "success"]
    assert (result.result("delete")["action"], result.result("delete")["id"]) == ("unchanged", stored["id"])


ENDED = {"startDate": "2020-01-01T00:00:00Z", "profileConstraintType": "none"}


def _seed_ended(emulator: Emulator, api: str) -> list[str]:
    """Five offers whose windows have ended, the oldest end first."""
    return [
        seed(
            emulator, api, f"Over {n}", changes={"selectionConstraint": {**ENDED, "endDate": f"2020-02-0{n}T00:00:00Z"}}
        )["id"]
        for n in range(1, 6)
    ]


def _archived(emulator: Emulator) -> list[str]:
    return [each["id"] for each in offers(emulator) if each["body"]["status"] == "archived"]


def test_tries_of_one_archiving_keep_to_its_limit_together(airflow: Airflow, emulator: Emulator, api: str) -> None:
    ids = _seed_ended(emulator, api)
    emulator.add_fault("status", status=503, method="PATCH", path="/data/*", after=1)
    with dag_of("tidying") as dag:
        ArchiveExpiredOffersOperator(task_id="tidy", limit=2, max_concurrent=1, retries=1, retry_delay=NO_DELAY)

    result = run(airflow, emulator, api, dag, max_retries=0)

    assert [attempt.state for attempt in result.tries("tidy")] == ["up_for_retry", "success"]
    report = result.result("tidy")
    if not retry_arguments():
        # Airflow 3.2 keeps no list, so each try chooses its own offers.
        assert _archived(emulator) == ids[:3]
        return
    assert _archived(emulator) == ids[:2]
    assert [receipt["id"] for receipt in report["archived"]] == ids[:2]
    assert (report["expired"], report["left"]) == (5, 3)


class KilledAfterTheArchiving(ArchiveExpiredOffersOperator):
    """Is killed in its first try, after the archival and without a receipt; then one of the offers is deleted."""

    def work(self, hook: Any, context: Any) -> Any:
        from airflow_provider_offers.client.flows import pages

        if context["ti"].try_number > 1:
            if self.params["gone"] is not None:
                hook.delete_offer(self.params["gone"])
            return super().work(hook, context)
        pages.Checkpoint.add = lambda *_: iter(())  # type: ignore[assignment, method-assign]
        super().work(hook, context)
        kill_this_worker()
        return None


def test_a_report_tells_what_a_killed_try_archived(airflow: Airflow, emulator: Emulator, api: str) -> None:
    if not retry_arguments():
        pytest.skip("Airflow 3.2 keeps no list between tries")
    ids = _seed_ended(emulator, api)
    with dag_of("tidying") as dag:
        KilledAfterTheArchiving(task_id="tidy", limit=3, params={"gone": ids[1]}, retries=1, retry_delay=NO_DELAY)

    result = airflow.run(dag, connections={CONNECTION: emulator.connection(api)}, task_runner=in_a_child)

    assert result.states == {"tidy": "success"}, result.error("tidy")
    report = result.result("tidy")
    assert [receipt["id"] for receipt in report["archived"]] == [ids[0], ids[2]]
    assert (report["expired"], report["left"]) == (5, 2)
    assert _archived(emulator) == [ids[0], ids[2]]


def test_an_offer_that_a_list_names_twice_is_done_once(airflow: Airflow, emulator: Emulator, api: str) -> None:
    one, other = (seed(emulator, api, name, changes={"tags": []}) for name in ("One", "Other"))
    going = seed(emulator, api, "Going")
    spelled = [
        one["id"],
        {"id": one["id"], "name": "One"},
        "name:One",
        *([one["instance_id"]] if api == "xcore" else []),
    ]
    with dag_of("repeating") as dag:
        PatchOfferOperator(task_id="patch", offer_id=[other["id"], *spelled, other["id"]], patch=ADD_TAG)
        DeleteOfferOperator(task_id="delete", offer_id=["name:Going", going["id"], going["id"]])

    result = run(airflow, emulator, api, dag)

    assert result.states == {"patch": "success", "delete": "success"}, (result.error("patch"), result.error("delete"))
    assert [receipt["id"] for receipt in result.result("patch")] == [other["id"], one["id"]]
    assert [receipt["action"] for receipt in result.result("delete")] == ["deleted"]
    assert [each["body"]["tags"] for each in offers(emulator)] == [[Emulator.TAG_ID]] * 2
    assert len(writes(emulator)) == 3


def test_a_list_whose_names_cannot_be_looked_up_is_not_begun(airflow: Airflow, emulator: Emulator, api: str) -> None:
    """Two names might mean one offer, which would be changed twice."""
    one = seed(emulator, api, "One", changes={"tags": []})
    emulator.add_fault("status", status=503, route="*.list", times=1)
    with dag_of("unseen") as dag:
        PatchOfferOperator(
            task_id="patch", offer_id=["name:One", one["id"]], patch=ADD_TAG, retries=1, retry_delay=NO_DELAY
        )

    result = run(airflow, emulator, api, dag, max_retries=0)

    assert [attempt.state for attempt in result.tries("patch")] == ["up_for_retry", "success"]
    assert [each["body"]["tags"] for each in offers(emulator)] == [[Emulator.TAG_ID]]
    assert len(writes(emulator)) == 1


class LosesSight(BatchDecisionOperator):
    """Submits in its first try, and loses the connection before the job ends."""

    def work(self, hook: Any, context: Any) -> Any:
        self._is_first = context["ti"].try_number == 1
        return super().work(hook, context)

    def _wait(self, *given: Any) -> Any:
        if self._is_first:
            raise NoAnswerError("the connection was lost", method="GET", path="/workloads", sent=True)
        return super()._wait(*given)


@pytest.mark.parametrize("lasts", [False, True], ids=["for a moment", "for good"])
def test_a_job_is_lost_only_where_the_service_does_not_know_it_for_long(
    airflow: Airflow, emulator: Emulator, api: str, lasts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not retry_arguments():
        pytest.skip("Airflow 3.2 lets no retry know of the job")
    monkeypatch.setattr("airflow_provider_offers.client.waiting.polling._MAX_BACKOFF", 0.1)
    stage = set_up(emulator, api)
    emulator.configure(batch_queued_seconds=0, batch_processing_seconds=0, batch_ingesting_seconds=0)
    times = MAX_FAILURES + 1 if lasts else 1
    emulator.add_fault("status", status=404, body={"title": "Not found"}, route="dwm.*", method="GET", times=times)
    with dag_of("batch") as dag:
        LosesSight(
            task_id="decide",
            decision_id=stage.decision,
            placement_id=stage.placement,
            audience_id="609028e4-e66c-4776-b0d9-c782887e2273",
            dataset_id="6196b4a1a63bd118dafe093c",
            deferrable=False,
            poll_interval=0.1,
            retries=1,
            retry_delay=NO_DELAY,
        )

    result = run(airflow, emulator, api, dag)

    assert result.states == {"decide": "success"}, result.error("decide")
    assert len(emulator.jobs()) == (2 if lasts else 1)
    assert ("the service does not know its job" in result.logs) == lasts
    assert "saw no answer" not in result.logs


@pytest.mark.parametrize("most", [1, 4])
def test_a_list_that_airflow_ends_begins_no_more_objects_and_the_next_try_does_the_rest(
    airflow: Airflow, api: str, most: int
) -> None:
    running: list[Killed] = []

    class Killed(CreateOfferOperator):
        def prepare(self, context: Any) -> None:
            running.append(self)
            super().prepare(context)

    def listen(line: str) -> None:
        # As Airflow does when somebody marks the task or clears it, in the middle of the list.
        if "POST" in line and " 201 " in line and len(running) == 1:
            running[0].on_kill()

    with Emulator(log=listen) as emulator:
        with dag_of("killed") as dag:
            Killed(
                task_id="create",
                offer=[personalized(f"Offer {number}") for number in range(40)],
                max_concurrent=most,
                retries=1,
                retry_delay=NO_DELAY,
            )
        result = run(airflow, emulator, api, dag)

        assert result.states == {"create": "success"}
        first = str(result.attempts[0].error)
        assert first.startswith("Airflow ended this try: ")
        assert first.endswith(" of 40 offers were created, the others not begun")
        assert int(first.split()[4]) <= most + 1
        assert sorted(each["body"]["name"] for each in offers(emulator)) == sorted(f"Offer {n}" for n in range(40))
