"""Adobe's documents, call by call: the client sends their requests and reads their answers."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from airflow_provider_offers.client.errors import InvalidInputError
from airflow_provider_offers.client.generations.dps import Dps
from airflow_provider_offers.client.generations.xcore import Xcore
from airflow_provider_offers.client.model.documents import name_in, neutral_payload
from airflow_provider_offers.client.model.entities import Entity, Receipt, Reference
from airflow_provider_offers.client.model.kinds import FALLBACK, PERSONALIZED
from airflow_provider_offers.client.model.patches import PreparedPatch
from airflow_provider_offers.client.model.preparing import check_operations, check_patch, neutral_patch
from airflow_provider_offers.client.model.query import parse_query
from airflow_provider_offers.client.model.validation import check_offer
from airflow_provider_offers.client.wire.messages import Answer, Call
from tests.client.script import SETTINGS, Script, answer

DOCUMENTS = Path(__file__).parents[1] / "documents"
CONTAINER = "e0bd8463-0913-4ca1-bd84-6309134ca1f6"
INSTANCE = "0f4bc230-13df-11eb-bc55-c11be7252432"


@dataclass(frozen=True)
class Curl:
    """The request that a document's curl sends."""

    method: str
    url: str
    headers: dict[str, str]
    body: Any


def curl(document: str) -> Curl:
    words = shlex.split((DOCUMENTS / f"{document}.curl").read_text(encoding="utf-8").replace("\\\n", " "))
    assert words.pop(0) == "curl"
    url, method, headers, body = "", "GET", {}, None
    while words:
        word = words.pop(0)
        if word == "-X":
            method = words.pop(0)
        elif word == "-H":
            name, _, value = words.pop(0).partition(":")
            # One page prints the header's name twice; the second is not a media type.
            headers[name.lower()] = value.strip().removeprefix("Content-Type: ")
        elif word == "-d":
            body = json.loads(words.pop(0))
        else:
            url = word
    return Curl(method, url, headers, body)


def document_json(document: str) -> Any:
    return json.loads((DOCUMENTS / f"{document}.json").read_text(encoding="utf-8"))


def media_type(value: str) -> tuple[str, dict[str, str]]:
    """A media type in parts, because the pages differ in blanks and order."""
    message = Message()
    message["Content-Type"] = value.removeprefix("*,").strip()
    (kind, _), *parameters = message.get_params(failobj=[])
    return kind, dict(parameters)


def sent(call: Call, base: str) -> Curl:
    """The request that the client would send for a call."""
    script = Script(answer(200, {}))
    script.run(script.exchange().send(call, base))
    (request,) = script.requests
    body = None if request.body is None else json.loads(request.body)
    return Curl(request.method, request.url, {name.lower(): value for name, value in request.headers.items()}, body)


def assert_same(ours: Curl, documented: Curl) -> None:
    assert ours.method == documented.method
    ours_url, documented_url = urlsplit(ours.url), urlsplit(documented.url)
    assert ours_url[:3] == documented_url[:3]
    assert parse_qsl(ours_url.query, separator="&") == parse_qsl(documented_url.query, separator="&")
    for name in ("accept", "content-type"):
        if name in documented.headers:
            assert media_type(ours.headers[name]) == media_type(documented.headers[name])
    credentials = {
        "authorization": "Bearer token-1",
        "x-api-key": SETTINGS.client_id,
        "x-gw-ims-org-id": SETTINGS.org_id,
        "x-sandbox-name": SETTINGS.sandbox,
    }
    assert set(credentials) <= set(documented.headers)
    assert {name: ours.headers[name] for name in credentials} == credentials
    assert ours.body == documented.body


def answered(call: Call, body: Any) -> Answer:
    return Answer(call, answer(200, body), None)


def test_create_a_personalized_offer() -> None:
    documented = curl("create-personalized-offer")
    properties = neutral_payload(documented.body)
    check_offer(PERSONALIZED, properties, documented.body)
    xcore = Xcore(CONTAINER)
    call = xcore.create(PERSONALIZED, properties)
    assert_same(sent(call, xcore.base), documented)
    assert not call.repeatable
    assert xcore.receipt(answered(call, document_json("create-personalized-offer"))) == Receipt(
        id="xcore:personalized-offer:124e181c8b0d7878",
        instance_id=INSTANCE,
        etag=1,
        created="2020-10-21T20:50:32.018624Z",
        modified="2020-10-21T20:50:32.018624Z",
    )


