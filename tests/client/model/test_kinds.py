"""The kind table: every kind's spelling, rules, addresses and references, and how Adobe's pages differ."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from airflow_provider_offers.client.errors import InvalidInputError, UnsupportedError
from airflow_provider_offers.client.flows.creations import new_creation
from airflow_provider_offers.client.generations.dps import Dps
from airflow_provider_offers.client.generations.xcore import Xcore
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.documents import neutral_payload
from airflow_provider_offers.client.model.entities import Entity, Reference, parse_offer_reference, parse_reference
from airflow_provider_offers.client.model.kinds import (
    COLLECTION,
    DECISION,
    FALLBACK,
    FORMULA,
    KINDS,
    OFFERS,
    PERSONALIZED,
    PLACEMENT,
    RULE,
    TAG,
    Kind,
    kind_of,
    kind_of_type_name,
    offer_kind,
)
from airflow_provider_offers.client.model.lifecycle import DECISION_STEPS, is_done
from airflow_provider_offers.client.model.preparing import neutral_patch
from airflow_provider_offers.client.model.query import parse_query
from airflow_provider_offers.client.model.references import targets
from airflow_provider_offers.client.model.spelling import neutral_tokens, neutral_value, wire_tokens, wire_value
from airflow_provider_offers.client.model.validation import check_offer, check_operations, check_patch
from airflow_provider_offers.client.model.windows import window_of
from airflow_provider_offers.client.wire.messages import Answer, Call
from airflow_provider_offers.emulator import Emulator
from tests.client import strategies
from tests.client.library import INSTANCE_ID
from tests.client.script import CONTAINER, answer

property_test = settings(max_examples=60, derandomize=True, deadline=None)
ROOT = "https://ns.adobe.com/experience/offer-management/"
XCORE, DPS = Xcore(CONTAINER), Dps()
EVERY = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
# Adobe documents no calls for formulas on generation 1.
ON_XCORE = pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if kind is not FORMULA])
WINDOW = {"startDate": "2026-03-10T00:00:00Z", "endDate": "2026-06-30T21:59:59Z"}


def reference(kind: Kind) -> Reference:
    return Reference(kind, id=f"xcore:{kind.type_name}:1c265317da412003", instance_id=INSTANCE_ID)


def violations(kind: Kind, document: dict[str, Any]) -> dict[str, str]:
    """What is wrong or doubtful in a document, by the pointers of its author's spelling."""
    try:
        check_offer(kind, neutral_payload(document, kind), document, "strict")
    except InvalidInputError as error:
        return {each.pointer: each.accepted for each in error.violations}
    return {}


@EVERY
@given(data=st.data())
@property_test
def test_neutral_to_wire_and_back_loses_nothing(kind: Kind, data: st.DataObject) -> None:
    document = data.draw(strategies.OBJECTS[kind.key])
    before = copy.deepcopy(document)
    wire = wire_value(document, kind.names)
    assert neutral_value(wire, kind.names) == before
    assert document == before
    assert wire_value(neutral_value(wire, kind.names), kind.names) == wire


@EVERY
@given(data=st.data())
@property_test
def test_either_spelling_and_either_envelope_is_the_same_object(kind: Kind, data: st.DataObject) -> None:
    document = data.draw(strategies.OBJECTS[kind.key])
    wire = wire_value(document, kind.names)
    assert neutral_payload(document, kind) == document
    assert neutral_payload(wire, kind) == document
    assert neutral_payload({"_instance": wire, "_links": {}}, kind) == document


@ON_XCORE
@given(data=st.data())
@property_test
def test_what_is_read_from_either_generation_is_what_was_written_to_it(kind: Kind, data: st.DataObject) -> None:
    document = data.draw(strategies.OBJECTS[kind.key])
    assume(not set(document) & {"id", "etag", "created", "modified", "createdBy", "lastModifiedBy", "schemas"})
    body = json.loads(json.dumps(XCORE.create(kind, document).body))
    row = {"instanceId": INSTANCE_ID, "repo:etag": 1, "_instance": {**body, "@id": "xcore:x:1"}}
    read = XCORE.entity(kind, Answer(XCORE.read(reference(kind)), answer(200, row), None))
    assert read.properties == document
    assert XCORE.as_read(document, kind) == document
    row = {"id": "dps:x:1", "etag": 1, **json.loads(json.dumps(DPS.create(kind, document).body))}
    read = DPS.entity(kind, Answer(DPS.read(reference(kind)), answer(200, row), None))
    assert read.properties == DPS.as_read(document, kind)
    assert DPS.as_read(read.properties, kind) == read.properties


