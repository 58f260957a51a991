"""Restoring what the author meant: absent members, numbers and text from templates, dates, case, copied reads."""

from __future__ import annotations

import json
import logging
from typing import Any

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.client.errors import Doubt, InvalidInputError
from airflow_provider_offers.client.flows.creation_arguments import new_creation
from airflow_provider_offers.client.model.cleaning import cleaned, tidied
from airflow_provider_offers.client.model.documents import neutral_payload
from airflow_provider_offers.client.model.instants import parse_instant
from airflow_provider_offers.client.model.kinds import (
    COLLECTION,
    DECISION,
    KINDS,
    PERSONALIZED,
    PLACEMENT,
    RULE,
    Kind,
)
from airflow_provider_offers.client.model.preparing import neutral_patch
from airflow_provider_offers.client.model.validation import offer_findings
from tests.client import strategies
from tests.client.library import sale
from tests.effort import examples

CHANNELS = "https://ns.adobe.com/xdm/channel-types/"
EVERY = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def tidy(document: Any, kind: Kind = PERSONALIZED) -> dict[str, Any]:
    """The document as it is sent, if it is valid."""
    properties = tidied(kind, neutral_payload(document, kind))
    assert offer_findings(kind, properties, document) == []
    return properties


def content(value: Any, **component: Any) -> dict[str, Any]:
    whole = {"type": "json", "format": "application/json", "content": value, **component}
    return sale(representations=[{"placement": "p", "components": [whole]}])


def test_null_and_empty_text_in_optional_members_mean_absent() -> None:
    given_offer = sale(
        description="",
        tags=None,
        representations=None,
        characteristics={"a": None, "b": ""},
        cappingConstraint={"globalCap": None},
        selectionConstraint={**sale()["selectionConstraint"], "eligibilityRule": "", "profileConstraintType": None},
    )
    clean = tidy(given_offer)
    assert not {"description", "tags", "representations"} & clean.keys()
    assert clean["characteristics"] == {"b": ""}
    assert clean["cappingConstraint"] == {}
    assert clean["selectionConstraint"] == sale()["selectionConstraint"]
    assert tidy({"xdm:name": "P", "xdm:componentType": "", "xdm:channel": "", "xdm:description": ""}, PLACEMENT) == {
        "name": "P"
    }
    assert tidy({"xdm:name": "C", "xdm:filterType": "offers", "xdm:ids": None}, COLLECTION) == {
        "name": "C",
        "filterType": "offers",
    }
    condition = {"type": "PQL", "format": "pql/text", "value": "true"}
    assert tidy({"name": "R", "description": "", "condition": condition, "xdm:definedOn": None}, RULE) == {
        "name": "R",
        "condition": condition,
    }


@pytest.mark.parametrize("nothing", [None, ""])
@pytest.mark.parametrize("name", ["name", "status", "selectionConstraint", "rank"])
def test_what_is_required_is_not_absent_by_being_empty(name: str, nothing: Any) -> None:
    document = sale(**{name: nothing})
    found = offer_findings(PERSONALIZED, tidied(PERSONALIZED, neutral_payload(document)), document)
    assert [each.pointer for each in found] == [f"/{name}"]


def test_numbers_and_flags_in_text_are_what_they_say() -> None:
    clean = tidy(sale(rank={"priority": " 7 "}, cappingConstraint={"globalCap": "007", "profileCap": 3.0}))
    assert (clean["rank"], clean["cappingConstraint"]) == ({"priority": 7}, {"globalCap": 7, "profileCap": 3})
    assert json.dumps(clean["cappingConstraint"]) == '{"globalCap": 7, "profileCap": 3}'
    placement = {"name": "P", "itemCount": "2", "returnContent": "True", "returnMetaData": {"offerName": "false"}}
    assert tidy(placement, PLACEMENT) == {
        "name": "P",
        "itemCount": 2,
        "returnContent": True,
        "returnMetaData": {"offerName": False},
    }


@pytest.mark.parametrize("number", ["7.5", "1e3", "seven", "", "\uff17", 7.5, True, "9" * 19])
def test_what_is_no_whole_number_is_refused(number: Any) -> None:
    document = sale(rank={"priority": number})
    found = offer_findings(PERSONALIZED, tidied(PERSONALIZED, neutral_payload(document)), document)
    assert [each.pointer for each in found] == ["/rank/priority"]


