"""Ids, names and search words in URLs: each stays in its place, with any content, or is rejected before sending."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_offers.client.errors import (
    InvalidInputError,
    OfferLibraryError,
    UnexpectedResponseError,
    UnsupportedError,
)
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.reading import read_now
from airflow_provider_offers.client.generations import Generation
from airflow_provider_offers.client.generations.dps import Dps
from airflow_provider_offers.client.generations.reading import is_fit
from airflow_provider_offers.client.generations.xcore import Xcore
from airflow_provider_offers.client.model.entities import Reference, parse_offer_reference
from airflow_provider_offers.client.model.kinds import KINDS, PERSONALIZED, Kind
from airflow_provider_offers.client.model.query import Query, parse_query
from airflow_provider_offers.client.wire.async_shell import AsyncShell
from airflow_provider_offers.client.wire.auth import TokenCache
from airflow_provider_offers.client.wire.exchange import Exchange
from airflow_provider_offers.client.wire.governor import Governor
from airflow_provider_offers.client.wire.messages import Call
from airflow_provider_offers.client.wire.retry import Retries
from airflow_provider_offers.client.wire.sync_shell import SyncShell
from tests.client.library import DPS_ID, INSTANCE_ID
from tests.client.script import CONTAINER, SETTINGS, Script, answer
from tests.client.sockets import Received, http_server
from tests.effort import examples

# Texts that could change the meaning of an address, a query or a header line.
DELIMITERS = [
    "/",
    "..",
    ".",
    "\\",
    "?",
    "&",
    "#",
    "%",
    "%2f",
    "%2e%2e",
    "=",
    "+",
    " ",
    ";",
    ":",
    "@",
    ",",
    "*",
    "|",
    '"',
]
ODD = ["\r\n", "\n", "\x00", "\x7f", "\ud800", "ü", "\u2028", "'", '"']
HOSTILE = st.sampled_from([*DELIMITERS, *ODD, "name:", "dps:personalized-offer:1", "limit=1", "x", "7"])
TEXT = st.one_of(
    st.lists(HOSTILE, min_size=1, max_size=6).map("".join),
    st.text(st.characters(), min_size=1, max_size=20),
)
GENERATIONS: dict[str, Generation] = {"dps": Dps(), "xcore": Xcore(CONTAINER)}
LISTS = {"dps": "/offers", "xcore": f"/{CONTAINER}/instances"}
EITHER = pytest.mark.parametrize("api", ["dps", "xcore"])
BRIEFLY = examples(100)


def target_of(call: Call) -> tuple[str, list[tuple[str, str]]]:
    """The path and the query of a call, as a server reads them."""
    assert call.path.isascii()
    assert call.path.isprintable()
    assert " " not in call.path
    assert "#" not in call.path
    path, _, query = call.path.partition("?")
    return path, parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), separator="&")


def assert_item(api: str, call: Call, identifier: str, kind: Kind) -> None:
    """The call is for exactly that object, and for nothing below or beside it."""
    path, query = target_of(call)
    folder, _, last = path.rpartition("/")
    assert folder == (kind.dps_path if api == "dps" else LISTS["xcore"])
    assert unquote(last) == identifier
    assert last.strip(".")
    assert query == (list(kind.dps_query) if api == "dps" else [])


@EITHER
@BRIEFLY
@given(given_id=TEXT, of_instance=TEXT, by=st.sampled_from(["text", "id", "both"]))
@example(given_id="name:\ud800", of_instance="x", by="text")
@example(given_id=DPS_ID, of_instance="../../x", by="both")
@example(given_id="..", of_instance=INSTANCE_ID, by="both")
def test_an_id_stays_in_its_place_or_is_refused(api: str, given_id: str, of_instance: str, by: str) -> None:
    given: Any = {"text": given_id, "id": {"id": given_id}, "both": {"id": given_id, "instance_id": of_instance}}[by]
    try:
        reference = parse_offer_reference(given, api=api, sandbox="prod")
    except InvalidInputError:
        return
    generation = GENERATIONS[api]
    if reference.name is not None:
        assert_found_by_name(api, generation.lookup(reference.kind, name=reference.name), reference.name)
        return
    identifier = reference.id if api == "dps" else reference.instance_id
    calls = (generation.read, generation.delete, lambda each: generation.patch(each, []))
    for make in calls:
        if identifier is None:
            with pytest.raises(UnsupportedError):
                make(reference)
        else:
            assert_item(api, make(reference), identifier, reference.kind)
    if reference.id is not None:
        path, query = target_of(generation.lookup(reference.kind, ids=[reference.id]))
        assert path == LISTS[api]
        assert [value for name, value in query if name in ("id", "property")] == [
            reference.id if api == "xcore" else f"id=={reference.id}"
        ]


def assert_found_by_name(api: str, call: Call, name: str) -> None:
    """The listing filters by exactly this name, and the name adds no other filter."""
    path, query = target_of(call)
    assert path == LISTS[api]
    filters = [(key, value) for key, value in query if key in ("name", "property")]
    others = {key for key, _ in query} - {"name", "property"}
    assert others <= ({"offer-type"} if api == "dps" else {"schema"})
    ((key, value),) = filters
    if key == "name":
        assert value == name
    elif value.startswith("name~"):
        # dps reads a comma as the end of a filter, so the pattern writes it in another way.
        assert "," not in value
        assert re.fullmatch(value.removeprefix("name~"), name, re.DOTALL)
    else:
        assert value == (f"name=={name}" if api == "dps" else f"_instance.xdm:name=={name}")


@EITHER
@BRIEFLY
@given(name=TEXT)
def test_a_name_is_searched_as_it_is_or_refused(api: str, name: str) -> None:
    try:
        query = parse_query(name=name)
    except InvalidInputError:
        assert re.search("[\ud800-\udfff]", name)
        return
    generation = GENERATIONS[api]
    assert_found_by_name(api, generation.lookup(PERSONALIZED, name=query.name), name)
    search = generation.search(PERSONALIZED, query)
    if api == "dps":
        assert_found_by_name(api, search, name)
    else:
        path, parameters = target_of(search)
        assert path == f"/{CONTAINER}/queries/core/search"
        assert {key for key, _ in parameters} <= {"schema", "name", "property"}


@EITHER
@BRIEFLY
@given(
    words=TEXT, value=TEXT, start=TEXT, ids=st.lists(TEXT, max_size=3), operator=st.sampled_from(["==", "~", "<", "!="])
)
def test_what_a_search_says_adds_no_parameter_and_changes_no_path(
    api: str, words: str, value: str, start: str, ids: list[str], operator: str
) -> None:
    given: Mapping[str, Any] = {"q": words, "fields": ["name"], "properties": [f"status{operator}{value}"], "ids": ids}
    try:
        call = GENERATIONS[api].search(PERSONALIZED, parse_query(start=start, limit=7, **given))
    except (InvalidInputError, UnsupportedError):
        return
    path, parameters = target_of(call)
    assert path == ("/offers" if api == "dps" else f"/{CONTAINER}/queries/core/search")
    keys = [key for key, _ in parameters]
    assert set(keys) <= {"offer-type", "schema", "q", "field", "id", "property", "limit", "start"}
    assert [found for key, found in parameters if key == "start"] == [start]
    # A search for an empty list of ids asks for nothing.
    assert [found for key, found in parameters if key == "limit"] == ["7" if ids else "0"]
    if api == "xcore":
        assert keys.count("q") == keys.count("field") == keys.count("property") == 1
        assert [found for key, found in parameters if key == "id"] == [each.strip() for each in ids]


@pytest.mark.parametrize("container", ["..", "../x", "a/b", "a?b", "a#b", "a%2fb", "a b", "ü", ""])
def test_a_container_is_one_part_of_a_path(container: str) -> None:
    """Settings reject such an id; if the service returns one, it stays one segment of the path."""
    call = Xcore(container).lookup(PERSONALIZED, name="x")
    path, _, last = target_of(call)[0].rpartition("/")
    assert (unquote(path[1:]), last) == (container, "instances")
    assert path.count("/") == 1


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: str(kind.key))
def test_no_kind_needs_quoting(kind: Kind) -> None:
    path, query = target_of(GENERATIONS["dps"].search(kind, Query()))
    assert (path, query) == (kind.dps_path, list(kind.dps_query))


@pytest.mark.parametrize("identifier", ["..", ".", "...", "", "a\nb", "\ud800", "x" * 501])
def test_ids_of_the_service_that_lead_elsewhere_are_not_taken(identifier: str) -> None:
    assert not is_fit(identifier)
    body = {"@id": "xcore:personalized-offer:1", "instanceId": identifier, "repo:etag": 1, "_instance": {}}
    script = Script(answer(200, body))
    reference = Reference(PERSONALIZED, id="xcore:personalized-offer:1", instance_id=INSTANCE_ID)
    with pytest.raises(UnexpectedResponseError):
        script.run(read_now(script.access("xcore"), reference))


NASTY = ["a/../../b", "a?b=c", "a#b", "a%2Fb", "a%00b", "ü", "a b", "a&limit=1", "a\\..\\b", "a;b", "a\r\nx: y", "a,b"]


@pytest.mark.parametrize("api", ["dps", "xcore"])
@pytest.mark.parametrize("shell", ["sync", "async"])
def test_what_is_asked_for_arrives_as_it_was_meant(shell: str, api: str) -> None:
    """Neither HTTP library of the shells changes an address."""

    def gone(_: Received) -> tuple[int, dict[str, str], bytes]:
        return 404, {}, json.dumps({"title": "gone"}).encode()

    with http_server(gone) as served:
        settings = replace(SETTINGS, host=served.url, access_token="t")
        access = Access(Exchange(settings, Retries(max_retries=0)), GENERATIONS[api])
        sync = SyncShell(settings, retries=Retries(max_retries=0), tokens=TokenCache())
        sent = []

        async def drive(call: Call) -> None:
            retries, governor = Retries(max_retries=0), Governor()
            async with AsyncShell(settings, retries=retries, governor=governor, tokens=TokenCache()) as asynchronous:
                await asynchronous.run(access.send(call))

        for text in NASTY:
            reference = Reference(PERSONALIZED, id=text, instance_id=text)
            for call in (access.generation.read(reference), access.generation.lookup(PERSONALIZED, name=text)):
                sent.append(f"/data/core/{api}{call.path}")
                with pytest.raises(OfferLibraryError):
                    sync.run(access.send(call)) if shell == "sync" else asyncio.run(drive(call))
        sync.close()
    assert [request.target for request in served.received] == sent
    for item, text in zip(served.received[::2], NASTY, strict=True):
        assert unquote(urlsplit(item.target).path.rpartition("/")[2]) == text
        assert "x" not in item.headers