@EVERY
@given(data=st.data())
@property_test
def test_every_place_has_one_path_in_each_spelling(kind: Kind, data: st.DataObject) -> None:
    document = data.draw(strategies.OBJECTS[kind.key])
    tokens = list(data.draw(st.sampled_from(strategies.places(document))))
    wire = wire_tokens(tokens, kind.names)[0]
    assert neutral_tokens(wire, kind.names)[0] == tokens
    place: Any = wire_value(document, kind.names)
    for token in wire:
        place = place[int(token)] if isinstance(place, list) else place[token]


@EVERY
def test_the_table_is_whole(kind: Kind) -> None:
    assert kind_of_type_name(kind.type_name) is kind
    assert kind_of(kind.key) is kind
    assert kind.dps_path.startswith("/")
    assert "name" in kind.place.required
    assert set(kind.place.members) - {"labels"} <= set(kind.names.members)
    assert ("status" in kind.place.members) == bool(kind.statuses) == bool(kind.steps)
    for step in kind.steps:
        assert {*step.origins, step.target} <= set(kind.statuses)


def test_each_kind_refers_to_earlier_ones_only() -> None:
    seen: set[str] = set()
    for kind in KINDS.values():
        assert targets(kind.place) <= seen, kind.key
        seen.add(kind.type_name)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (TAG, set()),
        (RULE, set()),
        (FORMULA, set()),
        (PLACEMENT, set()),
        (PERSONALIZED, {"tag", "eligibility-rule", "offer-placement", "ranking-function"}),
        (COLLECTION, {"tag", "personalized-offer", "fallback-offer"}),
        (
            DECISION,
            {"offer-placement", "offer-filter", "fallback-offer", "eligibility-rule", "ranking-function"},
        ),
    ],
)
def test_the_references_are_those_of_the_documented_graph(kind: Kind, expected: set[str]) -> None:
    assert targets(kind.place) == expected


@pytest.mark.parametrize("key", ["banner", "", None, 5, ["tag"], "offer-placement"])
def test_unknown_kinds_are_refused_by_name(key: Any) -> None:
    with pytest.raises(InvalidInputError, match="'placement'"):
        kind_of(key)
    with pytest.raises(InvalidInputError, match="'personalized' or 'fallback'"):
        offer_kind(key)


def test_offer_type_names_offers_only() -> None:
    assert list(OFFERS) == ["personalized", "fallback"]
    with pytest.raises(InvalidInputError, match="The offer type is not valid"):
        offer_kind("placement")


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (PLACEMENT, "/placements"),
        (TAG, "/tags"),
        (COLLECTION, "/offer-collections"),
        (RULE, "/offer-rules"),
        (FORMULA, "/ranking-formulas"),
        (DECISION, "/offer-decisions"),
    ],
)
def test_dps_has_a_path_for_each_kind(kind: Kind, path: str) -> None:
    identifier = f"dps:{kind.type_name}:1c265317da412003"
    there = Reference(kind, id=identifier)
    assert DPS.create(kind, {"name": "x"}).path == path
    assert DPS.read(there).path == DPS.delete(there).path == f"{path}/{identifier}"
    assert DPS.patch(there, []).path == f"{path}/{identifier}"
    assert DPS.search(kind, parse_query(properties="name==x")).path == f"{path}?property=name==x"


@ON_XCORE
def test_xcore_tells_the_kind_by_its_schema(kind: Kind) -> None:
    schema = f"{ROOT}{kind.type_name};version={kind.xcore_version}"
    assert f'schema="{schema}"' in XCORE.create(kind, {}).headers["Content-Type"]
    assert f'schema="{schema}"' in XCORE.patch(reference(kind), []).headers["Content-Type"]
    assert f'schema="{schema}"' in XCORE.read(reference(kind)).headers["Accept"]
    assert f"schema={schema}" in XCORE.search(kind, parse_query()).path


