"""Creating once: an object of an earlier try of the same work is recognized."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from airflow_provider_offers.client.errors import (
    AlreadyExistsError,
    AmbiguousNameError,
    ConflictError,
    OutcomeUnknownError,
)
from airflow_provider_offers.client.flows.creating import create
from airflow_provider_offers.client.flows.creation_notes import CreationNotes
from airflow_provider_offers.client.flows.memory import Earlier, Intents, TaskTries
from airflow_provider_offers.client.flows.ownership import Creation
from airflow_provider_offers.client.wire.memory import remember
from airflow_provider_offers.client.wire.messages import HELD_UP, Response
from tests.client.flows.creating import (
    AFTER,
    BEFORE,
    BOTH,
    MADE,
    Looking,
    address_of,
    creation,
    deleted,
    fail,
    gone,
    id_of,
    only,
    posts,
    run,
    shown,
)
from tests.client.library import entity, receipt, sale
from tests.client.script import START, Script, Step, answer, lost
from tests.notebook import Notebook


def recorded(creation: Creation) -> Creation:
    """The creation of a task's first try, which keeps a note before each POST."""
    notes = CreationNotes(TaskTries(durable=True), [creation.wish(["prod"])], began=START, answer=timedelta(seconds=10))
    return replace(creation, record=notes.of(0))


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
    """The service's clock is ahead of ours, so its times are converted before they are compared with `since`."""
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


@BOTH
def test_what_the_receipt_of_an_earlier_try_names_is_read_and_adopted(api: str) -> None:
    """Also after later edits: here, the offer was published."""
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
def test_after_a_lost_answer_an_older_offer_of_somebody_else_is_told(api: str) -> None:
    theirs = entity(api, sale(status="approved"), number=1, created=BEFORE)
    steps: list[Step] = [shown(api), lost(), shown(api, theirs, entity(api, sale()))]
    error, script = fail(AmbiguousNameError, api, *steps, patience=0)
    assert error.ids == (id_of(api, 0), id_of(api, 1))
    assert deleted(script) == []


@BOTH
def test_what_a_cleared_task_made_and_now_says_otherwise_is_not_taken_as_it_is(api: str) -> None:
    """The author corrected the document and cleared the task; or the offer was archived since."""
    there = entity(api, sale(), etag=1, created=MADE)
    found = [shown(api, there)] if api == "xcore" else []
    earlier = Earlier(START, id=id_of(api, 0))
    mended = sale(description="mended")
    error, _ = fail(AlreadyExistsError, api, *found, answer(200, there), earlier=earlier, properties=mended)
    assert "An earlier try of this task created" in str(error)
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
    # Nobody edited this one: it was created with this content.
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
    # A note is valid for thirty seconds, and the second POST comes later.
    script = Looking(*steps, took=16.0, memory=Counting())
    script.run(create(script.access(api), recorded(creation(patience=0))))
    # The number of possible notes: one before each POST, and the receipt.
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
def test_a_try_that_ended_before_its_look_for_others_is_finished_by_the_next(api: str) -> None:
    """Another task posted the same at the same time. Of the two, the older one stays."""
    own = entity(api, sale(), created="2026-03-02T09:00:00.500+00:00")
    read: list[Step] = [*([shown(api, own)] if api == "xcore" else []), answer(200, own)]
    earlier = Earlier(START, settled=START, id=id_of(api, 0), alone=False)

    newer = entity(api, sale(), number=1, created="2026-03-02T09:00:00.900+00:00")
    written, script = run(api, *read, shown(api, own, newer), *gone(api, newer), earlier=earlier)
    assert (written.action, written.receipt.id, written.withdrawn) == ("adopted", id_of(api, 0), (id_of(api, 1),))
    assert deleted(script) == [address_of(api, 1)]

    older = entity(api, sale(), number=1, created=BEFORE)
    written, script = run(api, *read, shown(api, older, own), *gone(api), earlier=earlier)
    assert (written.action, written.receipt.id, written.withdrawn) == ("adopted", id_of(api, 1), (id_of(api, 0),))
    assert deleted(script) == [address_of(api, 0)]


@BOTH
def test_what_an_earlier_try_made_of_another_document_is_ours_and_is_not_taken_as_it_is(api: str) -> None:
    """The task was cleared with a mended document, and its receipt is lost."""
    there = entity(api, sale(), created=MADE)
    changed: dict[str, Any] = {"earlier": Earlier(START, changed=True), "properties": sale(description="mended")}
    error, _ = fail(AlreadyExistsError, api, shown(api, there), **changed)
    assert f"({id_of(api, 0)}), and it no longer matches the document: /description is nothing" in str(error)
    steps: list[Step] = [shown(api, there), answer(200, there), answer(200, receipt(api, etag=2))]
    assert run(api, *steps, if_exists="update", **changed)[0].action == "updated"
    # The document may be the same after all.
    assert run(api, shown(api, there), earlier=Earlier(START, changed=True))[0].action == "adopted"


