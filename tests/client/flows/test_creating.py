"""Creating once: what is there already, and what became of a POST whose answer was lost."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

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
from airflow_provider_offers.client.flows.creation_notes import CreationNotes
from airflow_provider_offers.client.flows.memory import Earlier, TaskTries
from airflow_provider_offers.client.model.entities import Receipt, Written
from airflow_provider_offers.client.model.kinds import FALLBACK, PERSONALIZED
from airflow_provider_offers.client.wire.memory import NO_MEMORY, Memory
from airflow_provider_offers.client.wire.messages import Request, Response
from tests.client.library import DPS_ID, INSTANCE_ID, XCORE_ID, entity, page, receipt, sale
from tests.client.script import START, Script, Step, answer, body_of, lost, query_of
from tests.notebook import Notebook

BOTH = pytest.mark.parametrize("api", ["dps", "xcore"])
MADE = START.isoformat(timespec="milliseconds")
# Older and newer than what the receipt says.
BEFORE = "2026-03-02T09:00:00.499+00:00"
AFTER = "2026-03-02T09:00:07.000+00:00"


class Looking(Script):
    """Answers the read of what the last lookup by name showed with just that, before anything was written since.

    A creation rests on no listing, since those lag; `confirmed` are the requests of those reads.
    """

    def __init__(self, *steps: Step, took: float = 0, memory: Memory = NO_MEMORY) -> None:
        super().__init__(*steps, took=took, memory=memory)
        self.confirmed: list[Request] = []
        self._shown: dict[str, dict[str, Any]] = {}

    def _perform(self, effect: Any) -> Any:
        if not isinstance(effect, Request):
            return super()._perform(effect)
        listed = self._shown.pop(urlsplit(effect.url).path.rpartition("/")[2], None) if effect.method == "GET" else None
        if listed is not None:
            self.confirmed.append(effect)
            return answer(200, listed)
        if effect.method != "GET":
            self._shown = {}
        answered = super()._perform(effect)
        if effect.method == "GET" and _is_by_name(effect):
            self._shown = _by_address(answered.body)
        return answered


def _is_by_name(request: Request) -> bool:
    listing = urlsplit(request.url).path.endswith(("/offers", "/instances"))
    return listing and all(name != "id" for name, _ in query_of(request))


def _by_address(body: bytes) -> dict[str, dict[str, Any]]:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    found = document.get("_embedded", document).get("results", []) if isinstance(document, dict) else []
    return {each.get("instanceId") or each["id"]: each for each in found}


def shown(api: str, *entities: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """What a lookup by the name answers."""
    return answer(200, page(api, entities), headers)


def creation(**changes: Any) -> Creation:
    return Creation(**{"kind": PERSONALIZED, "properties": sale(), "patience": 2.0, **changes})


def recorded(creation: Creation) -> Creation:
    """The creation of a task's first try, which keeps what it is about to post."""
    notes = CreationNotes(TaskTries(durable=True), [creation.wish(["prod"])], began=START, answer=timedelta(seconds=10))
    return replace(creation, record=notes.of(0))


def only(api: str, **properties: Any) -> Response:
    """What the lookup after a POST answers: our own offer and no other."""
    return shown(api, entity(api, sale(**properties)))


def run(api: str, *steps: Step, retries: dict[str, Any] | None = None, **changes: Any) -> tuple[Written, Looking]:
    script = Looking(*steps)
    return script.run(create(script.access(api, **(retries or {})), creation(**changes))), script


def id_of(api: str, number: int) -> str:
    own = DPS_ID if api == "dps" else XCORE_ID
    return f"{api}:personalized-offer:{number:016x}" if number else own


def address_of(api: str, number: int) -> str:
    """The last part of the path that a deletion of that offer has."""
    return id_of(api, number) if api == "dps" else f"{number:08x}{INSTANCE_ID[8:]}" if number else INSTANCE_ID


def gone(api: str, twin: dict[str, Any] | None = None) -> list[Step]:
    """What a deletion is answered; a twin that is only known by the listing is read before it."""
    read: list[Step] = [] if twin is None else [answer(200, twin)]
    return [*read, answer(200 if api == "dps" else 202), answer(404, {"title": "gone"})]


