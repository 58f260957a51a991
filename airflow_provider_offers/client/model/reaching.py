"""What a decision can reach: the offers that a collection contains, and those that a part of a decision names."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Set
from typing import TypeVar

from airflow_provider_offers.client.wire.messages import Json

K = TypeVar("K", bound=Hashable)


def contained(collection: Mapping[str, Json], by_tag: Mapping[str, Set[K]], by_id: Mapping[str, K]) -> Set[K]:
    """The offers that a collection contains, of those that are known by the ids of their tags and by their own id."""
    ids, how = set(texts(collection.get("ids"))), collection.get("filterType")
    tagged = [by_tag.get(each, frozenset()) for each in ids]
    if how == "all-tags":
        return frozenset.intersection(*map(frozenset, tagged)) if tagged else frozenset()
    if how == "any-tags":
        return frozenset().union(*tagged)
    return {by_id[each] for each in ids & by_id.keys()}


def named(part: Json, by_collection: Mapping[str, Set[K]], by_id: Mapping[str, K]) -> set[K]:
    """The offers that a decision, or a part of one, names: by a collection, or one by one."""
    reached: set[K] = set()
    for text in texts(part):
        reached |= by_collection.get(text, frozenset())
        if (offer := by_id.get(text)) is not None:
            reached.add(offer)
    return reached


def texts(value: Json) -> Collection[str]:
    """Every text in a value."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return [text for each in inner for text in texts(each)]
