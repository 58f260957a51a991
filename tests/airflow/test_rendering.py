"""Template results: nothing is not a name, files can have any name, and Adobe's own templates stay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2
import pytest
from airflow.sdk import task

from airflow_provider_offers.client.errors import InvalidInputError
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.base import json_document
from airflow_provider_offers.operators.decisions import BatchDecisionOperator, DecideOperator
from airflow_provider_offers.operators.library import (
    CreateLibraryObjectOperator,
    DeleteLibraryObjectOperator,
    GetLibraryObjectOperator,
)
from airflow_provider_offers.operators.literals import parsed
from airflow_provider_offers.operators.offers import (
    ArchiveExpiredOffersOperator,
    CreateFallbackOfferOperator,
    CreateOfferOperator,
    DeleteOfferOperator,
    GetOfferOperator,
    PatchOfferOperator,
    ScheduleOfferOperator,
)
from airflow_provider_offers.sensors.offers import OfferStatusSensor
from tests.airflow.harness import Airflow
from tests.airflow.library import dag_of, fallback, named, offers, run, seed

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
    ):
        made = rendered(CreateOfferOperator, given={"offer": given}, template_searchpath=str(tmp_path))
        assert wanted in refusal(made)
        assert given == made.offer


def test_a_wrong_ending_names_the_value() -> None:
    with pytest.raises(InvalidInputError, match=r"offer: given 'offers\.yaml'; expected the name of a \.json file"):
        json_document("offer", "offers.yaml")


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
