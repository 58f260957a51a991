"""Looking at what the decision runtime serves: one decision for a profile, or generation 1's diagnostics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_offers.client.deciding.asking import ask, diagnose, placements_of
from airflow_provider_offers.client.deciding.profiles import IdentityMap, Profile, context_pairs, read_profile
from airflow_provider_offers.client.deciding.questions import Question
from airflow_provider_offers.client.deciding.scopes import (
    MOST_ITEMS,
    MOST_OFFERS,
    MOST_SCOPES,
    Checks,
    Scope,
    reference_to,
)
from airflow_provider_offers.client.deciding.serving import Sight
from airflow_provider_offers.client.errors import (
    ConflictError,
    GoneError,
    HopelessError,
    InvalidInputError,
    NotFoundError,
    RuntimeRefusalError,
    UnsupportedError,
    Violation,
)
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.generations.capabilities import capabilities_of
from airflow_provider_offers.client.model.entities import Entity, Reference
from airflow_provider_offers.client.model.instants import parse_instant
from airflow_provider_offers.client.model.kinds import DECISION, PLACEMENT
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.waiting.changes import look_alone
from airflow_provider_offers.client.wire.messages import Flow, Json

# From these a decision does not become live again.
_FINAL = ("complete", "archived")
_OWN_TERMS = ("dryRun", "responseFormat", "allowDuplicatePropositions")


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """Where to look from: a decision, perhaps one of its placements, and a profile. Without a decision, diagnostics."""

    decision: Reference | None = None
    placement: Reference | None = None
    profile: IdentityMap = field(default_factory=dict, repr=False)
    context: tuple[tuple[str, Json], ...] = field(default=(), repr=False)
    beside: Mapping[str, Json] = field(default_factory=dict, repr=False)
    terms: Mapping[str, Json] = field(default_factory=dict)


def new_viewpoint(
    *, decision_id: Any, placement_id: Any, profile: Any, context_data: Any, settings: Settings
) -> Viewpoint:
    """A viewpoint from plain arguments; `InvalidInputError` names everything that is wrong with them.

    Raises `UnsupportedError` where no decision is named on dps, which documents no diagnostics.
    """
    if decision_id is None:
        needless = {"placement_id": placement_id, "profile": profile, "context_data": context_data}
        violations = [
            Violation(name, "a value", "nothing, or decision_id beside it")
            for name, given in needless.items()
            if given is not None
        ]
        if violations:
            raise InvalidInputError("The decision request is not valid", violations)
        if not capabilities_of(settings.api).has_diagnostics:
            raise UnsupportedError(
                "dps documents no diagnostics of its runtime; give decision_id and profile, so that a decision tells "
                "what is served"
            )
        return Viewpoint()
    checks = Checks()
    decision = checks.of(reference_to, "decision_id", decision_id, DECISION, settings)
    placement = None
    if placement_id is not None:
        placement = checks.of(reference_to, "placement_id", placement_id, PLACEMENT, settings)
    whole = checks.of(read_profile, profile) or Profile()
    context = checks.of(context_pairs, context_data) or ()
    if whole.scopes is not None:
        accepted = "a profile without them; decision_id and placement_id say what to look at"
        checks.violations.append(Violation("profile/propositionRequests", "a value", accepted))
    checks.end("The decision request is not valid")
    # How each look asks and is answered is the sensor's own.
    terms = {name: value for name, value in whole.terms.items() if name not in _OWN_TERMS}
    return Viewpoint(decision, placement, whole.identities, (*whole.context, *context), whole.beside, terms)


def sight(access: Access, viewpoint: Viewpoint) -> Flow[Sight]:
    """What the runtime shows from there.

    Calls the decisioning API as a dry run for as many offers as it gives, or the diagnostics of generation 1. Where no
    placement is named the decision is read before, and else where the runtime refuses. A refusal that the runtime's
    next update may lift (404, 409, 422: a decision that it does not know yet) is the reason why it shows nothing.
    Raises `HopelessError` where the library tells that the decision is gone or will never be made again.
    """
    if viewpoint.decision is None:
        return Sight(package=(yield from diagnose(access)))
    placements: tuple[Reference, ...]
    if viewpoint.placement is not None:
        placements = (viewpoint.placement,)
    else:
        placements = _placements((yield from _still_made(access, viewpoint.decision)))
    if not placements:
        return Sight(reason=f"the decision {viewpoint.decision} has no placements")
    item_count = min(MOST_ITEMS, MOST_OFFERS // len(placements))
    question = Question(
        scopes=tuple(Scope(viewpoint.decision, placement, item_count) for placement in placements),
        profile=Profile(viewpoint.profile, viewpoint.context, viewpoint.beside, viewpoint.terms),
        dry_run=True,
        include_content=False,
        allow_duplicates=True,
    )
    try:
        return Sight(decided=(yield from ask(access, question)))
    except (ConflictError, NotFoundError, RuntimeRefusalError) as error:
        if viewpoint.placement is not None:
            yield from _still_made(access, viewpoint.decision)
        return Sight(reason=str(error))


def _still_made(access: Access, decision: Reference) -> Flow[Entity]:
    """The decision as it is in the library, where it may be made now or later."""
    entity: Entity | None = yield from look_alone(access, decision)
    if entity is None:
        raise GoneError(f"There is no decision {decision}, or not any more")
    if entity.status in _FINAL:
        raise HopelessError(f"The decision {entity.name!r} ({decision}) is {entity.status} and not made any more")
    end = entity.window["end"]
    try:
        is_over = parse_instant(end) <= access.exchange.service_now()
    except ValueError:
        is_over = False
    if is_over:
        raise HopelessError(f"The window of the decision {entity.name!r} ({decision}) closed at {end}")
    return entity


def _placements(entity: Entity) -> tuple[Reference, ...]:
    """The placements of a decision's criteria, as many as one request may name."""
    return tuple(Reference(PLACEMENT, id=each) for each in placements_of(entity))[:MOST_SCOPES]
