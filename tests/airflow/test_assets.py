"""A task that writes emits asset events for what it wrote, in real DAG runs, and none for what it did not write."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from airflow.sdk import DAG, Asset, task
from airflow.sdk.execution_time import context as airflow_context

from airflow_provider_offers.assets.emitting import MOST_OBJECTS
from airflow_provider_offers.assets.library import LIBRARY_ALIAS, library_alias, library_asset
from airflow_provider_offers.client.errors import InvalidInputError
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.operators.campaigns import ApplyCampaignOperator
from airflow_provider_offers.operators.decisions import BatchDecisionOperator
from airflow_provider_offers.operators.lifecycle import PublishOfferOperator
from airflow_provider_offers.operators.offers import CreateOfferOperator, DeleteOfferOperator, PatchOfferOperator
from tests.airflow.campaigns import SPRING, written
from tests.airflow.decisions import POLL
from tests.airflow.harness import Airflow
from tests.airflow.library import NO_DELAY, dag_of, personalized, run, seed
from tests.deciding import set_up

ORGANIZATION = Emulator.ORG_ID
PARTITIONS = hasattr(airflow_context.OutletEventAccessor, "add_partitions")
REDUCED = [{"op": "replace", "path": "/rank/priority", "value": 3}]


def events(airflow: Airflow) -> list[dict[str, Any]]:
    """Every asset event that Airflow stored, in order: its task, its asset, and its extra."""
    columns = "source_task_id, uri, asset_event.extra" + (", partition_key" if PARTITIONS else "")
    query = f"SELECT {columns} FROM asset_event JOIN asset ON asset.id = asset_id ORDER BY asset_event.id"
    with closing(sqlite3.connect(airflow.database)) as database:
        rows = database.execute(query).fetchall()
    return [
        {"task": task, "uri": uri, **json.loads(extra), "key": key[0] if key else None}
        for task, uri, extra, *key in rows
    ]


def uri(kind: str, name: str | None = None, sandbox: str = "prod") -> str:
    return library_asset(ORGANIZATION, sandbox, kind, name).uri


def test_every_write_is_told_to_the_dags_that_listen(airflow: Airflow, emulator: Emulator, api: str) -> None:
    name = "Frühling / 10 %? #1"
    with dag_of("writing") as dag:
        create = CreateOfferOperator(task_id="create", offer=personalized(name, status="draft"), emit_assets=True)
        again = CreateOfferOperator(
            task_id="again", offer=personalized(name, status="draft"), if_exists="adopt", emit_assets=True
        )
        change = PatchOfferOperator(task_id="change", offer_id=create.output, patch=REDUCED, emit_assets=True)
        silent = PatchOfferOperator(task_id="silent", offer_id=create.output, patch=[{**REDUCED[0], "value": 4}])
        gone = DeleteOfferOperator(task_id="gone", offer_id=create.output, emit_assets=True)
        create >> again >> change >> silent >> gone

    done = run(airflow, emulator, api, dag)

    assert set(done.states.values()) == {"success"}, [str(each.error) for each in done.attempts if each.error]
    told = events(airflow)
    assert [(each["task"], each["action"], each["uri"]) for each in told] == [
        ("create", "created", uri("personalized", name)),
        ("change", done.result("change")["action"], uri("personalized", name)),
        ("gone", "deleted", uri("personalized", name)),
    ]
    receipt = done.result("create")
    assert {each: told[0][each] for each in ("id", "instance_id", "name", "etag", "api", "sandbox")} == {
        each: receipt[each] for each in ("id", "instance_id", "name", "etag", "api", "sandbox")
    }
    assert (told[0]["organization"], told[0]["kind"]) == (ORGANIZATION, "personalized")


def test_a_dag_on_the_alias_or_on_an_asset_is_queued(airflow: Airflow, emulator: Emulator) -> None:
    with (
        DAG("on_all", schedule=[library_alias()]) as on_all,
        DAG("on_one", schedule=[library_asset(ORGANIZATION, "prod", "personalized", "Towels")]) as on_one,
    ):
        pass
    for listening in (on_all, on_one):
        airflow._store(listening)
    with dag_of("writing") as dag:
        CreateOfferOperator(task_id="create", offer=[personalized("Towels"), personalized("Soap")], emit_assets=True)

    done = run(airflow, emulator, "dps", dag)

    assert done.state == "success"
    with closing(sqlite3.connect(airflow.database)) as database:
        database.execute("SELECT 1")
        aliased = database.execute(
            "SELECT count(*) FROM asset_alias_asset_event JOIN asset_alias ON asset_alias.id = alias_id WHERE name = ?",
            [LIBRARY_ALIAS],
        ).fetchone()
    assert aliased == (2,)


def test_a_declared_outlet_carries_the_receipt(airflow: Airflow, emulator: Emulator, api: str) -> None:
    offer = seed(emulator, api, "Towels")
    named = library_asset(ORGANIZATION, "prod", "personalized", "Towels")
    other = Asset("other", "s3://bucket/other")
    elsewhere = library_asset(ORGANIZATION, "dev", "personalized", "Towels")
    with dag_of("declared") as dag:
        PatchOfferOperator(
            task_id="change", offer_id=offer["id"], patch=REDUCED, outlets=[named, other, elsewhere], retries=0
        )

    done = run(airflow, emulator, api, dag)

    told = {each["uri"]: each for each in events(airflow)}
    assert set(told) == {named.uri, other.uri, elsewhere.uri}
    assert (told[named.uri]["id"], told[named.uri]["etag"]) == (offer["id"], done.result("change")["etag"])
    assert "id" not in told[other.uri]
    assert "id" not in told[elsewhere.uri]
    assert f"This task did not write {elsewhere.uri}" in done.logs
    assert f"did not write {other.uri}" not in done.logs


def test_partitions_are_the_ids(airflow: Airflow, emulator: Emulator, api: str) -> None:
    kind = library_asset(ORGANIZATION, "prod", "personalized")
    with dag_of("partitioned") as dag:
        CreateOfferOperator(
            task_id="create", offer=[personalized("A"), personalized("B")], emit_assets="partitions", outlets=[kind]
        )

    done = run(airflow, emulator, api, dag)

    told = events(airflow)
    ids = {receipt["id"] for receipt in done.result("create")}
    assert {each["uri"] for each in told} == {kind.uri}
    assert all(each["count"] == 2 and each["actions"] == {"created": 2} for each in told)
    assert {each["key"] for each in told} == (ids if PARTITIONS else {None})
    assert all(set(each["ids"]) == ids for each in told)


def test_a_long_list_is_one_event_of_its_kind(airflow: Airflow, emulator: Emulator) -> None:
    count = MOST_OBJECTS + 1
    with dag_of("many") as dag:
        CreateOfferOperator(task_id="few", offer=[personalized(f"Few {each}") for each in range(3)], emit_assets=True)
        CreateOfferOperator(
            task_id="many",
            offer=[personalized(f"Many {each}") for each in range(count)],
            emit_assets=True,
            report="{{ params.report }}",
        )

    dag.params["report"] = str(airflow.home / "many.jsonl")
    done = run(airflow, emulator, "dps", dag)

    assert set(done.states.values()) == {"success"}
    told = {name: [each for each in events(airflow) if each["task"] == name] for name in ("few", "many")}
    assert sorted(unquote(each["uri"].rpartition("/")[2]) for each in told["few"]) == ["Few 0", "Few 1", "Few 2"]
    (summed,) = told["many"]
    assert (summed["uri"], summed["count"]) == (uri("personalized"), count)
    assert len(summed["ids"]) == count


def test_a_retry_tells_what_an_earlier_try_wrote(airflow: Airflow, emulator: Emulator) -> None:
    offer = seed(emulator, "dps", "Towels")

    def fails_after_its_work(context: Any, result: Any = None) -> None:
        if context["ti"].try_number == 1:
            raise RuntimeError("after the write")

    with dag_of("retried") as dag:
        PublishOfferOperator(
            task_id="publish",
            offer_id=offer["id"],
            emit_assets=True,
            retries=1,
            retry_delay=NO_DELAY,
            post_execute=fails_after_its_work,
            waive=["window_over"],
        )

    done = run(airflow, emulator, "dps", dag)

    assert [each.state for each in done.tries("publish")] == ["up_for_retry", "success"]
    (told,) = events(airflow)
    assert told["uri"] == uri("personalized", "Towels")


def test_a_failed_task_tells_nothing(airflow: Airflow, emulator: Emulator) -> None:
    with dag_of("failing") as dag:
        CreateOfferOperator(
            task_id="create", offer=personalized("Towels", representations=[]), emit_assets=True, validate=False
        )
        PatchOfferOperator(task_id="missing", offer_id="name:None", patch=REDUCED, emit_assets=True)

    done = run(airflow, emulator, "dps", dag)

    failed = [task for task, state in done.states.items() if state == "failed"]
    assert "missing" in failed
    assert not [each for each in events(airflow) if each["task"] in failed]


def test_a_mapped_task_tells_through_the_alias(airflow: Airflow, emulator: Emulator) -> None:
    with dag_of("mapped") as dag:
        CreateOfferOperator.partial(task_id="create", emit_assets=True).expand(
            offer=[personalized("A"), personalized("B")]
        )

    done = run(airflow, emulator, "dps", dag)

    assert done.state == "success"
    assert sorted(each["name"] for each in events(airflow)) == ["A", "B"]


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_batch_decision_tells_its_dataset(airflow: Airflow, emulator: Emulator, deferrable: bool) -> None:
    emulator.configure(batch_queued_seconds=0.1, batch_processing_seconds=0.1, batch_ingesting_seconds=0.1)
    stage = set_up(emulator, "dps")
    with dag_of("batch") as dag:
        BatchDecisionOperator(
            task_id="decide",
            decision_id=stage.decision,
            placement_id=stage.placement,
            audience_id="609028e4-e66c-4776-b0d9-c782887e2273",
            dataset_id="6196b4a1a63bd118dafe093c",
            poll_interval=POLL,
            deferrable=deferrable,
            emit_assets=True,
        )

    done = run(airflow, emulator, "dps", dag)

    (told,) = events(airflow)
    assert told["uri"] == uri("dataset", "6196b4a1a63bd118dafe093c")
    assert told["job_id"] == done.result("decide")["job_id"]


def test_an_apply_tells_what_it_changed(airflow: Airflow, emulator: Emulator, api: str, tmp_path: Path) -> None:
    arguments: dict[str, Any] = {
        "manifest": written(tmp_path, SPRING),
        "target": "dev",
        "state_path": str(tmp_path / "state"),
    }
    with dag_of("campaign") as dag:
        first = ApplyCampaignOperator(task_id="first", emit_assets=True, **arguments)
        second = ApplyCampaignOperator(task_id="second", emit_assets=True, **arguments)
        first >> second

    done = run(airflow, emulator, api, dag)

    assert done.state == "success", [str(each.error) for each in done.attempts if each.error]
    told = events(airflow)
    assert {each["task"] for each in told} == {"first"}
    assert {(each["kind"], each["name"]) for each in told} == {
        (each["kind"], each["name"]) for each in done.result("first")["objects"]
    }
    assert {each["action"] for each in told} == {"created"}


def test_nothing_secret_is_told(airflow: Airflow, emulator: Emulator, api: str) -> None:
    with dag_of("secret") as dag:
        CreateOfferOperator(task_id="create", offer=personalized("Towels"), emit_assets=True)
    secret = emulator.connection(api)["password"]

    run(airflow, emulator, api, dag)

    told = json.dumps(events(airflow))
    assert "Towels" in told
    assert secret not in told


@pytest.mark.parametrize("given", ["{{ true }}", "partition", 1, None])
def test_another_word_is_an_error_when_the_dag_is_parsed(given: Any) -> None:
    with dag_of("wrong"), pytest.raises(InvalidInputError, match="emit_assets: given"):
        CreateOfferOperator(task_id="create", offer=personalized("Towels"), emit_assets=given)
    with dag_of("wrong"), pytest.raises(InvalidInputError, match="outlets: given"):
        CreateOfferOperator.partial(task_id="create", emit_assets="partitions").expand(offer=[])
    with dag_of("wrong"), pytest.raises(InvalidInputError, match="wait_for_completion=True"):
        BatchDecisionOperator(
            task_id="decide", audience_id="a", dataset_id="d", wait_for_completion=False, emit_assets=True
        )


def test_a_wrong_emit_assets_of_a_mapped_task_is_not_retried(airflow: Airflow, emulator: Emulator) -> None:
    there = seed(emulator, "dps", "Towels")["id"]
    with dag_of("mapped_words", default_args={"retries": 2, "retry_delay": NO_DELAY}) as dag:

        @task
        def words() -> list[Any]:
            return [True, "partition"]

        PublishOfferOperator.partial(task_id="publish", offer_id=there, waive="window_over").expand(emit_assets=words())
    result = run(airflow, emulator, "dps", dag)

    assert result.states == {"words": "success", "publish[0]": "success", "publish[1]": "failed"}
    assert len(result.tries("publish[1]")) == 1
    assert "emit_assets: given 'partition'; expected True, False or 'partitions'" in str(result.error("publish[1]"))
