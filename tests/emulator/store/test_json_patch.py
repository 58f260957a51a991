"""JSON Patch against the examples of RFC 6902."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.emulator.store import json_patch


@pytest.mark.parametrize(
    ("document", "patch", "expected"),
    [
        ({"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux"}], {"foo": "bar", "baz": "qux"}),
        ({"foo": ["bar", "baz"]}, [{"op": "add", "path": "/foo/1", "value": "qux"}], {"foo": ["bar", "qux", "baz"]}),
        ({"baz": "qux", "foo": "bar"}, [{"op": "remove", "path": "/baz"}], {"foo": "bar"}),
        ({"foo": ["bar", "qux", "baz"]}, [{"op": "remove", "path": "/foo/1"}], {"foo": ["bar", "baz"]}),
        ({"baz": "qux"}, [{"op": "replace", "path": "/baz", "value": "boo"}], {"baz": "boo"}),
        (
            {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
            [{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}],
            {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}},
        ),
        (
            {"foo": ["all", "grass", "cows", "eat"]},
            [{"op": "move", "from": "/foo/1", "path": "/foo/3"}],
            {"foo": ["all", "cows", "eat", "grass"]},
        ),
        ({"foo": "bar"}, [{"op": "add", "path": "/child", "value": {"a": {}}}], {"foo": "bar", "child": {"a": {}}}),
        ({"foo": ["bar"]}, [{"op": "add", "path": "/foo/-", "value": ["abc"]}], {"foo": ["bar", ["abc"]]}),
        ({"/": 9, "~1": 10}, [{"op": "test", "path": "/~01", "value": 10}], {"/": 9, "~1": 10}),
        ({"foo": 1}, [{"op": "test", "path": "/foo", "value": 1.0}], {"foo": 1}),
        (
            {"a": [1]},
            [{"op": "copy", "from": "/a", "path": "/b"}, {"op": "add", "path": "/b/0", "value": 0}],
            {"a": [1], "b": [0, 1]},
        ),
        ({"a": 1}, [{"op": "replace", "path": "", "value": [1]}], [1]),
        ({"a": 1}, [{"op": "move", "from": "/a", "path": "/a"}], {"a": 1}),
        ({"": 1}, [{"op": "replace", "path": "/", "value": 2}], {"": 2}),
    ],
)
def test_applied(document: Any, patch: Any, expected: Any) -> None:
    before = repr(document)
    assert json_patch.apply(document, json_patch.check(patch)) == expected
    assert repr(document) == before


@pytest.mark.parametrize(
    ("document", "operation"),
    [
        ({"foo": "bar"}, {"op": "add", "path": "/baz/bat", "value": "qux"}),
        ({"foo": []}, {"op": "add", "path": "/foo/1", "value": 1}),
        ({"foo": []}, {"op": "add", "path": "/foo/01", "value": 1}),
        ({"foo": []}, {"op": "replace", "path": "/foo/-", "value": 1}),
        ({"foo": [1]}, {"op": "remove", "path": "/foo/-1"}),
        ({"foo": [1]}, {"op": "remove", "path": "/foo/1"}),
        ({"foo": 1}, {"op": "remove", "path": "/bar"}),
        ({"foo": {"a": 1}}, {"op": "move", "from": "/foo", "path": "/foo/a"}),
        ({"foo": 1}, {"op": "copy", "from": "/bar", "path": "/baz"}),
        ({"foo": True}, {"op": "test", "path": "/foo", "value": 1}),
        ({"foo": 1}, {"op": "test", "path": "/foo", "value": "1"}),
        ({"foo": 1}, {"op": "test", "path": "/bar", "value": None}),
    ],
)
def test_not_applicable(document: Any, operation: Any) -> None:
    with pytest.raises(json_patch.PatchFailed):
        json_patch.apply(document, json_patch.check([operation]))


@pytest.mark.parametrize(
    "patch",
    [
        {},
        "x",
        [1],
        [{"path": "/a"}],
        [{"op": "spam", "path": "/a"}],
        [{"op": "add", "path": "/a"}],
        [{"op": "add", "path": "a", "value": 1}],
        [{"op": "add", "path": "/a~2", "value": 1}],
        [{"op": "add", "value": 1}],
        [{"op": "copy", "path": "/a"}],
        [{"op": "move", "path": "/a", "from": 7}],
    ],
)
def test_malformed(patch: Any) -> None:
    with pytest.raises(json_patch.PatchMalformed):
        json_patch.check(patch)


def test_a_replacement_may_set_a_member_that_is_not_there() -> None:
    def applied(path: str) -> Any:
        operations = json_patch.check([{"op": "replace", "path": path, "value": 2}])
        return json_patch.apply({"a": {"b": 1}, "c": [1]}, operations, replace_adds=True)

    assert applied("/a/new") == {"a": {"b": 1, "new": 2}, "c": [1]}
    assert applied("/c/0") == {"a": {"b": 1}, "c": [2]}
    for path in ("/nowhere/new", "/c/1", "/c/-", "/a/b/new"):
        with pytest.raises(json_patch.PatchFailed):
            applied(path)
