"""Prepares an author's JSON Patch: checks it, converts it to neutral names, and cleans its values."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from airflow_provider_offers.client.errors import Doubt, InvalidInputError, UnsupportedError, Violation
from airflow_provider_offers.client.model.capabilities import capabilities_of
from airflow_provider_offers.client.model.checking import findings
from airflow_provider_offers.client.model.cleaning import cleaned
from airflow_provider_offers.client.model.documents import given_tokens, json_value
from airflow_provider_offers.client.model.envelope import NEUTRAL_BESIDE
from airflow_provider_offers.client.model.facts import Many
from airflow_provider_offers.client.model.kinds import PERSONALIZED, Kind
from airflow_provider_offers.client.model.likeness import is_slip, one_of, perhaps
from airflow_provider_offers.client.model.names import BESIDE, INSTANCE, name_findings, unknown_member
from airflow_provider_offers.client.model.operations import Operation, Parsed, Patch, is_index
from airflow_provider_offers.client.model.patches import PreparedPatch
from airflow_provider_offers.client.model.places import Place, without_receipts, without_text
from airflow_provider_offers.client.model.spelling import (
    PLAIN,
    Spelled,
    escape_token,
    join_pointer,
    neutral_tokens,
    neutral_value,
    split_pointer,
    wire_tokens,
)
from airflow_provider_offers.client.model.validation import (
    MAX_BYTES,
    Validate,
    gist,
    in_status,
    settle,
    size_of,
    size_violations,
)
from airflow_provider_offers.client.text import describe, quoted
from airflow_provider_offers.client.wire.messages import Json

_OPERATIONS = ("add", "remove", "replace", "move", "copy", "test")
_POINTER = re.compile(r"(/([^~/]|~[01])*)+")
# A path as other tools write it.
_OTHER_PATH = re.compile(r"(\$\.)?[\w:@-]+((\.|/)[\w:@-]+|\[\d+\])*")
MAX_OPERATIONS = 1_000
# The maximum number of unknown members in a message.
_NAMED = 3
# The members of each operation. RFC 6902 says that any others are ignored.
_MEMBERS = {
    **dict.fromkeys(("add", "replace", "test"), ("op", "path", "value")),
    **dict.fromkeys(("move", "copy"), ("op", "from", "path")),
    "remove": ("op", "path"),
}


def prepare(operations: Any, kinds: Sequence[Kind], api: str, validate: Validate = True) -> PreparedPatch:
    """A prepared JSON Patch from operations in either spelling, valid for every kind of object that gets it.

    The kinds are one kind, or both kinds of offers, which are spelled alike. Raises `InvalidInputError` with every
    violation at once. Warns of doubts; the patch carries them, so that nothing warns of them again.
    """
    check_operations(operations)
    written = [{name: each[name] for name in ("path", "from") if name in each} for each in operations]
    neutral = neutral_patch(operations, api, kinds[0], tidy=validate is not False)
    patch = PreparedPatch(neutral, kinds[0], written=written)
    if validate is False:
        return patch
    doubts = [doubt for kind in kinds for doubt in check_patch(kind, patch, validate, operations)]
    return replace(patch, doubts=_gists(kinds, patch, doubts))


def prepare_planned(operations: Patch, kind: Kind, validate: Validate = False) -> PreparedPatch:
    """A prepared patch of the client's own. Its values come from a document, and the log has their doubts already."""
    patch = PreparedPatch(operations, kind)
    return replace(patch, doubts=_gists([kind], patch, patch_findings(kind, patch))) if validate is True else patch


def _gists(kinds: Sequence[Kind], patch: PreparedPatch, doubts: Iterable[Violation]) -> frozenset[str]:
    """The gists of these doubts about a patch, also as its result has them: there, a property has no path."""
    written = [each.path for each in patch.parsed if _writes(each)]
    named = (_path_finding(kind, tokens, "") for kind in kinds for tokens in written)
    return frozenset(gist(each) for each in (*doubts, *named) if each is not None)


def check_operations(patch: Any) -> None:
    """Reject anything that is not a JSON Patch (RFC 6902)."""
    found = list(_form_violations(patch))
    if found:
        raise InvalidInputError("The patch cannot be sent", found)


def _form_violations(patch: Any) -> Iterator[Violation]:
    if isinstance(patch, (list, tuple)):
        if not 1 <= len(patch) <= MAX_OPERATIONS:
            yield Violation("", f"{len(patch)} operations", f"1 to {MAX_OPERATIONS} operations")
        for index, operation in enumerate(patch):
            yield from _operation_violations(operation, f"/{index}")
    else:
        accepted = 'a list of operations (RFC 6902): [{"op": "replace", "path": "/status", "value": "approved"}]'
        yield Violation("", describe(patch), accepted)


