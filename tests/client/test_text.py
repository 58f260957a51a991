"""A value in a message is short and on one line, whatever it is."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.client.text import quoted


class Broken:
    """Has no text."""

    def __repr__(self) -> str:
        raise RuntimeError("no text")


def endless() -> list[Any]:
    """Lists in lists, deeper than Python goes."""
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    return nested


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "None"),
        ("a\nb", r"'a\nb'"),
        ("x" * 1_000, "'" + "x" * 296 + "..."),
        (10**5_000, "an int too large to show"),
        (endless(), "a list too large to show"),
        (Broken(), "a Broken that cannot be shown"),
    ],
    ids=["nothing", "lines", "long", "digits", "levels", "no text"],
)
def test_any_value_can_be_told(value: Any, told: str) -> None:
    assert quoted(value) == told
