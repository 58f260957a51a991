"""A batch decision across the tries of a task: continue the job of an earlier try or submit one, and wait for it.

The flows keep what the next try needs: first that a job is about to be submitted, then its id.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal, get_args

from airflow_provider_offers.client.deciding.jobs import Workload, job_status, post, submission
from airflow_provider_offers.client.errors import (
    BatchTimeoutError,
    InvalidInputError,
    NotFoundError,
    OfferLibraryError,
    OutcomeUnknownError,
    Violation,
)
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.memory import TaskTries, digest
from airflow_provider_offers.client.given import in_seconds
from airflow_provider_offers.client.model.decided import Job
from airflow_provider_offers.client.model.instants import format_instant
from airflow_provider_offers.client.model.likeness import one_of
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.client.waiting.polling import Patience, Poll
from airflow_provider_offers.client.wire.messages import Flow, Json, Keep, Note, Recall

IfUnknown = Literal["submit", "fail"]

_KEY = "batch_decision"


def bounds(poll_interval: Any, timeout: Any, if_unknown: Any) -> tuple[float, float]:
    """The interval and the timeout of a batch decision, in seconds. Raises `InvalidInputError` with every violation."""
    found, violations = [], []
    for name, given, least in (("poll_interval", poll_interval, 0.1), ("timeout", timeout, 0.0)):
        try:
            number = float("nan") if isinstance(given, bool) else float(in_seconds(given))
        except (TypeError, ValueError, OverflowError):
            number = float("nan")
        if not least <= number < float("inf"):
            violations.append(Violation(name, quoted(given), f"seconds, {least:g} or more, or a timedelta"))
        found.append(number)
    if if_unknown not in get_args(IfUnknown):
        violations.append(Violation("if_unknown", quoted(if_unknown), one_of(get_args(IfUnknown), if_unknown)))
    if violations:
        raise InvalidInputError("The batch decision is not valid", violations)
    return found[0], found[1]


@dataclass(frozen=True, slots=True)
class Record:
    """The knowledge of the tries: when one of them was about to submit, its job, and a job that the service forgot.

    `began` is the time before the submission; `lost` is the id of a job that the service no longer knows.
    """

    began: str | None = None
    job_id: str | None = None
    lost: str | None = None

    @property
    def fate(self) -> str:
        """The result of the submission, if there is no job."""
        if self.lost is not None:
            return f"the service does not know its job {self.lost} any more"
        return "saw no answer"


@dataclass(slots=True)
class BatchRun:
    """The batch decision of one try. `plan` identifies it; without a plan, it is the batch decision in the memory.

    `if_unknown` says what to do if a job may exist whose id is not known: `submit` another one, or `fail`.
    """

    tries: TaskTries
    plan: str | None = None
    if_unknown: IfUnknown = "submit"
    record: Record = field(default_factory=Record)
    # Whether the record is older than the last clearing of the task.
    is_from_before: bool = False
    is_submitting: bool = False

    @classmethod
    def of(cls, workload: Workload, sandbox: str, tries: TaskTries, if_unknown: IfUnknown) -> BatchRun:
        """The run of a workload in a sandbox."""
        return cls(tries, digest([sandbox, *workload.fingerprint]), if_unknown)

    def obtain(self, access: Access, workload: Workload, patience: Patience) -> Flow[Job]:
        """The job of an earlier try, or else a job that this try submits."""
        # Before anything is kept: looking up a name or an instance id submits nothing.
        body = yield from submission(access, workload)
        yield from self.recall()
        job = yield from self._earlier(access, patience)
        return job or (yield from self._submit(access, workload, body))

    def recall(self) -> Flow[None]:
        """Read what the earlier tries kept. The record outlives clearing the task, which asks for new work."""
        kept = yield Recall(_KEY)
        if not isinstance(kept, dict):
            return
        self.is_from_before = kept.get("asked") != self.tries.clear_generation
        if self.plan is not None and kept.get("plan") != self.plan:
            other = kept.get("job_id") or "of unknown id"
            yield Note(f"An earlier try of this task submitted another batch decision (job {other}); it is left alone")
            return
        self.plan = kept.get("plan")
        self.record = Record(kept.get("began"), kept.get("job_id"), kept.get("lost"))
        if self.is_from_before and self.record.job_id is None and self.record.began is not None:
            yield Note(
                f"Before the task was cleared, it began to submit at {self.record.began}, and {self.record.fate}"
            )
            self.record = Record()

    def resume(self, job_id: str | None) -> Flow[None]:
        """Continue the wait for a job in another process. Without a memory, only the caller knows the job's id."""
        yield from self.recall()
        if self.record.job_id is None:
            self.record = replace(self.record, job_id=job_id)

    @property
    def doubt(self) -> str | None:
        """The reason why a job of unknown id may exist; None if there certainly is no such job."""
        if self.record.job_id is not None:
            return None
        if self.record.began is not None:
            return f"An earlier try began to submit this batch decision at {self.record.began}, and {self.record.fate}"
        if not self.tries.durable and not self.tries.anew:
            return "This is a retry, and nothing is kept of what the tries before it submitted"
        return None

    def _earlier(self, access: Access, patience: Patience) -> Flow[Job | None]:
        """The job of an earlier try, unless it failed or is gone, so that this try needs a job of its own."""
        job_id = self.record.job_id
        if job_id is None:
            return None
        try:
            poll = Poll(partial(job_status, access, job_id), lambda job: None, patience, f"The batch job {job_id}")
            job: Job | None = yield from poll.run()
        except NotFoundError:
            yield Note(f"The service does not know the batch job {job_id} of an earlier try")
            yield from self._lose()
            return None
        assert job is not None
        if job.status == "ERROR" or (job.is_over and self.tries.anew):
            # A cleared task does its work again. A job that still runs is as good as a new one.
            yield Note(f"{job}. This try submits a new one")
        elif self.is_from_before and job.is_over:
            yield Note(f"{job.progress}. It ended before the task was cleared; this try submits a new one", False)
        else:
            yield Note(f"Taking up the job of an earlier try. {job.progress}", False)
            return job
        yield from self._forget()
        return None

    def _submit(self, access: Access, workload: Workload, body: Json) -> Flow[Job]:
        doubt = self.doubt
        if doubt is not None:
            if self.if_unknown == "fail":
                raise _undecided(doubt, workload)
            yield Note(f"{doubt}. Submitting: if a job exists already, its rows will be in the dataset twice")
        began = self.record.began or format_instant(access.exchange.service_now())
        yield from self._keep(replace(self.record, began=began, job_id=None))
        self.is_submitting = True
        try:
            job = yield from post(access, workload, body)
        except OfferLibraryError as error:
            if not error.verdict.settled:
                raise self._unknown(error, workload) from None
            if doubt is None:
                # The service certainly accepted nothing. An earlier doubt stays.
                yield from self._forget()
            raise
        finally:
            self.is_submitting = False
        yield from self.submitted(job.id)
        return job

    def _unknown(self, error: OfferLibraryError, workload: Workload) -> OutcomeUnknownError:
        return OutcomeUnknownError(
            f"The outcome is not known: the batch decision ({workload.subject}) may have been submitted. {error}",
            retryable=self.if_unknown == "submit",
        )

    def submitted(self, job_id: str) -> Flow[None]:
        """Keep the job's id."""
        yield from self._keep(replace(self.record, job_id=job_id, lost=None))

    def wait(self, access: Access, job: Job, patience: Patience, timeout: float, subject: str = "") -> Flow[Job]:
        """Read the job until it is over. `BatchTimeoutError` after `timeout` seconds; the job continues."""
        if job.is_over:
            return job
        end = access.exchange.clock() + timeout
        look, left = partial(job_status, access, job.id), lambda: end - access.exchange.clock()
        poll = job_poll(job.id, look, patience, left, job)
        over: Job | None = yield from poll.run()
        if over is None:
            raise late(job.id, (poll.seen or job).status, timeout, subject)
        return over

    def ended(self, job: Job) -> Flow[Job]:
        """The job, once it is over. If it failed, raises `BatchJobError`, and the next try submits another job."""
        if job.status == "ERROR":
            yield from self._forget()
        return job.completed()

    def stopped(self, error: BaseException) -> Flow[None]:
        """Note why this try stops waiting: the next try cannot continue with a job that the service does not know."""
        if isinstance(error, NotFoundError):
            yield from self._lose()

    def _lose(self) -> Flow[None]:
        yield from self._keep(replace(self.record, lost=self.record.job_id, job_id=None))

    def _forget(self) -> Flow[None]:
        self.record = Record()
        yield Keep(_KEY, None)

    def _keep(self, record: Record) -> Flow[None]:
        self.record = record
        kept = {
            "plan": self.plan,
            "asked": self.tries.clear_generation,
            "began": record.began,
            "job_id": record.job_id,
            "lost": record.lost,
        }
        yield Keep(_KEY, kept)


def late(job_id: str, status: str, seconds: float, subject: str = "") -> BatchTimeoutError:
    """The error for a job that has this status after so many seconds; `subject` says what the job is for."""
    job = f"{job_id} ({subject})" if subject else job_id
    return BatchTimeoutError(f"The batch job {job} is still {status} after {seconds:g} s, and continues")


def job_poll(
    job_id: str,
    look: Callable[[], Generator[Any, Any, Job]],
    patience: Patience,
    seconds_left: Callable[[], float],
    seen: Job | None = None,
) -> Poll[Job]:
    """The wait for the end of a job. With `seen`, the latest state of the job, the first look comes after a pause."""
    return Poll(
        look,
        lambda job: None if job.is_over else job.progress,
        patience,
        f"The batch job {job_id}",
        seconds_left,
        seen,
        seen.progress if seen else "",
    )


def _undecided(doubt: str, workload: Workload) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        f"{doubt}. A job may exist already: the service cannot list jobs. Check the dataset {workload.dataset} or "
        "Batch decisioning in Journey Optimizer; then set if_unknown='submit', or clear the task, to submit a job",
        retryable=False,
    )
