"""Nothing that arrives over the network brings the emulator down, and clients at the same time corrupt nothing."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_offers.emulator import Emulator
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
    patch = [{"op": "copy", "from": "/a", "path": f"/a{'/a' * depth}"} for depth in range(1, 200)]
    answer = caller.dps("PATCH", f"/offers/{object_id}?offer-type=personalized", json=patch)
    assert answer.status_code in (200, 400)
    assert caller.get_dps(object_id).status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"\r\n\r\n",
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /%zz%ff%00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /data/core/dps/offers/%ff%fe?offer-type=%ff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /data/core/dps/offers HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nshort",
        b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /x HTTP/1.1\r\nHost: x\r\nx-request-id: \xff\xff\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_bytes_that_are_no_good_request(emulator: Emulator, caller: Caller, sent: bytes) -> None:
    address = urlsplit(emulator.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        try:
            while connection.recv(65536):
                pass
        except ConnectionResetError:
            pass
    assert caller.listed() == []


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    member=st.sampled_from([*sorted(dps_offer()), "tags", "frequencyCappingConstraints", "characteristics", "x"]),
    value=_json,
)
def test_any_body_gets_an_answer(caller: Caller, member: str, value: object) -> None:
    answer = caller.dps("POST", CREATE, data=json.dumps({**dps_offer(), member: value}), headers=JSON)
    assert answer.status_code in (201, 400), answer.text
    if answer.status_code == 201:
        assert caller.get_dps(answer.json()["id"]).status_code == 200


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
