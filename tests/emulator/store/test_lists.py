"""Filters, orders and pages, in both generations."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from airflow_provider_offers.emulator import Emulator
from tests.emulator.conftest import PERSONALIZED, Caller, dps_offer


@pytest.fixture
def three(emulator: Emulator, caller: Caller) -> Caller:
    """Three offers: Alpha draft 1, Beta approved 20, gamma draft 3 with characteristics."""
    emulator.clock.freeze("2026-05-01T12:00:00Z")
    caller.create_dps(dps_offer("Alpha", rank={"priority": 1}, description="first one"))
    emulator.clock.advance(60)
    caller.create_dps(dps_offer("Beta", rank={"priority": 20}, status="approved", tags=[Emulator.TAG_ID]))
    emulator.clock.advance(60)
    window = {"startDate": "2026-04-01T02:00:00+02:00", "endDate": "2026-09-01T00:00:00Z"}
    caller.create_dps(
        dps_offer("gamma", rank={"priority": 3}, selectionConstraint=window, characteristics={"sku": "a,b"})
    )
    return caller


FILTERS = [
    ("name==Beta", "rank.priority", ["Beta"]),
    ("name==beta", "", []),
    ("name!=Beta", "", ["Alpha", "gamma"]),
    ("name~.*A", "", ["Alpha", "Beta", "gamma"]),
    ("name~a", "", []),
    ("name~(?:alpha|beta)", "", ["Alpha", "Beta"]),
    ("name~(?:[a(*]|b)?.*t.?", "", ["Beta"]),
    ("status==draft", "", ["Alpha", "gamma"]),
    ("rank.priority>3", "", ["Beta"]),
    ("rank.priority>=3", "", ["Beta", "gamma"]),
    ("rank.priority<20", "", ["Alpha", "gamma"]),
    ("rank.priority==3", "", ["gamma"]),
    ("selectionConstraint.startDate==2026-04-01T00:00:00Z", "", ["gamma"]),
    ("selectionConstraint.endDate>2026-07-01T00:00:00%2B02:00", "", ["gamma"]),
    ("description", "", ["Alpha"]),
    ("description!=x", "", ["Alpha", "Beta", "gamma"]),
    (f"tags=={Emulator.TAG_ID}", "", ["Beta"]),
    (f"representations.placement=={Emulator.PLACEMENT_ID}", "", ["Alpha", "Beta", "gamma"]),
    ("representations.components.type==html", "", ["Alpha", "Beta", "gamma"]),
    ("characteristics.sku", "", ["gamma"]),
    ("unheard.of==x", "", []),
    ("name>=B", "", ["Beta", "gamma"]),
]
_PREFIXED = {"type": "@type", "sku": "sku", "of": "of", "unheard": "unheard"}


@pytest.mark.parametrize(("expression", "_", "expected"), FILTERS)
def test_filters_of_generation_2(three: Caller, expression: str, _: str, expected: list[str]) -> None:
    assert sorted(three.listed(f"&property={expression}")) == expected


@pytest.mark.parametrize(("expression", "_", "expected"), FILTERS)
@pytest.mark.parametrize("route", ["instances", "queries/core/search"])
def test_filters_of_generation_1(three: Caller, expression: str, _: str, expected: list[str], route: str) -> None:
    end = min((expression.find(each) for each in "=!<>~" if each in expression), default=len(expression))
    path = ".".join(_PREFIXED.get(step, f"xdm:{step}") for step in expression[:end].split("."))
    rest = expression[end:].replace("==html", f"=={PERSONALIZED.partition('personalized')[0]}content-component-html")
    assert sorted(three.found(f"&property=_instance.{path}{rest}", route=route)) == expected


def test_envelope_filters(three: Caller) -> None:
    assert three.listed("&property=created>=2026-05-01T12:01:00Z") == ["gamma", "Beta"]
    assert three.found("&property=repo:lastModifiedDate<2026-05-01T12:01:00.000Z") == ["Alpha"]
    assert three.found("&property=repo:etag==1&property=_instance.xdm:status==approved") == ["Beta"]
    assert three.found(f"&property=repo:createdBy=={Emulator.CLIENT_ID}@techacct.adobe.com&limit=1") != []
    assert three.listed("&property=createdBy==somebody") == []
    assert three.listed("&property=modified~2026-05-01T12:0[01].*") == ["Beta", "Alpha"]
    assert three.listed("&property=!created,!modified") == []
    object_id = three.emulator.objects("personalized-offer")[0]["id"]
    assert three.found(f"&property=_instance.@id=={object_id}") == ["Alpha"]


def test_patterns_that_list_ids(three: Caller) -> None:
    """They are looked up in an index; every other pattern is tried on each object."""
    ids = {each["body"]["name"]: each["id"] for each in three.emulator.objects("personalized-offer")}
    endings = {name: identifier.rpartition(":")[2] for name, identifier in ids.items()}
    both = f"{ids['Alpha'].rpartition(':')[0]}:({endings['Alpha']}|{endings['gamma'].upper()})"
    assert three.listed(f"&property=id~{quote(both)}") == ["gamma", "Alpha"]
    assert three.listed(f"&property=!id~{quote(both)}") == ["Beta"]
    assert three.listed(f"&property=id~{quote(both)}&orderby=name&limit=1") == ["Alpha"]
    assert three.listed(f"&property=id~{quote(both)}.*") == ["gamma", "Alpha"]
    assert three.listed(f"&property=id~{endings['Alpha']}") == []


def test_generation_2_commas_negation_and_existence(three: Caller) -> None:
    assert three.listed("&property=name!=Beta,status==draft,description") == ["Alpha"]
    assert three.listed("&property=name!=Beta&property=status==draft&property=description") == ["Alpha"]
    assert three.listed("&property=!description") == ["gamma", "Beta"]
    assert three.listed("&property=!name==Beta") == ["gamma", "Alpha"]
    assert three.listed("&property=characteristics.sku==a,b") == []
    assert three.listed("&property=characteristics.sku==a%2Cb") == []
    assert three.found("&property=_instance.xdm:characteristics.sku==a,b") == ["gamma"]


@pytest.mark.parametrize(
    "expression",
    ["name=Beta", "==x", "", "name~(", "name~(?=a)b", "name~a%2B%2B", "~~~"],
)
def test_malformed_filters(three: Caller, expression: str) -> None:
    answer = three.dps("GET", f"/offers?offer-type=personalized&property={expression}")
    assert (answer.status_code, answer.json()["title"]) == (400, "Malformed request")
    answer = three.xcore("GET", f"/{three.container}/instances?schema={PERSONALIZED}&property={expression}")
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("", ["gamma", "Beta", "Alpha"]),
        ("&orderBy=created", ["Alpha", "Beta", "gamma"]),
        ("&orderby=-modified", ["gamma", "Beta", "Alpha"]),
        ("&orderBy=-rank.priority", ["Beta", "gamma", "Alpha"]),
        ("&orderBy=status,-name", ["Beta", "gamma", "Alpha"]),
        ("&orderBy=selectionConstraint.startDate,-rank.priority", ["Beta", "Alpha", "gamma"]),
        ("&orderBy=name", ["Alpha", "Beta", "gamma"]),
        ("&orderBy=description,id", ["Beta", "gamma", "Alpha"]),
    ],
)
def test_orders_of_generation_2(three: Caller, order: str, expected: list[str]) -> None:
    assert three.listed(order) == expected


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("orderBy=repo:createdDate", ["Alpha", "Beta", "gamma"]),
        ("orderby=-repo:createdDate", ["gamma", "Beta", "Alpha"]),
        ("ORDERBY=%2B_instance.xdm:rank.xdm:priority", ["Alpha", "gamma", "Beta"]),
        ("orderBy=+_instance.xdm:rank.xdm:priority", ["Alpha", "gamma", "Beta"]),
        ("orderBy=_instance.xdm:status,-_instance.xdm:name", ["Beta", "gamma", "Alpha"]),
    ],
)
def test_orders_of_generation_1(three: Caller, order: str, expected: list[str]) -> None:
    assert three.found(f"&{order}") == expected


def test_names_and_ids_of_generation_1(three: Caller) -> None:
    ids = [each["id"] for each in three.emulator.objects("personalized-offer")]
    for route in ("instances", "queries/core/search"):
        assert three.found("&name=Alpha", route=route) == ["Alpha"]
        assert three.found("&name=alpha", route=route) == []
        assert sorted(three.found("&name=*a", route=route)) == ["Alpha", "Beta", "gamma"]
        assert three.found("&name=?eta", route=route) == ["Beta"]
        assert three.found("&name=%5C*a", route=route) == []
        assert sorted(three.found(f"&id={ids[0]}&id={ids[2]}", route=route)) == ["Alpha", "gamma"]
        assert three.found(f"&id={quote(ids[1], safe='')}", route=route) == ["Beta"]
        assert three.found("&id=nothing", route=route) == []
        both = three.xcore("GET", f"/{three.container}/{route}?schema={PERSONALIZED}&name=Alpha&id={ids[0]}")
        assert both.status_code == 400
    looked_up = three.results("&name=Alpha")["_embedded"]["results"][0]
    assert looked_up["_score"] == 0
    assert looked_up["sandboxName"] == "prod"


def test_empty_results(caller: Caller) -> None:
    document = caller.results()
    assert document["_embedded"] == {"results": [], "total": 0, "count": 0}
    assert "next" not in document["_links"]
    assert caller.dps("GET", "/offers?offer-type=fallback").json()["_links"].keys() == {"self"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=first", ["Alpha"]),
        ("q=beta", ["Beta"]),
        ("q=Beta", []),
        ("q=first+beta", ["Alpha", "Beta"]),
        ("q=first+beta&qop=OR", ["Alpha", "Beta"]),
        ("q=first+beta&qop=AND", []),
        ("q=first+alpha&qop=and", ["Alpha"]),
        ("q=%22first+one%22", ["Alpha"]),
        ("q=%22one+first%22", []),
        ("q=first&field=_instance.xdm:name", []),
        ("q=first&field=_instance.xdm:name&field=_instance.xdm:description", ["Alpha"]),
        ("q=first&field=_instance.xdm:name,_instance.xdm:description", ["Alpha"]),
        ("q=gam*", ["gamma"]),
        ("q=gam", []),
        ("q=a%5C%2Cb", ["gamma"]),
        ("q=first+%26+one&qop=AND", ["Alpha"]),
        ("q=first%7Cone", ["Alpha"]),
    ],
)
def test_free_text(three: Caller, query: str, expected: list[str]) -> None:
    assert sorted(three.found(f"&{query}")) == expected


@pytest.mark.parametrize(
    "query", ["q=a-b", "q=a%26%26b", "q=a%7C%7Cb", "q=a%5C", "q=", "q=x&qop=XOR", "q=%22%22", "q=a:b"]
)
def test_malformed_free_text(three: Caller, query: str) -> None:
    path = f"/{three.container}/queries/core/search?schema={PERSONALIZED}&{query}"
    assert three.xcore("GET", path).status_code == 400


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=x", "limit=1.5", "start=%00x&orderBy=repo:etag"])
def test_malformed_parameters(three: Caller, query: str) -> None:
    assert three.xcore("GET", f"/{three.container}/instances?schema={PERSONALIZED}&{query}").status_code == 400


def test_schema_is_required_and_matched_by_name_and_major(three: Caller) -> None:
    base = f"/{three.container}/queries/core/search"
    assert three.xcore("GET", base).status_code == 400
    assert three.xcore("GET", f"{base}?schema=https://ns.adobe.com/other").status_code == 400
    for schema in (PERSONALIZED.replace("0.5", "0.1"), quote(PERSONALIZED, safe=""), PERSONALIZED.partition(";")[0]):
        assert len(three.found(schema=schema)) == 3
    assert three.results(schema=PERSONALIZED.partition(";")[0])["schemaNs"] == PERSONALIZED
    assert three.xcore("GET", f"{base}?schema={PERSONALIZED.replace('0.5', '1.5')}").status_code == 400


def test_schema_with_a_raw_semicolon_on_the_wire(three: Caller) -> None:
    address = urlsplit(three.emulator.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    headers = {name: str(value) for name, value in three.session.headers.items() if name != "Accept-Encoding"}
    path = f"/data/core/xcore/{three.container}/instances?schema={PERSONALIZED}&name=Beta"
    connection.request("GET", path, headers=headers)
    body = connection.getresponse().read()
    connection.close()
    assert b'"count": 1' in body


def test_unknown_parameters_are_named(three: Caller) -> None:
    answer = three.dps("GET", "/offers?offer-type=personalized&order_by=name&q=x")
    assert answer.headers["x-emulator-ignored-parameters"] == "order_by,q"
    assert "x-emulator-ignored-parameters" not in three.dps("GET", "/offers?offer-type=personalized").headers


def walk_dps(caller: Caller, query: str) -> list[list[str]]:
    """The names on every page, following `next`."""
    pages, href = [], f"/offers?{query}"
    while href:
        document = caller.dps("GET", href).json()
        assert document["count"] == len(document["results"])
        pages.append([each["name"] for each in document["results"]])
        href = document["_links"].get("next", {}).get("href")
        assert len(pages) < 50
    return pages


def walk_xcore(caller: Caller, query: str) -> list[list[str]]:
    """The names on every page, following `next`."""
    pages, href = [], f"/{caller.container}/queries/core/search?schema={PERSONALIZED}&{query}"
    while href:
        document = caller.xcore("GET", href).json()
        pages.append([each["_instance"]["xdm:name"] for each in document["_embedded"]["results"]])
        href = document["_links"].get("next", {}).get("href")
        assert len(pages) < 50
    return pages


NAMES = [f"Seeded {number:05d}" for number in range(1, 12)]


@pytest.mark.parametrize(
    ("query", "order"),
    [
        ("limit=4", lambda names: names[::-1]),
        ("limit=4&orderBy=modified", lambda names: names),
        ("limit=1&orderBy=name", lambda names: names),
        ("limit=5&orderBy=id", lambda names: names),
        ("limit=3&orderBy=-id", lambda names: names[::-1]),
        ("limit=3&orderBy=status", lambda names: names),
        ("limit=3&orderBy=-rank.priority,-name", lambda names: names[::-1]),
        ("limit=3&orderBy=selectionConstraint.endDate", lambda names: names),
        ("limit=3&orderBy=unheard.of", lambda names: names),
        ("limit=11", lambda names: names[::-1]),
        ("limit=3&property=name~.*1", lambda names: ["Seeded 00011", "Seeded 00001"]),
    ],
)
def test_pages_of_generation_2(
    emulator: Emulator, caller: Caller, query: str, order: Callable[[list[str]], list[str]]
) -> None:
    emulator.seed(11)
    pages = walk_dps(caller, f"offer-type=personalized&{query}")
    assert [name for page in pages for name in page] == order(NAMES)
    assert all(pages)


@pytest.mark.parametrize(
    "query",
    [
        "limit=4",
        "limit=4&orderBy=-repo:createdDate",
        "limit=1&orderBy=_instance.xdm:name",
        "limit=3&orderBy=_instance.xdm:status",
        "limit=3&orderBy=-_instance.xdm:rank.xdm:priority,_instance.xdm:name",
        "limit=3&orderBy=_instance.xdm:selectionConstraint.xdm:startDate",
        "limit=3&orderBy=unheard",
        "limit=3&q=seeded",
        "limit=3&name=Seeded*",
        "limit=3&property=_instance.xdm:status==approved",
    ],
)
def test_pages_of_generation_1(emulator: Emulator, caller: Caller, query: str) -> None:
    emulator.seed(11)
    pages = walk_xcore(caller, query)
    assert sorted(name for page in pages for name in page) == NAMES
    assert all(pages)


def test_links_of_generation_2_look_like_the_real_ones(emulator: Emulator, caller: Caller) -> None:
    emulator.seed(5)
    first = caller.dps("GET", "/offers?offer-type=personalized&limit=2").json()
    assert first["total"] == 5
    assert first["_links"].keys() == {"self", "next"}
    assert first["_links"]["self"] == {
        "href": "/offers?orderby=-modified&limit=2&offer-type=PERSONALIZED",
        "type": "application/json",
    }
    second = caller.dps("GET", first["_links"]["next"]["href"]).json()
    following = second["results"][0]["modified"].replace("+00:00", "Z")
    expected = f"/offers?orderby=-modified&limit=2&start={following}&offer-type=PERSONALIZED"
    assert first["_links"]["next"]["href"] == expected
    assert caller.dps("GET", second["_links"]["prev"]["href"]).json()["results"] == first["results"]
    last = caller.dps("GET", second["_links"]["next"]["href"]).json()
    assert last["_links"].keys() == {"self", "prev"}
    assert caller.dps("GET", last["_links"]["prev"]["href"]).json()["results"] == second["results"]


def test_default_and_largest_page(emulator: Emulator, caller: Caller) -> None:
    emulator.seed(60)
    assert len(caller.listed()) == 50
    assert len(caller.found()) == 50
    emulator.configure(max_page_size=7)
    assert len(caller.listed("&limit=30")) == len(caller.found("&limit=30")) == 7


def test_links_of_generation_1_look_like_the_real_ones(emulator: Emulator, caller: Caller) -> None:
    emulator.seed(3)
    document = caller.results("&orderBy=-repo:createdDate&limit=1")
    (item,) = document["_embedded"]["results"]
    base = f"/{caller.container}/queries/core/search?"
    created = next(each for each in emulator.objects() if each["instance_id"] == item["instanceId"])["created_us"]
    assert document["_links"]["self"]["href"] == f"{base}schema={PERSONALIZED}&orderby=-repo:createdDate&limit=1"
    assert document["_links"]["next"]["href"] == (
        f"{base}start={created // 1000}%2C{item['instanceId']}&schema={PERSONALIZED}"
        "&orderby=-repo%3AcreatedDate%2CinstanceId&limit=1"
    )


def test_start_without_the_tie_break_takes_values_beyond_it(emulator: Emulator, caller: Caller) -> None:
    emulator.seed(4)
    created = emulator.objects("personalized-offer")[1]["created_us"] // 1000
    assert caller.found(f"&orderBy=repo:createdDate&start={created}") == NAMES[2:4]
    assert caller.found(f"&orderBy=-repo:createdDate&start={created}") == NAMES[:1]


def test_total_of_generation_1_may_shrink_from_page_to_page(emulator: Emulator, caller: Caller) -> None:
    emulator.seed(5)
    href = caller.results("&limit=2")["_links"]["next"]["href"]
    assert caller.xcore("GET", href).json()["_embedded"]["total"] == 5
    emulator.configure(xcore_total="remaining")
    assert caller.xcore("GET", href).json()["_embedded"]["total"] == 3


def make_ties(emulator: Emulator, caller: Caller, count: int) -> None:
    emulator.configure(unique_timestamps=False)
    emulator.clock.freeze("2026-05-01T12:00:00Z")
    for number in range(count):
        caller.create_dps(dps_offer(f"Tie {number}"))


def test_ties_repeat_or_never_end_in_generation_2(emulator: Emulator, caller: Caller) -> None:
    make_ties(emulator, caller, 3)
    emulator.clock.advance(1)
    caller.create_dps(dps_offer("Newest"))
    first = caller.dps("GET", "/offers?offer-type=personalized&limit=3").json()
    second = caller.dps("GET", first["_links"]["next"]["href"]).json()
    repeated = {each["name"] for each in first["results"]} & {each["name"] for each in second["results"]}
    assert repeated == {"Tie 2", "Tie 1"}
    stuck = caller.dps("GET", "/offers?offer-type=personalized&limit=2&orderBy=modified").json()["_links"]["next"]
    assert caller.dps("GET", stuck["href"]).json()["_links"]["next"] == stuck


def test_ties_do_not_matter_in_generation_1(emulator: Emulator, caller: Caller) -> None:
    make_ties(emulator, caller, 5)
    pages = walk_xcore(caller, "limit=2&orderBy=-repo:lastModifiedDate")
    assert sorted(name for page in pages for name in page) == [f"Tie {number}" for number in range(5)]


def test_timestamps_are_unique_by_default(emulator: Emulator, caller: Caller) -> None:
    emulator.clock.freeze("2026-05-01T12:00:00Z")
    stamps = [caller.create_dps(dps_offer())["lastModifiedDate"] for _ in range(3)]
    assert stamps == [f"2026-05-01T12:00:00.{ms:03d}Z" for ms in range(3)]


def test_ten_thousand_offers(emulator: Emulator, caller: Caller) -> None:
    emulator.seed(10_000)
    seen: set[str] = set()
    href = "/offers?offer-type=personalized&limit=1000"
    while href:
        document = caller.dps("GET", href).json()
        assert document["total"] == 10_000
        seen.update(each["id"] for each in document["results"])
        href = document["_links"].get("next", {}).get("href")
    assert len(seen) == 10_000


def test_names_with_commas_and_quotes_in_cursors(emulator: Emulator, caller: Caller) -> None:
    names = ["a,b", 'a"b', "a\\,b", "ä ö", "a%2Cb", "a&b=c", "a+b"]
    for name in names:
        caller.create_dps(dps_offer(name))
    found: list[Any] = walk_xcore(caller, "limit=1&orderBy=_instance.xdm:name")
    assert [name for page in found for name in page] == sorted(names)
    found = walk_dps(caller, "offer-type=personalized&limit=1&orderBy=name")
    assert [name for page in found for name in page] == sorted(names)


def test_next_keeps_the_other_parameters(emulator: Emulator, caller: Caller) -> None:
    emulator.seed(3)
    href = caller.results("&limit=1&q=seeded&qop=AND&property=_instance.xdm:status==approved")["_links"]["next"]["href"]
    query = parse_qs(urlsplit(href).query, separator="&")
    assert query["q"] == ["seeded"]
    assert query["property"] == ["_instance.xdm:status==approved"]
