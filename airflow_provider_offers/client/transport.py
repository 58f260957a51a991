"""The synchronous shell: drives flows with `requests`, one session a thread, nothing followed or retried by itself."""

from __future__ import annotations

import logging
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import (
    DecodeError,
    HTTPError,
    LocationValueError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
)

from airflow_provider_offers import __version__
from airflow_provider_offers.client.auth import SHARED_TOKENS, TokenCache, fetch_token
from airflow_provider_offers.client.errors import AuthenticationError, NoAnswerError, OfferLibraryError
from airflow_provider_offers.client.network import proxy_for, tls_context
from airflow_provider_offers.client.retry import Retries
from airflow_provider_offers.client.secret import Secret
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.wire import Effect, Flow, Pause, Request, Response, TokenNeeded

T = TypeVar("T")

USER_AGENT = f"airflow-provider-offers/{__version__}"
MAX_BODY = 64 * 1024 * 1024
_CHUNK = 64 * 1024

log = logging.getLogger(__name__)


class SyncShell:
    """Runs flows for one connection. Safe to share between threads; `close` ends its sessions.

    `on_token` is told every token that IMS gives, so that the caller can keep it out of logs.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        retries: Retries,
        tokens: TokenCache = SHARED_TOKENS,
        on_token: Callable[[str], None] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._retries = retries
        self._tokens = tokens
        self._on_token = on_token
        self._sleep = sleep
        self._clock = clock
        self._local = threading.local()
        self._sessions: list[requests.Session] = []
        self._guard = threading.Lock()
        self._proxies: dict[str, Secret | None] = {}

    @property
    def last_request_id(self) -> str | None:
        """The request id of this thread's latest answer."""
        return getattr(self._local, "request_id", None)

    def run(self, flow: Flow[T]) -> T:
        """Drive a flow to its end and return what it returns."""
        try:
            effect = next(flow)
            while True:
                try:
                    result = self._perform(effect)
                except OfferLibraryError as error:
                    effect = flow.throw(error)
                else:
                    effect = flow.send(result)
        except StopIteration as stop:
            value: T = stop.value
            return value
        finally:
            flow.close()

    def close(self) -> None:
        with self._guard:
            sessions, self._sessions = self._sessions, []
        for session in sessions:
            session.close()
        self._local = threading.local()

    def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Request):
            return self._exchange(effect)
        if isinstance(effect, TokenNeeded):
            return self._token(effect.refused)
        if isinstance(effect, Pause):
            log.warning("Trying again in %.1f s: %s", effect.seconds, effect.reason)
            self._sleep(effect.seconds)
        return None

    def _token(self, refused: str | None) -> str:
        settings = self._settings
        if settings.access_token is not None:
            if refused is not None:
                raise AuthenticationError("The access_token of the connection is not accepted; it may be expired")
            return settings.access_token
        with self._tokens.exclusive(settings):
            token = self._tokens.current(settings, self._clock(), refused)
            if token is None:
                token = self.run(fetch_token(settings, self._clock, self._retries))
                if self._on_token is not None:
                    self._on_token(str(token.value))
                self._tokens.keep(settings, token)
            return token.value

    def _exchange(self, request: Request) -> Response:
        session = self._session()
        began = self._clock()
        try:
            prepared = session.prepare_request(
                requests.Request(request.method, request.url, headers=dict(request.headers), data=request.body)
            )
            # `requests` would respell the query; links of the service are followed as they were given.
            prepared.url = request.url
            # Not by `session.send`: it looks into redirects even where it is told not to follow them.
            adapter = session.get_adapter(request.url)
            timeout, verify = self._settings.timeout, self._settings.verify is not False
            proxies = self._proxy(request.url)
            with adapter.send(prepared, timeout=timeout, verify=verify, proxies=proxies) as answer:
                body = self._read(answer, request, began)
                headers = {name.lower(): value for name, value in answer.headers.items()}
                answered = Response(answer.status_code, headers, body)
                self._local.request_id = answered.request_id or request.headers.get("x-request-id")
                return answered
        except requests.RequestException as error:
            raise _lost(request, error) from None
        except HTTPError as error:
            raise _broken_off(request, error) from None

    def _proxy(self, url: str) -> dict[str, str]:
        """The proxy on the way, found once for each host: looking through the environment takes long."""
        scheme, _, rest = url.partition("://")
        origin = f"{scheme}://{rest.partition('/')[0]}"
        if origin not in self._proxies:
            self._proxies[origin] = proxy_for(url, self._settings)
        proxy = self._proxies[origin]
        return {} if proxy is None else {scheme: proxy}

    def _read(self, answer: requests.Response, request: Request, began: float) -> bytes:
        """The body, unless it is endless: bounded in size, and in time even where it only drips."""
        chunks = []
        size = 0
        # `iter_content` comes back only with a whole chunk, however long its bytes take.
        while chunk := answer.raw.read1(_CHUNK, decode_content=True):
            size += len(chunk)
            if size > MAX_BODY:
                raise no_answer(request, f"an answer of more than {MAX_BODY} bytes", sent=True)
            if self._clock() - began > (bound := 2 * self._settings.timeout):
                raise no_answer(request, f"an answer still incomplete after {bound:g} s", sent=True)
            chunks.append(chunk)
        return b"".join(chunks)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            adapter = _Adapter(tls_context(self._settings.verify))
            session = requests.Session()
            session.headers["User-Agent"] = USER_AGENT
            # Off, as it would put an entry of ~/.netrc in place of the token; proxies and authorities are found by us.
            session.trust_env = False
            session.mount("https://", adapter)
            session.mount("http://", adapter)
            self._local.session = session
            with self._guard:
                self._sessions.append(session)
        return session


