"""The data of the page is that of the library, on both generations."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from starlette.testclient import TestClient

from airflow_provider_offers.client.model.kinds import KINDS
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.plugins.app import STATIC
from tests.client.campaign import campaign, decision, seed
from tests.page.conftest import PAGE, get

NOBODY = "dps:personalized-offer:1c265317da412003"


@pytest.fixture
def ids(emulator: Emulator, connected: str) -> dict[str, str]:
    """A live decision with one offer and a fallback at one placement; the ids by kind."""
    made = campaign(emulator)
    return made | {"decision": seed(emulator, "offer-activity", **decision(made, status="live"))}


def rows_of(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The rows of the calendar by id."""
    return {row[0]: dict(zip(found["columns"], row, strict=True)) for row in found["rows"]}


def test_the_calendar_shows_the_offers_of_a_library(
    client: TestClient, connected: str, ids: dict[str, str], api: str
) -> None:
    found = get(client, "api/calendar", conn_id=connected)

    rows = rows_of(found)
    voucher = rows[ids["personalized"]]
    assert (found["conn_id"], found["sandbox"], found["api"], found["warnings"]) == (connected, "prod", api, [])
    assert (voucher["name"], voucher["kind"], voucher["status"]) == ("Voucher", "personalized", "approved")
    assert voucher["marks"] == rows[ids["fallback"]]["marks"] == ["live"]
    assert (voucher["start"], voucher["end"]) == ("2026-01-01T00:00:00Z", "2099-01-01T00:00:00Z")
    assert [found["placements"][each]["name"] for each in voucher["placements"]] == ["Newsletter top"]
    assert [found["decisions"][each]["name"] for each in voucher["decisions"]] == ["Newsletter"]
    assert voucher["tags"] == ["Spring"]
    assert found["gaps"] == []
    assert found["counts"] == {"personalized": 1, "fallback": 1, "approved": 2, "live": 2}


def test_a_connection_is_listed_with_what_it_leads_to(client: TestClient, connected: str, api: str) -> None:
    assert get(client, "api/connections") == {
        "connections": [{"conn_id": connected, "sandbox": "prod", "api": api, "description": None}],
        "default": None,
    }


def test_every_kind_of_object_opens(client: TestClient, connected: str, ids: dict[str, str]) -> None:
    for kind, identifier in ids.items():
        found = get(client, "api/object", conn_id=connected, kind=kind, id=identifier)

        assert (found["entity"]["id"], found["entity"]["kind"]) == (identifier, kind)
        assert found["history"][-1] == {"at": found["entity"]["created"], "what": "created"}
        assert found["runs"] == []
        # The emulator has no page in Journey Optimizer.
        assert found["links"] == {}


def test_an_offer_opens_with_its_content_and_its_neighbours(
    client: TestClient, connected: str, ids: dict[str, str]
) -> None:
    found = get(client, "api/object", conn_id=connected, kind="personalized", id=ids["personalized"])

    (representation,) = found["representations"]
    assert (representation["placement"], representation["placement_id"]) == ("Newsletter top", ids["placement"])
    assert representation["components"][0]["content"] == "<p>10%</p>"
    assert found["window"] == {"start": "2026-01-01T00:00:00Z", "end": "2099-01-01T00:00:00Z"}
    assert [(each["kind"], each["name"]) for each in found["references"]] == [
        ("placement", "Newsletter top"),
        ("tag", "Spring"),
    ]
    assert found["entity"]["properties"]["rank"] == {"priority": 1}


def test_an_object_shows_what_refers_to_it(client: TestClient, connected: str, ids: dict[str, str]) -> None:
    def referrers(kind: str) -> list[tuple[str, str]]:
        found = get(client, "api/object", conn_id=connected, kind=kind, id=ids[kind])
        return [(each["kind"], each["name"]) for each in found["referrers"]]

    assert referrers("collection") == referrers("rule") == [("decision", "Newsletter")]
    assert referrers("tag") == [("personalized", "Voucher"), ("collection", "Spring set")]
    assert referrers("decision") == []


