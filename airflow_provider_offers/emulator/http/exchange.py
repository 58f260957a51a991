"""One request on its connection, and every way to answer it: complete, slow, partial, in broken HTTP, or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Iterable, Mapping
from http import HTTPStatus

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from airflow_provider_offers.emulator.http.messages import Answer, Request


class Exchange:
    """One request and the ways to answer it."""

    def __init__(self, request: Request, scope: Scope, receive: Receive, send: Send, closing: asyncio.Event) -> None:
        self.request = request
        self._scope, self._receive, self._send, self._closing = scope, receive, send, closing

    def complete(self, answer: Answer, date: str) -> None:
        """Add a date to the answer, and the request's id or a new one."""
        given = self.request.header("x-request-id") or ""
        usable = 0 < len(given) <= 200 and given.isascii() and given.isprintable()
        answer.headers.setdefault("date", date)
        answer.headers.setdefault("x-request-id", given if usable else str(uuid.uuid4()))

    async def send(self, answer: Answer) -> None:
        """Send an answer unchanged."""
        response = Response(answer.body, answer.status, answer.headers)
        await response(self._scope, self._receive, self._send)

    async def send_slowly(self, answer: Answer, chunk: int, seconds: float) -> None:
        """Send the body in chunks, with a pause before each chunk."""
        await self._start(answer, len(answer.body))
        for position in range(0, len(answer.body), chunk):
            await self.pause(seconds)
            part = answer.body[position : position + chunk]
            await self._send({"type": "http.response.body", "body": part, "more_body": True})
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def send_part(self, answer: Answer, size: int | None) -> None:
        """Announce the whole body, send a part of it (half of it if None), and close the connection."""
        length = max(1, len(answer.body))
        part = answer.body[: min(length - 1, length // 2 if size is None else size)]
        await self._start(answer, length)
        await self._send({"type": "http.response.body", "body": part, "more_body": True})
        self._transport.close()
        await self._until_closed()

    def send_interim(self, status: int, headers: Mapping[str, str]) -> None:
        """Write an interim answer (1xx) without the server's knowledge; the final answer follows."""
        self._transport.write(_head(status, headers.items()))

    async def send_with_two_lengths(self, answer: Answer) -> None:
        """Send an answer with two different body lengths, and close the connection: clients must reject it."""
        lengths = [("content-length", str(len(answer.body) + more)) for more in (0, 1)]
        await self.send_raw(_head(answer.status, [*answer.headers.items(), *lengths]) + answer.body)

    async def send_raw(self, content: bytes) -> None:
        """Send any bytes, and close the connection."""
        self._transport.write(content)
        await self.close()

    async def close(self) -> None:
        """Close the connection after everything is sent."""
        self._transport.close()
        await self._until_closed()

    async def drop(self) -> None:
        """Close the connection without an answer."""
        self._transport.abort()
        await self._until_closed()

    async def pause(self, seconds: float) -> None:
        """Wait, unless the server is about to stop."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)

    @property
    def _transport(self) -> asyncio.Transport:
        transport: asyncio.Transport = self._scope["state"]["transport"]
        return transport

    async def _start(self, answer: Answer, length: int) -> None:
        headers = {**answer.headers, "content-length": str(length)}
        pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": answer.status, "headers": pairs})

    async def _until_closed(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass


def phrase(status: int) -> str:
    """The reason phrase of a status."""
    return HTTPStatus(status).phrase if status in list(HTTPStatus) else "Error"


def _head(status: int, headers: Iterable[tuple[str, str]]) -> bytes:
    lines = [f"HTTP/1.1 {status} {phrase(status)}", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
