"""The axes as data: every write, every fault, the duration of a fault, and the lag of the index."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_offers.client.errors import (
    AlreadyExistsError,
    ConflictError,
    InvalidInputError,
    OfferLibraryError,
    OutcomeUnknownError,
)
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.creation_notes import CreationNotes
from airflow_provider_offers.client.flows.deleting import delete_written
from airflow_provider_offers.client.flows.deleting_once import delete_once
from airflow_provider_offers.client.flows.editing import archive_expired, schedule, take_step
from airflow_provider_offers.client.flows.memory import Intent, TaskTries
from airflow_provider_offers.client.flows.patching import patch
from airflow_provider_offers.client.flows.replacing import replace_object
from airflow_provider_offers.client.model.entities import Reference, Written
from airflow_provider_offers.client.model.kinds import FALLBACK, KINDS, PERSONALIZED, Kind
from airflow_provider_offers.client.model.lifecycle import ARCHIVE, PUBLISH, UNPUBLISH
from airflow_provider_offers.client.model.windows import resolve_window
from airflow_provider_offers.client.wire.memory import remember
from airflow_provider_offers.client.wire.messages import Flow
from airflow_provider_offers.emulator import Emulator
from tests.faults.doors import Door
from tests.faults.world import LAG_BOUND, LIBRARY_OBJECTS, OTHER_TAG, Stored, fallback, offer

APIS = ("dps", "xcore")
SHELLS = ("sync", "async")


@dataclass(frozen=True)
class Try:
    """The knowledge of a try: the start of its run, its offer, and the notes of an earlier try."""

    number: int
    began: datetime
    target: Stored | None
    state: dict[str, str] = field(default_factory=dict)

    @property
    def since(self) -> datetime | None:
        """The arguments that the operator hands to a creation."""
        return self.began if self.number > 1 else None

    def next(self) -> Try:
        """The knowledge of the try after this one."""
        return replace(self, number=self.number + 1)

    def tries(self, door: Door, *, durable: bool) -> TaskTries:
        """The knowledge of the other tries, on Airflow 3.3 or on 3.2. The door gets the task's state."""
        door.notebook.values = self.state
        return TaskTries(number=self.number, last=3, since=self.since, anew=False, durable=durable)

    def intent(self, door: Door, *, durable: bool) -> Intent:
        """The task's way to tell whether an earlier try has made its write."""
        return Intent(self.tries(door, durable=durable), "intent", "work")

    @property
    def offer_id(self) -> str:
        assert self.target is not None
        return self.target.id

    @property
    def etag(self) -> int:
        assert self.target is not None
        return self.target.etag


@dataclass(frozen=True)
class Write:
    """A task's write to the library.

    `given` is the offer of somebody else that exists before, and `wanted` the expected content of the only offer with
    the name; None for no offer. `once` says that the write must take effect exactly once, because a second time would
    change the result. `certain` says that the next try after a killed worker can tell whether the write took effect.
    `refused` is the expected error of the task.
    """

    name: str
    do: Callable[[Door, Try], Any]
    given: Mapping[str, Any] | None
    wanted: Mapping[str, Any] | None
    kind: str = "personalized"
    once: bool = True
    certain: bool = True
    # Whether a task may finally end with an unknown outcome, because there is no place to keep its plan.
    forgetful: bool = False
    # Whether the full form also has faults of the reads that follow a fault of the write.
    deep: bool = True
    refused: type[OfferLibraryError] | None = None
    # The possible end of the next try if the first one was applied although it failed.
    late_refusal: type[OfferLibraryError] | None = None
    apis: tuple[str, ...] = APIS

    @property
    def creates(self) -> bool:
        return self.given is None

    @property
    def known_by_time(self) -> bool:
        """Whether a try of a creation recognizes an earlier try's object only by its time: without notes and marker."""
        return self.creates and not self.name.endswith(("notes kept", "with a marker"))

    @property
    def looks_by_name(self) -> bool:
        return self.name.startswith("create")


