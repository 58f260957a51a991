"""Names instead of ids in documents: `name:Newsletter top` becomes the id before anything is written."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from airflow_provider_offers.client.errors import AmbiguousNameError, APIError, NotFoundError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.ahead import Ahead
from airflow_provider_offers.client.flows.reading import BATCH, MOST_HINTS, look_alone, look_at, name_key, named
from airflow_provider_offers.client.flows.surveys import FEWEST, find_names, names_by_kind
from airflow_provider_offers.client.model.collections import COLLECTED
from airflow_provider_offers.client.model.entities import Reference
from airflow_provider_offers.client.model.kinds import COLLECTION, Kind, kinds_of
from airflow_provider_offers.client.model.patches import PreparedPatch
from airflow_provider_offers.client.model.places import Pointing, pointings_by_name
from airflow_provider_offers.client.model.spelling import split_pointer
from airflow_provider_offers.client.text import on_lines
from airflow_provider_offers.client.wire.messages import Flow, Json

# A message names at most this number of wrong references.
_MOST_TOLD = 20


def has_names(kind: Kind, properties: Mapping[str, Json]) -> bool:
    """Whether a document refers to an object by its name."""
    return bool(pointings_by_name(kind.place, properties))


def name_hinted(refused: APIError, references: Iterable[Pointing]) -> APIError:
    """The refusal of a write with these references, with a hint for those that may be names without their prefix.

    If the refusal quotes some of them, the hint is about these.
    """
    doubtful = {each.target: each.hint for each in references if each.hint}
    quoted = {target: hint for target, hint in doubtful.items() if target in f"{refused.title} {refused.detail}"}
    hints = list((quoted or doubtful).values())[:MOST_HINTS]
    return refused.with_hint("\n  ".join(hints)) if hints else refused


def with_ids(access: Access, kind: Kind, properties: Mapping[str, Json]) -> Flow[dict[str, Json]]:
    """The properties of an object with the id in place of every `name:`.

    Calls a lookup by name for each name that is not known yet. Raises `NotFoundError` and `AmbiguousNameError`, which
    say which names are wrong and where they stand.
    """
    (changed,) = yield from all_with_ids(access, [("", kind, properties)])
    return changed


def all_with_ids(
    access: Access, documents: Iterable[tuple[str, Kind, Mapping[str, Json]]]
) -> Flow[list[dict[str, Json]]]:
    """`with_ids` for several documents, in few requests. Each has the place that messages name, such as `/3`.

    All names that cannot be resolved are in one error.
    """
    values = [
        _Value(place, dict(properties), pointings_by_name(kind.place, properties))
        for place, kind, properties in documents
    ]
    return (yield from _resolved(access, values))


def patch_with_ids(access: Access, patch: PreparedPatch, references: Sequence[Reference] = ()) -> Flow[PreparedPatch]:
    """The patch with the id in place of every `name:` in its values; see `with_ids`.

    `references` are the objects that get the patch. In a collection, the `filterType` says which kinds a name may
    belong to: the one that the patch sets, or else those of the collections.
    """
    types = None
    if patch.kind is COLLECTION and patch.named:
        types = yield from _collected_types(access, patch, references)
    values = [
        _Value(f"/{index}/value", patch.parsed[index].value, pointings) for index, pointings in patch.named.items()
    ]
    changed = yield from _resolved(access, values, types)
    return patch.with_values(dict(zip(patch.named, changed, strict=True)))


def _collected_types(access: Access, patch: PreparedPatch, references: Sequence[Reference]) -> Flow[set[str] | None]:
    """The types to which the ids of these collections may belong after the patch; None if that is not known."""
    how = patch.values_of("filterType")
    if how:
        how = how[-1:]
    else:
        for reference in references:
            there = yield from look_alone(access, reference)
            how += [] if there is None else [there.properties.get("filterType")]
    if not how or not all(isinstance(word, str) and word in COLLECTED for word in how):
        return None
    return {type_name for word in how for type_name in COLLECTED[word]}


@dataclass(frozen=True, slots=True)
class _Value:
    """A value, its pointer in the whole document, and the references by name in it."""

    pointer: str
    value: Json
    named: Sequence[Pointing]


def _resolved(access: Access, values: Sequence[_Value], types: Collection[str] | None = None) -> Flow[list[Json]]:
    """The values with ids, in the given order. All names that cannot be resolved are in one error.

    With `types`, names belong to these types only.
    """
    yield from _look_up_together(
        access, ((_kinds(each, types), each.name or "") for given in values for each in given.named)
    )
    changed: list[Json] = []
    unknown: list[str] = []
    ambiguous: dict[str, AmbiguousNameError] = {}
    for given in values:
        value = copy.deepcopy(given.value) if given.named else given.value
        for each in given.named:
            kinds = _kinds(each, types)
            try:
                found = yield from named(access, kinds, each.name or "")
            except AmbiguousNameError as error:
                ambiguous[given.pointer + each.pointer] = error
                continue
            if found is None:
                nouns = " or ".join(kind.noun for kind in kinds)
                unknown.append(f"{given.pointer}{each.pointer} names {each.name!r}, but there is no such {nouns}")
            else:
                value = put_at(value, split_pointer(each.pointer), found.id)
        changed.append(value)
    if ambiguous:
        told = on_lines([f"{pointer}: {error}" for pointer, error in ambiguous.items()], _MOST_TOLD)
        ids = [identifier for error in ambiguous.values() for identifier in error.ids]
        raise AmbiguousNameError(f"Names that could mean several objects:{told}", ids=ids)
    if unknown:
        told = "; ".join(unknown[:_MOST_TOLD])
        told += f"; and {len(unknown) - _MOST_TOLD} more" if len(unknown) > _MOST_TOLD else ""
        detail = f"{told}, in the sandbox {access.exchange.settings.sandbox!r}"
        raise NotFoundError(method="GET", path="", status=404, title="Unknown names", detail=detail, refused=False)
    return changed


def _kinds(pointing: Pointing, types: Collection[str] | None) -> tuple[Kind, ...]:
    """The kinds to which the object of a name may belong."""
    return tuple(kinds_of(word for word in pointing.type_names if types is None or word in types))


def _look_up_together(access: Access, wanted: Iterable[tuple[tuple[Kind, ...], str]]) -> Flow[None]:
    """Look up many names in one listing of each kind, where that is cheaper than a lookup of each name.

    Reads the objects that it finds in few lookups by ids. The access remembers those that still have their names; each
    of the other names is looked up alone.
    """
    unknown = {(kinds, name) for kinds, name in wanted if access.known(name_key(kinds, name)) is None}
    if len(unknown) < FEWEST:
        return
    ahead = Ahead(access.exchange)
    for kind, names in names_by_kind((kind, name) for kinds, name in unknown for kind in kinds):
        yield from find_names(replace(access, ahead=ahead), kind, sorted(names))
    found: dict[Kind, dict[str, tuple[Reference, tuple[Kind, ...], str]]] = {}
    for kinds, name in unknown:
        candidate = ahead.candidate(kinds, name)
        if candidate is not None and candidate.id is not None:
            found.setdefault(candidate.kind, {})[candidate.id] = candidate, kinds, name
    for of_kind in found.values():
        ids = sorted(of_kind)
        for start in range(0, len(ids), BATCH):
            states = yield from look_at(access, [of_kind[each][0] for each in ids[start : start + BATCH]])
            for entity in states.values():
                if entity is not None and entity.name == of_kind[entity.id][2]:
                    access.remember(name_key(*of_kind[entity.id][1:]), entity.reference)


def put_at(document: Json, tokens: list[str], value: Json) -> Json:
    """The document with the value at the place; an empty path is the document itself."""
    if not tokens:
        return value
    holder = document
    for token in tokens[:-1]:
        holder = holder[int(token)] if isinstance(holder, list) else holder[token]
    holder[int(tokens[-1]) if isinstance(holder, list) else tokens[-1]] = value
    return document
