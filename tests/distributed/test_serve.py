"""`make airflow` as a user runs it: it starts, lets the user in, shows its campaigns, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).parent.parent.parent
PATIENCE = 400
"""Seconds for everything to start, on a machine with other work; and for everything to end."""


def call(url: str, body: Any = None, token: str | None = None) -> Any:
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as answer:
        return json.load(answer)


def processes_of(home: Path) -> list[int]:
    """The processes that have the folder in their environment."""
    found = []
    for each in Path("/proc").iterdir():
        if each.name.isdecimal() and int(each.name) != os.getpid():
            with suppress(OSError):
                if f"AIRFLOW_HOME={home}\0".encode() in (each / "environ").read_bytes():
                    found.append(int(each.name))
    return found


def greeting_of(serving: subprocess.Popen[str]) -> str:
    """What it prints until it is ready, or until it ends."""
    assert serving.stdout is not None
    told = ""
    for line in serving.stdout:
        told += line
        if line.startswith("Ctrl-C"):
            break
    return told


@pytest.mark.distributed
@pytest.mark.timeout(2 * PATIENCE)
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="the processes are read from /proc")
def test_it_starts_answers_and_ends_without_a_trace(tmp_path: Path) -> None:
    home = tmp_path / "home"
    command = [sys.executable, str(CHECKOUT / "demo" / "serve.py"), "--port", "0", "--home", str(home)]
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=CHECKOUT, start_new_session=True, **output) as serving:  # type: ignore[call-overload]
        try:
            told = greeting_of(serving)
            found = dict(re.findall(r"^(Airflow|Emulator) +(http\S+)", told, re.MULTILINE))
            assert set(found) == {"Airflow", "Emulator"}, told
            (password,) = re.findall(r"log in as admin +password (\S+)", told)
            _expect(found["Airflow"], found["Emulator"], password)
            assert processes_of(home)
        finally:
            serving.send_signal(signal.SIGINT)
            rest = serving.communicate(timeout=PATIENCE)[0]
    assert serving.returncode == 0, rest
    assert rest.splitlines()[-1] == "Everything has ended."
    assert processes_of(home) == []
    assert password not in rest


def _expect(airflow: str, emulator: str, password: str) -> None:
    token = call(f"{airflow}/auth/token", {"username": "admin", "password": password})["access_token"]
    connections = call(f"{airflow}/api/v2/connections", token=token)["connections"]
    assert {each["connection_id"] for each in connections} >= {"offer_library_default", "offer_library_xcore"}
    assert call(f"{airflow}/api/v2/importErrors", token=token)["total_entries"] == 0
    offers = call(f"{emulator}objects?kind=personalized&sandbox=dev")["objects"]
    names = {each["body"]["name"] for each in offers}
    # One of the months of campaigns, and one of the campaign as code.
    assert {"Flash sale: 30 % off raincoats", "Beach: Large towels"} <= names
    deadline = time.monotonic() + PATIENCE
    while not (waiting := call(f"{airflow}/api/v2/dags/~/dagRuns/~/hitlDetails", token=token)["hitl_details"]):
        assert time.monotonic() < deadline
        time.sleep(1)
    assert "1 to create, 1 to change" in waiting[0]["subject"]


def test_a_folder_with_files_of_others_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    command = [sys.executable, str(CHECKOUT / "demo" / "serve.py"), "--port", "0", "--home", str(tmp_path)]
    refused = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert refused.returncode == 1
    assert "has files of others" in refused.stderr
    assert (tmp_path / "mine.txt").read_text() == "mine"
