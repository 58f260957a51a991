"""The journal: every request, its answer, and whether it changed the library."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from airflow_provider_offers.emulator.control.matching import (
    STATUSES,
    check_method,
    check_path,
    check_route,
    check_texts,
)
from airflow_provider_offers.emulator.http.messages import Answer, Request


def _spelled(name: str) -> str:
    """A pattern for a name; each character can be escaped as in forms or in JSON."""
    return "".join(rf"(?:{re.escape(each)}|(?:%|\\u00)(?:{ord(each):x}|{ord(each.upper()):x}))" for each in name)


_PLAIN = ("client_secret", "access_token", "jwt_token", "client_assertion")
_NAMES = "|".join(map(_spelled, _PLAIN))
# Every letter of a name, and the underscore.
_ESCAPED = re.compile(r"(?:%|\\u00)[4-7][0-9a-f]", re.IGNORECASE)
# A quoted value ends at its closing quote, another value at the next parameter.
_SECRETS = re.compile(
    rf"""((?:{_NAMES})\\*["']?\s*[=:]\s*\\*)("(?:[^"\\]|\\.)*"?|[^&"\s]+)""", re.IGNORECASE | re.DOTALL
)
# In a multipart form, a value is the text between the headers of its part and the next boundary.
_PARTS = re.compile(
    rf"""(\bname=["']?(?:{_NAMES})\b.{{0,1000}}?\r?\n\r?\n).*?(?=\r?\n--|\Z)""", re.IGNORECASE | re.DOTALL
)
_SECRET_HEADERS = re.compile(r"authorization|\bauth\b|cookie|secret|token|password|credential", re.IGNORECASE)


def redacted(text: str) -> str:
    """The text without secrets and tokens."""
    if _names_no_secret(text):
        return text
    starred = _SECRETS.sub(lambda found: f'{found[1]}"***"' if found[2].startswith('"') else f"{found[1]}***", text)
    return _PARTS.sub(r"\1***", starred)


def _names_no_secret(text: str) -> bool:
    """Whether no spelling of a name can be there: quicker than a search for all of them, and never wrongly true."""
    # A letter beyond ASCII may count as one of a name: the patterns ignore case.
    if not text.isascii() or _ESCAPED.search(text):
        return False
    lower = text.lower()
    return not any(name in lower for name in _PLAIN)


def _redacted_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name: "***" if _SECRET_HEADERS.search(name) else redacted(value) for name, value in headers}


@dataclass
class Entry:
    """One request. `status` is None if the connection was closed without an answer, and while the request is `open`."""

    number: int
    time: str
    method: str
    path: str
    query: str
    route: str
    headers: dict[str, str]
    body: str
    status: int | None = None
    response_headers: dict[str, str] = field(default_factory=dict)
    response_body: str = ""
    committed: bool = False
    fault: str | None = None
    note: str = ""
    ms: float = 0.0
    open: bool = True

    def as_json(self) -> dict[str, Any]:
        """The entry as the control plane shows it."""
        return asdict(self)

    def __getitem__(self, name: str) -> Any:
        """One member by its name in the control plane's JSON, so the same checks work on both."""
        if name not in self.__dataclass_fields__:
            raise KeyError(name)
        return getattr(self, name)


class JournalError(ValueError):
    """A filter of the journal that is not valid, or that no request can pass."""


class Journal:
    """The latest requests, and the counts of all requests."""

    def __init__(self, routes: tuple[str, ...]) -> None:
        self._routes = routes
        self._entries: deque[Entry] = deque()
        self._counts: Counter[str] = Counter()
        self._number = 0

    def open(self, request: Request, route: str, *, limit: int, body_limit: int) -> Entry:
        """Record a request before it is handled."""
        self._number += 1
        entry = Entry(
            number=self._number,
            time=datetime.now(UTC).isoformat(timespec="milliseconds"),
            method=request.method,
            path=request.path,
            query=redacted(request.query_string),
            route=route,
            headers=_redacted_headers(request.headers),
            body=redacted(request.body[:body_limit].decode("utf-8", "replace")),
        )
        self._counts[route] += 1
        self._entries.append(entry)
        while len(self._entries) > limit:
            self._entries.popleft()
        return entry

    def close(self, entry: Entry, answer: Answer | None, *, body_limit: int) -> None:
        """Record the answer, or that there was none."""
        if answer is not None:
            entry.status = answer.status
            entry.response_headers = _redacted_headers(answer.headers.items())
            entry.response_body = redacted(answer.body[:body_limit].decode("utf-8", "replace"))

    def entries(
        self,
        *,
        method: str | None = None,
        path: str | None = None,
        route: str | None = None,
        status: int | None = None,
        since: int = 0,
        limit: int | None = None,
    ) -> list[Entry]:
        """Entries in order; `path` and `route` can contain `*`, and `since` is the number of the last known entry.

        Raises `JournalError` for a value that matches no request.
        """
        check_texts(JournalError, method=method, path=path, route=route)
        check_method(JournalError, method)
        check_path(JournalError, path)
        check_route(JournalError, route, self._routes)
        _check_number("since", since)
        if status is not None:
            _check_number("status", status, *STATUSES)
        if limit is not None:
            _check_number("limit", limit)
        found = [
            entry
            for entry in list(self._entries)
            if entry.number > since
            and (method is None or entry.method == method.upper())
            and (path is None or fnmatchcase(entry.path, path))
            and (route is None or fnmatchcase(entry.route, route))
            and (status is None or entry.status == status)
        ]
        return found if limit is None else found[-limit:] if limit else []

    def counts(self) -> dict[str, int]:
        """The number of requests of each route since the journal was last cleared."""
        return dict(sorted(self._counts.items()))

    def clear(self) -> None:
        """Remove all entries; the numbers continue."""
        self._entries.clear()
        self._counts.clear()


def _check_number(name: str, value: Any, least: int = 0, most: int | None = None) -> None:
    right = isinstance(value, int) and not isinstance(value, bool) and least <= value
    if not right or (most is not None and value > most):
        bounds = f"from {least} to {most}" if most is not None else f"of at least {least}"
        raise JournalError(f"{name} must be a whole number {bounds}, not {value!r}")


def line(entry: Entry) -> str:
    """One entry as a line of the log."""
    query = f"?{entry.query}" if entry.query else ""
    status = "lost" if entry.status is None else str(entry.status)
    parts: Iterable[str] = (
        entry.time[11:23],
        f"{entry.method:<6}",
        f"{entry.path}{query}",
        status,
        f"{entry.ms:.1f} ms",
        entry.note,
        f"[fault {entry.fault}]" if entry.fault else "",
    )
    text = " ".join(part for part in parts if part)
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
