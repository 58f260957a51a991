"""The stub's library: numbered offers, rendered from one template, sorted by their last change."""

from __future__ import annotations

import json
import re
import time
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

ID_START = "dps:personalized-offer:"
_OFFER = json.dumps(
    {
        "created": "%(created)s",
        "modified": "%(modified)s",
        "etag": 0,
        "schemas": ["https://ns.adobe.com/experience/offer-management/personalized-offer;version=0.15"],
        "createdBy": "benchmark@techacct.adobe.com",
        "lastModifiedBy": "benchmark@techacct.adobe.com",
        "id": "%(id)s",
        "status": "%(status)s",
        "representations": [
            {
                "channel": "https://ns.adobe.com/xdm/channel-types/web",
                "placement": "xcore:offer-placement:124e0be5699743d3",
                "components": [
                    {
                        "type": "html",
                        "format": "text/html",
                        "language": ["en"],
                        "content": "<p>Fifteen euros off your next order, until Sunday.</p>",
                    }
                ],
            },
            {
                "channel": "https://ns.adobe.com/xdm/channel-types/email",
                "placement": "xcore:offer-placement:124e0be5699743d4",
                "components": [
                    {
                        "type": "imagelink",
                        "format": "image/png",
                        "language": ["en"],
                        "deliveryURL": "https://images.example.com/spring/voucher.png",
                    }
                ],
            },
        ],
        "selectionConstraint": {
            "startDate": "2026-01-01T00:00:00.000+00:00",
            "endDate": "2036-01-01T00:00:00.000+00:00",
            "profileConstraintType": "eligibilityRule",
            "eligibilityRule": "xcore:eligibility-rule:124e0faf5b8ee89b",
        },
        "rank": {"priority": 10},
        "characteristics": {"campaign": "spring", "market": "de", "margin": "low"},
        "tags": ["xcore:tag:124e147572cd7866"],
        "name": "%(name)s",
    }
)
_TEMPLATE = _OFFER.replace('"etag": 0', '"etag": %(etag)d').encode()
_HEX = re.compile(r"[0-9a-f]{16}")
# The first offers were created and changed one millisecond apart, long before the run.
_LONG_AGO = 1_767_600_000_000


def offer_id(number: int) -> str:
    """The id of the offer of that number."""
    return f"{ID_START}{number:016x}"


@dataclass(slots=True)
class Offer:
    """The properties of an offer that can change."""

    number: int
    created: int
    modified: int
    etag: int = 1
    status: str = "draft"
    # As it was posted; None for the numbered offers.
    posted: dict[str, Any] | None = None


class Library:
    """The offers by number. No two were changed in the same millisecond."""

    def __init__(self, count: int) -> None:
        self.offers = [Offer(number, _LONG_AGO + number, _LONG_AGO + number) for number in range(count)]
        self._order = list(self.offers)
        self._stamps = [offer.modified for offer in self.offers]
        self._sorted = True
        self._latest = 0
        self._created: dict[str, Offer] = {}

    def named(self, text: str) -> list[Offer]:
        """The offers whose ids, or the ends of whose ids, a text contains."""
        numbers = [int(found, 16) for found in _HEX.findall(text)]
        return [self.offers[number] for number in numbers if number < len(self.offers)]

    def create(self, document: dict[str, Any]) -> Offer:
        """A new offer."""
        offer = Offer(len(self.offers), 0, 0, 0, document.get("status", "draft"), document)
        self.offers.append(offer)
        self._order.append(offer)
        self._created[document["name"]] = offer
        self.change(offer)
        offer.created = offer.modified
        return offer

    def created(self, pattern: str) -> list[Offer]:
        """The offers that were created with the name, or with a name that the regular expression matches."""
        if pattern in self._created:
            return [self._created[pattern]]
        try:
            matches = re.compile(pattern).fullmatch
        except re.error:
            return []
        return [offer for name, offer in self._created.items() if matches(name)]

    def change(self, offer: Offer, status: str | None = None) -> None:
        """A new etag and time, and a status if one is given."""
        self._latest = max(int(time.time() * 1000), self._latest + 1)
        offer.modified = self._latest
        offer.etag += 1
        offer.status = status or offer.status
        self._sorted = False

    def listed(self, order: str, limit: int, start: int | None) -> tuple[list[Offer], int | None]:
        """A page in the order `created`, `-created` or `-modified` from a time on, and the start of the next page."""
        if order == "created":
            begin = 0 if start is None else bisect_left(self.offers, start, key=_created)
            page, rest = self.offers[begin : begin + limit], self.offers[begin + limit : begin + limit + 1]
            return page, rest[0].created if rest else None
        if order == "-created":
            end = len(self.offers) if start is None else bisect_right(self.offers, start, key=_created)
            begin = max(0, end - limit)
            return self.offers[begin:end][::-1], self.offers[begin - 1].created if begin else None
        if not self._sorted:
            self._order.sort(key=lambda offer: offer.modified)
            self._stamps = [offer.modified for offer in self._order]
            self._sorted = True
        end = len(self._order) if start is None else bisect_right(self._stamps, start)
        begin = max(0, end - limit)
        return self._order[begin:end][::-1], self._stamps[begin - 1] if begin else None


def _created(offer: Offer) -> int:
    return offer.created


def render(offer: Offer) -> bytes:
    """An offer as a read shows it."""
    if offer.posted is not None:
        created, modified = instant(offer.created), instant(offer.modified)
        beside = {"id": offer_id(offer.number), "etag": offer.etag, "created": created, "modified": modified}
        return json.dumps({**offer.posted, "status": offer.status, **beside}).encode()
    values = {
        b"created": instant(offer.created).encode(),
        b"modified": instant(offer.modified).encode(),
        b"etag": offer.etag,
        b"id": offer_id(offer.number).encode(),
        b"status": offer.status.encode(),
        b"name": b"Spring voucher %06d" % offer.number,
    }
    return _TEMPLATE % values


def instant(milliseconds: int) -> str:
    """RFC 3339, as the service writes it."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
