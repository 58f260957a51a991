"""What a decision can reach: by its collections, their tags, and single offers."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.client.model.reaching import contained, named, texts

BY_TAG = {"red": {1, 2}, "new": {2, 3}, "old": set[int]()}
BY_ID = {"offer 1": 1, "offer 2": 2, "offer 3": 3, "red": 9}


@pytest.mark.parametrize(
    ("collection", "offers"),
    [
        ({"filterType": "any-tags", "ids": ["red", "new"]}, {1, 2, 3}),
        ({"filterType": "any-tags", "ids": ["red", "unknown"]}, {1, 2}),
        ({"filterType": "any-tags", "ids": []}, set()),
        ({"filterType": "all-tags", "ids": ["red", "new"]}, {2}),
        ({"filterType": "all-tags", "ids": ["red"]}, {1, 2}),
        # No offer has a tag that is not known.
        ({"filterType": "all-tags", "ids": ["red", "unknown"]}, set()),
        ({"filterType": "all-tags", "ids": ["red", "old"]}, set()),
        ({"filterType": "all-tags", "ids": []}, set()),
        ({"filterType": "offers", "ids": ["offer 1", "offer 3", "offer 7"]}, {1, 3}),
        ({"ids": ["offer 1"]}, {1}),
        ({"filterType": "offers", "ids": None}, set()),
        ({"filterType": "any-tags"}, set()),
    ],
)
def test_the_offers_of_a_collection(collection: dict[str, Any], offers: set[int]) -> None:
    assert contained(collection, BY_TAG, BY_ID) == offers


@pytest.mark.parametrize(
    ("part", "offers"),
    [
        ({"filter": "summer"}, {1, 2}),
        ({"filter": "summer", "others": [{"offer": "offer 3"}, "winter"]}, {1, 2, 3, 4}),
        ([["offer 1"], {"a": {"b": ("offer 2",)}}], {1}),
        ("winter", {4}),
        ({"summer": "nothing"}, set()),
        (None, set()),
        (7, set()),
    ],
)
def test_the_offers_that_a_part_of_a_decision_names(part: Any, offers: set[int]) -> None:
    assert named(part, {"summer": {1, 2}, "winter": {4}}, {"offer 1": 1, "offer 3": 3}) == offers


def test_the_texts_of_a_value_are_those_of_its_members_and_items() -> None:
    assert list(texts({"a": "x", "b": ["y", {"c": "z", "d": 1}, None], "e": True})) == ["x", "y", "z"]
