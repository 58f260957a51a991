"""Two decisions, each at its own placement, in one request of a real DAG run; and permanent refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.decisions import BatchDecisionOperator, DecideOperator
from airflow_provider_offers.operators.library import CreateLibraryObjectOperator
from tests.airflow.harness import Airflow
from tests.airflow.library import NO_DELAY, dag_of, document, errors, run
from tests.deciding import PROFILE, WINDOW, Stage, set_up
from tests.deciding import REPRESENTATION as FIRST

SECOND_NAME = "Second place"


@pytest.fixture
def stage(emulator: Emulator, api: str) -> Stage:
    """A decision at the first placement, and a collection whose only offer fits a second one."""
    stage = set_up(emulator, api, offers=1)
    (second,) = emulator.seed(objects=[{"kind": "offer-placement", "generation": api, "body": {"name": SECOND_NAME}}])
    shown = [FIRST, {**FIRST, "placement": second}]
    common: dict[str, Any] = {"status": "approved", "representations": shown}
    offer = {
        **common,
        "name": "Elsewhere",
        "selectionConstraint": {**WINDOW, "profileConstraintType": "none"},
        "rank": {"priority": 1},
    }
    bodies = (("personalized-offer", offer), ("fallback-offer", {**common, "name": "Everyone elsewhere"}))
    offer_id, _ = emulator.seed(objects=[{"kind": kind, "generation": api, "body": body} for kind, body in bodies])
    collection = {"name": "Elsewhere", "filterType": "offers", "ids": [offer_id]}
    emulator.seed(objects=[{"kind": "offer-filter", "generation": api, "body": collection}])
    return stage


def other_decision() -> CreateLibraryObjectOperator:
    """The decision at the second placement only."""
    return CreateLibraryObjectOperator(
        task_id="other",
        kind="decision",
        object={
            "name": "Second",
            "status": "live",
            **WINDOW,
            "fallback": "name:Everyone elsewhere",
            "criteria": [
                {"placements": [f"name:{SECOND_NAME}"], "optionSelection": {"filter": "name:Elsewhere"}},
            ],
        },
    )


def deciding(emulator: Emulator, api: str) -> list[Any]:
    return [document(entry) for entry in emulator.journal(route="ods.decide" if api == "dps" else "ode.decide")]


def test_two_decisions_each_at_its_own_placement_are_one_request(
    airflow: Airflow, emulator: Emulator, api: str, stage: Stage, tmp_path: Path
) -> None:
    emulator.configure(batch_queued_seconds=0, batch_processing_seconds=0, batch_ingesting_seconds=0)
    named: list[dict[str, Any]] = [
        {"decision": "name:Newsletter", "placement": stage.placement, "itemCount": 1},
        {"decision": "name:Second", "placement": f"name:{SECOND_NAME}"},
    ]
    (tmp_path / "scopes.json").write_text(json.dumps(named))
    with dag_of("scopes", template_searchpath=str(tmp_path)) as dag:
        other = other_decision()
        tasks = [
            DecideOperator(task_id="named", profile=PROFILE, scopes=named),
            DecideOperator(task_id="filed", profile=PROFILE, scopes="scopes.json"),
            # The result of a task names a decision inside a scope too, as everywhere else.
            DecideOperator(
                task_id="received",
                profile=PROFILE,
                scopes=[named[0], {"decision": other.output, "placement": f"name:{SECOND_NAME}"}],
            ),
            BatchDecisionOperator(
                task_id="batch", scopes=named, audience_id="gold", dataset_id="d1", poll_interval=0.1, deferrable=False
            ),
        ]
        other >> tasks
    result = run(airflow, emulator, api, dag)
    assert set(result.states.values()) == {"success"}, errors(result, [])
    second = result.result("other")["id"]
    for task in ("named", "filed", "received"):
        shown = {each["decision"]["id"]: len(each["options"]) for each in result.result(task)["propositions"]}
        assert shown == {stage.decision: 1, second: 1}
    sent = deciding(emulator, api)
    assert len(sent) == 3
    pairs = [[each["xdm:activityId"] for each in body["xdm:propositionRequests"]] for body in sent]
    assert pairs == [[stage.decision, second]] * 3
    (submitted,) = (document(entry) for entry in emulator.journal(method="POST", path="/data/core/dwm/*"))
    assert [each["xdm:activityId"] for each in submitted["xdm:propositionRequests"]] == [stage.decision, second]


def test_both_ways_of_naming_are_one_too_many(airflow: Airflow, emulator: Emulator, api: str, stage: Stage) -> None:
    scope = {"decision": stage.decision, "placement": stage.placement}
    with dag_of("both") as dag:
        DecideOperator(task_id="both", profile=PROFILE, scopes=[scope], decision_id=stage.decision)
        DecideOperator(task_id="neither", profile=PROFILE)
        DecideOperator(task_id="empty", profile=PROFILE, scopes=[])
    result = run(airflow, emulator, api, dag)
    assert set(result.states.values()) == {"failed"}
    told = errors(result, result.states)
    assert f"decision_id: given {stage.decision!r}; expected nothing beside scopes" in told["both"]
    assert "decision_id: given nothing" in told["neither"]
    assert "scopes: given []" in told["empty"]
    assert deciding(emulator, api) == []


def test_a_placement_that_the_decision_does_not_have_fails_at_once(
    airflow: Airflow, emulator: Emulator, api: str, stage: Stage
) -> None:
    with dag_of("never") as dag:
        DecideOperator(
            task_id="never",
            profile=PROFILE,
            scopes=[{"decision": stage.decision, "placement": f"name:{SECOND_NAME}"}],
            retries=2,
            retry_delay=NO_DELAY,
        )
    result = run(airflow, emulator, api, dag)
    assert len(result.tries("never")) == 1
    told = errors(result, result.states)["never"]
    assert "A retry cannot help: the decision 'Newsletter'" in told
    assert "has no criterion for the placement" in told
    assert "with a delay" not in told
