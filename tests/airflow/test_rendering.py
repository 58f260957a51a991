"""Template results: nothing is not a name, files can have any name, and Adobe's own templates stay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import jinja2
import pytest
from airflow.sdk import ObjectStoragePath, task

from airflow_provider_offers.client.errors import InvalidInputError
from airflow_provider_offers.client.model.literals import parsed
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.decisions import BatchDecisionOperator, DecideOperator
from airflow_provider_offers.operators.documents import json_document
from airflow_provider_offers.operators.library import (
    CreateLibraryObjectOperator,
    DeleteLibraryObjectOperator,
    GetLibraryObjectOperator,
)
from airflow_provider_offers.operators.offers import (
    ArchiveExpiredOffersOperator,
    CreateFallbackOfferOperator,
    CreateOfferOperator,
    DeleteOfferOperator,
    GetOfferOperator,
    PatchOfferOperator,
    PublishOfferOperator,
    ScheduleOfferOperator,
    SearchOffersOperator,
)
from airflow_provider_offers.sensors.offers import OfferStatusSensor
from tests.airflow.harness import Airflow
from tests.airflow.library import CONNECTION, dag_of, fallback, named, offers, personalized, run, seed
from tests.airflow.odd import deep
from tests.airflow.task_runner import run_task

NOTHING = "{{ params.get('nope') }}"
ID = "dps:personalized-offer:1c265317da412003"
ADOBES = (
    "Hi {{profile.person.name.firstName}}! {%= upperCase(profile.x) %} {{#if profile.y}}Gold{{/if}} {{{raw}}} {# x #}"
)


def rendered(operator: Any, *, context: dict[str, Any] | None = None, given: Any = None, **options: Any) -> Any:
    """The task with rendered fields, as a worker renders them before the task runs."""
    with dag_of("rendering", **options):
        made = operator(task_id="made", **(given or {}))
    values = {"params": {"full": "Sale", "number": 7, "digits": "007"}, "ds": "2026-05-01", **(context or {})}
    made.render_template_fields(values)
    return made


def refusal(made: Any) -> str:
    """The violations of the fields."""
    with pytest.raises(InvalidInputError) as caught:
        made.check_templates()
    return str(caught.value)


NAMING: list[tuple[Any, str, dict[str, Any]]] = [
    (DeleteOfferOperator, "offer_id", {"missing_ok": True}),
    (GetOfferOperator, "offer_type", {"offer_id": ID}),
    (GetOfferOperator, "sandbox", {"offer_id": ID}),
    (GetOfferOperator, "offer_library_conn_id", {"offer_id": ID}),
    (PatchOfferOperator, "if_match", {"offer_id": ID, "patch": []}),
    (PatchOfferOperator, "patch", {"offer_id": ID}),
    (GetLibraryObjectOperator, "kind", {"object_id": ID}),
    (DeleteLibraryObjectOperator, "object_id", {"kind": "tag"}),
    (CreateOfferOperator, "if_exists", {"offer": {}}),
    (CreateOfferOperator, "marker", {"offer": {}}),
    (ArchiveExpiredOffersOperator, "older_than", {}),
    (ScheduleOfferOperator, "start", {"offer_id": ID}),
    (DecideOperator, "decision_id", {"placement_id": ID, "profile": {}}),
    (DecideOperator, "profile", {"placement_id": ID, "decision_id": ID}),
    (BatchDecisionOperator, "audience_id", {"placement_id": ID, "decision_id": ID, "dataset_id": "x"}),
    (OfferStatusSensor, "offer_id", {"status": "approved"}),
]


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("template", [NOTHING, "{{ 'null' }}", "{{ '' }}", "{% if false %}x{% endif %}"])
def test_a_field_that_names_something_refuses_a_template_that_renders_nothing(native: bool, template: str) -> None:
    for operator, field, others in NAMING:
        made = rendered(operator, given={**others, field: template}, render_template_as_native_obj=native)
        said = refusal(made)
        assert said.startswith(f"A template renders nothing:\n  {field}: given the template "), said
        assert template in said.replace("\\'", "'")


def test_one_nothing_in_a_list_of_ids_is_refused_by_its_place() -> None:
    assert "offer_id/1: given the template" in refusal(rendered(GetOfferOperator, given={"offer_id": [ID, NOTHING]}))


def test_a_literal_none_stays_what_it_is() -> None:
    made = rendered(GetOfferOperator, given={"offer_id": ID, "sandbox": None})
    made.check_templates()
    assert made.sandbox is None


@pytest.mark.parametrize("native", [False, True])
def test_in_a_document_names_and_references_and_content_refuse_nothing(native: bool) -> None:
    document = {
        "xdm:name": NOTHING,
        "description": NOTHING,
        "tags": ["t", NOTHING],
        "characteristics": {"name": NOTHING, "kept": "{{ params.full }}"},
        "representations": [{"placement": NOTHING, "components": [{"content": NOTHING, "language": ["en", NOTHING]}]}],
        "selectionConstraint": {"eligibilityRule": NOTHING, "endDate": NOTHING},
    }
    said = refusal(rendered(CreateOfferOperator, given={"offer": document}, render_template_as_native_obj=native))
    places = [line.split(": given")[0].strip() for line in said.splitlines()[1:]]
    assert places == [
        "offer/xdm:name",
        "offer/tags/1",
        "offer/representations/0/placement",
        "offer/representations/0/components/0/content",
        "offer/selectionConstraint/eligibilityRule",
    ]


@pytest.mark.parametrize("native", [False, True])
def test_what_is_optional_in_a_document_is_absent(native: bool) -> None:
    document = {
        "name": "{{ params.full }}",
        "description": NOTHING,
        "note": None,
        "characteristics": {"gone": NOTHING, "kept": "{{ params.full }}"},
        "representations": [{"components": [{"content": NOTHING, "deliveryURL": "https://x", "linkURL": NOTHING}]}],
    }
    made = rendered(CreateOfferOperator, given={"offer": document}, render_template_as_native_obj=native)
    made.check_templates()
    assert made.offer == {
        "name": "Sale",
        "note": None,
        "characteristics": {"kept": "Sale"},
        "representations": [{"components": [{"deliveryURL": "https://x"}]}],
    }


def test_every_member_of_a_patchs_operation_names_something() -> None:
    patch = [{"op": "replace", "path": NOTHING, "value": NOTHING}, {"op": "add", "path": "/x", "value": {"a": NOTHING}}]
    said = refusal(rendered(PatchOfferOperator, given={"offer_id": ID, "patch": patch}))
    assert "patch/0/path" in said
    assert "patch/0/value" in said
    assert "patch/1" not in said


def test_a_name_with_none_in_it_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    made = rendered(CreateOfferOperator, given={"offer": {"name": f"Sale {NOTHING}"}})
    made.check_templates()
    assert made._rendering.warnings[0].endswith("rendered 'Sale None'; perhaps a value is missing")


def test_a_filter_that_lacks_its_value_is_warned_of_by_its_place() -> None:
    properties = ["status==draft", f"name=={NOTHING}", NOTHING]
    made = rendered(SearchOffersOperator, given={"properties": properties})
    assert made.properties == ["status==draft", "name==None"]
    lacks, is_gone = made._rendering.warnings
    assert lacks.startswith("properties/1: ")
    assert lacks.endswith("rendered 'name==None'; perhaps a value is missing")
    assert is_gone.startswith("properties/2: ")
    assert is_gone.endswith("so properties/2 has no effect")


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("as_text", ["", " | tojson"])
def test_a_template_renders_a_list_of_words(as_text: str, native: bool) -> None:
    options: dict[str, Any] = {"render_template_as_native_obj": native, "context": {"words": ["status==draft", "It's"]}}
    words = "{{ words" + as_text + " }}"
    search = dict.fromkeys(("properties", "fields", "order_by"), words)
    made = rendered(SearchOffersOperator, given=search, **options)
    assert [made.properties, made.fields, made.order_by] == [["status==draft", "It's"]] * 3
    sensor = rendered(OfferStatusSensor, given={"offer_id": ID, "status": words}, **options)
    assert sensor.status == ["status==draft", "It's"]
    assert rendered(PublishOfferOperator, given={"offer_id": ID, "waive": words}, **options).waive == sensor.status
    # What is no list of a template stays.
    for text in ("{{ words[0] }}", "['a']", "{{ '[x' }}"):
        assert isinstance(rendered(SearchOffersOperator, given={"properties": text}, **options).properties, str)


def test_an_empty_list_of_words_is_nothing() -> None:
    made = rendered(SearchOffersOperator, given={"properties": "{{ [] }}", "order_by": "{{ [] | tojson }}"})
    assert (made.properties, made.order_by) == (None, None)
    (is_gone,) = made._rendering.warnings
    assert is_gone == "properties: the template '{{ [] }}' rendered nothing, so properties has no effect"
    made = rendered(SearchOffersOperator, given={"properties": []})
    assert made.properties is None
    assert made._rendering.warnings == ["properties: the list is empty, so properties has no effect"]
    said = refusal(rendered(OfferStatusSensor, given={"offer_id": ID, "status": "{{ [] }}"}))
    assert "status: given the template '{{ [] }}', which rendered []" in said


@pytest.mark.parametrize("native", [False, True])
def test_text_without_a_template_is_never_turned_into_something_else(native: bool) -> None:
    texts = {"name": "2026", "description": "[1, 2]", "zip": "007", "flag": "True", "line": "a\n"}
    given = {"offer": {**texts, "half": "{{ params.number }}0", "digits": "{{ params.digits }}"}}
    made = rendered(CreateOfferOperator, given=given, render_template_as_native_obj=native)
    assert made.offer == {**texts, "half": "70", "digits": "007"}


def test_a_whole_expression_is_what_it_is_with_native_rendering() -> None:
    given = {"offer": {"rank": {"priority": "{{ params.number }}"}, "tags": "{{ params.tags }}"}}
    context = {"params": {"number": 7, "tags": ["a"]}}
    native = rendered(CreateOfferOperator, given=given, context=context, render_template_as_native_obj=True)
    assert native.offer == {"rank": {"priority": 7}, "tags": ["a"]}
    assert rendered(CreateOfferOperator, given=given, context=context).offer["rank"] == {"priority": "7"}


def test_adobes_templates_are_kept_in_content_and_airflows_are_rendered() -> None:
    component = {"content": ADOBES + " until {{ ds }} {{ params.number + 1 }}", "linkURL": "https://x/{{profile.id}}"}
    document = {"name": "N {{ ds }}", "representations": [{"components": [component]}]}
    for native in (False, True):
        given = {"offer": document, "keep_adobe_templates": True}
        made = rendered(CreateOfferOperator, given=given, render_template_as_native_obj=native)
        made.check_templates()
        (kept,) = made.offer["representations"][0]["components"]
        assert kept == {"content": ADOBES + " until 2026-05-01 8", "linkURL": "https://x/{{profile.id}}"}
        assert made.offer["name"] == "N 2026-05-01"


def test_outside_of_content_adobes_templates_are_not_kept() -> None:
    given = {"offer": {"name": "{{profile.person.name}}"}, "keep_adobe_templates": True}
    assert "offer/name: given the template '{{profile.person.name}}'" in refusal(
        rendered(CreateOfferOperator, given=given)
    )


@pytest.mark.parametrize("undefined", [jinja2.StrictUndefined, jinja2.Undefined, jinja2.ChainableUndefined])
@pytest.mark.parametrize(
    "content", ["{{profile.x.y}}", "{{profile}}", "{%= x %}", "{{#if x}}", "{% for p in profile %}{% endfor %}"]
)
def test_adobes_templates_that_are_not_kept_end_in_an_error_that_says_what_to_do(undefined: Any, content: str) -> None:
    document = {"name": "A", "representations": [{"components": [{"content": content}]}]}
    for native in (False, True):
        options: dict[str, Any] = {"template_undefined": undefined, "render_template_as_native_obj": native}
        said = refusal(rendered(CreateOfferOperator, given={"offer": document}, **options))
        assert "offer/representations/0/components/0/content: given the template" in said
        assert "keep_adobe_templates=True, or {% raw %}" in said


def test_a_lenient_dag_may_still_ask_whether_a_name_is_defined() -> None:
    content = "{{ nobody | default('x') }}{% if nobody is defined %}y{% endif %}"
    options: dict[str, Any] = {"template_undefined": jinja2.Undefined}
    made = rendered(CreateOfferOperator, given={"offer": {"description": content}}, **options)
    made.check_templates()
    assert made.offer == {"description": "x"}


def test_a_literal_of_python_is_understood_where_a_result_is_expected() -> None:
    receipt = {"id": ID, "name": "It's", "etag": None, "sandbox": "prod", "ok": True}
    assert parsed(str(receipt)) == receipt
    assert parsed(str([receipt, receipt])) == [receipt, receipt]
    assert parsed(json.dumps(receipt)) == receipt
    for text in ('{"name": "x", }', "{'a': b'x'}", "{'a': {1}}", "__import__('os')", "[" * 100_000, "{'a': f()}", ""):
        with pytest.raises(ValueError, match=r"Expecting|deep|Extra|double quotes"):
            parsed(text)


def write(folder: Path, name: str, content: Any) -> str:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return str(path)


def test_json_with_an_apostrophe_is_not_read_as_python() -> None:
    """Python joins strings without a comma between them, and takes the last of two equal names."""
    for text in (
        """{"name": "Mum's day", "language": ["en" "fr"]}""",
        """{"name": "Mum's day", "name": "Dad's day",}""",
        """{"name": "Mum's day" # a comment\n}""",
    ):
        with pytest.raises(ValueError, match=r"line \d column \d+"):
            parsed(text)
    assert parsed("""{'name': "Mum's day", 'text': '"'}""") == {"name": "Mum's day", "text": '"'}


