"""Airflow's statistics about the requests of the client."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_offers.client.settings import Settings
    from airflow_provider_offers.client.wire.pace import Observer


def request_stats(settings: Settings) -> Observer:
    """The observer that reports a connection's requests to Airflow's `Stats`; `NO_OBSERVER` without `Stats`."""
    from airflow_provider_offers.client.wire.pace import NO_OBSERVER

    try:
        from airflow.sdk.observability.stats import Stats
    except ImportError:
        return NO_OBSERVER
    return RequestStats(Stats, settings)


class RequestStats:
    """Counts and times requests by method and status. An error in the statistics never affects a request."""

    def __init__(self, stats: Any, settings: Settings) -> None:
        self._stats = stats
        self._tags = {"api": settings.api, "sandbox": settings.sandbox}

    def began(self, in_flight: int) -> None:
        """A request starts."""
        with contextlib.suppress(Exception):
            self._stats.gauge("offer_library.in_flight", in_flight, tags=self._tags)

    def ended(self, method: str, status: int | None, seconds: float, in_flight: int) -> None:
        """A request got its answer, or none."""
        with contextlib.suppress(Exception):
            tags = {**self._tags, "method": method, "status": "none" if status is None else str(status)}
            self._stats.incr("offer_library.requests", tags=tags)
            if status == 429:
                self._stats.incr("offer_library.throttled", tags=self._tags)
            self._stats.timing("offer_library.seconds", timedelta(seconds=seconds), tags=tags)
            self._stats.gauge("offer_library.in_flight", in_flight, tags=self._tags)
