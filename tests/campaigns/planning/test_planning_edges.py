"""The edges of a plan: names, renames, spellings, hidden leaves, references and limits, on both generations."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_provider_offers.campaigns.objects import WantedObject
from airflow_provider_offers.campaigns.planning.comparing import compare
from airflow_provider_offers.campaigns.planning.documents import plan_as_json, plan_from_json
from airflow_provider_offers.campaigns.planning.drift import find_drift
from airflow_provider_offers.campaigns.planning.planner import plan_campaign
from airflow_provider_offers.campaigns.planning.snapshot import Names
from airflow_provider_offers.campaigns.plans import ABSENT, Change, Plan
from airflow_provider_offers.campaigns.state.states import Applied, State
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.kinds import TAG
from airflow_provider_offers.client.settings import parse_settings
from airflow_provider_offers.client.wire.messages import Flow, Request
from airflow_provider_offers.emulator import Emulator
from tests.campaigns.making import (
    PQL,
    WINDOW,
    campaign,
    counted,
    offer,
    plan,
    planned,
    put,
    put_wanted,
    state,
    wanted,
)

TEN = offer("Ten")
TEXT = [{"type": "component-text", "format": "text/plain", "content": "10%"}]


def test_a_renamed_object_keeps_its_identity(library: OfferLibrary, emulator: Emulator) -> None:
    tag = put(emulator, "tag", "Sping")
    put_wanted(emulator, TEN, tags=[tag])
    before = offer("Ten", tags=["name:Sping"])
    after = [wanted("tag", "Spring"), offer("Ten", tags=["name:Spring"])]

    found = plan(library, campaign(*after, moved=[("tag", "Sping", "Spring")]), state(wanted("tag", "Sping"), before))

    renamed = planned(found, "Spring")
    assert (renamed.action, renamed.id, renamed.old_name) == ("rename", tag, "Sping")
    assert renamed.changes == (Change("/name", live="Sping", wanted="Spring", base="Sping"),)
    # The offer still refers to the same tag; only the state learns its new name.
    assert planned(found, "Ten").action == "unchanged"
    assert planned(found, "Ten").properties == after[1].properties


def test_a_rename_writes_the_other_changes_too_and_shows_conflicts(library: OfferLibrary, emulator: Emulator) -> None:
    put_wanted(emulator, TEN, description="Theirs")
    moved = [("personalized", "Ten", "Eleven")]
    changed = campaign(offer("Eleven", rank={"priority": 7}), moved=moved)
    edited = campaign(offer("Eleven", description="Ours"), moved=moved)

    assert [each.pointer for each in planned(plan(library, changed, state(TEN)), "Eleven").changes] == [
        "/name",
        "/rank/priority",
    ]
    conflict = planned(plan(library, edited, state(TEN)), "Eleven")
    assert (conflict.action, conflict.old_name) == ("conflict", "Ten")
    assert conflict.conflicts == (Change("/description", live="Theirs", wanted="Ours"),)


def test_the_old_name_is_a_conflict_if_somebody_gave_it_again_after_the_rename(
    library: OfferLibrary, emulator: Emulator
) -> None:
    # Or it is another object, and the renamed one is gone.
    identifier = put_wanted(emulator, TEN)
    eleven = offer("Eleven", rank={"priority": 7})
    made = campaign(eleven, moved=[("personalized", "Ten", "Eleven")])

    conflict = planned(plan(library, made, state(offer("Eleven"))), "Eleven")

    assert (conflict.action, conflict.id, conflict.old_name) == ("conflict", identifier, "Ten")
    assert conflict.conflicts == (Change("/name", live="Ten", wanted="Eleven", base="Eleven"),)
    forced = planned(plan(library, made, state(offer("Eleven")), force_conflicts=True), "Eleven")
    assert (forced.action, {each.pointer for each in forced.changes}) == ("rename", {"/name", "/rank/priority"})


def test_a_listing_that_lags_behind_a_rename_is_no_conflict(library: OfferLibrary, emulator: Emulator) -> None:
    identifier = put_wanted(emulator, TEN)
    put(emulator, "collection", "Set", filterType="offers", ids=[identifier])
    emulator.clock.advance(120)
    emulator.configure(list_lag=60)
    # As an apply has just written it.
    library.patch(TEN.kind, identifier, [{"op": "replace", "path": "/name", "value": "Eleven"}])
    objects = [offer("Eleven"), wanted("collection", "Set", filterType="offers", ids=["name:Eleven"])]

    found = plan(library, campaign(*objects, moved=[("personalized", "Ten", "Eleven")]), state(*objects))

    assert counted(found) == {"unchanged": 2}


def test_a_rename_that_happened_before_the_state_was_saved_is_recognized(
    library: OfferLibrary, emulator: Emulator
) -> None:
    eleven = offer("Eleven")
    put_wanted(emulator, eleven)

    found = plan(library, campaign(eleven, moved=[("personalized", "Ten", "Eleven")]), state(TEN))

    assert planned(found, "Eleven").action == "unchanged"
    assert found.left_alone == {}


@pytest.mark.parametrize("before", [[TEN], [TEN, offer("Eleven")]], ids=["old", "both"])
def test_the_old_name_of_a_move_that_is_done_is_forgotten(
    library: OfferLibrary, emulator: Emulator, before: list[WantedObject]
) -> None:
    put_wanted(emulator, offer("Eleven"))
    made = campaign(offer("Eleven"), moved=[("personalized", "Ten", "Eleven")])

    found = plan(library, made, state(*before))

    assert found.forgotten == (("personalized", "Ten"),)
    assert not found.has_changes
    changed = campaign(offer("Eleven", rank={"priority": 9}), moved=[("personalized", "Ten", "Eleven")])
    # Until the change is applied, only the old name has a base.
    assert plan(library, changed, state(TEN)).forgotten == ()


@pytest.mark.parametrize("there", ["Ten", "Eleven"])
def test_an_object_that_moved_twice_is_found_under_any_old_name(
    library: OfferLibrary, emulator: Emulator, there: str
) -> None:
    put_wanted(emulator, offer(there))
    moved = [("personalized", "Ten", "Eleven"), ("personalized", "Eleven", "Twelve")]

    found = plan(library, campaign(offer("Twelve"), moved=moved), state(offer(there)))

    assert counted(found) == {"rename": 1}
    assert planned(found, "Twelve").old_name == there


def test_a_move_to_a_name_that_another_object_has_is_a_conflict(library: OfferLibrary, emulator: Emulator) -> None:
    put_wanted(emulator, TEN)
    put_wanted(emulator, offer("Eleven"))

    found = plan(library, campaign(offer("Eleven"), moved=[("personalized", "Ten", "Eleven")]), state(TEN))

    assert planned(found, "Eleven").action == "conflict"
    assert "the library has both" in planned(found, "Eleven").reason


def test_a_move_is_over_when_the_old_name_is_wanted_again(library: OfferLibrary, emulator: Emulator) -> None:
    objects = [TEN, offer("Eleven")]
    for each in objects:
        put_wanted(emulator, each)

    found = plan(library, campaign(*objects, moved=[("personalized", "Ten", "Eleven")]), state(*objects))

    assert counted(found) == {"unchanged": 2}


def test_two_objects_of_one_name_are_a_conflict_that_lists_both(library: OfferLibrary, emulator: Emulator) -> None:
    ids = [put_wanted(emulator, TEN) for _ in range(2)]

    found = planned(plan(library, campaign(TEN), state(TEN), force_conflicts=True), "Ten")

    assert found.action == "conflict"
    assert all(each in found.reason for each in ids)


def test_an_archived_object_does_not_count_beside_another(library: OfferLibrary, emulator: Emulator) -> None:
    put_wanted(emulator, TEN, status="archived")
    put_wanted(emulator, TEN)

    assert counted(plan(library, campaign(TEN), state(TEN))) == {"unchanged": 1}


def test_an_archived_object_alone_keeps_its_name(library: OfferLibrary, emulator: Emulator) -> None:
    put_wanted(emulator, TEN, status="archived")

    found = planned(plan(library, campaign(TEN), state(TEN), force_conflicts=True), "Ten")

    assert found.action == "conflict"
    assert "archiving is final" in found.reason


def test_an_object_that_is_wanted_archived_is_as_wanted(library: OfferLibrary, emulator: Emulator) -> None:
    archived = offer("Ten", status="archived")
    put_wanted(emulator, archived)

    assert counted(plan(library, campaign(archived), state(archived))) == {"unchanged": 1}
    changed = offer("Ten", status="archived", rank={"priority": 2})
    assert "cannot be edited" in planned(plan(library, campaign(changed), state(archived)), "Ten").reason


def test_nothing_is_created_only_to_be_archived_or_completed(library: OfferLibrary) -> None:
    archived, complete = offer("Ten", status="archived"), wanted("decision", "Hero", status="complete")

    found = plan(library, campaign(archived, complete))

    assert not found.has_changes
    assert "nothing to archive" in planned(found, "Ten").reason
    assert planned(found, "Hero").reason == "a new decision cannot be 'complete': create it as a draft first"
    assert counted(plan(library, campaign(archived), state(archived))) == {"unchanged": 1}


def test_archiving_is_a_change_like_others(library: OfferLibrary, emulator: Emulator) -> None:
    put_wanted(emulator, TEN)

    found = planned(plan(library, campaign(offer("Ten", status="archived")), state(TEN)), "Ten")

    assert found.changes == (Change("/status", live="draft", wanted="archived", base="draft"),)


def test_a_status_that_no_step_leads_to_is_a_conflict(library: OfferLibrary, emulator: Emulator) -> None:
    complete = wanted("decision", "Hero", status="complete")
    put_wanted(emulator, complete)

    found = planned(
        plan(library, campaign(wanted("decision", "Hero", status="live")), state(complete), force_conflicts=True),
        "Hero",
    )

    assert found.action == "conflict"
    assert found.reason == "no step leads from 'complete' to 'live'; its status allows archive (to archived)"


def test_a_personalized_offer_and_a_fallback_of_one_name_are_two_objects(
    library: OfferLibrary, emulator: Emulator
) -> None:
    fallback = wanted("fallback", "Ten", status="draft", representations=[])
    ids = [put_wanted(emulator, TEN), put_wanted(emulator, fallback)]
    listed = wanted("collection", "Set", filterType="offers", ids=ids)
    put_wanted(emulator, listed)

    found = plan(library, campaign(TEN, fallback, listed), state(TEN, fallback, listed))

    assert counted(found) == {"unchanged": 3}
    by_name = wanted("collection", "Set", filterType="offers", ids=["name:Ten"])
    assert "could mean several objects" in planned(plan(library, campaign(TEN, fallback, by_name)), "Set").reason
    new = [offer("Eleven"), wanted("fallback", "Eleven", status="draft", representations=[])]
    by_name = wanted("collection", "Other set", filterType="offers", ids=["name:Eleven"])
    reason = planned(plan(library, campaign(*new, by_name)), "Other set").reason
    assert reason.endswith("could mean several objects: the new personalized offer, the new fallback offer")


def test_ignored_leaves_are_neither_compared_nor_changed(library: OfferLibrary, emulator: Emulator) -> None:
    rules = {"ignore_changes": ("/rank/priority", "/characteristics")}
    before = offer("Ten", lifecycle=rules)
    put_wanted(emulator, before, rank={"priority": 5}, characteristics={"sku": "theirs"})
    after = offer("Ten", lifecycle=rules, rank={"priority": 9}, characteristics={"sku": "ours"})

    found = plan(library, campaign(after), state(before), force_conflicts=True)

    assert not found.has_changes
    assert planned(plan(library, campaign(offer("New", lifecycle=rules))), "New").properties == offer("New").properties


def test_the_state_learns_what_is_ignored_from_now_on(library: OfferLibrary, emulator: Emulator) -> None:
    put_wanted(emulator, TEN)
    after = offer("Ten", lifecycle={"ignore_changes": ("/rank",)})

    found = plan(library, campaign(after), state(TEN))

    (learned,) = found.objects
    assert (learned.action, learned.properties, learned.ignore_changes) == ("unchanged", TEN.properties, ("/rank",))
    assert plan_from_json(json.loads(json.dumps(plan_as_json(found)))) == found
    assert not plan(library, campaign(after), state(after)).objects


def test_an_ignored_member_is_left_out_of_an_object_that_is_added(library: OfferLibrary, emulator: Emulator) -> None:
    put_wanted(emulator, TEN)
    caps = {"globalCap": 5, "profileCap": 1}
    after = offer("Ten", lifecycle={"ignore_changes": ("/cappingConstraint/globalCap",)}, cappingConstraint=caps)

    found = planned(plan(library, campaign(after), state(TEN)), "Ten")

    assert found.changes == (Change("/cappingConstraint", live=ABSENT, wanted={"profileCap": 1}),)


def test_members_that_somebody_else_added_to_an_object_survive_its_removal(
    library: OfferLibrary, emulator: Emulator
) -> None:
    before = offer("Ten", cappingConstraint={"globalCap": 5})
    put_wanted(emulator, before, cappingConstraint={"globalCap": 5, "profileCap": 1})

    found = planned(plan(library, campaign(TEN), state(before)), "Ten")

    assert found.changes == (Change("/cappingConstraint/globalCap", live=5, wanted=ABSENT, base=5),)


def test_required_leaves_are_never_removed(library: OfferLibrary, emulator: Emulator) -> None:
    put_wanted(emulator, TEN)

    assert not plan(library, campaign(offer("Ten", rank=None)), state(TEN)).has_changes


@pytest.mark.parametrize(
    "written", ["text", "component-text", "https://ns.adobe.com/experience/offer-management/content-component-text"]
)
def test_the_spelling_of_a_component_type_is_no_difference(
    library: OfferLibrary, emulator: Emulator, written: str
) -> None:
    placement = put(emulator, "placement", "Hero")
    put_wanted(emulator, TEN, representations=[{"placement": placement, "components": [{**TEXT[0], "type": written}]}])

    for word in ("text", "component-text"):
        shown = [{"placement": "name:Hero", "components": [{**TEXT[0], "type": word}]}]
        assert counted(plan(library, campaign(offer("Ten", representations=shown)))) == {"unchanged": 1}


def test_what_a_fallback_does_not_keep_is_no_difference(library: OfferLibrary, emulator: Emulator) -> None:
    window, rank = WINDOW, {"priority": 1}
    full = wanted("fallback", "Welcome", status="draft", representations=[], selectionConstraint=window, rank=rank)
    put_wanted(emulator, wanted("fallback", "Welcome", status="draft", representations=[]))

    changed = wanted("fallback", "Welcome", status="draft", representations=[], rank={"priority": 2})
    assert counted(plan(library, campaign(full), state(full))) == {"unchanged": 1}
    assert not plan(library, campaign(changed), state(full)).has_changes


ALIAS = {"offer": {"schema": {"altId": "_experience.offer-management.personalized-offer", "version": "0"}}}
BOOST = {"expression": {**PQL, "value": "1"}, "returnType": {"type": "integer"}}


@pytest.fixture
def on_dps(emulator: Emulator) -> Iterator[OfferLibrary]:
    """The library on generation 2, the only one with formulas."""
    connection = emulator.connection("dps")
    connection.pop("conn_type")
    with OfferLibrary(parse_settings(**connection)) as library:
        yield library


def test_a_leaf_that_reads_hide_is_compared_with_what_was_applied(on_dps: OfferLibrary, emulator: Emulator) -> None:
    before = wanted("formula", "Boost", **BOOST, definedOn=ALIAS)
    put_wanted(emulator, before)
    other = {"offer": {"schema": {"altId": "_experience.offer-management.personalized-offer", "version": "1"}}}

    # Reads show the type in capitals, and no definedOn.
    assert counted(plan(on_dps, campaign(before), state(before))) == {"unchanged": 1}
    after = planned(
        plan(on_dps, campaign(wanted("formula", "Boost", **BOOST, definedOn=other)), state(before)), "Boost"
    )
    assert after.changes == (Change("/definedOn", live=ABSENT, wanted=other, base=ALIAS),)
    unknown = plan(on_dps, campaign(before))
    assert counted(unknown) == {"unchanged": 1}
    assert "does not show /definedOn" in unknown.warnings[0]


def test_a_description_that_a_listing_leaves_out_is_compared_with_what_was_applied() -> None:
    """Adobe's listing of qualifiers shows only their names."""
    listed, applied = {"name": "Spring"}, {"name": "Spring", "description": "Ours"}
    newer = {**applied, "description": "New"}

    assert compare(TAG, Names(), listed, applied, applied).is_empty
    changed = compare(TAG, Names(), listed, newer, applied)
    assert changed.both == ([Change("/description", live=ABSENT, wanted="New", base="Ours")], [])
    unknown = compare(TAG, Names(), listed, applied, None)
    assert (unknown.is_empty, unknown.hidden) == (True, ["/description"])


