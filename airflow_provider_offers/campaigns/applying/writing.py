"""The writes of an apply as flows: each is guarded by what was read, and stops if the lock is lost."""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from airflow_provider_offers.campaigns.applying.references import KnownIds
from airflow_provider_offers.campaigns.errors import StateLockedError
from airflow_provider_offers.campaigns.plans import ABSENT, Change
from airflow_provider_offers.client.errors import AlreadyExistsError, ConflictError, OfferLibraryError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.adding import create_object
from airflow_provider_offers.client.flows.cascading import delete_object
from airflow_provider_offers.client.flows.guarding import guarded_patch
from airflow_provider_offers.client.flows.judging import overtaken
from airflow_provider_offers.client.flows.naming import put_at
from airflow_provider_offers.client.flows.ownership import Creation
from airflow_provider_offers.client.flows.reading import look_alone
from airflow_provider_offers.client.model.applying import MISSING, value_at
from airflow_provider_offers.client.model.comparing import differing
from airflow_provider_offers.client.model.entities import Entity, Reference, Written
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.model.lifecycle import ACTIVATE, ARCHIVED, DRAFT
from airflow_provider_offers.client.model.operations import Operation
from airflow_provider_offers.client.model.preparing import prepare_planned
from airflow_provider_offers.client.model.spelling import join_pointer, split_pointer
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.client.wire.messages import Effect, Flow, Json, Note, Request

T = TypeVar("T")
# What to do about objects that refer to one that is to be deleted: a campaign deletes nothing else for that.
_REFERRERS = "a campaign deletes only its own objects, so delete or change these first, or keep it in the manifest"


class LockLost(Exception):
    """Ends all work at once. `lost` is the error for the caller."""

    def __init__(self, lost: StateLockedError) -> None:
        self.lost = lost
        super().__init__(str(lost))


def while_held(flow: Flow[T], check: Callable[[], None]) -> Flow[T]:
    """Run the flow, and raise `LockLost` before a write if `check` raises `StateLockedError`."""

    def expect_held(request: Request) -> Flow[None]:
        yield from ()
        if request.method not in ("GET", "HEAD"):
            _expect_held(check)

    return (yield from _with_look(flow, expect_held))


def _with_look(flow: Flow[T], look: Callable[[Request], Flow[object]]) -> Flow[T]:
    """Run the flow, and look before each of its requests. What the look raises ends the flow."""
    answer: Any = None
    error: BaseException | None = None
    running: Generator[Effect, Any, T] = flow
    try:
        while True:
            effect = running.send(answer) if error is None else running.throw(error)
            answer, error = None, None
            if isinstance(effect, Request):
                yield from look(effect)
            try:
                answer = yield effect
            except OfferLibraryError as thrown:
                error = thrown
    except StopIteration as stop:
        value: T = stop.value
        return value
    finally:
        running.close()


def _expect_held(check: Callable[[], None]) -> None:
    try:
        check()
    except StateLockedError as lost:
        raise LockLost(lost) from lost


def operations(
    kind: Kind, known: KnownIds, live: Mapping[str, Json], changes: Sequence[Change], wanted: Mapping[str, Json]
) -> list[Operation]:
    """The patch that makes the changes in an object with the `live` properties. `wanted` are those of the plan.

    Every `name:` becomes an id; `CampaignError` if that is not known. A patch cannot add to an object that does
    not exist, so the first missing one is added with everything in it.
    """
    after: Json = copy.deepcopy(dict(live))
    resolved = known.with_ids(kind, _with_changes(wanted, changes))
    found: list[Operation] = []
    for change in changes:
        tokens = split_pointer(change.pointer)
        there = value_at(after, tokens)
        if change.wanted is ABSENT:
            if there is not MISSING:
                found.append({"op": "remove", "path": change.pointer})
                del _holder(after, tokens)[tokens[-1]]
            continue
        value = value_at(resolved, tokens)
        depth = next(n for n in range(1, len(tokens) + 1) if n == len(tokens) or _lacks(after, tokens[:n]))
        for token in reversed(tokens[depth:]):
            value = {token: value}
        word = "add" if value_at(after, tokens[:depth]) is MISSING else "replace"
        found.append({"op": word, "path": join_pointer(tokens[:depth]), "value": value})
        _holder(after, tokens[:depth])[tokens[depth - 1]] = copy.deepcopy(value)
    return found


def _with_changes(wanted: Mapping[str, Json], changes: Sequence[Change]) -> dict[str, Json]:
    """The wanted properties, with the value of each change: it may lack members that the campaign ignores."""
    found: Json = copy.deepcopy(dict(wanted))
    for each in changes:
        if each.wanted is not ABSENT:
            found = put_at(found, split_pointer(each.pointer), each.wanted)
    return dict(found)


def _lacks(document: Json, tokens: Sequence[str]) -> bool:
    return not isinstance(value_at(document, tokens), Mapping)


def _holder(document: Json, tokens: Sequence[str]) -> Json:
    for token in tokens[:-1]:
        document = document[token]
    return document


