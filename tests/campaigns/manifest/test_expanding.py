"""Templates, rows, defaults and windows of a manifest become the properties of its objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.execution_time import macros
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import StrictUndefined, TemplateError, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from airflow_provider_offers.campaigns.errors import ManifestError
from airflow_provider_offers.campaigns.manifest.findings import Findings
from airflow_provider_offers.campaigns.manifest.loading import validate
from airflow_provider_offers.campaigns.manifest.nodes import Node
from airflow_provider_offers.campaigns.manifest.templates import ABSENT, Templates
from airflow_provider_offers.campaigns.objects import Origin
from airflow_provider_offers.client.rows.reading import table_of_list
from airflow_provider_offers.client.rows.rendering import RowTemplates
from tests.campaigns.manifest.folders import OFFER, WINDOW, loaded, properties, written
from tests.effort import examples

OFFERS = f"offers: [{{name: A, {OFFER}, window: {WINDOW}, "


def offer(folder: Path, text: str, **options: Any) -> dict[str, Any]:
    """The properties of an offer with more of them."""
    return properties(loaded(folder, f"{OFFERS}{text}}}]\n", **options))[0]


class TestTemplates:
    def test_one_expression_keeps_its_type_and_a_longer_text_does_not(self, tmp_path: Path) -> None:
        text = """\
tags:
  - for_each: [{n: 7, flag: true, list: [1, 2]}]
    name: "{{ row.n }}"
    description: "{{ row.n }} {{ row.flag }} {{ row.list | length }}"
"""
        assert properties(loaded(tmp_path, text)) == [{"name": "7", "description": "7 True 2"}]

    def test_a_value_may_be_a_list_or_an_object(self, tmp_path: Path) -> None:
        shown = [
            {"placement": "name:Web hero", "components": [{"type": "html", "format": "text/html", "content": "x"}]}
        ]

        found = offer(tmp_path, 'representations: "{{ shown }}"', context={"shown": shown})

        assert found["representations"] == shown

    @pytest.mark.parametrize("template", ["{{ none }}", "{{ '' }}", "{% if false %}x{% endif %}"])
    def test_a_template_that_renders_nothing_leaves_the_member_out(self, tmp_path: Path, template: str) -> None:
        found = offer(tmp_path, f'description: "{template}", tags: ["{template}"]', context={"none": None})

        assert "description" not in found
        assert found["tags"] == []

    def test_zero_and_false_are_values(self, tmp_path: Path) -> None:
        assert offer(tmp_path, 'characteristics: {a: "{{ 0 }}", b: "{{ x }}"}', context={"x": "false"})[
            "characteristics"
        ] == {"a": "0", "b": "false"}

    def test_what_a_template_renders_is_not_rendered_again(self, tmp_path: Path) -> None:
        found = offer(tmp_path, 'description: "{{ x }}"', context={"x": "{{ y }}"})

        assert found["description"] == "{{ y }}"

    def test_raw_text_and_an_object_without_templates_stay_as_they_are(self, tmp_path: Path) -> None:
        kept = "{{profile.name}} {%= x %} {{#if a}}b{{/if}}"
        raw = loaded(tmp_path, f'tags: [{{name: A, description: "{{% raw %}}{kept}{{% endraw %}}"}}]\n')
        without = loaded(tmp_path, f'tags: [{{name: A, description: "{kept}", templates: false}}]\n')

        assert properties(raw) == properties(without) == [{"name": "A", "description": kept}]

    def test_a_variable_of_the_caller_wins_over_the_targets_and_that_over_the_manifests(self, tmp_path: Path) -> None:
        text = """\
