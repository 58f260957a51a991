"""Creating an offer once: by its name first, by one POST, and by a look at the library when the answer is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from airflow_provider_offers.client.entities import Entity, Receipt
from airflow_provider_offers.client.errors import (
    AlreadyExistsError,
    AmbiguousNameError,
    OfferLibraryError,
    OutcomeUnknownError,
)
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.reading import Found, find_by_name
from airflow_provider_offers.client.flows.writing import Written, patch
from airflow_provider_offers.client.instants import parse_instant
from airflow_provider_offers.client.kinds import Kind
from airflow_provider_offers.client.patches import difference
from airflow_provider_offers.client.retry import is_unsettled
from airflow_provider_offers.client.sameness import EMPTY, dropped, says
from airflow_provider_offers.client.wire import Flow, Json, Pause

IF_EXISTS = ("adopt", "update", "skip", "fail")

# HTTP dates count whole seconds, so a clock read from one is up to a second behind.
_CLOCK_GRAIN = timedelta(seconds=2)
_FIRST_LOOK = 0.25


@dataclass(frozen=True, slots=True)
class Creation:
    """What is to be created, and how to treat what is there already.

    `since` is the earliest moment at which an earlier try of the same work can have made the offer: one of the same
    name and content that is not older is ours. `patience` is how many seconds after a lost answer an offer may take
    to show up in a listing.
    """

    kind: Kind
    properties: Mapping[str, Json]
    if_exists: str = "fail"
    since: datetime | None = None
    patience: float = 10.0


def create(access: Access, creation: Creation) -> Flow[Written]:
    """Create the offer, unless it is there.

    Calls a lookup by name, then `POST /{container}/instances` (xcore) or `POST /offers` (dps; Adobe: create an
    offer). An answer that is lost, late, cut or a 5xx is followed by lookups until the offer shows up or `patience`
    is over; only then is the POST sent again.

    Raises `AlreadyExistsError` (`fail`), `AmbiguousNameError` where several offers have the name, and
    `OutcomeUnknownError` where the retries end without certainty.
    """
    wanted = access.generation.as_read(creation.properties)
    found = yield from find_by_name(access, creation.kind, creation.properties["name"])
    if not found.entities and creation.since is not None:
        # What an earlier try made may take as long to show up as what this one makes.
        found = yield from _look(access, creation, wanted, "an earlier try of this task may have posted it")
    if found.entities:
        return (yield from _existing(access, creation, wanted, found))
    return (yield from _post(access, creation, wanted))


def _existing(access: Access, creation: Creation, wanted: Mapping[str, Json], found: Found) -> Flow[Written]:
    ours = [entity for entity in found.entities if _is_ours(access, creation, wanted, entity, found.skew)]
    if ours:
        return _written(ours[0], "adopted")
    ids = [entity.id for entity in found.entities]
    if creation.if_exists == "fail":
        raise AlreadyExistsError(
            f"A {creation.kind.noun} named {creation.properties['name']!r} is in the sandbox "
            f"{access.exchange.settings.sandbox!r} already ({_listed(ids)}), and this run did not make it; "
            "if_exists='adopt', 'update' or 'skip' says what to do with it",
            ids=ids,
        )
    if len(found.entities) > 1:
        raise AmbiguousNameError(
            f"{len(ids)} {creation.kind.noun}s are named {creation.properties['name']!r} ({_listed(ids)}), so that "
            f"if_exists={creation.if_exists!r} cannot tell which is meant",
            ids=ids,
        )
    entity = found.entities[0]
    if creation.if_exists == "adopt":
        return _written(entity, "adopted")
    if creation.if_exists == "skip":
        return _written(entity, "skipped")
    changes = difference(entity.properties, _kept(creation.kind, wanted, entity.properties))
    if not changes:
        return _written(entity, "unchanged")
    written = yield from patch(access, entity.reference, changes, if_match=entity.etag)
    return Written(written.receipt, "updated", entity.name, written.request_id)


def _kept(kind: Kind, wanted: Mapping[str, Json], current: Mapping[str, Json]) -> dict[str, Json]:
    """What a read can show: a fallback loses its window and rank, and what is empty may not come back at all."""
    return {
        name: value
        for name, value in wanted.items()
        if name not in dropped(kind) and not (value in EMPTY and current.get(name) in EMPTY)
    }


def _is_ours(access: Access, creation: Creation, wanted: Mapping[str, Json], entity: Entity, skew: timedelta) -> bool:
    """Whether an earlier try of this very work made the offer: same content, our credential, not older than it."""
    if creation.since is None or not says(creation.kind, entity.properties, wanted):
        return False
    if not _is_by_us(access, entity):
        return False
    try:
        created = parse_instant(entity.created)
    except ValueError:
        return False
    return created >= creation.since + skew - _CLOCK_GRAIN


def _is_by_us(access: Access, entity: Entity) -> bool:
    """Whether our credential made the offer, as far as the generation tells."""
    return entity.envelope.get("createdByClientId") in (None, access.exchange.settings.client_id)


def _post(access: Access, creation: Creation, wanted: Mapping[str, Json]) -> Flow[Written]:
    exchange = access.exchange
    call = access.generation.create(creation.kind, creation.properties)
    started = exchange.clock()
    attempt = 0
    while True:
        try:
            answer = yield from access.send(call)
            receipt = access.generation.receipt(creation.kind, answer)
        except OfferLibraryError as error:
            if not is_unsettled(error):
                raise
            found = yield from _look(access, creation, wanted, f"it was posted without an answer ({error})")
            made = _made(access, creation, wanted, found)
            if made:
                _refuse_twins(creation, made)
                return _written(made[0], "created")
            if found.entities:
                return (yield from _appeared(access, creation, wanted, found, error))
            # Nothing has shown up within the patience, so that another POST is the first as far as can be known.
            pause = exchange.retries.pause(error, repeatable=True, attempt=attempt, elapsed=exchange.clock() - started)
            if pause is None:
                raise OutcomeUnknownError(
                    f"The {creation.kind.noun} {creation.properties['name']!r} was posted {_times(attempt + 1)} and "
                    f"has not shown up within {creation.patience:g} s of the last: {error}"
                ) from error
            yield Pause(pause, str(error))
            attempt += 1
        else:
            if attempt:
                # An earlier POST may have come through after all, later than anybody would wait for it.
                try:
                    found = yield from find_by_name(access, creation.kind, creation.properties["name"])
                except OfferLibraryError:
                    # The receipt in hand is worth more than this look.
                    found = Found([], timedelta(0))
                _refuse_twins(creation, _made(access, creation, wanted, found))
            return Written(receipt, "created", creation.properties["name"], answer.request_id)


def _refuse_twins(creation: Creation, made: Sequence[Entity]) -> None:
    if len(made) > 1:
        ids = [entity.id for entity in made]
        raise AmbiguousNameError(
            f"The {creation.kind.noun} {creation.properties['name']!r} was posted more than once, because no answer "
            f"came and nothing showed up within {creation.patience:g} s, and every POST made one: {_listed(ids)}; "
            "delete all but one",
            ids=ids,
        )


def _look(access: Access, creation: Creation, wanted: Mapping[str, Json], why: str) -> Flow[Found]:
    """The offers of the name where a POST has had no answer: as soon as its own is among them, or at the end."""
    clock = access.exchange.clock
    until = clock() + creation.patience
    pause = _FIRST_LOOK
    while True:
        try:
            found = yield from find_by_name(access, creation.kind, creation.properties["name"])
        except OfferLibraryError as blind:
            raise OutcomeUnknownError(
                f"Whether the {creation.kind.noun} {creation.properties['name']!r} is there cannot be asked: {why}, "
                f"and then: {blind}"
            ) from blind
        left = until - clock()
        if left <= 0 or _made(access, creation, wanted, found):
            return found
        yield Pause(min(pause, left), f"looking whether the offer is there: {why}")
        pause = min(pause * 2, 2.0)


def _made(access: Access, creation: Creation, wanted: Mapping[str, Json], found: Found) -> list[Entity]:
    """What a POST without an answer made: none of the name was there before it, and this says the same."""
    return [
        entity
        for entity in found.entities
        if _is_by_us(access, entity) and says(creation.kind, entity.properties, wanted)
    ]


def _appeared(
    access: Access, creation: Creation, wanted: Mapping[str, Json], found: Found, error: OfferLibraryError
) -> Flow[Written]:
    """The name was free before a POST without an answer and is taken now, by an offer that says something else.

    Perhaps somebody was faster, perhaps the service respelled ours; another POST would make a twin either way.
    """
    if creation.if_exists == "fail":
        ids = [entity.id for entity in found.entities]
        raise OutcomeUnknownError(
            f"The {creation.kind.noun} {creation.properties['name']!r} was posted without an answer ({error}), and "
            f"{_listed(ids)} of that name has appeared with other content; look whether it is the one"
        ) from error
    return (yield from _existing(access, creation, wanted, found))


def _written(entity: Entity, action: str) -> Written:
    receipt = Receipt(entity.id, entity.instance_id, entity.etag, entity.created, entity.modified)
    return Written(receipt, action, entity.name)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _listed(ids: Sequence[str]) -> str:
    return ", ".join(ids[:5]) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")
