"""The lifecycles of offers and decisions: which steps lead from which status to which (Adobe: the offer library)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from airflow_provider_offers.client.errors import TransitionError


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `verb` names it, and `done` is its action in a receipt."""

    verb: str
    origins: tuple[str, ...]
    target: str
    done: str


DRAFT, APPROVED, LIVE, ARCHIVED = "draft", "approved", "live", "archived"
# The statuses of offers and decisions that customers may see.
SHOWN = (APPROVED, LIVE)

PUBLISH = Step("publish", (DRAFT,), APPROVED, "published")
UNPUBLISH = Step("unpublish", (APPROVED,), DRAFT, "unpublished")
# An archived offer can only be deleted or duplicated.
ARCHIVE = Step("archive", (DRAFT, APPROVED), ARCHIVED, "archived")
STEPS = (PUBLISH, UNPUBLISH, ARCHIVE)

ACTIVATE = Step("activate", (DRAFT,), LIVE, "activated")
DEACTIVATE = Step("deactivate", (LIVE,), DRAFT, "deactivated")
COMPLETE = Step("complete", (LIVE,), "complete", "completed")
ARCHIVE_DECISION = Step("archive", (DRAFT, LIVE, COMPLETE.target), ARCHIVED, "archived")
DECISION_STEPS = (ACTIVATE, DEACTIVATE, COMPLETE, ARCHIVE_DECISION)


def is_done(step: Step, status: str | None, called: str, steps: tuple[Step, ...] = STEPS) -> bool:
    """Whether the object already has the step's target status; `TransitionError` if the step is not allowed.

    `called` names the object in the message; `steps` are all steps of its kind.
    """
    if status == step.target:
        return True
    if status in step.origins:
        return False
    raise _not_allowed(status, called, step.done, steps)


def is_final(status: str | None, steps: tuple[Step, ...]) -> bool:
    """Whether no steps lead away from the status: an archived offer, an archived or complete decision."""
    return status in _finals(steps)


@cache
def _finals(steps: tuple[Step, ...]) -> frozenset[str]:
    """The targets to which no way leads back."""
    return frozenset(step.target for step in steps if step.target not in _ahead_of(step.target, steps))


def _ahead_of(status: str, steps: tuple[Step, ...]) -> set[str]:
    ahead: set[str] = set()
    for _ in steps:
        ahead |= {step.target for step in steps if {status, *ahead}.intersection(step.origins)}
    return ahead


def refuse_final(status: str | None, called: str, done: str, steps: tuple[Step, ...]) -> None:
    """Raise `TransitionError` if the status is final, so that the object cannot be edited; `done` names the edit."""
    if is_final(status, steps):
        raise _not_allowed(status, called, done, steps)


def _not_allowed(status: str | None, called: str, done: str, steps: tuple[Step, ...]) -> TransitionError:
    legal = [f"{other.verb} (to {other.target})" for other in steps if status in other.origins]
    allowed = " or ".join(legal) if legal else "only deleting or duplicating it"
    return TransitionError(f"{called} is {status!r} and cannot be {done}; its status allows {allowed}")
