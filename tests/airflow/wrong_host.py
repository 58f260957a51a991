"""A host that is not an Offer Library: it gives tokens, and echoes every other request."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from airflow_provider_offers.emulator import Emulator


@dataclass
class WrongHost:
    """Its answer. `page` is the form in which it shows the request: `html`, `json`, or JSON that is `cut`."""

    url: str = ""
    token: str = "a-token-of-the-wrong-host"
    token_status: int = 200
    status: int = 404
    page: str = "html"
    location: str = ""
    delay: float = 0.0
    requests: list[str] = field(default_factory=list)

    def connection(self, api: str, password: str = "a-secret-of-the-wrong-host") -> dict[str, object]:
        """A connection to this host."""
        extra = {
            "org_id": Emulator.ORG_ID,
            "api": api,
            "token_url": f"{self.url}/ims/token/v3",
            "container_id": Emulator.CONTAINER_ID,
            "max_retries": 0,
        }
        return {
            "conn_type": "offer_library",
            "host": self.url,
            "login": "client",
            "password": password,
            "extra": extra,
        }


@contextlib.contextmanager
def wrong_host() -> Iterator[WrongHost]:
    """Serve until the end of the block."""
    host = WrongHost()

    class Handler(BaseHTTPRequestHandler):
        # Otherwise the body waits 40 ms, until the client has confirmed the headers.
        disable_nagle_algorithm = True

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            shown = f"{self.command} {self.path}\n{self.headers}\n{body}"
            host.requests.append(shown)
            if self.path.startswith("/ims/"):
                described = {"error": "invalid_client", "error_description": f"refused: {body}"}
                granted = {"access_token": host.token, "expires_in": 3600}
                self.send(host.token_status, "application/json", json.dumps(granted if self.granted() else described))
                return
            time.sleep(host.delay)
            if host.page in ("json", "cut"):
                echo = json.dumps({"title": self.headers.get("Authorization"), "detail": shown})
                self.send(host.status, "application/json", echo if host.page == "json" else echo[:-2])
            else:
                self.send(host.status, "text/html", f"<html><h1>Sorry</h1><pre>{shown}</pre></html>")

        do_GET = do_POST = do_PATCH = do_DELETE = answer

        def granted(self) -> bool:
            return host.token_status == 200

        def send(self, status: int, content_type: str, text: str) -> None:
            self.send_response(status)
            if host.location:
                self.send_header("Location", host.location)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            # The client has left, because it does not wait for a late answer.
            with contextlib.suppress(OSError):
                self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing: its lines would count as ours."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        host.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True)
        thread.start()
        try:
            yield host
        finally:
            server.shutdown()
            thread.join()
