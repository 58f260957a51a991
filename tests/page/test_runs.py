"""The page tells which runs of Airflow wrote an object, and which plans wait, to users who may read their DAGs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.sdk import DAG
from starlette.testclient import TestClient

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
from airflow_provider_offers.operators.campaigns import ApplyCampaignOperator, PlanCampaignOperator
from airflow_provider_offers.operators.offers import CreateOfferOperator, GetOfferOperator, PublishOfferOperator
from tests.airflow.campaigns import written
from tests.airflow.harness import Airflow
from tests.client.campaign import offer
from tests.page.conftest import CONN_ID, PAGE, get

PUBLISHED = offer("Voucher", Emulator.PLACEMENT_ID, status="draft")


def lifecycle(connection: dict[str, Any], airflow: Airflow) -> Any:
    """Run a DAG that creates an offer, publishes it and reads it."""
    with DAG("launch", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        created = CreateOfferOperator(task_id="create", offer=PUBLISHED, offer_library_conn_id=CONN_ID)
        published = PublishOfferOperator(task_id="publish", offer_id=created.output, offer_library_conn_id=CONN_ID)
        published >> GetOfferOperator(task_id="read", offer_id=created.output, offer_library_conn_id=CONN_ID)
    run = airflow.run(dag, connections={CONN_ID: connection})
    assert run.state == "success"
    return run


@pytest.mark.parametrize("api", ["dps"], indirect=True)
def test_an_offer_shows_the_runs_that_wrote_it_and_an_edit_by_somebody_else(
    client: TestClient, connected: str, emulator: Emulator, api: str, airflow: Airflow
) -> None:
    connection = emulator.connection(api)
    run = lifecycle(connection, airflow)
    identifier = run.result("create")["id"]

    found = get(client, "api/object", conn_id=connected, kind="personalized", id=identifier)

    assert [(each["task_id"], each["action"]) for each in found["runs"]] == [
        ("publish", "published"),
        ("create", "created"),
    ]
    assert [each["what"] for each in found["history"]] == ["published", "created"]
    address = f"../dags/launch/runs/{quote(run.run_id, safe='')}/tasks/publish"
    assert found["history"][0]["run"]["href"] == found["runs"][0]["href"] == address

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AIRFLOW_CONN_LIBRARY", emulator.conn_uri(api))
        with OfferLibraryHook(CONN_ID) as hook:
            hook.unpublish_offer(identifier)
    found = get(client, "api/object", conn_id=connected, kind="personalized", id=identifier)
    assert [each["what"] for each in found["history"]] == ["changed outside these runs", "published", "created"]


@pytest.mark.parametrize("api", ["dps"], indirect=True)
def test_an_edit_after_a_campaign_is_told_as_no_run_of_airflow(
    client: TestClient, connected: str, emulator: Emulator, api: str, airflow: Airflow, tmp_path: Path
) -> None:
    connection, states = emulator.connection(api), str(tmp_path / "states")
    with DAG("spring", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        ApplyCampaignOperator(task_id="apply", manifest=written(tmp_path), target="dev", state_path=states)
    report = airflow.run(dag, connections={"offer_library_default": connection}).result("apply")
    (identifier,) = (each["id"] for each in report["objects"] if each["name"] == "Spring towels")
    told = get(client, "api/object", conn_id=connected, kind="personalized", id=identifier)
    assert [each["what"] for each in told["history"]] == ["created"]

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AIRFLOW_CONN_LIBRARY", emulator.conn_uri(api))
        with OfferLibraryHook(CONN_ID) as hook:
            hook.patch_offer(identifier, [{"op": "replace", "path": "/rank/priority", "value": 50}])
    with DAG("look", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as look:
        PlanCampaignOperator(
            task_id="compare", manifest=written(tmp_path), target="dev", state_path=states, on_conflict="report"
        )
    looked = airflow.run(look, connections={"offer_library_default": connection}).result("compare")
    assert looked["has_conflicts"]
    told = get(client, "api/object", conn_id=connected, kind="personalized", id=identifier)
    # A plan has the object and its etag, and has written nothing.
    assert [each["task_id"] for each in told["runs"]] == ["apply"]
    assert [each["what"] for each in told["history"]] == ["changed outside these runs", "created"]


def forbid(monkeypatch: pytest.MonkeyPatch, part: DagAccessEntity) -> None:
    """Let nobody read this part of any DAG."""
    from airflow.api_fastapi.app import get_auth_manager

    monkeypatch.setattr(get_auth_manager(), "is_authorized_dag", lambda **asked: asked["access_entity"] is not part)


@pytest.mark.parametrize("api", ["dps"], indirect=True)
def test_runs_are_hidden_from_users_who_may_not_read_their_tasks_and_results(
    client: TestClient, connected: str, emulator: Emulator, api: str, airflow: Airflow
) -> None:
    identifier = lifecycle(emulator.connection(api), airflow).result("create")["id"]

    for part in (DagAccessEntity.TASK_INSTANCE, DagAccessEntity.XCOM):
        with pytest.MonkeyPatch.context() as monkeypatch:
            forbid(monkeypatch, part)
            found = get(client, "api/object", conn_id=connected, kind="personalized", id=identifier)

        assert found["runs"] == []
        assert [each["what"] for each in found["history"]] == ["changed", "created"]


@pytest.mark.parametrize("api", ["dps"], indirect=True)
def test_the_results_of_dags_that_a_user_may_not_read_hide_no_others(
    client: TestClient, connected: str, emulator: Emulator, api: str, airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.api_fastapi.app import get_auth_manager

    from airflow_provider_offers.plugins import runs

    connection = emulator.connection(api)
    identifier = lifecycle(connection, airflow).result("create")["id"]
    monkeypatch.setattr(runs, "_MOST", 2)
    with DAG("secret", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        for number in range(4 * runs._MOST):
            GetOfferOperator(task_id=f"read_{number}", offer_id=identifier, offer_library_conn_id=CONN_ID)
    assert airflow.run(dag, connections={CONN_ID: connection}).state == "success"
    monkeypatch.setattr(get_auth_manager(), "is_authorized_dag", lambda **asked: asked["details"].id != "secret")

    found = get(client, "api/object", conn_id=connected, kind="personalized", id=identifier)

    assert [each["task_id"] for each in found["runs"]] == ["publish", "create"]


@pytest.mark.parametrize("api", ["dps"], indirect=True)
def test_a_plan_that_waits_leads_to_its_step(
    client: TestClient,
    visitor: Callable[[str | None], TestClient],
    connected: str,
    emulator: Emulator,
    api: str,
    airflow: Airflow,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    manifest = written(tmp_path)
    with DAG("spring", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        PlanCampaignOperator(task_id="plan", manifest=manifest, target="dev", state_path=str(tmp_path / "states"))
    run = airflow.run(dag, connections={"offer_library_default": emulator.connection(api)})
    plan = run.result("plan")
    ask("spring", run.run_id, "plan", plan["markdown"])

    monkeypatch.setenv("AIRFLOW_CONN_OFFER_LIBRARY_DEFAULT", emulator.conn_uri(api))
    (found,) = get(client, "api/plans", conn_id="offer_library_default")["plans"]

    assert (found["campaign"], found["target"], found["summary"]) == ("spring", "dev", plan["summary"])
    assert (found["dag_id"], found["task_id"]) == ("spring", "plan")
    assert found["href"].startswith("../dags/spring/runs/manual")
    assert found["href"].endswith("/tasks/plan/required_actions")
    assert get(client, "api/plans", conn_id=connected) == {"plans": []}
    assert visitor("viewer").get(f"{PAGE}/api/plans", params={"conn_id": connected}).status_code == 403
    forbid(monkeypatch, DagAccessEntity.HITL_DETAIL)
    assert get(client, "api/plans", conn_id="offer_library_default") == {"plans": []}


def ask(dag_id: str, run_id: str, task_id: str, body: str) -> None:
    """Let a task wait for an answer, as Airflow stores it: `dag.test()` does not end while one waits."""
    from airflow.models.hitl import HITLDetail
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        task = session.scalars(
            select(TaskInstance).where(
                TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id, TaskInstance.task_id == task_id
            )
        ).one()
        task.operator, task.state = "ApproveCampaignPlanOperator", "deferred"
        session.add(HITLDetail(ti_id=task.id, options=["Approve", "Reject"], subject="Apply?", body=body))
