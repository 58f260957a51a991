"""No repr, pickle, log or error shows a connection's secret, with any answer of the service and any failure."""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import logging
import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.client.errors import ConflictError, OfferLibraryError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.deleting import delete
from airflow_provider_offers.client.flows.listing import Listing
from airflow_provider_offers.client.flows.patching import patch
from airflow_provider_offers.client.flows.reading import read_now
from airflow_provider_offers.client.generations.dps import Dps
from airflow_provider_offers.client.generations.xcore import Xcore
from airflow_provider_offers.client.model.entities import Reference
from airflow_provider_offers.client.model.kinds import offer_kind
from airflow_provider_offers.client.model.patches import PreparedPatch
from airflow_provider_offers.client.secret import STRUCK, Secret, spellings, without_secrets
from airflow_provider_offers.client.session import AsyncSession
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.wire import async_shell, sync_shell
from airflow_provider_offers.client.wire.async_shell import AsyncShell
from airflow_provider_offers.client.wire.auth import Token, TokenCache
from airflow_provider_offers.client.wire.exchange import Exchange
from airflow_provider_offers.client.wire.governor import Governor
from airflow_provider_offers.client.wire.messages import Call, Flow, Request, TokenNeeded
from airflow_provider_offers.client.wire.retry import Retries
from airflow_provider_offers.client.wire.sync_shell import SyncShell
from tests.client.library import entity, sale
from tests.client.script import CONTAINER, SETTINGS, Script, answer
from tests.client.sockets import Received, free_port, http_server
from tests.traces import told_by

# With characters that forms, JSON and HTML spell differently.
SECRET = 'planted/secret+1="2"&<é'
TOKEN = "eyJplanted.token-value.of/IMS+"
PROXY = "http://somebody:planted%2Fproxy@127.0.0.1:{port}"
PLANTED = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="*"), min_size=6, max_size=30)
SPELLINGS: list[Callable[[str], str]] = [
    str,
    quote,
    quote_plus,
    lambda text: quote(text, safe=""),
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
]
PERSONALIZED = offer_kind("personalized")
BOTH = Reference(PERSONALIZED, id="dps:personalized-offer:1", instance_id="9b1f6c1e-55aa-41d0-8a0c-0c4f1d6e7f02")


@given(planted=PLANTED, spell=st.sampled_from(SPELLINGS), before=st.text(max_size=5), after=st.text(max_size=5))
def test_a_secret_is_struck_out_however_it_is_spelt(
    planted: str, spell: Callable[[str], str], before: str, after: str
) -> None:
    said = without_secrets(f"{before} {spell(planted)} {after}", [planted])
    assert spell(planted) not in said
    assert STRUCK in said


@pytest.mark.parametrize(
    "said",
    [
        "A.Customer@Example.COM",
        "Email_a.customer@example.com",
        "id%3Da.customer%40example.com%26",
        "YS5jdXN0b21lckBleGFtcGxlLmNvbQ==",
        json.dumps("\n")[1:-1] + "a.customer@example.com",
    ],
)
def test_a_long_secret_is_struck_out_in_any_case_and_within_words(said: str) -> None:
    told = without_secrets(f"<{said}>", ["a.customer@example.com"]).lower()
    assert STRUCK in told
    assert not any(part in told for part in ("customer", "example", "ys5j"))


@pytest.mark.parametrize("said", ["\xc9", "%C3%89", "%c3%a9", "\\u00c9", "\\u00E9"])
@pytest.mark.parametrize("at", ["@", "%40"])
def test_capitals_are_known_in_every_spelling(said: str, at: str) -> None:
    if said.startswith("%") == (at == "%40"):
        assert without_secrets(f"ANDR{said}{at}x.org", ["andr\xe9@x.org"]) == STRUCK


def test_a_short_secret_is_struck_out_where_it_stands_by_itself() -> None:
    said = without_secrets("no offer o-1 for 4711, crm_4711, id%3D4711 or A1, but 47112 and offer-a12", ["4711", "a1"])
    assert said == "no offer o-1 for ***, crm_***, id%3D*** or ***, but 47112 and offer-a12"


