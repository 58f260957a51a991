"""Selects objects of a library by patterns such as `tag:Spring*`, with everything that belongs to them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from airflow_provider_offers.campaigns.manifest.models import MOVED, SECTIONS
from airflow_provider_offers.campaigns.objects import Key
from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.model.entities import Entity
from airflow_provider_offers.client.model.kinds import COLLECTION, PERSONALIZED, TAG, Kind
from airflow_provider_offers.client.model.likeness import near, perhaps
from airflow_provider_offers.client.model.places import pointings
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.client.wire.messages import Json

# The kinds by the words before the colon of a pattern: `tag` or `tags`, `offer` or `offers`, …
WORDS: dict[str, Kind] = {**MOVED, **SECTIONS}
# The most names that a message suggests.
_SUGGESTED = 3


class Selection:
    """The patterns of a selection: a word for the kind, a colon, and a name with `*` and `?`; or only a name.

    Raises `InvalidInputError` for an unknown kind.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns: dict[str, tuple[Kind | None, str]] = {}
        violations = []
        for given in patterns:
            word, colon, name = given.partition(":")
            kind = WORDS.get(word.strip().casefold()) if colon else None
            if colon and kind is None:
                accepted = f"a kind before the colon: {', '.join(SECTIONS)}{perhaps(near(word.strip(), WORDS))}"
                violations.append(Violation("select", quoted(given, 80), accepted))
            self._patterns[given] = (kind, name if colon else given)
        if violations:
            raise InvalidInputError("The selection is not valid", violations)

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def of(self, entities: Collection[Entity], *, only: bool = False) -> set[Key]:
        """The keys of the selected objects: those that match, and all that belong to them unless `only` is set.

        An object brings what it refers to. A collection brings the offers in it. A collection qualifier that matches
        brings the offers and collections that use it, and the decisions that use these collections.

        Raises `InvalidInputError` for a pattern that nothing matches.
        """
        by_id = {entity.id: entity for entity in entities}
        matching = {
            given: [each for each in entities if _matches(each, *wanted)] for given, wanted in self._patterns.items()
        }
        if nothing := [given for given, found in matching.items() if not found]:
            accepted = "a pattern that the name of an object matches"
            found_nothing = [
                Violation("select", quoted(given, 80), f"{accepted}{perhaps(_meant(entities, *self._patterns[given]))}")
                for given in nothing
            ]
            raise InvalidInputError("The selection finds nothing", found_nothing)
        started = {each.id: each for found in matching.values() for each in found}
        if only:
            return {_key(entity) for entity in started.values()}
        for user in list(_users(started.values(), by_id)):
            started.setdefault(user.id, user)
        return {_key(entity) for entity in _with_needed(started, by_id)}


def _matches(entity: Entity, kind: Kind | None, pattern: str) -> bool:
    return (kind is None or kind is entity.kind) and entity.name is not None and fnmatchcase(entity.name, pattern)


def _meant(entities: Iterable[Entity], kind: Kind | None, pattern: str) -> list[str]:
    """The first names that a pattern matches in another case and without blanks around it, or that are like it."""
    names = sorted({each.name for each in entities if each.name is not None and kind in (None, each.kind)})
    loose = pattern.strip().casefold()
    found = [name for name in names if fnmatchcase(name.casefold(), loose)] or near(pattern, names)
    return found[:_SUGGESTED]


def _key(entity: Entity) -> Key:
    return entity.kind.key, entity.name or ""


def _users(started: Iterable[Entity], by_id: Mapping[str, Entity]) -> Iterator[Entity]:
    """The objects that use the collection qualifiers among the first ones: in two steps, up to the decisions."""
    left = {each.id for each in started if each.kind is TAG}
    for kinds in ((PERSONALIZED.key, "fallback", COLLECTION.key), ("decision",)):
        if not left:
            return
        found = [each for each in by_id.values() if each.kind.key in kinds and left & _referred(each)]
        yield from found
        left = {each.id for each in found if each.kind is COLLECTION}


def _with_needed(started: Mapping[str, Entity], by_id: Mapping[str, Entity]) -> Iterator[Entity]:
    """The objects, and all that they need, each once."""
    seen, left = set(started), list(started.values())
    by_tag: dict[str, set[str]] = {}
    for each in by_id.values():
        for tag in _texts(each.properties.get("tags")) if each.kind is PERSONALIZED else ():
            by_tag.setdefault(tag, set()).add(each.id)
    while left:
        entity = left.pop()
        yield entity
        for identifier in (*_referred(entity), *_collected(entity, by_tag)):
            if identifier in by_id and identifier not in seen:
                seen.add(identifier)
                left.append(by_id[identifier])


def _referred(entity: Entity) -> set[str]:
    return {each.target for each in pointings(entity.kind.place, entity.properties)}


def _collected(entity: Entity, by_tag: Mapping[str, set[str]]) -> set[str]:
    """The offers that a collection by qualifiers contains."""
    how = entity.properties.get("filterType")
    if entity.kind is not COLLECTION or how not in ("any-tags", "all-tags"):
        return set()
    tagged = [by_tag.get(tag, set()) for tag in _texts(entity.properties.get("ids"))]
    return set.intersection(*tagged) if how == "all-tags" and tagged else set().union(*tagged)


def _texts(value: Json) -> set[str]:
    return {each for each in value if isinstance(each, str)} if isinstance(value, list) else set()