def _operation_violations(operation: Any, pointer: str) -> Iterator[Violation]:
    if not isinstance(operation, Mapping):
        yield Violation(pointer, describe(operation), "an object with op and path")
        return
    word = operation.get("op")
    if word not in _OPERATIONS or not isinstance(word, str):
        yield Violation(f"{pointer}/op", _member(operation, "op"), one_of(_OPERATIONS, word))
    for name in ("path", "from") if word in ("move", "copy") else ("path",):
        path = operation.get(name)
        if not isinstance(path, str) or not _POINTER.fullmatch(path):
            accepted = "a JSON pointer (RFC 6901) to a property, such as /status or /_instance/xdm:status"
            yield Violation(f"{pointer}/{name}", _member(operation, name), accepted + perhaps(_as_pointer(path)))
    if word in ("add", "replace", "test") and "value" not in operation:
        yield Violation(f"{pointer}/value", _member(operation, "value"), f"the value to {word}")


def _as_pointer(path: Any) -> list[str]:
    """The pointer that the author means by a path in another form, such as `rank/priority` or `$.tags[0]`."""
    if not isinstance(path, str) or not _OTHER_PATH.fullmatch(path):
        return []
    tokens = re.split(r"[/.\[\]]+", path.removeprefix("$").strip("/.]"))
    return [join_pointer(tokens)] if all(tokens) else []


def _member(operation: Mapping[str, Any], name: str) -> str:
    """A member of an operation in a message. If it is missing, others of the author may be its misspelling."""
    if name in operation:
        return describe(operation[name])
    others = [quoted(each) for each in operation if each not in ("op", "from", "path", "value")]
    return f"nothing, but {' and '.join(others[:_NAMED])}" if others else "nothing"


def neutral_patch(patch: Any, api: str, kind: Kind = PERSONALIZED, *, tidy: bool = False) -> list[dict[str, Json]]:
    """A well-formed patch in neutral names, from paths and values in either generation's spelling.

    Both kinds of offers are spelled alike. `/_instance/xdm:status` and `/status` are the same path. Links
    (`/_links/...`) exist in generation 1 only. With `tidy`, the values that it sets are those that their author means;
    a value that is null or "" as a whole stays.
    """
    violations: list[Violation] = []
    places = [_neutral_place(operation["path"], api, kind) for operation in patch]
    members = [_members_of(operation, kind, *each) for operation, each in zip(patch, places, strict=True)]
    # The values are two levels below the list.
    plain = json_value(members, violations, "", depth=-2)
    if violations:
        raise InvalidInputError("The patch cannot be sent", violations)
    return [
        _neutral_operation(operation, f"/{index}", api, kind, *each, tidy=tidy)
        for index, (operation, each) in enumerate(zip(plain, places, strict=True))
    ]


def _members_of(operation: Operation, kind: Kind, tokens: list[str], spelled: Spelled) -> dict[str, Any]:
    """The members of an operation that count, with an object or a list in place of its text."""
    members = {name: operation[name] for name in _MEMBERS[operation["op"]]}
    if "value" in members:
        members["value"] = without_text(kind.place.at(tokens)[1], spelled, members["value"])
    return members


def _neutral_operation(
    operation: Operation, pointer: str, api: str, kind: Kind, tokens: list[str], spelled: Spelled, *, tidy: bool
) -> dict[str, Json]:
    neutral = {**operation, "path": join_pointer(tokens)}
    if "from" in operation:
        neutral["from"] = join_pointer(_neutral_place(operation["from"], api, kind)[0])
    if "value" in operation:
        place, value = kind.place.at(tokens)[1], neutral_value(operation["value"], spelled, f"{pointer}/value")
        neutral["value"] = without_receipts(place, value)
        if tidy and operation["op"] != "test":
            neutral["value"] = cleaned(place, neutral["value"])
    return neutral


def _neutral_place(pointer: str, api: str, kind: Kind) -> tuple[list[str], Spelled]:
    """The tokens of a pointer in neutral names, and the spelling of the place that it names."""
    if pointer == "/_instance":
        raise InvalidInputError(
            "The patch cannot be sent",
            [Violation("path", repr(pointer), "a property below it, such as /status")],
        )
    tokens = split_pointer(pointer)
    if tokens[0] == "_links":
        if not capabilities_of(api).has_links:
            raise UnsupportedError(f"{pointer!r} is a link of generation 1; {api} has no links")
        return tokens, PLAIN
    first, *rest = tokens[1:] if tokens[0] == "_instance" else tokens
    return neutral_tokens([NEUTRAL_BESIDE.get(first, first), *rest], kind.names)


