"""JSON Patch (RFC 6902): from either generation's spelling to neutral, its guard, and whether it is done."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from airflow_provider_offers.client.errors import InvalidInputError, UnsupportedError, Violation
from airflow_provider_offers.client.generations import Operation, Patch
from airflow_provider_offers.client.generations.xcore_names import BESIDE
from airflow_provider_offers.client.kinds import PERSONALIZED, Kind
from airflow_provider_offers.client.legible import legible
from airflow_provider_offers.client.payloads import json_value
from airflow_provider_offers.client.sameness import same
from airflow_provider_offers.client.spelling import (
    join_pointer,
    neutral_tokens,
    neutral_value,
    split_pointer,
)
from airflow_provider_offers.client.wire import Json

# RFC 6902: whatever else an operation carries is ignored.
_MEMBERS = {
    **dict.fromkeys(("add", "replace", "test"), ("op", "path", "value")),
    **dict.fromkeys(("move", "copy"), ("op", "from", "path")),
    "remove": ("op", "path"),
}

# What copies may be made of, in all: each could double what the one before it made.
_MOST_COPIED = 10_000_000


def neutral_patch(patch: Any, api: str, kind: Kind = PERSONALIZED) -> list[dict[str, Json]]:
    """A well-formed patch in neutral names, from paths and values in either generation's spelling.

    Both kinds of offers are spelled alike.
    `/_instance/xdm:status` and `/status` are one path. Links (`/_links/...`) exist in generation 1 only.
    """
    violations: list[Violation] = []
    neutral = []
    for index, operation in enumerate(patch):
        renamed: dict[str, Json] = {}
        for name in _MEMBERS[operation["op"]]:
            value = operation[name]
            if name in ("path", "from"):
                renamed[name] = _neutral_pointer(value, api, kind)
            elif name == "value":
                pointer = f"/{index}/value"
                spelled = neutral_tokens(split_pointer(_inside(operation["path"])), kind.names)[1]
                renamed[name] = neutral_value(json_value(value, violations, pointer), spelled, pointer)
            else:
                renamed[name] = value
        neutral.append(renamed)
    if violations:
        raise InvalidInputError("The patch cannot be sent", violations)
    return neutral


def _inside(pointer: str) -> str:
    return pointer.removeprefix("/_instance") if pointer.startswith("/_instance/") else pointer


def _neutral_pointer(pointer: str, api: str, kind: Kind) -> str:
    if pointer == "/_instance":
        raise InvalidInputError(
            "The patch cannot be sent",
            [Violation("path", repr(pointer), "a property below it, such as /status")],
        )
    if is_link(pointer):
        if api != "xcore":
            raise UnsupportedError(f"{pointer!r} is a link of generation 1; {api} keeps none")
        return pointer
    tokens = split_pointer(_inside(pointer))
    return join_pointer(neutral_tokens([BESIDE.get(tokens[0], tokens[0]), *tokens[1:]], kind.names)[0])


def is_link(pointer: str) -> bool:
    """Whether a path leads into generation 1's links, which lie beside the offer's properties."""
    return split_pointer(pointer)[0] == "_links"


def is_idempotent(patch: Patch) -> bool:
    """Whether applying the patch twice ends where applying it once does.

    Setting members is; anything inside a list, removing, moving and testing are not: what stands at an index may be
    another item by the second time. Nor is setting a part of something that is set whole afterwards: the second time,
    the part may have no place.
    """
    sets = all(
        operation["op"] in ("add", "replace") and not any(map(_is_index, split_pointer(operation["path"])))
        for operation in patch
    )
    paths = [operation["path"] for operation in patch]
    return sets and not any(
        earlier.startswith(f"{later}/") for index, later in enumerate(paths) for earlier in paths[:index]
    )


def _is_index(token: str) -> bool:
    return token == "-" or token.isdecimal()


def guards(patch: Patch, properties: Mapping[str, Json], kind: Kind = PERSONALIZED) -> list[dict[str, Json]]:
    """`test` operations that make the patch fail if what it touches is no longer as `properties` has it.

    One for each touched property at the top. A property that is not there yet cannot be tested for absence, nor one
    that reads respell or leave out for what it is, so it is guarded by its neighbours only: the object's name stands
    in when nothing else could be tested.
    """
    touched = dict.fromkeys(
        split_pointer(operation[name])[0]
        for operation in patch
        if operation["op"] != "test"
        for name in ("path", "from")
        if name in operation
    )
    tested = [name for name in touched if name in properties and name not in kind.untold] or [
        name for name in ("name",) if name in properties
    ]
    return [{"op": "test", "path": join_pointer([name]), "value": properties[name]} for name in tested]


class TestFailed(Exception):
    """A `test` operation does not hold."""

    __test__ = False


def apply(patch: Patch, properties: Mapping[str, Json], kind: Kind = PERSONALIZED) -> dict[str, Json]:
    """The properties after the patch.

    Raises `InvalidInputError` where it does not fit them, `TestFailed` where one of its tests does not hold.
    """
    import jsonpatch

    result: dict[str, Json] = copy.deepcopy(dict(properties))
    copied = 0
    try:
        for operation in patch:
            copied += len(json.dumps(result)) if operation["op"] == "copy" else 0
            if copied > _MOST_COPIED:
                raise jsonpatch.JsonPatchException(f"its copies come to more than {_MOST_COPIED} bytes")
            result = jsonpatch.apply_patch(result, [copy.deepcopy(dict(operation))], in_place=True)
    except jsonpatch.JsonPatchTestFailed as failure:
        raise TestFailed(str(failure)) from None
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError, KeyError, RecursionError) as error:
        raise InvalidInputError(
            f"The patch does not fit the {kind.subject}",
            [Violation("patch", legible(str(error)), f"paths that the {kind.subject} has")],
        ) from None
    return result


def difference(current: Mapping[str, Json], wanted: Mapping[str, Json], kind: Kind = PERSONALIZED) -> list[Operation]:
    """The smallest patch by which every property in `wanted` becomes as it says; others stay as they are.

    Dates are compared as instants, since the service spells them in its own way. What reads of the kind may leave out
    does not differ where it is not there, and what they may respell does not where only the case of letters differs.
    """
    return [
        {"op": "replace" if name in current else "add", "path": join_pointer([name]), "value": value}
        for name, value in wanted.items()
        if not _is_there(current, name, value, kind)
    ]


def _is_there(current: Mapping[str, Json], name: str, value: Json, kind: Kind) -> bool:
    if name not in current:
        return name in kind.untold
    if name in kind.any_case:
        return same(_folded(current[name]), _folded(value))
    return same(current[name], value)


def _folded(value: Json) -> Json:
    """The value with its texts in one case."""
    if isinstance(value, Mapping):
        return {name: _folded(member) for name, member in value.items()}
    return value.casefold() if isinstance(value, str) else value
