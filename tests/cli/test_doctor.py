"""`airflow offers doctor` names the step that fails, says what to do, and shows no secret."""

from __future__ import annotations

import base64
import json
import os
import re
import time
from typing import Any

import pytest

from airflow_provider_offers.client.model.kinds import KINDS
from airflow_provider_offers.emulator import Emulator
from tests.airflow.harness import Airflow
from tests.cli.commands import Done, Offers, process

CLOSED = "http://127.0.0.1:1"
READS = [f"read {kind.noun}s" for kind in KINDS.values()]
WRITES = [f"write {kind.noun}s" for kind in KINDS.values()]
GROUND = ["connection", "API", "token", "scopes", "client id", "organization", "sandbox"]


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch, emulator: Emulator, api: str) -> Any:
    """Sets the connection `ajo` to the emulator with some changes."""

    def connected(**changes: Any) -> None:
        fields: dict[str, Any] = {name: changes.pop(name) for name in ("host", "login", "password") if name in changes}
        connection = {**emulator.connection(api, **changes, max_retries=0), **fields}
        monkeypatch.setenv("AIRFLOW_CONN_AJO", json.dumps(connection))

    return connected


def found(done: Done) -> dict[str, dict[str, str]]:
    """What the command told as JSON, by step."""
    return {each["step"]: each for each in json.loads(done.out)}


def token_with(**claims: Any) -> str:
    """A token that looks like those of IMS: a JSON Web Token."""
    parts: list[dict[str, Any]] = [{"alg": "none"}, claims, {}]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


def test_every_step_of_a_connection_that_works(offers: Offers, connect: Any, api: str, emulator: Emulator) -> None:
    connect()

    done = offers("doctor", "--conn-id", "ajo", "--write", "--format", "json")

    assert done.code == 0, done.out + done.err
    steps = found(done)
    assert list(steps) == [*GROUND, *READS, *WRITES, "clock"]
    formulas = {"read ranking formulas", "write ranking formulas"}
    assert {step for step, each in steps.items() if each["verdict"] != "ok"} == (formulas if api == "xcore" else set())
    assert {entry.status for entry in emulator.journal(method="DELETE")} == {404}


