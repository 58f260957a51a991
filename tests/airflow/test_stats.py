"""Airflow's statistics: what a task tells of its requests, and that a statistic never breaks a request."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from airflow_provider_offers.client.wire.pace import NO_OBSERVER
from airflow_provider_offers.emulator import Emulator
from airflow_provider_offers.hooks.offer_library import OfferLibraryAsyncHook, OfferLibraryHook
from airflow_provider_offers.hooks.stats import request_stats


class Recorder:
    """Airflow's `Stats`, kept in a list."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, Any, Any]] = []

    def incr(self, stat: str, *, tags: Any = None) -> None:
        self.told.append(("incr", stat, 1, tags))

    def gauge(self, stat: str, value: float, *, tags: Any = None) -> None:
        self.told.append(("gauge", stat, value, tags))

    def timing(self, stat: str, dt: Any, *, tags: Any = None) -> None:
        self.told.append(("timing", stat, dt, tags))

    def of(self, stat: str) -> list[tuple[Any, Any]]:
        return [(value, tags) for _, name, value, tags in self.told if name == stat]


class Broken:
    """Statistics that do not work."""

    def __getattr__(self, name: str) -> Any:
        raise OSError(name)


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_ON", "True")
    monkeypatch.setattr("airflow.sdk.observability.stats.Stats", recorder)
    return recorder


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Any:
    with Emulator() as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_OFFER_LIBRARY_DEFAULT", emulator.conn_uri("dps"))
        yield emulator


def check(recorder: Recorder) -> None:
    place = {"api": "dps", "sandbox": "prod"}
    requests = recorder.of("offer_library.requests")
    assert {**place, "method": "POST", "status": "200"} == requests[0][1]
    assert [tags["status"] for _, tags in requests] == ["200", "429", "200"]
    assert recorder.of("offer_library.throttled") == [(1, place)]
    seconds = recorder.of("offer_library.seconds")
    assert [tags for _, tags in seconds] == [tags for _, tags in requests]
    assert all(isinstance(value, timedelta) and value < timedelta(minutes=1) for value, _ in seconds)
    assert recorder.of("offer_library.in_flight") == [(1, place), (0, place)] * 3


def test_the_hook_tells_airflow_of_every_request(recorder: Recorder, served: Emulator) -> None:
    served.add_fault("status", status=429, retry_after=0, path="/data/core/dps/offers", times=1)
    with OfferLibraryHook() as hook:
        assert list(hook.search_offers()) == []
    check(recorder)


async def _search() -> list[Any]:
    async with OfferLibraryAsyncHook() as hook:
        return [found async for found in hook.search_offers()]


def test_the_asynchronous_hook_tells_the_same(recorder: Recorder, served: Emulator) -> None:
    served.add_fault("status", status=429, retry_after=0, path="/data/core/dps/offers", times=1)
    assert asyncio.run(_search()) == []
    check(recorder)


def test_the_gauge_never_stays_far_from_what_runs(recorder: Recorder, served: Emulator) -> None:
    with OfferLibraryHook() as hook:
        observer = request_stats(hook.settings)
    counts = [*range(1, 51), *range(49, -1, -1)]
    for running in counts:
        observer.began(running)
        told = recorder.of("offer_library.in_flight")[-1][0]
        assert running / 2 <= told <= running * 2
    assert len(recorder.of("offer_library.in_flight")) < len(counts)


def test_statistics_that_airflow_sends_nowhere_are_not_told(
    recorder: Recorder, served: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW__METRICS__STATSD_ON")
    with OfferLibraryHook() as hook:
        assert list(hook.search_offers()) == []
    assert recorder.told == []


def test_no_request_fails_because_of_a_statistic(served: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_ON", "True")
    monkeypatch.setattr("airflow.sdk.observability.stats.Stats", Broken())
    with OfferLibraryHook() as hook:
        assert list(hook.search_offers()) == []


def test_an_airflow_without_statistics_is_told_nothing(served: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "airflow.sdk.observability.stats", None)
    assert request_stats(OfferLibraryHook().settings) is NO_OBSERVER


def test_airflows_own_statistics_accept_what_is_told(served: Emulator) -> None:
    from airflow.sdk.observability.stats import Stats

    place = {"api": "dps", "sandbox": "prod"}
    Stats.incr("offer_library.requests", tags={**place, "method": "GET", "status": "200"})
    Stats.timing("offer_library.seconds", timedelta(seconds=1), tags=place)
    Stats.gauge("offer_library.in_flight", 1, tags=place)


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """The spans that end below the span of a task, as Airflow opens it."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    with provider.get_tracer("airflow").start_as_current_span("worker.search"):
        yield exporter


def test_a_traced_task_has_a_span_for_each_request(served: Emulator, spans: InMemorySpanExporter) -> None:
    served.add_fault("status", status=429, retry_after=0, path="/data/core/dps/offers", times=1)
    with OfferLibraryHook() as hook:
        assert list(hook.search_offers()) == []

    found = spans.get_finished_spans()
    assert [each.name for each in found] == ["offer_library POST", "offer_library GET", "offer_library GET"]
    assert [each.status.is_ok for each in found] == [True, False, True]
    place = {"offer_library.api": "dps", "offer_library.sandbox": "prod"}
    told = {**place, "http.request.method": "GET", "http.response.status_code": 429}
    assert found[1].attributes == told
    parents = {each.parent.span_id for each in found if each.parent is not None}
    assert parents == {trace.get_current_span().get_span_context().span_id}
    assert all((each.start_time or 0) <= (each.end_time or 0) for each in found)


def test_a_task_that_is_not_traced_has_no_span(served: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "get_tracer", lambda name: pytest.fail("a span was begun"))
    with OfferLibraryHook() as hook:
        assert list(hook.search_offers()) == []
