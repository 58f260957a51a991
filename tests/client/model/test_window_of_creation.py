"""The window of a creation, given beside the offer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_offers.client.errors import InvalidInputError, UnsupportedError
from airflow_provider_offers.client.model.kinds import FALLBACK, PERSONALIZED
from airflow_provider_offers.client.model.windows import OfferWindow, window_from, with_window
from tests.client.library import sale

MAY = OfferWindow(datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 15, tzinfo=UTC))


@pytest.mark.parametrize(
    "given",
    [
        MAY,
        {"start": "2026-05-01T00:00:00Z", "end": "2026-05-15T00:00:00Z"},
        {"start": "2026-05-01T00:00:00Z", "duration": "P14D"},
        {"start": MAY.start, "duration": timedelta(days=14)},
        {"start": "2026-05-01T02:00:00", "end": "2026-05-15T02:00:00", "timezone": "Europe/Paris"},
        {"start": "2026-05-01T02:00:00", "end": None, "duration": "P14D", "timezone": "Europe/Paris"},
    ],
)
def test_a_window_may_be_given_in_many_ways(given: Any) -> None:
    assert window_from(given) == MAY
    assert with_window(PERSONALIZED, {"name": "x"}, given) == {"name": "x", "selectionConstraint": MAY.as_constraint()}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"start": "2026-05-01T00:00:00Z", "end": "2026-05-15T00:00:00Z", "until": 1}, "window/until"),
        ({"start": "2026-05-01T00:00:00Z"}, "exactly one"),
        ({"start": "2026-05-01", "duration": "P14D"}, "time zone"),
        ({}, "start"),
        ("P14D", "a str"),
        (["2026-05-01T00:00:00Z", "2026-05-15T00:00:00Z"], "a list"),
    ],
)
def test_what_is_no_window_is_refused(given: Any, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        window_from(given)
    with pytest.raises(InvalidInputError, match=said):
        with_window(PERSONALIZED, sale(), given)


def test_the_dates_are_replaced_and_the_rest_is_kept() -> None:
    properties = sale()
    properties["selectionConstraint"]["eligibilityRule"] = "dps:rule:1"
    changed = with_window(PERSONALIZED, properties, MAY)
    assert changed == {
        **properties,
        "selectionConstraint": {"eligibilityRule": "dps:rule:1", **MAY.as_constraint()},
    }
    assert properties["selectionConstraint"]["startDate"] == "2026-03-10T00:00:00Z"


def test_a_fallback_has_no_window() -> None:
    with pytest.raises(UnsupportedError, match="no window"):
        with_window(FALLBACK, sale(), MAY)
