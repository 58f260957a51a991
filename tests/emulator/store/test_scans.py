"""Large libraries: lookups by id and name use an index, and a scan does not delay other requests."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.emulator.store.filters import Condition
from airflow_provider_offers.emulator.store.library import Record
from tests.emulator.conftest import PERSONALIZED, Caller, dps_offer

CREATE = "/offers?offer-type=personalized"
ID = "dps:personalized-offer:0000000000000001"


def plans(emulator: Emulator, caller: Caller, path: str) -> list[str]:
    """SQLite's query plan for each statement of a request to the library."""
    assert emulator._service is not None
    connection, statements = emulator._service.database.connection, list[str]()
    connection.set_trace_callback(statements.append)
    try:
        assert caller.call("GET", path).status_code == 200
    finally:
        connection.set_trace_callback(None)
    reads = [
        each for each in statements if each.startswith("SELECT") and "kind = " in each and "FROM revisions" in each
    ]
    assert reads
    return [str(connection.execute(f"EXPLAIN QUERY PLAN {each}").fetchall()) for each in reads]


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (f"instances?schema={PERSONALIZED}&id={ID}", "id=?"),
        (f"instances?schema={PERSONALIZED}&id={ID}&id=other&orderBy=-repo:createdDate", "id=?"),
        (f"queries/core/search?schema={PERSONALIZED}&name=Sale", "name=?"),
        (f"instances?schema={PERSONALIZED}&name=Sale&orderBy=-repo:lastModifiedDate", "name=?"),
        (f"instances?schema={PERSONALIZED}&property={quote('_instance.xdm:name==Sale')}", "name=?"),
        (f"instances?schema={PERSONALIZED}&property={quote('_instance.@id==' + ID)}", "id=?"),
        (f"&property={quote('name==Sale')}", "name=?"),
        (f"&property={quote('id==' + ID)}&orderby=name", "id=?"),
        (f"&property={quote('name==Sale')}&limit=1&orderby=created", "name=?"),
    ],
)
def test_look_ups_by_id_and_name_use_an_index(emulator: Emulator, caller: Caller, query: str, index: str) -> None:
    emulator.seed(300)
    path = f"/data/core/dps{CREATE}{query}" if query.startswith("&") else f"/data/core/xcore/{caller.container}/{query}"
    found = plans(emulator, caller, path)
    assert len(found) == 2, "the page and the total"
    for plan in found:
        assert f"sandbox=? AND kind=? AND {index}" in plan, plan


@pytest.mark.parametrize("query", ["property=description~.*x", "property=!description", "property=rank.priority>=3"])
@pytest.mark.parametrize("fault", [None, {"effect": "repeat"}])
def test_others_are_answered_while_a_scan_runs(
    emulator: Emulator, caller: Caller, monkeypatch: pytest.MonkeyPatch, query: str, fault: dict[str, Any] | None
) -> None:
    emulator.seed(1200, template={"rank": {"priority": 5}})
    if fault is not None:
        emulator.add_fault(route="dps.list", **fault)
    scanning, go_on, holds = threading.Event(), threading.Event(), Condition.holds

    def slowly(condition: Condition, record: Record) -> bool:
        scanning.set()
        assert go_on.wait(30)
        return holds(condition, record)

    monkeypatch.setattr(Condition, "holds", slowly)
    scanner = Caller(emulator)
    with ThreadPoolExecutor(1) as pool:
        listed = pool.submit(scanner.dps, "GET", f"{CREATE}&{query}&limit=1000")
        try:
            assert scanning.wait(30)
            receipt = caller.create_dps(dps_offer("Meanwhile"))
            assert caller.patch_dps(receipt["id"], {"op": "replace", "path": "/name", "value": "Later"}).ok
            assert caller.get_dps(receipt["id"]).json()["name"] == "Later"
            assert caller.listed("&limit=1") == ["Later"]
            assert not listed.done()
        finally:
            go_on.set()
        document = listed.result().json()
    expected = 0 if "~" in query else 1000
    assert document["count"] == expected
    assert document["total"] >= expected
    scanner.session.close()


def test_scans_at_the_same_time_see_whole_objects(emulator: Emulator, caller: Caller) -> None:
    """While others write, each object is listed once, in one revision."""
    ids = emulator.seed(450, template={"description": "0", "characteristics": {"n": "0"}})
    done = threading.Event()

    def write() -> None:
        writing = Caller(emulator)
        for number in range(1, 40):
            values = (("/description", f"{number}"), ("/characteristics", {"n": f"{number}"}))
            operations = [{"op": "replace", "path": path, "value": value} for path, value in values]
            assert writing.patch_dps(ids[number * 11], *operations).ok
        writing.session.close()
        done.set()

    def scan() -> int:
        scanning, scans = Caller(emulator), 0
        while not done.is_set() or not scans:
            query = f"{CREATE}&property=description~.*&orderby=created&limit=1000"
            results = scanning.dps("GET", query).json()["results"]
            assert len({each["id"] for each in results}) == len(results) == 450
            assert all(each["description"] == each["characteristics"]["n"] for each in results)
            scans += 1
        scanning.session.close()
        return scans

    with ThreadPoolExecutor(3) as pool:
        writer, scanners = pool.submit(write), [pool.submit(scan) for _ in range(2)]
        writer.result()
        assert all(each.result() for each in scanners)
