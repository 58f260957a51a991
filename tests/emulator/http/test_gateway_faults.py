"""Faults between client and service: repeated requests, early, mixed-up and unreadable answers."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from airflow_provider_offers.emulator import Emulator
from tests.emulator.conftest import Caller, dps_offer

CREATE = "/offers?offer-type=personalized"


def offers(emulator: Emulator) -> list[str]:
    return [each["body"]["name"] for each in emulator.objects("personalized-offer")]


def create(caller: Caller, name: str = "Spring voucher") -> requests.Response:
    return caller.dps("POST", CREATE, json=dps_offer(name))


def exchanged(caller: Caller, requests_: int = 1) -> bytes:
    """All bytes that one connection returns for a number of reads; the last read closes it."""
    address = urlsplit(caller.emulator.url)
    head = "".join(
        f"{name}: {value!s}\r\n" for name, value in caller.session.headers.items() if name.startswith(("A", "x-"))
    )
    received = b""
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        for number in range(requests_):
            last = "Connection: close\r\n" if number == requests_ - 1 else ""
            connection.sendall(
                f"GET /data/core/dps/tags?limit={number + 1} HTTP/1.1\r\nHost: x\r\n{head}{last}\r\n".encode()
            )
        while part := connection.recv(65536):
            received += part
    return received


def test_a_gateway_repeats_a_create(emulator: Emulator, caller: Caller) -> None:
    emulator.add_fault("repeat", route="dps.create")
    answer = create(caller)
    assert answer.status_code == 201
    assert offers(emulator) == ["Spring voucher"] * 2
    assert answer.json()["id"] == emulator.objects("personalized-offer")[1]["id"]
    assert [entry.committed for entry in emulator.journal(route="dps.create")] == [True]


def test_a_gateway_repeats_a_delete_and_hands_on_that_nothing_is_there(emulator: Emulator, caller: Caller) -> None:
    object_id = create(caller).json()["id"]
    emulator.add_fault("repeat", route="dps.delete")
    assert caller.dps("DELETE", f"/offers/{object_id}?offer-type=personalized").status_code == 404
    assert offers(emulator) == []
    (entry,) = emulator.journal(route="dps.delete")
    assert entry.committed


def test_a_gateway_repeats_a_guarded_edit_and_hands_on_the_conflict_with_itself(
    emulator: Emulator, caller: Caller
) -> None:
    object_id = create(caller).json()["id"]
    emulator.add_fault("repeat", route="dps.patch")
    operations = [
        {"op": "test", "path": "/name", "value": "Spring voucher"},
        {"op": "replace", "path": "/name", "value": "New"},
    ]
    assert caller.patch_dps(object_id, *operations).status_code == 422
    assert offers(emulator) == ["New"]


@pytest.mark.parametrize("status", [408, 425, 499, 504, 524])
def test_a_gateway_gives_up_after_the_commit(emulator: Emulator, caller: Caller, status: int) -> None:
    emulator.add_fault("status", route="dps.create", status=status, when="after")
    assert create(caller).status_code == status
    assert offers(emulator) == ["Spring voucher"]


def test_a_gateway_answers_before_the_request_takes_effect(emulator: Emulator, caller: Caller) -> None:
    emulator.clock.freeze("2026-05-01T12:00:00Z")
    emulator.add_fault("early", route="dps.create", seconds=3)
    answer = create(caller)
    assert (answer.status_code, answer.json()["title"]) == (504, "Gateway Timeout")
    assert offers(emulator) == []
    emulator.clock.advance(3)
    assert offers(emulator) == ["Spring voucher"]


def test_a_gateway_mixes_up_answers(emulator: Emulator, caller: Caller) -> None:
    emulator.add_fault("foreign", route="dps.create", times=2)
    first = create(caller, "First").json()["id"]
    assert first == emulator.objects("personalized-offer")[0]["id"], "there was no other answer yet"
    other = create(caller, "Second")
    assert (other.status_code, other.json()["id"]) == (201, first)
    assert offers(emulator) == ["First", "Second"]


@pytest.mark.parametrize("status", [100, 102, 103])
def test_an_interim_answer_comes_before_the_answer(emulator: Emulator, caller: Caller, status: int) -> None:
    emulator.add_fault("interim", status=status, headers={"Link": "</x>; rel=preload"})
    received = exchanged(caller, 2)
    assert received.startswith(f"HTTP/1.1 {status} ".encode())
    interim, first, *_ = received.split(b"\r\n\r\n")
    assert b"Link: </x>; rel=preload" in interim
    assert first.startswith(b"HTTP/1.1 200 OK")
    assert received.count(b"HTTP/1.1 ") == 3
    assert [entry.status for entry in emulator.journal(route="dps.list")] == [200, 200]


@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
def test_an_interim_answer_without_an_end(emulator: Emulator, caller: Caller, when: str, made: int) -> None:
    emulator.add_fault("unended", route="dps.create", when=when)
    # Python's own client reads it as the answer.
    assert create(caller).status_code == 103
    assert len(offers(emulator)) == made
    emulator.add_fault("unended", route="dps.list")
    assert exchanged(caller) == b"HTTP/1.1 103 Early Hints\r\n\r\n"


def test_an_answer_with_two_lengths(emulator: Emulator, caller: Caller) -> None:
    emulator.add_fault("lengths", route="dps.create")
    with pytest.raises(requests.exceptions.InvalidHeader):
        create(caller)
    assert offers(emulator) == ["Spring voucher"]
    emulator.add_fault("lengths", route="dps.list")
    received = exchanged(caller)
    lengths = [
        int(line.partition(b":")[2]) for line in received.splitlines() if line.lower().startswith(b"content-length")
    ]
    body = received.partition(b"\r\n\r\n")[2]
    assert lengths == [len(body), len(body) + 1]


@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
def test_an_answer_that_is_no_http(emulator: Emulator, caller: Caller, when: str, made: int) -> None:
    emulator.add_fault("garble", route="dps.create", when=when)
    with pytest.raises(requests.ConnectionError):
        create(caller)
    assert len(offers(emulator)) == made
    emulator.add_fault("garble", route="dps.list", body="HTTP/9.9 no\r\n\r\n")
    assert exchanged(caller) == b"HTTP/9.9 no\r\n\r\n"


DATED: list[tuple[str, str, dict[str, Any], int]] = [
    ("POST", "/ims/token/v3", {}, 400),
    ("POST", "/ims/token/v3", {"data": {"grant_type": "x"}}, 400),
    ("GET", "/data/core/dps/tags", {"headers": {"Authorization": ""}}, 403),
    ("GET", "/data/core/dps/tags", {}, 200),
    ("GET", "/data/core/dps/tags/none", {}, 404),
    ("GET", "/data/core/xcore/", {}, 200),
    ("DELETE", "/data/core/nothing", {}, 404),
    ("PATCH", "/data/core/dps/tags", {}, 405),
    ("GET", "/_emulator/clock", {}, 200),
    ("GET", "/_emulator/nothing", {}, 404),
]


@pytest.mark.parametrize(("method", "path", "options", "status"), DATED)
def test_every_answer_is_dated_by_the_clock(
    emulator: Emulator, caller: Caller, method: str, path: str, options: dict[str, Any], status: int
) -> None:
    emulator.clock.freeze("2026-05-01T12:00:00Z")
    caller.session.headers["Authorization"] = f"Bearer {emulator.issue_token()}"
    answer = caller.call(method, path, **options)
    assert (answer.status_code, answer.headers["Date"]) == (status, "Fri, 01 May 2026 12:00:00 GMT")
    emulator.clock.advance(86_399)
    answer = caller.call(method, path, **options)
    assert answer.headers["Date"] == "Sat, 02 May 2026 11:59:59 GMT"


@pytest.mark.parametrize("rule", [{"effect": "status", "status": 502}, {"effect": "html"}, {"effect": "expire_token"}])
def test_answers_of_faults_are_dated_by_the_clock(emulator: Emulator, caller: Caller, rule: dict[str, Any]) -> None:
    emulator.clock.freeze("2026-05-01T12:00:00Z")
    emulator.add_fault(**rule)
    assert create(caller).headers["Date"] == "Fri, 01 May 2026 12:00:00 GMT"
    emulator.add_fault("status", headers={"Date": "Thu, 01 Jan 1970 00:00:00 GMT"})
    assert create(caller).headers["Date"] == "Thu, 01 Jan 1970 00:00:00 GMT"


def test_no_answer_is_dated_twice(emulator: Emulator, caller: Caller) -> None:
    assert exchanged(caller).lower().count(b"\r\ndate: ") == 1
