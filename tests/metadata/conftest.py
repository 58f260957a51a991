"""Airflow's own API server, as `airflow api-server` starts it, and the calendar page of a shop on it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_offers.emulator import Emulator
from tests.airflow.harness import Airflow
from tests.metadata.browser import page_of, started

if TYPE_CHECKING:
    from tests.metadata.calendar_page import Journey

PATIENCE = 100
"""Seconds for the server to answer: it needs about ten, on a busy machine many more."""
TRIES = 3
"""How many ports are tried: the server opens its own seconds after it is chosen, and it may be taken by then."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(url: str, token: str | None = None) -> Any:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    # The address is on this machine, so ignore the shell's proxy.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as response:
        return json.load(response)


def _answers(server: subprocess.Popen[bytes], url: str) -> bool:
    """Wait until the server answers; False if it ends or takes too long."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        try:
            get(f"{url}/api/v2/version")
        except (urllib.error.URLError, ConnectionError, TimeoutError, ValueError):
            time.sleep(0.2)
        else:
            # Another process on the port may have answered instead.
            return server.poll() is None
    return False


@contextmanager
def served(command: list[str], environment: Mapping[str, str], log: Path) -> Iterator[str]:
    """A server on a free port; yields its address."""
    for _ in range(TRIES):
        port = free_port()
        with log.open("wb") as output:
            server = subprocess.Popen(
                [*command, "--port", str(port)],
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            if _answers(server, url := f"http://127.0.0.1:{port}"):
                yield url
                return
            if server.poll() is None:
                break
        finally:
            _end(server)
    pytest.fail(f"The API server did not answer:\n{log.read_text(errors='replace')[-5000:]}")


def _end(server: subprocess.Popen[bytes]) -> None:
    """End the server and what it started."""
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGTERM)
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def environment_of(home: Path) -> dict[str, str]:
    """The environment of a server with that home, in which connections may be tested and everybody is an admin."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")} | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
    }


@pytest.fixture(scope="package")
def airflow_server(airflow_session: Airflow, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the server with its own home, in which connections may be tested; return its address."""
    home = tmp_path_factory.mktemp("api-server")
    environment = environment_of(home)
    airflow = [sys.executable, "-m", "airflow"]
    # A copy takes a moment, `airflow db migrate` several seconds.
    airflow_session.copy_new_database(home / "airflow.db")
    log = home / "api-server.log"
    with served([*airflow, "api-server", "--host", "127.0.0.1", "--workers", "1"], environment, log) as url:
        yield url


@pytest.fixture(scope="package")
def api_server(airflow_server: str) -> Callable[[str], Any]:
    """A function that reads a path of the server as JSON."""
    token = get(f"{airflow_server}/auth/token")["access_token"]
    return lambda path: get(f"{airflow_server}{path}", token)


@pytest.fixture(scope="package")
def shop() -> Iterator[Emulator]:
    """A library with a shop's months of campaigns."""
    from tests.metadata.calendar_page import fill

    with Emulator() as emulator:
        fill(emulator)
        yield emulator


@pytest.fixture(scope="package")
def address(airflow_server: str, shop: Emulator) -> str:
    """The server, with connections to the shop."""
    from tests.metadata.calendar_page import connect

    connect(airflow_server, shop)
    connect(airflow_server, shop, "xcore", "shop_xcore")
    return airflow_server


@pytest.fixture(scope="module")
def travel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Journey], None]]:
    """Plays a journey in the browser. One that fails leaves a picture."""
    folder = tmp_path_factory.mktemp("calendar-page")

    async def play(browser: str, journey: Journey) -> None:
        async with page_of(browser) as page:
            try:
                await journey(page)
            except BaseException:
                (folder / "failed.png").write_bytes(await page.picture())
                raise

    with started(folder / "chromium") as browser:
        yield lambda journey: asyncio.run(play(browser, journey))
