"""Retirement comes last and in reverse order, as the plan says it, and not at all after a failure."""

from __future__ import annotations

import pytest

from airflow_provider_offers.campaigns.applying.apply import ApplyOptions, apply
from airflow_provider_offers.campaigns.applying.items import Progress
from airflow_provider_offers.campaigns.errors import CampaignFailedError
from tests.campaigns.applied import Sandbox, changed, spring, spring_objects
from tests.campaigns.making import campaign, counted, put, wanted


def test_everything_is_deleted_in_reverse_order(sandbox: Sandbox) -> None:
    made = spring(2, api=sandbox.api)
    sandbox.plan_and_apply(made)
    plan = sandbox.plan(campaign(), prune="delete", max_prune=100)
    assert counted(plan) == {"retire": len(made.objects)}
    heard: list[Progress] = []

    report = apply(sandbox.library.settings, plan, sandbox.store, ApplyOptions(), heard.append)

    assert report.counts["retired"] == len(made.objects)
    assert sandbox.there() == []
    assert sandbox.state.objects == {}
    kinds = list(dict.fromkeys(each.key[0] for each in heard))
    expected = ["decision", "collection", "fallback", "personalized", "placement", "formula", "rule", "tag"]
    assert kinds == [each for each in expected if each in kinds]
    assert sandbox.plan(campaign()).objects == ()


def test_offers_and_decisions_are_archived_and_a_live_one_is_deactivated_first(sandbox: Sandbox) -> None:
    objects = spring_objects(2, api=sandbox.api)
    sandbox.plan_and_apply(campaign(*objects.values()))
    kept = [each for each in objects.values() if each.name not in ("Hero", "Offer 2")]
    plan = sandbox.plan(campaign(*kept), prune="archive", max_prune=100)
    sandbox.emulator.clear_journal()

    assert sandbox.apply(plan).counts["retired"] == 2

    assert sandbox.writes() == ["PATCH"] * 3
    assert sandbox.body("Hero")["status"] == "archived"
    assert sandbox.body("Offer 2")["status"] == "archived"
    assert ("decision", "Hero") not in sandbox.state.objects
    assert sandbox.plan(campaign(*kept), prune="archive").objects == ()


def test_nothing_is_retired_after_a_failure(sandbox: Sandbox) -> None:
    objects = spring_objects(3, api=sandbox.api)
    sandbox.plan_and_apply(campaign(*objects.values()))
    after = changed(objects, "Offer 1", rank={"priority": 9})
    del after["Offer 3"]
    plan = sandbox.plan(campaign(*after.values()), prune="archive")
    sandbox.emulator.add_fault("status", status=422, method="PATCH", contains="priority", times=None)

    with pytest.raises(CampaignFailedError, match="retirements come last, and personalized offer 'Offer 1' failed"):
        sandbox.apply(plan)

    assert sandbox.body("Offer 3")["status"] == "approved"
    sandbox.emulator.clear_faults()
    assert sandbox.apply(sandbox.plan(campaign(*after.values()), prune="archive")).is_complete
    assert sandbox.body("Offer 3")["status"] == "archived"


def test_a_retirement_that_is_half_done_goes_on(sandbox: Sandbox) -> None:
    """A live decision was deactivated, and its archiving failed. The same plan finishes it, and a new one, too."""
    objects = spring_objects(1, api=sandbox.api)
    for again in ("the same plan", "a new plan"):
        sandbox.plan_and_apply(campaign(*objects.values()))
        kept = [each for each in objects.values() if each.name != "Hero"]
        plan = sandbox.plan(campaign(*kept), prune="archive")
        fault = sandbox.emulator.add_fault("status", status=422, method="PATCH", contains="archived", times=None)
        with pytest.raises(CampaignFailedError):
            sandbox.apply(plan)
        assert fault.applied
        sandbox.emulator.clear_faults()

        if again == "the same plan":
            assert sandbox.apply(plan).is_complete
            assert sandbox.body("Hero")["status"] == "archived"
            sandbox.emulator.reset()
            sandbox.store.force_unlock("spring", sandbox.emulator.ORG_ID, "prod")
            for file in sandbox.path.rglob("*.json"):
                file.unlink()
            sandbox._at_first = {each["id"] for each in sandbox.emulator.objects()}
        else:
            sandbox.apply(sandbox.plan(campaign(*kept), prune="archive"))
            assert sandbox.body("Hero")["status"] == "archived"


def test_prevent_destroy_keeps_an_object(sandbox: Sandbox) -> None:
    objects = spring_objects(2, api=sandbox.api)
    one = objects["Offer 2"]
    kept = type(one)(one.kind, one.name, one.properties, one.origin, type(one.lifecycle)(prevent_destroy=True))
    sandbox.plan_and_apply(campaign(*{**objects, "Offer 2": kept}.values()))
    del objects["Offer 2"]

    plan = sandbox.plan(campaign(*objects.values()), prune="delete")
    sandbox.apply(plan)

    assert plan.left_alone == {("personalized", "Offer 2"): "its lifecycle says prevent_destroy"}
    assert sandbox.body("Offer 2")["status"] == "approved"
    assert sandbox.state.objects["personalized", "Offer 2"].prevent_destroy


def test_what_others_refer_to_stays_and_the_error_says_what_to_do_in_a_campaign(sandbox: Sandbox) -> None:
    sandbox.plan_and_apply(campaign(wanted("tag", "Spring")))
    put(sandbox.emulator, "collection", "Theirs", filterType="any-tags", ids=[sandbox.id("Spring")])

    with pytest.raises(CampaignFailedError, match="is used by the collection 'Theirs'") as caught:
        sandbox.plan_and_apply(campaign(), prune="delete")

    assert "a campaign deletes only its own objects, so delete or change these first" in str(caught.value)
    assert "cascade" not in str(caught.value)
    assert sandbox.body("Spring")
