"""One emulator and its content: the offer of the test, offers that must not change, and a later comparison."""

from __future__ import annotations

import copy
import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from airflow_provider_offers.client.model.kinds import KINDS
from airflow_provider_offers.client.settings import Settings, parse_settings
from airflow_provider_offers.client.wire.retry import Retries
from airflow_provider_offers.emulator import Emulator
from tests.faults.doors import DOORS, Door, Steps, Time

NAME = "Spring voucher"
OTHER_TAG = "xcore:tag:124f4e5c8a00cd92"
# The emulator's reads that find an offer by its name, or in a search.
LAG_BOUND = 10.0
_LATEST_COMMIT = 60.0
_MOST_BEGINNINGS = 100

OFFER: dict[str, Any] = {
    "name": NAME,
    "status": "draft",
    "representations": [
        {
            "channel": "https://ns.adobe.com/xdm/channel-types/web",
            "placement": Emulator.PLACEMENT_ID,
            "components": [{"type": "html", "format": "text/html", "language": ["en"], "content": "<p>10%</p>"}],
        }
    ],
    "selectionConstraint": {
        "startDate": "2026-03-10T00:00:00Z",
        "endDate": "2099-06-30T21:59:59Z",
        "profileConstraintType": "none",
    },
    "rank": {"priority": 10},
    "tags": [OTHER_TAG],
    "characteristics": {"sku": "SPR-10"},
}


def offer(**changes: Any) -> dict[str, Any]:
    """The offer under test; None removes a property."""
    document = {**copy.deepcopy(OFFER), **changes}
    return {name: value for name, value in document.items() if value is not None}


def fallback(**changes: Any) -> dict[str, Any]:
    """The same offer as a fallback, without window and rank."""
    return offer(selectionConstraint=None, rank=None, **changes)


_FALLBACK_ID = "dps:fallback-offer:1c00000000000001"
_COLLECTION_ID = "dps:offer-filter:1c00000000000002"
# The objects that a decision refers to.
_AROUND: dict[str, list[dict[str, Any]]] = {
    "decision": [
        {"kind": "fallback-offer", "id": _FALLBACK_ID, "body": fallback(name="Everyone", status="approved")},
        {
            "kind": "offer-filter",
            "id": _COLLECTION_ID,
            "body": {"name": "All", "filterType": "any-tags", "ids": [OTHER_TAG]},
        },
    ]
}
LIBRARY_OBJECTS: dict[str, dict[str, Any]] = {
    "placement": {
        "name": NAME,
        "channel": "https://ns.adobe.com/xdm/channel-types/web",
        "componentType": "html",
        "description": "at the top",
    },
    "tag": {"name": NAME, "description": "what no read shows"},
    "rule": {
        "name": NAME,
        "description": "for all",
        "condition": {"type": "PQL", "format": "pql/text", "value": "true"},
    },
    "collection": {"name": NAME, "filterType": "any-tags", "ids": [OTHER_TAG]},
    "decision": {
        "name": NAME,
        "status": "draft",
        "startDate": "2026-03-10T00:00:00Z",
        "endDate": "2099-06-30T21:59:59Z",
        "fallback": _FALLBACK_ID,
        "criteria": [
            {
                "placements": [Emulator.PLACEMENT_ID],
                "rank": {"priority": 0},
                "profileConstraint": {"profileConstraintType": "none"},
                "optionSelection": {"filter": _COLLECTION_ID},
            }
        ],
    },
}
"""The object in question where it is no offer, by the key of its kind."""


@dataclass(frozen=True)
class Stored:
    """An object in the emulator, in neutral form."""

    id: str
    instance_id: str
    etag: int
    body: dict[str, Any]

    @property
    def names(self) -> tuple[str, str]:
        """The ids of the offer in URLs."""
        return self.id, self.instance_id


@dataclass(frozen=True)
class Moment:
    """The content of an emulator at some time, to begin there again."""

    database: sqlite3.Connection
    passed: float


