"""Airflow's own processes, started in their own home and ended with all their children."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import requests
import sqlalchemy

from tests.distributed.processes import Process, in_session, kill_session
from tests.distributed.servers import free_port

SERVICES = ("api-server", "scheduler", "dag-processor", "triggerer")
# A process that runs a task has this title after the API server has let it begin.
_TASK = re.compile(r"airflow worker -- [0-9a-f]{8}-[0-9a-f-]{27}")


class Cluster:
    """A cluster of Airflow's services.

    Use it as a context manager, which starts and ends them. `home` holds the DAGs, the logs and all other files.
    `database` is the address of the metadata database, by default a SQLite file in `home`. Besides Airflow's own
    `SERVICES`, a service named `celery-…` is a Celery worker of that name.
    """

    def __init__(
        self,
        home: Path,
        environment: Mapping[str, str],
        *,
        database: str | None = None,
        services: Sequence[str] = SERVICES,
    ) -> None:
        self._home = home
        self._services = services
        self._port = free_port()
        own = f"sqlite:///{home / 'airflow.db'}"
        self._database = sqlalchemy.create_engine(database or f"{own}?timeout=60", poolclass=sqlalchemy.NullPool)
        (home / "dags").mkdir(parents=True, exist_ok=True)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "_AIRFLOW"))}
        self._environment = {
            **inherited,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database or own,
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG": "64",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__API__PORT": str(self._port),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__SECRET_KEY": "of-this-test",
            "AIRFLOW__API_AUTH__JWT_SECRET": "of-this-test-and-no-other-but-long-enough-for-every-algorithm",
            "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
            # A new triggerer takes over soon from a killed one.
            "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
            "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
            **environment,
        }
        # It is removed with the files of killed processes; in `home`, the paths of sockets would be too long.
        self._temporary = tempfile.TemporaryDirectory(prefix="airflow-")
        self._environment["TMPDIR"] = self._temporary.name
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Cluster:
        try:
            subprocess.run(self._command("db", "migrate"), env=self._environment, check=True, capture_output=True)
            for service in self._services:
                self.start(service)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, service: str) -> None:
        """Start one of the services."""
        with (self._home / f"{service}.log").open("ab") as log:
            self._processes[service] = subprocess.Popen(
                self._command(*self._arguments(service)),
                env=self._environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def kill(self, service: str) -> None:
        """Kill a service and all processes that it started, without warning."""
        process = self._processes.pop(service)
        kill_session(process.pid)
        process.wait()

    def stop(self) -> None:
        """Stop every service. Services that do not stop are killed, with their remaining processes."""
        for process in self._processes.values():
            process.terminate()
        end = time.monotonic() + 20
        for service, process in list(self._processes.items()):
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=max(0, end - time.monotonic()))
            self.kill(service)
        self._temporary.cleanup()

    def tasks(self) -> list[Process]:
        """The processes that run a task, each a child of its supervisor."""
        found = []
        for service in self._processes.values():
            members = in_session(service.pid)
            watching = {member.pid for member in members}
            found += [each for each in members if _TASK.fullmatch(each.title) and each.parent in watching]
        return found

    def run(self, dag_id: str) -> None:
        """Wait until Airflow has read the DAG, then start a run of it."""
        wait_until(lambda: self._request("GET", f"/api/v2/dags/{dag_id}").ok, "the DAG is read")
        answer = self._request("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None})
        answer.raise_for_status()

    def states(self, task_id: str | None = None) -> Counter[str]:
        """The number of task instances by state."""
        where = "where task_id = :task_id" if task_id else ""
        sql = f"select coalesce(state, 'none'), count(*) from task_instance {where} group by 1"
        return Counter(dict(self._query(sql, task_id=task_id)))

    def state_by_index(self, task_id: str) -> dict[int, str]:
        """The state of each mapped task instance."""
        return dict(self._query("select map_index, state from task_instance where task_id = :id", id=task_id))

    def tries(self) -> int:
        """The number of started tries of all task instances."""
        return int(self._query("select sum(try_number) from task_instance")[0][0])

    def triggers(self) -> int:
        """The number of triggers that Airflow still keeps."""
        return int(self._query("select count(*) from trigger")[0][0])

    def asset_events(self) -> list[dict[str, Any]]:
        """The payloads of the triggers of assets, in order."""
        rows = self._query("select extra from asset_event order by id")
        return [(json.loads(extra) if isinstance(extra, str) else extra)["payload"] for (extra,) in rows]

    def kept_for_assets(self) -> int:
        """The number of values that triggers keep for assets."""
        return int(self._query("select count(*) from asset_state_store")[0][0])

    def alive(self) -> list[str]:
        """The services that are running."""
        return [service for service, process in self._processes.items() if process.poll() is None]

    @property
    def url(self) -> str:
        """The address of the API server and the UI."""
        return f"http://127.0.0.1:{self._port}"

    def _arguments(self, service: str) -> Sequence[str]:
        if service.startswith("celery-"):
            name = ("--celery-hostname", service, "--pid", str(self._home / f"{service}.pid"))
            return ("celery", "worker", *name, "--skip-serve-logs", "--without-mingle", "--without-gossip")
        # Here, their logs are files, which need no server and no port.
        return (service, "--skip-serve-logs") if service in ("scheduler", "triggerer") else (service,)

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "airflow", *arguments]

    def _request(self, method: str, path: str, body: Any = None) -> requests.Response:
        try:
            token = requests.get(f"{self.url}/auth/token", timeout=30).json()["access_token"]
            headers = {"Authorization": f"Bearer {token}"}
            return requests.request(method, self.url + path, json=body, headers=headers, timeout=30)
        except (requests.ConnectionError, requests.Timeout):
            unavailable = requests.Response()
            unavailable.status_code = 503
            return unavailable

    def _query(self, sql: str, **values: Any) -> list[Any]:
        with self._database.connect() as database:
            return [tuple(row) for row in database.execute(sqlalchemy.text(sql), values)]


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 600) -> None:
    """Check every second until the condition holds; the limit only ends a test that would hang."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"after {seconds:g} s it is still not so that {what}")
        time.sleep(1)
