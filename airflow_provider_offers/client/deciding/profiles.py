"""Reads the profile of a decision request from plain arguments: its identities and its context data."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.generations.decisioning import (
    FLAGS,
    OBJECTS,
    OF_IDENTITY,
    OF_PROFILE,
    OF_REQUEST,
    in_either_spelling,
    plain,
)
from airflow_provider_offers.client.model.documents import json_value
from airflow_provider_offers.client.model.likeness import has_letters_of, near
from airflow_provider_offers.client.model.namespaces import warn_of_damage, warn_of_slip
from airflow_provider_offers.client.model.spelling import escape_token
from airflow_provider_offers.client.text import typed
from airflow_provider_offers.client.wire.messages import Json

PROFILE_SHAPE = 'the identities of one profile by namespace, such as {"Email": "a@example.com"}'
_SUBJECT = "The profile is not valid"
IdentityMap = Mapping[str, Sequence[Mapping[str, Json]]]


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile, and the members that Adobe's pages show beside it. No repr shows its identities.

    `context` holds pairs of a schema and its data. `beside` holds further members of the profile, and `terms` those of
    the request around it, both by their plain names. `scopes` are the decisions of a complete request.
    """

    identities: IdentityMap = field(default_factory=dict, repr=False)
    context: tuple[tuple[str, Json], ...] = field(default=(), repr=False)
    beside: Mapping[str, Json] = field(default_factory=dict, repr=False)
    terms: Mapping[str, Json] = field(default_factory=dict)
    scopes: Json = None

    @property
    def private(self) -> set[str]:
        """The values to hide: the profile's ids, and the caller's own id of the request."""
        ids = {str(identity["id"]) for identities in self.identities.values() for identity in identities}
        request_id = self.beside.get("decisionRequestId")
        return ids | ({request_id} if isinstance(request_id, str) and request_id else set())


def read_profile(given: Any) -> Profile:
    """A profile from its identities alone, from a whole profile, or from a whole decision request of Adobe's.

    Members may have Adobe's prefix or plain names. Members beside the identities go to their documented places. Raises
    `InvalidInputError` with every violation; no message quotes an id.
    """
    if not isinstance(given, Mapping) or not _is_whole(given):
        return Profile(identity_map(given))
    violations: list[Violation] = []
    members = _members(given, "profile", violations)
    profiles = members.pop("profiles", None)
    if profiles is not None:
        listed = profiles if isinstance(profiles, (list, tuple)) else [profiles]
        if len(listed) != 1 or not isinstance(listed[0], Mapping):
            what = f"{len(listed)} of them" if isinstance(profiles, (list, tuple)) else typed(profiles)
            violations.append(Violation("profile/profiles", what, "one profile, because a request is for one profile"))
            raise InvalidInputError(_SUBJECT, violations)
        inside = _members(listed[0], "profile/profiles/0", violations)
    else:
        inside = {name: members.pop(name) for name in list(members) if name in OF_PROFILE}
    found: list[Any] = []
    for check, name in ((identity_map, "identityMap"), (context_pairs, "contextData")):
        if name not in inside and any(each.expected == repr(name) for each in violations):
            # Its misspelled name is an error already.
            continue
        try:
            found.append(check(inside.pop(name, None)))
        except InvalidInputError as error:
            violations += error.violations
    violations += _terms_violations({**members, **{name: inside[name] for name in FLAGS if name in inside}})
    request_id = inside.get("decisionRequestId")
    if request_id is not None and not isinstance(request_id, str):
        violations.append(Violation("profile/decisionRequestId", typed(request_id), "text"))
    scopes = members.pop("propositionRequests", None)
    beside = json_value(inside, violations, "profile")
    terms = {name: json_value(value, violations, f"profile/{name}") for name, value in members.items()}
    if violations:
        raise InvalidInputError(_SUBJECT, violations)
    return Profile(found[0], found[1], beside, terms, scopes)


def _is_whole(given: Mapping[Any, Any]) -> bool:
    names = {str(name) for name in given}
    return any(plain(name) == "profiles" or _meant(name, ("identityMap", "propositionRequests")) for name in names)


def _members(given: Mapping[Any, Any], at: str, violations: list[Violation]) -> dict[str, Any]:
    """The members by their plain names. An unknown member is sent unchanged if it has another prefix."""
    known = {*OF_PROFILE, *OF_REQUEST}
    members: dict[str, Any] = {}
    for given_name, value in given.items():
        name = plain(str(given_name))
        close = _meant(str(given_name), known)
        if name not in known and (close or ":" not in str(given_name)):
            accepted = repr(close[0]) if close else "identityMap, contextData and other members of Adobe's"
            violations.append(Violation(f"{at}/{escape_token(str(given_name))}", "an unknown member", accepted))
        elif name in members:
            violations.append(Violation(f"{at}/{escape_token(str(given_name))}", f"a second {name}", "one"))
        elif value is not None:
            members[name] = value
    return members


