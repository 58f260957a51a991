"""Creating an offer once: by its name first, by one POST, and by a look at the library when the answer is lost."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from airflow_provider_offers.client.entities import Entity, Receipt, Reference
from airflow_provider_offers.client.errors import (
    AlreadyExistsError,
    AmbiguousNameError,
    ConflictError,
    NotFoundError,
    OfferLibraryError,
    OutcomeUnknownError,
    can_pass,
)
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.deleting import delete
from airflow_provider_offers.client.flows.ownership import Creation, Earlier, Work, age, moment
from airflow_provider_offers.client.flows.planned import edit
from airflow_provider_offers.client.flows.reading import Found, find_by_name, find_there, read_now, still_there
from airflow_provider_offers.client.flows.writing import Written
from airflow_provider_offers.client.generations import Patch
from airflow_provider_offers.client.kinds import Kind
from airflow_provider_offers.client.patches import difference
from airflow_provider_offers.client.retry import is_unsettled
from airflow_provider_offers.client.sameness import EMPTY, dropped
from airflow_provider_offers.client.wire import Flow, Json, Pause

__all__ = ["IF_EXISTS", "Creation", "Earlier", "create"]

IF_EXISTS = ("adopt", "update", "skip", "fail")

_FIRST_LOOK = 0.25


def create(access: Access, creation: Creation) -> Flow[Written]:
    """Create the offer, unless it is there.

    Calls a lookup by name, then `POST /{container}/instances` (xcore) or `POST /offers` (dps; Adobe: create an
    offer), then the lookup again until the new offer is in it. An answer that is lost, late, cut or a 5xx is followed
    by lookups until the offer shows up or `patience` is over; only then is the POST sent again. A lookup lags, so that
    what it shows is read before anything rests on it: what is gone or renamed since is not there.

    Where two do this at once, both may have posted: whoever finds an older offer of the name withdraws (deletes) its
    own, and treats the older one as if it had been there before. Of several that one work made the oldest stays.

    Raises `AlreadyExistsError` (`fail`), `AmbiguousNameError` where several offers have the name, and
    `OutcomeUnknownError` where the retries end without certainty.
    """
    work = Work(access, creation, access.generation.as_read(creation.properties))
    earlier = creation.earlier
    if earlier is not None and earlier.id is not None:
        made = yield from _still_there(work, earlier.id)
        if made is not None:
            return (yield from _recalled(work, made))
    found = yield from find_there(access, creation.kind, creation.name)
    if not found.entities and earlier is not None:
        # What an earlier try made may take as long to show up as what this one makes.
        found = yield from _look(work, "an earlier try may have posted it", _left(work, earlier))
    if found.entities:
        return (yield from _existing(work, found))
    return (yield from _post(work))


def _still_there(work: Work, identifier: str) -> Flow[Entity | None]:
    """What an earlier try made by its receipt, unless it was deleted since."""
    return (yield from _now(work, Reference(work.creation.kind, id=identifier)))


def _recalled(work: Work, made: Entity) -> Flow[Written]:
    """What an earlier try of the task made by its receipt. Whoever changed the document since has to say what for."""
    creation = work.creation
    if creation.if_exists == "update":
        return (yield from _updated(work, made))
    if work.is_still_ours(made):
        return _written(made, "adopted")
    raise AlreadyExistsError(
        f"An earlier try of this task made the {creation.kind.noun} {creation.name!r} as {made.id}, and by now it says "
        "something else than the task does, or is archived; if_exists='update' patches what differs, and where it is "
        "deleted it is made anew",
        ids=[made.id],
    )


def _left(work: Work, earlier: Earlier) -> float:
    """Seconds until everything that earlier tries posted shows up."""
    if earlier.settled is None:
        return work.creation.patience
    left = (earlier.settled - work.access.exchange.now()).total_seconds()
    return min(max(left, 0.0), work.creation.patience)


def _taken_up(work: Work, ours: Sequence[Entity], action: str = "adopted") -> Flow[Written]:
    """Take what this work made before: the oldest; the others are its twins and go."""
    kept, *twins = ours
    gone = yield from _withdraw_twins(work, kept, twins)
    if work.creation.if_exists == "update" and action == "adopted":
        return replace((yield from _updated(work, kept)), withdrawn=gone)
    return _written(kept, action, gone)


def _existing(work: Work, found: Found) -> Flow[Written]:
    creation = work.creation
    ours = work.by_earlier_try(found)
    if ours:
        return (yield from _taken_up(work, ours))
    ids = [entity.id for entity in found.entities]
    if creation.if_exists == "fail":
        raise AlreadyExistsError(
            f"A {creation.kind.noun} named {creation.name!r} is in the sandbox "
            f"{work.access.exchange.settings.sandbox!r} already ({_listed(ids)}), and this run did not make it; "
            "if_exists='adopt', 'update' or 'skip' says what to do with it",
            ids=ids,
        )
    if len(found.entities) > 1:
        raise AmbiguousNameError(
            f"{len(ids)} {creation.kind.noun}s are named {creation.name!r} ({_listed(ids)}), so that "
            f"if_exists={creation.if_exists!r} cannot tell which is meant",
            ids=ids,
        )
    entity = found.entities[0]
    if creation.if_exists == "adopt":
        return _written(entity, "adopted")
    if creation.if_exists == "skip":
        return _written(entity, "skipped")
    return (yield from _updated(work, entity))


def _updated(work: Work, entity: Entity) -> Flow[Written]:
    """Make the offer what is wanted, from what it is now: the listing that showed it may lag behind."""

    def plan(now: Entity) -> Flow[Patch]:
        yield from ()
        kind = work.creation.kind
        if now.name != entity.name:
            raise _renamed(work, entity, now)
        return difference(now.properties, _kept(kind, work.wanted, now.properties), kind)

    creation = work.creation
    return (
        yield from edit(
            work.access, entity.reference, plan, "updated", validate=creation.validate, intent=creation.intent
        )
    )


def _renamed(work: Work, entity: Entity, now: Entity) -> ConflictError:
    call = work.access.generation.read(now.reference)
    return ConflictError(
        method=call.method,
        path=call.bare_path,
        status=409,
        title=f"The {entity.kind.subject} was renamed meanwhile; nothing was sent",
        detail=f"{now.id} was named {entity.name!r} a moment ago and is {now.name!r} now; another try looks again",
        refused=False,
    )


def _kept(kind: Kind, wanted: Mapping[str, Json], current: Mapping[str, Json]) -> dict[str, Json]:
    """What a read can show: a fallback loses its window and rank, and what is empty may not come back at all."""
    return {
        name: value
        for name, value in wanted.items()
        if name not in dropped(kind) and not (value in EMPTY and current.get(name) in EMPTY)
    }


def _post(work: Work) -> Flow[Written]:
    access, creation = work.access, work.creation
    exchange = access.exchange
    call = access.generation.create(creation.kind, creation.properties)
    started = exchange.clock()
    attempt = 0
    while True:
        if creation.before_post is not None:
            creation.before_post()
        try:
            answer = yield from access.send(call)
            receipt = access.generation.receipt(creation.kind, answer)
        except OfferLibraryError as error:
            if not is_unsettled(error):
                raise
            # To the end: what shows up first may be what another worker made, and ours its twin.
            why = f"it was posted without an answer ({error})"
            found = yield from _look(work, why, creation.patience, whole=True)
            made = work.by_this_try(found.entities)
            if made:
                _refuse_strangers(work, made[0], found)
                return (yield from _taken_up(work, made, "created"))
            if found.entities:
                return (yield from _appeared(work, found, error))
            # Nothing has shown up within the patience, so that another POST is the first as far as can be known.
            pause = exchange.retries.pause(error, repeatable=True, attempt=attempt, elapsed=exchange.clock() - started)
            if pause is None:
                raise OutcomeUnknownError(
                    f"The {creation.kind.noun} {creation.name!r} was posted {_times(attempt + 1)} and "
                    f"has not shown up within {creation.patience:g} s of the last: {error}"
                ) from error
            yield Pause(pause, str(error))
            attempt += 1
        else:
            made_by_receipt = Written(receipt, "created", creation.name, answer.request_id)
            return (yield from _settled(work, made_by_receipt, posted_before=attempt > 0))


def _settled(work: Work, made: Written, *, posted_before: bool) -> Flow[Written]:
    """Look for others of the name, now that our own is there: of those made at once, only the oldest stays."""
    receipt = made.receipt
    why = f"it was created as {receipt.id}, and may not be the only one of its name"
    found = yield from _look(work, why, work.creation.patience, own=made, whole=posted_before)
    ours = next((each for each in found.entities if each.id == receipt.id), None)
    ranked = age(ours) if ours is not None else (moment(receipt.created), receipt.id)
    others = [each for each in found.entities if each.id != receipt.id]
    older = [each for each in others if age(each) < ranked]
    # An earlier POST may have come through after all, later than anybody would wait for it.
    may_be_twins = posted_before or work.creation.earlier is not None
    if not older:
        gone = yield from _withdraw_twins(work, ours, work.by_this_try(others) if may_be_twins else [], kept=receipt.id)
        return replace(made, withdrawn=gone)
    own = Reference(work.creation.kind, id=receipt.id, instance_id=receipt.instance_id)
    yield from _withdraw(work, older[0].id, [own])
    older.sort(key=age)
    # Of several that were posted at once and say the same, all but the oldest are withdrawn by whoever made them.
    before_us = Found(older[:1] if len(work.by_this_try(older)) == len(older) else older, found.skew)
    twins = work.by_this_try(older) if posted_before else []
    written = yield from (_taken_up(work, twins, "created") if twins else _existing(work, before_us))
    return replace(written, withdrawn=(receipt.id, *written.withdrawn))


def _refuse_strangers(work: Work, made: Entity, found: Found) -> None:
    """After a lost answer: somebody else's offer of the name that is older than ours was there before it."""
    older = [each.id for each in found.entities if age(each) < age(made)]
    if older:
        raise AmbiguousNameError(
            f"The {work.creation.kind.noun} {work.creation.name!r} was posted and is {made.id}, but {_listed(older)} "
            "of that name was there before it, and this run did not make it; delete the one that is not wanted",
            ids=[made.id, *older],
        )


