"""Airflow itself reads the connections that the emulator prints."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_offers.emulator import Emulator


def read_by_core(uri: str) -> Any:
    from airflow.models.connection import Connection

    return Connection(conn_id="x", uri=uri)


def read_by_sdk(uri: str) -> Any:
    from airflow.sdk import Connection

    return Connection.from_uri(uri, "x")


@pytest.mark.parametrize("read", [read_by_core, read_by_sdk])
@pytest.mark.parametrize(
    "extra",
    [{}, {"sandbox": "dev"}, {"timeout": 5, "verify": False}, {"sandbox": "123"}, {"scopes": "a,b c&d=é"}],
)
def test_uri_round_trips(emulator: Emulator, read: Any, extra: dict[str, Any]) -> None:
    connection = read(emulator.conn_uri(api="xcore", **extra))
    assert connection.conn_type == "offer_library"
    assert connection.host == emulator.url
    assert connection.port is None
    assert not connection.schema
    assert (connection.login, connection.password) == (emulator.CLIENT_ID, emulator.CLIENT_SECRET)
    assert connection.extra_dejson == {
        "org_id": emulator.ORG_ID,
        "sandbox": "prod",
        "api": "xcore",
        "token_url": f"{emulator.url}/ims/token/v3",
        **extra,
    }


def test_uri_is_the_one_that_airflow_writes(emulator: Emulator) -> None:
    uri = emulator.conn_uri()
    assert read_by_core(uri).get_uri() == uri


def test_json_round_trips(emulator: Emulator) -> None:
    from airflow.sdk import Connection

    given = emulator.connection(api="xcore")
    connection = Connection.from_json(json.dumps(given), "x")
    assert connection.host == emulator.url
    assert connection.extra_dejson == given["extra"]


def test_other_accounts(emulator: Emulator) -> None:
    given = emulator.connection(login=emulator.READER_CLIENT_ID)
    assert (given["login"], given["password"]) == (emulator.READER_CLIENT_ID, emulator.READER_CLIENT_SECRET)
    assert "login" not in given["extra"]
