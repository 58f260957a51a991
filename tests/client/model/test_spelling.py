"""Between the neutral form and generation 1, nothing is lost, and either spelling is understood."""

from __future__ import annotations

import copy
import json
from typing import Any

import jsonpatch
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from airflow_provider_offers.client.errors import InvalidInputError, UnsupportedError
from airflow_provider_offers.client.generations.dps import Dps
from airflow_provider_offers.client.generations.xcore import Xcore
from airflow_provider_offers.client.model.documents import neutral_payload
from airflow_provider_offers.client.model.entities import Reference
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.model.preparing import neutral_patch
from airflow_provider_offers.client.model.spelling import (
    join_pointer,
    neutral_tokens,
    neutral_value,
    split_pointer,
    wire_tokens,
    wire_value,
)
from airflow_provider_offers.client.wire.messages import Answer
from tests.client import strategies
from tests.client.library import INSTANCE_ID, SALE, XCORE_ID, sale
from tests.client.script import CONTAINER, answer
from tests.effort import examples

OFFER = PERSONALIZED.names

property_test = examples(50)
XCORE = Xcore(CONTAINER)
REFERENCE = Reference(PERSONALIZED, id=XCORE_ID, instance_id=INSTANCE_ID)


def to_wire(neutral: Any) -> Any:
    return wire_value(neutral, OFFER)


def to_neutral(wire: Any) -> Any:
    return neutral_value(wire, OFFER)


@given(strategies.OFFER)
@property_test
def test_neutral_to_wire_and_back_loses_nothing(offer: dict[str, Any]) -> None:
    before = copy.deepcopy(offer)
    assert to_neutral(to_wire(offer)) == before
    assert offer == before


@given(strategies.OFFER)
@property_test
def test_wire_to_neutral_and_back_loses_nothing(offer: dict[str, Any]) -> None:
    wire = to_wire(offer)
    assert to_wire(to_neutral(wire)) == wire


@given(strategies.OFFER)
@property_test
def test_what_is_read_from_either_generation_is_what_was_written_to_it(offer: dict[str, Any]) -> None:
    assume(not set(offer) & {"id", "etag", "created", "modified", "createdBy", "lastModifiedBy", "schemas"})
    body = XCORE.create(PERSONALIZED, offer).body
    row = {"instanceId": INSTANCE_ID, "repo:etag": 1, "_instance": {**json.loads(json.dumps(body)), "@id": XCORE_ID}}
    read = XCORE.entity(PERSONALIZED, Answer(XCORE.read(REFERENCE), answer(200, row), None))
    assert read.properties == offer
    assert XCORE.as_read(offer, PERSONALIZED) == offer
    dps = Dps()
    body = dps.create(PERSONALIZED, offer).body
    row = {"id": "dps:x:1", "etag": 1, **json.loads(json.dumps(body))}
    read = dps.entity(PERSONALIZED, Answer(XCORE.read(REFERENCE), answer(200, row), None))
    assert read.properties == dps.as_read(offer, PERSONALIZED)


@given(strategies.OFFER)
@property_test
def test_either_spelling_and_either_envelope_is_the_same_offer(offer: dict[str, Any]) -> None:
    wire = to_wire(offer)
    assert neutral_payload(offer) == offer
    assert neutral_payload(wire) == offer
    assert neutral_payload({"_instance": wire, "_links": {}}) == offer
    assert neutral_payload({"_instance": offer, "_links": {}}) == offer


def test_the_spelling_of_generation_1_is_the_documented_one() -> None:
    offer = sale(cappingConstraint={"globalCap": 5}, description="d")
    offer["rank"]["order"] = {"orderEvaluationType": "ranking-strategy", "rankingStrategy": "x"}
    offer["selectionConstraint"]["eligibilityRule"] = "r"
    offer["frequencyCappingConstraints"] = [{"limit": 3, "repeat": {"unit": "day"}}]
    assert to_wire(offer) == {
        "xdm:name": "Spring voucher",
        "xdm:description": "d",
        "xdm:status": "draft",
        "xdm:representations": [
            {
                "xdm:channel": "https://ns.adobe.com/xdm/channel-types/email",
                "xdm:placement": "dps:offer-placement:1c2651d4d6411005",
                "xdm:components": [
                    {
                        "@type": "https://ns.adobe.com/experience/offer-management/content-component-html",
                        "dc:format": "text/html",
                        "dc:language": ["en"],
                        "xdm:content": "<p>10% off</p>",
                    }
                ],
            }
        ],
        "xdm:selectionConstraint": {
            "xdm:startDate": "2026-03-10T00:00:00Z",
            "xdm:endDate": "2026-06-30T21:59:59Z",
            "xdm:eligibilityRule": "r",
        },
        "xdm:rank": {
            "xdm:priority": 10,
            "xdm:order": {"xdm:orderEvaluationType": "rankingStrategy", "xdm:rankingStrategy": "x"},
        },
        "xdm:cappingConstraint": {"xdm:globalCap": 5},
        "xdm:frequencyCappingConstraints": [{"xdm:limit": 3, "xdm:repeat": {"xdm:unit": "day"}}],
        "xdm:tags": ["dps:tag:1c265218f4011006"],
        "xdm:characteristics": {"sku": "SPR-10"},
    }


