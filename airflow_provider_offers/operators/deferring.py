"""What operators and sensors share when they defer: when the wait must end, and what a trigger may answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_offers.client.errors import OfferLibraryError

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context


def execution_deadline(task: BaseOperator, context: Context) -> float | None:
    """The end of the task's `execution_timeout`, in seconds since 1970; while deferred, the trigger enforces it."""
    from datetime import UTC, datetime

    if task.execution_timeout is None:
        return None
    started = context["ti"].start_date or datetime.now(UTC)
    return (started + task.execution_timeout).timestamp()


def unknown_event(event: Any) -> OfferLibraryError:
    """The error of an event that no trigger of this version sends."""
    return OfferLibraryError(
        f"The trigger sent an unknown event: {event!r}; install the same version of this package on the triggerer and "
        "the workers, and restart both"
    )
