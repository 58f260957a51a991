"""The bases of the operators that change existing objects: one object, or a list of them with one receipt each."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_offers import DEFAULT_CONNECTION, configuration
from airflow_provider_offers.client.given import unless_empty
from airflow_provider_offers.configuration import CONCURRENT
from airflow_provider_offers.operators.base import OfferLibraryOperator
from airflow_provider_offers.operators.words import KINDS, OFFER_TYPES, ON_FAILURE, checked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_offers.client.calls import Work
    from airflow_provider_offers.client.flows.memory import Intents
    from airflow_provider_offers.client.model.entities import Reference, Written
    from airflow_provider_offers.client.model.kinds import Kind
    from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
    from airflow_provider_offers.operators.words import EmitAssets, KindName, OfferType, OnFailure, Report


class EditOperator(OfferLibraryOperator):
    """Changes one object and returns its receipt, or a list of objects and returns their receipts in the same order.

    `EditOffersOperator` and `EditObjectsOperator` name and read the objects. Operators such as `PatchOperator` change
    them.
    """

    keeps_values: ClassVar[bool] = True
    # The plans that the tries of the task keep for each other; set when `work` starts.
    intents: Intents

    def __init__(
        self,
        *,
        max_concurrent: int | str = CONCURRENT,
        on_failure: OnFailure = "stop",
        report: Report | None = None,
        emit_assets: EmitAssets = False,
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            offer_library_conn_id=offer_library_conn_id,
            sandbox=sandbox,
            **kwargs,
        )
        self.max_concurrent = configuration.concurrent(max_concurrent)
        self.report = report
        self.on_failure = checked("on_failure", on_failure, ON_FAILURE, self)
        self.set_emission(emit_assets)

    @property
    @abstractmethod
    def named(self) -> Any:
        """The value that names the object, or a list of such values."""

    @abstractmethod
    def reference(self, hook: OfferLibraryHook, given: Any) -> Reference:
        """The reference to the object."""

    @abstractmethod
    def kind_meant(self, hook: OfferLibraryHook) -> Kind:
        """The kind of the objects according to the arguments, for an empty list of objects."""

    @abstractmethod
    def edit_one(self, hook: OfferLibraryHook, given: Any, work: Work) -> Any:
        """Change one object; returns its receipt."""

    @property
    @abstractmethod
    def done(self) -> str:
        """The word for a finished object in messages, such as `published`."""

    @abstractmethod
    def edit(self, hook: OfferLibraryHook, references: list[Reference]) -> Work:
        """The flow that changes an object, built and checked after the templates are rendered."""

    @property
    def fingerprint(self) -> Any:
        """The arguments that define the task's work besides the objects, as JSON."""
        return [type(self).__name__]

    @property
    def repeatable(self) -> bool:
        """Whether the work is safe to repeat on one object."""
        return True

    def written(self, result: Any) -> Sequence[Mapping[str, Any]]:
        return result if isinstance(result, list) else [result]

    def work(self, hook: OfferLibraryHook, context: Context) -> Any:
        from airflow_provider_offers.operators.lists import bounds

        # Also for one object: the next run may get a list.
        bounds(self.max_concurrent, self.on_failure)
        self._recall(hook, context)
        given = self.named
        if isinstance(given, (list, tuple)):
            return self.work_on_many(list(given), hook, context)
        work = self.edit(hook, [self.reference(hook, given)])
        return self.edit_one(hook, given, work)

    def _recall(self, hook: OfferLibraryHook, context: Context) -> None:
        from airflow_provider_offers.client.flows.memory import Intents
        from airflow_provider_offers.operators.memory import tries_of

        self.intents = Intents(tries_of(context), self._identity(hook))

    def _identity(self, hook: OfferLibraryHook) -> list[Any]:
        """What the task does, and where: its tries recall each other by it."""
        return [*hook.settings.target, self.fingerprint]

    def work_on_many(self, given: list[Any], hook: OfferLibraryHook, context: Context) -> list[dict[str, Any]]:
        """Process every given object; returns the receipts in the same order."""
        from airflow_provider_offers.client.flows.pages import Checkpoint
        from airflow_provider_offers.client.model.entities import parse_each
        from airflow_provider_offers.client.model.receipts import write_receipt
        from airflow_provider_offers.client.wire.memory import remember
        from airflow_provider_offers.operators.lists import bounds, subject_of, work_through
        from airflow_provider_offers.operators.memory import tries_of
        from airflow_provider_offers.operators.progress import ListProgress

        self._recall(hook, context)
        self.intents = self.intents.of_list()
        max_concurrent, stop = bounds(self.max_concurrent, self.on_failure)
        references = parse_each(given, lambda each: self.reference(hook, each))
        work = self.edit(hook, references)
        plan = [list(map(str, references)), self._identity(hook)]
        checkpoint = Checkpoint(tries_of(context), plan, len(references), repeatable=self.repeatable)
        remember(hook.memory, checkpoint.load())

        def to_receipt(index: int, written: Written) -> dict[str, Any]:
            return write_receipt(written, hook.settings, references[index].kind, given[index])

        def called(index: int) -> str:
            return _named(references[index], given[index])

        try:
            return work_through(
                hook,
                context,
                references,
                work,
                receipts=checkpoint,
                progress=ListProgress(
                    self.log, checkpoint, len(references), to_receipt, subject_of(references), called
                ),
                called=called,
                done=self.done,
                max_concurrent=max_concurrent,
                stop=stop,
            )
        finally:
            remember(hook.memory, self.intents.close())