def test_a_file_is_found_by_every_kind_of_name(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    absolute = write(tmp_path, "Sale.json", {"name": "{{ params.full }} 1"})
    write(tmp_path, "in/bom.json", b"\xef\xbb\xbf" + b'{"name": "BOM"}')
    write(tmp_path, "wide.json", '{"name": "W\u00efde"}'.encode("utf-16"))
    ways: list[tuple[Any, Any]] = [
        ("Sale.json", {"name": "Sale 1"}),
        ("{{ params.full }}.json", {"name": "Sale 1"}),
        ("{{ 'Sa' }}{% if true %}le.json{% endif %}", {"name": "Sale 1"}),
        (absolute, {"name": "Sale 1"}),
        (Path(absolute), {"name": "Sale 1"}),
        (Path("{{ params.full }}.json"), {"name": "Sale 1"}),
        (Path("in/bom.json"), {"name": "BOM"}),
        ("in/../Sale.json", {"name": "Sale 1"}),
        ("wide.json", {"name": "W\u00efde"}),
        (["Sale.json", Path("in/bom.json"), {"name": "x"}], [{"name": "Sale 1"}, {"name": "BOM"}, {"name": "x"}]),
    ]
    for native in (False, True):
        options: dict[str, Any] = {"template_searchpath": str(tmp_path), "render_template_as_native_obj": native}
        for given, wanted in ways:
            made = rendered(CreateOfferOperator, given={"offer": given}, **options)
            made.check_templates()
            assert made.offer == wanted, given


def test_templates_in_a_file_stand_in_its_texts_or_around_them(tmp_path: Path) -> None:
    write(tmp_path, "texts.json", {"name": "{{ params.quoted }}", "content": "{{profile.x}} {{ ds }}"})
    write(
        tmp_path,
        "around.json",
        b'{"rank": {{ params.rank | tojson }}, "tags": {{ params.tags }}, "content": "{{profile.x}}"}',
    )
    context = {"params": {"quoted": 'a "b"\n', "rank": {"priority": 1}, "tags": ["it's"]}}
    for name, wanted in (
        ("texts.json", {"name": 'a "b"\n', "content": "{{profile.x}} 2026-05-01"}),
        ("around.json", {"rank": {"priority": 1}, "tags": ["it's"], "content": "{{profile.x}}"}),
    ):
        given = {"offer": name, "keep_adobe_templates": True}
        made = rendered(CreateOfferOperator, given=given, context=context, template_searchpath=str(tmp_path))
        made.check_templates()
        assert made.offer == wanted


def test_a_file_that_cannot_be_used_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    write(tmp_path, "latin.json", b'{"name": "\xe9"}')
    write(tmp_path, "broken.json", b'{"name": ')
    write(tmp_path, "twice.json", b'{"name": "a", "name": "b {{ ds }}"}')
    write(tmp_path, "none.json", {"name": NOTHING})
    write(tmp_path, "offers.yaml", b"name: x")
    for given, wanted in (
        ("nowhere.json", "offer: given 'nowhere.json', which does not exist"),
        ("folder.json", "offer: given 'folder.json', which exists: Is a directory"),
        ("latin.json", "offer: given 'latin.json', which is not text in UTF-8"),
        ("broken.json", "offer: given the file 'broken.json', which is not JSON after rendering"),
        ("twice.json", "which is not JSON after rendering: the name 'name' is in one object twice"),
        ("none.json", "offer/name: given the template"),
        (Path("offers.yaml"), "offer: given 'offers.yaml'; expected a file of JSON, .json"),
        (["texts.json"], "offer/0: given 'texts.json', which does not exist"),
        ("a\0b.json", "offer: given 'a\\x00b.json', which does not exist"),
        (f"{'x' * 5_000}.json", "A file is missing:\n  offer: given 'xxx"),
    ):
        made = rendered(CreateOfferOperator, given={"offer": given}, template_searchpath=str(tmp_path))
        assert wanted in refusal(made)
        assert given == made.offer


def test_a_missing_file_is_named_with_the_one_that_was_meant(tmp_path: Path) -> None:
    (tmp_path / "offers").mkdir()
    write(tmp_path / "offers", "spring.json", {"name": "Sale"})
    there = str(tmp_path / "offers" / "spring.json")
    for given, meant in (
        ("offers/spirng.json", "did you mean 'offers/spring.json'?"),
        ("ofers/spring.json", "did you mean 'offers/spring.json'?"),
        (str(tmp_path / "offers" / "sprin.json"), f"did you mean '{there}'?"),
        ("offers/autumn.json", "or an absolute path"),
    ):
        made = rendered(CreateOfferOperator, given={"offer": given}, template_searchpath=str(tmp_path))
        assert refusal(made).endswith(meant)


def test_a_wrong_ending_names_the_value() -> None:
    with pytest.raises(InvalidInputError, match=r"offer: given 'offers\.yaml'; expected the name of a \.json file"):
        json_document("offer", "offers.yaml")


def test_a_broken_template_in_the_name_of_a_file_is_told_once() -> None:
    said = refusal(rendered(CreateOfferOperator, given={"offer": "{{ nope }}.json"}))
    assert (
        said.splitlines()[1].strip().startswith("offer: given the template '{{ nope }}.json', which ends in an error")
    )
    assert said.count("given") == 1


def test_a_file_comes_from_object_storage_or_from_a_loader_of_the_dag() -> None:
    stored = ObjectStoragePath(f"memory://{uuid4()}/sale.json")
    stored.write_text('{"name": "{{ params.full }}"}')
    made = rendered(CreateOfferOperator, given={"offer": stored})
    made.check_templates()
    assert made.offer == {"name": "Sale"}

    loader = jinja2.DictLoader({"sale.json": '\ufeff{"name": "{{ params.full }} 2"}'})
    options = {"jinja_environment_kwargs": {"loader": loader}}
    made = rendered(CreateOfferOperator, given={"offer": "sale.json"}, **options)
    made.check_templates()
    assert made.offer == {"name": "Sale 2"}
    lost = rendered(CreateOfferOperator, given={"offer": "sales.json"}, **options)
    assert "offer: given 'sales.json', which does not exist" in refusal(lost)


def test_a_function_in_a_field_is_called_as_airflow_calls_it() -> None:
    def season(context: Any, jinja_env: Any) -> dict[str, Any]:
        return {"name": f"Sale {context['ds']}", "description": jinja_env.undefined(name="text")}

    made = rendered(CreateOfferOperator, given={"offer": season})
    made.check_templates()
    assert made.offer == {"name": "Sale 2026-05-01"}
    # A function of Python's own need not show its parameters.
    search = rendered(SearchOffersOperator, given={"q": "Sale {context[ds]}".format})
    search.check_templates()
    assert search.q == "Sale 2026-05-01"


def test_a_function_that_airflow_cannot_call_is_named() -> None:
    def of_the_context(context: Any) -> dict[str, Any]:
        return {}

    said = refusal(rendered(CreateOfferOperator, given={"offer": of_the_context}))
    assert ".of_the_context; expected a function with the parameters context and jinja_env" in said


@pytest.mark.parametrize("undefined", [jinja2.StrictUndefined, jinja2.Undefined])
def test_an_undefined_value_out_of_a_function_is_no_value(undefined: Any) -> None:
    def nothing(context: Any, jinja_env: Any) -> Any:
        return {"name": jinja_env.undefined(name="season"), "tags": []}

    said = refusal(rendered(CreateOfferOperator, given={"offer": nothing}, template_undefined=undefined))
    assert said.startswith("A template renders nothing:\n  offer/name: given the template 'Undefined'")
    whole = rendered(GetOfferOperator, given={"offer_id": undefined(name="season")})
    assert "offer_id: given the template 'Undefined', which rendered None" in refusal(whole)


def test_an_object_with_template_fields_is_rendered_in_its_place() -> None:
    class Season:
        template_fields = ("name",)

        def __init__(self, name: str) -> None:
            self.name = name

    season = Season("{{ params.full }}.json")
    rendered(CreateOfferOperator, given={"offer": {"name": season}})
    assert season.name == "Sale.json"


def test_airflows_own_method_renders_one_value() -> None:
    made = rendered(GetOfferOperator, given={"offer_id": ID})
    context: Any = {"ds": "2026-05-01"}
    assert made.render_template(["{{ ds }}.json", 7], context) == ["2026-05-01.json", 7]
    with pytest.raises(
        InvalidInputError, match=r"value/0: given the template '\{\{ nope \}\}', which ends in an error"
    ):
        made.render_template(["{{ nope }}"], context)


def test_the_failure_of_a_macro_is_its_own_and_may_pass() -> None:
    def lookup() -> str:
        raise ConnectionError("the database is away")

    with pytest.raises(ConnectionError, match="away"):
        rendered(
            CreateOfferOperator, given={"offer": {"name": "{{ lookup() }}"}}, user_defined_macros={"lookup": lookup}
        )


def test_a_template_that_includes_what_does_not_exist_is_named() -> None:
    said = refusal(rendered(CreateOfferOperator, given={"offer": {"name": "{% include 'name.txt' %}"}}))
    assert "offer/name: given the template" in said
    assert "which ends in an error: it includes 'name.txt', which does not exist" in said


def test_a_statement_may_begin_in_one_text_of_a_document_and_end_in_another() -> None:
    given = '{"name": "{% if params.number %}Sale", "description": "Spring{% endif %}"}'
    made = rendered(CreateOfferOperator, given={"offer": given})
    made.check_templates()
    assert parsed(made.offer) == {"name": "Sale", "description": "Spring"}
    # Without its end, each text is told by its place.
    said = refusal(rendered(CreateOfferOperator, given={"offer": given.replace("{% endif %}", "{{ nope }}")}))
    assert "offer/name: given the template '{% if params.number %}Sale'" in said
    assert "offer/description: given the template 'Spring{{ nope }}'" in said


def test_a_lenient_dag_may_write_and_go_through_a_member_that_is_not_there() -> None:
    lenient: dict[str, Any] = {"template_undefined": jinja2.Undefined}
    text = "Sale{{ params.nope }}{% for each in params.nope %}, {{ each }}{% endfor %}"
    made = rendered(CreateOfferOperator, given={"offer": {"description": text}}, **lenient)
    made.check_templates()
    assert made.offer == {"description": "Sale"}
    unknown = rendered(CreateOfferOperator, given={"offer": {"name": "{% for each in nope %}{% endfor %}"}}, **lenient)
    assert "'nope' is undefined" in refusal(unknown)


def test_a_dag_with_statements_on_lines_of_their_own_has_them_in_every_text() -> None:
    given = {"offer": {"name": "Sale", "description": "# if params.number\nSpring\n# endif"}}
    made = rendered(CreateOfferOperator, given=given, jinja_environment_kwargs={"line_statement_prefix": "#"})
    made.check_templates()
    assert made.offer == {"name": "Sale", "description": "Spring\n"}


def test_a_value_that_is_too_deep_to_go_through_is_refused_by_its_field() -> None:
    def nested(context: Any, jinja_env: Any) -> Any:
        return deep(2_000)

    said = refusal(rendered(CreateOfferOperator, given={"offer": nested}))
    assert "offer: given a value with too many levels; expected a value with fewer levels" in said


def test_adobes_syntax_anywhere_gets_the_hint_and_airflows_may_begin_a_content() -> None:
    said = refusal(rendered(CreateOfferOperator, given={"offer": {"name": "{%= upperCase(profile.name) %}"}}))
    assert "expected a template of Airflow's; keep_adobe_templates=True, or {% raw %}" in said
    given = {"offer": {"representations": [{"components": [{"content": "{{ ds }} {{profile.name}}"}]}]}}
    made = rendered(CreateOfferOperator, given={**given, "keep_adobe_templates": True})
    made.check_templates()
    assert made.offer["representations"][0]["components"][0]["content"] == "2026-05-01 {{profile.name}}"


def test_in_a_scope_all_but_the_number_of_offers_needs_a_value() -> None:
    scope = {"decision": NOTHING, "placement": ID, "itemCount": NOTHING}
    said = refusal(rendered(DecideOperator, given={"scopes": [scope], "profile": {"Email": "a@b.example"}}))
    assert "scopes/0/decision: given the template" in said
    assert "itemCount" not in said


def test_an_empty_cell_of_a_row_is_no_cell() -> None:
    given = {"offer": {"name": "{{ row.name }}"}, "rows": [{"name": "{{ params.full }}", "note": NOTHING}]}
    made = rendered(CreateOfferOperator, given=given)
    made.check_templates()
    assert made.rows == [{"name": "Sale"}]


def test_only_a_value_of_a_template_is_told_with_its_template(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, airflow_home: Path
) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps(emulator.connection("dps")))
    with dag_of("told"):
        offer = personalized("Sale", status="{{ 'live' }}", rank={"priority": -1})
        made = CreateOfferOperator(task_id="create", offer=offer)

    said = str(run_task(made).error)

    assert "/status: given 'live', from the template \"{{ 'live' }}\"; expected 'draft'" in said
    assert "/rank/priority: given -1; expected a whole number" in said