@pytest.mark.parametrize(
    ("given_type", "wire", "read"),
    [
        ("html", "…html", "html"),
        ("imagelink", "…imagelink", "imagelink"),
        ("json", "…json", "json"),
        ("text", "…text", "component-text"),
        ("component-text", "…text", "component-text"),
        ("component-html", "…html", "html"),
        ("…text", "…text", "component-text"),
        ("https://example.com/x", "https://example.com/x", "https://example.com/x"),
        ("…", "…", "…"),
        ("", "", ""),
        (5, 5, 5),
    ],
)
def test_component_types_have_several_names(given_type: Any, wire: Any, read: Any) -> None:
    root = "https://ns.adobe.com/experience/offer-management/content-component-"
    long = [value.replace("…", root) if isinstance(value, str) else value for value in (given_type, wire, read)]
    offer = {"representations": [{"components": [{"type": long[0]}]}]}
    sent = XCORE.create(PERSONALIZED, neutral_payload(offer)).body
    assert sent["xdm:representations"][0]["xdm:components"][0]["@type"] == long[1]
    component = to_neutral(sent)["representations"][0]["components"][0]
    assert component["type"] == long[2]


@pytest.mark.parametrize(
    ("offer", "pointer"),
    [
        ({"name": "a", "xdm:name": "b"}, "/xdm:name"),
        ({"xdm:name": "a", "name": "a"}, "/name"),
        ({"_instance": {"xdm:rank": {"priority": 1, "xdm:priority": 1}}}, "/_instance/xdm:rank/xdm:priority"),
        (
            {"representations": [{}, {"components": [{"@type": "x", "type": "y"}]}]},
            "/representations/1/components/0/type",
        ),
    ],
)
def test_a_property_given_twice_is_refused_where_it_lies(offer: Any, pointer: str) -> None:
    with pytest.raises(InvalidInputError, match="given twice") as caught:
        neutral_payload(offer)
    assert [violation.pointer for violation in caught.value.violations] == [pointer]


def test_characteristics_keep_every_name() -> None:
    free = {"name": "1", "xdm:name": "2", "@type": "3", "type": "4", "status": "5"}
    assert to_wire({"characteristics": free}) == {"xdm:characteristics": free}
    assert to_neutral({"xdm:characteristics": free}) == {"characteristics": free}


@pytest.mark.parametrize(
    ("given", "neutral", "wire"),
    [
        ("/status", "/status", "/_instance/xdm:status"),
        ("/_instance/xdm:status", "/status", "/_instance/xdm:status"),
        ("/_instance/status", "/status", "/_instance/xdm:status"),
        ("/xdm:status", "/status", "/_instance/xdm:status"),
        ("/tags/-", "/tags/-", "/_instance/xdm:tags/-"),
        ("/tags/0", "/tags/0", "/_instance/xdm:tags/0"),
        (
            "/representations/0/components/1/content",
            "/representations/0/components/1/content",
            "/_instance/xdm:representations/0/xdm:components/1/xdm:content",
        ),
        (
            "/_instance/xdm:representations/-/xdm:components/0/@type",
            "/representations/-/components/0/type",
            "/_instance/xdm:representations/-/xdm:components/0/@type",
        ),
        ("/characteristics/a~1b~0c", "/characteristics/a~1b~0c", "/_instance/xdm:characteristics/a~1b~0c"),
        ("/characteristics/xdm:name", "/characteristics/xdm:name", "/_instance/xdm:characteristics/xdm:name"),
        ("/characteristics/name", "/characteristics/name", "/_instance/xdm:characteristics/name"),
        ("/_instance/xdm:rank/xdm:priority", "/rank/priority", "/_instance/xdm:rank/xdm:priority"),
        ("/future/name", "/future/name", "/_instance/future/name"),
        ("/_linksome/x", "/_linksome/x", "/_instance/_linksome/x"),
        ("/_links/self/href", "/_links/self/href", "/_links/self/href"),
        ("/", "/", "/_instance/"),
    ],
)
def test_patch_paths(given: str, neutral: str, wire: str) -> None:
    patch = neutral_patch([{"op": "remove", "path": given}], "xcore")
    assert patch == [{"op": "remove", "path": neutral}]
    assert XCORE.patch(REFERENCE, patch).body == [{"op": "remove", "path": wire}]
    moved = neutral_patch([{"op": "copy", "from": given, "path": given}], "xcore")
    assert XCORE.patch(REFERENCE, moved).body == [{"op": "copy", "from": wire, "path": wire}]


def test_links_are_generation_1s_alone() -> None:
    with pytest.raises(UnsupportedError):
        neutral_patch([{"op": "remove", "path": "/_links/self"}], "dps")
    assert neutral_patch([{"op": "remove", "path": "/_linksome"}], "dps") == [{"op": "remove", "path": "/_linksome"}]


