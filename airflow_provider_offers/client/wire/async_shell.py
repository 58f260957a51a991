"""The asynchronous shell: runs the same flows with `aiohttp`, with one session for all requests of an event loop."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeVar

import aiohttp
from yarl import URL

from airflow_provider_offers.client.errors import (
    ConfigurationError,
    NoAnswerError,
    OfferLibraryError,
)
from airflow_provider_offers.client.repeated import tell
from airflow_provider_offers.client.secret import Secret
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.wire.async_connections import (
    PROGRESS,
    Connector,
    Progress,
    Protocol,
    lost,
    unreached,
)
from airflow_provider_offers.client.wire.auth import SHARED_TOKENS, TokenCache, fetch_token
from airflow_provider_offers.client.wire.connections import HeldUp
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
    fit_request_id,
)
from airflow_provider_offers.client.wire.network import (
    Proxies,
    longest_answer,
    proxy_secrets,
    tls_context,
)
from airflow_provider_offers.client.wire.pace import NO_OBSERVER, Observer, Pace
from airflow_provider_offers.client.wire.remembering import Remembering
from airflow_provider_offers.client.wire.retry import Retries
from airflow_provider_offers.client.wire.sync_shell import (
    MAX_BODY,
    USER_AGENT,
    TooLong,
    no_answer,
    running_loop,
    still_incomplete,
)
from airflow_provider_offers.client.wire.tracebacks import without_secrets_in_frames

T = TypeVar("T")

log = logging.getLogger(__name__)

# The id of the latest answer, unchanged; the secrets that it may quote; and the id of the request.
_REQUEST_ID: ContextVar[tuple[str, tuple[str, ...], str | None]] = ContextVar("offer_library_request_id")


class AsyncShell:
    """Runs flows for one connection in one event loop. Use it as an async context manager, or await `close`.

    `on_token` is awaited with every token that IMS returns, so that the caller can keep it out of logs. `memory` keeps
    values for flows; it may block, so it runs outside the event loop. `governor` limits and spaces the requests of the
    whole process. `observer` is told about each request.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        retries: Retries,
        governor: Governor,
        observer: Observer = NO_OBSERVER,
        tokens: TokenCache = SHARED_TOKENS,
        on_token: Callable[[str], Coroutine[Any, Any, None]] | None = None,
        memory: Memory = NO_MEMORY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._remembering = Remembering(memory)
        self._retries = retries
        self._pace = Pace(governor, observer)
        self._tokens = tokens
        self._on_token = on_token
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._end: AsyncGenerator[None] | None = None
        self._proxies = Proxies(settings)
        self._fetching = asyncio.Lock()

    @property
    def last_request_id(self) -> str | None:
        """The request id of the latest answer in this asyncio task: several tasks may share the shell."""
        given, secrets, own = _REQUEST_ID.get(("", (), None))
        return fit_request_id(given, secrets) or own

    async def __aenter__(self) -> AsyncShell:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        end, self._end = self._end, None
        if end is not None:
            await end.aclose()

    async def _until_closed(self) -> AsyncGenerator[None]:
        """A generator that closes the connections at its end. A loop that ends also ends what began in it."""
        try:
            yield
        finally:
            session, self._session = self._session, None
            if session is not None:
                await session.close()

    def keep_after(self, others_added: Callable[[], Awaitable[object]]) -> None:
        """From now on, wait for this before each call that keeps a value, as other flows may add to the value first."""
        self._remembering.others_added = others_added

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its result."""
        outside = sys.exception()
        effect: Effect | None = None
        result: Any = None
        try:
            effect = next(flow)
            while True:
                try:
                    result = await self._perform(effect)
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

    async def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Request):
            return await self._exchange(effect)
        if isinstance(effect, TokenNeeded):
            return await self._token(effect.refused)
        if isinstance(effect, (Recall, Keep)):
            return await self._remembering.perform(effect)
        if isinstance(effect, Note):
            tell(log, effect.text, level=effect.level, about=effect.about, like=effect.like)
        if isinstance(effect, Pause):
            if effect.reason:
                log.warning("Trying again in %.1f s: %s", effect.seconds, effect.line)
            await asyncio.sleep(effect.seconds)
        return None

    async def _token(self, refused: str | None) -> str:
        settings = self._settings
        if settings.access_token is not None:
            return settings.access_token
        token = self._tokens.current(settings, self._clock(), refused)
        if token is None:
            async with self._fetching:
                token = self._tokens.current(settings, self._clock(), refused)
                if token is None:
                    token = await self.run(fetch_token(settings, self._clock, self._retries))
                    if self._on_token is not None:
                        await self._on_token(str(token.value))
                    self._tokens.keep(settings, token)
        return token.value

    async def _exchange(self, request: Request) -> Response:
        governor, pace = self._pace.governor, self._pace
        if not governor.try_enter():
            await _stand_in_line(governor)
        try:
            if (wait := pace.wait(request, self._retries.deadline)) > 0:
                await asyncio.sleep(wait)
            began, response = pace.begin(), None
            try:
                response = await self._send(request)
            finally:
                pace.end(request, began, response)
            return response
        finally:
            governor.leave()

    async def _send(self, request: Request) -> Response:
        outcome = await self._attempt(request)
        if isinstance(outcome, NoAnswerError):
            raise outcome
        return outcome

    async def _attempt(self, request: Request) -> Response | NoAnswerError:
        """The answer, or the error that explains why there is none.

        The error is returned, not raised: an error that is raised here would keep the request alive in its context.
        """
        seconds = longest_answer(self._settings.timeout)
        began = asyncio.get_running_loop().time()
        progress = Progress(seconds, asyncio.timeout(seconds), began, lambda: request.is_held_up(self._clock()))
        session = self._open_session()
        if self._end is None:
            self._end = self._until_closed()
            await anext(self._end)
        try:
            proxy = self._proxies.of(request.url)
        except ConfigurationError:
            raise
        except ValueError:
            return no_answer(request, "the request is not valid (InvalidURL)", sent=False)
        try:
            response = await self._receive(session, request, proxy, progress)
        except HeldUp:
            return HELD_UP
        except TooLong:
            return no_answer(request, f"an answer of more than {MAX_BODY} bytes", sent=True)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            if not progress.connected:
                return unreached(request, error, proxied=proxy is not None)
            if progress.limit.expired():
                return still_incomplete(request, self._settings)
            return lost(request, error)
        if response.status < 200:
            return no_answer(request, f"an interim answer ({response.status}) came for the last one", sent=True)
        return response

    async def _receive(
        self, session: aiohttp.ClientSession, request: Request, proxy: Secret | None, progress: Progress
    ) -> Response:
        """The whole answer. Raises no error of ours: a traceback that shows variables would show the answer."""
        PROGRESS.set(progress)
        # `encoded` keeps the address unchanged: the service's links must be followed exactly as given.
        async with (
            progress.limit,
            session.request(
                request.method,
                URL(request.url, encoded=True),
                headers=request.headers,
                data=request.body,
                allow_redirects=False,
                proxy=proxy,
            ) as answer,
        ):
            body = await self._read(answer)
            headers = {name.lower(): value for name, value in answer.headers.items()}
            secrets = request.secrets if proxy is None else (*request.secrets, *proxy_secrets(proxy, self._settings))
            response = Response(answer.status, headers, body, secrets)
            _REQUEST_ID.set((headers.get("x-request-id", ""), secrets, request.headers.get("x-request-id")))
            return response

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        """The body, bounded in size here and in time by the caller."""
        chunks = []
        size = 0
        # One read returns at most the content of the connection's buffer.
        while chunk := await answer.content.readany():
            size += len(chunk)
            if size > MAX_BODY:
                raise TooLong
            chunks.append(chunk)
        return b"".join(chunks)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(
                total=None, sock_connect=self._settings.timeout, sock_read=self._settings.timeout
            )
            connector = Connector(
                limit=self._pace.governor.max_concurrent, ssl=tls_context(self._settings.verify), ttl_dns_cache=300
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=timeout,
                headers={"User-Agent": USER_AGENT},
                cookie_jar=aiohttp.DummyCookieJar(),
                # Off: otherwise an entry of ~/.netrc would replace the token. `Proxies` finds the proxies.
                trust_env=False,
                auto_decompress=True,
            )
            factory: Any = partial(Protocol, loop=asyncio.get_running_loop())
            connector._factory = factory
            # Otherwise aiohttp repeats GET, PUT and DELETE after a lost answer, and the flow does not know.
            self._session._retry_connection = False
        return self._session


async def _stand_in_line(governor: Governor) -> None:
    """Return when the request has its place."""
    loop = asyncio.get_running_loop()
    placed: asyncio.Future[None] = loop.create_future()

    def tell() -> None:
        if not placed.done():
            placed.set_result(None)

    def wake() -> None:
        if running_loop() is loop:
            tell()
        else:
            # The place comes from another thread or event loop.
            loop.call_soon_threadsafe(tell)

    if governor.enter(wake):
        return
    try:
        await placed
    except BaseException:
        governor.withdraw(wake)
        raise
