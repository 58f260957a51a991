"""The reading of the library before the first write: whether the plan still fits, and what an earlier run has done."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from airflow_provider_offers.campaigns.applying.steps import (
    content_pointers,
    is_taken_back,
    kind_of_planned,
    last_step,
    new_status,
)
from airflow_provider_offers.campaigns.objects import Key
from airflow_provider_offers.campaigns.planning.comparing import compare
from airflow_provider_offers.campaigns.planning.snapshot import Names
from airflow_provider_offers.campaigns.plans import ABSENT, Change, Plan, PlannedObject
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.reading import look_alone
from airflow_provider_offers.client.model.applying import MISSING, value_at
from airflow_provider_offers.client.model.comparing import EMPTY
from airflow_provider_offers.client.model.entities import Entity, Reference
from airflow_provider_offers.client.model.kinds import KINDS
from airflow_provider_offers.client.model.lifecycle import ARCHIVED, DRAFT
from airflow_provider_offers.client.model.spelling import split_pointer
from airflow_provider_offers.client.reading import OnPage, read_kind
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.client.wire.messages import Flow

WRITES = ("create", "update", "rename", "retire")


@dataclass(slots=True)
class Sight:
    """What the library has of a planned object, and the changes that are left.

    `is_there` says that an object to create exists as it is wanted, and one to retire is retired. `twins` is the number
    of objects that have the name of an object to create, and are not as wanted.
    """

    entity: Entity | None = None
    left: tuple[Change, ...] = ()
    is_there: bool = False
    twins: int = 0


class Library:
    """The objects of the library that a plan writes, and the names of all objects of their kinds.

    `lost` has a sentence for each object to which the plan refers by its name, and that no longer has this name.
    """

    def __init__(self, plan: Plan) -> None:
        self.written = [each for each in plan.objects if each.action in WRITES]
        self.names = Names()
        self.by_id: dict[str, Entity] = {}
        self.by_key: dict[Key, list[Entity]] = {}
        self.lost: list[str] = []
        self._ids = {each.id for each in self.written if each.id is not None}
        self._keys = {each.key for each in self.written if each.action in ("create", "rename")}
        kinds = {each.key[0] for each in self.written} | {kind for kind, _ in plan.ids}
        self.kinds = [kind for kind in KINDS.values() if kind.key in kinds]
        for each in self.written:
            if each.action == "rename" and each.old_name is not None:
                self.names.renamed[each.key[0], each.old_name] = each.key[1]

    def take(self, entity: Entity) -> None:
        """Keep an object, if the plan is about it."""
        self.names.saw(entity)
        if entity.id in self._ids:
            self.by_id[entity.id] = entity
        if entity.name is None or entity.status == ARCHIVED:
            return
        key = (entity.kind.key, entity.name)
        if key in self._keys:
            self.by_key.setdefault(key, []).append(entity)


def read_again(access: Access, plan: Plan, on_page: OnPage | None = None) -> Flow[Library]:
    """Read each kind that the plan writes or refers to once, page by page. What a listing lacks is read by its id."""
    found = Library(plan)
    for kind in found.kinds:
        if access.generation.supports(kind):
            yield from read_kind(access, kind, found.take, on_page)
    for each in found.written:
        if each.id is not None and each.id not in found.by_id:
            reference = Reference(kind_of_planned(each), id=each.id, instance_id=each.instance_id)
            entity: Entity | None = yield from look_alone(access, reference)
            if entity is not None:
                found.take(entity)
    for key, identifier in plan.ids.items():
        if identifier not in found.names.meant(key):
            there: Entity | None = yield from look_alone(access, Reference(KINDS[key[0]], id=identifier))
            if there is None or there.name != key[1] or there.status == ARCHIVED:
                found.lost.append(_lost(key, identifier, there))
    return found


class Check:
    """Compares a plan with the library. `moved` has a sentence for each object that is not as the plan expects it.

    `pending` are the objects that an earlier apply may have created. `is_rerun` says that an earlier run of the same
    apply has written the state last, so its writes are in the library.
    """

    def __init__(self, library: Library, pending: Collection[Key], *, is_rerun: bool) -> None:
        self._library, self._pending, self._is_rerun = library, pending, is_rerun
        self.moved: list[str] = list(library.lost)

    def sights(self, plan: Plan) -> dict[Key, Sight]:
        """What the library has of each object that the plan writes."""
        look = {"create": self._created, "update": self._changed, "rename": self._changed, "retire": self._retired}
        return {each.key: look[each.action](each) for each in plan.objects if each.action in WRITES}

    def _created(self, planned: PlannedObject) -> Sight:
        there = self._library.by_key.get(planned.key, [])
        if len(there) == 1 and is_as_wanted(self._library.names, planned, there[0]):
            return Sight(there[0], is_there=True)
        if there and planned.key not in self._pending:
            self.moved.append(f"{_called(planned)} exists by now: {', '.join(map(_made, there))}")
        return Sight(twins=len(there))

    def _changed(self, planned: PlannedObject) -> Sight:
        entity = self._library.by_id.get(planned.id or "")
        if entity is None:
            self.moved.append(f"{_called(planned)} ({planned.id}) was deleted")
            return Sight()
        others = [each for each in self._library.by_key.get(planned.key, []) if each.id != entity.id]
        if others:
            self.moved.append(f"{_called(planned)} exists by now: {', '.join(map(_made, others))}")
        if entity.etag == planned.etag:
            return Sight(entity, tuple(planned.changes))
        left = tuple(self._left(planned, entity))
        if not self._is_ours(planned, entity, left):
            self._add_edited(planned, entity)
        return Sight(entity, left)

    def _is_ours(self, planned: PlannedObject, entity: Entity, left: Collection[Change]) -> bool:
        """Whether an object that was edited since the plan shows only what an apply of the plan has written."""
        if not left:
            return True
        pointers = {each.pointer for each in left}
        content = content_pointers(planned)
        if last_step(planned) is not None and content and pointers == {"/status"}:
            return True
        # An earlier run has taken it back to draft, and has made no other change.
        is_back = is_taken_back(planned) and entity.status == DRAFT
        return self._is_rerun and is_back and planned.etag is not None and entity.etag == planned.etag + 1

    def _left(self, planned: PlannedObject, entity: Entity) -> Iterator[Change]:
        kind = kind_of_planned(planned)
        found = compare(kind, self._library.names, entity.properties, planned.properties or {}, None)
        differ = [*(each.pointer for each in found.conflicts), *(found.hidden if self._is_rerun else ())]
        for change in planned.changes:
            if change.wanted is ABSENT:
                there = value_at(entity.properties, split_pointer(change.pointer))
                if there is not MISSING and there not in EMPTY:
                    yield change
            elif any(_overlap(change.pointer, pointer) for pointer in differ):
                yield change

    def _retired(self, planned: PlannedObject) -> Sight:
        entity = self._library.by_id.get(planned.id or "")
        if entity is None or (planned.retire == "archive" and entity.status == ARCHIVED):
            return Sight(entity, is_there=True)
        is_back = entity.status == DRAFT and planned.etag is not None and entity.etag == planned.etag + 1
        if entity.etag != planned.etag and not (self._is_rerun and is_back):
            self._add_edited(planned, entity)
        return Sight(entity)

    def _add_edited(self, planned: PlannedObject, entity: Entity) -> None:
        self.moved.append(
            f"{_called(planned)} ({entity.id}) was edited by {entity.editor or 'somebody'} at {entity.modified}: "
            f"its etag is {entity.etag}, and was {planned.etag} in the plan"
        )


def is_as_wanted(names: Names, planned: PlannedObject, entity: Entity) -> bool:
    """Whether an object is what an apply of the plan creates, before or after its last step."""
    found = compare(kind_of_planned(planned), names, entity.properties, planned.properties or {}, None)
    differ = {each.pointer for each in found.conflicts}
    if not differ:
        return True
    return differ == {"/status"} and last_step(planned) is not None and entity.status == DRAFT


def posted(planned: PlannedObject) -> Mapping[str, object]:
    """The properties with which an object is created: it goes out later if it has a last step."""
    properties = planned.properties or {}
    if last_step(planned) is None or new_status(planned) is None:
        return properties
    return {**properties, "status": DRAFT}


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def _called(planned: PlannedObject) -> str:
    return f"{kind_of_planned(planned).noun} {quoted(planned.key[1], 80)}"


def _lost(key: Key, identifier: str, there: Entity | None) -> str:
    what = "was deleted"
    if there is not None:
        what = "is archived" if there.status == ARCHIVED else f"is called {quoted(there.name, 80)} by now"
    return f"the {KINDS[key[0]].noun} {quoted(key[1], 80)} ({identifier}), to which the plan refers, {what}"


def _made(entity: Entity) -> str:
    return f"{entity.id}, last edited by {entity.editor or 'somebody'} at {entity.modified}"
