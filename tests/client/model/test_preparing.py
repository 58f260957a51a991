"""A prepared patch has the names of its kind and the doubts that were told; findings quote it as it was written."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest

from airflow_provider_offers.client.errors import Doubt, InvalidInputError, UnsupportedError, Violation
from airflow_provider_offers.client.model.kinds import DECISION, FALLBACK, PERSONALIZED, Kind
from airflow_provider_offers.client.model.patches import PreparedPatch
from airflow_provider_offers.client.model.preparing import (
    check_operations,
    neutral_patch,
    patch_findings,
    prepare,
    prepare_planned,
)
from airflow_provider_offers.client.model.validation import MAX_BYTES
from airflow_provider_offers.client.text import describe

START, END = "2030-01-01T00:00:00Z", "2031-01-01T00:00:00Z"
DOUBTFUL = [{"op": "add", "path": "/future", "value": 1}]
LINK = {"op": "remove", "path": "/_links/self"}


def told(*operations: Any, kind: Kind = PERSONALIZED, api: str = "xcore") -> list[Violation]:
    """Every error and doubt about a patch."""
    try:
        check_operations(operations)
        neutral = neutral_patch(operations, api, kind)
    except InvalidInputError as refused:
        return list(refused.violations)
    return patch_findings(kind, PreparedPatch(neutral, kind))


def places(*operations: Any, kind: Kind = PERSONALIZED) -> list[str]:
    return [each.pointer for each in told(*operations, kind=kind)]


def setting(**values: Any) -> list[dict[str, Any]]:
    return [{"op": "replace", "path": f"/{name}", "value": value} for name, value in values.items()]


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"x": value}
    return value


def test_only_generation_1_has_links() -> None:
    assert prepare([LINK], [PERSONALIZED], "xcore").operations == [LINK]
    with pytest.raises(UnsupportedError, match="dps has no links"):
        prepare([LINK], [PERSONALIZED], "dps")


def test_a_path_has_the_names_of_its_kind() -> None:
    path = "/_instance/xdm:criteria/0/xdm:placements/-"
    patch = prepare([{"op": "add", "path": path, "value": "xcore:offer-placement:1"}], [DECISION], "xcore")
    assert (patch.operations[0]["path"], patch.kind) == ("/criteria/0/placements/-", DECISION)


def test_a_patch_carries_the_doubts_that_were_told() -> None:
    assert prepare(DOUBTFUL, [PERSONALIZED], "dps").doubts
    assert not prepare(DOUBTFUL, [PERSONALIZED], "dps", validate=False).doubts
    assert prepare_planned(DOUBTFUL, PERSONALIZED, True).doubts == prepare(DOUBTFUL, [PERSONALIZED], "dps").doubts
    # These were not told: nothing was checked, or a doubt is an error.
    for patch in (prepare_planned(DOUBTFUL, PERSONALIZED), prepare_planned(DOUBTFUL, PERSONALIZED, "strict")):
        assert not patch.doubts
    assert prepare_planned(DOUBTFUL, DECISION).kind is DECISION


def test_what_a_test_compares_with_is_not_tidied() -> None:
    set_, tested = ({"op": op, "path": "/rank/priority", "value": "5"} for op in ("replace", "test"))
    patch = prepare([tested, set_], [PERSONALIZED], "dps")
    assert [each["value"] for each in patch.operations] == ["5", 5]


def test_members_that_an_operation_does_not_have_are_left_out() -> None:
    given = [
        {"op": "remove", "path": "/description", "value": "x", "from": "/x"},
        {"op": "replace", "path": "/name", "value": "x", "from": "not a pointer", "comment": "why"},
        {"op": "copy", "path": "/description", "from": "/_instance/xdm:name", "value": "x"},
    ]
    assert prepare(given, [PERSONALIZED], "dps").operations == [
        {"op": "remove", "path": "/description"},
        {"op": "replace", "path": "/name", "value": "x"},
        {"op": "copy", "path": "/description", "from": "/name"},
    ]


def test_a_value_has_as_many_levels_as_a_document() -> None:
    assert places({"op": "remove", "path": "/description"}, {"op": "add", "path": "/future", "value": nested(64)}) == [
        "/1/path"
    ]
    (refused,) = told({"op": "add", "path": "/future", "value": nested(65)})
    assert refused.pointer == "/0/value" + "/x" * 65
    assert refused.given == "more than 64 levels"


# What an author wrote, the place that is told, what is said to be given, and what was meant.
TOLD: list[tuple[dict[str, Any], str, str, str]] = [
    ({"op": "remove", "path": "/staus"}, "path", "'/staus'", "a documented property; did you mean 'status'?"),
    ({"op": "add", "path": "/rank/priorty", "value": 1}, "path", "'/rank/priorty'", "did you mean 'priority'?"),
    ({"op": "add", "path": "/dc:status", "value": "draft"}, "path", "'/dc:status'", "did you mean 'xdm:status'?"),
    ({"op": "copy", "from": "/nmae", "path": "/description"}, "from", "'/nmae'", "did you mean 'name'?"),
    ({"op": "remove", "path": "/name"}, "path", "'/name'", "replace: the property is required"),
    ({"op": "move", "from": "/name", "path": "/description"}, "from", "'/name'", "replace: the property is required"),
    ({"op": "replace", "path": "/etag", "value": 1}, "path", "'/etag'", "the service assigns this one"),
    ({"op": "replace", "path": "/name", "value": None}, "value", "null", "a value: the property is required"),
    ({"op": "replace", "path": "/selectionConstraint", "value": 5}, "value", "5", "an object"),
    (
        {"op": "add", "path": "/representations/0/components/first", "value": {"type": "html", "format": "text/html"}},
        "path",
        "'/representations/0/components/first'",
        "an index or - at the end",
    ),
    (
        {"op": "remove", "path": "/representations/first/components"},
        "path",
        "'/representations/first/components'",
        "an index or - at the end: /representations is a list",
    ),
    ({"op": "test", "path": "/name/first", "value": "x"}, "path", "'/name/first'", "/name, which has no properties"),
    ({"op": "remove", "path": "/name/"}, "path", "'/name/'", "/name, which has no properties"),
    ({"op": "copy", "from": "/tags/0/name", "path": "/description"}, "from", "'/tags/0/name'", "/tags/0, which has no"),
    (
        {"op": "remove", "path": "/selectionConstraint/endDate/year"},
        "path",
        "'/selectionConstraint/endDate/year'",
        "/selectionConstraint/endDate, which has no properties",
    ),
    # What `/{{ params.property }}` renders without the parameter.
    ({"op": "add", "path": "/", "value": "x"}, "path", "'/'", "the name of a property, which is not empty"),
    ({"op": "remove", "path": "/rank//priority"}, "path", "'/rank//priority'", "which is not empty"),
    ({"op": "add", "path": "/_instance", "value": {}}, "", "'/_instance'", "a property below it"),
    ({"op": 5, "path": "/name", "value": "x"}, "op", "5", "'add' or 'remove'"),
    ({"op": "copy", "from": "name", "path": "/description"}, "from", "'name'", "a JSON pointer"),
    ({"op": "move", "path": "/description"}, "from", "nothing", "a JSON pointer"),
    ({"op": "add", "path": "name", "value": "x"}, "path", "'name'", "a JSON pointer"),
    ({"op": "replace", "path": "/name"}, "value", "nothing", "the value to replace"),
    ({"op": "test", "path": "/name"}, "value", "nothing", "the value to test"),
    (
        {"op": "add", "path": "/rank", "value": {"priority": 1, "xdm:priority": 2}},
        "value/xdm:priority",
        "both as 'priority' and as 'xdm:priority'",
        "one of the two",
    ),
    (
        {"op": "add", "path": "/rank", "value": {"priority": 1, "startDate": START}},
        "value/startDate",
        "the property 'startDate'",
        "does it belong to /selectionConstraint",
    ),
    # The service assigns the id of an object, and nothing else below it.
    (
        {"op": "add", "path": "/rank", "value": {"priority": 1, "id": "x"}},
        "value/id",
        "the property 'id'",
        "a documented property",
    ),
]


@pytest.mark.parametrize(("operation", "place", "given", "expected"), TOLD)
def test_a_finding_quotes_the_patch_at_its_place(
    operation: dict[str, Any], place: str, given: str, expected: str
) -> None:
    (finding,) = told({"op": "replace", "path": "/description", "value": "fine"}, operation)
    assert (finding.pointer, finding.given) == (f"/1/{place}" if place else "path", given)
    assert expected in finding.expected


def test_a_part_of_a_window_can_be_removed_but_not_the_window() -> None:
    """A fallback need not have it."""
    (finding,) = told({"op": "remove", "path": "/selectionConstraint"}, kind=FALLBACK)
    assert (finding.pointer, finding.given) == ("/0/path", "'/selectionConstraint'")
    assert "a part of it" in finding.expected


RANK = {"xdm:priorty": 3}
PARTS = [{"xdm:placement": "xcore:offer-placement:1", "xdm:components": [{"dc:format": "text/html"}]}]


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        ({"path": "/_instance/xdm:stauts", "value": "draft"}, "/0/path: given '/_instance/xdm:stauts'"),
        ({"path": "/_instance/@id", "value": "x"}, "/0/path: given '/_instance/@id'"),
        ({"path": "/repo:etag", "value": 1}, "/0/path: given '/repo:etag'"),
        ({"path": "/stauts", "value": "draft"}, "/0/path: given '/stauts'"),
        ({"op": "move", "from": "/xdm:nmae", "path": "/xdm:description"}, "/0/from: given '/xdm:nmae'"),
        ({"path": "/_instance/xdm:rank", "value": RANK}, "/0/value/xdm:priorty: given the property 'xdm:priorty'"),
        ({"path": "/_instance/xdm:rank", "value": RANK}, "/0/value/xdm:priority: given nothing"),
        ({"path": "/rank", "value": {"priorty": 3}}, "/0/value/priority: given nothing"),
        ({"path": "/_instance/xdm:rank/xdm:priority", "value": -1}, "/0/value: given -1"),
        ({"path": "/xdm:representations", "value": PARTS}, "/0/value/0/xdm:components/0/@type: given nothing"),
    ],
)
def test_a_message_has_the_spelling_of_the_author(operation: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInputError, match=re.escape(said)):
        prepare([{"op": "replace", **operation}], [PERSONALIZED], "xcore")


def test_so_has_a_warning_and_the_doubt_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    patch = prepare([{"op": "add", "path": "/_instance/xdm:future", "value": 1}], [PERSONALIZED], "xcore")

    assert "/0/path: given '/_instance/xdm:future'; expected a documented property" in caplog.text
    neutral = prepare([{"op": "add", "path": "/xdm:future", "value": 1}], [PERSONALIZED], "dps")
    assert patch.doubts == neutral.doubts


def test_only_a_property_that_is_written_is_doubtful() -> None:
    at = {"path": "/future", "value": 1}
    assert [type(each) for each in told({"op": "add", **at}, {"op": "copy", "from": "/name", "path": "/future"})] == [
        Doubt,
        Doubt,
    ]
    assert told({"op": "remove", **at}, {"op": "test", **at}, {"op": "move", "from": "/future", "path": "/name"}) == []


def test_a_value_may_be_as_large_as_an_object_but_not_with_its_name() -> None:
    def setting(size: int) -> dict[str, Any]:
        return {"op": "replace", "path": "/description", "value": "x" * (size - 2)}

    # Alone it fits. Together with its name it does not, and no single value is too large.
    assert places(setting(MAX_BYTES)) == [""]
    assert places(setting(MAX_BYTES + 1)) == ["/0/value"]
    assert places(setting(MAX_BYTES - 20)) == []


def test_a_link_and_an_item_at_an_index_are_no_part_of_what_is_known() -> None:
    large = "x" * (MAX_BYTES // 2)
    described = {"op": "add", "path": "/description", "value": large}
    assert places(described, {"op": "add", "path": "/_links/self", "value": large}) == []
    items = [{"op": "add", "path": f"/labels/{index}", "value": large} for index in range(2)]
    assert places(described, *items) == []


def test_the_last_operation_that_sets_a_whole_is_told() -> None:
    whole = {"startDate": END, "endDate": START}
    assert places(
        {"op": "replace", "path": "/selectionConstraint/endDate", "value": START},
        {"op": "replace", "path": "/selectionConstraint", "value": whole},
    ) == ["/1/value/endDate"]


@pytest.mark.parametrize(
    ("last", "pointers"),
    [
        ({"op": "test", "path": "/endDate", "value": START}, ["/1/value"]),
        ({"op": "copy", "from": "/startDate", "path": "/description"}, ["/1/value"]),
        ({"op": "move", "from": "/startDate", "path": "/description"}, []),
        ({"op": "replace", "path": "/endDate", "value": END}, ["/2/value"]),
        ({"op": "replace", "path": "/endDate", "value": "2032-01-01T00:00:00Z"}, []),
        ({"op": "copy", "from": "/description", "path": "/endDate"}, []),
    ],
)
def test_only_a_change_of_a_date_undoes_what_is_known_of_it(last: dict[str, Any], pointers: list[str]) -> None:
    dates = {"startDate": END, "endDate": START}
    assert places(*setting(**dates), last, kind=DECISION) == pointers


@pytest.mark.parametrize(
    ("operation", "place", "given"),
    [
        ({"opp": "replace", "path": "/name", "value": "x"}, "/0/op", "nothing, but 'opp'"),
        ({"op": "replace", "pth": "/name", "value": "x"}, "/0/path", "nothing, but 'pth'"),
        ({"op": "replace", "path": None, "pth": "/name", "value": "x"}, "/0/path", "None"),
        ({"op": "move", "form": "/name", "path": "/description"}, "/0/from", "nothing, but 'form'"),
        ({"op": "move", "path": "/description", "value": 1}, "/0/from", "nothing"),
        ({"op": "add", "path": "/name", "values": "x"}, "/0/value", "nothing, but 'values'"),
        ({"op": "add", "path": "/name", **dict.fromkeys("abcd")}, "/0/value", "nothing, but 'a' and 'b' and 'c'"),
    ],
)
def test_a_missing_member_of_an_operation_is_told_with_what_may_be_its_misspelling(
    operation: Any, place: str, given: str
) -> None:
    (found,) = told(operation)
    assert (found.pointer, found.given) == (place, given)


@pytest.mark.parametrize(("word", "meant"), [("relpace", "; did you mean 'replace'?"), ("update", "'test'")])
def test_a_word_that_is_no_operation_is_told_with_the_nearest(word: str, meant: str) -> None:
    (found,) = told({"op": word, "path": "/name", "value": "x"})
    assert found.expected.endswith(meant)


@pytest.mark.parametrize("given", [5, "x", {"op": "remove", "path": "/name"}])
def test_what_is_no_list_of_operations_is_quoted(given: Any) -> None:
    with pytest.raises(InvalidInputError, match="The patch cannot be sent") as caught:
        check_operations(given)
    (whole,) = caught.value.violations
    assert (whole.pointer, whole.given) == ("", describe(given))
    (item,) = told(5)
    assert (item.pointer, item.given) == ("/0", "5")


def test_a_check_changes_no_value_of_the_patch() -> None:
    operations = [
        {"op": "add", "path": "/future", "value": {"a": {"b": 1}}},
        {"op": "add", "path": "/future/a/c", "value": 2},
    ]
    before = copy.deepcopy(operations)
    prepare(operations, [PERSONALIZED], "dps")
    told(*operations)
    assert operations == before
