"""What a decision is asked for one profile, and what it answers: plain arguments in, propositions out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from airflow_provider_offers.client.entities import Reference, parse_reference
from airflow_provider_offers.client.errors import APIError, InvalidInputError, OfferLibraryError, Violation
from airflow_provider_offers.client.generations.reading import optional_integer, optional_text
from airflow_provider_offers.client.instants import format_instant
from airflow_provider_offers.client.kinds import DECISION, PLACEMENT, Kind
from airflow_provider_offers.client.legible import quoted
from airflow_provider_offers.client.payloads import json_value
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.spelling import escape_token
from airflow_provider_offers.client.wire import Answer, Json

T = TypeVar("T")

MOST_SCOPES = 30
MOST_ITEMS = 30
# Adobe's guardrail for all scopes of one request together.
MOST_OFFERS = 100

# What a double holds; beyond it, and for what is no number, a score tells nothing.
_MOST_SCORE = 10**300
_SCHEMA = "https://ns.adobe.com/experience/offer-management/decision-{};version=1.0"
ASKS = f'application/vnd.adobe.xdm+json; schema="{_SCHEMA.format("request")}"'
ANSWERS = f'application/vnd.adobe.xdm+json; schema="{_SCHEMA.format("response")}"'

PROFILE_SHAPE = 'the identities of one profile by namespace, such as {"Email": "a@example.com"}'
_AROUND = ("xdm:identityMap", "identityMap")

IdentityMap = Mapping[str, Sequence[Mapping[str, Json]]]


class RuntimeRefusalError(OfferLibraryError):
    """The decision runtime refuses by what it knows: 404 or 422, of a decision that it does not know for one.

    Its next update may lift that, so that the same question may be answered later. Nothing was counted.
    """

    retryable = True

    def __init__(self, refused: APIError) -> None:
        self.status = refused.status
        self.code = refused.code
        self.request_id = refused.request_id
        self.retry_after = refused.retry_after
        super().__init__(
            f"{refused}\n  The runtime has a change of the library some time later; until then it refuses what it does "
            "not know yet"
        )


@dataclass(frozen=True, slots=True)
class Question:
    """One decision request: every decision at every placement, for one profile, whose identities no repr shows.

    `context` holds pairs of a schema and the data of that schema. `item_count` says how many offers are asked for in
    each place, `include_content` whether their contents are, and `allow_duplicates` whether an offer may be proposed
    more than once; None leaves each to the placements, over which a request wins.
    """

    decisions: tuple[Reference, ...]
    placements: tuple[Reference, ...]
    profile: IdentityMap = field(repr=False)
    item_count: int | None = None
    context: tuple[tuple[str, Json], ...] = field(default=(), repr=False)
    dry_run: bool = True
    include_content: bool | None = True
    allow_duplicates: bool | None = None

    @property
    def identities(self) -> set[str]:
        """The profile's ids, which nobody else should read."""
        return {str(identity["xdm:id"]) for identities in self.profile.values() for identity in identities}


@dataclass(frozen=True, slots=True)
class Shown:
    """A decision, a placement or an offer as an answer shows it; what the service left out is None."""

    id: str | None
    etag: int | None
    name: str | None = None
    type: str | None = None
    format: str | None = None
    content: str | None = None
    delivery_url: str | None = None
    link_url: str | None = None
    score: float | None = None
    characteristics: Mapping[str, Json] | None = None


@dataclass(frozen=True, slots=True)
class Proposition:
    """What one decision proposes at one placement: offers, the best first, or the fallback where none is left."""

    decision: Shown
    placement: Shown
    options: tuple[Shown, ...]
    fallback: Shown | None


@dataclass(frozen=True, slots=True)
class Decided:
    """One answer. `created` is RFC 3339 in UTC."""

    proposition_id: str | None
    created: str | None
    propositions: tuple[Proposition, ...]


