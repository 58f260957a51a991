"""Patches and edits that an earlier or parallel try of the same work may have sent already."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_offers.client.errors import (
    ConflictError,
    InvalidInputError,
    NoAnswerError,
    OutcomeUnknownError,
)
from airflow_provider_offers.client.flows.doubts import patch_looked_at
from airflow_provider_offers.client.flows.editing import archive_expired, schedule, take_step
from airflow_provider_offers.client.flows.memory import Plan
from airflow_provider_offers.client.flows.patching import patch
from airflow_provider_offers.client.model.entities import Written
from airflow_provider_offers.client.model.lifecycle import UNPUBLISH
from airflow_provider_offers.client.model.windows import resolve_window
from airflow_provider_offers.client.wire.memory import NO_MEMORY, Memory
from airflow_provider_offers.client.wire.messages import Response
from tests.client.library import entity, receipt, reference, sale
from tests.client.script import START, Script, Step, answer, lost
from tests.client.writes import (
    ADD_TAG,
    AFTER,
    APPROVE,
    BEFORE,
    BOTH,
    DRAFT,
    Kept,
    fail,
    methods,
    prepared,
    shown,
)

# Patches that an earlier try of the same work may have sent.


def again(api: str, kept: Kept, operations: Any, *steps: Step, if_match: Any = None) -> tuple[Written, Script]:
    script = Script(*steps, memory=kept)
    flow = patch(script.access(api), reference(api), prepared(operations), if_match=if_match, intent=kept.intent)
    return script.run(flow), script


def plan_of_first_try(api: str, operations: Any = ADD_TAG, properties: Any = BEFORE) -> Plan:
    kept = Kept()
    again(api, kept, operations, shown(api, properties, 1), answer(200, receipt(api, etag=2)))
    (plan,) = kept.kept
    return plan


@BOTH
def test_the_plan_is_kept_before_the_patch_is_sent(api: str) -> None:
    kept = Kept()
    seen: list[int] = []

    def sent(_: Any) -> Response:
        seen.append(len(kept.kept))
        return answer(200, receipt(api, etag=2))

    again(api, kept, ADD_TAG, shown(api, BEFORE, 1), sent)
    assert seen == [1]
    assert kept.kept[0].etag == 1
    again(api, kept, APPROVE, answer(200, receipt(api)))
    # The plan of a patch that only sets members contains only the time of its POST.
    assert kept.kept[1] == Plan(0, "", START)


@BOTH
@pytest.mark.parametrize("if_match", [None, 1])
def test_what_an_earlier_try_applied_is_seen(api: str, if_match: int | None) -> None:
    kept = Kept(plan_of_first_try(api), since=START)
    written, script = again(api, kept, ADD_TAG, shown(api, AFTER, 2), if_match=if_match)
    assert (written.action, written.receipt.etag) == ("updated", 2)
    assert methods(script) == ["GET"]
    # Somebody edited something else since.
    _, script = again(api, kept, ADD_TAG, shown(api, {**AFTER, "name": "new"}, 7), if_match=if_match)
    assert methods(script) == ["GET"]


@BOTH
def test_what_an_earlier_try_did_not_send_is_sent(api: str) -> None:
    kept = Kept(plan_of_first_try(api), since=START)
    _, script = again(api, kept, ADD_TAG, shown(api, BEFORE, 1), answer(200, receipt(api, etag=2)))
    assert methods(script) == ["GET", "PATCH"]
    # The only edit since then is somebody else's.
    other = shown(api, {**BEFORE, "tags": []}, 2)
    _, script = again(api, kept, ADD_TAG, other, answer(200, receipt(api, etag=3)))
    assert methods(script) == ["GET", "PATCH"]


@BOTH
def test_what_comes_through_late_is_seen_by_the_next_try(api: str) -> None:
    """The service applies the earlier try's patch just after the next try has read the offer."""
    kept = Kept(plan_of_first_try(api), since=START)
    after = shown(api, AFTER, 2)
    refusal = answer(409, {"title": "stale"}) if api == "xcore" else answer(422, {"title": "a test failed"})
    written, script = again(api, kept, ADD_TAG, shown(api, BEFORE, 1), refusal, after)
    assert written.receipt.etag == 2
    assert methods(script).count("PATCH") == 1


class AtIt(Kept):
    """Another try reads the offer at the same time, and keeps its plan while ours runs."""

    def keep(self, key: str, value: Any) -> None:
        super().keep(key, value)
        self.plan = self.kept[-1]


