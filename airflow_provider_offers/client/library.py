"""The synchronous door to the Offer Library: one method for each thing it can do."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.flows.access import Access, open_access
from airflow_provider_offers.client.flows.adding import create_object
from airflow_provider_offers.client.flows.creating import Creation, Earlier
from airflow_provider_offers.client.flows.deleting import delete
from airflow_provider_offers.client.flows.doubts import Waivable, checked_waive, patch_looked_at
from airflow_provider_offers.client.flows.listing import Listing
from airflow_provider_offers.client.flows.naming import has_names, patch_has_names, patch_with_ids, with_ids
from airflow_provider_offers.client.flows.reading import not_found, read, resolve
from airflow_provider_offers.client.flows.replacing import replace_object
from airflow_provider_offers.client.model.cleaning import tidied
from airflow_provider_offers.client.model.creations import new_creation
from airflow_provider_offers.client.model.documents import neutral_payload
from airflow_provider_offers.client.model.entities import Entity, Reference, Written, parse_reference
from airflow_provider_offers.client.model.filters import fitted
from airflow_provider_offers.client.model.kinds import PERSONALIZED, Kind, kind_of
from airflow_provider_offers.client.model.patches import PreparedPatch
from airflow_provider_offers.client.model.preparing import prepare
from airflow_provider_offers.client.model.query import Query
from airflow_provider_offers.client.model.validation import (
    Validate,
    check_offer,
    checked_validate,
)
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.waiting.changes import BATCH, look_alone, look_at
from airflow_provider_offers.client.wire.exchange import Exchange
from airflow_provider_offers.client.wire.memory import NO_MEMORY, Memory
from airflow_provider_offers.client.wire.messages import Flow, Json
from airflow_provider_offers.client.wire.retry import Retries
from airflow_provider_offers.client.wire.sync_shell import SyncShell

T = TypeVar("T")

DEFAULT_PATIENCE = 10.0


class OfferLibrary:
    """One sandbox of the Offer Library. Use it as a context manager, or `close` it.

    Offers go in and come out in either generation's spelling and in neutral names respectively; every method raises
    `InvalidInputError` before a request where the input is wrong, and otherwise the errors of
    `airflow_provider_offers.client.errors`. `retries` defaults to the connection's `max_retries`. `memory` keeps the
    values that flows want kept for a later process; by default nothing is kept.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        retries: Retries | None = None,
        on_token: Callable[[str], None] | None = None,
        shell: SyncShell | None = None,
        memory: Memory = NO_MEMORY,
    ) -> None:
        self.settings = settings
        self._exchange = Exchange(settings, retries or Retries(max_retries=settings.max_retries))
        self._shell = shell or SyncShell(settings, retries=self._exchange.retries, on_token=on_token, memory=memory)
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

    def service_now(self) -> datetime:
        """What the service's clock shows, by its answers so far; this machine's clock before the first."""
        return self._exchange.service_now()

    def reference(self, offer_id: Any, offer_type: str | Kind | None = None) -> Reference:
        """Which object is meant by an id of either generation, an xcore instance id, `name:` and a name, or a result.

        An offer, unless `offer_type` is a row of the kind table, here as in every other method.
        """
        return parse_reference(
            offer_id,
            offer_type=None if isinstance(offer_type, Kind) else offer_type,
            kind=offer_type if isinstance(offer_type, Kind) else None,
            api=self.settings.api,
            sandbox=self.settings.sandbox,
        )

    def creation(
        self,
        offer: Any,
        *,
        offer_type: str | Kind = "personalized",
        window: Any = None,
        if_exists: str = "fail",
        patience: float = DEFAULT_PATIENCE,
        marker: tuple[str, str] | None = None,
        earlier: Earlier | None = None,
        waive: Collection[Waivable] | Waivable = (),
        validate: Validate = True,
    ) -> Creation:
        """What `create` takes, checked: `validate` is True (refuse what is wrong, warn of what is doubtful), "strict"
        (refuse both) or False (send it as it is).

        `window` takes the place of the dates in the offer; see `windows.window_from`. `marker` is the name and the
        value of a characteristic that the offer gets, by which it is recognized as this very work. `waive` names what
        may speak against an object that customers see from the start without a word; see `flows.doubts`. What the offer
        refers to by `name:` is looked up here.
        """
        creation = new_creation(
            _kind(offer_type),
            offer,
            window=window,
            if_exists=if_exists,
            patience=patience,
            marker=marker,
            earlier=earlier,
            waive=waive,
            validate=validate,
        )
        return replace(creation, properties=self._with_ids(creation.kind, creation.properties))

    def create(self, creation: Creation) -> Written:
        """Create an offer once; see `flows.adding.create_object`."""
        return self._run(lambda access: create_object(access, creation))

    def create_offer(self, offer: Any, *, since: datetime | None = None, **options: Any) -> Written:
        """Create an offer once: `create` with what `creation` makes of the arguments.

        `since` is the earliest moment at which an earlier try of the same work can have made the offer.
        """
        return self.create(self.creation(offer, earlier=None if since is None else Earlier(since), **options))

    def get_offer(
        self, offer_id: Any, *, offer_type: str | Kind | None = None, unless_etag: int | str | None = None
    ) -> Entity | None:
        """The offer, or None where it still has the etag `unless_etag`."""
        reference = self.reference(offer_id, offer_type)
        return self._run(lambda access: read(access, reference, unless_etag=unless_etag))

    def patch_offer(
        self,
        offer_id: Any,
        operations: Any,
        *,
        offer_type: str | Kind | None = None,
        if_match: int | str | None = None,
        waive: Collection[Waivable] | Waivable = (),
        validate: Validate = True,
    ) -> Written:
        """Apply a JSON Patch (RFC 6902) in either generation's spelling exactly once; see `flows.patching.patch`.

        One that makes an offer approved or a decision live is looked at first; see `flows.doubts`.
        """
        reference = self.reference(offer_id, offer_type)
        prepared = self.checked_patch(operations, [reference], validate=validate)
        waived = checked_waive(reference.kind, waive)
        return self._run(
            lambda access: patch_looked_at(
                access, reference, prepared, waive=waived, if_match=if_match, validate=validate
            )
        )

    def checked_patch(
        self, operations: Any, references: Iterable[Reference], *, validate: Validate = True
    ) -> PreparedPatch:
        """A JSON Patch, prepared once for all objects that it is meant for and checked against their rules.

        The kinds are spelled alike: those of offers, or one. What values refer to by `name:` is looked up here.
        """
        validate = checked_validate(validate)
        meant = list(references)
        kinds = list({reference.kind.key: reference.kind for reference in meant}.values()) or [PERSONALIZED]
        prepared = prepare(operations, kinds, self.settings.api, validate)
        if not patch_has_names(prepared.kind, prepared.operations):
            return prepared
        with_ids = self._run(lambda access: patch_with_ids(access, prepared.kind, prepared.operations, meant))
        return replace(prepared, operations=with_ids)

    def replace_offer(
        self,
        offer_id: Any,
        offer: Any,
        *,
        offer_type: str | Kind | None = None,
        if_match: int | str | None = None,
        waive: Collection[Waivable] | Waivable = (),
        validate: Validate = True,
    ) -> Written:
        """Replace an offer whole, exactly once; see `flows.replacing.replace_object`."""
        reference = self.reference(offer_id, offer_type)
        properties = self.replacements([reference], [offer], validate=validate)[reference]
        waived = checked_waive(reference.kind, waive)
        return self._run(
            lambda access: replace_object(
                access, reference, properties, if_match=if_match, waive=waived, validate=validate
            )
        )

    def replacements(
        self, references: Sequence[Reference], documents: Sequence[Any], *, validate: Validate = True
    ) -> dict[Reference, Mapping[str, Json]]:
        """What each object is to be, in neutral names and checked. What a document refers to by `name:` is looked up.

        Raises `InvalidInputError` with everything that is wrong, and where an object is to be two things at once.
        """
        validate = checked_validate(validate)
        found: dict[Reference, Mapping[str, Json]] = {}
        violations: list[Violation] = []
        for index, (reference, document) in enumerate(zip(references, documents, strict=True)):
            place = f"/{index}" if len(references) > 1 else ""
            try:
                properties = neutral_payload(document, reference.kind)
                properties = properties if validate is False else tidied(reference.kind, properties)
                properties.pop("id", None)
                check_offer(reference.kind, properties, document, validate)
            except InvalidInputError as error:
                violations += [replace(each, pointer=f"{place}{each.pointer}") for each in error.violations]
                continue
            if any(self._is_one(reference, other) for other in found):
                violations.append(Violation(place, f"{reference} a second time", "each object once"))
            found[reference] = properties
        if violations:
            raise InvalidInputError(f"The {references[0].kind.noun} cannot be replaced", violations)
        return {reference: self._with_ids(reference.kind, properties) for reference, properties in found.items()}

    def _is_one(self, reference: Reference, other: Reference) -> bool:
        """Whether two references mean one object, as far as their names and ids tell."""
        if reference == other:
            return True
        if (reference.name is None or reference.id) and (other.name is None or other.id):
            return False
        one = self._run(lambda access: resolve(access, reference))
        two = self._run(lambda access: resolve(access, other))
        return (one.id is not None and one.id == two.id) or (
            one.instance_id is not None and one.instance_id == two.instance_id
        )

    def _with_ids(self, kind: Kind, properties: Mapping[str, Json]) -> Mapping[str, Json]:
        if not has_names(kind, properties):
            return properties
        return self._run(lambda access: with_ids(access, kind, properties))

    def delete_offer(self, offer_id: Any, *, offer_type: str | Kind | None = None, missing_ok: bool = False) -> str:
        """Delete an offer and see it gone: `deleted`, or `unchanged` where there was none and that is fine."""
        reference = self.reference(offer_id, offer_type)
        return self._run(lambda access: delete(access, reference, missing_ok=missing_ok))

    def search_offers(self, query: Query, *, offer_type: str | Kind = "personalized") -> Iterator[Entity]:
        """The offers that a query finds, each once, fetched page by page as they are asked for.

        Calls `GET .../queries/core/search` (xcore; Adobe: list personalized offers) or `GET /offers` (dps).
        """
        kind = _kind(offer_type)
        query = fitted(query, kind)

        def entities() -> Iterator[Entity]:
            access = self._open()
            listing = Listing(access, kind, access.generation.search(kind, query))
            while (page := self._shell.run(listing.advance())) is not None:
                yield from page
                # What is read is let go of before the next page comes.
                del page

        return itertools.islice(entities(), query.limit)

    def edit_offer(
        self, offer_id: Any, work: Callable[[Access, Reference], Flow[Written]], *, offer_type: str | Kind | None = None
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
            raise not_found(self._open(), references[0], "", ", ".join(missing))
        return [entity for entity in entities if entity is not None]

    def _open(self) -> Access:
        with self._guard:
            if self._access is None:
                self._access = self._shell.run(open_access(self._exchange))
            return self._access

    def run(self, flow: Callable[[Access], Flow[T]]) -> T:
        """Drive a flow of `client.flows`, or of the caller's own, on the way to the sandbox."""
        return self._run(flow)

    def _run(self, flow: Callable[[Access], Flow[T]]) -> T:
        return self._shell.run(flow(self._open()))


def _kind(offer_type: str | Kind) -> Kind:
    return offer_type if isinstance(offer_type, Kind) else kind_of(offer_type)
