"""Both shells on real sockets: requests, answers, and the errors for missing answers."""

from __future__ import annotations

import asyncio
import base64
import gzip
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from airflow_provider_offers.client.errors import ConfigurationError, NoAnswerError
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.wire import async_shell, sync_shell
from airflow_provider_offers.client.wire.async_shell import AsyncShell
from airflow_provider_offers.client.wire.auth import TokenCache
from airflow_provider_offers.client.wire.governor import Governor
from airflow_provider_offers.client.wire.messages import Flow, Note, Pause, Request, Response
from airflow_provider_offers.client.wire.network import BUNDLE_VARIABLES, proxy_for, tls_context
from airflow_provider_offers.client.wire.retry import Retries
from airflow_provider_offers.client.wire.sync_shell import SyncShell
from tests.client.script import SETTINGS
from tests.client.sockets import Received, free_port, http_server, new_certificate, raw_server
from tests.traces import told_by

READY = replace(SETTINGS, access_token="t", timeout=5.0)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's own proxies and authorities must not affect the tests."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in BUNDLE_VARIABLES:
        monkeypatch.delenv(name, raising=False)


def one(request: Request) -> Flow[Response]:
    response: Response = yield request
    return response


def noted() -> Flow[str]:
    yield Note("The window ended before it was set")
    return "done"


