"""Drift: differences between what the campaign applied last and what the library has now."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_offers.campaigns.objects import Campaign, Key
from airflow_provider_offers.campaigns.planning.comparing import compare
from airflow_provider_offers.campaigns.planning.snapshot import (
    Names,
    Rereading,
    check_state,
    documents_of,
    referred_kinds,
)
from airflow_provider_offers.campaigns.plans import ABSENT
from airflow_provider_offers.campaigns.state.states import Applied, State
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.model.entities import Entity
from airflow_provider_offers.client.model.instants import format_instant
from airflow_provider_offers.client.model.kinds import KINDS, Kind
from airflow_provider_offers.client.model.lifecycle import ARCHIVED
from airflow_provider_offers.client.reading import OnPage, read_kind
from airflow_provider_offers.client.wire.messages import Flow, Json

GONE = "it is gone from the library"


@dataclass(frozen=True, slots=True)
class Edit:
    """One leaf that somebody else changed, by its pointer in neutral names. Either value may be `ABSENT`.

    `applied` is what the campaign applied last, and `live` what the library has.
    """

    pointer: str
    applied: Json
    live: Json


@dataclass(frozen=True, slots=True)
class Drifted:
    """An object of the campaign that is not as it was applied.

    `edits` are the managed leaves that differ; other leaves belong to somebody else and are not drift. `reason` is set
    instead if the object is gone, or if several have its name. `edited_by` and `edited_at` tell who changed it last and
    when, if the service tells.
    """

    key: Key
    edits: Sequence[Edit] = ()
    reason: str = ""
    id: str | None = None
    edited_by: str | None = None
    edited_at: str | None = None

    def as_json(self) -> dict[str, Json]:
        """The object with JSON values; an absent value is left out."""
        told: dict[str, Any] = {"kind": self.key[0], "name": self.key[1]}
        told |= {
            name: value
            for name in ("id", "reason", "edited_by", "edited_at")
            if (value := getattr(self, name)) not in (None, "")
        }
        told["edits"] = [
            {"pointer": each.pointer}
            | {name: value for name in ("applied", "live") if (value := getattr(each, name)) is not ABSENT}
            for each in self.edits
        ]
        return told


@dataclass(frozen=True, slots=True)
class Drift:
    """The drift of a campaign. `seen_at` is the service's time in RFC 3339, and `managed` the number of its objects.

    `unread` are those of them for which the generation of the API documents no calls: nobody knows whether they
    drifted.
    """

    campaign: str
    organization: str
    sandbox: str
    seen_at: str
    managed: int
    objects: Sequence[Drifted] = field(default_factory=tuple)
    unread: Sequence[Key] = ()

    def __bool__(self) -> bool:
        """Whether anything drifted."""
        return bool(self.objects)

    def as_json(self) -> dict[str, Json]:
        """The drift with JSON values. It holds no secret."""
        return {
            "campaign": self.campaign,
            "organization": self.organization,
            "sandbox": self.sandbox,
            "seen_at": self.seen_at,
            "managed": self.managed,
            "objects": [each.as_json() for each in self.objects],
            **({"unread": [{"kind": kind, "name": name} for kind, name in self.unread]} if self.unread else {}),
        }


def find_drift(
    access: Access, state: State, campaign: Campaign | None = None, on_page: OnPage | None = None
) -> Flow[Drift]:
    """What somebody else changed since the last apply. Reads each kind of the state once, page by page; writes nothing.

    The manifest is not needed. The leaves in its `ignore_changes` are not drift; without it, those of the manifest that
    was applied last. Raises `StateError` if the
    state is of another organization or sandbox, or of another campaign than the manifest.
    """
    settings = access.exchange.settings
    name = state.campaign if campaign is None else campaign.name
    check_state(name, state, settings.org_id, settings.sandbox)
    if campaign is None:
        ignored = {key: each.ignore_changes for key, each in state.objects.items()}
    else:
        ignored = {each.key: each.lifecycle.ignore_changes for each in campaign.objects}
    search = _Search(access, state, ignored)
    needed = referred_kinds(documents_of(state))
    for kind in KINDS.values():
        if kind.key in needed and access.generation.supports(kind):
            yield from read_kind(access, kind, search.take, on_page)
            yield from search.look_again()
            search.finish(kind)
    return Drift(
        state.campaign,
        state.organization,
        state.sandbox,
        format_instant(access.exchange.service_now()),
        len(state.objects),
        tuple(search.drifted),
        [key for key in state.objects if not access.generation.supports(KINDS[key[0]])],
    )


class _Search:
    """A search for drift in progress, kind by kind."""

    def __init__(self, access: Access, state: State, ignored: Mapping[Key, Collection[str]]) -> None:
        self._bases = state.objects
        self._ignored = ignored
        self._names = Names()
        self._rereading = Rereading(access)
        self._listed: dict[Key, Entity] = {}
        self._found: dict[Key, Drifted] = {}
        self._archived: dict[Key, Drifted] = {}
        self._as_applied: set[Key] = set()
        self.drifted: list[Drifted] = []

    def take(self, entity: Entity) -> None:
        """Look at one object of the library."""
        self._names.saw(entity)
        key = (entity.kind.key, entity.name or "")
        base = self._bases.get(key)
        if base is None:
            return
        seen = self._seen(key, base, entity)
        if entity.status == ARCHIVED and base.properties.get("status") != ARCHIVED:
            self._archived[key] = seen
        elif seen.edits:
            self._found[key] = seen
            self._listed[key] = entity
        else:
            self._as_applied.add(key)

    def look_again(self) -> Flow[None]:
        """Read objects that seem to be edited by their ids, because the listing may be older than the state."""
        for key, listed in self._listed.items():
            fresh = yield from self._rereading.now(listed)
            if fresh is not listed:
                seen = self._seen(key, self._bases[key], fresh)
                self._found[key] = seen
                if not seen.edits:
                    self._as_applied.add(key)
        self._listed.clear()

    def _seen(self, key: Key, base: Applied, entity: Entity) -> Drifted:
        applied = base.properties
        ignored = self._ignored.get(key, ())
        found = compare(entity.kind, self._names, entity.properties, applied, applied, ignored=ignored)
        # With the base on both sides, every difference is a conflict.
        edits = tuple(Edit(each.pointer, each.base, each.live) for each in found.conflicts)
        return Drifted(key, edits, "", entity.id, entity.editor, entity.modified)

    def finish(self, kind: Kind) -> None:
        """Decide about all objects of a kind, after every object of the kind was taken."""
        for key, base in self._bases.items():
            if key[0] == kind.key and (drifted := self._decided(key, base)) is not None:
                self.drifted.append(drifted)

    def _decided(self, key: Key, base: Applied) -> Drifted | None:
        ids = self._names.ids(key)
        if len(ids) > 1:
            return Drifted(key, reason=f"{len(ids)} objects have its name: {', '.join(ids)}")
        if key in self._as_applied:
            return None
        if key in self._found:
            return self._found[key]
        if key in self._archived:
            return self._archived[key]
        # A creation that was cut off may never have happened.
        return None if base.pending is not None else Drifted(key, reason=GONE)
