"""Faults of every kind, and the effect that the request has anyway."""

from __future__ import annotations

import re
import socket
import time
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.emulator.control.faults import FaultError
from tests.emulator.conftest import Caller, dps_offer

CREATE = "/offers?offer-type=personalized"


def offers(emulator: Emulator) -> int:
    return len(emulator.objects("personalized-offer"))


def create(caller: Caller) -> requests.Response:
    return caller.dps("POST", CREATE, json=dps_offer())


@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
def test_status(emulator: Emulator, caller: Caller, when: str, made: int) -> None:
    emulator.add_fault("status", route="dps.create", status=502, when=when)
    answer = create(caller)
    assert answer.status_code == 502
    assert answer.headers["x-request-id"]
    assert offers(emulator) == made
    (entry,) = emulator.journal(route="dps.create")
    assert (entry.status, entry.committed, entry.fault) == (502, bool(made), f"{emulator.faults()[0].id} status {when}")
    assert create(caller).status_code == 201


@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
def test_lost_connection(emulator: Emulator, caller: Caller, when: str, made: int) -> None:
    emulator.add_fault("drop", method="POST", when=when)
    with pytest.raises(requests.ConnectionError):
        create(caller)
    assert offers(emulator) == made
    (entry,) = emulator.journal(method="POST")
    assert (entry.status, entry.committed) == (None, bool(made))
    assert create(caller).status_code == 201


