"""Whatever a campaign and the marketers do: an apply leads to an empty plan, and keeps what it does not own."""

from __future__ import annotations

import pathlib
import tempfile
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.campaigns.errors import CampaignConflictError
from airflow_provider_offers.campaigns.objects import Campaign, WantedObject
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.emulator import Emulator
from tests.campaigns.applied import Sandbox, shown
from tests.campaigns.making import campaign, counted, offer, wanted
from tests.effort import examples

NAMES = ("A", "B", "C")
TAGS = ("Red", "Blue")

_offers = st.fixed_dictionaries(
    {
        "rank": st.builds(lambda number: {"priority": number}, st.integers(0, 3)),
        "status": st.sampled_from(["draft", "approved"]),
    },
    optional={
        "description": st.sampled_from(["One", "Two"]),
        "tags": st.lists(st.sampled_from([f"name:{tag}" for tag in TAGS]), min_size=1, unique=True),
        "characteristics": st.dictionaries(st.sampled_from(["sku", "color"]), st.sampled_from(["1", "2"]), min_size=1),
    },
)
_manifests = st.dictionaries(st.sampled_from(NAMES), _offers, min_size=1)
_edits = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.sampled_from(
            [
                ("/rank", {"priority": 9}),
                ("/description", "A marketer's"),
                ("/characteristics", {"note": "a marketer's"}),
                ("/cappingConstraint", {"profileCap": 2}),
            ]
        ),
    ),
    max_size=2,
)
_chapters = st.lists(st.tuples(_manifests, _edits), min_size=1, max_size=3)


def _campaign(offers: Mapping[str, Mapping[str, Any]]) -> Campaign:
    objects: list[WantedObject] = [wanted("tag", tag) for tag in TAGS]
    objects.append(wanted("placement", "Hero", channel=shown("")[0]["channel"], componentType="html"))
    objects += [offer(name, representations=shown("name:Hero"), **given) for name, given in offers.items()]
    return campaign(*objects)


def _is_named(made: Campaign, name: str, pointer: str) -> bool:
    return any(each.name == name and pointer[1:] in each.properties for each in made.objects)


@pytest.mark.parametrize("force", [False, True])
@examples(6)
@given(chapters=_chapters)
def test_any_story_converges(
    emulator: Emulator, library: OfferLibrary, force: bool, chapters: list[tuple[Any, Any]]
) -> None:
    emulator.reset()
    with tempfile.TemporaryDirectory() as folder:
        sandbox = Sandbox(emulator, library, pathlib.Path(folder))
        for offers, edits in chapters:
            made = _campaign(offers)
            plan = sandbox.plan(made, force_conflicts=force)
            before = sandbox.there()
            if plan.has_conflicts:
                emulator.clear_journal()
                with pytest.raises(CampaignConflictError):
                    sandbox.apply(plan)
                assert sandbox.writes() == []
                assert sandbox.there() == before
                return
            assert sandbox.apply(plan).is_complete
            again = sandbox.plan(made)
            assert counted(again) == {"unchanged": len(made.objects)}
            assert again.objects == ()
            names = sandbox.names()
            assert len(names) == len(set(names))
            for name, (pointer, value) in edits:
                if any(each["body"]["name"] == name for each in sandbox.there()):
                    sandbox.edit("personalized", name, pointer, value)
                    if not _is_named(made, name, pointer):
                        # Nobody but the marketer owns it.
                        assert sandbox.plan_and_apply(made, force_conflicts=True).is_complete
                        assert sandbox.body(name)[pointer[1:]] == value
