"""JSON text, and what a template makes of a task's result: the way Python writes lists and dicts."""

from __future__ import annotations

import json
import re
from typing import Any

# A list of some thousand receipts; what is longer is read as JSON only.
_LONGEST_LITERAL = 2_000_000
# What only Python writes.
_PYTHONS = re.compile(r"'|\b(?:None|True|False)\b")


def parsed(text: str) -> Any:
    """The document in a text: JSON, or else a literal of Python. Raises ValueError with what is wrong with the JSON.

    `{{ ti.xcom_pull('create') }}` renders a literal. Nothing in it is run.
    """
    text = text.removeprefix("\ufeff")
    try:
        return json.loads(text)
    except ValueError as error:
        wrong = error
    except RecursionError:
        raise ValueError("JSON nested too deep") from None
    if text.lstrip().startswith(("{", "[", "(")) and len(text) <= _LONGEST_LITERAL:
        literal = _literal(text.strip())
        if literal is not None:
            return literal
    raise ValueError(str(wrong))


def _literal(text: str) -> Any:
    import ast

    try:
        found = ast.literal_eval(text)
        if repr(found) != text and not _PYTHONS.search(text):
            # JSON with a mistake in it, such as a comma at the end.
            return None
        # What JSON has no word for is no document: bytes, sets, complex numbers.
        json.dumps(found)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    return list(found) if isinstance(found, tuple) else found
