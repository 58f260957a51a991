"""The lives of offers and decisions: which steps lead from which status to which (Adobe: the offer library)."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_offers.client.errors import TransitionError


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `verb` names it, `done` is what a receipt calls it once made."""

    verb: str
    origins: tuple[str, ...]
    target: str
    done: str


PUBLISH = Step("publish", ("draft",), "approved", "published")
UNPUBLISH = Step("unpublish", ("approved",), "draft", "unpublished")
# An archived offer can only be deleted or duplicated.
ARCHIVE = Step("archive", ("draft", "approved"), "archived", "archived")
STEPS = (PUBLISH, UNPUBLISH, ARCHIVE)

ACTIVATE = Step("activate", ("draft",), "live", "activated")
DEACTIVATE = Step("deactivate", ("live",), "draft", "deactivated")
COMPLETE = Step("complete", ("live",), "complete", "completed")
ARCHIVE_DECISION = Step("archive", ("draft", "live", "complete"), "archived", "archived")
DECISION_STEPS = (ACTIVATE, DEACTIVATE, COMPLETE, ARCHIVE_DECISION)


def is_done(step: Step, status: str | None, called: str, steps: tuple[Step, ...] = STEPS) -> bool:
    """Whether the object is where the step leads already; `TransitionError` where the step is not allowed.

    `called` is what the message calls the object, `steps` are all that its kind knows.
    """
    if status == step.target:
        return True
    if status in step.origins:
        return False
    legal = [f"{other.verb} (to {other.target})" for other in steps if status in other.origins]
    allowed = " or ".join(legal) if legal else "nothing but deleting or duplicating it"
    raise TransitionError(f"{called} is {status!r} and cannot be {step.done}; its status allows {allowed}")