def test_the_default_connection_of_the_configuration_is_tested_and_named(
    offers: Offers, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect()
    monkeypatch.setenv("AIRFLOW__OFFER_LIBRARY__DEFAULT_CONN_ID", "ajo")

    assert found(offers("doctor", "--format", "json"))["connection"]["detail"] == "ajo"

    monkeypatch.setenv("AIRFLOW__OFFER_LIBRARY__DEFAULT_CONN_ID", "nowhere")

    assert "there is no connection 'nowhere'" in offers("doctor").out


def test_nothing_but_reads_without_the_option_write(offers: Offers, connect: Any, emulator: Emulator) -> None:
    connect()

    done = offers("doctor", "--conn-id", "ajo")

    assert done.code == 0
    assert [line.split()[0] for line in done.lines[:3]] == ["ok", "ok", "ok"]
    assert {entry.method for entry in emulator.journal(path="/data/*")} == {"GET"}
    assert "\x1b" not in done.out, "a pipe gets no colors"


FAILURES: dict[str, tuple[dict[str, Any], str, str, str]] = {
    # The change, the failing step, what was seen, and what to do.
    "wrong secret": ({"password": "wrong-secret"}, "token", "invalid client_secret", "login (client id)"),
    "wrong scopes": ({"scopes": "openid,all"}, "scopes", "invalid_scope", "Developer Console"),
    "no identity service": ({"token_url": f"{CLOSED}/ims/token/v3", "scopes": "openid"}, "token", "did not answer", ""),
    "other organization": ({"org_id": "0123456789ABCDEF01234567@AdobeOrg"}, "organization", "not valid", "org_id"),
    "unknown sandbox": ({"sandbox": "nowhere"}, "sandbox", "nowhere", "sandbox"),
    "closed host": ({"host": CLOSED}, "API", "refused", "Check `host`"),
    "missing field": ({"org_id": ""}, "connection", "org_id: given nothing", "Correct these fields"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_the_step_that_fails_is_named_with_its_remedy(
    offers: Offers, connect: Any, emulator: Emulator, case: str
) -> None:
    changes, step, seen, remedy = FAILURES[case]
    connect(**changes)

    done = offers("doctor", "--conn-id", "ajo", "--format", "json")

    assert done.code == 1
    steps = found(done)
    assert steps[step]["verdict"] == "failed", steps
    assert seen in steps[step]["detail"]
    assert remedy in steps[step]["remedy"]
    after = list(steps.values())[list(steps).index(step) + 1 :]
    assert {each["verdict"] for each in after} <= {"skipped", "ok"}
    for secret in ("wrong-secret", emulator.CLIENT_SECRET):
        assert secret not in done.out + done.err


def test_an_address_that_gives_no_tokens_is_named(offers: Offers, connect: Any, emulator: Emulator) -> None:
    connect(token_url=f"{emulator.url}/ims/tokn/v3")

    token = found(offers("doctor", "--conn-id", "ajo", "--format", "json"))["token"]

    assert token["verdict"] == "failed"
    assert "check `token_url` in the extra" in token["detail"]
    assert "`token_url`" in token["remedy"]


def test_each_kind_without_permission_is_named(offers: Offers, connect: Any, emulator: Emulator, api: str) -> None:
    connect(login=emulator.READER_CLIENT_ID, password=emulator.READER_CLIENT_SECRET)

    done = offers("doctor", "--conn-id", "ajo", "--write", "--format", "json")

    assert done.code == 1
    steps = found(done)
    failed = [step for step, each in steps.items() if each["verdict"] == "failed"]
    assert failed == [each for each in WRITES if api == "dps" or "formula" not in each]
    assert "Manage offers" in steps[failed[0]]["remedy"]


def test_a_credential_that_may_read_nothing(offers: Offers, connect: Any, emulator: Emulator) -> None:
    connect(login=emulator.OUTSIDER_CLIENT_ID, password=emulator.OUTSIDER_CLIENT_SECRET)

    done = offers("doctor", "--conn-id", "ajo", "--format", "json")

    assert done.code == 1
    assert any("View decisions" in each["remedy"] for each in found(done).values() if each["verdict"] == "failed")


def test_a_token_of_the_connection_tells_its_end_and_its_scopes(
    offers: Offers, connect: Any, emulator: Emulator
) -> None:
    token = token_with(created_at=str(int(time.time() * 1000) - 7_200_000), expires_in="3600000", scope="openid")
    emulator.configure(access_token=token)
    connect(access_token=token)

    done = offers("doctor", "--conn-id", "ajo", "--format", "json")

    steps = found(done)
    assert done.code == 1
    assert steps["token"]["verdict"] == "failed"
    assert "Put a new token" in steps["token"]["remedy"]
    assert steps["scopes"]["verdict"] == "warning"
    assert "AdobeID" in steps["scopes"]["detail"]
    assert token not in done.out + done.err


def test_a_clock_that_is_wrong(offers: Offers, connect: Any, emulator: Emulator) -> None:
    emulator.clock.advance(86_400 + 600)
    connect()

    done = offers("doctor", "--conn-id", "ajo", "--format", "json")

    assert done.code == 0
    clock = found(done)["clock"]
    assert clock["verdict"] == "warning"
    assert re.fullmatch(r"this machine is 1 day, 0:(09:59|10:0\d) behind the service", clock["detail"])
    assert "unless the service is an emulator whose clock was moved" in clock["remedy"]


@pytest.mark.timeout(300)
def test_the_connections_of_the_environment_and_of_the_database_are_found(airflow: Airflow, emulator: Emulator) -> None:
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    with create_session() as session:
        session.add(Connection(conn_id="in_database", uri=emulator.conn_uri()))
    environment = {"AIRFLOW_CONN_IN_ENVIRONMENT": emulator.conn_uri(), "COLUMNS": "40"}

    for conn_id in ("in_database", "in_environment"):
        done = process("doctor", "--conn-id", conn_id, environment=environment)
        assert done.code == 0, done.out + done.err
        # Airflow logs to the standard output; a pipe reads only what the command says.
        assert done.lines[0].split() == ["ok", "connection", conn_id]
        assert "Traceback" not in done.err
    assert "_AIRFLOW_PROCESS_CONTEXT" not in os.environ


def test_a_connection_that_does_not_exist(offers: Offers, airflow: Airflow) -> None:
    done = offers("doctor", "--conn-id", "nobody")

    assert done.code == 1
    assert "there is no connection 'nobody' in AIRFLOW_CONN_NOBODY" in done.out
    assert "airflow connections add nobody" in done.out
    assert "Traceback" not in done.out + done.err


def test_a_database_that_cannot_be_read_is_told(
    offers: Offers, airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////nowhere/at/all.db"}

    done = process("doctor", "--conn-id", "nobody", environment=environment)

    assert done.code == 1
    assert "The database cannot be read (OperationalError)" in done.out
    assert "Traceback" not in done.out
