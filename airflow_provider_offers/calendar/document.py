"""The calendar of a copy as one JSON document: rows of offers with their marks, and the gaps of placements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_offers.calendar.held import Copy, Held
from airflow_provider_offers.calendar.intervals import Union, interval
from airflow_provider_offers.calendar.showing import Showing, placements_of, showing_of
from airflow_provider_offers.client.model.instants import format_instant
from airflow_provider_offers.client.model.kinds import DECISION, FALLBACK, PERSONALIZED, PLACEMENT
from airflow_provider_offers.client.model.lifecycle import APPROVED

HORIZON = timedelta(days=400)
"""How far ahead gaps are looked for."""
DAYS = 14
"""How many days ahead an offer counts as expiring, by default."""
COLUMNS = (
    "id",
    "kind",
    "name",
    "status",
    "start",
    "end",
    "placements",
    "decisions",
    "tags",
    "priority",
    "marks",
    "modified",
)


def calendar_of(copy: Copy, days: int = DAYS) -> dict[str, Any]:
    """The document of a copy, judged at the time of the service at which it was read. All times are RFC 3339 in UTC.

    An offer is `live` if a live decision can show it now, and `next` if one will. It is `expiring` if it is live and
    its window ends within that many days, `ended` if its window is over, and `unreachable` if it is approved and no
    live decision will show it in the rest of its window.
    """
    now = copy.read_at
    showing = showing_of(copy, now, now + HORIZON)
    placements = _Numbered(_named(copy.of_kind(PLACEMENT)))
    decisions = _Numbered(_named(copy.of_kind(DECISION)))
    tags = {each.id: each.name for each in copy.objects.get("tag", {}).values()}
    rows = []
    counts: Counter[str] = Counter()
    for offer in _offers(copy):
        marks = marks_of(offer, showing.shown.get(offer.id, ()), now, days)
        counts.update((offer.kind.key, f"{offer.status}", *marks))
        rows.append(
            [
                offer.id,
                offer.kind.key,
                offer.name,
                offer.status,
                moment(offer.start),
                moment(offer.end),
                placements.numbers(offer.placements),
                decisions.numbers(showing.decisions.get(offer.id, ())),
                [tags.get(each, each) for each in offer.tags],
                offer.priority,
                marks,
                offer.modified,
            ]
        )
    return {
        "service_now": format_instant(now),
        "days": days,
        "counts": dict(counts),
        "placements": [{"id": each.id, "name": each.name, "channel": each.channel} for each in placements.held],
        "decisions": [
            {
                "id": each.id,
                "name": each.name,
                "status": each.status,
                "start": moment(each.start),
                "end": moment(each.end),
                "placements": placements.numbers(placements_of(each)),
            }
            for each in decisions.held
        ],
        "columns": COLUMNS,
        "rows": rows,
        "gaps": list(_gaps(showing, placements, decisions)),
    }


MARKS = ("live", "next", "expiring", "unreachable", "ended")


def marks_of(offer: Held, shown: Union, now: datetime, days: int) -> list[str]:
    """The marks of an offer; `shown` is when live decisions can show it from now on."""
    _, end = interval(offer.start, offer.end)
    if end <= now:
        return ["ended"]
    if offer.status != APPROVED:
        return []
    if not shown:
        return ["unreachable"]
    if shown[0][0] > now:
        return ["next"]
    return ["live", "expiring"] if end <= now + timedelta(days=days) else ["live"]


def moment(instant: datetime | None) -> str | None:
    """An instant as RFC 3339 in UTC."""
    return None if instant is None else format_instant(instant)


class _Numbered:
    """Objects that rows name by their number in a list."""

    def __init__(self, held: Sequence[Held]) -> None:
        self.held = held
        self._numbers = {each.id: number for number, each in enumerate(held)}

    def numbers(self, ids: Iterable[str]) -> list[int]:
        """The numbers of those that the library has."""
        return [self._numbers[each] for each in ids if each in self._numbers]

    def number(self, identifier: str) -> int | None:
        return self._numbers.get(identifier)


def _offers(copy: Copy) -> Iterator[Held]:
    yield from copy.of_kind(PERSONALIZED)
    yield from copy.of_kind(FALLBACK)


def _named(held: Iterable[Held]) -> list[Held]:
    return sorted(held, key=lambda each: (each.name.casefold(), each.id))


def _gaps(showing: Showing, placements: _Numbered, decisions: _Numbered) -> Iterator[Mapping[str, Any]]:
    for gap in showing.gaps:
        number = placements.number(gap.placement)
        if number is not None:
            yield {
                "placement": number,
                "start": format_instant(gap.start),
                "end": format_instant(gap.end),
                "decisions": decisions.numbers(gap.decisions),
            }
