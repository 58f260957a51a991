"""The places of a document that refer to other objects, by id or by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from airflow_provider_offers.client.model.facts import RefersTo
from airflow_provider_offers.client.model.places import Place
from airflow_provider_offers.client.model.spelling import escape_token


@dataclass(frozen=True, slots=True)
class Pointing:
    """One place in a document that refers to another object: its pointer, its text, and the possible types."""

    pointer: str
    target: str
    type_names: tuple[str, ...]


@cache
def targets(place: Place) -> frozenset[str]:
    """The types of objects to which a document may refer at or below that place."""
    refers = place.fact(RefersTo)
    below = [*place.members.values(), *(each for each in (place.item, place.own) if each is not None)]
    return frozenset(refers.type_names if refers else ()).union(*map(targets, below))


def pointings(place: Place, value: Any, pointer: str = "") -> Iterator[Pointing]:
    """The references in the value, also in a value with other errors."""
    if not targets(place):
        return
    refers = place.fact(RefersTo)
    if refers is not None:
        if isinstance(value, str) and value:
            yield Pointing(pointer, value, refers.type_names)
    elif isinstance(value, list) and place.item is not None:
        for index, item in enumerate(value):
            yield from pointings(place.item, item, f"{pointer}/{index}")
    elif isinstance(value, Mapping) and place.item is None:
        for name, member in value.items():
            for each in pointings(place.below(name), member, f"{pointer}/{escape_token(name)}"):
                types = each.type_names if place.model is None else place.model.types_of(value, each.type_names)
                yield each if types == each.type_names else replace(each, type_names=types)


def without_receipts(place: Place, value: Any) -> Any:
    """The value with ids instead of tasks' results, at all places that expect an id."""
    if place.fact(RefersTo) is not None:
        # Every receipt has both members. No other object may stand here.
        is_receipt = isinstance(value, Mapping) and "instance_id" in value and isinstance(value.get("id"), str)
        return value["id"] if is_receipt else value
    if not targets(place):
        return value
    if isinstance(value, Mapping):
        return {name: without_receipts(place.below(name), member) for name, member in value.items()}
    if isinstance(value, list):
        return [without_receipts(place.below(str(index)), item) for index, item in enumerate(value)]
    return value
