"""What the decision runtime serves: the request, one look, and the verdict about the published version of an offer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow_provider_offers.client.deciding.asking import ask, diagnose, placements_of, why_never
from airflow_provider_offers.client.deciding.profiles import IdentityMap, Profile, context_pairs, read_profile
from airflow_provider_offers.client.deciding.questions import (
    MOST_ITEMS,
    MOST_OFFERS,
    MOST_SCOPES,
    Checks,
    Question,
    Scope,
    reference_to,
)
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
from airflow_provider_offers.client.flows.reading import look_alone
from airflow_provider_offers.client.model.capabilities import capabilities_of
from airflow_provider_offers.client.model.decided import Decided, Package
from airflow_provider_offers.client.model.entities import Entity, Reference
from airflow_provider_offers.client.model.instants import format_instant, parse_instant
from airflow_provider_offers.client.model.kinds import DECISION, PLACEMENT
from airflow_provider_offers.client.model.lifecycle import APPROVED, ARCHIVED, is_final
from airflow_provider_offers.client.model.windows import window_of
from airflow_provider_offers.client.settings import Settings
from airflow_provider_offers.client.text import describe, quoted, typed
from airflow_provider_offers.client.waiting.verdicts import called, missing_offer
from airflow_provider_offers.client.wire.messages import Flow, Json

_MOST_TOLD = 5
_OWN_TERMS = ("dryRun", "responseFormat", "allowDuplicatePropositions")


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """A decision to look at, optionally at one placement, for a profile. Without a decision, the diagnostics."""

    decision: Reference | None = None
    placement: Reference | None = None
    profile: IdentityMap = field(default_factory=dict, repr=False)
    context: tuple[tuple[str, Json], ...] = field(default=(), repr=False)
    beside: Mapping[str, Json] = field(default_factory=dict, repr=False)
    terms: Mapping[str, Json] = field(default_factory=dict)


def new_viewpoint(
    *, decision_id: Any, placement_id: Any, profile: Any, context_data: Any, settings: Settings
) -> Viewpoint:
    """A viewpoint from plain arguments. `InvalidInputError` lists everything that is wrong with them.

    Raises `UnsupportedError` without a decision on dps, which documents no diagnostics.
    """
    if decision_id is None:
        needless = {"placement_id": placement_id, "profile": profile, "context_data": context_data}
        violations = [
            # The others have data of a person.
            Violation(
                name, quoted(given) if name == "placement_id" else typed(given), "nothing, or decision_id beside it"
            )
            for name, given in needless.items()
            if given is not None
        ]
        if violations:
            raise InvalidInputError("The decision request is not valid", violations)
        if not capabilities_of(settings.api).has_diagnostics:
            raise UnsupportedError(
                "dps documents no diagnostics of its runtime; give decision_id and profile, so the sensor can ask for "
                "a decision"
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
        checks.violations.append(Violation("profile/propositionRequests", describe(whole.scopes), accepted))
    checks.end("The decision request is not valid")
    # The sensor itself decides how each look asks.
    terms = {name: value for name, value in whole.terms.items() if name not in _OWN_TERMS}
    return Viewpoint(decision, placement, whole.identities, (*whole.context, *context), whole.beside, terms)


@dataclass(frozen=True, slots=True)
class Sight:
    """The result of one look: the offers of an answer, or the runtime's last update, or the `reason` for neither."""

    decided: Decided | None = None
    package: Package | None = None
    reason: str | None = None


def sight(access: Access, viewpoint: Viewpoint) -> Flow[Sight]:
    """Look once at what the runtime serves.

    Calls the decisioning API as a dry run for as many offers as it returns, or the diagnostics of generation 1. Reads
    the decision first if no placement is given, or both later if the runtime refuses. A refusal that the runtime's next
    update may lift (404, 409, 422: it has not synced the decision yet) becomes the `reason`. Raises `HopelessError` if
    the decision is deleted or will never be live again, or if the given placement does not exist.
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
        if viewpoint.placement is None:
            return Sight(reason=str(error))
        decision = yield from _still_made(access, viewpoint.decision)
        # Without the placement in the library, the runtime will never have it either.
        placement = yield from by_id(access, viewpoint.placement)
        # What the library shows is no delay of the runtime. Somebody may still change the decision.
        shown = yield from why_never(access, decision, [placement])
        if not shown:
            return Sight(reason=str(error))
        refused = error.refused if isinstance(error, RuntimeRefusalError) else error
        return Sight(reason=f"{refused}\n  The library shows why: {'; '.join(shown)}")


def by_id(access: Access, reference: Reference) -> Flow[Reference]:
    """The reference to a decision or a placement by its id, which a new name does not change. Raises `GoneError`."""
    entity: Entity | None = yield from look_alone(access, reference)
    if entity is None:
        raise _gone(reference)
    return entity.reference


def _gone(reference: Reference) -> GoneError:
    noun = reference.kind.noun
    return GoneError(f"There is no {noun} {reference}: it was deleted, or the id or name is wrong")


def _still_made(access: Access, decision: Reference) -> Flow[Entity]:
    """The decision as the library has it, unless it can never be live again."""
    entity: Entity | None = yield from look_alone(access, decision)
    if entity is None:
        raise _gone(decision)
    if is_final(entity.status, DECISION.steps):
        raise HopelessError(f"The decision {called(entity)} is {entity.status} and no longer runs")
    end = entity.window["end"]
    try:
        is_over = parse_instant(end) <= access.exchange.service_now()
    except ValueError:
        is_over = False
    if is_over:
        raise HopelessError(f"The window of the decision {called(entity)} closed at {end}")
    return entity


def _placements(entity: Entity) -> tuple[Reference, ...]:
    """The placements of a decision's criteria, as many as one request may name."""
    return tuple(Reference(PLACEMENT, id=each) for each in placements_of(entity))[:MOST_SCOPES]


