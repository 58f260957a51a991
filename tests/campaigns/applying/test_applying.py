"""An apply does what the plan says, on both generations: afterwards the plan is empty, and nothing exists twice."""

from __future__ import annotations

import json
import pickle
import shutil
from typing import Any

import pytest

from airflow_provider_offers.campaigns.applying.apply import ApplyOptions, apply
from airflow_provider_offers.campaigns.applying.items import Progress
from airflow_provider_offers.campaigns.errors import CampaignFailedError
from airflow_provider_offers.campaigns.objects import Campaign, WantedObject
from airflow_provider_offers.campaigns.planning.documents import plan_as_json, plan_from_json
from airflow_provider_offers.campaigns.plans import Plan
from airflow_provider_offers.campaigns.state.states import Applied
from airflow_provider_offers.client.model.kinds import KINDS
from tests.campaigns.applied import Sandbox, changed, shown, spring, spring_objects
from tests.campaigns.making import campaign, counted, offer, planned, wanted


def test_after_an_apply_the_plan_is_empty(sandbox: Sandbox) -> None:
    made = spring(5, api=sandbox.api)

    report = sandbox.plan_and_apply(made)

    assert report.is_complete
    assert report.counts["created"] == len(made.objects)
    assert sandbox.body("Hero")["status"] == "live"
    assert sandbox.body("Offer 1")["status"] == "approved"
    again = sandbox.plan(made)
    assert counted(again) == {"unchanged": len(made.objects)}
    assert again.objects == ()
    assert len(sandbox.there()) == len(made.objects)
    assert {each.pending for each in sandbox.state.objects.values()} == {None}
    assert sandbox.state.generation == report.state_generation


def test_an_empty_plan_writes_nothing_anywhere(sandbox: Sandbox) -> None:
    made = spring(2, api=sandbox.api)
    sandbox.plan_and_apply(made)
    generation = sandbox.state.generation
    sandbox.emulator.clear_journal()

    report = sandbox.plan_and_apply(made)

    assert sandbox.writes() == []
    assert report.summary == f"{len(made.objects)} unchanged"
    assert sandbox.state.generation == generation


@pytest.mark.bulk
def test_a_first_apply_costs_one_write_for_each_object_and_few_reads(sandbox: Sandbox) -> None:
    made = spring(200, api=sandbox.api)
    plan = sandbox.plan(made)
    sandbox.emulator.clear_journal()

    sandbox.apply(plan)

    requests = len(sandbox.emulator.journal(limit=100_000))
    pages = len(made.objects) // 100 + len(KINDS)
    assert requests <= 1.2 * len(made.objects) + pages + 50
    # The decision goes live by a write of its own.
    assert len(sandbox.writes()) == len(made.objects) + 1


def test_a_change_is_one_guarded_write_and_leaves_the_marketers_leaves_alone(sandbox: Sandbox) -> None:
    objects = spring_objects(3, api=sandbox.api)
    sandbox.plan_and_apply(campaign(*objects.values()))
    sandbox.edit("personalized", "Offer 1", "/description", "A marketer's")
    sandbox.edit("personalized", "Offer 1", "/characteristics", {"sku": "1"})
    edited = changed(objects, "Offer 1", rank={"priority": 9}, characteristics={"color": "red"})
    plan = sandbox.plan(campaign(*edited.values()))
    sandbox.emulator.clear_journal()

    report = sandbox.apply(plan)

    assert sandbox.writes() == ["PATCH"]
    assert report.counts["changed"] == 1
    body = sandbox.body("Offer 1")
    assert body["rank"] == {"priority": 9}
    assert body["description"] == "A marketer's"
    assert body["characteristics"] == {"sku": "1", "color": "red"}
    assert counted(sandbox.plan(campaign(*edited.values()))) == {"unchanged": len(edited)}