def _withdraw_twins(
    work: Work, keeper: Entity | None, twins: Sequence[Entity], kept: str | None = None
) -> Flow[tuple[str, ...]]:
    """Delete the twins of what is kept; one that might be anything else is left, and named in the error."""
    for twin in twins:
        now = yield from _now(work, twin.reference)
        if now is None:
            continue
        if not work.is_spare(now, keeper):
            raise _two(
                work, kept or (keeper.id if keeper is not None else ""), twin.id, "does not look like a mere twin"
            )
        yield from _withdraw(work, kept or (keeper.id if keeper is not None else ""), [twin.reference])
    return tuple(twin.id for twin in twins)


def _now(work: Work, reference: Reference) -> Flow[Entity | None]:
    try:
        return (yield from read_now(work.access, reference))
    except NotFoundError:
        return None


def _withdraw(work: Work, kept: str, twins: Sequence[Reference]) -> Flow[None]:
    """Delete what was made beside `kept`."""
    for twin in twins:
        try:
            yield from delete(work.access, twin, missing_ok=True)
        except OfferLibraryError as error:
            left = _two(work, kept, str(twin), f"could not be deleted ({error})")
            # The next run finds both, and tries again.
            left.retryable = can_pass(error)
            raise left from error


def _two(work: Work, kept: str, twin: str, why: str) -> AmbiguousNameError:
    creation = work.creation
    return AmbiguousNameError(
        f"The {creation.kind.noun} {creation.name!r} was made twice, by two at once or by a request that was thought "
        f"lost: {kept} stays, and {twin} {why}; delete the one that is not wanted",
        ids=[kept, twin],
    )


