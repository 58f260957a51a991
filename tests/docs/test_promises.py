"""Tests promises of the documentation that no other test covers."""

from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.offers import GetOfferOperator, PatchOfferOperator
from tests.airflow.child import in_a_child, kill_this_worker
from tests.airflow.harness import Airflow, Run
from tests.docs.conftest import PERSONALIZED

TAG = "xcore:tag:124e147572cd7866"


def _run(airflow: Airflow, connection: dict[str, Any]) -> Run:
    with DAG("secretive", schedule=None) as dag:
        GetOfferOperator(task_id="get", offer_id=PERSONALIZED)
    return airflow.run(dag, connections={"offer_library_default": connection})


@pytest.mark.parametrize("api", ["dps", "xcore"])
def test_the_client_secret_stays_out_of_logs_and_storage(airflow: Airflow, emulator: Emulator, api: str) -> None:
    assert _run(airflow, emulator.connection(api)).state == "success"

    wrong = _run(airflow, emulator.connection(api, scopes="openid,other"))

    assert wrong.state == "failed"
    assert Emulator.CLIENT_SECRET not in wrong.logs
    assert airflow.kept().where(Emulator.CLIENT_SECRET) == []


@pytest.mark.parametrize("lifetime", [3600, 0])
def test_a_ready_token_stays_out_of_logs_and_storage(airflow: Airflow, emulator: Emulator, lifetime: float) -> None:
    token = emulator.issue_token(lifetime=lifetime)

    run = _run(airflow, emulator.connection(access_token=token))

    assert run.state == ("success" if lifetime else "failed")
    assert token not in run.logs
    assert airflow.kept().where(token) == []


class _Killed(PatchOfferOperator):
    """Is killed in its first try, after the patch and before it can report it."""

    def work(self, hook: Any, context: Any) -> dict[str, Any]:
        receipt = super().work(hook, context)
        if context["ti"].try_number == 1:
            kill_this_worker()
        return receipt


@pytest.mark.parametrize("guarded", [False, True])
def test_a_patch_of_a_killed_worker_is_not_made_again(airflow: Airflow, emulator: Emulator, guarded: bool) -> None:
    emulator.seed(
        objects=[
            {
                "kind": "personalized-offer",
                "id": "dps:personalized-offer:1c265317da412004",
                "body": {
                    "name": "Tagged",
                    "status": "draft",
                    "selectionConstraint": {"startDate": "2026-01-01T00:00:00Z", "endDate": "2036-01-01T00:00:00Z"},
                    "rank": {"priority": 1},
                    "tags": [],
                },
            }
        ]
    )
    with DAG("tagging", schedule=None) as dag:
        _Killed(
            task_id="tag",
            offer_id="dps:personalized-offer:1c265317da412004",
            patch=[{"op": "add", "path": "/tags/-", "value": TAG}],
            if_match=1 if guarded else None,
            retries=1,
            retry_delay=0,
        )

    connections = {"offer_library_default": emulator.connection()}
    run = airflow.run(dag, connections=connections, task_runner=in_a_child)

    (offer,) = (each for each in emulator.objects("personalized-offer") if each["body"]["name"] == "Tagged")
    assert offer["body"]["tags"] == [TAG]
    assert run.state == "success"
    assert run.result("tag")["action"] == "updated"
