"""Every argument of every operator and sensor with every odd value: what it ends in is one of our own errors."""

from __future__ import annotations

import inspect
import json
import random
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from airflow.sdk.execution_time import context as airflow_context

from airflow_provider_offers.client.errors import OfferLibraryError
from airflow_provider_offers.client.flows import deleting_once
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators import decisions, library, offers
from airflow_provider_offers.operators.offers import GetOfferOperator, PatchOfferOperator, SearchOffersOperator
from airflow_provider_offers.sensors import decisions as decision_sensors
from airflow_provider_offers.sensors import offers as sensors
from tests.airflow.harness import Airflow
from tests.airflow.library import CONNECTION, dag_of, fallback, personalized, run
from tests.airflow.odd import ODD, WAYS, Outcome, each_place, odd, outcome, with_value
from tests.airflow.task_runner import arguments_of
from tests.deciding import PROFILE, set_up

OPERATORS: list[type[Any]] = [
    getattr(module, name) for module in (offers, library, decisions) for name in module.__all__
]
SENSORS: list[type[Any]] = [
    sensors.OfferStatusSensor,
    sensors.OfferWindowSensor,
    sensors.OffersFoundSensor,
    decision_sensors.OfferLiveSensor,
]
EVERY = [*OPERATORS, *SENSORS]
# The arguments that hold documents.
DOCUMENTS = ("offer", "object", "patch", "window", "profile", "scopes", "context_data")
# Airflow 3.2 ends with Jinja's own error when it stores such a field, before the task begins.
SERIALIZES_UNDEFINED = hasattr(airflow_context, "TaskStateStoreAccessor")
# How many values of each argument a usual run tries: the same ones in every run.
SAMPLE = 5
SEED = 2026


class Bench:
    """One operator with what it usually gets, on one generation, as a first or a second try."""

    def __init__(self, operator: type[Any], emulator: Emulator) -> None:
        number = EVERY.index(operator)
        self.operator = operator
        self.api = ("dps", "xcore")[number % 2]
        self.number = 1 + number // 2 % 2
        self.emulator = emulator

    def usual(self) -> dict[str, Any]:
        """The required arguments, about objects that are there."""
        self.emulator.reset()
        stage = set_up(self.emulator, self.api)
        (tag,) = self.emulator.seed(objects=[{"kind": "tag", "generation": self.api, "body": {"name": "Odd tag"}}])
        is_decision = "Decision" in self.operator.__name__
        document = fallback("Odd") if self.operator is offers.CreateFallbackOfferOperator else personalized("Odd")
        values = {
            "offer": document,
            "object": {"name": "Odd"},
            "kind": "tag",
            "offer_id": stage.offers[0],
            "object_id": stage.decision if is_decision else tag,
            "patch": [{"op": "replace", "path": "/name", "value": "Odder"}],
            "start": "2036-01-01T00:00:00Z",
            "duration": "P1D",
            "decision_id": stage.decision,
            "placement_id": stage.placement,
            "profile": PROFILE,
            "audience_id": "a",
            "dataset_id": "d",
            "status": "approved",
            "patience": 0,
        }
        given = {name: values[name] for name in arguments_of(self.operator) if name in values}
        if self.operator in SENSORS:
            given |= {"timeout": 0.0, "poke_interval": 0.01}
        return given

    def documents(self) -> dict[str, Any]:
        """A whole document for each argument that holds one."""
        whole = {
            "window": {"start": "2036-01-01T00:00:00", "duration": "P14D", "timezone": "Europe/Berlin"},
            "profile": {"identityMap": {"Email": [{"id": "a@example.com"}]}, "contextData": [{"a": 1}]},
            "scopes": [{"decision": "name:Newsletter", "placement": Emulator.PLACEMENT_ID, "itemCount": 1}],
            "context_data": {"https://ns.adobe.com/a": {"b": 1}},
        }
        usual = self.usual()
        return {
            name: usual.get(name, whole.get(name)) if name != "profile" else whole[name]
            for name in arguments_of(self.operator)
            if name in DOCUMENTS
        }

    def try_argument(self, name: str, what: str, way: str) -> Outcome:
        """The odd value as the whole argument."""
        return outcome(self.operator, self.given, name, odd(what), way, number=self.number)

    def try_place(self, name: str, path: tuple[Any, ...], what: str) -> Outcome:
        """The odd value somewhere in a document."""
        given = {**self.given, **({"decision_id": None, "placement_id": None} if name == "scopes" else {})}
        value = with_value(self.documents_given[name], path, odd(what))
        return outcome(self.operator, given, name, value, "literal", number=self.number)

    def prepare(self) -> None:
        """Put everything back to how it was."""
        self.given = self.usual()
        self.documents_given = self.documents()


@pytest.fixture
def bench(
    request: pytest.FixtureRequest, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, airflow_home: Any
) -> Bench:
    bench = Bench(request.param, emulator)
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps(emulator.connection(bench.api)))
    # A second try of a deletion looks for what may only lag.
    monkeypatch.setattr(deleting_once, "_PATIENCE", 0.0)
    bench.prepare()
    return bench


