"""The HTTP of one connection: uvicorn's parser in C, with the rules of HTTP that it does not check."""

from __future__ import annotations

import asyncio

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

# The limit of uvicorn's other parser.
_LONGEST_HEAD = 65_536


class Protocol(HttpToolsProtocol):
    """Gives the application access to its connection, so a fault can break it, and answers requests in their order."""

    _running: RequestResponseCycle | None = None
    _refusal: str | None = None
    _begun = 0
    _in_head = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # The emulator writes its own log, and does not configure uvicorn's loggers, which others may use.
        self.access_log = False
        self.app_state = {**self.app_state, "transport": transport}

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        # uvicorn tells only the newest request, and an earlier one may still run.
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()

    def data_received(self, data: bytes) -> None:
        """Parse bytes. A client that offers another protocol is answered in this one."""
        self._unset_keepalive_if_required()
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as offered:
                data = self._without_upgrade() + data[offered.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
                continue
            except httptools.HttpParserError as error:
                return self.send_400_response(f"This is not a valid HTTP request: {error.__context__ or error}")
            break
        self._begun = self._begun + len(data) if self._in_head else 0
        if self._begun > _LONGEST_HEAD:
            self.send_400_response(_TOO_LONG)
        return None

    def send_400_response(self, msg: str) -> None:
        """Refuse bytes that are not a request. Complete requests before them are answered first."""
        running = self._running
        if running is None or running.response_complete or (running is self.cycle and running.more_body):
            super().send_400_response(msg)
            return
        self._refusal = msg
        if self.pipeline and self.cycle.more_body:
            # The newest request is the one that is refused.
            self.pipeline.popleft()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self.parser.get_method() == b"CONNECT":
            raise ValueError("CONNECT is for proxies, and the emulator is not a proxy")
        if len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > _LONGEST_HEAD:
            raise ValueError(_TOO_LONG)
        if b"#" in self.url:
            raise ValueError("the address has a #, which must be written as %23")
        if self.url.startswith(b"http") and not httptools.parse_url(self.url).path:
            raise ValueError("the address has no path")
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() != "1.0"):
            raise ValueError(f"{hosts or 'no'} Host headers; exactly one is expected")
        if not self.parser.should_upgrade():
            super().on_headers_complete()
            if not self.pipeline:
                self._running = self.cycle

    def on_message_complete(self) -> None:
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def on_response_complete(self) -> None:
        if self.pipeline:
            self._running = self.pipeline[-1][0]
        super().on_response_complete()
        running = self._running
        if self._refusal is None or self.transport.is_closing():
            return
        if running is not None and running.response_complete:
            super().send_400_response(self._refusal)

    def _without_upgrade(self) -> bytes:
        """The head that was just parsed, without the offer of another protocol, which hides the body from a parser."""
        version = self.parser.get_http_version().encode()
        lines = [b" ".join((self.parser.get_method(), self.url, b"HTTP/" + version))]
        lines += [name + b": " + value for name, value in self.headers if name != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])


_TOO_LONG = f"the address and the headers are longer than {_LONGEST_HEAD} bytes"
