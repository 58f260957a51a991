"""What a caller gives for a creation reaches it whole, or is refused before anything is sent."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from airflow_provider_offers.client.errors import InvalidInputError
from airflow_provider_offers.client.flows.creation_arguments import check_names, new_creation
from airflow_provider_offers.client.flows.memory import Earlier
from airflow_provider_offers.client.flows.ownership import Creation
from airflow_provider_offers.client.model.kinds import PERSONALIZED, TAG, Kind
from tests.client.library import sale
from tests.client.script import START

MARKER = ("airflow", "dag/run/task/-1")


def made(kind: Kind = PERSONALIZED, document: Any = None, **options: Any) -> Creation:
    given = {"window": None, "if_exists": "fail", "patience": 10, "marker": None, "earlier": None, "validate": True}
    return new_creation(kind, sale() if document is None else document, **{**given, **options})


def refused(*pointers: str, **options: Any) -> None:
    with pytest.raises(InvalidInputError) as caught:
        made(**options)
    assert [violation.pointer for violation in caught.value.violations] == list(pointers)


def test_every_option_reaches_the_creation() -> None:
    earlier = Earlier(START, START + timedelta(seconds=5), "offer 7", alone=False, changed=True)
    creation = made(
        if_exists="update", patience=timedelta(seconds=7), earlier=earlier, validate="strict", waive=["missing_rule"]
    )
    assert creation == Creation(
        PERSONALIZED, sale(), "update", 7.0, earlier, validate="strict", waive=("missing_rule",), doubts={}
    )


def test_the_marker_joins_the_characteristics_and_is_how_the_object_is_recognized() -> None:
    creation = made(marker=MARKER)
    assert creation.marker == MARKER
    assert creation.properties == sale(characteristics={"sku": "SPR-10", "airflow": "dag/run/task/-1"})
    bare = {name: value for name, value in sale().items() if name != "characteristics"}
    assert made(document=bare, marker=MARKER).properties["characteristics"] == {"airflow": "dag/run/task/-1"}


@pytest.mark.parametrize(
    "marker", [("sku", "mine"), (" ", "mine"), ("", "mine"), (7, "mine"), "airflow", ("a", "b", "c")]
)
def test_a_marker_that_could_not_tell_the_object_is_refused(marker: Any) -> None:
    refused("marker", marker=marker)


def test_a_kind_without_characteristics_has_no_marker() -> None:
    refused("marker", kind=TAG, document={"name": "Spring"}, marker=MARKER)
    assert made(TAG, {"name": "Spring"}).properties == {"name": "Spring"}


def test_characteristics_that_are_no_object_are_refused_as_such() -> None:
    refused("/characteristics", document=sale(characteristics=["sku"]), marker=MARKER)


def test_the_time_of_an_earlier_try_needs_a_time_zone() -> None:
    refused("since", earlier=Earlier(datetime(2026, 1, 1)))  # noqa: DTZ001


def test_every_mistake_is_told_at_once() -> None:
    refused("if_exists", "patience", "marker", if_exists="replace", patience=-1, marker=("sku", "mine"))


@pytest.mark.parametrize("patience", [0, 0.0, 3600, timedelta(hours=1)])
def test_the_bounds_of_the_patience_are_accepted(patience: Any) -> None:
    assert made(patience=patience).doubt in (0.0, 7200.0)


@pytest.mark.parametrize("patience", [-0.1, 3600.1, True, "10", None, float("nan")])
def test_another_patience_is_refused(patience: Any) -> None:
    refused("patience", patience=patience)


def test_each_object_of_a_list_has_a_name_of_its_own() -> None:
    names = ["a", "b", "a", "c", "b", "a"]
    creations = [made(document=sale(name=name)) for name in names]
    with pytest.raises(InvalidInputError) as caught:
        check_names(creations)
    told = [(violation.pointer, violation.expected) for violation in caught.value.violations]
    assert told == [
        ("/2/name", "a unique name (/0 has it already)"),
        ("/4/name", "a unique name (/1 has it already)"),
        ("/5/name", "a unique name (/0 has it already)"),
    ]
    with pytest.raises(InvalidInputError) as caught:
        check_names(creations[:3], ["first", "second", "third"])
    assert [violation.pointer for violation in caught.value.violations] == ["third/name"]
    check_names(creations[:2])


def test_tries_recognize_an_object_by_its_name_kind_and_sandbox_and_its_document_by_the_rest() -> None:
    one = made().wish(["org", "dev1"])
    assert one == made().wish(("org", "dev1"))
    assert one.doubt == timedelta(seconds=20)
    others = [
        made(document=sale(name="Autumn voucher")).wish(["org", "dev1"]),
        made(TAG, {"name": "Spring voucher"}).wish(["org", "dev1"]),
        made().wish(["org", "prod"]),
    ]
    assert len({one.key, *(each.key for each in others)}) == 4
    mended = made(document=sale(description="mended")).wish(["org", "dev1"])
    assert (mended.key, mended.digest == one.digest) == (one.key, False)
