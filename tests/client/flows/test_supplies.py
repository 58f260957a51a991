"""Whether the collections of a decision have an offer to show: by the offers as they are, not as listings show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from airflow_provider_offers.client.flows.supplies import Findings, Supply, look_at_collections
from airflow_provider_offers.client.model.entities import Entity
from airflow_provider_offers.client.model.kinds import COLLECTION
from airflow_provider_offers.client.wire.messages import Request, Response
from tests.client.library import entity, page, sale
from tests.client.script import Script, answer

WEB, EMAIL = "dps:offer-placement:1", "dps:offer-placement:2"
SPRING, VIP = "dps:tag:1", "dps:tag:2"
APRIL, MAY = datetime.fromisoformat("2026-04-01T00:00:00Z"), datetime.fromisoformat("2026-05-01T00:00:00Z")


def offer_id(number: int, kind: str = "personalized-offer") -> str:
    return f"dps:{kind}:{number:016x}"


def offer(placement: str | None = WEB, *, start: str = "2026-03-01", end: str = "2026-07-01", **properties: Any) -> Any:
    """An approved offer with a tag, that is shown at the placement from the start to the end."""
    shown = [{"channel": "web", "placement": placement, "components": []}] if placement else []
    window = {"startDate": f"{start}T00:00:00Z", "endDate": f"{end}T00:00:00Z"}
    made = sale(status="approved", tags=[SPRING], representations=shown)
    return {**made, "selectionConstraint": {**window, **properties.pop("constraint", {})}, **properties}


BY_RULE = {"profileConstraintType": "eligibilityRule"}


@dataclass
class Shelf:
    """Offers by number: `now` as a read shows them, and `listed` as a listing does, by default the same."""

    now: Mapping[int, Any]
    listed: Mapping[int, Any] = field(default_factory=dict)
    fallbacks: Mapping[str, Any] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)

    def __call__(self, request: Request) -> Response:
        path = urlsplit(request.url).path
        if not path.endswith("/offers"):
            self.reads.append(path)
            number = path.rpartition(":")[2]
            fallback = self.fallbacks.get(path.rpartition("/")[2])
            there = fallback or (self.now.get(int(number, 16)) if number.isalnum() else None)
            shown = None if there is None else entity("dps", there, number=int(number, 16))
            if shown is not None and fallback is not None:
                shown["id"] = path.rpartition("/")[2]
            return answer(404, {"title": "gone"}) if shown is None else answer(200, shown)
        if "offer-type=fallback" in request.url:
            there = [{**entity("dps", each), "id": identifier} for identifier, each in self.fallbacks.items()]
            return answer(200, page("dps", there))
        listed = self.listed or self.now
        return answer(200, page("dps", [entity("dps", each, number=number) for number, each in listed.items()]))


def found(
    shelf: Shelf,
    how: str = "any-tags",
    ids: Sequence[str] = (SPRING,),
    wanted: Mapping[int, set[str]] | None = None,
    left: tuple[datetime, datetime | None] = (APRIL, MAY),
) -> dict[str, str]:
    collection = Entity(COLLECTION, "c", "c", 1, {"name": "Vouchers", "filterType": how, "ids": list(ids)})
    supply = Supply(collection, left, {0: {WEB}} if wanted is None else dict(wanted))
    findings = Findings()
    script = Script(*[shelf] * 200)
    script.go(look_at_collections(script.access("dps"), findings, [supply]))
    return findings.told


@pytest.mark.parametrize(
    ("offers", "reasons"),
    [
        ({1: offer()}, set()),
        ({}, {"empty_collection"}),
        ({1: offer(tags=[VIP])}, {"empty_collection"}),
        ({1: offer(status="draft")}, {"offers_not_approved"}),
        ({1: offer(status="draft"), 2: offer(status="archived")}, {"offers_not_approved"}),
        ({1: offer(status="draft"), 2: offer()}, set()),
        ({1: offer(EMAIL)}, {"no_offer_to_show"}),
        ({1: offer(None)}, {"no_offer_to_show"}),
        ({1: offer(EMAIL), 2: offer()}, set()),
        # The windows of the offer and of the decision must overlap.
        ({1: offer(end="2026-04-01")}, {"no_offer_to_show"}),
        ({1: offer(end="2026-04-02")}, set()),
        ({1: offer(start="2026-05-01")}, {"no_offer_to_show"}),
        ({1: offer(start="2026-04-30")}, set()),
        # A rule that is required and not named is met by nobody.
        ({1: offer(constraint=BY_RULE)}, {"rule_not_named", "no_offer_to_show"}),
        ({1: offer(constraint=BY_RULE), 2: offer()}, set()),
        ({1: offer(constraint={**BY_RULE, "eligibilityRule": "dps:eligibility-rule:1"})}, set()),
    ],
)
def test_a_collection_by_qualifiers_needs_one_offer_that_can_be_shown(offers: Any, reasons: set[str]) -> None:
    assert found(Shelf(offers)).keys() == reasons


@pytest.mark.parametrize(
    ("ids", "how", "reasons"),
    [
        ([SPRING, VIP], "any-tags", set()),
        ([SPRING, VIP], "all-tags", {"empty_collection"}),
        ([SPRING], "all-tags", set()),
        ([], "any-tags", {"empty_collection"}),
        ([], "all-tags", {"empty_collection"}),
    ],
)
def test_all_of_the_qualifiers_or_one_of_them(ids: list[str], how: str, reasons: set[str]) -> None:
    assert found(Shelf({1: offer()}), how, ids).keys() == reasons


def test_a_decision_without_an_end_is_left_for_ever() -> None:
    shelf = Shelf({1: offer(start="2098-01-01", end="2099-01-01")})
    assert found(shelf, left=(APRIL, None)) == {}
    assert found(shelf, left=(datetime.fromisoformat("2099-01-01T00:00:00Z"), None)).keys() == {"no_offer_to_show"}


@pytest.mark.parametrize(
    ("wanted", "reasons"),
    [({0: {WEB}, 1: {EMAIL}}, {"no_offer_to_show"}), ({0: {WEB, EMAIL}}, set()), ({}, set())],
)
def test_each_criterion_needs_an_offer_for_one_of_its_placements(
    wanted: dict[int, set[str]], reasons: set[str]
) -> None:
    told = found(Shelf({1: offer()}), wanted=wanted)
    assert told.keys() == reasons
    assert all("/criteria/1" in said for said in told.values())
    assert found(Shelf({1: offer(), 2: offer(EMAIL)}), wanted=wanted) == {}


@pytest.mark.parametrize(
    ("listed", "now", "reasons"),
    [
        pytest.param(offer(), offer(status="draft"), {"offers_not_approved"}, id="taken back since"),
        pytest.param(offer(status="draft"), offer(), set(), id="published since"),
        pytest.param(offer(), None, {"empty_collection"}, id="deleted since"),
        pytest.param(offer(), offer(tags=[]), {"empty_collection"}, id="lost its tag since"),
        pytest.param(offer(EMAIL), offer(), set(), id="got its representation since"),
        pytest.param(offer(), offer(end="2026-03-02"), {"no_offer_to_show"}, id="its window was changed since"),
    ],
)
def test_a_listing_may_lag_so_what_matters_is_read(listed: Any, now: Any, reasons: set[str]) -> None:
    shelf = Shelf({} if now is None else {1: now}, {1: listed})
    assert found(shelf).keys() == reasons
    assert len(shelf.reads) == 1


def test_one_offer_that_can_be_shown_ends_the_reading() -> None:
    shelf = Shelf({number: offer() for number in range(1, 20)})
    assert found(shelf) == {}
    assert len(shelf.reads) == 1


def test_at_most_thirty_two_offers_are_read_and_the_finding_says_so() -> None:
    shelf = Shelf({number: offer(status="draft") for number in range(1, 41)})
    (said,) = found(shelf).values()
    assert len(shelf.reads) == 32
    assert "32 offers were read by their ids and 8 were not" in said
    # The best of them by the listing is read first.
    shelf = Shelf({**{number: offer(status="draft") for number in range(1, 41)}, 41: offer()})
    assert found(shelf) == {}
    assert len(shelf.reads) == 1


@pytest.mark.parametrize(
    ("offers", "reasons"),
    [
        ({1: offer()}, {"missing_offer"}),
        ({1: offer(), 2: offer()}, set()),
        ({1: offer(), 2: offer(status="draft")}, {"offers_not_approved"}),
        # An archived offer is finished, and does no harm next to one that can be shown.
        ({1: offer(), 2: offer(status="archived")}, set()),
        ({1: offer(EMAIL), 2: offer(status="archived")}, {"offers_not_approved", "no_offer_to_show"}),
        ({1: offer(status="archived"), 2: offer(status="archived")}, {"offers_not_approved"}),
        ({1: offer(EMAIL), 2: offer(end="2026-03-02")}, {"no_offer_to_show"}),
        ({}, {"missing_offer"}),
    ],
)
def test_each_offer_that_a_collection_lists_must_exist_and_be_approved(offers: Any, reasons: set[str]) -> None:
    # Qualifiers do not count.
    offers = {number: {**each, "tags": []} for number, each in offers.items()}
    assert found(Shelf(offers), "offers", [offer_id(1), offer_id(2)]).keys() == reasons


def test_a_listed_offer_is_read_whatever_the_listing_shows() -> None:
    ids = [offer_id(1), offer_id(2)]
    both = {1: offer(), 2: offer()}
    assert found(Shelf(both, {1: offer(), 2: offer(status="draft")}), "offers", ids) == {}
    assert found(Shelf({1: offer(), 2: offer(status="draft")}, both), "offers", ids).keys() == {"offers_not_approved"}
    assert found(Shelf({1: offer()}, both), "offers", ids).keys() == {"missing_offer"}
    assert found(Shelf(both), "offers", []).keys() == {"empty_collection"}


def test_missing_offers_are_named() -> None:
    ids = [offer_id(number) for number in range(1, 9)] + ["not/an id"]
    told = found(Shelf({1: offer()}), "offers", ids)
    assert told["missing_offer"].count("dps:personalized-offer:") == 5
    assert "and 3 more" in told["missing_offer"]


def test_a_fallback_offer_may_be_listed_and_serves_no_criterion() -> None:
    last = offer_id(7, "fallback-offer")
    shelf = Shelf({1: offer()}, fallbacks={last: {**offer(), "selectionConstraint": None}})
    assert found(shelf, "offers", [offer_id(1), last]) == {}
    assert found(shelf, "offers", [last]).keys() == {"no_offer_to_show"}
    assert found(shelf, "offers", [last, offer_id(8, "fallback-offer")]).keys() == {"missing_offer", "no_offer_to_show"}


def test_of_many_listed_offers_those_are_read_that_the_listing_does_not_show_as_approved() -> None:
    ids = [offer_id(number) for number in range(1, 41)]
    approved = {number: offer() for number in range(1, 41)}
    shelf = Shelf(approved, {**approved, 40: offer(status="draft")})
    assert found(shelf, "offers", ids) == {}
    assert len(shelf.reads) == 32
    assert shelf.reads[0].endswith(offer_id(40))
