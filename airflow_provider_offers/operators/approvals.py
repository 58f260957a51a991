"""The approval of a plan by a person, with Airflow's human-in-the-loop operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import exceptions
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_offers.links.offers import CalendarLink, calendar_url

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import timedelta

    from airflow.sdk import BaseOperatorLink, Context
    from airflow.sdk.bases.notifier import BaseNotifier
    from airflow.sdk.execution_time.hitl import HITLUser

    from airflow_provider_offers.operators.airflow_arguments import TaskArguments

# How a task waits for an answer: on 3.2 in the triggerer, and from 3.3 on without one.
_WAITS: tuple[type[BaseException], ...] = tuple(
    getattr(exceptions, name) for name in ("TaskDeferred", "TaskAwaitingInput") if hasattr(exceptions, name)
)
_SUBJECT = "Apply the campaign {campaign} to {target} (sandbox {sandbox})? {summary}"
_FORCED = ". A task after this one overwrites what is in conflict"


class ApproveCampaignPlanOperator(ApprovalOperator):
    """Let a person approve a plan before it is applied. A plan without changes passes without a question.

    A plan with conflicts fails the task without a question, because an apply of it is refused. The error names each
    conflict with its place in the manifest. It is asked about only if a campaign operator after this task plans a
    manifest itself with `force_conflicts`.

    :param plan: the result of `PlanCampaignOperator`
    :param subject: the headline (default: the campaign, its target and the counts)
    :param only_protected: ask for targets that are `protected` only; other plans pass
    :param assigned_users: who may answer (default: everybody who may edit the DAG's tasks)
    :param response_timeout: how long to wait for an answer (default: without an end)
    :param defaults: the answer after `response_timeout`: `Approve` or `Reject`; without one the task fails
    :param fail_on_reject: True fails the task if somebody rejects the plan; by default the tasks after it are skipped
    :param ignore_downstream_trigger_rules: True then skips all tasks after it, with any trigger rule
    :param notifiers: who is told that an answer is needed

    The question shows the plan as Markdown. The answer is given in Airflow's UI ("Required actions") or over its API.
    From Airflow 3.3 on, the task waits without a triggerer; on 3.2, it waits in one. If the plan was made again while
    the task waited, an approval of the earlier one fails the task: clear it to ask about the new one.

    Returns what `ApplyCampaignOperator` takes: the result of `PlanCampaignOperator` without its Markdown, with
    `approved` (False for a plan that passed without a question), `responded_by_user` and `responded_at`.

    Calls no API of Adobe.
    """

    template_fields: Collection[str] = (*ApprovalOperator.template_fields, "plan")
    operator_extra_links: Collection[BaseOperatorLink] = (CalendarLink(),)
    ui_color = "#fbeae9"

    def __init__(
        self,
        *,
        plan: Any,
        subject: str = "",
        only_protected: bool = False,
        assigned_users: HITLUser | list[HITLUser] | None = None,
        response_timeout: timedelta | None = None,
        defaults: str | list[str] | None = None,
        fail_on_reject: bool = False,
        ignore_downstream_trigger_rules: bool = False,
        notifiers: Sequence[BaseNotifier] | BaseNotifier | None = None,
        **kwargs: Unpack[TaskArguments],
    ) -> None:
        super().__init__(
            subject=subject,
            assigned_users=assigned_users,
            response_timeout=response_timeout,
            defaults=defaults,
            fail_on_reject=fail_on_reject,
            ignore_downstream_trigger_rules=ignore_downstream_trigger_rules,
            notifiers=notifiers,
            **kwargs,
        )
        self.plan = plan
        self.only_protected = only_protected

    def execute(self, context: Context) -> Any:
        """Ask, or pass if there is nothing to ask."""
        # Airflow stores every link of the task; an empty one is left out.
        self.operator_extra_links = ()
        told = self._told()
        if told.get("connection") and told.get("sandbox"):
            self.calendar_url = calendar_url(told["connection"], told["sandbox"])
            self.operator_extra_links = (CalendarLink(),)
        is_forced = bool(told.get("has_conflicts")) and self._forced_later(told)
        if not told["has_changes"] and not is_forced:
            self.log.info("Nothing would change, so nobody is asked: %s", told["summary"])
            return self._result(told)
        if self.only_protected and not told["protected"]:
            self.log.info("The target %r is not protected, so nobody is asked", told["target"])
            return self._result(told)
        self.subject = self.subject or _SUBJECT.format_map(told) + (_FORCED if is_forced else "")
        self.body = told["markdown"]
        try:
            return super().execute(context)
        except _WAITS as waiting:
            waiting.kwargs = {"asked": told["digest"]}  # type: ignore[attr-defined]  # that of the exceptions
            raise

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        # Airflow keeps the link that it was given before the wait.
        self.operator_extra_links = ()
        return super().resume_execution(next_method, next_kwargs, context)

    def execute_complete(self, context: Context, event: dict[str, Any], asked: str | None = None) -> Any:
        answer = super().execute_complete(context, event)
        told = self._result(self._told(), approved=self.APPROVE in answer["chosen_options"])
        if told["approved"] and asked not in (None, told["digest"]):
            raise AirflowFailException(
                "The plan was made again after the question, so nobody has approved this one. Clear this task to ask "
                "about it"
            )
        user = answer.get("responded_by_user")
        return {**told, "responded_by_user": user and dict(user), "responded_at": answer["responded_at"].isoformat()}

    def _told(self) -> Mapping[str, Any]:
        """The result of the plan's task. The task fails without a retry for anything else."""
        if not isinstance(self.plan, dict) or not {"has_changes", "markdown", "digest"} <= self.plan.keys():
            raise AirflowFailException(
                f"The task {self.task_id!r} is not valid:\n  plan: given {type(self.plan).__name__}; expected the "
                "result of PlanCampaignOperator, such as plan=plan.output"
            )
        return self.plan

    def _forced_later(self, told: Mapping[str, Any]) -> bool:
        """True if a task after this one overwrites the conflicts of the plan. The task fails otherwise."""
        from airflow_provider_offers.client.errors import OfferLibraryError
        from airflow_provider_offers.operators.manifests import conflict_error, forces_conflicts_after, plan_of

        if forces_conflicts_after(self):
            return True
        try:
            conflicts = conflict_error(plan_of(told))
        except OfferLibraryError as error:
            if error.retryable:
                raise
            raise AirflowFailException(str(error)) from None
        raise AirflowFailException(f"Nobody is asked, because an apply of this plan is refused. {conflicts}")

    def _result(self, told: Mapping[str, Any], *, approved: bool = False) -> dict[str, Any]:
        return {**{name: value for name, value in told.items() if name != "markdown"}, "approved": approved}
