"""JSON Patch (RFC 6902): an author's patch is prepared once and knows the effects of its operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from types import MappingProxyType

from airflow_provider_offers.client.model.applying import (
    IMPOSSIBLE,
    MISSING,
    Allowance,
    applied,
    copied,
    owned,
    rewritten,
    tested,
    value_at,
)
from airflow_provider_offers.client.model.capabilities import Capabilities
from airflow_provider_offers.client.model.comparing import differing, fingerprint, same
from airflow_provider_offers.client.model.kinds import PERSONALIZED, Kind
from airflow_provider_offers.client.model.operations import Form, Operation, Parsed, Patch
from airflow_provider_offers.client.model.places import Pointing, pointings
from airflow_provider_offers.client.model.spelling import join_pointer
from airflow_provider_offers.client.wire.messages import Json

# The members that the service keeps besides the properties.
_BESIDE = ("/id", "/etag", "/created", "/modified")


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
    the log already. `written` has the pointers of the operations as their author wrote them, for messages.
    """

    operations: Patch
    kind: Kind = PERSONALIZED
    doubts: frozenset[str] = frozenset()
    written: Sequence[Mapping[str, str]] = field(default=(), compare=False, repr=False)

    @cached_property
    def parsed(self) -> list[Parsed]:
        """The operations with the tokens of their pointers."""
        if not self.written:
            return [Parsed.of(operation) for operation in self.operations]
        return [Parsed.of(*each) for each in zip(self.operations, self.written, strict=True)]

    @cached_property
    def changes(self) -> list[Parsed]:
        """The operations without the tests."""
        return [each for each in self.parsed if each.op != "test"]

    @cached_property
    def _effects(self) -> _Effects:
        return _effects(tuple(each.form for each in self.parsed), self.kind.unreliable_on_read)

    @property
    def changed_names(self) -> tuple[str, ...]:
        """The top-level properties that it changes, or copies from."""
        return self._effects.changed_names

    @property
    def touched(self) -> frozenset[str]:
        """The top-level properties that it changes; if it only tests, those that it tests."""
        return self._effects.touched

    @property
    def hidden(self) -> frozenset[str]:
        """The top-level properties whose values after the patch no read shows.

        These are the properties that reads of the kind leave out or spell differently, the links of generation 1, and
        properties that the patch moves or copies from them.
        """
        return self._effects.hidden

    @property
    def visible(self) -> frozenset[str]:
        """The top-level properties that it touches and that reads show."""
        return self._effects.visible

    @cached_property
    def shown_changes(self) -> list[Parsed]:
        """The changes of properties that reads show."""
        return [each for each in self.changes if self.hidden.isdisjoint(each.names)]

    @property
    def changes_hidden(self) -> bool:
        """Whether it changes something that no read shows."""
        return self._effects.changes_hidden

    @cached_property
    def named(self) -> dict[int, list[Pointing]]:
        """The references by name in its values, by the index of their operation."""
        named = {index: [each for each in found if each.name is not None] for index, found in self.pointings.items()}
        return {index: references for index, references in named.items() if references}

    @property
    def pointings(self) -> dict[int, list[Pointing]]:
        """The references in its values, by the index of their operation."""
        return {
            index: list(pointings(self.kind.place.at(each.path)[1], each.value))
            for index, each in enumerate(self.parsed)
            if each.has_value
        }

    @property
    def is_idempotent(self) -> bool:
        """Whether applying the patch twice has the same result as applying it once."""
        return self._effects.is_idempotent

    @property
    def is_repeatable(self) -> bool:
        """Whether its changes are idempotent. A test that fails the second time does no harm."""
        return self._effects.is_repeatable

    def values_of(self, name: str) -> list[Json]:
        """The values that it gives a whole property, or tests it for, in their order."""
        return [each.value for each in self.parsed if each.path == (name,) and each.has_value]

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
        result, allowance = owned(properties, self.changed_names), Allowance()
        for each in self.changes:
            result = applied(result, each, self.kind, allowance)
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
        # Few patches name a member outside the properties.
        beside = beside if any(name in beside for each in self.parsed for name in each.names) else {}
        after = owned({**beside, **properties} if beside else properties, self.changed_names)
        allowance = Allowance()
        sent: list[Operation] = []
        for each in self.parsed:
            if not self.hidden.isdisjoint(each.names):
                sent.append(each.plain)
            elif each.op != "test":
                sent += [each.plain] if each.op in listed else rewritten(after, each, self.kind)
                after = applied(after, each, self.kind, allowance)
            else:
                found = tested(after, each)
                # Later operations change the touched properties in place.
                value = copied(found) if each.path[0] in self.changed_names else found
                sent += [{**each.plain, "value": value}] if "test" in listed else []
        if beside:
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
        seen = _are_shown(self._shown_traces, properties)
        if not seen or not self.changes_hidden:
            return seen
        only_sets = all(each.sets for each in self.changes if not self.hidden.isdisjoint(each.names))
        return True if only_sets and _are_shown(_traces(self.changes), properties) else None

    @cached_property
    def _shown_traces(self) -> list[_Trace] | None:
        return _traces(self.shown_changes)