def creating(
    document: dict[str, Any], if_exists: str = "fail", *, kind: Kind = PERSONALIZED, **options: Any
) -> Callable[[Door, Try], Written]:
    """A creation as `CreateOfferOperator` runs it."""
    return lambda door, attempt: door.create(kind, document, if_exists=if_exists, since=attempt.since, **options)


def noting(document: dict[str, Any]) -> Callable[[Door, Try], Written]:
    """A creation as `CreateOfferOperator` runs it on Airflow 3.3, with a note in the task's state before each POST."""

    def work(door: Door, attempt: Try) -> Written:
        creation, now = door.prepare(PERSONALIZED, document), door.steps.time.now
        wishes = [creation.wish(["sandbox"])]
        notes = CreationNotes(attempt.tries(door, durable=True), wishes, began=now(), answer=timedelta(seconds=60))
        remember(door.notebook, notes.load())
        try:
            written = door.create_prepared(replace(creation, earlier=notes.earlier(0), record=notes.of(0)))
            receipt = {"action": written.action, "id": written.receipt.id}
            remember(door.notebook, notes.add(0, receipt, now()))
        except OfferLibraryError:
            remember(door.notebook, notes.save())
            raise
        remember(door.notebook, notes.save())
        return written

    return work


def patching(*operations: dict[str, Any], guarded: bool = False) -> Callable[[Door, Try], Written]:
    """A patch; a guarded one has the etag that the task read."""
    return lambda door, attempt: door.patch(
        PERSONALIZED, attempt.offer_id, list(operations), if_match=attempt.etag if guarded else None
    )


def keeping(*operations: dict[str, Any], durable: bool) -> Callable[[Door, Try], Written]:
    """A patch as `PatchOfferOperator` sends it."""

    def work(door: Door, attempt: Try) -> Written:
        reference = door.offer_reference(attempt.offer_id)
        prepared = door.checked_patch(list(operations), [reference])
        intent = attempt.intent(door, durable=durable)
        return door.edit(
            PERSONALIZED, attempt.offer_id, lambda access, found: patch(access, found, prepared, intent=intent)
        )

    return work


def _step(step: Any) -> Callable[[Door, Try], Written]:
    """A step as the operators run it."""

    def work(door: Door, attempt: Try) -> Written:
        intent = attempt.intent(door, durable=True)
        return door.edit(
            PERSONALIZED,
            attempt.offer_id,
            lambda access, reference: take_step(access, reference, step, now=_now(), intent=intent),
        )

    return work


def _replace(*, durable: bool) -> Callable[[Door, Try], Written]:
    """A replacement as `ReplaceOfferOperator` sends it, which changes one property and removes another."""
    wanted = offer(rank={"priority": 3}, tags=None)

    def work(door: Door, attempt: Try) -> Written:
        intent = attempt.intent(door, durable=durable)
        return door.edit(
            PERSONALIZED,
            attempt.offer_id,
            lambda access, reference: replace_object(access, reference, wanted, intent=intent),
        )

    return work


def _schedule(door: Door, attempt: Try) -> Written:
    window = resolve_window("2098-01-01T00:00:00Z", "2099-01-01T00:00:00Z")
    intent = attempt.intent(door, durable=True)
    return door.edit(
        PERSONALIZED, attempt.offer_id, lambda access, reference: schedule(access, reference, window, intent=intent)
    )


def _archive_expired(door: Door, attempt: Try) -> Written:
    return door.edit(
        PERSONALIZED, attempt.offer_id, lambda access, reference: archive_expired(access, reference, _now())
    )


def _delete(door: Door, attempt: Try) -> Written:
    return door.edit(
        PERSONALIZED,
        attempt.offer_id,
        lambda access, reference: delete_written(access, reference, missing_ok=attempt.number > 1),
    )


