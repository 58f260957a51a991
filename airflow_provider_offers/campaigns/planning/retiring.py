"""Decides what happens to the objects that are gone from the manifest: they are left alone, archived or deleted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from airflow_provider_offers.campaigns.errors import TooManyRetiredError
from airflow_provider_offers.campaigns.objects import Key
from airflow_provider_offers.campaigns.planning.comparing import compare
from airflow_provider_offers.campaigns.planning.snapshot import Names
from airflow_provider_offers.campaigns.plans import EDITED_AND_GONE, PlannedObject, Prune
from airflow_provider_offers.campaigns.state.folders import file_name
from airflow_provider_offers.campaigns.state.states import Applied
from airflow_provider_offers.client.model.entities import Entity
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.model.lifecycle import DRAFT, LIVE
from airflow_provider_offers.client.text import listed, quoted

_OFF = "it is gone from the manifest, and nothing is retired without prune"
_KEPT = "its lifecycle says prevent_destroy"
_SHOWN = 5
_SEEN = "customers can see it: it is deactivated first"


@dataclass(slots=True)
class Retirement:
    """What happens to the objects of the state that the manifest no longer has.

    `shared` are the objects that other campaigns have, too, each with such a campaign: they are not retired. `planned`
    has retirements and conflicts, in the order of the kinds; `left_alone`, `forgotten` and `given_up` are as in a plan.
    """

    prune: Prune | None
    force: bool
    names: Names
    shared: Mapping[Key, str] = field(default_factory=dict)
    planned: list[PlannedObject] = field(default_factory=list)
    left_alone: dict[Key, str] = field(default_factory=dict)
    forgotten: list[Key] = field(default_factory=list)
    given_up: list[Key] = field(default_factory=list)

    def decide(self, kind: Kind, key: Key, base: Applied, found: Mapping[Key, Entity], is_known: bool) -> None:
        """Decide about one object. `is_known` says that the library was read for its kind."""
        ids = self.names.ids(key)
        if not is_known:
            self.left_alone[key] = f"this generation of the API documents no calls for a {kind.noun}"
        elif not ids:
            self.forgotten.append(key)
        elif self.prune is None or base.prevent_destroy:
            self.left_alone[key] = _KEPT if base.prevent_destroy else _OFF
        elif key in self.shared:
            self.left_alone[key] = _shared_with(self.shared[key])
            if not base.given_up:
                self.given_up.append(key)
        elif len(ids) > 1:
            self.left_alone[key] = f"{len(ids)} objects have this name: {', '.join(ids)}"
        elif self.prune == "archive" and not kind.steps:
            self.left_alone[key] = f"a {kind.noun} has no status, so it cannot be archived"
        else:
            self._retire(kind, key, base, found[key])

    def is_retired(self, key: Key) -> bool:
        """Whether the object about which was decided last is retired."""
        return bool(self.planned) and self.planned[-1].key == key and self.planned[-1].action == "retire"

    def checked(self, managed: int, most: int | None) -> list[PlannedObject]:
        """The retirements and conflicts, in the order in which an apply makes them: what refers to others comes first.

        `managed` is the number of objects that the campaign manages, and `most` the largest number that may be retired.
        """
        number = sum(each.action == "retire" for each in self.planned)
        allowed = max(1, managed // 10) if most is None else most
        if number > allowed:
            retired = [quoted(each.key[1], 80) for each in self.planned if each.action == "retire"]
            raise TooManyRetiredError(
                f"The plan would retire {number} of {managed} objects: {listed(retired, _SHOWN)}; expected at most "
                f"{allowed}; raise max_prune if that is meant"
            )
        return self.planned[::-1]

    def _retire(self, kind: Kind, key: Key, base: Applied, entity: Entity) -> None:
        applied, ignored = base.properties, base.ignore_changes
        edited = compare(kind, self.names, entity.properties, applied, applied, ignored=ignored).conflicts
        if entity.status == DRAFT:
            # On its way to retirement already, by an apply that was killed or by somebody else.
            edited = [each for each in edited if each.pointer != "/status"]
        is_conflict = bool(edited) and not self.force
        reason = EDITED_AND_GONE if is_conflict else _SEEN if entity.status == LIVE else "it is gone from the manifest"
        self.planned.append(
            PlannedObject(
                key,
                "conflict" if is_conflict else "retire",
                id=entity.id,
                instance_id=entity.instance_id,
                etag=entity.etag,
                conflicts=tuple(edited) if is_conflict else (),
                reason=reason,
                edited_by=entity.editor,
                edited_at=entity.modified,
                retire=None if is_conflict else self.prune,
            )
        )


def _shared_with(other: str) -> str:
    """Why an object of another campaign is left alone, and what to do if nobody wants it any more."""
    return (
        f"the campaign {quoted(other, 80)} has it, too. If that campaign is no more, or has another name now, remove "
        f"its state, {file_name(other)}.json beside the one of this campaign; if the object is gone from its manifest, "
        "too, prune both: the last one retires it"
    )
