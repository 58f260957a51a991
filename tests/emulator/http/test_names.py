"""The emulator's names of generation 1 equal the client's, although they are written separately."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_offers.client.model import kinds
from airflow_provider_offers.client.model.spelling import Spelled
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.emulator.kinds import BY_NAME, KINDS, Kind
from airflow_provider_offers.emulator.shapes import ComponentType, ListOf, MapOf, Object, Reading, Shape, Text
from tests.emulator.conftest import SCHEMA, Caller, xcore_offer

CLIENTS = {kind.type_name: kind for kind in kinds.KINDS.values()}


def emulators_names(shape: Shape, at: str = "") -> Iterator[tuple[str, set[str]]]:
    """The place of each of the emulator's properties in generation 2, and its possible names in generation 1."""
    if isinstance(shape, Object):
        for each in shape.properties:
            here = f"{at}.{each.plain}"
            yield here, {each.name("xcore"), each.also} - {""}
            yield from emulators_names(each.shape, here)
    elif isinstance(shape, ListOf | MapOf):
        yield from emulators_names(shape.item, f"{at}.*")


def clients_names(spelled: Spelled, at: str = "") -> Iterator[tuple[str, str]]:
    """The same for the client."""
    for plain, (wire, child) in spelled.members.items():
        if wire != plain:
            yield f"{at}.{plain}", wire
        yield from clients_names(child, f"{at}.{plain}")
    for each in (spelled.items, spelled.values):
        if each is not None:
            yield from clients_names(each, f"{at}.*")


def emulators_words(shape: Shape, at: str = "") -> Iterator[tuple[str, Shape, tuple[str, ...]]]:
    """The places of values with another spelling in generation 1, and their possible words in generation 2."""
    if isinstance(shape, Object):
        for each in shape.properties:
            yield from emulators_words(each.shape, f"{at}.{each.plain}")
    elif isinstance(shape, ListOf | MapOf):
        yield from emulators_words(shape.item, f"{at}.*")
    elif isinstance(shape, ComponentType):
        yield at, shape, ("html", "imagelink", "json", "component-text")
    elif isinstance(shape, Text) and shape.prefixed_choices:
        yield at, shape, shape.choices


def place(spelled: Spelled, at: str) -> Spelled:
    """The client's spelling of the value at that place."""
    for step in at.split(".")[1:]:
        found = (spelled.items or spelled.values) if step == "*" else spelled.members[step][1]
        assert found is not None, at
        spelled = found
    return spelled


def test_both_have_the_same_kinds() -> None:
    assert set(CLIENTS) == set(BY_NAME)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_both_have_the_same_names(kind: Kind) -> None:
    theirs = {
        at: wire
        for at, wire in clients_names(CLIENTS[kind.name].names)
        # The envelope's id is not a property here, and a dropped member has no shape.
        if wire != "@id" and at.split(".")[1] not in kind.dropped
    }
    ours = dict(emulators_names(kind.shape))
    assert theirs.keys() <= ours.keys()
    for at, names in ours.items():
        assert theirs.get(at, at.rpartition(".")[2]) in names, at


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_both_have_the_same_words(kind: Kind) -> None:
    for at, shape, words in emulators_words(kind.shape):
        spelled = place(CLIENTS[kind.name].names, at)
        assert spelled.to_wire is not None
        assert spelled.to_neutral is not None
        for word in words:
            assert spelled.to_wire(word) == shape.write(shape.read(word, "", Reading("dps")), "xcore"), (at, word)
            wire = spelled.to_wire(word)
            read = shape.write(shape.read(wire, "", Reading("xcore")), "dps")
            assert spelled.to_neutral(wire) == read, (at, wire)


def test_capping_rules_of_custom_events_are_read_by_both(caller: Caller) -> None:
    rule = {"limit": 1, "scope": "profile", "entity": "offer", "events": ["custom"]}
    rule |= {"customQuery": "commerce.checkouts.value.isNotNull()", "duration": 1, "index": 0}
    prefixed = {f"xdm:{name}": value for name, value in rule.items()}
    receipt = caller.create_xcore(xcore_offer(frequencyCappingConstraints=[prefixed]))
    assert caller.get_dps(receipt["@id"]).json()["frequencyCappingConstraints"] == [rule]
    query = {"op": "replace", "path": "/frequencyCappingConstraints/0/customQuery", "value": "other"}
    assert caller.patch_dps(receipt["@id"], query).status_code == 200
    read = caller.instances("GET", receipt["instanceId"]).json()["_instance"]["xdm:frequencyCappingConstraints"]
    assert read == [{**prefixed, "xdm:customQuery": "other"}]
    wrong = {"op": "replace", "path": "/frequencyCappingConstraints/0/duration", "value": 0}
    assert caller.patch_dps(receipt["@id"], wrong).status_code == 400


def test_how_a_criterion_selects_is_read_by_both(emulator: Emulator, caller: Caller) -> None:
    selection: dict[str, Any] = {"xdm:optionSelectionType": "filter"}
    criterion = {"xdm:placements": [Emulator.PLACEMENT_ID], "xdm:optionSelection": selection}
    document = {"xdm:name": "Newsletter", "xdm:status": "draft", "xdm:criteria": [criterion]}
    receipt = caller.create_xcore(document, f"{SCHEMA}offer-activity;version=0.5")
    (read,) = caller.dps("GET", f"/offer-decisions/{receipt['@id']}").json()["criteria"]
    assert read["optionSelection"] == {"optionSelectionType": "filter"}
    assert caller.instances("GET", receipt["instanceId"]).json()["_instance"]["xdm:criteria"] == [criterion]
