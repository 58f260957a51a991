"""Compares the tables of operators and sensors with the classes."""

import importlib
import inspect
import itertools
import re
from typing import Any

import pytest
from airflow.sdk import BaseOperator, BaseSensorOperator

from airflow_provider_offers.client.model.query import PARAMETERS, Conditions, SearchParameters, names
from airflow_provider_offers.get_provider_info import get_provider_info
from airflow_provider_offers.operators import decisions, library, lifecycle, offers, replacing
from airflow_provider_offers.operators.airflow_arguments import SensorArguments, TaskArguments
from airflow_provider_offers.operators.base import OfferLibraryOperator
from airflow_provider_offers.operators.edits import EditOffersOperator
from airflow_provider_offers.operators.words import CLOSED
from airflow_provider_offers.sensors import offers as sensors
from airflow_provider_offers.sensors.base import OfferLibrarySensor
from airflow_provider_offers.sensors.decisions import OfferLiveSensor
from tests.docs.pages import page, quoted, table, untemplated

BASES = {
    "docs/operators.md": OfferLibraryOperator,
    "docs/lifecycle.md": EditOffersOperator,
    "docs/sensors.md": OfferLibrarySensor,
}
UNTEMPLATED = {*untemplated(page("docs/operators.md")), "deferrable", "dry_run", "max_outage"}


def _public(module: Any) -> dict[str, Any]:
    """The operators or sensors that a module defines for use in DAGs."""
    return {
        name: value
        for name, value in vars(module).items()
        if inspect.isclass(value)
        and value.__module__ == module.__name__
        and (name in offers.__all__ or (name.endswith("Sensor") and not inspect.isabstract(value)))
    }


PAGES = {
    "docs/operators.md": _public(offers) | _public(replacing),
    "docs/lifecycle.md": _public(lifecycle),
    "docs/sensors.md": _public(sensors),
}
EVERY = [(name, each, found[each]) for name, found in PAGES.items() for each in found]
# They have the parameters of another operator, or of all operators on the page.
WITHOUT_TABLE = ("CreateFallbackOfferOperator", "UnpublishOfferOperator", "ArchiveOfferOperator")
OWN_TABLE = [case for case in EVERY if case[1] not in WITHOUT_TABLE]


def _own(operator: Any) -> dict[str, inspect.Parameter]:
    """The parameters of an operator's constructors, without those of our bases and of Airflow's."""
    ours = itertools.takewhile(lambda each: each not in BASES.values(), operator.__mro__)
    found: dict[str, inspect.Parameter] = {}
    for each in reversed(list(ours)):
        if "__init__" in vars(each):
            found |= _parameters(each)
    base = next(each for each in operator.__mro__ if each in BASES.values())
    # A constructor repeats the parameters of its base, for editors; a parameter with another default is its own.
    given = _parameters(base)
    return {name: each for name, each in found.items() if name not in given or given[name].default != each.default}


def _parameters(operator: Any) -> dict[str, inspect.Parameter]:
    return {
        name: parameter
        for name, parameter in inspect.signature(inspect.unwrap(vars(operator)["__init__"])).parameters.items()
        if name != "self" and parameter.kind is not parameter.VAR_KEYWORD
    }


@pytest.mark.parametrize(
    ("heading", "names"), [("operator", ["docs/operators.md", "docs/lifecycle.md"]), ("sensor", ["docs/sensors.md"])]
)
def test_the_overview_names_every_one_and_no_other(heading: str, names: list[str]) -> None:
    rows = table(page("docs/overview.md").text, heading)
    assert sorted(quoted(row[0])[0] for row in rows) == sorted(each for name in names for each in PAGES[name])


def test_the_overview_links_every_operator_sensor_and_notifier_of_the_provider() -> None:
    info: Any = get_provider_info()
    modules = [
        name for section in ("operators", "sensors") for each in info[section] for name in each["python-modules"]
    ]
    wanted = {name for module in modules for name in getattr(importlib.import_module(module), "__all__", ())}
    assert wanted, "expected public operators"
    named = re.findall(r"^\| \[`(\w+)`\]\(", page("docs/overview.md").text, re.MULTILINE)
    assert wanted - set(named) == set()
    assert len(named) == len(set(named))


@pytest.mark.parametrize(("name", "each", "operator"), EVERY)
def test_every_one_has_an_example(name: str, each: str, operator: Any) -> None:
    examples = "\n".join(block.text for block in page(name).blocks("python"))
    assert f"{each}(" in examples or f"{each}.partial(" in examples


@pytest.mark.parametrize("each", PAGES["docs/sensors.md"])
def test_every_sensor_tells_what_it_returns_and_calls(each: str) -> None:
    section = page("docs/sensors.md").section(each)
    assert re.search(r"^Returns .*^Call: ", section, re.MULTILINE | re.DOTALL)


# The operators and sensors whose docstrings name the calls. The steps of a lifecycle are left out: all of them are
# like one step, whose docstring does.
EVERYWHERE = {
    **{name: getattr(module, name) for module in (decisions, library, offers) for name in module.__all__},
    **PAGES["docs/sensors.md"],
    "OfferLiveSensor": OfferLiveSensor,
}


