"""Lagging indexes: the search by default, the lists on request."""

from __future__ import annotations

from airflow_provider_offers.emulator import Emulator
from tests.emulator.conftest import Caller, dps_offer

RENAME = {"op": "replace", "path": "/name", "value": "Renamed"}


def test_search_lags_and_lists_do_not(emulator: Emulator, caller: Caller) -> None:
    emulator.clock.freeze("2026-05-01T12:00:00Z")
    emulator.configure(index_lag=5)
    object_id = caller.create_dps(dps_offer("Original"))["id"]
    assert caller.found() == []
    assert caller.results()["_embedded"]["total"] == 0
    assert caller.found(route="instances") == ["Original"]
    assert caller.listed() == ["Original"]
    emulator.clock.advance(5)
    assert caller.found() == ["Original"]
    caller.patch_dps(object_id, RENAME)
    emulator.clock.advance(4)
    assert caller.found() == ["Original"]
    assert caller.found("&name=Renamed") == []
    emulator.clock.advance(1)
    assert caller.found() == ["Renamed"]
    caller.dps("DELETE", f"/offers/{object_id}?offer-type=personalized")
    assert caller.found() == ["Renamed"]
    emulator.clock.advance(5)
    assert caller.found() == []


def test_lists_may_lag_too(emulator: Emulator, caller: Caller) -> None:
    emulator.clock.freeze("2026-05-01T12:00:00Z")
    emulator.configure(list_lag=5)
    object_id = caller.create_dps(dps_offer("Original"))["id"]
    assert caller.listed() == []
    assert caller.found(route="instances") == []
    assert caller.found() == ["Original"]
    assert caller.get_dps(object_id).status_code == 200
    emulator.clock.advance(5)
    assert caller.listed() == ["Original"]


def test_lag_can_be_switched_on_later(emulator: Emulator, caller: Caller) -> None:
    emulator.clock.freeze("2026-05-01T12:00:00Z")
    object_id = caller.create_dps(dps_offer("Original"))["id"]
    emulator.clock.advance(60)
    caller.patch_dps(object_id, RENAME)
    emulator.configure(index_lag=30)
    assert caller.found() == ["Original"]


def test_lagging_search_pages(emulator: Emulator, caller: Caller) -> None:
    emulator.seed(5)
    emulator.configure(index_lag=1)
    document = caller.results("&limit=3&orderBy=-repo:createdDate")
    assert document["_embedded"]["total"] == 5
    rest = caller.xcore("GET", document["_links"]["next"]["href"]).json()
    assert rest["_embedded"]["count"] == 2
