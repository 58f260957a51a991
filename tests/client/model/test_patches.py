"""A patch in documented operations: others are rewritten, dates are compared as instants, the effect is the same."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.client.errors import InvalidInputError
from airflow_provider_offers.client.model.applying import TestFailed
from airflow_provider_offers.client.model.capabilities import capabilities_of
from airflow_provider_offers.client.model.comparing import same
from airflow_provider_offers.client.model.kinds import FORMULA, PERSONALIZED, TAG, Kind
from airflow_provider_offers.client.model.patches import FittedPatch, PreparedPatch
from airflow_provider_offers.client.model.preparing import prepare
from airflow_provider_offers.client.settings import Api
from tests.client.library import sale
from tests.client.writes import (
    ADD_TAG,
    AFTER,
    APPROVE,
    BEFORE,
    DRAFT,
    FORMULA_READ,
    IF_BOOST,
    IF_NAMED,
    RENAME,
    VERSION,
)
from tests.effort import examples

BOTH = pytest.mark.parametrize("api", ["dps", "xcore"])
REFUSED = (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError, KeyError)
LISTED = {"xcore": {"add", "replace", "remove"}, "dps": {"add", "replace", "remove", "copy", "test"}}
READ = {"startDate": "2020-01-01T00:00:00.000+00:00", "endDate": "2036-01-01T00:00:00.000+00:00"}
PRIORITY = {"op": "add", "path": "/rank/priority", "value": 10}

_WORDS = st.sampled_from(["a", "b", "l", "m"])
_VALUES = st.recursive(
    st.sampled_from([2, "", True, None, "2020-01-01T00:00:00Z", "2020-01-01T00:00:00.000+00:00"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=3),
    max_leaves=6,
)
_PLACES = st.lists(st.sampled_from(["a", "b", "l", "m", "0", "1", "2", "-"]), min_size=1, max_size=3).map(
    lambda tokens: "/" + "/".join(tokens)
)
_OPERATION = st.one_of(
    st.fixed_dictionaries({"op": st.sampled_from(["add", "replace"]), "path": _PLACES, "value": _VALUES}),
    st.fixed_dictionaries({"op": st.just("remove"), "path": _PLACES}),
    st.fixed_dictionaries({"op": st.just("test"), "path": _PLACES, "value": _VALUES}),
    st.fixed_dictionaries({"op": st.sampled_from(["move", "copy"]), "from": _PLACES, "path": _PLACES}),
)


def fit(operations: Any, properties: Any, kind: Kind, api: Api) -> FittedPatch:
    return PreparedPatch(operations, kind).fit(properties, capabilities_of(api))


def applied(document: Any, operations: Any) -> Any:
    return jsonpatch.apply_patch(copy.deepcopy(document), copy.deepcopy([*operations]))


@pytest.mark.parametrize("tested", [{"path": "/etag", "value": 3}, {"path": "/name", "value": "Sale"}])
def test_members_beside_the_properties_can_be_tested_and_are_no_result(tested: dict[str, Any]) -> None:
    properties = {"name": "Sale", "status": "draft"}
    patch = PreparedPatch([{"op": "test", **tested}, {"op": "replace", "path": "/status", "value": "approved"}])
    fitted = patch.fit(properties, capabilities_of("dps"), {"id": "dps:personalized-offer:1", "etag": 3})
    assert fitted.after == {"name": "Sale", "status": "approved"}
    assert fitted.before == properties


def places(value: Any, pointer: str = "") -> list[str]:
    """Every place in the document, except the document itself."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    below = [place for name, member in members for place in places(member, f"{pointer}/{name}")]
    return [*([pointer] if pointer else []), *below]


