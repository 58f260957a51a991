"""Links of the service are followed only on its own host, so credentials never go to another."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url
from yarl import URL

from airflow_provider_offers.client.errors import AuthenticationError, OfferLibraryError, UnexpectedResponseError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.deleting import delete
from airflow_provider_offers.client.flows.listing import Listing
from airflow_provider_offers.client.flows.reading import read_now
from airflow_provider_offers.client.generations.dps import Dps
from airflow_provider_offers.client.generations.xcore import Xcore
from airflow_provider_offers.client.model.entities import Reference
from airflow_provider_offers.client.model.kinds import offer_kind
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.wire.exchange import Exchange
from airflow_provider_offers.client.wire.messages import Answer, Call, Flow, Response
from airflow_provider_offers.client.wire.retry import Retries
from tests.client.script import CONTAINER, SETTINGS
from tests.client.shells import Drive, by_aiohttp, by_requests
from tests.client.sockets import Received, Served, http_server
from tests.effort import examples

PERSONALIZED = offer_kind("personalized")
NO_RETRIES = Retries(max_retries=0)
OURS = "https://platform.adobe.io"
INSTANCE = "9b1f6c1e-55aa-41d0-8a0c-0c4f1d6e7f02"


def access_of(api: str, settings: Settings = SETTINGS) -> Access:
    return Access(Exchange(settings, NO_RETRIES), Xcore(CONTAINER) if api == "xcore" else Dps())


def relative(api: str, href: str, settings: Settings = SETTINGS) -> str:
    answer = Answer(Call("GET", "/offers", {}), Response(200, {}, b"{}"), "ours-1")
    return access_of(api, settings).relative(href, answer)


@pytest.mark.parametrize(
    ("href", "expected"),
    [
        ("/data/core/dps/offers?start=1", "/offers?start=1"),
        ("/offers?start=1", "/offers?start=1"),
        ("offers?start=1", "/offers?start=1"),
        (f"{OURS}/data/core/dps/offers?start=1", "/offers?start=1"),
        (f"{OURS}:443/data/core/dps/offers", "/offers"),
        ("HTTPS://Platform.Adobe.IO/data/core/dps/offers", "/offers"),
        ("//platform.adobe.io/data/core/dps/offers", "/offers"),
        ("/offers?start=a%2Bb+c%20d&x=%2F..%2F..", "/offers?start=a%2Bb+c%20d&x=%2F..%2F.."),
        ("/offers/a%2Fb", "/offers/a%2Fb"),
        ("/offers?next=https://evil.example/@x", "/offers?next=https://evil.example/@x"),
        ("/offers?q=Größe und\tmehr", "/offers?q=Gr%C3%B6%C3%9Fe%20und%09mehr"),
        ("/offers\r\nHost: evil.example", "/offers%0D%0AHost:%20evil.example"),
        ("/offers#fragment", "/offers"),
        ("/data/core/dpsx/offers", "/data/core/dpsx/offers"),
        ("///evil.example/x", "/evil.example/x"),
    ],
)
def test_links_to_the_service_itself(href: str, expected: str) -> None:
    assert relative("dps", href) == expected


ELSEWHERE = [
    "https://evil.example/data/core/dps/offers",
    "//evil.example/data/core/dps/offers",
    "https://platform.adobe.io.evil.example/offers",
    "https://evil.example\\.adobe.io/offers",
    "https://platform.adobe.io\\@evil.example/offers",
    "https://platform.adobe.io@evil.example/offers",
    "https://user:password@platform.adobe.io/offers",
    "https://@platform.adobe.io/offers",
    "https://platform.adobe.io:8443/offers",
    "https://platform.adobe.io:80/offers",
    "http://platform.adobe.io/data/core/dps/offers",
    "http://platform.adobe.io:443/offers",
    "https://platform.adobe.io:x/offers",
    "https://[::1/offers",
    "https:evil.example/offers",
    "https:/evil.example/offers",
    "https:///evil.example/offers",
    "ftp://platform.adobe.io/offers",
    "javascript:alert(1)",
    "data:text/plain,x",
    "https://platform.adobe.i\u043e/offers",  # a Cyrillic letter
    "https://platform。adobe.io/offers",
    "https://platform.adobe.io%2eevil.example/offers",
    "/../../../ims/token",
    "/data/core/dps/../../../ims/token",
    "/data/core/dps/offers/..",
    "/offers/%2e%2E/%2e%2e/ims",
    "/offers/..%2f..%2fims",
    "/offers/..\\..\\ims",
    "/offers/..%5cims",
    "/./offers",
    "..",
    "?start=1",
    "#x",
    "",
    "/offers?x=\ud800",
    "/" + "x" * 20_000,
]


@pytest.mark.parametrize("href", ELSEWHERE, ids=lambda href: ascii(href)[:60])
@pytest.mark.parametrize("api", ["dps", "xcore"])
def test_links_to_elsewhere_are_refused(api: str, href: str) -> None:
    if api == "xcore":
        href = href.replace("/dps", "/xcore")
    with pytest.raises(UnexpectedResponseError) as caught:
        relative(api, href)
    assert "evil" not in str(caught.value)
    assert "password" not in str(caught.value)


DELIMITERS = [
    "/",
    "//",
    "\\",
    "@",
    ":",
    "..",
    ".",
    "%2e",
    "%2f",
    "%5c",
    "%00",
    "\r\n",
    "\t",
    " ",
    "?",
    "#",
    "&",
    "[",
    "]",
]
WORDS = ["http:", "https:", "platform.adobe.io", "evil.example", "user:pw@", ":443", ":80", "/data/core/dps", "offers"]
ODD = ["ü", "。", "\u2028", "\ud800", "\x00", "|", '"', "x", ";"]
PIECES = st.sampled_from([*DELIMITERS, *WORDS, *ODD])


@examples(170)
@given(href=st.one_of(st.lists(PIECES, max_size=10).map("".join), st.text(max_size=40)))
@pytest.mark.parametrize("host", [OURS, "http://127.0.0.1:8080", "https://[::1]:8443"])
def test_whatever_a_link_says_the_request_goes_to_the_service_or_nowhere(host: str, href: str) -> None:
    settings = replace(SETTINGS, host=host)
    try:
        path = relative("dps", href, settings)
    except UnexpectedResponseError:
        return
    url = f"{host}/data/core/dps{path}"
    assert url.isascii()
    assert url.isprintable()
    ours, theirs = urlsplit(host), urlsplit(url)
    assert (theirs.scheme, theirs.netloc) == (ours.scheme, ours.netloc)
    # As the HTTP libraries of both shells read it.
    assert URL(url, encoded=True).raw_authority == ours.netloc
    seen = parse_url(url)
    assert (seen.scheme, seen.netloc) == (ours.scheme, ours.netloc)
    assert seen.path is not None
    assert seen.path.startswith("/data/core/dps/")
    assert theirs.path.startswith("/data/core/dps/")


@pytest.fixture(params=[by_requests, by_aiohttp], ids=["sync", "async"])
def drive(request: pytest.FixtureRequest) -> Drive:
    """Each shell in turn."""
    return partial(request.param, retries=NO_RETRIES)


def settings_for(served: Served, **changes: Any) -> Settings:
    plain: dict[str, Any] = {"host": served.url, "token_url": f"{served.url}/ims/token/v3", "timeout": 5.0}
    return replace(SETTINGS, **{**plain, **changes})


def granting(handler: Callable[[Received], Any]) -> Callable[[Received], Any]:
    """Answers token requests with a token, and passes other requests to the handler."""

    def handle(received: Received) -> Any:
        if received.target.startswith("/ims/"):
            return 200, {}, json.dumps({"access_token": "the-token", "expires_in": 3600}).encode()
        return handler(received)

    return handle


def nothing(_: Received) -> tuple[int, dict[str, str], bytes]:
    return 200, {}, b"{}"


LINKS = [
    "{evil}/data/core/{api}/offers",
    "//{evil_netloc}/data/core/{api}/offers",
    "http://{netloc}@{evil_netloc}/offers",
    "http://{netloc}\\@{evil_netloc}/offers",
    "{evil}\\.{netloc}/offers",
    "/\\{evil_netloc}/offers",
    "///{evil_netloc}/offers",
    "/offers HTTP/1.1\r\nHost: {evil_netloc}\r\n\r\nGET /",
]


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("api", ["dps", "xcore"])
def test_no_next_page_of_another_host_gets_a_credential(drive: Drive, api: str, link: str) -> None:
    def first_page(received: Received) -> tuple[int, dict[str, str], bytes]:
        if "followed" in received.target or len(ours.received) > 2:
            return 404, {}, b"{}"
        href = link.format(api=api, evil=evil.url, evil_netloc=evil.url[7:], netloc=ours.url[7:])
        page = {"results": [], "count": 0, "total": 5}
        return 200, {}, json.dumps({"_embedded": page, **page, "_links": {"next": {"href": href}}}).encode()

    def both(listing: Listing) -> Flow[None]:
        yield from listing.advance()
        yield from listing.advance()

    with http_server(nothing) as evil, http_server(granting(first_page)) as ours:
        settings = settings_for(ours)
        access = access_of(api, settings)
        listing = Listing(access, PERSONALIZED, access.generation.recent(PERSONALIZED, 5))
        with pytest.raises(OfferLibraryError) as caught:
            drive(both(listing), settings)
    assert evil.received == []
    assert "the-token" not in str(caught.value)
    assert all(urlsplit(request.target).path.startswith(f"/data/core/{api}/") for request in ours.received[1:])


@pytest.mark.parametrize("link", LINKS)
def test_no_place_of_another_host_to_ask_for_a_deletion_gets_a_credential(drive: Drive, link: str) -> None:
    location = link.replace("\r\n", "").replace("\\", "%5c" if link.startswith("/") else "\\")

    def accepted(received: Received) -> tuple[int, dict[str, str], bytes]:
        if received.method == "DELETE":
            where = location.format(api="xcore", evil=evil.url, evil_netloc=evil.url[7:], netloc=ours.url[7:])
            return 202, {"Location": where}, b""
        return 404, {}, b'{"title":"gone"}'

    with http_server(nothing) as evil, http_server(granting(accepted)) as ours:
        settings = settings_for(ours)
        with contextlib.suppress(UnexpectedResponseError):
            drive(delete(access_of("xcore", settings), Reference(PERSONALIZED, instance_id=INSTANCE)), settings)
    assert evil.received == []
    assert [request.method for request in ours.received][:2] == ["POST", "DELETE"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("api", ["dps", "xcore"])
def test_a_redirect_to_another_host_gets_no_credential(drive: Drive, api: str, status: int) -> None:
    with (
        http_server(nothing) as evil,
        http_server(granting(lambda _: (status, {"Location": f"{evil.url}/offers"}, b""))) as ours,
    ):
        settings = settings_for(ours)
        reference = Reference(PERSONALIZED, id="dps:personalized-offer:1", instance_id=INSTANCE)
        with pytest.raises(UnexpectedResponseError, match="redirects are not followed, because"):
            drive(read_now(access_of(api, settings), reference), settings)
    assert evil.received == []
    assert len(ours.received) == 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_of_the_identity_service_gets_no_secret(drive: Drive, status: int) -> None:
    with (
        http_server(nothing) as evil,
        http_server(lambda _: (status, {"Location": f"{evil.url}/ims/token/v3"}, b"")) as ours,
    ):
        settings = settings_for(ours)
        with pytest.raises(AuthenticationError, match=f"gave no token \\({status}"):
            drive(read_now(access_of("dps", settings), Reference(PERSONALIZED, id="x:1")), settings)
    assert evil.received == []
    assert len(ours.received) == 1
