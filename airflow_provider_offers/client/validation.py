"""The checks before sending: objects and patches against the rules of their kind, every violation at once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.generations import Patch
from airflow_provider_offers.client.kinds import Kind
from airflow_provider_offers.client.payloads import given_pointer
from airflow_provider_offers.client.shapes import (
    ASSIGNED,
    Items,
    Members,
    Shape,
    describe,
    shapes_at,
)
from airflow_provider_offers.client.spelling import split_pointer
from airflow_provider_offers.client.wire import Json

_OPERATIONS = ("add", "remove", "replace", "move", "copy", "test")
_POINTER = re.compile(r"(/([^~/]|~[01])*)+")
MAX_OPERATIONS = 1_000
MAX_BYTES = 300 * 1024


def check_offer(kind: Kind, properties: Mapping[str, Json], given: Any) -> None:
    """Refuse an object that the service would refuse. Pointers in the message are those of `given`.

    Raises `InvalidInputError` with every violation.
    """
    found = [
        Violation(given_pointer(given, violation.pointer, kind.names), violation.given, violation.accepted)
        for violation in _offer_violations(kind, properties)
    ]
    if found:
        raise InvalidInputError(f"The {kind.noun} cannot be sent", found)


def _offer_violations(kind: Kind, properties: Mapping[str, Json]) -> Iterator[Violation]:
    yield from kind.shape.check(properties, "")
    for name in ASSIGNED:
        if name in properties:
            yield Violation(f"/{name}", describe(properties[name]), "nothing: the service assigns it")
    size = len(json.dumps(properties, ensure_ascii=False).encode())
    if size > MAX_BYTES:
        yield Violation("", f"{size} bytes", f"at most {MAX_BYTES} bytes for a whole {kind.subject}")


def check_operations(patch: Any) -> None:
    """Refuse what is no JSON Patch (RFC 6902), whatever it is about."""
    found = list(_form_violations(patch))
    if found:
        raise InvalidInputError("The patch cannot be sent", found)


def _form_violations(patch: Any) -> Iterator[Violation]:
    if not isinstance(patch, (list, tuple)):
        accepted = 'a list of operations (RFC 6902): [{"op": "replace", "path": "/status", "value": "approved"}]'
        yield Violation("", describe(patch), accepted)
        return
    if not 1 <= len(patch) <= MAX_OPERATIONS:
        yield Violation("", f"{len(patch)} operations", f"1 to {MAX_OPERATIONS} operations")
    for index, operation in enumerate(patch):
        yield from _operation_violations(operation, f"/{index}")


def _operation_violations(operation: Any, pointer: str) -> Iterator[Violation]:
    if not isinstance(operation, Mapping):
        yield Violation(pointer, describe(operation), "an object with op and path")
        return
    word = operation.get("op")
    if word not in _OPERATIONS or not isinstance(word, str):
        yield Violation(f"{pointer}/op", describe(word), " or ".join(map(repr, _OPERATIONS)))
    for name in ("path", "from") if word in ("move", "copy") else ("path",):
        path = operation.get(name)
        if not isinstance(path, str) or not _POINTER.fullmatch(path):
            accepted = "a JSON pointer (RFC 6901) to a property, such as /status or /_instance/xdm:status"
            yield Violation(f"{pointer}/{name}", describe(path), accepted)
    if word in ("add", "replace", "test") and "value" not in operation:
        yield Violation(f"{pointer}/value", "nothing", f"the value to {word}")


def check_patch(kind: Kind, patch: Patch) -> None:
    """Refuse a well-formed patch in neutral names whose effect the service would refuse, as far as that shows.

    Pointers in the message count the operations: `/0/value/priority` lies in the value of the first one.
    """
    found = [violation for index, op in enumerate(patch) for violation in _effect_violations(kind, index, op)]
    if found:
        raise InvalidInputError(f"The patch of the {kind.noun} cannot be sent", found)


def _effect_violations(kind: Kind, index: int, operation: Mapping[str, Json]) -> Iterator[Violation]:
    word, path = operation["op"], operation["path"]
    tokens = split_pointer(path)
    if word == "test" or tokens[0] == "_links":
        return
    if tokens[0] in ASSIGNED:
        yield Violation(
            f"/{index}/path", repr(path), f"a property of the {kind.subject}'s own: the service assigns this one"
        )
        return
    parent, shape = shapes_at(kind.shape, tokens)
    if word in ("move", "remove"):
        yield from _removal_violations(kind, index, "from" if word == "move" else "path", operation)
    if word not in ("add", "replace"):
        return
    if isinstance(parent, Items) and tokens[-1] != "-" and not tokens[-1].isdecimal():
        yield Violation(f"/{index}/path", repr(path), "an index or - at the end: this is a list")
        return
    if operation["value"] is None and _is_required(parent, tokens[-1]):
        yield Violation(f"/{index}/value", "null", "a value: the property is required")
        return
    yield from shape.check(operation["value"], f"/{index}/value")


def _removal_violations(kind: Kind, index: int, name: str, operation: Mapping[str, Json]) -> Iterator[Violation]:
    pointer = operation[name]
    tokens = split_pointer(pointer)
    parent, _ = shapes_at(kind.shape, tokens)
    if _is_required(parent, tokens[-1]):
        yield Violation(f"/{index}/{name}", repr(pointer), "replace: the property is required and cannot be removed")
    elif kind.is_offer and tokens == ["selectionConstraint"]:
        accepted = "a part of it: the offer's dates live there together with its rule"
        yield Violation(f"/{index}/{name}", repr(pointer), accepted)


def _is_required(parent: Shape, token: str) -> bool:
    return isinstance(parent, Members) and token in parent.required
