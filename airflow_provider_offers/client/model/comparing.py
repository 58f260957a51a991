"""Compares JSON documents by meaning: the service may spell values in its own way."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from airflow_provider_offers.client.model.instants import parse_instant
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.wire.messages import Json

# A property with one of these values may be absent from a read.
EMPTY: tuple[Json, ...] = (None, {}, [])


def same(left: Json, right: Json) -> bool:
    """Whether two values are equal as JSON; date-times are compared as instants."""
    if left is right:
        return True
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same(left[name], right[name]) for name in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if left == right:
        return True
    if isinstance(left, str) and isinstance(right, str):
        instant = _instant(left)
        return instant is not None and instant == _instant(right)
    return False


def _instant(text: str) -> datetime | None:
    """The instant in UTC that a text names; None if it names none."""
    if not text.lstrip()[:1].isdecimal():
        # Most texts are no instants, and the error that says so takes longer than this look.
        return None
    try:
        return parse_instant(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def both_empty(left: Json, right: Json) -> bool:
    """Whether both values are empty: reads may leave out empty values."""
    return left in EMPTY and right in EMPTY


def differing(left: Mapping[str, Json], right: Mapping[str, Json], names: Iterable[str]) -> list[str]:
    """The named properties that differ, or that only one of the documents has."""
    return [
        name
        for name in names
        if (name in left) != (name in right) or (name in left and not same(left[name], right[name]))
    ]


def carries(found: Json, wanted: Json) -> bool:
    """Whether a value contains everything that is wanted. Objects may have more members; lists must be equal."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(
            name in found and carries(found[name], value) for name, value in wanted.items() if value is not None
        )
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(map(carries, found, wanted))
    return same(found, wanted)


def is_made_from(kind: Kind, entity: Mapping[str, Json], payload: Mapping[str, Json]) -> bool:
    """Whether an entity has everything in a payload that reads of its kind show.

    This recognizes an object that one of our own requests created, because the service may have added more.
    """
    return all(
        name in entity and carries(entity[name], value)
        for name, value in payload.items()
        if name not in kind.write_only and name not in kind.unreliable_on_read and value not in EMPTY
    )


def has(kind: Kind, current: Mapping[str, Json], name: str, value: Json) -> bool:
    """Whether a property has the value already, if reads of the kind can show it.

    A property that reads may leave out counts as equal. Upper and lower case count only if reads keep them.
    """
    if name not in current:
        return name in kind.unreliable_on_read
    if name in kind.any_case:
        return same(_in_one_case(current[name]), _in_one_case(value))
    return same(current[name], value)


def _in_one_case(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {name: _in_one_case(member) for name, member in value.items()}
    return value.casefold() if isinstance(value, str) else value


def fingerprint(document: Json) -> str:
    """A digest that is equal for documents that are the `same`."""
    return hashlib.sha256(json.dumps(_in_one_spelling(document), sort_keys=True).encode()).hexdigest()


def _in_one_spelling(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {name: _in_one_spelling(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_in_one_spelling(item) for item in value]
    if isinstance(value, str):
        instant = _instant(value)
        return value if instant is None else instant.isoformat()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