def _delete_noted(door: Door, attempt: Try) -> Written:
    """A deletion as `DeleteOfferOperator` runs it on Airflow 3.3."""
    tries = attempt.tries(door, durable=True)

    def delete(access: Access, reference: Reference, missing_ok: bool) -> Flow[Written]:
        return delete_written(access, reference, missing_ok=missing_ok)

    return door.edit(
        PERSONALIZED, attempt.offer_id, lambda access, reference: delete_once(access, reference, delete, tries)
    )


def _now() -> datetime:
    return datetime(2050, 1, 1, tzinfo=UTC)


_THEIRS = offer(rank={"priority": 1}, tags=[])
_SKU = {"op": "replace", "path": "/characteristics", "value": {"sku": "SPR-20"}}
_ADD_TAG = {"op": "add", "path": "/tags/-", "value": Emulator.TAG_ID}
_REMOVE = {"op": "remove", "path": "/tags/0"}
_WITH_TAG = offer(tags=[OTHER_TAG, Emulator.TAG_ID])
_SCHEDULED = {
    "startDate": "2098-01-01T00:00:00.000Z",
    "endDate": "2099-01-01T00:00:00.000Z",
    "profileConstraintType": "none",
}


def _ending(end: str) -> dict[str, Any]:
    return offer(
        selectionConstraint={"startDate": "2026-03-10T00:00:00Z", "endDate": end, "profileConstraintType": "none"}
    )


_EXPIRED = _ending("2026-04-20T21:59:59Z")
# A case begins at one o'clock by the service's clock; a worker's clock that is five minutes off shows another time.
_JUST_OVER = _ending("2026-05-01T12:57:00Z")
_NOT_YET_OVER = _ending("2026-05-01T13:04:00Z")

WRITES: tuple[Write, ...] = (
    Write("create", creating(offer()), None, offer()),
    Write("create, notes kept", noting(offer()), None, offer()),
    Write("create a fallback", creating(fallback(), kind=FALLBACK), None, fallback(), kind="fallback"),
    Write("create with a marker", creating(offer(), marker=("run", "r1")), None, {"name": offer()["name"]}, deep=False),
    Write("create or adopt", creating(offer(), "adopt"), None, offer(), deep=False),
    Write("create or update", creating(offer(), "update"), None, offer(), deep=False),
    Write("create or skip", creating(offer(), "skip"), None, offer(), deep=False),
    Write("create, adopting theirs", creating(offer(), "adopt"), _THEIRS, _THEIRS),
    Write("create, skipping theirs", creating(offer(), "skip"), _THEIRS, _THEIRS),
    Write("create, updating theirs", creating(offer(), "update"), _THEIRS, offer()),
    Write("create, refusing theirs", creating(offer()), _THEIRS, _THEIRS, refused=AlreadyExistsError),
    *(
        Write(
            f"create a {kind}",
            creating(document, kind=KINDS[kind]),
            None,
            document,
            kind=kind,
            # The write whose name the service accepts only once has its own reads.
            deep=KINDS[kind].unique_name,
        )
        for kind, document in LIBRARY_OBJECTS.items()
    ),
    Write("patch that sets", patching(_SKU), offer(), offer(characteristics={"sku": "SPR-20"}), once=False),
    Write(
        "patch that sets, plan kept",
        keeping(_SKU, durable=True),
        offer(),
        offer(characteristics={"sku": "SPR-20"}),
        once=False,
    ),
    Write("patch that adds", patching(_ADD_TAG), offer(), _WITH_TAG, certain=False, forgetful=True),
    Write("patch with if_match", patching(_ADD_TAG, guarded=True), offer(), _WITH_TAG, late_refusal=ConflictError),
    Write(
        "patch that removes",
        patching(_REMOVE),
        offer(),
        offer(tags=[]),
        certain=False,
        forgetful=True,
        # There is nothing left to remove.
        late_refusal=InvalidInputError,
    ),
    Write("patch that adds, plan kept", keeping(_ADD_TAG, durable=True), offer(), _WITH_TAG),
    Write("patch that adds, time known", keeping(_ADD_TAG, durable=False), offer(), _WITH_TAG, forgetful=True),
    Write("patch that removes, plan kept", keeping(_REMOVE, durable=True), offer(), offer(tags=[])),
    Write(
        "patch that removes, time known",
        keeping(_REMOVE, durable=False),
        offer(),
        offer(tags=[]),
        forgetful=True,
        # The offer shows no trace of it, so the next try reports an unknown outcome.
        late_refusal=OutcomeUnknownError,
    ),
    Write("replace", _replace(durable=False), offer(), offer(rank={"priority": 3}, tags=None), once=False),
    Write("replace, plan kept", _replace(durable=True), offer(), offer(rank={"priority": 3}, tags=None)),
    Write("schedule", _schedule, offer(), offer(selectionConstraint=_SCHEDULED)),
    Write("publish", _step(PUBLISH), offer(), offer(status="approved")),
    Write("unpublish", _step(UNPUBLISH), offer(status="approved"), offer()),
    Write("archive", _step(ARCHIVE), offer(), offer(status="archived")),
    Write("archive an expired one", _archive_expired, _EXPIRED, {**_EXPIRED, "status": "archived"}),
    Write("archive one that is just over", _archive_expired, _JUST_OVER, {**_JUST_OVER, "status": "archived"}),
    Write("archive, one that goes on", _archive_expired, _NOT_YET_OVER, _NOT_YET_OVER),
    Write("delete", _delete, offer(), None),
    Write("delete, note kept", _delete_noted, offer(), None),
)