def test_generation_1_has_no_formulas(library: OfferLibrary, emulator: Emulator, api: str) -> None:
    formula = wanted("formula", "Boost", **BOOST)

    found = plan(library, campaign(formula))

    if api == "xcore":
        assert "documents no calls for a ranking formula" in planned(found, "Boost").reason
    assert counted(found) == {"create" if api == "dps" else "conflict": 1}


def test_an_old_id_without_a_colon_is_an_object_like_others(library: OfferLibrary, emulator: Emulator) -> None:
    shown = [
        {"placement": Emulator.PLACEMENT_ID, "components": TEXT},
        {"placement": "offerPlacement1234", "components": TEXT},
    ]
    put_wanted(emulator, TEN, representations=shown)
    named = [{**shown[0], "placement": "name:Web HTML"}, {**shown[1], "placement": "name:Web image"}]

    found = plan(library, campaign(offer("Ten", representations=named)))

    assert counted(found) == {"unchanged": 1}
    by_id = planned(plan(library, campaign(offer("Ten", representations=shown))), "Ten")
    assert by_id.properties == offer("Ten", representations=named).properties


def test_an_id_whose_name_two_objects_have_stays_an_id(library: OfferLibrary, emulator: Emulator) -> None:
    first, second = (put(emulator, "placement", "Hero") for _ in range(2))
    put_wanted(emulator, TEN, representations=[{"placement": first, "components": TEXT}])
    made = [offer("Ten", representations=[{"placement": each, "components": TEXT}]) for each in (first, second)]

    assert counted(plan(library, campaign(made[0]), state(made[0]))) == {"unchanged": 1}
    changed = planned(plan(library, campaign(made[1]), state(made[0])), "Ten")
    assert changed.changes[0].wanted == made[1].properties["representations"]


