"""Generation 1: instances, receipts, etags, media types and deletes."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urljoin

import pytest

from airflow_provider_offers.emulator import Emulator
from tests.emulator.conftest import CREATE, HAL, PERSONALIZED, RECEIPT, SCHEMA, Caller, xcore_offer

RENAME = {"op": "replace", "path": "/_instance/xdm:name", "value": "Renamed"}


def test_containers(emulator: Emulator, caller: Caller) -> None:
    for path in ("/?product=acp&property=_instance.containerType==decisioning", ""):
        document = caller.xcore("GET", path).json()
        containers = document["_embedded"]["https://ns.adobe.com/experience/xcore/container"]
        assert [each["instanceId"] for each in containers] == [emulator.CONTAINER_ID, emulator.container_id("dev")]
        assert containers[0]["_instance"]["parentName"] == "prod"
        assert document["_links"]["self"]["@type"] == "https://ns.adobe.com/experience/xcore/hal/home"


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("?product=other", 0),
        ("?product=other&product=acp", 2),
        ("?property=_instance.parentName==dev", 1),
        ("?property=_instance.parentName!=dev", 1),
        ("?property=_instance.parentName~D.*", 1),
        ("?property=_instance.parentName", 2),
        ("?property=_instance.parentName==nowhere", 0),
    ],
)
def test_container_filters(caller: Caller, query: str, count: int) -> None:
    document = caller.xcore("GET", f"/{query}").json()
    assert len(document["_embedded"]["https://ns.adobe.com/experience/xcore/container"]) == count


def test_instance_id_holds_the_creation_time(caller: Caller) -> None:
    receipt = caller.create_xcore(xcore_offer())
    instance = uuid.UUID(receipt["instanceId"])
    created = datetime.fromisoformat(receipt["repo:createdDate"])
    assert instance.version == 1
    assert datetime(1582, 10, 15, tzinfo=UTC) + timedelta(microseconds=instance.time // 10) == created
    snowflake = int(receipt["@id"].rpartition(":")[2], 16)
    assert (snowflake >> 22) + 1288834974657 == int(created.timestamp() * 1000)


def test_location_resolves_against_content_base(caller: Caller) -> None:
    answer = caller.instances("POST", json=xcore_offer(), headers={"Content-Type": CREATE.format(PERSONALIZED)})
    url = urljoin(answer.headers["Content-Base"], answer.headers["Location"])
    assert url == f"{caller.emulator.url}/data/core/xcore/{caller.container}/instances/{answer.json()['instanceId']}"
    assert caller.session.get(url, timeout=10).status_code == 200
    assert answer.headers["Content-Type"] == "application/vnd.adobe.platform.xcore.xdm.receipt+json"


def test_create_in_the_older_envelope(caller: Caller) -> None:
    headers = {"Content-Type": HAL.format(f"{SCHEMA}personalized-offer")}
    answer = caller.instances("POST", json={"_instance": xcore_offer(), "_links": {}}, headers=headers)
    assert answer.status_code == 201
    envelope = caller.instances("GET", answer.json()["instanceId"]).json()
    assert envelope["schemas"] == [PERSONALIZED]
    refused: list[Any] = [{"_instance": xcore_offer()}, xcore_offer(), {"_links": {}}, []]
    for wrong in refused:
        assert caller.instances("POST", json=wrong, headers=headers).status_code == 422


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (f'application/schema-instance+json; version=1;  schema="{PERSONALIZED}"', 201),
        (f"application/schema-instance+json;schema='{PERSONALIZED}';version=1", 201),
        (f'APPLICATION/Schema-Instance+JSON ; SCHEMA="{SCHEMA}personalized-offer;version=0.9"', 201),
        (f'application/schema-instance+json; schema="{SCHEMA}personalized-offer"', 201),
        (f'application/schema-instance+json; schema="{SCHEMA}personalized-offer;version=1.0"', 415),
        (f'application/schema-instance+json; schema="{SCHEMA}unheard-of;version=0.1"', 415),
        (f'application/schema-instance+json; version=2; schema="{PERSONALIZED}"', 415),
        ("application/schema-instance+json", 415),
        ("application/json", 415),
        (f'application/schema-instance+json; schema="{PERSONALIZED}', 415),
        (None, 400),
    ],
)
def test_content_types(caller: Caller, sent: str | None, status: int) -> None:
    headers = {} if sent is None else {"Content-Type": sent}
    answer = caller.instances("POST", data=json.dumps(xcore_offer()), headers=headers)
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (f"*, {HAL.format(PERSONALIZED)}", 200),
        (HAL.format(PERSONALIZED), 200),
        ("application/json", 200),
        ("text/html", 406),
        ("text/html, */*;q=0.1", 200),
        ("nonsense/", 400),
    ],
)
def test_accept(caller: Caller, accept: str, status: int) -> None:
    instance = caller.create_xcore(xcore_offer())["instanceId"]
    assert caller.instances("GET", instance, headers={"Accept": accept}).status_code == status


def test_read_one_with_etag(caller: Caller) -> None:
    receipt = caller.create_xcore(xcore_offer())
    answer = caller.instances("GET", receipt["instanceId"])
    assert answer.headers["ETag"] == '"1"'
    assert answer.json()["_instance"]["@id"] == receipt["@id"]
    unchanged = caller.instances("GET", receipt["instanceId"], headers={"If-None-Match": '"1"'})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    caller.patch_xcore(receipt["instanceId"], RENAME)
    assert caller.instances("GET", receipt["instanceId"], headers={"If-None-Match": '"1"'}).status_code == 200


def test_the_path_takes_the_instance_id_only(caller: Caller) -> None:
    receipt = caller.create_xcore(xcore_offer())
    answer = caller.instances("GET", receipt["@id"])
    assert answer.status_code == 404
    assert "this is an @id" in answer.json()["detail"]


def test_receipts_count_revisions(caller: Caller) -> None:
    first = caller.create_xcore(xcore_offer())
    second = caller.patch_xcore(first["instanceId"], RENAME).json()
    assert second.keys() == first.keys()
    assert second["repo:etag"] == 2
    assert second["repo:createdDate"] == first["repo:createdDate"]
    assert second["repo:lastModifiedDate"] > first["repo:lastModifiedDate"]


@pytest.mark.parametrize(
    ("operation", "status", "detail"),
    [
        ({"op": "add", "path": "/_instance/xdm:tags/-", "value": Emulator.TAG_ID}, 422, "does not exist"),
        ({"op": "remove", "path": "/_instance/xdm:selectionConstraint"}, 422, "xdm:selectionConstraint: is required"),
        ({"op": "remove", "path": "/_instance/xdm:selectionConstraint/xdm:endDate"}, 422, "is required"),
        ({"op": "replace", "path": "/_instance/@id", "value": "mine"}, 422, "/_instance/@id is not user editable"),
        ({"op": "remove", "path": "/_instance/@id"}, 422, "/_instance/@id is not user editable"),
        ({"op": "replace", "path": "/repo:etag", "value": 7}, 422, "/repo:etag is not user editable"),
        ({"op": "replace", "path": "/instanceId", "value": "x"}, 422, "/instanceId is not user editable"),
        ({"op": "add", "path": "/xdm:name", "value": "x"}, 422, "start with /_instance/"),
        ({"op": "replace", "path": "/xdm:name", "value": "x"}, 422, "start with /_instance/"),
        ({"op": "remove", "path": "/_instance"}, 422, "removes /_instance"),
        ({"op": "remove", "path": ""}, 422, "cannot be removed"),
        ({"op": "add", "path": "/_instance/name", "value": "x"}, 422, "other generation's spelling"),
        ({"op": "test", "path": "/_instance/xdm:name", "value": "x"}, 422, "test of"),
        ({"op": "add", "path": "/_instance/xdm:name"}, 400, "has no value"),
    ],
)
def test_refused_patches(caller: Caller, operation: dict[str, Any], status: int, detail: str) -> None:
    instance = caller.create_xcore(xcore_offer())["instanceId"]
    answer = caller.patch_xcore(instance, RENAME, operation)
    assert answer.status_code == status
    assert detail in answer.json()["detail"]
    envelope = caller.instances("GET", instance).json()
    assert (envelope["repo:etag"], envelope["_instance"]["xdm:name"]) == (1, "Spring voucher")


def test_documented_patches(caller: Caller) -> None:
    instance = caller.create_xcore(xcore_offer())["instanceId"]
    answer = caller.patch_xcore(
        instance,
        {"op": "replace", "path": "/_instance/xdm:status", "value": "approved"},
        {"op": "add", "path": "/_instance/xdm:cappingConstraint", "value": {"xdm:globalCap": 1000}},
        {"op": "add", "path": "/_instance/xdm:tags", "value": []},
        {"op": "add", "path": "/_instance/xdm:tags/-", "value": Emulator.TAG_ID},
        {"op": "remove", "path": "/_instance/xdm:selectionConstraint/xdm:eligibilityRule"},
        {"op": "add", "path": "/_instance/@id", "value": caller.instances("GET", instance).json()["_instance"]["@id"]},
    )
    assert answer.status_code == 200, answer.text
    read = caller.instances("GET", instance).json()["_instance"]
    assert read["xdm:status"] == "approved"
    assert read["xdm:cappingConstraint"] == {"xdm:globalCap": 1000}
    assert read["xdm:tags"] == [Emulator.TAG_ID]


@pytest.mark.parametrize("op", ["copy", "move", "test"])
def test_unlisted_operations_may_be_refused(emulator: Emulator, caller: Caller, op: str) -> None:
    instance = caller.create_xcore(xcore_offer())["instanceId"]
    unlisted: dict[str, Any] = {"op": op, "path": "/_instance/xdm:name", "from": "/_instance/xdm:name"}
    unlisted["value"] = "Spring voucher"
    assert caller.patch_xcore(instance, unlisted).status_code == 200
    emulator.configure(unlisted_operations="refuse")
    answer = caller.patch_xcore(instance, unlisted)
    assert (answer.status_code, answer.json()["title"]) == (400, "Malformed request")
    assert f"op {op!r}; known are add, replace, remove" in answer.json()["detail"]
    assert caller.patch_xcore(instance, {**unlisted, "op": "replace"}).status_code == 200


def test_patch_needs_its_media_type_and_the_right_schema(caller: Caller) -> None:
    instance = caller.create_xcore(xcore_offer())["instanceId"]
    assert caller.patch_xcore(instance, RENAME, Content_Type="application/json").status_code == 415
    foreign = f'application/vnd.adobe.platform.xcore.patch.hal+json; schema="{SCHEMA}fallback-offer;version=0.1"'
    assert caller.patch_xcore(instance, RENAME, Content_Type=foreign).status_code == 422


def test_put_replaces_everything(caller: Caller) -> None:
    receipt = caller.create_xcore(xcore_offer(characteristics={"sku": "A"}))
    headers = {"Content-Type": HAL.format(PERSONALIZED), "Accept": RECEIPT}
    body = {"_instance": {**xcore_offer("Other"), "@id": receipt["@id"]}, "_links": {}}
    answer = caller.instances("PUT", receipt["instanceId"], json=body, headers=headers)
    assert answer.json()["repo:etag"] == 2
    read = caller.instances("GET", receipt["instanceId"]).json()["_instance"]
    assert read["xdm:name"] == "Other"
    assert "xdm:characteristics" not in read
    body["_instance"]["@id"] = "mine"
    assert caller.instances("PUT", receipt["instanceId"], json=body, headers=headers).status_code == 422


def test_first_writer_wins(caller: Caller) -> None:
    instance = caller.create_xcore(xcore_offer())["instanceId"]
    assert caller.patch_xcore(instance, RENAME, If_Match='"1"').status_code == 200
    answer = caller.patch_xcore(instance, RENAME, If_Match='"1"')
    assert answer.status_code == 409
    assert answer.json()["title"] == "Version conflict"
    assert caller.patch_xcore(instance, RENAME, If_Match="two").status_code == 400
    headers = {"Content-Type": HAL.format(PERSONALIZED), "If-Match": '"1"'}
    body = {"_instance": xcore_offer(), "_links": {}}
    assert caller.instances("PUT", instance, json=body, headers=headers).status_code == 409
    assert caller.patch_xcore(instance, RENAME).json()["repo:etag"] == 3


def test_delete_is_accepted_and_then_gone(emulator: Emulator, caller: Caller) -> None:
    emulator.clock.freeze()
    emulator.configure(delete_delay=3)
    instance = caller.create_xcore(xcore_offer())["instanceId"]
    answer = caller.instances("DELETE", instance, headers={"Accept": RECEIPT})
    assert (answer.status_code, answer.content) == (202, b"")
    assert "Location" not in answer.headers
    assert caller.instances("GET", instance).status_code == 200
    emulator.clock.advance(3)
    assert caller.instances("GET", instance).status_code == 404


def test_delete_of_something_referenced_is_rejected_later(emulator: Emulator, caller: Caller) -> None:
    emulator.clock.freeze()
    emulator.configure(delete_delay=3)
    offer = caller.create_xcore(xcore_offer())
    (placement,) = (each for each in emulator.objects("offer-placement", "prod") if each["id"] == Emulator.PLACEMENT_ID)
    answer = caller.instances("DELETE", placement["instance_id"])
    assert answer.status_code == 202
    url = urljoin(answer.headers["Content-Base"], answer.headers["Location"])
    assert caller.session.get(url, timeout=10).status_code == 202
    emulator.clock.advance(3)
    verdict = caller.session.get(url, timeout=10)
    assert verdict.status_code == 200
    assert verdict.json()["status"] == "rejected"
    assert verdict.json()["references"] == [offer["@id"]]
    assert caller.instances("GET", placement["instance_id"]).status_code == 200


def test_delete_of_an_offer_in_a_collection_is_rejected(caller: Caller) -> None:
    offer = caller.create_xcore(xcore_offer())
    body = {"name": "Set", "filterType": "offers", "ids": [offer["@id"]]}
    collection = caller.dps("POST", "/offer-collections", json=body).json()["id"]
    answer = caller.instances("DELETE", offer["instanceId"])
    verdict = caller.session.get(urljoin(answer.headers["Content-Base"], answer.headers["Location"]), timeout=10)
    assert verdict.json()["references"] == [collection]
    caller.dps("DELETE", f"/offer-collections/{collection}")
    assert "Location" not in caller.instances("DELETE", offer["instanceId"]).headers
    assert caller.instances("GET", offer["instanceId"]).status_code == 404