def test_leaves_that_are_gone_from_the_manifest_are_removed_and_nested_ones_added(sandbox: Sandbox) -> None:
    before = offer("Ten percent", description="Old", characteristics={"sku": "1", "color": "red"})
    after = offer("Ten percent", characteristics={"sku": "1"}, cappingConstraint={"profileCap": 3})
    sandbox.plan_and_apply(campaign(before))

    sandbox.plan_and_apply(campaign(after))

    body = sandbox.body("Ten percent")
    assert body["characteristics"] == {"sku": "1"}
    assert body["cappingConstraint"] == {"profileCap": 3}
    assert not body.get("description")
    assert sandbox.plan(campaign(after)).objects == ()


def test_a_large_offer_and_a_collection_of_500_are_created_and_changed(sandbox: Sandbox) -> None:
    sandbox.emulator.seed(500)
    names = [f"name:Seeded {number:05d}" for number in range(1, 501)]

    def made(letter: str, listed: list[str]) -> Campaign:
        (shown_there,) = shown("name:Web hero")
        content = [{**shown_there["components"][0], "content": letter * 300_000}]
        hero = wanted("placement", "Web hero", channel=shown_there["channel"], componentType="html")
        large = offer("Large", representations=[{**shown_there, "components": content}])
        return campaign(hero, large, wanted("collection", "Set", filterType="offers", ids=listed))

    assert sandbox.plan_and_apply(made("x", names)).counts["created"] == 3
    after = made("y", names[1:])
    assert sandbox.plan_and_apply(after).counts["changed"] == 2

    assert sandbox.body("Large")["representations"][0]["components"][0]["content"] == "y" * 300_000
    assert len(sandbox.body("Set")["ids"]) == 499
    assert sandbox.plan(after).objects == ()


def test_an_external_object_with_an_old_id_is_named_and_never_written(sandbox: Sandbox) -> None:
    made = campaign(offer("Ten", representations=shown("name:Web image")), external=[("placement", "Web image")])

    sandbox.plan_and_apply(made)

    assert sandbox.writes() == ["POST"]
    assert sandbox.body("Ten")["representations"][0]["placement"] == "offerPlacement1234"
    assert sandbox.plan(made).objects == ()


def test_a_plan_that_was_saved_is_applied_as_it_was_made(sandbox: Sandbox) -> None:
    before = offer("Ten percent", description="Old", characteristics={"sku": "1", "color": "red"})
    after = offer("Ten percent", characteristics={"sku": "1"}, rank={"priority": 8})
    sandbox.apply(_saved(sandbox.plan(campaign(before))))
    sandbox.apply(_saved(sandbox.plan(campaign(after, *spring_objects(2, api=sandbox.api).values()))))
    assert sandbox.plan(campaign(after, *spring_objects(2, api=sandbox.api).values())).objects == ()
    assert not sandbox.body("Ten percent").get("description")

    sandbox.apply(_saved(sandbox.plan(campaign(), prune="delete", max_prune=100)))
    assert sandbox.there() == []


def _saved(plan: Plan) -> Plan:
    return plan_from_json(json.loads(json.dumps(plan_as_json(plan))))


def test_the_error_of_an_apply_keeps_its_report_across_processes(sandbox: Sandbox) -> None:
    sandbox.emulator.add_fault("status", status=422, method="POST", contains="Ten percent", times=None)
    with pytest.raises(CampaignFailedError) as caught:
        sandbox.plan_and_apply(campaign(offer("Ten percent")))
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.report == caught.value.report
    assert not again.retryable


def test_an_object_is_renamed_and_what_refers_to_it_follows(sandbox: Sandbox) -> None:
    objects = spring_objects(1, api=sandbox.api)
    sandbox.plan_and_apply(campaign(*objects.values()))
    old = sandbox.id("Offer 1")
    objects.pop("Offer 1")
    one = spring_objects(1, api=sandbox.api)["Offer 1"]
    objects["New"] = wanted("personalized", "New", **{**one.properties, "name": "New", "rank": {"priority": 4}})
    made = campaign(*objects.values(), moved=[("personalized", "Offer 1", "New")])
    plan = sandbox.plan(made)
    sandbox.emulator.clear_journal()

    report = sandbox.apply(plan)

    assert report.counts["renamed"] == 1
    assert sandbox.writes() == ["PATCH"]
    assert sandbox.id("New") == old
    assert sandbox.plan(made).objects == ()
    assert ("personalized", "Offer 1") not in sandbox.state.objects


