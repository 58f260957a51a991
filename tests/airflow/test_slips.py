"""The slips of a first day: each is refused before anything is written, and the message says what was meant."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_offers.client.errors import InvalidInputError
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.campaigns import PlanCampaignOperator
from airflow_provider_offers.operators.decisions import DecideOperator
from airflow_provider_offers.operators.library import CreateLibraryObjectOperator
from airflow_provider_offers.operators.offers import (
    ArchiveExpiredOffersOperator,
    CreateOfferOperator,
    PatchOfferOperator,
    PublishOfferOperator,
    ScheduleOfferOperator,
    SearchOffersOperator,
)
from airflow_provider_offers.sensors.offers import OfferStatusSensor
from tests.airflow.harness import Airflow
from tests.airflow.library import CONNECTION, dag_of, personalized, run, seed, writes
from tests.airflow.task_runner import run_task
from tests.deciding import PROFILE, Stage

Make = Callable[[Stage], Any]
TASK: dict[str, Any] = {"task_id": "slip"}
WEB = personalized("x")["representations"][0]
INSTANCE = "0f4bc230-13df-11eb-bc55-c11be7252432"


def create(**changes: Any) -> Make:
    return lambda _: CreateOfferOperator(**TASK, offer=personalized("Sale", **changes))


def patch(*operations: dict[str, Any]) -> Make:
    return lambda stage: PatchOfferOperator(**TASK, offer_id=stage.offers[0], patch=list(operations))


def schedule(**window: Any) -> Make:
    given = {"start": "2036-03-01T09:00", "duration": "P14D", "timezone": "Europe/Berlin", **window}
    return lambda stage: ScheduleOfferOperator(**TASK, offer_id=stage.offers[0], **given)


def search(properties: str) -> Make:
    return lambda _: SearchOffersOperator(**TASK, properties=properties)


def publish(offer_id: str) -> Make:
    return lambda stage: PublishOfferOperator(**TASK, offer_id=offer_id.format(id=stage.offers[0]))


SLIPS: dict[str, tuple[Make, str]] = {
    "a path with dots": (
        patch({"op": "replace", "path": "/selectionConstraint.endDate", "value": "2036-01-01T00:00:00Z"}),
        "did you mean the path /selectionConstraint/endDate?",
    ),
    "a member with dots": (
        create(**{"selectionConstraint.endDate": "2036-01-01T00:00:00Z"}),
        "did you mean the path /selectionConstraint/endDate?",
    ),
    "the envelope misspelt": (create(_instanc={"xdm:name": "Sale"}), "did you mean '_instance'?"),
    "a filter with slashes": (
        search("selectionConstraint/endDate<2036"),
        "expected path, operator (== != < <= > >= ~), value",
    ),
    "a filter on what lies deeper": (search("startDate<2036-01-01T00:00:00Z"), "did you mean 'selectionConstraint.st"),
    "a filter with one =": (search("status=approved"), "expected path, operator (== != < <= > >= ~), value"),
    "a name of Airflow's in a template": (
        create(description="{{ dag_ru.run_after }}"),
        "'dag_ru' is undefined; did you mean 'dag_run'?",
    ),
    "an attribute in a template": (
        create(description="{{ dag_run.run_aftr | ds }}"),
        "has no attribute 'run_aftr'; did you mean 'run_after'?",
    ),
    "a param in a template": (
        lambda _: CreateOfferOperator(
            **TASK, params={"priority": 1}, offer=personalized("Sale", rank={"priority": "{{ params.pririty }}"})
        ),
        "has no attribute 'pririty'; did you mean 'priority'?",
    ),
    "a city for a zone": (schedule(timezone="Berlin"), "did you mean 'Europe/Berlin'?"),
    "a city of two words": (schedule(timezone="new york"), "did you mean 'America/New_York'?"),
    "a zone misspelt": (schedule(timezone="Europe/Berln"), "did you mean 'Europe/Berlin'?"),
    "a zone that is none": (schedule(timezone="Atlantis"), "or UTC"),
    "a duration in words": (schedule(duration="14 days"), "an ISO 8601 duration such as P14D"),
    "a month that is none": (schedule(start="2036-13-01"), "start: given '2036-13-01'"),
    "Name: for name:": (publish("Name: Sale"), "did you mean 'name:Sale'?"),
    "the address of an offer": (publish("https://platform.adobe.io/data/core/dps/offers/{id}"), "did you mean '{id}'?"),
    "the address of an instance": (
        publish(f"https://platform.adobe.io/data/core/xcore/c/instances/{INSTANCE}"),
        f"did you mean '{INSTANCE}'?",
    ),
    "the path of an instance": (publish(f"/instances/{INSTANCE}"), f"did you mean '{INSTANCE}'?"),
    "a name alone": (publish("Spring sale"), "did you mean 'name:Spring sale'?"),
    "British spelling": (
        publish("dps:personalised-offer:1c265317da412003"),
        "did you mean 'dps:personalized-offer:1c265317da412003'?",
    ),
    "one brace": (publish("{{{{ params.offer }}"), "unexpected '}'"),
    "an unknown parameter": (publish("{{{{ params.offerid }}}}"), "has no attribute 'offerid'"),
    "an operation misspelt": (patch({"op": "update", "path": "/name", "value": "x"}), "expected 'add' or 'remove'"),
    "a path without a slash": (patch({"op": "replace", "path": "status", "value": "draft"}), "such as /status"),
    "values for value": (patch({"op": "replace", "path": "/name", "values": "x"}), "given nothing, but 'values'"),
    "a cap at the top": (create(globalCap=5), "does it belong to /cappingConstraint?"),
    "a cap at the top, in a patch": (
        patch({"op": "add", "path": "/globalCap", "value": 5}),
        "does it belong to /cappingConstraint?",
    ),
    "a collection as a qualifier": (
        lambda _: CreateLibraryObjectOperator(
            **TASK, kind="tag", object={"name": "x", "filterType": "offers", "ids": []}
        ),
        "expected a property of a collection qualifier; is the object a collection?",
    ),
    "a word for a status": (create(status="aproved"), "did you mean 'approved'?"),
    "a channel in short": (
        create(representations=[{**WEB, "channel": "web"}]),
        "did you mean 'https://ns.adobe.com/xdm/channel-types/web'?",
    ),
    "a placement in words": (
        create(representations=[{**WEB, "placement": "Web HTML"}]),
        "did you mean 'name:Web HTML'?",
    ),
    "a date alone": (
        create(selectionConstraint={"startDate": "2036-01-01", "endDate": "2036-06-30T00:00:00Z"}),
        "/selectionConstraint/startDate: given '2036-01-01', which is not an RFC 3339 date-time",
    ),
    "an argument's own name": (
        lambda _: ArchiveExpiredOffersOperator(**TASK, older_than="30 days"),
        "given '30 days'; expected an ISO 8601 duration such as P14D or PT36H, or a timedelta, zero or longer",
    ),
    "a file without its ending": (
        lambda _: CreateOfferOperator(**TASK, offer="offers/spring"),
        "'offers/spring'; expected the name of a .json file, or a JSON document; in a template, `| tojson`",
    ),
    "no placement": (
        lambda stage: DecideOperator(**TASK, decision_id=stage.decision, profile=PROFILE),
        "placement_id: given nothing",
    ),
    "a member of a scope": (
        lambda stage: DecideOperator(**TASK, scopes=[{"decison": stage.decision}], profile=PROFILE),
        "scopes/0/decison: given an unknown member; expected 'decision'",
    ),
    "a filter type in the singular": (
        lambda _: CreateLibraryObjectOperator(**TASK, kind="collection", object={"name": "x", "filterType": "offer"}),
        "did you mean 'offers'?",
    ),
    # Where the DAG is parsed.
    "a capital in validate": (
        lambda _: CreateOfferOperator(**TASK, offer={}, validate="Strict"),  # type: ignore[arg-type]
        "validate: given 'Strict'; expected True or 'strict' or False",
    ),
    "text for a flag of the checks": (
        lambda stage: PatchOfferOperator(**TASK, offer_id=stage.offers[0], patch=[], validate="False"),  # type: ignore[arg-type]
        "validate: given 'False'",
    ),
    "a capital in a status": (
        lambda stage: OfferStatusSensor(**TASK, offer_id=stage.offers[0], status="Approved"),  # type: ignore[arg-type]
        "did you mean 'approved'?",
    ),
    "a word for the name that is taken": (
        lambda _: CreateOfferOperator(**TASK, offer={}, if_exists="adpot"),  # type: ignore[arg-type]
        "if_exists: given 'adpot'; expected 'fail' or 'adopt' or 'update' or 'skip'; did you mean 'adopt'?",
    ),
    "the same in a template": (
        lambda _: CreateOfferOperator(**TASK, offer={"name": "x"}, if_exists="{{ 'adpot' }}"),  # type: ignore[arg-type]
        "expected 'adopt' or 'update' or 'skip' or 'fail'; did you mean 'adopt'?",
    ),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_refused_with_what_was_meant(
    stage: Stage, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, airflow_home: Any, api: str, slip: str
) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps(emulator.connection(api)))
    make, meant = SLIPS[slip]

    try:
        with dag_of("first_day"):
            task = make(stage)
    except InvalidInputError as error:
        said = str(error)
    else:
        ended = run_task(task)
        assert ended.state == "failed"
        assert type(ended.error).__name__ == "AirflowFailException"
        said = str(ended.error)

    assert meant.replace("{id}", stage.offers[0]) in said
    # Every message says each thing once.
    assert said.count("from the template") <= 1
    assert writes(emulator) == []


@pytest.mark.parametrize(
    ("operator", "arguments", "said"),
    [
        (CreateOfferOperator, {"offer": {}, "widnow": {}}, "widnow: given an unknown argument; did you mean 'window'?"),
        (CreateOfferOperator, {"offer": {}, "rerties": 3}, "did you mean 'retries'?"),
        (CreateOfferOperator, {"offer": {}, "conn_id": "x"}, "did you mean 'offer_library_conn_id'?"),
        (PlanCampaignOperator, {"manifest": "x", "tagret": "dev"}, "did you mean 'target'?"),
        (
            OfferStatusSensor,
            {"offer_id": "x", "status": "draft", "poek_interval": 3, "deferable": True},
            "did you mean 'poke_interval'?\n  deferable: given an unknown argument; did you mean 'deferrable'?",
        ),
        (CreateOfferOperator, {"offer": {}, "colour": "red"}, "**kwargs: {'colour': 'red'}"),
    ],
)
def test_an_unknown_argument_is_told_with_the_nearest_one(operator: Any, arguments: dict[str, Any], said: str) -> None:
    with dag_of("arguments"), pytest.raises(TypeError, match="Invalid arguments were passed") as refused:
        operator(**TASK, **arguments)
    assert str(refused.value).endswith(said)


def test_a_search_takes_days_and_needs_values(airflow: Airflow, emulator: Emulator, api: str) -> None:
    """`{{ ds }}` is a day, and a parameter may be empty."""
    seed(emulator, api, "Towel")
    with dag_of("days", params={"name": ""}) as dag:
        days = ["created>={{ macros.ds_add(ds, -1) }}", "modified<{{ macros.ds_add(ds, 2) }}"]
        SearchOffersOperator(task_id="these_days", properties=days)
        SearchOffersOperator(task_id="later", properties="created>={{ macros.ds_add(ds, 2) }}")
        SearchOffersOperator(task_id="any_name", properties="name!={{ params.name }}")
    result = run(airflow, emulator, api, dag)

    assert [each["name"] for each in result.result("these_days")] == ["Towel"]
    assert result.result("later") == []
    assert "'name!={{ params.name }}'; expected a value after !=" in str(result.error("any_name"))
