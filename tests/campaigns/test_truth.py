"""The life of random campaigns: applied, edited by others, changed, exported and promoted, on both generations."""

from __future__ import annotations

import copy
import pathlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from airflow_provider_offers.campaigns.errors import CampaignConflictError
from airflow_provider_offers.campaigns.manifest.loading import load
from airflow_provider_offers.campaigns.manifest.writing_yaml import write_manifest
from airflow_provider_offers.campaigns.moving.exporting import export_library
from airflow_provider_offers.campaigns.objects import WantedObject
from airflow_provider_offers.campaigns.planning.planner import PlanOptions, plan_campaign
from airflow_provider_offers.campaigns.plans import Plan
from airflow_provider_offers.campaigns.state.states import State
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.settings import parse_settings
from airflow_provider_offers.emulator import Emulator
from tests.campaigns.applied import Sandbox, shown
from tests.campaigns.making import PQL, WINDOW, campaign, offer, wanted
from tests.effort import examples

OFFERS = 3
CAPS = st.none() | st.fixed_dictionaries({}, optional={"globalCap": st.integers(1, 3), "profileCap": st.integers(1, 3)})
TEXTS = st.none() | st.sampled_from(["one", "two", "2027-03-01T00:00:00Z", "name:x", "Grüße"])


@st.composite
def objects(draw: st.DrawFn) -> list[WantedObject]:
    """The objects of a campaign; which leaves they have, and with what values, is random."""
    offers = [
        offer(
            f"Offer {number}",
            status=draw(st.sampled_from(["draft", "approved"])),
            description=draw(TEXTS),
            tags=draw(st.sampled_from([None, ["name:Spring"], ["name:Spring", "name:Summer"]])),
            rank={"priority": draw(st.integers(0, 3))},
            cappingConstraint=draw(CAPS),
            characteristics=draw(st.none() | st.dictionaries(st.sampled_from(["a", "b/c"]), st.just("x"), min_size=1)),
            representations=shown("name:Web hero"),
            selectionConstraint=WINDOW,
        )
        for number in range(draw(st.integers(1, OFFERS)))
    ]
    rule = {"condition": {**PQL, "value": draw(st.sampled_from(["true", "false"]))}}
    listed = [f"name:{each.name}" for each in offers]
    return [
        wanted("tag", "Spring"),
        wanted("tag", "Summer"),
        wanted("rule", "Gold", **rule),
        wanted("placement", "Web hero", channel="https://ns.adobe.com/xdm/channel-types/web", componentType="html"),
        *offers,
        wanted("fallback", "Everyone", status="approved", representations=shown("name:Web hero")),
        wanted("collection", "By tag", filterType=draw(st.sampled_from(["any-tags", "all-tags"])), ids=["name:Spring"]),
        wanted("collection", "By hand", filterType="offers", ids=draw(st.just(listed))),
    ]


# A marketer's edit of an offer: a pointer and a value. The last two are leaves that no campaign here has.
EDITS = st.lists(
    st.tuples(
        st.integers(0, OFFERS - 1),
        st.sampled_from(
            [
                ("/description", "theirs"),
                ("/rank/priority", 9),
                ("/tags", []),
                ("/cappingConstraint", {"globalCap": 9}),
                ("/labels", ["core/C1"]),
                ("/frequencyCappingConstraints", [{"limit": 5, "scope": "global", "entity": "offer"}]),
            ]
        ),
    ),
    max_size=3,
)
PROPERTY = settings(
    examples(6),
    # To make a failing example smaller would take minutes.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)


@contextmanager
def fresh(emulator: Emulator, api: str, path: pathlib.Path, sandbox: str = "prod") -> Iterator[Sandbox]:
    """An empty library, and an empty place for states."""
    connection = emulator.connection(api, sandbox=sandbox)
    connection.pop("conn_type")
    with OfferLibrary(parse_settings(**connection)) as library:
        yield Sandbox(emulator, library, path / uuid.uuid4().hex)


def bodies(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    return {each["body"]["name"]: copy.deepcopy(each["body"]) for each in sandbox.there()}


def is_empty(found: Plan) -> bool:
    return not found.has_changes and not found.has_conflicts


@PROPERTY
@given(objects(), objects(), EDITS)
def test_a_campaign_is_applied_and_changed_and_edits_of_others_survive(
    running: Emulator, api: str, tmp_path: pathlib.Path, first: Any, second: Any, edits: Any
) -> None:
    running.reset()
    with fresh(running, api, tmp_path) as sandbox:
        before, after = campaign(*first), campaign(*second)
        sandbox.plan_and_apply(before)
        assert sandbox.plan(before).objects == ()
        names = [each.name for each in first if each.kind.key == "personalized"]
        for number, (pointer, value) in edits:
            if number < len(names):
                sandbox.edit("personalized", names[number], pointer, value)
        library = bodies(sandbox)

        found = sandbox.plan(after)
        if found.has_conflicts:
            with pytest.raises(CampaignConflictError):
                sandbox.apply(found)
            assert bodies(sandbox) == library
        sandbox.apply(sandbox.plan(after, force_conflicts=True))

        assert sandbox.plan(after).objects == ()
        for name, body in bodies(sandbox).items():
            for leaf in ("labels", "frequencyCappingConstraints"):
                assert body.get(leaf) == library.get(name, {}).get(leaf)
        assert len(bodies(sandbox)) == len(sandbox.there())


@PROPERTY
@given(objects(), EDITS)
def test_a_lost_state_creates_nothing(
    running: Emulator, api: str, tmp_path: pathlib.Path, first: Any, edits: Any
) -> None:
    running.reset()
    with fresh(running, api, tmp_path) as sandbox:
        made = campaign(*first)
        sandbox.plan_and_apply(made)
        for number, (pointer, value) in edits:
            if number < sum(each.kind.key == "personalized" for each in first):
                sandbox.edit("personalized", f"Offer {number}", pointer, value)
        lost = State("spring", Emulator.ORG_ID, "prod")

        found = sandbox.library.run(lambda access: plan_campaign(access, made, lost))
        adopted = sandbox.library.run(lambda access: plan_campaign(access, made, lost, PlanOptions(adopt=True)))

        assert (found.counts["create"], found.counts["update"]) == (0, 0)
        assert (adopted.counts["create"], adopted.counts["conflict"]) == (0, 0)


@PROPERTY
@given(objects(), EDITS)
def test_the_plan_of_an_export_is_empty_and_it_can_be_promoted(
    running: Emulator, api: str, tmp_path: pathlib.Path, first: Any, edits: Any
) -> None:
    running.reset()
    with fresh(running, api, tmp_path) as sandbox:
        sandbox.plan_and_apply(campaign(*first))
        for number, (pointer, value) in edits:
            if number < sum(each.kind.key == "personalized" for each in first):
                sandbox.edit("personalized", f"Offer {number}", pointer, value)
        exported = sandbox.library.run(export_library)
        path = tmp_path / f"{uuid.uuid4().hex}.yaml"
        write_manifest(exported.manifest("spring", "prod", "offers"), path)
        made = load(path)

        lost = State("spring", Emulator.ORG_ID, "prod")
        assert is_empty(sandbox.library.run(lambda access: plan_campaign(access, made, lost)))
        with fresh(running, api, tmp_path, "dev") as other:
            there = State("spring", Emulator.ORG_ID, "dev")
            promoted = other.library.run(lambda access: plan_campaign(access, made, there))
            other.apply(promoted)
            after = other.store.read("spring", Emulator.ORG_ID, "dev")
            again = other.library.run(lambda access: plan_campaign(access, made, after))
            assert again.objects == ()
