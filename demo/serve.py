"""A whole Airflow of this checkout on this machine, with the emulator behind it: what `make airflow` runs.

It has connections, the example DAGs, some months of campaigns, a campaign as code with its state, and a plan that waits
for approval. It writes only to `.airflow/` in the checkout, and starts anew each time.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import psutil  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from airflow_provider_offers.emulator import Emulator

ROOT = Path(__file__).resolve().parent.parent
DAGS = ROOT / "example_dags"
MANIFEST = DAGS / "campaigns" / "towels"
SERVICES = ("api-server", "scheduler", "dag-processor", "triggerer")
# The DAGs of which a run is started: one waits for a person, one for its window.
STARTED = ("example_campaign_as_code", "example_campaign_launch")
SANDBOXES = {"dev": 180, "prod": 60}
"""The sandboxes, and the number of ordinary offers in each."""
CONNECTIONS = (
    ("offer_library_default", "dps", "dev"),
    ("offer_library_prod", "dps", "prod"),
    ("offer_library_xcore", "xcore", "dev"),
)
# What the campaign as code had when it was applied last. The plan of its DAG shows the difference to the manifest.
EARLIER_ROWS = "name,priority\nLarge towels,10\n"
# This file says that the folder may be emptied.
MARK = "made-by-make-airflow"
# A machine with other work needs minutes for what takes seconds.
PATIENCE = 300.0
ENDING = 20.0


class NotServedError(Exception):
    """Airflow does not run; the message says why."""


def main(arguments: list[str] | None = None) -> int:
    """Run Airflow until Ctrl-C. Returns 0 if it ran and ended, 1 if it did not start or a service ended by itself."""
    options = _options(arguments)
    stop = threading.Event()

    def interrupted(number: int, frame: FrameType | None) -> None:
        stop.set()

    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, interrupted)
    try:
        with ExitStack() as ending:
            _serve(options, stop, ending)
    except NotServedError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    print("Everything has ended.")
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make airflow", description=__doc__)
    parser.add_argument("--port", type=int, default=8080, help="port of Airflow; 0 selects any free port (8080)")
    parser.add_argument(
        "--home", type=Path, default=ROOT / ".airflow", help="folder of all files, emptied at the start"
    )
    return parser.parse_args(arguments)


def _serve(options: argparse.Namespace, stop: threading.Event, ending: ExitStack) -> None:
    from airflow_provider_offers.emulator import Emulator

    home, port = options.home.resolve(), _port(options.port)
    _empty(home)
    url = f"http://127.0.0.1:{port}"
    passwords = {"admin": secrets.token_urlsafe(9), "viewer": secrets.token_urlsafe(9)}
    _write_private(home / "passwords.json", json.dumps(passwords))
    emulator = ending.enter_context(Emulator(sandboxes=list(SANDBOXES)))
    for sandbox, offers in SANDBOXES.items():
        emulator.seed_sample(sandbox, offers)
    environment = _environment(home, url, port)
    with _telling("Creating Airflow's database, connections and a campaign"):
        _prepare(home, environment, _connections(emulator), stop)
    if stop.is_set():
        return
    services = ending.enter_context(_running(home, environment))
    with _telling("Starting Airflow"):
        _await(lambda: _answers(url), services, home, stop)
        token = None if stop.is_set() else _token(url, passwords["admin"])
        for dag_id in STARTED:
            _await(lambda dag_id=dag_id: _started(url, token, dag_id), services, home, stop)
    if not stop.is_set():
        print(_greeting(url, passwords, emulator, home), flush=True)
    _await(lambda: False, services, home, stop, patience=float("inf"))
    print("\nEnding Airflow ...", flush=True)


def _port(wanted: int) -> int:
    """The port, which must be free; 0 selects one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError as error:
            told = f"port {wanted} cannot be used: {error.strerror}"
            raise NotServedError(f"{told}. Give another one, such as: make airflow PORT=8081") from None
        return int(probe.getsockname()[1])


def _empty(home: Path) -> None:
    """Empty the folder, unless it holds something else than the files of an earlier start."""
    mark = home / MARK
    if home.exists() and not mark.exists() and any(home.iterdir()):
        raise NotServedError(f"{home} has files of others. Give an empty folder, or one that does not exist")
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    mark.touch()


def _environment(home: Path, url: str, port: int) -> dict[str, str]:
    """The environment of Airflow's processes: this folder, this machine only, and secrets of this start."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "_AIRFLOW"))}
    return {
        **inherited,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,viewer:viewer",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}?timeout=60",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "15",
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW__OFFER_LIBRARY__STATE_PATH": str(home / "campaign_state"),
    }


def _connections(emulator: Emulator) -> dict[str, Any]:
    """Connections to the emulator, by id: those that the example DAGs name, and one of generation 1."""
    return {
        conn_id: {**emulator.connection(api, sandbox=sandbox), "description": f"the emulator, sandbox {sandbox}, {api}"}
        for conn_id, api, sandbox in CONNECTIONS
    }


def _prepare(home: Path, environment: dict[str, str], connections: dict[str, Any], stop: threading.Event) -> None:
    _write_private(home / "connections.json", json.dumps(connections))
    earlier = home / "towels"
    shutil.copytree(MANIFEST, earlier)
    (earlier / "offers.csv").write_text(EARLIER_ROWS)
    for command in (
        ("db", "migrate"),
        ("connections", "import", str(home / "connections.json")),
        ("offers", "apply", str(earlier), "--target", "dev", "--yes"),
    ):
        if stop.is_set():
            return
        with (home / "prepare.log").open("ab") as log:
            made = subprocess.run(_command(*command), env=environment, stdout=log, stderr=log, check=False)
        if made.returncode and not stop.is_set():
            raise NotServedError(f"airflow {' '.join(command)} failed; its output is in {home / 'prepare.log'}")


@contextmanager
def _running(home: Path, environment: dict[str, str]) -> Iterator[dict[str, psutil.Popen]]:
    """Airflow's services, each in a session of its own, so that Ctrl-C reaches this process only."""
    services: dict[str, psutil.Popen] = {}
    try:
        for service in SERVICES:
            arguments = ("--skip-serve-logs",) if service in ("scheduler", "triggerer") else ()
            with (home / f"{service}.log").open("ab") as log:
                services[service] = psutil.Popen(
                    _command(service, *arguments),
                    env=environment,
                    stdout=log,
                    stderr=log,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )
        yield services
    finally:
        _end(list(services.values()))


