"""Deleting until it is gone: the asynchronous check of generation 1, lost answers, and remaining references."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.client.errors import (
    ConflictError,
    NoAnswerError,
    NotFoundError,
    OutcomeUnknownError,
    UnexpectedResponseError,
)
from airflow_provider_offers.client.flows.deleting import delete, delete_written
from airflow_provider_offers.client.model.entities import Receipt, Reference
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.wire.messages import Request, Response
from tests.client.library import DPS_ID, INSTANCE_ID, XCORE_ID, entity, page, reference, sale
from tests.client.script import CONTAINER, Script, Step, answer, lost

BOTH = pytest.mark.parametrize("api", ["dps", "xcore"])
LOCATION = {"location": f"/{CONTAINER}/deletions/7"}
ACCEPTED = answer(202, None, LOCATION)
GONE = answer(404, {"title": "gone"})


def there(api: str = "xcore") -> Response:
    return answer(200, entity(api, sale()))


def run(api: str, *steps: Step, **options: Any) -> tuple[str, Script]:
    script = Script(*steps)
    return script.run(delete(script.access(api), reference(api), **options)), script


def fail(error: type[Exception], api: str, *steps: Step, **options: Any) -> tuple[Any, Script]:
    script = Script(*steps)
    with pytest.raises(error) as caught:
        script.run(delete(script.access(api), reference(api), **options))
    assert type(caught.value) is error
    assert not script.steps
    return caught.value, script


@BOTH
@pytest.mark.parametrize("status", [200, 204])
def test_a_plain_success_is_seen_to_be_one(api: str, status: int) -> None:
    result, script = run(api, answer(status), GONE)
    assert result == "deleted"
    path = (
        f"/data/core/dps/offers/{DPS_ID}" if api == "dps" else f"/data/core/xcore/{CONTAINER}/instances/{INSTANCE_ID}"
    )
    assert script.sent == [f"DELETE {path}", f"GET {path}"]
    assert not script.pauses


@BOTH
def test_what_is_deleted_is_waited_for_until_it_is_gone(api: str) -> None:
    result, script = run(api, answer(200), there(api), answer(503), there(api), GONE)
    assert result == "deleted"
    waits = [pause.seconds for pause in script.pauses if "waiting for the deletion" in pause.reason]
    assert waits == [0.25, 0.5]


@BOTH
def test_what_stays_although_it_is_deleted_may_be_deleted_once_more(api: str) -> None:
    script = Script(answer(200), *[there(api)] * 200)
    with pytest.raises(OutcomeUnknownError, match="still exists after 60 s") as caught:
        script.go(delete(script.access(api), reference(api)))
    assert caught.value.retryable
    assert 60 <= script.time - 1_000 < 70
    # The DELETE of the next try finds nothing; that is no proof that the deletion is complete.
    assert run(api, answer(404, {}), there(api), GONE, missing_ok=True)[0] == "unchanged"


def test_dps_names_the_kind() -> None:
    assert run("dps", answer(200), GONE)[1].requests[0].url.endswith("?offer-type=personalized")


@BOTH
def test_what_is_not_there(api: str) -> None:
    fail(NotFoundError, api, answer(404, {}))
    assert run(api, answer(404, {}), GONE, missing_ok=True)[0] == "unchanged"
    assert run(api, answer(410, {}), answer(410, {}), missing_ok=True)[0] == "unchanged"


def test_a_reference_id_that_generation_1_does_not_know() -> None:
    nothing = answer(200, page("xcore"))
    for missing_ok in (False, True):
        script = Script(nothing)
        flow = delete(script.access("xcore"), Reference(PERSONALIZED, id=XCORE_ID), missing_ok=missing_ok)
        if missing_ok:
            assert script.run(flow) == "unchanged"
        else:
            with pytest.raises(NotFoundError):
                script.run(flow)


@BOTH
def test_a_page_in_the_services_place_is_no_deletion(api: str) -> None:
    fail(UnexpectedResponseError, api, answer(404, b"<html>"), there(api), missing_ok=True)


@BOTH
@pytest.mark.parametrize("failure", [lost(), answer(500), answer(504)], ids=["lost", "500", "504"])
def test_a_lost_answer_is_followed_by_another_try(api: str, failure: Step) -> None:
    assert run(api, failure, answer(200), GONE)[0] == "deleted"
    # The lost request did it.
    assert run(api, failure, answer(404, {}), GONE)[0] == "deleted"
    assert run(api, failure, answer(404, {}), there(api), GONE, missing_ok=True)[0] == "deleted"


@BOTH
def test_what_never_left_deleted_nothing(api: str) -> None:
    fail(NotFoundError, api, lost(sent=False), answer(404, {}))


@BOTH
def test_the_retries_end(api: str) -> None:
    # A read shows that it was not done.
    error, script = fail(NoAnswerError, api, *[lost()] * 6, there(api))
    assert error.sent
    assert [request.method for request in script.requests] == [*["DELETE"] * 6, "GET"]
    # It was done after all; or the outcome stays unknown.
    assert run(api, *[lost()] * 6, GONE, GONE)[0] == "deleted"
    fail(NoAnswerError, api, *[lost()] * 12)


@BOTH
def test_a_refusal_is_final(api: str) -> None:
    error, _ = fail(ConflictError, api, answer(409, {"title": "Referenced", "detail": "by a decision"}), there(api))
    assert "by a decision" in str(error)


@BOTH
def test_a_refusal_is_told_even_if_nobody_can_say_what_refers_to_it(api: str) -> None:
    steps = [there(api), answer(409, {"title": "Referenced", "detail": "by a decision"}), there(api), answer(403, {})]
    script = Script(*steps)
    with pytest.raises(ConflictError, match="by a decision"):
        script.run(delete_written(script.access(api), reference(api)))
    assert script.steps == []


@BOTH
@pytest.mark.parametrize("refusal", [answer(409, {}), answer(400, {}), answer(422, {}), answer(403, b"<html>")])
def test_a_refusal_of_a_deletion_that_happened_is_a_success(api: str, refusal: Step) -> None:
    """A gateway sent the DELETE twice and returned the second answer, or one of its own."""
    assert run(api, refusal, GONE, GONE)[0] == "deleted"


@BOTH
def test_a_deletion_that_a_gateway_repeats_is_a_success(api: str) -> None:
    script = Script(there(api), answer(404, {}), GONE)
    written = script.run(delete_written(script.access(api), reference(api)))
    assert written.action == "deleted"
    assert [request.method for request in script.requests] == ["GET", "DELETE", "GET"]
    # An object that did not exist before was not deleted.
    script = Script(GONE)
    with pytest.raises(NotFoundError):
        script.run(delete_written(script.access(api), reference(api)))
    assert len(script.requests) == 1


@BOTH
def test_the_receipt_of_a_deletion_says_whether_there_was_anything_to_delete(api: str) -> None:
    known = reference(api)
    receipt = Receipt(known.id or "", known.instance_id or "", etag=None)
    for steps, action in (((answer(200), GONE), "deleted"), ((GONE, GONE), "unchanged")):
        script = Script(*steps)
        written = script.run(delete_written(script.access(api), known, missing_ok=True))
        assert (written.action, written.receipt) == (action, receipt)
    # Nobody has the name, so there is no id either.
    named = Reference(PERSONALIZED, name="Spring voucher")
    script = Script(answer(200, page(api)))
    written = script.run(delete_written(script.access(api), named, missing_ok=True))
    assert (written.action, written.receipt) == ("unchanged", Receipt("", "", etag=None))
    script = Script(answer(200, page(api)))
    with pytest.raises(NotFoundError):
        script.run(delete_written(script.access(api), named))


@BOTH
@pytest.mark.parametrize("status", [408, 425, 499, 520, 524, 530])
def test_what_a_gateway_answers_does_not_settle_a_deletion(api: str, status: int) -> None:
    assert run(api, answer(status, {}), answer(404, {}), GONE)[0] == "deleted"
    assert run(api, answer(status, b"<html>"), answer(404, {}), GONE)[0] == "deleted"


# Generation 1: 202 means that it will be checked.


def test_the_verdict_is_asked_for_until_it_is_there() -> None:
    result, script = run(
        "xcore", ACCEPTED, answer(202), answer(202), answer(200, {"state": "confirmed"}), answer(404, {})
    )
    assert result == "deleted"
    location = f"GET /data/core/xcore/{CONTAINER}/deletions/7"
    assert script.sent[1:] == [
        location,
        location,
        location,
        f"GET /data/core/xcore/{CONTAINER}/instances/{INSTANCE_ID}",
    ]
    assert [pause.seconds for pause in script.pauses] == [0.25, 0.5]


@pytest.mark.parametrize(
    "location",
    [
        f"https://platform.adobe.io/data/core/xcore/{CONTAINER}/deletions/7",
        f"/data/core/xcore/{CONTAINER}/deletions/7",
        f"{CONTAINER}/deletions/7",
    ],
)
def test_locations_come_in_several_forms(location: str) -> None:
    _, script = run("xcore", answer(202, None, {"location": location}), answer(200, {}), answer(404, {}))
    assert script.requests[1].url == f"https://platform.adobe.io/data/core/xcore/{CONTAINER}/deletions/7"


def test_a_location_elsewhere_is_not_followed() -> None:
    fail(UnexpectedResponseError, "xcore", answer(202, None, {"location": "https://evil.example/x"}))


def test_a_verdict_that_goes_with_the_offer_is_one() -> None:
    assert run("xcore", ACCEPTED, answer(404, {}), answer(404, {}))[0] == "deleted"


def test_a_confirmed_offer_may_still_be_read_for_a_moment() -> None:
    assert run("xcore", ACCEPTED, answer(200, {}), there(), there(), answer(410, {}))[0] == "deleted"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"detail": "referenced by collection 5"}, "referenced by collection 5"),
        ({"message": "no"}, "no"),
        ({"state": "rejected"}, "something still refers to"),
        (b"", "something still refers to"),
        (b"<html>", "something still refers to"),
    ],
)
def test_a_rejected_deletion_is_a_conflict_that_quotes_the_verdict(body: Any, said: str) -> None:
    script = Script(ACCEPTED, answer(202), answer(200, body, {"x-request-id": "verdict"}), *[there()] * 100)
    with pytest.raises(ConflictError, match="rejected the deletion") as caught:
        script.go(delete(script.access("xcore"), reference("xcore")))
    assert said in str(caught.value)
    assert caught.value.request_id == "verdict"
    assert script.time - 1_000 < 10


def test_a_blank_202_is_followed_by_looks_at_the_offer() -> None:
    assert run("xcore", answer(202), there(), there(), answer(404, {}))[0] == "deleted"


@pytest.mark.parametrize("accepted", [answer(202), ACCEPTED], ids=["blank", "location"])
def test_no_decision_within_a_minute_is_an_unknown_outcome(accepted: Response) -> None:
    undecided = answer(202) if accepted is ACCEPTED else there()
    script = Script(accepted, *[undecided] * 200)
    with pytest.raises(OutcomeUnknownError, match="not confirmed within 60 s"):
        script.go(delete(script.access("xcore"), reference("xcore")))
    assert 60 <= script.time - 1_000 < 70


def test_a_failing_look_is_repeated() -> None:
    assert run("xcore", ACCEPTED, answer(503), answer(200, {}), lost(), answer(404, {}))[0] == "deleted"


def test_a_page_in_the_services_place_does_not_say_that_it_is_gone() -> None:
    fail(UnexpectedResponseError, "xcore", answer(202), answer(404, b"<html>no route</html>"))


def test_a_refusal_names_what_refers_to_an_offer_that_is_known_by_its_instance_id() -> None:
    """Others refer to it by its reference id, which a read shows."""
    read = answer(200, entity("xcore", sale()))
    collection = entity("xcore", {"name": "Vouchers", "filterType": "offers", "ids": [XCORE_ID]}, number=7)
    collection["_instance"]["xdm:ids"] = [XCORE_ID]
    collection["_instance"]["@id"] = "xcore:offer-filter:0000000000000007"

    def service(request: Request) -> Response:
        if request.method == "DELETE":
            return answer(409, {"title": "in use"})
        if "/instances/00000007" in request.url:
            return answer(200, collection)
        if "/instances/" in request.url:
            return read
        return answer(200, page("xcore", [collection] if "offer-filter" in request.url else []))

    script = Script(*[service] * 12)
    with pytest.raises(ConflictError) as caught:
        script.go(delete_written(script.access("xcore"), Reference(PERSONALIZED, instance_id=INSTANCE_ID)))
    assert "the service refused to delete it" in str(caught.value)
    assert "Vouchers" in str(caught.value)
    assert caught.value.refused