def arguments(bench: Bench) -> Iterator[tuple[str, str, str]]:
    """Every argument with every odd value in every way."""
    for name, way, what in product(arguments_of(bench.operator), WAYS, ODD):
        if (what, way) == ("undefined", "mapped") and not SERIALIZES_UNDEFINED:
            continue
        if way in ("literal", "mapped") or name in bench.operator.template_fields:
            yield name, what, way


def places(bench: Bench) -> Iterator[tuple[str, tuple[Any, ...], str]]:
    """Every place of every document with every odd value."""
    for name, document in bench.documents_given.items():
        for path, what in product(each_place(document), ODD):
            if path:
                yield name, path, what


def wrong(tried: dict[str, Outcome]) -> dict[str, str]:
    return {name: each.wrong for name, each in tried.items() if each.wrong is not None}


EACH = pytest.mark.parametrize("bench", EVERY, indirect=True, ids=lambda each: each.__name__)


@EACH
def test_odd_arguments_end_in_our_own_errors(bench: Bench) -> None:
    drawn = random.Random(f"{SEED} {bench.operator.__name__}")
    everything = list(arguments(bench))
    chosen = drawn.sample(everything, min(len(everything), SAMPLE * len(arguments_of(bench.operator))))
    tried = {f"{name}: {what}, {way}": bench.try_argument(name, what, way) for name, what, way in chosen}
    inside = list(places(bench))
    tried |= {
        f"{name}{path}: {what}": bench.try_place(name, path, what)
        for name, path, what in drawn.sample(inside, min(len(inside), SAMPLE * len(bench.documents_given)))
    }
    assert wrong(tried) == {}


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
@EACH
def test_every_odd_argument_in_every_way(bench: Bench) -> None:
    tried = {}
    for name, what, way in arguments(bench):
        if what == next(iter(ODD)):
            # What was changed or deleted is there again.
            bench.prepare()
        tried[f"{name}: {what}, {way}"] = bench.try_argument(name, what, way)
    assert wrong(tried) == {}


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
@EACH
def test_every_odd_value_in_every_place_of_a_document(bench: Bench) -> None:
    tried = {f"{name}{path}: {what}": bench.try_place(name, path, what) for name, path, what in places(bench)}
    assert wrong(tried) == {}


@pytest.mark.parametrize("operator", EVERY, ids=lambda each: each.__name__)
def test_an_operator_names_every_argument_of_its_bases(operator: type[Any]) -> None:
    ours = [each for each in operator.__mro__ if each.__module__.startswith("airflow_provider_offers")]
    of_the_bases = {
        name
        for each in ours
        if "__init__" in vars(each)
        for name, parameter in inspect.signature(inspect.unwrap(vars(each)["__init__"])).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    # What the class gives its base by itself is no argument of it; `report` is one of every operator with a list.
    settled = {"offer_id", "offer_type", "kind", "object_id", "report"}
    assert of_the_bases - set(arguments_of(operator)) - {"offer"} <= settled


def test_a_run_with_odd_values_out_of_templates_and_other_tasks(airflow: Airflow, emulator: Emulator, api: str) -> None:
    """The same in a whole run of Airflow: what the templates rendered, stored and pushed on the way is real."""
    from airflow.sdk import task

    # What XCom and params can carry.
    passed = ["none", "true", "negative", "fraction", "text", "null character", "long text", "JSON", "dict of none"]
    passed += ["list of none", "list of lists", "list of dicts", "nested", "dict of a list", "emoji"]

    @task
    def give(value: Any) -> Any:
        return value

    @task
    def give_nothing() -> None:
        return None

    with dag_of("odd", render_template_as_native_obj=True, params={"odd": {"a": [None]}}) as dag:
        for number, what in enumerate(passed):
            value = give.override(task_id=f"give_{number}")(ODD[what])
            GetOfferOperator(task_id=f"get_{number}", offer_id=value)
            PatchOfferOperator(task_id=f"patch_{number}", offer_id="name:Nobody", patch=value)
        GetOfferOperator(task_id="get_undefined", offer_id="{{ params.odd.nope }}")
        GetOfferOperator(task_id="get_param", offer_id="{{ params.odd }}")
        SearchOffersOperator(task_id="search", limit="{{ params.odd }}")
        GetOfferOperator(task_id="get_nothing", offer_id=give_nothing())
        GetOfferOperator.partial(task_id="get_each").expand(offer_id=[None, 7, "", {"id": {}}])

    result = run(airflow, emulator, api, dag)

    ours = [name for name in result.states if name.startswith(("get", "patch", "search"))]
    for name in ours:
        error = result.error(name)
        assert result.states[name] == "failed", name
        assert isinstance(error, (AirflowFailException, OfferLibraryError)), (name, error)
    assert [entry for entry in emulator.journal(path="/data/core/*") if entry.method != "GET"] == []