@pytest.mark.parametrize("shell", ["requests", "aiohttp"])
def test_a_note_of_a_flow_is_a_warning_in_the_log(shell: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING"):
        if shell == "requests":
            assert SyncShell(READY, retries=Retries(), tokens=TokenCache()).run(noted()) == "done"
        else:
            assert asyncio.run(in_a_session(noted())) == "done"
    assert [record.getMessage() for record in caplog.records] == ["The window ended before it was set"]


async def in_a_session(flow: Flow[str]) -> str:
    async with AsyncShell(READY, retries=Retries(), governor=Governor(), tokens=TokenCache()) as session:
        return await session.run(flow)


def by_requests(request: Request, settings: Settings) -> Response:
    shell = SyncShell(settings, retries=Retries(), tokens=TokenCache())
    try:
        return shell.run(one(request))
    finally:
        shell.close()


def by_aiohttp(request: Request, settings: Settings) -> Response:
    async def drive() -> Response:
        async with AsyncShell(settings, retries=Retries(), governor=Governor(), tokens=TokenCache()) as shell:
            return await shell.run(one(request))

    return asyncio.run(drive())


@pytest.fixture(params=[by_requests, by_aiohttp], ids=["sync", "async"], autouse=True)
def shell(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Every test runs with each shell."""
    monkeypatch.setitem(DRIVEN, "by", request.param)
    return request.param


DRIVEN: dict[str, Any] = {"by": by_requests}


def exchange(url: str, method: str = "GET", body: bytes | None = None, **changes: Any) -> Response:
    response: Response = DRIVEN["by"](
        Request(method, url, {"Authorization": "Bearer t"}, body), replace(READY, **changes)
    )
    return response


def failure(url: str, **options: Any) -> NoAnswerError:
    with pytest.raises(NoAnswerError) as caught:
        exchange(url, **options)
    return caught.value


def fine(_: Received) -> tuple[int, dict[str, str], bytes]:
    return 200, {"X-Request-Id": "theirs"}, b'{"fine":true}'


def test_an_answer_is_given_whole_with_its_header_names_in_lower_case() -> None:
    with http_server(fine) as served:
        response = exchange(served.url + "/x", "POST", '{"ü":1}'.encode())
    assert (response.status, response.body, response.request_id) == (200, b'{"fine":true}', "theirs")
    (received,) = served.received
    assert (received.method, received.body) == ("POST", '{"ü":1}'.encode())
    assert received.headers["user-agent"].startswith("airflow-provider-offers/")


@pytest.mark.parametrize(
    "target",
    [
        "/a?schema=https://ns.adobe.com/x;version=0.5&orderby=-repo%3AcreatedDate%2CinstanceId&limit=1",
        "/a?start=2026-02-27T03:44:15.630%2B00:00&x=a+b&y=%2F%20%7E~&z=",
        "/offers/dps:personalized-offer:1?offer-type=PERSONALIZED",
        "/a/../b//c?q=%5C%22&&",
        "/a?property=name~.*(x|y).*",
    ],
)
def test_urls_are_sent_as_they_are(target: str) -> None:
    with http_server(fine) as served:
        exchange(served.url + target)
    sent = served.received[0].target
    # Characters that HTTP does not allow may be quoted; all others stay.
    assert sent in (target, target.replace("|", "%7C"))


def test_a_refused_connection_was_never_sent() -> None:
    error = failure(f"http://127.0.0.1:{free_port()}/data/x?secret=1")
    assert (error.sent, error.reason, error.path) == (False, "the connection was refused", "/data/x")
    assert "secret" not in str(error)


def test_an_unknown_host_was_never_sent() -> None:
    assert failure("http://no-such-host.invalid/x").sent is False


@pytest.mark.parametrize("host", ["bad host", "x" * 70, "[::1", "a:port"])
def test_an_address_that_cannot_be_is_an_error_of_ours(host: str) -> None:
    assert failure(f"http://{host}/x").method == "GET"


def test_a_header_that_cannot_be_is_an_error_of_ours(shell: Any) -> None:
    with pytest.raises(NoAnswerError) as caught:
        shell(Request("GET", f"http://127.0.0.1:{free_port()}/", {"x": "a\r\nb: c"}), READY)
    assert caught.value.sent is False or shell is by_aiohttp


def reset(connection: socket.socket, _: threading.Event) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hang_up(connection: socket.socket, _: threading.Event) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def say_nothing(_: socket.socket, over: threading.Event) -> None:
    over.wait(10)


def half(connection: socket.socket, _: threading.Event) -> None:
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"half":')


def half_a_chunk(connection: socket.socket, _: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\nabc")


def half_then_nothing(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"half":')
    over.wait(10)


def no_http(connection: socket.socket, _: threading.Event) -> None:
    connection.sendall(b"220 mail.example ESMTP\r\n")


def no_gzip(connection: socket.socket, _: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd")


def two_lengths(connection: socket.socket, _: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}")


def drip(connection: socket.socket, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n")
    for _ in range(400):
        connection.sendall(b"x")
        if over.wait(0.01):
            return


@pytest.mark.parametrize(
    ("speak", "reason", "timeout"),
    [
        (reset, "the connection was lost", 5.0),
        (hang_up, "the connection was lost", 5.0),
        (no_http, "the connection was lost", 5.0),
        (say_nothing, "no answer within the timeout", 0.2),
        (half_then_nothing, "no answer within the timeout", 0.2),
        (half, "the answer broke off", 5.0),
        (half_a_chunk, "the answer broke off", 5.0),
        (no_gzip, "the answer could not be decompressed", 5.0),
        (two_lengths, "the answer's headers cannot be read", 5.0),
        (drip, "an answer still incomplete after 2 s", 1.0),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_request_that_went_out_may_have_been_seen(speak: Any, reason: str, timeout: float, shell: Any) -> None:
    with raw_server(speak) as url:
        error = failure(url + "/x", timeout=timeout, method="POST", body=b"{}")
    assert error.sent is True
    # aiohttp reports a broken compression as a broken answer, and contradictory headers as no answer.
    assert error.reason == reason or (shell is by_aiohttp and speak in (no_gzip, two_lengths))


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "POST"])
def test_no_try_is_made_below_the_flow(method: str) -> None:
    connections: list[int] = []

    def count(connection: socket.socket, _: threading.Event) -> None:
        connections.append(1)

    with raw_server(count) as url:
        failure(url + "/x", method=method)
    assert len(connections) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ["/other", "http://[", "http://127.0.0.1:9/", "/caf\xe9", "x" * 5_000])
def test_redirects_are_given_back_and_never_followed(status: int, location: str) -> None:
    with http_server(lambda _: (status, {"Location": location}, b"moved")) as served:
        response = exchange(served.url + "/x")
    assert response.status == status
    assert [request.target for request in served.received] == ["/x"]


def test_netrc_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with http_server(fine) as served:
        exchange(served.url + "/x")
    assert served.received[0].headers["authorization"] == "Bearer t"


def test_cookies_of_the_service_are_not_kept() -> None:
    shell = SyncShell(READY, retries=Retries(), tokens=TokenCache())
    with http_server(lambda _: (200, {"Set-Cookie": "sticky=1"}, b"")) as served:
        for _ in range(2):
            shell.run(one(Request("GET", served.url + "/x", {})))
        shell.close()
    assert all("cookie" not in request.headers for request in served.received)


def test_compressed_answers_are_read() -> None:
    content = b'{"name":"' + b"x" * 200_000 + b'"}'
    with http_server(lambda _: (200, {"Content-Encoding": "gzip"}, gzip.compress(content))) as served:
        assert exchange(served.url + "/x").body == content


def test_chunked_answers_are_read() -> None:
    def speak(connection: socket.socket, _: threading.Event) -> None:
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
        )

    with raw_server(speak) as url:
        assert exchange(url + "/x").body == b"hello world"


@pytest.mark.parametrize("compressed", [False, True])
def test_an_endless_answer_is_not_kept(monkeypatch: pytest.MonkeyPatch, compressed: bool) -> None:
    for module in (sync_shell, async_shell):
        monkeypatch.setattr(module, "MAX_BODY", 100_000)
    content = b"x" * 100_001
    headers = {"Content-Encoding": "gzip"} if compressed else {}
    with http_server(lambda _: (200, headers, gzip.compress(content) if compressed else content)) as served:
        assert "more than 100000 bytes" in failure(served.url + "/x").reason
    for module in (sync_shell, async_shell):
        monkeypatch.setattr(module, "MAX_BODY", 100_001)
    with http_server(lambda _: (200, headers, gzip.compress(content) if compressed else content)) as served:
        assert exchange(served.url + "/x").body == content


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate and its key, which no client trusts by default."""
    return new_certificate(tmp_path_factory.mktemp("tls"))


def secured(certificate: Path, answer: bytes) -> Any:
    """Uses TLS, reads a request, and closes without a TLS alert."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def speak(connection: socket.socket, _: threading.Event) -> None:
        with context.wrap_socket(connection, server_side=True, suppress_ragged_eofs=False) as tls:
            tls.recv(65_536)
            tls.sendall(answer)

    return speak


WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
NOT_TRUSTED = (False, "the server's TLS certificate was not accepted")


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_a_trusted_certificate_is_talked_to_and_another_never_sent_to(certificate: Path) -> None:
    with raw_server(secured(certificate, WHOLE), read_first=False) as url:
        secure = url.replace("http://", "https://") + "/x"
        assert exchange(secure, verify=str(certificate)).body == b"{}"
        assert exchange(secure, verify=False).body == b"{}"
        error = failure(secure)
    assert (error.sent, error.reason) == NOT_TRUSTED


def test_a_trusted_certificate_of_another_host_is_not_accepted(certificate: Path) -> None:
    with raw_server(secured(certificate, WHOLE), read_first=False) as url:
        error = failure(url.replace("http://127.0.0.1", "https://localhost") + "/x", verify=str(certificate))
    assert (error.sent, error.reason) == NOT_TRUSTED


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
@pytest.mark.parametrize("proxies", [None, {}], ids=["by_environment", "no_proxies"])
def test_authorities_of_the_environment_are_trusted(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, variable: str, proxies: Any
) -> None:
    monkeypatch.setenv(variable, str(certificate))
    with raw_server(secured(certificate, WHOLE), read_first=False) as url:
        secure = url.replace("http://", "https://") + "/x"
        assert exchange(secure, proxies=proxies).body == b"{}"
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", DEFAULT_CA_BUNDLE_PATH)
        error = failure(secure, proxies=proxies)
    assert (error.sent, error.reason) == NOT_TRUSTED


def test_only_the_first_authorities_that_are_named_are_trusted(
    certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trusted(verify: bool | str = True) -> set[bytes]:
        return set(tls_context(verify).get_ca_certs(binary_form=True))

    system, bundle = ssl.create_default_context(), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    bundle.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    by_default = trusted()
    assert by_default == {*system.get_ca_certs(binary_form=True), *bundle.get_ca_certs(binary_form=True)}

    ours = trusted(str(certificate))
    assert len(ours) == 1
    assert ours & by_default == set()
    # In order of increasing precedence: each one overrides those before it.
    for variable in reversed(BUNDLE_VARIABLES):
        monkeypatch.setenv(variable, str(tmp_path))
        assert trusted() == set()
        monkeypatch.setenv(variable, str(certificate))
        assert trusted() == (set() if variable == "SSL_CERT_DIR" else ours)
    assert trusted(DEFAULT_CA_BUNDLE_PATH) == set(bundle.get_ca_certs(binary_form=True))


def test_tls_is_verified_unless_the_connection_says_otherwise(certificate: Path) -> None:
    for verify in (True, str(certificate)):
        context = tls_context(verify)
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert tls_context(False).verify_mode == ssl.CERT_NONE
    assert tls_context(True).verify_mode == ssl.CERT_REQUIRED


def test_tls_that_ends_after_the_request_leaves_it_open_whether_it_was_seen(certificate: Path) -> None:
    with raw_server(secured(certificate, b""), read_first=False) as url:
        error = failure(url.replace("http://", "https://") + "/x", verify=str(certificate))
    assert error.sent is True


def test_a_server_without_tls_is_an_error_of_ours() -> None:
    with http_server(fine) as served:
        assert "TLS" in failure(served.url.replace("http://", "https://") + "/x").reason


def test_a_bundle_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match=r"verify: given '/no/such/ca\.pem'"):
        exchange("https://127.0.0.1:9/x", verify="/no/such/ca.pem")
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate")
    with pytest.raises(ConfigurationError, match=r"verify: given '.*empty\.pem'"):
        exchange("https://127.0.0.1:9/x", verify=str(empty))
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        with monkeypatch.context() as patched:
            patched.setenv(variable, "/no/such/ca.pem")
            with pytest.raises(ConfigurationError, match=rf"{variable}: given '/no/such/ca\.pem'"):
                exchange("https://127.0.0.1:9/x")


def test_proxies_of_the_environment_are_used_where_the_connection_names_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with http_server(fine) as served:
        monkeypatch.setenv("http_proxy", served.url)
        monkeypatch.setenv("no_proxy", "elsewhere.invalid")
        exchange("http://platform.invalid/x")
        assert failure("http://elsewhere.invalid/x").sent is False
        assert failure("http://platform.invalid/x", proxies={}).sent is False
    assert [request.target for request in served.received] == ["http://platform.invalid/x"]


def test_proxies_of_the_connection_are_used() -> None:
    with http_server(fine) as served:
        exchange("http://platform.invalid/x?y=1", proxies={"http": served.url})
    assert served.received[0].target == "http://platform.invalid/x?y=1"


def test_a_proxy_that_is_not_there_was_never_sent_to() -> None:
    error = failure("http://platform.invalid/x", proxies={"http": f"http://127.0.0.1:{free_port()}"})
    assert error.sent is False


def test_a_loopback_address_is_reached_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain http to another machine needs permission."""
    with http_server(fine) as proxy, http_server(fine) as served:
        for variable in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(variable, proxy.url)
        exchange(served.url + "/x")
        exchange(served.url.replace("127.0.0.1", "localhost") + "/x", proxies={"http": proxy.url, "all": proxy.url})
    assert proxy.received == []
    assert len(served.received) == 2


def test_a_proxy_sees_its_own_credentials_and_none_of_ours() -> None:
    heard: list[bytes] = []

    def refuse(connection: socket.socket, _: threading.Event) -> None:
        heard.append(connection.recv(65_536))
        connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    with raw_server(refuse, read_first=False) as url:
        proxy = url.replace("http://", "http://somebody:planted-proxy%2Bpassword@")
        error = failure("https://platform.invalid/x?y=1", proxies={"https": proxy})
    assert (error.sent, error.reason) == (False, "the proxy could not be used")
    (head,) = heard
    assert head.startswith(b"CONNECT platform.invalid:443 HTTP/1.")
    login = base64.b64encode(b"somebody:planted-proxy+password")
    assert b"proxy-authorization: basic " + login.lower() in head.lower()
    assert b"\r\nauthorization" not in head.lower()
    assert b"Bearer" not in head
    told = told_by(error)
    assert not [secret for secret in ("planted", login.decode()) if secret in told]


@pytest.mark.parametrize("given", ["127.0.0.1:{port}", "http://127.0.0.1:{port}"])
def test_a_proxy_may_be_named_without_its_scheme(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with http_server(fine) as served:
        address = given.format(port=served.url.rpartition(":")[2])
        exchange("http://platform.invalid/x", proxies={"http": address})
        monkeypatch.setenv("http_proxy", address)
        exchange("http://platform.invalid/x")
    assert len(served.received) == 2


def test_a_proxy_of_another_kind_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "socks5://somebody:planted@127.0.0.1:1")
    with pytest.raises(ConfigurationError, match=r"proxies: given another kind of proxy in the environment") as caught:
        exchange("https://platform.invalid/x")
    assert "planted" not in told_by(caught.value)


def test_the_address_of_a_proxy_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://somebody:planted@proxy.example:3128")
    found = proxy_for("https://platform.invalid/x", READY)
    assert found == "http://somebody:planted@proxy.example:3128"
    assert "planted" not in repr({"https": found})


def test_a_shell_runs_pauses_and_closes_flows() -> None:
    slept: list[float] = []
    closed: list[bool] = []

    def flow() -> Flow[str]:
        try:
            yield Pause(1.5, "because")
            return "done"
        finally:
            closed.append(True)

    shell = SyncShell(READY, retries=Retries(), tokens=TokenCache(), sleep=slept.append)
    assert shell.run(flow()) == "done"
    assert (slept, closed) == ([1.5], [True])


def test_a_closed_shell_opens_new_connections() -> None:
    shell = SyncShell(READY, retries=Retries(), tokens=TokenCache())
    with http_server(fine) as served:
        for _ in range(2):
            assert shell.run(one(Request("GET", served.url + "/x", {}))).status == 200
            shell.close()


def test_a_shell_may_be_shared_between_threads() -> None:
    shell = SyncShell(READY, retries=Retries(), tokens=TokenCache())
    bodies: list[bytes] = []

    def echo(request: Received) -> tuple[int, dict[str, str], bytes]:
        return 200, {}, request.target.encode()

    with http_server(echo) as served:

        def work(name: int) -> None:
            for _ in range(5):
                response = shell.run(one(Request("GET", f"{served.url}/{name}", {})))
                assert response.body == f"/{name}".encode()
                bodies.append(response.body)

        threads = [threading.Thread(target=work, args=(name,)) for name in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        shell.close()
    assert len(bodies) == 30


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    """No thread of a test survives it."""
    before = set(threading.enumerate())
    yield
    assert all(thread.daemon for thread in set(threading.enumerate()) - before)


@pytest.mark.parametrize("is_late", [True, False])
def test_a_request_is_not_sent_after_its_time(shell: Any, is_late: bool) -> None:
    """The connection is made before the time is checked, so nothing lies between the check and the first byte."""
    with http_server(fine) as served:
        request = Request("POST", f"{served.url}/x", {}, b"{}", send_by=time.monotonic() + (-1 if is_late else 60))
        response = shell(request, READY)
    assert response.status == (0 if is_late else 200)
    assert len(served.received) == (0 if is_late else 1)
