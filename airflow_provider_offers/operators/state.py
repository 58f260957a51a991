"""The task's state of Airflow 3.3 as the operators use it: values of any size, by key, in pieces that it bears."""

from __future__ import annotations

import hashlib
import json
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import Context

# Airflow warns of a value above 64 KiB. A piece is text of JSON, and escaping at most doubles it.
LARGEST = 60_000
_PIECE = 30_000
_CHUNK = 100
# Another try may exchange the pieces of a value while it is read.
_READS = 3


class State:
    """The state of one task; on Airflow 3.2, which has none, nothing is kept (`durable` is False)."""

    def __init__(self, context: Context) -> None:
        self._store: Any = context.get("task_state_store")
        self._names: dict[str, tuple[str, int]] = {}
        self.durable = self._store is not None

    def get(self, key: str) -> Any:
        """What was kept under the key; None where that is nothing, or not whole."""
        for _ in range(_READS):
            kept = None if self._store is None else self._store.get(key)
            if not isinstance(kept, dict) or "pieces" not in kept:
                return kept
            pieces = [self._store.get(f"{key}_{kept['digest']}_{number}") for number in range(kept["pieces"])]
            if all(isinstance(piece, str) for piece in pieces):
                return json.loads("".join(pieces))
        return None

    def set(self, key: str, value: Any) -> None:
        """Keep a value that is JSON. Returns when it is safe."""
        if self._store is None:
            return
        text = json.dumps(value)
        if len(text) <= LARGEST:
            self._store.set(key, value)
            return
        # The pieces come first and have names of their own, so that who finds the key finds the whole value.
        name = hashlib.sha256(text.encode()).hexdigest()[:12]
        pieces = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
        for number, piece in enumerate(pieces):
            self._store.set(f"{key}_{name}_{number}", piece)
        self._store.set(key, {"pieces": len(pieces), "digest": name})
        before, count = self._names.get(key, (name, 0))
        self._names[key] = (name, len(pieces))
        for number in range(count if before != name else 0):
            self._store.delete(f"{key}_{before}_{number}")


class Chunks:
    """Values by index in the task's state, a hundred to a key; without a state they are kept nowhere."""

    def __init__(self, state: State, key: str, *, every: float) -> None:
        self._state = state
        self._key = key
        self._every = every
        self.values: dict[int, Any] = {}
        self._unsaved: set[int] = set()
        self._saved_at = time.monotonic()

    def load(self, count: int) -> None:
        """Read what was kept for the indexes below that."""
        if not self._state.durable:
            return
        for chunk in range(0, count, _CHUNK):
            kept: Any = self._state.get(f"{self._key}_{chunk // _CHUNK}") or {}
            self.values |= {int(index): value for index, value in kept.items()}

    def add(self, index: int, value: Any) -> None:
        """Keep a value, at the latest with the first one that comes after so many seconds."""
        self.values[index] = value
        self._unsaved.add(index // _CHUNK)
        if time.monotonic() - self._saved_at >= self._every:
            self.save()

    def drop(self, index: int) -> None:
        """Keep the value of that index no more."""
        if self.values.pop(index, None) is not None:
            self._unsaved.add(index // _CHUNK)

    def save(self) -> None:
        """Write what is not in the task's state yet."""
        self._saved_at = time.monotonic()
        unsaved, self._unsaved = self._unsaved, set()
        if not self._state.durable:
            return
        for chunk in sorted(unsaved):
            indexes = range(chunk * _CHUNK, (chunk + 1) * _CHUNK)
            saved = {str(index): self.values[index] for index in indexes if index in self.values}
            self._state.set(f"{self._key}_{chunk}", saved)


def earlier_try(context: Context) -> datetime | None:
    """The earliest moment at which an earlier try of this task can have written something; None on the first try.

    That is the run's start. Clearing a run resets it, so for a run that was cleared it is when the run was due.
    """
    if context["ti"].try_number <= 1:
        return None
    run = context["dag_run"]
    return run.run_after if getattr(run, "clear_number", 0) else run.start_date or run.run_after


def clear_generation(context: Context) -> int:
    """A number that grows each time the task is cleared: every clearing raises `max_tries`."""
    ti: Any = context["ti"]
    return int(ti.max_tries or 0)


def is_anew(context: Context) -> bool:
    """Whether no other try of the task went before, since it began or was cleared: clearing adds to `max_tries`."""
    ti: Any = context["ti"]
    return bool(ti.try_number <= max(1, (ti.max_tries or 0) - (ti.task.retries or 0) + 1))


def digest(document: Any) -> str:
    """Tells one plan from another."""
    return hashlib.sha256(json.dumps(document, default=str).encode()).hexdigest()


def parsed(kept: Any) -> datetime | None:
    """A moment that was kept as text."""
    return datetime.fromisoformat(kept) if isinstance(kept, str) else None
