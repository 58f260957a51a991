"""Tokens: the IMS OAuth server-to-server exchange as a flow, and the token cache of a process.

Adobe's server-to-server authentication guide documents the exchange: `POST /ims/token/v3` with the secret in the form
body, never in a URL. `expires_in` is in seconds, and there is no refresh token.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, urlencode, urlsplit

from airflow_provider_offers.client.errors import AuthenticationError, NoAnswerError
from airflow_provider_offers.client.secret import Secret, SecretBytes, Unpicklable, without_secrets
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.verdict import INTERMEDIARIES
from airflow_provider_offers.client.wire.messages import Flow, Request, Response, describe_body
from airflow_provider_offers.client.wire.retry import Retries, Tries, retry_after

# A token is renewed this long before it expires, or after half its life if that comes first.
RENEW_EARLY = 300.0
_DEFAULT_LIFETIME = 3600.0
_MAX_LIFETIME = 7 * 86_400.0
# No server accepts a longer header.
_LONGEST_TOKEN = 16_000

_HINTS = {
    "invalid_client": "check the login (client id) and the password (client secret) of the connection",
    "invalid_scope": "check `scopes` in the extra against what the Developer Console shows for the credential",
    "unauthorized_client": "the credential may not use OAuth server-to-server; JWT credentials were retired in "
    "January 2025, create an OAuth server-to-server credential in the Developer Console",
    "unsupported_grant_type": "check `token_url`; it must be an IMS v3 token endpoint",
}


@dataclass(frozen=True, slots=True)
class Token(Unpicklable):
    """An access token, and the time on the monotonic clock at which it is renewed."""

    value: str = field(repr=False)
    renew_at: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", Secret(self.value))


def fetch_token(
    settings: Settings,
    clock: Callable[[], float],
    retries: Retries,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Flow[Token]:
    """Get a new token from IMS.

    Raises `AuthenticationError` if IMS refuses, sends another kind of answer, or cannot be reached within the retries.
    """
    tries = Tries(retries, clock)
    while True:
        asked = clock()
        error: AuthenticationError
        try:
            answered: Response = yield _token_request(settings)
        except NoAnswerError as lost:
            error = AuthenticationError(f"IMS at {_where(settings)} did not answer: {lost.reason}", retryable=True)
        else:
            response = answered.hiding(settings.secrets)
            if 200 <= response.status < 300:
                return _read_token(settings, response, asked)
            error = _refused(settings, response, now())
        yield tries.pause_or_raise(error, repeatable=True)


def _token_request(settings: Settings) -> Request:
    form = {
        "grant_type": "client_credentials",
        "client_id": settings.client_id,
        "client_secret": settings.client_secret or "",
        "scope": settings.scopes,
    }
    return Request(
        "POST",
        settings.token_url,
        {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
        SecretBytes(urlencode(form, safe=",", quote_via=quote).encode()),
        settings.secrets,
    )


def _read_token(settings: Settings, response: Response, asked: float) -> Token:
    value = _token_in(response)
    if value is None:
        what = "an answer without a token" if _object(response) else describe_body(response)
        raise AuthenticationError(
            f"IMS at {_where(settings)} answered {response.status} with {what}; check `token_url` in the extra",
            status=response.status,
            # Either a wrong address or an outage.
            retryable=True,
        )
    lifetime = _lifetime_in(response)
    return Token(value, renew_at=asked + lifetime - min(RENEW_EARLY, lifetime / 2))


def _token_in(response: Response) -> Secret | None:
    value = _object(response).get("access_token")
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_TOKEN:
        return None
    if value.isascii() and value.isprintable() and " " not in value:
        return Secret(value)
    return None


def _lifetime_in(response: Response) -> float:
    lifetime = _object(response).get("expires_in")
    if isinstance(lifetime, str) and lifetime.isascii() and lifetime.isdecimal() and len(lifetime) < 16:
        lifetime = int(lifetime)
    if not isinstance(lifetime, (int, float)) or isinstance(lifetime, bool) or not lifetime > 0:
        lifetime = _DEFAULT_LIFETIME
    return float(min(lifetime, _MAX_LIFETIME))


def _refused(settings: Settings, response: Response, now: datetime) -> AuthenticationError:
    body = _object(response)
    code, said = (_quoted(response, body.get(name)) for name in ("error", "error_description"))
    what = ": ".join(part for part in (code, said) if part) or describe_body(response)
    hint = _HINTS.get(code or "")
    if hint is None and response.status < 500 and (not code or response.status == 404):
        hint = "check `token_url` in the extra and any proxy on the way"
    message = f"IMS at {_where(settings)} gave no token ({response.status}, {what})"
    return AuthenticationError(
        f"{message}; {hint}" if hint else message,
        status=response.status,
        code=code,
        retry_after=retry_after(response.headers, now),
        retryable=response.status in INTERMEDIARIES,
    )


def _quoted(response: Response, value: object) -> str | None:
    """Text of IMS in the form in which a message may show it: short, and without secrets."""
    if not isinstance(value, str) or not value:
        return None
    return without_secrets(value, response.secrets)[:300]


def _object(response: Response) -> dict[str, object]:
    try:
        body = json.loads(response.body)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _where(settings: Settings) -> str:
    return urlsplit(settings.token_url).netloc


class TokenCache:
    """Tokens by credential, shared by all threads of a process; one thread requests a token while the others wait."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._tokens: dict[str, Token] = {}

    @contextmanager
    def exclusive(self, settings: Settings) -> Iterator[None]:
        """Hold the lock of the credential while a token is requested."""
        with self._guard:
            lock = self._locks.setdefault(settings.credential, threading.Lock())
        with lock:
            yield

    def current(self, settings: Settings, now: float, refused: str | None = None) -> Token | None:
        """The credential's token, unless it is due for renewal or is the one that was just refused."""
        token = self._tokens.get(settings.credential)
        if token is None or now >= token.renew_at or token.value == refused:
            return None
        return token

    def keep(self, settings: Settings, token: Token) -> None:
        self._tokens[settings.credential] = token

    def clear(self) -> None:
        """Forget every token, for tests."""
        self._tokens.clear()


SHARED_TOKENS = TokenCache()
