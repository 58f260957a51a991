"""Airflow's API for tasks, which `dag.test()` answers in its own process: built once, and only its newest version.

The demo and the tests use it. Otherwise Airflow builds ten versions of it, which takes longer than a campaign, and
Airflow 3.2 does so for every task.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any


def build_the_newest_only() -> None:
    """Let Airflow build the newest version, which the tasks of the same Airflow use, and no older one."""
    cadwyn: Any = importlib.import_module("cadwyn")
    versions: Any = importlib.import_module("airflow.api_fastapi.execution_api.versions")
    router: Any = importlib.import_module("airflow.api_fastapi.execution_api.routes").execution_api_router
    every = versions.bundle
    newest = cadwyn.Version(every.versions[0].value)
    # The changes of the API belong to the bundle of all versions, and ask it for the version of a request.
    versions.bundle = cadwyn.VersionBundle(cadwyn.HeadVersion(), newest, api_version_var=every.api_version_var)
    # Cadwyn refuses a route that is for older versions only if there is none.
    older_only: str = importlib.import_module("cadwyn.route_generation")._DELETED_ROUTE_TAG
    router.routes[:] = [route for route in router.routes if older_only not in getattr(route, "tags", ())]


def built_once() -> Any:
    """The API, which the first request builds."""
    supervisor: Any = importlib.import_module("airflow.sdk.execution_time.supervisor")
    # Airflow 3.2 creates a new one for every attempt.
    if not hasattr(supervisor.in_process_api_server, "cache_info"):
        supervisor.in_process_api_server = functools.cache(supervisor.in_process_api_server)
    return supervisor.in_process_api_server()


def wake(api: Any) -> None:
    """Send the first request, so that the first task does not wait seconds for it."""
    transport = api.transport
    # The library of the transport: httpx, or httpx2 from Airflow 3.4 on.
    httpx = importlib.import_module(type(transport).__module__.partition(".")[0])
    with httpx.Client(transport=transport, base_url="http://in-process") as client:
        client.get("/health")
