"""Creating an object once: a lookup of its name, one POST, and another lookup if the answer is lost."""

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
from airflow_provider_offers.client.flows.ahead import Alone, look_ahead
from airflow_provider_offers.client.flows.deleting import delete
from airflow_provider_offers.client.flows.editing import edit
from airflow_provider_offers.client.flows.judging import conflict
from airflow_provider_offers.client.flows.looking import look_for
from airflow_provider_offers.client.flows.memory import Earlier
from airflow_provider_offers.client.flows.ownership import Creation, Work, age, moment
from airflow_provider_offers.client.flows.reading import Found, find_there, read_now
from airflow_provider_offers.client.model.differences import difference, readable, what_differs
from airflow_provider_offers.client.model.entities import Entity, Reference, Written
from airflow_provider_offers.client.model.operations import Patch
from airflow_provider_offers.client.model.respelling import is_respelling
from airflow_provider_offers.client.wire.messages import HELD_UP, Answer, Ask, Call, Flow, Note
from airflow_provider_offers.client.wire.retry import Tries

# How many differences an error names.
_MOST_TOLD = 5


def create(access: Access, creation: Creation, posted: list[datetime] | None = None) -> Flow[Written]:
    """Create the object, unless it exists.

    Calls a lookup by name, then `POST /{container}/instances` (xcore) or `POST` to the path of the kind (dps; Adobe:
    create an offer), then the lookup again until it shows the new object. Listings lag, so every object that a lookup
    shows is read before anything depends on it. An object that was deleted or renamed since does not count.

    If the answer to the POST is lost, late, cut or a 5xx, the lookups go on for twice the `patience`: the service may
    commit the POST late, and then a listing may lag. The POST is sent again only after that.

    If two tasks create the same object at once, both may have posted. The task that finds an older object of the name
    deletes its own and treats the older one as if it had existed before. If one work created several, the oldest stays.

    Raises `AlreadyExistsError` (with `if_exists="fail"`), `AmbiguousNameError` if several objects have the name, and
    `OutcomeUnknownError` if the retries end and the outcome is still not known. `posted` gets the time of each POST.
    """
    wanted = access.generation.as_read(creation.properties, creation.kind)
    work = Work(access, creation, wanted, [] if posted is None else posted)
    earlier = creation.earlier
    if earlier is not None and earlier.id is not None:
        made = yield from _still_there(work, earlier.id)
        if made is not None:
            return (yield from _recalled(work, made, earlier))
    if (again := (yield from _found_again(work))) is not None:
        return (yield from _accepted(work, again))
    found = yield from find_there(access, creation.kind, creation.name)
    if earlier is not None:
        # The object of an earlier try may take as long to show up as one of this try. The first object that shows up
        # may be another worker's.
        left = _left(work, earlier)
        if not found.entities or (earlier.settled is not None and left > 0):
            whole = earlier.settled is not None
            found = yield from look_for(work, "an earlier try may have posted it", left, whole=whole)
    if found.entities:
        return (yield from _existing(work, found))
    return (yield from _post(work))


def _found_again(work: Work) -> Flow[Entity | None]:
    """The existing object that an earlier try used, if the list still finds it by its id, with its name."""
    reference, ahead = work.creation.found_before, work.access.ahead
    if reference is None:
        return None
    yield from look_ahead(ahead, reference)
    there = ahead.peek(reference)
    return there if there is not None and there.name == work.creation.name else None


def _still_there(work: Work, identifier: str) -> Flow[Entity | None]:
    """The object that an earlier try created, by the id in its receipt; None if it was deleted since."""
    return (yield from _now(work, Reference(work.creation.kind, id=identifier)))


def _recalled(work: Work, made: Entity, earlier: Earlier) -> Flow[Written]:
    """Take over the object of an earlier try's receipt, after a check that it is the only one of its name."""
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


def _left(work: Work, earlier: Earlier) -> float:
    """Seconds until listings show everything that earlier tries posted."""
    if earlier.settled is None:
        return work.creation.doubt
    left = (earlier.settled - work.access.exchange.now()).total_seconds()
    return max(left, 0.0)


def _taken_up(work: Work, ours: Sequence[Entity], action: str = "adopted") -> Flow[Written]:
    """Keep the oldest of the objects that this work created, and delete the others, its twins."""
    keeper, *twins = ours
    gone = yield from _withdraw_twins(work, keeper.id, keeper, twins)
    if work.creation.if_exists == "update" and action == "adopted":
        return replace((yield from _updated(work, keeper)), withdrawn=gone)
    return Written.of(keeper, action, gone)