@dataclass(frozen=True, slots=True)
class Served:
    """The verdict on one offer: the sensor's result if it is served, else the reason why not."""

    value: dict[str, Any] | None
    reason: str = ""


def check_etag(given: Any) -> int | None:
    """The etag to wait for, given as a number or as text; None means the offer's current etag."""
    if given in (None, ""):
        return None
    text = str(given).strip('"')
    if isinstance(given, bool) or not (text.isascii() and text.isdecimal() and 0 < len(text) < 19):
        accepted = "an etag, a whole number, such as that of the receipt of the task that published"
        raise InvalidInputError("The sensor's arguments are not valid", [Violation("etag", quoted(given), accepted)])
    return int(text)


def served_verdict(
    identifier: str, entity: Entity | None, etag: int | None, sight: Sight | None, now: datetime
) -> Served:
    """Whether the runtime serves the offer with `etag` or a later one; None means the library's current etag.

    Raises `HopelessError` if the offer is deleted or archived, or its window is over.
    """
    if entity is None:
        raise GoneError(missing_offer(identifier))
    if entity.status == ARCHIVED:
        raise HopelessError(f"{called(entity, identifier)} is archived and will not be served again")
    window = window_of(entity.properties)
    if window is not None and window.is_over(now):
        raise HopelessError(f"The window of {called(entity, identifier)} closed at {entity.window['end']}")
    wanted = entity.etag if etag is None else etag
    if sight is None or sight.reason is not None:
        reason = sight.reason if sight else "not asked"
        return Served(None, f"The runtime gives no answer for {called(entity)} yet: {reason}")
    if sight.package is not None:
        return _by_package(entity, wanted, sight.package)
    return _by_decision(entity, wanted, sight.decided)


def all_served(
    wanted: Sequence[tuple[str, Entity | None, int | None]], seen: Sight | None, now: datetime
) -> tuple[list[dict[str, Any]], str | None]:
    """The results for all offers of a wait, and why one is not served yet; None if all are.

    Each offer is its id, what it is in the library, and the etag to wait for.
    """
    verdicts = [served_verdict(identifier, entity, etag, seen, now) for identifier, entity, etag in wanted]
    missing = [verdict.reason for verdict in verdicts if verdict.value is None]
    values = [verdict.value for verdict in verdicts if verdict.value is not None]
    return values, f"Not served yet: {'; '.join(missing)}" if missing else None


def _by_decision(entity: Entity, wanted: int, decided: Decided | None) -> Served:
    best: int | None = None
    for proposition in decided.propositions if decided else ():
        fallback = () if proposition.fallback is None else (proposition.fallback,)
        for shown in (*proposition.options, *fallback):
            if shown.id != entity.id or shown.etag is None:
                continue
            if shown.etag >= wanted:
                value = {
                    "id": entity.id,
                    "etag": shown.etag,
                    "decision": proposition.decision.id,
                    "placement": proposition.placement.id,
                    "updated": decided.created if decided else None,
                }
                return Served(value)
            best = max(best or 0, shown.etag)
    if best is not None:
        return Served(None, f"The runtime serves etag {best} of {called(entity)}; the sensor waits for etag {wanted}")
    other = f", which is {entity.status}," if entity.status != APPROVED else ""
    return Served(None, f"The runtime does not propose {called(entity)}{other} to this profile")


def _by_package(entity: Entity, wanted: int, package: Package) -> Served:
    if package.errors:
        told = "; ".join(package.errors[:_MOST_TOLD])
        return Served(None, f"The runtime does not update because of errors in the library: {told}")
    if package.date is None:
        return Served(None, "The runtime has not been updated yet")
    if entity.status != APPROVED or entity.etag < wanted:
        return Served(None, f"In the library, {called(entity)} is {entity.status} with etag {entity.etag}")
    # The diagnostics count milliseconds; the library may be finer.
    if package.date < _whole_milliseconds(parse_instant(entity.modified)):
        last = format_instant(package.date)
        return Served(None, f"The runtime was last updated at {last}, before the change of {entity.modified}")
    value = {
        "id": entity.id,
        "etag": entity.etag,
        "decision": None,
        "placement": None,
        "updated": format_instant(package.date),
    }
    return Served(value)


def _whole_milliseconds(instant: datetime) -> datetime:
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