@BOTH
def test_two_workers_at_one_task_patch_once(api: str) -> None:
    """Both read before either writes. The second finds the edit of the first, and writes nothing."""
    refusal = answer(409, {"title": "stale"}) if api == "xcore" else answer(422, {"title": "a test failed"})
    after = shown(api, AFTER, 2)
    written, script = again(api, AtIt(), ADD_TAG, shown(api, BEFORE, 1), refusal, after)
    assert (written.receipt.etag, methods(script).count("PATCH")) == (2, 1)
    # The other edit is somebody else's: ours is applied on top of it.
    other = shown(api, {**BEFORE, "tags": ["dps:tag:9"]}, 2)
    done = answer(200, receipt(api, etag=3))
    _, script = again(api, AtIt(), ADD_TAG, shown(api, BEFORE, 1), refusal, other, other, done)
    assert methods(script).count("PATCH") == 2


@BOTH
def test_a_worker_thought_dead_wakes_and_patches_nothing(api: str) -> None:
    """A later try has done the work. The first try wakes up and has not read the offer yet."""
    later = Kept(plan_of_first_try(api))
    assert later.intent.tries.since is None
    assert methods(again(api, later, ADD_TAG, shown(api, AFTER, 2))[1]) == ["GET"]


@BOTH
def test_several_edits_since_leave_it_open(api: str) -> None:
    kept = Kept(plan_of_first_try(api), since=START)
    script = Script(shown(api, {**BEFORE, "tags": []}, 3), memory=kept)
    with pytest.raises(OutcomeUnknownError, match="from 1 to 3") as caught:
        script.run(patch(script.access(api), reference(api), prepared(ADD_TAG), intent=kept.intent))
    assert not caught.value.retryable


@BOTH
def test_without_a_plan_the_offer_itself_tells(api: str) -> None:
    """Airflow 3.2 keeps nothing between two tries."""
    kept = Kept(since=START)
    assert methods(again(api, kept, ADD_TAG, shown(api, AFTER, 2))[1]) == ["GET"]
    sent: list[Step] = [shown(api, BEFORE, 1), answer(200, receipt(api, etag=2))]
    assert methods(again(api, kept, ADD_TAG, *sent)[1]) == ["GET", "PATCH"]
    # That edit was before any earlier try.
    old = Kept(since=START + timedelta(hours=1))
    sent = [shown(api, AFTER, 2), answer(200, receipt(api, etag=3))]
    assert methods(again(api, old, ADD_TAG, *sent)[1]) == ["GET", "PATCH"]
    first = [{"op": "add", "path": "/tags/0", "value": "x"}]
    with pytest.raises(OutcomeUnknownError, match="is not known"):
        again(api, kept, first, shown(api, BEFORE, 1))
    # Clearing the task requests the patch anyway.
    sent = [shown(api, BEFORE, 1), answer(200, receipt(api, etag=2))]
    assert methods(again(api, Kept(since=START, anew=True), first, *sent)[1]) == ["GET", "PATCH"]
    # Somebody added another tag after it, or before it was sent.
    with pytest.raises(OutcomeUnknownError, match="is not known"):
        again(api, kept, ADD_TAG, shown(api, {**AFTER, "tags": [*AFTER["tags"], "dps:tag:3"]}, 3))


@BOTH
@pytest.mark.parametrize("ahead", [-3_600, -90, 0, 90, 3_600])
def test_without_a_plan_a_wrong_clock_does_not_hide_an_earlier_patch(api: str, ahead: int) -> None:
    """Ten seconds after the earlier try began, the service applied its patch, and wrote down its own time."""
    kept = Kept(since=START)
    modified = (START + timedelta(seconds=ahead + 10)).isoformat()
    envelope: dict[str, Any] = {"modified" if api == "dps" else "repo:lastModifiedDate": modified}
    there = entity(api, AFTER, etag=2, **envelope)
    read = answer(200, there, {"date": Script().http_date(ahead)})
    written, script = again(api, kept, ADD_TAG, read)
    assert (written.receipt.etag, methods(script)) == (2, ["GET"])


@BOTH
@pytest.mark.parametrize("modified", ["yesterday", None])
def test_an_offer_without_a_time_may_have_been_patched_by_an_earlier_try(api: str, modified: str | None) -> None:
    envelope: dict[str, Any] = {"modified" if api == "dps" else "repo:lastModifiedDate": modified}
    _, script = again(api, Kept(since=START), ADD_TAG, shown(api, AFTER, 2, **envelope))
    assert methods(script) == ["GET"]


