"""The plan of a campaign on real answers: each case of the three sides, on both generations."""

from __future__ import annotations

import pytest

from airflow_provider_offers.campaigns.errors import CampaignError, StateError, TooManyRetiredError
from airflow_provider_offers.campaigns.plans import ABSENT, Change
from airflow_provider_offers.campaigns.state.states import State
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.emulator import Emulator
from tests.campaigns.making import PQL, campaign, counted, offer, plan, planned, put, put_wanted, state, wanted

TEN = offer("Ten percent")
PRIORITY = "/rank/priority"


def test_an_object_that_the_library_lacks_is_created(library: OfferLibrary) -> None:
    found = plan(library, campaign(TEN))

    assert counted(found) == {"create": 1}
    assert planned(found, "Ten percent").properties == TEN.properties
    assert planned(found, "Ten percent").id is None
    assert found.has_changes
    assert (found.organization, found.sandbox, found.api) == (Emulator.ORG_ID, "prod", library.settings.api)


def test_an_object_as_it_was_applied_is_only_counted(library: OfferLibrary, emulator: Emulator) -> None:
    put_wanted(emulator, TEN)

    found = plan(library, campaign(TEN), state(TEN))

    assert counted(found) == {"unchanged": 1}
    assert found.objects == ()
    assert not found.has_changes


def test_a_leaf_that_only_the_manifest_changed_is_a_change(library: OfferLibrary, emulator: Emulator) -> None:
    identifier = put_wanted(emulator, TEN)

    found = planned(plan(library, campaign(offer("Ten percent", rank={"priority": 7})), state(TEN)), "Ten percent")

    assert (found.action, found.id, found.etag) == ("update", identifier, 1)
    assert found.changes == (Change(PRIORITY, live=1, wanted=7, base=1),)
    assert found.conflicts == ()
    assert found.edited_by
    assert found.edited_at


@pytest.mark.parametrize("ours", [1, 7])
def test_a_leaf_that_somebody_else_changed_is_a_conflict(library: OfferLibrary, emulator: Emulator, ours: int) -> None:
    put_wanted(emulator, TEN, rank={"priority": 5})
    made = campaign(offer("Ten percent", rank={"priority": ours}))

    found = plan(library, made, state(TEN))
    forced = plan(library, made, state(TEN), force_conflicts=True)

    edited = Change(PRIORITY, live=5, wanted=ours, base=1)
    assert planned(found, "Ten percent").conflicts == (edited,)
    assert planned(found, "Ten percent").changes == ()
    assert "somebody else" in planned(found, "Ten percent").reason
    assert not found.has_changes
    assert planned(forced, "Ten percent").action == "update"
    assert planned(forced, "Ten percent").changes == (edited,)


def test_an_edit_that_the_manifest_has_too_only_changes_the_state(library: OfferLibrary, emulator: Emulator) -> None:
    put_wanted(emulator, TEN, rank={"priority": 7})
    seven = offer("Ten percent", rank={"priority": 7})

    found = plan(library, campaign(seven), state(TEN))

    assert counted(found) == {"unchanged": 1}
    assert planned(found, "Ten percent").properties == seven.properties
    assert not found.has_changes


def test_a_leaf_that_is_gone_from_the_manifest_is_removed(library: OfferLibrary, emulator: Emulator) -> None:
    before = offer("Ten percent", description="Old", cappingConstraint={"profileCap": 3})
    put_wanted(emulator, before)

    found = planned(plan(library, campaign(TEN), state(before)), "Ten percent")

    assert found.changes == (
        Change("/description", live="Old", wanted=ABSENT, base="Old"),
        Change("/cappingConstraint", live={"profileCap": 3}, wanted=ABSENT, base={"profileCap": 3}),
    )


def test_a_leaf_that_is_gone_from_the_manifest_and_was_edited_is_a_conflict(
    library: OfferLibrary, emulator: Emulator
) -> None:
    before = offer("Ten percent", description="Old")
    put_wanted(emulator, before, description="New")

    found = planned(plan(library, campaign(TEN), state(before)), "Ten percent")

    assert found.conflicts == (Change("/description", live="New", wanted=ABSENT, base="Old"),)


def test_a_leaf_that_is_gone_everywhere_is_nothing(library: OfferLibrary, emulator: Emulator) -> None:
    put_wanted(emulator, TEN)

    found = plan(library, campaign(TEN), state(offer("Ten percent", description="Old")))

    assert counted(found) == {"unchanged": 1}


def test_a_leaf_that_the_manifest_never_named_is_left_alone(library: OfferLibrary, emulator: Emulator) -> None:
    put_wanted(
        emulator, TEN, description="A marketer's", characteristics={"sku": "1"}, cappingConstraint={"globalCap": 1}
    )

    assert plan(library, campaign(TEN), state(TEN)).objects == ()


def test_an_object_that_was_never_applied_and_is_as_wanted_is_learned(
    library: OfferLibrary, emulator: Emulator
) -> None:
    put_wanted(emulator, TEN)

    found = plan(library, campaign(TEN))

    assert counted(found) == {"unchanged": 1}
    assert planned(found, "Ten percent").properties == TEN.properties


