"""Drift: what somebody else changed of that which was applied, by whom and from what to what; nothing else."""

from __future__ import annotations

import json

import pytest

from airflow_provider_offers.campaigns.errors import StateError
from airflow_provider_offers.campaigns.objects import Campaign
from airflow_provider_offers.campaigns.planning.drift import Drift, Drifted, Edit, find_drift
from airflow_provider_offers.campaigns.planning.rendering import drift_as_text
from airflow_provider_offers.campaigns.plans import ABSENT
from airflow_provider_offers.campaigns.state.states import Applied, State
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.emulator import Emulator
from tests.campaigns.making import PQL, campaign, offer, put, put_wanted, state, wanted

TEN = offer("Ten", description="Ours")


def drift(library: OfferLibrary, before: State, made: Campaign | None = None) -> Drift:
    return library.run(lambda access: find_drift(access, before, made))


def test_nothing_drifts_while_only_others_own_leaves_change(library: OfferLibrary, emulator: Emulator) -> None:
    tag = put(emulator, "tag", "Spring")
    put_wanted(emulator, TEN, tags=[tag], characteristics={"theirs": "1"})
    before = offer("Ten", description="Ours", tags=["name:Spring"])

    found = drift(library, state(wanted("tag", "Spring"), before))

    assert not found
    assert (found.managed, found.objects) == (2, ())
    assert drift_as_text(found) == "no drift in 2 objects"


def test_an_edit_is_told_with_its_author_and_both_values(library: OfferLibrary, emulator: Emulator) -> None:
    identifier = put_wanted(emulator, TEN, description="Theirs", rank={"priority": 9})

    (found,) = drift(library, state(TEN)).objects

    assert set(found.edits) == {Edit("/description", "Ours", "Theirs"), Edit("/rank/priority", 1, 9)}
    assert (found.id, found.key) == (identifier, TEN.key)
    assert found.edited_by
    assert found.edited_at


def test_what_the_generation_cannot_read_is_named(library: OfferLibrary, emulator: Emulator) -> None:
    put_wanted(emulator, TEN)
    formula = wanted("formula", "By margin", returnType={"type": "integer"}, expression=PQL)
    if library.settings.api == "dps":
        put_wanted(emulator, formula)

    found = drift(library, state(TEN, formula))

    assert not found
    if library.settings.api == "dps":
        assert not found.unread
        assert "unread" not in found.as_json()
    else:
        assert found.as_json()["unread"] == [{"kind": "formula", "name": "By margin"}]
        warning = 'documents no calls for these objects, so they are not compared: ranking formula "By margin"'
        assert warning in drift_as_text(found)


def test_a_leaf_that_was_removed_is_drift(library: OfferLibrary, emulator: Emulator) -> None:
    put_wanted(emulator, TEN, description=None)

    (found,) = drift(library, state(TEN)).objects

    assert found.edits == (Edit("/description", "Ours", ABSENT),)
    assert found.as_json()["edits"] == [{"pointer": "/description", "applied": "Ours"}]


def test_a_deleted_an_archived_and_a_doubled_object_are_drift(library: OfferLibrary, emulator: Emulator) -> None:
    put_wanted(emulator, offer("Archived"), status="archived")
    ids = [put_wanted(emulator, offer("Doubled")) for _ in range(2)]

    found = {each.key[1]: each for each in drift(library, state(TEN, offer("Archived"), offer("Doubled"))).objects}

    assert found["Ten"] == Drifted(TEN.key, reason="it is gone from the library")
    assert found["Archived"].edits == (Edit("/status", "draft", "archived"),)
    assert all(each in found["Doubled"].reason for each in ids)


def test_what_the_manifest_ignores_is_no_drift(library: OfferLibrary, emulator: Emulator) -> None:
    put_wanted(emulator, TEN, rank={"priority": 9})
    made = campaign(offer("Ten", lifecycle={"ignore_changes": ("/rank",)}, description="Ours"))

    assert drift(library, state(TEN))
    assert not drift(library, state(TEN), made)


def test_without_the_manifest_what_the_last_one_ignored_is_no_drift(library: OfferLibrary, emulator: Emulator) -> None:
    put_wanted(emulator, TEN, rank={"priority": 9})
    ignoring = offer("Ten", lifecycle={"ignore_changes": ("/rank",)}, description="Ours")
    kept = State.from_json(json.loads(json.dumps(state(ignoring).as_json())))

    assert kept == state(ignoring)
    assert not drift(library, kept)
    assert drift(library, kept, campaign(TEN)), "the manifest at hand counts more"


@pytest.mark.parametrize("given", ["/rank", [7]])
def test_pointers_that_are_none_damage_a_state(given: object) -> None:
    document = state(TEN).as_json()
    document["objects"]["personalized"]["Ten"]["ignore_changes"] = given

    with pytest.raises(StateError, match=r"ignore_changes: given .*; expected a list of pointers"):
        State.from_json(document)


def test_a_creation_that_was_cut_off_is_no_drift(library: OfferLibrary) -> None:
    pending = State("spring", Emulator.ORG_ID, "prod", 1, {TEN.key: Applied(TEN.properties, "2026-05-01T00:00:00Z")})

    assert not drift(library, pending)


def test_a_listing_that_lags_behind_the_last_apply_is_no_drift(library: OfferLibrary, emulator: Emulator) -> None:
    identifier = put_wanted(emulator, TEN, description="Before")
    emulator.clock.advance(120)
    emulator.configure(list_lag=60)
    library.patch(TEN.kind, identifier, [{"op": "replace", "path": "/description", "value": "Ours"}])

    assert not drift(library, state(TEN))
    assert drift(library, state(offer("Ten", description="Other")))


def test_the_state_of_another_place_is_refused(library: OfferLibrary) -> None:
    with pytest.raises(StateError, match=r"given 'spring', .*, 'dev'"):
        drift(library, State("spring", Emulator.ORG_ID, "dev"))


def test_the_text_and_the_json_tell_everything(library: OfferLibrary, emulator: Emulator) -> None:
    put_wanted(emulator, TEN, description="Theirs\x1b[31m")

    found = drift(library, state(TEN, offer("Gone")))

    lines = drift_as_text(found).splitlines()
    assert lines[0].startswith('! personalized offer "Ten", last edited by ')
    assert lines[1].startswith('    /description: "Ours" was applied, the library has "Theirs')
    assert lines[2:] == ['! personalized offer "Gone": it is gone from the library', "2 of 2 objects drifted"]
    assert json.loads(json.dumps(found.as_json()))["objects"][1]["reason"] == "it is gone from the library"
    assert "\x1b" not in drift_as_text(found)


def test_drift_costs_one_request_a_page(library: OfferLibrary, emulator: Emulator) -> None:
    emulator.seed(250)
    library.service_time()
    emulator.clear_journal()

    found = drift(library, state(*[wanted("personalized", f"Seeded {each:05d}") for each in range(1, 251)]))

    assert not found
    assert [each.method for each in emulator.journal()] == ["GET"] * 3
