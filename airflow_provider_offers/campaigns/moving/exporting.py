"""Exports an existing library, or what a selection picks of it, as a manifest with names in place of ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_offers.campaigns.manifest.models import API_VERSION, SECTION_OF
from airflow_provider_offers.campaigns.manifest.templates import is_template
from airflow_provider_offers.campaigns.moving.selecting import Selection
from airflow_provider_offers.campaigns.objects import Key
from airflow_provider_offers.campaigns.planning.comparing import compare, symbolic
from airflow_provider_offers.campaigns.planning.snapshot import Names
from airflow_provider_offers.client.errors import Doubt, InvalidInputError, Violation
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.model.cleaning import tidied
from airflow_provider_offers.client.model.comparing import EMPTY
from airflow_provider_offers.client.model.entities import Entity
from airflow_provider_offers.client.model.kinds import KINDS, kinds_of
from airflow_provider_offers.client.model.lifecycle import ARCHIVED
from airflow_provider_offers.client.model.places import Place, pointings
from airflow_provider_offers.client.model.validation import offer_findings
from airflow_provider_offers.client.reading import OnPage, read_kind
from airflow_provider_offers.client.text import listed, quoted
from airflow_provider_offers.client.wire.messages import Flow, Json

# What the service and its user interface keep for themselves.
_KEPT = ("segmentModel", "fCapConstraintsLastIndex")


@dataclass(frozen=True, slots=True)
class Exported:
    """Objects of a library, in the order of creation. References are by `name:` where a name means one object.

    `external` are objects to which they refer and that are not part of the export. `notes` are sentences about what was
    left out, and why.
    """

    objects: Mapping[Key, Mapping[str, Json]]
    external: Sequence[Key] = ()
    notes: Sequence[str] = ()

    def manifest(self, campaign: str, target: str, connection: str, sandbox: str | None = None) -> dict[str, Json]:
        """The document of a manifest for these objects, with one target."""
        entry = {"connection": connection} | ({} if sandbox is None else {"sandbox": sandbox})
        document: dict[str, Any] = {"apiVersion": API_VERSION, "campaign": campaign, "targets": {target: entry}}
        for kind, name in self.external:
            document.setdefault("external", {}).setdefault(SECTION_OF[kind], []).append(name)
        for (kind, _), properties in self.objects.items():
            entries: list[Json] = document.setdefault(SECTION_OF[kind], [])
            entries.append({**properties, "templates": False} if _has_template(properties) else dict(properties))
        return document


def check_head(campaign: str, target: str, connection: str) -> None:
    """Raise `InvalidInputError` for names with which the manifest of an export would not be valid."""
    given = {"campaign": campaign, "target": target, "connection": connection}
    wrong = [
        Violation(name, quoted(each, 80), "text that is neither blank nor a template")
        for name, each in given.items()
        if not isinstance(each, str) or not each.strip() or is_template(each)
    ]
    if wrong:
        raise InvalidInputError("The export is not valid", wrong)


def export_library(
    access: Access, select: Sequence[str] = (), *, only: bool = False, on_page: OnPage | None = None
) -> Flow[Exported]:
    """The objects of the library, or those that the patterns of `select` pick. Writes nothing.

    Reads each kind once, page by page. See `Selection` for patterns; with `only`, the objects that match are exported
    without those that they need, which are external then. Left out are archived objects, several objects of one name,
    and objects that a manifest cannot describe.

    Raises `InvalidInputError` for a pattern that is not valid, or that nothing matches.
    """
    selection = Selection(select)
    entities: list[Entity] = []
    names = Names()

    def take(entity: Entity) -> None:
        names.saw(entity)
        entities.append(entity)

    for kind in KINDS.values():
        if access.generation.supports(kind):
            yield from read_kind(access, kind, take, on_page)
    export = _Export(names)
    picked = selection.of(entities, only=only) if selection else None
    for entity in entities:
        if picked is None or (entity.kind.key, entity.name or "") in picked:
            export.add(entity)
    return export.done()


@dataclass(slots=True)
class _Export:
    """An export in progress."""

    names: Names
    _objects: dict[Key, dict[str, Json]] = field(default_factory=dict)
    _archived: int = 0
    _hidden: dict[str, list[str]] = field(default_factory=dict)
    _notes: dict[str, None] = field(default_factory=dict)

    def add(self, entity: Entity) -> None:
        """Add an object, or a note why it is left out."""
        key = (entity.kind.key, entity.name or "")
        if entity.status == ARCHIVED:
            self._archived += 1
        elif not entity.name:
            self._note(f"the {entity.kind.noun} {entity.id} has no name")
        elif len(ids := self.names.ids(key)) > 1:
            self._note(f"{len(ids)} {entity.kind.noun}s are called {quoted(entity.name, 80)}: {', '.join(ids)}")
        else:
            self._describe(key, entity)

    def _describe(self, key: Key, entity: Entity) -> None:
        kind = entity.kind
        properties = dict(_described(kind.place, entity.properties))
        named = tidied(kind, symbolic(kind, self.names, properties))
        wrong = [each for each in offer_findings(kind, named, named) if not isinstance(each, Doubt)]
        if wrong:
            self._note(f"a manifest cannot describe the {kind.noun} {entity.called}: {wrong[0]}")
            return
        # An export that a plan would change is wrong.
        for each in compare(kind, self.names, entity.properties, named, None).conflicts:
            name = each.pointer.split("/")[1]
            self._note(f"a manifest cannot describe {each.pointer} of the {kind.noun} {entity.called}")
            if kind.place.requires(name):
                return
            named.pop(name, None)
        self._objects[key] = named
        for name in kind.unreliable_on_read:
            if name not in entity.properties and kind.place.below(name).holds is not str:
                self._hidden.setdefault(name, []).append(f"the {kind.noun} {entity.called}")

    def _note(self, reason: str) -> None:
        self._notes[f"Left out: {reason}"] = None

    def done(self) -> Exported:
        """The export, after every object was added."""
        external: dict[Key, None] = {}
        for (kind, name), properties in self._objects.items():
            for each in pointings(KINDS[kind].place, properties):
                if (target := each.name) is None:
                    called = f"the {KINDS[kind].noun} {quoted(name, 80)}"
                    self._notes[f"{each.pointer} of {called} stays an id: {each.target} has no name of its own"] = None
                    continue
                for referred in kinds_of(each.type_names):
                    if self.names.ids((referred.key, target)) and (referred.key, target) not in self._objects:
                        external[referred.key, target] = None
        for hidden, owners in self._hidden.items():
            self._notes[f"Reads do not show {hidden} of {listed(owners)}: if there is one, add it by hand"] = None
        if self._archived:
            self._notes[f"Left out: {self._archived} archived objects"] = None
        return Exported(self._objects, tuple(external), tuple(self._notes))


def _described(place: Place, value: Json) -> Json:
    """A value with the members that Adobe's pages show: a manifest refuses others. Empty members are left out."""
    if place.item is not None and isinstance(value, list):
        return [_described(place.item, item) for item in value]
    if isinstance(value, Mapping) and place.own is not None:
        return {name: _described(place.own, member) for name, member in value.items()}
    if isinstance(value, Mapping) and place.known:
        return {
            name: _described(place.below(name), value[name])
            for name in place.known
            if name in value and name not in _KEPT and (value[name] not in EMPTY or place.requires(name))
        }
    return value


def _has_template(value: Json) -> bool:
    return any(is_template(text) for text in _texts(value))


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for each in inner:
        yield from _texts(each)