def _look(work: Work, why: str, seconds: float, own: Written | None = None, *, whole: bool = False) -> Flow[Found]:
    """The offers of the name as soon as ours is among them, or when the seconds are over.

    Ours is the one that `own` names; without it, one that says what was posted. With `whole` the seconds are waited
    out: of several POSTs, the others may show up later.
    """
    clock, creation = work.access.exchange.clock, work.creation
    until = clock() + seconds
    pause = _FIRST_LOOK
    ghosts: set[str] = set()
    while True:
        try:
            found = _without(ghosts, (yield from find_by_name(work.access, creation.kind, creation.name)))
            left = until - clock()
            if left <= 0 or (not whole and _shows(work, found, own)):
                there = yield from _there(work, found, own, ghosts)
                if left <= 0 or _shows(work, there, own):
                    return there
        except OfferLibraryError as blind:
            raise OutcomeUnknownError(
                f"Whether the {creation.kind.noun} {creation.name!r} is there cannot be asked: {why}, and then: {blind}"
            ) from blind
        yield Pause(min(pause, left), f"looking whether the offer is there: {why}")
        pause = min(pause * 2, 2.0)


def _without(ghosts: Collection[str], found: Found) -> Found:
    return replace(found, entities=[each for each in found.entities if each.id not in ghosts])


def _there(work: Work, found: Found, own: Written | None, ghosts: set[str]) -> Flow[Found]:
    """What a listing shows as it is now. What is gone or renamed since joins the ghosts; what we made is known."""
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


def _appeared(work: Work, found: Found, error: OfferLibraryError) -> Flow[Written]:
    """The name was free before a POST without an answer and is taken now, by an offer that says something else.

    Perhaps somebody was faster, perhaps the service respelled ours; another POST would make a twin either way.
    """
    if work.creation.if_exists == "fail":
        ids = [entity.id for entity in found.entities]
        raise OutcomeUnknownError(
            f"The {work.creation.kind.noun} {work.creation.name!r} was posted without an answer ({error}), and "
            f"{_listed(ids)} of that name has appeared with other content; look whether it is the one"
        ) from error
    return (yield from _existing(work, found))


def _written(entity: Entity, action: str, withdrawn: tuple[str, ...] = ()) -> Written:
    receipt = Receipt(entity.id, entity.instance_id, entity.etag, entity.created, entity.modified)
    return Written(receipt, action, entity.name, withdrawn=withdrawn)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _listed(ids: Sequence[str]) -> str:
    return ", ".join(ids[:5]) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")