def test_what_refers_to_a_renamed_object_is_not_written(sandbox: Sandbox) -> None:
    objects = spring_objects(2, api=sandbox.api)
    sandbox.plan_and_apply(campaign(*objects.values()))
    text = {"name:Spring": "name:Spring 2027"}
    renamed = [
        wanted(each.kind, text.get(f"name:{each.name}", each.name).removeprefix("name:"), **_with(each, text))
        for each in objects.values()
    ]
    made = campaign(*renamed, moved=[("tag", "Spring", "Spring 2027")])
    plan = sandbox.plan(made)
    sandbox.emulator.clear_journal()

    sandbox.apply(plan)

    assert sandbox.writes() == ["PATCH"]
    assert sandbox.plan(made).objects == ()
    assert sandbox.state.objects["collection", "Spring set"].properties["ids"] == ["name:Spring 2027"]


def _with(each: WantedObject, text: dict[str, str]) -> dict[str, Any]:
    """The properties of an object with another text in place of each reference in its lists."""
    return {
        name: [text.get(item, item) if isinstance(item, str) else item for item in value]
        if isinstance(value, list)
        else value
        for name, value in each.properties.items()
        if name != "name"
    }


def test_a_plan_that_is_applied_again_finds_everything_done(sandbox: Sandbox) -> None:
    objects = spring_objects(2, api=sandbox.api)
    first = sandbox.plan(campaign(*objects.values()))
    sandbox.apply(first)
    sandbox.emulator.clear_journal()

    assert sandbox.apply(first).is_complete
    assert sandbox.writes() == []

    second = sandbox.plan(campaign(*changed(objects, "Offer 1", rank={"priority": 9}).values()))
    sandbox.apply(second)
    sandbox.emulator.clear_journal()
    assert sandbox.apply(second).is_complete
    assert sandbox.writes() == []


def test_a_lost_state_creates_nothing_twice(sandbox: Sandbox) -> None:
    made = spring(3, api=sandbox.api)
    sandbox.plan_and_apply(made)
    before = sandbox.names()
    shutil.rmtree(sandbox.path)
    sandbox.emulator.clear_journal()

    report = sandbox.plan_and_apply(made)

    assert report.is_complete
    assert sandbox.writes() == []
    assert sandbox.names() == before
    assert len(sandbox.state.objects) == len(made.objects)


def test_what_the_library_has_already_is_only_learned(sandbox: Sandbox) -> None:
    made = spring(2, api=sandbox.api)
    sandbox.plan_and_apply(made)
    shutil.rmtree(sandbox.path)
    plan = sandbox.plan(made)
    assert counted(plan) == {"unchanged": len(made.objects)}

    sandbox.apply(plan)

    state = sandbox.state
    assert state.objects["tag", "Spring"] == Applied({"name": "Spring"})
    assert state.objects["decision", "Hero"].properties["fallback"] == "name:Everyone"


def test_the_state_holds_names_and_no_ids_and_nothing_of_the_connection(sandbox: Sandbox) -> None:
    sandbox.plan_and_apply(spring(2, api=sandbox.api))

    (file,) = sandbox.path.rglob("*.json")
    text = file.read_text()
    assert f"{sandbox.api}:" not in text
    for secret in (sandbox.emulator.CLIENT_ID, sandbox.emulator.CLIENT_SECRET, "Bearer"):
        assert secret not in text
    assert json.loads(text)["organization"] == sandbox.emulator.ORG_ID


