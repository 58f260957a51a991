"""JSON Patch (RFC 6902): from either generation's spelling to neutral, its guard, and what it makes of an object."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_offers.client.errors import InvalidInputError, UnsupportedError, Violation
from airflow_provider_offers.client.generations import Operation, Patch
from airflow_provider_offers.client.generations.envelope import BESIDE
from airflow_provider_offers.client.model.comparing import same
from airflow_provider_offers.client.model.documents import json_value
from airflow_provider_offers.client.model.kinds import PERSONALIZED, Kind
from airflow_provider_offers.client.model.spelling import (
    join_pointer,
    neutral_tokens,
    neutral_value,
    split_pointer,
)
from airflow_provider_offers.client.text import legible
from airflow_provider_offers.client.wire.messages import Json

# RFC 6902: whatever else an operation carries is ignored.
_MEMBERS = {
    **dict.fromkeys(("add", "replace", "test"), ("op", "path", "value")),
    **dict.fromkeys(("move", "copy"), ("op", "from", "path")),
    "remove": ("op", "path"),
}

# The operations that the generations' pages list; others are written as these before they are sent.
_LISTED = {"xcore": ("add", "replace", "remove"), "dps": ("add", "replace", "remove", "copy", "test")}
_INDEX = re.compile(r"0|[1-9]\d{0,8}", re.ASCII)
_MISSING = object()

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
        operation["op"] in ("add", "replace") and not any(map(is_index, split_pointer(operation["path"])))
        for operation in patch
    )
    paths = [operation["path"] for operation in patch]
    return sets and not any(
        earlier.startswith(f"{later}/") for index, later in enumerate(paths) for earlier in paths[:index]
    )


def is_index(token: str) -> bool:
    """Whether a token of a pointer can name a place in a list."""
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
    tested = [name for name in touched if name in properties and name not in kind.unreliable_on_read] or [
        name for name in ("name",) if name in properties
    ]
    return [{"op": "test", "path": join_pointer([name]), "value": properties[name]} for name in tested]


class TestFailed(Exception):
    """A `test` operation does not hold."""

    __test__ = False


def unforeseen(patch: Patch, kind: Kind) -> set[str]:
    """The properties at the top of which a read does not tell what they are after the patch.

    Those that reads of the kind leave out or respell, generation 1's links, and what the patch makes of either.
    """
    hidden = {"_links", *kind.unreliable_on_read}
    found = True
    while found:
        found = False
        for operation in patch:
            if "from" not in operation:
                continue
            source, target = _top(operation["from"]), _top(operation["path"])
            if source in hidden and target not in hidden:
                found = True
                hidden.add(target)
            if target in hidden and source not in hidden and operation["op"] == "move":
                found = True
                hidden.add(source)
    return hidden


def tops(operation: Operation) -> set[str]:
    """The properties at the top that an operation names."""
    return {_top(operation[name]) for name in ("path", "from") if name in operation}


def _top(pointer: str) -> str:
    return split_pointer(pointer)[0]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A patch as it fits one object: the operations to send, and the properties as they will be after it.

    What is `unforeseen` is in neither as the patch leaves it.
    """

    operations: Sequence[Operation]
    after: Mapping[str, Json]


def fit(patch: Patch, properties: Mapping[str, Json], kind: Kind, api: str) -> Fitted:
    """The patch as the generation's pages know it, made for an object that was read.

    - Operations that they do not list are written as those that they do, with the values as they are by then: `move`
      as `remove` and `add`, on xcore `copy` as `add`. A `test` has its answer here; where it is not listed, it is left
      out.
    - A `test` holds where what it finds says the same, such as the same instant; what was read is sent in its place.
    - Operations on what is `unforeseen` are neither applied nor rewritten: only the service can.

    Raises `InvalidInputError` where the patch does not fit, `TestFailed` where a test does not hold.
    """
    listed, hidden = _LISTED[api], unforeseen(patch, kind)
    after: dict[str, Json] = copy.deepcopy(dict(properties))
    allowance = _Allowance()
    sent: list[Operation] = []
    for operation in patch:
        if tops(operation) & hidden:
            sent.append(operation)
        elif operation["op"] == "test":
            found = _tested(after, operation)
            sent += [{**operation, "value": copy.deepcopy(found)}] if "test" in listed else []
        else:
            sent += [operation] if operation["op"] in listed else _in_other_words(after, operation, kind)
            after = _applied(after, operation, kind, allowance)
    return Fitted(sent, after)