def test_nothing_is_made_or_deleted_where_a_template_renders_nothing(
    airflow: Airflow, emulator: Emulator, api: str
) -> None:
    with dag_of("nothing", default_args={"retries": 1}) as dag:
        CreateOfferOperator(task_id="name", offer=fallback(NOTHING))
        DeleteOfferOperator(task_id="delete", offer_id=NOTHING, missing_ok=True)
        CreateFallbackOfferOperator(task_id="sandbox", offer=fallback("x"), sandbox="{{ params.get('nope') or '' }}")
        GetLibraryObjectOperator.partial(task_id="mapped", kind="{{ none }}").expand(object_id=["{{ none }}", ID])
        CreateLibraryObjectOperator(task_id="broken", kind="tag", object={"name": "{{profile.x}}"})

    result = run(airflow, emulator, api, dag)

    assert set(result.states.values()) == {"failed"}
    assert len(result.attempts) == 6
    assert all("template" in str(attempt.error) for attempt in result.attempts)
    assert emulator.journal(path="/data/core/*") == []
    # Each error appears once: Airflow's log has the message of the exception, without its causes.
    assert "direct cause" not in result.logs
    assert "During handling" not in result.logs
    # Airflow's own report of a broken template would repeat the error.
    assert "Exception rendering Jinja template" not in result.logs