def _end(services: list[psutil.Popen]) -> None:
    """End the services and everything that they started, first with a request and then without."""
    known = _orphans(services)
    for process in known:
        _signal(process, signal.SIGTERM)
    for service in services:
        # The API server ends last: tasks report their end to it.
        if service is not services[0]:
            _signal(service, signal.SIGTERM)
    deadline = time.monotonic() + ENDING
    while time.monotonic() < deadline:
        known |= _family(services)
        if not _alive(set(services[1:])):
            break
        time.sleep(0.2)
    if services:
        _signal(services[0], signal.SIGTERM)
    while time.monotonic() < deadline + ENDING / 2 and _alive(known):
        time.sleep(0.2)
    for process in _alive(known | _family(services)):
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(known, timeout=ENDING)


def _family(services: list[psutil.Popen]) -> set[psutil.Process]:
    """The services and their descendants."""
    found: set[psutil.Process] = set()
    for service in services:
        try:
            process = psutil.Process(service.pid)
            found |= {process, *process.children(recursive=True)}
        except psutil.NoSuchProcess:
            continue
    return found


def _orphans(services: list[psutil.Popen]) -> set[psutil.Process]:
    """What services that have ended by themselves have left in their sessions."""
    # A session keeps the number of its first process, unless all of it has ended.
    ended = {each.pid for each in services if each.poll() is not None and not psutil.pid_exists(each.pid)}
    found = set()
    for process in psutil.process_iter() if ended else ():
        with suppress(OSError):
            if os.getsid(process.pid) in ended:
                found.add(process)
    return found


def _alive(processes: set[Any]) -> list[Any]:
    alive = []
    for process in processes:
        try:
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                alive.append(process)
        except psutil.NoSuchProcess:
            continue
    return alive


def _signal(process: Any, number: int) -> None:
    try:
        process.send_signal(number)
    except (psutil.NoSuchProcess, ProcessLookupError):
        return


def _await(
    condition: Any, services: dict[str, psutil.Popen], home: Path, stop: threading.Event, *, patience: float = PATIENCE
) -> None:
    """Wait for the condition, or for Ctrl-C. Raises `NotServedError` if a service ends, or if it takes too long."""
    deadline = time.monotonic() + patience
    while not stop.is_set() and not condition():
        for name, service in services.items():
            if service.poll() is not None:
                raise NotServedError(f"The {name} has ended by itself; its output is in {home / name}.log")
        if time.monotonic() > deadline:
            raise NotServedError(f"Airflow did not answer within {patience:g} s; its output is in {home}")
        stop.wait(0.5)


def _answers(url: str) -> bool:
    return _call(f"{url}/api/v2/version") is not None


def _token(url: str, password: str) -> str:
    answer = _call(f"{url}/auth/token", {"username": "admin", "password": password})
    if answer is None:
        raise NotServedError("Airflow does not accept the password that it was given")
    return str(answer["access_token"])


def _started(url: str, token: str | None, dag_id: str) -> bool:
    """Start a run; False while Airflow has not read the DAG."""
    return _call(f"{url}/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None}, token) is not None


def _call(url: str, body: Any = None, token: str | None = None) -> Any:
    """The answer as JSON; None if there is none, or if it is an error."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), headers)
    # The address is on this machine, so ignore the shell's proxy.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as answer:
            return json.load(answer)
    except (urllib.error.URLError, OSError, ValueError):
        return None


def _greeting(url: str, passwords: dict[str, str], emulator: Emulator, home: Path) -> str:
    page = importlib.util.find_spec("airflow_provider_offers.plugins")
    lines = [
        f"Airflow     {url}",
        *(f"            log in as {user:<7} password {password}" for user, password in passwords.items()),
        *([f"Calendar    {url}/offer-library/"] if page else []),
        f"Emulator    {emulator.url}/_emulator/",
        f"DAGs        {DAGS.relative_to(ROOT)}: Airflow reads every change",
        f"Approval    {url}/required_actions: a plan of example_campaign_as_code waits there soon",
        f"Files       {home}",
        "Ctrl-C ends everything.",
    ]
    return "\n" + "\n".join(lines)


@contextmanager
def _telling(what: str) -> Iterator[None]:
    began = time.monotonic()
    print(f"{what} ...", flush=True)
    yield
    print(f"  {time.monotonic() - began:.0f} s", flush=True)


def _write_private(file: Path, text: str) -> None:
    file.touch(mode=0o600)
    file.write_text(text)


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "airflow", *arguments]


if __name__ == "__main__":
    sys.exit(main())
