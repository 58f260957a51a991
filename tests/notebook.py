"""The state of a task as a plain store: the values of flows by key, accessible only with `Recall` and `Keep`."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from airflow_provider_offers.client.flows.memory import Intent, TaskTries


class WorkerDied(BaseException):
    """Raised when a worker dies just after it kept a value."""


class Notebook:
    """Keeps values as JSON text, as a database does. With `dies`, the worker dies after the next value is stored."""

    durable = True

    def __init__(self, values: dict[str, str] | None = None) -> None:
        self.values = {} if values is None else values
        self.dies = False

    def recall(self, key: str) -> Any:
        return json.loads(self.values[key]) if key in self.values else None

    def keep(self, key: str, value: Any) -> None:
        if value is None:
            self.values.pop(key, None)
        else:
            self.values[key] = json.dumps(value)
            # Airflow keeps no tuple.
            assert json.loads(self.values[key]) == value
        if self.dies:
            raise WorkerDied


class Counting(Notebook):
    """Counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.recalled: list[str] = []
        self.kept: list[str] = []

    def recall(self, key: str) -> Any:
        self.recalled.append(key)
        return super().recall(key)

    def keep(self, key: str, value: Any) -> None:
        self.kept.append(key)
        super().keep(key, value)


def intent(number: int, *, work: str = "work", durable: bool = True, since: datetime | None = None) -> Intent:
    """The way in which the try with that number distinguishes a write from others."""
    return Intent(TaskTries(number=number, last=3, since=since, anew=False, durable=durable), "intent", work)
