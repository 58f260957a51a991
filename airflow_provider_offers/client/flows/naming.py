"""Names instead of ids in documents: `name:Newsletter top` becomes the id before anything is written."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from airflow_provider_offers.client.errors import AmbiguousNameError, APIError, NotFoundError, OfferLibraryError
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.ahead import Ahead
from airflow_provider_offers.client.flows.reading import BATCH, MOST_HINTS, look_alone, look_at, name_key, named
from airflow_provider_offers.client.flows.surveys import FEWEST, PATIENCE, find_names, names_by_kind
from airflow_provider_offers.client.model.collections import COLLECTED
from airflow_provider_offers.client.model.entities import Reference
from airflow_provider_offers.client.model.kinds import COLLECTION, Kind, kinds_of
from airflow_provider_offers.client.model.patches import PreparedPatch
from airflow_provider_offers.client.model.places import Pointing, pointings_by_name
from airflow_provider_offers.client.model.spelling import split_pointer
from airflow_provider_offers.client.text import on_lines
from airflow_provider_offers.client.wire.messages import Flow, Json, Pause

# A message tells at most this number of wrong names.
_MOST_TOLD = 20
# At most this number of named objects, and a tenth of the number of documents, are read by their ids.
_FEW_READS = 10
# More objects are read by their ids, too, if listings lag by more seconds than this.
_LONGEST_WAIT = 30.0
# What a name means: an object, none, or the error about several.
Meaning: TypeAlias = Reference | AmbiguousNameError | None
# A name, and the kinds to which its object may belong.
Wanted: TypeAlias = tuple[tuple[Kind, ...], str]


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


def with_ids(
    access: Access, kind: Kind, properties: Mapping[str, Json], patience: float = PATIENCE
) -> Flow[dict[str, Json]]:
    """The properties of an object with the id in place of every `name:`.

    Calls a lookup by name for each name that is not known yet; many names are looked up together. `patience` is the
    number of seconds by which a listing may lag. Raises `NotFoundError` and `AmbiguousNameError`, which
    say which names are wrong and where they stand.
    """
    (changed,) = yield from all_with_ids(access, [("", kind, properties)], patience)
    return changed


def all_with_ids(
    access: Access, documents: Iterable[tuple[str, Kind, Mapping[str, Json]]], patience: float
) -> Flow[list[dict[str, Json]]]:
    """`with_ids` for several documents, in few requests. Each has the place that messages name, such as `/3`.

    All names that cannot be resolved are in one error.
    """
    values = [
        _value(place, dict(properties), pointings_by_name(kind.place, properties))
        for place, kind, properties in documents
    ]
    return (yield from _resolved(access, values, patience))


def patch_with_ids(access: Access, patch: PreparedPatch, references: Sequence[Reference] = ()) -> Flow[PreparedPatch]:
    """The patch with the id in place of every `name:` in its values; see `with_ids`.

    `references` are the objects that get the patch. In a collection, the `filterType` says which kinds a name may
    belong to: the one that the patch sets, or else those of the collections.
    """
    types = None
    if patch.kind is COLLECTION and patch.named:
        types = yield from _collected_types(access, patch, references)
    values = [
        _value(f"/{index}/value", patch.parsed[index].value, pointings, types)
        for index, pointings in patch.named.items()
    ]
    changed = yield from _resolved(access, values, PATIENCE)
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
    """A value, its pointer in the whole document, and the references by name in it, by their pointers."""

    pointer: str
    value: Json
    named: Mapping[str, Wanted]

    def with_ids(self, meant: Mapping[Wanted, Meaning]) -> Json:
        """The value with ids in place of the names."""
        value = copy.deepcopy(self.value) if self.named else self.value
        for pointer, wanted in self.named.items():
            found = meant[wanted]
            assert isinstance(found, Reference)
            value = put_at(value, split_pointer(pointer), found.id)
        return value


def _value(pointer: str, value: Json, named: Iterable[Pointing], types: Collection[str] | None = None) -> _Value:
    """The value; with `types`, its names belong to these types only."""
    wanted = {}
    for each in named:
        kinds = kinds_of(word for word in each.type_names if types is None or word in types)
        wanted[each.pointer] = (tuple(kinds), each.name or "")
    return _Value(pointer, value, wanted)


def _resolved(access: Access, values: Sequence[_Value], patience: float) -> Flow[list[Json]]:
    """The values with ids, in the given order. All names that cannot be resolved are in one error."""
    wanted = dict.fromkeys(each for value in values for each in value.named.values())
    meant = yield from _meanings(access, wanted, len(values), patience)
    _refuse_wrong(access, values, meant)
    return [value.with_ids(meant) for value in values]


def _meanings(access: Access, wanted: Iterable[Wanted], documents: int, patience: float) -> Flow[dict[Wanted, Meaning]]:
    """What each name means. Each name is looked up once, for any number of documents.

    After enough unknown names, which fail the work, those that listings do not show count as unknown, too.
    """
    access, found = yield from _look_up_together(access, wanted, documents, patience)
    meant: dict[Wanted, Meaning] = {}
    unknown = 0
    for each in wanted:
        if each in found or (unknown >= _MOST_TOLD and access.ahead.shows_none(*each)):
            meant[each] = found.get(each)
            continue
        try:
            meant[each] = yield from named(access, *each)
        except AmbiguousNameError as error:
            meant[each] = error
        unknown += meant[each] is None
    return meant


def _refuse_wrong(access: Access, values: Iterable[_Value], meant: Mapping[Wanted, Meaning]) -> None:
    """Raise one error about all names that mean no object or several, each by its first place."""
    places: dict[Wanted, list[str]] = {}
    for value in values:
        for pointer, wanted in value.named.items():
            if not isinstance(meant[wanted], Reference):
                places.setdefault(wanted, []).append(value.pointer + pointer)
    unknown: list[str] = []
    ambiguous: list[str] = []
    ids: list[str] = []
    for (kinds, name), (first, *others) in places.items():
        more = f" (as in {len(others)} more place{'s' if len(others) > 1 else ''})" if others else ""
        found = meant[kinds, name]
        if isinstance(found, AmbiguousNameError):
            ambiguous.append(f"{first}: {found}{more}")
            ids += found.ids
        else:
            nouns = " or ".join(kind.noun for kind in kinds)
            unknown.append(f"{first} names {name!r}, but there is no such {nouns}{more}")
    if ambiguous:
        told = f"Names that could mean several objects:{on_lines(ambiguous, _MOST_TOLD)}"
        told += f"\nUnknown names:{on_lines(unknown, _MOST_TOLD)}" if unknown else ""
        raise AmbiguousNameError(told, ids=list(dict.fromkeys(ids)))
    if unknown:
        told = "; ".join(unknown[:_MOST_TOLD])
        told += f"; and {len(unknown) - _MOST_TOLD} more" if len(unknown) > _MOST_TOLD else ""
        detail = f"{told}, in the sandbox {access.exchange.settings.sandbox!r}"
        raise NotFoundError(method="GET", path="", status=404, title="Unknown names", detail=detail, refused=False)


def _look_up_together(
    access: Access, wanted: Iterable[Wanted], documents: int, patience: float
) -> Flow[tuple[Access, dict[Wanted, Reference]]]:
    """The objects of many names, by one listing of each kind, where that is cheaper than a lookup of each name.

    Returns an access that knows the listings, too. With it, `named` looks up each of the other names alone.

    A write cannot be guarded by the name of an object to which its document refers, and listings lag. So an object must
    still have its name in a read by its id; or, for many names, in a lookup by ids that begins when listings show all
    edits from before the start.
    """
    began = access.exchange.clock()
    found = {each: known for each in wanted if (known := access.known(name_key(*each))) is not None}
    missing = [each for each in wanted if each not in found]
    if len(missing) < FEWEST:
        return access, found
    access = replace(access, ahead=Ahead(access.exchange))
    for kind, names in names_by_kind((kind, name) for kinds, name in missing for kind in kinds):
        yield from find_names(access, kind, sorted(names))
    listed = {each: there for each in missing if (there := access.ahead.candidate(*each)) is not None}
    are_few = len(listed) <= _FEW_READS + documents // 10 or patience > _LONGEST_WAIT
    if not (are_few and patience):
        if listed and (left := began + patience - access.exchange.clock()) > 0:
            yield Pause(left, f"listings may still show old names of {len(listed)} named objects")
        found |= yield from _still_named(access, listed)
    return access, found


def _still_named(access: Access, listed: Mapping[Wanted, Reference]) -> Flow[dict[Wanted, Reference]]:
    """Those objects that lookups by ids show under these names; the access remembers them."""
    names: dict[str, list[Wanted]] = {}
    by_kind: dict[Kind, dict[str, Reference]] = {}
    for wanted, reference in listed.items():
        assert reference.id is not None
        names.setdefault(reference.id, []).append(wanted)
        by_kind.setdefault(reference.kind, {})[reference.id] = reference
    found: dict[Wanted, Reference] = {}
    for of_kind in by_kind.values():
        references = [of_kind[each] for each in sorted(of_kind)]
        for start in range(0, len(references), BATCH):
            try:
                states = yield from look_at(access, references[start : start + BATCH])
            except OfferLibraryError:
                # The lookup of each name reports the error.
                return found
            for entity in filter(None, states.values()):
                for each in names[entity.id]:
                    if entity.name == each[1]:
                        found[each] = access.remember(name_key(*each), entity.reference)
    return found


def put_at(document: Json, tokens: list[str], value: Json) -> Json:
    """The document with the value at the place; an empty path is the document itself."""
    if not tokens:
        return value
    holder = document
    for token in tokens[:-1]:
        holder = holder[int(token)] if isinstance(holder, list) else holder[token]
    holder[int(tokens[-1]) if isinstance(holder, list) else tokens[-1]] = value
    return document
