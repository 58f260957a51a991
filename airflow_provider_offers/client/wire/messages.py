"""The messages between a flow and the shell that runs it: requests, answers, pauses, tokens and stored values.

A flow is a generator without I/O. It yields an effect, and the shell sends back the result of the effect, or throws
`NoAnswerError` if the answer is lost. Flows call other flows with `yield from`.
"""

from __future__ import annotations

import gc
import json
import logging
import math
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar

import msgspec

from airflow_provider_offers.client.errors import UnexpectedResponseError
from airflow_provider_offers.client.secret import without_secrets
from airflow_provider_offers.client.text import legible

_LONGEST_REASON = 300
_DEEPEST = 100
_SHORT_BODY = 4_000
Json = Any
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """One complete HTTP request; the shell only adds the connection.

    If `send_by` is given, the shell sends it only before that time on its clock; otherwise it answers `HELD_UP`.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = field(default=None, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    send_by: float | None = None

    def is_held_up(self, now: float) -> bool:
        """Whether it is too late to send the request."""
        return self.send_by is not None and now > self.send_by


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer; header names are in lower case. Its repr shows no body and no headers: they may echo secrets.

    `secrets` are those that it may echo and that no message may quote: the request's, and the login for a proxy.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def request_id(self) -> str | None:
        """The service's id of the exchange, if it looks like an id."""
        return fit_request_id(self.headers.get("x-request-id", ""), self.secrets)

    def hiding(self, secrets: Iterable[str]) -> Response:
        """The same answer, with more secrets that it may echo."""
        if secrets is self.secrets:
            return self
        return Response(self.status, self.headers, self.body, tuple(dict.fromkeys((*self.secrets, *secrets))))


HELD_UP = Response(0, {}, b"")
"""The shell's answer to a request that it did not send, because its time was over."""


def fit_request_id(given: str, secrets: Iterable[str]) -> str | None:
    """The id that a service gave, without the secrets that it may quote; None if it does not look like an id."""
    if not given:
        return None
    given = without_secrets(given, secrets)
    return given if 0 < len(given) <= 200 and given.isascii() and given.isprintable() else None


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds. The reason is logged; without a reason, nothing is logged."""

    seconds: float
    reason: str = ""

    @property
    def line(self) -> str:
        """The reason as one line for the log, without hints."""
        first = self.reason.partition("\n")[0]
        return first if len(first) <= _LONGEST_REASON else first[: _LONGEST_REASON - 1] + "…"


@dataclass(frozen=True, slots=True)
class Note:
    """Log a line: a warning, or plain information.

    `about` names the object that it is about. A list logs lines with the same `like` once, with their number.
    """

    text: str
    is_warning: bool = True
    about: str = ""
    like: str = ""

    @property
    def level(self) -> int:
        """The level of the log's line."""
        return logging.WARNING if self.is_warning else logging.INFO


@dataclass(frozen=True, slots=True)
class TokenNeeded:
    """Get a token; `refused` is the one that the gateway has just refused, if any."""

    refused: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Recall:
    """Read the value that this or another process kept under a key. The result is the value or None."""

    key: str


