"""The decisioning API: which offers are proposed to whom, when and how often, and the form of the answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_offers.emulator import Emulator
from tests.emulator import campaigns
from tests.emulator.campaigns import ANNA, BEN, HTML, IMAGE, NOW, Campaign, constrained, rule, shown_in
from tests.emulator.conftest import Caller

OTHER_TAG = "xcore:tag:124f4e5c8a00cd92"


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
