"""How messages show a value, and the words of a closed list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_offers.client.model.likeness import near, perhaps
from airflow_provider_offers.client.text import quoted


def one_of(words: Sequence[str], value: Any) -> str:
    """The words of a closed list, with the one that may have been meant."""
    meant = near(value, words) if isinstance(value, str) and len(words) > 1 else []
    return " or ".join(map(repr, words)) + perhaps(meant)


def describe(value: Any) -> str:
    """The value as a message shows it: whole when it is short, else its beginning or its kind."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return quoted(value, 80)