def test_digits_where_text_belongs_are_text_and_json_is_written_as_json() -> None:
    clean = tidy(
        {**content({"headline": "Säve", "n": [1, None]}), "name": 42, "characteristics": {"code": 42, "more": ["a"]}}
    )
    assert clean["name"] == "42"
    assert clean["characteristics"] == {"code": "42", "more": '["a"]'}
    (component,) = clean["representations"][0]["components"]
    assert component["content"] == '{"headline": "Säve", "n": [1, null]}'
    assert (
        tidy(content('{"headline": "Save"}'))["representations"][0]["components"][0]["content"]
        == '{"headline": "Save"}'
    )


@pytest.mark.parametrize("lossy", [4.5, 1000.0, True])
def test_what_a_template_lost_is_not_guessed(lossy: Any) -> None:
    """After rendering, 4.50 is 4.5, 1e3 is 1000.0, and true may have been True."""
    document = sale(characteristics={"price": lossy})
    (found,) = offer_findings(PERSONALIZED, tidied(PERSONALIZED, neutral_payload(document)), document)
    assert found.pointer == "/characteristics/price"
    assert ("write it in quotes" in found.expected) is (lossy is not True)


def test_only_text_is_to_be_quoted() -> None:
    (found,) = offer_findings(PERSONALIZED, sale(characteristics=4.5), {})
    assert found.expected == "an object of texts"


@pytest.mark.parametrize(
    ("given_instant", "sent"),
    [
        ("2026-05-01 00:00:00+00:00", "2026-05-01T00:00:00Z"),
        ("2026-05-01T00:00:00+0000", "2026-05-01T00:00:00Z"),
        ("2026-05-01 02:00:00.250000+02:00", "2026-05-01T00:00:00.250Z"),
        ("20260501T020000+0200", "2026-05-01T00:00:00Z"),
        ("2026-05-01t00:00:00z", "2026-05-01T00:00:00Z"),
        (" 2026-05-01T00:00:00Z ", "2026-05-01T00:00:00Z"),
        (pendulum.datetime(2026, 5, 1, 2, tz="Europe/Berlin"), "2026-05-01T00:00:00Z"),
        (str(pendulum.datetime(2026, 5, 1)), "2026-05-01T00:00:00Z"),
        # RFC 3339 text stays as its author wrote it.
        ("2026-05-01T00:00:00.000+00:00", "2026-05-01T00:00:00.000+00:00"),
        ("2026-05-01T02:00:00+02:00", "2026-05-01T02:00:00+02:00"),
    ],
)
def test_every_instant_is_written_as_rfc_3339(given_instant: Any, sent: str) -> None:
    end = "2036-05-01T00:00:00Z"
    clean = tidy(sale(selectionConstraint={"startDate": given_instant, "endDate": end}))
    assert clean["selectionConstraint"]["startDate"] == sent
    assert (
        tidy({"name": "D", "status": "draft", "startDate": given_instant, "endDate": end}, DECISION)["startDate"]
        == sent
    )
    for path, value in (
        ("/selectionConstraint/startDate", given_instant),
        ("/selectionConstraint", {"xdm:startDate": given_instant, "endDate": end}),
    ):
        (operation,) = neutral_patch([{"op": "add", "path": path, "value": value}], "dps", tidy=True)
        assert operation["value"] == sent or operation["value"]["startDate"] == sent


def test_words_of_closed_lists_are_understood_in_any_case() -> None:
    capping = {"limit": "1", "scope": "PROFILE", "entity": "Offer", "events": ["Click"], "repeat": {"unit": "DAY"}}
    clean = tidy(sale(status="Approved", frequencyCappingConstraints=[capping]))
    assert clean["status"] == "approved"
    understood = {"limit": 1, "scope": "profile", "entity": "offer", "events": ["click"], "repeat": {"unit": "day"}}
    assert clean["frequencyCappingConstraints"] == [understood]
    for word in ("anyTags", "any-tags", "ANY_TAGS", "anytags"):
        assert tidy({"name": "C", "filterType": word}, COLLECTION)["filterType"] == "any-tags"
    assert tidy({"name": "P", "componentType": "HTML"}, PLACEMENT)["componentType"] == "html"


def test_blanks_around_a_uri_do_not_count() -> None:
    root, web = "https://ns.adobe.com/experience/offer-management/content-component-", f"{CHANNELS}web"
    component = {"type": f"\n  {root}html\n", "format": "text/html"}
    given_offer = sale(representations=[{"placement": "p1", "channel": f" {web}\n", "components": [component]}])
    (shown,) = tidy(given_offer)["representations"]
    assert (shown["channel"], shown["components"][0]["type"]) == (web, "html")


def test_components_that_are_null_are_missing() -> None:
    document = sale(representations=[{"placement": "p1", "components": None}])
    properties = tidied(PERSONALIZED, document)
    assert properties["representations"] == [{"placement": "p1"}]
    (doubt,) = offer_findings(PERSONALIZED, properties, document)
    assert (doubt.pointer, isinstance(doubt, Doubt)) == ("/representations/0/components", True)


