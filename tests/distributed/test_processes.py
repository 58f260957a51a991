"""The basis of this folder's tests: programs that are found or reported missing, and sessions that end completely."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.distributed.cluster import wait_until
from tests.distributed.processes import in_session, kill_session, processes, resume, stop
from tests.distributed.servers import MissingServerError, find_program, free_port, serving

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads Linux's /proc")

# A leader, and a child in its own process group, as Airflow starts a task.
FAMILY = """
import subprocess, sys
subprocess.Popen(["sleep", "600"], process_group=0)
print("ready", flush=True)
sys.stdin.read()
"""


def test_a_missing_program_is_asked_for_by_its_package(tmp_path: Path) -> None:
    with pytest.raises(MissingServerError, match="apt-get install redis-server"):
        find_program("redis-server-that-nobody-has", "redis-server", [tmp_path])


def test_a_program_is_found_off_the_path(tmp_path: Path) -> None:
    program = tmp_path / "initdb-of-this-test"
    program.touch(mode=0o755)
    assert find_program(program.name, "postgresql", [tmp_path]) == str(program)


def http_server(port: int) -> list[str]:
    return [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]


def listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False


def test_a_server_whose_port_is_taken_meanwhile_is_started_on_another(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        ports = iter([taken.getsockname()[1], free_port()])
        with serving(http_server, tmp_path, listens, lambda: next(ports)) as port:
            assert port != taken.getsockname()[1]
            assert listens(port)
        assert not listens(port)
    assert "Address already in use" in (tmp_path / "server.log").read_text()


def test_a_server_that_never_starts_says_why(tmp_path: Path) -> None:
    silent = [sys.executable, "-c", "raise SystemExit('no licence')"]
    with (
        pytest.raises(MissingServerError, match="did not start: no licence"),
        serving(lambda _: silent, tmp_path, listens),
    ):
        pass


def test_a_session_ends_with_all_that_it_started() -> None:
    command = [sys.executable, "-c", FAMILY]
    leader = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    with leader:
        assert leader.stdout is not None
        assert leader.stdout.readline() == b"ready\n"
        wait_until(lambda: "sleep 600" in {each.title for each in in_session(leader.pid)}, "the child has its name", 30)
        family = {each.pid for each in in_session(leader.pid)}
        assert len(family) == 2

        kill_session(leader.pid)

        assert not family & {each.pid for each in processes()}


def test_only_what_still_runs_can_be_stopped() -> None:
    with subprocess.Popen(["sleep", "600"]) as child:
        wait_until(
            lambda: any(each.pid == child.pid and each.title == "sleep 600" for each in processes()), "it runs", 30
        )
        (seen,) = (each for each in processes() if each.pid == child.pid)
        assert seen.parent == os.getpid()
        assert stop(seen)
        resume(child.pid)
        child.kill()
    assert not stop(seen)