def test_results_and_names_of_files_come_from_tasks(
    airflow: Airflow, emulator: Emulator, api: str, tmp_path: Path
) -> None:
    for name in ("A", "B"):
        write(tmp_path, f"{name}.json", fallback(f"{name} {{{{ params.full }}}}"))
    stored = seed(emulator, api, "There", "fallback")
    with dag_of("results", template_searchpath=str(tmp_path), params={"full": "Sale"}) as dag:

        @task
        def names() -> list[str]:
            return ["A.json"]

        made = CreateFallbackOfferOperator.partial(task_id="mapped").expand(offer=names())
        every = CreateFallbackOfferOperator(task_id="all", offer=names.override(task_id="again")(), if_exists="adopt")
        one = CreateFallbackOfferOperator(task_id="one", offer="B.json")
        read = GetOfferOperator(task_id="get", offer_id="{{ ti.xcom_pull('one') }}")
        many = GetOfferOperator(task_id="many", offer_id="{{ [ti.xcom_pull('one'), '" + stored["id"] + "'] }}")
        one >> [read, many]
        made >> every >> one

    result = run(airflow, emulator, api, dag)

    assert set(result.states.values()) == {"success"}, [str(attempt.error) for attempt in result.attempts]
    assert result.result("get")["name"] == "B Sale"
    assert [each["name"] for each in result.result("many")] == ["B Sale", "There"]
    assert len(named(emulator, "A Sale")) == 1
    assert len(offers(emulator)) == 3