@pytest.mark.parametrize(
    "call",
    [
        lambda: XCORE.create(FORMULA, {"name": "x"}),
        lambda: XCORE.read(reference(FORMULA)),
        lambda: XCORE.patch(reference(FORMULA), []),
        lambda: XCORE.replace(reference(FORMULA), {}),
        lambda: XCORE.delete(reference(FORMULA)),
        lambda: XCORE.search(FORMULA, parse_query()),
        lambda: XCORE.lookup(FORMULA, name="x"),
        lambda: XCORE.recent(FORMULA, 10),
    ],
)
def test_xcore_refuses_formulas_in_every_call(call: Any) -> None:
    with pytest.raises(UnsupportedError, match="documents no calls for a ranking formula"):
        call()


# The differences between Adobe's pages, each by its number in our list of them.


def test_5_a_rule_may_mix_both_spellings_and_is_sent_as_its_page_has_it() -> None:
    given = {
        "xdm:name": "Gold members",
        "description": "plain",
        "condition": {"type": "PQL", "format": "pql/text", "value": "true"},
        "xdm:definedOn": {
            "profile": {
                "xdm:schema": {"$ref": "https://ns.adobe.com/xdm/context/profile_union", "version": "1"},
                "xdm:referencePaths": ["loyalty.tier"],
            }
        },
    }
    neutral = neutral_payload(given, RULE)
    assert neutral == {
        "name": "Gold members",
        "description": "plain",
        "condition": {"type": "PQL", "format": "pql/text", "value": "true"},
        "definedOn": {
            "profile": {
                "schema": {"ref": "https://ns.adobe.com/xdm/context/profile_union", "version": "1"},
                "referencePaths": ["loyalty.tier"],
            }
        },
    }
    assert XCORE.create(RULE, neutral).body == {
        "xdm:name": "Gold members",
        "description": "plain",
        "condition": {"type": "PQL", "format": "pql/text", "value": "true"},
        "xdm:definedOn": given["xdm:definedOn"],
    }
    assert DPS.create(RULE, neutral).body == neutral


@pytest.mark.parametrize("wrapped", [True, False])
def test_4_a_decision_may_come_bare_or_wrapped(wrapped: bool) -> None:
    bare = {
        "xdm:name": "Newsletter",
        "xdm:status": "draft",
        "xdm:startDate": WINDOW["startDate"],
        "xdm:endDate": WINDOW["endDate"],
        "xdm:fallback": "xcore:fallback-offer:1",
        "xdm:criteria": [
            {
                "xdm:placements": ["xcore:offer-placement:1"],
                "xdm:optionSelection": {"xdm:filter": "xcore:offer-filter:1"},
                "xdm:rank": {
                    "xdm:priority": 0,
                    "xdm:order": {"xdm:orderEvaluationType": "rankingStrategy", "xdm:rankingStrategy": "m"},
                },
                "xdm:profileConstraint": {"xdm:profileConstraintType": "none"},
            }
        ],
    }
    neutral = neutral_payload({"_instance": bare, "_links": {}} if wrapped else bare, DECISION)
    assert neutral["criteria"] == [
        {
            "placements": ["xcore:offer-placement:1"],
            "optionSelection": {"filter": "xcore:offer-filter:1"},
            "rank": {
                "priority": 0,
                "order": {"orderEvaluationType": "ranking-strategy", "rankingStrategy": "m"},
            },
            "profileConstraint": {"profileConstraintType": "none"},
        }
    ]
    assert violations(DECISION, bare) == {}
    assert XCORE.create(DECISION, neutral).body == bare


