"""The methods of both hooks, each written once: arguments become an action or a search, and results receipts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack, cast

from airflow_provider_offers.client.model.query import HookSearch, takes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta

    from airflow.sdk.types import Logger

    from airflow_provider_offers.client.actions import Action, Search
    from airflow_provider_offers.client.calls import Calls, Work
    from airflow_provider_offers.client.flows.access import Access
    from airflow_provider_offers.client.flows.ownership import Creation
    from airflow_provider_offers.client.model.kinds import Kind
    from airflow_provider_offers.client.model.shown import ReadReceipt, WriteReceipt
    from airflow_provider_offers.client.model.validation import Validate
    from airflow_provider_offers.client.settings import Settings
    from airflow_provider_offers.client.wire.messages import Flow
    from airflow_provider_offers.hooks.object_calls import ObjectCalls, OfferCalls
    from airflow_provider_offers.operators.words import IfExists, OfferType, Waive


class HookCalls:
    """The methods of `OfferLibraryHook` and `OfferLibraryAsyncHook`."""

    def __init__(self, library: Calls, log: Logger, request_id: Callable[[], str | None]) -> None:
        self._library = library
        self._log = log
        self._request_id = request_id

    @property
    def settings(self) -> Settings:
        return self._library.settings

    def objects(self, kind: Kind) -> ObjectCalls:
        """The calls for the objects of a kind."""
        from airflow_provider_offers.hooks.object_calls import ObjectCalls

        return ObjectCalls(self._library, kind, self._log, self._request_id)

    def _offers(self, offer_type: OfferType | None) -> OfferCalls:
        from airflow_provider_offers.client.model.kinds import offer_kind
        from airflow_provider_offers.hooks.object_calls import OfferCalls

        kind = None if offer_type is None else offer_kind(offer_type)
        return OfferCalls(self._library, kind, self._log, self._request_id)

    def service_now(self) -> Action[datetime]:
        """The time of the service's clock, which decides about windows: a time that it has certainly reached.

        Calls `GET .../instances` (xcore) or `GET /offers` (dps). If no answer has a `Date`, it is the time of this
        machine.
        """
        return self._library.service_time()

    def create_offer(
        self,
        offer: dict[str, Any],
        *,
        offer_type: OfferType = "personalized",
        window: Any = None,
        if_exists: IfExists = "fail",
        since: datetime | None = None,
        patience: timedelta | float = 10.0,
        marker: tuple[str, str] | None = None,
        waive: Waive = (),
        validate: Validate = True,
    ) -> Action[WriteReceipt]:
        """Create an offer exactly once and return its receipt; its `action` says what happened.

        `window` (an `OfferWindow`, or `start` and `end` or `duration`, with an optional `timezone`) replaces the dates.
        `if_exists` sets what to do if an offer with this exact name exists: `fail`, `adopt`, `update` or `skip`. An
        offer with the same content that this credential created at or after `since` (a datetime with a time zone)
        counts as the work of an earlier try and is adopted. `patience` is how long the service may need to list an
        offer, in seconds or as a timedelta. `marker` is the name and the value of a characteristic that identifies the
        offer instead of its content. `waive` silences checks of an offer that is created as approved, by the names in
        `PublishOfferOperator`. `validate` is True (reject errors, warn about doubts), "strict" (reject both) or False
        (send unchecked).

        Calls `POST /{container}/instances` (xcore) or `POST /offers` (dps), between two lookups by name.
        """
        return self._offers(offer_type).create(
            offer,
            window=window,
            if_exists=if_exists,
            since=since,
            patience=patience,
            marker=marker,
            waive=waive,
            validate=validate,
        )

    def create(self, creation: Creation) -> Action[dict[str, Any]]:
        """Create the object of a creation from `OfferLibrary.prepare` once, and return its receipt."""
        return cast("Action[dict[str, Any]]", self._offers(None).create_prepared(creation))

    def get_offer(self, offer_id: Any, *, offer_type: OfferType | None = None) -> Action[ReadReceipt]:
        """Read an offer: a receipt with its status, window and, under `offer`, all properties with plain names.

        Calls `GET /{container}/instances/{instanceId}` (xcore) or `GET /offers/{id}` (dps).
        """
        return self._offers(offer_type).get(offer_id)

    def get_offers(self, offer_ids: Sequence[Any], *, offer_type: OfferType | None = None) -> Action[list[ReadReceipt]]:
        """Read many offers in few requests, in the given order. Raises `NotFoundError` that names missing offers.

        Calls `GET /{container}/instances` (xcore) or `GET /offers` (dps) for up to 40 offers at a time.
        """
        return self._offers(offer_type).get_many(offer_ids)

    def patch_offer(
        self,
        offer_id: Any,
        patch: list[dict[str, Any]],
        *,
        offer_type: OfferType | None = None,
        if_match: int | str | None = None,
        waive: Waive = (),
        validate: Validate = True,
    ) -> Action[WriteReceipt]:
        """Apply a JSON Patch (RFC 6902) exactly once and return the receipt.

        Paths can use either generation's spelling. `if_match` is the etag that the offer must still have, else
        `ConflictError`. A patch that approves an offer or activates a decision is checked first; problems are
        warnings, except for those in `waive`.

        Calls `PATCH /{container}/instances/{instanceId}` (xcore) or `PATCH /offers/{id}` (dps).
        """
        return self._offers(offer_type).patch(offer_id, patch, if_match=if_match, waive=waive, validate=validate)

    def replace_offer(
        self,
        offer_id: Any,
        offer: dict[str, Any],
        *,
        offer_type: OfferType | None = None,
        if_match: int | str | None = None,
        waive: Waive = (),
        validate: Validate = True,
    ) -> Action[WriteReceipt]:
        """Replace a whole offer, exactly once, and return the receipt; `action` is `replaced` or `unchanged`.

        Properties that `offer` does not have are removed; properties that the service assigns remain. `if_match` is the
        etag that the offer must still have, else `ConflictError`.

        Calls `PUT /{container}/instances/{instanceId}` (xcore) or `PATCH /offers/{id}` with the differences (dps).
        """
        return self._offers(offer_type).replace(offer_id, offer, if_match=if_match, waive=waive, validate=validate)

    def edit_offer(self, offer_id: Any, work: Work, *, offer_type: OfferType | None = None) -> Action[WriteReceipt]:
        """Run a flow on one offer and return the receipt.

        A flow is a function that takes the access to the sandbox and a reference, and yields requests; those of this
        package are in `airflow_provider_offers.client.flows.editing`.
        """
        return self._offers(offer_type).edit(offer_id, work)

    def schedule_offer(
        self,
        offer_id: Any,
        start: datetime | str,
        end: datetime | str | None = None,
        *,
        duration: timedelta | str | None = None,
        timezone: str | None = None,
        offer_type: OfferType | None = None,
        waive: Waive = (),
        validate: Validate = True,
    ) -> Action[WriteReceipt]:
        """Set the window of an offer and return the receipt; `action` is `scheduled` or `unchanged`.

        The parameters are those of `ScheduleOfferOperator`. Calls a read, then `PATCH` as `patch_offer` does.
        """
        return self._offers(offer_type).schedule(
            offer_id, start, end, duration=duration, timezone=timezone, waive=waive, validate=validate
        )

    def publish_offer(
        self, offer_id: Any, *, offer_type: OfferType | None = None, waive: Waive = ()
    ) -> Action[WriteReceipt]:
        """Approve an offer and return the receipt; `action` is `published` or `unchanged`.

        Raises `NotPublishableError` with the reasons that `waive` does not name. Calls a read, lookups of the
        placements and the rule, then `PATCH` as `patch_offer` does.
        """
        return self._offers(offer_type).publish(offer_id, waive=waive)

    def unpublish_offer(self, offer_id: Any, *, offer_type: OfferType | None = None) -> Action[WriteReceipt]:
        """Move an approved offer back to draft and return the receipt; `action` is `unpublished` or `unchanged`.

        Calls a read, then `PATCH` as `patch_offer` does.
        """
        return self._offers(offer_type).unpublish(offer_id)

    def archive_offer(self, offer_id: Any, *, offer_type: OfferType | None = None) -> Action[WriteReceipt]:
        """Archive an offer, which is final, and return the receipt; `action` is `archived` or `unchanged`.

        Calls a read, then `PATCH` as `patch_offer` does.
        """
        return self._offers(offer_type).archive(offer_id)

    def delete_offer(
        self, offer_id: Any, *, offer_type: OfferType | None = None, missing_ok: bool = False
    ) -> Action[WriteReceipt]:
        """Delete an offer, wait until it is gone, and return a receipt with the action `deleted` (or `unchanged`).

        Calls `DELETE /{container}/instances/{instanceId}` (xcore) or `DELETE /offers/{id}` (dps).
        """
        return self._offers(offer_type).delete(offer_id, missing_ok=missing_ok)

    @takes(HookSearch)
    def search_offers(
        self, *, offer_type: OfferType = "personalized", full: bool = False, **search: Unpack[HookSearch]
    ) -> Search[ReadReceipt]:
        """The offers that a search finds, each once; pages are loaded on demand.

        The parameters are those of `SearchOffersOperator`, and also `name`, an exact name, and `ids`, exact ids. Raises
        `UnsupportedError` if the generation of the connection does not support a parameter.

        Calls `GET /{container}/queries/core/search` (xcore) or `GET /offers` (dps).
        """
        return self._offers(offer_type).search(full=full, **search)

    def decide(
        self,
        decision_id: Any = None,
        placement_id: Any = None,
        profile: Any = None,
        *,
        scopes: Any = None,
        item_count: int | str | None = None,
        context_data: Any = None,
        dry_run: bool | None = None,
        include_content: bool | None = True,
        allow_duplicates: bool | None = None,
    ) -> Action[dict[str, Any]]:
        """Ask which offers one profile gets. With `dry_run=False` they count as shown, also towards caps.

        `profile` contains the identities of one profile by namespace, such as `{"Email": "a@example.com"}`; they are
        neither logged nor returned. It can also be a complete profile, with `identityMap` and its other properties, or
        a complete decision request. The settings of a complete request apply, and cannot be given a second time.

        The request contains every decision of `decision_id` at every placement of `placement_id`. Alternatively,
        `scopes` lists decisions, each with its placement and an optional `itemCount`. `dry_run` is True by default.
        With None, `item_count` and `include_content` use the setting of the placement, and `allow_duplicates` uses the
        service's default: an offer is shown at one place of a request only, and the other places get the next best
        offer or the fallback.

        Returns `proposition_id`, `created`, `dry_run`, `api`, `sandbox` and `propositions`, each with `decision`,
        `placement`, `options` and `fallback`. Calls `POST /data/core/ods/decisions` (dps) or `POST
        /data/core/ode/{container}/decisions` (xcore).
        """
        from airflow_provider_offers.client.deciding.questions import decided_receipt, new_question

        question = new_question(
            decision_id=decision_id,
            placement_id=placement_id,
            scopes=scopes,
            profile=profile,
            item_count=item_count,
            context_data=context_data,
            dry_run=dry_run,
            include_content=include_content,
            allow_duplicates=allow_duplicates,
            settings=self.settings,
        )
        ask = self._library.decide(question)

        def flow(access: Access) -> Flow[dict[str, Any]]:
            began = access.exchange.clock()
            decided = yield from ask(access)
            self._log.info(
                "Asked for %d propositions%s in sandbox %r over %s in %.2f s [request id %s]",
                len(decided.propositions),
                ", as a dry run," if question.dry_run else "",
                self.settings.sandbox,
                self.settings.api,
                access.exchange.clock() - began,
                self._request_id(),
            )
            return decided_receipt(decided, self.settings, dry_run=question.dry_run)

        return flow

    def submit_batch(
        self,
        decision_id: Any = None,
        placement_id: Any = None,
        *,
        audience_id: str,
        dataset_id: str,
        scopes: Any = None,
        item_count: int | str = 1,
        include_content: bool = False,
    ) -> Action[dict[str, Any]]:
        """Submit a batch decision for an audience and return its receipt; a second call submits a second job.

        Decisions and placements are given as in `decide`.

        Calls `POST /data/core/dwm/workloads/decisions`.
        """
        from airflow_provider_offers.client.deciding.jobs import job_receipt, new_workload

        workload = new_workload(
            decision_id=decision_id,
            placement_id=placement_id,
            scopes=scopes,
            audience_id=audience_id,
            dataset_id=dataset_id,
            item_count=item_count,
            include_content=include_content,
            settings=self.settings,
        )
        submit = self._library.submit_batch(workload)

        def flow(access: Access) -> Flow[dict[str, Any]]:
            job = yield from submit(access)
            return job_receipt(job, self.settings, dataset=workload.dataset, audience=workload.audience)

        return flow

    def batch_status(self, job_id: str) -> Action[dict[str, Any]]:
        """The current receipt of a batch decision. Calls `GET /data/core/dwm/workloads/decisions/{id}`."""
        from airflow_provider_offers.client.deciding.jobs import job_receipt

        look = self._library.batch_status(job_id)

        def flow(access: Access) -> Flow[dict[str, Any]]:
            return job_receipt((yield from look(access)), self.settings, dataset=None, audience=None)

        return flow