@given(text=st.text(max_size=50))
def test_what_holds_no_secret_stays_as_it_is(text: str) -> None:
    assert without_secrets(text, ["", "planted-secret"]) == text


def test_a_bearer_token_is_struck_out_even_if_it_is_another_or_cut_off() -> None:
    said = 'Authorization: Bearer eyJ.of-somebody", "authorization": "bearer eyJ'
    assert without_secrets(said, []) == 'Authorization: Bearer *** "authorization": "bearer ***'


def test_a_secret_is_text_that_does_not_show() -> None:
    secret = Secret("planted")
    assert (secret, f"{secret}", json.dumps([secret])) == ("planted", "planted", '["planted"]')
    assert hash(secret) == hash("planted")
    for shown in (repr(secret), repr([secret]), repr({"x": secret}), f"{secret!r}"):
        assert "planted" not in shown


def settings_for(url: str, **changes: Any) -> Settings:
    fields: dict[str, Any] = {"client_secret": SECRET, "token_url": f"{url}/ims/token/v3", "timeout": 5.0}
    return replace(SETTINGS, host=url, **{**fields, **changes})


def test_nothing_that_holds_a_secret_shows_or_pickles_it() -> None:
    settings = settings_for("https://x", access_token=TOKEN, proxies={"https": PROXY})
    tokens = TokenCache()
    token = Token(TOKEN, renew_at=1.0)
    tokens.keep(settings, token)
    exchange = Exchange(settings)
    access = Access(exchange, Dps())

    async def main() -> None:
        shell = AsyncShell(settings, retries=Retries(), governor=Governor(), tokens=tokens)
        sync = SyncShell(settings, retries=Retries(), tokens=tokens)
        holders: list[Any] = [settings, token, tokens, exchange, access, shell, sync, vars(shell), vars(sync)]
        holders += [AsyncSession(settings, shell, access), TokenNeeded(refused=TOKEN), vars(tokens)]
        for holder in holders:
            for shown in (repr(holder), str(holder), f"{[holder]}"):
                assert "planted" not in shown
            for attempt in (pickle.dumps, copy.deepcopy):
                if not isinstance(holder, (dict, TokenNeeded)):
                    with pytest.raises(TypeError):
                        attempt(holder)

    asyncio.run(main())
    assert token.value == TOKEN


def by_requests(flow: Flow[Any], settings: Settings) -> Any:
    shell = SyncShell(settings, retries=Retries(max_retries=1, base=0), tokens=TokenCache())
    try:
        return shell.run(flow)
    finally:
        shell.close()


def by_aiohttp(flow: Flow[Any], settings: Settings) -> Any:
    async def drive() -> Any:
        retries = Retries(max_retries=1, base=0)
        async with AsyncShell(settings, retries=retries, governor=Governor(), tokens=TokenCache()) as shell:
            return await shell.run(flow)

    return asyncio.run(drive(), debug=True)


Drive = Callable[[Flow[Any], Settings], Any]


@pytest.fixture(params=[by_requests, by_aiohttp], ids=["sync", "async"])
def drive(request: pytest.FixtureRequest) -> Drive:
    """Each shell in turn."""
    found: Drive = request.param
    return found


def listing(access: Access) -> Flow[Any]:
    return Listing(access, PERSONALIZED, access.generation.recent(PERSONALIZED, 5)).advance()


CALLS: dict[str, Callable[[Access], Flow[Any]]] = {
    "read": lambda access: read_now(access, BOTH),
    "list": listing,
    "patch": lambda access: patch(
        access, BOTH, PreparedPatch([{"op": "replace", "path": "/name", "value": "x"}]), if_match=1
    ),
    "delete": lambda access: delete(access, BOTH),
}


def fails(
    drive: Drive, settings: Settings, caplog: pytest.LogCaptureFixture, *calls: str, api: str = "dps", **told: Any
) -> set[str]:
    """Make each call; no error and no log line shows a secret. Return the types of the errors."""
    kinds = set()
    for call in calls or ("list",):
        exchange = Exchange(settings, Retries(max_retries=1, base=0))
        access = Access(exchange, Xcore(CONTAINER) if api == "xcore" else Dps())
        with caplog.at_level(logging.DEBUG), pytest.raises(OfferLibraryError) as caught:
            drive(CALLS[call](access), settings)
        kinds.add(type(caught.value).__name__)
        assert_untold(told_by(caught.value, **told))
    assert_untold(caplog.text)
    return kinds


