"""The asynchronous hook works in tasks that are coroutines, which Airflow runs in forks of its workers."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

from airflow.sdk import task
from asgiref.sync import sync_to_async

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.hooks.offer_library import OfferLibraryAsyncHook
from tests.airflow.child import in_a_child
from tests.airflow.harness import Airflow
from tests.airflow.library import CONNECTION, dag_of, seed


def test_a_forked_worker_waits_for_no_thread_of_its_parent(airflow: Airflow, emulator: Emulator, api: str) -> None:
    wanted = seed(emulator, api, "Read by a coroutine")
    # The parent's use of asgiref has left an idle thread, which its forks do not have.
    asyncio.run(sync_to_async(time.monotonic)())

    with dag_of("coroutine") as dag:

        @task(execution_timeout=timedelta(seconds=60))
        async def read(identifier: str) -> dict[str, Any]:
            async with OfferLibraryAsyncHook() as hook:
                found = [each["id"] async for each in hook.search_offers()]
                return {"found": found, "name": (await hook.get_offer(identifier))["name"]}

        read(wanted["id"])
    run = airflow.run(dag, connections={CONNECTION: emulator.connection(api)}, task_runner=in_a_child)

    assert run.states == {"read": "success"}
    assert run.result("read") == {"found": [wanted["id"]], "name": "Read by a coroutine"}