@st.composite
def _fitting(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A document, and a patch whose operations mostly fit it."""
    document = draw(st.dictionaries(_WORDS, _VALUES, min_size=2, max_size=4))
    now, operations = copy.deepcopy(document), []
    for _ in range(draw(st.integers(1, 5))):
        operation = draw(_OPERATION)
        known = places(now)
        for name in ("path", "from"):
            if name in operation and known and draw(st.integers(0, 3)):
                operation[name] = draw(st.sampled_from(known))
        try:
            if operation["op"] == "test" and draw(st.booleans()):
                operation["value"] = copy.deepcopy(jsonpatch.JsonPointer(operation["path"]).resolve(now, 1))
                if type(operation["value"]).__name__ == "EndOfList":
                    continue
            now = applied(now, [operation])
        except REFUSED:
            if draw(st.integers(0, 5)):
                continue
        operations.append(operation)
    return document, operations


@BOTH
@given(made=_fitting())
@examples(130)
def test_a_patch_in_other_words_has_the_same_effect(
    api: Api, made: tuple[dict[str, Any], list[dict[str, Any]]]
) -> None:
    document, operations = made
    try:
        fitted = fit(operations, document, PERSONALIZED, api)
    except (InvalidInputError, TestFailed):
        # These cannot be applied. RFC 6902 also forbids moving a value into itself, which jsonpatch allows in lists.
        if not any(each["op"] == "move" and each["path"].startswith(f"{each['from']}/") for each in operations):
            with pytest.raises(REFUSED):
                applied(document, operations)
        return
    assert {operation["op"] for operation in fitted.operations} <= LISTED[api]
    assert applied(document, fitted.operations) == fitted.after
    without_tests = [operation for operation in operations if operation["op"] != "test"]
    assert applied(document, without_tests) == fitted.after


@BOTH
def test_a_move_is_a_removal_and_an_addition_of_what_was_there_by_then(api: Api) -> None:
    operations = [
        {"op": "replace", "path": "/tags/0", "value": "new"},
        {"op": "move", "from": "/tags/0", "path": "/tags/-"},
        {"op": "move", "from": "/description", "path": "/characteristics/was"},
    ]
    fitted = fit(operations, {"tags": ["old", "other"], "description": "d", "characteristics": {}}, PERSONALIZED, api)
    assert fitted.operations == [
        operations[0],
        {"op": "remove", "path": "/tags/0"},
        {"op": "add", "path": "/tags/-", "value": "new"},
        {"op": "remove", "path": "/description"},
        {"op": "add", "path": "/characteristics/was", "value": "d"},
    ]
    assert fitted.after == {"tags": ["other", "new"], "characteristics": {"was": "d"}}


def test_each_generation_is_sent_what_its_pages_list() -> None:
    operations = [
        {"op": "test", "path": "/status", "value": "draft"},
        {"op": "copy", "from": "/name", "path": "/description"},
    ]
    assert fit(operations, sale(), PERSONALIZED, "dps").operations == operations
    added = [{"op": "add", "path": "/description", "value": "Spring voucher"}]
    assert fit(operations, sale(), PERSONALIZED, "xcore").operations == added


@BOTH
def test_what_does_not_fit_is_told_in_the_words_of_the_author(api: Api) -> None:
    def told(*operations: dict[str, Any]) -> str:
        with pytest.raises((InvalidInputError, TestFailed)) as refused:
            prepare(list(operations), [PERSONALIZED], api).fit(sale(), capabilities_of(api))
        return str(refused.value)

    order, priority = "/_instance/xdm:rank/xdm:order", "/_instance/xdm:rank/xdm:priority"
    assert f"remove of {order}, but there is nothing at {order};" in told({"op": "remove", "path": order})
    below = f"{order}/xdm:function"
    assert f"remove of {below}, but there is nothing at {order};" in told({"op": "remove", "path": below})
    move = {"op": "move", "from": order, "path": priority}
    assert f"there is nothing at {order};" in told(move)
    assert f"{priority} is 1, not 7" in told({"op": "test", "path": priority, "value": 7}).replace("10", "1")
    plain = told({"op": "remove", "path": "/rank/order"})
    assert "remove of /rank/order, but there is nothing at /rank/order;" in plain


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "move", "from": "/rank", "path": "/rank/order"},
        {"op": "move", "from": "/tags/0", "path": "/tags/0/x"},
        {"op": "move", "from": "/name/0", "path": "/description"},
        {"op": "move", "from": "/tags/-", "path": "/description"},
        {"op": "move", "from": "/nothing", "path": "/description"},
        {"op": "move", "from": "/tags/" + "9" * 5_000, "path": "/description"},
    ],
)
@BOTH
def test_what_cannot_be_moved_is_refused(api: Api, operation: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="does not fit"):
        fit([operation], sale(), PERSONALIZED, api)


@pytest.mark.parametrize(
    ("operation", "told"),
    [
        ({"op": "remove", "path": "/description"}, "remove of /description, but there is nothing at /description"),
        ({"op": "replace", "path": "/rank/order"}, "replace of /rank/order, but there is nothing at /rank/order"),
        (
            {"op": "add", "path": "/cappingConstraint/x/y"},
            "add of /cappingConstraint/x/y, but there is nothing at /cap",
        ),
        ({"op": "add", "path": "/name/x"}, "add of /name/x: "),
    ],
)
@BOTH
def test_an_operation_that_does_not_fit_is_told_with_the_place_that_it_lacks(
    api: Api, operation: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        fit([{"value": 1, **operation}], sale(), PERSONALIZED, api)
    (violation,) = refused.value.violations
    assert f"the operation {told}" in violation.given
    # The document stays out of the message.
    assert "Spring voucher" not in violation.given


@BOTH
def test_a_test_of_an_instant_holds_for_the_same_instant(api: Api) -> None:
    tests: list[dict[str, Any]] = [
        {"op": "test", "path": "/selectionConstraint/startDate", "value": "2020-01-01T01:00:00+01:00"},
        {"op": "test", "path": "/selectionConstraint", "value": {**READ, "endDate": "2036-01-01T00:00:00Z"}},
    ]
    fitted = fit(tests, {"selectionConstraint": READ}, PERSONALIZED, api)
    # The value of the read is sent, because the service compares texts.
    assert [test["value"] for test in fitted.operations] == ([READ["startDate"], READ] if api == "dps" else [])
    for wrong in ("2020-01-01T00:00:01Z", None, True):
        with pytest.raises(TestFailed, match="startDate is"):
            fit([{**tests[0], "value": wrong}], {"selectionConstraint": READ}, PERSONALIZED, api)
    with pytest.raises(TestFailed, match="/description is nothing"):
        fit([{"op": "test", "path": "/description", "value": "x"}], sale(), PERSONALIZED, api)


def test_a_test_looks_at_what_the_patch_has_made_by_then() -> None:
    operations = [
        {"op": "replace", "path": "/status", "value": "approved"},
        {"op": "test", "path": "/status", "value": "approved"},
    ]
    assert fit(operations, sale(), PERSONALIZED, "dps").operations == operations


def test_what_reads_leave_out_is_neither_applied_nor_tested() -> None:
    operations = [
        {"op": "replace", "path": "/definedOn/offer/schema/version", "value": "1"},
        {"op": "test", "path": "/returnType/type", "value": "integer"},
        {"op": "move", "from": "/definedOn/offer", "path": "/definedOn/other"},
        {"op": "copy", "from": "/definedOn/other", "path": "/note"},
        {"op": "replace", "path": "/note", "value": "x"},
        {"op": "replace", "path": "/name", "value": "y"},
    ]
    fitted = fit(operations, {"name": "x", "returnType": {"type": "INTEGER"}}, FORMULA, "dps")
    assert fitted.operations == operations
    assert fitted.after == {"name": "y", "returnType": {"type": "INTEGER"}}


def test_what_comes_of_what_reads_leave_out_is_as_unknown() -> None:
    links = {"_links"}
    assert PreparedPatch([], PERSONALIZED).hidden == links
    assert PreparedPatch([{"op": "copy", "from": "/name", "path": "/description"}], TAG).hidden == {
        *links,
        "description",
    }
    assert PreparedPatch([{"op": "move", "from": "/name", "path": "/description"}], TAG).hidden == {
        *links,
        "description",
        "name",
    }
    chain = [{"op": "copy", "from": "/b", "path": "/c"}, {"op": "copy", "from": "/description/x", "path": "/b/y"}]
    assert PreparedPatch(chain, TAG).hidden == {*links, "description", "b", "c"}


# Whether it is safe to send twice, its trace, and its guards.


@pytest.mark.parametrize(
    ("operations", "idempotent"),
    [
        (APPROVE, True),
        ([{"op": "add", "path": "/cappingConstraint", "value": {"globalCap": 1}}], True),
        ([{"op": "add", "path": "/rank/priority", "value": 1}], True),
        ([{"op": "replace", "path": "/tags/0", "value": "x"}], False),
        ([{"op": "replace", "path": "/representations/0/placement", "value": "x"}], False),
        ([{"op": "add", "path": "/representations/-/placement", "value": "x"}], False),
        ([{"op": "replace", "path": "/characteristics/x0", "value": "x"}], True),
        ([{"op": "replace", "path": "/tags", "value": []}, *APPROVE], True),
        (ADD_TAG, False),
        ([{"op": "add", "path": "/tags/0", "value": "x"}], False),
        ([{"op": "remove", "path": "/description"}], False),
        ([{"op": "move", "from": "/a", "path": "/b"}], False),
        ([{"op": "copy", "from": "/a", "path": "/b"}], False),
        ([{"op": "test", "path": "/a", "value": 1}, *APPROVE], False),
        ([*APPROVE, *ADD_TAG], False),
        (
            [
                {"op": "replace", "path": "/rank/priority", "value": 1},
                {"op": "replace", "path": "/rank", "value": {}},
            ],
            False,
        ),
    ],
)
def test_what_may_be_repeated(operations: Any, idempotent: bool) -> None:
    assert PreparedPatch(operations).is_idempotent is idempotent


_SET_PATHS = st.sampled_from(["/a", "/a/b", "/a/b/c", "/l", "/l/0", "/l/-", "/l/1", "/a/0", "/x"])
_SET_VALUES = st.sampled_from([1, "t", [], [1, 2], {}, {"b": {"c": 1}}, {"b": [3]}])


@given(
    st.lists(
        st.fixed_dictionaries({"op": st.sampled_from(["add", "replace"]), "path": _SET_PATHS, "value": _SET_VALUES}),
        min_size=1,
        max_size=4,
    ),
    st.fixed_dictionaries({"a": _SET_VALUES, "l": st.lists(st.integers(), max_size=3)}),
)
@examples(170)
def test_twice_is_once_for_whatever_is_called_idempotent(operations: Any, document: Any) -> None:
    prepared = PreparedPatch(operations)
    if not prepared.is_idempotent:
        return
    try:
        once = jsonpatch.apply_patch(copy.deepcopy(document), copy.deepcopy(operations))
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError):
        assert prepared.is_shown_by(document) is False
        return
    assert prepared.is_shown_by(document) is same(document, once)
    assert prepared.is_shown_by(once) is True
    assert jsonpatch.apply_patch(copy.deepcopy(once), copy.deepcopy(operations)) == once


@pytest.mark.parametrize(
    ("operations", "seen"),
    [
        (ADD_TAG, True),
        ([*ADD_TAG, *ADD_TAG], None),
        ([{"op": "add", "path": "/tags/-", "value": "dps:tag:1"}, *ADD_TAG], True),
        ([{"op": "add", "path": "/tags/-", "value": "dps:tag:1"}], None),
        ([{"op": "add", "path": "/tags/-", "value": "dps:tag:9"}], False),
        ([{"op": "remove", "path": "/gone"}], True),
        ([{"op": "remove", "path": "/name"}], False),
        (
            [
                *IF_NAMED,
                {"op": "replace", "path": "/selectionConstraint/endDate", "value": "2026-06-30T23:59:59+02:00"},
            ],
            True,
        ),
        ([{"op": "add", "path": "/rank/priority", "value": 11}], False),
        ([{"op": "add", "path": "/nothing/-", "value": 1}], False),
        ([{"op": "add", "path": "/tags/1", "value": "dps:tag:2"}], None),
        ([{"op": "move", "from": "/a", "path": "/b"}], None),
        ([{"op": "copy", "from": "/name", "path": "/description"}], None),
        ([{"op": "remove", "path": "/_links/self"}], None),
        ([{"op": "remove", "path": "/_links/self"}, {"op": "remove", "path": "/name"}], False),
        ([{"op": "replace", "path": "/tags", "value": []}, *ADD_TAG], None),
        ([{"op": "remove", "path": "/gone"}, {"op": "add", "path": "/gone", "value": 1}], None),
        ([{"op": "remove", "path": "/gone"}, {"op": "add", "path": "/gone", "value": 1}, *ADD_TAG], None),
        ([{"op": "add", "path": "/rank", "value": {}}, {"op": "add", "path": "/rank/priority", "value": 1}], False),
        ([{"op": "add", "path": "/rank", "value": {}}, {"op": "add", "path": "/rank/priority", "value": 10}], True),
        (
            [{"op": "add", "path": "/rank", "value": {}}, {"op": "replace", "path": "/rank/priority", "value": 10}],
            False,
        ),
        ([{"op": "add", "path": "/rank", "value": []}, {"op": "add", "path": "/rank/priority", "value": 10}], False),
        ([{"op": "replace", "path": "/status", "value": "approved"}, *DRAFT], True),
        ([*DRAFT, {"op": "replace", "path": "/status", "value": "approved"}], False),
        ([{"op": "replace", "path": "/nothing/there", "value": 1}], False),
        ([{"op": "add", "path": "/name/there", "value": 1}], False),
    ],
)
def test_what_a_patch_leaves_to_be_seen(operations: Any, seen: bool | None) -> None:
    assert PreparedPatch(operations).is_shown_by(AFTER) is seen


def test_a_copy_of_a_patch_that_was_used_judges_as_the_patch_does() -> None:
    prepared = PreparedPatch([{"op": "remove", "path": "/a"}, {"op": "add", "path": "/l/-", "value": 1}])
    assert prepared.is_shown_by({"l": [1]}) is True
    for copied in (copy.deepcopy(prepared), pickle.loads(pickle.dumps(prepared))):
        assert copied.is_shown_by({"l": [1]}) is True
        assert copied.is_shown_by({"a": 1, "l": [1]}) is False


def test_what_reads_leave_out_is_not_to_be_seen() -> None:
    assert PreparedPatch(VERSION, FORMULA).is_shown_by(FORMULA_READ) is None
    assert PreparedPatch([*VERSION, *RENAME], FORMULA).is_shown_by(FORMULA_READ) is False
    assert PreparedPatch([*VERSION, *IF_BOOST], FORMULA).is_shown_by(FORMULA_READ) is None
    assert PreparedPatch([*VERSION, *RENAME], FORMULA).is_shown_by({**FORMULA_READ, "name": "Boosted"}) is None
    # A test of this property proves nothing.
    assert (
        PreparedPatch([{"op": "test", "path": "/definedOn", "value": {}}, *IF_BOOST], FORMULA).is_shown_by(FORMULA_READ)
        is True
    )


def test_a_patch_shows_in_what_it_made() -> None:
    for operations in (ADD_TAG, APPROVE, [*APPROVE, *ADD_TAG, {"op": "remove", "path": "/rank"}]):
        assert PreparedPatch(operations).is_shown_by(jsonpatch.apply_patch(copy.deepcopy(BEFORE), operations))


def guarded(patch: list[dict[str, Any]]) -> list[str]:
    """The `test` operations that guard a patch."""
    sent = fit(patch, FORMULA_READ, FORMULA, "dps").guarded(whole=False)
    return [each["path"] for each in sent if each["op"] == "test"]


def test_no_guard_tests_what_a_read_respells() -> None:
    patch = [{"op": "replace", "path": "/returnType", "value": {"type": "double"}}]
    assert guarded(patch) == ["/name"]
    patch.append({"op": "replace", "path": "/expression/value", "value": "2"})
    assert guarded(patch) == ["/expression"]


@pytest.mark.parametrize(("copies", "most"), [(1, 10_000_000), (2, 4_999_990)])
def test_the_copies_of_a_patch_have_an_end_together(copies: int, most: int) -> None:
    """Each copy of the whole could double the document. The first one makes this document 20 bytes longer."""

    def longer(size: int) -> dict[str, Any]:
        short = {"name": "a", "note": ""}
        return {**short, "note": "x" * (size - len(json.dumps(short)))}

    patch = PreparedPatch([{"op": "copy", "from": "/name", "path": "/description"}] * copies)

    assert patch.result(longer(most))["description"] == "a"
    with pytest.raises(InvalidInputError) as caught:
        patch.result(longer(most + 1))
    (violation,) = caught.value.violations
    assert violation.given == "its copies add up to more than 10000000 bytes"


def test_the_given_operations_stay_as_they_are() -> None:
    """A later operation goes into a copy of what an earlier one sets: the task's next try gives them again."""
    given = [
        {"op": "add", "path": "/rank", "value": {"priority": 1, "order": {"type": "static"}}},
        {"op": "replace", "path": "/rank/priority", "value": 7},
        {"op": "replace", "path": "/rank/order/type", "value": "ranked"},
        {"op": "add", "path": "/characteristics", "value": {"a": "1"}},
        {"op": "add", "path": "/characteristics/b", "value": "2"},
    ]
    before = copy.deepcopy(given)
    patch = prepare(given, [PERSONALIZED], "dps")
    there = sale()
    after = patch.result(there)
    assert (after["rank"], after["characteristics"]) == (
        {"priority": 7, "order": {"type": "ranked"}},
        {"a": "1", "b": "2"},
    )
    assert list(patch.operations) == given == before
    assert there == sale()
