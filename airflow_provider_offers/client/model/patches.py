"""JSON Patch (RFC 6902): an author's patch is prepared once and knows the effects of its operations."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType

from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.model.capabilities import Capabilities
from airflow_provider_offers.client.model.comparing import differing, fingerprint, same
from airflow_provider_offers.client.model.kinds import PERSONALIZED, Kind
from airflow_provider_offers.client.model.operations import MISSING, Operation, Parsed, Patch, as_text, value_at
from airflow_provider_offers.client.model.places import Pointing, pointings_by_name
from airflow_provider_offers.client.model.spelling import join_pointer
from airflow_provider_offers.client.model.traces import Trace, are_shown, is_idempotent, traces_of
from airflow_provider_offers.client.text import legible
from airflow_provider_offers.client.wire.messages import Json

# The members that the service keeps besides the properties.
_BESIDE = ("/id", "/etag", "/created", "/modified")
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
            touched = [name for name in self.prepared.changed_names if name in known]
            known = touched or [name for name in ("name",) if name in self.before]
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
    def parsed(self) -> list[Parsed]:
        """The operations with the tokens of their pointers."""
        return [Parsed.of(operation) for operation in self.operations]

    @cached_property
    def changes(self) -> list[Parsed]:
        """The operations without the tests."""
        return [each for each in self.parsed if each.op != "test"]

    @cached_property
    def changed_names(self) -> tuple[str, ...]:
        """The top-level properties that it changes, or copies from."""
        return tuple(dict.fromkeys(name for each in self.changes for name in each.names))

    @cached_property
    def touched(self) -> frozenset[str]:
        """The top-level properties that it changes; if it only tests, those that it tests."""
        return frozenset(self.changed_names or (name for each in self.parsed for name in each.names))

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
            for each in self.parsed:
                if each.source is None:
                    continue
                target, source = each.names
                if source in hidden and target not in hidden:
                    found = True
                    hidden.add(target)
                if target in hidden and source not in hidden and each.op == "move":
                    found = True
                    hidden.add(source)
        return frozenset(hidden)

    @cached_property
    def visible(self) -> frozenset[str]:
        """The top-level properties that it touches and that reads show."""
        return self.touched - self.hidden

    @cached_property
    def shown_changes(self) -> list[Parsed]:
        """The changes of properties that reads show."""
        return [each for each in self.changes if self.hidden.isdisjoint(each.names)]

    @cached_property
    def changes_hidden(self) -> bool:
        """Whether it changes something that no read shows."""
        return len(self.shown_changes) < len(self.changes)

    @cached_property
    def named(self) -> dict[int, list[Pointing]]:
        """The references by name in its values, by the index of their operation."""
        found = {
            index: pointings_by_name(self.kind.place.at(each.path)[1], each.value)
            for index, each in enumerate(self.parsed)
            if each.has_value
        }
        return {index: references for index, references in found.items() if references}

    @cached_property
    def is_idempotent(self) -> bool:
        """Whether applying the patch twice has the same result as applying it once."""
        return is_idempotent(self.parsed)

    @cached_property
    def is_repeatable(self) -> bool:
        """Whether its changes are idempotent. A test that fails the second time does no harm."""
        return is_idempotent(self.changes)

    def values_of(self, name: str) -> list[Json]:
        """The values that it gives a whole property, or tests it for, in their order."""
        return [each.value for each in self.parsed if each.path == [name] and each.has_value]

    def with_values(self, values: Mapping[int, Json]) -> PreparedPatch:
        """The patch with other values in the operations at these indexes."""
        operations = [
            {**operation, "value": values[index]} if index in values else operation
            for index, operation in enumerate(self.operations)
        ]
        return replace(self, operations=operations)

    def result(self, properties: Mapping[str, Json]) -> dict[str, Json]:
        """The properties after its changes, exactly as RFC 6902 defines them; tests are ignored.

        Raises `InvalidInputError` if the patch does not fit.
        """
        result, allowance = _owned(properties, self.changed_names), _Allowance()
        for each in self.changes:
            result = _applied(result, each, self.kind, allowance)
        return result

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
        after = _owned({**beside, **properties}, self.changed_names)
        allowance = _Allowance()
        sent: list[Operation] = []
        for each in self.parsed:
            if not self.hidden.isdisjoint(each.names):
                sent.append(each.plain)
            elif each.op != "test":
                sent += [each.plain] if each.op in listed else _rewritten(after, each, self.kind)
                after = _applied(after, each, self.kind, allowance)
            else:
                found = _tested(after, each)
                # Later operations change the touched properties in place.
                value = _copied(found) if each.path[0] in self.changed_names else found
                sent += [{**each.plain, "value": value}] if "test" in listed else []
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
        seen = are_shown(self._shown_traces, properties)
        if not seen or not self.changes_hidden:
            return seen
        only_sets = all(each.sets for each in self.changes if not self.hidden.isdisjoint(each.names))
        return True if only_sets and are_shown(traces_of(self.changes), properties) else None

    @cached_property
    def _shown_traces(self) -> list[Trace] | None:
        return traces_of(self.shown_changes)


def _owned(properties: Mapping[str, Json], touched: Sequence[str]) -> dict[str, Json]:
    """The properties for a patch to change in place: copies of those that it touches, and the others themselves."""
    return {name: _copied(value) if name in touched else value for name, value in properties.items()}


def _copied(value: Json) -> Json:
    """A copy of a JSON document that shares no list and no object with it."""
    if isinstance(value, dict):
        return {name: _copied(member) for name, member in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


@dataclass(slots=True)
class _Allowance:
    """The bytes that are left for the copies of one patch."""

    left: int = _MOST_COPIED


def _applied(properties: dict[str, Json], operation: Parsed, kind: Kind, allowance: _Allowance) -> dict[str, Json]:
    import jsonpatch

    if operation.op == "copy":
        allowance.left -= len(json.dumps(properties))
        if allowance.left < 0:
            raise _unfit(kind, f"its copies add up to more than {_MOST_COPIED} bytes")
    try:
        result: dict[str, Json] = jsonpatch.apply_patch(properties, [_copied(dict(operation.plain))], in_place=True)
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


def _tested(properties: Mapping[str, Json], test: Parsed) -> Json:
    found = value_at(properties, test.path)
    if found is MISSING or not same(found, test.value):
        raise TestFailed(f"{test.plain['path']} is {as_text(found)}, not {as_text(test.value)}")
    return found


def _rewritten(properties: Mapping[str, Json], operation: Parsed, kind: Kind) -> list[Operation]:
    """A `move` or `copy`, rewritten with the current value."""
    source, target = operation.plain["from"], operation.plain["path"]
    if operation.op == "move" and target.startswith(f"{source}/"):
        raise _unfit(kind, f"{source} cannot be moved into itself")
    found = value_at(properties, operation.source or ())
    if found is MISSING:
        raise _unfit(kind, f"there is nothing at {source}")
    removal: list[Operation] = [{"op": "remove", "path": source}] if operation.op == "move" else []
    return [*removal, {"op": "add", "path": target, "value": _copied(found)}]


def _unfit(kind: Kind, why: str) -> InvalidInputError:
    return InvalidInputError(
        f"The patch does not fit the {kind.subject}",
        [Violation("patch", legible(why), f"paths that the {kind.subject} has")],
    )
