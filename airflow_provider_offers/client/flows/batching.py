"""Batch decisions: submitting a job, which cannot be taken back, and looking at it."""

from __future__ import annotations

from urllib.parse import quote

from airflow_provider_offers.client.delivery import proposition_requests
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.deciding import scope_ids
from airflow_provider_offers.client.wire import Answer, Call, Flow, Json
from airflow_provider_offers.client.workloads import Job, Workload, read_job

# One service for both generations: its page addresses decisions by either's ids, and the sandbox by a header.
_BASE = "/data/core/dwm"
_PATH = "/workloads/decisions"
_HEADERS = {"Accept": "application/json", "Content-Type": "application/json"}


def submission(access: Access, workload: Workload) -> Flow[Json]:
    """The body of the request that submits the job; names and instance ids in it are looked up."""
    scopes = yield from scope_ids(access, workload.decisions, workload.placements)
    return {
        "xdm:segmentIds": [workload.audience],
        "xdm:dataSetId": workload.dataset,
        "xdm:propositionRequests": proposition_requests(scopes, workload.item_count),
        "xdm:includeContent": workload.include_content,
    }


def submit(access: Access, workload: Workload) -> Flow[Job]:
    """Submit a job and return it as it was taken up: `post` with what `submission` makes."""
    body = yield from submission(access, workload)
    return (yield from post(access, body))


def post(access: Access, body: Json) -> Flow[Job]:
    """Send the request that submits a job.

    Calls `POST /data/core/dwm/workloads/decisions`; Adobe: Batch Decisioning API. The service has no idempotency key
    and lists no jobs, so that the request is repeated only where it is certain that it was not taken up; after
    any other failure (`is_unsettled`) nobody can tell whether there is a job.
    """
    answer: Answer = yield from access.exchange.send(Call("POST", _PATH, _HEADERS, body, repeatable=False), _BASE)
    return read_job(answer)


def job_status(access: Access, job_id: str) -> Flow[Job]:
    """The job as it is now. Calls `GET /data/core/dwm/workloads/decisions/{id}`."""
    call = Call("GET", f"{_PATH}/{quote(job_id, safe='')}", _HEADERS)
    answer: Answer = yield from access.exchange.send(call, _BASE)
    return read_job(answer)
