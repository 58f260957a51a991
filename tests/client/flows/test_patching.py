"""Patches against the emulator: undocumented operations, properties that reads leave out, dates, invalid results."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_offers.client.errors import ConflictError, InvalidInputError, OutcomeUnknownError
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.kinds import COLLECTION, DECISION, FORMULA, PERSONALIZED, RULE
from airflow_provider_offers.client.settings import parse_settings
from airflow_provider_offers.client.wire.retry import Retries
from airflow_provider_offers.emulator import Emulator
from tests.client.campaign import campaign, decision, seed

DPS_ONLY = pytest.mark.parametrize("api", ["dps"], indirect=True)
RULE_BODY = {"name": "Gold", "condition": {"type": "PQL", "format": "pql/text", "value": "true"}}
ABOUT = {"offer": {"schema": {"altId": "x", "version": "0"}, "referencePaths": ["a"]}}


@pytest.fixture
def library(emulator: Emulator, api: str) -> Iterator[OfferLibrary]:
    connection = emulator.connection(api)
    settings = parse_settings(**{name: connection[name] for name in ("host", "login", "password", "extra")})
    with OfferLibrary(settings, retries=Retries(max_retries=4, base=0.01, cap=0.05)) as library:
        yield library


def offer(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Spring voucher",
        "status": "draft",
        "representations": [representation()],
        "selectionConstraint": {"startDate": "2020-01-01T00:00:00Z", "endDate": "2036-06-30T21:59:59Z"},
        "rank": {"priority": 10},
        "characteristics": {"a": "1", "b": "2"},
        **changes,
    }


def representation() -> dict[str, Any]:
    component = {"type": "html", "format": "text/html", "content": "<p>10%</p>"}
    return {"placement": Emulator.PLACEMENT_ID, "components": [component]}


def formula(library: OfferLibrary) -> str:
    document = {
        "name": "Boost",
        "returnType": {"type": "integer"},
        "expression": {"type": "PQL", "format": "pql/text", "value": "1"},
        "definedOn": ABOUT,
    }
    return library.create(FORMULA, document).receipt.id


def body_of(emulator: Emulator, identifier: str) -> Any:
    (body,) = (each["body"] for each in emulator.objects() if each["id"] == identifier)
    return body


def committed(emulator: Emulator) -> int:
    return sum(entry.committed for entry in emulator.journal(method="PATCH"))


def test_operations_that_no_page_lists_are_made_of_those_that_are(emulator: Emulator, library: OfferLibrary) -> None:
    emulator.configure(unlisted_operations="refuse")
    made = library.create(PERSONALIZED, offer()).receipt.id
    operations = [
        {"op": "test", "path": "/characteristics/a", "value": "1"},
        {"op": "move", "from": "/characteristics/a", "path": "/characteristics/c"},
        {"op": "copy", "from": "/_instance/xdm:characteristics/c", "path": "/description"},
    ]
    assert library.patch(PERSONALIZED, made, operations).receipt.etag == 2
    body = body_of(emulator, made)
    assert (body["characteristics"], body["description"]) == ({"b": "2", "c": "1"}, "1")


def test_a_date_is_tested_as_an_instant(emulator: Emulator, library: OfferLibrary) -> None:
    made = library.create(PERSONALIZED, offer()).receipt.id
    path = "/selectionConstraint/startDate"
    for etag, same in enumerate(("2020-01-01T00:00:00Z", "2020-01-01T01:00:00.000+01:00"), 2):
        operations = [
            {"op": "test", "path": path, "value": same},
            {"op": "add", "path": "/description", "value": same},
        ]
        assert library.patch(PERSONALIZED, made, operations).receipt.etag == etag
    with pytest.raises(ConflictError, match="nothing was sent"):
        library.patch(PERSONALIZED, made, [{"op": "test", "path": path, "value": "2020-01-01T00:00:01Z"}, *operations])


@DPS_ONLY
def test_what_reads_leave_out_can_be_patched(emulator: Emulator, library: OfferLibrary) -> None:
    made = formula(library)
    for number, operations in enumerate(
        (
            [{"op": "add", "path": "/definedOn/offer/referencePaths/-", "value": "b"}],
            [{"op": "test", "path": "/returnType/type", "value": "integer"}, _version("1")],
        ),
        2,
    ):
        assert library.patch(FORMULA, made, operations).receipt.etag == number
    assert library.patch(FORMULA, made, [_version("2")], if_match=3).receipt.etag == 4
    about = body_of(emulator, made)["definedOn"]["offer"]
    assert (about["referencePaths"], about["schema"]["version"]) == (["a", "b"], "2")


def _version(version: str) -> dict[str, Any]:
    return {"op": "replace", "path": "/definedOn/offer/schema/version", "value": version}


@DPS_ONLY
@pytest.mark.parametrize("fault", [{"effect": "drop"}, {"effect": "status", "status": 503}], ids=["drop", "503"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_answer_about_what_reads_leave_out_is_unknown(
    emulator: Emulator, library: OfferLibrary, fault: dict[str, Any], when: str
) -> None:
    made = formula(library)
    emulator.add_fault(fault["effect"], method="PATCH", when=when, path="/data/*", **_but_effect(fault))
    with pytest.raises(OutcomeUnknownError):
        library.patch(FORMULA, made, [{"op": "add", "path": "/definedOn/offer/referencePaths/-", "value": "b"}])
    assert committed(emulator) == (when == "after")
    # Setting it twice has the same result as once, so it is repeated.
    emulator.add_fault(fault["effect"], method="PATCH", when=when, path="/data/*", **_but_effect(fault))
    library.patch(FORMULA, made, [_version("3")])
    assert body_of(emulator, made)["definedOn"]["offer"]["schema"]["version"] == "3"


def _but_effect(fault: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fault.items() if name != "effect"}


def test_a_rule_is_patched_beside_what_reads_may_leave_out(emulator: Emulator, library: OfferLibrary) -> None:
    made = library.create(RULE, {**RULE_BODY, "definedOn": {"profile": ABOUT["offer"]}}).receipt.id
    add = [{"op": "add", "path": "/_instance/xdm:definedOn/profile/xdm:referencePaths/-", "value": "b"}]
    assert library.patch(RULE, made, add).receipt.etag == 2
    assert body_of(emulator, made)["definedOn"]["profile"]["referencePaths"] == ["a", "b"]


def test_what_a_patch_would_leave_is_held_against_the_rules(emulator: Emulator, library: OfferLibrary) -> None:
    tags = [seed(emulator, "tag", name=f"Tag {number}") for number in range(21)]
    made = library.create(PERSONALIZED, offer(tags=tags[:20])).receipt.id
    for operation, place in (
        ({"op": "add", "path": "/tags/-", "value": tags[20]}, "/tags"),
        ({"op": "add", "path": "/representations/-", "value": representation()}, "/representations/1/placement"),
        (
            {"op": "add", "path": "/representations/0/components/0/content", "value": "x" * 306_500},
            "the whole input",
        ),
    ):
        with pytest.raises(InvalidInputError, match="nothing was sent") as refused:
            library.patch(PERSONALIZED, made, [operation], validate="strict")
        assert place in str(refused.value)
    assert not emulator.journal(method="PATCH")
    # A patch that reduces the number is sent, although the number may still be too large.
    emulator.configure(guardrails="ignore")
    crowded = seed(emulator, "personalized-offer", **offer(name="Crowded", tags=[*tags, *tags]))
    assert library.patch(PERSONALIZED, crowded, [{"op": "remove", "path": "/tags/0"}]).receipt.etag == 2


def test_what_a_patch_sets_together_is_refused_before_anything_is_sent(
    emulator: Emulator, library: OfferLibrary
) -> None:
    ids = campaign(emulator)
    there = seed(emulator, "offer-activity", **decision(ids))
    asked = len(emulator.journal())
    placements = [f"dps:offer-placement:{number:016x}" for number in range(31)]
    criteria = [{"placements": placements, "optionSelection": {"filter": ids["collection"]}}]
    moment = "2030-01-01T00:00:00Z"
    tags = [f"dps:tag:{number:016x}" for number in range(21)]
    for operations, target, kind in (
        ([("criteria", criteria)], there, DECISION),
        ([("startDate", moment), ("endDate", moment)], there, DECISION),
        ([("representations", [representation()] * 2)], ids["personalized"], PERSONALIZED),
        ([("filterType", "any-tags"), ("ids", tags)], ids["collection"], COLLECTION),
        ([("description", "x" * 310_000)], ids["personalized"], PERSONALIZED),
    ):
        patch = [{"op": "replace", "path": f"/{name}", "value": value} for name, value in operations]
        with pytest.raises(InvalidInputError, match="cannot be sent"):
            library.patch(kind, target, patch, validate="strict")
    assert len(emulator.journal()) == asked


def test_without_the_checks_a_patch_is_left_to_the_service(emulator: Emulator, library: OfferLibrary) -> None:
    emulator.configure(guardrails="ignore")
    made = library.create(PERSONALIZED, offer(tags=[Emulator.TAG_ID] * 20)).receipt.id
    add = [{"op": "add", "path": "/tags/-", "value": Emulator.TAG_ID}]
    with pytest.raises(InvalidInputError, match="nothing was sent"):
        library.patch(PERSONALIZED, made, add)
    assert library.patch(PERSONALIZED, made, add, validate=False).receipt.etag == 2


def test_an_update_is_held_against_the_rules_with_what_is_there(emulator: Emulator, library: OfferLibrary) -> None:
    emulator.configure(guardrails="ignore")
    ids = campaign(emulator)
    seed(emulator, "offer-activity", **decision(ids, name="Front page"))
    later = {"name": "Front page", "status": "draft", "startDate": "2099-01-01T00:00:00Z"}
    with pytest.raises(InvalidInputError, match="/endDate"):
        library.create(DECISION, later, if_exists="update", validate="strict")
