"""The connection of a command, and what to do where there is none."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_provider_offers.cli.running import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_offers.hooks.offer_library import OfferLibraryHook

_PREFIX = "AIRFLOW_CONN_"


@contextmanager
def hook_of(conn_id: str, sandbox: str | None = None) -> Iterator[OfferLibraryHook]:
    """The hook of a connection, closed at the end. An error without an answer names the connection and its host.

    Raises `UserError` if there is no such connection, and `ConfigurationError`.
    """
    from airflow.sdk.exceptions import AirflowNotFoundException

    from airflow_provider_offers.client.errors import NoAnswerError
    from airflow_provider_offers.hooks.offer_library import OfferLibraryHook

    with OfferLibraryHook(conn_id, sandbox) as hook:
        # The configuration may replace the default.
        conn_id = hook.offer_library_conn_id
        try:
            settings = hook.settings
        except AirflowNotFoundException:
            raise UserError(_missing(conn_id)) from None
        try:
            yield hook
        except NoAnswerError as error:
            raise error.adding(f"connection {conn_id!r}, {host_and_port(settings.host)}") from None


def host_and_port(origin: str) -> str:
    """An address without a path, with its port. The settings refuse an address with a login."""
    parts = urlsplit(origin)
    return origin if parts.port else f"{origin}:{80 if parts.scheme == 'http' else 443}"


def _missing(conn_id: str) -> str:
    variable = _PREFIX + conn_id.upper()
    if variable in os.environ:
        return f"the connection {conn_id!r} cannot be read from {variable}: its value is neither JSON nor an address"
    told = f"there is no connection {conn_id!r} in {variable}, the secrets backends or the metadata database"
    if trouble := _database_trouble(conn_id):
        return f"{told}. The database cannot be read ({trouble}); check its address, or run: airflow db migrate"
    near = sorted(name for name in os.environ if name.startswith(_PREFIX) and name.upper() == variable != name)
    if near:
        return f"{told}. Did you mean to write {variable} instead of {near[0]}?"
    return f"{told}. Add it: airflow connections add {conn_id} --conn-type offer_library ..., or set {variable}"


def _database_trouble(conn_id: str) -> str | None:
    """Why the metadata database cannot be read, which Airflow only logs at the level DEBUG; None if it can be."""
    from airflow.secrets.metastore import MetastoreBackend

    try:
        MetastoreBackend().get_connection(conn_id)
    except Exception as error:  # noqa: BLE001  drivers raise errors of their own; their text may hold the password
        return type(error).__name__
    return None