@pytest.mark.parametrize(
    ("given", "neutral"),
    [
        ("/_instance/xdm:ids/-", "/ids/-"),
        ("/ids/0", "/ids/0"),
        ("/_instance/xdm:filterType", "/filterType"),
    ],
)
def test_11_a_patch_path_has_the_envelope_on_xcore_only(given: str, neutral: str) -> None:
    patch = neutral_patch([{"op": "test", "path": given, "value": "anyTags"}], "xcore", COLLECTION)
    assert [operation["path"] for operation in patch] == [neutral]
    assert XCORE.patch(reference(COLLECTION), patch).body[0]["path"].startswith("/_instance/xdm:")
    assert DPS.patch(reference(COLLECTION), patch).body[0]["path"] == neutral


def test_11_values_of_a_patch_follow_their_kind() -> None:
    patch = neutral_patch(
        [{"op": "replace", "path": "/_instance/xdm:filterType", "value": "allTags"}], "dps", COLLECTION
    )
    assert patch[0]["value"] == "all-tags"
    assert XCORE.patch(reference(COLLECTION), patch).body[0]["value"] == "allTags"
    patch = neutral_patch([{"op": "replace", "path": "/componentType", "value": "html"}], "dps", PLACEMENT)
    assert XCORE.patch(reference(PLACEMENT), patch).body[0]["value"] == f"{ROOT}content-component-html"
    alias = "/definedOn/profile/schema/ref"
    patch = neutral_patch([{"op": "replace", "path": alias, "value": "x"}], "dps", RULE)
    path = "/_instance/xdm:definedOn/profile/xdm:schema/$ref"
    assert XCORE.patch(reference(RULE), patch).body[0]["path"] == path
    assert neutral_patch([{"op": "replace", "path": path, "value": "x"}], "dps", RULE) == patch


@ON_XCORE
def test_16_an_instance_of_any_version_is_read(kind: Kind) -> None:
    row = {
        "instanceId": INSTANCE_ID,
        "schemas": [f"{kind.schema};version=9.9"],
        "repo:etag": "3",
        "_instance": {"xdm:name": "x", "@id": f"xcore:{kind.type_name}:1"},
    }
    entity = XCORE.entity(kind, Answer(XCORE.read(reference(kind)), answer(200, row), None))
    assert (entity.name, entity.etag, entity.kind) == ("x", 3, kind)


@pytest.mark.parametrize(
    ("given", "wire", "read"),
    [
        ("html", "…html", "html"),
        ("text", "…text", "text"),
        ("…text", "…text", "text"),
        ("component-text", "…text", "text"),
        ("…imagelink", "…imagelink", "imagelink"),
        ("https://example.com/own", "https://example.com/own", "https://example.com/own"),
    ],
)
def test_24_component_types_are_short_or_long(given: str, wire: str, read: str) -> None:
    long = [each.replace("…", f"{ROOT}content-component-") for each in (given, wire, read)]
    neutral = neutral_payload({"name": "x", "componentType": long[0]}, PLACEMENT)
    assert XCORE.create(PLACEMENT, neutral).body["xdm:componentType"] == long[1]
    assert XCORE.as_read(neutral, PLACEMENT)["componentType"] == long[2]
    assert ":" not in DPS.create(PLACEMENT, neutral).body["componentType"] or "example" in given


@pytest.mark.parametrize(
    ("given", "dps", "xcore"),
    [("anyTags", "any-tags", "anyTags"), ("all-tags", "all-tags", "allTags"), ("offers", "offers", "offers")],
)
def test_25_filter_types_have_dashes_or_humps(given: str, dps: str, xcore: str) -> None:
    neutral = neutral_payload({"xdm:name": "x", "xdm:filterType": given, "ids": ["xcore:tag:1"]}, COLLECTION)
    assert DPS.create(COLLECTION, neutral).body == {"name": "x", "filterType": dps, "ids": ["xcore:tag:1"]}
    assert XCORE.create(COLLECTION, neutral).body == {
        "xdm:name": "x",
        "xdm:filterType": xcore,
        "xdm:ids": ["xcore:tag:1"],
    }


@pytest.mark.parametrize("word", ["anyTags", "any-tags"])
def test_25_filters_of_a_search_are_spelled_like_the_properties(word: str) -> None:
    query = parse_query(properties=[f"filterType=={word}", f"_instance.xdm:filterType!={word}"])
    assert DPS.search(COLLECTION, query).path.endswith("property=filterType==any-tags&property=filterType!=any-tags")
    wire = "_instance.xdm:filterType"
    assert XCORE.search(COLLECTION, query).path.endswith(f"property={wire}==anyTags&property={wire}!=anyTags")


