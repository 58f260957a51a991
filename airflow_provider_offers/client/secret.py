"""Hides secrets: a text type with a hidden repr, and the removal of secrets that an answer echoes."""

from __future__ import annotations

import base64
import functools
import html
import json
import re
from collections.abc import Callable, Iterable
from typing import Any, NoReturn
from urllib.parse import quote, quote_plus

STRUCK = "***"
# Shorter text occurs within many unrelated words.
_SHORT = 6
_NO_WORD_BEFORE = r"(?:(?<![^\W_])|(?<=%[0-9a-f]{2}))"
_NO_WORD_AFTER = r"(?![^\W_])"
# What a message says instead of a connection that is given as an id.
WHOLE_CONNECTION = "a whole connection, which is not shown because it may hold a password"
_BEARER = re.compile(r"\b(bearer)\s+\S+", re.IGNORECASE)


class Secret(str):
    """Text with a hidden repr, so that no dataclass, dict or traceback with local variables shows it.

    The same is true for slices, for results of its methods, and for sums with other text. `str` returns the plain text.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(STRUCK)

    def __radd__(self, other: str) -> Secret:
        return Secret(str.__add__(other, self))


def is_whole_connection(text: str) -> bool:
    """Whether text that should be the id of a connection is a connection itself: an address or JSON with a password.

    A template that nobody has rendered is none.
    """
    bare = text.lstrip()
    return "://" in text or (bare.startswith("{") and not bare.startswith(("{{", "{%", "{#")))


class SecretBytes(bytes):
    """`Secret` for bytes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(STRUCK.encode())

    def __radd__(self, other: bytes) -> SecretBytes:
        return SecretBytes(bytes.__add__(other, self))


def _hidden(value: Any) -> Any:
    if type(value) is str:
        return Secret(value)
    if type(value) is bytes:
        return SecretBytes(value)
    return type(value)(map(_hidden, value)) if type(value) in (list, tuple) else value


def _hiding(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def hiding(self: Any, *arguments: Any, **options: Any) -> Any:
        return _hidden(method(self, *arguments, **options))

    return hiding


_SHARED = (
    *(
        "__add__",
        "__getitem__",
        "__mod__",
        "__mul__",
        "__rmul__",
        "capitalize",
        "center",
        "expandtabs",
        "join",
        "ljust",
    ),
    *("lower", "lstrip", "partition", "removeprefix", "removesuffix", "replace", "rjust", "rpartition", "rsplit"),
    *("rstrip", "split", "splitlines", "strip", "swapcase", "title", "translate", "upper", "zfill"),
)
for _kind, _hidden_kind, _own in (
    (str, Secret, ("casefold", "encode", "format", "format_map")),
    (bytes, SecretBytes, ("decode", "hex")),
):
    for _name in (*_SHARED, *_own):
        setattr(_hidden_kind, _name, _hiding(getattr(_kind, _name)))


class Unpicklable:
    """Refuses to be pickled, copied deeply or stored as JSON, because that would contain the secrets."""

    __slots__ = ()

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds secrets and is not pickled; pass the connection's id on instead")

    def serialize(self) -> NoReturn:
        """Refuse: Airflow calls this for the result of a task, and stores the fields of a dataclass without it."""
        raise TypeError(f"{type(self).__name__} holds secrets and is not stored; pass the connection's id on instead")


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """The text without secrets in any spelling of headers, forms, JSON or HTML, and without bearer tokens.

    Case does not matter. A secret of less than six characters is removed only as a whole word.
    """
    lowered = text.lower()
    patterns = {
        spelling: re.escape(spelling) if len(secret) >= _SHORT else _by_itself(spelling)
        for secret in secrets
        for spelling, in_lower_case in _lowered_spellings(secret)
        if in_lower_case in lowered
    }
    if patterns:
        # The longest first, because others may be parts of it.
        longest_first = sorted(patterns, key=len, reverse=True)
        text = re.sub("|".join(patterns[each] for each in longest_first), STRUCK, text, flags=re.IGNORECASE)
    return _BEARER.sub(rf"\1 {STRUCK}", text) if "bearer" in lowered else text


@functools.lru_cache(maxsize=64)
def _lowered_spellings(secret: str) -> tuple[tuple[str, str], ...]:
    """Every spelling, and the same in lower case. Kept, because each answer's request id is searched for them."""
    return tuple((spelling, spelling.lower()) for spelling in spellings(secret))


def spellings(secret: str) -> set[str]:
    """The ways in which a secret may be written; upper and lower case differ only where their encodings differ."""
    if not secret:
        return set()
    raw = secret.encode(errors="replace")
    found = {base64.b64encode(raw).decode().rstrip("="), base64.urlsafe_b64encode(raw).decode().rstrip("=")}
    for text in (secret, secret.lower(), secret.upper()):
        found |= {
            text,
            *(quote(text, safe=safe, errors="replace") for safe in ("/", ",", "")),
            quote_plus(text, errors="replace"),
            json.dumps(text)[1:-1],
            json.dumps(text, ensure_ascii=False)[1:-1],
            html.escape(text),
        }
    return found


def _by_itself(spelling: str) -> str:
    return f"{_NO_WORD_BEFORE}{re.escape(spelling)}{_NO_WORD_AFTER}"
