"""In which step of an apply an object gets its status: content comes first, and what customers see comes last."""

from __future__ import annotations

from airflow_provider_offers.campaigns.plans import PlannedObject
from airflow_provider_offers.client.model.kinds import DECISION, KINDS, Kind
from airflow_provider_offers.client.model.lifecycle import ACTIVATE, DRAFT, PUBLISH, Step


def kind_of_planned(planned: PlannedObject) -> Kind:
    """The kind of a planned object."""
    return KINDS[planned.key[0]]


def new_status(planned: PlannedObject) -> str | None:
    """The status that an apply gives the object; None if it does not change."""
    if planned.action == "create":
        return None if planned.properties is None else planned.properties.get("status")
    return next((each.wanted for each in planned.changes if each.pointer == "/status"), None)


def is_taken_back(planned: PlannedObject) -> bool:
    """Whether customers see the object, and the apply takes it back to draft: before everything else."""
    return planned.action in ("update", "rename") and new_status(planned) == DRAFT


def last_step(planned: PlannedObject) -> Step | None:
    """The step that shows the object to customers, after all content is there; None if its content shows it at once."""
    status = new_status(planned)
    if kind_of_planned(planned) is DECISION and status == ACTIVATE.target:
        return ACTIVATE
    return PUBLISH if planned.held_as_draft and status == PUBLISH.target else None


def content_pointers(planned: PlannedObject) -> list[str]:
    """The pointers of the changes that are made together with the content."""
    apart = is_taken_back(planned) or last_step(planned) is not None
    return [each.pointer for each in planned.changes if not (apart and each.pointer == "/status")]
