"""Doubtful objects are sent with a warning for each finding; a finding can be waived, or be an error."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from airflow_provider_offers.client.errors import InvalidInputError, NotFoundError, NotPublishableError
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.kinds import DECISION, FALLBACK, PERSONALIZED, TAG, Kind
from airflow_provider_offers.emulator import Emulator
from tests.client.campaign import OPEN, campaign, decision, offer, seed, shown

OVER = {"startDate": "2020-01-01T00:00:00Z", "endDate": "2020-02-01T00:00:00Z"}
SET_LIVE = [{"op": "replace", "path": "/status", "value": "live"}]
APPROVE = [{"op": "replace", "path": "/status", "value": "approved"}]


@pytest.fixture(autouse=True)
def lenient(emulator: Emulator) -> None:
    """A service that accepts references to objects that the library lacks."""
    emulator.configure(missing_references="allow", live_decision="any")


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Any:
    """The warnings so far, by the name that silences each."""
    caplog.set_level(logging.WARNING)

    def told() -> dict[str, str]:
        texts = [record.getMessage() for record in caplog.records]
        return {text.split("waive=['")[1].split("']")[0]: text for text in texts if "waive=['" in text}

    return told


def test_a_decision_created_live_is_sent_with_one_warning_for_each_finding(
    library: OfferLibrary, emulator: Emulator, warnings: Any
) -> None:
    emulator.clock.freeze("2026-03-20T00:00:00Z")
    live = {
        "name": "From a page",
        "status": "live",
        **OVER,
        "fallback": "fallbackOffer1234",
        "criteria": [{"placements": ["offerPlacement9"], "optionSelection": {"filter": "offerCollection1234"}}],
    }
    assert library.create(DECISION, live).action == "created"
    told = warnings()
    assert set(told) == {"window_over", "missing_placement", "missing_collection", "missing_fallback"}
    over = told["window_over"]
    assert "The decision 'From a page' goes live although the window ended at 2020-02-01T00:00:00" in over
    assert "it is 2026-03-20T00:00:00" in over
    assert "fallbackOffer1234" in told["missing_fallback"]
    (there,) = emulator.objects("offer-activity")
    assert there["body"]["status"] == "live"


def test_what_is_waived_is_silent_and_strict_refuses_the_rest(
    library: OfferLibrary, emulator: Emulator, warnings: Any
) -> None:
    ids = campaign(emulator)
    live = decision(ids, status="live", **OVER)
    with pytest.raises(NotPublishableError, match="window_over") as caught:
        library.create(DECISION, live, validate="strict")
    assert set(caught.value.findings) == {"window_over"}
    assert emulator.objects("offer-activity") == []
    waived = library.create(DECISION, live, validate="strict", waive="window_over")
    assert waived.action == "created"
    assert warnings() == {}


def test_what_has_no_status_is_not_looked_at(library: OfferLibrary, warnings: Any) -> None:
    assert library.create(TAG, {"name": "Spring"}, validate="strict").action == "created"
    assert warnings() == {}


@pytest.mark.parametrize("kind", [PERSONALIZED, FALLBACK], ids=["personalized", "fallback"])
def test_an_offer_created_as_approved_is_looked_at_without_another_request(
    library: OfferLibrary, emulator: Emulator, warnings: Any, kind: Kind
) -> None:
    ids = campaign(emulator)
    body: dict[str, Any] = {"name": "Late", "status": "approved", "representations": shown(ids["placement"])}
    body |= {"selectionConstraint": OVER, "rank": {"priority": 1}} if kind is PERSONALIZED else {}
    assert library.create(kind, body).action == "created"
    assert set(warnings()) == ({"window_over"} if kind is PERSONALIZED else set())
    emulator.clear_journal()
    draft = {**body, "name": "Draft", "status": "draft"}
    library.create(kind, draft)
    requests = len(emulator.journal(path="/data/core/*"))
    emulator.clear_journal()
    fine = {**body, "name": "Fine", **({"selectionConstraint": OPEN} if kind is PERSONALIZED else {})}
    library.create(kind, fine)
    assert len(emulator.journal(path="/data/core/*")) == requests


def test_strict_looks_at_what_an_approved_offer_refers_to(library: OfferLibrary, emulator: Emulator) -> None:
    lost = offer("Lost", "dps:offer-placement:1c2651d4d641ffff", selectionConstraint=OVER)
    with pytest.raises(NotPublishableError) as caught:
        library.create(PERSONALIZED, lost, validate="strict")
    assert set(caught.value.findings) == {"window_over", "missing_placement"}
    assert emulator.journal(method="POST", path="/data/core/*") == []


@pytest.mark.parametrize("if_exists", ["adopt", "skip"])
def test_what_is_not_sent_is_not_warned_of(
    library: OfferLibrary, emulator: Emulator, warnings: Any, if_exists: str
) -> None:
    ids = campaign(emulator)
    late = offer("Voucher", ids["placement"], selectionConstraint=OVER, status="approved")
    library.create(PERSONALIZED, late, if_exists=if_exists)
    assert warnings() == {}
    library.create(PERSONALIZED, late, if_exists="update")
    assert set(warnings()) == {"window_over"}


def test_a_patch_that_makes_a_decision_live_is_looked_at(
    library: OfferLibrary, emulator: Emulator, warnings: Any
) -> None:
    ids = campaign(emulator)
    there = seed(emulator, "offer-activity", **decision(ids, **OVER))
    with pytest.raises(NotPublishableError, match="window_over"):
        library.patch(DECISION, there, SET_LIVE, validate="strict")
    assert emulator.objects("offer-activity")[0]["body"]["status"] == "draft"
    library.patch(DECISION, there, SET_LIVE)
    assert set(warnings()) == {"window_over"}
    assert emulator.objects("offer-activity")[0]["body"]["status"] == "live"


def test_a_patch_that_approves_an_offer_is_looked_at_as_it_will_be(
    library: OfferLibrary, emulator: Emulator, warnings: Any
) -> None:
    ids = campaign(emulator)
    there = seed(
        emulator, "personalized-offer", **offer("Late", ids["placement"], status="draft", selectionConstraint=OVER)
    )
    reopened = [{"op": "replace", "path": "/selectionConstraint", "value": OPEN}]
    library.patch(PERSONALIZED, there, [*APPROVE, *reopened])
    assert warnings() == {}
    library.patch(PERSONALIZED, there, [{"op": "replace", "path": "/status", "value": "draft"}])
    closed = [{"op": "replace", "path": "/selectionConstraint", "value": OVER}]
    library.patch(PERSONALIZED, there, [*closed, *APPROVE], waive=["window_over"])
    assert warnings() == {}
    library.patch(PERSONALIZED, there, [{"op": "replace", "path": "/status", "value": "draft"}])
    library.patch(PERSONALIZED, there, APPROVE)
    assert set(warnings()) == {"window_over"}


def test_without_checks_nothing_is_looked_at(library: OfferLibrary, emulator: Emulator, warnings: Any) -> None:
    ids = campaign(emulator)
    there = seed(emulator, "offer-activity", **decision(ids, **OVER))
    emulator.clear_journal()
    library.patch(DECISION, there, SET_LIVE, validate=False)
    assert warnings() == {}
    assert not emulator.journal(method="GET", path="/data/core/dps/offers*")


def test_the_doubts_about_a_window_are_told_at_creation_too(
    library: OfferLibrary, emulator: Emulator, warnings: Any
) -> None:
    ids = campaign(emulator)
    twice = {"start": "2026-10-25T02:30:00", "duration": "P3D", "timezone": "Europe/Berlin"}
    draft = offer("Autumn", ids["placement"], status="draft")
    with pytest.raises(InvalidInputError, match="ambiguous_time"):
        library.create(PERSONALIZED, draft, window=twice, validate="strict")
    library.create(PERSONALIZED, draft, window=twice, waive=["ambiguous_time"], validate="strict")
    assert library.create(PERSONALIZED, {**draft, "name": "Other"}, window=twice).action == "created"


@pytest.mark.parametrize(
    ("kind", "waive", "said"),
    [
        (DECISION, "window_is_over", "waive: given ['window_is_over']; expected some of no_window, window_over"),
        (PERSONALIZED, ["no_fallback"], "waive: given ['no_fallback']; expected some of window_over, no_window"),
        (PERSONALIZED, ["widnow_over", "x"], "ambiguous_time, mixed_duration; did you mean 'window_over'?"),
        (TAG, ["window_over"], "expected no reason, because a"),
        (PERSONALIZED, 7, "waive: given 7; expected the name of a reason, or a list of them"),
    ],
)
def test_a_reason_that_the_kind_does_not_know_is_refused(
    library: OfferLibrary, kind: Any, waive: Any, said: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        library.create(kind, {"name": "Any"}, waive=waive)
    assert said in str(caught.value)


def test_a_patch_that_approves_what_is_not_there_or_does_not_fit_is_refused_for_that(
    library: OfferLibrary, emulator: Emulator, warnings: Any
) -> None:
    with pytest.raises(NotFoundError):
        library.patch(PERSONALIZED, "dps:personalized-offer:00000000000000ff", APPROVE)
    ids = campaign(emulator)
    late = offer("Late", ids["placement"], status="draft", selectionConstraint=OVER)
    there = seed(emulator, "personalized-offer", **late)
    unfit = [{"op": "remove", "path": "/characteristics/nowhere"}]
    with pytest.raises(InvalidInputError, match="does not fit the offer"):
        library.patch(PERSONALIZED, there, [*APPROVE, *unfit])
    assert warnings() == {}
    assert emulator.objects("personalized-offer")[-1]["body"]["status"] == "draft"


def test_an_object_that_was_created_again_is_looked_at_and_patched(
    library: OfferLibrary, emulator: Emulator, warnings: Any
) -> None:
    """The name was looked up a moment ago, and meant the deleted object then."""
    spring = offer("Spring", "offerPlacement9", status="draft")
    first = library.create(PERSONALIZED, spring).receipt
    library.patch(PERSONALIZED, "name:Spring", [{"op": "add", "path": "/description", "value": "ours"}])
    with OfferLibrary(library.settings) as theirs:
        theirs.delete(PERSONALIZED, first.id)
        again = theirs.create(PERSONALIZED, {**spring, "selectionConstraint": OVER}).receipt
    assert library.patch(PERSONALIZED, "name:Spring", APPROVE).receipt.id == again.id
    assert set(warnings()) == {"window_over"}
