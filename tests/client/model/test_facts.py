"""The facts about properties: what each refuses, what it doubts, what it means, and its JSON Schema."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from airflow_provider_offers.client.errors import Doubt, Violation
from airflow_provider_offers.client.model.checking import findings
from airflow_provider_offers.client.model.common import TagId
from airflow_provider_offers.client.model.component_types import Channel, ComponentType
from airflow_provider_offers.client.model.facts import AtMostBytes, Filled, Instant, JsonText, Many
from airflow_provider_offers.client.model.identifiers import name_hint
from airflow_provider_offers.client.model.kinds import PERSONALIZED, PLACEMENT, TAG, Kind
from airflow_provider_offers.client.model.places import Place
from airflow_provider_offers.client.text import describe

COMPONENT = "https://ns.adobe.com/experience/offer-management/content-component-"
CHANNEL = "https://ns.adobe.com/xdm/channel-types/"
A_TAG, A_TYPE, A_CHANNEL = "the id of a", "'html' or 'imagelink'", f"a URI such as {CHANNEL}web"


def place(kind: Kind, name: str) -> Place:
    return kind.place.members[name]


TAGS = place(PERSONALIZED, "tags")
TYPE = place(PLACEMENT, "componentType")
CHANNELS = place(PLACEMENT, "channel")


def found(where: Place, value: Any) -> Violation:
    (finding,) = findings(where, value, "/at")
    return finding


@pytest.mark.parametrize(
    ("where", "value", "pointer", "given", "expected"),
    [
        (TAGS, [5], "/at/0", "5", A_TAG),
        (TAGS, [""], "/at/0", "''", A_TAG),
        (TAGS, ["name: "], "/at/0", "'name: '", A_TAG),
        (TAGS, [{"id": 5}], "/at/0", "an object", "['id'] }}\", or name: and its name"),
        (TAGS, ["dps:offer-placement:1"], "/at/0", "'dps:offer-placement:1'", A_TAG),
        (TAGS, ["Spring 1"], "/at/0", "'Spring 1'", "did you mean 'name:Spring 1'?"),
        (TAGS, ["naem: Spring 1"], "/at/0", "'naem: Spring 1'", "mean 'name:Spring 1' or 'name:naem: Spring 1'?"),
        (TYPE, 5, "/at", "5", A_TYPE),
        (TYPE, " ", "/at", "' '", f"'component-text', or a URI such as {COMPONENT}html"),
        (TYPE, "htlm", "/at", "'htlm'", "did you mean 'html'?"),
        (TYPE, "component-txet", "/at", "'component-txet'", "did you mean 'component-text'?"),
        (TYPE, "banner", "/at", "'banner'", f"or a URI such as {COMPONENT}html"),
        (TYPE, f"{COMPONENT}htlm", "/at", f"'{COMPONENT}htlm'", f"did you mean '{COMPONENT}html'?"),
        (CHANNELS, "", "/at", "''", A_CHANNEL),
        (CHANNELS, "web", "/at", "'web'", f"did you mean '{CHANNEL}web'?"),
        (CHANNELS, f"{CHANNEL}emial", "/at", f"'{CHANNEL}emial'", f"did you mean '{CHANNEL}email'?"),
        *(
            (CHANNELS, uri, "/at", f"'{uri}'", f"did you mean '{meant}'?")
            for uri, meant in (
                ("https://ns.adobe.com/xdm/channel-type/web", f"{CHANNEL}web"),
                ("http://ns.adobe.com/xdm/channel-types/email", f"{CHANNEL}email"),
                ("https://ns.adobe.com/xmd/channel-types/web", f"{CHANNEL}web"),
                ("https://ns.adobe.con/xdm/channel_types/wbe", f"{CHANNEL}web"),
                ("https://ns.adobe.com/xdm/channel/Web", "https://ns.adobe.com/xdm/channels/web"),
            )
        ),
        *(
            (TYPE, uri, "/at", describe(uri), f"did you mean '{COMPONENT}text'?")
            for uri in (
                COMPONENT.replace("management", "managment") + "text",
                COMPONENT.replace("component", "compnent") + "text",
                COMPONENT.replace("https", "http") + "text",
                COMPONENT.replace("-", "_") + "txet",
            )
        ),
        (
            place(PERSONALIZED, "selectionConstraint").members["startDate"],
            "2026-01-01T00:00:00",
            "/at",
            "'2026-01-01T00:00:00', which has no time zone",
            "an RFC 3339 date-time with a zone",
        ),
        (place(TAG, "name"), " ", "/at", "' '", "a name that is not empty"),
        (TAGS, ["nme:Sale"], "/at/0", "'nme:Sale'", "did you mean 'name:Sale' or"),
        (TAGS, ["Name:Sale2027"], "/at/0", "'Name:Sale2027'", "did you mean 'name:Sale2027' or"),
        (TAGS, ["dsp:tag:124e1"], "/at/0", "'dsp:tag:124e1'", "did you mean 'dps:tag:124e1'?"),
        (TAGS, ["DPS:tag:124e1"], "/at/0", "'DPS:tag:124e1'", "did you mean 'dps:tag:124e1'?"),
        (TAGS, ["nname:Sale27"], "/at/0", "'nname:Sale27'", "did you mean 'name:Sale27' or"),
        (TAGS, ["naem:Sale27"], "/at/0", "'naem:Sale27'", "did you mean 'name:Sale27' or"),
        (TAGS, ["Name :Sale27"], "/at/0", "'Name :Sale27'", "did you mean 'name:Sale27' or"),
    ],
)
def test_an_error_says_where_what_was_given_and_what_was_meant(
    where: Place, value: Any, pointer: str, given: str, expected: str
) -> None:
    finding = found(where, value)
    assert not isinstance(finding, Doubt)
    assert (finding.pointer, finding.given) == (pointer, given)
    assert expected in finding.expected


@pytest.mark.parametrize(
    ("where", "value", "pointer", "expected", "page"),
    [
        (TAGS, ["abc"], "/at/0", "did you mean 'name:abc'?", "an id without a digit"),
        (TYPE, "acme:own", "/at", A_TYPE, "URIs of the content components only"),
        (TYPE, f"{COMPONENT}clip", "/at", A_TYPE, "URIs of the content components only"),
        (TYPE, COMPONENT.replace("ns.adobe.com", "example.com") + "html", "/at", A_TYPE, "content components only"),
        (CHANNELS, "https://ns.adobe.com/acme/channel-types/web", "/at", A_CHANNEL, "channel-types/ only"),
        (CHANNELS, "https://ns.adobe.com/xdm/channel-types-of-acme/web", "/at", A_CHANNEL, "channel-types/ only"),
        (CHANNELS, "acme:own", "/at", A_CHANNEL, "channel-types/ only"),
        (CHANNELS, f"{CHANNEL}skywriting", "/at", A_CHANNEL, "channel-types/ only"),
    ],
)
def test_a_doubt_names_the_page_too(where: Place, value: Any, pointer: str, expected: str, page: str) -> None:
    finding = found(where, value)
    assert isinstance(finding, Doubt)
    given = value[0] if isinstance(value, list) else value
    assert (finding.pointer, finding.given, finding.until_shown) == (pointer, describe(given), False)
    assert expected in finding.expected
    assert page in finding.page


def test_the_id_of_another_type_is_not_suggested() -> None:
    finding = found(TAGS, ["dsp:offer-placement:124e1"])
    assert (isinstance(finding, Doubt), finding.expected) == (False, "the id of a collection qualifier")


def test_a_channel_is_a_uri_and_no_word() -> None:
    assert found(CHANNELS, "").expected == A_CHANNEL


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (TAGS, ["ab", "abc1", "dps:tag:abc", "name:abc", " name: Spring sale "]),
        # The ids of another system may have a prefix that is a word of its own.
        (TAGS, ["game:77", "same:123", "fame:1", "names:1", "gps:tag:12", "ops:tag:1f"]),
        (TYPE, "component-text"),
        (TYPE, f"{COMPONENT}text"),
        (CHANNELS, f"{CHANNEL}direct-mail"),
        (CHANNELS, "https://ns.adobe.com/xdm/channels/web"),
    ],
)
def test_what_the_pages_show_passes(where: Place, value: Any) -> None:
    assert findings(where, value) == []


def test_too_few_components_are_a_doubt_until_the_offer_is_shown() -> None:
    representations = place(PERSONALIZED, "representations")
    finding = found(representations, [{"placement": "p1", "components": []}])
    assert isinstance(finding, Doubt)
    assert (finding.pointer, finding.given, finding.expected) == ("/at/0/components", "0 components", "at least 1")
    assert finding.until_shown
    assert "No page of Adobe's says" in finding.page


@pytest.mark.parametrize(
    ("annotation", "fine", "wrong"),
    [
        (Channel, f"{CHANNEL}web", ""),
        (TagId, "dps:tag:1", ""),
        (Instant, "2026-01-01T00:00:00Z", "2026-01-01"),
        (Annotated[str, AtMostBytes(3)], "äb", "äbc"),
        (Annotated[list[int], Many(minimum=1, maximum=2)], [1, 2], [1, 2, 3]),
        (Annotated[list[int], Many(minimum=1, maximum=2)], [1], []),
        (Annotated[dict[str, int], Many(maximum=1)], {"a": 1}, {"a": 1, "b": 2}),
        (Filled, "x", "  "),
    ],
)
def test_a_value_at_its_bound_passes_unchanged(annotation: Any, fine: Any, wrong: Any) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    assert adapter.validate_python(fine) == fine
    with pytest.raises(ValidationError):
        adapter.validate_python(wrong)


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (Instant, {"type": "string", "format": "date-time"}),
        (TagId, {"type": "string", "minLength": 1}),
        (Filled, {"type": "string", "minLength": 1}),
        (JsonText, {"type": ["string", "object", "array"]}),
        (Channel, {"type": "string", "examples": [f"{CHANNEL}web"]}),
        (
            Annotated[list[str], Many(minimum=1, maximum=3)],
            {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3},
        ),
        (Annotated[list[str], Many()], {"type": "array", "items": {"type": "string"}}),
        (
            Annotated[dict[str, str], Many(maximum=3)],
            {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 3},
        ),
    ],
)
def test_a_schema_says_the_same(annotation: Any, schema: dict[str, Any]) -> None:
    assert TypeAdapter(annotation).json_schema() == schema


def test_the_schema_of_a_component_type_shows_words_and_a_uri() -> None:
    examples = TypeAdapter(ComponentType).json_schema()["examples"]
    assert {"html", "component-text", f"{COMPONENT}html"} <= set(examples)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("naem:Spring", "'name:Spring' or 'name:naem:Spring'"),
        ("Game: on", "'name:on' or 'name:Game: on'"),
        ("xcroe:offer-placement:124e0be5699743d3", "'xcore:offer-placement:124e0be5699743d3'"),
        ("dp:tag:1", "'dps:tag:1'"),
        ("web:HTML", "'name:web:HTML'"),
    ],
)
def test_a_prefix_with_a_slip_is_told_with_the_right_one(given: str, meant: str) -> None:
    assert name_hint(given) == f"; did you mean {meant}?"


@pytest.mark.parametrize("given", ["dps:tag", "xcore:offer-placement", "(x)", ""])
def test_what_is_like_an_id_or_like_nothing_gets_no_hint(given: str) -> None:
    assert name_hint(given) == ""
