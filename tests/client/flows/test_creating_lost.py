"""Creating once: a lost answer to the POST does not lead to a second object."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_offers.client.errors import (
    BadRequestError,
    ConflictError,
    NoAnswerError,
    OutcomeUnknownError,
    UnexpectedResponseError,
)
from airflow_provider_offers.client.flows.creating import create
from airflow_provider_offers.client.flows.creation_notes import CreationNotes
from airflow_provider_offers.client.flows.memory import TaskTries
from airflow_provider_offers.client.model.kinds import PERSONALIZED, PLACEMENT, TAG, Kind
from airflow_provider_offers.client.wire.memory import remember
from tests.client.flows.creating import (
    AFTER,
    BEFORE,
    BOTH,
    Looking,
    address_of,
    creation,
    deleted,
    fail,
    gone,
    id_of,
    posts,
    run,
    shown,
)
from tests.client.library import DPS_ID, XCORE_ID, entity, receipt, sale
from tests.client.script import START, Step, answer, lost
from tests.notebook import Notebook

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
def test_the_log_names_the_kind_that_is_looked_for(api: str) -> None:
    script = Looking(shown(api), lost(), shown(api), shown(api), shown(api))
    wanted = creation(kind=PLACEMENT, properties={"name": "Top"}, patience=0.25)
    with pytest.raises(OutcomeUnknownError):
        script.run(create(script.access(api, max_retries=0), wanted))
    assert {pause.reason.partition(":")[0] for pause in script.pauses} == {"looking for the placement"}


@BOTH
def test_what_another_worker_made_is_not_taken_for_what_a_lost_post_made(api: str) -> None:
    """Its offer shows up first, because it was posted first. Ours shows up later and is deleted."""
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
    # One second for the commit and one for the listing, the pause before another POST, then one second in which the
    # first may still show up.
    assert [pause.seconds for pause in script.pauses] == [0.25, 0.5, 1.0, 0.25, 0.5, 0.25, 0.5, 0.25]


@BOTH
def test_a_repeated_post_whose_first_came_through_after_all_leaves_the_older(api: str) -> None:
    """The first POST seemed lost and was committed late: in one case before the second POST, in the other after it."""
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
    # A new object that no listing shows is read, because the service may have changed its name.
    assert script.sent == ["GET /data/core/dps/offers", "POST /data/core/dps/offers"] * 2 + [
        "GET /data/core/dps/offers",
        f"GET /data/core/dps/offers/{DPS_ID}",
    ]


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
    """Either somebody was faster, or the service changed the spelling of our name."""
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


@BOTH
@pytest.mark.parametrize(
    ("kind", "failures", "is_noted"),
    [
        pytest.param(PERSONALIZED, [answer(400)], False, id="it made nothing"),
        pytest.param(PERSONALIZED, [lost(), answer(400)], True, id="the POST before it may have made one"),
        pytest.param(TAG, [answer(409)], True, id="a copy of it by a gateway may have taken the name"),
        pytest.param(TAG, [lost(), answer(409)], True, id="the POST before it may have taken the name"),
    ],
)
def test_after_a_refusal_the_next_try_looks_for_what_the_task_may_have_made(
    api: str, kind: Kind, failures: list[Step], is_noted: bool
) -> None:
    store = Notebook()
    made = creation(kind=kind, properties=sale() if kind is PERSONALIZED else {"name": "Spring"}, patience=0)
    tries, wish = TaskTries(durable=True, last=2), made.wish([])
    notes = CreationNotes(tries, [wish], began=START, answer=timedelta(0))
    steps = [step for failure in failures for step in (shown(api), failure)]
    script = Looking(*steps, memory=store)
    with pytest.raises((BadRequestError, ConflictError)):
        script.run(create(script.access(api), replace(made, record=notes.of(0))))
    remember(store, notes.save())

    later = CreationNotes(replace(tries, number=2), [wish], began=START, answer=timedelta(0))
    remember(store, later.load())
    assert (later.earlier(0) is not None) is is_noted


@BOTH
def test_a_twin_that_is_gone_does_not_spare_the_next(api: str) -> None:
    """Three POSTs seemed lost and were all committed. Somebody deleted the second offer meanwhile."""
    oldest, second, third = (
        entity(api, sale(), number=number, created=f"2026-03-02T09:00:0{number}.000+00:00") for number in (1, 2, 3)
    )
    looks: list[Step] = [shown(api), lost(), shown(api), lost(), shown(api), lost(), shown(api, oldest, second, third)]
    written, script = run(api, *looks, answer(404, {"title": "gone"}), *gone(api, third), patience=0)
    assert (written.action, written.receipt.id) == ("created", id_of(api, 1))
    assert deleted(script) == [address_of(api, 3)]
