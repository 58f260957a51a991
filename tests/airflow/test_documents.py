"""Adobe's five documents with the operators: each request is as its document shows it, on either API."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.offers import (
    CreateFallbackOfferOperator,
    CreateOfferOperator,
    PatchOfferOperator,
    SearchOffersOperator,
)
from tests.airflow.harness import Airflow
from tests.airflow.library import dag_of, document, media_type, media_types, personalized, run, writes
from tests.emulator import curl

SCHEMA = "https://ns.adobe.com/experience/offer-management/"
COMPONENT = f"{SCHEMA}content-component-"
DOCUMENTED_INSTANCE = "0f4bc230-13df-11eb-bc55-c11be7252432"
FALLBACK_HEADERS = {
    "Accept": "application/vnd.adobe.platform.xcore.xdm.receipt+json; version=1",
    "Content-Type": f'application/schema-instance+json; version=1;  schema="{SCHEMA}fallback-offer;version=0.1"',
}
"""The header table of the fallback page, which is generation 1's, whatever its curl says."""

FALLBACK_BODY = {
    "xdm:name": "Generic banner",
    "xdm:status": "approved",
    "xdm:representations": [
        {
            "xdm:channel": "https://ns.adobe.com/xdm/channel-types/web",
            "xdm:placement": "xcore:offer-placement:124e0be5699743d3",
            "xdm:components": [{"@type": f"{COMPONENT}html", "dc:format": "text/html", "dc:language": ["en"]}],
        }
    ],
}
"""A fallback as generation 1's page had it before its curl was replaced by one for generation 2."""


def assert_sent_as(entry: Any, command: curl.Curl, emulator: Emulator, *, accept: str | None = None) -> None:
    """The request has the method, path, query and headers of the printed command; an Accept may be missing there."""
    url = urlsplit(command.url)
    assert (entry.method, entry.path) == (command.method, url.path)
    assert sorted(parse_qsl(entry.query)) == sorted(parse_qsl(url.query))
    wanted_accept = command.headers.get("Accept", accept)
    if wanted_accept is not None:
        assert media_types(entry.headers["accept"]) == media_types(wanted_accept)
    if command.body is not None:
        printed = command.headers["Content-Type"].removeprefix("Content-Type: ")
        assert media_type(entry.headers["content-type"]) == media_type(printed)
    assert_speaks_for(entry, emulator)


def assert_speaks_for(entry: Any, emulator: Emulator) -> None:
    """The four headers of every Platform call. The journal hides the token; the status shows that it was accepted."""
    assert entry.headers["authorization"]
    assert entry.headers["x-api-key"] == emulator.CLIENT_ID
    assert entry.headers["x-gw-ims-org-id"] == emulator.ORG_ID
    assert entry.headers["x-sandbox-name"] == emulator.SANDBOX
    assert entry.status in (200, 201)


def assert_is_json(entry: Any, emulator: Emulator, method: str, path: str, query: list[tuple[str, str]]) -> None:
    """The request is generation 2's: JSON in both directions, to the given address."""
    assert (entry.method, entry.path) == (method, f"/data/core/dps{path}")
    assert sorted(parse_qsl(entry.query)) == sorted(query)
    assert ("application/json", {}) in media_types(entry.headers["accept"])
    if method != "GET":
        assert media_type(entry.headers["content-type"]) == ("application/json", {})
    assert_speaks_for(entry, emulator)


def create(airflow: Airflow, emulator: Emulator, api: str, operator: Any, offer: dict[str, Any]) -> tuple[Any, Any]:
    """Run one creation; return its only write, and the receipt."""
    with dag_of("documented_creation") as dag:
        operator(task_id="create", offer=offer)
    result = run(airflow, emulator, api, dag)
    assert result.states == {"create": "success"}, result.error("create")
    (write,) = writes(emulator)
    return write, result.result("create")


def test_create_a_personalized_offer_on_xcore(airflow: Airflow, emulator: Emulator) -> None:
    command = curl.read("create-personalized-offer")
    written = json.loads(command.body or "")

    write, receipt = create(airflow, emulator, "xcore", CreateOfferOperator, written)

    assert_sent_as(write, command, emulator)
    assert document(write) == written
    answered = json.loads(write.response_body)
    assert (receipt["id"], receipt["instance_id"]) == (answered["@id"], answered["instanceId"])
    assert receipt["action"] == "created"


