"""Checks the collections of a decision: offers are read until each criterion has one that can be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.listing import Listing
from airflow_provider_offers.client.flows.reading import BATCH, look_alone, look_at
from airflow_provider_offers.client.generations.reading import is_fit
from airflow_provider_offers.client.model.entities import Entity, Reference
from airflow_provider_offers.client.model.identifiers import TYPED_ID
from airflow_provider_offers.client.model.kinds import FALLBACK, PERSONALIZED, Kind, kind_of_type_name
from airflow_provider_offers.client.model.lifecycle import APPROVED, ARCHIVED
from airflow_provider_offers.client.model.places import pointings
from airflow_provider_offers.client.model.windows import window_of
from airflow_provider_offers.client.text import listed
from airflow_provider_offers.client.wire.messages import Flow, Json

_PAGE = 100
# Maximum number of offers that are read one by one, because a listing may lag.
_MOST_READ = 32
_BY_RULE = "eligibilityRule"


@dataclass(slots=True)
class Findings:
    """The sentences found so far, by reason."""

    told: dict[str, str] = field(default_factory=dict)

    def add(self, reason: str, sentence: str) -> None:
        """Add a sentence to those of the reason."""
        self.told[reason] = f"{self.told[reason]}; {sentence}" if reason in self.told else sentence

    def missing(self, reason: str, kind: Kind, ids: Sequence[str]) -> None:
        """Add that no object has these ids, if there are any."""
        if ids:
            self.add(reason, f"there is no {kind.noun} {listed(ids)}")


@dataclass(slots=True)
class _Reader:
    """Reads listed offers by their ids, each once and at most `left` of them."""

    access: Access
    left: int = _MOST_READ
    _read: dict[str, Entity | None] = field(default_factory=dict)

    def now(self, listed: Entity) -> Flow[Entity | None]:
        """The current state of the offer, None if it is gone; as it was listed if enough offers have been read."""
        if listed.id not in self._read:
            if self.left <= 0:
                return listed
            self.left -= 1
            self._read[listed.id] = yield from look_alone(self.access, listed.reference)
        return self._read[listed.id]

    def has_read(self, offer: Entity) -> bool:
        return offer.id in self._read

    def unread(self, number: int) -> str:
        """The part of a finding about offers that were only listed; the listing may be out of date."""
        if not number:
            return ""
        return f" (by a listing that may lag; {len(self._read)} offers were read by their ids and {number} were not)"


@dataclass(slots=True)
class Supply:
    """A collection, and the criteria (by number, with their placements) for which it has no offer to show yet.

    `left` is the time in which something has to be shown. `without_rule` holds the approved offers that require a rule
    and name none. `unread` counts the offers that were judged by a listing alone.
    """

    collection: Entity
    left: tuple[datetime, datetime | None]
    unserved: dict[int, set[str]] = field(default_factory=dict)
    holds_any: bool = False
    holds_approved: bool = False
    without_rule: list[Entity] = field(default_factory=list)
    unread: int = 0

    @property
    def is_enough(self) -> bool:
        return self.holds_approved and not self.unserved

    def wants(self, offer: Entity) -> bool:
        """Whether the offer would serve the collection, if its current state is what the listing shows."""
        return offer.status == APPROVED and bool(self._served_by(offer) or not (self.unserved or self.holds_approved))

    def take(self, offer: Entity, *, is_read: bool = True) -> None:
        """Count one offer of the collection."""
        self.holds_any = True
        self.unread += not is_read
        if offer.status != APPROVED:
            return
        self.holds_approved = True
        if offer.kind is not FALLBACK and lacks_rule(offer.properties.get("selectionConstraint")):
            self.without_rule.append(offer)
        served = self._served_by(offer)
        self.unserved = {number: wanted for number, wanted in self.unserved.items() if number not in served}

    def _served_by(self, offer: Entity) -> set[int]:
        """The unserved criteria for which an approved offer can be shown."""
        if offer.kind is FALLBACK or lacks_rule(offer.properties.get("selectionConstraint")):
            return set()
        if not self.unserved or not self._is_in_time(offer):
            return set()
        shown = shown_in(offer)
        return {number for number, wanted in self.unserved.items() if wanted & shown}

    def _is_in_time(self, offer: Entity) -> bool:
        """Whether the offer's window overlaps the decision's."""
        window, (start, end) = window_of(offer.properties), self.left
        return window is not None and not window.is_over(start) and (end is None or window.start < end)

    def tell(self, findings: Findings, unread: str) -> None:
        """Add the findings of a collection that has approved offers but none to show for a criterion."""
        called = self.collection.called
        if self.without_rule and self.unserved:
            named = listed([each.called for each in self.without_rule])
            findings.add("rule_not_named", f"the collection {called} has {named}, which requires a rule and names none")
        for number in self.unserved if self.holds_approved else ():
            findings.add(
                "no_offer_to_show",
                f"the collection {called} has no approved personalized offer that has a representation for a placement "
                f"of /criteria/{number} and a window that overlaps the decision's{unread}",
            )


def look_at_collections(access: Access, findings: Findings, supplies: Sequence[Supply]) -> Flow[None]:
    """Add the findings about the collections. Reads offers by their ids, up to a limit, because a listing may lag."""
    reader, by_qualifiers = _Reader(access), []
    for supply in supplies:
        ids = _texts(supply.collection, "ids")
        if not ids:
            findings.add("empty_collection", f"the collection {supply.collection.called} has no ids")
        elif supply.collection.properties.get("filterType") == "offers":
            yield from _look_at_listed(reader, findings, supply, ids)
        else:
            by_qualifiers.append(supply)
    if by_qualifiers:
        yield from _look_at_qualified(reader, findings, by_qualifiers)


def _look_at_listed(reader: _Reader, findings: Findings, supply: Supply, ids: Sequence[str]) -> Flow[None]:
    called = supply.collection.called
    offers: dict[str, Entity] = {}
    by_kind: dict[str, list[str]] = {}
    for each in ids:
        by_kind.setdefault(_offer_kind(each).type_name, []).append(each)
    for type_name, of_kind in by_kind.items():
        offers |= yield from those_there(reader.access, kind_of_type_name(type_name) or PERSONALIZED, of_kind)
    found: dict[str, Entity] = {}
    # First the offers that are not approved according to the listing.
    for offer in sorted(offers.values(), key=lambda each: each.status == APPROVED):
        now = yield from reader.now(offer)
        if now is not None:
            found[offer.id] = now
    missing = [each for each in ids if each not in found]
    if missing:
        end = "which do not exist" if len(missing) > 1 else "which does not exist"
        findings.add("missing_offer", f"the collection {called} lists {listed(missing)}, {end}")
    for offer in found.values():
        supply.take(offer, is_read=reader.has_read(offer))
    # An archived offer is finished, and does no harm next to one that can be shown. A draft was meant to be shown.
    fine = (APPROVED, ARCHIVED) if supply.is_enough else (APPROVED,)
    waiting = [each for each in found.values() if each.status not in fine]
    if waiting:
        named = listed([f"{each.called}, {each.status}" for each in waiting])
        unread = reader.unread(sum(not reader.has_read(each) for each in waiting))
        findings.add("offers_not_approved", f"the collection {called} lists {named}{unread}")
    supply.tell(findings, reader.unread(supply.unread))


def _look_at_qualified(reader: _Reader, findings: Findings, supplies: Sequence[Supply]) -> Flow[None]:
    """Check whether each collection by qualifiers has an offer to show; the offers are read until all have one.

    An offer that can be shown by the listing is read at once. Any other is read at the end, if it is still needed.
    """
    left = list(supplies)
    doubtful: list[Entity] = []
    access = reader.access
    listing = Listing(access, PERSONALIZED, access.generation.every(PERSONALIZED, _PAGE))
    while left and (page := (yield from listing.advance())) is not None:
        for offer in page:
            holders = [each for each in left if _holds(each.collection, offer)]
            if any(each.wants(offer) for each in holders):
                yield from _count_current_state(reader, holders, offer)
            elif holders and len(doubtful) < reader.left:
                doubtful.append(offer)
            else:
                _take_as_listed(holders, offer)
            left = [each for each in left if not each.is_enough]
    for offer in doubtful:
        yield from _count_current_state(reader, [each for each in left if _holds(each.collection, offer)], offer)
        left = [each for each in left if not each.is_enough]
    for supply in left:
        called, unread = supply.collection.called, reader.unread(supply.unread)
        if not supply.holds_any:
            findings.add("empty_collection", f"no offer has the qualifiers of the collection {called}")
        elif not supply.holds_approved:
            findings.add("offers_not_approved", f"no offer with the qualifiers of {called} is approved{unread}")
        supply.tell(findings, unread)


def _count_current_state(reader: _Reader, supplies: Sequence[Supply], offer: Entity) -> Flow[None]:
    """Count the current state of an offer of these collections, which may differ from the listing."""
    if not supplies:
        return
    now = yield from reader.now(offer)
    for supply in supplies:
        if now is not None and _holds(supply.collection, now):
            supply.take(now, is_read=reader.has_read(now))


def _take_as_listed(supplies: Sequence[Supply], offer: Entity) -> None:
    for supply in supplies:
        supply.take(offer, is_read=False)


def shown_in(offer: Entity) -> set[str]:
    """The placements that the offer has a representation for."""
    shown = {"representations": offer.properties.get("representations")}
    return {each.target for each in pointings(offer.kind.place, shown)}


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


def lacks_rule(constraint: Json) -> bool:
    """Whether a profile constraint needs a rule but names none: no profile meets it."""
    return (
        isinstance(constraint, Mapping)
        and constraint.get("profileConstraintType") == _BY_RULE
        and not constraint.get(_BY_RULE)
    )


def those_there(access: Access, kind: Kind, ids: Sequence[str]) -> Flow[dict[str, Entity]]:
    """The existing objects of a kind, by their ids."""
    found: dict[str, Entity] = {}
    # Text that cannot be an id names no object, and cannot be sent either.
    fit = list(filter(is_fit, ids))
    for start in range(0, len(fit), BATCH):
        batch = [Reference(kind, id=each) for each in fit[start : start + BATCH]]
        looked = yield from look_at(access, batch)
        found |= {identifier: entity for identifier, entity in looked.items() if entity is not None}
    return found
