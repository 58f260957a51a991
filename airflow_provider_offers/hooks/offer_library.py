"""The hook: opens the client for an Airflow connection of type `offer_library`, and masks its secrets."""

from __future__ import annotations

import asyncio
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast

from airflow.sdk import BaseHook

from airflow_provider_offers.hooks.connections import check_place, connection_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from datetime import datetime

    from airflow_provider_offers.client.flows.creating import Creation
    from airflow_provider_offers.client.library import OfferLibrary
    from airflow_provider_offers.client.lists import Work
    from airflow_provider_offers.client.model.entities import Written
    from airflow_provider_offers.client.model.kinds import Kind
    from airflow_provider_offers.client.model.shown import ReadReceipt, WriteReceipt
    from airflow_provider_offers.client.model.validation import Validate
    from airflow_provider_offers.client.settings import Settings
    from airflow_provider_offers.client.wire.retry import Retries
    from airflow_provider_offers.client.wire.session import AsyncSession
    from airflow_provider_offers.hooks.objects import LibraryObjects
    from airflow_provider_offers.operators.words import IfExists, KindName, OfferType, Waive

T = TypeVar("T")


class OfferLibraryHook(BaseHook):
    """Access to Adobe Journey Optimizer's Offer Library through an Airflow connection.

    The connection selects the generation of the API (`api` in its extra: `dps` or `xcore`). The methods are the same
    on both, and accept JSON in either spelling. `sandbox` overrides the sandbox of the connection.

    Every method raises the errors of `airflow_provider_offers.client.errors`. Use the hook as
    a context manager to close its connections; otherwise they end with the process.
    """

    conn_name_attr = "offer_library_conn_id"
    default_conn_name = "offer_library_default"
    conn_type = "offer_library"
    hook_name = "Adobe Offer Library"

    def __init__(
        self, offer_library_conn_id: str = default_conn_name, sandbox: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.offer_library_conn_id = offer_library_conn_id
        self.sandbox = sandbox

    def __enter__(self) -> OfferLibraryHook:
        return self

    def __exit__(self, *_: object) -> None:
        if "library" in self.__dict__:
            self.library.close()

    @cached_property
    def settings(self) -> Settings:
        """The checked connection. Raises `ConfigurationError` that lists every problem."""
        check_place(self.offer_library_conn_id, self.sandbox)
        return connection_settings(self.get_connection(self.offer_library_conn_id), self.sandbox)

    @cached_property
    def library(self) -> OfferLibrary:
        """The client on this connection."""
        from airflow.sdk.log import mask_secret

        from airflow_provider_offers.client.library import OfferLibrary

        return OfferLibrary(self.settings, on_token=mask_secret)

    def objects(self, kind: KindName) -> LibraryObjects:
        """The calls for the objects of a kind: `placement`, `tag`, `collection`, `rule`, `formula`,
        `decision`, `personalized` or `fallback`."""
        from airflow_provider_offers.hooks.objects import LibraryObjects

        return LibraryObjects(self, kind)

    def get_conn(self) -> OfferLibrary:
        """The client on this connection; Airflow's name for `library`."""
        return self.library

    def service_now(self) -> datetime:
        """The service's clock, which decides about windows: a time that it has certainly reached.

        Calls `GET .../instances` (xcore) or `GET /offers` (dps). If no answer has a `Date`, it is the time of this
        machine.
        """
        from airflow_provider_offers.client.flows.timing import service_time

        return self.library.run(service_time)

    def create_offer(
        self,
        offer: dict[str, Any],
        *,
        offer_type: str | Kind = "personalized",
        window: Any = None,
        if_exists: IfExists = "fail",
        since: datetime | None = None,
        patience: float = 10.0,
        marker: tuple[str, str] | None = None,
        waive: Waive = (),
        validate: Validate = True,
    ) -> WriteReceipt:
        """Create an offer exactly once and return its receipt; its `action` says what happened.

        `window` (an `OfferWindow`, or `start` and `end` or `duration`, with an optional `timezone`) replaces the dates.
        `if_exists` sets what to do if an offer with this exact name exists: `fail`, `adopt`, `update` or `skip`. An
        offer with the same content that this credential created at or after `since` (a datetime with a time zone)
        counts as the work of an earlier try and is adopted. `patience` is the number of seconds that the service may
        need to list an offer. `marker` is the name and the value of a characteristic that identifies the offer
        instead of its content. `waive` silences checks of an offer that is created as approved, by the names in
        `PublishOfferOperator`. `validate` is True (reject errors, warn about doubts), "strict" (reject both) or
        False (send unchecked).

        Calls `POST /{container}/instances` (xcore) or `POST /offers` (dps), between two lookups by name.
        """
        from airflow_provider_offers.client.flows.creating import Earlier

        creation = self.library.creation(
            offer,
            offer_type=offer_type,
            window=window,
            if_exists=if_exists,
            patience=patience,
            marker=marker,
            earlier=None if since is None else Earlier(since),
            waive=waive,
            validate=validate,
        )
        return cast("WriteReceipt", self.create(creation))

    def create(self, creation: Creation) -> dict[str, Any]:
        """Create what `client.model.creations.new_creation` prepared, exactly once, and return its receipt."""
        from airflow_provider_offers.client.model.receipts import write_receipt

        began = time.monotonic()
        written = self.library.create(creation)
        self.tell_withdrawn(creation, written)
        return self._logged(write_receipt(written, self.settings, creation.kind.key), began)

    def tell_withdrawn(self, creation: Creation, written: Written) -> None:
        """Log which duplicates were deleted."""
        if written.withdrawn:
            self.log.warning(
                "%r was made more than once, by two at once or by a request thought lost: %s stays, %s deleted",
                creation.name,
                written.receipt.id,
                ", ".join(written.withdrawn),
            )

    def get_offer(self, offer_id: Any, *, offer_type: OfferType | None = None) -> ReadReceipt:
        """Read an offer: a receipt with its status, window and, under `offer`, all properties with plain names.

        Calls `GET /{container}/instances/{instanceId}` (xcore) or `GET /offers/{id}` (dps).
        """
        from airflow_provider_offers.client.model.receipts import entity_receipt

        began = time.monotonic()
        entity = self.library.get_offer(offer_id, offer_type=offer_type)
        if entity is None:
            raise RuntimeError("a read without an etag came back as unchanged")
        return cast("ReadReceipt", self._logged(entity_receipt(entity, self.settings, full=True), began, "read"))

    def get_offers(self, offer_ids: Sequence[Any], *, offer_type: OfferType | None = None) -> list[ReadReceipt]:
        """Read many offers in few requests, in the given order. Raises `NotFoundError` that names missing offers."""
        from airflow_provider_offers.client.model.receipts import entity_receipt

        began = time.monotonic()
        entities = self.library.get_offers([self.library.reference(each, offer_type) for each in offer_ids])
        self.log.info(
            "Read %d offers in sandbox %r over %s in %.2f s",
            len(entities),
            self.settings.sandbox,
            self.settings.api,
            time.monotonic() - began,
        )
        return cast("list[ReadReceipt]", [entity_receipt(entity, self.settings, full=True) for entity in entities])

    def patch_offer(
        self,
        offer_id: Any,
        patch: list[dict[str, Any]],
        *,
        offer_type: str | Kind | None = None,
        if_match: int | str | None = None,
        waive: Waive = (),
        validate: Validate = True,
    ) -> WriteReceipt:
        """Apply a JSON Patch (RFC 6902) exactly once and return the receipt.

        Paths can use either generation's spelling. `if_match` is the etag that the offer must still have, else
        `ConflictError`. A patch that approves an offer or activates a decision is checked first; problems are
        warnings, except for those in `waive`.

        Calls `PATCH /{container}/instances/{instanceId}` (xcore) or `PATCH /offers/{id}` (dps).
        """
        from airflow_provider_offers.client.flows.doubts import checked_waive, patch_looked_at

        meant = self.library.reference(offer_id, offer_type)
        prepared = self.library.checked_patch(patch, [meant], validate=validate)
        waived = checked_waive(meant.kind, waive)
        return self.edit_offer(
            offer_id,
            lambda access, reference: patch_looked_at(
                access, reference, prepared, waive=waived, if_match=if_match, validate=validate
            ),
            offer_type=offer_type,
        )

    def replace_offer(
        self,
        offer_id: Any,
        offer: dict[str, Any],
        *,
        offer_type: str | Kind | None = None,
        if_match: int | str | None = None,
        waive: Waive = (),
        validate: Validate = True,
    ) -> WriteReceipt:
        """Replace a whole offer, exactly once, and return the receipt; `action` is `replaced` or `unchanged`.

        Properties that `offer` does not have are removed; properties that the service assigns remain. `if_match` is the
        etag that the offer must still have, else `ConflictError`.

        Calls `PUT /{container}/instances/{instanceId}` (xcore) or `PATCH /offers/{id}` with the differences (dps).
        """
        from airflow_provider_offers.client.flows.doubts import checked_waive
        from airflow_provider_offers.client.flows.replacing import replace_object

        meant = self.library.reference(offer_id, offer_type)
        properties = self.library.replacements([meant], [offer], validate=validate)[meant]
        waived = checked_waive(meant.kind, waive)
        return self.edit_offer(
            offer_id,
            lambda access, reference: replace_object(
                access, reference, properties, if_match=if_match, waive=waived, validate=validate
            ),
            offer_type=offer_type,
        )

    def edit_offer(self, offer_id: Any, work: Work, *, offer_type: str | Kind | None = None) -> WriteReceipt:
        """Run a flow of `client.flows.editing` on one offer and return the receipt."""
        from airflow_provider_offers.client.model.receipts import write_receipt

        began = time.monotonic()
        kind = self.library.reference(offer_id, offer_type).kind
        written = self.library.edit_offer(offer_id, work, offer_type=offer_type)
        return cast("WriteReceipt", self._logged(write_receipt(written, self.settings, kind.key, offer_id), began))

    async def async_session(self) -> AsyncSession:
        """A session on the same sandbox for an event loop of this task. The caller closes it."""
        from airflow.sdk.log import mask_secret

        from airflow_provider_offers.client.wire.session import AsyncSession

        async def mask(token: str) -> None:
            # In the task's own thread: a worker is a fork, and the threads of its parent's pools do not run in it.
            mask_secret(token)

        return await AsyncSession.open(self.settings, on_token=mask)

    def delete_offer(self, offer_id: Any, *, offer_type: str | None = None, missing_ok: bool = False) -> WriteReceipt:
        """Delete an offer, wait until it is gone, and return a receipt with the action `deleted` (or `unchanged`).

        Calls `DELETE /{container}/instances/{instanceId}` (xcore) or `DELETE /offers/{id}` (dps).
        """
        from airflow_provider_offers.client.flows.deleting import delete_written

        return self.edit_offer(
            offer_id,
            lambda access, reference: delete_written(access, reference, missing_ok=missing_ok),
            offer_type=offer_type,
        )

    def search_offers(
        self,
        *,
        offer_type: str = "personalized",
        q: str | None = None,
        qop: str | None = None,
        fields: Any = None,
        properties: Any = None,
        order_by: Any = None,
        limit: Any = None,
        page_size: Any = None,
        name: str | None = None,
        ids: Any = None,
        full: bool = False,
    ) -> Iterator[ReadReceipt]:
        """The offers that a search finds, each once; pages are loaded on demand.

        See `airflow_provider_offers.client.model.query.parse_query` for the parameters. Raises
        `UnsupportedError` if the generation of the connection does not support a parameter.

        Calls `GET /{container}/queries/core/search` (xcore) or `GET /offers` (dps).
        """
        from airflow_provider_offers.client.model.query import parse_query
        from airflow_provider_offers.client.model.receipts import entity_receipt

        query = parse_query(
            q=q,
            qop=qop,
            fields=fields,
            properties=properties,
            order_by=order_by,
            page_size=page_size,
            name=name,
            ids=ids,
            limit=limit,
        )
        began = time.monotonic()
        found = 0
        for entity in self.library.search_offers(query, offer_type=offer_type):
            found += 1
            yield cast("ReadReceipt", entity_receipt(entity, self.settings, full=full))
        self.log.info(
            "Found %d %s offers in sandbox %r over %s in %.2f s [request id %s]",
            found,
            offer_type,
            self.settings.sandbox,
            self.settings.api,
            time.monotonic() - began,
            self.library.last_request_id,
        )

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
    ) -> dict[str, Any]:
        """Ask what one profile would be shown. With `dry_run=False` it is shown, and counts towards caps.

        `profile` can also be a complete profile, with `identityMap` and its other properties, or a complete decision
        request. The settings of the request apply, and cannot be repeated. The default of `dry_run` is True.

        The request contains every decision of `decision_id` at every placement of `placement_id`. Alternatively,
        `scopes` lists decisions, each with its placement and an optional `itemCount`. `profile` contains the
        identities of one profile by namespace, such as `{"Email": "a@example.com"}`; they are neither logged nor
        returned. With None, `item_count` and `include_content` use the setting of the placement, and
        `allow_duplicates` uses the service's default: an offer is shown at one place of a request only, and the
        other places get the next best offer or the fallback. Returns
        `proposition_id`, `created`, `dry_run`, `api`, `sandbox` and `propositions`, each with `decision`, `placement`,
        `options` and `fallback`.

        Calls `POST /data/core/ods/decisions` (dps) or `POST /data/core/ode/{container}/decisions` (xcore).
        """
        from airflow_provider_offers.client.deciding.asking import decide
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
        began = time.monotonic()
        decided = self.library.run(lambda access: decide(access, question))
        self.log.info(
            "Asked for %d propositions%s in sandbox %r over %s in %.2f s [request id %s]",
            len(decided.propositions),
            ", as a dry run," if question.dry_run else "",
            self.settings.sandbox,
            self.settings.api,
            time.monotonic() - began,
            self.library.last_request_id,
        )
        return decided_receipt(decided, self.settings, dry_run=question.dry_run)

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
    ) -> dict[str, Any]:
        """Submit a batch decision for an audience and return its receipt; a second call submits a second job.

        Decisions and placements are given as in `decide`.

        Calls `POST /data/core/dwm/workloads/decisions`.
        """
        from airflow_provider_offers.client.deciding.batching import submit
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
        job = self.library.run(lambda access: submit(access, workload))
        return job_receipt(job, self.settings, dataset=workload.dataset, audience=workload.audience)

    def batch_status(self, job_id: str) -> dict[str, Any]:
        """The current receipt of a batch decision. Calls `GET /data/core/dwm/workloads/decisions/{id}`."""
        from airflow_provider_offers.client.deciding.batching import job_status
        from airflow_provider_offers.client.deciding.jobs import job_receipt

        job = self.library.run(lambda access: job_status(access, job_id))
        return job_receipt(job, self.settings, dataset=None, audience=None)

    def test_connection(self) -> tuple[bool, str]:
        """Test token, organization, sandbox and read permission; returns whether they work, and a message."""
        from airflow_provider_offers.client.doctor import examine
        from airflow_provider_offers.client.errors import ConfigurationError

        try:
            findings = examine(self.library)
        except ConfigurationError as error:
            return False, str(error)
        finally:
            self.__exit__()
        return all(finding.ok for finding in findings), "; ".join(map(str, findings))

    def _logged(self, receipt: dict[str, Any], began: float, action: str | None = None) -> dict[str, Any]:
        """Log the action, the offer, the sandbox, the duration and the request id."""
        self.log.info(
            "%s %s %s (%s) in sandbox %r over %s in %.2f s [request id %s]",
            (action or receipt["action"]).capitalize(),
            f"{receipt['offer_type']} offer" if "offer_type" in receipt else receipt["kind"],
            repr(receipt["name"]) if receipt["name"] else "",
            receipt["id"],
            receipt["sandbox"],
            receipt["api"],
            time.monotonic() - began,
            self.library.last_request_id,
        )
        return receipt


