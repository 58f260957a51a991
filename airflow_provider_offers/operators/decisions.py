"""The operators for decisions: for one profile at once, or for an audience into a dataset."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout

from airflow_provider_offers.client.errors import (
    BatchTimeoutError,
    InvalidInputError,
    NotFoundError,
    OfferLibraryError,
    OutcomeUnknownError,
    Violation,
)
from airflow_provider_offers.operators.base import (
    DEFAULT_CONNECTION,
    OfferLibraryOperator,
    execution_deadline,
    json_document,
    named_offer,
)
from airflow_provider_offers.operators.words import IF_UNKNOWN, IfUnknown, checked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from airflow_provider_offers.client.deciding.jobs import Workload
    from airflow_provider_offers.client.model.decided import Job
    from airflow_provider_offers.client.wire.messages import Json
    from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
    from airflow_provider_offers.operators.submissions import SubmissionRecord

__all__ = ["BatchDecisionOperator", "DecideOperator"]


class DecideOperator(OfferLibraryOperator):
    """Ask the decision runtime what it shows to one profile, and return the propositions.

    :param decision_id: the decision: a reference id of either generation, an xcore instance id, the result of a
        task, or a list of these
    :param placement_id: the placement, or a list; the request contains every decision at every placement
    :param scopes: instead of both: a list of decisions, each with its own placement and an optional count, such as
        `[{"decision": "name:Newsletter", "placement": "name:Top", "itemCount": 2}]`; all in one request. Can also be
        the name of a templated `.json` file.
    :param profile: the identities of one profile by namespace, such as `{"Email": "a@example.com"}`; a complete
        profile as on Adobe's pages: `identityMap`, and optionally `contextData`, `decisionRequestId`, `mergePolicy` or
        `enrichedAudience`; a complete decision request; or the name of a templated `.json` file with one of these.
        It is neither logged nor returned, but Airflow shows it in the rendered fields.
    :param item_count: how many offers to request for each placement, 1 to 30; default: the placement's `itemCount`,
        else 1
    :param context_data: context data by schema, for rules that use it: `{schema: data}`
    :param dry_run: True (default, unless a complete request says otherwise) counts nothing towards caps, so a DAG can
        check what would be shown. False makes a real decision; the client never repeats it after a lost answer. A retry
        of the task asks again.
    :param include_content: False leaves out the content of the offers, None uses the placement's `returnContent`
    :param allow_duplicates: True allows one offer at several placements and in several decisions of the request, False
        does not. None (default) uses the service's default (not allowed): the second place then gets the next best
        offer, or the fallback.

    Returns `proposition_id`, `created`, `dry_run`, `api`, `sandbox` and `propositions`: each with `decision` and
    `placement` (`id`, `etag`), `options` (the best first) and `fallback`, with `id`, `etag`, and those that the
    service returned of `type`, `format`, `content`, `delivery_url`, `link_url`, `score`, `name` and `characteristics`.

    Calls `POST /data/core/ods/decisions` (dps) or `POST /data/core/ode/{container}/decisions` (xcore); Adobe: "Deliver
    offers using the Decisioning API". If the runtime has not synced a decision yet, for example right after its
    activation, the task raises `RuntimeRefusalError`, and its retries ask again.
    """

    template_fields: Sequence[str] = (
        *OfferLibraryOperator.template_fields,
        "decision_id",
        "placement_id",
        "scopes",
        "profile",
        "item_count",
        "context_data",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"scopes": "json", "profile": "json", "context_data": "json"}
    json_fields: ClassVar[tuple[str, ...]] = ("scopes", "profile", "context_data")

    def __init__(
        self,
        *,
        decision_id: Any = None,
        placement_id: Any = None,
        scopes: list[dict[str, Any]] | dict[str, Any] | str | None = None,
        profile: dict[str, Any] | str,
        item_count: int | str | None = None,
        context_data: Any = None,
        dry_run: bool | None = None,
        include_content: bool | None = True,
        allow_duplicates: bool | None = None,
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(offer_library_conn_id=offer_library_conn_id, sandbox=sandbox, **kwargs)
        self.decision_id = decision_id
        self.placement_id = placement_id
        self.scopes = scopes
        self.profile = profile
        self.item_count = item_count
        self.context_data = context_data
        # Airflow's own operators have a method with the name `dry_run`.
        self.as_dry_run = dry_run
        self.include_content = include_content
        self.allow_duplicates = allow_duplicates

    def work(self, hook: OfferLibraryHook, context: Context) -> dict[str, Any]:
        return hook.decide(
            named_offer(self.decision_id, "decision_id"),
            named_offer(self.placement_id, "placement_id"),
            self._profile(),
            scopes=_scopes(self.scopes),
            item_count=self.item_count,
            context_data=json_document("context_data", self.context_data, private=True) or None,
            dry_run=self.as_dry_run,
            include_content=self.include_content,
            allow_duplicates=self.allow_duplicates,
        )

    def _profile(self) -> Any:
        from airflow_provider_offers.client.deciding.profiles import PROFILE_SHAPE

        try:
            return json_document("profile", self.profile, private=True)
        except InvalidInputError as error:
            if not isinstance(self.profile, str) or self.profile.strip().endswith(".json"):
                raise
            # An id is more likely than broken JSON.
            (violation,) = error.violations
            violations = [Violation("profile", violation.given, f"{PROFILE_SHAPE}, as a dict or as JSON text")]
            raise InvalidInputError(error.subject, violations) from None


class BatchDecisionOperator(OfferLibraryOperator):
    """Decide the best offers for every profile of an audience, write them into a dataset, and wait for them.

    :param decision_id: the decision: a reference id of either generation, an xcore instance id, the result of a
        task, or a list of these
    :param placement_id: the placement, or a list; the job uses every decision at every placement
    :param scopes: instead of both: a list of decisions, each with its own placement, as in `DecideOperator`
    :param audience_id: one audience; its profiles come from the last daily snapshot
    :param dataset_id: the dataset for the decisions, with the schema ODE DecisionEvents
    :param item_count: how many offers to choose for each placement, 1 (default) to 30
    :param include_content: True also writes the content of the offers into the dataset
    :param wait_for_completion: False returns as soon as the job is submitted
    :param deferrable: wait in the triggerer; the default is Airflow's `[operators] default_deferrable`
    :param poll_interval: seconds between two checks of the job
    :param timeout: seconds that a try waits, including the time in the service's queue
    :param if_unknown: what to do if a retry cannot know whether an earlier try submitted a job: `submit` (default) or
        `fail`

    The receipt: `job_id`, `status`, `dataset`, `audience`, `detail` (the service's own), `created`, `sandbox`, `api`.
    At most five jobs of a dataset run at once; others wait in the service's queue, and the task with them. If a
    job ends in ERROR, the try fails, and a retry submits a new job.

    On Airflow 3.3 a retry continues with the job of the earlier try and does not submit another. Airflow 3.2 keeps no
    state between tries. There, and if a worker was killed between the request and its answer, nobody knows whether a
    job exists: the service has no idempotency key and cannot list jobs. `submit` then makes sure that there are
    decisions, but rows may be written twice.

    The service cannot cancel a job. If a task is killed or times out, the job continues, and the log says so.

    Calls `POST /data/core/dwm/workloads/decisions`, then `GET .../{job_id}`; Adobe: "Batch Decisioning API".
    """

    keeps_plan: ClassVar[bool] = True
    template_fields: Sequence[str] = (
        *OfferLibraryOperator.template_fields,
        "decision_id",
        "placement_id",
        "scopes",
        "audience_id",
        "dataset_id",
        "item_count",
        "poll_interval",
        "timeout",
        "if_unknown",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"scopes": "json"}
    json_fields: ClassVar[tuple[str, ...]] = ("scopes",)

    def __init__(
        self,
        *,
        decision_id: Any = None,
        placement_id: Any = None,
        scopes: list[dict[str, Any]] | dict[str, Any] | str | None = None,
        audience_id: str,
        dataset_id: str,
        item_count: int | str = 1,
        include_content: bool = False,
        wait_for_completion: bool = True,
        deferrable: bool | None = None,
        poll_interval: float | str = 60.0,
        timeout: float | str = 21_600.0,
        if_unknown: IfUnknown = "submit",
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(offer_library_conn_id=offer_library_conn_id, sandbox=sandbox, **kwargs)
        self.decision_id = decision_id
        self.placement_id = placement_id
        self.scopes = scopes
        self.audience_id = audience_id
        self.dataset_id = dataset_id
        self.item_count = item_count
        self.include_content = include_content
        self.wait_for_completion = wait_for_completion
        if deferrable is None:
            deferrable = conf.getboolean("operators", "default_deferrable", fallback=False)
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.if_unknown = checked("if_unknown", if_unknown, IF_UNKNOWN, self)
        self._submitting = False
        self._job_id: str | None = None

    def work(self, hook: OfferLibraryHook, context: Context) -> dict[str, Any]:
        from airflow_provider_offers.client.deciding.batching import submission
        from airflow_provider_offers.client.deciding.jobs import job_receipt, new_workload
        from airflow_provider_offers.operators.submissions import SubmissionRecord

        workload = new_workload(
            decision_id=named_offer(self.decision_id, "decision_id"),
            placement_id=named_offer(self.placement_id, "placement_id"),
            scopes=_scopes(self.scopes),
            audience_id=self.audience_id,
            dataset_id=self.dataset_id,
            item_count=self.item_count,
            include_content=self.include_content,
            settings=hook.settings,
        )
        poll_interval, timeout = self._bounds()
        record = SubmissionRecord(context, self.log, [hook.settings.sandbox, *workload.fingerprint])
        # Before anything is stored: a lookup of an instance id or a name is not a submission.
        body = hook.library.run(lambda access: submission(access, workload))
        job = self._earlier_job(hook, record, poll_interval) or self._submit(hook, record, workload, body)
        self._job_id = job.id

        def receipt_of(job: Job) -> dict[str, Any]:
            return job_receipt(job, hook.settings, dataset=workload.dataset, audience=workload.audience)

        if not self.wait_for_completion:
            return receipt_of(job)
        if self.deferrable and not job.is_over:
            self._defer(context, receipt_of(job), poll_interval, timeout)
        try:
            job = self._wait(hook, job, poll_interval, timeout)
        except (OfferLibraryError, AirflowTaskTimeout) as error:
            self._stop_waiting(error, record)
        return receipt_of(self._ended(job, record))

    def _earlier_job(self, hook: OfferLibraryHook, record: SubmissionRecord, poll_interval: float) -> Job | None:
        """The job of an earlier try, or None if it failed or is gone, so this try needs its own job."""
        job_id = record.job_id
        if job_id is None:
            return None
        self._job_id = job_id
        try:
            job = self._seen(hook, job_id, poll_interval)
        except NotFoundError:
            self.log.warning("The service does not know the batch job %s of an earlier try", job_id)
            record.lose()
            return None
        if job.status == "ERROR" or (job.is_over and record.is_anew):
            # A cleared task does its work again; a running job is as good as a new one.
            self.log.warning("%s. This try submits a new one", job)
            record.forget()
            return None
        if record.is_from_before and job.is_over:
            self.log.info("%s That was before the task was cleared; this try submits a new one", job.progress)
            record.forget()
            return None
        self.log.info("Taking up the job of an earlier try. %s", job.progress)
        return job

    def _seen(self, hook: OfferLibraryHook, job_id: str, poll_interval: float) -> Job:
        """The job of an earlier try; raises `NotFoundError` if the service does not know it for too long."""
        from airflow_provider_offers.client.waiting.polling import Patience

        patience = Patience(poll_interval)
        while True:
            try:
                return _look(hook, job_id)
            except NotFoundError as error:
                pause = patience.after_failure(error)
                self.log.warning("The batch job %s could not be looked at: %s", job_id, error)
            time.sleep(pause)

    def _submit(self, hook: OfferLibraryHook, record: SubmissionRecord, workload: Workload, body: Json) -> Job:
        from airflow_provider_offers.client.deciding.batching import post
        from airflow_provider_offers.client.wire.retry import is_unsettled

        if record.doubt is not None:
            self._decide_in_doubt(record.doubt, workload)
        record.begin()
        self._submitting = True
        try:
            job = hook.library.run(lambda access: post(access, workload, body))
        except OfferLibraryError as error:
            if not is_unsettled(error):
                record.not_taken_up()
                raise
            raise OutcomeUnknownError(
                f"Whether the batch decision for the audience {workload.audience} was submitted is not known: {error}",
                retryable=self.if_unknown == "submit",
            ) from error
        finally:
            self._submitting = False
        record.submitted(job.id)
        self.log.info(
            "Submitted for the audience %s into the dataset %s in sandbox %r. %s [request id %s]",
            workload.audience,
            workload.dataset,
            hook.settings.sandbox,
            job.progress,
            hook.library.last_request_id,
        )
        return job

    def _decide_in_doubt(self, doubt: str, workload: Workload) -> None:
        if self.if_unknown == "fail":
            raise OutcomeUnknownError(
                f"{doubt}; there may be a job already, and the service can neither list jobs nor tell two of a kind "
                f"apart. Look at the dataset {workload.dataset} or at Batch decisioning in Journey Optimizer, and set "
                "if_unknown='submit', or clear the task, to submit one",
                retryable=False,
            )
        self.log.warning("%s. Submitting: if there is a job already, its rows will be in the dataset twice", doubt)

    def _wait(self, hook: OfferLibraryHook, job: Job, poll_interval: float, timeout: float) -> Job:
        """Check the job until it ends."""
        from airflow_provider_offers.client.waiting.polling import Patience

        patience, end = Patience(poll_interval), time.monotonic() + timeout
        pause = patience.after_look()
        while not job.is_over:
            if (left := end - time.monotonic()) <= 0:
                raise BatchTimeoutError.of(job.id, job.status, timeout)
            time.sleep(min(pause, left))
            job_id, status = job.id, job.status
            try:
                job = _look(hook, job_id)
            except OfferLibraryError as error:
                pause = patience.after_failure(error)
                self.log.warning("The batch job %s could not be looked at: %s", job_id, error)
            else:
                pause = patience.after_look()
                if job.status != status:
                    self.log.info("%s", job.progress)
        return job

    def _defer(self, context: Context, receipt: dict[str, Any], poll_interval: float, timeout: float) -> None:
        from airflow_provider_offers.triggers.decisions import BatchDecisionTrigger

        self.defer(
            trigger=BatchDecisionTrigger(
                receipt=receipt,
                deadline=time.time() + timeout,
                offer_library_conn_id=self.offer_library_conn_id,
                sandbox=self.sandbox or None,
                poll_interval=poll_interval,
                execution_deadline=execution_deadline(self, context),
            ),
            method_name="execute_complete",
        )

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Continue with the event of the trigger."""
        from airflow_provider_offers.client.model.decided import Job
        from airflow_provider_offers.operators.submissions import SubmissionRecord

        record = SubmissionRecord(context, self.log)
        self._job_id = record.job_id
        status = event.get("status") if isinstance(event, dict) else None
        try:
            if event is None or status not in ("met", "failed", "execution_timeout"):
                raise OfferLibraryError(f"The trigger ended in an event that it does not have: {event!r}")
            if status == "execution_timeout":
                raise AirflowTaskTimeout(event["message"])
            if status == "failed":
                raise _failure(event)
            receipt: dict[str, Any] = event["value"]["receipt"]
            self._job_id = receipt["job_id"]
            if event["value"]["timed_out"]:
                raise BatchTimeoutError.of(receipt["job_id"], receipt["status"], self._bounds()[1])
        except (OfferLibraryError, AirflowTaskTimeout) as error:
            self._stop_waiting(error, record)
        self._ended(Job(receipt["job_id"], receipt["status"], receipt["created"], receipt["detail"]), record)
        return receipt

    def on_kill(self) -> None:
        """Log what happens to the job: the service cannot cancel it."""
        if self._job_id is not None:
            self.log.warning("The batch job %s continues: the service cannot cancel it", self._job_id)
        elif self._submitting:
            self.log.warning("Killed while submitting: there may be a batch job, whose id is not known")

    def _ended(self, job: Job, record: SubmissionRecord) -> Job:
        if job.status == "ERROR":
            # A retry submits another job.
            record.forget()
        else:
            self.log.info("%s", job)
        return job.completed()

    def _stop_waiting(self, error: OfferLibraryError | AirflowTaskTimeout, record: SubmissionRecord) -> NoReturn:
        """End this try while the job continues. A retry continues with the job if Airflow keeps its id."""
        if isinstance(error, NotFoundError):
            record.lose()
        elif isinstance(error, OfferLibraryError) and not error.retryable:
            raise AirflowFailException(f"{error}\n  The batch job {self._job_id} continues") from error
        elif not record.outlives_the_try:
            raise AirflowFailException(
                f"{error}\n  The batch job {self._job_id} continues. On Airflow 3.2 a retry would not know of it, so "
                "it is not retried automatically"
            ) from error
        raise error

    def _bounds(self) -> tuple[float, float]:
        violations = []
        found = []
        for name, least in (("poll_interval", 0.1), ("timeout", 0.0)):
            given = getattr(self, name)
            try:
                number = float("nan") if isinstance(given, bool) else float(given)
            except (TypeError, ValueError):
                number = float("nan")
            if not least <= number < float("inf"):
                violations.append(Violation(name, repr(given), f"a number of seconds, {least:g} or more"))
            found.append(number)
        if self.if_unknown not in IF_UNKNOWN:
            violations.append(Violation("if_unknown", repr(self.if_unknown), " or ".join(map(repr, IF_UNKNOWN))))
        if violations:
            raise InvalidInputError("The batch decision cannot be waited for", violations)
        return found[0], found[1]


def _scopes(given: Any) -> Any:
    """The value of a `scopes` field; None if a template left it empty."""
    return None if given is None or given == "" else json_document("scopes", given)


def _failure(event: dict[str, Any]) -> OfferLibraryError:
    """The error that ended the wait in the triggerer, from the event."""
    if event.get("error") == "NotFoundError":
        return NotFoundError(method="GET", path="/workloads/decisions", status=404, detail=event["message"])
    return OfferLibraryError(str(event.get("message")), retryable=bool(event.get("retryable")))


def _look(hook: OfferLibraryHook, job_id: str) -> Job:
    from airflow_provider_offers.client.deciding.batching import job_status

    return hook.library.run(lambda access: job_status(access, job_id))
