"""The operators for decisions: for one profile at once, or for an audience into a dataset."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Unpack

from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout

from airflow_provider_offers import DEFAULT_CONNECTION
from airflow_provider_offers.client.errors import (
    InvalidInputError,
    NotFoundError,
    OfferLibraryError,
    Violation,
)
from airflow_provider_offers.client.given import unless_empty
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.operators.base import OfferLibraryOperator
from airflow_provider_offers.operators.deferring import execution_deadline, unknown_event
from airflow_provider_offers.operators.documents import json_document, named_offer
from airflow_provider_offers.operators.words import IF_UNKNOWN, EmitAssets, IfUnknown, checked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from airflow.sdk import Context

    from airflow_provider_offers.client.deciding.batch import BatchRun
    from airflow_provider_offers.client.deciding.jobs import Workload
    from airflow_provider_offers.client.model.decided import Job
    from airflow_provider_offers.client.settings import Settings
    from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
    from airflow_provider_offers.operators.airflow_arguments import TaskArguments

__all__ = ["BatchDecisionOperator", "DecideOperator"]


class DecideOperator(OfferLibraryOperator):
    """Ask the decision runtime which offers one profile gets, and return the propositions.

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
    :param dry_run: True (default, unless a complete request has another value) counts nothing towards caps, so a DAG
        can check the result. False makes a real decision; the client never repeats it after a lost answer. A retry of
        the task asks again, so a task whose `execution_timeout` ends it meanwhile is not retried automatically.
    :param include_content: False leaves out the content of the offers, None uses the placement's `returnContent`
    :param allow_duplicates: True allows one offer at several placements and in several decisions of the request, False
        does not. None (default) uses the service's default (not allowed): the second place then gets the next best
        offer, or the fallback.

    Returns `proposition_id`, `created`, `dry_run`, `api`, `sandbox` and `propositions`. Each proposition has `decision`
    and `placement` (`id`, `etag`), `options` (the best first) and `fallback`. An offer has `id` and `etag`, and if the
    service returned them `type`, `format`, `content`, `delivery_url`, `link_url`, `score`, `name` and
    `characteristics`.

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
        profile: dict[str, Any] | str,
        scopes: list[dict[str, Any]] | dict[str, Any] | str | None = None,
        item_count: int | str | None = None,
        context_data: Any = None,
        dry_run: bool | None = None,
        include_content: bool | None = True,
        allow_duplicates: bool | None = None,
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        **kwargs: Unpack[TaskArguments],
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
        profile = self._profile()
        try:
            return hook.decide(
                named_offer(self.decision_id, "decision_id"),
                named_offer(self.placement_id, "placement_id"),
                profile,
                scopes=_scopes(self.scopes),
                item_count=self.item_count,
                context_data=unless_empty(json_document("context_data", self.context_data, private=True)),
                dry_run=self.as_dry_run,
                include_content=self.include_content,
                allow_duplicates=self.allow_duplicates,
            )
        except AirflowTaskTimeout as error:
            if self._counts(profile):
                may = "Caps may have counted the decision. Another try could count it again, so it is not retried"
                raise AirflowFailException(f"{error}\n  {may} automatically") from None
            raise

    def _counts(self, profile: Any) -> bool:
        """Whether the decision counts towards caps: a complete request says so itself."""
        from airflow_provider_offers.client.deciding.profiles import read_profile

        said = read_profile(profile).terms.get("dryRun") if self.as_dry_run is None else self.as_dry_run
        return said is False

    def objects_read(self, result: Any) -> Sequence[Mapping[str, Any]]:
        from airflow_provider_offers.assets.lineage import identified

        found: list[dict[str, Any]] = []
        for each in result["propositions"]:
            found += [identified(each["decision"]["id"], "decision"), identified(each["placement"]["id"], "placement")]
            offers = [*(each.get("options") or ()), *([each["fallback"]] if each.get("fallback") else ())]
            found += [{**identified(offer["id"]), "name": offer.get("name")} for offer in offers]
        return found

    def _profile(self) -> Any:
        from airflow_provider_offers.client.deciding.profiles import PROFILE_SHAPE

        try:
            return json_document("profile", self.profile, private=True)
        except InvalidInputError as error:
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
    :param poll_interval: seconds between two checks of the job, also as a timedelta
    :param timeout: seconds that a try waits, also as a timedelta, including the time in the service's queue
    :param if_unknown: what to do if a retry cannot know whether an earlier try submitted a job: `submit` (default) or
        `fail`
    :param emit_assets: True emits an asset event for the dataset when the job is done

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

    keeps_values: ClassVar[bool] = True
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
        audience_id: str,
        dataset_id: str,
        scopes: list[dict[str, Any]] | dict[str, Any] | str | None = None,
        item_count: int | str = 1,
        include_content: bool = False,
        wait_for_completion: bool = True,
        deferrable: bool | None = None,
        poll_interval: timedelta | float | str = 60.0,
        timeout: timedelta | float | str = 21_600.0,
        if_unknown: IfUnknown = "submit",
        emit_assets: EmitAssets = False,
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        **kwargs: Unpack[TaskArguments],
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
        self._batch: BatchRun | None = None
        self.set_emission(emit_assets)
        if emit_assets is not False and wait_for_completion is False:
            accepted = "wait_for_completion=True, because the event is emitted when the job is done"
            wrong = Violation("emit_assets", quoted(emit_assets), accepted)
            raise InvalidInputError(f"The task {self.task_id!r} is not valid", [wrong])

    def written(self, result: Any) -> Sequence[Mapping[str, Any]]:
        from airflow_provider_offers.assets.uris import DATASET

        if not self.wait_for_completion:
            return []
        dataset = {"id": result["dataset"], "name": result["dataset"], "kind": DATASET, "action": "decided"}
        return [{**dataset, "job_id": result["job_id"], "api": result["api"]}]

    def work(self, hook: OfferLibraryHook, context: Context) -> dict[str, Any]:
        from airflow_provider_offers.client.deciding.batch import BatchRun
        from airflow_provider_offers.client.deciding.jobs import job_receipt
        from airflow_provider_offers.operators.memory import tries_of

        poll_interval, timeout = self._bounds()
        workload = self._workload(hook.settings)
        self._batch = BatchRun.of(workload, hook.settings.sandbox, tries_of(context), self.if_unknown)
        job = self._obtain(hook, self._batch, workload, poll_interval)

        def receipt_of(job: Job) -> dict[str, Any]:
            return job_receipt(job, hook.settings, dataset=workload.dataset, audience=workload.audience)

        if not self.wait_for_completion:
            return receipt_of(job)
        if self.deferrable and not job.is_over:
            self._defer(context, receipt_of(job), workload.subject, poll_interval, timeout)
        try:
            job = self._wait(hook, self._batch, job, workload.subject, poll_interval, timeout)
        except (OfferLibraryError, AirflowTaskTimeout) as error:
            self._stop_waiting(error, self._batch, context)
        return receipt_of(self._ended(job, self._batch, context))

    def _workload(self, settings: Settings) -> Workload:
        from airflow_provider_offers.client.deciding.jobs import new_workload

        return new_workload(
            decision_id=named_offer(self.decision_id, "decision_id"),
            placement_id=named_offer(self.placement_id, "placement_id"),
            scopes=_scopes(self.scopes),
            audience_id=self.audience_id,
            dataset_id=self.dataset_id,
            item_count=self.item_count,
            include_content=self.include_content,
            settings=settings,
        )

    def _obtain(self, hook: OfferLibraryHook, batch: BatchRun, workload: Workload, poll_interval: float) -> Job:
        """The job of an earlier try, or a new one."""
        from airflow_provider_offers.client.waiting.polling import Patience

        job = hook.library.run(lambda access: batch.obtain(access, workload, Patience(poll_interval)))
        self.log.info(
            "For %s, into the dataset %s, in sandbox %r: %s [request id %s]",
            workload.subject,
            workload.dataset,
            hook.settings.sandbox,
            job.progress,
            hook.library.last_request_id,
        )
        return job

    def _wait(
        self, hook: OfferLibraryHook, batch: BatchRun, job: Job, subject: str, poll_interval: float, timeout: float
    ) -> Job:
        """Wait here until the job is over."""
        from airflow_provider_offers.client.waiting.polling import Patience

        return hook.library.run(lambda access: batch.wait(access, job, Patience(poll_interval), timeout, subject))

    def _defer(
        self, context: Context, receipt: dict[str, Any], subject: str, poll_interval: float, timeout: float
    ) -> None:
        """Wait in the triggerer until the job is over."""
        from airflow_provider_offers.triggers.decisions import BatchDecisionTrigger

        self.defer(
            trigger=BatchDecisionTrigger(
                receipt=receipt,
                deadline=time.time() + timeout,
                subject=subject,
                offer_library_conn_id=self.offer_library_conn_id,
                # The connection may name another sandbox before the job is over.
                sandbox=receipt["sandbox"],
                poll_interval=poll_interval,
                execution_deadline=execution_deadline(self, context),
            ),
            method_name="execute_complete",
            kwargs={"job_id": receipt["job_id"]},
        )

    def execute_complete(
        self, context: Context, event: dict[str, Any] | None = None, job_id: str | None = None
    ) -> dict[str, Any]:
        """Continue with the event of the trigger."""
        from airflow_provider_offers.client.deciding.batch import BatchRun
        from airflow_provider_offers.client.model.decided import Job
        from airflow_provider_offers.client.wire.memory import remember
        from airflow_provider_offers.operators.memory import TaskMemory, tries_of

        self._batch = batch = BatchRun(tries_of(context))
        remember(TaskMemory(context), batch.resume(job_id))
        try:
            receipt = self._received(event)
        except (OfferLibraryError, AirflowTaskTimeout) as error:
            self._stop_waiting(error, batch, context)
        job = Job(receipt["job_id"], receipt["status"], receipt["created"], receipt["detail"])
        self._ended(job, batch, context)
        if self.outlets:
            from airflow_provider_offers.hooks.offer_library import OfferLibraryHook

            self._emit(context, OfferLibraryHook(self.offer_library_conn_id, receipt["sandbox"]), receipt)
        return receipt

    def _received(self, event: dict[str, Any] | None) -> dict[str, Any]:
        """The receipt in the trigger's event; raises the error that the event stands for."""
        status = event.get("status") if isinstance(event, dict) else None
        if event is None or status not in ("met", "failed", "execution_timeout"):
            raise unknown_event(event)
        if status == "execution_timeout":
            raise AirflowTaskTimeout(event["message"])
        if status == "failed":
            raise _failure(event)
        receipt: dict[str, Any] = event["value"]["receipt"]
        if event["value"]["timed_out"]:
            from airflow_provider_offers.client.deciding.batch import late

            subject = event["value"].get("subject", "")
            raise late(receipt["job_id"], receipt["status"], self._bounds()[1], subject)
        return receipt

    def on_kill(self) -> None:
        """Log that the job continues, because the service cannot cancel it."""
        super().on_kill()
        if self._batch is None:
            return
        if self._batch.record.job_id is not None:
            self.log.warning("The batch job %s continues: the service cannot cancel it", self._batch.record.job_id)
        elif self._batch.is_submitting:
            self.log.warning("The task was killed during the submission. A batch job may exist; its id is not known")

    def _ended(self, job: Job, batch: BatchRun, context: Context) -> Job:
        from airflow_provider_offers.client.wire.memory import remember
        from airflow_provider_offers.operators.memory import TaskMemory

        ended = remember(TaskMemory(context), batch.ended(job))
        self.log.info("%s", ended)
        return ended

    def _stop_waiting(
        self, error: OfferLibraryError | AirflowTaskTimeout, batch: BatchRun, context: Context
    ) -> NoReturn:
        """End this try while the job continues. A retry continues with the job if Airflow keeps its id."""
        from airflow_provider_offers.client.wire.memory import remember
        from airflow_provider_offers.operators.memory import TaskMemory

        # `dag.test()` of Airflow 3.2 passes only the event. The error then names the job.
        named = f" {batch.record.job_id}" if batch.record.job_id else ""
        continues = f"{error}\n  The batch job{named} continues"
        remember(TaskMemory(context), batch.stopped(error))
        if isinstance(error, NotFoundError):
            raise error
        if isinstance(error, OfferLibraryError) and not error.retryable:
            raise AirflowFailException(continues) from None
        if not batch.tries.durable:
            told = "On Airflow 3.2 a retry does not know the job, so the task is not retried automatically"
            raise AirflowFailException(f"{continues}. {told}") from None
        raise error

    def _bounds(self) -> tuple[float, float]:
        from airflow_provider_offers.client.deciding.batch import bounds

        return bounds(self.poll_interval, self.timeout, self.if_unknown)


def _scopes(given: Any) -> Any:
    """The value of a `scopes` field; None if a template left it empty."""
    return None if given is None or given == "" else json_document("scopes", given)


def _failure(event: dict[str, Any]) -> OfferLibraryError:
    """The error that ended the wait in the triggerer, from the event."""
    if event.get("error") == "NotFoundError":
        return NotFoundError(method="GET", path="/workloads/decisions", status=404, detail=event["message"])
    return OfferLibraryError(str(event.get("message")), retryable=bool(event.get("retryable")))
