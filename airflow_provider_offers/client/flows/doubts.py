"""Checks of an object that customers are about to see: a warning for each finding, or with `strict` an error."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import chain

from airflow_provider_offers.client.errors import (
    BadRequestError,
    InvalidInputError,
    NotFoundError,
    NotPublishableError,
    RejectedError,
    Violation,
)
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.ahead import look_ahead
from airflow_provider_offers.client.flows.golive import DECIDING, DecisionReason, check_decision
from airflow_provider_offers.client.flows.golive import REASONS as DECISION_REASONS
from airflow_provider_offers.client.flows.memory import Intent
from airflow_provider_offers.client.flows.naming import name_hinted
from airflow_provider_offers.client.flows.obstacles import REASONS as OFFER_REASONS
from airflow_provider_offers.client.flows.obstacles import SHOWING, OfferReason, found_alone, obstacles
from airflow_provider_offers.client.flows.ownership import Creation
from airflow_provider_offers.client.flows.patching import patch
from airflow_provider_offers.client.flows.reading import Found, Meant, find_there, hinted, look_alone, resolve_to_guard
from airflow_provider_offers.client.model.comparing import same
from airflow_provider_offers.client.model.entities import Entity, Reference, Written
from airflow_provider_offers.client.model.kinds import DECISION, Kind
from airflow_provider_offers.client.model.lifecycle import ACTIVATE, PUBLISH
from airflow_provider_offers.client.model.likeness import some_of
from airflow_provider_offers.client.model.patches import PreparedPatch
from airflow_provider_offers.client.model.validation import Validate
from airflow_provider_offers.client.model.windows import WINDOW_DOUBTS, WindowDoubt, doubtful
from airflow_provider_offers.client.text import quoted
from airflow_provider_offers.client.wire.messages import Flow, Json, Note

# The name of a finding that can be waived, for any kind of object.
Waivable = OfferReason | DecisionReason | WindowDoubt
_REMEDY = "waive a reason by its name, or do not use validate='strict'"


@dataclass(frozen=True, slots=True)
class Waiver:
    """What happens to findings: those in `waive` are ignored; the others are warnings, or with `strict` an error."""

    waive: Collection[str] = ()
    strict: bool = False

    def settle(self, kind: Kind, called: str, findings: Mapping[str, str]) -> Flow[None]:
        """Warn of the findings that are not waived; with `strict`, raise `NotPublishableError` with all of them."""
        doing, done = ("Activating", "goes live") if kind is DECISION else ("Publishing", "is approved")
        left = {reason: said for reason, said in findings.items() if reason not in self.waive}
        if left and self.strict:
            raise NotPublishableError(called, left, doing=doing, remedy=_REMEDY)
        for reason, said in left.items():
            told = f"The {kind.noun} {called} {done} although {said}; waive={[reason]!r} silences this"
            yield Note(told, about=called, like=f"{kind.noun} {reason}")


def known_reasons(kind: Kind) -> tuple[str, ...]:
    """The reasons that can be waived in a write of this kind."""
    if kind is DECISION:
        return tuple(dict.fromkeys((*DECISION_REASONS, *WINDOW_DOUBTS)))
    return tuple(dict.fromkeys((*OFFER_REASONS, *WINDOW_DOUBTS))) if kind.is_offer else ()


def checked_waive(kind: Kind, given: Collection[str] | str) -> tuple[str, ...]:
    """The reasons to waive, one or several. Raises `InvalidInputError` for a reason that the kind does not have."""
    if given is not None and not isinstance(given, (str, list, tuple, set, frozenset)):
        violation = Violation("waive", quoted(given), "the name of a reason, or a list of them")
        raise InvalidInputError(f"The checks of the {kind.noun} are not valid", [violation])
    names = [given] if isinstance(given, str) and given else list(given or ())
    known = known_reasons(kind)
    if unknown := [name for name in names if name not in known]:
        accepted = some_of(known, unknown) if known else f"no reason, because a {kind.noun} has no such checks"
        raise InvalidInputError(
            f"The checks of the {kind.noun} are not valid", [Violation("waive", quoted(unknown), accepted)]
        )
    return tuple(names)


def look_before_creation(access: Access, creation: Creation) -> Flow[None]:
    """Check an object that the creation makes live or approved, before it is sent.

    An offer is checked on its own; with `strict`, the objects that it refers to are checked too. A decision gets all
    checks of `golive`.
    """
    kind, properties = creation.kind, creation.properties
    waiver = Waiver(creation.waive, creation.validate == "strict")
    if creation.doubts:
        yield from _settle_window(creation, waiver)
    target = _target(kind)
    if target is None or properties.get("status") != target:
        return
    exchange = access.exchange
    # Before the first answer the service's time is not known. The lookup gets it.
    alone = kind is not DECISION and not waiver.strict and exchange.service_clock.is_told
    if alone and not found_alone(kind, properties, exchange.service_now()):
        return
    found: Found = yield from find_there(access, kind, creation.name)
    if found.entities:
        if creation.if_exists != "update" or len(found.entities) > 1:
            # The object stays unchanged, or is already ours. If there are several, none is changed.
            return
        (there,) = found.entities
        properties = {**there.properties, **properties}
        if not _is_shown_by_change(there, properties):
            return
    findings = yield from _findings(access, kind, properties, waiver)
    yield from waiver.settle(kind, repr(creation.name), findings)


def look_before_patch(access: Access, reference: Reference, prepared: PreparedPatch, waiver: Waiver) -> Flow[None]:
    """Check the result of a patch that makes an object live or approved, before the patch is sent."""
    kind = reference.kind
    if _target(kind) not in prepared.values_of("status"):
        return
    there = None
    if not waiver.strict:
        # A warning may rely on objects that were read ahead, a refusal may not.
        try:
            meant: Meant = yield from resolve_to_guard(access, reference)
        except NotFoundError:
            # The patch itself reports the error.
            return
        yield from look_ahead(access.ahead, meant.reference)
        there = access.ahead.peek(meant.reference)
    if there is None:
        there = yield from look_alone(access, reference)
    if there is None:
        return
    try:
        after = prepared.result(there.properties)
    except InvalidInputError:
        # The patch itself reports the error.
        return
    yield from look_before_change(access, there, after, waiver)


def look_before_change(access: Access, there: Entity, after: Mapping[str, Json], waiver: Waiver) -> Flow[None]:
    """Check the new state of an object if the change makes it visible to customers, or changes what they see."""
    kind = there.kind
    if after.get("status") != _target(kind) or _target(kind) is None or not _is_shown_by_change(there, after):
        return
    findings = yield from _findings(access, kind, after, waiver)
    yield from waiver.settle(kind, there.called, findings)


def patch_looked_at(
    access: Access,
    reference: Reference,
    prepared: PreparedPatch,
    *,
    waive: Collection[str] = (),
    validate: Validate = True,
    if_match: int | str | None = None,
    intent: Intent | None = None,
) -> Flow[Written]:
    """`patching.patch`, after a check of what the patch makes live or approved, unless `validate` is False."""
    if validate:
        yield from look_before_patch(access, reference, prepared, Waiver(waive, validate == "strict"))
    try:
        return (yield from patch(access, reference, prepared, if_match=if_match, intent=intent, validate=validate))
    except NotFoundError as missing:
        raise (missing if missing.hint else hinted(missing, reference)) from None
    except (BadRequestError, RejectedError) as refused:
        raise name_hinted(refused, chain.from_iterable(prepared.pointings.values())) from None


def _settle_window(creation: Creation, waiver: Waiver) -> Flow[None]:
    left = {reason: said for reason, said in creation.doubts.items() if reason not in waiver.waive}
    if left and waiver.strict:
        raise doubtful(left)
    for said in left.values():
        yield Note(said, about=repr(creation.name), like=said)


def _target(kind: Kind) -> str | None:
    """The status that makes the object visible to customers; None for a kind without one."""
    if kind is DECISION:
        return ACTIVATE.target
    return PUBLISH.target if kind.is_offer else None


def _is_shown_by_change(there: Entity, properties: Mapping[str, Json]) -> bool:
    """Whether the change makes the object visible, or changes what customers see of a visible object."""
    names = DECIDING if there.kind is DECISION else SHOWING
    alike = all(same(properties.get(name), there.properties.get(name)) for name in names)
    return there.status != _target(there.kind) or not alike


def _findings(access: Access, kind: Kind, properties: Mapping[str, Json], waiver: Waiver) -> Flow[dict[str, str]]:
    now = access.exchange.service_now()
    if kind is DECISION:
        return (yield from check_decision(access, properties, now, waiver.waive))
    if waiver.strict:
        return (yield from obstacles(access, kind, properties, now, waiver.waive))
    return found_alone(kind, properties, now)
