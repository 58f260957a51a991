"""Airflow's statistics about the requests of the client, and a span for each request of a task that is traced."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_offers.client.settings import Settings
    from airflow_provider_offers.client.wire.pace import Observer

_GAUGE_SECONDS = 0.1


def request_stats(settings: Settings) -> Observer:
    """The observer that reports a connection's requests to Airflow's `Stats`; `NO_OBSERVER` without `Stats`.

    If Airflow sends its statistics nowhere, the observer only records spans.
    """
    from airflow_provider_offers.client.wire.pace import NO_OBSERVER

    try:
        from airflow.sdk.observability.stats import Stats
    except ImportError:
        return NO_OBSERVER
    return RequestStats(Stats if _are_sent(Stats) else None, settings)


def _are_sent(stats: Any) -> bool:
    """Whether Airflow sends statistics anywhere. To tell them to nobody takes a tenth of the time of a request."""
    with contextlib.suppress(Exception):
        from airflow.sdk.observability.metrics.stats_utils import get_stats_factory

        # Airflow 3.2 asks for the class.
        factory: Any = get_stats_factory
        asked = factory(stats) if factory.__code__.co_argcount else factory()
        return bool(asked.__name__ != "NoStatsLogger")
    return True


class RequestStats:
    """Counts and times requests by method and status. An error in the statistics never affects a request."""

    def __init__(self, stats: Any, settings: Settings) -> None:
        self._stats = stats
        self._tags = {"api": settings.api, "sandbox": settings.sandbox}
        self._gauged, self._told = -math.inf, 0

    def began(self, in_flight: int) -> None:
        """A request starts."""
        if self._stats is not None:
            self._gauge(in_flight)

    def ended(self, method: str, status: int | None, seconds: float, in_flight: int) -> None:
        """A request got its answer, or none."""
        if self._stats is not None:
            self._count(method, status, seconds)
            self._gauge(in_flight)
        with contextlib.suppress(Exception):
            self._span(method, status, seconds)

    def _count(self, method: str, status: int | None, seconds: float) -> None:
        with contextlib.suppress(Exception):
            tags = {**self._tags, "method": method, "status": "none" if status is None else str(status)}
            self._stats.incr("offer_library.requests", tags=tags)
            if status == 429:
                self._stats.incr("offer_library.throttled", tags=self._tags)
            self._stats.timing("offer_library.seconds", timedelta(seconds=seconds), tags=tags)

    def _gauge(self, in_flight: int) -> None:
        """Tell how many requests run: at once if they are one, none, or twice or half as many as was told last.

        Of other changes, at most ten a second are told.
        """
        now = time.monotonic()
        is_near = self._told < 2 * in_flight and in_flight < 2 * self._told
        if in_flight > 1 and is_near and now - self._gauged < _GAUGE_SECONDS:
            return
        self._gauged, self._told = now, in_flight
        with contextlib.suppress(Exception):
            self._stats.gauge("offer_library.in_flight", in_flight, tags=self._tags)

    def _span(self, method: str, status: int | None, seconds: float) -> None:
        """Record the request as a span below the current one, if Airflow traces the task. It has no path and no id."""
        # Only a traced task has loaded it.
        trace = sys.modules.get("opentelemetry.trace")
        if trace is None or not trace.get_current_span().is_recording():
            return
        ended = time.time_ns()
        attributes: dict[str, Any] = {f"offer_library.{key}": tag for key, tag in self._tags.items()}
        attributes["http.request.method"] = method
        if status is not None:
            attributes["http.response.status_code"] = status
        span = trace.get_tracer("airflow_provider_offers").start_span(
            f"offer_library {method}",
            kind=trace.SpanKind.CLIENT,
            attributes=attributes,
            start_time=ended - round(seconds * 1_000_000_000),
        )
        if status is None or status >= 400:
            span.set_status(trace.StatusCode.ERROR)
        span.end(end_time=ended)
