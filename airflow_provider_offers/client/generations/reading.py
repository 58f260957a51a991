"""Reads members of answers, and checks their types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeGuard

from airflow_provider_offers.client.wire.messages import Answer, Json

_LONGEST = 500
_INT64 = 2**63


def text(answer: Answer, body: Mapping[str, Json], name: str) -> str:
    """An id or a word that is safe in an address and in a message."""
    value = body.get(name)
    # The type first: nearly every id is plain text, and a listing has hundreds of thousands.
    if type(value) is str and value.isprintable() and 0 < len(value) <= _LONGEST and value[0] != ".":
        return value
    if not is_fit(value):
        raise answer.unexpected(f"its {name!r} is missing or not text")
    return str(value)


def are_plain(ids: list[Json], etags: list[Json]) -> TypeGuard[list[str]]:
    """Whether all ids of a page are plain text, and all etags plain numbers, as `text` and `integer` accept them."""
    return (
        {*map(type, ids)} == {str}
        and {*map(type, etags)} == {int}
        and "".join(ids).isprintable()
        and 0 < len(min(ids, key=len)) <= len(max(ids, key=len)) <= _LONGEST
        and not any(each[0] == "." for each in ids)
        and -_INT64 < min(etags) <= max(etags) < _INT64
    )


def is_fit(value: Json) -> bool:
    """Whether a value is text that is safe in an address: short, printable, and not a step (`..`) to another place."""
    return isinstance(value, str) and len(value) <= _LONGEST and value.isprintable() and bool(value.strip("."))


def integer(answer: Answer, body: Mapping[str, Json], name: str) -> int:
    value = body.get(name)
    if type(value) is int and -_INT64 < value < _INT64:
        return value
    value = optional_integer(body, name)
    if value is None:
        raise answer.unexpected(f"its {name!r} is missing or not a whole number")
    return value


def optional_text(body: Mapping[str, Json], name: str) -> str | None:
    value = body.get(name)
    return value if isinstance(value, str) and value else None


def optional_integer(body: Mapping[str, Json], name: str) -> int | None:
    value = body.get(name)
    if type(value) is int and -_INT64 < value < _INT64:
        return value
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 19:
        return int(value)
    return None


def rows(answer: Answer, body: Mapping[str, Json], name: str) -> list[dict[str, Json]]:
    """The list of objects with that name."""
    value = body.get(name)
    if not isinstance(value, list) or not {*map(type, value)} <= {dict}:
        raise answer.unexpected(f"its {name!r} is missing or not a list of objects")
    return value
