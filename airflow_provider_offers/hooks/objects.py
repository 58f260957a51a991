"""The hook's calls for one kind of object: placements, qualifiers, collections, rules, formulas, decisions, offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_offers.client.twins import async_iterated, awaited, driven, iterated
from airflow_provider_offers.hooks.object_calls import ObjectCalls, with_kind

if TYPE_CHECKING:
    from airflow_provider_offers.client.library import AsyncOfferLibrary, OfferLibrary
    from airflow_provider_offers.client.model.entities import Reference
    from airflow_provider_offers.client.model.kinds import Kind
    from airflow_provider_offers.client.model.shown import WriteReceipt
    from airflow_provider_offers.hooks.offer_library import OfferLibraryAsyncHook, OfferLibraryHook


class _Objects:
    """The part of both classes that needs no request."""

    kind: Kind

    def with_kind(self, receipt: WriteReceipt) -> WriteReceipt:
        """The receipt of a write with the kind, which the receipts of offers lack."""
        return with_kind(receipt, self.kind)


class LibraryObjects(_Objects):
    """The objects of one kind in the sandbox of a hook; see `OfferLibraryHook.objects`.

    An object is given as an id of either generation, an xcore instance id, `name:` and its exact name, or the result
    of a task. Every method raises the errors of `airflow_provider_offers.client.errors`, and `UnsupportedError` for
    ranking formulas on xcore, because Adobe documents no calls for them there.
    """

    def __init__(self, hook: OfferLibraryHook, kind: Kind) -> None:
        self._hook = hook
        self.kind = kind

    def _driving(self) -> tuple[ObjectCalls, OfferLibrary]:
        calls, library = self._hook._driving()
        return calls.objects(self.kind), library

    create = driven(ObjectCalls.create)
    get = driven(ObjectCalls.get)
    get_many = driven(ObjectCalls.get_many)
    patch = driven(ObjectCalls.patch)
    replace = driven(ObjectCalls.replace)
    edit = driven(ObjectCalls.edit)
    schedule = driven(ObjectCalls.schedule)
    publish = driven(ObjectCalls.publish)
    unpublish = driven(ObjectCalls.unpublish)
    activate = driven(ObjectCalls.activate)
    deactivate = driven(ObjectCalls.deactivate)
    complete = driven(ObjectCalls.complete)
    archive = driven(ObjectCalls.archive)
    delete = driven(ObjectCalls.delete)
    search = iterated(ObjectCalls.search)


class AsyncLibraryObjects(_Objects):
    """`LibraryObjects` of the asynchronous hook: the same methods, awaited."""

    def __init__(self, hook: OfferLibraryAsyncHook, kind: Kind) -> None:
        self._hook = hook
        self.kind = kind

    async def _driving(self) -> tuple[ObjectCalls, AsyncOfferLibrary]:
        calls, library = await self._hook._driving()
        return calls.objects(self.kind), library

    create = awaited(ObjectCalls.create)
    get = awaited(ObjectCalls.get)
    get_many = awaited(ObjectCalls.get_many)
    patch = awaited(ObjectCalls.patch)
    replace = awaited(ObjectCalls.replace)
    edit = awaited(ObjectCalls.edit)
    schedule = awaited(ObjectCalls.schedule)
    publish = awaited(ObjectCalls.publish)
    unpublish = awaited(ObjectCalls.unpublish)
    activate = awaited(ObjectCalls.activate)
    deactivate = awaited(ObjectCalls.deactivate)
    complete = awaited(ObjectCalls.complete)
    archive = awaited(ObjectCalls.archive)
    delete = awaited(ObjectCalls.delete)
    search = async_iterated(ObjectCalls.search)


def offer_reference(library: OfferLibrary, given: Any, offer_type: str | None) -> Reference:
    """The reference to the offer that `given` names, of the type `offer_type`, or of either type."""
    from airflow_provider_offers.client.model.kinds import offer_kind

    return library.offer_reference(given, None if offer_type in (None, "") else offer_kind(offer_type))
