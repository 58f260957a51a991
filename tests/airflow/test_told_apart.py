"""Errors about names say how two objects differ, which entry of a list failed, and that `name:` is missing."""

from __future__ import annotations

import pytest

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.offers import CreateOfferOperator, PublishOfferOperator, ScheduleOfferOperator
from airflow_provider_offers.sensors.offers import OfferStatusSensor
from tests.airflow.harness import Airflow
from tests.airflow.library import dag_of, errors, offers, personalized, run, seed, writes

pytestmark = pytest.mark.parametrize("api", ["dps", "xcore"])


def test_an_offer_of_the_same_name_is_told_apart_by_what_differs(
    airflow: Airflow, emulator: Emulator, api: str
) -> None:
    seed(emulator, api, "Voucher", changes={"rank": {"priority": 3}})
    with dag_of("taken") as dag:
        CreateOfferOperator(task_id="create", offer=personalized("Voucher", rank={"priority": 7}))

    said = errors(run(airflow, emulator, api, dag), ["create"])["create"]

    assert 'it differs: /rank is {"priority": 3}, not {"priority": 7};' in said
    assert not writes(emulator)


def test_a_failure_in_a_list_is_logged_with_the_offers_name(airflow: Airflow, emulator: Emulator, api: str) -> None:
    made = [
        seed(emulator, api, name, changes=changes) for name, changes in (("One", {}), ("Two", {"status": "archived"}))
    ]
    with dag_of("listed") as dag:
        PublishOfferOperator(
            task_id="publish",
            offer_id=[
                {"id": each["id"], "instance_id": each["instance_id"], "name": each["body"]["name"]} for each in made
            ],
            waive="window_over",
            on_failure="continue",
        )

    result = run(airflow, emulator, api, dag)

    assert result.states == {"publish": "failed"}
    assert "Offer 2 of 2, 'Two' (" in result.logs
    assert "'Two'" in errors(result, ["publish"])["publish"]


def test_a_word_in_place_of_an_id_gets_the_hint_of_a_name(airflow: Airflow, emulator: Emulator, api: str) -> None:
    with dag_of("forgotten") as dag:
        CreateOfferOperator(task_id="strict", offer=personalized("A", tags=["Sale"]), validate="strict")
        CreateOfferOperator(task_id="sent", offer=personalized("B", tags=["Sale"]))

    result = run(airflow, emulator, api, dag)

    assert "did you mean 'name:Sale'?" in errors(result, ["strict"])["strict"]
    # The service refuses it, and the earlier warning says why.
    assert result.states == {"strict": "failed", "sent": "failed"}
    warned = [line for line in result.logs.splitlines() if "warning" in line[:50].lower()]
    assert any("did you mean 'name:Sale'?" in line for line in warned)
    assert not offers(emulator)


def test_what_is_known_by_its_id_only_is_told_by_its_name_too(airflow: Airflow, emulator: Emulator, api: str) -> None:
    over = seed(emulator, api, "Winter", changes={"status": "archived"})["id"]
    draft, waiting = seed(emulator, api, "Spring")["id"], seed(emulator, api, "Autumn")["id"]
    with dag_of("by_id") as dag:
        PublishOfferOperator(task_id="publish", offer_id=over)
        ScheduleOfferOperator(task_id="schedule", offer_id=over, start="2036-01-01T00:00:00Z", duration="P1D")
        PublishOfferOperator(task_id="publish_list", offer_id=[over, draft], waive="window_over", on_failure="continue")
        CreateOfferOperator(task_id="create", offer=personalized("Spring", rank={"priority": 99}))
        for mode in ("poke", "reschedule"):
            OfferStatusSensor(
                task_id=mode, offer_id=waiting, status="archived", mode=mode, timeout=1, poke_interval=0.2
            )
        OfferStatusSensor(
            task_id="deferred", offer_id=waiting, status="archived", deferrable=True, timeout=2, poke_interval=0.2
        )

    result = run(airflow, emulator, api, dag)

    told = errors(result, result.states)
    for task, name in (("publish", "Winter"), ("schedule", "Winter"), ("publish_list", "Winter"), ("create", "Spring")):
        assert f"'{name}'" in told[task], (task, told[task])
    for mode in ("poke", "reschedule", "deferred"):
        assert "'Autumn'" in told[mode], (mode, told[mode])
        assert "is draft" in told[mode], (mode, told[mode])


def test_a_long_list_is_logged_by_the_names(airflow: Airflow, emulator: Emulator, api: str) -> None:
    ids = emulator.seed(30, template={"status": "draft"})
    names = {each["id"]: each["body"]["name"] for each in offers(emulator)}
    with dag_of("thirty") as dag:
        PublishOfferOperator(task_id="publish", offer_id=ids, waive="window_over")

    result = run(airflow, emulator, api, dag)

    assert result.states == {"publish": "success"}, result.error("publish")
    for identifier in ids:
        assert [line for line in result.logs.splitlines() if repr(names[identifier]) in line], names[identifier]
