"""The operations that turn an object into the wanted one."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.client.model.differences import difference, replacement, what_differs
from airflow_provider_offers.client.model.kinds import FALLBACK, FORMULA, PLACEMENT, TAG

FORMULA_READ = {"name": "Boost", "expression": {"type": "PQL", "value": "1"}, "returnType": {"type": "INTEGER"}}


@pytest.mark.parametrize(
    ("wanted", "changed"),
    [
        ({**FORMULA_READ, "returnType": {"type": "integer"}, "definedOn": {"profile": {}}}, []),
        ({"returnType": {"type": "double"}}, ["/returnType"]),
        ({"name": "boost"}, ["/name"]),
        ({"description": "new"}, ["/description"]),
        ({"expression": {"type": "pql", "value": "1"}}, ["/expression"]),
    ],
)
def test_what_a_read_leaves_out_or_respells_is_no_difference(wanted: dict[str, Any], changed: list[str]) -> None:
    assert [each["path"] for each in difference(FORMULA_READ, wanted, FORMULA)] == changed


def test_what_a_read_shows_after_all_is_compared() -> None:
    read = {"name": "Sale", "description": "old"}
    assert difference(read, {"description": "old"}, TAG) == []
    assert difference(read, {"description": "Old"}, TAG) == [{"op": "replace", "path": "/description", "value": "Old"}]
    assert difference({"name": "Sale"}, {"description": "new"}, TAG) == []
    assert len(difference({"name": "Sale"}, {"description": "new"}, PLACEMENT)) == 1


def test_a_replacement_removes_what_is_not_wanted() -> None:
    current = {"name": "Sale", "description": "old", "id": "x", "rank": {}}
    wanted = {"name": "Sale!", "rank": {"priority": 1}, "cappingConstraint": {"globalCap": 1}}
    assert replacement(current, wanted, FALLBACK) == [
        {"op": "replace", "path": "/name", "value": "Sale!"},
        {"op": "remove", "path": "/description"},
    ]


def test_a_replacement_sets_what_reads_do_not_show() -> None:
    added = {"op": "add", "path": "/definedOn", "value": {"profile": {}}}
    assert replacement(FORMULA_READ, {**FORMULA_READ, "definedOn": {"profile": {}}}, FORMULA) == [added]


def test_a_message_says_what_differs() -> None:
    operations = [
        {"op": "test", "path": "/name", "value": "Sale"},
        {"op": "replace", "path": "/name", "value": "Sale!"},
        {"op": "remove", "path": "/description"},
    ]
    said = what_differs(operations, {"name": "Sale"})
    assert said == '/name is "Sale", not "Sale!", /description is nothing, not nothing'
