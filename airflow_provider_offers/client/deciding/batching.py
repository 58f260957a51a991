"""Batch decisions: submitting a job, which cannot be taken back, and looking at it."""

from __future__ import annotations

from airflow_provider_offers.client.deciding.asking import scope_ids, why_refused
from airflow_provider_offers.client.deciding.jobs import Workload
from airflow_provider_offers.client.errors import InvalidInputError, NotFoundError, RejectedError, Violation
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.generations import decisioning
from airflow_provider_offers.client.generations.reading import is_fit
from airflow_provider_offers.client.model.decided import Job
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.client.wire.messages import Answer, Flow, Json


def submission(access: Access, workload: Workload) -> Flow[Json]:
    """The body of the request that submits the job; names and instance ids in it are looked up."""
    scopes = yield from scope_ids(access, workload.scopes)
    return decisioning.job_request(
        scopes, audience=workload.audience, dataset=workload.dataset, include_content=workload.include_content
    )


def submit(access: Access, workload: Workload) -> Flow[Job]:
    """Submit a job and return it as it was taken up: `post` with what `submission` makes."""
    body = yield from submission(access, workload)
    return (yield from post(access, workload, body))


def post(access: Access, workload: Workload, body: Json) -> Flow[Job]:
    """Send the request that submits a job.

    Calls `POST /data/core/dwm/workloads/decisions`; Adobe: Batch Decisioning API. The service has no idempotency key
    and lists no jobs, so that the request is repeated only where it is certain that it was not taken up; after
    any other failure (`is_unsettled`) nobody can tell whether there is a job. Raises `RuntimeRefusalError` where the
    runtime refuses what it may not know yet, or what the library shows it never will.
    """
    try:
        answer: Answer = yield from access.exchange.send(decisioning.submit_job(body), decisioning.BATCH_BASE)
    except (NotFoundError, RejectedError) as refused:
        raise (yield from why_refused(access, refused, workload.scopes)) from refused
    return decisioning.read_job(answer)


def job_status(access: Access, job_id: str) -> Flow[Job]:
    """The job as it is now. Calls `GET /data/core/dwm/workloads/decisions/{id}`.

    Raises `InvalidInputError` where nothing has such an id.
    """
    if not is_fit(job_id):
        accepted = "the id of a batch job, as a receipt has it"
        raise InvalidInputError("The batch job's id is not valid", [Violation("job_id", quoted(job_id, 80), accepted)])
    answer: Answer = yield from access.exchange.send(decisioning.job(job_id), decisioning.BATCH_BASE)
    return decisioning.read_job(answer)
