"""Reasons not to show an offer: named findings, each of which can be waived."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Literal, get_args

from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.ahead import look_together, unseen
from airflow_provider_offers.client.flows.listing import Listing
from airflow_provider_offers.client.flows.reading import BATCH
from airflow_provider_offers.client.generations.reading import is_fit
from airflow_provider_offers.client.model.kinds import FALLBACK, PLACEMENT, RULE, Kind
from airflow_provider_offers.client.model.windows import window_of
from airflow_provider_offers.client.wire.messages import Flow, Json

OfferReason = Literal["window_over", "no_window", "no_representation", "missing_placement", "missing_rule"]
REASONS: tuple[str, ...] = get_args(OfferReason)
# The properties that the findings depend on.
SHOWING = ("selectionConstraint", "representations")


def obstacles(
    access: Access, kind: Kind, properties: Mapping[str, Json], now: datetime, waive: Collection[str]
) -> Flow[dict[str, str]]:
    """The reasons why customers would not see the offer if it were published; a waived reason is not looked up.

    Looks up the placements and the decision rule that the offer refers to: `GET /placements` and `GET /offer-rules` on
    dps, `GET .../instances?schema=...` on xcore.
    """
    findings = found_alone(kind, properties, now)
    shown = _representations(properties)
    placements = {each["placement"] for each in shown if isinstance(each.get("placement"), str)}
    constraint = properties.get("selectionConstraint")
    rule = constraint.get("eligibilityRule") if isinstance(constraint, Mapping) else None
    rules = {rule} if isinstance(rule, str) else set()
    referred = {"missing_placement": (PLACEMENT, placements), "missing_rule": (RULE, rules)}
    # Most objects of a list refer to the same few objects, which were seen a moment ago.
    not_seen = {
        reason: (kind, missing)
        for reason, (kind, ids) in referred.items()
        if reason not in waive and (missing := access.ahead.not_present(kind, ids))
    }
    # Text that cannot be an id names no object, and cannot be sent either.
    yield from look_together(access.ahead, [(kind, filter(is_fit, ids)) for kind, ids in not_seen.values()])
    for reason, (kind, ids) in not_seen.items():
        if missing := (yield from _missing(access, kind, ids)):
            findings[reason] = f"there is no {kind.noun} {', '.join(missing)}"
    return {reason: said for reason, said in findings.items() if reason not in waive}


def found_alone(kind: Kind, properties: Mapping[str, Json], now: datetime) -> dict[str, str]:
    """The findings that the offer itself shows, without a request."""
    findings: dict[str, str] = {}
    if kind is not FALLBACK:
        window = window_of(properties)
        if window is None:
            findings["no_window"] = "it has no valid window: startDate and a later endDate"
        elif over := window.is_over_by(now):
            findings["window_over"] = over
    if not _representations(properties):
        findings["no_representation"] = "it has no representation to show"
    return findings


def _representations(properties: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    found = properties.get("representations")
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _missing(access: Access, kind: Kind, ids: Collection[str]) -> Flow[list[str]]:
    """The ids that no object of the kind has."""
    missing = access.ahead.not_present(kind, ids)
    fit = list(filter(is_fit, missing))
    wanted = yield from unseen(access.ahead, kind, fit)
    found = set(fit).difference(wanted)
    for start in range(0, len(wanted), BATCH):
        listing = Listing(access, kind, access.generation.lookup(kind, ids=wanted[start : start + BATCH]))
        while (page := (yield from listing.advance())) is not None:
            found |= {entity.id for entity in page}
    return [identifier for identifier in missing if identifier not in found]
