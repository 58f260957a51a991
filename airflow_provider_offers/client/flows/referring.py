"""Which objects refer to an object: found in listings, and read again because listings lag."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from airflow_provider_offers.client.errors import APIError, ConflictError, OfferLibraryError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.listing import Listing
from airflow_provider_offers.client.flows.reading import look_alone
from airflow_provider_offers.client.model.entities import Entity, Reference
from airflow_provider_offers.client.model.kinds import KINDS, Kind
from airflow_provider_offers.client.model.places import pointings, targets
from airflow_provider_offers.client.wire.messages import Flow

_PAGE = 100
_SHOWN = 10
# How many objects are looked for if a message only names them.
ENOUGH = _SHOWN + 1


@dataclass(frozen=True, slots=True)
class Referrer:
    """An object that refers to another, and the places where it does."""

    entity: Entity
    pointers: tuple[str, ...]

    def __str__(self) -> str:
        return f"the {self.entity.kind.noun} {self.entity.name!r} ({self.entity.id}) at {', '.join(self.pointers)}"


def referring_kinds(kind: Kind) -> list[Kind]:
    """The kinds whose objects may refer to an object of this kind."""
    return [each for each in KINDS.values() if kind.type_name in targets(each.place)]


def referrers(access: Access, kind: Kind, ids: Collection[str], *, at_most: int | None = None) -> Flow[list[Referrer]]:
    """The objects that refer to objects of that kind and with one of those reference ids.

    Lists every object of the kinds that may refer to it, since neither generation documents a search for references.
    The order of the list does not change with edits. Then each object that a listing shows is read, because listings
    lag. `at_most` bounds how many are looked for.
    """
    found: list[Referrer] = []
    for referring in referring_kinds(kind):
        listing = Listing(access, referring, access.generation.every(referring, _PAGE))
        while (page := (yield from listing.advance())) is not None:
            for suspect in [entity for entity in page if pointers(entity, ids)]:
                now = yield from look_alone(access, suspect.reference)
                if now is not None and (places := pointers(now, ids)):
                    found.append(Referrer(now, places))
                if at_most is not None and len(found) >= at_most:
                    return found
    return found


def pointers(entity: Entity, ids: Collection[str]) -> tuple[str, ...]:
    """The places where the object refers to any of those reference ids."""
    return tuple(each.pointer for each in pointings(entity.kind.place, entity.properties) if each.target in ids)


def ids_of(reference: Reference) -> list[str]:
    """The reference id by which others may refer to the object, if it is known."""
    return [] if reference.id is None else [reference.id]


def explained(access: Access, reference: Reference, refused: APIError, remedy: str) -> Flow[APIError]:
    """The refusal of a deletion, with the names of the objects that refer to it; unchanged if none is found."""
    try:
        if reference.id is None:
            there: Entity | None = yield from look_alone(access, reference)
            reference = reference if there is None else there.reference
        found = yield from referrers(access, reference.kind, ids_of(reference), at_most=ENOUGH)
    except OfferLibraryError:
        # The refusal itself matters more than the failure of this lookup.
        return refused
    return still_referred(access, reference, found, remedy, refused) if found else refused


def still_referred(
    access: Access, reference: Reference, found: Sequence[Referrer], remedy: str, refused: APIError | None = None
) -> ConflictError:
    """The error that names the objects that refer to an object; `refused` is the service's refusal, if it was asked."""
    shown = "; ".join(map(str, found[:_SHOWN])) + ("; and more" if len(found) > _SHOWN else "")
    return ConflictError(
        method="DELETE",
        path=access.generation.delete(reference).bare_path,
        status=409,
        title=f"The {reference.kind.noun} is still referred to; "
        + ("nothing was sent" if refused is None else "the service refused to delete it"),
        detail=f"{reference} is used by {shown}; {remedy}",
        request_id=None if refused is None else refused.request_id,
        refused=refused is not None,
    )
