"""Text that must not be seen: a type whose repr hides it, and the striking out of what an answer echoes."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable
from typing import NoReturn
from urllib.parse import quote, quote_plus

STRUCK = "***"
_BEARER = re.compile(r"\b(bearer)\s+\S+", re.IGNORECASE)


class Secret(str):
    """Text whose repr hides it, so that it shows in no dataclass, dict or traceback with local variables."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(STRUCK)


class Unpicklable:
    """Refuses to be pickled or copied deeply, as pickles hold secrets as they are."""

    __slots__ = ()

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds secrets and is not pickled; pass the connection's id on instead")


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """The text with every secret struck out, however headers, forms, JSON or HTML spell it, and every bearer token."""
    for secret in secrets:
        for spelling in _spellings(secret):
            text = text.replace(spelling, STRUCK)
    return _BEARER.sub(rf"\1 {STRUCK}", text)


def _spellings(secret: str) -> list[str]:
    """The longest first: the others may be parts of it."""
    if not secret:
        return []
    found = {
        secret,
        quote(secret),
        quote(secret, safe=","),
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        html.escape(secret),
        base64.b64encode(secret.encode(errors="replace")).decode(),
    }
    return sorted(found, key=len, reverse=True)
