"""Patching and replacing: no edit lost, none made twice, none made on top of somebody else's unseen."""

from __future__ import annotations

import copy
from datetime import datetime, timedelta
from typing import Any

import jsonpatch
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_offers.client.entities import Reference
from airflow_provider_offers.client.errors import (
    BadRequestError,
    ConflictError,
    InvalidInputError,
    NoAnswerError,
    NotFoundError,
    OfferLibraryError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RejectedError,
    ServerError,
    UnsupportedError,
    can_pass,
)
from airflow_provider_offers.client.flows.editing import archive_expired, schedule, take_step
from airflow_provider_offers.client.flows.intents import Plan, fingerprint, shows
from airflow_provider_offers.client.flows.writing import Written, patch, replace_offer
from airflow_provider_offers.client.kinds import FALLBACK, FORMULA, PERSONALIZED, TAG, Kind
from airflow_provider_offers.client.lifecycle import UNPUBLISH
from airflow_provider_offers.client.patches import is_idempotent
from airflow_provider_offers.client.windows import resolve_window
from airflow_provider_offers.client.wire import Response
from tests.client.library import DPS_ID, INSTANCE_ID, XCORE_ID, entity, page, receipt, reference, sale
from tests.client.script import START, Script, Step, answer, body_of, lost, query_of

BOTH = pytest.mark.parametrize("api", ["dps", "xcore"])
LOST = pytest.mark.parametrize("failure", [lost(), answer(500), answer(503, b"<html>")], ids=["lost", "500", "503"])
APPROVE = [{"op": "replace", "path": "/status", "value": "approved"}]
DRAFT = [{"op": "replace", "path": "/status", "value": "draft"}]
ADD_TAG = [{"op": "add", "path": "/tags/-", "value": "dps:tag:2"}]
IF_NAMED = [{"op": "test", "path": "/name", "value": "Spring voucher"}]
IF_BOOST = [{"op": "test", "path": "/name", "value": "Boost"}]
BEFORE = sale(tags=["dps:tag:1"])
AFTER = sale(tags=["dps:tag:1", "dps:tag:2"])


def shown(api: str, properties: dict[str, Any], etag: int, **envelope: Any) -> Response:
    """What a read answers."""
    return answer(200, entity(api, properties, etag=etag, **envelope))


def run(api: str, operations: Any, *steps: Step, if_match: Any = None) -> tuple[Written, Script]:
    script = Script(*steps)
    return script.run(patch(script.access(api), reference(api), operations, if_match=if_match)), script


def fail(
    error: type[Exception], api: str, operations: Any, *steps: Step, if_match: Any = None, **retries: Any
) -> tuple[Any, Script]:
    script = Script(*steps)
    with pytest.raises(error) as caught:
        script.run(patch(script.access(api, **retries), reference(api), operations, if_match=if_match))
    assert type(caught.value) is error
    assert not script.steps, "answers were left over"
    return caught.value, script


def guards_of(properties: dict[str, Any]) -> list[dict[str, Any]]:
    """What guards everything that was read, where there is no If-Match."""
    return [{"op": "test", "path": f"/{name}", "value": value} for name, value in properties.items()]


def methods(script: Script) -> list[str]:
    return [request.method for request in script.requests]


# Setting properties: twice does what once does.


@BOTH
def test_what_only_sets_is_sent_as_it_is(api: str) -> None:
    written, script = run(api, APPROVE, answer(200, receipt(api, etag=2)))
    assert (written.action, written.receipt.etag) == ("updated", 2)
    (request,) = script.requests
    assert "If-Match" not in request.headers
    path = "/status" if api == "dps" else "/_instance/xdm:status"
    assert body_of(request) == [{"op": "replace", "path": path, "value": "approved"}]


@BOTH
@LOST
def test_what_only_sets_is_repeated_where_it_is_not_to_be_seen(api: str, failure: Step) -> None:
    """The repetition is guarded by what was read in between."""
    before = shown(api, sale(), 1)
    _, script = run(api, APPROVE, failure, before, failure, before, answer(200, receipt(api, etag=2)))
    assert methods(script) == ["PATCH", "GET", "PATCH", "GET", "PATCH"]
    assert len({request.body for request in script.requests if request.method == "PATCH"}) == 1
    if api == "xcore":
        assert script.requests[-1].headers["If-Match"] == '"1"'


@BOTH
@LOST
def test_what_only_sets_is_not_repeated_where_it_is_to_be_seen(api: str, failure: Step) -> None:
    written, script = run(api, APPROVE, failure, shown(api, sale(status="approved"), 2))
    assert (written.action, written.receipt.etag) == ("updated", 2)
    assert methods(script) == ["PATCH", "GET"]


@BOTH
def test_what_only_sets_does_not_overrule_who_set_it_later(api: str) -> None:
    """The answer was lost for half a minute, in which somebody else set the same."""
    later: dict[str, Any] = {"modified" if api == "dps" else "repo:lastModifiedDate": "2026-03-02T09:00:25.000Z"}
    other = shown(api, sale(status="archived"), 3, **later)
    error, script = fail(ConflictError, api, APPROVE, lost(), other)
    assert methods(script) == ["PATCH", "GET"]
    assert not can_pass(error)
    assert "last modified 2026-03-02T09:00:25.000Z" in str(error)
    # By a clock of the service that is a minute ahead, the same edit was before ours.
    ahead = answer(200, entity(api, sale(), etag=3, **later), {"date": Script().http_date(60)})
    assert run(api, APPROVE, lost(), ahead, answer(200, receipt(api, etag=4)))[0].receipt.etag == 4


def test_what_only_sets_and_comes_through_late_is_seen_when_its_repetition_is_refused() -> None:
    before, after = shown("xcore", sale(), 1), shown("xcore", sale(status="approved"), 2)
    written, script = run("xcore", APPROVE, lost(), before, answer(409, {"title": "stale"}), after)
    assert written.receipt.etag == 2
    assert methods(script) == ["PATCH", "GET", "PATCH", "GET"]


@BOTH
@pytest.mark.parametrize("body", [b"", b"<html>", b'{"id":', {"etag": 2}], ids=["empty", "page", "cut", "no id"])
def test_a_receipt_that_cannot_be_read_leaves_the_write_done(api: str, body: Any) -> None:
    if body == {"etag": 2} and api == "xcore":
        body = {"repo:etag": 2}
    written, script = run(api, APPROVE, answer(200, body), shown(api, sale(status="approved"), 2))
    assert (written.action, written.receipt.etag, written.name) == ("updated", 2, "Spring voucher")
    assert methods(script) == ["PATCH", "GET"]


