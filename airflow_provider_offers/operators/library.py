"""The operators for objects of any kind: placements, qualifiers, collections, rules, formulas, decisions, offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from airflow_provider_offers import DEFAULT_CONNECTION
from airflow_provider_offers.client.model.query import SearchParameters, takes
from airflow_provider_offers.configuration import CONCURRENT
from airflow_provider_offers.operators.base import OfferLibraryOperator
from airflow_provider_offers.operators.changes import DeleteOperator, PatchOperator, SearchOperator
from airflow_provider_offers.operators.creating import CreateOperator
from airflow_provider_offers.operators.decision_steps import (
    ActivateDecisionOperator,
    ArchiveDecisionOperator,
    CompleteDecisionOperator,
    DeactivateDecisionOperator,
    ScheduleDecisionOperator,
)
from airflow_provider_offers.operators.edits import EditObjectsOperator
from airflow_provider_offers.operators.replacing import ReplaceLibraryObjectOperator
from airflow_provider_offers.operators.words import KINDS, checked

__all__ = [
    "ActivateDecisionOperator",
    "ArchiveDecisionOperator",
    "CompleteDecisionOperator",
    "CreateLibraryObjectOperator",
    "DeactivateDecisionOperator",
    "DeleteLibraryObjectOperator",
    "GetLibraryObjectOperator",
    "PatchLibraryObjectOperator",
    "ReplaceLibraryObjectOperator",
    "ScheduleDecisionOperator",
    "SearchLibraryObjectsOperator",
]

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from airflow.sdk import Context

    from airflow_provider_offers.client.flows.deleting_once import Delete
    from airflow_provider_offers.client.model.shown import ReadReceipt
    from airflow_provider_offers.client.model.validation import Validate
    from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
    from airflow_provider_offers.operators.airflow_arguments import SearchArguments, TaskArguments
    from airflow_provider_offers.operators.words import (
        Document,
        EmitAssets,
        IfExists,
        KindName,
        OnFailure,
        Report,
        Rows,
        Waive,
    )


class CreateLibraryObjectOperator(CreateOperator):
    """Create an object of the library, or a list of them, exactly once for each task run, and return the receipt.

    :param kind: the kind: `placement`, `tag`, `collection`, `rule`, `formula` (dps only), `decision`, `personalized`,
        `fallback`
    :param object: the object as Adobe documents it, in either generation's spelling: a dict, the name of a templated
        `.json` file, or a list of objects with different names. You can use `name:` and the exact name of another
        object instead of its id.

    The other parameters are those of `CreateOperator`. `window` is for decisions and personalized offers, `marker` for
    offers. The receipt, also in XCom: `id`, `instance_id`, `name`, `etag`, `kind`, `api`, `sandbox` and `action`, for
    an offer with `offer_type` too. If a decision is created as `live`, the operator makes the checks of
    `ActivateDecisionOperator` first; problems are warnings, unless `waive` contains them.

    Calls a lookup by name, then `POST /{container}/instances` (xcore) or `POST` of the kind's path, such as
    `/placements` (dps), then the lookup again; Adobe: "Create a placement" and so on.
    """

    document_field: ClassVar[str] = "object"
    template_fields: Sequence[str] = (*CreateOperator.template_fields, "kind", "object")
    template_fields_renderers: ClassVar[dict[str, str]] = {"object": "json"}
    json_fields: ClassVar[tuple[str, ...]] = ("object",)

    def __init__(
        self,
        *,
        kind: KindName,
        object: Document,
        rows: Rows | None = None,
        columns: Sequence[str] | str | None = None,
        window: dict[str, Any] | str | None = None,
        if_exists: IfExists = "fail",
        patience: timedelta | float = 10.0,
        marker: str | None = None,
        waive: Waive = (),
        validate: Validate = True,
        keep_adobe_templates: bool = False,
        max_concurrent: int | str = CONCURRENT,
        on_failure: OnFailure = "stop",
        report: Report | None = None,
        emit_assets: EmitAssets = False,
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        **kwargs: Unpack[TaskArguments],
    ) -> None:
        super().__init__(
            rows=rows,
            columns=columns,
            window=window,
            if_exists=if_exists,
            patience=patience,
            marker=marker,
            waive=waive,
            validate=validate,
            keep_adobe_templates=keep_adobe_templates,
            max_concurrent=max_concurrent,
            on_failure=on_failure,
            report=report,
            emit_assets=emit_assets,
            offer_library_conn_id=offer_library_conn_id,
            sandbox=sandbox,
            **kwargs,
        )
        self.kind = checked("kind", kind, KINDS, self)
        self.object = self.plain_document(object, kind)

    @property
    def kind_key(self) -> str:
        return self.kind

    def work(self, hook: OfferLibraryHook, context: Context) -> Any:
        return self._with_kind(super().work(hook, context))

    def _skipped(self, context: Context, receipts: Any, said: str) -> Exception:
        return super()._skipped(context, self._with_kind(receipts), said)

    def _with_kind(self, receipts: Any) -> Any:
        if isinstance(receipts, list):
            return [{**receipt, "kind": self.kind} for receipt in receipts]
        return {**receipts, "kind": self.kind}


class GetLibraryObjectOperator(OfferLibraryOperator):
    """Read an object of the library, or a list of them, and return their current state.

    :param kind: the kind; see `CreateLibraryObjectOperator`
    :param object_id: a reference id of either generation, an xcore instance id, `name:` and the exact name, the result
        of a task, or a list of these
    :param report: where the results of a list go, as in `CreateOfferOperator`

    Returns the fields of the receipt except `action`, then `created` and `modified`, `status` and `window` if the kind
    has them, and all properties under `object` with generation 2's plain names; for a list, a list of these.

    Calls `GET /{container}/instances/{instanceId}` (xcore) or `GET` of the kind's path and the id (dps), for a list one
    lookup of many objects; Adobe: "Look up a placement" and so on. Raises `NotFoundError` if there is none.
    """

    template_fields: Sequence[str] = (*OfferLibraryOperator.template_fields, "kind", "object_id", "report")

    def __init__(
        self,
        *,
        kind: KindName,
        object_id: Any,
        report: Report | None = None,
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        **kwargs: Unpack[TaskArguments],
    ) -> None:
        super().__init__(
            offer_library_conn_id=offer_library_conn_id,
            sandbox=sandbox,
            **kwargs,
        )
        self.kind = checked("kind", kind, KINDS, self)
        self.object_id = object_id
        self.report = report

    def objects_read(self, result: Any) -> Sequence[Mapping[str, Any]]:
        return result if isinstance(result, list) else [result]

    def work(self, hook: OfferLibraryHook, context: Context) -> ReadReceipt | list[ReadReceipt]:
        from airflow_provider_offers.operators.documents import named_offer

        objects = hook.objects(self.kind)
        given = named_offer(self.object_id, "object_id")
        return objects.get_many(given) if isinstance(given, (list, tuple)) else objects.get(given)


class SearchLibraryObjectsOperator(SearchOperator):
    """Search the objects of one kind across all pages, and return the results.

    :param kind: the kind; see `CreateLibraryObjectOperator`

    The other parameters are those of `SearchOffersOperator` without `offer_type`. Returns a list of receipts, like
    `GetLibraryObjectOperator`, with `object` only if `full` is True.

    Calls `GET /{container}/queries/core/search` (xcore) or `GET` of the kind's path (dps); Adobe: "List placements"
    and so on.
    """

    template_fields: Sequence[str] = (*SearchOperator.template_fields, "kind")

    @takes(SearchParameters, others=True)
    def __init__(
        self,
        *,
        kind: KindName,
        full: bool = False,
        report: Report | None = None,
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        **kwargs: Unpack[SearchArguments],
    ) -> None:
        super().__init__(
            full=full,
            report=report,
            offer_library_conn_id=offer_library_conn_id,
            sandbox=sandbox,
            **kwargs,
        )
        self.kind = checked("kind", kind, KINDS, self)

    def work(self, hook: OfferLibraryHook, context: Context) -> list[ReadReceipt]:
        return list(hook.objects(self.kind).search(full=self.full, **self.query))


class PatchLibraryObjectOperator(EditObjectsOperator, PatchOperator):
    """Change one object, or every object of a list, with a JSON Patch (RFC 6902), exactly once, and return the receipt.

    The other parameters are those of `EditObjectsOperator` and `PatchOfferOperator`. You can use `name:` and the exact
    name of another object instead of its id.

    Calls `PATCH /{container}/instances/{instanceId}` (xcore) or `PATCH` of the kind's path and the id (dps); Adobe:
    "Update a placement" and so on. If a patch makes a decision live, the operator makes the checks of
    `ActivateDecisionOperator`; problems are warnings, unless `waive` contains them.
    """

    template_fields: Sequence[str] = (*EditObjectsOperator.template_fields, "patch", "if_match", "waive")

    def __init__(
        self,
        *,
        kind: KindName,
        object_id: Any,
        patch: Document,
        if_match: int | str | None = None,
        waive: Waive = (),
        validate: Validate = True,
        keep_adobe_templates: bool = False,
        max_concurrent: int | str = CONCURRENT,
        on_failure: OnFailure = "stop",
        report: Report | None = None,
        emit_assets: EmitAssets = False,
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        **kwargs: Unpack[TaskArguments],
    ) -> None:
        super().__init__(
            kind=kind,
            object_id=object_id,
            patch=patch,
            if_match=if_match,
            waive=waive,
            validate=validate,
            keep_adobe_templates=keep_adobe_templates,
            max_concurrent=max_concurrent,
            on_failure=on_failure,
            report=report,
            emit_assets=emit_assets,
            offer_library_conn_id=offer_library_conn_id,
            sandbox=sandbox,
            **kwargs,
        )


class DeleteLibraryObjectOperator(EditObjectsOperator, DeleteOperator):
    """Delete one object, or every object of a list, wait until it is gone, and return a receipt without an etag.

    :param missing_ok: True accepts that the object does not exist, as in `DeleteOfferOperator`
    :param cascade: True first deletes everything that refers to the object, directly or indirectly: decisions, then
        collections, then offers. Live and approved objects are moved back to draft before.

    The other parameters are those of `EditObjectsOperator`. The receipt lists the other deleted objects under
    `cascaded`. Without `cascade`, a remaining reference raises `ConflictError` that names it, and nothing is sent.
    Adobe's own check also finds references that this check cannot see, such as a journey that uses a decision.

    Calls a listing of each kind that may refer to the object, then `DELETE /{container}/instances/{instanceId}` (xcore)
    or `DELETE` of the kind's path and the id (dps); Adobe: "Delete a placement" and so on.
    """

    def __init__(
        self,
        *,
        kind: KindName,
        object_id: Any,
        missing_ok: bool = False,
        cascade: bool = False,
        max_concurrent: int | str = CONCURRENT,
        on_failure: OnFailure = "stop",
        report: Report | None = None,
        emit_assets: EmitAssets = False,
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        **kwargs: Unpack[TaskArguments],
    ) -> None:
        super().__init__(
            kind=kind,
            object_id=object_id,
            missing_ok=missing_ok,
            max_concurrent=max_concurrent,
            on_failure=on_failure,
            report=report,
            emit_assets=emit_assets,
            offer_library_conn_id=offer_library_conn_id,
            sandbox=sandbox,
            **kwargs,
        )
        self.cascade = cascade

    @property
    def fingerprint(self) -> Any:
        return [*super().fingerprint, self.cascade]

    def deletion(self) -> Delete:
        from airflow_provider_offers.client.flows.cascading import delete_object

        cascade = self.cascade
        return lambda access, reference, missing_ok: delete_object(
            access, reference, missing_ok=missing_ok, cascade=cascade
        )