def _existing(work: Work, found: Found) -> Flow[Written]:
    """Take up the objects of the name if this work created them. Otherwise, do as `if_exists` says."""
    creation = work.creation
    earlier = yield from work.earlier(found)
    ours = work.by_earlier_try(found, earlier)
    if ours and earlier is not None and earlier.changed and creation.if_exists != "update" and work.differs(ours[0]):
        raise _changed_wish(work, ours[0])
    if ours:
        return (yield from _taken_up(work, ours))
    ids = [entity.id for entity in found.entities]
    if creation.if_exists == "fail":
        raise AlreadyExistsError(
            f"A {creation.kind.noun} named {creation.name!r} already exists in the sandbox "
            f"{work.access.exchange.settings.sandbox!r} ({_listed(ids)}), and this run did not create it"
            f"{_differences_told(work, found.entities[0])}; choose if_exists='adopt', 'update' or 'skip' to accept it",
            ids=ids,
        )
    if len(found.entities) > 1:
        raise AmbiguousNameError(
            f"{len(ids)} {creation.kind.noun}s are named {creation.name!r} ({_listed(ids)}); "
            f"if_exists={creation.if_exists!r} needs a unique name",
            ids=ids,
        )
    return (yield from _accepted(work, found.entities[0]))


def _accepted(work: Work, entity: Entity) -> Flow[Written]:
    """Use the existing object of somebody else as `if_exists` says."""
    creation = work.creation
    if creation.if_exists == "adopt":
        if differs := what_differs(work.differs(entity), entity.properties):
            yield Note(f"{creation.name!r} is adopted unchanged, although it differs from the document: {differs}")
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


def _post(work: Work) -> Flow[Written]:
    """Create the object, whose name is free. After a lost answer, post it again only if no listing shows it in time."""
    access, creation = work.access, work.creation
    exchange = access.exchange
    call = access.generation.create(creation.kind, creation.properties)
    access.ahead.posting(creation.kind, creation.name)
    yield from work.prepare_to_post()
    tries, began = Tries(exchange.retries, exchange.clock), exchange.now()
    while True:
        try:
            answer = yield from _sent(work, call, posted_before=tries.failed > 0)
            receipt = access.generation.receipt(answer)
        except OutcomeUnknownError:
            # A later try has begun; this POST was not sent.
            raise
        except OfferLibraryError as error:
            if error.verdict.settled:
                # If the kind has unique names, this very POST may have taken the name: a gateway may have sent it
                # twice.
                if tries.failed == 0 and not creation.kind.unique_name:
                    yield from work.has_posted(None)
                raise
            # Wait the whole time: the first object that shows up may be another worker's, with ours as its twin.
            why = f"it was posted without an answer ({error})"
            found = yield from look_for(work, why, creation.doubt, whole=True)
            made = work.by_this_try(found.entities)
            if made:
                _refuse_strangers(work, made[0], found)
                return (yield from _taken_up(work, made, "created"))
            if found.entities:
                return (yield from _appeared(work, found, error))
            # Nothing appeared in time. The client knows of no committed POST, so it may post again.
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


def _sent(work: Work, call: Call, *, posted_before: bool) -> Flow[Answer]:
    """The answer to the POST. Raises `OutcomeUnknownError`, and sends nothing, if a later try of the task has begun.

    Then this try seemed dead, for example because it froze, and nobody would look for its object.
    """
    access, creation, held_up = work.access, work.creation, False
    while True:
        yield from work.about_to_post()
        asked = access.exchange.clock()
        if (yield from work.is_over()):
            if not posted_before:
                yield from work.has_posted(None)
            raise OutcomeUnknownError(
                f"A later try of this task has begun, and creates the {creation.kind.noun} {creation.name!r}; this try "
                "was given up, and posts nothing more"
            )
        # A throttle may hold up a POST for long. The second time, there is no limit, so that it is sent in the end.
        send_by = None if held_up else work.send_by(asked)
        answer: Answer = yield from access.send(replace(call, send_by=send_by), accept=(HELD_UP.status,))
        held_up = answer.response.status == HELD_UP.status
        if not held_up:
            return answer
        work.posted.pop()


