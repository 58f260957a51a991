"""A simple stand-in for the Offer Library in its own process: it answers as fast as Python can, and counts.

It checks nothing, unlike the emulator. `Stub` starts one and talks to it; it ends with the process that started it.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from benchmarks.library import Library, Offer, instant, offer_id, render

BASE = "/data/core/dps"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_STATUS = re.compile(rb'"(draft|approved|archived)"')
_ENDING = re.compile(r"[0-9a-f]{16}")
_TOKEN = json.dumps({"access_token": "benchmark", "token_type": "bearer", "expires_in": 86399}).encode()
_NOT_THERE = json.dumps({"title": "Not found", "status": 404}).encode()


class Service:
    """Answers requests, and records the time and the route of each."""

    def __init__(self, count: int, seconds: float) -> None:
        self.library = Library(count)
        self.seconds = seconds
        self.log: list[tuple[float, str]] = []
        # The event loop keeps only a weak reference to a task, so the task needs one here.
        self._changing: asyncio.Task[None] | None = None

    def answer(self, method: str, target: str, sent: bytes) -> tuple[int, bytes, float]:
        """Status, body, and the seconds that the answer takes."""
        parts = urlsplit(target)
        if parts.path.startswith("/_stub/"):
            return 200, self._control(parts.path, dict(parse_qsl(parts.query))), 0
        path, query = parts.path.removeprefix(BASE), dict(parse_qsl(parts.query))
        route, status, body = self._route(method, path, query, sent)
        self.log.append((time.monotonic(), route))
        return status, body, self.seconds

    def _route(self, method: str, path: str, query: Mapping[str, str], sent: bytes) -> tuple[str, int, bytes]:
        """The called route, the status and the body."""
        if path == "/offers" and method == "POST":
            return "write", 201, _receipt(self.library.create(json.loads(sent)))
        if path == "/offers":
            route, body = self._list(query)
            return route, 200, body
        if path.startswith(("/offers/", "/ready/")):
            return self._item(method, path, sent)
        if "property" in query:
            return "references", 200, _references(query["property"])
        return ("token", 200, _TOKEN) if method == "POST" else ("other", 404, _NOT_THERE)

    def _item(self, method: str, path: str, sent: bytes) -> tuple[str, int, bytes]:
        """An offer. Under `/ready/`, a draft answers 404, for a sensor that only understands 404."""
        found = self.library.named(unquote(path))
        if not found or (path.startswith("/ready/") and found[0].status != "approved"):
            return "item", 404, _NOT_THERE
        if method == "PATCH":
            status = _STATUS.search(sent)
            self.library.change(found[0], status[1].decode() if status else None)
            return "write", 200, _receipt(found[0])
        return "item", 200, render(found[0])

    def _list(self, query: Mapping[str, str]) -> tuple[str, bytes]:
        if (wanted := query.get("property", "")).startswith("name"):
            return "lookup", _page(self.library.created(wanted[4:].lstrip("=~")), None, None)
        if wanted:
            return "lookup", _page(self.library.named(wanted), None, None)
        limit = int(query.get("limit", "50"))
        start = int(query["start"]) if "start" in query else None
        order = query.get("orderby", "-modified")
        offers, following = self.library.listed(order, limit, start)
        link = None if following is None else f"/offers?orderby={order}&limit={limit}&start={following}"
        return ("first page" if start is None else "further page"), _page(offers, link, len(self.library.offers))

    def _control(self, path: str, query: Mapping[str, str]) -> bytes:
        if path == "/_stub/log":
            since = float(query.get("since", "0"))
            return json.dumps([entry for entry in self.log if entry[0] >= since]).encode()
        if path == "/_stub/approve":
            for number in json.loads(query["numbers"]):
                self.library.change(self.library.offers[number], "approved")
        elif path == "/_stub/change":
            self._changing = asyncio.get_running_loop().create_task(self._change(float(query["per_second"])))
        return b"{}"

    async def _change(self, per_second: float) -> None:
        """Change drafts evenly, a given number per second, without end."""
        chooser = random.Random(1)
        while True:
            await asyncio.sleep(1 / per_second)
            offer = chooser.choice(self.library.offers)
            if offer.status == "draft":
                self.library.change(offer)


def _page(offers: list[Offer], link: str | None, total: int | None) -> bytes:
    links = {"next": {"href": f"{link}&offer-type=PERSONALIZED", "type": "application/json"}} if link else {}
    tail = json.dumps({"count": len(offers), "total": len(offers) if total is None else total, "_links": links})
    return b'{"results": [' + b",".join(map(render, offers)) + b"], " + tail[1:].encode()


def _receipt(offer: Offer) -> bytes:
    times = {"createdDate": instant(offer.created), "lastModifiedDate": instant(offer.modified)}
    return json.dumps({"id": offer_id(offer.number), "etag": offer.etag, **times}).encode()


def _references(wanted: str) -> bytes:
    """An answer that contains all requested placements or rules."""
    kind = "eligibility-rule" if "eligibility-rule" in wanted else "offer-placement"
    rows = [{"id": f"xcore:{kind}:{ending}", "etag": 1, "name": ending} for ending in _ENDING.findall(wanted)]
    return json.dumps({"results": rows, "count": len(rows), "total": len(rows), "_links": {}}).encode()


class Connection(asyncio.Protocol):
    """A client's connection, which handles one request after the other."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._data = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, separator, rest = self._data.partition(b"\r\n\r\n")
        if not separator:
            return
        length = _LENGTH.search(head)
        needed = int(length[1]) if length else 0
        if len(rest) < needed:
            return
        self._data = rest[needed:]
        method, target, _ = head[: head.index(b"\r\n")].decode("ascii").split(" ")
        status, body, seconds = self._service.answer(method, target, rest[:needed])
        if seconds:
            asyncio.get_running_loop().call_later(seconds, self._reply, status, body)
        else:
            self._reply(status, body)

    def _reply(self, status: int, body: bytes) -> None:
        head = f"HTTP/1.1 {status} Stub\r\nContent-Type: application/json\r\nX-Request-Id: stub\r\n"
        self._transport.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


