"""Creating an offer once: a lookup of its name, one POST, and another lookup if the answer is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from airflow_provider_offers.client.errors import (
    AlreadyExistsError,
    AmbiguousNameError,
    ConflictError,
    NotFoundError,
    OfferLibraryError,
    OutcomeUnknownError,
)
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.deleting import delete
from airflow_provider_offers.client.flows.editing import edit
from airflow_provider_offers.client.flows.looking import look_for
from airflow_provider_offers.client.flows.memory import Earlier
from airflow_provider_offers.client.flows.ownership import Creation, Work, age, moment
from airflow_provider_offers.client.flows.reading import Found, find_there, read_now
from airflow_provider_offers.client.model.differences import difference, readable, what_differs
from airflow_provider_offers.client.model.entities import Entity, Reference, Written
from airflow_provider_offers.client.model.operations import Patch
from airflow_provider_offers.client.model.respelling import is_respelling
from airflow_provider_offers.client.wire.messages import Flow, Note
from airflow_provider_offers.client.wire.retry import Tries, is_unsettled

__all__ = ["IF_EXISTS", "Creation", "Earlier", "create"]

IF_EXISTS = ("adopt", "update", "skip", "fail")

# How many members an error names in which two objects differ.
_MOST_TOLD = 5


def create(access: Access, creation: Creation, posted: list[datetime] | None = None) -> Flow[Written]:
    """Create the offer, unless it exists.

    Calls a lookup by name, then `POST /{container}/instances` (xcore) or `POST /offers` (dps; Adobe: create an
    offer), then the lookup again until the new offer is in it. An answer that is lost, late, cut or a 5xx is followed
    by lookups until all that the POST may have done would show: for twice the `patience`, since a commit may come late
    and a listing may lag. Only then is the POST sent again. A lookup lags, so that
    what it shows is read before anything rests on it: what is gone or renamed since is not there.

    If two tasks do this at once, both may have posted: the task that finds an older offer of the name withdraws
    (deletes) its own, and treats the older one as if it had existed before. Of several that one work made, the oldest
    stays.

    Raises `AlreadyExistsError` (`fail`), `AmbiguousNameError` where several offers have the name, and
    `OutcomeUnknownError` where the retries end without certainty. The moments of its POSTs are added to `posted`.
    """
    wanted = access.generation.as_read(creation.properties, creation.kind)
    work = Work(access, creation, wanted, [] if posted is None else posted)
    earlier = creation.earlier
    if earlier is not None and earlier.id is not None:
        made = yield from _still_there(work, earlier.id)
        if made is not None:
            return (yield from _recalled(work, made, earlier))
    found = yield from find_there(access, creation.kind, creation.name)
    if earlier is not None:
        # What an earlier try made may take as long to show up as what this one makes, and what shows up first may be
        # what another worker made.
        left = _left(work, earlier)
        if not found.entities or (earlier.settled is not None and left > 0):
            whole = earlier.settled is not None
            found = yield from look_for(work, "an earlier try may have posted it", left, whole=whole)
    if found.entities:
        return (yield from _existing(work, found))
    return (yield from _post(work))


def _still_there(work: Work, identifier: str) -> Flow[Entity | None]:
    """What an earlier try made by its receipt, unless it was deleted since."""
    return (yield from _now(work, Reference(work.creation.kind, id=identifier)))


def _recalled(work: Work, made: Entity, earlier: Earlier) -> Flow[Written]:
    """What an earlier try of the task made by its receipt, once it is the only one of its name."""
    gone: tuple[str, ...] = ()
    if not earlier.alone:
        # That try ended between its POST and its look for others.
        settled = yield from _settled(work, Written.of(made, "adopted"), earlier.since, left=_left(work, earlier))
        if settled.receipt.id != made.id:
            return settled
        gone = settled.withdrawn
    _refuse_respelled(work, made)
    return (yield from _adopted(work, made, earlier, gone))


def _adopted(work: Work, made: Entity, earlier: Earlier, gone: tuple[str, ...]) -> Flow[Written]:
    """What an earlier try made, as it is; what the task has come to want since is applied or refused."""
    if work.creation.if_exists == "update":
        return replace((yield from _updated(work, made)), withdrawn=gone)
    if not work.is_still_ours(made, earlier):
        raise _wanted_otherwise(work, made)
    return Written.of(made, "adopted", gone)


def _wanted_otherwise(work: Work, made: Entity) -> AlreadyExistsError:
    creation = work.creation
    differs = what_differs(work.differs(made), made.properties) or "it is archived"
    return AlreadyExistsError(
        f"An earlier try of this task made the {creation.kind.noun} {creation.name!r} as {made.id}, and by now it says "
        f"something else than the task does, or is archived: {differs}; if_exists='update' patches what differs, and "
        "where it is deleted it is made anew",
        ids=[made.id],
    )


def _left(work: Work, earlier: Earlier) -> float:
    """Seconds until everything that earlier tries posted shows up."""
    if earlier.settled is None:
        return work.creation.doubt
    left = (earlier.settled - work.access.exchange.now()).total_seconds()
    return max(left, 0.0)


def _taken_up(work: Work, ours: Sequence[Entity], action: str = "adopted") -> Flow[Written]:
    """Take what this work made before: the oldest; the others are its twins and go."""
    keeper, *twins = ours
    gone = yield from _withdraw_twins(work, keeper, twins)
    if work.creation.if_exists == "update" and action == "adopted":
        return replace((yield from _updated(work, keeper)), withdrawn=gone)
    return Written.of(keeper, action, gone)


def _existing(work: Work, found: Found) -> Flow[Written]:
    creation = work.creation
    earlier = yield from work.earlier(found)
    ours = work.by_earlier_try(found, earlier)
    if ours and earlier is not None and earlier.changed and creation.if_exists != "update" and work.differs(ours[0]):
        raise _wanted_otherwise(work, ours[0])
    if ours:
        return (yield from _taken_up(work, ours))
    ids = [entity.id for entity in found.entities]
    if creation.if_exists == "fail":
        raise AlreadyExistsError(
            f"A {creation.kind.noun} named {creation.name!r} is in the sandbox "
            f"{work.access.exchange.settings.sandbox!r} already ({_listed(ids)}), and this run did not make it"
            f"{_told_apart(work, found.entities[0])}; if_exists='adopt', 'update' or 'skip' says what to do with it",
            ids=ids,
        )
    if len(found.entities) > 1:
        raise AmbiguousNameError(
            f"{len(ids)} {creation.kind.noun}s are named {creation.name!r} ({_listed(ids)}); "
            f"if_exists={creation.if_exists!r} needs a unique name",
            ids=ids,
        )
    entity = found.entities[0]
    if creation.if_exists == "adopt":
        if differs := what_differs(work.differs(entity), entity.properties):
            yield Note(f"{creation.name!r} is adopted as it is, and not as this task has it: {differs}")
        return Written.of(entity, "adopted")
    if creation.if_exists == "skip":
        return Written.of(entity, "skipped")
    return (yield from _updated(work, entity))


def _told_apart(work: Work, there: Entity) -> str:
    """How somebody else's object differs from what the task wants, as the middle of a sentence."""
    differs = work.differs(there)
    if not differs:
        return ", though it says the same"
    more = f", and {len(differs) - _MOST_TOLD} more" if len(differs) > _MOST_TOLD else ""
    return f"; it differs: {what_differs(differs[:_MOST_TOLD], there.properties)}{more}"


