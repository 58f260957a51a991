"""What a creation does with objects that already have its name: its own are taken up, others as `if_exists` says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from airflow_provider_offers.client.errors import AlreadyExistsError, AmbiguousNameError, ConflictError
from airflow_provider_offers.client.flows.duplicates import withdraw_twins
from airflow_provider_offers.client.flows.editing import edit
from airflow_provider_offers.client.flows.judging import conflict
from airflow_provider_offers.client.flows.memory import Earlier
from airflow_provider_offers.client.flows.ownership import Work
from airflow_provider_offers.client.flows.reading import Found
from airflow_provider_offers.client.model.differences import difference, readable, what_differs
from airflow_provider_offers.client.model.entities import Entity, Reference, Written
from airflow_provider_offers.client.model.operations import Patch
from airflow_provider_offers.client.text import listed
from airflow_provider_offers.client.wire.messages import Flow, Note

# How many differences an error names.
_MOST_TOLD = 5


def existing(work: Work, found: Found) -> Flow[Written]:
    """Take up the objects of the name if this work created them. Otherwise, do as `if_exists` says."""
    creation = work.creation
    earlier = yield from work.earlier(found)
    ours = work.by_earlier_try(found, earlier)
    if ours and earlier is not None and earlier.changed and creation.if_exists != "update" and work.differs(ours[0]):
        raise _changed_wish(work, ours[0])
    if ours:
        return (yield from taken_up(work, ours))
    ids = [entity.id for entity in found.entities]
    if creation.if_exists == "fail":
        raise AlreadyExistsError(
            f"A {creation.kind.noun} named {creation.name!r} already exists in the sandbox "
            f"{work.access.exchange.settings.sandbox!r} ({listed(ids)}), and this run did not create it"
            f"{_differences_told(work, found.entities[0])}; choose if_exists='adopt', 'update' or 'skip' to accept it",
            ids=ids,
        )
    if len(found.entities) > 1:
        raise AmbiguousNameError(
            f"{len(ids)} {creation.kind.noun}s are named {creation.name!r} ({listed(ids)}); "
            f"if_exists={creation.if_exists!r} needs a unique name",
            ids=ids,
        )
    return (yield from accepted(work, found.entities[0]))


def taken_up(work: Work, ours: Sequence[Entity], action: str = "adopted") -> Flow[Written]:
    """Keep the oldest of the objects that this work created, and delete the others, its twins."""
    keeper, *twins = ours
    gone = yield from withdraw_twins(work, keeper.id, keeper, twins)
    if work.creation.if_exists == "update" and action == "adopted":
        return replace((yield from _updated(work, keeper)), withdrawn=gone)
    return Written.of(keeper, action, gone)


def accepted(work: Work, entity: Entity) -> Flow[Written]:
    """Use the existing object of somebody else as `if_exists` says."""
    creation = work.creation
    if creation.if_exists == "adopt":
        if differs := what_differs(work.differs(entity), entity.properties):
            name, said = repr(creation.name), f"is adopted unchanged, although it differs from the document: {differs}"
            yield Note(f"{name} {said}", about=name, like=said)
        return Written.of(entity, "adopted")
    if creation.if_exists == "skip":
        return Written.of(entity, "skipped")
    return (yield from _updated(work, entity))


def _differences_told(work: Work, there: Entity) -> str:
    """How somebody else's object differs from the document, as the middle of a sentence."""
    differs = work.differs(there)
    if not differs:
        return ", although it has the same content"
    more = f", and {len(differs) - _MOST_TOLD} more" if len(differs) > _MOST_TOLD else ""
    return f"; it differs: {what_differs(differs[:_MOST_TOLD], there.properties)}{more}"


def adopted(work: Work, made: Entity, earlier: Earlier, gone: tuple[str, ...]) -> Flow[Written]:
    """The earlier try's object as it is. If the document has changed since, it is updated (`if_exists`) or refused."""
    if work.creation.if_exists == "update":
        return replace((yield from _updated(work, made)), withdrawn=gone)
    if not work.is_still_ours(made, earlier):
        raise _changed_wish(work, made)
    return Written.of(made, "adopted", gone)


def _changed_wish(work: Work, made: Entity) -> AlreadyExistsError:
    creation = work.creation
    differs = what_differs(work.differs(made), made.properties) or "it is archived"
    return AlreadyExistsError(
        f"An earlier try of this task created the {creation.kind.noun} {creation.name!r} ({made.id}), and it no longer "
        f"matches the document: {differs}; use if_exists='update' to patch the differences, or delete the "
        f"{creation.kind.subject} to have it created again",
        ids=[made.id],
    )


def _updated(work: Work, entity: Entity) -> Flow[Written]:
    """Update the object to match the document. The patch is made from a fresh read, because listings lag."""

    def plan(now: Entity) -> Flow[Patch]:
        yield from ()
        kind = work.creation.kind
        if now.name != entity.name:
            raise _renamed(work, entity, now)
        return difference(now.properties, readable(kind, work.wanted, now.properties), kind)

    creation = work.creation
    reference = Reference(creation.kind, name=creation.name)
    intent = None if creation.intents is None else creation.intents.of(reference)
    return (yield from edit(work.access, entity.reference, plan, "updated", validate=creation.validate, intent=intent))


def _renamed(work: Work, entity: Entity, now: Entity) -> ConflictError:
    title = f"The {entity.kind.subject} was renamed meanwhile; nothing was sent"
    detail = f"{now.id} was named {entity.name!r} a moment ago and is {now.name!r} now; a retry looks again"
    return conflict(work.access.generation.read(now.reference), title, detail)
