"""What a list asks once for all of its objects: who refers to them, and whether they are alone or gone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.ahead import Ahead, Alone, Gone
from airflow_provider_offers.client.flows.surveys import (
    Confirmation,
    NameSurvey,
    References,
    find_present,
    read_block,
)
from airflow_provider_offers.client.model.entities import Reference
from airflow_provider_offers.client.model.kinds import PERSONALIZED, TAG
from airflow_provider_offers.client.wire.messages import Request, Response
from tests.client.library import entity, page, sale
from tests.client.script import START, Script, Step, answer, query_of

BOTH = pytest.mark.parametrize("api", ["dps", "xcore"])
USED, FREE = "dps:tag:1", "dps:tag:2"
TAGS = [Reference(TAG, id=each, instance_id=each) for each in (USED, FREE)]


def listing(script: Script, api: str) -> Access:
    """The access of a list, which reads ahead."""
    access = script.access(api)
    return replace(access, ahead=Ahead(access.exchange))


def find_names(script: Script, access: Access, names: Sequence[str], *, to_create: bool = False) -> None:
    survey = NameSurvey(access, PERSONALIZED, names)
    script.go(survey.begin())
    for flow in survey.rest():
        script.go(flow)
    script.go(survey.end(to_create=to_create))
    assert not script.steps


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def offer(api: str, number: int, *, created: float = 0, modified: float | None = None, **properties: Any) -> Any:
    envelope: dict[str, Any] = {}
    if modified is not None:
        envelope["modified" if api == "dps" else "repo:lastModifiedDate"] = at(modified)
    return entity(api, sale(**properties), number=number, created=at(created), **envelope)


def id_of(api: str, number: int) -> str:
    return f"{api}:personalized-offer:{number:016x}"


def offers(api: str, *entities: Any) -> Callable[[Request], Response]:
    """Answers a listing of personalized offers with these, and one of any other kind with nothing."""

    def step(request: Request) -> Response:
        is_of_offers = request.url.partition("?")[0].endswith("/offers") or "personalized-offer" in request.url
        return answer(200, page(api, entities if is_of_offers else ()))

    return step


# Who refers to the objects.


def kinds_that_have_tags(api: str) -> int:
    return len({"offers", "fallback offers", "collections"})


@BOTH
def test_only_an_object_to_which_nothing_refers_needs_no_other_look(api: str) -> None:
    script = Script(*[offers(api, offer(api, 1, tags=[USED]))] * kinds_that_have_tags(api))
    access = listing(script, api)
    access.ahead.divide(TAGS, 10)
    references = References(access)
    assert script.go(references.may_lead_to(TAGS[0])) is True
    asked = len(script.requests)
    assert script.go(references.may_lead_to(TAGS[1])) is False
    assert len(script.requests) == asked


@BOTH
def test_a_reference_that_is_made_while_the_list_runs_is_seen(api: str) -> None:
    """After ten seconds, the next question lists what was modified since, and stops at what is older."""
    access = listing(script := Script(*[offers(api)] * kinds_that_have_tags(api)), api)
    access.ahead.divide(TAGS, 10)
    references = References(access)
    assert script.run(references.may_lead_to(TAGS[1])) is False
    script.time += 9.9
    assert script.run(references.may_lead_to(TAGS[1])) is False
    script.time += 0.1
    old = answer(200, page(api, [offer(api, 3, modified=-86_400)], next="/a?start=2"))
    new = offers(api, offer(api, 2, modified=5, tags=[FREE]))
    script.steps = [new] * kinds_that_have_tags(api)
    assert script.run(references.may_lead_to(TAGS[1])) is True
    assert script.run(references.may_lead_to(TAGS[0])) is False
    script.time += 10
    # A page with an older object ends the listing, although it links to another page.
    script.steps = [old] * kinds_that_have_tags(api)
    assert script.run(references.may_lead_to(TAGS[1])) is True


@BOTH
@pytest.mark.parametrize("failure", [answer(400), answer(200, b"<html>")], ids=["refused", "unreadable"])
def test_if_a_listing_fails_any_object_may_be_referred_to(api: str, failure: Step) -> None:
    script = Script(failure)
    access = listing(script, api)
    access.ahead.divide(TAGS, 10)
    assert script.run(References(access).may_lead_to(TAGS[1])) is True


# Whether new objects are alone.


def alone(api: str, *steps: Step, names: Sequence[str] = ("Spring voucher",), patience: float = 0) -> list[bool]:
    script = Script(*steps)
    access = listing(script, api)
    access.ahead.want(PERSONALIZED, names)
    questions = [Alone(PERSONALIZED, name, id_of(api, number), patience) for number, name in enumerate(names, start=1)]
    return script.run(Confirmation(access).answers(questions))


@BOTH
def test_a_new_object_is_alone_if_listings_show_it_and_no_other_of_its_name(api: str) -> None:
    mine = offer(api, 1)
    assert alone(api, offers(api, mine), offers(api, mine)) == [True]
    # Somebody else's, which is older or newer, or which was given the name since.
    for created in (-3, 3):
        both = [mine, offer(api, 7, created=created)]
        both.sort(key=lambda each: str(each.get("created") or each["repo:createdDate"]), reverse=True)
        assert alone(api, offers(api, *both), offers(api)) == [False]
    assert alone(api, offers(api, mine), offers(api, offer(api, 7, created=-86_400, modified=1))) == [False]


@BOTH
def test_each_of_several_new_objects_is_judged_by_its_own_name(api: str) -> None:
    there = [offer(api, 7, created=3, name="b"), offer(api, 2, created=2, name="b"), offer(api, 1, created=1, name="a")]
    assert alone(api, offers(api, *there), offers(api), names=("a", "b")) == [True, False]


@BOTH
def test_the_newest_objects_come_in_the_order_of_their_creation_and_then_of_their_edits(api: str) -> None:
    mine, edited = offer(api, 1, created=2, modified=3), offer(api, 7, created=1, modified=9, name="x")
    script = Script(offers(api, mine, edited), offers(api, edited, mine))
    access = listing(script, api)
    access.ahead.want(PERSONALIZED, ["Spring voucher"])
    question = Alone(PERSONALIZED, "Spring voucher", id_of(api, 1), 0)
    assert script.run(Confirmation(access).answers([question])) == [True]
    # The second look lists by the time of the edit.
    orders = [next(value for name, value in query_of(each) if name.casefold() == "orderby") for each in script.requests]
    assert ["created" in order.casefold() for order in orders] == [True, False]
    # Objects of one millisecond have no order.
    assert alone(api, *[offers(api, offer(api, 7, name="x"), offer(api, 1))] * 2) == [True]


@BOTH
def test_questions_about_several_kinds_and_both_effects_are_answered_in_their_order(api: str) -> None:
    old = [Reference(kind, id=f"{api}:{kind.type_name}:{1:016x}") for kind in (PERSONALIZED, TAG)]
    script = Script()
    access = listing(script, api)
    access.ahead.divide(old, 10)
    for block in (0, 1):
        there = entity(api, sale(), number=1, created=LONG_AGO)
        if block == 1:
            there = {**there, "id": old[1].id} if api == "dps" else _as_tag(there, old[1].id)
        script.steps = [answer(200, page(api, [there]))]
        script.go(read_block(access, block))
    access.ahead.want(PERSONALIZED, ["Spring voucher"])
    access.ahead.want(TAG, ["Spring"])
    questions: list[Alone | Gone] = [
        Gone(old[1]),
        Alone(PERSONALIZED, "Spring voucher", id_of(api, 2), 0),
        Gone(old[0]),
        Alone(TAG, "Spring", "another", 0),
    ]
    mine = offers(api, offer(api, 2))
    nothing = answer(200, page(api))
    script.steps = [mine, mine, nothing, nothing, nothing, nothing]
    assert script.run(Confirmation(access).answers(questions)) == [True, True, True, False]


def _as_tag(there: dict[str, Any], identifier: str | None) -> dict[str, Any]:
    return {**there, "_instance": {**there["_instance"], "@id": identifier}}


@BOTH
def test_a_new_object_that_no_listing_shows_in_time_is_not_certainly_alone(api: str) -> None:
    assert alone(api, offers(api), offers(api)) == [False]
    # It shows up after some looks.
    steps = [offers(api), offers(api), offers(api, offer(api, 1)), offers(api, offer(api, 1))]
    assert alone(api, *steps, patience=2.0) == [True]


@BOTH
@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("failure", ["refused", "unreadable", "another order", "no date"])
def test_a_listing_that_cannot_be_trusted_confirms_nothing(api: str, which: int, failure: str) -> None:
    mine = offer(api, 1)
    dateless = {**mine, **dict.fromkeys(("created", "modified", "repo:createdDate", "repo:lastModifiedDate"), "never")}
    failures: dict[str, Step] = {
        "refused": answer(400),
        "unreadable": answer(200, b"<html>"),
        "another order": offers(api, mine, offer(api, 2, created=60, name="x")),
        "no date": offers(api, dateless),
    }
    steps: list[Step] = [offers(api, mine), offers(api, mine)]
    steps[which] = failures[failure]
    assert alone(api, *steps[: which + 1]) == [False]


def together(script: Script, confirmation: Confirmation, questions: Sequence[Alone]) -> list[bool]:
    """The answers, after the looks that may run at the same time; here, the look for edits ends first."""
    for look in reversed(confirmation.looks(questions)):
        script.go(look)
    return script.run(confirmation.answers(questions))


@BOTH
def test_an_early_look_for_edits_counts_only_if_it_shows_every_new_object(api: str) -> None:
    """A listing that lacks a new object may lack a rename, too."""
    mine, renamed = offer(api, 1), offer(api, 7, created=-86_400, modified=-1)
    for early, late, is_alone in (
        ([mine], None, True),
        ([mine, renamed], None, False),
        ([], [mine, renamed], False),
        ([], [mine], True),
    ):
        steps = [offers(api, *early), offers(api, mine), *([] if late is None else [offers(api, *late)])]
        access = listing(script := Script(*steps), api)
        access.ahead.want(PERSONALIZED, ["Spring voucher"])
        question = Alone(PERSONALIZED, "Spring voucher", id_of(api, 1), 0)
        assert together(script, Confirmation(access), [question]) == [is_alone]


@BOTH
def test_after_an_early_look_that_does_not_count_the_next_goes_back_as_far(api: str) -> None:
    access = listing(script := Script(), api)
    access.ahead.want(PERSONALIZED, ["Spring voucher"])
    confirmation = Confirmation(access)
    script.time += 60
    mine, other = offer(api, 1, created=58), offer(api, 8, created=-86_400, modified=47, name="x")
    renamed = offer(api, 7, created=-86_400, modified=45)
    older = offer(api, 9, created=-86_400, modified=-3_600, name="old")
    script.steps = [
        offers(api, older),
        offers(api, mine),
        answer(200, page(api, [mine, other], next="/a?start=2")),
        answer(200, page(api, [renamed, older])),
    ]
    question = Alone(PERSONALIZED, "Spring voucher", id_of(api, 1), 10)
    assert together(script, confirmation, [question]) == [False]
    # The next confirmation goes back to the last look that counted, and not to the start of the list.
    access.ahead.want(PERSONALIZED, ["b"])
    script.time += 100
    next_one = offer(api, 2, created=158, name="b")
    late = answer(200, page(api, [next_one, offer(api, 8, created=-86_400, modified=40, name="x")], next="/a?start=2"))
    script.steps = [offers(api, older), offers(api, next_one, older), late]
    assert together(script, confirmation, [Alone(PERSONALIZED, "b", id_of(api, 2), 10)]) == [True]


@BOTH
def test_if_the_services_clock_is_set_no_object_is_certainly_alone(api: str) -> None:
    mine = offer(api, 1)
    script = Script(offers(api, mine), offers(api, mine))
    access = listing(script, api)
    access.ahead.want(PERSONALIZED, ["Spring voucher"])
    clock = access.exchange.service_clock
    clock.learn(200, {"date": script.http_date()}, sent=1.0, received=1.0)
    confirmation = Confirmation(access)
    clock.learn(200, {"date": script.http_date(-3_600)}, sent=1.0, received=1.0)
    question = Alone(PERSONALIZED, "Spring voucher", id_of(api, 1), 0)
    assert script.run(confirmation.answers([question])) == [False]


@BOTH
def test_the_next_look_lists_only_what_came_since(api: str) -> None:
    """An older page is not asked for, and a page of older objects is the last."""
    script = Script()
    access = listing(script, api)
    access.ahead.want(PERSONALIZED, ["a", "b"])
    confirmation = Confirmation(access)
    for number, name in enumerate(("a", "b"), start=1):
        script.time += 100
        made = offer(api, number, created=100 * number, name=name)
        older = offer(api, 9, created=-3_600, name="old")
        script.steps = [answer(200, page(api, [made, older], next="/a?start=2"))] * 2
        question = Alone(PERSONALIZED, name, id_of(api, number), 10)
        assert script.run(confirmation.answers([question])) == [True]


# Whether deleted objects are gone.


def gone(api: str, step: Step | None, created: str | None) -> bool:
    script = Script(*([] if step is None else [step]))
    access = listing(script, api)
    meant = Reference(PERSONALIZED, id=id_of(api, 1), instance_id=id_of(api, 1))
    access.ahead.divide([meant], 10)
    if created is not None:
        read = answer(200, page(api, [entity(api, sale(), number=1, created=created)]))
        script.steps.insert(0, read)
        script.go(read_block(access, 0))
    (is_gone,) = script.run(Confirmation(access).answers([Gone(meant)]))
    return is_gone


LONG_AGO, IN_THE_FUTURE = "2026-01-01T00:00:00.000Z", "2999-01-01T00:00:00.000Z"


@BOTH
def test_an_old_object_that_a_lookup_lacks_is_gone(api: str) -> None:
    assert gone(api, answer(200, page(api)), LONG_AGO) is True
    assert gone(api, answer(200, page(api, [offer(api, 1)])), LONG_AGO) is False


@BOTH
@pytest.mark.parametrize("failure", [answer(400), answer(200, b"<html>")], ids=["refused", "unreadable"])
def test_a_lookup_that_fails_confirms_no_deletion(api: str, failure: Step) -> None:
    assert gone(api, failure, LONG_AGO) is False


@BOTH
@pytest.mark.parametrize("created", [IN_THE_FUTURE, "yesterday", None])
def test_a_listing_may_lack_a_new_object_so_nothing_is_asked(api: str, created: str | None) -> None:
    assert gone(api, None, created) is False


# What is read ahead.


@BOTH
def test_names_that_a_whole_listing_lacks_are_free_until_somebody_posts_them(api: str) -> None:
    names = [f"offer {number}" for number in range(20)]
    script = Script(answer(200, page(api, [offer(api, 3, name="offer 3")])))
    access = listing(script, api)
    find_names(script, access, names, to_create=True)
    free = {name for name in names if access.ahead.is_free(PERSONALIZED, name)}
    assert free == set(names) - {"offer 3"}
    access.ahead.posting(PERSONALIZED, "offer 4")
    assert not access.ahead.is_free(PERSONALIZED, "offer 4")
    assert not access.ahead.is_free(TAG, "offer 5")
    candidate = access.ahead.candidate([PERSONALIZED], "offer 3")
    assert candidate is not None
    assert candidate.id == id_of(api, 3)
    assert access.ahead.candidate([PERSONALIZED], "offer 5") is None
    assert access.ahead.candidate([PERSONALIZED, TAG], "offer 3") is None


@BOTH
@pytest.mark.parametrize("failure", [answer(400), answer(200, b"<html>")], ids=["refused", "unreadable"])
def test_after_a_listing_that_failed_no_name_is_free(api: str, failure: Step) -> None:
    names = [f"offer {number}" for number in range(20)]
    script = Script(failure)
    access = listing(script, api)
    find_names(script, access, names, to_create=True)
    assert not any(access.ahead.is_free(PERSONALIZED, name) for name in names)


def from_both_ends(api: str, late: Step, names: Sequence[str]) -> Access:
    """The access after a survey for creations, which ends where its flows meet. `late` answers what it asks then."""

    def shown(*numbers: int) -> Response:
        rows = [offer(api, each, created=each, name=str(each)) for each in numbers]
        return answer(200, page(api, rows, next=f"/a?start={numbers[-1]}", total=7))

    access = listing(script := Script(shown(1, 2)), api)
    survey = NameSurvey(access, PERSONALIZED, names)
    script.run(survey.begin())
    oldest, newest = survey.rest()
    script.steps = [shown(7, 6), shown(5, 4), shown(3, 2), shown(1)]
    script.run(newest)
    script.run(oldest)
    script.steps = [late]
    script.run(survey.end(to_create=True))
    return access


@BOTH
def test_a_name_that_somebody_took_while_both_ends_were_read_is_not_free(api: str) -> None:
    names = [f"offer {number}" for number in range(20)]
    new = offer(api, 8, created=8, name="offer 3")
    access = from_both_ends(api, offers(api, new, offer(api, 7, created=7, name="7")), names)
    assert {name for name in names if access.ahead.is_free(PERSONALIZED, name)} == set(names) - {"offer 3"}


@BOTH
@pytest.mark.parametrize("failure", [answer(400), answer(200, b"<html>")], ids=["refused", "unreadable"])
def test_if_the_latest_objects_cannot_be_read_no_name_is_free(api: str, failure: Step) -> None:
    names = [f"offer {number}" for number in range(20)]
    access = from_both_ends(api, failure, names)
    assert not any(access.ahead.is_free(PERSONALIZED, name) for name in names)


@BOTH
def test_without_a_creation_no_name_is_free(api: str) -> None:
    names = [f"offer {number}" for number in range(20)]
    script = Script(answer(200, page(api)))
    access = listing(script, api)
    find_names(script, access, names)
    assert not any(access.ahead.is_free(PERSONALIZED, name) for name in names)


@BOTH
def test_a_listing_that_takes_more_pages_than_there_are_names_is_not_read_to_its_end(api: str) -> None:
    names = [f"offer {number}" for number in range(20)]
    script = Script(answer(200, page(api, [offer(api, 3, name="offer 3")], next="/a?start=2", total=21)))
    access = listing(script, api)
    find_names(script, access, names, to_create=True)
    assert not any(access.ahead.is_free(PERSONALIZED, name) for name in names)


@BOTH
def test_what_was_seen_a_moment_ago_is_not_looked_for_again(api: str) -> None:
    ids = [id_of(api, number) for number in (1, 2)]
    script = Script(answer(200, page(api, [offer(api, 1)])))
    access = listing(script, api)
    script.run(find_present(access, PERSONALIZED, ids))
    assert access.ahead.not_present(PERSONALIZED, ids) == ids[1:]
    script.time += 9.9
    script.steps = [answer(200, page(api))]
    script.run(find_present(access, PERSONALIZED, ids))
    assert [value for name, value in query_of(script.requests[-1]) if ids[0] in value] == []
    script.time += 0.1
    assert access.ahead.not_present(PERSONALIZED, ids) == ids


@BOTH
def test_an_object_that_was_read_ahead_is_used_once_for_a_minute_and_says_so(api: str) -> None:
    meant = Reference(PERSONALIZED, id=id_of(api, 1))
    script = Script(answer(200, page(api, [offer(api, 1), offer(api, 2)])))
    access = listing(script, api)
    access.ahead.divide([meant], 10)
    script.run(read_block(access, 0))
    script.time += 59.9
    ahead = access.ahead.peek(meant)
    assert ahead is not None
    # What relies on it must be guarded, because a listing may lag.
    assert ahead.listed is True
    assert access.ahead.read_at(ahead) == 1_000.0
    assert access.ahead.created(meant) == at(0)
    # The lookup showed an object that was not asked for.
    assert access.ahead.peek(Reference(PERSONALIZED, id=id_of(api, 2))) is None
    script.time += 0.1
    assert access.ahead.peek(meant) is None
    assert access.ahead.take(meant) is None
    script.time -= 0.1
    assert access.ahead.take(meant) is ahead
    assert access.ahead.take(meant) is None


def test_blocks_have_one_kind_and_a_size_and_leave_out_what_has_no_id() -> None:
    ahead = Ahead(Script().exchange())
    given = [
        Reference(PERSONALIZED, id="1", instance_id="i1"),
        Reference(PERSONALIZED, name="no id"),
        Reference(TAG, id="2"),
        Reference(PERSONALIZED, id="3"),
        Reference(PERSONALIZED, id="4"),
        Reference(TAG, id="5"),
    ]
    ahead.divide(given, 2)
    assert [[each.id for each in block] for block in ahead.blocks] == [["1", "3"], ["2", "5"], ["4"]]
    assert [ahead.block_of(each) for each in given] == [0, None, 1, 0, 2, 1]
    assert ahead.block_of(Reference(PERSONALIZED, instance_id="i1")) == 0


def test_only_the_objects_of_the_latest_blocks_are_kept() -> None:
    script = Script()
    access = listing(script, "dps")
    given = [Reference(PERSONALIZED, id=id_of("dps", number)) for number in range(1, 19)]
    access.ahead.divide(given, 1)
    for block in range(18):
        script.steps = [answer(200, page("dps", [offer("dps", block + 1)]))]
        script.run(read_block(access, block))
    kept = [access.ahead.peek(each) is not None for each in given]
    assert kept == [False] * 2 + [True] * 16