def assert_untold(text: str) -> None:
    assert "planted" not in text
    for secret in (SECRET, TOKEN, "planted/proxy"):
        assert not [spelling for spelling in spellings(secret) if spelling in text]


Handler = Callable[[Received], tuple[int, dict[str, str], bytes]]
FORMS = ("html", "json", "cut", "list", "text")


def echo(status: int, form: str, token_status: int = 200) -> Handler:
    """Shows the request in the page and in the headers of the answer."""

    def handle(received: Received) -> tuple[int, dict[str, str], bytes]:
        to_identity_service = received.target.startswith("/ims/")
        if to_identity_service and token_status == 200:
            return 200, {}, json.dumps({"access_token": TOKEN, "expires_in": 3600}).encode()
        shown = f"{received.method} {received.target} {json.dumps(received.headers)} {received.body.decode()}"
        authorization = received.headers.get("authorization", shown)
        headers = {"X-Echo": shown, "Retry-After": authorization, "Location": "/" + quote(authorization)}
        headers |= {"X-Request-Id": authorization.removeprefix("Bearer "), "Content-Type": shown[-300:]}
        return token_status if to_identity_service else status, headers, page(form, shown, authorization)

    return handle


def page(form: str, shown: str, authorization: str) -> bytes:
    document: dict[str, Any] = dict.fromkeys(("title", "detail", "message", "error_code", "error_description"), shown)
    document |= {"error": authorization, "type": f"http://x/errors/{authorization}", "_links": shown, "id": shown}
    document |= {"_embedded": {"results": [shown]}, "results": [shown]}
    pages = {
        "html": f"<html><pre>{shown}</pre></html>",
        "json": json.dumps(document),
        "cut": json.dumps(document)[:-2],
        "list": json.dumps([document]),
        "text": shown,
    }
    return pages[form].encode()


@pytest.mark.parametrize("api", ["dps", "xcore"])
@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 409, 412, 422, 429, 500])
def test_answers_that_echo_the_request(drive: Drive, api: str, status: int, caplog: pytest.LogCaptureFixture) -> None:
    for form in FORMS:
        calls = CALLS if form == "json" and status != 200 else ("list",)
        # The variables of the code that reads a good answer contain it.
        good = status == 200 and form in ("json", "list")
        with http_server(echo(status, form)) as served:
            fails(drive, settings_for(served.url), caplog, *calls, api=api, by_locals=not good)
            fails(drive, settings_for(served.url, access_token=TOKEN), caplog, api=api, by_locals=not good)
        sent = [request for request in served.received if not request.target.startswith("/ims/")]
        assert {request.headers["authorization"] for request in sent} == {f"Bearer {TOKEN}"}


