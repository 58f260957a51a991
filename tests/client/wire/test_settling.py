"""A write whose answer does not settle it, or is a refusal: the library shows whether it took effect."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.client.errors import (
    BadRequestError,
    ConflictError,
    NoAnswerError,
    OutcomeUnknownError,
    UnexpectedResponseError,
)
from airflow_provider_offers.client.flows.patching import patch
from airflow_provider_offers.client.flows.reading import read
from airflow_provider_offers.client.flows.replacing import replace_object
from airflow_provider_offers.client.wire.messages import Response
from tests.client.library import entity, receipt, reference, sale
from tests.client.script import Script, Step, answer, lost
from tests.client.writes import (
    ADD_TAG,
    AFTER,
    APPROVE,
    BEFORE,
    BOTH,
    DRAFT,
    IF_NAMED,
    fail,
    methods,
    prepared,
    run,
    shown,
)

PAGE = b"<html><h1>Not here</h1></html>"
# Answers of gateways, and unreadable answers.
UNSETTLING = [
    *(answer(status, {"title": "a gateway's"}) for status in (408, 425, 460, 499, 502, 503, 504, 520, 524, 530)),
    *(answer(status, PAGE) for status in (200, 302, 400, 403, 404, 408, 409, 412, 422, 502, 520)),
    *(answer(status) for status in (101, 103, 204, 304, 307, 599, 999)),
    answer(200, ["ok"]),
    lost(),
]
EACH_UNSETTLING = pytest.mark.parametrize("unsettling", UNSETTLING, ids=repr)
REFUSALS = pytest.mark.parametrize("refusal", [answer(status, {"title": "no"}) for status in (400, 409, 412, 422)])


@BOTH
@EACH_UNSETTLING
def test_an_append_that_was_made_is_not_made_again(api: str, unsettling: Step) -> None:
    written, script = run(api, ADD_TAG, shown(api, BEFORE, 4), unsettling, shown(api, AFTER, 5))
    assert (written.action, written.receipt.etag) == ("updated", 5)
    assert methods(script) == ["GET", "PATCH", "GET"]


@BOTH
@EACH_UNSETTLING
def test_what_was_set_is_seen_to_be_set(api: str, unsettling: Step) -> None:
    written, script = run(api, APPROVE, unsettling, shown(api, sale(status="approved"), 2))
    assert (written.action, written.receipt.etag) == ("updated", 2)
    assert methods(script) == ["PATCH", "GET"]


@EACH_UNSETTLING
def test_a_replacement_that_was_made_is_seen(unsettling: Step) -> None:
    script = Script(shown("xcore", sale(), 1), unsettling, shown("xcore", sale(rank={"priority": 3}), 2))
    written = script.run(replace_object(script.access("xcore"), reference("xcore"), sale(rank={"priority": 3})))
    assert written.receipt.etag == 2


@BOTH
@pytest.mark.parametrize("status", [408, 425, 499, 502, 503, 504, 520, 530])
def test_what_a_gateway_did_not_pass_on_is_sent_again(api: str, status: int) -> None:
    before = shown(api, BEFORE, 4)
    _, script = run(api, ADD_TAG, before, answer(status, PAGE), before, answer(200, receipt(api, etag=5)))
    assert methods(script) == ["GET", "PATCH", "GET", "PATCH"]
    unset = shown(api, sale(), 1)
    _, script = run(api, APPROVE, answer(status, PAGE), unset, answer(200, receipt(api, etag=2)))
    assert methods(script) == ["PATCH", "GET", "PATCH"]


@BOTH
@REFUSALS
def test_a_conflict_with_our_own_edit_is_none(api: str, refusal: Step) -> None:
    """A gateway sent the patch twice: the service applied the first, and the gateway returned the second answer."""
    written, script = run(api, ADD_TAG, shown(api, BEFORE, 4), refusal, shown(api, AFTER, 5))
    assert (written.action, written.receipt.etag) == ("updated", 5)
    assert methods(script) == ["GET", "PATCH", "GET"]
    approved = shown(api, sale(status="approved"), 2, **modified(api, "2026-03-02T09:00:00Z"))
    written, script = run(api, APPROVE, refusal, approved)
    assert (written.receipt.etag, methods(script)) == (2, ["PATCH", "GET"])
    script = Script(shown("xcore", sale(), 1), refusal, shown("xcore", sale(rank={"priority": 3}), 2))
    written = script.run(replace_object(script.access("xcore"), reference("xcore"), sale(rank={"priority": 3})))
    assert written.receipt.etag == 2


@BOTH
@REFUSALS
def test_our_own_edit_is_known_among_those_of_others(api: str, refusal: Step) -> None:
    """Somebody else appended an item too, before or after ours. Our item is present, and is not appended again."""
    for tags in (["dps:tag:1", "dps:tag:2", "dps:tag:9"], ["dps:tag:1", "dps:tag:9", "dps:tag:2"]):
        written, script = run(api, ADD_TAG, shown(api, BEFORE, 4), refusal, shown(api, sale(tags=tags), 6))
        assert (written.receipt.etag, methods(script)) == (6, ["GET", "PATCH", "GET"])


@BOTH
def test_a_removal_that_was_made_is_not_made_on_what_comes_next(api: str) -> None:
    remove = [{"op": "remove", "path": "/tags/0"}]
    before = shown(api, sale(tags=["dps:tag:1", "dps:tag:2"]), 4)
    written, _ = run(api, remove, before, answer(409, {}), shown(api, sale(tags=["dps:tag:2", "dps:tag:9"]), 6))
    assert written.receipt.etag == 6


@BOTH
def test_half_of_an_edit_leaves_it_open(api: str) -> None:
    """One of the two edits since then may be ours, and the other may have reversed half of it."""
    both = [*ADD_TAG, {"op": "add", "path": "/tags/-", "value": "dps:tag:3"}]
    error, _ = fail(OutcomeUnknownError, api, both, shown(api, BEFORE, 4), answer(409, {}), shown(api, AFTER, 6))
    assert not error.retryable
    # The etag shows only one edit, so it is somebody else's.
    steps: list[Step] = [shown(api, BEFORE, 4), answer(409, {}), *[shown(api, AFTER, 5)] * 2]
    assert run(api, both, *steps, answer(200, receipt(api, etag=6)))[0].receipt.etag == 6


@BOTH
def test_an_exchange_of_an_item_is_made_only_if_both_halves_are(api: str) -> None:
    exchange = [{"op": "replace", "path": "/tags/0", "value": "dps:tag:2"}]
    before = shown(api, BEFORE, 4)
    # Ours is there, and so is what it replaces.
    error, _ = fail(OutcomeUnknownError, api, exchange, before, answer(409, {}), shown(api, AFTER, 6))
    assert "It is not known whether the offer has this write" in str(error)
    # What it replaces is gone, and ours is not there.
    theirs = [shown(api, sale(tags=["dps:tag:9"]), 6)] * 2
    written, script = run(api, exchange, before, answer(409, {}), *theirs, answer(200, receipt(api, etag=7)))
    assert (written.receipt.etag, methods(script).count("PATCH")) == (7, 2)
    written, script = run(api, exchange, before, answer(409, {}), shown(api, sale(tags=["dps:tag:9", "dps:tag:2"]), 6))
    assert (written.receipt.etag, methods(script).count("PATCH")) == (6, 1)


@BOTH
def test_what_was_set_before_is_done_only_while_it_still_is(api: str) -> None:
    """The patch would change nothing, and is refused because of somebody else's edit."""
    patch = [*IF_NAMED, *DRAFT]
    elsewhere = shown(api, sale(rank={"priority": 3}), 5)
    written, script = run(api, patch, shown(api, sale(), 4), answer(409, {}), elsewhere)
    assert (written.receipt.etag, methods(script)) == (5, ["GET", "PATCH", "GET"])
    approved = [shown(api, sale(status="approved"), 5)] * 2
    written, script = run(
        api, patch, shown(api, sale(), 4), answer(409, {}), *approved, answer(200, receipt(api, etag=6))
    )
    assert (written.receipt.etag, methods(script).count("PATCH")) == (6, 2)


