"""Several objects at once: reading them together, and documents for each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.ahead import Ahead
from airflow_provider_offers.client.flows.reading import BATCH, look_alone, look_at, resolve
from airflow_provider_offers.client.flows.surveys import find_names, names_by_kind
from airflow_provider_offers.client.model.cleaning import tidied
from airflow_provider_offers.client.model.documents import neutral_payload
from airflow_provider_offers.client.model.entities import (
    Entity,
    Reference,
)
from airflow_provider_offers.client.model.validation import (
    Validate,
    check_offer,
)
from airflow_provider_offers.client.wire.messages import Flow, Json


def look_at_all(access: Access, references: Sequence[Reference]) -> Flow[list[Entity | None]]:
    """The current state of objects of any kinds, in the given order, in few requests; None for one that is gone.

    Names are looked up in one listing of their kind, if that is cheaper than a lookup of each. An object that the
    lookup of many then shows under another name is looked up alone.
    """
    found: dict[Reference, Entity | None] = {}
    by_kind: dict[str, dict[Reference, Reference]] = {}
    listing = yield from _with_names(access, references)
    for reference in dict.fromkeys(references):
        meant = listing.ahead.candidate((reference.kind,), _name(reference)) or reference
        # A lookup of several objects needs reference ids.
        if meant.id is None or len(references) == 1:
            found[reference] = yield from look_alone(access, reference)
        else:
            by_kind.setdefault(reference.kind.key, {})[reference] = meant
    for same_kind in by_kind.values():
        wanted = list(same_kind)
        for start in range(0, len(wanted), BATCH):
            batch = wanted[start : start + BATCH]
            states: dict[str, Entity | None] = yield from look_at(access, [same_kind[each] for each in batch])
            for reference in batch:
                entity = states.get(same_kind[reference].id or "")
                if (name := _name(reference)) and (entity is None or entity.name != name):
                    entity = yield from look_alone(access, reference)
                found[reference] = entity
    return [found[reference] for reference in references]


def _name(reference: Reference) -> str:
    """The name, if it is all that is known of the object; otherwise empty."""
    return reference.name or "" if reference.id is None and reference.instance_id is None else ""


def _with_names(access: Access, references: Sequence[Reference]) -> Flow[Access]:
    """The access with one listing of each kind for the names among the references, where that is cheaper."""
    access = replace(access, ahead=Ahead(access.exchange))
    for kind, names in names_by_kind((each.kind, _name(each)) for each in references if _name(each)):
        yield from find_names(access, kind, names)
    return access


def read_documents(
    references: Sequence[Reference], documents: Sequence[Any], validate: Validate
) -> tuple[dict[Reference, Mapping[str, Json]], list[Violation]]:
    """The new properties of each object, in neutral names, and what is wrong with each."""
    meant: dict[Reference, Mapping[str, Json]] = {}
    violations: list[Violation] = []
    for index, (reference, document) in enumerate(zip(references, documents, strict=True)):
        place = f"/{index}" if len(references) > 1 else ""
        try:
            properties = neutral_payload(document, reference.kind)
            properties = properties if validate is False else tidied(reference.kind, properties)
            properties.pop("id", None)
            check_offer(reference.kind, properties, document, validate)
        except InvalidInputError as error:
            violations += [replace(each, pointer=f"{place}{each.pointer}") for each in error.violations]
            continue
        if reference in meant:
            violations.append(_twice(place, reference))
        meant[reference] = properties
    return meant, violations


def needs_looks(references: Sequence[Reference]) -> bool:
    """Whether only lookups can show that an object is named twice: some are named by ids and some by names."""
    return len(references) > 1 and any(each.name is not None and each.id is None for each in references)


def named_twice(access: Access, references: Sequence[Reference]) -> Flow[list[Violation]]:
    """A violation for each object that two different references mean."""
    if not needs_looks(references):
        return []
    seen: dict[str, Reference] = {}
    violations = []
    if all(_name(each) for each in references):
        # Different names mean different objects. The lookup of a name that no object has reports the error.
        states = yield from look_at_all(access, references)
        for reference, state in zip(references, states, strict=True):
            if state is None:
                yield from resolve(access, reference)
        return []
    access = yield from _with_names(access, references)
    for index, reference in enumerate(references):
        there = yield from resolve(access, reference)
        ids = [each for each in (there.id, there.instance_id) if each is not None]
        if any(seen.get(each, reference) != reference for each in ids):
            violations.append(_twice(f"/{index}", reference))
        for each in ids:
            seen.setdefault(each, reference)
    return violations


def _twice(place: str, reference: Reference) -> Violation:
    return Violation(place, f"{reference} a second time", "each object once")
