"""What one try of a task keeps for the next, so that no write is made twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from airflow_provider_offers.client.wire.messages import Flow

# How often a guarded write is made again on a fresh read, when others keep editing the object.
FRESH_READS = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """A write that is about to be sent: the etag of the read that it is made for, and how the next try recognizes it.

    `after` is the fingerprint of what the write touches, as it will be; empty where no read shows that. A patch that
    only sets properties is sent without a read: its plan has only the moment when it was first `sent`. `refused` marks
    a write that certainly did not take effect.
    """

    etag: int
    after: str
    sent: datetime | None = None
    refused: bool = False


class Intent(Protocol):
    """Keeps the plans of one write beyond the process. Without `recall`, `since` is all that is known."""

    @property
    def durable(self) -> bool:
        """Whether the next try can recall the plan."""

    @property
    def since(self) -> datetime | None:
        """The earliest moment at which an earlier try can have sent the write; None where there was no earlier try."""

    @property
    def anew(self) -> bool:
        """Whether the write was asked for again since. Then an unknown outcome is no reason not to send it."""

    def recall(self) -> Sequence[Plan]:
        """The plans that other tries of the same work kept, earlier or at this moment."""

    def keep(self, plan: Plan) -> None:
        """Keep the plan. Returns when it is safe."""


def recall(intent: Intent | None) -> Flow[Sequence[Plan]]:
    """The plans that other tries kept; none without an intent."""
    yield from ()
    return () if intent is None else intent.recall()


def keep(intent: Intent | None, plan: Plan) -> Flow[None]:
    """Keep the plan before the write is sent."""
    yield from ()
    if intent is not None:
        intent.keep(plan)
