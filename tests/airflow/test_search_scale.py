"""A search of ten thousand offers finds each once, and its memory does not grow with the pages."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tracemalloc
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
from airflow_provider_offers.operators.offers import SearchOffersOperator
from tests.airflow.harness import Airflow
from tests.airflow.library import CONNECTION, dag_of

HELD = {"prod": 10_000, "dev": 2_000, "test": 400}
"""How many offers each sandbox holds."""
MANY, SOME = HELD["prod"], HELD["dev"]

SERVER = f"""
import json
from airflow_provider_offers.emulator import Emulator
with Emulator(sandboxes={list(HELD)}) as emulator:
    for sandbox, count in {HELD}.items():
        emulator.seed(count, sandbox=sandbox)
    print(json.dumps({{api: emulator.connection(api) for api in ("dps", "xcore")}}), flush=True)
    input()
"""


@pytest.fixture(scope="module")
def connections() -> Iterator[dict[str, dict[str, Any]]]:
    """Connections to a full library in its own process, so that its memory is not counted as ours."""
    checkout = Path(__file__).parent.parent.parent
    command = [sys.executable, "-c", SERVER]
    with subprocess.Popen(command, cwd=checkout, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield json.loads(server.stdout.readline())
        finally:
            server.communicate("\n")


def test_an_operator_returns_each_offer_once(
    airflow: Airflow, connections: dict[str, dict[str, Any]], api: str
) -> None:
    with dag_of("everything") as dag:
        SearchOffersOperator(task_id="search", page_size=500)

    result = airflow.run(dag, connections={CONNECTION: connections[api]})

    assert result.states == {"search": "success"}
    found = result.result("search")
    assert len(found) == MANY
    assert len({offer["id"] for offer in found}) == MANY
    assert {offer["name"] for offer in found} == {f"Seeded {number:05d}" for number in range(1, MANY + 1)}


def test_orders_and_limits_hold_over_many_pages(
    monkeypatch: pytest.MonkeyPatch, connections: dict[str, dict[str, Any]], api: str
) -> None:
    with hook(monkeypatch, connections[api], "dev") as opened:
        newest = [offer["name"] for offer in opened.search_offers(order_by="-created", limit=250, page_size=100)]
        oldest = [offer["name"] for offer in opened.search_offers(order_by="created", page_size=700)]

    assert newest == [f"Seeded {number:05d}" for number in range(SOME, SOME - 250, -1)]
    assert oldest == [f"Seeded {number:05d}" for number in range(1, SOME + 1)]


# Tracing makes a search many times slower.
@pytest.mark.parametrize(
    ("fewer", "more"), [("test", "dev"), pytest.param("dev", "prod", marks=pytest.mark.exhaustive)]
)
def test_pages_do_not_add_up_in_memory(
    monkeypatch: pytest.MonkeyPatch,
    connections: dict[str, dict[str, Any]],
    api: str,
    fewer: str,
    more: str,
) -> None:
    """Only the memory for the ids grows, a fraction of the memory for the offers."""
    with hook(monkeypatch, connections[api], fewer) as few, hook(monkeypatch, connections[api], more) as many:
        seldom = gc.get_threshold()
        # Garbage that waits for a rare collection is not what the search keeps.
        gc.set_threshold(700, 10, 10)
        tracemalloc.start()
        try:
            # The first search also loads and opens everything that is needed once.
            assert peak_of(few, keep=False) > 0
            held = peak_of(few, keep=True)
            passing_few, passing_many = peak_of(few, keep=False), peak_of(many, keep=False)
        finally:
            tracemalloc.stop()
            gc.set_threshold(*seldom)

    an_offer = (held - passing_few) / HELD[fewer]
    another_offer = (passing_many - passing_few) / (HELD[more] - HELD[fewer])
    assert an_offer > 1_000
    assert another_offer < 300
    assert passing_many < held


def peak_of(opened: OfferLibraryHook, *, keep: bool) -> int:
    """The peak memory above the memory used before, while the search reads every offer page by page."""
    gc.collect()
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    kept = deque(opened.search_offers(page_size=100, full=True), maxlen=None if keep else 0)
    assert keep == bool(kept)
    return tracemalloc.get_traced_memory()[1] - before


def hook(monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any], sandbox: str) -> OfferLibraryHook:
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps(connection))
    return OfferLibraryHook(CONNECTION, sandbox)


def test_a_search_asks_for_no_more_than_is_wanted(
    monkeypatch: pytest.MonkeyPatch, emulator: Emulator, api: str
) -> None:
    emulator.seed(300)
    with hook(monkeypatch, emulator.connection(api), "prod") as opened:
        searching = opened.search_offers(page_size=100)
        assert emulator.journal() == []
        next(searching)
        pages = emulator.journal(route="dps.list" if api == "dps" else "xcore.search")

    assert len(pages) == 1
