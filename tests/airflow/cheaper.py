"""Makes an attempt of a task cost less in tests: Airflow builds again what it could keep. What is answered stays."""

from __future__ import annotations

import asyncio
import functools
import importlib
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

# The files of the demo are no package for mypy.
_TASK_API: Any = importlib.import_module("demo.task_api")
_LOOKS_EVERY = 0.05
"""Seconds between the looks of `dag.test()`."""


@functools.cache
def make_attempts_cheaper() -> None:
    """Build the API for tasks once, and what it and the task runner need for each type and each dependency."""
    _answer_without_more_threads()
    _TASK_API.build_the_newest_only()
    warm_the_api_up()
    reuse_adapters()
    _reuse_dependencies()
    _look_again_sooner()
    _open_no_sockets()


@functools.cache
def warm_the_api_up() -> None:
    """Let Airflow build the API for tasks once, so that the first task does not wait many seconds for it."""
    api = _TASK_API.built_once()
    # Airflow's own middleware renews tokens and traces requests, neither of which exists in one process.
    api.app.user_middleware[:] = [each for each in api.app.user_middleware if not _is_airflows(each.cls)]
    for each in api.app.user_middleware:
        assert each.cls.__name__ == "VersionPickingMiddleware", each.cls
        each.cls = _PickVersion
    _TASK_API.wake(api)


def _is_airflows(middleware: type) -> bool:
    return middleware.__module__.startswith("airflow.")


class _PickVersion:
    """Cadwyn's choice of the API's version, without a task and a stream of its own for each answer."""

    def __init__(self, app: Any, **options: Any) -> None:
        self._app = app
        self._named = options["api_version_manager"].get
        self._default = options["api_version_default_value"]
        self._version = options["api_version_var"]
        self._is_default: Any = importlib.import_module("cadwyn._internal.context_vars").DEFAULT_API_VERSION_VAR
        self._request: Any = importlib.import_module("fastapi").Request

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        version = self._named(self._request(scope)) if scope["type"] == "http" else None
        if version is None:
            version = self._default
            self._is_default.set(version)
        self._version.set(version)
        await self._app(scope, receive, send)


@functools.cache
def reuse_adapters() -> None:
    """Build one validator for each type. Airflow builds one for every template field of every attempt."""
    task_runner: Any = importlib.import_module("airflow.sdk.execution_time.task_runner")
    task_runner.TypeAdapter = functools.cache(task_runner.TypeAdapter)


def _reuse_dependencies() -> None:
    """Read the signature of each dependency once.

    Airflow's API in the process overrides dependencies, and then FastAPI reads all signatures for every request.
    """
    utils: Any = importlib.import_module("fastapi.dependencies.utils")
    actual = utils.get_dependant

    @functools.lru_cache(maxsize=1_000)
    def known(*given: tuple[str, Any]) -> Any:
        return actual(**{name: list(value) if isinstance(value, tuple) else value for name, value in given})

    def get_dependant(**given: Any) -> Any:
        return known(*((name, tuple(value) if isinstance(value, list) else value) for name, value in given.items()))

    utils.get_dependant = get_dependant


def _look_again_sooner() -> None:
    """Let `dag.test()` look for tasks to run every 50 ms. It sleeps for a second after each look that finds none."""
    from airflow.sdk import DAG

    looks, actual = DAG.test.__code__, time.sleep
    clock: Any = time

    def sleep(seconds: float) -> None:
        actual(_LOOKS_EVERY if sys._getframe(1).f_code is looks else seconds)

    clock.sleep = sleep


def _open_no_sockets() -> None:
    """Open no socket for an interpreter that a task might start, with a thread that listens to it.

    And close the selector of an attempt: Airflow leaves it in a cycle of references, and a process has few descriptors.
    """
    supervisor: Any = importlib.import_module("airflow.sdk.execution_time.supervisor")

    @contextmanager
    def closed_in_the_end(self: Any) -> Iterator[None]:
        try:
            yield
        finally:
            self.selector.close()

    supervisor.InProcessTestSupervisor._setup_subprocess_socket = closed_in_the_end


def _answer_without_more_threads() -> None:
    """Let the API for tasks answer in the thread of its event loop. A test has one caller at a time.

    Otherwise each request starts a thread and hands over to it about seven times, and each part of an answer is handed
    over by itself.
    """
    asgi: Any = importlib.import_module("a2wsgi.asgi")
    to_thread: Any = importlib.import_module("anyio.to_thread")
    made, handed_over = asgi.ASGIMiddleware.__init__, to_thread.run_sync
    # One in each process: a forked child starts its own.
    loops: WeakSet[Any] = WeakSet()

    def make(self: Any, *arguments: Any, **options: Any) -> None:
        made(self, *arguments, **options)
        loops.add(self.loop)

    def answer(self: Any, environ: Any, start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read() if environ["wsgi.input"] else b""
        answering = _whole_answer(self.app, asgi.build_scope(environ), body)
        status, headers, answered = asyncio.run_coroutine_threadsafe(answering, self.loop).result()
        start_response(asgi.StatusStringMapping[status], headers, None)
        return [answered]

    async def run_sync(work: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        if asyncio.get_running_loop() in loops:
            return work(*arguments)
        return await handed_over(work, *arguments, **options)

    asgi.ASGIMiddleware.__init__, asgi.ASGIMiddleware.__call__, to_thread.run_sync = make, answer, run_sync


async def _whole_answer(app: Any, scope: Any, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
    """The status, the headers and the body of an answer of an ASGI application."""
    told: dict[str, Any] = {}
    parts: list[bytes] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            told.update(message)
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    await app(scope, receive, send)
    headers = [(name.decode("latin1"), each.decode("latin1")) for name, each in told["headers"]]
    return told["status"], headers, b"".join(parts)
