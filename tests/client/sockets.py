"""Real servers on this machine for the tests of the shells.

One speaks HTTP, one misbehaves below it, and one is a proxy.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

# The results of a handler that mean no answer: after the request, the connection is closed or reset.
HANG_UP, RESET = "hang up", "reset"
Handler = Callable[["Received"], "tuple[int, dict[str, str], bytes] | str"]
# It is reached only through a proxy of ours.
FAR_AWAY = "platform.invalid"


@dataclass(frozen=True)
class Received:
    """A request as it arrived; `target` is the raw second word of its first line."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Served:
    """A running server and what it has received."""

    url: str
    received: list[Received] = field(default_factory=list)


@contextlib.contextmanager
def http_server(handler: Handler, certificate: Path | None = None) -> Iterator[Served]:
    """Answers every request with the result of the handler; uses TLS with a certificate."""

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Otherwise the body waits 40 ms, until the client has confirmed the headers.
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            received = Received(self.command, self.path, headers, body)
            served.received.append(received)
            given = handler(received)
            if isinstance(given, str):
                self.close_connection = True
                lose(self.connection, given)
                return
            status, extra, content = given
            self.send_response(status)
            for name, value in extra.items():
                self.send_header(name, value)
            if "content-length" not in {name.lower() for name in extra}:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _answer

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        # Each handler makes its TLS handshake when it first reads.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    served = Served(f"{'http' if certificate is None else 'https'}://127.0.0.1:{server.server_port}")
    with _serving(server):
        yield served


@contextlib.contextmanager
def raw_server(speak: Callable[[socket.socket, threading.Event], None], *, read_first: bool = True) -> Iterator[str]:
    """Reads one request of each connection, then calls `speak` with an event that is set at the end of the test."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                if read_first:
                    connection.recv(65_536)
                if over.is_set():
                    return
                speak(connection, over)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def lose(connection: socket.socket, how: str) -> None:
    """Ends a connection without an answer."""
    if how == RESET:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # The descriptor itself: any other reference to the connection would delay the reset.
        connection = socket.socket(fileno=connection.detach())
    else:
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


Meddle = Callable[[str, socket.socket], bool]


@contextlib.contextmanager
def proxy_server(
    onward: str, *, before: Meddle = lambda *_: False, after: Meddle = lambda *_: False
) -> Iterator[Served]:
    """Passes every request to its one server, for any requested host, or opens a tunnel to it.

    `before` is called with the method and the client's connection before a request is passed on, and `after` when the
    answer to a plain http request is there. If one returns True, it has handled the connection itself.
    """
    there = urlsplit(onward)
    address = str(there.hostname), int(there.port or 0)

    class Passing(StreamRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                while head := self._head():
                    method, target, _ = head[0].decode().split(" ")
                    headers = dict(line.decode().rstrip().split(": ", 1) for line in head[1:])
                    headers = {name.lower(): value for name, value in headers.items()}
                    body = self.rfile.read(int(headers.get("content-length", 0)))
                    served.received.append(Received(method, target, headers, body))
                    if before(method, self.connection):
                        return
                    if method == "CONNECT":
                        self._tunnel()
                        return
                    answer = self._ask(head, body)
                    if after(method, self.connection):
                        return
                    self.wfile.write(answer)

        def _head(self) -> list[bytes]:
            lines = []
            while (line := self.rfile.readline()) not in (b"\r\n", b""):
                lines.append(line)
            return lines

        def _ask(self, head: list[bytes], body: bytes) -> bytes:
            method, target, version = head[0].split(b" ")
            target = target.replace(b"http://" + FAR_AWAY.encode(), b"")
            kept = [line for line in head[1:] if not line.lower().startswith((b"connection:", b"proxy-"))]
            with socket.create_connection(address) as service:
                start = b" ".join((method, target, version)) + b"".join(kept)
                service.sendall(start + b"Connection: close\r\n\r\n" + body)
                return b"".join(iter(lambda: service.recv(65_536), b""))

        def _tunnel(self) -> None:
            with socket.create_connection(address) as service:
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=_pump, args=(service, self.connection), daemon=True)
                back.start()
                _pump(self.connection, service)
                back.join()

    server = ThreadingTCPServer(("127.0.0.1", 0), Passing)
    server.daemon_threads = True
    served = Served(f"http://127.0.0.1:{server.server_address[1]}")
    with _serving(server):
        yield served


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Forwards all data, and the end of the connection."""
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def _serving(server: Any) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def new_certificate(folder: Path) -> Path:
    """A certificate for this machine and `FAR_AWAY`, with its key, that no client trusts by default."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    names = [x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName(FAR_AWAY)]
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(key.private_bytes(*form) + signed.public_bytes(serialization.Encoding.PEM))
    return path


def free_port() -> int:
    """A port on which no program listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
