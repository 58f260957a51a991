"""Several requests on one connection: interim answers are skipped, and no request gets another's answer."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_offers.client.errors import NoAnswerError
from airflow_provider_offers.client.wire.messages import Flow, Pause, Request, Response
from tests.client.script import SETTINGS
from tests.client.shells import EACH_SHELL, Drive
from tests.client.sockets import http_server, new_certificate, raw_server

READY = replace(SETTINGS, access_token="t", timeout=5.0, proxies={})


def answered(text: str, *, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()


FIRST, SECOND, STRAY = answered("first"), answered("second"), answered("stray")
HINT = b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n"


class Talk:
    """Answers the requests of one connection after the other, each with the next answer."""

    def __init__(self, *answers: bytes | Sequence[bytes], context: ssl.SSLContext | None = None) -> None:
        self.answers = list(answers)
        self.connections = 0
        self._context = context

    def __call__(self, connection: socket.socket, over: threading.Event) -> None:
        self.connections += 1
        if self._context is not None:
            connection = self._context.wrap_socket(connection, server_side=True)
        with contextlib.suppress(OSError):
            while self._read(connection) and self.answers:
                given = self.answers.pop(0)
                for number, part in enumerate([given] if isinstance(given, bytes) else given):
                    if number:
                        over.wait(0.05)
                    connection.sendall(part)

    def _read(self, connection: socket.socket) -> bool:
        heard = b""
        while b"\r\n\r\n" not in heard:
            received = connection.recv(65_536)
            if not received:
                return False
            heard += received
        return True


def ask(url: str, *, times: int = 2, pause: float = 0.0, method: str = "GET") -> Flow[list[Response]]:
    found = []
    for number in range(times):
        if pause and number:
            yield Pause(pause, "until more has come")
        response: Response = yield Request(method, f"{url}/{number}", {})
        found.append(response)
    return found


def bodies(drive: Drive, url: str, **options: Any) -> list[bytes]:
    settings = options.pop("settings", READY)
    return [each.body for each in drive(ask(url, **options), settings)]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate and its key, which no client trusts by default."""
    return new_certificate(tmp_path_factory.mktemp("tls"))


INTERIM = {
    "100": b"HTTP/1.1 100 Continue\r\n\r\n",
    "102": b"HTTP/1.1 102 Processing\r\n\r\n",
    "103": HINT,
    "several": HINT + b"HTTP/1.1 100 Continue\r\n\r\n" + HINT + b"HTTP/1.1 199 Whatever\r\nx: y\r\n\r\n",
}


@EACH_SHELL
@pytest.mark.parametrize("what", INTERIM)
def test_interim_answers_are_skipped(drive: Drive, what: str) -> None:
    talk = Talk(INTERIM[what] + FIRST, [INTERIM[what], SECOND])
    with raw_server(talk, read_first=False) as url:
        assert bodies(drive, url) == [b"first", b"second"]
    assert talk.connections == 1


@EACH_SHELL
def test_a_row_of_interim_answers_without_an_end_ends(drive: Drive) -> None:
    started = time.monotonic()
    with raw_server(Talk(HINT * 5_000), read_first=False) as url, pytest.raises(NoAnswerError) as caught:
        drive(ask(url), READY)
    assert caught.value.sent
    assert time.monotonic() - started < 4


@EACH_SHELL
@pytest.mark.parametrize("last", [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", HINT])
def test_an_interim_answer_for_the_last_settles_nothing(drive: Drive, last: bytes) -> None:
    def speak(connection: socket.socket, _: threading.Event) -> None:
        connection.sendall(last)

    with raw_server(speak) as url, pytest.raises(NoAnswerError) as caught:
        drive(ask(url, method="POST"), READY)
    assert caught.value.sent


@EACH_SHELL
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
def test_what_comes_with_an_answer_is_nobodys_answer(drive: Drive, method: str) -> None:
    talk = Talk(FIRST + STRAY, SECOND)
    with raw_server(talk, read_first=False) as url:
        assert bodies(drive, url, method=method) == [b"first", b"second"]
    assert talk.connections == 2


@EACH_SHELL
@pytest.mark.parametrize("stray", [STRAY, b"x", answered("late", status="408 Request Timeout"), HINT])
def test_what_comes_after_an_answer_is_nobodys_answer(drive: Drive, stray: bytes) -> None:
    """For example, the 408 of a server that has waited for another request for too long."""
    talk = Talk([FIRST, stray], SECOND)
    with raw_server(talk, read_first=False) as url:
        assert bodies(drive, url, pause=0.3) == [b"first", b"second"]
    assert talk.connections == 2


@EACH_SHELL
@pytest.mark.parametrize("size", [5, 20_000])
def test_what_tls_has_kept_is_nobodys_answer(drive: Drive, size: int, certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    talk = Talk(answered("x" * 8_000) + answered("y" * size), SECOND, context=context)
    settings = replace(READY, verify=str(certificate))
    with raw_server(talk, read_first=False) as url:
        found = bodies(drive, url.replace("http://", "https://"), settings=settings)
    assert found == [b"x" * 8_000, b"second"]


@EACH_SHELL
def test_an_answer_without_a_body_that_has_one_is_not_waited_for_by_the_next(drive: Drive) -> None:
    talk = Talk(b"HTTP/1.1 204 No Content\r\n\r\n" + STRAY, SECOND)
    with raw_server(talk, read_first=False) as url:
        assert bodies(drive, url) == [b"", b"second"]


@EACH_SHELL
def test_connections_are_kept_where_nothing_is_wrong(drive: Drive) -> None:
    talk = Talk(FIRST, SECOND, FIRST, SECOND)
    with raw_server(talk, read_first=False) as url:
        assert bodies(drive, url, times=4) == [b"first", b"second"] * 2
    assert talk.connections == 1


@EACH_SHELL
def test_plain_http_spoken_to_tls_is_named(drive: Drive) -> None:
    """TLS servers answer it with an alert: fatal (2), protocol version (70)."""

    def speak(connection: socket.socket, _: threading.Event) -> None:
        connection.sendall(b"\x15\x03\x01\x00\x02\x02\x46")

    with raw_server(speak) as url, pytest.raises(NoAnswerError, match="speaks TLS") as caught:
        drive(ask(url), READY)
    assert caught.value.sent


@EACH_SHELL
def test_tls_spoken_to_plain_http_is_named(drive: Drive) -> None:
    with (
        http_server(lambda _: (200, {}, b"")) as served,
        pytest.raises(NoAnswerError, match="seems to speak plain http") as caught,
    ):
        drive(ask(served.url.replace("http://", "https://")), READY)
    assert not caught.value.sent
