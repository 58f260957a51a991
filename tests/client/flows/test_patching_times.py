"""A patch and the times and plans that it is judged by: what an earlier try sent, what a list read, and when."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from airflow_provider_offers.client.errors import BadRequestError, ConflictError, NoAnswerError, OutcomeUnknownError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.ahead import Look, Turn
from airflow_provider_offers.client.flows.editing import edit, schedule
from airflow_provider_offers.client.flows.memory import Intents, Plan, TaskTries
from airflow_provider_offers.client.flows.patching import patch
from airflow_provider_offers.client.flows.reading import CLOCK_GRAIN
from airflow_provider_offers.client.flows.replacing import replace_object
from airflow_provider_offers.client.model.entities import Entity, Reference, Written
from airflow_provider_offers.client.model.kinds import FORMULA
from airflow_provider_offers.client.model.operations import Patch
from airflow_provider_offers.client.model.windows import resolve_window
from airflow_provider_offers.client.wire.messages import Ask, Flow
from tests.client.library import DPS_ID, entity, page, receipt, reference, sale
from tests.client.script import START, Script, Step, answer, body_of, lost
from tests.client.writes import (
    ADD_TAG,
    AFTER,
    APPROVE,
    BEFORE,
    BOTH,
    FORMULA_READ,
    IF_NAMED,
    Kept,
    fail,
    methods,
    prepared,
    read_ahead,
    run,
    shown,
)
from tests.notebook import Counting, Notebook

SECOND = timedelta(seconds=1)
LONG_AGO = timedelta(hours=1)
STALE = answer(409, {"title": "stale"})
ALIASES = [{"op": "add", "path": "/definedOn", "value": {}}]


def at(api: str, moment: datetime) -> dict[str, Any]:
    return {"modified" if api == "dps" else "repo:lastModifiedDate": moment.isoformat()}


def again(api: str, kept: Kept, operations: Any, *steps: Step) -> tuple[Written, Script]:
    script = Script(*steps, memory=kept)
    return script.run(patch(script.access(api), reference(api), prepared(operations), intent=kept.intent)), script


def done(api: str, etag: int = 2) -> Step:
    return answer(200, receipt(api, etag=etag))


# A patch that only sets properties.


@BOTH
@pytest.mark.parametrize(
    ("moment", "is_done"),
    [
        (START, True),
        (START - CLOCK_GRAIN, True),
        (START - CLOCK_GRAIN - SECOND / 1000, False),
        (START + LONG_AGO, True),
    ],
)
def test_a_refusal_counts_as_done_only_if_the_offer_was_edited_since(api: str, moment: datetime, is_done: bool) -> None:
    """A gateway may have sent it twice and returned the second answer. Otherwise, somebody else had set it before."""
    look = shown(api, sale(status="approved"), 2, **at(api, moment))
    if is_done:
        assert run(api, APPROVE, STALE, look)[0].receipt.etag == 2
    else:
        fail(ConflictError, api, APPROVE, STALE, look)


@BOTH
def test_a_refusal_counts_as_done_if_no_time_says_otherwise(api: str) -> None:
    look = shown(api, sale(status="approved"), 2, **{next(iter(at(api, START))): "yesterday"})
    assert run(api, APPROVE, STALE, look)[0].receipt.etag == 2
    assert isinstance(fail(BadRequestError, api, APPROVE, answer(400), shown(api, sale(), 1))[0], BadRequestError)


@BOTH
@pytest.mark.parametrize(("since", "is_theirs"), [(CLOCK_GRAIN, False), (CLOCK_GRAIN + SECOND / 1000, True)])
def test_two_edits_within_the_grain_of_the_clocks_are_simultaneous(api: str, since: timedelta, is_theirs: bool) -> None:
    other = shown(api, sale(status="archived"), 2, **at(api, START + since))
    if is_theirs:
        fail(ConflictError, api, APPROVE, lost(), other)
    else:
        assert methods(run(api, APPROVE, lost(), other, done(api, 3))[1]) == ["PATCH", "GET", "PATCH"]


@BOTH
def test_a_conflict_of_the_repetition_is_looked_at_and_sent_again(api: str) -> None:
    """Somebody edited something else between the look and the repetition."""
    before, other = shown(api, sale(), 1, **at(api, START - LONG_AGO)), shown(api, sale(name="new"), 2)
    _, script = run(api, APPROVE, lost(), before, STALE, other, done(api, 3))
    assert methods(script) == ["PATCH", "GET", "PATCH", "GET", "PATCH"]


@BOTH
def test_the_time_of_the_earliest_try_counts_until_the_end(api: str) -> None:
    """The first try was killed five minutes ago. Somebody set the property since, before this try sent it again."""
    earlier = Kept(Plan(0, "", START - 5 * 60 * SECOND), since=START - 5 * 60 * SECOND)
    untouched = shown(api, sale(), 1, **at(api, START - LONG_AGO))
    theirs = shown(api, sale(status="archived"), 2, **at(api, START - 3 * 60 * SECOND))
    with pytest.raises(ConflictError, match="had no answer that settles it"):
        again(api, earlier, APPROVE, untouched, lost(), theirs)
    with pytest.raises(ConflictError, match="another try of the task may have sent this patch"):
        again(api, earlier, APPROVE, theirs)


def test_another_try_may_have_sent_what_no_read_shows() -> None:
    earlier = Kept(Plan(0, "", START - 5 * 60 * SECOND), since=START - 5 * 60 * SECOND)
    body = {"id": DPS_ID, "etag": 2, "created": START.isoformat(), "modified": START.isoformat(), **FORMULA_READ}
    script = Script(answer(200, body), memory=earlier)
    with pytest.raises(OutcomeUnknownError) as caught:
        script.run(
            patch(script.access(), Reference(FORMULA, id=DPS_ID), prepared(ALIASES, FORMULA), intent=earlier.intent)
        )
    assert "another try of the task may have sent this patch" in str(caught.value)
    assert "it was modified at 2026-03-02T09:00:00+00:00" in str(caught.value)


# A patch that is guarded by a read.


@BOTH
@pytest.mark.parametrize(
    ("operations", "properties"), [(ADD_TAG, AFTER), ([*IF_NAMED, *APPROVE], sale())], ids=["adds", "sets"]
)
def test_a_plan_that_no_read_shows_is_recognized_only_by_what_it_sets(
    api: str, operations: Any, properties: dict[str, Any]
) -> None:
    kept = Kept(Plan(1, ""), since=START)
    with pytest.raises(OutcomeUnknownError, match="the etag went from 1 to 2"):
        again(api, kept, operations, shown(api, properties, 2))
    if operations != ADD_TAG:
        assert methods(again(api, kept, operations, shown(api, sale(status="approved"), 2))[1]) == ["GET"]


@BOTH
@pytest.mark.parametrize(
    ("moment", "ahead", "is_seen"),
    [
        (START - 60 * SECOND, 0, True),
        (START - 61 * SECOND, 0, False),
        # The service's clock was set after the change, so either reading of the time counts.
        (START + 10 * SECOND, 3_600, True),
        (START - 70 * SECOND, -3_600, True),
    ],
)
def test_without_a_plan_an_edit_within_a_minute_may_be_ours(
    api: str, moment: datetime, ahead: int, is_seen: bool
) -> None:
    read = answer(200, entity(api, AFTER, etag=2, **at(api, moment)), {"date": Script().http_date(ahead)})
    steps = [read] if is_seen else [read, done(api, 3)]
    assert len(again(api, Kept(since=START), ADD_TAG, *steps)[1].requests) == len(steps)


@BOTH
def test_without_a_plan_what_leaves_no_trace_is_told_with_the_time_of_the_edit(api: str) -> None:
    first = [{"op": "add", "path": "/tags/0", "value": "x"}]
    with pytest.raises(OutcomeUnknownError, match=r"it was modified at 2026-03-02T09:00:00\+00:00"):
        again(api, Kept(since=START), first, shown(api, BEFORE, 1, **at(api, START)))


@BOTH
def test_what_is_unknown_after_a_refusal_quotes_it(api: str) -> None:
    """Two tags were to be added. One is there, after two edits by others or by ourselves."""
    both = [{"op": "add", "path": "/tags/-", "value": f"dps:tag:{number}"} for number in (2, 3)]
    steps = [shown(api, BEFORE, 1), STALE, *[shown(api, BEFORE, 1)] * 2, shown(api, AFTER, 3)]
    with pytest.raises(OutcomeUnknownError, match="stale") as caught:
        run(api, both, *steps)
    assert isinstance(caught.value.__cause__, ConflictError)


def test_an_edit_of_a_part_is_guarded_by_that_part_alone() -> None:
    window = resolve_window("2026-08-01T00:00:00Z", "2026-09-01T00:00:00Z")
    script = Script(shown("dps", sale(), 1), done("dps"))
    script.run(schedule(script.access(), reference("dps"), window))
    tested = [each["path"] for each in body_of(script.requests[1]) if each["op"] == "test"]
    assert "/selectionConstraint" in tested
    assert "/name" not in tested


def test_a_replacement_is_guarded_by_everything_that_was_read() -> None:
    """So it may be sent again, although it removes something; and what is wrong in it is the author's business."""
    wanted = {name: value for name, value in sale(rank={"priority": -1}).items() if name != "characteristics"}
    script = Script(shown("dps", sale(), 1), lost(), shown("dps", sale(), 1))
    access = script.access(max_retries=0)
    with pytest.raises(NoAnswerError):
        script.run(replace_object(access, reference("dps"), wanted, validate=False))
    tested = [each["path"] for each in body_of(script.requests[1]) if each["op"] == "test"]
    assert tested == [f"/{name}" for name in sale()]


