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
from airflow_provider_offers.client.flows.creating import create
from airflow_provider_offers.client.flows.doubts import look_before_creation
from airflow_provider_offers.client.flows.memory import Earlier
from airflow_provider_offers.client.flows.naming import name_hinted
from airflow_provider_offers.client.flows.ownership import Creation
from airflow_provider_offers.client.flows.reading import Found, find_there
from airflow_provider_offers.client.model.entities import Written
from airflow_provider_offers.client.model.places import pointings
from airflow_provider_offers.client.wire.messages import Flow
from airflow_provider_offers.client.wire.retry import Looks


def create_object(access: Access, creation: Creation) -> Flow[Written]:
    """Create an object once, as `creating.create` does.

    An object that customers see from the start, or after an update, is checked first: a decision that is live, an offer
    that is approved. Each finding that is not waived is a warning, or with `validate="strict"` a `NotPublishableError`.

    Some kinds allow a name only once. Another task may take the name between our lookup and the POST. The refusal of
    the POST then counts as an object that existed before, and `if_exists` decides what happens.
    """
    # The properties as a later read shows them. A creation is recognized by them: the service fills in some values and
    # spells others in its own way.
    creation = replace(creation, properties=access.generation.as_read(creation.properties, creation.kind))
    if creation.validate:
        yield from look_before_creation(access, creation)
    posted: list[datetime] = []
    try:
        return (yield from create(access, creation, posted))
    except (BadRequestError, RejectedError, ConflictError) as refused:
        if not creation.kind.unique_name:
            raise _hinted(creation, refused) from None
        # An earlier POST of ours without an answer may have taken the name.
        unanswered = len(posted) > 1
        # Or this POST took it, and a gateway sent it twice.
        if posted and creation.earlier is None:
            creation = replace(creation, earlier=Earlier(posted[0]))
        return (yield from _taken(access, creation, refused, unanswered=unanswered))


def _hinted(creation: Creation, refused: APIError) -> APIError:
    """The refusal; if it concerns the document, with hints about its references."""
    if isinstance(refused, ConflictError):
        return refused
    return name_hinted(refused, pointings(creation.kind.place, creation.properties))


def _taken(access: Access, creation: Creation, refused: APIError, *, unanswered: bool) -> Flow[Written]:
    """The outcome of a refused creation: `if_exists` decides if the name is taken; otherwise the refusal is raised.

    If an earlier POST of this work may have taken the name, and nothing shows that, raises `OutcomeUnknownError`, so
    that the next try looks once more.
    """
    looks = Looks(access.exchange.clock, creation.patience)
    while True:
        found: Found = yield from find_there(access, creation.kind, creation.name)
        if found.entities:
            try:
                return (yield from create(access, creation))
            except AlreadyExistsError as error:
                if not unanswered:
                    raise error from refused
                raise OutcomeUnknownError(
                    f"It is not known whether this run created the {creation.kind.noun} {creation.name!r}: a POST had "
                    f"no answer, and the service refused the next one ({refused}). An object of this name exists and "
                    f"does not match the document: {error}"
                ) from refused
        if looks.are_over:
            break
        yield looks.pause(f"looking for the object that has the name {creation.name!r}: {refused}")
    if creation.earlier is None:
        raise _hinted(creation, refused) from None
    raise OutcomeUnknownError(
        f"It is not known whether the {creation.kind.noun} {creation.name!r} was created: an earlier POST may have had "
        f"no answer, no listing showed the object within {creation.patience:g} s, and the service refused the last "
        f"POST: {refused}"
    ) from refused
