"""Several objects at once: reading them together, and documents for each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.reading import BATCH, look_alone, look_at, resolve
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
    """The current state of objects of any kinds, in the given order, in few requests; None for one that is gone."""
    found: dict[Reference, Entity | None] = {}
    by_kind: dict[str, list[Reference]] = {}
    for reference in dict.fromkeys(references):
        # A lookup of several objects needs reference ids.
        if reference.id is None or len(references) == 1:
            found[reference] = yield from look_alone(access, reference)
        else:
            by_kind.setdefault(reference.kind.key, []).append(reference)
    for same_kind in by_kind.values():
        for start in range(0, len(same_kind), BATCH):
            batch = same_kind[start : start + BATCH]
            states: dict[str, Entity | None] = yield from look_at(access, batch)
            found |= {reference: states.get(reference.id or "") for reference in batch}
    return [found[reference] for reference in references]


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
