"""The gateway in front of the platform services: api key, token, organization, rate; then sandbox and permission."""

from __future__ import annotations

from collections.abc import Callable

from airflow_provider_offers.emulator import wellknown
from airflow_provider_offers.emulator.clock import Clock
from airflow_provider_offers.emulator.http.messages import GatewayError, Reason, Request, ServiceError
from airflow_provider_offers.emulator.settings import Settings
from airflow_provider_offers.emulator.wellknown import CREDENTIALS, Credential


class RateLimit:
    """A token bucket on the emulator's clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._filled_us = clock.now_us()
        self._left: float | None = None

    def take(self, settings: Settings) -> None:
        """Let one request pass, or reject it with 429."""
        now, before = self._clock.now_us(), self._filled_us
        self._filled_us = now
        if settings.rate_limit is None:
            self._left = None
            return
        left = settings.rate_burst if self._left is None else self._left
        left = min(float(settings.rate_burst), left + max(0, now - before) / 1_000_000 * settings.rate_limit)
        if left < 1:
            self._left = left
            wait = str(max(1, round((1 - left) / settings.rate_limit)))
            headers = {"retry-after": wait} if settings.rate_retry_after else {}
            raise GatewayError(429, "429050", "Too many requests", headers)
        self._left = left - 1


def authenticate(request: Request, settings: Settings, holder_of: Callable[[str], str | None]) -> Credential:
    """The caller; `holder_of` returns the client that a valid token belongs to."""
    api_key = request.header("x-api-key")
    if not api_key:
        raise GatewayError(403, "403000", "Api Key is required")
    credential = CREDENTIALS.get(api_key)
    if credential is None:
        raise GatewayError(403, "403003", "Api Key is invalid")
    _check_token(request, api_key, settings, holder_of)
    org = request.header("x-gw-ims-org-id")
    if not org:
        raise GatewayError(400, "400003", "Missing header")
    if not wellknown.ORG_FORM.fullmatch(org):
        raise GatewayError(403, "403027", "User region is missing")
    if org != wellknown.ORG_ID:
        raise GatewayError(403, "403025", "Profile is not valid")
    return credential


def bearer_token(request: Request) -> str:
    """The token in the request, or an empty text; some of Adobe's examples have two spaces after Bearer."""
    scheme, _, token = (request.header("authorization") or "").strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _check_token(request: Request, api_key: str, settings: Settings, holder_of: Callable[[str], str | None]) -> None:
    token = bearer_token(request)
    if not token:
        if (request.header("authorization") or "").strip().lower() in ("", "bearer"):
            raise GatewayError(403, "403010", "Oauth token is missing.")
        raise GatewayError(401, "401013", "Oauth token is not valid")
    if token == settings.access_token:
        return
    holder = holder_of(token)
    if holder is None:
        raise GatewayError(401, "401013", "Oauth token is not valid")
    if holder != api_key:
        raise GatewayError(403, "403003", "Api Key is invalid")


def sandbox_of(request: Request, settings: Settings, container: str | None) -> str:
    """The sandbox of the request; without a name, the sandbox of the container in its path, else the default."""
    name = request.header("x-sandbox-name")
    status = settings.sandbox_refusal_status
    if not name and settings.missing_sandbox == "default":
        default = wellknown.SANDBOX if wellknown.SANDBOX in settings.sandboxes else settings.sandboxes[0]
        of_container = (each for each in settings.sandboxes if container == wellknown.container_of(each))
        return next(of_container, default)
    if not name:
        raise ServiceError(status, Reason.SANDBOX, "the header x-sandbox-name is missing")
    if name not in settings.sandboxes:
        known = ", ".join(settings.sandboxes)
        detail = f"there is no sandbox {name!r}, or this account may not use it; the emulator has {known}"
        raise ServiceError(status, Reason.SANDBOX, detail, sandboxName=name)
    return name


def permit(credential: Credential, request: Request) -> None:
    """Reject requests that the account's role does not allow."""
    if not credential.may_read:
        detail = "the account's role has no decision management permission on this sandbox (View decisions)"
        raise ServiceError(403, Reason.FORBIDDEN, detail)
    if request.method not in ("GET", "HEAD") and not credential.may_write:
        detail = "the account's role may view decisions but not manage offers on this sandbox (Manage offers)"
        raise ServiceError(403, Reason.FORBIDDEN, detail)
