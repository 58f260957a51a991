"""Takes existing objects as managed: the state learns their live values, so that a plan can change them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from airflow_provider_offers.campaigns.objects import Campaign, Key, WantedObject
from airflow_provider_offers.campaigns.planning.comparing import symbolic
from airflow_provider_offers.campaigns.planning.judging import IS_ARCHIVED, no_calls
from airflow_provider_offers.campaigns.planning.snapshot import Names, check_state, referred_kinds
from airflow_provider_offers.campaigns.state.states import Applied, State
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.model.entities import Entity
from airflow_provider_offers.client.model.kinds import KINDS, Kind
from airflow_provider_offers.client.model.lifecycle import ARCHIVED
from airflow_provider_offers.client.reading import OnPage, read_kind
from airflow_provider_offers.client.wire.messages import Flow, Json


@dataclass(frozen=True, slots=True)
class Imported:
    """The state after an import, which the caller writes.

    `taken` are the objects that the state has learned, `known` those that it had already, and `absent` those that the
    library does not have, which an apply creates. `refused` are the other ones with the reasons: an apply cannot write
    them either.
    """

    state: State
    taken: Sequence[Key]
    known: Sequence[Key]
    refused: Mapping[Key, str] = field(default_factory=dict)
    absent: Sequence[Key] = ()


def import_objects(access: Access, campaign: Campaign, state: State, on_page: OnPage | None = None) -> Flow[Imported]:
    """Take the objects of a manifest that exist in the library as managed. Writes nothing.

    The state learns the live value of each leaf that the manifest has, for objects that it does not know yet. A plan
    then shows the differences as changes, and no longer as conflicts. Reads each kind of the campaign once, page by
    page. Raises `StateError` for the state of another campaign, organization or sandbox.
    """
    settings = access.exchange.settings
    check_state(campaign.name, state, settings.org_id, settings.sandbox)
    wanted = {each.key: each for each in campaign.objects}
    learning = _Learning({key: each for key, each in wanted.items() if key not in state.objects})
    needed = referred_kinds([(each.kind, each.properties) for each in learning.missing.values()])
    unread = {kind.key for kind in KINDS.values() if not access.generation.supports(kind)}
    for kind in KINDS.values():
        if kind.key in needed and kind.key not in unread:
            yield from read_kind(access, kind, learning.take, on_page)
            learning.finish(kind)
    left = [key for key in learning.missing if key not in learning.found]
    reasons = {key: no_calls(KINDS[key[0]]) if key[0] in unread else learning.reason(key) for key in left}
    return Imported(
        replace(state, objects={**state.objects, **learning.found}, plan=None),
        tuple(learning.found),
        tuple(key for key in wanted if key in state.objects),
        {key: reason for key, reason in reasons.items() if reason},
        tuple(key for key, reason in reasons.items() if not reason),
    )


class _Learning:
    """An import in progress, kind by kind."""

    def __init__(self, missing: Mapping[Key, WantedObject]) -> None:
        self.missing = missing
        self.found: dict[Key, Applied] = {}
        self._names = Names()
        self._archived: set[Key] = set()

    def take(self, entity: Entity) -> None:
        """Look at one object of the library."""
        self._names.saw(entity)
        key = (entity.kind.key, entity.name or "")
        wanted = self.missing.get(key)
        if wanted is None:
            return
        if entity.status == ARCHIVED and wanted.properties.get("status") != ARCHIVED:
            self._archived.add(key)
            return
        live = symbolic(wanted.kind, self._names, entity.properties)
        self.found[key] = Applied(
            _at_leaves_of(wanted.kind, live, symbolic(wanted.kind, self._names, wanted.properties)),
            prevent_destroy=wanted.lifecycle.prevent_destroy,
            ignore_changes=wanted.lifecycle.ignore_changes,
        )

    def finish(self, kind: Kind) -> None:
        """Take back what has the name of another object."""
        for key in [key for key in self.found if key[0] == kind.key and len(self._names.ids(key)) > 1]:
            del self.found[key]

    def reason(self, key: Key) -> str:
        """Why an object was not taken; empty if the library does not have it."""
        ids = self._names.ids(key)
        if len(ids) > 1:
            return f"{len(ids)} objects have this name: {', '.join(ids)}"
        return IS_ARCHIVED if key in self._archived else ""


def _at_leaves_of(kind: Kind, live: Mapping[str, Json], wanted: Mapping[str, Json]) -> dict[str, Json]:
    """The live values of the wanted leaves. What reads of the kind do not show is taken to be as wanted."""
    hidden = (*kind.write_only, *(name for name in kind.unreliable_on_read if name not in live))
    return {**_inner(live, wanted), **{name: wanted[name] for name in hidden if name in wanted}}


def _inner(live: Mapping[str, Json], wanted: Mapping[str, Json]) -> dict[str, Json]:
    both = [(name, live[name], value) for name, value in wanted.items() if name in live]
    return {
        name: _inner(there, value) if isinstance(value, Mapping) and isinstance(there, Mapping) else there
        for name, there, value in both
    }
