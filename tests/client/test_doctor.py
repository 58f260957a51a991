"""An error belongs to a step of a connection, and a token that is not ours to renew tells its end and its scopes."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_offers.client.diagnosis import _claims, _told_scopes, _told_token
from airflow_provider_offers.client.doctor import failing_step
from airflow_provider_offers.client.errors import (
    APIError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    NoAnswerError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
    Violation,
)
from tests.client.script import SETTINGS


def refusal(error: type[APIError], status: int, title: str = "no", code: str | None = None) -> APIError:
    return error(method="GET", path="/data/core/dps/offers", status=status, title=title, code=code)


@pytest.mark.parametrize(
    ("error", "step"),
    [
        (AuthenticationError("no token"), "token"),
        (ConfigurationError("The connection is not valid", [Violation("sandbox", "'x'", "a sandbox")]), "sandbox"),
        (refusal(PermissionDeniedError, 403), "read permission"),
        (refusal(PermissionDeniedError, 403, "no permission on this sandbox"), "read permission"),
        (refusal(PermissionDeniedError, 403, "unknown sandbox"), "sandbox"),
        (refusal(BadRequestError, 400, "no such container"), "sandbox"),
        (refusal(BadRequestError, 400), "service"),
        (refusal(NotFoundError, 404), "sandbox"),
        (refusal(ServerError, 503), "service"),
        (NoAnswerError("the connection was refused", method="GET", path="/", sent=False), "service"),
    ],
    ids=repr,
)
def test_the_step_of_an_error_is_named(error: Any, step: str) -> None:
    assert failing_step(error) == step


def token_with(claims: Any) -> str:
    """A token that looks like those of IMS: a JSON Web Token."""
    documents: list[Any] = [{}, claims]
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in documents]
    return ".".join([*parts, "signature"])


UNKNOWN_END = ("ok", "the access_token of the connection; it is not renewed")
UNKNOWN_SCOPES = ("skipped", "the access_token does not name its scopes")
END_OF_2099 = 4_102_444_799
TOKENS: dict[str, tuple[str, tuple[str, str], tuple[str, str]]] = {
    "no web token": ("opaque", UNKNOWN_END, UNKNOWN_SCOPES),
    "no JSON": ("a.b.c", UNKNOWN_END, UNKNOWN_SCOPES),
    "no claims": (token_with(["openid"]), UNKNOWN_END, UNKNOWN_SCOPES),
    "no number": (token_with({"exp": "soon"}), UNKNOWN_END, UNKNOWN_SCOPES),
    "beyond the calendar": (token_with({"created_at": 1e300, "expires_in": 1}), UNKNOWN_END, UNKNOWN_SCOPES),
    "seconds": (
        token_with({"exp": END_OF_2099, "scope": SETTINGS.scopes.replace(",", " ")}),
        ("ok", f"{UNKNOWN_END[1]} and ends at 2099-12-31T23:59:59+00:00"),
        ("ok", f"the token has {SETTINGS.scopes}"),
    ),
    "milliseconds": (
        token_with({"created_at": str(END_OF_2099 * 1_000 - 5_000), "expires_in": "5000"}),
        ("ok", f"{UNKNOWN_END[1]} and ends at 2099-12-31T23:59:59+00:00"),
        UNKNOWN_SCOPES,
    ),
}


@pytest.mark.parametrize(("token", "end", "scopes"), TOKENS.values(), ids=TOKENS)
def test_a_token_of_the_connection_tells_what_it_holds(token: str, end: Any, scopes: Any) -> None:
    settings, claims = replace(SETTINGS, access_token=token), _claims(token)

    told = [_told_token(claims, settings), _told_scopes(claims, settings)]

    assert [(each.verdict, each.detail) for each in told] == [end, scopes]
