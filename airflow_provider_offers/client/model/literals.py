"""Reads JSON text, and the Python literals that templates render for the results of tasks."""

from __future__ import annotations

import json
import re
from typing import Any

# About a thousand receipts; longer text must be JSON.
_LONGEST_LITERAL = 2_000_000
# What only Python literals contain, outside of JSON's own strings: "Mum's day" is in JSON too.
_PYTHONS = re.compile(r"'|\b(?:None|True|False)\b")
_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def parsed(text: str) -> Any:
    """The document in a text: JSON, or else a Python literal. Raises ValueError with the error of the JSON.

    `{{ ti.xcom_pull('create') }}` renders a literal. Nothing in it is executed.
    """
    from airflow_provider_offers.client.text import NameTwiceError, json_of

    text = text.removeprefix("\ufeff")
    try:
        return json_of(text)
    except NameTwiceError:
        raise
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
        if repr(found) != text and not _PYTHONS.search(_JSON_STRING.sub("", text)):
            # JSON with an error, such as a missing comma: Python would join the two strings.
            return None
        # Types that JSON does not have are not allowed: bytes, sets, complex numbers.
        json.dumps(found)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    return list(found) if isinstance(found, tuple) else found