def make(access: Access, creation: Creation, is_wanted: Callable[[Entity], bool]) -> Flow[Written]:
    """Create an object once. An object of the name that exists by now and `is_wanted` is taken over unchanged."""
    try:
        return (yield from create_object(access, creation))
    except AlreadyExistsError as error:
        if len(error.ids) != 1:
            raise
        there = yield from look_alone(access, Reference(creation.kind, id=error.ids[0]))
        if there is None or there.name != creation.name or not is_wanted(there):
            raise
        return Written.of(there, "adopted")


def change(access: Access, before: Entity, patch: Sequence[Operation]) -> Flow[Written]:
    """Patch an object that a listing showed; `ConflictError` if somebody has edited it since.

    A listing may lag. If the object shows the whole patch by now, an earlier run has made the change. Without an etag,
    nothing guards the addition of a property: the object is read right before it, and a write between the two is a
    warning.
    """
    prepared = prepare_planned(patch, before.kind)
    is_guarded = access.generation.capabilities.guards_by_etag or all(
        split_pointer(each["path"])[0] in before.properties for each in patch
    )
    try:
        if not is_guarded:
            yield from _expect_unedited(access, before)
        written: Written = yield from guarded_patch(access, prepared, replace(before, listed=True))
        etag = written.receipt.etag
        if not is_guarded and etag is not None and etag > before.etag + 1:
            yield Note(_may_have_lost(before, patch, etag))
        return written
    except ConflictError:
        now = yield from look_alone(access, before.reference)
        if now is None or not prepared.is_shown_by(now.properties):
            raise
        return Written.of(now)


def _expect_unedited(access: Access, before: Entity) -> Flow[None]:
    """Raise `ConflictError` if somebody has edited an object since a listing showed it."""
    now: Entity | None = yield from look_alone(access, before.reference)
    if now is not None and now.etag != before.etag:
        raise overtaken(access.generation.read(now.reference), before, now)


def _may_have_lost(before: Entity, patch: Sequence[Operation], etag: int) -> str:
    added = [each["path"] for each in patch if split_pointer(each["path"])[0] not in before.properties]
    return (
        f"The {before.kind.noun} {quoted(before.name, 80)} ({before.id}) was edited in the moment before this apply "
        f"added {', '.join(added)}: its etag went from {before.etag} to {etag}. If that edit set the same, it is lost"
    )


def set_status(access: Access, before: Entity, status: str) -> Flow[Written]:
    """Give an object that was read another status."""
    return (yield from change(access, before, [{"op": "replace", "path": "/status", "value": status}]))


def after(before: Entity, written: Written, **properties: Json) -> Entity:
    """The object after a write of these properties."""
    etag = before.etag + 1 if written.receipt.etag is None else written.receipt.etag
    return replace(before, etag=etag, properties={**before.properties, **properties})


def _deactivated(access: Access, before: Entity) -> Flow[Entity]:
    """Take a live decision back to draft, so that customers stop seeing it; any other object stays as it is."""
    if before.status != ACTIVATE.target:
        return before
    written: Written = yield from set_status(access, before, DRAFT)
    now = after(before, written, status=DRAFT)
    if not access.generation.capabilities.guards_by_etag and now.etag > before.etag + 1:
        # Only the etag of the answer shows that somebody wrote right before.
        raise overtaken(access.generation.read(before.reference), before, now)
    return now


def archive(access: Access, before: Entity) -> Flow[Written]:
    """Archive an object that a listing showed. Customers stop seeing a live decision before that."""
    now = yield from _to_retire(access, before)
    if now is None:
        return Written.of(before, "unchanged")
    if now.status == ARCHIVED:
        return Written.of(now, "unchanged")
    now = yield from _deactivated(access, now)
    return (yield from set_status(access, now, ARCHIVED))


def remove(access: Access, before: Entity) -> Flow[Written]:
    """Delete an object that a listing showed and to which nothing refers. A live decision goes back to draft first."""
    if before.status == ACTIVATE.target:
        now = yield from _to_retire(access, before)
        if now is None:
            return Written.of(before, "unchanged")
        before = yield from _deactivated(access, now)

    def expect_unedited(request: Request) -> Flow[None]:
        # What a deletion reads before its DELETE, such as all that may refer to the object, may take long.
        if request.method == "DELETE":
            yield from _to_retire(access, before)

    deletion = delete_object(access, before.reference, missing_ok=True, remedy=_REFERRERS)
    return (yield from _with_look(deletion, expect_unedited))


def _to_retire(access: Access, before: Entity) -> Flow[Entity | None]:
    """The current state of an object to retire; None if it is gone. A deletion has no guard, and a listing may lag.

    Raises `ConflictError` if somebody has edited it since. Taking it back or archiving it does not count as an edit.
    """
    now: Entity | None = yield from look_alone(access, before.reference)
    if now is None or now.etag == before.etag or now.status == ARCHIVED:
        return now
    is_back = now.status == DRAFT and before.status != DRAFT and now.etag == before.etag + 1
    if is_back and not differing(
        now.properties, before.properties, (now.properties.keys() | before.properties.keys()) - {"status"}
    ):
        return now
    raise overtaken(access.generation.read(now.reference), before, now)
