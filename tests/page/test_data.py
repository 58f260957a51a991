"""The data of the page is that of the library, on both generations."""

from __future__ import annotations

from starlette.testclient import TestClient

from airflow_provider_offers.emulator import Emulator
from tests.client.campaign import campaign, decision, seed
from tests.page.conftest import PAGE, get


def test_the_calendar_shows_the_offers_of_a_library(
    client: TestClient, connected: str, emulator: Emulator, api: str
) -> None:
    ids = campaign(emulator)
    seed(emulator, "offer-activity", **decision(ids, status="live"))

    found = get(client, "api/calendar", conn_id=connected)

    rows = {row[0]: dict(zip(found["columns"], row, strict=True)) for row in found["rows"]}
    voucher = rows[ids["personalized"]]
    assert (found["conn_id"], found["sandbox"], found["api"], found["warnings"]) == (connected, "prod", api, [])
    assert voucher["name"] == "Voucher"
    assert voucher["kind"] == "personalized"
    assert voucher["marks"] == rows[ids["fallback"]]["marks"] == ["live"]
    assert (voucher["start"], voucher["end"]) == ("2026-01-01T00:00:00Z", "2099-01-01T00:00:00Z")
    assert [found["placements"][each]["name"] for each in voucher["placements"]] == ["Newsletter top"]
    assert [found["decisions"][each]["name"] for each in voucher["decisions"]] == ["Newsletter"]
    assert voucher["tags"] == ["Spring"]
    assert found["gaps"] == []


def test_a_connection_is_listed_with_what_it_leads_to(client: TestClient, connected: str, api: str) -> None:
    assert get(client, "api/connections") == {
        "connections": [{"conn_id": connected, "sandbox": "prod", "api": api, "description": None}],
        "default": None,
    }


def test_the_page_is_served_with_a_strict_policy(client: TestClient) -> None:
    answer = client.get(f"{PAGE}/")

    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.get(f"{PAGE}/static/index.html").content == answer.content
