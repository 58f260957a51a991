"""A shop's library as an example: some months of campaigns, with placements, rules, collections and decisions.

It has what a real library has after a while: offers that are over, live now and open later, drafts, an offer that no
decision reaches, a placement that shows only its fallback for some days, and decisions in every status.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

Seed = dict[str, Any]

DAYS_BEFORE, DAYS_AFTER = 210, 120
"""The first and the last offers open about this many days before and after the given moment."""

_CHANNEL = "https://ns.adobe.com/xdm/channel-types/"
_WEB, _EMAIL, _MOBILE, _OFFLINE = (_CHANNEL + each for each in ("web", "email", "mobile", "offline"))


@dataclass(frozen=True)
class _Place:
    name: str
    channel: str
    content: str
    decision: str
    status: str = "live"


# A placement, and the decision that fills it.
_PLACES = (
    _Place("Homepage hero", _WEB, "html", "Homepage hero"),
    _Place("Product page banner", _WEB, "imagelink", "Product page banner"),
    _Place("Cart recommendation", _WEB, "html", "Cart recommendation"),
    _Place("Newsletter header", _EMAIL, "html", "Newsletter"),
    _Place("Newsletter footer", _EMAIL, "imagelink", "Newsletter footer", "draft"),
    _Place("App home card", _MOBILE, "html", "App home card"),
    _Place("Push teaser", _MOBILE, "text", "Push teaser", "complete"),
    _Place("Call center script", _OFFLINE, "text", "Call center"),
    _Place("Receipt coupon", _OFFLINE, "imagelink", "Receipt coupon"),
)
_BARE_PLACE = _Place("In-store screen", _OFFLINE, "imagelink", "")
_COUPONS = len(_PLACES) - 1
_TAGS = ("Season", "Clearance", "Loyalty", "Free shipping", "New customers", "Garden", "Kitchen", "Fashion", "Partners")
# No collection names this qualifier, so no decision reaches its offers.
_UNCOLLECTED = "Partners"
_RULES = (
    ("Gold members", 'loyalty.tier.equals("gold", false)'),
    ("New customers", "person.orders.count() = 0"),
    ("Lives in France", 'homeAddress.countryCode.equals("FR", false)'),
)
_DEALS = ("10 % off", "15 % off", "20 % off", "3 for 2 on", "Double points on", "Free shipping on", "New in:")
_GOODS = {
    "Garden": ("garden chairs", "parasols", "barbecues", "planters", "lawn mowers", "hammocks"),
    "Kitchen": ("coffee machines", "cast-iron pans", "kitchen knives", "espresso cups", "bread makers"),
    "Fashion": ("linen shirts", "sneakers", "raincoats", "summer dresses", "wool scarves", "swimwear"),
}
_SEASONS = (
    ("Winter", "Winter", "Spring", "Spring", "Spring", "Summer", "Summer", "Summer") + ("Autumn",) * 3 + ("Winter",)
)
_LENGTHS = (2, 4, 7, 7, 14, 14, 21, 31, 60)
# Days from now: the coupons leave two gaps, of which one is to come.
_COUPON_WINDOWS = ((-90, -61), (-60, -33), (-30, -12), (-10, 2), (5, 19), (19, 40))
_AUTHORS = ("marketing-ui", "airflow-launch", "airflow-launch", "agency")


def sample_objects(now: datetime, *, sandbox: str = "prod", offers: int = 180) -> list[Seed]:
    """The objects of a shop's library around the given moment, for `Emulator.seed(objects=...)`.

    `offers` is the number of personalized offers, apart from a few that show special cases. Equal arguments give equal
    objects. Raises `ValueError` for a moment without time zone, and for less than one offer.
    """
    if now.tzinfo is None:
        raise ValueError("now needs a time zone")
    if offers < 1:
        raise ValueError(f"offers must be at least 1, not {offers}")
    return list(_Shop(now.astimezone(UTC), sandbox, random.Random(offers)).objects(offers))


class _Shop:
    """One library in the making; later objects refer to earlier ones by their ids."""

    def __init__(self, now: datetime, sandbox: str, chance: random.Random) -> None:
        self._now, self._sandbox, self._chance = now, sandbox, chance
        self._day = now.replace(hour=8, minute=0, second=0, microsecond=0)
        self._serial = 0

    def objects(self, offers: int) -> Iterator[Seed]:
        founded = self._now - timedelta(days=DAYS_BEFORE + 60)
        placements = [self._placement(each, founded) for each in (*_PLACES, _BARE_PLACE)]
        tags = {name: self._object("tag", {"name": name}, founded) for name in _TAGS}
        rules = [self._rule(name, text, founded) for name, text in _RULES]
        yield from (*placements, *tags.values(), *rules, self._formula(founded))
        self._places = [each["id"] for each in placements]
        self._tags = {name: each["id"] for name, each in tags.items()}
        self._gold = rules[0]["id"]
        fallback, retired = self._fallbacks(founded)
        yield from (fallback, retired)
        yield from (self._offer(number, offers) for number in range(offers))
        coupons = [self._coupon(number) for number in range(len(_COUPON_WINDOWS))]
        yield from (*coupons, *self._special())
        yield from self._decisions(fallback["id"], [each["id"] for each in coupons], founded)

    def _object(self, kind: str, body: Mapping[str, Any], created: datetime, modified: datetime | None = None) -> Seed:
        self._serial += 1
        changed = created if modified is None else max(created, modified)
        # Each a second apart: a listing by time cannot pass a point that thousands of objects share.
        latest = self._now - timedelta(seconds=self._serial)
        return {
            "kind": kind,
            "sandbox": self._sandbox,
            "id": f"dps:{kind}:{0x1D5A_0000_0000_0000 + self._serial * 0x1_0001:016x}",
            "body": dict(body),
            "client_id": self._chance.choice(_AUTHORS),
            "created": _text(min(created, latest)),
            "modified": _text(min(changed, latest)),
        }

    def _placement(self, place: _Place, at: datetime) -> Seed:
        body = {"name": place.name, "channel": place.channel, "componentType": place.content}
        return self._object("offer-placement", body, at)

    def _rule(self, name: str, text: str, at: datetime) -> Seed:
        condition = {"type": "PQL", "format": "pql/text", "value": text}
        return self._object("eligibility-rule", {"name": name, "condition": condition}, at)

    def _formula(self, at: datetime) -> Seed:
        expression = {"type": "PQL", "format": "pql/text", "value": "offer.rank.priority"}
        return self._object("ranking-function", {"name": "By priority", "expression": expression}, at)

    def _fallbacks(self, at: datetime) -> tuple[Seed, Seed]:
        everywhere = [self._representation(number, "Welcome back") for number in range(len(_PLACES))]
        body = {"name": "Welcome back", "status": "approved", "representations": everywhere}
        older = {**body, "name": "Welcome (until last year)", "status": "archived"}
        return self._object("fallback-offer", body, at), self._object("fallback-offer", older, at)

    def _offer(self, number: int, offers: int) -> Seed:
        """An ordinary offer: they open one after the other over the whole time."""
        chance = self._chance
        at = -DAYS_BEFORE + (DAYS_BEFORE + DAYS_AFTER) * number / offers
        start = self._day + timedelta(days=round(at), hours=chance.choice((-8, 0, 0, 4, 10)))
        end = start + timedelta(days=chance.choice(_LENGTHS))
        topic = chance.choice(list(_GOODS))
        name = f"{_SEASONS[start.month - 1]}: {chance.choice(_DEALS)} {chance.choice(_GOODS[topic])}"
        tags = [topic, *chance.sample(_TAGS[:5], chance.choice((0, 1, 1, 2)))]
        shown = chance.sample(range(_COUPONS), chance.choice((1, 1, 2, 3)))
        body = self._body(f"{name} ({start:%d %b}, #{number + 1})", self._status(start, end), (start, end), shown, tags)
        if chance.random() < 0.2:
            body["selectionConstraint"] |= {"profileConstraintType": "eligibilityRule", "eligibilityRule": self._gold}
        if chance.random() < 0.3:
            body["cappingConstraint"] = {"profileCap": chance.choice((1, 3, 5))}
        created = start - timedelta(days=chance.choice((5, 12, 20, 35)), hours=chance.random() * 9)
        return self._object("personalized-offer", body, created, created + timedelta(days=chance.random() * 5))

    def _status(self, start: datetime, end: datetime) -> str:
        if end < self._now - timedelta(days=21):
            return "archived" if self._chance.random() < 0.8 else "approved"
        if start <= self._now:
            return "approved" if self._chance.random() < 0.95 else "draft"
        soon = start < self._now + timedelta(days=45)
        return "approved" if self._chance.random() < (0.75 if soon else 0.25) else "draft"

    def _coupon(self, number: int) -> Seed:
        start, end = (self._day + timedelta(days=days) for days in _COUPON_WINDOWS[number])
        body = self._body(f"Receipt coupon {number + 1}", "approved", (start, end), [_COUPONS], ["Loyalty"])
        return self._object("personalized-offer", body, start - timedelta(days=14))

    def _special(self) -> Iterator[Seed]:
        """Offers to look at: one that nothing reaches, one that ends in hours, one that opens next, and an idea."""
        partner = (self._day - timedelta(days=6), self._day + timedelta(days=30))
        flash = (self._now - timedelta(hours=20), self._now + timedelta(hours=4))
        soon = (self._now + timedelta(hours=2), self._now + timedelta(days=3))
        for name, window, tag in (
            ("Partner week: 5 % off at the cinema", partner, _UNCOLLECTED),
            ("Flash sale: 30 % off raincoats", flash, "Fashion"),
            ("Weekend: free shipping on everything", soon, "Free shipping"),
        ):
            body = self._body(name, "approved", window, [0, 5], [tag])
            yield self._object("personalized-offer", body, self._now - timedelta(days=9))
        later = (self._day + timedelta(days=50), self._day + timedelta(days=64))
        yield self._object(
            "personalized-offer", self._body("Idea: breakfast bundle", "draft", later, [], []), self._now
        )

    def _collection(self, name: str, how: str, ids: Sequence[str], at: datetime) -> Seed:
        return self._object("offer-filter", {"name": name, "filterType": how, "ids": list(ids)}, at)

    def _decisions(self, fallback: str, coupons: Sequence[str], at: datetime) -> Iterator[Seed]:
        collected = [self._tags[name] for name in _TAGS if name != _UNCOLLECTED]
        friends = [self._tags["Loyalty"], self._tags["Garden"]]
        campaigns = self._collection("All campaigns", "any-tags", collected, at)
        loyal = self._collection("Loyal garden friends", "all-tags", friends, at)
        receipts = self._collection("Receipt coupons", "offers", coupons, at)
        yield from (campaigns, loyal, receipts)
        for number, place in enumerate(_PLACES):
            collection = receipts if number == _COUPONS else campaigns
            yield self._decision(place, number, collection["id"], fallback, at)
        past = _Place("Homepage hero", _WEB, "html", "Homepage hero (last year)", "archived")
        yield self._decision(past, 0, loyal["id"], fallback, at - timedelta(days=300))

    def _decision(self, place: _Place, number: int, collection: str, fallback: str, at: datetime) -> Seed:
        body = {
            "name": place.decision,
            "status": place.status,
            "startDate": _text(at),
            "endDate": _text(at + timedelta(days=DAYS_BEFORE + 60 + 365)),
            "criteria": [{"placements": [self._places[number]], "optionSelection": {"filter": collection}}],
            "fallback": fallback,
        }
        return self._object("offer-activity", body, at)

    def _body(
        self,
        name: str,
        status: str,
        window: tuple[datetime, datetime],
        shown: Sequence[int],
        tags: Sequence[str],
    ) -> dict[str, Any]:
        return {
            "name": name,
            "status": status,
            "representations": [self._representation(number, name) for number in sorted(shown)],
            **self._window(*window),
            "rank": {"priority": self._chance.choice((0, 10, 20, 20, 30, 50))},
            "tags": [self._tags[each] for each in tags],
            "characteristics": {"campaign": name.partition(":")[0]},
        }

    def _window(self, start: datetime, end: datetime) -> dict[str, Any]:
        dates = {"startDate": _text(start), "endDate": _text(end)}
        return {"selectionConstraint": {**dates, "profileConstraintType": "none"}}

    def _representation(self, number: int, text: str) -> dict[str, Any]:
        place = _PLACES[number]
        return {"channel": place.channel, "placement": self._places[number], "components": [_component(place, text)]}


def _component(place: _Place, text: str) -> dict[str, Any]:
    title = text.partition(" (")[0]
    if place.content == "imagelink":
        picture = "".join(each if each.isalnum() else "-" for each in title.lower())
        return {
            "type": "imagelink",
            "format": "image/png",
            "deliveryURL": f"https://cdn.example.com/{picture}.png",
            "linkURL": "https://shop.example.com/",
        }
    content = f"<section><h2>{title}</h2><p>Only for you.</p></section>" if place.content == "html" else title
    return {
        "type": place.content,
        "format": f"text/{'html' if place.content == 'html' else 'plain'}",
        "content": content,
    }


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"
