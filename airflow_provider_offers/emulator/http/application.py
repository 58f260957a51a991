"""The ASGI application: reads requests, applies faults, writes the journal, and sends or breaks answers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from starlette.requests import ClientDisconnect
from starlette.requests import Request as StarletteRequest
from starlette.types import Receive, Scope, Send

from airflow_provider_offers.emulator import wellknown
from airflow_provider_offers.emulator.control import control
from airflow_provider_offers.emulator.control.journal import line
from airflow_provider_offers.emulator.http import cors
from airflow_provider_offers.emulator.http.exchange import Exchange
from airflow_provider_offers.emulator.http.messages import Answer, Request
from airflow_provider_offers.emulator.http.spoiling import Victim, deliver, http_date, suffer
from airflow_provider_offers.emulator.service import Service

Log = Callable[[str], None]

logger = logging.getLogger(__name__)


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
        exchange = Exchange(request, scope, receive, send, self.closing)
        prefix = wellknown.CONTROL_PREFIX
        if request.raw_path == prefix or request.raw_path.startswith(prefix + "/"):
            answer = self._guarded(lambda: control.guarded_answer(self._service, request))
            self._complete(exchange, answer)
            await exchange.send(answer)
        else:
            await self._serve(exchange, too_large=body is None)

    async def _serve(self, exchange: Exchange, *, too_large: bool) -> None:
        service, request = self._service, exchange.request
        started = time.perf_counter()
        settings, matched = service.settings, service.match(request)
        with service.lock:
            entry = service.journal.open(
                request, matched.name, limit=settings.journal_limit, body_limit=settings.journal_body_limit
            )
            fault = service.faults.strike(request, matched.name)
        entry.fault = str(fault) if fault else None

        def handle() -> Answer:
            answer = service.too_large() if too_large else self._guarded(lambda: service.answer(request, matched))
            entry.committed, entry.note = entry.committed or answer.committed, answer.note
            return answer

        async def handled() -> Answer:
            return await asyncio.to_thread(handle) if matched.scans else handle()

        try:
            victim = Victim(service, exchange, matched, handle, handled)
            answer = await handled() if fault is None else await suffer(fault, victim)
            if answer is not None:
                cors.open_to(request, answer, settings)
                self._complete(exchange, answer)
                service.latest[matched.name] = answer
            # The entry is complete before the client sees the answer, so a test can read it at once.
            service.journal.close(entry, answer, body_limit=settings.journal_body_limit)
            entry.ms, entry.open = round((time.perf_counter() - started) * 1000, 1), False
            await deliver(fault, exchange, answer)
        finally:
            entry.open = False
            if self._log is not None:
                self._log(line(entry))

    def _complete(self, exchange: Exchange, answer: Answer) -> None:
        exchange.complete(answer, http_date(self._service.clock.now_us()))

    async def _body(self, incoming: StarletteRequest) -> bytes | None:
        """The whole body, or None if it is too large."""
        bound, parts, size = self._service.settings.max_body_bytes, [], 0
        async for part in incoming.stream():
            size += len(part)
            if size <= bound:
                parts.append(part)
            elif size > 20 * bound:
                # Reading the rest lets the client finish and see the answer, but there is a limit.
                return None
        return b"".join(parts) if size <= bound else None

    def _guarded(self, run: Callable[[], Answer]) -> Answer:
        try:
            return run()
        except Exception as error:
            logger.exception("the emulator failed")
            return self._service.failure(error)
