"""When the live decisions can show which offers at which placements, and when they have only a fallback there.

Customers, caps and ranks are left out: an offer counts as shown if it can be shown to anybody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime

from airflow_provider_offers.calendar.held import Copy, Held
from airflow_provider_offers.calendar.intervals import Interval, Union, ahead_of, common, interval, merged, without
from airflow_provider_offers.client.model.kinds import COLLECTION, DECISION, FALLBACK, PERSONALIZED
from airflow_provider_offers.client.model.lifecycle import APPROVED, LIVE
from airflow_provider_offers.client.model.reaching import contained, named, texts


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which decisions can be made for a placement, and none of them has an offer but its fallback there."""

    placement: str
    start: datetime
    end: datetime
    decisions: tuple[str, ...]


@dataclass(slots=True)
class Showing:
    """By offer: when it is shown, as a union, and the decisions that may show it. By placement: its gaps.

    Only times from now on count, since the library does not say what was approved or live before.
    """

    shown: dict[str, Union] = field(default_factory=dict)
    decisions: dict[str, list[str]] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)


@dataclass(slots=True)
class _Place:
    """One placement: when decisions can be made for it, and which offers each one has for it."""

    asked: list[tuple[str, Interval]] = field(default_factory=list)
    # By the part of a criterion that selects offers: the decisions with that part.
    selections: dict[frozenset[str], list[tuple[str, Interval]]] = field(default_factory=lambda: defaultdict(list))


def showing_of(copy: Copy, now: datetime, horizon: datetime) -> Showing:
    """What the live decisions of a copy show from now on, by the service's time, and the gaps until the horizon."""
    ahead = ahead_of(now)
    offers = {each.id: each for each in copy.of_kind(PERSONALIZED) if each.status == APPROVED}
    sets = _collections(copy, offers)
    times: dict[str, list[Interval]] = defaultdict(list)
    users: dict[str, dict[str, None]] = defaultdict(dict)
    found = Showing()
    for placement, place in _places(copy, ahead).items():
        lit: list[Interval] = []
        for selection, decisions in place.selections.items():
            asked = merged(window for _, window in decisions)
            for identifier in named(list(selection), sets, {each: each for each in offers}):
                offer = offers[identifier]
                if placement not in offer.placements:
                    continue
                open_in = interval(offer.start, offer.end)
                visible = common(asked, open_in)
                if visible:
                    times[identifier] += visible
                    lit += visible
                    users[identifier].update({each: None for each, window in decisions if common([window], open_in)})
        found.gaps += _gaps(placement, place, merged(lit), horizon)
    _add_fallbacks(copy, ahead, times, users)
    found.shown = {identifier: merged(each) for identifier, each in times.items()}
    found.decisions = {identifier: list(each) for identifier, each in users.items()}
    return found


def _places(copy: Copy, period: Interval) -> dict[str, _Place]:
    """The placements for which live decisions can be made in a period."""
    places: dict[str, _Place] = defaultdict(_Place)
    for decision, window in _live(copy, period):
        for criterion in _criteria(decision):
            selection = frozenset(texts(criterion.get("optionSelection")))
            for placement in dict.fromkeys(texts(criterion.get("placements"))):
                place = places[placement]
                if (decision.id, window) not in place.asked[-1:]:
                    place.asked.append((decision.id, window))
                place.selections[selection].append((decision.id, window))
    return places


def _live(copy: Copy, period: Interval) -> list[tuple[Held, Interval]]:
    """The decisions that can be made in a period, each with that time."""
    cut = ((each, common([period], interval(each.start, each.end))) for each in copy.of_kind(DECISION))
    return [(each, part[0]) for each, part in cut if part and each.status == LIVE]


def placements_of(decision: Held) -> list[str]:
    """The placements for which a decision can be made, each once."""
    return list(dict.fromkeys(each for one in _criteria(decision) for each in texts(one.get("placements"))))


def _criteria(decision: Held) -> list[Mapping[str, object]]:
    criteria = decision.document.get("criteria")
    return [each for each in criteria if isinstance(each, Mapping)] if isinstance(criteria, list) else []


def _collections(copy: Copy, offers: Mapping[str, Held]) -> dict[str, Set[str]]:
    """The approved offers in each collection."""
    by_tag: dict[str, set[str]] = defaultdict(set)
    for offer in offers.values():
        for tag in offer.tags:
            by_tag[tag].add(offer.id)
    by_id = {each: each for each in offers}
    return {each.id: contained(each.document, by_tag, by_id) for each in copy.of_kind(COLLECTION)}


def _gaps(placement: str, place: _Place, lit: Union, horizon: datetime) -> list[Gap]:
    gaps = []
    asked = merged((start, min(end, horizon)) for _, (start, end) in place.asked)
    for start, end in without(asked, lit):
        decisions = (each for each, window in place.asked if common([window], (start, end)))
        gaps.append(Gap(placement, start, end, tuple(dict.fromkeys(decisions))))
    return gaps


def _add_fallbacks(
    copy: Copy, period: Interval, times: dict[str, list[Interval]], users: dict[str, dict[str, None]]
) -> None:
    """A fallback is shown while a live decision can be made that names it."""
    approved = {each.id for each in copy.of_kind(FALLBACK) if each.status == APPROVED}
    for decision, window in _live(copy, period):
        fallback = decision.document.get("fallback")
        if isinstance(fallback, str) and fallback in approved:
            times[fallback].append(window)
            users[fallback][decision.id] = None
