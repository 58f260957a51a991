"""Every field accepts templates, checks run after rendering, and JSON can have any form."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import task
from airflow.serialization.serialized_objects import LazyDeserializedDAG

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.links.offers import LINKS
from airflow_provider_offers.operators import offers as operators
from airflow_provider_offers.operators.base import OfferLibraryOperator
from airflow_provider_offers.operators.offers import (
    CreateFallbackOfferOperator,
    CreateOfferOperator,
    DeleteOfferOperator,
    GetOfferOperator,
    PatchOfferOperator,
    SearchOffersOperator,
)
from tests.airflow.harness import Airflow
from tests.airflow.library import CONNECTION, dag_of, fallback, named, offers, personalized, run, seed

OPERATORS: list[type[OfferLibraryOperator]] = [getattr(operators, name) for name in operators.__all__]
SWITCHES = {"patience", "validate", "keep_adobe_templates", "full", "missing_ok", "dry_run", "emit_assets"}
"""What an author decides when writing the DAG, and so is no template: numbers and flags."""


def parameters(operator: type[Any]) -> set[str]:
    """The keyword arguments of an operator, its own or from our bases."""
    found = {
        name
        for each in operator.__mro__
        if issubclass(each, OfferLibraryOperator)
        for name, parameter in inspect.signature(each.__init__).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name != "task_id"
    }
    # This operator finds its offers itself.
    return found - {"offer_id", "offer_type"} if operator is operators.ArchiveExpiredOffersOperator else found


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_parameter_is_a_template_but_for_switches(operator: type[OfferLibraryOperator]) -> None:
    assert set(operator.template_fields) == parameters(operator) - SWITCHES
    assert set(operator.template_fields_renderers) <= set(operator.template_fields)
    assert set(operator.json_fields) <= set(operator.template_fields_renderers)


@pytest.mark.parametrize("operator", OPERATORS)
def test_nothing_is_checked_or_changed_before_it_is_rendered(operator: type[Any]) -> None:
    nonsense: dict[str, Any] = {name: f"{{{{ nonsense {name} }}}}" for name in operator.template_fields}
    for given in (nonsense, dict.fromkeys(nonsense, 3.5), {name: [{"a": object}] for name in nonsense}):
        with dag_of("nonsense"):
            made = operator(task_id="made", **given)
        assert {name: getattr(made, name) for name in given} == given


def test_a_dag_of_every_operator_keeps_its_fields_when_serialized() -> None:
    with dag_of("serialized") as dag:
        for operator in OPERATORS:
            required = {name: f"{{{{ params.{name} }}}}" for name in operator.template_fields}
            operator(task_id=operator.__name__, **required)
        CreateOfferOperator.partial(task_id="mapped").expand(offer=[personalized("A"), "b.json"])

    tasks = LazyDeserializedDAG.from_dag(dag).data["dag"]["tasks"]

    described = {each["__var"]["task_id"]: each["__var"] for each in tasks}
    assert described.keys() == {*(operator.__name__ for operator in OPERATORS), "mapped"}
    for operator in OPERATORS:
        kept = described[operator.__name__]
        assert kept["template_fields"] == list(operator.template_fields)
        assert kept["_operator_extra_links"] == {each.name: each.xcom_key for each in LINKS}
        for name in operator.template_fields:
            assert kept[name] == f"{{{{ params.{name} }}}}"


def test_every_field_is_rendered(airflow: Airflow, emulator: Emulator, api: str) -> None:
    words = {
        "connection": "elsewhere",
        "sandbox": "dev",
        "name": "Rendered",
        "status": "draft",
        "choice": "adopt",
        "kind": "personalized",
        "path": "/description",
        "limit": 3,
    }
    common: dict[str, Any] = {
        "offer_library_conn_id": "{{ params.connection }}",
        "sandbox": "{{ params.sandbox }}",
    }
    with dag_of("rendering", params=words, default_args=common) as dag:
        offer = personalized("{{ params.name }}", status="{{ params.status }}")
        offer["representations"][0]["components"][0]["content"] = "<p>{{ params.name }}</p>"
        create = CreateOfferOperator(task_id="create", offer=offer, if_exists="{{ params.choice }}")  # type: ignore[arg-type]
        patch = PatchOfferOperator(
            task_id="patch",
            offer_id="{{ ti.xcom_pull('create')['id'] }}",
            offer_type="{{ params.kind }}",  # type: ignore[arg-type]
            if_match="{{ ti.xcom_pull('create')['etag'] }}",
            patch=[{"op": "add", "path": "{{ params.path }}", "value": "{{ params.name | upper }}"}],
        )
        look = GetOfferOperator(
            task_id="get",
            offer_id="{{ ti.xcom_pull('patch')['id'] }}",
            offer_type="{{ params.kind }}",  # type: ignore[arg-type]
        )
        find = SearchOffersOperator(
            task_id="search",
            q="{{ params.name }}",
            qop="{{ 'AND' }}",  # type: ignore[arg-type]
            fields=["{{ 'name' }}"],
            properties=["name=={{ params.name }}", "status=={{ params.status }}"],
            order_by="-{{ 'modified' }}",
            limit="{{ params.limit }}",
            page_size="{{ params.limit * 2 }}",
            offer_type="{{ params.kind }}",  # type: ignore[arg-type]
        )
        delete = DeleteOfferOperator(
            task_id="delete",
            offer_id="{{ ti.xcom_pull('get')['id'] }}",
            offer_type="{{ params.kind }}",  # type: ignore[arg-type]
        )
        create >> patch >> look >> find >> delete

    result = airflow.run(dag, connections={"elsewhere": emulator.connection(api)})

    assert set(result.states.values()) == {"success"}, [str(attempt.error) for attempt in result.attempts]
    assert result.result("get")["offer"]["description"] == "RENDERED"
    assert result.result("get")["sandbox"] == "dev"
    assert result.result("get")["offer"]["representations"][0]["components"][0]["content"] == "<p>Rendered</p>"
    assert [each["name"] for each in result.result("search")] == ["Rendered"]
    assert result.rendered["search"]["properties"] == ["name==Rendered", "status==draft"]
    assert result.rendered["create"]["offer"]["name"] == "Rendered"
    for fields in result.rendered.values():
        assert "{{" not in json.dumps(fields)


DAG_FILE = """
from airflow.sdk import DAG, Param
from airflow_provider_offers.operators.offers import CreateFallbackOfferOperator, PatchOfferOperator