variables: {a: 1, b: 1, c: 1, d: null}
tags: [{name: "{{ var.a }}{{ var.b }}{{ var['c'] }}{{ var.d }}"}]
"""
        manifest = written(tmp_path, text)
        changed = manifest.read_text().replace("connection: ajo_dev", "connection: ajo_dev, variables: {b: 2, c: 2}")
        manifest.write_text(changed)

        (campaign,) = validate(manifest, variables={"c": 3, "d": 3})

        assert campaign.objects[0].name == "1233"
        assert campaign.target.variables == {"a": 1, "b": 2, "c": 3, "d": 3}
        # The object has no rows.
        with pytest.raises(ManifestError, match=r"the variable 'd' has no value; expected a template that renders$"):
            validate(manifest)
        with pytest.raises(ManifestError, match="variables: given the variable 'e'"):
            validate(manifest, variables={"d": 1, "e": 1})

    def test_variables_may_have_the_names_of_methods(self, tmp_path: Path) -> None:
        text = "variables: {items: 1, get: 2, keys: 3}\ntags: [{name: '{{ var.items }}{{ var.get }}{{ var.keys }}'}]\n"

        assert loaded(tmp_path, text).objects[0].name == "123"

    def test_a_callers_names_are_known_and_ours_come_first(self, tmp_path: Path) -> None:
        context: dict[str, Any] = {f"name_{index}": index for index in range(40)} | {"var": 1, "ds": "2027-03-01"}

        campaign = loaded(tmp_path, "variables: {x: 2}\ntags: [{name: '{{ ds }} {{ var.x }}'}]\n", context=context)
        assert campaign.objects[0].name == "2027-03-01 2"
        with pytest.raises(ManifestError, match=r"one of the names var, target, name_0, .* and 31 more; .*% raw %"):
            loaded(tmp_path, "tags: [{name: '{{ profile.name }}'}]\n", context=context)

    @pytest.mark.parametrize(
        "expression",
        [
            "macros.uuid.os.environ.get('HOME')",
            "macros['uuid']['os'].name",
            "(macros.uuid | attr('os')).name",
            "macros.json.codecs.builtins.len('x')",
            "ti.get_template_context().conn.secret",
        ],
    )
    def test_a_manifest_does_not_leave_the_names_of_airflow(self, tmp_path: Path, expression: str) -> None:
        class Instance:
            def get_template_context(self) -> dict[str, Any]:
                return {"conn": {"secret": "s3cret"}}

        with pytest.raises(ManifestError, match="ends in an error: access to attribute") as caught:
            loaded(
                tmp_path, f'tags: [{{name: "{{{{ {expression} }}}}"}}]\n', context={"macros": macros, "ti": Instance()}
            )
        assert "s3cret" not in str(caught.value)

    def test_a_manifest_uses_the_macros_of_airflow(self, tmp_path: Path) -> None:
        text = "{{ macros.ds_add('2027-03-01', 3) }} {{ macros.dateutil.parser.parse('1 May 2027').year }}"

        assert loaded(tmp_path, f'tags: [{{name: "{text}"}}]\n', context={"macros": macros}).objects[0].name == (
            "2027-03-04 2027"
        )

    def test_the_target_is_known(self, tmp_path: Path) -> None:
        text = "tags: [{name: '{{ target.name }} {{ target.connection }} {{ target.protected }}'}]\n"

        assert loaded(tmp_path, text).objects[0].name == "dev ajo_dev False"

    def test_external_and_moved_are_templates_with_the_target(self, tmp_path: Path) -> None:
        text = """\
