"""What the tries of a batch task leave for each other: that one is about to submit, then the job that came of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_offers.operators.memory import clear_generation, is_anew

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import Logger

_KEY = "batch_decision"


class SubmissionRecord:
    """Kept in the task's state. Airflow 3.2 has none: there, a try knows of those before it only that they were.

    `plan` is what makes two submissions the same; what was kept of another is left alone. Without it, whatever was
    kept is meant. The state outlives clearing the task, which asks for the work anew: then no doubt is left of before.
    """

    def __init__(self, context: Context, log: Logger, plan: Any = None) -> None:
        from airflow_provider_offers.client.flows.memory import digest

        self._store: Any = context.get("task_state_store")
        kept: Any = None if self._store is None else self._store.get(_KEY)
        kept = kept if isinstance(kept, dict) else {}
        self._plan = kept.get("plan") if plan is None else digest(plan)
        self.job_id: str | None = None
        self._began: str | None = None
        self._lost: str | None = None
        self._doubted = False
        self._clear_generation = clear_generation(context)
        # Whether the job was submitted before the task was cleared, and so for what was asked then.
        self.is_from_before = bool(kept) and kept.get("asked") != self._clear_generation
        self.is_anew = is_anew(context)
        if kept.get("plan") == self._plan:
            self.job_id, self._began, self._lost = kept.get("job_id"), kept.get("began"), kept.get("lost")
        elif kept:
            log.warning(
                "An earlier try of this task submitted another batch decision (job %s); it is left alone",
                kept.get("job_id") or "of unknown id",
            )
        if self.is_from_before and self.job_id is None and self._began is not None:
            log.warning("Before the task was cleared, it began to submit at %s and %s", self._began, self._fate)
            self._began = self._lost = None

    @property
    def outlives_the_try(self) -> bool:
        """Whether the next try will know the job."""
        return self._store is not None

    @property
    def doubt(self) -> str | None:
        """Why there may be a job that is not known; None where there is none for certain."""
        if self.job_id is not None:
            return None
        if self._began is not None:
            return f"An earlier try began to submit this batch decision at {self._began}, and {self._fate}"
        if self._store is None and not self.is_anew:
            return "This is a retry, and Airflow 3.2 keeps nothing of what the try before has submitted"
        return None

    @property
    def _fate(self) -> str:
        """What became of the submission that the record tells of."""
        if self._lost is not None:
            return f"the service does not know its job {self._lost} any more"
        return "saw no answer"

    def begin(self) -> None:
        """Keep, before the POST, that from now on there may be a job."""
        self._doubted = self.doubt is not None
        self._keep(began=self._began or datetime.now(UTC).isoformat(timespec="seconds"), job_id=None)

    def not_taken_up(self) -> None:
        """The service certainly took up nothing of the POST that was begun last; what was in doubt before, still is."""
        if not self._doubted:
            self.forget()

    def submitted(self, job_id: str) -> None:
        """Keep the job."""
        self._lost = None
        self._keep(began=self._began, job_id=job_id)

    def lose(self) -> None:
        """The service does not know the job any more, so that the task is unsure whether there is one."""
        self._lost = self.job_id
        self._keep(began=self._began or datetime.now(UTC).isoformat(timespec="seconds"), job_id=None)

    def forget(self) -> None:
        """The next try is to submit a job of its own."""
        self.job_id = self._began = self._lost = None
        if self._store is not None:
            self._store.delete(_KEY)

    def _keep(self, *, began: str | None, job_id: str | None) -> None:
        self._began, self.job_id = began, job_id
        if self._store is not None:
            kept = {
                "plan": self._plan,
                "asked": self._clear_generation,
                "began": began,
                "job_id": job_id,
                "lost": self._lost,
            }
            self._store.set(_KEY, kept)
