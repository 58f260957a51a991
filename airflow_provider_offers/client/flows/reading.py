"""Reading one object, by either of its ids or its name, and finding objects by their exact name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from airflow_provider_offers.client.errors import AmbiguousNameError, BadRequestError, NotFoundError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.ahead import look_ahead
from airflow_provider_offers.client.flows.listing import Listing
from airflow_provider_offers.client.model.entities import Entity, Reference
from airflow_provider_offers.client.model.identifiers import id_hint
from airflow_provider_offers.client.model.instants import parse_instant
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.text import listed
from airflow_provider_offers.client.wire.messages import Answer, Flow

# HTTP dates count whole seconds, so a clock read from one is up to a second behind.
CLOCK_GRAIN = timedelta(seconds=2)
# Maximum number of ids in one lookup. It keeps the address well below the limits of servers.
BATCH = 40
# Maximum number of hints in a message.
MOST_HINTS = 3
_NEW = "a retry helps only if the object is new"
_CHECK_ID = f"Check the id, and the sandbox of the connection; {_NEW}"
_CHECK_NAME = f"Check the name, which must be exact, and the sandbox of the connection; {_NEW}"


def resolve(access: Access, reference: Reference) -> Flow[Reference]:
    """The reference with the id that the generation uses in URLs; looked up only if it is missing.

    On xcore calls `GET /{container}/instances?schema=...&id=...` (Adobe: look up an offer). Raises `NotFoundError`, and
    `AmbiguousNameError` if several objects have the name.
    """
    if reference.id is None and reference.instance_id is None and reference.name is not None:
        found = yield from named(access, (reference.kind,), reference.name)
        if found is None:
            path = access.generation.lookup(reference.kind, name=reference.name).bare_path
            raise hinted(not_found(access, reference, path, f"named {reference.name!r}"), reference)
        return found
    if not access.generation.needs_instance_id(reference):
        return reference
    assert reference.id is not None
    yield from look_ahead(access.ahead, reference)
    if (known := access.ahead.reference(reference)) is not None:
        return known
    call = access.generation.lookup(reference.kind, ids=[reference.id])
    listing = Listing(access, reference.kind, call)
    while (page := (yield from listing.advance())) is not None:
        for entity in page:
            if entity.id == reference.id:
                return entity.reference
    raise not_found(access, reference, call.bare_path)


@dataclass(slots=True)
class Meant:
    """The object that a write means by a `given` reference.

    `name` is the given name while only a listing and a lookup of many objects show that the object has it. Both may
    lag, so the write must fail if the object has another name by now.
    """

    given: Reference
    reference: Reference
    name: str | None = None

    def confirm(self, access: Access) -> Flow[None]:
        """Look the name up again, unless it is certain which object is meant."""
        if self.name is not None:
            # A lookup from a moment ago may be older than the loss of the name.
            access.forget(self.reference)
            self.reference, self.name = (yield from resolve(access, self.given)), None

    def read(self, access: Access) -> Flow[Entity]:
        """The current state of the object, after `confirm`, which may have read it."""
        if self.name is not None:
            yield from self.confirm(access)
            if (there := access.ahead.take(self.reference)) is not None:
                return there
        return (yield from read_now(access, self.reference))


def resolve_to_guard(access: Access, reference: Reference) -> Flow[Meant]:
    """`resolve`, for a write that can be guarded by the object's name: a list needs no read of each object."""
    if reference.id is None and reference.instance_id is None and reference.name is not None:
        candidate = access.ahead.candidate((reference.kind,), reference.name)
        if candidate is not None:
            yield from look_ahead(access.ahead, candidate)
            there = access.ahead.peek(candidate)
            if there is not None and there.listed and there.name == reference.name:
                return Meant(reference, candidate, reference.name)
    return Meant(reference, (yield from resolve(access, reference)))


