"""The synchronous shell: runs flows with `requests`, one session per thread, no automatic redirects or retries."""

from __future__ import annotations

import asyncio
import http
import http.client
import logging
import ssl
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import requests
from urllib3.exceptions import (
    DecodeError,
    HTTPError,
    LocationValueError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
)

from airflow_provider_offers import __version__
from airflow_provider_offers.client.errors import (
    ConfigurationError,
    NoAnswerError,
    OfferLibraryError,
)
from airflow_provider_offers.client.repeated import tell
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.wire.auth import SHARED_TOKENS, TokenCache, fetch_token
from airflow_provider_offers.client.wire.connections import PROGRESS, Adapter, HeldUp
from airflow_provider_offers.client.wire.governor import Governor
from airflow_provider_offers.client.wire.memory import NO_MEMORY, Memory
from airflow_provider_offers.client.wire.messages import (
    HELD_UP,
    Effect,
    Flow,
    Keep,
    Note,
    Pause,
    Recall,
    Request,
    Response,
    TokenNeeded,
)
from airflow_provider_offers.client.wire.network import (
    NO_TLS_THERE,
    Proxies,
    is_no_tls,
    longest_answer,
    proxy_secrets,
    tls_context,
)
from airflow_provider_offers.client.wire.pace import NO_OBSERVER, Observer, Pace
from airflow_provider_offers.client.wire.retry import Retries
from airflow_provider_offers.client.wire.tracebacks import without_secrets_in_frames

T = TypeVar("T")

USER_AGENT = f"airflow-provider-offers/{__version__}"
MAX_BODY = 64 * 1024 * 1024
_CHUNK = 64 * 1024

log = logging.getLogger(__name__)


class TooLong(Exception):
    """An answer has more bytes than any valid answer. Both shells turn it into a `NoAnswerError`."""


