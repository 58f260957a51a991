"""Creating an object once: a lookup of its name, one POST, and another lookup if the answer is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from airflow_provider_offers.client.errors import (
    AmbiguousNameError,
    OfferLibraryError,
    OutcomeUnknownError,
)
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.ahead import look_ahead
from airflow_provider_offers.client.flows.duplicates import now_there
from airflow_provider_offers.client.flows.existing import accepted, adopted, existing, taken_up
from airflow_provider_offers.client.flows.looking import look_for
from airflow_provider_offers.client.flows.memory import Earlier
from airflow_provider_offers.client.flows.ownership import Creation, Work, age
from airflow_provider_offers.client.flows.reading import Found, find_there
from airflow_provider_offers.client.flows.settling import refuse_respelled, settled
from airflow_provider_offers.client.model.entities import Entity, Reference, Written
from airflow_provider_offers.client.text import listed
from airflow_provider_offers.client.wire.messages import HELD_UP, Answer, Call, Flow
from airflow_provider_offers.client.wire.retry import Tries


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
        made = yield from now_there(work, Reference(creation.kind, id=earlier.id))
        if made is not None:
            return (yield from _recalled(work, made, earlier))
    if (again := (yield from _found_again(work))) is not None:
        return (yield from accepted(work, again))
    found = yield from find_there(access, creation.kind, creation.name)
    if earlier is not None:
        # The object of an earlier try may take as long to show up as one of this try. The first object that shows up
        # may be another worker's.
        left = _left(work, earlier)
        if not found.entities or (earlier.settled is not None and left > 0):
            whole = earlier.settled is not None
            found = yield from look_for(work, "an earlier try may have posted it", left, whole=whole)
    if found.entities:
        return (yield from existing(work, found))
    return (yield from _post(work))


def _found_again(work: Work) -> Flow[Entity | None]:
    """The existing object that an earlier try used, if the list still finds it by its id, with its name."""
    reference, ahead = work.creation.found_before, work.access.ahead
    if reference is None:
        return None
    yield from look_ahead(ahead, reference)
    there = ahead.peek(reference)
    return there if there is not None and there.name == work.creation.name else None


def _recalled(work: Work, made: Entity, earlier: Earlier) -> Flow[Written]:
    """Take over the object of an earlier try's receipt, after a check that it is the only one of its name."""
    gone: tuple[str, ...] = ()
    if not earlier.alone:
        # That try ended between its POST and its look for others.
        written = yield from settled(work, Written.of(made, "adopted"), earlier.since, left=_left(work, earlier))
        if written.receipt.id != made.id:
            return written
        gone = written.withdrawn
    refuse_respelled(work, made)
    return (yield from adopted(work, made, earlier, gone))


def _left(work: Work, earlier: Earlier) -> float:
    """Seconds until listings show everything that earlier tries posted."""
    if earlier.settled is None:
        return work.creation.doubt
    left = (earlier.settled - work.access.exchange.now()).total_seconds()
    return max(left, 0.0)


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
                return (yield from taken_up(work, made, "created"))
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
            return (yield from settled(work, made_by_receipt, began, posted_before=tries.failed > 0))


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


def _refuse_strangers(work: Work, made: Entity, found: Found) -> None:
    """After a lost answer: an older object of the name, which is not ours, existed before our POST."""
    older = [each.id for each in found.entities if age(each) < age(made)]
    if older:
        raise AmbiguousNameError(
            f"The {work.creation.kind.noun} {work.creation.name!r} was created as {made.id}, but {listed(older)} has "
            "the same name, is older, and is not from this run; delete the one that you do not want",
            ids=[made.id, *older],
        )


def _appeared(work: Work, found: Found, error: OfferLibraryError) -> Flow[Written]:
    """The name was free before a POST without an answer. Now an object with other content has it.

    Another task was faster, or the service changed our document. A second POST would create a twin in both cases.
    """
    if work.creation.if_exists == "fail":
        ids = [entity.id for entity in found.entities]
        raise OutcomeUnknownError(
            f"The {work.creation.kind.noun} {work.creation.name!r} was posted without an answer ({error}), and "
            f"{listed(ids)} of that name appeared with other content; check whether it is the one that you want"
        ) from error
    return (yield from existing(work, found))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