@BOTH
@pytest.mark.parametrize(
    ("step", "error"),
    [
        (answer(400, {"title": "no"}), BadRequestError),
        (answer(403, {"title": "no"}), PermissionDeniedError),
        (answer(404, {"title": "no"}), NotFoundError),
        (answer(409, {"title": "no"}), ConflictError),
        (answer(422, {"title": "no"}), RejectedError),
    ],
)
def test_a_refusal_of_what_only_sets_is_final(api: str, step: Step, error: type[Exception]) -> None:
    _, script = fail(error, api, APPROVE, step)
    assert methods(script) == ["PATCH"]


@pytest.mark.parametrize(
    ("operations", "idempotent"),
    [
        (APPROVE, True),
        ([{"op": "add", "path": "/cappingConstraint", "value": {"globalCap": 1}}], True),
        ([{"op": "add", "path": "/rank/priority", "value": 1}], True),
        ([{"op": "replace", "path": "/tags/0", "value": "x"}], False),
        ([{"op": "replace", "path": "/representations/0/placement", "value": "x"}], False),
        ([{"op": "add", "path": "/representations/-/placement", "value": "x"}], False),
        ([{"op": "replace", "path": "/characteristics/x0", "value": "x"}], True),
        ([{"op": "replace", "path": "/tags", "value": []}, *APPROVE], True),
        (ADD_TAG, False),
        ([{"op": "add", "path": "/tags/0", "value": "x"}], False),
        ([{"op": "remove", "path": "/description"}], False),
        ([{"op": "move", "from": "/a", "path": "/b"}], False),
        ([{"op": "copy", "from": "/a", "path": "/b"}], False),
        ([{"op": "test", "path": "/a", "value": 1}, *APPROVE], False),
        ([*APPROVE, *ADD_TAG], False),
        (
            [
                {"op": "replace", "path": "/rank/priority", "value": 1},
                {"op": "replace", "path": "/rank", "value": {}},
            ],
            False,
        ),
    ],
)
def test_what_may_be_repeated(operations: Any, idempotent: bool) -> None:
    assert is_idempotent(operations) is idempotent


_PATHS = st.sampled_from(["/a", "/a/b", "/a/b/c", "/l", "/l/0", "/l/-", "/l/1", "/a/0", "/x"])
_VALUES = st.sampled_from([1, "t", [], [1, 2], {}, {"b": {"c": 1}}, {"b": [3]}])


@given(
    st.lists(
        st.fixed_dictionaries({"op": st.sampled_from(["add", "replace"]), "path": _PATHS, "value": _VALUES}),
        min_size=1,
        max_size=4,
    ),
    st.fixed_dictionaries({"a": _VALUES, "l": st.lists(st.integers(), max_size=3)}),
)
@settings(max_examples=500, derandomize=True, deadline=None)
def test_twice_is_once_for_whatever_is_called_idempotent(operations: Any, document: Any) -> None:
    if not is_idempotent(operations):
        return
    try:
        once = jsonpatch.apply_patch(copy.deepcopy(document), copy.deepcopy(operations))
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException):
        return
    assert jsonpatch.apply_patch(copy.deepcopy(once), copy.deepcopy(operations)) == once


# Everything else is guarded.


def assert_guarded(api: str, script: Script, etag: int, tags: list[str]) -> None:
    request = script.requests[-1]
    sent = body_of(request)
    if api == "xcore":
        assert request.headers["If-Match"] == f'"{etag}"'
        assert [operation["op"] for operation in sent] == ["add"]
    else:
        assert "If-Match" not in request.headers
        assert sent == [{"op": "test", "path": "/tags", "value": tags}, *ADD_TAG]


@BOTH
def test_adding_to_a_list_is_guarded_by_what_was_read(api: str) -> None:
    written, script = run(api, ADD_TAG, shown(api, BEFORE, 4), answer(200, receipt(api, etag=5)))
    assert (written.receipt.etag, written.name) == (5, "Spring voucher")
    assert methods(script) == ["GET", "PATCH"]
    assert_guarded(api, script, 4, ["dps:tag:1"])


@BOTH
@LOST
def test_a_lost_answer_after_the_commit_is_seen(api: str, failure: Step) -> None:
    written, script = run(api, ADD_TAG, shown(api, BEFORE, 4), failure, shown(api, AFTER, 5))
    assert (written.action, written.receipt.etag) == ("updated", 5)
    assert methods(script) == ["GET", "PATCH", "GET"]


@BOTH
@LOST
def test_a_lost_answer_before_the_commit_is_sent_again_under_the_same_guard(api: str, failure: Step) -> None:
    steps: list[Step] = [shown(api, BEFORE, 4), failure, shown(api, BEFORE, 4), answer(200, receipt(api, etag=5))]
    _, script = run(api, ADD_TAG, *steps)
    assert methods(script) == ["GET", "PATCH", "GET", "PATCH"]
    assert_guarded(api, script, 4, ["dps:tag:1"])
    assert len(script.pauses) == 1


@BOTH
@pytest.mark.parametrize("refusal", [answer(409, {}), answer(412, {}), answer(422, {}), answer(400, {})])
def test_a_commit_that_came_late_is_seen_when_the_second_try_is_refused(api: str, refusal: Step) -> None:
    steps: list[Step] = [shown(api, BEFORE, 4), lost(), shown(api, BEFORE, 4), refusal, shown(api, AFTER, 5)]
    written, _ = run(api, ADD_TAG, *steps)
    assert written.receipt.etag == 5


@BOTH
@pytest.mark.parametrize("refusal", [answer(409, {}), answer(412, {}), answer(422, {}), answer(400, {})])
def test_a_conflict_is_answered_by_a_fresh_read(api: str, refusal: Step) -> None:
    other = sale(tags=["dps:tag:1", "dps:tag:9"])
    steps: list[Step] = [
        shown(api, BEFORE, 4),
        refusal,
        shown(api, other, 5),
        shown(api, other, 5),
        answer(200, receipt(api, etag=6)),
    ]
    written, script = run(api, ADD_TAG, *steps)
    assert written.receipt.etag == 6
    assert_guarded(api, script, 5, ["dps:tag:1", "dps:tag:9"])


@BOTH
def test_a_refusal_of_an_unchanged_offer_is_final(api: str) -> None:
    for refusal, error in (
        (answer(422, {"title": "no"}), RejectedError),
        (answer(400, {"title": "no"}), BadRequestError),
    ):
        fail(error, api, ADD_TAG, shown(api, BEFORE, 4), refusal, shown(api, BEFORE, 4))


@BOTH
def test_conflicts_without_end_end(api: str) -> None:
    steps: list[Step] = []
    for etag in range(5):
        steps += [shown(api, BEFORE, etag), answer(409, {}), shown(api, BEFORE, etag + 1, repo=1)]
    error, _ = fail(ConflictError, api, ADD_TAG, *steps)
    assert "Somebody else" in str(error)
    assert can_pass(error)