@BOTH
def test_the_oldest_of_some_twins_is_updated(api: str) -> None:
    twins = [entity(api, sale(), number=n, created=created) for n, created in ((2, AFTER), (1, MADE))]
    steps: list[Step] = [shown(api, *twins), *gone(api, twins[0]), answer(200, twins[1])]
    written, _ = run(api, *steps, earlier=Earlier(START), if_exists="update")
    assert (written.action, written.receipt.id, written.withdrawn) == ("unchanged", id_of(api, 1), (id_of(api, 2),))


@BOTH
def test_what_is_renamed_before_its_update_is_not_touched(api: str) -> None:
    renamed = answer(200, entity(api, sale(name="Autumn voucher"), etag=2))
    error, script = fail(ConflictError, api, shown(api, entity(api, sale())), renamed, if_exists="update")
    assert error.title == "The offer was renamed meanwhile; nothing was sent"
    assert error.detail == (
        f"{id_of(api, 0)} was named 'Spring voucher' a moment ago and is 'Autumn voucher' now; a retry looks again"
    )
    assert error.retryable
    assert {request.method for request in script.requests} == {"GET"}


@BOTH
def test_a_post_that_was_held_up_is_sent_if_no_later_try_has_begun(api: str) -> None:
    held_up = answer(HELD_UP.status)
    script = Looking(shown(api), held_up, answer(201, receipt(api)), only(api), memory=Notebook())
    written = script.run(create(script.access(api), recorded(creation(patience=10.0))))
    assert written.action == "created"
    # A throttle may hold up the second one for as long.
    assert [request.send_by for request in posts(script)] == [1_005.0, None]


@BOTH
def test_a_post_is_not_sent_after_a_later_try_has_begun(api: str) -> None:
    notebook = Notebook()
    later = CreationNotes(
        TaskTries(number=2, durable=True), [], began=START + timedelta(seconds=1), answer=timedelta(seconds=10)
    )

    def freeze(_: Any) -> Response:
        remember(notebook, later.load())
        return answer(HELD_UP.status)

    script = Looking(shown(api), freeze, memory=notebook)
    with pytest.raises(OutcomeUnknownError, match="A later try of this task has begun") as caught:
        script.run(create(script.access(api), recorded(creation())))
    assert caught.value.retryable
    assert len(posts(script)) == 1


@BOTH
def test_notes_from_before_this_try_are_of_no_later_one(api: str) -> None:
    """A run was deleted, and another of the same name began."""
    notebook = Notebook()
    before = CreationNotes(
        TaskTries(number=2, durable=True), [], began=START - timedelta(days=1), answer=timedelta(seconds=10)
    )
    remember(notebook, before.load())
    script = Looking(shown(api), answer(201, receipt(api)), only(api), memory=notebook)
    assert script.run(create(script.access(api), recorded(creation()))).action == "created"


def test_an_object_is_not_known_as_the_only_one_while_another_try_may_have_posted_it() -> None:
    notebook, wish = Notebook(), creation().wish(["prod"])

    def notes(number: int) -> CreationNotes:
        tries = TaskTries(number=number, last=3, durable=True)
        made = CreationNotes(tries, [wish], began=START + timedelta(seconds=number), answer=timedelta(seconds=10))
        remember(notebook, made.load())
        return made

    frozen = notes(1)
    remember(notebook, frozen.before_post(0, START))
    second = notes(2)
    remember(notebook, second.add(0, {"action": "created", "id": "offer 1"}, START))
    earlier = notes(3).earlier(0)
    assert earlier is not None
    assert (earlier.id, earlier.alone) == ("offer 1", False)
    remember(notebook, frozen.after_post(0, None, START))
    remember(notebook, frozen.save())
    earlier = notes(3).earlier(0)
    assert earlier is not None
    assert earlier.alone


@BOTH
def test_an_archived_offer_that_was_asked_for_is_still_ours(api: str) -> None:
    archived = entity(api, sale(status="archived"), created=MADE)
    found = [shown(api, archived)] if api == "xcore" else []
    earlier = Earlier(START, id=id_of(api, 0))
    written, _ = run(api, *found, answer(200, archived), earlier=earlier, properties=sale(status="archived"))
    assert written.action == "adopted"


@BOTH
def test_the_plan_about_one_object_of_a_list_says_nothing_about_another(api: str) -> None:
    """The first try planned the update of one offer and was killed. The next try updates another one."""
    notes, tries = Notebook(), TaskTries(number=1, last=2, durable=True)
    mended, there = sale(description="mended"), entity(api, sale())
    steps: list[Step] = [shown(api, there), answer(200, there), answer(200, receipt(api, etag=2))]
    script = Looking(*steps, memory=notes)
    script.run(create(script.access(api), creation(properties=mended, if_exists="update", intents=Intents(tries, "w"))))

    named = {"name": "Autumn voucher"}
    other = entity(api, sale(**named), etag=5)
    intents = Intents(replace(tries, number=2), "w")
    script = Looking(shown(api, other), answer(200, other), answer(200, receipt(api, etag=6)), memory=notes)
    changes = creation(properties={**mended, **named}, if_exists="update", intents=intents)
    assert script.run(create(script.access(api), changes)).receipt.etag == 6


