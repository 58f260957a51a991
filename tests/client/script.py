"""Drives a flow with scripted answers on its own clock, and keeps its requests, pauses and refused tokens."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

from airflow_provider_offers.client.errors import NoAnswerError, OfferLibraryError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.ahead import Turn
from airflow_provider_offers.client.generations.dps import Dps
from airflow_provider_offers.client.generations.xcore import Xcore
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.wire.exchange import Exchange
from airflow_provider_offers.client.wire.memory import NO_MEMORY, Memory
from airflow_provider_offers.client.wire.messages import (
    Ask,
    Flow,
    Keep,
    Note,
    Pause,
    Recall,
    Request,
    Response,
    TokenNeeded,
)
from airflow_provider_offers.client.wire.retry import Retries

T = TypeVar("T")
Step = Response | Exception | Callable[[Request], Response | Exception]

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CONTAINER = "9b1f6c1e-55aa-41d0-8a0c-0c4f1d6e7f01"
SETTINGS = Settings(
    client_id="our-client",
    org_id="0123456789ABCDEF01234567@AdobeOrg",
    host="https://platform.adobe.io",
    client_secret="s3cr3t-of-the-connection",
    sandbox="dev1",
)


def answer(status: int = 200, body: Any = None, headers: Mapping[str, str] | None = None) -> Response:
    """An answer; a body that is not bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return Response(status, dict(headers or {}), content)


def lost(sent: bool = True) -> NoAnswerError:
    """The answer, or the whole request, was lost."""
    return NoAnswerError("the connection was lost", method="?", path="/?", sent=sent)


def query_of(request: Request) -> list[tuple[str, str]]:
    """The query's decoded parameters, in order."""
    return parse_qsl(urlsplit(request.url).query, keep_blank_values=True, separator="&")


def body_of(request: Request) -> Any:
    return None if request.body is None else json.loads(request.body)


class Script:
    """Answers each request with the next step. Its clock advances only by pauses, and by `took` for each request."""

    def __init__(
        self,
        *steps: Step,
        tokens: Iterable[str] = ("token-1", "token-2", "token-3"),
        took: float = 0,
        memory: Memory = NO_MEMORY,
    ) -> None:
        self.memory = memory
        self.steps = list(steps)
        self.tokens = list(tokens)
        self.took = took
        self.time = 1_000.0
        self.requests: list[Request] = []
        self.pauses: list[Pause] = []
        self.notes: list[str] = []
        self.refused: list[str | None] = []

    def run(self, flow: Flow[T]) -> T:
        """Run the flow to its end, and check that every step was used."""
        result = self.go(flow)
        assert not self.steps, f"{len(self.steps)} steps were not asked for"
        return result

    def go(self, flow: Flow[T]) -> T:
        """Run the flow to its end."""
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

    def _perform(self, effect: Any) -> Any:
        if isinstance(effect, Note):
            self.notes.append(effect.text)
            return None
        if isinstance(effect, Pause):
            self.pauses.append(effect)
            self.time += effect.seconds
            return None
        if isinstance(effect, TokenNeeded):
            self.refused.append(effect.refused)
            if effect.refused is not None:
                self.tokens.remove(effect.refused)
            return self.tokens[0]
        if isinstance(effect, Recall):
            return self.memory.recall(effect.key)
        if isinstance(effect, Keep):
            return self.memory.keep(effect.key, effect.made())
        if isinstance(effect, Ask) and isinstance(effect.question, Turn):
            # Every flow of a script has its turn at once.
            return None
        assert isinstance(effect, Request)
        self.requests.append(effect)
        self.time += self.took
        assert self.steps, f"no answer is scripted for {effect.method} {effect.url}"
        step = self.steps.pop(0)
        result = step(effect) if callable(step) else step
        if isinstance(result, Exception):
            raise result
        return result

    @property
    def sent(self) -> list[str]:
        """Method and path of each request, without the query."""
        return [f"{request.method} {urlsplit(request.url).path}" for request in self.requests]

    def clock(self) -> float:
        return self.time

    def now(self) -> datetime:
        return START + timedelta(seconds=self.time - 1_000.0)

    def http_date(self, ahead: float = 0) -> str:
        """The `Date` of a service whose clock is ahead of ours."""
        return format_datetime(self.now() + timedelta(seconds=ahead), usegmt=True)

    def exchange(self, settings: Settings = SETTINGS, **retries: Any) -> Exchange:
        numbers = iter(range(1, 10_000))
        return Exchange(
            settings,
            Retries(**{"jitter": lambda: 1.0, **retries}),
            clock=self.clock,
            now=self.now,
            new_request_id=lambda: f"ours-{next(numbers)}",
        )

    def access(self, api: str = "dps", settings: Settings = SETTINGS, **retries: Any) -> Access:
        return Access(self.exchange(settings, **retries), Xcore(CONTAINER) if api == "xcore" else Dps())