def deleted(script: Script) -> list[str]:
    return [urlsplit(request.url).path.rpartition("/")[2] for request in script.requests if request.method == "DELETE"]


def posts(script: Script) -> list[Request]:
    return [request for request in script.requests if request.method == "POST"]


def fail(error: type[Exception], api: str, *steps: Step, **changes: Any) -> tuple[Any, Looking]:
    script = Looking(*steps)
    retries = changes.pop("retries", {})
    with pytest.raises(error) as caught:
        script.run(create(script.access(api, **retries), creation(**changes)))
    assert type(caught.value) is error
    assert not script.steps, "answers were left over"
    return caught.value, script


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
    # The listing may lag, so that an update is planned on a read.
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


def updated(api: str, there: dict[str, Any], **changes: Any) -> Written:
    """What an update comes to that finds the offer as it is to be."""
    return run(api, shown(api, there), answer(200, there), if_exists="update", **changes)[0]


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
    written, script = run(api, shown(api, there), earlier=Earlier(START))
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
    fail(AlreadyExistsError, api, shown(api, there), earlier=None if since is None else Earlier(since))


def test_another_clients_offer_is_not_ours() -> None:
    somebody: dict[str, Any] = {"repo:createdByClientId": "somebody"}
    there = entity("xcore", sale(), created=MADE, **somebody)
    fail(AlreadyExistsError, "xcore", shown("xcore", there), earlier=Earlier(START))
    there = entity("dps", sale(), created=MADE, createdByClientId="our-client")
    assert run("dps", shown("dps", there), earlier=Earlier(START))[0].action == "adopted"


@pytest.mark.parametrize("ahead", [-3_600, -30, 30, 3_600])
def test_clocks_need_not_agree(ahead: int) -> None:
    """The service's clock is ahead of ours; what it calls ten seconds after `since` is ours, ten before is not."""
    headers = {"date": Script().http_date(ahead)}
    for offset, ours in ((10, True), (-10, False)):
        there = entity("dps", sale(), created=(START + timedelta(seconds=ahead + offset)).isoformat())
        step = shown("dps", there, headers=headers)
        if ours:
            assert run("dps", step, earlier=Earlier(START))[0].action == "adopted"
        else:
            fail(AlreadyExistsError, "dps", step, earlier=Earlier(START))


@pytest.mark.parametrize("date", ["rubbish", "", "Mon, 02 Mar 2026 09:00:00 -0000"])
def test_a_date_that_says_nothing_leaves_our_clock(date: str) -> None:
    there = entity("dps", sale(), created=MADE)
    assert run("dps", shown("dps", there, headers={"date": date}), earlier=Earlier(START))[0].action == "adopted"


def test_the_one_of_several_that_is_ours_is_found() -> None:
    there = [entity("dps", sale(status="approved"), number=1), entity("dps", sale(), number=2, created=MADE)]
    assert run("dps", shown("dps", *there), earlier=Earlier(START))[0].receipt.id.endswith("2")


@BOTH
def test_what_an_earlier_try_made_may_show_up_late(api: str) -> None:
    there = entity(api, sale(), created=MADE, etag=1)
    steps: list[Step] = [*[shown(api)] * 4, shown(api, there)]
    written, script = run(api, *steps, earlier=Earlier(START), patience=10.0)
    assert (written.action, written.receipt.etag) == ("adopted", 1)
    assert posts(script) == []
    assert [pause.seconds for pause in script.pauses] == [0.25, 0.5, 1.0]
    assert "an earlier try" in script.pauses[0].reason


@BOTH
def test_what_no_earlier_try_made_is_posted_after_the_patience(api: str) -> None:
    steps = [*[shown(api)] * 6, answer(201, receipt(api)), only(api)]
    written, script = run(api, *steps, earlier=Earlier(START), patience=1.0)
    assert written.action == "created"
    assert [pause.seconds for pause in script.pauses] == [0.25, 0.5, 1.0, 0.25]
    assert [request.method for request in script.requests] == ["GET"] * 6 + ["POST", "GET"]
    _, script = run(api, shown(api), answer(201, receipt(api)), only(api))
    assert script.pauses == []


