"""Endless answers, whose every read brings data, are given up, and the service may have seen the request."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_provider_offers.client.errors import NoAnswerError
from airflow_provider_offers.client.wire.messages import Call, Flow, Request, Response
from tests.client.script import SETTINGS
from tests.client.shells import EACH_SHELL, Drive, send
from tests.client.sockets import http_server, new_certificate, raw_server

READY = replace(SETTINGS, access_token="planted-token", timeout=0.3, proxies={})
POST = Call("POST", "/offers", {}, {"name": "Spring"}, repeatable=False)
Speak = Callable[[socket.socket, threading.Event], None]

_OK = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
# The answer ends after this time, so a client without a limit fails and does not hang.
_LONG = 10.0

pytestmark = EACH_SHELL


def dripping(before: bytes, drop: bytes, after: bytes) -> Speak:
    """One byte at a time, well within the timeout of a read."""

    def speak(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(before)
        end = time.monotonic() + _LONG
        while not over.wait(0.03) and time.monotonic() < end:
            connection.sendall(drop)
        connection.sendall(after)

    return speak


def flooding(before: bytes, drops: Callable[[], bytes], after: bytes) -> Speak:
    """As much data as the client accepts."""

    def speak(connection: socket.socket, over: threading.Event) -> None:
        connection.settimeout(_LONG)
        connection.sendall(before)
        end = time.monotonic() + _LONG
        while not over.is_set() and time.monotonic() < end:
            connection.sendall(drops())
        connection.sendall(after)

    return speak


def hollow() -> Iterator[bytes]:
    """Chunks of gzip without content."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    yield packer.compress(b"{") + packer.flush(zlib.Z_SYNC_FLUSH)
    while True:
        yield (packer.flush(zlib.Z_FULL_FLUSH) or b"\0\0\0\xff\xff") * 1_000


def hollow_gzip() -> Speak:
    chunks = hollow()

    def chunk() -> bytes:
        data = next(chunks)
        return b"%x\r\n%s\r\n" % (len(data), data)

    return flooding(_OK + b"Content-Encoding: gzip\r\n" + _CHUNKED, chunk, b"0\r\n\r\n")


WHOLE = _OK + b"Content-Length: 2\r\n\r\n{}"
ENDLESS: dict[str, Callable[[], Speak]] = {
    "promises": lambda: flooding(b"", lambda: b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000, WHOLE),
    "a dripping status": lambda: dripping(b"HTTP/1.1 200 ", b"O", b"\r\nContent-Length: 2\r\n\r\n{}"),
    "a dripping header": lambda: dripping(_OK + b"X-A: ", b"a", b"\r\nContent-Length: 2\r\n\r\n{}"),
    "a dripping body": lambda: dripping(_OK + b"Content-Length: 1000\r\n\r\n", b" ", b" " * 1_000),
    "dripping chunks": lambda: dripping(_OK + _CHUNKED, b"1\r\n \r\n", b"2\r\n{}\r\n0\r\n\r\n"),
    "dripping trailers": lambda: dripping(_OK + _CHUNKED + b"2\r\n{}\r\n0\r\n", b"x: y\r\n", b"\r\n"),
    "trailers": lambda: flooding(_OK + _CHUNKED + b"2\r\n{}\r\n0\r\n", lambda: b"x: y\r\n" * 1_000, b"\r\n"),
    "a chunk's extension": lambda: flooding(_OK + _CHUNKED + b"2;a=", lambda: b"a" * 10_000, b"\r\n{}\r\n0\r\n\r\n"),
    "hollow chunks": hollow_gzip,
}


@pytest.mark.parametrize("what", ENDLESS)
def test_an_answer_without_an_end_is_given_up(drive: Drive, what: str) -> None:
    tried: list[int] = []

    def speak(connection: socket.socket, over: threading.Event) -> None:
        tried.append(1)
        ENDLESS[what]()(connection, over)

    with raw_server(speak) as url, pytest.raises(NoAnswerError) as caught:
        send(drive, replace(READY, host=url), POST)
    assert caught.value.sent is True
    assert len(tried) == 1
    # Each shell has its own limits for some of them, and fails earlier.
    if what.startswith("drip"):
        assert caught.value.reason == "an answer still incomplete after 0.6 s"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_certificate(tmp_path_factory.mktemp("tls"))


def test_one_that_drips_through_tls_is_given_up_as_well(drive: Drive, certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def speak(connection: socket.socket, over: threading.Event) -> None:
        with suppress(OSError), context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(65_536)
            ENDLESS["a dripping header"]()(tls, over)

    with raw_server(speak, read_first=False) as url:
        settings = replace(READY, host=url.replace("http:", "https:"), verify=str(certificate))
        with pytest.raises(NoAnswerError) as caught:
            send(drive, settings, POST)
    assert (caught.value.sent, caught.value.reason) == (True, "an answer still incomplete after 0.6 s")


def test_each_answer_has_its_own_time(drive: Drive) -> None:
    """It does not depend on the number of earlier answers on the connection, which is kept for all of them."""
    content = gzip.compress(b"[" + b"1," * 200_000 + b"1]")
    before = set(threading.enumerate())

    def many() -> Flow[list[int]]:
        sizes = []
        for _ in range(30):
            time.sleep(0.03)
            response: Response = yield Request("GET", served.url + "/x", {})
            sizes.append(len(response.body))
        return sizes

    with http_server(lambda _: (200, {"Content-Encoding": "gzip"}, content)) as served:
        assert set(drive(many(), replace(READY, timeout=0.4))) == {400_003}
    assert all(thread.daemon for thread in set(threading.enumerate()) - before)
