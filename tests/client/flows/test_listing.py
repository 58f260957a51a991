"""Paging follows the service's links, returns each offer once, reaches the end, and sends no request too early."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.client.errors import OfferLibraryError, PagingError, UnexpectedResponseError
from airflow_provider_offers.client.flows.access import open_access
from airflow_provider_offers.client.flows.listing import Listing, search
from airflow_provider_offers.client.model.entities import Entity
from airflow_provider_offers.client.model.kinds import PERSONALIZED
from airflow_provider_offers.client.model.query import Query, parse_query
from airflow_provider_offers.client.wire.messages import Answer, Call, Flow, Request, Response
from tests.client.library import entity, page
from tests.client.script import CONTAINER, SETTINGS, Script, Step, answer, query_of
from tests.effort import examples

BOTH = pytest.mark.parametrize("api", ["dps", "xcore"])


def offers(api: str, *numbers: int) -> list[dict[str, Any]]:
    return [entity(api, {"name": f"offer {number}"}, number=number) for number in numbers]


def listed(api: str, *numbers: int, next: str | None = None, total: int | None = None) -> Response:
    return answer(200, page(api, offers(api, *numbers), next=next, total=total))


def everything(script: Script, api: str, query: Query | None = None) -> Flow[list[Entity]]:
    access = script.access(api)
    listing = Listing(access, PERSONALIZED, access.generation.search(PERSONALIZED, query or Query()))
    found: list[Entity] = []
    while (entities := (yield from listing.advance())) is not None:
        found += entities
    assert (yield from listing.advance()) is None
    return found


def names(*steps: Step, api: str = "dps") -> tuple[list[int], Script]:
    """The numbers of the found offers, and the finished script."""
    script = Script(*steps)
    found = script.run(everything(script, api))
    return [int((offer.name or "").removeprefix("offer ")) for offer in found], script


@BOTH
def test_pages_follow_each_other_to_the_last(api: str) -> None:
    found, script = names(
        listed(api, 1, 2, next="/a?start=1"), listed(api, 3, 4, 5, next="/a?start=2"), listed(api, 6), api=api
    )
    assert found == [1, 2, 3, 4, 5, 6]
    base = f"https://platform.adobe.io/data/core/{api}"
    assert [request.url for request in script.requests][1:] == [f"{base}/a?start=1", f"{base}/a?start=2"]


@pytest.mark.parametrize(
    ("href", "sent"),
    [
        ("/offers?start=2026-02-27T03:44:15.630%2B00:00&offer-type=PERSONALIZED", None),
        ("/offers?start=a+b&x=%2f&y=é ü&z", "/offers?start=a+b&x=%2f&y=%C3%A9%20%C3%BC&z"),
        ("/offers?schema=https://ns.adobe.com/x;version=0.5&orderby=-repo%3AcreatedDate%2CinstanceId", None),
        ("https://platform.adobe.io/data/core/dps/offers?start=1", "/offers?start=1"),
        ("/data/core/dps/offers?start=1", "/offers?start=1"),
        ("offers?start=1", "/offers?start=1"),
        ("/offers", None),
    ],
)
def test_links_are_followed_as_they_are_written(href: str, sent: str | None) -> None:
    _, script = names(listed("dps", 1, next=href), listed("dps", 2))
    assert script.requests[1].url == "https://platform.adobe.io/data/core/dps" + (sent or href)


@pytest.mark.parametrize(
    "href",
    [
        "https://evil.example/offers?start=1",
        "//evil.example/offers",
        "http://platform.adobe.io/data/core/dps/offers",
        "https://platform.adobe.io:8443/offers",
        "https://platform.adobe.io@evil.example/offers",
        "https://[",
        "?start=1",
        "javascript:alert(1)",
    ],
)
def test_no_link_leads_the_credentials_elsewhere(href: str) -> None:
    script = Script(listed("dps", 1, next=href))
    with pytest.raises(UnexpectedResponseError, match="link"):
        script.run(everything(script, "dps"))
    assert len(script.requests) == 1


@BOTH
def test_an_offer_comes_once_however_often_it_is_listed(api: str) -> None:
    found, _ = names(
        listed(api, 1, 2, next="/a?start=1"), listed(api, 2, 3, next="/a?start=2"), listed(api, 3, 1), api=api
    )
    assert found == [1, 2, 3]


@BOTH
def test_an_empty_page_is_not_the_last_one(api: str) -> None:
    found, _ = names(
        listed(api, next="/a?start=1"),
        listed(api, 1, next="/a?start=2"),
        listed(api, next="/a?start=3"),
        listed(api, 2),
        api=api,
    )
    assert found == [1, 2]


@BOTH
def test_nothing_found_is_an_empty_page(api: str) -> None:
    assert names(listed(api, total=0), api=api)[0] == []


def test_pages_are_asked_for_only_when_they_are_needed() -> None:
    script = Script(listed("dps", 1, 2, next="/offers?start=1"), listed("dps", 3))
    access = script.access("dps")
    listing = Listing(access, PERSONALIZED, access.generation.search(PERSONALIZED, Query()))
    assert script.requests == []
    script.go(listing.advance())
    assert len(script.requests) == 1
    script.go(listing.advance())
    assert len(script.requests) == 2
    assert script.go(listing.advance()) is None
    assert len(script.requests) == 2


def test_a_long_listing_keeps_no_page() -> None:
    """The listing remembers ids, but no offers."""
    number = iter(range(1, 10_000))
    alive = []

    def endless(_: Request) -> Response:
        first = next(number)
        return listed("dps", *range(first * 10, first * 10 + 10), next=f"/offers?start={first}")

    script = Script(*[endless] * 8)
    access = script.access("dps")
    listing = Listing(access, PERSONALIZED, access.generation.search(PERSONALIZED, Query()))
    # What is there already is not looked at: a whole run of tests has millions of objects.
    gc.freeze()
    try:
        for _ in range(8):
            script.go(listing.advance())
            gc.collect()
            alive.append(sum(type(thing) is Entity for thing in gc.get_objects()))
    finally:
        gc.unfreeze()
    assert alive[-1] == alive[0]


def test_a_link_without_a_size_is_widened_from_the_default() -> None:
    same = "/offers?start=1"
    found, script = names(
        listed("dps", 1, next=same, total=2), listed("dps", 1, next=same, total=2), listed("dps", 1, 2, total=2)
    )
    assert found == [1, 2]
    assert script.requests[2].url.endswith("/offers?start=1&limit=100")


class TiedService:
    """dps as its samples show it: `start` is inclusive and names only a time, so equal times share one cursor."""

    def __init__(
        self,
        moments: list[int],
        *,
        most: int = 10_000,
        total: bool = True,
        deletions: Mapping[int, set[int]] = MappingProxyType({}),
    ) -> None:
        self.offers = sorted(
            (
                {**entity("dps", {"name": f"offer {n}"}, number=n), "modified": moment}
                for n, moment in enumerate(moments, 1)
            ),
            key=lambda offer: -offer["modified"],
        )
        self.most = most
        self.total = total
        # The numbers of the offers that are deleted before each request.
        self.deletions = deletions
        self.requests = 0

    @property
    def names(self) -> set[str]:
        """The names of the offers that exist."""
        return {offer["name"] for offer in self.offers}

    def __call__(self, request: Request) -> Response:
        self.requests += 1
        assert self.requests < 500
        gone = {f"offer {number}" for number in self.deletions.get(self.requests, ())}
        self.offers = [offer for offer in self.offers if offer["name"] not in gone]
        asked = dict(query_of(request))
        size = min(int(asked.get("limit", 50)), self.most)
        rest = [offer for offer in self.offers if "start" not in asked or offer["modified"] <= int(asked["start"])]
        following = None
        if len(rest) > size:
            following = f"/offers?orderby=-modified&limit={size}&start={rest[size]['modified']}&offer-type=PERSONALIZED"
        rows = [{**offer, "modified": str(offer["modified"])} for offer in rest[:size]]
        return answer(200, page("dps", rows, next=following, total=len(self.offers) if self.total else None))


@given(
    st.lists(st.integers(1, 4), max_size=40),
    st.integers(1, 5),
    st.booleans(),
)
@examples(50)
def test_no_tie_loses_an_offer(moments: list[int], size: int, total: bool) -> None:
    service = TiedService(moments, total=total)
    script = Script(*[service] * 500)
    found = script.go(everything(script, "dps", parse_query(page_size=size)))
    assert len(found) == len({offer.id for offer in found}) == len(moments)


def test_a_deletion_does_not_end_a_listing_whose_cursor_stands_still() -> None:
    """As many offers were seen as the service counts after the deletion, but some of these are gone."""
    service = TiedService([1, 1, 1], deletions={2: {1}})
    script = Script(*[service] * 500)
    found = script.go(everything(script, "dps", parse_query(page_size=1)))
    assert service.names <= {offer.name for offer in found}
    service = TiedService([1] * 6, deletions={3: {1, 2}})
    script = Script(*[service] * 500)
    found = script.go(everything(script, "dps", parse_query(page_size=2)))
    assert service.names <= {offer.name for offer in found}


@given(
    st.lists(st.integers(1, 4), max_size=40),
    st.integers(1, 5),
    st.dictionaries(st.integers(2, 12), st.sets(st.integers(1, 40), max_size=4), max_size=4),
    st.booleans(),
)
@examples(50)
def test_no_deletion_loses_another_offer(
    moments: list[int], size: int, deletions: dict[int, set[int]], total: bool
) -> None:
    service = TiedService(moments, total=total, deletions=deletions)
    script = Script(*[service] * 500)
    found = script.go(everything(script, "dps", parse_query(page_size=size)))
    assert service.names <= {offer.name for offer in found}


def test_a_deletion_that_hides_a_tie_that_no_page_can_hold_is_an_error() -> None:
    service = TiedService([1] * 7, most=5, deletions={2: {1}})
    script = Script(*[service] * 500)
    with pytest.raises(PagingError, match="6 of 7 personalized offers"):
        script.go(everything(script, "dps", parse_query(page_size=5)))


def test_a_deletion_is_no_error_where_the_last_page_links_to_itself() -> None:
    same = "/offers?start=1"
    found, _ = names(listed("dps", 1, 2, next=same, total=4), *[listed("dps", 3, next=same, total=3) for _ in range(9)])
    assert found == [1, 2, 3]


def test_a_tie_that_no_page_can_hold_is_an_error_and_no_silence() -> None:
    service = TiedService([1] * 30, most=5)
    script = Script(*[service] * 500)
    with pytest.raises(PagingError, match="5 of 30 personalized offers"):
        script.go(everything(script, "dps", parse_query(page_size=5)))


@BOTH
def test_a_service_that_links_on_for_ever_is_left(api: str) -> None:
    links = iter(range(10_000))

    def barren(_: Request) -> Response:
        return listed(api, 1, next=f"/a?start={next(links)}")

    script = Script(*[barren] * 5_000)
    with pytest.raises(PagingError, match="without anything new"):
        script.go(everything(script, api))


def test_a_last_page_that_links_to_itself_ends() -> None:
    found, _ = names(
        listed("dps", 1, next="/offers?start=1", total=2), listed("dps", 2, next="/offers?start=1", total=2)
    )
    assert found == [1, 2]


def test_the_total_of_generation_1_is_not_believed() -> None:
    """Its documents contradict each other: the number of objects from this page on, or of all objects."""
    found, _ = names(listed("xcore", 1, 2, next="/a?start=1", total=2), listed("xcore", 3, total=1), api="xcore")
    assert found == [1, 2, 3]


@BOTH
@pytest.mark.parametrize("failure", [answer(503), answer(429, None, {"retry-after": "3"})])
def test_a_page_that_fails_is_asked_for_again(api: str, failure: Response) -> None:
    found, script = names(listed(api, 1, next="/a?start=1"), failure, listed(api, 2), api=api)
    assert found == [1, 2]
    assert script.requests[1].url == script.requests[2].url


_ROW = st.dictionaries(
    st.sampled_from(
        ["id", "etag", "created", "_instance", "instanceId", "repo:etag", "@id", "name", "xdm:name", "rank"]
    ),
    st.none()
    | st.integers()
    | st.text(max_size=4)
    | st.dictionaries(st.sampled_from(["@id", "id", "xdm:name", "name"]), st.text(max_size=3), max_size=3),
    max_size=8,
)
_PAGE = st.dictionaries(
    st.sampled_from(["results", "_embedded", "_links", "total", "count"]),
    st.none()
    | st.integers()
    | st.lists(_ROW | st.integers(), max_size=3)
    | st.fixed_dictionaries(
        {},
        optional={
            "results": st.lists(_ROW, max_size=3) | st.text(max_size=2),
            "total": st.text(max_size=3),
            "next": st.none()
            | st.text(max_size=8)
            | st.fixed_dictionaries(
                {"href": st.text(max_size=12) | st.integers() | st.sampled_from(["//[", "/a?limit=" + "9" * 5000])}
            ),
        },
    ),
    max_size=5,
)


@BOTH
@given(
    st.lists(
        _PAGE | st.none() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2),
        min_size=1,
        max_size=3,
    )
)
@examples(70)
def test_any_page_is_read_or_refused(api: str, bodies: list[Any]) -> None:
    def body(_: Request) -> Response:
        return answer(200, bodies[min(len(script.requests), len(bodies)) - 1])

    script = Script(*[body] * 1_100)
    with contextlib.suppress(OfferLibraryError):
        script.go(everything(script, api))


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"results":[', b"[1]", b"\xff", b"[" * 100_000, b"1" * 5_000])
@BOTH
def test_what_is_no_page_is_described(api: str, body: bytes) -> None:
    script = Script(answer(200, body))
    with pytest.raises(UnexpectedResponseError):
        script.run(everything(script, api))


HOME = "https://ns.adobe.com/experience/xcore/container"


def containers(*names: tuple[str, str | None]) -> Response:
    rows = [
        {"instanceId": identifier, "_instance": {"repo:name": name, "containerType": "decisioning"}}
        for identifier, name in names
    ]
    return answer(200, {"_embedded": {HOME: rows}, "_links": {}})


def opened(*steps: Step, **changes: Any) -> tuple[str, Script]:
    script = Script(*steps)
    access = script.run(open_access(script.exchange(replace(SETTINGS, api="xcore", **changes))))
    return access.generation.search(PERSONALIZED, Query()).path.split("/")[1], script


def test_the_container_of_the_sandbox_is_looked_up() -> None:
    found, script = opened(containers(("other", "prod"), (CONTAINER, "dev1")))
    assert found == CONTAINER
    assert [request.url for request in script.requests] == [
        "https://platform.adobe.io/data/core/xcore/?product=acp&property=_instance.containerType==decisioning"
    ]


def test_a_container_that_is_named_is_not_looked_up() -> None:
    assert opened(container_id="given")[0] == "given"


def test_a_container_without_a_name_will_do_if_it_is_the_only_one() -> None:
    assert opened(containers((CONTAINER, None)))[0] == CONTAINER


@pytest.mark.parametrize("rows", [[], [("a", "prod")], [("a", "dev1"), ("b", "dev1")], [("a", None), ("b", None)]])
def test_a_container_that_cannot_be_told_is_an_error_that_names_the_sandboxes(
    rows: list[tuple[str, str | None]],
) -> None:
    with pytest.raises(OfferLibraryError, match="container of the sandbox is not known") as caught:
        opened(containers(*rows))
    assert "'dev1'" in str(caught.value)


@given(
    _PAGE
    | st.fixed_dictionaries({"_embedded": st.fixed_dictionaries({HOME: st.lists(_ROW, max_size=2) | st.integers()})})
)
@examples(70)
def test_any_list_of_containers_is_read_or_refused(body: Any) -> None:
    with contextlib.suppress(OfferLibraryError):
        opened(answer(200, body))


@BOTH
@given(_ROW | st.integers() | st.none())
@examples(70)
def test_any_entity_and_any_receipt_is_read_or_refused(api: str, body: Any) -> None:
    generation = Script().access(api).generation
    given_answer = Answer(Call("GET", "/x", {}), answer(200, body), None)
    with contextlib.suppress(OfferLibraryError):
        generation.receipt(given_answer)
    for read in (generation.entity, generation.page):
        with contextlib.suppress(OfferLibraryError):
            read(PERSONALIZED, given_answer)


@BOTH
def test_a_search_returns_the_objects_of_all_pages_up_to_its_limit(api: str) -> None:
    pages: list[Step] = [listed(api, 1, 2, next="/a?start=1"), listed(api, 3, next="/a?start=2"), listed(api, 4, 5)]
    script = Script(*pages)
    found = script.run(search(script.access(api), PERSONALIZED, Query()))
    assert [each.name for each in found] == [f"offer {number}" for number in (1, 2, 3, 4, 5)]
    script = Script(*pages)
    found = script.run(search(script.access(api), PERSONALIZED, Query(limit=4)))
    assert [each.name for each in found] == [f"offer {number}" for number in (1, 2, 3, 4)]


class Pages:
    """A listing of that many pages: the first shows an offer, the last another, and those between what `shows` says."""

    def __init__(self, count: int, *, shows: bool) -> None:
        self.count, self.shows, self.given = count, shows, 0

    def __call__(self, _: Request) -> Response:
        self.given += 1
        is_last = self.given == self.count
        numbers = [self.given] if self.shows or is_last or self.given == 1 else []
        return listed("dps", *numbers, next=None if is_last else f"/a?start={self.given}")


def test_a_listing_may_have_thousands_of_pages_and_a_thousand_in_a_row_without_anything_new() -> None:
    found, _ = names(*[Pages(1_500, shows=True)] * 1_500)
    assert found == list(range(1, 1_501))
    found, _ = names(*[Pages(1_002, shows=False)] * 1_002)
    assert found == [1, 1_002]
    script = Script(*[Pages(1_003, shows=False)] * 1_003)
    with pytest.raises(PagingError, match="1001 pages in a row"):
        script.run(everything(script, "dps"))
