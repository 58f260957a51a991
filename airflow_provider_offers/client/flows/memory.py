"""The values that flows keep for other tries of the same work: every key, and every value as a type.

A flow reads and writes these values by `Recall` and `Keep`. The caller brings the store that holds them.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import Any, TypeGuard

from airflow_provider_offers.client.model.entities import Reference
from airflow_provider_offers.client.wire.messages import Flow, Json, Keep, Recall

_INTENT = "offers_intent_"
# The number of plans in a page, and the seconds for which recalled plans are used.
_PLANS = 200
_RECALLED_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class TaskTries:
    """The facts that a try of a task knows about the other tries before it recalls anything.

    `number` is this try, from 1, and `last` the highest number that any try may have. `since` is the earliest moment at
    which an earlier try can have written something, and None on the first try. `idle` is the minimum time between the
    end of the previous try and the start of this one. Clearing a task asks for its work again: it raises
    `clear_generation`. `anew` says that no try has run since the clearing. `durable` says whether tries can recall what
    others kept.
    """

    number: int = 1
    last: int = 1
    since: datetime | None = None
    idle: timedelta = timedelta()
    clear_generation: int = 0
    anew: bool = True
    durable: bool = False

    @property
    def is_retry(self) -> bool:
        """Whether there was a try before this one."""
        return self.number > 1

    @property
    def others(self) -> list[int]:
        """The numbers of the tries that may have kept something, finished or running."""
        return [number for number in range(1, max(self.last, self.number) + 1) if number != self.number]

    @property
    def later(self) -> range:
        """The numbers of the tries that may begin after this one, also after the task is cleared."""
        return range(self.number + 1, max(self.last, self.number + 1) + 1)


def digest(document: Any) -> str:
    """A short text that differs for different documents."""
    return hashlib.sha256(json.dumps(document, default=str).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Plan:
    """A write that is about to be sent: the etag of the read that it is based on, and how the next try recognizes it.

    `after` is the fingerprint of the touched properties after the write; empty if no read shows them. A patch that only
    sets properties is sent without a read: its plan only has the time when it was first `sent`. `refused` marks a write
    that certainly did not take effect.
    """

    etag: int
    after: str
    sent: datetime | None = None
    refused: bool = False

    def as_json(self) -> dict[str, Json]:
        """The plan in the form that is kept."""
        sent = None if self.sent is None else self.sent.isoformat()
        return {"etag": self.etag, "after": self.after, "sent": sent, "refused": self.refused}

    @classmethod
    def from_json(cls, kept: Mapping[str, Json]) -> Plan:
        """The plan that was kept."""
        sent = None if kept["sent"] is None else datetime.fromisoformat(kept["sent"])
        return cls(kept["etag"], kept["after"], sent, kept["refused"])

    def as_list(self) -> Json:
        """The values of `as_json` alone, for a page of many plans."""
        return list(self.as_json().values())

    @classmethod
    def from_list(cls, kept: Sequence[Json]) -> Plan:
        """The plan that was kept in a page."""
        return cls.from_json(dict(zip(("etag", "after", "sent", "refused"), kept, strict=True)))


class ListPlans:
    """The plans of this try about the objects of a list, and those of the other tries that it recalled.

    Each try adds its plans to numbered pages of its own, in the order in which they are made. A page that is not full
    is kept again with each addition, and the flows of the list that add to it at the same time share the call. A plan
    in a later page replaces an earlier one of the same object.
    """

    def __init__(self, tries: TaskTries, work: str) -> None:
        self._tries = tries
        self._key = f"offers_plans_{work[:12]}"
        self._page = 0
        self._plans: dict[str, Json] = {}
        self._others: dict[int, dict[str, Json]] = {}
        self._read_to: dict[int, int] = {}
        self._recalled_at = -math.inf

    def recall(self, name: str, now: float, read_at: float | None) -> Flow[list[Plan]]:
        """The plans of other tries about an object that was read at `read_at`, or just now if that is None.

        Plans that were recalled after that read are used for a second: a list reads many objects at once.
        """
        since = now if read_at is None else max(read_at, now - _RECALLED_SECONDS)
        if self._recalled_at < since or read_at is None:
            for number in self._tries.others:
                yield from self._recall_from(number)
            self._recalled_at = max(now, self._recalled_at)
        return [Plan.from_list(plans[name]) for _, plans in sorted(self._others.items()) if name in plans]

    def is_silent(self, number: int) -> bool:
        """Whether the try of that number began earlier and has kept no page."""
        return number < self._tries.number and number not in self._others

    def keep(self, name: str, plan: Plan) -> Flow[None]:
        """Keep the plan about an object."""
        if name not in self._plans and len(self._plans) >= _PLANS:
            self._page, self._plans = self._page + 1, {}
        self._plans[name] = plan.as_list()
        yield from self._keep_page()

    def close(self) -> Flow[None]:
        """Keep an empty page if this try has kept none, so that later tries know that it planned nothing."""
        is_needed = self._tries.durable and self._tries.last > self._tries.number
        if is_needed and not self._page and not self._plans:
            yield from self._keep_page()

    def _keep_page(self) -> Flow[None]:
        yield Keep(f"{self._key}_{self._tries.number}_{self._page}", partial(dict, self._plans))

    def _recall_from(self, number: int) -> Flow[None]:
        """Recall the pages of a try that are new, and the last one again, which may have grown."""
        page = self._read_to.get(number, 0)
        while isinstance(kept := (yield Recall(f"{self._key}_{number}_{page}")), dict):
            self._others.setdefault(number, {}).update(kept)
            if len(kept) < _PLANS:
                break
            page += 1
        self._read_to[number] = max(page, self._read_to.get(number, 0))


@dataclass(frozen=True, slots=True)
class Intent:
    """Identifies one write of a task, so that the tries of the task can recall each other's plans for it.

    Each try has its own `key`, so that two tries at once do not hide each other. `work` is a digest of what is written:
    plans of other work, or from before the task was cleared, are not recalled. `plans` are those of the list to which
    the object belongs; without a list, each plan has a key of its own.
    """

    tries: TaskTries
    key: str
    work: str
    plans: ListPlans | None = None


@dataclass(frozen=True)
class Intents:
    """The intents of a task, one for each object that it writes. `work` is what it writes, and where."""

    tries: TaskTries
    work: Json
    plans: ListPlans | None = None

    def of_list(self) -> Intents:
        """The intents of a task with a list, which keeps the plans about many objects together."""
        return replace(self, plans=ListPlans(self.tries, self._digest))

    def close(self) -> Flow[None]:
        """Tell later tries if this one has kept no plan about its list."""
        if self.plans is not None:
            yield from self.plans.close()

    def of(self, reference: Reference) -> Intent:
        """The intent for that object."""
        return Intent(self.tries, f"{_INTENT}{digest(str(reference))[:16]}", self._digest, self.plans)

    @cached_property
    def _digest(self) -> str:
        return digest([self.tries.clear_generation, self.work])


def is_kept(intent: Intent | None) -> TypeGuard[Intent]:
    """Whether other tries can recall the plans of this write."""
    return intent is not None and intent.tries.durable


def recall(intent: Intent | None, now: float, read_at: float | None) -> Flow[list[Plan]]:
    """The plans that other tries of the same work kept, earlier or at this moment; none without an intent.

    `now` and `read_at` are seconds on the clock of the exchange. `read_at` is when a list read the object, 0 if it
    reads none, and None asks for the plans at this moment.
    """
    plans: list[Plan] = []
    if not is_kept(intent):
        return plans
    if intent.plans is not None:
        plans += yield from intent.plans.recall(intent.key.removeprefix(_INTENT), now, read_at)
    for number in intent.tries.others:
        # A try of an earlier version of this package kept each plan of a list under a key of its own.
        if intent.plans is None or intent.plans.is_silent(number):
            kept = yield Recall(f"{intent.key}_{number}")
            if isinstance(kept, dict) and kept.get("work") == intent.work:
                plans.append(Plan.from_json(kept))
    return plans


def keep(intent: Intent | None, plan: Plan) -> Flow[None]:
    """Keep the plan before the write is sent."""
    if not is_kept(intent):
        return
    if intent.plans is not None:
        yield from intent.plans.keep(intent.key.removeprefix(_INTENT), plan)
    else:
        yield Keep(f"{intent.key}_{intent.tries.number}", {"work": intent.work, **plan.as_json()})


@dataclass(frozen=True, slots=True)
class Deletion:
    """The object that a try was about to delete. `is_same_work` says that the task has not been cleared since."""

    meant: Reference
    is_same_work: bool


def recall_deletion(reference: Reference, tries: TaskTries) -> Flow[Deletion | None]:
    """The object that a try was about to delete by this reference, or None. Outlives clearing the task."""
    kept = yield Recall(_deletion_key(reference))
    if not isinstance(kept, dict):
        return None
    meant = replace(reference, id=kept["id"], instance_id=kept["instance_id"])
    # Earlier versions of this package did not keep the generation.
    return Deletion(meant, kept.get("clear_generation") == tries.clear_generation)


def keep_deletion(reference: Reference, meant: Reference, tries: TaskTries) -> Flow[None]:
    """Keep that the object of this reference is about to be deleted."""
    ids = {"id": meant.id, "instance_id": meant.instance_id}
    yield Keep(_deletion_key(reference), {**ids, "clear_generation": tries.clear_generation})


def _deletion_key(reference: Reference) -> str:
    return f"offers_deleting_{digest([reference.kind.key, str(reference)])[:16]}"


@dataclass(frozen=True, slots=True)
class Earlier:
    """The known facts about earlier tries of the same creation.

    `since` is the earliest time at which one of them can have posted, and `settled` the time by which listings show
    everything that they posted (by default twice the creation's patience from now). `id` is the object of a receipt,
    and `alone` says that it was seen to be the only one of its name. `changed` says whether the earlier tries may have
    had another document; None if that is not known.
    """

    since: datetime
    settled: datetime | None = None
    id: str | None = None
    alone: bool = True
    changed: bool | None = None


@dataclass(frozen=True, slots=True)
class CreationNote:
    """The note that a try may have posted an object between `since` and `until`, and the result.

    `key` names the object, and `wish` is a digest of its document. `id` is that of the receipt, and `alone` says that
    the object was seen to be the only one of its name.
    """

    key: str
    wish: str
    since: datetime
    until: datetime
    id: str | None = None
    alone: bool = False

    def as_json(self) -> Json:
        """The note in the form that is kept."""
        kept = {"key": self.key, "wish": self.wish, "since": self.since.isoformat(), "until": self.until.isoformat()}
        return kept if self.id is None else {**kept, "id": self.id, "alone": self.alone}

    @classmethod
    def from_json(cls, kept: Json) -> CreationNote:
        """The note that was kept."""
        since, until = datetime.fromisoformat(kept["since"]), datetime.fromisoformat(kept["until"])
        return cls(kept["key"], kept["wish"], since, until, kept.get("id"), kept.get("alone", False))
