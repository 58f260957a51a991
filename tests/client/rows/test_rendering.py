"""A template of one expression keeps its type, other templates make text, and unknown names are errors."""

from __future__ import annotations

import copy
from typing import Any

import jinja2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jinja2.nativetypes import NativeEnvironment
from jinja2.sandbox import SandboxedEnvironment

from airflow_provider_offers.client.rows.reading import table_of_file, table_of_list
from airflow_provider_offers.client.rows.rendering import RowTemplate, RowTemplates, cells_of, uses_row, waits

ENVIRONMENTS = [SandboxedEnvironment(), NativeEnvironment(), jinja2.Environment(undefined=jinja2.ChainableUndefined)]
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def render(env: jinja2.Environment, template: str, row: dict[str, Any], **names: Any) -> Any:
    (only,) = table_of_list([row])
    return RowTemplates(env).value(template, {"row": only, **names})


@pytest.mark.parametrize("env", ENVIRONMENTS)
@UNHURRIED
@given(value=VALUES)
def test_the_value_of_one_expression_keeps_its_type(env: jinja2.Environment, value: Any) -> None:
    for template, name in (("{{ row.it }}", "it"), ("{{ row['items'] }}", "items"), ("{{- row.items -}}", "items")):
        found = render(env, template, {name: value})
        assert found == value
        assert type(found) is type(value)


@pytest.mark.parametrize("env", ENVIRONMENTS)
@UNHURRIED
@given(text=st.text().filter(bool), number=st.integers())
def test_longer_text_is_text(env: jinja2.Environment, text: str, number: int) -> None:
    assert render(env, "{{ row.a }}{{ row.b }}", {"a": text, "b": number}) == f"{text}{number}"
    assert render(env, "{% if row.a %}{{ row.b }}{% endif %}", {"a": text, "b": number}) == str(number)


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_what_is_unknown_or_empty_is_an_error(env: jinja2.Environment) -> None:
    row = {"priority": 1, "name": None, "cap": float("nan"), "raw": b"x", "view": memoryview(b"x")}
    for template, message in (
        ("{{ row.priorty }}", "there is no column 'priorty' in the rows; did you mean 'priority'?"),
        ("{{ row.priorty + 1 }}", "did you mean 'priority'?"),
        ("{{ row.priorty or 1 }}", "did you mean 'priority'?"),
        (
            "a {{ row['size'] }}",
            "there is no column 'size' in the rows; its columns are priority, name, cap, raw, view",
        ),
        ("Sale {{ row.name }}", "an expression in it is None, as an empty cell is"),
        ("Sale {{ row.cap }}", "an expression in it is NaN, as an empty cell of a column of numbers may be"),
        ("Sale {{ row.raw }}", "an expression in it is bytes"),
        ("Sale {{ row.view }}", "an expression in it is bytes"),
        ("Sale {{ row }}", "an expression in it is the whole row"),
    ):
        with pytest.raises(jinja2.UndefinedError) as caught:
            render(env, template, row)
        assert message in str(caught.value)
    assert render(env, "{{ row.size | default(3) }}", row) == 3
    assert render(env, "{{ row.name or 'friend' }}!", row) == "friend!"
    assert render(env, "{{ row.get('name', 1) }}", row) is None
    assert render(env, "{{ row }}", row) == row
    assert render(env, "{{ row.items() | list }}", row) == list(row.items())


def test_a_column_that_only_other_rows_have_is_empty() -> None:
    table = table_of_file("o.jsonl", b'{"a": 1}\n{"b": 2}')
    templates = RowTemplates(ENVIRONMENTS[0])
    assert [templates.value("{{ row.b }}", {"row": row}) for row in table] == [None, 2]


def test_an_environment_may_say_itself_what_none_is() -> None:
    env = jinja2.Environment(finalize=lambda value: "-" if value is None else value)
    assert render(env, "a {{ row.name }}", {"name": None}) == "a -"


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_only_what_uses_the_row_waits(env: jinja2.Environment) -> None:
    for template in ("{{ row.a }}", "{{ ds }} {% if row %}x{% endif %}", "{{ [row] | length }}"):
        assert uses_row(template, env)
    for template in (
        "row",
        "{{ ds }}",
        "{{ 'row' }}",
        "{{ a.row }}",
        "{% for row in a %}{{ row }}{% endfor %}",
        "{{ row",
    ):
        assert not uses_row(template, env)
    assert waits({"a": [{"b": RowTemplate("{{ row.a }}")}]})
    assert not waits({"a": ["{{ row.a }}"]})


def test_the_names_beside_the_row_are_known() -> None:
    assert render(ENVIRONMENTS[0], "{{ row.a }} on {{ ds }}", {"a": 1}, ds="2036-01-01") == "1 on 2036-01-01"
    # A value that looks like a template is final.
    assert render(ENVIRONMENTS[0], "{{ row.a }}", {"a": "{{ ds }}"}, ds="2036-01-01") == "{{ ds }}"


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("{{ row.sku }}, {{ row['a name'] }}", ["sku", "a name"]),
        ("{{ row.sku | upper }} {{ row.sku or 1 }} {{ row[0] }} {{ row }} {{ ds }}", []),
        ("{% if 'sku' in row %}{{ row.sku }}{% endif %}", []),
        ("{{ row.sku }", []),
    ],
)
def test_only_cells_that_are_written_as_they_are_are_certain_to_be_needed(text: str, columns: list[str]) -> None:
    assert cells_of(text, SandboxedEnvironment()) == columns


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_a_row_is_also_the_dict_of_its_cells(env: jinja2.Environment) -> None:
    row = {"sku": "007", "cap": None}
    for template, wanted in (
        ("{{ 'sku' in row }}", True),
        ("{{ 'size' in row }}", False),
        ("{{ row | length }}", 2),
        ("{{ row | join('+') }}", "sku+cap"),
        ("{{ row | string }}", "{'sku': '007', 'cap': None}"),
        ("{{ row.get('size', 'L') }}", "L"),
        ("{{ row }}", row),
    ):
        assert render(env, template, row) == wanted
    (only,) = table_of_list([row])
    assert copy.copy(only).sku == "007"