@BOTH
def test_a_doubt_about_the_result_is_told_once_although_the_edit_is_sent_twice(
    api: str, caplog: pytest.LogCaptureFixture
) -> None:
    early = [{"op": "replace", "path": "/selectionConstraint/endDate", "value": "2026-01-01T00:00:00Z"}]

    def plan(now: Entity) -> Flow[Patch]:
        yield from ()
        return early

    other = shown(api, sale(description="new"), 2)
    script = Script(shown(api, sale(), 1), STALE, other, other, done(api, 3))
    script.run(edit(script.access(api), reference(api), plan, "ended", validate=True))
    assert methods(script) == ["GET", "PATCH", "GET", "GET", "PATCH"]
    assert ["although it may be wrong" in message for message in caplog.messages] == [True]


# A patch of an object of a list.


class Listed(Script):
    """The list reads each block once, and gives a turn after that many seconds."""

    waits = 0.0

    def _perform(self, effect: Any) -> Any:
        if isinstance(effect, Ask) and isinstance(effect.question, Look):
            return None
        if isinstance(effect, Ask) and isinstance(effect.question, Turn):
            self.time += self.waits
        return super()._perform(effect)


def listed(api: str, properties: Any, *steps: Step, memory: Notebook) -> tuple[Listed, Access]:
    script = Listed(answer(200, page(api, [entity(api, properties)])), memory=memory)
    return script, read_ahead(script, api, *steps)


