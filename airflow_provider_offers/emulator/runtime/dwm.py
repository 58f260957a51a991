"""Batch decisioning: jobs that decide for every profile of an audience."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_offers.emulator import wellknown
from airflow_provider_offers.emulator.http import xcore
from airflow_provider_offers.emulator.http.calls import Call
from airflow_provider_offers.emulator.http.messages import Answer, Reason, ServiceError
from airflow_provider_offers.emulator.runtime import delivery, propositions
from airflow_provider_offers.emulator.runtime.answers import Answers
from airflow_provider_offers.emulator.runtime.batch_jobs import BatchJobs, Durations, Job
from airflow_provider_offers.emulator.runtime.decision_request import (
    DecisionRequest,
    Profile,
    Reader,
    Scope,
    Terms,
    read_terms,
)
from airflow_provider_offers.emulator.runtime.runtime import Runtime
from airflow_provider_offers.emulator.settings import Settings
from airflow_provider_offers.emulator.store.library import Library
from airflow_provider_offers.emulator.store.rules import invalid

logger = logging.getLogger(__name__)


def submit(call: Call) -> Answer:
    """`POST /dwm/workloads/decisions`, formerly with a container: submits a job."""
    _check(call)
    call.content_type("application/json")
    call.accepts("application/json")
    document = call.document()
    settings = call.settings
    order = _read(document, settings)
    now_us = call.library.clock.now_us()
    snapshot = call.runtime.snapshot(call.sandbox, settings)
    delivery.questions(snapshot, order.scopes, now_us, settings)
    known = Answers(call.library.database, call.sandbox).members(order.audience) is not None
    if not known and settings.unknown_audience == "refuse":
        raise ServiceError(
            422, Reason.DECISION, f"there is no audience {order.audience!r}; declare it on the control plane"
        )
    durations = Durations(
        _us(settings.batch_queued_seconds),
        _us(settings.batch_processing_seconds),
        _us(settings.batch_ingesting_seconds),
    )
    jobs = BatchJobs(call.library.database)
    job = jobs.submit(call.sandbox, order.dataset, document, durations, now_us)
    if not known and settings.unknown_audience == "error":
        jobs.fail(job.id, f"the audience {order.audience} does not exist")
    return Answer.of(200, _document(job, job.submitted_us, queued=True), note=f"queued job {job.id}", committed=True)


def read(call: Call) -> Answer:
    """`GET /dwm/workloads/decisions/{id}`: the state of a job."""
    _check(call)
    call.accepts("application/json")
    job = BatchJobs(call.library.database).get(call.sandbox, call.parameters["job"])
    if job is None:
        raise ServiceError(404, Reason.NOT_FOUND, f"there is no job {call.parameters['job']!r} in this sandbox")
    now_us = call.library.clock.now_us()
    return Answer.of(200, _document(job, now_us), note=f"job {job.id} is {job.status(now_us)}")


def work(library: Library, runtime: Runtime, settings: Settings) -> None:
    """Run the decisions of the jobs that have started."""
    jobs = BatchJobs(library.database)
    for job in jobs.due(library.clock.now_us()):
        try:
            jobs.decided(job, _results(job, library, runtime, settings))
        except ServiceError as refusal:
            jobs.fail(job.id, refusal.detail)
        except Exception as error:
            logger.exception("the emulator failed at job %s", job.id)
            jobs.fail(job.id, f"the emulator failed: {type(error).__name__}: {error}")


def job_json(job: Job, now_us: int) -> dict[str, Any]:
    """A job as the control plane shows it: the answer of the service, the request, and the written rows."""
    status = job.status(now_us)
    written = job.results if status == "COMPLETED" else []
    return {**_document(job, now_us), "sandbox": job.sandbox, "request": job.request, "results": written}


def _results(job: Job, library: Library, runtime: Runtime, settings: Settings) -> list[dict[str, Any]]:
    order = _read(job.request, settings)
    snapshot = runtime.snapshot(job.sandbox, settings)
    # A job without any profile must still be possible.
    delivery.questions(snapshot, order.scopes, job.started_us, settings)
    results = []
    for member in Answers(library.database, job.sandbox).members(order.audience) or []:
        namespace, _, identity = member.partition(":")
        request = DecisionRequest(order.scopes, Profile(((namespace, identity),)), order.terms)
        made = delivery.propose(library, snapshot, request, job.started_us, settings)
        results.append(
            {
                "xdm:identityMap": {namespace: [{"xdm:id": identity}]},
                "xdm:propositionId": str(uuid.uuid4()),
                "xdm:propositions": [propositions.write(each, order.terms) for each in made],
            }
        )
    return results


@dataclass(frozen=True)
class _Order:
    """The task of a job."""

    audience: str
    dataset: str
    scopes: tuple[Scope, ...]
    terms: Terms


def _read(document: Any, settings: Settings) -> _Order:
    reader = Reader()
    if not isinstance(document, dict):
        raise ServiceError(settings.delivery_invalid_status, Reason.INVALID, "the body must be an object")
    segments = reader.member(document, "", "xdm:segmentIds", list, required=True) or []
    reader.at_most(segments, "xdm:segmentIds", 1)
    audience = reader.text({"0": segments[0]}, "/xdm:segmentIds", "0") if segments else ""
    dataset = reader.text(document, "", "xdm:dataSetId")
    scopes = reader.scopes(document)
    terms = read_terms(reader, document)
    content = reader.member(document, "", "xdm:includeContent", bool)
    if reader.problems:
        raise invalid(reader.problems, settings.delivery_invalid_status)
    return _Order(audience, dataset, scopes, terms if content is None else replace(terms, content=content))


def _document(job: Job, now_us: int, *, queued: bool = False) -> Mapping[str, Any]:
    document = {
        "@id": job.id,
        "xdm:imsOrgId": wellknown.ORG_ID,
        "ode:createDate": job.submitted_us // 1000,
        "ode:status": "QUEUED" if queued else job.status(now_us),
    }
    detail = None if queued else job.detail(now_us)
    return document if detail is None else {**document, "ode:statusDetail": detail}


def _check(call: Call) -> None:
    """Reject the container of another sandbox, and a request without the required request id."""
    if not call.request.header("x-request-id"):
        status = call.settings.delivery_invalid_status
        raise ServiceError(status, Reason.MALFORMED, "batch decisioning requires the header x-request-id")
    if "container" in call.parameters:
        xcore.check_container(call)


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)