@BOTH
@pytest.mark.parametrize("if_exists", ["fail", "adopt", "skip", "update"])
def test_an_edit_of_somebody_else_stays_if_the_task_still_wants_what_its_earlier_try_did(
    api: str, if_exists: str
) -> None:
    """The notes say whether the document changed since. If it did, the object must match it."""
    edited = entity(api, sale(rank={"priority": 99}), etag=4, created=MADE)
    read: list[Step] = [*([shown(api, edited)] if api == "xcore" else []), answer(200, edited)]
    same = Earlier(START, id=id_of(api, 0), changed=False)
    changed = replace(same, changed=True)
    wanted = sale(rank={"priority": 99})
    if if_exists == "update":
        sent: list[Step] = [answer(200, edited), answer(200, receipt(api, etag=5))]
        assert run(api, *read, *sent, earlier=changed, if_exists=if_exists)[0].action == "updated"
        return
    assert run(api, *read, earlier=same, if_exists=if_exists)[0].action == "adopted"
    fail(AlreadyExistsError, api, *read, earlier=changed, if_exists=if_exists)
    assert run(api, *read, earlier=changed, properties=wanted, if_exists=if_exists)[0].action == "adopted"


@BOTH
def test_a_twin_that_was_withdrawn_is_told_beside_an_update(api: str) -> None:
    own = entity(api, sale(), created="2026-03-02T09:00:00.500+00:00")
    newer = entity(api, sale(), number=1, created="2026-03-02T09:00:00.900+00:00")
    read: list[Step] = [*([shown(api, own)] if api == "xcore" else []), answer(200, own)]
    earlier = Earlier(START, settled=START, id=id_of(api, 0), alone=False)
    steps: list[Step] = [*read, shown(api, own, newer), *gone(api, newer), answer(200, own)]
    written, _ = run(api, *steps, earlier=earlier, if_exists="update")
    assert (written.action, written.withdrawn) == ("unchanged", (id_of(api, 1),))


@BOTH
def test_an_equal_offer_that_was_made_after_the_earlier_try_ended_is_not_its_twin(api: str) -> None:
    """Only what may be a copy of the POST of that try is deleted."""
    own = entity(api, sale(), created="2026-03-02T09:00:00.500+00:00")
    theirs = entity(api, sale(), number=1, created="2026-03-02T09:10:00.000+00:00")
    read: list[Step] = [*([shown(api, own)] if api == "xcore" else []), answer(200, own)]
    earlier = Earlier(START, settled=START, id=id_of(api, 0), alone=False)
    written, script = run(api, *read, shown(api, own, theirs), earlier=earlier)
    assert (written.action, written.withdrawn, deleted(script)) == ("adopted", (), [])


@BOTH
def test_an_offer_that_a_listing_still_shows_and_that_is_gone_is_not_taken_for_ours(api: str) -> None:
    """It is read once. After that, the looks go on as if no listing showed it."""
    ghost, missing = entity(api, sale(), number=1, created=MADE), answer(404, {"title": "gone"})
    looks: list[Step] = [shown(api, ghost), missing, *[shown(api, ghost)] * 4]
    script = Script(shown(api), *looks, answer(201, receipt(api)), only(api))
    written = script.run(create(script.access(api), creation(earlier=Earlier(START), patience=1.0)))
    assert (written.action, written.receipt.id) == ("created", id_of(api, 0))


@BOTH
def test_an_update_that_an_earlier_try_may_have_sent_is_not_made_over_the_edit_of_somebody_else(api: str) -> None:
    """The earlier try planned the update at etag 1. Since then, there were two edits, and the offer differs again."""
    notes, tries = Notebook(), TaskTries(number=1, last=2, durable=True)
    mended, there = sale(description="mended"), entity(api, sale())
    steps: list[Step] = [shown(api, there), answer(200, there), answer(200, receipt(api, etag=2))]
    script = Looking(*steps, memory=notes)
    script.run(create(script.access(api), creation(properties=mended, if_exists="update", intents=Intents(tries, "w"))))

    edited = entity(api, sale(description="theirs"), etag=3)
    script = Looking(shown(api, edited), answer(200, edited), memory=notes)
    intents = Intents(replace(tries, number=2), "w")
    with pytest.raises(ConflictError, match="may have been updated by this task already"):
        script.run(create(script.access(api), creation(properties=mended, if_exists="update", intents=intents)))


@BOTH
def test_an_offer_of_an_earlier_try_that_somebody_renamed_is_no_longer_what_the_document_says(api: str) -> None:
    renamed = entity(api, sale(name="Autumn voucher"), etag=2, created=MADE)
    read: list[Step] = [*([shown(api, renamed)] if api == "xcore" else []), answer(200, renamed)]
    error, _ = fail(AlreadyExistsError, api, *read, earlier=Earlier(START, id=id_of(api, 0)))
    assert "no longer matches the document" in str(error)