class EditOffersOperator(EditOperator):
    """Changes one offer and returns its receipt, or a list of offers and returns their receipts in the same order.

    :param offer_id: a reference id of either generation, an xcore instance id, the result of an offer task, or a list
        of these, such as the output of a search
    :param offer_type: `personalized` or `fallback`, if the ids do not show it (default `personalized`)
    :param max_concurrent: how many offers of a list run at the same time (default 8)
    :param on_failure: after a failure in a list: `stop` (default) starts no more items, `continue` processes the
        rest; the task fails in both cases, and lists the failures
    :param report: where a list's receipts go: an address of object storage, such as `s3://bucket/created.jsonl`, or
        an absolute path. The task then returns a summary that leads to it, which every `offer_id` accepts
    :param emit_assets: how the task emits asset events for the objects that it changed, as in `CreateOfferOperator`

    On Airflow 3.3 a retry continues at the first unfinished offer of the list; on 3.2 it checks each offer again.
    """

    template_fields: Sequence[str] = (
        *OfferLibraryOperator.template_fields,
        "offer_id",
        "offer_type",
        "max_concurrent",
        "on_failure",
        "report",
    )

    def __init__(
        self,
        *,
        offer_id: Any,
        offer_type: OfferType | None = None,
        max_concurrent: int | str = CONCURRENT,
        on_failure: OnFailure = "stop",
        report: Report | None = None,
        emit_assets: EmitAssets = False,
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            max_concurrent=max_concurrent,
            on_failure=on_failure,
            report=report,
            emit_assets=emit_assets,
            offer_library_conn_id=offer_library_conn_id,
            sandbox=sandbox,
            **kwargs,
        )
        self.offer_id = offer_id
        self.offer_type = checked("offer_type", offer_type, OFFER_TYPES, self)

    @property
    def named(self) -> Any:
        from airflow_provider_offers.operators.documents import named_offer

        return named_offer(self.offer_id)

    def reference(self, hook: OfferLibraryHook, given: Any) -> Reference:
        from airflow_provider_offers.hooks.objects import offer_reference

        return offer_reference(hook.library, given, self.offer_type)

    def kind_meant(self, hook: OfferLibraryHook) -> Kind:
        from airflow_provider_offers.client.model.kinds import PERSONALIZED, offer_kind

        return PERSONALIZED if self.offer_type in (None, "") else offer_kind(self.offer_type)

    def edit_one(self, hook: OfferLibraryHook, given: Any, work: Work) -> Any:
        return hook.edit_offer(given, work, offer_type=unless_empty(self.offer_type))


class EditObjectsOperator(EditOperator):
    """Changes one object and returns its receipt, or a list of objects and returns their receipts in the same order.

    :param kind: the kind: `placement`, `tag`, `collection`, `rule`, `formula`, `decision`, `personalized`, `fallback`
    :param object_id: a reference id of either generation, an xcore instance id, `name:` and the exact name, the result
        of a task, or a list of these, such as the output of a search
    :param max_concurrent: how many objects of a list run at the same time (default 8)
    :param on_failure: after a failure in a list: `stop` (default) starts no more items, `continue` processes the
        rest; the task fails in both cases, and lists the failures
    :param report: where a list's receipts go: an address of object storage, such as `s3://bucket/created.jsonl`, or
        an absolute path. The task then returns a summary that leads to it, which every `object_id` accepts
    :param emit_assets: how the task emits asset events for the objects that it changed, as in `CreateOfferOperator`
    """

    template_fields: Sequence[str] = (
        *OfferLibraryOperator.template_fields,
        "kind",
        "object_id",
        "max_concurrent",
        "on_failure",
        "report",
    )

    def __init__(
        self,
        *,
        kind: KindName,
        object_id: Any,
        max_concurrent: int | str = CONCURRENT,
        on_failure: OnFailure = "stop",
        report: Report | None = None,
        emit_assets: EmitAssets = False,
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            max_concurrent=max_concurrent,
            on_failure=on_failure,
            report=report,
            emit_assets=emit_assets,
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
        from airflow_provider_offers.operators.documents import named_offer

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


def _named(reference: Reference, given: Any) -> str:
    name = given.get("name") if isinstance(given, dict) else None
    return f"{name!r} ({reference})" if name else str(reference)
