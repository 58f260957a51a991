"""An apply refuses what it must not do, and writes nothing: conflicts, stale plans, other places, other applies."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import pathlib
import shutil
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_offers.campaigns.applying.apply import ApplyOptions, apply, this_process
from airflow_provider_offers.campaigns.applying.items import Progress
from airflow_provider_offers.campaigns.errors import (
    CampaignConflictError,
    CampaignError,
    ProtectedTargetError,
    StalePlanError,
    StateError,
    StateLockedError,
)
from airflow_provider_offers.campaigns.plans import Plan
from airflow_provider_offers.campaigns.state import storage
from airflow_provider_offers.campaigns.state.storage import StateStore
from airflow_provider_offers.client.model.kinds import KINDS, PERSONALIZED
from airflow_provider_offers.client.settings import parse_settings
from tests.campaigns.applied import WHERE, Sandbox, changed, spring, spring_objects
from tests.campaigns.making import campaign, offer, put, put_wanted, wanted


def _refused(sandbox: Sandbox, plan: Plan, error: type[CampaignError], **options: Any) -> str:
    """Apply the plan, and expect that it is refused and nothing is written; the message."""
    generation = sandbox.state.generation
    sandbox.emulator.clear_journal()
    with pytest.raises(error) as caught:
        sandbox.apply(plan, **options)
    assert sandbox.writes() == []
    assert sandbox.state.generation == generation
    return str(caught.value)


def test_a_conflict_never_writes(sandbox: Sandbox) -> None:
    objects = spring_objects(2, api=sandbox.api)
    sandbox.plan_and_apply(campaign(*objects.values()))
    sandbox.edit("personalized", "Offer 1", "/rank", {"priority": 5})
    objects = changed(objects, "Offer 1", rank={"priority": 9})
    objects = changed(objects, "Offer 2", rank={"priority": 9})
    plan = sandbox.plan(campaign(*objects.values()))

    said = _refused(sandbox, plan, CampaignConflictError)

    assert "spring.yaml:1:1: personalized offer 'Offer 1': somebody else changed it" in said
    assert sandbox.body("Offer 1")["rank"] == {"priority": 5}
    sandbox.apply(sandbox.plan(campaign(*objects.values()), force_conflicts=True))
    assert sandbox.body("Offer 1")["rank"] == {"priority": 9}


def _edited(sandbox: Sandbox) -> None:
    sandbox.edit("personalized", "Offer 1", "/description", "A marketer's")


def _deleted(sandbox: Sandbox) -> None:
    sandbox.library.delete(PERSONALIZED, sandbox.id("Offer 1"))


def _created(sandbox: Sandbox) -> None:
    put_wanted(sandbox.emulator, offer("Offer 3"))


@pytest.mark.parametrize(
    ("kind", "edit", "said"),
    [
        ("tag", {"name": "Other"}, "is called 'Other' by now"),
        ("tag", None, "was deleted"),
        ("fallback", {"status": "archived"}, "is archived"),
    ],
)
def test_a_plan_is_stale_if_an_object_to_which_it_refers_is_another_one(
    sandbox: Sandbox, kind: str, edit: dict[str, Any] | None, said: str
) -> None:
    theirs = put(sandbox.emulator, kind, "Theirs", **({"status": "draft"} if kind == "fallback" else {}))
    properties = {"filterType": "any-tags" if kind == "tag" else "offers", "ids": ["name:Theirs"]}
    made = campaign(wanted("collection", "Set", **properties), external=[(kind, "Theirs")])
    plan = sandbox.plan(made)
    if edit is None:
        sandbox.library.delete(KINDS[kind], theirs)
    for name, value in (edit or {}).items():
        change = [{"op": "replace", "path": f"/{name}", "value": value}]
        sandbox.library.patch(KINDS[kind], theirs, change)

    told = _refused(sandbox, plan, StalePlanError)

    noun = KINDS[kind].noun
    assert f"the {noun} 'Theirs' ({theirs}), to which the plan refers, {said}" in told


@pytest.mark.parametrize(
    ("meanwhile", "said"),
    [
        (_edited, "personalized offer 'Offer 1' (ID) was edited by emulator-client@techacct.adobe.com at 20"),
        (_deleted, "personalized offer 'Offer 1' (ID) was deleted"),
        (_created, "personalized offer 'Offer 3' exists by now: "),
    ],
)
def test_an_edit_between_plan_and_apply_is_refused_with_who_and_what(
    sandbox: Sandbox, meanwhile: Callable[[Sandbox], None], said: str
) -> None:
    objects = spring_objects(2, api=sandbox.api)
    sandbox.plan_and_apply(campaign(*objects.values()))
    identifier = sandbox.id("Offer 1")
    after = changed(spring_objects(3, api=sandbox.api), "Offer 1", rank={"priority": 9})
    plan = sandbox.plan(campaign(*after.values()))
    meanwhile(sandbox)

    told = _refused(sandbox, plan, StalePlanError)

    assert said.replace("ID", identifier) in told
    assert "nothing was written. Make the plan again" in told


def test_a_plan_is_refused_after_another_apply(sandbox: Sandbox) -> None:
    first = sandbox.plan(spring(1, api=sandbox.api))
    sandbox.plan_and_apply(spring(2, api=sandbox.api))

    assert "Another apply has written the state since the plan" in _refused(sandbox, first, StalePlanError)


def test_a_plan_of_another_place_or_manifest_is_refused(sandbox: Sandbox) -> None:
    plan = sandbox.plan(spring(1, api=sandbox.api))

    places: list[dict[str, Any]] = [{"sandbox": "dev"}, {"organization": "X@AdobeOrg"}, {"api": "other"}]
    for place in places:
        assert "is for another place" in _refused(sandbox, dataclasses.replace(plan, **place), StalePlanError)
    assert "The manifest has changed" in _refused(sandbox, plan, StalePlanError, digest="another")
    assert sandbox.apply(plan, digest=plan.digest).is_complete


def test_a_protected_target_needs_an_approval(sandbox: Sandbox) -> None:
    plan = dataclasses.replace(sandbox.plan(spring(1, api=sandbox.api)), protected=True)

    assert "is protected, and nobody approved" in _refused(sandbox, plan, ProtectedTargetError)
    assert sandbox.apply(plan, approved=True).is_complete
    # A plan without a change needs none.
    unchanged = dataclasses.replace(sandbox.plan(spring(1, api=sandbox.api)), protected=True)
    assert sandbox.apply(unchanged).is_complete


def test_a_damaged_state_is_refused(sandbox: Sandbox) -> None:
    plan = sandbox.plan(spring(1, api=sandbox.api))
    sandbox.apply(plan)
    (file,) = sandbox.path.rglob("*.json")
    file.write_text("{")
    sandbox.emulator.clear_journal()

    with pytest.raises(StateError, match="is damaged"):
        sandbox.apply(plan)
    assert sandbox.writes() == []


def test_of_two_applies_at_once_one_is_refused_by_name(sandbox: Sandbox) -> None:
    plan = sandbox.plan(spring(1, api=sandbox.api))
    with sandbox.store.lock(*WHERE, owner="dag nightly, task apply"):
        said = _refused(sandbox, plan, StateLockedError)
    assert "is held by dag nightly, task apply until 20" in said
    assert sandbox.apply(plan).is_complete


def test_two_applies_of_one_process_exclude_each_other(sandbox: Sandbox) -> None:
    """In containers, the name of the machine and the number of the process may be the same."""
    plan = sandbox.plan(spring(1, api=sandbox.api))

    with sandbox.store.lock(*WHERE, owner=this_process()):
        said = _refused(sandbox, plan, StateLockedError)

    assert f"process {os.getpid()}" in said


def test_an_apply_whose_lock_was_taken_away_writes_no_more_state(sandbox: Sandbox) -> None:
    made = spring(3, api=sandbox.api)
    plan = sandbox.plan(made)
    stolen: list[str | None] = []

    def steal(progress: Progress) -> None:
        if progress.key[0] == "placement":
            stolen.append(sandbox.store.force_unlock(*WHERE))
            sandbox.store.lock(*WHERE, owner="anna").__enter__()

    with pytest.raises(StateLockedError, match="was taken over by anna"):
        apply(sandbox.library.settings, plan, sandbox.store, ApplyOptions(owner="dag nightly"), steal)

    assert stolen == ["dag nightly"]
    # No offer was written after that: the state has to be saved before they are created.
    assert {each["kind"] for each in sandbox.there()} <= {
        "tag",
        "eligibility-rule",
        "ranking-function",
        "offer-placement",
    }
    sandbox.store.force_unlock(*WHERE)
    assert sandbox.plan_and_apply(made).is_complete
    assert sandbox.plan(made).objects == ()
    assert len(sandbox.there()) == len(made.objects)


def test_an_apply_whose_lock_has_expired_stops_before_its_next_write(sandbox: Sandbox) -> None:
    plan = sandbox.plan(spring(3, api=sandbox.api))
    clock = [datetime.now(UTC)]
    store = StateStore(sandbox.path, now=lambda: clock[0])
    counted: list[int] = []

    def late(progress: Progress) -> None:
        if progress.key[1] == "Offer 1":
            clock[0] += timedelta(seconds=121)
            counted.append(len(sandbox.writes()))

    with pytest.raises(StateLockedError, match=r"expired at .* before it was renewed"):
        apply(sandbox.library.settings, plan, store, ApplyOptions(max_concurrent=1), late)

    # The look that confirms the offers of a batch comes after all of its writes.
    assert len(sandbox.writes()) == counted[0]
    assert sandbox.plan_and_apply(spring(3, api=sandbox.api)).is_complete


def test_the_generation_check_refuses_where_no_lock_was_seen(monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> None:
    """Two applies with a store that forgets its lock: the second one to write the state stops."""
    # On a busy machine, the other apply takes longer than the time between two looks at the lock.
    for name in ("_LOOK_SECONDS", "_OLDEST_LOOK_SECONDS"):
        monkeypatch.setattr(storage, name, 1_000.0)
    made = spring(3, api=sandbox.api)
    plan = sandbox.plan(made)
    other: list[Any] = []

    def together(progress: Progress) -> None:
        if progress.key[0] == "placement" and not other:
            locks = list(sandbox.path.rglob("*.lock"))
            content = [each.read_bytes() for each in locks]
            for each in locks:
                each.unlink()
            # An event loop of its own, as another process has.
            with ThreadPoolExecutor() as threads:
                other.append(threads.submit(sandbox.plan_and_apply, made).result())
            for each, kept in zip(locks, content, strict=True):
                each.write_bytes(kept)

    with pytest.raises((StateError, StalePlanError), match="Somebody else has written"):
        apply(sandbox.library.settings, plan, sandbox.store, ApplyOptions(owner="first"), together)

    assert other[0].is_complete
    assert len(sandbox.there()) == len(made.objects)
    assert sandbox.plan(made).objects == ()


def test_a_state_that_is_lost_between_plan_and_apply_is_refused(sandbox: Sandbox) -> None:
    sandbox.plan_and_apply(spring(1, api=sandbox.api))
    plan = sandbox.plan(campaign(*spring_objects(1, api=sandbox.api).values(), offer("More")))
    shutil.rmtree(sandbox.path)
    assert "The state is gone: its generation is 0" in _refused(sandbox, plan, StalePlanError)


def _apply_and_die(connection: dict[str, Any], plan: Plan, path: pathlib.Path) -> None:
    def die(progress: Progress) -> None:
        if progress.key[1] == "Offer 2":
            os.kill(os.getpid(), signal.SIGKILL)

    apply(parse_settings(**connection), plan, StateStore(path), ApplyOptions(owner="the dead"), die)


def test_a_process_that_is_killed_is_followed_by_another_after_its_lock_has_expired(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    made = spring(3, api=sandbox.api)
    plan = sandbox.plan(made)
    connection = sandbox.emulator.connection(sandbox.api)
    del connection["conn_type"]
    process = multiprocessing.get_context("spawn").Process(target=_apply_and_die, args=(connection, plan, sandbox.path))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL

    with pytest.raises(StateLockedError, match="is held by the dead until 20"):
        sandbox.apply(plan)
    later = StateStore(sandbox.path, now=lambda: datetime.now(UTC) + timedelta(seconds=131))
    assert sandbox.apply(plan, later, patience=0.2).is_complete

    assert "is taken over from the dead, which has died" in caplog.text
    assert sandbox.plan(made).objects == ()
    assert len(sandbox.there()) == len(made.objects)