def test_a_failure_skips_only_what_depends_on_it(sandbox: Sandbox) -> None:
    objects = spring_objects(3, api=sandbox.api)
    objects["Footer"] = wanted("placement", "Footer", componentType="html", channel=shown("x")[0]["channel"])
    objects["Free"] = offer("Free", status="approved", representations=shown("name:Footer"))
    made = campaign(*objects.values())
    sandbox.emulator.add_fault("status", status=422, method="POST", contains='"Web hero"', times=None)

    with pytest.raises(CampaignFailedError, match="Web hero") as caught:
        sandbox.plan_and_apply(made)

    report = caught.value.report
    assert report is not None
    ends = {each.key[1]: each.end for each in report.outcomes}
    assert ends["Web hero"] == "failed"
    assert {name for name, end in ends.items() if end == "skipped"} == {
        "Offer 1",
        "Offer 2",
        "Offer 3",
        "Everyone",
        "Hero",
    }
    assert {"Free", "Footer", "Spring set", "Gold members", "Spring"} <= {
        name for name, end in ends.items() if end == "done"
    }
    reasons = {each.key[1]: each.reason for each in report.outcomes}
    assert reasons["Offer 1"] == "it refers to the placement 'Web hero', which failed"
    assert json.loads(json.dumps(report.as_json()))["counts"]["failed"] == 1

    sandbox.emulator.clear_faults()
    assert sandbox.plan_and_apply(made).is_complete
    assert sandbox.plan(made).objects == ()
    assert len(sandbox.there()) == len(made.objects)


def test_a_decision_stays_a_draft_if_an_offer_that_it_shows_failed(sandbox: Sandbox) -> None:
    made = spring(3, api=sandbox.api)
    sandbox.emulator.add_fault("status", status=422, method="POST", contains='"Offer 2"', times=None)

    with pytest.raises(CampaignFailedError) as caught:
        sandbox.plan_and_apply(made)

    assert caught.value.report is not None
    (hero,) = [each for each in caught.value.report.outcomes if each.key[1] == "Hero"]
    assert hero.end == "skipped"
    assert "it shows the personalized offer 'Offer 2', which failed" in hero.reason
    assert sandbox.body("Hero")["status"] == "draft"

    sandbox.emulator.clear_faults()
    assert sandbox.plan_and_apply(made).is_complete
    assert sandbox.body("Hero")["status"] == "live"
    assert sandbox.plan(made).objects == ()


@pytest.mark.parametrize("theirs", [{"description": "Theirs"}, {"rank": {"priority": 9}}])
def test_an_edit_during_the_apply_stays(sandbox: Sandbox, theirs: dict[str, Any]) -> None:
    # Of a property that the object has, and of one that it lacks.
    sandbox.plan_and_apply(campaign(offer("One"), offer("Two")))
    ours = {"description": "Ours", "rank": {"priority": 5}}
    ((edited, value),) = theirs.items()
    plan = sandbox.plan(campaign(*(offer(name, **{edited: ours[edited]}) for name in ("One", "Two"))))
    first: list[str] = []

    def edit(progress: Progress) -> None:
        if not first:
            first.append(progress.key[1])
            sandbox.edit("personalized", "Two" if first == ["One"] else "One", f"/{edited}", value)

    with pytest.raises(CampaignFailedError, match="1 changed, 1 failed"):
        apply(sandbox.library.settings, plan, sandbox.store, ApplyOptions(max_concurrent=1), edit)

    other = "Two" if first == ["One"] else "One"
    assert (sandbox.body(first[0])[edited], sandbox.body(other)[edited]) == (ours[edited], value)


