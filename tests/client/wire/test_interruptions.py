"""An interruption of a request passes through both shells without a frame that holds a secret."""

from __future__ import annotations

import asyncio
import base64
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from airflow_provider_offers.client.errors import NoAnswerError, OfferLibraryError
from airflow_provider_offers.client.secret import Secret
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.wire.async_shell import AsyncShell
from airflow_provider_offers.client.wire.auth import TokenCache, fetch_token
from airflow_provider_offers.client.wire.exchange import Exchange
from airflow_provider_offers.client.wire.governor import Governor
from airflow_provider_offers.client.wire.messages import Call, Flow
from airflow_provider_offers.client.wire.retry import Retries
from airflow_provider_offers.client.wire.sync_shell import SyncShell
from tests.client.script import SETTINGS
from tests.client.sockets import raw_server

SECRET = "planted-client-secret"
TOKEN = "planted-access-token"
PROXY = "planted-proxy-password"
PLANTED = (SECRET, TOKEN, PROXY, base64.b64encode(f"somebody:{PROXY}".encode()).decode())
ONCE = Retries(max_retries=0)


class Overtime(BaseException):
    """The exception that a scheduler raises from a signal's handler."""


class OrdinaryOvertime(Exception):
    """The same exception of another scheduler."""


Work = Callable[[Settings], Flow[Any]]


def ask_ims(settings: Settings) -> Flow[Any]:
    return fetch_token(settings, time.monotonic, ONCE)


def ask_the_library(settings: Settings) -> Flow[Any]:
    return Exchange(settings, ONCE).send(Call("PATCH", "/offers/1", {}, [{"op": "remove", "path": "/x"}]), "/data")


def settings_for(target: str, url: str) -> tuple[Settings, Work]:
    plain = replace(SETTINGS, client_secret=SECRET, timeout=20.0, proxies={}, allow_http=True)
    if target == "ims":
        return replace(plain, token_url=url + "/ims/token/v3"), ask_ims
    if target == "service":
        return replace(plain, host=url, access_token=TOKEN), ask_the_library
    proxy = url.replace("http://", f"http://somebody:{PROXY}@")
    if target == "proxy":
        return replace(plain, token_url="http://ims.invalid/x", proxies={"http": proxy}), ask_ims
    return replace(plain, token_url="https://ims.invalid/x", proxies={"https": proxy}), ask_ims


TARGETS = pytest.mark.parametrize("target", ["ims", "service", "proxy", "tunnel"])
KINDS = pytest.mark.parametrize("kind", [Overtime, OrdinaryOvertime, KeyboardInterrupt, MemoryError, SystemExit])


def by_requests(work: Work, settings: Settings) -> Any:
    shell = SyncShell(settings, retries=ONCE, tokens=TokenCache())
    try:
        return shell.run(work(settings))
    finally:
        shell.close()


def by_aiohttp(work: Work, settings: Settings) -> Any:
    async def drive() -> Any:
        async with AsyncShell(settings, retries=ONCE, governor=Governor(), tokens=TokenCache()) as shell:
            return await shell.run(work(settings))

    return asyncio.run(drive())


def arrived(heard: threading.Event) -> Callable[[socket.socket, threading.Event], None]:
    """Reports that the request has arrived, and nothing else."""

    def speak(_: socket.socket, over: threading.Event) -> None:
        heard.set()
        over.wait(30)

    return speak


@pytest.fixture
def strike() -> Iterator[Callable[[type[BaseException], threading.Event], None]]:
    """Raises in the main thread, from a signal's handler, once the request has arrived."""
    before = signal.getsignal(signal.SIGUSR1)

    def arm(kind: type[BaseException], heard: threading.Event) -> None:
        def handler(*_: object) -> None:
            raise kind("it is enough")

        signal.signal(signal.SIGUSR1, handler)
        main = threading.main_thread().ident
        assert main is not None

        def wait() -> None:
            heard.wait(20)
            # Wait until it waits for the answer.
            time.sleep(0.05)
            signal.pthread_kill(main, signal.SIGUSR1)

        threading.Thread(target=wait, daemon=True).start()

    yield arm
    signal.signal(signal.SIGUSR1, before)


@KINDS
@TARGETS
def test_a_signal_leaves_the_synchronous_shell_without_secrets(target: str, kind: Any, strike: Any) -> None:
    heard = threading.Event()
    with raw_server(arrived(heard)) as url:
        settings, work = settings_for(target, url)
        strike(kind, heard)
        with pytest.raises(kind, match="it is enough") as caught:
            by_requests(work, settings)
    assert heard.is_set()
    expect_nothing_told(caught.value)