@BOTH
def test_what_somebody_made_during_the_patience_is_not_ours(api: str) -> None:
    there = entity(api, sale(status="approved"), created=MADE)
    _, script = fail(
        AlreadyExistsError, api, shown(api), *[shown(api, there)] * 2, earlier=Earlier(START), patience=0.125
    )
    assert posts(script) == []


def test_an_earlier_try_that_cannot_be_asked_after_stops_the_post() -> None:
    error, script = fail(OutcomeUnknownError, "dps", shown("dps"), answer(200, b"{"), earlier=Earlier(START))
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
    written, script = run(api, shown(api), failure, shown(api, entity(api, sale(), etag=1)), patience=0)
    assert (written.action, written.receipt.etag) == ("created", 1)
    assert len(posts(script)) == 1


@BOTH
def test_a_commit_that_shows_late_is_waited_for(api: str) -> None:
    there = shown(api, entity(api, sale()))
    steps: list[Step] = [shown(api), lost(), shown(api), shown(api), shown(api), there, there]
    written, script = run(api, *steps, patience=1.5)
    assert written.action == "created"
    assert len(posts(script)) == 1
    assert [pause.seconds for pause in script.pauses] == [0.25, 0.5, 1.0, 1.25]


@BOTH
def test_what_another_worker_made_is_not_taken_for_what_a_lost_post_made(api: str) -> None:
    """Its offer shows up first, since it was posted first; ours shows up later, and goes."""
    other = entity(api, sale(), number=1, created=BEFORE)
    own = entity(api, sale())
    both = shown(api, other, own)
    steps: list[Step] = [shown(api), lost(), shown(api), shown(api, other), shown(api, other), both, *gone(api, own)]
    written, script = run(api, *steps, patience=0.875)
    assert (written.receipt.id, written.withdrawn) == (id_of(api, 1), (id_of(api, 0),))
    assert deleted(script) == [address_of(api, 0)]


@BOTH
def test_a_post_that_was_not_committed_is_repeated_after_the_patience(api: str) -> None:
    one = shown(api, entity(api, sale()))
    steps: list[Step] = [shown(api), answer(500), *[shown(api)] * 5, answer(201, receipt(api)), *[one] * 4]
    written, script = run(api, *steps, patience=1.0)
    assert written.action == "created"
    assert len(posts(script)) == 2
    assert posts(script)[0].body == posts(script)[1].body
    assert script.requests[-1].method == "GET"
    # A second to be committed in and one to show up in, the pause before another POST, then a second in which the
    # first may yet show up.
    assert [pause.seconds for pause in script.pauses] == [0.25, 0.5, 1.0, 0.25, 0.5, 0.25, 0.5, 0.25]


@BOTH
def test_a_repeated_post_whose_first_came_through_after_all_leaves_the_older(api: str) -> None:
    """The first POST was thought lost, and was committed late: before the second here, after it there."""
    for late, kept in ((BEFORE, 1), (AFTER, 0)):
        twins = [entity(api, sale(), number=1, created=late), entity(api, sale())]
        going = gone(api, twins[0] if kept == 0 else None)
        steps: list[Step] = [shown(api), lost(), shown(api), answer(201, receipt(api)), shown(api, *twins), *going]
        written, script = run(api, *steps, patience=0)
        assert written.action == "created"
        assert written.receipt.id == id_of(api, kept)
        assert written.withdrawn == (id_of(api, 1 - kept),)
        assert deleted(script) == [address_of(api, 1 - kept)]
        assert len(posts(script)) == 2


@BOTH
def test_of_two_whose_answers_were_both_lost_the_older_stays(api: str) -> None:
    twins = [entity(api, sale(), number=2, created=AFTER), entity(api, sale(), number=1)]
    steps: list[Step] = [shown(api), lost(), shown(api), lost(), shown(api, *twins), *gone(api, twins[0])]
    written, script = run(api, *steps, patience=0)
    assert (written.action, written.receipt.id, written.withdrawn) == ("created", id_of(api, 1), (id_of(api, 2),))
    assert deleted(script) == [address_of(api, 2)]


@BOTH
def test_a_newer_offer_of_other_content_is_somebody_elses_to_withdraw(api: str) -> None:
    there = [entity(api, sale()), entity(api, sale(status="approved"), number=2, created=AFTER)]
    steps: list[Step] = [shown(api), lost(), shown(api), answer(201, receipt(api)), shown(api, *there)]
    written, _ = run(api, *steps, patience=0)
    assert (written.action, written.receipt.id, written.withdrawn) == ("created", id_of(api, 0), ())


