"""Asking the decision runtime: for a decision for one profile, and on generation 1 for its last update."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from airflow_provider_offers.client.deciding.questions import Question, Scope, check_counts, question_body
from airflow_provider_offers.client.errors import (
    APIError,
    NotFoundError,
    OfferLibraryError,
    OutcomeUnknownError,
    RejectedError,
    RuntimeRefusalError,
    UnsupportedError,
)
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.reading import look_alone, not_found, resolve
from airflow_provider_offers.client.generations import decisioning
from airflow_provider_offers.client.model.decided import Decided, Package
from airflow_provider_offers.client.model.entities import Entity, Reference
from airflow_provider_offers.client.model.kinds import DECISION
from airflow_provider_offers.client.model.lifecycle import ACTIVATE
from airflow_provider_offers.client.model.windows import window_of
from airflow_provider_offers.client.secret import Secret
from airflow_provider_offers.client.wire.messages import Answer, Flow

_MOST_TOLD = 5


def decide(access: Access, question: Question) -> Flow[Decided]:
    """The decision for the profile. After a refusal of the runtime, reads the decisions to find the reason.

    A refusal that the runtime's next update may lift (404, 422) is a `RuntimeRefusalError`, which may be retried. If
    the library shows that no update will lift it, the error is final and says why.
    """
    try:
        return (yield from ask(access, question))
    except RuntimeRefusalError as refusal:
        raise (yield from why_refused(access, refusal.refused, question.scopes)) from None


def ask(access: Access, question: Question) -> Flow[Decided]:
    """The runtime's answer.

    Calls `POST /data/core/ods/decisions` (dps) or `POST /data/core/ode/{container}/decisions` (xcore); Adobe: deliver
    offers using the Decisioning API. A dry run counts nothing and is repeated like a read. Otherwise a lost answer is
    an `OutcomeUnknownError` that must not be retried: the offers may have been counted. If the service quotes the
    profile's ids, errors and logs do not. A refusal (404, 422) is a `RuntimeRefusalError`.
    """
    base, prefix = access.generation.runtime
    scopes = yield from scope_ids(access, question.scopes)
    call = decisioning.decide(
        prefix,
        question_body(question, scopes),
        repeatable=question.dry_run,
        private=tuple(map(Secret, sorted(question.profile.private))),
    )
    try:
        answer: Answer = yield from access.exchange.send(call, base)
        return decisioning.read_decided(answer)
    except (NotFoundError, RejectedError) as refused:
        raise RuntimeRefusalError(refused) from None
    except OfferLibraryError as error:
        if question.dry_run or error.verdict.settled:
            raise
        raise OutcomeUnknownError(
            f"The outcome of the decision request is not known: {error}\n"
            "  Caps may have counted it. Another try could count it again, so it is not retried automatically.",
            retryable=False,
        ) from None


def why_refused(access: Access, refused: APIError, scopes: Sequence[Scope]) -> Flow[RuntimeRefusalError]:
    """The error for a refusal of the runtime. It is final if the library shows why the runtime refuses."""
    wanted: dict[Reference, list[Reference]] = {}
    for scope in scopes:
        wanted.setdefault(scope.decision, []).append(scope.placement)
    found: list[str] = []
    try:
        for decision, placements in wanted.items():
            entity: Entity | None = yield from look_alone(access, decision)
            if entity is None:
                found.append(f"there is no decision {decision}")
            else:
                found += yield from why_never(access, entity, placements)
    except OfferLibraryError:
        # If the library cannot be read, the reason stays open.
        return RuntimeRefusalError(refused)
    return RuntimeRefusalError(refused, "; ".join(found[:_MOST_TOLD]))


def why_never(access: Access, decision: Entity, placements: Sequence[Reference]) -> Flow[list[str]]:
    """The reasons why the decision, in its current state, cannot be made at these placements."""
    called = f"the decision {decision.name!r} ({decision.id})"
    if decision.status != ACTIVATE.target:
        return [f"{called} is {decision.status}, not live"]
    window = window_of(decision.properties, DECISION)
    if window is not None and window.is_over(access.exchange.service_now()):
        return [f"the window of {called} ended at {decision.window['end']}"]
    chosen = placements_of(decision)
    found = []
    for placement in placements if chosen else ():
        identifier = yield from _reference_id(access, placement)
        if identifier not in chosen:
            found.append(f"{called} has no criterion for the placement {identifier}")
    return found


def placements_of(decision: Entity) -> tuple[str, ...]:
    """The placements of a decision's criteria, each once."""
    criteria = decision.properties.get("criteria")
    named = [
        placement
        for criterion in (criteria if isinstance(criteria, list) else [])
        if isinstance(criterion, Mapping)
        for placement in criterion.get("placements") or []
        if isinstance(placement, str)
    ]
    return tuple(dict.fromkeys(named))


def diagnose(access: Access) -> Flow[Package]:
    """The last update of generation 1's runtime, and the errors that prevented it.

    Calls `GET /data/core/ode/{container}/diagnostics`; Adobe: diagnostics endpoint. `UnsupportedError` on dps.
    """
    if not access.generation.capabilities.has_diagnostics:
        raise UnsupportedError("dps documents no diagnostics of its runtime; ask for a decision instead")
    base, prefix = access.generation.runtime
    answer: Answer = yield from access.exchange.send(decisioning.diagnostics(prefix), base)
    return decisioning.read_package(answer)


def scope_ids(access: Access, scopes: Sequence[Scope]) -> Flow[list[tuple[str, str, int | None]]]:
    """The scopes by reference ids, each once. Looks up names and instance ids."""
    known: dict[Reference, str] = {}
    for reference in (*(scope.decision for scope in scopes), *(scope.placement for scope in scopes)):
        if reference not in known:
            known[reference] = yield from _reference_id(access, reference)
    # Two names may mean one object, and the service refuses the same pair twice.
    pairs = list(dict.fromkeys((known[each.decision], known[each.placement], each.item_count) for each in scopes))
    check_counts(pairs)
    return pairs


def _reference_id(access: Access, reference: Reference) -> Flow[str]:
    if reference.id is not None:
        return reference.id
    there = yield from resolve(access, reference)
    if there.id is not None:
        return there.id
    call = access.generation.read(there)
    answer: Answer = yield from access.send(call, accept=(404, 410))
    if answer.response.status in (404, 410):
        raise not_found(access, reference, call.bare_path)
    return access.generation.entity(reference.kind, answer).id
