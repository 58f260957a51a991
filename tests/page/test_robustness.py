"""The page survives what happens to connections, to libraries and to the service, and says what to do."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from airflow_provider_offers import configuration
from airflow_provider_offers.calendar import shelf
from airflow_provider_offers.emulator import Emulator
from tests.client.campaign import seed
from tests.page.conftest import CONN_ID, PAGE, get


@pytest.fixture
def always_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """No copy is fresh for longer than a moment, and no failure is told twice."""
    monkeypatch.setattr(configuration, "page_refresh", lambda: 0.0)
    monkeypatch.setattr(shelf, "_REFUSED", 0.0)


def told(client: TestClient, **query: str) -> tuple[int, str, str]:
    """The status, the title and the message of an error."""
    answer = client.get(f"{PAGE}/api/calendar", params={"conn_id": CONN_ID, **query})
    detail = answer.json()["detail"]
    return answer.status_code, detail["title"], detail["message"]


def test_fifty_tabs_cost_one_reading(client: TestClient, connected: str, emulator: Emulator) -> None:
    emulator.seed(120)
    barrier = threading.Barrier(50)
    found = []

    def open_tab() -> None:
        barrier.wait()
        found.append(client.get(f"{PAGE}/api/calendar", params={"conn_id": connected}))

    tabs = [threading.Thread(target=open_tab) for _ in range(50)]
    for each in tabs:
        each.start()
    for each in tabs:
        each.join()

    assert [each.status_code for each in found] == [200] * 50
    assert len({each.content for each in found}) == 1
    # The offers are on two pages. No request was sent twice.
    sent = [f"{each.method} {each.path}?{each.query}" for each in emulator.journal()]
    assert len(sent) == len(set(sent))


def test_a_wrong_secret_is_told_with_what_to_do(
    client: TestClient, connect: Callable[..., None], emulator: Emulator, api: str
) -> None:
    connect(CONN_ID, **emulator.connection(api, password="wrong"))

    status, title, message = told(client)

    assert (status, title) == (502, "Adobe did not accept the credential of the connection")
    assert "check the login (client id) and the password (client secret) of the connection" in message


def test_a_sandbox_that_does_not_exist_is_told(client: TestClient, connected: str) -> None:
    status, _, message = told(client, sandbox="nowhere")

    assert status in (409, 502)
    assert "sandbox" in message


def test_a_connection_that_cannot_work_is_listed_and_told(
    client: TestClient, connect: Callable[..., None], emulator: Emulator
) -> None:
    connect(CONN_ID, **emulator.connection("dps", org_id=""))

    assert get(client, "api/connections")["connections"] == [
        {"conn_id": CONN_ID, "sandbox": None, "api": None, "description": None}
    ]
    status, title, message = told(client)
    assert (status, title) == (409, "The settings are not valid")
    assert "org_id" in message


def test_a_connection_of_another_type_and_none_at_all_are_told(
    client: TestClient, connect: Callable[..., None]
) -> None:
    assert told(client)[:2] == (404, "The connection does not exist")
    connect(CONN_ID, conn_type="http", host="example.com")

    status, title, message = told(client)

    assert (status, title) == (404, "The connection has another type")
    assert "given the connection 'library' of the type 'http'; expected" in message


def test_a_connection_that_disappears_shows_nothing_any_more(client: TestClient, connected: str) -> None:
    from airflow.models import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    get(client, "api/calendar", conn_id=connected)
    with create_session() as session:
        session.execute(delete(Connection).where(Connection.conn_id == connected))

    assert told(client)[:2] == (404, "The connection does not exist")


def test_a_connection_of_the_environment_opens_by_its_id(
    client: TestClient, emulator: Emulator, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_ELSEWHERE", emulator.conn_uri(api))
    monkeypatch.setenv("AIRFLOW_CONN_OFFER_LIBRARY_DEFAULT", emulator.conn_uri(api))

    assert get(client, "api/calendar", conn_id="elsewhere")["rows"] == []
    found = get(client, "api/connections")
    assert found["default"] == "offer_library_default"
    assert [each["conn_id"] for each in found["connections"]] == ["offer_library_default"]


def test_a_new_offer_appears(client: TestClient, connected: str, emulator: Emulator, always_looks: None) -> None:
    emulator.seed(3)
    assert len(get(client, "api/calendar", conn_id=connected)["rows"]) == 3
    emulator.clock.advance(60)
    seed(emulator, "fallback-offer", name="Late", status="draft")

    names = [row[2] for row in get(client, "api/calendar", conn_id=connected)["rows"]]

    assert "Late" in names
    assert len(names) == 4


def test_an_outage_shows_the_earlier_calendar_with_a_warning(
    client: TestClient, connect: Callable[..., None], emulator: Emulator, api: str, always_looks: None
) -> None:
    connect(CONN_ID, **emulator.connection(api, max_retries=0))
    emulator.seed(3)
    get(client, "api/calendar", conn_id=CONN_ID)
    emulator.add_fault("status", status=503, times=None)

    late = get(client, "api/calendar", conn_id=CONN_ID)

    assert len(late["rows"]) == 3
    (warning,) = late["warnings"]
    assert warning.startswith("The latest look failed: ")
    emulator.clear_faults()
    assert get(client, "api/calendar", conn_id=CONN_ID)["warnings"] == []


def test_an_outage_before_the_first_reading_is_told_with_its_request(
    client: TestClient, connect: Callable[..., None], emulator: Emulator, api: str
) -> None:
    connect(CONN_ID, **emulator.connection(api, max_retries=0))
    emulator.add_fault("status", status=503, method="GET", times=None)

    answer = client.get(f"{PAGE}/api/calendar", params={"conn_id": CONN_ID})

    assert answer.status_code == 502
    assert answer.json()["detail"]["request_id"]


def test_a_wrong_option_of_the_configuration_is_told(
    client: TestClient, connected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__OFFER_LIBRARY__PAGE_REFRESH", "soon")

    status, _, message = told(client)

    assert status == 409
    assert "[offer_library] page_refresh: given 'soon'; expected a number of seconds from 1 to 3600" in message


def test_a_body_is_zipped_for_a_browser_that_takes_it(client: TestClient, connected: str, emulator: Emulator) -> None:
    emulator.seed(20)
    zipped = client.get(f"{PAGE}/api/calendar", params={"conn_id": connected})
    plain = client.get(f"{PAGE}/api/calendar", params={"conn_id": connected}, headers={"Accept-Encoding": "identity"})

    assert zipped.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert zipped.json() == plain.json()
    assert zipped.headers["cache-control"] == plain.headers["cache-control"] == "no-store"
