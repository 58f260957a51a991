"""Writes of properties that reads do not show, the identity of the offer, and replacing a whole offer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_offers.client.errors import (
    ConflictError,
    InvalidInputError,
    NoAnswerError,
    NotFoundError,
    OfferLibraryError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RejectedError,
    UnsupportedError,
)
from airflow_provider_offers.client.flows.ahead import Ahead
from airflow_provider_offers.client.flows.memory import Plan
from airflow_provider_offers.client.flows.patching import patch
from airflow_provider_offers.client.flows.reading import read_now
from airflow_provider_offers.client.flows.replacing import replace_object
from airflow_provider_offers.client.model.entities import Reference
from airflow_provider_offers.client.model.kinds import FALLBACK, FORMULA, PERSONALIZED, TAG
from airflow_provider_offers.client.wire.memory import NO_MEMORY
from tests.client.library import DPS_ID, INSTANCE_ID, XCORE_ID, entity, page, receipt, reference, sale
from tests.client.script import START, Script, Step, answer, body_of, lost, query_of
from tests.client.writes import (
    ADD_TAG,
    AFTER,
    APPROVE,
    BEFORE,
    BOTH,
    FORMULA_READ,
    IF_BOOST,
    LOST,
    RENAME,
    VERSION,
    Kept,
    fail,
    guards_of,
    methods,
    prepared,
    run,
    shown,
)

# Properties that reads leave out.

ABOUT = [{"op": "add", "path": "/definedOn/offer/referencePaths/-", "value": "_x.y"}]
LONG_AGO = "2026-03-02T08:00:00.000Z"
LATER = "2026-03-02T09:00:25.000Z"


def formula(operations: Any, *steps: Step, kept: Kept | None = None, **options: Any) -> tuple[Any, Script]:
    """The result of a patch of a ranking formula on dps, whose reads leave `definedOn` out: a receipt or an error."""
    script = Script(*steps, memory=kept or NO_MEMORY)
    retries = {"max_retries": options.pop("max_retries", 3)}
    access, intent = script.access("dps", **retries), None if kept is None else kept.intent
    flow = patch(access, Reference(FORMULA, id=DPS_ID), prepared(operations, FORMULA), intent=intent, **options)
    try:
        outcome: Any = script.go(flow)
    except OfferLibraryError as error:
        outcome = error
    assert not script.steps, "answers were left over"
    return outcome, script


def test_what_reads_leave_out_is_patched_as_it_is() -> None:
    tested = [{"op": "test", "path": "/returnType/type", "value": "integer"}, *ABOUT]
    _, script = formula(tested, shown("dps", FORMULA_READ, 4), answer(200, receipt("dps", etag=5)))
    assert body_of(script.requests[-1]) == [{"op": "test", "path": "/name", "value": "Boost"}, *tested]
    _, script = formula(VERSION, shown("dps", FORMULA_READ, 4), answer(200, receipt("dps", etag=5)), if_match=4)
    guarded = {name: value for name, value in FORMULA_READ.items() if name != "returnType"}
    assert body_of(script.requests[-1]) == [*guards_of(guarded), *VERSION]


@pytest.mark.parametrize("failure", [lost(), answer(503)], ids=["lost", "503"])
@pytest.mark.parametrize(
    ("operations", "if_match"), [(ABOUT, None), ([*IF_BOOST, *ABOUT], None), (VERSION, 4), (ABOUT, 4)]
)
def test_a_lost_answer_about_what_reads_leave_out_is_unknown(failure: Step, operations: Any, if_match: Any) -> None:
    """Neither a success nor a conflict, because nobody knows who made the visible edit."""
    for now in (FORMULA_READ, {**FORMULA_READ, "name": "Other"}):
        steps: list[Step] = [shown("dps", FORMULA_READ, 4), failure, shown("dps", now, 5)]
        outcome, script = formula(operations, *steps, if_match=if_match)
        assert type(outcome) is OutcomeUnknownError
        assert "do not show" in str(outcome)
        assert not outcome.retryable
        assert methods(script) == ["GET", "PATCH", "GET"]


def test_what_reads_show_after_all_tells() -> None:
    """Reads may leave it out or not: a read of a single tag shows the description."""
    described = [{"op": "replace", "path": "/description", "value": "new"}]

    def outcome(operations: Any, *steps: Step, kept: Kept | None = None) -> Any:
        script = Script(*steps, memory=kept or NO_MEMORY)
        reference, intent = Reference(TAG, id=DPS_ID), None if kept is None else kept.intent
        return script.run(patch(script.access("dps"), reference, prepared(operations, TAG), intent=intent))

    old, new = {"name": "Boost", "description": "old"}, {"name": "Boost", "description": "new"}
    assert outcome([*IF_BOOST, *described], shown("dps", old, 4), lost(), shown("dps", new, 5)).receipt.etag == 5
    assert outcome(described, lost(), shown("dps", new, 5, modified=LATER)).receipt.etag == 5
    planned = Kept(Plan(4, ""), since=START)
    assert outcome([*IF_BOOST, *described], shown("dps", new, 5), kept=planned).receipt.etag == 5
    # The value was the same before: the edit may be anybody's.
    with pytest.raises(OutcomeUnknownError):
        outcome([*IF_BOOST, *described], shown("dps", new, 4), lost(), shown("dps", new, 5))


def test_what_no_guard_would_hold_off_is_not_sent_twice() -> None:
    """The first patch may be applied late, and dps cannot test anything that would stop the second."""
    still = shown("dps", FORMULA_READ, 4)
    outcome, script = formula(ABOUT, still, lost(), still)
    assert type(outcome) is OutcomeUnknownError
    assert methods(script) == ["GET", "PATCH", "GET"]
    # Setting it twice has the same result as once.
    outcome, script = formula([*IF_BOOST, *VERSION], still, lost(), still, answer(200, receipt("dps", etag=5)))
    assert outcome.receipt.etag == 5
    # The other properties of the patch serve as a guard.
    outcome, script = formula([*RENAME, *ABOUT], still, lost(), still, answer(200, receipt("dps", etag=5)))
    assert outcome.receipt.etag == 5


def test_what_is_changed_beside_it_tells() -> None:
    renamed = shown("dps", {**FORMULA_READ, "name": "Boosted"}, 5)
    outcome, _ = formula([*RENAME, *ABOUT], shown("dps", FORMULA_READ, 4), lost(), renamed)
    assert outcome.receipt.etag == 5
    other = shown("dps", {**FORMULA_READ, "name": "Other"}, 5)
    outcome, _ = formula([*RENAME, *ABOUT], shown("dps", FORMULA_READ, 4), lost(), other, max_retries=0, if_match=4)
    assert type(outcome) is ConflictError
    # A received refusal counts, although reads show an edit.
    outcome, _ = formula(ABOUT, shown("dps", FORMULA_READ, 4), answer(409, {}), other, if_match=4)
    assert type(outcome) is ConflictError


def test_setting_what_reads_leave_out_is_repeated_unless_it_was_edited_since() -> None:
    outcome, script = formula(VERSION, lost(), shown("dps", FORMULA_READ, 5), answer(200, receipt("dps", etag=6)))
    assert (outcome.receipt.etag, methods(script)) == (6, ["PATCH", "GET", "PATCH"])
    # That may have been our late patch, or somebody else's.
    outcome, script = formula(VERSION, lost(), shown("dps", FORMULA_READ, 5, modified=LATER))
    assert type(outcome) is OutcomeUnknownError
    assert methods(script) == ["PATCH", "GET"]


@pytest.mark.parametrize("anew", [True, False])
def test_the_next_try_does_not_know_what_reads_leave_out(anew: bool) -> None:
    first = Kept()
    formula(ABOUT, shown("dps", FORMULA_READ, 4), answer(200, receipt("dps", etag=5)), kept=first)
    assert first.kept == [Plan(4, "")]
    planned = Kept(first.kept[0], since=START, anew=anew)
    outcome, script = formula(ABOUT, shown("dps", FORMULA_READ, 5), kept=planned)
    assert type(outcome) is OutcomeUnknownError
    assert methods(script) == ["GET"]
    untouched: list[Step] = [shown("dps", FORMULA_READ, 4), answer(200, receipt("dps", etag=5))]
    outcome, _ = formula(ABOUT, *untouched, kept=planned)
    assert outcome.receipt.etag == 5
    # Without a plan.
    outcome, _ = formula(
        ABOUT,
        *([shown("dps", FORMULA_READ, 5), *untouched[1:]] if anew else untouched[:1]),
        kept=Kept(since=START, anew=anew),
    )
    assert (type(outcome) is OutcomeUnknownError) is not anew


def test_the_plan_of_what_is_changed_beside_it_tells() -> None:
    first = Kept()
    both = [*RENAME, *ABOUT]
    formula(both, shown("dps", FORMULA_READ, 4), answer(200, receipt("dps", etag=5)), kept=first)
    renamed = shown("dps", {**FORMULA_READ, "name": "Boosted"}, 5)
    outcome, script = formula(both, renamed, kept=Kept(first.kept[0], since=START))
    assert (outcome.receipt.etag, methods(script)) == (5, ["GET"])


def test_a_lost_answer_about_links_is_unknown() -> None:
    operations = [{"op": "remove", "path": "/_links/self"}]
    steps: list[Step] = [shown("xcore", BEFORE, 4), lost(), shown("xcore", BEFORE, 5)]
    fail(OutcomeUnknownError, "xcore", operations, *steps)
    # If-Match stops the second if the first is applied late.
    still = shown("xcore", BEFORE, 4)
    assert run("xcore", operations, still, lost(), still, answer(200, receipt("xcore", etag=5)))[0].receipt.etag == 5


@BOTH
@pytest.mark.parametrize(
    "operations",
    [
        [{"op": "add", "path": "/nothing/-", "value": 1}],
        [{"op": "add", "path": "/tags/7", "value": "x"}],
        [{"op": "remove", "path": "/nothing"}],
        [{"op": "copy", "from": "/nothing", "path": "/name"}],
        [{"op": "add", "path": "/name/-", "value": 1}],
        [{"op": "remove", "path": "/tags/-"}],
    ],
)
def test_a_patch_that_does_not_fit_is_refused_before_it_is_sent(api: str, operations: Any) -> None:
    _, script = fail(InvalidInputError, api, operations, shown(api, BEFORE, 4))
    assert methods(script) == ["GET"]


def test_a_patch_of_links_is_guarded_by_the_etag_alone() -> None:
    operations = [{"op": "remove", "path": "/_links/self"}]
    _, script = run("xcore", operations, shown("xcore", BEFORE, 4), answer(200, receipt("xcore", etag=5)))
    assert script.requests[-1].headers["If-Match"] == '"4"'
    assert body_of(script.requests[-1]) == operations


def test_a_refusal_of_the_content_that_cannot_be_looked_into_is_itself() -> None:
    refusal = answer(422, {"title": "no"})
    steps: list[Step] = [shown("xcore", BEFORE, 4), refusal, answer(403, {"title": "no reading"})]
    fail(RejectedError, "xcore", ADD_TAG, *steps)


@pytest.mark.parametrize(("api", "status"), [("dps", 400), ("dps", 409), ("dps", 422), ("xcore", 409), ("xcore", 412)])
def test_a_refusal_by_the_guard_that_cannot_be_looked_into_leaves_the_outcome_open(api: str, status: int) -> None:
    """A gateway may have sent it twice: then the guard refused the second because of the first."""
    steps: list[Step] = [shown(api, BEFORE, 4), answer(status, {"title": "no"}), answer(403, {"title": "no reading"})]
    error, _ = fail(OutcomeUnknownError, api, ADD_TAG, *steps)
    assert "a gateway may have sent it twice" in str(error)
    assert "no reading" in str(error)
    assert not error.retryable
    error, _ = fail(OutcomeUnknownError, api, APPROVE, *steps, if_match=4)
    assert error.retryable


@pytest.mark.parametrize(("api", "status"), [("dps", 400), ("dps", 409), ("dps", 422), ("xcore", 409), ("xcore", 412)])
def test_a_read_out_of_a_cache_does_not_hide_that_a_refused_patch_was_made(api: str, status: int) -> None:
    before, after = shown(api, BEFORE, 4), shown(api, AFTER, 5)
    written, script = run(api, ADD_TAG, before, answer(status, {"title": "no"}), before, after)
    assert (written.action, written.receipt.etag) == ("updated", 5)
    assert methods(script) == ["GET", "PATCH", "GET", "GET"]


@BOTH
def test_old_reads_after_a_conflict_do_not_make_a_patch_twice(api: str) -> None:
    before, after, edited = shown(api, BEFORE, 4), shown(api, AFTER, 5), shown(api, {**BEFORE, "status": "approved"}, 5)
    conflict = answer(409, {"title": "no"})
    written, script = run(api, ADD_TAG, before, conflict, before, before, after)
    assert (written.action, written.receipt.etag) == ("updated", 5)
    assert methods(script) == ["GET", "PATCH", "GET", "GET", "GET"]
    # After somebody else's edit, the patch is planned again.
    _, script = run(api, ADD_TAG, before, conflict, before, before, edited, answer(200, receipt(api, etag=6)))
    assert methods(script) == ["GET", "PATCH", "GET", "GET", "GET", "PATCH"]


@BOTH
def test_a_refusal_of_who_asks_is_final(api: str) -> None:
    fail(PermissionDeniedError, api, ADD_TAG, shown(api, BEFORE, 4), answer(403, {"title": "no writing"}))


@BOTH
def test_dates_that_come_back_respelled_are_the_same(api: str) -> None:
    operations = [
        {"op": "test", "path": "/status", "value": "draft"},
        {"op": "replace", "path": "/selectionConstraint/endDate", "value": "2026-12-31T00:00:00Z"},
    ]
    window = {"startDate": "2026-03-10T00:00:00.000+00:00", "endDate": "2026-12-31T01:00:00.000+01:00"}
    steps: list[Step] = [shown(api, BEFORE, 4), lost(), shown(api, {**BEFORE, "selectionConstraint": window}, 5)]
    assert run(api, operations, *steps)[0].receipt.etag == 5


# Which offer.


def test_generation_1_looks_up_the_address_of_a_reference_id() -> None:
    script = Script(answer(200, page("xcore", [entity("xcore", BEFORE)])), answer(200, receipt("xcore")))
    script.run(patch(script.access("xcore"), Reference(PERSONALIZED, id=XCORE_ID), prepared(APPROVE)))
    look, write = script.requests
    assert ("id", XCORE_ID) in query_of(look)
    assert write.url.endswith(f"/instances/{INSTANCE_ID}")
    script = Script(answer(200, page("xcore", [entity("xcore", BEFORE, number=3)])))
    with pytest.raises(NotFoundError, match=XCORE_ID):
        script.run(patch(script.access("xcore"), Reference(PERSONALIZED, id=XCORE_ID), prepared(APPROVE)))


def test_generation_2_cannot_address_an_instance_id() -> None:
    script = Script()
    with pytest.raises(UnsupportedError, match="instance id"):
        script.run(patch(script.access("dps"), Reference(PERSONALIZED, instance_id=INSTANCE_ID), prepared(APPROVE)))


def test_the_kind_is_named_on_dps() -> None:
    script = Script(answer(200, receipt("dps")))
    script.run(patch(script.access("dps"), Reference(FALLBACK, id=DPS_ID), prepared(APPROVE)))
    assert script.requests[0].url.endswith(f"/offers/{DPS_ID}?offer-type=fallback")


# Replacing.


def put(*steps: Step, if_match: Any = None, properties: Any = None, **retries: Any) -> tuple[Any, Script]:
    script = Script(*steps)
    flow = replace_object(script.access("xcore", **retries), reference("xcore"), properties or AFTER, if_match=if_match)
    return script.run(flow), script


def test_a_replacement_is_guarded_and_carries_the_id() -> None:
    written, script = put(shown("xcore", BEFORE, 4), answer(200, receipt("xcore", etag=5)))
    assert written.receipt.etag == 5
    request = script.requests[-1]
    assert (request.method, request.headers["If-Match"]) == ("PUT", '"4"')
    body = body_of(request)
    assert (body["_links"], body["_instance"]["@id"], body["_instance"]["xdm:name"]) == ({}, XCORE_ID, "Spring voucher")


@LOST
def test_a_replacement_whose_answer_was_lost_is_seen_and_not_taken_for_somebody_elses(failure: Step) -> None:
    written, script = put(shown("xcore", BEFORE, 4), failure, shown("xcore", AFTER, 5))
    assert written.receipt.etag == 5
    assert methods(script) == ["GET", "PUT", "GET"]


def test_a_replacement_that_was_not_made_is_sent_again() -> None:
    _, script = put(shown("xcore", BEFORE, 4), lost(), shown("xcore", BEFORE, 4), answer(200, receipt("xcore")))
    assert methods(script) == ["GET", "PUT", "GET", "PUT"]


EDITED = sale(rank={"priority": 99})


def test_a_replacement_of_what_somebody_edited_is_made_on_a_fresh_read_unless_an_etag_is_named() -> None:
    edited = [shown("xcore", BEFORE, 4), answer(409, {}), shown("xcore", EDITED, 5), shown("xcore", EDITED, 5)]
    written, script = put(*edited, answer(200, receipt("xcore", etag=6)))
    assert (written.action, written.receipt.etag) == ("replaced", 6)
    assert methods(script) == ["GET", "PUT", "GET", "GET", "PUT"]
    assert script.requests[-1].headers["If-Match"] == '"5"'
    with pytest.raises(ConflictError, match="its etag is 5, not 4"):
        put(*edited, if_match=4)
    with pytest.raises(ConflictError, match="nothing was sent"):
        put(shown("xcore", BEFORE, 4), if_match=3)


def test_a_replacement_whose_answer_was_lost_among_other_edits_is_not_made_again() -> None:
    with pytest.raises(ConflictError, match="may have been replaced by this task already") as caught:
        put(shown("xcore", BEFORE, 4), lost(), *[shown("xcore", EDITED, 6)] * 2)
    assert not caught.value.retryable


def test_what_is_as_it_is_to_be_is_not_replaced() -> None:
    written, script = put(shown("xcore", AFTER, 4))
    assert (written.action, written.receipt.etag, methods(script)) == ("unchanged", 4, ["GET"])


def test_a_replacement_may_come_twice_when_its_retries_end() -> None:
    with pytest.raises(NoAnswerError) as caught:
        put(shown("xcore", BEFORE, 4), lost(), shown("xcore", BEFORE, 4), max_retries=0)
    assert caught.value.retryable


def test_generation_2_replaces_by_a_patch_of_what_differs_behind_its_guards() -> None:
    before = {**BEFORE, "description": "Old"}
    wanted = {name: value for name, value in BEFORE.items() if name != "tags"} | {"status": "approved"}
    script = Script(shown("dps", before, 4), answer(200, receipt("dps", etag=5)))
    written = script.run(replace_object(script.access("dps"), reference("dps"), wanted))
    assert (written.action, written.receipt.etag) == ("replaced", 5)
    request = script.requests[-1]
    assert request.method == "PATCH"
    tests = [operation for operation in body_of(request) if operation["op"] == "test"]
    assert {test["path"] for test in tests} == {f"/{name}" for name in before}
    assert body_of(request)[len(tests) :] == [
        {"op": "replace", "path": "/status", "value": "approved"},
        {"op": "remove", "path": "/tags"},
        {"op": "remove", "path": "/description"},
    ]


def test_what_no_guard_would_hold_off_is_not_sent_twice_after_an_old_listing() -> None:
    """The list read the object before an edit that happened before the patch. The lost patch may be applied late."""
    here = Reference(FORMULA, id=DPS_ID)
    script = Script(shown("dps", FORMULA_READ, 3), lost(), shown("dps", FORMULA_READ, 4, modified=LONG_AGO))
    access = script.access("dps")
    access = replace(access, ahead=Ahead(access.exchange))
    access.ahead.divide([here], 1)
    access.ahead.keep_block(0, [script.go(read_now(access, here))])
    with pytest.raises(OutcomeUnknownError) as raised:
        script.go(patch(access, here, prepared(ABOUT, FORMULA)))
    assert not raised.value.retryable
    assert methods(script) == ["GET", "PATCH", "GET"]


@pytest.mark.parametrize("status", [200, 201, 299])
def test_a_success_that_cannot_be_read_and_one_edit_settle_what_reads_leave_out(status: int) -> None:
    unreadable = answer(status, b"<html>")
    before, after = shown("dps", FORMULA_READ, 4), shown("dps", FORMULA_READ, 5)
    written, script = formula(VERSION, before, unreadable, after, if_match=4)
    assert written.receipt.etag == 5
    assert methods(script) == ["GET", "PATCH", "GET"]


def test_a_success_that_cannot_be_read_settles_what_is_set_and_reads_leave_out() -> None:
    after = shown("dps", FORMULA_READ, 5, modified=LATER)
    written, script = formula(VERSION, answer(200, b"<html>"), after)
    assert written.receipt.etag == 5
    assert methods(script) == ["PATCH", "GET"]
    error, _ = formula(VERSION, lost(), after)
    assert type(error) is OutcomeUnknownError


@pytest.mark.parametrize(
    ("answered", "etag"),
    [(answer(300, b"<html>"), 5), (lost(), 5), (answer(200, b"<html>"), 6)],
    ids=["no success", "lost", "several edits"],
)
def test_any_other_answer_or_number_of_edits_leaves_open_what_reads_leave_out(answered: Step, etag: int) -> None:
    error, script = formula(
        VERSION, shown("dps", FORMULA_READ, 4), answered, shown("dps", FORMULA_READ, etag), if_match=4
    )
    assert type(error) is OutcomeUnknownError
    assert methods(script).count("PATCH") == 1


@pytest.mark.parametrize("durable", [True, False])
def test_what_reads_leave_out_may_be_tried_again_if_the_next_try_can_tell(durable: bool) -> None:
    kept = Kept()
    kept.intent = replace(kept.intent, tries=replace(kept.intent.tries, durable=durable))
    steps: list[Step] = [shown("dps", FORMULA_READ, 4), lost(), shown("dps", FORMULA_READ, 5)]
    error, _ = formula(ABOUT, *steps, kept=kept)
    assert type(error) is OutcomeUnknownError
    assert error.retryable is durable
