"""The base of the operators that change offers which are there: one offer, or a list of them with one receipt each."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_offers.operators.base import DEFAULT_CONNECTION, OfferLibraryOperator, named_offer
from airflow_provider_offers.operators.words import OFFER_TYPES, ON_FAILURE, checked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from airflow_provider_offers.client.lists import Work
    from airflow_provider_offers.client.model.entities import Reference, Written
    from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
    from airflow_provider_offers.operators.progress import PatchIntents
    from airflow_provider_offers.operators.words import OfferType, OnFailure


class EditOffersOperator(OfferLibraryOperator):
    """Changes one offer and returns its receipt, or many and returns a list of receipts in their order.

    :param offer_id: a reference id of either generation, an xcore instance id, what an offer task returned, or a list
        of any of these, such as the output of a search
    :param offer_type: `personalized` or `fallback`, where the ids do not tell (default `personalized`)
    :param max_concurrent: how many offers of a list are under way at once (default 8)
    :param on_failure: what a failure in a list does: `stop` (default) begins no more, `continue` goes on with the rest;
        the task fails in the end either way, and names what failed

    On Airflow 3.3 a retry goes on at the first offer of the list that is not done; on 3.2 it looks at each again.
    """

    template_fields: Sequence[str] = (
        *OfferLibraryOperator.template_fields,
        "offer_id",
        "offer_type",
        "max_concurrent",
        "on_failure",
    )

    keeps_plan: ClassVar[bool] = True
    # What the tries of the task leave for each other, from when it works.
    intents: PatchIntents

    def __init__(
        self,
        *,
        offer_id: Any,
        offer_type: OfferType | None = None,
        max_concurrent: int | str = 8,
        on_failure: OnFailure = "stop",
        offer_library_conn_id: str = DEFAULT_CONNECTION,
        sandbox: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            offer_library_conn_id=offer_library_conn_id,
            sandbox=sandbox,
            **kwargs,
        )
        self.offer_id = offer_id
        self.offer_type = checked("offer_type", offer_type, OFFER_TYPES, self)
        self.max_concurrent = max_concurrent
        self.on_failure = checked("on_failure", on_failure, ON_FAILURE, self)

    @property
    @abstractmethod
    def done(self) -> str:
        """What a message calls an offer that is done, such as `published`."""

    @abstractmethod
    def edit(self, hook: OfferLibraryHook, references: list[Reference]) -> Work:
        """The flow that changes an offer, made and checked after the templates are rendered."""

    @property
    def fingerprint(self) -> Any:
        """What, beside the offers, makes two tries of the task the same work; as JSON."""
        return [type(self).__name__]

    @property
    def repeatable(self) -> bool:
        """Whether the work may be done twice to one offer without harm."""
        return True

    def work(self, hook: OfferLibraryHook, context: Context) -> Any:
        self._recall(hook, context)
        given = named_offer(self.offer_id)
        if isinstance(given, (list, tuple)):
            return self.work_on_many(list(given), hook, context)
        offer_type = self.offer_type or None
        work = self.edit(hook, [hook.library.reference(given, offer_type)])
        return hook.edit_offer(given, work, offer_type=offer_type)

    def _recall(self, hook: OfferLibraryHook, context: Context) -> None:
        from airflow_provider_offers.operators.progress import PatchIntents

        self.intents = PatchIntents(context, self._plan(hook))

    def _plan(self, hook: OfferLibraryHook) -> list[Any]:
        settings = hook.settings
        return [settings.host, settings.sandbox, settings.api, self.fingerprint]

    def work_on_many(self, given: list[Any], hook: OfferLibraryHook, context: Context) -> list[dict[str, Any]]:
        """Do the work for every offer given; the receipts come in their order."""
        from airflow_provider_offers.client.model.receipts import write_receipt
        from airflow_provider_offers.operators.lists import bounds, subject_of, work_through
        from airflow_provider_offers.operators.progress import Checkpoint, ListProgress

        self._recall(hook, context)
        max_concurrent, stop = bounds(self.max_concurrent, self.on_failure)
        references = [hook.library.reference(each, self.offer_type or None) for each in given]
        work = self.edit(hook, references)
        checkpoint = Checkpoint(context, references, self._plan(hook), repeatable=self.repeatable)

        def to_receipt(index: int, written: Written) -> dict[str, Any]:
            return write_receipt(written, hook.settings, references[index].kind.key, given[index])

        def called(index: int) -> str:
            return _named(references[index], given[index])

        return work_through(
            hook,
            context,
            references,
            work,
            receipts=checkpoint,
            progress=ListProgress(self.log, checkpoint, len(references), to_receipt, subject_of(references), called),
            called=called,
            done=self.done,
            max_concurrent=max_concurrent,
            stop=stop,
        )


def _named(reference: Reference, given: Any) -> str:
    name = given.get("name") if isinstance(given, dict) else None
    return f"{name!r} ({reference})" if name else str(reference)