def _updated(work: Work, entity: Entity) -> Flow[Written]:
    """Make the offer what is wanted, from what it is now: the listing that showed it may lag behind."""

    def plan(now: Entity) -> Flow[Patch]:
        yield from ()
        kind = work.creation.kind
        if now.name != entity.name:
            raise _renamed(work, entity, now)
        return difference(now.properties, readable(kind, work.wanted, now.properties), kind)

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
        detail=f"{now.id} was named {entity.name!r} a moment ago and is {now.name!r} now; a retry looks again",
        refused=False,
    )


def _post(work: Work) -> Flow[Written]:
    access, creation = work.access, work.creation
    exchange = access.exchange
    call = access.generation.create(creation.kind, creation.properties)
    tries, began = Tries(exchange.retries, exchange.clock), exchange.now()
    while True:
        yield from work.about_to_post()
        try:
            answer = yield from access.send(call)
            receipt = access.generation.receipt(creation.kind, answer)
        except OfferLibraryError as error:
            if not is_unsettled(error):
                # A name that is taken may be so by this very POST, which a gateway repeated.
                if tries.failed == 0 and not creation.kind.unique_name:
                    yield from work.has_posted(None)
                raise
            # To the end: what shows up first may be what another worker made, and ours its twin.
            why = f"it was posted without an answer ({error})"
            found = yield from look_for(work, why, creation.doubt, whole=True)
            made = work.by_this_try(found.entities)
            if made:
                _refuse_strangers(work, made[0], found)
                return (yield from _taken_up(work, made, "created"))
            if found.entities:
                return (yield from _appeared(work, found, error))
            # Nothing has shown up in time, so that another POST is the first as far as can be known.
            pause = tries.pause(error, repeatable=True)
            if pause is None:
                raise OutcomeUnknownError(
                    f"The {creation.kind.noun} {creation.name!r} was posted {_times(tries.failed + 1)} and "
                    f"has not shown up within {creation.doubt:g} s of the last: {error}"
                ) from error
            yield pause
        else:
            yield from work.has_posted(receipt)
            made_by_receipt = Written(receipt, "created", creation.name, answer.request_id)
            return (yield from _settled(work, made_by_receipt, began, posted_before=tries.failed > 0))


