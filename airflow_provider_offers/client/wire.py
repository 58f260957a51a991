"""What travels between a flow and the shell that drives it: requests, answers, pauses and tokens.

A flow is a generator without I/O: it yields an effect, and the shell sends back that effect's result, or throws
`NoAnswerError` where an answer was lost. Flows compose with `yield from`.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from airflow_provider_offers.client.errors import UnexpectedResponseError

Json = Any
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, complete: the shell adds nothing but the connection."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def request_id(self) -> str | None:
        return self.headers.get("x-request-id")


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds, for the reason given (it is logged)."""

    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class TokenNeeded:
    """Give a token; `refused` is the one that the gateway just turned down, if any."""

    refused: str | None = field(default=None, repr=False)


Effect = Request | Pause | TokenNeeded
Flow = Generator[Effect, Any, T]


@dataclass(frozen=True, slots=True)
class Call:
    """A request to the Offer Library before it has a token: `path` is relative to the generation's base.

    `repeatable` says that sending it twice has the effect of sending it once.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: Json = None
    repeatable: bool = True

    @property
    def bare_path(self) -> str:
        """The path without its query, as errors and logs name it."""
        return self.path.partition("?")[0]

    def encoded_body(self) -> bytes | None:
        if self.body is None:
            return None
        return json.dumps(self.body, ensure_ascii=False, allow_nan=False).encode()


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful response together with the call it answers."""

    call: Call
    response: Response
    request_id: str | None

    def json(self) -> Json:
        """The body as JSON; `UnexpectedResponseError` where it is none."""
        try:
            return json.loads(self.response.body)
        except (ValueError, RecursionError):
            raise self.unexpected(f"{describe_body(self.response)} came instead of JSON") from None

    def object(self) -> dict[str, Json]:
        """The body as a JSON object; `UnexpectedResponseError` where it is something else."""
        document = self.json()
        if not isinstance(document, dict):
            raise self.unexpected(f"a JSON {type(document).__name__} came instead of an object")
        return document

    def unexpected(self, reason: str) -> UnexpectedResponseError:
        return UnexpectedResponseError(
            reason,
            method=self.call.method,
            path=self.call.bare_path,
            status=self.response.status,
            request_id=self.request_id,
        )


def describe_body(response: Response) -> str:
    """What a body that is no JSON seems to be, without quoting it: it may echo the request."""
    body = response.body.lstrip()[:200].lower()
    if not body:
        return "an empty body"
    if body.startswith((b"<!doctype html", b"<html", b"<")):
        return "an HTML page (a proxy or a wrong host answers so)"
    if body.startswith((b"{", b"[")):
        return f"cut or malformed JSON of {len(response.body)} bytes"
    return f"{response.headers.get('content-type', 'unnamed content')} of {len(response.body)} bytes"