def test_create_a_personalized_offer_on_dps(airflow: Airflow, emulator: Emulator) -> None:
    written = json.loads(curl.read("create-personalized-offer").body or "")

    write, receipt = create(airflow, emulator, "dps", CreateOfferOperator, written)

    assert_is_json(write, emulator, "POST", "/offers", [("offer-type", "personalized")])
    assert document(write) == {
        "name": "Sale offer",
        "status": "draft",
        "representations": [
            {
                "components": [{"language": ["en"], "type": "html", "format": "text/html"}],
                "placement": "xcore:offer-placement:124e0be5699743d3",
            }
        ],
        "selectionConstraint": {
            "startDate": "2020-10-01T16:00:00Z",
            "endDate": "2021-12-13T16:00:00Z",
            "eligibilityRule": "xcore:eligibility-rule:124e0faf5b8ee89b",
        },
        "rank": {"priority": 1},
        "cappingConstraint": {"globalCap": 150},
        "tags": ["xcore:tag:124e147572cd7866"],
    }
    assert receipt["id"] == json.loads(write.response_body)["id"]


def test_create_a_fallback_as_generation_1_had_it(airflow: Airflow, emulator: Emulator) -> None:
    write, receipt = create(airflow, emulator, "xcore", CreateFallbackOfferOperator, FALLBACK_BODY)

    address = f"https://platform.adobe.io/data/core/xcore/{emulator.CONTAINER_ID}/instances"
    assert_sent_as(write, curl.Curl("POST", address, FALLBACK_HEADERS, "{}"), emulator)
    assert document(write) == FALLBACK_BODY
    assert receipt["offer_type"] == "fallback"
    assert receipt["id"] == json.loads(write.response_body)["@id"]


@pytest.mark.parametrize("name", ["create-fallback-offer", "create-fallback-offer.fr"])
def test_create_a_fallback_by_its_pages_curl_on_dps(airflow: Airflow, emulator: Emulator, name: str) -> None:
    command = curl.read(name)
    written = json.loads(command.body or "")

    write, receipt = create(airflow, emulator, "dps", CreateFallbackOfferOperator, written)

    assert_sent_as(write, command, emulator)
    assert document(write) == written
    assert receipt["offer_type"] == "fallback"


@pytest.mark.parametrize("name", ["create-fallback-offer", "create-fallback-offer.fr"])
def test_create_a_fallback_by_its_pages_curl_on_xcore(airflow: Airflow, emulator: Emulator, name: str) -> None:
    written = json.loads(curl.read(name).body or "")

    write, _ = create(airflow, emulator, "xcore", CreateFallbackOfferOperator, written)

    address = f"https://platform.adobe.io/data/core/xcore/{emulator.CONTAINER_ID}/instances"
    assert_sent_as(write, curl.Curl("POST", address, FALLBACK_HEADERS, "{}"), emulator)
    assert document(write) == {
        "xdm:name": "Test Fallback Offer DPS",
        "xdm:description": "Fallback Offer description",
        "xdm:status": "approved",
        "xdm:selectionConstraint": {
            "xdm:startDate": "2022-06-10T00:30:00.000+00:00",
            "xdm:endDate": "2032-06-06T23:29:21.402+00:00",
            "xdm:profileConstraintType": "none",
        },
        "xdm:representations": [
            {
                "xdm:components": [
                    {
                        "xdm:deliveryURL": "https://mysite.com",
                        "@type": f"{COMPONENT}imagelink",
                        "dc:format": "image/png",
                    }
                ],
                "xdm:channel": "https://ns.adobe.com/xdm/channel-types/web",
                "xdm:placement": "offerPlacement1234",
            }
        ],
        "xdm:rank": {"xdm:priority": 1},
    }


def patch(airflow: Airflow, emulator: Emulator, api: str, offer_id: str, operations: Any) -> Any:
    """Patch the documented offer, which has no representation yet; return the only write."""
    emulator.seed(
        objects=[
            {
                "kind": "personalized-offer",
                "id": "xcore:personalized-offer:124e181c8b0d7878",
                "instance_id": DOCUMENTED_INSTANCE,
                "generation": "xcore",
                "body": personalized("Sale offer", representations=[]),
            }
        ]
    )
    with dag_of("documented_patch") as dag:
        PatchOfferOperator(task_id="patch", offer_id=offer_id, patch=operations)
    result = run(airflow, emulator, api, dag)
    assert result.states == {"patch": "success"}, result.error("patch")
    assert result.result("patch")["etag"] == 2
    (write,) = writes(emulator)
    return write


