"""Creating once: two tasks that create an object of one name at the same time leave one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_offers.client.errors import (
    AlreadyExistsError,
    AmbiguousNameError,
    OutcomeUnknownError,
)
from airflow_provider_offers.client.flows.memory import Earlier
from tests.client.flows.creating import (
    AFTER,
    BEFORE,
    BOTH,
    MADE,
    address_of,
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
from tests.client.script import START, Step, answer, lost

MARK = ("airflow", "dag/run/task/-1")
MARKED = sale(characteristics={"airflow": "dag/run/task/-1"})
# Offers with other content, or with another task's marker, do not count as a gateway's copy of our POST.
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
    """Both looked before either posted: the later offer is deleted before its task fails."""
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
    # It was created before ours was posted, and a listing did not show it yet.
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
    """The answer is that of the second POST; one request made two equal offers."""
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
    # Long after the start of that worker.
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
    # The deletion and its repetition, then the same number of reads that check whether it was done.
    busy = [answer(503)] * 4
    steps: list[Step] = [shown(api), answer(201, receipt(api)), both, *busy]
    error, _ = fail(AmbiguousNameError, api, *steps, retries={"max_retries": 1})
    assert error.retryable


@BOTH
@pytest.mark.parametrize("sign", ["edited", "other maker", "more content", "gone"])
def test_what_may_be_more_than_a_twin_is_not_deleted(api: str, sign: str) -> None:
    """A twin is deleted only if nobody edited it and the same account created both."""
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
    assert "is not certainly a twin of it" in str(error)
    # A retry would find the same.
    assert not error.retryable
    assert deleted(script) == []


@BOTH
def test_a_copy_is_withdrawn_even_if_no_listing_shows_our_own_yet(api: str) -> None:
    copy = entity(api, sale(), number=1, created="2026-03-02T09:00:00.900+00:00")
    own = answer(200, entity(api, sale()))
    written, script = run(
        api, shown(api), answer(201, receipt(api)), shown(api, copy), own, *gone(api, copy), patience=0
    )
    assert (written.receipt.id, written.withdrawn) == (id_of(api, 0), (id_of(api, 1),))
    assert deleted(script) == [address_of(api, 1)]


@pytest.mark.parametrize("is_listed", [True, False], ids=["listed", "not listed"])
def test_a_copy_of_another_client_is_left_to_it(is_listed: bool) -> None:
    """It has our marker, as an offer that somebody copied by hand would."""
    another: dict[str, Any] = {"repo:createdByClientId": "another-client"}
    copy = entity("xcore", MARKED, number=1, created="2026-03-02T09:00:00.900+00:00", **another)
    own = entity("xcore", MARKED)
    looks = [shown("xcore", own, copy)] if is_listed else [shown("xcore", copy), answer(200, own)]
    steps: list[Step] = [shown("xcore"), answer(201, receipt("xcore")), *looks]
    written, script = run("xcore", *steps, properties=MARKED, marker=MARK, patience=0)
    assert (written.receipt.id, written.withdrawn, deleted(script)) == (id_of("xcore", 0), (), [])


def test_a_twin_of_what_another_client_made_is_not_deleted() -> None:
    another: dict[str, Any] = {"repo:createdByClientId": "another-client"}
    oldest = entity("xcore", MARKED, number=1, created=MADE, **another)
    twin = entity("xcore", MARKED, number=2, created=AFTER)
    steps: list[Step] = [shown("xcore", oldest, twin), answer(200, twin)]
    error, script = fail(AmbiguousNameError, "xcore", *steps, properties=MARKED, marker=MARK)
    assert error.ids == (id_of("xcore", 1), id_of("xcore", 2))
    assert deleted(script) == []


@BOTH
def test_our_own_that_somebody_deleted_meanwhile_is_withdrawn_too(api: str) -> None:
    older = entity(api, sale(), number=1, created="2026-03-02T08:59:50.000+00:00")
    looks: list[Step] = [shown(api), answer(201, receipt(api)), shown(api, older, entity(api, sale()))]
    missing = answer(404, {"title": "gone"})
    written, _ = run(api, *looks, missing, missing, if_exists="adopt")
    assert (written.action, written.receipt.id, written.withdrawn) == ("adopted", id_of(api, 1), (id_of(api, 0),))


@BOTH
def test_several_older_ones_of_other_content_are_not_one(api: str) -> None:
    older = [
        entity(api, sale(rank={"priority": number}), number=number, created=f"2026-03-02T08:59:5{number}.000+00:00")
        for number in (1, 2)
    ]
    steps: list[Step] = [shown(api), answer(201, receipt(api)), shown(api, *older, entity(api, sale())), *gone(api)]
    error, script = fail(AmbiguousNameError, api, *steps, if_exists="adopt")
    assert error.ids == (id_of(api, 1), id_of(api, 2))
    assert deleted(script) == [address_of(api, 0)]