@BOTH
def test_somebody_elses_edit_elsewhere_does_not_hide_that_ours_was_lost(api: str) -> None:
    """The answer was lost, the tags are as they were: ours is not in it, and the guard keeps it out for good."""
    other = {**BEFORE, "status": "approved"}
    steps: list[Step] = [
        shown(api, BEFORE, 4),
        lost(),
        shown(api, other, 5),
        shown(api, other, 5),
        answer(200, receipt(api, etag=6)),
    ]
    _, script = run(api, ADD_TAG, *steps)
    assert methods(script) == ["GET", "PATCH", "GET", "GET", "PATCH"]


@BOTH
def test_several_edits_while_an_answer_was_lost_may_have_undone_ours(api: str) -> None:
    """Nothing of ours is to be seen, but one of the two edits may have been it."""
    other = {**BEFORE, "status": "approved"}
    error, script = fail(OutcomeUnknownError, api, ADD_TAG, shown(api, BEFORE, 4), lost(), shown(api, other, 6))
    assert methods(script) == ["GET", "PATCH", "GET"]
    assert not error.retryable
    assert not can_pass(error)
    assert "cannot be told" in str(error)
    # Where no answer was lost, none of the edits is ours.
    steps: list[Step] = [shown(api, BEFORE, 4), answer(409, {}), *[shown(api, other, 6)] * 2]
    assert run(api, ADD_TAG, *steps, answer(200, receipt(api, etag=7)))[0].receipt.etag == 7


@BOTH
def test_what_cannot_be_told_from_somebody_elses_edit_is_not_made_again(api: str) -> None:
    both = sale(tags=["dps:tag:1", "dps:tag:2", "dps:tag:9"])
    error, script = fail(OutcomeUnknownError, api, ADD_TAG, shown(api, BEFORE, 4), lost(), shown(api, both, 6))
    assert methods(script) == ["GET", "PATCH", "GET"]
    assert not error.retryable
    assert "from 4 to 6" in str(error)


@BOTH
def test_an_offer_that_cannot_be_read_after_a_lost_answer_leaves_the_outcome_open(api: str) -> None:
    steps: list[Step] = [shown(api, BEFORE, 4), lost(), answer(503), answer(503)]
    error, _ = fail(OutcomeUnknownError, api, ADD_TAG, *steps, max_retries=1)
    assert isinstance(error.__cause__, ServerError)
    assert not error.retryable
    error, _ = fail(OutcomeUnknownError, api, [*IF_NAMED, *ADD_TAG], *steps, max_retries=1)
    assert not error.retryable
    error, _ = fail(OutcomeUnknownError, api, [*IF_NAMED, *APPROVE], *steps, max_retries=1)
    assert error.retryable
    error, _ = fail(OutcomeUnknownError, api, APPROVE, *steps, if_match=4, max_retries=1)
    assert error.retryable
    fail(NotFoundError, api, ADD_TAG, shown(api, BEFORE, 4), lost(), answer(404, {}))


@BOTH
def test_the_retries_of_a_guarded_write_end(api: str) -> None:
    steps: list[Step] = [shown(api, BEFORE, 4), lost(), shown(api, BEFORE, 4), lost(), shown(api, BEFORE, 4)]
    error, script = fail(OutcomeUnknownError, api, ADD_TAG, *steps, max_retries=1)
    assert isinstance(error.__cause__, NoAnswerError)
    assert methods(script) == ["GET", "PATCH", "GET", "PATCH", "GET"]
    assert not error.retryable
    assert not can_pass(error)
    error, _ = fail(OutcomeUnknownError, api, [*IF_NAMED, *ADD_TAG], *steps, max_retries=1)
    assert not error.retryable


@BOTH
def test_a_guarded_write_that_may_come_twice_ends_in_what_went_wrong(api: str) -> None:
    steps: list[Step] = [shown(api, BEFORE, 4), lost(), shown(api, BEFORE, 4), answer(500), shown(api, BEFORE, 4)]
    for operations, if_match in (([*IF_NAMED, *APPROVE], None), (APPROVE, 4)):
        error, _ = fail(ServerError, api, operations, *steps, if_match=if_match, max_retries=1)
        assert error.retryable
    error, _ = fail(NoAnswerError, api, APPROVE, *steps[:2], steps[0], if_match=4, max_retries=0)
    assert error.sent
    assert can_pass(error)


# With if_match.


@BOTH
@pytest.mark.parametrize("if_match", [4, "4", '"4"'])
def test_if_match_lets_the_right_etag_through(api: str, if_match: Any) -> None:
    _, script = run(api, APPROVE, shown(api, BEFORE, 4), answer(200, receipt(api, etag=5)), if_match=if_match)
    request = script.requests[-1]
    if api == "xcore":
        assert request.headers["If-Match"] == '"4"'
    else:
        assert body_of(request) == [*guards_of(BEFORE), *APPROVE]


@BOTH
@pytest.mark.parametrize("if_match", [3, "5", "*"])
def test_if_match_stops_before_anything_is_sent(api: str, if_match: Any) -> None:
    error, script = fail(ConflictError, api, APPROVE, shown(api, BEFORE, 4, lastModifiedBy="ann"), if_match=if_match)
    assert methods(script) == ["GET"]
    assert "etag is 4" in str(error)
    assert "The offer was edited since; nothing was sent" in str(error)
    assert not can_pass(error)


@BOTH
def test_a_conflict_with_if_match_is_final(api: str) -> None:
    steps: list[Step] = [
        shown(api, BEFORE, 4),
        answer(409, {}),
        shown(api, sale(status="archived"), 5, **{"repo:lastModifiedBy": "ann"}),
    ]
    error, script = fail(ConflictError, api, APPROVE, *steps, if_match=4)
    assert methods(script) == ["GET", "PATCH", "GET"]
    assert "from 4 to 5" in str(error)
    if api == "xcore":
        assert "by ann" in str(error)


@BOTH
def test_a_lost_answer_with_if_match_is_seen(api: str) -> None:
    steps: list[Step] = [shown(api, BEFORE, 4), lost(), shown(api, {**BEFORE, "status": "approved"}, 5)]
    assert run(api, APPROVE, *steps, if_match=4)[0].receipt.etag == 5
    somebody: list[Step] = [shown(api, BEFORE, 4), lost(), shown(api, {**BEFORE, "status": "archived"}, 5)]
    error, _ = fail(ConflictError, api, APPROVE, *somebody, if_match=4)
    assert "from 4 to 5" in str(error)
    overwritten: list[Step] = [shown(api, BEFORE, 4), lost(), shown(api, {**BEFORE, "status": "archived"}, 6)]
    error, _ = fail(OutcomeUnknownError, api, APPROVE, *overwritten, if_match=4)
    assert not error.retryable


