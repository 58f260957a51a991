"""Exceptions on Adobe's pages: names in rules and collections, and patches of missing properties."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from airflow_provider_offers.emulator import Emulator
from tests.emulator.conftest import PATCH, RECEIPT, SCHEMA, Caller, dps_offer, xcore_offer

RULE = f"{SCHEMA}eligibility-rule;version=0.3"
COLLECTION = f"{SCHEMA}offer-filter;version=0.1"
CONDITION = {"type": "PQL", "format": "pql/text", "value": "true"}
PLAIN = {"xdm:name": "Gold", "description": "loyal", "condition": CONDITION}
PREFIXED = {
    "xdm:name": "Gold",
    "xdm:description": "loyal",
    "xdm:condition": {f"xdm:{name}": value for name, value in CONDITION.items()},
}


def patched(caller: Caller, instance: str, *operations: dict[str, Any], schema: str = RULE) -> requests.Response:
    headers = {"Accept": RECEIPT, "Content-Type": PATCH.format(schema)}
    return caller.instances("PATCH", instance, json=list(operations), headers=headers)


def shown(caller: Caller, instance: str) -> dict[str, Any]:
    payload: dict[str, Any] = caller.instances("GET", instance).json()["_instance"]
    del payload["@id"]
    return payload


@pytest.mark.parametrize("written", [PLAIN, PREFIXED])
@pytest.mark.parametrize("names", ["plain", "prefixed", "as_written"])
def test_rules_are_taken_in_both_spellings_and_shown_as_set(
    emulator: Emulator, caller: Caller, names: str, written: dict[str, Any]
) -> None:
    emulator.configure(xcore_rule_names=names)
    instance = caller.create_xcore(written, RULE)["instanceId"]
    expected = {"plain": PLAIN, "prefixed": PREFIXED, "as_written": written}[names]
    assert shown(caller, instance) == expected
    (listed,) = [
        each["_instance"]
        for each in caller.results("&name=Gold", route="instances", schema=RULE)["_embedded"]["results"]
    ]
    assert {name: value for name, value in listed.items() if name != "@id"} == expected
    rule_id = emulator.objects("rule")[-1]["id"]
    entity = caller.dps("GET", f"/offer-rules/{rule_id}").json()
    assert (entity["description"], entity["condition"]) == ("loyal", CONDITION)


@pytest.mark.parametrize(("names", "there", "other"), [("plain", "", "xdm:"), ("prefixed", "xdm:", "")])
def test_a_patch_of_a_rule_addresses_what_is_shown(
    emulator: Emulator, caller: Caller, names: str, there: str, other: str
) -> None:
    emulator.configure(xcore_rule_names=names)
    instance = caller.create_xcore(PLAIN, RULE)["instanceId"]
    new = {"op": "replace", "path": f"/_instance/{there}condition/{there}value", "value": "false"}
    assert patched(caller, instance, new).status_code == 200
    beside = {"op": "replace", "path": f"/_instance/{other}description", "value": "twice"}
    refused = patched(caller, instance, beside)
    assert refused.status_code == 422
    assert "description" in refused.json()["detail"]
    absent = {"op": "remove", "path": f"/_instance/{other}description"}
    assert patched(caller, instance, absent).status_code == 422
    assert shown(caller, instance)[f"{there}condition"][f"{there}value"] == "false"


def test_a_rule_kept_as_written_stays_so_through_patches_of_either_generation(
    emulator: Emulator, caller: Caller
) -> None:
    emulator.configure(xcore_rule_names="as_written")
    mixed = {"xdm:name": "Gold", "xdm:description": "loyal", "condition": CONDITION}
    receipt = caller.create_xcore(mixed, RULE)
    change = {"op": "replace", "path": "/_instance/xdm:description", "value": "most loyal"}
    assert patched(caller, receipt["instanceId"], change).status_code == 200
    operations = [{"op": "replace", "path": "/condition/value", "value": "false"}]
    assert caller.dps("PATCH", f"/offer-rules/{receipt['@id']}", json=operations).status_code == 200
    expected = {**mixed, "xdm:description": "most loyal", "condition": {**CONDITION, "value": "false"}}
    assert shown(caller, receipt["instanceId"]) == expected


def test_a_rule_with_both_spellings_of_one_property_is_refused(caller: Caller) -> None:
    headers = {"Accept": RECEIPT, "Content-Type": f'application/schema-instance+json; schema="{RULE}"'}
    answer = caller.instances("POST", json={**PLAIN, "xdm:description": "again"}, headers=headers)
    assert answer.status_code == 422
    assert "/xdm:description: stands beside 'description'" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["condition.value", "xdm:condition.xdm:value", "xdm:condition.value"])
def test_rules_are_filtered_by_either_spelling(caller: Caller, path: str) -> None:
    caller.create_xcore({**PLAIN, "condition": {**CONDITION, "value": "never"}}, RULE)
    assert caller.found(f"&property=_instance.{path}==never", route="instances", schema=RULE) == ["Gold"]


def test_a_collections_description_has_its_prefix(caller: Caller) -> None:
    document = {"xdm:name": "Set", "xdm:filterType": "anyTags", "xdm:ids": [Emulator.TAG_ID]}
    receipt = caller.create_xcore(document, COLLECTION)
    change = {"op": "replace", "path": "/_instance/xdm:description", "value": "all of it"}
    assert patched(caller, receipt["instanceId"], change, schema=COLLECTION).status_code == 200
    assert shown(caller, receipt["instanceId"])["xdm:description"] == "all of it"
    assert caller.dps("GET", f"/offer-collections/{receipt['@id']}").json()["description"] == "all of it"


def test_replacing_what_is_absent_sets_it(emulator: Emulator, caller: Caller) -> None:
    """Adobe's update pages replace a description that the create pages did not write."""
    offer = caller.create_dps(dps_offer())["id"]
    answer = caller.patch_dps(offer, {"op": "replace", "path": "/description", "value": "New"})
    assert (answer.status_code, answer.json()["etag"]) == (200, 2)
    assert caller.get_dps(offer).json()["description"] == "New"
    instance = caller.create_xcore(xcore_offer())["instanceId"]
    set_ = {"op": "replace", "path": "/_instance/xdm:cappingConstraint", "value": {"xdm:globalCap": 1}}
    assert caller.patch_xcore(instance, set_).status_code == 200
    assert shown(caller, instance)["xdm:cappingConstraint"] == {"xdm:globalCap": 1}


def test_replacing_what_is_absent_may_be_refused_as_the_rfc_says(emulator: Emulator, caller: Caller) -> None:
    emulator.configure(replace_of_absent="refuse")
    offer = caller.create_dps(dps_offer())["id"]
    assert caller.patch_dps(offer, {"op": "replace", "path": "/description", "value": "New"}).status_code == 400
    instance = caller.create_xcore(xcore_offer())["instanceId"]
    absent = {"op": "replace", "path": "/_instance/xdm:description", "value": "New"}
    assert caller.patch_xcore(instance, absent).status_code == 422
    assert caller.get_dps(offer).json()["etag"] == 1
