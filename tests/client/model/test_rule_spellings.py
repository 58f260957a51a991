"""Rules of generation 1: the pages write description and condition without a prefix, some reads show one; both work."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_offers.client.generations.xcore import Xcore
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.documents import given_pointer, neutral_payload
from airflow_provider_offers.client.model.kinds import COLLECTION, RULE
from airflow_provider_offers.client.model.spelling import neutral_value, wire_value
from airflow_provider_offers.client.settings import parse_settings
from airflow_provider_offers.emulator import Emulator

NAMES = RULE.names

CONDITION = {"type": "PQL", "format": "pql/text", "value": "true"}
PREFIXED = {
    "xdm:name": "Gold",
    "xdm:description": "Members",
    "xdm:condition": {f"xdm:{name}": value for name, value in CONDITION.items()},
}
PAGE = {"xdm:name": "Gold", "description": "Members", "condition": CONDITION}
NEUTRAL = {"name": "Gold", "description": "Members", "condition": CONDITION}


@pytest.fixture
def library(emulator: Emulator) -> Iterator[OfferLibrary]:
    connection = emulator.connection("xcore")
    connection.pop("conn_type")
    with OfferLibrary(parse_settings(**connection)) as library:
        yield library


@pytest.mark.parametrize("written", [PAGE, PREFIXED, NEUTRAL, {**PAGE, "condition": PREFIXED["xdm:condition"]}])
def test_every_spelling_is_taken_and_the_pages_is_written(written: dict[str, Any]) -> None:
    assert neutral_payload(written, RULE) == NEUTRAL
    assert Xcore("c").create(RULE, neutral_payload(written, RULE)).body == PAGE


def test_a_message_names_the_place_as_its_author_wrote_it() -> None:
    for written, pointer in (
        (PAGE, "/condition/value"),
        (PREFIXED, "/xdm:condition/xdm:value"),
        ({"_instance": PREFIXED}, "/_instance/xdm:condition/xdm:value"),
    ):
        assert given_pointer(written, "/condition/value", NAMES) == pointer


@pytest.mark.parametrize(
    "shown", [PAGE, PREFIXED, {**PAGE, "xdm:description": "Members"}, {"xdm:name": "x", **CONDITION}]
)
def test_what_is_shown_goes_back_as_it_was_shown(shown: dict[str, Any]) -> None:
    shown = {name: value for name, value in shown.items() if not (name == "description" and "xdm:description" in shown)}
    names = NAMES.as_shown(shown) or NAMES
    assert wire_value(neutral_value(shown, NAMES, is_read=True), names) == shown


def test_what_is_absent_is_spelled_as_what_is_there() -> None:
    for shown, wire in (
        ({"xdm:name": "x", "xdm:condition": {}}, "xdm:description"),
        ({"condition": {}}, "description"),
    ):
        assert (NAMES.as_shown(shown) or NAMES).wire_name("description")[0] == wire


@pytest.mark.parametrize("stored", ["plain", "as_written", "prefixed"])
def test_a_patch_takes_the_spelling_that_is_there(emulator: Emulator, library: OfferLibrary, stored: str) -> None:
    emulator.configure(xcore_rule_names=stored)
    made = library.create(RULE, PREFIXED).receipt.id
    changes = [
        {"op": "replace", "path": "/description", "value": "Members of gold"},
        {"op": "replace", "path": "/_instance/xdm:condition/xdm:value", "value": "false"},
    ]
    assert library.patch(RULE, made, changes).receipt.etag == 2
    entity = library.get(RULE, made)
    assert entity is not None
    assert entity.properties["description"] == "Members of gold"
    assert entity.properties["condition"] == {**CONDITION, "value": "false"}
    (sent,) = emulator.journal(method="PATCH")
    prefix = "xdm:" if stored == "prefixed" else ""
    assert [operation["path"] for operation in json.loads(sent.body)] == [
        f"/_instance/{prefix}description",
        f"/_instance/{prefix}condition/{prefix}value",
    ]


@pytest.mark.parametrize("stored", ["plain", "prefixed"])
def test_a_description_that_is_not_there_is_added_whichever_way(
    emulator: Emulator, library: OfferLibrary, stored: str
) -> None:
    emulator.configure(xcore_rule_names=stored)
    bare = {name: value for name, value in PAGE.items() if name != "description"}
    made = library.create(RULE, bare).receipt.id
    library.patch(RULE, made, [{"op": "add", "path": "/description", "value": "New"}])
    written = library.create(RULE, {**bare, "condition": {**CONDITION, "value": "1"}}, if_exists="update")
    assert written.action == "updated"
    entity = library.get(RULE, made)
    assert entity is not None
    assert entity.properties == {"name": "Gold", "description": "New", "condition": {**CONDITION, "value": "1"}}


def test_only_a_patch_of_what_has_two_spellings_is_read_for(emulator: Emulator, library: OfferLibrary) -> None:
    made = library.create(RULE, PAGE).receipt
    asked = len(emulator.journal(method="GET"))
    rename = [{"op": "replace", "path": "/name", "value": "Silver"}]
    library.patch(RULE, made.instance_id, rename)
    assert len(emulator.journal(method="GET")) == asked


def test_a_collection_has_its_description_as_other_kinds_do(emulator: Emulator, library: OfferLibrary) -> None:
    made = library.create(COLLECTION, {"name": "C", "description": "All", "filterType": "any-tags"})
    (sent,) = emulator.journal(method="POST", path="/data/core/xcore/*")
    assert json.loads(sent.body) == {"xdm:name": "C", "xdm:description": "All", "xdm:filterType": "anyTags"}
    change = [{"op": "replace", "path": "/description", "value": "Some"}]
    library.patch(COLLECTION, made.receipt.id, change)
    entity = library.get(COLLECTION, made.receipt.id)
    assert entity is not None
    assert entity.properties["description"] == "Some"
