"""The "Test" button of a connection names the failing step: token, client id, organization, sandbox or permission."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.models.connection import Connection

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
from tests.airflow.harness import Airflow
from tests.airflow.library import CONNECTION
from tests.airflow.wrong_host import wrong_host

STEPS = ("token", "client id", "organization", "sandbox", "read permission")
CLOSED = "http://127.0.0.1:1"


def examine(monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any]) -> tuple[bool, str]:
    """Test a connection as Airflow's API does: by its URI in the environment, through the hook of its type."""
    made = Connection(conn_id=CONNECTION, **connection)
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", made.get_uri())
    by_airflow = made.test_connection()
    assert OfferLibraryHook(CONNECTION).test_connection()[0] == by_airflow[0]
    return by_airflow


def changed(emulator: Emulator, api: str, **changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {name: changes.pop(name) for name in ("host", "login", "password") if name in changes}
    return {**emulator.connection(api, **changes, max_retries=0), **fields}


@pytest.mark.parametrize("client_id", [Emulator.CLIENT_ID, Emulator.READER_CLIENT_ID])
def test_a_connection_that_works(
    airflow: Airflow, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, api: str, client_id: str
) -> None:
    ok, message = examine(monkeypatch, emulator.connection(api, login=client_id))

    assert ok
    assert message == (
        f"token: ok; organization {emulator.ORG_ID}: ok; sandbox 'prod' over {api}: ok; read permission: ok"
    )
    assert {entry.method for entry in emulator.journal(path="/data/*")} == {"GET"}


FAILURES: dict[str, tuple[dict[str, Any], str, str]] = {
    # The change, the failing step, and the step's message.
    "wrong secret": ({"password": "wrong"}, "token", "invalid_client: invalid client_secret"),
    "unknown client": ({"login": "nobody", "password": "x"}, "token", "check the login (client id)"),
    "wrong scopes": ({"scopes": "openid,all"}, "token", "check `scopes` in the extra"),
    "no identity service": ({"token_url": f"{CLOSED}/ims/token/v3", "scopes": "openid"}, "token", "did not answer"),
    "bad token": ({"access_token": "gone"}, "token", "or the access_token, of the connection"),
    "other organization": ({"org_id": "0123456789ABCDEF01234567@AdobeOrg"}, "organization", "check"),
    "unknown sandbox": ({"sandbox": "nowhere"}, "sandbox", "nowhere"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_the_step_that_fails_is_named(
    airflow: Airflow, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, api: str, case: str
) -> None:
    changes, step, said = FAILURES[case]

    ok, message = examine(monkeypatch, changed(emulator, api, **changes))

    assert not ok
    passed = "".join(f"{each}: ok; " for each in STEPS[: STEPS.index(step)])
    assert message.startswith(f"{passed}{step}: FAILED, "), message
    assert said in message


def test_a_client_id_that_the_gateway_does_not_know(
    airflow: Airflow, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, api: str
) -> None:
    connection = changed(emulator, api, login="nobody", access_token=emulator.issue_token())

    ok, message = examine(monkeypatch, connection)

    assert not ok
    assert message.startswith("token: ok; client id: FAILED, ")
    assert "Api Key is invalid" in message


def test_a_credential_without_read_permission(
    airflow: Airflow, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, api: str
) -> None:
    outsider = {"login": emulator.OUTSIDER_CLIENT_ID, "password": emulator.OUTSIDER_CLIENT_SECRET}

    ok, message = examine(monkeypatch, changed(emulator, api, **outsider))

    assert not ok
    assert "read permission: FAILED, " in message
    assert "Manage offers, View decisions" in message


def test_a_service_that_cannot_be_reached(
    airflow: Airflow, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, api: str
) -> None:
    ok, message = examine(monkeypatch, changed(emulator, api, host=CLOSED))

    assert not ok
    assert message.startswith("service: FAILED, ")
    assert "the connection was refused" in message

    with wrong_host() as host:
        ok, message = examine(monkeypatch, host.connection(api))
    assert not ok
    assert "an HTML page (from a proxy or a wrong host)" in message


def test_fields_that_cannot_work(
    airflow: Airflow, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, api: str
) -> None:
    ok, message = examine(monkeypatch, changed(emulator, api, org_id="acme", sandbx="prod", password=""))

    assert not ok
    for said in ("org_id: given 'acme'", "did you mean 'sandbox'?", "password (the client secret): given nothing"):
        assert said in message
    assert emulator.journal() == []
