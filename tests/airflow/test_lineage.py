"""OpenLineage learns from each task what it wrote and read, by Airflow's own provider, and without a request."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.openlineage.extractors.base import DefaultExtractor

from airflow_provider_offers.assets.library import library_asset
from airflow_provider_offers.assets.lineage import Lineage, namespace, operator_lineage, to_openlineage
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.campaigns import ApplyCampaignOperator
from airflow_provider_offers.operators.decisions import DecideOperator
from airflow_provider_offers.operators.offers import (
    CreateOfferOperator,
    DeleteOfferOperator,
    GetOfferOperator,
    PublishOfferOperator,
    SearchOffersOperator,
)
from tests.airflow.campaigns import SPRING, written
from tests.airflow.harness import Airflow
from tests.airflow.library import dag_of, personalized, run
from tests.deciding import Stage

NAMESPACE = namespace(Emulator.ORG_ID, "prod")


class Listener:
    """Asks each task for its lineage at its end, as Airflow's listener does."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}

    def __call__(self, context: Any, result: Any = None) -> None:
        task = context["task"]
        self.found[task.task_id] = DefaultExtractor(task).extract_on_complete(context["ti"])

    def inputs(self, task: str) -> set[str]:
        return self._names(self.found[task].inputs)

    def outputs(self, task: str) -> set[str]:
        return self._names(self.found[task].outputs)

    def _names(self, datasets: list[Any]) -> set[str]:
        assert {each.namespace for each in datasets} <= {NAMESPACE}
        return {each.name for each in datasets}


def test_writes_searches_and_decisions_have_datasets(
    airflow: Airflow, emulator: Emulator, api: str, stage: Stage, tmp_path: Path
) -> None:
    listener = Listener()
    with dag_of("lineage", default_args={"post_execute": listener}) as dag:
        create = CreateOfferOperator(task_id="create", offer=[personalized("Towels / 1"), personalized("Soap")])
        search = SearchOffersOperator(task_id="search", properties=["name==Soap"])
        read = GetOfferOperator(task_id="read", offer_id=search.output)
        publish = PublishOfferOperator(task_id="publish", offer_id=search.output, waive=["window_over"])
        decide = DecideOperator(
            task_id="decide", decision_id=stage.decision, placement_id=stage.placement, profile={"Email": "a@b.example"}
        )
        gone = DeleteOfferOperator(task_id="gone", offer_id=create.output)
        apply = ApplyCampaignOperator(
            task_id="apply", manifest=written(tmp_path, SPRING), target="dev", state_path=str(tmp_path / "state")
        )
        create >> search >> read >> publish >> decide >> gone >> apply

    done = run(airflow, emulator, api, dag)

    assert done.state == "success", [str(each.error) for each in done.attempts if each.error]
    both = {"personalized/Towels / 1", "personalized/Soap"}
    assert listener.outputs("create") == both
    assert listener.inputs("create") == {f"placement/{Emulator.PLACEMENT_ID}"}
    assert (listener.inputs("search"), listener.outputs("search")) == ({"personalized/Soap"}, set())
    assert listener.inputs("read") == {"personalized/Soap"}
    assert listener.outputs("publish") == {"personalized/Soap"}
    assert listener.outputs("gone") == both
    assert {f"decision/{stage.decision}", f"placement/{stage.placement}"} <= listener.inputs("decide")
    assert any(name.startswith(("personalized/", "fallback/")) for name in listener.inputs("decide"))
    assert listener.outputs("apply") == {f"{each['kind']}/{each['name']}" for each in done.result("apply")["objects"]}
    (alias,) = listener.found["publish"].outputs[0].facets["symlinks"].identifiers
    assert alias.name == f"personalized/{done.result('search')[0]['id']}"
    assert "a@b.example" not in str(listener.found)


def test_the_dataset_of_an_asset_is_the_one_that_tasks_write() -> None:
    asset = library_asset(Emulator.ORG_ID, "prod", "personalized", "Towels / 1")
    receipt = {"name": "Towels / 1", "id": "dps:1", "offer_type": "personalized", "action": "created"}

    told = operator_lineage(Lineage(Emulator.ORG_ID, "prod", [receipt]))
    dataset = to_openlineage(asset, None)

    assert dataset is not None
    assert [(each.namespace, each.name) for each in told.outputs] == [(dataset.namespace, dataset.name)]


def test_a_long_list_is_cut_and_a_task_without_a_result_has_none() -> None:
    receipts = [{"name": f"Offer {each}", "offer_type": "personalized"} for each in range(300)]

    told = operator_lineage(Lineage("org", "prod", receipts, receipts))

    assert (len(told.inputs), len(told.outputs)) == (100, 100)
    assert SearchOffersOperator(task_id="search").get_openlineage_facets_on_complete(None) is None


@pytest.mark.parametrize("module", ["operators.offers", "assets.library", "assets.lineage"])
def test_nothing_of_openlineage_is_loaded_by_an_import(module: str) -> None:
    loaded = "[name for name in sys.modules if name.startswith(('openlineage', 'airflow.providers.openlineage.ex'))]"
    code = f"import sys, airflow_provider_offers.{module}\nprint({loaded})"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout.strip().splitlines()[-1] == "[]"
