"""The checks before sending: objects and patches against the rules of their kind, with every violation at once."""

from __future__ import annotations

import copy
import json
import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

from airflow_provider_offers.client.errors import Doubt, InvalidInputError, Violation
from airflow_provider_offers.client.model.checking import findings
from airflow_provider_offers.client.model.documents import given_pointer
from airflow_provider_offers.client.model.facts import Many
from airflow_provider_offers.client.model.kinds import Kind
from airflow_provider_offers.client.model.names import BESIDE, name_findings, unknown_member
from airflow_provider_offers.client.model.operations import Patch
from airflow_provider_offers.client.model.patches import is_index
from airflow_provider_offers.client.model.places import Place
from airflow_provider_offers.client.model.spelling import escape_token, join_pointer, split_pointer, wire_tokens
from airflow_provider_offers.client.model.wording import describe
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.client.wire.messages import Json

log = logging.getLogger(__name__)

# True rejects errors and warns of doubts, "strict" rejects both, False checks only the form.
Validate = bool | Literal["strict"]
# The statuses in which customers may see the object. A draft may be incomplete; a shown object may not.
SHOWN_STATUSES = ("approved", "live")

_OPERATIONS = ("add", "remove", "replace", "move", "copy", "test")
_POINTER = re.compile(r"(/([^~/]|~[01])*)+")
MAX_OPERATIONS = 1_000
MAX_BYTES = 300 * 1024
_COUNTED = re.compile(r"(\d+) [a-z]")


def checked_validate(given: Any) -> Validate:
    """The checked value of `validate`; `InvalidInputError` names the allowed values."""
    if isinstance(given, bool) or given == "strict":
        return given  # type: ignore[no-any-return]
    accepted = "True (reject errors), 'strict' (reject doubts too) or False (check only the form)"
    raise InvalidInputError("The checks are not valid", [Violation("validate", quoted(given), accepted)])


def settle(subject: str, called: str, findings: Iterable[Violation], validate: Validate = True) -> None:
    """Reject errors, and with `"strict"` doubts too; warn of each doubt that is sent.

    Raises `InvalidInputError` with everything that is rejected. `called` names the document in the warnings.
    """
    found = list(findings)
    refused = [each for each in found if validate == "strict" or not isinstance(each, Doubt)]
    if refused:
        raise InvalidInputError(subject, refused)
    for doubt in found:
        log.warning("The %s is sent although it may be wrong; validate='strict' rejects it: %s", called, doubt)


def check_offer(kind: Kind, properties: Mapping[str, Json], given: Any, validate: Validate = True) -> None:
    """Reject an object that the service would refuse. The pointers in the message are those of `given`.

    Raises `InvalidInputError` with every violation, and warns of doubts.
    """
    if validate is False:
        return
    name = properties.get("name")
    called = f"{kind.noun} {quoted(name, 80)}" if isinstance(name, str) else kind.noun
    settle(f"The {kind.noun} cannot be sent", called, offer_findings(kind, properties, given), validate)


def offer_findings(kind: Kind, properties: Mapping[str, Json], given: Any) -> list[Violation]:
    """Every error and doubt, with its place in `given`."""
    return [
        replace(finding, pointer=given_pointer(given, finding.pointer, kind.names))
        for finding in _offer_violations(kind, properties)
    ]


def _offer_violations(kind: Kind, properties: Mapping[str, Json]) -> list[Violation]:
    found = [
        *findings(kind.place, properties),
        *name_findings(kind.place, kind.names, properties),
        *_size_violations(kind, properties, ""),
    ]
    return _in_status(properties.get("status"), found)


def _size_violations(kind: Kind, content: Json, pointer: str) -> Iterator[Violation]:
    size = _size(content)
    if size > MAX_BYTES:
        yield Violation(pointer, f"{size} bytes", f"at most {MAX_BYTES} bytes for a whole {kind.subject}")


def _size(content: Json) -> int:
    return len(json.dumps(content, ensure_ascii=False).encode(errors="replace"))


