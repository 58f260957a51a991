"""The processes of this machine as Linux lists them, and the end of all processes of one session."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A running process; `title` is its command line, or its new title if it has set one."""

    pid: int
    parent: int
    session: int
    title: str
    stopped: bool = field(default=False, compare=False)


def processes() -> list[Process]:
    """All running processes, except those that end during the reading."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):
                found.append(_read(folder))
    return [process for process in found if process is not None]


def _read(folder: Path) -> Process | None:
    # The fields are counted after the name in brackets, which may contain anything.
    state, parent, _, session, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
    if state == "Z":
        return None
    title = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return Process(int(folder.name), int(parent), int(session), title, stopped=state == "T")


def in_session(session: int) -> list[Process]:
    """The processes of a session: all descendants of its leader, including orphans."""
    return [process for process in processes() if process.session == session]


def kill_session(session: int) -> None:
    """Kill every process of a session, and those that are forked meanwhile."""
    while members := in_session(session):
        for member in members:
            kill(member.pid)
        time.sleep(0.05)


def stop(process: Process) -> bool:
    """Send SIGSTOP; False if the process has ended, or if its id belongs to another process now."""
    with suppress(OSError):
        os.kill(process.pid, signal.SIGSTOP)
        while (now := _read(Path("/proc", str(process.pid)))) == process:
            if now.stopped:
                return True
            time.sleep(0.001)
        resume(process.pid)
    return False


def resume(pid: int) -> None:
    """Send SIGCONT; the process may have ended already."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def kill(pid: int) -> None:
    """Send SIGKILL; the process may have ended already."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