def test_links_that_a_browser_would_run_are_not_given(client: TestClient, connected: str, emulator: Emulator) -> None:
    component = {"type": "imagelink", "format": "image/png"}
    bad = [
        {**component, "deliveryURL": address, "linkURL": address}
        for address in ("javascript:alert(1)", "data:text/html,x", "//host/x", "vbscript:x", "http://[", "JAVASCRIPT:x")
    ]
    good = {**component, "deliveryURL": "https://cdn.example.com/a.png", "linkURL": "https://example.com"}
    shown = [{"placement": Emulator.PLACEMENT_ID, "components": [*bad, good]}]
    offer = seed(emulator, "fallback-offer", name="Picture", status="draft", representations=shown)

    found = get(client, "api/object", conn_id=connected, kind="fallback", id=offer)

    *unsafe, safe = found["representations"][0]["components"]
    assert len(unsafe) == len(bad)
    assert not [each for each in unsafe if {"link", "click"} & each.keys()]
    assert (safe["link"], safe["click"]) == (good["deliveryURL"], good["linkURL"])


def test_an_object_that_does_not_exist_and_a_kind_that_does_not_are_told(client: TestClient, connected: str) -> None:
    missing = client.get(f"{PAGE}/api/object", params={"conn_id": connected, "kind": "personalized", "id": NOBODY})
    unknown = client.get(f"{PAGE}/api/object", params={"conn_id": connected, "kind": "offers", "id": NOBODY})

    assert (missing.status_code, missing.json()["detail"]["title"]) == (404, "The object does not exist")
    assert unknown.status_code == 422
    assert "given 'offers'; expected" in unknown.json()["detail"]["message"]


def test_the_sandbox_of_a_connection_can_be_overridden(client: TestClient, connected: str, emulator: Emulator) -> None:
    emulator.configure(sandboxes=["prod", "dev"])
    emulator.seed(2, sandbox="dev")

    assert len(get(client, "api/calendar", conn_id=connected, sandbox="dev")["rows"]) == 2
    assert len(get(client, "api/calendar", conn_id=connected)["rows"]) == 0


def test_the_exports_have_the_rows_that_meet_the_filters(
    client: TestClient, connected: str, ids: dict[str, str]
) -> None:
    def exported(**filters: str) -> list[str]:
        answer = client.get(f"{PAGE}/api/calendar.csv", params={"conn_id": connected, **filters})
        assert answer.headers["content-disposition"] == 'attachment; filename="offers.csv"'
        return [row["name"] for row in csv.DictReader(io.StringIO(answer.text))]

    assert exported() == ["Voucher", "Everyone"]
    assert exported(kind="fallback") == exported(text="every") == ["Everyone"]
    assert exported(decision="Newsletter", text="SPRING") == exported(text="vouch", mark="live") == ["Voucher"]
    assert exported(placement=ids["placement"], status="approved") == ["Voucher", "Everyone"]
    assert exported(mark="ended") == exported(status="draft") == exported(placement="Other") == []

    events = client.get(f"{PAGE}/api/calendar.ics", params={"conn_id": connected}).text
    assert events.count("BEGIN:VEVENT") == 1
    assert "SUMMARY:Voucher\r\n" in events


@pytest.mark.parametrize("route", ["calendar.csv", "calendar.ics"])
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"mark": "lve"}, "mark: given 'lve'; expected 'live'"),
        ({"kind": "offer"}, "kind: given 'offer'; expected 'personalized' or 'fallback'"),
        ({"status": "Approved"}, "did you mean 'approved'?"),
        ({"sandbx": "dev"}, "did you mean 'sandbox'?"),
        ({"filter": "x"}, "filter: given an unknown parameter; expected one of kind, status"),
    ],
)
def test_an_export_that_would_be_of_something_else_is_refused(
    client: TestClient, connected: str, route: str, wrong: dict[str, str], said: str
) -> None:
    answer = client.get(f"{PAGE}/api/{route}", params={"conn_id": connected, **wrong})

    assert answer.status_code == 422
    assert said in answer.json()["detail"]["message"]


def test_the_page_is_served_with_a_strict_policy(client: TestClient) -> None:
    answer = client.get(f"{PAGE}/")

    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.get(f"{PAGE}/static/index.html").content == answer.content


def test_every_kind_was_opened(ids: dict[str, str]) -> None:
    # A ranking formula exists on generation 2 only.
    assert set(ids) == set(KINDS) - {"formula"}


def test_every_file_has_a_type_that_browsers_take(client: TestClient) -> None:
    types = {".js": "javascript", ".mjs": "javascript", ".css": "css", ".svg": "svg+xml", ".html": "html"}
    files = [path for path in STATIC.rglob("*") if path.suffix in types]

    for path in files:
        answer = client.get(f"{PAGE}/static/{path.relative_to(STATIC).as_posix()}")
        assert answer.headers["content-type"].partition(";")[0].endswith(types[path.suffix]), path
    assert files
