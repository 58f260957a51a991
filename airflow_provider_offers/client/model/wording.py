"""The form in which messages show a value, and the words of a closed list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_offers.client.model.likeness import near, perhaps
from airflow_provider_offers.client.text import quoted


def one_of(words: Sequence[str], value: Any) -> str:
    """The words of a closed list, with the one that was probably meant."""
    meant = near(value, words) if isinstance(value, str) and len(words) > 1 else []
    return " or ".join(map(repr, words)) + perhaps(meant)


def describe(value: Any) -> str:
    """The value in a message: whole if it is short, otherwise its beginning or its type."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return quoted(value, 80)