class World:
    """An emulator, which every case resets."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.time = Time(emulator)
        self.api = "dps"
        self._bystanders: dict[str, Any] = {}
        # The requests of each write without a fault, as `trace` has seen them.
        self.traces: dict[tuple[str, str, str, float, float], tuple[Any, ...]] = {}
        self._beginnings: dict[tuple[str, str], tuple[Moment, Stored | None, dict[str, Any]]] = {}

    def begin(self, api: str, *, given: dict[str, Any] | None = None, kind: str = "personalized") -> Stored | None:
        """Start with other offers, and with an old offer of somebody else if one is given; return that offer."""
        self.api = api
        # Making them again would take a tenth of the time of all cases.
        key = (kind, json.dumps(given, sort_keys=True))
        if key not in self._beginnings:
            if len(self._beginnings) == _MOST_BEGINNINGS:
                self._beginnings.clear()
            self._beginnings[key] = self._make_beginning(given, kind)
        moment, target, bystanders = self._beginnings[key]
        self.restore(moment)
        self._bystanders = copy.deepcopy(bystanders)
        return target

    def _make_beginning(self, given: dict[str, Any] | None, kind: str) -> tuple[Moment, Stored | None, dict[str, Any]]:
        self.emulator.reset()
        self.time.start()
        objects = [_seeded(_type_name(kind), given)] if given is not None else []
        ids = self.emulator.seed(objects=[*_AROUND.get(kind, []), *_bystanders(kind), *objects])
        # The existing objects are older than the lag of the index.
        self.time.sleep(3600)
        target = self._stored(ids[-1]) if given is not None else None
        bystanders = {each["id"]: each for each in self._all() if target is None or each["id"] != target.id}
        return self.keep(), target, bystanders

    def keep(self) -> Moment:
        """Keep the content and the time of now."""
        database, service = sqlite3.connect(":memory:"), self.emulator._running
        with service.lock:
            service.database.connection.backup(database)
        return Moment(database, self.time.monotonic())

    def restore(self, moment: Moment) -> None:
        """Start with the content and at the time of that moment."""
        self.emulator.reset()
        service = self.emulator._running
        with service.lock:
            moment.database.backup(service.database.connection)
            service.library.changes += 1
        self.time.start()
        self.time.sleep(moment.passed)

    def lag(self, seconds: float) -> None:
        """Let every list lag from now on."""
        self.emulator.configure(list_lag=seconds, index_lag=seconds)

    def door(
        self, shell: str = "sync", *, max_retries: int = 3, timeout: float = 30.0, steps: Steps | None = None
    ) -> Door:
        """A worker's access to the library."""
        settings = self.settings(timeout=timeout)
        retries = Retries(max_retries=max_retries, jitter=lambda: 0.5)
        return DOORS[shell](settings, retries, steps or Steps(self.time))

    def settings(self, **extra: Any) -> Settings:
        """A connection to the emulator."""
        fields = self.emulator.connection(self.api, **extra)
        del fields["conn_type"]
        return parse_settings(**fields)

    def add(self, body: dict[str, Any], kind: str = "personalized") -> None:
        """Another offer of somebody else, as old as the others by now."""
        self.emulator.seed(objects=[_seeded(_type_name(kind), body)])
        self.time.sleep(3600)

    def ours(self) -> list[Stored]:
        """The offers that are not bystanders, the oldest first, after all pending requests have taken effect."""
        self.time.sleep(_LATEST_COMMIT)
        return self.now_there()

    def now_there(self) -> list[Stored]:
        """The offers that are not bystanders at this moment, the oldest first."""
        return [_as_stored(each) for each in self._all() if each["id"] not in self._bystanders]

    def disturbed(self) -> list[str]:
        """The changes to other offers, and the writes to anything except the offer of the test."""
        now = {each["id"]: each for each in self._all()}
        names = [each[name] for each in self._bystanders.values() for name in ("id", "instance_id")]
        changed = [f"bystander {each} was changed" for each, old in self._bystanders.items() if now.get(each) != old]
        written = [f"{each.method} {each.path}" for each in self.writes() if any(name in each.path for name in names)]
        return [*changed, *(f"a write to a bystander: {each}" for each in written)]

    def writes(self, *, committed: bool = True) -> list[Any]:
        """The writes that took effect, or all that arrived."""
        return [
            entry
            for entry in self.emulator.journal(path="/data/*")
            if entry.method != "GET" and (entry.committed or not committed)
        ]

    def requests(self) -> list[Any]:
        """All requests so far."""
        return self.emulator.journal()

    def _stored(self, identifier: str) -> Stored:
        return next(_as_stored(each) for each in self._all() if each["id"] == identifier)

    def _all(self) -> list[dict[str, Any]]:
        return self.emulator.objects()


def _as_stored(found: dict[str, Any]) -> Stored:
    return Stored(found["id"], found["instance_id"], found["etag"], found["body"])


def _seeded(kind: str, body: dict[str, Any], **options: Any) -> dict[str, Any]:
    return {"kind": kind, "body": body, "client_id": "somebody-else", **options}


def _bystanders(kind: str) -> list[dict[str, Any]]:
    """Objects that resemble the offer under test as much as possible."""
    if kind in LIBRARY_OBJECTS:
        document = LIBRARY_OBJECTS[kind]
        alike = [_seeded(_type_name(kind), {**document, "name": name}) for name in (f"{NAME} 2", NAME.upper())]
        return [_seeded("personalized-offer", offer()), *alike]
    other = "fallback" if kind == "personalized" else "personalized"
    body = fallback() if other == "fallback" else offer()
    like = offer if kind == "personalized" else fallback
    return [
        _seeded(f"{other}-offer", body),
        _seeded(f"{kind}-offer", like(name=f"{NAME} 2")),
        _seeded(f"{kind}-offer", like(name=NAME.upper())),
        _seeded(f"{kind}-offer", like(), sandbox="dev"),
    ]


def _type_name(kind: str) -> str:
    return KINDS[kind].type_name