def read(access: Access, reference: Reference, *, unless_etag: int | str | None = None) -> Flow[Entity | None]:
    """The current state of the offer, or None if it still has the etag `unless_etag`.

    Calls `GET .../instances/{instanceId}` (xcore) or `GET /offers/{id}` (dps), with `If-None-Match` on request.
    """
    if unless_etag is None:
        return (yield from read_now(access, reference))
    reference = yield from resolve(access, reference)
    known = str(unless_etag).strip('"')
    # Only a conditional read accepts a 304.
    answer = yield from access.send(access.generation.read(reference, etag=known), accept=(304,))
    if answer.response.status == 304:
        return None
    entity = _entity(access, reference, answer)
    # dps documents no conditional read: there the comparison is ours.
    return None if str(entity.etag) == known else entity


def read_now(access: Access, reference: Reference) -> Flow[Entity]:
    """The current state of the offer."""
    there = yield from resolve(access, reference)
    try:
        answer = yield from access.send(access.generation.read(there))
    except NotFoundError as error:
        raise hinted(error, reference) from None
    return _entity(access, there, answer)


def _entity(access: Access, reference: Reference, answer: Answer) -> Entity:
    """The object in an answer. Raises `UnexpectedResponseError` if it is not the requested one."""
    entity = access.generation.entity(reference.kind, answer)
    if not reference.may_be(entity.id, entity.instance_id):
        raise answer.unexpected(f"it shows another object ({entity.id})")
    return entity


def read_on_our_clock(access: Access, reference: Reference) -> Flow[tuple[Entity, datetime | None]]:
    """The current state of the offer, and the time of its last change by our clock, if the service tells."""
    answer = yield from access.send(access.generation.read(reference))
    entity = _entity(access, reference, answer)
    try:
        return entity, parse_instant(entity.modified) - _skew(answer, access.exchange.now())
    except (ValueError, OverflowError):
        return entity, None


def look_at(access: Access, references: Sequence[Reference]) -> Flow[dict[str, Entity | None]]:
    """The current state of offers of one kind, by reference id; None for one that does not exist any more.

    One lookup covers all offers. An offer that is missing in it is then read by its id, because a listing may lag
    behind a creation.
    """
    kind = references[0].kind
    found: dict[str, Entity | None] = {}
    wanted = {reference.id for reference in references if reference.id is not None}
    listing = Listing(access, kind, access.generation.lookup(kind, ids=sorted(wanted)))
    try:
        while (page := (yield from listing.advance())) is not None:
            found |= {entity.id: entity for entity in page if entity.id in wanted}
    except BadRequestError:
        # dps can look up several ids only by a pattern, and may refuse a long pattern. Then the ids are read one by
        # one.
        found.clear()
    for reference in references:
        if reference.id is not None and reference.id not in found:
            found[reference.id] = yield from look_alone(access, reference)
    # In the requested order: every way to wait returns the same list.
    return {reference.id: found[reference.id] for reference in references if reference.id is not None}


def look_alone(access: Access, reference: Reference) -> Flow[Entity | None]:
    """The current state of one offer; None if it does not exist."""
    try:
        there = yield from resolve(access, reference)
        answer = yield from access.send(access.generation.read(there), accept=(404, 410))
        if answer.response.status in (404, 410) and reference.id is None and reference.instance_id is None:
            # The object of that name is gone, and another may have the name by now.
            access.forget(there)
            there = yield from resolve(access, reference)
            answer = yield from access.send(access.generation.read(there), accept=(404, 410))
    except NotFoundError:
        return None
    if answer.response.status in (404, 410):
        return None
    return access.generation.entity(reference.kind, answer)


def look_at_each(access: Access, references: Sequence[Reference]) -> Flow[list[Entity | None]]:
    """The current state of each object, by a read of its own: a listing may lag behind the latest edits."""
    found: list[Entity | None] = []
    for reference in references:
        entity: Entity | None = yield from look_alone(access, reference)
        found.append(entity)
    return found


def not_found(access: Access, reference: Reference, path: str, named: str | None = None) -> NotFoundError:
    """The error for an object that does not exist, or for several that `named` lists."""
    sandbox = access.exchange.settings.sandbox
    error = NotFoundError(
        method="GET",
        path=path,
        status=404,
        title="Not found",
        detail=f"there is no {reference.kind.noun} {named or reference} in the sandbox {sandbox!r}",
        refused=False,
    )
    return error if named else hinted(error, reference)


