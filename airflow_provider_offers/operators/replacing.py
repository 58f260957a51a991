"""The operators that replace whole objects: an offer, an object of any kind, or a list of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.operators.base import DEFAULT_CONNECTION, json_document, listed_document
from airflow_provider_offers.operators.edits import EditOffersOperator
from airflow_provider_offers.operators.objects import EditObjectsOperator

if TYPE_CHECKING:
    from airflow_provider_offers.client.calls import Work
    from airflow_provider_offers.client.model.entities import Reference
    from airflow_provider_offers.client.model.validation import Validate
    from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
    from airflow_provider_offers.operators.words import Document, KindName, OfferType, OnFailure, Waive


class ReplaceOfferOperator(EditOffersOperator):
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
    :param keep_adobe_templates: True keeps Adobe's own templates in content, as in `CreateOperator`
    :param max_concurrent: how many offers of a list run at the same time (default 8)
    :param on_failure: after a failure in a list: `stop` (default) starts no more items, `continue` processes the rest

    Properties that the document does not have are removed. Properties that the service assigns remain. `action` is
    `replaced`, or `unchanged` if the offer already has this content. An edit that somebody makes just before is
    overwritten, unless `if_match` prevents it: then the task raises `ConflictError`.

    Calls a read, then `PUT /{container}/instances/{instanceId}` (xcore), or, as generation 2 documents no PUT,
    `PATCH /offers/{id}` (dps) with the differences, guarded by `test` operations on what was read.
    """

    document_field: ClassVar[str] = "offer"
    template_fields: Sequence[str] = (*EditOffersOperator.template_fields, "offer", "if_match", "waive")
    template_fields_renderers: ClassVar[dict[str, str]] = {"offer": "json"}
    json_fields: ClassVar[tuple[str, ...]] = ("offer",)
    can_keep_adobe_templates: ClassVar[bool] = True

    def __init__(
        self,
        *,
        offer_id: Any,
        offer: Document,
        offer_type: OfferType | None = None,
        if_match: int | str | None = None,
        waive: Waive = (),
        validate: Validate = True,
        keep_adobe_templates: bool = False,
        max_concurrent: int | str = 8,
        on_failure: OnFailure = "stop",
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            offer_id=offer_id,
            offer_type=offer_type,
            max_concurrent=max_concurrent,
            on_failure=on_failure,
            offer_library_conn_id=offer_library_conn_id,
            sandbox=sandbox,
            **kwargs,
        )
        self.offer = offer
        self.if_match = if_match
        self.waive = waive
        self.validate = validate
        self.keep_adobe_templates = keep_adobe_templates

    @property
    def done(self) -> str:
        return "replaced"

    @property
    def fingerprint(self) -> Any:
        return [*super().fingerprint, json_document(self.document_field, getattr(self, self.document_field))]

    def edit(self, hook: OfferLibraryHook, references: list[Reference]) -> Work:
        from airflow_provider_offers.client.flows.doubts import checked_waive
        from airflow_provider_offers.client.flows.replacing import replace_object

        if_match = None if self.if_match in (None, "") else self.if_match
        documents = self._documents(references, if_match)
        meant = hook.library.replacements(references, documents, validate=self.validate)
        waive, validate, intents = self.waive or (), self.validate, self.intents
        waived = {reference.kind.key: checked_waive(reference.kind, waive) for reference in references}
        return lambda access, reference: replace_object(
            access,
            reference,
            meant[reference],
            if_match=if_match,
            intent=intents.of(reference),
            waive=waived[reference.kind.key],
            validate=validate,
        )

    def _documents(self, references: list[Reference], if_match: Any) -> list[Any]:
        """The documents, one for each object, in the same order."""
        name = self.document_field
        given = json_document(name, getattr(self, name))
        many = isinstance(given, Sequence) and not isinstance(given, (str, bytes))
        documents = [listed_document(f"{name}/{index}", each) for index, each in enumerate(given)] if many else [given]
        violations = []
        if len(documents) != len(references):
            accepted = f"a list of {len(references)} documents, one for each"
            violations.append(Violation(name, f"{len(documents)} for {len(references)} objects", accepted))
        if if_match is not None and len(references) != 1:
            given_etag = f"one etag for {len(references)} objects"
            violations.append(Violation("if_match", given_etag, "if_match with one object only"))
        if violations:
            raise InvalidInputError("The replacement is not valid", violations)
        return documents


class ReplaceLibraryObjectOperator(EditObjectsOperator, ReplaceOfferOperator):
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
        max_concurrent: int | str = 8,
        on_failure: OnFailure = "stop",
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kind=kind,
            object_id=object_id,
            offer="",
            if_match=if_match,
            waive=waive,
            validate=validate,
            keep_adobe_templates=keep_adobe_templates,
            max_concurrent=max_concurrent,
            on_failure=on_failure,
            offer_library_conn_id=offer_library_conn_id,
            sandbox=sandbox,
            **kwargs,
        )
        self.object = object
