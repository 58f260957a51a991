"""Creating once: what is there already, and what became of a POST whose answer was lost."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from airflow_provider_offers.client.entities import Receipt
from airflow_provider_offers.client.errors import (
    AlreadyExistsError,
    AmbiguousNameError,
    AuthenticationError,
    BadRequestError,
    NoAnswerError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitedError,
    RejectedError,
    UnexpectedResponseError,
)
from airflow_provider_offers.client.flows.creating import Creation, create
from airflow_provider_offers.client.flows.writing import Written
from airflow_provider_offers.client.kinds import FALLBACK, PERSONALIZED
from airflow_provider_offers.client.wire import Request, Response
from tests.client.library import DPS_ID, INSTANCE_ID, XCORE_ID, entity, page, receipt, sale
from tests.client.script import START, Script, Step, answer, body_of, lost, query_of

BOTH = pytest.mark.parametrize("api", ["dps", "xcore"])
MADE = START.isoformat(timespec="milliseconds")


def shown(api: str, *entities: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """What a lookup by the name answers."""
    return answer(200, page(api, entities), headers)


def creation(**changes: Any) -> Creation:
    return Creation(**{"kind": PERSONALIZED, "properties": sale(), "patience": 2.0, **changes})


def run(api: str, *steps: Step, retries: dict[str, Any] | None = None, **changes: Any) -> tuple[Written, Script]:
    script = Script(*steps)
    return script.run(create(script.access(api, **(retries or {})), creation(**changes))), script


def posts(script: Script) -> list[Request]:
    return [request for request in script.requests if request.method == "POST"]


def fail(error: type[Exception], api: str, *steps: Step, **changes: Any) -> tuple[Any, Script]:
    script = Script(*steps)
    retries = changes.pop("retries", {})
    with pytest.raises(error) as caught:
        script.run(create(script.access(api, **retries), creation(**changes)))
    assert type(caught.value) is error
    assert not script.steps, "answers were left over"
    return caught.value, script


@BOTH
def test_a_new_offer_is_looked_for_and_posted(api: str) -> None:
    written, script = run(api, shown(api), answer(201, receipt(api), {"x-request-id": "theirs"}))
    identifier, instance = (DPS_ID, DPS_ID) if api == "dps" else (XCORE_ID, INSTANCE_ID)
    assert (written.receipt.id, written.receipt.instance_id, written.receipt.etag) == (identifier, instance, 1)
    assert (written.action, written.name, written.request_id) == ("created", "Spring voucher", "theirs")
    look, post = script.requests
    assert (look.method, post.method) == ("GET", "POST")
    wanted = ("property", "name==Spring voucher") if api == "dps" else ("name", "Spring voucher")
    assert wanted in query_of(look)
    assert body_of(post)["name" if api == "dps" else "xdm:name"] == "Spring voucher"


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_success_with_a_receipt_will_do(status: int) -> None:
    assert run("dps", shown("dps"), answer(status, receipt("dps")))[0].action == "created"


def test_a_receipt_without_an_instance_id_is_completed_from_the_location() -> None:
    body = receipt("xcore")
    del body["instanceId"]
    written, _ = run("xcore", shown("xcore"), answer(201, body, {"location": f"/c/instances/{INSTANCE_ID}"}))
    assert written.receipt == Receipt(XCORE_ID, INSTANCE_ID, 1, body["repo:createdDate"], body["repo:lastModifiedDate"])


@BOTH
def test_a_name_that_only_resembles_it_is_another_offer(api: str) -> None:
    near = [entity(api, sale(name=name), number=n) for n, name in enumerate(["spring voucher", "Spring voucher 2"], 1)]
    assert run(api, shown(api, *near), answer(201, receipt(api)))[0].action == "created"


@BOTH
def test_fail_refuses_what_somebody_else_made(api: str) -> None:
    error, script = fail(AlreadyExistsError, api, shown(api, entity(api, sale())))
    assert error.ids == ((DPS_ID if api == "dps" else XCORE_ID),)
    assert not error.retryable
    assert posts(script) == []
    assert "if_exists" in str(error)


@BOTH
@pytest.mark.parametrize(("if_exists", "action"), [("adopt", "adopted"), ("skip", "skipped"), ("update", "unchanged")])
def test_what_is_there_already_may_be_taken(api: str, if_exists: str, action: str) -> None:
    written, script = run(api, shown(api, entity(api, sale(), etag=7)), if_exists=if_exists)
    assert (written.action, written.receipt.etag, written.name) == (action, 7, "Spring voucher")
    assert len(script.requests) == 1


@BOTH
def test_update_patches_what_differs_on_top_of_what_was_read(api: str) -> None:
    there = entity(api, sale(status="approved", rank={"priority": 1}, extra="kept"), etag=3)
    changed = answer(200, receipt(api, etag=4))
    steps: list[Step] = [shown(api, there), answer(200, there), changed]
    written, script = run(api, *steps, if_exists="update", properties=sale(description="new"))
    assert (written.action, written.receipt.etag) == ("updated", 4)
    sent = body_of(script.requests[-1])
    wanted = [operation for operation in sent if operation["op"] != "test"]
    if api == "dps":
        assert wanted == [
            {"op": "replace", "path": "/status", "value": "draft"},
            {"op": "replace", "path": "/rank", "value": {"priority": 10}},
            {"op": "add", "path": "/description", "value": "new"},
        ]
        assert {"op": "test", "path": "/status", "value": "approved"} in sent
    else:
        assert [operation["path"] for operation in wanted] == [
            "/_instance/xdm:status",
            "/_instance/xdm:rank",
            "/_instance/xdm:description",
        ]
        assert script.requests[-1].headers["If-Match"] == '"3"'


def test_update_compares_dates_as_instants() -> None:
    respelled = sale(
        selectionConstraint={"startDate": "2026-03-10T01:00:00.000+01:00", "endDate": "2026-06-30T21:59:59.000+00:00"}
    )
    assert run("dps", shown("dps", entity("dps", respelled)), if_exists="update")[0].action == "unchanged"


def test_update_can_empty_a_property() -> None:
    there = entity("dps", sale(tags=["dps:tag:1"]))
    steps: list[Step] = [shown("dps", there), answer(200, there), answer(200, receipt("dps"))]
    _, script = run("dps", *steps, if_exists="update", properties=sale(tags=[]))
    assert body_of(script.requests[-1])[-1] == {"op": "replace", "path": "/tags", "value": []}


def test_what_is_empty_need_not_come_back() -> None:
    wanted = sale(tags=[], cappingConstraint={})
    there = sale()
    del there["tags"]
    assert (
        run("dps", shown("dps", entity("dps", there)), if_exists="update", properties=wanted)[0].action == "unchanged"
    )


def test_a_fallback_is_not_patched_for_what_the_service_drops() -> None:
    there = {name: value for name, value in sale().items() if name not in ("selectionConstraint", "rank")}
    assert run("dps", shown("dps", entity("dps", there)), if_exists="update", kind=FALLBACK)[0].action == "unchanged"


@BOTH
@pytest.mark.parametrize("if_exists", ["adopt", "update", "skip"])
def test_several_of_the_name_are_ambiguous(api: str, if_exists: str) -> None:
    there = [entity(api, sale(), number=n) for n in range(1, 8)]
    error, _ = fail(AmbiguousNameError, api, shown(api, *there), if_exists=if_exists)
    assert len(error.ids) == 7
    assert "and 2 more" in str(error)


# An earlier try of the same work made it: `since`.


@BOTH
def test_what_this_very_work_made_is_recognised(api: str) -> None:
    there = entity(api, {**sale(), "extra": "filled in"}, created=MADE)
    written, script = run(api, shown(api, there), since=START)
    assert written.action == "adopted"
    assert posts(script) == []


@BOTH
@pytest.mark.parametrize(
    ("properties", "envelope", "since"),
    [
        (sale(status="approved"), {}, START),
        (sale(representations=[]), {}, START),
        (sale(rank={}), {}, START),
        (sale(), {"created": (START - timedelta(seconds=3)).isoformat()}, START),
        (sale(), {"created": "yesterday"}, START),
        (sale(), {}, None),
    ],
    ids=["status", "list", "member", "older", "no date", "no since"],
)
def test_what_differs_or_is_older_is_not_ours(
    api: str, properties: dict[str, Any], envelope: dict[str, Any], since: datetime | None
) -> None:
    there = entity(api, properties, **{"created": MADE, **envelope})
    fail(AlreadyExistsError, api, shown(api, there), since=since)


def test_another_clients_offer_is_not_ours() -> None:
    somebody: dict[str, Any] = {"repo:createdByClientId": "somebody"}
    there = entity("xcore", sale(), created=MADE, **somebody)
    fail(AlreadyExistsError, "xcore", shown("xcore", there), since=START)
    there = entity("dps", sale(), created=MADE, createdByClientId="our-client")
    assert run("dps", shown("dps", there), since=START)[0].action == "adopted"


@pytest.mark.parametrize("ahead", [-3_600, -30, 30, 3_600])
def test_clocks_need_not_agree(ahead: int) -> None:
    """The service's clock is ahead of ours; what it calls ten seconds after `since` is ours, ten before is not."""
    headers = {"date": Script().http_date(ahead)}
    for offset, ours in ((10, True), (-10, False)):
        there = entity("dps", sale(), created=(START + timedelta(seconds=ahead + offset)).isoformat())
        step = shown("dps", there, headers=headers)
        if ours:
            assert run("dps", step, since=START)[0].action == "adopted"
        else:
            fail(AlreadyExistsError, "dps", step, since=START)