class Checks:
    """Collects what several checks find wrong, so that all is told at once."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []

    def of(self, check: Callable[..., T], *arguments: Any, **options: Any) -> T | None:
        """What the check returns; None where it found something."""
        try:
            return check(*arguments, **options)
        except InvalidInputError as error:
            self.violations += error.violations
            return None

    def end(self, subject: str) -> None:
        """Raise `InvalidInputError` with everything that was found, if anything."""
        if self.violations:
            raise InvalidInputError(subject, self.violations)


def new_question(
    *,
    decision_id: Any,
    placement_id: Any,
    profile: Any,
    item_count: Any,
    context_data: Any,
    dry_run: Any,
    include_content: Any,
    allow_duplicates: Any = None,
    settings: Settings,
) -> Question:
    """A decision request from plain arguments; `InvalidInputError` names everything that is wrong with them."""
    checks = Checks()
    decisions = checks.of(references_to, "decision_id", decision_id, DECISION, settings) or ()
    placements = checks.of(references_to, "placement_id", placement_id, PLACEMENT, settings) or ()
    identities = checks.of(identity_map, profile) or {}
    context = checks.of(context_pairs, context_data) or ()
    if item_count in (None, ""):
        number = None
        checks.of(check_pairs, decisions, placements)
    else:
        number = checks.of(check_scopes, decisions, placements, item_count)
    checks.of(check_flag, "dry_run", dry_run)
    checks.of(check_flag, "include_content", include_content, or_none=True)
    checks.of(check_flag, "allow_duplicates", allow_duplicates, or_none=True)
    checks.end("The decision cannot be asked for")
    return Question(decisions, placements, identities, number, context, dry_run, include_content, allow_duplicates)


def check_flag(name: str, given: Any, *, or_none: bool = False) -> None:
    """Refuse what is neither true nor false: text that says so, as templates give it, would count as true."""
    if isinstance(given, bool) or (or_none and given is None):
        return
    accepted = "True, False or None, not text" if or_none else "True or False, not text"
    raise InvalidInputError("The decision cannot be asked for", [Violation(name, quoted(given), accepted)])


def references_to(name: str, given: Any, kind: Kind, settings: Settings) -> tuple[Reference, ...]:
    """The objects of a kind that a field names: one, or a list of which each counts once."""
    listed = given if isinstance(given, (list, tuple)) else [given]
    checks = Checks()
    if not listed:
        checks.violations.append(Violation(name, "an empty list", "at least one"))
    found = [checks.of(reference_to, name, each, kind, settings) for each in listed]
    checks.end(f"No {kind.noun} is named")
    return tuple(dict.fromkeys(each for each in found if each is not None))


def reference_to(name: str, given: Any, kind: Kind, settings: Settings) -> Reference:
    """The object of a kind that a field names: by an id of either generation, or as what a task returned."""
    try:
        return parse_reference(given, kind=kind, api=settings.api, sandbox=settings.sandbox)
    except InvalidInputError as error:
        renamed = [replace(violation, pointer=name) for violation in error.violations]
        raise InvalidInputError(error.subject, renamed) from None


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


def check_scopes(
    decisions: Sequence[Any], placements: Sequence[Any], item_count: Any, *, most_offers: int | None = MOST_OFFERS
) -> int:
    """The number of offers to ask for at each placement, once it and the number of scopes are within bounds."""
    checks = Checks()
    checks.of(check_pairs, decisions, placements)
    violations = checks.violations
    text = str(item_count)
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else 0
    scopes = len(decisions) * len(placements)
    if not 1 <= number <= MOST_ITEMS:
        violations.append(Violation("item_count", quoted(item_count), f"a whole number from 1 to {MOST_ITEMS}"))
    elif most_offers is not None and 0 < scopes <= MOST_SCOPES and number * scopes > most_offers:
        accepted = f"at most {most_offers} offers in one request, so {most_offers // scopes} at each placement"
        violations.append(Violation("item_count", f"{number} for {scopes} decisions and placements", accepted))
    if violations:
        raise InvalidInputError("There is nothing to decide", violations)
    return number


def check_pairs(decisions: Sequence[Any], placements: Sequence[Any]) -> None:
    """Refuse more pairs of a decision and a placement than one request may hold."""
    if len(decisions) * len(placements) > MOST_SCOPES:
        given = f"{len(decisions)} for {len(placements)} placements"
        accepted = f"at most {MOST_SCOPES} decisions and placements in one request"
        raise InvalidInputError("There is nothing to decide", [Violation("decision_id", given, accepted)])


def proposition_requests(scopes: Sequence[tuple[str, str]], item_count: int | None) -> list[dict[str, Json]]:
    """Decisions and placements as a request names them, one deciding or a whole workload."""
    counted: dict[str, Json] = {} if item_count is None else {"xdm:itemCount": item_count}
    return [{"xdm:activityId": decision, "xdm:placementId": placement, **counted} for decision, placement in scopes]


def question_body(question: Question, scopes: Sequence[tuple[str, str]]) -> dict[str, Json]:
    """The JSON of a decision request, the same for both generations."""
    profile: dict[str, Json] = {"xdm:identityMap": question.profile}
    if question.context:
        profile["xdm:contextData"] = [{"@type": schema, "xdm:data": data} for schema, data in question.context]
    body: dict[str, Json] = {
        "xdm:dryRun": question.dry_run,
        "xdm:propositionRequests": proposition_requests(scopes, question.item_count),
        "xdm:profiles": [profile],
    }
    if question.include_content is not None:
        body["xdm:responseFormat"] = {"xdm:includeContent": question.include_content}
    if question.allow_duplicates is not None:
        across = ("xdm:acrossActivities", "xdm:acrossPlacements")
        body["xdm:allowDuplicatePropositions"] = dict.fromkeys(across, question.allow_duplicates)
    return body


def read_decided(answer: Answer) -> Decided:
    """The propositions of an answer. What is missing in one is None; where there are none at all, that is an error."""
    body = answer.object()
    rows = body.get("xdm:propositions")
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise answer.unexpected("its 'xdm:propositions' is missing or no list of objects")
    return Decided(
        # One rendering of the older pages spells it so.
        proposition_id=optional_text(body, "xdm:propositionId") or optional_text(body, "xdm:propositionID"),
        created=epoch_text(body.get("ode:createDate")),
        propositions=tuple(map(_proposition, rows)),
    )


def _proposition(row: Mapping[str, Json]) -> Proposition:
    options, fallback = row.get("xdm:options"), row.get("xdm:fallback")
    return Proposition(
        decision=_shown(row.get("xdm:activity")),
        placement=_shown(row.get("xdm:placement")),
        options=tuple(_shown(each) for each in options if isinstance(each, Mapping))
        if isinstance(options, list)
        else (),
        fallback=_shown(fallback) if isinstance(fallback, Mapping) else None,
    )


def _shown(given: Json) -> Shown:
    body: Mapping[str, Json] = given if isinstance(given, Mapping) else {}
    characteristics = body.get("xdm:characteristics")
    return Shown(
        id=optional_text(body, "xdm:id"),
        # The older pages show it as text.
        etag=optional_integer(body, "repo:etag"),
        name=optional_text(body, "xdm:name"),
        type=optional_text(body, "@type"),
        format=optional_text(body, "dc:format"),
        content=optional_text(body, "xdm:content"),
        delivery_url=optional_text(body, "xdm:deliveryURL"),
        link_url=optional_text(body, "xdm:linkURL"),
        score=_score(body.get("xdm:score")),
        characteristics=characteristics if isinstance(characteristics, Mapping) else None,
    )


def _score(value: Json) -> float | None:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not abs(value) < _MOST_SCORE:
        return None
    return float(value)


def epoch_text(value: Json) -> str | None:
    """Milliseconds since 1970 as RFC 3339; None for anything else."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    try:
        return format_instant(datetime.fromtimestamp(value / 1000, UTC))
    except (OverflowError, ValueError, OSError):
        return None


def decided_receipt(decided: Decided, settings: Settings, *, dry_run: bool) -> dict[str, Any]:
    """An answer as a small JSON object. The profile is not in it."""
    return {
        "proposition_id": decided.proposition_id,
        "created": decided.created,
        "dry_run": dry_run,
        "propositions": [
            {
                "decision": _named(proposition.decision),
                "placement": _named(proposition.placement),
                "options": [_shown_receipt(option) for option in proposition.options],
                "fallback": None if proposition.fallback is None else _shown_receipt(proposition.fallback),
            }
            for proposition in decided.propositions
        ],
        "api": settings.api,
        "sandbox": settings.sandbox,
    }


def _named(shown: Shown) -> dict[str, Any]:
    return {"id": shown.id, "etag": shown.etag}


def _shown_receipt(shown: Shown) -> dict[str, Any]:
    every = {name: getattr(shown, name) for name in Shown.__dataclass_fields__}
    return {name: value for name, value in every.items() if value is not None or name in ("id", "etag")}
