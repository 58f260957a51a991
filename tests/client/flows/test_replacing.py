"""Replacing whole objects of every kind on both generations: the new state, and the properties that stay."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.client.errors import (
    ConflictError,
    InvalidInputError,
    NotPublishableError,
    TransitionError,
    UnsupportedError,
)
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.instants import parse_instant
from airflow_provider_offers.client.model.kinds import DECISION, KINDS, PERSONALIZED, RULE
from airflow_provider_offers.emulator import Emulator
from tests.client.campaign import OPEN, campaign, decision, offer, seed, shown

PQL = {"type": "PQL", "format": "pql/text", "value": "true"}


def _documents(ids: dict[str, str]) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """By kind: the existing document, and the new one."""
    return {
        "placement": (
            {"name": "Top", "channel": "https://ns.adobe.com/xdm/channel-types/web", "componentType": "html"},
            {"name": "Bottom", "channel": "https://ns.adobe.com/xdm/channel-types/web", "componentType": "html"},
        ),
        "tag": ({"name": "Winter"}, {"name": "Summer"}),
        "rule": (
            {"name": "All", "description": "for all", "condition": PQL},
            {"name": "Some", "condition": {**PQL, "value": "false"}},
        ),
        "collection": (
            {"name": "Set", "description": "old", "filterType": "any-tags", "ids": [ids["tag"]]},
            {"name": "Set", "filterType": "all-tags", "ids": [ids["tag"]]},
        ),
        "decision": (
            {**decision(ids), "description": "old"},
            {**decision(ids), "name": "Other", "endDate": "2098-01-01T00:00:00Z"},
        ),
        "personalized": (
            offer("Voucher one", ids["placement"], status="draft", characteristics={"sku": "1"}, tags=[ids["tag"]]),
            offer("Voucher two", ids["placement"], status="draft", rank={"priority": 9}),
        ),
        "fallback": (
            {"name": "Everybody", "status": "draft", "representations": shown(ids["placement"]), "tags": [ids["tag"]]},
            {"name": "Nobody", "status": "draft", "representations": shown(ids["placement"])},
        ),
    }


@pytest.mark.parametrize("key", ["placement", "tag", "rule", "collection", "decision", "personalized", "fallback"])
def test_an_object_becomes_what_the_document_says_and_nothing_else(
    library: OfferLibrary, emulator: Emulator, api: str, key: str
) -> None:
    before, after = _documents(campaign(emulator))[key]
    kind = KINDS[key]
    made = library.create(kind, before).receipt
    emulator.clear_journal()
    written = library.replace(kind, made.id, after)
    assert (written.action, written.receipt.etag) == ("replaced", 2)
    (write,) = [entry for entry in emulator.journal(path="/data/core/*") if entry.method != "GET"]
    assert write.method == ("PATCH" if api == "dps" else "PUT")
    there = library.get(kind, made.id)
    assert there is not None
    assert there.properties["name"] == after["name"]
    left_over = set(before) - set(after)
    assert not left_over & set(there.properties)
    again = library.replace(kind, made.id, after)
    assert (again.action, again.receipt.etag) == ("unchanged", 2)
    assert (there.id, parse_instant(there.created)) == (made.id, parse_instant(made.created))


def test_formulas_are_replaced_where_they_are_documented(library: OfferLibrary, api: str) -> None:
    formula = {"name": "Boost", "expression": {**PQL, "value": "1"}, "returnType": {"type": "integer"}}
    formula["definedOn"] = {"offer": {"schema": {"altId": "_experience.offer-management.personalized-offer"}}}
    if api == "xcore":
        with pytest.raises(UnsupportedError):
            library.replace(KINDS["formula"], "dps:ranking-function:1", formula)
        return
    made = library.create(KINDS["formula"], formula).receipt
    changed = {**formula, "name": "Boosted", "expression": {**PQL, "value": "2"}}
    assert library.replace(KINDS["formula"], made.id, changed).action == "replaced"
    there = library.get(KINDS["formula"], made.id)
    assert there is not None
    assert (there.name, there.properties["expression"]["value"]) == ("Boosted", "2")


def test_the_etag_that_is_named_must_be_the_objects(library: OfferLibrary, emulator: Emulator) -> None:
    ids = campaign(emulator)
    before, after = _documents(ids)["personalized"]
    made = library.create(PERSONALIZED, before).receipt
    with pytest.raises(ConflictError, match="its etag is 1, not 7"):
        library.replace(PERSONALIZED, made.id, after, if_match=7)
    assert library.replace(PERSONALIZED, made.id, after, if_match='"1"').receipt.etag == 2


def test_what_the_screens_keep_beside_a_rule_is_left_alone(library: OfferLibrary, emulator: Emulator, api: str) -> None:
    model = {"lifecycleState": "published"}
    (rule,) = emulator.seed(
        objects=[
            {
                "kind": "eligibility-rule",
                "generation": api,
                "body": {"name": "By hand", "condition": PQL, "segmentModel": model},
            }
        ]
    )
    written = library.replace(RULE, rule, {"name": "By hand", "condition": {**PQL, "value": "false"}})
    assert written.action == "replaced"
    there = library.get(RULE, rule)
    assert there is not None
    assert there.properties["segmentModel"] == model


def test_names_in_a_document_are_looked_up(library: OfferLibrary, emulator: Emulator) -> None:
    ids = campaign(emulator)
    before, after = _documents(ids)["collection"]
    made = library.create(KINDS["collection"], before).receipt
    library.replace(KINDS["collection"], "name:Set", {**after, "ids": ["name:Spring"]})
    there = library.get(KINDS["collection"], made.id)
    assert there is not None
    assert there.properties["ids"] == [ids["tag"]]


def test_a_decision_that_goes_live_by_a_replacement_is_looked_at(library: OfferLibrary, emulator: Emulator) -> None:
    emulator.configure(live_decision="any")
    ids = campaign(emulator)
    there = seed(emulator, "offer-activity", **decision(ids))
    late = {**decision(ids), "status": "live", "startDate": "2020-01-01T00:00:00Z", "endDate": "2020-02-01T00:00:00Z"}
    with pytest.raises(NotPublishableError, match="window_over"):
        library.replace(DECISION, there, late, validate="strict")
    assert library.replace(DECISION, there, late, waive="window_over").action == "replaced"


def test_what_is_archived_is_not_replaced(library: OfferLibrary, emulator: Emulator) -> None:
    ids = campaign(emulator)
    there = seed(emulator, "personalized-offer", **offer("Old", ids["placement"], status="archived"))
    with pytest.raises(TransitionError):
        library.replace(PERSONALIZED, there, offer("New", ids["placement"], status="draft"))


def test_what_is_wrong_is_said_before_anything_is_sent(library: OfferLibrary, emulator: Emulator) -> None:
    ids = campaign(emulator)
    there = seed(emulator, "personalized-offer", **offer("Old", ids["placement"], status="draft"))
    emulator.clear_journal()
    with pytest.raises(InvalidInputError, match="/status"):
        library.replace(PERSONALIZED, there, {"name": "New", "selectionConstraint": OPEN, "rank": {"priority": 1}})
    assert emulator.journal(path="/data/core/*") == []


@pytest.mark.parametrize("second", ["id", "name"])
def test_an_object_that_is_named_twice_is_refused_before_anything_is_sent(
    library: OfferLibrary, emulator: Emulator, second: str
) -> None:
    one, other = (seed(emulator, "tag", name=name) for name in ("Winter", "Summer"))
    again = {"id": one, "name": "name:Winter"}[second]
    references = [library.reference(KINDS["tag"], each) for each in (one, other, again)]
    emulator.clear_journal()

    with pytest.raises(InvalidInputError) as raised:
        library.replacements(references, [{"name": "A"}, {"name": "B"}, {"name": "C"}])

    assert [violation.pointer for violation in raised.value.violations] == ["/2"]
    assert "a second time" in str(raised.value)
    assert {entry.method for entry in emulator.journal(path="/data/*")} <= {"GET"}
