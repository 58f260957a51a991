"""Compares the pages of the kinds and of their operators with the kind table, the rules and the classes."""

from __future__ import annotations

import inspect
from typing import Any
from urllib.parse import unquote

import pytest
from airflow.sdk import DAG

from airflow_provider_offers.client.flows.golive import REASONS
from airflow_provider_offers.client.flows.referring import referring_kinds
from airflow_provider_offers.client.generations.dps import Dps
from airflow_provider_offers.client.generations.xcore import Xcore
from airflow_provider_offers.client.model.entities import Reference
from airflow_provider_offers.client.model.facts import RefersTo
from airflow_provider_offers.client.model.kinds import FALLBACK, KINDS, PERSONALIZED, Kind
from airflow_provider_offers.client.model.places import targets
from airflow_provider_offers.client.model.query import Query, SearchParameters, names
from airflow_provider_offers.operators import library
from airflow_provider_offers.operators.base import OfferLibraryOperator
from tests.docs.field_tables import KEYS, element, field_table, fields
from tests.docs.pages import Page, page, quoted, table, untemplated

PAGES = {
    "placement": "placement",
    "tag": "collection-qualifier",
    "collection": "collection",
    "rule": "decision-rule",
    "formula": "ranking-formula",
    "decision": "decision",
    "personalized": "offer",
    "fallback": "offer",
}
EVERY = pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if kind is not FALLBACK])
UNTEMPLATED = untemplated(page("docs/library.md"))
# Operators whose parameters are in another operator's table.
WITHOUT_TABLE = ("DeactivateDecisionOperator", "CompleteDecisionOperator", "ArchiveDecisionOperator")
SEARCH = {*names(SearchParameters), "full", "report"}


def page_of(kind: Kind) -> Page:
    return page(f"docs/kinds/{PAGES[kind.key]}.md")


@EVERY
def test_the_fields_are_told_as_the_model_describes_them(kind: Kind) -> None:
    told = [line for line in page_of(kind).section("Fields").splitlines() if line.startswith("|")]
    expected = field_table(kind)
    missing = [row for row in expected if row not in told]
    assert told == expected, "\n".join(["Missing, or in another order:", *(missing or expected)])


@EVERY
def test_the_steps_are_those_of_the_table(kind: Kind) -> None:
    section = page_of(kind).section("Statuses")
    if not kind.steps:
        assert section.strip() == "None."
        return
    rows = [(row[0], tuple(quoted(row[1])), quoted(row[2])[0]) for row in table(section, "step")]
    assert rows == [(step.verb, step.origins, step.target) for step in kind.steps]
    statuses = {word for _, origins, target in rows for word in (*origins, target)}
    assert statuses == set(kind.statuses)


@EVERY
def test_who_uses_it_is_told_with_the_place(kind: Kind) -> None:
    section = page_of(kind).section("Used by")
    expected = {
        other.key: [
            path + ("[]" if place.item else "")
            for path, place in fields(other.place)
            if (refers := element(place).fact(RefersTo)) is not None
            and kind.type_name in refers.type_names
            # A member that the service drops refers to nothing.
            and path.partition(".")[0].partition("[")[0] not in other.write_only
        ]
        for other in referring_kinds(kind)
    }
    expected = {key: paths for key, paths in expected.items() if paths}
    if kind is PERSONALIZED:
        rows = table(section, "kind")
        both = {offer.key: {other.key for other in referring_kinds(offer)} for offer in (PERSONALIZED, FALLBACK)}
        for column, key in ((2, "personalized"), (3, "fallback")):
            assert {quoted(row[0])[0] for row in rows if row[column] == "yes"} == both[key]
    elif expected:
        assert {quoted(row[0])[0]: quoted(row[1]) for row in table(section, "kind")} == expected
    else:
        assert section.strip().startswith("Nothing in the library.")


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_the_call_is_the_kinds(kind: Kind) -> None:
    section = page_of(kind).section("The calls")
    (row,) = (row for row in table(section, "") if row[0] == (kind.key if kind.is_offer else "path or schema"))
    query = "&".join(f"{name}={value}" for name, value in kind.dps_query)
    assert quoted(row[1]) == [f"{kind.dps_path}?{query}" if query else kind.dps_path]
    if kind.xcore_version is None:
        assert quoted(row[2]) == ["UnsupportedError"]
    else:
        assert quoted(row[2]) == [f"{kind.schema};version={kind.xcore_version}"]


