"""Tokens: the exchange with IMS as a flow, and the cache that all threads share, on a real server."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_offers.client.errors import AuthenticationError
from airflow_provider_offers.client.wire.auth import Token, TokenCache, fetch_token
from airflow_provider_offers.client.wire.exchange import Exchange
from airflow_provider_offers.client.wire.messages import Call
from airflow_provider_offers.client.wire.retry import Retries
from airflow_provider_offers.client.wire.sync_shell import SyncShell
from tests.client.script import SETTINGS, Script, Step, answer, lost
from tests.client.sockets import Received, free_port, http_server
from tests.effort import examples

SECRET = SETTINGS.client_secret or ""
PATIENT = Retries(max_retries=2, jitter=lambda: 1.0)


def fetch(*steps: Step, settings: Any = SETTINGS, retries: Retries = PATIENT) -> tuple[Token, Script]:
    script = Script(*steps)
    return script.run(fetch_token(settings, script.clock, retries, script.now)), script


def fail(*steps: Step, settings: Any = SETTINGS) -> AuthenticationError:
    script = Script(*steps)
    with pytest.raises(AuthenticationError) as caught:
        script.run(fetch_token(settings, script.clock, PATIENT, script.now))
    assert not script.steps
    return caught.value


def test_the_secret_goes_into_the_form_and_never_into_the_url() -> None:
    settings = replace(SETTINGS, client_secret="p@ss w/ord&x=1+ü")
    token, script = fetch(answer(200, {"access_token": "t", "expires_in": 86399}), settings=settings)
    (request,) = script.requests
    assert token.value == "t"
    assert (request.method, request.url) == ("POST", "https://ims-na1.adobelogin.com/ims/token/v3")
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.body is not None
    assert b"scope=openid,AdobeID,read_organizations,additional_info.projectedProductContext,session" in request.body
    assert dict(parse_qsl(request.body.decode())) == {
        "grant_type": "client_credentials",
        "client_id": "our-client",
        "client_secret": "p@ss w/ord&x=1+ü",
        "scope": settings.scopes,
    }
    assert "Authorization" not in request.headers
    assert "p@ss" not in repr(request)


@pytest.mark.parametrize(
    ("expires_in", "lifetime"),
    [
        (86_399, 86_399),
        ("86399", 86_399),
        (3_599.5, 3_599.5),
        (None, 3_600),
        (0, 3_600),
        (-1, 3_600),
        (True, 3_600),
        ("soon", 3_600),
        ([], 3_600),
        (86_399_000, 7 * 86_400),
        (10**400, 7 * 86_400),
    ],
)
def test_the_lifetime_is_read_in_seconds_and_renewed_early(expires_in: Any, lifetime: float) -> None:
    token, _ = fetch(answer(200, {"access_token": "t", "expires_in": expires_in}))
    assert token.renew_at == 1_000 + lifetime - 300


def test_a_short_lived_token_is_used_for_half_its_life() -> None:
    token, _ = fetch(answer(200, {"access_token": "t", "expires_in": 60}))
    assert token.renew_at == 1_030


def test_the_lifetime_counts_from_the_request_and_not_from_the_answer() -> None:
    script = Script(answer(200, {"access_token": "t", "expires_in": 1_000}), took=20)
    assert script.run(fetch_token(SETTINGS, script.clock, PATIENT)).renew_at == 1_700


@pytest.mark.parametrize(
    ("code", "said", "hint"),
    [
        ("invalid_client", "invalid client_secret parameter", "client secret"),
        ("invalid_client", "invalid client_id parameter", "client id"),
        ("invalid_scope", "scope not known", "Developer Console"),
        ("unauthorized_client", None, "JWT"),
        ("unsupported_grant_type", "no", "token_url"),
    ],
)
def test_what_ims_refuses_says_what_to_check(code: str, said: str | None, hint: str) -> None:
    error = fail(answer(400, {"error": code, "error_description": said}))
    assert (error.status, error.code, error.retryable) == (400, code, False)
    for part in (code, said or "", hint, "ims-na1.adobelogin.com"):
        assert part in str(error)


def test_a_failing_ims_is_asked_again_and_then_reported_as_worth_a_retry() -> None:
    down = answer(500, {"error": "internal_error", "error_description": "Please try again later"})
    token, script = fetch(down, down, answer(200, {"access_token": "t"}))
    assert token.value == "t"
    assert [pause.seconds for pause in script.pauses] == [0.5, 1.0]
    error = fail(down, down, down)
    assert (error.status, error.code, error.retryable) == (500, "internal_error", True)


def test_a_lost_answer_costs_nothing_but_another_request() -> None:
    assert fetch(lost(), answer(200, {"access_token": "t"}))[0].value == "t"
    error = fail(lost(), lost(), lost())
    assert error.retryable
    assert "did not answer: the connection was lost" in str(error)


def test_a_busy_ims_says_when_to_come_back() -> None:
    busy = answer(429, {"error": "rate_limited"}, {"retry-after": "9"})
    _, script = fetch(busy, answer(200, {"access_token": "t"}))
    assert [pause.seconds for pause in script.pauses] == [9.5]
    assert fail(busy, busy, busy).retry_after == 9


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>log in</html>"),
        (200, b""),
        (200, {"token": "t"}),
        (200, {"access_token": ""}),
        (200, {"access_token": 5}),
        (200, {"access_token": "a b"}),
        (200, {"access_token": "a\nb"}),
        (200, {"access_token": "tökn"}),
        (200, [1]),
        (302, b""),
        (404, b"<html>"),
        (403, {"reason": "?"}),
    ],
)
def test_what_is_not_ims_is_named_by_its_setting(status: int, body: Any) -> None:
    error = fail(answer(status, body))
    assert "check `token_url`" in str(error)
    # A success without a token may be an outage.
    assert (error.status, error.retryable) == (status, status == 200)


def test_a_secret_that_ims_echoes_is_starred() -> None:
    for name in ("error", "error_description"):
        error = fail(answer(400, {name: f"invalid {SECRET}"}))
        assert SECRET not in str(error) + repr(vars(error))
        assert "***" in str(error)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.dictionaries(
            st.sampled_from(["access_token", "expires_in", "error", "error_description"]), inner, max_size=4
        )
        | st.lists(inner, max_size=2)
    ),
    max_leaves=8,
)


@given(_JSON | st.binary(max_size=20), st.integers(200, 599))
@examples(100)
def test_whatever_ims_says_is_a_token_or_an_error_of_ours(body: Any, status: int) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    script = Script(*[answer(status, content)] * 3)
    try:
        token = script.go(fetch_token(SETTINGS, script.clock, PATIENT, script.now))
    except AuthenticationError:
        return
    assert 200 <= status < 300
    assert 1_000 < token.renew_at <= 1_000 + 7 * 86_400


class Ims:
    """An identity service and an Offer Library in one, which accepts only the newest token."""

    def __init__(self) -> None:
        self.issued = 0
        self.refuse_everything = False
        self.lifetime = 3_600
        self._guard = threading.Lock()

    def __call__(self, request: Received) -> tuple[int, dict[str, str], bytes]:
        if request.target == "/ims/token/v3":
            with self._guard:
                self.issued += 1
                token = f"token-{self.issued}"
            return 200, {}, json.dumps({"access_token": token, "expires_in": self.lifetime}).encode()
        if self.refuse_everything or request.headers["authorization"] != f"Bearer token-{self.issued}":
            return 401, {}, b'{"error_code":"401013","message":"Oauth token is not valid"}'
        return 200, {}, b"{}"


def settings_for(url: str, **changes: Any) -> Any:
    return replace(SETTINGS, host=url, token_url=f"{url}/ims/token/v3", timeout=5.0, **changes)


def ask(shell: SyncShell, settings: Any) -> None:
    shell.run(Exchange(settings, Retries(max_retries=0)).send(Call("GET", "/x", {}), ""))


def test_threads_share_one_token() -> None:
    ims = Ims()
    told: list[str] = []
    with http_server(ims) as served:
        settings = settings_for(served.url)
        shell = SyncShell(settings, retries=PATIENT, tokens=TokenCache(), on_token=told.append)
        gate = threading.Barrier(8)

        def work() -> None:
            gate.wait()
            ask(shell, settings)
            ask(shell, settings)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        shell.close()
    assert ims.issued == 1
    assert told == ["token-1"]
    assert sum(request.target == "/x" for request in served.received) == 16


def test_threads_whose_token_is_refused_fetch_one_new_token_between_them() -> None:
    ims = Ims()
    with http_server(ims) as served:
        settings = settings_for(served.url)
        tokens = TokenCache()
        tokens.keep(settings, Token("stale", renew_at=float("inf")))
        shell = SyncShell(settings, retries=PATIENT, tokens=tokens)
        gate = threading.Barrier(6)
        failures: list[Exception] = []

        def work() -> None:
            gate.wait()
            try:
                ask(shell, settings)
            except Exception as failure:  # noqa: BLE001  shown below
                failures.append(failure)

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        shell.close()
    assert failures == []
    assert ims.issued == 1


def test_a_token_that_is_refused_for_ever_is_fetched_twice_and_no_more() -> None:
    ims = Ims()
    ims.refuse_everything = True
    with http_server(ims) as served:
        settings = settings_for(served.url)
        shell = SyncShell(settings, retries=PATIENT, tokens=TokenCache())
        with pytest.raises(Exception, match="401013"):
            ask(shell, settings)
        shell.close()
    assert ims.issued == 2


def test_the_cache_outlives_shells_and_renews_before_the_end() -> None:
    ims = Ims()
    tokens = TokenCache()
    with http_server(ims) as served:
        settings = settings_for(served.url)
        for now, issued in ((0.0, 1), (3_299.0, 1), (3_300.0, 2), (3_400.0, 2)):
            shell = SyncShell(settings, retries=PATIENT, tokens=tokens, clock=partial(float, now))
            ask(shell, settings)
            shell.close()
            assert ims.issued == issued


def test_another_credential_has_another_token() -> None:
    tokens = TokenCache()
    tokens.keep(SETTINGS, Token("ours", renew_at=10))
    assert tokens.current(SETTINGS, now=0) == Token("ours", renew_at=10)
    assert tokens.current(SETTINGS, now=0, refused="ours") is None
    assert tokens.current(replace(SETTINGS, sandbox="other"), now=0) is not None
    for changes in ({"client_id": "x"}, {"client_secret": "x"}, {"scopes": "x"}, {"token_url": "https://x"}):
        assert tokens.current(replace(SETTINGS, **changes), now=0) is None  # type: ignore[arg-type]
    assert SECRET not in repr(vars(tokens))
    tokens.clear()
    assert tokens.current(SETTINGS, now=0) is None


def test_a_ready_token_asks_no_one() -> None:
    ims = Ims()
    with http_server(ims) as served:
        settings = settings_for(served.url, access_token="token-0")
        shell = SyncShell(settings, retries=PATIENT, tokens=TokenCache())
        ask(shell, settings)
        ims.refuse_everything = True
        with pytest.raises(Exception, match="401013"):
            ask(shell, settings)
        shell.close()
    assert ims.issued == 0
    assert len(served.received) == 2


def test_an_ims_that_is_not_there_is_an_authentication_error() -> None:
    settings = settings_for(f"http://127.0.0.1:{free_port()}")
    shell = SyncShell(settings, retries=PATIENT, tokens=TokenCache(), sleep=lambda _: None)
    with pytest.raises(AuthenticationError, match="did not answer: the connection was refused") as caught:
        ask(shell, settings)
    assert caught.value.retryable


@pytest.mark.parametrize("status", [408, 425, 499, 502, 520, 530])
def test_what_a_gateway_answers_for_ims_is_asked_again(status: int) -> None:
    given = {"access_token": "t", "expires_in": 60}
    script = Script(answer(status, b"<html>"), answer(200, given))
    assert script.run(fetch_token(SETTINGS, script.clock, Retries(), script.now)).value == "t"