def hint_about(reference: Reference) -> str:
    """What was probably meant by the id of an object that does not exist; empty if it is certainly an id."""
    return id_hint(reference.id or reference.instance_id or "")


def hinted(error: NotFoundError, *references: Reference) -> NotFoundError:
    """The error about objects that do not exist, with what to do.

    That is about ids that may be names without their prefix, or in upper case, if there are any.
    """
    hints = [hint for each in references if (hint := hint_about(each))]
    by_name = any(each.id is None and each.instance_id is None for each in references)
    return error.with_hint("\n  ".join(hints[:MOST_HINTS]) or (_CHECK_NAME if by_name else _CHECK_ID))


@dataclass(frozen=True, slots=True)
class Found:
    """The offers of one name, and by how much the service's clock is ahead of ours."""

    entities: Sequence[Entity]
    skew: timedelta


def find_by_name(access: Access, kind: Kind, name: str) -> Flow[Found]:
    """Every offer of exactly that name.

    Calls `GET .../instances?schema=...&name=...` on xcore, which reads the repository and not the search index, and
    `GET /offers?property=name==...` on dps.
    """
    listing = Listing(access, kind, access.generation.lookup(kind, name=name))
    entities: list[Entity] = []
    while (page := (yield from listing.advance())) is not None:
        entities += [entity for entity in page if entity.name == name]
    return Found(entities, _skew(listing.last_answer, access.exchange.now()))


def still_there(access: Access, listed: Entity) -> Flow[Entity | None]:
    """The current state of a listed object; None if it was deleted or renamed since, because listings lag."""
    try:
        now = yield from read_now(access, listed.reference)
    except NotFoundError:
        return None
    return now if now.name == listed.name else None


def find_there(access: Access, kind: Kind, name: str) -> Flow[Found]:
    """The current state of every offer with exactly that name: `find_by_name`, then a read of each offer.

    Empty for a name that is free according to a listing of the whole kind.
    """
    if access.ahead.is_free(kind, name):
        return Found((), timedelta(0))
    found: Found = yield from find_by_name(access, kind, name)
    there: list[Entity] = []
    for entity in found.entities:
        now = yield from still_there(access, entity)
        there += [] if now is None else [now]
    return replace(found, entities=there)


def name_key(kinds: Sequence[Kind], name: str) -> tuple[str, str]:
    """The key under which an access remembers the object of this name, which may be of several kinds."""
    return ",".join(kind.key for kind in kinds), name


def named(access: Access, kinds: Sequence[Kind], name: str) -> Flow[Reference | None]:
    """The one object of that exact name and of one of those kinds; its lookup is remembered.

    An object that was looked up some time ago is read again. If it was deleted or renamed, the name is looked up again.
    Returns None if no object has the name; raises `AmbiguousNameError` if several have it.
    """
    key = name_key(kinds, name)
    known = access.known(key)
    if known is not None:
        return known
    if (before := access.named.get(key)) is not None:
        try:
            now = yield from read_now(access, before)
        except NotFoundError:
            now = None
        if now is not None and now.name == name:
            return access.remember(key, before)
        access.forget(before)
    if (candidate := access.ahead.candidate(kinds, name)) is not None:
        there: Entity | None = yield from look_alone(access, candidate)
        if there is not None and there.name == name:
            access.ahead.keep_fresh(there)
            return access.remember(key, there.reference)
    found: list[Entity] = []
    for kind in kinds:
        found += (yield from find_there(access, kind, name)).entities
    if len(found) > 1:
        ids = [entity.id for entity in found]
        raise AmbiguousNameError(
            f"The name {name!r} could mean {len(ids)} objects in the sandbox {access.exchange.settings.sandbox!r}: "
            f"{listed(ids)}; give the id instead of the name",
            ids=ids,
        )
    if not found:
        return None
    return access.remember(key, found[0].reference)


def _skew(answer: Answer | None, now: datetime) -> timedelta:
    try:
        told = parsedate_to_datetime(answer.response.headers["date"]) if answer else now
        return told - now
    except (KeyError, ValueError, TypeError, IndexError, OverflowError):
        return timedelta(0)
