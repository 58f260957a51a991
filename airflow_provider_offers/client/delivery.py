"""What a decision is asked for one profile, and what it answers: plain arguments in, propositions out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from airflow_provider_offers.client.errors import APIError, InvalidInputError, OfferLibraryError, Violation
from airflow_provider_offers.client.generations.reading import optional_integer, optional_text
from airflow_provider_offers.client.instants import format_instant
from airflow_provider_offers.client.legible import quoted
from airflow_provider_offers.client.profiles import IdentityMap, context_pairs, identity_map
from airflow_provider_offers.client.scopes import Checks, Scope, proposition_requests, scopes_from
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.wire import Answer, Json

# What a double holds; beyond it, and for what is no number, a score tells nothing.
_MOST_SCORE = 10**300
_SCHEMA = "https://ns.adobe.com/experience/offer-management/decision-{};version=1.0"
ASKS = f'application/vnd.adobe.xdm+json; schema="{_SCHEMA.format("request")}"'
ANSWERS = f'application/vnd.adobe.xdm+json; schema="{_SCHEMA.format("response")}"'

_MAY_PASS = "The runtime has a change of the library some time later; until then it refuses what it does not know yet"


class RuntimeRefusalError(OfferLibraryError):
    """The decision runtime refuses by what it knows: 404 or 422, of a decision that it does not know for one.

    Its next update may lift that, so that the same question may be answered later. Nothing was counted. Where the
    library itself shows why it refuses, `lasting` says so: no update will lift that, and no retry helps.
    """

    retryable = True

    def __init__(self, refused: APIError, lasting: str = "") -> None:
        self.refused = refused
        self.status = refused.status
        self.code = refused.code
        self.request_id = refused.request_id
        self.retry_after = refused.retry_after
        self.lasting = lasting
        self.retryable = not lasting
        why = f"No retry helps: {lasting}" if lasting else _MAY_PASS
        super().__init__(f"{refused}\n  {why}")


@dataclass(frozen=True, slots=True)
class Question:
    """One decision request: decisions, each at its placements, for one profile, whose identities no repr shows.

    `context` holds pairs of a schema and the data of that schema. `include_content` says whether the offers' contents
    are asked for, and `allow_duplicates` whether an offer may be proposed more than once; None leaves each to the
    placements, over which a request wins.
    """

    scopes: tuple[Scope, ...]
    profile: IdentityMap = field(repr=False)
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


def new_question(
    *,
    decision_id: Any = None,
    placement_id: Any = None,
    scopes: Any = None,
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
    asked = checks.of(
        scopes_from,
        decision_id=decision_id,
        placement_id=placement_id,
        scopes=scopes,
        item_count=item_count,
        settings=settings,
    )
    identities = checks.of(identity_map, profile) or {}
    context = checks.of(context_pairs, context_data) or ()
    checks.of(check_flag, "dry_run", dry_run)
    checks.of(check_flag, "include_content", include_content, or_none=True)
    checks.of(check_flag, "allow_duplicates", allow_duplicates, or_none=True)
    checks.end("The decision cannot be asked for")
    return Question(asked or (), identities, context, dry_run, include_content, allow_duplicates)


def check_flag(name: str, given: Any, *, or_none: bool = False) -> None:
    """Refuse what is neither true nor false: text that says so, as templates give it, would count as true."""
    if isinstance(given, bool) or (or_none and given is None):
        return
    accepted = "True, False or None, not text" if or_none else "True or False, not text"
    raise InvalidInputError("The decision cannot be asked for", [Violation(name, quoted(given), accepted)])


def question_body(question: Question, scopes: Sequence[tuple[str, str, int | None]]) -> dict[str, Json]:
    """The JSON of a decision request, the same for both generations."""
    profile: dict[str, Json] = {"xdm:identityMap": question.profile}
    if question.context:
        profile["xdm:contextData"] = [{"@type": schema, "xdm:data": data} for schema, data in question.context]
    body: dict[str, Json] = {
        "xdm:dryRun": question.dry_run,
        "xdm:propositionRequests": proposition_requests(scopes),
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