def test_a_copy_of_a_read_is_taken_without_what_the_service_assigns(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    from_dps = {
        **sale(),
        "id": "dps:personalized-offer:1",
        "etag": 3,
        "created": "2026-03-02T09:20:31.018+00:00",
        "modified": "x",
        "createdBy": "x",
        "lastModifiedBy": "x",
        "schemas": ["x"],
        "sandboxId": "x",
        "createdDate": "x",
        "lastModifiedDate": "x",
        "createdByClientId": "x",
        "lastModifiedByClientId": "x",
    }
    assert tidy(from_dps) == sale()
    from_xcore = {
        **sale(),
        "@id": "xcore:personalized-offer:1",
        "repo:etag": 2,
        "repo:createdDate": "x",
        "_links": {},
        "instanceId": "x",
    }
    assert tidy(from_xcore) == sale()
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert said[0].startswith(
        "Left out of the personalized offer 'Spring voucher', since the service assigns them: id, etag"
    )
    # The members of a library asset in a component are content.
    asset = {"repo:id": "urn:aaid:sc:US:1", "repo:name": "a.png", "repo:resolveURL": "https://x/a"}
    (component,) = tidy(content("x", **asset))["representations"][0]["components"]
    assert asset.items() <= component.items()


@pytest.mark.parametrize("meant", [["dps:tag:1c265218f4011006"], "dps:tag:1c265218f4011006"])
def test_the_id_of_a_collection_that_stands_for_its_ids_is_not_left_out(meant: Any) -> None:
    document = {"name": "Spring", "filterType": "any-tags", "id": meant}
    (violation,) = offer_findings(COLLECTION, tidied(COLLECTION, document), document)
    assert (violation.pointer, violation.expected.split(",")[0]) == ("/id", "'ids'")


@pytest.mark.parametrize("copied", ["dps:offer-filter:1c2653e49ec12008", "offerCollection1234"])
def test_the_id_of_a_copied_collection_is_left_out(copied: str) -> None:
    ids = ["dps:tag:1c265218f4011006"]
    assert tidy({"name": "Empty", "id": copied}, COLLECTION) == {"name": "Empty"}
    both = {"name": "Spring", "id": "dps:tag:1c265218f4011006", "ids": ids}
    assert tidy(both, COLLECTION) == {"name": "Spring", "ids": ids}


def test_without_the_checks_everything_is_sent_as_it_is_written() -> None:
    written = {**sale(), "description": "", "rank": {"priority": "7"}, "status": "Approved", "etag": 3}
    for validate, sent in ((False, written), (True, {**sale(), "rank": {"priority": 7}, "status": "approved"})):
        options: dict[str, Any] = {"window": None, "if_exists": "fail", "patience": 1, "marker": None, "earlier": None}
        assert new_creation(PERSONALIZED, written, validate=validate, **options).properties == sent


def test_a_patch_may_still_set_empty_text() -> None:
    patch = [{"op": "replace", "path": "/description", "value": ""}]
    assert neutral_patch(patch, "dps", tidy=True) == patch


@EVERY
@given(data=st.data())
@examples(20)
def test_cleaning_what_is_clean_changes_nothing(kind: Kind, data: st.DataObject) -> None:
    document = data.draw(strategies.OBJECTS[kind.key] | strategies.JSON)
    once = cleaned(kind.place, document)
    assert cleaned(kind.place, once) == once


@EVERY
@given(data=st.data())
@examples(20)
def test_what_was_right_before_cleaning_is_right_after_it(kind: Kind, data: st.DataObject) -> None:
    document = data.draw(strategies.OBJECTS[kind.key])
    try:
        before = neutral_payload(document, kind)
    except InvalidInputError:
        return
    after = cleaned(kind.place, before)
    known = {each.pointer for each in offer_findings(kind, before, before)}
    assert {each.pointer for each in offer_findings(kind, after, after)} <= known


@given(
    st.datetimes(min_value=pendulum.naive(2, 1, 1), max_value=pendulum.naive(9998, 1, 1)),
    st.integers(-14, 14),
    st.sampled_from(["T", " "]),
)
@examples(30)
def test_an_instant_stays_the_instant_that_it_is(naive: Any, hours: int, between: str) -> None:
    sign = "-" if hours < 0 else "+"
    text = f"{naive.replace(microsecond=0).isoformat(sep=between)}{sign}{abs(hours):02}00"
    shape = PERSONALIZED.place.members["selectionConstraint"].below("startDate")
    assert parse_instant(cleaned(shape, text)) == parse_instant(text)