def test_what_is_new_is_guarded_by_the_name_on_dps() -> None:
    operations = [{"op": "copy", "from": "/name", "path": "/description"}]
    _, script = run("dps", operations, shown("dps", BEFORE, 4), answer(200, receipt("dps")))
    assert body_of(script.requests[-1]) == [*IF_NAMED, *operations]


def test_if_match_guards_everything_that_was_read_on_dps() -> None:
    operations = [{"op": "add", "path": "/description", "value": "new"}]
    _, script = run("dps", operations, shown("dps", BEFORE, 4), answer(200, receipt("dps")), if_match=4)
    assert body_of(script.requests[-1]) == [*guards_of(BEFORE), *operations]


@pytest.mark.parametrize("member", ["id", "etag", "created", "modified"])
def test_a_test_beside_the_properties_stands_for_all_of_them_on_dps(member: str) -> None:
    there = entity("dps", BEFORE, etag=4)
    operations = [{"op": "test", "path": f"/{member}", "value": there[member]}, *ADD_TAG]
    _, script = run("dps", operations, answer(200, there), answer(200, receipt("dps")))
    assert body_of(script.requests[-1]) == [*guards_of(BEFORE), *ADD_TAG]


# The author's own tests, and patches that do not fit.


@BOTH
def test_a_test_that_does_not_hold_is_a_conflict_before_anything_is_sent(api: str) -> None:
    operations = [{"op": "test", "path": "/status", "value": "approved"}, *ADD_TAG]
    error, script = fail(ConflictError, api, operations, shown(api, BEFORE, 4))
    assert methods(script) == ["GET"]
    assert "nothing was sent" in str(error)
    assert not can_pass(error)


@BOTH
def test_a_test_that_holds_is_sent_along(api: str) -> None:
    operations = [{"op": "test", "path": "/etag", "value": 4}, {"op": "test", "path": "/rank/priority", "value": 10}]
    _, script = run(api, [*operations, *APPROVE], shown(api, BEFORE, 4), answer(200, receipt(api)))
    sent = body_of(script.requests[-1])
    # Whether dps could test its etag is documented nowhere; the read has answered that already.
    if api == "dps":
        assert sent == [*guards_of(BEFORE), operations[1], *APPROVE]
    else:
        # xcore lists no `test`; the read has answered, and If-Match holds it to that.
        assert [operation["path"] for operation in sent] == ["/_instance/xdm:status"]
        assert script.requests[-1].headers["If-Match"] == '"4"'


def test_tests_alone_are_answered_by_the_read_on_xcore() -> None:
    written, script = run("xcore", IF_NAMED, shown("xcore", BEFORE, 4))
    assert (written.action, written.receipt.etag, methods(script)) == ("unchanged", 4, ["GET"])
    assert methods(run("dps", IF_NAMED, shown("dps", BEFORE, 4), answer(200, receipt("dps")))[1]) == ["GET", "PATCH"]


@BOTH
def test_a_date_is_tested_as_an_instant_and_sent_as_it_was_read(api: str) -> None:
    there = sale(selectionConstraint={"startDate": "2026-03-10T00:00:00.000+00:00", "endDate": "2026-06-30T21:59:59Z"})
    same_start = {"op": "test", "path": "/selectionConstraint/startDate", "value": "2026-03-10T00:00:00Z"}
    _, script = run(api, [same_start, *APPROVE], shown(api, there, 4), answer(200, receipt(api)))
    tests = [each for each in body_of(script.requests[-1]) if each["path"] == "/selectionConstraint/startDate"]
    assert [each["value"] for each in tests] == (["2026-03-10T00:00:00.000+00:00"] if api == "dps" else [])
    later = {**same_start, "value": "2026-03-10T00:00:01Z"}
    fail(ConflictError, api, [later, *APPROVE], shown(api, there, 4))


# What the pages do not list is sent in what they do.

MOVE = [{"op": "move", "from": "/tags/0", "path": "/tags/-"}]
TAGGED = sale(tags=["dps:tag:1", "dps:tag:2", "dps:tag:3"])
MOVED = sale(tags=["dps:tag:2", "dps:tag:3", "dps:tag:1"])


@BOTH
def test_a_move_is_sent_as_a_removal_and_an_addition(api: str) -> None:
    _, script = run(api, MOVE, shown(api, TAGGED, 4), answer(200, receipt(api, etag=5)))
    sent = [each for each in body_of(script.requests[-1]) if each["op"] != "test"]
    prefix = "" if api == "dps" else "/_instance/xdm:"
    slash = "/" if api == "dps" else ""
    assert sent == [
        {"op": "remove", "path": f"{prefix}{slash}tags/0"},
        {"op": "add", "path": f"{prefix}{slash}tags/-", "value": "dps:tag:1"},
    ]


@BOTH
def test_a_move_whose_answer_was_lost_is_not_made_twice(api: str) -> None:
    assert run(api, MOVE, shown(api, TAGGED, 4), lost(), shown(api, MOVED, 5))[0].receipt.etag == 5
    # A removal and an addition are as little to be repeated as the move that they stand for.
    steps: list[Step] = [shown(api, TAGGED, 4), lost(), shown(api, TAGGED, 4)]
    error, _ = fail(OutcomeUnknownError, api, MOVE, *steps, max_retries=0)
    assert not can_pass(error)


@BOTH
def test_a_copy_finds_what_is_there_at_each_try(api: str) -> None:
    """On xcore it is sent as the value read; where somebody was faster, that is read anew."""
    operations = [{"op": "copy", "from": "/name", "path": "/characteristics/was"}]
    renamed = sale(name="Renamed")
    refusal = answer(409, {}) if api == "xcore" else answer(422, {})
    steps: list[Step] = [shown(api, BEFORE, 4), refusal, shown(api, renamed, 5), shown(api, renamed, 5)]
    _, script = run(api, operations, *steps, answer(200, receipt(api, etag=6)))
    sent = body_of(script.requests[-1])[-1]
    if api == "xcore":
        assert sent == {"op": "add", "path": "/_instance/xdm:characteristics/was", "value": "Renamed"}
    else:
        assert sent == operations[0]


# The offer as it will be is held against the rules.


def patched(api: str, operations: Any, there: Any, kind: Kind = PERSONALIZED, **options: Any) -> Script:
    script = Script(shown(api, there, 4), answer(200, receipt(api, etag=5)))
    script.go(patch(script.access(api), Reference(kind, id=DPS_ID, instance_id=INSTANCE_ID), operations, **options))
    return script


def tags(count: int) -> list[str]:
    return [f"dps:tag:{number}" for number in range(count)]


def add(path: str, value: Any) -> list[dict[str, Any]]:
    return [{"op": "add", "path": path, "value": value}]


