"""The sample is a library that the emulator accepts, with every case that a calendar and a page have to show."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from airflow_provider_offers.emulator import Emulator, instants
from airflow_provider_offers.emulator.sample import sample_objects

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.fixture
def shop(emulator: Emulator) -> Emulator:
    emulator.clock.freeze(NOON)
    emulator.seed_sample(offers=120)
    return emulator


def windows(offers: list[dict[str, Any]]) -> list[tuple[datetime, datetime, str]]:
    held = [(each["body"]["selectionConstraint"], each["body"]["status"]) for each in offers]
    return [(moment(window["startDate"]), moment(window["endDate"]), status) for window, status in held]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_it_has_offers_of_every_time_and_status(shop: Emulator) -> None:
    found = windows(shop.objects("personalized"))
    assert {status for _, _, status in found} == {"draft", "approved", "archived"}
    approved = [(start, end) for start, end, status in found if status == "approved"]
    assert sum(start <= NOON < end for start, end in approved) >= 5
    assert any(start > NOON for start, _ in approved)
    assert any(end <= NOON for _, end in approved)
    # Nothing was written in the future.
    assert max(each["modified_us"] for each in shop.objects()) <= instants.to_us(NOON)


def test_it_has_decisions_of_every_status_with_a_fallback(shop: Emulator) -> None:
    decisions = [each["body"] for each in shop.objects("decision")]
    assert set(Counter(each["status"] for each in decisions)) == {"draft", "live", "complete", "archived"}
    approved = {each["id"] for each in shop.objects("fallback") if each["body"]["status"] == "approved"}
    assert {each["fallback"] for each in decisions} <= approved


def test_an_approved_offer_is_in_no_collection(shop: Emulator) -> None:
    collected = {each for found in shop.objects("collection") for each in found["body"]["ids"]}
    free = [
        each["body"]["name"]
        for each in shop.objects("personalized")
        if each["body"]["status"] == "approved" and not collected & {each["id"], *each["body"]["tags"]}
    ]
    assert free == ["Partner week: 5 % off at the cinema"]


def test_coupons_leave_days_with_the_fallback_only(shop: Emulator) -> None:
    (receipts,) = (each["body"] for each in shop.objects("collection") if each["body"]["name"] == "Receipt coupons")
    coupons = [each for each in shop.objects("personalized") if each["id"] in receipts["ids"]]
    ordered = sorted((start, end) for start, end, _ in windows(coupons))
    gaps = [(end, start) for (_, end), (start, _) in pairwise(ordered) if end < start]
    assert any(begins > NOON for begins, _ in gaps)


def test_equal_arguments_give_equal_objects_and_a_second_sandbox_its_own(shop: Emulator) -> None:
    assert sample_objects(NOON, offers=9) == sample_objects(NOON, offers=9)
    shop.seed_sample("dev", offers=3)
    assert len(shop.objects("decision", "dev")) == len(shop.objects("decision", "prod"))


@pytest.mark.parametrize(
    ("arguments", "told"), [({"now": NOON.replace(tzinfo=None)}, "time zone"), ({"now": NOON, "offers": 0}, "offers")]
)
def test_arguments_that_are_not_valid_are_told(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        sample_objects(**arguments)