@dataclass(frozen=True)
class Fault:
    """A fault of one request: a rule for the emulator, the death of the worker, or a change of the service's clock.

    `clock` is the change in seconds. `final` says that the service or its gateway refuses permanently while the fault
    lasts. `seconds` are real seconds. `methods` are the affected writes, if not all requests are affected.
    """

    name: str
    rule: Mapping[str, Any] = field(default_factory=dict)
    kill: str | None = None
    clock: float = 0.0
    final: bool = False
    timeout: float = 30.0
    methods: tuple[str, ...] = ()

    @property
    def late(self) -> float:
        """The maximum time after the lost answer at which the request takes effect."""
        return float(self.rule["seconds"]) if self.rule.get("effect") in ("late", "early") else 0.0

    def may_befall(self, route: str) -> bool:
        """Whether the fault can strike a request on that route."""
        return not self.methods or route.partition(".")[2] in self.methods

    def __str__(self) -> str:
        return self.name


def _status(status: int, when: str = "before", **rule: Any) -> dict[str, Any]:
    return {"effect": "status", "status": status, "when": when, **rule}


_EDITS = ("patch", "put", "delete")
_WRITES = ("create", *_EDITS)

FAULTS: tuple[Fault, ...] = (
    Fault("lost before the commit", {"effect": "drop"}),
    Fault("lost after the commit", {"effect": "drop", "when": "after"}),
    Fault("lost, commits 3 s later", {"effect": "late", "seconds": 3}),
    Fault("lost, commits 9 s later", {"effect": "late", "seconds": 9}),
    Fault("timeout after the commit", {"effect": "delay", "when": "after", "seconds": 1.0}, timeout=0.25),
    *(Fault(f"{code} before the commit", _status(code)) for code in (500, 502, 503, 504)),
    *(Fault(f"{code} after the commit", _status(code, "after")) for code in (500, 502, 503, 504)),
    Fault("503 with Retry-After", _status(503, retry_after=7)),
    Fault("429", _status(429)),
    Fault("429 with Retry-After", _status(429, retry_after=7)),
    Fault("429 with a date", _status(429, retry_after=7, retry_after_form="date")),
    Fault("token expired", {"effect": "expire_token"}, final=True),
    Fault("body truncated", {"effect": "truncate"}),
    Fault("body cut to nothing", {"effect": "truncate", "bytes": 0}),
    Fault("body malformed", {"effect": "malformed"}),
    Fault("body in drops", {"effect": "dribble", "seconds": 0, "chunk": 50}),
    Fault("empty body after the commit", _status(200, "after", body="")),
    Fault("foreign JSON after the commit", _status(200, "after", body=["ok"])),
    Fault("proxy's page before the commit", {"effect": "html", "status": 502}),
    Fault("proxy's page after the commit", {"effect": "html", "status": 200, "when": "after"}),
    Fault("forbidden", _status(403), final=True),
    *(Fault(f"a gateway's {code} after the commit", _status(code, "after")) for code in (408, 425, 499, 520)),
    Fault("a gateway's 408 before the commit", _status(408)),
    Fault(
        "a gateway's page, 403, after the commit", {"effect": "html", "status": 403, "when": "after"}, methods=_WRITES
    ),
    Fault("a redirect after the commit", _status(302, "after", headers={"location": "/login"}), methods=_WRITES),
    Fault("sent twice by a gateway", {"effect": "repeat"}, methods=_WRITES),
    Fault("answered for somebody else", {"effect": "foreign"}, methods=(*_EDITS, "get")),
    Fault("answered too soon, commits 3 s later", {"effect": "early", "seconds": 3}),
    Fault("an interim answer first", {"effect": "interim"}),
    Fault("an interim answer for the last", {"effect": "unended", "when": "after"}),
    Fault("two lengths", {"effect": "lengths"}),
    Fault("garbled after the commit", {"effect": "garble", "when": "after"}),
    Fault("the service's clock is put ahead", clock=120.0),
    Fault("the service's clock is put back", clock=-120.0),
    Fault("killed before it is sent", kill="before"),
    Fault("killed after its answer", kill="after"),
)
BY_NAME = {fault.name: fault for fault in FAULTS}

