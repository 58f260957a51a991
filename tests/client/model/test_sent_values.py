"""Values on their way to the service: what is no JSON is named by its place, and links stay where they exist."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

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


def test_a_decimal_and_a_uuid_of_a_database_are_a_number_and_text() -> None:
    """Native rendering passes them on: `{{ ti.xcom_pull('query')[0][1] }}`."""
    values = {"rank": {"priority": Decimal("7.00")}, "characteristics": {"price": Decimal("4.5"), "key": UUID(int=1)}}

    assert neutral_payload({"name": "Spring", **values}, PERSONALIZED) == {
        "name": "Spring",
        "rank": {"priority": 7},
        "characteristics": {"price": 4.5, "key": "00000000-0000-0000-0000-000000000001"},
    }
    patch = [{"op": "replace", "path": "/rank/priority", "value": Decimal(8)}]
    assert repr(neutral_patch(patch, "dps")[0]["value"]) == "8"
    for exact in (Decimal("0.1000000000000000000001"), Decimal("NaN")):
        with pytest.raises(InvalidInputError, match="/rank/priority: given a Decimal; expected a JSON value"):
            neutral_payload({"name": "Spring", "rank": {"priority": exact}}, PERSONALIZED)


def test_a_link_of_generation_1_is_patched_there_and_refused_elsewhere() -> None:
    patch = [{"op": "replace", "path": "/_links/self/href", "value": "/core"}]

    assert neutral_patch(patch, "xcore") == patch
    with pytest.raises(UnsupportedError, match="dps has no links"):
        neutral_patch(patch, "dps")
