"""What a decision is asked for one profile, and what it answers: plain arguments in, propositions out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from airflow_provider_offers.client.deciding.profiles import Profile, context_pairs, read_profile
from airflow_provider_offers.client.deciding.scopes import Checks, Scope, proposition_requests, scopes_from
from airflow_provider_offers.client.errors import APIError, InvalidInputError, OfferLibraryError, Violation
from airflow_provider_offers.client.generations.reading import optional_integer, optional_text
from airflow_provider_offers.client.model.instants import format_instant
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.client.wire.messages import Answer, Json

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

    `include_content` says whether the offers' contents are asked for, and `allow_duplicates` whether an offer may be
    proposed more than once; None leaves each to the placements, over which a request wins. What the profile's own
    `terms` say of them wins over both.
    """

    scopes: tuple[Scope, ...]
    profile: Profile
    dry_run: bool = True
    include_content: bool | None = True
    allow_duplicates: bool | None = None


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
    """One answer. `created` is RFC 3339 in UTC; `factors` are what older answers say influenced it."""

    proposition_id: str | None
    created: str | None
    propositions: tuple[Proposition, ...]
    factors: Mapping[str, Json] | None = None


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
    whole = checks.of(read_profile, profile) or Profile()
    asked = checks.of(
        scopes_from,
        decision_id=decision_id,
        placement_id=placement_id,
        scopes=checks.of(_one_of, "scopes", scopes, "xdm:propositionRequests", whole.scopes),
        item_count=item_count,
        settings=settings,
    )
    context = checks.of(context_pairs, context_data) or ()
    if dry_run is not None:
        checks.of(check_flag, "dry_run", dry_run)
    checks.of(check_flag, "include_content", include_content, or_none=True)
    checks.of(check_flag, "allow_duplicates", allow_duplicates, or_none=True)
    said = checks.of(_one_of, "dry_run", dry_run, "xdm:dryRun", whole.terms.get("xdm:dryRun"))
    across = "xdm:allowDuplicatePropositions"
    checks.of(_one_of, "allow_duplicates", allow_duplicates, across, whole.terms.get(across))
    checks.end("The decision cannot be asked for")
    whole = replace(whole, context=(*whole.context, *context))
    return Question(asked or (), whole, said is not False, include_content, allow_duplicates)


def _one_of(name: str, given: Any, member: str, in_profile: Any) -> Any:
    """What a parameter or the whole request says; `InvalidInputError` where they say two things."""
    if given is None or given == "" or given == in_profile:
        return in_profile
    if in_profile is not None:
        accepted = f"nothing beside a whole request that has {member}"
        raise InvalidInputError("The decision cannot be asked for", [Violation(name, "a value", accepted)])
    return given


def check_flag(name: str, given: Any, *, or_none: bool = False) -> None:
    """Refuse what is neither true nor false: text that says so, as templates give it, would count as true."""
    if isinstance(given, bool) or (or_none and given is None):
        return
    accepted = "True, False or None, not text" if or_none else "True or False, not text"
    raise InvalidInputError("The decision cannot be asked for", [Violation(name, quoted(given), accepted)])


def question_body(question: Question, scopes: Sequence[tuple[str, str, int | None]]) -> dict[str, Json]:
    """The JSON of a decision request, the same for both generations."""
    asked = question.profile
    profile: dict[str, Json] = {"xdm:identityMap": asked.identities, **asked.beside}
    if asked.context:
        profile["xdm:contextData"] = [{"@type": schema, "xdm:data": data} for schema, data in asked.context]
    body: dict[str, Json] = {
        "xdm:dryRun": question.dry_run,
        "xdm:propositionRequests": proposition_requests(scopes),
        "xdm:profiles": [profile],
    }
    if question.allow_duplicates is not None:
        across = ("xdm:acrossActivities", "xdm:acrossPlacements")
        body["xdm:allowDuplicatePropositions"] = dict.fromkeys(across, question.allow_duplicates)
    told = {name: value for name, value in asked.terms.items() if name != "xdm:dryRun"}
    if question.include_content is not None:
        told["xdm:responseFormat"] = {
            "xdm:includeContent": question.include_content,
            **asked.terms.get("xdm:responseFormat", {}),
        }
    return body | told


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
        factors=_factors(body.get("xdm:factors")),
    )


def _factors(given: Json) -> dict[str, Json] | None:
    """The numbers and words of an answer's factors."""
    if not isinstance(given, Mapping):
        return None
    return {
        str(name).removeprefix("xdm:"): value
        for name, value in given.items()
        if isinstance(value, (str, bool, int)) or value is None
    }


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
        **({} if decided.factors is None else {"factors": dict(decided.factors)}),
        "api": settings.api,
        "sandbox": settings.sandbox,
    }


def _named(shown: Shown) -> dict[str, Any]:
    return {"id": shown.id, "etag": shown.etag}


def _shown_receipt(shown: Shown) -> dict[str, Any]:
    every = {name: getattr(shown, name) for name in Shown.__dataclass_fields__}
    return {name: value for name, value in every.items() if value is not None or name in ("id", "etag")}
