"""Values that tasks pass to each other beyond one receipt: outputs of mapped tasks, windows, and earlier tries."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.offers import (
    CreateFallbackOfferOperator,
    CreateOfferOperator,
    DeleteOfferOperator,
    GetOfferOperator,
    PatchOfferOperator,
    PublishOfferOperator,
)
from airflow_provider_offers.sensors.offers import OfferStatusSensor
from tests.airflow.harness import Airflow
from tests.airflow.library import dag_of, offers, personalized, run


def test_the_output_of_a_mapped_task_is_a_list_of_offers(airflow: Airflow, emulator: Emulator, api: str) -> None:
    with dag_of("mapped") as dag:
        create = CreateOfferOperator.partial(task_id="create").expand(
            offer=[personalized(f"Voucher {number}") for number in range(3)]
        )
        patch = PatchOfferOperator(
            task_id="patch",
            offer_id=create.output,
            patch=[{"op": "replace", "path": "/rank/priority", "value": 7}],
        )
        publish = PublishOfferOperator(task_id="publish", offer_id=create.output, waive=["window_over"])
        wait = OfferStatusSensor(task_id="wait", offer_id=create.output, status="approved", deferrable=True)
        look = GetOfferOperator(task_id="look", offer_id=create.output)
        delete = DeleteOfferOperator(task_id="delete", offer_id=create.output)
        patch >> publish >> wait >> look >> delete
    result = run(airflow, emulator, api, dag)

    assert set(result.states.values()) == {"success"}, [str(each.error) for each in result.attempts if each.error]
    made = [result.result(f"create[{index}]")["id"] for index in range(3)]
    for task, action in [("patch", "updated"), ("publish", "published"), ("delete", "deleted")]:
        receipts = result.result(task)
        assert [receipt["id"] for receipt in receipts] == made
        assert {receipt["action"] for receipt in receipts} == {action}
    assert [(each["id"], each["offer"]["rank"]["priority"]) for each in result.result("look")] == [
        (identifier, 7) for identifier in made
    ]
    assert offers(emulator) == []


def test_an_offer_is_created_with_its_window(airflow: Airflow, emulator: Emulator, api: str) -> None:
    with dag_of("windowed") as dag:
        CreateOfferOperator(
            task_id="create",
            offer=personalized("Voucher"),
            window={
                "start": "{{ '2026-10-20' }}T09:00",
                "duration": "P14D",
                "timezone": "America/New_York",
            },
        )
        CreateFallbackOfferOperator(
            task_id="fallback",
            offer={"name": "Else", "status": "draft", "representations": []},
            window={"start": "2026-10-20T09:00:00Z", "duration": "P1D"},
        )
    result = run(airflow, emulator, api, dag)

    assert result.states == {"create": "success", "fallback": "failed"}
    assert isinstance(result.error("fallback"), AirflowFailException)
    assert "A fallback offer has no window" in str(result.error("fallback"))
    (offer,) = offers(emulator)
    constraint = offer["body"]["selectionConstraint"]
    assert constraint["startDate"].startswith("2026-10-20T13:00:00")
    assert constraint["endDate"].startswith("2026-11-03T14:00:00")


@pytest.mark.parametrize("lag", [0, 1])
def test_a_retry_waits_for_what_the_try_before_may_have_made(
    airflow: Airflow, emulator: Emulator, api: str, lag: int
) -> None:
    """The first try posts, gets no answer and cannot read: it ends as if its worker had died."""
    emulator.configure(list_lag=lag, index_lag=lag)
    emulator.add_fault("drop", when="after", method="POST", path="/data/core/*", times=1)
    emulator.add_fault(
        "status", status=503, method="GET", path="/data/core/*", after=2 if api == "xcore" else 1, times=1
    )
    with dag_of("again") as dag:
        # The second try looks for twice as long, however slow the machine is, and at least once after that.
        CreateOfferOperator(
            task_id="create", offer=personalized("Voucher"), retries=1, retry_delay=0, patience=lag + 0.5
        )
    result = run(airflow, emulator, api, dag, max_retries=0)

    assert [attempt.state for attempt in result.tries("create")] == ["up_for_retry", "success"]
    assert result.result("create")["action"] == "adopted"
    assert len(offers(emulator)) == 1
