"""Creating once: existing objects, the POST, and final refusals."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_offers.client.errors import (
    AlreadyExistsError,
    AmbiguousNameError,
    AuthenticationError,
    BadRequestError,
    PermissionDeniedError,
    RateLimitedError,
    RejectedError,
    UnexpectedResponseError,
)
from airflow_provider_offers.client.flows.creating import create
from airflow_provider_offers.client.model.entities import Receipt
from airflow_provider_offers.client.model.kinds import FALLBACK
from tests.client.flows.creating import BOTH, Looking, creation, fail, only, posts, run, shown, updated
from tests.client.library import DPS_ID, INSTANCE_ID, XCORE_ID, entity, receipt, sale
from tests.client.script import Script, Step, answer, body_of, lost, query_of


@BOTH
def test_a_new_offer_is_looked_for_and_posted(api: str) -> None:
    written, script = run(api, shown(api), answer(201, receipt(api), {"x-request-id": "theirs"}), only(api))
    identifier, instance = (DPS_ID, DPS_ID) if api == "dps" else (XCORE_ID, INSTANCE_ID)
    assert (written.receipt.id, written.receipt.instance_id, written.receipt.etag) == (identifier, instance, 1)
    assert (written.action, written.name, written.request_id) == ("created", "Spring voucher", "theirs")
    look, post, again = script.requests
    assert (look.method, post.method, again.method) == ("GET", "POST", "GET")
    assert again.url == look.url
    assert script.confirmed == []
    wanted = ("property", "name==Spring voucher") if api == "dps" else ("name", "Spring voucher")
    assert wanted in query_of(look)
    assert body_of(post)["name" if api == "dps" else "xdm:name"] == "Spring voucher"


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_success_with_a_receipt_will_do(status: int) -> None:
    assert run("dps", shown("dps"), answer(status, receipt("dps")), only("dps"))[0].action == "created"


def test_a_receipt_without_an_instance_id_is_completed_from_the_location() -> None:
    body = receipt("xcore")
    del body["instanceId"]
    made = answer(201, body, {"location": f"/c/instances/{INSTANCE_ID}"})
    written, _ = run("xcore", shown("xcore"), made, only("xcore"))
    assert written.receipt == Receipt(XCORE_ID, INSTANCE_ID, 1, body["repo:createdDate"], body["repo:lastModifiedDate"])


@BOTH
def test_a_name_that_only_resembles_it_is_another_offer(api: str) -> None:
    near = [entity(api, sale(name=name), number=n) for n, name in enumerate(["spring voucher", "Spring voucher 2"], 1)]
    own = entity(api, sale())
    steps = [shown(api, *near), answer(201, receipt(api)), shown(api, *near, own)]
    assert run(api, *steps)[0].action == "created"


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
    there = entity(api, sale(), etag=7)
    # The listing may lag, so an update is planned with a read.
    read = [answer(200, there)] if if_exists == "update" else []
    written, script = run(api, shown(api, there), *read, if_exists=if_exists)
    assert (written.action, written.receipt.etag, written.name) == (action, 7, "Spring voucher")
    assert posts(script) == []


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
    assert updated("dps", entity("dps", respelled)).action == "unchanged"


def test_update_can_empty_a_property() -> None:
    there = entity("dps", sale(tags=["dps:tag:1"]))
    steps: list[Step] = [shown("dps", there), answer(200, there), answer(200, receipt("dps"))]
    _, script = run("dps", *steps, if_exists="update", properties=sale(tags=[]))
    assert body_of(script.requests[-1])[-1] == {"op": "replace", "path": "/tags", "value": []}


def test_what_is_empty_need_not_come_back() -> None:
    wanted = sale(tags=[], cappingConstraint={})
    there = sale()
    del there["tags"]
    assert updated("dps", entity("dps", there), properties=wanted).action == "unchanged"


def test_a_fallback_is_not_patched_for_what_the_service_drops() -> None:
    there = {name: value for name, value in sale().items() if name not in ("selectionConstraint", "rank")}
    assert updated("dps", entity("dps", there), kind=FALLBACK).action == "unchanged"


ADOPTED: dict[str, tuple[dict[str, Any], dict[str, Any], int, str | None]] = {
    # What is wanted besides the usual, what is there, its etag, and what differs.
    "a draft that was published since": ({}, {"status": "approved"}, 2, None),
    "approved from the start": ({}, {"status": "approved"}, 1, "/status"),
    "archived since": ({}, {"status": "archived"}, 2, "/status"),
    "a draft in place of an approved one": ({"status": "approved"}, {}, 2, "/status"),
    "a member that the service filled in": ({}, {"rank": {"priority": 10, "order": 5}}, 1, None),
    "a member with another value": ({}, {"rank": {"priority": 11}}, 1, "/rank"),
    "a value in place of an empty one": ({"tags": []}, {}, 1, "/tags"),
    "an empty value that reads leave out": ({"cappingConstraint": {}}, {}, 1, None),
}


@BOTH
@pytest.mark.parametrize("case", ADOPTED)
def test_what_is_adopted_is_told_with_what_differs(api: str, case: str) -> None:
    wanted, there, etag, differs = ADOPTED[case]
    steps = [shown(api, entity(api, sale(**there), etag=etag))]
    written, script = run(api, *steps, if_exists="adopt", properties=sale(**wanted))
    assert written.action == "adopted"
    told = f"'Spring voucher' is adopted unchanged, although it differs from the document: {differs} is "
    assert [note.startswith(told) for note in script.notes] == ([] if differs is None else [True])


@BOTH
@pytest.mark.parametrize("if_exists", ["adopt", "update", "skip"])
def test_several_of_the_name_are_ambiguous(api: str, if_exists: str) -> None:
    there = [entity(api, sale(), number=n) for n in range(1, 8)]
    error, _ = fail(AmbiguousNameError, api, shown(api, *there), if_exists=if_exists)
    assert len(error.ids) == 7
    assert "and 2 more" in str(error)


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (answer(400, {"title": "bad"}), BadRequestError),
        (answer(403, {"error_code": "403027", "message": "no"}), PermissionDeniedError),
        (answer(422, {"title": "no"}), RejectedError),
        (answer(413, b"<html>too large</html>"), UnexpectedResponseError),
    ],
)
def test_a_refusal_is_final(step: Step, error: type[Exception]) -> None:
    _, script = fail(error, "dps", shown("dps"), step)
    assert len(script.requests) == 2


def test_what_never_left_is_sent_again_without_a_look() -> None:
    made = (answer(201, receipt("dps")), only("dps"))
    _, script = run("dps", shown("dps"), lost(sent=False), *made)
    assert [request.method for request in script.requests] == ["GET", "POST", "POST", "GET"]
    _, script = run("dps", shown("dps"), answer(429, None, {"retry-after": "2"}), *made)
    assert [request.method for request in script.requests] == ["GET", "POST", "POST", "GET"]
    error, _ = fail(RateLimitedError, "dps", shown("dps"), answer(429), retries={"max_retries": 0})
    assert error.retryable


def test_a_library_that_cannot_be_looked_into_is_not_written_to() -> None:
    script = Script(*[answer(503)] * 6)
    with pytest.raises(Exception, match="503"):
        script.run(create(script.access("dps"), creation()))
    assert posts(script) == []


def test_no_token_on_the_way_is_no_unknown_outcome() -> None:
    script = Looking(shown("dps"))
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
