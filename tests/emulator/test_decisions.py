"""The decisioning API: which offers are proposed to whom, when and how often, and how the answer is written."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_offers.emulator import Emulator, pql
from airflow_provider_offers.emulator.capping import period_start
from airflow_provider_offers.emulator.instants import to_us
from tests.emulator import campaigns
from tests.emulator.campaigns import ANNA, BEN, HTML, IMAGE, NOW, Campaign, shown_in
from tests.emulator.conftest import Caller

OTHER_TAG = "xcore:tag:124f4e5c8a00cd92"


@pytest.fixture
def campaign(emulator: Emulator, caller: Caller) -> Campaign:
    """A library of nothing but the reference objects, at noon of 1 May 2026."""
    emulator.clock.freeze(NOW)
    return Campaign(caller)


# How requests and answers are written


def test_documented_request_and_answer(emulator: Emulator, campaign: Campaign) -> None:
    offer = campaign.offer("Spring voucher", characteristics={"sku": "SPR-10"})
    decision = campaign.decision()
    campaign.patch(f"offers/{offer}?offer-type=personalized", {"op": "replace", "path": "/rank/priority", "value": 3})
    answer = campaign.send(
        {
            "xdm:propositionRequests": [{"xdm:activityId": decision, "xdm:placementId": HTML}],
            "xdm:profiles": [
                {
                    "xdm:identityMap": {"Email": [{"xdm:id": "example@adobe.com", "primary": True}]},
                    "xdm:decisionRequestId": "0AA00002-0000-1224-c0de-cjf98Csj43",
                }
            ],
            "xdm:allowDuplicatePropositions": {"xdm:acrossActivities": True, "xdm:acrossPlacements": True},
            "xdm:mergePolicy": {"xdm:id": "5f3ed32f-eaf1-456c-b0f0-7b338c4cb18a"},
            "xdm:responseFormat": {
                "xdm:includeContent": True,
                "xdm:includeMetadata": {
                    "xdm:activity": ["name"],
                    "xdm:option": ["name", "characteristics"],
                    "xdm:placement": ["name", "channel", "componentType"],
                },
            },
        }
    )
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == campaigns.DECISION_HEADERS["Accept"]
    document = answer.json()
    assert document.pop("xdm:propositionId")
    assert document == {
        "xdm:decisionRequestId": "0AA00002-0000-1224-c0de-cjf98Csj43",
        "ode:createDate": 1777636800000,
        "xdm:propositions": [
            {
                "xdm:activity": {"xdm:id": decision, "repo:etag": 1, "xdm:name": "Newsletter"},
                "xdm:placement": {
                    "xdm:id": HTML,
                    "repo:etag": 1,
                    "xdm:name": "Web HTML",
                    "xdm:channel": "https://ns.adobe.com/xdm/channel-types/web",
                    "xdm:componentType": f"{campaigns.NAMESPACE}content-component-html",
                },
                "xdm:options": [
                    {
                        "xdm:id": offer,
                        "repo:etag": 2,
                        "xdm:name": "Spring voucher",
                        "xdm:characteristics": {"sku": "SPR-10"},
                        "@type": f"{campaigns.NAMESPACE}content-component-html",
                        "dc:format": "text/html",
                        "dc:language": ["en"],
                        "xdm:content": "<p>10%</p>",
                    }
                ],
            }
        ],
    }
    (entry,) = emulator.journal(route="ods.decide")
    assert (entry.status, entry.committed, entry.note) == (200, True, "proposed 1 offers and 0 fallbacks")


def test_ids_and_etags_are_all_that_is_returned_unless_more_is_asked_for(campaign: Campaign) -> None:
    decision = campaign.decision(fallback=campaign.fallback())
    (empty,) = campaign.ask((decision, HTML)).json()["xdm:propositions"]
    assert set(empty) == {"xdm:activity", "xdm:placement", "xdm:fallback"}
    assert set(empty["xdm:fallback"]) == {"xdm:id", "repo:etag"}
    campaign.offer()
    (filled,) = campaign.ask((decision, HTML)).json()["xdm:propositions"]
    assert set(filled) == {"xdm:activity", "xdm:placement", "xdm:options"}
    assert set(filled["xdm:options"][0]) == set(filled["xdm:activity"]) == {"xdm:id", "repo:etag"}


def test_what_the_request_leaves_open_the_placement_says(campaign: Campaign) -> None:
    placement = campaign.create(
        "placements",
        {
            "name": "Two at once",
            "componentType": "html",
            "itemCount": 2,
            "returnContent": True,
            "returnMetaData": {"offerName": True, "offerPriority": True, "placementName": False},
        },
    )
    for name in ("One", "Two", "Three"):
        campaign.offer(name, representations=shown_in(placement, content=name))
    fallback = campaign.fallback(placement)
    decision = campaign.decision(campaign.criterion(None, placement), fallback=fallback)
    request: dict[str, Any] = {
        "xdm:propositionRequests": [{"xdm:activityId": decision, "xdm:placementId": placement}],
        "xdm:profiles": [{"xdm:identityMap": {"Email": [{"xdm:id": ANNA}]}}],
    }
    (found,) = campaign.send(request).json()["xdm:propositions"]
    assert len(found["xdm:options"]) == 2
    for option in found["xdm:options"]:
        assert option["xdm:content"] == option["xdm:name"]
        assert option["xdm:priority"] == 0
    assert "xdm:name" not in found["xdm:placement"]
    request["xdm:responseFormat"] = {"xdm:includeContent": False, "xdm:includeMetadata": {}}
    request["xdm:propositionRequests"][0]["xdm:itemCount"] = 1
    (found,) = campaign.send(request).json()["xdm:propositions"]
    (option,) = found["xdm:options"]
    assert set(option) == {"xdm:id", "repo:etag"}


def test_the_component_of_the_placements_type_is_shown(campaign: Campaign) -> None:
    components = [
        {"type": "text", "format": "text/plain", "content": "plain"},
        {"type": "imagelink", "format": "image/png", "deliveryURL": "https://cdn.example.com/a.png"},
    ]
    campaign.offer(representations=[{"placement": IMAGE, "components": components}])
    decision = campaign.decision(campaign.criterion(None, IMAGE))
    answer = campaign.ask((decision, IMAGE), responseFormat={"xdm:includeContent": True}).json()
    (option,) = answer["xdm:propositions"][0]["xdm:options"]
    assert option["xdm:deliveryURL"] == "https://cdn.example.com/a.png"
    assert option["@type"].endswith("content-component-imagelink")
    assert "xdm:content" not in option


def test_first_generation_address(emulator: Emulator, campaign: Campaign) -> None:
    offer, decision = campaign.offer(), campaign.decision()
    body = json.loads(campaign.ask((decision, HTML)).request.body or b"")
    path = f"/data/core/ode/{emulator.CONTAINER_ID}/decisions"
    for content_type in (campaigns.DECISION_HEADERS["Content-Type"], "application/json"):
        (found,) = campaign.send(body, path, Content_Type=content_type).json()["xdm:propositions"]
        assert found["xdm:options"][0]["xdm:id"] == offer
    assert emulator.request_counts()["ode.decide"] == 2
    foreign = f"/data/core/ode/{emulator.container_id('dev')}/decisions"
    assert campaign.send(body, foreign).status_code == 403
    assert campaign.send(body, "/data/core/ode/nothing/decisions").status_code == 404


def test_request_form_of_2019(emulator: Emulator, campaign: Campaign) -> None:
    campaign.offer("One")
    campaign.offer("Two")
    decision = campaign.decision(campaign.criterion(None, HTML, IMAGE))
    answer = campaign.send(
        {
            "xdm:dryRun": False,
            "xdm:validateContextData": False,
            "xdm:offerActivities": [{"xdm:offerActivity": decision}],
            "xdm:identityMap": {"Email": [{"xdm:id": ANNA}]},
            "xdm:allowDuplicatePropositions": {"xdm:acrossActivities": True},
        },
        f"/data/core/ode/{emulator.CONTAINER_ID}/decisions",
        Accept="application/json, application/problem+json",
        Content_Type=f'application/vnd.adobe.xdm+json; schema="{campaigns.NAMESPACE}decision-request;version=0.9"',
    )
    assert answer.status_code == 200, answer.text
    found = answer.json()["xdm:propositions"]
    assert [each["xdm:placement"]["xdm:id"] for each in found] == sorted([HTML, IMAGE])
    assert len({each["xdm:options"][0]["xdm:id"] for each in found}) == 2


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"xdm:propositionRequests": ...}, "/xdm:propositionRequests: is required"),
        ({"xdm:propositionRequests": []}, "from 1 to 30"),
        ({"xdm:propositionRequests": [{}] * 31}, "/xdm:propositionRequests/0/xdm:activityId: is required"),
        ({"xdm:propositionRequests": "x"}, "must be an array"),
        ({"xdm:propositionRequests": [7]}, "/xdm:propositionRequests/0: must be an object"),
        ({"xdm:profiles": ...}, "/xdm:profiles: is required"),
        ({"xdm:profiles": []}, "exactly 1"),
        ({"xdm:profiles": [{"xdm:identityMap": {"Email": [{"xdm:id": "a"}]}}] * 2}, "exactly 1"),
        ({"xdm:profiles": [{}]}, "/xdm:profiles/0/xdm:identityMap: is required"),
        ({"xdm:profiles": [{"xdm:identityMap": {}}]}, "at least one identity"),
        ({"xdm:profiles": [{"xdm:identityMap": {"Email": [{"id": "a"}]}}]}, "/Email/0/xdm:id: is required"),
        ({"xdm:profiles": [{"xdm:identityMap": {"Email": "a"}}]}, "/Email: must be an array"),
        ({"xdm:dryRun": "false"}, "/xdm:dryRun: must be true or false"),
        ({"xdm:mergePolicy": {}}, "/xdm:mergePolicy/xdm:id: is required"),
        ({"xdm:allowDuplicatePropositions": {"xdm:acrossActivities": 1}}, "/xdm:acrossActivities: must be true or"),
        ({"xdm:responseFormat": {"xdm:includeContent": "yes"}}, "/xdm:includeContent: must be true or false"),
        ({"xdm:responseFormat": {"xdm:includeMetadata": {"xdm:option": ["colour"]}}}, "may hold name, characteristics"),
    ],
)
@pytest.mark.parametrize("status", [400, 422])
def test_malformed_requests(
    emulator: Emulator, campaign: Campaign, change: dict[str, Any], where: str, status: int
) -> None:
    emulator.configure(delivery_invalid_status=status)
    document = {
        "xdm:propositionRequests": [{"xdm:activityId": "a", "xdm:placementId": HTML}],
        "xdm:profiles": [{"xdm:identityMap": {"Email": [{"xdm:id": ANNA}]}}],
        **change,
    }
    answer = campaign.send({name: value for name, value in document.items() if value is not ...})
    assert answer.status_code == status
    assert where in answer.json()["detail"]
    assert answer.json()["type"] == f"http://ns.adobe.com/aep/errors/ODS-1100-{status}"


@pytest.mark.parametrize("count", [0, 31, -1, 1.5, True, "2"])
def test_item_counts_out_of_bounds(campaign: Campaign, count: Any) -> None:
    answer = campaign.ask((campaign.decision(), HTML), items=count)
    assert answer.status_code == 400
    assert "/xdm:propositionRequests/0/xdm:itemCount" in answer.json()["detail"]


@pytest.mark.parametrize("count", [1, 30])
def test_item_counts_within_bounds(campaign: Campaign, count: int) -> None:
    campaign.emulator.seed(
        40,
        template={"tags": [Emulator.TAG_ID], "representations": shown_in(HTML)},
    )
    assert len(set(campaign.proposed(campaign.decision(), items=count))) == count


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Type": "application/json"},
        {"Content_Type": "application/vnd.adobe.xdm+json"},
        {"Content_Type": f'application/vnd.adobe.xdm+json; schema="{campaigns.NAMESPACE}offer;version=1.0"'},
        {"Content_Type": f'application/vnd.adobe.xdm+json; schema="{campaigns.NAMESPACE}decision-request;version=2"'},
        {"Content_Type": ""},
        {"Accept": "text/html"},
    ],
)
def test_media_types_that_are_not_understood(campaign: Campaign, headers: dict[str, str]) -> None:
    document = json.loads(campaign.ask((campaign.decision(), HTML)).request.body or b"")
    assert campaign.send(document, **headers).status_code == 400


def test_semantic_refusals(emulator: Emulator, campaign: Campaign) -> None:
    decision = campaign.decision()
    draft = campaign.decision(status="draft")
    later = campaign.decision(startDate="2026-05-01T12:00:01Z")
    over = campaign.decision(endDate="2026-05-01T12:00:00Z")
    for scope, where in [
        (("dps:offer-activity:0", HTML), "knows no decision"),
        ((decision, "dps:offer-placement:0"), "knows no placement"),
        ((HTML, HTML), "knows no decision"),
        ((decision, IMAGE), "no criterion for placement"),
        ((draft, HTML), "is draft"),
        ((later, HTML), "outside its window"),
        ((over, HTML), "outside its window"),
    ]:
        answer = campaign.ask(scope)
        assert answer.status_code == 422
        assert where in answer.json()["detail"]
    campaign.offer()
    emulator.configure(closed_decision="fallback")
    for closed in (draft, later, over):
        assert campaign.proposed(closed) == []
    assert campaign.proposed(decision) != []


def test_the_same_scope_twice_is_refused(campaign: Campaign) -> None:
    decision = campaign.decision()
    answer = campaign.ask((decision, HTML), (decision, HTML))
    assert answer.status_code == 400
    assert "same decision and placement" in answer.json()["detail"]


def test_gateway_and_permissions(emulator: Emulator, campaign: Campaign) -> None:
    campaign.offer()
    decision = campaign.decision()
    body = json.loads(campaign.ask((decision, HTML)).request.body or b"")
    outsider = Campaign(Caller(emulator, Emulator.OUTSIDER_CLIENT_ID))
    assert outsider.send(body).status_code == 200
    assert outsider.caller.call("GET", f"/data/core/ode/{emulator.CONTAINER_ID}/diagnostics").status_code == 403
    outsider.caller.session.headers["Authorization"] = "Bearer nonsense"
    assert outsider.send(body).status_code == 401
    outsider.caller.session.headers.pop("Authorization")
    assert outsider.send(body).json()["error_code"] == "403010"
    emulator.configure(rate_limit=0.001, rate_burst=1)
    assert [campaign.send(body).status_code for _ in range(2)] == [200, 429]


def test_faults_reach_decisions(emulator: Emulator, campaign: Campaign) -> None:
    campaign.offer(cappingConstraint={"profileCap": 2})
    decision = campaign.decision()
    emulator.add_fault("status", route="ods.decide", status=503, when="before")
    emulator.add_fault("status", route="ods.decide", status=503, when="after")
    assert [campaign.ask((decision, HTML)).status_code for _ in range(2)] == [503, 503]
    assert [entry.committed for entry in emulator.journal(route="ods.decide")] == [False, True]
    assert len(campaign.proposed(decision)) == 1
    assert campaign.proposed(decision) == []


# Which offers are chosen


def test_status_window_placement_and_collection_decide(campaign: Campaign) -> None:
    good = campaign.offer("Good")
    campaign.offer("Draft", 9, status="draft")
    campaign.offer("Not yet", 9, constraint={"startDate": "2026-05-01T12:00:00.001Z"})
    campaign.offer("Over", 9, constraint={"endDate": NOW})
    campaign.offer("Elsewhere", 9, representations=shown_in(IMAGE))
    campaign.offer("Other tag", 9, tags=[OTHER_TAG])
    campaign.offer("Untagged", 9, tags=[])
    assert campaign.proposed(campaign.decision(), items=30) == [good]


def test_offers_open_at_their_start_and_close_at_their_end(emulator: Emulator, campaign: Campaign) -> None:
    offer = campaign.offer(constraint={"startDate": "2026-05-01T12:00:10Z", "endDate": "2026-05-01T14:00:20+02:00"})
    decision = campaign.decision()
    found = []
    for _ in range(4):
        found.append(campaign.proposed(decision))
        emulator.clock.advance(10 if len(found) < 2 else 9.999999 if len(found) == 2 else 0.000001)
    assert found == [[], [offer], [offer], []]


@pytest.mark.parametrize(
    ("filter_type", "ids", "expected"),
    [
        ("any-tags", [Emulator.TAG_ID, OTHER_TAG], {"One", "Other", "Both"}),
        ("all-tags", [Emulator.TAG_ID, OTHER_TAG], {"Both"}),
        ("any-tags", [OTHER_TAG], {"Other", "Both"}),
        ("all-tags", [], set()),
        ("any-tags", [], set()),
    ],
)
def test_dynamic_collections(campaign: Campaign, filter_type: str, ids: list[str], expected: set[str]) -> None:
    names = {
        campaign.offer("One"): "One",
        campaign.offer("Other", tags=[OTHER_TAG]): "Other",
        campaign.offer("Both", tags=[OTHER_TAG, Emulator.TAG_ID]): "Both",
        campaign.offer("None", tags=[]): "None",
    }
    decision = campaign.decision(campaign.criterion(campaign.collection(filter_type, ids)))
    assert {names[each] for each in campaign.proposed(decision, items=30)} == expected


def test_static_collections_hold_exactly_their_offers(campaign: Campaign) -> None:
    first, _, third = (campaign.offer(name) for name in ("One", "Two", "Three"))
    decision = campaign.decision(campaign.criterion(campaign.collection("offers", [first, third])))
    assert set(campaign.proposed(decision, items=30)) == {first, third}


def test_criteria_are_taken_in_order(campaign: Campaign) -> None:
    low = campaign.offer("Low", 1)
    high = campaign.offer("High", 9, tags=[OTHER_TAG])
    image = campaign.offer("Image", 99, tags=[OTHER_TAG], representations=shown_in(IMAGE))
    first, second = campaign.collection(), campaign.collection(ids=[OTHER_TAG])
    decision = campaign.decision(campaign.criterion(first), campaign.criterion(second, HTML, IMAGE))
    assert campaign.proposed(decision) == [low]
    assert campaign.proposed(decision, items=2) == [low, high]
    assert campaign.proposed(decision, IMAGE, items=1) == [image]


def test_equal_priorities_are_drawn_by_lot_that_can_be_repeated(emulator: Emulator, campaign: Campaign) -> None:
    def drawn(seed: int) -> list[str]:
        emulator.reset()
        emulator.clock.freeze(NOW)
        emulator.configure(decision_seed=seed)
        offers = {campaign.offer(f"Offer {number}"): f"Offer {number}" for number in range(4)}
        decision = campaign.decision()
        return [offers[campaign.proposed(decision)[0]] for _ in range(12)]

    first = drawn(1)
    assert len(set(first)) > 1
    assert drawn(1) == first
    assert drawn(2) != first


def test_duplicates_are_kept_apart_unless_allowed(campaign: Campaign) -> None:
    best, second = campaign.offer("Best", 2), campaign.offer("Second", 1)
    one, other = campaign.decision(campaign.criterion(None, HTML, IMAGE)), campaign.decision()
    scopes = ((one, HTML), (one, IMAGE), (other, HTML))

    def allowing(activities: bool, placements: bool) -> list[list[str]]:
        allowed = {"xdm:acrossActivities": activities, "xdm:acrossPlacements": placements}
        return campaign.all_proposed(*scopes, allowDuplicatePropositions=allowed)

    assert allowing(True, True) == [[best], [best], [best]]
    assert allowing(False, True) == [[best], [best], [second]]
    assert allowing(True, False) == [[best], [second], [best]]
    assert sorted(map(len, allowing(False, False))) == [0, 1, 1]
    assert campaign.all_proposed((one, HTML), (other, HTML)) == [[best], [second]]
    assert campaign.all_proposed((one, HTML), (one, IMAGE)) == [[best], [second]]


def test_placements_may_allow_duplicates_only_together(campaign: Campaign) -> None:
    generous = [
        campaign.create("placements", {"name": name, "componentType": "html", "allowDuplicatePlacements": True})
        for name in ("A", "B")
    ]
    places = (*generous, HTML)
    best = campaign.offer("Best", 2, representations=shown_in(*places))
    second = campaign.offer("Second", 1, representations=shown_in(*places))
    decision = campaign.decision(campaign.criterion(None, *places), fallback=campaign.fallback(*places))
    assert campaign.all_proposed(*((decision, each) for each in generous)) == [[best], [best]]
    assert campaign.all_proposed((decision, generous[0]), (decision, HTML)) == [[best], [second]]


def test_keeping_duplicates_apart_avoids_fallbacks(campaign: Campaign) -> None:
    everywhere = campaign.offer("Everywhere", 9)
    html_only = campaign.offer("HTML only", 1, representations=shown_in(HTML))
    decision = campaign.decision(campaign.criterion(None, HTML, IMAGE))
    assert campaign.all_proposed((decision, HTML), (decision, IMAGE)) == [[html_only], [everywhere]]
    assert campaign.all_proposed((decision, IMAGE), (decision, HTML)) == [[everywhere], [html_only]]


# Who is eligible


def rule(campaign: Campaign, value: str) -> str:
    condition = {"type": "PQL", "format": "pql/text", "value": value}
    return campaign.create("offer-rules", {"name": value[:40] or "rule", "condition": condition})


def constrained(rule_id: str) -> dict[str, Any]:
    return {"profileConstraintType": "eligibilityRule", "eligibilityRule": rule_id}


CONTEXT_SCHEMA = "https://ns.adobe.com/acme/schemas/42"
ATTRIBUTES = {
    "loyalty": {"tier": "gold", "points": 1200, "tiers": ["silver", "gold"]},
    "person": {"name": {"firstName": "Anna"}, "birthYear": 1990},
    "homeAddress": {"countryCode": "DE"},
    "consents": {"email": True},
    "orders": [{"total": 20, "currency": "EUR"}, {"total": 75.5, "currency": "CHF"}],
}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("true", True),
        ("false", False),
        ('loyalty.tier = "gold"', True),
        ("loyalty.tier = 'gold'", True),
        ('profile.loyalty.tier = "gold"', True),
        ('loyalty.tier != "gold"', False),
        ('loyalty.tier.equals("GOLD", false)', True),
        ('loyalty.tier.equals("GOLD")', False),
        ('equals(loyalty.tier, "gold")', True),
        ('loyalty.tier.notEqualTo("silver")', True),
        ('loyalty.tier in ("gold", "platinum")', True),
        ('loyalty.tier not in ("gold", "platinum")', False),
        ('loyalty.tiers = "silver"', True),
        ("loyalty.points >= 1000 and loyalty.points < 2000", True),
        ("loyalty.points <= 1200 and loyalty.points >= 1200", True),
        ("loyalty.points < 1200 or loyalty.points > 1200", False),
        ("loyalty.points > 1200 or consents.email", True),
        ("not (loyalty.points > 1200)", True),
        ("!consents.email", False),
        ("loyalty.points / 100 - 2 = 10", True),
        ("loyalty.points + 1 * 2 = 1202", True),
        ("-loyalty.points < 0", True),
        ("loyalty.points / 0 = 1", False),
        ("loyalty.points % 7 = 3", True),
        ("orders.total > 70", True),
        ("orders.total > 80", False),
        ("person.name.firstName.startsWith('An')", True),
        ("person.name.firstName.contains('NN', false)", True),
        ("person.name.firstName.doesNotContain('nn')", False),
        ("person.name.firstName.endsWith('x')", False),
        ("person.middleName.isNull()", True),
        ("person.name.isNotNull()", True),
        ("missing.deep.path = 1", False),
        ("missing != 1", False),
        ("loyalty.tier > 5", False),
        ("consents.email = 1", False),
        ("if(loyalty.points > 1000, homeAddress.countryCode, 'none') = 'DE'", True),
        ("store = 'Basel'", True),
        ("@{https://ns.adobe.com/acme/schemas/42}._acme.temperature > 20", True),
        ("@{https://ns.adobe.com/acme/schemas/42;version=7}._acme.temperature > 30", False),
        ("@{https://ns.adobe.com/acme/schemas/other}.temperature > 0", False),
        ("weather = 'sunny'", True),
        ("42 = 11", False),
    ],
)
def test_rules_in_the_subset(emulator: Emulator, campaign: Campaign, condition: str, expected: bool) -> None:
    offer = campaign.offer(constraint=constrained(rule(campaign, condition)))
    emulator.set_profile(f"Email:{ANNA}", ATTRIBUTES)
    profile = {
        "xdm:identityMap": {"Email": [{"xdm:id": ANNA}]},
        "xdm:contextData": [
            {
                "@type": f"{CONTEXT_SCHEMA};version=1",
                "xdm:data": {"_acme": {"temperature": 25}, "store": "Basel", "xdm:weather": "sunny"},
            }
        ],
    }
    assert campaign.proposed(campaign.decision(), profiles=[profile]) == ([offer] if expected else [])


@pytest.mark.parametrize(
    "condition",
    [
        "select e from xEvent where e.type = 'search'",
        "chain(xEvent, timestamp, [])",
        "loyalty.tier.soundsLike('gold')",
        "equals(1)",
        "1 +",
        "if(true, 1)",
        "a ~ b",
        "1 2",
        "a.1",
        "in",
        "true not",
        "9" * 5000 + " = 1",
        "(" * 2000 + "true" + ")" * 2000,
        "true or " * 3000 + "false",
    ],
)
def test_rules_outside_the_subset_need_an_answer(emulator: Emulator, campaign: Campaign, condition: str) -> None:
    emulator.configure(guardrails="ignore")
    rule_id = rule(campaign, condition)
    offer = campaign.offer(constraint=constrained(rule_id))
    decision = campaign.decision()
    refused = campaign.ask((decision, HTML))
    assert refused.status_code == 422
    assert f"cannot evaluate the rule {rule_id}" in refused.json()["detail"]
    assert "PUT /_emulator/answers" in refused.json()["detail"]
    emulator.answer_rule(rule_id, True)
    emulator.answer_rule(rule_id, False, f"Email:{BEN}")
    assert campaign.proposed(decision) == [offer]
    assert campaign.proposed(decision, profile=BEN) == []
    emulator.answer_rule(rule_id, None)
    for answer, expected in (("true", [offer]), ("false", [])):
        emulator.configure(unknown_rule=answer)
        assert campaign.proposed(decision) == expected


def test_declared_answers_come_before_the_expression(emulator: Emulator, campaign: Campaign) -> None:
    rule_id = rule(campaign, "loyalty.points > 10")
    offer = campaign.offer(constraint=constrained(rule_id))
    decision = campaign.decision()
    assert campaign.proposed(decision) == []
    emulator.set_profile(f"Email:{ANNA}", {"loyalty": {"points": 11}})
    assert campaign.proposed(decision) == [offer]
    assert campaign.proposed(decision, profile=BEN) == []
    emulator.answer_rule(rule_id, False)
    assert campaign.proposed(decision) == []
    emulator.answer_rule(rule_id, True, f"Email:{ANNA}")
    assert campaign.proposed(decision) == [offer]


def test_a_criterion_may_have_a_rule_too(emulator: Emulator, campaign: Campaign) -> None:
    rule_id = rule(campaign, "vip")
    campaign.offer()
    decision = campaign.decision(campaign.criterion(profileConstraint=constrained(rule_id)))
    assert campaign.proposed(decision) == []
    emulator.set_profile(f"Email:{ANNA}", {"vip": True})
    assert len(campaign.proposed(decision)) == 1


def test_first_generation_rules_need_no_constraint_type(emulator: Emulator, campaign: Campaign) -> None:
    good = campaign.offer("Good", constraint={"eligibilityRule": rule(campaign, "true")})
    campaign.offer("Bad", 9, constraint={"eligibilityRule": rule(campaign, "false")})
    assert campaign.proposed(campaign.decision(), items=5) == [good]


def test_audiences_constrain_offers(emulator: Emulator, campaign: Campaign) -> None:
    segments = [{"_id": "gold", "namespace": {"code": "ups"}}, "fans"]
    any_of = campaign.offer("Any", constraint={"profileConstraintType": "anySegments", "segmentIdentities": segments})
    all_of = campaign.offer("All", constraint={"profileConstraintType": "allSegments", "segmentIdentities": segments})
    decision = campaign.decision()
    assert campaign.proposed(decision, items=5) == []
    emulator.set_audience("gold", [f"Email:{ANNA}", f"Email:{BEN}"])
    emulator.set_audience("fans", [f"Email:{BEN}"])
    assert campaign.proposed(decision, items=5) == [any_of]
    assert set(campaign.proposed(decision, items=5, profile=BEN)) == {any_of, all_of}


# How often offers are proposed


def test_simple_caps(campaign: Campaign) -> None:
    capped = campaign.offer("Capped", 9, cappingConstraint={"globalCap": 3, "profileCap": 2})
    plain = campaign.offer("Plain")
    decision = campaign.decision()
    asked = [campaign.proposed(decision, profile=each)[0] for each in (ANNA, ANNA, ANNA, BEN, BEN)]
    assert asked == [capped, capped, plain, capped, plain]


def test_a_dry_run_obeys_caps_and_counts_nothing(emulator: Emulator, campaign: Campaign) -> None:
    offer = campaign.offer(cappingConstraint={"profileCap": 1})
    decision = campaign.decision()
    for _ in range(3):
        assert campaign.proposed(decision, dryRun=True) == [offer]
    assert [entry.committed for entry in emulator.journal(route="ods.decide")] == [False] * 3
    assert emulator.events() == []
    assert campaign.proposed(decision) == [offer]
    assert campaign.proposed(decision, dryRun=True) == []


def test_one_request_cannot_exceed_a_cap(campaign: Campaign) -> None:
    offer = campaign.offer(cappingConstraint={"globalCap": 2})
    one, other = (campaign.decision(campaign.criterion(None, HTML, IMAGE)) for _ in range(2))
    allowed = {"xdm:acrossActivities": True, "xdm:acrossPlacements": True}
    scopes = [(activity, placement) for activity in (one, other) for placement in (HTML, IMAGE)]
    found = campaign.all_proposed(*scopes, allowDuplicatePropositions=allowed)
    assert sorted(found) == [[], [], [offer], [offer]]


def frequency(**changes: Any) -> list[dict[str, Any]]:
    repeat = {"enabled": True, "unit": "day", "unitCount": 1}
    return [{"enabled": True, "limit": 1, "scope": "profile", "entity": "offer", "repeat": repeat, **changes}]


@pytest.mark.parametrize(
    ("unit", "count", "start", "last", "first"),
    [
        ("day", 1, "2026-05-01", "2026-05-01T23:59:59.999999Z", "2026-05-02T00:00:00Z"),
        ("day", 3, "2026-05-01", "2026-05-03T23:59:59.999999Z", "2026-05-04T00:00:00Z"),
        # 1 May 2026 is a Friday.
        ("week", 1, "2026-05-01", "2026-05-02T23:59:59.999999Z", "2026-05-03T00:00:00Z"),
        ("week", 2, "2026-05-01", "2026-05-09T23:59:59.999999Z", "2026-05-10T00:00:00Z"),
        ("month", 1, "2026-05-01", "2026-05-31T23:59:59.999999Z", "2026-06-01T00:00:00Z"),
        ("month", 2, "2026-04-01", "2026-05-31T23:59:59.999999Z", "2026-06-01T00:00:00Z"),
    ],
)
def test_counters_are_reset(
    emulator: Emulator, campaign: Campaign, unit: str, count: int, start: str, last: str, first: str
) -> None:
    caps = frequency(
        startDate=f"{start}T00:00:00Z",
        endDate="2027-01-01T00:00:00Z",
        repeat={"enabled": True, "unit": unit, "unitCount": count},
    )
    window = {"startDate": f"{start}T00:00:00Z", "endDate": "2027-01-01T00:00:00Z"}
    offer = campaign.offer(frequencyCappingConstraints=caps, constraint=window)
    decision = campaign.decision(endDate="2027-01-01T00:00:00Z")
    assert campaign.proposed(decision) == [offer]
    emulator.clock.freeze(last)
    assert campaign.proposed(decision) == []
    emulator.clock.freeze(first)
    assert campaign.proposed(decision) == [offer]
    assert campaign.proposed(decision) == []


def test_frequency_caps_per_placement(campaign: Campaign) -> None:
    each = campaign.offer("Each", frequencyCappingConstraints=frequency(entity="placement"))
    decision = campaign.decision(campaign.criterion(None, HTML, IMAGE))
    assert campaign.proposed(decision, HTML) == [each]
    assert campaign.proposed(decision, HTML) == []
    assert campaign.proposed(decision, IMAGE) == [each]


def test_frequency_cap_of_one_placement(campaign: Campaign) -> None:
    offer = campaign.offer(frequencyCappingConstraints=frequency(entity="placement", placement=HTML))
    decision = campaign.decision(campaign.criterion(None, HTML, IMAGE))
    assert [campaign.proposed(decision, each) for each in (IMAGE, IMAGE, HTML, HTML)] == [[offer], [offer], [offer], []]


def test_frequency_caps_of_all_profiles_and_disabled_ones(campaign: Campaign) -> None:
    total = campaign.offer("Total", 9, frequencyCappingConstraints=frequency(scope="global"))
    free = campaign.offer("Free", frequencyCappingConstraints=frequency(enabled=False))
    decision = campaign.decision()
    assert [campaign.proposed(decision, profile=each)[0] for each in (ANNA, BEN, BEN)] == [total, free, free]


def test_caps_on_other_events_count_what_is_declared(emulator: Emulator, campaign: Campaign) -> None:
    offer = campaign.offer(frequencyCappingConstraints=frequency(events=["click", "impression"], limit=2))
    decision = campaign.decision()
    for _ in range(3):
        assert campaign.proposed(decision) == [offer]
    emulator.add_events(offer, HTML, f"Email:{ANNA}", "click")
    emulator.add_events(offer, HTML, f"Email:{BEN}", "click", count=5)
    assert campaign.proposed(decision) == [offer]
    emulator.add_events(offer, HTML, f"Email:{ANNA}")
    assert campaign.proposed(decision) == []


@pytest.mark.parametrize("event", ["impression", "click", "custom"])
def test_proposals_use_up_no_cap_on_other_events(emulator: Emulator, campaign: Campaign, event: str) -> None:
    offer = campaign.offer(frequencyCappingConstraints=frequency(events=[event]))
    decision = campaign.decision(campaign.criterion(None, HTML, IMAGE))
    scopes = [(decision, HTML), (decision, IMAGE)]
    allowed = {"xdm:acrossActivities": True, "xdm:acrossPlacements": True}
    assert campaign.all_proposed(*scopes, allowDuplicatePropositions=allowed) == [[offer], [offer]]
    emulator.add_events(offer, HTML, f"Email:{ANNA}", event)
    assert campaign.all_proposed(*scopes, allowDuplicatePropositions=allowed) == [[], []]


def test_proposals_use_up_a_cap_on_decisions_among_other_events(campaign: Campaign) -> None:
    offer = campaign.offer(frequencyCappingConstraints=frequency(events=["impression", "decisioning"]))
    decision = campaign.decision(campaign.criterion(None, HTML, IMAGE))
    allowed = {"xdm:acrossActivities": True, "xdm:acrossPlacements": True}
    found = campaign.all_proposed((decision, HTML), (decision, IMAGE), allowDuplicatePropositions=allowed)
    assert sorted(found) == [[], [offer]]


def test_caps_count_by_the_profile_and_not_by_the_order_of_its_identities(campaign: Campaign) -> None:
    campaign.offer(cappingConstraint={"profileCap": 1})
    decision = campaign.decision()
    email, crm = {"Email": [{"xdm:id": ANNA, "primary": True}]}, {"CRM": [{"xdm:id": "7"}]}
    first = [{"xdm:identityMap": {**crm, **email}}]
    second = [{"xdm:identityMap": {**email, **crm}}]
    assert len(campaign.proposed(decision, profiles=first)) == 1
    assert campaign.proposed(decision, profiles=second) == []
    assert len(campaign.proposed(decision, profiles=[{"xdm:identityMap": crm}])) == 1


def test_restart_keeps_caps_answers_and_the_draw(tmp_path: Path) -> None:
    db = tmp_path / "library.db"
    with Emulator(db=db) as first:
        first.clock.freeze(NOW)
        campaign = Campaign(Caller(first))
        rule_id = rule(campaign, "select e from xEvent")
        offer = campaign.offer(cappingConstraint={"profileCap": 2}, constraint=constrained(rule_id))
        decision = campaign.decision()
        first.answer_rule(rule_id, True)
        assert campaign.proposed(decision) == [offer]
        events = first.events()
    with Emulator(db=db) as second:
        second.clock.freeze(NOW)
        campaign = Campaign(Caller(second))
        assert (
            second.events()
            == events
            == [{"offer": offer, "placement": HTML, "profile": f"Email:{ANNA}", "event": "decisioning", "count": 1}]
        )
        assert campaign.proposed(decision) == [offer]
        assert campaign.proposed(decision) == []
        second.reset()
        assert second.events() == []


# The runtime behind the library


def test_the_runtime_lags_behind(emulator: Emulator, campaign: Campaign) -> None:
    offer = campaign.offer("Original")
    decision = campaign.decision()
    emulator.configure(runtime_lag=5)
    assert campaign.ask((decision, HTML)).status_code == 422
    emulator.clock.advance(6)
    format_ = {"xdm:includeMetadata": {"xdm:option": ["name"]}}

    def seen() -> tuple[str, int]:
        (found,) = campaign.ask((decision, HTML), responseFormat=format_).json()["xdm:propositions"]
        return found["xdm:options"][0]["xdm:name"], found["xdm:options"][0]["repo:etag"]

    assert seen() == ("Original", 1)
    campaign.patch(f"offers/{offer}?offer-type=personalized", {"op": "replace", "path": "/name", "value": "Renamed"})
    emulator.clock.advance(4.5)
    assert seen() == ("Original", 1)
    emulator.clock.advance(0.5)
    assert seen() == ("Renamed", 2)
    campaign.patch(f"offers/{offer}?offer-type=personalized", {"op": "replace", "path": "/status", "value": "draft"})
    assert seen() == ("Renamed", 2)
    emulator.clock.advance(5)
    assert campaign.proposed(decision) == []


def diagnostics(campaign: Campaign) -> Any:
    answer = campaign.caller.call("GET", f"/data/core/ode/{campaign.caller.container}/diagnostics")
    assert answer.status_code == 200
    return answer.json()["xdm:operations"]


def test_diagnostics_tell_when_the_runtime_was_built(emulator: Emulator, campaign: Campaign) -> None:
    assert diagnostics(campaign) == {}
    campaign.offer()
    emulator.configure(runtime_lag=2)
    assert diagnostics(campaign) == {}
    emulator.clock.advance(2)
    expected = {"xdm:date": "2026-05-01T12:00:02.000Z", "xdm:errors": []}
    assert diagnostics(campaign) == {"xdm:decisioningPackageUpdate": expected}
    assert emulator.request_counts()["ode.diagnostics"] == 3


def test_an_error_keeps_everything_newer_from_the_runtime(emulator: Emulator, campaign: Campaign) -> None:
    fallback = campaign.fallback(HTML)
    offer = campaign.offer("Before")
    decision = campaign.decision(fallback=fallback)
    assert campaign.proposed(decision) == [offer]
    path = f"offers/{fallback}?offer-type=fallback"
    campaign.patch(path, {"op": "replace", "path": "/representations", "value": shown_in(IMAGE)})
    campaign.offer("After", 9)
    (error,) = diagnostics(campaign)["xdm:decisioningPackageUpdate"]["xdm:errors"]
    assert error["xdm:description"] == "Error(s) were found in instances related to a live activity"
    details = error["xdm:causes"][0]["xdm:details"]
    assert details["@id"] == decision
    assert details["href"].endswith(f"/instances/{details['instanceId']}")
    assert "no representation for" in json.dumps(error)
    assert campaign.proposed(decision) == [offer]
    campaign.patch(path, {"op": "add", "path": "/representations/-", "value": shown_in(HTML)[0]})
    assert diagnostics(campaign)["xdm:decisioningPackageUpdate"]["xdm:errors"] == []
    assert campaign.proposed(decision) != [offer]


@pytest.mark.parametrize("status", ["draft", "archived"])
def test_a_fallback_that_is_not_approved_is_an_error(emulator: Emulator, campaign: Campaign, status: str) -> None:
    fallback = campaign.fallback()
    decision = campaign.decision(fallback=fallback)
    offer = campaign.offer("Before")
    assert campaign.proposed(decision) == [offer]
    campaign.patch(f"offers/{fallback}?offer-type=fallback", {"op": "replace", "path": "/status", "value": status})
    campaign.offer("After", 9)
    (error,) = diagnostics(campaign)["xdm:decisioningPackageUpdate"]["xdm:errors"]
    assert f"The fallback offer {fallback} is {status}, and not approved" in json.dumps(error)
    assert campaign.proposed(decision) == [offer]
    emulator.configure(live_decision="any")
    assert campaign.proposed(decision) != [offer]


def test_the_last_good_state_is_kept_for_as_long_as_something_is_wrong(emulator: Emulator, campaign: Campaign) -> None:
    fallback = campaign.fallback(HTML)
    offer = campaign.offer("Before")
    decision = campaign.decision(fallback=fallback)
    path = f"offers/{fallback}?offer-type=fallback"
    lose, regain = ({"op": "replace", "path": "/representations", "value": shown_in(each)} for each in (IMAGE, HTML))
    for change in (lose, regain, lose):
        campaign.patch(path, change)
        if change is regain:
            better = campaign.offer("Better", 1)
    for number in range(4):
        assert campaign.proposed(decision) == [better]
        campaign.offer(f"Later {number}", 5)
    campaign.patch(path, regain)
    assert campaign.proposed(decision) not in ([offer], [better])
    campaign.patch(path, lose)
    campaign.offer("Last", 9)
    (found,) = campaign.proposed(decision)
    assert found in {each["id"] for each in emulator.objects("personalized-offer") if "Later" in each["body"]["name"]}


def test_a_broken_rule_is_an_error(campaign: Campaign) -> None:
    rule_id = rule(campaign, "loyalty.tier = 'gold")
    campaign.decision(campaign.criterion(profileConstraint=constrained(rule_id)))
    (error,) = diagnostics(campaign)["xdm:decisioningPackageUpdate"]["xdm:errors"]
    assert f"Encountered issues with the dependency: {rule_id}" in json.dumps(error)
    assert "never ends" in json.dumps(error)


def test_offers_of_a_decision(emulator: Emulator, campaign: Campaign) -> None:
    good = campaign.offer("Good", constraint={"startDate": "2026-05-20T00:00:00Z"})
    campaign.offer("Draft", status="draft")
    campaign.offer("Elsewhere", representations=shown_in(IMAGE))
    fallback = campaign.fallback()
    decision, other = campaign.decision(fallback=fallback), campaign.decision(fallback=fallback)
    path = f"/data/core/ode/{emulator.CONTAINER_ID}/offers"
    answer = campaign.caller.call("GET", f"{path}?activityId={decision}&activityId={other}")
    assert answer.status_code == 200
    first, second = answer.json()["xdm:activityOffers"]
    assert first["xdm:offerActivity"]["@id"] == decision
    assert second["xdm:offerActivity"]["@id"] == other
    (found,) = first["xdm:offers"]
    assert (found["@id"], found["repo:etag"]) == (good, "1")
    assert first["xdm:fallbackOffer"]["@id"] == fallback
    instance = found["_links"]["self"]["href"].removeprefix(emulator.url)
    assert campaign.caller.call("GET", instance).json()["_instance"]["@id"] == good
    assert campaign.caller.call("GET", path).status_code == 400
    many = "&".join(f"activityId={number}" for number in range(31))
    assert campaign.caller.call("GET", f"{path}?{many}").status_code == 400
    assert campaign.caller.call("GET", f"{path}?activityId=nothing").status_code == 422


# Laws


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def _places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something is in a document."""
    members = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [path, *(place for name, member in members for place in _places(member, (*path, name)))]


