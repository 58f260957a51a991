"""The memory of a task: Airflow 3.3's state store for flows, and the context's information about other tries."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_offers.hooks.connections import ONE_CALL_AT_A_TIME
from airflow_provider_offers.operators.carrying import carried

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_offers.client.flows.memory import TaskTries

# Airflow warns of a value above 64 KiB.
LARGEST = 60_000
# The name of a compressed value that fits in one call.
_PACKED = "offers:packed"
# Another try may replace the pieces of a value during a read.
_READS = 3


class TaskMemory:
    """The state of one task as `client.wire.memory.Memory`: values of any size by key, in pieces that Airflow accepts.

    Large values are compressed, because each piece is a call of Airflow's API. Airflow masks no secret in them.

    Airflow 3.2 has no state. There, nothing is kept (`durable` is False). Every call waits for Airflow's supervisor, so
    do not call it on an event loop.
    """

    def __init__(self, context: Context) -> None:
        self._store: Any = context.get("task_state_store")
        self._pieces: dict[str, tuple[str, int]] = {}
        self.durable = self._store is not None

    def recall(self, key: str) -> Any:
        """The value under the key; None if there is none, or if it is incomplete."""
        if self._store is None:
            return None
        with ONE_CALL_AT_A_TIME:
            for _ in range(_READS):
                kept = self._store.get(key)
                if isinstance(kept, dict) and _PACKED in kept:
                    return json.loads(_unpacked(kept[_PACKED]))
                if not _is_in_store_form(kept):
                    return kept
                pieces = [self._store.get(f"{key}_{kept['digest']}_{number}") for number in range(kept["pieces"])]
                if all(isinstance(piece, str) for piece in pieces):
                    text = "".join(pieces)
                    # Earlier versions of this package did not compress it.
                    return json.loads(_unpacked(text) if kept.get("packed") else text)
        return None

    def keep(self, key: str, value: Any) -> None:
        """Keep a value, which is JSON, and return after it is stored. None removes the key.

        Text with half of a surrogate pair and numbers of more than 64 bits are changed, as Airflow cannot hold them.
        """
        if self._store is None:
            return
        with ONE_CALL_AT_A_TIME:
            name, count = "", 0
            if value is None:
                self._store.delete(key)
            else:
                value, _ = carried(value)
                text = json.dumps(value)
                if len(text) <= LARGEST and not _is_in_store_form(value):
                    self._store.set(key, value)
                elif len(packed := _packed(text)) <= LARGEST:
                    self._store.set(key, {_PACKED: packed})
                else:
                    name, count = self._keep_pieces(key, packed)
            self._replace_pieces(key, name, count)

    def _keep_pieces(self, key: str, packed: str) -> tuple[str, int]:
        """Keep a text in pieces. Returns their name and their number."""
        name = hashlib.sha256(packed.encode()).hexdigest()[:12]
        pieces = [packed[start : start + LARGEST] for start in range(0, len(packed), LARGEST)]
        # The pieces come first and have their own names, so the key never names an incomplete value.
        for number, piece in enumerate(pieces):
            self._store.set(f"{key}_{name}_{number}", piece)
        self._store.set(key, {"pieces": len(pieces), "digest": name, "packed": True})
        return name, len(pieces)

    def _replace_pieces(self, key: str, name: str, count: int) -> None:
        """Remember the pieces of a value, and delete those of the value that this process kept before."""
        before, old = self._pieces.pop(key, ("", 0))
        if count:
            self._pieces[key] = (name, count)
        if before != name:
            for number in range(old):
                self._store.delete(f"{key}_{before}_{number}")


def _is_in_store_form(value: Any) -> bool:
    """Whether `recall` would take this value for one that is compressed, or in pieces."""
    return isinstance(value, dict) and (_PACKED in value or "pieces" in value)


def _packed(text: str) -> str:
    return base64.b64encode(zlib.compress(text.encode(), level=1)).decode("ascii")


def _unpacked(packed: str) -> bytes:
    return zlib.decompress(base64.b64decode(packed))


def tries_of(context: Context) -> TaskTries:
    """This try's knowledge of the task's other tries."""
    from airflow_provider_offers.client.flows.memory import TaskTries

    ti: Any = context["ti"]
    anew, generation = is_anew(context), clear_generation(context)
    return TaskTries(
        number=ti.try_number,
        last=generation + 1,
        since=_earliest(context),
        # A cleared task may start again at once.
        idle=timedelta(0) if anew else _retry_delay(ti.task),
        clear_generation=generation,
        anew=anew,
        durable=context.get("task_state_store") is not None,
    )


def clear_generation(context: Context) -> int:
    """A number that grows each time the task is cleared: every clearing raises `max_tries`."""
    ti: Any = context["ti"]
    return int(ti.max_tries or 0)


def is_anew(context: Context) -> bool:
    """Whether this is the first try since the task began or was cleared."""
    ti: Any = context["ti"]
    return bool(ti.try_number <= max(1, clear_generation(context) - (ti.task.retries or 0) + 1))


def _earliest(context: Context) -> datetime | None:
    """The earliest time at which an earlier try of this task can have written something; None on the first try.

    It is the start of the run. Clearing a run resets its start, so for a cleared run it is the time when the run was
    due.
    """
    if context["ti"].try_number <= 1:
        return None
    run = context["dag_run"]
    return run.run_after if getattr(run, "clear_number", 0) else run.start_date or run.run_after


def _retry_delay(task: Any) -> timedelta:
    """The minimum time that Airflow waits between the end of a try and the next one."""
    delays = [getattr(task, name, None) for name in ("retry_delay", "max_retry_delay")]
    return min((each for each in delays if isinstance(each, timedelta)), default=timedelta(0))
