"""Errors about names say how two objects differ, which entry of a list failed, and that `name:` is missing."""

from __future__ import annotations

import pytest

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.offers import CreateOfferOperator, PublishOfferOperator
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