SHOWN = {
    "placement": sale()["representations"][0]["placement"],
    "components": sale()["representations"][0]["components"],
}


@BOTH
@pytest.mark.parametrize(
    ("operations", "there", "pointer"),
    [
        (add("/tags/-", "dps:tag:99"), {"tags": tags(20)}, "/tags"),
        (add("/representations/-", SHOWN), {}, "/representations/1/placement"),
        ([{"op": "remove", "path": "/representations/0/components/0"}], {}, "/representations/0/components"),
        ([{"op": "copy", "from": "/name", "path": "/status"}], {}, "/status"),
        ([{"op": "replace", "path": "/representations/0/components/0/content", "value": "x" * 307_000}], {}, ""),
    ],
)
def test_what_a_guarded_patch_would_leave_is_refused(api: str, operations: Any, there: Any, pointer: str) -> None:
    with pytest.raises(InvalidInputError, match="nothing was sent") as refused:
        patched(api, operations, sale(**there))
    assert [violation.pointer for violation in refused.value.violations] == [pointer]
    assert methods(patched(api, operations, sale(**there), validate=False)) == ["GET", "PATCH"]


@BOTH
@pytest.mark.parametrize(
    ("operations", "there"),
    [
        (add("/tags/-", "dps:tag:1"), {"representations": [SHOWN, SHOWN]}),
        ([{"op": "remove", "path": "/tags/0"}], {"tags": tags(25)}),
        ([{"op": "remove", "path": "/tags/0"}], {"tags": ["a", "", "b"]}),
        ([{"op": "remove", "path": "/tags/0"}], {"status": "pending", "name": ""}),
        ([{"op": "remove", "path": "/tags/0"}], {"description": "x" * 400_000}),
        (MOVE, {"tags": tags(25)}),
        (
            [*IF_NAMED, {"op": "replace", "path": "/selectionConstraint/startDate", "value": "2031-01-01T00:00:00Z"}],
            {"selectionConstraint": {"startDate": "2030-01-01T00:00:00Z", "endDate": "2029-01-01T00:00:00Z"}},
        ),
    ],
)
def test_what_was_wrong_before_and_is_no_worse_is_no_reason(api: str, operations: Any, there: Any) -> None:
    assert methods(patched(api, operations, sale(**there))) == ["GET", "PATCH"]


@BOTH
def test_what_was_wrong_before_and_gets_worse_is_refused(api: str) -> None:
    with pytest.raises(InvalidInputError, match="26 collection qualifiers"):
        patched(api, add("/tags/-", "dps:tag:1"), sale(tags=tags(25)))
    with pytest.raises(InvalidInputError, match="/representations/2/placement"):
        patched(api, add("/representations/-", SHOWN), sale(representations=[SHOWN, SHOWN]))


# What reads leave out.

FORMULA_READ = {
    "name": "Boost",
    "expression": {"type": "PQL", "format": "pql/text", "value": "1"},
    "returnType": {"type": "INTEGER"},
}
ABOUT = [{"op": "add", "path": "/definedOn/offer/referencePaths/-", "value": "_x.y"}]
VERSION = [{"op": "replace", "path": "/definedOn/offer/schema/version", "value": "1"}]
RENAME = [{"op": "replace", "path": "/name", "value": "Boosted"}]
LATER = "2026-03-02T09:00:25.000Z"


def formula(operations: Any, *steps: Step, **options: Any) -> tuple[Any, Script]:
    """What becomes of a patch of a ranking formula on dps, whose reads leave `definedOn` out: a receipt or an error."""
    script = Script(*steps)
    retries = {"max_retries": options.pop("max_retries", 3)}
    flow = patch(script.access("dps", **retries), Reference(FORMULA, id=DPS_ID), operations, **options)
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
    """Neither a success nor a conflict, whoever made the edit that shows."""
    for now in (FORMULA_READ, {**FORMULA_READ, "name": "Other"}):
        steps: list[Step] = [shown("dps", FORMULA_READ, 4), failure, shown("dps", now, 5)]
        outcome, script = formula(operations, *steps, if_match=if_match)
        assert type(outcome) is OutcomeUnknownError
        assert "do not show" in str(outcome)
        assert not can_pass(outcome)
        assert methods(script) == ["GET", "PATCH", "GET"]


def test_what_reads_show_after_all_tells() -> None:
    """They may leave it out, and need not: the description of a tag is in what a read of the one shows."""
    described = [{"op": "replace", "path": "/description", "value": "new"}]

    def outcome(operations: Any, *steps: Step, **options: Any) -> Any:
        script = Script(*steps)
        return script.run(patch(script.access("dps"), Reference(TAG, id=DPS_ID), operations, **options))

    old, new = {"name": "Boost", "description": "old"}, {"name": "Boost", "description": "new"}
    assert outcome([*IF_BOOST, *described], shown("dps", old, 4), lost(), shown("dps", new, 5)).receipt.etag == 5
    assert outcome(described, lost(), shown("dps", new, 5, modified=LATER)).receipt.etag == 5
    planned = Kept(Plan(4, ""), since=START)
    assert outcome([*IF_BOOST, *described], shown("dps", new, 5), intent=planned).receipt.etag == 5
    # It was so before: the edit may be anybody's.
    with pytest.raises(OutcomeUnknownError):
        outcome([*IF_BOOST, *described], shown("dps", new, 4), lost(), shown("dps", new, 5))


def test_what_no_guard_would_hold_off_is_not_sent_twice() -> None:
    """The first may come through late, and nothing that dps can test would tell the second."""
    still = shown("dps", FORMULA_READ, 4)
    outcome, script = formula(ABOUT, still, lost(), still)
    assert type(outcome) is OutcomeUnknownError
    assert methods(script) == ["GET", "PATCH", "GET"]
    # Setting it twice does what once does.
    outcome, script = formula([*IF_BOOST, *VERSION], still, lost(), still, answer(200, receipt("dps", etag=5)))
    assert outcome.receipt.etag == 5
    # What the patch changes beside it is a guard.
    outcome, script = formula([*RENAME, *ABOUT], still, lost(), still, answer(200, receipt("dps", etag=5)))
    assert outcome.receipt.etag == 5


def test_what_is_changed_beside_it_tells() -> None:
    renamed = shown("dps", {**FORMULA_READ, "name": "Boosted"}, 5)
    outcome, _ = formula([*RENAME, *ABOUT], shown("dps", FORMULA_READ, 4), lost(), renamed)
    assert outcome.receipt.etag == 5
    other = shown("dps", {**FORMULA_READ, "name": "Other"}, 5)
    outcome, _ = formula([*RENAME, *ABOUT], shown("dps", FORMULA_READ, 4), lost(), other, max_retries=0, if_match=4)
    assert type(outcome) is ConflictError
    # A refusal that came is one, whatever reads show.
    outcome, _ = formula(ABOUT, shown("dps", FORMULA_READ, 4), answer(409, {}), other, if_match=4)
    assert type(outcome) is ConflictError


