"""Batch jobs: one queue for each output dataset, driven by the emulator's clock and stored in the database."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_offers.emulator.store.database import Database

RUNNING_AT_ONCE = 5
"""The number of jobs of one dataset that run at the same time; the others remain queued."""

_COLUMNS = "number, id, sandbox, dataset, request, submitted_us, started_us, processed_us, finished_us, error, results"


@dataclass(frozen=True)
class Durations:
    """The duration of each state of a job, in microseconds."""

    queued_us: int
    processing_us: int
    ingesting_us: int


@dataclass(frozen=True)
class Job:
    """One job: the end of each state, and the result."""

    number: int
    id: str
    sandbox: str
    dataset: str
    request_text: str
    submitted_us: int
    started_us: int
    processed_us: int
    finished_us: int
    error: str | None
    results_text: str

    @property
    def request(self) -> dict[str, Any]:
        """The body of the submission."""
        found: dict[str, Any] = json.loads(self.request_text)
        return found

    @property
    def results(self) -> list[dict[str, Any]]:
        """The rows that the job wrote into its dataset."""
        found: list[dict[str, Any]] = json.loads(self.results_text)
        return found

    def status(self, now_us: int) -> str:
        """QUEUED, PROCESSING, INGESTING, and then COMPLETED or ERROR."""
        if now_us < self.started_us:
            return "QUEUED"
        if now_us < self.processed_us:
            return "PROCESSING"
        if self.error is not None:
            return "ERROR"
        return "INGESTING" if now_us < self.finished_us else "COMPLETED"

    def detail(self, now_us: int) -> Any:
        """The details of the status: Spark job, batch, or the error."""
        status = self.status(now_us)
        running = {"sparkJobId": str(uuid.uuid5(uuid.UUID(self.id), "spark"))}
        if status == "PROCESSING":
            return running
        if status == "INGESTING":
            return {**running, "batchId": f"{uuid.uuid5(uuid.UUID(self.id), 'batch').int:032X}"[:26]}
        return self.error if status == "ERROR" else None


class BatchJobs:
    """The jobs in one database; every method runs inside the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def submit(self, sandbox: str, dataset: str, request: Mapping[str, Any], durations: Durations, now_us: int) -> Job:
        """Add a job to the queue of its dataset; its start depends on the earlier jobs."""
        ends = self._database.connection.execute(
            "SELECT max(processed_us, CASE WHEN error IS NULL THEN finished_us ELSE 0 END) AS ends FROM batch_jobs "
            "WHERE sandbox = ? AND dataset = ? ORDER BY ends DESC LIMIT ?",
            (sandbox, dataset, RUNNING_AT_ONCE),
        ).fetchall()
        started = now_us + durations.queued_us
        if len(ends) == RUNNING_AT_ONCE:
            started = max(started, ends[-1][0])
        processed = started + durations.processing_us
        job = Job(
            self._database.next_number("jobs"),
            str(uuid.uuid4()),
            sandbox,
            dataset,
            json.dumps(request, ensure_ascii=False),
            now_us,
            started,
            processed,
            processed + durations.ingesting_us,
            None,
            "[]",
        )
        self._database.connection.execute(
            f"INSERT INTO batch_jobs ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                job.number,
                job.id,
                job.sandbox,
                job.dataset,
                job.request_text,
                job.submitted_us,
                job.started_us,
                job.processed_us,
                job.finished_us,
                job.error,
                job.results_text,
            ),
        )
        return job

    def get(self, sandbox: str, job_id: str) -> Job | None:
        """The job with this id."""
        return next(self._jobs("sandbox = ? AND id = ?", sandbox, job_id), None)

    def all(self, sandbox: str | None = None) -> list[Job]:
        """Every job, oldest first."""
        return list(self._jobs("sandbox = ifnull(?, sandbox)", sandbox))

    def due(self, now_us: int) -> list[Job]:
        """The jobs that have started but not decided yet, in the order of their start."""
        found = self._jobs("NOT decided AND error IS NULL AND started_us <= ?", now_us)
        return sorted(found, key=lambda job: (job.started_us, job.number))

    def decided(self, job: Job, results: Sequence[Mapping[str, Any]]) -> None:
        """Store the decisions of a job."""
        self._database.connection.execute(
            "UPDATE batch_jobs SET decided = 1, results = ? WHERE number = ?",
            (json.dumps(results, ensure_ascii=False), job.number),
        )

    def fail(self, job_id: str, error: str) -> bool:
        """Let a job end in ERROR after its processing; false if no job has this id."""
        changed = self._database.connection.execute(
            "UPDATE batch_jobs SET decided = 1, results = '[]', error = ? WHERE id = ?", (error, job_id)
        )
        return changed.rowcount > 0

    def _jobs(self, clause: str, *values: Any) -> Iterator[Job]:
        sql = f"SELECT {_COLUMNS} FROM batch_jobs WHERE {clause} ORDER BY number"
        for row in self._database.connection.execute(sql, values).fetchall():
            yield Job(*row)