def _settled(
    work: Work, made: Written, began: datetime, *, posted_before: bool = False, left: float | None = None
) -> Flow[Written]:
    """Look for other objects of the name after our own exists; of those that were created at once, the oldest stays.

    `began` is when the first POST of this work began, and `left` the number of seconds that are left to wait.
    """
    receipt, exchange = made.receipt, work.access.exchange
    ended, asked = exchange.now(), exchange.clock()
    if left is None and not posted_before and (yield from _is_alone(work, made)):
        return made
    why = f"it was created as {receipt.id}, and may not be the only one of its name"
    seconds = max(0.0, work.creation.patience - (exchange.clock() - asked)) if left is None else left
    found = yield from look_for(work, why, seconds, own=made, whole=posted_before)
    ours = next((each for each in found.entities if each.id == receipt.id), None)
    if ours is None:
        yield from _expect_name(work, made)
    ranked = age(ours) if ours is not None else (moment(receipt.created), receipt.id)
    others = [each for each in found.entities if each.id != receipt.id]
    older = [each for each in others if age(each) < ranked]
    repeated = work.by_this_post(others, began, ended, found)
    if not older:
        # An earlier POST may have been committed later than the client waits.
        may_be_twins = posted_before or (work.creation.earlier is not None and left is None)
        twins = work.by_this_try(others) if may_be_twins else [each for each in repeated if work.is_spare(each, ours)]
        gone = yield from _withdraw_twins(work, receipt.id, ours, twins)
        return replace(made, withdrawn=gone)
    own = Reference(work.creation.kind, id=receipt.id, instance_id=receipt.instance_id)
    yield from _withdraw(work, older[0].id, own)
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


def _is_alone(work: Work, made: Written) -> Flow[bool]:
    """Whether a listing for the whole list shows the new object as the only one of its name."""
    creation = work.creation
    if not work.access.ahead.is_on or creation.earlier is not None:
        return False
    return bool((yield Ask(Alone(creation.kind, creation.name, made.receipt.id, creation.patience))))


def _is_known(work: Work, found: Found) -> Flow[bool]:
    """Whether another try of the task has a note that it created one of these objects."""
    earlier = yield from work.earlier(found)
    return earlier is not None and bool(work.by_earlier_try(found, earlier))


def _expect_name(work: Work, made: Written) -> Flow[None]:
    """Check the name of a new object that no listing shows yet: a listing may lag, or the service changed the name."""
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
        "so later runs would not find it; use the service's name in the document",
        retryable=False,
    )


def _refuse_strangers(work: Work, made: Entity, found: Found) -> None:
    """After a lost answer: an older object of the name, which is not ours, existed before our POST."""
    older = [each.id for each in found.entities if age(each) < age(made)]
    if older:
        raise AmbiguousNameError(
            f"The {work.creation.kind.noun} {work.creation.name!r} was created as {made.id}, but {_listed(older)} has "
            "the same name, is older, and is not from this run; delete the one that you do not want",
            ids=[made.id, *older],
        )


def _withdraw_twins(work: Work, kept: str, keeper: Entity | None, twins: Sequence[Entity]) -> Flow[tuple[str, ...]]:
    """Delete the twins of the object with the id `kept`, which a listing shows as `keeper`, or not at all.

    A twin that may be somebody else's stays, and the error names it.
    """
    for twin in twins:
        now = yield from _now(work, twin.reference)
        if now is None:
            continue
        if not work.is_spare(now, keeper):
            raise _two(work, kept, twin.id, "is not certainly a twin of it")
        yield from _withdraw(work, kept, twin.reference)
    return tuple(twin.id for twin in twins)


def _now(work: Work, reference: Reference) -> Flow[Entity | None]:
    """The current state of an object; None if it was deleted."""
    try:
        return (yield from read_now(work.access, reference))
    except NotFoundError:
        return None


def _withdraw(work: Work, kept: str, twin: Reference) -> Flow[None]:
    """Delete a duplicate of `kept`."""
    try:
        yield from delete(work.access, twin, missing_ok=True)
    except OfferLibraryError as error:
        # The next run finds both, and tries again.
        raise _two(work, kept, str(twin), f"could not be deleted ({error})", retryable=error.retryable) from error


def _two(work: Work, kept: str, twin: str, why: str, *, retryable: bool = False) -> AmbiguousNameError:
    creation = work.creation
    return AmbiguousNameError(
        f"The {creation.kind.noun} {creation.name!r} was made twice, by two tasks at once or by a request whose answer "
        f"was lost: {kept} stays, and {twin} {why}; delete the one that you do not want",
        ids=[kept, twin],
        retryable=retryable,
    )


def _appeared(work: Work, found: Found, error: OfferLibraryError) -> Flow[Written]:
    """The name was free before a POST without an answer. Now an object with other content has it.

    Another task was faster, or the service changed our document. A second POST would create a twin in both cases.
    """
    if work.creation.if_exists == "fail":
        ids = [entity.id for entity in found.entities]
        raise OutcomeUnknownError(
            f"The {work.creation.kind.noun} {work.creation.name!r} was posted without an answer ({error}), and "
            f"{_listed(ids)} of that name appeared with other content; check whether it is the one that you want"
        ) from error
    return (yield from _existing(work, found))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _listed(ids: Sequence[str]) -> str:
    return ", ".join(ids[:5]) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")
