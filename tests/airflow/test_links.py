"""The button to Journey Optimizer leads to the sandbox, and is missing for a host that is not Adobe's."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.get_provider_info import get_provider_info
from airflow_provider_offers.links.offers import OfferLink, journey_optimizer_url
from airflow_provider_offers.operators.offers import SearchOffersOperator
from tests.airflow.harness import Airflow
from tests.airflow.library import CONNECTION, dag_of, run

LINK = OfferLink().xcom_key


def test_it_leads_to_the_sandbox() -> None:
    url = journey_optimizer_url("https://platform.adobe.io", "dev 1/x")

    assert url == "https://experience.adobe.com/#/sname:dev%201%2Fx/journey-optimizer/home"
    assert journey_optimizer_url("https://platform.adobe.io:443", "prod").endswith("sname:prod/journey-optimizer/home")


@pytest.mark.parametrize("host", ["http://127.0.0.1:8080", "https://platform.adobe.io.evil.example", "https://x", ""])
def test_other_hosts_have_no_such_page(host: str) -> None:
    assert journey_optimizer_url(host, "prod") == ""


def test_it_is_known_to_airflow() -> None:
    listed: Any = get_provider_info()["extra-links"]

    assert f"{OfferLink.__module__}.{OfferLink.__qualname__}" in listed
    assert [link.name for link in SearchOffersOperator.operator_extra_links] == ["Journey Optimizer"]


def test_a_task_leaves_its_link_behind_even_if_it_fails(airflow: Airflow, emulator: Emulator, api: str) -> None:
    nowhere = "http://127.0.0.1:1"
    connection = emulator.connection(
        api, sandbox="dev", max_retries=0, access_token="t", proxies={"http": nowhere, "https": nowhere}
    )
    with dag_of("linked") as dag:
        SearchOffersOperator(task_id="search")

    adobes = airflow.run(dag, connections={CONNECTION: {**connection, "host": "https://platform.adobe.io"}})
    ours = run(airflow, emulator, api, dag)

    assert adobes.states == {"search": "failed"}
    assert "the proxy could not be used" in str(adobes.error("search"))
    assert adobes.xcoms["search"][LINK] == "https://experience.adobe.com/#/sname:dev/journey-optimizer/home"
    assert LINK not in ours.xcoms["search"]