@pytest.mark.parametrize("date", ["rubbish", "", "Mon, 02 Mar 2026 09:00:00 -0000"])
def test_a_date_that_says_nothing_leaves_our_clock(date: str) -> None:
    there = entity("dps", sale(), created=MADE)
    assert run("dps", shown("dps", there, headers={"date": date}), since=START)[0].action == "adopted"


def test_the_one_of_several_that_is_ours_is_found() -> None:
    there = [entity("dps", sale(status="approved"), number=1), entity("dps", sale(), number=2, created=MADE)]
    assert run("dps", shown("dps", *there), since=START)[0].receipt.id.endswith("2")


@BOTH
def test_what_an_earlier_try_made_may_show_up_late(api: str) -> None:
    there = entity(api, sale(), created=MADE, etag=1)
    steps: list[Step] = [*[shown(api)] * 4, shown(api, there)]
    written, script = run(api, *steps, since=START, patience=10.0)
    assert (written.action, written.receipt.etag) == ("adopted", 1)
    assert posts(script) == []
    assert [pause.seconds for pause in script.pauses] == [0.25, 0.5, 1.0]
    assert "an earlier try" in script.pauses[0].reason


@BOTH
def test_what_no_earlier_try_made_is_posted_after_the_patience(api: str) -> None:
    written, script = run(api, *[shown(api)] * 6, answer(201, receipt(api)), since=START)
    assert written.action == "created"
    assert [pause.seconds for pause in script.pauses] == [0.25, 0.5, 1.0, 0.25]
    assert [request.method for request in script.requests] == ["GET"] * 6 + ["POST"]
    _, script = run(api, shown(api), answer(201, receipt(api)))
    assert script.pauses == []