class _Adapter(HTTPAdapter):
    """Trusts what the context trusts; left to itself, `requests` would add its own authorities."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(max_retries=0)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options, ssl_context=self._context)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        return super().proxy_manager_for(proxy, **options, ssl_context=self._context, proxy_ssl_context=self._context)

    def cert_verify(self, *_: Any) -> None:
        """Nothing is left to be said: the context verifies."""


def _lost(request: Request, error: requests.RequestException) -> NoAnswerError:
    """What became of a request that `requests` has no answer for. Its texts are not kept: they quote URLs."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    if isinstance(error, requests.exceptions.SSLError):
        cause = reason.args[0] if isinstance(reason, HTTPError) and reason.args else None
        if isinstance(cause, ssl.SSLCertVerificationError):
            return no_answer(request, "the server's TLS certificate was not accepted", sent=False)
        # TLS can also end in the middle of an answer.
        return no_answer(request, "the TLS connection failed", sent=True)
    if isinstance(error, requests.exceptions.ProxyError) or isinstance(reason, ProxyError):
        return no_answer(request, "the proxy could not be used", sent=False)
    if isinstance(error, requests.ConnectTimeout):
        return no_answer(request, "no connection within the timeout", sent=False)
    if isinstance(reason, NameResolutionError):
        return no_answer(request, "the host's name could not be resolved", sent=False)
    if isinstance(reason, NewConnectionError):
        return no_answer(request, "the connection was refused", sent=False)
    if isinstance(error, requests.Timeout):
        return no_answer(request, "no answer within the timeout", sent=True)
    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader)):
        return no_answer(request, f"the request is not valid ({type(error).__name__})", sent=False)
    return no_answer(request, "the connection was lost", sent=True)


def _broken_off(request: Request, error: HTTPError) -> NoAnswerError:
    """What became of an answer whose body did not come whole."""
    if isinstance(error, LocationValueError):
        return no_answer(request, "the address is not valid", sent=False)
    if isinstance(error, ReadTimeoutError):
        return no_answer(request, "no answer within the timeout", sent=True)
    if isinstance(error, DecodeError):
        return no_answer(request, "the answer could not be decompressed", sent=True)
    return no_answer(request, "the answer broke off", sent=True)


def no_answer(request: Request, reason: str, *, sent: bool) -> NoAnswerError:
    """The error for a request without an answer; its query is left out."""
    path = request.url.partition("://")[2].partition("/")[2].partition("?")[0]
    return NoAnswerError(reason, method=request.method, path=f"/{path}", sent=sent)
