"""The identity service: tokens for client credentials, and their owners."""

from __future__ import annotations

import base64
import json
import secrets
from urllib.parse import parse_qsl

from airflow_provider_offers.emulator import wellknown
from airflow_provider_offers.emulator.clock import Clock
from airflow_provider_offers.emulator.http.messages import Answer, ImsError, Request
from airflow_provider_offers.emulator.settings import Settings
from airflow_provider_offers.emulator.store.database import Database
from airflow_provider_offers.emulator.wellknown import CREDENTIALS


class TokenStore:
    """Issued tokens; stored in the database, so they survive a restart like real tokens."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def issue(self, client_id: str, lifetime: float) -> str:
        """A new token that is valid for this number of seconds."""
        now = self._clock.now_us()
        expires = now + round(lifetime * 1_000_000)
        self._database.connection.execute("DELETE FROM tokens WHERE expires_us < ?", (now - 86_400_000_000,))
        claims = {
            "client_id": client_id,
            "created_at": str(now // 1000),
            "type": "access_token",
            "as": "emulator",
        }
        token = ".".join((_part({"alg": "none"}), _part(claims), secrets.token_urlsafe(24)))
        self._database.connection.execute("INSERT INTO tokens VALUES (?, ?, ?)", (token, client_id, expires))
        return token

    def holder(self, token: str) -> str | None:
        """The client id of a valid token."""
        row = self._database.connection.execute(
            "SELECT client_id FROM tokens WHERE token = ? AND expires_us > ?", (token, self._clock.now_us())
        ).fetchone()
        return row[0] if row else None

    def expire(self, token: str | None = None) -> int:
        """Expire one token or all tokens; returns the number."""
        cursor = self._database.connection.execute("DELETE FROM tokens WHERE token = ifnull(?, token)", (token,))
        return cursor.rowcount


def issue_token(request: Request, settings: Settings, tokens: TokenStore) -> Answer:
    """`POST /ims/token/v3`: the four parameters are in a form, in the query, or in both."""
    content_type = (request.header("content-type") or "").partition(";")[0].strip().lower()
    form: list[tuple[str, str]] = []
    if request.body:
        if content_type != "application/x-www-form-urlencoded":
            raise ImsError("invalid_request", "the body must be application/x-www-form-urlencoded")
        form = parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
    given = {**dict(request.parameters), **dict(form)}
    if given.get("grant_type") != "client_credentials":
        raise ImsError("unsupported_grant_type", f"grant_type {given.get('grant_type', '')!r} is not supported")
    credential = CREDENTIALS.get(given.get("client_id", ""))
    if credential is None:
        raise ImsError("invalid_client", "invalid client_id parameter")
    if given.get("client_secret") != credential.client_secret:
        raise ImsError("invalid_client", "invalid client_secret parameter")
    scopes = [scope for scope in given.get("scope", "").replace(" ", ",").split(",") if scope]
    foreign = [
        scope for scope in scopes if scope not in wellknown.SCOPES and not scope.startswith(wellknown.SCOPE_FAMILIES)
    ]
    if foreign or not scopes:
        raise ImsError("invalid_scope", f"invalid scope parameter: {', '.join(foreign) or '(none)'}")
    token = tokens.issue(credential.client_id, settings.token_lifetime)
    document = {"access_token": token, "token_type": "bearer", "expires_in": int(settings.token_lifetime)}
    note = f"token for {credential.client_id}, {int(settings.token_lifetime)} s"
    return Answer.of(200, document, headers={"cache-control": "no-store"}, note=note, committed=True)


def exchange_jwt() -> Answer:
    """`POST /ims/exchange/jwt`: the retired way to get a token."""
    detail = "JWT credentials are retired; use OAuth server-to-server (POST /ims/token/v3)"
    raise ImsError("unauthorized_client", detail)


def _part(document: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")