def test_no_patience_is_one_look() -> None:
    own = answer(200, entity("dps", sale()))
    steps: list[Step] = [shown("dps"), lost(), shown("dps"), answer(201, receipt("dps")), shown("dps"), own]
    _, script = run("dps", *steps, patience=0)
    # What is made and not listed is read, since the service may have given it another name.
    assert script.sent == ["GET /data/core/dps/offers", "POST /data/core/dps/offers"] * 2 + [
        "GET /data/core/dps/offers",
        f"GET /data/core/dps/offers/{DPS_ID}",
    ]


# Two do it at once.


MARK = ("airflow", "dag/run/task/-1")
MARKED = sale(characteristics={"airflow": "dag/run/task/-1"})
# What says something else, or by its marker is another task's, is not taken for what a gateway made of our POST.
OTHERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "other content": (sale(rank={"priority": 11}), {}),
    "another marker": (
        sale(characteristics={"airflow": "dag/run/other/-1"}),
        {"properties": MARKED, "marker": MARK},
    ),
}


@BOTH
@pytest.mark.parametrize("other", OTHERS)
def test_the_newer_of_two_gives_way(api: str, other: str) -> None:
    """Both looked before either posted: the later one is gone again before its task fails."""
    theirs, changes = OTHERS[other]
    older = entity(api, theirs, number=1, created=BEFORE)
    own = entity(api, changes.get("properties", sale()))
    steps: list[Step] = [shown(api), answer(201, receipt(api)), shown(api, older, own), *gone(api)]
    error, script = fail(AlreadyExistsError, api, *steps, **changes)
    assert deleted(script) == [address_of(api, 0)]
    assert error.ids == (id_of(api, 1),)


@BOTH
@pytest.mark.parametrize(("if_exists", "action"), [("adopt", "adopted"), ("skip", "skipped"), ("update", "unchanged")])
def test_the_newer_of_two_takes_the_older_as_if_it_had_been_there(api: str, if_exists: str, action: str) -> None:
    # It was made before ours was posted, and a listing did not show it yet.
    older = entity(api, sale(), number=1, created="2026-03-02T08:59:50.000+00:00")
    steps: list[Step] = [shown(api), answer(201, receipt(api)), shown(api, older, entity(api, sale())), *gone(api)]
    read = [answer(200, older)] if if_exists == "update" else []
    written, _ = run(api, *steps, *read, if_exists=if_exists)
    assert (written.action, written.receipt.id) == (action, id_of(api, 1))
    assert written.withdrawn == (id_of(api, 0),)


@BOTH
@pytest.mark.parametrize("if_exists", ["fail", "adopt", "update", "skip"])
@pytest.mark.parametrize("marked", [False, True])
def test_a_gateway_that_repeats_a_post_leaves_one_that_is_ours(api: str, if_exists: str, marked: bool) -> None:
    """The answer is the second's, and two say the same out of one POST."""
    changes: dict[str, Any] = {"properties": MARKED, "marker": MARK} if marked else {}
    document = changes.get("properties", sale())
    first = entity(api, document, number=1, created=BEFORE)
    steps: list[Step] = [shown(api), answer(201, receipt(api)), shown(api, first, entity(api, document)), *gone(api)]
    written, script = run(api, *steps, if_exists=if_exists, **changes)
    assert (written.action, written.receipt.id, written.withdrawn) == ("created", id_of(api, 1), (id_of(api, 0),))
    assert len(posts(script)) == 1


@BOTH
def test_a_gateway_that_hands_on_the_first_answer_leaves_that_one(api: str) -> None:
    second = entity(api, sale(), number=1, created="2026-03-02T09:00:00.900+00:00")
    looks = [shown(api, entity(api, sale()), second), *gone(api, second)]
    written, script = run(api, shown(api), answer(201, receipt(api)), *looks)
    assert (written.action, written.receipt.id, written.withdrawn) == ("created", id_of(api, 0), (id_of(api, 1),))
    assert deleted(script) == [address_of(api, 1)]