@pytest.mark.parametrize("path", ["condition.value", "_instance.xdm:condition.xdm:value", "xdm:condition.xdm:value"])
def test_searches_name_the_properties_of_their_kind(path: str) -> None:
    query = parse_query(properties=[f"{path}~.*gold.*"], order_by=f"-{path}")
    assert "property=condition.value~" in DPS.search(RULE, query).path
    assert "orderby=-condition.value" in DPS.search(RULE, query).path
    assert "property=_instance.condition.value~" in XCORE.search(RULE, query).path
    assert "orderBy=-_instance.condition.value" in XCORE.search(RULE, query).path


@EVERY
def test_27_receipts_and_reads_name_the_dates_differently(kind: Kind) -> None:
    dated = {"createdDate": "2026-03-02T09:00:00Z", "lastModifiedDate": "2026-03-02T09:00:01Z"}
    call = Call("POST", "/x", {})
    receipt = DPS.receipt(kind, Answer(call, answer(201, {"id": "dps:x:1", "etag": 1, **dated}), None))
    read = {"id": "dps:x:1", "etag": 1, "created": dated["createdDate"], "modified": dated["lastModifiedDate"]}
    entity = DPS.entity(kind, Answer(call, answer(200, read), None))
    assert (receipt.created, receipt.modified) == (entity.created, entity.modified)


def test_33_malformed_ids_and_empty_schemas_are_read_as_they_come() -> None:
    row = {"id": "dps::19a7426d533db126", "etag": 1, "name": "x", "schemas": [""]}
    entity = DPS.entity(PLACEMENT, Answer(Call("GET", "/x", {}), answer(200, row), None))
    assert (entity.id, entity.properties) == ("dps::19a7426d533db126", {"name": "x"})
    there = parse_reference(entity.id, kind=PLACEMENT, api="dps", sandbox="prod")
    assert there == Reference(PLACEMENT, id="dps::19a7426d533db126")


# Rules.


@pytest.mark.parametrize(
    ("kind", "document", "wrong"),
    [
        (PLACEMENT, {}, ["/name"]),
        (PLACEMENT, {"name": "x", "itemCount": 31, "returnContent": 1}, ["/itemCount", "/returnContent"]),
        (PLACEMENT, {"name": "x", "returnMetaData": {"offerName": "yes"}}, ["/returnMetaData/offerName"]),
        (PLACEMENT, {"xdm:name": "x", "xdm:contentTypes": ["html"]}, ["/xdm:contentTypes/0"]),
        (TAG, {"name": " "}, ["/name"]),
        (COLLECTION, {"name": "x", "filterType": "some", "ids": [""]}, ["/filterType", "/ids/0"]),
        (COLLECTION, {"name": "x", "filterType": "offers", "ids": ["dps:tag:1"]}, ["/ids/0"]),
        (COLLECTION, {"name": "x", "filterType": "anyTags", "ids": ["dps:fallback-offer:1"]}, ["/ids/0"]),
        (COLLECTION, {"name": "x", "ids": ["dps:eligibility-rule:1"]}, ["/ids/0"]),
        (COLLECTION, {"name": "x", "filterType": "any-tags", "ids": [f"dps:tag:{n}" for n in range(21)]}, ["/ids"]),
        (
            COLLECTION,
            {"name": "x", "filterType": "offers", "ids": [f"dps:personalized-offer:{n}" for n in range(501)]},
            ["/ids"],
        ),
        (RULE, {"name": "x"}, ["/condition"]),
        (RULE, {"name": "x", "condition": {"type": "PQL", "value": "é" * 7_681}}, ["/condition/value"]),
        (FORMULA, {"name": "x", "expression": {"type": "PQL", "value": "x" * 8_193}}, ["/expression/value"]),
        (FORMULA, {"name": "x"}, ["/expression"]),
        (DECISION, {"name": "x"}, ["/status"]),
        (DECISION, {"name": "x", "status": "approved"}, ["/status"]),
        (DECISION, {"name": "x", "status": "completed"}, ["/status"]),
        (DECISION, {"name": "x", "status": "draft", **WINDOW, "endDate": WINDOW["startDate"]}, ["/endDate"]),
        (DECISION, {"name": "x", "status": "draft", "startDate": "2026-01-01"}, ["/startDate"]),
        (DECISION, {"name": "x", "status": "draft", "fallback": "dps:personalized-offer:1"}, ["/fallback"]),
        (
            DECISION,
            {"name": "x", "status": "draft", "criteria": [{"placements": []}]},
            ["/criteria/0/optionSelection", "/criteria/0/placements"],
        ),
        (
            DECISION,
            {
                "name": "x",
                "status": "draft",
                "criteria": [
                    {
                        "placements": [f"dps:offer-placement:{n}" for n in range(31)],
                        "optionSelection": {"filter": "dps:offer-filter:1"},
                    }
                ],
            },
            ["/criteria"],
        ),
        (
            FALLBACK,
            {
                "name": "x",
                "status": "draft",
                "representations": [
                    {"placement": each, "components": [{"type": "html", "format": "text/html"}]}
                    for each in ("a", "name:b", "a", "name:b")
                ],
            },
            ["/representations/2/placement", "/representations/3/placement"],
        ),
        (
            PERSONALIZED,
            {"tags": ["dps:offer-placement:1"]},
            ["/name", "/rank", "/selectionConstraint", "/status", "/tags/0"],
        ),
    ],
)
def test_what_is_wrong_is_told_by_its_place(kind: Kind, document: dict[str, Any], wrong: list[str]) -> None:
    assert sorted(violations(kind, document)) == wrong


