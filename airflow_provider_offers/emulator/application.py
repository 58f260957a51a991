"""The ASGI application: reads requests, applies faults, keeps the journal, and sends or breaks the answers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
import uuid
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus

from starlette.requests import ClientDisconnect
from starlette.requests import Request as StarletteRequest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from airflow_provider_offers.emulator import control, wellknown
from airflow_provider_offers.emulator.faults import Fault
from airflow_provider_offers.emulator.journal import Entry, line
from airflow_provider_offers.emulator.messages import Answer, Request
from airflow_provider_offers.emulator.service import Matched, Service

Log = Callable[[str], None]

logger = logging.getLogger(__name__)

_HTML = "<html><head><title>{status} {phrase}</title></head><body><h1>{status} {phrase}</h1><hr>proxy</body></html>"


class Application:
    """The ASGI application over one service."""

    def __init__(self, service: Service, log: Log | None = None) -> None:
        self._service = service
        self._log = log
        self.closing = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        incoming = StarletteRequest(scope, receive)
        try:
            body = await self._body(incoming)
        except ClientDisconnect:
            return
        request = Request(
            method=scope["method"],
            raw_path=scope["raw_path"].decode("ascii", "replace"),
            query_string=scope["query_string"].decode("latin-1"),
            headers=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]),
            body=body or b"",
        )
        exchange = _Exchange(request, scope, receive, send, self.closing)
        prefix = wellknown.CONTROL_PREFIX
        if request.raw_path == prefix or request.raw_path.startswith(prefix + "/"):
            await exchange.send(self._guarded(lambda: control.answer(self._service, request)))
        else:
            await self._serve(exchange, too_large=body is None)

    async def _serve(self, exchange: _Exchange, *, too_large: bool) -> None:
        service, request = self._service, exchange.request
        started = time.perf_counter()
        settings, matched = service.settings, service.match(request)
        with service.lock:
            entry = service.journal.open(
                request, matched.name, limit=settings.journal_limit, body_limit=settings.journal_body_limit
            )
            fault = service.faults.strike(request, matched.name)
        entry.fault = str(fault) if fault else None
        answer: Answer | None = None
        try:
            answer = await self._suffer(exchange, fault, matched, entry, too_large=too_large)
            if answer is not None:
                answer.headers.setdefault("date", _http_date(service.clock.now_us()))
                exchange.complete(answer)
            # The entry is complete before the client can see the answer, so that a test may look at once.
            service.journal.close(entry, answer, body_limit=settings.journal_body_limit)
            entry.ms = round((time.perf_counter() - started) * 1000, 1)
            if answer is None:
                await exchange.drop()
            elif fault is not None and fault.effect == "truncate":
                await exchange.send_part(answer, fault)
            elif fault is not None and fault.effect == "dribble":
                await exchange.send_slowly(answer, fault)
            else:
                await exchange.send(answer)
        finally:
            if self._log is not None:
                self._log(line(entry))

    async def _suffer(
        self, exchange: _Exchange, fault: Fault | None, matched: Matched, entry: Entry, *, too_large: bool
    ) -> Answer | None:
        """The answer to send, or None to send none."""
        service, request = self._service, exchange.request

        def handle() -> Answer:
            answer = service.too_large() if too_large else self._guarded(lambda: service.answer(request, matched))
            entry.committed, entry.note = answer.committed, answer.note
            return answer

        if fault is None:
            return handle()
        if fault.effect == "expire_token":
            return service.expire_token(request)
        if fault.effect == "late":
            service.postpone(fault.seconds, handle)
            return None
        early = fault.when == "before"
        if fault.effect == "delay":
            if early:
                await exchange.pause(fault.seconds)
                return handle()
            answer = handle()
            await exchange.pause(fault.seconds)
            return answer
        if fault.effect in ("status", "drop", "html"):
            if not early:
                handle()
            return None if fault.effect == "drop" else _faulty_answer(fault, service.clock.now_us())
        return self._spoiled(handle(), fault, matched)

    def _spoiled(self, answer: Answer, fault: Fault, matched: Matched) -> Answer:
        """The answer after what a fault does once the request took effect."""
        if fault.effect == "fail_job" and matched.name == "dwm.submit":
            self._service.fail_job(answer, fault.body if isinstance(fault.body, str) else "injected by a fault rule")
        return _malformed(answer) if fault.effect == "malformed" else answer

    async def _body(self, incoming: StarletteRequest) -> bytes | None:
        """The whole body, or None when it is larger than allowed."""
        bound, parts, size = self._service.settings.max_body_bytes, [], 0
        async for part in incoming.stream():
            size += len(part)
            if size <= bound:
                parts.append(part)
            elif size > 20 * bound:
                # Reading on lets the client finish and see the answer, but not for ever.
                return None
        return b"".join(parts) if size <= bound else None

    def _guarded(self, run: Callable[[], Answer]) -> Answer:
        try:
            return run()
        except Exception as error:
            logger.exception("the emulator failed")
            return self._service.failure(error)


class _Exchange:
    """One request and the ways to answer it."""

    def __init__(self, request: Request, scope: Scope, receive: Receive, send: Send, closing: asyncio.Event) -> None:
        self.request = request
        self._scope, self._receive, self._send, self._closing = scope, receive, send, closing

    async def send(self, answer: Answer) -> None:
        """Send an answer as it is."""
        self.complete(answer)
        response = Response(answer.body, answer.status, answer.headers)
        await response(self._scope, self._receive, self._send)

    async def send_slowly(self, answer: Answer, fault: Fault) -> None:
        """Send the body in pieces, with a pause before each."""
        await self._start(answer, len(answer.body))
        for position in range(0, len(answer.body), fault.chunk):
            await self.pause(fault.seconds)
            part = answer.body[position : position + fault.chunk]
            await self._send({"type": "http.response.body", "body": part, "more_body": True})
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def send_part(self, answer: Answer, fault: Fault) -> None:
        """Promise the whole body, send a part of it, and close the connection."""
        length = max(1, len(answer.body))
        part = answer.body[: min(length - 1, length // 2 if fault.bytes is None else fault.bytes)]
        await self._start(answer, length)
        await self._send({"type": "http.response.body", "body": part, "more_body": True})
        self._transport.close()
        await self._until_closed()

    async def drop(self) -> None:
        """Close the connection without a word."""
        self._transport.abort()
        await self._until_closed()

    async def pause(self, seconds: float) -> None:
        """Wait, but not when the server is to stop."""
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

    def complete(self, answer: Answer) -> None:
        """Give the answer the request's id, or a new one."""
        given = self.request.header("x-request-id") or ""
        usable = 0 < len(given) <= 200 and given.isascii() and given.isprintable()
        answer.headers.setdefault("x-request-id", given if usable else str(uuid.uuid4()))


