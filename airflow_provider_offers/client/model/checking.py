"""Checks a value against its place, and turns pydantic's errors into violations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from annotated_types import Ge, Le
from pydantic import TypeAdapter, ValidationError

from airflow_provider_offers.client.errors import Violation
from airflow_provider_offers.client.model.described import FINDING
from airflow_provider_offers.client.model.facts import Expected, InstantInZone, KnownUri, Many, RefersTo
from airflow_provider_offers.client.model.instants import ACCEPTED
from airflow_provider_offers.client.model.likeness import one_of
from airflow_provider_offers.client.model.places import Place
from airflow_provider_offers.client.model.spelling import join_pointer
from airflow_provider_offers.client.text import describe


def findings(place: Place, value: Any, pointer: str = "") -> list[Violation]:
    """Everything that is wrong or doubtful about a neutral value; the pointers begin with `pointer`."""
    try:
        _adapter(place).validate_python(value, strict=True)
    except ValidationError as refused:
        return [_violation(place, each, pointer) for each in refused.errors(include_url=False)]
    return []


@cache
def _adapter(place: Place) -> TypeAdapter[Any]:
    return TypeAdapter(place.annotation)


def _violation(place: Place, error: Mapping[str, Any], pointer: str) -> Violation:
    """One pydantic error as a violation."""
    tokens = [str(token) for token in error["loc"]]
    where, here, value = pointer + join_pointer(tokens), place.at(tokens)[1], error["input"]
    if error["type"] == "missing" or (value is None and here.is_required):
        missing = Violation(where, "nothing", f"{expected(here)}; it is required")
        many = here.fact(Many)
        return missing if many is None else many.in_draft(missing)
    if error["type"] == FINDING:
        finding: Violation = error["ctx"]["finding"]
        return replace(finding, pointer=where + finding.pointer)
    return Violation(where, describe(value), expected(here, value))


def expected(place: Place, value: Any = None) -> str:
    """The end of the message `expected …` for a place where `value` was given."""
    if place.words:
        return one_of(place.words, value)
    for each in reversed(place.facts):
        match each:
            case Expected(text):
                # Only text has its own words, and a number of a template may stand here.
                lost = "; write it in quotes, because a number from a template may have lost digits"
                return text + lost if type(value) is float and place.holds is str else text
            case RefersTo():
                return each.expected
            case InstantInZone():
                return ACCEPTED
            case KnownUri():
                return one_of(each.words, None) or each.uri
    return _expected_type(place)


def _expected_type(place: Place) -> str:
    if place.holds is bool:
        return "true or false"
    if place.holds is int:
        least, most = place.fact(Ge), place.fact(Le)
        return f"a whole number of at least {least.ge if least else 0}" + (f" and at most {most.le}" if most else "")
    many = place.fact(Many)
    return f"a list of {many.noun if many else 'entries'}" if place.holds is list else "an object"
