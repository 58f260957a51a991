"""The store for values that flows keep: the caller's own, which outlives the process, or none."""

from __future__ import annotations

import logging
from typing import Protocol, TypeVar

from airflow_provider_offers.client.wire.messages import Flow, Json, Keep, Note, Recall

T = TypeVar("T")

log = logging.getLogger(__name__)


class Memory(Protocol):
    """Keeps values by key. A shell makes one call at a time, each perhaps from another thread."""

    @property
    def durable(self) -> bool:
        """Whether a value outlives the process."""

    def recall(self, key: str) -> Json:
        """The value of the key, or None."""

    def keep(self, key: str, value: Json) -> None:
        """Keep the value, which is JSON, and return after it is stored. None removes the key."""


class NoMemory:
    """Keeps nothing."""

    durable = False

    def recall(self, key: str) -> Json:
        """Always None."""

    def keep(self, key: str, value: Json) -> None:
        """Do nothing."""


NO_MEMORY = NoMemory()


def remember(memory: Memory, flow: Flow[T]) -> T:
    """Run a flow that only recalls, keeps and warns, and return its result. It needs no connection."""
    result: Json = None
    try:
        while True:
            effect = flow.send(result)
            result = None
            if isinstance(effect, Recall):
                result = memory.recall(effect.key)
            elif isinstance(effect, Keep):
                memory.keep(effect.key, effect.made())
            elif isinstance(effect, Note):
                log.log(effect.level, "%s", effect.text)
            else:
                raise TypeError(f"given {type(effect).__name__}; expected a flow that only recalls, keeps and warns")
    except StopIteration as stop:
        value: T = stop.value
        return value
    finally:
        flow.close()