def test_setting_what_reads_leave_out_is_repeated_unless_it_was_edited_since() -> None:
    outcome, script = formula(VERSION, lost(), shown("dps", FORMULA_READ, 5), answer(200, receipt("dps", etag=6)))
    assert (outcome.receipt.etag, methods(script)) == (6, ["PATCH", "GET", "PATCH"])
    # That may have been ours, late, or somebody else's.
    outcome, script = formula(VERSION, lost(), shown("dps", FORMULA_READ, 5, modified=LATER))
    assert type(outcome) is OutcomeUnknownError
    assert methods(script) == ["PATCH", "GET"]


@pytest.mark.parametrize("anew", [True, False])
def test_the_next_try_does_not_know_what_reads_leave_out(anew: bool) -> None:
    first = Kept()
    formula(ABOUT, shown("dps", FORMULA_READ, 4), answer(200, receipt("dps", etag=5)), intent=first)
    assert first.kept == [Plan(4, "")]
    planned = Kept(first.kept[0], since=START, anew=anew)
    outcome, script = formula(ABOUT, shown("dps", FORMULA_READ, 5), intent=planned)
    assert type(outcome) is OutcomeUnknownError
    assert methods(script) == ["GET"]
    untouched: list[Step] = [shown("dps", FORMULA_READ, 4), answer(200, receipt("dps", etag=5))]
    outcome, _ = formula(ABOUT, *untouched, intent=planned)
    assert outcome.receipt.etag == 5
    # Without a plan.
    outcome, _ = formula(
        ABOUT,
        *([shown("dps", FORMULA_READ, 5), *untouched[1:]] if anew else untouched[:1]),
        intent=Kept(since=START, anew=anew),
    )
    assert (type(outcome) is OutcomeUnknownError) is not anew


def test_the_plan_of_what_is_changed_beside_it_tells() -> None:
    first = Kept()
    both = [*RENAME, *ABOUT]
    formula(both, shown("dps", FORMULA_READ, 4), answer(200, receipt("dps", etag=5)), intent=first)
    renamed = shown("dps", {**FORMULA_READ, "name": "Boosted"}, 5)
    outcome, script = formula(both, renamed, intent=Kept(first.kept[0], since=START))
    assert (outcome.receipt.etag, methods(script)) == (5, ["GET"])


def test_a_lost_answer_about_links_is_unknown() -> None:
    operations = [{"op": "remove", "path": "/_links/self"}]
    steps: list[Step] = [shown("xcore", BEFORE, 4), lost(), shown("xcore", BEFORE, 5)]
    fail(OutcomeUnknownError, "xcore", operations, *steps)
    # If-Match holds the second off where the first comes through late.
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


@BOTH
def test_a_refusal_that_cannot_be_looked_into_is_itself(api: str) -> None:
    refusal = answer(422, {"title": "no"})
    fail(RejectedError, api, ADD_TAG, shown(api, BEFORE, 4), refusal, answer(403, {"title": "no reading"}))


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
    script.run(patch(script.access("xcore"), Reference(PERSONALIZED, id=XCORE_ID), APPROVE))
    look, write = script.requests
    assert ("id", XCORE_ID) in query_of(look)
    assert write.url.endswith(f"/instances/{INSTANCE_ID}")
    script = Script(answer(200, page("xcore", [entity("xcore", BEFORE, number=3)])))
    with pytest.raises(NotFoundError, match=XCORE_ID):
        script.run(patch(script.access("xcore"), Reference(PERSONALIZED, id=XCORE_ID), APPROVE))


def test_generation_2_cannot_address_an_instance_id() -> None:
    script = Script()
    with pytest.raises(UnsupportedError, match="instance id"):
        script.run(patch(script.access("dps"), Reference(PERSONALIZED, instance_id=INSTANCE_ID), APPROVE))


def test_the_kind_is_named_on_dps() -> None:
    script = Script(answer(200, receipt("dps")))
    script.run(patch(script.access("dps"), Reference(FALLBACK, id=DPS_ID), APPROVE))
    assert script.requests[0].url.endswith(f"/offers/{DPS_ID}?offer-type=fallback")


# Replacing.


def put(*steps: Step, if_match: Any = None, properties: Any = None, **retries: Any) -> tuple[Any, Script]:
    script = Script(*steps)
    flow = replace_offer(script.access("xcore", **retries), reference("xcore"), properties or AFTER, if_match=if_match)
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


def test_a_replacement_of_what_somebody_edited_is_a_conflict() -> None:
    with pytest.raises(ConflictError, match="from 4 to 5"):
        put(shown("xcore", BEFORE, 4), answer(409, {}), shown("xcore", sale(status="archived"), 5))
    with pytest.raises(ConflictError, match="nothing was sent"):
        put(shown("xcore", BEFORE, 4), if_match=3)


def test_a_replacement_whose_answer_was_lost_among_other_edits_is_not_made_again() -> None:
    archived = sale(status="archived")
    with pytest.raises(ConflictError, match="from 4 to 5"):
        put(shown("xcore", BEFORE, 4), lost(), shown("xcore", archived, 5))
    with pytest.raises(OutcomeUnknownError, match="from 4 to 6") as caught:
        put(shown("xcore", BEFORE, 4), lost(), shown("xcore", archived, 6))
    assert not caught.value.retryable


def test_a_replacement_may_come_twice_when_its_retries_end() -> None:
    with pytest.raises(NoAnswerError) as caught:
        put(shown("xcore", BEFORE, 4), lost(), shown("xcore", BEFORE, 4), max_retries=0)
    assert can_pass(caught.value)


def test_generation_2_has_no_replacement() -> None:
    script = Script()
    with pytest.raises(UnsupportedError, match="patch it instead"):
        script.run(replace_offer(script.access("dps"), reference("dps"), AFTER))


# What an earlier try of the same work may have sent.


class Kept:
    """The plan of a patch, as a task's state keeps it."""

    durable = True

    def __init__(self, plan: Plan | None = None, since: datetime | None = None, *, anew: bool = False) -> None:
        self.plan = plan
        self.since = since
        self.anew = anew
        self.kept: list[Plan] = []

    def recall(self) -> list[Plan]:
        return [] if self.plan is None else [self.plan]

    def keep(self, plan: Plan) -> None:
        self.kept.append(plan)


