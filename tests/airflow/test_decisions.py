"""Decisions for one profile in real DAG runs."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import TriggerRule
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_offers.client.errors import (
    OutcomeUnknownError,
    RuntimeRefusalError,
)
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.kinds import DECISION, FALLBACK, PERSONALIZED
from airflow_provider_offers.client.settings import parse_settings
from airflow_provider_offers.emulator import Emulator
from tests.airflow.decisions import RETRIED, asked, decide, live
from tests.airflow.harness import Airflow
from tests.airflow.library import CONNECTION, dag_of, document, errors, run
from tests.deciding import EMAIL, REPRESENTATION, Stage, set_up


def test_a_profile_is_decided_for_and_nothing_is_counted(
    airflow: Airflow, emulator: Emulator, api: str, stage: Stage
) -> None:
    with dag_of("deciding") as dag:
        decide(stage, item_count="{{ 1 + 1 }}", profile={"Email": "{{ 'A.CUSTOMER@EXAMPLE.COM' | lower }}"})
        decide(stage, "bare", include_content=False, decision_id="name:Newsletter")
    result = run(airflow, emulator, api, dag)
    found = result.result("decide")
    assert (found["api"], found["sandbox"], found["dry_run"]) == (api, "prod", True)
    (proposition,) = found["propositions"]
    assert proposition["decision"]["id"] == stage.decision
    assert [(option["id"], option["etag"]) for option in proposition["options"]] == [(id, 1) for id in stage.offers]
    assert proposition["options"][0]["content"] == "<p>10%</p>"
    assert "content" not in result.result("bare")["propositions"][0]["options"][0]
    assert {document(entry)["xdm:dryRun"] for entry in asked(emulator)} == {True}


def test_the_profile_is_in_the_rendered_fields_and_nowhere_else(
    airflow: Airflow, emulator: Emulator, api: str, stage: Stage
) -> None:
    body = json.dumps({"detail": f"no {EMAIL}"})
    emulator.add_fault("status", status=422, times=1_000, body=body, path="/data/core/od?/*")
    draft = set_up(emulator, api, status="draft")
    with dag_of("private") as dag:
        decide(stage, **RETRIED)
        live(draft, "wait", deferrable=True, execution_timeout=timedelta(seconds=3))
    result = run(airflow, emulator, api, dag)
    assert result.states == {"decide": "failed", "wait": "failed"}
    assert EMAIL not in result.logs
    assert not [text for text in errors(result, result.states).values() if EMAIL in text]
    # The DAG's own text contains it here. A trigger's arguments are read decrypted; Airflow stores them encrypted.
    places = {"rendered_task_instance_fields.rendered_fields", "serialized_dag.data", "trigger.kwargs"}
    assert set(airflow.kept().where(EMAIL)) <= places


def test_a_profile_from_a_connection_is_masked_by_airflow(
    airflow: Airflow, emulator: Emulator, api: str, stage: Stage
) -> None:
    with dag_of("masked") as dag:
        decide(stage, profile={"Email": "{{ conn.test_profile.password }}"})
    connections = {
        CONNECTION: emulator.connection(api),
        "test_profile": {"conn_type": "generic", "password": "hidden.customer@example.com"},
    }
    result = airflow.run(dag, connections=connections)
    assert result.states == {"decide": "success"}
    identities = document(asked(emulator)[0])["xdm:profiles"][0]["xdm:identityMap"]
    assert identities["Email"][0]["xdm:id"] == "hidden.customer@example.com"
    assert airflow.kept().where("hidden.customer@example.com") == []


def test_a_real_decision_counts_once_or_says_that_it_cannot_know(
    airflow: Airflow, emulator: Emulator, api: str, stage: Stage
) -> None:
    emulator.add_fault("drop", when="after", path="/data/core/od?/*")
    with dag_of("counting") as dag:
        decide(stage, dry_run=False, **RETRIED)
    result = run(airflow, emulator, api, dag)
    assert result.states == {"decide": "failed"}
    (attempt,) = result.tries("decide")
    assert isinstance(attempt.error, AirflowFailException)
    assert isinstance(attempt.error.__context__, OutcomeUnknownError)
    assert len(asked(emulator)) == 1
    assert run(airflow, emulator, api, dag).result("decide")["dry_run"] is False


def test_a_real_decision_that_times_out_is_not_counted_twice(
    airflow: Airflow, emulator: Emulator, api: str, stage: Stage
) -> None:
    emulator.add_fault("delay", seconds=6, times=3, path="/data/core/od?/*")
    whole = {"identityMap": {"Email": [{"id": EMAIL}]}}
    ended: dict[str, Any] = {**RETRIED, "execution_timeout": timedelta(seconds=3)}
    with dag_of("late") as dag:
        real = decide(stage, "real", dry_run=False, **ended)
        whole_request = decide(stage, "whole", profile={"dryRun": False, "profiles": [whole]}, **ended)
        tried = decide(stage, "tried", **ended)
        real >> whole_request >> tried
        whole_request.trigger_rule = tried.trigger_rule = TriggerRule.ALL_DONE
    result = run(airflow, emulator, api, dag)
    assert result.states == {"real": "failed", "whole": "failed", "tried": "success"}
    assert {task: len(result.tries(task)) for task in result.states} == {"real": 1, "whole": 1, "tried": 2}
    for told in errors(result, ["real", "whole"]).values():
        assert "Caps may have counted the decision" in told
    assert len(asked(emulator)) == 4


def test_what_is_wrong_fails_at_once_and_names_the_field(
    airflow: Airflow, emulator: Emulator, api: str, stage: Stage
) -> None:
    with dag_of("wrong") as dag:
        decide(stage, "items", item_count=31, **RETRIED)
        decide(stage, "nobody", profile={"Email": "{{ '' }}"}, **RETRIED)
        decide(stage, "swapped", decision_id=stage.placement, placement_id=stage.decision, **RETRIED)
        decide(stage, "plain", profile=EMAIL, **RETRIED)
        decide(stage, "flag", dry_run="false", **RETRIED)
    result = run(airflow, emulator, api, dag)
    assert set(result.states.values()) == {"failed"}
    assert {len(result.tries(task)) for task in result.states} == {1}
    told = errors(result, result.states)
    assert "item_count: given 31; expected a whole number from 1 to 30" in told["items"]
    assert "profile/Email: given the template \"{{ '' }}\"" in told["nobody"]
    assert "decision_id" in told["swapped"]
    assert "placement_id" in told["swapped"]
    assert '{"Email": "a@example.com"}' in told["plain"]
    assert EMAIL not in told["plain"]
    assert "dry_run: given 'false'" in told["flag"]
    assert asked(emulator) == []


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_decision_that_the_runtime_does_not_know_yet_is_asked_for_again(
    airflow: Airflow, emulator: Emulator, api: str, stage: Stage, dry_run: bool
) -> None:
    body = json.dumps({"title": "Unprocessable", "detail": "the runtime knows no decision"})
    emulator.add_fault("status", status=422, times=1, body=body, path="/data/core/od?/*")
    with dag_of("early") as dag:
        decide(stage, dry_run=dry_run, **RETRIED)
    result = run(airflow, emulator, api, dag)
    assert result.states == {"decide": "success"}
    first, second = result.tries("decide")
    assert isinstance(first.error, RuntimeRefusalError)
    assert second.error is None


def test_one_offer_is_shown_at_two_placements_where_duplicates_are_allowed(
    airflow: Airflow, emulator: Emulator, api: str
) -> None:
    stage = set_up(emulator, api, offers=1)
    (second,) = emulator.seed(objects=[{"kind": "offer-placement", "generation": api, "body": {"name": "Second"}}])
    with OfferLibrary(parse_settings(**_plain(emulator.connection(api)))) as library:
        for identifier, kind in ((stage.offers[0], PERSONALIZED), (stage.fallback, FALLBACK)):
            there = {**REPRESENTATION, "placement": second}
            library.patch(kind, identifier, [{"op": "add", "path": "/representations/-", "value": there}])
        placements = {"op": "add", "path": "/criteria/0/placements/-", "value": second}
        library.patch(DECISION, stage.decision, [placements])
    both = [stage.placement, second]
    with dag_of("twice") as dag:
        for task_id, allow in (("left", None), ("never", False), ("twice", True)):
            decide(stage, task_id, placement_id=both, allow_duplicates=allow)
    result = run(airflow, emulator, api, dag)
    shown = {task: sum(bool(each["options"]) for each in result.result(task)["propositions"]) for task in result.states}
    assert shown == {"left": 1, "never": 1, "twice": 2}


def _plain(connection: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in connection.items() if name != "conn_type"}


def test_a_profile_may_come_from_a_file_and_ids_from_tasks(
    airflow: Airflow, emulator: Emulator, api: str, stage: Stage, tmp_path: Path
) -> None:
    (tmp_path / "profile.json").write_text(json.dumps({"Email": "{{ 'filed@example.com' }}"}))
    with dag_of("filed", template_searchpath=str(tmp_path)) as dag:
        decide(
            stage,
            profile="profile.json",
            decision_id=json.dumps({"id": stage.decision, "sandbox": "prod"}),
            placement_id=[{"id": stage.placement}],
        )
    result = run(airflow, emulator, api, dag)
    assert result.states == {"decide": "success"}, result.error("decide")
    identities = document(asked(emulator)[0])["xdm:profiles"][0]["xdm:identityMap"]
    assert identities["Email"][0]["xdm:id"] == "filed@example.com"
