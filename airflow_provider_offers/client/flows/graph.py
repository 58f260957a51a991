"""Who refers to an object, and deleting it with that in mind: refused by name, or everything in order."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from airflow_provider_offers.client.changes import look_alone
from airflow_provider_offers.client.entities import Entity, Receipt, Reference
from airflow_provider_offers.client.errors import (
    APIError,
    BadRequestError,
    ConflictError,
    NotFoundError,
    RejectedError,
    TransitionError,
)
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.deleting import delete
from airflow_provider_offers.client.flows.editing import take_step
from airflow_provider_offers.client.flows.listing import Listing
from airflow_provider_offers.client.flows.reading import read_now, resolve
from airflow_provider_offers.client.flows.writing import Written
from airflow_provider_offers.client.kinds import LIBRARY, Kind
from airflow_provider_offers.client.shapes import targets
from airflow_provider_offers.client.wire import Flow

_PAGE = 100
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Referrer:
    """An object that refers to another, and the places where it does."""

    entity: Entity
    pointers: tuple[str, ...]

    def __str__(self) -> str:
        return f"the {self.entity.kind.noun} {self.entity.name!r} ({self.entity.id}) at {', '.join(self.pointers)}"


@dataclass(frozen=True, slots=True)
class Deleted(Written):
    """What a deletion came to; `cascaded` is what was deleted before the object, in that order."""

    cascaded: tuple[Entity, ...] = ()


def referring_kinds(kind: Kind) -> list[Kind]:
    """The kinds whose objects may refer to one of this kind."""
    return [each for each in LIBRARY.values() if kind.type_name in targets(each.shape)]


def referrers(access: Access, kind: Kind, ids: Collection[str], *, at_most: int | None = None) -> Flow[list[Referrer]]:
    """The objects that refer to objects of that kind and of any of those reference ids, as they are now.

    Lists every object of the kinds that may, since neither generation documents a search for references, in an order
    that no edit changes; then reads each that a listing shows, because listings lag. `at_most` bounds how many are
    looked for.
    """
    found: list[Referrer] = []
    for referring in referring_kinds(kind):
        listing = Listing(access, referring, access.generation.every(referring, _PAGE))
        while (page := (yield from listing.advance())) is not None:
            for suspect in [entity for entity in page if _pointers(entity, ids)]:
                now = yield from look_alone(access, suspect.reference)
                if now is not None and (pointers := _pointers(now, ids)):
                    found.append(Referrer(now, pointers))
                if at_most is not None and len(found) >= at_most:
                    return found
    return found


def delete_object(
    access: Access, reference: Reference, *, missing_ok: bool = False, cascade: bool = False
) -> Flow[Deleted]:
    """Delete an object that nothing refers to; with `cascade`, after everything that does.

    Without `cascade`, what refers to the object is a `ConflictError` that names it, and nothing is sent. With it, all
    that refers to the object is deleted first, and what refers to that before it: decisions, collections, offers, in
    this order. A decision that is live and an offer that is approved are taken back to draft first, so that nobody is
    shown half of it. Each is deleted as `flows.deleting.delete` does; the action is `deleted`, or `unchanged` where
    `missing_ok` and there is none. What refers to something that is gone stays as it is. Where the service refuses all
    the same, since somebody has just referred to the object, the error names who does by then.
    """
    try:
        reference = yield from _as_it_is(access, reference)
    except NotFoundError:
        if not missing_ok:
            raise
        return _gone(reference, "unchanged")
    doomed: list[Entity] = []
    if cascade:
        doomed = yield from _everything_above(access, reference)
    elif found := (yield from referrers(access, reference.kind, _ids(reference), at_most=_SHOWN + 1)):
        raise _referred(access, reference, found)
    for entity in doomed:
        yield from _take_back(access, entity)
        yield from _delete(access, entity.reference, missing_ok=True)
    action = yield from _delete(access, reference, missing_ok=missing_ok)
    return replace(_gone(reference, action), cascaded=tuple(doomed))


def _as_it_is(access: Access, reference: Reference) -> Flow[Reference]:
    """The reference of an object that is there, with the reference id by which others refer to it."""
    reference = yield from resolve(access, reference)
    entity = yield from read_now(access, reference)
    return entity.reference


def _delete(access: Access, reference: Reference, *, missing_ok: bool) -> Flow[str]:
    """Delete one object; a refusal of the service names who refers to it, if anybody does."""
    try:
        return (yield from delete(access, reference, missing_ok=missing_ok))
    except (BadRequestError, ConflictError, RejectedError) as refused:
        found = yield from referrers(access, reference.kind, _ids(reference), at_most=_SHOWN + 1)
        if not found:
            raise
        raise _referred(access, reference, found, refused) from refused


def _everything_above(access: Access, reference: Reference) -> Flow[list[Entity]]:
    """All that refers to the object, directly or through others, in the order in which it can be deleted."""
    above: dict[str, dict[str, Entity]] = {key: {} for key in LIBRARY}
    # A kind is referred to by later ones only, so that one pass up the table finds all.
    for kind in LIBRARY.values():
        ids = [*above[kind.key], *(_ids(reference) if kind is reference.kind else ())]
        if ids:
            for each in (yield from referrers(access, kind, ids)):
                above[each.entity.kind.key][each.entity.id] = each.entity
    return [entity for key in reversed(LIBRARY) for entity in above[key].values()]


def _take_back(access: Access, entity: Entity) -> Flow[None]:
    """Bring what is shown to customers back to draft."""
    for step in entity.kind.steps:
        if step.target == "draft" and entity.status in step.origins:
            try:
                yield from take_step(access, entity.reference, step, now=access.exchange.now)
            except (NotFoundError, TransitionError):
                # Somebody else was faster, with the same end.
                return


def _pointers(entity: Entity, ids: Collection[str]) -> tuple[str, ...]:
    pointings = entity.kind.shape.pointings(entity.properties, "")
    return tuple(each.pointer for each in pointings if each.target in ids)


def _ids(reference: Reference) -> list[str]:
    return [] if reference.id is None else [reference.id]


def _referred(
    access: Access, reference: Reference, found: Sequence[Referrer], refused: APIError | None = None
) -> ConflictError:
    shown = "; ".join(map(str, found[:_SHOWN])) + ("; and more" if len(found) > _SHOWN else "")
    return ConflictError(
        method="DELETE",
        path=access.generation.delete(reference).bare_path,
        status=409,
        title=f"The {reference.kind.noun} is still referred to; "
        + ("nothing was sent" if refused is None else "the service refused to delete it"),
        detail=f"{reference} is used by {shown}; cascade deletes these first",
        request_id=None if refused is None else refused.request_id,
    )


def _gone(reference: Reference, action: str) -> Deleted:
    identifier = reference.id or reference.instance_id or ""
    return Deleted(Receipt(identifier, reference.instance_id or identifier, etag=None), action, reference.name)
