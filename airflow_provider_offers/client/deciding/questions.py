"""What a decision is asked for one profile, out of plain arguments, and its answer as a receipt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_offers.client.deciding.profiles import Profile, context_pairs, read_profile
from airflow_provider_offers.client.deciding.scopes import Checks, Scope, scopes_from
from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.generations import decisioning
from airflow_provider_offers.client.model.decided import Decided, Shown
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.client.wire.messages import Json


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
        scopes=checks.of(_one_of, "scopes", scopes, "propositionRequests", whole.scopes),
        item_count=item_count,
        settings=settings,
    )
    context = checks.of(context_pairs, context_data) or ()
    if dry_run is not None:
        checks.of(check_flag, "dry_run", dry_run)
    checks.of(check_flag, "include_content", include_content, or_none=True)
    checks.of(check_flag, "allow_duplicates", allow_duplicates, or_none=True)
    said = checks.of(_one_of, "dry_run", dry_run, "dryRun", whole.terms.get("dryRun"))
    across = "allowDuplicatePropositions"
    checks.of(_one_of, "allow_duplicates", allow_duplicates, across, whole.terms.get(across))
    checks.end("The decision request is not valid")
    whole = replace(whole, context=(*whole.context, *context))
    return Question(asked or (), whole, said is not False, include_content, allow_duplicates)


def _one_of(name: str, given: Any, member: str, in_profile: Any) -> Any:
    """What a parameter or the whole request says; `InvalidInputError` where they say two things."""
    if given is None or given == "" or given == in_profile:
        return in_profile
    if in_profile is not None:
        accepted = f"nothing beside a whole request that has {member}"
        raise InvalidInputError("The decision request is not valid", [Violation(name, "a value", accepted)])
    return given


def check_flag(name: str, given: Any, *, or_none: bool = False) -> None:
    """Refuse what is neither true nor false: text that says so, as templates give it, would count as true."""
    if isinstance(given, bool) or (or_none and given is None):
        return
    accepted = "True, False or None, not text" if or_none else "True or False, not text"
    raise InvalidInputError("The decision request is not valid", [Violation(name, quoted(given), accepted)])


def question_body(question: Question, pairs: Sequence[decisioning.Pair]) -> dict[str, Json]:
    """The JSON of a decision request, the same for both generations."""
    profile = question.profile
    return decisioning.decision_request(
        pairs,
        identities=profile.identities,
        context=profile.context,
        beside=profile.beside,
        terms=profile.terms,
        dry_run=question.dry_run,
        include_content=question.include_content,
        allow_duplicates=question.allow_duplicates,
    )


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
