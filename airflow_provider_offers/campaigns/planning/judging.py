"""Decides what happens to one object of the manifest, from what the library and the state have of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_offers.campaigns.objects import Key, Lifecycle, WantedByKey, WantedObject
from airflow_provider_offers.campaigns.planning.comparing import Differences, compare, symbolic
from airflow_provider_offers.campaigns.planning.snapshot import Names
from airflow_provider_offers.campaigns.plans import EDITED, NEVER_APPLIED, Action, Change, PlannedObject
from airflow_provider_offers.campaigns.state.states import Applied
from airflow_provider_offers.client.model.comparing import same
from airflow_provider_offers.client.model.entities import Entity
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.model.lifecycle import ARCHIVED, DRAFT, SHOWN, is_final
from airflow_provider_offers.client.model.respelling import plain_name
from airflow_provider_offers.client.text import quoted

_GONE = "it was applied before, and is gone from the library"
_NOTHING_TO_ARCHIVE = "the library has no such object, so there is nothing to archive"
# The statuses in which Adobe's pages create objects.
_NEW = (DRAFT, *SHOWN)
IS_ARCHIVED = "it is archived, and archiving is final: choose another name, or delete the archived object"


@dataclass(slots=True)
class Sightings:
    """What a listing shows of the objects that a plan is about; only what differs is kept.

    `as_wanted` marks the objects that need no change, and whose state is right, by their index in the campaign. `found`
    are the other ones that are not archived, and `archived` the archived ones.
    """

    as_wanted: bytearray
    found: dict[Key, Entity] = field(default_factory=dict)
    archived: dict[Key, list[Entity]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judge:
    """Decides for one object after the other. The objects of all earlier kinds are known already.

    `bases` is the state, and `origins` are the old names of objects that moved, the latest first. `hidden` collects the
    leaves that reads do not show and that were never applied.
    """

    names: Names
    sightings: Sightings
    bases: Mapping[Key, Applied]
    wanted: WantedByKey
    origins: Mapping[Key, Sequence[str]]
    adopt: bool = False
    force: bool = False
    hidden: list[tuple[Key, list[str]]] = field(default_factory=list)

    def is_as_wanted(self, wanted: WantedObject, entity: Entity) -> bool:
        """Whether nothing is to be done for an object, neither in the library nor in the state."""
        base = self.bases.get(wanted.key)
        return base is not None and self._compared(wanted, entity, base).is_empty and self._is_known(wanted)

    def _is_known(self, wanted: WantedObject) -> bool:
        """Whether the state has the object as it is wanted."""
        base = self.bases.get(wanted.key)
        if base is None or base.pending is not None or base.given_up:
            return False
        if Lifecycle(base.ignore_changes, base.prevent_destroy) != wanted.lifecycle:
            return False
        # Most often, the two are equal as they are written.
        return same(base.properties, wanted.properties) or same(
            base.properties, symbolic(wanted.kind, self.names, wanted.properties)
        )

    def has_conflict(self, key: Key, entity: Entity) -> bool:
        """Whether somebody else seems to have changed an object since it was applied."""
        wanted, base = self.wanted.get(key), self.bases.get(key)
        if wanted is not None:
            return bool(self._compared(wanted, entity, self.base_of(wanted)).conflicts)
        if base is None:
            return False
        return bool(compare(entity.kind, self.names, entity.properties, base.properties, base.properties).conflicts)

    def base_of(self, wanted: WantedObject) -> Applied | None:
        """What was applied last to an object, under its name or an old one."""
        keys = [wanted.key, *((wanted.kind.key, old) for old in self.origins.get(wanted.key, ()))]
        return next((self.bases[key] for key in keys if key in self.bases), None)

    def was_applied(self, key: Key) -> bool:
        """Whether an apply has created an object of this name, or given the name to one."""
        base = self.bases.get(key)
        return base is not None and base.pending is None

    def is_settled(self, key: Key) -> bool:
        """Whether an object was seen as it is wanted, and no other has its name: nothing is to be decided."""
        return self._is_seen_as_wanted(key) and key not in self.origins and len(self.names.ids(key)) == 1

    def _is_seen_as_wanted(self, key: Key) -> bool:
        position = self.wanted.position(key)
        return position is not None and bool(self.sightings.as_wanted[position])

    def decide(self, wanted: WantedObject) -> PlannedObject | None:
        """What happens to an object of the manifest; None if it is as wanted."""
        key, ids = wanted.key, self.names.ids(wanted.key)
        if len(ids) > 1:
            return self._refused(wanted, f"{len(ids)} objects have this name: {', '.join(ids)}")
        olds = [old for old in self.origins.get(key, ()) if self.names.ids((wanted.kind.key, old))]
        if olds and (refusal := self._refused_move(wanted, olds, bool(ids))):
            return refusal
        if not ids and olds:
            return self._renamed(wanted, olds[0])
        if self._is_seen_as_wanted(key):
            return None
        if not ids:
            return self._absent(wanted)
        entity = self.sightings.found[key]
        return None if self.is_as_wanted(wanted, entity) else self._found(wanted, entity)

    def _refused_move(self, wanted: WantedObject, olds: Sequence[str], is_there: bool) -> PlannedObject | None:
        """The conflict of a move that cannot be made."""
        kind = wanted.kind.key
        own = [old for old in olds if (kind, old) in self.wanted]
        if is_there:
            left = [old for old in olds if old not in own]
            both = ", ".join(quoted(old) for old in left)
            return self._refused(wanted, f"it moved from {both}, but the library has both") if left else None
        if own or len(olds) > 1:
            told = ", ".join(quoted(old) for old in olds)
            return self._refused(wanted, f"it moved from {told}: more than one object has, or wants, such a name")
        ids = self.names.ids((kind, olds[0]))
        if len(ids) > 1:
            return self._refused(wanted, f"{len(ids)} objects have its old name {quoted(olds[0])}: {', '.join(ids)}")
        return None

    def _renamed(self, wanted: WantedObject, old: str) -> PlannedObject:
        if reason := _respelled(wanted.name):
            return self._refused(wanted, reason, old=old)
        self.names.renamed[wanted.kind.key, old] = wanted.name
        return self._found(wanted, self.sightings.found[wanted.kind.key, old], old)

    def _absent(self, wanted: WantedObject) -> PlannedObject | None:
        archived = self.sightings.archived.get(wanted.key, ())
        if archived:
            if wanted.properties.get("status") != ARCHIVED:
                return self._refused(wanted, IS_ARCHIVED, entity=archived[0])
            return None if self.is_as_wanted(wanted, archived[-1]) else self._found(wanted, archived[-1])
        status = wanted.properties.get("status")
        if status == ARCHIVED:
            return None if self._is_known(wanted) else self._planned(wanted, "unchanged", reason=_NOTHING_TO_ARCHIVE)
        if any(step.target == status for step in wanted.kind.steps) and status not in _NEW:
            return self._refused(wanted, f"a new {wanted.kind.noun} cannot be {status!r}: create it as a draft first")
        if reason := _respelled(wanted.name):
            return self._refused(wanted, reason)
        return self._planned(wanted, "create", reason=_GONE if self._was_applied(wanted) else "")

    def _was_applied(self, wanted: WantedObject) -> bool:
        base = self.base_of(wanted)
        return base is not None and base.pending is None

    def _found(self, wanted: WantedObject, entity: Entity, old: str | None = None) -> PlannedObject:
        """What happens to an object that the library has, under its name or an old one."""
        base = self.base_of(wanted)
        found = self._compared(wanted, entity, base)
        if found.hidden:
            self.hidden.append((wanted.key, found.hidden))
        # Whatever the base says, only a rename writes the name.
        changes, conflicts = ([each for each in some if each.pointer != "/name"] for some in found.both)
        if old is not None:
            # Somebody gave it the old name again, or it is another object.
            is_back = self.was_applied(wanted.key)
            renamed = Change("/name", old, wanted.name, wanted.name if is_back else old)
            (conflicts if is_back else changes).insert(0, renamed)
        if self.force:
            changes, conflicts = [*changes, *conflicts], []
        if conflicts:
            reason = NEVER_APPLIED if base is None else EDITED
            return self._refused(wanted, reason, entity=entity, conflicts=conflicts, old=old)
        if reason := _not_allowed(wanted.kind, entity.status, changes):
            return self._refused(wanted, reason, entity=entity, conflicts=changes, old=old)
        action: Action = "rename" if old is not None else "update" if changes else "unchanged"
        return self._planned(wanted, action, entity, changes, old=old)

    def _compared(self, wanted: WantedObject, entity: Entity, base: Applied | None) -> Differences:
        return compare(
            wanted.kind,
            self.names,
            entity.properties,
            wanted.properties,
            None if base is None else base.properties,
            ignored=wanted.lifecycle.ignore_changes,
            adopt=self.adopt,
        )

    def _planned(
        self,
        wanted: WantedObject,
        action: Action,
        entity: Entity | None = None,
        changes: Sequence[Change] = (),
        *,
        old: str | None = None,
        reason: str = "",
    ) -> PlannedObject:
        return PlannedObject(
            wanted.key,
            action,
            **_told(entity),
            changes=tuple(changes),
            properties=symbolic(wanted.kind, self.names, wanted.properties),
            old_name=old,
            reason=reason,
            origin=str(wanted.origin),
            prevent_destroy=wanted.lifecycle.prevent_destroy,
            ignore_changes=wanted.lifecycle.ignore_changes,
        )

    def _refused(
        self,
        wanted: WantedObject,
        reason: str,
        *,
        entity: Entity | None = None,
        conflicts: Sequence[Change] = (),
        old: str | None = None,
    ) -> PlannedObject:
        return PlannedObject(
            wanted.key,
            "conflict",
            **_told(entity),
            conflicts=tuple(conflicts),
            old_name=old,
            reason=reason,
            origin=str(wanted.origin),
            prevent_destroy=wanted.lifecycle.prevent_destroy,
            ignore_changes=wanted.lifecycle.ignore_changes,
        )

    def refused(self, wanted: WantedObject, reason: str) -> PlannedObject:
        """The conflict of an object for a reason that no value explains."""
        return self._refused(wanted, reason)


def no_calls(kind: Kind) -> str:
    """Why a generation that does not support a kind has none of its objects."""
    return f"generation 1 (api=xcore) documents no calls for a {kind.noun}; use api=dps"


def _respelled(name: str) -> str:
    """Why an object cannot get a name; empty if it can. With another name, the next plan would create it again."""
    plain = plain_name(name)
    return "" if plain == name else f"the service may store its name in another form: write it as {quoted(plain)}"


def _told(entity: Entity | None) -> dict[str, Any]:
    """The facts of a live object that a plan keeps."""
    if entity is None:
        return {}
    return {
        "id": entity.id,
        "instance_id": entity.instance_id,
        "etag": entity.etag,
        "edited_by": entity.editor,
        "edited_at": entity.modified,
    }


def _not_allowed(kind: Kind, status: str | None, changes: Sequence[Change]) -> str:
    """Why the status of an object does not allow the changes; empty if it does."""
    if not kind.steps:
        return ""
    if is_final(status, kind.steps) and any(each.pointer != "/status" for each in changes):
        return f"it is {status!r}, and such an object cannot be edited"
    target = next((each.wanted for each in changes if each.pointer == "/status"), None)
    if target is None or any(step.target == target and status in step.origins for step in kind.steps):
        return ""
    legal = [f"{step.verb} (to {step.target})" for step in kind.steps if status in step.origins]
    return f"no step leads from {status!r} to {target!r}; its status allows {' or '.join(legal) or 'only deleting it'}"
