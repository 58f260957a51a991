"""The connections of the asynchronous shell: `aiohttp` with a record of progress, and what its errors mean."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

from airflow_provider_offers.client.errors import NoAnswerError
from airflow_provider_offers.client.wire.connections import HeldUp
from airflow_provider_offers.client.wire.messages import Request
from airflow_provider_offers.client.wire.network import MOST_INTERIM, NO_TLS_THERE, TLS_ALERT, TLS_THERE, is_no_tls
from airflow_provider_offers.client.wire.sync_shell import no_answer

# A kept connection is ready within these seconds.
_AT_ONCE = 0.001
_SWITCHING = 101


class Protocol(ResponseHandler):
    """A connection that closes if it receives data that no request asked for.

    `aiohttp` would take such data for the next answer. It skips interim answers without a limit; here they have one.
    """

    _awaited = False
    _interim = 0
    _first = True

    def set_response_params(self, **options: Any) -> None:
        self._awaited, self._interim = True, 0
        super().set_response_params(**options)

    def data_received(self, data: bytes) -> None:
        if self._first and data.startswith(TLS_ALERT):
            self._give_up(SpeaksTls())
        elif data and not self._awaited and (self._payload is None or self._payload.is_eof()):
            self._give_up(None)
        else:
            super().data_received(data)
        self._first = False

    def feed_data(self, data: tuple[Any, Any], size: int = 0) -> None:
        if not self._awaited:
            self._give_up(None)
            return
        code = data[0].code
        self._awaited = 100 <= code < 200 and code != _SWITCHING
        self._interim += self._awaited
        if self._interim > MOST_INTERIM:
            self._give_up(aiohttp.ClientPayloadError("interim answers without an end"))
            return
        super().feed_data(data, size)

    def _give_up(self, error: Exception | None) -> None:
        self.force_close()
        if error is not None:
            self.set_exception(error)
        if self.transport is not None:
            self.transport.close()


class SpeaksTls(aiohttp.ClientConnectionError):
    """A TLS server answers a plain http request."""


@dataclass(slots=True)
class Progress:
    """The progress of one exchange: once it is `connected`, the request may have been sent."""

    seconds: float
    limit: asyncio.Timeout
    began: float
    is_held_up: Callable[[], bool]
    connected: bool = False


PROGRESS: ContextVar[Progress] = ContextVar("offer_library_progress")


class Connector(aiohttp.TCPConnector):
    """Marks an exchange's progress as connected, for new and for reused connections."""

    async def connect(self, *arguments: Any, **options: Any) -> Any:
        connection = await super().connect(*arguments, **options)
        progress = PROGRESS.get()
        if progress.is_held_up():
            connection.release()
            raise HeldUp
        progress.connected = True
        now = asyncio.get_running_loop().time()
        if now - progress.began > _AT_ONCE and not progress.limit.expired():
            # The time before this, for example for a proxy's tunnel, had its own limit.
            progress.limit.reschedule(now + progress.seconds)
        return connection


def unreached(request: Request, error: BaseException, *, proxied: bool) -> NoAnswerError:
    """The error for a request that was not sent, because there was no connection.

    The texts of errors are not kept, because they quote URLs. The class of an error does not show whether a request was
    sent: a proxy may hang up before or after it.
    """
    if isinstance(error, aiohttp.InvalidURL):
        return no_answer(request, "the request is not valid (InvalidURL)", sent=False)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return no_answer(request, "the server's TLS certificate was not accepted", sent=False)
    if proxied:
        return no_answer(request, "the proxy could not be used", sent=False)
    if is_no_tls(error):
        return no_answer(request, NO_TLS_THERE, sent=False)
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return no_answer(request, "the TLS connection failed", sent=False)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return no_answer(request, "the host's name could not be resolved", sent=False)
    if isinstance(error, TimeoutError):
        return no_answer(request, "no connection within the timeout", sent=False)
    if isinstance(error, aiohttp.ClientConnectorError):
        return no_answer(request, "the connection was refused", sent=False)
    return no_answer(request, "no connection could be made", sent=False)


def lost(request: Request, error: BaseException) -> NoAnswerError:
    """The error for a request that was sent and has no answer."""
    if isinstance(error, TimeoutError):
        return no_answer(request, "no answer within the timeout", sent=True)
    if isinstance(error, SpeaksTls):
        return no_answer(request, TLS_THERE, sent=True)
    if isinstance(error, aiohttp.ClientPayloadError):
        return no_answer(request, "the answer broke off", sent=True)
    return no_answer(request, "the connection was lost", sent=True)
