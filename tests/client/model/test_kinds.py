"""The kind table: spellings, paths, windows, steps and references of every kind of object."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from airflow_provider_offers.client.errors import InvalidInputError, UnsupportedError
from airflow_provider_offers.client.flows.creation_arguments import new_creation
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
from airflow_provider_offers.client.model.places import targets
from airflow_provider_offers.client.model.query import parse_query
from airflow_provider_offers.client.model.spelling import neutral_tokens, neutral_value, wire_tokens, wire_value
from airflow_provider_offers.client.model.windows import window_of
from airflow_provider_offers.client.wire.messages import Answer
from airflow_provider_offers.emulator import Emulator
from tests.client import strategies
from tests.client.library import INSTANCE_ID
from tests.client.model.every_kind import DPS, EVERY, ON_XCORE, ROOT, XCORE, property_test, reference
from tests.client.script import answer


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
            "collection qualifier; expected the id of a placement, the result of a task, or name: and its name",
        ),
        ("Web HTML", "did you mean 'name:Web HTML'\\?"),
        ("dps:selection-strategy:1", "No placement is named"),
        ({"id": "x", "kind": "tag"}, "given the receipt of a collection qualifier; expected the id of a placement"),
        ({"id": "x", "offer_type": "fallback"}, "given the receipt of a fallback offer; expected the id of a pla"),
        ({"id": "x", "sandbox": "dev"}, "The placement is in another sandbox"),
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
    with pytest.raises(InvalidInputError, match="a property of the placement; the service assigns"):
        library.patch(PLACEMENT, Emulator.PLACEMENT_ID, assigned)
