"""Airflow's API server with the page, users with and without rights, and connections to the emulator."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.plugins.offer_library import OfferLibraryPlugin
from tests.airflow.harness import Airflow
from tests.emulated import api, emulator, emulator_session

__all__ = ["api", "emulator", "emulator_session"]

PAGE = "/offer-library"
CONN_ID = "library"


@pytest.fixture(scope="session")
def server(airflow_session: Airflow) -> FastAPI:
    """The application that `airflow api-server` serves, with all installed plugins."""
    from airflow.api_fastapi.app import create_app

    return create_app(apps="core")


@pytest.fixture
def visitor(airflow: Airflow, server: FastAPI) -> Iterator[Callable[[str | None], TestClient]]:
    """Makes clients for users with a role of Airflow: `viewer`, `user`, `op` or `admin`; None is not logged in."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    opened: list[TestClient] = []

    def visit(role: str | None) -> TestClient:
        client = TestClient(server, base_url="http://localhost", raise_server_exceptions=False)
        if role is not None:
            user = SimpleAuthManagerUser(username=role, role=role)
            client.headers["Authorization"] = f"Bearer {get_auth_manager().generate_jwt(user)}"
        opened.append(client)
        return client

    yield visit
    for each in opened:
        each.close()
    (mounted,) = OfferLibraryPlugin.fastapi_apps
    mounted["app"].forget()


@pytest.fixture
def client(visitor: Callable[[str | None], TestClient]) -> TestClient:
    """A user who may read connections."""
    return visitor("op")


@pytest.fixture
def connect(airflow: Airflow) -> Callable[..., None]:
    """Stores a connection in Airflow's database; a connection of that id is replaced."""
    return store


@pytest.fixture
def connected(connect: Callable[..., None], emulator: Emulator, api: str) -> str:
    """The id of a connection to the emulator."""
    connect(CONN_ID, **emulator.connection(api))
    return CONN_ID


def store(conn_id: str, **fields: Any) -> None:
    from airflow.models import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    extra = fields.pop("extra", None)
    with create_session() as session:
        session.execute(delete(Connection).where(Connection.conn_id == conn_id))
        session.add(Connection(conn_id=conn_id, **fields, extra=json.dumps(extra) if extra else None))


def get(client: TestClient, path: str, **query: Any) -> Any:
    """The JSON of a path of the page."""
    answer = client.get(f"{PAGE}/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()
