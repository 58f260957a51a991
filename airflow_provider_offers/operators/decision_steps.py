"""The operators for the lifecycle of decisions: schedule, activate, deactivate, complete and archive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from airflow_provider_offers import DEFAULT_CONNECTION
from airflow_provider_offers.configuration import CONCURRENT
from airflow_provider_offers.operators.changes import ScheduleOperator, StepOperator, waived
from airflow_provider_offers.operators.edits import EditObjectsOperator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from airflow_provider_offers.client.model.lifecycle import Step
    from airflow_provider_offers.client.model.validation import Validate
    from airflow_provider_offers.operators.airflow_arguments import TaskArguments
    from airflow_provider_offers.operators.words import EmitAssets, OnFailure, Report, Waive

_FIELDS = tuple(name for name in EditObjectsOperator.template_fields if name != "kind")


class ScheduleDecisionOperator(EditObjectsOperator, ScheduleOperator):
    """Set the window of a decision: `[start, end)`, its `startDate` and `endDate`.

    The other parameters are those of `EditObjectsOperator` and `ScheduleOfferOperator`. `action` is `scheduled`, or
    `unchanged` if it already has the window.

    Calls a read, then `PATCH`, like `PatchLibraryObjectOperator`.
    """

    template_fields: Sequence[str] = (*_FIELDS, "start", "end", "duration", "timezone", "waive")

    def __init__(
        self,
        *,
        object_id: Any,
        start: datetime | str,
        end: datetime | str | None = None,
        duration: timedelta | str | None = None,
        timezone: str | None = None,
        waive: Waive = (),
        validate: Validate = True,
        max_concurrent: int | str = CONCURRENT,
        on_failure: OnFailure = "stop",
        report: Report | None = None,
        emit_assets: EmitAssets = False,
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        **kwargs: Unpack[TaskArguments],
    ) -> None:
        super().__init__(
            kind="decision",
            object_id=object_id,
            start=start,
            end=end,
            duration=duration,
            timezone=timezone,
            waive=waive,
            validate=validate,
            max_concurrent=max_concurrent,
            on_failure=on_failure,
            report=report,
            emit_assets=emit_assets,
            offer_library_conn_id=offer_library_conn_id,
            sandbox=sandbox,
            **kwargs,
        )


class DecisionStepOperator(EditObjectsOperator, StepOperator):
    """The base of activate, deactivate, complete and archive: one step in the lifecycle of a decision, exactly once."""

    template_fields: Sequence[str] = _FIELDS

    def __init__(
        self,
        *,
        object_id: Any,
        max_concurrent: int | str = CONCURRENT,
        on_failure: OnFailure = "stop",
        report: Report | None = None,
        emit_assets: EmitAssets = False,
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        **kwargs: Unpack[TaskArguments],
    ) -> None:
        super().__init__(
            kind="decision",
            object_id=object_id,
            max_concurrent=max_concurrent,
            on_failure=on_failure,
            report=report,
            emit_assets=emit_assets,
            offer_library_conn_id=offer_library_conn_id,
            sandbox=sandbox,
            **kwargs,
        )

    @property
    def steps(self) -> Sequence[Step]:
        from airflow_provider_offers.client.model.lifecycle import DECISION_STEPS

        return DECISION_STEPS


class ActivateDecisionOperator(DecisionStepOperator):
    """Activate a decision: move it from `draft` to `live`, so its offers can be shown.

    :param waive: checks to skip: `no_window`, `window_over`, `no_criteria`,
        `missing_placement`, `missing_collection`, `missing_rule`, `rule_not_named`, `missing_formula`,
        `no_fallback`, `missing_fallback`, `fallback_not_approved`, `fallback_lacks_placement`, `empty_collection`,
        `missing_offer`, `offers_not_approved`, `no_offer_to_show`

    The other parameters are those of `EditObjectsOperator`. `action` is `activated`, or `unchanged`
    if the decision already is live. Raises `NotPublishableError`, which lists every reason why it could not work, and
    `TransitionError` for a decision that is complete or archived. If somebody edits it in the meantime, the new version
    is checked, and kept.

    Calls a read, lookups of the objects that the decision refers to and of the offers of its collections, then `PATCH`.
    """

    step_verb: ClassVar[str] = "activate"
    template_fields: Sequence[str] = (*DecisionStepOperator.template_fields, "waive")

    def __init__(
        self,
        *,
        object_id: Any,
        waive: Waive = (),
        max_concurrent: int | str = CONCURRENT,
        on_failure: OnFailure = "stop",
        report: Report | None = None,
        emit_assets: EmitAssets = False,
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        **kwargs: Unpack[TaskArguments],
    ) -> None:
        super().__init__(
            object_id=object_id,
            max_concurrent=max_concurrent,
            on_failure=on_failure,
            report=report,
            emit_assets=emit_assets,
            offer_library_conn_id=offer_library_conn_id,
            sandbox=sandbox,
            **kwargs,
        )
        self.waive = waive

    def _waived(self) -> tuple[str, ...]:
        from airflow_provider_offers.client.flows.golive import REASONS

        return waived(self.waive, REASONS, "The checks of the decision are not valid")


class DeactivateDecisionOperator(DecisionStepOperator):
    """Deactivate a decision: move it from `live` to `draft`, so it is no longer active.

    Parameters are those of `EditObjectsOperator` without `kind`. `action` is `deactivated`, or `unchanged` if it
    already is a draft. Raises `TransitionError` for a decision that is complete or archived.

    Calls a read, then `PATCH`, like `PatchLibraryObjectOperator`.
    """

    step_verb: ClassVar[str] = "deactivate"


class CompleteDecisionOperator(DecisionStepOperator):
    """Complete a live decision. This is final: a complete decision can only be duplicated, archived or deleted.

    Parameters are those of `EditObjectsOperator` without `kind`. `action` is `completed`, or `unchanged` if it
    already is complete. Raises `TransitionError` for a decision that is not live.

    Calls a read, then `PATCH`, like `PatchLibraryObjectOperator`.
    """

    step_verb: ClassVar[str] = "complete"


class ArchiveDecisionOperator(DecisionStepOperator):
    """Archive a decision. This is final: an archived decision can only be deleted or duplicated.

    Parameters are those of `EditObjectsOperator` without `kind`. `action` is `archived`, or `unchanged` if it
    already is archived.

    Calls a read, then `PATCH`, like `PatchLibraryObjectOperator`.
    """

    step_verb: ClassVar[str] = "archive"
