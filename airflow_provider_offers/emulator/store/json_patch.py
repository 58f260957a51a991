"""JSON Patch (RFC 6902), applied to a copy: the original is never changed."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Sequence
from typing import Any

from airflow_provider_offers.emulator.http.json_body import MAX_DEPTH, depth

OPERATIONS = ("add", "remove", "replace", "move", "copy", "test")
# The maximum size of the copies of one patch as JSON: each copy could double the previous one.
_MOST_COPIED = 4_000_000
_INDEX = re.compile(r"0|[1-9]\d{0,8}", re.ASCII)


class PatchMalformed(ValueError):
    """The patch itself is not valid."""


class PatchFailed(ValueError):
    """The patch is well formed but does not apply to the document."""


class PatchTestFailed(PatchFailed):
    """A `test` operation found another value."""


def check(patch: Any, known: Sequence[str] = OPERATIONS) -> list[dict[str, Any]]:
    """The operations of a well-formed patch; all of them must be `known`."""
    if not isinstance(patch, list):
        raise PatchMalformed("a JSON Patch is an array of operations")
    for number, operation in enumerate(patch):
        if not isinstance(operation, dict):
            raise PatchMalformed(f"operation {number} is not an object")
        name = operation.get("op")
        if name not in known:
            raise PatchMalformed(f"operation {number} has op {name!r}; known are {', '.join(known)}")
        _pointer(operation, "path", number)
        if name in ("move", "copy"):
            _pointer(operation, "from", number)
        if name in ("add", "replace", "test") and "value" not in operation:
            raise PatchMalformed(f"operation {number} ({name}) has no value")
    return patch


def apply(document: Any, patch: list[dict[str, Any]], *, replace_adds: bool = False) -> Any:
    """The document after all operations; the first failure stops the whole patch.

    With `replace_adds`, a `replace` can set a missing member, which RFC 6902 does not allow.
    """
    holder = {"": copy.deepcopy(document)}
    copied = 0
    for operation in patch:
        if operation["op"] == "copy":
            copied += len(json.dumps(_get(holder, operation["from"])))
            if copied > _MOST_COPIED:
                raise PatchFailed(f"its copies add up to more than {_MOST_COPIED} bytes")
        _apply_one(holder, operation, replace_adds)
    if depth(holder[""]) > MAX_DEPTH:
        raise PatchFailed(f"its result is nested deeper than {MAX_DEPTH} levels")
    return holder[""]


def same(left: Any, right: Any) -> bool:
    """Equality of JSON values: `1` equals `1.0`, but not `true`."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and left == right if not _numbers(left, right) else left == right


def _numbers(left: Any, right: Any) -> bool:
    return isinstance(left, int | float) and isinstance(right, int | float)


def _pointer(operation: dict[str, Any], member: str, number: int) -> None:
    pointer = operation.get(member)
    if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")):
        raise PatchMalformed(f"operation {number} has {member} {pointer!r}, which is not a JSON Pointer")
    if re.search(r"~(?![01])", pointer):
        raise PatchMalformed(f"operation {number} has a stray ~ in its {member}")


def _apply_one(holder: dict[str, Any], operation: dict[str, Any], replace_adds: bool) -> None:
    name, path = operation["op"], operation["path"]
    if name == "add":
        _add(holder, path, copy.deepcopy(operation["value"]))
    elif name == "remove":
        _remove(holder, path)
    elif name == "replace":
        _replace(holder, path, copy.deepcopy(operation["value"]), replace_adds)
    elif name == "test":
        found = _get(holder, path)
        if not same(found, operation["value"]):
            raise PatchTestFailed(f"test of {path or 'the document'!r} failed: it holds another value")
    elif name == "copy":
        _add(holder, path, copy.deepcopy(_get(holder, operation["from"])))
    elif (path + "/").startswith(operation["from"] + "/") and path != operation["from"]:
        raise PatchFailed(f"{operation['from']!r} cannot be moved into itself")
    else:
        _add(holder, path, _remove(holder, operation["from"]))


def _steps(path: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")]


def _parent(holder: dict[str, Any], path: str) -> tuple[Any, str]:
    *way, last = _steps(path)
    parent: Any = holder
    for step in way:
        parent = _child(parent, step, path)
    return parent, last


def _child(parent: Any, step: str, path: str) -> Any:
    if isinstance(parent, dict) and step in parent:
        return parent[step]
    if isinstance(parent, list) and _INDEX.fullmatch(step) and int(step) < len(parent):
        return parent[int(step)]
    raise PatchFailed(f"{path!r} does not exist (nothing at {step!r})")


def _get(holder: dict[str, Any], path: str) -> Any:
    parent, last = _parent(holder, path)
    return _child(parent, last, path)


def _add(holder: dict[str, Any], path: str, value: Any) -> None:
    parent, last = _parent(holder, path)
    if isinstance(parent, dict):
        parent[last] = value
    elif isinstance(parent, list) and last == "-":
        parent.append(value)
    elif isinstance(parent, list) and _INDEX.fullmatch(last) and int(last) <= len(parent):
        parent.insert(int(last), value)
    else:
        raise PatchFailed(f"nothing can be added at {path!r}")


def _replace(holder: dict[str, Any], path: str, value: Any, replace_adds: bool) -> None:
    parent, last = _parent(holder, path)
    if not (replace_adds and isinstance(parent, dict)):
        _child(parent, last, path)
    parent[int(last) if isinstance(parent, list) else last] = value


def _remove(holder: dict[str, Any], path: str) -> Any:
    if path == "":
        raise PatchFailed("the whole document cannot be removed")
    parent, last = _parent(holder, path)
    _child(parent, last, path)
    return parent.pop(int(last) if isinstance(parent, list) else last)
