"""Generation 1's spelling of a kind: its trees contain only what is spelled otherwise, in one or two ways."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.client.model.kinds import COLLECTION, DECISION, KINDS, PERSONALIZED, PLACEMENT, RULE, Kind
from airflow_provider_offers.client.model.names_on_xcore import compared_of, names_of
from airflow_provider_offers.client.model.spelling import PLAIN, Spelled


def drawn(tree: Spelled) -> Any:
    """The tree as plain data; a member without another spelling below it is its name alone."""
    if tree is PLAIN:
        return None
    below = {
        "items": tree.items and drawn(tree.items),
        "values": tree.values and drawn(tree.values),
        "either": {name: _member(each) for name, each in tree.either.items()},
        "converts": tree.to_neutral is not None,
    }
    return {name: _member(each) for name, each in tree.members.items()}, {each: at for each, at in below.items() if at}


def _member(member: tuple[str, Spelled]) -> Any:
    name, tree = member
    return name if tree is PLAIN else (name, *drawn(tree))


def test_a_rule_has_two_spellings_and_a_choice_of_aliases() -> None:
    schema = {"schema": ("xdm:schema", {"ref": "$ref"}, {}), "referencePaths": "xdm:referencePaths"}
    first = {"type": "type", "format": "format", "value": "value"}
    second = {name: f"xdm:{name}" for name in first}
    assert drawn(names_of(RULE.model)) == (
        {
            "id": "@id",
            "name": "xdm:name",
            "description": "description",
            "condition": ("condition", first, {"either": second}),
            "definedOn": ("xdm:definedOn", {}, {"values": (schema, {})}),
        },
        {"either": {"description": "xdm:description", "condition": ("xdm:condition", second, {})}},
    )


def test_an_offer_has_other_names_in_its_lists() -> None:
    members = names_of(PERSONALIZED.model).members
    assert {"labels", "customMetadata"}.isdisjoint(members)
    assert members["tags"] == ("xdm:tags", PLAIN)
    assert members["tags"][1] is members["characteristics"][1] is PLAIN
    components = members["representations"][1].items.members["components"]  # type: ignore[union-attr]
    assert drawn(components[1])[1]["items"][0] == {
        "type": ("@type", {}, {"converts": True}),
        "format": "dc:format",
        "language": "dc:language",
        "content": "xdm:content",
        "deliveryURL": "xdm:deliveryURL",
        "linkURL": "xdm:linkURL",
        "copyline": "xdm:copyline",
    }


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_only_a_rule_may_be_shown_in_two_spellings(kind: Kind) -> None:
    assert bool(names_of(kind.model).either) is (kind is RULE)


def test_values_are_compared_in_one_spelling_where_two_mean_the_same() -> None:
    convert = {"converts": True}
    assert drawn(compared_of(PLACEMENT.model)) == ({"componentType": ("componentType", {}, convert)}, {})
    components: Any = {"items": ({"type": ("type", {}, convert)}, {})}
    assert drawn(compared_of(PERSONALIZED.model)) == (
        {"representations": ("representations", {}, {"items": ({"components": ("components", {}, components)}, {})})},
        {},
    )
    # Their words have one spelling on each generation, so that none is compared with the other.
    for kind in (COLLECTION, DECISION, RULE):
        assert compared_of(kind.model) is PLAIN
    compare: Any = compared_of(PLACEMENT.model).members["componentType"][1].to_neutral
    assert compare("text") == compare("component-text") != compare("html")