@BOTH
def test_what_somebody_made_during_the_patience_is_not_ours(api: str) -> None:
    there = entity(api, sale(status="approved"), created=MADE)
    _, script = fail(AlreadyExistsError, api, shown(api), *[shown(api, there)] * 2, since=START, patience=0.25)
    assert posts(script) == []


def test_an_earlier_try_that_cannot_be_asked_after_stops_the_post() -> None:
    error, script = fail(OutcomeUnknownError, "dps", shown("dps"), answer(200, b"{"), since=START)
    assert error.retryable
    assert posts(script) == []


# The answer to the POST is lost.

UNSETTLED = pytest.mark.parametrize(
    "failure",
    [
        lost(),
        answer(500),
        answer(502, b"<html>bad gateway</html>"),
        answer(504),
        answer(501),
        answer(201, b'{"id":"dps:pers'),
        answer(200, b"<html>"),
        answer(201, b""),
        answer(201, {"etag": 1}),
        answer(201, ["id"]),
    ],
    ids=["lost", "500", "502", "504", "501", "cut", "page", "empty", "no id", "no object"],
)


@BOTH
@UNSETTLED
def test_a_post_that_was_committed_is_seen_and_not_repeated(api: str, failure: Step) -> None:
    written, script = run(api, shown(api), failure, shown(api, entity(api, sale(), etag=1)))
    assert (written.action, written.receipt.etag) == ("created", 1)
    assert len(posts(script)) == 1


