"""Behind real proxies: a request that the service received and did not answer is not sent again automatically."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_provider_offers.client.errors import NoAnswerError
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.wire.messages import Call
from airflow_provider_offers.client.wire.network import BUNDLE_VARIABLES
from tests.client.script import SETTINGS
from tests.client.shells import EACH_SHELL, RETRIES, Drive, send
from tests.client.sockets import (
    FAR_AWAY,
    HANG_UP,
    RESET,
    Received,
    Served,
    free_port,
    http_server,
    lose,
    new_certificate,
    proxy_server,
)

READY = replace(SETTINGS, access_token="planted-token", timeout=5.0)
POST = Call("POST", "/offers", {"Content-Type": "application/json"}, {"name": "Spring"}, repeatable=False)
READ = Call("GET", "/offers", {})
TRIES = 1 + RETRIES.max_retries

pytestmark = EACH_SHELL
EACH_LOSS = pytest.mark.parametrize("how", [HANG_UP, RESET])
EACH_SCHEME = pytest.mark.parametrize("scheme", ["http", "https"])


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*BUNDLE_VARIABLES, "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_certificate(tmp_path_factory.mktemp("tls"))


def through(proxy: str, scheme: str, certificate: Path, **changes: object) -> Settings:
    proxies = {"http": proxy, "https": proxy}
    return replace(READY, host=f"{scheme}://{FAR_AWAY}", verify=str(certificate), proxies=proxies, **changes)  # type: ignore[arg-type]


def fine(_: Received) -> tuple[int, dict[str, str], bytes]:
    return 200, {}, b"{}"


class First:
    """Ends the first connection that uses a given method."""

    def __init__(self, method: str, how: str) -> None:
        self.method = method
        self.how = how
        self.lost = 0

    def __call__(self, method: str, connection: socket.socket) -> bool:
        if method != self.method or self.lost:
            return False
        self.lost += 1
        lose(connection, self.how)
        return True


def methods(served: Served) -> list[str]:
    return [request.method for request in served.received]


@EACH_LOSS
def test_a_proxy_that_loses_the_answer_leaves_it_open_whether_the_request_was_seen(
    drive: Drive, how: str, certificate: Path
) -> None:
    with http_server(fine) as service, proxy_server(service.url, after=First("POST", how)) as proxy:
        settings = through(proxy.url, "http", certificate)
        with pytest.raises(NoAnswerError) as caught:
            send(drive, settings, POST)
        assert methods(service) == ["POST"]
    assert (caught.value.sent, caught.value.reason) == (True, "the connection was lost")


@EACH_LOSS
def test_the_same_on_a_connection_that_was_kept(drive: Drive, how: str, certificate: Path) -> None:
    with http_server(fine) as service, proxy_server(service.url, after=First("POST", how)) as proxy:
        with pytest.raises(NoAnswerError) as caught:
            send(drive, through(proxy.url, "http", certificate), READ, POST)
        assert methods(service) == ["GET", "POST"]
    assert caught.value.sent is True


@EACH_LOSS
def test_a_service_behind_a_tunnel_that_loses_the_answer(drive: Drive, how: str, certificate: Path) -> None:
    with (
        http_server(lambda request: how if request.method == "POST" else fine(request), certificate) as service,
        proxy_server(service.url) as proxy,
    ):
        for calls in ([POST], [READ, POST]):
            service.received.clear()
            with pytest.raises(NoAnswerError) as caught:
                send(drive, through(proxy.url, "https", certificate), *calls)
            assert methods(service) == [call.method for call in calls]
            assert caught.value.sent is True
    assert set(methods(proxy)) == {"CONNECT"}


@EACH_LOSS
def test_what_may_arrive_twice_is_sent_again(drive: Drive, how: str, certificate: Path) -> None:
    with http_server(fine) as service, proxy_server(service.url, after=First("GET", how)) as proxy:
        assert send(drive, through(proxy.url, "http", certificate), READ).response.status == 200
        assert methods(service) == ["GET", "GET"]


@EACH_SCHEME
def test_a_proxy_that_is_not_there(drive: Drive, scheme: str, certificate: Path) -> None:
    settings = through(f"http://127.0.0.1:{free_port()}", scheme, certificate)
    with pytest.raises(NoAnswerError) as caught:
        send(drive, settings, POST)
    assert (caught.value.sent, caught.value.reason) == (False, "the proxy could not be used")


def say(answer: bytes) -> Callable[[socket.socket], None]:
    def speak(connection: socket.socket) -> None:
        connection.sendall(answer)
        lose(connection, HANG_UP)

    return speak


def refusals() -> Iterator[tuple[str, Callable[[socket.socket], None]]]:
    yield "closed", lambda connection: lose(connection, HANG_UP)
    yield "reset", lambda connection: lose(connection, RESET)
    for status in (b"403 Forbidden", b"407 Proxy Authentication Required", b"502 Bad Gateway", b"503 Busy"):
        yield status[:3].decode(), say(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")
    yield "cut", say(b"HTTP/1.1 20")
    yield "no http", say(b"220 mail.example ESMTP\r\n")


@pytest.mark.parametrize("refuse", [pytest.param(refuse, id=name) for name, refuse in refusals()])
def test_a_tunnel_that_is_refused_was_never_sent_through(
    drive: Drive, refuse: Callable[[socket.socket], None], certificate: Path
) -> None:
    def meddle(method: str, connection: socket.socket) -> bool:
        if len(proxy.received) == TRIES + 2:
            return False
        refuse(connection)
        return True

    with http_server(fine, certificate) as service, proxy_server(service.url, before=meddle) as proxy:
        settings = through(proxy.url, "https", certificate)
        with pytest.raises(NoAnswerError) as caught:
            send(drive, settings, POST)
        assert (caught.value.sent, caught.value.reason) == (False, "the proxy could not be used")
        assert methods(proxy) == ["CONNECT"] * TRIES
        assert service.received == []
        # When it opens, the request is sent, exactly once.
        send(drive, settings, POST)
        assert methods(service) == ["POST"]


def test_a_tunnel_that_is_not_answered_was_never_sent_through(drive: Drive, certificate: Path) -> None:
    hung_up = threading.Semaphore(0)

    def drip(_: str, connection: socket.socket) -> bool:
        connection.settimeout(0.05)
        with contextlib.suppress(ConnectionError):
            connection.sendall(b"HTTP/1.1 200 Connection established\r\nX-Slow: ")
            for _turn in range(400):
                connection.sendall(b"x")
                with contextlib.suppress(TimeoutError):
                    if not connection.recv(1):
                        break
            else:
                return True
        hung_up.release()
        return True

    with http_server(fine, certificate) as service, proxy_server(service.url, before=drip) as proxy:
        settings = through(proxy.url, "https", certificate, timeout=0.2)
        with pytest.raises(NoAnswerError) as caught:
            send(drive, settings, POST)
        assert all(hung_up.acquire(timeout=10) for _ in range(TRIES))
    assert (caught.value.sent, caught.value.reason) == (False, "the proxy could not be used")
    assert methods(proxy) == ["CONNECT"] * TRIES
    assert service.received == []


def test_a_certificate_behind_a_tunnel_that_nobody_trusts(drive: Drive, certificate: Path) -> None:
    with http_server(fine, certificate) as service, proxy_server(service.url) as proxy:
        with pytest.raises(NoAnswerError) as caught:
            send(drive, replace(through(proxy.url, "https", certificate), verify=True), POST)
        assert service.received == []
    assert (caught.value.sent, caught.value.reason) == (False, "the server's TLS certificate was not accepted")