@BOTH
def test_the_next_try_beside_a_worker_thought_dead_adopts_what_that_one_made(api: str) -> None:
    own = entity(api, sale(), created=AFTER)
    # Long after that worker has begun.
    earlier = Earlier(START - timedelta(seconds=60), settled=START)
    older = entity(api, sale(), number=1, created=(START - timedelta(seconds=30)).isoformat())
    steps: list[Step] = [*[shown(api)] * 2, answer(201, receipt(api)), shown(api, older, own), *gone(api)]
    written, _ = run(api, *steps, earlier=earlier)
    assert (written.action, written.receipt.id) == ("adopted", id_of(api, 1))


@BOTH
def test_the_older_of_two_stays_and_leaves_the_newer_to_its_maker(api: str) -> None:
    newer = entity(api, sale(), number=1, created=AFTER)
    written, script = run(api, shown(api), answer(201, receipt(api)), shown(api, entity(api, sale()), newer))
    assert (written.action, written.withdrawn, deleted(script)) == ("created", (), [])


@BOTH
def test_in_one_millisecond_the_ids_decide(api: str) -> None:
    smaller = entity(api, sale(), number=1)
    steps: list[Step] = [shown(api), answer(201, receipt(api)), shown(api, smaller, entity(api, sale())), *gone(api)]
    assert run(api, *steps, if_exists="adopt")[0].receipt.id == id_of(api, 1)


@BOTH
def test_of_three_at_once_the_oldest_is_adopted(api: str) -> None:
    others = [entity(api, sale(), number=n, created="2026-03-02T08:59:50.000+00:00") for n in (2, 1)]
    steps: list[Step] = [shown(api), answer(201, receipt(api)), shown(api, *others, entity(api, sale())), *gone(api)]
    assert run(api, *steps, if_exists="adopt")[0].receipt.id == id_of(api, 1)


@BOTH
def test_an_index_that_lags_is_waited_for_until_our_own_shows(api: str) -> None:
    older = entity(api, sale(), number=1, created=BEFORE)
    both = shown(api, older, entity(api, sale()))
    steps: list[Step] = [shown(api), answer(201, receipt(api)), shown(api), shown(api), both, *gone(api)]
    written, script = run(api, *steps, if_exists="adopt", patience=10.0)
    assert (written.receipt.id, deleted(script)) == (id_of(api, 1), [address_of(api, 0)])
    assert [pause.seconds for pause in script.pauses[:2]] == [0.25, 0.5]


@BOTH
def test_a_look_that_fails_names_what_was_made_and_leaves_the_rest_to_the_next_try(api: str) -> None:
    steps: list[Step] = [shown(api), answer(201, receipt(api)), answer(403, {"title": "no"})]
    error, _ = fail(OutcomeUnknownError, api, *steps)
    assert error.retryable
    assert f"created as {id_of(api, 0)}" in str(error)


@BOTH
def test_after_a_second_post_the_first_is_waited_for(api: str) -> None:
    late = [entity(api, sale()), entity(api, sale(), number=2, created=AFTER)]
    looks = [*[only(api)] * 3, shown(api, *late)]
    steps: list[Step] = [shown(api), lost(), *[shown(api)] * 5, answer(201, receipt(api)), *looks, *gone(api, late[1])]
    written, script = run(api, *steps, patience=1.0)
    assert (written.receipt.id, written.withdrawn) == (id_of(api, 0), (id_of(api, 2),))
    assert len(posts(script)) == 2


@BOTH
def test_a_twin_that_cannot_be_deleted_is_told(api: str) -> None:
    older = entity(api, sale(), number=1, created=BEFORE)
    both = shown(api, older, entity(api, sale()))
    refused = answer(403, {"title": "no deletions"})
    error, _ = fail(AmbiguousNameError, api, shown(api), answer(201, receipt(api)), both, refused)
    assert error.ids == (id_of(api, 1), id_of(api, 0))
    assert "no deletions" in str(error)
    assert not error.retryable
    # The deletion and its repetition, then a look whether it was done, as often.
    busy = [answer(503)] * 4
    steps: list[Step] = [shown(api), answer(201, receipt(api)), both, *busy]
    error, _ = fail(AmbiguousNameError, api, *steps, retries={"max_retries": 1})
    assert error.retryable


# What an earlier try left.


