"""The common parts of the operators for objects of any kind: the object, its kind, and receipts with the kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_offers.operators.base import DEFAULT_CONNECTION, OfferLibraryOperator, named_offer
from airflow_provider_offers.operators.edits import EditOperator
from airflow_provider_offers.operators.words import KINDS, checked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from airflow_provider_offers.client.calls import Work
    from airflow_provider_offers.client.model.entities import Reference
    from airflow_provider_offers.client.model.kinds import Kind
    from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
    from airflow_provider_offers.operators.words import KindName, OnFailure


class EditObjectsOperator(EditOperator):
    """Changes one object and returns its receipt, or a list of objects and returns their receipts in the same order.

    :param kind: the kind: `placement`, `tag`, `collection`, `rule`, `formula`, `decision`, `personalized`, `fallback`
    :param object_id: a reference id of either generation, an xcore instance id, `name:` and the exact name, what a task
        returned, or a list of these, such as the output of a search
    :param max_concurrent: how many objects of a list run at the same time (default 8)
    :param on_failure: after a failure in a list: `stop` (default) starts no more items, `continue` processes the
        rest; the task fails in both cases, and lists the failures
    """

    template_fields: Sequence[str] = (
        *OfferLibraryOperator.template_fields,
        "kind",
        "object_id",
        "max_concurrent",
        "on_failure",
    )

    def __init__(
        self,
        *,
        kind: KindName,
        object_id: Any,
        max_concurrent: int | str = 8,
        on_failure: OnFailure = "stop",
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            max_concurrent=max_concurrent,
            on_failure=on_failure,
            offer_library_conn_id=offer_library_conn_id,
            sandbox=sandbox,
            **kwargs,
        )
        self.kind = checked("kind", kind, KINDS, self)
        self.object_id = object_id

    @property
    def fingerprint(self) -> Any:
        return [*super().fingerprint, self.kind]

    @property
    def named(self) -> Any:
        return named_offer(self.object_id, "object_id")

    def work(self, hook: OfferLibraryHook, context: Context) -> Any:
        objects = hook.objects(self.kind)
        done = super().work(hook, context)
        return [objects.with_kind(each) for each in done] if isinstance(done, list) else objects.with_kind(done)

    def reference(self, hook: OfferLibraryHook, given: Any) -> Reference:
        return hook.library.reference(hook.objects(self.kind).kind, given)

    def kind_meant(self, hook: OfferLibraryHook) -> Kind:
        return hook.objects(self.kind).kind

    def edit_one(self, hook: OfferLibraryHook, given: Any, work: Work) -> Any:
        return hook.objects(self.kind).edit(given, work)
