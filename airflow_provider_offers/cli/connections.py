"""The connection of a command, and what to do where there is none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from airflow_provider_offers.cli.running import UserError

if TYPE_CHECKING:
    from airflow_provider_offers.hooks.offer_library import OfferLibraryHook

_PREFIX = "AIRFLOW_CONN_"


def hook_of(conn_id: str, sandbox: str | None = None) -> OfferLibraryHook:
    """The hook of a connection. Raises `UserError` if there is no such connection, and `ConfigurationError`."""
    from airflow.sdk.exceptions import AirflowNotFoundException

    from airflow_provider_offers.hooks.offer_library import OfferLibraryHook

    hook = OfferLibraryHook(conn_id, sandbox)
    try:
        hook.settings  # noqa: B018  it is read here, so that a missing connection is told first
    except AirflowNotFoundException:
        raise UserError(_missing(conn_id)) from None
    return hook


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