with DAG("from_files", schedule=None, params={"name": "Banner"}) as dag:
    create = CreateFallbackOfferOperator(task_id="create", offer="offers/banner.json")
    PatchOfferOperator(task_id="patch", offer_id=create.output, patch="offers/patch.json")
    CreateFallbackOfferOperator.partial(task_id="each").expand(offer=["offers/one.json", "offers/two.json"])
"""


def test_files_of_the_dag_folder(airflow: Airflow, emulator: Emulator, api: str, tmp_path: Path) -> None:
    folder = tmp_path / "offers"
    folder.mkdir()
    (tmp_path / "from_files.py").write_text(DAG_FILE)
    (folder / "banner.json").write_text(json.dumps(fallback("{{ params.name }} {{ run_id[:6] }}")))
    (folder / "patch.json").write_text('[{"op": "replace", "path": "/status", "value": "{{ \'approved\' }}"}]')
    for number in ("one", "two"):
        (folder / f"{number}.json").write_text(json.dumps(fallback(f"Banner {number}")))

    result = airflow.run_file(tmp_path / "from_files.py", connections={CONNECTION: emulator.connection(api)})

    assert set(result.states.values()) == {"success"}, [str(attempt.error) for attempt in result.attempts]
    assert {(each["body"]["name"], each["body"]["status"]) for each in offers(emulator)} == {
        ("Banner manual", "approved"),
        ("Banner one", "draft"),
        ("Banner two", "draft"),
    }


def test_files_of_a_search_path(airflow: Airflow, emulator: Emulator, api: str, tmp_path: Path) -> None:
    (tmp_path / "banner.json").write_text(json.dumps(fallback("Banner of {{ params.place }}")))
    with dag_of("search_path", template_searchpath=str(tmp_path), params={"place": "here"}) as dag:
        CreateFallbackOfferOperator(task_id="create", offer="banner.json")

    assert run(airflow, emulator, api, dag).result("create")["name"] == "Banner of here"


def test_text_that_ends_like_a_file_stays_text(airflow: Airflow, emulator: Emulator, api: str) -> None:
    address = "https://example.com/{{ params.folder }}/offer.json"
    offer = fallback("menu.json")
    offer["representations"][0]["components"][0] |= {"deliveryURL": address, "content": "x.json"}
    with dag_of("endings", params={"folder": "today"}) as dag:
        create = CreateFallbackOfferOperator(task_id="create", offer=offer)
        patch = PatchOfferOperator(
            task_id="patch",
            offer_id=create.output,
            patch=[{"op": "add", "path": "/description", "value": "of menu.json"}],
        )
        search = SearchOffersOperator(
            task_id="search", offer_type="fallback", q="menu.json", fields=["name"], properties="description~.*.json"
        )
        patch >> search

    result = run(airflow, emulator, api, dag)

    assert set(result.states.values()) == {"success"}, [str(attempt.error) for attempt in result.attempts]
    (stored,) = named(emulator, "menu.json")
    component = stored["body"]["representations"][0]["components"][0]
    assert component["deliveryURL"] == "https://example.com/today/offer.json"
    assert component["content"] == "x.json"
    assert stored["body"]["description"] == "of menu.json"
    assert [each["name"] for each in result.result("search")] == ["menu.json"]


def test_an_optional_argument_whose_template_renders_nothing_is_absent(
    airflow: Airflow, emulator: Emulator, api: str
) -> None:
    seed(emulator, api, "Here")
    with dag_of("nothing", params={"empty": ""}) as dag:
        empty = "{{ params.empty }}"
        SearchOffersOperator(
            task_id="search",
            q=empty,
            qop=empty,  # type: ignore[arg-type]
            fields=empty,
            properties=empty,
            order_by=empty,
            limit=empty,
            page_size=empty,
        )
        SearchOffersOperator(task_id="none", properties="{{ params.get('nope') }}", limit="{{ params.get('nope') }}")

        @task
        def no_filters() -> list[str]:
            return []

        SearchOffersOperator(task_id="of_a_task", properties=no_filters())  # type: ignore[arg-type]
        SearchOffersOperator.partial(task_id="mapped").expand(properties=[[], ["name==Other"]])

    result = run(airflow, emulator, api, dag)

    assert set(result.states.values()) == {"success"}, [str(attempt.error) for attempt in result.attempts]
    assert [each["name"] for each in result.result("search")] == ["Here"]
    assert [each["name"] for each in result.result("none")] == ["Here"]
    assert "rendered nothing, so properties has no effect" in result.logs
    assert [each["name"] for each in result.result("of_a_task")] == ["Here"]
    assert "xcom_pull(task_ids='no_filters'" in result.logs
    assert "properties: the list is empty, so properties has no effect" in result.logs


def test_json_text_and_native_objects_from_other_tasks(airflow: Airflow, emulator: Emulator, api: str) -> None:
    with dag_of("texts") as dag:

        @task
        def plan() -> dict[str, Any]:
            return {
                "offer": fallback('Quoted "and" ünï'),
                "patch": [{"op": "add", "path": "/description", "value": "x"}],
            }

        planned = plan()
        create = CreateFallbackOfferOperator(task_id="create", offer="{{ ti.xcom_pull('plan')['offer'] | tojson }}")
        patch = PatchOfferOperator(
            task_id="patch",
            offer_id="{{ ti.xcom_pull('create') | tojson }}",
            patch="{{ ti.xcom_pull('plan')['patch'] | tojson }}",
        )
        planned >> create >> patch
    with dag_of("native", render_template_as_native_obj=True, params={"priority": 7}) as native:
        offer = personalized("Native", rank={"priority": "{{ params.priority }}"})
        made = CreateOfferOperator(task_id="create", offer=offer)
        again = PatchOfferOperator(
            task_id="patch",
            offer_id="{{ ti.xcom_pull('create') }}",
            patch=[{"op": "replace", "path": "/rank/priority", "value": "{{ params.priority + 1 }}"}],
        )
        made >> again

    assert set(run(airflow, emulator, api, dag).states.values()) == {"success"}
    assert set(run(airflow, emulator, api, native).states.values()) == {"success"}
    texts, objects = offers(emulator)
    assert (texts["body"]["name"], texts["body"]["description"]) == ('Quoted "and" ünï', "x")
    assert objects["body"]["rank"] == {"priority": 8}


@pytest.mark.parametrize("native", [False, True])
def test_an_unknown_variable_is_no_value(airflow: Airflow, emulator: Emulator, api: str, native: bool) -> None:
    """Airflow's `get` returns a marker for it, whose text is `NOTSET` or an address in memory."""
    unknown, known = "{{ var.value.get('nope') }}", "{{ var.value.get('offer') }}"
    with dag_of("variables", render_template_as_native_obj=native) as dag:
        CreateOfferOperator(task_id="named", offer=personalized(unknown))
        CreateOfferOperator(task_id="elsewhere", offer=personalized("Elsewhere"), sandbox=unknown)
        CreateOfferOperator(task_id="part", offer=personalized(f"Sale {unknown}", description=unknown))
        CreateOfferOperator(task_id="known", offer=personalized(known, description="{{ var.value.get('nope', 'x') }}"))
    result = airflow.run(
        dag,
        connections={CONNECTION: emulator.connection(api)},
        environment={"AIRFLOW_VAR_OFFER": "Towel"},
    )

    assert "offer/name: given the template" in str(result.error("named"))
    assert "sandbox: given the template" in str(result.error("elsewhere"))
    assert {each["body"]["name"]: each["body"].get("description") for each in offers(emulator)} == {
        "Sale None": None,
        "Towel": "x",
    }
    assert "rendered 'Sale None'; perhaps a value is missing" in result.logs


def test_a_template_in_the_name_of_a_member_is_warned_of(airflow: Airflow, emulator: Emulator, api: str) -> None:
    with dag_of("names") as dag:
        CreateOfferOperator(task_id="own", offer=personalized("Own", characteristics={"day {{ ds }}": "{{ 'x' }}"}))
    result = run(airflow, emulator, api, dag)

    assert offers(emulator)[0]["body"]["characteristics"] == {"day {{ ds }}": "x"}
    place, name = "offer/characteristics/day {{ ds }}", "'day {{ ds }}'"
    assert f"{place}: the name {name} stays as it is; Airflow renders values only" in result.logs
