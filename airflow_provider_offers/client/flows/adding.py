"""Adding an object of any kind to the library: `creating.create`, and what is particular to some kinds."""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_offers.client.changes import look_alone
from airflow_provider_offers.client.errors import (
    AlreadyExistsError,
    APIError,
    BadRequestError,
    ConflictError,
    NotPublishableError,
    RejectedError,
)
from airflow_provider_offers.client.flows.access import Access
from airflow_provider_offers.client.flows.creating import Creation, create
from airflow_provider_offers.client.flows.golive import check_decision
from airflow_provider_offers.client.flows.reading import Found, find_by_name
from airflow_provider_offers.client.flows.writing import Written
from airflow_provider_offers.client.kinds import DECISION
from airflow_provider_offers.client.lifecycle import ACTIVATE
from airflow_provider_offers.client.wire import Flow, Pause

_FIRST_LOOK = 0.25


def create_object(access: Access, creation: Creation) -> Flow[Written]:
    """Create an object once, as `creating.create` does.

    A decision that is to be live from the start, or that an update would make live, is looked at first, as `golive`
    does; `NotPublishableError` names what would make it pointless. A name that the service allows only once may be
    taken between our look and the POST: the refusal then counts as an object that was there before, and `if_exists`
    decides.
    """
    # A value that has two spellings comes back in one, by which a creation is recognised.
    creation = replace(creation, properties=access.generation.as_read(creation.properties, creation.kind))
    goes_live = creation.kind is DECISION and creation.properties.get("status") == ACTIVATE.target
    if goes_live and creation.validate:
        yield from _check_live(access, creation)
    try:
        return (yield from create(access, creation))
    except (BadRequestError, RejectedError, ConflictError) as refused:
        if not creation.kind.unique_name:
            raise
        return (yield from _taken(access, creation, refused))


def _check_live(access: Access, creation: Creation) -> Flow[None]:
    """Look at the decision as it is to go live: the one that is created, or the one that is updated to it."""
    found = yield from find_by_name(access, creation.kind, creation.name)
    properties = creation.properties
    if found.entities:
        if creation.if_exists != "update" or len(found.entities) > 1:
            # It stays as it is, or is ours already; of several none is touched.
            return
        there = yield from look_alone(access, found.entities[0].reference)
        if there is not None:
            if there.status == ACTIVATE.target:
                return
            properties = {**there.properties, **properties}
    findings = yield from check_decision(access, properties, access.exchange.now())
    if findings:
        remedy = "create it as a draft, and waive a reason by its name when it is activated"
        raise NotPublishableError(repr(creation.name), findings, doing="Activating", remedy=remedy)


def _taken(access: Access, creation: Creation, refused: APIError) -> Flow[Written]:
    """What a refused creation comes to where the name turns out to be taken; the refusal itself where it is free."""
    clock = access.exchange.clock
    until, pause = clock() + creation.patience, _FIRST_LOOK
    while True:
        found: Found = yield from find_by_name(access, creation.kind, creation.name)
        if found.entities:
            try:
                return (yield from create(access, creation))
            except AlreadyExistsError as error:
                raise error from refused
        left = until - clock()
        if left <= 0:
            raise refused
        yield Pause(min(pause, left), f"looking whether the name {creation.name!r} is taken: {refused}")
        pause = min(pause * 2, 2.0)
