"""Requests, answers, and the errors that become answers."""

from __future__ import annotations

import json
from abc import abstractmethod
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any
from urllib.parse import unquote, unquote_plus


@dataclass(frozen=True)
class Request:
    """One HTTP request, fully read."""

    method: str
    raw_path: str
    query_string: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The decoded path segments; `%3A` equals `:`, and `%2F` does not split."""
        path = self.raw_path.removeprefix("/")
        return tuple(unquote(part) for part in path.removesuffix("/").split("/"))

    @property
    def path(self) -> str:
        """The decoded path."""
        return unquote(self.raw_path)

    @cached_property
    def parameters(self) -> tuple[tuple[str, str], ...]:
        """The names and values of the query; only `&` separates, because schema names contain unescaped `;`."""
        pairs = (part.partition("=") for part in self.query_string.split("&") if part)
        return tuple((unquote_plus(name), unquote_plus(value)) for name, _, value in pairs)

    def header(self, name: str) -> str | None:
        """The first header with this name, in any case."""
        return next((value for key, value in self.headers if key == name.lower()), None)

    def all(self, name: str) -> list[str]:
        """All values of a query parameter; the name's case is ignored, because Adobe writes `orderBy` and `orderby`."""
        return [value for key, value in self.parameters if key.lower() == name.lower()]

    def one(self, name: str) -> str | None:
        """The last value of a query parameter."""
        values = self.all(name)
        return values[-1] if values else None

    @property
    def origin(self) -> str:
        """Scheme and host as the caller wrote them."""
        return f"http://{self.header('host') or 'localhost'}"


@dataclass
class Answer:
    """One HTTP answer, and its text for the log."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    note: str = ""
    committed: bool = False

    @classmethod
    def of(cls, status: int, document: Any, media_type: str = "application/json", **rest: Any) -> Answer:
        """An answer whose body is a JSON document."""
        body = json.dumps(document, ensure_ascii=False).encode()
        headers = {"content-type": media_type, **rest.pop("headers", {})}
        return cls(status, body, headers, **rest)


class Refusal(Exception):
    """An error that becomes an answer."""

    @abstractmethod
    def answer(self) -> Answer:
        """The answer for the caller."""


class GatewayError(Refusal):
    """An error of the API gateway, before any service: `error_code` and `message`."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers or {}

    def answer(self) -> Answer:
        """The body of the gateway; the code is a string."""
        document = {"error_code": self.code, "message": self.message}
        return Answer.of(self.status, document, headers=self.headers, note=f"{self.code} {self.message}")


class ImsError(Refusal):
    """An error of the identity service: `error` and `error_description`."""

    def __init__(self, error: str, description: str, status: int = 400, headers: dict[str, str] | None = None) -> None:
        super().__init__(description)
        self.error, self.description, self.status, self.headers = error, description, status, headers or {}

    def answer(self) -> Answer:
        """The body of the identity service."""
        document = {"error": self.error, "error_description": self.description}
        return Answer.of(self.status, document, headers=self.headers, note=f"{self.error}: {self.description}")


class Reason(Enum):
    """The reason of a service error: the number in the error's type, and its title."""

    MALFORMED = (1000, "Malformed request")
    MEDIA_TYPE = (1001, "Unsupported media type")
    NOT_ACCEPTABLE = (1002, "Not acceptable")
    TOO_LARGE = (1003, "Request body too large")
    INVALID = (1100, "Validation failed")
    PATCH_FAILED = (1101, "Patch cannot be applied")
    TEST_FAILED = (1102, "Patch test failed")
    STATUS_CHANGE = (1103, "Status change not allowed")
    IMMUTABLE = (1104, "Property cannot be changed")
    UNKNOWN_RULE = (1110, "The emulator cannot evaluate this")
    DECISION = (1111, "Decision cannot be made")
    STALE = (1200, "Version conflict")
    REFERENCED = (1201, "Object is still referenced")
    NOT_FOUND = (1300, "Not found")
    NO_ROUTE = (1301, "The emulator has no such route")
    NO_METHOD = (1302, "The emulator has no such method on this route")
    FORBIDDEN = (1400, "Not permitted")
    SANDBOX = (1401, "Sandbox not accessible")
    CONTAINER = (1402, "Container not accessible")
    INTERNAL = (1900, "The emulator failed")


class ServiceError(Refusal):
    """An error of a platform service, in the documented format of Adobe Experience Platform."""

    def __init__(
        self,
        status: int,
        reason: Reason,
        detail: str,
        *,
        headers: dict[str, str] | None = None,
        **context: Any,
    ) -> None:
        super().__init__(detail)
        self.status, self.reason, self.detail = status, reason, detail
        self.headers, self.context = headers or {}, context
        self.service = "EMULATOR"
        self.tenant: dict[str, str] = {}

    def answer(self) -> Answer:
        """The documented error body; `service` and `tenant` are included if they are known."""
        number, title = self.reason.value
        document = {
            "type": f"http://ns.adobe.com/aep/errors/{self.service}-{number}-{self.status}",
            "title": title,
            "status": self.status,
            "detail": self.detail,
            "report": {"tenantInfo": self.tenant, "additionalContext": self.context},
        }
        return Answer.of(self.status, document, headers=self.headers, note=f"{title}: {self.detail}")


def missing_content_type() -> Answer:
    """The documented body for a write without a content type."""
    detail = "A valid content-type must be specified"
    document = {"type": "/placeholder/type/uri", "status": 400, "title": "BadRequestError", "detail": detail}
    return Answer.of(400, document, note=detail)
