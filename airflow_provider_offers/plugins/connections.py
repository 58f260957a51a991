"""Who may see which connection on the page, and the connections themselves."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import ConnectionDetails
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.models import Connection
from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException
from airflow.utils.session import create_session
from cryptography.fernet import InvalidToken
from fastapi import Depends, HTTPException, Query
from sqlalchemy import select

from airflow_provider_offers import configuration
from airflow_provider_offers.hooks.connections import connection_settings
from airflow_provider_offers.plugins.errors import failure

if TYPE_CHECKING:
    from airflow_provider_offers.client.settings import Settings

CONN_TYPE = "offer_library"


def readable_conn_id(conn_id: Annotated[str, Query(min_length=1, max_length=250)], user: GetUserDep) -> str:
    """The id of a connection that the user may read. 403 otherwise, whether the connection exists or not."""
    if not may_read(conn_id, user):
        raise HTTPException(403, "Forbidden")
    return conn_id


ReadableConnId = Annotated[str, Depends(readable_conn_id)]


def may_read(conn_id: str, user: Any) -> bool:
    """Whether the user has Airflow's right to read the connection."""
    details = ConnectionDetails(conn_id=conn_id, team_name=Connection.get_team_name(conn_id))
    return get_auth_manager().is_authorized_connection(method="GET", details=details, user=user)


def settings_of(conn_id: ReadableConnId, sandbox: Annotated[str, Query(max_length=250)] = "") -> Settings:
    """The checked settings of a connection, with another sandbox than its own if one is named."""
    return _settings(_connection(conn_id), sandbox.strip() or None)


def _settings(connection: Connection, sandbox: str | None = None) -> Settings:
    try:
        return connection_settings(connection, sandbox)
    except (AirflowException, InvalidToken):
        # Raised anew, so that no traceback holds the connection.
        pass
    raise failure(
        409,
        "The connection cannot be decrypted",
        f"Airflow stored the connection {connection.conn_id!r} with another key than [core] fernet_key of this API "
        "server. Give the API server that key, or save the connection again",
    )


def listed(user: Any) -> list[dict[str, str | None]]:
    """The connections of our type that the user may read: those in Airflow's database, and the default one.

    A connection of a secrets backend or of the environment cannot be listed. The page opens it by its id.
    """
    with create_session() as session:
        rows = session.scalars(select(Connection).where(Connection.conn_type == CONN_TYPE)).all()
        found = {each.conn_id: each for each in rows}
        allowed = get_auth_manager().get_authorized_connections(user=user, method="GET", session=session)
        session.expunge_all()
    stored = [_entry(each) for conn_id, each in sorted(found.items()) if conn_id in allowed]
    default = configuration.connection_id()
    if default not in found and may_read(default, user):
        with suppress(HTTPException):
            stored.append(_entry(_connection(default)))
    return stored


def _entry(connection: Connection) -> dict[str, str | None]:
    """What the page shows of a connection, also of one that cannot work."""
    from airflow_provider_offers.client.errors import OfferLibraryError

    sandbox = api = None
    try:
        settings = _settings(connection)
        sandbox, api = settings.sandbox, settings.api
    except (OfferLibraryError, HTTPException):
        # Opening it tells what is wrong.
        pass
    return {"conn_id": connection.conn_id, "sandbox": sandbox, "api": api, "description": connection.description}


def _connection(conn_id: str) -> Connection:
    """The connection, from Airflow's database, its environment or a secrets backend."""
    try:
        connection = Connection.get_connection_from_secrets(conn_id, team_name=Connection.get_team_name(conn_id))
    except AirflowNotFoundException:
        raise failure(
            404,
            "The connection does not exist",
            f"given the connection id {conn_id!r}; expected the id of a connection of the type {CONN_TYPE!r}. Create "
            "it under Admin > Connections, or choose another one",
        ) from None
    if connection.conn_type != CONN_TYPE:
        raise failure(
            404,
            "The connection has another type",
            f"given the connection {conn_id!r} of the type {connection.conn_type!r}; expected one of the type "
            f"{CONN_TYPE!r}",
        )
    return connection
