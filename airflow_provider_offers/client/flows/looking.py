"""Looking for a created object by its name, for as long as a listing may lag."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from airflow_provider_offers.client.errors import OfferLibraryError, OutcomeUnknownError
from airflow_provider_offers.client.flows.ownership import Work
from airflow_provider_offers.client.flows.reading import Found, find_by_name, still_there
from airflow_provider_offers.client.model.entities import Written
from airflow_provider_offers.client.wire.messages import Flow
from airflow_provider_offers.client.wire.retry import Looks


def look_for(work: Work, why: str, seconds: float, own: Written | None = None, *, whole: bool) -> Flow[Found]:
    """The objects of the name, as soon as our own is among them or when the seconds are over.

    `own` names our object; without it, an object that matches the POST counts as ours. With `whole`, the function
    always waits until the end, because the objects of other POSTs may show up later.
    """
    creation, looks = work.creation, Looks(work.access.exchange.clock, seconds)
    ghosts: set[str] = set()
    while True:
        try:
            found = _without(ghosts, (yield from find_by_name(work.access, creation.kind, creation.name)))
            is_last = looks.are_over
            if is_last or (not whole and _shows(work, found, own)):
                there = yield from _there(work, found, own, ghosts)
                if is_last or _shows(work, there, own):
                    return there
        except OfferLibraryError as blind:
            raise OutcomeUnknownError(
                f"It is not known whether the {creation.kind.noun} {creation.name!r} exists: {why}, and then: {blind}"
            ) from blind
        yield looks.pause(f"looking for the {creation.kind.subject}: {why}")


def _without(ghosts: Collection[str], found: Found) -> Found:
    return replace(found, entities=[each for each in found.entities if each.id not in ghosts])


def _there(work: Work, found: Found, own: Written | None, ghosts: set[str]) -> Flow[Found]:
    """The current state of the objects in a listing. Deleted and renamed ones join `ghosts`; our own is known."""
    there = []
    for entity in found.entities:
        if own is not None and entity.id == own.receipt.id:
            there.append(entity)
        elif (now := (yield from still_there(work.access, entity))) is not None:
            there.append(now)
        else:
            ghosts.add(entity.id)
    return replace(found, entities=there)


def _shows(work: Work, found: Found, own: Written | None) -> bool:
    if own is None:
        return bool(work.by_this_try(found.entities))
    return any(entity.id == own.receipt.id for entity in found.entities)