# What an operator sets itself, so that it takes no such argument.
FIXED = {"kind", "offer_id", "offer_type"}


@pytest.mark.parametrize("name", sorted(EVERYWHERE))
def test_no_parameter_hides_behind_others(name: str) -> None:
    """The constructor that editors and type checkers see names what the constructors of the bases take."""
    operator = EVERYWHERE[name]
    ours = [each for each in operator.__mro__ if each.__module__.startswith("airflow_provider_offers.")]
    taken = {parameter for each in ours if "__init__" in vars(each) for parameter in _parameters(each)}
    assert taken - FIXED <= set(inspect.signature(operator).parameters)


@pytest.mark.parametrize("name", sorted(EVERYWHERE))
def test_every_docstring_tells_the_calls(name: str) -> None:
    assert "\n    Calls " in (EVERYWHERE[name].__doc__ or "")


def test_the_parameters_of_a_search_are_told_as_they_are_described() -> None:
    rows = [f"| `{name}` | {PARAMETERS[name].description} |" for name in names(SearchParameters)]
    told = [line for line in page("docs/operators.md").section("SearchOffersOperator").splitlines() if line in rows]
    missing = [row for row in rows if row not in told]
    assert told == rows, "\n".join(["Missing in docs/operators.md, or in another order:", *(missing or rows)])
    row = ", ".join(f"`{name}`" for name in names(Conditions))
    section = page("docs/sensors.md").section("OffersFoundSensor")
    assert f"| {row} |" in section, f"Expected in docs/sensors.md: {row}"


@pytest.mark.parametrize(
    ("arguments", "base"),
    [(TaskArguments, BaseOperator), (SensorArguments, BaseSensorOperator)],
    ids=["task", "sensor"],
)
def test_type_checkers_know_what_airflow_takes(arguments: type, base: Any) -> None:
    """An operator whose keywords are a closed list has those of Airflow in it."""
    ours, newer = set(arguments.__annotations__), {"retry_policy"}
    airflows = set(_parameters(BaseOperator)) | set(_parameters(base))
    assert airflows - ours == set()
    assert ours - airflows <= newer


@pytest.mark.parametrize(("name", "each", "operator"), OWN_TABLE)
def test_every_parameter_is_explained_and_no_other(name: str, each: str, operator: Any) -> None:
    explained = [named for row in table(page(name).section(each), "parameter") for named in quoted(row[0])]
    assert sorted(explained) == sorted(_own(operator))


@pytest.mark.parametrize(("name", "each", "operator"), OWN_TABLE)
def test_every_word_of_a_parameter_is_explained(name: str, each: str, operator: Any) -> None:
    for row in table(page(name).section(each), "parameter"):
        parameter, told = quoted(row[0])[0], {word.strip('"').upper() for word in quoted(" ".join(row[1:]))}
        # Some sensors are for one type of offer only.
        if parameter in CLOSED and parameter != "offer_type":
            assert {word.upper() for word in CLOSED[parameter]} - told == set(), parameter


def test_those_without_a_table_have_no_parameters_of_their_own() -> None:
    assert [each for name, each, operator in EVERY if name == "docs/lifecycle.md" and not _own(operator)] == [
        *WITHOUT_TABLE[1:]
    ]
    found = PAGES["docs/operators.md"]
    fallback = " ".join(page("docs/operators.md").section("CreateFallbackOfferOperator").split())
    assert "are those of `CreateOfferOperator`" in fallback
    assert _own(found["CreateFallbackOfferOperator"]) == _own(found["CreateOfferOperator"])


@pytest.mark.parametrize(("name", "base"), BASES.items())
def test_the_common_parameters_are_explained(name: str, base: Any) -> None:
    text = page(name).text.partition("\n## ")[0]
    everywhere = () if base in (OfferLibraryOperator, OfferLibrarySensor) else _parameters(OfferLibraryOperator)
    explained = [quoted(row[0])[0] for row in table(text, "parameter")]
    assert explained == [name for name in _parameters(base) if name not in everywhere]


@pytest.mark.parametrize(("name", "each", "operator"), EVERY)
def test_templated_is_what_the_pages_say(name: str, each: str, operator: Any) -> None:
    common = {**_parameters(BASES["docs/operators.md"]), **_parameters(BASES[name]), **_own(operator)}
    if issubclass(operator, EditOffersOperator):
        common |= _parameters(EditOffersOperator)
    if each == "ArchiveExpiredOffersOperator":
        common = {name: common[name] for name in common if name not in ("offer_id", "offer_type")}
    assert set(operator.template_fields) == set(common) - UNTEMPLATED


@pytest.mark.parametrize(("name", "each", "operator"), OWN_TABLE)
def test_stated_defaults_are_the_defaults(name: str, each: str, operator: Any) -> None:
    parameters = _own(operator)
    for row in table(page(name).section(each), "parameter"):
        _, _, stated = row[1].partition("; default ")
        if stated and not stated.startswith("all"):
            assert str(parameters[quoted(row[0])[0]].default).removesuffix(".0") == stated.split(".")[0].split(";")[0]