def test_an_answer_without_end_that_echoes_the_request(
    drive: Drive, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for shell in (sync_shell, async_shell):
        monkeypatch.setattr(shell, "MAX_BODY", 100)
    with http_server(echo(200, "html")) as served:
        assert fails(drive, settings_for(served.url, access_token=TOKEN), caplog) == {"NoAnswerError"}
    assert {request.headers["authorization"] for request in served.received} == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize("status", [203, 302, 400, 401, 403, 429, 500])
def test_an_identity_service_that_echoes_the_request(
    drive: Drive, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    for form in FORMS:
        with http_server(echo(200, form, token_status=status)) as served:
            assert fails(drive, settings_for(served.url), caplog) == {"AuthenticationError"}
        assert all(quote(SECRET, safe=",") in request.body.decode() for request in served.received)


@pytest.mark.parametrize("by_environment", [True, False])
@pytest.mark.parametrize("status", [200, 400, 429, 503])
@pytest.mark.parametrize("form", ["html", "json"])
def test_a_proxy_that_echoes_what_logs_in_at_it(
    drive: Drive,
    by_environment: bool,
    status: int,
    form: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    def handle(received: Received) -> tuple[int, dict[str, str], bytes]:
        login = received.headers["proxy-authorization"]
        said = f"you sent {login}, that is {base64.b64decode(login.partition(' ')[2]).decode()}"
        return status, {"X-Request-Id": login, "Content-Type": said}, page(form, said, login)

    with http_server(handle) as proxy:
        address = PROXY.format(port=proxy.url.rpartition(":")[2])
        monkeypatch.setenv("http_proxy", address)
        # Without a scheme, as a connection may contain it too.
        proxies = None if by_environment else {"http": address.removeprefix("http://")}
        settings = settings_for("http://platform.invalid", proxies=proxies)
        for way in (settings, replace(settings, access_token=TOKEN)):
            fails(drive, way, caplog, by_locals=status != 200)
    assert proxy.received


def test_the_request_id_that_a_shell_remembers_holds_no_secret() -> None:
    settings = settings_for("", client_secret="planted-secret", access_token=TOKEN)
    with http_server(lambda _: (200, {"X-Request-Id": f"id-of-{TOKEN}-planted-secret"}, b"{}")) as served:
        settings = replace(settings, host=served.url)

        async def main() -> str | None:
            async with AsyncShell(settings, retries=Retries(), governor=Governor()) as shell:
                await shell.run(Exchange(settings).send(Call("GET", "/x", {}), ""))
                return shell.last_request_id

        sync = SyncShell(settings, retries=Retries())
        sync.run(Exchange(settings).send(Call("GET", "/x", {}), ""))
        assert sync.last_request_id == asyncio.run(main()) == "id-of-***-***"
        sync.close()


def test_a_verdict_on_a_deletion_that_echoes_the_request() -> None:
    """The verdict is read with any status, and quoted if the offer still exists."""
    echoed = {"detail": f"refused: Authorization: Bearer {TOKEN}, {TOKEN}"}
    accepted, there = answer(202, None, {"location": "/deletions/7"}), answer(200, entity("xcore", sale()))
    script = Script(accepted, answer(404, echoed), *[there] * 40, tokens=[TOKEN])
    with pytest.raises(ConflictError) as caught:
        script.go(delete(script.access("xcore"), BOTH))
    assert "refused: Authorization: Bearer ***" in str(caught.value)
    assert_untold(told_by(caught.value, by_locals=False))


@pytest.mark.parametrize("value", [f"Bearer {TOKEN}", f"{TOKEN}\n", f"{TOKEN}é", [TOKEN]])
def test_a_token_that_is_none(drive: Drive, value: Any, caplog: pytest.LogCaptureFixture) -> None:
    granted = json.dumps({"access_token": value, "expires_in": 3600}).encode()
    with http_server(lambda _: (200, {}, granted)) as served:
        assert fails(drive, settings_for(served.url), caplog) == {"AuthenticationError"}


def test_a_way_that_fails(drive: Drive, caplog: pytest.LogCaptureFixture) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    proxy = PROXY.format(port=free_port())
    with http_server(echo(200, "html")) as served:
        plain = served.url.replace("http:", "https:")
        for way in (
            settings_for(nowhere),
            settings_for(plain),
            settings_for("https://platform.invalid", proxies={"https": proxy}),
            settings_for("http://platform.invalid", proxies={"http": proxy}),
            settings_for("https://no-such-host.invalid", proxies={}),
            settings_for("https://127.0.0.1:9", verify="/no/such/ca.pem"),
        ):
            fails(drive, way, caplog)
            fails(drive, replace(way, access_token=TOKEN), caplog)


def test_a_header_that_cannot_be_sent_is_not_quoted(drive: Drive) -> None:
    def one() -> Flow[Any]:
        yield Request("GET", f"http://127.0.0.1:{free_port()}/", {"Authorization": Secret(f"Bearer {TOKEN}\r\nx: y")})

    with pytest.raises(OfferLibraryError) as caught:
        drive(one(), SETTINGS)
    assert_untold(told_by(caught.value))
