"""One reading of the library, kind by kind and page by page. Of most objects, only the names and ids are kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from airflow_provider_offers.campaigns.errors import StateError
from airflow_provider_offers.campaigns.objects import Key
from airflow_provider_offers.campaigns.state.states import State
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.reading import look_alone
from airflow_provider_offers.client.model.entities import Entity
from airflow_provider_offers.client.model.identifiers import NAME_PREFIX, name_in
from airflow_provider_offers.client.model.kinds import KINDS, Kind, kinds_of
from airflow_provider_offers.client.model.lifecycle import ARCHIVED
from airflow_provider_offers.client.model.places import pointings, targets
from airflow_provider_offers.client.model.respelling import bare_name
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.client.wire.messages import Flow, Json

_IN_VAIN = 32


@dataclass(slots=True)
class Rereading:
    """Reads objects by their ids: a listing may lag behind the latest edits.

    A plan or a search for drift that is about to blame somebody for an edit looks at the object itself first. It ends
    after `left` objects in a row that are as they were listed: then the listing is new, and the edits are real.
    """

    access: Access
    left: int = _IN_VAIN

    def now(self, listed: Entity) -> Flow[Entity]:
        """The current state of an object; as it was listed if enough objects have been read, or if it has moved on."""
        if self.left <= 0:
            return listed
        fresh: Entity | None = yield from look_alone(self.access, listed.reference)
        self.left = self.left - 1 if fresh is not None and fresh.etag == listed.etag else _IN_VAIN
        return listed if fresh is None or fresh.name != listed.name else fresh


class Names:
    """The names and ids of the objects that are not archived, to read references in both forms.

    `renamed` has the new names of objects that a plan renames.
    """

    def __init__(self) -> None:
        self._name_by_id: dict[str, dict[str, str]] = {}
        # Most ids of a kind begin alike. Of one that is alone under its name, the end is kept, which is a key above.
        self._ids_by_name: dict[str, dict[str, str | tuple[str, ...]]] = {}
        self._beginnings: dict[str, str] = {}
        self.renamed: dict[Key, str] = {}
        self._bare_names: dict[str, dict[str, str]] = {}

    def saw(self, entity: Entity, name: str | None = None) -> None:
        """Keep the name and the id of an object that a listing shows; `name` is the name, where the caller has it."""
        name = entity.name if name is None else name
        if name is None or entity.status == ARCHIVED:
            return
        key, bare = entity.kind.key, _bare(entity.id)
        self._name_by_id.setdefault(key, {})[bare] = name
        before = self.ids((key, name))
        beginning = self._beginnings.setdefault(key, "".join(entity.id.rpartition(":")[:2]))
        is_short = not before and entity.id == beginning + bare
        self._ids_by_name.setdefault(key, {})[name] = bare if is_short else (*before, entity.id)

    def rename(self, entity: Entity, name: str) -> None:
        """Keep an object that a listing shows under its new name."""
        before = (entity.kind.key, entity.name or "")
        others = tuple(each for each in self.ids(before) if each != entity.id)
        del self._ids_by_name[before[0]][before[1]]
        if others:
            self._ids_by_name[before[0]][before[1]] = others
        self.saw(entity, name)

    def ids(self, key: Key) -> Sequence[str]:
        """The ids of the objects of that kind and name that are not archived, the oldest first."""
        kind, name = key
        told = self._ids_by_name.get(kind, {}).get(name, ())
        return (self._beginnings[kind] + told,) if isinstance(told, str) else told

    def alike(self, key: Key) -> str | None:
        """Another name of the kind that looks the same: it differs in case, blanks or the form of its letters.

        All objects of the kind have to be known.
        """
        kind, name = key
        if kind not in self._bare_names:
            self._bare_names[kind] = {bare_name(each): each for each in self._ids_by_name.get(kind, ())}
        return self._bare_names[kind].get(bare_name(name))

    def has_id(self, target: str, kinds: Iterable[Kind]) -> bool:
        """Whether an object of one of these kinds, which is not archived, has the id."""
        return any(_bare(target) in self._name_by_id.get(kind.key, {}) for kind in kinds)

    def meant(self, key: Key) -> Sequence[str]:
        """The ids of the objects that have the name after the renames of the plan."""
        olds = [(kind, old) for (kind, old), new in self.renamed.items() if (kind, new) == key]
        return [identifier for each in (key, *olds) for identifier in self.ids(each)]

    def symbol(self, target: str, type_names: Iterable[str]) -> str:
        """A reference as plans and states show it.

        An id becomes `name:` and the name if an object of one of these types has it, and no other object that may stand
        there has that name. Otherwise, it stays an id.
        """
        kinds = kinds_of(type_names)
        name = name_in(target)
        if name is not None:
            return NAME_PREFIX + self._new_name(name, kinds)
        bare = _bare(target)
        for kind in kinds:
            name = self._name_by_id.get(kind.key, {}).get(bare)
            if name is not None:
                return NAME_PREFIX + self._new_name(name, [kind]) if self._is_clear(name, kinds) else target
        return target

    def _is_clear(self, name: str, kinds: Sequence[Kind]) -> bool:
        """Whether `name:` and this name mean one object. A `name:` has no blanks around the name."""
        return name == name.strip() and sum(len(self.ids((kind.key, name))) for kind in kinds) == 1

    def _new_name(self, name: str, kinds: Sequence[Kind]) -> str:
        return next((new for kind in kinds if (new := self.renamed.get((kind.key, name))) is not None), name)


def referred_kinds(documents: Iterable[tuple[Kind, Mapping[str, Json]]]) -> set[str]:
    """The keys of the kinds of these objects, and of the kinds to which they refer."""
    needed: set[str] = set()
    for kind, properties in documents:
        needed.add(kind.key)
        for name, value in properties.items():
            place = kind.place.below(name)
            # Once a kind is needed, nobody has to look for more references to it.
            if any(each.key not in needed for each in kinds_of(targets(place))):
                found = (each.type_names for each in pointings(place, value))
                types = (kind.model.types_of(properties, names) for names in found)
                needed |= {each.key for names in types for each in kinds_of(names)}
    return needed


def documents_of(state: State) -> Iterator[tuple[Kind, Mapping[str, Json]]]:
    """What was applied last, with the kind of each object."""
    return ((KINDS[key[0]], base.properties) for key, base in state.objects.items() if key[0] in KINDS)


def check_state(campaign: str, state: State, organization: str, sandbox: str) -> None:
    """Raise `StateError` if the state is that of another campaign, organization or sandbox."""
    given = (state.campaign, state.organization, state.sandbox)
    expected = (campaign, organization, sandbox)
    if given != expected:
        raise StateError(
            "The state is not that of this campaign, organization and sandbox: given "
            f"{', '.join(map(quoted, given))}; expected {', '.join(map(quoted, expected))}"
        )


def _bare(identifier: str) -> str:
    """The id without its generation and type: each generation may spell them in its own way."""
    return identifier.rpartition(":")[2].casefold()
