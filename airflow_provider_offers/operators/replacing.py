"""The operators that replace whole objects: an offer, an object of any kind, or a list of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from airflow_provider_offers import DEFAULT_CONNECTION
from airflow_provider_offers.configuration import CONCURRENT
from airflow_provider_offers.operators.changes import ReplaceOperator
from airflow_provider_offers.operators.edits import EditObjectsOperator, EditOffersOperator
from airflow_provider_offers.operators.words import OFFER_TYPES

if TYPE_CHECKING:
    from airflow_provider_offers.client.model.validation import Validate
    from airflow_provider_offers.operators.airflow_arguments import TaskArguments
    from airflow_provider_offers.operators.words import (
        Document,
        EmitAssets,
        KindName,
        OfferType,
        OnFailure,
        Report,
        Waive,
    )


class ReplaceOfferOperator(EditOffersOperator, ReplaceOperator):
    """Replace one offer, or every offer of a list, with a document, exactly once, and return the receipt.

    :param offer_id: the offer: a reference id of either generation, an xcore instance id, `name:` and the exact name,
        the result of an offer task, or a list of these
    :param offer: the new content: a dict in either generation's spelling, or the name of a templated `.json` file; for
        a list of offers, a list of documents, one for each
    :param offer_type: `personalized` or `fallback`, if the ids do not show it (default `personalized`)
    :param if_match: the etag that the offer must still have, such as `{{ ti.xcom_pull("get")["etag"] }}`
    :param waive: checks to silence if the replacement approves the offer: `window_over`, `no_window`,
        `no_representation`. Each of them is a warning otherwise, and an error with `validate="strict"`
    :param validate: True rejects errors and warns about doubts, `"strict"` rejects both, False sends the document
        unchanged
    :param keep_adobe_templates: True keeps Adobe's own templates in content, as in `CreateOfferOperator`
    :param max_concurrent: how many offers of a list run at the same time (default 8)
    :param on_failure: after a failure in a list: `stop` (default) starts no more items, `continue` processes the rest

    Properties that the document does not have are removed. Properties that the service assigns remain. `action` is
    `replaced`, or `unchanged` if the offer already has this content. The replacement overwrites an edit that somebody
    makes just before, unless `if_match` prevents it: then the task raises `ConflictError`.

    Calls a read, then `PUT /{container}/instances/{instanceId}` (xcore). Generation 2 documents no PUT. There, calls
    `PATCH /offers/{id}` (dps) with the differences, guarded by `test` operations on the values that were read.
    """

    document_field: ClassVar[str] = "offer"
    template_fields: Sequence[str] = (*EditOffersOperator.template_fields, "offer", "if_match", "waive")
    template_fields_renderers: ClassVar[dict[str, str]] = {"offer": "json"}
    json_fields: ClassVar[tuple[str, ...]] = ("offer",)

    def __init__(
        self,
        *,
        offer_id: Any,
        offer_type: OfferType | None = None,
        offer: Document,
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
        self.offer = self.plain_document(offer, *([offer_type] if offer_type else OFFER_TYPES))


class ReplaceLibraryObjectOperator(EditObjectsOperator, ReplaceOperator):
    """Replace one object, or every object of a list, with a document, exactly once, and return the receipt.

    :param kind: the kind: `placement`, `tag`, `collection`, `rule`, `formula`, `decision`, `personalized`, `fallback`
    :param object_id: a reference id of either generation, an xcore instance id, `name:` and the exact name, the result
        of a task, or a list of these
    :param object: the new content: a dict in either generation's spelling, or the name of a templated `.json` file; for
        a list of objects, a list of documents, one for each. You can use `name:` and the exact name of another object
        instead of its id.

    `if_match`, `waive` (for decisions the reasons of `ActivateDecisionOperator`), `validate`, `max_concurrent` and
    `on_failure` are those of `ReplaceOfferOperator`, and the result is the same. Properties that reads of a kind do
    not show, such as a rule's `definedOn`, are always written, because their current value is not known.

    Calls a read, then `PUT /{container}/instances/{instanceId}` (xcore), or `PATCH` of the kind's path and the id (dps)
    with the differences, guarded by `test` operations on what was read; Adobe: "Update a decision rule" and so on.
    """

    document_field: ClassVar[str] = "object"
    template_fields: Sequence[str] = (*EditObjectsOperator.template_fields, "object", "if_match", "waive")
    template_fields_renderers: ClassVar[dict[str, str]] = {"object": "json"}
    json_fields: ClassVar[tuple[str, ...]] = ("object",)

    def __init__(
        self,
        *,
        kind: KindName,
        object_id: Any,
        object: Document,
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
        self.object = self.plain_document(object, kind)
