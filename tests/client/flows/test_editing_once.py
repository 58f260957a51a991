"""Edits that depend on an object's state, request by request: receipts, kept plans, notes, and final statuses."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from airflow_provider_offers.client.errors import (
    ConflictError,
    InvalidInputError,
    NotPublishableError,
    OutcomeUnknownError,
    TransitionError,
)
from airflow_provider_offers.client.flows import golive
from airflow_provider_offers.client.flows.editing import archive_expired, edit, retire_expired, schedule, take_step
from airflow_provider_offers.client.flows.memory import Plan
from airflow_provider_offers.client.model.entities import Entity, Receipt, Reference, Written
from airflow_provider_offers.client.model.kinds import DECISION, FALLBACK, PERSONALIZED
from airflow_provider_offers.client.model.lifecycle import ACTIVATE, ARCHIVE, ARCHIVE_DECISION, COMPLETE, PUBLISH
from airflow_provider_offers.client.model.operations import Patch
from airflow_provider_offers.client.model.windows import resolve_window
from airflow_provider_offers.client.wire.memory import NO_MEMORY
from airflow_provider_offers.client.wire.messages import Flow
from tests.client.library import CREATED, DPS_ID, receipt, reference, sale
from tests.client.script import START, Script, Step, answer, body_of, lost
from tests.client.writes import BOTH, Kept, methods, shown

WINDOW = resolve_window("2026-08-01T00:00:00Z", "2026-09-01T00:00:00Z")
OVER = resolve_window("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")
SET = {**sale(), "selectionConstraint": WINDOW.as_constraint()}
DATES = {"startDate": "2026-01-01T00:00:00Z", "endDate": "2027-01-01T00:00:00Z"}
STALE = answer(409, {"title": "stale"})


def done(api: str, etag: int = 2) -> Step:
    return answer(200, receipt(api, etag=etag), {"x-request-id": "theirs"})


def edited(api: str, flow: Any, *steps: Step, kept: Kept | None = None, **retries: Any) -> tuple[Written, Script]:
    script = Script(*steps, memory=kept or NO_MEMORY)
    return script.run(flow(script.access(api, **retries), reference(api))), script


def scheduled(window: Any = WINDOW, **options: Any) -> Any:
    return lambda access, it: schedule(access, it, window, **options)


def other(**properties: Any) -> Step:
    """What dps shows of an object of another kind."""
    return answer(200, {"id": DPS_ID, "etag": 1, "created": CREATED, "modified": CREATED, **properties})


def at_other(kind: Any, flow: Any, *steps: Step) -> tuple[Written, Script]:
    script = Script(*steps)
    return script.run(flow(script.access(), Reference(kind, id=DPS_ID))), script


@BOTH
def test_an_edit_tells_the_name_and_the_request(api: str) -> None:
    written, _ = edited(api, scheduled(), shown(api, sale(), 1), done(api))
    assert (written.action, written.name, written.receipt.etag) == ("scheduled", "Spring voucher", 2)
    assert "theirs" in str(written.request_id)


@BOTH
def test_a_plan_has_the_etag_of_its_read_and_is_taken_back_if_it_was_refused(api: str) -> None:
    kept = Kept()
    steps = [shown(api, sale(), 4), STALE, *[shown(api, sale(name="New"), 5)] * 2, done(api, 6)]
    edited(api, scheduled(intent=kept.intent), *steps, kept=kept)
    assert kept.kept == [Plan(4, ""), Plan(4, "", refused=True), Plan(5, "")]


@BOTH
@pytest.mark.parametrize("etag", [1, 2])
def test_one_edit_since_an_earlier_try_is_somebody_elses(api: str, etag: int) -> None:
    """The object does not have the window, so the edit was not ours."""
    kept = Kept(Plan(1, ""), since=START)
    steps = [shown(api, sale(), etag), done(api, etag + 1)]
    assert methods(edited(api, scheduled(intent=kept.intent), *steps, kept=kept)[1]) == ["GET", "PATCH"]
    with pytest.raises(ConflictError, match="may have been scheduled by this task already") as told:
        edited(api, scheduled(intent=kept.intent), shown(api, sale(), 3), kept=kept)
    assert '/selectionConstraint/endDate is "2026-06-30T21:59:59Z", not "2026-09-01T00:00:00Z"' in str(told.value)
    # It has the window: this task set it, unless nothing was edited at all.
    written, _ = edited(api, scheduled(intent=kept.intent), shown(api, SET, etag), kept=kept)
    assert written.action == ("unchanged" if etag == 1 else "scheduled")


@BOTH
def test_what_may_be_done_again_is_left_to_the_next_try_at_once(api: str) -> None:
    steps: list[Step] = [shown(api, sale(), 1), lost(), answer(500)]
    script = Script(*steps)
    with pytest.raises(OutcomeUnknownError) as caught:
        script.run(schedule(script.access(api, max_retries=0), reference(api), WINDOW))
    assert caught.value.retryable
    assert methods(script) == ["GET", "PATCH", "GET"]


@BOTH
def test_the_conflict_with_a_lost_answer_has_it_as_its_cause(api: str) -> None:
    theirs = shown(api, sale(selectionConstraint=OVER.as_constraint()), 3)
    steps: list[Step] = [shown(api, sale(), 1), lost(), theirs, theirs]
    with pytest.raises(ConflictError, match="may have been scheduled") as caught:
        edited(api, scheduled(), *steps)
    assert isinstance(caught.value.__cause__, OutcomeUnknownError)


@BOTH
@pytest.mark.parametrize(
    ("options", "notes"), [({}, 1), ({"waive": ("window_over",)}, 0), ({"waive": ("no_window",)}, 1)]
)
def test_a_window_that_is_over_is_told_once(api: str, options: dict[str, Any], notes: int) -> None:
    steps = [shown(api, sale(), 1), STALE, *[shown(api, sale(name="New"), 2)] * 2, done(api, 3)]
    _, script = edited(api, scheduled(OVER, **options), *steps)
    assert len(script.notes) == notes
    assert all("is never shown: the window ended at 2026-02-01" in note for note in script.notes)
    strict = scheduled(OVER, strict=True, **options)
    if notes:
        with pytest.raises(InvalidInputError, match="window_over"):
            edited(api, strict, shown(api, sale(), 1))
    else:
        assert edited(api, strict, shown(api, sale(), 1), done(api))[0].action == "scheduled"


@BOTH
def test_a_final_status_refuses_a_window(api: str) -> None:
    with pytest.raises(TransitionError, match="'Spring voucher'"):
        edited(api, scheduled(), shown(api, sale(status="archived"), 1))


def test_a_decision_has_its_dates_at_the_top() -> None:
    draft = {"name": "D", "status": "draft", **DATES}
    _, script = at_other(DECISION, scheduled(), other(**draft), done("dps"))
    changed = [each["path"] for each in body_of(script.requests[1]) if each["op"] != "test"]
    assert changed == ["/startDate", "/endDate"]
    for status in ("archived", "complete"):
        with pytest.raises(TransitionError, match="'D'"):
            at_other(DECISION, scheduled(), other(**{**draft, "status": status}))


def test_the_window_of_a_live_decision_is_set_under_a_guard_of_its_criteria() -> None:
    live = {"name": "D", "status": "live", "criteria": [], **DATES}
    _, script = at_other(DECISION, scheduled(), other(**live), done("dps"))
    assert {"op": "test", "path": "/criteria", "value": []} in body_of(script.requests[1])
    with pytest.raises(
        NotPublishableError, match="complete or deactivate it instead, or choose another window"
    ) as told:
        at_other(DECISION, scheduled(OVER), other(**live))
    assert "Scheduling 'D'" in str(told.value)


def test_a_step_that_a_decision_does_not_allow_is_told_with_those_that_it_does() -> None:
    with pytest.raises(TransitionError, match=r"allows activate \(to live\) or archive \(to archived\)"):
        at_other(DECISION, lambda access, it: take_step(access, it, COMPLETE), other(name="D", status="draft"))


@BOTH
def test_a_doubt_about_a_planned_property_is_in_the_log_already(api: str, caplog: pytest.LogCaptureFixture) -> None:
    def plan(now: Entity) -> Flow[Patch]:
        yield from ()
        return [{"op": "add", "path": "/future", "value": 1}]

    def planned(access: Any, it: Reference) -> Any:
        return edit(access, it, plan, "extended", validate=True)

    assert edited(api, planned, shown(api, sale(), 1), done(api))[0].action == "extended"
    assert caplog.messages == []


def test_a_decision_that_is_complete_may_still_be_archived() -> None:
    def archived(access: Any, it: Reference) -> Any:
        return take_step(access, it, ARCHIVE_DECISION)

    there = other(name="D", status=COMPLETE.target, **DATES)
    written, script = at_other(DECISION, archived, there, done("dps"))
    assert (written.action, methods(script)) == (ARCHIVE_DECISION.done, ["GET", "PATCH"])
    with pytest.raises(TransitionError, match="'D'"):
        at_other(DECISION, lambda access, it: take_step(access, it, ACTIVATE), there)


def test_a_fallback_is_published_without_a_window() -> None:
    shows = [{"placement": "dps:offer-placement:1"}]

    def published(access: Any, it: Reference) -> Any:
        return take_step(access, it, PUBLISH, waive=("missing_placement",))

    written, _ = at_other(FALLBACK, published, other(name="F", status="draft", representations=shows), done("dps"))
    assert written.action == "published"


@BOTH
def test_an_offer_that_would_not_be_shown_is_told_by_its_name(api: str) -> None:
    def published(access: Any, it: Reference) -> Any:
        return take_step(access, it, PUBLISH, waive=("missing_placement",))

    with pytest.raises(NotPublishableError, match="'Spring voucher'"):
        edited(api, published, shown(api, sale(selectionConstraint=OVER.as_constraint()), 1))


def test_a_decision_is_activated_with_every_reason_waived_under_guards_of_what_counts() -> None:
    draft = {"name": "D", "status": "draft", "criteria": [], **DATES}

    def activated(waive: Any) -> Any:
        return lambda access, it: take_step(access, it, ACTIVATE, waive=waive, now=START)

    written, script = at_other(DECISION, activated(golive.REASONS), other(**draft), done("dps"))
    assert written.action == ACTIVATE.done
    guarded = {each["path"] for each in body_of(script.requests[1]) if each["op"] == "test"}
    assert {"/criteria", "/startDate", "/endDate"} <= guarded
    with pytest.raises(NotPublishableError, match=r"Activating.*'D'"):
        at_other(DECISION, activated(()), other(**draft))


@BOTH
@pytest.mark.parametrize(("cutoff", "action"), [(timedelta(0), "unchanged"), (timedelta(milliseconds=1), "archived")])
def test_an_offer_whose_window_ended_before_the_cutoff_is_archived(api: str, cutoff: timedelta, action: str) -> None:
    there = shown(api, sale(status="approved", selectionConstraint=OVER.as_constraint()), 1)
    steps = [there, done(api)] if action == "archived" else [there]
    moment: datetime = OVER.end + cutoff
    assert edited(api, lambda access, it: archive_expired(access, it, moment), *steps)[0].action == action


@pytest.mark.parametrize(
    ("it", "expected"),
    [
        (Reference(PERSONALIZED, id=DPS_ID), Receipt(DPS_ID, DPS_ID, None)),
        (Reference(PERSONALIZED, instance_id="i"), Receipt("i", "i", None)),
        (Reference(PERSONALIZED, id=DPS_ID, instance_id="i"), Receipt(DPS_ID, "i", None)),
    ],
)
def test_an_offer_that_was_deleted_meanwhile_is_unchanged(it: Reference, expected: Receipt) -> None:
    script = Script(answer(404))
    api = "dps" if it.instance_id is None else "xcore"
    written = script.run(retire_expired(script.access(api), it, START, is_retry=False))
    assert (written.action, written.receipt) == ("unchanged", expected)


@pytest.mark.parametrize(("is_retry", "action"), [(True, "archived"), (False, "unchanged")])
def test_an_offer_that_is_archived_already_counts_for_a_retry(is_retry: bool, action: str) -> None:
    there = shown("dps", sale(status=ARCHIVE.target), 2)
    script = Script(*[there] * (1 + is_retry))
    assert script.run(retire_expired(script.access(), reference("dps"), START, is_retry=is_retry)).action == action
