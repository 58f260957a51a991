"""Refusals become the right error, with a hint, the request id, and no secret."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.client import errors
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
    Violation,
)
from airflow_provider_offers.client.wire.messages import Call, Response
from airflow_provider_offers.client.wire.refusals import refusal
from tests.client.script import START, answer
from tests.effort import examples

CALL = Call("POST", "/offers?offer-type=personalized", {})
SECRET = "s3cr3t/with+signs"


def refuse(response: Response) -> OfferLibraryError:
    return refusal(CALL, response, request_id="req-1", now=START, secrets=("eyJ.token", SECRET))


@pytest.mark.parametrize(
    ("status", "code", "message", "kind", "hint"),
    [
        (403, "403010", "Oauth token is missing.", NotAuthenticatedError, "Authorization"),
        (401, "401013", "Oauth token is not valid", NotAuthenticatedError, "client id and secret"),
        (403, "403000", "Api Key is required", PermissionDeniedError, "login"),
        (403, "403003", "Api Key is invalid", PermissionDeniedError, "Developer Console"),
        (400, "400003", "Missing header", BadRequestError, "org_id"),
        (403, "403025", "Profile is not valid", PermissionDeniedError, "org_id"),
        (403, "403027", "User region is missing", PermissionDeniedError, "product profile"),
        (403, "403023", "Profile is not valid", PermissionDeniedError, "organization"),
        (429, "429050", "Too many requests", RateLimitedError, "pool"),
    ],
)
def test_every_gateway_refusal_says_what_to_do(
    status: int, code: str, message: str, kind: type[APIError], hint: str
) -> None:
    for given_code in (code, int(code)):
        error = refuse(answer(status, {"error_code": given_code, "message": message}))
        assert type(error) is kind
        assert (error.status, error.code, error.title, error.detail) == (status, code, message, None)
        assert (error.method, error.path, error.request_id) == ("POST", "/offers", "req-1")
        assert hint in (error.hint or "")
        for part in (message, code, "req-1", hint, "POST /offers"):
            assert part in str(error)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequestError),
        (401, NotAuthenticatedError),
        (403, PermissionDeniedError),
        (404, NotFoundError),
        (405, BadRequestError),
        (409, ConflictError),
        (410, NotFoundError),
        (412, ConflictError),
        (413, BadRequestError),
        (415, BadRequestError),
        (422, RejectedError),
        (429, RateLimitedError),
        (500, ServerError),
        (503, ServerError),
        (599, ServerError),
    ],
)
def test_each_status_has_its_class_even_with_an_empty_body(status: int, kind: type[APIError]) -> None:
    error = refuse(answer(status))
    assert type(error) is kind
    assert error.detail == "an empty body"
    assert error.retryable is (status not in (400, 401, 403, 405, 413, 415, 422))


def test_platform_services_name_their_code_in_the_type() -> None:
    body = {
        "type": "http://ns.adobe.com/aep/errors/ODE-1111-422",
        "title": "Unprocessable",
        "status": 422,
        "detail": "xdm:name is missing",
        "report": {"tenantInfo": {"sandboxName": "dev1"}, "additionalContext": {}},
    }
    error = refuse(answer(422, body))
    assert isinstance(error, RejectedError)
    assert (error.code, error.title, error.detail) == ("ODE-1111-422", "Unprocessable", "xdm:name is missing")


@pytest.mark.parametrize(
    ("body", "title", "detail"),
    [
        (
            {"type": "/placeholder/type/uri", "status": 400, "title": "BadRequestError", "detail": "content-type"},
            "BadRequestError",
            "content-type",
        ),
        ({"errorMessage": "Supplied version=[1]"}, None, "Supplied version=[1]"),
        ({"message": "only this"}, None, "only this"),
        ({"title": "T", "message": "M"}, "T", "M"),
        ({"title": "same", "detail": "same"}, "same", None),
        ({"detail": {"nested": 1}, "title": ["x"], "type": 5}, None, None),
        ({"error_code": True, "message": "m"}, "m", None),
    ],
)
def test_service_shapes(body: dict[str, Any], title: str | None, detail: str | None) -> None:
    error = refuse(answer(400, body))
    assert isinstance(error, BadRequestError)
    assert (error.title, error.detail) == (title, detail)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"<!DOCTYPE html><html>404</html>", "HTML page"),
        (b"  <HTML>", "HTML page"),
        (b'{"error_co', "cut or malformed JSON of 10 bytes"),
        (b"gone fishing", "unnamed content of 12 bytes"),
        (b"\xff\xfe", "2 bytes"),
    ],
)
def test_what_is_no_json_is_described_and_not_quoted(body: bytes, what: str) -> None:
    error = refuse(answer(404, body))
    assert isinstance(error, UnexpectedResponseError)
    assert what in str(error)
    assert "check the host" in str(error)
    failed = refuse(answer(502, body))
    assert isinstance(failed, ServerError)
    assert what in str(failed)


def test_a_page_of_the_gateway_may_still_say_when_to_come_back() -> None:
    error = refuse(answer(429, b"<html>", {"retry-after": "12"}))
    assert isinstance(error, RateLimitedError)
    assert error.retry_after == 12
    assert "[retry after 12 s]" in str(error)


def test_secrets_that_a_refusal_echoes_are_starred() -> None:
    body = {
        "error_code": f"400-{SECRET}",
        "message": f"bad header Authorization: Bearer eyJ.token and {SECRET}",
        "detail": f"again {SECRET}" + "x" * 5_000,
    }
    error = refuse(answer(400, body))
    shown = str(error) + repr(error) + repr(vars(error))
    assert "eyJ.token" not in shown
    assert SECRET not in shown
    assert "***" in shown
    assert len(str(error)) < 2_000


def test_a_role_is_suggested_where_the_service_itself_denies() -> None:
    error = refuse(answer(403, {"title": "Forbidden"}))
    assert isinstance(error, PermissionDeniedError)
    assert "role" in (error.hint or "")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error_code", "message", "title", "detail", "type", "status", "x"]), inner, max_size=5
        )
    ),
    max_leaves=12,
)


@given(_JSON | st.binary(max_size=30), st.integers(300, 599))
@examples(100)
def test_any_body_becomes_an_error_of_the_tree(body: Any, status: int) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    error = refuse(Response(status, {}, content))
    assert isinstance(error, APIError | UnexpectedResponseError)
    assert error.status == status
    assert same_after_pickling(error)


def same_after_pickling(error: OfferLibraryError) -> bool:
    again = pickle.loads(pickle.dumps(error))
    return (
        type(again) is type(error)
        and str(again) == str(error)
        and again.args == error.args
        and comparable(again) == comparable(error)
        and again.retryable is error.retryable
    )


def comparable(error: OfferLibraryError) -> dict[str, Any]:
    """The attributes of an error; another error in it is shown by its text."""
    return {name: str(value) if isinstance(value, Exception) else value for name, value in vars(error).items()}


def every_error() -> list[OfferLibraryError]:
    violations = [Violation("/name", "nothing", "a name")]
    api: dict[str, Any] = {
        "method": "PATCH",
        "path": "/offers/x",
        "status": 409,
        "code": "c",
        "title": "t",
        "detail": "d",
        "request_id": "r",
        "retry_after": 2.5,
        "hint": "h",
    }
    plain: list[OfferLibraryError] = [
        errors.OfferLibraryError("x"),
        errors.ConfigurationError("The connection", violations),
        errors.InvalidInputError("The offer", violations),
        errors.UnsupportedError("x"),
        errors.AuthenticationError("x", status=503, code="invalid", retry_after=3),
        errors.NoAnswerError("lost", method="GET", path="/", sent=True, request_id="r"),
        errors.UnexpectedResponseError("cut", method="GET", path="/", status=200, request_id="r"),
        errors.OutcomeUnknownError("x"),
        errors.AlreadyExistsError("x", ids=["a"]),
        errors.AmbiguousNameError("x", ids=["a", "b"]),
        errors.PagingError("x"),
        errors.TransitionError("x"),
        errors.NotPublishableError("'x' (id)", {"no_window": "it has no window"}),
        errors.HopelessError("x"),
        errors.GoneError("x"),
        errors.RuntimeRefusalError(errors.NotFoundError(**api), "the decision is archived"),
        errors.BatchJobError("x"),
        errors.BatchTimeoutError("x"),
        errors.BatchError("published", 1, 2, {"a": errors.ServerError(**api)}),
    ]
    kinds: list[type[APIError]] = [APIError, *APIError.__subclasses__()]
    return plain + [kind(**api) for kind in kinds]


def test_the_list_above_is_complete() -> None:
    public = {
        thing
        for name, thing in vars(errors).items()
        if isinstance(thing, type) and issubclass(thing, OfferLibraryError) and not name.startswith("_")
    }
    assert {type(error) for error in every_error()} == public
    assert all(f" {kind.__name__} " in f"{errors.__doc__} " for kind in public if kind is not OfferLibraryError)


@pytest.mark.parametrize("error", every_error(), ids=lambda error: type(error).__name__)
def test_errors_cross_process_borders(error: OfferLibraryError) -> None:
    assert same_after_pickling(error)
    assert same_after_pickling(error.adding("after 3 looks"))
    assert same_after_pickling(error.alike())


@pytest.mark.parametrize("error", every_error(), ids=lambda error: type(error).__name__)
def test_nothing_changes_what_an_error_says_about_retries(error: OfferLibraryError) -> None:
    with pytest.raises(AttributeError):
        error.retryable = not error.retryable  # type: ignore[misc]
    assert error.adding("x").retryable is error.alike().retryable is error.retryable
    if isinstance(error, APIError):
        assert (error.for_good().final, error.for_good().retryable, error.final) == (True, False, False)
        assert same_after_pickling(error.for_good())


def test_what_is_known_when_an_error_is_made_decides() -> None:
    assert errors.OutcomeUnknownError("x").retryable
    assert not errors.OutcomeUnknownError("x", retryable=False).retryable
    assert same_after_pickling(errors.OutcomeUnknownError("x", retryable=False))
