"""The buttons of a task lead to its object on the calendar page, and to its sandbox in Journey Optimizer."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.get_provider_info import get_provider_info
from airflow_provider_offers.links.offers import LINKS, CalendarLink, OfferLink, calendar_url, journey_optimizer_url
from airflow_provider_offers.operators.offers import CreateOfferOperator, SearchOffersOperator
from airflow_provider_offers.sensors.offers import OfferWindowSensor
from tests.airflow.harness import Airflow
from tests.airflow.library import CONNECTION, dag_of, personalized, run

CALENDAR, LINK = CalendarLink().xcom_key, OfferLink().xcom_key
PAGE = "https://airflow.example.com/team/offer-library/"


def test_it_leads_to_the_sandbox() -> None:
    url = journey_optimizer_url("https://platform.adobe.io", "dev 1/x")

    assert url == "https://experience.adobe.com/#/sname:dev%201%2Fx/journey-optimizer/home"
    assert journey_optimizer_url("https://platform.adobe.io:443", "prod").endswith("sname:prod/journey-optimizer/home")


@pytest.mark.parametrize("host", ["http://127.0.0.1:8080", "https://platform.adobe.io.evil.example", "https://x", ""])
def test_other_hosts_have_no_such_page(host: str) -> None:
    assert journey_optimizer_url(host, "prod") == ""


def test_it_is_known_to_airflow() -> None:
    listed: Any = get_provider_info()["extra-links"]

    assert listed == [f"{each.__module__}.{each.__qualname__}" for each in map(type, LINKS)]
    for each in (SearchOffersOperator, OfferWindowSensor):
        assert [link.name for link in each.operator_extra_links] == ["Offer calendar", "Journey Optimizer"]


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


@pytest.fixture
def base_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com/team/")


@pytest.mark.usefixtures("base_url")
def test_the_page_opens_at_an_object_and_at_a_library() -> None:
    at = calendar_url("ajo & co", "dev", "personalized", "dps:personalized-offer:1a")

    assert at == f"{PAGE}#conn_id=ajo%20%26%20co&sandbox=dev&kind=personalized&id=dps%3Apersonalized-offer%3A1a"
    assert calendar_url("ajo", "prod") == f"{PAGE}#conn_id=ajo&sandbox=prod"


def test_without_an_address_of_airflow_the_link_is_relative() -> None:
    assert calendar_url("ajo", "prod") == "/offer-library/#conn_id=ajo&sandbox=prod"


@pytest.mark.usefixtures("base_url")
def test_a_task_leads_to_what_it_creates_or_waits_for(airflow: Airflow, emulator: Emulator) -> None:
    with dag_of("calendar") as dag:
        create = CreateOfferOperator(task_id="create", offer=personalized("Spring"))
        OfferWindowSensor(task_id="wait", offer_id=create.output, until="closed", poke_interval=1, timeout=60)
        SearchOffersOperator(task_id="search", q="spring")

    done = run(airflow, emulator, "dps", dag)

    (offer,) = emulator.objects("personalized")
    shown = calendar_url(CONNECTION, "prod", "personalized", offer["id"])
    assert done.xcoms["create"][CALENDAR] == done.xcoms["wait"][CALENDAR] == shown
    assert done.xcoms["search"][CALENDAR] == f"{PAGE}#conn_id={CONNECTION}&sandbox=prod"


def test_a_sensor_stores_its_link_before_it_waits(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sensor in poke mode waits in its worker, and Airflow stores links only when a task leaves it."""
    stored: dict[str, str] = {}

    class Instance:
        def xcom_push(self, key: str, value: str) -> None:
            stored[key] = value

    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", emulator.conn_uri())
    (offer_id,) = emulator.seed(1, template={"name": "Late", "status": "draft"})
    sensor = OfferWindowSensor(task_id="wait", offer_id=offer_id, until="closed", deferrable=False)
    context: Any = {"ti": Instance()}

    assert not sensor.poke(context).is_done
    assert stored == {CALENDAR: calendar_url(CONNECTION, "prod", "personalized", offer_id)}
    stored.clear()
    sensor.poke(context)
    assert stored == {}
