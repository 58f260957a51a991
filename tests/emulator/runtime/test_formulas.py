"""Ranking formulas: their storage and their effect on the ranking."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.emulator import Emulator
from tests.emulator.campaigns import ANNA, BEN, HTML, NOW, Campaign
from tests.emulator.conftest import SCHEMA, Caller

FORMULA = {
    "name": "Boosted priority",
    "description": "for the spring",
    "exdFunction": True,
    "isPure": True,
    "returnType": {"type": "integer"},
    "expression": {
        "type": "PQL",
        "format": "pql/text",
        "value": "if(offer.rank.priority.isNotNull(), offer.rank.priority, 0) * 2",
    },
    "definedOn": {"offer": {"schema": {"altId": "_experience.offer-management.personalized-offer", "version": "0"}}},
}


@pytest.fixture
def campaign(emulator: Emulator, caller: Caller) -> Campaign:
    """A library with only the reference objects, at noon of 1 May 2026."""
    emulator.clock.freeze(NOW)
    return Campaign(caller)


def formula(campaign: Campaign, value: str) -> str:
    expression = {"type": "PQL", "format": "pql/text", "value": value}
    return campaign.create("ranking-formulas", {"name": "Formula", "expression": expression})


def ranked_by(function: str) -> dict[str, Any]:
    return {"rank": {"priority": 0, "order": {"orderEvaluationType": "scoringFunction", "function": function}}}


def test_reads_look_like_the_samples(emulator: Emulator, campaign: Campaign) -> None:
    object_id = campaign.create("ranking-formulas", FORMULA)
    assert object_id.startswith("dps:ranking-function:")
    read = campaign.caller.dps("GET", f"/ranking-formulas/{object_id}").json()
    assert read["schemas"] == [f"{SCHEMA}ranking-function;version=0.3"]
    assert read["returnType"] == {"type": "INTEGER"}
    assert "definedOn" not in read
    assert {name: read[name] for name in ("expression", "isPure", "exdFunction")} == {
        name: FORMULA[name] for name in ("expression", "isPure", "exdFunction")
    }
    (listed,) = campaign.caller.dps("GET", "/ranking-formulas?property=exdFunction%3D%3Dtrue").json()["results"]
    assert listed == read
    emulator.configure(formula_reads="stored")
    read = campaign.caller.dps("GET", f"/ranking-formulas/{object_id}").json()
    assert {name: read[name] for name in FORMULA} == FORMULA
    envelope = campaign.caller.results(schema=f"{SCHEMA}ranking-function")["_embedded"]["results"][0]
    assert envelope["_instance"]["xdm:expression"]["xdm:value"] == FORMULA["expression"]["value"]  # type: ignore[index]
    assert envelope["_instance"]["xdm:definedOn"]["offer"]["xdm:schema"] == FORMULA["definedOn"]["offer"]["schema"]  # type: ignore[index]


def test_patches_see_what_is_stored(emulator: Emulator, campaign: Campaign) -> None:
    object_id = campaign.create("ranking-formulas", FORMULA)
    campaign.patch(f"ranking-formulas/{object_id}", {"op": "test", "path": "/returnType/type", "value": "integer"})
    campaign.patch(f"ranking-formulas/{object_id}", {"op": "remove", "path": "/definedOn"})
    (found,) = emulator.objects("ranking-function")
    assert "definedOn" not in found["body"]


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"name": ...}, "/name: is required"),
        ({"expression": ...}, "/expression: is required"),
        ({"expression": {"type": "PQL"}}, "/expression/value: is required"),
        ({"isPure": "yes"}, "/isPure: must be true or false"),
        ({"returnType": {}}, "/returnType/type: is required"),
    ],
)
def test_malformed_formulas(campaign: Campaign, changes: dict[str, Any], where: str) -> None:
    document = {name: value for name, value in {**FORMULA, **changes}.items() if value is not ...}
    answer = campaign.caller.dps("POST", "/ranking-formulas", json=document)
    assert answer.status_code == 400
    assert where in answer.json()["detail"]


def test_nonsense_is_kept_as_it_is(campaign: Campaign) -> None:
    assert formula(campaign, "42 = 11")
    assert formula(campaign, "select everything")


def test_a_formula_of_the_criterion_ranks(campaign: Campaign) -> None:
    low = campaign.offer("Low", 1, characteristics={"weight": "30"})
    high = campaign.offer("High", 9)
    upside_down = formula(campaign, "100 - offer.rank.priority")
    decision = campaign.decision(campaign.criterion(None, **ranked_by(upside_down)))
    answer = campaign.ask((decision, HTML), items=2).json()
    options = answer["xdm:propositions"][0]["xdm:options"]
    assert [(each["xdm:id"], each["xdm:score"]) for each in options] == [(low, 99), (high, 91)]


def test_no_score_without_a_formula(campaign: Campaign) -> None:
    campaign.offer()
    static = {"rank": {"priority": 0, "order": {"orderEvaluationType": "static"}}}
    for changes in ({}, static):
        decision = campaign.decision(campaign.criterion(None, **changes))
        (option,) = campaign.ask((decision, HTML)).json()["xdm:propositions"][0]["xdm:options"]
        assert "xdm:score" not in option


def test_a_formula_of_the_offer_ranks_it_among_others(campaign: Campaign) -> None:
    tripled = {"orderEvaluationType": "scoringFunction", "function": formula(campaign, "offer.rank.priority * 3")}
    boosted = campaign.offer("Boosted", rank={"priority": 4, "order": tripled})
    plain, low = campaign.offer("Plain", 10), campaign.offer("Low", 1)
    answer = campaign.ask((campaign.decision(), HTML), items=3).json()
    options = answer["xdm:propositions"][0]["xdm:options"]
    assert [(each["xdm:id"], each.get("xdm:score")) for each in options] == [(boosted, 12), (plain, None), (low, None)]


def test_formulas_know_profile_context_and_offer(emulator: Emulator, campaign: Campaign) -> None:
    warm = campaign.offer("Warm", characteristics={"for": "heat"})
    cold = campaign.offer("Cold", characteristics={"for": "frost"})
    text = (
        'if(offer.characteristics.get("for") = "heat", temperature, 40 - temperature)'
        " + if(loves.winter and offer.name = 'Cold', 100, 0)"
    )
    decision = campaign.decision(campaign.criterion(None, **ranked_by(formula(campaign, text))))

    def best(temperature: int, profile: str) -> str:
        context = [{"@type": "https://ns.adobe.com/acme/schemas/1", "xdm:data": {"temperature": temperature}}]
        asked = {"xdm:identityMap": {"Email": [{"xdm:id": profile}]}, "xdm:contextData": context}
        (found,) = campaign.proposed(decision, profiles=[asked])
        return found

    emulator.set_profile(f"Email:{BEN}", {"loves": {"winter": True}})
    assert [best(35, ANNA), best(5, ANNA), best(35, BEN)] == [warm, cold, cold]


def test_what_is_no_number_counts_as_nothing(campaign: Campaign) -> None:
    offer = campaign.offer("Any", 7)
    for value in (
        "offer.name",
        "missing.path * 2",
        "offer.rank.priority / 0",
        "true",
        f"1{'0' * 200}.5 * 1{'0' * 200}",
    ):
        decision = campaign.decision(campaign.criterion(None, **ranked_by(formula(campaign, value))))
        (option,) = campaign.ask((decision, HTML)).json()["xdm:propositions"][0]["xdm:options"]
        assert (option["xdm:id"], option["xdm:score"]) == (offer, 0)


def test_formulas_outside_the_subset(emulator: Emulator, campaign: Campaign) -> None:
    campaign.offer()
    function = formula(campaign, "offer.selectionConstraint.endDate occurs <= 24 hours after now")
    decision = campaign.decision(campaign.criterion(None, **ranked_by(function)))
    refused = campaign.ask((decision, HTML))
    assert refused.status_code == 422
    assert f"cannot evaluate the formula {function}" in refused.json()["detail"]
    emulator.answer_rule(function, 2.5)
    (option,) = campaign.ask((decision, HTML)).json()["xdm:propositions"][0]["xdm:options"]
    assert option["xdm:score"] == 2.5
    emulator.answer_rule(function, None)
    emulator.configure(unknown_rule="true")
    (option,) = campaign.ask((decision, HTML)).json()["xdm:propositions"][0]["xdm:options"]
    assert option["xdm:score"] == 0


def test_ranking_strategies_rank_by_priority(campaign: Campaign) -> None:
    campaign.offer("Low", 1)
    high = campaign.offer("High", 9)
    order = {"orderEvaluationType": "ranking-strategy", "rankingStrategy": "model1"}
    decision = campaign.decision(campaign.criterion(None, rank={"priority": 0, "order": order}))
    assert campaign.proposed(decision) == [high]
