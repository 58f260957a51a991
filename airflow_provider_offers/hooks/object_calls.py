"""The methods of the hooks for objects, each written once: actions and searches whose results are receipts."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Unpack, cast

from airflow_provider_offers.client.given import check_flags
from airflow_provider_offers.client.model.query import HookSearch, parse_query, takes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta

    from airflow.sdk.types import Logger

    from airflow_provider_offers.client.actions import Action, Search
    from airflow_provider_offers.client.calls import Calls, Work
    from airflow_provider_offers.client.flows.access import Access
    from airflow_provider_offers.client.flows.ownership import Creation
    from airflow_provider_offers.client.model.entities import Entity, Reference, Written
    from airflow_provider_offers.client.model.kinds import Kind
    from airflow_provider_offers.client.model.shown import ReadReceipt, WriteReceipt
    from airflow_provider_offers.client.model.validation import Validate
    from airflow_provider_offers.client.wire.messages import Flow
    from airflow_provider_offers.operators.words import IfExists, Waive

P = ParamSpec("P")


class ObjectCalls:
    """The methods of `LibraryObjects` and `AsyncLibraryObjects`, for objects of one kind.

    An object is named by an id of either generation, an xcore instance id, `name:` and its exact name, or the result of
    a task. `waive`, `validate` and `if_match` are those of the operators.
    """

    def __init__(self, library: Calls, kind: Kind, log: Logger, request_id: Callable[[], str | None]) -> None:
        self._library = library
        self._kind = kind
        self._log = log
        self._request_id = request_id

    def create(
        self,
        object: dict[str, Any],
        *,
        window: Any = None,
        if_exists: IfExists = "fail",
        since: datetime | None = None,
        patience: timedelta | float = 10.0,
        marker: tuple[str, str] | None = None,
        waive: Waive = (),
        validate: Validate = True,
    ) -> Action[WriteReceipt]:
        """Create an object exactly once and return its receipt; for the options see `OfferLibraryHook.create_offer`.

        Calls `POST /{container}/instances` (xcore) or `POST` of the kind's path, such as `/placements` (dps), between
        two lookups by name.
        """
        from airflow_provider_offers.client.flows.memory import Earlier

        prepare = self._library.prepare(
            self._kind,
            object,
            window=window,
            if_exists=if_exists,
            patience=patience,
            marker=marker,
            earlier=None if since is None else Earlier(since),
            waive=waive,
            validate=validate,
        )

        def flow(access: Access) -> Flow[WriteReceipt]:
            creation = yield from prepare(access)
            return (yield from self.create_prepared(creation)(access))

        return flow

    def create_prepared(self, creation: Creation) -> Action[WriteReceipt]:
        """Create the object of a creation from `OfferLibrary.prepare` once, and return its receipt."""
        create = self._library.create_prepared(creation)

        def flow(access: Access) -> Flow[Written]:
            written = yield from create(access)
            tell_withdrawn(self._log, creation, written)
            return written

        return self._written(flow, creation.kind)

    def get(self, object_id: Any) -> Action[ReadReceipt]:
        """Read an object: a receipt with its status and window, if it has any, and its properties under `object`.

        Calls `GET /{container}/instances/{instanceId}` (xcore) or `GET` of the kind's path and the id (dps).
        """
        read = self.get_many([object_id])

        def flow(access: Access) -> Flow[ReadReceipt]:
            receipts = yield from read(access)
            return receipts[0]

        return flow

    def get_many(self, object_ids: Sequence[Any]) -> Action[list[ReadReceipt]]:
        """Read many objects in few requests, in the given order. Raises `NotFoundError` that names missing objects.

        Calls `GET /{container}/instances` (xcore) or `GET` of the kind's path (dps) for up to 40 objects at a time.
        """
        from airflow_provider_offers.client.model.entities import parse_each

        read = self._library.get_many(parse_each(object_ids, self._reference))

        def flow(access: Access) -> Flow[list[ReadReceipt]]:
            began = access.exchange.clock()
            entities = yield from read(access)
            self._tell("Read", len(entities), access.exchange.clock() - began)
            return list(map(self._shown(full=True), entities))

        return flow

    def patch(
        self,
        object_id: Any,
        patch: list[dict[str, Any]],
        *,
        if_match: int | str | None = None,
        waive: Waive = (),
        validate: Validate = True,
    ) -> Action[WriteReceipt]:
        """Apply a JSON Patch (RFC 6902) exactly once and return the receipt; see `OfferLibraryHook.patch_offer`.

        Calls `PATCH /{container}/instances/{instanceId}` (xcore) or `PATCH` of the kind's path and the id (dps).
        """
        return self._done(object_id, self._library.patch, patch, if_match=if_match, waive=waive, validate=validate)

    def replace(
        self,
        object_id: Any,
        object: dict[str, Any],
        *,
        if_match: int | str | None = None,
        waive: Waive = (),
        validate: Validate = True,
    ) -> Action[WriteReceipt]:
        """Replace a whole object, exactly once, and return the receipt; see `OfferLibraryHook.replace_offer`.

        Calls `PUT /{container}/instances/{instanceId}` (xcore) or `PATCH` of the kind's path and the id (dps).
        """
        return self._done(object_id, self._library.replace, object, if_match=if_match, waive=waive, validate=validate)

    def edit(self, object_id: Any, work: Work) -> Action[WriteReceipt]:
        """Run a flow on one object and return the receipt.

        A flow is a function that takes the access to the sandbox and a reference, and yields requests; those of this
        package are in `airflow_provider_offers.client.flows.editing`.
        """
        return self._done(object_id, self._library.edit, work)

    def schedule(
        self,
        object_id: Any,
        start: datetime | str,
        end: datetime | str | None = None,
        *,
        duration: timedelta | str | None = None,
        timezone: str | None = None,
        waive: Waive = (),
        validate: Validate = True,
    ) -> Action[WriteReceipt]:
        """Set the window of an offer or a decision; see `ScheduleOfferOperator` for the parameters."""
        from airflow_provider_offers.client.model.windows import resolve_window

        window = resolve_window(start, end, duration, timezone)
        return self._done(object_id, self._library.schedule, window, waive=waive, validate=validate)

    def publish(self, object_id: Any, *, waive: Waive = ()) -> Action[WriteReceipt]:
        """Approve an offer; see `PublishOfferOperator`."""
        return self._done(object_id, self._library.publish, waive=waive)

    def unpublish(self, object_id: Any) -> Action[WriteReceipt]:
        """Move an approved offer back to draft; see `UnpublishOfferOperator`."""
        return self._done(object_id, self._library.unpublish)

    def activate(self, object_id: Any, *, waive: Waive = ()) -> Action[WriteReceipt]:
        """Activate a decision; see `ActivateDecisionOperator`."""
        return self._done(object_id, self._library.activate, waive=waive)

    def deactivate(self, object_id: Any) -> Action[WriteReceipt]:
        """Move a live decision back to draft; see `DeactivateDecisionOperator`."""
        return self._done(object_id, self._library.deactivate)

    def complete(self, object_id: Any) -> Action[WriteReceipt]:
        """Complete a live decision, which is final; see `CompleteDecisionOperator`."""
        return self._done(object_id, self._library.complete)

    def archive(self, object_id: Any) -> Action[WriteReceipt]:
        """Archive an offer or a decision, which is final."""
        return self._done(object_id, self._library.archive)

    def delete(self, object_id: Any, *, missing_ok: bool = False, cascade: bool = False) -> Action[WriteReceipt]:
        """Delete an object, wait until it is gone, and return a receipt; `cascaded` in it lists other deleted objects.

        If others refer to the object, raises `ConflictError` that names them; `cascade` deletes them first instead.
        With `missing_ok`, an object that does not exist is no error, and `action` is `unchanged`.

        Calls `DELETE /{container}/instances/{instanceId}` (xcore) or `DELETE` of the kind's path and the id (dps).
        """
        return self._done(object_id, self._library.delete, missing_ok=missing_ok, cascade=cascade)

    @takes(HookSearch)
    def search(self, *, full: bool = False, **search: Unpack[HookSearch]) -> Search[ReadReceipt]:
        """The results of a search, each once, page by page.

        The parameters are those of `SearchOffersOperator`, and also `name`, an exact name, and `ids`, exact ids.
        Calls `GET /{container}/queries/core/search` (xcore) or `GET` of the kind's path (dps).
        """
        from airflow_provider_offers.client.actions import Search

        check_flags("The search cannot be sent", full=full)
        query = parse_query(**search)
        search_for = self._library.search if full else self._library.search_for_receipts
        found = search_for(self._kind, query)
        began = time.monotonic()
        return Search(
            found.begin,
            self._shown(full=full),
            lambda count: self._tell("Found", count, time.monotonic() - began),
        )

    def _reference(self, object_id: Any) -> Reference:
        return self._library.reference(self._kind, object_id)

    def _done(
        self,
        object_id: Any,
        method: Callable[Concatenate[Kind, Any, P], Action[Written]],
        *arguments: P.args,
        **options: P.kwargs,
    ) -> Action[WriteReceipt]:
        """The action of a method of the library for the object; its result is the receipt."""
        reference = self._reference(object_id)
        return self._written(method(reference.kind, reference, *arguments, **options), reference.kind, object_id)

    def _written(self, done: Action[Written], kind: Kind, given: Any = None) -> Action[WriteReceipt]:
        """The action, with a line in the log and the receipt."""
        from airflow_provider_offers.client.model.receipts import write_receipt

        def flow(access: Access) -> Flow[WriteReceipt]:
            began = access.exchange.clock()
            written = yield from done(access)
            receipt = write_receipt(written, self._library.settings, kind, given)
            self._tell_of(receipt, receipt["action"], access.exchange.clock() - began)
            return self._receipt(cast("WriteReceipt", receipt))

        return flow

    def _receipt(self, receipt: WriteReceipt) -> WriteReceipt:
        return with_kind(receipt, self._kind)

    def _shown(self, *, full: bool) -> Callable[[Entity], ReadReceipt]:
        """Makes the receipt of each object from a read or a search."""
        from airflow_provider_offers.client.model.receipts import object_receipt

        return partial(cast("Any", object_receipt), settings=self._library.settings, full=full)

    def _tell(self, done: str, count: int, seconds: float) -> None:
        """Log how many objects were read or found."""
        self._log.info(
            "%s %d %s in sandbox %r over %s in %.2f s [request id %s]",
            done,
            count,
            self._noun() if count == 1 else f"{self._noun()}s",
            self._library.settings.sandbox,
            self._library.settings.api,
            seconds,
            self._request_id(),
        )

    def _noun(self) -> str:
        return self._kind.noun

    def _tell_of(self, receipt: dict[str, Any], done: str, seconds: float) -> None:
        """Log the action, the object, the sandbox, the time it took, and the request id."""
        kind = f"{receipt['offer_type']} offer" if "offer_type" in receipt else receipt["kind"]
        # An object that is not there has no id, and one that only its id names has no name.
        names = [repr(receipt["name"])] if receipt["name"] else []
        ids = [f"({receipt['id'] or receipt['instance_id']})"] if receipt["id"] or receipt["instance_id"] else []
        self._log.info(
            "%s %s in sandbox %r over %s in %.2f s [request id %s]",
            done.capitalize(),
            " ".join([kind, *names, *ids]),
            receipt["sandbox"],
            receipt["api"],
            seconds,
            self._request_id(),
        )


class OfferCalls(ObjectCalls):
    """The methods of the hooks for offers: of either type if no type is given. The receipts have the type."""

    def __init__(self, library: Calls, kind: Kind | None, log: Logger, request_id: Callable[[], str | None]) -> None:
        from airflow_provider_offers.client.model.kinds import PERSONALIZED

        super().__init__(library, kind or PERSONALIZED, log, request_id)
        self._stated = kind

    def get(self, object_id: Any) -> Action[ReadReceipt]:
        """Read an offer."""
        reference = self._reference(object_id)
        read = self._library.get(reference.kind, reference)

        def flow(access: Access) -> Flow[ReadReceipt]:
            began = access.exchange.clock()
            entity = yield from read(access)
            receipt = self._shown(full=True)(entity)
            self._tell_of(dict(receipt), "read", access.exchange.clock() - began)
            return receipt

        return flow

    def delete(self, object_id: Any, *, missing_ok: bool = False, cascade: bool = False) -> Action[WriteReceipt]:
        """Delete an offer; without `cascade`, the service checks whether something refers to it."""
        from airflow_provider_offers.client.flows.deleting import delete_written

        check_flags("The deletion is not valid", missing_ok=missing_ok, cascade=cascade)
        if cascade:
            return super().delete(object_id, missing_ok=missing_ok, cascade=True)
        return self.edit(object_id, lambda access, reference: delete_written(access, reference, missing_ok=missing_ok))

    def _reference(self, object_id: Any) -> Reference:
        return self._library.offer_reference(object_id, self._stated)

    def _receipt(self, receipt: WriteReceipt) -> WriteReceipt:
        return receipt

    def _shown(self, *, full: bool) -> Callable[[Entity], ReadReceipt]:
        from airflow_provider_offers.client.model.receipts import entity_receipts

        return cast("Callable[[Entity], ReadReceipt]", entity_receipts(self._library.settings, full=full))

    def _noun(self) -> str:
        return "offer" if self._stated is None else self._kind.noun


def with_kind(receipt: WriteReceipt, kind: Kind) -> WriteReceipt:
    """The receipt of a write with the kind in it."""
    return {**receipt, "kind": kind.key}


def tell_withdrawn(log: Logger, creation: Creation, written: Written) -> None:
    """Log which duplicates of a new object were deleted."""
    if written.withdrawn:
        log.warning(
            "%r was created more than once, by two tasks at once or by a request whose answer was lost: %s stays, "
            "%s deleted",
            creation.name,
            written.receipt.id,
            ", ".join(written.withdrawn),
        )