def _in_status(status: Json, found: list[Violation]) -> list[Violation]:
    """The findings for an object in that status. Gaps are doubts in a draft, and errors in a shown object."""
    if status not in SHOWN_STATUSES:
        return found
    return [
        Violation(each.pointer, each.given, each.accepted) if isinstance(each, Doubt) and each.until_shown else each
        for each in found
    ]


def check_result(
    kind: Kind,
    before: Mapping[str, Json],
    after: Mapping[str, Json],
    patch: Patch = (),
    validate: Validate = True,
    told: set[str] | None = None,
) -> None:
    """Reject a patch whose result the service would refuse; `before` and `after` are the object's properties.

    An error that existed before and is no worse afterwards does not count. Raises `InvalidInputError`. Warns of doubts,
    unless `check_patch` has done so already, or `told` has them from an earlier try.
    """
    if validate is False:
        return
    known = _by_place(_offer_violations(kind, before))
    found = [
        violation
        for place, violations in _by_place(_offer_violations(kind, after)).items()
        if len(violations) > len(known[place]) or _most(violations) > _most(known[place])
        for violation in violations
        if violation not in known[place]
    ]
    if validate is True and found:
        told = set() if told is None else told
        told |= {_gist(doubt) for doubt in patch_findings(kind, patch)}
        found = [each for each in found if not isinstance(each, Doubt) or _gist(each) not in told]
        told |= {_gist(each) for each in found}
    subject = f"The patched {kind.noun} would not be valid; nothing was sent"
    settle(subject, f"patched {kind.noun} {quoted(after.get('name'), 80)}", found, validate)


def _gist(finding: Violation) -> str:
    """The finding without its place: the same doubt has different pointers in a patch and in its result."""
    return f"{finding.given} {re.sub(r'[0-9]+', '#', finding.accepted)}"


def _by_place(violations: Iterable[Violation]) -> defaultdict[tuple[str, bool], list[Violation]]:
    """The violations by pointer, with all indexes alike: items move up when others are removed.

    A doubt that has become an error, such as in a draft that is approved, has its own key.
    """
    places: defaultdict[tuple[str, bool], list[Violation]] = defaultdict(list)
    for violation in violations:
        place = re.sub(r"/\d+(?=/|$)", "/#", violation.pointer)
        places[place, isinstance(violation, Doubt)].append(violation)
    return places


def _most(violations: Iterable[Violation]) -> int:
    """The largest count in violations that are about too many entries."""
    counts = [_COUNTED.match(violation.given) for violation in violations]
    return max((int(count[1]) for count in counts if count is not None), default=0)


def check_operations(patch: Any) -> None:
    """Reject anything that is not a JSON Patch (RFC 6902)."""
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


def check_patch(kind: Kind, patch: Patch, validate: Validate = True) -> None:
    """Reject a well-formed patch in neutral names if the patch itself shows that the service would refuse the result.

    Pointers in the message count the operations: `/0/value/priority` lies in the value of the first one. Warns of
    doubts.
    """
    if validate is not False:
        subject = f"The patch of the {kind.noun} cannot be sent"
        settle(subject, f"patch of the {kind.noun}", patch_findings(kind, patch), validate)


def patch_findings(kind: Kind, patch: Patch) -> list[Violation]:
    """Every error and doubt about a well-formed patch."""
    found = [violation for index, op in enumerate(patch) for violation in _effect_violations(kind, index, op)]
    gathered = _Gathered(kind, patch)
    found += [violation for violation in gathered.violations() if violation not in found]
    return _in_status(gathered.status, found)


def _effect_violations(kind: Kind, index: int, operation: Mapping[str, Json]) -> Iterator[Violation]:
    word, path = operation["op"], operation["path"]
    tokens = split_pointer(path)
    if tokens[0] == "_links":
        return
    names = list(_path_findings(kind, index, operation))
    yield from names
    if word == "test" or not all(isinstance(each, Doubt) for each in names):
        return
    if tokens[0] in BESIDE:
        yield Violation(f"/{index}/path", repr(path), f"a property of the {kind.subject}; the service assigns this one")
        return
    parent, place = kind.place.at(tokens)
    if word in ("move", "remove"):
        yield from _removal_violations(kind, index, "from" if word == "move" else "path", operation)
    if word not in ("add", "replace"):
        return
    if parent.item is not None and not is_index(tokens[-1]):
        yield Violation(f"/{index}/path", repr(path), "an index or - at the end: this is a list")
        return
    if operation["value"] is None and parent.requires(tokens[-1]):
        yield Violation(f"/{index}/value", "null", "a value: the property is required")
        return
    yield from findings(place, operation["value"], f"/{index}/value")
    spelled = wire_tokens(tokens, kind.names)[1]
    yield from name_findings(place, spelled, operation["value"], f"/{index}/value", whole=kind.place)
    yield from _size_violations(kind, operation["value"], f"/{index}/value")


