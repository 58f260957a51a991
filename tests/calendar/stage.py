"""Offers and decisions of one placement, made in few words. Days count from the emulator's time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from airflow_provider_offers.calendar.document import calendar_of
from airflow_provider_offers.calendar.held import Copy, Keeper
from airflow_provider_offers.client.library import OfferLibrary
from airflow_provider_offers.client.model.instants import format_instant, parse_instant
from airflow_provider_offers.emulator import Emulator
from tests.client.campaign import seed, shown

NOW = "2026-06-01T00:00:00Z"


def day(number: float) -> str:
    """The instant that many days from now."""
    return format_instant(parse_instant(NOW) + timedelta(days=number))


def window(start: float, end: float) -> dict[str, str]:
    return {"startDate": day(start), "endDate": day(end)}


class Stage:
    """Puts objects into the library, and reads the calendar of it."""

    def __init__(self, emulator: Emulator, library: OfferLibrary) -> None:
        self.emulator, self.library = emulator, library
        self.placement = seed(emulator, "offer-placement", name="Hero")
        self.tag = seed(emulator, "tag", name="Spring")
        self.collection = seed(emulator, "offer-filter", name="Spring set", filterType="any-tags", ids=[self.tag])
        self.fallback = seed(
            emulator, "fallback-offer", name="Everyone", status="approved", representations=shown(self.placement)
        )

    def offer(self, name: str, start: float, end: float, **changes: Any) -> str:
        """An approved offer for the placement, with the tag."""
        body = {
            "status": "approved",
            "representations": shown(self.placement),
            "selectionConstraint": window(start, end),
            "rank": {"priority": 1},
            "tags": [self.tag],
            **changes,
        }
        return seed(self.emulator, "personalized-offer", name=name, **body)

    def decision(self, name: str = "Newsletter", start: float = -100, end: float = 100, **changes: Any) -> str:
        """A live decision about the collection."""
        criterion = {"placements": [self.placement], "optionSelection": {"filter": self.collection}}
        body = {"status": "live", **window(start, end), "fallback": self.fallback, "criteria": [criterion], **changes}
        return seed(self.emulator, "offer-activity", name=name, **body)

    def copy(self) -> Copy:
        """A first reading of the library. Its time is in whole minutes: the client's clock goes on between answers."""
        copy = self.library.run(Keeper().read)
        return replace(copy, read_at=copy.read_at.replace(second=0, microsecond=0))

    def calendar(self, days: int = 14) -> dict[str, Any]:
        return calendar_of(self.copy(), days)

    def marks(self) -> dict[str, list[str]]:
        """The marks of each offer by name."""
        found = self.calendar()
        name, marks = (found["columns"].index(column) for column in ("name", "marks"))
        return {row[name]: row[marks] for row in found["rows"]}

    def gaps(self) -> list[tuple[str, str]]:
        """The starts and the ends of the gaps of the placement."""
        return [(gap["start"], gap["end"]) for gap in self.calendar()["gaps"]]