tags: [{name: "New {{ target.name }}"}]
moved: [{kind: tag, from: "Old {{ target.name }}", to: "New {{ target.name }}"}]
"""
        campaign = loaded(tmp_path, text)

        assert [(each.old, each.new) for each in campaign.moved] == [("Old dev", "New dev")]


PIECES = st.sampled_from(
    [
        *("{{ row.a }}", "{{row.b}}", "{{ row.c.d }}", "{{ x }}", "{{ row }}", "{{ row.none }}", "{{ row.nan }}"),
        *("{{ row.missing }}", "{{ row.c.missing }}", "{{ row.a.upper }}", "{{ row.a.__class__ }}", "{{ row.get }}"),
        *("{", "}", "}}", "{ {", "%}", "#}", "\n", " text ", "\\", "ü", "{{ row.list }}", "{{ row.flag }}", "{{ y }}"),
        *("{{{ x }}}", "{{{x}}", "{{ row.a | upper }}", "{# c #}", "{{ row['a'] }}", "{{ none }}", "{{\nx\n}}"),
    ]
)


@examples(50)
@given(st.lists(PIECES, min_size=1, max_size=4).map("".join))
def test_paths_alone_are_rendered_as_jinja_renders_them(text: str) -> None:
    row = {"a": "A", "b": 2, "c": {"d": "x"}, "none": None, "nan": float("nan"), "list": [1], "flag": False}
    (filled,) = table_of_list([row])
    names = {"row": filled, "x": "X", "y": None}
    findings = Findings()
    node = Node(text, Origin("x.yaml", 1, 1))

    rendered = Templates(findings).render(node, names)

    expected, error = by_jinja(text, names)
    if error is None:
        assert findings.errors == []
        assert repr(rendered) == repr(ABSENT if expected in (None, "") else expected)
    else:
        assert findings.count == 1
        assert not isinstance(error, UndefinedError) or str(error.message) in str(findings.errors[0])


def by_jinja(text: str, names: dict[str, Any]) -> tuple[Any, Exception | None]:
    """What Jinja itself makes of a template, or its error."""
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
    try:
        return RowTemplates(environment).value(text, names), None
    except (TemplateError, TypeError) as error:
        return None, error


def test_bytes_are_not_text() -> None:
    """Parquet files and databases have them in binary columns."""
    (filled,) = table_of_list([{"sku": b"x"}])
    findings = Findings()
    Templates(findings).render(Node("T {{ row.sku }}", Origin("x.yaml", 1, 1)), {"row": filled})
    assert "an expression in it is bytes; expected text" in str(findings.errors[0])


class TestRows:
    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("rows.csv", "name,cap\nA,3\nB,\n"),
            ("rows.jsonl", '{"name": "A", "cap": 3}\n{"name": "B"}\n'),
            ("rows.json", '[{"name": "A", "cap": 3}, {"name": "B", "cap": null}]'),
        ],
    )
    def test_a_cell_without_a_value_leaves_the_member_out(self, tmp_path: Path, name: str, content: str) -> None:
        text = f"""\
offers:
  - for_each: {name}
    name: "{{{{ row.name }}}}"
    status: draft
    rank: {{priority: 1}}
    window: {WINDOW}
    cappingConstraint: {{profileCap: "{{{{ row.cap }}}}"}}
"""
        found = properties(loaded(tmp_path, text, {name.replace(".", "__"): content}))

        assert [each["cappingConstraint"] for each in found] == [{"profileCap": 3}, {}]

    def test_cells_are_text_where_text_belongs(self, tmp_path: Path) -> None:
        text = 'tags: [{for_each: t.csv, name: "{{ row.sku }}"}]\n'

        assert loaded(tmp_path, text, {"t__csv": "sku\n0042\n"}).objects[0].name == "0042"

    def test_a_wall_clock_in_a_cell_needs_the_time_zone_of_a_window(self, tmp_path: Path) -> None:
        def text(timezone: str) -> str:
            window = f'{{start: "{{{{ row.start }}}}", duration: P1D{timezone}}}'
            return f'offers: [{{for_each: t.csv, name: "{{{{ row.name }}}}", {OFFER}, window: {window}}}]\n'

        rows: dict[str, str | bytes] = {"t__csv": "name,start\nA,2027-03-28\nB,2027-03-27T23:00:00Z\n"}
        found = properties(loaded(tmp_path, text(", timezone: Europe/Paris"), rows))

        # The day on which the clocks are put forward has 23 hours.
        assert [each["selectionConstraint"] for each in found] == [
            {"startDate": "2027-03-27T23:00:00Z", "endDate": "2027-03-28T22:00:00Z"}
        ] * 2
        with pytest.raises(ManifestError, match=r"/offers/0/window/start in row 1 \(t.csv:2\): given '2027-03-28'"):
            loaded(tmp_path, text(""), rows)

    def test_a_caller_gives_rows_by_name_and_replaces_those_of_a_file(self, tmp_path: Path) -> None:
        text = 'tags:\n  - {for_each: offers, name: "{{ row.n }}"}\n  - {for_each: more.csv, name: "{{ row.n }}"}\n'
        more: dict[str, str | bytes] = {"more__csv": "n\nfile\n"}

        for name in ("more", "more.csv"):
            rows = {"offers": [{"n": "A"}], name: table_of_list([{"n": "B"}])}
            assert [each.name for each in loaded(tmp_path, text, more, rows=rows).objects] == ["A", "B"]
        with pytest.raises(ManifestError, match=r"the rows 'offers', which nobody gives; expected rows of that name"):
            loaded(tmp_path, text, more)
        with pytest.raises(ManifestError, match=r"rows: given rows 'ofers'.*; did you mean 'offers'\?"):
            loaded(tmp_path, text, more, rows={"offers": [{"n": "A"}], "ofers": []})

    def test_a_check_without_a_connection_does_without_the_rows_of_a_task(self, tmp_path: Path) -> None:
        text = """\