@BOTH
def test_what_the_receipt_of_an_earlier_try_names_is_read_and_adopted(api: str) -> None:
    """Whatever became of it since: here it was published."""
    there = entity(api, sale(status="approved"), etag=2, created=MADE)
    found = [shown(api, there)] if api == "xcore" else []
    written, script = run(api, *found, answer(200, there), earlier=Earlier(START, id=id_of(api, 0)))
    assert (written.action, written.receipt.etag) == ("adopted", 2)
    assert posts(script) == []


@BOTH
def test_what_an_earlier_try_made_and_somebody_deleted_is_made_again(api: str) -> None:
    missing = shown(api) if api == "xcore" else answer(404, {"title": "gone"})
    steps: list[Step] = [missing, *[shown(api)] * 2, answer(201, receipt(api)), only(api)]
    written, _ = run(api, *steps, earlier=Earlier(START, settled=START, id=id_of(api, 0)))
    assert written.action == "created"


@BOTH
def test_twins_of_an_earlier_try_are_reduced_to_the_oldest(api: str) -> None:
    twins = [entity(api, sale(), number=n, created=created) for n, created in ((2, AFTER), (1, MADE))]
    written, script = run(api, shown(api, *twins), *gone(api, twins[0]), earlier=Earlier(START))
    assert (written.action, written.receipt.id) == ("adopted", id_of(api, 1))
    assert deleted(script) == [address_of(api, 2)]


@BOTH
@pytest.mark.parametrize("sign", ["edited", "other maker", "more content", "gone"])
def test_what_may_be_more_than_a_twin_is_not_deleted(api: str, sign: str) -> None:
    """A twin goes only where nobody touched it and the same account made both."""
    maker = "createdBy" if api == "dps" else "repo:createdBy"
    us: dict[str, Any] = {maker: "us"}
    oldest = entity(api, sale(), number=1, created=MADE, **us)
    properties = sale(rank={"priority": 10}, name="Spring voucher")
    twin = entity(api, properties, number=2, created=AFTER, etag=4 if sign == "edited" else 1, **us)
    if sign == "other maker":
        twin[maker] = "somebody"
    now = answer(404, {"title": "gone"}) if sign == "gone" else answer(200, twin)
    if sign == "more content":
        now = answer(200, entity(api, sale(rank={"priority": 11}), number=2, created=AFTER, **us))
    steps: list[Step] = [shown(api, oldest, twin), now]
    if sign == "gone":
        assert run(api, *steps, earlier=Earlier(START))[0].receipt.id == id_of(api, 1)
        return
    error, script = fail(AmbiguousNameError, api, *steps, earlier=Earlier(START))
    assert error.ids == (id_of(api, 1), id_of(api, 2))
    assert "does not look like a mere twin" in str(error)
    assert deleted(script) == []


@BOTH
def test_after_a_lost_answer_an_older_offer_of_somebody_else_is_told(api: str) -> None:
    theirs = entity(api, sale(status="approved"), number=1, created=BEFORE)
    steps: list[Step] = [shown(api), lost(), shown(api, theirs, entity(api, sale()))]
    error, script = fail(AmbiguousNameError, api, *steps, patience=0)
    assert error.ids == (id_of(api, 0), id_of(api, 1))
    assert deleted(script) == []


@BOTH
def test_what_a_cleared_task_made_and_now_says_otherwise_is_not_taken_as_it_is(api: str) -> None:
    """The author mended the document and cleared the task; or the offer was archived since."""
    there = entity(api, sale(), etag=1, created=MADE)
    found = [shown(api, there)] if api == "xcore" else []
    earlier = Earlier(START, id=id_of(api, 0))
    mended = sale(description="mended")
    error, _ = fail(AlreadyExistsError, api, *found, answer(200, there), earlier=earlier, properties=mended)
    assert "An earlier try of this task made" in str(error)
    steps: list[Step] = [*found, answer(200, there), answer(200, there), answer(200, receipt(api, etag=2))]
    written, _ = run(api, *steps, earlier=earlier, properties=mended, if_exists="update")
    assert (written.action, written.receipt.etag) == ("updated", 2)
    archived = answer(200, entity(api, sale(status="archived"), etag=5, created=MADE))
    fail(AlreadyExistsError, api, *found, archived, earlier=earlier)