@pytest.mark.parametrize("document", ["create-fallback-offer", "create-fallback-offer.fr"])
def test_create_a_fallback_offer_as_the_curl_says(document: str) -> None:
    """The page's header table and answer are generation 1's, its curl and body generation 2's: both must work."""
    documented = curl(document)
    properties = neutral_payload(documented.body)
    check_offer(FALLBACK, properties, documented.body)
    assert_same(sent(Dps().create(FALLBACK, properties), Dps().base), documented)


@pytest.mark.parametrize("document", ["create-fallback-offer", "create-fallback-offer.fr"])
def test_create_a_fallback_offer_as_the_header_table_says(document: str) -> None:
    xcore = Xcore(CONTAINER)
    call = xcore.create(FALLBACK, neutral_payload(curl(document).body))
    ours = sent(call, xcore.base)
    assert (ours.method, ours.url) == ("POST", f"https://platform.adobe.io/data/core/xcore/{CONTAINER}/instances")
    assert media_type(ours.headers["accept"]) == media_type(
        "application/vnd.adobe.platform.xcore.xdm.receipt+json; version=1"
    )
    assert media_type(ours.headers["content-type"]) == media_type(
        "application/schema-instance+json; version=1;  "
        'schema="https://ns.adobe.com/experience/offer-management/fallback-offer;version=0.1"'
    )
    assert ours.body["xdm:name"] == "Test Fallback Offer DPS"
    assert ours.body["xdm:representations"][0]["xdm:components"][0] == {
        "xdm:deliveryURL": "https://mysite.com",
        "@type": "https://ns.adobe.com/experience/offer-management/content-component-imagelink",
        "dc:format": "image/png",
    }
    assert xcore.receipt(answered(call, document_json(document))).id == "xcore:fallback-offer:124e2e764b1ac1b9"


def test_update_a_personalized_offer() -> None:
    documented = curl("update-personalized-offer")
    check_operations(documented.body)
    patch = neutral_patch(documented.body, "xcore")
    check_patch(PERSONALIZED, PreparedPatch(patch))
    xcore = Xcore(CONTAINER)
    call = xcore.patch(Reference(PERSONALIZED, instance_id=INSTANCE), patch)
    assert_same(sent(call, xcore.base), documented)
    assert xcore.receipt(answered(call, document_json("update-personalized-offer"))).etag == 1


