"""Adding an object of any kind to the library: `creating.create`, and the special cases of some kinds."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from airflow_provider_offers.client.errors import (
    AlreadyExistsError,
    APIError,
    BadRequestError,
    ConflictError,
    OutcomeUnknownError,
    RejectedError,
)
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.creating import Creation, Earlier, create
from airflow_provider_offers.client.flows.doubts import look_before_creation
from airflow_provider_offers.client.flows.reading import Found, find_there
from airflow_provider_offers.client.model.entities import Written
from airflow_provider_offers.client.wire.messages import Flow, Pause

_FIRST_LOOK = 0.25


def create_object(access: Access, creation: Creation) -> Flow[Written]:
    """Create an object once, as `creating.create` does.

    A decision or an offer that customers are to see from the start, or that an update would show them, is looked at
    first: each finding that is not waived is a warning, and with `validate="strict"` a `NotPublishableError`. A name
    that the service allows only once may be taken between our look and the POST: the refusal then counts as an object
    that was there before, and `if_exists` decides.
    """
    # As it will be read, by which a creation is recognized: some values have two spellings, some are filled in.
    creation = replace(creation, properties=access.generation.as_read(creation.properties, creation.kind))
    if creation.validate:
        yield from look_before_creation(access, creation)
    posted: list[datetime] = []
    try:
        return (yield from create(access, creation, posted))
    except (BadRequestError, RejectedError, ConflictError) as refused:
        if not creation.kind.unique_name:
            raise
        # The name may be taken by a POST of ours that had no answer.
        unanswered = len(posted) > 1
        # Or by this one, which a gateway repeated.
        if posted and creation.earlier is None:
            creation = replace(creation, earlier=Earlier(posted[0]))
        return (yield from _taken(access, creation, refused, unanswered=unanswered))


def _taken(access: Access, creation: Creation, refused: APIError, *, unanswered: bool) -> Flow[Written]:
    """What a refused creation comes to where the name turns out to be taken; the refusal itself where it is free.

    Where an earlier POST of this work may have taken it, and nothing shows that, the next try looks once more.
    """
    clock = access.exchange.clock
    until, pause = clock() + creation.patience, _FIRST_LOOK
    while True:
        found: Found = yield from find_there(access, creation.kind, creation.name)
        if found.entities:
            try:
                return (yield from create(access, creation))
            except AlreadyExistsError as error:
                if not unanswered:
                    raise error from refused
                raise OutcomeUnknownError(
                    f"The {creation.kind.noun} {creation.name!r} was posted without an answer and then refused "
                    f"({refused}), and what has that name does not look like it: {error}"
                ) from refused
        left = until - clock()
        if left <= 0:
            break
        yield Pause(min(pause, left), f"looking whether the name {creation.name!r} is taken: {refused}")
        pause = min(pause * 2, 2.0)
    if creation.earlier is None:
        raise refused
    raise OutcomeUnknownError(
        f"The {creation.kind.noun} {creation.name!r} may have been posted before without an answer, has not shown up "
        f"within {creation.patience:g} s, and was refused now: {refused}"
    ) from refused
