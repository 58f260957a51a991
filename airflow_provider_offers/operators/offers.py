"""The operators for offers: create, create a fallback, get, patch, search and delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from airflow_provider_offers import DEFAULT_CONNECTION
from airflow_provider_offers.client.given import unless_empty
from airflow_provider_offers.client.model.query import SearchParameters, takes
from airflow_provider_offers.configuration import CONCURRENT
from airflow_provider_offers.operators.base import OfferLibraryOperator
from airflow_provider_offers.operators.changes import DeleteOperator, PatchOperator, SearchOperator
from airflow_provider_offers.operators.creating import CreateOperator
from airflow_provider_offers.operators.edits import EditOffersOperator
from airflow_provider_offers.operators.lifecycle import (
    ArchiveExpiredOffersOperator,
    ArchiveOfferOperator,
    PublishOfferOperator,
    ScheduleOfferOperator,
    UnpublishOfferOperator,
)
from airflow_provider_offers.operators.replacing import ReplaceOfferOperator
from airflow_provider_offers.operators.words import OFFER_TYPES, checked

__all__ = [
    "ArchiveExpiredOffersOperator",
    "ArchiveOfferOperator",
    "CreateFallbackOfferOperator",
    "CreateOfferOperator",
    "DeleteOfferOperator",
    "GetOfferOperator",
    "PatchOfferOperator",
    "PublishOfferOperator",
    "ReplaceOfferOperator",
    "ScheduleOfferOperator",
    "SearchOffersOperator",
    "UnpublishOfferOperator",
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
        OfferType,
        OnFailure,
        Report,
        Rows,
        Waive,
    )


class CreateOfferOperator(CreateOperator):
    """Create a personalized offer, or a list of them, exactly once for each task run, and return the receipt.

    :param offer: the offer as Adobe documents it, in either generation's spelling: a dict, the name of a templated
        `.json` file, or a list of offers with different names

    The other parameters are those of `CreateOperator`.

    The receipt, also in XCom: `id` (reference id), `instance_id`, `name`, `etag`, `offer_type`, `api`, `sandbox`, and
    `action` (`created`, `adopted`, `updated`, `unchanged` or `skipped`). Dates in the offer are RFC 3339 with a time
    zone.

    Calls a lookup by name, then `POST /{container}/instances` (xcore) or `POST /offers?offer-type=personalized` (dps),
    then the lookup again; Adobe: "Create a personalized offer". If two workers run one task at the same time, the
    newer offer is deleted. Raises the errors of `airflow_provider_offers.client.errors`, or `AirflowFailException` if
    a retry cannot help.
    """

    offer_type: ClassVar[str] = "personalized"

    template_fields: Sequence[str] = (*CreateOperator.template_fields, "offer")
    template_fields_renderers: ClassVar[dict[str, str]] = {"offer": "json"}
    json_fields: ClassVar[tuple[str, ...]] = ("offer",)

    def __init__(
        self,
        *,
        offer: Document,
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
        self.offer = self.plain_document(offer, self.offer_type)

    @property
    def kind_key(self) -> str:
        return self.offer_type


class CreateFallbackOfferOperator(CreateOfferOperator):
    """Create a fallback offer, shown to customers who qualify for no other offer, and return its receipt.

    Parameters, receipt and errors are those of `CreateOfferOperator`. A fallback offer has no window, rank or
    capping. Adobe's example sends a window and a rank anyway, and the service drops them.

    Calls a lookup by name, then `POST /{container}/instances` (xcore) or `POST /offers?offer-type=fallback` (dps),
    then the lookup again; Adobe: "Create a fallback offer".
    """

    offer_type: ClassVar[str] = "fallback"


class GetOfferOperator(OfferLibraryOperator):
    """Read an offer, or a list of them, and return their current state.

    :param offer_id: a reference id of either generation, an xcore instance id, the result of an offer task, or a list
        of these, such as the output of a search
    :param offer_type: `personalized` or `fallback`, if the id does not show it (default `personalized`)
    :param report: where the results of a list go, as in `CreateOfferOperator`

    Returns the fields of the receipt except `action`, then `status`, `window` (`start` and `end` as the service spells
    them), `created`, `modified`, and all properties under `offer` with generation 2's plain names; for a list, a list
    of these.

    Calls `GET /{container}/instances/{instanceId}` (xcore) or `GET /offers/{id}` (dps), for a list one lookup of many
    offers; Adobe: "Look up an offer". Raises `NotFoundError` if there is none.
    """

    template_fields: Sequence[str] = (*OfferLibraryOperator.template_fields, "offer_id", "offer_type", "report")

    def __init__(
        self,
        *,
        offer_id: Any,
        offer_type: OfferType | None = None,
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
        self.offer_id = offer_id
        self.offer_type = checked("offer_type", offer_type, OFFER_TYPES, self)
        self.report = report

    def objects_read(self, result: Any) -> Sequence[Mapping[str, Any]]:
        return result if isinstance(result, list) else [result]

    def work(self, hook: OfferLibraryHook, context: Context) -> ReadReceipt | list[ReadReceipt]:
        from airflow_provider_offers.operators.documents import named_offer

        given = named_offer(self.offer_id)
        if isinstance(given, (list, tuple)):
            return hook.get_offers(given, offer_type=unless_empty(self.offer_type))
        return hook.get_offer(given, offer_type=unless_empty(self.offer_type))


class PatchOfferOperator(EditOffersOperator, PatchOperator):
    """Change one offer, or every offer of a list, with a JSON Patch (RFC 6902), exactly once, and return the receipt.

    :param patch: the operations: a list, or the name of a templated `.json` file; paths such as `/status` or
        `/_instance/xdm:status`, both on both generations
    :param if_match: the etag that the offer must still have, such as `{{ ti.xcom_pull("get")["etag"] }}`
    :param waive: checks to silence if the patch approves the offer: `window_over`, `no_window`, `no_representation`.
        Each of them is a warning otherwise, and an error with `validate="strict"`
    :param validate: True rejects errors and warns about doubts, `"strict"` rejects both, False sends any
        well-formed patch
    :param keep_adobe_templates: True keeps Adobe's own templates in content, as in `CreateOfferOperator`

    The other parameters are those of `EditOffersOperator`. A patch that adds to lists, removes or moves is guarded
    by the current state of the offer (`If-Match` on xcore, `test` operations on dps). If somebody else is faster, the
    operator reads again and makes the patch again; with `if_match`, it raises `ConflictError` instead.

    Calls `PATCH /{container}/instances/{instanceId}` (xcore) or `PATCH /offers/{id}` (dps); Adobe: "Update an offer".
    """

    template_fields: Sequence[str] = (*EditOffersOperator.template_fields, "patch", "if_match", "waive")

    def __init__(
        self,
        *,
        offer_id: Any,
        offer_type: OfferType | None = None,
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
            offer_id=offer_id,
            offer_type=offer_type,
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


class SearchOffersOperator(SearchOperator):
    """Search offers across all pages, and return the results.

    The search parameters are described in `airflow_provider_offers.client.model.query.SearchParameters`.

    :param full: True also returns all properties, under `offer`
    :param report: where the results go, as in `CreateOfferOperator`: the task then returns a summary that leads to them
    :param offer_type: `personalized` (default) or `fallback`

    Properties can have plain names or those of generation 1 (`_instance.xdm:name`, `repo:createdDate`). If the
    generation of the connection does not support a parameter, the task fails. Returns a list of receipts with
    `status`, `window`, `created` and `modified`, each offer once.

    Calls `GET /{container}/queries/core/search` (xcore) or `GET /offers` (dps); Adobe: "List personalized offers".
    """

    template_fields: Sequence[str] = (*SearchOperator.template_fields, "offer_type")

    @takes(SearchParameters, others=True)
    def __init__(
        self,
        *,
        offer_type: OfferType = "personalized",
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
        self.offer_type = checked("offer_type", offer_type, OFFER_TYPES, self)

    def work(self, hook: OfferLibraryHook, context: Context) -> list[ReadReceipt]:
        return list(hook.search_offers(offer_type=self.offer_type, full=self.full, **self.query))


class DeleteOfferOperator(EditOffersOperator, DeleteOperator):
    """Delete one offer, or every offer of a list, wait until it is gone, and return a receipt without an etag.

    :param missing_ok: True accepts that the offer does not exist (`action` is then `unchanged`). On Airflow 3.3 a retry
        accepts a missing offer if an earlier try began deleting it. On 3.2, which keeps no state, a retry always
        accepts it

    The other parameters are those of `EditOffersOperator`.

    Calls `DELETE /{container}/instances/{instanceId}` (xcore, then its `Location` until the deletion is decided) or
    `DELETE /offers/{id}` (dps); Adobe: "Delete an offer". Raises `ConflictError` if a collection or a decision
    still refers to the offer.
    """

    def __init__(
        self,
        *,
        offer_id: Any,
        offer_type: OfferType | None = None,
        missing_ok: bool = False,
        max_concurrent: int | str = CONCURRENT,
        on_failure: OnFailure = "stop",
        report: Report | None = None,
        emit_assets: EmitAssets = False,
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        **kwargs: Unpack[TaskArguments],
    ) -> None:
        super().__init__(
            offer_id=offer_id,
            offer_type=offer_type,
            missing_ok=missing_ok,
            max_concurrent=max_concurrent,
            on_failure=on_failure,
            report=report,
            emit_assets=emit_assets,
            offer_library_conn_id=offer_library_conn_id,
            sandbox=sandbox,
            **kwargs,
        )

    def deletion(self) -> Delete:
        from airflow_provider_offers.client.flows.deleting import delete_written

        return lambda access, reference, missing_ok: delete_written(access, reference, missing_ok=missing_ok)
