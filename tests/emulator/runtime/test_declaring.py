"""The control plane's side of delivery: answers, profiles, audiences, events and jobs, over HTTP and in Python."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.emulator.control.declaring import DeclarationError
from tests.emulator.campaigns import ANNA, BEN, HTML, NOW, Campaign
from tests.emulator.conftest import Caller


def control(emulator: Emulator, method: str, path: str, **options: Any) -> requests.Response:
    return requests.request(method, f"{emulator.url}/_emulator/{path}", timeout=10, **options)


def test_declarations_over_http_and_in_python_are_the_same(emulator: Emulator) -> None:
    profile = f"Email:{ANNA}"
    control(emulator, "PUT", "answers", json={"rule_id": Emulator.RULE_ID, "answer": True})
    control(emulator, "PUT", "answers", json={"rule_id": Emulator.RULE_ID, "answer": False, "profile": profile})
    control(emulator, "PUT", "profiles", json={"profile": profile, "attributes": {"vip": True}})
    control(emulator, "PUT", "audiences", json={"audience_id": "fans", "profiles": [profile, profile]})
    by_http = control(emulator, "GET", "answers").json()
    assert by_http == {
        "rules": [
            {"rule_id": Emulator.RULE_ID, "answer": True},
            {"rule_id": Emulator.RULE_ID, "profile": profile, "answer": False},
        ],
        "profiles": {profile: {"vip": True}},
        "audiences": {"fans": [profile]},
    }
    assert control(emulator, "GET", "answers?sandbox=dev").json() == {"rules": [], "profiles": {}, "audiences": {}}
    emulator.reset()
    emulator.answer_rule(Emulator.RULE_ID, True)
    emulator.answer_rule(Emulator.RULE_ID, False, profile)
    emulator.set_profile(profile, {"vip": True})
    emulator.set_audience("fans", (profile,))
    assert control(emulator, "GET", "answers").json() == by_http
    emulator.answer_rule(Emulator.RULE_ID, None)
    emulator.answer_rule(Emulator.RULE_ID, None, profile)
    emulator.set_profile(profile, None)
    emulator.set_audience("fans", None)
    assert control(emulator, "GET", "answers").json() == {"rules": [], "profiles": {}, "audiences": {}}


@pytest.mark.parametrize(
    ("path", "given", "message"),
    [
        ("answers", {"answer": True}, "rule_id is required"),
        ("answers", {"rule_id": "r"}, "answer is required"),
        ("answers", {"rule_id": "r", "answer": "yes"}, "must be true, false, a number or null"),
        ("answers", {"rule_id": 7, "answer": True}, "rule_id must be a text"),
        ("answers", {"rule_id": "rule1", "answer": True}, "'rule1' is not the id or name of a rule or a formula"),
        ("answers", {"rule_id": Emulator.TAG_ID, "answer": True}, "is a collection qualifier and not a rule"),
        ("answers", {"rule_id": "r", "answer": True, "profile": "anna"}, "Namespace:identity"),
        ("answers", {"rule_id": "r", "answer": True, "sandbox": "prd"}, "did you mean 'prod'"),
        ("answers", {"rule_id": "r", "anwser": True}, "did you mean 'answer'"),
        ("profiles", {"profile": "Email:a", "attributes": 1}, "must be an object or null"),
        ("profiles", {"profile": ":a", "attributes": {}}, "Namespace:identity"),
        ("audiences", {"audience_id": "a", "profiles": "Email:a"}, "must be a list or null"),
        ("audiences", {"audience_id": "a", "profiles": [7]}, "Namespace:identity"),
    ],
)
def test_mistakes_are_named(emulator: Emulator, path: str, given: dict[str, Any], message: str) -> None:
    answer = control(emulator, "PUT", path, json=given)
    assert answer.status_code == 400
    assert message in answer.json()["error"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"event": "clck"}, "did you mean 'click'"),
        ({"count": 0}, "from 1 to 100000"),
        ({"count": True}, "from 1 to 100000"),
        ({"profile": "x"}, "Namespace:identity"),
        ({"offer_id": ""}, "offer_id must be a text"),
        ({}, "offer_id: 'o' is not the id of one of personalized-offer, fallback-offer in the sandbox 'prod'"),
        ({"offer_id": HTML}, f"offer_id: '{HTML}' is not the id of"),
    ],
)
def test_mistaken_events_are_named(emulator: Emulator, given: dict[str, Any], message: str) -> None:
    event = {"offer_id": "o", "placement_id": "p", "profile": "Email:a", **given}
    answer = control(emulator, "POST", "events", json=event)
    assert answer.status_code == 400
    assert message in answer.json()["error"]
    with pytest.raises(DeclarationError, match="Namespace:identity"):
        emulator.add_events("o", "p", "nobody")


def test_events_count_under_either_id_and_for_a_placement_that_exists(emulator: Emulator) -> None:
    (offer,) = emulator.seed(1, generation="xcore")
    (made,) = emulator.objects("personalized-offer")
    for each in (offer, made["instance_id"]):
        emulator.add_events(each, HTML, "Email:a")
    assert [(each["offer_id"], each["count"]) for each in emulator.events()] == [(offer, 2)]
    with pytest.raises(DeclarationError, match="placement_id: 'p' is not the id of one of offer-placement"):
        emulator.add_events(offer, "p", "Email:a")


def test_events_and_jobs_over_http(emulator: Emulator, caller: Caller) -> None:
    emulator.clock.freeze(NOW)
    campaign = Campaign(caller)
    offer, decision = campaign.offer(), campaign.decision()
    campaign.proposed(decision)
    campaign.proposed(decision, profile=BEN)
    given = {"offer_id": offer, "placement_id": HTML, "profile": f"Email:{BEN}", "event": "click", "count": 3}
    added = control(emulator, "POST", "events", json=given).json()
    assert added == control(emulator, "GET", "events").json() == {"events": emulator.events()}
    assert [(each["profile"], each["event"], each["count"]) for each in emulator.events()] == [
        (f"Email:{ANNA}", "decisioning", 1),
        (f"Email:{BEN}", "click", 3),
        (f"Email:{BEN}", "decisioning", 1),
    ]
    document = {
        "xdm:segmentIds": ["fans"],
        "xdm:dataSetId": "d",
        "xdm:propositionRequests": [{"xdm:activityId": decision, "xdm:placementId": HTML}],
    }
    caller.call("POST", "/data/core/dwm/workloads/decisions", json=document, headers={"x-request-id": "1"})
    assert control(emulator, "GET", "jobs").json() == {"count": 1, "jobs": emulator.jobs()}
    assert control(emulator, "GET", "jobs?sandbox=dev").json() == {"count": 0, "jobs": []}


def test_what_is_declared_in_one_sandbox_stays_there(emulator: Emulator, caller: Caller) -> None:
    emulator.clock.freeze(NOW)
    here, there = Campaign(caller), Campaign(Caller(emulator, sandbox="dev"))
    asked = []
    for campaign in (here, there):
        condition = {"type": "PQL", "format": "pql/text", "value": "vip"}
        rule = campaign.create("offer-rules", {"name": "VIP", "condition": condition})
        constraint = {"profileConstraintType": "eligibilityRule", "eligibilityRule": rule}
        asked.append((campaign, campaign.offer(constraint=constraint), campaign.decision()))
    emulator.set_profile(f"Email:{ANNA}", {"vip": True}, sandbox="dev")
    assert [campaign.proposed(decision) for campaign, _, decision in asked] == [[], [asked[1][1]]]
    emulator.answer_rule(asked[0][0].emulator.objects("eligibility-rule", "prod")[-1]["id"], True)
    assert here.proposed(asked[0][2]) == [asked[0][1]]
    assert [each["offer_id"] for each in emulator.events("prod")] == [asked[0][1]]


def test_a_rule_is_declared_by_its_name_too(emulator: Emulator, caller: Caller) -> None:
    campaign = Campaign(caller)
    condition = {"type": "PQL", "format": "pql/text", "value": "vip"}
    gold, first, second = (
        campaign.create("offer-rules", {"name": name, "condition": condition}) for name in ("Gold", "Twin", "Twin")
    )
    for given in ("Gold", "name:Gold", gold):
        emulator.answer_rule(given, True)
        assert control(emulator, "GET", "answers").json()["rules"] == [{"rule_id": gold, "answer": True}]
        emulator.answer_rule(given, None)
    with pytest.raises(DeclarationError, match="did you mean 'Gold'"):
        emulator.answer_rule("Golt", True)
    with pytest.raises(DeclarationError, match=f"is the name of several objects: {first}, {second}"):
        emulator.answer_rule("Twin", True)
    to_come = "dps:eligibility-rule:1c2652769dc11fff"
    emulator.answer_rule(to_come, False)
    assert control(emulator, "GET", "answers").json()["rules"] == [{"rule_id": to_come, "answer": False}]