def intents(number: int) -> Intents:
    return Intents(TaskTries(number=number, last=3, durable=True, anew=False), "work").of_list()


@BOTH
def test_a_listed_offer_with_nothing_to_send_is_read(api: str) -> None:
    script, access = listed(api, AFTER, shown(api, BEFORE, 2), done(api, 3), memory=Notebook())
    only_if_absent = [{"op": "test", "path": "/name", "value": "Other"}, *ADD_TAG]
    with pytest.raises(ConflictError):
        script.go(patch(access, reference(api), prepared(only_if_absent)))
    assert methods(script) == ["GET"]
    # Generation 1 documents no test, so the client decides it, by a read of this moment.
    script, access = listed("xcore", BEFORE, shown("xcore", BEFORE, 2), memory=Notebook())
    written = script.run(patch(access, reference("xcore"), prepared(IF_NAMED)))
    assert (written.action, written.receipt.etag) == ("unchanged", 2)


@BOTH
@pytest.mark.parametrize("operations", [ADD_TAG, APPROVE], ids=["guarded", "only sets"])
def test_the_plans_about_a_list_are_recalled_once_for_all_that_it_read(api: str, operations: Any) -> None:
    store = Counting()
    task = intents(1)
    for _ in range(3):
        script, access = listed(api, BEFORE, done(api), memory=store)
        script.run(patch(access, reference(api), prepared(operations), intent=task.of(reference(api))))
        assert methods(script) == ["PATCH"]
    assert len(store.recalled) == len(TaskTries(last=3).others)
    # Plans of more than a second ago are recalled again.
    script, access = listed(api, BEFORE, done(api), memory=store)
    script.time += 2.0
    script.run(patch(access, reference(api), prepared(operations), intent=task.of(reference(api))))
    assert len(store.recalled) > len(TaskTries(last=3).others)


@BOTH
@pytest.mark.parametrize("operations", [ADD_TAG, APPROVE], ids=["guarded", "only sets"])
def test_a_plan_about_an_object_of_a_list_is_seen_by_the_next_try(api: str, operations: Any) -> None:
    store = Notebook()
    script, access = listed(api, BEFORE, done(api), memory=store)
    script.run(patch(access, reference(api), prepared(operations), intent=intents(1).of(reference(api))))
    there = shown(api, {**AFTER, "status": "approved"} if operations == APPROVE else AFTER, 2)
    script, access = listed(api, BEFORE, there, memory=store)
    written = script.run(patch(access, reference(api), prepared(operations), intent=intents(2).of(reference(api))))
    assert (written.receipt.etag, methods(script)) == (2, ["GET"])


@BOTH
def test_a_patch_is_sent_when_its_turn_has_come(api: str) -> None:
    """Somebody set the property while this object waited for its turn. Our request is later, so it counts."""
    theirs = shown(api, sale(status="archived"), 2, **at(api, START + 10 * SECOND))
    script, access = listed(api, sale(), lost(), theirs, done(api, 3), memory=Notebook())
    script.waits = 30.0
    assert script.run(patch(access, reference(api), prepared(APPROVE))).receipt.etag == 3
    assert methods(script) == ["PATCH", "GET", "PATCH"]