class OfferLibraryAsyncHook(BaseHook):
    """The Offer Library for triggers and asynchronous tasks: the same calls, awaited, on one session.

    Use it as an async context manager. Neither the connection nor a secret is ever read or masked on the event loop.
    """

    conn_name_attr = OfferLibraryHook.conn_name_attr
    default_conn_name = OfferLibraryHook.default_conn_name
    conn_type = OfferLibraryHook.conn_type
    hook_name = OfferLibraryHook.hook_name

    def __init__(
        self, offer_library_conn_id: str = default_conn_name, sandbox: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.offer_library_conn_id = offer_library_conn_id
        self.sandbox = sandbox
        self._session: AsyncSession | None = None
        self._opening = asyncio.Lock()

    async def __aenter__(self) -> OfferLibraryAsyncHook:
        return self

    async def __aexit__(self, *_: object) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def session(self, *, retries: Retries | None = None) -> AsyncSession:
        """The session on the sandbox; opened at the first call."""
        from airflow_provider_offers.client.wire.session import AsyncSession

        async with self._opening:
            if self._session is None:
                settings = await self.settings()
                self._session = await AsyncSession.open(settings, retries=retries, on_token=_mask_off_the_loop)
            return self._session

    async def settings(self) -> Settings:
        """The checked connection. Raises `ConfigurationError` that lists every problem."""

        def read() -> Settings:
            check_place(self.offer_library_conn_id, self.sandbox)
            return connection_settings(self.get_connection(self.offer_library_conn_id), self.sandbox)

        # Airflow's own asynchronous read could deadlock the triggerer before 3.3.2; a thread never does.
        return await _off_the_loop(read)

    async def get_offer(self, offer_id: Any, *, offer_type: OfferType | None = None) -> ReadReceipt:
        """Read an offer; see `OfferLibraryHook.get_offer`."""
        from airflow_provider_offers.client.flows.reading import read_now
        from airflow_provider_offers.client.model.entities import parse_reference
        from airflow_provider_offers.client.model.receipts import entity_receipt

        session = await self.session()
        settings = session.settings
        reference = parse_reference(offer_id, offer_type=offer_type, api=settings.api, sandbox=settings.sandbox)
        entity = await session.run(read_now(session.access, reference))
        return cast("ReadReceipt", entity_receipt(entity, settings, full=True))

    async def search_offers(
        self, *, offer_type: str = "personalized", full: bool = False, **parameters: Any
    ) -> AsyncIterator[ReadReceipt]:
        """The offers that a search finds, each once; see `OfferLibraryHook.search_offers`."""
        from airflow_provider_offers.client.flows.listing import Listing
        from airflow_provider_offers.client.model.filters import fitted
        from airflow_provider_offers.client.model.kinds import kind_of
        from airflow_provider_offers.client.model.query import parse_query
        from airflow_provider_offers.client.model.receipts import entity_receipt

        kind = kind_of(offer_type)
        query = fitted(parse_query(**parameters), kind)
        session = await self.session()
        listing = Listing(session.access, kind, session.access.generation.search(kind, query))
        left = query.limit
        while (page := await session.run(listing.advance())) is not None:
            for entity in page:
                if left == 0:
                    return
                yield cast("ReadReceipt", entity_receipt(entity, session.settings, full=full))
                left = None if left is None else left - 1
            # Each page is released before the next one arrives.
            del page


async def _mask_off_the_loop(token: str) -> None:
    from airflow.sdk.log import mask_secret

    await _off_the_loop(mask_secret, token)


async def _off_the_loop(work: Callable[..., T], *arguments: Any) -> T:
    """Run it in a thread from which the triggerer of Airflow 3.2 can return to its loop; this needs asgiref.

    The thread belongs to this loop's pool. asgiref's default, a shared thread, does not exist in a task: a worker is a
    fork, the threads of its parent do not run in it, and waiting for one would never end.
    """
    from asgiref.sync import sync_to_async

    return await sync_to_async(work, thread_sensitive=False)(*arguments)
