"""Rows of the calendar that meet filters, for exports: the same filters as the page has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_offers.calendar.document import COLUMNS, MARKS
from airflow_provider_offers.client.errors import InvalidInputError, Violation
from airflow_provider_offers.client.model.kinds import FALLBACK, PERSONALIZED
from airflow_provider_offers.client.model.likeness import one_of
from airflow_provider_offers.client.text import quoted

_WORDS = {"kind": (PERSONALIZED.key, FALLBACK.key), "status": PERSONALIZED.statuses, "mark": MARKS}


@dataclass(frozen=True, slots=True)
class Filters:
    """What a row has to meet; an empty filter lets everything pass.

    `placement` and `decision` are an id or a name. Each word of `text` is a part of the name, of the id or of a tag, in
    any case. Raises `InvalidInputError` for a kind, a status or a mark that no row can have.
    """

    kind: str = ""
    status: str = ""
    placement: str = ""
    decision: str = ""
    text: str = ""
    mark: str = ""

    def __post_init__(self) -> None:
        given = {name: getattr(self, name) for name in _WORDS}
        wrong = [
            Violation(name, quoted(given[name]), one_of(words, given[name]))
            for name, words in _WORDS.items()
            if given[name] and given[name] not in words
        ]
        if wrong:
            raise InvalidInputError("The filters are not valid", wrong)


def named_rows(calendar: Mapping[str, Any], filters: Filters) -> Iterator[dict[str, Any]]:
    """The rows by the names of their columns, with the names of their placements and decisions instead of numbers."""
    placements, decisions = calendar["placements"], calendar["decisions"]
    for values in calendar["rows"]:
        row = dict(zip(COLUMNS, values, strict=True))
        at = [placements[number] for number in row["placements"]]
        by = [decisions[number] for number in row["decisions"]]
        row |= {"placements": [each["name"] for each in at], "decisions": [each["name"] for each in by]}
        if _meets(row, filters) and _is_one(filters.placement, at) and _is_one(filters.decision, by):
            yield row


def _meets(row: Mapping[str, Any], filters: Filters) -> bool:
    # As the page does: casefolding would let more pass than a browser shows.
    found = "\n".join((row["name"], row["id"], *row["tags"])).lower()
    return (
        filters.kind in ("", row["kind"])
        and filters.status in ("", row["status"])
        and (not filters.mark or filters.mark in row["marks"])
        and all(word in found for word in filters.text.lower().split())
    )


def _is_one(wanted: str, objects: list[Mapping[str, Any]]) -> bool:
    return not wanted or any(wanted in (each["id"], each["name"]) for each in objects)