@BOTH
@REFUSALS
def test_what_others_did_is_a_conflict_still(api: str, refusal: Step) -> None:
    theirs = sale(tags=["dps:tag:1", "dps:tag:9"])
    steps: list[Step] = [shown(api, BEFORE, 4), refusal, *[shown(api, theirs, 7)] * 2]
    written, script = run(api, ADD_TAG, *steps, answer(200, receipt(api, etag=8)))
    assert (written.receipt.etag, methods(script).count("PATCH")) == (8, 2)


@BOTH
def test_a_refusal_of_what_was_set_long_ago_is_a_refusal(api: str) -> None:
    old = shown(api, sale(status="approved"), 2, **modified(api, "2026-03-01T00:00:00Z"))
    error, _ = fail(BadRequestError, api, APPROVE, answer(400, {"title": "no"}), old)
    assert error.title == "no"
    # If the object cannot be read, only the refusal is known.
    fail(ConflictError, api, APPROVE, answer(409, {"title": "no"}), answer(403, {"title": "no"}))


@BOTH
@pytest.mark.parametrize("operations", [ADD_TAG, APPROVE])
def test_a_receipt_of_another_object_settles_nothing(api: str, operations: Any) -> None:
    """A gateway returned the answer to another request."""
    reads: list[Step] = [shown(api, BEFORE, 4)] if operations is ADD_TAG else []
    after = shown(api, {**AFTER, "status": "approved"}, 5)
    written, script = run(api, operations, *reads, answer(200, others(api)), after)
    assert written.receipt.etag == 5
    assert methods(script)[-1] == "GET"
    steps: list[Step] = [*reads, answer(200, others(api)), *reads, *([shown(api, sale(), 1)] * (not reads))]
    written, _ = run(api, operations, *steps, answer(200, receipt(api, etag=5)))
    assert written.receipt.etag == 5


