"""Batch decisions: what a job is asked, out of plain arguments, and the job as a receipt."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from airflow_provider_offers.client.deciding.scopes import Checks, Scope, scopes_from
from airflow_provider_offers.client.errors import Violation
from airflow_provider_offers.client.model.decided import Job
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.client.wire.messages import Json

_SAFE_ID = re.compile(r"[0-9A-Za-z:._-]+")


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
