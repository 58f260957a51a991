"""Adobe's five documents: each printed command works, or fails where the document is known to be wrong."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from airflow_provider_offers.emulator import Emulator
from tests.emulator import curl
from tests.emulator.conftest import Caller, dps_offer

RECEIPT_KEYS = {
    "instanceId",
    "@id",
    "repo:etag",
    "repo:createdDate",
    "repo:lastModifiedDate",
    "repo:createdBy",
    "repo:lastModifiedBy",
    "repo:createdByClientId",
    "repo:lastModifiedByClientId",
}
DOCUMENTED_INSTANCE = "0f4bc230-13df-11eb-bc55-c11be7252432"


def seed_documented(emulator: Emulator, **changes: Any) -> None:
    body = dps_offer("Sale offer", **changes)
    emulator.seed(
        objects=[
            {
                "kind": "personalized-offer",
                "id": "xcore:personalized-offer:124e181c8b0d7878",
                "instance_id": DOCUMENTED_INSTANCE,
                "generation": "xcore",
                "body": body,
            }
        ]
    )


def test_create_personalized_offer(emulator: Emulator, caller: Caller) -> None:
    command = curl.read("create-personalized-offer")
    answer = command.send(emulator)
    assert answer.status_code == 201
    receipt = answer.json()
    assert receipt.keys() == RECEIPT_KEYS
    assert receipt["repo:etag"] == 1
    assert re.fullmatch(r"xcore:personalized-offer:[0-9a-f]{16}", receipt["@id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", receipt["repo:createdDate"])
    instance = caller.instances("GET", receipt["instanceId"]).json()["_instance"]
    written = json.loads(command.body or "")
    constraint = instance.pop("xdm:selectionConstraint")
    assert constraint["xdm:startDate"] == "2020-10-01T16:00:00.000Z"
    assert instance == {**{k: v for k, v in written.items() if k != "xdm:selectionConstraint"}, "@id": receipt["@id"]}


@pytest.mark.parametrize("name", ["create-fallback-offer", "create-fallback-offer.fr"])
def test_create_fallback_offer(emulator: Emulator, caller: Caller, name: str) -> None:
    command = curl.read(name)
    assert command.headers["Authorization"].startswith("Bearer  {")
    answer = command.send(emulator)
    assert answer.status_code == 201
    entity = caller.get_dps(answer.json()["id"], "fallback").json()
    written = json.loads(command.body or "")
    assert entity["name"] == written["name"]
    assert entity["representations"] == written["representations"]
    assert "selectionConstraint" not in entity
    assert "rank" not in entity


def test_list_personalized_offers(emulator: Emulator) -> None:
    emulator.seed(3)
    answer = curl.read("list-personalized-offers").send(emulator)
    assert answer.status_code == 200
    document = answer.json()
    schema = "https://ns.adobe.com/experience/offer-management/personalized-offer;version=0.5"
    assert document["containerId"] == emulator.CONTAINER_ID
    assert document["schemaNs"] == schema
    assert document["_embedded"]["total"] == 3
    assert document["_embedded"]["count"] == 1
    (item,) = document["_embedded"]["results"]
    assert item["schemas"] == [schema]
    assert item["_links"]["self"] == {
        "name": f"{schema}#{item['instanceId']}",
        "href": f"/{emulator.CONTAINER_ID}/instances/{item['instanceId']}",
        "@type": schema,
    }
    expected = {
        "href": f"/{emulator.CONTAINER_ID}/queries/core/search?schema={schema}&limit=1",
        "@type": "https://ns.adobe.com/experience/xcore/hal/results",
    }
    assert document["_links"]["self"] == expected
    assert document["_links"]["next"]["href"] == (
        f"/{emulator.CONTAINER_ID}/queries/core/search?start={item['instanceId']}&schema={schema}"
        "&orderby=instanceId&limit=1"
    )


def test_update_as_printed_has_an_invalid_content_type(emulator: Emulator) -> None:
    seed_documented(emulator)
    answer = curl.read("update-personalized-offer").send(emulator)
    assert answer.status_code == 415
    assert "the header's name was sent inside its value" in answer.json()["detail"]
    assert emulator.objects("personalized-offer")[0]["etag"] == 1


def test_update_repaired(emulator: Emulator, caller: Caller) -> None:
    seed_documented(emulator, representations=[])
    command = curl.read("update-personalized-offer")
    repaired = command.headers["Content-Type"].removeprefix("Content-Type: ")
    answer = command.send(emulator, Content_Type=repaired)
    assert answer.status_code == 200
    assert answer.json()["instanceId"] == DOCUMENTED_INSTANCE
    assert answer.json()["@id"] == "xcore:personalized-offer:124e181c8b0d7878"
    assert answer.json()["repo:etag"] == 2
    instance = caller.instances("GET", DOCUMENTED_INSTANCE).json()["_instance"]
    assert instance["xdm:representations"] == [json.loads(command.body or "")[0]["value"]]


def test_update_of_the_offer_that_the_create_page_makes_works_though_it_repeats_a_placement(emulator: Emulator) -> None:
    seed_documented(emulator)
    command = curl.read("update-personalized-offer")
    repaired = command.headers["Content-Type"].removeprefix("Content-Type: ")
    emulator.configure(duplicate_placements="refuse")
    answer = command.send(emulator, Content_Type=repaired)
    assert answer.status_code == 422
    assert "same placement" in answer.json()["detail"]
    emulator.configure(duplicate_placements="allow")
    assert command.send(emulator, Content_Type=repaired).status_code == 200