def test_update_a_personalized_offer_on_xcore(airflow: Airflow, emulator: Emulator) -> None:
    command = curl.read("update-personalized-offer")
    operations = json.loads(command.body or "")

    write = patch(airflow, emulator, "xcore", DOCUMENTED_INSTANCE, operations)

    assert_sent_as(write, command, emulator)
    assert document(write) == operations
    # An addition to a list is not safe to send twice, so it has a guard that the documents do not show.
    assert write.headers["if-match"] == '"1"'


def test_update_a_personalized_offer_on_dps(airflow: Airflow, emulator: Emulator) -> None:
    operations = json.loads(curl.read("update-personalized-offer").body or "")

    write = patch(airflow, emulator, "dps", "xcore:personalized-offer:124e181c8b0d7878", operations)

    path = "/offers/xcore:personalized-offer:124e181c8b0d7878"
    assert_is_json(write, emulator, "PATCH", path, [("offer-type", "personalized")])
    *guards, documented = document(write)
    assert documented == {
        "op": "add",
        "path": "/representations/-",
        "value": {
            "placement": "xcore:offer-placement:124e0be5699743d3",
            "components": [
                {
                    "type": "component-text",
                    "format": "text/plain",
                    "language": ["en"],
                    "content": "Here is your first sale offer!",
                }
            ],
        },
    }
    assert guards == [{"op": "test", "path": "/representations", "value": []}]


def search(airflow: Airflow, emulator: Emulator, api: str, **parameters: Any) -> tuple[Any, list[dict[str, Any]]]:
    """Search among three offers; return the only search request and the found offers."""
    emulator.seed(3, name="Discounted offers {n}")
    with dag_of("documented_search") as dag:
        SearchOffersOperator(task_id="search", **parameters)
    result = run(airflow, emulator, api, dag)
    assert result.states == {"search": "success"}, result.error("search")
    (request,) = emulator.journal(route="dps.list" if api == "dps" else "xcore.search")
    return request, result.result("search")


def test_list_personalized_offers_on_xcore(airflow: Airflow, emulator: Emulator) -> None:
    request, found = search(airflow, emulator, "xcore", limit=1)

    assert_sent_as(request, curl.read("list-personalized-offers"), emulator)
    assert len(found) == 1


def test_list_personalized_offers_on_dps(airflow: Airflow, emulator: Emulator) -> None:
    request, found = search(airflow, emulator, "dps", limit=1)

    assert_is_json(request, emulator, "GET", "/offers", [("offer-type", "personalized"), ("limit", "1")])
    assert len(found) == 1


QUERY = {"q": "discounted offers", "qop": "AND", "fields": "_instance.xdm:name", "order_by": "-repo:createdDate"}
"""The parameters of the list page, with its own examples."""


def test_the_list_pages_parameters_on_xcore(airflow: Airflow, emulator: Emulator) -> None:
    request, found = search(airflow, emulator, "xcore", **QUERY, limit=5)

    sent = dict(parse_qsl(request.query))
    assert sent == {
        "schema": f"{SCHEMA}personalized-offer;version=0.5",
        "q": "discounted offers",
        "qop": "AND",
        "field": "_instance.xdm:name",
        "orderBy": "-repo:createdDate",
        "limit": "5",
    }
    assert [each["name"] for each in found] == [f"Discounted offers {n}" for n in (3, 2, 1)]


def test_the_list_pages_parameters_on_dps(airflow: Airflow, emulator: Emulator) -> None:
    request, found = search(airflow, emulator, "dps", **QUERY, limit=5)

    sent = parse_qsl(request.query)
    assert [name for name, _ in sent] == ["offer-type", "property", "property", "orderby", "limit"]
    assert dict(sent)["orderby"] == "-created"
    assert dict(sent)["limit"] == "5"
    assert [each["name"] for each in found] == [f"Discounted offers {n}" for n in (3, 2, 1)]
