"""The connections of the synchronous shell: `urllib3` with a deadline for each answer, and a record of progress."""

from __future__ import annotations

import contextlib
import http
import http.client
import io
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from airflow_provider_offers.client.wire.network import (
    MOST_INTERIM,
    TLS_ALERT,
    TLS_THERE,
    longest_answer,
)

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class _Progress(threading.local):
    """The progress of this thread's exchange, which the errors of `requests` and `urllib3` do not show.

    `sent`: a byte of the request itself may have left (the opening of a proxy's tunnel does not count). `late`: the
    answer took too long. `reason`: the error, if it is known. `is_held_up`: whether it is too late to send the request.
    """

    connecting = False
    sent = False
    late = False
    reason: str | None = None
    is_held_up: Callable[[], bool]

    def start(self, is_held_up: Callable[[], bool]) -> None:
        self.connecting = self.sent = self.late = False
        self.reason = None
        self.is_held_up = is_held_up


PROGRESS = _Progress()


class HeldUp(Exception):
    """A request was not sent, because its time was over when its connection was ready. Both shells catch it."""


@contextmanager
def _connecting() -> Iterator[None]:
    PROGRESS.connecting = True
    yield
    PROGRESS.connecting = False


class _Reader(io.RawIOBase):
    """The data of a socket until the time limit, or until `ended` is set."""

    def __init__(self, raw: io.RawIOBase, seconds: float) -> None:
        self._raw = raw
        self._end = time.monotonic() + seconds
        self._first = True
        self.ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        if self.ended:
            return None
        if time.monotonic() > self._end:
            PROGRESS.late = True
            raise TimeoutError("the answer is still incomplete")
        count = cast("int | None", self._raw.readinto(buffer))
        if self._first and count and bytes(memoryview(buffer)[: len(TLS_ALERT)]) == TLS_ALERT:
            PROGRESS.reason = TLS_THERE
        self._first = False
        return count

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._raw.close()


class _Buffer(io.BufferedReader):
    """The data of an answer. Data after its end closes the connection: the next request would get it as its answer."""

    def __init__(self, reader: _Reader, sock: Any) -> None:
        super().__init__(reader)
        self._reader = reader
        self._sock = sock

    def close(self) -> None:
        if not self.closed:
            self._reader.ended = True
            pending = getattr(self._sock, "pending", None)
            if self.peek(1) or (pending is not None and pending()):
                with contextlib.suppress(OSError):
                    self._sock.shutdown(socket.SHUT_RDWR)
        super().close()


class _Answer(http.client.HTTPResponse):
    """An answer, of the service or of a proxy, with a time limit from its first line to its last trailer.

    Skips interim answers; `http.client` skips only status 100.
    """

    def __init__(self, sock: Any, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        seconds = longest_answer(sock.gettimeout())
        self.fp = _Buffer(_Reader(self.fp.detach(), seconds), sock)

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(MOST_INTERIM + 1):
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 100 <= status < 200:
                return version, status, reason
            if status == http.HTTPStatus.SWITCHING_PROTOCOLS:
                break
            http.client.parse_headers(self.fp)
        PROGRESS.reason = f"an interim answer ({status}) came for the last one"
        raise http.client.HTTPException("no answer but interim ones")


class _Telling:
    """Marks this thread's progress before the first byte of a request leaves."""

    sock: Any

    def connect(self) -> None:
        with _connecting():
            super().connect()  # type: ignore[misc]

    def send(self, data: Any) -> None:
        if not PROGRESS.connecting:
            if self.sock is None:
                self.connect()
            if not PROGRESS.sent and PROGRESS.is_held_up():
                raise HeldUp
            PROGRESS.sent = True
        super().send(data)  # type: ignore[misc]


class _Connection(_Telling, HTTPConnection):
    response_class = _Answer


class _SecureConnection(_Telling, HTTPSConnection):
    response_class = _Answer


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_POOLS = {"http": _Pool, "https": _SecurePool}


class Adapter(HTTPAdapter):
    """Trusts the authorities of the context only; `requests` would add its own."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(max_retries=0)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options, ssl_context=self._context)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        options |= {"ssl_context": self._context, "proxy_ssl_context": self._context}
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def cert_verify(self, *_: Any) -> None:
        """Do nothing: the context verifies."""