OWN_PAGE = pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if not kind.is_offer])


@OWN_PAGE
def test_every_call_is_told_as_it_is_made(kind: Kind) -> None:
    section = page_of(kind).section("The calls")
    reference = Reference(kind, id="{id}", instance_id="{instanceId}")
    rows = table(section, "")[1:]
    for column, generation in ((1, Dps()), (2, Xcore("{container}"))):
        if generation.api == "xcore" and kind.xcore_version is None:
            assert {row[column] for row in rows} == {""}
            continue
        calls = {
            "create": generation.create(kind, {}),
            "read": generation.read(reference),
            "search": generation.search(kind, Query()),
            "look up": generation.lookup(kind, name="x"),
            "change": generation.patch(reference, []),
            "delete": generation.delete(reference),
        }
        schema = f"{kind.schema};version={kind.xcore_version}"
        made = {}
        for word, call in calls.items():
            query = "?schema={schema}" if f"?schema={schema}" in call.path else ""
            made[word] = f"{call.method} {unquote(call.bare_path)}{query}"
            if "Content-Type" in call.headers:
                assert f"`{call.headers['Content-Type'].replace(schema, '{schema}')}`" in section
        assert {row[0]: quoted(row[column])[0] for row in rows} == made


@OWN_PAGE
def test_an_example_imports_what_it_uses(kind: Kind) -> None:
    for block in page_of(kind).blocks("python"):
        names: dict[str, Any] = {}
        with DAG("example", schedule=None) as dag:
            exec(compile(block.text, str(block), "exec"), names)
        assert dag.task_ids


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_each_page_has_an_example_of_its_kind(kind: Kind) -> None:
    text = "\n".join(block.text for block in page_of(kind).blocks("python"))
    assert f'kind="{kind.key}"' in text or kind.is_offer


def test_the_index_has_every_kind_and_what_it_may_refer_to() -> None:
    rows = table(page("docs/library.md").text, "`kind`")
    assert {quoted(row[0])[0]: set(quoted(row[2])) for row in rows} == {
        kind.key: {KEYS[name] for name in targets(kind.place)} for kind in KINDS.values()
    }
    for row in rows:
        assert f"(kinds/{PAGES[quoted(row[0])[0]]}.md)" in row[1]


def test_the_reasons_against_going_live_are_told_in_their_order() -> None:
    rows = table(page("docs/library.md").section("ActivateDecisionOperator"), "reason")
    assert tuple(quoted(row[0])[0] for row in rows) == REASONS


OPERATORS: dict[str, Any] = {name: getattr(library, name) for name in library.__all__}


@pytest.mark.parametrize("name", OPERATORS)
def test_every_operator_has_a_section_and_an_example(name: str) -> None:
    assert page("docs/library.md").section(name)
    examples = "\n".join(block.text for block in page("docs/library.md").blocks("python"))
    assert f"{name}(" in examples


def parameters(operator: Any) -> set[str]:
    """The parameters of an operator, without those of all operators."""
    found: set[str] = set()
    for each in operator.__mro__:
        if each is OfferLibraryOperator:
            break
        if "__init__" in vars(each):
            signature = inspect.signature(inspect.unwrap(vars(each)["__init__"]))
            found |= {name for name, one in signature.parameters.items() if one.kind is not one.VAR_KEYWORD}
    # The fields that have other names in the operators for offers.
    found -= {"self", "offer_id", "offer_type", "offer", "offer_library_conn_id", "sandbox"}
    return found - {"kind"} if "kind" not in operator.template_fields else found


@pytest.mark.parametrize("name", [name for name in OPERATORS if name not in WITHOUT_TABLE])
def test_every_parameter_is_explained_and_no_other(name: str) -> None:
    rows = table(page("docs/library.md").section(name), "parameter")
    told = {each for row in rows for each in quoted(row[0])}
    told |= SEARCH if name == "SearchLibraryObjectsOperator" else set()
    assert told == parameters(OPERATORS[name])


@pytest.mark.parametrize("name", OPERATORS)
def test_templated_is_what_the_page_says(name: str) -> None:
    fields = set(OPERATORS[name].template_fields) - set(OfferLibraryOperator.template_fields)
    assert fields == parameters(OPERATORS[name]) - UNTEMPLATED
