"""Requests of other clients and of Adobe's own collections that differ from the pages work; each has its setting."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from airflow_provider_offers.emulator import Emulator
from tests.emulator.campaigns import HTML, IMAGE, NAMESPACE, WINDOW, Campaign, shown_in
from tests.emulator.conftest import CREATE, HAL, PATCH, PERSONALIZED, RECEIPT, SCHEMA, Caller, dps_offer, xcore_offer

LIST = "/offers?offer-type=personalized"
ACTIVITY = f"{SCHEMA}offer-activity;version=0.5"


def without_sandbox(caller: Caller) -> Caller:
    del caller.session.headers["x-sandbox-name"]
    return caller


def test_without_a_sandbox_it_is_the_default_one(caller: Caller) -> None:
    receipt = caller.create_dps(dps_offer())
    other = without_sandbox(caller)
    assert other.listed() == ["Spring voucher"]
    assert other.create_dps(dps_offer("Second"))["sandboxId"] == receipt["sandboxId"]
    assert other.xcore("GET", "/?product=acp").status_code == 200


def test_without_a_sandbox_the_container_decides(emulator: Emulator) -> None:
    in_dev = without_sandbox(Caller(emulator, sandbox="dev"))
    receipt = in_dev.create_xcore(xcore_offer(representations=..., selectionConstraint=_window()))
    assert [each["sandbox"] for each in emulator.objects("personalized")] == ["dev"]
    assert in_dev.instances("GET", receipt["instanceId"]).status_code == 200
    path = f"/data/core/ode/{in_dev.container}/diagnostics"
    assert in_dev.call("GET", path).status_code == 200
    assert in_dev.listed() == [], "the default sandbox"
    assert in_dev.xcore("GET", "/11111111-1111-1111-1111-111111111111/instances?schema=x").status_code == 404


def _window() -> dict[str, str]:
    return {f"xdm:{name}": value for name, value in WINDOW.items()}


def test_the_default_sandbox_is_the_first_where_there_is_no_prod(emulator: Emulator, caller: Caller) -> None:
    emulator.configure(sandboxes=["qa", "dev"])
    without_sandbox(caller).create_dps(dps_offer())
    assert [each["sandbox"] for each in emulator.objects("personalized")] == ["qa"]


def test_a_missing_sandbox_may_be_refused(emulator: Emulator, caller: Caller) -> None:
    emulator.configure(missing_sandbox="refuse")
    answer = without_sandbox(caller).dps("GET", LIST)
    assert (answer.status_code, answer.json()["detail"]) == (403, "the header x-sandbox-name is missing")


@pytest.mark.parametrize("stale", ['"1"', "1"])
def test_a_delete_with_a_stale_etag_deletes_nothing(caller: Caller, stale: str) -> None:
    instance = caller.create_xcore(xcore_offer())["instanceId"]
    change = {"op": "replace", "path": "/_instance/xdm:name", "value": "Changed"}
    assert caller.patch_xcore(instance, change, If_Match="1").status_code == 200
    assert caller.instances("DELETE", instance, headers={"If-Match": stale}).status_code == 409
    assert caller.instances("GET", instance).status_code == 200
    assert caller.instances("DELETE", instance, headers={"If-Match": stale.replace("1", "2")}).status_code == 202
    assert caller.instances("GET", instance).status_code == 404


@pytest.mark.parametrize("fresh", ['"1"', "1", "*", '"7", "1"', "7, 1"])
def test_an_etag_may_stand_without_quotes(caller: Caller, fresh: str) -> None:
    instance = caller.create_xcore(xcore_offer())["instanceId"]
    assert caller.instances("GET", instance, headers={"If-None-Match": fresh}).status_code == 304
    headers = {"Content-Type": CREATE.format(PERSONALIZED), "If-Match": fresh}
    assert caller.instances("PUT", instance, json=xcore_offer("New"), headers=headers).status_code == 200
    change = {"op": "replace", "path": "/_instance/xdm:name", "value": "Changed"}
    stale = caller.patch_xcore(instance, change, If_Match=fresh.replace("*", "1"))
    assert stale.status_code == 409
    assert caller.patch_xcore(instance, change, If_Match="one").status_code == 400


@pytest.mark.parametrize("guard", ['"1"', "1"])
def test_an_honored_etag_of_generation_2_may_stand_without_quotes(
    emulator: Emulator, caller: Caller, guard: str
) -> None:
    emulator.configure(dps_if_match="obey")
    object_id = caller.create_dps(dps_offer())["id"]
    change = {"op": "replace", "path": "/name", "value": "Changed"}
    assert caller.patch_dps(object_id, change, headers={"If-Match": guard}).status_code == 200
    assert caller.patch_dps(object_id, change, headers={"If-Match": guard}).status_code == 409


@pytest.mark.parametrize(
    "media_type", ["application/schema-instance+json", "application/vnd.adobe.platform.xcore.hal+json"]
)
def test_a_replacement_needs_no_schema(caller: Caller, media_type: str) -> None:
    instance = caller.create_xcore(xcore_offer())["instanceId"]
    document: Any = xcore_offer("Replaced")
    document = {"_instance": document, "_links": {}} if "hal" in media_type else document
    answer = caller.instances("PUT", instance, json=document, headers={"Content-Type": media_type})
    assert (answer.status_code, answer.json()["repo:etag"]) == (200, 2)


@pytest.mark.parametrize(
    "media_type",
    [
        "application/vnd.adobe.platform.xcore.patch.hal+json",
        f'application/schema-instance+json; version=1; schema="{PERSONALIZED}"',
    ],
)
def test_a_patch_needs_no_schema_and_may_have_the_type_of_creates(caller: Caller, media_type: str) -> None:
    instance = caller.create_xcore(xcore_offer())["instanceId"]
    change = [{"op": "replace", "path": "/_instance/xdm:name", "value": "Changed"}]
    assert caller.instances("PATCH", instance, json=change, headers={"Content-Type": media_type}).status_code == 200
    wrong = {"Content-Type": PATCH.format(ACTIVITY)}
    assert caller.instances("PATCH", instance, json=change, headers=wrong).status_code == 422


def test_reads_may_ask_for_the_type_of_creates(caller: Caller) -> None:
    instance = caller.create_xcore(xcore_offer())["instanceId"]
    accept = {"Accept": "application/schema-instance+json, application/json;q=0"}
    assert caller.instances("GET", instance, headers=accept).json()["instanceId"] == instance
    path = f"/{caller.container}/instances?schema={PERSONALIZED}"
    assert caller.xcore("GET", path, headers=accept).json()["_embedded"]["count"] == 1
    assert caller.instances("GET", instance, headers={"Accept": "text/html"}).status_code == 406


def test_an_envelope_may_come_under_the_newer_type(caller: Caller) -> None:
    """As the page on creating decisions prints it."""
    receipt = caller.create_xcore({"_instance": xcore_offer(), "_links": {}})
    assert caller.instances("GET", receipt["instanceId"]).json()["_instance"]["xdm:name"] == "Spring voucher"


def decision_of_2019(campaign: Campaign, **changes: Any) -> dict[str, Any]:
    document = {
        **_window(),
        "xdm:name": "Newsletter",
        "xdm:status": "live",
        "xdm:placement": HTML,
        "xdm:filter": campaign.collection(),
        "xdm:fallback": campaign.fallback(),
        **changes,
    }
    return {name: value for name, value in document.items() if value is not ...}


def create_decision(caller: Caller, document: dict[str, Any]) -> requests.Response:
    headers = {"Accept": RECEIPT, "Content-Type": HAL.format(ACTIVITY)}
    return caller.instances("POST", json={"_instance": document, "_links": {}}, headers=headers)


def test_a_decision_of_2019_goes_live_and_decides(campaign: Campaign, caller: Caller) -> None:
    offer = campaign.offer()
    created = create_decision(caller, decision_of_2019(campaign))
    assert created.status_code == 201, created.text
    decision = created.json()["@id"]
    assert campaign.proposed(decision) == [offer]
    listed = caller.call("GET", f"/data/core/ode/{caller.container}/offers?activityId={decision}").json()
    assert [each["@id"] for each in listed["xdm:activityOffers"][0]["xdm:offers"]] == [offer]
    assert campaign.ask((decision, IMAGE)).status_code == 422
    campaign.patch(f"offers/{offer}?offer-type=personalized", {"op": "replace", "path": "/status", "value": "draft"})
    (proposition,) = campaign.ask((decision, HTML)).json()["xdm:propositions"]
    assert "xdm:fallback" in proposition


@pytest.mark.parametrize("missing", ["placement", "filter", "fallback"])
def test_a_live_decision_of_2019_is_complete(campaign: Campaign, caller: Caller, missing: str) -> None:
    refused = create_decision(caller, decision_of_2019(campaign, **{f"xdm:{missing}": ...}))
    assert refused.status_code == 422
    assert f"/xdm:{missing}: is required of a live decision" in refused.json()["detail"]


def test_the_fallback_of_a_decision_of_2019_covers_its_placement(campaign: Campaign, caller: Caller) -> None:
    bare = campaign.fallback(IMAGE)
    refused = create_decision(caller, decision_of_2019(campaign, **{"xdm:fallback": bare}))
    assert refused.status_code == 422
    assert f"has no representation for {HTML}" in refused.json()["detail"]


def test_start_0_is_the_first_page(caller: Caller) -> None:
    for name in ("A", "B", "C"):
        caller.create_dps(dps_offer(name))
    first = caller.dps("GET", f"{LIST}&limit=2&start=0").json()
    assert [each["name"] for each in first["results"]] == ["C", "B"]
    assert "prev" not in first["_links"]
    assert caller.listed("&start=0&orderby=name") == ["A", "B", "C"]


@pytest.mark.parametrize(
    "scope", ["cjm.suppression_service.client.all", "openid,cjm.suppression_service.client.delete"]
)
def test_scopes_of_journey_optimizer_are_known(emulator: Emulator, scope: str) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": emulator.CLIENT_ID,
        "client_secret": emulator.CLIENT_SECRET,
        "scope": scope,
    }
    assert requests.post(emulator.token_url, data=form, timeout=10).status_code == 200
    refused = requests.post(emulator.token_url, data={**form, "scope": f"{scope},cjmx"}, timeout=10)
    assert refused.json()["error"] == "invalid_scope"


def test_component_types_as_uris_are_kept_by_generation_2(caller: Caller) -> None:
    uri = f"{NAMESPACE}content-component-text"
    shown = shown_in(HTML)
    shown[0]["components"][0]["type"] = uri
    receipt = caller.create_dps(dps_offer(representations=shown))
    assert caller.get_dps(receipt["id"]).json()["representations"] == shown
    change = {"op": "replace", "path": "/name", "value": "Changed"}
    assert caller.patch_dps(receipt["id"], change).status_code == 200
    assert caller.get_dps(receipt["id"]).json()["representations"] == shown
    (found,) = caller.results(f"&id={receipt['id']}", "instances")["_embedded"]["results"]
    (component,) = found["_instance"]["xdm:representations"][0]["xdm:components"]
    assert component["@type"] == uri


def test_component_types_as_uris_decide(campaign: Campaign) -> None:
    shown = shown_in(HTML)
    shown[0]["components"][0]["type"] = f"{NAMESPACE}content-component-html"
    offer = campaign.offer(representations=shown)
    decision = campaign.decision()
    answer = campaign.ask((decision, HTML), responseFormat={"xdm:includeContent": True})
    (option,) = answer.json()["xdm:propositions"][0]["xdm:options"]
    assert (option["xdm:id"], option["xdm:content"]) == (offer, "<p>10%</p>")


def test_component_types_as_uris_may_be_refused(emulator: Emulator, caller: Caller) -> None:
    emulator.configure(dps_component_uris="refuse")
    document = {"name": "Top", "componentType": f"{NAMESPACE}content-component-text"}
    assert caller.dps("POST", "/placements", json=document).status_code == 400
    emulator.configure(dps_component_uris="keep")
    assert caller.dps("POST", "/placements", json=document).status_code == 201
    foreign = {**document, "componentType": "https://example.com/html"}
    assert caller.dps("POST", "/placements", json=foreign).status_code == 400


GAPS: list[dict[str, Any]] = [
    {"representations": [{"placement": HTML}]},
    {"representations": [{"placement": HTML, "components": []}]},
    {"selectionConstraint": {"startDate": WINDOW["startDate"], "endDate": WINDOW["startDate"]}},
    {"selectionConstraint": {"startDate": WINDOW["endDate"], "endDate": WINDOW["startDate"]}},
]


@pytest.mark.parametrize("gap", GAPS)
def test_a_draft_may_have_gaps_that_an_approved_offer_may_not(
    emulator: Emulator, caller: Caller, gap: dict[str, Any]
) -> None:
    receipt = caller.create_dps(dps_offer(**gap))
    approval = {"op": "replace", "path": "/status", "value": "approved"}
    assert caller.patch_dps(receipt["id"], approval).status_code == 400
    assert caller.dps("POST", LIST, json=dps_offer(status="approved", **gap)).status_code == 400
    emulator.configure(draft_gaps="refuse")
    assert caller.dps("POST", LIST, json=dps_offer(**gap)).status_code == 400


def test_answers_of_2020_on_ode(emulator: Emulator, campaign: Campaign) -> None:
    campaign.offer()
    decision = campaign.decision()
    emulator.configure(ode_answers="2020")
    request = {
        "xdm:propositionRequests": [{"xdm:activityId": decision, "xdm:placementId": HTML}],
        "xdm:profiles": [{"xdm:identityMap": {"Email": [{"xdm:id": "a@example.com"}]}}],
    }
    older = campaign.send(request, f"/data/core/ode/{campaign.caller.container}/decisions").json()
    assert "xdm:propositionID" in older
    assert older["xdm:propositions"][0]["xdm:activity"]["repo:etag"] == "1"
    present = campaign.send(request).json()
    assert "xdm:propositionId" in present
    assert present["xdm:propositions"][0]["xdm:activity"]["repo:etag"] == 1


def test_all_that_the_pages_refer_to_is_there_on_request(emulator: Emulator, caller: Caller) -> None:
    emulator.configure(reference_objects="all")
    document = {
        "name": "Test Offer Decision",
        "description": "Offer Decision description",
        "status": "live",
        "startDate": "2021-08-23T07:00:00.000+00:00",
        "endDate": "2021-08-25T07:00:00.000+00:00",
        "fallback": "fallbackOffer1234",
        "criteria": [
            {
                "placements": ["offerPlacement1234", "offerPlacement5678"],
                "rank": {
                    "priority": 0,
                    "order": {"orderEvaluationType": "ranking-strategy", "rankingStrategy": "123456789123"},
                },
                "profileConstraint": {"profileConstraintType": "none"},
                "optionSelection": {"filter": "offerCollection1234"},
            }
        ],
    }
    assert caller.dps("POST", "/offer-decisions", json=document).status_code == 201
    collection = {"name": "With tags", "filterType": "any-tags", "ids": ["tag1234"], "labels": ["core/C5"]}
    assert caller.dps("POST", "/offer-collections", json=collection).status_code == 201
    legacy = {
        "xdm:name": "Test API",
        "xdm:startDate": "2022-01-20T16:00:00Z",
        "xdm:endDate": "2022-01-27T16:00:00Z",
        "xdm:status": "live",
        "xdm:criteria": [
            {
                "xdm:placements": ["xcore:offer-placement:1457f9322f005194"],
                "xdm:optionSelection": {"xdm:filter": "xcore:offer-filter:1457f93227d0b6f0"},
            }
        ],
        "xdm:fallback": "xcore:fallback-offer:13c259399d8bf013",
    }
    caller.create_xcore({"_instance": legacy, "_links": {}}, ACTIVITY)
    emulator.reset()
    assert emulator.objects("collection") == []
