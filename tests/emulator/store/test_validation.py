"""The errors of both generations for a body, and the allowed statuses of an object."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.emulator import Emulator
from tests.emulator.conftest import CREATE, FALLBACK, PERSONALIZED, SCHEMA, Caller, dps_offer, xcore_offer

WINDOW = {"startDate": "2026-03-10T00:00:00Z", "endDate": "2026-06-30T00:00:00Z"}
RULED = {**WINDOW, "profileConstraintType": "eligibilityRule"}
COMPONENT = {"type": "html", "format": "text/html"}
REPRESENTATION = {"placement": Emulator.PLACEMENT_ID, "components": [COMPONENT]}


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"name": ...}, "/name: is required"),
        ({"name": ""}, "/name: must not be empty"),
        ({"name": 7}, "/name: must be a string"),
        ({"status": ...}, "/status: is required"),
        ({"status": "live"}, "/status: must be one of draft, approved, archived"),
        ({"rank": ...}, "/rank: is required"),
        ({"rank": {}}, "/rank/priority: is required"),
        ({"rank": {"priority": -1}}, "/rank/priority: must be at least 0"),
        ({"rank": {"priority": "1"}}, "/rank/priority: must be a whole number"),
        ({"rank": {"priority": True}}, "/rank/priority: must be a whole number"),
        ({"selectionConstraint": ...}, "/selectionConstraint: is required"),
        ({"selectionConstraint": {"startDate": WINDOW["startDate"]}}, "/selectionConstraint/endDate: is required"),
        ({"selectionConstraint": {**WINDOW, "endDate": "2026-06-30"}}, "RFC 3339"),
        ({"selectionConstraint": {**WINDOW, "endDate": "2026-06-30T00:00:00"}}, "RFC 3339"),
        ({"selectionConstraint": {**WINDOW, "endDate": "2026-02-30T00:00:00Z"}}, "RFC 3339"),
        ({"selectionConstraint": {**WINDOW, "endDate": "2026-01-01T00:00:00Z"}}, "is before the start"),
        (
            {"selectionConstraint": {**RULED, "eligibilityRule": "x"}},
            "/selectionConstraint/eligibilityRule: refers to 'x', and there is no such eligib",
        ),
        ({"selectionConstraint": {**RULED, "eligibilityRule": Emulator.TAG_ID}}, "which is a tag"),
        ({"selectionConstraint": {**WINDOW, "profileConstraintType": "some"}}, "must be one of none"),
        ({"cappingConstraint": {"globalCap": 0}}, "/cappingConstraint/globalCap: must be at least 1"),
        ({"frequencyCappingConstraints": [{"limit": 1}]}, "/frequencyCappingConstraints/0/scope: is required"),
        ({"tags": [Emulator.TAG_ID, "Sale"]}, "/tags/1: refers to 'Sale', and there is no such tag"),
        ({"tags": Emulator.TAG_ID}, "/tags: must be an array"),
        ({"characteristics": {"sku": 7}}, "/characteristics/sku: must be a string"),
        ({"representations": [{"components": [COMPONENT]}]}, "/representations/0/placement: is required"),
        (
            {"representations": [{**REPRESENTATION, "placement": "x"}]},
            "/representations/0/placement: refers to 'x', and there",
        ),
        ({"representations": [{**REPRESENTATION, "components": []}]}, "at least 1"),
        ({"representations": [{"placement": Emulator.PLACEMENT_ID}]}, "/representations/0/components: is required"),
        ({"representations": [{**REPRESENTATION, "components": [{"type": "html"}]}]}, "/format: is required"),
        ({"representations": [{**REPRESENTATION, "components": [{**COMPONENT, "format": "html"}]}]}, "match"),
        ({"id": "mine"}, "/id: is assigned by the server"),
        ({"xdm:name": "Other"}, "other generation's spelling"),
    ],
)
@pytest.mark.parametrize("status", [400, 422])
def test_dps_refuses(emulator: Emulator, caller: Caller, changes: dict[str, Any], where: str, status: int) -> None:
    emulator.configure(dps_invalid_status=status, draft_gaps="refuse")
    answer = caller.dps("POST", "/offers?offer-type=personalized", json=dps_offer(**changes))
    assert answer.status_code == status
    error = answer.json()
    assert where in error["detail"]
    assert error["title"] == "Validation failed"
    assert error["type"] == f"http://ns.adobe.com/aep/errors/DPS-1100-{status}"
    assert emulator.objects("personalized-offer") == []


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"name": ...}, "/xdm:name: is required"),
        ({"status": "pending"}, "/xdm:status: must be one of"),
        ({"rank": {"xdm:priority": 1.5}}, "/xdm:rank/xdm:priority: must be a whole number"),
        ({"selectionConstraint": {"xdm:startDate": "x"}}, "/xdm:selectionConstraint/xdm:startDate"),
        ({"selectionConstraint": WINDOW}, "other generation's spelling"),
        ({"representations": [{**REPRESENTATION}]}, "other generation's spelling"),
        ({"tags": ["Sale"]}, "/xdm:tags/0: refers to 'Sale', and there is no such tag"),
        (
            {"representations": [{"xdm:placement": Emulator.PLACEMENT_ID, "xdm:components": [{"@type": "html"}]}]},
            "must start with https://ns.adobe.com/experience/offer-management/content-component-",
        ),
    ],
)
def test_xcore_refuses(emulator: Emulator, caller: Caller, changes: dict[str, Any], where: str) -> None:
    headers = {"Content-Type": CREATE.format(PERSONALIZED)}
    answer = caller.instances("POST", json=xcore_offer(**changes), headers=headers)
    assert answer.status_code == 422
    assert where in answer.json()["detail"]
    assert answer.json()["type"] == "http://ns.adobe.com/aep/errors/XCORE-1100-422"
    assert emulator.objects("personalized-offer") == []


def test_everything_wrong_is_told_at_once(caller: Caller) -> None:
    document = dps_offer(status="x", rank={"priority": -1})
    problems = caller.dps("POST", "/offers?offer-type=personalized", json=document).json()["report"]
    assert [each["path"] for each in problems["additionalContext"]["problems"]] == ["/status", "/rank/priority"]


def test_switches(emulator: Emulator, caller: Caller) -> None:
    reversed_window = {"startDate": "2026-03-10T00:00:00Z", "endDate": "2021-01-01T00:00:00Z"}
    emulator.configure(refuse_reversed_window=False, dps_required="name")
    caller.create_dps(dps_offer(status="approved", selectionConstraint=reversed_window))
    receipt = caller.create_dps({"name": "Only a name"})
    assert caller.get_dps(receipt["id"]).json()["status"] == "draft"
    emulator.configure(unknown_properties="refuse")
    answer = caller.dps("POST", "/offers?offer-type=personalized", json=dps_offer(colour="red"))
    assert answer.status_code == 400
    assert "/colour: is not a known property" in answer.json()["detail"]


def test_equal_dates_are_no_reversed_window(emulator: Emulator, caller: Caller) -> None:
    window = {**WINDOW, "endDate": "2026-03-10T02:00:00+02:00"}
    empty = dps_offer(status="approved", selectionConstraint=window)
    answer = caller.dps("POST", "/offers?offer-type=personalized", json=empty)
    assert answer.status_code == 400
    assert (
        "/selectionConstraint/endDate: 2026-03-10T00:00:00.000Z equals the start, so the window is empty"
        in answer.json()["detail"]
    )
    emulator.configure(guardrails="ignore")
    caller.create_dps(empty)


@pytest.mark.parametrize(
    ("before", "after", "allowed"),
    [
        ("draft", "approved", True),
        ("draft", "archived", True),
        ("approved", "draft", True),
        ("approved", "archived", True),
        ("archived", "draft", False),
        ("archived", "approved", False),
        ("archived", "archived", True),
    ],
)
def test_status_changes(emulator: Emulator, caller: Caller, before: str, after: str, allowed: bool) -> None:
    receipt = caller.create_xcore(xcore_offer(status=before))
    by_dps = {"op": "replace", "path": "/status", "value": after}
    by_xcore = {"op": "replace", "path": "/_instance/xdm:status", "value": after}
    assert caller.patch_xcore(receipt["instanceId"], by_xcore).status_code == (200 if allowed else 422)
    if not allowed:
        answer = caller.patch_dps(receipt["@id"], by_dps)
        assert answer.status_code == 400
        assert f"from {before!r} to {after!r}" in answer.json()["detail"]
        emulator.configure(strict_status=False)
        assert caller.patch_dps(receipt["@id"], by_dps).status_code == 200


def test_genuine_first_generation_fallback(caller: Caller) -> None:
    document = xcore_offer("Generic", status="approved", selectionConstraint=..., rank=...)
    receipt = caller.create_xcore(document, FALLBACK)
    assert receipt["@id"].startswith("xcore:fallback-offer:")
    envelope = caller.instances("GET", receipt["instanceId"]).json()
    assert envelope["_instance"] == {**document, "@id": receipt["@id"]}
    assert envelope["schemas"] == [FALLBACK]


def test_rules_keep_two_names_without_prefix_as_the_pages_write_them(caller: Caller) -> None:
    document = {
        "xdm:name": "Gold",
        "description": "loyal",
        "condition": {"type": "PQL", "format": "pql/text", "value": "true"},
        "xdm:definedOn": {
            "profile": {"xdm:schema": {"$ref": "https://ns.adobe.com/x", "version": "1"}, "xdm:referencePaths": ["a"]}
        },
    }
    receipt = caller.create_xcore(document, f"{SCHEMA}eligibility-rule;version=0.3")
    instance = caller.instances("GET", receipt["instanceId"]).json()["_instance"]
    assert instance == {**document, "@id": receipt["@id"]}
    entity = caller.dps("GET", f"/offer-rules/{receipt['@id']}").json()
    assert entity["definedOn"]["profile"]["schema"] == {"ref": "https://ns.adobe.com/x", "version": "1"}


def test_collection_filter_type_is_spelled_differently(caller: Caller) -> None:
    receipt = caller.dps(
        "POST", "/offer-collections", json={"name": "Set", "filterType": "any-tags", "ids": [Emulator.TAG_ID]}
    ).json()
    found = caller.results("&property=_instance.xdm:filterType==anyTags", schema=f"{SCHEMA}offer-filter;version=0.1")
    (item,) = found["_embedded"]["results"]
    assert item["_instance"]["@id"] == receipt["id"]
    assert item["_instance"]["xdm:filterType"] == "anyTags"
    wrong = {"name": "Set", "filterType": "anyTags"}
    assert caller.dps("POST", "/offer-collections", json=wrong).status_code == 400
