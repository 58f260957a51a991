"""What Airflow cannot carry from a worker to its supervisor: refused in a field, changed with a warning in a result."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.carrying import carried, uncarriable
from airflow_provider_offers.operators.memory import TaskMemory
from airflow_provider_offers.operators.offers import CreateOfferOperator, GetOfferOperator, SearchOffersOperator
from airflow_provider_offers.sensors.offers import OfferStatusSensor
from tests.airflow.capture import captured_output
from tests.airflow.library import CONNECTION, dag_of, personalized, seed, writes
from tests.airflow.odd import deep
from tests.airflow.task_runner import run_task

ID = "dps:personalized-offer:1c265317da412003"
HALF, LARGE = "10 % \ud83d", 2**64


@pytest.fixture(autouse=True)
def connected(emulator: Emulator, api: str, monkeypatch: pytest.MonkeyPatch, airflow_home: Any) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps(emulator.connection(api)))


@pytest.mark.parametrize(
    ("offer", "said"),
    [
        (
            personalized(HALF),
            "offer/name: given text with half of a surrogate pair; expected text of complete characters",
        ),
        (
            personalized("Sale", acme=[LARGE]),
            "offer/acme/0: given a number of more than 64 bits; expected a smaller number",
        ),
        (personalized("Sale", acme=-(2**63) - 1), "offer/acme: given a number of more than 64 bits"),
        (personalized("Sale", acme=[1.5, float("nan")]), "offer/acme/1: given nan, which JSON does not have; expected"),
        (personalized("Sale", acme={HALF: 1}), "offer/acme: given a name that is text with half of a surrogate pair"),
        (
            personalized("Sale", acme=deep(220)),
            "offer: given a value with too many levels",
        ),
    ],
    ids=["text", "large", "small", "nan", "name", "levels"],
)
@pytest.mark.parametrize("way", ["literal", "template"])
def test_a_field_is_refused_by_its_place(emulator: Emulator, offer: Any, said: str, way: str) -> None:
    with dag_of("fields", render_template_as_native_obj=True, user_defined_macros={"odd": offer}):
        task = CreateOfferOperator(task_id="create", offer=offer if way == "literal" else "{{ odd }}")

    ended = run_task(task)

    assert ended.state == "failed"
    assert type(ended.error).__name__ == "AirflowFailException"
    assert said in str(ended.error)
    assert writes(emulator) == []


def test_a_sensor_names_the_field_too() -> None:
    with dag_of("fields", render_template_as_native_obj=True, user_defined_macros={"odd": [HALF]}):
        task = OfferStatusSensor(task_id="wait", offer_id="{{ odd }}", status="approved", timeout=0.0)

    assert "offer_id/0: given text with half of a surrogate pair" in str(run_task(task).error)


def test_a_result_is_changed_with_a_warning(emulator: Emulator, api: str) -> None:
    there = seed(emulator, api, "Sale", changes={"acme": {"large": LARGE, "fits": LARGE - 1}})
    with dag_of("results"):
        get = GetOfferOperator(task_id="get", offer_id=there["id"])
        search = SearchOffersOperator(task_id="search", full=True)

    for task, place in ((get, "offer/acme/large"), (search, "0/offer/acme/large")):
        with captured_output() as output:
            ended = run_task(task, logged=True)
            told = output.text()
        assert ended.state == "success", ended.error
        assert f"Airflow cannot carry all of it: {place}: a number of more than 64 bits" in told
        result = ended.result if isinstance(ended.result, dict) else ended.result[0]
        assert result["offer"]["acme"] == {"large": str(LARGE), "fits": LARGE - 1}


def test_half_of_a_pair_in_an_answer_is_replaced(emulator: Emulator, api: str) -> None:
    """An editor that cut an emoji in two leaves such text behind, and JSON can carry it."""
    there = seed(emulator, api, "Cut")
    with dag_of("results"):
        task = GetOfferOperator(task_id="get", offer_id=there["id"])
    shown = emulator.journal()
    assert run_task(task).state == "success"
    answer = emulator.journal()[len(shown) :][-1]
    body = answer.response_body.replace("Cut", "Cut \\ud83d")
    emulator.add_fault("status", method="GET", path=answer.path, status=200, body=body, times=1)

    ended = run_task(task)

    assert ended.state == "success", ended.error
    assert ended.result["name"] == "Cut \N{REPLACEMENT CHARACTER}"


def test_what_can_be_carried_stays_the_same_object() -> None:
    for value in ([{"id": ID, "etag": 2**63}], "\U0001f600", {"a": [None, True, 1.5]}, None, [], object(), "1" * 30):
        assert carried(value)[0] is value
        assert list(uncarriable(value)) == []


def test_many_findings_are_told_in_short() -> None:
    changed, told = carried({str(number): 10**30 for number in range(8)})
    assert told.count("more than 64 bits") == 5
    assert told.endswith("; and 3 more")
    assert set(changed.values()) == {str(10**30)}


def test_the_state_of_a_task_is_kept_all_the_same() -> None:
    kept: dict[str, Any] = {}

    class Store:
        def set(self, key: str, value: Any) -> None:
            json.dumps(value, ensure_ascii=False).encode()
            kept[key] = value

    TaskMemory({"task_state_store": Store()}).keep("key", {"name": HALF, "etag": 10**30})  # type: ignore[typeddict-item]

    assert kept["key"] == {"name": "10 % \N{REPLACEMENT CHARACTER}", "etag": str(10**30)}