tags: [{for_each: seasons, name: "{{ row.n }}"}]
collections: [{name: C, filterType: any-tags, ids: ["name:Spring"]}]
"""
        (campaign,) = validate(written(tmp_path, text))

        assert [each.name for each in campaign.objects] == ["C"]

    @pytest.mark.parametrize("rows", ["text", 7, {"n": 1}, [1]])
    def test_rows_of_a_caller_are_a_list_of_dicts(self, tmp_path: Path, rows: Any) -> None:
        with pytest.raises(ManifestError, match=r"/tags/0/for_each: given .*the rows 'x'"):
            loaded(tmp_path, 'tags: [{for_each: x, name: "{{ row.n }}"}]\n', rows={"x": rows})

    def test_a_table_without_rows_is_a_warning(self, tmp_path: Path) -> None:
        campaign = loaded(tmp_path, 'tags: [{for_each: t.csv, name: "{{ row.n }}"}]\n', {"t__csv": "n\n"})

        assert campaign.objects == []
        (warning,) = campaign.warnings
        assert warning.startswith("campaign.yaml:5:19 /tags/0/for_each: given t.csv, which has no rows")

    def test_the_file_of_rows_may_depend_on_the_target(self, tmp_path: Path) -> None:
        text = 'tags: [{for_each: "{{ target.name }}.csv", name: "{{ row.n }}"}]\n'

        assert loaded(tmp_path, text, {"dev__csv": "n\nA\n"}).objects[0].name == "A"

    def test_an_object_tells_its_row(self, tmp_path: Path) -> None:
        campaign = loaded(tmp_path, 'tags: [{for_each: t.csv, name: "{{ row.n }}"}]\n', {"t__csv": "n\nA\nB\n"})

        assert [str(each.origin) for each in campaign.objects] == [
            "campaign.yaml:5:8 in row 1 (t.csv:2)",
            "campaign.yaml:5:8 in row 2 (t.csv:3)",
        ]


class TestDefaults:
    def test_a_default_applies_to_the_kinds_that_have_the_property(self, tmp_path: Path) -> None:
        text = f"""\
defaults: {{status: approved, rank: {{priority: 5}}, description: all, window: {WINDOW}}}
tags: [{{name: T, description: null}}]
offers: [{{name: A}}, {{name: B, rank: {{priority: 6}}, description: null}}]
fallbacks: [{{name: F}}]
decisions: [{{name: D, status: draft}}]
"""
        tag, first, second, fallback, decision = properties(loaded(tmp_path, text))

        assert tag == {"name": "T"}
        assert (first["rank"], second["rank"]) == ({"priority": 5}, {"priority": 6})
        assert (first["description"], "description" in second) == ("all", False)
        assert fallback == {"name": "F", "status": "approved", "description": "all"}
        assert decision["status"] == "draft"
        assert decision["startDate"] == first["selectionConstraint"]["startDate"] == "2027-03-01T00:00:00Z"

    def test_a_status_of_offers_is_no_default_for_decisions(self, tmp_path: Path) -> None:
        with pytest.raises(ManifestError, match="/decisions/0/status: given nothing"):
            loaded(tmp_path, "defaults: {status: approved}\ndecisions: [{name: D}]\n")

    def test_a_misspelled_status_is_told_where_it_stands(self, tmp_path: Path) -> None:
        text = f"""\
