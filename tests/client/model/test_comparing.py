"""Documents with the same meaning: instants, properties that reads add, leave out or respell, and digests."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.client.model.comparing import (
    both_empty,
    carries,
    differing,
    fingerprint,
    has,
    is_made_from,
    same,
)
from airflow_provider_offers.client.model.kinds import FALLBACK, FORMULA, PERSONALIZED, PLACEMENT, RULE, TAG


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("2026-03-10T00:00:00Z", "2026-03-10T01:00:00.000+01:00", True),
        ("2026-03-10T00:00:00Z", "2026-03-10T00:00:01Z", False),
        (" 2026-03-10T00:00:00Z", "2026-03-10T00:00:00.000Z ", True),
        ("2026-03-10T00:00:00", "2026-03-10T00:00:00Z", False),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+13:00", False),
        ({"a": ["2026-03-10T00:00:00Z"]}, {"a": ["2026-03-10T00:00:00+00:00"]}, True),
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        ([1, 2], [2, 1], False),
        ([1], [1, 1], False),
        ({"a": None}, {}, False),
        ("x", "X", False),
        (None, None, True),
    ],
)
def test_values_are_the_same_where_they_say_the_same(left: Any, right: Any, expected: bool) -> None:
    assert same(left, right) is expected
    assert same(right, left) is expected
    assert (fingerprint(left) == fingerprint(right)) is expected


def test_one_property_differs_where_it_is_absent_on_one_side() -> None:
    left, right = {"a": 1, "b": None, "c": "2026-03-10T00:00:00Z"}, {"a": 2, "c": "2026-03-10T01:00:00+01:00"}
    assert differing(left, right, ["a", "b", "c", "d"]) == ["a", "b"]


def test_an_object_may_carry_more_than_is_wanted_and_a_list_may_not() -> None:
    assert carries({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}, "d": None})
    assert not carries({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}})
    assert not carries({"a": [1, 2]}, {"a": [1]})
    assert carries([{"a": 1, "b": 2}], [{"a": 1}])
    assert not carries("x", {"a": 1})


def test_what_is_empty_says_nothing() -> None:
    assert both_empty(None, [])
    assert both_empty({}, None)
    assert not both_empty({}, 0)
    assert not both_empty(False, None)


def test_a_property_is_there_as_far_as_reads_show() -> None:
    assert has(TAG, {}, "description", "new")
    assert not has(PLACEMENT, {}, "description", "new")
    assert has(FORMULA, {"returnType": {"type": "INTEGER"}}, "returnType", {"type": "integer"})
    assert not has(FORMULA, {"name": "BOOST"}, "name", "boost")


def test_what_a_read_leaves_out_does_not_hide_whose_it_is() -> None:
    rule = {"name": "x", "condition": {"type": "PQL", "value": "true"}, "definedOn": {"a": {}}}
    assert is_made_from(RULE, {key: rule[key] for key in ("name", "condition")}, rule)
    assert not is_made_from(RULE, {**rule, "condition": {"type": "PQL", "value": "false"}}, rule)
    formula = {"name": "x", "expression": {"value": "1"}, "returnType": {"type": "integer"}, "definedOn": {}}
    assert is_made_from(FORMULA, {**formula, "returnType": {"type": "INTEGER"}}, formula)
    assert is_made_from(TAG, {"name": "x"}, {"name": "x", "description": "y"})
    assert is_made_from(FALLBACK, {"name": "x"}, {"name": "x", "rank": {"priority": 1}})


def test_a_fallback_that_was_written_with_capping_is_recognised_without() -> None:
    written = {"name": "Everyone", "status": "draft", "cappingConstraint": {"globalCap": 1}}
    assert is_made_from(
        FALLBACK, {"name": "Everyone", "status": "draft"}, {**written, "frequencyCappingConstraints": [{}]}
    )
    assert not is_made_from(PERSONALIZED, {"name": "Everyone", "status": "draft"}, written)


def test_fingerprints_tell_documents_apart_as_the_service_does() -> None:
    assert fingerprint({"a": "2026-03-10T00:00:00Z"}) == fingerprint({"a": "2026-03-10T01:00:00.000+01:00"})
    assert fingerprint({"a": 1}) == fingerprint({"a": 1.0})
    assert fingerprint({"a": 1}) != fingerprint({"a": True})
    assert fingerprint({"a": [1, 2]}) != fingerprint({"a": [2, 1]})


VALUES: list[Any] = [None, True, 1, "a", "2026-05-01T00:00:00Z", [], ["a"], {}, {"a": 1}, {"a": ["b"]}]


@pytest.mark.parametrize("left", VALUES, ids=repr)
@pytest.mark.parametrize("right", VALUES, ids=repr)
def test_values_of_different_types_differ_in_either_order(left: Any, right: Any) -> None:
    # A property that is absent and one that holds nothing are compared elsewhere.
    if type(left) is not type(right) and None not in (left, right):
        assert same(left, right) is same(right, left)
        assert not same(left, right) or {type(left), type(right)} == {bool, int}
    assert same(left, left)


def test_a_fingerprint_does_not_depend_on_the_order_of_members() -> None:
    one = {"name": "a", "rank": {"priority": 1, "order": {"b": 1, "a": 2}}, "list": [{"x": 1, "y": 2}]}
    other = {"list": [{"y": 2, "x": 1}], "rank": {"order": {"a": 2, "b": 1}, "priority": 1}, "name": "a"}
    assert fingerprint(one) == fingerprint(other)
    assert fingerprint(one) != fingerprint({**other, "list": [{"y": 1, "x": 2}]})
    assert fingerprint(["a", "b"]) != fingerprint(["b", "a"])
