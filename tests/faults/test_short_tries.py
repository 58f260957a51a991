"""A list of offers in tries that are shorter than the client's patience, in a real Airflow, with a faulty service."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.execution_time import context as airflow_context

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.offers import CreateOfferOperator
from tests.airflow.harness import Airflow
from tests.airflow.library import NO_DELAY, dag_of, offers, personalized, run
from tests.faults.matrix import APIS

_POST = {"method": "POST", "path": "/data/core/*"}
# The first matching rule that is due applies. The number of lost answers is limited: each costs an offer twice the
# patience, and the tries of a task are counted.
FAULTS: tuple[dict[str, Any], ...] = (
    {"effect": "drop", "when": "after", "probability": 0.2, "times": 4, "seed": 1, **_POST},
    {"effect": "late", "seconds": 2, "probability": 0.2, "times": 3, "seed": 2, **_POST},
    {"effect": "drop", "probability": 0.2, "times": 3, "seed": 3, **_POST},
    {"effect": "repeat", "probability": 0.2, "times": 4, "seed": 4, **_POST},
    {"effect": "status", "status": 503, "when": "after", "probability": 0.2, "times": 3, "seed": 5, **_POST},
    {"effect": "delay", "seconds": 0.5, "times": None, **_POST},
    {"effect": "status", "status": 503, "route": "*.list", "probability": 0.05, "seed": 6, "times": None},
)

pytestmark = pytest.mark.skipif(
    not hasattr(airflow_context, "TaskStateStoreAccessor"),
    reason="on Airflow 3.2 nothing is kept, and tries shorter than twice the patience get nowhere",
)


def test_a_list_is_finished_in_short_tries(airflow: Airflow, emulator: Emulator) -> None:
    _create(airflow, emulator, "dps", number=10, seconds=3.0, patience=4.0)


@pytest.mark.exhaustive
@pytest.mark.timeout(600)
@pytest.mark.parametrize("api", APIS)
def test_forty_offers_are_made_in_tries_of_five_seconds(airflow: Airflow, emulator: Emulator, api: str) -> None:
    """With the default patience."""
    _create(airflow, emulator, api, number=40, seconds=5.0)


def _create(airflow: Airflow, emulator: Emulator, api: str, *, number: int, seconds: float, **options: Any) -> None:
    emulator.configure(list_lag=1.0, index_lag=1.0)
    for fault in FAULTS:
        emulator.add_fault(**fault)
    names = [f"Voucher {each}" for each in range(number)]
    with dag_of("short") as dag:
        CreateOfferOperator(
            task_id="create",
            offer=[personalized(name) for name in names],
            execution_timeout=timedelta(seconds=seconds),
            retries=12,
            retry_delay=NO_DELAY,
            **options,
        )

    result = run(airflow, emulator, api, dag)

    tries = [attempt.state for attempt in result.tries("create")]
    assert tries[-1] == "success", f"{tries}: {result.error('create')}"
    assert len(tries) > 1, "one try was enough: the tries are not short"
    emulator.clear_faults()
    there = offers(emulator)
    assert Counter(each["body"]["name"] for each in there) == Counter(names)
    ids = {each["body"]["name"]: {each["id"], each["instance_id"]} for each in there}
    receipts = result.result("create")
    assert [receipt["name"] for receipt in receipts] == names
    assert all(receipt["id"] in ids[receipt["name"]] for receipt in receipts)
