"""JSON Patch (RFC 6902): an author's patch is prepared once and knows the effects of its operations."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import MappingProxyType

from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.model.capabilities import Capabilities
from airflow_provider_offers.client.model.comparing import copied, differing, fingerprint, same
from airflow_provider_offers.client.model.kinds import PERSONALIZED, Kind
from airflow_provider_offers.client.model.operations import Operation, Patch
from airflow_provider_offers.client.model.spelling import join_pointer, split_pointer
from airflow_provider_offers.client.text import legible
from airflow_provider_offers.client.wire.messages import Json

# The members that the service keeps besides the properties.
_BESIDE = ("/id", "/etag", "/created", "/modified")
_INDEX = re.compile(r"0|[1-9]\d{0,8}", re.ASCII)
MISSING = object()

# Maximum bytes that the copies of one patch may add up to: each copy could double the document.
_MOST_COPIED = 10_000_000


class TestFailed(Exception):
    """A `test` operation does not hold."""

    __test__ = False


@dataclass(frozen=True, slots=True)
class FittedPatch:
    """A patch for an object that was read: the operations to send, and the properties `before` and `after` them.

    In `after`, `hidden` properties keep the values of the read.
    """

    prepared: PreparedPatch
    operations: Sequence[Operation]
    before: Mapping[str, Json]
    after: Mapping[str, Json]

    @property
    def changed(self) -> list[str]:
        """The top-level properties that it changes, of those that reads show."""
        return differing(self.before, self.after, self.prepared.visible)

    def guarded(self, *, whole: bool) -> Patch:
        """The operations after `test` operations, which fail if the touched properties have changed since the read.

        There is one test for each top-level property that the operations touch; with `whole`, one for every property of
        the read. A missing property cannot be tested, nor can one that reads leave out or spell differently: the other
        tests guard it. If no property can be tested, the name is tested.

        Adobe does not document whether a service can test members outside the properties. The read has decided such a
        test already, so tests of all properties replace it.
        """
        sent = [each for each in self.operations if each["op"] != "test" or each["path"] not in _BESIDE]
        known = [name for name in self.before if name not in self.prepared.kind.unreliable_on_read]
        if not whole and len(sent) == len(self.operations):
            changes = (each for each in sent if each["op"] != "test")
            touched = dict.fromkeys(
                _top(each[place]) for each in changes for place in ("path", "from") if place in each
            )
            known = [name for name in touched if name in known] or [name for name in ("name",) if name in self.before]
        tests = [{"op": "test", "path": join_pointer([name]), "value": self.before[name]} for name in known]
        return [*tests, *sent]


@dataclass(frozen=True)
class PreparedPatch:
    """A patch in neutral names. Flows carry it unchanged from the author to the wire.

    `kind` is the kind of its object, or one with the same spelling. `doubts` are the gists of the doubts that are in
    the log already.
    """

    operations: Patch
    kind: Kind = PERSONALIZED
    doubts: frozenset[str] = frozenset()

    @cached_property
    def changes(self) -> Patch:
        """The operations without the tests."""
        return [operation for operation in self.operations if operation["op"] != "test"]

    @cached_property
    def touched(self) -> frozenset[str]:
        """The top-level properties that it changes; if it only tests, those that it tests."""
        return frozenset(name for operation in self.changes or self.operations for name in _top_properties(operation))

    @cached_property
    def hidden(self) -> frozenset[str]:
        """The top-level properties whose values after the patch no read shows.

        These are the properties that reads of the kind leave out or spell differently, the links of generation 1, and
        properties that the patch moves or copies from them.
        """
        hidden = {"_links", *self.kind.unreliable_on_read}
        found = True
        while found:
            found = False
            for operation in self.operations:
                if "from" not in operation:
                    continue
                source, target = _top(operation["from"]), _top(operation["path"])
                if source in hidden and target not in hidden:
                    found = True
                    hidden.add(target)
                if target in hidden and source not in hidden and operation["op"] == "move":
                    found = True
                    hidden.add(source)
        return frozenset(hidden)

    @cached_property
    def visible(self) -> frozenset[str]:
        """The top-level properties that it touches and that reads show."""
        return self.touched - self.hidden

    @cached_property
    def changes_hidden(self) -> bool:
        """Whether it changes something that no read shows."""
        return any(_top_properties(operation) & self.hidden for operation in self.changes)

    @cached_property
    def is_idempotent(self) -> bool:
        """Whether applying the patch twice has the same result as applying it once."""
        return _is_idempotent(self.operations)

    @cached_property
    def is_repeatable(self) -> bool:
        """Whether its changes are idempotent. A test that fails the second time does no harm."""
        return _is_idempotent(self.changes)

    def result(self, properties: Mapping[str, Json]) -> dict[str, Json]:
        """The properties after its changes, exactly as RFC 6902 defines them; tests are ignored."""
        return apply(self.changes, properties, self.kind)

    def fit(
        self,
        properties: Mapping[str, Json],
        capabilities: Capabilities,
        beside: Mapping[str, Json] = MappingProxyType({}),
    ) -> FittedPatch:
        """The patch for an object that was read, in operations that the generation documents.

        - An operation that is not documented is rewritten with the current values: `move` as `remove` and `add`, and on
          xcore `copy` as `add`. A `test` is decided here and left out if it is not documented.
        - A `test` holds if its value and the current one are the `same`; the current value is sent.
        - Operations on `hidden` properties are sent unchanged: only the service can apply them.
        - `beside` holds the members outside the properties, so that tests can name them.

        Raises `InvalidInputError` if the patch does not fit, and `TestFailed` if a test does not hold.
        """
        listed = capabilities.patch_operations
        touched = _changed_by(self.operations)
        after = _owned({**beside, **properties}, touched)
        allowance = _Allowance()
        sent: list[Operation] = []
        for operation in self.operations:
            if _top_properties(operation) & self.hidden:
                sent.append(operation)
            elif operation["op"] != "test":
                sent += [operation] if operation["op"] in listed else _rewritten(after, operation, self.kind)
                after = _applied(after, operation, self.kind, allowance)
            else:
                found = _tested(after, operation)
                # Later operations change the touched properties in place.
                value = copied(found) if _top(operation["path"]) in touched else found
                sent += [{**operation, "value": value}] if "test" in listed else []
        after = {name: value for name, value in after.items() if name not in beside}
        return FittedPatch(self, sent, properties, after)

    def fingerprint(self, properties: Mapping[str, Json]) -> str:
        """A digest of the touched properties that reads show; equal if these properties are the same."""
        return fingerprint({name: properties[name] for name in self.visible if name in properties})

    def is_shown_by(self, properties: Mapping[str, Json]) -> bool | None:
        """Whether the properties show the whole effect of the patch; None if that cannot be decided.

        A patch that only sets members is shown if it would change nothing. Otherwise, the members that it sets must
        have its values, the members that it removes must be absent, and the items that it appends must be at the end of
        the list. Operations at a list index, moves and copies leave no such trace, and other items may have been
        appended after ours. A `hidden` property with another value proves nothing.
        """
        visible = [operation for operation in self.changes if not _top_properties(operation) & self.hidden]
        seen = _are_shown(visible, properties)
        if not seen or len(visible) == len(self.changes):
            return seen
        hidden = (operation for operation in self.changes if _top_properties(operation) & self.hidden)
        only_sets = all(operation["op"] in ("add", "replace") for operation in hidden)
        return True if only_sets and _are_shown(self.changes, properties) else None


def _top_properties(operation: Operation) -> set[str]:
    """The top-level properties that an operation names."""
    top = {_top(operation["path"])}
    return top | {_top(operation["from"])} if "from" in operation else top


@lru_cache(maxsize=256)
def _top(pointer: str) -> str:
    return split_pointer(pointer)[0]


def _is_idempotent(operations: Patch) -> bool:
    """Whether the operations only set members, so that a second application has no effect.

    Operations inside a list, removals, moves and tests are not idempotent: an index may name another item the second
    time. Setting a part of a member that is set as a whole afterwards is not idempotent either: the second time, the
    part may have no place.
    """
    sets = all(
        operation["op"] in ("add", "replace") and not any(map(is_index, split_pointer(operation["path"])))
        for operation in operations
    )
    paths = [operation["path"] for operation in operations]
    return sets and not any(
        earlier.startswith(f"{later}/") for index, later in enumerate(paths) for earlier in paths[:index]
    )


@dataclass(frozen=True, slots=True)
class _Trace:
    """The trace of an operation: the current and the wanted value; or the current list and the appended items."""

    there: Json | object
    wanted: Json | object
    appended: bool = False

    def is_seen(self) -> bool | None:
        """Whether the object shows the trace; None if that cannot be decided."""
        if self.there is MISSING or self.wanted is MISSING:
            return self.there is self.wanted
        if not self.appended:
            return same(self.there, self.wanted)
        there, wanted = self.there, self.wanted
        if not isinstance(there, list) or not isinstance(wanted, list):
            return False
        if same(there[-len(wanted) :], wanted):
            return True
        # Other items may have been appended after them.
        return None if any(same(item, value) for item in there for value in wanted) else False


def _are_shown(operations: Patch, properties: Mapping[str, Json]) -> bool | None:
    try:
        traces = _traces(operations, properties)
    except InvalidInputError:
        # The operations have no place in this object, so they have not been applied.
        return False
    seen = None if traces is None else [trace.is_seen() for trace in traces]
    return None if seen is None or None in seen else all(seen)


def _traces(operations: Patch, properties: Mapping[str, Json]) -> list[_Trace] | None:
    """The traces of the operations in the object; None if they leave no clear trace."""
    if _is_idempotent(operations):
        return [_Trace(dict(properties), apply(operations, properties))]
    paths = [operation["path"] for operation in operations]
    if len(set(paths)) < len([path for path in paths if not path.endswith("/-")]) or _are_nested(paths):
        return None
    appended: dict[str, list[Json]] = {}
    traces: list[_Trace] = []
    for operation in operations:
        tokens = split_pointer(operation["path"])
        if operation["op"] not in ("add", "replace", "remove") or any(token.isdecimal() for token in tokens):
            return None
        if tokens[-1] == "-":
            appended.setdefault(join_pointer(tokens[:-1]), []).append(operation["value"])
        else:
            traces.append(_Trace(value_at(properties, operation["path"]), operation.get("value", MISSING)))
    return traces + [_Trace(value_at(properties, path), values, appended=True) for path, values in appended.items()]


def _are_nested(paths: Sequence[str]) -> bool:
    """Whether one path lies in another; two paths that append to one list are not nested."""
    return any(
        one != other and (one + "/").startswith(other.removesuffix("/-") + "/") for one in paths for other in paths
    )


def apply(operations: Patch, properties: Mapping[str, Json], kind: Kind = PERSONALIZED) -> dict[str, Json]:
    """The properties after the operations, exactly as RFC 6902 defines them.

    Raises `InvalidInputError` if they do not fit, and `TestFailed` if a test does not hold.
    """
    result = _owned(properties, _changed_by(operations))
    allowance = _Allowance()
    for operation in operations:
        result = _applied(result, operation, kind, allowance)
    return result


def _changed_by(operations: Patch) -> set[str]:
    """The top-level properties that operations change, or copy from."""
    return {name for each in operations if each["op"] != "test" for name in _top_properties(each)}


def _owned(properties: Mapping[str, Json], touched: Set[str]) -> dict[str, Json]:
    """The properties for a patch to change in place: copies of those that it touches, and the others themselves."""
    return {name: copied(value) if name in touched else value for name, value in properties.items()}


@dataclass(slots=True)
class _Allowance:
    """The bytes that are left for the copies of one patch."""

    left: int = _MOST_COPIED


def _applied(properties: dict[str, Json], operation: Operation, kind: Kind, allowance: _Allowance) -> dict[str, Json]:
    import jsonpatch

    if operation["op"] == "copy":
        allowance.left -= len(json.dumps(properties))
        if allowance.left < 0:
            raise _unfit(kind, f"its copies add up to more than {_MOST_COPIED} bytes")
    try:
        result: dict[str, Json] = jsonpatch.apply_patch(properties, [copied(dict(operation))], in_place=True)
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


def _tested(properties: Mapping[str, Json], operation: Operation) -> Json:
    found = value_at(properties, operation["path"])
    if found is MISSING or not same(found, operation["value"]):
        raise TestFailed(f"{operation['path']} is {as_text(found)}, not {as_text(operation['value'])}")
    return found


def _rewritten(properties: Mapping[str, Json], operation: Operation, kind: Kind) -> list[Operation]:
    """A `move` or `copy`, rewritten with the current value."""
    word, source, target = operation["op"], operation["from"], operation["path"]
    if word == "move" and target.startswith(f"{source}/"):
        raise _unfit(kind, f"{source} cannot be moved into itself")
    found = value_at(properties, source)
    if found is MISSING:
        raise _unfit(kind, f"there is nothing at {source}")
    removal: list[Operation] = [{"op": "remove", "path": source}] if word == "move" else []
    return [*removal, {"op": "add", "path": target, "value": copied(found)}]


def _unfit(kind: Kind, why: str) -> InvalidInputError:
    return InvalidInputError(
        f"The patch does not fit the {kind.subject}",
        [Violation("patch", legible(why), f"paths that the {kind.subject} has")],
    )


def is_index(token: str) -> bool:
    """Whether a token of a pointer can name a place in a list."""
    return token == "-" or token.isdecimal()


def value_at(document: Json, pointer: str) -> Json | object:
    """The value at the place; `MISSING` if there is none."""
    for token in split_pointer(pointer):
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