def _changed(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return value
    copied = dict(document) if isinstance(document, dict) else list(document)
    copied[place[0]] = _changed(document[place[0]], place[1:], value)
    return copied


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_body_breaks_the_service(emulator: Emulator, data: st.DataObject) -> None:
    """Whatever stands in a request's place, the answer is a decision or a documented refusal."""
    campaign = Campaign(Caller(emulator))
    if not emulator.objects("offer-activity"):
        emulator.clock.freeze(NOW)
        campaign.offer(constraint=constrained(rule(campaign, "store = 'Basel' or @{x}.y > 3")))
        campaign.decision()
    (decision,) = [each["id"] for each in emulator.objects("offer-activity")]
    whole = {
        "xdm:propositionRequests": [{"xdm:activityId": decision, "xdm:placementId": HTML, "xdm:itemCount": 2}],
        "xdm:profiles": [
            {
                "xdm:identityMap": {"Email": [{"xdm:id": ANNA, "primary": True}]},
                "xdm:decisionRequestId": "1",
                "xdm:contextData": [{"@type": "x;version=1", "xdm:data": {"store": "Basel", "y": 4}}],
            }
        ],
        "xdm:allowDuplicatePropositions": {"xdm:acrossActivities": True, "xdm:acrossPlacements": True},
        "xdm:mergePolicy": {"xdm:id": "m"},
        "xdm:enrichedAudience": False,
        "xdm:dryRun": True,
        "xdm:validateContextData": False,
        "xdm:responseFormat": {"xdm:includeContent": True, "xdm:includeMetadata": {"xdm:option": ["name"]}},
    }
    place = data.draw(st.sampled_from(_places(whole)))
    body = _changed(whole, place, data.draw(_json))
    answer = campaign.send(body)
    assert answer.status_code in (200, 400, 422), answer.text
    job = {"xdm:segmentIds": ["a"], "xdm:dataSetId": "d", "xdm:propositionRequests": whole["xdm:propositionRequests"]}
    place = data.draw(st.sampled_from(_places(job)))
    answer = campaign.caller.call(
        "POST",
        "/data/core/dwm/workloads/decisions",
        json=_changed(job, place, data.draw(_json)),
        headers={"x-request-id": "1"},
    )
    assert answer.status_code in (200, 400, 422), answer.text


@settings(max_examples=200, deadline=None)
@given(st.text("abx()@{}.,'\"!=<>+-*/% 12ornotif", max_size=40))
def test_no_expression_breaks_the_parser(text: str) -> None:
    try:
        expression = pql.parse(text)
    except (pql.PqlSyntaxError, pql.PqlUnsupported):
        return
    pql.holds(expression, pql.Scope({"a": {"b": [1, "x", None]}}))
    pql.number(expression, pql.Scope({"a": 2, "b": "x"}, (("x", {"y": 1}),), {"rank": {"priority": 1}}))


_day = st.integers(-3, 6)
_offer = st.fixed_dictionaries(
    {
        "priority": st.integers(0, 3),
        "start": _day,
        "days": st.integers(0, 6),
        "status": st.sampled_from(["approved", "approved", "approved", "draft", "archived"]),
        "tagged": st.sampled_from([True, True, True, False]),
        "placed": st.sampled_from([True, True, True, False]),
        "caps": st.fixed_dictionaries({}, optional={"globalCap": st.integers(1, 4), "profileCap": st.integers(1, 2)}),
    }
)
_asking = st.tuples(st.integers(0, 5 * 24), st.sampled_from([ANNA, BEN]), st.integers(1, 3), st.booleans())
_BEGIN = datetime(2026, 5, 1, tzinfo=UTC)


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _seeded(emulator: Emulator, offers: list[dict[str, Any]]) -> tuple[dict[str, dict[str, Any]], str]:
    """The offers by their ids, and a live decision that selects the tagged ones."""
    campaign = Campaign(Caller(emulator))
    known = {}
    for number, each in enumerate(offers):
        start = _BEGIN + timedelta(days=each["start"])
        end = start + timedelta(days=each["days"])
        body = {
            "name": f"Offer {number}",
            "status": each["status"],
            "rank": {"priority": each["priority"]},
            "selectionConstraint": {"startDate": _iso(start), "endDate": _iso(end)},
            "representations": shown_in(HTML if each["placed"] else IMAGE),
            "tags": [Emulator.TAG_ID if each["tagged"] else OTHER_TAG],
            "cappingConstraint": each["caps"],
        }
        (object_id,) = emulator.seed(objects=[{"kind": "personalized-offer", "body": body}])
        known[object_id] = {**each, "start": start, "end": end}
    return known, campaign.decision()


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(offers=st.lists(_offer, max_size=6), askings=st.lists(_asking, min_size=1, max_size=6).map(sorted))
def test_the_laws_of_choosing(
    emulator: Emulator, offers: list[dict[str, Any]], askings: list[tuple[int, str, int, bool]]
) -> None:
    emulator.reset()
    # An empty window is refused, and were it not, it would never be open.
    emulator.configure(token_lifetime=1e8, guardrails="ignore")
    emulator.clock.freeze(_iso(_BEGIN))
    known, decision = _seeded(emulator, offers)
    campaign = Campaign(Caller(emulator))
    counted: Counter[Any] = Counter()
    for hour, profile, items, dry_run in askings:
        now = _BEGIN + timedelta(hours=hour)
        emulator.clock.freeze(_iso(now))
        eligible = {
            object_id: each["priority"]
            for object_id, each in known.items()
            if each["status"] == "approved"
            and each["tagged"]
            and each["placed"]
            and each["start"] <= now < each["end"]
            and counted[object_id] < each["caps"].get("globalCap", 99)
            and counted[object_id, profile] < each["caps"].get("profileCap", 99)
        }
        found = campaign.proposed(decision, profile=profile, items=items, dryRun=dry_run)
        # Only eligible offers, none twice, as many as there are, the highest priorities, best first.
        assert set(found) <= set(eligible)
        assert len(found) == len(set(found)) == min(items, len(eligible))
        priorities = [eligible[each] for each in found]
        assert priorities == sorted(eligible.values(), reverse=True)[: len(found)]
        for each in [] if dry_run else found:
            counted.update([each, (each, profile)])
    for object_id, offer in known.items():
        assert counted[object_id] <= offer["caps"].get("globalCap", 99)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    unit=st.sampled_from(["day", "week", "month"]),
    length=st.integers(1, 3),
    limit=st.integers(1, 2),
    hours=st.lists(st.integers(0, 24 * 70), min_size=3, max_size=12).map(sorted),
)
def test_never_more_than_the_cap_in_any_period(
    emulator: Emulator, unit: str, length: int, limit: int, hours: list[int]
) -> None:
    emulator.reset()
    emulator.configure(token_lifetime=1e8)
    begin = datetime(2026, 1, 30, 18, tzinfo=UTC)
    emulator.clock.freeze(_iso(begin))
    campaign = Campaign(Caller(emulator))
    window = {"startDate": _iso(begin), "endDate": "2027-01-01T00:00:00Z"}
    caps = frequency(limit=limit, repeat={"enabled": True, "unit": unit, "unitCount": length}, **window)
    campaign.offer(frequencyCappingConstraints=caps, constraint=window)
    decision = campaign.decision(**window)
    proposed: Counter[int] = Counter()
    asked: Counter[int] = Counter()
    for hour in hours:
        now = begin + timedelta(hours=hour)
        emulator.clock.freeze(_iso(now))
        period = _period(begin, now, unit) // length
        asked[period] += 1
        proposed[period] += len(campaign.proposed(decision))
    assert proposed == {period: min(limit, count) for period, count in asked.items()}


