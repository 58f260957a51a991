"""Decision requests: both forms of the body, checked and converted into one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_offers.emulator.shapes import Problem

MAX_ITEMS = 30
"""The maximum number of options in one scope."""
MAX_REQUESTS = 30
"""The maximum number of scopes in one request."""

METADATA: Mapping[str, tuple[str, ...]] = {
    "activity": ("name",),
    "option": ("name", "characteristics", "priority"),
    "placement": ("name", "channel", "componentType"),
}
"""What a response can contain about each object of a proposition, besides id and etag."""


@dataclass(frozen=True)
class Scope:
    """One requested decision; without a placement, it means every placement of the decision."""

    activity: str
    placement: str | None
    items: int | None


@dataclass(frozen=True)
class Profile:
    """The profile of a decision: identities by namespace, and the context data of the caller."""

    identities: tuple[tuple[str, str], ...]
    context: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    request_id: str | None = None

    @property
    def key(self) -> str:
        """The identity of the profile: the primary one, which comes first."""
        namespace, identity = self.identities[0]
        return f"{namespace}:{identity}"


@dataclass(frozen=True)
class Terms:
    """The options of a request; None means that the placements decide."""

    across_activities: bool = False
    across_placements: bool | None = None
    content: bool | None = None
    metadata: Mapping[str, tuple[str, ...]] | None = None


@dataclass(frozen=True)
class DecisionRequest:
    """The requested decisions for one profile; a dry run counts for no cap."""

    scopes: tuple[Scope, ...]
    profile: Profile
    terms: Terms
    dry_run: bool = False


@dataclass
class Reader:
    """Reads one document and collects its problems."""

    problems: list[Problem] = field(default_factory=list)

    def member(self, holder: Mapping[str, Any], at: str, name: str, kind: type, *, required: bool = False) -> Any:
        """A member of this type, or None if it is missing or has another type."""
        here = f"{at}/{name}"
        if name not in holder:
            if required:
                self.problems.append(Problem(here, "is required"))
            return None
        value = holder[name]
        if isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
            return value
        self.problems.append(Problem(here, f"must be {_NAMES[kind]}"))
        return None

    def objects(self, holder: Mapping[str, Any], at: str, name: str, *, required: bool = False) -> list[dict[str, Any]]:
        """A member that is an array of objects."""
        value = self.member(holder, at, name, list, required=required) or []
        for number, each in enumerate(value):
            if not isinstance(each, dict):
                self.problems.append(Problem(f"{at}/{name}/{number}", "must be an object"))
        return [each for each in value if isinstance(each, dict)]

    def scopes(self, document: Mapping[str, Any]) -> tuple[Scope, ...]:
        """The requested propositions, in the current form."""
        name = "xdm:propositionRequests"
        given = self.objects(document, "", name, required=True)
        self.at_most(given, name, MAX_REQUESTS)
        scopes: list[Scope] = []
        for number, each in enumerate(given):
            at = f"/{name}/{number}"
            activity = self.text(each, at, "xdm:activityId")
            placement = self.text(each, at, "xdm:placementId")
            items = self.member(each, at, "xdm:itemCount", int)
            if items is not None and not 1 <= items <= MAX_ITEMS:
                self.problems.append(Problem(f"{at}/xdm:itemCount", f"must be from 1 to {MAX_ITEMS}, not {items}"))
            if (activity, placement) in [(known.activity, known.placement) for known in scopes]:
                self.problems.append(Problem(at, "asks for the same decision and placement as an earlier one"))
            scopes.append(Scope(activity, placement, items))
        return tuple(scopes)

    def text(self, holder: Mapping[str, Any], at: str, name: str) -> str:
        """A required member that is a non-empty text."""
        value = self.member(holder, at, name, str, required=True)
        if value is not None and not value.strip():
            self.problems.append(Problem(f"{at}/{name}", "must not be empty"))
        return value or ""

    def at_most(self, given: list[Any], name: str, most: int) -> None:
        """Check that an array has at least one item and at most `most`."""
        if not 1 <= len(given) <= most and not self.problems:
            wanted = f"exactly {most}" if most == 1 else f"from 1 to {most}"
            self.problems.append(Problem(f"/{name}", f"must have {wanted} item(s), not {len(given)}"))


def read(document: Any) -> tuple[DecisionRequest | None, list[Problem]]:
    """The request in a document, or its problems."""
    reader = Reader()
    if not isinstance(document, dict):
        return None, [Problem("", "must be an object")]
    if "xdm:offerActivities" in document:
        scopes, profile = _older_scopes(reader, document), _profile(reader, document, "")
    else:
        scopes = reader.scopes(document)
        profiles = reader.objects(document, "", "xdm:profiles", required=True)
        reader.at_most(profiles, "xdm:profiles", 1)
        profile = _profile(reader, profiles[0], "/xdm:profiles/0") if profiles else None
    merge_policy = reader.member(document, "", "xdm:mergePolicy", dict)
    if merge_policy is not None:
        reader.text(merge_policy, "/xdm:mergePolicy", "xdm:id")
    for name in ("xdm:enrichedAudience", "xdm:validateContextData"):
        reader.member(document, "", name, bool)
    terms = read_terms(reader, document)
    dry_run = reader.member(document, "", "xdm:dryRun", bool)
    if reader.problems or profile is None:
        return None, reader.problems
    return DecisionRequest(scopes, profile, terms, bool(dry_run)), []


def read_terms(reader: Reader, document: Mapping[str, Any]) -> Terms:
    """The options of a request for duplicates and for its answer."""
    duplicates = reader.member(document, "", "xdm:allowDuplicatePropositions", dict) or {}
    at = "/xdm:allowDuplicatePropositions"
    across_activities = reader.member(duplicates, at, "xdm:acrossActivities", bool)
    across_placements = reader.member(duplicates, at, "xdm:acrossPlacements", bool)
    content, metadata = _response_format(reader, document)
    return Terms(bool(across_activities), across_placements, content, metadata)


def _older_scopes(reader: Reader, document: Mapping[str, Any]) -> tuple[Scope, ...]:
    """The requested decisions in the form of 2019, which has no placements."""
    given = reader.objects(document, "", "xdm:offerActivities", required=True)
    reader.at_most(given, "xdm:offerActivities", MAX_REQUESTS)
    texts = [
        reader.text(each, f"/xdm:offerActivities/{number}", "xdm:offerActivity") for number, each in enumerate(given)
    ]
    return tuple(Scope(text, None, None) for text in dict.fromkeys(texts))


def _profile(reader: Reader, holder: Mapping[str, Any], at: str) -> Profile | None:
    identity_map = reader.member(holder, at, "xdm:identityMap", dict, required=True)
    context = []
    for number, each in enumerate(reader.objects(holder, at, "xdm:contextData")):
        here = f"{at}/xdm:contextData/{number}"
        schema = reader.text(each, here, "@type")
        data = reader.member(each, here, "xdm:data", dict, required=True)
        context.append((schema, data or {}))
    request_id = reader.member(holder, at, "xdm:decisionRequestId", str)
    identities = _identities(reader, identity_map, f"{at}/xdm:identityMap") if identity_map is not None else ()
    return Profile(identities, tuple(context), request_id) if identities else None


def _identities(reader: Reader, identity_map: Mapping[str, Any], at: str) -> tuple[tuple[str, str], ...]:
    found = []
    for namespace in identity_map:
        for number, each in enumerate(reader.objects(identity_map, at, namespace)):
            here = f"{at}/{namespace}/{number}"
            primary = reader.member(each, here, "primary", bool)
            found.append((not primary, namespace, reader.text(each, here, "xdm:id")))
    if not found and not reader.problems:
        reader.problems.append(Problem(at, "must contain at least one identity"))
    return tuple((namespace, identity) for _, namespace, identity in sorted(found))


def _response_format(
    reader: Reader, document: Mapping[str, Any]
) -> tuple[bool | None, Mapping[str, tuple[str, ...]] | None]:
    holder, at = reader.member(document, "", "xdm:responseFormat", dict) or {}, "/xdm:responseFormat"
    content = reader.member(holder, at, "xdm:includeContent", bool)
    wanted = reader.member(holder, at, "xdm:includeMetadata", dict)
    if wanted is None:
        return content, None
    metadata, at = {}, f"{at}/xdm:includeMetadata"
    for name, known in METADATA.items():
        names = reader.member(wanted, at, f"xdm:{name}", list) or []
        for each in names:
            if each not in known:
                reader.problems.append(Problem(f"{at}/xdm:{name}", f"may hold {', '.join(known)}, not {each!r}"))
        metadata[name] = tuple(names)
    return content, metadata


_NAMES = {
    str: "a string",
    int: "a whole number",
    bool: "true or false",
    list: "an array",
    dict: "an object",
}