@BOTH
def test_what_a_later_task_published_and_scheduled_since_is_still_ours(api: str) -> None:
    window = {"startDate": "2026-04-01T00:00:00Z", "endDate": "2026-04-02T00:00:00Z"}
    edited = sale(status="approved", selectionConstraint=window)
    written, _ = run(api, shown(api, entity(api, edited, etag=3, created=MADE)), earlier=Earlier(START))
    assert written.action == "adopted"
    # Nobody edited this one: it was made so.
    fail(AlreadyExistsError, api, shown(api, entity(api, edited, etag=1, created=MADE)), earlier=Earlier(START))
    named = entity(api, {**edited, "rank": {"priority": 11}}, etag=3, created=MADE)
    fail(AlreadyExistsError, api, shown(api, named), earlier=Earlier(START))


@BOTH
def test_by_the_time_earlier_posts_have_settled_there_is_no_waiting(api: str) -> None:
    steps: list[Step] = [*[shown(api)] * 2, answer(201, receipt(api)), only(api)]
    _, script = run(api, *steps, earlier=Earlier(START, settled=START), patience=10.0)
    assert script.pauses == []
    soon = START + timedelta(seconds=0.75)
    steps = [*[shown(api)] * 4, answer(201, receipt(api)), only(api)]
    _, script = run(api, *steps, earlier=Earlier(START, settled=soon), patience=10.0)
    assert sum(pause.seconds for pause in script.pauses) == 0.75


@BOTH
def test_a_marker_tells_ours_whatever_else_it_says(api: str) -> None:
    marked = sale(characteristics={"airflow": "dag/run/task/-1"})
    changes: dict[str, Any] = {"properties": marked, "marker": ("airflow", "dag/run/task/-1")}
    other = entity(api, {**marked, "name": marked["name"], "rank": {"priority": 99}}, etag=4, created=BEFORE)
    written, _ = run(api, shown(api, other), **changes)
    assert written.action == "adopted"
    unmarked = entity(api, sale(), created=MADE)
    fail(AlreadyExistsError, api, shown(api, unmarked), earlier=Earlier(START), **changes)


@BOTH
def test_the_intent_is_kept_before_each_post_and_only_then(api: str) -> None:
    kept: list[int] = []

    class Counting(Notebook):
        def keep(self, key: str, value: Any) -> None:
            super().keep(key, value)
            kept.append(len(script.requests))

    steps: list[Step] = [shown(api), lost(), shown(api), answer(201, receipt(api)), only(api)]
    # A note is good for thirty seconds: the second POST comes later than that.
    script = Looking(*steps, took=16.0, memory=Counting())
    script.run(create(script.access(api), recorded(creation(patience=0))))
    # How many notes there may be, one before each POST, and the receipt.
    assert kept == [1, 1, 3, 4]
    script = Looking(shown(api, entity(api, sale())), memory=Counting())
    script.run(create(script.access(api), recorded(creation(if_exists="adopt"))))
    assert kept == [1, 1, 3, 4]


@BOTH
def test_an_intent_that_cannot_be_kept_stops_the_post(api: str) -> None:
    class Broken(Notebook):
        def keep(self, key: str, value: Any) -> None:
            raise RuntimeError("the state cannot be written")

    script = Looking(shown(api), memory=Broken())
    with pytest.raises(RuntimeError, match="cannot be written"):
        script.run(create(script.access(api), recorded(creation())))
    assert posts(script) == []


@BOTH
def test_retries_that_end_without_certainty_say_so(api: str) -> None:
    steps: list[Step] = [shown(api), answer(500), *[shown(api)] * 2, lost(), *[shown(api)] * 2]
    error, script = fail(OutcomeUnknownError, api, *steps, patience=0.125, retries={"max_retries": 1})
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
    error, script = fail(OutcomeUnknownError, api, shown(api), lost(), *[shown(api, other)] * 2, patience=0.125)
    assert len(posts(script)) == 1
    assert (DPS_ID if api == "dps" else XCORE_ID) in str(error)
    for if_exists, action in (("adopt", "adopted"), ("skip", "skipped")):
        written, _ = run(api, shown(api), lost(), *[shown(api, other)] * 2, patience=0.125, if_exists=if_exists)
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