defaults: {{status: aproved, window: {WINDOW}, rank: {{priority: 1}}}}
offers: [{{name: A}}, {{name: B}}]
fallbacks: [{{name: F}}]
tags: [{{name: T}}]
"""
        with pytest.raises(ManifestError) as caught:
            loaded(tmp_path, text)

        assert {each.pointer.split(" ")[-1] for each in caught.value.violations} == {"/defaults/status"}
        assert all(each.given == "'aproved'" for each in caught.value.violations)
        assert all("did you mean 'approved'?" in each.expected for each in caught.value.violations)

    def test_a_default_in_another_spelling_than_the_objects_is_not_a_second_value(self, tmp_path: Path) -> None:
        text = f"""\
defaults: {{"xdm:status": approved, rank: {{priority: 1}}}}
offers: [{{"xdm:name": A, status: draft, "xdm:rank": {{"xdm:priority": 2}}, window: {WINDOW}}}]
"""
        (found,) = properties(loaded(tmp_path, text))

        assert (found["name"], found["status"], found["rank"]) == ("A", "draft", {"priority": 2})

    def test_an_object_keeps_what_it_does_not_change_of_the_default_window(self, tmp_path: Path) -> None:
        text = """\
defaults: {window: {start: 2027-03-01, duration: P1D, timezone: Europe/Paris}, status: draft, rank: {priority: 1}}
offers:
  - {name: A, window: {start: 2027-04-01}}
  - {name: B, window: {end: 2027-04-01}}
  - {name: C, selectionConstraint: {startDate: 2030-01-01T00:00:00Z, endDate: 2030-01-02T00:00:00Z}}
decisions:
  - {name: D, status: draft, window: null}
  - {name: E, status: draft, startDate: 2030-01-01T00:00:00Z, endDate: 2030-01-02T00:00:00Z}
"""
        first, second, third, fourth, fifth = properties(loaded(tmp_path, text))

        assert first["selectionConstraint"] == {"startDate": "2027-03-31T22:00:00Z", "endDate": "2027-04-01T22:00:00Z"}
        assert second["selectionConstraint"] == {"startDate": "2027-02-28T23:00:00Z", "endDate": "2027-03-31T22:00:00Z"}
        assert third["selectionConstraint"]["startDate"] == "2030-01-01T00:00:00Z"
        assert fourth == {"name": "D", "status": "draft"}
        assert fifth["startDate"] == "2030-01-01T00:00:00Z"

    def test_a_wrong_default_is_one_error_for_all_objects(self, tmp_path: Path) -> None:
        text = f"""\
defaults: {{status: 7, window: {WINDOW}, rank: {{priority: 1}}}}
offers: [{{name: A}}, {{name: B}}]
"""

        with pytest.raises(ManifestError) as caught:
            loaded(tmp_path, text)

        assert [each.pointer for each in caught.value.violations] == ["campaign.yaml:5:20 /defaults/status"]


class TestSpellings:
    def test_both_generations_and_the_envelope_are_read(self, tmp_path: Path) -> None:
        text = f"""\
defaults: {{status: draft}}
offers:
  - _instance: {{"xdm:name": A, "xdm:rank": {{"xdm:priority": 1}}}}
    window: {WINDOW}
collections: [{{"xdm:name": C, "xdm:filterType": anyTags, ids: []}}]
"""
        first, second = properties(loaded(tmp_path, text))

        assert (first["name"], first["status"], first["rank"]) == ("A", "draft", {"priority": 1})
        assert second["filterType"] == "any-tags"

    def test_words_and_numbers_are_converted_as_everywhere(self, tmp_path: Path) -> None:
        found = offer(tmp_path, 'cappingConstraint: {globalCap: "20"}, characteristics: {x: 7}')

        assert (found["cappingConstraint"], found["characteristics"]) == ({"globalCap": 20}, {"x": "7"})

    def test_a_reference_by_name_has_one_spelling(self, tmp_path: Path) -> None:
        text = """\
tags: [{name: T}]
collections: [{name: C, filterType: any-tags, ids: ["name:  T ", "dps:tag:1c265317da412003"]}]
"""

        assert properties(loaded(tmp_path, text))[1]["ids"] == ["name:T", "dps:tag:1c265317da412003"]