def test_a_name_that_two_objects_have_is_told_where_it_is_used(library: OfferLibrary, emulator: Emulator) -> None:
    ids = [put(emulator, "placement", "Hero") for _ in range(2)]
    shown = [{"placement": "name:Hero", "components": TEXT}]

    found = planned(plan(library, campaign(offer("Ten", representations=shown))), "Ten")

    assert found.action == "conflict"
    assert found.reason == f"/representations/0/placement: name:Hero could mean several objects: {', '.join(ids)}"


def test_a_name_with_blanks_around_it_is_never_written_as_a_name(library: OfferLibrary, emulator: Emulator) -> None:
    padded = put(emulator, "tag", " Spring")
    made = offer("Ten", tags=[padded])
    put_wanted(emulator, made)

    assert planned(plan(library, campaign(made)), "Ten").properties == made.properties


def test_a_new_window_of_an_offer_with_caps_is_a_warning(library: OfferLibrary, emulator: Emulator) -> None:
    before = offer("Ten", cappingConstraint={"globalCap": 5})
    put_wanted(emulator, before)
    later = offer(
        "Ten", cappingConstraint={"globalCap": 5}, selectionConstraint={**WINDOW, "endDate": "2098-01-01T00:00:00Z"}
    )

    (warning,) = plan(library, campaign(later), state(before)).warnings

    assert "can reset the counters" in warning
    assert "'Ten'" in warning