def _slips(given: Mapping[Any, Any], at: str, known: Collection[str]) -> list[Violation]:
    """The names that resemble a known one. Others are sent unchanged."""
    names = [(str(each), plain(str(each))) for each in given]
    return [
        Violation(f"{at}{escape_token(each)}", "an unknown member", repr(close[0]))
        for each, name in names
        if name not in known and (close := _meant(each, known))
    ]


def _meant(name: str, known: Collection[str]) -> list[str]:
    """The known members that the name resembles, also behind a prefix with the letters in another order."""
    prefix, _, local = name.partition(":")
    return near(local if has_letters_of(prefix, "xdm") else name, known)


def _terms_violations(members: Mapping[str, Any]) -> list[Violation]:
    flags = [
        Violation(f"profile/{name}", typed(members[name]), "true or false")
        for name in FLAGS
        if name in members and not isinstance(members[name], bool)
    ]
    objects = [
        Violation(f"profile/{name}", typed(members[name]), "an object")
        for name in OBJECTS
        if name in members and not isinstance(members[name], Mapping)
    ]
    slips = [
        slip
        for name, known in OBJECTS.items()
        if isinstance(value := members.get(name), Mapping)
        for slip in _slips(value, f"profile/{name}/", known)
    ]
    return [*flags, *objects, *slips]


def identity_map(given: Any) -> IdentityMap:
    """One profile's identities by namespace, from `{"Email": "a@example.com"}` or Adobe's own form.

    A namespace may hold an id, or a list of ids or of objects with `id` and optionally `primary`. If no identity is
    primary, the first one becomes it. Messages never quote an id: `InvalidInputError` only names the namespace.
    """
    violations: list[Violation] = []
    found: dict[str, list[dict[str, Json]]] = {}
    if not isinstance(given, Mapping) or not given:
        accepted = PROFILE_SHAPE
        what = typed(given) if given or not isinstance(given, Mapping) else "an empty object"
        raise InvalidInputError(_SUBJECT, [Violation("profile", what, accepted)])
    for namespace, identities in given.items():
        listed = identities if isinstance(identities, (list, tuple)) else [identities]
        warn_of_slip(str(namespace))
        found[str(namespace)] = [_identity(each, f"profile.{namespace}", violations) for each in listed]
        if not listed or not isinstance(namespace, str) or not namespace.strip():
            violations.append(Violation(f"profile.{namespace}", "nothing", "at least one id of a named namespace"))
    every = [identity for identities in found.values() for identity in identities]
    primary = sum(bool(identity.get("primary")) for identity in every)
    if primary > 1:
        violations.append(Violation("profile", f"{primary} primary identities", "one profile, so one primary identity"))
    if violations:
        raise InvalidInputError(_SUBJECT, violations)
    for namespace, identities in found.items():
        for each in identities:
            warn_of_damage(namespace, each["id"])
    if not primary:
        every[0]["primary"] = True
    return found


def _identity(given: Any, pointer: str, violations: list[Violation]) -> dict[str, Json]:
    rest: dict[str, Json] = {}
    identifier = given
    if isinstance(given, Mapping):
        violations += _slips(given, f"{pointer}.", OF_IDENTITY)
        rest = {_plain_of_identity(str(name)): value for name, value in given.items() if plain(str(name)) != "id"}
        identifier = in_either_spelling(given, "id")
    if isinstance(identifier, int) and not isinstance(identifier, bool):
        identifier = str(identifier)
    if not isinstance(identifier, str) or not identifier.strip():
        what = "empty text" if isinstance(identifier, str) else f"{typed(given)} without an id"
        violations.append(Violation(pointer, what, "an id, a list of ids, or objects with id and optionally primary"))
        identifier = ""
    primary = rest.get("primary", False)
    if not isinstance(primary, bool):
        violations.append(Violation(f"{pointer}.primary", typed(primary), "true or false"))
    clean: dict[str, Json] = json_value(rest, violations, pointer)
    return {"id": identifier.strip(), **clean}


def _plain_of_identity(name: str) -> str:
    return plain(name) if plain(name) in OF_IDENTITY else name


def context_pairs(given: Any) -> tuple[tuple[str, Json], ...]:
    """Context data by schema, from `{schema: data}` or from Adobe's list of `@type` and `data`."""
    if given is None:
        return ()
    violations: list[Violation] = []
    named: list[tuple[str, Any, Any]]
    if isinstance(given, Mapping) and "@type" not in given:
        # In an object, a violation is named by the schema.
        named = [(f"context_data/{escape_token(str(schema))}", schema, data) for schema, data in given.items()]
    else:
        listed = given if isinstance(given, (list, tuple)) else [given]
        named = []
        for index, each in enumerate(listed):
            is_pair = isinstance(each, Mapping)
            data = in_either_spelling(each, "data") if is_pair else each
            named.append((f"context_data/{index}", each.get("@type") if is_pair else None, data))
    for pointer, schema, data in named:
        if not isinstance(schema, str) or not schema or not isinstance(data, Mapping):
            accepted = "an object of data by its schema, or a list of objects with @type and data"
            violations.append(Violation(pointer, typed(data), accepted))
    clean = tuple((str(schema), json_value(data, violations, "context_data")) for _, schema, data in named)
    if violations:
        raise InvalidInputError("The context data is not valid", violations)
    return clean
