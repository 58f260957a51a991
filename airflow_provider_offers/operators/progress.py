"""What a task keeps in its state for its next try (Airflow 3.3), and what it tells the log on the way."""

from __future__ import annotations

import time
from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_offers.operators.state import (
    Chunks,
    State,
    clear_generation,
    digest,
    earlier_try,
    is_anew,
    parsed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow.sdk import Context
    from airflow.sdk.types import Logger

    from airflow_provider_offers.client.errors import OfferLibraryError
    from airflow_provider_offers.client.flows.memory import Plan
    from airflow_provider_offers.client.model.entities import Reference, Written

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


class Checkpoint:
    """The receipts of the offers that are done, in the task's state; on Airflow 3.2, which has none, in memory only.

    A checkpoint of another list, of other work, or from before the task was cleared is not looked at.
    """

    def __init__(self, context: Context, references: Sequence[Reference], work: Any, *, repeatable: bool) -> None:
        plan = digest([clear_generation(context), list(map(str, references)), work])
        every = _SAVE_SECONDS if repeatable else 0.0
        self._chunks = Chunks(State(context), f"offers_done_{plan[:12]}", every=every)
        self.done: dict[int, dict[str, Any]] = self._chunks.values
        if context["ti"].try_number > 1:
            self._chunks.load(len(references))

    def add(self, index: int, receipt: dict[str, Any]) -> None:
        """Keep a receipt; it is saved at once, or within a second where the work bears being done again."""
        self._chunks.add(index, receipt)

    def save(self) -> None:
        """Write what is not in the task's state yet."""
        self._chunks.save()


class DeletionNotes:
    """Which objects the tries of a task were about to delete, in the task's state; on Airflow 3.2 nobody knows.

    They outlive clearing the task: what it deleted is gone.
    """

    def __init__(self, context: Context) -> None:
        self._state = State(context)
        self.durable = self._state.durable
        self.is_retry = context["ti"].try_number > 1

    def recall(self, reference: Reference) -> Reference | None:
        """What that reference meant when a try was about to delete it; None where none was."""
        kept = self._state.get(self._key(reference)) if self.is_retry else None
        if not isinstance(kept, dict):
            return None
        return replace(reference, id=kept["id"], instance_id=kept["instance_id"])

    def keep(self, reference: Reference, meant: Reference) -> None:
        """Keep that what the reference means is about to be deleted. Returns when it is safe."""
        self._state.set(self._key(reference), {"id": meant.id, "instance_id": meant.instance_id})

    @staticmethod
    def _key(reference: Reference) -> str:
        return f"offers_deleting_{digest([reference.kind.key, str(reference)])[:16]}"


class ChosenList:
    """The list that a task chose by itself in its first try, in its state, so that the next tries work off the same.

    On Airflow 3.2, which keeps no state, and after a clearing, the list is chosen anew.
    """

    def __init__(self, context: Context, plan: Any) -> None:
        self._state = State(context)
        self._key = f"offers_chosen_{digest([clear_generation(context), plan])[:12]}"
        self._is_retry = context["ti"].try_number > 1

    def recall(self) -> tuple[dict[str, Any], list[Any]] | None:
        """What an earlier try said about its list, and the list."""
        told = self._state.get(self._key) if self._is_retry else None
        if not isinstance(told, dict):
            return None
        chunks = Chunks(self._state, self._key, every=0.0)
        chunks.load(told["count"])
        return told, [chunks.values[index] for index in sorted(chunks.values)]

    def keep(self, told: dict[str, Any], chosen: Sequence[Any]) -> None:
        """Keep the list and what is to be known about it. Returns when it is safe."""
        chunks = Chunks(self._state, self._key, every=float("inf"))
        for index, each in enumerate(chosen):
            chunks.add(index, each)
        chunks.save()
        # Last, so that who finds it finds the whole list.
        self._state.set(self._key, {**told, "count": len(chosen)})


class PatchIntents:
    """The plans of patches that must not be applied twice, in the task's state, by the offer that each is for.

    `work` tells what was to be patched, and how; as JSON.
    """

    def __init__(self, context: Context, work: Any) -> None:
        self._context = context
        self._patch = digest([clear_generation(context), work])

    def of(self, reference: Reference) -> PatchIntent:
        """The plan for that offer."""
        return PatchIntent(self._context, f"offers_intent_{digest(str(reference))[:16]}", self._patch)


class PatchIntent:
    """The plan of one patch: `client.flows.memory.Intent` on the task's state; on Airflow 3.2 it forgets.

    A plan from before the task was cleared is of no use: whatever became of the offer since, the patch is asked for
    anew. What is to be seen of it already is not made again all the same.
    """

    def __init__(self, context: Context, key: str, patch: str) -> None:
        self._state = State(context)
        self._key = key
        self._patch = patch
        self._try = context["ti"].try_number
        self._tries = clear_generation(context) + 1
        self.since = earlier_try(context)
        self.anew = is_anew(context)
        self.durable = self._state.durable

    def recall(self) -> list[Plan]:
        from airflow_provider_offers.client.flows.memory import Plan

        kept = [self._kept(other) for other in range(1, self._tries + 1) if other != self._try]
        return [
            Plan(each["etag"], each["after"], parsed(each["sent"]), each.get("refused", False))
            for each in kept
            if each is not None
        ]

    def keep(self, plan: Plan) -> None:
        sent = None if plan.sent is None else plan.sent.isoformat()
        # Each try has its own key, so two tries at the same time do not hide each other.
        kept = {
            "patch": self._patch,
            "etag": plan.etag,
            "after": plan.after,
            "sent": sent,
            "refused": plan.refused,
        }
        self._state.set(f"{self._key}_{self._try}", kept)

    def _kept(self, of: int) -> dict[str, Any] | None:
        kept = self._state.get(f"{self._key}_{of}")
        return kept if isinstance(kept, dict) and kept.get("patch") == self._patch else None


class ListProgress:
    """Tells the log every ten seconds how far a list is, and the receipts every outcome.

    `noun` is what one object is, `called` names the object at an index.
    """

    def __init__(
        self,
        log: Logger,
        receipts: Receipts,
        total: int,
        to_receipt: Callable[[int, Written], dict[str, Any]],
        noun: str,
        called: Callable[[int], str],
    ) -> None:
        self.noun = noun
        self._called = called
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
        place = f"{self.noun.capitalize()} {index + 1} of {self._total}"
        self._log.error("%s, %s, failed: %s", place, self._called(index), error)
        self._tell()

    def _tell(self) -> None:
        if time.monotonic() - self._told_at >= _LOG_SECONDS:
            self._told_at = time.monotonic()
            done = len(self._receipts.done)
            self._log.info("%d of %d %ss done, %d failed", done, self._total, self.noun, self._failed)