@BOTH
def test_another_try_does_not_overrule_who_set_it_since(api: str) -> None:
    """The first try was killed while its patch was in transit.

    At the next try, the offer has the value that somebody else set.
    """
    modified = "modified" if api == "dps" else "repo:lastModifiedDate"
    earlier = Kept(Plan(0, "", START - timedelta(minutes=5)), since=START - timedelta(minutes=5))
    done = shown(api, sale(status="approved"), 2, **{modified: "2026-03-02T08:55:01Z"})
    assert methods(again(api, earlier, APPROVE, done)[1]) == ["GET"]
    untouched = shown(api, sale(), 1, **{modified: "2026-03-02T08:54:00Z"})
    sent: list[Step] = [untouched, answer(200, receipt(api, etag=2))]
    assert methods(again(api, earlier, APPROVE, *sent)[1]) == ["GET", "PATCH"]
    assert earlier.kept[-1].sent == START - timedelta(minutes=5)
    theirs = shown(api, sale(status="archived"), 3, **{modified: "2026-03-02T08:57:00Z"})
    with pytest.raises(ConflictError, match="clear the task to set them anyway") as caught:
        again(api, earlier, APPROVE, theirs)
    assert not caught.value.retryable


@BOTH
def test_a_refused_edit_that_is_there_is_not_made_again(api: str) -> None:
    """A gateway may have sent it twice and returned the second answer; or somebody else made the same edit."""
    refusal = answer(409, {"title": "stale"}) if api == "xcore" else answer(422, {"title": "a test failed"})
    written, script = again(api, Kept(), ADD_TAG, shown(api, BEFORE, 1), refusal, shown(api, AFTER, 2))
    assert (written.action, written.receipt.etag) == ("updated", 2)
    assert methods(script) == ["GET", "PATCH", "GET"]


@BOTH
@pytest.mark.parametrize("if_match", [1, "1", '"1"'])
def test_if_match_without_a_plan_knows_its_own_effect(api: str, if_match: int | str) -> None:
    kept = Kept(since=START)
    assert methods(again(api, kept, ADD_TAG, shown(api, AFTER, 2), if_match=if_match)[1]) == ["GET"]
    script = Script(shown(api, AFTER, 3), memory=kept)
    with pytest.raises(ConflictError):
        script.run(patch(script.access(api), reference(api), prepared(ADD_TAG), if_match=1, intent=kept.intent))


@BOTH
@pytest.mark.parametrize(
    ("operations", "set_to"),
    [
        ([*DRAFT, *APPROVE], {"status": "approved"}),
        (
            [
                {"op": "replace", "path": "/rank", "value": {"priority": 1}},
                {"op": "replace", "path": "/rank/priority", "value": 7},
            ],
            {"rank": {"priority": 7}},
        ),
    ],
    ids=["twice", "nested"],
)
def test_what_sets_one_place_more_than_once_is_seen_by_the_next_try(
    api: str, operations: Any, set_to: dict[str, Any]
) -> None:
    kept = Kept(Plan(0, "", START), since=START)
    later: dict[str, Any] = {"modified" if api == "dps" else "repo:lastModifiedDate": "2026-03-02T09:00:25.000Z"}
    written, script = again(api, kept, operations, shown(api, sale(**set_to), 2, **later))
    assert (written.receipt.etag, methods(script)) == (2, ["GET"])
    with pytest.raises(ConflictError, match="does not have the values of this patch"):
        again(api, kept, operations, shown(api, sale(name="new"), 2, **later))


# Edits that depend on the offer's state.


def run_edit(api: str, edit: Any, *steps: Step, memory: Memory = NO_MEMORY) -> tuple[Written, Script]:
    script = Script(*steps, memory=memory)
    return script.run(edit(script.access(api), reference(api))), script


@BOTH
def test_what_a_plan_only_tests_may_change_while_the_answer_is_lost(api: str) -> None:
    """The offer is archived because its window is over; right after that, somebody moves the window."""
    over = {"startDate": "2026-01-01T00:00:00Z", "endDate": "2026-02-01T00:00:00Z"}
    moved = sale(status="archived", selectionConstraint={**over, "endDate": "2090-01-01"})
    written, script = run_edit(
        api,
        lambda access, it: archive_expired(access, it, START),
        shown(api, sale(selectionConstraint=over), 1),
        lost(),
        shown(api, moved, 3),
    )
    assert (written.action, written.receipt.etag) == ("archived", 3)
    assert methods(script) == ["GET", "PATCH", "GET"]