@pytest.mark.parametrize("switched", ["Hero", "Spring set"])
def test_a_live_decision_shows_what_it_showed_until_all_of_the_new_is_there(sandbox: Sandbox, switched: str) -> None:
    before = spring_objects(1, api=sandbox.api)
    sandbox.plan_and_apply(campaign(*before.values()))
    objects = {**before, "Summer": wanted("tag", "Summer")}
    for name in ("Sun", "Sand"):
        objects[name] = offer(name, status="approved", tags=["name:Summer"], representations=shown("name:Web hero"))
    if switched == "Hero":
        objects["Summer set"] = wanted("collection", "Summer set", filterType="any-tags", ids=["name:Summer"])
        (criterion,) = before["Hero"].properties["criteria"]
        objects = changed(objects, "Hero", criteria=[{**criterion, "optionSelection": {"filter": "name:Summer set"}}])
    else:
        objects = changed(objects, "Spring set", ids=["name:Summer"])
    there = sandbox.body(switched)
    made = campaign(*objects.values())
    sandbox.emulator.add_fault("status", status=422, method="POST", contains='"Sand"', times=None)

    with pytest.raises(CampaignFailedError, match="shows the personalized offer 'Sand', which failed"):
        sandbox.plan_and_apply(made)

    assert sandbox.body(switched) == there
    sandbox.emulator.clear_faults()
    assert sandbox.plan_and_apply(made).is_complete
    assert sandbox.body(switched) != there
    assert sandbox.plan(made).objects == ()


def test_offers_that_a_live_decision_can_show_are_approved_when_all_are_there(sandbox: Sandbox) -> None:
    sandbox.plan_and_apply(spring(1, api=sandbox.api))
    made = spring(4, api=sandbox.api)
    plan = sandbox.plan(made)
    assert planned(plan, "Offer 2").held_as_draft
    seen: list[dict[str, str]] = []

    def look(progress: Progress) -> None:
        if progress.phase == "show":
            seen.append({name: sandbox.body(name)["status"] for name in ("Offer 2", "Offer 3", "Offer 4")})

    apply(sandbox.library.settings, plan, sandbox.store, ApplyOptions(max_concurrent=1), look)

    assert [list(each.values()).count("approved") for each in seen] == [1, 2, 3]
    assert sandbox.plan(made).objects == ()


def _with_banner(api: str, offers: list[str], shown_by_banner: str, *others: WantedObject) -> Campaign:
    """Two live decisions: the hero shows the offers of winter, and the banner this set."""
    objects = spring_objects(1, api=api)
    hero = objects.pop("Hero")
    criterion = hero.properties["criteria"][0]
    shows = {"Hero": "Winter set", "Banner": shown_by_banner}
    winter: dict[str, Any] = {"status": "approved", "tags": ["name:Winter"], "representations": shown("name:Web hero")}
    return campaign(
        *objects.values(),
        wanted("tag", "Winter"),
        *(offer(each, **winter) for each in offers),
        *others,
        wanted("collection", "Winter set", filterType="any-tags", ids=["name:Winter"]),
        *(
            wanted(
                "decision",
                name,
                **{key: value for key, value in hero.properties.items() if key not in ("name", "criteria")},
                criteria=[{**criterion, "optionSelection": {"filter": f"name:{filtered}"}}],
            )
            for name, filtered in shows.items()
        ),
    )  # fmt: skip


def test_a_live_decision_is_changed_when_the_offers_that_it_shows_then_are_approved(sandbox: Sandbox) -> None:
    """With drafts only, it would show its fallback."""
    sandbox.plan_and_apply(_with_banner(sandbox.api, ["Frost"], "Spring set"))
    made = _with_banner(sandbox.api, ["Frost", "Snow"], "Winter set")
    plan = sandbox.plan(made)
    assert planned(plan, "Snow").held_as_draft
    assert planned(plan, "Banner").after_offers
    assert plan_from_json(json.loads(json.dumps(plan_as_json(plan)))) == plan
    seen: list[str] = []

    def look(progress: Progress) -> None:
        if progress.key == ("decision", "Banner"):
            seen.append(sandbox.body("Snow")["status"])

    apply(sandbox.library.settings, plan, sandbox.store, ApplyOptions(max_concurrent=1), look)

    assert seen == ["approved"]
    assert sandbox.plan(made).objects == ()


