"""Captures the logs and output of a run, and leaves them for pytest's own report."""

import io
import logging
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import IO, Any

DEBUGGED = ("airflow_provider_offers", "airflow.task", "urllib3", "requests", "aiohttp", "asyncio", "asgiref")


class Output:
    """The output so far. It is in a file, so that forked processes can add to it."""

    def __init__(self, file: IO[str]) -> None:
        self.file = file

    def text(self) -> str:
        """All of it."""
        self.file.seek(0)
        return self.file.read()


class _Tee(io.TextIOBase):
    def __init__(self, *streams: IO[str]) -> None:
        self._streams = streams

    def write(self, text: str) -> int:
        for stream in self._streams:
            stream.write(text)
            stream.flush()
        return len(text)


@contextmanager
def captured_output() -> Iterator[Output]:
    """Collect prints and the log lines of structlog and of the standard library; our own from level DEBUG."""
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as file,
        _logged_to(file),
        redirect_stdout(_Tee(file, sys.stdout)),
        redirect_stderr(_Tee(file, sys.stderr)),
    ):
        yield Output(file)


@contextmanager
def _logged_to(file: IO[Any]) -> Iterator[None]:
    handler = logging.StreamHandler(file)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    # Each change makes all loggers of the process forget what they know of their levels.
    raised = {name: level for name in DEBUGGED if (level := logging.getLogger(name).level) != logging.DEBUG}
    root.addHandler(handler)
    for name in raised:
        logging.getLogger(name).setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.removeHandler(handler)
        for name, level in raised.items():
            logging.getLogger(name).setLevel(level)
