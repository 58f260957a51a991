"""The hook: an Airflow connection of type `offer_library` turned into the client, its secrets masked."""

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
    from airflow_provider_offers.operators.words import IfExists, KindName, OfferType

T = TypeVar("T")


class OfferLibraryHook(BaseHook):
    """Talks to Adobe Journey Optimizer's Offer Library through a connection.

    The connection says which generation of the API is used (`api` in its extra: `dps` or `xcore`); the methods are
    the same on both and take JSON in either spelling. `sandbox` overrides the connection's.

    Every method raises the errors of `airflow_provider_offers.client.errors`. The hook closes its connections when
    it is used as a context manager; without that they end with the process.
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
        """The connection, checked. Raises `ConfigurationError` with everything that is wrong in it."""
        check_place(self.offer_library_conn_id, self.sandbox)
        return connection_settings(self.get_connection(self.offer_library_conn_id), self.sandbox)

    @cached_property
    def library(self) -> OfferLibrary:
        """The client on this connection."""
        from airflow.sdk.log import mask_secret

        from airflow_provider_offers.client.library import OfferLibrary

        return OfferLibrary(self.settings, on_token=mask_secret)

    def objects(self, kind: KindName) -> LibraryObjects:
        """What can be done with the objects of a kind: `placement`, `tag`, `collection`, `rule`, `formula`,
        `decision`, `personalized` or `fallback`."""
        from airflow_provider_offers.hooks.objects import LibraryObjects

        return LibraryObjects(self, kind)

    def get_conn(self) -> OfferLibrary:
        """The client on this connection; `library` under Airflow's own name for it."""
        return self.library

    def service_now(self) -> datetime:
        """What the service's clock shows, which windows go by: a moment that it has reached for certain.

        Asks for it: `GET .../instances` (xcore) or `GET /offers` (dps). Where no answer has a `Date`, it is the time
        of this machine.
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
        waive: Sequence[str] | str = (),
        validate: Validate = True,
    ) -> WriteReceipt:
        """Create an offer once and return its receipt; `action` in it says what happened.

        `window` (an `OfferWindow`, or `start` and `end` or `duration`, perhaps `timezone`) replaces the offer's dates.
        `if_exists` decides about an offer of that exact name: `fail`, `adopt`, `update` or `skip`. One of the same
        content that this credential made at or after `since` (an aware datetime) counts as made by an earlier try
        and is adopted. `patience` is how many seconds an offer may take to show up in a listing. `marker` is the name
        and the value of a characteristic by which the offer is recognized in place of its content. `waive` silences
        what speaks against an offer that is approved from the start, by the names that `PublishOfferOperator` has.
        `validate` is True (refuse what is wrong, warn of what is doubtful), "strict" (refuse both) or False (send it).

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
        """Create what `client.model.creations.new_creation` checked, once, and return its receipt."""
        from airflow_provider_offers.client.model.receipts import write_receipt

        began = time.monotonic()
        written = self.library.create(creation)
        self.tell_withdrawn(creation, written)
        return self._logged(write_receipt(written, self.settings, creation.kind.key), began)

    def tell_withdrawn(self, creation: Creation, written: Written) -> None:
        """Say which twins of what was created are deleted again."""
        if written.withdrawn:
            self.log.warning(
                "%r was made more than once, by two at once or by a request thought lost: %s stays, %s deleted",
                creation.name,
                written.receipt.id,
                ", ".join(written.withdrawn),
            )

    def get_offer(self, offer_id: Any, *, offer_type: OfferType | None = None) -> ReadReceipt:
        """Read an offer: a receipt with its status, window and, under `offer`, every property in plain names.

        Calls `GET /{container}/instances/{instanceId}` (xcore) or `GET /offers/{id}` (dps).
        """
        from airflow_provider_offers.client.model.receipts import entity_receipt

        began = time.monotonic()
        entity = self.library.get_offer(offer_id, offer_type=offer_type)
        if entity is None:
            raise RuntimeError("a read without an etag came back as unchanged")
        return cast("ReadReceipt", self._logged(entity_receipt(entity, self.settings, full=True), began, "read"))

    def get_offers(self, offer_ids: Sequence[Any], *, offer_type: OfferType | None = None) -> list[ReadReceipt]:
        """Read many offers in few requests, in their order. Raises `NotFoundError` that names those not there."""
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
        waive: Sequence[str] | str = (),
        validate: Validate = True,
    ) -> WriteReceipt:
        """Apply a JSON Patch (RFC 6902) exactly once and return the receipt.

        Paths may be in either generation's spelling. `if_match` is the etag that the offer must still have;
        `ConflictError` otherwise. A patch that makes an offer approved or a decision live is looked at first, and what
        speaks against it is warned of, except for the reasons in `waive`.

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
        waive: Sequence[str] | str = (),
        validate: Validate = True,
    ) -> WriteReceipt:
        """Replace an offer whole, exactly once, and return the receipt; `action` is `replaced` or `unchanged`.

        Properties that `offer` does not have are removed; what the service assigns stays. `if_match` is the etag that
        the offer must still have; `ConflictError` otherwise.

        Calls `PUT /{container}/instances/{instanceId}` (xcore) or `PATCH /offers/{id}` with what differs (dps).
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
        """Do the work of a flow of `client.flows.editing` to one offer and return the receipt."""
        from airflow_provider_offers.client.model.receipts import write_receipt

        began = time.monotonic()
        kind = self.library.reference(offer_id, offer_type).kind
        written = self.library.edit_offer(offer_id, work, offer_type=offer_type)
        return cast("WriteReceipt", self._logged(write_receipt(written, self.settings, kind.key, offer_id), began))

    async def async_session(self) -> AsyncSession:
        """A way to the same sandbox for an event loop of this task's own. The caller closes it."""
        from airflow.sdk.log import mask_secret

        from airflow_provider_offers.client.wire.session import AsyncSession

        async def mask(token: str) -> None:
            # In the task's own thread: a worker is a fork, in which threads of its parent's pools do not run.
            mask_secret(token)

        return await AsyncSession.open(self.settings, on_token=mask)

    def delete_offer(self, offer_id: Any, *, offer_type: str | None = None, missing_ok: bool = False) -> WriteReceipt:
        """Delete an offer, see it gone, and return a receipt with the action `deleted` (or `unchanged`).

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
        """The offers that a search finds, each once, page by page as they are asked for.

        See `airflow_provider_offers.client.model.query.parse_query` for the parameters. What the connection's
        generation cannot express is refused with `UnsupportedError`.

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
        """Ask what one profile would be shown, or is shown where `dry_run` is False, which counts against caps.

        `profile` may also be a whole profile of Adobe's, `identityMap` and what is beside it, or a whole decision
        request; what the request says holds, and nothing may be said twice. `dry_run` is True unless it says otherwise.

        Every decision of `decision_id` is asked at every placement of `placement_id`; or `scopes` lists decisions, each
        with its placement and perhaps `itemCount`. `profile` holds the identities of one profile by namespace, such
        as `{"Email": "a@example.com"}`; they are neither logged nor returned. None for `item_count` or
        `include_content` leaves it to the placement, and None for `allow_duplicates` to the service, which then shows
        an offer in one place only of a request, and the next best or the fallback in the others. Returns
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

        Decisions and placements are named as in `decide`.

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
        """A batch decision's receipt as it is now. Calls `GET /data/core/dwm/workloads/decisions/{id}`."""
        from airflow_provider_offers.client.deciding.batching import job_status
        from airflow_provider_offers.client.deciding.jobs import job_receipt

        job = self.library.run(lambda access: job_status(access, job_id))
        return job_receipt(job, self.settings, dataset=None, audience=None)

    def test_connection(self) -> tuple[bool, str]:
        """Whether token, organization, sandbox and read permission work, and which of them does not."""
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
        """Say what was done to which offer, where, how long it took, and under which request id."""
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
    """The Offer Library for triggers and async tasks: the same calls, awaited, on one session.

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
        """The open way to the sandbox; opened at the first call."""
        from airflow_provider_offers.client.wire.session import AsyncSession

        async with self._opening:
            if self._session is None:
                settings = await self.settings()
                self._session = await AsyncSession.open(settings, retries=retries, on_token=_mask_off_the_loop)
            return self._session

    async def settings(self) -> Settings:
        """The connection, checked. Raises `ConfigurationError` with everything that is wrong in it."""

        def read() -> Settings:
            check_place(self.offer_library_conn_id, self.sandbox)
            return connection_settings(self.get_connection(self.offer_library_conn_id), self.sandbox)

        # Airflow's own asynchronous reading could deadlock the triggerer before 3.3.2; a thread never does.
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
            # What is read is let go of before the next page comes.
            del page


async def _mask_off_the_loop(token: str) -> None:
    from airflow.sdk.log import mask_secret

    await _off_the_loop(mask_secret, token)


async def _off_the_loop(work: Callable[..., T], *arguments: Any) -> T:
    """Do it in a thread from which the triggerer of Airflow 3.2 finds back to its loop, as it does by asgiref only.

    The thread is of this loop's own pool. asgiref's shared thread, its default, is none of this process's in a task:
    a worker is a fork, in which the threads of its parent do not run, and who waits for one waits for ever.
    """
    from asgiref.sync import sync_to_async

    return await sync_to_async(work, thread_sensitive=False)(*arguments)