@BOTH
def test_a_read_of_another_object_is_no_read(api: str) -> None:
    script = Script(answer(200, entity(api, sale(), number=8)))
    with pytest.raises(UnexpectedResponseError, match="another object") as caught:
        script.run(read(script.access(api), reference(api)))
    assert caught.value.retryable


@BOTH
def test_an_unasked_304_says_nothing(api: str) -> None:
    script = Script(answer(304))
    with pytest.raises(UnexpectedResponseError, match="was not conditional"):
        script.run(read(script.access(api), reference(api)))
    script = Script(answer(304))
    assert script.run(read(script.access(api), reference(api), unless_etag=3)) is None


@BOTH
def test_a_success_that_only_somebody_else_knows_of_is_looked_for(api: str) -> None:
    """A proxy answers 200 to every request, and forwards none."""
    unset = shown(api, sale(), 1)
    written, script = run(api, APPROVE, answer(200, b""), unset, answer(200, receipt(api, etag=2)))
    assert (written.receipt.etag, methods(script)) == (2, ["PATCH", "GET", "PATCH"])
    script = Script(*[step for _ in range(2) for step in (answer(200, b""), unset)])
    with pytest.raises(UnexpectedResponseError):
        script.run(patch(script.access(api, max_retries=1), reference(api), prepared(APPROVE)))


@BOTH
def test_the_last_of_all_tries_is_looked_for_too(api: str) -> None:
    done: Response = shown(api, sale(status="approved"), 2, **modified(api, "2026-03-02T09:00:00Z"))
    script = Script(lost(), done)
    assert script.run(patch(script.access(api, max_retries=0), reference(api), prepared(APPROVE))).receipt.etag == 2
    fail(NoAnswerError, api, APPROVE, lost(), shown(api, sale(), 1), max_retries=0)


def others(api: str) -> dict[str, Any]:
    """The receipt of another offer."""
    names = ("id",) if api == "dps" else ("@id", "instanceId")
    return receipt(api, etag=9) | {name: receipt(api)[name][:-1] + "9" for name in names}


def modified(api: str, when: str) -> dict[str, str]:
    return {"modified" if api == "dps" else "repo:lastModifiedDate": when}