def test_an_object_that_was_never_applied_and_differs_is_a_conflict(library: OfferLibrary, emulator: Emulator) -> None:
    put_wanted(emulator, TEN, rank={"priority": 5})

    found = plan(library, campaign(TEN))
    adopted = plan(library, campaign(TEN), adopt=True)
    forced = plan(library, campaign(TEN), force_conflicts=True)

    differs = Change(PRIORITY, live=5, wanted=1)
    assert planned(found, "Ten percent").conflicts == (differs,)
    assert "never applied" in planned(found, "Ten percent").reason
    assert planned(adopted, "Ten percent").changes == planned(forced, "Ten percent").changes == (differs,)


def test_references_compare_by_the_objects_that_they_name(library: OfferLibrary, emulator: Emulator) -> None:
    tag, placement = put(emulator, "tag", "Spring"), put(emulator, "placement", "Hero")
    shown = [{"placement": placement, "components": [{"type": "html", "format": "text/html", "content": "<p/>"}]}]
    put_wanted(emulator, TEN, tags=[tag], representations=shown)
    by_name = [{**shown[0], "placement": "name:Hero"}]
    named = offer("Ten percent", tags=["name:Spring"], representations=by_name)
    by_id = offer("Ten percent", tags=[tag], representations=shown)
    changed = offer("Ten percent", tags=["name:Spring", "name:Summer"], representations=by_name)

    assert plan(library, campaign(named, wanted("tag", "Spring")), state(named, wanted("tag", "Spring"))).objects == ()
    assert planned(plan(library, campaign(by_id)), "Ten percent").properties == named.properties
    found = plan(library, campaign(wanted("tag", "Summer"), changed), state(named))
    assert planned(found, "Ten percent").changes == (
        Change("/tags", live=["name:Spring"], wanted=["name:Spring", "name:Summer"], base=["name:Spring"]),
    )
    assert found.ids == {("tag", "Spring"): tag, ("placement", "Hero"): placement}
    assert [each.key for each in found.objects] == [("tag", "Summer"), ("personalized", "Ten percent")]


def test_instants_compare_as_instants(library: OfferLibrary, emulator: Emulator) -> None:
    put_wanted(emulator, TEN)
    paris = {"startDate": "2026-01-01T01:00:00+01:00", "endDate": "2099-01-01T00:00:00.000Z"}

    assert counted(plan(library, campaign(offer("Ten percent", selectionConstraint=paris)), state(TEN))) == {
        "unchanged": 1
    }


def test_objects_are_in_the_order_in_which_they_refer_to_each_other(library: OfferLibrary) -> None:
    made = campaign(
        wanted("collection", "Set", filterType="any-tags", ids=["name:Spring"]),
        offer("Ten percent", tags=["name:Spring"]),
        wanted("rule", "Gold", condition=PQL),
        wanted("tag", "Spring"),
    )

    assert [each.key[0] for each in plan(library, made).objects] == ["tag", "rule", "personalized", "collection"]


def test_a_campaign_for_another_sandbox_or_with_another_state_is_refused(library: OfferLibrary) -> None:
    with pytest.raises(CampaignError, match="given 'prod'; expected 'dev'"):
        plan(library, campaign(TEN, sandbox="dev"))
    with pytest.raises(StateError, match="given 'other'"):
        plan(library, campaign(TEN), State("other", Emulator.ORG_ID, "prod"))


def test_every_missing_reference_is_told_at_once(library: OfferLibrary) -> None:
    made = campaign(offer("Ten percent", tags=["name:Nowhere"]), external=[("placement", "Nothing")])

    with pytest.raises(CampaignError) as caught:
        plan(library, made)

    assert "/tags/0 of the personalized offer 'Ten percent' names 'Nowhere'" in str(caught.value)
    assert "no placement 'Nothing'" in str(caught.value)


def test_an_external_object_is_looked_up_and_never_changed(library: OfferLibrary, emulator: Emulator) -> None:
    hero = put(emulator, "placement", "Hero")
    shown = [{"placement": "name:Hero", "components": [{"type": "html", "format": "text/html", "content": "<p/>"}]}]
    made = campaign(offer("Ten percent", representations=shown), external=[("placement", "Hero")])

    found = plan(library, made)

    assert counted(found) == {"create": 1}
    assert found.ids == {("placement", "Hero"): hero}
    put(emulator, "placement", "Hero")
    with pytest.raises(CampaignError, match="2 placements are called 'Hero'"):
        plan(library, made)


def test_an_external_object_that_is_archived_is_missing(library: OfferLibrary, emulator: Emulator) -> None:
    put_wanted(emulator, TEN, status="archived")

    with pytest.raises(CampaignError, match="no personalized offer 'Ten percent' that is not archived"):
        plan(library, campaign(external=[TEN.key]))


def test_too_many_retirements_are_refused(library: OfferLibrary, emulator: Emulator) -> None:
    objects = [offer(f"Offer {number}") for number in range(3)]
    for each in objects:
        put_wanted(emulator, each)

    with pytest.raises(TooManyRetiredError, match=r"would retire 3 of 3 objects: .* at most 1"):
        plan(library, campaign(), state(*objects), prune="archive")

    assert counted(plan(library, campaign(), state(*objects), prune="archive", max_prune=3)) == {"retire": 3}
