"""A season in object storage: rows, reports, and the state of a campaign on a real S3 server."""

from __future__ import annotations

import csv
import io
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import ObjectStoragePath

from airflow_provider_offers.campaigns.errors import StateError, StateLockedError
from airflow_provider_offers.campaigns.state.states import State
from airflow_provider_offers.campaigns.state.storage import StateStore
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.campaigns import ApplyCampaignOperator, PlanCampaignOperator
from airflow_provider_offers.operators.offers import CreateOfferOperator, PublishOfferOperator
from tests.airflow.campaigns import written
from tests.airflow.harness import Airflow
from tests.airflow.library import dag_of, errors, offers, personalized, run
from tests.emulated import api, emulator, emulator_session
from tests.object_storage import SECRET, s3_bucket

__all__ = ["api", "emulator", "emulator_session"]

pytestmark = pytest.mark.distributed

ROUNDS = 10
WHERE = ("spring", "1234@AdobeOrg", "prod")
WINDOW = {"selectionConstraint": {"startDate": "2026-03-10T00:00:00Z", "endDate": "2036-06-30T21:59:59Z"}}


@pytest.fixture
def bucket() -> Iterator[str]:
    with s3_bucket() as address:
        yield address


def at_once(works: Sequence[Callable[[], None]]) -> None:
    """Run all of these in threads that start together."""
    barrier = threading.Barrier(len(works))

    def begin(work: Callable[[], None]) -> None:
        barrier.wait()
        work()

    threads = [threading.Thread(target=begin, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_of_all_writers_at_once_one_succeeds(bucket: str) -> None:
    stores = [StateStore(ObjectStoragePath(f"{bucket}/states")) for _ in range(4)]
    for number in range(ROUNDS):
        before = stores[0].read(*WHERE)
        assert before.generation == number

        written, refused = written_at_once(stores, before)

        assert (len(written), len(refused)) == (1, 3)
        assert all("Somebody else has written" in each for each in refused)
        assert [store.read(*WHERE).plan for store in stores] == written * 4
    place = ObjectStoragePath(f"{bucket}/states") / WHERE[1] / WHERE[2]
    assert [each.name for each in place.iterdir()] == ["spring.json"]


def written_at_once(stores: list[StateStore], before: State) -> tuple[list[str], list[str]]:
    """The plans of the states that were written, and the messages of the refusals."""
    written: list[str] = []
    refused: list[str] = []

    def write(store: StateStore, plan: str) -> None:
        try:
            store.write(replace(before, plan=plan))
            written.append(plan)
        except StateError as error:
            refused.append(str(error))

    at_once([partial(write, store, f"writer {number}") for number, store in enumerate(stores)])
    return written, refused


def test_of_all_that_take_a_lock_at_once_one_has_it(bucket: str) -> None:
    stores = [StateStore(ObjectStoragePath(f"{bucket}/states")) for _ in range(4)]
    held: list[Any] = []
    refused: list[str] = []

    def take(store: StateStore, owner: str) -> None:
        try:
            held.append(store.lock(*WHERE, owner=owner).__enter__())
        except StateLockedError as error:
            refused.append(str(error))

    at_once([partial(take, store, f"apply {number}") for number, store in enumerate(stores)])

    assert (len(held), len(refused)) == (1, 3)
    held[0].write(State(*WHERE))
    held[0].__exit__(None, None, None)
    assert stores[1].owner_of_lock(*WHERE) is None


def test_a_season_is_made_from_rows_in_a_bucket(
    airflow: Airflow, emulator: Emulator, api: str, bucket: str, tmp_path: Path
) -> None:
    names = [f"Voucher {number}" for number in range(12)]
    table = io.StringIO()
    lines = csv.DictWriter(table, ["name", "priority"])
    lines.writeheader()
    lines.writerows({"name": name, "priority": number} for number, name in enumerate(names))
    ObjectStoragePath(f"{bucket}/season.csv").write_text(table.getvalue())
    with dag_of("season") as dag:
        create = CreateOfferOperator(
            task_id="create",
            rows=f"{bucket}/{{{{ 'season' }}}}.csv",
            offer={**personalized("{{ row.name }}", rank={"priority": "{{ row.priority }}"}), **WINDOW},
            report=f"{bucket}/{{{{ run_id }}}}/created.jsonl",
        )
        publish = PublishOfferOperator(task_id="publish", offer_id=create.output)
        state = f"{bucket}/states"
        plan = PlanCampaignOperator(task_id="plan", manifest=written(tmp_path), target="dev", state_path=state)
        apply = ApplyCampaignOperator(task_id="apply", plan=plan.output, state_path=state)
        again = PlanCampaignOperator(
            task_id="again", manifest=str(tmp_path / "spring.yaml"), target="dev", state_path=state
        )
        publish >> plan
        apply >> again

    result = run(airflow, emulator, api, dag)

    assert set(result.states.values()) == {"success"}, errors(result, result.states)
    told = ObjectStoragePath(result.result("create")["report"]).read_text().splitlines()
    assert [json.loads(line)["name"] for line in told] == names
    assert {each["body"]["name"] for each in offers(emulator)} >= set(names)
    assert "0 to create, 0 to change" in result.result("again")["summary"]
    assert SECRET not in result.logs
