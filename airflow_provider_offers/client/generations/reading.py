"""Reading members out of an answer whose shape is not to be trusted."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_offers.client.wire import Answer, Json


def text(answer: Answer, body: Mapping[str, Json], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise answer.unexpected(f"its {name!r} is missing or no text")
    return value


def integer(answer: Answer, body: Mapping[str, Json], name: str) -> int:
    value = optional_integer(body, name)
    if value is None:
        raise answer.unexpected(f"its {name!r} is missing or no whole number")
    return value


def optional_text(body: Mapping[str, Json], name: str) -> str | None:
    value = body.get(name)
    return value if isinstance(value, str) and value else None


def optional_integer(body: Mapping[str, Json], name: str) -> int | None:
    value = body.get(name)
    if type(value) is int:
        return value
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 19:
        return int(value)
    return None


def rows(answer: Answer, body: Mapping[str, Json], name: str) -> list[Mapping[str, Json]]:
    """The list of objects of that name."""
    value = body.get(name)
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise answer.unexpected(f"its {name!r} is missing or no list of objects")
    return value