@KINDS
@TARGETS
def test_what_strikes_within_aiohttp_leaves_without_secrets(
    target: str, kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal's handler may raise in any code; here, it raises just before the answer is read."""

    async def start(*_: Any) -> Any:
        raise kind("it is enough")

    monkeypatch.setattr(aiohttp.ClientResponse, "start", start)
    with raw_server(arrived(threading.Event())) as url:
        settings, work = settings_for(target, url)
        with pytest.raises(kind, match="it is enough") as caught:
            by_aiohttp(work, settings)
    expect_nothing_told(caught.value)


@TARGETS
def test_a_cancellation_leaves_the_asynchronous_shell_without_secrets(target: str) -> None:
    heard = threading.Event()

    async def drive(settings: Settings, work: Work) -> BaseException:
        async with AsyncShell(settings, retries=ONCE, governor=Governor(), tokens=TokenCache()) as shell:
            task = asyncio.ensure_future(shell.run(work(settings)))
            await asyncio.to_thread(heard.wait, 20)
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await task
            return caught.value

    with raw_server(arrived(heard)) as url:
        settings, work = settings_for(target, url)
        expect_nothing_told(asyncio.run(drive(settings, work)))


@pytest.mark.parametrize("drive", [by_requests, by_aiohttp], ids=["sync", "async"])
@TARGETS
def test_an_answer_that_does_not_come_leaves_no_frame_of_others(target: str, drive: Any) -> None:
    """Our own errors have no context whose frames contain the request."""
    with raw_server(lambda connection, _: connection.close()) as url:
        settings, work = settings_for(target, url)
        with pytest.raises(OfferLibraryError) as caught:
            drive(work, settings)
    for each in chain(caught.value):
        assert isinstance(each, OfferLibraryError), each
    expect_nothing_told(caught.value, hidden=True)


@pytest.mark.parametrize("drive", [by_requests, by_aiohttp], ids=["sync", "async"])
def test_an_interruption_keeps_what_was_handled_before_it(drive: Any) -> None:
    """The traceback also shows the place in our flows."""

    def interrupted(_: Settings) -> Flow[Any]:
        try:
            raise NoAnswerError("lost", method="GET", path="/", sent=True)
        except NoAnswerError:
            raise KeyboardInterrupt from None
        yield

    outside = ValueError("before")
    try:
        raise outside
    except ValueError:
        with pytest.raises(KeyboardInterrupt) as caught:
            drive(interrupted, SETTINGS)
    assert outside in list(chain(caught.value))


def chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and all exceptions linked to it, whether a traceback shows them or not."""
    seen: set[int] = set()
    left = [error]
    while left:
        each = left.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        left += [other for other in (each.__cause__, each.__context__) if other is not None]


def expect_nothing_told(error: BaseException, *, hidden: bool = False) -> None:
    """The frames of the traceback contain no secret, in any representation.

    With `hidden`, they may contain text with a hidden repr, because error trackers send reprs.
    """
    for each in chain(error):
        traceback = each.__traceback__
        while traceback is not None:
            frame = traceback.tb_frame
            if not frame.f_code.co_filename.endswith("test_interruptions.py"):
                told = "\n".join(spoken(frame.f_locals, hidden=hidden))
                where = f"{frame.f_code.co_filename}:{traceback.tb_lineno}"
                assert not [secret for secret in PLANTED if secret in told], where
            traceback = traceback.tb_next


def spoken(value: Any, *, hidden: bool, depth: int = 3) -> Iterator[str]:
    """The repr of a value, and all texts and bytes in it and in its attributes."""
    yield repr(value)
    if isinstance(value, Secret) and hidden:
        return
    if isinstance(value, str):
        yield str(value)
    elif isinstance(value, (bytes, bytearray, memoryview)):
        yield bytes(value).decode("latin-1")
    if depth == 0 or isinstance(value, (SyncShell, AsyncShell, Settings)):
        return
    inner: list[Any] = []
    if isinstance(value, Mapping) or hasattr(value, "items"):
        inner += [part for pair in list(value.items()) for part in pair]
    elif isinstance(value, (list, tuple, set, frozenset)):
        inner += list(value)
    if not hidden:
        inner += list(getattr(value, "__dict__", {}).values())
    for each in inner:
        yield from spoken(each, hidden=hidden, depth=depth - 1)
