"""The differences between Adobe's pages, each with its number in our list."""

from __future__ import annotations

import pytest

from airflow_provider_offers.client.model.documents import neutral_payload
from airflow_provider_offers.client.model.entities import Reference, parse_reference
from airflow_provider_offers.client.model.kinds import (
    COLLECTION,
    DECISION,
    PLACEMENT,
    RULE,
    Kind,
)
from airflow_provider_offers.client.model.preparing import neutral_patch
from airflow_provider_offers.client.model.query import parse_query
from airflow_provider_offers.client.wire.messages import Answer, Call
from tests.client.library import INSTANCE_ID
from tests.client.model.every_kind import DPS, EVERY, ON_XCORE, ROOT, WINDOW, XCORE, reference, violations
from tests.client.script import answer


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
    receipt = DPS.receipt(Answer(call, answer(201, {"id": "dps:x:1", "etag": 1, **dated}), None))
    read = {"id": "dps:x:1", "etag": 1, "created": dated["createdDate"], "modified": dated["lastModifiedDate"]}
    entity = DPS.entity(kind, Answer(call, answer(200, read), None))
    assert (receipt.created, receipt.modified) == (entity.created, entity.modified)


def test_33_malformed_ids_and_empty_schemas_are_read_as_they_come() -> None:
    row = {"id": "dps::19a7426d533db126", "etag": 1, "name": "x", "schemas": [""]}
    entity = DPS.entity(PLACEMENT, Answer(Call("GET", "/x", {}), answer(200, row), None))
    assert (entity.id, entity.properties) == ("dps::19a7426d533db126", {"name": "x"})
    there = parse_reference(entity.id, kind=PLACEMENT, api="dps", sandbox="prod")
    assert there == Reference(PLACEMENT, id="dps::19a7426d533db126")
