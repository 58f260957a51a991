"""What a task keeps in its state for its next try (Airflow 3.3), and what it tells the log on the way."""

from __future__ import annotations

import hashlib
import json
import time
from abc import abstractmethod
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow.sdk import Context
    from airflow.sdk.types import Logger

    from airflow_provider_offers.client.entities import Reference
    from airflow_provider_offers.client.errors import OfferLibraryError
    from airflow_provider_offers.client.flows.creating import Earlier
    from airflow_provider_offers.client.flows.intents import Plan
    from airflow_provider_offers.client.flows.writing import Written

# A value of the task's state should stay below 64 KiB; a receipt takes about 200 bytes.
_CHUNK = 100
_LOG_SECONDS = 10.0
# Work that bears being done again is saved in bunches: a crash has the next try do the last second's again.
_SAVE_SECONDS = 1.0


class Receipts(Protocol):
    """The receipts of what is done, by index."""

    done: dict[int, dict[str, Any]]

    @abstractmethod
    def add(self, index: int, receipt: dict[str, Any]) -> None: ...

    @abstractmethod
    def save(self) -> None: ...


class _Chunks:
    """Values by index in the task's state, a hundred to a key; without a state they are kept nowhere."""

    def __init__(self, store: Any, key: str, *, every: float) -> None:
        self._store = store
        self._key = key
        self._every = every
        self.values: dict[int, Any] = {}
        self._unsaved: set[int] = set()
        self._saved_at = time.monotonic()

    def load(self, count: int) -> None:
        if self._store is None:
            return
        for chunk in range(0, count, _CHUNK):
            kept: Any = self._store.get(f"{self._key}_{chunk // _CHUNK}") or {}
            self.values |= {int(index): value for index, value in kept.items()}

    def add(self, index: int, value: Any) -> None:
        self.values[index] = value
        self._unsaved.add(index // _CHUNK)
        if time.monotonic() - self._saved_at >= self._every:
            self.save()

    def save(self) -> None:
        self._saved_at = time.monotonic()
        unsaved, self._unsaved = self._unsaved, set()
        if self._store is None:
            return
        for chunk in sorted(unsaved):
            indexes = range(chunk * _CHUNK, (chunk + 1) * _CHUNK)
            saved = {str(index): self.values[index] for index in indexes if index in self.values}
            self._store.set(f"{self._key}_{chunk}", saved)


class Checkpoint:
    """The receipts of the offers that are done, in the task's state; on Airflow 3.2, which has none, in memory only.

    A checkpoint of another list, of other work, or from before the task was cleared is not looked at.
    """

    def __init__(self, context: Context, references: Sequence[Reference], work: Any, *, repeatable: bool) -> None:
        plan = digest([asked(context), list(map(str, references)), work])
        every = _SAVE_SECONDS if repeatable else 0.0
        self._chunks = _Chunks(_state_of(context), f"offers_done_{plan[:12]}", every=every)
        self.done: dict[int, dict[str, Any]] = self._chunks.values
        if context["ti"].try_number > 1:
            self._chunks.load(len(references))

    def add(self, index: int, receipt: dict[str, Any]) -> None:
        """Keep a receipt; it is saved at once, or within a second where the work bears being done again."""
        self._chunks.add(index, receipt)

    def save(self) -> None:
        """Write what is not in the task's state yet."""
        self._chunks.save()


class CreationRecord:
    """What the tries of a creating task leave for each other: that one may have posted, and the ids of what is made.

    That outlives clearing the task: what it made is still there. On Airflow 3.2, which keeps no state, the run itself
    tells the earliest moment at which an earlier try can have posted.
    """

    def __init__(self, context: Context, log: Logger, plan: Any, count: int, patience: float) -> None:
        self._store: Any = _state_of(context)
        self._settled = datetime.now(UTC) + timedelta(seconds=patience)
        self._intended = False
        self._try = context["ti"].try_number
        self._tries = max(asked(context) + 1, self._try)
        self.done: dict[int, dict[str, Any]] = {}
        wanted = digest(plan)
        self._key = f"offers_since_{wanted[:12]}"
        self._ids = _Chunks(self._store, f"offers_made_{wanted[:12]}", every=_SAVE_SECONDS)
        before = None if self._store is None else self._store.get("offers_plan")
        if before == wanted:
            self._since = self._kept()
            self._ids.load(count)
            return
        if before is not None:
            log.warning("This task was about other names, or another sandbox, before; what it made is left alone")
        self._since = earlier_try(context)
        if self._store is not None:
            if self._since is not None:
                self._store.set(self._key, self._since.isoformat())
            self._store.set("offers_plan", wanted)

    def earlier(self, index: int) -> Earlier | None:
        """What is known of earlier tries about the item of that index."""
        from airflow_provider_offers.client.flows.creating import Earlier

        return None if self._since is None else Earlier(self._since, self._settled, self._ids.values.get(index))

    def recall(self, index: int) -> Earlier | None:
        """`earlier` once more: a try that was frozen when this one began may have gone on meanwhile."""
        if self._since is None:
            self._since = self._kept()
        return self.earlier(index)

    def before_post(self) -> None:
        """Keep, before the first POST of the task, that from now on something may have been posted."""
        if self._store is not None and self._since is None and not self._intended:
            # Each try has a key of its own, so that it does not take its own note for another's.
            self._store.set(f"{self._key}_{self._try}", datetime.now(UTC).isoformat())
            self._intended = True

    def _kept(self) -> datetime | None:
        """The earliest moment that another try of the task has kept."""
        if self._store is None:
            return None
        others = [f"{self._key}_{each}" for each in range(1, self._tries + 1) if each != self._try]
        kept = [_parsed(self._store.get(key)) for key in (self._key, *others)]
        return min((each for each in kept if each is not None), default=None)

    def add(self, index: int, receipt: dict[str, Any]) -> None:
        """Keep what was made; an id that a crash swallows is found again by the offer's name."""
        self.done[index] = receipt
        # What was there before is no work of this task, and may be treated otherwise by the next try.
        if receipt["action"] == "created":
            self._ids.add(index, receipt["id"])

    def save(self) -> None:
        """Write what is not in the task's state yet."""
        self._ids.save()


class DeletionNotes:
    """Which objects the tries of a task were about to delete, in the task's state; on Airflow 3.2 nobody knows.

    They outlive clearing the task: what it deleted is gone.
    """

    def __init__(self, context: Context) -> None:
        self._store: Any = _state_of(context)
        self.durable = self._store is not None
        self.is_retry = context["ti"].try_number > 1

    def recall(self, reference: Reference) -> Reference | None:
        """What that reference meant when a try was about to delete it; None where none was."""
        kept = self._store.get(self._key(reference)) if self.durable and self.is_retry else None
        if not isinstance(kept, dict):
            return None
        return replace(reference, id=kept["id"], instance_id=kept["instance_id"])

    def keep(self, reference: Reference, meant: Reference) -> None:
        """Keep that what the reference means is about to be deleted. Returns when it is safe."""
        if self.durable:
            self._store.set(self._key(reference), {"id": meant.id, "instance_id": meant.instance_id})

    @staticmethod
    def _key(reference: Reference) -> str:
        return f"offers_deleting_{digest([reference.kind.key, str(reference)])[:16]}"


class ChosenList:
    """The list that a task chose by itself in its first try, in its state, so that the next tries work off the same.

    On Airflow 3.2, which keeps no state, and after a clearing, the list is chosen anew.
    """

    def __init__(self, context: Context, plan: Any) -> None:
        self._store: Any = _state_of(context)
        self._key = f"offers_chosen_{digest([asked(context), plan])[:12]}"
        self._is_retry = context["ti"].try_number > 1

    def recall(self) -> tuple[dict[str, Any], list[Any]] | None:
        """What an earlier try said about its list, and the list."""
        told = self._store.get(self._key) if self._store is not None and self._is_retry else None
        if not isinstance(told, dict):
            return None
        chunks = _Chunks(self._store, self._key, every=0.0)
        chunks.load(told["count"])
        return told, [chunks.values[index] for index in sorted(chunks.values)]

    def keep(self, told: dict[str, Any], chosen: Sequence[Any]) -> None:
        """Keep the list and what is to be known about it. Returns when it is safe."""
        if self._store is None:
            return
        chunks = _Chunks(self._store, self._key, every=float("inf"))
        for index, each in enumerate(chosen):
            chunks.add(index, each)
        chunks.save()
        # Last, so that who finds it finds the whole list.
        self._store.set(self._key, {**told, "count": len(chosen)})


class PatchIntents:
    """The plans of patches that must not be applied twice, in the task's state, by the offer that each is for.

    `work` tells what was to be patched, and how; as JSON.
    """

    def __init__(self, context: Context, work: Any) -> None:
        self._context = context
        self._patch = digest([asked(context), work])

    def of(self, reference: Reference) -> PatchIntent:
        """The plan for that offer."""
        return PatchIntent(self._context, f"offers_intent_{digest(str(reference))[:16]}", self._patch)


class PatchIntent:
    """The plan of one patch: `client.flows.intents.Intent` on the task's state; on Airflow 3.2 it forgets.

    A plan from before the task was cleared is of no use: whatever became of the offer since, the patch is asked for
    anew. What is to be seen of it already is not made again all the same.
    """

    def __init__(self, context: Context, key: str, patch: str) -> None:
        self._store: Any = _state_of(context)
        self._key = key
        self._patch = patch
        self._try = context["ti"].try_number
        self._tries = asked(context) + 1
        self.since = earlier_try(context)
        self.anew = is_anew(context)
        self.durable = self._store is not None

    def recall(self) -> list[Plan]:
        from airflow_provider_offers.client.flows.intents import Plan

        kept = [self._kept(other) for other in range(1, self._tries + 1) if other != self._try]
        return [
            Plan(each["etag"], each["after"], _parsed(each["sent"]), each.get("refused", False))
            for each in kept
            if each is not None
        ]

    def keep(self, plan: Plan) -> None:
        if self._store is None:
            return
        sent = None if plan.sent is None else plan.sent.isoformat()
        # Each try has a key of its own, so that two at once do not hide each other.
        kept = {
            "patch": self._patch,
            "etag": plan.etag,
            "after": plan.after,
            "sent": sent,
            "refused": plan.refused,
        }
        self._store.set(f"{self._key}_{self._try}", kept)

    def _kept(self, of: int) -> dict[str, Any] | None:
        kept = None if self._store is None else self._store.get(f"{self._key}_{of}")
        return kept if isinstance(kept, dict) and kept.get("patch") == self._patch else None


def earlier_try(context: Context) -> datetime | None:
    """The earliest moment at which an earlier try of this task can have written something; None on the first try.

    That is the run's start. Clearing a run resets it, so for a run that was cleared it is when the run was due.
    """
    if context["ti"].try_number <= 1:
        return None
    run = context["dag_run"]
    return run.run_after if getattr(run, "clear_number", 0) else run.start_date or run.run_after


def asked(context: Context) -> int:
    """Tells what was asked for before the task was cleared from what was since: every clearing raises `max_tries`."""
    ti: Any = context["ti"]
    return int(ti.max_tries or 0)


def is_anew(context: Context) -> bool:
    """Whether no other try of the task went before, since it began or was cleared: clearing adds to `max_tries`."""
    ti: Any = context["ti"]
    return bool(ti.try_number <= max(1, (ti.max_tries or 0) - (ti.task.retries or 0) + 1))


def digest(document: Any) -> str:
    """Tells one plan from another."""
    return hashlib.sha256(json.dumps(document, default=str).encode()).hexdigest()


def _state_of(context: Context) -> Any:
    """The task's state; None on Airflow 3.2."""
    return context.get("task_state_store")


def _parsed(kept: Any) -> datetime | None:
    return datetime.fromisoformat(kept) if isinstance(kept, str) else None


class ListProgress:
    """Tells the log every ten seconds how far a list is, and the receipts every outcome. `noun` names one object."""

    def __init__(
        self,
        log: Logger,
        receipts: Receipts,
        total: int,
        to_receipt: Callable[[int, Written], dict[str, Any]],
        noun: str,
    ) -> None:
        self.noun = noun
        self._log = log
        self._receipts = receipts
        self._total = total
        self._to_receipt = to_receipt
        self._failed = 0
        self._told_at = time.monotonic()
        if receipts.done:
            log.info("%d of %d %ss were done by an earlier try of this task", len(receipts.done), total, noun)

    def succeeded(self, index: int, written: Written) -> None:
        self._receipts.add(index, self._to_receipt(index, written))
        self._tell()

    def failed(self, index: int, error: OfferLibraryError) -> None:
        self._failed += 1
        self._log.error("%s %d of %d failed: %s", self.noun.capitalize(), index + 1, self._total, error)
        self._tell()

    def _tell(self) -> None:
        if time.monotonic() - self._told_at >= _LOG_SECONDS:
            self._told_at = time.monotonic()
            done = len(self._receipts.done)
            self._log.info("%d of %d %ss done, %d failed", done, self._total, self.noun, self._failed)