def test_an_object_that_is_gone_from_the_library_is_created_again_with_a_warning(library: OfferLibrary) -> None:
    found = plan(library, campaign(TEN), state(TEN))

    assert counted(found) == {"create": 1}
    assert "gone from the library" in found.warnings[0]


def test_a_creation_that_was_cut_off_is_gone_on_with(library: OfferLibrary, emulator: Emulator) -> None:
    pending = State("spring", Emulator.ORG_ID, "prod", 1, {TEN.key: Applied(TEN.properties, "2026-05-01T00:00:00Z")})

    missing = plan(library, campaign(TEN), pending)
    put_wanted(emulator, TEN)
    found = plan(library, campaign(TEN), pending)
    approved = plan(library, campaign(offer("Ten", status="approved")), pending)

    assert counted(missing) == {"create": 1}
    assert missing.warnings == ()
    # The state is still to learn that it exists.
    assert planned(found, "Ten").action == "unchanged"
    assert [each.pointer for each in planned(approved, "Ten").changes] == ["/status"]


def test_objects_of_any_size_and_collections_of_500_are_compared_as_a_whole(
    library: OfferLibrary, emulator: Emulator
) -> None:
    placement = put(emulator, "placement", "Hero")
    large = [{"placement": placement, "components": [{**TEXT[0], "content": "x" * 300_000}]}]
    big = offer("Ten", representations=large)
    put_wanted(emulator, big)
    ids = emulator.seed(500)
    every = wanted("collection", "Set", filterType="offers", ids=ids)
    put_wanted(emulator, every)

    found = plan(library, campaign(big, every), state(big, every))
    fewer = plan(library, campaign(wanted("collection", "Set", filterType="offers", ids=ids[1:])), state(every))

    assert not found.has_changes
    (change,) = planned(fewer, "Set").changes
    assert (len(change.live), len(change.wanted)) == (500, 499)
    assert change.live[0] == "name:Seeded 00001"


