"""Imports: the state learns the live values of existing objects, so that a plan shows changes in place of conflicts."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_offers.campaigns.moving.importing import Imported, import_objects
from airflow_provider_offers.campaigns.objects import Campaign
from airflow_provider_offers.campaigns.plans import Change
from airflow_provider_offers.campaigns.state.states import State
from airflow_provider_offers.campaigns.state.storage import StateStore
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.emulator import Emulator
from tests.campaigns.making import campaign, counted, offer, plan, planned, put, put_wanted, state, wanted

TEN = offer("Ten", description="Ours")


def imported(library: OfferLibrary, made: Campaign, before: State | None = None) -> Imported:
    return library.run(lambda access: import_objects(access, made, before or state(generation=3)))


def test_after_an_import_differences_are_changes(library: OfferLibrary, emulator: Emulator) -> None:
    tag = put(emulator, "tag", "Spring")
    put_wanted(emulator, TEN, description="Theirs", tags=[tag], characteristics={"theirs": "1"})
    made = campaign(wanted("tag", "Spring"), offer("Ten", description="Ours", tags=["name:Spring"]))

    found = imported(library, made)

    assert found.taken == (("tag", "Spring"), TEN.key)
    assert found.state.generation == 3
    after = plan(library, made, found.state)
    assert planned(after, "Ten").changes == (Change("/description", live="Theirs", wanted="Ours", base="Theirs"),)
    assert counted(after) == {"update": 1, "unchanged": 1}


def test_a_leaf_that_only_the_manifest_has_is_added(library: OfferLibrary, emulator: Emulator) -> None:
    put_wanted(emulator, TEN, description=None)
    made = campaign(TEN)

    assert [each.pointer for each in planned(plan(library, made, imported(library, made).state), "Ten").changes] == [
        "/description"
    ]


def test_what_the_state_knows_stays_and_what_is_not_there_is_told(library: OfferLibrary, emulator: Emulator) -> None:
    put_wanted(emulator, TEN, description="Theirs")
    for _ in range(2):
        put_wanted(emulator, offer("Doubled"))
    put_wanted(emulator, offer("Archived"), status="archived")
    made = campaign(TEN, offer("Doubled"), offer("Archived"), offer("New"))

    found = imported(library, made, state(TEN))

    assert (found.taken, found.known) == ((), (TEN.key,))
    assert found.state == state(TEN)
    assert {key[1]: reason for key, reason in found.refused.items() if key[1] != "Doubled"} == {
        "Archived": "it is archived, and archiving is final: choose another name, or delete the archived object",
    }
    assert found.absent == (("personalized", "New"),)
    assert "2 objects have this name" in found.refused["personalized", "Doubled"]


@pytest.mark.parametrize("api", ["xcore"], indirect=True)
def test_a_kind_without_calls_is_refused_as_a_plan_does(library: OfferLibrary, emulator: Emulator) -> None:
    made = campaign(wanted("formula", "Newest", value={"type": "PQL", "format": "pql/text", "value": "1.0"}))

    found = imported(library, made)

    told = "generation 1 (api=xcore) documents no calls for a ranking formula; use api=dps"
    assert (dict(found.refused), found.absent) == ({("formula", "Newest"): told}, ())


def test_what_reads_do_not_show_is_taken_as_it_is_wanted(library: OfferLibrary, emulator: Emulator) -> None:
    full = wanted("fallback", "Welcome", status="draft", rank={"priority": 1})
    put_wanted(emulator, wanted("fallback", "Welcome", status="draft"))
    made = campaign(full)

    assert counted(plan(library, made, imported(library, made).state)) == {"unchanged": 1}
    assert plan(library, made, imported(library, made).state).objects == ()


def test_an_import_is_kept_under_the_lock_of_the_campaign(
    library: OfferLibrary, emulator: Emulator, tmp_path: Path
) -> None:
    put_wanted(emulator, TEN, description="Theirs")
    made, store, where = campaign(TEN), StateStore(tmp_path), ("spring", Emulator.ORG_ID, "prod")

    with store.lock(*where, owner="import") as lock:
        lock.write(imported(library, made, lock.read()).state)

    assert counted(plan(library, made, store.read(*where))) == {"update": 1}