def check_patch(
    kind: Kind, patch: PreparedPatch, validate: Validate = True, written: Sequence[Operation] = ()
) -> list[Violation]:
    """Reject a patch if the patch itself shows that the service would refuse the result.

    Pointers in the message count the operations: `/0/value/priority` lies in the value of the first one. The message
    uses the spelling of `written`, the author's operations. Warns of doubts, and returns them.
    """
    if validate is False:
        return []
    found = patch_findings(kind, patch)
    told = [_as_written(each, patch, written) for each in found] if written else found
    settle(f"The patch of the {kind.noun} cannot be sent", f"patch of the {kind.noun}", told, validate)
    return found


def _as_written(finding: Violation, patch: PreparedPatch, written: Sequence[Operation]) -> Violation:
    """The finding with the path, or with the place in the value, as the author writes it."""
    if not finding.pointer:
        return finding
    number, member, *below = split_pointer(finding.pointer)
    operation, neutral = written[int(number)], patch.parsed[int(number)]
    if member != "value":
        is_quoted = finding.given == repr(neutral.plain.get(member))
        return replace(finding, given=repr(operation[member])) if is_quoted else finding
    spelled = wire_tokens(neutral.path, patch.kind.names)[1]
    prefixed = operation["path"] != neutral.plain["path"]
    tokens = given_tokens(operation["value"], below, spelled, prefixed)
    return replace(finding, pointer=join_pointer([number, member, *tokens]))


def patch_findings(kind: Kind, patch: PreparedPatch) -> list[Violation]:
    """Every error and doubt about a patch of an object of that kind."""
    found = [finding for index, each in enumerate(patch.parsed) for finding in _effect_violations(kind, index, each)]
    gathered = _Gathered(kind, patch)
    # A path that is not right leads to no place whose value could be looked at.
    told = {each.pointer for each in found if not isinstance(each, Doubt) and each.pointer.endswith("/path")}
    found += [each for each in gathered.violations() if each not in found and each.pointer not in told]
    return in_status(gathered.status, found)


def _effect_violations(kind: Kind, index: int, operation: Parsed) -> Iterator[Violation]:
    path, tokens = operation.plain["path"], operation.path
    if tokens[0] == "_links":
        return
    names = list(_path_findings(kind, index, operation))
    yield from names
    if operation.op == "test" or not all(isinstance(each, Doubt) for each in names):
        return
    if tokens[0] in BESIDE:
        yield Violation(f"/{index}/path", repr(path), f"a property of the {kind.subject}; the service assigns this one")
        return
    parent, place = kind.place.at(tokens)
    yield from _removal_violations(kind, index, operation)
    if not operation.sets:
        return
    if operation.value is None and parent.requires(tokens[-1]):
        yield Violation(f"/{index}/value", "null", "a value: the property is required")
        return
    yield from findings(place, operation.value, f"/{index}/value")
    spelled = wire_tokens(tokens, kind.names)[1]
    yield from name_findings(place, spelled, operation.value, f"/{index}/value", whole=kind.place)
    yield from size_violations(kind, operation.value, f"/{index}/value")


def _path_findings(kind: Kind, index: int, operation: Parsed) -> Iterator[Violation]:
    """The errors and doubts about the names in an operation's paths.

    Only a property that is written is doubtful. An unknown property may be moved away or removed without a warning.
    """
    for name, tokens in (("path", operation.path), ("from", operation.source or ())):
        writes = name == "path" and _writes(operation)
        value = {"value": operation.value} if writes and operation.has_value else {}
        finding = _path_finding(kind, tokens, f"/{index}/{name}", repr(operation.plain.get(name)), **value)
        if finding is not None and (writes or not isinstance(finding, Doubt)):
            yield finding


def _writes(operation: Parsed) -> bool:
    """Whether it gives the place of its path a value."""
    return operation.op not in ("remove", "test")


def _path_finding(
    kind: Kind, tokens: Sequence[str], where: str, given: str | None = None, **value: Any
) -> Violation | None:
    """The finding about the first token of a path that is not right; `value` is what it writes there, if known."""
    place, spelled = kind.place, kind.names
    if meant := _behind_a_front(place, spelled, tokens):
        accepted = f"a path to a property{perhaps([meant])}"
        return Violation(where, "a path to no property" if given is None else given, accepted)
    for depth, token in enumerate(tokens, 1):
        if (wrong := _misplaced(place, tokens[: depth - 1], token)) is not None:
            return Violation(where, "a path to no property" if given is None else given, wrong)
        if place.known:
            written = value if depth == len(tokens) else {}
            finding = unknown_member(place, spelled, token, where, kind.place, given=given, **written)
            if finding is not None:
                return finding
        place, spelled = place.below(token), wire_tokens([token], spelled)[1]
    return None


