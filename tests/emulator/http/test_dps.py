"""Generation 2: creating, reading, patching and deleting offers."""

from __future__ import annotations

import re
from typing import Any

import pytest

from airflow_provider_offers.emulator import Emulator
from tests.emulator.conftest import SCHEMA, Caller, dps_offer, xcore_offer

REPLACE = {"op": "replace", "path": "/name", "value": "Renamed"}


def test_create_answers_a_receipt(emulator: Emulator, caller: Caller) -> None:
    receipt = caller.create_dps(dps_offer())
    assert receipt.keys() == {
        "etag",
        "createdBy",
        "lastModifiedBy",
        "id",
        "sandboxId",
        "createdDate",
        "lastModifiedDate",
        "createdByClientId",
        "lastModifiedByClientId",
    }
    assert receipt["etag"] == 1
    assert re.fullmatch(r"dps:personalized-offer:[0-9a-f]{16}", receipt["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", receipt["createdDate"])
    assert receipt["createdByClientId"] == emulator.CLIENT_ID
    emulator.configure(dps_create_status=200)
    assert caller.dps("POST", "/offers?offer-type=personalized", json=dps_offer()).status_code == 200


def test_read_shows_the_entity(caller: Caller) -> None:
    written = dps_offer(description="Q2", cappingConstraint={}, tags=[Emulator.TAG_ID], labels=["core/C1"])
    receipt = caller.create_dps(written)
    entity = caller.get_dps(receipt["id"]).json()
    envelope = {key: entity.pop(key) for key in ("created", "modified", "etag", "schemas", "id")}
    assert envelope["schemas"] == ["https://ns.adobe.com/experience/offer-management/personalized-offer;version=0.15"]
    assert envelope["created"] == receipt["createdDate"].replace("Z", "+00:00")
    assert entity.pop("createdBy") == entity.pop("lastModifiedBy") == receipt["createdBy"]
    assert entity == written


def test_ids_with_raw_and_escaped_colons(caller: Caller) -> None:
    object_id = caller.create_dps(dps_offer())["id"]
    assert caller.get_dps(object_id.replace(":", "%3A")).json()["id"] == object_id
    assert caller.get_dps(object_id).json()["id"] == object_id


def test_names_may_repeat_but_those_of_tags_may_not(caller: Caller) -> None:
    first, second = caller.create_dps(dps_offer()), caller.create_dps(dps_offer())
    assert first["id"] != second["id"]
    assert caller.dps("POST", "/tags", json={"name": "Spring"}).status_code == 201
    answer = caller.dps("POST", "/tags", json={"name": "Spring"})
    assert answer.status_code == 400
    assert "already the name" in answer.json()["detail"]


def test_offer_type_is_required_and_case_insensitive(caller: Caller) -> None:
    object_id = caller.create_dps(dps_offer())["id"]
    assert caller.get_dps(object_id, "PERSONALIZED").status_code == 200
    assert caller.get_dps(object_id, "fallback").status_code == 404
    for query in ("", "?offer-type=special"):
        for method, path in (("GET", "/offers"), ("GET", f"/offers/{object_id}"), ("DELETE", f"/offers/{object_id}")):
            answer = caller.dps(method, path + query)
            assert answer.status_code == 400
            assert "offer-type" in answer.json()["detail"]


def test_missing_and_malformed_ids(caller: Caller) -> None:
    assert caller.get_dps("dps:personalized-offer:0000000000000000").status_code == 404
    assert caller.get_dps("dps:personalized offer:1").status_code == 400
    instance = caller.emulator.objects("offer-placement")[0]["instance_id"]
    answer = caller.dps("GET", f"/placements/{instance}")
    assert answer.status_code == 404
    assert "generation 2 takes the reference id" in answer.json()["detail"]


def test_fallback_offers_have_no_constraints(caller: Caller) -> None:
    receipt = caller.create_dps(dps_offer("Generic", status="approved"), "fallback")
    assert receipt["id"].startswith("dps:fallback-offer:")
    entity = caller.get_dps(receipt["id"], "fallback").json()
    assert not entity.keys() & {"selectionConstraint", "rank"}
    assert entity["schemas"] == ["https://ns.adobe.com/experience/offer-management/fallback-offer;version=0.8"]
    assert caller.listed(offer_type="fallback") == ["Generic"]
    assert caller.listed() == []


@pytest.mark.parametrize(
    ("sent", "status", "detail"),
    [
        (None, 400, "A valid content-type must be specified"),
        ("text/plain", 415, "text/plain"),
        ("Content-Type: application/json", 415, "inside its value"),
        ("application", 415, "not a media type"),
    ],
)
def test_content_types(caller: Caller, sent: str | None, status: int, detail: str) -> None:
    headers = {} if sent is None else {"Content-Type": sent}
    answer = caller.dps("POST", "/offers?offer-type=personalized", data=b"{}", headers=headers)
    assert answer.status_code == status
    assert detail in answer.json()["detail"]


def test_patch_media_types(caller: Caller) -> None:
    object_id = caller.create_dps(dps_offer())["id"]
    for media_type, status in (
        ("application/json", 200),
        ("application/json-patch+json", 200),
        ("application/json; charset=utf-8", 200),
        ("application/merge-patch+json", 415),
    ):
        assert caller.patch_dps(object_id, REPLACE, headers={"Content-Type": media_type}).status_code == status


def test_patch_operations(caller: Caller) -> None:
    object_id = caller.create_dps(dps_offer())["id"]
    answer = caller.patch_dps(
        object_id,
        {"op": "test", "path": "/status", "value": "draft"},
        REPLACE,
        {"op": "copy", "from": "/name", "path": "/description"},
        {"op": "add", "path": "/rank", "value": {"priority": 3}},
        {"op": "remove", "path": "/representations/0/channel"},
        {"op": "add", "path": "/tags", "value": [Emulator.TAG_ID]},
        {"op": "add", "path": "/tags/-", "value": "xcore:tag:124f4e5c8a00cd92"},
    )
    assert answer.status_code == 200
    assert answer.json()["etag"] == 2
    entity = caller.get_dps(object_id).json()
    assert (entity["name"], entity["description"], entity["rank"]) == ("Renamed", "Renamed", {"priority": 3})
    assert entity["tags"] == [Emulator.TAG_ID, "xcore:tag:124f4e5c8a00cd92"]
    assert "channel" not in entity["representations"][0]
    assert entity["modified"] > entity["created"]


@pytest.mark.parametrize(
    ("operations", "status"),
    [
        ([{"op": "test", "path": "/status", "value": "approved"}, REPLACE], 422),
        ([{"op": "test", "path": "/etag", "value": 1}, REPLACE], 400),
        ([REPLACE, {"op": "add", "path": "/tags/-", "value": Emulator.TAG_ID}], 400),
        ([REPLACE, {"op": "replace", "path": "/nothing/at/all", "value": 1}], 400),
        ([REPLACE, {"op": "remove", "path": "/nothing"}], 400),
        ([REPLACE, {"op": "remove", "path": "/selectionConstraint"}], 400),
        ([REPLACE, {"op": "add", "path": "/id", "value": "x"}], 400),
        ([REPLACE, {"op": "replace", "path": "/_instance/xdm:name", "value": "x"}], 400),
        ([{"op": "rename", "path": "/name"}], 400),
        ([{"op": "replace", "path": "/name"}], 400),
        ([{"op": "replace", "path": "name", "value": "x"}], 400),
        ({"op": "replace"}, 400),
        (7, 400),
    ],
)
def test_refused_patches_change_nothing(caller: Caller, operations: Any, status: int) -> None:
    object_id = caller.create_dps(dps_offer())["id"]
    answer = caller.dps("PATCH", f"/offers/{object_id}?offer-type=personalized", json=operations)
    assert answer.status_code == status
    entity = caller.get_dps(object_id).json()
    assert (entity["name"], entity["etag"]) == ("Spring voucher", 1)


def test_status_of_a_failed_test_is_a_setting(emulator: Emulator, caller: Caller) -> None:
    object_id = caller.create_dps(dps_offer())["id"]
    failing = {"op": "test", "path": "/name", "value": "x"}
    assert caller.patch_dps(object_id, failing).json()["title"] == "Patch test failed"
    emulator.configure(patch_test_status=409)
    assert caller.patch_dps(object_id, failing).status_code == 409


def test_unlisted_operations_may_be_refused(emulator: Emulator, caller: Caller) -> None:
    object_id = caller.create_dps(dps_offer(description="Two"))["id"]
    move = {"op": "move", "from": "/description", "path": "/name"}
    listed = [
        {"op": "copy", "from": "/name", "path": "/description"},
        {"op": "test", "path": "/name", "value": "Two"},
        {"op": "remove", "path": "/description"},
    ]
    assert caller.patch_dps(object_id, move).status_code == 200
    emulator.configure(unlisted_operations="refuse")
    assert caller.patch_dps(object_id, *listed).status_code == 200
    answer = caller.patch_dps(object_id, {"op": "move", "from": "/name", "path": "/description"})
    assert (answer.status_code, answer.json()["title"]) == (400, "Malformed request")
    assert "op 'move'; known are add, replace, remove, copy, test" in answer.json()["detail"]


RULED = {"startDate": "2026-03-10T00:00:00Z", "endDate": "2026-06-30T00:00:00Z", "eligibilityRule": Emulator.RULE_ID}
UNDECLARED = "Cannot specify eligibilityRule without a declared profileConstraintType"


def test_a_rule_needs_the_type_of_its_constraint(emulator: Emulator, caller: Caller) -> None:
    emulator.configure(undeclared_constraint_type="refuse")
    path = "/offers?offer-type=personalized"
    answer = caller.dps("POST", path, json=dps_offer(selectionConstraint=RULED))
    assert answer.status_code == 400
    assert answer.json()["detail"] == f"/selectionConstraint/profileConstraintType: {UNDECLARED}"
    criterion = {"placements": [Emulator.PLACEMENT_ID], "optionSelection": {}}
    criterion["profileConstraint"] = {"eligibilityRule": Emulator.RULE_ID}
    decision = {"name": "Newsletter", "status": "draft", "criteria": [criterion]}
    answer = caller.dps("POST", "/offer-decisions", json=decision)
    assert answer.status_code == 400
    assert answer.json()["detail"] == f"/criteria/0/profileConstraint/profileConstraintType: {UNDECLARED}"
    object_id = caller.create_dps(dps_offer())["id"]
    answer = caller.patch_dps(object_id, {"op": "replace", "path": "/selectionConstraint", "value": RULED})
    assert answer.status_code == 400
    assert UNDECLARED in answer.json()["detail"]
    caller.create_dps(dps_offer(selectionConstraint={**RULED, "profileConstraintType": "eligibilityRule"}))
    emulator.configure(undeclared_constraint_type="allow")
    caller.create_dps(dps_offer(selectionConstraint=RULED))
    assert caller.dps("POST", "/offer-decisions", json=decision).status_code == 201


def test_a_rule_that_generation_1_wrote_without_a_type_does_not_hinder_other_changes(
    emulator: Emulator, caller: Caller
) -> None:
    emulator.configure(undeclared_constraint_type="refuse")
    object_id = caller.create_xcore(xcore_offer())["@id"]
    assert caller.patch_dps(object_id, REPLACE).status_code == 200
    later = {"op": "replace", "path": "/selectionConstraint/endDate", "value": "2027-01-01T00:00:00Z"}
    assert caller.patch_dps(object_id, later).status_code == 200
    checking = "xcore:eligibility-rule:124f4f57259caba5"
    other = {"op": "replace", "path": "/selectionConstraint/eligibilityRule", "value": checking}
    answer = caller.patch_dps(object_id, other)
    assert answer.status_code == 400
    assert UNDECLARED in answer.json()["detail"]
    declared = {"op": "add", "path": "/selectionConstraint/profileConstraintType", "value": "eligibilityRule"}
    assert caller.patch_dps(object_id, declared, other).status_code == 200


@pytest.mark.parametrize("criteria", [5, [5], [{"profileConstraint": 5}]])
def test_what_was_seeded_broken_can_be_mended(emulator: Emulator, caller: Caller, criteria: Any) -> None:
    body = {"name": "Broken", "status": "draft", "criteria": criteria}
    (object_id,) = emulator.seed(objects=[{"kind": "offer-activity", "body": body}], checked=False)
    assert caller.dps("PATCH", f"/offer-decisions/{object_id}", json=[REPLACE]).status_code == 400
    mended = {"op": "replace", "path": "/criteria", "value": []}
    assert caller.dps("PATCH", f"/offer-decisions/{object_id}", json=[mended]).status_code == 200


@pytest.mark.parametrize("path", ["tags", "placements", "offers?offer-type=personalized"])
def test_unknown_properties_with_names_of_other_kinds_mean_nothing(caller: Caller, path: str) -> None:
    foreign: dict[str, Any] = {
        "criteria": 5,
        "filterType": [],
        "startDate": 7,
        "endDate": {},
        "ids": 1,
        "condition": True,
    }
    if path in ("tags", "placements"):
        foreign |= {"selectionConstraint": [], "frequencyCappingConstraints": 1, "representations": 2}
    document = dps_offer(**foreign) if path.startswith("offers") else {"name": "Odd", **foreign}
    assert caller.dps("POST", f"/{path}", json=document).status_code == 201


def test_if_match_is_ignored_unless_set(emulator: Emulator, caller: Caller) -> None:
    object_id = caller.create_dps(dps_offer())["id"]
    stale = {"If-Match": '"9"'}
    assert caller.patch_dps(object_id, REPLACE, headers=stale).status_code == 200
    emulator.configure(dps_if_match="obey")
    assert caller.patch_dps(object_id, REPLACE, headers=stale).status_code == 409
    assert caller.patch_dps(object_id, REPLACE, headers={"If-Match": '"2"'}).status_code == 200


def test_delete(caller: Caller) -> None:
    object_id = caller.create_dps(dps_offer())["id"]
    path = f"/offers/{object_id}?offer-type=personalized"
    answer = caller.dps("DELETE", path, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert caller.dps("GET", path).status_code == 404
    assert caller.dps("DELETE", path).status_code == 404
    assert caller.listed() == []


@pytest.mark.parametrize("status", [409, 400, 422])
def test_delete_of_something_referenced(emulator: Emulator, caller: Caller, status: int) -> None:
    emulator.configure(dps_delete_referenced=status)
    object_id = caller.create_dps(dps_offer())["id"]
    answer = caller.dps("DELETE", f"/placements/{Emulator.PLACEMENT_ID}")
    assert answer.status_code == status
    assert answer.json()["report"]["additionalContext"]["references"] == [object_id]
    assert caller.dps("GET", f"/placements/{Emulator.PLACEMENT_ID}").status_code == 200


def test_delete_of_something_referenced_may_be_allowed(emulator: Emulator, caller: Caller) -> None:
    emulator.configure(dps_delete_referenced=200)
    caller.create_dps(dps_offer())
    assert caller.dps("DELETE", f"/placements/{Emulator.PLACEMENT_ID}").status_code == 200


def test_delayed_delete(emulator: Emulator, caller: Caller) -> None:
    emulator.clock.freeze()
    emulator.configure(delete_delay=5)
    object_id = caller.create_dps(dps_offer())["id"]
    emulator.clock.advance(1)
    path = f"/offers/{object_id}?offer-type=personalized"
    assert caller.dps("DELETE", path).status_code == 200
    emulator.clock.advance(4)
    assert caller.dps("GET", path).status_code == 200
    assert caller.dps("PATCH", path, json=[REPLACE]).status_code == 404
    emulator.clock.advance(1)
    assert caller.dps("GET", path).status_code == 404
    assert caller.listed() == []


def test_what_is_being_deleted_is_still_seen_and_no_longer_used(emulator: Emulator, caller: Caller) -> None:
    emulator.clock.freeze()
    emulator.configure(delete_delay=5)
    tag = caller.dps("POST", "/tags", json={"name": "Leaving"}).json()["id"]
    schema = f"{SCHEMA}tag;version=0.1"
    instance = caller.results(f"&id={tag}", schema=schema)["_embedded"]["results"][0]["instanceId"]
    holder = caller.create_dps(dps_offer())["id"]
    emulator.clock.advance(1)
    assert caller.dps("DELETE", f"/tags/{tag}").status_code == 200

    def seen() -> list[Any]:
        return [
            caller.dps("GET", f"/tags/{tag}").status_code,
            caller.instances("GET", instance).status_code,
            caller.dps("GET", "/tags?property=name==Leaving").json()["total"],
            len(caller.found("&name=Leaving", route="instances", schema=schema)),
            len(caller.found(f"&id={tag}", schema=schema)),
        ]

    for seconds in (0, 4.999):
        emulator.clock.advance(seconds)
        assert seen() == [200, 200, 1, 1, 1]
        # Its name stays taken until it is gone, and no new object may refer to it.
        assert caller.dps("POST", "/tags", json={"name": "Leaving"}).status_code == 400
        answer = caller.patch_dps(holder, {"op": "add", "path": "/tags", "value": [tag]})
        assert "there is no such tag" in answer.json()["detail"]
        assert caller.dps("DELETE", f"/tags/{tag}").status_code == 404
        assert caller.instances("DELETE", instance).status_code == 404
    emulator.clock.advance(0.001)
    assert seen() == [404, 404, 0, 0, 0]
    assert caller.dps("POST", "/tags", json={"name": "Leaving"}).status_code == 201


def test_what_is_being_deleted_still_holds_what_it_refers_to(emulator: Emulator, caller: Caller) -> None:
    emulator.clock.freeze()
    emulator.configure(delete_delay=5)
    tag = caller.dps("POST", "/tags", json={"name": "Held"}).json()["id"]
    offer = caller.create_dps(dps_offer(tags=[tag]))["id"]
    emulator.clock.advance(1)
    assert caller.dps("DELETE", f"/offers/{offer}?offer-type=personalized").status_code == 200
    assert caller.dps("DELETE", f"/tags/{tag}").status_code == 409
    emulator.clock.advance(5)
    assert caller.dps("DELETE", f"/tags/{tag}").status_code == 200


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("placements", {"name": "Top", "componentType": "html", "itemCount": 1, "returnContent": True}),
        ("tags", {"name": "Spring"}),
        ("offer-rules", {"name": "Gold", "condition": {"type": "PQL", "format": "pql/text", "value": "true"}}),
        ("offer-collections", {"name": "Spring set", "filterType": "any-tags", "ids": [Emulator.TAG_ID]}),
        (
            "offer-decisions",
            {
                "name": "Newsletter",
                "status": "draft",
                "startDate": "2026-03-10T00:00:00.000+00:00",
                "criteria": [{"placements": [Emulator.PLACEMENT_ID], "optionSelection": {}}],
            },
        ),
    ],
)
def test_the_other_kinds(caller: Caller, path: str, document: dict[str, Any]) -> None:
    answer = caller.dps("POST", f"/{path}", json=document)
    assert answer.status_code == 201, answer.text
    object_id = answer.json()["id"]
    entity = caller.dps("GET", f"/{path}/{object_id}").json()
    assert document.items() <= entity.items()
    assert caller.dps("PATCH", f"/{path}/{object_id}", json=[REPLACE]).json()["etag"] == 2
    assert caller.dps("GET", f"/{path}?property=name==Renamed").json()["count"] == 1
    assert caller.dps("DELETE", f"/{path}/{object_id}").status_code == 200
    assert caller.dps("GET", f"/{path}/{object_id}").status_code == 404
