"""The emulator as a separate process on a SQLite file, which can be killed and restarted."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import requests

from airflow_provider_offers.emulator import Emulator
from tests.distributed.cluster import wait_until
from tests.distributed.processes import kill_session
from tests.distributed.servers import free_port

_CREATE = re.compile(r"^\S+ POST +/data/core/(?:dps/offers|xcore/[^/ ]+/instances)\b", re.MULTILINE)


class LibraryProcess:
    """The emulator in its own process; use it as a context manager.

    `folder` holds the library and the log, which outlive the process.
    """

    def __init__(self, folder: Path, faults: Iterable[Mapping[str, Any]] = (), **settings: float) -> None:
        self._folder = folder
        self._faults = list(faults)
        self._settings = settings
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True)

    def __enter__(self) -> LibraryProcess:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it on its file and its port, and add the faults again, because an emulator does not store them."""
        settings = [word for name, value in self._settings.items() for word in ("--set", f"{name}={value}")]
        options = ["--port", str(self._port), "--db", str(self._folder / "library.db"), *settings]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "airflow_provider_offers.emulator", *options],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        wait_until(self._answers, "the emulator answers", 60)
        for fault in self._faults:
            self._ask("POST", "faults", json=fault).raise_for_status()

    def kill(self) -> None:
        """Kill it without warning."""
        if self._process is not None:
            kill_session(self._process.pid)
            self._process.wait()
            self._process = None

    def connection(self, api: str) -> dict[str, Any]:
        """The connection for Airflow."""
        extra = {"org_id": Emulator.ORG_ID, "sandbox": Emulator.SANDBOX, "api": api}
        return {
            "conn_type": "offer_library",
            "host": self._url,
            "login": Emulator.CLIENT_ID,
            "password": Emulator.CLIENT_SECRET,
            "extra": {**extra, "token_url": f"{self._url}/ims/token/v3"},
        }

    def offers(self) -> list[dict[str, Any]]:
        """The personalized offers in the library, in generation 2's form."""
        answer = self._ask("GET", "objects", params={"kind": "personalized-offer"})
        answer.raise_for_status()
        return [each["body"] for each in answer.json()["objects"]]

    def posts(self) -> int:
        """The number of received requests to create an offer, without those that a kill interrupted."""
        return len(_CREATE.findall(self._log.read_text()))

    @property
    def _url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def _log(self) -> Path:
        return self._folder / "emulator.log"

    def _answers(self) -> bool:
        try:
            return self._ask("GET", "").ok
        except requests.ConnectionError:
            return False

    def _ask(self, method: str, path: str, **options: Any) -> requests.Response:
        return requests.request(method, f"{self._url}/_emulator/{path}", timeout=30, **options)
