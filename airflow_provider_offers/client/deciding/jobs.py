"""Batch jobs: what a job decides, how to submit and read it, and its receipt."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_offers.client.deciding.asking import scope_ids, why_refused
from airflow_provider_offers.client.deciding.questions import Checks, Scope, check_flag, scopes_from
from airflow_provider_offers.client.errors import InvalidInputError, NotFoundError, RejectedError, Violation
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.generations import decisioning
from airflow_provider_offers.client.generations.reading import is_fit
from airflow_provider_offers.client.model.decided import Job
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.text import legible, listed, quoted
from airflow_provider_offers.client.wire.messages import Answer, Flow, Json

# How many decisions a message names.
_MOST_NAMED = 3
_SAFE_ID = re.compile(r"[0-9A-Za-z:._-]+")


@dataclass(frozen=True, slots=True)
class Workload:
    """A batch decision: decisions, each at its placements, for each profile of one audience, into one dataset.

    `called` holds the names of the decisions for messages.
    """

    scopes: tuple[Scope, ...]
    audience: str
    dataset: str
    include_content: bool = False
    called: str = field(default="", compare=False)

    @property
    def subject(self) -> str:
        """The purpose of the job, for messages."""
        return f"{self.called}, for the audience {self.audience}"

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
    """A batch decision from plain arguments. `InvalidInputError` lists everything that is wrong with them."""
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
    checks.of(check_flag, "include_content", include_content)
    accepted = "the id of one audience, such as 609028e4-e66c-4776-b0d9-c782887e2273, because a job takes only one"
    audience = one_id("audience_id", audience_id, accepted, checks.violations)
    accepted = "the id of one dataset of the schema ODE DecisionEvents, such as 6196b4a1a63bd118dafe093c"
    dataset = one_id("dataset_id", dataset_id, accepted, checks.violations)
    checks.end("The batch decision is not valid")
    return Workload(asked or (), audience, dataset, include_content, _called(decision_id, asked or ()))


def _called(given: Any, scopes: Sequence[Scope]) -> str:
    """The decisions by name, or by id if the name is not known."""
    several = given if isinstance(given, (list, tuple)) else [given]
    names = {
        each["id"]: f"{legible(repr(each['name']))} ({each['id']})"
        for each in several
        if isinstance(each, Mapping) and isinstance(each.get("name"), str) and isinstance(each.get("id"), str)
    }
    ids = list(dict.fromkeys(str(scope.decision) for scope in scopes))
    told = listed([names.get(each, legible(each)) for each in ids], _MOST_NAMED)
    return f"the decision{'s' if len(ids) > 1 else ''} {told}"


def one_id(name: str, given: Any, accepted: str, violations: list[Violation]) -> str:
    """The id in a field, or in a list of one."""
    value = given[0] if isinstance(given, (list, tuple)) and len(given) == 1 else given
    if isinstance(value, str) and _SAFE_ID.fullmatch(value.strip()) and value.strip(" ."):
        return value.strip()
    what = f"{len(given)} of them" if isinstance(given, (list, tuple)) else quoted(given, 80)
    violations.append(Violation(name, what, accepted))
    return ""


def job_receipt(job: Job, settings: Settings, *, dataset: str | None, audience: str | None) -> dict[str, Any]:
    """A job as a small JSON object. The service does not return dataset and audience, so the caller gives them."""
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


def submission(access: Access, workload: Workload) -> Flow[Json]:
    """The body of the request that submits the job. Looks up names and instance ids."""
    scopes = yield from scope_ids(access, workload.scopes)
    return decisioning.job_request(
        scopes, audience=workload.audience, dataset=workload.dataset, include_content=workload.include_content
    )


def submit(access: Access, workload: Workload) -> Flow[Job]:
    """Submit a job and return its first state."""
    body = yield from submission(access, workload)
    return (yield from post(access, workload, body))


def post(access: Access, workload: Workload, body: Json) -> Flow[Job]:
    """Send the request that submits a job.

    Calls `POST /data/core/dwm/workloads/decisions`; Adobe: Batch Decisioning API. The service has no idempotency key
    and lists no jobs, so the request is repeated only if it certainly was not accepted. After any other failure
    that does not settle it there may be a job. Raises `RuntimeRefusalError` if the runtime refuses something that it
    has not synced yet, or that the library shows it will never accept.
    """
    try:
        answer: Answer = yield from access.exchange.send(decisioning.submit_job(body), decisioning.BATCH_BASE)
    except (NotFoundError, RejectedError) as refused:
        raise (yield from why_refused(access, refused, workload.scopes)) from None
    return decisioning.read_job(answer)


def job_status(access: Access, job_id: str) -> Flow[Job]:
    """The current state of the job. Calls `GET /data/core/dwm/workloads/decisions/{id}`.

    Raises `InvalidInputError` if the text cannot be the id of a job.
    """
    if not is_fit(job_id):
        accepted = "the id of a batch job, as in its receipt"
        raise InvalidInputError("The batch job's id is not valid", [Violation("job_id", quoted(job_id, 80), accepted)])
    answer: Answer = yield from access.exchange.send(decisioning.job(job_id), decisioning.BATCH_BASE)
    return decisioning.read_job(answer)
