"""The values that an author may give: pydantic models instead of documents or their parts, empty ones, and flags."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from types import NoneType
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.text import quoted

# Deeper than any valid document. The document's own check refuses the rest.
_MAX_DEPTH = 100


def as_given(value: Any, depth: int = 0) -> Any:
    """The value with a plain dict instead of every model, at any depth; only members that were set are in it."""
    if type(value) is str or depth > _MAX_DEPTH:
        return value
    if isinstance(value, BaseModel):
        fields, members = type(value).model_fields, vars(value)
        known = {name: members[name] for name in fields if name in value.model_fields_set and name in members}
        named = {fields[name].alias or name: member for name, member in known.items()}
        return as_given({**named, **(value.model_extra or {})}, depth)
    if isinstance(value, dict):
        return {name: as_given(member, depth + 1) for name, member in value.items()}
    if type(value) in (list, tuple):
        return type(value)(as_given(item, depth + 1) for item in value)
    return value


def has_models(value: Any) -> bool:
    """Whether the value is a model, or a list that contains one."""
    return any(isinstance(each, BaseModel) for each in (value if isinstance(value, (list, tuple)) else [value]))


def as_json(value: Any) -> Any:
    """A Decimal as the number that it equals, and a UUID as text, as databases return them; any other value as it is.

    A Decimal that no number equals stays.
    """
    if isinstance(value, Decimal):
        whole = value.is_finite() and value == value.to_integral_value()
        number = int(value) if whole else float(value)
        return number if whole or Decimal(repr(number)) == value else value
    return str(value) if isinstance(value, UUID) else value


def check_flags(subject: str, **flags: Any) -> None:
    """Refuse a flag that is neither a boolean nor None: the text "False" would count as true."""
    wrong = [
        Violation(name, quoted(given), "True or False, not text")
        for name, given in flags.items()
        if not isinstance(given, (bool, NoneType))
    ]
    if wrong:
        raise InvalidInputError(subject, wrong)


def in_seconds(value: Any) -> Any:
    """A timedelta in seconds; any other value as it is."""
    return value.total_seconds() if isinstance(value, timedelta) else value


def unless_empty(value: Any) -> Any:
    """The value of an optional field; None if it is None, or empty text, an empty list or an empty object.

    0 and False are values, and not the absence of one.
    """
    return None if value is None or (isinstance(value, (str, list, tuple, set, dict)) and not value) else value
