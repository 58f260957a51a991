"""YAML and JSON are read as people mean them, each value with its place."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.campaigns.manifest.findings import Findings
from airflow_provider_offers.campaigns.manifest.nodes import Node, leaves, place_in, plain
from airflow_provider_offers.campaigns.manifest.reading_json import node_of_json
from airflow_provider_offers.campaigns.manifest.reading_yaml import node_of_yaml
from airflow_provider_offers.campaigns.objects import Origin
from tests.effort import examples

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def read(text: str) -> Node:
    findings = Findings()
    node = node_of_yaml(text, "x.yaml", lambda named, at: Node(f"the content of {named}", at), findings)
    assert node is not None, findings.errors
    return node


def read_json(text: str) -> Node:
    findings = Findings()
    node = node_of_json(text, "x.json", findings)
    assert node is not None, findings.errors
    return node


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "on",
        "Yes",
        "2027-03-01",
        "2027-03-01T00:00:00Z",
        "12:30",
        "1_000",
        "010",
        "0x1F",
        "0o7",
        "+49",
        ".5",
        "5.",
    ],
)
def test_what_looks_like_text_is_text(text: str) -> None:
    assert plain(read(f"a: {text}")) == {"a": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("1.5e3", 1500.0),
    ],
)
def test_the_words_and_numbers_of_json_have_their_types(text: str, value: Any) -> None:
    read_value = plain(read(f"a: {text}"))["a"]

    assert (type(read_value), read_value) == (type(value), value)


@pytest.mark.parametrize(
    ("text", "value"),
    [('"12"', "12"), ("'true'", "true"), ("!!str 12", "12"), ("! 12", "12"), ("!!int 12", 12), ('""', "")],
)
def test_quotes_and_tags_choose_the_type(text: str, value: Any) -> None:
    assert plain(read(f"a: {text}")) == {"a": value}


def test_names_are_text() -> None:
    assert plain(read("on: 1\n12: 2\nnull: 3\n")) == {"on": 1, "12": 2, "null": 3}


def test_aliases_repeat_a_value_and_merges_add_members() -> None:
    text = """\
a: &a {x: 1, y: [2]}
b: *a
c: {<<: *a, x: 3}
d: {x: 4, <<: [{z: 5}, *a]}
e: {"<<": 6}
&f f: *f
"""
    assert plain(read(text)) == {
        "a": {"x": 1, "y": [2]},
        "b": {"x": 1, "y": [2]},
        "c": {"x": 3, "y": [2]},
        "d": {"x": 4, "z": 5, "y": [2]},
        "e": {"<<": 6},
        "f": "f",
    }


def test_a_block_keeps_its_lines() -> None:
    assert plain(read("a: |\n  {{ x }}\n  y\n")) == {"a": "{{ x }}\ny\n"}


def test_an_included_file_takes_the_place_of_a_value() -> None:
    assert plain(read("a: [!include x.json]")) == {"a": ["the content of x.json"]}


def test_each_value_and_each_name_has_its_place() -> None:
    node = read("a:\n  - b: 1\n    'ü': {c: x}\n")

    assert place_in(node, "/a/0/b") == Origin("x.yaml", 2, 8)
    assert place_in(node, "/a/0/ü/c") == Origin("x.yaml", 3, 14)
    assert place_in(node, "/a/0/ü/c", of_name=True) == Origin("x.yaml", 3, 11)
    # A place that does not exist is that of the nearest node above.
    assert place_in(node, "/a/0/nothing/below") == Origin("x.yaml", 2, 5)


@examples(20)
@given(VALUES)
def test_json_is_read_as_python_reads_it(value: Any) -> None:
    text = json.dumps(value)

    assert plain(read_json(text)) == json.loads(text)
    spread = json.dumps(value, indent="\t", ensure_ascii=False)
    assert plain(read_json(spread)) == json.loads(spread)


@examples(20)
@given(VALUES)
def test_a_value_in_json_has_its_place(value: Any) -> None:
    lines = json.dumps(value, indent=1).split("\n")

    for _, node in leaves(read_json("\n".join(lines))):
        rest = lines[node.origin.line - 1][node.origin.column - 1 :]
        shown = rest.removesuffix(",")
        assert json.loads(shown) == node.value


@examples(20)
@given(VALUES)
def test_yaml_is_read_as_it_was_written(value: Any) -> None:
    try:
        text = yaml.safe_dump(value)
    except yaml.YAMLError:
        return
    # PyYAML writes words of YAML 1.1 in quotes, and numbers so that both versions read them.
    if any(isinstance(node, float) for node in _scalars(value)):
        return
    assert plain(read(text)) == value


def _scalars(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [each for inner in value.values() for each in _scalars(inner)]
    if isinstance(value, list):
        return [each for inner in value for each in _scalars(inner)]
    return [value]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"a": 1,}', "x.json:1:9"),
        ('{\n "a" 1}', "x.json:2:6"),
        ("[1 2]", "x.json:1:4"),
        ("[01]", "x.json:1:3"),
        ("{'a': 1}", "x.json:1:2"),
        ("", "x.json:1:1"),
        ('["a', "x.json:1:2"),
        ("[" * 200, "x.json:1:82"),
    ],
)
def test_wrong_json_is_told_with_its_place(text: str, place: str) -> None:
    findings = Findings()

    assert node_of_json(text, "x.json", findings) is None
    assert [each.pointer for each in findings.errors] == [place]