@dataclass(frozen=True, slots=True)
class _Effects:
    """The effects of a patch that do not depend on its values; the properties of `PreparedPatch` explain them."""

    changed_names: tuple[str, ...]
    touched: frozenset[str]
    hidden: frozenset[str]
    visible: frozenset[str]
    changes_hidden: bool
    is_idempotent: bool
    is_repeatable: bool


@lru_cache(maxsize=256)
def _effects(forms: tuple[Form, ...], unreliable_on_read: tuple[str, ...]) -> _Effects:
    """The effects of operations of these forms. A list plans patches of the same forms again and again."""
    changes = [each for each in forms if each.op != "test"]
    changed_names = tuple(dict.fromkeys(name for each in changes for name in each.names))
    touched = frozenset(changed_names or (name for each in forms for name in each.names))
    hidden = _hidden(forms, unreliable_on_read)
    return _Effects(
        changed_names,
        touched,
        hidden,
        touched - hidden,
        not all(hidden.isdisjoint(each.names) for each in changes),
        _is_idempotent(forms),
        _is_idempotent(changes),
    )


def _hidden(forms: Sequence[Form], unreliable_on_read: Sequence[str]) -> frozenset[str]:
    hidden = {"_links", *unreliable_on_read}
    found = True
    while found:
        found = False
        for each in forms:
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


def _is_idempotent(operations: Sequence[Form | Parsed]) -> bool:
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
class _Trace:
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


def _are_shown(traces: Sequence[_Trace] | None, properties: Mapping[str, Json]) -> bool | None:
    """Whether an object shows all of them; None if that cannot be decided."""
    seen = None if traces is None else [trace.is_in(properties) for trace in traces]
    return None if seen is None or None in seen else all(seen)


def _traces(operations: Sequence[Parsed]) -> list[_Trace] | None:
    """The traces of the operations in any object; None if they leave no clear trace."""
    if _is_idempotent(operations):
        return _traces_of_sets(operations)
    if _overlap(operations):
        return None
    appended: dict[tuple[str, ...], list[Json]] = {}
    traces: list[_Trace] = []
    for each in operations:
        if each.source is not None or any(token.isdecimal() for token in each.path):
            return None
        if each.path[-1] == "-":
            if not each.sets:
                return None
            appended.setdefault(tuple(each.path[:-1]), []).append(each.value)
        else:
            traces.append(_Trace(tuple(each.path), each.value if each.sets else MISSING))
    return traces + [_Trace(place, values, appended=True) for place, values in appended.items()]


def _traces_of_sets(operations: Sequence[Parsed]) -> list[_Trace]:
    """The traces of operations that set members. A part of a value that was set before belongs to that value."""
    left: dict[tuple[str, ...], Json] = {}
    for each in operations:
        path = tuple(each.path)
        holder = next((place for place in left if path[: len(place)] == place), path)
        left[holder] = _with_part(left.get(holder), path[len(holder) :], each)
    return [_Trace(place, value) for place, value in left.items()]


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