def test_the_documented_update_on_the_other_generation() -> None:
    patch = neutral_patch(curl("update-personalized-offer").body, "dps")
    call = Dps().patch(Reference(PERSONALIZED, id="dps:personalized-offer:1"), patch)
    assert call.body == [
        {
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
    ]


def test_list_personalized_offers() -> None:
    documented = curl("list-personalized-offers")
    xcore = Xcore(CONTAINER)
    call = xcore.search(PERSONALIZED, parse_query(page_size=1))
    assert_same(sent(call, xcore.base), documented)
    # The pages send the schema unescaped.
    assert sent(call, xcore.base).url == documented.url


def test_the_parameters_of_the_list_page() -> None:
    query = parse_query(
        q="discounted offers",
        qop="AND",
        fields=["_instance.xdm:name", "description"],
        order_by="-repo:createdDate",
        page_size=5,
    )
    url = sent(Xcore(CONTAINER).search(PERSONALIZED, query), Xcore(CONTAINER).base).url
    assert parse_qsl(urlsplit(url).query, separator="&") == [
        ("schema", "https://ns.adobe.com/experience/offer-management/personalized-offer;version=0.5"),
        ("q", "discounted offers"),
        ("qop", "AND"),
        ("field", "_instance.xdm:name"),
        ("field", "_instance.xdm:description"),
        ("orderBy", "-repo:createdDate"),
        ("limit", "5"),
    ]


def test_the_listed_offer_is_read_whole() -> None:
    document = document_json("list-personalized-offers")
    xcore = Xcore(CONTAINER)
    page = xcore.page(PERSONALIZED, answered(xcore.search(PERSONALIZED, parse_query()), document))
    (offer,) = page.entities
    assert isinstance(offer, Entity)
    assert (offer.id, offer.instance_id, offer.etag, offer.name, offer.status) == (
        "xcore:personalized-offer:124f513c290bb16e",
        "2cdb4d10-149e-11eb-b1a9-a779d2fe8690",
        2,
        "Checking Advanced",
        "draft",
    )
    assert offer.window == {"start": "2023-10-22T07:00:00.000Z", "end": "2023-12-31T08:00:00.000Z"}
    assert offer.properties["characteristics"] == {"PROD": "checking", "offer_code": "CHECK200", "region": "NA"}
    component = offer.properties["representations"][0]["components"][0]
    assert (component["type"], component["format"]) == ("imagelink", "image/png")
    assert component["repo:id"] == "urn:aaid:sc:US:7db21be9-89ee-472a-b2c9-91f7a39ada51"
    assert offer.envelope["sandboxName"] == "ode-prod-va7-edge-testing"
    assert page.total == 15
    assert page.next == document["_links"]["next"]["href"]


def test_the_listed_offer_goes_back_as_it_came() -> None:
    document = document_json("list-personalized-offers")
    xcore = Xcore(CONTAINER)
    (offer,) = xcore.page(PERSONALIZED, answered(xcore.search(PERSONALIZED, parse_query()), document)).entities
    written = xcore.create(PERSONALIZED, {**offer.properties, "id": offer.id})
    assert written.body == document["_embedded"]["results"][0]["_instance"]


def test_the_next_page_is_asked_for_as_the_document_links_it() -> None:
    document = document_json("list-personalized-offers")
    script = Script(answer(200, {}))
    access = script.access("xcore")
    href = document["_links"]["next"]["href"]
    given = answered(Call("GET", "/", {}), {})
    script.run(access.send(access.generation.follow(access.relative(href, given))))
    assert script.requests[0].url == "https://platform.adobe.io/data/core/xcore" + href
    assert media_type(script.requests[0].headers["Accept"]) == media_type(
        curl("list-personalized-offers").headers["accept"]
    )


@pytest.mark.parametrize(
    ("document", "name"),
    [
        ({"name": "Spring"}, "Spring"),
        ({"xdm:name": "Spring"}, "Spring"),
        ({"_instance": {"xdm:name": "Spring"}}, "Spring"),
        ({"_instance": {"name": "Spring"}, "name": "other"}, "Spring"),
        ({"name": "", "xdm:name": "Spring"}, "Spring"),
        ({"name": ""}, None),
        ({"name": 7}, None),
        ({"_instance": "Spring"}, None),
        ({}, None),
        ([{"name": "Spring"}], None),
        (None, None),
        ("Spring", None),
    ],
)
def test_the_name_in_a_document_of_either_generation(document: Any, name: str | None) -> None:
    assert name_in(document) == name


@pytest.mark.parametrize("lost", ["xdm:tags", "tags", "rank"])
def test_a_property_beside_the_instance_is_refused_because_it_would_be_lost(lost: str) -> None:
    item = document_json("list-personalized-offers")["_embedded"]["results"][0]
    assert neutral_payload({**item, "acme:seen": 1})["name"] == "Checking Advanced"
    with pytest.raises(InvalidInputError) as refused:
        neutral_payload({**item, lost: []})
    assert [str(each) for each in refused.value.violations] == [
        f"/{lost}: given a property beside _instance; expected /_instance/{lost}"
    ]


@pytest.mark.parametrize(
    ("lost", "meant"),
    [
        ("xdm:cappingConstriant", "it in _instance; did you mean 'xdm:cappingConstraint'?"),
        ("globalCap", "it in _instance; does it belong to /cappingConstraint?"),
    ],
)
def test_a_misspelt_property_beside_the_instance_is_refused_too(lost: str, meant: str) -> None:
    item = document_json("list-personalized-offers")["_embedded"]["results"][0]
    with pytest.raises(InvalidInputError) as refused:
        neutral_payload({**item, lost: 5})
    (violation,) = refused.value.violations
    assert (violation.pointer, violation.expected) == (f"/{lost}", meant)


def test_any_other_property_beside_the_instance_is_left_out_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    item = document_json("list-personalized-offers")["_embedded"]["results"][0]
    neutral_payload(item)
    assert caplog.records == []
    neutral_payload({**item, "acme:seen": 1})
    assert [each.getMessage() for each in caplog.records] == [
        "The personalized offer is sent without /acme:seen, because only what is in _instance is sent"
    ]
