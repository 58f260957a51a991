"""What an author may give in place of a plain document: a pydantic model of it, or of parts of it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


def as_given(value: Any) -> Any:
    """The value with a plain dict of what was set in place of every model, at any depth."""
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        known = {name: vars(value)[name] for name in fields if name in value.model_fields_set}
        named = {fields[name].alias or name: member for name, member in known.items()}
        return as_given({**named, **(value.model_extra or {})})
    if type(value) is dict:
        return {name: as_given(member) for name, member in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(as_given, value))
    return value
