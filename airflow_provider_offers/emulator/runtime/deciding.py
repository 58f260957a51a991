"""Computing decisions: which offers each scope of a request proposes. Pure, without side effects."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from airflow_provider_offers.emulator import instants
from airflow_provider_offers.emulator.kinds import criteria_of
from airflow_provider_offers.emulator.runtime.capping import Allowance
from airflow_provider_offers.emulator.store.library import Record
from airflow_provider_offers.emulator.store.snapshot import Snapshot


class Circumstances(Protocol):
    """The input of a decision besides the library: the profile, and earlier proposals."""

    def eligible(self, constraint: Mapping[str, Any]) -> bool:
        """Whether the profile meets a profile constraint."""

    def score(self, function_id: str, offer: Record) -> float:
        """The value of a ranking formula for an offer."""

    def allowances(self, offer: Record) -> Sequence[Allowance]:
        """How often the offer can still be proposed."""


@dataclass(frozen=True)
class Question:
    """One scope of a request: the maximum number of offers of a decision for a placement."""

    activity: Record
    placement: Record
    items: int


@dataclass(frozen=True)
class Option:
    """An offer that can be proposed, with its score if a formula ranked it."""

    offer: Record
    score: float | None = None


@dataclass(frozen=True)
class Proposition:
    """The proposal of a scope: options, or the decision's fallback if there are none."""

    question: Question
    options: tuple[Option, ...]
    fallback: Record | None


@dataclass(frozen=True)
class Duplicates:
    """Whether several decisions, and several placements, of one request can propose the same offer."""

    across_activities: bool
    across_placements: bool

    def conflict(self, one: Question, other: Question) -> bool:
        """Whether two scopes must not propose the same offer."""
        if one.activity.id != other.activity.id and not self.across_activities:
            return True
        return one.placement.id != other.placement.id and not self.across_placements


@dataclass(frozen=True)
class Decider:
    """Decides on one snapshot at one time."""

    snapshot: Snapshot
    circumstances: Circumstances
    now_us: int
    draw: random.Random

    def decide(self, questions: Sequence[Question], duplicates: Duplicates) -> list[Proposition]:
        """One proposition for each question, in the same order."""
        ranked = [self.ranked(question) for question in questions]
        assignment = _Assignment(questions, ranked, duplicates, self.circumstances.allowances)
        chosen = assignment.complete()
        return [
            Proposition(question, options, None if options else self.fallback(question.activity))
            for question, options in zip(questions, chosen, strict=True)
        ]

    def fallback(self, activity: Record) -> Record | None:
        """The decision's fallback offer."""
        return self.snapshot.get(activity.body.get("fallback"), "fallback-offer")

    def ranked(self, question: Question) -> list[Option]:
        """The offers that can be proposed, best first: by criterion, and by rank within each criterion."""
        found: dict[str, Option] = {}
        if why_closed(question.activity, self.now_us):
            return []
        for criterion in criteria_of(question.activity.body):
            if question.placement.id not in criterion.get("placements", ()):
                continue
            if not self.circumstances.eligible(criterion.get("profileConstraint", {})):
                continue
            order = criterion.get("rank", {}).get("order", {})
            for option in self._ordered(self.candidates(criterion, question.placement.id), order):
                found.setdefault(option.offer.id, option)
        return list(found.values())

    def candidates(self, criterion: Mapping[str, Any], placement: str) -> list[Record]:
        """The approved offers of the criterion's collection in their window that match placement and profile."""
        return [
            offer
            for offer in collected(self.snapshot, criterion)
            if presentable(offer, placement)
            and in_window(offer.body.get("selectionConstraint", {}), self.now_us)
            and self.circumstances.eligible(offer.body.get("selectionConstraint", {}))
        ]

    def _ordered(self, offers: Sequence[Record], order: Mapping[str, Any]) -> list[Option]:
        by_rank: list[tuple[tuple[float, int, float], Option]] = []
        for offer in offers:
            rank = offer.body.get("rank", {})
            function = _function(order) or _function(rank.get("order", {}))
            score = self.circumstances.score(function, offer) if function else None
            priority = rank.get("priority", 0)
            # The order among offers of equal rank is random.
            key = (priority if score is None else score, priority, self.draw.random())
            by_rank.append((key, Option(offer, score)))
        return [option for _, option in sorted(by_rank, key=lambda each: each[0], reverse=True)]


def why_closed(activity: Record, now_us: int) -> str:
    """The reason why a decision cannot be made at a time, or None."""
    if activity.status != "live":
        return f"decision {activity.id} is {activity.status}; only a live decision can be made"
    if not in_window(activity.body, now_us):
        return f"decision {activity.id} is outside its window; the time is {instants.micros_text(now_us)}"
    return ""


