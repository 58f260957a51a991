"""The life of an offer: which steps lead from which status to which (Adobe: the offer library, statuses)."""

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


def is_done(step: Step, status: str | None, offer: str) -> bool:
    """Whether the offer is where the step leads already; `TransitionError` where the step is not allowed."""
    if status == step.target:
        return True
    if status in step.origins:
        return False
    legal = [f"{other.verb} (to {other.target})" for other in STEPS if status in other.origins]
    allowed = " or ".join(legal) if legal else "nothing but deleting or duplicating it"
    raise TransitionError(f"{offer} is {status!r} and cannot be {step.done}; its status allows {allowed}")