def interrupted(flow: Flow[Plan], after: int, act: Callable[[], Any]) -> Flow[Plan]:
    """A flow during which something happens in the library, after so many requests."""
    result: Any = None
    sent = 0
    while True:
        try:
            effect = flow.send(result)
        except StopIteration as done:
            return done.value
        result = yield effect
        if isinstance(effect, Request):
            sent += 1
            if sent == after:
                act()


def test_a_listing_that_moves_while_it_is_read_loses_nothing(library: OfferLibrary, emulator: Emulator) -> None:
    names = [f"Seeded {number:05d}" for number in range(1, 251)]
    ids = emulator.seed(250)
    objects = [wanted("personalized", name, status="approved") for name in names]
    made = campaign(*objects)

    def edit() -> None:
        for each in (ids[0], ids[120], ids[249]):
            library.patch(objects[0].kind, each, [{"op": "replace", "path": "/rank/priority", "value": 3}])
        library.delete(objects[0].kind, put_wanted(emulator, offer("New")))

    found = library.run(lambda access: interrupted(plan_campaign(access, made, state(*objects)), 1, edit))

    assert counted(found) == {"unchanged": 250}


def test_a_listing_that_lags_behind_the_last_apply_is_no_conflict(library: OfferLibrary, emulator: Emulator) -> None:
    identifier = put_wanted(emulator, TEN, rank={"priority": 5})
    emulator.clock.advance(120)
    emulator.configure(list_lag=60)
    # As an apply has just written it.
    library.patch(TEN.kind, identifier, [{"op": "replace", "path": "/rank/priority", "value": 1}])
    library.patch(TEN.kind, identifier, [{"op": "add", "path": "/description", "value": "Theirs"}])

    assert counted(plan(library, campaign(TEN), state(TEN))) == {"unchanged": 1}
    ours = offer("Ten", description="Ours")
    found = planned(plan(library, campaign(ours), state(ours)), "Ten")
    assert found.conflicts == (Change("/description", live="Theirs", wanted="Ours", base="Ours"),)


