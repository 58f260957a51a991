"""Batch decisions as the service knows them: what a job is asked, what it is, and when it is over."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from airflow_provider_offers.client.deciding.questions import epoch_text
from airflow_provider_offers.client.deciding.scopes import Checks, Scope, scopes_from
from airflow_provider_offers.client.errors import OfferLibraryError, Violation
from airflow_provider_offers.client.generations.reading import text
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.client.wire.messages import Answer, Json

# The status words that Adobe documents, in their order; a word of another kind counts as one under way.
STATUSES = ("QUEUED", "PROCESSING", "INGESTING", "COMPLETED", "ERROR")
# What the service runs at once for one output dataset; others wait in its queue.
RUNNING_AT_ONCE = 5
_SAFE_ID = re.compile(r"[0-9A-Za-z:._-]+")
_MOST_DETAIL = 2_000


class BatchJobError(OfferLibraryError):
    """A batch job ended in ERROR; the message holds the service's detail. Another submission makes a new job."""

    retryable = True


class BatchTimeoutError(OfferLibraryError):
    """A batch job was not over in time. It goes on: the service has no way to end it."""

    retryable = True

    @classmethod
    def of(cls, job_id: str, status: str, seconds: float) -> BatchTimeoutError:
        """The error for a job that has this status after so many seconds."""
        return cls(f"The batch job {job_id} is still {status} after {seconds:g} s, and goes on")


@dataclass(frozen=True, slots=True)
class Workload:
    """A batch decision: decisions, each at its placements, for each profile of one audience, into one dataset."""

    scopes: tuple[Scope, ...]
    audience: str
    dataset: str
    include_content: bool = False

    @property
    def fingerprint(self) -> list[Json]:
        """What makes two workloads the same, as JSON."""
        scopes = [[str(scope.decision), str(scope.placement), scope.item_count] for scope in self.scopes]
        return [self.audience, self.dataset, scopes, self.include_content]


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the service last showed it. `created` is RFC 3339 in UTC; `detail` the service's own words or ids."""

    id: str
    status: str
    created: str | None = None
    detail: Json = None

    @property
    def is_over(self) -> bool:
        return self.status in ("COMPLETED", "ERROR")

    @property
    def progress(self) -> str:
        """What the log says of a job under way."""
        if self.status == "QUEUED":
            return f"{self}: it waits its turn, since {RUNNING_AT_ONCE} jobs of a dataset run at once"
        return str(self)

    def __str__(self) -> str:
        return f"The batch job {self.id} is {self.status}{f' ({self.told_detail})' if self.detail else ''}"

    @property
    def told_detail(self) -> str:
        """The detail as one short text."""
        told = self.detail if isinstance(self.detail, str) else json.dumps(self.detail, sort_keys=True)
        return told if len(told) <= _MOST_DETAIL else f"{told[:_MOST_DETAIL]}..."

    def completed(self) -> Job:
        """The job, unless it failed: then raises `BatchJobError`."""
        if self.status == "ERROR":
            raise BatchJobError(f"The batch job {self.id} failed: {self.told_detail if self.detail else 'no detail'}")
        return self


def new_workload(
    *,
    decision_id: Any = None,
    placement_id: Any = None,
    scopes: Any = None,
    audience_id: Any,
    dataset_id: Any,
    item_count: Any,
    include_content: bool,
    settings: Settings,
) -> Workload:
    """A batch decision from plain arguments; `InvalidInputError` names everything that is wrong with them."""
    checks = Checks()
    asked = checks.of(
        scopes_from,
        decision_id=decision_id,
        placement_id=placement_id,
        scopes=scopes,
        item_count=item_count,
        settings=settings,
        most_offers=None,
    )
    accepted = "the id of one audience, such as 609028e4-e66c-4776-b0d9-c782887e2273; a job takes no more"
    audience = one_id("audience_id", audience_id, accepted, checks.violations)
    accepted = "the id of one dataset of the schema ODE DecisionEvents, such as 6196b4a1a63bd118dafe093c"
    dataset = one_id("dataset_id", dataset_id, accepted, checks.violations)
    checks.end("The batch decision cannot be submitted")
    return Workload(asked or (), audience, dataset, include_content)


def one_id(name: str, given: Any, accepted: str, violations: list[Violation]) -> str:
    """The id that a field holds; the one of a list of one."""
    value = given[0] if isinstance(given, (list, tuple)) and len(given) == 1 else given
    if isinstance(value, str) and _SAFE_ID.fullmatch(value.strip()) and value.strip(" ."):
        return value.strip()
    what = f"{len(given)} of them" if isinstance(given, (list, tuple)) else quoted(given, 80)
    violations.append(Violation(name, what, accepted))
    return ""


def read_job(answer: Answer) -> Job:
    """The job that an answer shows."""
    body = answer.object()
    return Job(
        id=text(answer, body, "@id"),
        status=text(answer, body, "ode:status").upper(),
        created=epoch_text(body.get("ode:createDate")),
        detail=body.get("ode:statusDetail"),
    )


def job_receipt(job: Job, settings: Settings, *, dataset: str | None, audience: str | None) -> dict[str, Any]:
    """A job as a small JSON object. The service does not tell its dataset and audience, so the caller does."""
    return {
        "job_id": job.id,
        "status": job.status,
        "dataset": dataset,
        "audience": audience,
        "detail": job.detail,
        "created": job.created,
        "sandbox": settings.sandbox,
        "api": settings.api,
    }