def _tested(properties: Mapping[str, Json], operation: Operation) -> Json:
    found = _at(properties, operation["path"])
    if found is _MISSING or not same(found, operation["value"]):
        raise TestFailed(f"{operation['path']} is {_shown(found)}, not {_shown(operation['value'])}")
    return found


def _in_other_words(properties: Mapping[str, Json], operation: Operation, kind: Kind) -> list[Operation]:
    """A `move` or `copy` by the value that it finds."""
    word, source, target = operation["op"], operation["from"], operation["path"]
    if word == "move" and target.startswith(f"{source}/"):
        raise _unfit(kind, f"{source} cannot be moved into itself")
    found = _at(properties, source)
    if found is _MISSING:
        raise _unfit(kind, f"there is nothing at {source}")
    removal: list[Operation] = [{"op": "remove", "path": source}] if word == "move" else []
    return [*removal, {"op": "add", "path": target, "value": copy.deepcopy(found)}]


def apply(patch: Patch, properties: Mapping[str, Json], kind: Kind = PERSONALIZED) -> dict[str, Json]:
    """The properties after the patch, letter by letter as RFC 6902 has it.

    Raises `InvalidInputError` where it does not fit them, `TestFailed` where one of its tests does not hold.
    """
    result: dict[str, Json] = copy.deepcopy(dict(properties))
    allowance = _Allowance()
    for operation in patch:
        result = _applied(result, operation, kind, allowance)
    return result


@dataclass(slots=True)
class _Allowance:
    """What the copies of one patch may still come to."""

    left: int = _MOST_COPIED


def _applied(properties: dict[str, Json], operation: Operation, kind: Kind, allowance: _Allowance) -> dict[str, Json]:
    import jsonpatch

    if operation["op"] == "copy":
        allowance.left -= len(json.dumps(properties))
        if allowance.left < 0:
            raise _unfit(kind, f"its copies come to more than {_MOST_COPIED} bytes")
    try:
        result: dict[str, Json] = jsonpatch.apply_patch(properties, [copy.deepcopy(dict(operation))], in_place=True)
    except jsonpatch.JsonPatchTestFailed as failure:
        raise TestFailed(str(failure)) from None
    except (
        jsonpatch.JsonPatchException,
        jsonpatch.JsonPointerException,
        TypeError,
        ValueError,
        KeyError,
        RecursionError,
    ) as error:
        raise _unfit(kind, str(error)) from None
    return result


def _unfit(kind: Kind, why: str) -> InvalidInputError:
    return InvalidInputError(
        f"The patch does not fit the {kind.subject}",
        [Violation("patch", legible(why), f"paths that the {kind.subject} has")],
    )


def _at(document: Json, pointer: str) -> Json | object:
    """What the place holds, `_MISSING` where there is none."""
    for token in split_pointer(pointer):
        if isinstance(document, Mapping) and token in document:
            document = document[token]
        elif isinstance(document, list) and _INDEX.fullmatch(token) and int(token) < len(document):
            document = document[int(token)]
        else:
            return _MISSING
    return document


def _shown(value: Json | object) -> str:
    return "nothing" if value is _MISSING else legible(json.dumps(value, ensure_ascii=False))


def what_differs(patch: Patch, properties: Mapping[str, Json]) -> str:
    """What a patch that sets would change, for a message."""
    changes = [operation for operation in patch if operation["op"] != "test"]
    return ", ".join(
        f"{each['path']} is {_shown(_at(properties, each['path']))}, not {_shown(each.get('value', _MISSING))}"
        for each in changes
    )


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
        return name in kind.unreliable_on_read
    if name in kind.any_case:
        return same(_folded(current[name]), _folded(value))
    return same(current[name], value)


def _folded(value: Json) -> Json:
    """The value with its texts in one case."""
    if isinstance(value, Mapping):
        return {name: _folded(member) for name, member in value.items()}
    return value.casefold() if isinstance(value, str) else value
