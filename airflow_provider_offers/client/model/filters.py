"""Checks a search against the model of its kind: names, words and dates in its filters and its order."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import replace

from airflow_provider_offers.client.errors import Doubt, InvalidInputError, Violation
from airflow_provider_offers.client.model.checking import findings
from airflow_provider_offers.client.model.cleaning import cleaned
from airflow_provider_offers.client.model.envelope import neutral_path
from airflow_provider_offers.client.model.facts import InstantInZone, KnownUri, RefersTo
from airflow_provider_offers.client.model.identifiers import (
    NAME_PREFIX,
    NO_DIGIT,
    TYPED_ID,
    misspells_prefix,
    resembles_name,
)
from airflow_provider_offers.client.model.instants import ACCEPTED
from airflow_provider_offers.client.model.kinds import KINDS, Kind
from airflow_provider_offers.client.model.likeness import near, perhaps
from airflow_provider_offers.client.model.names import BESIDE, paths_of, unknown_member
from airflow_provider_offers.client.model.places import Place
from airflow_provider_offers.client.model.query import EXACT, Filter, Query
from airflow_provider_offers.client.model.spelling import neutral_tokens, neutral_value, wire_tokens

log = logging.getLogger(__name__)

_DATES = ("created", "modified")
_DATE = Place(facts=(InstantInZone(),))
# A date, its beginning, or milliseconds since 1970.
_BEGINS_LIKE_A_DATE = re.compile(r"\d{4}", re.ASCII)
_WITHOUT_ZONE = re.compile(r"\d{4}(-\d\d(-\d\d(?P<time>[T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?)?)?", re.ASCII)
_AS_TEXT = "No page of Adobe's shows such a date in a filter; the service may compare it as text, or in UTC"
_IN_QUOTES = re.compile(r"(?P<quote>[\"'])(?P<inside>.+)(?P=quote)", re.DOTALL)
_PATTERN = "Adobe's pages show patterns after ~ only"
_QUOTES = "No page of Adobe's shows a value in quotes; the service compares the quotes too"
# Quotes and patterns have their own warnings.
_WORDS_ALONE = re.compile(r"[^\W\d][^*\"']*")
_AN_ID = "an id after the operator; a filter does not look for names"
_WITHOUT_VALUE = "No page of Adobe's shows a filter without a value"
_DAY = "No page of Adobe's shows a date without a time in a filter, so the beginning of it is sent"
# The beginning of the first year.
_BEGINNING = "0001-01-01T00:00:00Z"
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
# Sensors repeat one search many times.
_MOST_TOLD = 1_000
_told: set[str] = set()


def fitted(query: Query, kind: Kind) -> Query:
    """The search, with words and dates in the spelling of the kind.

    Raises `InvalidInputError` for a near miss of a known property, and for a value that the property never has, because
    the search would find nothing or everything. Warns of any other unknown property, once in a process.
    """
    found = list(_findings(query, kind))
    refused = [each for each in found if not isinstance(each, Doubt)]
    if refused:
        raise InvalidInputError("The search cannot be sent", refused)
    for doubt in found:
        message = f"The search for a {kind.noun} is sent although it may be wrong: {doubt}"
        if message not in _told and len(_told) < _MOST_TOLD:
            _told.add(message)
            log.warning("%s", message)
    return replace(query, properties=tuple(_respelled(each, kind) for each in query.properties))


def _findings(query: Query, kind: Kind) -> Iterator[Violation]:
    for each in query.properties:
        yield from _path_findings(each.path, kind, "properties", each.text)
        sent = _respelled(each, kind)
        yield from _value_findings(sent, kind)
        if each.operator in (">", "<=") and _beginning(each.value) == sent.value != each.value:
            # The author may mean the end of the day.
            yield Doubt("properties", repr(each.text), f"{ACCEPTED}; this compares with {sent.value}", _DAY)
    for path, _ in query.order_by:
        yield from _path_findings(path, kind, "order_by", path)
    for path in query.fields:
        yield from _path_findings(path, kind, "fields", path)


def _path_findings(path: str, kind: Kind, field: str, given: str) -> Iterator[Violation]:
    place, spelled = kind.place, kind.names
    for token in neutral_path(path, kind.names):
        if place.item is not None and not token.isdecimal():
            place = place.item
        if place.known:
            finding = unknown_member(place, spelled, token, field, kind.place, given=repr(given))
            if finding is not None:
                if isinstance(finding, Doubt) and place is kind.place:
                    # A filter on a property that is somewhere else, or nowhere, finds nothing.
                    meant = perhaps(paths_of(kind.place, token) or near(token, BESIDE))
                    finding = Violation(field, repr(given), f"a documented property{meant}") if meant else finding
                yield finding
                return
        place, spelled = place.below(token), wire_tokens([token], spelled)[1]


def _place_of(path: str, kind: Kind) -> Place:
    """The place that a dotted path names; lists need no index."""
    tokens = neutral_path(path, kind.names)
    if tokens[0] in _DATES:
        return _DATE
    place = kind.place
    for token in tokens:
        if place.item is not None and not token.isdecimal():
            place = place.item
        place = place.below(token)
    return place.item or place


def _respelled(each: Filter, kind: Kind) -> Filter:
    """A comparison with a word or a date in the spelling of the kind."""
    place = _place_of(each.path, kind)
    if each.operator in (None, "~") or not _has_own_spelling(place):
        return each
    value = each.value
    if each.operator in EXACT:
        value = neutral_value(value, neutral_tokens(neutral_path(each.path, kind.names), kind.names)[1])
    elif place.fact(InstantInZone) is not None:
        value = _beginning(value)
    return replace(each, value=str(cleaned(place, value)))


def _beginning(value: str) -> str:
    """The first instant in UTC of a year, a month or a day; any other value as it is."""
    part = _WITHOUT_ZONE.fullmatch(value)
    return value if part is None or part["time"] else value + _BEGINNING[len(value) :]


def _has_own_spelling(place: Place) -> bool:
    return place.holds is str or place.fact(InstantInZone) is not None


def _value_findings(each: Filter, kind: Kind) -> Iterator[Violation]:
    """The errors in the value of a comparison. Only the service can judge a pattern, except for quotes around it."""
    if each.operator is None:
        return
    place = _place_of(each.path, kind)
    if (inside := _IN_QUOTES.fullmatch(each.value)) and not place.words:
        meant = perhaps([f"{each.path}{each.operator}{inside['inside']}"])
        yield Doubt("properties", repr(each.text), f"the value without quotes{meant}", _QUOTES)
    if not each.value and _accepted_instead(place, "") is None:
        yield _without_value(each, place, kind)
        return
    if each.operator == "~":
        return
    if each.operator in EXACT and "*" in each.value and not place.words and place.fact(KnownUri) is None:
        pattern = each.value.replace(".*", "*").replace("*", ".*")
        meant = perhaps([f"{each.path}~{pattern}"]) if each.operator == "==" else ""
        yield Doubt("properties", repr(each.text), f"a whole value after {each.operator}{meant}", _PATTERN)
    if place.fact(InstantInZone) and _WITHOUT_ZONE.fullmatch(each.value):
        yield Doubt("properties", repr(each.text), f"{ACCEPTED}, after the operator", _AS_TEXT)
        return
    if each.operator in EXACT and (place.words or place.fact(KnownUri) is not None):
        for finding in findings(place, each.value, "properties"):
            yield replace(finding, given=repr(each.text))
        return
    yield from _other_value(each, place)


def _other_value(each: Filter, place: Place) -> Iterator[Violation]:
    """The finding about a value that no list and no date rules."""
    if accepted := _accepted_instead(place, each.value):
        yield Violation("properties", repr(each.text), accepted)
        return
    refers = each.operator in EXACT and place.fact(RefersTo) is not None
    if refers and _WORDS_ALONE.fullmatch(each.value) and resembles_name(each.value):
        yield Doubt("properties", repr(each.text), _AN_ID, NO_DIGIT)


def _without_value(each: Filter, place: Place, kind: Kind) -> Violation:
    """The finding about a comparison with nothing, as a template without its parameter renders it.

    A name, an id and a reference are never empty, so the search would find nothing or everything.
    """
    accepted = f"a value after {each.operator}"
    tokens = neutral_path(each.path, kind.names)
    if tokens in (["id"], ["name"]) or place.words or place.fact(RefersTo) is not None:
        return Violation("properties", repr(each.text), accepted)
    return Doubt("properties", repr(each.text), accepted, _WITHOUT_VALUE)


def _accepted_instead(place: Place, value: str) -> str | None:
    """What the property has in place of such a value; None for a value that it may have."""
    if place.holds is int and not _NUMBER.fullmatch(value):
        return "a number after the operator"
    if place.fact(InstantInZone) is not None and not _BEGINS_LIKE_A_DATE.match(value):
        return f"{ACCEPTED}, after the operator"
    refers, typed = place.fact(RefersTo), TYPED_ID.fullmatch(value)
    if refers is not None and typed is None and (value.startswith(NAME_PREFIX) or misspells_prefix(value)):
        return _AN_ID
    if refers is not None and typed is not None and typed["type"] not in refers.type_names:
        return f"{refers.expected} after the operator"
    return None


def is_known(path: str) -> bool:
    """Whether a kind has a property of that path, in either spelling."""
    return any(not list(_path_findings(path, kind, "properties", path)) for kind in KINDS.values())
