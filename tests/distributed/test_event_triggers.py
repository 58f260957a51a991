"""Watchers of assets on a real triggerer, which is killed while it tells: nothing is lost, and little is told twice."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from airflow.triggers.base import BaseEventTrigger

from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.emulator import Emulator
from tests.distributed.cluster import Cluster, wait_until
from tests.distributed.test_triggerer import client

pytestmark = [
    pytest.mark.distributed,
    pytest.mark.slow,
    pytest.mark.timeout(1_800),
    pytest.mark.skipif(
        not hasattr(BaseEventTrigger, "shared_stream_key"), reason="Airflow keeps a watcher's position since 3.3"
    ),
]

COUNT = 40
DAG = """
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, AssetWatcher

from airflow_provider_offers.triggers.events import OfferLibraryEventTrigger

approved = OfferLibraryEventTrigger(events="status", statuses="approved", poll_interval=1)
# They find nothing, and cost nothing.
others = [OfferLibraryEventTrigger(events="changed", names=f"None {number}", poll_interval=1) for number in range(20)]
watchers = [AssetWatcher(name="approved", trigger=approved)]
watchers += [AssetWatcher(name=f"other_{number}", trigger=other) for number, other in enumerate(others)]

with DAG("listening", schedule=[Asset("approved_offers", watchers=watchers)]):
    EmptyOperator(task_id="done")
"""


def test_a_killed_triggerer_loses_no_event(tmp_path: Path) -> None:
    with Emulator() as emulator, client(emulator) as library:
        offers = emulator.seed(COUNT, template={"status": "draft"}, name="Offer {n}")
        home = tmp_path / "airflow"
        cluster = Cluster(home, {"AIRFLOW_CONN_OFFER_LIBRARY_DEFAULT": json.dumps(emulator.connection())})
        (home / "dags" / "listening.py").write_text(DAG)

        def publish(some: list[str]) -> None:
            for offer in some:
                library.patch(PERSONALIZED, offer, [{"op": "replace", "path": "/status", "value": "approved"}])

        def told() -> Counter[str]:
            return Counter(each["id"] for each in cluster.asset_events())

        with cluster:
            # Each watcher keeps where it begins: a page, and the head.
            wait_until(lambda: cluster.kept_for_assets() >= 42, "every watcher has begun")
            emulator.clear_journal()
            publish(offers[:10])
            wait_until(lambda: len(told()) >= 1, "an event is stored")
            cluster.kill("triggerer")
            publish(offers[10:30])
            cluster.start("triggerer")
            wait_until(lambda: len(told()) >= 30, "what happened meanwhile is told")
            publish(offers[30:])
            wait_until(lambda: len(told()) == COUNT, "every publication is told")
            counted = told()
            assert max(counted.values()) <= 2, counted
            assert all(counted[offer] == 1 for offer in offers[30:])
            wait_until(lambda: cluster.states()["success"] >= 1, "the DAG runs")
