"""Applies single operations of a JSON Patch (RFC 6902) to a document, and finds the value to which a pointer leads."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.model.comparing import same
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.model.operations import Operation, Parsed
from airflow_provider_offers.client.text import legible
from airflow_provider_offers.client.wire.messages import Json

_INDEX = re.compile(r"0|[1-9]\d{0,8}", re.ASCII)
# Maximum bytes that the copies of one patch may add up to: each copy could double the document.
_MOST_COPIED = 10_000_000


class Mark(Enum):
    """Marks for places without a value. A copy of a mark is the mark itself, even in another process."""

    MISSING = auto()
    IMPOSSIBLE = auto()


MISSING, IMPOSSIBLE = Mark.MISSING, Mark.IMPOSSIBLE


class TestFailed(Exception):
    """A `test` operation does not hold."""

    __test__ = False


def owned(properties: Mapping[str, Json], touched: Sequence[str]) -> dict[str, Json]:
    """The properties for a patch to change in place: copies of those that it touches, and the others themselves."""
    return {name: copied(value) if name in touched else value for name, value in properties.items()}


def copied(value: Json) -> Json:
    """A copy of a JSON document that shares no list and no object with it."""
    if isinstance(value, dict):
        return {name: copied(member) for name, member in value.items()}
    return [copied(item) for item in value] if isinstance(value, list) else value


@dataclass(slots=True)
class Allowance:
    """The bytes that are left for the copies of one patch."""

    left: int = _MOST_COPIED


def applied(properties: dict[str, Json], operation: Parsed, kind: Kind, allowance: Allowance) -> dict[str, Json]:
    import jsonpatch

    if operation.op == "copy":
        allowance.left -= len(json.dumps(properties))
        if allowance.left < 0:
            raise _unfit(kind, f"its copies add up to more than {_MOST_COPIED} bytes")
    if len(operation.path) == 1 and operation.sets and operation.path[0] in properties:
        properties[operation.path[0]] = copied(operation.value)
        return properties
    try:
        result: dict[str, Json] = jsonpatch.apply_patch(properties, [copied(dict(operation.plain))], in_place=True)
    except (
        jsonpatch.JsonPatchException,
        jsonpatch.JsonPointerException,
        TypeError,
        ValueError,
        KeyError,
        RecursionError,
    ) as error:
        raise _unfit(kind, _where(properties, operation) or f"{_told(operation)}: {error}") from None
    return result


def _where(properties: Mapping[str, Json], operation: Parsed) -> str | None:
    """The operation, and the first place that it needs and that does not exist; None if there are all of them."""
    needed = operation.path if operation.op in ("remove", "replace") else operation.path[:-1]
    for tokens in (operation.source or (), needed):
        for depth in range(1, len(tokens) + 1):
            if value_at(properties, tokens[:depth]) is MISSING:
                place = operation.pointer_to("from" if tokens is operation.source else "path", depth)
                return f"{_told(operation)}, but there is nothing at {place}"
    return None


def _told(operation: Parsed) -> str:
    return f"the operation {operation.op} of {operation.written['path']}"


def tested(properties: Mapping[str, Json], test: Parsed) -> Json:
    found = value_at(properties, test.path)
    if found is MISSING or not same(found, test.value):
        raise TestFailed(f"{test.written['path']} is {as_text(found)}, not {as_text(test.value)}")
    return found


def rewritten(properties: Mapping[str, Json], operation: Parsed, kind: Kind) -> list[Operation]:
    """A `move` or `copy`, rewritten with the current value."""
    source, target = operation.plain["from"], operation.plain["path"]
    if operation.op == "move" and target.startswith(f"{source}/"):
        raise _unfit(kind, f"{operation.written['from']} cannot be moved into itself")
    found = value_at(properties, operation.source or ())
    if found is MISSING:
        raise _unfit(kind, f"there is nothing at {operation.written['from']}")
    removal: list[Operation] = [{"op": "remove", "path": source}] if operation.op == "move" else []
    return [*removal, {"op": "add", "path": target, "value": copied(found)}]


def _unfit(kind: Kind, why: str) -> InvalidInputError:
    return InvalidInputError(
        f"The patch does not fit the {kind.subject}",
        [Violation("patch", legible(why), f"paths that the {kind.subject} has")],
    )


def value_at(document: Json, tokens: Sequence[str]) -> Json | object:
    """The value at the place; `MISSING` if there is none."""
    for token in tokens:
        if isinstance(document, Mapping) and token in document:
            document = document[token]
        elif isinstance(document, list) and _INDEX.fullmatch(token) and int(token) < len(document):
            document = document[int(token)]
        else:
            return MISSING
    return document


def as_text(value: Json | object) -> str:
    """A value of `value_at`, for a message."""
    return "nothing" if value is MISSING else legible(json.dumps(value, ensure_ascii=False))
