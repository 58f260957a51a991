"""Adobe's whole decision requests work in the operator, in real DAG runs on both generations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.decisions import DecideOperator
from tests.airflow.harness import Airflow
from tests.airflow.library import dag_of, document, errors, run
from tests.deciding import REPRESENTATION, WINDOW, set_up

REQUESTS: dict[str, dict[str, Any]] = {
    file.stem: json.loads(file.read_text())["request"]
    for file in sorted((Path(__file__).parents[1] / "corpus" / "decisions").glob("*.json"))
}


def everything_named(emulator: Emulator) -> None:
    """The decisions and placements of the pages, live, with one offer that fits every placement."""
    asked = {
        (each["xdm:activityId"], each["xdm:placementId"])
        for request in REQUESTS.values()
        for each in request["xdm:propositionRequests"]
    }
    placements = sorted({placement for _, placement in asked})
    shown: dict[str, Any] = {
        "status": "approved",
        "representations": [{**REPRESENTATION, "placement": each} for each in placements],
    }
    offer = {
        **shown,
        "name": "Fits all",
        "selectionConstraint": {**WINDOW, "profileConstraintType": "none"},
        "rank": {"priority": 1},
    }
    ids = {"personalized": "dps:personalized-offer:1c265317dad00001", "fallback": "dps:fallback-offer:1c265317dad00002"}
    collection = {"name": "All of it", "filterType": "offers", "ids": [ids["personalized"]]}
    fallback = {**shown, "name": "Rest"}
    emulator.seed(
        objects=[
            *({"kind": "offer-placement", "id": each, "body": {"name": each}} for each in placements),
            {"kind": "personalized-offer", "id": ids["personalized"], "body": offer},
            {"kind": "fallback-offer", "id": ids["fallback"], "body": fallback},
            {"kind": "offer-filter", "id": "dps:offer-filter:1c265317dad00003", "body": collection},
        ]
    )
    for decision in sorted({decision for decision, _ in asked}):
        chosen = {
            "placements": sorted({placement for each, placement in asked if each == decision}),
            "rank": {"priority": 0},
            "profileConstraint": {"profileConstraintType": "none"},
            "optionSelection": {"filter": "dps:offer-filter:1c265317dad00003"},
        }
        body = {"name": decision, "status": "live", **WINDOW, "fallback": ids["fallback"], "criteria": [chosen]}
        emulator.seed(objects=[{"kind": "offer-activity", "id": decision, "body": body}])


def test_every_request_of_the_pages_is_decided_as_it_is_printed(
    airflow: Airflow, emulator: Emulator, api: str, tmp_path: Path
) -> None:
    everything_named(emulator)
    (tmp_path / "filed.json").write_text(json.dumps(REQUESTS["deliver-2023"]))
    with dag_of("pages", template_searchpath=str(tmp_path)) as dag:
        for name, request in REQUESTS.items():
            DecideOperator(task_id=name, profile=request)
        DecideOperator(task_id="filed", profile="filed.json")
        DecideOperator(task_id="text", profile=json.dumps(REQUESTS["context-data"]))
    result = run(airflow, emulator, api, dag)
    assert set(result.states.values()) == {"success"}, errors(result, result.states)
    for name, request in REQUESTS.items():
        found = result.result(name)
        assert len(found["propositions"]) == len(request["xdm:propositionRequests"])
        assert found["dry_run"] is request.get("xdm:dryRun", True)
    assert len(result.result("filed")["propositions"]) == 2


def test_nobody_is_named_outside_of_the_rendered_fields(airflow: Airflow, emulator: Emulator, api: str) -> None:
    stage = set_up(emulator, api)
    who, row = "planted.customer@example.com", "planted-row-17"
    profile = {
        "identityMap": {"Email": [{"id": who}]},
        "decisionRequestId": row,
        "mergePolicy": {"id": "5f3ed32f-eaf1-456c-b0f0-7b338c4cb18a"},
        "enrichedAudience": False,
    }
    named: dict[str, Any] = {"decision_id": stage.decision, "placement_id": stage.placement}
    with dag_of("private") as dag:
        DecideOperator(task_id="fine", profile=profile, **named)
        DecideOperator(task_id="misspelt", profile={**profile, "mergepolicy": {}}, **named)
    body = json.dumps({"title": "No", "detail": f"nothing for {row} of {who}"})
    result = run(airflow, emulator, api, dag)
    assert result.states == {"fine": "success", "misspelt": "failed"}
    (sent,) = (document(entry) for entry in emulator.journal(route="ods.decide" if api == "dps" else "ode.decide"))
    assert sent["xdm:profiles"][0]["xdm:decisionRequestId"] == row
    emulator.add_fault("status", status=422, times=10, body=body, path="/data/core/od?/*")
    refused = run(airflow, emulator, api, dag)
    assert refused.states["fine"] == "failed"
    places = {"rendered_task_instance_fields.rendered_fields", "serialized_dag.data"}
    for secret in (who, row):
        assert secret not in result.logs + refused.logs
        assert set(airflow.kept().where(secret)) <= places
