"""What speaks against a decision going live: named findings, each of which can be waived."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from airflow_provider_offers.client.changes import BATCH, look_at
from airflow_provider_offers.client.entities import Entity, Reference
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.listing import Listing
from airflow_provider_offers.client.generations.reading import is_fit
from airflow_provider_offers.client.kinds import (
    COLLECTION,
    DECISION,
    FALLBACK,
    FORMULA,
    PERSONALIZED,
    PLACEMENT,
    RULE,
    Kind,
    kind_of_type_name,
)
from airflow_provider_offers.client.shapes import TYPED_ID
from airflow_provider_offers.client.windows import window_of
from airflow_provider_offers.client.wire import Flow, Json

REASONS = (
    "no_window",
    "window_over",
    "no_criteria",
    "missing_placement",
    "missing_collection",
    "missing_rule",
    "missing_formula",
    "no_fallback",
    "missing_fallback",
    "fallback_not_approved",
    "fallback_lacks_placement",
    "empty_collection",
    "missing_offer",
    "offers_not_approved",
    "no_offer_to_show",
)
# The properties that the findings rest on.
DECIDING = ("criteria", "fallback", "startDate", "endDate")

_PAGE = 100
_SHOWN = 5
# Offers are looked at only for these reasons, since it takes many requests.
_OF_OFFERS = {"empty_collection", "missing_offer", "offers_not_approved", "no_offer_to_show"}
# What a lookup is good for, beside the reason that it is named after.
_SERVES = {
    "missing_collection": _OF_OFFERS,
    "missing_fallback": {"fallback_not_approved", "fallback_lacks_placement"},
}


def check_decision(
    access: Access, properties: Mapping[str, Json], now: datetime, waive: Collection[str] = ()
) -> Flow[dict[str, str]]:
    """What would make it pointless that the decision goes live: a sentence for each reason that is not waived.

    Looks up the placements, collections, rules, formulas and the fallback that it refers to, then the offers of its
    collections: those that a collection lists, and for a collection by qualifiers all personalized offers, until for
    each criterion one is found that can be shown. Nothing is looked up for reasons that are waived, and no formula
    where the generation documents no calls for it.
    """
    findings = _Findings()
    _look_at_window(findings, properties, now)
    referred = _Referred.of(properties)
    if not referred.placements or not referred.collections:
        findings.add("no_criteria", "it has no criterion with a placement and a collection")
    kept: dict[str, dict[str, Entity]] = {}
    for reason, kind, ids in referred.by_reason():
        if ({reason} | _SERVES.get(reason, set())).issubset(waive) or _is_out_of_reach(access, kind):
            continue
        kept[reason] = yield from _there(access, kind, ids)
        findings.missing(reason, kind, [each for each in ids if each not in kept[reason]])
    _look_at_fallback(findings, referred, kept.get("missing_fallback", {}), kept.get("missing_placement", {}))
    if not _OF_OFFERS.issubset(waive):
        supplies = _supplies(properties, kept["missing_collection"])
        yield from _look_at_collections(access, findings, supplies, now)
    return {reason: findings.told[reason] for reason in REASONS if reason in findings.told and reason not in waive}


def _is_out_of_reach(access: Access, kind: Kind) -> bool:
    return access.generation.api == "xcore" and kind.xcore_version is None


@dataclass(slots=True)
class _Findings:
    """The sentences found so far, by reason."""

    told: dict[str, str] = field(default_factory=dict)

    def add(self, reason: str, sentence: str) -> None:
        self.told[reason] = f"{self.told[reason]}; {sentence}" if reason in self.told else sentence

    def missing(self, reason: str, kind: Kind, ids: Sequence[str]) -> None:
        if ids:
            self.add(reason, f"there is no {kind.noun} {_listed(ids)}")


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
        for each in DECISION.shape.pointings(properties, ""):
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


def _look_at_window(findings: _Findings, properties: Mapping[str, Json], now: datetime) -> None:
    window = window_of(properties, DECISION)
    if window is None:
        findings.add("no_window", "it has no window: no startDate and endDate, one after the other")
    elif window.is_over(now):
        findings.add("window_over", f"its window ended at {properties['endDate']}")


def _look_at_fallback(
    findings: _Findings, referred: _Referred, fallbacks: Mapping[str, Entity], placements: Mapping[str, Entity]
) -> None:
    if not referred.fallbacks:
        findings.add("no_fallback", "it has no fallback offer")
    for fallback in fallbacks.values():
        if fallback.status != "approved":
            findings.add("fallback_not_approved", f"the fallback offer {_called(fallback)} is {fallback.status!r}")
        covered = shown_in(fallback)
        bare = [each for each in referred.placements if each not in covered]
        if bare:
            named = [_called(placements[each]) if each in placements else each for each in bare]
            findings.add(
                "fallback_lacks_placement",
                f"the fallback offer {_called(fallback)} has no representation for {_listed(named)}",
            )


@dataclass(slots=True)
class _Supply:
    """A collection, and the criteria by number with their placements for which it has nothing that can be shown."""

    collection: Entity
    unserved: dict[int, set[str]]
    holds_any: bool = False
    holds_approved: bool = False

    @property
    def is_enough(self) -> bool:
        return self.holds_approved and not self.unserved

    def take(self, offer: Entity, now: datetime) -> None:
        """Look at one offer of the collection."""
        self.holds_any = True
        if offer.status != "approved":
            return
        self.holds_approved = True
        window = None if offer.kind is FALLBACK else window_of(offer.properties)
        if window is not None and not window.is_over(now):
            shown = shown_in(offer)
            self.unserved = {number: wanted for number, wanted in self.unserved.items() if not wanted & shown}

    def tell(self, findings: _Findings) -> None:
        """Add what is amiss for a criterion although the collection has approved offers."""
        for number in self.unserved if self.holds_approved else ():
            findings.add(
                "no_offer_to_show",
                f"the collection {_called(self.collection)} has no approved personalized offer, its window not over, "
                f"with a representation for a placement of /criteria/{number}",
            )


def _supplies(properties: Mapping[str, Json], collections: Mapping[str, Entity]) -> list[_Supply]:
    """The collections that are there, with the criteria that draw on them."""
    supplies = {identifier: _Supply(collection, {}) for identifier, collection in collections.items()}
    criteria = properties.get("criteria")
    for number, criterion in enumerate(criteria if isinstance(criteria, list) else ()):
        referred = _Referred.of({"criteria": [criterion]})
        for identifier in referred.collections:
            if identifier in supplies and referred.placements:
                supplies[identifier].unserved[number] = set(referred.placements)
    return list(supplies.values())


def _look_at_collections(access: Access, findings: _Findings, supplies: Sequence[_Supply], now: datetime) -> Flow[None]:
    by_qualifiers = []
    for supply in supplies:
        ids = _texts(supply.collection, "ids")
        if not ids:
            findings.add("empty_collection", f"the collection {_called(supply.collection)} has no ids")
        elif supply.collection.properties.get("filterType") == "offers":
            yield from _look_at_listed(access, findings, supply, ids, now)
        else:
            by_qualifiers.append(supply)
    if by_qualifiers:
        yield from _look_at_qualified(access, findings, by_qualifiers, now)


def _look_at_listed(
    access: Access, findings: _Findings, supply: _Supply, ids: Sequence[str], now: datetime
) -> Flow[None]:
    called = _called(supply.collection)
    found: dict[str, Entity] = {}
    by_kind: dict[str, list[str]] = {}
    for each in ids:
        by_kind.setdefault(_offer_kind(each).type_name, []).append(each)
    for type_name, of_kind in by_kind.items():
        found |= yield from _there(access, kind_of_type_name(type_name) or PERSONALIZED, of_kind)
    missing = [each for each in ids if each not in found]
    if missing:
        findings.add("missing_offer", f"the collection {called} lists {_listed(missing)}, not there")
    waiting = [f"{_called(each)}, {each.status}" for each in found.values() if each.status != "approved"]
    if waiting:
        findings.add("offers_not_approved", f"the collection {called} lists {_listed(waiting)}")
    for offer in found.values():
        supply.take(offer, now)
    supply.tell(findings)


def _look_at_qualified(access: Access, findings: _Findings, supplies: Sequence[_Supply], now: datetime) -> Flow[None]:
    """Whether each collection by qualifiers has an offer to show; the offers are read until all have."""
    left = list(supplies)
    listing = Listing(access, PERSONALIZED, access.generation.every(PERSONALIZED, _PAGE))
    while left and (page := (yield from listing.advance())) is not None:
        for offer in page:
            for supply in [each for each in left if _holds(each.collection, offer)]:
                supply.take(offer, now)
            left = [each for each in left if not each.is_enough]
    for supply in left:
        called = _called(supply.collection)
        if not supply.holds_any:
            findings.add("empty_collection", f"no offer has the qualifiers of the collection {called}")
        elif not supply.holds_approved:
            findings.add("offers_not_approved", f"no offer with the qualifiers of {called} is approved")
        supply.tell(findings)


def shown_in(offer: Entity) -> set[str]:
    """The placements that the offer has a representation for."""
    shown = {"representations": offer.properties.get("representations")}
    return {each.target for each in offer.kind.shape.pointings(shown, "")}


def _holds(collection: Entity, offer: Entity) -> bool:
    """Whether a collection by qualifiers holds the offer."""
    wanted, tags = set(_texts(collection, "ids")), set(_texts(offer, "tags"))
    return wanted <= tags if collection.properties.get("filterType") == "all-tags" else bool(wanted & tags)


def _texts(entity: Entity, name: str) -> list[str]:
    value = entity.properties.get(name)
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _offer_kind(identifier: str) -> Kind:
    typed = TYPED_ID.fullmatch(identifier)
    return FALLBACK if typed is not None and typed["type"] == FALLBACK.type_name else PERSONALIZED


def _there(access: Access, kind: Kind, ids: Sequence[str]) -> Flow[dict[str, Entity]]:
    """Those objects of a kind that are there, by their ids."""
    found: dict[str, Entity] = {}
    # What no id can look like is not there, and could not be asked for.
    fit = list(filter(is_fit, ids))
    for start in range(0, len(fit), BATCH):
        batch = [Reference(kind, id=each) for each in fit[start : start + BATCH]]
        looked = yield from look_at(access, batch)
        found |= {identifier: entity for identifier, entity in looked.items() if entity is not None}
    return found


def _called(entity: Entity) -> str:
    return f"{entity.name!r} ({entity.id})"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
