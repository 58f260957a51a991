"""The server: a bound socket, and uvicorn with the application in its own thread."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import threading
import time
from typing import Any

import uvicorn

from airflow_provider_offers.emulator.http.application import Application, Log
from airflow_provider_offers.emulator.http.protocol import Protocol
from airflow_provider_offers.emulator.service import Service

_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

logger = logging.getLogger(__name__)


class _Uvicorn(uvicorn.Server):
    """uvicorn that reports when it is ready, and ends at once: its own loops look every 100 ms whether to end."""

    def __init__(self, config: uvicorn.Config, ready: threading.Event, closing: asyncio.Event) -> None:
        super().__init__(config)
        self._ready, self._closing = ready, closing

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.set()

    async def main_loop(self) -> None:
        await self._closing.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close idle connections, and give requests the time of `timeout_graceful_shutdown` to end."""
        for listening in (*self.servers, *(sockets or ())):
            listening.close()
        state = self.server_state
        for connection in list(state.connections):
            connection.shutdown()
        deadline = time.monotonic() + (self.config.timeout_graceful_shutdown or 0)
        pause = 0.0
        while (state.connections or state.tasks) and time.monotonic() < deadline:
            await asyncio.sleep(pause)
            pause = min(pause * 2 + 0.001, 0.05)
        for task in state.tasks:
            task.cancel()


class ServerThread:
    """A running server: a bound socket and a thread."""

    def __init__(self, service: Service, host: str, port: int, log: Log | None = None) -> None:
        self._service, self._log = service, log
        self._socket = _bound(host, port)
        self.port: int = self._socket.getsockname()[1]
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._application: Application | None = None
        self._server: _Uvicorn | None = None
        self._failure: BaseException | None = None
        self._exhausted = False
        self._thread = threading.Thread(target=self._run, name=f"offer-library-emulator-{self.port}", daemon=True)

    def start(self) -> None:
        """Start the server; returns when it answers requests."""
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            self._thread.join()
            raise RuntimeError(f"the emulator's server did not start: {self._failure}") from self._failure

    def stop(self) -> None:
        """Stop the server and close open connections."""
        loop, server, application = self._loop, self._server, self._application
        if loop is not None and server is not None and application is not None and self._thread.is_alive():
            server.should_exit = True
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(application.closing.set)
            self._thread.join(10)
        self._socket.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except Exception as error:  # noqa: BLE001 - start() raises it
            self._failure = error
        finally:
            self._ready.set()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(self._report)
        self._application = Application(self._service, self._log)
        config = uvicorn.Config(
            self._application,
            http=Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            server_header=False,
            # The application sends the date of the emulator's clock.
            date_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=2,
        )
        self._server = _Uvicorn(config, self._ready, self._application.closing)
        await self._server.serve(sockets=[self._socket])

    def _report(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log once that connections wait for a file descriptor: asyncio logs it thousands of times a second."""
        error = context.get("exception")
        if self._exhausted and self._server is not None and self._server.should_exit:
            # asyncio also tries again after the end, on a closed socket.
            return
        if not isinstance(error, OSError) or error.errno not in _EXHAUSTED:
            loop.default_exception_handler(context)
        elif not self._exhausted:
            self._exhausted = True
            logger.warning("Too many connections for this process: new ones wait (%s)", error.strerror)


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(512)
    except BaseException:
        bound.close()
        raise
    return bound