def test_lost_connection_closes_the_socket_without_a_byte(emulator: Emulator) -> None:
    emulator.add_fault("drop")
    address = urlsplit(emulator.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(b"GET /data/core/dps/tags HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            received = connection.recv(100)
        except ConnectionResetError:
            received = b""
    assert received == b""


@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
def test_proxy_page(emulator: Emulator, caller: Caller, when: str, made: int) -> None:
    emulator.add_fault("html", status=502, when=when)
    answer = create(caller)
    assert answer.status_code == 502
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.text.startswith("<html>")
    assert offers(emulator) == made


@pytest.mark.parametrize("when", ["before", "after"])
def test_delay_outlives_an_impatient_caller(emulator: Emulator, caller: Caller, when: str) -> None:
    emulator.add_fault("delay", seconds=2, when=when, method="POST")
    with pytest.raises(requests.ReadTimeout):
        caller.session.post(f"{emulator.url}/data/core/dps{CREATE}", json=dps_offer(), timeout=(10, 0.2))
    if when == "before":
        assert offers(emulator) == 0
    # The delayed request continues: it is answered before the server stops, and this test waits for it.
    deadline = time.monotonic() + 30
    while [entry.status for entry in emulator.journal(method="POST")] in ([], [None]):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert offers(emulator) == 1


def test_an_effect_that_comes_late_by_the_clock(emulator: Emulator, caller: Caller) -> None:
    emulator.clock.freeze("2026-05-01T12:00:00Z")
    emulator.add_fault("late", route="dps.create", seconds=3)
    with pytest.raises(requests.ConnectionError):
        create(caller)
    assert offers(emulator) == 0
    (entry,) = emulator.journal(route="dps.create")
    assert (entry.status, entry.committed) == (None, False)
    emulator.clock.advance(2)
    assert caller.dps("GET", CREATE).json()["results"] == []
    emulator.clock.advance(5)
    (offer,) = caller.dps("GET", CREATE).json()["results"]
    assert offer["created"].startswith("2026-05-01T12:00:03.000")
    assert entry.committed


def test_what_comes_late_is_forgotten_by_a_reset(emulator: Emulator, caller: Caller) -> None:
    emulator.add_fault("late", method="POST", seconds=3)
    with pytest.raises(requests.ConnectionError):
        create(caller)
    emulator.reset()
    emulator.clock.advance(4)
    assert offers(emulator) == 0


def test_answers_are_dated_by_the_emulators_clock(emulator: Emulator, caller: Caller) -> None:
    emulator.clock.freeze("2026-05-01T12:00:00Z")
    emulator.add_fault("status", status=503, retry_after=60, retry_after_form="date", after=1)
    first, second = create(caller), create(caller)
    assert first.headers["Date"] == "Fri, 01 May 2026 12:00:00 GMT"
    assert second.headers["Retry-After"] == "Fri, 01 May 2026 12:01:01 GMT"


def test_dribble(emulator: Emulator, caller: Caller) -> None:
    emulator.add_fault("dribble", seconds=0, chunk=7)
    answer = create(caller)
    assert answer.status_code == 201
    assert answer.json()["etag"] == 1


@pytest.mark.parametrize("length", [None, 0, 5, 10**6])
def test_truncated_body(emulator: Emulator, caller: Caller, length: int | None) -> None:
    emulator.add_fault("truncate", bytes=length)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        create(caller)
    assert offers(emulator) == 1
    assert create(caller).status_code == 201


def test_truncated_blank_body(emulator: Emulator, caller: Caller) -> None:
    object_id = create(caller).json()["id"]
    emulator.add_fault("truncate")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        caller.dps("DELETE", f"/offers/{object_id}?offer-type=personalized")


def test_malformed_json(emulator: Emulator, caller: Caller) -> None:
    emulator.add_fault("malformed")
    answer = create(caller)
    assert answer.status_code == 201
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    assert offers(emulator) == 1


def test_expired_token_until_a_new_one(emulator: Emulator, caller: Caller) -> None:
    emulator.add_fault("expire_token", route="dps.*")
    for _ in range(2):
        answer = create(caller)
        assert (answer.status_code, answer.json()["error_code"]) == (401, "401013")
    fresh = {"Authorization": f"Bearer {emulator.issue_token()}"}
    assert caller.dps("POST", CREATE, json=dps_offer(), headers=fresh).status_code == 201


def test_retry_after(emulator: Emulator, caller: Caller) -> None:
    emulator.add_fault("status", status=429, retry_after=7)
    emulator.add_fault("status", status=503, retry_after=60, retry_after_form="date")
    emulator.add_fault("status", status=429)
    first, second, third = create(caller), create(caller), create(caller)
    assert first.headers["Retry-After"] == "7"
    assert first.json() == {"error_code": "429050", "message": "Too many requests"}
    assert 0 < parsedate_to_datetime(second.headers["Retry-After"]).timestamp() - time.time() <= 62
    assert "Retry-After" not in third.headers


def test_body_and_headers_of_choice(emulator: Emulator, caller: Caller) -> None:
    emulator.add_fault("status", status=500, body={"message": "oops"}, headers={"x-mine": "1"})
    emulator.add_fault("status", status=500, body="plain")
    emulator.add_fault("status", status=599, body=[])
    first, second, third = create(caller), create(caller), create(caller)
    assert (first.json(), first.headers["x-mine"]) == ({"message": "oops"}, "1")
    assert second.text == "plain"
    assert (third.status_code, third.json()) == (599, [])


def test_counting(emulator: Emulator, caller: Caller) -> None:
    rule = emulator.add_fault("status", times=2, after=1)
    assert [create(caller).status_code for _ in range(5)] == [201, 503, 503, 201, 201]
    assert (rule.seen, rule.applied) == (5, 2)
    emulator.clear_faults()
    emulator.add_fault("status", times=None)
    assert [create(caller).status_code for _ in range(3)] == [503] * 3


def test_probability_is_seeded(emulator: Emulator, caller: Caller) -> None:
    def run(seed: int) -> list[int]:
        emulator.clear_faults()
        emulator.add_fault("status", probability=0.5, seed=seed)
        return [caller.dps("GET", "/tags").status_code for _ in range(20)]

    assert run(1) == run(1)
    assert set(run(1)) == {200, 503}
    assert run(1) != run(2)


@pytest.mark.parametrize(
    ("rule", "hit"),
    [
        ({"method": "POST"}, True),
        ({"method": "post"}, True),
        ({"method": "GET"}, False),
        ({"route": "dps.create"}, True),
        ({"route": "dps.*"}, True),
        ({"route": "xcore.*"}, False),
        ({"path": "/data/core/dps/*"}, True),
        ({"path": "/data/core/xcore/*"}, False),
        ({"path_regex": "dps/off[e]rs$"}, True),
        ({"path_regex": "^offers"}, False),
        ({"contains": "Spring"}, True),
        ({"contains": "Autumn"}, False),
        ({"method": "POST", "route": "ims.*"}, False),
    ],
)
def test_matching(emulator: Emulator, caller: Caller, rule: dict[str, Any], hit: bool) -> None:
    emulator.add_fault("status", **rule)
    assert create(caller).status_code == (503 if hit else 201)


def test_the_identity_service_fails_too(emulator: Emulator) -> None:
    emulator.add_fault("status", route="ims.token", status=500, body={"error": "internal_error"})
    assert requests.post(emulator.token_url, timeout=10).json() == {"error": "internal_error"}


def test_the_control_plane_never_fails(emulator: Emulator) -> None:
    emulator.add_fault("drop", times=None)
    assert requests.get(f"{emulator.url}/_emulator/", timeout=10).status_code == 200


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"effect": "explode"}, "unknown effect 'explode'"),
        ({"effect": "status", "stauts": 500}, "did you mean 'status'"),
        ({"effect": "status", "status": 99}, "status must be a whole number from 200 to 599"),
        ({"effect": "status", "status": "500"}, "status must be a whole number"),
        ({"effect": "drop", "when": "later"}, "when must be before or after"),
        ({"effect": "drop", "route": "dps.creat"}, "did you mean 'dps.create'"),
        ({"effect": "drop", "method": "PSOT"}, "unknown method 'PSOT'; did you mean 'POST'?"),
        ({"effect": "drop", "path_regex": "("}, "not a regular expression"),
        ({"effect": "drop", "times": True}, "times must be a whole number"),
        ({"effect": "drop", "probability": 2}, "probability must be a number from 0 to 1"),
        ({"effect": "drop", "headers": {"a": 1}}, "headers must be an object of strings"),
        ({"effect": "interim", "status": 200}, "status must be a whole number from 100 to 199"),
        ({"effect": "drop", "seed": {}}, "seed must be a whole number"),
        ({"effect": "dribble", "chunk": 1.5}, "chunk must be a whole number from 1"),
        ({"effect": "drop", "after": None}, "after must be a whole number"),
        ({"method": "GET"}, "needs an effect"),
    ],
)
def test_rules_that_are_refused(emulator: Emulator, rule: dict[str, Any], message: str) -> None:
    answer = requests.post(f"{emulator.url}/_emulator/faults", json=rule, timeout=10)
    assert answer.status_code == 400
    assert message in answer.json()["error"]
    if "effect" in rule:
        with pytest.raises(FaultError):
            emulator.add_fault(**rule)
    assert emulator.faults() == []


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (
            {"effect": "drop", "status": 503},
            "the effect 'drop' ignores 'status'; its keys are when; 'status' is for status",
        ),
        ({"effect": "status", "seconds": 5}, "'seconds' is for delay, late, early, dribble"),
        (
            {"effect": "repeat", "when": "after"},
            "the effect 'repeat' ignores 'when'; it has no keys of its own; 'when' is",
        ),
        ({"effect": "late", "when": "after"}, "its keys are seconds"),
        ({"effect": "malformed", "body": "{"}, "'body' is for status, early, garble, fail_job"),
        ({"effect": "html", "bytes": 5}, "'bytes' is for truncate"),
    ],
)
def test_a_key_that_the_effect_ignores_is_refused(emulator: Emulator, rule: dict[str, Any], told: str) -> None:
    with pytest.raises(FaultError, match=re.escape(told)):
        emulator.add_fault(**rule)
    assert emulator.faults() == []


def test_a_key_with_its_default_is_no_mistake(emulator: Emulator) -> None:
    emulator.add_fault("drop", seconds=1.0, body=None, headers={}, retry_after_form="seconds")
    assert [each.effect for each in emulator.faults()] == ["drop"]
