"""Turns the error bodies of the gateway and the service into errors that say what to fix."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from airflow_provider_offers.client.errors import (
    APIError,
    BadRequestError,
    ConflictError,
    NotAuthenticatedError,
    NotFoundError,
    OfferLibraryError,
    PermissionDeniedError,
    RateLimitedError,
    RejectedError,
    ServerError,
    UnexpectedResponseError,
)
from airflow_provider_offers.client.secret import without_secrets
from airflow_provider_offers.client.text import legible
from airflow_provider_offers.client.wire.messages import Call, Response, describe_body
from airflow_provider_offers.client.wire.retry import retry_after

TOKEN_REFUSALS = ("401013", "403010")
_MAX_TEXT = 500
_MAX_CODE = 80

# The gateway's codes, and how a user can fix each.
GATEWAY_HINTS = {
    "401013": "The token is expired or not valid; check the client id and secret, or the access_token, "
    "of the connection.",
    "403010": "The gateway saw no token; a proxy may strip the Authorization header.",
    "403000": "The gateway saw no x-api-key; set the connection's login to the client id of the credential.",
    "403003": "The client id is unknown, or its project has no Adobe Experience Platform API; check the connection's "
    "login and the APIs of the project in the Developer Console.",
    "400003": "The gateway saw no x-gw-ims-org-id; set org_id in the connection's extra.",
    "403023": "The credential may not act for this organization; check org_id against the Developer Console.",
    "403025": "The credential may not act for the organization in org_id; check it against the Developer Console.",
    "403027": "org_id is wrong, or the credential is in no Adobe Experience Platform product profile; check both.",
    "429050": "Too many requests; lower the number of parallel tasks, with an Airflow pool for example.",
}
_STATUS_HINTS = {
    403: "Give the credential a product profile and a role with decision permissions (Manage offers, View decisions) "
    "on this sandbox.",
    415: "The media type was not accepted; the host may not be the Offer Library.",
}
_BY_STATUS: Mapping[int, type[APIError]] = {
    401: NotAuthenticatedError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    410: NotFoundError,
    412: ConflictError,
    422: RejectedError,
    429: RateLimitedError,
}


def refusal(
    call: Call, response: Response, *, request_id: str | None, now: datetime, secrets: Sequence[str] = ()
) -> OfferLibraryError:
    """The error for an answer outside 2xx. Known secrets are removed from its texts."""
    response = response.hiding(secrets)
    if not 400 <= response.status < 600:
        return UnexpectedResponseError(
            _advice(response.status),
            method=call.method,
            path=call.bare_path,
            status=response.status,
            request_id=request_id,
        )
    body = _json_object(response)
    if body is None and response.body.strip() and response.status not in (429, *range(500, 600)):
        return UnexpectedResponseError(
            f"{describe_body(response)} came instead of the Offer Library's JSON; check the host of the connection "
            "and any proxy on the way",
            method=call.method,
            path=call.bare_path,
            status=response.status,
            request_id=request_id,
        )
    body = body or {}
    code = _text(body.get("error_code")) or _code_of_type(body.get("type"))
    title = _text(body.get("title")) or (None if body.get("error_code") is None else _text(body.get("message")))
    detail = next((found for name in ("detail", "message", "errorMessage") if (found := _text(body.get(name)))), None)
    if not body:
        detail = describe_body(response)
    kind: type[APIError] = BadRequestError if response.status < 500 else ServerError
    kind = NotAuthenticatedError if code in TOKEN_REFUSALS else _BY_STATUS.get(response.status, kind)
    return kind(
        method=call.method,
        path=call.bare_path,
        status=response.status,
        code=_clean(code, response, _MAX_CODE),
        title=_clean(title, response),
        detail=_clean(detail if detail != title else None, response),
        request_id=request_id,
        retry_after=retry_after(response.headers, now),
        hint=GATEWAY_HINTS.get(code or "", _STATUS_HINTS.get(response.status)),
    )


def _advice(status: int) -> str:
    if status == 304:
        return "the request was not conditional; check any cache on the way"
    if 300 <= status < 400:
        return "redirects are not followed, because the request has credentials; check the host of the connection"
    return "this is not a valid status; check any proxy on the way"


def is_token_refusal(response: Response) -> bool:
    """Whether the gateway refused the token itself: only then can a new token help."""
    if response.status not in (401, 403):
        return False
    code = (_json_object(response) or {}).get("error_code")
    return str(code) in TOKEN_REFUSALS


def _json_object(response: Response) -> Mapping[str, Any] | None:
    try:
        body = json.loads(response.body)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, Mapping) else None


def _text(value: Any) -> str | None:
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return str(value).strip() or None
    return None


def _code_of_type(value: Any) -> str | None:
    """The code at the end of a type such as `http://ns.adobe.com/aep/errors/ODE-1111-422`."""
    text = _text(value)
    if text is None or "/errors/" not in text:
        return None
    return text.rstrip("/").rpartition("/")[2] or None


def _clean(text: str | None, response: Response, longest: int = _MAX_TEXT) -> str | None:
    """The text without secrets, then cut. Half of a secret could not be recognized."""
    return None if text is None else legible(without_secrets(text, response.secrets), longest)