# The first of two faults: it makes the client read.
UNSETTLING = tuple(
    BY_NAME[name]
    for name in (
        "lost before the commit",
        "lost after the commit",
        "lost, commits 3 s later",
        "503 after the commit",
        "body malformed",
    )
)
# The second fault: it strikes these reads.
BLINDING = tuple(
    BY_NAME[name]
    for name in (
        "lost before the commit",
        "500 before the commit",
        "lost after the commit",
        "body malformed",
        "429",
        "forbidden",
        "token expired",
        "killed before it is sent",
        "killed after its answer",
    )
)


@dataclass(frozen=True)
class Duration:
    """The duration of a fault in requests, and the client's retries within a try of the task."""

    name: str
    times: int | None
    max_retries: int

    def __str__(self) -> str:
        return self.name


DURATIONS: tuple[Duration, ...] = (
    Duration("once", 1, 3),
    Duration("once, without retries", 1, 0),
    Duration("all through the try", None, 2),
)
LAGS: tuple[float, ...] = (0.0, LAG_BOUND)
# The seconds by which the worker's clock is ahead of the service's.
SKEWS: tuple[float, ...] = (0.0, 300.0, -300.0)


@dataclass(frozen=True)
class Place:
    """A request of a flow: the route, and its number on that route (from 0); `number` counts all requests, from 1."""

    route: str
    nth: int
    number: int

    def __str__(self) -> str:
        return f"{self.route}[{self.nth}]"


@dataclass(frozen=True)
class Strike:
    """A fault at a place, with its duration."""

    place: Place
    fault: Fault
    duration: Duration

    def __str__(self) -> str:
        return f"{self.fault} at {self.place} {self.duration}"


@dataclass(frozen=True)
class Case:
    """One cell of the matrix."""

    write: Write
    api: str
    shell: str
    strikes: tuple[Strike, ...]
    lag: float = 0.0
    skew: float = 0.0

    def __str__(self) -> str:
        faults = ", then ".join(map(str, self.strikes)) or "no fault"
        skew = f", the worker's clock {self.skew:+g} s" if self.skew else ""
        return f"{self.write.name} on {self.api}, {self.shell}, {self.lag:g} s of lag{skew}: {faults}"
