"""Errors as the page shows them: a status, a title, and a message that says what to do."""

from __future__ import annotations

from fastapi import HTTPException

from airflow_provider_offers.client import errors
from airflow_provider_offers.client.errors import OfferLibraryError

_BY_CLASS: tuple[tuple[type[OfferLibraryError], int, str], ...] = (
    (errors.ConfigurationError, 409, "The settings are not valid"),
    (errors.InvalidInputError, 422, "The request is not valid"),
    (errors.UnsupportedError, 422, "This generation of the API does not support it"),
    (errors.NotFoundError, 404, "The object does not exist"),
    (errors.AuthenticationError, 502, "Adobe did not accept the credential of the connection"),
    (errors.NotAuthenticatedError, 502, "Adobe did not accept the token of the connection"),
    (errors.PermissionDeniedError, 502, "The credential of the connection may not read the library"),
    (errors.RateLimitedError, 503, "Adobe asks for fewer requests"),
    (errors.NoAnswerError, 504, "Adobe did not answer"),
    (errors.ServerError, 502, "Adobe's service failed"),
)
"""The status and the title of each error. Adobe's 401 and 403 do not concern the user of Airflow, so they are 502."""


def failure(status: int, title: str, message: str, request_id: str | None = None) -> HTTPException:
    """The answer of an error."""
    detail = {"title": title, "message": message}
    return HTTPException(status, detail | ({"request_id": request_id} if request_id else {}))


def told(error: OfferLibraryError) -> HTTPException:
    """The answer that tells an error of the client, in its own words: they hold no secret, no header and no token."""
    status, title = next(
        ((status, title) for kind, status, title in _BY_CLASS if isinstance(error, kind)),
        (502, "The Offer Library cannot be read"),
    )
    if isinstance(error, errors.AuthenticationError) and error.retryable:
        status, title = 504, "Adobe's identity service did not answer"
    return failure(status, title, str(error), getattr(error, "request_id", None))
