"""Whom a decision is for: the identities of one profile, and the data of its situation, from plain arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.payloads import json_value
from airflow_provider_offers.client.spelling import escape_token
from airflow_provider_offers.client.wire import Json

PROFILE_SHAPE = 'the identities of one profile by namespace, such as {"Email": "a@example.com"}'
_AROUND = ("xdm:identityMap", "identityMap")

IdentityMap = Mapping[str, Sequence[Mapping[str, Json]]]


def identity_map(given: Any) -> IdentityMap:
    """One profile's identities, as the service spells them, from `{"Email": "a@example.com"}` or Adobe's own form.

    A namespace may hold an id, or a list of ids or of objects with `id` (or `xdm:id`) and perhaps `primary`. Where
    none is primary, the first is. An `identityMap` (or `xdm:identityMap`) around all of it, as a profile of Adobe's has
    it, is taken off. Messages never quote an id: `InvalidInputError` names the namespace only.
    """
    given = _unwrapped(given)
    violations: list[Violation] = []
    found: dict[str, list[dict[str, Json]]] = {}
    if not isinstance(given, Mapping) or not given:
        accepted = PROFILE_SHAPE
        what = f"a {type(given).__name__}" if given or not isinstance(given, Mapping) else "an empty object"
        raise InvalidInputError("There is no profile to decide for", [Violation("profile", what, accepted)])
    for namespace, identities in given.items():
        listed = identities if isinstance(identities, (list, tuple)) else [identities]
        found[str(namespace)] = [_identity(each, f"profile.{namespace}", violations) for each in listed]
        if not listed or not isinstance(namespace, str) or not namespace.strip():
            violations.append(Violation(f"profile.{namespace}", "nothing", "at least one id of a named namespace"))
    every = [identity for identities in found.values() for identity in identities]
    primary = sum(bool(identity.get("primary")) for identity in every)
    if primary > 1:
        violations.append(Violation("profile", f"{primary} primary identities", "one profile, so one primary identity"))
    if violations:
        raise InvalidInputError("There is no profile to decide for", violations)
    if not primary:
        every[0]["primary"] = True
    return found


def _unwrapped(given: Any) -> Any:
    """The identities without what a profile of Adobe's has around them."""
    if isinstance(given, Mapping) and len(given) == 1:
        (name,) = given
        if name in _AROUND and isinstance(given[name], Mapping):
            return given[name]
    return given


def _identity(given: Any, pointer: str, violations: list[Violation]) -> dict[str, Json]:
    rest: dict[str, Json] = {}
    identifier = given
    if isinstance(given, Mapping):
        rest = {str(name): value for name, value in given.items() if name not in ("id", "xdm:id")}
        identifier = given.get("xdm:id", given.get("id"))
    if isinstance(identifier, int) and not isinstance(identifier, bool):
        identifier = str(identifier)
    if not isinstance(identifier, str) or not identifier.strip():
        what = "empty text" if isinstance(identifier, str) else f"a {type(given).__name__} without an id"
        violations.append(Violation(pointer, what, "an id, a list of ids, or objects with id and perhaps primary"))
        identifier = ""
    primary = rest.get("primary", False)
    if not isinstance(primary, bool):
        violations.append(Violation(f"{pointer}.primary", f"a {type(primary).__name__}", "true or false"))
    clean: dict[str, Json] = json_value(rest, violations, pointer)
    return {"xdm:id": identifier.strip(), **clean}


def context_pairs(given: Any) -> tuple[tuple[str, Json], ...]:
    """Context data by schema, from `{schema: data}` or from Adobe's list of `@type` and `xdm:data`."""
    if given is None:
        return ()
    violations: list[Violation] = []
    named: list[tuple[str, Any, Any]]
    if isinstance(given, Mapping) and "@type" not in given:
        # Where it is an object, what is amiss in it is found by the name that it has there.
        named = [(f"context_data/{escape_token(str(schema))}", schema, data) for schema, data in given.items()]
    else:
        listed = given if isinstance(given, (list, tuple)) else [given]
        named = []
        for index, each in enumerate(listed):
            is_pair = isinstance(each, Mapping)
            data = each.get("xdm:data", each.get("data")) if is_pair else each
            named.append((f"context_data/{index}", each.get("@type") if is_pair else None, data))
    for pointer, schema, data in named:
        if not isinstance(schema, str) or not schema or not isinstance(data, Mapping):
            accepted = "an object of data by its schema, or a list of objects with @type and xdm:data"
            violations.append(Violation(pointer, f"a {type(data).__name__}", accepted))
    clean = tuple((str(schema), json_value(data, violations, "context_data")) for _, schema, data in named)
    if violations:
        raise InvalidInputError("The context data cannot be sent", violations)
    return clean
