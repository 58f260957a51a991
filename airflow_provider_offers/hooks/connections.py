"""Converts an Airflow connection of type `offer_library` into the client's settings, and masks its secrets."""

from __future__ import annotations

import json
import logging
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from airflow_provider_offers.client.errors import Violation
    from airflow_provider_offers.client.settings import Settings


log = logging.getLogger(__name__)

CONN_TYPE = "offer_library"
# Airflow's own limit.
_LONGEST_CONN_ID = 250

# Held while a task calls Airflow's supervisor: the supervisor of `dag.test()` mixes up the answers to two threads.
ONE_CALL_AT_A_TIME = threading.Lock()


def check_place(conn_id: Any, sandbox: Any) -> None:
    """Reject a missing connection id or sandbox. None means the sandbox of the connection; empty text is an error."""
    from airflow_provider_offers.client.errors import InvalidInputError

    if violations := place_violations(conn_id, sandbox):
        raise InvalidInputError("The task's connection or sandbox is not valid", violations)


def place_violations(conn_id: Any, sandbox: Any) -> list[Violation]:
    """What is wrong with a connection id and a sandbox, as `check_place` says it."""
    from airflow_provider_offers.client.errors import Violation
    from airflow_provider_offers.client.secret import WHOLE_CONNECTION, is_whole_connection
    from airflow_provider_offers.client.text import quoted

    violations = []
    if isinstance(conn_id, str) and is_whole_connection(conn_id):
        violations.append(Violation("offer_library_conn_id", WHOLE_CONNECTION, "the id of a connection"))
    elif not isinstance(conn_id, str) or not 0 < len(conn_id) <= _LONGEST_CONN_ID or not conn_id.isprintable():
        violations.append(Violation("offer_library_conn_id", quoted(conn_id), "the id of a connection"))
    if sandbox is not None and (not isinstance(sandbox, str) or not sandbox.strip()):
        violations.append(Violation("sandbox", quoted(sandbox), "the name of a sandbox, or None for the connection's"))
    return violations


def connection_settings(connection: Connection, sandbox: str | None = None) -> Settings:
    """Checked settings from an Airflow connection; after this call, logs mask every secret in them."""
    from airflow.sdk.log import mask_secret

    from airflow_provider_offers.client.errors import ConfigurationError
    from airflow_provider_offers.client.settings import parse_settings

    label = f"The connection {connection.conn_id!r}"
    if connection.password:
        mask_secret(connection.password)
    _warn_of_type(connection.conn_type, label)
    try:
        settings = parse_settings(
            host=connection.host,
            schema=connection.schema,
            port=connection.port,
            login=connection.login,
            password=connection.password,
            extra=_masked_extra(connection, label),
            sandbox=sandbox,
            label=label,
        )
    except ConfigurationError:
        # Airflow shows a connection with its password in tracebacks.
        del connection
        raise
    for secret in settings.secrets:
        mask_secret(str(secret))
    return settings


def _warn_of_type(given: str | None, label: str) -> None:
    """Warn of another type of connection: its fields may be right, but the form and the calendar do not know it."""
    from airflow_provider_offers.client.text import quoted

    if given not in (None, "", CONN_TYPE):
        log.warning("%s: conn_type: given %s; expected %r", label, quoted(given, 80), CONN_TYPE)


def _masked_extra(connection: Connection, label: str) -> dict[str, Any]:
    """The connection's extra; its token is masked first, because the rest may not be valid."""
    from airflow.sdk.log import mask_secret

    from airflow_provider_offers.client.errors import ConfigurationError, Violation

    try:
        # Airflow's own `extra_dejson` treats text that is not JSON as an empty object.
        json.loads(connection.extra or "{}")
        extra = connection.extra_dejson
    except ValueError:
        extra = None
    if not isinstance(extra, dict):
        del connection, extra
        raise ConfigurationError(
            f"{label} cannot work", [Violation("extra", "text that is not a JSON object", "a JSON object")]
        )
    if isinstance(extra.get("access_token"), str):
        mask_secret(extra["access_token"])
    return extra