def _path_findings(kind: Kind, index: int, operation: Mapping[str, Json]) -> Iterator[Violation]:
    """The errors and doubts about the names in an operation's paths.

    Only a property that is written is doubtful. An unknown property may be moved away or removed without a warning.
    """
    for name in ("path", "from"):
        if name not in operation:
            continue
        finding = _path_finding(kind, operation[name], f"/{index}/{name}")
        writes = name == "path" and operation["op"] not in ("remove", "test")
        if finding is not None and (writes or not isinstance(finding, Doubt)):
            yield finding


def _path_finding(kind: Kind, path: str, where: str) -> Violation | None:
    place, spelled = kind.place, kind.names
    for token in split_pointer(path):
        if place.known:
            finding = unknown_member(place, spelled, token, where, kind.place, given=repr(path))
            if finding is not None:
                return finding
        place, spelled = place.below(token), wire_tokens([token], spelled)[1]
    return None


def _removal_violations(kind: Kind, index: int, name: str, operation: Mapping[str, Json]) -> Iterator[Violation]:
    pointer = operation[name]
    tokens = split_pointer(pointer)
    parent, _ = kind.place.at(tokens)
    if parent.requires(tokens[-1]):
        yield Violation(f"/{index}/{name}", repr(pointer), "replace: the property is required and cannot be removed")
    elif kind.is_offer and tokens == ["selectionConstraint"]:
        accepted = "a part of it: the offer's dates live there together with its rule"
        yield Violation(f"/{index}/{name}", repr(pointer), accepted)


class _Gathered:
    """The known state of an object after a patch, without a read: the members that the patch sets, nested."""

    def __init__(self, kind: Kind, patch: Patch) -> None:
        self._kind = kind
        self._known: dict[str, Json] = {}
        # The operation that set a place, by its tokens.
        self._origins: dict[tuple[str, ...], int] = {}
        self._fits = all(_size(operation.get("value")) <= MAX_BYTES for operation in patch)
        for index, operation in enumerate(patch):
            self._take(index, operation)

    def _take(self, index: int, operation: Mapping[str, Json]) -> None:
        word, tokens = operation["op"], tuple(split_pointer(operation["path"]))
        if word == "move":
            self._forget(tuple(split_pointer(operation["from"])))
        if word == "test":
            return
        self._forget(tokens)
        # The item at an index of a list is not known.
        if word not in ("add", "replace") or tokens[0] == "_links" or any(map(is_index, tokens)):
            return
        holder = self._known
        for token in tokens[:-1]:
            holder = holder.setdefault(token, {})
        holder[tokens[-1]] = copy.deepcopy(operation["value"])
        self._origins[tokens] = index

    def _forget(self, tokens: tuple[str, ...]) -> None:
        """Forget a place and everything below it; if it lies in a value that was set as a whole, forget that value."""
        holder = self._known
        for depth, token in enumerate(tokens, 1):
            below = holder.get(token)
            if depth == len(tokens) or not isinstance(below, dict):
                holder.pop(token, None)
                tokens = tokens[:depth]
                break
            holder = below
        self._origins = {place: index for place, index in self._origins.items() if place[: len(tokens)] != tokens}

    @property
    def status(self) -> Json:
        return self._known.get("status")

    def violations(self) -> Iterator[Violation]:
        """The violations of rules between members, and of maximum sizes; pointers count the operations."""
        for violation in _together(self._kind.place, self._known, ""):
            yield replace(violation, pointer=self._place(violation.pointer))
        if self._fits:
            yield from _size_violations(self._kind, self._known, "")

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
