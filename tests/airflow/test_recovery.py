"""Faults on the way: every offer is made, changed and deleted once, by the client's own retries or by Airflow's."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.client.errors import (
    NoAnswerError,
    OutcomeUnknownError,
    RateLimitedError,
    ServerError,
)
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.offers import (
    CreateFallbackOfferOperator,
    CreateOfferOperator,
    DeleteOfferOperator,
    GetOfferOperator,
    PatchOfferOperator,
    SearchOffersOperator,
)
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

LOST_AFTER = {"effect": "drop", "method": "POST", "when": "after", "path": "/data/*"}
ADD_TAG = [{"op": "add", "path": "/tags/-", "value": Emulator.TAG_ID}]

CREATIONS: dict[str, tuple[dict[str, Any], int]] = {
    # The fault, and how many times the offer is posted.
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
    """The answer is lost and the library cannot be asked: the next try of the task recognises its own offer."""
    emulator.add_fault(**LOST_AFTER)
    emulator.add_fault("status", method="GET", route="*.list", after=1, times=1)
    with dag_of("surviving") as dag:
        CreateFallbackOfferOperator(
            task_id="create", offer=fallback("Once"), if_exists="fail", retries=1, retry_delay=NO_DELAY
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
    assert "this run did not make it" in str(second.error("create"))
    assert len(offers(emulator)) == 1


class KilledAfterItsWork(CreateOfferOperator):
    """Is killed in its first try, with the offer made and its receipt not yet in XCom."""

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


@pytest.mark.parametrize("retried_by", ["the client", "Airflow"])
def test_a_deletion_whose_answer_is_lost(airflow: Airflow, emulator: Emulator, api: str, retried_by: str) -> None:
    stored = seed(emulator, api, "Going")
    emulator.add_fault("drop", method="DELETE", when="after")
    with dag_of("deleting") as dag:
        DeleteOfferOperator(task_id="delete", offer_id=stored["id"], retries=1, retry_delay=NO_DELAY)

    result = run(airflow, emulator, api, dag, max_retries=1 if retried_by == "the client" else 0)

    assert result.states == {"delete": "success"}
    assert offers(emulator) == []
    if retried_by == "the client":
        assert len(result.attempts) == 1
        assert result.result("delete")["action"] == "deleted"
    else:
        assert isinstance(result.tries("delete")[0].error, NoAnswerError)
        assert result.result("delete")["action"] == "unchanged"


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
    # What comes whole and is no JSON is left to the retries of the task.
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
