"""No input from the network stops the emulator, and parallel clients corrupt nothing."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.emulator import Emulator
from tests.effort import examples
from tests.emulator.conftest import PERSONALIZED, Caller, dps_offer, xcore_offer

CREATE = "/offers?offer-type=personalized"
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b"\xff\xfe",
        b"NaN",
        b'{"name": Infinity}',
        b'{"name": "\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 100 + b"1" + b"}" * 100,
        b"[" * 100 + b"]" * 100,
        b"1" * 10_000,
    ],
)
def test_malformed_json(caller: Caller, body: bytes) -> None:
    answer = caller.dps("POST", CREATE, data=body, headers=JSON)
    assert answer.status_code == 400
    assert answer.json()["title"] == "Malformed request"


@pytest.mark.parametrize("body", [b"null", b"[]", b'"x"', b"7", b"true"])
def test_bodies_that_are_no_objects(caller: Caller, body: bytes) -> None:
    answer = caller.dps("POST", CREATE, data=body, headers=JSON)
    assert answer.status_code == 400
    assert "must be an object" in answer.json()["detail"]


def test_too_large(emulator: Emulator, caller: Caller) -> None:
    emulator.configure(max_body_bytes=2000)
    answer = caller.dps("POST", CREATE, json=dps_offer("x" * 3000))
    assert answer.status_code == 413
    assert "2000 bytes" in answer.json()["detail"]
    assert caller.dps("POST", CREATE, json=dps_offer()).status_code == 201
    assert emulator.journal()[0].status == 413


def test_patch_that_grows_too_deep(caller: Caller) -> None:
    object_id = caller.create_dps(dps_offer(a={}))["id"]
    for name in ("copy", "add"):
        patch: list[dict[str, Any]] = [
            {"op": name, "from": "/a", "value": {}, "path": f"/a{'/a' * depth}"} for depth in range(1, 400)
        ]
        answer = caller.patch_dps(object_id, *patch)
        assert answer.status_code == 400
        assert "nested" in answer.json()["detail"]
    assert caller.get_dps(object_id).json()["etag"] == 1


_AUTHORITY = b"Host: x\r\n"
_CREATE = b"POST /data/core/dps/offers?offer-type=personalized HTTP/1.1\r\n" + _AUTHORITY
NO_GOOD_REQUESTS = {
    "blank lines": b"\r\n\r\n",
    "nothing": b"",
    "NULs": b"\x00" * 1_000,
    "no words": b"GARBAGE\r\n\r\n",
    "HTTP 0.9": b"GET /\r\n",
    "HTTP 9.9": b"GET / HTTP/9.9\r\n\r\n",
    "HTTP 2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) * 2,
    "a long method": b"A" * 20_000 + b" / HTTP/1.1\r\n" + _AUTHORITY + b"\r\n",
    "a method of its own": b"BREW / HTTP/1.1\r\n" + _AUTHORITY + b"\r\n",
    "CONNECT": b"CONNECT platform.adobe.io:443 HTTP/1.1\r\n" + _AUTHORITY + b"\r\n",
    "OPTIONS": b"OPTIONS * HTTP/1.1\r\n" + _AUTHORITY + b"\r\n",
    "a whole URL": b"GET http://elsewhere/data/core/dps/offers HTTP/1.1\r\n" + _AUTHORITY + b"\r\n",
    "no path": b"GET ? HTTP/1.1\r\n" + _AUTHORITY + b"\r\n",
    "escapes that are none": b"GET /%zz%ff%00 HTTP/1.1\r\n" + _AUTHORITY + b"\r\n",
    "NUL in a path": b"GET /data/core/dps/offers/%00?offer-type=%00 HTTP/1.1\r\n" + _AUTHORITY + b"\r\n",
    "no UTF-8": b"GET /data/core/dps/offers/%ff%fe?offer-type=%ff HTTP/1.1\r\n" + _AUTHORITY + b"\r\n",
    "bare bytes in a path": b"GET /data/\xff\xfe HTTP/1.1\r\n" + _AUTHORITY + b"\r\n",
    "dots": b"GET /data/core/../../etc/passwd HTTP/1.1\r\n" + _AUTHORITY + b"\r\n",
    "an empty query": b"GET /data/core/dps/offers?&&=&;=;&%&offer-type HTTP/1.1\r\n" + _AUTHORITY + b"\r\n",
    "a long path": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    "a long query": b"GET /?" + b"a=b&" * 10_000 + b" HTTP/1.1\r\n" + _AUTHORITY + b"\r\n",
    "a long header": b"GET / HTTP/1.1\r\n" + _AUTHORITY + b"x: " + b"y" * 500_000 + b"\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\n" + _AUTHORITY + b"x: y\r\n" * 5_000 + b"\r\n",
    "endless headers": b"GET / HTTP/1.1\r\n" + _AUTHORITY + b"x: y\r\n" * 20_000,
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "a header without a colon": b"GET / HTTP/1.1\r\n" + _AUTHORITY + b"nonsense\r\n\r\n",
    "a folded header": b"GET / HTTP/1.1\r\n" + _AUTHORITY + b"x: a\r\n b\r\n\r\n",
    "NUL in a header": b"GET / HTTP/1.1\r\n" + _AUTHORITY + b"x: a\x00b\r\n\r\n",
    "bare bytes in a header": b"GET /x HTTP/1.1\r\n" + _AUTHORITY + b"x-request-id: \xff\xff\r\n\r\n",
    "an upgrade": b"GET /x HTTP/1.1\r\n" + _AUTHORITY + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "h2c": b"GET /x HTTP/1.1\r\n" + _AUTHORITY + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
    "a short body": _CREATE + b"Content-Length: 50\r\n\r\nshort",
    "no body": _CREATE + b"Content-Length: 1000000000000000000\r\n\r\n",
    "a negative length": _CREATE + b"Content-Length: -1\r\n\r\n",
    "a length that is none": _CREATE + b"Content-Length: 1e3\r\n\r\n",
    "two lengths": _CREATE + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}}",
    "a length and chunks": _CREATE + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a coding of its own": _CREATE + b"Transfer-Encoding: cabbage\r\n\r\n",
    "no chunk": _CREATE + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a negative chunk": _CREATE + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nabcde\r\n",
    "a huge chunk": _CREATE + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 16 + b"\r\nabc",
    "a chunk that is longer": _CREATE + b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
    "chunks without an end": _CREATE + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 1_000,
    "endless trailers": _CREATE + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"x: y\r\n" * 20_000,
    "a body to be asked for": _CREATE + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n",
}


def spoken(emulator: Emulator, sent: bytes, *, then: str = "half-close") -> bytes:
    """All bytes that a new connection returns; `then` is what happens after the last byte is sent."""
    address = urlsplit(emulator.url)
    received = b""
    with (
        socket.create_connection((address.hostname, address.port), timeout=10) as connection,
        # The server may have closed the connection before it had read everything.
        contextlib.suppress(OSError),
    ):
        connection.sendall(sent)
        if then == "abort":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return received
        if then == "half-close":
            connection.shutdown(socket.SHUT_WR)
        while part := connection.recv(65_536):
            received += part
    return received


@pytest.mark.parametrize("then", ["half-close", "abort"])
@pytest.mark.parametrize("what", NO_GOOD_REQUESTS)
def test_bytes_that_are_no_good_request(emulator: Emulator, caller: Caller, what: str, then: str) -> None:
    before = emulator.objects()
    received = spoken(emulator, NO_GOOD_REQUESTS[what], then=then)
    # Refused by us or by the server library, redirected from the root to the page, or not answered: never an internal
    # error.
    answers = (b"", b"HTTP/1.1 4", b"HTTP/1.1 3")
    assert re.sub(rb"(?s)^HTTP/1\.1 100 Continue\r\n\r\n", b"", received)[:10] in answers, received
    assert emulator.objects() == before
    assert caller.listed() == []


def good_request(caller: Caller, method: str, target: str, body: bytes = b"", **headers: str) -> bytes:
    """A good request, byte for byte."""
    sent = {"Host": "x", **{name: str(value) for name, value in caller.session.headers.items()}, **headers}
    sent |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode() + body


def test_requests_one_behind_the_other_are_answered_in_their_order(emulator: Emulator, caller: Caller) -> None:
    target = f"/data/core/dps{CREATE}"
    creations = b"".join(
        good_request(caller, "POST", target, json.dumps(dps_offer(f"{n}")).encode()) for n in range(20)
    )
    received = spoken(emulator, creations + good_request(caller, "GET", target) + b"GARBAGE\r\n\r\n", then="listen")
    assert re.findall(rb"HTTP/1\.1 (\d+) ", received) == [b"201"] * 20 + [b"200", b"400"]
    created = [each["body"]["name"] for each in emulator.objects("personalized-offer")]
    assert created == [str(number) for number in range(20)]


def test_who_hangs_up_half_way_is_answered_and_who_breaks_off_changes_nothing(
    emulator: Emulator, caller: Caller
) -> None:
    request = good_request(caller, "POST", f"/data/core/dps{CREATE}", json.dumps(dps_offer()).encode())
    for length in range(1, len(request), 97):
        spoken(emulator, request[:length], then="abort")
        spoken(emulator, request[:length])
    assert caller.listed() == []
    assert b" 201 " in spoken(emulator, request)
    assert caller.listed() == ["Spring voucher"]


def test_who_says_nothing_keeps_nobody_waiting(emulator: Emulator, caller: Caller) -> None:
    address = urlsplit(emulator.url)
    with contextlib.ExitStack() as idle:
        for number in range(200):
            connection = idle.enter_context(socket.create_connection((address.hostname, address.port), timeout=10))
            connection.sendall((b"", b"G", b"GET / HTTP/1.1\r\n", _CREATE + b"Content-Length: 9\r\n\r\n{")[number % 4])
        assert caller.create_dps(dps_offer())["etag"] == 1
    assert caller.listed() == ["Spring voucher"]


@pytest.mark.parametrize("copies", [40, 5_000])
def test_a_patch_that_doubles_what_it_copied_is_refused(caller: Caller, copies: int) -> None:
    object_id = caller.create_dps(dps_offer(a={"text": "x" * 1_000}))["id"]
    patch = [{"op": "copy", "from": "/a", "path": f"/a/{number}"} for number in range(copies)]
    answer = caller.patch_dps(object_id, *patch)
    assert answer.status_code == 400
    assert "copies add up to more than" in answer.json()["detail"]
    assert caller.get_dps(object_id).json()["etag"] == 1


@pytest.mark.parametrize("headers", [{"a b": "x"}, {"": "x"}, {"a": "x\r\ny"}, {"a": "\u2028"}, {"a": " x"}, {"a": 1}])
def test_a_fault_cannot_ask_for_a_header_that_no_answer_can_carry(caller: Caller, headers: dict[str, Any]) -> None:
    answer = caller.call("POST", "/_emulator/faults", json={"effect": "status", "headers": headers})
    assert answer.status_code == 400
    assert "headers must be" in answer.json()["error"]


@pytest.mark.parametrize("clock", [{"advance": 1e17}, {"advance": -1e17}, {"set": "9999-12-31T23:59:59Z"}])
def test_the_clock_stays_where_dates_can_be_written(caller: Caller, clock: dict[str, Any]) -> None:
    answer = caller.call("PUT", "/_emulator/clock", json=clock)
    assert (answer.status_code, "between the years 1970 and 9000" in answer.json()["error"]) == (400, True)
    assert caller.listed() == []


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN"])
def test_a_number_that_no_json_can_hold_is_refused(caller: Caller, number: str) -> None:
    body = json.dumps(dps_offer(a="@")).replace('"@"', number).encode()
    assert caller.dps("POST", CREATE, data=body, headers=JSON).status_code == 400
    assert caller.listed("&orderby=a") == []


@examples(30)
@given(
    text=st.text(max_size=30),
    parameter=st.sampled_from(["property", "orderBy", "start", "limit", "name", "id", "q", "field", "qop", "schema"]),
)
def test_any_query_gets_an_answer(running: Emulator, caller: Caller, text: str, parameter: str) -> None:
    for path in (
        f"/data/core/xcore/{caller.container}/queries/core/search",
        "/data/core/dps/offers",
    ):
        answer = caller.session.get(
            running.url + path,
            params={"schema": PERSONALIZED, "offer-type": "personalized", "q": "x", parameter: text},
            timeout=10,
        )
        assert answer.status_code in (200, 400), answer.text


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@examples(30)
@given(
    member=st.sampled_from([*sorted(dps_offer()), "tags", "frequencyCappingConstraints", "characteristics", "x"]),
    value=_json,
)
def test_any_body_gets_an_answer(caller: Caller, member: str, value: object) -> None:
    answer = caller.dps("POST", CREATE, data=json.dumps({**dps_offer(), member: value}), headers=JSON)
    assert answer.status_code in (201, 400), answer.text
    if answer.status_code == 201:
        assert caller.get_dps(answer.json()["id"]).status_code == 200


@examples(30)
@given(
    operation=st.fixed_dictionaries(
        {
            "op": st.sampled_from(["add", "replace", "remove", "copy", "move", "test"]),
            "path": st.sampled_from(
                ["", "/", "/name", "/rank/priority", "/representations/0", "/x/-", "/tags/9", "/~1"]
            ),
        },
        optional={"value": _json, "from": st.sampled_from(["", "/name", "/representations", "/rank", "/none"])},
    )
)
def test_any_patch_gets_an_answer(caller: Caller, operation: dict[str, object]) -> None:
    object_id = caller.create_dps(dps_offer(tags=[]))["id"]
    answer = caller.patch_dps(object_id, operation)
    assert answer.status_code in (200, 400, 422), answer.text
    assert caller.get_dps(object_id).status_code == 200


def test_many_clients_at_once(emulator: Emulator) -> None:
    callers = [Caller(emulator, sandbox=sandbox) for sandbox in ("prod", "dev") * 3]
    shared = callers[0].create_dps(dps_offer("Shared"))["id"]

    def work(number: int) -> int:
        caller = callers[number]
        for round_ in range(10):
            object_id = caller.create_dps(dps_offer(f"{number}-{round_}"))["id"]
            if round_ % 2:
                caller.dps("DELETE", f"/offers/{object_id}?offer-type=personalized")
        return callers[0].patch_dps(shared, {"op": "add", "path": "/description", "value": str(number)}).status_code

    with ThreadPoolExecutor(len(callers)) as pool:
        assert list(pool.map(work, range(len(callers)))) == [200] * 6
    found = emulator.objects("personalized-offer")
    assert len(found) == 6 * 5 + 1
    assert len({each["id"] for each in found}) == len({each["instance_id"] for each in found}) == len(found)
    assert next(each for each in found if each["id"] == shared)["etag"] == 7
    assert len({each["modified_us"] // 1000 for each in found}) == len(found)


def test_only_one_of_many_conditional_writers_wins(emulator: Emulator, caller: Caller) -> None:
    instance = caller.create_xcore(xcore_offer())["instanceId"]
    callers = [Caller(emulator) for _ in range(6)]
    rename = {"op": "replace", "path": "/_instance/xdm:name", "value": "x"}
    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(lambda each: each.patch_xcore(instance, rename, If_Match='"1"').status_code, callers))
    assert sorted(statuses) == [200, 409, 409, 409, 409, 409]