@pytest.mark.parametrize(
    ("kind", "operation", "pointer"),
    [
        (DECISION, {"op": "replace", "path": "/status", "value": "approved"}, "/0/value"),
        (DECISION, {"op": "replace", "path": "/fallback", "value": "dps:tag:1"}, "/0/value"),
        (DECISION, {"op": "remove", "path": "/name"}, "/0/path"),
        (DECISION, {"op": "add", "path": "/criteria/-", "value": {"placements": []}}, "/0/value/optionSelection"),
        (COLLECTION, {"op": "add", "path": "/ids/x", "value": "dps:tag:1"}, "/0/path"),
        (PLACEMENT, {"op": "replace", "path": "/id", "value": "x"}, "/0/path"),
    ],
)
def test_patches_obey_the_rules_of_their_kind(kind: Kind, operation: dict[str, Any], pointer: str) -> None:
    check_operations([operation])
    with pytest.raises(InvalidInputError, match=f"The patch of the {kind.noun}") as caught:
        check_patch(kind, neutral_patch([operation], "dps", kind))
    assert pointer in {violation.pointer for violation in caught.value.violations}


@EVERY
@given(data=st.data())
@property_test
def test_whatever_is_given_ends_in_a_verdict(kind: Kind, data: st.DataObject) -> None:
    document = data.draw(strategies.OBJECTS[kind.key] | strategies.JSON)
    with suppress(InvalidInputError):
        check_offer(kind, neutral_payload(document, kind), document)
        # Nothing was wrong, so that the properties that must be there are.
        assert isinstance(document, dict)
        assert set(kind.place.required) <= {*document, *neutral_payload(document, kind)}


@EVERY
def test_only_kinds_with_dates_have_a_window(kind: Kind) -> None:
    given = {"start": "2026-03-10T00:00:00Z", "duration": "P1D"}
    options: dict[str, Any] = {"if_exists": "fail", "patience": 1, "marker": None, "earlier": None, "validate": False}
    if kind.window is None:
        with pytest.raises(UnsupportedError, match="has no window"):
            new_creation(kind, {"name": "x"}, window=given, **options)
        return
    made = new_creation(kind, {"name": "x"}, window=given, **options)
    window = window_of(made.properties, kind)
    assert window is not None
    assert window.changes(made.properties, kind) == []
    entity = Entity(kind, "i", "i", 1, made.properties)
    assert entity.window == {"start": "2026-03-10T00:00:00Z", "end": "2026-03-11T00:00:00Z"}
    paths = {operation["path"] for operation in window.changes({"name": "x"}, kind)}
    assert paths == ({"/startDate", "/endDate"} if kind is DECISION else {"/selectionConstraint"})


