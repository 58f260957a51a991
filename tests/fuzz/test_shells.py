"""Both shells against servers that misbehave below HTTP: every answer ends, in bounded memory, as documented."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_offers.client.errors import NoAnswerError
from airflow_provider_offers.client.wire import async_shell, sync_shell
from airflow_provider_offers.client.wire.async_shell import AsyncShell
from airflow_provider_offers.client.wire.auth import TokenCache
from airflow_provider_offers.client.wire.governor import Governor
from airflow_provider_offers.client.wire.messages import Flow, Request, Response
from airflow_provider_offers.client.wire.retry import Retries
from airflow_provider_offers.client.wire.sync_shell import SyncShell
from tests.client.script import SETTINGS
from tests.client.sockets import raw_server
from tests.effort import examples
from tests.fuzz.driving import check_error

READY = replace(SETTINGS, access_token="t", timeout=5.0, proxies={})
BOUND = 2_000_000
Speak = Callable[[socket.socket, threading.Event], None]


@pytest.fixture(autouse=True)
def _a_smaller_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (sync_shell, async_shell):
        monkeypatch.setattr(module, "MAX_BODY", BOUND)


def one(request: Request) -> Flow[Response]:
    response: Response = yield request
    return response


def by_requests(url: str) -> Response:
    shell = SyncShell(READY, retries=Retries(), tokens=TokenCache())
    try:
        return shell.run(one(Request("GET", url, {})))
    finally:
        shell.close()


def by_aiohttp(url: str) -> Response:
    async def drive() -> Response:
        async with AsyncShell(READY, retries=Retries(), governor=Governor(), tokens=TokenCache()) as shell:
            return await shell.run(one(Request("GET", url, {})))

    return asyncio.run(drive())


SHELLS = pytest.mark.parametrize("shell", [by_requests, by_aiohttp], ids=["sync", "async"])


def sending(*parts: bytes, times: int = 1) -> Speak:
    """Sends the parts, and repeats the last one until the client closes the connection."""

    def speak(connection: socket.socket, over: threading.Event) -> None:
        for part in parts:
            connection.sendall(part)
        for _ in range(times - 1):
            if over.is_set():
                return
            connection.sendall(parts[-1])

    return speak


def bomb(coding: str) -> bytes:
    """A body of 300 MB in 300 kB: the same megabyte of zeros repeatedly, each fully flushed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    megabyte = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return {"gzip": b"\x1f\x8b\x08" + bytes(6) + b"\xff", "deflate": b"\x78\xda"}[coding] + megabyte * 300


_OK = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
_LARGE = b"Content-Length: 100000000000\r\n\r\n"
ENDLESS: dict[str, Speak] = {
    "a body without an end": sending(_OK + b"\r\n", b"x" * 65_536, times=100_000),
    "a body of an absurd length": sending(_OK + _LARGE, b"x" * 65_536, times=100_000),
    "chunks without an end": sending(_CHUNKED, b"400\r\n" + b"x" * 1_024 + b"\r\n", times=10**6),
    "headers without an end": sending(_OK, b"x-header: " + b"y" * 1_000 + b"\r\n", times=10**6),
    "a header without an end": sending(_OK + b"x: ", b"y" * 65_536, times=100_000),
    "a status line without an end": sending(b"HTTP/1.1 200 ", b"O" * 65_536, times=100_000),
    "a gzip bomb": sending(_OK + b"Content-Encoding: gzip\r\n\r\n", bomb("gzip")),
    "a deflate bomb": sending(_OK + b"Content-Encoding: deflate\r\n\r\n", bomb("deflate")),
    "a bomb in a bomb": sending(_OK + b"Content-Encoding: gzip, gzip\r\n\r\n", gzip.compress(bomb("gzip"))),
}


@SHELLS
@pytest.mark.parametrize("what", ENDLESS)
def test_what_has_no_end_is_cut_off(shell: Callable[[str], Response], what: str) -> None:
    """The result is an error, or an answer without the endless part, and needs little memory."""
    with raw_server(ENDLESS[what]) as url, Measured() as peak:
        try:
            assert len(shell(url + "/x").body) < 10_000
        except NoAnswerError as error:
            check_error(error)
    # aiohttp may decompress 32 MiB at once before it can be stopped.
    assert peak[0] < 100_000_000, peak


