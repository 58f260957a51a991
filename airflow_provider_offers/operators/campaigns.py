"""The operators for campaigns as code: plan a manifest, approve the plan, apply it, and export a library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from airflow_provider_offers import DEFAULT_CONNECTION
from airflow_provider_offers.operators.base import OfferLibraryOperator
from airflow_provider_offers.operators.words import ON_CONFLICT, PRUNE, OnConflict, Prune, checked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_offers.campaigns.objects import Campaign
    from airflow_provider_offers.campaigns.planning.planner import PlanOptions
    from airflow_provider_offers.campaigns.plans import Plan
    from airflow_provider_offers.campaigns.state.storage import StateStore
    from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
    from airflow_provider_offers.operators.airflow_arguments import TaskArguments
    from airflow_provider_offers.operators.approvals import ApproveCampaignPlanOperator
    from airflow_provider_offers.operators.words import EmitAssets, Waive

__all__ = [
    "ApplyCampaignOperator",
    "ApproveCampaignPlanOperator",
    "ExportLibraryOperator",
    "PlanCampaignOperator",
]

# The reports of larger applies name only the objects that are not done.
_MOST_NAMED = 1_000


def __getattr__(name: str) -> Any:
    """`ApproveCampaignPlanOperator`, which loads Airflow's human-in-the-loop operators only if a DAG uses it."""
    if name == "ApproveCampaignPlanOperator":
        from airflow_provider_offers.operators.approvals import ApproveCampaignPlanOperator

        return ApproveCampaignPlanOperator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class CampaignOperator(OfferLibraryOperator):
    """The base of the operators that read a manifest.

    :param manifest: the manifest: a YAML or JSON file, or a folder of them. A path is absolute, or relative to the
        DAG's folder or its `template_searchpath`; an address leads to object storage, such as
        `s3://aws_default@bucket/spring.yaml`.
    :param target: a target of the manifest; not needed if it has one only
    :param rows: rows for `for_each` by the names that the manifest uses: `{"offers": query.output}`
    :param variables: values that replace variables of the manifest
    :param state_path: where states are kept, instead of `[offer_library] state_path`
    :param force_conflicts: overwrite what somebody else has changed
    :param adopt: change objects that exist and were never applied
    :param prune: retire what is gone from the manifest: `archive` or `delete`; None (default) leaves it alone
    :param max_prune: the largest number of objects to retire (default: a tenth of the managed ones, but at least one)
    :param offer_library_conn_id: another connection than the target's
    :param sandbox: another sandbox than the target's

    The manifest's templates can use Airflow's context, such as `{{ ds }}`, besides `var`, `row` and `target`.
    """

    template_fields: Sequence[str] = (
        *OfferLibraryOperator.template_fields,
        "manifest",
        "target",
        "rows",
        "variables",
        "state_path",
        "prune",
        "max_prune",
    )
    # A manifest and a plan may be `.json` files, whose names stay names.
    template_ext: Sequence[str] = ()
    flags: ClassVar[tuple[str, ...]] = ("force_conflicts", "adopt")
    needs_manifest: ClassVar[bool] = True

    def __init__(
        self,
        *,
        manifest: Any,
        target: str | None = None,
        rows: Mapping[str, Any] | Any = None,
        variables: Mapping[str, Any] | Any = None,
        state_path: str | None = None,
        force_conflicts: bool = False,
        adopt: bool = False,
        prune: Prune | None = None,
        max_prune: int | str | None = None,
        offer_library_conn_id: str | None = None,
        sandbox: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(offer_library_conn_id=offer_library_conn_id or "", sandbox=sandbox, **kwargs)
        self.manifest = manifest
        self.target = target
        self.rows = rows
        self.variables = variables
        self.state_path = state_path
        self.force_conflicts = force_conflicts
        self.adopt = adopt
        self.prune = checked("prune", prune, PRUNE, self)
        self.max_prune = max_prune
        self.campaign: Campaign | None = None

    def prepare(self, context: Context) -> None:
        """Load the manifest, and use its target's connection and sandbox."""
        from airflow_provider_offers.operators.manifests import check_flags, loaded

        super().prepare(context)
        check_flags(self, self.flags)
        if self.manifest is not None or self.needs_manifest:
            self.campaign = loaded(self, context)
            self.offer_library_conn_id = self.offer_library_conn_id or self.campaign.target.connection
            self.sandbox = self.sandbox or self.campaign.target.sandbox
            for warning in self.campaign.warnings:
                self.log.warning("%s", warning)

    @property
    def store(self) -> StateStore:
        """The states of campaigns."""
        from airflow_provider_offers.hooks.campaigns import state_store

        return state_store(self.state_path)

    def options(self) -> PlanOptions:
        """How a plan decides."""
        from airflow_provider_offers.operators.manifests import plan_options

        return plan_options(self)

    def planned(self, hook: OfferLibraryHook) -> Plan:
        """The plan of the manifest; the log has its summary and its warnings."""
        from dataclasses import replace

        from airflow_provider_offers.campaigns.planning.rendering import as_text
        from airflow_provider_offers.hooks.campaigns import make_plan
        from airflow_provider_offers.operators.progress import CampaignProgress

        assert self.campaign is not None
        plan = make_plan(hook, self.campaign, self.store, self.options(), CampaignProgress(self.log).read)
        # The task may use another connection than the target's: an apply of the plan uses the same one.
        plan = replace(plan, connection=self.offer_library_conn_id)
        for line in as_text(plan).splitlines():
            self.log.info("%s", line)
        return plan


class PlanCampaignOperator(CampaignOperator):
    """Plan a campaign: read the library, and say what an apply would change. Nothing is written to the library.

    :param plan_path: a file for the plan: a path that all workers share, or an address of object storage. By default
        a small plan is in XCom, and a large one in a file beside the states. Such a file is removed by a later plan of
        the campaign, when another plan was applied since.
    :param on_conflict: `fail` (default) fails the task without a retry if somebody else has changed what the manifest
        describes, and names each value; `report` returns the plan with its conflicts

    The other parameters are those of `CampaignOperator`.

    Returns `campaign`, `target`, `sandbox`, `organization`, `connection`, `protected`, `counts` (by action), `summary`
    (the counts as a line), `has_changes`, `has_conflicts`, `markdown` (at most 20,000 characters), `made_at`, `digest`
    (of the plan), and `plan` or `plan_path`: what `ApproveCampaignPlanOperator` and `ApplyCampaignOperator` take.

    Calls the listing of each kind that the campaign needs, page by page.
    """

    template_fields: Sequence[str] = (*CampaignOperator.template_fields, "plan_path", "on_conflict")

    def __init__(
        self,
        *,
        manifest: Any,
        target: str | None = None,
        rows: Mapping[str, Any] | Any = None,
        variables: Mapping[str, Any] | Any = None,
        state_path: str | None = None,
        plan_path: str | None = None,
        on_conflict: OnConflict = "fail",
        force_conflicts: bool = False,
        adopt: bool = False,
        prune: Prune | None = None,
        max_prune: int | str | None = None,
        offer_library_conn_id: str | None = None,
        sandbox: str | None = None,
        **kwargs: Unpack[TaskArguments],
    ) -> None:
        super().__init__(
            manifest=manifest,
            target=target,
            rows=rows,
            variables=variables,
            state_path=state_path,
            force_conflicts=force_conflicts,
            adopt=adopt,
            prune=prune,
            max_prune=max_prune,
            offer_library_conn_id=offer_library_conn_id,
            sandbox=sandbox,
            **kwargs,
        )
        self.plan_path = plan_path
        self.on_conflict = checked("on_conflict", on_conflict, ON_CONFLICT, self)

    def work(self, hook: OfferLibraryHook, context: Context) -> dict[str, Any]:
        from airflow_provider_offers.operators.manifests import check_word, conflict_error, told_plan

        check_word("on_conflict", self.on_conflict, ON_CONFLICT)
        plan = self.planned(hook)
        if plan.has_conflicts and self.on_conflict == "fail":
            raise conflict_error(plan)
        return told_plan(self, context, plan)


class ApplyCampaignOperator(CampaignOperator):
    """Apply a plan, exactly as it is, or plan a manifest and apply that in one go.

    :param plan: the result of `PlanCampaignOperator` or `ApproveCampaignPlanOperator`, or the file of a plan
    :param manifest: the manifest, instead of a plan. With both, a plan of another state of the manifest is refused.
        Beside a plan, what would change it is refused, such as `prune`.
    :param approved: True applies to a protected target without an approval
    :param max_concurrent: how many objects are written at the same time, 1 to 32 (default)
    :param waive: checks of decisions to skip when they go live, as for `ActivateDecisionOperator`
    :param emit_assets: how the task emits asset events for the objects that it changed, as in `CreateOfferOperator`

    The other parameters are those of `CampaignOperator`.

    Content comes first and what customers see last. Every write is guarded by the planned version. A plan is refused as
    a whole, before the first write, if the library, the state or the manifest has changed since. A target that is
    `protected` needs an `ApproveCampaignPlanOperator` before this task, or `approved`. If some objects fail, the task
    fails; a retry, or another apply, does the rest and makes nothing twice. Two applies of a campaign do not run at the
    same time.

    Returns `campaign`, `target`, `sandbox`, `counts`, `summary`, `warnings` and `objects`: `kind`, `name`, `id`,
    `action` and `end` (`done`, `failed` or `skipped`, the last two with a `reason`). Of more than 1,000 objects, only
    those that are not done are named.

    Calls one listing of each kind, then one `POST`, `PATCH` or `DELETE` for each changed object.
    """

    template_fields: Sequence[str] = (*CampaignOperator.template_fields, "plan", "max_concurrent", "waive")
    flags: ClassVar[tuple[str, ...]] = (*CampaignOperator.flags, "approved")
    needs_manifest: ClassVar[bool] = False

    def __init__(
        self,
        *,
        plan: Any = None,
        manifest: Any = None,
        target: str | None = None,
        rows: Mapping[str, Any] | Any = None,
        variables: Mapping[str, Any] | Any = None,
        state_path: str | None = None,
        approved: bool = False,
        waive: Waive = (),
        max_concurrent: int | str = 32,
        force_conflicts: bool = False,
        adopt: bool = False,
        prune: Prune | None = None,
        max_prune: int | str | None = None,
        emit_assets: EmitAssets = False,
        offer_library_conn_id: str | None = None,
        sandbox: str | None = None,
        **kwargs: Unpack[TaskArguments],
    ) -> None:
        super().__init__(
            manifest=manifest,
            target=target,
            rows=rows,
            variables=variables,
            state_path=state_path,
            force_conflicts=force_conflicts,
            adopt=adopt,
            prune=prune,
            max_prune=max_prune,
            offer_library_conn_id=offer_library_conn_id,
            sandbox=sandbox,
            **kwargs,
        )
        self.plan = plan
        self.approved = approved
        self.max_concurrent = max_concurrent
        self.waive = waive
        self._changed: list[dict[str, Any]] = []
        self.set_emission(emit_assets)

    def written(self, result: Any) -> Sequence[Mapping[str, Any]]:
        return self._changed

    def prepare(self, context: Context) -> None:
        from airflow_provider_offers.operators.manifests import approval_of, planned_before

        self._planned = planned_before(self)
        super().prepare(context)
        self._approved = self.approved is True
        if self._planned is not None:
            self.offer_library_conn_id = self.offer_library_conn_id or self._planned.connection
            self.sandbox = self.sandbox or self._planned.sandbox
            self._approved = self._approved or approval_of(self, context, self._planned)

    def work(self, hook: OfferLibraryHook, context: Context) -> dict[str, Any]:
        from airflow_provider_offers.campaigns.errors import CampaignFailedError, StalePlanError
        from airflow_provider_offers.campaigns.reports import DONE
        from airflow_provider_offers.hooks.campaigns import apply_plan
        from airflow_provider_offers.operators.manifests import apply_options, told_report
        from airflow_provider_offers.operators.progress import CampaignProgress

        progress = CampaignProgress(self.log)
        plan = self.planned(hook) if self._planned is None else self._planned
        options = apply_options(self, context, approved=self._approved)
        try:
            report = apply_plan(hook, plan, self.store, options, progress.applied, progress.read)
        except CampaignFailedError as error:
            if error.report is not None:
                context["ti"].xcom_push(key="return_value", value=told_report(error.report, _MOST_NAMED))
            raise
        except StalePlanError as error:
            if self._planned is not None:
                raise
            # The plan is a moment old, and another try makes its own.
            raise StalePlanError(f"{error}\nA retry of this task makes the plan again", retryable=True) from None
        self.log.info("The campaign %r is applied to %r: %s", plan.campaign, plan.sandbox, report.summary)
        for warning in report.warnings:
            self.log.warning("%s", warning)
        self._changed = [
            {"kind": each.key[0], "name": each.key[1], "id": each.id, "action": DONE[each.action]}
            for each in report.ending("done")
        ]
        return told_report(report, _MOST_NAMED)


class ExportLibraryOperator(OfferLibraryOperator):
    """Write a library, or a selection of it, as a manifest with names in place of ids.

    :param path: where to write it: a file that ends in `.yaml` or `.json`, or a folder with a file for each kind; a
        path that all workers share, or an address of object storage
    :param select: which objects: patterns such as `tag:Spring*` or `decision:Hero`, with all that belongs to them;
        empty (default) exports everything
    :param only: True exports only what matches; the objects that it needs are `external` in the manifest
    :param campaign: the name of the campaign in the manifest
    :param target: the name of the target in the manifest
    :param overwrite: True replaces files that exist
    :param offer_library_conn_id: the connection, which the manifest names
    :param sandbox: overrides the sandbox of the connection

    Archived objects, several objects of one name, and what a manifest cannot describe are left out.

    Returns `path`, `files`, `counts` (by kind), `external` (`kind` and `name`) and `notes`: what was left out, and why.

    Calls the listing of each kind, page by page; nothing is written to the library.
    """

    template_fields: Sequence[str] = (
        *OfferLibraryOperator.template_fields,
        "path",
        "select",
        "campaign",
        "target",
    )
    template_ext: Sequence[str] = ()

    def __init__(
        self,
        *,
        path: str,
        select: Sequence[str] | str = (),
        only: bool = False,
        campaign: str = "exported",
        target: str = "dev",
        overwrite: bool = False,
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        **kwargs: Unpack[TaskArguments],
    ) -> None:
        super().__init__(offer_library_conn_id=offer_library_conn_id, sandbox=sandbox, **kwargs)
        self.path = path
        self.select = select
        self.only = only
        self.campaign = campaign
        self.target = target
        self.overwrite = overwrite

    def prepare(self, context: Context) -> None:
        from airflow_provider_offers.operators.manifests import check_flags

        super().prepare(context)
        check_flags(self, ("only", "overwrite"))

    def work(self, hook: OfferLibraryHook, context: Context) -> dict[str, Any]:
        from airflow_provider_offers.campaigns.manifest.writing_yaml import check_out, write_manifest
        from airflow_provider_offers.hooks.campaigns import export_manifest, storage_path, stored
        from airflow_provider_offers.operators.manifests import told_export
        from airflow_provider_offers.operators.progress import CampaignProgress

        place = storage_path("path", self.path)
        with stored("path", place):
            check_out("path", place, overwrite=self.overwrite)
        select = [self.select] if isinstance(self.select, str) else list(self.select)
        exported, document = export_manifest(
            hook,
            self.offer_library_conn_id,
            self.sandbox,
            select,
            self.campaign,
            self.target,
            only=self.only,
            on_page=CampaignProgress(self.log).read,
        )
        with stored("path", place):
            files = write_manifest(document, place, overwrite=self.overwrite)
        for note in exported.notes:
            self.log.warning("%s", note)
        told = told_export(exported, str(self.path), files)
        self.log.info("The library is exported to %s: %s", self.path, told["counts"])
        return told