@pytest.mark.parametrize(
    ("status", "allowed"),
    [
        ("draft", {"activate": "live", "archive": "archived"}),
        ("live", {"deactivate": "draft", "complete": "complete", "archive": "archived"}),
        ("complete", {"archive": "archived"}),
        ("archived", {}),
    ],
)
def test_the_steps_of_a_decision(status: str, allowed: dict[str, str]) -> None:
    legal = {step.verb: step.target for step in DECISION_STEPS if status in step.origins}
    assert legal == allowed
    for step in DECISION_STEPS:
        if step.target == status:
            assert is_done(step, status, "it", DECISION_STEPS)


# References.


@EVERY
@pytest.mark.parametrize("prefix", ["dps", "xcore"])
def test_ids_of_either_generation_name_an_object(kind: Kind, prefix: str) -> None:
    identifier = f"{prefix}:{kind.type_name}:1c265317da412003"
    assert parse_reference(identifier, kind=kind, api="dps", sandbox="prod") == Reference(kind, id=identifier)
    receipt = {"id": identifier, "instance_id": INSTANCE_ID, "kind": kind.key, "api": "xcore", "sandbox": "prod"}
    there = parse_reference(receipt, kind=kind, api="xcore", sandbox="prod")
    assert there == Reference(kind, id=identifier, instance_id=INSTANCE_ID)
    assert parse_reference(INSTANCE_ID, kind=kind, api="xcore", sandbox="prod").instance_id == INSTANCE_ID


@EVERY
@given(name=st.text(min_size=1, max_size=20).filter(str.strip))
@property_test
def test_a_name_names_an_object(kind: Kind, name: str) -> None:
    there = parse_reference(f"name:{name}", kind=kind, api="dps", sandbox="prod")
    assert there == Reference(kind, name=name.strip())
    assert str(there) == f"name:{name.strip()}"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("name:", "No placement is named"),
        ("name: \n", "No placement is named"),
        ("name:half \ud800", "No placement is named"),
        ("", "No placement is named"),
        (None, "No placement is named"),
        ({"name": "x"}, "No placement is named"),
        (
            "dps:tag:1",
            "The task and the id disagree about the kind of object:\n  object_id: given 'dps:tag:1', the id of a "
            "collection qualifier; expected the id of a placement, what a task returned, or name: and its name",
        ),
        ("Web HTML", "did you mean 'name:Web HTML'\\?"),
        ("dps:selection-strategy:1", "No placement is named"),
        ({"id": "x", "kind": "tag"}, "given the receipt of a collection qualifier; expected the id of a placement"),
        ({"id": "x", "offer_type": "fallback"}, "given the receipt of a fallback offer; expected the id of a pla"),
        ({"id": "x", "sandbox": "dev"}, "The placement lies in another sandbox"),
    ],
)
def test_what_names_no_placement(given: Any, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        parse_reference(given, kind=PLACEMENT, api="dps", sandbox="prod")


def test_a_name_means_a_personalized_offer_unless_the_task_says_otherwise() -> None:
    where: dict[str, Any] = {"api": "dps", "sandbox": "prod"}
    assert parse_offer_reference("name:x", **where) == Reference(PERSONALIZED, name="x")
    assert parse_offer_reference("name:x", FALLBACK, **where) == Reference(FALLBACK, name="x")


def test_errors_of_an_edit_name_the_kind(library: OfferLibrary) -> None:
    unfit = [{"op": "remove", "path": "/nothing"}]
    with pytest.raises(InvalidInputError, match=r"does not fit the placement:(.|\n)*paths that the placement has"):
        library.patch(PLACEMENT, Emulator.PLACEMENT_ID, unfit)
    assigned = [{"op": "replace", "path": "/etag", "value": 1}]
    with pytest.raises(InvalidInputError, match="a property of the placement's own"):
        library.patch(PLACEMENT, Emulator.PLACEMENT_ID, assigned)
