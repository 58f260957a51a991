"""There are as many offers as tasks, each patched once, although workers, triggerer, library and answers die."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pytest

from airflow_provider_offers.emulator import Emulator
from tests.distributed.cluster import SERVICES, Cluster
from tests.distributed.crashes import Crashes
from tests.distributed.library import LibraryProcess
from tests.distributed.servers import postgresql, redis

pytestmark = [pytest.mark.distributed, pytest.mark.slow, pytest.mark.timeout(1_800)]

SEED = int(os.environ.get("CRASH_SEED", "2026"))
PLAIN, TAGGED, SOUGHT = 180, 30, 10
TASKS = PLAIN + TAGGED * 3 + SOUGHT + 1
WORKERS = ("celery-1", "celery-2")
# A repeated append is visible; a repeated status is not.
DAG = """
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

from airflow.sdk import DAG

from airflow_provider_offers.operators.offers import CreateOfferOperator, PatchOfferOperator, PublishOfferOperator
from airflow_provider_offers.sensors.offers import OffersFoundSensor, OfferStatusSensor

plan = json.loads(Path(__file__).with_name("plan.json").read_text())
waiting = {"deferrable": True, "poke_interval": 2, "timeout": 3600, "priority_weight": 1000}
with DAG(
    "crashing",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    default_args={"retries": 20, "retry_delay": timedelta(seconds=1)},
):
    # The sensors go first, so that they wait while everything else happens.
    OffersFoundSensor.partial(task_id="found", **waiting).expand(properties=plan["sought"])
    plain = CreateOfferOperator.partial(task_id="create", patience=4).expand(offer=plan["plain"])
    tagged = CreateOfferOperator.partial(task_id="create_tagged", patience=4).expand(offer=plan["tagged"])
    tag = PatchOfferOperator.partial(task_id="tag", patch=plan["patch"]).expand(offer_id=tagged.output)
    OfferStatusSensor.partial(task_id="approved", status="approved", **waiting).expand(offer_id=tagged.output)
    [plain, tag] >> PublishOfferOperator(task_id="publish", offer_id=tagged.output)
"""
# The client often gets no answer to a write, and sometimes the write did not happen.
WRITES = ({"method": "POST", "path": "/data/core/*"}, {"method": "PATCH"})
MISHAPS = (
    {"effect": "drop", "when": "before", "probability": 0.05},
    {"effect": "drop", "when": "after", "probability": 0.05},
    {"effect": "status", "status": 503, "when": "after", "probability": 0.05},
    {"effect": "delay", "seconds": 0.5, "when": "after", "probability": 0.6},
)
FAULTS = [{**write, **mishap, "seed": SEED + n} for n, (write, mishap) in enumerate(product(WRITES, MISHAPS))]
# Airflow notices a dead worker within seconds, and no task waits too long in an executor's queue.
NOTICE_SOON = {
    "AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG": "8",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__NUM_STUCK_IN_QUEUED_RETRIES": "20",
}


@contextmanager
def local_executor(home: Path, environment: Mapping[str, str]) -> Iterator[Cluster]:
    """LocalExecutor with four workers on PostgreSQL."""
    with postgresql() as database, Cluster(home, environment, database=database) as cluster:
        yield cluster


@contextmanager
def celery_executor(home: Path, environment: Mapping[str, str]) -> Iterator[Cluster]:
    """CeleryExecutor with two workers for two tasks each, on Redis and PostgreSQL."""
    with postgresql() as database, redis() as broker:
        celery = {
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CELERY__BROKER_URL": broker,
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{database}",
            "AIRFLOW__CELERY__WORKER_CONCURRENCY": "2",
            # A killed worker's messages are delivered again, to workers that must not repeat those tasks.
            "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "60",
        }
        services = (*SERVICES, *WORKERS)
        with Cluster(home, {**environment, **celery}, database=database, services=services) as cluster:
            yield cluster


def offer(name: str) -> dict[str, Any]:
    """A draft without a constraint on profiles."""
    html = {"type": "html", "format": "text/html", "language": ["en"], "content": "<p>10 % off</p>"}
    channel = "https://ns.adobe.com/xdm/channel-types/web"
    return {
        "name": name,
        "status": "draft",
        "representations": [{"channel": channel, "placement": Emulator.PLACEMENT_ID, "components": [html]}],
        "selectionConstraint": {"startDate": "2026-01-01T00:00:00Z", "endDate": "2036-01-01T00:00:00Z"},
        "rank": {"priority": 1},
        "tags": [],
    }


def share_done(cluster: Cluster) -> float:
    """The finished part of the work, from 0 to 1; no task may fail finally."""
    states = cluster.states()
    lost = {state: states[state] for state in ("failed", "upstream_failed", "skipped", "removed") if states[state]}
    assert not lost, f"tasks ended otherwise than in success: {lost}"
    return states["success"] / TASKS


@pytest.mark.parametrize(
    ("executor", "api", "workers"),
    [
        pytest.param(local_executor, "dps", (), id="LocalExecutor"),
        pytest.param(celery_executor, "xcore", WORKERS, id="CeleryExecutor"),
    ],
)
def test_there_are_as_many_offers_as_tasks(
    executor: Any, api: str, workers: Sequence[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    started = time.monotonic()
    random = Random(SEED)
    names = [f"Plain {number:03}" for number in range(PLAIN)]
    tagged = [f"Tagged {number:03}" for number in range(TAGGED)]
    plan = {
        "plain": [offer(name) for name in names],
        "tagged": [offer(name) for name in tagged],
        "patch": [{"op": "add", "path": "/tags/-", "value": Emulator.TAG_ID}],
        "sought": [[f"name=={name}"] for name in random.sample(names, SOUGHT)],
    }
    home = tmp_path / "airflow"
    (home / "dags").mkdir(parents=True)
    (home / "dags" / "plan.json").write_text(json.dumps(plan))
    (home / "dags" / "crashing.py").write_text(DAG)
    with LibraryProcess(tmp_path / "library", FAULTS, index_lag=1, list_lag=1) as library:
        connection = {"AIRFLOW_CONN_OFFER_LIBRARY_DEFAULT": json.dumps(library.connection(api))}
        with executor(home, {**NOTICE_SOON, **connection}) as cluster:
            cluster.run("crashing")
            crashes = Crashes(cluster, library, random, workers)
            crashes.go_on_until(lambda: share_done(cluster), 1_500)
            assert cluster.states() == {"success": TASKS}
            assert sorted(cluster.alive()) == sorted((*SERVICES, *workers))
            tries, offers = cluster.tries(), library.offers()
        assert cluster.alive() == []
        with capsys.disabled():
            killed = ", ".join(f"{what} {count}" for what, count in sorted(crashes.count.items()))
            print(f"\n{TASKS} tasks in {tries} tries; killed: {killed}")
            print(
                f"{library.posts()} POSTs made {len(offers)} offers, in {time.monotonic() - started:.0f} s, seed {SEED}"
            )

    assert Counter(each["name"] for each in offers) == Counter([*names, *tagged])
    tags = {each["name"]: each.get("tags") for each in offers if each["name"] in tagged}
    assert tags == {name: [Emulator.TAG_ID] for name in tagged}
    assert {each["status"] for each in offers if each["name"] in tagged} == {"approved"}
    restarts = {"library": 1, "triggerer": 2, **dict.fromkeys(workers, 2)}
    assert {name: crashes.count[name] for name in restarts} == restarts
