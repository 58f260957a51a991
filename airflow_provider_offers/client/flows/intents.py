"""How an object shows that a patch took effect, and what the plan of a patch says about that."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from airflow_provider_offers.client.errors import InvalidInputError
from airflow_provider_offers.client.flows.memory import Plan
from airflow_provider_offers.client.generations import Patch
from airflow_provider_offers.client.model.comparing import same
from airflow_provider_offers.client.model.entities import Entity
from airflow_provider_offers.client.model.instants import parse_instant
from airflow_provider_offers.client.model.kinds import PERSONALIZED, Kind
from airflow_provider_offers.client.model.patches import apply, is_idempotent, tops, unforeseen
from airflow_provider_offers.client.model.spelling import join_pointer, split_pointer
from airflow_provider_offers.client.wire.messages import Json

# How far the service's clock and ours may be apart.
_CLOCKS = timedelta(seconds=60)
_MISSING = object()


def touched_by(patch: Patch) -> set[str]:
    """The properties at the top that the patch changes; of one that only tests, those that it tests."""
    changes = [operation for operation in patch if operation["op"] != "test"]
    return {name for operation in changes or patch for name in tops(operation)}


def plan_for(etag: int, expected: Mapping[str, Json], touched: Iterable[str]) -> Plan:
    """The plan of a patch to the offer at that etag; `expected` is what the offer will be."""
    return Plan(etag, fingerprint({name: expected[name] for name in touched if name in expected}))


def fingerprint(document: Json) -> str:
    """Equal for documents that are `same`: date-times count as instants."""
    return hashlib.sha256(json.dumps(_plain(document), sort_keys=True).encode()).hexdigest()


def _plain(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {name: _plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        try:
            return parse_instant(value).astimezone(UTC).isoformat()
        except (ValueError, OverflowError):
            return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def may_be_applied(entity: Entity, since: datetime) -> bool:
    """Whether the offer was modified since."""
    try:
        return parse_instant(entity.modified) >= since - _CLOCKS
    except (ValueError, OverflowError):
        return True


def shows(patch: Patch, properties: Mapping[str, Json], kind: Kind = PERSONALIZED) -> bool | None:
    """Whether everything that the patch does is to be seen in the properties; None where that cannot be told.

    A patch that only sets members shows where it would change nothing. Of any other, members that it sets are as it
    sets them, members that it removes are not there, and what it appends to lists stands at their end. What it does at
    an index of a list, or by moving and copying, leaves no such trace, and what it appends may have been followed by
    other items. Of what reads of the kind may leave out or respell, nothing follows from its not being as it was set.
    """
    hidden = unforeseen(patch, kind)
    changes = [operation for operation in patch if operation["op"] != "test"]
    visible = [operation for operation in changes if not tops(operation) & hidden]
    seen = _shows(visible, properties)
    if not seen or len(visible) == len(changes):
        return seen
    sets = all(operation["op"] in ("add", "replace") for operation in changes if tops(operation) & hidden)
    return True if sets and _shows(changes, properties) else None


def _shows(patch: Patch, properties: Mapping[str, Json]) -> bool | None:
    if is_idempotent(patch):
        return _changes_nothing(patch, properties)
    paths = [operation["path"] for operation in patch]
    if len(set(paths)) < len([path for path in paths if not path.endswith("/-")]) or _nested(paths):
        return None
    appended: dict[str, list[Json]] = {}
    seen = []
    for operation in patch:
        tokens = split_pointer(operation["path"])
        if operation["op"] not in ("add", "replace", "remove") or any(token.isdecimal() for token in tokens):
            return None
        if tokens[-1] == "-":
            appended.setdefault(join_pointer(tokens[:-1]), []).append(operation["value"])
        elif operation["op"] == "remove":
            seen.append(_at(properties, tokens) is _MISSING)
        else:
            there = _at(properties, tokens)
            seen.append(there is not _MISSING and same(there, operation["value"]))
    for path, values in appended.items():
        there = _at(properties, split_pointer(path))
        at_end = isinstance(there, list) and same(there[-len(values) :], values)
        if not at_end and isinstance(there, list) and any(same(item, value) for item in there for value in values):
            return None
        seen.append(at_end)
    return all(seen)


def _changes_nothing(patch: Patch, properties: Mapping[str, Json]) -> bool:
    try:
        return same(apply(patch, properties), dict(properties))
    except InvalidInputError:
        # Where it has no place to set something, it has not been applied.
        return False


def _nested(paths: list[str]) -> bool:
    return any(
        one != other and (one + "/").startswith(other.removesuffix("/-") + "/") and not _siblings(one, other)
        for one in paths
        for other in paths
    )


def _siblings(one: str, other: str) -> bool:
    """Both append to the same list."""
    return one.endswith("/-") and other.endswith("/-") and one == other


def _at(document: Json, tokens: list[str]) -> Json | object:
    for token in tokens:
        if not isinstance(document, Mapping) or token not in document:
            return _MISSING
        document = document[token]
    return document