def _malformed(answer: Answer) -> Answer:
    broken = answer.body[: max(1, len(answer.body) // 2)] or b'{"'
    return Answer(answer.status, broken, dict(answer.headers))


def _http_date(at_us: int) -> str:
    return formatdate(at_us // 1_000_000, usegmt=True)


def _faulty_answer(fault: Fault, now_us: int) -> Answer:
    phrase = HTTPStatus(fault.status).phrase if fault.status in list(HTTPStatus) else "Error"
    headers = dict(fault.headers)
    if fault.retry_after is not None:
        as_date = fault.retry_after_form == "date"
        # A date has whole seconds; rounding up keeps the promise of not coming back too early.
        at_us = now_us + round((fault.retry_after + 1) * 1_000_000)
        headers["retry-after"] = _http_date(at_us) if as_date else f"{fault.retry_after:g}"
    if fault.effect == "html":
        text = _HTML.format(status=fault.status, phrase=phrase)
        return Answer(fault.status, text.encode(), {"content-type": "text/html", **headers})
    if isinstance(fault.body, str):
        return Answer(fault.status, fault.body.encode(), {"content-type": "text/plain; charset=utf-8", **headers})
    document = fault.body
    if document is None and fault.status == 429:
        document = {"error_code": "429050", "message": "Too many requests"}
    elif document is None:
        document = {"title": phrase, "status": fault.status, "detail": "injected by a fault rule"}
    return Answer(fault.status, json.dumps(document).encode(), {"content-type": "application/json", **headers})
