"""One call from headers to answer: the request, its retries, and the renewal of a refused token."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_offers.client.errors import (
    AuthenticationError,
    NoAnswerError,
    NotAuthenticatedError,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
    UnexpectedResponseError,
)
from airflow_provider_offers.client.wire.messages import Call, Response
from tests.client.script import SETTINGS, Script, answer, lost

GET = Call("GET", "/offers?offer-type=personalized", {"Accept": "*,application/json"})
POST = Call("POST", "/offers", {"Content-Type": "application/json"}, {"name": "ü & 1"}, repeatable=False)
BAD_TOKEN = answer(401, {"error_code": "401013", "message": "Oauth token is not valid"})
NO_TOKEN = answer(403, {"error_code": "403010", "message": "Oauth token is missing."})
BASE = "/data/core/dps"


def test_every_request_carries_the_platform_headers() -> None:
    script = Script(answer(200, {}))
    script.run(script.exchange().send(POST, BASE))
    (request,) = script.requests
    assert request.url == "https://platform.adobe.io/data/core/dps/offers"
    assert request.body == '{"name":"ü & 1"}'.encode()
    assert request.headers == {
        "Content-Type": "application/json",
        "Authorization": "Bearer token-1",
        "x-api-key": "our-client",
        "x-gw-ims-org-id": "0123456789ABCDEF01234567@AdobeOrg",
        "x-sandbox-name": "dev1",
        "x-request-id": "ours-1",
    }


@pytest.mark.parametrize("refused", [BAD_TOKEN, NO_TOKEN], ids=["401013", "403010"])
def test_a_refused_token_is_renewed_once_without_a_pause(refused: Response) -> None:
    script = Script(refused, answer(200, {}), tokens=("old", "new"))
    script.run(script.exchange().send(POST, BASE))
    assert [request.headers["Authorization"] for request in script.requests] == ["Bearer old", "Bearer new"]
    assert script.refused == [None, "old"]
    assert script.pauses == []


@pytest.mark.parametrize("refused", [BAD_TOKEN, NO_TOKEN], ids=["401013", "403010"])
def test_a_second_refusal_is_final(refused: Response) -> None:
    script = Script(refused, refused)
    with pytest.raises(NotAuthenticatedError) as caught:
        script.run(script.exchange().send(GET, BASE))
    assert len(script.requests) == 2
    assert caught.value.hint


def test_the_renewal_counts_for_the_whole_call_even_after_other_failures() -> None:
    script = Script(BAD_TOKEN, answer(503), BAD_TOKEN)
    with pytest.raises(NotAuthenticatedError):
        script.run(script.exchange().send(GET, BASE))


@pytest.mark.parametrize("code", ["403000", "403003", "403023", "403025", "403027"])
def test_no_other_refusal_renews_the_token(code: str) -> None:
    script = Script(answer(403, {"error_code": code, "message": "no"}))
    with pytest.raises(PermissionDeniedError):
        script.run(script.exchange().send(GET, BASE))
    assert script.refused == [None]


def test_a_ready_token_is_never_renewed() -> None:
    script = Script(BAD_TOKEN)
    settings = replace(SETTINGS, access_token="ready")
    with pytest.raises(NotAuthenticatedError):
        script.run(script.exchange(settings).send(GET, BASE))
    assert script.refused == [None]


def test_a_failure_of_the_identity_service_ends_the_call() -> None:
    flow = Script().exchange().send(GET, BASE)
    next(flow)
    with pytest.raises(AuthenticationError):
        flow.throw(AuthenticationError("IMS is down", status=500))


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_reads_outlast_a_failing_service(status: int) -> None:
    script = Script(answer(status), answer(status, b"<html>down</html>"), answer(200, {"fine": True}))
    assert script.run(script.exchange().send(GET, BASE)).object() == {"fine": True}
    assert [pause.seconds for pause in script.pauses] == [0.5, 1.0]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_unguarded_write_is_sent_once(status: int) -> None:
    script = Script(answer(status))
    with pytest.raises(ServerError):
        script.run(script.exchange().send(POST, BASE))
    assert script.pauses == []


@pytest.mark.parametrize("status", [501, 505])
def test_what_the_service_cannot_do_is_not_repeated(status: int) -> None:
    script = Script(answer(status))
    with pytest.raises(ServerError):
        script.run(script.exchange().send(GET, BASE))


def test_a_lost_answer_is_repeated_for_reads_only() -> None:
    script = Script(lost(), answer(200, {}))
    script.run(script.exchange().send(GET, BASE))
    script = Script(lost())
    with pytest.raises(NoAnswerError) as caught:
        script.run(script.exchange().send(POST, BASE))
    assert caught.value.sent
    assert (caught.value.method, caught.value.path, caught.value.request_id) == ("POST", "/offers", "ours-1")


def test_a_request_that_never_left_is_repeated_for_writes_too() -> None:
    script = Script(lost(sent=False), answer(201, {}))
    script.run(script.exchange().send(POST, BASE))
    assert [request.headers["x-request-id"] for request in script.requests] == ["ours-1", "ours-2"]


def test_too_many_requests_are_waited_out_by_writes_too() -> None:
    script = Script(answer(429, {"error_code": "429050"}, {"retry-after": "7"}), answer(201, {}))
    script.run(script.exchange().send(POST, BASE))
    assert [pause.seconds for pause in script.pauses] == [7.5]


def test_the_retries_end_with_the_last_error() -> None:
    script = Script(*[answer(503)] * 3)
    with pytest.raises(ServerError):
        script.run(script.exchange(max_retries=2).send(GET, BASE))


def test_no_pause_leads_beyond_the_deadline() -> None:
    script = Script(answer(429, None, {"retry-after": "301"}))
    with pytest.raises(RateLimitedError) as caught:
        script.run(script.exchange().send(GET, BASE))
    assert caught.value.retry_after == 301
    script = Script(*[answer(503)] * 4, took=90)
    with pytest.raises(ServerError):
        script.run(script.exchange(max_retries=20).send(GET, BASE))


@pytest.mark.parametrize("status", [400, 403, 404, 407])
def test_a_page_in_the_services_place_is_reported_at_once(status: int) -> None:
    script = Script(answer(status, b"<!DOCTYPE html><title>no</title>"))
    with pytest.raises(UnexpectedResponseError, match="HTML page") as caught:
        script.run(script.exchange().send(GET, BASE))
    assert caught.value.status == status


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_error(status: int) -> None:
    script = Script(answer(status, None, {"location": "https://elsewhere.example/"}))
    with pytest.raises(UnexpectedResponseError, match="redirect"):
        script.run(script.exchange().send(GET, BASE))


def test_a_status_that_the_caller_knows_is_an_answer() -> None:
    script = Script(answer(404, b"<html>"))
    told = script.run(script.exchange().send(GET, BASE, accept=(404,)))
    assert told.response.status == 404
    assert told.request_id == "ours-1"


def test_the_services_request_id_wins() -> None:
    script = Script(answer(404, {"title": "Not found"}, {"x-request-id": "theirs"}))
    with pytest.raises(Exception, match="theirs"):
        script.run(script.exchange().send(GET, BASE))
