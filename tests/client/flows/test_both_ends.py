"""The names of a long list are looked for from both ends of a listing, and nothing between the ends is missed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import combinations_with_replacement
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.ahead import Ahead, Alone
from airflow_provider_offers.client.flows.surveys import Confirmation, NamesSurvey
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.wire.messages import Request, Response
from tests.client.library import entity, page, sale
from tests.client.script import START, Script, answer, query_of
from tests.effort import examples

WANTED = 40


class Shelf:
    """Offers by number and the millisecond of their creation, as a dps service lists them: `size` to a page."""

    def __init__(self, created: list[int], size: int) -> None:
        self.created = dict(enumerate(sorted(created)))
        self.size = size
        self.asked: list[str] = []

    def __call__(self, request: Request) -> Response:
        query = dict(query_of(request))
        order = query["orderby"]
        self.asked.append(order)
        rows = sorted(self.created.items(), key=lambda row: row[1], reverse=order == "-created")
        if "start" in query:
            start = int(query["start"])
            rows = [row for row in rows if (row[1] <= start if order == "-created" else row[1] >= start)]
        size = self.size * int(query["limit"]) // 100
        link = f"/offers?orderby={order}&start={rows[size][1]}&limit={query['limit']}" if len(rows) > size else None
        shown = [
            entity("dps", sale(name=f"offer {number}"), number=number, created=at(created), modified=at(created))
            for number, created in rows[:size]
        ]
        return answer(200, page("dps", shown, next=link, total=len(self.created)))


def at(milliseconds: int) -> str:
    return (START + timedelta(milliseconds=milliseconds)).isoformat(timespec="milliseconds")


def access_of(shelf: Callable[[Request], Response]) -> tuple[Script, Access]:
    script = Script(*[shelf] * 500)
    access = script.access("dps")
    return script, replace(access, ahead=Ahead(access.exchange))


def read(script: Script, survey: NamesSurvey, turns: Iterator[bool], between: Callable[[], None]) -> None:
    """Run both ends; `turns` says which of them goes on, and `between` happens before each request."""
    script.go(survey.begin())
    going: list[tuple[Any, Any]] = [(end, None) for end in survey.ends]
    while going:
        number = int(next(turns, False)) % len(going)
        flow, result = going.pop(number)
        try:
            effect = flow.send(result)
        except StopIteration:
            continue
        if isinstance(effect, Request):
            between()
        going.insert(number, (flow, script._perform(effect)))


def names(count: int = WANTED) -> list[str]:
    return [f"offer {number}" for number in range(count)]


def known(access: Access) -> set[str]:
    return {name for name in names() if access.ahead.ids_of(PERSONALIZED, name)}


@given(st.data())
@examples(150)
def test_every_object_that_stays_is_found_wherever_the_ends_meet(data: st.DataObject) -> None:
    """Also if several were created in one millisecond, and if others are created and deleted meanwhile."""
    created: list[int] = data.draw(st.lists(st.integers(0, 30), max_size=WANTED))
    shelf = Shelf(created, data.draw(st.integers(2, 6)))
    staying = set(shelf.created)
    script, access = access_of(shelf)
    survey = NamesSurvey(access, PERSONALIZED, names(), to_create=True)

    def between() -> None:
        if data.draw(st.booleans()):
            number = len(created) + len(script.requests)
            shelf.created[number] = max(30, *shelf.created.values(), 0) + 1
        if data.draw(st.booleans()) and shelf.created:
            gone: int = data.draw(st.sampled_from(sorted(shelf.created)))
            del shelf.created[gone]
            staying.discard(gone)

    read(script, survey, iter(data.draw(st.lists(st.booleans(), max_size=60))), between)
    free = {name for name in names() if access.ahead.is_free(PERSONALIZED, name)}
    assert free.isdisjoint(f"offer {number}" for number in staying)
    # A listing that cannot be read to its end says nothing about any name.
    assert not free or free | known(access) == set(names())


@pytest.mark.parametrize("turns", [[False] * 40, [True] * 40, [False, True] * 40], ids=["oldest", "newest", "both"])
def test_objects_of_one_millisecond_are_found_although_their_order_is_open(turns: list[bool]) -> None:
    for created in combinations_with_replacement(range(4), 7):
        shelf = Shelf(list(created), 2)
        script, access = access_of(shelf)
        read(script, NamesSurvey(access, PERSONALIZED, names()), iter(turns), lambda: None)
        assert known(access) == set(names(7)), created


def test_two_ends_share_the_pages_of_a_long_listing() -> None:
    shelf = Shelf(list(range(40)), 4)
    script, access = access_of(shelf)
    read(script, NamesSurvey(access, PERSONALIZED, names()), iter([False, True] * 40), lambda: None)
    assert known(access) == set(names())
    # Where they meet, each reads a page that the other has read.
    assert len(shelf.asked) <= 10 + 2
    assert 4 <= shelf.asked.count("-created") <= 6


def test_a_short_listing_is_read_from_one_end() -> None:
    shelf = Shelf(list(range(8)), 4)
    script, access = access_of(shelf)
    read(script, NamesSurvey(access, PERSONALIZED, names()), iter([True] * 9), lambda: None)
    assert shelf.asked == ["created"] * 2
    assert known(access) == set(names(8))


@pytest.mark.parametrize("at_first", [True, False])
def test_a_listing_in_another_order_is_read_to_its_end(at_first: bool) -> None:
    shelf = Shelf(list(range(30)), 4)

    def shuffled(request: Request) -> Response:
        answered = shelf(request)
        wrong = at(1 if at_first else 9)
        return replace(answered, body=answered.body.replace(wrong.encode(), at(50).encode()))

    script, access = access_of(shuffled)
    read(script, NamesSurvey(access, PERSONALIZED, names()), iter([True] * 3), lambda: None)
    assert known(access) == set(names(30))
    assert ("-created" in shelf.asked) is not at_first


@pytest.mark.parametrize("failing", ["created", "-created"])
def test_if_one_end_fails_no_name_is_free(failing: str) -> None:
    shelf = Shelf(list(range(20)), 2)

    def step(request: Request) -> Response:
        query = dict(query_of(request))
        return answer(400) if query["orderby"] == failing and "start" in query else shelf(request)

    script, access = access_of(step)
    read(script, NamesSurvey(access, PERSONALIZED, names(), to_create=True), iter([False, True] * 40), lambda: None)
    assert not any(access.ahead.is_free(PERSONALIZED, name) for name in names())


@pytest.mark.parametrize("lags", [False, True])
def test_an_early_look_at_edits_counts_only_if_it_shows_every_new_object(lags: bool) -> None:
    """A listing that lacks a new object may lack a rename, too."""
    mine = entity("dps", sale(), number=1, created=at(0), modified=at(0))
    renamed = entity("dps", sale(), number=7, created="2026-01-01T00:00:00.000Z", modified=at(0))
    looks = {"created": [[mine]], "modified": [[], [mine, renamed]] if lags else [[mine]]}

    def step(request: Request) -> Response:
        return answer(200, page("dps", looks[dict(query_of(request))["orderby"].removeprefix("-")].pop(0)))

    script, access = access_of(step)
    access.ahead.want(PERSONALIZED, ["Spring voucher"])
    confirmation = Confirmation(access)
    questions = [Alone(PERSONALIZED, "Spring voucher", f"dps:personalized-offer:{1:016x}", 0)]
    for look in reversed(confirmation.looks(questions)):
        script.go(look)
    assert script.go(confirmation.answers(questions)) == [not lags]
    assert looks == {"created": [], "modified": []}