def collected(snapshot: Snapshot, criterion: Mapping[str, Any]) -> list[Record]:
    """The personalized offers in the collection of a criterion."""
    collection = snapshot.get(criterion.get("optionSelection", {}).get("filter"), "offer-filter")
    if collection is None:
        return []
    ids = collection.body.get("ids", [])
    kind = collection.body.get("filterType")
    if kind == "offers":
        listed = [snapshot.get(each, "personalized-offer") for each in dict.fromkeys(ids)]
        return [offer for offer in listed if offer is not None]
    wanted = set(ids)
    matches: Callable[[set[str]], bool] = wanted.issubset if kind == "all-tags" else lambda tags: bool(wanted & tags)
    if not wanted:
        return []
    return [each for each in snapshot.all("personalized-offer") if matches(set(each.body.get("tags", ())))]


def presentable(offer: Record, placement: str) -> bool:
    """Whether the offer is approved and has a representation for the placement."""
    return offer.status == "approved" and representation(offer, placement) is not None


def representation(offer: Record, placement: str) -> Mapping[str, Any] | None:
    """The offer's first representation for a placement."""
    found: Sequence[Mapping[str, Any]] = offer.body.get("representations", ())
    return next((each for each in found if each.get("placement") == placement), None)


def in_window(holder: Mapping[str, Any], now_us: int) -> bool:
    """Whether a time is in a window: from its start, and before its end."""
    start, end = holder.get("startDate"), holder.get("endDate")
    return (start is None or instants.to_us(start) <= now_us) and (end is None or now_us < instants.to_us(end))


def _function(order: Mapping[str, Any]) -> str | None:
    wanted = order.get("orderEvaluationType", "scoringFunction") == "scoringFunction"
    return order.get("function") if wanted else None


_NOBODY = -1
"""A cap that was reached before the request: no scope can release the option."""


@dataclass
class _Assignment:
    """Divides offers among scopes that must not share them, so that as few scopes as possible need their fallback."""

    questions: Sequence[Question]
    ranked: Sequence[Sequence[Option]]
    duplicates: Duplicates
    allowances: Callable[[Record], Sequence[Allowance]]
    holders: dict[str, list[int]] = field(default_factory=dict)
    known: dict[str, Sequence[Allowance]] = field(default_factory=dict)

    def complete(self) -> list[tuple[Option, ...]]:
        """The options of each question: first one each, then up to the requested number."""
        for number in range(len(self.questions)):
            self._give_one(number, set())
        for number, question in enumerate(self.questions):
            for option in self.ranked[number]:
                if self._held(number) == question.items:
                    break
                if number not in self._holders(option) and not self._blockers(number, option):
                    self._holders(option).append(number)
        return [
            tuple(option for option in options if number in self._holders(option))
            for number, options in enumerate(self.ranked)
        ]

    def _give_one(self, number: int, tried: set[str]) -> bool:
        """Give a question its best option that is free, or that its owner can replace."""
        untried = [option for option in self.ranked[number] if option.offer.id not in tried]
        for option in untried:
            if not self._blockers(number, option):
                self._holders(option).append(number)
                return True
        for option in untried:
            blockers = self._blockers(number, option)
            if option.offer.id not in tried and len(blockers) == 1:
                tried.add(option.offer.id)
                if self._displace(blockers[0], option, tried):
                    self._holders(option).append(number)
                    return True
        return False

    def _displace(self, number: int, option: Option, tried: set[str]) -> bool:
        if number == _NOBODY or not self._give_one(number, tried):
            return False
        self._holders(option).remove(number)
        return True

    def _blockers(self, number: int, option: Option) -> list[int]:
        """The owner that would lose an option."""
        question, holders = self.questions[number], self._holders(option)
        blockers = [each for each in holders if self.duplicates.conflict(question, self.questions[each])]
        for allowance in self._allowances(option):
            sharing = [each for each in holders if allowance.covers(self.questions[each].placement.id)]
            if not allowance.used_up:
                # Proposals do not count for such a cap: it is either reached or not.
                sharing = []
            if allowance.covers(question.placement.id) and len(sharing) >= allowance.left:
                blockers += sharing or [_NOBODY]
        return list(dict.fromkeys(blockers))

    def _held(self, number: int) -> int:
        return sum(1 for holders in self.holders.values() if number in holders)

    def _holders(self, option: Option) -> list[int]:
        return self.holders.setdefault(option.offer.id, [])

    def _allowances(self, option: Option) -> Sequence[Allowance]:
        return self.known.setdefault(option.offer.id, self.allowances(option.offer))
