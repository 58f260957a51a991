"""The operations that turn an object into the wanted one, and the words for their changes."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_offers.client.model.applying import MISSING, as_text, value_at
from airflow_provider_offers.client.model.comparing import EMPTY, both_empty, has
from airflow_provider_offers.client.model.kinds import PERSONALIZED, Kind
from airflow_provider_offers.client.model.operations import Operation, Parsed, Patch
from airflow_provider_offers.client.model.spelling import join_pointer
from airflow_provider_offers.client.wire.messages import Json

# Properties that the service and its user interface keep, besides the author's.
KEPT_BY_THE_SERVICE = ("id", "segmentModel")


def difference(current: Mapping[str, Json], wanted: Mapping[str, Json], kind: Kind = PERSONALIZED) -> list[Operation]:
    """The smallest patch that gives every property in `wanted` its value; other properties stay.

    Only differences that reads of the kind can show count; see `comparing.has`.
    """
    return [
        {"op": "replace" if name in current else "add", "path": join_pointer([name]), "value": value}
        for name, value in wanted.items()
        if not has(kind, current, name, value)
    ]


def readable(kind: Kind, wanted: Mapping[str, Json], current: Mapping[str, Json]) -> dict[str, Json]:
    """The wanted properties that a read can show: without a fallback's window and rank, and without empty values."""
    return {
        name: value
        for name, value in wanted.items()
        if name not in kind.write_only and not both_empty(value, current.get(name))
    }


def replacement(current: Mapping[str, Json], wanted: Mapping[str, Json], kind: Kind) -> list[Operation]:
    """The patch that gives an object the wanted properties and removes every other one.

    A wanted property that reads do not show is always set, because its current value is not known.
    """
    told = {name: value for name, value in readable(kind, wanted, current).items() if name not in KEPT_BY_THE_SERVICE}
    hidden: list[Operation] = [
        {"op": "add", "path": join_pointer([name]), "value": value}
        for name, value in told.items()
        if name in kind.unreliable_on_read and name not in current
    ]
    gone: list[Operation] = [
        {"op": "remove", "path": join_pointer([name])}
        for name, value in current.items()
        if name not in wanted and name not in KEPT_BY_THE_SERVICE and value not in EMPTY
    ]
    return [*difference(current, told, kind), *hidden, *gone]


def what_differs(operations: Patch, properties: Mapping[str, Json]) -> str:
    """The changes of operations that set values, for a message."""
    return ", ".join(
        f"{each.plain['path']} is {as_text(value_at(properties, each.path))}, "
        f"not {as_text(each.value if each.sets else MISSING)}"
        for each in map(Parsed.of, operations)
        if each.op != "test"
    )
