"""Hundreds of deferred sensors on a real scheduler and triggerer, which is killed during the wait."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.settings import parse_settings
from airflow_provider_offers.emulator import Emulator
from tests.distributed.cluster import SERVICES, Cluster, wait_until

pytestmark = [pytest.mark.distributed, pytest.mark.slow, pytest.mark.timeout(1_800)]

STATUS, WINDOW = 150, 50
FUTURE = {"startDate": "2090-01-01T00:00:00Z", "endDate": "2091-01-01T00:00:00Z"}
# Other tests check the results of each sensor; here, it is enough that each one ends with the right state.
DAG = """
import json
from datetime import datetime, timezone
from pathlib import Path

from airflow.sdk import DAG

from airflow_provider_offers.sensors.offers import OffersFoundSensor, OfferStatusSensor, OfferWindowSensor

offers = json.loads(Path(__file__).with_name("offers.json").read_text())
common = {"deferrable": True, "poke_interval": 2}
with DAG("waiting", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc)):
    OfferStatusSensor.partial(task_id="published", status="approved", **common).expand(offer_id=offers["status"])
    OfferWindowSensor.partial(task_id="open", until="open", **common).expand(offer_id=offers["window"])
    OffersFoundSensor(task_id="found", properties=["name==The last one"], **common)
    OfferStatusSensor(task_id="too_late", offer_id=offers["status"][0], status="archived", timeout=5, **common)
"""


def client(emulator: Emulator) -> OfferLibrary:
    connection = emulator.connection()
    connection.pop("conn_type")
    return OfferLibrary(parse_settings(**connection))


def test_a_killed_triggerer_loses_no_sensor(tmp_path: Path) -> None:
    with Emulator() as emulator, client(emulator) as library:
        offers = emulator.seed(STATUS, template={"status": "draft"}, name="Status {n}")
        windows = emulator.seed(WINDOW, template={"selectionConstraint": FUTURE}, name="Window {n}")
        home = tmp_path / "airflow"
        cluster = Cluster(home, {"AIRFLOW_CONN_OFFER_LIBRARY_DEFAULT": json.dumps(emulator.connection())})
        (home / "dags" / "waiting.py").write_text(DAG)
        (home / "dags" / "offers.json").write_text(json.dumps({"status": offers, "window": windows}))
        with cluster:
            cluster.run("waiting")
            wait_until(lambda: cluster.states()["deferred"] == STATUS + WINDOW + 1, "every sensor is deferred")
            assert cluster.states("too_late") == {"failed": 1}
            emulator.clear_journal()
            wait_until(lambda: len(emulator.journal()) >= 6, "the triggerer polls")
            # One poller for all of them, in every mode.
            assert len(emulator.journal()) < 60

            cluster.kill("triggerer")
            change(library, offers[:50], windows[:20])
            cluster.start("triggerer")
            wait_until(lambda: cluster.states()["success"] >= 70, "what happened meanwhile is noticed")
            change(library, offers[50:-2], windows[20:])
            library.delete(PERSONALIZED, offers[-2])
            library.patch(PERSONALIZED, offers[-1], [{"op": "replace", "path": "/status", "value": "archived"}])
            emulator.seed(1, name="The last one")
            wait_until(lambda: set(cluster.states()) <= {"success", "failed"}, "every sensor is at its end")

            published = cluster.state_by_index("published")
            assert published == {n: "failed" if n >= STATUS - 2 else "success" for n in range(STATUS)}
            assert cluster.states("open") == {"success": WINDOW}
            assert cluster.states("found") == {"success": 1}
            wait_until(lambda: cluster.triggers() == 0, "no trigger is left")
            requests = len(emulator.journal())
            wait_until(lambda: len(emulator.journal()) == requests, "nobody asks the library any more")
            assert sorted(cluster.alive()) == sorted(SERVICES)
        assert cluster.alive() == []


def change(library: OfferLibrary, offers: list[str], windows: list[str]) -> None:
    """Publish some offers, and open the windows of others."""
    for offer in offers:
        library.patch(PERSONALIZED, offer, [{"op": "replace", "path": "/status", "value": "approved"}])
    for offer in windows:
        path = "/selectionConstraint/startDate"
        library.patch(PERSONALIZED, offer, [{"op": "replace", "path": path, "value": "2026-01-01T00:00:00Z"}])
