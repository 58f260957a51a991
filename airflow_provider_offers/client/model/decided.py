"""The answers of the decision services: propositions for one profile, the runtime's last update, and a batch job."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_provider_offers.client.errors import BatchJobError

# The status words that Adobe documents, in their order. A job with any other word counts as running.
STATUSES = ("QUEUED", "PROCESSING", "INGESTING", "COMPLETED", "ERROR")
# The number of jobs that the service runs at once for one output dataset; others wait in its queue.
RUNNING_AT_ONCE = 5
_MOST_DETAIL = 2_000


@dataclass(frozen=True, slots=True)
class Shown:
    """A decision, a placement or an offer in an answer; None for a value that the answer lacks."""

    id: str | None
    etag: int | None
    name: str | None = None
    type: str | None = None
    format: str | None = None
    content: str | None = None
    delivery_url: str | None = None
    link_url: str | None = None
    score: float | None = None
    characteristics: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Proposition:
    """The proposal of one decision at one placement: offers, the best first, or the fallback if no offer is left."""

    decision: Shown
    placement: Shown
    options: tuple[Shown, ...]
    fallback: Shown | None


@dataclass(frozen=True, slots=True)
class Decided:
    """One answer. `created` is RFC 3339 in UTC; `factors` are the influences that older answers list."""

    proposition_id: str | None
    created: str | None
    propositions: tuple[Proposition, ...]
    factors: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Package:
    """The last update of generation 1's decision runtime: its time (None before the first update) and its errors."""

    date: datetime | None
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """A batch job in its latest known state. `created` is RFC 3339 in UTC; `detail` comes from the service."""

    id: str
    status: str
    created: str | None = None
    detail: Any = None

    @property
    def is_over(self) -> bool:
        return self.status in ("COMPLETED", "ERROR")

    @property
    def progress(self) -> str:
        """The sentence for the log while the job runs."""
        if self.status == "QUEUED":
            return f"{self}: it waits in the queue, because {RUNNING_AT_ONCE} jobs of a dataset run at once"
        return str(self)

    def __str__(self) -> str:
        return f"The batch job {self.id} is {self.status}{f' ({self.told_detail})' if self.detail else ''}"

    @property
    def told_detail(self) -> str:
        """The detail as one short text."""
        told = self.detail if isinstance(self.detail, str) else json.dumps(self.detail, sort_keys=True)
        return told if len(told) <= _MOST_DETAIL else f"{told[:_MOST_DETAIL]}..."

    def completed(self) -> Job:
        """The job; raises `BatchJobError` if it failed."""
        if self.status == "ERROR":
            raise BatchJobError(f"The batch job {self.id} failed: {self.told_detail if self.detail else 'no detail'}")
        return self