def test_a_live_decision_is_not_changed_if_the_offers_that_it_shows_then_stay_drafts(sandbox: Sandbox) -> None:
    sandbox.plan_and_apply(_with_banner(sandbox.api, ["Frost"], "Spring set"))
    made = _with_banner(sandbox.api, ["Frost", "Snow", "Sleet"], "Winter set")
    before = sandbox.body("Banner")
    sandbox.emulator.add_fault("status", status=422, method="POST", contains='"Sleet"', times=None)

    with pytest.raises(CampaignFailedError) as caught:
        sandbox.plan_and_apply(made)

    assert caught.value.report is not None
    ends = {each.key[1]: each.end for each in caught.value.report.outcomes}
    assert (ends["Sleet"], ends["Snow"], ends["Banner"]) == ("failed", "skipped", "skipped")
    assert sandbox.body("Banner") == before
    sandbox.emulator.clear_faults()
    assert sandbox.plan_and_apply(made).is_complete
    assert sandbox.plan(made).objects == ()


def test_a_live_decision_does_not_change_to_offers_that_stay_drafts_for_another_one(sandbox: Sandbox) -> None:
    sandbox.plan_and_apply(_with_banner(sandbox.api, ["Frost"], "Spring set"))
    # The banner shows it before the change, and not after it.
    sleet = offer("Sleet", status="approved", tags=["name:Spring"], representations=shown("name:Web hero"))
    made = _with_banner(sandbox.api, ["Frost", "Snow"], "Winter set", sleet)
    plan = sandbox.plan(made)
    assert planned(plan, "Sleet").held_as_draft
    assert not planned(plan, "Banner").after_offers
    before = sandbox.body("Banner")
    sandbox.emulator.add_fault("status", status=422, method="POST", contains='"Sleet"', times=None)

    with pytest.raises(CampaignFailedError):
        sandbox.apply(plan)

    assert sandbox.body("Banner") == before
    sandbox.emulator.clear_faults()
    assert sandbox.plan_and_apply(made).is_complete


def test_offers_that_a_live_decision_can_show_stay_drafts_if_one_of_them_failed(sandbox: Sandbox) -> None:
    sandbox.plan_and_apply(spring(1, api=sandbox.api))
    made = spring(3, api=sandbox.api)
    sandbox.emulator.add_fault("status", status=422, method="POST", contains='"Offer 2"', times=None)

    with pytest.raises(CampaignFailedError, match="such offers go out together"):
        sandbox.plan_and_apply(made)

    assert sandbox.body("Offer 3")["status"] == "draft"
    sandbox.emulator.clear_faults()
    assert sandbox.plan_and_apply(made).is_complete
    assert sandbox.body("Offer 3")["status"] == "approved"
    assert sandbox.plan(made).objects == ()


def test_an_approved_offer_is_changed_in_one_write_and_one_to_take_back_first_of_all(sandbox: Sandbox) -> None:
    objects = spring_objects(3, api=sandbox.api)
    sandbox.plan_and_apply(campaign(*objects.values()))
    after = changed(objects, "Offer 1", status="draft", rank={"priority": 8})
    after["Offer 9"] = offer("Offer 9", status="draft", representations=shown("name:Web hero"))
    plan = sandbox.plan(campaign(*after.values()))
    sandbox.emulator.clear_journal()

    assert sandbox.apply(plan).is_complete

    assert sandbox.writes() == ["PATCH", "PATCH", "POST"] or sandbox.writes() == ["PATCH", "POST", "PATCH"]
    assert sandbox.body("Offer 1")["status"] == "draft"
    assert sandbox.body("Offer 1")["rank"] == {"priority": 8}
    assert sandbox.plan(campaign(*after.values())).objects == ()


def test_progress_counts_the_objects_of_each_phase(sandbox: Sandbox) -> None:
    heard: list[Progress] = []
    plan = sandbox.plan(spring(3, api=sandbox.api))

    apply(sandbox.library.settings, plan, sandbox.store, on_progress=heard.append)

    assert {each.phase for each in heard} == {"content", "show"}
    assert sum(each.phase == "content" for each in heard) == len(plan.objects)
    assert all(0 < each.done <= each.total for each in heard)
