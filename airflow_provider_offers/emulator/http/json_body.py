"""Reading JSON from outside: strict, limited in depth, and without values that cannot be stored."""

from __future__ import annotations

import json
from typing import Any, NoReturn

MAX_DEPTH = 64


class JsonError(ValueError):
    """A body that is not JSON, or not JSON that a service would accept."""


def loads(body: bytes) -> Any:
    """The JSON document in a request's body."""
    try:
        document = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
        # A value that cannot be written could not be read from the store: 1e999 is infinite in Python.
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    except RecursionError:
        raise JsonError(f"the document is nested deeper than {MAX_DEPTH} levels") from None
    except UnicodeError:
        raise JsonError("the document is not valid UTF-8") from None
    except ValueError as error:
        raise JsonError(f"the document is not valid JSON: {error}") from None
    if depth(document) > MAX_DEPTH:
        raise JsonError(f"the document is nested deeper than {MAX_DEPTH} levels")
    return document


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def depth(document: Any) -> int:
    """The number of levels of a document; a single value has one level."""
    level, levels = [document], 0
    while level:
        levels += 1
        level = [
            child
            for each in level
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
        ]
    return levels