class SyncShell:
    """Runs flows for one connection. Threads may share it; `close` ends its sessions.

    `on_token` gets every token that IMS returns, so that the caller can keep it out of logs. `memory` keeps values for
    flows. `governor` limits and spaces the requests; by default, it is this shell's own. `observer` is told about each
    request.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        retries: Retries,
        governor: Governor | None = None,
        observer: Observer = NO_OBSERVER,
        tokens: TokenCache = SHARED_TOKENS,
        on_token: Callable[[str], None] | None = None,
        memory: Memory = NO_MEMORY,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._memory = memory
        self._retries = retries
        self._tokens = tokens
        self._on_token = on_token
        self._sleep = sleep
        self._clock = clock
        self._pace = Pace(governor or Governor(clock=clock), observer)
        self._local = threading.local()
        self._sessions: list[requests.Session] = []
        self._guard = threading.Lock()
        self._proxies = Proxies(settings)

    @property
    def last_request_id(self) -> str | None:
        """The request id of this thread's latest answer."""
        return getattr(self._local, "request_id", None)

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its result."""
        outside = sys.exception()
        effect: Effect | None = None
        result: Any = None
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
        except OfferLibraryError:
            raise
        except BaseException as interruption:  # noqa: BLE001  it goes on as the same exception
            effect = result = None
            raise without_secrets_in_frames(interruption, outside)  # noqa: B904
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
        if isinstance(effect, Recall):
            return self._memory.recall(effect.key)
        if isinstance(effect, Keep):
            self._memory.keep(effect.key, effect.made())
        if isinstance(effect, Note):
            tell(log, effect.text, level=effect.level, about=effect.about, like=effect.like)
        if isinstance(effect, Pause):
            if effect.reason:
                log.warning("Trying again in %.1f s: %s", effect.seconds, effect.line)
            self._sleep(effect.seconds)
        return None

    def _token(self, refused: str | None) -> str:
        settings = self._settings
        if settings.access_token is not None:
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
        governor, pace = self._pace.governor, self._pace
        if not governor.try_enter():
            _stand_in_line(governor)
        try:
            if (wait := pace.wait(request, self._retries.deadline)) > 0:
                self._sleep(wait)
            began, response = pace.begin(), None
            try:
                response = self._send(request)
            finally:
                pace.end(request, began, response)
            return response
        finally:
            governor.leave()

    def _send(self, request: Request) -> Response:
        outcome = self._attempt(request)
        if isinstance(outcome, NoAnswerError):
            raise outcome
        return outcome

    def _attempt(self, request: Request) -> Response | NoAnswerError:
        """The answer, or the error that explains why there is none.

        The error is returned, not raised: an error that is raised here would keep the request alive in its context.
        """
        session = self._session()
        try:
            proxy = self._proxies.of(request.url)
        except ConfigurationError:
            raise
        except ValueError:
            return no_answer(request, "the request is not valid (InvalidURL)", sent=False)
        PROGRESS.start(lambda: request.is_held_up(self._clock()))
        try:
            prepared = session.prepare_request(
                requests.Request(request.method, request.url, headers=dict(request.headers), data=request.body)
            )
            # `requests` would change the spelling of the query, but the service's links must be followed exactly as
            # given.
            prepared.url = request.url
            # Not `session.send`: it reads redirects even if it must not follow them.
            adapter = session.get_adapter(request.url)
            timeout, verify = self._settings.timeout, self._settings.verify is not False
            proxies = {} if proxy is None else {request.url.partition("://")[0]: proxy}
            with adapter.send(prepared, timeout=timeout, verify=verify, proxies=proxies) as answer:
                body = self._read(answer)
                headers = {name.lower(): value for name, value in answer.headers.items()}
                secrets = (*request.secrets, *proxy_secrets(proxy, self._settings))
                answered = Response(answer.status_code, headers, body, secrets)
                self._local.request_id = answered.request_id or request.headers.get("x-request-id")
                return answered
        except HeldUp:
            return HELD_UP
        except TooLong:
            return no_answer(request, f"an answer of more than {MAX_BODY} bytes", sent=True)
        except (requests.RequestException, HTTPError, http.client.HTTPException, OSError, ValueError) as error:
            if not PROGRESS.sent:
                return _unreached(request, error, proxied=proxy is not None)
            if PROGRESS.reason is not None:
                return no_answer(request, PROGRESS.reason, sent=True)
            if PROGRESS.late:
                return still_incomplete(request, self._settings)
            return _lost(request, error)

    def _read(self, answer: requests.Response) -> bytes:
        """The body, bounded in size here and in time by `_Answer`."""
        chunks: list[bytes] = []
        size = 0
        # `iter_content` returns only whole chunks, no matter how long they take.
        while chunk := answer.raw.read1(_CHUNK, decode_content=True):
            size += len(chunk)
            if size > MAX_BODY:
                raise TooLong
            chunks.append(chunk)
        return b"".join(chunks)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            adapter = Adapter(tls_context(self._settings.verify))
            session = requests.Session()
            session.headers["User-Agent"] = USER_AGENT
            # Off: otherwise an entry of ~/.netrc would replace the token. The client finds proxies and authorities
            # itself.
            session.trust_env = False
            session.mount("https://", adapter)
            session.mount("http://", adapter)
            self._local.session = session
            with self._guard:
                self._sessions.append(session)
        return session


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs in this thread; None if none does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _stand_in_line(governor: Governor) -> None:
    """Return when the request has its place."""
    if running_loop() is not None:
        # This call blocks the event loop: requests of that loop keep their places until it returns.
        governor.enter_at_once()
        return
    placed = threading.Event()
    if governor.enter(placed.set):
        return
    try:
        placed.wait()
    except BaseException:
        governor.withdraw(placed.set)
        raise


def _unreached(request: Request, error: Exception, *, proxied: bool) -> NoAnswerError:
    """The error for a request that was not sent.

    The texts of errors are not kept, because they quote URLs. The class of an error does not show whether a request was
    sent: behind a proxy, `urllib3` has one class for all, and a bad header may be the request's or the answer's.
    """
    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader)):
        return no_answer(request, f"the request is not valid ({type(error).__name__})", sent=False)
    if isinstance(error, LocationValueError):
        return no_answer(request, "the address is not valid", sent=False)
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    cause = reason.args[0] if isinstance(reason, HTTPError) and reason.args else None
    if isinstance(cause, ssl.SSLCertVerificationError):
        return no_answer(request, "the server's TLS certificate was not accepted", sent=False)
    if proxied:
        return no_answer(request, "the proxy could not be used", sent=False)
    if is_no_tls(error) or is_no_tls(cause):
        return no_answer(request, NO_TLS_THERE, sent=False)
    if isinstance(error, requests.exceptions.SSLError):
        return no_answer(request, "the TLS connection failed", sent=False)
    if isinstance(error, requests.Timeout):
        return no_answer(request, "no connection within the timeout", sent=False)
    if isinstance(reason, NameResolutionError):
        return no_answer(request, "the host's name could not be resolved", sent=False)
    if isinstance(reason, NewConnectionError):
        return no_answer(request, "the connection was refused", sent=False)
    return no_answer(request, "no connection could be made", sent=False)


def _lost(request: Request, error: Exception) -> NoAnswerError:
    """The error for an answer that did not arrive, or not completely."""
    if isinstance(error, (requests.Timeout, ReadTimeoutError)):
        return no_answer(request, "no answer within the timeout", sent=True)
    if isinstance(error, requests.exceptions.InvalidHeader):
        return no_answer(request, "the answer's headers cannot be read", sent=True)
    if isinstance(error, requests.exceptions.SSLError):
        return no_answer(request, "the TLS connection failed", sent=True)
    if isinstance(error, requests.RequestException):
        return no_answer(request, "the connection was lost", sent=True)
    if isinstance(error, DecodeError):
        return no_answer(request, "the answer could not be decompressed", sent=True)
    if isinstance(error, HTTPError):
        return no_answer(request, "the answer broke off", sent=True)
    return no_answer(request, "the answer cannot be read", sent=True)


def still_incomplete(request: Request, settings: Settings) -> NoAnswerError:
    """The error for an answer that took too long."""
    seconds = longest_answer(settings.timeout)
    return no_answer(request, f"an answer still incomplete after {seconds:g} s", sent=True)


def no_answer(request: Request, reason: str, *, sent: bool) -> NoAnswerError:
    """The error for a request without an answer; it leaves out the query."""
    path = request.url.partition("://")[2].partition("/")[2].partition("?")[0]
    return NoAnswerError(reason, method=request.method, path=f"/{path}", sent=sent)