class Measured:
    """The largest number of bytes that Python used at once, after the block."""

    def __enter__(self) -> list[int]:
        self._peak = [0]
        tracemalloc.start()
        return self._peak

    def __exit__(self, *_: object) -> None:
        self._peak[0] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()


_LINES = st.sampled_from(
    [
        *(
            b"HTTP/1.1 200 OK",
            b"HTTP/1.0 200",
            b"HTTP/1.1 200",
            b"HTTP/1.1 abc OK",
            b"HTTP/9.9 200 OK",
            b"HTTP/1.1 99999 OK",
        ),
        *(
            b"HTTP/1.1 -1 OK",
            b"HTTP/1.1 1e2 OK",
            b"HTTP/1.1 000 \xff\x00",
            b"ICY 200 OK",
            b"",
            b" ",
            b"<html>",
            b"\x16\x03\x01",
        ),
        *(
            b"HTTP/1.1 204 No Content",
            b"HTTP/1.1 304 Not Modified",
            b"HTTP/1.1 101 Switching Protocols",
            b"HTTP/1.1 100 Continue",
        ),
        *(b"HTTP/1.1 302 Found", b"HTTP/1.1 401 Unauthorized", b"HTTP/1.1 429 Slow", b"HTTP/1.1 503 Later"),
    ]
)
_HEADER = st.sampled_from(
    [
        *(
            b"Content-Length: 2",
            b"Content-Length: -2",
            b"Content-Length: 9999999999",
            b"Content-Length: x",
            b"Content-Length: 1, 2",
        ),
        *(
            b"Transfer-Encoding: chunked",
            b"Transfer-Encoding: identity, gzip",
            b"Content-Encoding: gzip",
            b"Content-Encoding: br",
        ),
        *(
            b"Content-Encoding: zstd, gzip, x",
            b"Connection: close",
            b"Connection: \xff",
            b"Location: http://[",
            b"Location: \xff\xfe",
        ),
        *(
            b"Retry-After: \xff",
            b"X-Request-Id: \x1b[2J",
            b"X-Request-Id: \xe2\x80\xa8",
            b"Set-Cookie: a=b; Domain=.x",
            b"no colon",
        ),
        *(
            b": no name",
            b" folded",
            b"a b: c",
            b"x: \x00",
            b"WWW-Authenticate: Negotiate",
            b"Content-Type: \xff; charset=x",
        ),
    ]
)
_BODY = st.sampled_from(
    [b"", b"{}", b"2\r\n{}\r\n0\r\n\r\n", b"zz\r\n", b"-1\r\n{}\r\n", b"f" * 20 + b"\r\n", gzip.compress(b"{}")]
)


@given(
    line=_LINES | st.binary(max_size=20),
    headers=st.lists(_HEADER | st.binary(max_size=20), max_size=4),
    body=_BODY | st.binary(max_size=30),
    ends=st.sampled_from([b"\r\n", b"\n", b"\r"]),
)
@example(
    line=b"HTTP/1.1 200 OK",
    headers=[b"", b"Content-Length: 2", *2 * [b"Transfer-Encoding: identity, gzip"]],
    body=b"2\r\n{}\r\n0\r\n\r\n",
    ends=b"\r\n",
)
@examples(80)
def test_any_bytes_are_an_answer_or_none(line: bytes, headers: list[bytes], body: bytes, ends: bytes) -> None:
    """Any bytes lead to a usable response, or to a documented error."""
    sent = ends.join([line, *headers, b"", body])
    with raw_server(sending(sent)) as url:
        for shell in (by_requests, by_aiohttp):
            try:
                response = shell(url + "/x")
            except NoAnswerError as error:
                check_error(error)
                continue
            assert isinstance(response.status, int)
            assert all(name == name.lower() for name in response.headers)
            # After an empty line, all that follows is the body.
            assert len(response.body) <= len(sent)
            assert response.request_id is None or response.request_id.isprintable()