@BOTH
def test_a_commit_that_shows_late_is_waited_for(api: str) -> None:
    steps: list[Step] = [shown(api), lost(), shown(api), shown(api), shown(api), shown(api, entity(api, sale()))]
    written, script = run(api, *steps, patience=10.0)
    assert written.action == "created"
    assert len(posts(script)) == 1
    assert [pause.seconds for pause in script.pauses] == [0.25, 0.5, 1.0]


@BOTH
def test_a_post_that_was_not_committed_is_repeated_after_the_patience(api: str) -> None:
    one = shown(api, entity(api, sale()))
    steps: list[Step] = [shown(api), answer(500), *[shown(api)] * 5, answer(201, receipt(api)), one]
    written, script = run(api, *steps)
    assert written.action == "created"
    assert len(posts(script)) == 2
    assert posts(script)[0].body == posts(script)[1].body
    assert script.requests[-1].method == "GET"
    # Two seconds of looking, then the pause before another POST.
    assert [pause.seconds for pause in script.pauses] == [0.25, 0.5, 1.0, 0.25, 0.5]


@BOTH
def test_a_repeated_post_whose_first_came_through_after_all_is_told(api: str) -> None:
    twins = [entity(api, sale(), number=n) for n in (1, 2)]
    steps: list[Step] = [shown(api), lost(), shown(api), answer(201, receipt(api)), shown(api, *twins)]
    error, script = fail(AmbiguousNameError, api, *steps, patience=0)
    assert len(posts(script)) == 2
    assert [identifier[-1] for identifier in error.ids] == ["1", "2"]
    assert "more than once" in str(error)
    # The answer of the second is lost as well.
    steps = [shown(api), lost(), shown(api), lost(), shown(api, *twins)]
    error, _ = fail(AmbiguousNameError, api, *steps, patience=0)
    assert len(error.ids) == 2


@BOTH
def test_other_content_of_the_name_after_a_repeated_post_is_no_twin(api: str) -> None:
    there = [entity(api, sale(), number=1), entity(api, sale(status="approved"), number=2)]
    steps: list[Step] = [shown(api), lost(), shown(api), answer(201, receipt(api)), shown(api, *there)]
    assert run(api, *steps, patience=0)[0].action == "created"


def test_no_patience_is_one_look() -> None:
    steps: list[Step] = [shown("dps"), lost(), shown("dps"), answer(201, receipt("dps")), shown("dps")]
    _, script = run("dps", *steps, patience=0)
    assert script.sent == ["GET /data/core/dps/offers", "POST /data/core/dps/offers"] * 2 + [
        "GET /data/core/dps/offers"
    ]


@BOTH
def test_retries_that_end_without_certainty_say_so(api: str) -> None:
    steps: list[Step] = [shown(api), answer(500), *[shown(api)] * 2, lost(), *[shown(api)] * 2]
    error, script = fail(OutcomeUnknownError, api, *steps, patience=0.25, retries={"max_retries": 1})
    assert error.retryable
    assert len(posts(script)) == 2
    assert "posted 2 times" in str(error)
    assert isinstance(error.__cause__, NoAnswerError)