def again(api: str, kept: Kept, operations: Any, *steps: Step, if_match: Any = None) -> tuple[Written, Script]:
    script = Script(*steps)
    flow = patch(script.access(api), reference(api), operations, if_match=if_match, intent=kept)
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
    # Of what only sets there is only when it was sent.
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
    # The one edit since is somebody else's.
    other = shown(api, {**BEFORE, "tags": []}, 2)
    _, script = again(api, kept, ADD_TAG, other, answer(200, receipt(api, etag=3)))
    assert methods(script) == ["GET", "PATCH"]


@BOTH
def test_what_comes_through_late_is_seen_by_the_next_try(api: str) -> None:
    """The service applies the earlier try's patch just after the next try has read the offer."""
    kept = Kept(plan_of_first_try(api), since=START)
    after = shown(api, AFTER, 2)
    refusal = answer(409, {"title": "stale"}) if api == "xcore" else answer(422, {"title": "a test failed"})
    written, script = again(api, kept, ADD_TAG, shown(api, BEFORE, 1), refusal, after, after)
    assert written.receipt.etag == 2
    assert methods(script).count("PATCH") == 1


class AtIt(Kept):
    """Another try reads the offer at the same time, and keeps its plan while ours is under way."""

    def keep(self, plan: Plan) -> None:
        super().keep(plan)
        self.plan = plan


@BOTH
def test_two_workers_at_one_task_patch_once(api: str) -> None:
    """Both read before either wrote; the one that comes second finds the edit of the other, and makes none."""
    refusal = answer(409, {"title": "stale"}) if api == "xcore" else answer(422, {"title": "a test failed"})
    after = shown(api, AFTER, 2)
    written, script = again(api, AtIt(), ADD_TAG, shown(api, BEFORE, 1), refusal, after, after)
    assert (written.receipt.etag, methods(script).count("PATCH")) == (2, 1)
    # Another edit is another's: ours is made on top of it.
    other = shown(api, {**BEFORE, "tags": ["dps:tag:9"]}, 2)
    done = answer(200, receipt(api, etag=3))
    _, script = again(api, AtIt(), ADD_TAG, shown(api, BEFORE, 1), refusal, other, other, done)
    assert methods(script).count("PATCH") == 2


@BOTH
def test_a_worker_thought_dead_wakes_and_patches_nothing(api: str) -> None:
    """The try after it has done the work; it has not read the offer yet, and is the first try of all."""
    later = Kept(plan_of_first_try(api))
    assert later.since is None
    assert methods(again(api, later, ADD_TAG, shown(api, AFTER, 2))[1]) == ["GET"]


@BOTH
def test_several_edits_since_leave_it_open(api: str) -> None:
    kept = Kept(plan_of_first_try(api), since=START)
    script = Script(shown(api, {**BEFORE, "tags": []}, 3))
    with pytest.raises(OutcomeUnknownError, match="from 1 to 3") as caught:
        script.run(patch(script.access(api), reference(api), ADD_TAG, intent=kept))
    assert not caught.value.retryable


@BOTH
def test_without_a_plan_the_offer_itself_tells(api: str) -> None:
    """Airflow 3.2 keeps nothing between two tries."""
    kept = Kept(since=START)
    assert methods(again(api, kept, ADD_TAG, shown(api, AFTER, 2))[1]) == ["GET"]
    sent: list[Step] = [shown(api, BEFORE, 1), answer(200, receipt(api, etag=2))]
    assert methods(again(api, kept, ADD_TAG, *sent)[1]) == ["GET", "PATCH"]
    # That was before any earlier try.
    old = Kept(since=START + timedelta(hours=1))
    sent = [shown(api, AFTER, 2), answer(200, receipt(api, etag=3))]
    assert methods(again(api, old, ADD_TAG, *sent)[1]) == ["GET", "PATCH"]
    first = [{"op": "add", "path": "/tags/0", "value": "x"}]
    with pytest.raises(OutcomeUnknownError, match="cannot be told"):
        again(api, kept, first, shown(api, BEFORE, 1))
    # Whoever clears the task asks for it all the same.
    sent = [shown(api, BEFORE, 1), answer(200, receipt(api, etag=2))]
    assert methods(again(api, Kept(since=START, anew=True), first, *sent)[1]) == ["GET", "PATCH"]
    # Somebody added another after it, or before it was sent.
    with pytest.raises(OutcomeUnknownError, match="cannot be told"):
        again(api, kept, ADD_TAG, shown(api, {**AFTER, "tags": [*AFTER["tags"], "dps:tag:3"]}, 3))


@BOTH
def test_another_try_does_not_overrule_who_set_it_since(api: str) -> None:
    """The first try was killed with its patch on the way; by the next, the offer is as somebody else has set it."""
    modified = "modified" if api == "dps" else "repo:lastModifiedDate"
    earlier = Kept(Plan(0, "", START - timedelta(minutes=5)), since=START - timedelta(minutes=5))
    done = shown(api, sale(status="approved"), 2, **{modified: "2026-03-02T08:55:01Z"})
    assert methods(again(api, earlier, APPROVE, done)[1]) == ["GET"]
    untouched = shown(api, sale(), 1, **{modified: "2026-03-02T08:54:00Z"})
    sent: list[Step] = [untouched, answer(200, receipt(api, etag=2))]
    assert methods(again(api, earlier, APPROVE, *sent)[1]) == ["GET", "PATCH"]
    assert earlier.kept[-1].sent == START - timedelta(minutes=5)
    theirs = shown(api, sale(status="archived"), 3, **{modified: "2026-03-02T08:57:00Z"})
    with pytest.raises(ConflictError, match="clear the task to set it all the same") as caught:
        again(api, earlier, APPROVE, theirs)
    assert not can_pass(caught.value)


@BOTH
def test_an_identical_edit_of_another_task_is_not_ours(api: str) -> None:
    """Nobody else is at this task, so that the very same edit is another's: ours comes on top."""
    kept = Kept()
    refusal = answer(409, {"title": "stale"}) if api == "xcore" else answer(422, {"title": "a test failed"})
    after, done = shown(api, AFTER, 2), answer(200, receipt(api, etag=3))
    _, script = again(api, kept, ADD_TAG, shown(api, BEFORE, 1), refusal, after, after, done)
    assert methods(script).count("PATCH") == 2


@BOTH
def test_if_match_without_a_plan_knows_its_own_effect(api: str) -> None:
    kept = Kept(since=START)
    assert methods(again(api, kept, ADD_TAG, shown(api, AFTER, 2), if_match=1)[1]) == ["GET"]
    script = Script(shown(api, AFTER, 3))
    with pytest.raises(ConflictError):
        script.run(patch(script.access(api), reference(api), ADD_TAG, if_match=1, intent=kept))


