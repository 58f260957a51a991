"""The report of an apply: what became of each object of the plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from airflow_provider_offers.campaigns.objects import Key
from airflow_provider_offers.campaigns.plans import Action, Plan
from airflow_provider_offers.client.model.kinds import KINDS
from airflow_provider_offers.client.text import legible, on_lines, quoted

FORMAT = "offers.report/v1"
End = Literal["done", "failed", "skipped"]
# The word for what was done to an object, by the action of the plan.
DONE: Mapping[Action, str] = {
    "create": "created",
    "update": "changed",
    "rename": "renamed",
    "retire": "retired",
    "unchanged": "unchanged",
}
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one object.

    `end` is "done", "failed" or "skipped". `reason` is the error of a failure, or says why the object was skipped.
    `retryable` says whether another apply of the same plan may succeed. `id` is the object's, if it has one;
    `etag` is that of its last write, if it was written and still exists.
    """

    key: Key
    action: Action
    end: End
    id: str | None = None
    etag: int | None = None
    reason: str = ""
    retryable: bool = False

    @property
    def undone(self) -> str:
        """What became of an object that is not done, as the end of a sentence."""
        return "failed" if self.end == "failed" else "was skipped"

    def __str__(self) -> str:
        kind, name = self.key
        ending = f": {self.reason}" if self.reason else ""
        return f"{KINDS[kind].noun} {quoted(name, 80)} {self.end}{ending}"


@dataclass(frozen=True, slots=True)
class Report:
    """The outcomes of an apply, in the order of the plan. Objects without any change are only counted.

    `state_generation` is that of the state after the apply.
    """

    campaign: str
    target: str
    organization: str
    sandbox: str
    outcomes: Sequence[Outcome]
    unchanged: int = 0
    state_generation: int = 0
    warnings: Sequence[str] = ()

    @classmethod
    def of(cls, plan: Plan, outcomes: Sequence[Outcome], state_generation: int) -> Report:
        """The report of an apply of the plan."""
        return cls(
            plan.campaign,
            plan.target,
            plan.organization,
            plan.sandbox,
            outcomes,
            unchanged=plan.counts.get("unchanged", 0),
            state_generation=state_generation,
            warnings=tuple(plan.warnings),
        )

    @property
    def counts(self) -> dict[str, int]:
        """How many objects were created, changed, renamed and retired, how many failed, and how many were skipped."""
        done = Counter(DONE[each.action] for each in self.outcomes if each.end == "done")
        ends = Counter(each.end for each in self.outcomes)
        words = ("created", "changed", "renamed", "retired")
        return {
            **{word: done[word] for word in words},
            "failed": ends["failed"],
            "skipped": ends["skipped"],
            "unchanged": self.unchanged,
        }

    @property
    def is_complete(self) -> bool:
        """Whether every object is as the plan wants it."""
        return all(each.end == "done" for each in self.outcomes)

    @property
    def summary(self) -> str:
        """The counts in one line, such as `12 created, 3 changed, 1 failed, 2 skipped, 187 unchanged`."""
        return ", ".join(f"{count} {word}" for word, count in self.counts.items() if count) or "nothing to do"

    def ending(self, end: End) -> list[Outcome]:
        """The outcomes with that end."""
        return [each for each in self.outcomes if each.end == end]

    def told(self) -> str:
        """The summary, and the first failures and skipped objects, as a message of several lines."""
        undone = [*self.ending("failed"), *self.ending("skipped")]
        return self.summary + on_lines([legible(str(each), 600) for each in undone], _SHOWN)

    def as_json(self) -> dict[str, Any]:
        """The document of the report."""
        return {
            "format": FORMAT,
            "campaign": self.campaign,
            "target": self.target,
            "organization": self.organization,
            "sandbox": self.sandbox,
            "state_generation": self.state_generation,
            "counts": self.counts,
            "warnings": list(self.warnings),
            "objects": [_as_json(each) for each in self.outcomes],
        }


def _as_json(outcome: Outcome) -> dict[str, Any]:
    kind, name = outcome.key
    told: dict[str, Any] = {"kind": kind, "name": name, "action": outcome.action, "end": outcome.end}
    if outcome.id is not None:
        told["id"] = outcome.id
    if outcome.etag is not None:
        told["etag"] = outcome.etag
    if outcome.reason:
        told |= {"reason": outcome.reason, "retryable": outcome.retryable}
    return told