def _period(begin: datetime, now: datetime, unit: str) -> int:
    """How many units' boundaries lie between two moments."""
    if unit == "month":
        return (now.year - begin.year) * 12 + now.month - begin.month
    days = [begin.date() + timedelta(days=number) for number in range((now.date() - begin.date()).days + 1)]
    return len(days) - 1 if unit == "day" else sum(day.isoweekday() == 7 for day in days[1:])


@given(
    begun=st.timedeltas(timedelta(0), timedelta(days=800)).map(lambda delta: _BEGIN - delta),
    later=st.timedeltas(timedelta(0), timedelta(days=800)),
    unit=st.sampled_from(["day", "week", "month"]),
    length=st.integers(1, 12),
)
def test_periods_start_at_midnight_of_their_first_day(
    begun: datetime, later: timedelta, unit: str, length: int
) -> None:
    now = begun + later
    start_us = period_start(to_us(begun), to_us(now), {"unit": unit, "unitCount": length})
    start = datetime.fromtimestamp(start_us / 1_000_000, UTC)
    assert start <= now
    assert (start.hour, start.minute, start.second, start.microsecond) == (0, 0, 0, 0)
    assert unit != "week" or start.isoweekday() == 7
    assert unit != "month" or start.day == 1
    assert (_period(start, now, unit)) < length


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), seed=st.integers(0, 3))
def test_arbitration_uses_as_few_fallbacks_as_possible(emulator: Emulator, data: st.DataObject, seed: int) -> None:
    """Kept apart, offers go to as many scopes as a best assignment could serve, and to none that may not have them."""
    emulator.reset()
    emulator.configure(decision_seed=seed)
    emulator.clock.freeze(NOW)
    campaign = Campaign(Caller(emulator))
    places = [campaign.create("placements", {"name": str(each), "componentType": "html"}) for each in range(4)]
    fits = data.draw(st.lists(st.sets(st.sampled_from(range(4)), min_size=1), min_size=1, max_size=4))
    offers = {}
    for number, chosen in enumerate(fits):
        priority = random.Random(seed + number).randint(0, 2)
        shown = shown_in(*(places[each] for each in sorted(chosen)))
        cap = {"cappingConstraint": {"profileCap": 1}} if number % 2 else {}
        offers[campaign.offer(f"Offer {number}", priority, representations=shown, **cap)] = chosen
    decision = campaign.decision(campaign.criterion(None, *places), fallback=campaign.fallback(*places))
    found = campaign.all_proposed(*((decision, each) for each in places))
    given_away = [each for options in found for each in options]
    assert len(given_away) == len(set(given_away)) == _best_matching(list(offers.values()))
    for number, options in enumerate(found):
        assert all(number in offers[each] for each in options)


def _best_matching(fits: list[set[int]], taken: frozenset[int] = frozenset()) -> int:
    if not fits:
        return 0
    served = [1 + _best_matching(fits[1:], taken | {each}) for each in fits[0] - taken]
    return max([_best_matching(fits[1:], taken), *served])