def test_a_listing_that_lags_behind_a_large_apply_is_no_conflict_either(
    library: OfferLibrary, emulator: Emulator
) -> None:
    objects = [offer(f"Offer {number}") for number in range(40)]
    ids = [put_wanted(emulator, each, rank={"priority": 5}) for each in objects]
    emulator.clock.advance(120)
    emulator.configure(list_lag=60)
    for each in ids:
        library.patch(TEN.kind, each, [{"op": "replace", "path": "/rank/priority", "value": 1}])

    assert counted(plan(library, campaign(*objects), state(*objects))) == {"unchanged": 40}
    assert not library.run(lambda access: find_drift(access, state(*objects)))


def test_at_most_32_objects_with_conflicts_are_read_again(library: OfferLibrary, emulator: Emulator) -> None:
    emulator.seed(100)
    edited = [offer(f"Seeded {number:05d}", status="approved", rank={"priority": 5}) for number in range(1, 101)]
    library.service_time()
    emulator.clear_journal()

    found = plan(library, campaign(*edited), state(*edited))

    assert counted(found) == {"conflict": 100}
    assert len([each for each in emulator.journal() if each.method == "GET"]) == 1 + 32


def test_unchanged_objects_cost_one_request_a_page_and_no_write(library: OfferLibrary, emulator: Emulator) -> None:
    emulator.seed(1_000)
    objects = [wanted("personalized", f"Seeded {number:05d}", status="approved") for number in range(1, 1_001)]
    library.service_time()
    emulator.clear_journal()

    found = plan(library, campaign(*objects), state(*objects))

    assert counted(found) == {"unchanged": 1_000}
    assert found.objects == ()
    assert {each.method for each in emulator.journal()} == {"GET"}
    assert len(emulator.journal()) == 10


