"""Real servers on this machine for the tests of the shell: one that speaks HTTP, and one that misbehaves below it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Handler = Callable[["Received"], tuple[int, dict[str, str], bytes]]


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
def http_server(handler: Handler) -> Iterator[Served]:
    """Answers every request with what the handler makes of it."""

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            received = Received(self.command, self.path, headers, body)
            served.received.append(received)
            status, extra, content = handler(received)
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
    served = Served(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def raw_server(speak: Callable[[socket.socket, threading.Event], None], *, read_first: bool = True) -> Iterator[str]:
    """Reads one request of each connection, then lets `speak` do what it likes until the event: the test is over."""
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


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
