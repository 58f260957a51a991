"""What the operations of a patch leave in an object, by which reads show whether the patch took effect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from airflow_provider_offers.client.model.comparing import same
from airflow_provider_offers.client.model.operations import IMPOSSIBLE, MISSING, Parsed, value_at
from airflow_provider_offers.client.wire.messages import Json


def is_idempotent(operations: Sequence[Parsed]) -> bool:
    """Whether the operations only set members, so that a second application has no effect.

    Operations inside a list, removals, moves and tests are not idempotent: an index may name another item the second
    time. Setting a part of a member that is set as a whole afterwards is not idempotent either: the second time, the
    part may have no place.
    """
    return all(each.sets and not each.in_list for each in operations) and not any(
        len(earlier.path) > len(later.path) and earlier.path[: len(later.path)] == later.path
        for index, later in enumerate(operations)
        for earlier in operations[:index]
    )


@dataclass(frozen=True, slots=True)
class Trace:
    """What operations leave at a place: a value, no value (`MISSING`), or the items that they append to a list."""

    place: tuple[str, ...]
    left: Json | object
    appended: bool = False

    def is_in(self, properties: Mapping[str, Json]) -> bool | None:
        """Whether the object shows the trace; None if that cannot be decided."""
        there, left = value_at(properties, self.place), self.left
        if there is MISSING or left is MISSING:
            return there is left
        if not self.appended:
            return same(there, left)
        if not isinstance(there, list) or not isinstance(left, list):
            return False
        if same(there[-len(left) :], left):
            return True
        # Other items may have been appended after them.
        return None if any(same(item, value) for item in there for value in left) else False


def are_shown(traces: Sequence[Trace] | None, properties: Mapping[str, Json]) -> bool | None:
    """Whether an object shows all of them; None if that cannot be decided."""
    seen = None if traces is None else [trace.is_in(properties) for trace in traces]
    return None if seen is None or None in seen else all(seen)


def traces_of(operations: Sequence[Parsed]) -> list[Trace] | None:
    """The traces of the operations in any object; None if they leave no clear trace."""
    if is_idempotent(operations):
        return _of_sets(operations)
    if _overlap(operations):
        return None
    appended: dict[tuple[str, ...], list[Json]] = {}
    traces: list[Trace] = []
    for each in operations:
        if each.source is not None or any(token.isdecimal() for token in each.path):
            return None
        if each.path[-1] == "-":
            if not each.sets:
                return None
            appended.setdefault(tuple(each.path[:-1]), []).append(each.value)
        else:
            traces.append(Trace(tuple(each.path), each.value if each.sets else MISSING))
    return traces + [Trace(place, values, appended=True) for place, values in appended.items()]


def _of_sets(operations: Sequence[Parsed]) -> list[Trace]:
    """The traces of operations that set members. A part of a value that was set before belongs to that value."""
    left: dict[tuple[str, ...], Json] = {}
    for each in operations:
        path = tuple(each.path)
        holder = next((place for place in left if path[: len(place)] == place), path)
        left[holder] = _with_part(left.get(holder), path[len(holder) :], each)
    return [Trace(place, value) for place, value in left.items()]


def _with_part(value: Json, tokens: Sequence[str], operation: Parsed) -> Json:
    """The value after an operation that sets its part at the tokens; `IMPOSSIBLE` if that part has no place in it."""
    if not tokens:
        return operation.value
    adds = operation.op == "add" and len(tokens) == 1
    if not isinstance(value, Mapping) or not (adds or tokens[0] in value):
        return IMPOSSIBLE
    return {**value, tokens[0]: _with_part(value.get(tokens[0]), tokens[1:], operation)}


def _overlap(operations: Sequence[Parsed]) -> bool:
    """Whether two operations write the same place, or one a place inside the other's, so that one hides a trace.

    Two operations that append to one list do not overlap.
    """
    settled = [tuple(each.path) for each in operations if each.path[-1] != "-"]
    return len(set(settled)) < len(settled) or any(
        one.path != other.path and one.path[: len(holder)] == holder
        for other in operations
        for holder in [other.path[:-1] if other.path[-1] == "-" else other.path]
        for one in operations
    )
