"""The models keep the values that were set, templates included, and become the same document as a dict."""

from __future__ import annotations

import collections
import json
import re
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from airflow_provider_offers import models
from airflow_provider_offers.client.errors import InvalidInputError
from airflow_provider_offers.client.given import as_given
from airflow_provider_offers.client.model.checking import findings
from airflow_provider_offers.client.model.documents import neutral_payload
from airflow_provider_offers.client.model.kinds import KINDS, PERSONALIZED, RULE, Kind
from airflow_provider_offers.client.model.places import Place
from airflow_provider_offers.client.model.preparing import prepare
from airflow_provider_offers.client.model.validation import check_offer
from airflow_provider_offers.models import (
    Component,
    DefinedOn,
    PersonalizedOffer,
    Rank,
    Representation,
    SchemaReference,
    SelectionConstraint,
    json_schema,
)
from tests.client import strategies
from tests.client.library import sale
from tests.effort import examples

EVERY = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
DATES: dict[str, Any] = {"startDate": "2026-03-10T00:00:00Z", "endDate": "2026-06-30T21:59:59Z"}


def test_a_model_is_the_dict_of_what_was_set() -> None:
    own: dict[str, Any] = {"acmeCode": "X-1"}
    offer = PersonalizedOffer(
        name="Sale {{ ds }}",
        status="draft",
        representations=[Representation(placement="p", components=[Component(type="html", format="text/html")])],
        selectionConstraint=SelectionConstraint(**DATES),
        rank=Rank(priority="{{ params.priority }}"),
        **own,
    )
    assert as_given([offer, {"in": (offer.rank,)}]) == [
        {
            "name": "Sale {{ ds }}",
            "status": "draft",
            "representations": [{"placement": "p", "components": [{"type": "html", "format": "text/html"}]}],
            "selectionConstraint": DATES,
            "rank": {"priority": "{{ params.priority }}"},
            "acmeCode": "X-1",
        },
        {"in": ({"priority": "{{ params.priority }}"},)},
    ]


def test_a_property_has_the_name_of_the_documents() -> None:
    about = DefinedOn(schema=SchemaReference(ref="https://example.com/x"), referencePaths=["a.b"])
    assert as_given(about) == {"schema": {"ref": "https://example.com/x"}, "referencePaths": ["a.b"]}
    rule = {"name": "x", "condition": {"type": "PQL", "value": "true"}, "definedOn": {"profile": about}}
    assert neutral_payload(rule, RULE)["definedOn"] == {"profile": as_given(about)}


def test_a_dict_of_any_type_may_hold_a_model() -> None:
    offer = collections.OrderedDict(sale(rank=Rank(priority=3)))
    assert neutral_payload(offer) == sale(rank={"priority": 3})


def test_a_value_of_a_patch_may_be_a_model() -> None:
    patch = [{"op": "replace", "path": "/rank", "value": Rank(priority="3")}]
    assert prepare(as_given(patch), [PERSONALIZED], "dps").operations == [{**patch[0], "value": {"priority": 3}}]


def test_a_property_that_is_taken_away_is_not_sent() -> None:
    offer = PersonalizedOffer(**sale())
    del offer.rank
    assert as_given(offer) == {name: value for name, value in sale().items() if name != "rank"}


def test_a_document_that_holds_itself_is_refused() -> None:
    offer = PersonalizedOffer(**sale())
    offer.customMetadata = {"offer": offer}
    with pytest.raises(InvalidInputError, match="more than 64 levels"):
        neutral_payload(offer)


def test_pydantic_itself_makes_and_checks_a_model() -> None:
    offer = PersonalizedOffer.model_validate(sale())
    assert (type(offer), type(offer.rank), as_given(offer)) == (PersonalizedOffer, Rank, sale())
    with pytest.raises(ValidationError, match=r"rank.order.function\s+Input should be the id of a ranking formula"):
        PersonalizedOffer.model_validate(sale(rank={"priority": 1, "order": {"function": ""}}))


@EVERY
@given(data=st.data())
@examples(20)
def test_a_model_takes_what_a_dict_takes_and_becomes_it(kind: Kind, data: st.DataObject) -> None:
    document = data.draw(strategies.OBJECTS[kind.key] | st.dictionaries(st.sampled_from(["name", "rank"]), st.text()))
    if not document.keys() & {"self", "schema_"}:
        assert as_given(kind.model(**document)) == document


def test_a_model_is_checked_as_its_dict_is() -> None:
    wrong: dict[str, Any] = sale(status="live", rank={"priority": -1})
    told = []
    for given_offer in (wrong, PersonalizedOffer(**wrong)):
        with pytest.raises(InvalidInputError) as refused:
            check_offer(PERSONALIZED, neutral_payload(given_offer), given_offer)
        told.append(refused.value.violations)
    assert told[0] == told[1]
    assert [each.pointer for each in told[0]] == ["/status", "/rank/priority"]


def places(place: Place) -> list[Place]:
    below = [*place.members.values(), *(each for each in (place.item, place.own) if each is not None)]
    return [place, *(inner for each in below for inner in places(each))]


@EVERY
def test_every_place_says_what_would_do_and_what_it_is_for(kind: Kind) -> None:
    for place in places(kind.place):
        odd: list[Any] = [None, True, 5, 1.5, "", " ", [], {}, "{{ x }}"]
        for found in (found for value in odd for found in findings(place, value)):
            assert found.given
            assert found.expected
        assert all(member.description for member in place.members.values())


@EVERY
def test_the_module_for_authors_has_every_model(kind: Kind) -> None:
    used = {place.model for place in places(kind.place)} - {None}
    assert {each.__name__ for each in used if each is not None} <= set(models.__all__)


@EVERY
def test_a_schema_is_a_schema(kind: Kind) -> None:
    schema = json_schema(kind.key)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["required"] == list(kind.place.required)
    assert not re.search(r'"default"', json.dumps(schema))


def test_a_schema_takes_what_the_checks_take() -> None:
    schema = jsonschema.Draft202012Validator(json_schema("personalized"))
    assert list(schema.iter_errors(sale(future=1))) == []
    for changes in (
        {"name": ""},
        {"status": "live"},
        {"rank": {"priority": -1}},
        {"tags": ["t"] * 21},
        {"representations": [{"placement": "p", "components": []}]},
        {"characteristics": {f"c{number}": "" for number in range(31)}},
    ):
        assert len(list(schema.iter_errors(sale(**changes)))) == 1, changes


def test_a_schema_of_an_unknown_kind_is_refused_by_name() -> None:
    with pytest.raises(InvalidInputError, match="'placement'"):
        json_schema("placements of mine")


def test_the_model_of_another_kind_is_refused_by_name() -> None:
    other: Any = {"name": "P"}
    with pytest.raises(InvalidInputError, match="given a Placement; expected a CollectionQualifier"):
        neutral_payload(models.Placement(**other), KINDS["tag"])
