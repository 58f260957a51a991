"""Reasons not to let a decision go live: named findings, each of which can be waived."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.reading import look_alone
from airflow_provider_offers.client.flows.supplies import (
    Findings,
    Supply,
    lacks_rule,
    look_at_collections,
    shown_in,
    those_there,
)
from airflow_provider_offers.client.generations.reading import is_fit
from airflow_provider_offers.client.model.entities import Entity, Reference
from airflow_provider_offers.client.model.kinds import COLLECTION, DECISION, FALLBACK, FORMULA, PLACEMENT, RULE, Kind
from airflow_provider_offers.client.model.lifecycle import APPROVED
from airflow_provider_offers.client.model.places import pointings
from airflow_provider_offers.client.model.windows import window_of
from airflow_provider_offers.client.text import listed
from airflow_provider_offers.client.wire.messages import Flow, Json

DecisionReason = Literal[
    "no_window",
    "window_over",
    "no_criteria",
    "missing_placement",
    "missing_collection",
    "missing_rule",
    "rule_not_named",
    "missing_formula",
    "no_fallback",
    "missing_fallback",
    "fallback_not_approved",
    "fallback_lacks_placement",
    "empty_collection",
    "missing_offer",
    "offers_not_approved",
    "no_offer_to_show",
]
REASONS: tuple[str, ...] = get_args(DecisionReason)
# The properties that the findings depend on.
DECIDING = ("criteria", "fallback", "startDate", "endDate")

# Only these reasons need the offers, which takes many requests.
_OF_OFFERS = {"empty_collection", "missing_offer", "offers_not_approved", "no_offer_to_show"}
# The other reasons that a lookup serves, besides its own.
_SERVES = {
    "missing_collection": _OF_OFFERS,
    "missing_fallback": {"fallback_not_approved", "fallback_lacks_placement"},
}


def check_decision(
    access: Access, properties: Mapping[str, Json], now: datetime, waive: Collection[str] = ()
) -> Flow[dict[str, str]]:
    """The reasons why the decision would show nothing if it went live: a sentence for each that is not waived.

    Looks up the placements, rules and formulas that the decision refers to, and reads its collections and the fallback.
    Then it reads the offers of the collections until each criterion has one that can be shown: the listed offers, or,
    for a collection by qualifiers, all personalized offers. Listings lag. An offer is therefore read by its id before
    it counts, up to a limit; a finding says if it depends on a listing alone. Waived reasons are not looked up, nor are
    formulas if the generation documents no calls for them.
    """
    findings = Findings()
    _look_at_window(findings, properties, now)
    referred = _Referred.of(properties)
    if not referred.placements or not referred.collections:
        findings.add("no_criteria", "it has no criterion with a placement and a collection")
    for number, criterion in enumerate(_criteria(properties)):
        if isinstance(criterion, Mapping) and lacks_rule(criterion.get("profileConstraint")):
            findings.add("rule_not_named", f"/criteria/{number} requires an eligibility rule and names none")
    kept: dict[str, dict[str, Entity]] = {}
    for reason, kind, ids in referred.by_reason():
        if ({reason} | _SERVES.get(reason, set())).issubset(waive) or _is_out_of_reach(access, kind):
            continue
        # Collections and fallbacks must exist, and their content matters too.
        look = _read if kind in (COLLECTION, FALLBACK) else those_there
        kept[reason] = yield from look(access, kind, ids)
        findings.missing(reason, kind, [each for each in ids if each not in kept[reason]])
    _look_at_fallback(findings, referred, kept.get("missing_fallback", {}), kept.get("missing_placement", {}))
    if not _OF_OFFERS.issubset(waive):
        supplies = _supplies(properties, kept["missing_collection"], _what_is_left(properties, now))
        yield from look_at_collections(access, findings, supplies)
    return {reason: findings.told[reason] for reason in REASONS if reason in findings.told and reason not in waive}


def _is_out_of_reach(access: Access, kind: Kind) -> bool:
    return not access.generation.supports(kind)


@dataclass(frozen=True, slots=True)
class _Referred:
    """What a decision refers to, by kind."""

    placements: tuple[str, ...]
    collections: tuple[str, ...]
    rules: tuple[str, ...]
    formulas: tuple[str, ...]
    fallbacks: tuple[str, ...]

    @classmethod
    def of(cls, properties: Mapping[str, Json]) -> _Referred:
        found: dict[str, dict[str, None]] = {}
        for each in pointings(DECISION.place, properties):
            for type_name in each.type_names:
                found.setdefault(type_name, {})[each.target] = None
        kinds = (PLACEMENT, COLLECTION, RULE, FORMULA, FALLBACK)
        return cls(*(tuple(found.get(kind.type_name, ())) for kind in kinds))

    def by_reason(self) -> Iterator[tuple[str, Kind, tuple[str, ...]]]:
        yield "missing_placement", PLACEMENT, self.placements
        yield "missing_collection", COLLECTION, self.collections
        yield "missing_rule", RULE, self.rules
        yield "missing_formula", FORMULA, self.formulas
        yield "missing_fallback", FALLBACK, self.fallbacks


def _look_at_window(findings: Findings, properties: Mapping[str, Json], now: datetime) -> None:
    window = window_of(properties, DECISION)
    if window is None:
        findings.add("no_window", "it has no valid window: startDate and a later endDate")
    elif over := window.is_over_by(now):
        findings.add("window_over", over)


def _what_is_left(properties: Mapping[str, Json], now: datetime) -> tuple[datetime, datetime | None]:
    """The part of the decision's window that is still to come; without an end if the window is a finding itself."""
    window = window_of(properties, DECISION)
    if window is None or window.is_over(now):
        return now, None
    return max(window.start, now), window.end


def _criteria(properties: Mapping[str, Json]) -> Sequence[Json]:
    criteria = properties.get("criteria")
    return criteria if isinstance(criteria, list) else ()


def _look_at_fallback(
    findings: Findings, referred: _Referred, fallbacks: Mapping[str, Entity], placements: Mapping[str, Entity]
) -> None:
    if not referred.fallbacks:
        findings.add("no_fallback", "it has no fallback offer")
    for fallback in fallbacks.values():
        if fallback.status != APPROVED:
            findings.add("fallback_not_approved", f"the fallback offer {fallback.called} is {fallback.status!r}")
        covered = shown_in(fallback)
        bare = [each for each in referred.placements if each not in covered]
        if bare:
            named = [placements[each].called if each in placements else each for each in bare]
            findings.add(
                "fallback_lacks_placement",
                f"the fallback offer {fallback.called} has no representation for {listed(named)}",
            )


def _supplies(
    properties: Mapping[str, Json], collections: Mapping[str, Entity], left: tuple[datetime, datetime | None]
) -> list[Supply]:
    """The existing collections, with the criteria that draw on them."""
    supplies = {identifier: Supply(collection, left) for identifier, collection in collections.items()}
    for number, criterion in enumerate(_criteria(properties)):
        referred = _Referred.of({"criteria": [criterion]})
        for identifier in referred.collections:
            if identifier in supplies and referred.placements:
                supplies[identifier].unserved[number] = set(referred.placements)
    return list(supplies.values())


def _read(access: Access, kind: Kind, ids: Sequence[str]) -> Flow[dict[str, Entity]]:
    """The existing objects of a kind, read one by one because a listing may lag."""
    found: dict[str, Entity] = {}
    for each in filter(is_fit, ids):
        entity: Entity | None = yield from look_alone(access, Reference(kind, id=each))
        if entity is not None:
            found[each] = entity
    return found
