"""Offers that a live decision can reach are held as drafts until all content is there; all others are not."""

from __future__ import annotations

import pytest

from airflow_provider_offers.campaigns.objects import WantedObject
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.kinds import FALLBACK
from airflow_provider_offers.emulator import Emulator
from tests.campaigns.making import WINDOW, campaign, offer, plan, planned, put, put_wanted, state, wanted


def decide(emulator: Emulator, status: str, collected: list[str], how: str) -> str:
    """Put a decision with one collection and an approved fallback into the library; return the fallback's id."""
    collection = put(emulator, "collection", "Set", filterType=how, ids=collected)
    placement = put(emulator, "placement", "Hero")
    shown = [{"placement": placement, "components": [{"type": "html", "format": "text/html", "content": "<p/>"}]}]
    fallback = put(emulator, "fallback", "Welcome", status="approved", representations=shown)
    criteria = [{"placements": [placement], "optionSelection": {"filter": collection}}]
    put(emulator, "decision", "Hero", status=status, **WINDOW, fallback=fallback, criteria=criteria)
    return fallback


def is_held(library: OfferLibrary, made: WantedObject, *before: WantedObject) -> bool:
    """Whether the plan holds the only offer of a campaign as a draft."""
    tags = [wanted("tag", "Spring"), wanted("tag", "Summer"), wanted("tag", "Winter")]
    return planned(plan(library, campaign(*tags, made), state(*before)), made.name).held_as_draft


@pytest.mark.parametrize("status", ["live", "draft"])
@pytest.mark.parametrize("how", ["any-tags", "all-tags"])
def test_a_new_offer_is_held_if_a_live_decision_selects_its_tags(
    library: OfferLibrary, emulator: Emulator, how: str, status: str
) -> None:
    spring, summer = put(emulator, "tag", "Spring"), put(emulator, "tag", "Summer")
    put(emulator, "tag", "Winter")
    decide(emulator, status, [spring, summer], how)
    reached = offer("Ten", status="approved", tags=["name:Spring", "name:Summer"])

    assert is_held(library, reached) == (status == "live")
    assert is_held(library, offer("Ten", status="approved", tags=["name:Spring"])) == (
        status == "live" and how == "any-tags"
    )
    assert not is_held(library, offer("Ten", status="approved", tags=["name:Winter"]))
    assert not is_held(library, offer("Ten", status="approved"))
    assert not is_held(library, offer("Ten", tags=["name:Spring", "name:Summer"]))


def test_an_offer_that_is_approved_again_is_held_if_a_live_decision_lists_it(
    library: OfferLibrary, emulator: Emulator
) -> None:
    before = offer("Ten")
    listed = put_wanted(emulator, before)
    decide(emulator, "live", [listed], "offers")

    assert is_held(library, offer("Ten", status="approved"), before)
    assert not is_held(library, offer("Ten", rank={"priority": 7}), before)


def test_a_tag_that_gets_a_new_name_still_reaches_its_offers(library: OfferLibrary, emulator: Emulator) -> None:
    decide(emulator, "live", [put(emulator, "tag", "Sping")], "any-tags")
    made = [wanted("tag", "Spring"), offer("Ten", status="approved", tags=["name:Spring"])]

    found = plan(library, campaign(*made, moved=[("tag", "Sping", "Spring")]), state(wanted("tag", "Sping")))

    assert planned(found, "Ten").held_as_draft


def test_a_change_of_an_approved_offer_is_one_write(library: OfferLibrary, emulator: Emulator) -> None:
    before = offer("Ten", status="approved")
    decide(emulator, "live", [put_wanted(emulator, before)], "offers")

    assert not is_held(library, offer("Ten", status="approved", rank={"priority": 7}), before)


def test_the_fallback_of_a_live_decision_is_held(library: OfferLibrary, emulator: Emulator) -> None:
    identifier = decide(emulator, "live", [put_wanted(emulator, offer("Other"))], "offers")
    library.patch(FALLBACK, identifier, [{"op": "replace", "path": "/status", "value": "draft"}])

    assert is_held(
        library, wanted("fallback", "Welcome", status="approved"), wanted("fallback", "Welcome", status="draft")
    )


def test_collections_and_decisions_are_only_read_if_an_offer_is_approved(
    library: OfferLibrary, emulator: Emulator
) -> None:
    decide(emulator, "live", [put(emulator, "tag", "Spring")], "any-tags")
    library.service_time()
    emulator.clear_journal()

    plan(library, campaign(offer("Ten")), state())
    before = len(emulator.journal())
    plan(library, campaign(offer("Ten", status="approved")), state())

    assert (before, len(emulator.journal()) - before) == (1, 3)


def test_a_change_of_a_live_decision_is_a_warning(library: OfferLibrary, emulator: Emulator) -> None:
    decide(emulator, "live", [put(emulator, "tag", "Spring")], "any-tags")
    before = wanted("decision", "Hero", endDate=WINDOW["endDate"])
    assert plan(library, campaign(before), state(before)).warnings == ()

    after = wanted("decision", "Hero", endDate="2098-01-01T00:00:00Z")
    (warning,) = plan(library, campaign(after), state(before)).warnings

    assert warning.startswith("These decisions are live, so customers see the changes at once.")
    assert warning.endswith("the decision 'Hero'")
