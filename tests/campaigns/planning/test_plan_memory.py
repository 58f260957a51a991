"""The memory of a plan by the number of objects that need no change."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

from airflow_provider_offers.campaigns.manifest.loading import load
from airflow_provider_offers.campaigns.planning.planner import plan_campaign
from airflow_provider_offers.campaigns.state.states import Applied
from airflow_provider_offers.campaigns.state.storage import StateStore
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.emulator import Emulator
from tests.campaigns.applied import WHERE

FEW = 300
# Twice what an object takes. Kept as it is written, in the manifest and in the state, it takes five times as much.
BYTES_PER_OBJECT = 1_200
MANIFEST = """\
apiVersion: offers/v1
campaign: spring
targets: {dev: {connection: ajo}}
offers:
  - for_each: offers.csv
    name: "Offer {{ row.sku }}"
    status: draft
    window: {start: 2027-03-01, duration: P31D, timezone: Europe/Paris}
    rank: {priority: "{{ row.priority }}"}
    characteristics: {sku: "{{ row.sku }}", text: "<p>{{ row.priority }} % off</p>", shop: Paris}
"""


def test_an_unchanged_object_takes_little_memory(emulator: Emulator, library: OfferLibrary, tmp_path: Path) -> None:
    store = StateStore(tmp_path / "states")
    manifest = tmp_path / "campaign.yaml"
    manifest.write_text(MANIFEST, encoding="utf-8")

    def peak(first: int, count: int) -> int:
        """The peak of loading, reading the state and planning, when the library has so many offers."""
        rows = "".join(f"{number:06d},{number % 100}\n" for number in range(count))
        (tmp_path / "offers.csv").write_text(f"sku,priority\n{rows}", encoding="utf-8")
        objects = load(manifest).objects
        emulator.seed(objects=[{"kind": each.kind.type_name, "body": each.properties} for each in objects[first:]])
        emulator.clock.advance(3600)
        applied = {each.key: Applied(each.properties) for each in objects}
        store.write(replace(store.read(*WHERE), objects=applied))
        del objects, applied
        tracemalloc.start()
        try:
            campaign, state = load(manifest), store.read(*WHERE)
            plan = library.run(lambda access: plan_campaign(access, campaign, state))
            assert (plan.objects, plan.counts["unchanged"]) == ((), count)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(0, 10)
    few, many = peak(10, FEW), peak(FEW, 4 * FEW)

    assert (many - few) / (3 * FEW) < BYTES_PER_OBJECT
