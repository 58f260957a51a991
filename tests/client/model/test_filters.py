"""A typing error in a search is rejected, because the search would find nothing or everything."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.client.errors import InvalidInputError
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model import filters
from airflow_provider_offers.client.model.filters import fitted
from airflow_provider_offers.client.model.kinds import COLLECTION, KINDS, PERSONALIZED, PLACEMENT, Kind
from airflow_provider_offers.client.model.query import parse_query


def asked(kind: Kind = PERSONALIZED, **parameters: Any) -> list[str]:
    """The filters as they are sent, in neutral spelling."""
    return [each.text for each in fitted(parse_query(**parameters), kind).properties]


@pytest.mark.parametrize(
    ("parameters", "meant"),
    [
        ({"properties": "statu==approved"}, "did you mean 'status'?"),
        ({"properties": "_instance.xdm:statsu==approved"}, "did you mean 'xdm:status'?"),
        ({"properties": "status==aproved"}, "did you mean 'approved'?"),
        ({"properties": "status!=live"}, "'draft' or 'approved' or 'archived'"),
        ({"properties": "selectionConstraint.endDat<2026-07-01T00:00:00Z"}, "did you mean 'endDate'?"),
        ({"properties": "representations.components.type==htlm"}, "did you mean 'html'?"),
        ({"properties": "representations.chanel"}, "did you mean 'channel'?"),
        ({"properties": "rank.priority>high"}, "expected a number after the operator"),
        ({"properties": "xdm:rank.xdm:priority==1,5"}, "expected a known property after each comma"),
        ({"properties": "cappingConstraint.globalCap>="}, "expected a number after the operator"),
        ({"properties": "selectionConstraint.endDate<01.06.2036"}, "an RFC 3339 date-time"),
        ({"properties": "modified>="}, "an RFC 3339 date-time"),
        # What `name!={{ params.name }}` renders without the parameter: it would find everything.
        ({"properties": "name!="}, "expected a value after !="),
        ({"properties": "name~"}, "expected a value after ~"),
        ({"properties": "status!="}, "expected a value after !="),
        ({"properties": "id=="}, "expected a value after =="),
        ({"properties": "tags=="}, "expected a value after =="),
        ({"properties": "representations.placement==name:Web hero"}, "an id after the operator"),
        ({"properties": "tags!=name:Spring"}, "an id after the operator"),
        ({"properties": "tags==xcore:eligibility-rule:124e0faf5b8ee89b"}, "the id of a collection qualifier after the"),
        ({"properties": "status<>draft"}, "expected != in place of <>"),
        ({"order_by": "-nmae"}, "did you mean 'name'?"),
        ({"order_by": "-cerated"}, "did you mean 'created'?"),
        ({"properties": "modifed>=2026-05-01T00:00:00Z"}, "did you mean 'modified'?"),
        ({"q": "x", "fields": "descripton"}, "did you mean 'description'?"),
    ],
)
def test_a_slip_in_a_search_is_refused_with_what_was_meant(parameters: dict[str, Any], meant: str) -> None:
    with pytest.raises(InvalidInputError, match="The search cannot be sent") as refused:
        asked(**parameters)
    assert meant in str(refused.value)
    (violation,) = refused.value.violations
    assert violation.pointer in parameters


def test_words_and_dates_are_spelled_as_the_kind_spells_them() -> None:
    assert asked(properties=["status==Approved", "status!=DRAFT"]) == ["status==approved", "status!=draft"]
    assert asked(COLLECTION, properties="filterType==anyTags") == ["filterType==any-tags"]
    assert asked(PLACEMENT, properties="componentType==HTML") == ["componentType==html"]
    rendered = ["selectionConstraint.endDate<2026-05-01 00:00:00+00:00", "modified>=20260501T020000+0200"]
    assert asked(properties=rendered) == [
        "selectionConstraint.endDate<2026-05-01T00:00:00Z",
        "modified>=2026-05-01T00:00:00Z",
    ]
    # A date that is a bound begins at midnight.
    days = ["selectionConstraint.endDate<2036", "created>=2036-06-01", "xdm:selectionConstraint.xdm:startDate>=2036-06"]
    assert asked(properties=days) == [
        "selectionConstraint.endDate<2036-01-01T00:00:00Z",
        "created>=2036-06-01T00:00:00Z",
        "xdm:selectionConstraint.xdm:startDate>=2036-06-01T00:00:00Z",
    ]
    # The author's own pattern is not escaped.
    assert asked(properties=["status~App.*", "name==Approved"]) == ["status~App.*", "name==Approved"]


@pytest.mark.parametrize(
    "text",
    [
        "rank.priority>=10",
        "rank.priority~1.",
        "rank.priority>-1",
        "cappingConstraint.globalCap<1000.5",
        "modified>1603395515489",
        "modified~.*T00:.*",
        "tags==xcore:tag:124f4e5c8a00cd92",
        "tags==game:77",
        "tags==gps:tag:12",
        "representations.placement~name:.*",
        "name==name:x",
        "characteristics.cap>high",
        "acmeCap<high",
    ],
)
def test_a_value_that_a_property_may_have_is_asked_for(text: str) -> None:
    assert asked(properties=text) == [text]


@pytest.mark.parametrize("text", ["tags==nme:Spring", "tags!=Name:Spring", "tags==dsp:tag:124f4e5c8a00cd92"])
def test_an_id_with_a_misspelled_prefix_is_not_searched_for(text: str) -> None:
    with pytest.raises(InvalidInputError, match="expected an id after the operator"):
        asked(properties=text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ('name=="Spring"', "the value without quotes; did you mean 'name==Spring'?"),
        ("name~'Spring.*'", "the value without quotes; did you mean 'name~Spring.*'?"),
        ('tags=="xcore:tag:124f4e5c8a00cd92"', "did you mean 'tags==xcore:tag:124f4e5c8a00cd92'?"),
        ("name==Spring*", "a whole value after ==; did you mean 'name~Spring.*'?"),
        ("name==.*Spring.*", "a whole value after ==; did you mean 'name~.*Spring.*'?"),
        ("created>=2036-06-01T09:00:00", "an RFC 3339 date-time with a zone"),
        ("selectionConstraint.endDate<2036-06-01 09:00", "an RFC 3339 date-time with a zone"),
        # The beginning of a date is a bound, but equals no date.
        ("selectionConstraint.startDate==2036-06-01", "an RFC 3339 date-time with a zone"),
        ("tags==Spring sale", "expected an id after the operator; a filter does not look for names"),
        ("description!=", "expected a value after !="),
        ("mdm:rank==1", "given 'mdm:rank==1'; expected a documented property"),
        ("_instance.ac:tags==x", "given '_instance.ac:tags==x'; expected a documented property"),
        ("c:priority>1", "given 'c:priority>1'; expected a documented property"),
        ("characteristics.sku==", "expected a value after =="),
        ("createdBy~", "expected a value after ~"),
    ],
)
def test_a_value_that_may_never_be_found_is_asked_for_with_a_warning(
    text: str, meant: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "_told", set())
    assert asked(properties=text) == [text]
    (said,) = [record.getMessage() for record in caplog.records if record.name == filters.__name__]
    assert meant in said


def test_a_day_that_may_mean_its_end_is_asked_for_with_a_warning(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "_told", set())
    assert asked(properties="created<=2036-06-01,modified>2036-06") == [
        "created<=2036-06-01T00:00:00Z",
        "modified>2036-06-01T00:00:00Z",
    ]
    said = [record.getMessage() for record in caplog.records if record.name == filters.__name__]
    assert ["given 'created<=2036-06-01'" in said[0], "given 'modified>2036-06'" in said[1]] == [True, True]
    assert all("this compares with 2036-06-01T00:00:00Z" in each for each in said)


def test_a_value_of_a_usual_form_is_asked_for_in_silence(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "_told", set())
    typed = ("tags==dps:tag:abcdef", "tags==xcore:tag:deadbeef")
    for text in ("name==Rock'n'Roll", 'name==6" towel', "modified>1603395515489", "name~.*", *typed):
        assert asked(properties=text) == [text]
    assert asked(properties="created>=2036-06-01") == ["created>=2036-06-01T00:00:00Z"]
    assert [record.getMessage() for record in caplog.records if record.name == filters.__name__] == []


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_whatever_a_read_shows_can_be_asked_for(kind: Kind) -> None:
    paths = ["id", "created", "modified", "etag", "createdBy", "repo:createdDate", "repo:etag", "instanceId", "name"]
    paths += [f"{name}" for name in kind.place.members]
    fitted(parse_query(properties=paths, order_by=[f"-{path}" for path in paths]), kind)
    fitted(parse_query(properties="characteristics.nmae==x"), PERSONALIZED)


def test_another_unknown_property_is_asked_for_with_one_warning(
    library: OfferLibrary, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "_told", set())
    for _ in range(3):
        assert list(library.search(PERSONALIZED, parse_query(properties="acmeCampaignCode==X-1"))) == []
    said = [record.getMessage() for record in caplog.records if record.name == filters.__name__]
    assert len(said) == 1
    assert "given 'acmeCampaignCode==X-1'" in said[0]
    assert "No page of Adobe's shows this property" in said[0]
