"""Values on their way to the service: what is no JSON is named by its place, and links stay where they exist."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.client.errors import InvalidInputError, UnsupportedError
from airflow_provider_offers.client.model.documents import neutral_payload
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.model.preparing import neutral_patch


@pytest.mark.parametrize(
    ("tags", "pointer"),
    [
        (["a", float("nan")], "/tags/1"),
        ([["a", "b", {"deep": [float("inf")]}]], "/tags/0/2/deep/0"),
        ({"a/b": [0, object()]}, "/tags/a~1b/1"),
    ],
)
def test_a_value_that_is_no_json_is_named_by_its_place_in_lists_and_objects(tags: Any, pointer: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        neutral_payload({"name": "Spring", "tags": tags}, PERSONALIZED)

    assert [each.pointer for each in raised.value.violations] == [pointer]


def test_a_link_of_generation_1_is_patched_there_and_refused_elsewhere() -> None:
    patch = [{"op": "replace", "path": "/_links/self/href", "value": "/core"}]

    assert neutral_patch(patch, "xcore") == patch
    with pytest.raises(UnsupportedError, match="dps has no links"):
        neutral_patch(patch, "dps")