async def serve(count: int, seconds: float) -> None:
    """Serve until the standard input ends."""
    loop = asyncio.get_running_loop()
    service = Service(count, seconds)
    server = await loop.create_server(lambda: Connection(service), "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


class Stub:
    """A running stub; use it as a context manager. `seconds` is the time that it takes for each answer."""

    def __init__(self, offers: int, seconds: float = 0.0) -> None:
        command = [sys.executable, "-m", "benchmarks.stub", str(offers), str(seconds)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"

    def __enter__(self) -> Stub:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def log(self, since: float = 0.0) -> list[tuple[float, str]]:
        """The time (on the monotonic clock) and the route of each request."""
        return [(moment, route) for moment, route in self._control(f"log?since={since}")]

    def approve(self, numbers: list[int]) -> None:
        """Approve the offers with those numbers."""
        self._control(f"approve?numbers={json.dumps(numbers, separators=(',', ':'))}")

    def change(self, per_second: float) -> None:
        """From now on, change this number of offers per second, without approving any."""
        self._control(f"change?per_second={per_second}")

    def connections(self) -> dict[str, str]:
        """The environment with the stub as an Airflow connection, for us and for the HTTP provider."""
        ours = {
            "conn_type": "offer_library",
            "host": self.url,
            "login": "benchmark",
            "password": "benchmark-secret",
            "extra": {"org_id": "0123456789ABCDEF01234567@AdobeOrg", "token_url": f"{self.url}/ims/token/v3"},
        }
        theirs = {"conn_type": "http", "host": self.url}
        return {
            "AIRFLOW_CONN_OFFER_LIBRARY_DEFAULT": json.dumps(ours),
            "AIRFLOW_CONN_HTTP_DEFAULT": json.dumps(theirs),
        }

    def _control(self, command: str) -> Any:
        with urllib.request.urlopen(f"{self.url}/_stub/{command}", timeout=30) as answer:
            return json.load(answer)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
