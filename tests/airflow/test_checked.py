"""The checks in a real Airflow: typing errors fail the task, doubts only cause warnings, table rows are understood."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk import task

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.library import CreateLibraryObjectOperator
from airflow_provider_offers.operators.offers import CreateOfferOperator, PatchOfferOperator, SearchOffersOperator
from tests.airflow.harness import Airflow
from tests.airflow.library import dag_of, named, offers, personalized, run, writes

WEB = "https://ns.adobe.com/xdm/channel-types/web"


def test_a_slip_is_red_before_anything_is_sent_and_a_property_of_ones_own_is_sent(
    airflow: Airflow, emulator: Emulator, api: str
) -> None:
    with dag_of("slips") as dag:
        CreateOfferOperator(task_id="uncapped", offer=personalized("A", capingConstraint={"globalCap": 5}))
        CreateOfferOperator(task_id="nothing_to_show", offer=personalized("B", reprsentations=[]))
        CreateLibraryObjectOperator(
            task_id="nowhere", kind="placement", object={"name": "P", "chanel": WEB, "componentType": "html"}
        )
        SearchOffersOperator(task_id="finds_nothing", properties="status==aproved")
        CreateOfferOperator(task_id="own", offer=personalized("C", acmeCampaignCode="X-1"))

    result = run(airflow, emulator, api, dag)

    assert {name for name, state in result.states.items() if state == "failed"} == {
        "uncapped",
        "nothing_to_show",
        "nowhere",
        "finds_nothing",
    }
    for name, meant in (("uncapped", "cappingConstraint"), ("nowhere", "channel"), ("finds_nothing", "approved")):
        assert f"did you mean {meant!r}?" in str(result.error(name))
    assert result.states["own"] == "success"
    assert "/acmeCampaignCode: given the property 'acmeCampaignCode'" in result.logs
    assert len(writes(emulator)) == 1


def test_one_placement_twice_is_sent_by_a_creation_a_patch_and_an_update(
    airflow: Airflow, emulator: Emulator, api: str
) -> None:
    (shown,) = personalized("x")["representations"]
    with dag_of("twice") as dag:
        made = CreateOfferOperator(task_id="create", offer=personalized("One"))
        add = [{"op": "add", "path": "/representations/-", "value": shown}]
        patched = PatchOfferOperator(task_id="patch", offer_id=made.output, patch=add)
        twice = personalized("One", representations=[shown, shown])
        update = CreateOfferOperator(task_id="update", offer=twice, if_exists="update")
        CreateOfferOperator(task_id="both", offer={**twice, "name": "Both"})
        strict = CreateOfferOperator(task_id="strict", offer={**twice, "name": "Strict"}, validate="strict")
        made >> patched >> update >> strict

    result = run(airflow, emulator, api, dag)

    assert result.states == {
        "create": "success",
        "patch": "success",
        "update": "success",
        "both": "success",
        "strict": "failed",
    }
    assert all(len(offer["body"]["representations"]) == 2 for offer in offers(emulator))
    assert 'Adobe\'s page "Update a personalized offer"' in result.logs


@pytest.mark.parametrize("native", [True, False], ids=["native", "text"])
def test_numbers_digits_and_json_out_of_templates_are_what_they_say(
    airflow: Airflow, emulator: Emulator, api: str, native: bool
) -> None:
    component = {"type": "json", "format": "application/json", "content": '{"headline": "{{ params.headline }}"}'}
    offer = personalized(
        "Rendered",
        rank={"priority": "{{ params.priority }}"},
        characteristics={"code": "42"},
        representations=[{"placement": Emulator.PLACEMENT_ID, "components": [component]}],
    )
    options: dict[str, Any] = {"render_template_as_native_obj": native, "params": {"priority": 7, "headline": "Save"}}
    with dag_of("rendered", **options) as dag:

        @task
        def row() -> dict[str, Any]:
            return personalized("Row", representations=[]) | {
                "description": None,
                "tags": None,
                "representations": None,
            }

        CreateOfferOperator(task_id="create", offer=offer)
        CreateOfferOperator(task_id="from_a_table", offer=row())

    result = run(airflow, emulator, api, dag)

    assert set(result.states.values()) == {"success"}, [result.error(name) for name in result.states]
    (made,) = named(emulator, "Rendered")
    assert made["body"]["rank"] == {"priority": 7}
    assert made["body"]["characteristics"] == {"code": "42"}
    (component,) = made["body"]["representations"][0]["components"]
    assert json.loads(component["content"]) == {"headline": "Save"}
