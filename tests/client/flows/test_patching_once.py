"""Patching and replacing lose no edit, apply none twice, and overwrite no edit that was not read."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.client.errors import (
    BadRequestError,
    ConflictError,
    InvalidInputError,
    NoAnswerError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RejectedError,
    ServerError,
)
from airflow_provider_offers.client.flows.patching import patch
from airflow_provider_offers.client.model.entities import Reference
from airflow_provider_offers.client.model.kinds import PERSONALIZED, Kind
from tests.client.library import DPS_ID, INSTANCE_ID, entity, receipt, sale
from tests.client.script import CONTAINER, Script, Step, answer, body_of, lost
from tests.client.writes import (
    ADD_TAG,
    AFTER,
    APPROVE,
    BEFORE,
    BOTH,
    IF_NAMED,
    LOST,
    fail,
    guards_of,
    methods,
    prepared,
    run,
    shown,
)

# Setting properties: twice has the same result as once.


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
    """The repetition is guarded by the values of the read in between."""
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
    """The answer was lost for half a minute; meanwhile, somebody else set the same property."""
    later: dict[str, Any] = {"modified" if api == "dps" else "repo:lastModifiedDate": "2026-03-02T09:00:25.000Z"}
    other = shown(api, sale(status="archived"), 3, **later)
    error, script = fail(ConflictError, api, APPROVE, lost(), other)
    assert methods(script) == ["PATCH", "GET"]
    assert not error.retryable
    assert "last modified 2026-03-02T09:00:25.000Z" in str(error)
    # If the service's clock is a minute ahead, the same edit was before ours.
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
    looks = [shown(api, sale(), 1)] if error in (BadRequestError, ConflictError, RejectedError) else []
    _, script = fail(error, api, APPROVE, step, *looks)
    assert methods(script) == ["PATCH", *["GET" for _ in looks]]


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
def test_what_a_gateway_sent_twice_is_seen_beside_an_edit_of_the_same_list(api: str) -> None:
    """The second copy is refused, a cache still shows the old offer, and then somebody adds another tag."""
    there = sale(tags=["dps:tag:1", "dps:tag:2", "dps:tag:9"])
    steps: list[Step] = [shown(api, BEFORE, 4), answer(409, {}), *[shown(api, BEFORE, 4)] * 2, shown(api, there, 6)]
    written, script = run(api, ADD_TAG, *steps)
    assert written.receipt.etag == 6
    assert methods(script).count("PATCH") == 1


@BOTH
def test_a_conflict_and_an_offer_that_cannot_be_read_again_leave_the_outcome_open(api: str) -> None:
    """The first read may be an old answer of a cache, so it does not say that the patch had no effect."""
    steps: list[Step] = [shown(api, BEFORE, 4), answer(409, {}), shown(api, BEFORE, 4), answer(403, {"title": "no"})]
    error, _ = fail(OutcomeUnknownError, api, ADD_TAG, *steps)
    assert "a gateway may have sent it twice" in str(error)
    assert not error.retryable
    error, _ = fail(OutcomeUnknownError, api, APPROVE, *steps, if_match=4)
    assert error.retryable


@BOTH
def test_a_refusal_of_an_unchanged_offer_is_final(api: str) -> None:
    for refusal, error in (
        (answer(422, {"title": "no"}), RejectedError),
        (answer(400, {"title": "no"}), BadRequestError),
    ):
        # The etag guards only against conflicts: any other refusal concerns the content.
        looks = [shown(api, BEFORE, 4)] * (1 if api == "xcore" else 2)
        fail(error, api, ADD_TAG, shown(api, BEFORE, 4), refusal, *looks)


@BOTH
def test_conflicts_without_end_end(api: str) -> None:
    steps: list[Step] = []
    for etag in range(5):
        steps += [shown(api, BEFORE, etag), answer(409, {}), shown(api, BEFORE, etag + 1, repo=1)]
    error, _ = fail(ConflictError, api, ADD_TAG, *steps)
    assert "Somebody else" in str(error)
    assert error.retryable


@BOTH
def test_somebody_elses_edit_elsewhere_does_not_hide_that_ours_was_lost(api: str) -> None:
    """The answer was lost and the tags are unchanged: our patch had no effect, and its guard keeps it out."""
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
    """Our edit is not visible, but one of the two edits may have been ours."""
    other = {**BEFORE, "status": "approved"}
    error, script = fail(OutcomeUnknownError, api, ADD_TAG, shown(api, BEFORE, 4), lost(), shown(api, other, 6))
    assert methods(script) == ["GET", "PATCH", "GET"]
    assert not error.retryable
    assert not error.retryable
    assert "is not known" in str(error)
    # If no answer was lost, none of the edits is ours.
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
    assert not error.retryable
    error, _ = fail(OutcomeUnknownError, api, [*IF_NAMED, *ADD_TAG], *steps, max_retries=1)
    assert not error.retryable


@BOTH
@pytest.mark.parametrize(
    ("operations", "if_match", "error"),
    [
        pytest.param(ADD_TAG, None, OutcomeUnknownError, id="twice would add two tags"),
        pytest.param(APPROVE, 4, PermissionDeniedError, id="twice has the same result as once"),
    ],
)
def test_a_refusal_after_a_lost_answer_settles_only_what_may_be_sent_again(
    api: str, operations: Any, if_match: int | None, error: type[Exception]
) -> None:
    steps: list[Step] = [shown(api, BEFORE, 4), lost(), shown(api, BEFORE, 4), answer(403, {"title": "no"})]
    fail(error, api, operations, *steps, if_match=if_match)


@BOTH
def test_a_guarded_write_that_may_come_twice_ends_in_what_went_wrong(api: str) -> None:
    steps: list[Step] = [shown(api, BEFORE, 4), lost(), shown(api, BEFORE, 4), answer(500), shown(api, BEFORE, 4)]
    for operations, if_match in (([*IF_NAMED, *APPROVE], None), (APPROVE, 4)):
        error, _ = fail(ServerError, api, operations, *steps, if_match=if_match, max_retries=1)
        assert error.retryable
    error, _ = fail(NoAnswerError, api, APPROVE, *steps[:2], steps[0], if_match=4, max_retries=0)
    assert error.sent
    assert error.retryable


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
    assert not error.retryable


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
    assert not error.retryable


@BOTH
def test_a_test_that_holds_is_sent_along(api: str) -> None:
    operations = [{"op": "test", "path": "/etag", "value": 4}, {"op": "test", "path": "/rank/priority", "value": 10}]
    _, script = run(api, [*operations, *APPROVE], shown(api, BEFORE, 4), answer(200, receipt(api)))
    sent = body_of(script.requests[-1])
    # It is not documented whether dps could test its etag; the read has already decided the test.
    if api == "dps":
        assert sent == [*guards_of(BEFORE), operations[1], *APPROVE]
    else:
        # xcore lists no `test`; the read has decided it, and If-Match guards the result.
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


# Undocumented operations are sent as documented ones.

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
    # A removal with an addition is as little repeatable as the move that they replace.
    steps: list[Step] = [shown(api, TAGGED, 4), lost(), shown(api, TAGGED, 4)]
    error, _ = fail(OutcomeUnknownError, api, MOVE, *steps, max_retries=0)
    assert not error.retryable


@BOTH
def test_a_copy_finds_what_is_there_at_each_try(api: str) -> None:
    """On xcore, the copy is sent with the value of the read; if somebody was faster, the offer is read again."""
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


# The resulting offer is checked against the rules.


def patched(api: str, operations: Any, there: Any, kind: Kind = PERSONALIZED, **options: Any) -> Script:
    script = Script(shown(api, there, 4), answer(200, receipt(api, etag=5)))
    script.go(
        patch(
            script.access(api),
            Reference(kind, id=DPS_ID, instance_id=INSTANCE_ID),
            prepared(operations, kind),
            **options,
        )
    )
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
        (
            [{"op": "remove", "path": "/representations/0/components/0"}],
            {"status": "approved"},
            "/representations/0/components",
        ),
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
    ("operations", "pointer"),
    [
        (add("/representations/-", SHOWN), "/representations/1/placement"),
        ([{"op": "remove", "path": "/representations/0/components/0"}], "/representations/0/components"),
    ],
)
def test_a_doubt_about_what_a_guarded_patch_would_leave_is_sent_unless_strict(
    api: str, operations: Any, pointer: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InvalidInputError, match="nothing was sent") as refused:
        patched(api, operations, sale(status="draft"), validate="strict")
    assert [violation.pointer for violation in refused.value.violations] == [pointer]
    assert methods(patched(api, operations, sale(status="draft"))) == ["GET", "PATCH"]
    assert [pointer in record.getMessage() for record in caplog.records] == [True]


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
        patched(api, add("/representations/-", SHOWN), sale(representations=[SHOWN, SHOWN]), validate="strict")


@BOTH
def test_a_conflict_that_the_client_finds_has_the_status_of_a_services_and_no_refusal(api: str) -> None:
    path = f"/offers/{DPS_ID}" if api == "dps" else f"/{CONTAINER}/instances/{INSTANCE_ID}"
    stale, _ = fail(ConflictError, api, ADD_TAG, shown(api, BEFORE, 4), if_match=3)
    other = [{"op": "test", "path": "/name", "value": "Autumn"}, *ADD_TAG]
    failed, _ = fail(ConflictError, api, other, shown(api, BEFORE, 4))
    for error, code, title, detail in (
        (stale, None, "The offer was edited since; nothing was sent", "its etag is 4, not 3; last modified "),
        (
            failed,
            "test",
            "The offer is not as the patch expects it; nothing was sent",
            '/name is "Spring voucher", not',
        ),
    ):
        assert (error.method, error.path, error.status) == ("PATCH", path, 409)
        assert (error.code, error.title, error.refused, error.final) == (code, title, False, True)
        assert error.detail.startswith(detail)
        assert str(error).startswith(f"PATCH {path}: {title}: {detail}")
        assert (error.retryable, error.verdict.settled) == (False, True)
