"""Which offers a live decision can reach at once, so that they are approved only when all content is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field, replace

from airflow_provider_offers.campaigns.objects import Key
from airflow_provider_offers.campaigns.planning.snapshot import Names
from airflow_provider_offers.campaigns.plans import PlannedObject
from airflow_provider_offers.client.model.entities import Entity
from airflow_provider_offers.client.model.identifiers import name_in
from airflow_provider_offers.client.model.kinds import COLLECTION, DECISION, TAG, kinds_of
from airflow_provider_offers.client.model.lifecycle import LIVE
from airflow_provider_offers.client.model.places import pointings
from airflow_provider_offers.client.model.reaching import contained, named, texts
from airflow_provider_offers.client.wire.messages import Json


@dataclass(slots=True)
class Reach:
    """The offers that are about to be approved, and those of them that a live decision can show at once.

    Only these offers, and the collections that contain one of them, are kept.
    """

    names: Names
    reached: set[Key] = field(default_factory=set)
    _by_tag: dict[str, set[Key]] = field(default_factory=dict)
    _is_asked: bool = False
    _keys: dict[str, Key] = field(default_factory=dict)
    _by_collection: dict[str, Set[Key]] = field(default_factory=dict)
    # The live decisions, each with the offers that it shows.
    _by_decision: dict[str, Set[Key]] = field(default_factory=dict)

    @property
    def is_asked(self) -> bool:
        """Whether any offer is about to be approved."""
        return self._is_asked

    def add(self, key: Key, identifier: str | None, *documents: Mapping[str, Json]) -> None:
        """Add an offer that is about to be approved, with its tags before and after."""
        self._is_asked = True
        for tag in {tag for each in documents for tag in self._tag_ids(each.get("tags"))}:
            self._by_tag.setdefault(tag, set()).add(key)
        if identifier is not None:
            self._keys[identifier] = key

    def saw(self, entity: Entity) -> None:
        """Look at a collection or a decision of the library."""
        if entity.kind is COLLECTION and self._is_asked:
            if held := contained(entity.properties, self._by_tag, self._keys):
                self._by_collection[entity.id] = held
        elif entity.kind is DECISION and self._is_asked and entity.status == LIVE:
            self._by_decision[entity.id] = shown = named(entity.properties, self._by_collection, self._keys)
            self.reached |= shown

    def may_wait(self, identifier: str) -> bool:
        """Whether a collection or a live decision shows none of the reached offers, so that they can go out before it.

        False if no offer is reached.
        """
        shown = self._by_collection if identifier in self._by_collection else self._by_decision
        return bool(self.reached) and not self.reached & shown.get(identifier, frozenset())

    def _tag_ids(self, tags: Json) -> Iterator[str]:
        for tag in texts(tags):
            name = name_in(tag)
            yield from [tag] if name is None else self.names.meant((TAG.key, name))


def after(entity: Entity, planned: PlannedObject | None, names: Names) -> Entity:
    """An object of the library as the plan makes it, with ids in place of the names of what it refers to."""
    if planned is None or planned.properties is None or not planned.changes:
        return entity
    changed = {each.pointer.split("/")[1] for each in planned.changes}
    properties = {name: value for name, value in entity.properties.items() if name not in changed}
    properties |= {name: value for name, value in planned.properties.items() if name in changed}
    ids: dict[str, list[Json]] = {}
    for each in pointings(entity.kind.place, properties):
        if each.name is not None:
            kinds = kinds_of(each.type_names)
            ids.setdefault(each.target, []).extend(i for kind in kinds for i in names.meant((kind.key, each.name)))
    return replace(entity, properties=_with_ids(properties, ids))


def _with_ids(value: Json, ids: Mapping[str, list[Json]]) -> Json:
    """The value with a list of the ids in place of each text that names some."""
    if isinstance(value, Mapping):
        return {name: _with_ids(member, ids) for name, member in value.items()}
    if isinstance(value, list):
        return [_with_ids(item, ids) for item in value]
    return ids.get(value, value) if isinstance(value, str) else value
