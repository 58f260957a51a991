"""Capping: how often an offer can be proposed, and the log of the events that count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_offers.emulator import instants
from airflow_provider_offers.emulator.store.database import Database
from airflow_provider_offers.emulator.store.library import Record

EVENTS = ("decisioning", "impression", "click", "custom")
"""The events that a cap can count; the emulator itself only creates decision events."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Limit:
    """One cap: the maximum number of events since a time, for all or each profile, in all, each or one placement."""

    most: int
    per_profile: bool
    since_us: int
    events: tuple[str, ...] = ("decisioning",)
    per_placement: bool = False
    placement: str | None = None


@dataclass(frozen=True)
class Allowance:
    """The number of events that one cap still allows, in all placements or in one; proposals count if `used_up`."""

    left: int
    placement: str | None = None
    used_up: bool = True

    def covers(self, placement: str) -> bool:
        """Whether a proposal in this placement counts."""
        return self.placement in (None, placement)


def limits(offer: Mapping[str, Any], now_us: int) -> Iterator[Limit]:
    """The caps of an offer."""
    start = _instant(offer.get("selectionConstraint", {}).get("startDate"))
    simple = offer.get("cappingConstraint", {})
    for name, per_profile in (("globalCap", False), ("profileCap", True)):
        if name in simple:
            yield Limit(simple[name], per_profile, start)
    for each in offer.get("frequencyCappingConstraints", ()):
        begun, ended = _instant(each.get("startDate"), start), each.get("endDate")
        if not each.get("enabled", True) or begun > now_us or (ended and instants.to_us(ended) <= now_us):
            continue
        repeat = each.get("repeat", {})
        since = period_start(begun, now_us, repeat) if repeat.get("enabled") else begun
        yield Limit(
            each["limit"],
            each["scope"] == "profile",
            max(begun, since),
            tuple(each.get("events", ("decisioning",))),
            per_placement=each["entity"] == "placement",
            placement=each.get("placement"),
        )


def period_start(begun_us: int, now_us: int, repeat: Mapping[str, Any]) -> int:
    """The last reset of the counter: 00:00 UTC on the first day of the period; weeks start on Sunday."""
    unit, length = repeat.get("unit", "day"), repeat.get("unitCount", 1)
    begun, now = _EPOCH + timedelta(microseconds=begun_us), _EPOCH + timedelta(microseconds=now_us)
    if unit == "month":
        first = begun.year * 12 + begun.month - 1
        month = first + (now.year * 12 + now.month - 1 - first) // length * length
        return instants.to_us(datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC))
    first_day = begun.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "week":
        first_day -= timedelta(days=first_day.isoweekday() % 7)
    days = length * (7 if unit == "week" else 1)
    return instants.to_us(first_day + timedelta(days=(now - first_day).days // days * days))


class CappingLog:
    """The events that caps count, for one sandbox in the database."""

    def __init__(self, database: Database, sandbox: str) -> None:
        self._database, self._sandbox = database, sandbox

    def record(self, offer: str, placement: str, profile: str, at_us: int, event: str = EVENTS[0]) -> None:
        """Record that an offer was proposed, displayed or clicked."""
        self._database.connection.execute(
            "INSERT INTO capping_events VALUES (?, ?, ?, ?, ?, ?)",
            (self._sandbox, offer, placement, profile, event, at_us),
        )

    def allowances(self, offer: Record, placements: Sequence[str], profile: str, now_us: int) -> list[Allowance]:
        """The number of proposals that the offer's caps still allow in these placements."""
        found = []
        for limit in limits(offer.body, now_us):
            if limit.placement is not None:
                counted: Sequence[str | None] = [limit.placement]
            else:
                counted = placements if limit.per_placement else [None]
            for placement in dict.fromkeys(counted):
                used = self._count(limit, offer.id, placement, profile)
                left = max(0, limit.most - used)
                found.append(Allowance(left, placement, used_up=EVENTS[0] in limit.events))
        return found

    def counts(self) -> list[dict[str, Any]]:
        """The number of events by offer, placement, profile and kind."""
        rows = self._database.connection.execute(
            "SELECT offer, placement, profile, event, count(*) FROM capping_events WHERE sandbox = ? "
            "GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4",
            (self._sandbox,),
        )
        return [dict(zip(("offer_id", "placement_id", "profile", "event", "count"), row, strict=True)) for row in rows]

    def _count(self, limit: Limit, offer: str, placement: str | None, profile: str) -> int:
        sql = (
            "SELECT count(*) FROM capping_events WHERE sandbox = ? AND offer = ? AND at_us >= ? "
            f"AND event IN ({', '.join('?' * len(limit.events))})"
        )
        values: list[Any] = [self._sandbox, offer, limit.since_us, *limit.events]
        if limit.per_profile:
            sql, values = f"{sql} AND profile = ?", [*values, profile]
        if placement is not None:
            sql, values = f"{sql} AND placement = ?", [*values, placement]
        return int(self._database.connection.execute(sql, values).fetchone()[0])


def _instant(text: str | None, otherwise: int = 0) -> int:
    return otherwise if text is None else instants.to_us(text)