def _settled(
    work: Work, made: Written, began: datetime, *, posted_before: bool = False, left: float | None = None
) -> Flow[Written]:
    """Look for others of the name, now that our own is there: of those made at once, only the oldest stays.

    `began` is when the first POST of this work began, and `left` how many seconds are left of the patience.
    """
    receipt, ended = made.receipt, work.access.exchange.now()
    why = f"it was created as {receipt.id}, and may not be the only one of its name"
    seconds = work.creation.patience if left is None else left
    found = yield from look_for(work, why, seconds, own=made, whole=posted_before)
    ours = next((each for each in found.entities if each.id == receipt.id), None)
    if ours is None:
        yield from _expect_name(work, made)
    ranked = age(ours) if ours is not None else (moment(receipt.created), receipt.id)
    others = [each for each in found.entities if each.id != receipt.id]
    older = [each for each in others if age(each) < ranked]
    repeated = work.by_this_post(others, began, ended, found)
    if not older:
        # An earlier POST may have come through after all, later than anybody would wait for it.
        may_be_twins = posted_before or (work.creation.earlier is not None and left is None)
        twins = work.by_this_try(others) if may_be_twins else [each for each in repeated if work.is_spare(each, ours)]
        gone = yield from _withdraw_twins(work, ours, twins, kept=receipt.id)
        return replace(made, withdrawn=gone)
    own = Reference(work.creation.kind, id=receipt.id, instance_id=receipt.instance_id)
    yield from _withdraw(work, older[0].id, [own])
    older.sort(key=age)
    if posted_before:
        repeated = work.by_this_try(older)
    elif not all(each in repeated for each in older) or (yield from _is_known(work, found)):
        repeated = []
    if twins := [each for each in repeated if each in older]:
        written: Written = yield from _taken_up(work, twins, "created")
    else:
        # Of several equal offers that were posted at once, only the oldest stays; each task withdraws its own.
        alike = len(work.by_this_try(older)) == len(older)
        written = yield from _existing(work, Found(older[:1] if alike else older, found.skew))
    return replace(written, withdrawn=(receipt.id, *written.withdrawn))


def _is_known(work: Work, found: Found) -> Flow[bool]:
    """Whether another try of the task is on record as having made one of these."""
    earlier = yield from work.earlier(found)
    return earlier is not None and bool(work.by_earlier_try(found, earlier))


def _expect_name(work: Work, made: Written) -> Flow[None]:
    """What was made does not show under its name: the listing lags, or the service has given it another."""
    receipt = made.receipt
    now = yield from _now(work, Reference(work.creation.kind, id=receipt.id, instance_id=receipt.instance_id))
    if now is not None:
        _refuse_respelled(work, now)


def _refuse_respelled(work: Work, now: Entity) -> None:
    creation = work.creation
    if now.name == creation.name or not is_respelling(str(now.name), creation.name):
        return
    raise OutcomeUnknownError(
        f"The {creation.kind.noun} {creation.name!r} was created as {now.id}, but the service calls it {now.name!r}, "
        "so that no later run would find it; give it the name that the service gives it",
        retryable=False,
    )


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
            # The next run finds both, and tries again.
            raise _two(work, kept, str(twin), f"could not be deleted ({error})", retryable=error.retryable) from error


def _two(work: Work, kept: str, twin: str, why: str, *, retryable: bool = False) -> AmbiguousNameError:
    creation = work.creation
    return AmbiguousNameError(
        f"The {creation.kind.noun} {creation.name!r} was made twice, by two at once or by a request that was thought "
        f"lost: {kept} stays, and {twin} {why}; delete the one that is not wanted",
        ids=[kept, twin],
        retryable=retryable,
    )


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


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _listed(ids: Sequence[str]) -> str:
    return ", ".join(ids[:5]) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")