def test_a_failure_that_never_passes_is_looked_after_and_not_repeated() -> None:
    error, script = fail(OutcomeUnknownError, "dps", shown("dps"), answer(501), shown("dps"), patience=0)
    assert len(posts(script)) == 1
    assert "posted once and" in str(error)


def test_a_library_that_cannot_be_asked_leaves_the_outcome_open() -> None:
    blind = [answer(503)] * 2
    error, script = fail(OutcomeUnknownError, "dps", shown("dps"), lost(), *blind, retries={"max_retries": 1})
    assert error.retryable
    assert len(posts(script)) == 1
    error, _ = fail(OutcomeUnknownError, "dps", shown("dps"), lost(), answer(200, b"{"))
    assert isinstance(error.__cause__, UnexpectedResponseError)


@BOTH
def test_the_name_taken_meanwhile_by_other_content_makes_no_twin(api: str) -> None:
    """Perhaps somebody was faster, perhaps the service respelled ours."""
    other = entity(api, sale(status="approved"))
    error, script = fail(OutcomeUnknownError, api, shown(api), lost(), *[shown(api, other)] * 2, patience=0.25)
    assert len(posts(script)) == 1
    assert (DPS_ID if api == "dps" else XCORE_ID) in str(error)
    for if_exists, action in (("adopt", "adopted"), ("skip", "skipped")):
        written, _ = run(api, shown(api), lost(), *[shown(api, other)] * 2, patience=0.25, if_exists=if_exists)
        assert written.action == action


def test_the_name_taken_meanwhile_by_another_client_makes_no_twin() -> None:
    somebody: dict[str, Any] = {"repo:createdByClientId": "somebody"}
    other = entity("xcore", sale(), **somebody)
    _, script = fail(OutcomeUnknownError, "xcore", shown("xcore"), lost(), shown("xcore", other), patience=0)
    assert len(posts(script)) == 1


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (answer(400, {"title": "bad"}), BadRequestError),
        (answer(403, {"error_code": "403027", "message": "no"}), PermissionDeniedError),
        (answer(422, {"title": "no"}), RejectedError),
        (answer(413, b"<html>too large</html>"), UnexpectedResponseError),
        (answer(302, None, {"location": "/login"}), UnexpectedResponseError),
    ],
)
def test_a_refusal_is_final(step: Step, error: type[Exception]) -> None:
    _, script = fail(error, "dps", shown("dps"), step)
    assert len(script.requests) == 2


def test_what_never_left_is_sent_again_without_a_look() -> None:
    _, script = run("dps", shown("dps"), lost(sent=False), answer(201, receipt("dps")))
    assert [request.method for request in script.requests] == ["GET", "POST", "POST"]
    _, script = run("dps", shown("dps"), answer(429, None, {"retry-after": "2"}), answer(201, receipt("dps")))
    assert [request.method for request in script.requests] == ["GET", "POST", "POST"]
    error, _ = fail(RateLimitedError, "dps", shown("dps"), answer(429), retries={"max_retries": 0})
    assert error.retryable


def test_a_library_that_cannot_be_looked_into_is_not_written_to() -> None:
    script = Script(*[answer(503)] * 6)
    with pytest.raises(Exception, match="503"):
        script.run(create(script.access("dps"), creation()))
    assert posts(script) == []


def test_no_token_on_the_way_is_no_unknown_outcome() -> None:
    script = Script(shown("dps"))
    flow = create(script.access("dps"), creation())
    next(flow)
    with pytest.raises(AuthenticationError):
        flow.throw(AuthenticationError("IMS is down", status=500))


@BOTH
@pytest.mark.parametrize("name", ["a,b", "*", "100% & more?", "=~<>!", "ü \u2028", '"quoted"'])
def test_any_name_is_found_again(api: str, name: str) -> None:
    near = entity(api, sale(name=name + " "), number=1)
    there = entity(api, sale(name=name), number=2)
    written, _ = run(api, shown(api, near, there), if_exists="adopt", properties=sale(name=name))
    assert written.receipt.id.endswith("2")