@dataclass(frozen=True, slots=True)
class Keep:
    """Keep a value, which is JSON, under a key. The flow continues after it is stored. None removes the key.

    `value` may be a function that makes the value. Then flows that add to the value while it waits for its turn share
    one copy of it.
    """

    key: str
    value: Json | Callable[[], Json] = field(repr=False)

    def made(self) -> Json:
        """The value, as it is now."""
        return self.value() if callable(self.value) else self.value


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the list of which the flow is a part; it reads for all of its objects at once (`flows/ahead.py`).

    The run of the list answers. A flow outside of a list never asks, so no shell performs this.
    """

    question: Any


Effect = Request | Pause | Note | TokenNeeded | Recall | Keep | Ask
Flow = Generator[Effect, Any, T]


@dataclass(frozen=True, slots=True)
class Call:
    """A request to the Offer Library before it has a token: `path` is relative to the generation's base.

    `repeatable` says that sending it twice has the same effect as sending it once. `private` holds the values in it
    that no message may quote. If `send_by` is given, the call is sent only before that time on the clock of the
    exchange; then the status 0 must be accepted, which says that it was held up and not sent.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: Json = field(default=None, repr=False)
    repeatable: bool = True
    private: tuple[str, ...] = field(default=(), repr=False)
    send_by: float | None = None

    @property
    def bare_path(self) -> str:
        """The path without its query, as errors and logs name it."""
        return self.path.partition("?")[0]

    def encoded_body(self) -> bytes | None:
        """The body as it is sent. Raises `ValueError` for a number that JSON does not support."""
        if self.body is None:
            return None
        try:
            # It needs a tenth of the time, but writes null for a number that is not finite.
            encoded = msgspec.json.encode(self.body)
            if b"null" not in encoded:
                return encoded
        except (TypeError, ValueError, RecursionError):
            # For example half of a surrogate pair, as the service sent it, or a subclass of `str`.
            pass
        try:
            return json.dumps(self.body, ensure_ascii=False, allow_nan=False).encode()
        except UnicodeEncodeError:
            # JSON can only hold half of a surrogate pair as an escape.
            return json.dumps(self.body, allow_nan=False).encode()


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful response, the call that it answers, and the secrets that it may echo."""

    call: Call
    response: Response
    request_id: str | None
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def json(self) -> Json:
        """The body as JSON; raises `UnexpectedResponseError` if it is not JSON."""
        document: Json = None
        reason: str | None = None
        try:
            document = _parsed(self.response.body)
        except (ValueError, RecursionError):
            # The error is raised further down: the exception that is handled here holds the whole answer, which may
            # echo the request.
            reason = f"{describe_body(self.response)} came instead of JSON"
        if reason is None and _may_be_deep(self.response.body) and _is_deep(document):
            reason = f"its JSON is nested more than {_DEEPEST} levels deep"
        if reason is not None:
            del document
            raise self.unexpected(reason)
        return document

    def typed(self, decoder: msgspec.json.Decoder[T]) -> T | None:
        """The body as the decoder's type; None if it is anything else. Whatever the type does not have is skipped."""
        body = self.response.body
        try:
            if not body.isascii():
                # The decoder does not look at the text that it skips.
                body.decode()
            return decoder.decode(body)
        except (ValueError, RecursionError):
            return None

    def object(self) -> dict[str, Json]:
        """The body as a JSON object; raises `UnexpectedResponseError` if it is anything else."""
        document = self.json()
        if not isinstance(document, dict):
            raise self.unexpected(f"a JSON {type(document).__name__} came instead of an object")
        return document

    def quoted(self, text: str) -> str:
        """Text of the service in the form in which an error may show it: short, and without secrets."""
        return legible(without_secrets(text, self.secrets), 500)

    def unexpected(self, reason: str) -> UnexpectedResponseError:
        return UnexpectedResponseError(
            self.quoted(reason),
            method=self.call.method,
            path=self.call.bare_path,
            status=self.response.status,
            request_id=self.request_id,
        )


def _parsed(body: bytes) -> Json:
    """The JSON of a body.

    `msgspec` needs half the time; `json` decides about text that it refuses, such as half of a surrogate pair.
    """
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return json.loads(body, parse_float=_finite, parse_constant=_refuse)


def _may_be_deep(body: bytes) -> bool:
    """Whether a body has enough brackets for a deep document. A long body certainly has, so it is not looked at."""
    return len(body) > _SHORT_BODY or body.count(b"{") + body.count(b"[") > _DEEPEST


def _is_deep(document: Json) -> bool:
    """Whether a document is nested too deep for recursive functions."""
    return not _is_shallow(document) and _is_nested_too_deep(document)


def _is_shallow(document: Json) -> bool:
    """Whether a document certainly has few levels: the garbage collector tracks every container of containers."""
    level = [document]
    for _ in range(_DEEPEST // 2):
        level = list(filter(gc.is_tracked, gc.get_referents(*level)))
        if not level:
            return True
    return False


def _is_nested_too_deep(document: Json) -> bool:
    level = [document]
    for _ in range(_DEEPEST):
        level = [
            inner
            for each in level
            for inner in (each.values() if type(each) is dict else each if type(each) is list else ())
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return False
    return True


def _finite(text: str) -> float:
    """A number that can be written as JSON again: Python reads 1e999 as infinite."""
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text[:20]} is not a number that JSON supports")


def describe_body(response: Response) -> str:
    """A description of a body that is not JSON. It does not quote the body, which may echo the request."""
    body = response.body.lstrip()[:200].lower()
    if not body:
        return "an empty body"
    if body.startswith((b"<!doctype html", b"<html", b"<")):
        return "an HTML page (from a proxy or a wrong host)"
    if body.startswith((b"{", b"[")):
        return f"cut or malformed JSON of {len(response.body)} bytes"
    content_type = without_secrets(response.headers.get("content-type", "unnamed content"), response.secrets)
    return f"{legible(content_type, 100)} of {len(response.body)} bytes"
