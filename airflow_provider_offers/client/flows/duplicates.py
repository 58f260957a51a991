"""Deleting the twins of an object: a request whose answer was lost, or two tasks at once, may make an object twice."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_offers.client.errors import AmbiguousNameError, NotFoundError, OfferLibraryError
from airflow_provider_offers.client.flows.deleting import delete
from airflow_provider_offers.client.flows.ownership import Work
from airflow_provider_offers.client.flows.reading import read_now
from airflow_provider_offers.client.model.entities import Entity, Reference
from airflow_provider_offers.client.wire.messages import Flow


def withdraw_twins(work: Work, kept: str, keeper: Entity | None, twins: Sequence[Entity]) -> Flow[tuple[str, ...]]:
    """Delete the twins of the object with the id `kept`, which a listing shows as `keeper`, or not at all.

    A twin that may be somebody else's stays, and the error names it.
    """
    for twin in twins:
        now = yield from now_there(work, twin.reference)
        if now is None:
            continue
        if not work.is_spare(now, keeper):
            raise _two(work, kept, twin.id, "is not certainly a twin of it")
        yield from withdraw(work, kept, twin.reference)
    return tuple(twin.id for twin in twins)


def now_there(work: Work, reference: Reference) -> Flow[Entity | None]:
    """The current state of an object; None if it was deleted."""
    try:
        return (yield from read_now(work.access, reference))
    except NotFoundError:
        return None


def withdraw(work: Work, kept: str, twin: Reference) -> Flow[None]:
    """Delete a duplicate of `kept`."""
    try:
        yield from delete(work.access, twin, missing_ok=True)
    except OfferLibraryError as error:
        # The next run finds both, and tries again.
        raise _two(work, kept, str(twin), f"could not be deleted ({error})", retryable=error.retryable) from error


def _two(work: Work, kept: str, twin: str, why: str, *, retryable: bool = False) -> AmbiguousNameError:
    creation = work.creation
    return AmbiguousNameError(
        f"The {creation.kind.noun} {creation.name!r} was made twice, by two tasks at once or by a request whose answer "
        f"was lost: {kept} stays, and {twin} {why}; delete the one that you do not want",
        ids=[kept, twin],
        retryable=retryable,
    )
