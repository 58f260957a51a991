"""Whole numbers from users, as numbers or as text from a template."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.client.model.numbers import whole_number


@pytest.mark.parametrize(("given", "number"), [(1, 1), ("32", 32), ("007", 7), (32, 32)])
def test_a_whole_number_may_be_text(given: Any, number: int) -> None:
    assert whole_number(given, 1, 32) == number


@pytest.mark.parametrize("given", [0, 33, "33", -1, "-1", "", " 1", "1.0", 1.0, True, None, [], "\u0661"])
def test_anything_else_is_none(given: Any) -> None:
    assert whole_number(given, 1, 32) is None


def test_a_number_without_end_is_none() -> None:
    assert whole_number("9" * 5_000, 1) is None
    assert whole_number(10**5_000, 1) is None
