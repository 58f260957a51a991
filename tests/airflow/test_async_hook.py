"""The asynchronous hook works in tasks that are coroutines, which Airflow runs in forks of its workers."""

from __future__ import annotations

import asyncio
import gc
import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk import task
from asgiref.sync import sync_to_async

from airflow_provider_offers.client.flows.reading import look_alone
from airflow_provider_offers.client.model.entities import Reference, parse_offer_reference
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.wire.retry import Retries
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


def test_one_hook_works_in_several_event_loops(airflow: Airflow, emulator: Emulator, api: str) -> None:
    wanted = seed(emulator, api, "Read in turn")

    async def read(hook: OfferLibraryAsyncHook) -> set[str]:
        # Several at once, so that they wait for the same connection.
        found = await asyncio.wait_for(asyncio.gather(*(hook.get_offer(wanted["id"]) for _ in range(4))), 60)
        return {str(each["name"]) for each in found}

    with dag_of("loops") as dag:

        @task
        def in_turn() -> list[str]:
            hook = OfferLibraryAsyncHook()
            return sorted(asyncio.run(read(hook)) | asyncio.run(read(hook)))

        @task
        def at_once() -> list[str]:
            hook = OfferLibraryAsyncHook()
            with ThreadPoolExecutor(3) as pool:
                return sorted(set().union(*pool.map(lambda _: asyncio.run(read(hook)), range(6))))

        in_turn()
        at_once()
    run = airflow.run(dag, connections={CONNECTION: emulator.connection(api)})

    assert run.states == {"in_turn": "success", "at_once": "success"}
    assert run.result("in_turn") == run.result("at_once") == ["Read in turn"]


def test_a_hook_closes_the_connections_of_its_event_loop_only(
    airflow: Airflow, emulator: Emulator, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps(emulator.connection(api)))
    hook = OfferLibraryAsyncHook()

    async def opened() -> Any:
        return (await hook.session()).shell

    async def leave() -> None:
        shell = await opened()
        await hook.get_offer(seed(emulator, api, "Read before the end")["id"])
        assert shell._session is not None
        async with hook:
            assert await opened() is shell
        assert shell._session is None
        assert await opened() is not shell

    with asyncio.Runner() as other:
        first = other.run(opened())
        asyncio.run(leave())
        assert other.run(opened()) is first
        other.run(hook.__aexit__())


def test_connections_that_nobody_closes_end_with_their_event_loop(
    airflow: Airflow, emulator: Emulator, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise aiohttp writes that they are unclosed, when the process has long done its work."""
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps(emulator.connection(api)))
    hook = OfferLibraryAsyncHook()
    there = seed(emulator, api, "Read")["id"]

    async def read() -> Any:
        assert (await hook.get_offer(there))["name"] == "Read"
        shell = (await hook.session()).shell
        assert shell._session is not None
        return shell

    shells = [asyncio.run(read()) for _ in range(2)]
    assert [shell._session for shell in shells] == [None, None]


def test_a_session_outlives_its_hook(
    airflow: Airflow, emulator: Emulator, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Triggers keep the session of a hook that nobody else keeps."""
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps(emulator.connection(api)))
    there = seed(emulator, api, "Read")["id"]

    async def read() -> None:
        session = await OfferLibraryAsyncHook().session()
        reference = parse_offer_reference(there, api=api, sandbox="prod")
        for _ in range(2):
            gc.collect()
            await asyncio.sleep(0)
            connections = session.shell._session
            assert (await session.run(look_alone(session.access, reference))) is not None
            assert connections in (None, session.shell._session)
        assert connections is not None

    asyncio.run(read())


def test_the_end_of_a_hook_interrupts_no_request_of_its_session(
    airflow: Airflow, emulator: Emulator, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps(emulator.connection(api)))
    wanted = seed(emulator, api, "Read without a hook")

    async def read() -> set[str]:
        # As the triggers do it, which share the session.
        hook = OfferLibraryAsyncHook()
        session = await hook.session(retries=Retries(max_retries=0))
        reference = Reference(PERSONALIZED, id=wanted["id"])
        await session.run(look_alone(session.access, reference))
        del hook
        gc.collect()
        names = set()
        for _ in range(3):
            looks = (session.run(look_alone(session.access, reference)) for _ in range(4))
            names |= {str(found and found.name) for found in await asyncio.gather(*looks)}
        await session.close()
        return names

    assert asyncio.run(read()) == {"Read without a hook"}