def _behind_a_front(place: Place, spelled: Spelled, tokens: Sequence[str]) -> str | None:
    """The path to a property of the object behind a front that it does not have, such as `/instance/xdm:status`.

    Only generation 1's envelope, also with a slip, shows for certain that the object is meant: other properties may be
    the customer's own.
    """
    if len(tokens) < 2 or place.knows(tokens[0]):
        return None
    first, *rest = tokens
    if INSTANCE in rest[:-1]:
        return join_pointer(rest[rest.index(INSTANCE) :])
    is_meant = is_slip(first, INSTANCE) and place.knows(spelled.neutral_name(rest[0])[0])
    return join_pointer([INSTANCE, *rest]) if is_meant else None


def _misplaced(place: Place, above: Sequence[str], token: str) -> str | None:
    """What is expected in place of a token that can lead nowhere below that place; None if it can."""
    if place.item is not None:
        return None if is_index(token) else f"an index or - at the end: {join_pointer(list(above))} is a list"
    if place.is_leaf:
        return f"{join_pointer(list(above))}, which has no properties"
    return "the name of a property, which is not empty" if place.known and not token else None


def _removal_violations(kind: Kind, index: int, operation: Parsed) -> Iterator[Violation]:
    """The violations of a `remove`, and of what a `move` takes away."""
    if operation.op not in ("move", "remove"):
        return
    name, tokens = ("from", operation.source) if operation.source else ("path", operation.path)
    pointer, parent = repr(operation.plain[name]), kind.place.at(tokens)[0]
    if parent.requires(tokens[-1]):
        yield Violation(f"/{index}/{name}", pointer, "replace: the property is required and cannot be removed")
    elif kind.is_offer and tokens == ("selectionConstraint",):
        accepted = "a part of it: the offer's dates live there together with its rule"
        yield Violation(f"/{index}/{name}", pointer, accepted)


class _Gathered:
    """The known state of an object after a patch, without a read: the members that the patch sets, nested."""

    def __init__(self, kind: Kind, patch: PreparedPatch) -> None:
        self._kind = kind
        self._known: dict[str, Json] = {}
        # The operation that set a place, by its tokens.
        self._origins: dict[tuple[str, ...], int] = {}
        self._fits = all(size_of(each.value) <= MAX_BYTES for each in patch.parsed if each.has_value)
        for index, each in enumerate(patch.parsed):
            if each.op != "test":
                self._take(index, each)

    def _take(self, index: int, operation: Parsed) -> None:
        if operation.op == "move" and operation.source:
            self._forget(operation.source)
        self._forget(operation.path)
        # The item at an index of a list is not known.
        if not operation.sets or operation.path[0] == "_links" or operation.in_list:
            return
        holder = self._known
        for token in operation.path[:-1]:
            holder = holder.setdefault(token, {})
        holder[operation.path[-1]] = copy.deepcopy(operation.value)
        self._origins[tuple(operation.path)] = index

    def _forget(self, tokens: Sequence[str]) -> None:
        """Forget a place and everything below it; if it lies in a value that was set as a whole, forget that value."""
        holder = self._known
        for depth, token in enumerate(tokens, 1):
            below = holder.get(token)
            if depth == len(tokens) or not isinstance(below, dict):
                holder.pop(token, None)
                tokens = tokens[:depth]
                break
            holder = below
        gone = tuple(tokens)
        self._origins = {place: index for place, index in self._origins.items() if place[: len(gone)] != gone}

    @property
    def status(self) -> Json:
        return self._known.get("status")

    def violations(self) -> Iterator[Violation]:
        """The violations of rules between members, and of maximum sizes; pointers count the operations."""
        for violation in _together(self._kind.place, self._known, ""):
            yield replace(violation, pointer=self._place(violation.pointer))
        if self._fits:
            yield from size_violations(self._kind, self._known, "")

    def _place(self, pointer: str) -> str:
        tokens = tuple(split_pointer(pointer))
        for length in range(len(tokens), 0, -1):
            if tokens[:length] in self._origins:
                return f"/{self._origins[tokens[:length]]}/value{join_pointer(list(tokens[length:]))}"
        # No operation sets the whole place: take the last operation that sets something in it.
        return f"/{max(index for place, index in self._origins.items() if place[: len(tokens)] == tokens)}/path"


def _together(place: Place, known: Json, pointer: str) -> Iterator[Violation]:
    """The violations of rules that span several members of an object."""
    if not isinstance(known, Mapping) or not (place.own or place.model):
        return
    more: Iterable[Violation] = () if place.model is None else place.model.between(known)
    if place.own is not None and place.fact(Many) is not None:
        more = findings(place, known)
    yield from (replace(each, pointer=pointer + each.pointer) for each in more)
    for name, member in known.items():
        yield from _together(place.below(name), member, f"{pointer}/{escape_token(name)}")
