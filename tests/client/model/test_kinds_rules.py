"""The rules of every kind: documents and patches that break them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.client.errors import Doubt, InvalidInputError
from airflow_provider_offers.client.model.documents import neutral_payload
from airflow_provider_offers.client.model.kinds import (
    COLLECTION,
    DECISION,
    FALLBACK,
    FORMULA,
    PERSONALIZED,
    PLACEMENT,
    RULE,
    TAG,
    Kind,
)
from airflow_provider_offers.client.model.patches import PreparedPatch
from airflow_provider_offers.client.model.preparing import check_operations, check_patch, neutral_patch, patch_findings
from airflow_provider_offers.client.model.validation import check_offer, offer_findings
from tests.client import strategies
from tests.client.model.every_kind import EVERY, WINDOW, property_test, violations


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
        # All of Adobe's pages show the type of the result in it.
        (
            FORMULA,
            {"name": "x", "expression": {"type": "PQL", "value": "1"}, "returnType": {}},
            ["/returnType/type"],
        ),
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


def at_most(placements: int, collections: int) -> dict[str, Any]:
    """A decision that uses that many of each."""
    shown = [f"dps:offer-placement:{number}" for number in range(placements)]
    criteria = [
        {"placements": shown, "optionSelection": {"filter": f"dps:offer-filter:{number}"}}
        for number in range(collections)
    ]
    return {"name": "x", "status": "draft", "criteria": criteria}


@pytest.mark.parametrize(
    ("kind", "document", "over"),
    [
        (PLACEMENT, lambda more: {"name": "x", "itemCount": 30 + more}, "/itemCount"),
        (COLLECTION, lambda more: {"name": "x", "filterType": "any-tags", "ids": ["dps:tag:1"] * (20 + more)}, "/ids"),
        (COLLECTION, lambda more: {"name": "x", "filterType": "all-tags", "ids": ["dps:tag:1"] * (20 + more)}, "/ids"),
        (COLLECTION, lambda more: {"name": "x", "filterType": "offers", "ids": ["an-offer-1"] * (500 + more)}, "/ids"),
        (
            RULE,
            lambda more: {"name": "x", "condition": {"type": "PQL", "value": "é" * 7_680 + "x" * more}},
            "/condition/value",
        ),
        (
            FORMULA,
            lambda more: {"name": "x", "expression": {"type": "PQL", "value": "x" * (8_192 + more)}},
            "/expression/value",
        ),
        (DECISION, lambda more: at_most(30 + more, 2), "/criteria"),
        (DECISION, lambda more: at_most(2, 30 + more), "/criteria"),
    ],
)
def test_a_maximum_is_accepted_and_one_more_is_refused(kind: Kind, document: Any, over: str) -> None:
    within, beyond = (set(violations(kind, document(more))) for more in (0, 1))
    assert over not in within
    assert beyond - within == {over}


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
        check_patch(kind, PreparedPatch(neutral_patch([operation], "dps", kind), kind))
    assert pointer in {violation.pointer for violation in caught.value.violations}


@EVERY
@given(data=st.data())
@property_test
def test_whatever_is_given_ends_in_a_verdict(kind: Kind, data: st.DataObject) -> None:
    document = data.draw(strategies.OBJECTS[kind.key] | strategies.JSON)
    with suppress(InvalidInputError):
        check_offer(kind, neutral_payload(document, kind), document)
        # The document was valid, so the required properties are present.
        assert isinstance(document, dict)
        assert set(kind.place.required) <= {*document, *neutral_payload(document, kind)}


@pytest.mark.parametrize(
    ("ranked", "lacks"),
    [
        ({"orderEvaluationType": "scoringFunction"}, "function"),
        ({"orderEvaluationType": "scoringFunction", "rankingStrategy": "1"}, "function"),
        ({"orderEvaluationType": "ranking-strategy", "rankingStrategy": ""}, "rankingStrategy"),
        ({"orderEvaluationType": "static"}, None),
        ({"orderEvaluationType": "ranking-strategy", "rankingStrategy": "123456789123"}, None),
        ({}, None),
    ],
)
def test_a_way_to_rank_without_its_formula_or_model_is_doubtful(ranked: Any, lacks: str | None) -> None:
    criterion = {"placements": ["p1"], "optionSelection": {"filter": "c1"}, "rank": {"order": ranked}}
    decision = {"name": "x", "status": "draft", "criteria": [criterion]}
    doubts = [each for each in offer_findings(DECISION, decision, decision) if isinstance(each, Doubt)]
    assert [each.pointer for each in doubts] == ([f"/criteria/0/rank/order/{lacks}"] if lacks else [])


@pytest.mark.parametrize(
    ("chosen", "lacks"),
    [
        ({"profileConstraintType": "anySegments"}, "segmentIdentities"),
        ({"profileConstraintType": "allSegments", "segmentIdentities": []}, "segmentIdentities"),
        ({"profileConstraintType": "eligibilityRule"}, "eligibilityRule"),
        ({"profileConstraintType": "eligibilityRule", "eligibilityRule": "rule1234"}, None),
        ({"profileConstraintType": "none"}, None),
        ({"profileConstraintType": "rules"}, None),
    ],
)
def test_a_profile_constraint_without_what_its_type_names_is_doubtful(chosen: Any, lacks: str | None) -> None:
    offer = {"name": "x", "status": "draft", "rank": {"priority": 1}, "selectionConstraint": {**WINDOW, **chosen}}
    doubts = [each for each in offer_findings(PERSONALIZED, offer, offer) if isinstance(each, Doubt)]
    assert [each.pointer for each in doubts] == ([f"/selectionConstraint/{lacks}"] if lacks else [])
    # The object that gets a patch may have the rest already.
    alone = [{"op": "add", "path": f"/selectionConstraint/{name}", "value": value} for name, value in chosen.items()]
    patch = PreparedPatch(neutral_patch(alone, "dps", PERSONALIZED), PERSONALIZED)
    assert [each.pointer for each in patch_findings(PERSONALIZED, patch)] == []


@pytest.mark.parametrize(
    ("word", "meant"), [("anyTag", "any-tags"), ("all_tag", "all-tags"), ("anytgas", "any-tags"), ("offer", "offers")]
)
def test_a_misspelled_word_is_known_however_its_parts_are_separated(word: str, meant: str) -> None:
    found = violations(COLLECTION, {"name": "x", "filterType": word, "ids": ["dps:tag:1"]})
    assert f"; did you mean {meant!r}?" in found["/filterType"]