@BOTH
def test_an_edit_beside_the_window_does_not_hide_that_it_was_set(api: str) -> None:
    window = resolve_window("2026-04-01T00:00:00Z", duration="P14D")
    beside = sale(selectionConstraint={**window.as_constraint(), "profileConstraintType": "none"})
    written, script = run_edit(
        api,
        lambda access, it: schedule(access, it, window),
        shown(api, sale(), 1),
        lost(),
        *[shown(api, beside, 3)] * 2,
    )
    assert (written.action, written.receipt.etag) == ("scheduled", 3)
    assert methods(script).count("PATCH") == 1


@BOTH
def test_what_may_have_been_taken_back_while_the_answer_was_lost_is_not_made_again(api: str) -> None:
    approved = sale(status="approved")
    script = Script(shown(api, approved, 1), lost(), *[shown(api, approved, 3)] * 2)
    with pytest.raises(ConflictError, match="may have been unpublished by this task already") as caught:
        script.run(take_step(script.access(api), reference(api), UNPUBLISH, now=START))
    assert not caught.value.retryable
    assert "etag went from 1 to 3" in str(caught.value)
    assert methods(script).count("PATCH") == 1


@BOTH
def test_a_step_that_was_refused_is_not_held_against_the_next_try(api: str) -> None:
    """Others kept editing the offer, so each write was refused. None of these edits undid ours."""
    approved, first = sale(status="approved"), Kept()
    steps: list[Step] = []
    for etag in range(1, 6):
        steps += [shown(api, approved, etag), answer(409, {}), shown(api, approved, etag + 1)]
    script = Script(*steps, memory=first)
    with pytest.raises(ConflictError) as caught:
        script.run(take_step(script.access(api), reference(api), UNPUBLISH, now=START, intent=first.intent))
    assert caught.value.retryable
    next_try = Kept(first.kept[-1], since=START)
    written, _ = run_edit(
        api,
        lambda access, it: take_step(access, it, UNPUBLISH, now=START, intent=next_try.intent),
        shown(api, approved, 20),
        answer(200, receipt(api, etag=21)),
        memory=next_try,
    )
    assert written.action == "unpublished"


@BOTH
def test_a_receipt_and_an_offer_that_cannot_be_read_leave_the_outcome_to_the_next_try(api: str) -> None:
    """The patch was applied; a later failure is no refusal of it."""
    steps: list[Step] = [shown(api, BEFORE, 1), answer(200, b"<html>"), answer(429)]
    error, _ = fail(OutcomeUnknownError, api, ADD_TAG, *steps, max_retries=0)
    assert not error.retryable
    script = Script(*steps)
    with pytest.raises(OutcomeUnknownError, match="had no answer that settles it") as caught:
        script.run(patch(script.access(api, max_retries=0), reference(api), prepared(ADD_TAG), intent=Kept().intent))
    assert caught.value.retryable
    error, _ = fail(OutcomeUnknownError, api, APPROVE, answer(200, b"<html>"), answer(403, {"title": "no"}))
    assert error.retryable


@BOTH
def test_a_lost_answer_with_if_match_may_be_tried_again(api: str) -> None:
    steps: list[Step] = [shown(api, BEFORE, 1), lost(), shown(api, BEFORE, 1)]
    error, _ = fail(NoAnswerError, api, ADD_TAG, *steps, if_match=1, max_retries=0)
    assert error.retryable


@BOTH
def test_the_patch_after_the_look_keeps_its_guards_its_plan_and_its_checks(api: str) -> None:
    kept = Kept()

    def looked_at(there: Any, **options: Any) -> tuple[list[str], Kept]:
        script = Script(answer(200, entity(api, there, etag=4)), answer(200, receipt(api, etag=5)), memory=kept)
        script.go(patch_looked_at(script.access(api), reference(api), prepared(ADD_TAG), **options))
        return [request.method for request in script.requests], kept

    assert looked_at(BEFORE, if_match=4, intent=kept.intent) == (["GET", "PATCH"], kept)
    assert [plan.etag for plan in kept.kept] == [4]
    with pytest.raises(ConflictError):
        looked_at(BEFORE, if_match=3)
    crowded = sale(tags=[f"dps:tag:{number}" for number in range(10, 30)])
    with pytest.raises(InvalidInputError):
        looked_at(crowded)
    assert looked_at(crowded, validate=False)[0] == ["GET", "PATCH"]