@pytest.mark.parametrize(
    ("operations", "seen"),
    [
        (ADD_TAG, True),
        ([*ADD_TAG, *ADD_TAG], None),
        ([{"op": "add", "path": "/tags/-", "value": "dps:tag:1"}, *ADD_TAG], True),
        ([{"op": "add", "path": "/tags/-", "value": "dps:tag:1"}], None),
        ([{"op": "add", "path": "/tags/-", "value": "dps:tag:9"}], False),
        ([{"op": "remove", "path": "/gone"}], True),
        ([{"op": "remove", "path": "/name"}], False),
        (
            [
                *IF_NAMED,
                {"op": "replace", "path": "/selectionConstraint/endDate", "value": "2026-06-30T23:59:59+02:00"},
            ],
            True,
        ),
        ([{"op": "add", "path": "/rank/priority", "value": 11}], False),
        ([{"op": "add", "path": "/nothing/-", "value": 1}], False),
        ([{"op": "add", "path": "/tags/1", "value": "dps:tag:2"}], None),
        ([{"op": "move", "from": "/a", "path": "/b"}], None),
        ([{"op": "copy", "from": "/name", "path": "/description"}], None),
        ([{"op": "remove", "path": "/_links/self"}], None),
        ([{"op": "remove", "path": "/_links/self"}, {"op": "remove", "path": "/name"}], False),
        ([{"op": "replace", "path": "/tags", "value": []}, *ADD_TAG], None),
        ([{"op": "remove", "path": "/gone"}, {"op": "add", "path": "/gone", "value": 1}], None),
        ([{"op": "add", "path": "/rank", "value": {}}, {"op": "add", "path": "/rank/priority", "value": 1}], False),
        ([{"op": "add", "path": "/rank", "value": {}}, {"op": "add", "path": "/rank/priority", "value": 10}], True),
        ([{"op": "replace", "path": "/status", "value": "approved"}, *DRAFT], True),
        ([*DRAFT, {"op": "replace", "path": "/status", "value": "approved"}], False),
        ([{"op": "replace", "path": "/nothing/there", "value": 1}], False),
        ([{"op": "add", "path": "/name/there", "value": 1}], False),
    ],
)
def test_what_a_patch_leaves_to_be_seen(operations: Any, seen: bool | None) -> None:
    assert shows(operations, AFTER) is seen


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
    with pytest.raises(ConflictError, match="not as this patch sets it"):
        again(api, kept, operations, shown(api, sale(name="new"), 2, **later))


# Edits that follow from what the offer is.


def run_edit(api: str, edit: Any, *steps: Step) -> tuple[Written, Script]:
    script = Script(*steps)
    return script.run(edit(script.access(api), reference(api))), script


@BOTH
def test_what_a_plan_only_tests_may_change_while_the_answer_is_lost(api: str) -> None:
    """The offer is archived since its window is over; somebody moves the window right after that."""
    cutoff = START + timedelta(days=365)
    moved = sale(status="archived", selectionConstraint={**sale()["selectionConstraint"], "endDate": "2090-01-01"})
    written, script = run_edit(
        api,
        lambda access, it: archive_expired(access, it, cutoff),
        shown(api, sale(), 1),
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
        script.run(take_step(script.access(api), reference(api), UNPUBLISH, now=lambda: START))
    assert not can_pass(caught.value)
    assert "etag went from 1 to 3" in str(caught.value)
    assert methods(script).count("PATCH") == 1


@BOTH
def test_a_step_that_was_refused_is_not_held_against_the_next_try(api: str) -> None:
    """Others kept editing the offer, so that each of the writes was refused: none of theirs undid it."""
    approved, first = sale(status="approved"), Kept()
    steps: list[Step] = []
    for etag in range(1, 6):
        steps += [shown(api, approved, etag), answer(409, {}), shown(api, approved, etag + 1)]
    script = Script(*steps)
    with pytest.raises(ConflictError) as caught:
        script.run(take_step(script.access(api), reference(api), UNPUBLISH, now=lambda: START, intent=first))
    assert can_pass(caught.value)
    next_try = Kept(first.kept[-1], since=START)
    written, _ = run_edit(
        api,
        lambda access, it: take_step(access, it, UNPUBLISH, now=lambda: START, intent=next_try),
        shown(api, approved, 20),
        answer(200, receipt(api, etag=21)),
    )
    assert written.action == "unpublished"


def test_what_reads_leave_out_is_not_to_be_seen() -> None:
    assert shows(VERSION, FORMULA_READ, FORMULA) is None
    assert shows([*VERSION, *RENAME], FORMULA_READ, FORMULA) is False
    assert shows([*VERSION, *IF_BOOST], FORMULA_READ, FORMULA) is None
    assert shows([*VERSION, *RENAME], {**FORMULA_READ, "name": "Boosted"}, FORMULA) is None
    # A test of it says nothing.
    assert shows([{"op": "test", "path": "/definedOn", "value": {}}, *IF_BOOST], FORMULA_READ, FORMULA) is True


def test_a_patch_shows_in_what_it_made() -> None:
    for operations in (ADD_TAG, APPROVE, [*APPROVE, *ADD_TAG, {"op": "remove", "path": "/rank"}]):
        assert shows(operations, jsonpatch.apply_patch(copy.deepcopy(BEFORE), operations))


def test_fingerprints_tell_documents_apart_as_the_service_does() -> None:
    assert fingerprint({"a": "2026-03-10T00:00:00Z"}) == fingerprint({"a": "2026-03-10T01:00:00.000+01:00"})
    assert fingerprint({"a": 1}) == fingerprint({"a": 1.0})
    assert fingerprint({"a": 1}) != fingerprint({"a": True})
    assert fingerprint({"a": [1, 2]}) != fingerprint({"a": [2, 1]})


@BOTH
def test_a_receipt_and_an_offer_that_cannot_be_read_leave_the_outcome_to_the_next_try(api: str) -> None:
    """The patch is made; what went wrong afterwards is no refusal of it."""
    steps: list[Step] = [shown(api, BEFORE, 1), answer(200, b"<html>"), answer(429)]
    error, _ = fail(OutcomeUnknownError, api, ADD_TAG, *steps, max_retries=0)
    assert not error.retryable
    script = Script(*steps)
    with pytest.raises(OutcomeUnknownError, match="was accepted") as caught:
        script.run(patch(script.access(api, max_retries=0), reference(api), ADD_TAG, intent=Kept()))
    assert caught.value.retryable
    error, _ = fail(OutcomeUnknownError, api, APPROVE, answer(200, b"<html>"), answer(403, {"title": "no"}))
    assert error.retryable


@BOTH
def test_a_lost_answer_with_if_match_may_be_tried_again(api: str) -> None:
    steps: list[Step] = [shown(api, BEFORE, 1), lost(), shown(api, BEFORE, 1)]
    error, _ = fail(NoAnswerError, api, ADD_TAG, *steps, if_match=1, max_retries=0)
    assert can_pass(error)
