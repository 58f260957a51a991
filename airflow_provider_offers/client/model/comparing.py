"""Whether two JSON documents say the same about an object, however the service spells it."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_offers.client.model.instants import parse_instant
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.wire.messages import Json

# What a property may be read back as absent for.
EMPTY: tuple[Json, ...] = (None, {}, [])


def same(left: Json, right: Json) -> bool:
    """Equal as JSON, but date-times as instants."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same(left[name], right[name]) for name in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if left == right:
        return True
    if isinstance(left, str) and isinstance(right, str):
        try:
            return parse_instant(left) == parse_instant(right)
        except ValueError:
            return False
    return False


def says(kind: Kind, entity: Mapping[str, Json], wanted: Mapping[str, Json]) -> bool:
    """Whether an entity carries everything that a payload said, and may carry more.

    This is how an object that one of our own requests made is recognised. Lists must be the same throughout;
    objects may have gained members that the service fills in.
    """
    return all(
        name in entity and _holds(entity[name], value)
        for name, value in wanted.items()
        if name not in kind.write_only and name not in kind.unreliable_on_read and value not in EMPTY
    )


def _holds(found: Json, wanted: Json) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(
            name in found and _holds(found[name], value) for name, value in wanted.items() if value is not None
        )
    if isinstance(wanted, list):
        return isinstance(found, list) and len(found) == len(wanted) and all(map(_holds, found, wanted))
    return same(found, wanted)
