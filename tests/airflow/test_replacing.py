"""Replacing whole objects in real DAG runs: Adobe's update pages, lists, lost answers, and invalid documents."""

from __future__ import annotations

from typing import Any

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.library import CreateLibraryObjectOperator, ReplaceLibraryObjectOperator
from airflow_provider_offers.operators.offers import CreateOfferOperator, ReplaceOfferOperator
from tests.airflow.harness import Airflow
from tests.airflow.library import NO_DELAY, dag_of, errors, personalized, run

PQL = {"type": "PQL", "format": "pql/text", "value": "homeAddress.country = 'US'"}
# As Adobe's page updates a rule: with the whole object.
UPDATED_RULE: dict[str, Any] = {"name": "Updated rule", "description": "Updated description", "condition": PQL}


def test_a_rule_is_updated_by_the_whole_object_as_adobes_page_does(
    airflow: Airflow, emulator: Emulator, api: str
) -> None:
    first = {**UPDATED_RULE, "name": "First rule", "definedOn": {"profile": {"schema": {"altId": "x"}}}}
    with dag_of("rule") as dag:
        made = CreateLibraryObjectOperator(task_id="made", kind="rule", object=first, validate=False)
        replaced = ReplaceLibraryObjectOperator(
            task_id="replaced",
            kind="rule",
            object_id=made.output,
            object=UPDATED_RULE,
            if_match="{{ ti.xcom_pull('made')['etag'] }}",
        )
        again = ReplaceLibraryObjectOperator(
            task_id="again", kind="rule", object_id=replaced.output, object=UPDATED_RULE
        )
        replaced >> again
    result = run(airflow, emulator, api, dag)
    assert set(result.states.values()) == {"success"}, errors(result, result.states)
    first_receipt, second = result.result("replaced"), result.result("again")
    assert (first_receipt["action"], first_receipt["kind"], first_receipt["etag"]) == ("replaced", "rule", 2)
    assert (second["action"], second["etag"]) == ("unchanged", 2)
    (rule,) = [each for each in emulator.objects("eligibility-rule") if each["id"] == first_receipt["id"]]
    assert rule["body"]["name"] == "Updated rule"


def test_a_lost_answer_leaves_one_replacement(airflow: Airflow, emulator: Emulator, api: str) -> None:
    wanted = personalized("After", rank={"priority": 3})
    with dag_of("lost") as dag:
        made = CreateOfferOperator(task_id="made", offer=personalized("Before", characteristics={"sku": "1"}))
        ReplaceOfferOperator(task_id="replaced", offer_id=made.output, offer=wanted, retries=1, retry_delay=NO_DELAY)
    method = "PATCH" if api == "dps" else "PUT"
    emulator.add_fault("drop", when="after", method=method, path="/data/core/*")
    result = run(airflow, emulator, api, dag)
    assert result.states == {"made": "success", "replaced": "success"}
    receipt = result.result("replaced")
    (there,) = [each for each in emulator.objects("personalized-offer") if each["id"] == receipt["id"]]
    assert there["etag"] == 2
    assert (there["body"]["name"], "characteristics" in there["body"]) == ("After", False)


def test_each_of_a_list_becomes_its_own_document(airflow: Airflow, emulator: Emulator, api: str) -> None:
    before = [personalized(f"Old {number}") for number in range(3)]
    after = [personalized(f"New {number}") for number in range(3)]
    with dag_of("many") as dag:
        made = CreateOfferOperator(task_id="made", offer=before)
        replaced = ReplaceOfferOperator(task_id="replaced", offer_id=made.output, offer=after)
        too_few = ReplaceOfferOperator(task_id="too_few", offer_id=made.output, offer=after[:2])
        twice = ReplaceOfferOperator(task_id="twice", offer_id=["name:New 1", "name:New 1"], offer=after[:2])
        wrong = ReplaceOfferOperator(
            task_id="wrong", offer_id=made.output, offer=[after[0], {"name": "New 1"}, after[2]]
        )
        made >> replaced >> [too_few, twice, wrong]
    result = run(airflow, emulator, api, dag)
    assert result.states == {
        "made": "success",
        "replaced": "success",
        "too_few": "failed",
        "twice": "failed",
        "wrong": "failed",
    }
    assert [each["name"] for each in result.result("replaced")] == [f"Old {number}" for number in range(3)]
    assert {each["action"] for each in result.result("replaced")} == {"replaced"}
    names = sorted(each["body"]["name"] for each in emulator.objects("personalized-offer"))
    assert [name for name in names if name.startswith(("New", "Old"))] == ["New 0", "New 1", "New 2"]
    told = errors(result, result.states)
    assert "offer: given 2 for 3 objects; expected a list of 3 documents, one for each" in told["too_few"]
    assert "a second time" in told["twice"]
    assert "/1/status" in told["wrong"]


def test_adobes_templates_in_a_replacement_are_kept(airflow: Airflow, emulator: Emulator, api: str) -> None:
    """Airflow's own templates next to them are rendered."""
    greeting = "Dear {{profile.person.name.firstName}} {%= profile.person.name.lastName %}"
    wanted = personalized("Greeting of {{ params.season }}")
    wanted["representations"][0]["components"][0]["content"] = greeting
    with dag_of("greeting", params={"season": "spring"}) as dag:
        made = CreateOfferOperator(task_id="made", offer=personalized("Before"))
        of_an_offer = ReplaceOfferOperator(
            task_id="offer", offer_id=made.output, offer=wanted, keep_adobe_templates=True
        )
        of_an_object = ReplaceLibraryObjectOperator(
            task_id="object", kind="personalized", object_id=made.output, object=wanted, keep_adobe_templates=True
        )
        of_an_offer >> of_an_object
    result = run(airflow, emulator, api, dag)
    assert set(result.states.values()) == {"success"}, errors(result, result.states)
    assert [result.result(task)["action"] for task in ("offer", "object")] == ["replaced", "unchanged"]
    (there,) = [each for each in emulator.objects("personalized-offer") if each["id"] == result.result("made")["id"]]
    assert there["body"]["representations"][0]["components"][0]["content"] == greeting
    assert there["body"]["name"] == "Greeting of spring"
