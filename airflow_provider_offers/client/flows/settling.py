"""After a creation: is the object the only one of its name? Of several that were created at once, the oldest stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from airflow_provider_offers.client.errors import OutcomeUnknownError
from airflow_provider_offers.client.flows.ahead import Alone
from airflow_provider_offers.client.flows.duplicates import now_there, withdraw, withdraw_twins
from airflow_provider_offers.client.flows.existing import existing, taken_up
from airflow_provider_offers.client.flows.looking import look_for
from airflow_provider_offers.client.flows.ownership import Work, age, moment
from airflow_provider_offers.client.flows.reading import Found
from airflow_provider_offers.client.model.entities import Entity, Reference, Written
from airflow_provider_offers.client.model.respelling import is_respelling
from airflow_provider_offers.client.wire.messages import Ask, Flow


def settled(
    work: Work, made: Written, began: datetime, *, posted_before: bool = False, left: float | None = None
) -> Flow[Written]:
    """Look for other objects of the name after our own exists; of those that were created at once, the oldest stays.

    `began` is when the first POST of this work began. `posted_before` says that an earlier POST had no answer. `left`
    is the number of seconds that are left to wait, if an earlier try created our object.
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
    rank = age(ours) if ours is not None else (moment(receipt.created), receipt.id)
    others = [each for each in found.entities if each.id != receipt.id]
    older = sorted((each for each in others if age(each) < rank), key=age)
    repeated = work.by_this_post(others, began, ended, found)
    if older:
        return (yield from _given_up_for(work, made, older, found, None if posted_before else repeated))
    if posted_before or (work.creation.earlier is not None and left is None):
        # An earlier POST may have been committed later than the client waits.
        twins = work.by_this_try(others)
    else:
        twins = [each for each in repeated if work.is_spare(each, ours)]
    gone = yield from withdraw_twins(work, receipt.id, ours, twins)
    return replace(made, withdrawn=gone)


def _given_up_for(
    work: Work, made: Written, older: list[Entity], found: Found, repeated: list[Entity] | None
) -> Flow[Written]:
    """Delete our object, and use the older ones: as created by this work, or else as if they had existed before.

    `repeated` are the objects that the only POST of this work may have made, if a gateway sent it twice; None if this
    work posted more than once.
    """
    receipt = made.receipt
    own = Reference(work.creation.kind, id=receipt.id, instance_id=receipt.instance_id)
    yield from withdraw(work, older[0].id, own)
    if mine := (yield from _made_by_us(work, older, found, repeated)):
        written: Written = yield from taken_up(work, mine, "created")
    else:
        # Of several equal offers that were posted at once, only the oldest stays; each task withdraws its own.
        alike = len(work.by_this_try(older)) == len(older)
        written = yield from existing(work, Found(older[:1] if alike else older, found.skew))
    return replace(written, withdrawn=(receipt.id, *written.withdrawn))


def _made_by_us(work: Work, older: list[Entity], found: Found, repeated: list[Entity] | None) -> Flow[list[Entity]]:
    """Those of the older objects that this work posted itself."""
    if repeated is None:
        return work.by_this_try(older)
    if all(each in repeated for each in older) and not (yield from _is_known(work, found)):
        return older
    return []


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
    now = yield from now_there(work, Reference(work.creation.kind, id=receipt.id, instance_id=receipt.instance_id))
    if now is not None:
        refuse_respelled(work, now)


def refuse_respelled(work: Work, now: Entity) -> None:
    """Raise `OutcomeUnknownError` if the service spells the name of our object in another way."""
    creation = work.creation
    if now.name == creation.name or not is_respelling(str(now.name), creation.name):
        return
    raise OutcomeUnknownError(
        f"The {creation.kind.noun} {creation.name!r} was created as {now.id}, but the service calls it {now.name!r}, "
        "so later runs would not find it; use the service's name in the document",
        retryable=False,
    )
