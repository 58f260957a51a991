"""Bytes become requests as HTTP says: in their order, whatever else a client offers. What is none is told why."""

from __future__ import annotations

import json
import re
import socket
from queue import Queue
from urllib.parse import urlsplit

import pytest

from airflow_provider_offers.emulator import Emulator
from tests.emulator.conftest import Caller, dps_offer
from tests.emulator.http.test_robustness import CREATE, good_request, spoken

TARGET = f"/data/core/dps{CREATE}"
_BROKEN = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"


def creation(caller: Caller, name: str = "Spring voucher", **headers: str) -> bytes:
    return good_request(caller, "POST", TARGET, json.dumps(dps_offer(name)).encode(), **headers)


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
@pytest.mark.parametrize("at_once", [False, True], ids=["in pieces", "at once"])
def test_a_client_that_offers_another_protocol_is_answered_in_this_one(
    emulator: Emulator, caller: Caller, chunked: bool, at_once: bool
) -> None:
    # As `curl --http2` and Java's client send it.
    offered = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQAAP__"}
    head, _, body = creation(caller, **offered).partition(b"\r\n\r\n")
    head += b"\r\n\r\n"
    if chunked:
        head = re.sub(rb"Content-Length: \d+", b"Transfer-Encoding: chunked", head)
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    reading = good_request(caller, "GET", TARGET)
    if at_once:
        received = spoken(emulator, head + body + reading + b"BYE\r\n\r\n", then="listen")
    else:
        address = urlsplit(emulator.url)
        with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
            connection.sendall(head.replace(b"Upgrade: h2c", b"Upgrade: h2c\r\nExpect: 100-continue"))
            assert connection.recv(65_536).startswith(b"HTTP/1.1 100 ")
            connection.sendall(body)
            received = connection.recv(65_536)
            connection.sendall(reading + b"BYE\r\n\r\n")
            while part := connection.recv(65_536):
                received += part
    assert re.findall(rb"HTTP/1\.1 (\d+) ", received) == [b"201", b"200", b"400"]
    assert caller.listed() == ["Spring voucher"]


def test_a_body_that_breaks_off_waits_for_the_answers_before_it(emulator: Emulator, caller: Caller) -> None:
    received = spoken(emulator, creation(caller, "One") + creation(caller, "Two") + _BROKEN, then="listen")
    assert re.findall(rb"HTTP/1\.1 (\d+) ", received) == [b"201", b"201", b"400"]
    assert sorted(caller.listed()) == ["One", "Two"]


def test_a_request_in_front_of_another_learns_that_its_client_is_gone() -> None:
    ended: Queue[str] = Queue()
    with Emulator(log=ended.put) as emulator:
        emulator.add_fault("drop", times=1)
        caller = Caller(emulator)
        assert spoken(emulator, creation(caller, "One") + creation(caller, "Two"), then="listen") == b""
        assert "fault 1 drop" in ended.get(timeout=10)
        assert len(emulator.journal(path="/data/core/dps/offers")) == 1


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("get /x HTTP/1.1\r\nHost: x", "Invalid method"),
        ("GET /x HTTP/1.1", "no Host headers; exactly one is expected"),
        ("GET /x HTTP/1.1\r\nHost: x\r\nHost: y", "2 Host headers; exactly one is expected"),
        ("GET /x#y HTTP/1.1\r\nHost: x", "the address has a #, which must be written as %23"),
        ("GET http://x?y HTTP/1.1\r\nHost: x", "the address has no path"),
        ("CONNECT x:443 HTTP/1.1\r\nHost: x:443", "CONNECT is for proxies, and the emulator is not a proxy"),
        ("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2", "Duplicate Content-Length"),
        (f"GET /{'a' * 70_000} HTTP/1.1\r\nHost: x", "the address and the headers are longer than 65536 bytes"),
        (f"GET /x HTTP/1.1\r\nHost: x\r\ny: {'a' * 70_000}", "the address and the headers are longer than 65536 bytes"),
    ],
    ids=["method", "no host", "two hosts", "fragment", "no path", "CONNECT", "lengths", "long address", "long header"],
)
def test_a_request_that_is_none_is_told_why(emulator: Emulator, head: str, reason: str) -> None:
    received = spoken(emulator, f"{head}\r\n\r\n".encode(), then="listen")
    assert received.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert f"\r\n\r\nThis is not a valid HTTP request: {reason}" in received.decode()


def test_a_head_without_an_end_is_refused(emulator: Emulator) -> None:
    received = spoken(emulator, b"GET /x HTTP/1.1\r\nHost: x\r\ny: " + b"a" * 1_000_000, then="listen")
    # The rest may still be on its way when the server has closed the connection.
    assert received == b"" or received.startswith(b"HTTP/1.1 400 ")
