"""PostgreSQL and Redis from the system's packages, on free ports, in a folder that is removed at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tests.distributed.processes import kill_session

TRIES = 3


class MissingServerError(Exception):
    """A server cannot be started here; the message says what to install or change."""


def free_port() -> int:
    """A port on which no program listens."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def find_program(name: str, package: str, folders: Sequence[Path] = ()) -> str:
    """The path of a program, on PATH or in one of the folders; if it is missing, the error names its Debian package."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *map(str, folders)]))
    if found is None:
        raise MissingServerError(
            f"{name} is needed and is neither on PATH nor where Debian keeps it: apt-get install {package}"
        )
    return found


@contextmanager
def postgresql() -> Iterator[str]:
    """A PostgreSQL server with an empty database; yields its address for SQLAlchemy."""
    # Debian keeps the server's programs outside PATH, in one folder for each version.
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    programs = ("initdb", "postgres", "pg_isready")
    initdb, postgres, pg_isready = (find_program(name, "postgresql", folders) for name in programs)
    account = _account()
    with _folder(account) as folder:
        as_account = _run_as(account) if account else {}
        data = folder / "data"
        setting = ("-U", "airflow", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
        made = [initdb, "-D", str(data), *setting]
        subprocess.run(made, cwd=folder, stdout=subprocess.DEVNULL, check=True, **as_account)
        # This database is temporary, so nothing needs to be synced to the disk.
        options = {"fsync": "off", "full_page_writes": "off", "listen_addresses": "127.0.0.1"}
        options |= {"unix_socket_directories": "", "max_connections": "200"}
        command = [postgres, "-D", str(data), *(f"--{name}={value}" for name, value in options.items())]

        def answers(port: int) -> bool:
            return _succeeds([pg_isready, "-h", "127.0.0.1", "-p", str(port), "-q"])

        with serving(lambda port: [*command, f"--port={port}"], folder, answers, **as_account) as port:
            yield f"postgresql+psycopg2://airflow@127.0.0.1:{port}/postgres"


@contextmanager
def redis() -> Iterator[str]:
    """A Redis server that keeps everything in memory; yields its address."""
    server = find_program("redis-server", "redis-server")
    with _folder(None) as folder:
        command = [server, "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        with serving(lambda port: [*command, "--port", str(port)], folder, _redis_answers) as port:
            yield f"redis://127.0.0.1:{port}/0"


def _account() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root; the account that it uses instead."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return pwd.getpwnam("postgres" if "postgres" in names else "nobody")


@contextmanager
def _folder(account: pwd.struct_passwd | None) -> Iterator[Path]:
    """A new folder that only the account can open."""
    for parent in (tempfile.gettempdir(), "/tmp", "/var/tmp"):
        folder = Path(tempfile.mkdtemp(prefix="offer-library-test-", dir=parent))
        try:
            if account is None or _may_enter(account, folder):
                yield folder
                return
        finally:
            shutil.rmtree(folder)
    raise MissingServerError("PostgreSQL does not run as root, and no folder for temporary files is open to others")


def _may_enter(account: pwd.struct_passwd, folder: Path) -> bool:
    os.chown(folder, account.pw_uid, account.pw_gid)
    return _succeeds(["test", "-w", str(folder)], **_run_as(account))


def _run_as(account: pwd.struct_passwd) -> dict[str, Any]:
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _succeeds(command: list[str], **options: Any) -> bool:
    return subprocess.run(command, check=False, **options).returncode == 0


@contextmanager
def serving(
    command: Callable[[int], list[str]],
    folder: Path,
    answers: Callable[[int], bool],
    ports: Callable[[], int] = free_port,
    **options: Any,
) -> Iterator[int]:
    """Start a server on a free port, and yield the port when the server answers.

    Another program may take the port before the server opens it: if the server ends early, it is started again on
    another port. Raises `MissingServerError` with the server's log if none starts.
    """
    log = folder / "server.log"
    for _ in range(TRIES):
        port = ports()
        with log.open("ab") as output:
            server = subprocess.Popen(
                command(port),
                cwd=folder,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                **options,
            )
        try:
            if _begins(server, partial(answers, port)):
                yield port
                return
        finally:
            kill_session(server.pid)
            server.wait()
    raise MissingServerError(f"{command(port)[0]} did not start: {log.read_text()[-2000:]}")


def _begins(server: subprocess.Popen[bytes], answers: Callable[[], bool]) -> bool:
    """Whether the server answers in time; if it has ended, another program may answer."""
    end = time.monotonic() + 60
    while not answers():
        if server.poll() is not None or time.monotonic() > end:
            return False
        time.sleep(0.1)
    return server.poll() is None


def _redis_answers(port: int) -> bool:
    try:
        with closing(socket.create_connection(("127.0.0.1", port), timeout=5)) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(5) == b"+PONG"
    except OSError:
        return False
