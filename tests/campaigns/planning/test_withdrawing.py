"""A plan warns of offers that live decisions still show after it, and not of those that it takes out of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_offers.campaigns.objects import WantedObject
from tests.campaigns.applied import Sandbox, changed, spring_objects
from tests.campaigns.making import campaign


def test_a_plan_warns_if_an_offer_that_a_live_decision_shows_is_no_longer_approved(sandbox: Sandbox) -> None:
    objects = spring_objects(2, api=sandbox.api)
    sandbox.plan_and_apply(campaign(*objects.values()))
    back = changed(changed(objects, "Offer 2", status="draft"), "Everyone", status="draft")

    def warnings(*made: WantedObject, **options: Any) -> str:
        return " ".join(sandbox.plan(campaign(*made), **options).warnings)

    said = "so customers stop seeing them: the fallback offer 'Everyone', the personalized offer 'Offer 2'"
    assert said in warnings(*back.values())
    # A decision that is gone from the manifest stays live without prune.
    others = [each for name, each in back.items() if name != "Hero"]
    assert said in warnings(*others)
    # A decision that goes back, too, shows nothing afterwards.
    assert "stop seeing" not in warnings(*changed(back, "Hero", status="draft").values())
    assert "stop seeing" not in warnings(*others, prune="archive")


def _shown_in(filter_type: str, *offers: str) -> dict[str, Any]:
    return {"filterType": filter_type, "ids": [f"name:{each}" for each in offers]}


@pytest.mark.parametrize("status", ["draft", "archived"])
def test_a_plan_does_not_warn_of_what_it_takes_out_of_a_live_decision(sandbox: Sandbox, status: str) -> None:
    objects = changed(
        spring_objects(3, api=sandbox.api), "Spring set", **_shown_in("offers", "Offer 1", "Offer 2", "Offer 3")
    )
    sandbox.plan_and_apply(campaign(*objects.values()))
    back = changed(changed(objects, "Offer 2", status=status), "Offer 3", status=status)

    def warnings(*made: WantedObject, **options: Any) -> str:
        return " ".join(sandbox.plan(campaign(*made), **options).warnings)

    assert "stop seeing" in warnings(*back.values())
    out = changed(back, "Spring set", **_shown_in("offers", "Offer 1"))
    assert "stop seeing" not in warnings(*out.values())
    # It is told as long as the changed collection has it, and by whatever changes the decision besides.
    partly = changed(back, "Spring set", **_shown_in("offers", "Offer 1", "Offer 3"))
    partly = changed(partly, "Hero", endDate="2036-01-01T00:00:00Z")
    assert "stop seeing them: the personalized offer 'Offer 3'" in warnings(*partly.values())
    # By its qualifiers, too.
    tagged = changed(back, "Spring set", **_shown_in("any-tags", "Spring"))
    assert "stop seeing them: the personalized offer 'Offer 2'" in warnings(*tagged.values())
    untagged = changed(changed(tagged, "Offer 2", tags=[]), "Offer 3", tags=[])
    assert "stop seeing" not in warnings(*untagged.values())


def test_a_plan_does_not_warn_of_a_fallback_offer_that_it_replaces(sandbox: Sandbox) -> None:
    objects = spring_objects(1, api=sandbox.api)
    sandbox.plan_and_apply(campaign(*objects.values()))
    new = objects["Everyone"]
    new = WantedObject(new.kind, "New fb", {**new.properties, "name": "New fb"}, new.origin, new.lifecycle)
    archived = changed(objects, "Everyone", status="archived")

    def warnings(made: dict[str, WantedObject]) -> str:
        return " ".join(sandbox.plan(campaign(new, *made.values())).warnings)

    assert "stop seeing them: the fallback offer 'Everyone'" in warnings(archived)
    assert "stop seeing" not in warnings(changed(archived, "Hero", fallback="name:New fb"))


def test_a_plan_does_not_warn_of_a_retired_offer_that_it_takes_out_of_its_collection(sandbox: Sandbox) -> None:
    objects = changed(spring_objects(2, api=sandbox.api), "Spring set", **_shown_in("offers", "Offer 1", "Offer 2"))
    sandbox.plan_and_apply(campaign(*objects.values()))
    # From now on, the decision is somebody else's.
    state = sandbox.state
    sandbox.store.write(replace(state, objects={key: state.objects[key] for key in state.objects if key[1] != "Hero"}))
    left = {name: each for name, each in objects.items() if name not in ("Hero", "Offer 2")}

    def warnings(made: dict[str, WantedObject]) -> str:
        return " ".join(sandbox.plan(campaign(*made.values()), prune="archive").warnings)

    assert "show them" not in warnings(changed(left, "Spring set", **_shown_in("offers", "Offer 1")))
    kept = {name: each for name, each in left.items() if name != "Spring set"}
    assert "does not manage show them: the personalized offer 'Offer 2'" in warnings(kept)
