"""The limits of one object on Adobe's guardrail and create pages: numbers of items, and sizes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_offers.emulator.kinds import Kind
from airflow_provider_offers.emulator.runtime import pql
from airflow_provider_offers.emulator.shapes import Problem, Spelling, pointer

MAX_OFFER_BYTES = 300 * 1024
MAX_TAGS = 20
MAX_CHARACTERISTICS = 30
MAX_CAPPING_RULES = 10
MAX_COLLECTED_OFFERS = 500
MAX_PLACEMENTS = 30
MAX_COLLECTIONS = 30
MAX_ITEMS = 30
MAX_RULE_BYTES = pql.MAX_LENGTH
MAX_FORMULA_BYTES = 8 * 1024
MAX_PERIOD: Mapping[str, int] = {"day": 730, "week": 104, "month": 24}
"""Two years, in the units of a cap's reset period."""

COLLECTED: Mapping[str, tuple[str, ...]] = {
    "offers": ("personalized-offer", "fallback-offer"),
    "any-tags": ("tag",),
    "all-tags": ("tag",),
}
"""The accepted kinds of the ids of a collection, by its `filterType`."""


def problems(kind: Kind, neutral: Mapping[str, Any], spelling: Spelling) -> Iterator[Problem]:
    """The limits that an otherwise valid object exceeds."""
    check = {
        "personalized-offer": _offer,
        "fallback-offer": _offer,
        "offer-placement": _placement,
        "offer-filter": _collection,
        "eligibility-rule": _rule,
        "offer-activity": _decision,
        "ranking-function": _formula,
    }.get(kind.name)
    for steps, message in check(neutral) if check is not None else ():
        yield Problem(pointer(kind.shape, spelling, *steps), message)


_Found = Iterator[tuple[tuple[str, ...], str]]


def _offer(offer: Mapping[str, Any]) -> _Found:
    size = len(json.dumps(offer, ensure_ascii=False, separators=(",", ":")).encode())
    if size > MAX_OFFER_BYTES:
        yield (), f"the offer has {size} bytes, and may have at most {MAX_OFFER_BYTES}"
    yield from _most(("tags",), offer.get("tags", ()), MAX_TAGS, "collection qualifiers")
    yield from _most(("characteristics",), offer.get("characteristics", ()), MAX_CHARACTERISTICS, "characteristics")
    caps = offer.get("frequencyCappingConstraints", ())
    yield from _most(("frequencyCappingConstraints",), caps, MAX_CAPPING_RULES, "capping rules")
    for number, cap in enumerate(caps):
        repeat = cap.get("repeat", {})
        unit, count = repeat.get("unit", "day"), repeat.get("unitCount", 1)
        if repeat.get("enabled") and count > MAX_PERIOD[unit]:
            steps = ("frequencyCappingConstraints", str(number), "repeat", "unitCount")
            yield steps, f"{count} {unit}s are more than two years, {MAX_PERIOD[unit]} {unit}s"


def _placement(placement: Mapping[str, Any]) -> _Found:
    if placement.get("itemCount", 1) > MAX_ITEMS:
        yield ("itemCount",), f"must be at most {MAX_ITEMS}, not {placement['itemCount']}"


def _collection(collection: Mapping[str, Any]) -> _Found:
    ids = collection.get("ids", ())
    if COLLECTED.get(collection.get("filterType", "")) == ("tag",):
        yield from _most(("ids",), ids, MAX_TAGS, "collection qualifiers")
    else:
        yield from _most(("ids",), ids, MAX_COLLECTED_OFFERS, "offers")


def _rule(rule: Mapping[str, Any]) -> _Found:
    yield from _expression(rule, "condition", MAX_RULE_BYTES)


def _formula(formula: Mapping[str, Any]) -> _Found:
    yield from _expression(formula, "expression", MAX_FORMULA_BYTES)


def _expression(holder: Mapping[str, Any], name: str, most: int) -> _Found:
    size = len(holder.get(name, {}).get("value", "").encode())
    if size > most:
        yield (name, "value"), f"has {size} bytes, and may have at most {most}"


def _decision(decision: Mapping[str, Any]) -> _Found:
    criteria = decision.get("criteria", ())
    placements = {each for criterion in criteria for each in criterion["placements"]}
    collections = {criterion["optionSelection"].get("filter") for criterion in criteria} - {None}
    yield from _most(("criteria",), placements, MAX_PLACEMENTS, "placements")
    yield from _most(("criteria",), collections, MAX_COLLECTIONS, "collections")


def _most(steps: tuple[str, ...], found: Any, most: int, noun: str) -> _Found:
    if len(found) > most:
        yield steps, f"has {len(found)} {noun}, and may have at most {most}"
