"""The synchronous door to the Offer Library: one method for each thing it can do."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypeVar

from airflow_provider_offers.client.changes import BATCH, look_alone, look_at
from airflow_provider_offers.client.entities import Entity, Reference, parse_reference
from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.exchange import Exchange
from airflow_provider_offers.client.flows.access import Access, open_access
from airflow_provider_offers.client.flows.creating import IF_EXISTS, Creation, create
from airflow_provider_offers.client.flows.deleting import delete
from airflow_provider_offers.client.flows.listing import Listing
from airflow_provider_offers.client.flows.reading import not_found, read
from airflow_provider_offers.client.flows.writing import Written, patch, replace_offer
from airflow_provider_offers.client.generations import Patch
from airflow_provider_offers.client.instants import ACCEPTED, parse_instant
from airflow_provider_offers.client.kinds import kind_of
from airflow_provider_offers.client.patches import neutral_patch
from airflow_provider_offers.client.payloads import neutral_payload
from airflow_provider_offers.client.query import Query
from airflow_provider_offers.client.retry import Retries
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.transport import SyncShell
from airflow_provider_offers.client.validation import check_offer, check_operations, check_patch
from airflow_provider_offers.client.windows import with_window
from airflow_provider_offers.client.wire import Flow

T = TypeVar("T")

DEFAULT_PATIENCE = 10.0


class OfferLibrary:
    """One sandbox of the Offer Library. Use it as a context manager, or `close` it.

    Offers go in and come out in either generation's spelling and in neutral names respectively; every method raises
    `InvalidInputError` before a request where the input is wrong, and otherwise the errors of
    `airflow_provider_offers.client.errors`. `retries` defaults to the connection's `max_retries`.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        retries: Retries | None = None,
        on_token: Callable[[str], None] | None = None,
        shell: SyncShell | None = None,
    ) -> None:
        self.settings = settings
        self._exchange = Exchange(settings, retries or Retries(max_retries=settings.max_retries))
        self._shell = shell or SyncShell(settings, retries=self._exchange.retries, on_token=on_token)
        self._access: Access | None = None
        self._guard = threading.Lock()

    def __enter__(self) -> OfferLibrary:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connections. The library can still be used; it opens new ones."""
        self._shell.close()

    @property
    def last_request_id(self) -> str | None:
        """The request id of this thread's latest answer, for logs."""
        return self._shell.last_request_id

    def reference(self, offer_id: Any, offer_type: str | None = None) -> Reference:
        """Which offer is meant by an id of either generation, an xcore instance id, or a task's result."""
        return parse_reference(offer_id, offer_type=offer_type, api=self.settings.api, sandbox=self.settings.sandbox)

    def create_offer(
        self,
        offer: Any,
        *,
        offer_type: str = "personalized",
        window: Any = None,
        if_exists: str = "fail",
        since: datetime | None = None,
        patience: float = DEFAULT_PATIENCE,
        validate: bool = True,
    ) -> Written:
        """Create an offer once; see `flows.creating.create`. `validate=False` sends it without the local checks.

        `window` takes the place of the dates in the offer; see `windows.window_from`.
        """
        kind = kind_of(offer_type)
        properties = neutral_payload(offer)
        if window is not None:
            properties = with_window(kind, properties, window)
        violations: list[Violation] = []
        if if_exists not in IF_EXISTS:
            violations.append(Violation("if_exists", repr(if_exists), " or ".join(map(repr, IF_EXISTS))))
        if since is not None:
            try:
                since = parse_instant(since)
            except ValueError as error:
                violations.append(Violation("since", str(error), ACCEPTED))
        if isinstance(patience, bool) or not isinstance(patience, (int, float)) or not 0 <= patience <= 3600:
            violations.append(Violation("patience", repr(patience), "a number of seconds from 0 to 3600"))
        name = properties.get("name")
        if not validate and not (isinstance(name, str) and name):
            violations.append(Violation("/name", repr(name), "a name, by which the offer is found again"))
        if violations:
            raise InvalidInputError(f"The {kind.noun} cannot be created", violations)
        if validate:
            check_offer(kind, properties, offer)
        creation = Creation(kind, properties, if_exists, since, patience)
        return self._run(lambda access: create(access, creation))

    def get_offer(
        self, offer_id: Any, *, offer_type: str | None = None, unless_etag: int | str | None = None
    ) -> Entity | None:
        """The offer, or None where it still has the etag `unless_etag`."""
        reference = self.reference(offer_id, offer_type)
        return self._run(lambda access: read(access, reference, unless_etag=unless_etag))

    def patch_offer(
        self,
        offer_id: Any,
        operations: Any,
        *,
        offer_type: str | None = None,
        if_match: int | str | None = None,
        validate: bool = True,
    ) -> Written:
        """Apply a JSON Patch (RFC 6902) in either generation's spelling exactly once; see `flows.writing.patch`."""
        reference = self.reference(offer_id, offer_type)
        neutral = self.checked_patch(operations, [reference], validate=validate)
        return self._run(lambda access: patch(access, reference, neutral, if_match=if_match))

    def checked_patch(self, operations: Any, references: Iterable[Reference], *, validate: bool = True) -> Patch:
        """A JSON Patch in neutral names, once it is fit for every kind of offer that it is meant for."""
        check_operations(operations)
        neutral = neutral_patch(operations, self.settings.api)
        if validate:
            for kind in {reference.kind.key: reference.kind for reference in references}.values():
                check_patch(kind, neutral)
        return neutral

    def replace_offer(
        self,
        offer_id: Any,
        offer: Any,
        *,
        offer_type: str | None = None,
        if_match: int | str | None = None,
        validate: bool = True,
    ) -> Written:
        """Replace an offer whole (xcore only); see `flows.writing.replace_offer`."""
        reference = self.reference(offer_id, offer_type)
        properties = neutral_payload(offer)
        properties.pop("id", None)
        if validate:
            check_offer(reference.kind, properties, offer)
        return self._run(lambda access: replace_offer(access, reference, properties, if_match=if_match))

    def delete_offer(self, offer_id: Any, *, offer_type: str | None = None, missing_ok: bool = False) -> str:
        """Delete an offer and see it gone: `deleted`, or `unchanged` where there was none and that is fine."""
        reference = self.reference(offer_id, offer_type)
        return self._run(lambda access: delete(access, reference, missing_ok=missing_ok))

    def search_offers(self, query: Query, *, offer_type: str = "personalized") -> Iterator[Entity]:
        """The offers that a query finds, each once, fetched page by page as they are asked for.

        Calls `GET .../queries/core/search` (xcore; Adobe: list personalized offers) or `GET /offers` (dps).
        """
        kind = kind_of(offer_type)

        def entities() -> Iterator[Entity]:
            access = self._open()
            listing = Listing(access, kind, access.generation.search(kind, query))
            while (page := self._shell.run(listing.advance())) is not None:
                yield from page
                # What is read is let go of before the next page comes.
                del page

        return itertools.islice(entities(), query.limit)

    def edit_offer(
        self, offer_id: Any, work: Callable[[Access, Reference], Flow[Written]], *, offer_type: str | None = None
    ) -> Written:
        """Do something to one offer: a flow of `flows.editing`, or of the caller's own."""
        reference = self.reference(offer_id, offer_type)
        return self._run(lambda access: work(access, reference))

    def look_at(self, references: Sequence[Reference]) -> list[Entity | None]:
        """Offers as they are now, in the order given and in few requests; None for one that is not there."""
        access = self._open()
        found: dict[Reference, Entity | None] = {}
        by_kind: dict[str, list[Reference]] = {}
        for reference in dict.fromkeys(references):
            # A lookup of several goes by reference ids.
            if reference.id is None or len(references) == 1:
                found[reference] = self._shell.run(look_alone(access, reference))
            else:
                by_kind.setdefault(reference.kind.key, []).append(reference)
        for same_kind in by_kind.values():
            for start in range(0, len(same_kind), BATCH):
                batch = same_kind[start : start + BATCH]
                states = self._shell.run(look_at(access, batch))
                found |= {reference: states.get(reference.id or "") for reference in batch}
        return [found[reference] for reference in references]

    def get_offers(self, references: Sequence[Reference]) -> list[Entity]:
        """The offers, in the order given. Raises `NotFoundError` that names those not there."""
        entities = self.look_at(references)
        missing = [str(reference) for reference, entity in zip(references, entities, strict=True) if entity is None]
        if missing:
            raise not_found(self._open(), references[0], "(a lookup of several)", ", ".join(missing))
        return [entity for entity in entities if entity is not None]

    def _open(self) -> Access:
        with self._guard:
            if self._access is None:
                self._access = self._shell.run(open_access(self._exchange))
            return self._access

    def _run(self, flow: Callable[[Access], Flow[T]]) -> T:
        return self._shell.run(flow(self._open()))
