"""The hook's calls for one kind of object: placements, qualifiers, collections, rules, formulas, decisions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_offers.client.lists import Work
    from airflow_provider_offers.client.model.shown import ReadReceipt, WriteReceipt
    from airflow_provider_offers.client.model.validation import Validate
    from airflow_provider_offers.hooks.offer_library import OfferLibraryHook
    from airflow_provider_offers.operators.words import KindName, Waive


class LibraryObjects:
    """The objects of one kind in the sandbox of a hook; see `OfferLibraryHook.objects`.

    An object is given as an id of either generation, an xcore instance id, `name:` and its exact name, or the result
    of a task. Every method raises the errors of `airflow_provider_offers.client.errors`, and `UnsupportedError` for
    ranking formulas on xcore, because Adobe documents no calls for them there.
    """

    def __init__(self, hook: OfferLibraryHook, kind: KindName) -> None:
        from airflow_provider_offers.client.model.kinds import library_kind

        self._hook = hook
        self.kind = library_kind(kind)

    def create(self, document: dict[str, Any], **options: Any) -> WriteReceipt:
        """Create an object exactly once and return its receipt; for the options see `OfferLibraryHook.create_offer`.

        Calls `POST /{container}/instances` (xcore) or `POST` of the kind's path, such as `/placements` (dps), between
        two lookups by name.
        """
        return self.with_kind(self._hook.create_offer(document, offer_type=self.kind, **options))

    def get(self, object_id: Any) -> ReadReceipt:
        """Read an object: a receipt with its status and window, if it has any, and its properties under `object`.

        Calls `GET /{container}/instances/{instanceId}` (xcore) or `GET` of the kind's path and the id (dps).
        """
        return self.get_many([object_id])[0]

    def get_many(self, object_ids: Sequence[Any]) -> list[ReadReceipt]:
        """Read many objects in few requests, in the given order. Raises `NotFoundError` that names missing objects."""
        from airflow_provider_offers.client.model.receipts import object_receipt

        began = time.monotonic()
        library = self._hook.library
        entities = library.get_offers([library.reference(each, self.kind) for each in object_ids])
        self._tell("Read", len(entities), began)
        return cast("list[ReadReceipt]", [object_receipt(each, self._hook.settings, full=True) for each in entities])

    def patch(
        self,
        object_id: Any,
        patch: list[dict[str, Any]],
        *,
        if_match: int | str | None = None,
        waive: Waive = (),
        validate: Validate = True,
    ) -> WriteReceipt:
        """Apply a JSON Patch (RFC 6902) exactly once and return the receipt; see `OfferLibraryHook.patch_offer`."""
        receipt = self._hook.patch_offer(
            object_id, patch, offer_type=self.kind, if_match=if_match, waive=waive, validate=validate
        )
        return self.with_kind(receipt)

    def replace(
        self,
        object_id: Any,
        document: dict[str, Any],
        *,
        if_match: int | str | None = None,
        waive: Waive = (),
        validate: Validate = True,
    ) -> WriteReceipt:
        """Replace a whole object, exactly once, and return the receipt; see `OfferLibraryHook.replace_offer`."""
        receipt = self._hook.replace_offer(
            object_id, document, offer_type=self.kind, if_match=if_match, waive=waive, validate=validate
        )
        return self.with_kind(receipt)

    def edit(self, object_id: Any, work: Work) -> WriteReceipt:
        """Run a flow of `client.flows.editing` on one object and return the receipt."""
        return self.with_kind(self._hook.edit_offer(object_id, work, offer_type=self.kind))

    def delete(self, object_id: Any, *, missing_ok: bool = False, cascade: bool = False) -> WriteReceipt:
        """Delete an object, wait until it is gone, and return a receipt; `cascaded` in it lists other deleted objects.

        If others refer to the object, raises `ConflictError` that names them; `cascade` deletes them first instead.
        """
        from airflow_provider_offers.client.flows.cascading import delete_object

        return self.edit(
            object_id,
            lambda access, reference: delete_object(access, reference, missing_ok=missing_ok, cascade=cascade),
        )

    def search(self, *, full: bool = False, **query: Any) -> Iterator[ReadReceipt]:
        """The results of a search, each once, page by page; see `client.model.query.parse_query`.

        Calls `GET /{container}/queries/core/search` (xcore) or `GET` of the kind's path (dps).
        """
        from airflow_provider_offers.client.model.query import parse_query
        from airflow_provider_offers.client.model.receipts import object_receipt

        began, found = time.monotonic(), 0
        for entity in self._hook.library.search_offers(parse_query(**query), offer_type=self.kind):
            found += 1
            yield cast("ReadReceipt", object_receipt(entity, self._hook.settings, full=full))
        self._tell("Found", found, began)

    def with_kind(self, receipt: WriteReceipt) -> WriteReceipt:
        """The receipt of a write, plus the kind, which receipts of offers do not contain."""
        return {**receipt, "kind": self.kind.key}

    def _tell(self, done: str, count: int, began: float) -> None:
        self._hook.log.info(
            "%s %d of kind %s in sandbox %r over %s in %.2f s [request id %s]",
            done,
            count,
            self.kind.key,
            self._hook.settings.sandbox,
            self._hook.settings.api,
            time.monotonic() - began,
            self._hook.library.last_request_id,
        )
