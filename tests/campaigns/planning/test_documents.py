"""A plan as JSON: it comes back as it was, and a document that this format did not write is refused."""

from __future__ import annotations

import copy
import dataclasses
import json
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.campaigns.planning.documents import _Object, plan_as_bytes, plan_as_json, plan_from_json
from airflow_provider_offers.campaigns.plans import ABSENT, ACTIONS, Change, Plan, PlannedObject
from airflow_provider_offers.client.errors import InvalidInputError
from airflow_provider_offers.client.model.kinds import KINDS
from tests.effort import examples

LEAF = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=9)
VALUE = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner), max_leaves=5
)
POINTER = st.sampled_from(["/status", "/rank/priority", "/characteristics/a~1b", "/criteria"])
CHANGE = st.builds(Change, POINTER, *[VALUE | st.just(ABSENT)] * 3)
CHANGES = st.lists(CHANGE, min_size=1, max_size=2).map(tuple)
TEXT = st.text(min_size=1, max_size=9)


@st.composite
def planned(draw: st.DrawFn, key: tuple[str, str]) -> PlannedObject:
    """One planned object with the values that its action needs."""
    action = draw(st.sampled_from(ACTIONS))
    live: dict[str, Any] = {"id": draw(TEXT), "instance_id": draw(TEXT), "etag": draw(st.integers(1, 9))}
    more = {
        "create": {"held_as_draft": draw(st.booleans())},
        "update": {**live, "changes": draw(CHANGES)},
        "rename": {**live, "changes": draw(CHANGES), "old_name": draw(TEXT)},
        "retire": {**live, "retire": draw(st.sampled_from(["archive", "delete"]))},
        "conflict": {**live, "conflicts": draw(CHANGES), "edited_by": draw(TEXT), "edited_at": draw(TEXT)},
        "unchanged": live,
    }[action]
    if action not in ("retire", "conflict"):
        more["properties"] = draw(st.dictionaries(st.text(max_size=5), VALUE, max_size=3))
    return PlannedObject(key, action, reason=draw(st.text(max_size=9)), origin=draw(st.text(max_size=9)), **more)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Plans of every action, with any names."""
    used = draw(st.lists(st.tuples(st.sampled_from(list(KINDS)), st.text(max_size=9)), max_size=2, unique=True))
    objects = tuple(draw(planned(key)) for key in used)
    counts = {action: sum(each.action == action for each in objects) for action in ACTIONS}
    counts["unchanged"] += draw(st.integers(0, 9))
    named = st.dictionaries(
        st.tuples(st.sampled_from(list(KINDS)), st.text(max_size=5)), st.text(max_size=5), max_size=3
    )
    return Plan(
        "spring", "dev", "1@AdobeOrg", "prod", "dps", "abc", draw(st.integers(0, 9)), "2026-05-01T00:00:00Z",
        objects, counts, draw(st.booleans()), draw(named), draw(named), tuple(draw(named)), tuple(draw(st.lists(TEXT))),
        given_up=tuple(draw(named)),
    )  # fmt: skip


@examples(30)
@given(plans())
def test_a_plan_comes_back_as_it_was(plan: Plan) -> None:
    text = json.dumps(plan_as_json(plan), allow_nan=False)

    assert plan_from_json(json.loads(text)) == plan


def test_text_that_utf_8_cannot_hold_comes_back_from_a_file() -> None:
    change = Change("/description", "\ud800", "Grüße")
    objects = (PlannedObject(("tag", "Spring"), "conflict", conflicts=(change,)),)
    odd = Plan("s", "dev", "1@AdobeOrg", "prod", "dps", "abc", 1, "2026-05-01T00:00:00Z", objects, {"conflict": 1})

    assert plan_from_json(json.loads(plan_as_bytes(odd))) == odd
    assert "Grüße" in plan_as_bytes(dataclasses.replace(odd, objects=(), campaign="Grüße")).decode()


def test_absent_survives_a_copy() -> None:
    assert copy.deepcopy(Change("/status", ABSENT, "draft")).live is ABSENT


def test_every_member_of_a_planned_object_is_in_the_document() -> None:
    assert {each.name for each in fields(PlannedObject)} == {"key", *_Object.model_fields} - {"kind", "name"}


OBJECT = {"kind": "tag", "name": "Spring", "action": "create", "properties": {"name": "Spring"}}
PLAN = plan_as_json(
    Plan(
        "spring", "dev", "1@AdobeOrg", "prod", "dps", "abc", 1, "2026-05-01T00:00:00Z",
        (PlannedObject(("tag", "Spring"), "create", properties={"name": "Spring"}),), {"create": 1},
    )
)  # fmt: skip


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "the whole input: given a list of 0; expected a JSON object of the format offers.plan/v1"),
        ({}, "/format: given nothing; expected 'offers.plan/v1'"),
        ({**PLAN, "format": "offers.state/v1"}, "/format: given 'offers.state/v1'; expected 'offers.plan/v1'"),
        ({**PLAN, "format": "offers.plan/v2"}, "a newer release of the provider wrote it"),
        ({**PLAN, "surprise": 1}, "/surprise: given an unknown member"),
        ({**PLAN, "digest": 7}, "/digest: given 7; expected a valid string"),
        ({"format": "offers.plan/v1"}, "/digest: given nothing; expected a value"),
        (
            {**PLAN, "objects": [{**OBJECT, "action": "destroy"}]},
            "/objects/0/action: given 'destroy'; expected 'create'",
        ),
        ({**PLAN, "objects": [{**OBJECT, "kind": "thing"}]}, "/objects/0/kind: given 'thing'"),
        ({**PLAN, "objects": [{**OBJECT, "action": "update"}]}, "/objects/0/etag: given nothing"),
        ({**PLAN, "objects": [OBJECT, OBJECT]}, "/objects/1: given an object that was planned before"),
        ({**PLAN, "objects": []}, "/counts/create: given 1; expected 0"),
        (
            {**PLAN, "objects": [{**OBJECT, "conflicts": [{"pointer": "/name"}]}]},
            "/objects/0/conflicts: given conflicts; expected none",
        ),
        ({**PLAN, "objects": [{**OBJECT, "changes": [{"pointer": "name"}]}]}, "/objects/0/changes/0/pointer"),
        ({**PLAN, "sandbox": "dev"}, "/checksum: given a plan that was edited after it was made"),
        ({**PLAN, "protected": True}, "/checksum: given a plan that was edited"),
        (
            {**PLAN, "objects": [{**OBJECT, "properties": {"name": "Spring", "description": "mine"}}]},
            "/checksum: given a plan that was edited",
        ),
        ({name: value for name, value in PLAN.items() if name != "checksum"}, "/checksum: given nothing"),
        ({**PLAN, "ids": {"thing": {"Spring": "1"}}}, "/ids/thing: given an unknown kind"),
    ],
)
def test_a_document_that_this_format_did_not_write_is_refused(document: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match="The plan cannot be read") as caught:
        plan_from_json(document)

    assert message in str(caught.value)