@pytest.mark.parametrize("path", ["/_instance/repo:etag", "/repo:etag", "/etag"])
def test_the_etag_lies_beside_the_properties(path: str) -> None:
    patch = neutral_patch([{"op": "test", "path": path, "value": 3}], "xcore")
    assert patch == [{"op": "test", "path": "/etag", "value": 3}]
    assert XCORE.patch(REFERENCE, patch).body == [{"op": "test", "path": "/repo:etag", "value": 3}]


def test_values_of_a_patch_are_spelled_like_their_place() -> None:
    component = {"@type": "https://ns.adobe.com/experience/offer-management/content-component-text", "dc:format": "x"}
    patch = neutral_patch(
        [
            {"op": "add", "path": "/_instance/xdm:representations/-", "value": {"xdm:components": [component]}},
            {"op": "replace", "path": "/representations/0/components/0/type", "value": "html"},
            {"op": "add", "path": "/characteristics/xdm:name", "value": "x"},
            {"op": "test", "path": "/rank", "value": {"xdm:priority": 1}},
        ],
        "dps",
    )
    assert [operation["value"] for operation in patch] == [
        {"components": [{"type": "component-text", "format": "x"}]},
        "html",
        "x",
        {"priority": 1},
    ]
    wire = XCORE.patch(REFERENCE, patch).body
    assert wire[0]["value"] == {"xdm:components": [component]}
    assert wire[1]["value"] == "https://ns.adobe.com/experience/offer-management/content-component-html"


def test_what_rfc_6902_does_not_define_for_an_operation_is_not_sent() -> None:
    given = [{"op": "add", "path": "/name", "value": "x", "from": 5, "comment": object(), 1: 2}]
    assert neutral_patch(given, "dps") == [{"op": "add", "path": "/name", "value": "x"}]


_SCALARS: dict[str, Any] = {
    "/name": "other",
    "/status": "approved",
    "/rank": {"priority": 3, "x": [1]},
    "/rank/priority": 4,
    "/tags": ["t"],
    "/tags/-": "u",
    "/tags/0": "v",
    "/characteristics": {"xdm:name": "1"},
    "/characteristics/name": "2",
    "/characteristics/a~1b": "3",
    "/selectionConstraint/endDate": "2026-12-31T00:00:00Z",
    "/cappingConstraint": {"globalCap": 1},
    "/representations/-": {"placement": "p", "components": [{"type": "component-text", "format": "text/plain"}]},
    "/representations/0/components/0": {"type": "json", "format": "application/json", "repo:id": "x"},
    "/representations/0/components/0/content": "new",
    "/representations/0/components/0/language/-": "fr",
    "/future/deep": {"xdm:name": 1, "name": 2},
    "/future": 1,
}


@st.composite
def _operation(draw: st.DrawFn) -> dict[str, Any]:
    word = draw(st.sampled_from(["add", "replace", "remove", "test"]))
    path = draw(st.sampled_from(sorted(_SCALARS)))
    return {"op": word, "path": path, **({} if word == "remove" else {"value": copy.deepcopy(_SCALARS[path])})}


def applied(patch: list[dict[str, Any]], document: Any) -> Any:
    """The result of the reference implementation; the class of its error if it refuses the patch."""
    try:
        return jsonpatch.apply_patch(copy.deepcopy(document), copy.deepcopy(patch))
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as refused:
        return type(refused)


@given(
    st.lists(_operation(), min_size=1, max_size=4),
    st.builds(lambda offer: {**SALE, "future": {"deep": 1}, **offer}, strategies.OFFER) | st.just(SALE),
)
@examples(100)
def test_a_patch_says_the_same_in_both_spellings(patch: list[dict[str, Any]], offer: dict[str, Any]) -> None:
    wire_patch = XCORE.patch(REFERENCE, patch).body
    ours = applied(patch, offer)
    theirs = applied(wire_patch, {"_instance": to_wire(offer)})
    if isinstance(ours, type):
        assert theirs is ours
    else:
        assert theirs == {"_instance": to_wire(ours)}


@given(strategies.OFFER, st.data())
@property_test
def test_every_place_of_an_offer_has_one_path_in_each_spelling(offer: dict[str, Any], data: st.DataObject) -> None:
    tokens = data.draw(st.sampled_from(strategies.places(offer)))
    wire = wire_tokens(list(tokens), OFFER)[0]
    assert neutral_tokens(wire, OFFER)[0] == list(tokens)
    document = to_wire(offer)
    for token in wire:
        document = document[int(token)] if isinstance(document, list) else document[token]


def test_escapes_of_a_pointer() -> None:
    assert split_pointer("/~01/~10/a~1b~0") == ["~1", "/0", "a/b~"]
    assert join_pointer(["~1", "/0", "a/b~"]) == "/~01/~10/a~1b~0"


@given(st.lists(st.text("~01/a-", max_size=5), max_size=4))
@property_test
def test_pointers_split_and_join(tokens: list[str]) -> None:
    assert split_pointer(join_pointer(tokens)) == tokens
