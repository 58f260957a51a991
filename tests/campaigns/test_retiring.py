"""What is gone from the manifest is left alone, archived or deleted: in reverse order, and never against an edit."""

from __future__ import annotations

from airflow_provider_offers.campaigns.plans import Change
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.emulator import Emulator
from tests.campaigns.making import WINDOW, campaign, counted, offer, plan, planned, put, put_wanted, state, wanted

TEN = offer("Ten")
KEPT = offer("Kept", lifecycle={"prevent_destroy": True})
TAG = wanted("tag", "Spring")
MANY = {"max_prune": 9}


def test_nothing_is_retired_without_prune(library: OfferLibrary, emulator: Emulator) -> None:
    put_wanted(emulator, TEN)

    found = plan(library, campaign(), state(TEN))

    assert counted(found) == {}
    assert not found.has_changes
    assert "without prune" in found.left_alone[TEN.key]


def test_what_is_gone_is_archived_or_deleted(library: OfferLibrary, emulator: Emulator) -> None:
    put_wanted(emulator, TAG)
    identifier = put_wanted(emulator, TEN)

    archived = plan(library, campaign(), state(TAG, TEN), prune="archive", **MANY)
    deleted = plan(library, campaign(), state(TAG, TEN), prune="delete", **MANY)

    ten = planned(archived, "Ten")
    assert (ten.action, ten.retire, ten.id, ten.etag) == ("retire", "archive", identifier, 1)
    assert archived.left_alone == {TAG.key: "a collection qualifier has no status, so it cannot be archived"}
    # What refers to others is deleted first.
    assert [each.key for each in deleted.objects] == [TEN.key, TAG.key]
    assert counted(deleted) == {"retire": 2}


def test_a_live_decision_is_deactivated_first_and_the_plan_says_so(library: OfferLibrary, emulator: Emulator) -> None:
    placement, tag = put(emulator, "placement", "Hero"), put(emulator, "tag", "Spring")
    shown = [{"placement": placement, "components": [{"type": "html", "format": "text/html", "content": "<p/>"}]}]
    fallback = put(emulator, "fallback", "Welcome", status="approved", representations=shown)
    collection = put(emulator, "collection", "Set", filterType="any-tags", ids=[tag])
    criteria = [{"placements": [placement], "optionSelection": {"filter": collection}}]
    hero = wanted("decision", "Hero", status="live", **WINDOW, fallback=fallback, criteria=criteria)
    put_wanted(emulator, hero)

    found = plan(library, campaign(), state(hero), prune="archive")

    assert planned(found, "Hero").action == "retire"
    assert "customers can see it" in planned(found, "Hero").reason


def test_an_object_with_prevent_destroy_stays(library: OfferLibrary, emulator: Emulator) -> None:
    put_wanted(emulator, KEPT)

    found = plan(library, campaign(), state(KEPT), prune="delete")

    assert not found.has_changes
    assert "prevent_destroy" in found.left_alone[KEPT.key]


def test_prevent_destroy_reaches_the_state_without_another_change(library: OfferLibrary, emulator: Emulator) -> None:
    put_wanted(emulator, KEPT)

    found = planned(plan(library, campaign(KEPT), state(offer("Kept"))), "Kept")

    assert (found.action, found.prevent_destroy) == ("unchanged", True)


def test_an_object_that_somebody_else_edited_is_a_conflict(library: OfferLibrary, emulator: Emulator) -> None:
    put_wanted(emulator, TEN, rank={"priority": 5})

    found = plan(library, campaign(), state(TEN), prune="delete")
    forced = plan(library, campaign(), state(TEN), prune="delete", force_conflicts=True)

    assert planned(found, "Ten").conflicts == (Change("/rank/priority", live=5, wanted=1, base=1),)
    assert "gone from the manifest" in planned(found, "Ten").reason
    assert planned(forced, "Ten").action == "retire"


def test_the_state_forgets_what_is_gone_everywhere(library: OfferLibrary, emulator: Emulator) -> None:
    put_wanted(emulator, offer("Archived"), status="archived")

    found = plan(library, campaign(), state(TEN, offer("Archived")), prune="archive")

    assert set(found.forgotten) == {TEN.key, ("personalized", "Archived")}
    assert not found.has_changes


def test_a_name_that_two_objects_have_is_left_alone(library: OfferLibrary, emulator: Emulator) -> None:
    ids = [put_wanted(emulator, TEN) for _ in range(2)]

    reason = plan(library, campaign(), state(TEN), prune="delete").left_alone[TEN.key]

    assert all(each in reason for each in ids)


def test_an_object_that_moved_is_not_retired(library: OfferLibrary, emulator: Emulator) -> None:
    put_wanted(emulator, TEN)
    moved = campaign(offer("Eleven"), moved=[("personalized", "Ten", "Eleven")])

    assert counted(plan(library, moved, state(TEN), prune="delete")) == {"rename": 1}


def test_an_object_of_another_campaign_is_never_retired(library: OfferLibrary, emulator: Emulator) -> None:
    put(emulator, "tag", "Theirs")
    put_wanted(emulator, TAG)

    found = plan(library, campaign(), state(TAG), prune="delete")

    assert [each.key for each in found.objects] == [TAG.key]
