"""The values that may replace the id of another object: ids, names, and results of tasks."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_offers.client.errors import InvalidInputError
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.documents import neutral_payload
from airflow_provider_offers.client.model.kinds import (
    COLLECTION,
    DECISION,
    FORMULA,
    PERSONALIZED,
    RULE,
    TAG,
    Kind,
    kind_of,
)
from airflow_provider_offers.client.model.patches import PreparedPatch
from airflow_provider_offers.client.model.preparing import check_patch, neutral_patch
from airflow_provider_offers.client.model.receipts import write_receipt
from airflow_provider_offers.client.model.validation import check_offer
from airflow_provider_offers.emulator import Emulator

PLACEMENT_ID = "dps:offer-placement:1c2651d4d6411005"
TAG_ID = "dps:tag:1c265218f4011006"
SHOWN = [{"type": "html", "format": "text/html", "content": "<p>10 % off</p>"}]


def receipt(identifier: str, **more: Any) -> dict[str, Any]:
    return {
        "id": identifier,
        "instance_id": identifier,
        "name": "x",
        "etag": 1,
        "api": "dps",
        "sandbox": "prod",
        **more,
    }


def told(kind: Kind, given: dict[str, Any]) -> dict[str, str]:
    """The expected values, by the place with another value."""
    try:
        check_offer(kind, neutral_payload(given, kind), given)
    except InvalidInputError as error:
        return {violation.pointer: violation.expected for violation in error.violations}
    return {}


@pytest.mark.parametrize("as_text", [str, json.dumps])
def test_the_text_of_an_object_or_a_list_stands_for_it(as_text: Callable[[Any], str]) -> None:
    """A template renders what another task returned as text, in either spelling."""
    given = {
        "name": "Spring",
        "xdm:tags": as_text([receipt(TAG_ID), "name:Sale"]),
        "rank": as_text({"xdm:priority": 3}),
        "representations": [{"placement": as_text(receipt(PLACEMENT_ID)), "components": as_text(SHOWN)}],
        "characteristics": as_text({"xdm:size": "L"}),
        "description": as_text({"is": "text"}),
    }

    assert neutral_payload(given) == {
        "name": "Spring",
        "tags": [TAG_ID, "name:Sale"],
        "rank": {"priority": 3},
        "representations": [{"placement": PLACEMENT_ID, "components": SHOWN}],
        "characteristics": {"xdm:size": "L"},
        "description": as_text({"is": "text"}),
    }


@pytest.mark.parametrize("as_text", [str, json.dumps])
def test_a_patch_takes_the_same_values(as_text: Callable[[Any], str]) -> None:
    patch = [
        {"op": "add", "path": "/_instance/xdm:tags/-", "value": receipt(TAG_ID)},
        {"op": "add", "path": "/tags/-", "value": as_text(receipt(TAG_ID))},
        {"op": "replace", "path": "/_instance/xdm:rank", "value": as_text({"xdm:priority": 3})},
        {"op": "test", "path": "/tags", "value": as_text([TAG_ID])},
        {"op": "replace", "path": "/characteristics/size", "value": as_text(["L"])},
    ]

    values = [operation["value"] for operation in neutral_patch(patch, "xcore")]
    assert values == [TAG_ID, TAG_ID, {"priority": 3}, [TAG_ID], as_text(["L"])]


@pytest.mark.parametrize("text", ["[1, ", "{'a'}", "{{ tags }}", '{"a": 1}', '{"a": 1, "a": 2}', "[" * 10_000])
def test_other_text_in_place_of_a_list_is_refused_as_it_is(text: str) -> None:
    given = {"name": "Spring", "status": "draft", "tags": text}

    assert neutral_payload(given)["tags"] == text
    assert told(PERSONALIZED, given)["/tags"] == "a list of collection qualifiers"


def test_a_value_in_such_text_that_json_cannot_hold_is_refused_by_its_place() -> None:
    with pytest.raises(InvalidInputError, match="/rank/priority: given nan; expected a finite number"):
        neutral_payload({"name": "Spring", "rank": '{"priority": NaN}'})
    with pytest.raises(InvalidInputError, match="/0/value/priority: given inf; expected a finite number"):
        neutral_patch([{"op": "add", "path": "/rank", "value": "{'priority': 1e999}"}], "dps")


@pytest.mark.parametrize(
    ("given", "place"),
    [
        (
            {"containerId": "c", "_embedded": {"results": [{"_instance": {"xdm:name": "Sale"}}], "count": 1}},
            "/_embedded",
        ),
        ({"results": [{"name": "Sale"}], "count": 1, "total": 1}, ""),
    ],
)
def test_the_answer_of_a_list_is_not_an_object(given: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidInputError, match=f"given the answer of a list; .* at {place}/results/0") as refused:
        neutral_payload(given)
    assert len(refused.value.violations) == 1
    assert neutral_payload({**given, "name": "Spring"})["name"] == "Spring"


def test_what_a_task_returned_stands_for_its_id() -> None:
    given: dict[str, Any] = {
        "xdm:name": "Spring",
        "xdm:tags": [receipt(TAG_ID, kind="tag", action="created"), "name:Sale"],
        "xdm:representations": [{"xdm:placement": receipt(PLACEMENT_ID, kind="placement"), "xdm:components": []}],
        "xdm:characteristics": {"id": "1", "instance_id": "2"},
    }
    before = copy.deepcopy(given)
    assert neutral_payload(given, PERSONALIZED) == {
        "name": "Spring",
        "tags": [TAG_ID, "name:Sale"],
        "representations": [{"placement": PLACEMENT_ID, "components": []}],
        "characteristics": {"id": "1", "instance_id": "2"},
    }
    assert given == before


def test_the_decision_of_2019_takes_them_too() -> None:
    flat = {"xdm:placement": receipt(PLACEMENT_ID), "xdm:filter": receipt("dps:offer-filter:1"), "xdm:fallback": "f"}
    criterion = {"placements": [PLACEMENT_ID], "optionSelection": {"filter": "dps:offer-filter:1"}}
    assert neutral_payload(flat, DECISION) == {"fallback": "f", "criteria": [criterion]}


def test_a_receipt_of_another_kind_is_refused_by_its_id() -> None:
    given = {"name": "Set", "filterType": "any-tags", "ids": [receipt(PLACEMENT_ID)]}
    assert told(COLLECTION, given) == {"/ids/0": "the id of one of the collection qualifiers, by filterType 'any-tags'"}


@pytest.mark.parametrize("other", [{}, {"name": "x"}, {"id": TAG_ID}, {"id": 5, "instance_id": TAG_ID}])
def test_another_object_is_refused_with_what_to_give(other: dict[str, Any]) -> None:
    (accepted,) = told(COLLECTION, {"name": "Set", "ids": [other]}).values()
    assert accepted.endswith("""such as "{{ ti.xcom_pull(...)['id'] }}", or name: and its name""")


@pytest.mark.parametrize("name", ["Web HTML", " Sale now ", "50% off", "Été"])
def test_a_name_without_its_prefix_is_refused_where_it_can_be_no_id(name: str) -> None:
    (accepted,) = told(COLLECTION, {"name": "Set", "ids": [name]}).values()
    assert accepted == f"the id of an offer, or of a collection qualifier; did you mean 'name:{name.strip()}'?"
    with pytest.raises(InvalidInputError, match="did you mean 'name:"):
        check_patch(PERSONALIZED, PreparedPatch([{"op": "add", "path": "/tags/-", "value": name}]))


@pytest.mark.parametrize(
    "identifier",
    [
        "xcore:tag:124e147572cd7866",
        "dps::19a7426d533db126",
        "offerPlacement1234",
        "0f32d8a0-1619-11f1-9d55-1b1f0c9a7e21",
        "Sale",
        "name:Web HTML",
    ],
)
def test_whatever_may_be_an_id_is_left_to_the_service(identifier: str) -> None:
    assert told(COLLECTION, {"name": "Set", "ids": [identifier]}) == {}


@pytest.mark.parametrize(("kind", "member"), [(RULE, "condition"), (FORMULA, "expression")])
def test_pql_is_the_only_language_and_its_formats_are_left_to_the_service(kind: Kind, member: str) -> None:
    expression = {"type": "PQL", "format": "pql/json", "value": "true"}
    assert told(kind, {"name": "x", member: expression}) == {}
    assert told(kind, {"name": "x", member: {**expression, "type": "SQL"}}) == {f"/{member}/type": "'PQL'"}


@pytest.mark.parametrize("word", ["static", "scoringFunction", "ranking-strategy", "rankingStrategy", "formula"])
def test_how_offers_are_ordered_is_one_of_the_words(word: str) -> None:
    rank = {"priority": 1, "order": {"orderEvaluationType": word}}
    criteria = [{"placements": [PLACEMENT_ID], "optionSelection": {"filter": "dps:offer-filter:1"}, "rank": rank}]
    found = told(DECISION, {"name": "x", "status": "draft", "criteria": criteria})
    wrong = {"/criteria/0/rank/order/orderEvaluationType": "'static' or 'scoringFunction' or 'ranking-strategy'"}
    assert found == (wrong if word == "formula" else {})


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("offer-placement", "placement"),
        ("placements", "placement"),
        ("Tag", "tag"),
        ("collection qualifier", "tag"),
        ("eligibility_rule", "rule"),
        ("offer-activity", "decision"),
        ("ranking-formulas", "formula"),
        ("personalised", "personalized"),
    ],
)
def test_a_kind_called_otherwise_is_suggested(given: str, meant: str) -> None:
    with pytest.raises(InvalidInputError, match=f"; did you mean '{meant}'\\?"):
        kind_of(given)


@pytest.mark.parametrize("given", ["banner", "", None, 5, ["tag"]])
def test_what_is_like_no_kind_gets_no_suggestion(given: Any) -> None:
    with pytest.raises(InvalidInputError) as caught:
        kind_of(given)
    assert "perhaps" not in str(caught.value)


def test_objects_are_made_of_what_was_returned_about_others(emulator: Emulator, library: OfferLibrary) -> None:
    tag = library.create(TAG, {"name": "Spring"})
    made = write_receipt(tag, library.settings, TAG)
    library.create(COLLECTION, {"name": "Set", "filterType": "any-tags", "ids": [made]})
    (stored,) = emulator.objects("collection")
    assert stored["body"]["ids"] == [made["id"]]
