"""Values that no page of Adobe's shows are sent with a warning; those that a page shows are sent silently."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.client.errors import Doubt
from airflow_provider_offers.client.model.documents import neutral_payload
from airflow_provider_offers.client.model.kinds import COLLECTION, DECISION, PERSONALIZED, RULE, Kind
from airflow_provider_offers.client.model.patches import PreparedPatch
from airflow_provider_offers.client.model.preparing import neutral_patch, patch_findings
from airflow_provider_offers.client.model.validation import offer_findings
from tests.client.library import sale

TAG = "xcore:tag:124e147572cd7866"
TYPE = "https://ns.adobe.com/experience/offer-management/content-component-"
COMPONENT = "/representations/0/components/0"


def doubts(document: Any, kind: Kind = PERSONALIZED) -> dict[str, str]:
    """The given texts of all findings, by their pointers; each is a doubt."""
    found = offer_findings(kind, neutral_payload(document), document)
    assert all(isinstance(each, Doubt) for each in found), found
    return {each.pointer: each.given for each in found}


def showing(**component: Any) -> dict[str, Any]:
    whole = {"type": "html", "format": "text/html", **component}
    return sale(representations=[{"placement": "dps:offer-placement:1c2651d4d6411005", "components": [whole]}])


def collection(*ids: str) -> dict[str, Any]:
    return {"name": "Sales", "filterType": "any-tags", "ids": list(ids)}


@pytest.mark.parametrize(
    "address",
    [
        *("not a url", "cdn.example.com/a.png", "www.example.com", "/a.png", "localhost:8080/a.png", "None"),
        *("htps://example.com", "https:/example.com", "https//example.com", "https://", "https://example.com/a b.png"),
        *(" https://example.com ", "https://example.com\n", "{url}"),
    ],
)
def test_an_address_that_cannot_be_one_is_doubtful(address: str) -> None:
    assert doubts(showing(deliveryURL=address, linkURL=address)).keys() == {
        f"{COMPONENT}/deliveryURL",
        f"{COMPONENT}/linkURL",
    }
    wire = neutral_patch([{"op": "add", "path": f"{COMPONENT}/xdm:linkURL", "value": address}], "xcore")
    (found,) = patch_findings(PERSONALIZED, PreparedPatch(wire, PERSONALIZED))
    assert (found.pointer, isinstance(found, Doubt)) == ("/0/value", True)


@pytest.mark.parametrize(
    "address",
    [
        *("https://mysite.com", "HTTP://example.com:8080/a?b=c#d", "//cdn.example.com/a.png", ""),
        *(
            "mailto:a@example.com",
            "tel:+4930123",
            "shop://offers/4",
            "com.example.shop://offers",
            "data:image/png;base64,",
        ),
        *("https://example.com/{{profile.person.name}}/{%= now() %}", "{{offer.link}}"),
    ],
)
def test_an_address_of_the_web_or_of_an_app_is_silent(address: str) -> None:
    assert doubts(showing(deliveryURL=address, linkURL=address)) == {}


@pytest.mark.parametrize(
    ("chosen", "media", "accepted"),
    [
        ("html", "image/png", "text/html"),
        (f"{TYPE}html", "image/jpeg", "text/html"),
        ("component-text", "Image/PNG", "text/plain"),
        ("json", "video/mp4", "application/json"),
        ("html", "html/text", "text/html"),
        ("imagelink", "text/html", "image/png"),
        (f"{TYPE}imagelink", "application/json", "image/png"),
    ],
)
def test_the_media_type_of_another_component_is_doubtful(chosen: str, media: str, accepted: str) -> None:
    document = showing(type=chosen, format=media)
    assert doubts(document) == {f"{COMPONENT}/format": repr(media)}
    assert accepted in offer_findings(PERSONALIZED, neutral_payload(document), document)[0].expected


@pytest.mark.parametrize(
    ("chosen", "media"),
    [
        *(("imagelink", "image/png"), (f"{TYPE}imagelink", "image/jpeg"), ("html", "text/html")),
        *(("component-text", "text/template"), (f"{TYPE}text", "text/plain"), ("json", "application/json")),
        ("html", "application/json"),
    ],
)
def test_the_media_types_of_the_pages_are_silent(chosen: str, media: str) -> None:
    assert doubts(showing(type=chosen, format=media)) == {}


@pytest.mark.parametrize(
    ("chosen", "media", "meant"),
    [
        *(("html", "text/htlm", "text/html"), ("component-text", "text/plan", "text/plain")),
        *(("json", "application/jsn", "application/json"), ("imagelink", "image/jepg", "image/jpeg")),
    ],
)
def test_a_misspelled_media_type_is_doubtful(chosen: str, media: str, meant: str) -> None:
    document = showing(type=chosen, format=media)
    assert doubts(document) == {f"{COMPONENT}/format": repr(media)}
    assert f"did you mean {meant!r}" in offer_findings(PERSONALIZED, neutral_payload(document), document)[0].expected


@pytest.mark.parametrize(
    ("chosen", "media"),
    [
        *(("html", "Text/HTML"), ("html", "text/markdown"), ("html", "text/vnd.example"), ("html", "text/x-html")),
        *(("html", "application/x-mjml"), ("html", "text/x-markdown"), ("html", "text/x-template")),
        *(("json", "application/json5"), ("json", "application/x-json"), ("json", "application/jsonp")),
        *(("json", "application/jsonl"), ("json", "application/bson"), ("json", "application/x-javascript")),
        *(("imagelink", "image/pjpeg"), ("imagelink", "image/x-png"), ("imagelink", "image/mng")),
    ],
)
def test_a_media_type_that_resembles_none_is_silent(chosen: str, media: str) -> None:
    assert doubts(showing(type=chosen, format=media)) == {}


def test_a_misspelled_format_of_a_rule_is_doubtful() -> None:
    def rule(named: str) -> dict[str, Any]:
        return {"name": "Gold", "condition": {"type": "PQL", "format": named, "value": "true"}}

    assert doubts(rule("pql/tetx"), RULE) == {"/condition/format": "'pql/tetx'"}
    for named in ("pql/text", "cel/1.0", "pql/next", "sql/text"):
        assert doubts(rule(named), RULE) == {}


def test_a_list_that_names_an_object_twice_is_doubtful_in_either_spelling() -> None:
    other = "name:Sale"
    assert doubts(sale(tags=[TAG, other, TAG])) == {"/tags/2": f"{TAG!r} a second time"}
    assert doubts(sale(tags=[TAG, other, TAG.replace("xcore", "dps"), other])) == {
        "/tags/2": f"{TAG.replace('xcore', 'dps')!r} a second time, and 1 more repetition"
    }
    assert doubts(collection(TAG, TAG), COLLECTION) == {"/ids/1": f"{TAG!r} a second time"}
    place = "dps:offer-placement:1c2651d4d6411005"
    criterion = {"placements": [place, place], "optionSelection": {"filter": "dps:offer-filter:1c2653e49ec12008"}}
    decision = {"name": "Front page", "status": "draft", "criteria": [criterion]}
    assert doubts(decision, DECISION) == {"/criteria/0/placements/1": f"{place!r} a second time"}
    assert doubts(sale(tags=[TAG, other])) == doubts(collection(TAG), COLLECTION) == {}


@pytest.mark.parametrize(("placement", "places"), [({}, ["placement"]), ({"placement": "dps:offer-placement:1"}, [])])
def test_a_cap_for_a_placement_without_the_placement_is_doubtful(placement: dict[str, Any], places: list[str]) -> None:
    cap = {"limit": 1, "scope": "profile", "entity": "placement", **placement}
    found = doubts(sale(frequencyCappingConstraints=[cap]))
    assert list(found) == [f"/frequencyCappingConstraints/0/{each}" for each in places]


WRITTEN_BY_PROGRAMS = ["None", "nan", "NaN", "NULL", " None ", "NaT", "<NA>", "#N/A", "1.23E+11", "1,2E+14", "1E+10"]


@pytest.mark.parametrize("text", WRITTEN_BY_PROGRAMS)
def test_a_text_that_a_program_writes_in_place_of_a_value_is_doubtful(text: str) -> None:
    places = doubts({**showing(content=text), "name": text, "characteristics": {"Email": text}})
    assert places.keys() == {"/name", f"{COMPONENT}/content", "/characteristics/Email"}
    wire = neutral_patch([{"op": "add", "path": "/characteristics/Email", "value": text}], "xcore")
    (found,) = patch_findings(PERSONALIZED, PreparedPatch(wire, PERSONALIZED))
    assert (found.pointer, isinstance(found, Doubt)) == ("/0/value", True)


@pytest.mark.parametrize(
    "text", ["Nonesuch", "None of it", "Nan's", "1.23", "1E+5", "AB1.2E+11", "2E+11 units", "", "NA"]
)
def test_other_texts_are_silent(text: str) -> None:
    assert doubts({**showing(content=text), "characteristics": {"Email": text}}) == {}