def test_an_edit_of_an_ignored_leaf_is_no_conflict_when_the_object_is_retired(
    library: OfferLibrary, emulator: Emulator
) -> None:
    mine = offer("Ten", lifecycle={"ignore_changes": ("/rank/priority",)})
    put_wanted(emulator, mine, rank={"priority": 7})

    found = plan(library, campaign(), state(mine), prune="delete")

    assert planned(found, "Ten").action == "retire"
    other = offer("Ten", lifecycle={"ignore_changes": ("/tags",)})
    assert planned(plan(library, campaign(), state(other), prune="delete"), "Ten").action == "conflict"


@pytest.mark.parametrize("prune", ["archive", "delete"])
def test_a_plan_warns_if_it_retires_what_a_live_decision_of_somebody_else_shows(
    library: OfferLibrary, emulator: Emulator, prune: str
) -> None:
    tag = put(emulator, "tag", "Spring")
    tagged = put(emulator, "collection", "Set", filterType="any-tags", ids=[tag])
    mine, other = offer("Ten"), offer("Eleven")
    put_wanted(emulator, mine, tags=[tag])
    put_wanted(emulator, other)
    placement = put(emulator, "placement", "Hero")
    shown = [{"placement": placement, "components": [{"type": "html", "format": "text/html", "content": "<p/>"}]}]
    welcome = wanted("fallback", "Welcome", status="approved", representations=shown)
    fallback = put_wanted(emulator, welcome)
    criteria = [{"placements": [placement], "optionSelection": {"filter": tagged}}]
    hero = {"status": "live", **WINDOW, "fallback": fallback, "criteria": criteria}
    before = state(mine, other, welcome, wanted("decision", "Ours", **hero))

    def warnings() -> str:
        return " ".join(plan(library, campaign(), before, prune=prune, max_prune=9).warnings)

    put(emulator, "decision", "Ours", **hero)
    assert "live decisions" not in warnings()
    put(emulator, "decision", "Theirs", **hero)
    assert (
        "live decisions that the campaign does not manage show them: the fallback offer 'Welcome', the personalized "
        "offer 'Ten'" in warnings()
    )
